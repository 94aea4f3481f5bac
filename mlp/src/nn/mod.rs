//! Building blocks of models.
//!
//! - `module` — [`Module`](crate::Module), and the summary table of a model
//! - `layers` — one file per layer; `activation`, `init`
//! - `config` — models as plain data; `network` — named parts with several inputs and outputs
//! - `mlp` — the multilayer perceptron and its builder; `norm` — the normalisation of its layers
//! - `state_dict` — the names that parameters have in PyTorch
//! - `observe`, `probe` — the receiver of a model's intermediate values, and the handle that exposes them

pub(crate) mod activation;
pub mod config;
pub mod init;
pub(crate) mod layers;
pub(crate) mod mlp;
pub(crate) mod module;
pub(crate) mod network;
pub(crate) mod norm;
pub(crate) mod observe;
pub(crate) mod probe;
pub(crate) mod state_dict;
