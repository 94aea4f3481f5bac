//! The laboratory of depth: signals and gradients in deep networks, measured and predicted.
//!
//! It uses the rest of the crate; the rest does not depend on it.

pub mod flow;
mod init;
mod quadrature;
pub mod scaling;
pub mod theory;
