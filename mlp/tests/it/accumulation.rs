//! Steps over several batches, batches that are left out, parts that are measured, losses that are added, rates that are tried.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use autograd::{Gradients, Param, Parameters, Scalar, Tape, Tensor};
use mlp::train::{GradientSum, RateRange};
use mlp::{
    Activation, Adam, BatchNorm, ClassWeights, CrossEntropy, Dataset, Init, L1, Linear, Loss, Module, Mse, Optimizer,
    Sequential, Sgd, Targets, Trainer, WeightedLosses,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::train::{network, quadrants, quiet, values, xor};

fn trained(trainer: Trainer<'_>, loss: &dyn Loss, data: &Dataset) -> (Vec<f64>, f64) {
    let model = network(6, 2);
    let mut adam = Adam::new(&model.parameters(), 0.02);
    let history = trainer.epochs(4).fit(&model, loss, &mut adam, data, None).unwrap();
    (values(&model), history.last().loss)
}

/// The first steps may hold samples of weight 0 only: no gradient then reaches a parameter, and none has to.
#[test]
fn a_training_may_begin_with_samples_of_no_weight() {
    let mut weights = vec![0.0; 10];
    weights[9] = 1.0;
    let data = quadrants(10).with_weights(weights).unwrap();
    let start = values(&network(6, 2));
    for seed in 0..4 {
        for (batches, parts) in [(1, 1), (2, 1), (1, 2), (2, 2)] {
            let trainer = quiet().batch_size(2).seed(seed).accumulate(batches).parts(parts);
            let (found, loss) = trained(trainer, &CrossEntropy, &data);
            assert!(loss.is_finite() && found.iter().all(|w| w.is_finite()), "{batches} batches in {parts} parts");
            assert_ne!(found, start, "{batches} batches in {parts} parts");
        }
    }
}

#[test]
fn a_step_over_several_batches_is_that_of_one_large_batch() {
    let weights = (0..50).map(|i| f64::from(i % 4)).collect();
    let data = quadrants(50).with_weights(weights).unwrap();
    let loss = ClassWeights { loss: CrossEntropy, weights: vec![0.25, 2.0] };
    let (expected, expected_loss) = trained(quiet().batch_size(24), &loss, &data); // 24, 24, 2
    for (size, batches, parts) in [(8, 3, 1), (7, 1, 1), (6, 4, 2), (4, 6, 3), (1, 24, 1)] {
        let (found, loss) = trained(quiet().batch_size(size).accumulate(batches).parts(parts), &loss, &data);
        let close = found.iter().zip(&expected).all(|(found, expected)| (found - expected).abs() < 1e-10);
        assert_eq!(close, size * batches == 24, "batches of {size}");
        assert_eq!((loss - expected_loss).abs() < 1e-12, size * batches == 24);
    }
}

#[test]
fn the_last_short_batch_may_be_left_out() {
    let samples = |trainer: Trainer<'_>| {
        let seen = Rc::new(RefCell::new(vec![]));
        let count = |y: &Tensor, _: &Targets| Ok(y.shape()[0] as f64);
        let model = network(3, 2);
        let mut sgd = Sgd::new(&model.parameters(), 0.1);
        let trainer = trainer.epochs(1).metric("samples", count).callback(Sizes(Rc::clone(&seen)));
        let last = trainer.fit(&model, &CrossEntropy, &mut sgd, &quadrants(22), None).unwrap().epochs.remove(0);
        assert!(last.get("samples").unwrap() > 0.0);
        seen.take()
    };
    assert_eq!(samples(quiet().batch_size(5)), [5, 5, 5, 5, 2]);
    assert_eq!(samples(quiet().batch_size(5).drop_last()), [5, 5, 5, 5]);
    assert_eq!(samples(quiet().batch_size(5).accumulate(3)), [15, 7]);
    assert_eq!(samples(quiet().batch_size(5).accumulate(3).drop_last()), [15, 5]);
    assert_eq!(samples(quiet().batch_size(5).accumulate(2).drop_last()), [10, 10]);
    assert_eq!(samples(quiet().full_batch().drop_last()), [22]);
    let model = network(3, 2);
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    let trainer = quiet().drop_last();
    let error = trainer.fit(&model, &CrossEntropy, &mut sgd, &quadrants(22), None).unwrap_err().to_string();
    assert_eq!(
        error,
        "trainer: drop_last leaves out all of 22 samples, which do not fill a batch of 32; choose smaller batches"
    );
}

