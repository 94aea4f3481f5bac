//! [`Adam`]: gradient descent with adaptive moments.

use autograd::{Float, Gradients, Number, Parameters, Tensor};
use indexmap::IndexMap;

use super::Optimizer;
use super::memory::{MEAN, Memory, Role, SQUARE, remembers};
use super::settings::{bounded, largest, setting};
use crate::Error;

/// The largest mean of squares so far.
const MOST: Role = Role::positive("most", "mean of squares");

/// Adam (Kingma & Ba 2015), with optional decoupled weight decay (AdamW, Loshchilov & Hutter 2019) and AMSGrad (Reddi,
/// Kale & Kumar 2018).
///
/// `m ← β₁m + (1 − β₁)g`, `v ← β₂v + (1 − β₂)g²`, both divided by `1 − βᵗ` to correct the bias of their start at 0,
/// then `w ← w − η·m̂/(√v̂ + ε)`. Weight decay λ first subtracts `ηλw`, usually with λ = 1e−2. AMSGrad divides by the
/// largest v so far. The defaults are β = (0.9, 0.999) and ε = 1e−8, as in the paper.
///
/// Values of g are clamped to ±2⁶³ in `f32` and ±2⁵¹¹ in `f64`, so that their squares do not overflow; a step of Adam
/// does not depend on the scale of g. A value that is NaN or infinite makes the parameter NaN; a
/// [`Trainer`](crate::Trainer) reports it before the step.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Adam, Optimizer};
/// let w = Param::<f64>::new([3.0]);
/// let mut optimizer = Adam::new(&Parameters::new().with("w", &w), 0.1);
/// let tape = Tape::new();
/// optimizer.step(&w.on(&tape).square().sum().backward());
/// assert!((w.value().item() - 2.9).abs() < 1e-8); // the first step is η, whatever the gradient
/// ```
#[derive(Debug)]
pub struct Adam<T: Float = f64> {
    memory: Memory<T>,
    betas: (f64, f64),
    eps: f64,
    decay: f64,
    amsgrad: bool,
}

impl<T: Float> Adam<T> {
    /// Creates Adam with learning rate η, usually 1e−3.
    ///
    /// # Panics
    /// If `rate` is negative or not finite, or underflows to 0 or overflows in the number type of the parameters.
    #[track_caller]
    pub fn new(parameters: &Parameters<T>, rate: f64) -> Self {
        let memory = Memory::new(parameters, rate).counting().keeping(&[MEAN, SQUARE]);
        Adam { memory, betas: (0.9, 0.999), eps: 1e-8, decay: 0.0, amsgrad: false }
    }

    setting!(betas, "adam");
    setting!(eps, "adam");
    setting!(decoupled decay, "adam");

    /// Divides by the largest mean of squares so far, so that steps do not grow again: AMSGrad.
    ///
    /// ```
    /// use autograd::{Param, Parameters};
    /// use mlp::{Adam, Optimizer};
    /// let parameters = Parameters::<f64>::new().with("w", &Param::new([4.0]));
    /// let state = Adam::new(&parameters, 0.1).amsgrad().state();
    /// assert!(state.contains_key("w.most"));
    /// ```
    #[must_use]
    pub fn amsgrad(self) -> Self {
        Adam { memory: self.memory.keeping(&[MEAN, SQUARE, MOST]), amsgrad: true, ..self }
    }
}

impl<T: Float> Optimizer<T> for Adam<T> {
    fn step(&mut self, grads: &Gradients<'_, T>) {
        let (beta1, beta2) = self.betas;
        let [b1, c1, b2, c2] = [beta1, 1.0 - beta1, beta2, 1.0 - beta2].map(T::from_f64);
        let (most, rate) = (largest::<T>(), self.memory.rate);
        let [eps, keep] = [self.eps, 1.0 - rate * self.decay].map(T::from_f64);
        // The bias corrections in f64, once per parameter.
        let corrected = |step| {
            let scale = 1.0 / (1.0 - beta2.powi(step)).sqrt();
            (T::from_f64(rate / (1.0 - beta1.powi(step))), T::from_f64(scale))
        };
        if self.amsgrad {
            return self.memory.each(grads, |step| {
                let (rate, scale) = corrected(step);
                move |w: &mut T, g, [m, v, top]: [&mut T; 3]| {
                    let g = bounded(g, most);
                    *m = b1 * *m + c1 * g;
                    *v = b2 * *v + c2 * g * g;
                    *top = if *top > *v { *top } else { *v };
                    *w = keep * *w - rate * *m / (Number::sqrt(*top) * scale + eps);
                }
            });
        }
        self.memory.each(grads, |step| {
            let (rate, scale) = corrected(step);
            move |w: &mut T, g, [m, v]: [&mut T; 2]| {
                let g = bounded(g, most);
                *m = b1 * *m + c1 * g;
                *v = b2 * *v + c2 * g * g;
                *w = keep * *w - rate * *m / (Number::sqrt(*v) * scale + eps);
            }
        });
    }

    remembers!();
}
