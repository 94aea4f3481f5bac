//! [`LayerNorm`]: normalises rows to mean 0 and variance 1.

use autograd::{Float, Param, Parameters, Shape, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::room;
use crate::nn::config::{Config, Configured, Parts, fields};
use crate::nn::module::{LayerRow, Module};
use crate::nn::state_dict::StateDict;

/// Layer normalisation over the last axis (Ba, Kiros & Hinton 2016).
///
/// `y = (x − mean)/√(variance + eps) · gain + shift`
///
/// Shapes: `(…, features) → (…, features)`. The variance is the biased one: its divisor is the number of features.
///
/// ```
/// use autograd::Tensor;
/// use mlp::{LayerNorm, Module};
/// let y = LayerNorm::new(2)?.predict(&Tensor::from([[10.0, 30.0]]));
/// assert!(y.is_close(&Tensor::from([[-1.0, 1.0]]), 1e-6));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LayerNorm<T: Float = f64> {
    /// The factor of each feature, initially 1.
    pub gain: Param<T>,
    /// The offset of each feature, initially 0.
    pub shift: Param<T>,
    /// The constant that keeps the square root away from 0.
    pub eps: f64,
}

impl<T: Float> LayerNorm<T> {
    pub(crate) const EPS: f64 = 1e-5;

    /// Creates a layer for rows of `features` values, with `eps` = 1e−5.
    ///
    /// # Errors
    /// If `features` is 0, or memory cannot hold so many.
    pub fn new(features: usize) -> Result<Self, Error> {
        if features == 0 {
            return Err(Error::invalid("layer_norm", "0 features: there is nothing to normalise"));
        }
        room("layer_norm", &[2, features])?;
        let (gain, shift) = (Param::new(Tensor::ones([features])), Param::new(Tensor::zeros([features])));
        Ok(LayerNorm { gain, shift, eps: Self::EPS })
    }
}

impl<T: Float> Module<T> for LayerNorm<T> {
    /// # Panics
    /// If the row length of `x` differs from the number of features.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        super::check_features("layer_norm", x, self.gain.numel());
        x.normalize(self.eps) * &self.gain + &self.shift
    }

    fn parameters(&self) -> Parameters<T> {
        Parameters::new().with("gain", &self.gain).with("shift", &self.shift)
    }

    fn input_width(&self) -> Option<usize> {
        Some(self.gain.numel())
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        super::features_fit("layer_norm", input, self.gain.numel())?;
        Ok(Some(input.clone()))
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        Ok(StateDict::new().with("weight", &self.gain).with("bias", &self.shift))
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        let n = self.gain.numel();
        let shape = format!("{n} → {n}");
        vec![LayerRow { layer: "layer_norm".into(), shape, activation: String::new(), parameters: 2 * n }]
    }
}

/// A [`LayerNorm`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub(super) features: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) eps: Option<f64>,
}

impl<T: Float> Configured<T> for LayerNorm<T> {
    const LAYER: &'static str = "layer_norm";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        Ok(Data { features: self.gain.numel(), eps: fields::unless(Self::EPS, self.eps) })
    }

    fn build(data: Data, _: &mut Parts<'_, T>) -> Result<Self, Error> {
        let eps = fields::eps("layer_norm", data.eps, Self::EPS)?;
        Ok(LayerNorm { eps, ..LayerNorm::new(data.features)? })
    }
}
