//! The exponential and related functions.

use super::ieee::{Ieee, exact_product};
use super::logarithm::ln_1p;
use super::{abs, at_least, at_most, max, of, select};

/// `x = n·ln 2 + r + tail`: `n` is an integer, `|r| ≤ ln(2)/2`, and `tail` is the round-off of `r`.
///
/// Two heads of `ln 2` (Cody & Waite 1980) make the reduction exact up to the tail.
#[inline(always)]
pub(super) fn reduce<T: Ieee>(x: T) -> (T, T, T) {
    reduce_by(round(x * of(std::f64::consts::LOG2_E)), x)
}

/// The same for a given `n`.
#[inline(always)]
fn reduce_by<T: Ieee>(n: T, x: T) -> (T, T, T) {
    let (head, rest) = (x - n * T::LN2[0], n * T::LN2[1]);
    let r = head - rest;
    (n, r, (head - r) - rest)
}

/// Rounds a number of moderate size to the nearest integer.
#[inline(always)]
fn round<T: Ieee>(x: T) -> T {
    (x + T::ROUNDER) - T::ROUNDER
}

/// `2ⁿ·y` in two steps, because `2ⁿ` itself may overflow or underflow where the product does not.
#[inline(always)]
pub(super) fn scale<T: Ieee>(y: T, n: T) -> T {
    let half = round(n * of(0.5));
    y * T::exp2_integer(half) * T::exp2_integer(n - half)
}

/// `exp(r + tail) − 1` of the result of [`reduce`].
#[inline(always)]
pub(super) fn small_exp_m1<T: Ieee>(r: T, tail: T) -> T {
    r + (T::exp_rest(r) + tail)
}

/// `n` and `eʳ − 1` of `eˣ = 2ⁿ·eʳ`. The round-off of `r` is a quarter of a unit here, and is ignored.
#[inline(always)]
pub(super) fn power<T: Ieee>(x: T) -> (T, T) {
    let [zero_below, infinite_above, _] = T::EXP_RANGE;
    let (n, r, _) = reduce(at_most(at_least(x, zero_below), infinite_above));
    (n, r + T::exp_rest(r))
}

/// `eˣ = 2ⁿ·eʳ`
#[inline(always)]
pub(crate) fn exp<T: Ieee>(x: T) -> T {
    let (n, m) = power(x);
    scale(of::<T>(1.0) + m, n)
}

/// `eˣ − 1 = (2ⁿ − 1) + 2ⁿ·(eʳ − 1)`
#[inline(always)]
pub(crate) fn exp_m1<T: Ieee>(x: T) -> T {
    let (n, r, tail) = reduce(at_most(at_least(x, of(-45.0)), T::EXP_RANGE[1]));
    // Half of it, because 2ⁿ overflows before the result does.
    let scale = T::exp2_integer(n - of(1.0));
    let y = of::<T>(2.0) * ((scale - of(0.5)) + scale * small_exp_m1(r, tail));
    select(abs(x) < T::TINY, x, y)
}

/// Beyond this tanh is 1 to the last digit.
const TANH_END: f64 = 22.0;

/// `exp(−2|x|)` for functions of it, as `2ⁿ` and the remaining factor less 1. Valid up to [`TANH_END`].
#[inline(always)]
fn falling<T: Ieee>(x: T) -> (T, T) {
    let size = at_most(abs(x), of(TANH_END));
    // `n` does not wait for the product with −2.
    let n = round(size * of(-2.0 * std::f64::consts::LOG2_E));
    let (n, r, _) = reduce_by(n, size * of(-2.0));
    (T::exp2_integer(n), r + T::exp_rest(r))
}

/// `tanh|x| = −m/(2 + m)` with `m = exp(−2|x|) − 1`, which is accurate near 0 and does not overflow.
#[inline(always)]
pub(crate) fn tanh<T: Ieee>(x: T) -> T {
    let (one, (scale, m)) = (of::<T>(1.0), falling(x));
    (((one - scale) - scale * m) / ((one + scale) + scale * m)).with_sign(x)
}

/// `1 − tanh² x`, up to [`TANH_END`]; it shares the exponential with [`tanh`].
#[inline(always)]
pub(crate) fn near_sech_squared<T: Ieee>(x: T) -> T {
    let (scale, m) = falling(x);
    of::<T>(4.0) * bell(scale, m)
}

/// `1 − tanh² x`, which falls off as `4·exp(−2|x|)`.
#[inline(always)]
pub(crate) fn sech_squared<T: Ieee>(x: T) -> T {
    if !beyond_tanh(x) {
        return near_sech_squared(x);
    }
    let twice = of::<T>(-2.0) * abs(x);
    let (n, m) = power(twice);
    // Times four, unless the product underflows to 0.
    scale(of::<T>(1.0) + m, n + select(twice < T::EXP_RANGE[0], of(0.0), of(2.0)))
}

/// Up to this size of `y = tanh x`, `1 − y²` is accurate.
pub(crate) const TANH_NEAR: f64 = 0.7;

/// `1 − tanh² x` where `y = tanh x` is known.
#[inline(always)]
pub(crate) fn sech_squared_from<T: Ieee>(x: T, y: T) -> T {
    if abs(y) <= of(TANH_NEAR) {
        return of::<T>(1.0) - y * y;
    }
    if beyond_tanh(x) { sech_squared(x) } else { near_sech_squared_from(x, y) }
}

