//! [`TrainingLoop`]: the epochs of one training, and the validation between them.

use std::ops::ControlFlow;
use std::path::Path;
use std::slice;

use autograd::{Float, Param, Parameters, Tape, Tensor};
use indicatif::ProgressBar;

use super::callback::{Learner, Step};
use super::callbacks::Callbacks;
use super::checkpoint::save_progress;
use super::gradient_sum::GradientSum;
use super::history::{Epoch, Stopped};
use super::parts::{Pass, parts, seeded};
use super::progress::Progress;
use super::ranks::Ranks;
use super::source::Source;
use super::start::{checked_rate, not_finite};
use super::step::{Objective, StepPosition, derive, descend, exploded};
use super::sums::EpochSums;
use super::{Trainer, nonfinite};
use crate::error::shown;
use crate::nn::observe::Observer;
use crate::nn::probe::Probe;
use crate::optim::Optimizer;
use crate::{Dataset, Error};

/// The state of one training.
pub(super) struct TrainingLoop<'r, 'a, T: Float> {
    pub(super) trainer: &'r Trainer<'a>,
    pub(super) goal: Objective<'r, T>,
    /// The parameters of the model.
    pub(super) parameters: Parameters<T>,
    /// Its parameters and buffers, which an explosion spoils together.
    pub(super) state: Parameters<T>,
    pub(super) optimizer: &'r mut dyn Optimizer<T>,
    /// The number of parts of a batch.
    pub(super) parts: usize,
    /// One tape per part that this rank sweeps.
    pub(super) tapes: Vec<Tape<T>>,
    pub(super) ranks: &'r Ranks<'r>,
    pub(super) steps: usize,
    pub(super) bar: ProgressBar,
    /// Whether to keep the worker threads awake.
    pub(super) shared: bool,
    /// The number of samples of the present epoch so far.
    passed: usize,
    /// Whether a step was taken in this call of `fit`.
    stepped: bool,
    /// The values of the state at the start of the epoch.
    begun: Vec<Tensor<T>>,
    /// The values at the start of the last epoch whose first loss and gradient were finite; empty if there is none.
    good: Vec<Tensor<T>>,
    /// Whether any gradient was different from 0.
    moved: bool,
}

/// What an epoch came to, and why it stopped, if it did, after how many steps.
pub(super) struct Passed {
    pub(super) sums: EpochSums,
    pub(super) stopped: Option<(Stopped, usize)>,
}

impl<'r, 'a, T: Float> TrainingLoop<'r, 'a, T> {
    pub(super) fn new(
        trainer: &'r Trainer<'a>,
        goal: Objective<'r, T>,
        (parameters, state): (Parameters<T>, Parameters<T>),
        optimizer: &'r mut dyn Optimizer<T>,
        parts: usize,
        ranks: &'r Ranks<'r>,
    ) -> Self {
        TrainingLoop {
            trainer,
            goal,
            parameters,
            state,
            optimizer,
            parts,
            tapes: (0..ranks.most(parts)).map(|_| Tape::default()).collect(),
            ranks,
            steps: 0,
            bar: ProgressBar::hidden(),
            shared: false,
            passed: 0,
            stepped: false,
            begun: Vec::new(),
            good: Vec::new(),
            moved: false,
        }
    }

    /// Passes over every sample once, from where `from` lies within the epoch, with a step after each batch or as many as
    /// are taken together.
    pub(super) fn epoch(
        &mut self,
        number: usize,
        source: &mut Source<'_, T>,
        from: &Progress,
        last: Option<&Epoch>,
        callbacks: &mut Callbacks<'_>,
    ) -> Result<Passed, Error> {
        let mut sums = from.sums.clone();
        self.begun = values(&self.state);
        self.passed = 0;
        let mut step = 0;
        for (i, batches) in source.steps(self.goal, self.ranks, number)?.enumerate() {
            let batches = batches?;
            let samples = batches.iter().map(Dataset::len).sum();
            self.passed += samples;
            step = i + 1;
            if step <= from.within {
                if step == from.within {
                    from.check_passed(self.passed)?;
                }
                continue;
            }
            if let Some(rate) = &mut *self.trainer.step_schedule.borrow_mut() {
                let total = self.steps.saturating_add(1);
                let rate = checked_rate::<T>(rate(total), format_args!("step {total}"))?;
                self.optimizer.set_learning_rate(rate);
            }
            let (tally, norm) = self.step(&batches, number, i)?;
            let loss = tally.loss();
            sums += tally;
            let mut answer = ControlFlow::Continue(());
            if !callbacks.is_empty() || self.ranks.number() > 1 {
                let (total, running) = (self.steps, sums.loss());
                let step = Step { epoch: number, step, total, samples, loss, running, norm };
                answer = callbacks.step_ended(&step, &mut Learner::new(&self.state, &mut *self.optimizer))?;
                answer = self.ranks.agree(answer)?;
            }
            if let Some((every, path)) = &self.trainer.save_steps
                && self.steps.is_multiple_of(*every)
                && answer.is_continue()
            {
                let progress = self.progress(number - 1, step, &sums, last, source);
                self.save(callbacks, &progress, path)?;
            }
            if let ControlFlow::Break(why) = answer {
                return Ok(Passed { sums, stopped: Some((why, step)) });
            }
        }
        if step < from.within {
            from.check_passed(self.passed)?;
        }
        self.tapes[0].clear();
        self.tapes[0].evaluate();
        if let Some(name) = not_finite(&self.parameters) {
            let problem =
                format!("the parameter `{name}` became NaN or infinite in epoch {number}, though the loss is finite");
            return Err(exploded(problem, self.optimizer));
        }
        if number == 1 && from.within == 0 && !self.moved && sums.loss() != 0.0 {
            let repair = "begin with other weights than 0, or look for units that are off for every sample";
            let problem = format!("every gradient of epoch {number} was exactly 0, so that nothing is learnt");
            return Err(Error::invalid("training", format!("{problem}; {repair}")));
        }
        Ok(Passed { sums, stopped: None })
    }

