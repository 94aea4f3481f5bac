//! Trainings that are interrupted anywhere, and reach the bits of one that went through.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use autograd::{Parameters, Tensor};
use mlp::train::{
    Averaging, BestWeights, Callback, EarlyStopping, Interrupt, JsonLines, Learner, OnPlateau, Step, load_json_lines,
    progress,
};
use mlp::{
    Activation, Average, BatchNorm, CrossEntropy, Dataset, Dropout, Error, History, Init, Linear, Module, Optimizer,
    Plateau, Sequential, Stopped, Trainer, metrics,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::optimizers::optimizers;

/// A model with dropout and running means.
pub(crate) fn model() -> Sequential<f32> {
    let layer = |n, m| Linear::new(n, m, &Init::he_normal(), &mut StdRng::seed_from_u64(3)).unwrap();
    let hidden = Sequential::new().then(layer(2, 6)).then(BatchNorm::new(6).unwrap()).then(Activation::Tanh);
    hidden.then(Dropout::new(0.2).unwrap()).then(layer(6, 2))
}

pub(crate) fn data(n: usize) -> Dataset<f32> {
    let inputs = Tensor::from_fn([n, 2], |i| ((i[0] * 2 + i[1]) as f32 * 2.399).sin());
    let classes: Vec<usize> = (0..n).map(|i| usize::from(inputs.get([i, 0]) > inputs.get([i, 1]))).collect();
    Dataset::new(inputs, classes).unwrap()
}

fn bits(state: &Parameters<f32>) -> Vec<u32> {
    state.params().flat_map(|param| param.value().to_vec()).map(f32::to_bits).collect()
}

/// Sets an interrupt after a step of this call.
pub(crate) struct After(pub(crate) usize, pub(crate) Interrupt);

impl Callback for After {
    fn step_ended(&mut self, _: &Step, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>, Error> {
        self.0 = self.0.saturating_sub(1);
        if self.0 == 0 {
            self.1.set();
        }
        Ok(ControlFlow::Continue(()))
    }
}

pub(crate) type Make = fn(&Parameters<f32>, f64) -> Box<dyn Optimizer<f32>>;

/// One call of `fit`, with everything that has a state.
pub(crate) fn fit(make: Make, folder: &Path, batches: usize, after: Option<usize>) -> (History, Vec<u32>) {
    let path = folder.join("t.safetensors");
    let (model, interrupt) = (model(), Interrupt::new());
    let mut optimizer = make(&model.parameters(), 0.02);
    let share = |y: &Tensor, targets: &mlp::Targets| {
        let mlp::Targets::Classes(classes) = targets else { panic!("classes") };
        metrics::accuracy(y, classes)
    };
    let mut trainer = Trainer::new().progress(false).epochs(4).batch_size(9).accumulate(batches).metric("share", share);
    trainer = if batches == 1 {
        trainer.schedule_steps(|step| 0.02 / (step as f64).sqrt())
    } else {
        trainer.callback(OnPlateau::new(Plateau::new(0.02).patience(0)))
    };
    trainer = trainer.save_training(3, &path).callback(EarlyStopping::new(3)).callback(BestWeights::new());
    trainer = trainer.callback(Averaging::new(Average::exponential(&model.parameters(), 0.9)));
    trainer = trainer.callback(JsonLines::new(folder.join("log.jsonl")));
    if path.exists() {
        trainer = trainer.resume_from(&path);
    }
    if let Some(after) = after {
        // The flag is looked at first, and set after: the training ends one step later.
        trainer = trainer.callback(interrupt.clone()).callback(After(after, interrupt.clone()));
    }
    let history = trainer.fit(&model, &CrossEntropy, &mut *optimizer, &data(50), Some(&data(30))).unwrap();
    (history, bits(&model.state()))
}

#[test]
fn a_training_interrupted_again_and_again_reaches_the_same_bits() {
    let rng = &mut StdRng::seed_from_u64(9);
    for (name, make) in optimizers::<f32>() {
        for batches in [1, 2] {
            let whole = tempfile::tempdir().unwrap();
            let (expected, expected_bits) = fit(make, whole.path(), batches, None);
            let folder = tempfile::tempdir().unwrap();
            let mut calls = 0;
            let (last, found) = loop {
                let (history, found) = fit(make, folder.path(), batches, Some(rng.random_range(1..6)));
                calls += 1;
                if history.stopped != Stopped::Interrupted {
                    break (history, found);
                }
                let known = progress(folder.path().join("t.safetensors")).unwrap();
                assert_eq!((known.stopped, Some(known.within)), (Some(Stopped::Interrupted), history.within));
                assert!(known.within > 0);
            };
            assert!(calls > 2, "{name}: {calls}");
            assert_eq!((last.stopped, found), (expected.stopped, expected_bits), "{name}, {batches}");
            let log = |folder: &Path| fs::read_to_string(folder.join("log.jsonl")).unwrap();
            assert_eq!(log(folder.path()), log(whole.path()), "{name}, {batches}: no line is lost or doubled");
            assert_eq!(load_json_lines(folder.path().join("log.jsonl")).unwrap(), expected.epochs);
        }
    }
}
