//! Numbers that are no longer finite: named in their step, and the last good weights kept.

use autograd::{Tape, Tensor, Var};
use mlp::{Dataset, Error, Loss, Module, Mse, Sgd, Targets, metrics};

use crate::train::{network, quadrants, quiet, values, xor};

#[test]
fn a_loss_that_explodes_names_the_batch_and_the_repair() {
    let model = network(4, 1);
    let inputs = Tensor::from([[1e200, 1.0], [1.0, 1e200]]);
    let data = Dataset::new(inputs, Tensor::from([[1e200], [-1e200]])).unwrap();
    let before = model.predict(data.inputs());
    let mut sgd = Sgd::new(&model.parameters(), 0.5);
    let error = quiet().batch_size(1).fit(&model, &Mse, &mut sgd, &data, None).unwrap_err().to_string();
    assert!(
        error.starts_with("training: the loss became inf in epoch 1, batch 1; lower the learning rate (now 0.5)"),
        "{error}"
    );
    assert!(error.contains("nearer to 1; the first such value: "), "{error}");
    assert!(
        error.contains(": the value became inf at position 0 (1 of 1 values are not finite), recorded at "),
        "{error}"
    );
    assert_eq!(model.predict(data.inputs()), before);
}

#[test]
fn parameters_that_the_last_step_ruined_are_noticed_by_validation() {
    let model = network(4, 1);
    let mut sgd = Sgd::new(&model.parameters(), 1e300);
    let trainer = quiet().epochs(1).full_batch();
    let error = trainer.fit(&model, &Mse, &mut sgd, &xor(), Some(&xor())).unwrap_err().to_string();
    assert!(error.starts_with("training: the validation loss became inf after epoch 1; lower"), "{error}");
}

#[test]
fn metrics_refuse_what_does_not_fit() {
    let outputs: Tensor = Tensor::zeros([2, 3]);
    let why = |classes: &[usize]| metrics::accuracy(&outputs, classes).unwrap_err().to_string();
    assert_eq!(why(&[0]), "accuracy: 1 classes do not fit outputs of shape (2, 3)");
    assert_eq!(why(&[0, 3]), "accuracy: class 3 of sample 1 does not exist in outputs of shape (2, 3)");
    assert!(metrics::confusion_matrix(&Tensor::<f64>::zeros([2]), &[0, 1]).is_err());
    assert!(metrics::accuracy(&Tensor::<f64>::zeros([0, 2]), &[]).is_err());
    let logits: Tensor = Tensor::zeros([2, 1]);
    let why = |classes: &[usize]| metrics::binary_accuracy(&logits, classes, 0.0).unwrap_err().to_string();
    assert!(why(&[0]).starts_with("binary_accuracy: 1 classes for outputs of shape (2, 1)"));
    assert!(why(&[0, 2]).starts_with("binary_accuracy: class 2 of sample 1 is neither 0 nor 1"));
}

/// The root of a sum of squares: at 0 its value is finite and its slope is not.
struct Root;

impl Loss for Root {
    fn each<'t>(&self, y: Var<'t>, _: &Targets) -> Result<Var<'t>, Error> {
        Ok(y.square().sum_axis(1).sqrt())
    }
}

#[test]
fn a_parameter_that_is_no_number_stops_the_training() {
    let model = mlp::Linear { w: autograd::Param::new([[0.0], [0.0]]), b: None };
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    let error = quiet().epochs(1).full_batch().fit(&model, &Root, &mut sgd, &xor(), None).unwrap_err().to_string();
    let law = "training: the gradient of `w` holds NaN in epoch 1, batch 1, though the loss is finite; ";
    assert!(error.starts_with(law), "{error}");
}

#[test]
fn a_gradient_that_is_not_finite_is_found_in_its_step() {
    let weights = || [[0.5], [-0.5]];
    let inputs = Tensor::from([[1.0, 0.0], [0.0, 0.0], [3.0, 1.0]]); // of the second the output is 0
    for parts in [1, 2] {
        let model = mlp::Linear { w: autograd::Param::new(weights()), b: None };
        let data = Dataset::new(inputs.clone(), Tensor::zeros([3, 1])).unwrap();
        // What the steps before come to, by hand.
        let mut expected = vec![Tensor::from(weights())];
        let order: Vec<Dataset> = data.batches(1, None).unwrap().collect();
        let mut seen = vec![];
        let trainer = quiet().epochs(1).batch_size(1).parts(parts).observe_flow(1, |_, flow| seen.push(flow.loss));
        let mut sgd = Sgd::new(&model.parameters(), 0.125);
        let error = trainer.fit(&model, &Root, &mut sgd, &data, None).unwrap_err().to_string();
        drop(trainer);
        let twin = mlp::Linear { w: autograd::Param::new(weights()), b: None };
        let mut twins = Sgd::new(&twin.parameters(), 0.125);
        for loss in &seen {
            let tape = Tape::new();
            let of = |batch: &&Dataset| {
                let y = twin.forward(tape.constant(batch.inputs().clone()));
                Root.mean(y, batch.targets()).unwrap()
            };
            let batch = order.iter().find(|batch| (of(batch).value() - loss).abs() < 1e-15).unwrap();
            mlp::Optimizer::step(&mut twins, &of(&batch).backward());
            expected.push(twin.w.value());
        }
        let law = format!("training: the gradient of `w` holds NaN in epoch 1, batch {}, though", seen.len() + 1);
        assert!(error.starts_with(&law), "{error}");
        let named = "; the first such value: sqrt: the gradient of its input 0 became inf at position 0 (1 of 1 values are \
                     not finite), recorded at mlp/tests/it/finite.rs:";
        assert!(error.contains(named), "{error}");
        assert_eq!(&model.w.value(), expected.last().unwrap(), "the last good weights");
    }
}

