//! Trainings that are interrupted or killed anywhere, and reach the bits of one that went through.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use autograd::{Parameters, Tensor};
use mlp::train::{
    BestWeights, Callback, EarlyStopping, Interrupt, JsonLines, Learner, Step, load_csv, load_json_lines,
    load_training_with, progress,
};
use mlp::{
    Activation, Adam, BatchNorm, CrossEntropy, Dataset, Dropout, Epoch, Error, History, Init, Linear, Module,
    Optimizer, Sequential, Stopped, Trainer, metrics,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::optimizers::optimizers;

/// A model with dropout and running means.
fn model() -> Sequential<f32> {
    let layer = |n, m| Linear::new(n, m, &Init::he_normal(), &mut StdRng::seed_from_u64(3)).unwrap();
    let hidden = Sequential::new().then(layer(2, 6)).then(BatchNorm::new(6).unwrap()).then(Activation::Tanh);
    hidden.then(Dropout::new(0.2).unwrap()).then(layer(6, 2))
}

fn data(n: usize) -> Dataset<f32> {
    let inputs = Tensor::from_fn([n, 2], |i| ((i[0] * 2 + i[1]) as f32 * 2.399).sin());
    let classes: Vec<usize> = (0..n).map(|i| usize::from(inputs.get([i, 0]) > inputs.get([i, 1]))).collect();
    Dataset::new(inputs, classes).unwrap()
}

fn bits(state: &Parameters<f32>) -> Vec<u32> {
    state.params().flat_map(|param| param.value().to_vec()).map(f32::to_bits).collect()
}

/// Sets an interrupt after a step of this call.
struct After(usize, Interrupt);

impl Callback for After {
    fn step_ended(&mut self, _: &Step, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>, Error> {
        self.0 = self.0.saturating_sub(1);
        if self.0 == 0 {
            self.1.set();
        }
        Ok(ControlFlow::Continue(()))
    }
}

type Make = fn(&Parameters<f32>, f64) -> Box<dyn Optimizer<f32>>;

/// One call of `fit`, with everything that has a state.
fn fit(make: Make, folder: &Path, batches: usize, after: Option<usize>) -> (History, Vec<u32>) {
    let path = folder.join("t.safetensors");
    let (model, interrupt) = (model(), Interrupt::new());
    let mut optimizer = make(&model.parameters(), 0.02);
    let share = |y: &Tensor, targets: &mlp::Targets| {
        let mlp::Targets::Classes(classes) = targets else { panic!("classes") };
        metrics::accuracy(y, classes)
    };
    let mut trainer = Trainer::new().progress(false).epochs(4).batch_size(9).accumulate(batches).metric("share", share);
    trainer = trainer.schedule_steps(|step| 0.02 / (step as f64).sqrt()).save_training(3, &path);
    trainer = trainer.callback(EarlyStopping::new(3)).callback(BestWeights::new());
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

#[test]
fn a_log_that_is_none_is_refused_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let make: Make = |parameters, rate| Box::new(Adam::new(parameters, rate));
    fit(make, folder.path(), 1, Some(2));
    fit(make, folder.path(), 1, Some(12));
    let path = folder.path().join("log.jsonl");
    let lines = fs::read_to_string(&path).unwrap();
    assert!(lines.lines().count() >= 2);
    fs::write(&path, format!("{lines}no epoch\n{{\"epoch\":99")).unwrap();
    let model = model();
    let mut adam = Adam::new(&model.parameters(), 0.02);
    let trainer = Trainer::new().progress(false).epochs(9).resume_from(folder.path().join("t.safetensors"));
    let trainer = trainer
        .batch_size(9)
        .callback(EarlyStopping::new(3))
        .callback(BestWeights::new())
        .callback(JsonLines::new(&path));
    let error = trainer.fit(&model, &CrossEntropy, &mut adam, &data(50), Some(&data(30))).unwrap_err().to_string();
    let line = lines.lines().count() + 1;
    assert!(error.contains(&format!("log.jsonl, line {line}: not an epoch in JSON (expected ident")), "{error}");
    assert!(fs::read_to_string(&path).unwrap().contains("no epoch"));
    // An unfinished last line is left out.
    fs::write(&path, format!("{lines}{{\"epoch\":99")).unwrap();
    assert_eq!(load_json_lines(&path).unwrap().len(), lines.lines().count());
}

#[test]
fn tables_of_epochs_are_read_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let make: Make = |parameters, rate| Box::new(Adam::new(parameters, rate));
    let (mut history, _) = fit(make, folder.path(), 1, None);
    history.epochs.push(Epoch::new(5, 0.1 + 0.2)); // without the other values
    let path = folder.path().join("history.csv");
    history.save_csv(&path).unwrap();
    assert_eq!(load_csv(&path).unwrap(), history.epochs);
    let json = serde_json::to_string(&history).unwrap();
    assert_eq!(serde_json::from_str::<History>(&json).unwrap(), history);
    let refused = |text: &str| {
        fs::write(&path, text).unwrap();
        load_csv(&path).unwrap_err().to_string().replace(&path.display().to_string(), "h.csv")
    };
    let repair = "; History::save_csv writes such files";
    assert_eq!(
        refused("a,b\n"),
        format!("h.csv, line 1: the header does not begin with `epoch` and hold `loss`{repair}")
    );
    assert_eq!(refused("epoch,loss\n1\n"), format!("h.csv, line 2: found 1 cells, the header has 2{repair}"));
    assert_eq!(refused("epoch,loss\n1,low\n"), format!("h.csv, line 2: `low` is no value of `loss`{repair}"));
    assert_eq!(refused("epoch,loss\n1,\n"), format!("h.csv, line 2: `` is no value of `loss`{repair}"));
    assert_eq!(refused("epoch,loss\none,1\n"), format!("h.csv, line 2: `one` is no value of `epoch`{repair}"));
}

/// A reader of event files from the description of the format, with a CRC of the textbook.
mod events {
    use std::collections::BTreeMap;

    /// The remainder of the polynomial division, bit by bit from the front, of reflected bytes.
    fn crc32c(bytes: &[u8]) -> u32 {
        let mut remainder = u32::MAX;
        for byte in bytes {
            remainder ^= u32::from(byte.reverse_bits()) << 24;
            for _ in 0..8 {
                let top = remainder >> 31 == 1;
                remainder <<= 1;
                if top {
                    remainder ^= 0x1edc_6f41;
                }
            }
        }
        (!remainder).reverse_bits()
    }

    fn checked(bytes: &[u8], masked: &[u8]) {
        let masked = u32::from_le_bytes(masked.try_into().unwrap()).wrapping_sub(0xa282_ead8);
        assert_eq!(masked.rotate_left(15), crc32c(bytes));
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    /// The events of a file.
    pub(super) fn records(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut records = vec![];
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_at(12);
            checked(&head[..8], &head[8..]);
            let n = u64::from_le_bytes(head[..8].try_into().unwrap()) as usize;
            checked(&rest[..n], &rest[n..n + 4]);
            records.push(rest[..n].to_vec());
            bytes = &rest[n + 4..];
        }
        records
    }

    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut x = 0;
        for shift in (0..).step_by(7) {
            let (&byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            x |= u64::from(byte & 127) << shift;
            if byte < 128 {
                break;
            }
        }
        x
    }

    /// The fields of a message, each with its bytes; numbers as 8 bytes.
    pub(super) fn fields(mut bytes: &[u8]) -> BTreeMap<u64, Vec<Vec<u8>>> {
        let mut fields = BTreeMap::<u64, Vec<Vec<u8>>>::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let n = match key & 7 {
                0 => {
                    let x = varint(&mut bytes).to_le_bytes().to_vec();
                    fields.entry(key >> 3).or_default().push(x);
                    continue;
                }
                1 => 8,
                2 => varint(&mut bytes) as usize,
                5 => 4,
                kind => panic!("kind {kind}"),
            };
            let (value, rest) = bytes.split_at(n);
            fields.entry(key >> 3).or_default().push(value.to_vec());
            bytes = rest;
        }
        fields
    }
}

