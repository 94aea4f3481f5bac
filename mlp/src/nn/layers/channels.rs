//! What normalisations of channels share: inputs `(n, channels, …)`, with a factor and an offset for each channel.

use autograd::{Float, Param, Parameters, Shape, Tensor, Var};

use super::with_optional;
use crate::Error;

/// `Ok` if `shape` is (n, channels, …).
pub(super) fn channels_fit(layer: &'static str, shape: &Shape, channels: usize) -> Result<(), Error> {
    match shape.get(1) == Some(&channels) {
        true => Ok(()),
        false => Err(Error::invalid(
            layer,
            format!(
                "inputs (n, {channels}, …) are needed, the input has shape {shape}; reshape it or resize the layer"
            ),
        )),
    }
}

/// The number of values of one channel in one sample.
pub(super) fn places(shape: &Shape) -> usize {
    Shape::from(&shape[2..]).numel()
}

/// `x` with at most three axes: (n, channels) or (n, channels, places).
#[track_caller]
pub(super) fn folded<T: Float>(x: Var<'_, T>) -> Var<'_, T> {
    let shape = x.shape();
    if shape.len() <= 3 { x } else { x.reshape([shape[0], shape[1], places(&shape)]) }
}

/// One value for each channel in a shape that broadcasts beside the folded `x`.
#[track_caller]
pub(super) fn beside<'t, T: Float>(x: Var<'t, T>, values: Var<'t, T>) -> Var<'t, T> {
    if x.shape().len() == 2 { values } else { values.unsqueeze(1) }
}

/// The mean of each channel of the folded `x`: (channels).
#[track_caller]
pub(super) fn means<T: Float>(x: Var<'_, T>) -> Var<'_, T> {
    if x.shape().len() == 2 { x.mean_axis(0) } else { x.mean_axis([0, 2]) }
}

/// Factors of 1 and offsets of 0.
pub(super) fn identity<T: Float>(channels: usize) -> [Option<Param<T>>; 2] {
    [Tensor::ones([channels]), Tensor::zeros([channels])].map(|values| Some(Param::new(values)))
}

/// The parameters of a layer that may have factors and offsets.
pub(super) fn named<T: Float>(gain: Option<&Param<T>>, shift: Option<&Param<T>>) -> Parameters<T> {
    with_optional(with_optional(Parameters::new(), "gain", gain), "shift", shift)
}

/// Whether a layer has factors and offsets, for its configuration.
pub(super) fn affine<T: Float>(
    layer: &'static str,
    gain: Option<&Param<T>>,
    shift: Option<&Param<T>>,
) -> Result<bool, Error> {
    match (gain, shift) {
        (Some(_), Some(_)) => Ok(true),
        (None, None) => Ok(false),
        _ => Err(Error::config(layer, "it has factors or offsets, and configurations know both or none; give it both")),
    }
}
