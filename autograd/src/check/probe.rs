//! The whole function along a direction: all inputs at once, or one element.

use super::compare::largest;
use super::comparison::Claim;
use super::grain::Grain;
use super::line::{Line, Sampled};
use super::noise::noise;
use super::report::{Comparison, Verdict};
use super::subject::{CheckedFunction, cast};
use crate::number::Float;
use crate::tensor::Tensor;

/// Whether samples have the few digits of `f32`.
pub(super) const fn few_digits<T: Float>() -> bool {
    T::EPSILON > 1e-10
}

/// The direction in which the inputs move.
#[derive(Debug, Clone)]
pub(super) enum Direction {
    /// All inputs at once.
    Along(Vec<Tensor>),
    /// One element, with steps up to `unit`.
    Element { input: usize, at: usize, unit: f64 },
}

/// A function whose samples are taken around a point.
pub(super) struct Probe<'s, 'a, T: Float> {
    pub(super) subject: &'s mut CheckedFunction<'a, T>,
    pub(super) x: Vec<Tensor>,
    /// The value at the point.
    pub(super) centre: f64,
    /// The standard deviation of a sample, as measured from samples.
    pub(super) noise: f64,
    /// The spread of samples at one point, of a function that does not repeat itself to the bit.
    pub(super) spread: f64,
    /// The standard deviation of a sample, as computed from the values behind it, once requested.
    pub(super) noise_of_values: Option<f64>,
    pub(super) order: usize,
    pub(super) rtol: f64,
    /// The size of the function and its derivatives at the lower orders.
    pub(super) below: f64,
    /// The size below which a derivative is no part of the gradient; `None` where operations tell more.
    pub(super) negligible: Option<f64>,
    /// How far a rule is from linear, by element.
    pub(super) crooked: Vec<Tensor>,
    /// The part of a derivative that iterations may be off by, of a rule that is not quite linear; else 0.
    pub(super) iterated: f64,
    /// The largest element of the gradient.
    pub(super) most: f64,
    /// The round-off of the given derivative with respect to each element, once requested.
    pub(super) rounding: Option<Vec<Tensor>>,
}

impl<T: Float> Probe<'_, '_, T> {
    /// The function's value at step `h`.
    pub(super) fn at(&mut self, direction: &Direction, h: f64) -> f64 {
        self.moved(direction, h, |subject, x| subject.value(x))
    }

