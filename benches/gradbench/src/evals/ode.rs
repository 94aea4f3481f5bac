//! The Runge–Kutta method of the fourth order on `y₀' = x₀`, `yᵢ' = xᵢ·yᵢ₋₁`, from 0 to 2 in `s` steps.

use autograd::{Scalar, Tape, Tensor, Var};
use serde::Deserialize;
use serde_json::Value;

use super::{Function, timed};
use crate::runs::{Outcome, read};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[("primal", primal), ("gradient", gradient)];

#[derive(Deserialize)]
struct Input {
    x: Vec<f64>,
    s: usize,
}

/// `y` after a step of length `h`, with `hx = h·x`: each slope comes out times `h`. A 1 stands before the numbers of `y`, and a 0
/// before those of `hx`, so that each slope is a product with the number before.
fn step<'t>(y: Var<'t>, hx: Var<'t>) -> Var<'t> {
    let slope = |y: Var<'t>| hx * y.shift(1, 0);
    let k1 = slope(y);
    let k2 = slope(y + k1 * 0.5);
    let k3 = slope(y + k2 * 0.5);
    let k4 = slope(y + k3);
    y + (k1 + (k2 + k3) * 2.0 + k4) / 6.0
}

/// The last number of the solution.
fn objective(x: Var<'_>, s: usize) -> Scalar<'_> {
    let (n, tape) = (x.shape().numel(), x.tape());
    let hx = Var::concat(&[tape.constant([0.0]), x * (2.0 / s as f64)], 0);
    let start = Var::concat(&[tape.constant([1.0]), tape.constant(Tensor::zeros([n]))], 0);
    let y = (0..s).fold(start, |y, _| step(y, hx));
    y.slice(0, n..n + 1).item()
}

/// The whole solution. The tape is cleared after each step, so that its memory stays in the caches.
fn primal(input: Value) -> Outcome {
    let (Input { x, s }, runs) = read(input)?;
    let mut tape = Tape::values_only();
    let x = Tensor::from(x);
    let solution = || {
        let start = Tensor::concat(&[Tensor::ones([1]), Tensor::zeros(x.shape())], 0);
        let hx = Tensor::concat(&[Tensor::zeros([1]), &x * (2.0 / s as f64)], 0);
        (0..s).fold(start, |y, _| {
            tape.clear();
            step(tape.constant(y), tape.constant(&hx)).value()
        })
    };
    runs.time(solution, |y| y.as_slice()[1..].to_vec())
}

fn gradient(input: Value) -> Outcome {
    let (Input { x, s }, runs) = read(input)?;
    timed::gradient(runs, |[x]| objective(x, s), [Tensor::from(x)], |[dx]| dx.to_vec())
}
