//! [`WeightNorm`]: weights as directions and lengths.

use autograd::{Float, Param, Parameters, Shape, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::Weighted;
use crate::Error;
use crate::nn::config::{Config, Parts};
use crate::nn::module::{LayerRow, Module};
use crate::nn::state_dict::StateDict;

/// Weight normalisation of a layer (Salimans & Kingma 2016).
///
/// `w = v · gain/‖v‖`, with a norm and a gain for each output: direction and length of its weights are learnt apart.
///
/// The parameters are those of the layer, whose weights are the directions `v`, and `gain` (outputs). Shapes are those
/// of the layer.
///
/// ```
/// use autograd::{Param, Tensor};
/// use mlp::{Linear, Module, WeightNorm};
/// let layer = WeightNorm::new(Linear { w: Param::new([[3.0], [4.0]]), b: None })?;
/// let x = Tensor::from([[1.0, 1.0]]);
/// assert_eq!(layer.predict(&x).item(), 7.0); // the layer as it was, until
/// layer.gain.set([10.0]); // the length is no longer 5
/// assert_eq!(layer.predict(&x).item(), 14.0);
/// assert_eq!(layer.parameters().names().collect::<Vec<_>>(), ["w", "gain"]);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct WeightNorm<L, T: Float = f64> {
    /// The layer, with the directions as its weights.
    pub layer: L,
    /// The lengths, of shape (outputs,).
    pub gain: Param<T>,
}

impl<T: Float, L: Weighted<T>> WeightNorm<L, T> {
    /// Normalises the weights of `layer`; the gain begins as their norm, so that the output does not change.
    ///
    /// ```
    /// use autograd::Param;
    /// use mlp::{Linear, WeightNorm};
    /// let error = WeightNorm::new(Linear { w: Param::new([[3.0, 0.0], [4.0, 0.0]]), b: None }).unwrap_err();
    /// assert_eq!(error.to_string(), "weight_norm: the weights of output 1 have the norm 0; draw them at random");
    /// ```
    ///
    /// # Errors
    /// If the weights of an output have no direction: if their norm is 0 or not finite.
    pub fn new(layer: L) -> Result<Self, Error> {
        let w = layer.weights().value();
        let norms: Tensor<T> = w.norm_axis(&others(w.shape(), layer.output_axis())[..]);
        if let Some(output) = norms.as_slice().iter().position(|&norm| !(norm > T::zero() && norm.is_finite())) {
            let norm = norms.as_slice()[output];
            let problem = format!("the weights of output {output} have the norm {norm}; draw them at random");
            return Err(Error::invalid("weight_norm", problem));
        }
        Ok(WeightNorm { layer, gain: Param::new(norms) })
    }
}

/// The axes of weights of `shape` beside that of the outputs.
fn others(shape: &Shape, output_axis: usize) -> Shape {
    (0..shape.len()).filter(|&axis| axis != output_axis).collect()
}

/// Weights of these directions and lengths.
#[track_caller]
pub(crate) fn weights<'t, T: Float>(v: Var<'t, T>, gain: Var<'t, T>, axis: usize) -> Var<'t, T> {
    let shape = v.shape();
    let scale = gain / v.norm_axis(&others(&shape, axis)[..]);
    let along: Shape = (axis..shape.len()).map(|i| if i == axis { shape[i] } else { 1 }).collect();
    v * scale.reshape(along)
}

impl<T: Float, L: Weighted<T>> Module<T> for WeightNorm<L, T> {
    /// # Panics
    /// If the layer refuses `x`.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let [v, gain] = [self.layer.weights(), &self.gain].map(|param| param.on(x.tape()));
        self.layer.forward_weighted(x, weights(v, gain, self.layer.output_axis()))
    }

    fn parameters(&self) -> Parameters<T> {
        self.layer.parameters().with("gain", &self.gain)
    }

    fn buffers(&self) -> Parameters<T> {
        self.layer.buffers()
    }

    fn input_width(&self) -> Option<usize> {
        self.layer.input_width()
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        self.layer.output_shape(input)
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        let weights = (self.layer.weights(), self.layer.output_axis());
        let (dict, place, axes) = self.layer.state_dict()?.parametrized(NAME, weights, "original1")?;
        Ok(dict.along(format!("{place}.original0"), &self.gain, axes))
    }

    fn config(&self) -> Result<Config, Error> {
        Config::new(NAME, &Data { inner: Config::of_part("inner", &self.layer)? })
    }

    fn describe(&self) -> Vec<LayerRow> {
        let row = self.layer.describe().remove(0);
        let (layer, parameters) = (format!("weight_norm {}", row.layer), self.parameters().numel());
        vec![LayerRow { layer, parameters, ..row }]
    }
}

/// The kind of layer in a configuration.
pub(crate) const NAME: &str = "weight_norm";

/// A [`WeightNorm`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    pub(crate) inner: Config,
}

/// Builds one around any layer with weights.
pub(crate) fn build<T: Float>(
    data: Data,
    parts: &mut Parts<'_, T>,
) -> Result<WeightNorm<Box<dyn Weighted<T>>, T>, Error> {
    WeightNorm::new(parts.weighted("inner", &data.inner)?)
}
