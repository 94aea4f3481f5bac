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

/// `y` after a step of length `h`, with `hx = h·x`: each slope comes out times `h`.
fn step<'t>(y: Var<'t>, hx: Var<'t>, one: Var<'t>) -> Var<'t> {
    let before = y.shape().numel() - 1;
    let slope = |y: Var<'t>| hx * Var::concat(&[one, y.slice(0, 0..before)], 0);
    let k1 = slope(y);
    let k2 = slope(y + k1 * 0.5);
    let k3 = slope(y + k2 * 0.5);
    let k4 = slope(y + k3);
    y + (k1 + (k2 + k3) * 2.0 + k4) / 6.0
}

/// The last number of the solution.
fn objective(x: Var<'_>, s: usize) -> Scalar<'_> {
    let (n, one) = (x.shape().numel(), x.tape().constant([1.0]));
    let hx = x * (2.0 / s as f64);
    let y = (0..s).fold(x.tape().constant(Tensor::zeros([n])), |y, _| step(y, hx, one));
    y.slice(0, n - 1..n).item()
}

/// The whole solution. The tape is cleared after each step, so that its memory stays in the caches.
fn primal(input: Value) -> Outcome {
    let (Input { x, s }, runs) = read(input)?;
    let mut tape = Tape::values_only();
    let (zeros, hx) = (Tensor::zeros([x.len()]), Tensor::from(x) * (2.0 / s as f64));
    let solution = || {
        (0..s).fold(zeros.clone(), |y, _| {
            tape.clear();
            step(tape.constant(y), tape.constant(&hx), tape.constant([1.0])).value()
        })
    };
    runs.time(solution, |y| y.to_vec())
}

fn gradient(input: Value) -> Outcome {
    let (Input { x, s }, runs) = read(input)?;
    timed::gradient(runs, |[x]| objective(x, s), [Tensor::from(x)], |[dx]| dx.to_vec())
}
