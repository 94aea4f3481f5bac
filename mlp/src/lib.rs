//! Layers, activations, losses and training on top of `autograd`.

mod error;
pub use error::{Error, Result};

mod data;
pub use data::{Batches, Dataset, Scaler, Table, Targets, one_hot};

pub mod init;
pub use init::Init;

pub mod io;
