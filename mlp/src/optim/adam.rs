//! [`Adam`]: gradient descent with adaptive moments.

use autograd::{Float, Gradients, Number, Param, Parameters, Shape, Tensor};
use indexmap::IndexMap;

use super::{Optimizer, State, check_decay, check_rate, distinct, forgets, key, misfit, named, zeros};
use crate::Error;
use crate::error::shown;

/// The names of a parameter's tensors in the state.
const MEAN: &str = "mean";
const SQUARE: &str = "square";
const STEPS: &str = "steps";

/// Adam (Kingma & Ba 2015), with optional decoupled weight decay (AdamW, Loshchilov & Hutter 2019).
///
/// `m ← β₁m + (1 − β₁)g`, `v ← β₂v + (1 − β₂)g²`, both divided by `1 − βᵗ` to correct the bias of their start at 0,
/// then `w ← w − η·m̂/(√v̂ + ε)`. Weight decay λ first subtracts `ηλw`. The defaults are β = (0.9, 0.999) and ε = 1e−8,
/// as in the paper.
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
    moments: Vec<Moments<T>>,
    rate: f64,
    betas: (f64, f64),
    eps: f64,
    decay: f64,
}

#[derive(Debug)]
struct Moments<T: Float> {
    name: String,
    param: Param<T>,
    mean: Tensor<T>,
    square: Tensor<T>,
    /// The steps of this parameter: a parameter that joins later has its own bias correction.
    steps: i32,
}

impl<T: Float> Adam<T> {
    /// Creates Adam with learning rate η, usually 1e−3.
    ///
    /// # Panics
    /// If `rate` is negative or not finite, or underflows to 0 or overflows in the number type of the parameters.
    #[track_caller]
    pub fn new(parameters: &Parameters<T>, rate: f64) -> Self {
        check_rate::<T>(rate);
        let moments = |(name, param)| Moments { name, mean: zeros(&param), square: zeros(&param), param, steps: 0 };
        let moments = distinct(parameters).into_iter().map(moments).collect();
        Adam { moments, rate, betas: (0.9, 0.999), eps: 1e-8, decay: 0.0 }
    }

    /// Sets the decay rates β₁ and β₂ of the moments.
    ///
    /// # Panics
    /// If one lies outside [0, 1), also in the number type of the parameters.
    #[must_use]
    #[track_caller]
    pub fn betas(self, first: f64, second: f64) -> Self {
        let (a, b, ok) = (shown(first), shown(second), forgets::<T>(first) && forgets::<T>(second));
        assert!(ok, "adam: betas {a} and {b} must lie in [0, 1) in {}", T::NAME);
        Adam { betas: (first, second), ..self }
    }

    /// Sets ε.
    ///
    /// # Panics
    /// If it is not a finite number above 0 in the number type of the parameters.
    #[must_use]
    #[track_caller]
    pub fn eps(self, eps: f64) -> Self {
        let (what, value) = (shown(eps), T::from_f64(eps));
        assert!(
            value > T::zero() && value.is_finite(),
            "adam: eps {what} must be above 0, as {} too, and finite",
            T::NAME
        );
        Adam { eps, ..self }
    }

    /// Sets decoupled weight decay λ, usually 1e−2: AdamW.
    ///
    /// # Panics
    /// If it is negative or not finite, also in the number type of the parameters.
    #[must_use]
    #[track_caller]
    pub fn weight_decay(self, decay: f64) -> Self {
        check_decay::<T>("adam", decay);
        Adam { decay, ..self }
    }
}

impl<T: Float> Optimizer<T> for Adam<T> {
    fn step(&mut self, grads: &Gradients<'_, T>) {
        let (beta1, beta2) = self.betas;
        let [b1, c1, b2, c2] = [beta1, 1.0 - beta1, beta2, 1.0 - beta2].map(T::from_f64);
        let most = largest::<T>();
        let [eps, keep] = [self.eps, 1.0 - self.rate * self.decay].map(T::from_f64);
        for Moments { param, mean, square, steps, .. } in &mut self.moments {
            let step = steps.saturating_add(1);
            // The bias corrections in f64, once per parameter.
            let rate = T::from_f64(self.rate / (1.0 - beta1.powi(step)));
            let scale = T::from_f64(1.0 / (1.0 - beta2.powi(step)).sqrt());
            let stepped = grads.update_each(param, [mean.as_mut_slice(), square.as_mut_slice()], |w, g, [m, v]| {
                let bounded = if g > most {
                    most
                } else if g < -most {
                    -most
                } else {
                    g
                };
                let g = bounded + g * T::zero(); // adds 0, or NaN where g is not finite, so that the error shows
                *m = b1 * *m + c1 * g;
                *v = b2 * *v + c2 * g * g;
                *w = keep * *w - rate * *m / (Number::sqrt(*v) * scale + eps);
            });
            if stepped {
                *steps = step;
            }
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
        named(self.moments.iter().map(|moments| (&moments.name, &moments.param)))
    }

    fn state(&self) -> IndexMap<String, Tensor<T>> {
        let arrays = |Moments { name, mean, square, steps, .. }: &Moments<T>| {
            let steps = Tensor::full([], T::from_f64((*steps).into()));
            [(MEAN, mean.clone()), (SQUARE, square.clone()), (STEPS, steps)]
                .map(|(what, array)| (key(name, what), array))
        };
        self.moments.iter().flat_map(arrays).collect()
    }

    fn set_state(&mut self, state: &IndexMap<String, Tensor<T>>) -> Result<(), Error> {
        let mut state = State::new(state);
        let mut read = |Moments { name, param, .. }: &Moments<T>| {
            let shape = param.shape();
            let (mean, square) = (state.read(name, MEAN, &shape)?, state.read(name, SQUARE, &shape)?);
            let steps = state.read(name, STEPS, &Shape::default())?.item().to_f64();
            if steps < 0.0 || steps.fract() != 0.0 {
                let (name, steps) = (key(name, STEPS), shown(steps));
                return Err(misfit(format!("`{name}` is {steps} in the state, no number of steps")));
            }
            if let Some(x) = square.as_slice().iter().find(|&&x| x < T::zero()) {
                let (name, x) = (key(name, SQUARE), shown(x));
                return Err(misfit(format!("`{name}` holds {x} in the state, which is no mean of squares")));
            }
            // A step count beyond the precision of f32 or the range of i32 is so large that the bias correction is 1.
            Ok((mean.clone(), square.clone(), steps as i32))
        };
        let arrays: Vec<_> = self.moments.iter().map(&mut read).collect::<Result<_, Error>>()?;
        state.end()?;
        for (moments, arrays) in self.moments.iter_mut().zip(arrays) {
            (moments.mean, moments.square, moments.steps) = arrays;
        }
        Ok(())
    }
}

/// The bound for gradient values whose squares do not overflow: a power of two below the root of the largest number.
fn largest<T: Float>() -> T {
    T::from_f64(2f64.powi(if T::NAME == "f32" { 63 } else { 511 }))
}
