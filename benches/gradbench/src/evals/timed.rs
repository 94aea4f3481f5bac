//! Timing a formula's value, and its gradient.
//!
//! Each has a tape of its own, cleared before each run: it keeps its memory, however large.

use autograd::{Scalar, Tape, Tensor, Var};
use serde::Serialize;

use crate::runs::{Outcome, Runs};

/// The value of `f` at `x`, on a tape for values only.
pub(super) fn value<const N: usize>(
    runs: Runs,
    f: impl for<'t> Fn([Var<'t>; N]) -> Scalar<'t>,
    x: [Tensor; N],
) -> Outcome {
    let mut tape = Tape::values_only();
    let value = || {
        tape.clear();
        f(x.each_ref().map(|x| tape.constant(x))).value()
    };
    runs.time(value, |y| y)
}

/// The gradient of `f` at `x`, an array for each of `x`.
pub(super) fn gradient<const N: usize, O: Serialize>(
    runs: Runs,
    f: impl for<'t> Fn([Var<'t>; N]) -> Scalar<'t>,
    x: [Tensor; N],
    output: impl FnOnce([Tensor; N]) -> O,
) -> Outcome {
    let mut tape = Tape::new();
    let gradient = || {
        tape.clear();
        let x = x.each_ref().map(|x| tape.var(x));
        let grads = f(x).backward();
        x.map(|x| grads[x].clone())
    };
    runs.time(gradient, output)
}
