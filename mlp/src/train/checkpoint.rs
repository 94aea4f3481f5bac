//! Checkpoints: parameters, optimiser state and progress on disk.

use std::fs;
use std::path::{Path, PathBuf};

use autograd::{Float, Param, Parameters, Tensor};
use indexmap::IndexMap;

use super::callback::Callback;
use super::callbacks::{Callbacks, state};
use super::progress::Progress;
use crate::error::{Error, Result};
use crate::io::format::{Stored, write};
use crate::io::set;
use crate::optim::Optimizer;

/// Writes a checkpoint to `path`: parameters, optimiser state and the number of epochs.
///
/// It replaces the file as [`io::save`](crate::io::save) does.
///
/// [`Trainer::save_training`](crate::Trainer::save_training) calls it during training.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::train::{load_training, save_training};
/// use mlp::{Optimizer, Sgd};
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("training.safetensors");
/// let train = |steps, resume: bool| -> mlp::Result<f64> {
///     let w = Param::new([1.0]);
///     let parameters = Parameters::new().with("w", &w);
///     let mut sgd = Sgd::new(&parameters, 0.5).momentum(0.5);
///     if resume {
///         assert_eq!(load_training(&parameters, &mut sgd, &path)?, 1);
///     }
///     for _ in 0..steps {
///         let tape = Tape::new();
///         sgd.step(&w.on(&tape).sum().backward());
///     }
///     save_training(&parameters, &sgd, 1, &path)?;
///     Ok(w.value().item())
/// };
/// let at_once = train(2, false)?;
/// train(1, false)?;
/// assert_eq!(train(1, true)?, at_once); // the velocity continues from the checkpoint
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// As [`io::save`](crate::io::save), and if there are more than 10⁹ epochs.
pub fn save_training<T: Float>(
    parameters: &Parameters<T>,
    optimizer: &(impl Optimizer<T> + ?Sized),
    epochs: usize,
    path: impl AsRef<Path>,
) -> Result<()> {
    save_training_with(parameters, optimizer, &[], &Progress::new(epochs), path)
}

/// [`save_training`] with the state of callbacks and with the full progress, such as the steps taken within an epoch.
///
/// [`load_training_with`] restores them:
///
/// ```
/// use autograd::{Param, Parameters};
/// use mlp::train::{Callback, EarlyStopping, Learner, Progress, load_training_with, save_training_with};
/// use mlp::{Epoch, Sgd};
/// let parameters = Parameters::new().with("w", &Param::new([1.0]));
/// let mut sgd = Sgd::new(&parameters, 0.5);
/// let mut stop = EarlyStopping::new(3);
/// let mut epoch = Epoch::new(1, 0.5);
/// epoch.validation_loss = Some(0.75);
/// let _ = stop.epoch_ended(&epoch, &mut Learner::new(&parameters, &mut sgd))?;
/// let mut progress = Progress::new(1);
/// progress.within = 20; // and 20 steps of the second
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("training.safetensors");
/// save_training_with(&parameters, &sgd, &[&stop], &progress, &path)?;
///
/// let mut again = EarlyStopping::new(3);
/// let progress = load_training_with(&parameters, &mut sgd, vec![&mut again], &path)?;
/// assert_eq!((progress.epochs, progress.within, again), (1, 20, stop));
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// As [`save_training`].
pub fn save_training_with<T: Float>(
    parameters: &Parameters<T>,
    optimizer: &(impl Optimizer<T> + ?Sized),
    callbacks: &[&dyn Callback],
    progress: &Progress,
    path: impl AsRef<Path>,
) -> Result<()> {
    save_progress(parameters, optimizer, state(callbacks), progress, path.as_ref())
}

/// [`save_training_with`] with the states of all callbacks.
pub(super) fn save_progress<T: Float>(
    parameters: &Parameters<T>,
    optimizer: &(impl Optimizer<T> + ?Sized),
    callbacks: IndexMap<String, Tensor>,
    progress: &Progress,
    path: &Path,
) -> Result<()> {
    let model = parameters.iter().map(|(name, param)| (format!("{MODEL}{name}"), param.value()));
    let optimizer = optimizer.state().into_iter().map(|(name, array)| (format!("{OPTIMIZER}{name}"), array));
    let callbacks = callbacks.into_iter().map(|(name, array)| (format!("{CALLBACK}{name}"), array));
    let words = progress.words().map_err(|why| Error::invalid("save_training", why))?;
    write(path, model.chain(optimizer), callbacks, Some(words))
}

/// Restores parameters and optimiser from a checkpoint, and returns its number of epochs.
///
/// `path` is a file of [`save_training`], or of a trainer; the state of callbacks is left out. If anything does not fit,
/// nothing changes.
///
/// The file does not contain the optimiser's settings, such as its learning rate: construct the optimiser as before.
///
/// # Errors
/// As [`io::load`](crate::io::load), and if the optimiser rejects its [state](Optimizer::set_state).
pub fn load_training<T: Float>(
    parameters: &Parameters<T>,
    optimizer: &mut (impl Optimizer<T> + ?Sized),
    path: impl AsRef<Path>,
) -> Result<usize> {
    let training = Training::read(parameters, path.as_ref())?;
    let epochs = training.progress.epochs;
    if training.progress.within > 0 {
        let (path, within) = (path.as_ref().display(), training.progress.within);
        let why = format!("{path} lies {within} steps behind epoch {epochs}; load_training_with returns the steps too");
        return Err(Error::invalid("load_training", why));
    }
    training.apply(optimizer, &mut Callbacks::new(Vec::new(), true))?;
    Ok(epochs)
}

