//! Mean-field theory: the propagation of signals and gradients in deep random networks.
//!
//! The theory draws weights from `N(0, σ_w²/inputs)` and biases from `N(0, σ_b²)`. In wide layers the sums `p`
//! (pre-activations) are then normal, and their variance `q` describes them. With z ~ N(0, 1):
//!
//! | | formula | method |
//! |---|---|---|
//! | variance in the next layer | `q′ = V(q) = σ_w²·E[φ(√q z)²] + σ_b²` | [`variance_map`](MeanField::variance_map) |
//! | fixed point of the variance | `q* = V(q*)` | [`fixed_point`](MeanField::fixed_point) |
//! | mean squared gradient in the previous layer | `E[δ²]_l = χ(q_l)·E[δ²]_{l+1}`, `χ(q) = σ_w²·E[φ′(√q z)²]` | [`chi`](MeanField::chi) |
//! | correlation of two inputs in the next layer | `c′ = (σ_w²·E[φ(√q u)φ(√q v)] + σ_b²) / V(q)` | [`correlation_map`](MeanField::correlation_map) |
//! | depth scale: layers until 1/e is left | `ξ = −1/ln(slope)` | [`depth_scale`] |
//! | critical point, between vanishing and exploding gradients | `χ(q*) = 1` | [`critical`](MeanField::critical), [`critical_weights`](MeanField::critical_weights) |
//!
//! Quadrature computes all of this to about 1e−12 from the values and derivatives of the activation, so the theory
//! covers custom activations without extra work.
//!
//! ```
//! use autograd::{Number, Var};
//! use mlp::theory::{MeanField, depth_scale};
//! use mlp::{Activation, Function};
//!
//! let theory = MeanField::new(Activation::Tanh)?.weights(1.5).biases(0.05);
//! let q = theory.fixed_point()?;
//! assert!((theory.chi(q) - 0.938636).abs() < 1e-6); // gradients vanish: they lose 6 % per layer
//! assert!((depth_scale(theory.chi(q)) - 15.79).abs() < 0.01); // 1/e is left after 16 layers
//!
//! // Poole et al. 2016 have E[erf(√q z)²] in closed form.
//! let own = MeanField::new(Function::new("erf", |z: Var| z.erf()))?;
//! let closed = 2.0 / std::f64::consts::PI * (2.0 / 3.0f64).asin();
//! assert!((own.variance_map(1.0) - closed).abs() < 1e-12);
//! # Ok::<(), mlp::Error>(())
//! ```
//!
//! # What people build
//!
//! A [`Block`] is what a network repeats, as data: linear layers, activations, norms, dropout, residuals with strengths of
//! shortcut and branch, and branches that are joined. One recursion, [`Block::pass`], follows mean, mean square and
//! correlation through it, and the factor χ of the squared gradient.
//!
//! | question | answer |
//! |---|---|
//! | signals and gradients at every depth | [`Block::steps`] of equal blocks, [`Block::forecast`] behind each piece |
//! | a fixed point, and the law of depth: exponential, a power, or between | [`Block::fixed_point`], [`Block::law`] |
//! | critical variances and strengths | [`Block::critical`], [`Block::critical_weights`], [`critical_value`] |
//! | gates, sums of branches, features side by side | [`Block::parallel`], [`Joined`] |
//! | means of places, in windows and of whole pictures | [`Block::pool`], [`Signal::places`], [`Reader::pictures`] |
//! | embeddings, and positions that are added | [`Block::embedding`] of [`Signal::of_classes`], [`Block::positions`] |
//! | transformers: similarity of tokens, entropy of attention, gradients of tokens | [`Attention`] as a piece, [`ForecastRow::attention`] |
//! | the theory of a model of layers, at its weights; of transformers for so many tokens | [`of`], [`Reader`], [`Reader::tokens`] |
//! | what is foretold beside what is measured | [`Forecast::beside`] a [`Flow`](crate::Flow) |
//!
//! ```
//! use mlp::Activation;
//! use mlp::theory::{Block, DepthLaw};
//! // φ(norm(x))W + b, beside μx: critical on a line for μ < 1, and for μ = 1 everywhere (Doshi, He & Gromov 2023).
//! let branch = Block::new().layer_norm().activation(Activation::Relu)?.linear(2.0, 0.5);
//! let DepthLaw::Exponential { xi } = Block::new().residual(0.9, 1.0, branch.clone()).law()? else { panic!() };
//! assert!((xi - 15.285).abs() < 0.01); // gradients vanish, over 15 blocks
//! let DepthLaw::Power { zeta } = Block::new().residual(1.0, 1.0, branch).law()? else { panic!() };
//! assert!((zeta + 1.0 / 1.5).abs() < 1e-5); // they grow, as l^(2/3)
//! # Ok::<(), mlp::Error>(())
//! ```
//!
//! The theory is one of wide layers and random weights. Weights that are used twice, products of values that depend on each other,
//! maxima of pooling and recurrence are outside of it; what it cannot tell it names in an error.
//!
//! Sources: Poole, Lahiri, Raghu, Sohl-Dickstein and Ganguli, "Exponential expressivity in deep neural networks through
//! transient chaos", 2016 (variance and correlation); Schoenholz, Gilmer, Ganguli and Sohl-Dickstein, "Deep information
//! propagation", 2017 (gradients, depth scales); Hayou, Doucet and Rousseau, "On the impact of the activation function
//! on deep neural networks training", 2019 (the critical curve of arbitrary activations); Yang and Schoenholz, "Mean field
//! residual networks: on the edge of chaos", 2017; Yang, Pennington, Rao, Sohl-Dickstein and Schoenholz, "A mean field theory
//! of batch normalization", 2019; Hayou, Clerico, He, Deligiannidis, Doucet and Rousseau, "Stable ResNet", 2021 (branches scaled
//! with depth); Doshi, He and Gromov, "Critical initialization of wide and deep neural networks using partial Jacobians", 2023
//! (layer norm and shortcuts, exponents).

