//! Weights and trainings on disk, in the [safetensors](https://huggingface.co/docs/safetensors) format.
//!
//! Only names, shapes and numbers are stored: model and optimiser are code, and build themselves before [`load`] or
//! [`load_training`] fills them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use autograd::{Float, Param, Parameters, Shape, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};

use crate::error::{Error, Result};
use crate::optim::Optimizer;

/// Writes all parameters to `path`, replacing a file that stands there.
///
/// The file is written beside, flushed to disk and renamed: whatever happens, `path` holds either the old weights or
/// the new ones, whole.
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
/// [`Error::Io`] if the file cannot be written, [`Error::WeightsFile`] if the format cannot hold the parameters.
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
/// if file and model differ, [`Error::WeightsFile`] if the file is truncated or of another format, [`Error::Io`] if
/// it cannot be read.
pub fn load<T: Float>(parameters: &Parameters<T>, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(Error::io(path))?;
    let stored = Stored::parse(path, &bytes)?;
    let values = stored.values(parameters, "")?;
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
/// As [`save`].
pub fn save_training<T: Float>(
    parameters: &Parameters<T>,
    optimizer: &(impl Optimizer<T> + ?Sized),
    epochs: usize,
    path: impl AsRef<Path>,
) -> Result<()> {
    let model = parameters.iter().map(|(name, param)| (format!("{MODEL}{name}"), param.value()));
    let state = optimizer.state().into_iter().map(|(name, array)| (format!("{OPTIMIZER}{name}"), array));
    let about = HashMap::from([(EPOCHS.to_string(), epochs.to_string())]);
    write(path.as_ref(), model.chain(state), Some(about))
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
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(Error::io(path))?;
    let stored = Stored::parse(path, &bytes)?;
    let epochs = stored.about.get(EPOCHS).and_then(|epochs| epochs.parse().ok()).ok_or_else(|| {
        let problem = "not a training that `save_training` wrote; `load` reads a file of weights alone";
        Error::WeightsFile { path: path.to_owned(), problem: problem.to_string() }
    })?;
    let values = stored.values(parameters, MODEL)?;
    let of_optimizer = |name: &str| name.strip_prefix(OPTIMIZER).map(str::to_string);
    let of_model = |name: &str| name.strip_prefix(MODEL).is_some_and(|name| parameters.get(name).is_some());
    stored.knows_all(|name| of_model(name) || of_optimizer(name).is_some(), parameters)?;
    let state = stored.names.iter().filter_map(|name| Some((of_optimizer(name)?, name)));
    let state = state.map(|(short, name)| Ok((short, stored.tensor(name)?))).collect::<Result<_>>()?;
    optimizer.set_state(&state)?;
    set(values)?;
    Ok(epochs)
}

/// What the names in a training begin with.
const MODEL: &str = "model.";
const OPTIMIZER: &str = "optimizer.";
/// What the number of epochs is stored as.
const EPOCHS: &str = "epochs";

fn write<T: Float>(
    path: &Path,
    tensors: impl Iterator<Item = (String, Tensor<T>)>,
    about: Option<HashMap<String, String>>,
) -> Result<()> {
    let failed = |problem| Error::WeightsFile { path: path.to_owned(), problem };
    let tensors: Vec<_> = tensors.map(|(name, tensor)| (name, ToStore(tensor))).collect();
    if tensors.iter().any(|(name, _)| name == "__metadata__") {
        return Err(failed("the format reserves the name `__metadata__`; rename the parameter".to_string()));
    }
    let bytes = safetensors::serialize(tensors, about).map_err(|e| failed(e.to_string()))?;
    replace(path, &bytes).map_err(Error::io(path))
}

/// A parameter never changes its shape, so what was checked to fit does not fail halfway.
fn set<T: Float>(values: Vec<(&Param<T>, Tensor<T>)>) -> Result<()> {
    values.into_iter().try_for_each(|(param, value)| Ok(param.try_set(value)?))
}

/// A file that was read.
struct Stored<'b> {
    path: &'b Path,
    file: SafeTensors<'b>,
    /// Sorted: the reader hands them out of a hash map.
    names: Vec<String>,
    about: HashMap<String, String>,
}

