//! [`Trainer`]: epochs, batches, stopping rules and reports.

mod checkpoint;
mod fit;
mod history;
mod progress;
mod start;
mod step;
mod sums;
mod training_loop;

use std::cell::RefCell;
use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;

use autograd::Float;
use indicatif::{ProgressBar, ProgressStyle};

use crate::Dataset;
use crate::error::{Result, shown};
use crate::nn::observe::Observer;
use crate::optim::Optimizer;
pub use checkpoint::{load_training, progress, save_training};
pub use history::{Epoch, History, Stopped};
pub use progress::Progress;

/// Trains a model epoch by epoch, in shuffled batches.
///
/// One epoch passes over every sample once, with one step per batch. The learning rate belongs to the optimiser.
///
/// The same seed, model and data give the same bits, on any number of threads. Results of wide layers may differ in the
/// last digits between processors with different instruction sets. The cause: a library computes matrix products of
/// more than a few hundred multiplications (9 units by 9, in batches of 9), and its choice of instructions determines
/// the order of summation.
///
/// ```
/// use autograd::Tensor;
/// use mlp::{Activation, Adam, Dataset, Mlp, Module, Mse, Trainer};
/// use rand::{SeedableRng, rngs::StdRng};
/// let inputs = Tensor::from([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
/// let data = Dataset::new(inputs, Tensor::from([[0.0], [1.0], [1.0], [0.0]]))?;
/// let mut rng = StdRng::seed_from_u64(1);
/// let model = Mlp::new(2).hidden(8, Activation::Tanh).output(1, Activation::Sigmoid).build(&mut rng)?;
/// let mut adam = Adam::new(&model.parameters(), 0.05);
/// let trainer = Trainer::new().epochs(2000).full_batch().tolerance(0.01).progress(false);
/// let history = trainer.fit(&model, &Mse, &mut adam, &data, None)?;
/// assert!(history.last().loss <= 0.01);
/// # Ok::<(), mlp::Error>(())
/// ```
pub struct Trainer<'a> {
    epochs: usize,
    /// `None`: all samples.
    batch_size: Option<usize>,
    /// The number of parts of a batch, each with its own tape.
    parts: usize,
    seed: u64,
    tolerance: Option<f64>,
    progress: bool,
    clip_norm: Option<f64>,
    /// The interval in epochs between saves, and the path.
    save: Option<(usize, PathBuf)>,
    resume: Option<PathBuf>,
    schedule: RefCell<Option<(Every, Box<Schedule<'a>>)>>,
    after_epoch: RefCell<Option<Box<AfterEpoch<'a>>>>,
    /// The interval in steps between observations, and the observer.
    steps: RefCell<Option<(usize, Box<dyn Observer + 'a>)>>,
}

/// How often a schedule sets the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Every {
    Epoch,
    Step,
}

type Schedule<'a> = dyn FnMut(usize) -> f64 + 'a;
type AfterEpoch<'a> = dyn FnMut(&Epoch) -> ControlFlow<()> + 'a;

impl<'a> Trainer<'a> {
    /// Creates a trainer: 100 epochs, batches of 32, seed 0, no tolerance, a progress bar.
    pub fn new() -> Self {
        Trainer {
            epochs: 100,
            batch_size: Some(32),
            parts: 1,
            seed: 0,
            tolerance: None,
            progress: true,
            clip_norm: None,
            save: None,
            resume: None,
            schedule: RefCell::new(None),
            after_epoch: RefCell::new(None),
            steps: RefCell::new(None),
        }
    }

    /// Sets the number of passes over the data.
    #[must_use]
    pub fn epochs(self, epochs: usize) -> Self {
        Trainer { epochs, ..self }
    }

    /// Sets the number of samples per step.
    ///
    /// 1 means a step after every sample. The last batch of an epoch may be smaller.
    #[must_use]
    pub fn batch_size(self, samples: usize) -> Self {
        Trainer { batch_size: Some(samples), ..self }
    }

    /// Takes one step per epoch, over all samples.
    #[must_use]
    pub fn full_batch(self) -> Self {
        Trainer { batch_size: None, ..self }
    }

