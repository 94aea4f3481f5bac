//! The function along one way: its samples, and the judgement of one derivative there.

use super::difference::{Central, Estimate, Samples, narrowest, noise, one_sided, ridders, stencil};
use super::report::{Cause, Comparison, Opinion, Verdict};
use super::subject::Subject;
use crate::number::Float;
use crate::tensor::Tensor;

/// Differences may err by this many times their own estimate.
pub(super) const SAFETY: f64 = 20.0;
/// What cannot be known to this part of the derivative cannot tell right from wrong.
const RESOLVES: f64 = 1e-3;
/// The same where samples have the few digits of `f32`.
const RESOLVES_IN_F32: f64 = 2e-2;
/// Points beyond this are moved by steps that grow with them, so as not to drown in round-off.
const LARGE: f64 = 1024.0;

/// Whether samples have the few digits of `f32`.
pub(super) const fn few_digits<T: Float>() -> bool {
    T::EPSILON > 1e-10
}

/// What is moved.
pub(super) enum Way {
    /// All inputs at once.
    Along(Vec<Tensor>),
    /// One element, by steps up to `unit`.
    Element { input: usize, at: usize, unit: f64 },
}

/// A function whose samples are taken around a point.
pub(super) struct Probe<'s, 'a, T: Float> {
    pub(super) subject: &'s mut Subject<'a, T>,
    pub(super) x: Vec<Tensor>,
    pub(super) samples: Samples,
    pub(super) order: usize,
    pub(super) rtol: f64,
    /// How large the function and its derivatives are at the orders below.
    pub(super) below: f64,
    /// What rounding makes of the tape's derivative by each element, once it was asked for.
    pub(super) rounding: Option<Vec<Tensor>>,
}

impl<T: Float> Probe<'_, '_, T> {
    const RESOLVES: f64 = if few_digits::<T>() { RESOLVES_IN_F32 } else { RESOLVES };

    /// The function's value a step away.
    pub(super) fn at(&mut self, way: &Way, h: f64) -> f64 {
        match way {
            Way::Along(u) => {
                let moved: Vec<Tensor> = self.x.iter().zip(u).map(|(x, u)| x + &(h * u)).collect();
                self.subject.value(&moved)
            }
            &Way::Element { input, at, .. } => {
                let x = self.x[input].as_slice()[at];
                self.x[input].as_mut_slice()[at] = x + h;
                let value = self.subject.value(&self.x);
                self.x[input].as_mut_slice()[at] = x;
                value
            }
        }
    }

    /// The largest step along a way: short enough for the curvature of ordinary functions, long enough for the digits.
    pub(super) fn unit(&self, way: &Way) -> f64 {
        let first = if few_digits::<T>() { 1.0 / 8.0 } else { 1.0 / 64.0 };
        match way {
            Way::Along(_) => first,
            Way::Element { unit, .. } => first * unit,
        }
    }

    /// A unit vector along a way, as tangents for forward mode.
    pub(super) fn tangent(&self, way: &Way) -> Vec<Tensor> {
        match way {
            Way::Along(u) => u.clone(),
            &Way::Element { input, at, .. } => {
                let mut u: Vec<Tensor> = self.x.iter().map(|x| Tensor::zeros(x.shape())).collect();
                u[input].as_mut_slice()[at] = 1.0;
                u
            }
        }
    }

    /// Derivatives from above and from below, by steps not much longer than `step`, which may lie within the next kink.
    pub(super) fn sides(&mut self, way: &Way, step: f64) -> [Estimate; 2] {
        let unit = self.unit(way);
        let (samples, unit) = (self.samples, if step > 0.0 { unit.min(4.0 * step) } else { unit });
        [1.0, -1.0].map(|side| one_sided(|h| self.at(way, h), samples, unit, side))
    }

    fn ridders(&mut self, way: &Way, floor: f64) -> Central {
        // Known well enough for the tolerance; else smaller steps may do better.
        let rtol = self.rtol;
        let wanted = |value: f64| 0.02 * rtol * value.abs().max(floor);
        let (samples, unit) = (self.samples, self.unit(way));
        let mut found = ridders(|h| self.at(way, h), samples, unit, wanted);
        if let (false, &Way::Element { input, at, .. }) = (found.estimate.is_known(), way) {
            // The domain may end closer than any step: one in proportion to the point stays inside.
            let size = self.x[input].as_slice()[at].abs();
            if size > 0.0 && size < 1.0 {
                found = ridders(|h| self.at(way, h), samples, size.log2().floor().exp2() / 16.0, wanted);
            }
        }
        found
    }