impl<'b> Stored<'b> {
    fn parse(path: &'b Path, bytes: &'b [u8]) -> Result<Self> {
        let broken = |e| {
            let problem = format!("not a whole safetensors file ({e}); it may be cut short or of another format");
            Error::WeightsFile { path: path.to_owned(), problem }
        };
        let file = SafeTensors::deserialize(bytes).map_err(broken)?;
        let (_, head) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let mut names: Vec<String> = file.names().into_iter().map(str::to_string).collect();
        names.sort_unstable();
        Ok(Stored { path, file, names, about: head.metadata().clone().unwrap_or_default() })
    }

    /// The values of all parameters, stored under `prefix` and their names.
    fn values<'p, T: Float>(
        &self,
        parameters: &'p Parameters<T>,
        prefix: &str,
    ) -> Result<Vec<(&'p Param<T>, Tensor<T>)>> {
        let value = |(name, param): (&str, &'p Param<T>)| {
            let parameter = format!("{prefix}{name}");
            let tensor = self.tensor(&parameter)?;
            if *tensor.shape() != param.shape() {
                let (found, expected) = (Box::new(tensor.shape().clone()), Box::new(param.shape()));
                return Err(Error::ParameterShape { path: self.path.to_owned(), parameter, found, expected });
            }
            Ok((param, tensor))
        };
        parameters.iter().map(value).collect()
    }

    fn tensor<T: Float>(&self, name: &str) -> Result<Tensor<T>> {
        let (path, parameter) = (self.path.to_owned(), name.to_string());
        let Ok(view) = self.file.tensor(name) else {
            return Err(Error::MissingParameter { path, parameter, found: self.names.clone() });
        };
        if view.dtype() != dtype::<T>() {
            let found = format!("{:?}", view.dtype()).to_lowercase();
            return Err(Error::ParameterType { path, parameter, found, expected: T::NAME });
        }
        Ok(Tensor::try_new(Shape::from(view.shape()), numbers(&view))?)
    }

    /// `Ok` if the file holds nothing but what is `known`.
    fn knows_all<T: Float>(&self, known: impl Fn(&str) -> bool, parameters: &Parameters<T>) -> Result<()> {
        let Some(parameter) = self.names.iter().find(|name| !known(name)) else { return Ok(()) };
        let expected = parameters.names().map(str::to_string).collect();
        Err(Error::UnexpectedParameter { path: self.path.to_owned(), parameter: parameter.clone(), expected })
    }
}

/// A tensor as the format wants it: little-endian bytes in row-major order.
struct ToStore<T: Float>(Tensor<T>);

impl<T: Float> View for ToStore<T> {
    fn dtype(&self) -> Dtype {
        dtype::<T>()
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = self.0.as_slice().iter().map(|x| x.to_f64());
        Cow::Owned(match dtype::<T>() {
            Dtype::F32 => values.flat_map(|x| (x as f32).to_le_bytes()).collect(),
            _ => values.flat_map(f64::to_le_bytes).collect(),
        })
    }

    fn data_len(&self) -> usize {
        self.0.numel() * dtype::<T>().bitsize() / 8
    }
}

fn dtype<T: Float>() -> Dtype {
    if T::NAME == "f32" { Dtype::F32 } else { Dtype::F64 }
}

/// The inverse of [`ToStore::data`]; `f32` passes through `f64` unchanged.
fn numbers<T: Float>(view: &TensorView<'_>) -> Vec<T> {
    let bytes = view.data();
    match dtype::<T>() {
        Dtype::F32 => {
            let (numbers, _) = bytes.as_chunks();
            numbers.iter().map(|&b| T::from_f64(f32::from_le_bytes(b).into())).collect()
        }
        _ => {
            let (numbers, _) = bytes.as_chunks();
            numbers.iter().map(|&b| T::from_f64(f64::from_le_bytes(b))).collect()
        }
    }
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::metadata(dir)?; // a folder that is not there is said without the name of the file beside
    let mut builder = tempfile::Builder::new();
    // Temporary files are private by default; weights shall be as readable as any other file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The rename itself is on disk only once the folder is.
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}
