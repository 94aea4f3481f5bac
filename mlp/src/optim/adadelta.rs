//! [`Adadelta`]: steps in the units of the parameters.

use autograd::{Float, Gradients, Number, Parameters, Tensor};
use indexmap::IndexMap;

use super::Optimizer;
use super::memory::{Memory, Role, SQUARE, remembers};
use super::settings::{bounded, check_share, largest, setting};
use crate::Error;

/// The mean of squared steps.
const STEP_SQUARE: Role = Role::positive("step_square", "mean of squares");

/// Adadelta (Zeiler 2012): the ratio of past steps to past gradients is the learning rate of each number.
///
/// `v ← ρv + (1 − ρ)g²`, `δ = √(u + ε)/√(v + ε)·g`, `u ← ρu + (1 − ρ)δ²`, `w ← w − ηδ`; weight decay λ first adds `λw` to
/// g. The defaults are ρ = 0.9 and ε = 1e−6, as in the paper, which has η = 1. The first step is about √ε, so that it
/// begins slowly.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Adadelta, Optimizer};
/// let w = Param::<f64>::new([3.0]);
/// let mut optimizer = Adadelta::new(&Parameters::new().with("w", &w), 1.0);
/// let tape = Tape::new();
/// optimizer.step(&w.on(&tape).square().sum().backward());
/// assert!((3.0 - w.value().item() - (1e-6f64 / 0.1).sqrt()).abs() < 1e-8); // √ε/√((1 − ρ)g²)·g
/// ```
#[derive(Debug)]
pub struct Adadelta<T: Float = f64> {
    memory: Memory<T>,
    smoothing: f64,
    eps: f64,
    decay: f64,
}

impl<T: Float> Adadelta<T> {
    /// Creates Adadelta with learning rate η, usually 1.
    ///
    /// # Panics
    /// If `rate` is negative or not finite, or underflows to 0 or overflows in the number type of the parameters.
    #[track_caller]
    pub fn new(parameters: &Parameters<T>, rate: f64) -> Self {
        let memory = Memory::new(parameters, rate).keeping(&[SQUARE, STEP_SQUARE]);
        Adadelta { memory, smoothing: 0.9, eps: 1e-6, decay: 0.0 }
    }

    /// Sets the decay rate ρ of the means.
    ///
    /// # Panics
    /// If it lies outside [0, 1), also in the number type of the parameters.
    #[must_use]
    #[track_caller]
    pub fn smoothing(self, smoothing: f64) -> Self {
        check_share::<T>("adadelta", "smoothing", smoothing);
        Adadelta { smoothing, ..self }
    }

    setting!(eps, "adadelta");
    setting!(added decay, "adadelta");
}

impl<T: Float> Optimizer<T> for Adadelta<T> {
    fn step(&mut self, grads: &Gradients<'_, T>) {
        let most = largest::<T>();
        let [rate, eps, decay] = [self.memory.rate, self.eps, self.decay].map(T::from_f64);
        let [r, c] = [self.smoothing, 1.0 - self.smoothing].map(T::from_f64);
        self.memory.each(grads, |_| {
            move |w: &mut T, g, [v, u]: [&mut T; 2]| {
                let g = bounded(g + decay * *w, most);
                *v = r * *v + c * g * g;
                let step = Number::sqrt(*u + eps) / Number::sqrt(*v + eps) * g;
                *u = r * *u + c * step * step;
                *w = *w - rate * step;
            }
        });
    }

    remembers!();
}
