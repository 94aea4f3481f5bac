//! The exponential and its kin.

use super::ieee::Ieee;
use super::logarithm::ln_1p;
use super::pair::{Pair, product};
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

/// `eˣ`, in the form that suits the type.
#[inline(always)]
pub(crate) fn exp<T: Ieee>(x: T) -> T {
    x.exponential()
}

/// `eˣ = 2ⁿ·eʳ`. What rounding takes from `r` is a quarter of a unit here, and left.
#[inline(always)]
pub(super) fn exp_by_polynomial<T: Ieee>(x: T) -> T {
    let [zero_below, infinite_above, _] = T::EXP_RANGE;
    let (n, r, _) = reduce(at_most(at_least(x, zero_below), infinite_above));
    scale(of::<T>(1.0) + (r + T::exp_rest(r)), n)
}

/// The table holds so many powers of 2 between 1 and 2.
const POWERS: usize = 256;
/// `k << EXPONENT` added to the bits of a number adds `k/256` to its exponent, the fraction spilling into the mantissa.
const EXPONENT: u32 = 52 - POWERS.ilog2();

/// `2^(j/256)`: its bits less `j << EXPONENT`, so that adding `k << EXPONENT` makes `2^(k/256)` for any `k` that is `j` modulo
/// 256, and what rounding took from it, relatively.
static POWER: [(u64, f64); POWERS] = powers();

/// The powers of `2^(1/256)`, multiplied up by the compiler.
const fn powers() -> [(u64, f64); POWERS] {
    const ROOT: Pair = [1.002_711_275_050_202_5, -3.636_615_928_692_264e-17];
    let (mut powers, mut power, mut j) = ([(0, 0.0); POWERS], [1f64, 0.0], 0);
    while j < POWERS {
        powers[j] = (power[0].to_bits() - ((j as u64) << EXPONENT), power[1] / power[0]);
        power = product(power, ROOT);
        j += 1;
    }
    powers
}

/// `256·x/ln 2` to the nearest integer, with [`Ieee::ROUNDER`] added: the lowest bits of so large a number are the integer's.
#[inline(always)]
fn steps(x: f64) -> f64 {
    x * (std::f64::consts::LOG2_E * POWERS as f64) + f64::ROUNDER
}

/// `eˣ·2^((power − steps)/256)` (Tang 1989), for the `steps` of `x` and a `power` of their class:
/// `2^(k/256)·(1 + r + r²(½ + r/6 + …))` with `|r| ≤ ln(2)/512`.
///
/// Shallower than a polynomial alone, and a number on a tape waits for the depth.
#[inline(always)]
fn by_table(x: f64, steps: f64, power: f64) -> f64 {
    // ln(2)/256 as a head with zeros at its end, so that its multiples are exact, and the rest.
    const STEP: [f64; 2] = [0.002_707_606_173_999_011, 6.327_543_041_662_719e-14];
    /// 1/6 and what stands for r⁵/120, fitted to the interval.
    const SIXTH: f64 = 0.166_666_679_944;
    let (bits, lost) = POWER[power.to_bits() as usize % POWERS];
    let power = f64::from_bits(bits.wrapping_add(power.to_bits() << EXPONENT));
    let steps = steps - f64::ROUNDER;
    let r = (x - steps * STEP[0]) - steps * STEP[1];
    let z = r * r;
    power + (power * (r + lost) + (power * z) * ((0.5 + r * SIXTH) + z * (1.0 / 24.0)))
}

/// `eˣ`, whose far arguments are left to another function.
#[inline(always)]
pub(super) fn exp_by_table(x: f64) -> f64 {
    if abs(x) > NEAR {
        return far_exp(x);
    }
    let steps = steps(x);
    by_table(x, steps, steps)
}

/// Up to this magnitude of `x`, `eˣ` and the terms that are added to it are far from the ends of the numbers.
const NEAR: f64 = 350.0;

/// As [`scale`]: in two steps.
#[cold]
#[inline(never)]
fn far_exp(x: f64) -> f64 {
    let [zero_below, infinite_above, _] = f64::EXP_RANGE;
    let x = at_most(at_least(x, zero_below), infinite_above);
    let steps = steps(x);
    let half = round((steps - f64::ROUNDER) * (0.5 / POWERS as f64));
    by_table(x, steps, steps - half * POWERS as f64) * f64::exp2_integer(half)
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
