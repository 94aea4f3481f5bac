//! Functions without a tape: plain loops over slices, with derivatives by hand.
//!
//! - here — the functions that several cases share, and the way to check them
//! - `functions_wrong` — wrong gradients; `functions_ways` — wrong and right vjps, jvps, Jacobians, Hessians and their products
//! - `functions_right`, `functions_rough`, `functions_f32` — plain ones; solvers, noise, kinks and scales; in `f32`

use autograd::check::{Checker, Function, Report};
use autograd::{Float, Tensor};

/// The gradient of a function of one value, from slices to slices.
pub(crate) fn gradient<T: Float>(
    seed: u64,
    x: &[Tensor<T>],
    value: impl Fn(&[&[T]]) -> T,
    gradient: impl Fn(&[&[T]]) -> Vec<Vec<T>>,
) -> Report {
    let f =
        Function::new(|x: &[Tensor<T>]| value(&slices(x))).gradient(|x: &[Tensor<T>]| like(x, gradient(&slices(x))));
    check(seed, &f, x)
}

pub(crate) fn check<T: Float>(seed: u64, f: &Function<'_, T>, x: &[Tensor<T>]) -> Report {
    Checker::new().seed(seed).check_function(f, x).unwrap()
}

pub(crate) fn slices<T: Float>(x: &[Tensor<T>]) -> Vec<&[T]> {
    x.iter().map(Tensor::as_slice).collect()
}

/// Values in the shapes of the inputs.
pub(crate) fn like<T: Float>(x: &[Tensor<T>], values: Vec<Vec<T>>) -> Vec<Tensor<T>> {
    x.iter().zip(values).map(|(x, values)| Tensor::new(x.shape(), values)).collect()
}

/// `Σᵢ 100·(xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)²`.
pub(crate) fn rosenbrock(x: &[f64]) -> f64 {
    x.windows(2).map(|w| 100.0 * (w[1] - w[0] * w[0]).powi(2) + (1.0 - w[0]).powi(2)).sum()
}

pub(crate) fn rosenbrock_gradient(x: &[f64]) -> Vec<f64> {
    let mut g = vec![0.0; x.len()];
    for i in 0..x.len() - 1 {
        let rest = x[i + 1] - x[i] * x[i];
        g[i] += -400.0 * x[i] * rest - 2.0 * (1.0 - x[i]);
        g[i + 1] += 200.0 * rest;
    }
    g
}

pub(crate) fn rosenbrock_hessian(x: &[f64]) -> Vec<f64> {
    let n = x.len();
    let mut h = vec![0.0; n * n];
    for i in 0..n - 1 {
        h[i * n + i] += 1200.0 * x[i] * x[i] - 400.0 * x[i + 1] + 2.0;
        h[i * n + i + 1] -= 400.0 * x[i];
        h[(i + 1) * n + i] -= 400.0 * x[i];
        h[(i + 1) * n + i + 1] += 200.0;
    }
    h
}

/// The product of matrices of `n` columns and rows.
pub(crate) fn product<T: Float>(a: &[T], b: &[T], n: usize) -> Vec<T> {
    let entry = |i: usize, j: usize| (0..n).fold(T::zero(), |sum, k| sum + a[i * n + k] * b[k * n + j]);
    (0..n * n).map(|at| entry(at / n, at % n)).collect()
}

pub(crate) fn transposed<T: Float>(a: &[T], n: usize) -> Vec<T> {
    (0..n * n).map(|at| a[at % n * n + at / n]).collect()
}

/// The solution of `(A + 5)·y = b` for matrices of 2 × 2, or of the transposed equation.
pub(crate) fn solve(a: &[f64], b: &[f64], turned: bool) -> [f64; 2] {
    let (p, s) = (a[0] + 5.0, a[3] + 5.0);
    let (q, r) = if turned { (a[2], a[1]) } else { (a[1], a[2]) };
    let det = p * s - q * r;
    [(b[0] * s - b[1] * q) / det, (p * b[1] - r * b[0]) / det]
}

pub(crate) fn softmax<T: Float>(x: &[T]) -> Vec<T> {
    let most = x.iter().fold(x[0], |a, &b| if b > a { b } else { a });
    let e: Vec<T> = x.iter().map(|&x| (x - most).exp()).collect();
    let sum = e.iter().fold(T::zero(), |sum, &e| sum + e);
    e.iter().map(|&e| e / sum).collect()
}

/// `½·Σₖ (Σⱼ wⱼ·aₖⱼ + b − tₖ)²` over the rows of fixed data, with its gradient by `w` and `b`.
pub(crate) fn regression<T: Float>(w: &[T], b: T) -> (T, Vec<T>, T) {
    let of = T::from_f64;
    let (mut loss, mut dw, mut db) = (T::zero(), vec![T::zero(); w.len()], T::zero());
    for k in 0..12 {
        let row: Vec<T> = (0..w.len()).map(|j| of((0.7 * k as f64 + 1.3 * j as f64).sin())).collect();
        let target = of((0.9 * k as f64).cos());
        let rest = w.iter().zip(&row).fold(b - target, |sum, (&w, &a)| sum + w * a);
        loss = loss + of(0.5) * rest * rest;
        dw.iter_mut().zip(&row).for_each(|(dw, &a)| *dw = *dw + rest * a);
        db = db + rest;
    }
    (loss, dw, db)
}

/// `y = cos(x·y)` by iteration until steps are below a tolerance, and its slope at the result.
pub(crate) fn fixed_point(x: f64, tolerance: f64) -> f64 {
    let mut y = 0.5;
    for _ in 0..1000 {
        let next = f64::cos(x * y);
        if f64::abs(next - y) < tolerance {
            return next;
        }
        y = next;
    }
    y
}

pub(crate) fn fixed_point_slope(x: f64, y: f64) -> f64 {
    let s = (x * y).sin();
    -y * s / (1.0 + x * s)
}

/// `y³ + y = x` by halving an interval to 1e-8, and by Newton's method until steps are below a tolerance.
pub(crate) fn bisection(x: f64) -> f64 {
    let (mut low, mut high) = (-3.0, 3.0);
    while high - low > 1e-8 {
        let mid = f64::midpoint(low, high);
        if mid * mid * mid + mid < x { low = mid } else { high = mid }
    }
    f64::midpoint(low, high)
}

pub(crate) fn newton(x: f64, tolerance: f64) -> f64 {
    let mut y = 0.0f64;
    for _ in 0..100 {
        let step = (y.powi(3) + y - x) / (3.0 * y * y + 1.0);
        y -= step;
        if step.abs() < tolerance {
            return y;
        }
    }
    y
}

/// Steps of `u′ = −k·u + sin u` from `u₀`, with the sensitivities by `u₀` and `k`; `memory` is 1 where each step hands
/// on those of the step before.
pub(crate) fn flow(start: f64, k: f64, memory: f64) -> (f64, [f64; 2]) {
    let (mut u, mut by_start, mut by_k, h) = (start, 1.0, 0.0, 0.05);
    for _ in 0..40 {
        let slope = -k + f64::cos(u);
        (by_start, by_k) = (by_start + h * slope * by_start, by_k + h * (slope * by_k * memory - u));
        u += h * (-k * u + u.sin());
    }
    (u, [by_start, by_k])
}

/// A number between −½ and ½ that the bits of another decide.
pub(crate) fn scatter(x: f64) -> f64 {
    (x.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / 2f64.powi(24) - 0.5
}
