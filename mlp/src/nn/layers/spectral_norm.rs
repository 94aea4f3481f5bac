//! [`SpectralNorm`]: weights divided by their largest singular value.

use autograd::{Float, Param, Parameters, Shape, Tensor, Var};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::Weighted;
use super::units::{largest, unit};
use crate::nn::config::{Config, Parts, fields};
use crate::nn::module::{LayerRow, Module};
use crate::nn::state_dict::StateDict;
use crate::{Error, Init};

/// Spectral normalisation of a layer (Miyato et al. 2018).
///
/// `w = W/σ` with `σ = uᵀWv`, the largest singular value of the weights as a matrix of outputs by all else. A linear
/// layer then stretches no difference of two inputs.
///
/// The vectors `u` (outputs) and `v` (all else) come from power iteration: `u ← Wv/‖Wv‖`, `v ← Wᵀu/‖Wᵀu‖`. They are
/// buffers: each forward pass in training mode iterates once ([`with_iterations`](SpectralNorm::with_iterations)),
/// evaluation leaves them. Gradients flow through `W` in σ; `u` and `v` are constants. Shapes are those of the layer.
///
/// ```
/// use autograd::{Param, Tensor};
/// use mlp::{Linear, Module, SpectralNorm};
/// use rand::{SeedableRng, rngs::StdRng};
/// let linear = Linear { w: Param::new([[3.0, 0.0], [0.0, 1.0]]), b: None };
/// let layer = SpectralNorm::new(linear, &mut StdRng::seed_from_u64(0))?;
/// let y = layer.predict(&Tensor::from([[6.0, 6.0]]));
/// assert!(y.is_close(&Tensor::from([[6.0, 2.0]]), 1e-9));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SpectralNorm<L, T: Float = f64> {
    /// The layer, with the weights before they are divided.
    pub layer: L,
    /// The left singular vector, of shape (outputs,).
    pub u: Param<T>,
    /// The right singular vector: one number for each weight of an output.
    pub v: Param<T>,
    iterations: usize,
}

/// What a norm is at least when a vector is divided by it.
const EPS: f64 = 1e-12;

impl<T: Float, L: Weighted<T>> SpectralNorm<L, T> {
    /// Normalises the weights of `layer`; 15 iterations lead from vectors drawn from `rng` to those at the start.
    ///
    /// # Errors
    /// If weights are not finite, or all are 0.
    pub fn new(layer: L, rng: &mut (impl Rng + ?Sized)) -> Result<Self, Error> {
        let w = layer.weights().value();
        if !(largest(w.as_slice()) > 0.0 && w.is_finite()) {
            let problem = "the weights have no singular value to divide by: they are all 0, or not finite; draw them \
                           at random";
            return Err(Error::invalid("spectral_norm", problem));
        }
        let outputs = w.shape()[layer.output_axis()];
        let [u, v] = [outputs, w.numel() / outputs].map(|n| Init::Normal { mean: 0.0, std: 1.0 }.try_sample([n], rng));
        let norm = SpectralNorm { layer, u: Param::new(u?), v: Param::new(v?), iterations: 1 };
        for _ in 0..15 {
            norm.iterate();
        }
        Ok(norm)
    }

    /// Sets the number of iterations in each forward pass in training mode.
    ///
    /// # Errors
    /// If `iterations` is 0: σ would no longer follow the weights.
    pub fn with_iterations(self, iterations: usize) -> Result<Self, Error> {
        match iterations {
            0 => Err(Error::invalid("spectral_norm", "0 iterations would not follow the weights; choose at least 1")),
            _ => Ok(SpectralNorm { iterations, ..self }),
        }
    }

    /// Turns `u` and `v` nearer to the singular vectors.
    fn iterate(&self) {
        let w = self.layer.weights().value();
        // Vectors of length 1 do not know the size of the weights, so that their squares may stay in range.
        let unit: T = unit(largest(w.as_slice()));
        let towards = |sum: &Param<T>, to: fn(Place) -> usize, from: &Param<T>, by: fn(Place) -> usize| {
            let (w, from) = (w.as_slice(), from.value());
            sum.modify(|sum| {
                sum.fill(T::zero());
                // In place: a product of arrays would allocate at each step.
                self.places().enumerate().for_each(|(i, place)| {
                    sum[to(place)] = sum[to(place)] + w[i] * unit * from.as_slice()[by(place)];
                });
                let square = sum.iter().fold(T::zero(), |square, &x| square + x * x);
                let norm = square.sqrt().maximum(T::from_f64(EPS));
                sum.iter_mut().for_each(|x| *x = *x / norm);
            });
        };
        towards(&self.u, |[output, _]| output, &self.v, |[_, other]| other);
        towards(&self.v, |[_, other]| other, &self.u, |[output, _]| output);
    }

