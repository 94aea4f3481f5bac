//! [`Trainer::fit`]: the checks before the first step, and the epochs.

use std::ops::ControlFlow;

use autograd::{Float, Parameters, Tape, awake};

use super::checkpoint::save_progress;
use super::history::{Epoch, History, Stopped};
use super::progress::Progress;
use super::start::Start;
use super::step::Objective;
use super::sums::EpochSums;
use super::training_loop::TrainingLoop;
use super::{Every, Trainer, start};
use crate::error::brief;
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
    /// - if the [optimiser](Optimizer::parameters) does not update every parameter that is not frozen, or a parameter
    ///   is NaN or infinite;
    /// - if the row length differs from [`Module::input_width`], or targets do not fit outputs and loss
    ///   ([`Loss::check`]);
    /// - if a training cannot be resumed, or its checkpoint path cannot be written.
    ///
    /// At a step, which is then not taken: if the loss or the gradient of a parameter is NaN or infinite, or if the
    /// loss depends on no parameter.
    ///
    /// After an epoch: if a parameter or the validation loss is NaN or infinite, if every gradient of the first epoch
    /// was exactly 0, or if the checkpoint cannot be saved. Before an epoch: if the schedule gives an invalid learning
    /// rate.
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
        let (parameters, state, goal) = (model.parameters(), model.state(), Objective { model, loss });
        self.check_settings(&parameters)?;
        start::check_optimizer(&parameters, optimizer)?;
        goal.check("data", data, true)?;
        validation.map_or(Ok(()), |data| goal.check("validation data", data, false))?;
        self.save.as_ref().map_or(Ok(()), |(_, path)| io::check_place(path))?;
        match self.resume(&state, optimizer)? {
            Start::Finished(history) => Ok(history),
            Start::After(done) => self.train(goal, (parameters, state), optimizer, data, validation, done),
        }
    }

    /// Trains from the epoch after `done`.
    fn train<T: Float>(
        &self,
        goal: Objective<'_, T>,
        (parameters, state): (Parameters<T>, Parameters<T>),
        optimizer: &mut dyn Optimizer<T>,
        data: &Dataset<T>,
        validation: Option<&Dataset<T>>,
        done: usize,
    ) -> Result<History, Error> {
        let bar = self.bar();
        // At most one part per sample, but at least 2 if parts were requested: one part and several parts derive
        // different seeds.
        let parts = self.parts.min(self.samples(data).min(data.len()).max(2));
        let tapes = (0..parts).map(|_| Tape::default()).collect();
        let steps = done.saturating_mul(data.len().div_ceil(self.samples(data)));
        let mut run = TrainingLoop::new(self, goal, (parameters, state.clone()), optimizer, tapes, steps, &bar);
        let mut history = History { epochs: Vec::new(), stopped: Stopped::Epochs };
        let shared = self.parts > 1 || self.samples(data).saturating_mul(run.parameters.numel()) >= SHARED;
        bar.inc(done as u64);
        for number in done + 1..=self.epochs {
            self.set_rate(run.optimizer, Every::Epoch, number)?;
            let mut epoch = || run.epoch(number, data);
            let trained = if shared { awake(epoch) } else { epoch() };
            let trained = run.keep_finite(trained)?;
            let validated = validation.map(|data| run.validate(number, data)).transpose()?;
            let epoch = Epoch {
                epoch: number,
                loss: trained.loss(),
                accuracy: trained.accuracy(),
                validation_loss: validated.as_ref().map(EpochSums::loss),
                validation_accuracy: validated.as_ref().and_then(EpochSums::accuracy),
            };
            history.epochs.push(epoch);
            bar.inc(1);
            bar.set_message(format!("loss {}", brief(epoch.loss)));
            let observed = self.after_epoch.borrow_mut().as_mut().map_or(ControlFlow::Continue(()), |f| f(&epoch));
            let stopped = if observed.is_break() {
                Some(Stopped::Observer)
            } else if self.is_within_tolerance(&epoch) {
                Some(Stopped::Tolerance)
            } else {
                (number == self.epochs).then_some(Stopped::Epochs)
            };
            if let Some((every, path)) = &self.save
                && (stopped.is_some() || number.is_multiple_of(*every))
            {
                let progress = Progress { epochs: number, stopped, last: Some(epoch) };
                save_progress(&state, run.optimizer, &progress, path)?;
            }
            if let Some(stopped) = stopped {
                history.stopped = stopped;
                break;
            }
        }
        bar.finish_and_clear();
        Ok(history)
    }

    pub(super) fn is_within_tolerance(&self, epoch: &Epoch) -> bool {
        self.tolerance.is_some_and(|epsilon| epoch.loss <= epsilon)
    }
}
