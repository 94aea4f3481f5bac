//! Trainings in processes of their own that are killed anywhere, by signal 9, and reach the bytes of one that went through.
//!
//! All that a step depends on is at work: dropout, running means, a schedule or a plateau, an average, early stopping, best
//! weights, and every optimiser.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use mlp::train::{
    Averaging, BestWeights, Callback, EarlyStopping, JsonLines, Learner, OnPlateau, Step, load_training_with, progress,
};
use mlp::{Average, CrossEntropy, Module, Plateau, Result, Stopped, Trainer};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::interrupted::{data, model};
use crate::optimizers::optimizers;

/// A training in a folder.
#[derive(Debug, Clone, Copy)]
struct Training<'f> {
    folder: &'f Path,
    /// The place of its optimiser in the list.
    optimizer: usize,
    /// The number of steps between checkpoints.
    every: usize,
    plateau: bool,
}

/// The training of a child, as the environment gives it.
const FOLDER: &str = "MLP_TEST_TRAINS_IN";
const SETTINGS: &str = "MLP_TEST_TRAINS_WITH";

/// What a child leaves that was started where Ctrl-C is ignored, as in the background of a shell.
#[cfg(feature = "ctrlc")]
const IGNORED: &str = "ignored";

/// Shows how far the training is, and takes its time.
struct Slow(PathBuf);

impl Callback for Slow {
    fn step_ended(&mut self, step: &Step, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        fs::write(&self.0, step.total.to_string()).unwrap();
        thread::sleep(Duration::from_millis(2));
        Ok(ControlFlow::Continue(()))
    }
}

impl Training<'_> {
    /// Trains to the end, from a checkpoint if there is one, and leaves the weights.
    fn run(self, more: impl FnOnce(Trainer<'_>) -> Trainer<'_>) {
        let path = self.folder.join("t.safetensors");
        let model = model();
        let mut optimizer = optimizers()[self.optimizer].1(&model.parameters(), 0.02);
        let mut averaging = Averaging::new(Average::exponential(&model.parameters(), 0.9));
        let (mut best, mut stop) = (BestWeights::new(), EarlyStopping::new(6));
        let mut plateau = OnPlateau::new(Plateau::new(0.02).patience(0));
        let known = path.exists().then(|| progress(&path).unwrap());
        let stopped = if known.is_some_and(|known| known.stopped == Some(Stopped::Epochs)) {
            // It was killed when all was saved, and before the weights were.
            let mut all: Vec<&mut dyn Callback> = vec![&mut averaging, &mut best, &mut stop];
            if self.plateau {
                all.push(&mut plateau);
            }
            load_training_with(&model.state(), &mut *optimizer, all, &path).unwrap();
            optimizer.evaluate();
            let state = model.state();
            let mut learner = Learner::new(&state, &mut *optimizer);
            averaging.evaluate(&mut learner).unwrap();
            best.restore(&mut learner).unwrap();
            Stopped::Epochs
        } else {
            let mut trainer = Trainer::new().progress(false).epochs(8).batch_size(6);
            trainer = trainer.callback(averaging).callback(best).callback(stop);
            trainer = match self.plateau {
                true => trainer.callback(plateau),
                false => trainer.schedule_steps(|step| 0.02 / (step as f64).sqrt()),
            };
            trainer = trainer.callback(JsonLines::new(self.folder.join("log.jsonl")));
            trainer = more(trainer.callback(Slow(self.folder.join("steps"))).save_training_steps(self.every, &path));
            if path.exists() {
                trainer = trainer.resume_from(&path);
            }
            trainer.fit(&model, &CrossEntropy, &mut *optimizer, &data(50), Some(&data(30))).unwrap().stopped
        };
        if stopped != Stopped::Interrupted {
            mlp::io::save(&model.state(), self.folder.join("weights.safetensors")).unwrap();
        }
    }

    /// Trains in a process of its own.
    fn child(self) -> Child {
        let Training { folder, optimizer, every, plateau } = self;
        Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "killed::trains_until_it_is_killed"])
            .env(FOLDER, folder)
            .env(SETTINGS, format!("{optimizer} {every} {}", usize::from(plateau)))
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// The bytes of the weights and of the log.
    fn results(self) -> [Vec<u8>; 2] {
        ["weights.safetensors", "log.jsonl"].map(|name| fs::read(self.folder.join(name)).unwrap())
    }
}

