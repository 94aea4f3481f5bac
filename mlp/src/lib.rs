//! Layers, activations, losses and training on top of `autograd`.

mod error;
pub use error::{Error, Result};

mod data;
pub use data::{Batches, Dataset, Scaler, Table, Targets, one_hot};

pub mod init;
pub use init::Init;

pub mod io;

mod activation;
mod layers;
mod loss;
pub mod metrics;
mod model;
mod module;
mod optim;
mod train;

pub use activation::{Activation, Function, PRelu, StraightThrough};
pub use layers::{Dropout, LayerNorm, Linear, Residual, Sequential};
pub use loss::{
    Base, BinaryCrossEntropyWithLogits, CrossEntropy, CrossEntropyFromProbabilities, Euclidean, Hinge, Huber,
    KlDivergence, L1, Loss, Mse,
};
pub use model::{Layer, Mlp, MlpBuilder};
pub use module::{LayerRow, Module, summary};
pub use optim::{Adam, Optimizer, Sgd};
pub use train::{Epoch, History, Stopped, Trainer};
