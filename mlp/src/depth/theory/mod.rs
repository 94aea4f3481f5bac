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
//! Sources: Poole, Lahiri, Raghu, Sohl-Dickstein and Ganguli, "Exponential expressivity in deep neural networks through
//! transient chaos", 2016 (variance and correlation); Schoenholz, Gilmer, Ganguli and Sohl-Dickstein, "Deep information
//! propagation", 2017 (gradients, depth scales); Hayou, Doucet and Rousseau, "On the impact of the activation function
//! on deep neural networks training", 2019 (the critical curve of arbitrary activations).

mod critical;
pub(super) mod curve;
mod properties;

pub use critical::Critical;
pub use properties::Properties;

use std::fmt;
use std::iter::successors;
use std::sync::Arc;

use crate::depth::quadrature::root;
use crate::error::shown;
use crate::{Error, Init, Module};
use curve::Curve;

/// The relative uncertainty of quadrature.
const NOISE: f64 = 1e-12;
/// The scale that represents the limit of scale 0, where φ is a line, or two lines that meet.
const LIMIT: f64 = 1e-8;

/// The mean-field theory of a deep network with one activation.
///
/// The weights have variance `σ_w²/inputs`, the biases `σ_b²`.
///
/// ```
/// use mlp::Activation;
/// use mlp::theory::MeanField;
/// let he = MeanField::new(Activation::Relu)?.weights(2.0);
/// assert!((he.variance_map(3.0) - 3.0).abs() < 1e-12); // every variance is a fixed point
/// assert!((he.chi(3.0) - 1.0).abs() < 1e-12); // the gradient keeps its size too
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Clone)]
pub struct MeanField {
    curve: Curve,
    weights: f64,
    biases: f64,
}

impl MeanField {
    /// Creates the theory of `activation`, with `σ_w² = 1` and `σ_b² = 0`.
    ///
    /// An activation is any elementwise module: [`Activation`](crate::Activation), [`Function`](crate::Function),
    /// [`PRelu`](crate::PRelu) with one α, or a custom struct.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::MeanField;
    /// let error = MeanField::new(Activation::Softmax).unwrap_err().to_string();
    /// assert_eq!(error, "mean_field: `softmax` is not a function of each number alone; the theory needs one that is");
    /// ```
    ///
    /// # Errors
    /// If it mixes the values of a row (softmax, a layer), or is not finite everywhere between −30 and 30.
    pub fn new(activation: impl Module + 'static) -> Result<Self, Error> {
        Ok(MeanField { curve: Curve::new(Arc::new(activation))?, weights: 1.0, biases: 0.0 })
    }

    /// Sets the weight variance `σ_w²/inputs`; `variance` is `σ_w²`.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::MeanField;
    /// let theory = MeanField::new(Activation::Identity)?.weights(0.5).biases(0.25);
    /// assert!((theory.variance_map(1.0) - 0.75).abs() < 1e-12);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `variance` is negative, NaN or infinite.
    #[must_use]
    #[track_caller]
    pub fn weights(self, variance: f64) -> Self {
        check_variance("weights", variance);
        MeanField { weights: variance, ..self }
    }

    /// Sets the bias variance `σ_b²`.
    ///
    /// The example of [`weights`](MeanField::weights) sets both.
    ///
    /// # Panics
    /// If `variance` is negative, NaN or infinite.
    #[must_use]
    #[track_caller]
    pub fn biases(self, variance: f64) -> Self {
        check_variance("biases", variance);
        MeanField { biases: variance, ..self }
    }

    /// Sets the weight variance of `init` for a layer: `σ_w² = inputs · variance`.
    ///
    /// ```
    /// use mlp::theory::MeanField;
    /// use mlp::{Activation, Init};
    /// // With relu, Glorot's scale halves the squared gradient in each layer.
    /// let glorot = MeanField::new(Activation::Relu)?.initialised(&Init::glorot_uniform(), 64, 64)?;
    /// assert!((glorot.chi(1.0) - 0.5).abs() < 1e-12);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the initialiser is invalid ([`Init::try_sample`]), or its mean is not 0: the theory assumes mean 0.
    pub fn initialised(self, init: &Init, inputs: usize, outputs: usize) -> Result<Self, Error> {
        let (mean, variance) = init.moments(inputs, outputs)?;
        if mean != 0.0 {
            return Err(Error::invalid(
                "mean_field",
                format!("{init:?} has mean {}; the theory needs weights of mean 0", shown(mean)),
            ));
        }
        Ok(self.weights(inputs as f64 * variance))
    }

    /// The variance of the sums in the next layer: `V(q) = σ_w²·E[φ(√q z)²] + σ_b²`.
    ///
    /// Poole et al. 2016, eq. 3.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::MeanField;
    /// assert!((MeanField::new(Activation::Relu)?.variance_map(3.0) - 1.5).abs() < 1e-12); // σ_w²q/2
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn variance_map(&self, q: f64) -> f64 {
        self.weights * self.mean_square(q) + self.biases
    }

