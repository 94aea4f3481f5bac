//! The gradient checker on trial: wrong rules that it must reject, right but nasty functions that it must not call wrong.
//!
//! `TRIALS=1000 cargo test --release -p autograd --test it trials -- --nocapture` prints the rates over a thousand seeds; without
//! it a few seeds run.
#![allow(clippy::eq_op)] // x/x is 1, but for its rounding

use autograd::check::{Checker, Formula, Report, Verdict};
use autograd::{Custom, Float, Param, Parameters, Tensor, Var, check};

use crate::sampling::Sampler;

fn trials() -> u64 {
    std::env::var("TRIALS").ok().and_then(|n| n.parse().ok()).unwrap_or(10)
}

/// An operation with a value and a rule given as closures.
pub(crate) struct Op<V, R>(pub(crate) V, pub(crate) R);

impl<V, R> Custom for Op<V, R>
where
    V: Fn(&[Tensor]) -> Tensor + Send + Sync + 'static,
    R: for<'t> Fn(&[Var<'t>], Var<'t>) -> Vec<Var<'t>> + Send + Sync + 'static,
{
    fn forward(&self, x: &[Tensor]) -> Tensor {
        (self.0)(x)
    }
    fn vjp<'t>(&self, x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
        (self.1)(x, dy)
    }
}

/// A rule as a closure over handles of any tape.
pub(crate) fn rule<R>(rule: R) -> R
where
    R: for<'t> Fn(&[Var<'t>], Var<'t>) -> Vec<Var<'t>> + Send + Sync + 'static,
{
    rule
}

/// The sine with any rule.
pub(crate) fn sine<'t, R>(x: Var<'t>, rule: R) -> Var<'t>
where
    R: for<'s> Fn(&[Var<'s>], Var<'s>) -> Vec<Var<'s>> + Send + Sync + 'static,
{
    Var::custom(Op(|x: &[Tensor]| x[0].sin(), rule), &[x])
}

/// The product of matrices with any rule.
pub(crate) fn product<'t, R>(x: &[Var<'t>], rule: R) -> Var<'t>
where
    R: for<'s> Fn(&[Var<'s>], Var<'s>) -> Vec<Var<'s>> + Send + Sync + 'static,
{
    Var::custom(Op(|x: &[Tensor]| x[0].matmul(&x[1]), rule), x)
}

/// `x + b` for (m, n) and (n,), with any rule.
pub(crate) fn shifted<'t, R>(x: &[Var<'t>], rule: R) -> Var<'t>
where
    R: for<'s> Fn(&[Var<'s>], Var<'s>) -> Vec<Var<'s>> + Send + Sync + 'static,
{
    Var::custom(Op(|x: &[Tensor]| &x[0] + &x[1], rule), x)
}

/// The sine in any type, with a rule that is off by a thousandth.
struct SineOff;

impl<T: Float> Custom<T> for SineOff {
    fn forward(&self, x: &[Tensor<T>]) -> Tensor<T> {
        x[0].sin()
    }
    fn vjp<'t>(&self, x: &[Var<'t, T>], _y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Var<'t, T>> {
        vec![dy * x[0].cos() * 1.001]
    }
}

impl Formula for SineOff {
    fn record<'t, T: Float>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        Var::custom(SineOff, x).square()
    }
}

/// `(x + 1000)² − x² − 10⁶`, of which `f32` keeps few digits.
pub(crate) struct Cancelling;

impl Formula for Cancelling {
    fn record<'t, T: Float>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        ((x[0] + 1000.0).square() - x[0].square() - 1e6).sin()
    }
}

