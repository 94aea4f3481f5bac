//! Functions that cancel, are steep, large, tiny or noisy; at kinks and edges.

use autograd::check::{Checker, Report};
use autograd::{Param, Parameters, Tensor, Var};

use super::{Cancelling, Case, Op, few_bits, ones, point, rule};
use crate::sampling::Sampler;

fn at_seed(seed: u64, f: impl for<'t> Fn(&[Var<'t>]) -> autograd::Scalar<'t>) -> Report {
    Checker::new().seed(seed).check(f, &[Sampler::new(seed).normal_like(&[4])]).unwrap()
}

fn to_second_order(seed: u64, f: impl for<'t> Fn(&[Var<'t>]) -> autograd::Scalar<'t>) -> Report {
    Checker::new().seed(seed).orders(2).check(f, &[few_bits(seed, &[1])]).unwrap()
}

pub(crate) const CASES: &[Case] = &[
    ("x/x, to second order", |seed| to_second_order(seed, |x| (x[0] / x[0]).sin().sum())),
    ("x²/x, to second order", |seed| to_second_order(seed, |x| (x[0] * x[0] / x[0]).sum())),
    ("x − x, to second order", |seed| to_second_order(seed, |x| (x[0].exp() - x[0].exp()).sin().sum())),
    ("atan2(x, x), to second order", |seed| to_second_order(seed, |x| x[0].atan2(x[0]).sum())),
    ("ln eˣ, to second order", |seed| to_second_order(seed, |x| x[0].exp().ln().sum())),
    ("sin² + cos², to second order", |seed| {
        to_second_order(seed, |x| (x[0].sin().square() + x[0].cos().square()).sum())
    }),
    ("the slope of x/x as a function", |seed| {
        Checker::new()
            .seed(seed)
            .check(|x| (x[0] / x[0]).sin().sum().grad(x)[0].sum(), &[few_bits(seed, &[1])])
            .unwrap()
    }),
    ("the slope of a variance, in a sum", |seed| {
        let x = few_bits(seed, &[3]);
        Checker::new().seed(seed).check(|x| x[0].variance_keep(0).sum().grad(x)[0].sum(), &[x]).unwrap()
    }),
    ("cancelling", |seed| at_seed(seed, |x| ((x[0] + 1e8).square() - x[0].square() - 1e16).sum())),
    ("beside 1e16", |seed| at_seed(seed, |x| (x[0] + 1e16).sum())),
    ("huge", |seed| at_seed(seed, |x| (x[0] * 1e150).sum())),
    ("tiny", |seed| at_seed(seed, |x| (x[0] * 1e-150).sum())),
    ("steep", |seed| at_seed(seed, |x| (x[0] * 30.0).sigmoid().sum())),
    ("oscillating", |seed| at_seed(seed, |x| (x[0] * 40.0).sin().sum())),
    ("oscillating fast", |seed| at_seed(seed, |x| (x[0] * 4000.0).sin().sum())),
    ("beside a kink, at random", |seed| at_seed(seed, |x| (x[0] + 1e-4).abs().sum())),
    ("exp of exp", |seed| at_seed(seed, |x| x[0].exp().exp().sum())),
    ("badly scaled inputs", |seed| {
        let x = [point(seed, &[3]), point(seed + 1, &[3])];
        Checker::new().seed(seed).check(|x| (x[0] * 1e9).sin().sum() + (x[1] * 1e-9).sum(), &x).unwrap()
    }),
    ("at points of 1e6", |seed| {
        Checker::new().seed(seed).check(|x| x[0].square().ln().sum(), &[point(seed, &[4]) * 1e6]).unwrap()
    }),
    ("at points of 1e-8", |seed| {
        let x = Sampler::new(seed).values(&[4], (0.5, 1.5), &[]) * 1e-8;
        Checker::new().seed(seed).check(|x| x[0].ln().sum(), &[x]).unwrap()
    }),
    ("kinks 1e-9 away", |seed| {
        Checker::new().seed(seed).check(|x| (x[0] - 1e-9).relu().sum(), &[Tensor::from([2e-9, 0.0, 1.0])]).unwrap()
    }),
    ("at kinks", |seed| {
        let x = point(seed, &[4]).map(|x| if x < 0.0 { 0.0 } else { x });
        Checker::new().seed(seed).check(|x| (x[0].relu() + x[0].abs()).sum(), &[x]).unwrap()
    }),
    ("tied maxima", |seed| {
        let x = point(seed, &[4]).map(f64::round);
        Checker::new().seed(seed).check(|x| x[0].max(), &[x]).unwrap()
    }),
    ("a network of rectifiers", |seed| {
        let mut sampler = Sampler::new(seed);
        let x = [&[20, 6][..], &[6, 12], &[12, 12], &[12, 1]].map(|shape| sampler.normal_like(shape));
        let checker = Checker::new().seed(seed).elements(60);
        checker.check(|x| x[0].matmul(x[1]).relu().matmul(x[2]).relu().matmul(x[3]).square().mean(), &x).unwrap()
    }),
    ("weak kinks", |seed| at_seed(seed, |x| (x[0].exp() + 1e-6 * (x[0] + 1e-3).abs()).sum())),
    ("the edge of the domain", |seed| {
        let x = point(seed, &[4]).map(|x| x.max(0.0));
        Checker::new().seed(seed).check(|x| x[0].sqrt().sum(), &[x]).unwrap()
    }),
    ("beside the edge", |seed| {
        let x = Sampler::new(seed).values(&[4], (1e-6, 1e-3), &[]);
        Checker::new().seed(seed).check(|x| (x[0].sqrt() + 1.0 / x[0]).sum(), &[x]).unwrap()
    }),
    ("jumps", |seed| {
        let x = point(seed, &[4]).map(|x| (2.0 * x).round() / 2.0);
        Checker::new().seed(seed).check(|x| (x[0].step() + x[0]).sum(), &[x]).unwrap()
    }),
    ("noisy", |seed| {
        let rule = rule(|_, dy| vec![dy]);
        Checker::new().seed(seed).check(|x| Var::custom(Op(ones, rule), x).sum(), &[point(seed, &[4])]).unwrap()
    }),
    ("very noisy", |seed| {
        let value = |x: &[Tensor]| x[0].map(|x| x + 1e-4 * (1e9 * x).sin());
        let rule = rule(|_, dy| vec![dy]);
        Checker::new().seed(seed).check(|x| Var::custom(Op(value, rule), x).sum(), &[point(seed, &[4])]).unwrap()
    }),
    ("of differences that cancel", |seed| at_seed(seed, |x| ((x[0] * 1e8) - (x[0] * (1e8 - 1.0))).sum())),
    ("variances, to second order", |seed| {
        let x = Sampler::new(seed).normal_like(&[2, 4]);
        Checker::new().seed(seed).orders(2).check(|x| x[0].variance_axis(1).sqrt().sum(), &[x]).unwrap()
    }),
    ("softmax, to third order", |seed| {
        let x = Sampler::new(seed).normal_like(&[4]);
        Checker::new().seed(seed).orders(3).check_array(|x| x[0].softmax(0), &[x]).unwrap()
    }),
    ("cancelling in f32", |seed| {
        Checker::new().seed(seed).check_f32(&Cancelling, &[point(seed, &[4]).cast()]).unwrap()
    }),
    ("all in f32", |seed| {
        let mut sampler = Sampler::new(seed);
        let (w, v) =
            (Param::<f32>::new(sampler.normal_like(&[4, 5]).cast()), Param::new(sampler.normal_like(&[5, 1]).cast()));
        let x: Tensor<f32> = sampler.normal_like(&[8, 4]).cast();
        let parameters = Parameters::new().with("w", &w).with("v", &v);
        let loss = Checker::new().seed(seed);
        loss.check_parameters(&parameters, |tape| tape.constant(&x).matmul(&w).tanh().matmul(&v).square().mean())
            .unwrap()
    }),
];
