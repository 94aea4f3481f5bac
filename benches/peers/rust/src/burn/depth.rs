//! Chains and networks of any depth in burn, which has no second derivatives: there is no `autodiff` of an `autodiff`.

use ::burn::tensor::{Device, Tensor, activation, module};

use super::{plain, tensor};
use crate::depth::{BATCH, Row, Run, WIDTH, cotangents, moved};

/// The row, for depths up to this one.
pub fn run(row: Row, deepest: usize) -> Option<Run> {
    match row {
        Row::Scalars => Some(chain::<1>()),
        Row::Arrays => Some(chain::<4>()),
        Row::Second => None,
        Row::Layers => Some(layers(deepest)),
    }
}

fn chain<const N: usize>() -> Run {
    let x = Tensor::<1>::from_data([0.5f32; N], &Device::flex().autodiff()).require_grad();
    Box::new(move |depth| {
        let mut y = x.clone();
        for _ in 0..depth {
            y = activation::sigmoid(y * 4.0 - 2.0);
        }
        plain(x.grad(&y.sum().backward()).expect("it was used"))
    })
}

fn layers(deepest: usize) -> Run {
    let device = Device::flex().autodiff();
    let layer = |_| {
        let (w, b): (Tensor<2>, Tensor<1>) = (tensor(&moved(), &device), Tensor::zeros([WIDTH], &device));
        (w.require_grad(), b.require_grad())
    };
    let layers: Vec<_> = (0..deepest).map(layer).collect();
    let x: Tensor<2> = Tensor::zeros([BATCH, WIDTH], &device).require_grad();
    let c: Tensor<2> = tensor(&cotangents(), &device);
    Box::new(move |depth| {
        let mut h = x.clone();
        for (w, b) in &layers[..depth] {
            h = activation::tanh(module::linear(h, w.clone(), Some(b.clone())));
        }
        let grads = (h * c.clone()).sum().backward();
        let [dx, db] = [x.grad(&grads).map(plain), layers[0].1.grad(&grads).map(plain)];
        [dx.expect("it was used"), db.expect("it was used")].concat()
    })
}