#[test]
fn parameters_that_left_the_numbers_go_back() {
    for batch_size in [1, 4] {
        for rate in [1e200, 1e300] {
            let model = network(4, 1);
            let before = values(&model);
            let mut sgd = Sgd::new(&model.parameters(), rate);
            let trainer = quiet().epochs(5).batch_size(batch_size);
            let error = trainer.fit(&model, &Mse, &mut sgd, &xor(), None).unwrap_err().to_string();
            assert!(error.contains("became"), "{error}");
            assert_eq!(values(&model), before, "{error}");
        }
    }
    // A validation that finds them.
    let model = network(4, 1);
    let before = values(&model);
    let mut sgd = Sgd::new(&model.parameters(), 1e300);
    quiet().epochs(1).full_batch().fit(&model, &Mse, &mut sgd, &xor(), Some(&xor())).unwrap_err();
    assert_eq!(values(&model), before);
}

/// Every sample of another class: the later ones have no loss.
struct Until(usize);

impl Loss for Until {
    fn each<'t>(&self, y: Var<'t>, targets: &Targets) -> Result<Var<'t>, Error> {
        let Targets::Classes(classes) = targets else { unreachable!() };
        let bad = classes.iter().any(|&class| class >= self.0);
        Ok(if bad { y * f64::NAN } else { y.square() })
    }
}

#[test]
fn data_that_have_no_loss_leave_the_parameters_where_they_are() {
    let data = Dataset::new(quadrants(8).inputs().clone(), (0..8).collect::<Vec<_>>()).unwrap();
    let model = network(4, 1);
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    quiet().epochs(2).batch_size(2).fit(&model, &Until(8), &mut sgd, &data, None).unwrap();
    let mut steps = 0;
    let before = values(&model);
    let trainer = quiet().epochs(1).batch_size(1).seed(3).observe_flow(1, |_, _| steps += 1);
    let error = trainer.fit(&model, &Until(5), &mut sgd, &data, None).unwrap_err().to_string();
    drop(trainer);
    assert!(error.starts_with(&format!("training: the loss became NaN in epoch 1, batch {}; ", steps + 1)), "{error}");
    assert!(steps > 0);
    assert_ne!(values(&model), before, "the steps before were good");
}

#[test]
fn metrics_refuse_outputs_that_are_no_numbers() {
    let nan = f64::NAN;
    let outputs = Tensor::from([[1.0, 0.0], [nan, 0.0], [0.0, nan]]);
    assert_eq!(
        metrics::accuracy(&outputs, &[0, 0, 1]).unwrap_err().to_string(),
        "accuracy: an output of sample 1 is NaN, which is no class"
    );
    assert_eq!(
        metrics::confusion_matrix(&outputs, &[0, 0, 1]).unwrap_err().to_string(),
        "confusion_matrix: an output of sample 1 is NaN, which is no class"
    );
    for logits in [Tensor::from([[1.0], [0.0], [nan]]), Tensor::from([1.0, 0.0, nan])] {
        let error = metrics::binary_accuracy(&logits, &[1, 0, 0], 0.0).unwrap_err().to_string();
        assert_eq!(error, "binary_accuracy: an output of sample 2 is NaN, which is no class");
    }
    let error = metrics::binary_accuracy(&Tensor::from([1.0]), &[1], nan).unwrap_err().to_string();
    assert_eq!(error, "binary_accuracy: a threshold of NaN has no side; it is 0 for logits, 0.5 for probabilities");
    // Infinite ones have a place among the others.
    assert_eq!(
        metrics::accuracy(&Tensor::from([[f64::INFINITY, 0.0], [f64::NEG_INFINITY, 0.0]]), &[0, 1]).unwrap(),
        1.0
    );
    assert_eq!(metrics::binary_accuracy(&Tensor::from([f64::INFINITY]), &[1], 0.0).unwrap(), 1.0);
}

/// Running statistics that the exploding step spoiled go back with the parameters.
#[test]
fn running_statistics_go_back_with_the_parameters() {
    let norm = mlp::BatchNorm::new(2).unwrap();
    let model = mlp::Sequential::new()
        .then(norm.clone())
        .then(mlp::Linear { w: autograd::Param::new([[1.0], [1.0]]), b: None });
    let mut sgd = Sgd::new(&model.parameters(), 1e-3);
    // The first batches are fine, and the last of the second epoch is not: its variance is infinite.
    let trainer = quiet().epochs(2).full_batch();
    trainer.fit(&model, &Mse, &mut sgd, &xor(), None).unwrap();
    let far = Dataset::new(xor().inputs() * 1e200, Tensor::zeros([4, 1])).unwrap();
    let mixed = trainer.fit(&model, &Mse, &mut Sgd::new(&model.parameters(), 1e300), &xor(), Some(&far));
    assert!(mixed.is_err(), "the validation data are far beyond the numbers");
    for (name, param) in model.state().iter() {
        assert!(param.value().as_slice().iter().all(|x| x.is_finite()), "{name}: {:?}", param.value());
    }
}
