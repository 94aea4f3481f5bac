//! [`ScheduleFree`]: AdamW whose average replaces a schedule.

use autograd::{Float, Gradients, Number, Parameters, Shape, Tensor};
use indexmap::IndexMap;

use super::Optimizer;
use super::memory::{Memory, Role, SQUARE, remembers};
use super::settings::{bounded, largest, setting};
use crate::Error;

/// z, which takes the steps.
const WALKER: Role = Role::any("walker");
/// x, its weighted average.
const AVERAGE: Role = Role::any("average");
/// The sum of the weights of the average, one number.
const WEIGHTS: Role = Role::positive("weights", "sum of squares");
/// Whether the parameters are at the average, 0 or 1.
const AVERAGED: Role = Role::flag("averaged");

/// Schedule-free AdamW (Defazio et al. 2024): constant steps, and the average of where they lead.
///
/// A walker z takes the steps, x is its average, and gradients are taken at `y = (1 − β₁)z + β₁x`, where the parameters
/// are during training: `v ← β₂v + (1 − β₂)g²`, `z ← z − γₜ·(g/(√v + ε) + λy)`, `x ← (1 − c)x + cz` with `c = γₜ²/Σγ²`
/// and `γₜ = η·√(1 − β₂ᵗ)·min(1, t/warm-up)`. No time of the end has to be known, as a schedule needs it.
///
/// The result is x. [`evaluate`](Optimizer::evaluate) sets the parameters to it, to be measured or saved;
/// [`train`](Optimizer::train) sets them back to y. A [`Trainer`](crate::Trainer) calls both, and leaves the parameters at x. The defaults are β = (0.9, 0.999), ε = 1e−8, λ = 0, as in the
/// paper, and no warm-up; its η is one to ten times that of a schedule with Adam.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Optimizer, ScheduleFree};
/// let w = Param::<f64>::new([3.0]);
/// let mut optimizer = ScheduleFree::new(&Parameters::new().with("w", &w), 0.1);
/// for _ in 0..1000 {
///     let tape = Tape::new();
///     optimizer.step(&w.on(&tape).square().sum().backward());
/// }
/// optimizer.evaluate();
/// assert!(w.value().item().abs() < 1e-2);
/// optimizer.train(); // and on with the training
/// ```
#[derive(Debug)]
pub struct ScheduleFree<T: Float = f64> {
    memory: Memory<T>,
    betas: (f64, f64),
    eps: f64,
    decay: f64,
    warm_up: usize,
}

impl<T: Float> ScheduleFree<T> {
    /// Creates schedule-free AdamW with learning rate η, usually 2.5e−3.
    ///
    /// # Panics
    /// If `rate` is negative or not finite, or underflows to 0 or overflows in the number type of the parameters.
    #[track_caller]
    pub fn new(parameters: &Parameters<T>, rate: f64) -> Self {
        let memory = Memory::new(parameters, rate).counting().keeping_each(|param| {
            let (zeros, number) = (|| Tensor::zeros(param.shape()), || Tensor::zeros(Shape::default()));
            vec![(WALKER, zeros()), (AVERAGE, zeros()), (SQUARE, zeros()), (WEIGHTS, number()), (AVERAGED, number())]
        });
        ScheduleFree { memory, betas: (0.9, 0.999), eps: 1e-8, decay: 0.0, warm_up: 0 }
    }

    setting!(betas, "schedule_free");
    setting!(eps, "schedule_free");
    setting!(decoupled decay, "schedule_free");

    /// Raises the learning rate over the first `steps` steps.
    #[must_use]
    pub fn warm_up(self, steps: usize) -> Self {
        ScheduleFree { warm_up: steps, ..self }
    }

    fn move_to(&mut self, averaged: bool) {
        let flag = if averaged { T::one() } else { T::zero() };
        let y = point(self.betas.0);
        for slot in &mut self.memory.slots {
            let started = slot.steps > 0;
            let (param, [z, x, _, _, at]) = slot.parts();
            if started && at.item() != flag {
                let (z, x) = (z.as_slice(), x.as_slice());
                param.modify(|w| {
                    for ((w, &z), &x) in w.iter_mut().zip(z).zip(x) {
                        *w = if averaged { x } else { y(z, x) };
                    }
                });
            }
            at.as_mut_slice()[0] = flag;
        }
    }
}

/// The point between walker and average where gradients are taken.
fn point<T: Float>(beta: f64) -> impl Fn(T, T) -> T {
    let [of_z, of_x] = [1.0 - beta, beta].map(T::from_f64);
    move |z, x| of_z * z + of_x * x
}

impl<T: Float> Optimizer<T> for ScheduleFree<T> {
    /// # Panics
    /// If the parameters are at the average, after [`evaluate`](Optimizer::evaluate).
    #[track_caller]
    fn step(&mut self, grads: &Gradients<'_, T>) {
        let (beta1, beta2) = self.betas;
        let [b2, c2] = [beta2, 1.0 - beta2].map(T::from_f64);
        let (most, point) = (largest::<T>(), point(beta1));
        let [eps, decay] = [self.eps, self.decay].map(T::from_f64);
        for slot in &mut self.memory.slots {
            let step = slot.next();
            let first = step == 1;
            let warm = (f64::from(step) / self.warm_up.max(1) as f64).min(1.0);
            let rate = self.memory.rate * (1.0 - beta2.powi(step)).sqrt() * warm;
            let (param, [z, x, v, weights, averaged]) = slot.parts();
            assert!(
                averaged.item() == T::zero(),
                "schedule_free: the parameters are at the average, where no step begins; call train() before"
            );
            let sum = weights.item() + T::from_f64(rate * rate);
            let c = if sum > T::zero() { T::from_f64(rate * rate) / sum } else { T::zero() };
            let rate = T::from_f64(rate);
            let arrays = [z, x, v].map(Tensor::as_mut_slice);
            let stepped = grads.update_each(param, arrays, |w, g, [z, x, v]| {
                if first {
                    (*z, *x) = (*w, *w);
                }
                let g = bounded(g, most);
                *v = b2 * *v + c2 * g * g;
                *z = *z - rate * (g / (Number::sqrt(*v) + eps) + decay * *w);
                *x = *x + c * (*z - *x);
                *w = point(*z, *x);
            });
            if stepped {
                weights.as_mut_slice()[0] = sum;
                slot.steps = step;
            }
        }
    }

    /// Sets the parameters to the average x, the result of the training.
    fn evaluate(&mut self) {
        self.move_to(true);
    }

    /// Sets the parameters back to y, where the training goes on.
    fn train(&mut self) {
        self.move_to(false);
    }

    remembers!();
}
