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

use nalgebra::Complex;

type C = Complex<f64>;

/// The singular values of the Jacobian of a wide network of independent layers of equal width.
///
/// With the moment function `M(z) = z·G(z) − 1` of the Green's function `G(z) = ∫ρ(λ)/(z − λ)dλ`, an S-transform S says
/// `z = (1 + M)/(M·S(M))`. The factors are (variance σ_w²/n of each weight, for orthogonal weights too; p the share of
/// slopes that are 1, all others being 0):
///
/// | factor | S(M) |
/// |---|---|
/// | Gaussian weights | `1/(σ_w²·(1 + M))` |
/// | orthogonal weights | `1/σ_w²` |
/// | slopes | `(1 + M)/(p + M)` |
///
/// The solution for `z = λ + iε` is followed by Newton's method from far above the real axis, where `M ≈ E[λ]/z`. The
/// density is `−Im G/π`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JacobianSpectrum {
    layers: usize,
    variance: f64,
    gaussian: bool,
    active: f64,
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
            "Jacobian spectrum: the variance {variance} of weights must be a number above 0"
        );
        JacobianSpectrum { layers, variance, gaussian, active: 1.0 }
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
        assert!(share > 0.0 && share <= 1.0, "Jacobian spectrum: the share {share} of active units must lie in (0, 1]");
        JacobianSpectrum { active: share, ..self }
    }

    /// The mean squared singular value, `(σ_w²·p)^L`: what χ^L is in mean-field theory.
    pub fn mean_square(&self) -> f64 {
        (self.variance * self.active).powi(self.depth())
    }

    /// The share of singular values that are 0: `1 − p`.
    pub fn zeros(&self) -> f64 {
        1.0 - self.active
    }

    /// The share of singular values that are all equal to [`largest`](JacobianSpectrum::largest).
    ///
    /// For orthogonal weights it is `1 − L(1 − p)`, if that is above 0: directions that pass through active units only.
    pub fn isometric(&self) -> f64 {
        match self.gaussian {
            true => 0.0,
            false => (1.0 - self.layers as f64 * (1.0 - self.active)).max(0.0),
        }
    }

    /// The largest singular value: the end of the density, where `dz/dM = 0`.
    ///
    /// For linear Gaussian networks it is `σ_w^L·√((L+1)^(L+1)/L^L)`.
    pub fn largest(&self) -> f64 {
        let (l, p) = (self.layers as f64, self.active);
        let passing = 1.0 - l * (1.0 - p);
        if !self.gaussian && passing >= 0.0 {
            return self.variance.powf(l / 2.0);
        }
        // d ln z/dM = 0 for M > 0; with Gaussian weights it is LM² + (L − 1)M − p = 0.
        let m = match self.gaussian {
            true => ((1.0 - l) + ((l - 1.0).powi(2) + 4.0 * l * p).sqrt()) / (2.0 * l),
            false => p / -passing,
        };
        self.log_z(m.into()).re.exp().sqrt()
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
        let lambda = s * s;
        if !(s > 0.0 && s < self.largest()) || (!self.gaussian && self.active == 1.0) {
            return 0.0;
        }
        let m = self.moment_function(lambda);
        // ρ(λ) = −Im M/(πλ), and dλ = 2s·ds
        (-2.0 * m.im / (std::f64::consts::PI * s)).max(0.0)
    }

    /// The shares of the singular values between neighbouring `ends`, which ascend; equal values count in the interval
    /// that they end, 0 in the first.
    ///
    /// It is what a histogram of measured values is to be compared with.
    ///
    /// # Panics
    /// If `ends` does not ascend from 0 or more.
    #[track_caller]
    pub fn shares(&self, ends: &[f64]) -> Vec<f64> {
        assert!(
            ends.first().is_none_or(|&end| end >= 0.0) && ends.is_sorted_by(|a, b| a < b),
            "Jacobian spectrum: the ends {ends:?} of intervals must ascend from 0 or more"
        );
        // Near 0 the density is as s^((1−L)/(1+L)), which is smooth in t = s^(1/(L+1)).
        const POINTS: u32 = 64;
        let power = self.layers as f64 + 1.0;
        let largest = self.largest();
        let inside = |from: f64, to: f64| {
            let [from, to] = [from, to].map(|end| end.min(largest).powf(1.0 / power));
            let step = (to - from) / f64::from(POINTS);
            let at = |i: u32| {
                let t = from + step * (f64::from(i) + 0.5);
                self.density(t.powf(power)) * power * t.powf(power - 1.0)
            };
            if step > 0.0 { (0..POINTS).map(at).sum::<f64>() * step } else { 0.0 }
        };
        let (zeros, isometric) = (self.zeros(), self.isometric());
        ends.windows(2)
            .map(|ends| {
                let holds = |value: f64| ends[0] < value && value <= ends[1];
                let at_zero = if ends[0] == 0.0 { zeros } else { 0.0 };
                let at_end = if holds(largest) { isometric } else { 0.0 };
                inside(ends[0], ends[1]) + at_zero + at_end
            })
            .collect()
    }

    fn depth(&self) -> i32 {
        i32::try_from(self.layers).unwrap_or(i32::MAX)
    }

    /// `ln z` of M: `ln((1 + M)/M) − ln S(M)`.
    fn log_z(&self, m: C) -> C {
        let l = self.layers as f64;
        let free = if self.gaussian { 1.0 } else { 1.0 - l };
        (m + 1.0).ln() * free - m.ln() + (m + self.active).ln() * l + l * self.variance.ln()
    }

    fn slope(&self, m: C) -> C {
        let l = self.layers as f64;
        let free = if self.gaussian { 1.0 } else { 1.0 - l };
        (m + 1.0).inv() * free - m.inv() + (m + self.active).inv() * l
    }

    /// M just above λ.
    fn moment_function(&self, lambda: f64) -> C {
        let end = self.largest().powi(2);
        let (near, mut height) = (1e-10 * lambda, 1e3 * end);
        let mut m = self.mean_square() / C::new(lambda, height);
        loop {
            let target = C::new(lambda, height).ln();
            for _ in 0..50 {
                // The logarithms differ by whole turns.
                let mut miss = self.log_z(m) - target;
                miss.im -= std::f64::consts::TAU * (miss.im / std::f64::consts::TAU).round();
                let step = miss / self.slope(m);
                m -= step;
                if step.norm() <= 1e-14 * m.norm() {
                    break;
                }
            }
            if height <= near {
                return m;
            }
            height = (0.5 * height).max(near);
        }
    }
}