    /// The variances of successive layers, from `q` on: `q, V(q), V(V(q)), …`
    ///
    /// In the backward pass, the product of [`chi`](MeanField::chi) over these variances multiplies the mean squared
    /// gradient.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::MeanField;
    /// let theory = MeanField::new(Activation::Identity)?.weights(0.5);
    /// let q: Vec<f64> = theory.variances(1.0).take(3).collect();
    /// assert!((q[2] - 0.25).abs() < 1e-12);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn variances(&self, q: f64) -> impl Iterator<Item = f64> + '_ {
        successors(Some(q), |&q| Some(self.variance_map(q)))
    }

    /// The gain of the mean squared gradient in one layer: `χ(q) = σ_w²·E[φ′(√q z)²]`.
    ///
    /// The backward pass through a layer whose sums have variance `q` multiplies the mean squared gradient by χ
    /// (Schoenholz et al. 2017, eq. 9). At 0 it is the limit from above.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::MeanField;
    /// let leaky = MeanField::new(Activation::LeakyRelu(0.5))?;
    /// assert!((leaky.chi(3.0) - 0.625).abs() < 1e-12); // σ_w²(1 + a²)/2, at any variance
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn chi(&self, q: f64) -> f64 {
        self.weights * self.mean_square_slope(q)
    }

    /// The slope of the variance map: `V′(q) = σ_w²·E[φ(√q z)²(z² − 1)]/2q`.
    ///
    /// A fixed point with a slope below 1 is attracting. At 0 it is the limit from above.
    ///
    /// The formula needs no derivative of φ, so it also holds for functions with jumps. For smooth functions it equals
    /// `σ_w²·E[φφ′z]/√q`, by Stein's lemma.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::MeanField;
    /// let slope = MeanField::new(Activation::Selu)?.variance_slope(1.0);
    /// assert!((slope - 0.782648).abs() < 1e-6); // Klambauer et al. 2017: the fixed point attracts
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn variance_slope(&self, q: f64) -> f64 {
        let scale = q.sqrt().max(1e-3); // below, φ² − φ(0)² suffers from cancellation
        // E[z² − 1] = 0, so the constant only changes the round-off.
        let constant = self.curve.at(0.0).0.powi(2);
        let moment = self.curve.expect(scale, |z, y, _| (y * y - constant) * (z * z - 1.0));
        self.weights * moment / (2.0 * scale * scale)
    }

    /// The variance that deep layers approach, starting from sums of variance 1.
    ///
    /// If every variance is a fixed point (relu with `σ_w² = 2`), the result is 1. A variance below 1e−12 counts as 0;
    /// a variance above 1e7 counts as growth without bound.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::MeanField;
    /// let theory = MeanField::new(Activation::Relu)?.weights(2.5);
    /// assert!(theory.fixed_point().unwrap_err().to_string().contains("grows without bound"));
    /// assert!((theory.weights(1.0).biases(0.5).fixed_point()? - 1.0).abs() < 1e-12);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the variance grows without bound.
    pub fn fixed_point(&self) -> Result<f64, Error> {
        let gain = |q: f64| self.variance_map(q) - q;
        let settled = |q: f64| gain(q).abs() <= NOISE * q;
        let (mut q, grows) = (1.0, gain(1.0) > 0.0);
        // If V increases with q, as it does if |φ| grows away from 0, the variances move monotonically from 1 to the
        // first fixed point. For other V the search also ends at a fixed point; `variance_slope` tells whether it is
        // attracting.
        while !settled(q) {
            // For large q, softplus grows by the fraction q^(−3/2): beyond this bound quadrature could not resolve it.
            let next = if grows { 2.0 * q } else { q / 2.0 };
            if next > 1e7 {
                let why = format!(
                    "the variance of `{}` grows without bound for σ_w² = {}, σ_b² = {}; take smaller weights",
                    self.curve.name,
                    shown(self.weights),
                    shown(self.biases)
                );
                return Err(Error::invalid("mean_field", why));
            }
            if next < 1e-12 {
                let at_zero = self.weights * self.curve.at(0.0).0.powi(2) + self.biases;
                return Ok(if at_zero == 0.0 { 0.0 } else { root(gain, 0.0, q) });
            }
            if (gain(next) > 0.0) != grows {
                return Ok(root(gain, q, next));
            }
            q = next;
        }
        Ok(q)
    }

    /// The correlation in the next layer: `C(c) = (σ_w²·E[φ(√q u)φ(√q v)] + σ_b²)/V(q)`.
    ///
    /// The sums of two inputs have variance `q` and correlation `c`; u and v are standard normal with correlation `c`
    /// (Poole et al. 2016, eq. 5).
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::MeanField;
    /// let relu = MeanField::new(Activation::Relu)?.weights(2.0);
    /// assert!((relu.correlation_map(1.0, 0.0) - 1.0 / std::f64::consts::PI).abs() < 1e-12); // Cho & Saul 2009
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `c` is not in [−1, 1].
    #[track_caller]
    pub fn correlation_map(&self, q: f64, c: f64) -> f64 {
        check_correlation(c);
        let q = q.max(LIMIT * LIMIT);
        (self.weights * self.curve.expect_product(q.sqrt(), c, false) + self.biases) / self.variance_map(q)
    }

    /// The slope of the correlation map: `C′(c) = σ_w²·E[φ′(√q u)φ′(√q v)]·q/V(q)`.
    ///
    /// Its [`depth_scale`] at the fixed point of both maps is ξ_c.
    ///
    /// At `q = q*`, `c = 1` it equals χ. For a function with jumps it is not the slope of the map, because φ′ does not
    /// contain the jump.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::MeanField;
    /// let relu = MeanField::new(Activation::Relu)?.weights(2.0);
    /// assert!((relu.correlation_slope(1.0, 0.0) - 0.5).abs() < 1e-12); // 1 − acos(c)/π
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `c` is not in [−1, 1].
    #[track_caller]
    pub fn correlation_slope(&self, q: f64, c: f64) -> f64 {
        check_correlation(c);
        let q = q.max(LIMIT * LIMIT);
        self.weights * self.curve.expect_product(q.sqrt(), c, true) * q / self.variance_map(q)
    }

    /// The correlation `c*` that any two inputs approach with depth, for sums of variance `q = q*`.
    ///
    /// It is 1 for `χ ≤ 1` (order), and less for `χ > 1` (chaos).
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::{MeanField, depth_scale};
    /// let chaotic = MeanField::new(Activation::Tanh)?.weights(2.5).biases(0.05);
    /// let q = chaotic.fixed_point()?;
    /// let c = chaotic.correlation_fixed_point(q);
    /// assert!((c - 0.446804).abs() < 1e-6);
    /// assert!((depth_scale(chaotic.correlation_slope(q, c)) - 11.80).abs() < 0.01);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn correlation_fixed_point(&self, q: f64) -> f64 {
        // C is a power series in c without negative coefficients (Mehler's formula), hence convex on [0, 1], and
        // C(1) = 1. It has a fixed point below 1 if and only if its slope at 1 exceeds 1, and then exactly one.
        let gain = |c: f64| self.correlation_map(q, c) - c;
        let below = successors(Some(0.1), |gap| Some(gap / 10.0)).take_while(|&gap| gap > 1e-10).map(|gap| 1.0 - gap);
        let chaos = self.chi(q) > 1.0 + NOISE;
        match below.into_iter().find(|&c| chaos && gain(c) < 0.0) {
            // For an odd function without biases 0 is a fixed point, which round-off may make slightly negative.
            Some(_) if gain(0.0) <= NOISE => 0.0,
            Some(c) => root(gain, 0.0, c),
            None => 1.0,
        }
    }

    /// E[φ(√q z)²]
    fn mean_square(&self, q: f64) -> f64 {
        self.curve.expect(q.sqrt(), |_, y, _| y * y)
    }

    /// E[φ′(√q z)²]
    fn mean_square_slope(&self, q: f64) -> f64 {
        self.curve.expect(q.sqrt().max(LIMIT), |_, _, dy| dy * dy)
    }
}

