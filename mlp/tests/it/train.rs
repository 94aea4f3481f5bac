//! Training as a whole.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use autograd::{Tape, Tensor, Var, set_threads};
use mlp::{
    Activation, Adam, BinaryCrossEntropyWithLogits, CrossEntropy, Dataset, Error, History, Loss, Mlp, Module, Mse, Sgd,
    Stopped, Targets, Trainer, metrics,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

pub(crate) fn xor() -> Dataset {
    let inputs = Tensor::from([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
    Dataset::new(inputs, Tensor::from([[0.0], [1.0], [1.0], [0.0]])).unwrap()
}

/// Points on the plane, classified by the sign of `x·y`.
pub(crate) fn quadrants(n: usize) -> Dataset {
    let inputs = Tensor::from_fn([n, 2], |i| ((i[0] * 2 + i[1]) as f64 * 2.399).sin());
    let classes: Vec<usize> = (0..n).map(|i| usize::from(inputs.get([i, 0]) * inputs.get([i, 1]) > 0.0)).collect();
    Dataset::new(inputs, classes).unwrap()
}

pub(crate) fn network(hidden: usize, outputs: usize) -> Mlp {
    let builder = Mlp::new(2).hidden(hidden, Activation::Tanh).output(outputs, Activation::Identity);
    builder.build(&mut StdRng::seed_from_u64(11)).unwrap()
}

pub(crate) fn quiet<'a>() -> Trainer<'a> {
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
    let history = trainer.fit(&model, &BinaryCrossEntropyWithLogits, &mut adam, &data, Some(&data)).unwrap();
    let last = history.last();
    let Targets::Classes(classes) = data.targets() else { unreachable!() };
    let share = metrics::binary_accuracy(&model.predict(data.inputs()), classes, 0.0).unwrap();
    assert!(share > 0.95, "{share}");
    assert!((last.validation_accuracy.unwrap() - share).abs() < 1e-12, "{last:?}");
    assert!(last.accuracy.unwrap() > 0.9, "{last:?}");
}

pub(crate) fn values(model: &dyn Module) -> Vec<f64> {
    model.parameters().params().flat_map(|param| param.value().to_vec()).collect()
}
