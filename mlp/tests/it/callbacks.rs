//! Callbacks: early stopping, best weights, and those of one's own, in a trainer and in a loop; metrics by name.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use autograd::{Param, Tape, Tensor};
use indexmap::IndexMap;
use mlp::train::{
    BestWeights, Callback, EarlyStopping, Learner, Progress, Start, Step, Watch, load_training_with, save_training_with,
};
use mlp::{
    Activation, BatchNorm, CrossEntropy, Dataset, Epoch, Error, History, Linear, Loss, Mlp, Module, Mse, Optimizer,
    Sgd, Stopped, Targets, Trainer, metrics,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::train::{network, quadrants, quiet, values};

/// An epoch with this validation loss.
fn epoch(number: usize, validation_loss: f64) -> Epoch {
    let mut epoch = Epoch::new(number, 1.0);
    epoch.validation_loss = Some(validation_loss);
    epoch
}

/// The epoch after which a loop of one's own stops.
fn stops(mut stop: EarlyStopping, losses: &[f64]) -> Option<usize> {
    let parameters = network(2, 1).parameters();
    let mut sgd = Sgd::new(&parameters, 0.1);
    let mut stopped = |i: usize, loss: f64| {
        stop.epoch_ended(&epoch(i + 1, loss), &mut Learner::new(&parameters, &mut sgd)).unwrap().is_break()
    };
    losses.iter().enumerate().find(|&(i, &loss)| stopped(i, loss)).map(|(i, _)| i + 1)
}

#[test]
fn patience_counts_epochs_in_a_row_that_are_no_better() {
    let losses = [5.0, 4.0, 4.5, 4.2, 3.0, 3.0, 3.5, 2.9, 9.0];
    assert_eq!(stops(EarlyStopping::new(1), &losses), Some(3));
    assert_eq!(stops(EarlyStopping::new(2), &losses), Some(4));
    assert_eq!(stops(EarlyStopping::new(3), &losses), None);
    let by = |least| EarlyStopping::new(3).watch(Watch::lowest("validation_loss").by(least));
    assert_eq!(stops(by(0.1), &losses), Some(8), "2.9 is not better than 3 by more than 0.1");
    assert_eq!(stops(by(0.05), &losses), None);
    let higher = EarlyStopping::new(2).watch(Watch::highest("validation_loss"));
    assert_eq!(stops(higher.clone(), &losses), Some(3));
    assert_eq!(stops(higher, &[1.0, 2.0, 1.5, 2.5, 2.5, 2.4]), Some(6));
}

#[test]
fn a_value_that_no_epoch_has_is_refused_with_those_it_has() {
    let model = network(2, 1);
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    let trainer = quiet().epochs(2).callback(EarlyStopping::new(2));
    let error = trainer.fit(&model, &Mse, &mut sgd, &crate::train::xor(), None).unwrap_err().to_string();
    assert_eq!(
        error,
        "early_stopping: epoch 1 has no `validation_loss`; it has `loss`, `learning_rate`: \
         give the trainer validation data or a metric of this name, or name another"
    );
}

/// A model with buffers, and data for it: the best epoch is neither the first nor the last.
fn noisy() -> (mlp::Sequential, Dataset, Dataset) {
    let layer = |n, m| Linear::new(n, m, &mlp::Init::he_normal(), &mut StdRng::seed_from_u64(5)).unwrap();
    let model = mlp::Sequential::new()
        .then(layer(2, 8))
        .then(BatchNorm::new(8).unwrap())
        .then(Activation::Tanh)
        .then(layer(8, 2));
    let held_out =
        Dataset::new(Tensor::from_fn([40, 2], |i| ((i[0] * 5 + i[1]) as f64).cos()), [0, 1, 1, 0].repeat(10));
    (model, quadrants(48), held_out.unwrap())
}

fn state(model: &dyn Module) -> Vec<Vec<f64>> {
    model.state().params().map(|param| param.value().to_vec()).collect()
}

/// Notes the state of the model after each epoch.
struct States(Rc<RefCell<Vec<IndexMap<String, Tensor>>>>);

impl Callback for States {
    fn epoch_ended(&mut self, _: &Epoch, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>, Error> {
        self.0.borrow_mut().push(learner.values());
        Ok(ControlFlow::Continue(()))
    }
}

#[test]
fn the_best_parameters_and_buffers_are_restored() {
    let (model, data, held_out) = noisy();
    let mut sgd = Sgd::new(&model.parameters(), 0.5);
    let (states, mut stop, mut best) = (Rc::default(), EarlyStopping::new(6), BestWeights::new());
    let trainer = quiet().epochs(60).callback(States(Rc::clone(&states))).callback(&mut stop).callback(&mut best);
    let history = trainer.fit(&model, &CrossEntropy, &mut sgd, &data, Some(&held_out)).unwrap();
    drop(trainer);
    let (least, at) = best.best().unwrap();
    assert_eq!(stop.best(), best.best());
    assert_eq!((history.stopped, history.epochs.len()), (Stopped::NoImprovement, at + 6));
    let losses = history.series("validation_loss");
    assert!(losses.iter().all(|(_, loss)| *loss >= least) && losses[at - 1] == (at, least));
    let kept: Vec<_> = states.borrow()[at - 1].values().map(Tensor::to_vec).collect();
    assert_eq!(state(&model), kept);
    assert_ne!(state(&model), states.borrow().last().unwrap().values().map(Tensor::to_vec).collect::<Vec<_>>());
}

/// Notes the calls, and the learning rate; halves it after each epoch, and remembers it.
#[derive(Default)]
struct Notes {
    calls: Vec<String>,
    rate: f64,
}

struct Noting(Rc<RefCell<Notes>>);

impl Callback for Noting {
    fn name(&self) -> String {
        "Notes".into()
    }

    fn begun(&mut self, start: &Start, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>, Error> {
        let mut notes = self.0.borrow_mut();
        if start.restored {
            learner.set_learning_rate(notes.rate)?;
        }
        notes.calls.push(format!("begun {}/{} {}/{}", start.done, start.epochs, start.within, start.steps));
        Ok(ControlFlow::Continue(()))
    }

    fn epoch_begun(&mut self, epoch: usize, learner: &mut Learner<'_>) -> Result<(), Error> {
        self.0.borrow_mut().calls.push(format!("epoch {epoch} at {}", learner.learning_rate()));
        Ok(())
    }

    fn step_ended(&mut self, step: &Step, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>, Error> {
        let Step { epoch, step, total, samples, norm, .. } = *step;
        assert!(norm > 0.0);
        self.0.borrow_mut().calls.push(format!("step {epoch}.{step} = {total}: {samples}"));
        Ok(ControlFlow::Continue(()))
    }

    fn epoch_ended(&mut self, epoch: &Epoch, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>, Error> {
        let mut notes = self.0.borrow_mut();
        notes.rate = learner.learning_rate() / 2.0;
        learner.set_learning_rate(notes.rate)?;
        notes.calls.push(format!("ended {}", epoch.epoch));
        Ok(ControlFlow::Continue(()))
    }

    fn ended(&mut self, history: &History, _: &mut Learner<'_>) -> Result<(), Error> {
        self.0.borrow_mut().calls.push(format!("all {}", history.epochs.len()));
        Ok(())
    }

    fn state(&self) -> IndexMap<String, Tensor> {
        [("rate".to_string(), Tensor::from(self.0.borrow().rate))].into()
    }

    fn set_state(&mut self, state: &IndexMap<String, Tensor>) -> Result<(), Error> {
        self.0.borrow_mut().rate = state["rate"].item();
        Ok(())
    }
}

#[test]
fn callbacks_are_called_in_order_and_their_states_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let fit = |trainer: Trainer<'_>| {
        let notes = Rc::new(RefCell::new(Notes::default()));
        let model = network(3, 2);
        let mut sgd = Sgd::new(&model.parameters(), 0.5);
        let trainer = trainer
            .batch_size(16)
            .callback(Noting(Rc::clone(&notes)))
            .callback(EarlyStopping::new(9).watch(Watch::lowest("loss")));
        trainer.fit(&model, &CrossEntropy, &mut sgd, &quadrants(20), None).unwrap();
        drop(trainer);
        (notes.take().calls, values(&model))
    };
    let (through, weights) = fit(quiet().epochs(2));
    assert_eq!(
        through,
        [
            "begun 0/2 0/2",
            "epoch 1 at 0.5",
            "step 1.1 = 1: 16",
            "step 1.2 = 2: 4",
            "ended 1",
            "epoch 2 at 0.25",
            "step 2.1 = 3: 16",
            "step 2.2 = 4: 4",
            "ended 2",
            "all 2"
        ]
    );
    let (first, _) = fit(quiet().epochs(1).save_training(1, &path));
    let (second, resumed) = fit(quiet().epochs(2).resume_from(&path));
    assert_eq!(first[1..5], through[1..5]);
    assert_eq!((second[0].as_str(), &second[1..5]), ("begun 1/2 0/2", &through[5..9]));
    assert_eq!(resumed, weights);
    // A callback whose state nobody takes.
    let model = network(3, 2);
    let mut sgd = Sgd::new(&model.parameters(), 0.5);
    let alone = quiet().epochs(2).resume_from(&path).callback(EarlyStopping::new(9).watch(Watch::lowest("loss")));
    let error = alone.fit(&model, &CrossEntropy, &mut sgd, &quadrants(20), None).unwrap_err().to_string();
    let expected = "t.safetensors: trainer: the checkpoint holds `Notes.rate` of a callback that the trainer does not have; it has `EarlyStopping`";
    assert!(error.ends_with(expected), "{error}");
    assert_eq!(values(&model), values(&network(3, 2)), "nothing changed");
}

#[test]
fn a_training_that_early_stopping_ended_trains_no_more_when_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let fit = |trainer: Trainer<'_>| {
        let (model, data, held_out) = noisy();
        let mut sgd = Sgd::new(&model.parameters(), 0.5);
        let trainer = trainer.epochs(60).callback(EarlyStopping::new(6)).callback(BestWeights::new());
        let history = trainer.fit(&model, &CrossEntropy, &mut sgd, &data, Some(&held_out)).unwrap();
        (history, state(&model))
    };
    let (first, weights) = fit(quiet().save_training(7, &path));
    let (again, resumed) = fit(quiet().resume_from(&path));
    assert_eq!(
        (again.stopped, &again.epochs[..], resumed),
        (Stopped::NoImprovement, &first.epochs[first.epochs.len() - 1..], weights)
    );
}

#[test]
fn a_callback_may_stop_within_an_epoch_and_the_training_goes_on_from_there() {
    struct After(usize);
    impl Callback for After {
        fn step_ended(&mut self, step: &Step, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>, Error> {
            Ok(if step.total == self.0 { ControlFlow::Break(Stopped::Observer) } else { ControlFlow::Continue(()) })
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let model = network(3, 2);
    let mut sgd = Sgd::new(&model.parameters(), 0.5);
    let trainer = quiet().epochs(3).batch_size(4).callback(After(7)).save_training(1, &path);
    let history = trainer.fit(&model, &CrossEntropy, &mut sgd, &quadrants(20), None).unwrap();
    assert_eq!((history.stopped, history.epochs.len(), history.within), (Stopped::Observer, 2, Some(2)));
    let progress = mlp::train::progress(&path).unwrap();
    assert_eq!((progress.epochs, progress.within, progress.last.as_ref()), (1, 2, Some(&history.epochs[0])));
    let error = mlp::train::load_training(&model.parameters(), &mut sgd, &path).unwrap_err().to_string();
    assert!(error.ends_with("lies 2 steps behind epoch 1; load_training_with returns the steps too"), "{error}");
    // With other samples, or other steps, even where as many would fit.
    for (size, samples, steps) in [(5, 5, 1), (1, 20, 20), (4, 24, 6), (2, 20, 10)] {
        let trainer = quiet().epochs(3).batch_size(size).resume_from(&path);
        let error = trainer.fit(&model, &CrossEntropy, &mut sgd, &quadrants(samples), None).unwrap_err().to_string();
        let law = format!(
            "lies 2 steps within epoch 2 of 20 samples in steps of 4, which has {steps} steps of {size} for {samples} samples; \
             resume with the data and batches it was saved with"
        );
        assert!(error.ends_with(&law), "{error}");
    }
}

/// A loop of one's own does what the trainer does, with the same parts.
#[test]
fn a_loop_of_ones_own_stops_and_keeps_the_best_as_the_trainer_does() {
    let (data, held_out) = (quadrants(20), quadrants(30));
    let trained = network(3, 2);
    let mut sgd = Sgd::new(&trained.parameters(), 2.0);
    let trainer = quiet().epochs(12).full_batch().callback(EarlyStopping::new(2)).callback(BestWeights::new());
    let history = trainer.fit(&trained, &CrossEntropy, &mut sgd, &data, Some(&held_out)).unwrap();

    let model = network(3, 2);
    let mut sgd = Sgd::new(&model.parameters(), 2.0);
    let (mut stop, mut best, mut tape) = (EarlyStopping::new(2), BestWeights::new(), Tape::new());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let mut losses = vec![];
    for number in 1..=12 {
        tape.clear();
        let order = data.batches(20, None).unwrap().next().unwrap();
        let loss = CrossEntropy.mean(model.forward(tape.constant(order.inputs().clone())), order.targets()).unwrap();
        sgd.step(&loss.backward());
        let other = Tape::new();
        let y = other.constant(model.predict(held_out.inputs()));
        let epoch = epoch(number, CrossEntropy.mean(y, held_out.targets()).unwrap().value());
        losses.push(epoch.validation_loss);
        let state = model.state();
        let stopped = stop.epoch_ended(&epoch, &mut Learner::new(&state, &mut sgd)).unwrap();
        let _ = best.epoch_ended(&epoch, &mut Learner::new(&state, &mut sgd)).unwrap();
        save_training_with(&state, &sgd, &[&stop, &best], &Progress::new(number), &path).unwrap();
        if stopped.is_break() {
            break;
        }
    }
    best.restore(&mut Learner::new(&model.state(), &mut sgd)).unwrap();
    let expected: Vec<_> = history.epochs.iter().map(|epoch| epoch.validation_loss).collect();
    let close = |(a, b): (&Option<f64>, &Option<f64>)| (a.unwrap() - b.unwrap()).abs() < 1e-12;
    assert!(losses.len() == expected.len() && losses.iter().zip(&expected).all(close), "{losses:?} {expected:?}");
    let (mut stop_again, mut best_again) = (EarlyStopping::new(2), BestWeights::new());
    let all: Vec<&mut dyn Callback> = vec![&mut stop_again, &mut best_again];
    load_training_with(&model.state(), &mut sgd, all, &path).unwrap();
    assert_eq!((stop_again, best_again), (stop, best));
}

#[test]
fn metrics_are_means_over_batches_in_training_and_exact_in_validation() {
    let share = |y: &Tensor, targets: &Targets| {
        let Targets::Classes(classes) = targets else { panic!("classes") };
        metrics::accuracy(y, classes)
    };
    let largest = |y: &Tensor, _: &Targets| Ok(y.max());
    for (parts, batches) in [(1, 1), (2, 1), (1, 2)] {
        let model = Mlp::new(2).hidden(4, Activation::Tanh).output(2, Activation::Identity);
        let model: Mlp<f32> = model.build(&mut StdRng::seed_from_u64(2)).unwrap();
        let mut sgd = Sgd::new(&model.parameters(), 0.1);
        let inputs = Tensor::from_fn([50, 2], |i| ((i[0] * 2 + i[1]) as f32 * 2.399).sin());
        let data = Dataset::new(inputs.clone(), [0, 1].repeat(25)).unwrap();
        let trainer = quiet().epochs(2).batch_size(16).parts(parts).accumulate(batches);
        let trainer = trainer.metric("share", share).validation_metric("largest", largest);
        let history = trainer.fit(&model, &CrossEntropy, &mut sgd, &data, Some(&data)).unwrap();
        for epoch in &history.epochs {
            let close = |name: &str, other: Option<f64>| (epoch.get(name).unwrap() - other.unwrap()).abs() < 1e-12;
            assert!(close("share", epoch.accuracy) && close("validation_share", epoch.validation_accuracy));
            assert_eq!(epoch.get("largest"), None);
        }
        let y = model.predict(&inputs).cast::<f64>();
        assert!((history.last().get("validation_largest").unwrap() - y.max()).abs() < 1e-6);
    }
}

#[test]
fn samples_that_do_not_count_are_left_out_of_metrics() {
    let rows = |y: &Tensor, targets: &Targets| {
        assert_eq!(y.shape()[0], targets.len());
        Ok(targets.len() as f64)
    };
    let data = quadrants(10).with_weights(vec![1.0, 0.0, 2.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]).unwrap();
    let model = network(3, 2);
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    let trainer = quiet().epochs(1).full_batch().metric("rows", rows);
    let history = trainer.fit(&model, &CrossEntropy, &mut sgd, &data, Some(&data)).unwrap();
    assert_eq!((history.last().get("rows"), history.last().get("validation_rows")), (Some(8.0), Some(8.0)));
}

#[test]
fn a_metric_that_is_no_number_ends_the_training() {
    let model = network(3, 2);
    let fit = |trainer: Trainer<'_>| {
        let mut sgd = Sgd::new(&model.parameters(), 0.1);
        trainer
            .epochs(1)
            .batch_size(8)
            .fit(&model, &CrossEntropy, &mut sgd, &quadrants(8), None)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        fit(quiet().metric("odd", |_, _| Ok(f64::NAN))),
        "trainer: the metric `odd` is NaN for 8 samples; a metric that some batches do not have is for Trainer::validation_metric"
    );
    let error = fit(quiet().metric("odd", |y, _| metrics::accuracy(y, &[])));
    assert!(error.starts_with("trainer: the metric `odd` fails for 8 samples: accuracy: 0 classes"), "{error}");
}

#[test]
fn values_that_do_not_fit_a_model_are_refused() {
    let model = Linear { w: Param::new([[1.0]]), b: None };
    let state = model.state();
    let mut sgd = Sgd::new(&state, 0.1);
    let mut learner = Learner::new(&state, &mut sgd);
    let error = learner.set_values(&IndexMap::new()).unwrap_err().to_string();
    assert_eq!(error, "learner: there are no values of `w`; take the values of a model that was built alike");
    let wrong = [("w".to_string(), Tensor::from([1.0, 2.0]))].into();
    let error = learner.set_values(&wrong).unwrap_err().to_string();
    assert!(error.starts_with("learner: the values of `w` have shape (2,), (1, 1) is needed"), "{error}");
    let error = learner.set_learning_rate(-1.0).unwrap_err().to_string();
    assert_eq!(error, "learner: the learning rate -1 is not a finite number ≥ 0 in f64");
}
