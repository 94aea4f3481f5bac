//! The comparisons themselves: along random directions, element by element, and where a wrong element hides.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::index::sample;

use super::difference::{Central, Estimate, Samples, noise, one_sided, ridders, stencil};
use super::report::{Cause, Comparison, InputReport, Opinion, Scan, Verdict};
use super::subject::{Gradient, Subject, weight};
use super::{Checker, diagnose, scan};
use crate::error::Error;
use crate::number::Float;
use crate::tensor::Tensor;

/// Differences may err by this many times their own estimate.
pub(super) const SAFETY: f64 = 20.0;
/// What cannot be known to this part of the derivative cannot tell right from wrong.
const RESOLVES: f64 = 1e-3;
/// The same where samples have the few digits of `f32`.
const RESOLVES_IN_F32: f64 = 2e-2;
/// As close as this a derivative comes to one by differences on a finer scale only if both mean the same.
const CLOSE: f64 = 1e-2;
/// A derivative below this part of the largest of its input is next to nothing.
const SMALL: f64 = 1e-3;
/// Points beyond this are moved by steps that grow with them, so as not to drown in round-off.
const LARGE: f64 = 1024.0;

/// What is moved.
pub(super) enum Way {
    /// All inputs at once.
    Along(Vec<Tensor>),
    /// One element, by steps up to `unit`.
    Element { input: usize, at: usize, unit: f64 },
}

/// What was found at one order.
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) cause: Option<Cause>,
    pub(super) reason: String,
    pub(super) notes: Vec<String>,
    pub(super) value: f64,
    pub(super) directions: usize,
    pub(super) compared: usize,
    pub(super) inputs: Vec<InputReport>,
    pub(super) worst: Option<Comparison>,
    pub(super) scan: Option<Scan>,
}

/// A function whose samples are taken around a point.
pub(super) struct Probe<'s, 'a, T: Float> {
    pub(super) subject: &'s mut Subject<'a, T>,
    pub(super) x: Vec<Tensor>,
    pub(super) samples: Samples,
    order: usize,
    rtol: f64,
}

