//! The laboratory of depth: signals and gradients in deep networks, measured and predicted.
//!
//! It uses the rest of the crate; the rest does not depend on it.

#[cfg(feature = "spectrum")]
pub mod dynamics;
pub mod flow;
#[cfg(feature = "spectrum")]
pub mod free_probability;
pub mod infinite;
mod init;
mod quadrature;
pub mod scaling;
pub mod theory;
