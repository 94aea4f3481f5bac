//! The round-off of the derivatives that are checked.
//!
//! Where the terms of a derivative cancel, only their round-off is left: the second derivative of `sin(x/x)` by the tape
//! is 5.6e-17 at 1.1875, and 0 a little beside it. Neither its size nor that of the function shows how large the
//! terms were, but its scatter over nearby points does: a smooth derivative, correct or wrong, does not scatter. The
//! weights of outputs and gradients are moved with the point, since the derivatives of a quadratic depend on them
//! only.
//!
//! Of code without a tape two more things are known. A rule that iterates to a tolerance is not quite linear, by about
//! its error; and the function then iterates too. And a quotient by a small number `x`, as in `sin(x)/x`, errs by the round-off of `f/x`, the same at all
//! points around.
//!
//! A rare round-off error at the point itself appears at no other point. At the orders beyond the first the
//! function's own size is known, and a derivative that moves it by less than its round-off over a step of 1 is not
//! told from 0.

use std::collections::VecDeque;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::probe::{Direction, Probe, is_small};
use super::subject::{cast, nudged};
use crate::number::Float;
use crate::tensor::Tensor;

impl<T: Float> Probe<'_, '_, T> {
    /// The standard deviation of the given derivative along a direction; for one element it is at most that along a
    /// direction, since the errors of elements may be the same.
    pub(super) fn rounding(&mut self, direction: &Direction) -> f64 {
        let Probe { subject, rounding, crooked, centre, x, .. } = self;
        let at = |k: f64| subject.at.nearby(k);
        let gradient = |k: f64| subject.source.gradient(&at(k), 1.0).into_iter().map(|(g, _)| g).collect();
        let by_element = rounding.get_or_insert_with(|| {
            let mut found = deviation(gradient);
            if subject.source.taped().is_none() {
                found.iter_mut().zip(&*crooked).for_each(|(found, crooked)| *found = found.maximum(crooked));
                let quotient = |x: f64| if is_small(x) { 4.0 * T::EPSILON * (*centre / x).abs() } else { 0.0 };
                found.iter_mut().zip(&*x).for_each(|(found, x)| *found = found.maximum(x.map(quotient)));
            }
            found
        });
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

    /// The same from the values of the gradient, or of its recording: their combined round-off. Terms that cancel to 0
    /// at all points around do not scatter.
    pub(super) fn rounding_of_values(&self, direction: &Direction) -> f64 {
        // Fused functions have three derivatives, and this takes one more than the gradient.
        if self.order > 2 {
            return 0.0;
        }
        self.subject.source.noise(&self.subject.at.weighted(cast(&self.tangent(direction))))
    }

    /// The standard deviation of the forward-mode derivative along a direction.
    pub(super) fn rounding_forward(&self, u: &[Tensor]) -> f64 {
        let tangent = |k: f64| {
            let mut rng = StdRng::seed_from_u64(1);
            let u: Vec<Tensor<T>> = u.iter().map(|u| nudged::<T>(&u.cast(), k, &mut rng)).collect();
            let found = self.subject.source.tangent(&self.subject.at.nearby(k), &u);
            vec![Tensor::full([], found.ok().flatten().unwrap_or(f64::NAN))]
        };
        deviation(tangent)[0].item().max(T::EPSILON * self.below)
    }
}

/// γ₄ = (4!)²/8!, which makes the mean square of fourth differences of white noise its variance.
const GAMMA: f64 = 576.0 / 40320.0;

/// The standard deviation of each value of `f`, a function of the distance by which a point is moved either way, from
/// its fourth differences. This is [`noise`](super::noise::noise) with more samples, since round-off that cancels is
/// often 0.
pub(super) fn deviation(f: impl Fn(f64) -> Vec<Tensor>) -> Vec<Tensor> {
    const SAMPLES: usize = 32;
    // Each side alone, because a gradient that jumps at the point does not scatter.
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
    // Values beyond the edge of a domain do not count.
    let finite = |x: f64| if x.is_finite() { x } else { 0.0 };
    above.iter().zip(&below).map(|(a, b)| a.map(finite).maximum(b.map(finite))).collect()
}
