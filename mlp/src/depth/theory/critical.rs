//! Critical points, between vanishing and exploding gradients.

use std::iter::once;

use autograd::Float;
use rand::Rng;

use super::{LIMIT, MeanField, NOISE};
use crate::depth::quadrature::root;
use crate::error::shown;
use crate::nn::init::{Distribution, Fan};
use crate::nn::layers::Linear;
use crate::{Error, Init};

/// A critical point: weights and biases with `χ = 1` at a fixed point of the variance.
///
/// There gradients neither vanish nor explode.
///
/// ```
/// use mlp::Activation;
/// use mlp::theory::MeanField;
/// let tanh = MeanField::new(Activation::Tanh)?;
/// let critical = tanh.critical_weights(0.05)?;
/// assert!((critical.weights - 1.760955).abs() < 1e-6);
/// let there = tanh.weights(critical.weights).biases(critical.biases);
/// assert!((there.chi(critical.variance) - 1.0).abs() < 1e-10);
/// assert!((there.fixed_point()? - critical.variance).abs() < 1e-10);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Critical {
    /// σ_w².
    pub weights: f64,
    /// σ_b².
    pub biases: f64,
    /// q*, the variance of the sums at which `χ = 1`.
    ///
    /// It is 0 if the signal fades in critical layers, which it does ever more slowly (tanh without biases: as 1/2l).
    pub variance: f64,
    /// The slope `V′(q*)` of the variance map.
    ///
    /// If it exceeds 1, the variance moves away from q*, so inputs must begin there.
    pub variance_slope: f64,
}

impl Critical {
    /// The point at variance `q`, if its weights are finite and the variance of its biases is not negative.
    pub(super) fn at(q: f64, weights: f64, biases: f64, slope: impl FnOnce(f64, f64) -> f64) -> Option<Self> {
        // Round-off must not make a bias variance of 0 negative.
        let rounding = 10.0 * NOISE * q;
        if !weights.is_finite() || biases.is_nan() || biases < -rounding {
            return None;
        }
        let biases = if biases <= rounding { 0.0 } else { biases };
        Some(Critical { weights, biases, variance: q, variance_slope: slope(weights, biases) })
    }

    /// The weight initialiser at this point: normal, of variance `σ_w²/inputs`.
    ///
    /// For orthogonal weights of square layers use `Init::orthogonal().gain(critical.weights.sqrt())`.
    ///
    /// ```
    /// use mlp::theory::MeanField;
    /// use mlp::{Activation, Init};
    /// let critical = MeanField::new(Activation::Tanh)?.critical_weights(0.05)?;
    /// let by_hand = Init::lecun_normal().gain(critical.weights.sqrt());
    /// assert_eq!(critical.init(), by_hand);
    /// assert_eq!(critical.bias_init(), Init::Normal { mean: 0.0, std: 0.05f64.sqrt() });
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn init(&self) -> Init {
        Init::Scaled { gain: self.weights.sqrt(), fan: Fan::In, distribution: Distribution::Normal }
    }

    /// The bias initialiser at this point: normal, of variance `σ_b²`.
    ///
    /// The example of [`init`](Critical::init) shows both.
    pub fn bias_init(&self) -> Init {
        Init::Normal { mean: 0.0, std: self.biases.sqrt() }
    }

    /// Creates a layer at this point, with weights and biases drawn from `rng`.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::MeanField;
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let critical = MeanField::new(Activation::Gelu)?.critical()?;
    /// let layer = critical.linear::<f64>(100, 50, &mut StdRng::seed_from_u64(0))?;
    /// assert!((100.0 * layer.w.value().square().mean() / critical.weights - 1.0).abs() < 0.1);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are no inputs or no outputs.
    pub fn linear<T: Float>(
        &self,
        inputs: usize,
        outputs: usize,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Linear<T>, Error> {
        Linear::with_biases(inputs, outputs, &self.init(), &self.bias_init(), rng)
    }

    /// Whether q* attracts the variance, at least from one side: `V′(q*) ≤ 1`.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::MeanField;
    /// let gelu = MeanField::new(Activation::Gelu)?;
    /// assert!(!gelu.critical_weights(0.05)?.attracts());
    /// assert!(gelu.critical()?.attracts());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn attracts(&self) -> bool {
        self.variance_slope <= 1.0 + 10.0 * NOISE
    }
}

impl MeanField {
    /// The attracting critical point whose variance is nearest to 1, by the smallest factor.
    ///
    /// The weights and biases of this theory have no effect.
    ///
    /// The variance determines weights and biases (see [`critical_weights`](MeanField::critical_weights)). It is 1 for
    /// tanh, relu, ELU and SELU. It is 45.6 for the logistic function, the smallest value for which the bias variance
    /// is not negative. For GELU, SiLU and Mish it is the first value that is not repelling (the half-stable point of
    /// Roberts, Yaida and Hanin, "The Principles of Deep Learning Theory", 2022, section 5.3).
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::MeanField;
    /// let selu = MeanField::new(Activation::Selu)?.critical()?;
    /// assert_eq!(selu.variance, 1.0);
    /// assert!((selu.weights * 1.071575 - 1.0).abs() < 1e-6 && (selu.weights + selu.biases - 1.0).abs() < 1e-12);
    /// assert!(MeanField::new(Activation::Softplus)?.critical().is_err());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such point between q = 1e−7 and 1e9, as for softplus and step functions.
    pub fn critical(&self) -> Result<Critical, Error> {
        nearest(|q| self.critical_at(q)).ok_or_else(|| self.no_critical("any σ_b²"))
    }

