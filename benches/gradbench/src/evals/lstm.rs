//! The loss of a network of long short-term memory on a text, a character a row of bits. Its weight matrices are diagonal.
//!
//! So each bit is a chain of numbers by itself, and the arrays of a step are short: a cell is recorded number by number, in three
//! nodes, each a function of several numbers.

use std::ops::{Add, Mul, Sub};

use autograd::{ElementwiseN, Number, Scalar, Tape};
use serde::Deserialize;
use serde_json::Value;

use super::{Function, matrix};
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
    state: Vec<f64>,
    text: Vec<Vec<f64>>,
    bits: usize,
}

/// The parameters of the layers and then of what surrounds them, and the data.
fn numbers(input: Value) -> Result<(Vec<f64>, Data, Runs), String> {
    let (input, runs) = read::<Input>(input)?;
    let bits = input.sequence.first().map_or(0, Vec::len);
    let state = matrix(&input.state, bits)?.to_vec();
    let parameters =
        [matrix(&input.main_params, 4 * bits)?.to_vec(), matrix(&input.extra_params, bits)?.to_vec()].concat();
    matrix(&input.sequence, bits)?;
    Ok((parameters, Data { state, text: input.sequence, bits }, runs))
}

/// A plain number or a recorded one, to which a function of several applies.
trait Applied: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<f64, Output = Self> {
    fn apply<const K: usize>(x: [Self; K], f: impl ElementwiseN<K>) -> Self;
}

// Inlined, so that the functions' numbers stay in registers: in memory they are three words, written one by one, and a
// read of several at once waits for all.
impl Applied for f64 {
    #[inline(always)]
    fn apply<const K: usize>(x: [Self; K], f: impl ElementwiseN<K>) -> Self {
        f.f(x)
    }
}

impl Applied for Scalar<'_> {
    #[inline(always)]
    fn apply<const K: usize>(x: [Self; K], f: impl ElementwiseN<K>) -> Self {
        Scalar::zip_map(x, f)
    }
}

/// `1/(1 + exp(−x))`
#[inline(always)]
fn sigmoid<N: Number>(x: N) -> N {
    N::one() / (N::one() + (-x).exp())
}

/// `tanh(x) = 1 − 2/(1 + exp(2x))`, of the same exponential as its slope.
#[inline(always)]
fn tanh<N: Number>(x: N) -> N {
    N::one() - N::constant(2.0) / (N::one() + (x + x).exp())
}

macro_rules! functions {
    ($($(#[$doc:meta])* $Name:ident($($x:ident),*) $result:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        struct $Name;
        impl ElementwiseN<{ [$(stringify!($x)),*].len() }> for $Name {
            #[inline(always)]
            fn f<N: Number>(self, [$($x),*]: [N; { [$(stringify!($x)),*].len() }]) -> N {
                $result
            }
        }
    )* };
}
functions! {
    /// What the forget gate leaves of a cell.
    Kept(cell, x, w, b) cell * sigmoid(x * w + b);
    /// The cell with what the input gate adds.
    Changed(kept, h, w_in, b_in, w_change, b_change) kept + sigmoid(h * w_in + b_in) * tanh(h * w_change + b_change);
    Hidden(cell, x, w, b) sigmoid(x * w + b) * tanh(cell);
    Scaled(x, w, b) x * w + b;
    WithExponential(sum, x) sum + x.exp();
    Logarithm(x) x.ln();
}

/// The gates in the order of their parameters.
#[derive(Clone, Copy)]
enum Gate {
    Forget,
    In,
    Out,
    Change,
}

/// The mean over all bits of `−y·(z − ln(2 + Σ exp(z)))`, for predictions `z` of the next character `y`; `state` and `two` are
/// constants.
fn objective<N: Applied>(parameters: &[N], mut state: Vec<N>, two: N, data: &Data) -> N {
    let bits = data.bits;
    let layers = state.len() / (2 * bits);
    let (main, extra) = parameters.split_at(layers * 8 * bits);
    let mut loss: Option<N> = None;
    let (mut layer_inputs, mut predictions) = (Vec::with_capacity(bits), Vec::with_capacity(bits));
    for pair in data.text.windows(2) {
        layer_inputs.clear();
        layer_inputs.extend(extra.iter().zip(&pair[0]).map(|(&weight, &x)| weight * x));
        // Of each layer all bits in turn: no bit waits for another, so that the processor computes several at once.
        for (layer, state) in state.chunks_exact_mut(2 * bits).enumerate() {
            let parameters = &main[layer * 8 * bits..][..8 * bits];
            let (hidden, cells) = state.split_at_mut(bits);
            for bit in 0..bits {
                // Weights of all gates come first, then biases; of each gate those of all bits.
                let [weight, bias] =
                    [0, 4].map(|kind| move |gate: Gate| parameters[(kind + gate as usize) * bits + bit]);
                let (x, h, cell) = (&mut layer_inputs[bit], &mut hidden[bit], &mut cells[bit]);
                let kept = N::apply([*cell, *x, weight(Gate::Forget), bias(Gate::Forget)], Kept);
                *cell = N::apply(
                    [kept, *h, weight(Gate::In), bias(Gate::In), weight(Gate::Change), bias(Gate::Change)],
                    Changed,
                );
                *h = N::apply([*cell, *x, weight(Gate::Out), bias(Gate::Out)], Hidden);
                *x = *h;
            }
        }
        predictions.clear();
        let mut sum = two;
        for (bit, &x) in layer_inputs.iter().enumerate() {
            let z = N::apply([x, extra[bits + bit], extra[2 * bits + bit]], Scaled);
            sum = N::apply([sum, z], WithExponential);
            predictions.push(z);
        }
        let norm = N::apply([sum], Logarithm);
        for (&z, &y) in predictions.iter().zip(&pair[1]).filter(|&(_, &y)| y != 0.0) {
            let term = (z - norm) * y;
            loss = Some(loss.map_or(term, |loss| loss + term));
        }
    }
    let count = (data.text.len() - 1) * bits;
    loss.unwrap_or(two * 0.0) * (-1.0 / count as f64)
}

fn value(input: Value) -> Outcome {
    let (parameters, data, runs) = numbers(input)?;
    runs.time(|| objective(&parameters, data.state.clone(), 2.0, &data), |y| y)
}

fn jacobian(input: Value) -> Outcome {
    let (parameters, data, runs) = numbers(input)?;
    let mut tape = Tape::new();
    let gradient = || {
        tape.clear();
        let constants = data.state.iter().map(|&x| tape.scalar_constant(x)).collect();
        let parameters: Vec<_> = parameters.iter().map(|&x| tape.scalar(x)).collect();
        let grads = objective(&parameters, constants, tape.scalar_constant(2.0), &data).backward();
        parameters.iter().map(|&x| grads[x]).collect::<Vec<f64>>()
    };
    runs.time(gradient, |gradient| gradient)
}
