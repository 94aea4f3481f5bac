//! The comparisons: along random directions, element by element, and the search for a wrong element.

use std::ops::Range;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::index::sample;

use super::Checker;
use super::noise::noise;
use super::outcome::Outcome;
use super::probe::{Direction, Probe, element_unit, few_digits, is_small};
use super::repeats::{self, Spread};
use super::report::{Cause, Comparison, Verdict};
use super::subject::{CheckedFunction, Gradient, weight};
use super::ways::Ways;
use crate::error::Error;
use crate::number::Float;
use crate::number::instances::instances;
use crate::tensor::Tensor;

instances! {
    compare as examine(checker: &Checker, subject: &mut CheckedFunction<'_, T>, order: usize, below: f64) -> Result<Outcome, Error>;
}

/// The part of a derivative by which a function that iterates and a rule that iterates may differ: the steps at which
/// either stops need not show in its values.
pub(super) const ITERATED: f64 = 1e-4;

/// The tolerance for numbers that have no more digits than those of `f32`.
pub(super) const RTOL_IN_F32: f64 = 1e-4;

/// Compares everything at one order; `below` is the scale of the lower orders.
fn compare<T: Float>(
    checker: &Checker,
    subject: &mut CheckedFunction<'_, T>,
    order: usize,
    below: f64,
) -> Result<Outcome, Error> {
    let x: Vec<Tensor> = subject.at.point.iter().map(Tensor::cast).collect();
    let value = subject.value(&x);
    if !value.is_finite() {
        let what = if order == 1 { "function" } else { "gradient" };
        let law = format!("the {what} is {value} at the point; choose a point inside its domain");
        return Err(Error::Check(law));
    }
    let gradient = subject.gradient(1.0);
    if let Some(error) = subject.source.refused() {
        return Err(error);
    }
    let mut spread = match repeats::at_once(subject, &x, value, &gradient) {
        Ok(spread) => spread,
        Err(what) => return Ok(Outcome::nondeterministic(value, &what)),
    };
    loop {
        let outcome = study(checker, subject, order, below, value, &gradient, &spread);
        if let Some(error) = subject.source.refused() {
            return Err(error);
        }
        // A function with hidden state shows it by now.
        match repeats::at_last(subject, &x, value, &gradient, &spread) {
            Ok(None) => return Ok(outcome),
            Ok(Some(found)) => spread = found,
            Err(what) => return Ok(Outcome::nondeterministic(value, &what)),
        }
    }
}

/// The comparisons of a function that repeats itself within a spread.
fn study<T: Float>(
    checker: &Checker,
    subject: &mut CheckedFunction<'_, T>,
    order: usize,
    below: f64,
    value: f64,
    gradient: &Gradient,
    spread: &Spread,
) -> Outcome {
    let x: Vec<Tensor> = subject.at.point.iter().map(Tensor::cast).collect();
    let rtol = checker.rtol.max(if few_digits::<T>() { RTOL_IN_F32 } else { 0.0 });
    let most = gradient.iter().map(|(g, _)| largest(g)).fold(0.0, f64::max);
    // Operations tell more than the size of the gradient does.
    let negligible = subject.source.taped().is_none().then_some(rtol * most);
    let (noise_of_values, rounding, noise) = (None, None, spread.value);
    let spread_of_values = spread.value;
    let mut probe = Probe {
        subject,
        x,
        centre: value,
        noise,
        spread: spread_of_values,
        noise_of_values,
        order,
        rtol,
        below,
        negligible,
        crooked: vec![],
        iterated: 0.0,
        most,
        rounding,
    };
    let mut study = OrderCheck::new(checker, gradient.clone(), &mut probe);
    study.notes.extend(spread.note());
    study.linearity();
    study.directions();
    study.elements();
    study.explain_directions();
    study.localise();
    study.outcome()
}

/// One order's comparisons, as they are collected.
pub(super) struct OrderCheck<'p, 's, 'a, T: Float> {
    pub(super) checker: &'p Checker,
    pub(super) probe: &'p mut Probe<'s, 'a, T>,
    pub(super) gradient: Gradient,
    pub(super) rng: StdRng,
    pub(super) along: Vec<(Direction, Comparison)>,
    /// Comparisons of elements, by input and position in it.
    pub(super) elements: Vec<(usize, usize, Comparison)>,
    pub(super) notes: Vec<String>,
    /// What further ways of taking the derivative tell.
    pub(super) ways: Ways,
    /// The operation that forward mode cannot pass.
    pub(super) no_forward: Option<String>,
    pub(super) total: usize,
    /// The size of the function, of its derivatives, and of its change along a step of ordinary size as a slope; here
    /// or at a lower order, whichever is largest.
    pub(super) scale: f64,
}

