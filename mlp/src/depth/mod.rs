//! The laboratory of depth: signals and gradients in deep networks, measured and predicted.
//!
//! It uses the rest of the crate; the rest does not depend on it.

pub mod flow;
pub mod infinite;
mod init;
mod quadrature;
pub mod theory;
