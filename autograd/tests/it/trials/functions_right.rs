//! Right gradients of plain functions without a tape: these must pass, but for a few.

use autograd::Tensor;
use autograd::check::Report;

use super::functions::{flow, gradient, regression, rosenbrock, rosenbrock_gradient, softmax};
use super::{Case, point, within};

/// Σ f(xᵢ), with its slope.
pub(crate) fn sum(seed: u64, x: Tensor, f: impl Fn(f64) -> f64, slope: impl Fn(f64) -> f64) -> Report {
    gradient(seed, &[x], |x| x[0].iter().map(|&x| f(x)).sum(), |x| vec![x[0].iter().map(|&x| slope(x)).collect()])
}

pub(crate) const CASES: &[Case] = &[
    ("a function: sines", |seed| sum(seed, point(seed, &[5]), f64::sin, f64::cos)),
    ("a function: sines of 1000", |seed| sum(seed, point(seed, &[1000]), f64::sin, f64::cos)),
    ("a function: Rosenbrock", |seed| {
        gradient(seed, &[point(seed, &[10])], |x| rosenbrock(x[0]), |x| vec![rosenbrock_gradient(x[0])])
    }),
    ("a function: regression", |seed| {
        let x = [point(seed, &[4]), point(seed + 1, &[1])];
        gradient(
            seed,
            &x,
            |x| regression(x[0], x[1][0]).0,
            |x| {
                let (_, dw, db) = regression(x[0], x[1][0]);
                vec![dw, vec![db]]
            },
        )
    }),
    ("a function: a broadcast bias", |seed| {
        let x = [point(seed, &[3, 4]), point(seed + 1, &[4])];
        gradient(
            seed,
            &x,
            |x| x[0].iter().enumerate().map(|(k, a)| (a + x[1][k % 4]).sin()).sum(),
            |x| {
                let da: Vec<f64> = x[0].iter().enumerate().map(|(k, a)| (a + x[1][k % 4]).cos()).collect();
                let sums = (0..4).map(|k| da[k] + da[k + 4] + da[k + 8]).collect();
                vec![da, sums]
            },
        )
    }),
    ("a function: log of a sum", |seed| {
        gradient(
            seed,
            &[point(seed, &[6])],
            |x| x[0].iter().map(|x| x.exp()).sum::<f64>().ln(),
            |x| vec![softmax(x[0])],
        )
    }),
    ("a function: entropy", |seed| {
        gradient(
            seed,
            &[point(seed, &[5])],
            |x| -softmax(x[0]).iter().map(|p| p * p.ln()).sum::<f64>(),
            |x| {
                let p = softmax(x[0]);
                let mean: f64 = p.iter().map(|p| p * p.ln()).sum();
                vec![p.iter().map(|p| -p * (p.ln() - mean)).collect()]
            },
        )
    }),
    ("a function: norm", |seed| {
        let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        gradient(seed, &[point(seed, &[5])], |x| norm(x[0]), |x| vec![x[0].iter().map(|v| v / norm(x[0])).collect()])
    }),
    ("a function: steps of a differential equation", |seed| {
        let x = [within(seed, &[1], 0.5, 1.5), within(seed + 1, &[1], 0.5, 1.5)];
        gradient(
            seed,
            &x,
            |x| flow(x[0][0], x[1][0], 1.0).0,
            |x| flow(x[0][0], x[1][0], 1.0).1.map(|g| vec![g]).to_vec(),
        )
    }),
    ("a function: an input that it ignores", |seed| {
        let x = [point(seed, &[3]), point(seed + 1, &[2])];
        gradient(
            seed,
            &x,
            |x| x[0].iter().map(|x| x.exp()).sum(),
            |x| vec![x[0].iter().map(|x| x.exp()).collect(), vec![0.0; 2]],
        )
    }),
    ("a function: dead units", |seed| {
        let x = point(seed, &[6]) + Tensor::from([2.0, -2.0, 2.0, -2.0, 2.0, -2.0]);
        sum(seed, x, |x| x.max(0.0).sqrt() * 0.7, |x| if x > 0.0 { 0.35 / x.sqrt() } else { 0.0 })
    }),
    ("a function: 2e4 beside 1", |seed| {
        let x = [within(seed, &[2], 1.5e4, 2.5e4), point(seed, &[2])];
        gradient(
            seed,
            &x,
            |x| (0..2).map(|i| (x[0][i] * 1e-4).sin() + x[1][i].sin()).sum(),
            |x| {
                let large = x[0].iter().map(|x| 1e-4 * (x * 1e-4).cos()).collect();
                vec![large, x[1].iter().map(|x| x.cos()).collect()]
            },
        )
    }),
    ("a function: sums of 2e4 beside a sine", |seed| {
        let x = [within(seed, &[2], 1.5e4, 2.5e4), within(seed, &[2], 0.2, 1.2)];
        gradient(
            seed,
            &x,
            |x| (0..2).map(|i| 3.0 * x[0][i] + x[1][i].sin()).sum(),
            |x| vec![vec![3.0; 2], x[1].iter().map(|x| x.cos()).collect()],
        )
    }),
];
