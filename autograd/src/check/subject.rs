//! The checked function: a function of inputs or parameters, reduced to one number, with its value and derivatives.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::probe::few_digits;
use super::source::Source;
use crate::number::Float;
use crate::tensor::Tensor;

/// A function at a point, reduced to one number `φ`.
pub(crate) struct CheckedFunction<'a, T: Float> {
    pub(super) names: Vec<String>,
    pub(super) at: At<T>,
    pub(super) source: &'a dyn Source<T>,
}

/// A point, and the weights that make one number of a function: `⟨v, f(x)⟩`, or at second order `⟨w, ∇⟨v, f(x)⟩⟩`,
/// with random `v` and `w`, and so on.
#[derive(Debug, Clone)]
pub(super) struct At<T: Float> {
    pub(super) point: Vec<Tensor<T>>,
    /// Weights of the outputs.
    pub(super) v: Tensor<T>,
    /// Weights of the gradient, for each order beyond the first.
    pub(super) w: Vec<Vec<Tensor<T>>>,
}

/// A number's gradient with respect to each input, and whether it depends on the input at all.
pub(super) type Gradient = Vec<(Tensor, bool)>;

impl<'a, T: Float> CheckedFunction<'a, T> {
    pub(super) fn new(names: Vec<String>, point: Vec<Tensor<T>>, source: &'a dyn Source<T>, seed: u64) -> Self {
        let y = source.output(&point);
        let mut rng = StdRng::seed_from_u64(seed);
        // A single value is used as it is, so that its derivatives are those that the reader expects.
        let v = if y.numel() == 1 { y.map(|_| T::one()) } else { y.map(|_| T::from_f64(weight(&mut rng))) };
        CheckedFunction { names, at: At { point, v, w: vec![] }, source }
    }

    /// Replaces `φ` by the component of its gradient along random weights.
    pub(super) fn raise(&mut self, seed: u64) {
        let mut rng = StdRng::seed_from_u64(seed);
        self.at.w.push(self.at.point.iter().map(|x| x.map(|_| T::from_f64(weight(&mut rng)))).collect());
    }

    /// The function's own output, not reduced to one number.
    pub(super) fn output(&self, x: &[Tensor]) -> Tensor<T> {
        self.source.output(&cast(x))
    }

    /// The value `φ(x)`.
    pub(super) fn value(&self, x: &[Tensor]) -> f64 {
        self.source.value(&self.at, &cast(x))
    }

    /// The gradient of `scale·φ` at the point.
    pub(super) fn gradient(&self, scale: f64) -> Gradient {
        self.source.gradient(&self.at, scale)
    }
}

impl<T: Float> At<T> {
    /// The same for the component of the gradient along `w`.
    pub(super) fn weighted(&self, w: Vec<Tensor<T>>) -> Self {
        let mut at = self.clone();
        at.w.push(w);
        at
    }

    /// The same with a point and weights that are `k` [nudges](nudged) away.
    pub(super) fn nearby(&self, k: f64) -> Self {
        let mut rng = StdRng::seed_from_u64(0);
        let mut all = |x: &[Tensor<T>]| x.iter().map(|x| nudged(x, k, &mut rng)).collect::<Vec<_>>();
        At {
            point: all(&self.point),
            v: all(std::slice::from_ref(&self.v)).remove(0),
            w: self.w.iter().map(|w| all(w)).collect(),
        }
    }
}

/// Numbers in another type.
pub(super) fn cast<T: Float>(x: &[Tensor]) -> Vec<Tensor<T>> {
    x.iter().map(Tensor::cast).collect()
}

/// Moves every element by `k` times a small step of its own. The step is small enough for derivatives to stay the
/// same, and enough units in the last place long for the round-off of cancelling terms to be drawn again.
pub(super) fn nudged<T: Float>(x: &Tensor<T>, k: f64, rng: &mut StdRng) -> Tensor<T> {
    // Of full precision, unlike the directions: sums of short numbers do not round.
    let mut step = |x: f64| nudge::<T>(rng) * x.abs().max(1.0);
    x.map(|x| T::from_f64(x.to_f64() + k * step(x.to_f64())))
}

/// The same for a direction, in proportion to its numbers, which may be of any size.
pub(super) fn nudged_direction<T: Float>(u: &Tensor, k: f64, rng: &mut StdRng) -> Tensor {
    u.map(|u| u * (1.0 + k * nudge::<T>(rng)))
}

/// A few units in the last place of 1.
fn nudge<T: Float>(rng: &mut StdRng) -> f64 {
    let units = if few_digits::<T>() { 8.0 } else { 16384.0 };
    units * T::EPSILON * rng.random_range(0.5..1.5)
}

/// A random weight: plus or minus a number from ½ to 1½. It has 20 binary digits after the point: enough that no two
/// weights are the same and no two errors cancel, and few enough that steps of ordinary size along it are exact.
pub(super) fn weight(rng: &mut StdRng) -> f64 {
    const ONE: u32 = 1 << 20;
    let size = f64::from(rng.random_range(ONE / 2..ONE + ONE / 2)) / f64::from(ONE);
    if rng.random() { size } else { -size }
}
