//! Rules that are wrong where differences of the whole function see little: behind many layers, beside large terms, at outputs of small
//! weight; and values that move without the tape's knowledge.

use autograd::check::{Checker, Report, Verdict};
use autograd::{Scalar, Tensor, Var};

use super::{Case, at, own, point, rule, sine, twice, within};
use crate::sampling::Sampler;

/// A sine with a rule, through so many logistic layers. The wrong rule must be named by its place.
fn behind<R>(seed: u64, layers: usize, rule: R) -> Report
where
    R: for<'t> Fn(&[Var<'t>], Var<'t>) -> Vec<Var<'t>> + Send + Sync + Clone + 'static,
{
    let report = at(seed, point(seed, &[3]), |x| through(sine(x[0], rule.clone()), layers));
    if report.verdict == Verdict::Wrong {
        let first = &report.operations.as_ref().expect("looked at").findings[0];
        assert!(first.name == "Op" && first.file.ends_with("mod.rs") && first.line > 0, "{report}");
    }
    report
}

/// The sum of what comes through so many logistic layers.
fn through(x: Var<'_>, layers: usize) -> Scalar<'_> {
    (0..layers).fold(x, |x, _| x.sigmoid()).sum()
}

/// `f` of a value that is three times too large in the gradient.
fn thrice<'t>(x: Var<'t>) -> Var<'t> {
    x.map_gradient(|dy| dy * 3.0)
}

/// Layers of random matrices and logistic functions, which let a hundredth through.
fn network<'t>(x: Var<'t>, seed: u64, layers: u64) -> Var<'t> {
    (0..layers).fold(x, |x, layer| x.matmul(Sampler::new(1000 * seed + layer).normal_like(&[4, 4]) * 0.5).sigmoid())
}

/// One element's gradient three times too large.
fn element(at: usize, n: usize) -> impl for<'t> Fn(Var<'t>) -> Var<'t> + Send + Sync + 'static {
    move |dy| {
        let mut factor = Tensor::ones([n]);
        factor.as_mut_slice()[at] = 3.0;
        dy * factor
    }
}

