//! The exponential and its kin.

use super::ieee::Ieee;
use super::logarithm::ln_1p;
use super::{abs, at_least, at_most, max, of, select};

/// `x = n·ln 2 + r + tail`: `n` an integer, `|r| ≤ ln(2)/2`, and `tail` what rounding took from `r`.
///
/// Two heads of `ln 2` (Cody & Waite 1980) make the reduction exact but for the tail.
#[inline(always)]
fn reduce<T: Ieee>(x: T) -> (T, T, T) {
    let n = round(x * of(std::f64::consts::LOG2_E));
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

/// `eˣ`, in the form that suits the type.
#[inline(always)]
pub(crate) fn exp<T: Ieee>(x: T) -> T {
    x.exponential()
}

/// `eˣ = 2ⁿ·eʳ`
#[inline(always)]
pub(super) fn exp_by_polynomial<T: Ieee>(x: T) -> T {
    let [zero_below, infinite_above, _] = T::EXP_RANGE;
    let (n, r, tail) = reduce(at_most(at_least(x, zero_below), infinite_above));
    let one = of::<T>(1.0);
    let y = one + r;
    // What rounding took from 1 + r; both tails are ready before the polynomial, so they cost no time.
    let tail = tail + (r - (y - one));
    scale(y + (T::exp_rest(r) + tail), n)
}

/// The table holds so many powers of 2 between 1 and 2.
const POWERS: usize = 128;

/// `2^(j/128)`
static POWER: [f64; POWERS] = powers();

/// The powers of `2^(1/128)`, multiplied up in pairs of numbers (Dekker 1971) by the compiler.
const fn powers() -> [f64; POWERS] {
    const ROOT: [f64; 2] = [1.005_429_901_112_802_7, 9.499_186_535_455_032e-17];
    /// A number as the sum of two of half its digits.
    const fn split(a: f64) -> [f64; 2] {
        let c = a * ((1 << 27) + 1) as f64;
        let head = c - (c - a);
        [head, a - head]
    }
    let (mut powers, mut power, mut j) = ([0.0; POWERS], [1.0, 0.0], 0);
    while j < POWERS {
        powers[j] = power[0] + power[1];
        let ([a, b], [c, d]) = (split(power[0]), split(ROOT[0]));
        let head = power[0] * ROOT[0];
        let rest = ((a * c - head) + a * d + b * c) + b * d + (power[0] * ROOT[1] + power[1] * ROOT[0]);
        power = [head + rest, (head - (head + rest)) + rest];
        j += 1;
    }
    powers
}

/// `eˣ = 2^(n + j/128)·eʳ` with `|r| ≤ ln(2)/256` (Tang 1989): half the depth of the polynomial alone, and a number on a
/// tape waits for the depth.
#[inline(always)]
pub(super) fn exp_by_table(x: f64) -> f64 {
    // ln(2)/128 as a head with zeros at its end, so that its multiples are exact, and the rest.
    const STEP: [f64; 2] = [0.005_415_212_347_998_022, 1.265_508_608_332_543_8e-13];
    const EACH: f64 = 1.0 / POWERS as f64;
    let [zero_below, infinite_above, _] = f64::EXP_RANGE;
    let x = at_most(at_least(x, zero_below), infinite_above);
    let steps = x * (std::f64::consts::LOG2_E * POWERS as f64) + f64::ROUNDER;
    // The lowest bits of a number so large are those of an integer.
    let power = POWER[steps.to_bits() as usize % POWERS];
    let steps = steps - f64::ROUNDER;
    let r = (x - steps * STEP[0]) - steps * STEP[1];
    let z = r * r;
    let rest = r + z * (0.5 + r * (1.0 / 6.0)) + (z * z) * (1.0 / 24.0 + r * (1.0 / 120.0));
    // As in `scale`, but for the first factor, which is ready sooner than the rest.
    let (n, half) = (round(steps * EACH - 0.5 * (1.0 - EACH)), round(steps * (0.5 * EACH)));
    let power = power * f64::exp2_integer(half);
    (power + power * rest) * f64::exp2_integer(n - half)
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
    let one = of::<T>(1.0);
    let (n, r, tail) = reduce(at_most(abs(x), of(22.0)) * of(-2.0));
    let (scale, m) = (T::exp2_integer(n), small_exp_m1(r, tail));
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

/// `1/(1 + e⁻ˣ)`, for `x < 0` as `eˣ/(1 + eˣ)`: it vanishes gradually, as `eˣ` does.
#[inline(always)]
pub(crate) fn sigmoid<T: Ieee>(x: T) -> T {
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
