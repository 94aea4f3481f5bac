//! [`Lion`]: steps along the signs of a momentum.

use autograd::{Float, Gradients, Parameters, Tensor};
use indexmap::IndexMap;

use super::Optimizer;
use super::memory::{MEAN, Memory, remembers};
use super::settings::setting;
use crate::Error;

/// Lion (Chen et al. 2023): every number moves by η, along the sign of a momentum.
///
/// `c = β₁m + (1 − β₁)g`, `w ← w − η·(sign(c) + λw)`, `m ← β₂m + (1 − β₂)g`. It keeps one array for each parameter, where
/// [`Adam`](crate::Adam) keeps two. The defaults are β = (0.9, 0.99) and λ = 0; the paper has η three to ten times
/// smaller than that of Adam, and λ larger by the same factor.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Lion, Optimizer};
/// let w = Param::new([3.0, -2.0, 0.0]);
/// let mut optimizer = Lion::new(&Parameters::new().with("w", &w), 0.25);
/// let tape = Tape::new();
/// optimizer.step(&w.on(&tape).square().sum().backward());
/// assert_eq!(w.value().to_vec(), [2.75, -1.75, 0.0]);
/// ```
#[derive(Debug)]
pub struct Lion<T: Float = f64> {
    memory: Memory<T>,
    betas: (f64, f64),
    decay: f64,
}

impl<T: Float> Lion<T> {
    /// Creates Lion with learning rate η, usually 1e−4.
    ///
    /// # Panics
    /// If `rate` is negative or not finite, or underflows to 0 or overflows in the number type of the parameters.
    #[track_caller]
    pub fn new(parameters: &Parameters<T>, rate: f64) -> Self {
        Lion { memory: Memory::new(parameters, rate).keeping(&[MEAN]), betas: (0.9, 0.99), decay: 0.0 }
    }

    setting!(betas, "lion");
    setting!(decoupled decay, "lion");
}

impl<T: Float> Optimizer<T> for Lion<T> {
    fn step(&mut self, grads: &Gradients<'_, T>) {
        let (beta1, beta2) = self.betas;
        let [b1, c1, b2, c2] = [beta1, 1.0 - beta1, beta2, 1.0 - beta2].map(T::from_f64);
        let rate = self.memory.rate;
        let [keep, rate] = [1.0 - rate * self.decay, rate].map(T::from_f64);
        let (zero, one) = (T::zero(), T::one());
        self.memory.each(grads, |_| {
            move |w: &mut T, g, [m]: [&mut T; 1]| {
                let c = b1 * *m + c1 * g;
                // 0 stays 0; what is not finite becomes NaN, so that the error shows.
                let sign = if c > zero {
                    one
                } else if c < zero {
                    -one
                } else {
                    c
                };
                *m = b2 * *m + c2 * g;
                *w = keep * *w - rate * (sign + g * zero);
            }
        });
    }

    remembers!();
}
