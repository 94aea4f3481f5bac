//! Trainings that are interrupted or killed anywhere, and reach the bits of one that went through.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use autograd::{Parameters, Tensor};
use mlp::train::{
    Averaging, BestWeights, Callback, EarlyStopping, Interrupt, JsonLines, Learner, OnPlateau, Step, load_json_lines,
    load_training_with, progress,
};
use mlp::{
    Activation, Adam, Average, BatchNorm, CrossEntropy, Dataset, Dropout, Error, History, Init, Linear, Module,
    Optimizer, Plateau, Sequential, Stopped, Trainer, metrics,
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

const WHERE: &str = "MLP_TEST_TRAINS_IN";
const SAVES: &str = "MLP_TEST_SAVES_EVERY";

/// Shows how far the training is, and takes its time.
struct Slow(PathBuf);

impl Callback for Slow {
    fn step_ended(&mut self, step: &Step, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>, Error> {
        fs::write(&self.0, step.total.to_string()).unwrap();
        thread::sleep(Duration::from_millis(2));
        Ok(ControlFlow::Continue(()))
    }
}

/// Trains in a folder to the end, goes on from a checkpoint there, and leaves the bits.
fn train_in(folder: &Path, every: usize, more: impl FnOnce(Trainer<'_>) -> Trainer<'_>) {
    let path = folder.join("t.safetensors");
    let model = model();
    let mut adam = Adam::new(&model.parameters(), 0.02);
    let mut best = BestWeights::new();
    let known = path.exists().then(|| progress(&path).unwrap());
    let stopped = if known.is_some_and(|known| known.stopped == Some(Stopped::Epochs)) {
        // It was killed when all was saved.
        load_training_with(&model.state(), &mut adam, vec![&mut best], &path).unwrap();
        best.restore(&mut Learner::new(&model.state(), &mut adam)).unwrap();
        Stopped::Epochs
    } else {
        let mut trainer = Trainer::new().progress(false).epochs(8).batch_size(6).callback(&mut best);
        trainer = trainer.callback(JsonLines::new(folder.join("log.jsonl"))).callback(Slow(folder.join("steps")));
        trainer = trainer.save_training_steps(every, &path);
        if path.exists() {
            trainer = trainer.resume_from(&path);
        }
        let trainer = more(trainer);
        trainer.fit(&model, &CrossEntropy, &mut adam, &data(50), Some(&data(30))).unwrap().stopped
    };
    if stopped == Stopped::Epochs {
        fs::write(folder.join("bits"), format!("{:?}", bits(&model.state()))).unwrap();
    }
}

/// What the tests below kill; by itself it does nothing.
#[test]
#[ignore = "run by another test"]
fn trains_until_it_is_killed() {
    let Ok(folder) = std::env::var(WHERE) else { return };
    let every = std::env::var(SAVES).unwrap().parse().unwrap();
    train_in(Path::new(&folder), every, |trainer| {
        #[cfg(feature = "ctrlc")]
        let trainer = trainer.callback(Interrupt::on_ctrl_c().unwrap());
        trainer
    });
}

fn child(folder: &Path, every: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "interrupted::trains_until_it_is_killed"])
        .env(WHERE, folder)
        .env(SAVES, every.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until a child has taken this step, or has ended.
fn wait(child: &mut Child, folder: &Path, step: usize) {
    let begun = Instant::now();
    let there = || fs::read_to_string(folder.join("steps")).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    while there() < step && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(120), "the child does not train");
        thread::sleep(Duration::from_millis(1));
    }
}

fn results(folder: &Path) -> [String; 2] {
    ["bits", "log.jsonl"].map(|name| fs::read_to_string(folder.join(name)).unwrap())
}

#[test]
fn a_training_killed_anywhere_reaches_the_same_bits() {
    let whole = tempfile::tempdir().unwrap();
    train_in(whole.path(), 1000, |trainer| trainer);
    let rng = &mut StdRng::seed_from_u64(4);
    for every in [1, 5] {
        let folder = tempfile::tempdir().unwrap();
        let mut killed = 0;
        for step in [4, 13, 17, 31, 48] {
            let mut child = child(folder.path(), every);
            wait(&mut child, folder.path(), step);
            thread::sleep(Duration::from_micros(rng.random_range(0..4000)));
            child.kill().unwrap();
            killed += usize::from(!child.wait().unwrap().success());
        }
        assert!(killed >= 3, "{killed}");
        assert!(child(folder.path(), every).wait().unwrap().success());
        assert_eq!(results(folder.path()), results(whole.path()));
    }
}

#[cfg(all(unix, feature = "ctrlc"))]
#[test]
fn ctrl_c_ends_a_training_after_its_step_and_saves_it() {
    let whole = tempfile::tempdir().unwrap();
    train_in(whole.path(), 1000, |trainer| trainer);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let mut steps = 0;
    for step in [5, 22] {
        let mut child = child(folder.path(), 1000); // no checkpoint but that of the interrupt
        wait(&mut child, folder.path(), step);
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(child.wait().unwrap().success(), "it ends by itself");
        let known = progress(&path).unwrap();
        assert_eq!(known.stopped, Some(Stopped::Interrupted));
        assert!(known.epochs * 9 + known.within > steps);
        steps = known.epochs * 9 + known.within;
    }
    assert!(child(folder.path(), 1000).wait().unwrap().success());
    assert_eq!(results(folder.path()), results(whole.path()));
}
