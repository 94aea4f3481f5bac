//! The density of a Jacobian's singular values in wide networks, by free probability.
//!
//! The Jacobian of L layers is `J = D_L·W_L ⋯ D₁·W₁`, with random weights W and the slopes D of the activations. In wide
//! networks its factors are free, and the S-transform of `JJᵀ` is the product of theirs, whatever the order (Voiculescu
//! 1987). So the density of its eigenvalues, the squared singular values of J, follows from depth, weights and activation
//! (Pennington, Schoenholz & Ganguli 2017, "Resurrecting the sigmoid in deep learning through dynamical isometry", and 2018,
//! "The emergence of spectral universality in deep networks").
//!
//! ```
//! use mlp::free_probability::JacobianSpectrum;
//! // Three layers of Gaussian weights of variance 1/n: the largest singular value is 4²/√27, whatever the width.
//! let spectrum = JacobianSpectrum::gaussian(3, 1.0);
//! assert!((spectrum.largest() - (4f64.powi(4) / 27.0).sqrt()).abs() < 1e-12);
//! // Most directions shrink, though the mean square is 1.
//! let shares = spectrum.shares(&[0.0, 0.5, 1.0, 2.0, 3.1]);
//! assert!(shares[0] > 0.4 && shares[0] + shares[1] > 0.6, "{shares:.3?}");
//! assert_eq!(spectrum.mean_square(), 1.0);
//! ```
//!
//! Any activation takes part, at the variance of its sums:
//!
//! ```
//! use mlp::Activation;
//! use mlp::free_probability::JacobianSpectrum;
//! use mlp::theory::MeanField;
//! // Dynamical isometry: near the critical point tanh keeps all directions, if weights are orthogonal and the signal is small.
//! let tanh = MeanField::new(Activation::Tanh)?;
//! let deep = |biases: f64| {
//!     let point = tanh.critical_weights(biases)?;
//!     Ok::<_, mlp::Error>(JacobianSpectrum::orthogonal(20, point.weights).slopes(&tanh, point.variance))
//! };
//! let [near, far] = [deep(1e-6)?, deep(0.05)?];
//! assert!((near.mean_square() - 1.0).abs() < 1e-9 && (far.mean_square() - 1.0).abs() < 1e-9);
//! assert!(near.largest() < 2.0 && far.largest() > 3.0, "{} {}", near.largest(), far.largest());
//! # Ok::<(), mlp::Error>(())
//! ```

mod solver;

use std::fmt;

use super::quadrature::rule;
use super::theory::MeanField;
use crate::error::shown;
use solver::{C, LEAST};

/// The singular values of the Jacobian of a wide network of independent layers of equal width.
///
/// With the moment function `M(z) = z·G(z) − 1` of the Green's function `G(z) = ∫ρ(λ)/(z − λ)dλ`, an S-transform S says
/// `z = (1 + M)/(M·S(M))`. The factors are, for the variance σ_w²/n of each weight, of orthogonal weights too:
///
/// | factor | S(M) |
/// |---|---|
/// | Gaussian weights | `1/(σ_w²·(1 + M))` |
/// | orthogonal weights | `1/σ_w²` |
/// | slopes φ′ | `(1 + M)/(M·ζ)`, where `M = E[φ′²/(ζ − φ′²)]` |
///
/// The expectation is that over the sums, a normal distribution; the slopes of linear layers are 1, and some are 0 if units are off. So
/// ζ determines M, and both determine z: `(1 + M)/M·(σ_w²·M·ζ)^L` for Gaussian weights, and that over `(1 + M)^L` for orthogonal ones.
/// The ζ of `z = λ + iε` is followed by Newton's method from far above the real axis, where `ζ ∝ z`. The density is `−Im G/π`.
#[derive(Clone, PartialEq)]
pub struct JacobianSpectrum {
    layers: usize,
    variance: f64,
    gaussian: bool,
    /// The squares of slopes other than 0, in ascending order, and their shares.
    slopes: Vec<(f64, f64)>,
    /// The share of slopes that are 0.
    zeros: f64,
}

impl JacobianSpectrum {
    /// A linear network of Gaussian weights of variance `σ_w²/n`.
    ///
    /// Its density is that of Fuss and Catalan: for σ_w = 1 the moments of λ are `binom((L+1)k, k)/(Lk + 1)`.
    ///
    /// # Panics
    /// If `layers` is 0, or `variance` is not a positive number.
    #[track_caller]
    pub fn gaussian(layers: usize, variance: f64) -> Self {
        Self::new(layers, variance, true)
    }

