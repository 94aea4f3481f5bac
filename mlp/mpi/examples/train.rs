//! Trains a classifier of two spirals on the ranks of an MPI job.
//!
//! ```text
//! cargo build --release -p mlp-mpi --examples
//! mpirun -n 2 target/release/examples/train
//! ```
//!
//! Settings follow as `name=value`: `epochs`, `parts`, `seed`; `save` and `resume`, paths of checkpoints; `weights`, the file that the first rank
//! writes in the end; `threads` of each rank, `all_reduce=true`, and `alone=true`, without a communicator. Ctrl-C ends the training on all ranks after the same step, and saves.

use std::collections::HashMap;
use std::f64::consts::PI;
use std::process::ExitCode;

use autograd::Tensor;
use mlp::train::{Communicator, Interrupt};
use mlp::{Activation, Adam, CrossEntropy, Dataset, Error, Mlp, Module, Result, Stopped, Trainer, io};
use mlp_mpi::World;
use rand::{RngExt, SeedableRng, rngs::StdRng};

fn main() -> ExitCode {
    mlp_mpi::run(train)
}

fn train(world: &World) -> Result<()> {
    let settings: HashMap<String, String> = std::env::args()
        .skip(1)
        .filter_map(|setting| setting.split_once('=').map(|(name, value)| (name.to_string(), value.to_string())))
        .collect();
    let text = |name: &str| settings.get(name);
    let number = |name: &'static str, usual: u64| match text(name).map(|value| value.parse()) {
        None => Ok(usual),
        Some(Ok(number)) => Ok(number),
        Some(Err(_)) => Err(Error::Invalid { what: name, why: format!("{} is no number", settings[name]) }),
    };
    world.set_all_reduce(text("all_reduce").is_some_and(|value| value == "true"));
    let (data, held_out) = spirals(600, 7)?.split(0.2, 1)?;
    let layers = Mlp::new(2).hidden(64, Activation::Tanh).hidden(64, Activation::Tanh).output(2, Activation::Identity);
    let model: Mlp = layers.build(&mut StdRng::seed_from_u64(number("seed", 0)?))?;
    let mut adam = Adam::new(&model.parameters(), 0.005);
    let mut trainer = Trainer::new().epochs(number("epochs", 150)? as usize).batch_size(48);
    if text("alone").is_none_or(|value| value != "true") {
        trainer = trainer.communicator(world);
    }
    if text("threads").is_some() {
        autograd::set_threads(number("threads", 1)? as usize);
    }
    trainer = trainer.parts(number("parts", 4)? as usize).callback(Interrupt::on_ctrl_c()?);
    if let Some(path) = text("save") {
        trainer = trainer.save_training(1, path).save_training_steps(1, path);
    }
    if let Some(path) = text("resume") {
        trainer = trainer.resume_from(path);
    }
    let history = trainer.fit(&model, &CrossEntropy, &mut adam, &data, Some(&held_out))?;
    if !world.is_first() {
        return Ok(());
    }
    let (last, ranks) = (history.last(), world.ranks());
    match (last.validation_accuracy, history.within) {
        (Some(share), _) => {
            println!("{ranks} ranks, {} epochs: {:.1} % of what was held out", last.epoch, 100.0 * share)
        }
        (None, Some(step)) => println!("{ranks} ranks: stopped after step {step} of epoch {}", last.epoch),
        (None, None) => {}
    }
    if let Some(path) = text("weights") {
        io::save(&model.parameters(), path)?;
    }
    if last.epoch >= 150 && history.stopped == Stopped::Epochs {
        assert!(last.validation_accuracy > Some(0.95), "the spirals are not told apart");
    }
    Ok(())
}

/// Points of two spirals that turn around each other one and a half times, with some noise.
fn spirals(n: usize, seed: u64) -> Result<Dataset> {
    let mut rng = StdRng::seed_from_u64(seed);
    let points: Vec<f64> = (0..n)
        .flat_map(|i| {
            let at: f64 = rng.random_range(0.1..1.0);
            let angle = 3.0 * PI * at + PI * (i % 2) as f64;
            let mut noise = || rng.random_range(-0.03..0.03);
            [at * angle.cos() + noise(), at * angle.sin() + noise()]
        })
        .collect();
    Dataset::new(Tensor::new([n, 2], points), (0..n).map(|i| i % 2).collect::<Vec<_>>())
}
