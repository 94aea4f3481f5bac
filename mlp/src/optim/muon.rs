//! [`Muon`]: momentum made orthogonal.

use autograd::{Float, Gradients, Parameters, Tape, Tensor, Var};
use indexmap::IndexMap;

use super::Optimizer;
use super::memory::{Memory, Role, remembers};
use super::settings::{check_share, norm, setting};
use crate::Error;

const VELOCITY: Role = Role::any("velocity");

/// The polynomial `ax + bx³ + cx⁵` of Jordan et al.: steep at 0, and within [0.7, 1.2] after five rounds.
const A: f64 = 3.4445;
const B: f64 = -4.7750;
const C: f64 = 2.0315;
const ROUNDS: usize = 5;

/// Muon (Jordan et al. 2024): for matrices, a step along the momentum with all singular values made about 1.
///
/// `v ← μv + (1 − μ)g`, `d = μv + (1 − μ)g`, `w ← w − ηs·O(d)`, where `O(UΣVᵀ) ≈ UVᵀ` comes from five rounds of
/// `X ← aX + (bA + cA²)X` with `A = XXᵀ`, from `X = d/‖d‖`. The factor is `s = 0.2·√max(inputs, outputs)`, with which
/// steps are as long as those of AdamW, so that its η and λ serve here too (Liu et al. 2025);
/// [`original_scale`](Muon::original_scale) takes `s = √max(1, outputs/inputs)`. Weight decay λ first subtracts `ηλw`.
/// The default is μ = 0.95.
///
/// It is for matrices of hidden layers. Biases and norms need another optimiser, and embeddings and output layers do
/// better with one:
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Adam, Groups, Muon, Optimizer};
/// let (w, b) = (Param::<f64>::new([[0.5, 0.1], [-0.2, 0.3]]), Param::new([1.0, 1.0]));
/// let parameters = Parameters::new().with("w", &w).with("b", &b);
/// let mut optimizer = Groups::split(&parameters)
///     .matrices(|part| Muon::new(part, 1e-2).weight_decay(0.1))
///     .rest(|part| Adam::new(part, 1e-2));
/// for _ in 0..200 {
///     let tape = Tape::new();
///     optimizer.step(&(tape.constant([[1.0, 2.0]]).matmul(&w) + &b).square().sum().backward());
/// }
/// let loss = (Tape::new().constant([[1.0, 2.0]]).matmul(&w) + &b).square().sum().value();
/// assert!(loss < 1e-3);
/// ```
#[derive(Debug)]
pub struct Muon<T: Float = f64> {
    memory: Memory<T>,
    momentum: f64,
    nesterov: bool,
    decay: f64,
    original: bool,
    /// The memory of the products.
    tape: Tape<T>,
}

impl<T: Float> Muon<T> {
    /// Creates Muon with learning rate η, usually that of AdamW.
    ///
    /// # Panics
    /// If a parameter is no matrix, which has two axes; if `rate` is negative or not finite, or underflows to 0 or
    /// overflows in the number type of the parameters.
    #[track_caller]
    pub fn new(parameters: &Parameters<T>, rate: f64) -> Self {
        if let Some((name, param)) = parameters.iter().find(|(_, param)| param.shape().len() != 2) {
            let shape = param.shape();
            panic!(
                "muon: `{name}` has shape {shape}, and only matrices have singular values; give it the matrices of Groups::split"
            );
        }
        let (memory, tape) = (Memory::new(parameters, rate).keeping(&[VELOCITY]), Tape::values_only());
        Muon { memory, momentum: 0.95, nesterov: true, decay: 0.0, original: false, tape }
    }

    /// Sets the momentum μ.
    ///
    /// # Panics
    /// If it lies outside [0, 1), also in the number type of the parameters.
    #[must_use]
    #[track_caller]
    pub fn momentum(self, momentum: f64) -> Self {
        check_share::<T>("muon", "momentum", momentum);
        Muon { momentum, ..self }
    }

    /// Steps along the momentum itself, `d = v`, without looking ahead along it as Nesterov does.
    #[must_use]
    pub fn plain_momentum(self) -> Self {
        Muon { nesterov: false, ..self }
    }

    /// Takes the factor `√max(1, outputs/inputs)` of the first publication; η is then usually 0.02.
    #[must_use]
    pub fn original_scale(self) -> Self {
        Muon { original: true, ..self }
    }

    setting!(decoupled decay, "muon");
}

impl<T: Float> Optimizer<T> for Muon<T> {
    fn step(&mut self, grads: &Gradients<'_, T>) {
        let Muon { memory, tape, original, nesterov, .. } = self;
        let (rate, nesterov) = (memory.rate, *nesterov);
        let [keep, mu, share] = [1.0 - rate * self.decay, self.momentum, 1.0 - self.momentum].map(T::from_f64);
        for slot in &mut memory.slots {
            let shape = slot.param.shape();
            let (inputs, outputs) = (shape[0] as f64, shape[1] as f64);
            let scale = if *original { (outputs / inputs).max(1.0).sqrt() } else { 0.2 * inputs.max(outputs).sqrt() };
            let rate = T::from_f64(rate * scale);
            let (param, [velocity]) = slot.parts();
            tape.clear();
            grads.update(param, |w, g| {
                let velocity = velocity.as_mut_slice();
                velocity.iter_mut().zip(g).for_each(|(v, &g)| *v = mu * *v + share * g);
                let direction = |i: usize| if nesterov { mu * velocity[i] + share * g[i] } else { velocity[i] };
                let direction = orthogonal(tape.constant_with(&shape, direction));
                direction.with_values(|d| w.iter_mut().zip(d).for_each(|(w, &d)| *w = keep * *w - rate * d));
            });
        }
    }

    remembers!();
}

/// A matrix with the singular vectors of `x`, and singular values of about 1.
fn orthogonal<T: Float>(x: Var<'_, T>) -> Var<'_, T> {
    let tall = x.shape()[0] > x.shape()[1];
    let length = x.with_values(norm).max(1e-7);
    let x = (if tall { x.t() } else { x }) * (1.0 / length);
    let x = (0..ROUNDS).fold(x, |x, _| {
        let squares = x.matmul(x.t());
        x * A + (squares * B + squares.matmul(squares) * C).matmul(x)
    });
    if tall { x.t() } else { x }
}
