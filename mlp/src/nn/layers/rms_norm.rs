//! [`RmsNorm`]: divides rows by their root mean square.

use autograd::{Float, Param, Parameters, Shape, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::units::units;
use crate::Error;
use crate::error::room;
use crate::nn::config::{Config, Configured, Parts, fields};
use crate::nn::module::{LayerRow, Module};
use crate::nn::state_dict::StateDict;

/// Root mean square normalisation over the last axis (Zhang & Sennrich 2019).
///
/// `y = x/√(mean x² + eps) · gain`
///
/// Shapes: `(…, features) → (…, features)`. Rows whose squares would overflow are scaled by powers of two before.
///
/// ```
/// use autograd::Tensor;
/// use mlp::{Module, RmsNorm};
/// let y = RmsNorm::new(2)?.predict(&Tensor::from([[1.0, 7.0]]));
/// assert!(y.is_close(&Tensor::from([[0.2, 1.4]]), 1e-15));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RmsNorm<T: Float = f64> {
    /// The factor of each feature, initially 1.
    pub gain: Param<T>,
    /// The constant that keeps the square root away from 0.
    pub eps: f64,
}

impl<T: Float> RmsNorm<T> {
    /// Creates a layer for rows of `features` values; `eps` is the machine epsilon of `T`, 1.2e−7 or 2.2e−16.
    ///
    /// # Errors
    /// If `features` is 0, or memory cannot hold so many.
    pub fn new(features: usize) -> Result<Self, Error> {
        if features == 0 {
            return Err(Error::invalid("rms_norm", "0 features: there is nothing to normalise"));
        }
        room("rms_norm", &[features])?;
        Ok(RmsNorm { gain: Param::new(Tensor::ones([features])), eps: T::EPSILON })
    }
}

impl<T: Float> Module<T> for RmsNorm<T> {
    /// # Panics
    /// If the row length of `x` differs from the number of features.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        super::check_features("rms_norm", x, self.gain.numel());
        let (shape, last) = (x.shape(), x.shape().len() - 1);
        let (x, mean) = match units(x, self.eps, [shape.numel() / shape[last]], |i| i / shape[last]) {
            None => (x, x.square().mean_keep(last) + self.eps),
            Some(scales) => {
                let rows: Shape = shape[..last].iter().copied().chain([1]).collect();
                let [unit, eps] = scales.map(|scale| scale.reshape(rows.clone()));
                let x = x * unit;
                (x, x.square().mean_keep(last) + eps)
            }
        };
        x * mean.rsqrt() * &self.gain
    }

    fn parameters(&self) -> Parameters<T> {
        Parameters::new().with("gain", &self.gain)
    }

    fn input_width(&self) -> Option<usize> {
        Some(self.gain.numel())
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        super::features_fit("rms_norm", input, self.gain.numel())?;
        Ok(Some(input.clone()))
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        Ok(StateDict::new().with("weight", &self.gain))
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        let n = self.gain.numel();
        let shape = format!("{n} → {n}");
        vec![LayerRow { layer: "rms_norm".into(), shape, activation: String::new(), parameters: n }]
    }
}

/// An [`RmsNorm`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    features: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) eps: Option<f64>,
}

impl<T: Float> Configured<T> for RmsNorm<T> {
    const LAYER: &'static str = "rms_norm";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        Ok(Data { features: self.gain.numel(), eps: fields::unless(T::EPSILON, self.eps) })
    }

    fn build(data: Data, _: &mut Parts<'_, T>) -> Result<Self, Error> {
        let eps = fields::eps("rms_norm", data.eps, T::EPSILON)?;
        Ok(RmsNorm { eps, ..RmsNorm::new(data.features)? })
    }
}
