//! [`Interrupt`]: a request to end a training after its present step.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::callback::{Callback, Learner, Step};
use super::history::Stopped;
use crate::error::Result;

/// A request, from anywhere, to end a training after its present step.
///
/// Its clones are one: a thread, a signal handler or a callback sets one of them, and the training that has another as a
/// [callback](crate::Trainer::callback) ends with [`Stopped::Interrupted`] and saves a checkpoint, if it saves any. A
/// training [resumed](crate::Trainer::resume_from) from it reaches the bits of one that was never interrupted.
///
/// ```
/// use mlp::train::Interrupt;
/// use mlp::{Stopped, Trainer};
/// let interrupt = Interrupt::new();
/// let trainer = Trainer::new().callback(interrupt.clone());
/// interrupt.set();
/// # let data = mlp::Dataset::new(autograd::Tensor::from([[1.0]]), autograd::Tensor::from([[1.0]]))?;
/// # let model = mlp::Linear { w: autograd::Param::new([[0.0]]), b: None };
/// # let mut sgd = mlp::Sgd::new(&mlp::Module::parameters(&model), 0.1);
/// let history = trainer.fit(&model, &mlp::Mse, &mut sgd, &data, None)?;
/// assert_eq!((history.stopped, history.within), (Stopped::Interrupted, Some(1))); // after the first step
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// An interrupt that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests the end; it stays set until [`clear`](Interrupt::clear).
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the end is requested.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Withdraws the request.
    pub fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// The interrupt that Ctrl-C (SIGINT) sets; pressed again while it is set, Ctrl-C ends the process with status 130.
    ///
    /// Every call returns the same one. The handler stays for the life of the process.
    ///
    /// ```no_run
    /// use mlp::{Trainer, train::Interrupt};
    /// let trainer = Trainer::new().save_training(10, "training.safetensors").callback(Interrupt::on_ctrl_c()?);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the program has another handler of Ctrl-C; that one can [`set`](Interrupt::set) an interrupt itself.
    #[cfg(feature = "ctrlc")]
    pub fn on_ctrl_c() -> Result<Self> {
        use std::sync::Mutex;
        static HANDLED: Mutex<Option<Interrupt>> = Mutex::new(None);
        let mut handled = HANDLED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(interrupt) = &*handled {
            return Ok(interrupt.clone());
        }
        let interrupt = Interrupt::new();
        let flag = interrupt.clone();
        let handler = move || {
            if flag.0.swap(true, Ordering::Relaxed) {
                std::process::exit(130)
            }
        };
        ctrlc::try_set_handler(handler).map_err(|error| {
            let repair = "set an Interrupt in the handler that the program has";
            crate::Error::invalid("interrupt", format!("Ctrl-C cannot be handled: {error}; {repair}"))
        })?;
        *handled = Some(interrupt.clone());
        Ok(interrupt)
    }
}

impl Callback for Interrupt {
    fn step_ended(&mut self, _: &Step, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        Ok(if self.is_set() { ControlFlow::Break(Stopped::Interrupted) } else { ControlFlow::Continue(()) })
    }
}
