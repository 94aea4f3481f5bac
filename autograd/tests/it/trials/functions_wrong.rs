//! Wrong gradients of functions without a tape.

use std::cell::Cell;

use autograd::Tensor;

use super::functions::{
    fixed_point, fixed_point_slope, flow, gradient, newton, regression, rosenbrock, rosenbrock_gradient, scatter,
    softmax,
};
use super::{Case, point, within};
use crate::sampling::Sampler;

/// Σ f(xᵢ), with a slope for each element.
fn sum(seed: u64, x: Tensor, f: impl Fn(f64) -> f64, slope: impl Fn(usize, f64) -> f64) -> autograd::check::Report {
    gradient(
        seed,
        &[x],
        |x| x[0].iter().map(|&x| f(x)).sum(),
        |x| vec![x[0].iter().enumerate().map(|(i, &x)| slope(i, x)).collect()],
    )
}

/// The regression with its gradient as it is made of `dw` and `db`.
fn fitted(seed: u64, claim: impl Fn(Vec<f64>, f64) -> (Vec<f64>, f64)) -> autograd::check::Report {
    let x = [point(seed, &[4]), point(seed + 1, &[1])];
    gradient(
        seed,
        &x,
        |x| regression(x[0], x[1][0]).0,
        |x| {
            let (_, dw, db) = regression(x[0], x[1][0]);
            let (dw, db) = claim(dw, db);
            vec![dw, vec![db]]
        },
    )
}

/// Noise that differs from call to call.
fn restless(seed: u64, size: f64, factor: f64) -> autograd::check::Report {
    let calls = Cell::new(seed as f64);
    let noise = || {
        calls.set(calls.get() + 1.0);
        size * scatter(calls.get())
    };
    sum(seed, within(seed, &[4], 0.3, 1.2), |x| x.sin() + noise(), |_, x| factor * x.cos() + noise())
}

