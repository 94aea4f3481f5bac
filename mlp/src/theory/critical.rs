//! The edge between vanishing and exploding gradients.

use super::{MeanField, NOISE};
use crate::init::{Distribution, Fan};
use crate::theory::quadrature::root;
use crate::{Error, Init};

/// A critical point: with these weights and biases `χ = 1` at a fixed point of the variance, and gradients neither vanish
/// nor explode.
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
    /// q*, the variance of the sums at which `χ = 1`. 0 if the critical layers let the signal fade, though ever more slowly
    /// (tanh without biases: as 1/2l).
    pub variance: f64,
    /// The slope `V′(q*)` of the variance map: above 1 the variance leaves q*, and inputs must begin there.
    pub variance_slope: f64,
}

impl Critical {
    /// Weights at this point: normal, of variance `σ_w²/inputs`.
    ///
    /// For orthogonal ones of square layers, `Init::orthogonal().gain(critical.weights.sqrt())`.
    pub fn init(&self) -> Init {
        Init::Scaled { gain: self.weights.sqrt(), fan: Fan::In, distribution: Distribution::Normal }
    }

    /// Biases at this point: normal, of variance `σ_b²`.
    pub fn bias_init(&self) -> Init {
        Init::Normal { mean: 0.0, std: self.biases.sqrt() }
    }
}

impl MeanField {
    /// The critical weights for biases of variance `σ_b² = biases`; what was set for this theory plays no part.
    ///
    /// `χ = 1` means `σ_w² = 1/E[φ′²]`, and the fixed point then `σ_b² = q − E[φ²]/E[φ′²]`: one equation for `q` (Hayou et
    /// al. 2019, algorithm 1). If it has several solutions, one to which the variance returns is preferred, and of these
    /// the smallest; if each `q` is one (relu without biases), it is 1.
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
    /// If there is no such point between q = 1e−7 and 1e9: relu with biases, softplus, steps.
    ///
    /// # Panics
    /// If `biases` is negative, NaN or infinite.
    #[track_caller]
    pub fn critical_weights(&self, biases: f64) -> Result<Critical, Error> {
        super::check_variance("biases", biases);
        let residual = |q: f64| (self.critical_bias(q) - biases) / q;
        self.preferred(self.solutions(residual), |_| biases).ok_or_else(|| self.no_critical("σ_b²", biases))
    }

    /// The critical biases for weights of variance `σ_w²/inputs`; what was set for this theory plays no part.
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
        // Rounding must not push a bias variance of 0 below it.
        let bias = |q: f64| Some(self.critical_bias(q)).filter(|b| *b >= -10.0 * NOISE * q).map(|b| b.max(0.0));
        let solutions: Vec<f64> = self.solutions(residual).into_iter().filter(|&q| bias(q).is_some()).collect();
        self.preferred(solutions, |q| bias(q).unwrap_or(0.0)).ok_or_else(|| self.no_critical("σ_w²", weights))
    }

    /// `q − E[φ²]/E[φ′²]`: the bias variance that makes `q` a critical fixed point.
    fn critical_bias(&self, q: f64) -> f64 {
        q - self.mean_square(q) / self.mean_square_slope(q)
    }

    /// Where `residual`, a relative one, vanishes: 1 if there; else where it changes its sign; else the limit 0.
    fn solutions(&self, residual: impl Fn(f64) -> f64) -> Vec<f64> {
        let vanishes = |r: f64| r.abs() <= 10.0 * NOISE;
        if vanishes(residual(1.0)) {
            return vec![1.0];
        }
        let grid: Vec<(f64, f64)> = (-23..=30).map(|k| 2f64.powi(k)).map(|q| (q, residual(q))).collect();
        let certain: Vec<_> = grid.into_iter().filter(|&(_, r)| !vanishes(r) && r.is_finite()).collect();
        let crossings = certain.windows(2).filter(|pair| pair[0].1 * pair[1].1 < 0.0);
        let mut found: Vec<f64> = crossings.map(|pair| root(&residual, pair[0].0, pair[1].0)).collect();
        if vanishes(residual(super::LIMIT * super::LIMIT)) {
            found.push(0.0);
        }
        found
    }

    fn preferred(&self, solutions: Vec<f64>, biases: impl Fn(f64) -> f64) -> Option<Critical> {
        let at = |q: f64| {
            let there = self.clone().weights(1.0 / self.mean_square_slope(q)).biases(biases(q));
            Critical {
                weights: there.weights,
                biases: there.biases,
                variance: q,
                variance_slope: there.variance_slope(q),
            }
        };
        let points: Vec<Critical> = solutions.into_iter().map(at).collect();
        let returns = |point: &&Critical| point.variance_slope <= 1.0 + 1e-6;
        points.iter().find(returns).or(points.first()).copied()
    }

    fn no_critical(&self, of: &str, variance: f64) -> Error {
        let why = format!(
            "`{}` has no critical point with {of} = {variance}; choose another, or keep the variance with LayerNorm",
            self.curve.name
        );
        Error::invalid("mean_field", why)
    }
}
