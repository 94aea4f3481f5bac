//! Normalisations in evaluation mode, with the running statistics of a training.

use autograd::{Tape, Tensor};

use super::graph::{At, Attribute, Value};
use super::plain::behind_samples;
use super::table;
use crate::error::{Error, Result};
use crate::nn::config::{Config, Configured};
use crate::nn::layers::{
    BatchNorm, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, GroupNorm, LayerNorm, Linear, RmsNorm,
    spectral_norm as spectral, weight_norm as directions,
};

pub(super) fn layer_norm(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let data: <LayerNorm as Configured>::Data = config.data()?;
    layer_norm_with(at, &x, data.eps)
}

/// The same with its constant, which has a usual value.
pub(super) fn layer_norm_with(at: &mut At<'_>, x: &Value, eps: Option<f64>) -> Result<Value> {
    behind_samples(x, 1)?;
    let (gain, shift) = (at.weight("gain")?, at.weight("shift")?);
    let eps = eps.unwrap_or(LayerNorm::<f64>::EPS);
    let settings = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(eps))];
    Ok(at.map("LayerNormalization", x, &[&gain, &shift], settings))
}

pub(super) fn batch_norm(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let data: <BatchNorm as Configured>::Data = config.data()?;
    let channels = at.state.need("mean")?.numel();
    let affine = at.state.get("gain").is_some();
    let [gain, shift] = match affine {
        true => [at.weight("gain")?, at.weight("shift")?],
        false => [at.numbers("ones", Tensor::ones([channels])), at.numbers("zeros", Tensor::zeros([channels]))],
    };
    let [mean, variance] = [at.weight("mean")?, at.weight("variance")?];
    let eps = data.eps.unwrap_or(BatchNorm::<f64>::EPS);
    let settings = [("epsilon", Attribute::Float(eps))];
    Ok(at.map("BatchNormalization", &x, &[&gain, &shift, &mean, &variance], settings))
}

pub(super) fn group_norm(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let data: <GroupNorm as Configured>::Data = config.data()?;
    let (tail, values) = (x.tail().to_vec(), x.tail().iter().product::<usize>());
    let grouped = at.reshape(&x, &[data.groups, values / data.groups]);
    let mean = mean(at, &grouped);
    let centred = at.map("Sub", &grouped, &[&mean], []);
    let normed = over_root_mean_square(at, &centred, data.eps.unwrap_or(GroupNorm::<f64>::EPS));
    let y = at.reshape(&normed, &tail);
    // Factors and offsets (channels, 1, …) stretch along the axes behind the channels.
    let affine = [("Mul", "gain"), ("Add", "shift")].into_iter();
    Ok(affine.fold(y, |y, (op, name)| match at.state.get(name) {
        Some(values) if tail.len() > 1 => {
            let axes: Vec<usize> = [tail[0]].into_iter().chain(tail[1..].iter().map(|_| 1)).collect();
            at.with_constant(op, &y, name, values.reshape(axes))
        }
        Some(values) => at.with_constant(op, &y, name, values),
        None => y,
    }))
}

pub(super) fn rms_norm(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let data: <RmsNorm as Configured>::Data = config.data()?;
    behind_samples(&x, 1)?;
    let normed = over_root_mean_square(at, &x, data.eps.unwrap_or(at.graph.epsilon));
    let gain = at.weight("gain")?;
    Ok(at.map("Mul", &normed, &[&gain], []))
}

/// The means over the last axis, which stays with length 1.
fn mean(at: &mut At<'_>, x: &Value) -> String {
    let axis = at.whole("last", vec![-1]);
    at.node("ReduceMean", &[&x.name, &axis], [("keepdims", Attribute::Int(1))])
}

/// `x/√(mean(x²) + eps)` over the last axis.
fn over_root_mean_square(at: &mut At<'_>, x: &Value, eps: f64) -> Value {
    let square = at.map("Mul", x, &[&x.name], []);
    let mean = mean(at, &square);
    let eps = at.numbers("eps", eps);
    let sum = at.node("Add", &[&mean, &eps], []);
    let root = at.node("Sqrt", &[&sum], []);
    at.map("Div", x, &[&root], [])
}

pub(super) fn weight_norm(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let directions::Data { inner } = config.data()?;
    let (axis, tape) = (output_axis(&inner)?, Tape::values_only());
    let [v, gain] = [at.state.need("w")?, at.state.need("gain")?].map(|value| tape.constant(value));
    with_weights(at, &inner, directions::weights(v, gain, axis).value(), x)
}

pub(super) fn spectral_norm(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let spectral::Data { inner, .. } = config.data()?;
    let (axis, tape) = (output_axis(&inner)?, Tape::values_only());
    let (w, u, v) = (at.state.need("w")?, at.state.need("u")?, at.state.need("v")?);
    with_weights(at, &inner, spectral::weights(tape.constant(w), [&u, &v], axis).value(), x)
}

/// The axis of the weights that counts the outputs of a layer.
fn output_axis(inner: &Config) -> Result<usize> {
    const LAYERS: [(&str, usize); 5] = [
        (<Linear as Configured>::LAYER, Linear::<f64>::OUTPUT_AXIS),
        (<Conv1d as Configured>::LAYER, Conv1d::<f64>::OUTPUT_AXIS),
        (<Conv2d as Configured>::LAYER, Conv2d::<f64>::OUTPUT_AXIS),
        (<ConvTranspose1d as Configured>::LAYER, ConvTranspose1d::<f64>::OUTPUT_AXIS),
        (<ConvTranspose2d as Configured>::LAYER, ConvTranspose2d::<f64>::OUTPUT_AXIS),
    ];
    let axis = LAYERS.iter().find(|(layer, _)| *layer == inner.layer()).map(|(_, axis)| *axis);
    axis.ok_or_else(|| table::unknown(Error::config(inner.layer(), "")).within("inner"))
}

fn with_weights(at: &mut At<'_>, inner: &Config, w: Tensor, x: Value) -> Result<Value> {
    let state = at.state.with("w", w);
    at.part("inner", state, inner, x)
}
