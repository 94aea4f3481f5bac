//! Chains and networks of any depth in dfdx, whose gradients are plain arrays: it has no second derivatives.
//!
//! `leaky_trace` keeps the gradients of all arrays; those that it keeps otherwise are dropped after the sweep, not within it.

use ::dfdx::prelude::*;

use super::{Layer, Plain, fill, tensor};
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
    let x: Plain<Rank1<N>> = Cpu::default().tensor([0.5; N]);
    Box::new(move |depth| {
        let mut y = x.leaky_trace();
        for _ in 0..depth {
            y = (y * 4.0 - 2.0).sigmoid();
        }
        y.sum::<Rank0, _>().backward().get(&x).as_vec()
    })
}

fn layers(deepest: usize) -> Run {
    let layer = |_| {
        let mut layer = Cpu::default().build_module::<Linear<WIDTH, WIDTH>, f32>();
        fill(&mut layer, &moved());
        layer
    };
    let layers: Vec<Layer<WIDTH, WIDTH, f32, Cpu>> = (0..deepest).map(layer).collect();
    let x: Plain<Rank2<BATCH, WIDTH>> = Cpu::default().zeros();
    let c: Plain<Rank2<BATCH, WIDTH>> = tensor(&cotangents());
    Box::new(move |depth| {
        let mut h = x.leaky_trace();
        for layer in &layers[..depth] {
            h = layer.forward(h).tanh();
        }
        let grads = (h * c.clone()).sum::<Rank0, _>().backward();
        [grads.get(&x).as_vec(), grads.get(&layers[0].bias).as_vec()].concat()
    })
}
