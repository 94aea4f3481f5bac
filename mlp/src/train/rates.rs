//! [`Trainer::find_rate`]: the rate range test.

use autograd::Float;
use serde::{Deserialize, Serialize};

use super::Trainer;
use super::ranks::Ranks;
use super::source::Source;
use super::start;
use super::step::Objective;
use super::training_loop::{TrainingLoop, set, values};
use crate::error::shown;
use crate::loss::Loss;
use crate::nn::module::Module;
use crate::optim::{Optimizer, is_rate};
use crate::{Dataset, Error};

/// The learning rates that [`Trainer::find_rate`] tries: `steps` rates from `from` to `to`, in equal ratios.
///
/// ```
/// let range = mlp::train::RateRange::default();
/// assert_eq!((range.from, range.to, range.steps), (1e-7, 10.0, 100));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateRange {
    /// The first rate.
    pub from: f64,
    /// The last rate.
    pub to: f64,
    /// The number of steps, at least 2.
    pub steps: usize,
}

impl Default for RateRange {
    fn default() -> Self {
        RateRange { from: 1e-7, to: 10.0, steps: 100 }
    }
}

/// The results of [`Trainer::find_rate`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RateTest {
    /// The rates that were tried; fewer than asked for if the loss exploded.
    pub rates: Vec<f64>,
    /// The loss of the batch of each step, before the step.
    pub losses: Vec<f64>,
    /// The smoothed losses: means over the losses so far with weights that fall by β = 0.9 for each step back.
    pub smoothed: Vec<f64>,
    /// The rate at which the loss falls fastest for a given factor of the rate; `None` if it never falls.
    pub suggestion: Option<f64>,
}

impl Trainer<'_> {
    /// Tries growing learning rates, one step each, and suggests one (the rate range test of Smith 2017, in the form of
    /// Smith & Topin 2018 and of the library fastai).
    ///
    /// The steps are those of [`fit`](Trainer::fit) with these settings: batches, parts, clipping, seed. It stops where
    /// the [smoothed](RateTest::smoothed) loss exceeds 4 times its minimum, or is no longer finite. The suggestion is the rate
    /// η at which the slope `ds/d(ln η)`, as a central difference, is lowest. Here `s` is the loss up to that minimum,
    /// smoothed to both sides with weights that fall by 0.9 for each step away, so that it does not lag behind the rate. It is
    /// a starting point, not an optimum: it comes from one pass of few steps, and moves with seed and batch size.
    ///
    /// Each of several [ranks](Trainer::communicator) tries all batches by itself, with the same result.
    ///
    /// Model and optimiser have the same state and learning rate afterwards, also after an error. Callbacks, observers,
    /// schedules and checkpoints are left out.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::{Activation, Dataset, Mlp, Module, Mse, Sgd, Trainer, train::RateRange};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let x = Tensor::from_fn([64, 2], |i| ((i[0] * 2 + i[1]) as f64).sin());
    /// let data = Dataset::new(x.clone(), x.sum_axis(1).reshape([64, 1]))?;
    /// let layers = Mlp::new(2).hidden(8, Activation::Tanh).output(1, Activation::Identity);
    /// let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
    /// let mut sgd = Sgd::new(&model.parameters(), 0.1);
    /// let test = Trainer::new().find_rate(&model, &Mse, &mut sgd, &data, RateRange::default())?;
    /// let rate = test.suggestion.unwrap();
    /// assert!((1e-3..1.0).contains(&rate), "{rate}");
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Trainer::fit) before its first step; if the range is none; if the loss is not finite at the first three
    /// rates.
    pub fn find_rate<T: Float>(
        &self,
        model: &dyn Module<T>,
        loss: &dyn Loss<T>,
        optimizer: &mut dyn Optimizer<T>,
        data: &Dataset<T>,
        range: RateRange,
    ) -> Result<RateTest, Error> {
        let RateRange { from, to, steps } = range;
        if !(from > 0.0 && from < to && is_rate::<T>(from) && is_rate::<T>(to) && steps >= 2) {
            let (from, to) = (shown(from), shown(to));
            let why =
                format!("{steps} steps from {from} to {to} are no range; it needs 2 rates, of which 0 < from < to");
            return Err(Error::invalid("find_rate", why));
        }
        let (parameters, state) = (model.parameters(), model.state());
        let goal = Objective { model, loss, metrics: &[] };
        self.check_settings(&parameters)?;
        let alone = Ranks::new(None);
        self.check_parts(&model.buffers(), &alone)?;
        self.check_cut(data.len())?;
        start::check_optimizer(&parameters, optimizer)?;
        let mut source = Source::memory(self, data);
        let first = source.check(goal, 1)?;
        let parts = self.parts_of(goal, &state, &first, None)?;
        let before = values(&state);
        let (memory, rate) = (optimizer.state(), optimizer.learning_rate());
        let quiet = Trainer {
            batch_size: self.batch_size,
            accumulate: self.accumulate,
            drop_last: self.drop_last,
            seed: self.seed,
            clip_norm: self.clip_norm,
            ..Trainer::new()
        };
        optimizer.train();
        let run = TrainingLoop::new(&quiet, goal, (parameters, state.clone()), &mut *optimizer, parts, &alone);
        let found = tried(run, source, goal, range);
        set(&state, &before);
        optimizer.set_state(&memory)?;
        optimizer.set_learning_rate(rate);
        let (rates, losses) = found?;
        let smoothed = smooth(&losses);
        let suggestion = steepest(&rates, &losses);
        Ok(RateTest { rates, losses, smoothed, suggestion })
    }
}

