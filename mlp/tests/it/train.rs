//! Training as a whole.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use autograd::{Parameters, Tape, Tensor, Var, set_threads};
use mlp::{
    Activation, Adam, BinaryCrossEntropyWithLogits, CrossEntropy, CrossEntropyFromProbabilities, Dataset, Error, Hinge,
    History, Huber, KlDivergence, L1, LayerNorm, Loss, Mlp, Module, Mse, Residual, Sequential, Sgd, Stopped, Targets,
    Trainer, metrics,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

fn xor() -> Dataset {
    let inputs = Tensor::from([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
    Dataset::new(inputs, Tensor::from([[0.0], [1.0], [1.0], [0.0]])).unwrap()
}

/// Points on the plane, classified by the sign of `x·y`.
fn quadrants(n: usize) -> Dataset {
    let inputs = Tensor::from_fn([n, 2], |i| ((i[0] * 2 + i[1]) as f64 * 2.399).sin());
    let classes: Vec<usize> = (0..n).map(|i| usize::from(inputs.get([i, 0]) * inputs.get([i, 1]) > 0.0)).collect();
    Dataset::new(inputs, classes).unwrap()
}

fn network(hidden: usize, outputs: usize) -> Mlp {
    let builder = Mlp::new(2).hidden(hidden, Activation::Tanh).output(outputs, Activation::Identity);
    builder.build(&mut StdRng::seed_from_u64(11)).unwrap()
}

fn quiet<'a>() -> Trainer<'a> {
    Trainer::new().progress(false)
}

#[test]
fn xor_is_learned_within_a_second() {
    let start = Instant::now();
    let (model, data) = (network(8, 1), xor());
    let mut adam = Adam::new(&model.parameters(), 0.05);
    let trainer = quiet().epochs(1000).full_batch().tolerance(0.01);
    let history = trainer.fit(&model, &BinaryCrossEntropyWithLogits, &mut adam, &data, None).unwrap();
    assert_eq!(history.stopped, Stopped::Tolerance);
    let labels = model.predict(data.inputs()).map(|logit: f64| if logit > 0.0 { 1.0 } else { 0.0 });
    assert_eq!(&Targets::Values(labels), data.targets());
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn held_out_points_are_classified() {
    let (model, data, held_out) = (network(16, 2), quadrants(256), quadrants(300));
    let mut adam = Adam::new(&model.parameters(), 0.02);
    let history = quiet().epochs(60).fit(&model, &CrossEntropy, &mut adam, &data, Some(&held_out)).unwrap();
    let last = history.last();
    assert!(last.accuracy.unwrap() > 0.95, "{last:?}");
    assert!(last.validation_accuracy.unwrap() > 0.95, "{last:?}");
    assert!(last.validation_loss.unwrap() < 0.2, "{last:?}");
    let Targets::Classes(classes) = held_out.targets() else { unreachable!() };
    let outputs = model.predict(held_out.inputs());
    // The same rows in batches and at once: the same classes.
    assert!((metrics::accuracy(&outputs, classes).unwrap() - last.validation_accuracy.unwrap()).abs() < 1e-12);
    let confusion = metrics::confusion_matrix(&outputs, classes).unwrap();
    assert_eq!(confusion.iter().flatten().sum::<usize>(), 300);
}

fn trained(seed: u64) -> (History, Vec<f64>) {
    let builder = Mlp::new(2).hidden(8, Activation::Relu).output(2, Activation::Identity).dropout(0.2);
    let model: Mlp = builder.build(&mut StdRng::seed_from_u64(1)).unwrap();
    let mut sgd = Sgd::new(&model.parameters(), 0.1).momentum(0.9);
    let trainer = quiet().epochs(3).batch_size(10).seed(seed);
    let history = trainer.fit(&model, &CrossEntropy, &mut sgd, &quadrants(64), None).unwrap();
    (history, model.parameters().params().flat_map(|param| param.value().to_vec()).collect())
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    assert_eq!(trained(4), trained(4));
    assert_ne!(trained(4), trained(5));
}

/// What 3 epochs in batches of 10 come to, the last of an epoch of 4, and the number of flows that were looked at.
fn trained_in(parts: usize, threads: usize, dropout: f64, look: bool) -> (History, Vec<f64>, usize) {
    set_threads(threads);
    let builder = Mlp::new(2).hidden(8, Activation::Relu).output(2, Activation::Identity).dropout(dropout);
    let model: Mlp = builder.build(&mut StdRng::seed_from_u64(1)).unwrap();
    let mut adam = Adam::new(&model.parameters(), 0.01);
    let mut looks = 0;
    let mut trainer = quiet().epochs(3).batch_size(10).parts(parts);
    if look {
        trainer = trainer.observe_flow(3, |_, flow| looks += usize::from(flow.loss > 0.0));
    }
    let history = trainer.fit(&model, &CrossEntropy, &mut adam, &quadrants(64), None).unwrap();
    drop(trainer);
    set_threads(0);
    (history, model.parameters().params().flat_map(|param| param.value().to_vec()).collect(), looks)
}

#[test]
fn batches_in_parts_train_the_same_on_any_number_of_threads() {
    let one = trained_in(3, 1, 0.2, false);
    for threads in [2, 8] {
        assert_eq!(trained_in(3, threads, 0.2, false), one);
    }
    // The step is that of the whole batch. More parts than samples are as many as samples.
    let whole = trained_in(1, 1, 0.0, false);
    for parts in [2, 3, 64] {
        let (history, weights, _) = trained_in(parts, 2, 0.0, false);
        assert!((history.last().loss - whole.0.last().loss).abs() < 1e-12);
        assert_eq!(history.last().accuracy, whole.0.last().accuracy);
        assert!(weights.iter().zip(&whole.1).all(|(found, expected)| (found - expected).abs() < 1e-10));
    }
}

#[test]
fn looking_at_the_flow_of_batches_in_parts_changes_no_bit() {
    let (history, weights, _) = trained_in(3, 2, 0.2, false);
    assert_eq!(trained_in(3, 2, 0.2, true), (history, weights, 7)); // of 21 steps
}

#[test]
fn a_part_that_fails_takes_no_step() {
    let model = network(4, 2);
    let before = model.predict(quadrants(8).inputs());
    let classes = vec![0, 1, 0, 1, 0, 1, 0, 2]; // there is no class 2
    let data = Dataset::new(quadrants(8).inputs().clone(), classes).unwrap();
    let mut sgd = Sgd::new(&model.parameters(), 0.5);
    let fit = quiet().full_batch().parts(4).fit(&model, &CrossEntropy, &mut sgd, &data, None);
    let error = fit.unwrap_err().to_string();
    assert!(error.starts_with("cross_entropy: class 2 of sample"), "{error}");
    assert_eq!(model.predict(quadrants(8).inputs()), before);
}

/// Ten steps from fixed weights, pinned: a change of any rule, order or default shows here first.
#[test]
fn ten_training_steps_keep_their_value() {
    let model = network(3, 1);
    for (i, param) in model.parameters().params().enumerate() {
        param.set(Tensor::from_fn(param.shape(), |at| {
            0.3 * ((i + 1) as f64 * (1 + at[0]) as f64 + at.len() as f64).sin()
        }));
    }
    let mut adam = Adam::new(&model.parameters(), 0.1);
    let history = quiet().epochs(10).full_batch().fit(&model, &Mse, &mut adam, &xor(), None).unwrap();
    let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.loss).collect();
    let expected = [
        1.0804607064256428,
        0.6296550830405656,
        0.38427516644400894,
        0.27128512628457135,
        0.25960327275603984,
        0.288796605317607,
        0.2914911402596725,
        0.2641056136093662,
        0.2350179283273573,
        0.23034786169317034,
    ];
    assert_eq!(losses.len(), 10);
    for (found, expected) in losses.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{losses:?}");
    }
}

#[test]
fn batches_of_one_some_and_all_reach_every_sample() {
    // The gradient of the mean is the mean of gradients: with rate 0 every batch size sees the same loss.
    let model = network(4, 1);
    let loss = |trainer: Trainer| {
        let mut sgd = Sgd::new(&model.parameters(), 0.0);
        trainer.epochs(1).fit(&model, &Mse, &mut sgd, &xor(), None).unwrap().last().loss
    };
    let all = loss(quiet().full_batch());
    for size in [1, 3, 4, 100] {
        assert!((loss(quiet().batch_size(size)) - all).abs() < 1e-14, "batches of {size}");
    }
}

#[test]
fn validation_is_measured_while_evaluating() {
    let builder = Mlp::new(2).hidden(16, Activation::Relu).output(2, Activation::Identity).dropout(0.5);
    let model: Mlp = builder.build(&mut StdRng::seed_from_u64(1)).unwrap();
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    let data = quadrants(64);
    let history = quiet().epochs(2).fit(&model, &CrossEntropy, &mut sgd, &data, Some(&data)).unwrap();
    let tape = Tape::new();
    let outputs = tape.constant(model.predict(data.inputs()));
    let loss: f64 = CrossEntropy.mean(outputs, data.targets()).unwrap().value();
    assert!((history.last().validation_loss.unwrap() - loss).abs() < 1e-12);
}

/// Notes the order in which targets arrive.
struct Noted(Mutex<Vec<usize>>);

impl Loss for Noted {
    fn each<'t>(&self, y: Var<'t>, targets: &Targets) -> Result<Var<'t>, Error> {
        let Targets::Classes(classes) = targets else { unreachable!() };
        self.0.lock().unwrap().extend(classes);
        Ok(y)
    }
}