struct Sizes(Rc<RefCell<Vec<usize>>>);

impl mlp::Callback for Sizes {
    fn step_ended(
        &mut self,
        step: &mlp::train::Step,
        _: &mut mlp::train::Learner<'_>,
    ) -> mlp::Result<std::ops::ControlFlow<mlp::Stopped>> {
        self.0.borrow_mut().push(step.samples);
        Ok(std::ops::ControlFlow::Continue(()))
    }
}

#[test]
fn observers_of_several_batches_see_all_samples_and_change_no_bit() {
    let fit = |look: bool| {
        let mut losses = vec![];
        let mut trainer = quiet().batch_size(10).accumulate(3).epochs(2);
        if look {
            trainer = trainer.observe_flow(1, |_, flow| losses.push(flow.loss));
        }
        let model = network(4, 2);
        let mut sgd = Sgd::new(&model.parameters(), 0.1);
        let history = trainer.fit(&model, &CrossEntropy, &mut sgd, &quadrants(30), None).unwrap();
        drop(trainer);
        (history, values(&model), losses)
    };
    let (history, weights, losses) = fit(true);
    assert_eq!((&history, &weights), (&fit(false).0, &fit(false).1));
    assert_eq!(losses.len(), 2);
    assert!((losses[1] - history.last().loss).abs() < 1e-12, "one step over all samples");
}

#[test]
fn measured_parts_are_kept_by_the_checkpoint_and_change_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let fit = |trainer: Trainer<'_>| {
        let model = network(6, 2);
        let mut sgd = Sgd::new(&model.parameters(), 0.1);
        let history = trainer.fit(&model, &CrossEntropy, &mut sgd, &quadrants(40), None).unwrap();
        (history, values(&model))
    };
    let (first, weights) = fit(quiet().epochs(2).parts_measured().save_training(1, &path));
    assert_eq!(
        (&first, &weights),
        (&fit(quiet().epochs(2).parts(first.parts)).0, &fit(quiet().epochs(2).parts(first.parts)).1)
    );
    assert_eq!(mlp::train::progress(&path).unwrap().parts, Some(first.parts));
    let (history, resumed) = fit(quiet().epochs(3).parts_measured().resume_from(&path));
    assert_eq!((history.parts, resumed), (first.parts, fit(quiet().epochs(3).parts(first.parts)).1));
    // What a checkpoint holds counts, whatever would be measured.
    let (_, weights) = fit(quiet().epochs(3).parts(3));
    fit(quiet().epochs(2).parts(3).save_training(1, &path));
    let (history, resumed) = fit(quiet().epochs(3).parts_measured().resume_from(&path));
    assert_eq!((history.parts, resumed), (3, weights));
}

