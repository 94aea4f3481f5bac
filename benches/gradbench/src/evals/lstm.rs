//! The loss of a network of long short-term memory on a text, a character a row of bits. Its weight matrices are diagonal.
//!
//! A layer needs nothing of the next. So each layer goes through the whole text before the next begins, and what does not
//! wait for its own last state, two of its gates, is computed for all characters at once.

use autograd::{Scalar, Tensor, Var};
use serde::Deserialize;
use serde_json::Value;

use super::{Function, matrix, timed};
use crate::runs::{Outcome, Runs, read};

pub(super) fn function(name: &str) -> Option<Function> {
    match name {
        "objective" => Some(value),
        "jacobian" => Some(jacobian),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Input {
    main_params: Vec<Vec<f64>>,
    extra_params: Vec<Vec<f64>>,
    state: Vec<Vec<f64>>,
    sequence: Vec<Vec<f64>>,
}

/// What is not differentiated: the states before the text, hidden and cell of each layer in turn, and the text.
struct Data {
    state: Tensor,
    text: Tensor,
}

/// The parameters of the layers and of what surrounds them, and the data.
fn arrays(input: Value) -> Result<([Tensor; 2], Data, Runs), String> {
    let (input, runs) = read::<Input>(input)?;
    let bits = input.sequence.first().map_or(0, Vec::len);
    let data = Data { state: matrix(&input.state, bits)?, text: matrix(&input.sequence, bits)? };
    Ok(([matrix(&input.main_params, 4 * bits)?, matrix(&input.extra_params, bits)?], data, runs))
}

/// The hidden states of a layer at all places: `(c, b) → (c, b)`.
fn layer<'t>(input: Var<'t>, weights: Var<'t>, biases: Var<'t>, hidden: &Tensor, cell: &Tensor) -> Var<'t> {
    let (tape, [c, b]) = (input.tape(), [input.shape()[0], input.shape()[1]]);
    let gate = |row: Var<'t>, at: usize| row.slice(0, at * b..(at + 1) * b);
    let [forget, ingate, outgate, change] = [0, 1, 2, 3].map(|at| (gate(weights, at), gate(biases, at)));
    let forget = (input * forget.0 + forget.1).sigmoid();
    let outgate = (input * outgate.0 + outgate.1).sigmoid();
    let (mut hidden, mut cell) = (tape.constant(hidden), tape.constant(cell));
    let states: Vec<_> = (0..c)
        .map(|at| {
            let ingate = (hidden * ingate.0 + ingate.1).sigmoid();
            let change = (hidden * change.0 + change.1).tanh();
            cell = cell * forget.at(0, at) + ingate * change;
            hidden = outgate.at(0, at) * cell.tanh();
            hidden
        })
        .collect();
    Var::stack(&states, 0)
}

/// The mean over all bits of `−y·(z − ln(2 + Σ exp(z)))`, for predictions `z` of the next character `y`.
fn objective<'t>([main, extra]: [Var<'t>; 2], data: &Data) -> Scalar<'t> {
    let (characters, layers) = (data.text.shape()[0], main.shape()[0] / 2);
    let (given, next) = (data.text.slice(0, 0..characters - 1), data.text.slice(0, 1..characters));
    let row = |at: usize| main.at(0, at);
    let output = (0..layers).fold(extra.at(0, 0) * &given, |input, at| {
        layer(input, row(2 * at), row(2 * at + 1), &data.state.at(0, 2 * at), &data.state.at(0, 2 * at + 1))
    });
    let predictions = output * extra.at(0, 1) + extra.at(0, 2);
    let norms = (predictions.exp().sum_keep(1) + 2.0).ln();
    -((predictions - norms) * &next).mean()
}

fn value(input: Value) -> Outcome {
    let (parameters, data, runs) = arrays(input)?;
    timed::value(runs, |x| objective(x, &data), parameters)
}

fn jacobian(input: Value) -> Outcome {
    let (parameters, data, runs) = arrays(input)?;
    timed::gradient(runs, |x| objective(x, &data), parameters, |[main, extra]| [main.to_vec(), extra.to_vec()].concat())
}
