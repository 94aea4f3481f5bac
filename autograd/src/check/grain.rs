//! The resolution of points along a line, which are floating-point numbers.

/// The round-off of the points of a line, in steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grain {
    /// The part of a step by which round-off may move a point, at a step of 1.
    size: f64,
    /// The step from which on points are exact.
    exact: f64,
}

/// Steps must be longer than the round-off of the points by this factor.
const LEAST: f64 = 4.0;

impl Grain {
    /// The grain of points that are exact at any step.
    pub(super) const NONE: Grain = Grain { size: 0.0, exact: 0.0 };

    /// The grain of one number, which is moved by powers of two.
    pub(super) fn of_element(x: f64, epsilon: f64) -> Self {
        let size = epsilon * x.abs() / 2.0;
        Grain { size, exact: LEAST * size }
    }

    /// The coarsest grain of numbers `x`, each moved by its `u` in a step of 1. The components of a direction have up
    /// to 21 bits.
    pub(super) fn along(pairs: impl Iterator<Item = (f64, f64)>, epsilon: f64) -> Self {
        let coarse = |(x, u): (f64, f64)| if u == 0.0 { 0.0 } else { epsilon * (x / u).abs() / 2.0 };
        let size = pairs.map(coarse).filter(|size| size.is_finite()).fold(0.0, f64::max);
        Grain { size, exact: 2f64.powi(22) * size }
    }

    /// The shortest step at which points still differ.
    pub(super) fn shortest(&self) -> f64 {
        LEAST * self.size
    }

    /// The relative error of a slope that the round-off of the points may cause at a step.
    pub(super) fn blur(&self, h: f64) -> f64 {
        if h >= self.exact { 0.0 } else { self.size / h }
    }
}
