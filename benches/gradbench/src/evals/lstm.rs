//! The loss of a network of long short-term memory on a text, a character a row of bits. Its weight matrices are diagonal.
//!
//! A layer needs of the one below what that computed a step ago. So all layers step together, each a character behind the
//! one below it, and a step of all of them is a few operations on arrays of a row for each layer.

use autograd::{Elementwise, Number, Scalar, Tensor, Var};
use serde::Deserialize;
use serde_json::Value;

use super::{Function, matrix, timed};
use crate::runs::{Outcome, Runs, read};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[("objective", value), ("jacobian", jacobian)];

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

/// `1/(1 + exp(−x))`. As a function of one's own it keeps its slope, which is made of the same exponential.
#[derive(Clone, Copy)]
struct Sigmoid;

impl Elementwise for Sigmoid {
    #[inline(always)]
    fn f<N: Number>(self, x: N) -> N {
        N::one() / (N::one() + (-x).exp())
    }
}

/// `tanh(x) = 1 − 2/(1 + exp(2x))`, likewise.
#[derive(Clone, Copy)]
struct Tanh;

impl Elementwise for Tanh {
    #[inline(always)]
    fn f<N: Number>(self, x: N) -> N {
        N::one() - N::constant(2.0) / (N::one() + (x + x).exp())
    }
}

/// The hidden states of the last layer, `(c, b)`, for what the first one is given at each place: `(c, b)`.
fn states<'t>(given: Var<'t>, main: Var<'t>, state: &Tensor) -> Var<'t> {
    let (layers, [places, bits]) = (main.shape()[0] / 2, [given.shape()[0], given.shape()[1]]);
    let [weights, biases] = [0, 1].map(|kind| main.reshape([layers, 2, 4, bits]).at(1, kind));
    let [forget, ingate, outgate, change] = [0, 1, 2, 3].map(|gate| (weights.at(1, gate), biases.at(1, gate)));
    let first = [0, 1].map(|kind| given.tape().constant(state.reshape([layers, 2, bits]).at(1, kind)));
    let [mut hidden, mut cell] = first;
    let mut last = vec![];
    for step in 0..places + layers - 1 {
        // After the text's end the lower layers go on with what nobody reads.
        let place = step.min(places - 1);
        let below = Var::concat(&[given.slice(0, place..place + 1), hidden.slice(0, 0..layers - 1)], 0);
        let through = |x: Var<'t>, gate: (Var<'t>, Var<'t>)| x * gate.0 + gate.1;
        let made = through(hidden, ingate).map(Sigmoid) * through(hidden, change).map(Tanh);
        cell = cell * through(below, forget).map(Sigmoid) + made;
        hidden = through(below, outgate).map(Sigmoid) * cell.map(Tanh);
        let begun = step + 1;
        if begun < layers {
            let with_first =
                |x: Var<'t>, first: Var<'t>| Var::concat(&[x.slice(0, 0..begun), first.slice(0, begun..layers)], 0);
            (hidden, cell) = (with_first(hidden, first[0]), with_first(cell, first[1]));
        } else {
            last.push(hidden.at(0, layers - 1));
        }
    }
    Var::stack(&last, 0)
}

/// The mean over all bits of `−y·(z − ln(2 + Σ exp(z)))`, for predictions `z` of the next character `y`.
fn objective<'t>([main, extra]: [Var<'t>; 2], data: &Data) -> Scalar<'t> {
    let characters = data.text.shape()[0];
    let (given, next) = (data.text.slice(0, 0..characters - 1), data.text.slice(0, 1..characters));
    let output = states(extra.at(0, 0) * given, main, &data.state);
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
