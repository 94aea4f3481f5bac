//! Weights of samples and classes, and ignored samples: the mean by hand, the parts of a batch, and an epoch's sums.

use autograd::{Tape, Tensor};
use mlp::{
    Activation, BinaryCrossEntropyWithLogits, ClassWeights, CrossEntropy, Dataset, Ignoring, Init, L1, Linear, Loss,
    Module, Mse, Sequential, Sgd, Targets, Trainer, check_f32_module,
};
use rand::{SeedableRng, rngs::StdRng};

fn model() -> Sequential {
    let mut rng = StdRng::seed_from_u64(3);
    let layer = |n, m, rng: &mut StdRng| Linear::new(n, m, &Init::glorot_uniform(), rng).unwrap();
    Sequential::new().then(layer(2, 4, &mut rng)).then(Activation::Tanh).then(layer(4, 3, &mut rng))
}

fn inputs(n: usize) -> Tensor {
    Tensor::from_fn([n, 2], |i| ((3 * i[0] + 2 * i[1]) as f64).sin())
}

fn weighted() -> ClassWeights<CrossEntropy> {
    ClassWeights { loss: CrossEntropy, weights: vec![0.25, 1.0, 4.0] }
}

#[test]
fn weights_of_1_change_nothing() {
    let tape = Tape::new();
    let (y, classes) = (tape.constant(inputs(3)), Targets::Classes(vec![0, 1, 1]));
    let plain = CrossEntropy.mean(y, &classes).unwrap().value();
    let ones = ClassWeights { loss: CrossEntropy, weights: vec![1.0, 1.0] };
    assert_eq!(ones.mean(y, &classes).unwrap().value(), plain);
    assert_eq!(CrossEntropy.weighted_mean(y, &classes, &[1.0; 3]).unwrap().value(), plain);
    assert_eq!(Ignoring { loss: CrossEntropy, class: 5 }.mean(y, &classes).unwrap().value(), plain);
    let tripled = CrossEntropy.weighted_mean(y, &classes, &[3.0; 3]).unwrap().value();
    assert!((tripled - plain).abs() < 1e-15);
}

#[test]
fn what_is_ignored_has_no_slope_and_no_say() {
    let tape = Tape::new();
    let y = tape.var([[f64::INFINITY, 0.0], [0.0, 0.0]]);
    let loss = Ignoring { loss: CrossEntropy, class: 7 };
    let mean = loss.mean(y.slice(0, 1..2), &Targets::Classes(vec![0])).unwrap().value();
    let finite = tape.var([[40.0, 0.0], [0.0, 0.0]]);
    let both = loss.mean(finite, &Targets::Classes(vec![7, 0])).unwrap();
    assert_eq!(both.value(), mean);
    assert_eq!(both.backward()[finite].to_vec(), [0.0, 0.0, -0.5, 0.5]);
    let none = loss.mean(finite, &Targets::Classes(vec![7, 7])).unwrap();
    assert_eq!((none.value(), none.backward()[finite].to_vec()), (0.0, vec![0.0; 4]));
    // An infinite loss of weight 0 is left out too.
    let column = tape.var([[f64::INFINITY], [2.0]]);
    let targets = Targets::Values(Tensor::zeros([2, 1]));
    let mean = L1.weighted_mean(column, &targets, &[0.0, 5.0]).unwrap();
    assert_eq!((mean.value(), mean.backward()[column].to_vec()), (2.0, vec![0.0, 1.0]));
    // Every loss of a sample has its weight, however many there are.
    let wide = tape.var([[1.0, 2.0], [5.0, 7.0]]);
    let mean = L1.weighted_mean(wide, &Targets::Values(Tensor::zeros([2, 2])), &[3.0, 1.0]).unwrap();
    assert_eq!(mean.value(), (3.0 * 3.0 + 12.0) / 8.0);
}

#[test]
fn without_samples_a_mean_is_nan() {
    let tape = Tape::new();
    let y = tape.var(Tensor::zeros([0, 3]));
    let none = Targets::Classes(vec![]);
    assert!(CrossEntropy.mean(y, &none).unwrap().value().is_nan());
    assert!(weighted().mean(y, &none).unwrap().value().is_nan());
    assert!(Ignoring { loss: CrossEntropy, class: 1 }.mean(y, &none).unwrap().value().is_nan());
}

/// The parameters after some epochs, with their losses and accuracies.
fn trained(loss: &dyn Loss, data: &Dataset, parts: usize) -> (Vec<Tensor>, Vec<f64>, Vec<Option<f64>>) {
    let model = model();
    let parameters = model.parameters();
    let mut sgd = Sgd::new(&parameters, 0.3);
    let trainer = Trainer::new().epochs(3).batch_size(7).parts(parts);
    let history = trainer.fit(&model, loss, &mut sgd, data, None).unwrap();
    let values = parameters.params().map(|param| param.value()).collect();
    let (losses, accuracies) = history.epochs.iter().map(|epoch| (epoch.loss, epoch.accuracy)).unzip();
    (values, losses, accuracies)
}