type Case = (&'static str, fn(u64) -> Report);

fn ones(x: &[Tensor]) -> Tensor {
    x[0].map(|x| x + 1e-9 * (1e9 * x).sin())
}

/// Points away from where a sine's slope vanishes.
fn point(seed: u64, shape: &[usize]) -> Tensor {
    Sampler::new(seed).values(shape, (-1.4, 1.4), &[])
}

/// x² with the right gradient, and a tenth of that gradient's own missing.
fn nearly_square(x: Var<'_>) -> Var<'_> {
    0.9 * x.square() + 0.1 * (2.0 * x * x.detach() - x.detach().square())
}

/// Sixteenths, of which none is 0: short enough for exact products, whose quotients are not.
fn few_bits(seed: u64, shape: &[usize]) -> Tensor {
    Sampler::new(seed).values(shape, (-2.0, 2.0), &[0.0]).map(|x| (16.0 * x).round() / 16.0)
}

fn wrong_sine<R>(seed: u64, rule: R) -> Report
where
    R: for<'t> Fn(&[Var<'t>], Var<'t>) -> Vec<Var<'t>> + Send + Sync + Clone + 'static,
{
    let checker = Checker::new().seed(seed);
    checker.check(|x| (sine(x[0], rule.clone()) * 0.7).sum(), &[point(seed, &[30])]).unwrap()
}

/// One element of a thousand is wrong, of which few are compared one by one: directions see it, and halving finds it.
fn one_of_a_thousand(seed: u64) -> Report {
    let at = seed as usize * 617 % 1000;
    let rule = rule(move |x, dy| {
        let mut factor = Tensor::ones([1000]);
        factor.as_mut_slice()[at] = 1.001;
        vec![dy * x[0].cos() * factor]
    });
    let checker = Checker::new().seed(seed).elements(20);
    let report = checker.check(|x| sine(x[0], rule).sum(), &[point(seed, &[1000])]).unwrap();
    if report.verdict == Verdict::Wrong {
        assert!(report.reason.starts_with(&format!("input 0[{at}]")), "{report}");
    }
    report
}

fn matrices(seed: u64) -> [Tensor; 2] {
    let mut sampler = Sampler::new(seed);
    [sampler.normal_like(&[3, 3]), sampler.normal_like(&[3, 3])]
}

const WRONG: &[Case] = &[
    ("by 0.1 %", |seed| wrong_sine(seed, |x, dy| vec![dy * x[0].cos() * 1.001])),
    ("by 1e-6", |seed| wrong_sine(seed, |x, dy| vec![dy * x[0].cos() * (1.0 + 1e-6)])),
    ("by a factor 2", |seed| wrong_sine(seed, |x, dy| vec![dy * x[0].cos() * 2.0])),
    ("by a factor 1/n", |seed| wrong_sine(seed, |x, dy| vec![dy * x[0].cos() / 30.0])),
    ("sign", |seed| wrong_sine(seed, |x, dy| vec![-dy * x[0].cos()])),
    ("detached", |seed| {
        Checker::new().seed(seed).check(|x| (x[0].detach().sin() + x[1]).sum(), &matrices(seed)).unwrap()
    }),
    ("another function", |seed| wrong_sine(seed, |x, dy| vec![dy * x[0].sin()])),
    ("one element of 1000, by 0.1 %", one_of_a_thousand),
    ("transposed product", |seed| {
        let rule = rule(|x, dy| vec![x[1].matmul(dy.t()), x[0].t().matmul(dy)]);
        Checker::new().seed(seed).check(|x| product(x, rule).square().sum(), &matrices(seed)).unwrap()
    }),
    ("transposed product, array", |seed| {
        let rule = rule(|x, dy| vec![dy.matmul(x[1].t()), dy.t().matmul(x[0])]);
        Checker::new().seed(seed).check_array(|x| product(x, rule), &matrices(seed)).unwrap()
    }),
    ("missing broadcast sum", |seed| {
        let rule = rule(|_, dy| vec![dy, dy.slice(0, 0..1).reshape([3])]);
        let x = [matrices(seed)[0].clone(), point(seed + 1, &[3])];
        Checker::new().seed(seed).check(|x| shifted(x, rule).square().sum(), &x).unwrap()
    }),
    ("mean for a sum", |seed| {
        let rule = rule(|_, dy| vec![dy, dy.mean_axis(0)]);
        let x = [matrices(seed)[0].clone(), point(seed + 1, &[3])];
        Checker::new().seed(seed).check(|x| shifted(x, rule).square().sum(), &x).unwrap()
    }),
    ("a term of softmax forgotten", |seed| {
        let value = |x: &[Tensor]| x[0].softmax(0);
        let rule = rule(|x, dy| vec![dy * x[0].softmax(0)]);
        let x = point(seed, &[5]);
        Checker::new().seed(seed).check_array(|x| Var::custom(Op(value, rule), x), &[x]).unwrap()
    }),
    ("second order only", |seed| {
        let rule = rule(|x, dy| vec![dy * x[0].cos().detach()]);
        Checker::new().seed(seed).orders(2).check(|x| sine(x[0], rule).sum(), &[point(seed, &[5])]).unwrap()
    }),
    ("second order, a factor", |seed| {
        let rule = rule(|x, dy| {
            let slope = x[0].cos();
            vec![dy * (2.0 * slope - slope.detach())]
        });
        Checker::new().seed(seed).orders(2).check(|x| sine(x[0], rule).sum(), &[point(seed, &[5])]).unwrap()
    }),
    ("second order, small", |seed| {
        // x + 1e-9·x², whose second derivative is a tenth too small.
        let checker = Checker::new().seed(seed).orders(2);
        checker.check(|x| (x[0] + 1e-9 * nearly_square(x[0])).sum(), &[point(seed, &[3])]).unwrap()
    }),
    ("second order, beside terms that cancel", |seed| {
        let checker = Checker::new().seed(seed).orders(2);
        checker.check(|x| ((x[0] / x[0]).sin() + 1e-6 * nearly_square(x[0])).sum(), &[few_bits(seed, &[3])]).unwrap()
    }),
    ("clipped on the way back", |seed| {
        let checker = Checker::new().seed(seed);
        let x = point(seed, &[5]);
        checker.check(|x| (x[0].map_gradient(|dy| dy.clamp(-0.5, 0.5)) * 2.0).sum(), &[x]).unwrap()
    }),
    ("by 0.1 % beside kinks", |seed| {
        let rule = rule(|x, dy| vec![dy * x[0].step() * 1.001]);
        let value = |x: &[Tensor]| x[0].relu();
        let x = Sampler::new(seed).values(&[8], (0.0, 1.0), &[]);
        Checker::new().seed(seed).check(|x| Var::custom(Op(value, rule), x).square().sum(), &[x]).unwrap()
    }),
    ("by 1 % in a badly scaled input", |seed| {
        let x = [point(seed, &[3]), Sampler::new(seed).values(&[3], (0.5, 1.0), &[]) * 1e-6];
        let checker = Checker::new().seed(seed);
        checker.check(|x| (x[0] * 1e3).sum() + (x[1].map_gradient(|dy| dy * 1.01) * 1e6).exp().sum(), &x).unwrap()
    }),
    ("by 0.1 % at values of 1e150", |seed| {
        check(|x| (x[0].map_gradient(|dy| dy * 1.001) * 1e150).sum(), &[point(seed, &[4])]).unwrap()
    }),
    ("by 0.1 % at values of 1e-150", |seed| {
        check(|x| (x[0].map_gradient(|dy| dy * 1.001) * 1e-150).sum(), &[point(seed, &[4])]).unwrap()
    }),
    ("by a half in a noisy function", |seed| {
        let rule = rule(|_, dy| vec![dy * 1.5]);
        Checker::new().seed(seed).check(|x| Var::custom(Op(ones, rule), x).sum(), &[point(seed, &[4])]).unwrap()
    }),
    ("by 0.1 % in f32", |seed| Checker::new().seed(seed).check_f32(&SineOff, &[point(seed, &[6]).cast()]).unwrap()),
    ("forward mode's own clip", |seed| {
        let x = point(seed, &[6]);
        Checker::new().seed(seed).check(|x| (x[0].map_gradient(|dy| dy.clamp(-1e-3, 1e-3)) * 1e-2).sum(), &[x]).unwrap()
    }),
];

fn at_seed(seed: u64, f: impl for<'t> Fn(&[Var<'t>]) -> autograd::Scalar<'t>) -> Report {
    Checker::new().seed(seed).check(f, &[Sampler::new(seed).normal_like(&[4])]).unwrap()
}