    /// Where each weight, in row-major order, stands in the matrix of outputs by all else.
    fn places(&self) -> impl Iterator<Item = Place> + use<L, T> {
        places(&self.layer.weights().shape(), self.layer.output_axis())
    }
}

fn places(shape: &Shape, output_axis: usize) -> impl Iterator<Item = Place> + use<> {
    let [outer, inner] = [&shape[..output_axis], &shape[output_axis + 1..]].map(|axes| axes.iter().product::<usize>());
    let outputs = shape[output_axis];
    (0..outer).flat_map(move |i| (0..outputs).flat_map(move |output| (0..inner).map(move |k| [output, i * inner + k])))
}

/// The weights divided by their largest singular value, which belongs to `u` and `v`.
#[track_caller]
pub(crate) fn weights<'t, T: Float>(w: Var<'t, T>, [u, v]: [&Tensor<T>; 2], output_axis: usize) -> Var<'t, T> {
    let mut places = places(&w.shape(), output_axis);
    let outer = w.tape().constant_with(w.shape(), |_| {
        let [output, other] = places.next().expect("one for each weight");
        u.as_slice()[output] * v.as_slice()[other]
    });
    // Of weights near 1, so that neither their squares nor that of σ, which the slope of a quotient has, leave the range.
    let unit: T = unit(w.with_values(largest));
    let w = if unit == T::one() { w } else { w * unit.to_f64() };
    w / (w * outer).sum()
}

/// An output, and which of its weights.
type Place = [usize; 2];

impl<T: Float, L: Weighted<T>> Module<T> for SpectralNorm<L, T> {
    /// # Panics
    /// If the layer refuses `x`.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (tape, w) = (x.tape(), self.layer.weights().on(x.tape()));
        if tape.is_training() {
            (0..self.iterations).for_each(|_| self.iterate());
        }
        let w = weights(w, [&self.u.value(), &self.v.value()], self.layer.output_axis());
        self.layer.forward_weighted(x, w)
    }

    fn parameters(&self) -> Parameters<T> {
        self.layer.parameters()
    }

    fn buffers(&self) -> Parameters<T> {
        self.layer.buffers().with("u", &self.u).with("v", &self.v)
    }

    fn input_width(&self) -> Option<usize> {
        self.layer.input_width()
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        self.layer.output_shape(input)
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        let weights = (self.layer.weights(), self.layer.output_axis());
        let (dict, place, _) = self.layer.state_dict()?.parametrized(NAME, weights, "original")?;
        Ok(dict.with(format!("{place}.0._u"), &self.u).with(format!("{place}.0._v"), &self.v))
    }

    fn config(&self) -> Result<Config, Error> {
        let iterations = fields::unless(1, self.iterations);
        Config::new(NAME, &Data { inner: Config::of_part("inner", &self.layer)?, iterations })
    }

    fn describe(&self) -> Vec<LayerRow> {
        let row = self.layer.describe().remove(0);
        vec![LayerRow { layer: format!("spectral_norm {}", row.layer), ..row }]
    }
}

/// The kind of layer in a configuration.
pub(crate) const NAME: &str = "spectral_norm";

/// A [`SpectralNorm`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    pub(crate) inner: Config,
    #[serde(skip_serializing_if = "Option::is_none")]
    iterations: Option<usize>,
}

/// Builds one around any layer with weights.
pub(crate) fn build<T: Float>(
    data: Data,
    parts: &mut Parts<'_, T>,
) -> Result<SpectralNorm<Box<dyn Weighted<T>>, T>, Error> {
    let layer = parts.weighted("inner", &data.inner)?;
    SpectralNorm::new(layer, parts.rng())?.with_iterations(data.iterations.unwrap_or(1))
}