    /// The critical point whose sums have variance `q`, if its bias variance is not negative.
    fn critical_at(&self, q: f64) -> Option<Critical> {
        let [weights, biases] = self.critical_variances(q);
        Critical::at(q, weights, biases, |weights, _| self.clone().weights(weights).variance_slope(q))
    }

    /// The critical weights for biases of variance `σ_b² = biases`.
    ///
    /// The weights and biases of this theory have no effect.
    ///
    /// `χ = 1` means `σ_w² = 1/E[φ′²]`. The fixed point then requires `σ_b² = q − E[φ²]/E[φ′²]`, one equation for `q`
    /// (Hayou et al. 2019, algorithm 1). If it has several solutions, attracting ones take precedence, and among these
    /// the smallest above 0. If every `q` is a solution (relu without biases), the result is 1.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::MeanField;
    /// assert!((MeanField::new(Activation::Relu)?.critical_weights(0.0)?.weights - 2.0).abs() < 1e-12);
    /// let error = MeanField::new(Activation::Relu)?.critical_weights(0.1).unwrap_err();
    /// assert!(error.to_string().contains("no critical point"));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such point between q = 1e−7 and 1e9, as for relu with biases, softplus and step functions.
    ///
    /// # Panics
    /// If `biases` is negative, NaN or infinite.
    #[track_caller]
    pub fn critical_weights(&self, biases: f64) -> Result<Critical, Error> {
        super::check_variance("biases", biases);
        let residual = |q: f64| (self.critical_variances(q)[1] - biases) / q;
        let point = preferred(solutions(residual), |q| self.critical_at(q)).map(|point| Critical { biases, ..point });
        point.ok_or_else(|| self.no_critical(&format!("σ_b² = {}", shown(biases))))
    }

    /// The critical biases for weights of variance `σ_w²/inputs`, where `weights` is `σ_w²`.
    ///
    /// The weights and biases of this theory have no effect.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::MeanField;
    /// let critical = MeanField::new(Activation::Tanh)?.critical_biases(1.760955)?;
    /// assert!((critical.biases - 0.05).abs() < 1e-6);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If no `σ_b² ≥ 0` makes these weights critical.
    ///
    /// # Panics
    /// If `weights` is negative, NaN or infinite.
    #[track_caller]
    pub fn critical_biases(&self, weights: f64) -> Result<Critical, Error> {
        super::check_variance("weights", weights);
        let residual = |q: f64| weights * self.mean_square_slope(q) - 1.0;
        let point = preferred(solutions(residual), |q| self.critical_at(q));
        point.ok_or_else(|| self.no_critical(&format!("σ_w² = {}", shown(weights))))
    }

    /// The variances that make `q` a critical fixed point: `σ_w² = 1/E[φ′²]`, `σ_b² = q − E[φ²]/E[φ′²]`.
    fn critical_variances(&self, q: f64) -> [f64; 2] {
        let slope = self.mean_square_slope(q);
        [1.0 / slope, q - self.mean_square(q) / slope]
    }

    fn no_critical(&self, with: &str) -> Error {
        let why = format!(
            "`{}` has no critical point with {with}; choose another, or keep the variance with LayerNorm",
            self.curve.name
        );
        Error::invalid("mean_field", why)
    }
}

/// The attracting point whose variance is nearest to 1, by the smallest factor.
pub(super) fn nearest(at: impl Fn(f64) -> Option<Critical>) -> Option<Critical> {
    let at = |q: f64| Some(at(q)?).filter(Critical::attracts);
    // Search outwards from 1 by factors of 2, then bisect to the boundary of the admissible region.
    let outwards = (1..=30).flat_map(|k| [k, -k]).map(|k| 2f64.powi(k)).filter(|&q| q > 1e-7);
    let mut found = once(1.0).chain(outwards).find_map(&at)?;
    let mut no = if found.variance > 1.0 { found.variance / 2.0 } else { 2.0 * found.variance };
    while found.variance != 1.0 && (found.variance - no).abs() > 1e-14 * found.variance {
        let middle = (no + found.variance) / 2.0;
        match at(middle) {
            Some(point) => found = point,
            None => no = middle,
        }
    }
    Some(found)
}

/// The zeros of a relative `residual`: 1 if it vanishes there; else its sign changes, and then the limit 0 if it
/// vanishes there.
pub(super) fn solutions(residual: impl Fn(f64) -> f64) -> Vec<f64> {
    let vanishes = |r: f64| r.abs() <= 10.0 * NOISE;
    if vanishes(residual(1.0)) {
        return vec![1.0];
    }
    let grid: Vec<(f64, f64)> = (-23..=30).map(|k| 2f64.powi(k)).map(|q| (q, residual(q))).collect();
    let certain: Vec<_> = grid.into_iter().filter(|&(_, r)| !vanishes(r) && r.is_finite()).collect();
    let crossings = certain.windows(2).filter(|pair| pair[0].1 * pair[1].1 < 0.0);
    let mut found: Vec<f64> = crossings.map(|pair| root(&residual, pair[0].0, pair[1].0)).collect();
    if vanishes(residual(LIMIT * LIMIT)) {
        found.push(0.0);
    }
    found
}

/// The first attracting point, else the first.
pub(super) fn preferred(solutions: Vec<f64>, at: impl Fn(f64) -> Option<Critical>) -> Option<Critical> {
    let points: Vec<Critical> = solutions.into_iter().filter_map(at).collect();
    points.iter().find(|point| point.attracts()).or(points.first()).copied()
}
