//! `x²` and its derivative, to try the protocol with.

use autograd::{Scalar, Tape};
use serde_json::Value;

use super::Function;
use crate::runs::{Outcome, Runs};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[("square", square), ("double", double)];

fn objective(x: Scalar<'_>) -> Scalar<'_> {
    x * x
}

/// The input is the number itself, so it does not say how often to run.
fn number(input: Value) -> Result<f64, String> {
    input.as_f64().ok_or_else(|| format!("input: {input} is no number"))
}

fn square(input: Value) -> Outcome {
    let x = number(input)?;
    Runs::default().time(|| objective(Tape::new().scalar(x)).value(), |y| y)
}

fn double(input: Value) -> Outcome {
    let x = number(input)?;
    let gradient = || {
        let tape = Tape::new();
        let x = tape.scalar(x);
        objective(x).backward()[x]
    };
    Runs::default().time(gradient, |dx| dx)
}
