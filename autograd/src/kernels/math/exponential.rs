//! The exponential and its kin.

use super::ieee::Ieee;
use super::logarithm::ln_1p;
use super::{abs, at_least, at_most, max, of, select};

/// `x = n·ln 2 + r + tail`: `n` an integer, `|r| ≤ ln(2)/2`, and `tail` what rounding took from `r`.
///
/// Two heads of `ln 2` (Cody & Waite 1980) make the reduction exact but for the tail.
#[inline(always)]
fn reduce<T: Ieee>(x: T) -> (T, T, T) {
    reduce_by(round(x * of(std::f64::consts::LOG2_E)), x)
}

/// The same for an `n` that is known.
#[inline(always)]
fn reduce_by<T: Ieee>(n: T, x: T) -> (T, T, T) {
    let (head, rest) = (x - n * T::LN2[0], n * T::LN2[1]);
    let r = head - rest;
    (n, r, (head - r) - rest)
}

/// The nearest integer of a number of moderate size.
#[inline(always)]
fn round<T: Ieee>(x: T) -> T {
    (x + T::ROUNDER) - T::ROUNDER
}

/// `2ⁿ·y` in two steps: `2ⁿ` itself may lie beyond the largest or below the smallest number where the product does not.
#[inline(always)]
fn scale<T: Ieee>(y: T, n: T) -> T {
    let half = round(n * of(0.5));
    y * T::exp2_integer(half) * T::exp2_integer(n - half)
}

/// `exp(r + tail) − 1` of what [`reduce`] leaves.
#[inline(always)]
fn small_exp_m1<T: Ieee>(r: T, tail: T) -> T {
    r + (T::exp_rest(r) + tail)
}

/// `eˣ = 2ⁿ·eʳ`. What rounding takes from `r` is a quarter of a unit here, and left.
#[inline(always)]
pub(crate) fn exp<T: Ieee>(x: T) -> T {
    let [zero_below, infinite_above, _] = T::EXP_RANGE;
    let (n, r, _) = reduce(at_most(at_least(x, zero_below), infinite_above));
    scale(of::<T>(1.0) + (r + T::exp_rest(r)), n)
}

/// `eˣ − 1 = (2ⁿ − 1) + 2ⁿ·(eʳ − 1)`
#[inline(always)]
pub(crate) fn exp_m1<T: Ieee>(x: T) -> T {
    let (n, r, tail) = reduce(at_most(at_least(x, of(-45.0)), T::EXP_RANGE[1]));
    // Half of it, since 2ⁿ overflows sooner than the result does.
    let scale = T::exp2_integer(n - of(1.0));
    let y = of::<T>(2.0) * ((scale - of(0.5)) + scale * small_exp_m1(r, tail));
    select(abs(x) < T::TINY, x, y)
}

/// `tanh|x| = −m/(2 + m)` with `m = exp(−2|x|) − 1`, which keeps its digits near 0 and does not overflow.
#[inline(always)]
pub(crate) fn tanh<T: Ieee>(x: T) -> T {
    let (one, size) = (of::<T>(1.0), at_most(abs(x), of(22.0)));
    // `n` does not wait for the product with −2.
    let n = round(size * of(-2.0 * std::f64::consts::LOG2_E));
    let (n, r, _) = reduce_by(n, size * of(-2.0));
    let (scale, m) = (T::exp2_integer(n), r + T::exp_rest(r));
    (((one - scale) - scale * m) / ((one + scale) + scale * m)).with_sign(x)
}

/// A quarter of `2ⁿ/2` and of `2⁻ⁿ/2`, `sinh r` and `cosh r − 1`, for `|x| = n·ln 2 + r`.
///
/// A quarter, since `2ⁿ` overflows sooner than the results do.
#[inline(always)]
fn hyperbolic<T: Ieee>(x: T) -> (T, T, T, T) {
    let (n, r, tail) = reduce(at_most(abs(x), T::EXP_RANGE[2]));
    let z = r * r;
    let (sinh, cosh) = T::sinh_cosh_rest(z);
    let up = T::exp2_integer(n - of(3.0));
    let down = T::exp2_integer(of::<T>(-3.0) - at_most(n, of(40.0)));
    (up, down, r + (r * (z * sinh) + tail), z * cosh)
}

/// `sinh(n·ln 2 + r)` by the law of sums: no cancellation, no division.
#[inline(always)]
pub(crate) fn sinh<T: Ieee>(x: T) -> T {
    let (up, down, s, c) = hyperbolic(x);
    let y = of::<T>(4.0) * ((up - down) + ((up - down) * c + (up + down) * s));
    select(abs(x) < T::TINY, x, y.with_sign(x))
}

/// `cosh(n·ln 2 + r)` likewise.
#[inline(always)]
pub(crate) fn cosh<T: Ieee>(x: T) -> T {
    let (up, down, s, c) = hyperbolic(x);
    of::<T>(4.0) * ((up + down) + ((up + down) * c + (up - down) * s))
}

/// `1/(1 + e⁻ˣ)`, in the form that suits the type.
#[inline(always)]
pub(crate) fn sigmoid<T: Ieee>(x: T) -> T {
    x.logistic()
}

/// `1/(1 + e⁻ˣ)`, for `x < 0` as `eˣ/(1 + eˣ)`: it vanishes gradually, as `eˣ` does.
#[inline(always)]
pub(super) fn sigmoid_by_exp<T: Ieee>(x: T) -> T {
    let (e, one) = (exp(-abs(x)), of::<T>(1.0));
    let sum = one + e;
    // What rounding took from the sum, over the sum; between 1 and 2 this line is near enough to its reciprocal.
    let lost = (e - (sum - one)) * (of::<T>(1.457) - of::<T>(0.486) * sum);
    let y = select(x < of(0.0), e, one) / sum;
    y - y * lost
}

/// `ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|)`, which neither overflows nor loses the small end.
#[inline(always)]
pub(crate) fn softplus<T: Ieee>(x: T) -> T {
    max(x, of(0.0)) + ln_1p(exp(-abs(x)))
}

/// `(y + rest)·exp(−x²)` for `x ≥ 0`, to the last digits even where `x²` needs twice the digits of `x`.
#[inline(always)]
pub(super) fn times_gaussian<T: Ieee>(x: T, y: T, rest: T) -> T {
    let head = x.head();
    let (n, r, tail) = reduce(-(head * head));
    let tail = tail - (x - head) * (x + head);
    let sum = r + tail;
    let m = small_exp_m1(sum, (r - sum) + tail);
    scale(y + (y * m + (rest + rest * m)), n)
}
