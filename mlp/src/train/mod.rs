//! [`Trainer`]: epochs, batches, stopping rules and reports; and its parts for a loop of one's own.

mod averaging;
mod bar;
mod callback;
mod callbacks;
mod checkpoint;
mod fit;
mod gradient_sum;
mod history;
mod interrupt;
mod json_lines;
mod metric;
mod nonfinite;
mod on_plateau;
mod parts;
mod progress;
mod ranks;
mod rates;
mod saving;
mod settings;
mod source;
mod start;
mod step;
mod sums;
mod tensorboard;
mod training_loop;
mod validation;
mod watch;
mod watching;

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;

use crate::nn::observe::Observer;
pub use averaging::Averaging;
pub use bar::Bar;
pub use callback::{Callback, Learner, Start, Step};
pub use checkpoint::{load_training, load_training_with, progress, save_training, save_training_with};
pub use gradient_sum::GradientSum;
pub use history::{Epoch, History, Stopped, load_csv};
pub use interrupt::Interrupt;
pub use json_lines::{JsonLines, load_json_lines};
use metric::Metric;
pub use on_plateau::OnPlateau;
pub use progress::Progress;
pub use ranks::{Communicator, Data, Message, Values, in_ranks, piece};
pub use rates::{RateRange, RateTest};
pub use tensorboard::TensorBoard;
pub use watch::{BestWeights, EarlyStopping, Watch};

/// Trains a model epoch by epoch, in shuffled batches.
///
/// One epoch passes over every sample once, with one step per batch. The learning rate belongs to the optimiser.
/// [`fit`](Trainer::fit) trains on data in memory, [`fit_stream`](Trainer::fit_stream) on data that memory does not hold.
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
    /// The number of batches per step.
    accumulate: usize,
    /// Whether to leave out a last batch that is smaller.
    drop_last: bool,
    parts: Parts,
    seed: u64,
    tolerance: Option<f64>,
    progress: bool,
    clip_norm: Option<f64>,
    /// The interval in epochs between saves, and the path.
    save: Option<(usize, PathBuf)>,
    /// The interval in steps between saves, and the path.
    save_steps: Option<(usize, PathBuf)>,
    resume: Option<PathBuf>,
    /// What connects the ranks of the training.
    communicator: Option<&'a dyn Communicator>,
    schedule: RefCell<Option<Box<Schedule<'a>>>>,
    /// The learning rate by step.
    step_schedule: RefCell<Option<Box<Schedule<'a>>>>,
    callbacks: RefCell<Vec<Box<dyn Callback + 'a>>>,
    metrics: Vec<Metric<'a>>,
    /// The interval in steps between observations, and the observer.
    steps: RefCell<Option<(usize, Box<dyn Observer + 'a>)>>,
}

type Schedule<'a> = dyn FnMut(usize) -> f64 + 'a;

/// The number of parts of a batch, each with its own tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parts {
    Fixed(usize),
    /// As many as are fastest in the first step.
    Measured,
}

impl Trainer<'_> {
    /// Creates a trainer: 100 epochs, batches of 32, seed 0, no tolerance, a progress bar.
    pub fn new() -> Self {
        Trainer {
            epochs: 100,
            batch_size: Some(32),
            accumulate: 1,
            drop_last: false,
            parts: Parts::Fixed(1),
            seed: 0,
            tolerance: None,
            progress: true,
            clip_norm: None,
            save: None,
            save_steps: None,
            resume: None,
            communicator: None,
            schedule: RefCell::new(None),
            step_schedule: RefCell::new(None),
            callbacks: RefCell::new(Vec::new()),
            metrics: Vec::new(),
            steps: RefCell::new(None),
        }
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
            .field("accumulate", &self.accumulate)
            .field("parts", &self.parts)
            .field("seed", &self.seed)
            .field("tolerance", &self.tolerance)
            .finish_non_exhaustive()
    }
}
