//! Several derivatives of one function, held against each other: forward mode, the jvp of a function beside its vjp, a
//! gradient beside a Jacobian.
//!
//! Of `⟨v, J·u⟩ = ⟨Jᵀ·v, u⟩` both sides are exact but for round-off, so that they are compared more closely than
//! differences allow. Where they are not equal, differences tell which side is wrong.

use super::compare::{ITERATED, OrderCheck};
use super::comparison::{SAFETY, SMALLEST};
use super::probe::Direction;
use super::report::{Cause, Comparison, Verdict};
use super::subject::cast;
use crate::number::Float;
use crate::tensor::Tensor;

/// The part of a derivative by which two must differ to contradict each other where differences do not tell.
const APART: f64 = 1e-2;

/// The further ways of taking the derivative, and what they tell.
#[derive(Debug, Default)]
pub(super) struct Ways {
    gradients: Vec<(&'static str, Vec<Tensor>)>,
    /// The way that agrees with differences where the first one does not.
    pub(super) right: Option<&'static str>,
    /// Whether two ways differ by more than round-off where differences agree with both.
    pub(super) apart: Option<String>,
}

impl Ways {
    pub(super) fn new(gradients: Vec<(&'static str, Vec<Tensor>)>) -> Self {
        Ways { gradients, ..Ways::default() }
    }
}

impl<T: Float> OrderCheck<'_, '_, '_, T> {
    fn is_taped(&self) -> bool {
        self.probe.subject.source.taped().is_some()
    }

    /// Compares the derivatives along a direction by all further ways.
    pub(super) fn other_ways_along(&mut self, direction: &Direction, c: &mut Comparison) {
        let u = self.probe.tangent(direction);
        let magnitude = self.slope(&u).1;
        self.forward_way(direction, &u, magnitude, c);
        let dot = |g: &[Tensor]| {
            let pairs = g.iter().zip(&u).flat_map(|(g, u)| g.as_slice().iter().zip(u.as_slice()));
            pairs.map(|(g, u)| if *u == 0.0 { 0.0 } else { g * u }).sum()
        };
        let others: Vec<(&'static str, f64)> = self.ways.gradients.iter().map(|(name, g)| (*name, dot(g))).collect();
        others.into_iter().for_each(|(name, other)| self.weigh_way(c, direction, magnitude, name, other));
    }

    /// The same for one element.
    pub(super) fn other_ways_at(&mut self, input: usize, at: usize, c: &mut Comparison) {
        let direction = self.probe.element(input, at);
        let magnitude = c.analytic.abs();
        // Forward mode of a tape has been compared along directions, and a gradient of jvps consists of them.
        if !self.is_taped() && c.by != "jvp" {
            let u = self.probe.tangent(&direction);
            self.forward_way(&direction, &u, magnitude, c);
        }
        let element = |(name, g): &(&'static str, Vec<Tensor>)| (*name, g[input].as_slice()[at]);
        let others: Vec<(&'static str, f64)> = self.ways.gradients.iter().map(element).collect();
        others.into_iter().for_each(|(name, other)| self.weigh_way(c, &direction, magnitude, name, other));
    }

    fn forward_way(&mut self, direction: &Direction, u: &[Tensor], magnitude: f64, c: &mut Comparison) {
        let subject = &self.probe.subject;
        let forward = match subject.source.tangent(&subject.at, &cast(u)) {
            Ok(Some(forward)) => forward,
            Ok(None) => return,
            Err(error) => {
                self.no_forward = Some(error.to_string());
                return;
            }
        };
        c.forward = Some(forward);
        let name = if self.is_taped() { "forward mode" } else { "jvp" };
        self.weigh_way(c, direction, magnitude, name, forward);
    }

    /// How far a jvp is from linear: by about its error, if it iterates to a tolerance.
    fn crooked_forward(&self, u: &[Tensor], forward: f64) -> f64 {
        const SCALE: f64 = -1024.0;
        let subject = &self.probe.subject;
        let scaled: Vec<Tensor> = u.iter().map(|u| SCALE * u).collect();
        let found = subject.source.tangent(&subject.at, &cast(&scaled)).ok().flatten();
        let off = found.map_or(0.0, |found| (found / SCALE - forward).abs());
        // What is far from linear is an error by itself.
        if off <= 1e-3 * forward.abs() { off } else { 0.0 }
    }

    /// Weighs a comparison with the same derivative by another way.
    fn weigh_way(&mut self, c: &mut Comparison, direction: &Direction, magnitude: f64, name: &'static str, other: f64) {
        let exact = 1e3 * T::EPSILON * magnitude;
        let gap = (other - c.analytic).abs();
        if gap <= exact {
            return;
        }
        let u = self.probe.tangent(direction);
        let rounding = |study: &mut Self| match name {
            "forward mode" => study.probe.rounding_forward(&u),
            "jvp" => study.probe.rounding_forward(&u).max(study.probe.rounding(direction)),
            _ => study.probe.rounding(direction),
        };
        // As small as the error of an iteration that stops early may be.
        let small = if self.is_taped() {
            0.0
        } else if self.probe.iterated > 0.0 || name == "jvp" && self.crooked_forward(&u, other) > exact {
            ITERATED * magnitude.max(self.probe.most)
        } else {
            SMALLEST * other.abs()
        };
        // Differences that pass may still be nearer to one way than to the other.
        let off = gap.min((other - c.numeric.value).abs());
        match c.verdict {
            Verdict::Pass if off.is_nan() || off > c.allowed + exact + small && off > SAFETY * rounding(self) => {
                let cause = if c.by == name { Cause::NotLinear } else { Cause::ForwardMode };
                (c.verdict, c.cause) = (Verdict::Wrong, Some(cause));
                c.reason = if c.by == name {
                    format!(
                        "the jvp is not linear: it gives {other:.9e}, and of the elements {:.9e} in all",
                        c.analytic
                    )
                } else if self.is_taped() {
                    format!("forward mode gives {other:.9e}, where reverse mode and differences agree")
                } else {
                    format!(
                        "the {name} gives {other:.9e}, where the {} and the differences agree: the {name} is wrong",
                        c.by
                    )
                };
            }
            _ if self.is_taped() || c.by == name => {}
            Verdict::Pass if self.ways.apart.is_none() && gap > SAFETY * rounding(self) => {
                let Comparison { by, place, .. } = &*c;
                self.ways.apart = Some(format!(
                    "the {by} and the {name} differ by {gap:.1e} at {place}, more than round-off; the differences agree with both"
                ));
            }
            Verdict::Wrong if c.cause == Some(Cause::Unexplained) => {
                let size = other.abs().max(c.numeric.value.abs());
                if (other - c.numeric.value).abs() <= c.rtol * size + c.safety * c.numeric.error {
                    self.ways.right = Some(name);
                }
            }
            Verdict::Inconclusive if matches!(c.cause, Some(Cause::Unresolved | Cause::IllScaled)) => {
                let size = magnitude.max(other.abs());
                if gap > APART * size && gap > SAFETY * rounding(self) {
                    let reason = format!("the {} gives {:.9e}, and the {name} {other:.9e}", c.by, c.analytic);
                    // What is below the round-off of the function may be below that of its derivatives.
                    if gap > 1e3 * T::EPSILON * self.scale {
                        (c.verdict, c.cause) = (Verdict::Wrong, Some(Cause::Disagreement));
                        c.reason = format!("{reason}; at least one is wrong, and {}", c.reason);
                    } else {
                        c.reason = format!("{}; {reason}", c.reason);
                    }
                }
            }
            _ => {}
        }
    }
}
