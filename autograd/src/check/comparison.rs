//! The judgement of one derivative: the value that is given compared with differences along a line.

use super::difference::{Central, agrees_at_finer_steps, agrees_at_longer_steps, central, ridders, sides, stencil};
use super::line::Line;
use super::noise::{jumps, noise, stairs};
use super::report::{Cause, Comparison, Estimate, Verdict};

/// Differences may err by this multiple of their own estimate.
pub(super) const SAFETY: f64 = 20.0;
/// A derivative with a larger relative uncertainty cannot tell correct from wrong.
const RESOLVES: f64 = 1e-3;
/// The same for samples with the few digits of `f32`.
const RESOLVES_IN_F32: f64 = 2e-2;
/// The tolerance of a derivative of 0, as a part of the function's slopes a step of ordinary size away.
const PART_OF_SLOPES: f64 = 1e-6;
/// Beside terms of round-off, a derivative with a smaller relative error is not called wrong: an iteration that stops
/// at a tolerance of 1e-8 differs from its limit by as much, and is as smooth.
pub(super) const SMALLEST: f64 = 4e-7;

/// A derivative that is given, by a tape or by a function's own code.
pub(super) struct Claim {
    /// What gives it.
    pub(super) by: &'static str,
    pub(super) analytic: f64,
    /// The magnitudes of the terms of its sum, which determine its round-off.
    pub(super) magnitude: f64,
    pub(super) rtol: f64,
    /// The size of the largest number that is moved.
    pub(super) point: f64,
    /// Whether the line is an operation by itself. If its value does not change at all, a derivative of 0 is correct;
    /// in a whole function, the change may be lost in other parts of the computation.
    pub(super) alone: bool,
    /// For a function of which only values and derivatives are seen, the size below which a derivative is no part of
    /// the gradient.
    pub(super) negligible: Option<f64>,
    /// How far function and derivative may differ if either iterates to a tolerance, of one that shows it.
    pub(super) iterated: f64,
}

impl Claim {
    /// Compares the claim with differences along a line.
    pub(super) fn compare(self, line: &mut Line<'_>, place: String, order: usize) -> Comparison {
        let (above, below, size) = line.secants(line.unit);
        let slopes = above.abs().max(below.abs());
        let visible = slopes * line.unit > 2.0 * line.error(size.max(line.centre.abs()));
        let floor = if visible && slopes.is_finite() { PART_OF_SLOPES * slopes } else { 0.0 };
        let wanted = |value: f64| 0.02 * self.rtol * value.abs().max(floor);
        // Known well enough for the tolerance; otherwise smaller steps may do better.
        let central = ridders(line, line.unit, wanted);
        let mut trial = Comparing {
            c: Comparison {
                place,
                order,
                by: self.by.into(),
                analytic: self.analytic,
                forward: None,
                numeric: central.estimate,
                second: None,
                above: None,
                below: None,
                kink: central.kink,
                rtol: self.rtol,
                safety: SAFETY,
                allowed: 0.0,
                verdict: Verdict::Pass,
                cause: None,
                reason: String::new(),
            },
            claim: self,
            line,
            floor,
        };
        trial.c.numeric.error = trial.c.numeric.error.max(trial.rounding());
        if !(central.estimate.is_known() && !central.across && trial.apply_tolerance()) {
            trial.doubt(&central);
        }
        trial.c
    }
}

/// A comparison while evidence is collected.
pub(super) struct Comparing<'l, 'f> {
    pub(super) c: Comparison,
    pub(super) claim: Claim,
    pub(super) line: &'l mut Line<'f>,
    /// The size below which a derivative is negligible.
    floor: f64,
}

impl Comparing<'_, '_> {
    /// The round-off of the sum of the claim's terms.
    fn rounding(&self) -> f64 {
        self.line.epsilon * self.claim.magnitude
    }

    fn resolves(&self) -> f64 {
        if self.line.few_digits() { RESOLVES_IN_F32 } else { RESOLVES }
    }