impl<'p, 's, 'a, T: Float> OrderCheck<'p, 's, 'a, T> {
    fn new(checker: &'p Checker, gradient: Gradient, probe: &'p mut Probe<'s, 'a, T>) -> Self {
        let rng = StdRng::seed_from_u64(checker.seed);
        let total = probe.x.iter().map(Tensor::numel).sum();
        let (along, elements, notes) = (vec![], vec![], vec![]);
        let ways = Ways::new(probe.subject.source.other_gradients(&probe.subject.at));
        let (no_forward, scale) = (None, 0.0);
        let mut study =
            OrderCheck { checker, probe, gradient, rng, along, elements, notes, ways, no_forward, total, scale };
        let direction = study.random(|_| true);
        study.probe.noise = noise(|h| study.probe.at(&direction, h), T::EPSILON).max(study.probe.spread);
        let (h, centre) = (study.probe.unit(&direction), study.probe.centre);
        let slopes = [h, -h].map(|h| ((study.probe.at(&direction, h) - centre) / h).abs());
        let sizes = slopes.into_iter().chain([centre.abs(), study.most()]);
        study.scale = sizes.filter(|size| size.is_finite()).fold(study.probe.below, f64::max);
        study
    }

    /// A random direction over some of the inputs, or of the elements.
    fn random(&mut self, takes: impl FnMut(usize) -> bool) -> Direction {
        self.random_by(element_unit, takes)
    }

    /// The same, with components whose size may depend on that of the element.
    fn random_by(&mut self, size: impl Fn(f64) -> f64, mut takes: impl FnMut(usize) -> bool) -> Direction {
        let mut flat = 0;
        let rng = &mut self.rng;
        let mut component = |x: f64| {
            let u = weight(rng) * size(x);
            flat += 1;
            if takes(flat - 1) { u } else { 0.0 }
        };
        Direction::Along(self.probe.x.iter().map(|x| x.map(&mut component)).collect())
    }

    /// The given derivative along a direction, and the sum of the magnitudes of its terms.
    pub(super) fn slope(&self, u: &[Tensor]) -> (f64, f64) {
        let terms = || {
            self.gradient.iter().zip(u).flat_map(|((g, _), u)| {
                // An element that does not move adds nothing, not even its NaN.
                g.as_slice().iter().zip(u.as_slice()).map(|(g, u)| if *u == 0.0 { 0.0 } else { g * u })
            })
        };
        (terms().sum(), terms().map(f64::abs).sum())
    }

    /// The given derivative along a direction, and the magnitude of the terms of its sum.
    fn claim(&self, direction: &Direction) -> (f64, f64) {
        let Direction::Along(u) = direction else { unreachable!("a direction") };
        let (analytic, magnitude) = self.slope(u);
        (analytic, if magnitude.is_finite() { magnitude } else { 0.0 })
    }

    fn compare_along(&mut self, place: String, direction: &Direction) -> Comparison {
        let (analytic, magnitude) = self.claim(direction);
        self.probe.compare(place, direction, analytic, magnitude)
    }

    fn most(&self) -> f64 {
        self.gradient.iter().map(|(g, _)| largest(g)).fold(0.0, f64::max)
    }

