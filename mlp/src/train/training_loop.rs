//! [`TrainingLoop`]: the epochs of one training, and the validation between them.

use autograd::{Float, Param, Parameters, Tape, Tensor, backward_in_parts};
use indicatif::ProgressBar;

use super::start::not_finite;
use super::step::{Objective, StepPosition, descend, exploded};
use super::sums::EpochSums;
use super::{Every, Trainer};
use crate::error::shown;
use crate::nn::observe::Observer;
use crate::nn::probe::Probe;
use crate::optim::Optimizer;
use crate::{Dataset, Error};

/// The state of one training.
pub(super) struct TrainingLoop<'r, 'a, T: Float> {
    trainer: &'r Trainer<'a>,
    goal: Objective<'r, T>,
    /// The parameters of the model.
    pub(super) parameters: Parameters<T>,
    /// Its parameters and buffers, which an explosion spoils together.
    state: Parameters<T>,
    pub(super) optimizer: &'r mut dyn Optimizer<T>,
    /// One tape per part of a batch.
    tapes: Vec<Tape<T>>,
    steps: usize,
    bar: &'r ProgressBar,
    /// The first epoch of this call of `fit`.
    first: Option<usize>,
    /// The values of the state at the start of the epoch.
    begun: Vec<Tensor<T>>,
    /// The values at the start of the last epoch whose first loss and gradient were finite; empty if there is none.
    good: Vec<Tensor<T>>,
    /// Whether any gradient was different from 0.
    moved: bool,
}

impl<'r, 'a, T: Float> TrainingLoop<'r, 'a, T> {
    pub(super) fn new(
        trainer: &'r Trainer<'a>,
        goal: Objective<'r, T>,
        (parameters, state): (Parameters<T>, Parameters<T>),
        optimizer: &'r mut dyn Optimizer<T>,
        tapes: Vec<Tape<T>>,
        steps: usize,
        bar: &'r ProgressBar,
    ) -> Self {
        let (begun, good) = (Vec::new(), Vec::new());
        TrainingLoop {
            trainer,
            goal,
            parameters,
            state,
            optimizer,
            tapes,
            steps,
            bar,
            first: None,
            begun,
            good,
            moved: false,
        }
    }

    /// Passes over every sample once, with a step after each batch.
    pub(super) fn epoch(&mut self, number: usize, data: &Dataset<T>) -> Result<EpochSums, Error> {
        let mut tally = EpochSums::default();
        let Trainer { seed, .. } = *self.trainer;
        let first = *self.first.get_or_insert(number) == number;
        self.begun = values(&self.state);
        let batches = data.batches(self.trainer.samples(data), Some(derive(seed, number, 0)))?;
        for (i, samples) in batches.samples().enumerate() {
            self.steps = self.steps.saturating_add(1);
            self.trainer.set_rate(self.optimizer, Every::Step, self.steps)?;
            let place = StepPosition { epoch: number, batch: i + 1, first: first && i == 0 };
            let seed = derive(seed, number, i + 1);
            tally += match self.tapes.len() {
                1 => self.step(&data.take(samples), seed, place)?,
                _ => self.step_in_parts(data, samples, seed, place)?,
            };
        }
        self.tapes[0].clear();
        self.tapes[0].evaluate();
        if let Some(name) = not_finite(&self.parameters) {
            let problem =
                format!("the parameter `{name}` became NaN or infinite in epoch {number}, though the loss is finite");
            return Err(exploded(problem, self.optimizer));
        }
        if number == 1 && !self.moved && tally.loss() != 0.0 {
            let repair = "begin with other weights than 0, or look for units that are off for every sample";
            let problem = format!("every gradient of epoch {number} was exactly 0, so that nothing is learnt");
            return Err(Error::invalid("training", format!("{problem}; {repair}")));
        }
        Ok(tally)
    }

    /// Takes one step with the gradient of a batch.
    fn step(&mut self, batch: &Dataset<T>, seed: u64, place: StepPosition) -> Result<EpochSums, Error> {
        let mut observers = self.trainer.steps.borrow_mut();
        let mut observer = self.due(&mut observers);
        let mut probe = match &mut observer {
            Some(observer) => Probe::new(*observer),
            None => Probe::off(),
        };
        let (tape, mut tally) = (&mut self.tapes[0], EpochSums::default());
        tape.clear();
        tape.train(seed);
        let mean = self.goal.record(tape, batch, &mut probe, &mut tally)?;
        if !tally.loss().is_finite() {
            drop(probe);
            return Err(self.blame(tally.loss(), batch, seed, place));
        }
        let grads = probe.backward(mean, &self.parameters);
        let before = observer.as_ref().map(|_| values(&self.parameters));
        let norm = descend(self.trainer, &self.parameters, self.optimizer, grads, place)?;
        self.stepped(norm, place);
        self.show(observer.zip(before));
        Ok(tally)
    }