    /// The height of a jump at the point: the difference across it does not fall with the step.
    fn jump(&mut self, way: &Way) -> Option<f64> {
        let (first, every) = if few_digits::<T>() { (-6, 1) } else { (-16, 3) };
        let unit = self.unit(way);
        let across = [0, 1, 2, 3, 4].map(|k| {
            let h = unit * f64::from(first - every * k).exp2();
            (self.at(way, h) - self.at(way, -h)).abs()
        });
        let (low, high) = across.iter().fold((f64::INFINITY, 0f64), |(low, high), &d| (low.min(d), high.max(d)));
        // Of a NaN, neither the least nor the largest takes notice.
        let finite = across.iter().all(|d| d.is_finite());
        // That noise would be as level five times in a row is out of the question.
        (finite && high < 1.01 * low && low > 4e3 * T::EPSILON * self.samples.centre.abs()).then_some(low)
    }

    /// Compares the tape's derivative along a way with differences. `floor` is the size below which it is next to nothing,
    /// `magnitude` that of the terms whose sum it is: their rounding is its own.
    pub(super) fn judge(&mut self, place: String, way: &Way, analytic: f64, floor: f64, magnitude: f64) -> Comparison {
        let rounding = T::EPSILON * magnitude;
        let central = self.ridders(way, floor);
        let mut c = Comparison {
            place,
            order: self.order,
            analytic,
            forward: None,
            numeric: opinion(central.estimate),
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
        };
        c.numeric.error = c.numeric.error.max(rounding);
        if central.estimate.is_known() && !central.across && self.settle(&mut c, floor) {
            return c;
        }
        self.doubt(&mut c, way, &central, floor, magnitude);
        c
    }

    /// Sets what is allowed and the verdict as far as one inequality can tell; `true` if it is a clear pass.
    fn settle(&self, c: &mut Comparison, floor: f64) -> bool {
        // A gradient that is not finite agrees with nothing, and allows nothing.
        let finite = c.analytic.is_finite();
        let size = c.numeric.value.abs().max(if finite { c.analytic.abs() } else { 0.0 });
        let unsure = SAFETY * c.numeric.error;
        c.allowed = c.rtol * size + unsure;
        let agrees = finite && c.difference() <= c.allowed;
        c.verdict = match (agrees, unsure <= Self::RESOLVES * size.max(floor)) {
            (true, true) => Verdict::Pass,
            (true, false) => Verdict::Inconclusive,
            (false, _) => Verdict::Wrong,
        };
        c.verdict == Verdict::Pass
    }

    /// Whether samples err by more than the rounding of their values.
    fn noisy(&self) -> bool {
        self.samples.noise > 16.0 * T::EPSILON * self.samples.centre.abs()
    }

    /// Whether what looks like noise may be a function that changes within the smallest step tried: as fast as the tape says,
    /// where the differences see next to nothing of it.
    fn changes_fast(&self, c: &Comparison, magnitude: f64) -> bool {
        let seen = c.numeric.value.abs() + SAFETY * c.numeric.error;
        self.noisy() && seen < 1e-3 * magnitude && self.samples.noise < narrowest(T::EPSILON) * magnitude
    }

