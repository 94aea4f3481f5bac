//! [`NAdam`]: Adam with Nesterov momentum.

use autograd::{Float, Gradients, Number, Parameters, Tensor};
use indexmap::IndexMap;

use super::Optimizer;
use super::memory::{MEAN, Memory, Role, SQUARE, remembers};
use super::settings::{bounded, largest, setting};
use crate::Error;
use crate::error::shown;

/// The product of the momenta so far, one number.
const PRODUCT: Role = Role::positive("product", "product of momenta");

/// NAdam (Dozat 2016): Adam that looks ahead along its momentum, as Nesterov's does.
///
/// With the moments m and v of [`Adam`](crate::Adam) and the momentum `μₜ = β₁(1 − ½·0.96^{tψ})`, which grows with the
/// steps: `w ← w − η·((1 − μₜ)/(1 − Πμ)·g + μₜ₊₁/(1 − μₜ₊₁Πμ)·m)/(√v̂ + ε)`, Π over all momenta up to t. Weight decay λ
/// first subtracts `ηλw`. The defaults are β = (0.9, 0.999), ε = 1e−8 and ψ = 0.004, as in PyTorch: half of the momentum
/// at first, 99 % of it after 24,000 steps.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{NAdam, Optimizer};
/// let w = Param::<f64>::new([3.0]);
/// let mut optimizer = NAdam::new(&Parameters::new().with("w", &w), 0.1);
/// for _ in 0..300 {
///     let tape = Tape::new();
///     optimizer.step(&w.on(&tape).square().sum().backward());
/// }
/// assert!(w.value().item().abs() < 1e-3);
/// ```
#[derive(Debug)]
pub struct NAdam<T: Float = f64> {
    memory: Memory<T>,
    betas: (f64, f64),
    eps: f64,
    decay: f64,
    growth: f64,
}

impl<T: Float> NAdam<T> {
    /// Creates NAdam with learning rate η, usually 2e−3.
    ///
    /// # Panics
    /// If `rate` is negative or not finite, or underflows to 0 or overflows in the number type of the parameters.
    #[track_caller]
    pub fn new(parameters: &Parameters<T>, rate: f64) -> Self {
        let memory = Memory::new(parameters, rate).counting().keeping_each(|param| {
            let zeros = || Tensor::zeros(param.shape());
            vec![(MEAN, zeros()), (SQUARE, zeros()), (PRODUCT, Tensor::from(T::one()))]
        });
        NAdam { memory, betas: (0.9, 0.999), eps: 1e-8, decay: 0.0, growth: 0.004 }
    }

    setting!(betas, "nadam");
    setting!(eps, "nadam");
    setting!(decoupled decay, "nadam");

    /// Sets the growth ψ of the momentum; 0 keeps it at half of β₁.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn momentum_growth(self, growth: f64) -> Self {
        let (what, ok) = (shown(growth), growth >= 0.0 && growth.is_finite());
        assert!(ok, "nadam: a growth {what} of the momentum is not a finite number ≥ 0");
        NAdam { growth, ..self }
    }
}

impl<T: Float> Optimizer<T> for NAdam<T> {
    fn step(&mut self, grads: &Gradients<'_, T>) {
        let (beta1, beta2) = self.betas;
        let [b1, c1, b2, c2] = [beta1, 1.0 - beta1, beta2, 1.0 - beta2].map(T::from_f64);
        let (most, rate) = (largest::<T>(), self.memory.rate);
        let [eps, keep] = [self.eps, 1.0 - rate * self.decay].map(T::from_f64);
        let momentum = |step: f64| beta1 * (1.0 - 0.5 * 0.96f64.powf(step * self.growth));
        for slot in &mut self.memory.slots {
            let step = slot.next();
            let (param, [m, v, product]) = slot.parts();
            let [now, next] = [0.0, 1.0].map(|later| momentum(f64::from(step) + later));
            let all = T::from_f64(product.item().to_f64() * now);
            let so_far = all.to_f64();
            let of_gradient = T::from_f64(rate * (1.0 - now) / (1.0 - so_far));
            let of_mean = T::from_f64(rate * next / (1.0 - so_far * next));
            let scale = T::from_f64(1.0 / (1.0 - beta2.powi(step)).sqrt());
            let stepped = grads.update_each(param, [m.as_mut_slice(), v.as_mut_slice()], |w, g, [m, v]| {
                let g = bounded(g, most);
                *m = b1 * *m + c1 * g;
                *v = b2 * *v + c2 * g * g;
                *w = keep * *w - (of_gradient * g + of_mean * *m) / (Number::sqrt(*v) * scale + eps);
            });
            if stepped {
                product.as_mut_slice()[0] = all;
                slot.steps = step;
            }
        }
    }

    remembers!();
}
