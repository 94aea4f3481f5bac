//! The logarithm of a sum of exponentials, stable at any size: `a + ln Σ exp(xᵢ − a)` with `a = max x`.

use autograd::{Elementwise, Number, Scalar, Tensor, Var};
use serde::Deserialize;
use serde_json::Value;

use super::{Function, timed};
use crate::runs::{Outcome, read};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[("primal", primal), ("gradient", gradient)];

#[derive(Deserialize)]
struct Input {
    x: Vec<f64>,
}

/// `exp(x − a)`: as one function it is summed where it is computed, in one pass.
#[derive(Clone, Copy)]
struct Exponential {
    a: f64,
}

impl Elementwise for Exponential {
    #[inline(always)]
    fn f<N: Number>(self, x: N) -> N {
        (x - N::constant(self.a)).exp()
    }
}

/// The identity holds for every constant `a`, so the largest `x` enters as a plain number.
fn objective([x]: [Var<'_>; 1]) -> Scalar<'_> {
    let a = x.max().value();
    x.map(Exponential { a }).sum().ln() + a
}

fn primal(input: Value) -> Outcome {
    let (input, runs) = read::<Input>(input)?;
    timed::value(runs, objective, [Tensor::from(input.x)])
}

fn gradient(input: Value) -> Outcome {
    let (input, runs) = read::<Input>(input)?;
    timed::gradient(runs, objective, [Tensor::from(input.x)], |[dx]| dx.to_vec())
}
