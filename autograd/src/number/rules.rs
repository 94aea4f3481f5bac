//! Derivatives of the table that take more than a line, with their reasons.

use std::f64::consts::PI;

use super::passing::{Passing, either, select, shortcut};
use crate::math::exponential::TANH_NEAR;
use crate::math::gate::{CUBE, LINE};
use crate::number::{Number, Test};

/// `d/cosh²(x)`, for `y = tanh(x)`.
///
/// `1 − y²` suffers cancellation where |y| is near 1. Up to 0.7 it is accurate, and saves plain numbers an
/// exponential. Far out the slope is `4·exp(−2|x|)`, applied as two factors.
#[inline(always)]
pub(super) fn through_tanh<N: Number>(x: N, y: N, d: Passing<N>) -> Passing<N> {
    let far = || {
        let factor = (-x.abs()).exp() * N::constant(2.0);
        d * factor * factor
    };
    let everywhere = || either(x, Test::Within(22.0), || d * x.sech_squared_from(y), far);
    shortcut(y, TANH_NEAR, || d * (N::one() - y * y), everywhere)
}

/// `d·sigmoid(x)·sigmoid(−x)`, for `y = sigmoid(x)`; `1 − y` suffers cancellation likewise.
#[inline(always)]
pub(super) fn through_sigmoid<N: Number>(x: N, y: N, d: Passing<N>) -> Passing<N> {
    let far = || {
        let factor = (x.abs() * N::constant(-0.5)).exp();
        d * factor * factor
    };
    let everywhere = || either(x, Test::Within(44.0), || d * x.logistic_density_from(y), far);
    shortcut(y, 0.7, || d * (y * (N::one() - y)), everywhere)
}

/// `d/(1 + |x|)²`
#[inline(always)]
pub(super) fn through_softsign<N: Number>(x: N, d: Passing<N>) -> Passing<N> {
    let plain = || {
        let size = x.abs() + N::one();
        d / size / size
    };
    shortcut(x, f64::INFINITY, plain, || d * x.over_size() * x.over_size())
}

/// The relative growth of the slope of `tanh(softplus(x))`. With `q = sigmoid(−x)` and `s = 1 − q` that slope is
/// `4sq²/(1 + q²)²`; the cubic is written in the smaller of the two.
#[inline(always)]
pub(super) fn mish_bend<N: Number>(x: N) -> N {
    let (s, q, c) = (x.sigmoid(), (-x).sigmoid(), N::constant);
    let left = c(2.0) - s * (c(4.0) + s * (c(1.0) - s));
    let right = q * (c(3.0) + q * (c(2.0) - q)) - c(2.0);
    x.less(c(0.0)).select(left, right) / (c(1.0) + q * q)
}

/// Beyond this the gate of [`tanh_gate`](Number::tanh_gate) is closed or open, and its cube may overflow.
const GATE_END: f64 = 40.0;

/// The slope of the gate's argument.
#[inline(always)]
fn gate_bend<N: Number>(x: N) -> N {
    N::constant(LINE[0]) + x * x * N::constant(3.0 * CUBE[0])
}

/// `d·dy/dx` of the gate.
#[inline(always)]
pub(super) fn through_gate<N: Number>(x: N, d: Passing<N>) -> Passing<N> {
    either(x, Test::Within(GATE_END), || d * x.tanh_gate_density() * gate_bend(x), || d.nothing())
}

/// `d·dy/dx` of the density `y` of the gate.
#[inline(always)]
pub(super) fn through_gate_density<N: Number>(x: N, y: N, d: Passing<N>) -> Passing<N> {
    let half = || x * (N::constant(0.5 * LINE[0]) + x * x * N::constant(0.5 * CUBE[0]));
    either(x, Test::Within(GATE_END), || -(d * y * half().tanh() * gate_bend(x)), || d.nothing())
}

/// `d·dy/dx` of x times the gate.
#[inline(always)]
pub(super) fn through_gelu_tanh<N: Number>(x: N, d: Passing<N>) -> Passing<N> {
    let near = || d * (x.tanh_gate() + x.tanh_gate_density() * gate_bend(x) * x);
    either(x, Test::Within(GATE_END), near, || d.masked(x.greater(N::zero())))
}

/// `−d·x·y`, for `y = exp(−x²/2)`. Where `y` is 0 in every type the factor x is left out, because its powers in
/// higher orders overflow.
#[inline(always)]
pub(super) fn through_gaussian<N: Number>(x: N, y: N, d: Passing<N>) -> Passing<N> {
    either(x, Test::Within(40.0), || -(d * y.chain(x)), || -(d * y))
}

