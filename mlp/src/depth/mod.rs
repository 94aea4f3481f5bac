//! The laboratory of depth: signals and gradients in deep networks, measured and predicted.
//!
//! [`advise`](crate::advise) begins: it names what is wrong with a model, and measures what would cure it. [`flow`] shows the
//! figures of every layer, [`theory`] foretells them.
//!
//! The laboratory uses the rest of the crate; the rest does not depend on it.

pub mod advice;
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