#[test]
fn a_batch_in_parts_takes_the_step_of_the_whole() {
    let n = 23;
    let classes: Vec<usize> = (0..n).map(|i| if i % 4 == 0 { 9 } else { (i * i) % 3 }).collect();
    let data = Dataset::new(inputs(n), classes).unwrap();
    let uneven = data.clone().with_weights((0..n).map(|i| (i % 5) as f64).collect()).unwrap();
    let loss = Ignoring { loss: weighted(), class: 9 };
    for data in [&data, &uneven] {
        let (values, losses, accuracies) = trained(&loss, data, 1);
        for parts in [2, 3, 7] {
            let (in_parts, part_losses, part_accuracies) = trained(&loss, data, parts);
            for (a, b) in values.iter().zip(&in_parts) {
                assert!(a.is_close(b, 1e-12), "{parts} parts");
            }
            assert!(losses.iter().zip(&part_losses).all(|(a, b)| (a - b).abs() < 1e-12));
            for (a, b) in accuracies.iter().zip(&part_accuracies) {
                assert!((a.unwrap() - b.unwrap()).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn a_weight_is_as_many_copies() {
    let counts = [1usize, 3, 0, 2, 1, 2];
    let data = Dataset::new(inputs(6), vec![0, 1, 2, 1, 0, 2]).unwrap();
    let copies: Vec<usize> = counts.iter().enumerate().flat_map(|(i, &count)| std::iter::repeat_n(i, count)).collect();
    let copied = data.select(&copies).unwrap();
    let weighted = data.with_weights(counts.map(|count| count as f64).to_vec()).unwrap();
    let step = |data: &Dataset| {
        let model = model();
        let mut sgd = Sgd::new(&model.parameters(), 0.3);
        let trainer = Trainer::new().epochs(2).full_batch();
        let history = trainer.fit(&model, &CrossEntropy, &mut sgd, data, None).unwrap();
        (history.last().loss, model.predict(&inputs(2)))
    };
    let ((loss, y), (needed, z)) = (step(&weighted), step(&copied));
    assert!((loss - needed).abs() < 1e-13 && y.is_close(&z, 1e-13));
}

#[test]
fn an_epoch_reports_the_mean_and_the_accuracy_of_what_counts() {
    // The outputs are nearly the inputs: class 1 where the second number is larger.
    struct Same(Sequential);
    impl Module for Same {
        fn forward<'t>(&self, x: autograd::Var<'t>) -> autograd::Var<'t> {
            x + self.0.forward(x).slice(1, 0..2) * 1e-9
        }
        fn parameters(&self) -> autograd::Parameters {
            self.0.parameters()
        }
    }
    let x = Tensor::from([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]);
    let data = Dataset::new(x.clone(), vec![1, 1, 255, 0]).unwrap();
    let loss = Ignoring { loss: CrossEntropy, class: 255 };
    let model = Same(model());
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    let trainer = Trainer::new().epochs(1).batch_size(2);
    let tape = Tape::new();
    let needed = loss.mean(tape.constant(x), data.targets()).unwrap().value();
    let history = trainer.fit(&model, &loss, &mut sgd, &data, Some(&data)).unwrap();
    let epoch = history.last();
    for (loss, accuracy) in [(epoch.loss, epoch.accuracy), (epoch.validation_loss.unwrap(), epoch.validation_accuracy)]
    {
        assert!((loss - needed).abs() < 1e-7 && (accuracy.unwrap() - 1.0 / 3.0).abs() < 1e-12);
    }
}

#[test]
fn a_trainer_refuses_data_of_which_nothing_counts() {
    let refused = |loss: &dyn Loss, data: &Dataset| {
        let model = model();
        let mut sgd = Sgd::new(&model.parameters(), 0.1);
        Trainer::new().epochs(1).fit(&model, loss, &mut sgd, data, None).unwrap_err().to_string()
    };
    let data = Dataset::new(inputs(2), vec![9, 9]).unwrap();
    let why = "trainer: the loss ignores every sample of the data, or gives it weight 0; nothing is left";
    assert_eq!(refused(&Ignoring { loss: CrossEntropy, class: 9 }, &data), why);
    let data = Dataset::new(inputs(2), vec![0, 9]).unwrap().with_weights(vec![0.0, 1.0]).unwrap();
    assert_eq!(refused(&Ignoring { loss: CrossEntropy, class: 9 }, &data), why);
    let none = ClassWeights { loss: CrossEntropy, weights: vec![1.0, 1.0, 0.0] };
    assert_eq!(refused(&none, &Dataset::new(inputs(2), vec![2, 2]).unwrap()), why);
}

#[test]
fn wrapped_losses_pass_on_thresholds_and_checks() {
    let binary = ClassWeights { loss: BinaryCrossEntropyWithLogits, weights: vec![1.0, 3.0] };
    assert_eq!(Loss::<f64>::threshold(&binary), Some(0.0));
    assert_eq!(Loss::<f64>::threshold(&Ignoring { loss: binary, class: 2 }), Some(0.0));
    let data = Dataset::new(inputs(4).cast::<f32>(), Tensor::<f32>::zeros([4, 3])).unwrap();
    let data = data.with_weights(vec![0.0, 1.0, 2.0, 0.5]).unwrap();
    let make = |seed| Linear::new(2, 3, &Init::glorot_uniform(), &mut StdRng::seed_from_u64(seed)).unwrap();
    let (wide, narrow): (Linear, _) =
        (make(1), Linear::<f32>::new(2, 3, &Init::glorot_uniform(), &mut StdRng::seed_from_u64(1)).unwrap());
    let report = check_f32_module(&autograd::check::Checker::new(), &narrow, &wide, &Mse, &data).unwrap();
    assert!(report.passed(), "{report}");
}
