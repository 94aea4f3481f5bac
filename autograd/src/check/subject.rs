//! The checked function: a function of inputs or parameters, reduced to one number, with its value and derivatives.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::probe::few_digits;
use crate::error::Error;
use crate::number::Float;
use crate::param::Param;
use crate::tape::{Scalar, Tape, Var};
use crate::tensor::Tensor;

/// Records the function of the inputs.
pub(super) type Record<'a, T> = dyn for<'t> Fn(&'t Tape<T>, &[Var<'t, T>]) -> Var<'t, T> + 'a;

/// A function at a point, reduced to one number `φ`: `⟨v, f(x)⟩`, or at second order `⟨w, ∇⟨v, f(x)⟩⟩`, with random
/// `v` and `w`, and so on.
pub(crate) struct CheckedFunction<'a, T: Float> {
    pub(super) names: Vec<String>,
    pub(super) point: Vec<Tensor<T>>,
    /// The parameters that serve as inputs; empty if the inputs are plain arrays.
    params: Vec<Param<T>>,
    record: &'a Record<'a, T>,
    /// Weights of the outputs.
    pub(super) v: Tensor<T>,
    /// Weights of the gradient, for each order beyond the first.
    w: Vec<Vec<Tensor<T>>>,
    tape: Tape<T>,
}

/// A number's gradient with respect to each input, and whether it depends on the input at all.
pub(super) type Gradient = Vec<(Tensor, bool)>;

impl<'a, T: Float> CheckedFunction<'a, T> {
    /// `params` are empty if the inputs are plain arrays.
    pub(super) fn new(
        names: Vec<String>,
        point: Vec<Tensor<T>>,
        params: Vec<Param<T>>,
        record: &'a Record<'a, T>,
        seed: u64,
    ) -> Self {
        let mut subject =
            CheckedFunction { names, point, params, record, v: Tensor::ones([]), w: vec![], tape: Tape::default() };
        let y = subject.output(&subject.point.iter().map(Tensor::cast).collect::<Vec<_>>());
        let mut rng = StdRng::seed_from_u64(seed);
        // A scalar output is used as it is, so that its derivatives are those that the reader expects.
        subject.v = if y.shape().is_empty() { Tensor::ones([]) } else { y.map(|_| T::from_f64(weight(&mut rng))) };
        subject
    }

    /// Replaces `φ` by the component of its gradient along random weights.
    pub(super) fn raise(&mut self, seed: u64) {
        let mut rng = StdRng::seed_from_u64(seed);
        self.w.push(self.point.iter().map(|x| x.map(|_| T::from_f64(weight(&mut rng)))).collect());
    }

    /// The component of the gradient along `w`.
    pub(super) fn weighted(&self, w: Vec<Tensor<T>>) -> Self {
        let mut subject = self.nearby(0.0);
        subject.w.push(w);
        subject
    }

    /// The same at a point and with weights that are `k` [nudges](nudged) away.
    pub(super) fn nearby(&self, k: f64) -> Self {
        let mut rng = StdRng::seed_from_u64(0);
        let mut all = |x: &[Tensor<T>]| x.iter().map(|x| nudged(x, k, &mut rng)).collect::<Vec<_>>();
        CheckedFunction {
            names: vec![],
            point: all(&self.point),
            params: self.params.clone(),
            record: self.record,
            v: all(std::slice::from_ref(&self.v)).remove(0),
            w: self.w.iter().map(|w| all(w)).collect(),
            tape: Tape::default(),
        }
    }

