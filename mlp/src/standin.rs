//! Temporary: the few items of `error`, `data` and `init` that this half of the crate uses. Delete when those are merged.

use autograd::{Float, Shape, Tensor};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::StandardNormal;

/// The one error type of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting or a piece of data that makes no sense.
    #[error("{what}: {why}")]
    Invalid {
        /// The thing.
        what: &'static str,
        /// What is wrong with it, and a repair.
        why: String,
    },
}

impl Error {
    pub(crate) fn invalid(what: &'static str, why: impl Into<String>) -> Self {
        Error::Invalid { what, why: why.into() }
    }
}

/// What the outputs should be.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets<T: Float = f64> {
    /// Numbers, one row for each sample.
    Values(Tensor<T>),
    /// The class of each sample.
    Classes(Vec<usize>),
}

impl<T: Float> From<Tensor<T>> for Targets<T> {
    fn from(values: Tensor<T>) -> Self {
        Targets::Values(values)
    }
}

impl<T: Float> From<Vec<usize>> for Targets<T> {
    fn from(classes: Vec<usize>) -> Self {
        Targets::Classes(classes)
    }
}

/// Samples: inputs, and what the outputs should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset<T: Float = f64> {
    inputs: Tensor<T>,
    targets: Targets<T>,
}

#[allow(clippy::len_without_is_empty)]
impl<T: Float> Dataset<T> {
    /// Inputs and targets.
    pub fn new(inputs: Tensor<T>, targets: impl Into<Targets<T>>) -> Result<Self, Error> {
        Ok(Dataset { inputs, targets: targets.into() })
    }

    /// One row for each sample.
    pub fn inputs(&self) -> &Tensor<T> {
        &self.inputs
    }

    /// One target for each sample.
    pub fn targets(&self) -> &Targets<T> {
        &self.targets
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.inputs.shape()[0]
    }

    /// Batches in order, or shuffled by a seed.
    pub fn batches(&self, size: usize, shuffle: Option<u64>) -> Result<impl Iterator<Item = Dataset<T>>, Error> {
        if size == 0 {
            return Err(Error::invalid("batch size", "0"));
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        if let Some(seed) = shuffle {
            order.shuffle(&mut StdRng::seed_from_u64(seed));
        }
        let chunks: Vec<Vec<usize>> = order.chunks(size).map(<[usize]>::to_vec).collect();
        Ok(chunks.into_iter().map(|rows| Dataset {
            inputs: self.inputs.take(0, &rows),
            targets: match &self.targets {
                Targets::Values(values) => Targets::Values(values.take(0, &rows)),
                Targets::Classes(classes) => Targets::Classes(rows.iter().map(|&row| classes[row]).collect()),
            },
        }))
    }
}

/// How weights are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Normal, variance 2/inputs.
    HeNormal,
    /// Normal, variance 1/inputs.
    LecunNormal,
    /// Uniform, variance 2/(inputs + outputs).
    GlorotUniform,
}

impl Init {
    /// Normal, variance 2/inputs.
    pub fn he_normal() -> Self {
        Init::HeNormal
    }

    /// Normal, variance 1/inputs.
    pub fn lecun_normal() -> Self {
        Init::LecunNormal
    }

    /// Uniform, variance 2/(inputs + outputs).
    pub fn glorot_uniform() -> Self {
        Init::GlorotUniform
    }

    /// Weights of shape (inputs, outputs).
    pub fn try_sample<T: Float>(
        &self,
        shape: impl Into<Shape>,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Tensor<T>, Error> {
        let shape = shape.into();
        let (inputs, outputs) = (shape[0] as f64, shape[1] as f64);
        Ok(Tensor::from_fn(shape, |_| {
            T::from_f64(match self {
                Init::HeNormal => rng.sample::<f64, _>(StandardNormal) * (2.0 / inputs).sqrt(),
                Init::LecunNormal => rng.sample::<f64, _>(StandardNormal) * (1.0 / inputs).sqrt(),
                Init::GlorotUniform => rng.random_range(-1.0..1.0) * (6.0 / (inputs + outputs)).sqrt(),
            })
        }))
    }
}
