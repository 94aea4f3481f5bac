//! Right gradients of difficult functions without a tape: solvers, noise, kinks, scales, and what cancels.

use std::cell::Cell;

use autograd::Tensor;
use autograd::check::{Function, Report};

use super::functions::{bisection, check, fixed_point, fixed_point_slope, gradient, like, newton, scatter};
use super::functions_right::sum;
use super::{Case, few_bits, point, within};

/// Noise that differs from call to call, in values and gradients.
fn restless(seed: u64, size: f64) -> Report {
    let calls = Cell::new(seed as f64);
    let noise = || {
        calls.set(calls.get() + 1.0);
        size * scatter(calls.get())
    };
    sum(seed, point(seed, &[4]), |x| x.sin() + noise(), |x| x.cos() + noise())
}

/// A fixed point of each element, with its slope found at the solution.
fn fixed(seed: u64, tolerance: f64) -> Report {
    let slope = move |x| fixed_point_slope(x, fixed_point(x, tolerance));
    sum(seed, within(seed, &[3], 0.3, 0.9), move |x| fixed_point(x, tolerance), slope)
}

/// The solution of `A·y = b` by iteration to a tolerance, with a vjp that iterates with `Aᵀ`.
fn iterated(seed: u64, tolerance: f64) -> Report {
    let matrix = |turned: bool| {
        let at = |i: usize, j: usize| if i == j { 2.0 } else { 0.3 * ((3 * i + j) as f64).sin() };
        Tensor::from_fn([4, 4], |k| if turned { at(k[1], k[0]) } else { at(k[0], k[1]) })
    };
    let solve = move |b: &[f64], turned: bool| {
        let (a, mut y) = (matrix(turned), vec![0.0; 4]);
        for _ in 0..200 {
            let rest: Vec<f64> =
                (0..4).map(|i| b[i] - (0..4).map(|j| a.as_slice()[4 * i + j] * y[j]).sum::<f64>()).collect();
            y.iter_mut().zip(&rest).for_each(|(y, r)| *y += r / 2.0);
            if rest.iter().all(|r| r.abs() < tolerance) {
                break;
            }
        }
        y
    };
    let f = Function::new(move |x: &[Tensor]| Tensor::from(solve(x[0].as_slice(), false)))
        .vjp(move |x: &[Tensor], v: &Tensor| like(x, vec![solve(v.as_slice(), true)]))
        .jvp(move |_: &[Tensor], u: &[Tensor]| solve(u[0].as_slice(), false).into());
    check(seed, &f, &[point(seed, &[4])])
}

/// A table of squares, interpolated.
fn looked_up(x: f64) -> (f64, f64) {
    let (bin, square) = (((x + 2.0) / 0.25).floor(), |k: f64| (k * 0.25 - 2.0).powi(2));
    let part = (x + 2.0) / 0.25 - bin;
    (square(bin) * (1.0 - part) + square(bin + 1.0) * part, (square(bin + 1.0) - square(bin)) / 0.25)
}

