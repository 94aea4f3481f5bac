//! Functions that are computed by iterations, tables and in fewer digits: right rules for values that err.

use autograd::check::{Checker, Report};
use autograd::{Custom, Tensor, Var};

use super::{Case, at, own, point, rule, within};

/// The rule of an implicit function of each element, whose slope is found at the solution.
fn implicit(seed: u64, x: Tensor, solve: fn(f64) -> f64, slope: fn(f64, f64) -> f64) -> Report {
    struct Implicit(fn(f64) -> f64, fn(f64, f64) -> f64);
    impl Custom for Implicit {
        fn forward(&self, x: &[Tensor]) -> Tensor {
            x[0].map(self.0)
        }
        fn vjp<'t>(&self, x: &[Var<'t>], y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
            let (x, y) = (x[0].value(), y.value());
            let slopes = x.as_slice().iter().zip(y.as_slice()).map(|(&x, &y)| (self.1)(x, y)).collect();
            let slopes = Tensor::new(x.shape(), slopes);
            vec![dy * slopes]
        }
    }
    at(seed, x, |x| Var::custom(Implicit(solve, slope), x).square().sum())
}

/// `y = cos(x·y)` by iteration until steps are below a tolerance.
fn fixed_point(x: f64, tolerance: f64) -> f64 {
    let mut y = 0.5;
    for _ in 0..1000 {
        let next = (x * y).cos();
        if f64::abs(next - y) < tolerance {
            return next;
        }
        y = next;
    }
    y
}

fn slope_of_fixed_point(x: f64, y: f64) -> f64 {
    let s = (x * y).sin();
    -y * s / (1.0 + x * s)
}

/// `y³ + y = x` by halving an interval.
fn bisection(x: f64) -> f64 {
    let (mut low, mut high) = (-3.0, 3.0);
    while high - low > 1e-8 {
        let mid = f64::midpoint(low, high);
        if mid * mid * mid + mid < x { low = mid } else { high = mid }
    }
    f64::midpoint(low, high)
}

/// The same by Newton's method until steps are below 1e-8, or by descent along the gradient of the squared residual.
fn newton(x: f64) -> f64 {
    let mut y = 0.0f64;
    for _ in 0..1000 {
        let step = (y.powi(3) + y - x) / (3.0 * y * y + 1.0);
        y -= step;
        if step.abs() < 1e-8 {
            return y;
        }
    }
    y
}

fn descent(x: f64) -> f64 {
    let mut y = 0.0f64;
    for _ in 0..1000 {
        let step = 0.2 * (y.powi(3) + y - x);
        y -= step;
        if step.abs() < 1e-8 {
            return y;
        }
    }
    y
}

fn slope_of_cubic(_x: f64, y: f64) -> f64 {
    1.0 / (3.0 * y * y + 1.0)
}

/// `y′ = −y²` from `x` over a time of 1, by steps of Heun's method that are halved until two results agree to a tolerance.
fn adaptive(x: f64, tolerance: f64) -> f64 {
    let (mut t, mut y, mut h) = (0.0, x, 0.3f64);
    while t < 1.0 && h > 1e-9 {
        h = h.min(1.0 - t);
        let (k1, euler) = (-y * y, y - h * y * y);
        let heun = y + h / 2.0 * (k1 - euler * euler);
        let error = (heun - euler).abs();
        if error < tolerance {
            (t, y) = (t + h, heun);
            h *= 1.5;
        } else {
            h /= 2.0;
        }
    }
    y
}

/// The integral of eᵘ from 0 to `x` by the trapezoid rule.
fn trapezoids(x: f64, n: usize) -> f64 {
    let h = x / n as f64;
    (0..n).map(|k| h / 2.0 * ((k as f64 * h).exp() + ((k + 1) as f64 * h).exp())).sum()
}