/// A sum of gradients by rows, whole ones and both is that of the core, where the pieces are recorded together.
#[test]
fn sums_of_gradients_keep_rows() {
    let table = Param::new(Tensor::from_fn([5, 2], |i| (i[0] * 2 + i[1]) as f64));
    table.set_by_rows(true);
    let parameters = Parameters::new().with("table", &table);
    fn piece<'t>(table: &Param, tape: &'t Tape, at: usize) -> Scalar<'t> {
        let table = table.on(tape);
        match at {
            0 => table.take(0, &[3, 1, 3]).square().sum(),
            1 => (table.take(0, &[1, 4]) * 0.3).sum(),
            _ => table.square().sum(), // of all rows
        }
    }
    for pieces in [&[0, 1][..], &[1, 0, 1], &[0, 2, 1], &[2, 0], &[1, 2]] {
        let mut sum = GradientSum::new(&parameters);
        for &at in pieces {
            let tape = Tape::new();
            sum.add(&piece(&table, &tape, at).backward());
        }
        let mut tape = Tape::new();
        let found = sum.gradients(&mut tape);
        let whole = Tape::new();
        let expected = pieces.iter().map(|&at| piece(&table, &whole, at)).reduce(|a, b| a + b).unwrap().backward();
        assert!(found[&table].is_close(&expected[&table], 1e-14), "{pieces:?}");
        let rows = |grads: &Gradients<'_>| grads.rows_of(&table).map(|(rows, _)| BTreeSet::from_iter(rows.to_vec()));
        let (rows, expected) = (rows(&found), rows(&expected));
        assert_eq!(rows, expected, "{pieces:?}");
        assert_eq!(rows.is_some(), !pieces.contains(&2));
    }
}

#[test]
fn measuring_leaves_buffers_alone() {
    let fit = |trainer: Trainer<'_>| {
        let layer = Linear::new(6, 2, &Init::he_normal(), &mut StdRng::seed_from_u64(1)).unwrap();
        let model = Sequential::new().then(BatchNorm::new(2).unwrap()).then(mlp::Flatten).then(layer);
        let inputs = Tensor::from_fn([8, 2, 3], |i| ((i[0] * 6 + i[1] * 3 + i[2]) as f64).sin());
        let data = Dataset::new(inputs, [0, 1].repeat(4)).unwrap();
        let mut sgd = Sgd::new(&model.parameters(), 0.1);
        trainer.epochs(1).batch_size(1).fit(&model, &CrossEntropy, &mut sgd, &data, None).unwrap(); // one sample has one part
        model.state().params().flat_map(|param| param.value().to_vec()).collect::<Vec<f64>>()
    };
    assert_eq!(fit(quiet().parts_measured()), fit(quiet()));
}

#[test]
fn losses_are_added_with_their_weights() {
    let tape = autograd::Tape::new();
    let y = tape.var([[1.0, -2.0], [0.5, 3.0]]);
    let targets = Targets::Values(Tensor::from([[0.0, 1.0], [1.0, 1.0]]));
    let both = WeightedLosses::new().with(0.25, Mse).with(2.0, L1);
    let expected = 0.25 * Mse.mean(y, &targets).unwrap().value() + 2.0 * L1.mean(y, &targets).unwrap().value();
    assert!((both.mean(y, &targets).unwrap().value() - expected).abs() < 1e-15);
    let weights = [3.0, 1.0];
    let expected = 0.25 * Mse.weighted_mean(y, &targets, &weights).unwrap().value()
        + 2.0 * L1.weighted_mean(y, &targets, &weights).unwrap().value();
    assert!((both.weighted_mean(y, &targets, &weights).unwrap().value() - expected).abs() < 1e-15);
    // Class weights around the sum, in parts and batches as at once.
    let classes = || ClassWeights {
        loss: WeightedLosses::new().with(0.5, CrossEntropy).with(0.5, mlp::Focal { gamma: 2.0 }),
        weights: vec![0.25, 2.0],
    };
    let data = quadrants(40);
    let (at_once, _) = trained(quiet().full_batch(), &classes(), &data);
    let (in_parts, _) = trained(quiet().batch_size(10).accumulate(4).parts(3), &classes(), &data);
    assert!(at_once.iter().zip(in_parts).all(|(a, b)| (a - b).abs() < 1e-10));
    // Within it they would not be one weight of a sample.
    let unlike = WeightedLosses::new()
        .with(1.0, CrossEntropy)
        .with(1.0, ClassWeights { loss: CrossEntropy, weights: vec![1.0, 2.0] });
    let model = network(3, 2);
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    let error = quiet().fit(&model, &unlike, &mut sgd, &data, None).unwrap_err().to_string();
    let law = "and 2; put the sum into ClassWeights or Ignoring, not its terms";
    assert!(error.starts_with("weighted_losses: the losses give sample") && error.ends_with(law), "{error}");
    let none = WeightedLosses::<f64>::new().each(y, &targets).map(drop).unwrap_err().to_string();
    assert_eq!(none, "weighted_losses: there are no losses; add them by `with`");
}

