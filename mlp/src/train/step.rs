//! One step: the objective, and the checks before the parameters change.

use autograd::{Float, Gradients, Param, Parameters, Scalar, Tape, Var};

use super::Trainer;
use super::metric::Metric;
use super::sums::EpochSums;
use crate::error::shown;
use crate::loss::{self, Loss, weight};
use crate::nn::module::Module;
use crate::nn::probe::Probe;
use crate::optim::Optimizer;
use crate::{Dataset, Error};

/// The quantity to minimise: the mean loss of a model.
#[derive(Clone, Copy)]
pub(super) struct Objective<'r, T: Float> {
    pub(super) model: &'r dyn Module<T>,
    pub(super) loss: &'r dyn Loss<T>,
    /// What is computed beside it.
    pub(super) metrics: &'r [Metric<'r>],
}

impl<T: Float> Objective<'_, T> {
    /// Records the outputs for a batch and their mean loss, and adds both to `tally`.
    pub(super) fn record<'t>(
        self,
        tape: &'t Tape<T>,
        batch: &Dataset<T>,
        probe: &mut Probe,
        tally: &mut EpochSums,
    ) -> Result<Scalar<'t, T>, Error> {
        let y = self.model.forward_with(tape.constant(batch.inputs().clone()), probe);
        self.judge(y, batch, self.metrics, tally)
    }

    /// [`record`](Objective::record) from the outputs on.
    pub(super) fn judge<'t>(
        self,
        y: Var<'t, T>,
        batch: &Dataset<T>,
        metrics: &[Metric<'_>],
        tally: &mut EpochSums,
    ) -> Result<Scalar<'t, T>, Error> {
        let mean = loss::mean(self.loss, y, batch)?;
        tally.add(self.weight(batch), mean.value().to_f64(), y, self.loss, metrics, batch)?;
        Ok(mean)
    }

    /// How much samples of `data` count beside others.
    pub(super) fn weight_of(self, data: &Dataset<T>, samples: &[usize]) -> f64 {
        samples.iter().map(|&i| weight(self.loss, data, i)).sum()
    }

    /// How much a batch counts beside others: the number of its samples, or the sum of their weights.
    pub(super) fn weight(self, batch: &Dataset<T>) -> f64 {
        (0..batch.len()).map(|i| weight(self.loss, batch, i)).sum()
    }
}

/// How an epoch is cut into steps.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    /// The number of samples of a batch.
    pub(super) size: usize,
    /// The number of batches of a step.
    batches: usize,
    /// The number of samples of an epoch.
    kept: usize,
}

impl Cut {
    /// The number of samples of a step.
    fn per_step(self) -> usize {
        self.size.saturating_mul(self.batches)
    }

    /// The number of steps of an epoch.
    pub(super) fn steps(self) -> usize {
        self.kept.div_ceil(self.per_step())
    }

    /// The numbers of samples that the first and the last batch of an epoch have.
    pub(super) fn sizes(self) -> [usize; 2] {
        let first = self.size.min(self.kept);
        [first, Some(self.kept % self.size).filter(|&rest| rest > 0).unwrap_or(first)]
    }

    /// The number of samples of an epoch, and of a step: an epoch is continued with the same.
    pub(super) fn samples(self) -> [usize; 2] {
        [self.kept, self.per_step()]
    }
}

impl Trainer<'_> {
    /// The number of samples of a batch, of `n` samples in all.
    pub(super) fn samples(&self, n: usize) -> usize {
        self.batch_size.unwrap_or(n)
    }

    /// How an epoch over `n` samples is cut into steps.
    pub(super) fn cut(&self, n: usize) -> Cut {
        let size = self.samples(n);
        Cut { size, batches: self.accumulate, kept: if self.drop_last { n / size * size } else { n } }
    }
}

/// The position of a step in a training.
#[derive(Clone, Copy)]
pub(super) struct StepPosition {
    /// The epoch, from 1.
    pub(super) epoch: usize,
    /// The batch within the epoch, from 1.
    pub(super) batch: usize,
    /// Whether it is the first step of this call of `fit`.
    pub(super) first: bool,
}

/// Takes a step with the gradients, clipped on request, and returns their norm. It rejects gradients that are not
/// finite, and a model that no gradient reaches in its first step, if samples of any `weight` are in that.
pub(super) fn descend<T: Float>(
    trainer: &Trainer<'_>,
    parameters: &Parameters<T>,
    optimizer: &mut dyn Optimizer<T>,
    mut grads: Gradients<'_, T>,
    (place, weight): (StepPosition, f64),
) -> Result<f64, Error> {
    // One parallel pass checks everything: one gradient value that is not finite makes the norm not finite.
    let norm = grads.clip_norm(parameters, trainer.clip_norm.unwrap_or(f64::MAX));
    if !norm.is_finite() {
        check_gradients(trainer, parameters, optimizer, &grads, place)?;
    }
    if place.first && norm == 0.0 && weight > 0.0 && parameters.params().all(|param| grads.of(param).is_none()) {
        let repair = "look for a detach(), for a function whose derivative is 0, such as unit_step, which StraightThrough trains, or \
                      for parameters that forward() uses and parameters() does not name";
        return Err(Error::invalid("training", format!("no gradient reaches a parameter of the model; {repair}")));
    }
    optimizer.step(&grads);
    Ok(norm)
}

/// `Ok` if the norm is not finite only because it overflows, and no clipping needs it.
fn check_gradients<T: Float>(
    trainer: &Trainer<'_>,
    parameters: &Parameters<T>,
    optimizer: &dyn Optimizer<T>,
    grads: &Gradients<'_, T>,
    StepPosition { epoch, batch, .. }: StepPosition,
) -> Result<(), Error> {
    let wrong = |param: &Param<T>| grads.of(param)?.as_slice().iter().copied().find(|x| !x.is_finite());
    let rate = shown(optimizer.learning_rate());
    let problem = match parameters.iter().find_map(|(name, param)| Some((name, wrong(param)?))) {
        Some((name, x)) => {
            format!("the gradient of `{name}` holds {x} in epoch {epoch}, batch {batch}, though the loss is finite")
        }
        None if trainer.clip_norm.is_some() => {
            format!("the norm of the gradients in epoch {epoch}, batch {batch} is too large to be clipped")
        }
        None => return Ok(()),
    };
    let repair = format!(
        "lower the learning rate (now {rate}), or look for a derivative that is not finite, as that of a root at 0: \
         Tape::check_finite names it"
    );
    Err(Error::invalid("training", format!("{problem}; {repair}")))
}

/// The error for a value that is no longer finite.
pub(super) fn exploded<T: Float>(problem: String, optimizer: &dyn Optimizer<T>) -> Error {
    let rate = shown(optimizer.learning_rate());
    let repair = format!("lower the learning rate (now {rate}), or bring inputs and targets nearer to 1");
    Error::invalid("training", format!("{problem}; {repair}"))
}

/// A separate seed for each epoch and step: the three numbers mixed by SplitMix64 (Steele, Lea & Flood 2014).
pub(super) fn derive(seed: u64, epoch: usize, step: usize) -> u64 {
    [epoch as u64, step as u64].into_iter().fold(seed, |state, number| {
        let z = (state ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}
