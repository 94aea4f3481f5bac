//! Work b: a block of attention.

use autograd::{Float, Tensor};
use mlp::{LayerNorm, Module, MultiHeadAttention, Residual, Sequential, Sgd};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::training::{Training, verified};
use super::{Work, set_matrices};
use crate::tensor;

const SHAPE: [usize; 3] = [8, 64, 64];

/// A step on 8 sequences of 64 tokens, 64 numbers wide: x + attention(layer_norm(x)) with 4 heads.
pub(super) fn step() -> Work {
    verified("b", training(), training())
}

fn training<T: Float>() -> Training<T> {
    let attention = MultiHeadAttention::new(64, 4, &mut StdRng::seed_from_u64(0)).expect("a width for the heads");
    let branch = Sequential::new().then(LayerNorm::new(64).expect("features")).then(attention);
    let model = Residual::new(branch);
    set_matrices(&model.parameters());
    let (x, targets): (Tensor<T>, Tensor<T>) = (tensor(SHAPE, 0, 1.0), tensor(SHAPE, 1 << 23, 1.0));
    let sgd = Sgd::new(&model.parameters(), 0.1);
    Training::new(model.parameters(), Some(Box::new(sgd)), move |tape| {
        (model.forward(tape.constant(&x)) - &targets).square().mean()
    })
}