    /// Saves the training at this point; the first rank does so for all.
    pub(super) fn save(&self, callbacks: &Callbacks<'_>, progress: &Progress, path: &Path) -> Result<(), Error> {
        match self.ranks.is_first() {
            true => save_progress(&self.state, self.optimizer, callbacks.state(), progress, path),
            false => Ok(()),
        }
    }

    /// The progress after `within` steps behind `epochs` epochs.
    pub(super) fn progress(
        &self,
        epochs: usize,
        within: usize,
        sums: &EpochSums,
        last: Option<&Epoch>,
        source: &Source<'_, T>,
    ) -> Progress {
        let (parts, made_of) = (Some(self.parts), Some(source.made_of(self.passed)));
        let (last, steps, sums) = (last.cloned(), Some(self.steps), sums.clone());
        Progress { within, last, parts, steps, made_of, sums, ..Progress::new(epochs) }
    }

    /// Takes step `i` of an epoch, from 0, with the gradient of its batches; returns its sums and the gradient's norm.
    pub(super) fn step(&mut self, batches: &[Dataset<T>], epoch: usize, i: usize) -> Result<(EpochSums, f64), Error> {
        self.steps = self.steps.saturating_add(1);
        let place = StepPosition { epoch, batch: i * self.trainer.accumulate + 1, first: !self.stepped };
        self.stepped = true;
        let trainer = self.trainer;
        let mut observers = trainer.steps.borrow_mut();
        let observer = self.due(&mut observers);
        match batches {
            [batch] if self.parts == 1 => self.step_at_once(batch, observer, place),
            _ => self.step_in_pieces(batches, observer, place),
        }
    }

