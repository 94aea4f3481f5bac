//! Functions without a tape in `f32`: right gradients and wrong ones.

use autograd::Tensor;
use autograd::check::{Function, Report};

use super::functions::{check, gradient, like, product, regression, softmax, transposed};
use super::{Case, point, within};

fn sum(seed: u64, x: Tensor, f: impl Fn(f32) -> f32, slope: impl Fn(f32) -> f32) -> Report {
    gradient(
        seed,
        &[x.cast::<f32>()],
        |x| x[0].iter().map(|&x| f(x)).sum(),
        |x| vec![x[0].iter().map(|&x| slope(x)).collect()],
    )
}

fn fitted(seed: u64, weights: f32, bias: f32) -> Report {
    let x: [Tensor<f32>; 2] = [point(seed, &[4]).cast(), point(seed + 1, &[1]).cast()];
    gradient(
        seed,
        &x,
        |x| regression(x[0], x[1][0]).0,
        |x| {
            let (_, dw, db) = regression(x[0], x[1][0]);
            vec![dw.into_iter().map(|g| g * weights).collect(), vec![db * bias]]
        },
    )
}

fn matrices(seed: u64, turned: bool) -> Report {
    let f = Function::new(|x: &[Tensor<f32>]| Tensor::new([3, 3], product(x[0].as_slice(), x[1].as_slice(), 3))).vjp(
        move |x: &[Tensor<f32>], v: &Tensor<f32>| {
            let (a, b, v) = (x[0].as_slice(), x[1].as_slice(), v.as_slice());
            let first = product(v, &transposed(b, 3), 3);
            let first = if turned { transposed(&first, 3) } else { first };
            like(x, vec![first, product(&transposed(a, 3), v, 3)])
        },
    );
    check(seed, &f, &[point(seed, &[3, 3]).cast(), point(seed + 1, &[3, 3]).cast()])
}

fn normalised(seed: u64, divided: bool) -> Report {
    gradient(
        seed,
        &[point(seed, &[6]).cast::<f32>()],
        |x| x[0].iter().map(|x| x.exp()).sum::<f32>().ln(),
        |x| vec![if divided { softmax(x[0]) } else { x[0].iter().map(|x| x.exp()).collect() }],
    )
}

pub(crate) const RIGHT: &[Case] = &[
    ("in f32, a function: sines", |seed| sum(seed, point(seed, &[5]), f32::sin, f32::cos)),
    ("in f32, a function: regression", |seed| fitted(seed, 1.0, 1.0)),
    ("in f32, a function: matrices", |seed| matrices(seed, false)),
    ("in f32, a function: log of a sum", |seed| normalised(seed, true)),
    ("in f32, a function: offset by 1000", |seed| sum(seed, point(seed, &[3]), |x| 1000.0 + x.sin(), f32::cos)),
    ("in f32, a function: squares that cancel", |seed| {
        sum(seed, point(seed, &[3]), |x| (x + 100.0).powi(2) - x * x - 1e4, |_| 200.0)
    }),
    ("in f32, a function: near kinks", |seed| sum(seed, within(seed, &[3], 0.5, 1.5) * 1e-2, f32::abs, f32::signum)),
    ("in f32, a function: points of 2e4", |seed| {
        sum(seed, within(seed, &[3], 1.5e4, 2.5e4), |x| (1e-4 * x).sin(), |x| 1e-4 * (1e-4 * x).cos())
    }),
    ("in f32, a function: steep", |seed| {
        sum(seed, point(seed, &[3]), |x| (100.0 * x).sin(), |x| 100.0 * (100.0 * x).cos())
    }),
    ("in f32, a function: saturated", |seed| {
        sum(seed, within(seed, &[3], 14.0, 20.0), |x| 1.0 / (1.0 + (-x).exp()), |x| (-x).exp())
    }),
];

pub(crate) const WRONG: &[Case] = &[
    ("in f32, a function: by a tenth", |seed| sum(seed, point(seed, &[5]), f32::exp, |x| 1.1 * x.exp())),
    ("in f32, a function: the sign", |seed| sum(seed, point(seed, &[5]), f32::exp, |x| -x.exp())),
    ("in f32, a function: regression, half", |seed| fitted(seed, 0.5, 0.5)),
    ("in f32, a function: regression, the bias forgotten", |seed| fitted(seed, 1.0, 0.0)),
    ("in f32, a function: matrices transposed", |seed| matrices(seed, true)),
    ("in f32, a function: log of a sum, not normalised", |seed| normalised(seed, false)),
    ("in f32, a function: points of 10, by a half", |seed| {
        sum(seed, within(seed, &[3], 10.0, 12.0), |x| (0.1 * x).sin(), |x| 0.05 * (0.1 * x).cos())
    }),
];
