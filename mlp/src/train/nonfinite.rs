//! The first operation whose value or gradient is not finite.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use autograd::{Float, Parameters, Tape};

use super::step::Objective;
use super::sums::EpochSums;
use super::training_loop::{set, values};
use crate::nn::probe::Probe;
use crate::{Dataset, Error};

/// Adds the first operation that is not finite to an error, if passing over the batch again finds one.
///
/// The batch comes in its parts, each with its seed.
pub(super) fn named<T: Float>(
    error: Error,
    goal: Objective<'_, T>,
    state: &Parameters<T>,
    parts: impl Iterator<Item = (Dataset<T>, u64)>,
) -> Error {
    let Error::Invalid { what, why } = error else { return error };
    let before = values(state);
    let found = parts.into_iter().find_map(|(batch, seed)| first(goal, &batch, seed));
    set(state, &before); // the pass may have moved buffers
    match found {
        Some(found) => Error::Invalid { what, why: format!("{why}; the first such value: {found}") },
        None => Error::Invalid { what, why },
    }
}

/// What the tape says of the first value or gradient that is not finite, and where it was recorded.
fn first<T: Float>(goal: Objective<'_, T>, batch: &Dataset<T>, seed: u64) -> Option<String> {
    // The tape tells by a panic.
    if !cfg!(panic = "unwind") || std::thread::panicking() {
        return None;
    }
    let pass = || {
        let tape = Tape::default();
        tape.train(seed);
        tape.check_finite();
        let goal = Objective { metrics: &[], ..goal };
        if let Ok(mean) = goal.record(&tape, batch, &mut Probe::off(), &mut EpochSums::default()) {
            mean.backward();
        }
    };
    let panic = quietly(|| catch_unwind(AssertUnwindSafe(pass))).err()?;
    let text = panic.downcast_ref::<String>()?;
    // The operation and its line; the ranges of inputs may have hundreds of digits.
    Some(text.lines().take(2).map(str::trim).collect::<Vec<_>>().join(", "))
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f`, whose panics on this thread are not printed.
fn quietly<R>(f: impl FnOnce() -> R) -> R {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
    QUIET.set(true);
    let result = f(); // catches its panics
    QUIET.set(false);
    result
}