pub(crate) const CASES: &[Case] = &[
    ("sign behind 20 logistic layers", |seed| behind(seed, 20, |x, dy| vec![-dy * x[0].cos()])),
    ("sign behind 50 logistic layers", |seed| behind(seed, 50, |x, dy| vec![-dy * x[0].cos()])),
    ("sign behind 200 logistic layers", |seed| behind(seed, 200, |x, dy| vec![-dy * x[0].cos()])),
    ("factor 3 behind 20 logistic layers", |seed| behind(seed, 20, |x, dy| vec![dy * x[0].cos() * 3.0])),
    ("factor 3 behind 200 logistic layers", |seed| behind(seed, 200, |x, dy| vec![dy * x[0].cos() * 3.0])),
    ("by 1e-6 behind 50 logistic layers", |seed| behind(seed, 50, |x, dy| vec![dy * x[0].cos() * (1.0 + 1e-6)])),
    ("rule of 0 behind 20 logistic layers", |seed| behind(seed, 20, |_, dy| vec![dy * 0.0])),
    ("another function behind 50 layers", |seed| behind(seed, 50, |x, dy| vec![dy * x[0].sin()])),
    ("detached behind 12 logistic layers", |seed| {
        at(seed, point(seed, &[3]), |x| through(x[0].detach().sin() + 0.0 * x[0], 12))
    }),
    ("half detached behind 12 logistic layers", |seed| {
        at(seed, point(seed, &[3]), |x| through(x[0].sin() + x[0].detach(), 12))
    }),
    ("number from values behind 10 layers", |seed| {
        at(seed, point(seed, &[1]), |x| {
            let factor = x[0].value().item();
            through(x[0] * factor, 10)
        })
    }),
    ("scalars, detached, behind 15 layers", |seed| {
        at(seed, point(seed, &[1]), |x| {
            let x = x[0].item();
            (0..15).fold(x.sin() + x.detach(), |x, _| x.sigmoid())
        })
    }),
    ("behind 15 layers of matrices", |seed| at(seed, point(seed, &[2, 4]), |x| network(thrice(x[0]), seed, 15).sum())),
    ("in the middle of 30 layers of matrices", |seed| {
        at(seed, point(seed, &[2, 4]), |x| network(thrice(network(x[0], seed, 15)), seed + 1, 15).sum())
    }),
    ("behind a saturated tanh", |seed| at(seed, point(seed, &[3]), |x| (thrice(x[0]) + 17.0).tanh().sum())),
    ("behind a saturated softmax", |seed| {
        at(seed, point(seed, &[3]), |x| {
            ((thrice(x[0]) * Tensor::from([1.0, 0.1, 0.1])) + Tensor::from([60.0, 0.0, 0.0])).softmax(0).at(0, 0).item()
        })
    }),
    ("behind a Gaussian's tail", |seed| {
        at(seed, point(seed, &[3]), |x| 1e3 + (-(thrice(x[0]) + 7.0).square()).exp().sum())
    }),
    ("beside 1e10", |seed| at(seed, point(seed, &[3]), |x| thrice(x[0].sin()).sum() + 1e10)),
    ("beside 1e16", |seed| at(seed, point(seed, &[3]), |x| thrice(x[0].sin()).sum() + 1e16)),
    ("beside a term of 1e10", |seed| {
        let x = [point(seed, &[3]), point(seed + 1, &[3])];
        Checker::new().seed(seed).check(|x| thrice(x[0]).sum() * 1e-8 + (x[1] * 1e5).square().sum(), &x).unwrap()
    }),
    ("times 1e-12, beside 1", |seed| at(seed, point(seed, &[3]), |x| 1.0 + 1e-12 * thrice(x[0]).sum())),
    ("an element of weight 1e-6 beside 1e6", |seed| {
        at(seed, point(seed, &[3]), |x| (x[0].map_gradient(element(1, 3)).sin() * Tensor::from([1e6, 1e-6, 1e6])).sum())
    }),
    ("an element of weight 1e-9 of 50", |seed| {
        let weights = Tensor::from_fn([50], |i| if i[0] == 17 { 1e-9 } else { 1e3 });
        at(seed, point(seed, &[50]), |x| (x[0].map_gradient(element(17, 50)).exp() * &weights).sum())
    }),
    ("a row of small inputs", |seed| {
        let x = within(seed, &[2, 3], 0.5, 1.0) * Tensor::from([[1.0], [1e-9]]);
        at(seed, x, |x| {
            let rows = x[0].map_gradient(|dy| dy * Tensor::from([[1.0], [1.01]]));
            (rows * Tensor::from([[1.0], [1e9]])).exp_m1().square().sum()
        })
    }),
    ("outputs swapped", |seed| {
        let rule = rule(|_, dy| vec![dy.flip(0)]);
        Checker::new().seed(seed).check_array(|x| own(x, |x| x[0].clone(), rule), &[point(seed, &[2])]).unwrap()
    }),
    ("two of five outputs swapped", |seed| {
        let rule = rule(|x, dy| vec![dy.take(0, &[0, 3, 2, 1, 4]) * x[0].cos()]);
        Checker::new().seed(seed).check_array(|x| own(x, |x| x[0].sin(), rule), &[point(seed, &[5])]).unwrap()
    }),
    ("outputs rolled by one", |seed| {
        let rule = rule(|_, dy| vec![dy.take(0, &[1, 2, 3, 0])]);
        Checker::new().seed(seed).check_array(|x| own(x, |x| x[0].clone(), rule), &[point(seed, &[4])]).unwrap()
    }),
    ("of three copies the last flows back", |seed| {
        let value = |x: &[Tensor]| x[0].reshape([1, 1]).expand([3, 1]);
        let rule = rule(|_, dy| vec![dy.slice(0, 2..3).reshape([1])]);
        Checker::new().seed(seed).check_array(|x| own(x, value, rule), &[point(seed, &[1])]).unwrap()
    }),
    ("of two copies one counts twice", |seed| {
        let value = |x: &[Tensor]| x[0].reshape([1, 3]).expand([2, 3]);
        let rule = rule(|_, dy| vec![dy.slice(0, 0..1).reshape([3]) * 2.0]);
        Checker::new().seed(seed).check_array(|x| own(x, value, rule), &[point(seed, &[3])]).unwrap()
    }),
    ("inputs swapped", |seed| {
        let x = [point(seed, &[3]), point(seed + 9, &[3])];
        let rule = rule(|x, dy| vec![dy * x[1].cos(), dy * x[0].cos()]);
        Checker::new().seed(seed).check_array(|x| own(x, |x| x[0].sin() + x[1].sin(), rule), &x).unwrap()
    }),
    ("a factor computed from values", |seed| {
        at(seed, point(seed, &[3]), |x| (x[0] / x[0].value().norm()).tanh().sum())
    }),
    ("a detached denominator", |seed| {
        at(seed, point(seed, &[4]), |x| (x[0].exp() / x[0].exp().sum().detach()).square().sum())
    }),
    ("a detached maximum that does not cancel", |seed| {
        at(seed, point(seed, &[4]), |x| (x[0] - x[0].max().detach()).exp().sum())
    }),
    ("a detached square in a sum", |seed| {
        at(seed, point(seed, &[3]), |x| (x[0] * 8.0 + x[0].square().detach()).sin().sum())
    }),
    ("0 at 0 by mistake", |seed| {
        let value = |x: &[Tensor]| x[0].sin();
        let rule = rule(|x, dy| vec![dy * x[0].cos() * x[0].not_equal(0.0)]);
        let x = point(seed, &[3]) * Tensor::from([1.0, 0.0, 1.0]);
        at(seed, x, |x| own(x, value, rule).sum())
    }),
    ("NaN at 0", |seed| {
        let value = |x: &[Tensor]| x[0].map(|x| if x == 0.0 { 1.0 } else { x.sin() / x });
        let rule = rule(|x, dy| vec![dy * (x[0] * x[0].cos() - x[0].sin()) / x[0].square()]);
        let x = point(seed, &[3]) * Tensor::from([1.0, 0.0, 1.0]);
        at(seed, x, |x| own(x, value, rule).sum())
    }),
    ("second order behind 12 logistic layers", |seed| {
        let rule = rule(|x, dy| vec![dy * x[0].cos().detach()]);
        twice(seed, point(seed, &[2]), |x| through(sine(x[0], rule), 12))
    }),
    ("1/x at points of 1e-150, the sign", |seed| {
        let rule = rule(|x, dy| vec![dy * x[0].recip().square()]);
        at(seed, within(seed, &[3], 0.5, 1.5) * 1e-150, |x| own(x, |x| x[0].recip(), rule).sum())
    }),
    ("1/x at 1e-150 and at 1, by a tenth", |seed| {
        let rule = rule(|x, dy| vec![dy * x[0].recip().square() * -1.1]);
        at(seed, within(seed, &[2], 0.5, 1.5) * Tensor::from([1e-150, 1.0]), |x| own(x, |x| x[0].recip(), rule).sum())
    }),
    ("a sine at points of 1e-12, the sign", |seed| {
        at(seed, within(seed, &[3], 0.5, 1.5) * 1e-12, |x| sine(x[0], rule(|x, dy| vec![-dy * x[0].cos()])).sum())
    }),
    ("a sine at 1e-12 and at 1, wrong at the small one", |seed| {
        let rule = rule(|x, dy| vec![dy * x[0].cos() * Tensor::from([1.5, 1.0])]);
        at(seed, within(seed, &[2], 0.5, 1.5) * Tensor::from([1e-12, 1.0]), |x| sine(x[0], rule).sum())
    }),
    ("behind a chain to the smallest numbers", |seed| {
        let rule = rule(|x, dy| vec![dy * x[0].cos() * 1.01]);
        at(seed, within(seed, &[3], 0.5, 1.5), |x| (0..600).fold(sine(x[0], rule), |y, _| y * 0.3).sum())
    }),
    ("third order only", |seed| {
        // The first derivative is right and the second; the third is missing.
        let rule = rule(|x, dy| {
            let slope = x[0].detach().cos() - x[0].detach().sin() * (x[0] - x[0].detach());
            vec![dy * slope]
        });
        Checker::new().seed(seed).orders(3).check(|x| sine(x[0], rule).sum(), &[point(seed, &[3])]).unwrap()
    }),
];
