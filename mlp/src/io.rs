//! Weights and trainings on disk, in the [safetensors](https://huggingface.co/docs/safetensors) format.
//!
//! Only names, shapes and numbers are stored: model and optimiser are code, and build themselves before [`load`] or
//! [`load_training`] fills them.

mod format;
mod progress;
mod replace;

use std::fs;
use std::path::Path;

use autograd::{Float, Param, Parameters, Tensor};
use indexmap::IndexMap;

use crate::error::{Error, Result};
use crate::optim::Optimizer;
use format::{Stored, write};
pub use progress::Progress;

/// Writes all parameters to `path`, replacing a file that stands there.
///
/// The file is written beside, flushed to disk and renamed: whatever happens, `path` holds either the old weights or
/// the new ones, whole. A file that stands there keeps its mode, a symbolic link its target. What a process that was killed left
/// beside, as `.mlp-….saving`, the next one to save into that folder removes.
///
/// ```
/// use autograd::{Param, Parameters, Tensor};
/// let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("weights.safetensors");
/// let w = Param::new([[0.1, 0.2]]);
/// let parameters = Parameters::new().with("w", &w);
/// mlp::io::save(&parameters, &path)?;
/// w.set([[7.0, 7.0]]);
/// mlp::io::load(&parameters, &path)?;
/// assert_eq!(w.value(), Tensor::from([[0.1, 0.2]]));
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] if the file cannot be written, or what stands there is a device, a pipe or a folder; [`Error::WeightsFile`] if the
/// format cannot hold the parameters.
pub fn save<T: Float>(parameters: &Parameters<T>, path: impl AsRef<Path>) -> Result<()> {
    let tensors = parameters.iter().map(|(name, param)| (name.to_string(), param.value()));
    write(path.as_ref(), tensors, None)
}

/// Fills all parameters from `path`, a file that [`save`] wrote; if anything does not fit, none is changed.
///
/// ```
/// use autograd::{Param, Parameters};
/// let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("weights.safetensors");
/// mlp::io::save(&Parameters::new().with("w", &Param::new([0.0, 0.0])), &path)?;
/// let error = mlp::io::load(&Parameters::new().with("w", &Param::new([0.0; 3])), &path).unwrap_err();
/// assert!(error.to_string().contains("parameter `w` has shape (2,), the model needs (3,)"));
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// [`Error::MissingParameter`], [`Error::UnexpectedParameter`], [`Error::ParameterShape`] or [`Error::ParameterType`]
/// if file and model differ; [`Error::WeightsFile`] if the file is truncated or of another format, holds NaN or ∞, or has two
/// arrays that differ for one parameter with two names; [`Error::Io`] if it cannot be read.
pub fn load<T: Float>(parameters: &Parameters<T>, path: impl AsRef<Path>) -> Result<()> {
    load_weights(parameters, path.as_ref(), false)
}

/// [`load`], but takes weights that are NaN or infinite as well, for a look at a training that went wrong.
///
/// ```
/// use autograd::{Param, Parameters};
/// let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("weights.safetensors");
/// let w = Param::new([0.5, f64::NAN]);
/// let parameters = Parameters::new().with("w", &w);
/// mlp::io::save(&parameters, &path)?;
/// let error = mlp::io::load(&parameters, &path).unwrap_err().to_string();
/// assert!(error.contains("parameter `w` holds NaN at position 1"));
/// w.set([0.0, 0.0]);
/// mlp::io::load_as_is(&parameters, &path)?;
/// assert!(w.value().get([1]).is_nan());
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// As [`load`], but for NaN and ∞.
pub fn load_as_is<T: Float>(parameters: &Parameters<T>, path: impl AsRef<Path>) -> Result<()> {
    load_weights(parameters, path.as_ref(), true)
}

fn load_weights<T: Float>(parameters: &Parameters<T>, path: &Path, any: bool) -> Result<()> {
    let bytes = fs::read(path).map_err(Error::io(path))?;
    let stored = Stored::parse(path, &bytes)?;
    let values = stored.values(parameters, "", any)?;
    stored.knows_all(|name| parameters.get(name).is_some(), parameters)?;
    set(values)
}

/// Writes a training to `path`: the parameters, what the optimiser remembers, and how many epochs are done. As [`save`].
///
/// [`Trainer::save_training`](crate::Trainer::save_training) does it while it trains.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Optimizer, Sgd, io};
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("training.safetensors");
/// let train = |steps, resume: bool| -> mlp::Result<f64> {
///     let w = Param::new([1.0]);
///     let parameters = Parameters::new().with("w", &w);
///     let mut sgd = Sgd::new(&parameters, 0.5).momentum(0.5);
///     if resume {
///         assert_eq!(io::load_training(&parameters, &mut sgd, &path)?, 1);
///     }
///     for _ in 0..steps {
///         let tape = Tape::new();
///         sgd.step(&w.on(&tape).sum().backward());
///     }
///     io::save_training(&parameters, &sgd, 1, &path)?;
///     Ok(w.value().item())
/// };
/// let at_once = train(2, false)?;
/// train(1, false)?;
/// assert_eq!(train(1, true)?, at_once); // with the velocity of before
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// As [`save`], and if there are more than 10⁹ epochs.
pub fn save_training<T: Float>(
    parameters: &Parameters<T>,
    optimizer: &(impl Optimizer<T> + ?Sized),
    epochs: usize,
    path: impl AsRef<Path>,
) -> Result<()> {
    save_progress(parameters, optimizer, &Progress::new(epochs), path.as_ref())
}