    /// Sets the tolerance, and the verdict as far as one inequality decides it; `true` if it is a clear pass.
    fn apply_tolerance(&mut self) -> bool {
        let (alone, floor, resolves) = (self.claim.alone, self.floor, self.resolves());
        let c = &mut self.c;
        // A gradient that is not finite agrees with nothing, and allows nothing.
        let finite = c.analytic.is_finite();
        let size = c.numeric.value.abs().max(if finite { c.analytic.abs() } else { 0.0 });
        let unsure = SAFETY * c.numeric.error;
        c.allowed = c.rtol * size + unsure;
        let agrees = finite && c.difference() <= c.allowed;
        let flat = alone && size == 0.0;
        // 0 is known if nothing moves and nothing rounds. Else the bound is a part of the derivative, or of the
        // slopes around it.
        let resolved = flat || unsure <= resolves * size.max(floor) && size.max(floor) > 0.0;
        c.verdict = match (agrees, resolved) {
            (true, true) => Verdict::Pass,
            (true, false) => Verdict::Inconclusive,
            (false, _) => Verdict::Wrong,
        };
        c.verdict == Verdict::Pass
    }

    fn inconclusive(&mut self, cause: Cause, reason: String) {
        (self.c.verdict, self.c.cause, self.c.reason) = (Verdict::Inconclusive, Some(cause), reason);
    }

    /// The height of a jump at the point: the difference across a jump does not fall with the step.
    fn jump(&mut self) -> Option<f64> {
        let line = &mut *self.line;
        let (first, every) = if line.few_digits() { (-6, 1) } else { (-16, 3) };
        let across = [0, 1, 2, 3, 4].map(|k| {
            let h = line.unit * f64::from(first - every * k).exp2();
            (line.at(h) - line.at(-h)).abs()
        });
        let (low, high) = across.iter().fold((f64::INFINITY, 0f64), |(low, high), &d| (low.min(d), high.max(d)));
        // The minimum and the maximum ignore NaN.
        let finite = across.iter().all(|d| d.is_finite());
        // Noise is practically never as level five times in a row.
        let seen = (4e3 * line.epsilon * line.centre.abs()).max(16.0 * line.recorded);
        (finite && high < 1.01 * low && low > seen).then_some(low)
    }

    /// Finds the reason where the first differences do not agree with the claim, or are not known well enough.
    fn doubt(&mut self, central: &Central) {
        let known = self.line.noise;
        self.line.ask_for_noise();
        if self.line.noise > known && central.estimate.is_known() {
            let least = self.line.error(self.line.centre.abs()) / central.estimate.step;
            self.c.numeric.error = self.c.numeric.error.max(least);
            if !central.across {
                self.apply_tolerance();
            }
        }
        let step = if central.across { 0.0 } else { central.estimate.step };
        let [above, below] = sides(self.line, step);
        (self.c.above, self.c.below) = (Some(above), Some(below));
        if !central.estimate.is_known() && above.is_known() != below.is_known() && self.at_the_edge(above, below) {
            return;
        }
        if let Some(height) = self.jump() {
            return self
                .inconclusive(Cause::Jump, format!("a jump by {height:.4} at the point: there is no derivative"));
        }
        if !central.estimate.is_known() {
            let reason = "the function is not finite around the point: the edge of its domain? move the point inside";
            return self.inconclusive(Cause::DomainEdge, reason.into());
        }
        if self.c.verdict == Verdict::Wrong
            && let Some(height) = stairs(self.line)
            && height > self.line.error(self.line.centre.abs())
        {
            self.line.noise = self.line.noise.max(height);
            let again = ridders(self.line, self.line.unit, |_| 0.0);
            self.c.numeric = again.estimate;
            if self.apply_tolerance() {
                return;
            }
            if self.c.verdict == Verdict::Inconclusive {
                return self.unresolved();
            }
        }
        if self.between_the_sides(central, above, below) {
            return;
        }
        let first = self.line.unit.min(32.0 * self.c.numeric.step);
        let second = stencil(self.line, first);
        if central.across {
            self.c.second = Some(second);
        } else {
            merge(&mut self.c, second);
        }
        self.c.numeric.error = self.c.numeric.error.max(self.rounding());
        if self.apply_tolerance() {
            return;
        }
        self.rule_out_rounding();
    }

