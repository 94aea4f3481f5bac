//! [`Sgd`]: gradient descent.

use autograd::{Float, Gradients, Param, Parameters, Tensor};
use indexmap::IndexMap;

use super::{Optimizer, State, check_decay, check_rate, distinct, forgets, key, named, zeros};
use crate::Error;
use crate::error::shown;

/// The name of the velocity in the state.
const VELOCITY: &str = "velocity";

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
    params: Vec<(String, Param<T>)>,
    /// One velocity per parameter; empty without momentum.
    velocity: Vec<Tensor<T>>,
    rate: f64,
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
        check_rate::<T>(rate);
        let params = distinct(parameters);
        Sgd { params, velocity: Vec::new(), rate, momentum: 0.0, nesterov: false, decay: 0.0 }
    }

    /// Sets the momentum μ, usually 0.9.
    ///
    /// # Panics
    /// If it lies outside [0, 1), also in the number type of the parameters; if it is 0 with Nesterov momentum.
    #[must_use]
    #[track_caller]
    pub fn momentum(self, momentum: f64) -> Self {
        let what = shown(momentum);
        assert!(forgets::<T>(momentum), "sgd: the momentum {what} lies outside [0, 1) in {}", T::NAME);
        assert!(
            momentum > 0.0 || !self.nesterov,
            "sgd: nesterov looks ahead along the momentum, which is 0; leave it out"
        );
        let velocity =
            if momentum == 0.0 { Vec::new() } else { self.params.iter().map(|(_, param)| zeros(param)).collect() };
        Sgd { momentum, velocity, ..self }
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

    /// Sets the weight decay λ: adds the gradient of `λ/2·‖w‖²`.
    ///
    /// # Panics
    /// If it is negative or not finite, also in the number type of the parameters.
    #[must_use]
    #[track_caller]
    pub fn weight_decay(self, decay: f64) -> Self {
        check_decay::<T>("sgd", decay);
        Sgd { decay, ..self }
    }
}

impl<T: Float> Optimizer<T> for Sgd<T> {
    fn step(&mut self, grads: &Gradients<'_, T>) {
        let [rate, momentum, decay] = [self.rate, self.momentum, self.decay].map(T::from_f64);
        let nesterov = self.nesterov;
        if self.velocity.is_empty() {
            for (_, param) in &self.params {
                grads.update_each(param, [], |w, g, []| *w = *w - rate * (g + decay * *w));
            }
            return;
        }
        for ((_, param), velocity) in self.params.iter().zip(&mut self.velocity) {
            grads.update_each(param, [velocity.as_mut_slice()], |w, g, [v]| {
                let g = g + decay * *w;
                *v = momentum * *v + g;
                *w = *w - rate * if nesterov { g + momentum * *v } else { *v };
            });
        }
    }

    fn learning_rate(&self) -> f64 {
        self.rate
    }

    #[track_caller]
    fn set_learning_rate(&mut self, rate: f64) {
        check_rate::<T>(rate);
        self.rate = rate;
    }

    fn parameters(&self) -> Option<Parameters<T>> {
        named(self.params.iter().map(|(name, param)| (name, param)))
    }

    fn state(&self) -> IndexMap<String, Tensor<T>> {
        let named = |((name, _), velocity): (&(String, _), &Tensor<T>)| (key(name, VELOCITY), velocity.clone());
        self.params.iter().zip(&self.velocity).map(named).collect()
    }

    fn set_state(&mut self, state: &IndexMap<String, Tensor<T>>) -> Result<(), Error> {
        let mut state = State::new(state);
        let read = |((name, _), old): (&(String, _), &Tensor<T>)| state.read(name, VELOCITY, old.shape()).cloned();
        let velocity = self.params.iter().zip(&self.velocity).map(read).collect::<Result<_, _>>()?;
        state.end()?;
        self.velocity = velocity;
        Ok(())
    }
}