/// The rates that were tried, and the losses before their steps.
fn tried<T: Float>(
    mut run: TrainingLoop<'_, '_, T>,
    mut source: Source<'_, T>,
    goal: Objective<'_, T>,
    RateRange { from, to, steps }: RateRange,
) -> Result<(Vec<f64>, Vec<f64>), Error> {
    let (mut rates, mut losses) = (Vec::with_capacity(steps), Vec::with_capacity(steps));
    for epoch in 1.. {
        for (i, batches) in source.steps(goal, run.ranks, epoch)?.enumerate() {
            if rates.len() == steps {
                return Ok((rates, losses));
            }
            let along = rates.len() as f64 / (steps - 1) as f64;
            let rate = from.powf(1.0 - along) * to.powf(along); // to/from may be beyond all numbers
            run.optimizer.set_learning_rate(rate);
            match run.step(&batches?, epoch, i) {
                Ok((tally, _)) => {
                    rates.push(rate);
                    losses.push(tally.loss());
                }
                // The rate was too high.
                Err(Error::Invalid { what: "training", .. }) if rates.len() >= 3 => return Ok((rates, losses)),
                Err(error) => return Err(error),
            }
            let smoothed = smooth(&losses);
            let least = smoothed.iter().copied().fold(f64::INFINITY, f64::min);
            if losses.len() >= 3 && smoothed.last().is_some_and(|last| *last > 4.0 * least && least > 0.0) {
                return Ok((rates, losses));
            }
        }
    }
    unreachable!("an epoch has at least one step")
}

/// The weight of a loss in a mean, against that of the loss one step nearer.
const BETA: f64 = 0.9;

/// The means over the losses so far.
fn smooth(losses: &[f64]) -> Vec<f64> {
    sums(losses.iter()).map(|(sum, weights)| sum / weights).collect()
}

/// The sums of the losses so far, and of their weights.
fn sums<'l>(losses: impl Iterator<Item = &'l f64>) -> impl Iterator<Item = (f64, f64)> {
    losses.scan((0.0, 0.0), |(sum, weights), loss| {
        (*sum, *weights) = (BETA * *sum + loss, BETA * *weights + 1.0);
        Some((*sum, *weights))
    })
}

/// The rate, at most that of the lowest loss, at which the loss falls fastest over the logarithm of the rate.
fn steepest(rates: &[f64], losses: &[f64]) -> Option<f64> {
    let so_far = smooth(losses);
    let lowest = (0..losses.len()).min_by(|&a, &b| so_far[a].total_cmp(&so_far[b]))?;
    let falling = &losses[..=lowest]; // an explosion behind it would outweigh everything
    let (before, mut behind): (Vec<_>, Vec<_>) = (sums(falling.iter()).collect(), sums(falling.iter().rev()).collect());
    behind.reverse();
    let both = |i: usize| {
        let ((sum, n), (other, m)) = (before[i], behind[i]);
        (sum + other - falling[i]) / (n + m - 1.0) // both sums hold the loss itself
    };
    let smoothed: Vec<f64> = (0..falling.len()).map(both).collect();
    let slope = |i: usize| (smoothed[i + 1] - smoothed[i - 1]) / (rates[i + 1] / rates[i - 1]).ln();
    let best = (1..lowest).min_by(|&a, &b| slope(a).total_cmp(&slope(b)))?;
    (slope(best) < 0.0).then(|| rates[best])
}
