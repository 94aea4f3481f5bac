//! Work h: 4,096 rows of a table of 50,000 × 64, the gradient of a sum of squares, and steps.

use autograd::{Float, Parameters, Tensor};
use mlp::{Adam, Embedding, Init, Module, Optimizer, Sgd};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::training::{Training, verified};
use super::{Work, set_matrices};
use crate::tensor;

const COUNT: usize = 50_000;
const WIDTH: usize = 64;
const BATCH: usize = 4096;

/// Forward and backward.
pub(super) fn gradient() -> Work {
    verified("h-gradient", training(false, |_| None), training(false, |_| None))
}

/// A step of gradient descent.
pub(super) fn sgd() -> Work {
    verified("h-sgd", training(false, descent), training(false, descent))
}

/// A step of Adam.
pub(super) fn adam() -> Work {
    verified("h-adam", training(false, moments), training(false, moments))
}

/// [`sgd`] with a gradient by rows.
pub(super) fn sgd_by_rows() -> Work {
    verified("h-sgd-rows", training(true, descent), training(true, descent))
}

/// [`adam`] with a gradient by rows.
pub(super) fn adam_by_rows() -> Work {
    verified("h-adam-rows", training(true, moments), training(true, moments))
}

type Chosen<T> = Option<Box<dyn Optimizer<T>>>;

fn descent<T: Float>(parameters: &Parameters<T>) -> Chosen<T> {
    Some(Box::new(Sgd::new(parameters, 0.01)))
}

fn moments<T: Float>(parameters: &Parameters<T>) -> Chosen<T> {
    Some(Box::new(Adam::new(parameters, 1e-3)))
}

fn training<T: Float>(by_rows: bool, optimizer: fn(&Parameters<T>) -> Chosen<T>) -> Training<T> {
    let rng = &mut StdRng::seed_from_u64(0);
    let model: Embedding<T> = Embedding::new(COUNT, WIDTH, &Init::Zeros, rng).expect("sizes above 0");
    let model = if by_rows { model.by_rows() } else { model };
    set_matrices(&model.parameters());
    let classes: Vec<usize> = (0..BATCH).map(|i| i * 7919 % COUNT).collect();
    let targets: Tensor<T> = tensor([BATCH, WIDTH], 0, 1.0);
    Training::new(model.parameters(), optimizer(&model.parameters()), move |tape| {
        (model.look_up(tape, &classes) - &targets).square().sum()
    })
}