#[test]
fn each_epoch_shows_every_sample_once_in_an_order_of_its_own() {
    let noted = Noted(Mutex::new(Vec::new()));
    let data = Dataset::new(Tensor::zeros([10, 2]), (0..10).collect::<Vec<usize>>()).unwrap();
    let model = network(2, 1);
    let mut sgd = Sgd::new(&model.parameters(), 0.0);
    quiet().epochs(2).batch_size(3).fit(&model, &noted, &mut sgd, &data, None).unwrap();
    let order = noted.0.into_inner().unwrap();
    let (first, second) = order.split_at(10);
    assert_ne!(first, second);
    for epoch in [first, second] {
        let mut sorted = epoch.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..10).collect::<Vec<_>>());
    }
}

#[test]
fn the_observer_sees_each_epoch_and_may_stop() {
    let mut seen = Vec::new();
    let trainer = quiet().epochs(50).observe(|epoch| {
        seen.push(epoch.epoch);
        if epoch.epoch == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let model = network(2, 1);
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    let history = trainer.fit(&model, &Mse, &mut sgd, &xor(), None).unwrap();
    drop(trainer);
    assert_eq!((history.stopped, history.epochs.len()), (Stopped::Observer, 3));
    assert_eq!(seen, [1, 2, 3]);
}

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
fn settings_and_targets_that_make_no_sense_are_refused() {
    let model = network(4, 2);
    let fit = |trainer: Trainer, data: &Dataset| {
        let mut sgd = Sgd::new(&model.parameters(), 0.5);
        trainer.fit(&model, &CrossEntropy, &mut sgd, data, None).unwrap_err().to_string()
    };
    assert_eq!(fit(quiet().epochs(0), &quadrants(4)), "trainer: 0 epochs: there is nothing to do");
    fit(quiet().batch_size(0), &quadrants(4));
    assert!(fit(quiet().parts(0), &quadrants(4)).starts_with("trainer: batches in 0 parts"));
    assert!(fit(quiet(), &xor()).starts_with("cross_entropy: targets of shape (4, 1)"));
    model.parameters().params().for_each(autograd::Param::freeze);
    assert!(fit(quiet(), &quadrants(4)).starts_with("trainer: the model has no parameter that is not frozen"));
}

#[test]
fn steps_are_clipped_to_a_norm_of_all_parameters_together() {
    let moved = |trainer: Trainer| {
        let model = network(8, 2);
        let values = || model.parameters().params().flat_map(|param| param.value().to_vec()).collect::<Vec<_>>();
        let (before, mut sgd) = (values(), Sgd::new(&model.parameters(), 0.5));
        trainer.epochs(1).full_batch().fit(&model, &CrossEntropy, &mut sgd, &quadrants(64), None).unwrap();
        let step: Vec<_> = values().iter().zip(before).map(|(after, before)| after - before).collect();
        Tensor::from(step)
    };
    let free = moved(quiet());
    let norm = free.norm();
    for parts in [1, 2] {
        let clipped = moved(quiet().parts(parts).clip_norm(0.01));
        assert!((clipped.norm() - 0.5 * 0.01).abs() < 1e-15);
        assert!(clipped.is_close(&(&free * (0.005 / norm)), 1e-9), "one factor for all");
    }
    assert_eq!(moved(quiet().clip_norm(2.0 * norm + 1.0)), free, "below the norm nothing changes");
}

#[test]
fn one_logit_for_two_classes_has_an_accuracy() {
    let (model, data) = (network(16, 1), quadrants(256));
    let mut adam = Adam::new(&model.parameters(), 0.02);
    let trainer = quiet().epochs(60);
    let last = *trainer.fit(&model, &BinaryCrossEntropyWithLogits, &mut adam, &data, Some(&data)).unwrap().last();
    let Targets::Classes(classes) = data.targets() else { unreachable!() };
    let share = metrics::binary_accuracy(&model.predict(data.inputs()), classes, 0.0).unwrap();
    assert!(share > 0.95, "{share}");
    assert!((last.validation_accuracy.unwrap() - share).abs() < 1e-12, "{last:?}");
    assert!(last.accuracy.unwrap() > 0.9, "{last:?}");
}

#[test]
fn data_that_do_not_fit_the_model_are_refused_before_training() {
    let refused = |model: &dyn Module, data: &Dataset, validation: Option<&Dataset>| {
        let mut sgd = Sgd::new(&model.parameters(), 0.5);
        quiet().fit(model, &Mse, &mut sgd, data, validation).unwrap_err().to_string()
    };
    let rest = "choose other columns, or build the model for these";
    let wide = Dataset::new(Tensor::zeros([4, 3]), Tensor::zeros([4, 1])).unwrap();
    assert_eq!(
        refused(&network(4, 1), &wide, None),
        format!("trainer: the model takes rows of 2 numbers, the inputs of the data have shape (4, 3); {rest}")
    );
    assert_eq!(
        refused(&network(4, 1), &xor(), Some(&wide)),
        format!(
            "trainer: the model takes rows of 2 numbers, the inputs of the validation data have shape (4, 3); {rest}"
        )
    );
    // As many samples as inputs: a batch would pass for one row.
    let flat = Dataset::new(Tensor::zeros([2]), Tensor::zeros([2])).unwrap();
    assert!(refused(&network(4, 1), &flat, None).contains("have shape (2,)"));
    let boxed: Box<dyn Module> = Box::new(Sequential::new().then(Residual::new(LayerNorm::new(2).unwrap())));
    assert!(refused(&boxed, &wide, None).starts_with("trainer: the model takes rows of 2 numbers"));
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

fn values(model: &dyn Module) -> Vec<f64> {
    model.parameters().params().flat_map(|param| param.value().to_vec()).collect()
}

#[test]
fn an_optimiser_of_other_parameters_is_refused_before_the_first_step() {
    let (model, other) = (network(4, 2), network(4, 2));
    let (own, others) = (model.parameters(), other.parameters());
    let before = values(&model);
    let fit = |parameters: &Parameters| {
        let mut optimizers: [Box<dyn mlp::Optimizer>; 2] =
            [Box::new(Sgd::new(parameters, 0.5)), Box::new(Adam::new(parameters, 0.5))];
        let fit = |optimizer: &mut Box<dyn mlp::Optimizer>| {
            let fit = quiet().epochs(1).fit(&model, &CrossEntropy, &mut **optimizer, &quadrants(8), None);
            fit.map(drop).map_err(|error| error.to_string())
        };
        let [sgd, adam] = &mut optimizers;
        let (first, second) = (fit(sgd), fit(adam));
        assert_eq!(first, second);
        first
    };
    let none = "trainer: the optimiser steps none of the model's parameters, but others; make it of model.parameters(), \
                which must name the same ones at every call";
    assert_eq!(fit(&others).unwrap_err(), none);
    assert_eq!(
        fit(&Parameters::new()).unwrap_err(),
        "trainer: the optimiser has no parameters; make it of those of the model"
    );
    let some =
        |names: &[&str]| names.iter().fold(Parameters::new(), |all, &name| all.with(name, own.get(name).unwrap()));
    assert_eq!(
        fit(&some(&["layers.0.w", "layers.1.w"])).unwrap_err(),
        "trainer: the optimiser does not step `layers.0.b`, `layers.1.b`; make it of model.parameters(), or freeze what shall stay"
    );
    assert_eq!(values(&model), before);
    // Frozen ones are not missed, and neither are more than the model's.
    for name in ["layers.0.b", "layers.1.b"] {
        own.get(name).unwrap().freeze();
    }
    fit(&some(&["layers.0.w", "layers.1.w"])).unwrap();
    fit(&own.clone().with_all("other", &others)).unwrap();
    // One with two names is one.
    let tied = mlp::Linear { w: autograd::Param::new([[0.5, 0.1], [-0.5, 0.2]]), b: None };
    struct Twice(mlp::Linear);
    impl Module for Twice {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            self.0.forward(self.0.forward(x))
        }
        fn parameters(&self) -> Parameters {
            Parameters::new().with("first", &self.0.w).with("second", &self.0.w)
        }
    }
    let twice = Twice(tied);
    let mut sgd = Sgd::new(&Parameters::new().with("w", &twice.0.w), 0.5);
    quiet().epochs(1).fit(&twice, &CrossEntropy, &mut sgd, &quadrants(8), None).unwrap();
}

/// Parameters that are new at every call: the optimiser has others than the model uses.
struct Forgetful;

impl Module for Forgetful {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.matmul(self.parameters().get("w").unwrap())
    }
    fn parameters(&self) -> Parameters {
        Parameters::new().with("w", &autograd::Param::new([[0.5], [0.5]]))
    }
}

#[test]
fn what_would_train_nothing_is_refused() {
    let fit = |model: &dyn Module, trainer: Trainer| {
        let mut sgd = Sgd::new(&model.parameters(), 0.5);
        trainer.fit(model, &Mse, &mut sgd, &xor(), None).unwrap_err().to_string()
    };
    assert!(fit(&Forgetful, quiet()).starts_with("trainer: the optimiser steps none of the model's parameters"));
    let flat: [Box<dyn Module>; 3] = [
        Box::new(Activation::UnitStep),
        Box::new(Activation::Sign),
        Box::new(mlp::Function::new("detached", |y: Var| y.detach())),
    ];
    for last in flat {
        let model = Sequential::new().then(network(3, 1)).then(last);
        for parts in [1, 2] {
            let before = values(&model);
            assert_eq!(
                fit(&model, quiet().parts(parts)),
                "training: no gradient reaches a parameter of the model; look for a detach(), for a function whose derivative is 0, \
                 such as unit_step, which StraightThrough trains, or for parameters that forward() uses and parameters() does not name"
            );
            assert_eq!(values(&model), before);
        }
    }
    let linear = mlp::Linear { w: autograd::Param::new([[-1.0], [-1.0]]), b: None };
    assert_eq!(
        fit(&Sequential::new().then(linear).then(Activation::Relu), quiet().epochs(3).batch_size(1)),
        "training: every gradient of epoch 1 was exactly 0, so that nothing is learnt; begin with other weights than 0, \
         or look for units that are off for every sample"
    );
    // Where there is nothing to learn, gradients of 0 are right.
    let model = network(3, 1);
    let exact = Dataset::new(xor().inputs().clone(), model.predict(xor().inputs())).unwrap();
    quiet().fit(&model, &Mse, &mut Sgd::new(&model.parameters(), 0.5), &exact, None).unwrap();
}

#[test]
fn all_targets_and_outputs_are_checked_before_the_first_step() {
    let identity = Activation::Identity;
    let model = |outputs: usize, last: Activation| -> Mlp {
        Mlp::new(2).hidden(3, Activation::Tanh).output(outputs, last).build(&mut StdRng::seed_from_u64(1)).unwrap()
    };
    let data = |targets: Targets| Dataset::new(quadrants(100).inputs().clone(), targets).unwrap();
    let one_wrong =
        |wrong: usize| Targets::from((0..100).map(|i| if i == 77 { wrong } else { i % 2 }).collect::<Vec<_>>());
    let column = |f: fn(usize) -> f64| Targets::from(Tensor::from_fn([100, 1], |i| f(i[0])));
    let rows = |f: fn(usize) -> [f64; 2]| Targets::from(Tensor::from_fn([100, 2], |i| f(i[0])[i[1]]));
    let flat = |f: fn(usize) -> f64| Targets::from(Tensor::from_fn([100], |i| f(i[0])));
    let probabilities = CrossEntropyFromProbabilities::default();
    let cases: Vec<(Mlp, &dyn Loss, Targets, &str)> = vec![
        (
            model(2, identity),
            &CrossEntropy,
            one_wrong(2),
            "cross_entropy: class 2 of sample 77 does not exist; outputs of shape (100, 2) have classes 0 to 1",
        ),
        (
            model(1, identity),
            &BinaryCrossEntropyWithLogits,
            one_wrong(2),
            "binary_cross_entropy: class 2 of sample 77 is neither 0 nor 1",
        ),
        (model(1, identity), &Hinge, one_wrong(3), "hinge: class 3 of sample 77 is neither 0 nor 1"),
        (
            model(1, identity),
            &BinaryCrossEntropyWithLogits,
            column(|i| if i == 77 { 2.0 } else { 1.0 }),
            "binary_cross_entropy: target 2 lies outside [0, 1]",
        ),
        (
            model(1, identity),
            &Hinge,
            column(|i| if i == 77 { 0.0 } else { 1.0 }),
            "hinge: target 0 is neither −1 nor 1",
        ),
        (
            model(2, identity),
            &CrossEntropy,
            rows(|i| if i == 77 { [0.5, 0.4] } else { [0.5, 0.5] }),
            "cross_entropy: the targets of row 77 sum to 0.9, but a distribution sums to 1; divide them by their sum",
        ),
        (
            model(2, identity),
            &CrossEntropy,
            rows(|i| if i == 77 { [1.5, -0.5] } else { [0.5, 0.5] }),
            "cross_entropy: target -0.5 is not a probability, which is 0 or above",
        ),
        (
            model(2, Activation::Softmax),
            &probabilities,
            rows(|_| [2.0, 2.0]),
            "cross_entropy_from_probabilities: the targets of row 0 sum to 4, but a distribution sums to 1; divide them by their sum",
        ),
        (
            model(2, Activation::LogSoftmax),
            &KlDivergence,
            rows(|_| [0.1, 0.1]),
            "kl_divergence: the targets of row 0 sum to 0.2, but a distribution sums to 1; divide them by their sum",
        ),
        (
            model(2, identity),
            &BinaryCrossEntropyWithLogits,
            one_wrong(1),
            "binary_cross_entropy: 100 classes do not fit outputs of shape (100, 2); it takes one output for each; CrossEntropy takes one for each class",
        ),
        (
            model(1, identity),
            &CrossEntropy,
            Targets::from(vec![0; 100]),
            "cross_entropy: outputs of shape (100, 1) are of one class, which always has probability 1; for two classes with one output take BinaryCrossEntropyWithLogits",
        ),
        (
            model(2, identity),
            &CrossEntropy,
            column(|i| (i % 2) as f64),
            "cross_entropy: targets of shape (100, 1) do not fit outputs of shape (100, 2); it takes a distribution for each row; if they are classes, give them as Vec<usize>",
        ),
        (
            model(2, identity),
            &CrossEntropy,
            flat(|i| (i % 2) as f64),
            "cross_entropy: targets of shape (100,) do not fit outputs of shape (100, 2); it takes a distribution for each row; if they are classes, give them as Vec<usize>",
        ),
        (
            model(1, identity),
            &Mse,
            flat(|_| 1.0),
            "mse: targets of shape (100,) do not fit outputs of shape (100, 1); reshape one of them",
        ),
        (
            model(1, identity),
            &L1,
            rows(|_| [1.0, 1.0]),
            "l1: targets of shape (100, 2) do not fit outputs of shape (100, 1); reshape one of them",
        ),
        (
            model(1, identity),
            &Mse,
            one_wrong(1),
            "mse: the targets are classes, but it needs numbers; one_hot makes them of classes",
        ),
        (
            model(2, Activation::Softmax),
            &CrossEntropy,
            one_wrong(1),
            "cross_entropy: it takes logits, but the model ends with `softmax`; end it with Activation::Identity",
        ),
        (
            model(2, Activation::Sigmoid),
            &CrossEntropy,
            one_wrong(1),
            "cross_entropy: it takes logits, but the model ends with `sigmoid`; end it with Activation::Identity",
        ),
        (
            model(1, Activation::Sigmoid),
            &BinaryCrossEntropyWithLogits,
            one_wrong(1),
            "binary_cross_entropy: it takes logits, but the model ends with `sigmoid`; end it with Activation::Identity",
        ),
        (
            model(2, identity),
            &probabilities,
            one_wrong(1),
            "cross_entropy_from_probabilities: the outputs of sample 0, ",
        ),
        (
            model(2, Activation::Sigmoid),
            &probabilities,
            one_wrong(1),
            "cross_entropy_from_probabilities: the outputs of sample 0, ",
        ),
        (
            model(2, Activation::Softmax),
            &KlDivergence,
            rows(|_| [0.5, 0.5]),
            "kl_divergence: the outputs of sample 0, ",
        ),
        (
            model(1, Activation::Sigmoid),
            &Mse,
            column(|i| i as f64),
            "mse: 98 of 100 targets, the first 2, lie outside 0 to 1, which is all that `sigmoid` of the output layer gives; scale the targets, or end the model with another activation",
        ),
        (
            model(1, Activation::Tanh),
            &L1,
            column(|i| 1e300 * i as f64),
            "l1: 99 of 100 targets, the first 1e300, lie outside -1 to 1, which is all that `tanh` of the output layer gives; scale",
        ),
        (
            model(1, Activation::Relu),
            &(Huber { delta: 1.0 }),
            column(|i| -(i as f64)),
            "huber: 99 of 100 targets, the first -1, lie outside 0 to inf, which is all that `relu` of the output layer gives; scale",
        ),
        (
            model(1, identity),
            &(Huber { delta: f64::NAN }),
            column(|_| 1.0),
            "huber: delta NaN is not a finite number above 0",
        ),
    ];
    for (model, loss, targets, law) in cases {
        let before = values(&model);
        let mut sgd = Sgd::new(&model.parameters(), 0.5);
        let mut fit = |data: &Dataset, validation: Option<&Dataset>| {
            quiet().epochs(1).batch_size(2).fit(&model, loss, &mut sgd, data, validation).unwrap_err().to_string()
        };
        let error = fit(&data(targets.clone()), None);
        assert!(error.starts_with(law), "{error}\n{law}");
        assert_eq!(values(&model), before);
    }
    // The same for the data that are only measured, but for targets that are out of reach.
    let good = data(one_wrong(1));
    let two = model(2, identity);
    let mut sgd = Sgd::new(&two.parameters(), 0.5);
    let error = quiet().fit(&two, &CrossEntropy, &mut sgd, &good, Some(&data(one_wrong(2)))).unwrap_err().to_string();
    assert!(error.starts_with("cross_entropy: class 2 of sample 77"), "{error}");
    let bounded = model(1, Activation::Sigmoid);
    let mut sgd = Sgd::new(&bounded.parameters(), 0.5);
    let (inside, outside) = (data(column(|i| i as f64 / 99.0)), data(column(|_| 1.25)));
    quiet().epochs(1).fit(&bounded, &Mse, &mut sgd, &inside, Some(&outside)).unwrap();
}

/// A difference that broadcasts, as one may write it.
struct Difference;

impl Loss for Difference {
    fn each<'t>(&self, y: Var<'t>, targets: &Targets) -> Result<Var<'t>, Error> {
        let Targets::Values(values) = targets else { unreachable!() };
        Ok((y - values).square())
    }
}

