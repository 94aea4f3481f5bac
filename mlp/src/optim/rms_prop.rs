//! [`RmsProp`]: gradients divided by their root mean square.

use autograd::{Float, Gradients, Number, Parameters, Tensor};
use indexmap::IndexMap;

use super::Optimizer;
use super::memory::{MEAN, Memory, Role, SQUARE, remembers};
use super::settings::{bounded, check_share, largest, setting};
use crate::Error;

const VELOCITY: Role = Role::any("velocity");

/// RMSProp (Tieleman & Hinton 2012): gradients divided by the root of the mean of their squares.
///
/// `v ← αv + (1 − α)g²`, `w ← w − η·g/(√v + ε)`. [`centred`](RmsProp::centred) takes the variance `v − m²` in place of v
/// (Graves 2013), [`momentum`](RmsProp::momentum) gathers a velocity `u ← μu + g/(√v + ε)` and steps by `ηu`; weight
/// decay λ first adds `λw` to g. The defaults are α = 0.99 and ε = 1e−8, as in PyTorch. The mean of squares begins at 0
/// without a correction, so that the first steps are up to `1/√(1 − α)` times as long as later ones.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Optimizer, RmsProp};
/// let w = Param::<f64>::new([3.0]);
/// let mut optimizer = RmsProp::new(&Parameters::new().with("w", &w), 0.1).smoothing(0.75);
/// let tape = Tape::new();
/// optimizer.step(&w.on(&tape).square().sum().backward());
/// assert!((w.value().item() - 2.8).abs() < 1e-8); // η·g/√(g²/4)
/// ```
#[derive(Debug)]
pub struct RmsProp<T: Float = f64> {
    /// With a mean if centred, with a velocity if there is momentum.
    memory: Memory<T>,
    smoothing: f64,
    eps: f64,
    decay: f64,
    momentum: f64,
    centred: bool,
}

impl<T: Float> RmsProp<T> {
    /// Creates RMSProp with learning rate η, usually 1e−3 or 1e−2.
    ///
    /// # Panics
    /// If `rate` is negative or not finite, or underflows to 0 or overflows in the number type of the parameters.
    #[track_caller]
    pub fn new(parameters: &Parameters<T>, rate: f64) -> Self {
        let memory = Memory::new(parameters, rate).keeping(&[SQUARE]);
        RmsProp { memory, smoothing: 0.99, eps: 1e-8, decay: 0.0, momentum: 0.0, centred: false }
    }

    /// Sets the decay rate α of the means.
    ///
    /// # Panics
    /// If it lies outside [0, 1), also in the number type of the parameters.
    #[must_use]
    #[track_caller]
    pub fn smoothing(self, smoothing: f64) -> Self {
        check_share::<T>("rms_prop", "smoothing", smoothing);
        RmsProp { smoothing, ..self }
    }

    setting!(eps, "rms_prop");
    setting!(added decay, "rms_prop");

    /// Sets the momentum μ, at first 0.
    ///
    /// # Panics
    /// If it lies outside [0, 1), also in the number type of the parameters.
    #[must_use]
    #[track_caller]
    pub fn momentum(self, momentum: f64) -> Self {
        check_share::<T>("rms_prop", "momentum", momentum);
        RmsProp { momentum, ..self }.with_arrays()
    }

    /// Divides by the root of the variance of gradients in place of that of their mean square.
    #[must_use]
    pub fn centred(self) -> Self {
        RmsProp { centred: true, ..self }.with_arrays()
    }

    fn with_arrays(self) -> Self {
        let roles: &[Role] = match (self.centred, self.momentum > 0.0) {
            (false, false) => &[SQUARE],
            (false, true) => &[SQUARE, VELOCITY],
            (true, false) => &[SQUARE, MEAN],
            (true, true) => &[SQUARE, MEAN, VELOCITY],
        };
        RmsProp { memory: self.memory.keeping(roles), ..self }
    }
}

impl<T: Float> Optimizer<T> for RmsProp<T> {
    fn step(&mut self, grads: &Gradients<'_, T>) {
        let most = largest::<T>();
        let [rate, eps, decay, momentum] = [self.memory.rate, self.eps, self.decay, self.momentum].map(T::from_f64);
        let [a, c] = [self.smoothing, 1.0 - self.smoothing].map(T::from_f64);
        let slope = move |w: T, g: T| bounded(g + decay * w, most);
        let square = move |v: &mut T, g: T| {
            *v = a * *v + c * g * g;
            *v
        };
        let variance = move |v: &mut T, m: &mut T, g: T| {
            let v = square(v, g);
            *m = a * *m + c * g;
            let left = v - *m * *m;
            // Round-off takes it below 0 where all gradients are alike.
            if left < T::zero() { T::zero() } else { left }
        };
        let size = move |v: T| Number::sqrt(v) + eps;
        let gather = move |w: &mut T, u: &mut T, step: T| {
            *u = momentum * *u + step;
            *w = *w - rate * *u;
        };
        let memory = &mut self.memory;
        match (self.centred, self.momentum > 0.0) {
            (false, false) => memory.each(grads, |_| {
                move |w: &mut T, g, [v]: [&mut T; 1]| {
                    let g = slope(*w, g);
                    *w = *w - rate * g / size(square(v, g));
                }
            }),
            (false, true) => memory.each(grads, |_| {
                move |w: &mut T, g, [v, u]: [&mut T; 2]| {
                    let g = slope(*w, g);
                    gather(w, u, g / size(square(v, g)));
                }
            }),
            (true, false) => memory.each(grads, |_| {
                move |w: &mut T, g, [v, m]: [&mut T; 2]| {
                    let g = slope(*w, g);
                    *w = *w - rate * g / size(variance(v, m, g));
                }
            }),
            (true, true) => memory.each(grads, |_| {
                move |w: &mut T, g, [v, m, u]: [&mut T; 3]| {
                    let g = slope(*w, g);
                    gather(w, u, g / size(variance(v, m, g)));
                }
            }),
        }
    }

    remembers!();
}
