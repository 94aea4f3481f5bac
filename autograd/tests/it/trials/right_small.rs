//! Functions whose derivative is small beside themselves, or large, or lost in rounding: tails, deep chains, far ends of the numbers.

use autograd::check::{Checker, Report};
use autograd::{Param, Parameters, Tensor, Var};

use super::{Case, at, own, point, rule, sine, twice, within};
use crate::sampling::Sampler;

/// A sine with its right rule, through so many logistic layers.
fn behind(seed: u64, layers: usize) -> Report {
    let rule = rule(|x, dy| vec![dy * x[0].cos()]);
    at(seed, point(seed, &[3]), |x| (0..layers).fold(sine(x[0], rule), |x, _| x.sigmoid()).sum())
}

/// A network in `f32`, checked in `f32`.
fn in_f32(seed: u64, layers: u64, act: for<'t> fn(Var<'t, f32>) -> Var<'t, f32>) -> Report {
    let mut sampler = Sampler::new(seed);
    let weights: Vec<Param<f32>> = (0..layers).map(|_| Param::new(sampler.normal_like(&[5, 5]).cast())).collect();
    let x: Tensor<f32> = sampler.normal_like(&[6, 5]).cast();
    let names = (0..layers).map(|k| format!("w{k}"));
    let parameters = names.zip(&weights).fold(Parameters::new(), |all, (name, w)| all.with(&*name, w));
    let checker = Checker::new().seed(seed);
    let loss = checker.check_parameters(&parameters, |tape| {
        weights.iter().fold(tape.constant(&x), |x, w| act(x.matmul(w) * 0.5)).square().mean()
    });
    loss.unwrap()
}

