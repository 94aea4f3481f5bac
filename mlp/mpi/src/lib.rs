//! Training of `mlp` on several processes and machines, over MPI.
//!
//! Every process runs the same program, makes the same model, optimiser and data from the same seed, and trains with the
//! communicator of a [`World`]:
//!
//! ```no_run
//! use autograd::Tensor;
//! use mlp::{Activation, Adam, Dataset, Mlp, Module, Mse, Trainer};
//! use rand::{SeedableRng, rngs::StdRng};
//!
//! fn main() -> std::process::ExitCode {
//!     mlp_mpi::run(|world| {
//!         let x = Tensor::from_fn([256, 2], |i| (0.1 * i[0] as f64 + i[1] as f64).sin());
//!         let data = Dataset::new(x.clone(), x.sum_axis(1).reshape([256, 1]))?;
//!         let layers = Mlp::new(2).hidden(32, Activation::Tanh).output(1, Activation::Identity);
//!         let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
//!         let mut adam = Adam::new(&model.parameters(), 0.01);
//!         let trainer = Trainer::new().parts(8).communicator(world).save_training(10, "training.safetensors");
//!         let history = trainer.fit(&model, &Mse, &mut adam, &data, None)?;
//!         if world.is_first() {
//!             println!("loss {:.4}", history.last().loss);
//!         }
//!         Ok::<(), mlp::Error>(())
//!     })
//! }
//! ```
//!
//! ```text
//! mpirun -n 4 target/release/program
//! ```
//!
//! The weights are the same to the bit for any number of processes, also for one, and without MPI: they depend on the number of
//! [parts](mlp::Trainer::parts) of a batch, which the user fixes. What the trainer does on each rank is described at
//! [`Trainer::communicator`](mlp::Trainer::communicator). The README of this crate says how to run on one machine, on several and under Slurm,
//! and what to expect.
//!
//! It needs an MPI library with headers and a C compiler (Debian: `libopenmpi-dev`, `openmpi-bin`, `libclang-dev`), and is built only when it is named:
//! `cargo build -p mlp-mpi`.

mod outgoing;
mod run;
mod world;

pub use run::run;
pub use world::World;
