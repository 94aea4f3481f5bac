//! Works a and k: a classifier of 784 numbers in training, and at work.

use autograd::{Float, Tape, Tensor};
use mlp::{Activation, Adam, CrossEntropy, Loss, Mlp, Module, Targets};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::training::{Training, verified};
use super::{Work, set_matrices};
use crate::layers::{factors, squares};
use crate::{assert_close, tensor};

/// A step on 256 samples of 784-512-512-10 with layer normalisation, GELU and Adam.
pub(super) fn step() -> Work {
    verified("a", training(), training())
}

fn training<T: Float>() -> Training<T> {
    let layers = Mlp::new(784).hidden(512, Activation::Gelu).hidden(512, Activation::Gelu);
    let layers = layers.output(10, Activation::Identity).layer_norm();
    let model: Mlp<T> = layers.build(&mut StdRng::seed_from_u64(0)).expect("valid sizes");
    set_matrices(&model.parameters());
    let (x, classes) = (tensor([256, 784], 0, 1.0), Targets::Classes((0..256).map(|i| i % 10).collect()));
    let adam = Adam::new(&model.parameters(), 1e-4);
    Training::new(model.parameters(), Some(Box::new(adam)), move |tape| {
        let logits = model.forward(tape.constant(&x));
        CrossEntropy.mean(logits, &classes).expect("ten classes")
    })
}

/// The logits of 1,024 samples by 784-256-256-10 with rectifiers.
pub(super) fn inference() -> Work {
    let answer = |y: &Tensor<f64>| vec![(y * factors(y.shape())).sum(), squares(y.as_slice())];
    let (wide, x) = network::<f64>();
    let expected = answer(&wide.predict(&x));
    let (model, x) = network::<f32>();
    let found = answer(&model.predict(&x).cast());
    assert_close("k in f32", &found, &expected, 1e-4);
    let mut tape = Tape::values_only();
    Work::new(found, move || model.predict_on(&mut tape, &x))
}

fn network<T: Float>() -> (Mlp<T>, Tensor<T>) {
    let layers = Mlp::new(784).hidden(256, Activation::Relu).hidden(256, Activation::Relu);
    let layers = layers.output(10, Activation::Identity);
    let model = layers.build(&mut StdRng::seed_from_u64(0)).expect("valid sizes");
    set_matrices(&model.parameters());
    (model, tensor([1024, 784], 0, 1.0))
}
