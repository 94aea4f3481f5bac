//! burn, on its processor backend "flex". Layers of the networks, loss and descent are its own functions without its modules,
//! which would add a walk over the parameters.

pub mod depth;
pub mod layers;

use ::burn::tensor::{Device, Int, Tensor, TensorData, activation, module};
use autograd::Tensor as Ours;
use benches::networks::{ETA, Row};
use benches::{arrays, fused};

use crate::compare::{self, B, W, X};

/// The row of this letter.
pub fn row(name: &'static str) {
    match name {
        "F" => bump(),
        "G" => compare::chain(chain),
        "J" => inference(&Row::new(name)),
        _ => training(&Row::new(name)),
    }
}

fn tensor<const D: usize>(x: &Ours<f32>, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(x.to_vec(), x.shape().to_vec()), device)
}

fn plain<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_to_vec().expect("f32 it was made of")
}

type Layers = Vec<(Tensor<2>, Tensor<1>)>;

fn layers(row: &Row, device: &Device) -> Layers {
    let layer = |w: Ours<f32>| (tensor(&w, device), tensor(&Ours::zeros([w.shape()[1]]), device));
    row.weights().into_iter().map(layer).collect()
}

fn forward(layers: &Layers, tanh: bool, x: &Tensor<2>) -> Tensor<2> {
    let mut x = x.clone();
    for (l, (w, b)) in layers.iter().enumerate() {
        x = module::linear(x, w.clone(), Some(b.clone()));
        if l + 1 < layers.len() {
            x = if tanh { activation::tanh(x) } else { activation::relu(x) };
        }
    }
    x
}

fn training(row: &Row) {
    let (device, (x, classes)) = (Device::flex().autodiff(), row.data());
    let mut layers: Layers =
        layers(row, &device).into_iter().map(|(w, b)| (w.require_grad(), b.require_grad())).collect();
    let classes: Vec<i32> = classes.iter().map(|&class| class as i32).collect();
    let shape = [classes.len(), 1];
    let classes = Tensor::<2, Int>::from_data(TensorData::new(classes, shape), &device);
    let x = tensor(&x, &device);
    compare::training(row, || {
        let y = activation::log_softmax(forward(&layers, row.tanh, &x), 1);
        let loss = -y.gather(1, classes.clone()).mean();
        let mut grads = loss.backward();
        for (w, b) in &mut layers {
            let (dw, db) = (w.grad_remove(&mut grads), b.grad_remove(&mut grads));
            *w = descended(w, dw.expect("it was used"));
            *b = descended(b, db.expect("it was used"));
        }
        loss.into_scalar()
    });
}

fn descended<const D: usize>(x: &Tensor<D>, dx: Tensor<D>) -> Tensor<D> {
    (x.clone().inner() - dx * ETA).autodiff().require_grad()
}

fn inference(row: &Row) {
    let device = Device::flex();
    let (layers, x) = (layers(row, &device), tensor(&row.data().0, &device));
    let infer = || plain(forward(&layers, row.tanh, &x));
    compare::inference(row, &infer(), || infer()[0]);
}

fn bump() {
    let x: Tensor<1> = tensor(&fused::inputs(), &Device::flex().autodiff()).require_grad();
    compare::fused(1e-4, |dx| {
        let y = (activation::tanh(x.clone() * 2.0 + 1.0) * (-(x.clone() * x.clone())).exp()).sum();
        let grads = y.backward();
        if let (Some(dx), Some(found)) = (dx, x.grad(&grads)) {
            *dx = plain(found);
        }
        y.into_scalar()
    });
}

fn chain() -> compare::Chain {
    let device = Device::flex().autodiff();
    let [first, w, b] = [X, W, B].map(|values| Tensor::<1>::from_data(values, &device).require_grad());
    let mut x = first.clone();
    for _ in 0..arrays::LINKS {
        x = activation::tanh(x * w.clone() + b.clone());
    }
    let y = x.sum();
    let grads = y.backward();
    let found = [first, w, b].map(|x| plain(x.grad(&grads).expect("it was used")));
    (y.into_scalar(), found)
}
