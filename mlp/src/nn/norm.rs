//! [`Norm`]: the normalisation within a layer of an [`Mlp`](crate::Mlp).

use autograd::{Float, Parameters, Shape, Var};

use crate::Error;
use crate::nn::layers::{BatchNorm, LayerNorm, RmsNorm};
use crate::nn::module::{LayerRow, Module};

/// The normalisation of the sums of a [`Layer`](crate::Layer): one of the layers that normalise features.
///
/// ```
/// use autograd::Tensor;
/// use mlp::{LayerNorm, Module, Norm};
/// let norm = Norm::Layer(LayerNorm::new(2)?);
/// assert!(norm.predict(&Tensor::from([[10.0, 30.0]])).is_close(&Tensor::from([[-1.0, 1.0]]), 1e-6));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub enum Norm<T: Float = f64> {
    /// Over the features of each sample.
    Layer(LayerNorm<T>),
    /// Over the samples of a batch, for each feature.
    Batch(BatchNorm<T>),
    /// By the root mean square of the features of each sample.
    Rms(RmsNorm<T>),
}

impl<T: Float> Norm<T> {
    fn module(&self) -> &dyn Module<T> {
        match self {
            Norm::Layer(norm) => norm,
            Norm::Batch(norm) => norm,
            Norm::Rms(norm) => norm,
        }
    }
}

impl<T: Float> Module<T> for Norm<T> {
    /// # Panics
    /// If `x` does not fit the normalisation.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        // Not through `dyn`, which would lose the caller's line.
        match self {
            Norm::Layer(norm) => norm.forward(x),
            Norm::Batch(norm) => norm.forward(x),
            Norm::Rms(norm) => norm.forward(x),
        }
    }

    fn parameters(&self) -> Parameters<T> {
        self.module().parameters()
    }

    fn buffers(&self) -> Parameters<T> {
        self.module().buffers()
    }

    fn input_width(&self) -> Option<usize> {
        self.module().input_width()
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        self.module().output_shape(input)
    }

    fn describe(&self) -> Vec<LayerRow> {
        self.module().describe()
    }
}

/// The kind of a [`Norm`], before the sizes and the number type are known.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Layer,
    Batch,
    Rms,
}

impl Kind {
    pub(super) fn build<T: Float>(self, features: usize) -> Result<Norm<T>, Error> {
        Ok(match self {
            Kind::Layer => Norm::Layer(LayerNorm::new(features)?),
            Kind::Batch => Norm::Batch(BatchNorm::new(features)?),
            Kind::Rms => Norm::Rms(RmsNorm::new(features)?),
        })
    }
}
