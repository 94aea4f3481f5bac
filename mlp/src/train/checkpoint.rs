//! Checkpoints: parameters, optimiser state and progress on disk.

use std::fs;
use std::path::Path;

use autograd::{Float, Param, Parameters, Tensor};
use indexmap::IndexMap;

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
    save_progress(parameters, optimizer, &Progress::new(epochs), path.as_ref())
}

/// [`save_training`] with the full progress.
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

/// Restores parameters and optimiser from a checkpoint, and returns its number of epochs.
///
/// `path` is a file of [`save_training`]. If anything does not fit, nothing changes.
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
    training.apply(optimizer)?;
    Ok(epochs)
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
    pub(crate) progress: Progress,
    values: Vec<(&'p Param<T>, Tensor<T>)>,
    /// The state of the optimiser.
    state: IndexMap<String, Tensor<T>>,
}

impl<'p, T: Float> Training<'p, T> {
    pub(crate) fn read(parameters: &'p Parameters<T>, path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        let stored = Stored::parse(path, &bytes)?;
        let progress = read_progress(&stored)?;
        let values = stored.values(parameters, MODEL, false)?;
        let of_optimizer = |name: &str| name.strip_prefix(OPTIMIZER).map(str::to_string);
        let of_model = |name: &str| name.strip_prefix(MODEL).is_some_and(|name| parameters.get(name).is_some());
        stored.knows_all(|name| of_model(name) || of_optimizer(name).is_some(), parameters)?;
        let state = stored.names.iter().filter_map(|name| Some((of_optimizer(name)?, name)));
        let state = state.map(|(short, name)| Ok((short, stored.tensor(name)?))).collect::<Result<_>>()?;
        Ok(Training { progress, values, state })
    }

    /// Sets parameters and optimiser; if the optimiser rejects its state, nothing changes.
    pub(crate) fn apply(self, optimizer: &mut (impl Optimizer<T> + ?Sized)) -> Result<()> {
        optimizer.set_state(&self.state)?;
        set(self.values)
    }
}

/// The prefixes of names in a checkpoint.
const MODEL: &str = "model.";
const OPTIMIZER: &str = "optimizer.";

fn read_progress(stored: &Stored<'_>) -> Result<Progress> {
    let other = "not a training that `save_training` wrote; `load` reads a file of weights alone";
    Progress::read(&stored.about).unwrap_or(Err(other.to_string())).map_err(|why| stored.refused(why))
}
