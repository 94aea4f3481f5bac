//! What models are made of.
//!
//! - `module` — [`Module`](crate::Module), and the table that a model prints
//! - `layers` — a file each; `activation`, `init`
//! - `mlp` — the multilayer perceptron and its builder
//! - `observe`, `probe` — who looks into a model while it computes, and what shows it

pub(crate) mod activation;
pub mod init;
pub(crate) mod layers;
pub(crate) mod mlp;
pub(crate) mod module;
pub(crate) mod observe;
pub(crate) mod probe;