pub(crate) const CASES: &[Case] = &[
    ("a fixed point to 1e-8", |seed| {
        implicit(seed, within(seed, &[3], 0.3, 0.9), |x| fixed_point(x, 1e-8), slope_of_fixed_point)
    }),
    ("a fixed point to 1e-6", |seed| {
        implicit(seed, within(seed, &[3], 0.3, 0.9), |x| fixed_point(x, 1e-6), slope_of_fixed_point)
    }),
    ("a fixed point to 1e-11", |seed| {
        implicit(seed, within(seed, &[3], 0.3, 0.9), |x| fixed_point(x, 1e-11), slope_of_fixed_point)
    }),
    ("a root by bisection to 1e-8", |seed| implicit(seed, point(seed, &[3]), bisection, slope_of_cubic)),
    ("a root by Newton to 1e-8", |seed| implicit(seed, point(seed, &[3]), newton, slope_of_cubic)),
    ("a root by descent to 1e-8", |seed| implicit(seed, point(seed, &[3]), descent, slope_of_cubic)),
    ("a differential equation to 1e-7", |seed| {
        implicit(seed, within(seed, &[3], 0.5, 1.5), |x| adaptive(x, 1e-7), |x, _| (1.0 + x).powi(-2))
    }),
    ("a quadrature of 4,000 points", |seed| {
        implicit(seed, within(seed, &[3], 0.2, 1.0), |x| trapezoids(x, 4000), |x, _| x.exp())
    }),
    ("iterated on the tape", |seed| {
        at(seed, within(seed, &[3], 0.3, 0.9), |x| (0..60).fold(x[0] * 0.0 + 0.5, |y, _| (x[0] * y).cos()).sum())
    }),
    ("f32 inside", |seed| {
        let value = |x: &[Tensor]| x[0].map(|x| f64::from((x as f32).sin()));
        at(seed, point(seed, &[3]), |x| own(x, value, rule(|x, dy| vec![dy * x[0].cos()])).sum())
    }),
    ("f32 inside, offset by 1000", |seed| {
        let value = |x: &[Tensor]| x[0].map(|x| f64::from(1000.0f32 + x.sin() as f32));
        at(seed, point(seed, &[3]), |x| own(x, value, rule(|x, dy| vec![dy * x[0].cos()])).sum())
    }),
    ("f32 inside, offset by 1e6", |seed| {
        let value = |x: &[Tensor]| x[0].map(|x| f64::from(1e6f32 + x.sin() as f32));
        at(seed, point(seed, &[3]), |x| own(x, value, rule(|x, dy| vec![dy * x[0].cos()])).sum())
    }),
    ("rounded to 6 decimals", |seed| {
        let value = |x: &[Tensor]| x[0].map(|x| (x.sin() * 1e6).round() / 1e6);
        at(seed, point(seed, &[3]), |x| own(x, value, rule(|x, dy| vec![dy * x[0].cos()])).sum())
    }),
    ("noise of 1e-12", |seed| {
        let value = |x: &[Tensor]| x[0].map(|x| x.sin() + 1e-12 * (1e13 * x).sin());
        at(seed, point(seed, &[3]), |x| own(x, value, rule(|x, dy| vec![dy * x[0].cos()])).sum())
    }),
    ("noise of 1e-7", |seed| {
        let value = |x: &[Tensor]| x[0].map(|x| x.sin() + 1e-7 * (1e9 * x).sin());
        at(seed, point(seed, &[3]), |x| own(x, value, rule(|x, dy| vec![dy * x[0].cos()])).sum())
    }),
    ("noise of 1e-5 by bits", |seed| {
        // As a sampler with a fixed seed has it: the bits of the point decide.
        let scatter = |x: f64| (x.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / 2f64.powi(24) - 0.5;
        let value = move |x: &[Tensor]| x[0].map(|x| x.sin() + 1e-5 * scatter(x));
        at(seed, point(seed, &[3]), |x| own(x, value, rule(|x, dy| vec![dy * x[0].cos()])).sum())
    }),
    ("a rule on plain values", |seed| {
        let rule = rule(|x, dy| vec![dy.tape().constant(dy.value() * x[0].value().cos())]);
        at(seed, point(seed, &[4]), |x| own(x, |x| x[0].sin(), rule).square().sum())
    }),
    ("a rule on plain values, deep", |seed| {
        let rule = rule(|x, dy| vec![dy.tape().constant(dy.value() * x[0].value().cos())]);
        at(seed, point(seed, &[4]), |x| (0..20).fold(own(x, |x| x[0].sin(), rule), |x, _| x.sigmoid()).sum())
    }),
    ("a rule on plain values, an array", |seed| {
        let rule = rule(|x, dy| {
            vec![
                dy.tape().constant(dy.value().matmul(&x[1].value().t())),
                dy.tape().constant(x[0].value().t().matmul(&dy.value())),
            ]
        });
        let x = super::wrong::matrices(seed);
        Checker::new().seed(seed).check_array(|x| own(x, |x| x[0].matmul(&x[1]), rule), &x).unwrap()
    }),
    ("linear interpolation in a table", |seed| {
        let bin = |x: f64| ((x + 2.0) / 0.25).floor();
        let square = |k: f64| (k * 0.25 - 2.0).powi(2);
        let value = move |x: &[Tensor]| {
            x[0].map(|x| {
                let part = (x + 2.0) / 0.25 - bin(x);
                square(bin(x)) * (1.0 - part) + square(bin(x) + 1.0) * part
            })
        };
        let rule = rule(move |x, dy| vec![dy * x[0].value().map(|x| (square(bin(x) + 1.0) - square(bin(x))) / 0.25)]);
        at(seed, point(seed, &[4]), |x| own(x, value, rule).sum())
    }),
    ("clipped where nothing is large", |seed| {
        at(seed, point(seed, &[4]), |x| x[0].map_gradient(|dy| dy.clamp(-1e9, 1e9)).sin().sum())
    }),
    ("the identity's gradient through a checkpoint", |seed| {
        at(seed, point(seed, &[4]), |x| x[0].checkpoint(|x| x.sin().exp()).map_gradient(|dy| dy * 1.0).sum())
    }),
];