/// A parabola w², whose loss falls by (1 − 2η)² in a step.
#[test]
fn a_rate_test_finds_where_the_loss_falls_and_changes_nothing() {
    let data = Dataset::new(Tensor::ones([8, 1]), Tensor::zeros([8, 1])).unwrap();
    let model = Sequential::new().then(BatchNormOff).then(Linear { w: autograd::Param::new([[4.0]]), b: None });
    let mut sgd = Sgd::new(&model.parameters(), 0.1).momentum(0.9);
    Optimizer::<f64>::set_learning_rate(&mut sgd, 0.07);
    quiet().epochs(1).fit(&model, &Mse, &mut sgd, &data, None).unwrap(); // a velocity to keep
    let (weights, velocity) = (values(&model), sgd.state());
    let range = RateRange { from: 1e-4, to: 100.0, steps: 60 };
    let test = quiet().full_batch().find_rate(&model, &Mse, &mut sgd, &data, range).unwrap();
    assert_eq!((values(&model), sgd.state(), Optimizer::<f64>::learning_rate(&sgd)), (weights, velocity, 0.07));
    assert_eq!((test.rates.len(), test.smoothed.len()), (test.losses.len(), test.losses.len()));
    assert!(test.rates.len() < 60, "it stops where the loss explodes");
    assert!(test.rates.windows(2).all(|pair| (pair[1] / pair[0] - 1e6f64.powf(1.0 / 59.0)).abs() < 1e-9));
    let rate = test.suggestion.unwrap();
    assert!((1e-3..0.5).contains(&rate), "{rate}");
    // By hand: the first loss is that before any step.
    assert!((test.losses[0] - values(&model)[0].powi(2)).abs() < 1e-12);
    // Data that give no slope give no suggestion.
    let flat = Linear { w: autograd::Param::new([[0.0]]), b: None };
    let mut sgd = Sgd::new(&flat.parameters(), 0.1);
    let error = quiet().find_rate(&flat, &Mse, &mut sgd, &data, RateRange { from: 0.0, ..range }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "find_rate: 60 steps from 0 to 100 are no range; it needs 2 rates, of which 0 < from < to"
    );
}

/// A layer that does nothing.
struct BatchNormOff;

impl Module for BatchNormOff {
    fn forward<'t>(&self, x: autograd::Var<'t>) -> autograd::Var<'t> {
        x
    }
    fn parameters(&self) -> autograd::Parameters {
        autograd::Parameters::new()
    }
}

#[test]
fn a_rate_test_that_explodes_leaves_model_and_buffers_alone() {
    let layer = |n, m| Linear::new(n, m, &Init::he_normal(), &mut StdRng::seed_from_u64(5)).unwrap();
    let model =
        Sequential::new().then(layer(2, 4)).then(BatchNorm::new(4).unwrap()).then(Activation::Relu).then(layer(4, 1));
    let state = || model.state().params().flat_map(|param| param.value().to_vec()).collect::<Vec<_>>();
    let before = state();
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    for from in [1e-3, 1e-300] {
        let range = RateRange { from, to: 1e300, steps: 30 };
        let test = quiet().batch_size(2).find_rate(&model, &Mse, &mut sgd, &xor(), range).unwrap();
        assert!(test.losses.iter().all(|loss| loss.is_finite()) && test.losses.len() < 30);
        assert_eq!((test.rates[0], state()), (from, before.clone()));
    }
}
