//! Networks with normalisation learn to read digits.

use std::path::Path;

use mlp::metrics::accuracy;
use mlp::{
    Activation, Adam, CrossEntropy, Dataset, Flow, Loss, Mlp, MlpBuilder, Module, Table, Targets, Trainer, io, summary,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

fn digits() -> (Dataset<f32>, Dataset<f32>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/digits.csv");
    let table = Table::read(path).unwrap();
    let pixels = table.numbers::<f32>(&table.columns()[..64]).unwrap() / 16.0;
    Dataset::new(pixels, table.labels("digit", 10).unwrap()).unwrap().split(0.3, 7).unwrap()
}

fn layers() -> MlpBuilder {
    Mlp::new(64).hidden(32, Activation::Relu).hidden(16, Activation::Relu).output(10, Activation::Identity)
}

fn right(model: &Mlp<f32>, data: &Dataset<f32>) -> f64 {
    let Targets::Classes(truth) = data.targets() else { unreachable!("digits are classes") };
    accuracy(&model.predict(data.inputs()), truth).unwrap()
}

/// Evaluation reads the running statistics: if they were not moved with the batches, the held-out digits would be
/// taken for others, however well the batches are learnt.
#[test]
fn networks_with_normalisation_learn_digits() {
    let (train, held_out) = digits();
    for builder in [layers().batch_norm(), layers().rms_norm(), layers().layer_norm()] {
        let model: Mlp<f32> = builder.clone().build(&mut StdRng::seed_from_u64(1)).unwrap();
        let mut adam = Adam::new(&model.parameters(), 1e-2);
        // 1257 digits in batches of 32: the last has 9.
        let trainer = Trainer::new().epochs(5).batch_size(32).seed(7).progress(false);
        trainer.fit(&model, &CrossEntropy, &mut adam, &train, None).unwrap();
        let found = right(&model, &held_out);
        assert!(found > 0.93, "{found}\n{}", summary(&model));

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        io::save(&model.state(), &path).unwrap();
        let copy: Mlp<f32> = builder.build(&mut StdRng::seed_from_u64(2)).unwrap();
        io::load(&copy.state(), &path).unwrap();
        assert_eq!(copy.predict(held_out.inputs()), model.predict(held_out.inputs()));
    }
}

#[test]
fn flow_sees_the_layers_of_a_network_with_batch_norm() {
    let (train, _) = digits();
    let model: Mlp<f32> = layers().batch_norm().build(&mut StdRng::seed_from_u64(1)).unwrap();
    let flow = Flow::measure(&model, train.inputs(), |y| CrossEntropy.mean(y, train.targets()).unwrap());
    let names: Vec<_> = flow.layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["layers.0", "layers.1", "layers.2"]);
    let weights: Vec<_> = flow.layers[0].weights.iter().map(|weights| weights.name.as_str()).collect();
    assert_eq!(weights, ["layers.0.w", "layers.0.b", "layers.0.norm.gain", "layers.0.norm.shift"]);
    assert!(flow.weights().all(|weights| weights.gradients.is_some()));
}
