//! What rounding makes of the tape's own derivatives.
//!
//! Where the terms of a derivative cancel, all that is left of it is their rounding: by the tape the second derivative of
//! `sin(x/x)` is 5.6e-17 at 1.1875 and 0 a little beside it. Neither its size nor that of the function
//! tells how large the terms were, but its scatter over such points does: a smooth derivative, right or wrong, has none.
//! The weights of outputs and gradients are moved with the point, since the derivatives of a quadratic know only them.
//!
//! A rare rounding that happens to fall on the point itself shows at no other. At the orders beyond the first the function's own
//! size is known, and a derivative that moves it by less than its rounding over a step of 1 is not told from 0.

use std::collections::VecDeque;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::operations::Trace;
use super::probe::{Direction, Probe};
use super::subject::nudged;
use crate::number::Float;
use crate::tensor::Tensor;

impl<T: Float> Probe<'_, '_, T> {
    /// The standard deviation of the tape's derivative along a way; along a direction at the most, since the errors of its
    /// elements may be the same.
    pub(super) fn rounding(&mut self, direction: &Direction) -> f64 {
        let Probe { subject, rounding, .. } = self;
        let gradient = |k: f64| subject.nearby(k).gradient(1.0).into_iter().map(|(g, _)| g).collect();
        let by_element = rounding.get_or_insert_with(|| deviation(gradient));
        match direction {
            Direction::Along(u) => {
                let terms = by_element.iter().zip(u).flat_map(|(e, u)| (e * u).to_vec());
                terms.map(f64::abs).sum::<f64>().max(T::EPSILON * self.below)
            }
            &Direction::Element { input, at, .. } => {
                let x = self.x[input].as_slice()[at].abs();
                by_element[input].as_slice()[at].max(T::EPSILON * self.below / x.max(1.0))
            }
        }
    }

    /// The same from the gradient's own recording: what the rounding of each of its values adds up to. Terms that cancel to 0 at all
    /// points around do not scatter.
    pub(super) fn rounding_of_recording(&self, direction: &Direction) -> f64 {
        // Fused functions have three derivatives, of which this takes one more than the gradient.
        if self.order > 2 {
            return 0.0;
        }
        let weighted = self.subject.weighted(self.tangent(direction).iter().map(Tensor::cast).collect());
        let trace = Trace::of(&weighted, &weighted.point);
        trace.noise(&trace.adjoints())
    }

    /// The standard deviation of forward mode's derivative along a direction.
    pub(super) fn rounding_forward(&self, u: &[Tensor]) -> f64 {
        let tangent = |k: f64| {
            let mut rng = StdRng::seed_from_u64(1);
            let u: Vec<Tensor> = u.iter().map(|u| nudged::<T>(&u.cast(), k, &mut rng).cast()).collect();
            vec![Tensor::full([], self.subject.nearby(k).tangent(&u).unwrap_or(f64::NAN))]
        };
        deviation(tangent)[0].item().max(T::EPSILON * self.below)
    }
}

/// γ₄ = (4!)²/8!, which makes the mean square of fourth differences of white noise its variance.
const GAMMA: f64 = 576.0 / 40320.0;

/// The standard deviation of each value of `f`, a function of how far a point is moved in either direction, from its fourth
/// differences: the same as [`noise`](super::noise::noise), with more samples, since rounding that cancels is often 0.
pub(super) fn deviation(f: impl Fn(f64) -> Vec<Tensor>) -> Vec<Tensor> {
    const SAMPLES: usize = 32;
    // Each side alone: a gradient that jumps at the point does not scatter.
    let [above, below] = [1.0, -1.0].map(|side| {
        let mut last: VecDeque<Vec<Tensor>> = (1..=4).map(|k| f(side * f64::from(k))).collect();
        let mut squares: Vec<Tensor> = last[0].iter().map(|g| Tensor::zeros(g.shape())).collect();
        for k in 5..=SAMPLES {
            last.push_back(f(side * k as f64));
            for (number, sum) in squares.iter_mut().enumerate() {
                let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|k| &last[k][number]);
                *sum = &*sum + ((a + e) - 4.0 * (b + d) + 6.0 * c).square();
            }
            last.pop_front();
        }
        let count = (SAMPLES - 4) as f64;
        squares.iter().map(|sum| sum.map(|sum| (GAMMA * sum / count).sqrt())).collect::<Vec<_>>()
    });
    // Beyond the edge of a domain there is nothing to see.
    let finite = |x: f64| if x.is_finite() { x } else { 0.0 };
    above.iter().zip(&below).map(|(a, b)| a.map(finite).maximum(b.map(finite))).collect()
}
