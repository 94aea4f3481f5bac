//! Trainings that are interrupted, saved and taken up again.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use autograd::{Param, Parameters, Tensor};
use mlp::io::{load_training, save, save_training};
use mlp::{Activation, Adam, CrossEntropy, Dataset, Error, Mlp, Module, Optimizer, Sgd, Stopped, Trainer};
use rand::SeedableRng;
use rand::rngs::StdRng;

type Make = fn(&Parameters<f32>) -> Box<dyn Optimizer<f32>>;

const OPTIMIZERS: [Make; 3] = [
    |parameters| Box::new(Adam::new(parameters, 0.01).weight_decay(0.1)),
    |parameters| Box::new(Sgd::new(parameters, 0.1).momentum(0.9).nesterov()),
    |parameters| Box::new(Sgd::new(parameters, 0.1)),
];

/// What a training comes to.
struct Trained {
    /// Of the parameters.
    bits: Vec<u32>,
    losses: Vec<f64>,
    /// At which it was looked at.
    steps: Vec<usize>,
}

fn trained(make: Make, trainer: Trainer<'_>) -> Result<Trained, Error> {
    let inputs = Tensor::from_fn([50, 2], |i| ((i[0] * 2 + i[1]) as f32 * 2.399).sin());
    let classes: Vec<usize> = (0..50).map(|i| usize::from(inputs.get([i, 0]) > inputs.get([i, 1]))).collect();
    let data = Dataset::new(inputs, classes)?;
    let layers = Mlp::new(2).hidden(6, Activation::Tanh).dropout(0.2).output(2, Activation::Identity);
    let model: Mlp<f32> = layers.build(&mut StdRng::seed_from_u64(3))?;
    let mut optimizer = make(&model.parameters());
    let steps = Rc::new(RefCell::new(vec![]));
    let seen = steps.clone();
    let trainer = trainer.progress(false).batch_size(16).observe_flow(3, move |step, _| seen.borrow_mut().push(step));
    let history = trainer.fit(&model, &CrossEntropy, &mut *optimizer, &data, None)?;
    let bits = model.parameters().params().flat_map(|param| param.value().to_vec()).map(f32::to_bits).collect();
    Ok(Trained { bits, losses: history.epochs.iter().map(|epoch| epoch.loss).collect(), steps: steps.take() })
}

#[test]
fn a_training_taken_up_again_has_the_bits_of_one_that_went_through() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training.safetensors");
    for (make, parts) in OPTIMIZERS.into_iter().flat_map(|make| [(make, 1), (make, 2)]) {
        let trainer = |epochs| Trainer::new().parts(parts).epochs(epochs);
        let through = trained(make, trainer(5)).unwrap();
        // Saved after the second epoch, and after the third, which is its last.
        let first = trained(make, trainer(3).save_training(2, &path)).unwrap();
        let last = trained(make, trainer(5).resume_from(&path)).unwrap();
        assert_eq!((last.bits, [first.losses, last.losses].concat()), (through.bits, through.losses));
        assert_eq!([first.steps, last.steps].concat(), through.steps, "the flow is looked at in the same steps");
    }
}

#[test]
fn a_training_that_stops_early_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training.safetensors");
    let w = Param::new([[0.0]]);
    let model = mlp::Linear { w: w.clone(), b: None };
    let data = Dataset::new(Tensor::from([[1.0]]), Tensor::from([[1.0]])).unwrap();
    let mut sgd = Sgd::new(&model.parameters(), 0.25);
    let trainer = Trainer::new().progress(false).tolerance(0.3).save_training(100, &path);
    let history = trainer.fit(&model, &mlp::Mse, &mut sgd, &data, None).unwrap();
    assert_eq!((history.stopped, history.epochs.len()), (Stopped::Tolerance, 2));
    let there = w.value();
    w.set([[9.0]]);
    assert_eq!(load_training(&model.parameters(), &mut sgd, &path).unwrap(), 2);
    assert_eq!(w.value(), there);
    // There is nothing left to do of these two.
    let error = Trainer::new().epochs(2).resume_from(&path).fit(&model, &mlp::Mse, &mut sgd, &data, None).unwrap_err();
    assert!(error.to_string().contains("comes after 2 epochs, and the trainer ends with epoch 2"), "{error}");
}

/// What loading says, after checking that nothing changed.
fn refuses(w: &Param, optimizer: &mut dyn Optimizer, path: &Path) -> String {
    let (before, state) = (w.value(), optimizer.state());
    let error = load_training(&Parameters::new().with("w", w), optimizer, path).unwrap_err().to_string();
    assert_eq!((before, state), (w.value(), optimizer.state()), "changed in spite of: {error}");
    error.replace(&path.display().to_string(), "t.safetensors")
}

#[test]
fn a_training_that_does_not_fit_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let (w, other) = (Param::new([1.0, 2.0]), Param::new([3.0, 4.0]));
    let [parameters, others] = [&w, &other].map(|param| Parameters::new().with("w", param));
    let momentum = |parameters: &Parameters| Sgd::new(parameters, 0.1).momentum(0.9);

    save(&others, &path).unwrap();
    assert_eq!(
        refuses(&w, &mut momentum(&parameters), &path),
        "t.safetensors: not a training that `save_training` wrote; `load` reads a file of weights alone"
    );
    save_training(&others, &momentum(&others), 7, &path).unwrap();
    assert_eq!(
        refuses(&w, &mut Adam::new(&parameters, 0.1), &path),
        "optimizer: the state has no `w.mean`; give it the state of one made alike"
    );
    assert_eq!(
        refuses(&w, &mut Sgd::new(&parameters, 0.1), &path),
        "optimizer: the state has 1 arrays, of which it knows 0; give it the state of one made alike"
    );
    let long = Param::new([0.0; 3]);
    assert_eq!(
        refuses(&long, &mut momentum(&Parameters::new().with("w", &long)), &path),
        "t.safetensors: parameter `model.w` has shape (2,), the model needs (3,): build the model with the sizes that it was saved with"
    );
    let mut adam = Adam::new(&parameters, 0.1);
    let mut state = adam.state();
    state["w.steps"] = Tensor::from(-1.0);
    let error = adam.set_state(&state).unwrap_err().to_string();
    assert!(error.starts_with("optimizer: `w.steps` is -1 in the state, no number of steps"), "{error}");
    save_training(&others.with("b", &long), &momentum(&parameters), 7, &path).unwrap();
    assert_eq!(
        refuses(&w, &mut momentum(&parameters), &path),
        "t.safetensors: parameter `model.b` is not in the model, which has `w`: load the file into the model that saved it"
    );
    save_training(&Parameters::new(), &Adam::new(&parameters, 0.1), 7, &path).unwrap();
    assert!(refuses(&w, &mut Adam::new(&parameters, 0.1), &path).contains("no parameter `model.w`"));
    std::fs::write(&path, b"half").unwrap();
    assert!(refuses(&w, &mut momentum(&parameters), &path).contains("not a whole safetensors file"));
}