    /// A linear network of orthogonal weights, scaled by σ_w: every singular value is `σ_w^L`.
    ///
    /// # Panics
    /// As [`gaussian`](JacobianSpectrum::gaussian).
    #[track_caller]
    pub fn orthogonal(layers: usize, variance: f64) -> Self {
        Self::new(layers, variance, false)
    }

    #[track_caller]
    fn new(layers: usize, variance: f64, gaussian: bool) -> Self {
        assert!(layers > 0, "Jacobian spectrum: 0 layers have no weights; at least 1 is needed");
        assert!(
            variance > 0.0 && variance.is_finite(),
            "Jacobian spectrum: the variance {} of weights must be a number above 0",
            shown(variance)
        );
        JacobianSpectrum { layers, variance, gaussian, slopes: vec![(1.0, 1.0)], zeros: 0.0 }
    }

    /// Sets the share p of units with the slope 1, independently in each layer; all others have the slope 0.
    ///
    /// It is ½ for [`Activation::Relu`](crate::Activation::Relu), and `P(|h| < 1) = erf(1/√(2q))` for
    /// [`Activation::HardTanh`](crate::Activation::HardTanh), with the variance q of the sums.
    ///
    /// # Panics
    /// If `share` is not above 0 and at most 1.
    #[must_use]
    #[track_caller]
    pub fn active(self, share: f64) -> Self {
        assert!(
            share > 0.0 && share <= 1.0,
            "Jacobian spectrum: the share {} of active units must lie in (0, 1]",
            shown(share)
        );
        JacobianSpectrum { slopes: vec![(1.0, share)], zeros: 1.0 - share, ..self }
    }

    /// Sets the slopes to φ′ of the activation of `theory`, at sums of variance q, such as its
    /// [`fixed_point`](MeanField::fixed_point), in each layer. The weights and biases of the theory have no effect.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::free_probability::JacobianSpectrum;
    /// use mlp::theory::MeanField;
    /// let relu = JacobianSpectrum::gaussian(4, 2.0).slopes(&MeanField::new(Activation::Relu)?, 1.0);
    /// assert!((relu.largest() / JacobianSpectrum::gaussian(4, 2.0).active(0.5).largest() - 1.0).abs() < 1e-12);
    /// let gelu = MeanField::new(Activation::Gelu)?.weights(2.0);
    /// let spectrum = JacobianSpectrum::gaussian(4, 2.0).slopes(&gelu, 3.0);
    /// assert!((spectrum.mean_square() / gelu.chi(3.0).powi(4) - 1.0).abs() < 1e-12);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `q` is negative or not finite, if all slopes are 0, and for one orthogonal layer, whose singular values are `σ_w·|φ′|`
    /// themselves, unless the slopes are all alike.
    #[must_use]
    #[track_caller]
    pub fn slopes(self, theory: &MeanField, q: f64) -> Self {
        let mut squares = theory.squared_slopes(q);
        let zeros = squares.iter().filter(|(square, _)| *square == 0.0).map(|(_, share)| share).sum();
        squares.retain(|(square, _)| *square > 0.0);
        assert!(!squares.is_empty(), "Jacobian spectrum: all slopes of {theory:?} are 0; no gradient passes it");
        assert!(
            self.gaussian || self.layers > 1 || squares.len() == 1,
            "Jacobian spectrum: the singular values of one orthogonal layer are σ_w·|φ′| themselves; take two layers or more"
        );
        JacobianSpectrum { slopes: squares, zeros, ..self }
    }

    /// The mean squared singular value, `(σ_w²·E[φ′²])^L`: what χ^L is in mean-field theory.
    pub fn mean_square(&self) -> f64 {
        (self.variance * self.slope_moment(1)).powi(self.depth())
    }

    /// The mean fourth power of the singular values: `(σ_w²·E[φ′²])^2L·(1 + L·(E[φ′⁴]/E[φ′²]² − s))`, with s = 0 for
    /// Gaussian and 1 for orthogonal weights (Pennington et al. 2018).
    ///
    /// It grows with the depth even at the critical point, where the mean square stays.
    ///
    /// ```
    /// use mlp::free_probability::JacobianSpectrum;
    /// assert_eq!(JacobianSpectrum::gaussian(5, 1.0).mean_fourth(), 6.0); // 1 + L
    /// assert_eq!(JacobianSpectrum::orthogonal(5, 1.0).mean_fourth(), 1.0);
    /// ```
    pub fn mean_fourth(&self) -> f64 {
        let spread = self.slope_moment(2) / self.slope_moment(1).powi(2) - if self.gaussian { 0.0 } else { 1.0 };
        self.mean_square().powi(2) * (1.0 + self.layers as f64 * spread)
    }

