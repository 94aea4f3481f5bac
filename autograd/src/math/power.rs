//! Powers, by logarithms with twice the digits.
//!
//! `aᵇ = exp(b·ln a)`, and the exponential magnifies the round-off of its argument up to 745 times, so the logarithm
//! needs ten bits more than the result. For `f32` it is computed in `f64`, which has them.

use super::exponential::{reduce, scale, small_exp_m1};
use super::ieee::{Ieee, exact_product, polynomial};
use super::{abs, at_least, at_most, select};

/// `ln m` for a positive `m`, as a number and its round-off.
///
/// As in `logarithm.rs`, it is 2·artanh(f/(2 + f)) for `m = 2ᵏ·(1 + f)`, with the quotient and the first terms of its
/// series in twice the digits.
#[inline(always)]
pub(super) fn ln_pair(x: f64) -> [f64; 2] {
    const THIRD: [f64; 2] = [0.333_333_333_333_333_3, 1.850_371_707_708_594e-17];
    let [factor, exponent] = f64::LIFT;
    let lift = x < f64::SMALLEST;
    let (k, m) = select(lift, x * factor, x).split();
    let k = k - select(lift, exponent, 0.0);
    let f = m - 1.0;
    let sum = 2.0 + f;
    let s = f / sum;
    let [product, lost] = exact_product(s, sum);
    let s_lost = (((f - product) - lost) - s * (f - (sum - 2.0))) / sum;
    let [z, z_lost] = exact_product(s, s);
    let z_lost = z_lost + 2.0 * s * s_lost;
    // artanh(s) = s·(1 + z/3 + z²·(1/5 + …))
    let [third, lost] = exact_product(z, THIRD[0]);
    let third_lost = lost + (z * THIRD[1] + z_lost * THIRD[0]);
    let rest = z * z * artanh_tail(z);
    let c = third + rest;
    let c_lost = ((third - c) + rest) + third_lost;
    let [t, lost] = exact_product(s, c);
    let y = s + t;
    let y_lost = ((s - y) + t) + (lost + (s * c_lost + (s_lost + s_lost * c)));
    // Adds k·ln 2, which is 0 or the larger term.
    let (head, twice) = (k * f64::LN2[0], y + y);
    let ln = head + twice;
    let ln_lost = ((head - ln) + twice) + (2.0 * y_lost + k * f64::LN2[1]);
    let sum = ln + ln_lost;
    [sum, (ln - sum) + ln_lost]
}

/// `(artanh(s)/s − 1 − z/3)/z²` for `z = s²`, `|s| ≤ (√2 − 1)/(√2 + 1)`
#[inline(always)]
fn artanh_tail(z: f64) -> f64 {
    polynomial!(z; 0.2, 0.142_857_142_857_142_82, 0.111_111_111_111_142_41, 0.090_909_090_898_211_66, 0.076_923_078_815_596_36,
        0.066_666_481_965_488_97, 0.058_834_093_989_763_095, 0.052_281_042_732_037_21, 0.053_817_165_135_685_54)
}

/// `aᵇ` as in the C standard: 1 for an exponent of 0 and a base of 1, NaN for a negative base unless the exponent is
/// an integer.
#[inline(always)]
pub(super) fn pow64(a: f64, b: f64) -> f64 {
    /// A larger exponent gives 0, 1 or ∞ for any base.
    const LARGE: f64 = (1u128 << 66) as f64;
    /// So does a larger argument of the exponential, whose round-off is not small.
    const BEYOND: f64 = 1000.0;
    let size = abs(a);
    let [ln, lost] = ln_pair(size);
    let exponent = at_most(at_least(b, -LARGE), LARGE);
    let [x, x_lost] = exact_product(exponent, ln);
    let x_lost = select(abs(x) < BEYOND, x_lost + exponent * lost, 0.0);
    let [zero_below, infinite_above, _] = f64::EXP_RANGE;
    let (n, r, tail) = reduce(at_most(at_least(x, zero_below), infinite_above));
    let tail = tail + x_lost;
    let sum = r + tail;
    let y = scale(1.0 + small_exp_m1(sum, (r - sum) + tail), n);
    // 0 and ∞, whose logarithms are infinite.
    let limit = select((size == 0.0) == (b > 0.0), 0.0, f64::INFINITY);
    let y = select((size > 0.0) & (size < f64::INFINITY), y, select(a.is_nan(), a, limit));
    let [whole, odd] = parity(b);
    let negative = a.to_bits() >> 63 == 1;
    let y = select(negative & odd, -y, y);
    let y = select((a < 0.0) & !whole & (size < f64::INFINITY), f64::NAN, y);
    let y = select(b.is_nan(), b, y);
    select((b == 0.0) | (a == 1.0), 1.0, y)
}

/// Whether a number is an integer, and whether it is odd.
#[inline(always)]
fn parity(b: f64) -> [bool; 2] {
    /// Beyond this all numbers are integers, beyond four times this all are even.
    const HALVES_END: f64 = (1u64 << 51) as f64;
    let size = abs(b);
    // Less an even number, between −2⁵¹ and 2⁵¹, where ROUNDER rounds to an integer whose lowest bit is visible.
    let near =
        size - select(size > 3.0 * HALVES_END, 4.0 * HALVES_END, select(size > HALVES_END, 2.0 * HALVES_END, 0.0));
    let rounded = near + f64::ROUNDER;
    let whole = (rounded - f64::ROUNDER == near) | (size >= 2.0 * HALVES_END);
    [whole, whole & rounded.bit(0) & (size < 4.0 * HALVES_END)]
}

/// `xⁿ`; small powers by products of two numbers, each of which rounds once.
#[inline(always)]
pub(super) fn powi64(x: f64, n: i32) -> f64 {
    match n {
        0 => 1.0,
        1 => x,
        2 => x * x,
        3 => x * x * x,
        4 => (x * x) * (x * x),
        -1 => 1.0 / x,
        -2 => (1.0 / x) * (1.0 / x),
        n => pow64(x, f64::from(n)),
    }
}