/// Restores parameters, optimiser and callbacks from a checkpoint, and returns its progress.
///
/// The callbacks are those that were saved, in any order of different ones. One whose state the file does not hold stays as
/// it is. If anything does not fit, nothing changes.
///
/// # Errors
/// As [`load_training`], and if a callback rejects its state, or the file holds that of another callback.
pub fn load_training_with<T: Float>(
    parameters: &Parameters<T>,
    optimizer: &mut (impl Optimizer<T> + ?Sized),
    callbacks: Vec<&mut dyn Callback>,
    path: impl AsRef<Path>,
) -> Result<Progress> {
    let training = Training::read(parameters, path.as_ref())?;
    let progress = training.progress.clone();
    training.apply(optimizer, &mut Callbacks::new(callbacks, false))?;
    Ok(progress)
}

/// Reads the progress of the checkpoint at `path`, without a model.
///
/// ```
/// use mlp::{Activation, Dataset, Mlp, Module, Mse, Sgd, Stopped, Trainer, train};
/// use rand::{SeedableRng, rngs::StdRng};
/// let data = Dataset::new(autograd::Tensor::<f64>::ones([8, 2]), autograd::Tensor::ones([8, 1]))?;
/// let model: Mlp = Mlp::new(2).output(1, Activation::Identity).build(&mut StdRng::seed_from_u64(0))?;
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("training.safetensors");
/// let trainer = Trainer::new().epochs(100).tolerance(0.01).save_training(10, &path);
/// let history = trainer.fit(&model, &Mse, &mut Sgd::new(&model.parameters(), 0.1), &data, None)?;
/// let progress = train::progress(&path)?;
/// assert_eq!((progress.stopped, progress.last.as_ref()), (Some(Stopped::Tolerance), Some(history.last())));
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// If the file cannot be read, or is not a checkpoint.
pub fn progress(path: impl AsRef<Path>) -> Result<Progress> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(Error::io(path))?;
    read_progress(&Stored::parse(path, &bytes)?)
}

/// A checkpoint that was read and fits the model; nothing has changed yet.
pub(crate) struct Training<'p, T: Float> {
    path: PathBuf,
    pub(crate) progress: Progress,
    values: Vec<(&'p Param<T>, Tensor<T>)>,
    /// The state of the optimiser.
    state: IndexMap<String, Tensor<T>>,
    /// The states of the callbacks.
    callbacks: IndexMap<String, Tensor>,
}

impl<'p, T: Float> Training<'p, T> {
    pub(crate) fn read(parameters: &'p Parameters<T>, path: &Path) -> Result<Self> {
        Self::parse(parameters, path, &fs::read(path).map_err(Error::io(path))?)
    }

    /// That of a file with this content.
    pub(super) fn parse(parameters: &'p Parameters<T>, path: &Path, bytes: &[u8]) -> Result<Self> {
        let stored = Stored::parse(path, bytes)?;
        let progress = read_progress(&stored)?;
        let values = stored.values(parameters, MODEL, false)?;
        let of_optimizer = |name: &str| name.strip_prefix(OPTIMIZER).map(str::to_string);
        let of_model = |name: &str| name.strip_prefix(MODEL).is_some_and(|name| parameters.get(name).is_some());
        let of_callback = |name: &str| name.strip_prefix(CALLBACK).map(str::to_string);
        let known = |name: &str| of_model(name) || of_optimizer(name).is_some() || of_callback(name).is_some();
        stored.knows_all(known, parameters)?;
        let state = stored.names.iter().filter_map(|name| Some((of_optimizer(name)?, name)));
        let state = state.map(|(short, name)| Ok((short, stored.tensor(name)?))).collect::<Result<_>>()?;
        let callbacks = stored.names.iter().filter_map(|name| Some((of_callback(name)?, name)));
        let callbacks = callbacks.map(|(short, name)| Ok((short, stored.tensor(name)?))).collect::<Result<_>>()?;
        Ok(Training { path: path.to_owned(), progress, values, state, callbacks })
    }

    /// Sets parameters, optimiser and callbacks; if one rejects its state, nothing changes.
    pub(super) fn apply(
        self,
        optimizer: &mut (impl Optimizer<T> + ?Sized),
        callbacks: &mut Callbacks<'_>,
    ) -> Result<()> {
        let refused = |error: Error| Error::WeightsFile { path: self.path.clone(), problem: error.to_string() };
        let before = optimizer.state();
        optimizer.set_state(&self.state).map_err(refused)?;
        if let Err(error) = callbacks.set_state(&self.callbacks) {
            optimizer.set_state(&before)?;
            return Err(refused(error));
        }
        set(self.values)
    }
}

/// The prefixes of names in a checkpoint.
const MODEL: &str = "model.";
const OPTIMIZER: &str = "optimizer.";
const CALLBACK: &str = "callback.";

fn read_progress(stored: &Stored<'_>) -> Result<Progress> {
    let other = "not a training that `save_training` wrote; `load` reads a file of weights alone";
    Progress::read(&stored.about).unwrap_or(Err(other.to_string())).map_err(|why| stored.refused(why))
}