impl fmt::Debug for MeanField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (weights, biases) = (shown(self.weights), shown(self.biases));
        write!(f, "MeanField({}, σ_w² = {weights}, σ_b² = {biases})", self.curve.name)
    }
}

/// The depth scale `ξ = −1/ln(slope)` (Schoenholz et al. 2017).
///
/// A quantity that each layer multiplies by `slope` falls to 1/e after ξ layers.
///
/// For [`chi`](MeanField::chi) it is ξ_∇, the depth scale of the gradient; for
/// [`correlation_slope`](MeanField::correlation_slope) it is ξ_c, that of the difference between two inputs; for
/// [`variance_slope`](MeanField::variance_slope) it is ξ_q. A negative ξ means growth by a factor of e in −ξ layers.
/// For slope 1 it is infinite.
///
/// ```
/// use mlp::theory::depth_scale;
/// assert_eq!(depth_scale(0.5), 1.0 / 2f64.ln());
/// assert_eq!(depth_scale(1.0), f64::INFINITY);
/// ```
pub fn depth_scale(slope: f64) -> f64 {
    if slope == 1.0 { f64::INFINITY } else { -1.0 / slope.ln() }
}

#[track_caller]
pub(super) fn check_variance(of: &str, variance: f64) {
    let (what, ok) = (shown(variance), variance >= 0.0 && variance.is_finite());
    assert!(ok, "mean_field: the variance of the {of} is {what}; it must be ≥ 0");
}

#[track_caller]
fn check_correlation(c: f64) {
    assert!((-1.0..=1.0).contains(&c), "mean_field: correlation {} is not between −1 and 1", shown(c));
}