#[test]
fn a_loss_of_ones_own_is_kept_from_broadcasting() {
    let flat = Dataset::new(xor().inputs().clone(), Tensor::from([0.0, 1.0, 1.0, 0.0])).unwrap();
    let model = network(3, 1);
    let mut sgd = Sgd::new(&model.parameters(), 0.5);
    let error = quiet().fit(&model, &Difference, &mut sgd, &flat, None).unwrap_err().to_string();
    assert_eq!(error, "loss: targets of shape (4,) do not fit outputs of shape (4, 1); reshape one of them");
    quiet().epochs(1).fit(&model, &Difference, &mut sgd, &xor(), None).unwrap();
}

#[test]
fn a_schedule_and_a_place_to_save_are_checked() {
    let model = network(3, 1);
    let mut sgd = Sgd::new(&model.parameters(), 0.5);
    let mut fit = |trainer: Trainer| trainer.fit(&model, &Mse, &mut sgd, &xor(), None).unwrap_err().to_string();
    for (rate, shown) in [(f64::NAN, "NaN"), (-0.1, "-0.1"), (f64::INFINITY, "inf"), (-1e300, "-1e300")] {
        let law = format!(
            "trainer: the schedule gives a learning rate of {shown} for epoch 2, which is not a finite number ≥ 0 in f64"
        );
        assert_eq!(fit(quiet().schedule(|epoch| if epoch == 2 { rate } else { 0.1 })), law);
    }
    let folder = tempfile::tempdir().unwrap();
    let before = values(&model);
    let error = fit(quiet().save_training(100, folder.path()));
    assert!(error.ends_with(": not a file but a folder; name a file to save to"), "{error}");
    let error = fit(quiet().save_training(100, folder.path().join("no").join("t.safetensors")));
    assert!(error.contains("t.safetensors: "), "{error}");
    assert_eq!(values(&model), before, "before the first step");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    model.layers()[0].linear.w.modify(|w| w[1] = f64::NAN);
    assert_eq!(
        fit(quiet()),
        "trainer: the parameter `layers.0.w` is NaN or infinite before the first step; set it anew"
    );
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
