//! Work c: a recurrent network.

use autograd::{Float, Tensor};
use mlp::{Gru, Module, Sgd};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::training::{Training, verified};
use super::{Work, set_matrices};
use crate::tensor;

const SHAPE: [usize; 3] = [32, 100, 64];

/// A step on 32 sequences of 100 steps through a gated recurrent unit of 64.
pub(super) fn step() -> Work {
    verified("c", training(), training())
}

fn training<T: Float>() -> Training<T> {
    let model = Gru::new(64, 64, &mut StdRng::seed_from_u64(0)).expect("sizes above 0");
    set_matrices(&model.parameters());
    for biases in model.parameters().params().filter(|w| w.shape().len() == 1) {
        biases.set(Tensor::zeros(biases.shape())); // drawn, as in PyTorch
    }
    let (x, targets): (Tensor<T>, Tensor<T>) = (tensor(SHAPE, 0, 1.0), tensor(SHAPE, 1 << 23, 1.0));
    let sgd = Sgd::new(&model.parameters(), 0.1);
    Training::new(model.parameters(), Some(Box::new(sgd)), move |tape| {
        (model.forward(tape.constant(&x)) - &targets).square().mean()
    })
}