    /// Compares with the one-sided derivative where only one side is finite; `false` if it decides nothing.
    fn at_the_edge(&mut self, above: Estimate, below: Estimate) -> bool {
        let (known, side, sign) = if above.is_known() { (above, "above", 1.0) } else { (below, "below", -1.0) };
        self.c.numeric = known;
        if self.apply_tolerance() {
            return true;
        }
        if !self.c.analytic.is_finite() && SAFETY * known.error <= self.resolves() * known.value.abs().max(self.floor) {
            (self.c.verdict, self.c.cause) = (Verdict::Wrong, Some(Cause::NotFinite));
            self.c.reason = format!("the gradient is {} where the derivative from {side} is finite", self.c.analytic);
            return true;
        }
        if !self.c.analytic.is_finite() {
            return false;
        }
        if self.vanishes(Some(sign)) {
            self.c.verdict = Verdict::Pass;
        } else if self.c.verdict == Verdict::Wrong && self.stands(Some(sign)) {
            self.c.cause = Some(Cause::Unexplained);
            self.c.reason =
                format!("the relative difference from the derivative from {side} is {:.1e}", self.c.relative());
        } else {
            let reason = format!(
                "the function is finite from {side} only, and its derivative from there known to ± {:.1e}",
                known.error
            );
            self.inconclusive(Cause::Unresolved, reason);
        }
        true
    }

    /// Whether a kink, at the point or near it, decides the verdict.
    fn between_the_sides(&mut self, central: &Central, above: Estimate, below: Estimate) -> bool {
        let gap = (above.value - below.value).abs();
        let size = above.value.abs().max(below.value.abs());
        let apart = gap > SAFETY * (above.error + below.error) + 1e2 * self.c.rtol * size;
        let (low, high) = (above.value.min(below.value), above.value.max(below.value));
        // The result of any rule at a kink lies between the two one-sided derivatives or near them.
        let between = self.c.analytic >= low - gap && self.c.analytic <= high + gap;
        if apart && (central.across || between) {
            let reason = format!(
                "a kink: the derivative is {:.6} from above and {:.6} from below; move the point off it",
                above.value, below.value
            );
            self.inconclusive(Cause::Kink, reason);
            return true;
        }
        if apart || !above.is_known() || !below.is_known() {
            return false;
        }
        // Both sides may lie within a kink that central differences reached over.
        let error = (above.error.max(below.error) + gap / 2.0).max(self.rounding());
        let value = f64::midpoint(above.value, below.value);
        let before = self.c.clone();
        self.c.numeric = Estimate { value, error, step: above.step.min(below.step) };
        if self.apply_tolerance() {
            return true;
        }
        if let (Verdict::Inconclusive, Some(step)) = (self.c.verdict, central.kink) {
            let reason = format!(
                "a kink nearby, which steps of {step:.0e} reach over; smaller ones agree with the gradient, but only to ± {:.1e}; \
                 move the point away from it",
                self.c.numeric.error
            );
            self.inconclusive(Cause::Unresolved, reason);
            return true;
        }
        if !central.across {
            self.c = before;
        }
        false
    }

