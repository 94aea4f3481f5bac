//! Where a checked function's values and derivatives come from: a tape, or a function's own code.

use std::cell::Cell;

use super::report::Calls;
use super::subject::{At, Gradient};
use super::taped::Taped;
use crate::error::Error;
use crate::number::Float;
use crate::tensor::Tensor;

/// A source of values and derivatives of a function, which [`At`] reduces to one number `φ`.
pub(super) trait Source<T: Float> {
    /// What gives the gradient at an order, in a word.
    fn name(&self, order: usize) -> &'static str;

    /// The function's output at `x`.
    fn output(&self, x: &[Tensor<T>]) -> Tensor<T>;

    /// The value `φ(x)`.
    fn value(&self, at: &At<T>, x: &[Tensor<T>]) -> f64;

    /// The numbers of which `φ(x)` is the sum, each with its weight, where values are all that is seen.
    fn terms(&self, _at: &At<T>, _x: &[Tensor<T>]) -> Vec<(f64, f64)> {
        vec![]
    }

    /// The gradient of `scale·φ` at the point.
    fn gradient(&self, at: &At<T>, scale: f64) -> Gradient;

    /// Whether `scale` reaches a rule, which need not be linear in it.
    fn scales_by_rule(&self, at: &At<T>) -> bool;

    /// The gradient of `φ` at the point by each further way, with the name of it.
    fn other_gradients(&self, _at: &At<T>) -> Vec<(&'static str, Vec<Tensor>)> {
        vec![]
    }

    /// The tangent of `φ` when the point moves along `u`, by forward mode, if there is one.
    ///
    /// # Errors
    /// If a user-defined operation has no forward rule.
    fn tangent(&self, at: &At<T>, u: &[Tensor<T>]) -> Result<Option<f64>, Error>;

    /// The tangent of each output value when the point moves along `u`, if it is known.
    fn output_tangent(&self, at: &At<T>, u: &[Tensor<T>]) -> Option<Tensor<T>>;

    /// What the matrix of derivatives shows without differences: that a Hessian is not symmetric.
    fn asymmetry(&self, _at: &At<T>) -> Option<Asymmetry> {
        None
    }

    /// The standard deviation of `φ` that the round-off of the values behind it makes, as far as these are known.
    fn noise(&self, at: &At<T>) -> f64;

    /// The recording, if there is one.
    fn taped(&self) -> Option<&Taped<'_, T>> {
        None
    }

    /// The first result that could not be used.
    fn refused(&self) -> Option<Error> {
        None
    }

    /// How often the function and its derivatives were called.
    fn calls(&self) -> Calls;
}

/// The two entries of a Hessian that should be the same and differ most.
#[derive(Debug, Clone)]
pub(super) struct Asymmetry {
    /// Which they are, in a sentence.
    pub(super) text: String,
    /// Their difference as a part of the largest entry.
    pub(super) part: f64,
}

/// Counts calls.
#[derive(Debug, Default)]
pub(super) struct Tally {
    evaluations: Cell<usize>,
    derivatives: Cell<usize>,
}

impl Tally {
    pub(super) fn evaluated(&self) {
        self.evaluations.set(self.evaluations.get() + 1);
    }

    pub(super) fn differentiated(&self, times: usize) {
        self.derivatives.set(self.derivatives.get() + times);
    }

    pub(super) fn calls(&self) -> Calls {
        Calls { evaluations: self.evaluations.get(), derivatives: self.derivatives.get() }
    }
}