    /// Records `φ` with its inputs at `x`; they are constants where no derivative is wanted.
    pub(super) fn phi<'t>(&self, tape: &'t Tape<T>, x: &[Tensor<T>], tracked: bool) -> (Vec<Var<'t, T>>, Var<'t, T>) {
        let inputs = self.inputs(tape, x, tracked || !self.w.is_empty());
        let y = (self.record)(tape, &inputs);
        let mut y = if y.shape().is_empty() { y } else { (y * &self.v).sum().to_var() };
        for w in &self.w {
            let gradient = y.item().grad(&inputs[..]);
            y = gradient.into_iter().zip(w).map(|(dx, w)| (dx * w).sum()).sum::<Scalar<'t, T>>().to_var();
        }
        (inputs, y)
    }

    fn inputs<'t>(&self, tape: &'t Tape<T>, x: &[Tensor<T>], tracked: bool) -> Vec<Var<'t, T>> {
        if !self.params.is_empty() {
            self.params.iter().zip(x).for_each(|(param, x)| param.set(x.clone()));
            return self.params.iter().map(|param| param.on(tape)).collect();
        }
        let input = |x: &Tensor<T>| if tracked { tape.var(x.clone()) } else { tape.constant(x.clone()) };
        x.iter().map(input).collect()
    }

    /// The function's own output, not reduced to one number.
    pub(super) fn output(&mut self, x: &[Tensor]) -> Tensor<T> {
        let x: Vec<Tensor<T>> = x.iter().map(Tensor::cast).collect();
        self.tape.clear();
        let inputs = self.inputs(&self.tape, &x, false);
        (self.record)(&self.tape, &inputs).value()
    }

    /// The value `φ(x)`.
    pub(super) fn value(&mut self, x: &[Tensor]) -> f64 {
        let x: Vec<Tensor<T>> = x.iter().map(Tensor::cast).collect();
        self.tape.clear();
        self.phi(&self.tape, &x, false).1.value().item().to_f64()
    }

    /// The gradient of `scale·φ` at the point, by reverse mode.
    pub(super) fn gradient(&self, scale: f64) -> Gradient {
        let tape = Tape::default();
        let (x, y) = self.phi(&tape, &self.point, true);
        let grads = (y * scale).item().backward();
        let found = |&x: &Var<'_, T>| match grads.get(x) {
            Some(dx) => (dx.cast(), true),
            None => (Tensor::zeros(x.shape()), false),
        };
        x.iter().map(found).collect()
    }

    /// The tangent of `φ` when the point moves along `u`, by forward mode.
    ///
    /// # Errors
    /// If a user-defined operation has no forward rule.
    pub(super) fn tangent(&self, u: &[Tensor]) -> Result<f64, Error> {
        let tape = Tape::default();
        let (x, y) = self.phi(&tape, &self.point, true);
        let u: Vec<Tensor<T>> = u.iter().map(Tensor::cast).collect();
        let along: Vec<_> = x.into_iter().zip(&u).collect();
        Ok(y.try_jvp(&along)?.item().to_f64())
    }

    /// The tangent of each output value when the point moves along `u`, by forward mode.
    ///
    /// # Errors
    /// If a user-defined operation has no forward rule.
    pub(super) fn output_tangent(&self, u: &[Tensor]) -> Result<Tensor<T>, Error> {
        let tape = Tape::default();
        let x = self.inputs(&tape, &self.point, true);
        let y = (self.record)(&tape, &x);
        let u: Vec<Tensor<T>> = u.iter().map(Tensor::cast).collect();
        let along: Vec<_> = x.into_iter().zip(&u).collect();
        y.try_jvp(&along)
    }
}

/// Restores the parameters, which were moved during the check.
impl<T: Float> Drop for CheckedFunction<'_, T> {
    fn drop(&mut self) {
        self.params.iter().zip(&self.point).for_each(|(param, x)| param.set(x.clone()));
    }
}

/// Moves every element by `k` times a small step of its own. The step is small enough for derivatives to stay the
/// same, and enough units in the last place long for the round-off of cancelling terms to be drawn again.
pub(super) fn nudged<T: Float>(x: &Tensor<T>, k: f64, rng: &mut StdRng) -> Tensor<T> {
    // Of full precision, unlike the directions: sums of short numbers do not round.
    let mut step = |x: f64| nudge::<T>(rng) * x.abs().max(1.0);
    x.map(|x| T::from_f64(x.to_f64() + k * step(x.to_f64())))
}

/// The same for a direction, in proportion to its numbers, which may be of any size.
pub(super) fn nudged_direction<T: Float>(u: &Tensor, k: f64, rng: &mut StdRng) -> Tensor {
    u.map(|u| u * (1.0 + k * nudge::<T>(rng)))
}

/// A few units in the last place of 1.
fn nudge<T: Float>(rng: &mut StdRng) -> f64 {
    let units = if few_digits::<T>() { 8.0 } else { 16384.0 };
    units * T::EPSILON * rng.random_range(0.5..1.5)
}

/// A random weight: plus or minus a number from ½ to 1½. It has 20 binary digits after the point: enough that no two
/// weights are the same and no two errors cancel, and few enough that steps of ordinary size along it are exact.
pub(super) fn weight(rng: &mut StdRng) -> f64 {
    const ONE: u32 = 1 << 20;
    let size = f64::from(rng.random_range(ONE / 2..ONE + ONE / 2)) / f64::from(ONE);
    if rng.random() { size } else { -size }
}
