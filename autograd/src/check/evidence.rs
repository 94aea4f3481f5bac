//! What speaks for a claim, or against it, where one inequality does not decide.

use super::compare::RTOL_IN_F32;
use super::comparison::{Comparing, SAFETY};
use super::difference::{settles, vanishes};
use super::line::Line;
use super::noise::{is_short, stairs};
use super::report::Verdict;

/// How far a search for stairs goes, in units of the largest number that is moved, or of 1.
const FARTHEST: f64 = 16.0;
/// How far a gradient must stand still, in steps of ordinary size: a function may be valid only near its point.
const REACH: f64 = 8.0;

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

    /// Whether a second derivative is 0 as far as the gradient's digits go: none of the gradient's elements moves by
    /// more than its own round-off, and what that could hide is no part of the Hessian. If all of the Hessian is 0, as
    /// that of a linear function, it has no size, and what is hidden is measured against the gradient.
    ///
    /// The elements tell more than their sum: beside a large one, a small one moves unseen.
    pub(super) fn stands_still(&mut self) -> bool {
        /// The points on either side, as parts of the longest step; uneven, as an oscillation is even.
        const AT: [f64; 6] = [1.0, 0.71, 0.43, 0.19, 0.023, 0.0007];
        let Some(negligible) = self.claim.negligible.filter(|_| self.c.order > 1) else { return false };
        let (line, rtol) = (&mut *self.line, self.c.rtol);
        let (epsilon, reach) = (line.epsilon, REACH * line.unit);
        let centre = line.terms(0.0);
        let near = |(a, b): (&(f64, f64), &(f64, f64))| (a.1 - b.1).abs() <= 4.0 * epsilon * b.1.abs();
        let mut stands = |h: f64| line.terms(h).iter().zip(&centre).all(near);
        if !AT.into_iter().all(|part| stands(part * reach) && stands(-part * reach)) {
            return false;
        }
        // Numbers of few digits may have been rounded to these.
        let rounded = !line.few_digits() && centre.iter().all(|(_, y)| is_short(*y));
        let (unit, tolerance) = if rounded { (f64::from(f32::EPSILON), RTOL_IN_F32) } else { (4.0 * epsilon, rtol) };
        let sizes = || centre.iter().map(|(w, y)| (w * y).abs());
        let (most, round_off) = (sizes().fold(0.0, f64::max), 4.0 * epsilon * sizes().sum::<f64>());
        // The elements may have moved by this to either side.
        let hidden = 2.0 * unit * most / reach;
        let size = negligible / rtol;
        let size = if size <= round_off { most } else { size };
        self.c.analytic.abs() <= round_off && hidden <= tolerance * size
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