    /// Calls `ask` with the inputs at step `h`.
    fn moved<R>(
        &mut self,
        direction: &Direction,
        h: f64,
        ask: impl FnOnce(&CheckedFunction<'_, T>, &[Tensor]) -> R,
    ) -> R {
        match direction {
            Direction::Along(u) => {
                let moved: Vec<Tensor> = self.x.iter().zip(u).map(|(x, u)| x + &(h * u)).collect();
                ask(self.subject, &moved)
            }
            &Direction::Element { input, at, .. } => {
                let x = self.x[input].as_slice()[at];
                self.x[input].as_mut_slice()[at] = x + h;
                let answer = ask(self.subject, &self.x);
                self.x[input].as_mut_slice()[at] = x;
                answer
            }
        }
    }

    /// The largest step along a direction: short enough for the curvature of ordinary functions, long enough for the
    /// digits.
    pub(super) fn unit(&self, direction: &Direction) -> f64 {
        let first = if few_digits::<T>() { 1.0 / 8.0 } else { 1.0 / 64.0 };
        match direction {
            Direction::Along(_) => first,
            Direction::Element { unit, .. } => first * unit,
        }
    }

    /// The direction of one element.
    pub(super) fn element(&self, input: usize, at: usize) -> Direction {
        Direction::Element { input, at, unit: element_unit(self.x[input].as_slice()[at]) }
    }

    /// The direction of one small element, with steps in proportion to it.
    pub(super) fn small_element(&self, input: usize, at: usize) -> Option<Direction> {
        let x = self.x[input].as_slice()[at];
        is_small(x).then(|| Direction::Element {
            input,
            at,
            unit: x.abs().max(f64::MIN_POSITIVE).log2().floor().exp2(),
        })
    }

    fn grain(&self, direction: &Direction) -> Grain {
        match direction {
            Direction::Along(u) => {
                let pairs = self.x.iter().zip(u).flat_map(|(x, u)| x.as_slice().iter().zip(u.as_slice()));
                Grain::along(pairs.map(|(x, u)| (*x, *u)), T::EPSILON)
            }
            &Direction::Element { input, at, .. } => Grain::of_element(self.x[input].as_slice()[at], T::EPSILON),
        }
    }

    /// A unit vector along the direction, as tangents for forward mode.
    pub(super) fn tangent(&self, direction: &Direction) -> Vec<Tensor> {
        match direction {
            Direction::Along(u) => u.clone(),
            &Direction::Element { input, at, .. } => {
                let mut u: Vec<Tensor> = self.x.iter().map(|x| Tensor::zeros(x.shape())).collect();
                u[input].as_mut_slice()[at] = 1.0;
                u
            }
        }
    }

    /// Calls `ask` with the function along a direction.
    pub(super) fn along<R>(&mut self, direction: &Direction, ask: impl FnOnce(&mut Line<'_>) -> R) -> R {
        let (noise, centre, unit, grain) = (self.noise, self.centre, self.unit(direction), self.grain(direction));
        let mut along = Along { probe: self, direction };
        ask(&mut Line::new(&mut along, T::EPSILON, noise, centre, unit).with_grain(grain))
    }

    /// Compares the given derivative along a direction with differences. `magnitude` is that of the terms of its
    /// sum.
    pub(super) fn compare(
        &mut self,
        place: String,
        direction: &Direction,
        analytic: f64,
        magnitude: f64,
    ) -> Comparison {
        let point = match *direction {
            Direction::Along(_) => self.x.iter().map(largest).fold(0.0, f64::max),
            Direction::Element { input, at, .. } => self.x[input].as_slice()[at].abs(),
        };
        let (order, by) = (self.order, self.subject.source.name(self.order));
        let (rtol, alone, negligible) = (self.rtol, false, self.negligible);
        let iterated = self.iterated * magnitude.max(self.most);
        let claim = Claim { by, analytic, magnitude, rtol, point, alone, negligible, iterated };
        self.along(direction, |line| claim.compare(line, place, order))
    }
}

impl<T: Float> Probe<'_, '_, T> {
    /// Judges again along a direction in proportion to small numbers; returns the result if it is more conclusive.
    pub(super) fn judge_closer(
        &mut self,
        before: &Comparison,
        direction: &Direction,
        analytic: f64,
        magnitude: f64,
    ) -> Option<Comparison> {
        let scale = match direction {
            Direction::Along(_) => 1.0,
            Direction::Element { unit, .. } => *unit,
        };
        // Noise at ordinary steps may be smooth variation at these.
        let noise = noise(|h| self.at(direction, scale * h), T::EPSILON).max(self.spread);
        let ordinary = std::mem::replace(&mut self.noise, noise);
        let closer = self.compare(before.place.clone(), direction, analytic, magnitude);
        self.noise = ordinary;
        let more = match before.verdict {
            Verdict::Inconclusive => closer.verdict != Verdict::Inconclusive,
            _ => closer.verdict == Verdict::Pass,
        };
        more.then_some(closer)
    }
}

/// The function along a direction.
struct Along<'p, 's, 'a, T: Float> {
    probe: &'p mut Probe<'s, 'a, T>,
    direction: &'p Direction,
}

impl<T: Float> Sampled for Along<'_, '_, '_, T> {
    fn at(&mut self, h: f64) -> f64 {
        self.probe.at(self.direction, h)
    }

    fn terms(&mut self, h: f64) -> Vec<(f64, f64)> {
        self.probe.moved(self.direction, h, |subject, x| subject.source.terms(&subject.at, &cast(x)))
    }

    /// The combined round-off of the values behind a sample. Samples need not show it, since coarsely rounded values
    /// are equal.
    fn noise(&mut self) -> f64 {
        let Probe { subject, noise_of_values, .. } = &mut *self.probe;
        *noise_of_values.get_or_insert_with(|| subject.source.noise(&subject.at))
    }

    fn rounding(&mut self) -> f64 {
        self.probe.rounding(self.direction).max(self.probe.rounding_of_values(self.direction))
    }
}

/// Larger points are moved by steps that grow with them, so that the steps are not lost in round-off.
const LARGE: f64 = 1024.0;

/// The size of an element's steps: a power of two, so that `x + h` loses as little as possible.
pub(super) fn element_unit(x: f64) -> f64 {
    let unit = (x.abs() / LARGE).max(1.0).log2().floor().exp2();
    if unit.is_finite() { unit } else { 1.0 }
}

/// Smaller numbers are also moved by steps in proportion to them: the edge of the domain may be that close, or the
/// function may vary that fast.
const SMALL: f64 = 1.0 / 64.0;

pub(super) fn is_small(x: f64) -> bool {
    x != 0.0 && x.abs() < SMALL
}
