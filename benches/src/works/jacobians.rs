//! Work g: the Jacobian of a network 64-64-10 with tanh at each of 128 samples.

use autograd::{Float, Tensor, jacobian, jacobian_each};
use mlp::{Activation, Mlp, Module};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{Work, set_matrices};
use crate::layers::{factors, squares};
use crate::{assert_close, tensor};

/// Ten outputs by 64 inputs for each sample.
pub(super) fn of_samples() -> Work {
    let answer = |j: &Tensor| vec![(j * factors(j.shape())).sum(), squares(j.as_slice())];
    let (wide, x) = network::<f64>();
    let expected = jacobian_each(|x| wide.forward(x), &x);
    let first = jacobian(|x| wide.forward(x), &x.slice(0, 0..1)).reshape([10, 64]);
    assert_close("g, the first sample", expected.at(0, 0).as_slice(), first.as_slice(), 1e-12);
    let (model, x) = network::<f32>();
    let found = answer(&jacobian_each(|x| model.forward(x), &x).cast());
    assert_close("g in f32", &found, &answer(&expected), 1e-4);
    Work::new(found, move || jacobian_each(|x| model.forward(x), &x))
}

fn network<T: Float>() -> (Mlp<T>, Tensor<T>) {
    let layers = Mlp::new(64).hidden(64, Activation::Tanh).output(10, Activation::Identity);
    let model = layers.build(&mut StdRng::seed_from_u64(0)).expect("valid sizes");
    set_matrices(&model.parameters());
    (model, tensor([128, 64], 0, 1.0))
}