    /// Splits each batch into `parts` that run in parallel.
    ///
    /// Each part has its own tape for the forward and the backward pass; the parts use as many threads as there are
    /// ([`backward_in_parts`](autograd::backward_in_parts)).
    ///
    /// The step is that of the whole batch, except for round-off, for the random numbers of dropout, and for a loss that
    /// compares the samples of a batch ([`NtXent`](crate::NtXent)). Its bits depend on the number of parts, but not on
    /// the number of threads. For batches of 128 through 784-256-256-10, two parts
    /// on two threads take 0.6 of the single-threaded time; this is slightly less than without parts, where the threads
    /// share large products. Many small layers gain little or nothing, because each part passes over all gradients. A
    /// single thread loses time. Measure before you use it. The default is 1.
    ///
    /// ```
    /// # use mlp::{Activation, Dataset, Mlp, Module, Mse, Sgd, Trainer};
    /// # use rand::{SeedableRng, rngs::StdRng};
    /// let data = Dataset::new(autograd::Tensor::<f64>::ones([64, 2]), autograd::Tensor::ones([64, 1]))?;
    /// let losses = [1, 4].map(|parts| {
    ///     let layers = Mlp::new(2).hidden(8, Activation::Tanh).output(1, Activation::Identity);
    ///     let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0)).unwrap();
    ///     let mut sgd = Sgd::new(&model.parameters(), 0.1);
    ///     let trainer = Trainer::new().epochs(3).parts(parts);
    ///     trainer.fit(&model, &Mse, &mut sgd, &data, None).unwrap().last().loss
    /// });
    /// assert!((losses[0] - losses[1]).abs() < 1e-12);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn parts(self, parts: usize) -> Self {
        Trainer { parts, ..self }
    }

    /// Sets the seed of shuffling and dropout.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Trainer { seed, ..self }
    }

    /// Stops after the first epoch whose training loss is at most ε.
    ///
    /// # Panics
    /// If ε is negative, NaN or infinite.
    #[must_use]
    #[track_caller]
    pub fn tolerance(self, epsilon: f64) -> Self {
        let (what, ok) = (shown(epsilon), epsilon >= 0.0 && epsilon.is_finite());
        assert!(ok, "trainer: a tolerance of {what} is not a finite number ≥ 0; leave it out to train all epochs");
        Trainer { tolerance: Some(epsilon), ..self }
    }

    /// Sets whether to draw a progress bar.
    ///
    /// The bar appears only if standard error is a terminal.
    #[must_use]
    pub fn progress(self, shown: bool) -> Self {
        Trainer { progress: shown, ..self }
    }

    /// Clips the global norm of the gradients of each step to `most`.
    ///
    /// The global norm covers all parameters together; see [`Gradients::clip_norm`](autograd::Gradients::clip_norm).
    ///
    /// # Panics
    /// If `most` is not above 0, or infinite.
    #[must_use]
    #[track_caller]
    pub fn clip_norm(self, most: f64) -> Self {
        let what = shown(most);
        assert!(most > 0.0, "trainer: gradients of a norm of at most {what} leave nothing to step along");
        assert!(most.is_finite(), "trainer: clipping gradients at a norm of {what} clips none; leave it out");
        Trainer { clip_norm: Some(most), ..self }
    }

    /// Saves a checkpoint after every `every`-th epoch, and after the last ([`save_training`]).
    ///
    /// [`resume_from`](Trainer::resume_from) continues from the checkpoint, and reaches the same bits as an
    /// uninterrupted training:
    ///
    /// ```
    /// use mlp::{Activation, Adam, Dataset, Mlp, Module, Mse, Trainer};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let data = Dataset::new(autograd::Tensor::<f64>::ones([64, 2]), autograd::Tensor::ones([64, 1]))?;
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("training.safetensors");
    /// let loss_after = |trainer: Trainer<'_>| -> mlp::Result<f64> {
    ///     let layers = Mlp::new(2).hidden(8, Activation::Tanh).output(1, Activation::Identity);
    ///     let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
    ///     let mut adam = Adam::new(&model.parameters(), 0.1);
    ///     Ok(trainer.fit(&model, &Mse, &mut adam, &data, None)?.last().loss)
    /// };
    /// let at_once = loss_after(Trainer::new().epochs(5))?;
    /// loss_after(Trainer::new().epochs(3).save_training(1, &path))?;
    /// assert_eq!(loss_after(Trainer::new().epochs(5).resume_from(&path))?, at_once);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `every` is 0.
    #[must_use]
    #[track_caller]
    pub fn save_training(self, every: usize, path: impl Into<PathBuf>) -> Self {
        assert!(every > 0, "trainer: save_training wants to save after every 0 epochs; every epoch is 1");
        Trainer { save: Some((every, path.into())), ..self }
    }

    /// Continues a [saved](Trainer::save_training) training, with its parameters and its optimiser state.
    ///
    /// [`epochs`](Trainer::epochs) includes the saved epochs. The [`History`] begins with the first new epoch.
    ///
    /// A training whose loss is within the [`tolerance`](Trainer::tolerance) is finished: its history repeats the last
    /// epoch. A training with as many epochs as the trainer, or more, is an error. Nothing changes unless the whole
    /// file fits.
    #[must_use]
    pub fn resume_from(self, path: impl Into<PathBuf>) -> Self {
        Trainer { resume: Some(path.into()), ..self }
    }

    /// Sets the learning rate before each epoch to `rate(epoch)`, with epochs from 1: a closure, or the
    /// [`rates`](crate::Schedule::rates) of a [`Schedule`](crate::Schedule).
    ///
    /// Without a schedule the optimiser keeps its learning rate. A rate that is negative, NaN or infinite ends the
    /// training with an error.
    ///
    /// ```
    /// use autograd::{Param, Tensor};
    /// use mlp::{Dataset, Linear, Module, Mse, Optimizer, Sgd, Trainer};
    /// let data = Dataset::new(Tensor::from([[1.0]]), Tensor::from([[1.0]]))?;
    /// let model = Linear { w: Param::new([[0.0]]), b: None };
    /// let mut sgd = Sgd::new(&model.parameters(), 0.1);
    /// // Halve the rate every ten epochs.
    /// let trainer = Trainer::new().epochs(30).schedule(|epoch| 0.1 * 0.5f64.powi((epoch as i32 - 1) / 10));
    /// trainer.fit(&model, &Mse, &mut sgd, &data, None)?;
    /// assert_eq!(Optimizer::<f64>::learning_rate(&sgd), 0.025);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn schedule(self, rate: impl FnMut(usize) -> f64 + 'a) -> Self {
        Trainer { schedule: RefCell::new(Some((Every::Epoch, Box::new(rate)))), ..self }
    }

    /// Sets the learning rate before each step to `rate(step)`, with steps from 1, over all epochs; it takes the place of
    /// a [`schedule`](Trainer::schedule) by epochs.
    ///
    /// A training that is resumed goes on counting.
    ///
    /// ```
    /// use autograd::{Param, Tensor};
    /// use mlp::{Dataset, Linear, Module, Mse, Optimizer, Schedule, Sgd, Trainer};
    /// let data = Dataset::new(Tensor::ones([6, 1]), Tensor::<f64>::ones([6, 1]))?;
    /// let model = Linear { w: Param::new([[0.0]]), b: None };
    /// let mut sgd = Sgd::new(&model.parameters(), 0.1);
    /// let schedule = Schedule::linear(0.1, 0.0, 5); // two epochs of three steps
    /// let trainer = Trainer::new().epochs(2).batch_size(2).schedule_steps(schedule.rates());
    /// trainer.fit(&model, &Mse, &mut sgd, &data, None)?;
    /// assert_eq!(Optimizer::<f64>::learning_rate(&sgd), 0.0);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn schedule_steps(self, rate: impl FnMut(usize) -> f64 + 'a) -> Self {
        Trainer { schedule: RefCell::new(Some((Every::Step, Box::new(rate)))), ..self }
    }

    /// Sets the learning rate of an optimiser, if the schedule has one for this epoch or step.
    fn set_rate<T: Float>(&self, optimizer: &mut dyn Optimizer<T>, every: Every, count: usize) -> Result<()> {
        if let Some((each, rate)) = &mut *self.schedule.borrow_mut()
            && *each == every
        {
            optimizer.set_learning_rate(start::checked_rate::<T>(rate(count), every, count)?);
        }
        Ok(())
    }

    /// Calls `f` after each epoch; `ControlFlow::Break(())` stops the training.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use mlp::Trainer;
    /// let mut losses = Vec::new();
    /// let trainer = Trainer::new().observe(|epoch| {
    ///     losses.push(epoch.loss);
    ///     if losses.len() == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    /// });
    /// # let data = mlp::Dataset::new(autograd::Tensor::from([[1.0]]), autograd::Tensor::from([[1.0]]))?;
    /// # let model = mlp::Linear { w: autograd::Param::new([[0.0]]), b: None };
    /// # let mut sgd = mlp::Sgd::new(&mlp::Module::parameters(&model), 0.1);
    /// let history = trainer.fit(&model, &mlp::Mse, &mut sgd, &data, None)?;
    /// assert_eq!((history.epochs.len(), history.stopped), (5, mlp::Stopped::Observer));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn observe(self, f: impl FnMut(&Epoch) -> ControlFlow<()> + 'a) -> Self {
        Trainer { after_epoch: RefCell::new(Some(Box::new(f))), ..self }
    }

    /// Passes the first step, and then every `every`-th step, to `observer`.
    ///
    /// The observation spans the forward pass to the update.
    ///
    /// The observer sees the training pass itself, and does not change its bits. With several [`parts`](Trainer::parts)
    /// it sees an additional pass over the whole batch, and the update from the parts.
    ///
    /// ```
    /// # use mlp::{Activation, Dataset, Mlp, Module, Mse, Sgd, Trainer};
    /// # use rand::{SeedableRng, rngs::StdRng};
    /// # let data = Dataset::new(autograd::Tensor::<f64>::ones([64, 2]), autograd::Tensor::ones([64, 1]))?;
    /// # let layers = Mlp::new(2).hidden(8, Activation::Relu).output(1, Activation::Identity);
    /// # let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
    /// # let mut sgd = Sgd::new(&model.parameters(), 0.1);
    /// use std::{cell::RefCell, rc::Rc};
    ///
    /// /// The loss of each observed step.
    /// struct Losses(Rc<RefCell<Vec<f64>>>);
    ///
    /// impl mlp::Observer for Losses {
    ///     fn swept(&mut self, loss: f64) {
    ///         self.0.borrow_mut().push(loss);
    ///     }
    /// }
    ///
    /// let losses = Rc::default();
    /// let trainer = Trainer::new().epochs(3).batch_size(16).observe_steps(1, Losses(Rc::clone(&losses)));
    /// trainer.fit(&model, &Mse, &mut sgd, &data, None)?; // 4 steps per epoch
    /// assert_eq!(losses.borrow().len(), 12);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `every` is 0.
    #[must_use]
    #[track_caller]
    pub fn observe_steps(self, every: usize, observer: impl Observer + 'a) -> Self {
        assert!(every > 0, "trainer: observe_steps wants to look at every 0 steps; every step is 1");
        Trainer { steps: RefCell::new(Some((every, Box::new(observer)))), ..self }
    }

    fn samples<T: Float>(&self, data: &Dataset<T>) -> usize {
        self.batch_size.unwrap_or(data.len())
    }

    fn bar(&self) -> ProgressBar {
        if !self.progress {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("epoch {pos}/{len} {wide_bar} {msg} {eta}").expect("a valid template");
        ProgressBar::new(self.epochs as u64).with_style(style)
    }
}

impl Default for Trainer<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Trainer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trainer")
            .field("epochs", &self.epochs)
            .field("batch_size", &self.batch_size)
            .field("parts", &self.parts)
            .field("seed", &self.seed)
            .field("tolerance", &self.tolerance)
            .finish_non_exhaustive()
    }
}
