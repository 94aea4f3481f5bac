//! Models and weights on disk, in the [safetensors](https://huggingface.co/docs/safetensors) format, and arrays in files of
//! other programs.
//!
//! A [`Bundle`] is a whole model: architecture, weights and what becomes of raw rows. A file of [`save`] stores names, shapes
//! and numbers only. The program builds the model; [`load`] then sets its parameters. Checkpoints with optimiser state have
//! the same format: [`train::save_training`](crate::train::save_training).
//!
//! [`torch`] reads and writes the files of PyTorch. [`Loading`] converts numbers, loads in part, and maps names. With the feature
//! `onnx`, `Onnx` writes whole models for other programs.
//!
//! Arrays of data are read from NPY and NPZ files of NumPy, and IDX files such as those of MNIST ([`read_npy`],
//! [`read_npz`], [`read_idx`], [`read_idx_labels`]), and written.

mod arrays;
mod bundle;
pub(crate) mod format;
mod loading;
#[cfg(feature = "onnx")]
mod onnx;
mod replace;
pub mod torch;

use std::iter;
use std::path::Path;

use crate::error::{Error, Result};
pub use arrays::{read_idx, read_idx_labels, read_npy, read_npz, write_idx, write_npy, write_npz};
use autograd::{Float, Param, Parameters, Tensor};
pub use bundle::{Bundle, Predictions};
use format::write;
pub use loading::{Loaded, Loading, OtherShape};
#[cfg(feature = "onnx")]
pub use onnx::Onnx;

/// Writes all parameters to `path`, and replaces an existing file.
///
/// The replacement is atomic: the function writes a temporary file in the same folder, flushes it to disk and renames
/// it. `path` always holds either the old or the new weights, complete. An existing file keeps its mode; a symbolic
/// link keeps its target. A killed process may leave a temporary file `.mlp-….saving`; the next save into that folder
/// removes it.
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
/// [`Error::Io`] if the file cannot be written, or `path` is a device, a pipe or a folder; [`Error::WeightsFile`] if
/// the format cannot hold the parameters.
pub fn save<T: Float>(parameters: &Parameters<T>, path: impl AsRef<Path>) -> Result<()> {
    let tensors = parameters.iter().map(|(name, param)| (name.to_string(), param.value()));
    write(path.as_ref(), tensors, iter::empty(), None)
}

/// Loads all parameters from a file of [`save`]; if anything does not fit, nothing changes. [`Loading`] is less strict.
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
/// if file and model differ; [`Error::WeightsFile`] if the file is truncated or of another format, holds NaN or ∞, or
/// holds different values under two names of one parameter; [`Error::Io`] if it cannot be read.
pub fn load<T: Float>(parameters: &Parameters<T>, path: impl AsRef<Path>) -> Result<()> {
    Loading::new().load(parameters, path).map(drop)
}

/// [`load`] that also accepts NaN and infinite weights, to inspect a failed training.
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
/// As [`load`], except for NaN and ∞.
pub fn load_as_is<T: Float>(parameters: &Parameters<T>, path: impl AsRef<Path>) -> Result<()> {
    Loading::new().as_is().load(parameters, path).map(drop)
}

/// Replaces the text at `path`, as [`save`] replaces weights.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<()> {
    replace::replace(path, text.as_bytes()).map_err(Error::io(path))
}

/// `Ok` if a file can be saved to `path`, so that a training fails at its start, not at its end.
///
/// [`Trainer::fit`](crate::Trainer::fit) asks for its checkpoints. A file that is there stays as it is.
///
/// ```
/// let error = mlp::io::check_place("no/such/folder/model.safetensors").unwrap_err();
/// assert!(error.to_string().starts_with("no/such/folder/model.safetensors: "));
/// ```
///
/// # Errors
/// [`Error::Io`] if the folder is missing or cannot be written to, or `path` is a device, a pipe or a folder.
pub fn check_place(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    replace::check(path).map_err(Error::io(path))
}

/// Sets the parameters. A parameter never changes its shape, so checked values cannot fail halfway.
pub(crate) fn set<T: Float>(values: Vec<(&Param<T>, Tensor<T>)>) -> Result<()> {
    values.into_iter().try_for_each(|(param, value)| Ok(param.try_set(value)?))
}
