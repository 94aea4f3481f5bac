//! The laboratory of depth: what becomes of signals and gradients in deep networks, measured and foretold.
//!
//! It uses the rest of the crate, and the rest does not know it.

pub mod flow;
mod init;
mod quadrature;
pub mod theory;
