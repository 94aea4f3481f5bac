//! [`Adagrad`]: gradients divided by the root of the sum of their squares.

use autograd::{Float, Gradients, Number, Parameters, Tensor};
use indexmap::IndexMap;

use super::Optimizer;
use super::memory::{Memory, Role, remembers};
use super::settings::{bounded, largest, setting};
use crate::Error;
use crate::error::shown;

const SUM: Role = Role::positive("sum", "sum of squares");

/// Adagrad (Duchi, Hazan & Singer 2011): gradients divided by the root of the sum of all their squares.
///
/// `s ← s + g²`, `w ← w − η/(1 + (t − 1)δ)·g/(√s + ε)`, with a decay δ of the rate; weight decay λ first adds `λw` to g.
/// Steps shrink as `1/√t` where gradients stay alike, and stay long for rare features. The defaults are ε = 1e−10 and
/// δ = 0, as in PyTorch. A sum that would overflow stays at the largest power of two whose root is finite.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Adagrad, Optimizer};
/// let w = Param::<f64>::new([3.0]);
/// let mut optimizer = Adagrad::new(&Parameters::new().with("w", &w), 0.1);
/// for k in 1..3 {
///     let (before, tape) = (w.value().item(), Tape::new());
///     optimizer.step(&w.on(&tape).sum().backward());
///     assert!((before - w.value().item() - 0.1 / f64::from(k).sqrt()).abs() < 1e-9);
/// }
/// ```
#[derive(Debug)]
pub struct Adagrad<T: Float = f64> {
    memory: Memory<T>,
    eps: f64,
    decay: f64,
    rate_decay: f64,
}

impl<T: Float> Adagrad<T> {
    /// Creates Adagrad with learning rate η, usually 1e−2.
    ///
    /// # Panics
    /// If `rate` is negative or not finite, or underflows to 0 or overflows in the number type of the parameters.
    #[track_caller]
    pub fn new(parameters: &Parameters<T>, rate: f64) -> Self {
        let memory = Memory::new(parameters, rate).counting().keeping(&[SUM]);
        Adagrad { memory, eps: 1e-10, decay: 0.0, rate_decay: 0.0 }
    }

    setting!(eps, "adagrad");
    setting!(added decay, "adagrad");

    /// Sets the decay δ of the learning rate.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn rate_decay(self, rate_decay: f64) -> Self {
        let (what, ok) = (shown(rate_decay), rate_decay >= 0.0 && rate_decay.is_finite());
        assert!(ok, "adagrad: a decay {what} of the learning rate is not a finite number ≥ 0");
        Adagrad { rate_decay, ..self }
    }
}

impl<T: Float> Optimizer<T> for Adagrad<T> {
    fn step(&mut self, grads: &Gradients<'_, T>) {
        let (most, rate, slower) = (largest::<T>(), self.memory.rate, self.rate_decay);
        let [eps, decay] = [self.eps, self.decay].map(T::from_f64);
        let full = most * most;
        self.memory.each(grads, |step| {
            let rate = T::from_f64(rate / (1.0 + f64::from(step - 1) * slower));
            move |w: &mut T, g, [s]: [&mut T; 1]| {
                let g = bounded(g + decay * *w, most);
                let sum = *s + g * g;
                *s = if sum > full { full } else { sum };
                *w = *w - rate * g / (Number::sqrt(*s) + eps);
            }
        });
    }

    remembers!();
}
