//! The [safetensors](https://huggingface.co/docs/safetensors) format: names, shapes and numbers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use autograd::{Float, Param, Parameters, Shape, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};

use super::replace::replace;
use crate::error::{Error, Result, shown};

/// Writes tensors to `path`, with others that are `f64` whatever the number type, and text metadata.
pub(crate) fn write<T: Float>(
    path: &Path,
    tensors: impl Iterator<Item = (String, Tensor<T>)>,
    wide: impl Iterator<Item = (String, Tensor)>,
    about: Option<HashMap<String, String>>,
) -> Result<()> {
    let failed = |problem| Error::WeightsFile { path: path.to_owned(), problem };
    let tensors = tensors.map(|(name, tensor)| (name, ToStore::Same(tensor)));
    let tensors: Vec<_> = tensors.chain(wide.map(|(name, tensor)| (name, ToStore::Wide(tensor)))).collect();
    if tensors.iter().any(|(name, _)| name == "__metadata__") {
        return Err(failed("the format reserves the name `__metadata__`; rename the parameter".to_string()));
    }
    let bytes = safetensors::serialize(tensors, about).map_err(|e| failed(e.to_string()))?;
    replace(path, &bytes).map_err(Error::io(path))
}

/// A parsed file.
pub(crate) struct Stored<'b> {
    path: &'b Path,
    file: SafeTensors<'b>,
    /// The sorted names; the reader returns them in the order of a hash map.
    pub(crate) names: Vec<String>,
    pub(crate) about: HashMap<String, String>,
    /// Whether a tensor of `f32` may be read as one of `f64`.
    widening: bool,
}

impl<'b> Stored<'b> {
    pub(crate) fn parse(path: &'b Path, bytes: &'b [u8]) -> Result<Self> {
        let broken = |e| {
            let problem = format!("not a whole safetensors file ({e}); it may be cut short or of another format");
            Error::WeightsFile { path: path.to_owned(), problem }
        };
        let file = SafeTensors::deserialize(bytes).map_err(broken)?;
        let (_, head) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let mut names: Vec<String> = file.names().into_iter().map(str::to_string).collect();
        names.sort_unstable();
        Ok(Stored { path, file, names, about: head.metadata().clone().unwrap_or_default(), widening: false })
    }

    /// Reads a tensor of `f32` as one of `f64` where that is wanted.
    pub(super) fn widening(self) -> Self {
        Stored { widening: true, ..self }
    }

    /// The tensors as they are stored, in the order of their names.
    pub(super) fn views(&self) -> impl Iterator<Item = (&str, TensorView<'b>)> {
        self.names.iter().filter_map(|name| Some((name.as_str(), self.file.tensor(name).ok()?)))
    }