    /// The final step: tests whether anything but a mistake explains the difference.
    fn rule_out_rounding(&mut self) {
        if self.vanishes(None) {
            self.c.verdict = Verdict::Pass;
            return;
        }
        let mut scatter = 0.0;
        if self.c.verdict == Verdict::Wrong {
            scatter = self.line.rounding();
            // A sum that cancels in most directions need not cancel in this one.
            let epsilon = self.line.epsilon;
            let noise = noise(|h| self.line.at(h), epsilon);
            self.c.numeric.error = self.c.numeric.error.max(4.0 * noise / self.c.numeric.step);
        }
        let known = self.c.numeric.error;
        self.c.numeric.error = known.max(scatter);
        if self.apply_tolerance() {
            return;
        }
        if self.c.verdict == Verdict::Inconclusive && scatter > known {
            let reason = format!("the terms of the gradient cancel: rounding leaves it known only to ± {scatter:.1e}");
            return self.inconclusive(Cause::IllScaled, reason);
        }
        if self.c.verdict == Verdict::Inconclusive {
            if self.is_flat() || self.stands_still() {
                self.c.verdict = Verdict::Pass;
                return;
            }
            return self.unresolved();
        }
        if !self.c.analytic.is_finite() {
            self.c.cause = Some(Cause::NotFinite);
            self.c.reason = format!("the gradient is {} where the function has a finite one", self.c.analytic);
            return;
        }
        // Only for samples that look noisy, with a much smaller slope than the claim's.
        if self.line.is_noisy()
            && self.c.relative() > 0.5
            && let Some(step) = agrees_at_finer_steps(self.line, self.c.analytic)
        {
            let reason = format!(
                "at steps of {step:.0e} the function moves as the gradient says, at longer ones it does not: it changes too fast for \
                 differences; rescale the input"
            );
            return self.inconclusive(Cause::IllScaled, reason);
        }
        if self.line.is_nothing_but_noise() || self.line.moves_too_fast(self.c.analytic) {
            let text = "the function's values at the closest points are unrelated to each other, as those of sin(1e16·x): it changes too fast \
                        for numbers of so many digits; rescale the input";
            return self.inconclusive(Cause::IllScaled, text.into());
        }
        if self.lies_below_inputs() {
            let reason = "the function does not change at all, but a change as small as the gradient says would be lost beside the \
                          numbers that it reads";
            return self.inconclusive(Cause::Unresolved, reason.into());
        }
        if let Some(step) = self.climbs() {
            let reason = format!(
                "the function stands still around the point, but over steps of {step:.0e} it moves as the gradient says: it has \
                 stairs"
            );
            return self.inconclusive(Cause::Unresolved, reason);
        }
        if !self.stands(None) {
            let reason =
                "the difference from the gradient is another at each step, as far down as it can be told from rounding";
            return self.inconclusive(Cause::Unresolved, reason.into());
        }
        if let Some(step) = agrees_at_longer_steps(self.line, self.c.analytic, &self.c.numeric) {
            let reason = format!(
                "at steps of {step:.0e} the function moves as the gradient says, at shorter ones it does not: noise, or detail that the \
                 gradient does not know"
            );
            return self.inconclusive(Cause::Noise, reason);
        }
        if self.c.relative() < 1e-2
            && let Some(jump) = jumps(self.line)
        {
            self.c.numeric.error = self.c.numeric.error.max(2.0 * jump.height / jump.within);
            if self.apply_tolerance() {
                return;
            }
            if self.c.verdict == Verdict::Inconclusive {
                let text = format!(
                    "the function jumps by {:.1e} near the point, as one that stops an iteration early: the differences are only \
                     known to ± {:.1e}; iterate further",
                    jump.height, self.c.numeric.error
                );
                return self.inconclusive(Cause::Noise, text);
            }
        }
        if self.c.relative() < 1e-3 {
            // Steps of other lengths reach over other stops of an iteration; for a smooth function the estimates
            // agree.
            let (long, _) = central(self.line, self.line.unit);
            if long.is_known() {
                self.c.numeric.error = self.c.numeric.error.max((long.value - self.c.numeric.value).abs());
            }
            if self.apply_tolerance() {
                return;
            }
            if self.c.verdict == Verdict::Inconclusive {
                let text = format!("long and short steps give derivatives that differ by {:.1e}", self.c.numeric.error);
                return self.inconclusive(
                    Cause::Noise,
                    format!("{text}: noise, or an iteration that stops early; iterate further"),
                );
            }
        }
        if self.c.relative() < SMALLEST || self.c.difference() <= self.claim.iterated {
            let reason = format!(
                "off by {:.1e} of its size: more than the differences err by, less than an iteration that is stopped early may; \
                 iterate further, or allow it with Checker::rtol",
                self.c.relative()
            );
            return self.inconclusive(Cause::Noise, reason);
        }
        self.c.cause = Some(Cause::Unexplained);
        self.c.reason = format!("the relative difference is {:.1e}", self.c.relative());
    }

    /// Reports that the differences agree with the claim, but would agree with other values too.
    fn unresolved(&mut self) {
        let known = format!("the differences are only known to ± {:.1e}", self.c.numeric.error);
        if self.line.is_noisy() {
            let text = format!("{known}: noise of {:.1e} in the function's values", self.line.noise);
            return self.inconclusive(Cause::Noise, text);
        }
        let size = self.line.centre;
        let reason = format!("{known}: rounding of values near {size:.1e} hides the derivative");
        self.inconclusive(Cause::Unresolved, reason);
    }
}

/// Takes the more accurate of two estimates, and widens its error to cover the disagreement that the other's error
/// does not explain.
fn merge(c: &mut Comparison, second: Estimate) {
    let (mut better, mut other) = (c.numeric, second);
    if other.error < better.error {
        std::mem::swap(&mut better, &mut other);
    }
    if other.error.is_finite() {
        better.error = better.error.max((better.value - other.value).abs() - 4.0 * other.error);
    }
    (c.numeric, c.second) = (better, Some(other));
}
