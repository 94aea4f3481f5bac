//! Rules that are wrong by a factor, a sign, an axis, an order.

use autograd::check::{Checker, Report, Verdict};
use autograd::{Tensor, Var, check};

use super::{Case, Op, SineOff, few_bits, ones, point, product, rule, shifted, sine};
use crate::sampling::Sampler;

/// x² with the right gradient, and a tenth of that gradient's own missing.
fn nearly_square(x: Var<'_>) -> Var<'_> {
    0.9 * x.square() + 0.1 * (2.0 * x * x.detach() - x.detach().square())
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

pub(super) fn matrices(seed: u64) -> [Tensor; 2] {
    let mut sampler = Sampler::new(seed);
    [sampler.normal_like(&[3, 3]), sampler.normal_like(&[3, 3])]
}

pub(crate) const CASES: &[Case] = &[
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
