//! Work e: logistic regression on 100 columns in `f64`, the gradient of the loss of all rows.

use mlp::{BinaryCrossEntropyWithLogits, Init, Linear, Loss, Module, Targets};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::training::Training;
use super::{Work, set_matrices};
use crate::{scattered, tensor};

const COLUMNS: usize = 100;

/// The gradient on so many rows, verified on some of them.
pub(super) fn gradient(rows: usize) -> Work {
    training(1000).verify("e");
    training(rows).work()
}

fn training(rows: usize) -> Training<f64> {
    let model = Linear::new(COLUMNS, 1, &Init::Zeros, &mut StdRng::seed_from_u64(0)).expect("sizes above 0");
    set_matrices(&model.parameters());
    let x = tensor([rows, COLUMNS], 0, 1.0);
    let classes = Targets::Classes((0..rows).map(|i| usize::from(scattered((1 << 28) + i) > 0.0)).collect());
    Training::new(model.parameters(), None, move |tape| {
        BinaryCrossEntropyWithLogits.mean(model.forward(tape.constant(&x)), &classes).expect("a logit a row")
    })
}