/// [`save_training`] with all that is known of it.
pub(crate) fn save_progress<T: Float>(
    parameters: &Parameters<T>,
    optimizer: &(impl Optimizer<T> + ?Sized),
    progress: &Progress,
    path: &Path,
) -> Result<()> {
    let model = parameters.iter().map(|(name, param)| (format!("{MODEL}{name}"), param.value()));
    let state = optimizer.state().into_iter().map(|(name, array)| (format!("{OPTIMIZER}{name}"), array));
    let words = progress.words().map_err(|why| Error::invalid("save_training", why))?;
    write(path, model.chain(state), Some(words))
}

/// `Ok` if something can be saved to `path`: better known before the training than after.
pub(crate) fn check_place(path: &Path) -> Result<()> {
    replace::check(path).map_err(Error::io(path))
}

/// Fills parameters and optimiser from `path`, a file that [`save_training`] wrote, and returns how many epochs were done; if anything
/// does not fit, nothing is changed.
///
/// The optimiser's settings, such as its learning rate, are code: build it as it was.
///
/// # Errors
/// As [`load`], and if the optimiser refuses its [state](Optimizer::set_state).
pub fn load_training<T: Float>(
    parameters: &Parameters<T>,
    optimizer: &mut (impl Optimizer<T> + ?Sized),
    path: impl AsRef<Path>,
) -> Result<usize> {
    let training = Training::read(parameters, path.as_ref())?;
    let epochs = training.progress.epochs;
    training.apply(optimizer)?;
    Ok(epochs)
}

/// How far the training in `path` has come, without a model to load it into.
///
/// ```
/// use mlp::{Activation, Dataset, Mlp, Module, Mse, Sgd, Stopped, Trainer, io};
/// use rand::{SeedableRng, rngs::StdRng};
/// let data = Dataset::new(autograd::Tensor::<f64>::ones([8, 2]), autograd::Tensor::ones([8, 1]))?;
/// let model: Mlp = Mlp::new(2).output(1, Activation::Identity).build(&mut StdRng::seed_from_u64(0))?;
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("training.safetensors");
/// let trainer = Trainer::new().epochs(100).tolerance(0.01).save_training(10, &path);
/// let history = trainer.fit(&model, &Mse, &mut Sgd::new(&model.parameters(), 0.1), &data, None)?;
/// let progress = io::progress(&path)?;
/// assert_eq!((progress.stopped, progress.last.as_ref()), (Some(Stopped::Tolerance), Some(history.last())));
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// If it cannot be read, or is no training.
pub fn progress(path: impl AsRef<Path>) -> Result<Progress> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(Error::io(path))?;
    Stored::parse(path, &bytes)?.progress()
}

/// A training that was read and fits a model; nothing is changed yet.
pub(crate) struct Training<'p, T: Float> {
    pub(crate) progress: Progress,
    values: Vec<(&'p Param<T>, Tensor<T>)>,
    /// What the optimiser remembered.
    state: IndexMap<String, Tensor<T>>,
}

impl<'p, T: Float> Training<'p, T> {
    pub(crate) fn read(parameters: &'p Parameters<T>, path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        let stored = Stored::parse(path, &bytes)?;
        let progress = stored.progress()?;
        let values = stored.values(parameters, MODEL, false)?;
        let of_optimizer = |name: &str| name.strip_prefix(OPTIMIZER).map(str::to_string);
        let of_model = |name: &str| name.strip_prefix(MODEL).is_some_and(|name| parameters.get(name).is_some());
        stored.knows_all(|name| of_model(name) || of_optimizer(name).is_some(), parameters)?;
        let state = stored.names.iter().filter_map(|name| Some((of_optimizer(name)?, name)));
        let state = state.map(|(short, name)| Ok((short, stored.tensor(name)?))).collect::<Result<_>>()?;
        Ok(Training { progress, values, state })
    }

    /// Fills parameters and optimiser; if the optimiser refuses its state, nothing.
    pub(crate) fn apply(self, optimizer: &mut (impl Optimizer<T> + ?Sized)) -> Result<()> {
        optimizer.set_state(&self.state)?;
        set(self.values)
    }
}

/// What the names in a training begin with.
const MODEL: &str = "model.";
const OPTIMIZER: &str = "optimizer.";

/// A parameter never changes its shape, so what was checked to fit does not fail halfway.
fn set<T: Float>(values: Vec<(&Param<T>, Tensor<T>)>) -> Result<()> {
    values.into_iter().try_for_each(|(param, value)| Ok(param.try_set(value)?))
}
