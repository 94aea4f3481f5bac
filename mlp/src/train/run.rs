//! [`Run`]: the steps of one training, and the measuring between them.

use autograd::{Float, Gradients, Param, Parameters, Scalar, Tape, Tensor, Var, backward_in_parts};
use indicatif::ProgressBar;

use super::Trainer;
use super::tally::Tally;
use crate::flow::{Flow, Probe};
use crate::loss::Loss;
use crate::module::Module;
use crate::optim::Optimizer;
use crate::{Dataset, Error};

/// What is trained, how, and how far it has come.
pub(super) struct Run<'r, 'a, T: Float> {
    pub(super) trainer: &'r Trainer<'a>,
    pub(super) goal: Goal<'r, T>,
    /// The model's.
    pub(super) parameters: Parameters<T>,
    pub(super) optimizer: &'r mut dyn Optimizer<T>,
    /// One for each part of a batch.
    pub(super) tapes: Vec<Tape<T>>,
    pub(super) steps: usize,
    pub(super) bar: &'r ProgressBar,
}

/// What is minimised.
#[derive(Clone, Copy)]
pub(super) struct Goal<'r, T: Float> {
    pub(super) model: &'r dyn Module<T>,
    pub(super) loss: &'r dyn Loss<T>,
}

impl<T: Float> Goal<'_, T> {
    /// Records the outputs for a batch and their mean loss, and adds both to a tally.
    fn record<'t>(
        self,
        tape: &'t Tape<T>,
        batch: &Dataset<T>,
        probe: &mut Probe,
        tally: &mut Tally,
    ) -> Result<Scalar<'t, T>, Error> {
        let y: Var<'t, T> = self.model.forward_with(tape.constant(batch.inputs().clone()), probe);
        let mean = self.loss.mean(y, batch.targets())?;
        tally.add(batch.len(), mean.value().to_f64(), y, self.loss, batch.targets())?;
        Ok(mean)
    }
}

impl<T: Float> Run<'_, '_, T> {
    /// Shows every sample once, with a step after each batch.
    pub(super) fn epoch(&mut self, number: usize, data: &Dataset<T>) -> Result<Tally, Error> {
        let mut tally = Tally::default();
        let Trainer { seed, .. } = *self.trainer;
        let batches = data.batches(self.trainer.samples(data), Some(derive(seed, number, 0)))?;
        for (i, samples) in batches.samples().enumerate() {
            self.steps += 1;
            let place = (number, i + 1);
            let seed = derive(seed, number, i + 1);
            tally += match self.tapes.len() {
                1 => self.step(&data.take(samples), seed, place)?,
                _ => self.step_in_parts(data, samples, seed, place)?,
            };
        }
        self.tapes[0].clear();
        self.tapes[0].evaluate();
        self.refuse_what_is_not_finite(number)?;
        Ok(tally)
    }

    /// `Ok` if all parameters are numbers to go on with: of a finite loss the derivative need not be finite.
    fn refuse_what_is_not_finite(&self, epoch: usize) -> Result<(), Error> {
        let is_finite = |param: &Param<T>| param.value().as_slice().iter().all(|value| value.is_finite());
        let Some((name, _)) = self.parameters.iter().find(|(_, param)| !is_finite(param)) else { return Ok(()) };
        let rate = self.optimizer.learning_rate();
        let problem =
            format!("the parameter `{name}` became NaN or infinite in epoch {epoch}, though the loss is finite");
        let repair = format!(
            "lower the learning rate (now {rate}), or look for a derivative that is not finite, as that of a root at 0: \
             Tape::check_finite names it"
        );
        Err(Error::invalid("training", format!("{problem}; {repair}")))
    }

    /// A step along the gradient of a batch.
    fn step(&mut self, batch: &Dataset<T>, seed: u64, place: (usize, usize)) -> Result<Tally, Error> {
        let mut probe = if self.flow_is_due() { Probe::on() } else { Probe::off() };
        let (tape, mut tally) = (&mut self.tapes[0], Tally::default());
        tape.clear();
        tape.train(seed);
        let mean = self.goal.record(tape, batch, &mut probe, &mut tally)?;
        check(&tally, self.optimizer, place)?;
        let (flow, grads) = probe.backward(mean, self.goal.model);
        let before = flow.as_ref().map(|_| values(&self.parameters));
        descend(self.trainer, &self.parameters, self.optimizer, grads);
        self.show(flow.zip(before));
        Ok(tally)
    }