    /// Tests that a rule is linear in the incoming gradient. The factor is a power of two, so that round-off scales
    /// with it, and negative, since a rule may depend on the sign.
    ///
    /// A rule of code without a tape may iterate, and is linear only as far as its iterations go.
    fn linearity(&mut self) {
        const SCALE: f64 = -1024.0;
        if !self.probe.subject.source.scales_by_rule(&self.probe.subject.at) {
            return;
        }
        let exact = 1e3 * T::EPSILON;
        let slack = if self.probe.subject.source.taped().is_some() { exact } else { 1e-3 };
        let smallest = if few_digits::<T>() { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
        let scaled = self.probe.subject.gradient(SCALE);
        let finite = |x: f64| if x.is_finite() { x.abs() } else { 0.0 };
        self.probe.crooked =
            self.gradient.iter().zip(&scaled).map(|((g, _), (s, _))| (s / SCALE - g).map(finite)).collect();
        let crooked = self.probe.crooked.iter().map(largest).fold(0.0, f64::max);
        if crooked > exact * self.most() && slack > exact {
            let by = self.probe.subject.source.name(self.probe.order);
            self.probe.iterated = ITERATED;
            self.notes.push(format!("the {by} is linear only to ± {crooked:.1e}, as one that iterates to a tolerance"));
        }
        for (input, ((g, _), (s, _))) in self.gradient.iter().zip(&scaled).enumerate() {
            let most = largest(g);
            // Round-off scales too, except below the smallest normal number.
            let rounding = slack * most.max(smallest);
            let off = |(_, (g, s)): &(usize, (&f64, &f64))| (*s - SCALE * *g).abs() > SCALE.abs() * rounding;
            if !(SCALE * most).is_finite() || !s.is_finite() {
                continue;
            }
            if let Some((at, (g, s))) = g.as_slice().iter().zip(s.as_slice()).enumerate().find(off) {
                let place = self.place(input, at);
                let direction = self.probe.element(input, at);
                let mut c = self.probe.compare(place, &direction, *g, 0.0);
                (c.verdict, c.cause) = (Verdict::Wrong, Some(Cause::NotLinear));
                c.reason = format!(
                    "the rule is not linear in the gradient that comes in: of −1024·f it gives {s:.6}, not −1024 · {g:.6}; \
                     is something clipped on the way back?"
                );
                self.elements.push((input, at, c));
                return;
            }
        }
    }

    fn directions(&mut self) {
        for number in 0..self.checker.directions {
            self.direction(format!("random direction {number}"), 0..self.total);
        }
        // Where elements are only sampled, each input is also moved alone, because a large input must not hide a
        // small one.
        if self.total > self.checker.elements && self.probe.x.len() > 1 && self.checker.directions > 0 {
            let mut start = 0;
            for input in 0..self.probe.x.len() {
                let range = start..start + self.probe.x[input].numel();
                start = range.end;
                self.direction(format!("random direction of {}", self.probe.subject.names[input]), range);
            }
        }
    }

    fn direction(&mut self, place: String, range: Range<usize>) {
        let mut direction = self.random(|flat| range.contains(&flat));
        let mut c = self.compare_along(place, &direction);
        if c.verdict != Verdict::Pass && self.can_come_closer(&range) {
            let size = |x: f64| if is_small(x) { x.abs() } else { element_unit(x) };
            let closer = self.random_by(size, |flat| range.contains(&flat));
            let (analytic, magnitude) = self.claim(&closer);
            if let Some(better) = self.probe.judge_closer(&c, &closer, analytic, magnitude) {
                (direction, c) = (closer, better);
            }
        }
        self.other_ways_along(&direction, &mut c);
        self.along.push((direction, c));
    }

    /// Whether a direction in proportion to small numbers would be just as informative. It hides a mistake in the
    /// smallest numbers, unless each is compared by itself or all are small.
    fn can_come_closer(&self, range: &Range<usize>) -> bool {
        let all = || self.probe.x.iter().flat_map(|x| x.as_slice().iter().copied());
        let mut moved = all().skip(range.start).take(range.len()).filter(|x| *x != 0.0);
        if self.total <= self.checker.elements { moved.any(is_small) } else { moved.all(is_small) }
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
        let (analytic, direction) = (g.as_slice()[at], self.probe.element(input, at));
        let magnitude = if analytic.is_finite() { analytic.abs() } else { 0.0 };
        let mut c = self.probe.compare(self.place(input, at), &direction, analytic, magnitude);
        if c.verdict != Verdict::Pass
            && let Some(closer) = self.probe.small_element(input, at)
            && let Some(better) = self.probe.judge_closer(&c, &closer, analytic, magnitude)
        {
            c = better;
        }
        self.other_ways_at(input, at, &mut c);
        self.elements.push((input, at, c));
    }

    /// Without operations to ask, a direction that is off by no more than its elements may be is no more wrong than
    /// these. The terms of its sum may cancel, and leave the errors of a solver that stops early.
    fn explain_directions(&mut self) {
        let seen = self.probe.subject.source.taped().is_some();
        let all = || self.elements.iter().map(|(_, _, c)| c);
        if seen || self.elements.len() < self.total || all().any(|c| c.verdict == Verdict::Wrong) {
            return;
        }
        let unsure = all().filter(|c| c.verdict == Verdict::Inconclusive);
        let Some(worst) = unsure.max_by(|a, b| a.badness().total_cmp(&b.badness())) else { return };
        let (cause, text) =
            (worst.cause.clone(), format!("no more than its elements may be: {}: {}", worst.place, worst.reason));
        for (direction, c) in &mut self.along {
            let (Direction::Along(u), Some(Cause::Unexplained)) = (&*direction, &c.cause) else { continue };
            let off = |(input, at, e): &(usize, usize, Comparison)| {
                u[*input].as_slice()[*at].abs() * e.difference().max(e.allowed)
            };
            if c.difference() <= 2.0 * self.elements.iter().map(off).sum::<f64>() {
                (c.verdict, c.cause) = (Verdict::Inconclusive, cause.clone());
                c.reason = format!("off by {:.1e}, {text}", c.difference());
            }
        }
    }

    /// Finds a wrong element by bisection, if a direction is wrong and no compared element is.
    fn localise(&mut self) {
        let wrong = |c: &Comparison| c.verdict == Verdict::Wrong && c.cause != Some(Cause::ForwardMode);
        if self.elements.len() >= self.total || self.elements.iter().any(|(_, _, c)| wrong(c)) {
            return;
        }
        let Some((Direction::Along(u), _)) = self.along.iter().find(|(_, c)| wrong(c)) else { return };
        let u = u.clone();
        let moved = |flat: &usize| {
            let (input, at) = self.locate(*flat);
            u[input].as_slice()[at] != 0.0
        };
        let mut suspects: Vec<usize> = (0..self.total).filter(moved).collect();
        while suspects.len() > 1 {
            let second = suspects.split_off(suspects.len() / 2);
            let [a, b] = [&suspects, &second].map(|half| {
                let direction = self.random(|flat| half.binary_search(&flat).is_ok());
                self.compare_along(String::new(), &direction)
            });
            if a.verdict == Verdict::Pass && b.verdict == Verdict::Pass {
                return;
            }
            suspects = if a.badness() >= b.badness() { suspects } else { second };
        }
        let (input, at) = self.locate(suspects[0]);
        if !self.elements.iter().any(|&(i, k, _)| (i, k) == (input, at)) {
            self.element(input, at);
        }
    }

    /// The input that holds a position among all values, and the position in it.
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
}

pub(super) fn largest(x: &Tensor) -> f64 {
    x.as_slice().iter().filter(|x| x.is_finite()).fold(0f64, |top, x| top.max(x.abs()))
}

/// Describes an element by the name of its input and its index.
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
