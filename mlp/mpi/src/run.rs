//! [`run`]: the main function of a program on several ranks.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use mlp::train::Communicator;

use crate::World;

/// How long a rank waits for the one that failed to end the job.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much longer the next rank waits, which then finds the job ended.
const STAGGER: Duration = Duration::from_secs(1);

/// Runs `work` as one rank of a job; the main function of a program.
///
/// Where `work` fails or panics on a rank, that rank says why, in one line that begins with `error:` and its number, and the whole job ends
/// with status 1. Ranks that only heard of it, by [`Error::Rank`](mlp::Error::Rank), leave it to
/// that rank; of one that ended without training, the first that waited for it tells. A rank that is killed ends
/// the job by `mpirun`.
///
/// See the [front page](crate) for an example.
pub fn run<E: Into<Box<dyn Error>>>(work: impl FnOnce(&World) -> Result<(), E>) -> ExitCode {
    let world = match World::new() {
        Ok(world) => world,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    match catch_unwind(AssertUnwindSafe(|| work(&world).map_err(Into::into))) {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(error)) => match error.downcast_ref() {
            Some(mlp::Error::Rank { .. }) => {
                // Where no rank has failed, as one that ended early, the first that still waits says what it heard.
                thread::sleep(PATIENCE + STAGGER * world.rank() as u32);
                eprintln!("error: {error}");
            }
            _ if world.ranks() == 1 => {
                eprintln!("error: {error}");
                return ExitCode::FAILURE;
            }
            _ => eprintln!("error: rank {}: {error}", world.rank()),
        },
        Err(_) => {} // the panic has printed its message
    }
    world.abort(1)
}
