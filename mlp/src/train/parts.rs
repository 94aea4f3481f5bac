//! The passes over a batch in parts, and the number of parts that is fastest.

use std::time::{Duration, Instant};

use autograd::{Float, Gradients, Parameters, Scalar, Tape, backward_in_parts, gradients_by_part, threads};

use super::ranks::{Chain, Ranks, reduced};
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
    seeded_of(batch, number, seed, parts(batch.len(), number).enumerate())
}

/// Some of the parts of a batch: the number and the samples of each.
fn seeded_of<'b, T: Float>(
    batch: &'b Dataset<T>,
    number: usize,
    seed: u64,
    some: impl Iterator<Item = (usize, Vec<usize>)> + 'b,
) -> impl Iterator<Item = (Dataset<T>, u64)> + 'b {
    let seed = move |part| if number == 1 { seed } else { derive(seed, part, 0) };
    let part = move |samples: Vec<usize>| if number == 1 { batch.clone() } else { batch.take(&samples) };
    some.map(move |(at, samples)| (part(samples), seed(at)))
}

/// A pass over a batch in parts.
#[derive(Clone, Copy)]
pub(super) struct Pass<'p, T: Float> {
    pub(super) goal: Objective<'p, T>,
    pub(super) batch: &'p Dataset<T>,
    /// The number of parts.
    pub(super) parts: usize,
    pub(super) seed: u64,
    /// The sum of weights of the step: the mean loss counts by the share of the batch in it.
    pub(super) whole: f64,
}

impl<'p, T: Float> Pass<'p, T> {
    /// The gradients of the loss of the batch, with one part on each tape, and its sums; no gradients if the loss is not finite.
    pub(super) fn sweep<'t>(self, tapes: &'t mut [Tape<T>]) -> Result<(Option<Gradients<'t, T>>, EpochSums), Error> {
        let parts: Vec<(Dataset<T>, u64)> = seeded(self.batch, self.parts, self.seed).collect();
        if self.parts == 1 {
            let (loss, sums) = self.record(&mut tapes[0], &parts[0])?;
            return Ok((sums.loss().is_finite().then(|| loss.backward()), sums));
        }
        let mut sums = EpochSums::default();
        let (gradients, found) = backward_in_parts(&mut tapes[..parts.len()], |at, tape| self.part(tape, &parts[at]));
        for part in found {
            sums += part?;
        }
        Ok((Some(gradients).filter(|_| sums.loss().is_finite()), sums))
    }

    /// [`sweep`](Pass::sweep) with the parts divided among the ranks; each has the gradients of all.
    ///
    /// A rank with a single part passes on the gradient with respect to a parameter as soon as the sweep has it.
    pub(super) fn sweep_over<'t>(
        self,
        ranks: &Ranks<'_>,
        tapes: &'t mut [Tape<T>],
        parameters: &Parameters<T>,
    ) -> Result<(Option<Gradients<'t, T>>, EpochSums), Error> {
        let all: Vec<Vec<usize>> = parts(self.batch.len(), self.parts).collect();
        let own = ranks.own(all.len());
        let some = all.into_iter().enumerate().skip(own.start).take(own.len());
        let own: Vec<(Dataset<T>, u64)> = seeded_of(self.batch, self.parts, self.seed, some).collect();
        let reduces = ranks.reduces();
        let whole = parameters.params().all(|param| !param.is_by_rows());
        let (sums, given) = if let ([part], false, true) = (&own[..], reduces, whole) {
            let (loss, sums) = self.record(&mut tapes[0], part)?;
            let mut chain = Chain::new(ranks, parameters);
            let mut failed = None;
            loss.backward_each(|param, gradients| {
                if failed.is_none() {
                    failed = chain.pass(param, &[gradients]).err();
                }
            });
            match failed {
                Some(error) => return Err(error),
                None => (vec![sums], chain.finish(&[])?),
            }
        } else {
            let (gradients, found) = match own.len() {
                0 => (Vec::new(), Vec::new()), // a short batch has fewer parts
                parts => gradients_by_part(&mut tapes[..parts], |at, tape| self.part(tape, &own[at])),
            };
            let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
            let gradients: Vec<&Gradients<'_, T>> = gradients.iter().collect();
            let given = match reduces {
                true => reduced(ranks, parameters, &gradients)?,
                false => Chain::new(ranks, parameters).finish(&gradients)?,
            };
            (found, given)
        };
        let mut all = EpochSums::default();
        for rank in ranks.shared(sums, |sums| EpochSums::packed(sums), EpochSums::unpacked)? {
            rank.into_iter().for_each(|part| all += part);
        }
        let gradients = all.loss().is_finite().then(|| Gradients::given(&mut tapes[0], given));
        Ok((gradients, all))
    }

    /// Records a part, on a tape that is cleared first: its share in the loss of the step, and its sums.
    fn record<'t>(
        self,
        tape: &'t mut Tape<T>,
        (part, seed): &(Dataset<T>, u64),
    ) -> Result<(Scalar<'t, T>, EpochSums), Error> {
        tape.clear();
        self.recorded(tape, (part, *seed))
    }

    fn recorded<'t>(
        self,
        tape: &'t Tape<T>,
        (part, seed): (&Dataset<T>, u64),
    ) -> Result<(Scalar<'t, T>, EpochSums), Error> {
        tape.train(seed);
        let mut sums = EpochSums::default();
        let mean = self.goal.record(tape, part, &mut Probe::off(), &mut sums)?;
        let share = if self.whole == 0.0 { 0.0 } else { self.goal.weight(part) / self.whole };
        Ok((mean * share, sums))
    }

    /// [`recorded`](Pass::recorded) for a function that has to return a number.
    fn part<'t>(
        self,
        tape: &'t Tape<T>,
        (part, seed): &(Dataset<T>, u64),
    ) -> (Scalar<'t, T>, Result<EpochSums, Error>) {
        match self.recorded(tape, (part, *seed)) {
            Ok((loss, sums)) => (loss, Ok(sums)),
            Err(error) => (tape.scalar_constant(T::zero()), Err(error)),
        }
    }
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
            Pass { goal, batch, parts, seed, whole }.sweep(&mut tapes)?;
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
