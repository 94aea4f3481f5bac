//! [`Bar`]: the progress bar.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::callback::{Callback, Learner, Start, Step};
use super::history::{Epoch, History, Stopped};
use crate::error::{Result, brief};

/// A progress bar on standard error, if that is a terminal.
///
/// It shows the epoch, the loss so far, the validation loss and the metrics on the validation data of the epoch before, the
/// learning rate, the samples in a second and the time left, also within an epoch. A [`Trainer`](crate::Trainer) has one
/// unless [told not to](crate::Trainer::progress). In the first epoch of a [stream](crate::Trainer::fit_stream) the time left is
/// not known.
///
/// ```
/// use autograd::{Param, Parameters};
/// use mlp::train::{Bar, Callback, Learner, Start, Step};
/// use mlp::{Epoch, Sgd};
/// let parameters = Parameters::new().with("w", &Param::new([1.0]));
/// let mut sgd = Sgd::new(&parameters, 0.1);
/// let mut learner = Learner::new(&parameters, &mut sgd);
/// let mut bar = Bar::new();
/// let _ = bar.begun(&Start::new(9, 1), &mut learner)?; // 9 epochs of 1 step
/// let _ = bar.step_ended(&Step::new(1, 1, 0.5), &mut learner)?;
/// let mut epoch = Epoch::new(1, 0.5);
/// epoch.validation_loss = Some(0.75);
/// let _ = bar.epoch_ended(&epoch, &mut learner)?;
/// let _ = bar.step_ended(&Step::new(2, 1, 0.25), &mut learner)?;
/// assert!(bar.text().starts_with("epoch 2/9  loss 0.250000  validation_loss 0.750000  rate 0.1"));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    epochs: usize,
    /// Of an epoch; 0 while it is not known.
    steps: usize,
    step: usize,
    epoch: usize,
    loss: f64,
    rate: f64,
    /// The values on the validation data of the epoch before.
    validation: Vec<(String, f64)>,
    begun: Instant,
    samples: usize,
    shown: Option<Instant>,
}

/// The time between two changes of the text: nobody reads faster.
const PAUSE: Duration = Duration::from_millis(100);

impl Bar {
    /// A bar that appears when the training begins.
    pub fn new() -> Self {
        Bar {
            bar: ProgressBar::hidden(),
            epochs: 0,
            steps: 0,
            step: 0,
            epoch: 0,
            loss: f64::NAN,
            rate: 0.0,
            validation: Vec::new(),
            begun: Instant::now(),
            samples: 0,
            shown: None,
        }
    }

    /// The text beside the bar.
    pub fn text(&self) -> String {
        let mut text = format!("epoch {}/{}", self.epoch, self.epochs);
        if !self.loss.is_nan() {
            text += &format!("  loss {}", brief(self.loss));
        }
        for (name, value) in &self.validation {
            text += &format!("  {name} {}", brief(*value));
        }
        text += &format!("  rate {}", crate::error::shown(self.rate));
        let seconds = self.begun.elapsed().as_secs_f64();
        if self.samples > 0 && seconds > 0.0 {
            text += &format!("  {:.0} samples/s", self.samples as f64 / seconds);
        }
        text
    }

    /// Runs `f` with the bar out of the way, so that what it prints stays above it.
    pub fn suspend<R>(&self, f: impl FnOnce() -> R) -> R {
        self.bar.suspend(f)
    }

    /// A handle to the bar, which moves with it.
    pub(super) fn handle(&self) -> ProgressBar {
        self.bar.clone()
    }

    fn show(&mut self) {
        if !self.bar.is_hidden() && self.shown.is_none_or(|shown| shown.elapsed() >= PAUSE) {
            self.bar.set_message(self.text());
            self.shown = Some(Instant::now());
        }
    }
}

impl Default for Bar {
    fn default() -> Self {
        Self::new()
    }
}

impl Callback for Bar {
    fn on_first_rank_only(&self) -> bool {
        true
    }

    fn begun(&mut self, start: &Start, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        let style = ProgressStyle::with_template("{wide_bar} {msg}  {eta} left").expect("a valid template");
        let (steps, done) = (start.epochs.saturating_mul(start.steps), start.done.saturating_mul(start.steps));
        // In place, since others hold handles to the bar.
        self.bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        self.bar.set_style(style);
        match steps {
            0 => self.bar.unset_length(),
            _ => self.bar.set_length(steps as u64),
        }
        self.bar.set_position((done + start.within) as u64);
        self.bar.reset_eta();
        (self.epochs, self.steps, self.epoch) = (start.epochs, start.steps, start.done + 1);
        (self.begun, self.samples, self.rate) = (Instant::now(), 0, learner.learning_rate());
        self.show();
        Ok(ControlFlow::Continue(()))
    }

    fn epoch_begun(&mut self, epoch: usize, learner: &mut Learner<'_>) -> Result<()> {
        (self.epoch, self.rate) = (epoch, learner.learning_rate());
        Ok(())
    }

    fn step_ended(&mut self, step: &Step, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        (self.epoch, self.loss, self.rate) = (step.epoch, step.running, learner.learning_rate());
        self.samples += step.samples;
        self.step = step.step;
        self.bar.set_position(((step.epoch - 1).saturating_mul(self.steps) + step.step) as u64);
        self.show();
        Ok(ControlFlow::Continue(()))
    }

    fn epoch_ended(&mut self, epoch: &Epoch, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        if self.steps == 0 {
            // The first epoch of a stream tells how long the others are.
            self.steps = self.step;
            self.bar.set_length(self.epochs.saturating_mul(self.steps) as u64);
            self.bar.set_position(epoch.epoch.saturating_mul(self.steps) as u64);
        }
        let validation = epoch.values().filter(|(name, _)| name.starts_with("validation_"));
        (self.loss, self.validation) = (epoch.loss, validation.map(|(name, x)| (name.to_string(), x)).collect());
        self.show();
        Ok(ControlFlow::Continue(()))
    }

    fn ended(&mut self, _: &History, _: &mut Learner<'_>) -> Result<()> {
        self.bar.finish_and_clear();
        Ok(())
    }
}