/// What the tests below kill; by itself it does nothing.
#[test]
#[ignore = "run by another test"]
fn trains_until_it_is_killed() {
    let (Ok(folder), Ok(settings)) = (env::var(FOLDER), env::var(SETTINGS)) else { return };
    let settings: Vec<usize> = settings.split(' ').map(|number| number.parse().unwrap()).collect();
    let [optimizer, every, plateau] = settings[..] else { panic!("{settings:?}") };
    Training { folder: Path::new(&folder), optimizer, every, plateau: plateau == 1 }.run(|trainer| {
        #[cfg(feature = "ctrlc")]
        let trainer = match mlp::train::Interrupt::on_ctrl_c() {
            Ok(interrupt) => trainer.callback(interrupt),
            Err(_) => {
                fs::write(Path::new(&folder).join(IGNORED), "").unwrap();
                trainer
            }
        };
        trainer
    });
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

/// The place of an optimiser in the list.
fn place(name: &str) -> usize {
    optimizers::<f32>().iter().position(|form| form.0 == name).unwrap()
}

#[test]
fn a_training_killed_anywhere_reaches_the_same_bytes() {
    let rng = &mut StdRng::seed_from_u64(4);
    for (name, every, plateau) in [("adam", 1, false), ("schedule_free with settings", 5, false), ("muon", 3, true)] {
        let [whole, folder] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let whole = Training { folder: whole.path(), optimizer: place(name), every: 1000, plateau };
        whole.run(|trainer| trainer);
        let training = Training { folder: folder.path(), every, ..whole };
        let mut killed = 0;
        for step in [4, 13, 17, 31, 48] {
            let mut child = training.child();
            wait(&mut child, training.folder, step);
            thread::sleep(Duration::from_micros(rng.random_range(0..4000)));
            child.kill().unwrap();
            killed += usize::from(!child.wait().unwrap().success());
        }
        assert!(killed >= 3, "{killed}");
        assert!(training.child().wait().unwrap().success());
        assert_eq!(training.results(), whole.results(), "{name}");
    }
}

/// The number of kills for each optimiser, and the seed of their times.
const KILLS: &str = "MLP_TEST_KILLS";
const SEED: &str = "MLP_TEST_SEED";

/// `cargo test -p mlp --test it -- --ignored --nocapture killed::every_optimiser`
#[test]
#[ignore = "takes minutes"]
fn every_optimiser_survives_kills_at_random_times() {
    let kills: usize = env::var(KILLS).map_or(100, |kills| kills.parse().unwrap());
    let rng = &mut StdRng::seed_from_u64(env::var(SEED).map_or(1, |seed| seed.parse().unwrap()));
    for (optimizer, (name, _)) in optimizers::<f32>().into_iter().enumerate() {
        let expected = [false, true].map(|plateau| {
            let folder = tempfile::tempdir().unwrap();
            let whole = Training { folder: folder.path(), optimizer, every: 1000, plateau };
            whole.run(|trainer| trainer);
            (plateau, whole.results())
        });
        let (mut killed, mut trained, mut resumed) = (0, 0, 0);
        while killed < kills {
            let (plateau, expected) = &expected[trained % 2];
            let folder = tempfile::tempdir().unwrap();
            let every = rng.random_range(1..8);
            let training = Training { folder: folder.path(), optimizer, every, plateau: *plateau };
            loop {
                let mut child = training.child();
                thread::sleep(Duration::from_micros(rng.random_range(0..150_000)));
                child.kill().unwrap();
                if child.wait().unwrap().success() {
                    break; // it had ended before
                }
                killed += 1;
                resumed += usize::from(folder.path().join("t.safetensors").exists());
                if killed == kills {
                    assert!(training.child().wait().unwrap().success());
                    break;
                }
            }
            assert_eq!(training.results(), *expected, "{name}, every {every} steps, plateau: {plateau}");
            trained += 1;
        }
        println!("{name}: {killed} kills, {resumed} of them with a checkpoint, in {trained} trainings: the same bytes");
    }
}

#[cfg(all(unix, feature = "ctrlc"))]
#[test]
fn ctrl_c_ends_a_training_after_its_step_and_saves_it() {
    let [whole, folder] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let whole = Training { folder: whole.path(), optimizer: place("adam"), every: 1000, plateau: false };
    whole.run(|trainer| trainer);
    // No checkpoint but that of the interrupt.
    let training = Training { folder: folder.path(), ..whole };
    let path = folder.path().join("t.safetensors");
    let mut steps = 0;
    for step in [5, 22] {
        let mut child = training.child();
        wait(&mut child, training.folder, step);
        if folder.path().join(IGNORED).exists() {
            eprintln!("Ctrl-C is ignored here: not tried");
            return assert!(child.wait().unwrap().success());
        }
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(child.wait().unwrap().success(), "it ends by itself");
        let known = progress(&path).unwrap();
        assert_eq!(known.stopped, Some(Stopped::Interrupted));
        assert!(known.steps.unwrap() > steps);
        steps = known.steps.unwrap();
    }
    assert!(training.child().wait().unwrap().success());
    assert_eq!(training.results(), whole.results());
}