mod attention;
mod block;
mod copies;
mod critical;
pub(super) mod curve;
mod deep;
mod edges;
mod forecast;
mod network;
mod numbers;
mod parallel;
mod pass;
mod places;
mod plain;
mod properties;
mod reader;
mod signal;
mod table;
mod transformer;
mod written;

pub use attention::{Attention, AttentionWeights};
pub use block::{Block, NormKind, Piece};
pub use critical::Critical;
pub use deep::DepthLaw;
pub use edges::critical_value;
pub use forecast::{Comparison, ComparisonRow, Forecast, ForecastRow};
pub use parallel::Joined;
pub use pass::Step;
pub use plain::MeanField;
pub use properties::Properties;
pub use reader::{Reader, of};
pub use signal::Signal;

use crate::depth::quadrature::root;
use crate::error::shown;

/// The relative uncertainty of quadrature.
const NOISE: f64 = 1e-12;
/// The scale that represents the limit of scale 0, where φ is a line, or two lines that meet.
const LIMIT: f64 = 1e-8;

/// The depth scale `ξ = −1/ln|slope|` (Schoenholz et al. 2017).
///
/// A quantity that each layer multiplies by `slope` falls to 1/e after ξ layers; a negative slope turns its sign each time.
///
/// For [`chi`](MeanField::chi) it is ξ_∇, the depth scale of the gradient; for
/// [`correlation_slope`](MeanField::correlation_slope) it is ξ_c, that of the difference between two inputs; for
/// [`variance_slope`](MeanField::variance_slope) it is ξ_q. A negative ξ means growth by a factor of e in −ξ layers.
/// For the slopes 1 and −1 it is infinite.
///
/// ```
/// use mlp::theory::depth_scale;
/// assert_eq!(depth_scale(0.5), 1.0 / 2f64.ln());
/// assert_eq!(depth_scale(1.0), f64::INFINITY);
/// ```
pub fn depth_scale(slope: f64) -> f64 {
    if slope.abs() == 1.0 { f64::INFINITY } else { -1.0 / slope.abs().ln() }
}

/// The variance at which layers with this map settle, starting from 1; `None` if it grows without bound.
fn settled(map: impl Fn(f64) -> f64) -> Option<f64> {
    let gain = |q: f64| map(q) - q;
    let settled = |gained: f64, q: f64| gained.abs() <= NOISE * q;
    let (mut q, mut gained) = (1.0, gain(1.0));
    let grows = gained > 0.0;
    // If V increases with q, as it does if |φ| grows away from 0, the variances move monotonically from 1 to the
    // first fixed point. For other V the search also ends at a fixed point; its slope tells whether it is attracting.
    while !settled(gained, q) {
        if gained.is_nan() {
            return None; // V itself is beyond all numbers
        }
        // For large q, softplus grows by the fraction q^(−3/2): beyond this bound quadrature could not resolve it.
        let next = if grows { 2.0 * q } else { q / 2.0 };
        if next > 1e7 {
            return None;
        }
        if next < 1e-12 {
            // A norm of nothing is not a number.
            return Some(if map(0.0) > 0.0 { root(gain, 0.0, q) } else { 0.0 });
        }
        gained = gain(next);
        if !gained.is_nan() && (gained > 0.0) != grows {
            return Some(root(gain, q, next));
        }
        q = next;
    }
    Some(q)
}

#[track_caller]
pub(super) fn check_variance(of: &str, variance: f64) {
    let (what, ok) = (shown(variance), variance >= 0.0 && variance.is_finite());
    assert!(ok, "mean_field: the variance of the {of} is {what}; it must be ≥ 0");
}

/// For variances of sums, which may grow beyond all numbers with depth.
#[track_caller]
fn check_sums(q: f64) {
    assert!(q >= 0.0, "mean_field: the variance of the sums is {}; it must be ≥ 0", shown(q));
}

#[track_caller]
fn check_correlation(c: f64) {
    assert!((-1.0..=1.0).contains(&c), "mean_field: correlation {} is not between −1 and 1", shown(c));
}
