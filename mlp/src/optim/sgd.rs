//! [`Sgd`]: gradient descent.

use autograd::{Float, Gradients, Parameters, Tensor};
use indexmap::IndexMap;

use super::Optimizer;
use super::memory::{Memory, Role, remembers};
use super::settings::{check_share, setting};
use crate::Error;

const VELOCITY: Role = Role::any("velocity");

/// Gradient descent `w ← w − ηg`, with optional momentum, Nesterov momentum and weight decay.
///
/// With decay λ and momentum μ: `g ← g + λw`, `v ← μv + g`, `w ← w − ηv`; with Nesterov `w ← w − η(g + μv)` (Sutskever
/// et al. 2013, in the form of present libraries).
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Optimizer, Sgd};
/// let w = Param::new([1.0]);
/// let mut optimizer = Sgd::new(&Parameters::new().with("w", &w), 0.5).momentum(0.5);
/// for expected in [0.5, -0.25] {
///     let tape = Tape::new();
///     optimizer.step(&w.on(&tape).sum().backward()); // g = 1, v = 1 then 1.5
///     assert_eq!(w.value().item(), expected);
/// }
/// ```
#[derive(Debug)]
pub struct Sgd<T: Float = f64> {
    /// With a velocity if there is momentum.
    memory: Memory<T>,
    momentum: f64,
    nesterov: bool,
    decay: f64,
}

impl<T: Float> Sgd<T> {
    /// Creates plain gradient descent with learning rate η.
    ///
    /// # Panics
    /// If `rate` is negative or not finite, or underflows to 0 or overflows in the number type of the parameters.
    #[track_caller]
    pub fn new(parameters: &Parameters<T>, rate: f64) -> Self {
        Sgd { memory: Memory::new(parameters, rate), momentum: 0.0, nesterov: false, decay: 0.0 }
    }

    /// Sets the momentum μ, usually 0.9.
    ///
    /// # Panics
    /// If it lies outside [0, 1), also in the number type of the parameters; if it is 0 with Nesterov momentum.
    #[must_use]
    #[track_caller]
    pub fn momentum(self, momentum: f64) -> Self {
        check_share::<T>("sgd", "momentum", momentum);
        assert!(
            momentum > 0.0 || !self.nesterov,
            "sgd: nesterov looks ahead along the momentum, which is 0; leave it out"
        );
        let memory = self.memory.keeping(if momentum == 0.0 { &[] } else { &[VELOCITY] });
        Sgd { memory, momentum, ..self }
    }

    /// Switches to Nesterov momentum; set the momentum first.
    ///
    /// # Panics
    /// If there is no momentum.
    #[must_use]
    #[track_caller]
    pub fn nesterov(self) -> Self {
        assert!(
            self.momentum > 0.0,
            "sgd: nesterov looks ahead along the momentum, which is 0; call momentum(0.9) before"
        );
        Sgd { nesterov: true, ..self }
    }

    setting!(added decay, "sgd");
}

impl<T: Float> Optimizer<T> for Sgd<T> {
    fn step(&mut self, grads: &Gradients<'_, T>) {
        let [rate, momentum, decay] = [self.memory.rate, self.momentum, self.decay].map(T::from_f64);
        let nesterov = self.nesterov;
        if self.momentum == 0.0 {
            return self.memory.each(grads, |_| move |w: &mut T, g, []| *w = *w - rate * (g + decay * *w));
        }
        self.memory.each(grads, |_| {
            move |w: &mut T, g, [v]: [&mut T; 1]| {
                let g = g + decay * *w;
                *v = momentum * *v + g;
                *w = *w - rate * if nesterov { g + momentum * *v } else { *v };
            }
        });
    }

    remembers!();
}
