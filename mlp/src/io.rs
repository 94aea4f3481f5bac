//! Weights on disk, in the [safetensors](https://huggingface.co/docs/safetensors) format.
//!
//! Only names, shapes and numbers are stored: the model itself is code, and builds itself before [`load`] fills it.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use autograd::{Float, Parameters, Shape, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, View};

use crate::error::{Error, Result};

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
    let path = path.as_ref();
    if parameters.get("__metadata__").is_some() {
        let problem = "the format reserves the name `__metadata__`; rename the parameter".to_string();
        return Err(Error::WeightsFile { path: path.to_owned(), problem });
    }
    let tensors = parameters.iter().map(|(name, param)| (name, Stored(param.value())));
    let bytes = safetensors::serialize(tensors, None)
        .map_err(|e| Error::WeightsFile { path: path.to_owned(), problem: e.to_string() })?;
    replace(path, &bytes).map_err(Error::io(path))
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
    let file = SafeTensors::deserialize(&bytes).map_err(|e| {
        let problem = format!("not a whole safetensors file ({e}); it may be cut short or of another format");
        Error::WeightsFile { path: path.to_owned(), problem }
    })?;
    let mut found: Vec<String> = file.names().into_iter().map(str::to_string).collect();
    found.sort_unstable(); // the reader hands names out of a hash map

    let mut values = Vec::with_capacity(parameters.len());
    for (name, param) in parameters.iter() {
        let (path, parameter) = (path.to_owned(), name.to_string());
        let Ok(view) = file.tensor(name) else { return Err(Error::MissingParameter { path, parameter, found }) };
        if view.dtype() != dtype::<T>() {
            let found = format!("{:?}", view.dtype()).to_lowercase();
            return Err(Error::ParameterType { path, parameter, found, expected: T::NAME });
        }
        if view.shape() != &param.shape()[..] {
            let (found, expected) = (Box::new(Shape::from(view.shape())), Box::new(param.shape()));
            return Err(Error::ParameterShape { path, parameter, found, expected });
        }
        values.push((param, Tensor::try_new(view.shape(), numbers(view.data()))?));
    }
    if let Some(parameter) = found.into_iter().find(|name| parameters.get(name).is_none()) {
        let expected = parameters.names().map(str::to_string).collect();
        return Err(Error::UnexpectedParameter { path: path.to_owned(), parameter, expected });
    }
    // A parameter never changes its shape, so after the checks above no `try_set` fails halfway.
    values.into_iter().try_for_each(|(param, value)| Ok(param.try_set(value)?))
}

/// A tensor as the format wants it: little-endian bytes in row-major order.
struct Stored<T: Float>(Tensor<T>);

impl<T: Float> View for Stored<T> {
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

/// The inverse of [`Stored::data`]; `f32` passes through `f64` unchanged.
fn numbers<T: Float>(bytes: &[u8]) -> Vec<T> {
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
