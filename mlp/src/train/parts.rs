//! The passes over a batch in parts, and the number of parts that is fastest.

use std::time::{Duration, Instant};

use autograd::{Float, Gradients, Parameters, Tape, backward_in_parts, threads};

use super::step::{Objective, derive};
use super::sums::EpochSums;
use super::training_loop::{set, values};
use crate::nn::probe::Probe;
use crate::{Dataset, Error};

/// The samples of each part of a batch of `n`.
pub(super) fn parts(n: usize, parts: usize) -> impl Iterator<Item = Vec<usize>> {
    let size = n.div_ceil(parts);
    (0..n).step_by(size).map(move |from| (from..n.min(from + size)).collect())
}

/// The parts of a batch, each with its seed.
pub(super) fn seeded<T: Float>(
    batch: &Dataset<T>,
    number: usize,
    seed: u64,
) -> impl Iterator<Item = (Dataset<T>, u64)> + '_ {
    let seed = move |part| if number == 1 { seed } else { derive(seed, part, 0) };
    let part = move |samples: Vec<usize>| if number == 1 { batch.clone() } else { batch.take(&samples) };
    parts(batch.len(), number).enumerate().map(move |(at, samples)| (part(samples), seed(at)))
}

/// The gradients of the loss of a batch, with one part on each tape, and its sums.
///
/// The mean loss counts by the share of the batch in `whole`, the sum of weights of the step. There are no gradients if
/// the loss is not finite.
pub(super) fn sweep<'t, T: Float>(
    goal: Objective<'_, T>,
    tapes: &'t mut [Tape<T>],
    batch: &Dataset<T>,
    seed: u64,
    whole: f64,
) -> Result<(Option<Gradients<'t, T>>, EpochSums), Error> {
    let share = |part: &Dataset<T>| if whole == 0.0 { 0.0 } else { goal.weight(part) / whole };
    let parts: Vec<(Dataset<T>, u64)> = seeded(batch, tapes.len(), seed).collect();
    let mut tally = EpochSums::default();
    if tapes.len() == 1 {
        let (tape, (part, seed)) = (&mut tapes[0], &parts[0]);
        tape.clear();
        tape.train(*seed);
        let mean = goal.record(tape, part, &mut Probe::off(), &mut tally)?;
        let gradients = tally.loss().is_finite().then(|| (mean * share(part)).backward());
        return Ok((gradients, tally));
    }
    let (gradients, found) = backward_in_parts(&mut tapes[..parts.len()], |at, tape| {
        let (part, seed) = &parts[at];
        tape.train(*seed);
        let mut tally = EpochSums::default();
        match goal.record(tape, part, &mut Probe::off(), &mut tally) {
            Ok(mean) => (mean * share(part), Ok(tally)),
            Err(error) => (tape.scalar_constant(T::zero()), Err(error)),
        }
    });
    for part in found {
        tally += part?;
    }
    Ok((Some(gradients).filter(|_| tally.loss().is_finite()), tally))
}

/// The number of parts, a power of 2, in which the passes over a batch take the least time; nothing changes.
pub(super) fn measured<T: Float>(
    goal: Objective<'_, T>,
    state: &Parameters<T>,
    batch: &Dataset<T>,
    seed: u64,
) -> Result<usize, Error> {
    let most = threads().min(batch.len());
    let before = values(state);
    let whole = goal.weight(batch);
    let time = |parts: usize| {
        let mut tapes: Vec<Tape<T>> = (0..parts).map(|_| Tape::default()).collect();
        let mut least = Duration::MAX;
        for _ in 0..MEASURED {
            let begun = Instant::now();
            sweep(goal, &mut tapes, batch, seed, whole)?;
            least = least.min(begun.elapsed());
        }
        Ok::<_, Error>((least, parts))
    };
    let found = std::iter::successors(Some(1), |parts| Some(2 * parts)).take_while(|parts| *parts <= most).map(time);
    let found = found.collect::<Result<Vec<_>, _>>();
    set(state, &before); // the passes may have moved buffers
    Ok(found?.into_iter().min().map_or(1, |(_, parts)| parts))
}

/// The number of passes, of which the fastest counts; the first grow the tape's memory.
const MEASURED: usize = 4;