    /// [`step`](TrainingLoop::step) with one pass, which the observer sees.
    fn step_at_once(
        &mut self,
        batch: &Dataset<T>,
        mut observer: Option<&mut dyn Observer>,
        place: StepPosition,
    ) -> Result<(EpochSums, f64), Error> {
        let seed = self.seed(place);
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
            return Err(self.blame(tally.loss(), batch, place));
        }
        let gradients = probe.backward(mean, &self.parameters);
        let before = observer.as_ref().map(|_| values(&self.parameters));
        let norm = descend(self.trainer, &self.parameters, self.optimizer, gradients, (place, tally.weight));
        let norm = norm.map_err(|error| self.named(error, slice::from_ref(batch), place))?;
        self.took(norm);
        self.show(observer.zip(before));
        Ok((tally, norm))
    }

    /// [`step`](TrainingLoop::step) with a pass for each part of each batch.
    fn step_in_pieces(
        &mut self,
        batches: &[Dataset<T>],
        observer: Option<&mut dyn Observer>,
        place: StepPosition,
    ) -> Result<(EpochSums, f64), Error> {
        let goal = self.goal;
        let seen = match observer {
            Some(observer) => {
                let before = self.look(&Dataset::concat(batches)?, self.seed(place), observer)?;
                Some((observer, before))
            }
            None => None,
        };
        let weight =
            |batch: &Dataset<T>| parts(batch.len(), self.parts).map(|part| goal.weight_of(batch, &part)).sum::<f64>();
        let whole: f64 = batches.iter().map(weight).sum();
        let several = batches.len() > 1;
        let (mut sum, mut tally) = (GradientSum::new(&self.parameters), EpochSums::default());
        let mut norm = 0.0;
        for (j, batch) in batches.iter().enumerate() {
            let place = StepPosition { batch: place.batch + j, ..place };
            let seed = self.seed(place);
            let pass = Pass { goal, batch, parts: self.parts, seed, whole };
            let (gradients, found) = match self.ranks.number() {
                1 => pass.sweep(&mut self.tapes)?,
                _ => pass.sweep_over(self.ranks, &mut self.tapes, &self.parameters)?,
            };
            if !found.loss().is_finite() {
                drop(gradients);
                return Err(self.blame(found.loss(), batch, place));
            }
            let gradients = gradients.expect("those of a finite loss");
            tally += found;
            if several {
                sum.add(&gradients);
            } else {
                let taken = descend(self.trainer, &self.parameters, self.optimizer, gradients, (place, whole));
                norm = taken.map_err(|error| self.named(error, slice::from_ref(batch), place))?;
            }
        }
        if several {
            let gradients = sum.gradients(&mut self.tapes[0]);
            let taken = descend(self.trainer, &self.parameters, self.optimizer, gradients, (place, whole));
            norm = taken.map_err(|error| self.named(error, batches, place))?;
        }
        self.took(norm);
        self.show(seen);
        Ok((tally, norm))
    }

    /// The seed of dropout in a batch.
    fn seed(&self, place: StepPosition) -> u64 {
        derive(self.trainer.seed, place.epoch, place.batch)
    }

    /// Records that a step with gradients of this norm was taken, so the parameter values before it were good.
    fn took(&mut self, norm: f64) {
        self.moved |= norm != 0.0;
        if !self.begun.is_empty() {
            self.good = std::mem::take(&mut self.begun);
        }
    }

    /// The error for a loss that is not finite. If the last good parameters give a finite loss, the present ones caused
    /// the error and are restored.
    fn blame(&mut self, loss: f64, batch: &Dataset<T>, place: StepPosition) -> Error {
        let StepPosition { epoch, batch: i, .. } = place;
        let wrong = not_finite(&self.parameters).map(str::to_string);
        let problem = match &wrong {
            Some(name) => format!("the parameter `{name}` became NaN or infinite before epoch {epoch}, batch {i}"),
            None => format!("the loss became {} in epoch {epoch}, batch {i}", shown(loss)),
        };
        let mut error = exploded(problem, self.optimizer);
        if wrong.is_none() {
            error = self.named(error, slice::from_ref(batch), place);
        }
        let seed = self.seed(place);
        let now = values(&self.state);
        if self.go_back() && wrong.is_none() && !self.is_finite(batch, seed) {
            set(&self.state, &now);
        }
        error
    }

    /// An error of some batches, with the first operation that is not finite.
    fn named(&self, error: Error, batches: &[Dataset<T>], place: StepPosition) -> Error {
        let seed = |j| self.seed(StepPosition { batch: place.batch + j, ..place });
        let parts = batches.iter().enumerate().flat_map(|(j, batch)| seeded(batch, self.parts, seed(j)));
        nonfinite::named(error, self.goal, &self.state, parts)
    }

    /// Whether the loss of a batch is finite.
    fn is_finite(&mut self, batch: &Dataset<T>, seed: u64) -> bool {
        let (tape, mut tally) = (&mut self.tapes[0], EpochSums::default());
        tape.clear();
        tape.train(seed);
        let goal = Objective { metrics: &[], ..self.goal };
        let loss = goal.record(tape, batch, &mut Probe::off(), &mut tally);
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

    /// Runs a separate pass over all samples of a step for an observer; returns the parameter values.
    fn look(&mut self, batch: &Dataset<T>, seed: u64, observer: &mut dyn Observer) -> Result<Vec<Tensor<T>>, Error> {
        let (tape, mut probe) = (&mut self.tapes[0], Probe::new(observer));
        tape.clear();
        tape.train(seed);
        let goal = Objective { metrics: &[], ..self.goal };
        let mean = goal.record(tape, batch, &mut probe, &mut EpochSums::default())?;
        probe.backward(mean, &self.parameters);
        Ok(values(&self.parameters))
    }

    /// The observer, if this step is to be observed.
    fn due<'s>(
        &self,
        observers: &'s mut Option<(usize, Box<dyn Observer + 'a>)>,
    ) -> Option<&'s mut (dyn Observer + 's)> {
        let (every, observer) = observers.as_mut()?;
        let due = (self.steps - 1).is_multiple_of(*every) && self.ranks.is_first(); // it sees whole batches
        if due { Some(&mut **observer) } else { None }
    }

    /// Passes the updated parameters to an observer, with their values before the step.
    fn show(&self, seen: Option<(&mut dyn Observer, Vec<Tensor<T>>)>) {
        let Some((observer, before)) = seen else { return };
        for ((name, param), before) in self.parameters.iter().zip(before) {
            observer.updated(name, &before.cast(), &param.value().cast());
        }
        self.bar.suspend(|| observer.stepped(self.steps)); // its output stays above the bar
    }

    /// The error for a validation loss that is not finite; the last good parameters are restored.
    pub(super) fn spoilt(&mut self, epoch: usize, loss: f64) -> Error {
        self.go_back();
        let problem = format!("the validation loss became {} after epoch {epoch}", shown(loss));
        exploded(problem, self.optimizer)
    }
}

/// The present values of the parameters.
pub(super) fn values<T: Float>(parameters: &Parameters<T>) -> Vec<Tensor<T>> {
    parameters.params().map(Param::value).collect()
}

/// Sets parameters to `values`, in order.
pub(super) fn set<T: Float>(parameters: &Parameters<T>, values: &[Tensor<T>]) {
    parameters.params().zip(values).for_each(|(param, value)| param.set(value));
}