/// 1 on [low, high], else 0.
#[inline(always)]
pub(super) fn inside<N: Number>(x: N, low: f64, high: f64) -> N {
    x.greater_equal(N::constant(low)) * x.less_equal(N::constant(high))
}

/// `d·a/(a² + b²)`, the derivative of the angle of (a, b); 0 at the origin.
#[inline(always)]
pub(super) fn through_angle<N: Number>(a: N, b: N, d: Passing<N>) -> Passing<N> {
    let slope = a.inverted(b);
    // A slope that overflowed or underflowed has lost its digits; they are taken from a and b.
    let rest = || {
        let (ratio, other) = (a / b, b / a);
        let flat = || (d / b).times_quotient(a, b) / (N::one() + ratio * ratio);
        either(ratio, Test::Within(1.0), flat, || d / a / (N::one() + other * other))
    };
    either(slope, Test::Whole { of: [a, a] }, || d * slope, rest)
}

/// `product()`, the gradient through a factor `a` that is itself a gradient or a slope: where `a` is 0, not even an
/// infinite `d` passes. A mask has no derivative, so this is not for ordinary `d`: `d·a` has the derivative `d` with
/// respect to `a` where `a` is 0 too.
#[inline(always)]
pub(super) fn through_gradient<N: Number>(a: N, d: Passing<N>, product: impl Fn() -> Passing<N>) -> Passing<N> {
    either(d.0, Test::Within(1e38), &product, || product().masked(a))
}

/// `−d·a/b²`, for the quotient `y = a/b`. Where the quotient overflowed or underflowed, the digits are taken from a.
#[inline(always)]
pub(super) fn through_divisor<N: Number>(a: N, b: N, y: N, d: Passing<N>) -> Passing<N> {
    -either(y, Test::Whole { of: [a, a] }, || d.times_quotient(y, b), || d / b / b * a)
}

/// `d/(1 + x²)`. Far out the square overflows first, or its reciprocal underflows.
#[inline(always)]
pub(super) fn through_atan<N: Number>(x: N, d: Passing<N>) -> Passing<N> {
    let near = || shortcut(x, 1e8, || d / (N::one() + x * x), || d * x.atan_slope());
    either(x, Test::Within(1e8), near, || d / x / x)
}

/// `−d·y/(2x)`, for the reciprocal root `y`. The slope is made before it meets `d`, and is a row by itself, so that dual numbers
/// divide once for all directions; one that leaves the range of numbers is applied factor by factor.
#[inline(always)]
pub(super) fn through_rsqrt<N: Number>(x: N, y: N, d: Passing<N>) -> Passing<N> {
    let half = N::constant(-0.5);
    let with = |cubed: N| either(cubed, Test::Normal, || d * (cubed * half), || d * y * half / x);
    shortcut(y, f64::INFINITY, || with(y / x), || with(x.rsqrt_cubed()))
}

/// `−3d·y/(2x)`, for `y = 1/(x√x)`; likewise.
#[inline(always)]
pub(super) fn through_rsqrt_cubed<N: Number>(x: N, y: N, d: Passing<N>) -> Passing<N> {
    let slope = y / x * N::constant(-1.5);
    either(slope, Test::Normal, || d * slope, || d * x.rsqrt() * N::constant(-1.5) / x / x)
}

/// The gradient through a power `y = xⁿ`: `d·n·xⁿ⁻¹`.
#[inline(always)]
pub(super) fn whole_power<N: Number>(x: N, y: N, n: i32, d: Passing<N>) -> Passing<N> {
    let times = N::constant(f64::from(n));
    match n {
        0 => d.nothing(),
        1 => d,
        2 => d * (x + x),
        // Both factors lie on the same side of 1.
        ..0 => d * y * times / x,
        3..=4 => d * x.powi(n - 1) * times,
        // The power may underflow where n times the power does not.
        _ => d * x.powi((n - 1) / 2) * times * x.powi(n / 2),
    }
}

/// The same for any exponent. `p − 1` is exact from ½ on; below, its round-off would cost digits where x is large or
/// small.
#[inline(always)]
pub(super) fn real_power<N: Number>(x: N, y: N, p: f64, d: Passing<N>) -> Passing<N> {
    let by_power = || d * x.powf(p - 1.0) * N::constant(p);
    if p == f64::from(p as i32) {
        whole_power(x, y, p as i32, d)
    } else if p >= 0.5 {
        by_power()
    } else {
        either(y, Test::Normal, || (d * N::constant(p)).times_quotient(y, x), by_power)
    }
}

