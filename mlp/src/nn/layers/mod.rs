//! Layers, one file per layer.

mod convolution;
mod dropout;
mod linear;
mod norm;
mod pooling;
mod residual;
mod sequential;

pub use convolution::{Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d};
pub use dropout::Dropout;
pub use linear::Linear;
pub use norm::LayerNorm;
pub use pooling::{
    AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool1d, AvgPool2d, Flatten, MaxPool1d, MaxPool2d, Upsample2d,
};
pub use residual::Residual;
pub use sequential::Sequential;

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