fn to_second_order(seed: u64, f: impl for<'t> Fn(&[Var<'t>]) -> autograd::Scalar<'t>) -> Report {
    Checker::new().seed(seed).orders(2).check(f, &[few_bits(seed, &[1])]).unwrap()
}

const RIGHT: &[Case] = &[
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

/// Runs the cases over all seeds, prints a line for each, and returns how often the bad verdict came.
fn run(what: &str, cases: &[Case], bad: fn(Verdict) -> bool) -> usize {
    let mut total = 0;
    let mut lines =
        format!("{:<32} {:>6} {:>6} {:>6} {:>13} {:>7}\n", "", "seeds", "pass", "wrong", "inconclusive", what);
    for (name, report) in cases {
        let reports: Vec<Report> = (0..trials()).map(report).collect();
        let count = |verdict| reports.iter().filter(|r| r.verdict == verdict).count();
        let failed: Vec<&Report> = reports.iter().filter(|r| bad(r.verdict)).collect();
        let [pass, wrong, unsure] = [Verdict::Pass, Verdict::Wrong, Verdict::Inconclusive].map(count);
        lines += &format!("{name:<32} {:>6} {pass:>6} {wrong:>6} {unsure:>13} {:>7}\n", reports.len(), failed.len());
        if let Some(report) = failed.first() {
            lines += &format!("{report}\n");
        }
        total += failed.len();
    }
    println!("{lines}{what} in all: {total} of {}\n", cases.len() as u64 * trials());
    total
}

#[test]
fn trials_of_wrong_rules() {
    assert_eq!(run("missed", WRONG, |verdict| verdict != Verdict::Wrong), 0);
}

#[test]
fn trials_of_right_functions() {
    assert_eq!(run("false", RIGHT, |verdict| verdict == Verdict::Wrong), 0);
}