/// The same for an exponent that is an input.
#[inline(always)]
pub(super) fn any_power<N: Number>(a: N, b: N, y: N, d: Passing<N>) -> Passing<N> {
    let by_power = || d * a.pow(b - N::one()) * b;
    let by_quotient = || (d * b).times_quotient(y, a);
    either(b, Test::AtLeast(0.5), by_power, || either(y, Test::Normal, by_quotient, by_power))
}

/// The order after `n`.
#[inline(always)]
pub(super) fn following(n: f64) -> i32 {
    (n as i32).saturating_add(1)
}

/// The order before `n`.
#[inline(always)]
pub(super) fn preceding(n: f64) -> i32 {
    (n as i32).saturating_sub(1)
}

/// `d·y/(3x)`, for the cube root `y`; at 0 it is `d/(3y²)`.
#[inline(always)]
pub(super) fn through_cbrt<N: Number>(x: N, y: N, d: Passing<N>) -> Passing<N> {
    let three = N::constant(3.0);
    either(y, Test::Normal, || d.times_quotient(y, x) / three, || d / (y * three) / y)
}

/// √π/2
const HALF_SQRT_PI: f64 = 0.886_226_925_452_758;

/// `d·√π/2·exp(y²)`, for `y = erfinv(x)`. Far out the square would magnify the round-off of `y`; but `erfc(|y|)` is `1 −
/// |x|`, so the exponential is `erfcx(|y|)/(1 − |x|)`.
#[inline(always)]
pub(super) fn through_erfinv<N: Number>(x: N, y: N, d: Passing<N>) -> Passing<N> {
    let d = d * N::constant(HALF_SQRT_PI);
    let far = || {
        let tail = N::one() - x.abs();
        // At ±1 the tail is 0, and so is erfcx(∞).
        select(tail.equal(N::zero()), d / tail, d * y.abs().erfcx() / tail)
    };
    either(x, Test::Within(0.5), || d * (y * y).exp(), far)
}

/// `d/φ(y)`, for `y = ndtri(x)`: the density is the smaller tail times the inverse of its Mills' ratio.
#[inline(always)]
pub(super) fn through_ndtri<N: Number>(x: N, y: N, d: Passing<N>) -> Passing<N> {
    let lower = x.less_equal(N::constant(0.5));
    let tail = lower.select(x, N::one() - x);
    let mills = lower.select(y, -y).inverse_mills();
    select(tail.equal(N::zero()), d / tail, d / tail / mills)
}

/// `d·(y(1 − s) − s(y + x))`, for the inverse `y` of Mills' ratio and `s = y(y + x)`. For negative `x` that cancels; there
/// `1 − s = t₁(t₂ − t₁)` by the parts of [`laplace_ratio`](Number::laplace_ratio), whose slopes are `tₙ(tₙ₊₁ − tₙ)`.
#[inline(always)]
pub(super) fn through_mills_slope<N: Number>(x: N, s: N, d: Passing<N>) -> Passing<N> {
    let left = || {
        let [first, second, third] = [1, 2, 3].map(|n| x.laplace_ratio(n));
        let gap = second - first;
        -(d * first * (gap * gap + (second * (third - second) - first * gap)))
    };
    let right = || {
        let y = x.inverse_mills();
        d * (y * (N::one() - s) - s * (y + x))
    };
    either(x, Test::AtLeast(0.0), right, left)
}

/// `d·π(n·jₙ₋₁ − (n + 1)·jₙ₊₁)/(2n + 1)` at `πx`
#[inline(always)]
pub(super) fn through_spherical_bessel<N: Number>(x: N, n: f64, d: Passing<N>) -> Passing<N> {
    let after = |weight: f64| x.spherical_bessel_pi(following(n)) * N::constant(weight);
    let n = n.max(0.0).trunc();
    let unit = PI / (2.0 * n + 1.0);
    if n == 0.0 {
        return -(d * after(unit));
    }
    d * (x.spherical_bessel_pi(preceding(n)) * N::constant(n * unit) - after((n + 1.0) * unit))
}

/// `d·y·((a − 1)/x − 1)`, for the gamma density `y`. Above 1, where that is 0·∞ at `x = 0`, it is the difference of the
/// densities for `a − 1` and `a`.
#[inline(always)]
pub(super) fn through_gamma_density<N: Number>(x: N, y: N, a: f64, d: Passing<N>) -> Passing<N> {
    if a > 1.0 {
        return d * (x.gamma_density(a - 1.0) - x.gamma_density(a));
    }
    d * y * (N::constant(a - 1.0).chain_over(x) - N::one())
}