#[test]
fn event_files_hold_what_the_history_does() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs").join("1");
    let fit = |trainer: Trainer<'_>| {
        let model = model();
        let mut adam = Adam::new(&model.parameters(), 0.02);
        let trainer = trainer.progress(false).callback(mlp::train::TensorBoard::new(&runs));
        trainer.fit(&model, &CrossEntropy, &mut adam, &data(50), Some(&data(30))).unwrap()
    };
    let path = folder.path().join("t.safetensors");
    let first = fit(Trainer::new().epochs(3).save_training(2, &path).batch_size(300));
    let second = fit(Trainer::new().epochs(200).tolerance(0.69).resume_from(&path));
    let mut names: Vec<PathBuf> = fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert_eq!(names.len(), 2);
    for (name, history, session) in [(&names[0], &first, false), (&names[1], &second, true)] {
        let records = events::records(&fs::read(name).unwrap());
        let events: Vec<_> = records.iter().map(|bytes| events::fields(bytes)).collect();
        assert_eq!(events[0][&3], [b"brain.Event:2".to_vec()]);
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
        let (head, epochs) = events.split_at(1 + usize::from(session));
        if session {
            assert_eq!(number(&head[1][&2][0]), 4, "what came behind the checkpoint is dropped");
            assert_eq!(number(&events::fields(&head[1][&7][0])[&1][0]), 1);
        }
        assert_eq!(epochs.len(), history.epochs.len());
        for (event, epoch) in epochs.iter().zip(&history.epochs) {
            assert_eq!(number(&event[&2][0]), epoch.epoch as u64);
            assert!(f64::from_le_bytes(event[&1][0][..].try_into().unwrap()) > 1.7e9, "seconds since 1970");
            let summary = events::fields(&event[&5][0]);
            let values = summary[&1].iter().map(|value| {
                let value = events::fields(value);
                let x = f32::from_le_bytes(value[&2][0][..].try_into().unwrap());
                (String::from_utf8(value[&1][0].clone()).unwrap(), x)
            });
            let expected: Vec<_> = epoch.values().map(|(name, x)| (name.to_string(), x as f32)).collect();
            assert_eq!(values.collect::<Vec<_>>(), expected);
        }
    }
}