    /// `E[φ′^2k]`
    fn slope_moment(&self, k: i32) -> f64 {
        self.slopes.iter().map(|(square, share)| share * square.powi(k)).sum()
    }

    /// The share of singular values that are 0: that of slopes that are.
    pub fn zeros(&self) -> f64 {
        self.zeros
    }

    /// The share of singular values that are all equal: to `(σ_w·|φ′|)^L`, for the slope φ′ that more than 1 − 1/L of the units have.
    ///
    /// For orthogonal weights it is `1 − L(1 − p)`, if that is above 0, with the share p of such a slope: directions that pass
    /// through such units only. There are none with Gaussian weights.
    ///
    /// ```
    /// use mlp::free_probability::JacobianSpectrum;
    /// let spectrum = JacobianSpectrum::orthogonal(4, 1.0).active(0.95);
    /// assert!((spectrum.isometric() - 0.8).abs() < 1e-12);
    /// assert!(spectrum.shares(&[0.0, 0.999, 1.0])[1] > 0.8);
    /// ```
    pub fn isometric(&self) -> f64 {
        self.atom().map_or(0.0, |[_, share]| share)
    }

    /// The value that several singular values have in common, other than 0, and their share. Of two slopes only one is that frequent.
    fn atom(&self) -> Option<[f64; 2]> {
        let l = self.layers as f64;
        let (square, share) = self.slopes.iter().find(|(_, share)| !self.gaussian && l * (1.0 - share) < 1.0)?;
        Some([(self.variance * square).powf(l / 2.0), 1.0 - l * (1.0 - share)])
    }

    /// The largest singular value: the end of the density, where `dz/dζ = 0`.
    ///
    /// For linear Gaussian networks it is `σ_w^L·√((L+1)^(L+1)/L^L)`.
    pub fn largest(&self) -> f64 {
        // Above the largest slope, ζ and z grow together from there on.
        let (top, _) = self.slopes[self.slopes.len() - 1];
        let above = |u: f64| top * (1.0 + u.exp());
        let mut far = 0.0;
        while self.real_slope(above(far)) < 0.0 {
            far += 1.0;
        }
        self.end(above, [LEAST, far])
    }

