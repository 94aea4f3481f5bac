//! Functions that are not smooth: powers that are not whole, kinks, stairs, branches.

use autograd::check::{Checker, Report};
use autograd::{Tensor, Var};

use super::{Case, at, own, point, rule, twice, within};
use crate::sampling::Sampler;

/// A point with 0 among its values.
fn with_zero(seed: u64) -> Tensor {
    point(seed, &[4]) * Tensor::from([1.0, 0.0, 1.0, 1.0])
}

fn thousand(seed: u64, f: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> Report {
    Checker::new().seed(seed).elements(50).check(|x| f(x[0]).sum(), &[point(seed, &[1000])]).unwrap()
}

pub(crate) const CASES: &[Case] = &[
    ("max(x, 0)^1.5 at 0", |seed| at(seed, with_zero(seed), |x| x[0].relu().powf(1.5).sum())),
    ("max(x, 0)^1.1 at 0", |seed| at(seed, with_zero(seed), |x| x[0].relu().powf(1.1).sum())),
    ("max(x, 0)^3.5 at 0", |seed| at(seed, with_zero(seed), |x| x[0].relu().powf(3.5).sum())),
    ("|x|^1.5 at 0", |seed| at(seed, with_zero(seed), |x| x[0].abs().powf(1.5).sum())),
    ("|x|^2.5 at 0, to second order", |seed| twice(seed, with_zero(seed), |x| x[0].abs().powf(2.5).sum())),
    ("|x|^1.2 near 0", |seed| at(seed, with_zero(seed) * 1e-6, |x| x[0].abs().powf(1.2).sum())),
    ("x·|x| at 0", |seed| at(seed, with_zero(seed), |x| (x[0] * x[0].abs()).sum())),
    ("x·√|x|, an own operation, at 0", |seed| {
        let rule = rule(|x, dy| vec![dy * x[0].abs().sqrt() * 1.5]);
        at(seed, with_zero(seed), |x| own(x, |x| x[0].map(|x| x * x.abs().sqrt()), rule).sum())
    }),
    ("|x|^1.3, an own operation, at 0", |seed| {
        let rule = rule(|x, dy| vec![dy * x[0].sign() * x[0].abs().powf(0.3) * 1.3]);
        at(seed, with_zero(seed), |x| own(x, |x| x[0].map(|x| x.abs().powf(1.3)), rule).sum())
    }),
    ("x²·sin(1/x), an own operation, at 0", |seed| {
        let value = |x: &[Tensor]| x[0].map(|x| if x == 0.0 { 0.0 } else { x * x * (1.0 / x).sin() });
        let rule = rule(|x, dy| {
            let slope = |x: f64| if x == 0.0 { 0.0 } else { 2.0 * x * (1.0 / x).sin() - (1.0 / x).cos() };
            vec![dy * x[0].value().map(slope)]
        });
        at(seed, with_zero(seed), |x| own(x, value, rule).sum())
    }),
    ("smoothstep at its ends", |seed| {
        let x = Tensor::from([0.0, 1.0, 0.3, 2.0]) + point(seed, &[4]) * Tensor::from([0.0, 0.0, 0.1, 0.1]);
        at(seed, x, |x| {
            let t = x[0].clamp(0.0, 1.0);
            (t.square() * (3.0 - 2.0 * t)).sum()
        })
    }),
    ("a spline at its knots", |seed| {
        let x = point(seed, &[4]).map(|x| (2.0 * x).round() / 2.0);
        at(seed, x, |x| {
            (0..5).map(|k| (x[0] - (f64::from(k) / 2.0 - 1.0)).relu().powi(3).sum()).reduce(|a, b| a + b).unwrap()
        })
    }),
    ("Huber's loss beside its knee", |seed| {
        at(seed, within(seed, &[6], 0.9999, 1.0001), |x| {
            let a = x[0].abs();
            a.less(1.0).select(0.5 * x[0].square(), a - 0.5).sum()
        })
    }),
    ("a branch on values", |seed| {
        at(seed, point(seed, &[1]), |x| if x[0].value().item() > 0.0 { x[0].exp().sum() } else { x[0].sin().sum() })
    }),
    ("a loop as long as values say", |seed| {
        at(seed, within(seed, &[1], 0.1, 3.0), |x| {
            (0..(x[0].value().item() * 2.0) as usize + 1).fold(x[0], |y, _| y.sin() + x[0]).sum()
        })
    }),
    ("the branch not taken is not finite", |seed| {
        at(seed, point(seed, &[6]), |x| x[0].greater(0.0).select(x[0].sqrt(), x[0].square()).sum())
    }),
    ("a modulus by the floor", |seed| {
        at(seed, point(seed, &[6]), |x| ((x[0] * 3.0) - (x[0] * 3.0).floor()).square().sum())
    }),
    ("the median", |seed| {
        at(seed, Sampler::new(seed).distinct(&[5]), |x| {
            let mut order: Vec<usize> = (0..5).collect();
            let values = x[0].value();
            order.sort_by(|&i, &j| values.as_slice()[i].total_cmp(&values.as_slice()[j]));
            x[0].at(0, order[2]).sum()
        })
    }),
    ("sorted by values", |seed| {
        at(seed, Sampler::new(seed).distinct(&[5]), |x| {
            let mut order: Vec<usize> = (0..5).collect();
            let values = x[0].value();
            order.sort_by(|&i, &j| values.as_slice()[i].total_cmp(&values.as_slice()[j]));
            (x[0].take(0, &order) * Tensor::from([1.0, 2.0, 3.0, 4.0, 5.0])).square().sum()
        })
    }),
    ("largest of many", |seed| at(seed, Sampler::new(seed).distinct(&[30]), |x| x[0].max())),
    ("a kink 1e-7 away", |seed| at(seed, with_zero(seed), |x| (x[0] + 1e-7).abs().sum())),
    ("a thousand rectifiers", |seed| thousand(seed, |x| (x * 3.0).relu().square())),
    ("a thousand dead rectifiers", |seed| thousand(seed, |x| (x - 10.0).relu())),
    ("an input that does nothing", |seed| {
        let x = [point(seed, &[3]), point(seed + 1, &[3])];
        Checker::new().seed(seed).check(|x| x[0].tanh().sum() + 0.0 * x[1].sum(), &x).unwrap()
    }),
    ("rounding, flat as its rule says", |seed| {
        let rule = rule(|_, dy| vec![dy * 0.0]);
        at(seed, within(seed, &[4], 0.1, 0.4), |x| (own(x, |x| x[0].map(f64::round), rule) + x[0]).sum())
    }),
    ("quantised to eighths, with x", |seed| at(seed, point(seed, &[4]), |x| ((x[0] * 8.0).round() / 8.0 + x[0]).sum())),
    ("stairs of 1/8: (x + 1e15) − 1e15", |seed| at(seed, point(seed, &[4]), |x| ((x[0] + 1e15) - 1e15).sum())),
    ("stairs of 2: (x + 1e16) − 1e16", |seed| at(seed, point(seed, &[4]), |x| ((x[0] + 1e16) - 1e16).sum())),
    ("stairs of 1e-5: (x + 1e11) − 1e11", |seed| at(seed, point(seed, &[4]), |x| ((x[0] + 1e11) - 1e11).sin().sum())),
    ("a saw with a detached floor", |seed| {
        at(seed, point(seed, &[4]), |x| (x[0] * 3.0 - x[0].value().map(|x| (3.0 * x).floor())).square().sum())
    }),
];
