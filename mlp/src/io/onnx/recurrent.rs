//! Recurrent layers, by the operators of the same names.

use autograd::Tensor;

use super::graph::{At, Attribute, Value};
use crate::error::Result;
use crate::nn::config::{Config, Configured};
use crate::nn::layers::Rnn;

/// What an operator has otherwise than the layer.
struct Cell {
    op: &'static str,
    /// The place of each of the operator's gates among the layer's.
    gates: &'static [usize],
    /// Whether the reset gate multiplies the sums of the state, and not the state.
    resets_sums: bool,
}

pub(super) fn rnn(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    over_time(at, config, x, &Cell { op: "RNN", gates: &[0], resets_sums: false })
}

/// Update, reset, candidate there.
pub(super) fn gru(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    over_time(at, config, x, &Cell { op: "GRU", gates: &[1, 0, 2], resets_sums: true })
}

/// Input, output, forget, candidate there.
pub(super) fn lstm(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    over_time(at, config, x, &Cell { op: "LSTM", gates: &[0, 3, 1, 2], resets_sums: false })
}

fn over_time(at: &mut At<'_>, config: &Config, x: Value, cell: &Cell) -> Result<Value> {
    let data: <Rnn as Configured>::Data = config.data()?; // the three have the same fields
    let [n, time] = [x.shape[0], x.shape[1]];
    let layers = data.layers.unwrap_or(1);
    // Time comes first there.
    let mut y = at.transpose(&x, &[1, 0, 2]);
    for i in 0..layers {
        let state = at.state.within(i);
        let (u, b) = (state.need("u")?, state.need("b")?);
        let hidden = u.shape()[0];
        let [w, u] = [("w", state.need("w")?), ("u", u)].map(|(name, x)| {
            let (rows, sums) = (x.shape()[0], x.shape()[1]);
            let turned = Tensor::from_fn([1, sums, rows], |p| x.get([p[2], sum(cell, hidden, p[1])]));
            at.numbers(&format!("{i}.{name}"), turned)
        });
        // Those of the inputs, then those of the state.
        let (sums, of_state) = (b.numel(), state.get("c"));
        let biases = Tensor::from_fn([1, 2 * sums], |p| match (p[1].checked_sub(sums), &of_state) {
            (None, _) => b.get([sum(cell, hidden, p[1])]),
            (Some(k), Some(c)) => c.get([sum(cell, hidden, k)]),
            (Some(_), None) => 0.0,
        });
        let biases = at.numbers(&format!("{i}.b"), biases);
        let inputs = [y.name.as_str(), &w, &u, &biases];
        let resets = cell.resets_sums.then_some(("linear_before_reset", Attribute::Int(1)));
        let settings = [("hidden_size", Attribute::Int(hidden as i64))].into_iter().chain(resets);
        if data.last && i + 1 == layers {
            // The second output is the state behind the last step, (1, n, hidden).
            let state = at.node_second(cell.op, &inputs, settings);
            let axis = at.whole("axis0", vec![0]);
            return Ok(Value { name: at.node("Squeeze", &[&state, &axis], []), shape: [n, hidden].into() });
        }
        // (time, 1, n, hidden)
        let states = at.node(cell.op, &inputs, settings);
        let axis = at.whole("axis1", vec![1]);
        y = Value { name: at.node("Squeeze", &[&states, &axis], []), shape: [time, n, hidden].into() };
    }
    Ok(at.transpose(&y, &[1, 0, 2]))
}

/// Which of the layer's sums the operator has in this place.
fn sum(cell: &Cell, hidden: usize, place: usize) -> usize {
    cell.gates[place / hidden] * hidden + place % hidden
}
