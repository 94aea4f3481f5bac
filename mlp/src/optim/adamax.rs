//! [`Adamax`]: Adam with the largest gradient in place of the mean square.

use autograd::{Float, Gradients, Number, Parameters, Tensor};
use indexmap::IndexMap;

use super::Optimizer;
use super::memory::{MEAN, Memory, Role, remembers};
use super::settings::{bounded, largest, setting};
use crate::Error;

const LARGEST: Role = Role::positive("largest", "size of gradients");

/// Adamax (Kingma & Ba 2015, section 7.1): Adam with the largest gradient, slowly forgotten, in place of the mean square.
///
/// `m ← β₁m + (1 − β₁)g`, `u ← max(β₂u, |g| + ε)`, `w ← w − η/(1 − β₁ᵗ)·m/u`; weight decay λ first adds `λw` to g. A step
/// is at most η, and u needs no correction of its bias. The defaults are β = (0.9, 0.999) as in the paper, and ε = 1e−8
/// as in PyTorch, against 0/0.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Adamax, Optimizer};
/// let w = Param::<f64>::new([3.0]);
/// let mut optimizer = Adamax::new(&Parameters::new().with("w", &w), 0.1);
/// let tape = Tape::new();
/// optimizer.step(&w.on(&tape).square().sum().backward());
/// assert!((w.value().item() - 2.9).abs() < 1e-8); // the first step is η, whatever the gradient
/// ```
#[derive(Debug)]
pub struct Adamax<T: Float = f64> {
    memory: Memory<T>,
    betas: (f64, f64),
    eps: f64,
    decay: f64,
}

impl<T: Float> Adamax<T> {
    /// Creates Adamax with learning rate η, usually 2e−3.
    ///
    /// # Panics
    /// If `rate` is negative or not finite, or underflows to 0 or overflows in the number type of the parameters.
    #[track_caller]
    pub fn new(parameters: &Parameters<T>, rate: f64) -> Self {
        let memory = Memory::new(parameters, rate).counting().keeping(&[MEAN, LARGEST]);
        Adamax { memory, betas: (0.9, 0.999), eps: 1e-8, decay: 0.0 }
    }

    setting!(betas, "adamax");
    setting!(eps, "adamax");
    setting!(added decay, "adamax");
}

impl<T: Float> Optimizer<T> for Adamax<T> {
    fn step(&mut self, grads: &Gradients<'_, T>) {
        let (beta1, beta2) = self.betas;
        let [b1, c1, b2] = [beta1, 1.0 - beta1, beta2].map(T::from_f64);
        let (most, rate) = (largest::<T>(), self.memory.rate);
        let [eps, decay] = [self.eps, self.decay].map(T::from_f64);
        self.memory.each(grads, |step| {
            let rate = T::from_f64(rate / (1.0 - beta1.powi(step)));
            move |w: &mut T, g, [m, u]: [&mut T; 2]| {
                let g = bounded(g + decay * *w, most);
                *m = b1 * *m + c1 * g;
                let (before, now) = (b2 * *u, Number::abs(g) + eps);
                *u = if before > now { before } else { now };
                *w = *w - rate * *m / *u;
            }
        });
    }

    remembers!();
}
