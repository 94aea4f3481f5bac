//! Layers, one file per layer.

mod attention;
mod dropout;
mod embedding;
mod gru;
mod linear;
mod lstm;
mod norm;
mod positions;
mod recurrent;
mod residual;
mod rnn;
mod sequential;
mod transformer;

pub use attention::MultiHeadAttention;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use gru::{Gru, GruCell};
pub use linear::Linear;
pub use lstm::{Lstm, LstmCell};
pub use norm::LayerNorm;
pub use positions::PositionalEncoding;
pub use recurrent::{Cell, Recurrent};
pub use residual::Residual;
pub use rnn::{Rnn, RnnCell};
pub use sequential::Sequential;
pub use transformer::TransformerBlock;

use autograd::{Float, Shape, Var};

use crate::Error;

/// Rejects rows whose length differs from the parameters of `layer`: broadcasting would stretch rows of length 1.
#[track_caller]
pub(crate) fn check_features<T: Float>(layer: &'static str, x: Var<'_, T>, features: usize) {
    if let Err(error) = features_fit(layer, &x.shape(), features) {
        panic!("{error}");
    }
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
