//! Layers, one file per layer.

mod alpha_dropout;
mod attention;
mod batch_norm;
mod channels;
pub(crate) mod convolution;
mod dropout;
mod embedding;
mod group_norm;
mod gru;
mod linear;
mod lstm;
mod norm;
pub(crate) mod pooling;
mod positions;
mod recurrent;
mod residual;
mod rms_norm;
mod rnn;
mod sequential;
pub(crate) mod spectral_norm;
mod transformer;
mod units;
pub(crate) mod weight_norm;
mod weighted;

pub use alpha_dropout::AlphaDropout;
pub use attention::MultiHeadAttention;
pub use batch_norm::BatchNorm;
pub use convolution::{Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use group_norm::GroupNorm;
pub use gru::{Gru, GruCell};
pub use linear::Linear;
pub use lstm::{Lstm, LstmCell};
pub use norm::LayerNorm;
pub use pooling::{
    AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool1d, AvgPool2d, Flatten, MaxPool1d, MaxPool2d, Upsample2d,
};
pub use positions::PositionalEncoding;
pub use recurrent::{Cell, Recurrent};
pub use residual::Residual;
pub use rms_norm::RmsNorm;
pub use rnn::{Rnn, RnnCell};
pub use sequential::Sequential;
pub use spectral_norm::SpectralNorm;
pub use transformer::TransformerBlock;
pub use weight_norm::WeightNorm;
pub use weighted::Weighted;

use autograd::{Float, Param, Parameters, Shape, Var};

use crate::Error;
use crate::error::or_panic;

/// A parameter beside `all`, if the layer has it.
fn with_optional<T: Float>(all: Parameters<T>, name: &str, param: Option<&Param<T>>) -> Parameters<T> {
    match param {
        Some(param) => all.with(name, param),
        None => all,
    }
}

/// Rejects rows whose length differs from the parameters of `layer`: broadcasting would stretch rows of length 1.
#[track_caller]
pub(crate) fn check_features<T: Float>(layer: &'static str, x: Var<'_, T>, features: usize) {
    or_panic(features_fit(layer, &x.shape(), features));
}

/// The same, for a shape that is foretold.
pub(crate) fn features_fit(layer: &'static str, shape: &Shape, features: usize) -> Result<(), Error> {
    match shape.last() == Some(&features) {
        true => Ok(()),
        false => Err(Error::invalid(
            layer,
            format!(
                "rows of {features} numbers are needed, the input has shape {shape}; reshape it or resize the layer"
            ),
        )),
    }
}

/// Whether `shape` is that of sequences of rows of `features` numbers, with at least one step.
pub(crate) fn sequences_fit(layer: &'static str, shape: &Shape, features: usize) -> Result<(), Error> {
    match shape[..] {
        [_, time, found] if time > 0 && found == features => Ok(()),
        _ => Err(Error::invalid(
            layer,
            format!(
                "sequences of shape (n, time, {features}) with at least one step are needed, the input has shape {shape}; \
                 reshape it or resize the layer"
            ),
        )),
    }
}
