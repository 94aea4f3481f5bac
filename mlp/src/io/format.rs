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
    pub(crate) fn values<'p, T: Float>(
        &self,
        parameters: &'p Parameters<T>,
        prefix: &str,
        any: bool,
    ) -> Result<Vec<(&'p Param<T>, Tensor<T>)>> {
        let mut values = Values::default();
        for (name, param) in parameters.iter() {
            let parameter = format!("{prefix}{name}");
            let tensor: Tensor<T> = self.tensor(&parameter)?;
            if *tensor.shape() != param.shape() {
                let (found, expected) = (Box::new(tensor.shape().clone()), Box::new(param.shape()));
                return Err(Error::ParameterShape { path: self.path.to_owned(), parameter, found, expected });
            }
            self.check_finite(&parameter, &tensor, any)?;
            values.add(self, name, param, tensor)?;
        }
        Ok(values.list)
    }

    /// `Ok` if all numbers of a parameter are finite, or `any` may be loaded.
    pub(crate) fn check_finite<T: Float>(&self, parameter: &str, tensor: &Tensor<T>, any: bool) -> Result<()> {
        match tensor.as_slice().iter().enumerate().find(|(_, x)| !x.is_finite()) {
            Some((i, x)) if !any => {
                let repair = "load an earlier file; load_as_is takes weights as they are, for a look";
                Err(self.refused(format!("parameter `{parameter}` holds {x} at position {i}; {repair}")))
            }
            _ => Ok(()),
        }
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
        self.tensor_as(name, false)
    }

    /// A tensor, converted from another type of number if `cast`.
    pub(crate) fn tensor_as<T: Float>(&self, name: &str, cast: bool) -> Result<Tensor<T>> {
        let (path, parameter) = (self.path.to_owned(), name.to_string());
        let Ok(view) = self.file.tensor(name) else {
            return Err(Error::MissingParameter { path, parameter, found: self.names.clone() });
        };
        let cast = cast || self.widening && view.dtype() == Dtype::F32 && dtype::<T>() == Dtype::F64;
        let numbers = if cast || view.dtype() == dtype::<T>() { numbers(&view) } else { None };
        let Some(numbers) = numbers else {
            let found = format!("{:?}", view.dtype()).to_lowercase();
            return Err(Error::ParameterType { path, parameter, found, expected: T::NAME });
        };
        Ok(Tensor::try_new(Shape::from(view.shape()), numbers)?)
    }

    /// `Ok` if every name in the file is `known`.
    pub(crate) fn knows_all<T: Float>(&self, known: impl Fn(&str) -> bool, parameters: &Parameters<T>) -> Result<()> {
        let Some(parameter) = self.names.iter().find(|name| !known(name)) else { return Ok(()) };
        let expected = parameters.names().map(str::to_string).collect();
        Err(Error::UnexpectedParameter { path: self.path.to_owned(), parameter: parameter.clone(), expected })
    }
}

/// Values of parameters, each once.
pub(crate) struct Values<'p, T: Float> {
    pub(crate) list: Vec<(&'p Param<T>, Tensor<T>)>,
    /// The place in the list and the name of each.
    places: HashMap<&'p Param<T>, (usize, String)>,
}

impl<T: Float> Default for Values<'_, T> {
    fn default() -> Self {
        Values { list: Vec::new(), places: HashMap::new() }
    }
}

impl<'p, T: Float> Values<'p, T> {
    /// Adds a value; that of a parameter with several names must be the same under each.
    pub(crate) fn add(&mut self, stored: &Stored<'_>, name: &str, param: &'p Param<T>, value: Tensor<T>) -> Result<()> {
        match self.places.get(param) {
            Some((at, first)) => stored.check_tied((first, &self.list[*at].1), (name, &value)),
            None => {
                self.places.insert(param, (self.list.len(), name.to_string()));
                self.list.push((param, value));
                Ok(())
            }
        }
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

/// The inverse of [`bytes`], for every type of floating-point numbers; `None` for others. `f32` passes through `f64` unchanged.
fn numbers<T: Float>(view: &TensorView<'_>) -> Option<Vec<T>> {
    let bytes = view.data();
    Some(match view.dtype() {
        Dtype::F64 => read(bytes, f64::from_le_bytes),
        Dtype::F32 => read(bytes, |bytes| f32::from_le_bytes(bytes).into()),
        Dtype::F16 => read(bytes, |bytes| half(u16::from_le_bytes(bytes))),
        // The upper half of an f32.
        Dtype::BF16 => read(bytes, |bytes| f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16).into()),
        _ => return None,
    })
}

fn read<T: Float, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<T> {
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().map(|&bytes| T::from_f64(number(bytes))).collect()
}

/// A number of 16 bits (IEEE 754 binary16): a sign, 5 bits of exponent, 10 of fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn numbers_of_16_bits() {
        // From the table of IEEE 754: the smallest, the largest below 1, the largest, and the third of 1.
        for (bits, number) in [
            (0x0000, 0.0),
            (0x0001, 2f64.powi(-24)),
            (0x03ff, 2f64.powi(-14) - 2f64.powi(-24)),
            (0x0400, 2f64.powi(-14)),
            (0x3555, 0.333251953125),
            (0x3bff, 1.0 - 2f64.powi(-11)),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), number, "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan());
    }
}
