//! [`RAdam`]: Adam that begins without adaptive rates.

use autograd::{Float, Gradients, Number, Parameters, Tensor};
use indexmap::IndexMap;

use super::Optimizer;
use super::memory::{MEAN, Memory, SQUARE, remembers};
use super::settings::{bounded, largest, setting};
use crate::Error;

/// RAdam (Liu et al. 2020): Adam that waits with dividing by √v̂ until v̂ is known well enough, so that it needs no warm-up.
///
/// With the moments of [`Adam`](crate::Adam), `ρ∞ = 2/(1 − β₂) − 1` and the length `ρ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ)` of the
/// average of squares: while ρ ≤ 5, `w ← w − η·m̂`; then `w ← w − ηr·m̂/(√v̂ + ε)` with
/// `r² = (ρ − 4)(ρ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρ)`. Here ε is added to √v before the correction of its bias, as PyTorch
/// does. Weight decay λ first subtracts `ηλw`. The defaults are β = (0.9, 0.999), for which ρ passes 5 at the sixth step,
/// and ε = 1e−8.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Optimizer, RAdam};
/// let w = Param::<f64>::new([3.0]);
/// let mut optimizer = RAdam::new(&Parameters::new().with("w", &w), 0.1);
/// let tape = Tape::new();
/// optimizer.step(&w.on(&tape).square().sum().backward());
/// assert!((w.value().item() - (3.0 - 0.1 * 6.0)).abs() < 1e-12); // plain descent at first
/// ```
#[derive(Debug)]
pub struct RAdam<T: Float = f64> {
    memory: Memory<T>,
    betas: (f64, f64),
    eps: f64,
    decay: f64,
}

impl<T: Float> RAdam<T> {
    /// Creates RAdam with learning rate η, usually 1e−3.
    ///
    /// # Panics
    /// If `rate` is negative or not finite, or underflows to 0 or overflows in the number type of the parameters.
    #[track_caller]
    pub fn new(parameters: &Parameters<T>, rate: f64) -> Self {
        let memory = Memory::new(parameters, rate).counting().keeping(&[MEAN, SQUARE]);
        RAdam { memory, betas: (0.9, 0.999), eps: 1e-8, decay: 0.0 }
    }

    setting!(betas, "radam");
    setting!(eps, "radam");
    setting!(decoupled decay, "radam");
}

impl<T: Float> Optimizer<T> for RAdam<T> {
    fn step(&mut self, grads: &Gradients<'_, T>) {
        let (beta1, beta2) = self.betas;
        let [b1, c1, b2, c2] = [beta1, 1.0 - beta1, beta2, 1.0 - beta2].map(T::from_f64);
        let (most, rate) = (largest::<T>(), self.memory.rate);
        let [eps, keep] = [self.eps, 1.0 - rate * self.decay].map(T::from_f64);
        let longest = 2.0 / (1.0 - beta2) - 1.0;
        self.memory.each(grads, |step| {
            let forgotten = beta2.powi(step);
            let length = longest - 2.0 * f64::from(step) * forgotten / (1.0 - forgotten);
            let adaptive = length > 5.0;
            let known = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length);
            let factor = if adaptive { (known * (1.0 - forgotten)).sqrt() } else { 1.0 };
            let rate = T::from_f64(rate * factor / (1.0 - beta1.powi(step)));
            move |w: &mut T, g, [m, v]: [&mut T; 2]| {
                let g = bounded(g, most);
                *m = b1 * *m + c1 * g;
                *v = b2 * *v + c2 * g * g;
                let size = if adaptive { Number::sqrt(*v) + eps } else { T::one() };
                *w = keep * *w - rate * *m / size;
            }
        });
    }

    remembers!();
}