pub(crate) const CASES: &[Case] = &[
    ("a function: a square without its 2", |seed| sum(seed, point(seed, &[5]), |x| x * x, |_, x| x)),
    ("a function: the sign", |seed| sum(seed, point(seed, &[5]), f64::sin, |_, x| -x.cos())),
    ("a function: by a hundredth", |seed| sum(seed, point(seed, &[5]), f64::exp, |_, x| 1.01 * x.exp())),
    ("a function: by 1e-6", |seed| sum(seed, point(seed, &[5]), f64::exp, |_, x| (1.0 + 1e-6) * x.exp())),
    ("a function: one of 1000 by 1e-6", |seed| {
        let off = seed as usize % 1000;
        sum(seed, point(seed, &[1000]), f64::sin, |i, x| x.cos() * if i == off { 1.0 + 1e-6 } else { 1.0 })
    }),
    ("a function: a constant added", |seed| sum(seed, point(seed, &[5]), f64::sin, |_, x| x.cos() + 1e-3)),
    ("a function: NaN at one element", |seed| {
        sum(seed, point(seed, &[4]), f64::sin, |i, x| if i == 2 { f64::NAN } else { x.cos() })
    }),
    ("a function: 0 where the input is 0", |seed| {
        let x = point(seed, &[3]) * Tensor::from([1.0, 0.0, 1.0]);
        sum(seed, x, f64::sin, |_, x| if x == 0.0 { 0.0 } else { x.cos() })
    }),
    ("a function: half the slope above a kink", |seed| {
        sum(seed, within(seed, &[4], 0.1, 2.0), |x| x.max(0.0), |_, _| 0.5)
    }),
    ("a function: the slope beside the point", |seed| {
        sum(seed, within(seed, &[4], 0.5, 1.2), f64::sin, |_, x| (x + 0.01).cos())
    }),
    ("a function: shifted by one element", |seed| {
        gradient(
            seed,
            &[point(seed, &[6])],
            |x| x[0].iter().enumerate().map(|(i, x)| (1 + i) as f64 * x.sin()).sum(),
            |x| {
                let mut g: Vec<f64> = x[0].iter().enumerate().map(|(i, x)| (1 + i) as f64 * x.cos()).collect();
                g.rotate_right(1);
                vec![g]
            },
        )
    }),
    ("a function: regression, a parameter forgotten", |seed| fitted(seed, |dw, _| (dw, 0.0))),
    ("a function: regression, all forgotten", |seed| fitted(seed, |dw, _| (vec![0.0; dw.len()], 0.0))),
    ("a function: regression, a mean for a sum", |seed| {
        fitted(seed, |dw, db| (dw.iter().map(|g| g / 12.0).collect(), db / 12.0))
    }),
    ("a function: regression, the bias negated", |seed| fitted(seed, |dw, db| (dw, -db))),
    ("a function: a broadcast bias with one row's gradient", |seed| {
        let x = [point(seed, &[3, 4]), point(seed + 1, &[4])];
        gradient(
            seed,
            &x,
            |x| x[0].iter().enumerate().map(|(k, a)| (a + x[1][k % 4]).sin()).sum(),
            |x| {
                let da: Vec<f64> = x[0].iter().enumerate().map(|(k, a)| (a + x[1][k % 4]).cos()).collect();
                let first = da[..4].to_vec();
                vec![da, first]
            },
        )
    }),
    ("a function: Rosenbrock without a term", |seed| {
        let claim = |x: &[f64]| {
            let mut g = rosenbrock_gradient(x);
            (0..x.len() - 1).for_each(|i| g[i] += 2.0 * (1.0 - x[i]));
            vec![g]
        };
        gradient(seed, &[point(seed, &[10])], |x| rosenbrock(x[0]), |x| claim(x[0]))
    }),
    ("a function: log of a sum, not normalised", |seed| {
        gradient(
            seed,
            &[point(seed, &[6])],
            |x| x[0].iter().map(|x| x.exp()).sum::<f64>().ln(),
            |x| vec![x[0].iter().map(|x| x.exp()).collect()],
        )
    }),
    ("a function: entropy, softmax as if elementwise", |seed| {
        gradient(
            seed,
            &[point(seed, &[5])],
            |x| -softmax(x[0]).iter().map(|p| p * p.ln()).sum::<f64>(),
            |x| vec![softmax(x[0]).iter().map(|p| -(1.0 + p.ln()) * p * (1.0 - p)).collect()],
        )
    }),
    ("a function: an implicit slope without its denominator", |seed| {
        let slope = |x: f64| {
            let y = fixed_point(x, 1e-10);
            -y * (x * y).sin()
        };
        sum(seed, within(seed, &[3], 0.3, 0.9), |x| fixed_point(x, 1e-10), |_, x| slope(x))
    }),
    ("a function: the same to 1e-6", |seed| {
        let slope = |x: f64| {
            let y = fixed_point(x, 1e-6);
            -y * (x * y).sin()
        };
        sum(seed, within(seed, &[3], 0.3, 0.9), |x| fixed_point(x, 1e-6), |_, x| slope(x))
    }),
    ("a function: a fixed point to 1e-8, by a hundredth", |seed| {
        let slope = |x: f64| 1.01 * fixed_point_slope(x, fixed_point(x, 1e-8));
        sum(seed, within(seed, &[3], 0.3, 0.9), |x| fixed_point(x, 1e-8), |_, x| slope(x))
    }),
    ("a function: a root to 1e-8, the explicit part only", |seed| {
        sum(seed, within(seed, &[3], 0.5, 1.5), |x| x * newton(x, 1e-8), |_, x| newton(x, 1e-8))
    }),
    ("a function: sensitivities without memory", |seed| {
        let x = [within(seed, &[1], 0.5, 1.5), within(seed + 1, &[1], 0.5, 1.5)];
        gradient(
            seed,
            &x,
            |x| flow(x[0][0], x[1][0], 1.0).0,
            |x| flow(x[0][0], x[1][0], 0.0).1.map(|g| vec![g]).to_vec(),
        )
    }),
    ("a function: 2e4 beside 1, by a thousandth of the large", |seed| {
        let x = [within(seed, &[2], 1.5e4, 2.5e4), point(seed, &[2])];
        gradient(
            seed,
            &x,
            |x| (0..2).map(|i| (x[0][i] * 1e-4).sin() + x[1][i].sin()).sum(),
            |x| {
                let large = x[0].iter().map(|x| 1.001e-4 * (x * 1e-4).cos()).collect();
                vec![large, x[1].iter().map(|x| x.cos()).collect()]
            },
        )
    }),
    ("a function: 2e4 beside 1, by a hundredth of the small", |seed| {
        let x = [within(seed, &[2], 1.5e4, 2.5e4), within(seed, &[2], 0.2, 1.2)];
        gradient(
            seed,
            &x,
            |x| (0..2).map(|i| 3.0 * x[0][i] + x[1][i].sin()).sum(),
            |x| vec![vec![3.0; 2], x[1].iter().map(|x| 1.01 * x.cos()).collect()],
        )
    }),
    ("a function: f32 inside, the sign", |seed| {
        sum(seed, point(seed, &[3]), |x| f64::from((x as f32).sin()), |_, x| -f64::from((x as f32).cos()))
    }),
    ("a function: f32 inside, by a tenth", |seed| {
        sum(seed, point(seed, &[3]), |x| f64::from((x as f32).sin()), |_, x| 1.1 * f64::from((x as f32).cos()))
    }),
    ("a function: noise of 1e-7, by a tenth", |seed| {
        sum(seed, within(seed, &[3], 0.2, 1.2), |x| x.sin() + 1e-7 * (1e9 * x).sin(), |_, x| 1.1 * x.cos())
    }),
    ("a function: noise of 1e-9 by bits, by a hundredth", |seed| {
        sum(seed, within(seed, &[3], 0.2, 1.2), |x| x.sin() + 1e-9 * scatter(x), |_, x| 1.01 * x.cos())
    }),
    ("a function: restless by 1e-9, by a hundredth", |seed| restless(seed, 1e-9, 1.01)),
    ("a function: restless by 1e-12, the sign", |seed| restless(seed, 1e-12, -1.0)),
    ("a function: a forgotten factor of many scales", |seed| {
        let x = Sampler::new(seed).values(&[5], (0.5, 1.5), &[]);
        gradient(
            seed,
            &[x],
            |x| x[0].iter().enumerate().map(|(i, x)| 10f64.powi(2 * i as i32 - 4) * x * x).sum(),
            |x| vec![x[0].iter().enumerate().map(|(i, x)| 10f64.powi(2 * i as i32 - 4) * x).collect()],
        )
    }),
];
