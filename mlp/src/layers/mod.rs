//! Layers: one file each.

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