    /// What may be the matter where the first differences do not agree with the tape, or are not known well enough.
    fn doubt(&mut self, c: &mut Comparison, way: &Way, central: &Central, floor: f64, magnitude: f64) {
        let rounding = T::EPSILON * magnitude;
        let [above, below] = self.sides(way, if central.across { 0.0 } else { central.estimate.step });
        (c.above, c.below) = (Some(opinion(above)), Some(opinion(below)));
        let inconclusive = |c: &mut Comparison, cause: Cause, reason: String| {
            (c.verdict, c.cause, c.reason) = (Verdict::Inconclusive, Some(cause), reason);
        };
        if !central.estimate.is_known() && above.is_known() != below.is_known() {
            let (known, side) = if above.is_known() { (above, "above") } else { (below, "below") };
            c.numeric = opinion(known);
            let clear = self.settle(c, floor);
            if clear || !c.analytic.is_finite() && SAFETY * known.error <= Self::RESOLVES * known.value.abs().max(floor)
            {
                if !clear {
                    (c.verdict, c.cause) = (Verdict::Wrong, Some(Cause::NotFinite));
                    c.reason = format!("the gradient is {} where the derivative from {side} is finite", c.analytic);
                }
                return;
            }
        }
        if let Some(height) = self.jump(way) {
            return inconclusive(c, Cause::Jump, format!("a jump by {height:.4} at the point: there is no derivative"));
        }
        if !central.estimate.is_known() {
            let reason = "the function is not finite around the point: the edge of its domain? move the point inside";
            return inconclusive(c, Cause::DomainEdge, reason.into());
        }
        let gap = (above.value - below.value).abs();
        let size = above.value.abs().max(below.value.abs());
        let apart = gap > SAFETY * (above.error + below.error) + 1e2 * self.rtol * size;
        let (low, high) = (above.value.min(below.value), above.value.max(below.value));
        // Whatever a rule gives at a kink lies between the two or near them.
        let between = c.analytic >= low - gap && c.analytic <= high + gap;
        if apart && (central.across || between) {
            let reason = format!(
                "a kink: the derivative is {:.6} from above and {:.6} from below; move the point off it",
                above.value, below.value
            );
            return inconclusive(c, Cause::Kink, reason);
        }
        if !apart && above.is_known() && below.is_known() {
            // Both sides may lie within a kink that central differences reached over.
            let error = above.error.max(below.error) + gap / 2.0;
            let value = f64::midpoint(above.value, below.value);
            let sides = Opinion { value, error: error.max(rounding), step: above.step.min(below.step) };
            let mut closer = Comparison { numeric: sides, ..c.clone() };
            self.settle(&mut closer, floor);
            if closer.verdict == Verdict::Pass {
                *c = closer;
                return;
            }
            if let (Verdict::Inconclusive, Some(step)) = (closer.verdict, central.kink) {
                *c = closer;
                let reason = format!(
                    "a kink nearby, which steps of {step:.0e} reach over; smaller ones agree with the tape, but only to ± {:.1e}; \
                     move the point away from it",
                    c.numeric.error
                );
                return inconclusive(c, Cause::Kink, reason);
            }
            if central.across {
                *c = closer;
            }
        }
        let (samples, unit) = (self.samples, self.unit(way));
        let second = stencil(|h| self.at(way, h), samples, unit.min(32.0 * c.numeric.step));
        if central.across {
            c.second = Some(opinion(second));
        } else {
            merge(c, second);
        }
        c.numeric.error = c.numeric.error.max(rounding);
        if self.settle(c, floor) {
            return;
        }
        let mut tape = 0.0;
        if c.verdict == Verdict::Wrong {
            tape = self.rounding(way);
            // A sum that cancels in most directions need not do so in this one.
            let noise = noise(|h| self.at(way, h), T::EPSILON);
            c.numeric.error = c.numeric.error.max(4.0 * noise / c.numeric.step);
        }
        let known = c.numeric.error;
        c.numeric.error = known.max(tape);
        if self.settle(c, floor) {
            return;
        }
        if c.verdict == Verdict::Inconclusive && tape > known {
            let reason = format!("the terms of the gradient cancel: rounding leaves it known only to ± {tape:.1e}");
            return inconclusive(c, Cause::IllScaled, reason);
        }
        if c.verdict == Verdict::Wrong && self.changes_fast(c, magnitude) {
            let reason = format!(
                "by the tape the function changes by {magnitude:.1e} at a step of 1, but differences see noise of {:.1e} and \
                 little else: it changes too fast for them; rescale the input",
                samples.noise
            );
            return inconclusive(c, Cause::IllScaled, reason);
        }
        if c.verdict == Verdict::Wrong {
            c.cause = Some(if c.analytic.is_finite() { Cause::Unexplained } else { Cause::NotFinite });
            c.reason = if c.analytic.is_finite() {
                format!("the relative difference is {:.1e}", c.relative())
            } else {
                format!("the gradient is {} where the function has a finite one", c.analytic)
            };
            return;
        }
        let known = format!("the differences are only known to ± {:.1e}", c.numeric.error);
        if self.noisy() {
            inconclusive(c, Cause::Noise, format!("{known}: noise of {:.1e} in the function's values", samples.noise));
        } else {
            let size = samples.centre;
            let reason =
                format!("{known}: rounding of values near {size:.1e} hides the derivative; rescale the function");
            inconclusive(c, Cause::IllScaled, reason);
        }
    }
}

pub(super) fn opinion(e: Estimate) -> Opinion {
    Opinion { value: e.value, error: e.error, step: e.step }
}

/// Takes the better known of two estimates, with an error that covers what the other's does not explain.
fn merge(c: &mut Comparison, second: Estimate) {
    let (mut better, mut other) = (c.numeric, opinion(second));
    if other.error < better.error {
        std::mem::swap(&mut better, &mut other);
    }
    if other.error.is_finite() {
        better.error = better.error.max((better.value - other.value).abs() - 4.0 * other.error);
    }
    (c.numeric, c.second) = (better, Some(other));
}

/// The size of an element's steps: a power of two, so that `x + h` loses as little as can be.
pub(super) fn element_unit(x: f64) -> f64 {
    let unit = (x.abs() / LARGE).max(1.0).log2().floor().exp2();
    if unit.is_finite() { unit } else { 1.0 }
}
