//! [`Trainer::fit`]: the checks before the first step, and the epochs.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use autograd::{Float, Parameters, awake};
use indicatif::ProgressBar;

use super::bar::Bar;
use super::callback::{Callback, Learner, Start};
use super::callbacks::Callbacks;
use super::checkpoint::save_progress;
use super::history::{Epoch, History, Stopped};
use super::progress::Progress;
use super::start::Beginning;
use super::step::Objective;
use super::sums::EpochSums;
use super::training_loop::{Passed, TrainingLoop};
use super::{Parts, Trainer, parts, start};
use crate::io;
use crate::loss::Loss;
use crate::nn::module::Module;
use crate::optim::Optimizer;
use crate::{Dataset, Error};

/// The number of multiplications in the forward pass of a batch from which the worker threads are kept awake.
const SHARED: usize = 1 << 22;

impl Trainer<'_> {
    /// Trains `model` on `data`, and evaluates it on `validation` after each epoch.
    ///
    /// Before the first step it checks that settings, parameters, optimiser and loss fit together; the check of the
    /// loss computes the outputs for the first two samples. A large model keeps the other cores busy during training
    /// ([`awake`]); `autograd::set_threads(1)` prevents this.
    ///
    /// # Errors
    /// Before anything changes:
    /// - if the number of epochs, the batch size or the number of parts is 0, or every parameter is frozen;
    /// - if a model with buffers is to be trained in several parts;
    /// - if the [optimiser](Optimizer::parameters) does not update every parameter that is not frozen, or a parameter
    ///   is NaN or infinite;
    /// - if the row length differs from [`Module::input_width`], or targets do not fit outputs and loss
    ///   ([`Loss::check`]);
    /// - if a training cannot be resumed, or its checkpoint path cannot be written.
    ///
    /// Whenever a callback or a metric fails.
    ///
    /// At a step, which is then not taken: if the loss or the gradient of a parameter is NaN or infinite, or if the
    /// loss depends on no parameter.
    ///
    /// After an epoch: if a parameter or the validation loss is NaN or infinite, if every gradient of the first epoch
    /// was exactly 0, or if the checkpoint cannot be saved. Before an epoch: if the schedule gives an invalid learning
    /// rate.
    ///
    /// The error names the first operation whose value or gradient is not finite, with the line that recorded it, if
    /// passing over the batch once more finds one.
    ///
    /// After an error all parameters are finite. They keep their values if the gradient or the data caused the error.
    /// If the parameters caused it, they return to their values at the start of the last epoch with a finite loss. The
    /// optimiser keeps its state; create a new one.
    ///
    /// # Panics
    /// If a model without an input width rejects the inputs; the message is that of the model.
    pub fn fit<T: Float>(
        &self,
        model: &dyn Module<T>,
        loss: &dyn Loss<T>,
        optimizer: &mut dyn Optimizer<T>,
        data: &Dataset<T>,
        validation: Option<&Dataset<T>>,
    ) -> Result<History, Error> {
        let (parameters, state) = (model.parameters(), model.state());
        let goal = Objective { model, loss, metrics: &self.metrics };
        self.check_settings(&parameters, data.len())?;
        self.check_parts(&model.buffers())?;
        start::check_optimizer(&parameters, optimizer)?;
        goal.check("data", data, true)?;
        validation.map_or(Ok(()), |data| goal.check("validation data", data, false))?;
        [&self.save, &self.save_steps].into_iter().flatten().try_for_each(|(_, path)| io::check_place(path))?;
        let mut bar = self.progress.then(Bar::new);
        let handle = bar.as_ref().map_or_else(ProgressBar::hidden, Bar::handle);
        let mut own = self.callbacks.borrow_mut();
        let own = own.iter_mut().map(|callback| &mut **callback as &mut dyn Callback);
        let all = bar.iter_mut().map(|bar| bar as &mut dyn Callback).chain(own);
        let mut callbacks = Callbacks::new(all.collect(), false);
        let cut = self.cut(data.len());
        let (from, finished) = match self.resume(&state, optimizer, &mut callbacks, cut)? {
            Beginning::After(progress) => (progress, None),
            Beginning::Finished(progress) => (progress, Some(Stopped::Tolerance)),
        };
        let start = Start { done: from.epochs, within: from.within, ..Start::new(self.epochs, cut.steps()) };
        let begun = callbacks.begun(start, &mut Learner::new(&state, &mut *optimizer))?;
        let parts = self.parts_of(goal, &state, data, from.parts)?;
        let history = match (finished, begun) {
            (Some(why), _) | (None, ControlFlow::Break(why)) => {
                let Some(last) = from.last else {
                    let why = "a callback stopped the training before its first epoch; nothing was trained";
                    return Err(Error::invalid("trainer", why));
                };
                History { epochs: vec![last], stopped: why, within: None, parts }
            }
            (None, ControlFlow::Continue(())) => {
                let mut run = TrainingLoop::new(self, goal, (parameters, state.clone()), &mut *optimizer, cut, parts);
                run.bar = handle;
                run.steps = from.epochs.saturating_mul(cut.steps()).saturating_add(from.within);
                self.train(run, data, validation, from, &mut callbacks)?
            }
        };
        callbacks.ended(&history, &mut Learner::new(&state, optimizer))?;
        Ok(history)
    }

    /// The number of parts of each batch, given that of a checkpoint.
    pub(super) fn parts_of<T: Float>(
        &self,
        goal: Objective<'_, T>,
        state: &Parameters<T>,
        data: &Dataset<T>,
        saved: Option<usize>,
    ) -> Result<usize, Error> {
        let size = self.samples(data.len()).min(data.len());
        match (self.parts, saved) {
            // At most one part per sample, but at least 2 if parts were requested: one part and several parts derive
            // different seeds.
            (Parts::Fixed(parts), _) | (Parts::Measured, Some(parts)) => Ok(parts.min(size.max(2))),
            (Parts::Measured, None) if !goal.model.buffers().is_empty() => Ok(1),
            (Parts::Measured, None) => {
                let batch: Vec<usize> = (0..size).collect();
                awake(|| parts::measured(goal, state, data, &batch, self.seed))
            }
        }
    }

    /// Trains from the step after `from`.
    fn train<T: Float>(
        &self,
        mut run: TrainingLoop<'_, '_, T>,
        data: &Dataset<T>,
        validation: Option<&Dataset<T>>,
        mut from: Progress,
        callbacks: &mut Callbacks<'_>,
    ) -> Result<History, Error> {
        let parts = run.tapes.len();
        let mut history = History { epochs: Vec::new(), stopped: Stopped::Epochs, within: None, parts };
        let shared = parts > 1 || self.samples(data.len()).saturating_mul(run.parameters.numel()) >= SHARED;
        for number in from.epochs + 1..=self.epochs {
            if let Some(rate) = &mut *self.schedule.borrow_mut() {
                let rate = start::checked_rate::<T>(rate(number), format_args!("epoch {number}"))?;
                run.optimizer.set_learning_rate(rate);
            }
            if let Some(rate) = self.step_schedule.borrow_mut().as_mut().filter(|_| from.within > 0) {
                // That of the last step: there may be none left in its epoch.
                let rate = start::checked_rate::<T>(rate(run.steps), format_args!("step {}", run.steps))?;
                run.optimizer.set_learning_rate(rate);
            }
            if from.within == 0 && !callbacks.is_empty() {
                callbacks.epoch_begun(number, &mut Learner::new(&run.state, &mut *run.optimizer))?;
            }
            let last = history.epochs.last().or(from.last.as_ref());
            let mut epoch = || run.epoch(number, data, &from, last, callbacks);
            let passed = if shared { awake(epoch) } else { epoch() };
            let Passed { sums, stopped } = run.keep_finite(passed)?;
            if let Some((why, within)) = stopped {
                let mut progress = run.progress(number - 1, within, &sums, last);
                progress.stopped = Some(why);
                self.save_last(&run, callbacks, &progress)?;
                history.epochs.push(self.reported(number, &sums, None, run.optimizer.learning_rate()));
                (history.stopped, history.within) = (why, Some(within));
                break;
            }
            (from.within, from.sums) = (0, EpochSums::default());
            let validated = validation.map(|data| run.validate(number, data)).transpose()?;
            let mut epoch = self.reported(number, &sums, validated, run.optimizer.learning_rate());
            let mut answer = ControlFlow::Continue(());
            if !callbacks.is_empty() {
                let mut learner = Learner::new(&run.state, &mut *run.optimizer);
                callbacks.add_metrics(&mut epoch, &mut learner)?;
                answer = callbacks.epoch_ended(&epoch, &mut learner)?;
            }
            let stopped = if let ControlFlow::Break(why) = answer {
                Some(why)
            } else if self.is_within_tolerance(&epoch) {
                Some(Stopped::Tolerance)
            } else {
                (number == self.epochs).then_some(Stopped::Epochs)
            };
            let progress = Progress { stopped, ..run.progress(number, 0, &EpochSums::default(), Some(&epoch)) };
            if stopped.is_some() {
                self.save_last(&run, callbacks, &progress)?;
            } else if let Some((every, path)) = &self.save
                && number.is_multiple_of(*every)
            {
                save_progress(&run.state, run.optimizer, callbacks.state(), &progress, path)?;
            }
            history.epochs.push(epoch);
            if let Some(stopped) = stopped {
                history.stopped = stopped;
                break;
            }
        }
        Ok(history)
    }

    /// Saves to every path of the settings, when the training ends.
    fn save_last<T: Float>(
        &self,
        run: &TrainingLoop<'_, '_, T>,
        callbacks: &Callbacks<'_>,
        progress: &Progress,
    ) -> Result<(), Error> {
        let paths: BTreeSet<_> = [&self.save, &self.save_steps].into_iter().flatten().map(|(_, path)| path).collect();
        paths
            .into_iter()
            .try_for_each(|path| save_progress(&run.state, run.optimizer, callbacks.state(), progress, path))
    }

    /// The results of an epoch.
    fn reported(
        &self,
        number: usize,
        sums: &EpochSums,
        validated: Option<(EpochSums, Vec<(String, f64)>)>,
        rate: f64,
    ) -> Epoch {
        let found: Vec<_> = sums.metrics().collect();
        // In the order in which they were added, also after a resumption.
        let trained = self.metrics.iter().filter_map(|metric| found.iter().find(|row| row.0 == metric.name).cloned());
        let (validated, metrics) = validated.unzip();
        Epoch {
            accuracy: sums.accuracy(),
            validation_loss: validated.as_ref().map(EpochSums::loss),
            validation_accuracy: validated.as_ref().and_then(EpochSums::accuracy),
            learning_rate: Some(rate),
            metrics: trained.chain(metrics.unwrap_or_default()).collect(),
            ..Epoch::new(number, sums.loss())
        }
    }

    pub(super) fn is_within_tolerance(&self, epoch: &Epoch) -> bool {
        self.tolerance.is_some_and(|epsilon| epoch.loss <= epsilon)
    }
}
