//! ζ and z of a [`JacobianSpectrum`]: the moments of its slopes, Newton's method, and where z turns.

use nalgebra::Complex;

use super::JacobianSpectrum;
use crate::depth::quadrature::root;

pub(super) type C = Complex<f64>;

/// As near as this to the slopes, relatively and in logarithms, an end is looked for.
pub(super) const LEAST: f64 = -27.0;

/// M at ζ, 1 + M, which is not summed where they nearly cancel, and the derivative of both.
pub(super) struct Moments {
    pub(super) m: C,
    above: C,
    slope: C,
}

impl JacobianSpectrum {
    /// The singular value where z turns, for ζ between those of `at`, or that at the first of them.
    pub(super) fn end(&self, at: impl Fn(f64) -> f64, [near, far]: [f64; 2]) -> f64 {
        let turns = |u: f64| self.real_slope(at(u)) * at(u);
        let zeta = if turns(near) * turns(far) <= 0.0 { at(root(turns, near, far)) } else { at(near) };
        let moments = self.moments(zeta.into());
        self.log_z(zeta.into(), &moments).re.exp().sqrt()
    }

    pub(super) fn real_slope(&self, zeta: f64) -> f64 {
        self.slope(zeta.into(), &self.moments(zeta.into())).re
    }

    /// `M = E[φ′²/(ζ − φ′²)]`
    pub(super) fn moments(&self, zeta: C) -> Moments {
        let (mut m, mut above, mut slope) = (C::new(0.0, 0.0), C::new(self.zeros, 0.0), C::new(0.0, 0.0));
        for &(square, share) in &self.slopes {
            let inverse = (zeta - square).inv();
            let term = inverse * (share * square);
            m += term;
            above += inverse * zeta * share;
            slope -= term * inverse;
        }
        Moments { m, above, slope }
    }

    /// The power of 1 + M in z.
    fn free(&self) -> f64 {
        if self.gaussian { 1.0 } else { 1.0 - self.layers as f64 }
    }

    /// `ln z` of ζ, but for whole turns.
    fn log_z(&self, zeta: C, Moments { m, above, .. }: &Moments) -> C {
        let l = self.layers as f64;
        above.ln() * self.free() + m.ln() * (l - 1.0) + zeta.ln() * l + l * self.variance.ln()
    }

    /// `d ln z/dζ`
    fn slope(&self, zeta: C, Moments { m, above, slope }: &Moments) -> C {
        let l = self.layers as f64;
        slope * (above.inv() * self.free() + m.inv() * (l - 1.0)) + zeta.inv() * l
    }

    /// ζ just above λ, from one nearby if that leads there.
    pub(super) fn zeta(&self, lambda: f64, end: f64, nearby: Option<C>) -> C {
        let (near, mut height) = (1e-10 * lambda, 1e3 * end);
        let there = nearby.and_then(|zeta| self.newton(C::new(lambda, near), zeta));
        // Between the nodes of slopes lie real solutions that are none.
        if let Some(zeta) = there.filter(|zeta| zeta.im > 1e-4 * zeta.re.abs()) {
            return zeta;
        }
        let mut zeta = C::new(lambda, height) * (self.slope_moment(1) / self.mean_square());
        loop {
            zeta = self.newton(C::new(lambda, height), zeta).unwrap_or(zeta);
            if height <= near {
                return zeta;
            }
            height = (0.5 * height).max(near);
        }
    }

    /// The ζ of z in the upper half plane, if the steps from `zeta` settle there.
    fn newton(&self, z: C, mut zeta: C) -> Option<C> {
        let target = z.ln();
        for _ in 0..50 {
            let moments = self.moments(zeta);
            // The logarithms differ by whole turns.
            let mut miss = self.log_z(zeta, &moments) - target;
            miss.im -= std::f64::consts::TAU * (miss.im / std::f64::consts::TAU).round();
            // In ln ζ, which has no bound.
            let step = miss / (self.slope(zeta, &moments) * zeta);
            let step = step * (0.5 / step.norm()).min(1.0);
            zeta *= (-step).exp();
            if step.norm() <= 1e-13 {
                return (zeta.im >= 0.0).then_some(zeta);
            }
        }
        None
    }
}
