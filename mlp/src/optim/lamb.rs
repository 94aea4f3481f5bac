//! [`Lamb`]: Adam whose step is as long as each layer's weights allow.

use autograd::{Float, Gradients, Number, Parameters, Tensor};
use indexmap::IndexMap;

use super::Optimizer;
use super::memory::{MEAN, Memory, SQUARE, remembers};
use super::settings::{bounded, largest, norm, setting};
use crate::Error;

/// LAMB (You et al. 2020): the step of Adam for each parameter, made as long as `η‖w‖`, for training in large batches.
///
/// With the moments m and v of [`Adam`](crate::Adam): `r = m̂/(√v̂ + ε) + λw`, `w ← w − η·‖w‖/‖r‖·r`, where the norms are
/// those of a whole parameter and the ratio is 1 if one of them is 0. The defaults are β = (0.9, 0.999) and ε = 1e−6, as
/// in the paper, and λ = 0; the paper has 0.01.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Lamb, Optimizer};
/// let w = Param::<f64>::new([3.0, 4.0]);
/// let mut optimizer = Lamb::new(&Parameters::new().with("w", &w), 0.1);
/// let tape = Tape::new();
/// optimizer.step(&w.on(&tape).sum().backward());
/// let step = 0.1 * 5.0 / 2f64.sqrt(); // a tenth of ‖w‖ = 5, along (1, 1)
/// assert!((w.value().get([0]) - (3.0 - step)).abs() < 1e-5);
/// ```
#[derive(Debug)]
pub struct Lamb<T: Float = f64> {
    memory: Memory<T>,
    betas: (f64, f64),
    eps: f64,
    decay: f64,
    /// The direction r of one parameter after another.
    direction: Vec<T>,
}

impl<T: Float> Lamb<T> {
    /// Creates LAMB with learning rate η, usually 1e−3.
    ///
    /// # Panics
    /// If `rate` is negative or not finite, or underflows to 0 or overflows in the number type of the parameters.
    #[track_caller]
    pub fn new(parameters: &Parameters<T>, rate: f64) -> Self {
        let memory = Memory::new(parameters, rate).counting().keeping(&[MEAN, SQUARE]);
        let longest = memory.slots.iter().map(|slot| slot.param.numel()).max();
        let direction = vec![T::zero(); longest.unwrap_or(0)];
        Lamb { memory, betas: (0.9, 0.999), eps: 1e-6, decay: 0.0, direction }
    }

    setting!(betas, "lamb");
    setting!(eps, "lamb");
    setting!(decay, "lamb", "Sets the weight decay λ, which is a part of the direction r.");
}

impl<T: Float> Optimizer<T> for Lamb<T> {
    fn step(&mut self, grads: &Gradients<'_, T>) {
        let (beta1, beta2) = self.betas;
        let [b1, c1, b2, c2] = [beta1, 1.0 - beta1, beta2, 1.0 - beta2].map(T::from_f64);
        let most = largest::<T>();
        let [eps, decay] = [self.eps, self.decay].map(T::from_f64);
        for slot in &mut self.memory.slots {
            let step = slot.next();
            let (param, [m, v]) = slot.parts();
            let of_mean = T::from_f64(1.0 / (1.0 - beta1.powi(step)));
            let of_square = T::from_f64(1.0 / (1.0 - beta2.powi(step)).sqrt());
            let weight = norm(param.value().as_slice());
            let direction = &mut self.direction[..param.numel()];
            // Numbers that the gradient leaves out do not count for the norm.
            direction.fill(T::zero());
            let arrays = [m.as_mut_slice(), v.as_mut_slice(), &mut *direction];
            let stepped = grads.update_each(param, arrays, |w, g, [m, v, r]| {
                let g = bounded(g, most);
                *m = b1 * *m + c1 * g;
                *v = b2 * *v + c2 * g * g;
                *r = *m * of_mean / (Number::sqrt(*v) * of_square + eps) + decay * *w;
            });
            if stepped {
                let length = norm(direction);
                let trust = if weight > 0.0 && length > 0.0 { weight / length } else { 1.0 };
                let rate = T::from_f64(self.memory.rate * trust);
                grads.update_each(param, [direction], |w, _, [r]| *w = *w - rate * *r);
                slot.steps = step;
            }
        }
    }

    remembers!();
}
