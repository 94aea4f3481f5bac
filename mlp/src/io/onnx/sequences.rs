//! Positions, attention, and the block of both and a network for each row.

use autograd::Tensor;

use super::graph::{At, Value};
use super::{activations, models, norms, plain};
use crate::error::Result;
use crate::nn::config::{Config, Configured};
use crate::nn::layers::{MultiHeadAttention, PositionalEncoding, TransformerBlock};
use crate::nn::module::Module;

pub(super) fn positions(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let data: <PositionalEncoding as Configured>::Data = config.data()?;
    plain::behind_samples(&x, 2)?;
    let time = x.shape[x.rank() - 2];
    let table = match data.learned {
        true => at.state.need("table")?.slice(0, 0..time),
        false => PositionalEncoding::sinusoidal(data.longest, data.width)?.predict(&Tensor::zeros([time, data.width])),
    };
    Ok(at.with_constant("Add", &x, "table", table))
}

pub(super) fn attention(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let data: <MultiHeadAttention as Configured>::Data = config.data()?;
    attend(at, config, x, data.heads, data.causal)
}

fn attend(at: &mut At<'_>, config: &Config, x: Value, heads: usize, causal: bool) -> Result<Value> {
    let [time, width] = [x.shape[1], x.shape[2]];
    let depth = width / heads;
    let q = linear(at, config, "query", x.clone())?;
    let q = at.with_number("Mul", &q, (depth as f64).sqrt().recip());
    let (k, v) = (linear(at, config, "key", x.clone())?, linear(at, config, "value", x)?);
    let [q, k, v] = [(q, [0, 2, 1, 3]), (k, [0, 2, 3, 1]), (v, [0, 2, 1, 3])].map(|(x, axes)| {
        let parted = at.reshape(&x, &[time, heads, depth]);
        at.transpose(&parted, &axes)
    });
    let scores = Value { name: at.node("MatMul", &[&q.name, &k.name], []), shape: q.with_tail([heads, time, time]) };
    let scores = match causal {
        false => scores,
        true => {
            let later = (0..time * time).map(|i| i % time > i / time).collect();
            let later = at.flags("later", [time, time], later);
            let hidden = at.numbers("hidden", f64::from(f32::MIN));
            Value { name: at.node("Where", &[&later, &hidden, &scores.name], []), shape: scores.shape }
        }
    };
    let weights = activations::apply(at, crate::Activation::Softmax, scores);
    let y = Value { name: at.node("MatMul", &[&weights.name, &v.name], []), shape: v.shape };
    let y = at.transpose(&y, &[0, 2, 1, 3]);
    let y = at.reshape(&y, &[time, width]);
    linear(at, config, "out", y)
}

/// A linear layer within.
fn linear(at: &mut At<'_>, config: &Config, part: &str, x: Value) -> Result<Value> {
    plain::linear(&mut at.within(part), config, x)
}

pub(super) fn transformer(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let data: <TransformerBlock as Configured>::Data = config.data()?;
    let norm = |at: &mut At<'_>, name: &str, x: &Value| norms::layer_norm_with(&mut at.within(name), x, data.eps);
    let read = if data.post_norm { x.clone() } else { norm(at, "norm1", &x)? };
    let read = attend(&mut at.within("attention"), config, read, data.heads, data.causal)?;
    let h = models::shortcut(at, &x, read, data.strength);
    let h = if data.post_norm { norm(at, "norm1", &h)? } else { h };
    let rows = if data.post_norm { h.clone() } else { norm(at, "norm2", &h)? };
    let units = linear(at, config, "up", rows)?;
    let units = activations::apply(at, data.activation, units);
    let down = linear(at, config, "down", units)?;
    let y = models::shortcut(at, &h, down, data.strength);
    if data.post_norm { norm(at, "norm2", &y) } else { Ok(y) }
}