pub(crate) const CASES: &[Case] = &[
    ("behind 20 logistic layers", |seed| behind(seed, 20)),
    ("behind 50 logistic layers", |seed| behind(seed, 50)),
    ("behind 200 logistic layers", |seed| behind(seed, 200)),
    ("20 logistic layers to second order", |seed| {
        twice(seed, point(seed, &[2]), |x| (0..20).fold(x[0].sin(), |x, _| x.sigmoid()).sum())
    }),
    ("30 layers of matrices", |seed| {
        at(seed, point(seed, &[2, 4]), |x| {
            (0..30).fold(x[0], |x, k| x.matmul(Sampler::new(99 * seed + k).normal_like(&[4, 4]) * 0.5).sigmoid()).sum()
        })
    }),
    ("an exploding chain", |seed| {
        at(seed, point(seed, &[2]), |x| (0..40).fold(x[0] * 1e-12, |x, _| x * 1.7 + x.sin()).sum())
    }),
    ("a chaotic chain", |seed| {
        at(seed, within(seed, &[2], 0.1, 0.9), |x| (0..15).fold(x[0], |x, _| 3.9 * x * (1.0 - x)).sum())
    }),
    ("ln(1 − sigmoid) at 30", |seed| at(seed, within(seed, &[3], 29.0, 31.0), |x| (1.0 - x[0].sigmoid()).ln().sum())),
    ("ln(1 − sigmoid) at 20", |seed| at(seed, within(seed, &[3], 19.0, 21.0), |x| (1.0 - x[0].sigmoid()).ln().sum())),
    ("1 − tanh² at 15", |seed| at(seed, within(seed, &[3], 14.0, 16.0), |x| (1.0 - x[0].tanh().square()).sum())),
    ("1 − tanh² at 8, to second order", |seed| {
        twice(seed, within(seed, &[3], 7.0, 9.0), |x| (1.0 - x[0].tanh().square()).sum())
    }),
    ("1 − cos x at 1e-6", |seed| at(seed, within(seed, &[3], 0.5e-6, 2e-6), |x| (1.0 - x[0].cos()).sum())),
    ("(1 − cos x)/x² at 1e-4", |seed| {
        at(seed, within(seed, &[3], 0.5e-4, 2e-4), |x| ((1.0 - x[0].cos()) / x[0].square()).sum())
    }),
    ("sin(x)/x at 1e-8", |seed| at(seed, within(seed, &[3], 0.5e-8, 2e-8), |x| (x[0].sin() / x[0]).sum())),
    ("sin(x)/x at 1e-3", |seed| at(seed, within(seed, &[3], 0.5e-3, 2e-3), |x| (x[0].sin() / x[0]).sum())),
    ("(eˣ − 1)/x at 1e-7", |seed| at(seed, within(seed, &[3], 0.5e-7, 2e-7), |x| ((x[0].exp() - 1.0) / x[0]).sum())),
    ("ln(1 + x) at 1e-9, the plain way", |seed| {
        at(seed, within(seed, &[3], 0.5e-9, 2e-9), |x| (x[0] + 1.0).ln().sum())
    }),
    ("√(x² + 1) − x at 1e4", |seed| {
        at(seed, within(seed, &[3], 0.9e4, 1.1e4), |x| ((x[0].square() + 1.0).sqrt() - x[0]).sum())
    }),
    ("(x − 1)⁷ multiplied out, at 1.01", |seed| {
        at(seed, within(seed, &[2], 1.005, 1.015), |x| {
            let terms = [-1.0, 7.0, -21.0, 35.0, -35.0, 21.0, -7.0, 1.0];
            terms.iter().rev().fold(x[0] * 0.0, |sum, &c| sum * x[0] + c).sum()
        })
    }),
    ("a variance beside 1e6", |seed| {
        at(seed, point(seed, &[6]) + 1e6, |x| (x[0].square().mean() - x[0].mean().square()) * 1.0)
    }),
    ("tanh(1e8·x) near 0", |seed| at(seed, point(seed, &[3]) * 1e-9, |x| (x[0] * 1e8).tanh().sum())),
    ("tanh(1e8·x) at 0", |seed| at(seed, point(seed, &[3]) * 0.0, |x| (x[0] * 1e8).tanh().sum())),
    ("sigmoid at ±40", |seed| {
        at(seed, point(seed, &[3]) + Tensor::from([40.0, -40.0, 40.0]), |x| x[0].sigmoid().sum())
    }),
    ("a softmax that is sure", |seed| {
        at(seed, point(seed, &[3]) + Tensor::from([40.0, 0.0, 0.0]), |x| x[0].softmax(0).square().sum())
    }),
    ("a softmax that is sure, by its logarithm", |seed| {
        at(seed, point(seed, &[3]) + Tensor::from([40.0, 0.0, 0.0]), |x| x[0].log_softmax(0).at(0, 0).sum())
    }),
    ("logsumexp with a detached maximum", |seed| {
        at(seed, point(seed, &[4]) * 30.0, |x| {
            let most = x[0].max().detach();
            (x[0] - most).exp().sum().ln() + most
        })
    }),
    ("logsumexp at 1e7", |seed| at(seed, point(seed, &[4]) + 1e7, |x| x[0].logsumexp_axis(0).sum())),
    ("values of 1e170", |seed| at(seed, point(seed, &[4]), |x| (x[0].sin() * 1e170).sum())),
    ("values of 1e200, linear", |seed| at(seed, point(seed, &[4]), |x| (x[0] * 1e200).sum())),
    ("values of 1e300", |seed| at(seed, point(seed, &[4]), |x| (x[0].exp() * 1e300).sum())),
    ("values of 1e-300", |seed| at(seed, point(seed, &[4]), |x| (x[0].exp() * 1e-300).sum())),
    ("points of 1e-150", |seed| at(seed, within(seed, &[4], 0.5, 1.5) * 1e-150, |x| x[0].ln().sum())),
    ("points of 1e100", |seed| at(seed, within(seed, &[4], 0.5, 1.5) * 1e100, |x| x[0].ln().sum())),
    ("1/x at points of 1e-150", |seed| at(seed, within(seed, &[4], 0.5, 1.5) * 1e-150, |x| x[0].recip().sum())),
    ("1/x at points of 1e-90, to second order", |seed| {
        twice(seed, within(seed, &[2], 0.5, 1.5) * 1e-90, |x| x[0].recip().sum())
    }),
    ("1/x at 1e-150 and at 1", |seed| {
        at(seed, within(seed, &[2], 0.5, 1.5) * Tensor::from([1e-150, 1.0]), |x| x[0].recip().sum())
    }),
    ("a sine at points of 1e-300", |seed| {
        at(seed, within(seed, &[4], 0.5, 1.5) * 1e-300, |x| (x[0] * 1e300).sin().sum())
    }),
    ("an arcsine nine numbers from its end", |seed| {
        at(seed, 1.0 - within(seed, &[2], 0.5, 1.5) * 1e-15, |x| x[0].asin().sum())
    }),
    ("sin(1e16·x)", |seed| at(seed, within(seed, &[2], 0.1, 1.0), |x| (x[0] * 1e16).sin().sum())),
    ("Weierstrass's function", |seed| {
        at(seed, point(seed, &[2]), |x| {
            (0..30).map(|n| (x[0] * 3f64.powi(n)).cos().sum() * 0.5f64.powi(n)).reduce(|a, b| a + b).unwrap()
        })
    }),
    ("an exploding chain behind a sine", |seed| {
        at(seed, within(seed, &[3], 0.5, 1.5), |x| (0..200).fold(x[0], |y, _| y * 10.0).sin().sum())
    }),
    ("a chain to the smallest numbers", |seed| {
        at(seed, within(seed, &[3], 0.5, 1.5), |x| (0..600).fold(x[0], |y, _| y * 0.3).sum())
    }),
    ("beside 1e12", |seed| at(seed, point(seed, &[4]), |x| x[0].sin().sum() + 1e12)),
    ("elements of weight 1e6 and 1e-6", |seed| {
        at(seed, point(seed, &[3]), |x| (x[0].sin() * Tensor::from([1e6, 1e-6, 1e6])).sum())
    }),
    ("inputs of 2e4 and 1", |seed| {
        let x = [point(seed, &[3]) * 2e4, point(seed + 1, &[3])];
        Checker::new().seed(seed).check(|x| ((x[0] * 1e-4).sin() + x[1].sin()).square().sum(), &x).unwrap()
    }),
    ("the identity, an own operation, beside 1e9", |seed| {
        let rule = rule(|_, dy| vec![dy]);
        at(seed, point(seed, &[3]), |x| own(x, |x| x[0].clone(), rule).sum() + 1e9)
    }),
    ("in f32, 2 layers of tanh", |seed| in_f32(seed, 2, |x| x.tanh())),
    ("in f32, 8 layers of sigmoid", |seed| in_f32(seed, 8, |x| x.sigmoid())),
    ("in f32, 3 layers of rectifiers", |seed| in_f32(seed, 3, |x| x.relu())),
    ("in f32, softplus", |seed| in_f32(seed, 2, |x| x.softplus())),
    ("in f32, softmax", |seed| in_f32(seed, 2, |x| x.softmax(1))),
    ("in f32, beside 1e4", |seed| in_f32(seed, 1, |x| x.sin() + 1e4)),
];
