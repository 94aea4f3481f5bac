//! How finely points along a line can be told apart: they are numbers of so many digits.

/// The rounding of the points of a line, in steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grain {
    /// By what part of a step rounding may move a point, at a step of 1.
    size: f64,
    /// Points are exact from this step on.
    exact: f64,
}

/// Steps must be so many times longer than the rounding of the points.
const LEAST: f64 = 4.0;

impl Grain {
    /// Points that are exact at any step.
    pub(super) const NONE: Grain = Grain { size: 0.0, exact: 0.0 };

    /// Of one number, which is moved by powers of two.
    pub(super) fn of_element(x: f64, epsilon: f64) -> Self {
        let size = epsilon * x.abs() / 2.0;
        Grain { size, exact: LEAST * size }
    }

    /// Of numbers `x`, each moved by its `u` in a step of 1: the coarsest of them. The components of a direction have up to 21 bits.
    pub(super) fn along(pairs: impl Iterator<Item = (f64, f64)>, epsilon: f64) -> Self {
        let coarse = |(x, u): (f64, f64)| if u == 0.0 { 0.0 } else { epsilon * (x / u).abs() / 2.0 };
        let size = pairs.map(coarse).filter(|size| size.is_finite()).fold(0.0, f64::max);
        Grain { size, exact: 2f64.powi(22) * size }
    }

    /// The shortest step at which points still differ.
    pub(super) fn shortest(&self) -> f64 {
        LEAST * self.size
    }

    /// What part of a slope the rounding of the points may be at a step.
    pub(super) fn blur(&self, h: f64) -> f64 {
        if h >= self.exact { 0.0 } else { self.size / h }
    }
}