    /// [`step`](TrainingLoop::step) with the batch in parts.
    fn step_in_parts(
        &mut self,
        data: &Dataset<T>,
        samples: &[usize],
        seed: u64,
        place: StepPosition,
    ) -> Result<EpochSums, Error> {
        let goal = self.goal;
        let mut observers = self.trainer.steps.borrow_mut();
        let observer = self.due(&mut observers);
        let seen = match observer {
            Some(observer) => {
                let before = self.look(&data.take(samples), seed, observer)?;
                Some((observer, before))
            }
            None => None,
        };
        let parts: Vec<Dataset<T>> =
            samples.chunks(samples.len().div_ceil(self.tapes.len())).map(|part| data.take(part)).collect();
        let whole: f64 = parts.iter().map(|part| goal.weight(part)).sum();
        let (grads, found) = backward_in_parts(&mut self.tapes[..parts.len()], |part, tape| {
            tape.train(derive(seed, part, 0));
            let (batch, mut tally) = (&parts[part], EpochSums::default());
            match goal.record(tape, batch, &mut Probe::off(), &mut tally) {
                Ok(mean) => (mean * if whole == 0.0 { 0.0 } else { goal.weight(batch) / whole }, Ok(tally)),
                Err(error) => (tape.scalar_constant(T::zero()), Err(error)),
            }
        });
        let mut tally = EpochSums::default();
        for part in found {
            tally += part?;
        }
        if !tally.loss().is_finite() {
            drop(grads);
            return Err(self.blame(tally.loss(), &data.take(samples), seed, place));
        }
        let norm = descend(self.trainer, &self.parameters, self.optimizer, grads, place)?;
        self.stepped(norm, place);
        self.show(seen);
        Ok(tally)
    }

    /// Records that a step with gradients of this norm was taken, so the parameter values before it were good.
    fn stepped(&mut self, norm: f64, place: StepPosition) {
        self.moved |= norm != 0.0;
        if place.batch == 1 {
            self.good = std::mem::take(&mut self.begun);
        }
    }

    /// The error for a loss that is not finite. If the last good parameters give a finite loss, the present ones caused
    /// the error and are restored.
    fn blame(&mut self, loss: f64, batch: &Dataset<T>, seed: u64, place: StepPosition) -> Error {
        let StepPosition { epoch, batch: i, .. } = place;
        let wrong = not_finite(&self.parameters).map(str::to_string);
        let now = values(&self.state);
        if self.go_back() && wrong.is_none() && !self.is_finite(batch, seed) {
            set(&self.state, &now);
        }
        let problem = match wrong {
            Some(name) => format!("the parameter `{name}` became NaN or infinite before epoch {epoch}, batch {i}"),
            None => format!("the loss became {} in epoch {epoch}, batch {i}", shown(loss)),
        };
        exploded(problem, self.optimizer)
    }

    /// Whether the loss of a batch is finite.
    fn is_finite(&mut self, batch: &Dataset<T>, seed: u64) -> bool {
        let (tape, mut tally) = (&mut self.tapes[0], EpochSums::default());
        tape.clear();
        tape.train(seed);
        let loss = self.goal.record(tape, batch, &mut Probe::off(), &mut tally);
        loss.is_ok_and(|loss| loss.value().is_finite())
    }

    /// Passes `result` on; restores the good parameters if it is an error and a parameter is not finite.
    pub(super) fn keep_finite<R>(&mut self, result: Result<R, Error>) -> Result<R, Error> {
        if result.is_err() && not_finite(&self.parameters).is_some() {
            self.go_back();
        }
        result
    }

    /// Restores the last good values of parameters and buffers; returns whether there are any.
    fn go_back(&mut self) -> bool {
        set(&self.state, &self.good);
        !self.good.is_empty()
    }

    /// Runs a separate pass over the whole batch for an observer; returns the parameter values.
    fn look(&mut self, batch: &Dataset<T>, seed: u64, observer: &mut dyn Observer) -> Result<Vec<Tensor<T>>, Error> {
        let (tape, mut probe) = (&mut self.tapes[0], Probe::new(observer));
        tape.clear();
        tape.train(seed);
        let mean = self.goal.record(tape, batch, &mut probe, &mut EpochSums::default())?;
        probe.backward(mean, &self.parameters);
        Ok(values(&self.parameters))
    }

    /// The observer, if this step is to be observed.
    fn due<'s>(
        &self,
        observers: &'s mut Option<(usize, Box<dyn Observer + 'a>)>,
    ) -> Option<&'s mut (dyn Observer + 's)> {
        let (every, observer) = observers.as_mut()?;
        if (self.steps - 1).is_multiple_of(*every) { Some(&mut **observer) } else { None }
    }

    /// Passes the updated parameters to an observer, with their values before the step.
    fn show(&self, seen: Option<(&mut dyn Observer, Vec<Tensor<T>>)>) {
        let Some((observer, before)) = seen else { return };
        for ((name, param), before) in self.parameters.iter().zip(before) {
            observer.updated(name, &before.cast(), &param.value().cast());
        }
        self.bar.suspend(|| observer.stepped(self.steps)); // its output stays above the bar
    }

    /// Evaluates the validation data after an epoch.
    pub(super) fn validate(&mut self, epoch: usize, data: &Dataset<T>) -> Result<EpochSums, Error> {
        let (tape, mut tally) = (&mut self.tapes[0], EpochSums::default());
        for batch in data.batches(self.trainer.samples(data), None)? {
            tape.clear();
            self.goal.record(tape, &batch, &mut Probe::off(), &mut tally)?;
        }
        let loss = tally.loss();
        if !loss.is_finite() {
            self.go_back();
            let problem = format!("the validation loss became {} after epoch {epoch}", shown(loss));
            return Err(exploded(problem, self.optimizer));
        }
        Ok(tally)
    }
}

/// The present values of the parameters.
fn values<T: Float>(parameters: &Parameters<T>) -> Vec<Tensor<T>> {
    parameters.params().map(Param::value).collect()
}

/// Sets parameters to `values`, in order.
fn set<T: Float>(parameters: &Parameters<T>, values: &[Tensor<T>]) {
    parameters.params().zip(values).for_each(|(param, value)| param.set(value));
}

/// A separate seed for each epoch and step: the three numbers mixed by SplitMix64 (Steele, Lea & Flood 2014).
fn derive(seed: u64, epoch: usize, step: usize) -> u64 {
    [epoch as u64, step as u64].into_iter().fold(seed, |state, number| {
        let z = (state ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}