pub(crate) const CASES: &[Case] = &[
    ("a function: a fixed point to 1e-6", |seed| fixed(seed, 1e-6)),
    ("a function: a fixed point to 1e-8", |seed| fixed(seed, 1e-8)),
    ("a function: a fixed point to 1e-10", |seed| fixed(seed, 1e-10)),
    ("a function: a root by bisection", |seed| {
        let slope = |x| 1.0 / (3.0 * bisection(x).powi(2) + 1.0);
        sum(seed, point(seed, &[3]), bisection, slope)
    }),
    ("a function: a root by Newton to 1e-6", |seed| {
        sum(seed, point(seed, &[3]), |x| newton(x, 1e-6), |x| 1.0 / (3.0 * newton(x, 1e-6).powi(2) + 1.0))
    }),
    ("a function: a root by Newton to 1e-10", |seed| {
        sum(seed, point(seed, &[3]), |x| newton(x, 1e-10), |x| 1.0 / (3.0 * newton(x, 1e-10).powi(2) + 1.0))
    }),
    ("a function: equations solved to 1e-6, also backwards", |seed| iterated(seed, 1e-6)),
    ("a function: equations solved to 1e-9, also backwards", |seed| iterated(seed, 1e-9)),
    ("a function: a root to 1e-9 where a tail cancels", |seed| {
        let shift = |x: f64| newton(x + 100.0, 1e-9) - newton(100.0, 1e-9);
        sum(seed, point(seed, &[3]), shift, |x| 1.0 / (3.0 * newton(x + 100.0, 1e-12).powi(2) + 1.0))
    }),
    ("a function: f32 inside", |seed| {
        sum(seed, point(seed, &[3]), |x| f64::from((x as f32).sin()), |x| f64::from((x as f32).cos()))
    }),
    ("a function: f32 inside, offset by 1000", |seed| {
        sum(seed, point(seed, &[3]), |x| f64::from(1000.0 + (x as f32).sin()), f64::cos)
    }),
    ("a function: f32 inside, offset by 1e6", |seed| {
        sum(seed, point(seed, &[3]), |x| f64::from(1e6 + (x as f32).sin()), f64::cos)
    }),
    ("a function: f32 inside, a product of sums", |seed| {
        gradient(
            seed,
            &[point(seed, &[4])],
            |x| f64::from(x[0].iter().map(|&x| (x as f32).exp()).sum::<f32>().ln()),
            |x| {
                let sum: f32 = x[0].iter().map(|&x| (x as f32).exp()).sum();
                vec![x[0].iter().map(|&x| f64::from((x as f32).exp() / sum)).collect()]
            },
        )
    }),
    ("a function: rounded to 6 decimals", |seed| {
        sum(seed, point(seed, &[3]), |x| (x.sin() * 1e6).round() / 1e6, f64::cos)
    }),
    ("a function: noise of 1e-7", |seed| sum(seed, point(seed, &[3]), |x| x.sin() + 1e-7 * (1e9 * x).sin(), f64::cos)),
    ("a function: noise of 1e-5 by bits", |seed| {
        sum(seed, point(seed, &[3]), |x| x.sin() + 1e-5 * scatter(x), f64::cos)
    }),
    ("a function: restless by 1e-15", |seed| restless(seed, 1e-15)),
    ("a function: restless by 1e-9", |seed| restless(seed, 1e-9)),
    ("a function: restless by 1e-5", |seed| restless(seed, 1e-5)),
    ("a function: at kinks", |seed| sum(seed, few_bits(seed, &[3]) * 0.0, f64::abs, f64::signum)),
    ("a function: near kinks", |seed| sum(seed, few_bits(seed, &[3]) * 1e-5, f64::abs, f64::signum)),
    ("a function: steps", |seed| sum(seed, point(seed, &[3]), |x| (8.0 * x).floor(), |_| 0.0)),
    ("a function: at steps", |seed| sum(seed, few_bits(seed, &[3]), |x| (16.0 * x).floor(), |_| 0.0)),
    ("a function: x·√|x| at 0", |seed| {
        sum(seed, point(seed, &[3]) * Tensor::from([1.0, 0.0, 1.0]), |x| x * x.abs().sqrt(), |x| 1.5 * x.abs().sqrt())
    }),
    ("a function: |x|^1.1 at 0", |seed| {
        let slope = |x: f64| if x == 0.0 { 0.0 } else { 1.1 * x.signum() * x.abs().powf(0.1) };
        sum(seed, point(seed, &[3]) * Tensor::from([1.0, 0.0, 1.0]), |x| x.abs().powf(1.1), slope)
    }),
    ("a function: constant", |seed| sum(seed, point(seed, &[3]), |_| 0.3, |_| 0.0)),
    ("a function: saturated", |seed| {
        let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
        sum(seed, within(seed, &[3], 36.0, 44.0), logistic, |x| (-x).exp())
    }),
    ("a function: the tail of a logistic beside 1", |seed| {
        let x = point(seed, &[3]) + Tensor::from([0.0, -40.0, 0.0]);
        sum(seed, x, |x| 1.0 / (1.0 + (-x).exp()), |x| x.exp() / (1.0 + x.exp()).powi(2))
    }),
    ("a function: squares that cancel", |seed| {
        sum(seed, point(seed, &[3]), |x| (x + 1e7).powi(2) - x * x - 1e14, |_| 2e7)
    }),
    ("a function: shifted by 1e12 and back", |seed| {
        sum(seed, point(seed, &[3]), |x| ((x + 1e12) - 1e12).sin(), f64::cos)
    }),
    ("a function: sin(x/x)", |seed| {
        let slope = |x: f64| (x / x).cos() * (1.0 / x - x / (x * x));
        sum(seed, few_bits(seed, &[3]), |x| (x / x).sin(), slope)
    }),
    ("a function: the rounding of a slope of 0", |seed| {
        sum(
            seed,
            point(seed, &[3]),
            |x| x.sin().powi(2) + x.cos().powi(2),
            |x| 2.0 * x.sin() * x.cos() - (2.0 * x).sin(),
        )
    }),
    ("a function: oscillating by 1e6", |seed| {
        sum(seed, point(seed, &[3]), |x| (1e6 * x).sin(), |x| 1e6 * (1e6 * x).cos())
    }),
    ("a function: oscillating by 1e12", |seed| {
        sum(seed, point(seed, &[3]), |x| (1e12 * x).sin(), |x| 1e12 * (1e12 * x).cos())
    }),
    ("a function: points of 1e-12", |seed| sum(seed, within(seed, &[3], 0.5, 1.5) * 1e-12, f64::sin, f64::cos)),
    ("a function: 1/x at 1e-150", |seed| {
        sum(seed, within(seed, &[3], 0.5, 1.5) * 1e-150, f64::recip, |x| -1.0 / x / x)
    }),
    ("a function: near the edge of a root", |seed| {
        sum(seed, within(seed, &[3], 0.5, 1.5) * 1e-6, f64::sqrt, |x| 0.5 / x.sqrt())
    }),
    ("a function: derivatives from 1e-6 to 1e6", |seed| {
        gradient(
            seed,
            &[within(seed, &[3], 0.5, 1.5)],
            |x| 1e6 * x[0][0].sin() + x[0][1].sin() + 1e-6 * x[0][2].sin(),
            |x| vec![vec![1e6 * x[0][0].cos(), x[0][1].cos(), 1e-6 * x[0][2].cos()]],
        )
    }),
    ("a function: interpolated in a table", |seed| {
        sum(seed, point(seed, &[4]), |x| looked_up(x).0, |x| looked_up(x).1)
    }),
    ("a function: the maximum of nearly equal values", |seed| {
        let x = Tensor::from([1.0, 1.0 + 1e-9, 0.3]) + point(seed, &[1]) * 0.1;
        gradient(
            seed,
            &[x],
            |x| x[0].iter().copied().fold(f64::MIN, f64::max),
            |x| {
                let most = x[0].iter().copied().fold(f64::MIN, f64::max);
                vec![x[0].iter().map(|&x| f64::from(x == most)).collect()]
            },
        )
    }),
    ("a function: 2e4² beside a sine", |seed| {
        let x = [within(seed, &[2], 1.5e4, 2.5e4), within(seed, &[2], 0.2, 1.2)];
        gradient(
            seed,
            &x,
            |x| (0..2).map(|i| x[0][i] * x[0][i] + x[1][i].sin()).sum(),
            |x| vec![x[0].iter().map(|x| 2.0 * x).collect(), x[1].iter().map(|x| x.cos()).collect()],
        )
    }),
];
