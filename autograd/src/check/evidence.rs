//! What speaks for a claim, or against it, where one inequality does not decide.

use super::comparison::{Comparing, SAFETY};
use super::difference::{settles, vanishes};
use super::line::Line;
use super::noise::stairs;
use super::report::Verdict;

/// How far a search for stairs goes, in units of the largest number that is moved, or of 1.
const FARTHEST: f64 = 16.0;

impl Comparing<'_, '_> {
    /// Whether the difference from the claim falls with the step, and below the disagreement of the extrapolated
    /// differences.
    pub(super) fn vanishes(&mut self, side: Option<f64>) -> bool {
        let below = if self.c.verdict == Verdict::Wrong { self.c.difference() } else { f64::INFINITY };
        vanishes(self.line, self.c.analytic, below, side)
    }

    /// Whether the function does not change, and the claimed derivative is too small to change it: the intermediate
    /// values are likely as large as the inputs, and round more away.
    pub(super) fn lies_below_inputs(&mut self) -> bool {
        let (above, below, size) = self.line.secants(self.line.unit);
        let least = 64.0 * self.line.epsilon * self.claim.point.max(size);
        above == 0.0 && below == 0.0 && self.c.analytic.abs() * self.line.unit <= least
    }

    /// Whether the derivative is claimed to be 0, the function does not change at all, and a derivative that its
    /// round-off could hide would be no part of the gradient.
    pub(super) fn is_flat(&mut self) -> bool {
        let hidden = SAFETY * self.c.numeric.error;
        let negligible = self.claim.negligible.is_some_and(|most| hidden <= most);
        let zero = negligible && self.c.analytic == 0.0 && self.c.numeric.value == 0.0;
        let (above, below, _) = self.line.secants(self.line.unit);
        zero && (above, below) == (0.0, 0.0) && stairs(self.line).is_none_or(|height| height == 0.0)
    }

    /// The step over which a function that stands still around the point moves as is claimed, to either side; its
    /// stairs may be higher than ordinary steps are long. Operations tell more.
    pub(super) fn climbs(&mut self) -> Option<f64> {
        let (a, line) = (self.c.analytic, &mut *self.line);
        let (unit, least) = (line.unit, line.unit * f64::from(-20).exp2());
        let (above, below, _) = line.secants(least.max(line.grain.shortest()));
        if self.claim.negligible.is_none() || a == 0.0 || (above, below) != (0.0, 0.0) {
            return None;
        }
        // In most directions only a sum of many stairs is seen.
        let flat = self.c.numeric.value == 0.0;
        let near = 0.25 * if flat { self.claim.magnitude.max(a.abs()) } else { (self.c.numeric.value - a).abs() };
        let agrees = |h: f64, line: &mut Line<'_>| {
            let (above, below, _) = line.secants(h);
            (above - a).abs() <= near && (below - a).abs() <= near
        };
        let farthest = FARTHEST * self.claim.point.max(1.0);
        let mut steps = (1..).map(|octave| unit * f64::from(octave).exp2()).take_while(|h| 2.0 * h <= farthest);
        steps.find(|&h| agrees(h, line) && agrees(2.0 * h, line))
    }

    /// Whether the difference from the claim is the same for every step length.
    pub(super) fn stands(&mut self, side: Option<f64>) -> bool {
        let difference = self.c.numeric.value - self.c.analytic;
        let left = settles(self.line, self.c.analytic, side);
        left.is_some_and(|left| (left - difference).abs() <= 0.5 * difference.abs())
    }
}