impl<T: Float> Probe<'_, '_, T> {
    const RESOLVES: f64 = if T::EPSILON > 1e-10 { RESOLVES_IN_F32 } else { RESOLVES };

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
        let first = if T::EPSILON > 1e-10 { 1.0 / 8.0 } else { 1.0 / 64.0 };
        match way {
            Way::Along(_) => first,
            Way::Element { unit, .. } => first * unit,
        }
    }

    /// A unit vector along a way, as tangents for forward mode.
    fn tangent(&self, way: &Way) -> Vec<Tensor> {
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
    fn sides(&mut self, way: &Way, step: f64) -> [Estimate; 2] {
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
        let (first, every) = if T::EPSILON > 1e-10 { (-6, 1) } else { (-16, 3) };
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
    /// `rounding` what the tape's own sum may err by.
    fn judge(&mut self, place: String, way: &Way, analytic: f64, floor: f64, rounding: f64) -> Comparison {
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
        self.doubt(&mut c, way, &central, floor, rounding);
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

    /// Whether a function that looks noisy only changes fast: at much smaller steps its differences come close to the tape's
    /// derivative, at two steps in a row and much closer than to the one at larger steps. That is no accident.
    fn changes_fast(&mut self, c: &mut Comparison, way: &Way) -> bool {
        if !self.noisy() {
            return false;
        }
        let unit = self.unit(way);
        let mut before = false;
        for halvings in (12..44).step_by(2) {
            let h = unit * f64::from(-halvings).exp2();
            let quotient = (self.at(way, h) - self.at(way, -h)) / (2.0 * h);
            let off = (quotient - c.analytic).abs();
            let close = off < CLOSE * c.analytic.abs() && 10.0 * off < (quotient - c.numeric.value).abs();
            if before && close {
                (c.verdict, c.cause) = (Verdict::Inconclusive, Some(Cause::IllScaled));
                c.reason = format!(
                    "the function changes so fast that only steps of {h:.0e} and less follow it, where differences come near the \
                     tape but round-off spoils them; rescale the input"
                );
                return true;
            }
            before = close;
        }
        false
    }

    /// What may be the matter where the first differences do not agree with the tape, or are not known well enough.
    fn doubt(&mut self, c: &mut Comparison, way: &Way, central: &Central, floor: f64, rounding: f64) {
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
        if c.verdict == Verdict::Wrong && self.changes_fast(c, way) {
            return;
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
fn element_unit(x: f64) -> f64 {
    let unit = (x.abs() / LARGE).max(1.0).log2().floor().exp2();
    if unit.is_finite() { unit } else { 1.0 }
}

/// Compares everything at one order.
pub(super) fn examine<T: Float>(
    checker: &Checker,
    subject: &mut Subject<'_, T>,
    order: usize,
) -> Result<Outcome, Error> {
    let x: Vec<Tensor> = subject.point.iter().map(Tensor::cast).collect();
    let value = subject.value(&x);
    if !value.is_finite() {
        let what = if order == 1 { "function" } else { "gradient" };
        let law = format!("the {what} is {value} at the point; choose a point inside its domain");
        return Err(Error::Check(law));
    }
    let gradient = subject.gradient(1.0);
    let once_more = subject.gradient(1.0);
    let same = |(a, b): (&(Tensor, bool), &(Tensor, bool))| {
        a.0.as_slice().iter().zip(b.0.as_slice()).all(|(a, b)| a.to_bits() == b.to_bits())
    };
    let repeats = subject.value(&x).to_bits() == value.to_bits();
    if !repeats || !gradient.iter().zip(&once_more).all(same) {
        return Ok(Outcome::nondeterministic(value, if repeats { "two backward sweeps" } else { "two evaluations" }));
    }
    let rtol = checker.rtol.max(if T::EPSILON > 1e-10 { 1e-4 } else { 0.0 });
    let samples = Samples { epsilon: T::EPSILON, noise: 0.0, centre: value };
    let mut probe = Probe { subject, x, samples, order, rtol };
    let mut study = Study::new(checker, gradient, &mut probe);
    study.linearity();
    study.directions();
    study.elements();
    study.localise();
    let outcome = study.outcome();
    // A function with a memory shows it by now.
    if probe.subject.value(&probe.x.clone()).to_bits() != value.to_bits() {
        return Ok(Outcome::nondeterministic(value, "two evaluations, with others between them,"));
    }
    Ok(outcome)
}

impl Outcome {
    /// Nothing could be compared.
    fn refused(cause: Cause, reason: String, value: f64) -> Self {
        Outcome {
            verdict: Verdict::Inconclusive,
            cause: Some(cause),
            reason,
            notes: vec![],
            value,
            directions: 0,
            compared: 0,
            inputs: vec![],
            worst: None,
            scan: None,
        }
    }

    fn nondeterministic(value: f64, what: &str) -> Self {
        let why = "the function is not deterministic; seed its randomness inside it";
        Self::refused(Cause::Nondeterministic, format!("{what} at the same point differ: {why}"), value)
    }

    /// A derivative of higher order that is not finite.
    pub(super) fn not_finite(error: Error) -> Self {
        Self::refused(Cause::NotFinite, error.to_string(), f64::NAN)
    }
}

/// One order's comparisons as they come together.
struct Study<'p, 's, 'a, T: Float> {
    checker: &'p Checker,
    probe: &'p mut Probe<'s, 'a, T>,
    gradient: Gradient,
    rng: StdRng,
    along: Vec<(Way, Comparison)>,
    /// By input and position in it.
    elements: Vec<(usize, usize, Comparison)>,
    notes: Vec<String>,
    total: usize,
    /// How much the function changes along a step of ordinary size, as a slope.
    range: f64,
}

impl<'p, 's, 'a, T: Float> Study<'p, 's, 'a, T> {
    fn new(checker: &'p Checker, gradient: Gradient, probe: &'p mut Probe<'s, 'a, T>) -> Self {
        let rng = StdRng::seed_from_u64(checker.seed);
        let total = probe.x.iter().map(Tensor::numel).sum();
        let mut study =
            Study { checker, probe, gradient, rng, along: vec![], elements: vec![], notes: vec![], total, range: 0.0 };
        let way = study.random(|_| true);
        study.probe.samples.noise = noise(|h| study.probe.at(&way, h), T::EPSILON);
        let (h, centre) = (study.probe.unit(&way), study.probe.samples.centre);
        let slopes = [h, -h].map(|h| ((study.probe.at(&way, h) - centre) / h).abs());
        study.range = slopes.into_iter().filter(|slope| slope.is_finite()).fold(0.0, f64::max);
        study
    }

    /// A random direction over some of the inputs, or elements.
    fn random(&mut self, mut takes: impl FnMut(usize) -> bool) -> Way {
        let mut flat = 0;
        let rng = &mut self.rng;
        let mut component = |x: f64| {
            let u = weight(rng) * element_unit(x);
            flat += 1;
            if takes(flat - 1) { u } else { 0.0 }
        };
        Way::Along(self.probe.x.iter().map(|x| x.map(&mut component)).collect())
    }

    /// The derivative along a direction by the tape, and the sum of its terms' magnitudes.
    fn slope(&self, u: &[Tensor]) -> (f64, f64) {
        let terms = || {
            self.gradient.iter().zip(u).flat_map(|((g, _), u)| {
                // An element that is not moved adds nothing, not even its NaN.
                g.as_slice().iter().zip(u.as_slice()).map(|(g, u)| if *u == 0.0 { 0.0 } else { g * u })
            })
        };
        (terms().sum(), terms().map(f64::abs).sum())
    }

    fn compare_along(&mut self, place: String, way: &Way) -> Comparison {
        let Way::Along(u) = way else { unreachable!("a direction") };
        let (analytic, magnitude) = self.slope(u);
        let count = u.iter().map(Tensor::numel).sum::<usize>() as f64;
        let floor = self.floor(magnitude / count.sqrt().max(1.0));
        let rounding = if magnitude.is_finite() { T::EPSILON * magnitude } else { 0.0 };
        self.probe.judge(place, way, analytic, floor, rounding)
    }

    /// The size below which a derivative is next to nothing, where those beside it are as large as this: a part of them, of
    /// the largest of all, or of the function.
    fn floor(&self, beside: f64) -> f64 {
        let most = self.gradient.iter().map(|(g, _)| largest(g)).fold(0.0, f64::max);
        let absolute = 1e-3 * self.probe.samples.centre.abs().max(most).max(self.range).min(1.0);
        let beside = if beside.is_finite() { beside } else { 0.0 };
        SMALL * beside.max(SMALL * most).max(absolute)
    }

    /// A rule is linear in the gradient that comes in; a power of two is used, by which rounding scales too.
    fn linearity(&mut self) {
        const SCALE: f64 = 1024.0;
        let scaled = self.probe.subject.gradient(SCALE);
        for (input, ((g, _), (s, _))) in self.gradient.iter().zip(&scaled).enumerate() {
            let most = largest(g);
            let off = |(_, (g, s)): &(usize, (&f64, &f64))| (*s - SCALE * *g).abs() > 1e3 * T::EPSILON * SCALE * most;
            if !(SCALE * most).is_finite() || !s.is_finite() {
                continue;
            }
            if let Some((at, (g, s))) = g.as_slice().iter().zip(s.as_slice()).enumerate().find(off) {
                let place = self.place(input, at);
                let way = Way::Element { input, at, unit: element_unit(self.probe.x[input].as_slice()[at]) };
                let mut c = self.probe.judge(place, &way, *g, self.floor(most), 0.0);
                (c.verdict, c.cause) = (Verdict::Wrong, Some(Cause::NotLinear));
                c.reason = format!(
                    "the rule is not linear in the gradient that comes in: of 1024·f it gives {s:.6}, not 1024 · {g:.6}; is \
                     something clipped on the way back?"
                );
                self.elements.push((input, at, c));
                return;
            }
        }
    }

    fn directions(&mut self) {
        for number in 0..self.checker.directions {
            let way = self.random(|_| true);
            self.direction(format!("random direction {number}"), way);
        }
        // Where elements are only sampled, each input is also moved alone: a large one must not hide a small one.
        if self.total > self.checker.elements && self.probe.x.len() > 1 && self.checker.directions > 0 {
            let mut start = 0;
            for input in 0..self.probe.x.len() {
                let range = start..start + self.probe.x[input].numel();
                start = range.end;
                let way = self.random(|flat| range.contains(&flat));
                self.direction(format!("random direction of {}", self.probe.subject.names[input]), way);
            }
        }
    }

    fn direction(&mut self, place: String, way: Way) {
        let mut c = self.compare_along(place, &way);
        let Way::Along(u) = &way else { unreachable!("a direction") };
        let forward = self.probe.subject.tangent(u);
        c.forward = Some(forward);
        let slack = c.allowed + 1e3 * T::EPSILON * self.slope(u).1;
        let off = (forward - c.numeric.value).abs();
        if c.verdict == Verdict::Pass && (off > slack || off.is_nan()) {
            (c.verdict, c.cause) = (Verdict::Wrong, Some(Cause::ForwardMode));
            c.reason = format!("forward mode gives {forward:.9e}, where reverse mode and differences agree");
        }
        self.along.push((way, c));
    }

    fn elements(&mut self) {
        let mut chosen: Vec<usize> =
            sample(&mut self.rng, self.total, self.checker.elements.min(self.total)).into_iter().collect();
        chosen.sort_unstable();
        let done = self.elements.first().map(|&(input, at, _)| (input, at));
        for flat in chosen {
            let (input, at) = self.locate(flat);
            if done != Some((input, at)) {
                self.element(input, at);
            }
        }
    }

    fn element(&mut self, input: usize, at: usize) {
        let g = &self.gradient[input].0;
        let (analytic, most) = (g.as_slice()[at], largest(g));
        let way = Way::Element { input, at, unit: element_unit(self.probe.x[input].as_slice()[at]) };
        // What cancels in one element has the round-off of those beside it.
        let c = self.probe.judge(self.place(input, at), &way, analytic, self.floor(most), T::EPSILON * most);
        self.elements.push((input, at, c));
    }

    /// If a direction is wrong and no compared element is, a wrong one is found by halves.
    fn localise(&mut self) {
        let wrong = |c: &Comparison| c.verdict == Verdict::Wrong && c.cause != Some(Cause::ForwardMode);
        if self.elements.len() >= self.total || self.elements.iter().any(|(_, _, c)| wrong(c)) {
            return;
        }
        let Some((Way::Along(u), _)) = self.along.iter().find(|(_, c)| wrong(c)) else { return };
        let u = u.clone();
        let moved = |flat: &usize| {
            let (input, at) = self.locate(*flat);
            u[input].as_slice()[at] != 0.0
        };
        let mut suspects: Vec<usize> = (0..self.total).filter(moved).collect();
        while suspects.len() > 1 {
            let second = suspects.split_off(suspects.len() / 2);
            let [a, b] = [&suspects, &second].map(|half| {
                let way = self.random(|flat| half.binary_search(&flat).is_ok());
                self.compare_along(String::new(), &way)
            });
            suspects = match (wrong(&a), wrong(&b)) {
                (false, false) => return,
                (true, false) => suspects,
                (false, true) => second,
                (true, true) => {
                    if a.badness() >= b.badness() {
                        suspects
                    } else {
                        second
                    }
                }
            };
        }
        let (input, at) = self.locate(suspects[0]);
        if !self.elements.iter().any(|&(i, k, _)| (i, k) == (input, at)) {
            self.element(input, at);
        }
    }

    /// The input and the position in it of a position among all values.
    fn locate(&self, mut flat: usize) -> (usize, usize) {
        for (input, x) in self.probe.x.iter().enumerate() {
            if flat < x.numel() {
                return (input, flat);
            }
            flat -= x.numel();
        }
        unreachable!("a position among the values of the inputs")
    }

    fn place(&self, input: usize, at: usize) -> String {
        place(&self.probe.subject.names[input], self.probe.x[input].shape(), at)
    }

    fn outcome(mut self) -> Outcome {
        let inputs = self.census();
        let complete = self.elements.len() >= self.total;
        let elements = || self.elements.iter().map(|(_, _, c)| c);
        let proven = complete && elements().all(|c| c.verdict == Verdict::Pass);
        let all = || elements().chain(self.along.iter().map(|(_, c)| c));
        let any = |verdict| all().any(|c| c.verdict == verdict);
        let verdict = if any(Verdict::Wrong) {
            Verdict::Wrong
        } else if any(Verdict::Inconclusive) && !proven {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        };
        // Elements say more than directions: prefer them at equal verdict.
        let worst_of = |verdict| {
            let bad = |c: &&Comparison| c.verdict == verdict;
            let most = |a: &&Comparison, b: &&Comparison| a.badness().total_cmp(&b.badness());
            elements().filter(bad).max_by(most).or_else(|| all().filter(bad).max_by(most))
        };
        let mut worst = worst_of(verdict).cloned();
        let way = worst.as_ref().map(|worst| self.way_of(worst));
        let (mut cause, mut reason) = match &worst {
            Some(worst) if verdict != Verdict::Pass => {
                (worst.cause.clone(), format!("{}: {}", worst.place, worst.reason))
            }
            _ => (None, format!("{} comparisons agree with differences", all().count())),
        };
        if verdict == Verdict::Wrong && cause == Some(Cause::Unexplained) {
            let found = diagnose::diagnose(&self.evidence());
            let place = worst.as_ref().map_or(String::new(), |worst| worst.place.clone());
            (cause, reason) = (Some(found.0), format!("{place}: {}", found.1));
            if let Some(worst) = &mut worst {
                (worst.cause, worst.reason) = (cause.clone(), found.1);
            }
        }
        self.remark(proven);
        let mut seen = None;
        if let (Some(worst), Some(way)) = (&mut worst, &way) {
            self.complete(worst, way);
            seen = Some(scan::scan(self.probe, worst, way));
        }
        Outcome {
            verdict,
            cause,
            reason,
            notes: self.notes,
            value: self.probe.samples.centre,
            directions: self.along.len(),
            compared: self.elements.len(),
            inputs,
            worst,
            scan: seen,
        }
    }

    fn way_of(&self, c: &Comparison) -> Way {
        if let Some((Way::Along(u), _)) = self.along.iter().find(|(_, other)| other.place == c.place) {
            return Way::Along(u.clone());
        }
        let found = self.elements.iter().find(|(_, _, other)| other.place == c.place);
        let &(input, at, _) = found.expect("a comparison of this study");
        Way::Element { input, at, unit: element_unit(self.probe.x[input].as_slice()[at]) }
    }

    /// All that can be said about the worst comparison.
    fn complete(&mut self, c: &mut Comparison, way: &Way) {
        if c.above.is_none() {
            let [above, below] = self.probe.sides(way, c.numeric.step);
            (c.above, c.below) = (Some(opinion(above)), Some(opinion(below)));
        }
        if c.second.is_none() {
            let (samples, unit) = (self.probe.samples, self.probe.unit(way));
            let from = if c.numeric.step > 0.0 { unit.min(32.0 * c.numeric.step) } else { unit };
            c.second = Some(opinion(stencil(|h| self.probe.at(way, h), samples, from)));
        }
        let u = self.probe.tangent(way);
        c.forward = c.forward.or_else(|| Some(self.probe.subject.tangent(&u)));
        // Of an array, which of its values moves wrongly.
        if c.verdict == Verdict::Wrong
            && c.order == 1
            && self.probe.subject.v.numel() > 1
            && let Some(text) = self.output_place(way, &u, c.numeric.step)
        {
            self.notes.push(text);
        }
    }

    /// The entry of the Jacobian that is furthest off, by differences of the outputs at the worst place.
    fn output_place(&mut self, way: &Way, u: &[Tensor], step: f64) -> Option<String> {
        let h = step.max(1e-6);
        let moved = |h: f64| self.probe.x.iter().zip(u).map(|(x, u)| x + &(h * u)).collect::<Vec<_>>();
        let (up, down) = (moved(h), moved(-h));
        let (up, down) = (self.probe.subject.output(&up), self.probe.subject.output(&down));
        let forward = self.probe.subject.output_tangent(u);
        let numeric = up.as_slice().iter().zip(down.as_slice()).map(|(a, b)| (a.to_f64() - b.to_f64()) / (2.0 * h));
        let off = |(at, (n, a)): (usize, (f64, &T))| ((n - a.to_f64()).abs(), at, n, a.to_f64());
        let pairs = numeric.zip(forward.as_slice()).enumerate().map(off);
        let (_, at, n, a) = pairs.filter(|(off, ..)| off.is_finite()).max_by(|a, b| a.0.total_cmp(&b.0))?;
        let index = index_of(forward.shape(), at);
        let what = if matches!(way, Way::Along(_)) { "derivative" } else { "entry of the Jacobian" };
        Some(format!(
            "the {what} that is furthest off is that of output{index:?}: {a:.6} by the tape, {n:.6} by differences"
        ))
    }

    fn remark(&mut self, proven: bool) {
        let unsure = self.along.iter().filter(|(_, c)| c.verdict == Verdict::Inconclusive).count();
        if proven && unsure > 0 {
            self.notes.push(format!("{unsure} directions were inconclusive; every element alone agrees"));
        }
        let near = self.elements.iter().map(|e| &e.2).chain(self.along.iter().map(|(_, c)| c));
        let near: Vec<f64> = near.filter(|c| c.verdict == Verdict::Pass).filter_map(|c| c.kink).collect();
        if !near.is_empty() {
            let least = near.iter().copied().fold(f64::INFINITY, f64::min);
            self.notes.push(format!(
                "{} comparisons are near a kink, which steps of {least:.0e} and more reach over; smaller steps agree",
                near.len()
            ));
        }
        let scales: Vec<f64> = self.gradient.iter().map(|(g, _)| largest(g)).filter(|&g| g > 0.0).collect();
        let (low, high) = scales.iter().fold((f64::INFINITY, 0f64), |(low, high), &g| (low.min(g), high.max(g)));
        if high > 1e8 * low {
            let text =
                format!("the inputs are badly scaled: their largest derivatives range from {low:.1e} to {high:.1e}");
            self.notes.push(text);
        }
        let names = &self.probe.subject.names;
        for (input, name) in names.iter().enumerate() {
            if !self.gradient[input].1 && self.elements.iter().all(|(i, _, c)| *i != input || c.numeric.value == 0.0) {
                self.notes.push(format!("the function does not depend on {name}"));
            }
        }
    }

    fn census(&self) -> Vec<InputReport> {
        let line = |(input, name): (usize, &String)| {
            let of_input = || self.elements.iter().filter(|e| e.0 == input).map(|e| &e.2);
            let count = |verdict| of_input().filter(|c| c.verdict == verdict).count();
            InputReport {
                name: name.clone(),
                order: self.probe.order,
                shape: self.probe.x[input].shape().clone(),
                compared: of_input().count(),
                passed: count(Verdict::Pass),
                wrong: count(Verdict::Wrong),
                inconclusive: count(Verdict::Inconclusive),
                not_finite: self.gradient[input].0.as_slice().iter().filter(|g| !g.is_finite()).count(),
                largest: of_input().map(Comparison::relative).fold(0.0, f64::max),
            }
        };
        self.probe.subject.names.iter().enumerate().map(line).collect()
    }

    fn evidence(&self) -> Vec<diagnose::Evidence> {
        let of = |(input, name): (usize, &String)| {
            let mut numeric = vec![None; self.probe.x[input].numel()];
            let mut wrong = vec![];
            for (_, at, c) in self.elements.iter().filter(|e| e.0 == input) {
                numeric[*at] = Some(c.numeric);
                if c.verdict == Verdict::Wrong {
                    wrong.push(*at);
                }
            }
            let (analytic, reached) = self.gradient[input].clone();
            diagnose::Evidence { name: name.clone(), analytic, reached, numeric, wrong }
        };
        self.probe.subject.names.iter().enumerate().map(of).collect()
    }
}

fn largest(x: &Tensor) -> f64 {
    x.as_slice().iter().filter(|x| x.is_finite()).fold(0f64, |top, x| top.max(x.abs()))
}

/// An element by the name of its input and its index.
pub(super) fn place(name: &str, shape: &[usize], at: usize) -> String {
    if shape.is_empty() { name.into() } else { format!("{name}{:?}", index_of(shape, at)) }
}

/// The index of a flat position.
pub(super) fn index_of(shape: &[usize], mut flat: usize) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        index[axis] = flat % shape[axis];
        flat /= shape[axis];
    }
    index
}
