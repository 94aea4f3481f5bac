//! [`MeanField`]: the theory of plain layers.

use std::fmt;
use std::iter::successors;
use std::sync::Arc;

use super::curve::Curve;
use super::{LIMIT, NOISE, check_correlation, check_sums, check_variance, settled};
use crate::depth::quadrature::root;
use crate::error::shown;
use crate::{Error, Init, Module};

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
    pub(super) curve: Curve,
    pub(super) weights: f64,
    pub(super) biases: f64,
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
    ///
    /// # Panics
    /// If `q` is negative or NaN.
    #[track_caller]
    pub fn variance_map(&self, q: f64) -> f64 {
        check_sums(q);
        self.variance_behind(q)
    }

    /// V(q), also where q has grown beyond all numbers.
    fn variance_behind(&self, q: f64) -> f64 {
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
    ///
    /// # Panics
    /// If `q` is negative or NaN.
    #[track_caller]
    pub fn variances(&self, q: f64) -> impl Iterator<Item = f64> + '_ {
        check_sums(q);
        successors(Some(q), |&q| Some(self.variance_behind(q)))
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
    ///
    /// # Panics
    /// If `q` is negative or NaN.
    #[track_caller]
    pub fn chi(&self, q: f64) -> f64 {
        check_sums(q);
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
    ///
    /// # Panics
    /// If `q` is negative or NaN.
    #[track_caller]
    pub fn variance_slope(&self, q: f64) -> f64 {
        check_sums(q);
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
        settled(|q| self.variance_behind(q)).ok_or_else(|| {
            let why = format!(
                "the variance of `{}` grows without bound for σ_w² = {}, σ_b² = {}; take smaller weights",
                self.curve.name,
                shown(self.weights),
                shown(self.biases)
            );
            Error::invalid("mean_field", why)
        })
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
    /// If `q` is negative or NaN, or `c` is not in [−1, 1].
    #[track_caller]
    pub fn correlation_map(&self, q: f64, c: f64) -> f64 {
        check_sums(q);
        check_correlation(c);
        let q = q.max(LIMIT * LIMIT);
        (self.weights * self.curve.expect_product(q.sqrt(), c, false) + self.biases) / self.variance_map(q)
    }

    /// The slope of the correlation map: `C′(c) = σ_w²·E[φ′(√q u)φ′(√q v)]·q/V(q)`.
    ///
    /// Its [`depth_scale`](super::depth_scale) at the fixed point of both maps is ξ_c.
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
    /// If `q` is negative or NaN, or `c` is not in [−1, 1].
    #[track_caller]
    pub fn correlation_slope(&self, q: f64, c: f64) -> f64 {
        check_sums(q);
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
    ///
    /// # Panics
    /// If `q` is negative or NaN.
    #[track_caller]
    pub fn correlation_fixed_point(&self, q: f64) -> f64 {
        check_sums(q);
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

    /// The squares of slopes at sums of variance q, in ascending order, and their shares: those of the nodes of a quadrature, equal ones
    /// together.
    #[cfg(feature = "spectrum")]
    #[track_caller]
    pub(in crate::depth) fn squared_slopes(&self, q: f64) -> Vec<(f64, f64)> {
        /// Beyond this many standard deviations lie 1e−15 of the normal distribution.
        const TAIL: f64 = 8.0;
        check_variance("sums", q);
        let scale = q.sqrt().max(LIMIT);
        // Narrow panels in the bulk, since a density of slopes is to be resolved, and no integral only.
        let (bulk, tails) = ((-16..=16).map(|i| f64::from(i) / 4.0), [-TAIL, TAIL]);
        let inside = self.curve.ends(0.0, scale).into_iter().filter(|z| z.abs() < TAIL);
        let mut ends: Vec<f64> = bulk.chain(tails).chain(inside).collect();
        ends.sort_by(f64::total_cmp);
        ends.dedup();
        let (z, weights): (Vec<f64>, Vec<f64>) =
            crate::depth::quadrature::rule(&ends).map(|(z, weight)| (z, weight * (-z * z / 2.0).exp())).unzip();
        let (_, slopes) = self.curve.values_and_slopes(&z.iter().map(|z| scale * z).collect::<Vec<_>>());
        let all: f64 = weights.iter().sum();
        let mut squares: Vec<(f64, f64)> =
            slopes.iter().zip(weights).map(|(slope, weight)| (slope * slope, weight / all)).collect();
        squares.sort_by(|a, b| a.0.total_cmp(&b.0));
        squares.dedup_by(|next, kept| {
            // Of a line some differ by round-off.
            let same = next.0 - kept.0 <= 1e-10 * next.0;
            kept.1 += if same { next.1 } else { 0.0 };
            same
        });
        squares
    }

    /// E[φ(√q z)²]
    pub(super) fn mean_square(&self, q: f64) -> f64 {
        self.curve.expect(q.sqrt(), |_, y, _| y * y)
    }

    /// E[φ′(√q z)²]
    pub(super) fn mean_square_slope(&self, q: f64) -> f64 {
        self.curve.expect(q.sqrt().max(LIMIT), |_, _, dy| dy * dy)
    }
}

impl fmt::Debug for MeanField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (weights, biases) = (shown(self.weights), shown(self.biases));
        write!(f, "MeanField({}, σ_w² = {weights}, σ_b² = {biases})", self.curve.name)
    }
}