    /// The smallest singular value other than 0: the beginning of the density. With Gaussian weights it is 0, as where slopes are 0.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::free_probability::JacobianSpectrum;
    /// use mlp::theory::MeanField;
    /// let leaky = MeanField::new(Activation::LeakyRelu(0.5))?;
    /// let spectrum = JacobianSpectrum::orthogonal(2, 1.0).slopes(&leaky, 1.0);
    /// assert!((spectrum.largest() - 1.0).abs() < 1e-6 && (spectrum.smallest() - 0.25).abs() < 1e-6);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn smallest(&self) -> f64 {
        if self.gaussian || self.zeros > 0.0 {
            return 0.0;
        }
        let (bottom, _) = self.slopes[0];
        self.end(|u| bottom / (1.0 + u.exp()), [LEAST, -2.0 * LEAST])
    }

    /// The density of the singular values at `s`, without the shares that are [0](JacobianSpectrum::zeros) or
    /// [equal](JacobianSpectrum::isometric).
    ///
    /// ```
    /// use mlp::free_probability::JacobianSpectrum;
    /// // One layer: the quarter circle √(4 − s²)/π of Marchenko and Pastur.
    /// let density = JacobianSpectrum::gaussian(1, 1.0).density(1.2);
    /// assert!((density - (4.0f64 - 1.44).sqrt() / std::f64::consts::PI).abs() < 1e-6);
    /// ```
    pub fn density(&self, s: f64) -> f64 {
        self.densities(&[s])[0]
    }

    /// [`density`](JacobianSpectrum::density) at several values, each found from the one before, which is faster if they ascend.
    ///
    /// ```
    /// use mlp::free_probability::JacobianSpectrum;
    /// let spectrum = JacobianSpectrum::gaussian(3, 1.0);
    /// let densities = spectrum.densities(&[0.5, 1.0, 3.5]);
    /// assert!((densities[1] - spectrum.density(1.0)).abs() < 1e-9 && densities[0] > densities[1]);
    /// assert_eq!(densities[2], 0.0); // beyond the largest, 3.08
    /// ```
    pub fn densities(&self, s: &[f64]) -> Vec<f64> {
        let (ends, mut last) = (self.ends(), None);
        s.iter().map(|&s| self.density_within(s, ends, &mut last)).collect()
    }

    fn ends(&self) -> [f64; 2] {
        [self.smallest(), self.largest()]
    }

    /// The density, where `last` is the ζ of a point nearby, and then of this one.
    fn density_within(&self, s: f64, [smallest, largest]: [f64; 2], last: &mut Option<C>) -> f64 {
        let equal = !self.gaussian && self.slopes.len() == 1 && (self.zeros == 0.0 || self.layers == 1);
        if s.is_nan() {
            return s;
        }
        if !(s > smallest && s < largest) || equal {
            return 0.0;
        }
        let zeta = self.zeta(s * s, largest * largest, *last);
        *last = Some(zeta);
        // ρ(λ) = −Im M/(πλ), and dλ = 2s·ds
        (-2.0 * self.moments(zeta).m.im / (std::f64::consts::PI * s)).max(0.0)
    }

    /// The shares of the singular values between neighbouring `ends`, which ascend; equal values count in the interval
    /// that they end, 0 in the first.
    ///
    /// It is what a histogram of measured values is to be compared with. The interval in which the density begins has what the others
    /// leave. Two orthogonal layers of which half of the slopes are equal, as of ELU, have a peak without bound at the end, and shares
    /// beside it are known to a few percent.
    ///
    /// # Panics
    /// If `ends` does not ascend from 0 or more.
    #[track_caller]
    pub fn shares(&self, ends: &[f64]) -> Vec<f64> {
        assert!(
            ends.first().is_none_or(|&end| end >= 0.0) && ends.is_sorted_by(|a, b| a < b),
            "Jacobian spectrum: the ends {ends:?} of intervals must ascend from 0 or more"
        );
        // Near 0 the density is as s^((1−L)/(1+L)), which is smooth in t = s^(1/(L+1)); at its ends it is as a root, and smooth in the
        // angle of t on a circle between them.
        let power = self.layers as f64 + 1.0;
        let [smallest, largest] = self.ends();
        let [low, high] = [smallest, largest].map(|s| s.powf(1.0 / power));
        let angle = |s: f64| (1.0 - 2.0 * (s.powf(1.0 / power) - low) / (high - low)).clamp(-1.0, 1.0).acos();
        let mut last = None;
        let mut inside = |from: f64, to: f64| {
            let [from, to] = [from, to].map(angle);
            let panels = [0.0, 0.25, 0.5, 0.75, 1.0].map(|part| from + part * (to - from));
            let at = |theta: f64, last: &mut _| {
                let t = low + (high - low) * (1.0 - theta.cos()) / 2.0;
                let stretch = power * t.powf(power - 1.0) * (high - low) * theta.sin() / 2.0;
                self.density_within(t.powf(power), [smallest, largest], last) * stretch
            };
            match to > from {
                true => rule(&panels).map(|(theta, weight)| weight * at(theta, &mut last)).sum::<f64>(),
                false => 0.0,
            }
        };
        let (zeros, [equal, isometric]) = (self.zeros(), self.atom().unwrap_or([0.0; 2]));
        let mut shares: Vec<f64> = ends
            .windows(2)
            .map(|ends| if ends[0] > smallest || ends[1] <= smallest { inside(ends[0], ends[1]) } else { 0.0 })
            .collect();
        // Saturated units spread values over all scales near 0: what begins there is what the rest leaves.
        if let Some(first) = ends.windows(2).position(|ends| ends[0] <= smallest && smallest < ends[1]) {
            let above = shares[first + 1..].iter().sum::<f64>() + inside(ends[ends.len() - 1], largest);
            shares[first] = (1.0 - zeros - isometric - above).max(0.0);
        }
        for (share, ends) in shares.iter_mut().zip(ends.windows(2)) {
            *share += if ends[0] == 0.0 { zeros } else { 0.0 };
            *share += if ends[0] < equal && equal <= ends[1] { isometric } else { 0.0 };
        }
        shares
    }

    fn depth(&self) -> i32 {
        i32::try_from(self.layers).unwrap_or(i32::MAX)
    }
}

impl fmt::Debug for JacobianSpectrum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weights = if self.gaussian { "Gaussian" } else { "orthogonal" };
        let [variance, slope] = [shown(self.variance), shown(self.slope_moment(1))];
        write!(f, "JacobianSpectrum({} layers, {weights}, σ_w² = {variance}, E[φ′²] = {slope})", self.layers)
    }
}