    /// The values of all parameters, each once, stored under `prefix` and their names. All must be finite unless `any`.
    ///
    /// A parameter with several names must have the same values under each.
    #[expect(clippy::mutable_key_type, reason = "a parameter's hash is that of its identity")]
    pub(crate) fn values<'p, T: Float>(
        &self,
        parameters: &'p Parameters<T>,
        prefix: &str,
        any: bool,
    ) -> Result<Vec<(&'p Param<T>, Tensor<T>)>> {
        let mut places: HashMap<&Param<T>, (usize, &str)> = HashMap::with_capacity(parameters.len());
        let mut values: Vec<(&Param<T>, Tensor<T>)> = Vec::with_capacity(parameters.len());
        for (name, param) in parameters.iter() {
            let parameter = format!("{prefix}{name}");
            let tensor: Tensor<T> = self.tensor(&parameter)?;
            if *tensor.shape() != param.shape() {
                let (found, expected) = (Box::new(tensor.shape().clone()), Box::new(param.shape()));
                return Err(Error::ParameterShape { path: self.path.to_owned(), parameter, found, expected });
            }
            if !any && let Some((i, x)) = tensor.as_slice().iter().enumerate().find(|(_, x)| !x.is_finite()) {
                let repair = "load an earlier file; load_as_is takes weights as they are, for a look";
                return Err(self.refused(format!("parameter `{parameter}` holds {x} at position {i}; {repair}")));
            }
            match places.get(param) {
                Some(&(at, first)) => self.check_tied((first, &values[at].1), (name, &tensor))?,
                None => {
                    places.insert(param, (values.len(), name));
                    values.push((param, tensor));
                }
            }
        }
        Ok(values)
    }

    /// `Ok` if the file holds the same bits under two names of one parameter.
    fn check_tied<T: Float>(&self, (first, a): (&str, &Tensor<T>), (second, b): (&str, &Tensor<T>)) -> Result<()> {
        let bits = |x: &Tensor<T>, i: usize| x.as_slice()[i].to_f64().to_bits();
        match (0..a.numel()).find(|&i| bits(a, i) != bits(b, i)) {
            Some(i) => {
                let (x, y) = (shown(a.as_slice()[i]), shown(b.as_slice()[i]));
                let problem = format!(
                    "`{first}` and `{second}` are one parameter of the model, but two in the file, which differ at position {i} \
                     ({x} and {y}); load it into a model that does not tie them"
                );
                Err(self.refused(problem))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn refused(&self, problem: impl Into<String>) -> Error {
        Error::WeightsFile { path: self.path.to_owned(), problem: problem.into() }
    }

    pub(crate) fn tensor<T: Float>(&self, name: &str) -> Result<Tensor<T>> {
        let (path, parameter) = (self.path.to_owned(), name.to_string());
        let Ok(view) = self.file.tensor(name) else {
            return Err(Error::MissingParameter { path, parameter, found: self.names.clone() });
        };
        if self.widening && view.dtype() == Dtype::F32 && dtype::<T>() == Dtype::F64 {
            let narrow: Vec<f32> = numbers(&view);
            let wide = narrow.into_iter().map(|x| T::from_f64(x.into())).collect();
            return Ok(Tensor::try_new(Shape::from(view.shape()), wide)?);
        }
        if view.dtype() != dtype::<T>() {
            let found = format!("{:?}", view.dtype()).to_lowercase();
            return Err(Error::ParameterType { path, parameter, found, expected: T::NAME });
        }
        Ok(Tensor::try_new(Shape::from(view.shape()), numbers(&view))?)
    }

    /// `Ok` if every name in the file is `known`.
    pub(crate) fn knows_all<T: Float>(&self, known: impl Fn(&str) -> bool, parameters: &Parameters<T>) -> Result<()> {
        let Some(parameter) = self.names.iter().find(|name| !known(name)) else { return Ok(()) };
        let expected = parameters.names().map(str::to_string).collect();
        Err(Error::UnexpectedParameter { path: self.path.to_owned(), parameter: parameter.clone(), expected })
    }
}

/// A tensor in the stored form: little-endian bytes in row-major order.
enum ToStore<T: Float> {
    Same(Tensor<T>),
    Wide(Tensor),
}

impl<T: Float> View for ToStore<T> {
    fn dtype(&self) -> Dtype {
        match self {
            ToStore::Same(_) => dtype::<T>(),
            ToStore::Wide(_) => Dtype::F64,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            ToStore::Same(tensor) => tensor.shape(),
            ToStore::Wide(tensor) => tensor.shape(),
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(match self {
            ToStore::Same(tensor) => bytes(tensor),
            ToStore::Wide(tensor) => bytes(tensor),
        })
    }

    fn data_len(&self) -> usize {
        self.shape().iter().product::<usize>() * self.dtype().bitsize() / 8
    }
}

pub(super) fn bytes<T: Float>(tensor: &Tensor<T>) -> Vec<u8> {
    let values = tensor.as_slice().iter().map(|x| x.to_f64());
    match dtype::<T>() {
        Dtype::F32 => values.flat_map(|x| (x as f32).to_le_bytes()).collect(),
        _ => values.flat_map(f64::to_le_bytes).collect(),
    }
}

pub(super) fn dtype<T: Float>() -> Dtype {
    if T::NAME == "f32" { Dtype::F32 } else { Dtype::F64 }
}

/// The inverse of [`bytes`]; `f32` passes through `f64` unchanged.
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
