//! Layers, one file per layer.

mod dropout;
mod linear;
mod norm;
mod residual;
mod sequential;

pub use dropout::Dropout;
pub use linear::Linear;
pub use norm::LayerNorm;
pub use residual::Residual;
pub use sequential::Sequential;

use autograd::{Float, Var};

/// Rejects rows whose length differs from the parameters of `layer`: broadcasting would stretch rows of length 1.
#[track_caller]
pub(crate) fn check_features<T: Float>(layer: &str, x: Var<'_, T>, features: usize) {
    let shape = x.shape();
    assert!(
        shape.last() == Some(&features),
        "{layer}: rows of {features} numbers are needed, the input has shape {shape}; reshape it or resize the layer"
    );
}