    /// The same with the batch in parts.
    fn step_in_parts(
        &mut self,
        data: &Dataset<T>,
        samples: &[usize],
        seed: u64,
        place: (usize, usize),
    ) -> Result<Tally, Error> {
        let goal = self.goal;
        let seen = if self.flow_is_due() { Some(self.look(&data.take(samples), seed)?) } else { None };
        let parts: Vec<&[usize]> = samples.chunks(samples.len().div_ceil(self.tapes.len())).collect();
        let (grads, found) = backward_in_parts(&mut self.tapes[..parts.len()], |part, tape| {
            tape.train(derive(seed, part, 0));
            let (batch, mut tally) = (data.take(parts[part]), Tally::default());
            match goal.record(tape, &batch, &mut Probe::off(), &mut tally) {
                Ok(mean) => (mean * (batch.len() as f64 / samples.len() as f64), Ok(tally)),
                Err(error) => (tape.scalar_constant(T::zero()), Err(error)),
            }
        });
        let mut tally = Tally::default();
        for part in found {
            tally += part?;
        }
        check(&tally, self.optimizer, place)?;
        descend(self.trainer, &self.parameters, self.optimizer, grads);
        self.show(seen);
        Ok(tally)
    }

    /// The flow through the model for a whole batch, which takes a pass of its own, and the parameters' values.
    fn look(&mut self, batch: &Dataset<T>, seed: u64) -> Result<(Flow, Vec<Tensor<T>>), Error> {
        let (tape, mut probe) = (&mut self.tapes[0], Probe::on());
        tape.clear();
        tape.train(seed);
        let mean = self.goal.record(tape, batch, &mut probe, &mut Tally::default())?;
        let (flow, _) = probe.backward(mean, self.goal.model);
        Ok((flow.expect("the probe is on"), values(&self.parameters)))
    }

    fn flow_is_due(&self) -> bool {
        self.trainer.flow.borrow().as_ref().is_some_and(|(every, _)| (self.steps - 1).is_multiple_of(*every))
    }

    /// Shows a flow with what became of the parameters, whose values before the step are given.
    fn show(&self, seen: Option<(Flow, Vec<Tensor<T>>)>) {
        if let (Some((flow, before)), Some((_, show))) = (seen, &mut *self.trainer.flow.borrow_mut()) {
            let flow = flow.with_updates(&before, &self.parameters);
            self.bar.suspend(|| show(self.steps, &flow)); // what it prints stays above the bar
        }
    }

    /// The losses of data that nothing is learnt from.
    pub(super) fn evaluate(&mut self, data: &Dataset<T>) -> Result<Tally, Error> {
        let (tape, mut tally) = (&mut self.tapes[0], Tally::default());
        for batch in data.batches(self.trainer.samples(data), None)? {
            tape.clear();
            self.goal.record(tape, &batch, &mut Probe::off(), &mut tally)?;
        }
        Ok(tally)
    }
}

/// What the parameters are now.
fn values<T: Float>(parameters: &Parameters<T>) -> Vec<Tensor<T>> {
    parameters.params().map(Param::value).collect()
}

/// A step along gradients, clipped if it was asked for.
fn descend<T: Float>(
    trainer: &Trainer<'_>,
    parameters: &Parameters<T>,
    optimizer: &mut dyn Optimizer<T>,
    mut grads: Gradients<'_, T>,
) {
    if let Some(most) = trainer.clip_norm {
        grads.clip_norm(parameters, most);
    }
    optimizer.step(&grads);
}

/// `Ok` if the loss of a batch is a number to step along.
fn check<T: Float>(tally: &Tally, optimizer: &dyn Optimizer<T>, (epoch, batch): (usize, usize)) -> Result<(), Error> {
    let value = tally.loss();
    finite(value, optimizer, || format!("the loss became {value} in epoch {epoch}, batch {batch}"))
}

/// `Ok` if a loss is neither infinite nor NaN.
pub(super) fn finite<T: Float>(
    value: f64,
    optimizer: &dyn Optimizer<T>,
    problem: impl FnOnce() -> String,
) -> Result<(), Error> {
    if value.is_finite() {
        return Ok(());
    }
    let rate = optimizer.learning_rate();
    let repair = format!("lower the learning rate (now {rate}), or bring inputs and targets nearer to 1");
    Err(Error::invalid("training", format!("{}; {repair}", problem())))
}

/// A seed of its own for each epoch and step: SplitMix64's mixing (Steele, Lea & Flood 2014) of the three numbers.
fn derive(seed: u64, epoch: usize, step: usize) -> u64 {
    [epoch as u64, step as u64].into_iter().fold(seed, |state, number| {
        let z = (state ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}