/// `1 − tanh² x` where `y = tanh x` is known, up to [`TANH_END`]: `q·(2 − q)` with `q = 1 − |y| = e·(1 + |y|)`, which
/// is accurate where `|y|` nears 1, and needs no division.
#[inline(always)]
pub(crate) fn near_sech_squared_from<T: Ieee>(x: T, y: T) -> T {
    let (scale, m) = falling(x);
    let q = (scale + scale * m) * (of::<T>(1.0) + abs(y));
    q * (of::<T>(2.0) - q)
}

/// Whether [`near_sech_squared`] is no longer valid.
#[inline(always)]
pub(crate) fn beyond_tanh<T: Ieee>(x: T) -> bool {
    abs(x) > of(TANH_END)
}

/// `e/(1 + e)²` for `e = scale·(1 + m)` from 0 to 1, with the round-off of the sums, the square and the quotient.
#[inline(always)]
fn bell<T: Ieee>(scale: T, m: T) -> T {
    let one = of::<T>(1.0);
    let rest = one + m;
    let rest_lost = (one - rest) + m;
    let e = scale * rest;
    let sum = one + e;
    let sum_lost = (e - (sum - one)) + scale * rest_lost;
    let [square, square_lost] = exact_product(sum, sum);
    let y = e / square;
    let [product, product_lost] = exact_product(y, square);
    // Such small corrections need few digits of their factor.
    let one_over_sum = reciprocal(sum);
    let of_quotient = ((e - product) - product_lost + scale * rest_lost) - y * square_lost;
    y + one_over_sum * (of_quotient * one_over_sum - y * (sum_lost + sum_lost))
}

/// An approximate reciprocal of a number from 1 to 2, accurate enough for round-off terms.
#[inline(always)]
fn reciprocal<T: Ieee>(x: T) -> T {
    of::<T>(1.457) - of::<T>(0.486) * x
}

/// A quarter of `2ⁿ/2` and of `2⁻ⁿ/2`, and `sinh r` and `cosh r − 1`, for `|x| = n·ln 2 + r`.
///
/// A quarter, because `2ⁿ` overflows before the results do.
#[inline(always)]
fn hyperbolic<T: Ieee>(x: T) -> (T, T, T, T) {
    let (n, r, tail) = reduce(at_most(abs(x), T::EXP_RANGE[2]));
    let z = r * r;
    let (sinh, cosh) = T::sinh_cosh_rest(z);
    let up = T::exp2_integer(n - of(3.0));
    let down = T::exp2_integer(of::<T>(-3.0) - at_most(n, of(40.0)));
    (up, down, r + (r * (z * sinh) + tail), z * cosh)
}

/// `sinh(n·ln 2 + r)` by the addition theorem: no cancellation, no division.
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

/// `1/(1 + e⁻ˣ)`, for `x < 0` as `eˣ/(1 + eˣ)`, which underflows gradually, as `eˣ` does.
#[inline(always)]
pub(super) fn sigmoid_by_exp<T: Ieee>(x: T) -> T {
    let [y, lost] = sigmoid_parts(x);
    y - y * lost
}

/// The same of `x + lost`.
#[inline(always)]
pub(super) fn sigmoid_of_sum<T: Ieee>(x: T, lost: T) -> T {
    let [y, y_lost] = sigmoid_parts(x);
    y + y * (lost * (of::<T>(1.0) - y) - y_lost)
}

/// The sigmoid, and its relative error, by which it is too large.
#[inline(always)]
fn sigmoid_parts<T: Ieee>(x: T) -> [T; 2] {
    let (e, one) = (exp(-abs(x)), of::<T>(1.0));
    let sum = one + e;
    [select(x < of(0.0), e, one) / sum, (e - (sum - one)) * reciprocal(sum)]
}

/// The slope of the sigmoid, `e/(1 + e)²` with `e = exp(−|x|)`, which falls off as `e` does.
#[inline(always)]
pub(crate) fn logistic_density<T: Ieee>(x: T) -> T {
    let (n, m) = power(-abs(x));
    // Far out the result is e itself; 2ⁿ may be subnormal there.
    let least = at_least(n, of(-100.0));
    select(n < least, scale(of::<T>(1.0) + m, n), bell(T::exp2_integer(least), m))
}

/// The same where `y = sigmoid(x)` is known: `q·(1 − q)` with the smaller of `y` and `1 − y = e·y`.
#[inline(always)]
pub(crate) fn logistic_density_from<T: Ieee>(x: T, y: T) -> T {
    let q = select(x > of(0.0), exp(-abs(x)) * y, y);
    q * (of::<T>(1.0) - q)
}

/// `ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|)`, which neither overflows nor loses small values.
#[inline(always)]
pub(crate) fn softplus<T: Ieee>(x: T) -> T {
    max(x, of(0.0)) + ln_1p(exp(-abs(x)))
}

/// `(y + rest)·exp(−x²·unit)` for `x ≥ 0` and a `unit` of 1 or ½, to the last digits even where `x²` needs twice the
/// digits of `x`.
#[inline(always)]
pub(super) fn times_gaussian<T: Ieee>(x: T, unit: T, y: T, rest: T) -> T {
    let head = x.head();
    let (n, r, tail) = reduce(-(head * head * unit));
    let tail = tail - (x - head) * (x + head) * unit;
    let sum = r + tail;
    let m = small_exp_m1(sum, (r - sum) + tail);
    scale(y + (y * m + (rest + rest * m)), n)
}
