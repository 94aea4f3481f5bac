//! [`Trainer::fit`]: the checks before the first step, and the epochs.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use autograd::{Float, Parameters, awake};
use indicatif::ProgressBar;

use super::bar::Bar;
use super::callback::{Callback, Learner, Start};
use super::callbacks::Callbacks;
use super::history::{Epoch, History, Stopped};
use super::progress::Progress;
use super::ranks::{Ranks, check_parameters};
use super::source::Source;
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
    /// - if the row length differs from [`Module::input_width`], the model refuses shape or values of the inputs
    ///   ([`Module::output_shape`], [`Module::check_inputs`]), it cannot be trained on batches as small as the first or the last
    ///   ([`Module::check_training`]), or targets do not fit outputs and loss ([`Loss::check`]);
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
    /// If a model that cannot tell before rejects the inputs; the message is that of the model.
    pub fn fit<T: Float>(
        &self,
        model: &dyn Module<T>,
        loss: &dyn Loss<T>,
        optimizer: &mut dyn Optimizer<T>,
        data: &Dataset<T>,
        validation: Option<&Dataset<T>>,
    ) -> Result<History, Error> {
        self.on_ranks(&model.parameters(), |ranks| {
            self.check_cut(data.len())?;
            self.fit_source(model, loss, optimizer, Source::memory(self, data), validation, ranks)
        })
    }

    /// Trains `model` on data that memory does not hold: `open` gives the batches of each epoch, whose number it takes, from 1.
    ///
    /// All is as in [`fit`](Trainer::fit), with the batches that come: [`batch_size`](Trainer::batch_size) holds for the
    /// validation only, and the seed of the trainer for dropout only. A [`Stream`](crate::Stream) cuts and shuffles batches, and
    /// prepares them [ahead](crate::Stream::ahead). Memory holds the batches of a step beside those that the stream holds itself.
    ///
    /// The same bits, and a training that is resumed, need the same batches whenever the same epoch is opened: take
    /// seeds from its number. Within an epoch, a resumed training passes over the batches that were done.
    ///
    /// ```
    /// use mlp::{Activation, Adam, Csv, Mlp, Module, Mse, Numeric, Schema, Stream, Trainer};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("long.csv");
    /// # std::fs::write(&path, (0..100).fold("x,y\n".to_string(), |text, i| format!("{text}{i},{}\n", 2 * i))).unwrap();
    /// let csv = Csv::new();
    /// let columns = Schema::builder().input("inputs", [Numeric::new("x").standard()]);
    /// let schema = columns.values("y", [Numeric::new("y").standard()]).fit(&csv.sample(&path, 50, 7)?)?;
    /// let layers = Mlp::new(1).hidden(4, Activation::Tanh).output(1, Activation::Identity);
    /// let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
    /// let mut adam = Adam::new(&model.parameters(), 0.02);
    /// let open = |epoch| {
    ///     let data = schema.datasets(csv.chunks(&path, 20)?);
    ///     Ok(Stream::batches(data, 32).shuffle(64, epoch as u64).ahead(2))
    /// };
    /// let history = Trainer::new().epochs(20).fit_stream(&model, &Mse, &mut adam, open, None)?;
    /// assert!(history.last().loss < history.epochs[0].loss);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Trainer::fit), where the first batch stands for the data before the first step. Later, if `open` or a batch
    /// fails, an epoch has no batch, or the model does not take the inputs of one or cannot be trained on it. If the samples that a resumed training
    /// passes over are not as many as those that were trained on.
    ///
    /// # Panics
    /// As [`fit`](Trainer::fit).
    pub fn fit_stream<T: Float, I: IntoIterator<Item = Result<Dataset<T>, Error>>>(
        &self,
        model: &dyn Module<T>,
        loss: &dyn Loss<T>,
        optimizer: &mut dyn Optimizer<T>,
        open: impl FnMut(usize) -> Result<I, Error>,
        validation: Option<&Dataset<T>>,
    ) -> Result<History, Error> {
        self.on_ranks(&model.parameters(), |ranks| {
            self.fit_source(model, loss, optimizer, Source::stream(self, open), validation, ranks)
        })
    }

    /// Trains with settings that are checked; all ranks succeed or fail together.
    fn on_ranks<T: Float>(
        &self,
        parameters: &Parameters<T>,
        train: impl FnOnce(&Ranks<'_>) -> Result<History, Error>,
    ) -> Result<History, Error> {
        let ranks = Ranks::new(self.communicator);
        ranks.together(self.check_settings(parameters).and_then(|()| train(&ranks)))
    }

    fn fit_source<T: Float>(
        &self,
        model: &dyn Module<T>,
        loss: &dyn Loss<T>,
        optimizer: &mut dyn Optimizer<T>,
        mut source: Source<'_, T>,
        validation: Option<&Dataset<T>>,
        ranks: &Ranks<'_>,
    ) -> Result<History, Error> {
        let (parameters, state) = (model.parameters(), model.state());
        let goal = Objective { model, loss, metrics: &self.metrics };
        self.check_parts(&model.buffers(), ranks)?;
        self.check_ranks(ranks)?;
        start::check_optimizer(&parameters, optimizer)?;
        if ranks.is_first() {
            [&self.save, &self.save_steps].into_iter().flatten().try_for_each(|(_, path)| io::check_place(path))?;
        }
        let saved = self.saved(&state, ranks)?;
        let from = saved.as_ref().map_or_else(|| Progress::new(0), |(training, _)| training.progress.clone());
        self.check_within(&from, source.made_of(0), source.steps_of_epoch())?;
        let before = source.steps_before(&from, self.step_schedule.borrow().is_some())?;
        let first = source.check(goal, (from.epochs + 1).min(self.epochs))?;
        if let Some(data) = validation {
            goal.check("validation data", data, false)?;
            goal.check_weight("validation data", data)?;
        }
        let shown = source.whole().map_or(("first batch", &first), |data| ("data", data));
        let data = [(shown.0, Some(shown.1)), ("validation data", validation)];
        self.check_alike(ranks, (goal, &first), &state, optimizer, data, from.epochs)?;
        let mut bar = (self.progress && ranks.is_first()).then(Bar::new);
        let handle = bar.as_ref().map_or_else(ProgressBar::hidden, Bar::handle);
        let mut own = self.callbacks.borrow_mut();
        let own = own.iter_mut().map(|callback| &mut **callback as &mut dyn Callback);
        let all = bar.iter_mut().map(|bar| bar as &mut dyn Callback).chain(own);
        let mut silent = Vec::new();
        let mut callbacks = Callbacks::new(all.collect(), false).on_rank(ranks.is_first(), &mut silent);
        let finished = match saved {
            Some((training, finished)) => {
                training.apply(optimizer, &mut callbacks)?;
                finished.then_some(Stopped::Tolerance)
            }
            None => None,
        };
        optimizer.train(); // a training before this one left the weights that count
        if from.within > 0 {
            self.schedule_within(&from, before, optimizer)?;
        }
        let steps = source.steps_of_epoch().unwrap_or(0);
        let steps_scheduled = self.step_schedule.borrow().is_some();
        let start = Start { done: from.epochs, within: from.within, steps_scheduled, ..Start::new(self.epochs, steps) };
        let begun = ranks.agree(callbacks.begun(start, &mut Learner::new(&state, &mut *optimizer))?)?;
        let parts = self.parts_of(goal, &state, &first, from.parts)?;
        let shared = parts > 1 || first.len().saturating_mul(parameters.numel()) >= SHARED;
        drop(first);
        let history = match (finished, begun) {
            (Some(why), _) | (None, ControlFlow::Break(why)) => {
                let Some(last) = from.last else {
                    let why = "a callback stopped the training before its first epoch; nothing was trained";
                    return Err(Error::invalid("trainer", why));
                };
                History { epochs: vec![last], stopped: why, within: None, parts }
            }
            (None, ControlFlow::Continue(())) => {
                let mut run = TrainingLoop::new(self, goal, (parameters, state.clone()), &mut *optimizer, parts, ranks);
                (run.bar, run.steps, run.shared) = (handle, before, shared);
                self.train(run, source, validation, from, &mut callbacks)?
            }
        };
        evaluate(&state, optimizer, &mut callbacks)?;
        callbacks.ended(&history, &mut Learner::new(&state, optimizer))?;
        check_parameters(ranks, &state, "when the training has ended")?;
        Ok(history)
    }

    /// The number of parts of each batch, given its first batch and that of a checkpoint.
    pub(super) fn parts_of<T: Float>(
        &self,
        goal: Objective<'_, T>,
        state: &Parameters<T>,
        first: &Dataset<T>,
        saved: Option<usize>,
    ) -> Result<usize, Error> {
        match (self.parts, saved) {
            // At most one part per sample, but at least 2 if parts were requested: one part and several parts derive
            // different seeds.
            (Parts::Fixed(parts), _) | (Parts::Measured, Some(parts)) => Ok(parts.min(first.len().max(2))),
            (Parts::Measured, None) if !goal.model.buffers().is_empty() => Ok(1),
            (Parts::Measured, None) => awake(|| parts::measured(goal, state, first, self.seed)),
        }
    }

    /// Sets the rate of the schedule of epochs, if there is one.
    fn schedule_epoch<T: Float>(&self, epoch: usize, optimizer: &mut dyn Optimizer<T>) -> Result<(), Error> {
        if let Some(rate) = &mut *self.schedule.borrow_mut() {
            optimizer.set_learning_rate(start::checked_rate::<T>(rate(epoch), format_args!("epoch {epoch}"))?);
        }
        Ok(())
    }

    /// Sets the rate that the schedules gave where a checkpoint lies within an epoch, after so many steps; callbacks that change it
    /// come after them.
    fn schedule_within<T: Float>(
        &self,
        from: &Progress,
        steps: usize,
        optimizer: &mut dyn Optimizer<T>,
    ) -> Result<(), Error> {
        self.schedule_epoch(from.epochs + 1, optimizer)?;
        if let Some(rate) = &mut *self.step_schedule.borrow_mut() {
            // That of the last step: there may be none left in its epoch.
            optimizer.set_learning_rate(start::checked_rate::<T>(rate(steps), format_args!("step {steps}"))?);
        }
        Ok(())
    }

    /// Trains from the step after `from`.
    fn train<T: Float>(
        &self,
        mut run: TrainingLoop<'_, '_, T>,
        mut source: Source<'_, T>,
        validation: Option<&Dataset<T>>,
        mut from: Progress,
        callbacks: &mut Callbacks<'_>,
    ) -> Result<History, Error> {
        let parts = run.parts;
        let mut history = History { epochs: Vec::new(), stopped: Stopped::Epochs, within: None, parts };
        for number in from.epochs + 1..=self.epochs {
            if from.within == 0 {
                self.schedule_epoch(number, run.optimizer)?;
                if !callbacks.is_empty() {
                    callbacks.epoch_begun(number, &mut Learner::new(&run.state, &mut *run.optimizer))?;
                }
            }
            let last = history.epochs.last().or(from.last.as_ref());
            let shared = run.shared;
            let mut epoch = || run.epoch(number, &mut source, &from, last, callbacks);
            let passed = if shared { awake(epoch) } else { epoch() };
            let Passed { sums, stopped } = run.keep_finite(passed)?;
            check_parameters(run.ranks, &run.state, format_args!("after epoch {number}"))?;
            if let Some((why, within)) = stopped {
                let mut progress = run.progress(number - 1, within, &sums, last, &source);
                progress.stopped = Some(why);
                self.save_last(&run, callbacks, &progress)?;
                history.epochs.push(self.reported(number, &sums, None, run.optimizer.learning_rate()));
                (history.stopped, history.within) = (why, Some(within));
                break;
            }
            (from.within, from.sums) = (0, EpochSums::default());
            evaluate(&run.state, run.optimizer, callbacks)?;
            let judged = self.judged(&mut run, number, &sums, validation, callbacks);
            callbacks.train(&mut Learner::new(&run.state, &mut *run.optimizer))?;
            run.optimizer.train();
            let (epoch, answer) = run.keep_finite(judged)?;
            if let Some(loss) = epoch.validation_loss.filter(|loss| !loss.is_finite()) {
                return Err(run.spoilt(number, loss));
            }
            let stopped = if let ControlFlow::Break(why) = answer {
                Some(why)
            } else if self.is_within_tolerance(&epoch) {
                Some(Stopped::Tolerance)
            } else {
                (number == self.epochs).then_some(Stopped::Epochs)
            };
            let progress = || {
                let progress = run.progress(number, 0, &EpochSums::default(), Some(&epoch), &source);
                Progress { stopped, ..progress }
            };
            if stopped.is_some() {
                self.save_last(&run, callbacks, &progress())?;
            } else if let Some((every, path)) = &self.save
                && number.is_multiple_of(*every)
            {
                run.save(callbacks, &progress(), path)?;
            }
            history.epochs.push(epoch);
            if let Some(stopped) = stopped {
                history.stopped = stopped;
                break;
            }
        }
        Ok(history)
    }

    /// The results of an epoch, which the callbacks see, and their answer. A validation loss that is not finite they do not see.
    fn judged<T: Float>(
        &self,
        run: &mut TrainingLoop<'_, '_, T>,
        number: usize,
        sums: &EpochSums,
        validation: Option<&Dataset<T>>,
        callbacks: &mut Callbacks<'_>,
    ) -> Result<(Epoch, ControlFlow<Stopped>), Error> {
        let validated = validation.map(|data| run.validate(data)).transpose()?;
        let mut epoch = self.reported(number, sums, validated, run.optimizer.learning_rate());
        if callbacks.is_empty() && run.ranks.number() == 1
            || epoch.validation_loss.is_some_and(|loss| !loss.is_finite())
        {
            return Ok((epoch, ControlFlow::Continue(())));
        }
        let mut learner = Learner::new(&run.state, &mut *run.optimizer);
        callbacks.add_metrics(&mut epoch, &mut learner)?;
        let answer = callbacks.epoch_ended(&epoch, &mut learner)?;
        Ok((epoch, run.ranks.agree(answer)?))
    }

    /// Saves to every path of the settings, when the training ends.
    fn save_last<T: Float>(
        &self,
        run: &TrainingLoop<'_, '_, T>,
        callbacks: &Callbacks<'_>,
        progress: &Progress,
    ) -> Result<(), Error> {
        let paths: BTreeSet<_> = [&self.save, &self.save_steps].into_iter().flatten().map(|(_, path)| path).collect();
        paths.into_iter().try_for_each(|path| run.save(callbacks, progress, path))
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

/// Sets the model to the weights that count, as optimiser and callbacks have them.
fn evaluate<T: Float>(
    state: &Parameters<T>,
    optimizer: &mut dyn Optimizer<T>,
    callbacks: &mut Callbacks<'_>,
) -> Result<(), Error> {
    optimizer.evaluate();
    callbacks.evaluate(&mut Learner::new(state, optimizer))
}
