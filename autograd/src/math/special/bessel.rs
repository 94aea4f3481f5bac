//! Modified Bessel functions of the first kind, of integer order.

use libm::exp;

use super::super::pair::{Pair, product, quotient};
use super::super::power::pow64;
use super::{add, exactly, nearest};

/// `Σ (a)ₛ(b)ₛ/s!·zˢ`, an asymptotic series, up to its least term.
fn asymptotic(a: f64, b: f64, z: f64) -> f64 {
    let (mut sum, mut term) = (exactly(1.0), 1.0);
    for s in 0..200 {
        let s = f64::from(s);
        let next: f64 = term * ((a + s) * (b + s) * z / (s + 1.0));
        if next.abs() < 1e-18 || (next.abs() > f64::abs(term) && s > a.abs()) {
            break;
        }
        sum = add(sum, exactly(next));
        term = next;
    }
    nearest(sum)
}

/// `scale·(x/2)ⁿ·Σ (x²/4)ᵏ/(k!(k + n)!)` (DLMF 10.25.2) for `x ≥ 0`, in twice the digits; ∞ where a term overflows.
fn series(n: i32, x: f64, scale: f64) -> Pair {
    let half = exactly(0.5 * x);
    let mut first = exactly(scale);
    for j in 1..=n {
        first = quotient(product(first, half), exactly(f64::from(j)));
        if first[0] == 0.0 || first[0] > 1e290 {
            return exactly(first[0] * 1e290); // 0, or beyond the numbers
        }
    }
    let square = product(half, half);
    let (mut sum, mut term) = (first, first);
    for k in 1.. {
        let k = f64::from(k);
        term = quotient(product(term, square), exactly(k * (k + f64::from(n))));
        if !term[0].is_finite() || !term[1].is_finite() {
            return exactly(f64::INFINITY);
        }
        if term[0] <= 1e-20 * sum[0] {
            break;
        }
        sum = add(sum, term);
    }
    sum
}

/// From here on the asymptotic series of `Iₙ` (DLMF 10.40.1) has converged.
fn far(n: i32) -> f64 {
    30.0 + 0.5 * f64::from(n) * f64::from(n)
}

/// 1/√(2π)
const FRAC_1_SQRT_2PI: f64 = 0.398_942_280_401_432_7;

/// `exp(−x)·Iₙ(x)` from there on.
fn far_part(n: i32, x: f64) -> f64 {
    let n = f64::from(n);
    asymptotic(0.5 - n, 0.5 + n, 0.5 / x) * FRAC_1_SQRT_2PI / x.sqrt()
}

/// `Iₙ(x)`
#[inline(never)]
pub(crate) fn iv(x: f64, n: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    let n = (n as i32).saturating_abs();
    let size = x.abs();
    let y = if size == f64::INFINITY {
        size
    } else if size < far(n) {
        // A term times x² may overflow though the sum does not.
        const DOWN: f64 = 1.0 / 1.606_938_044_258_990_3e60; // 2^−200
        if size > 600.0 { nearest(series(n, size, DOWN)) / DOWN } else { nearest(series(n, size, 1.0)) }
    } else {
        let part = far_part(n, size);
        // exp(x) may overflow though the product does not.
        if size < 700.0 { exp(size) * part } else { exp(0.5 * size) * part * exp(0.5 * size) }
    };
    if x < 0.0 && n % 2 == 1 { -y } else { y }
}

/// `I₀(x)`
#[inline(never)]
pub(crate) fn i0(x: f64) -> f64 {
    iv(x, 0.0)
}

/// `I₁(x)`
#[inline(never)]
pub(crate) fn i1(x: f64) -> f64 {
    iv(x, 1.0)
}

/// `exp(−|x|)·I₀(x)`
#[inline(never)]
pub(crate) fn i0e(x: f64) -> f64 {
    i0e_slope(x.abs(), 0.0)
}

/// `exp(−|x|)·I₁(x)`
#[inline(never)]
pub(crate) fn i1e(x: f64) -> f64 {
    let size = x.abs();
    let y = if size.is_nan() {
        x
    } else if size < far(1) {
        nearest(series(1, size, 1.0)) * exp(-size)
    } else {
        far_part(1, size)
    };
    if x < 0.0 { -y } else { y }
}

/// `1/π·∫ tⁿ·exp(−xt)/√(t(2 − t)) dt` from 0 to 2: the derivative of order `n` of `exp(−x)·I₀(x)`, without its sign.
///
/// It is a confluent hypergeometric function, `M(n + ½, n + 1, −2x) = exp(−2x)·M(½, n + 1, 2x)` times
/// `2ⁿ·(½)ₙ/n!` (DLMF 13.4.1 and 13.2.39), whose series has positive terms only.
#[inline(never)]
pub(crate) fn i0e_slope(x: f64, n: f64) -> f64 {
    let n = n.max(0.0) as i32;
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    let order = f64::from(n);
    if x >= 25.0 + 5.0 * order {
        let head = (0..n).fold(1.0, |y, k| y * (f64::from(k) + 0.5)) * FRAC_1_SQRT_2PI;
        return head * pow64(x, -order - 0.5) * asymptotic(order + 0.5, 0.5, 0.5 / x);
    }
    let (mut sum, mut term) = (exactly(1.0), exactly(1.0));
    for k in 0.. {
        let k = f64::from(k);
        let factor = product(exactly(2.0 * k + 1.0), exactly(x)); // (½ + k)·2x
        term = quotient(product(term, factor), exactly((k + 1.0 + order) * (k + 1.0)));
        if term[0] <= 1e-20 * sum[0] || term[0].is_nan() {
            break;
        }
        sum = add(sum, term);
    }
    let factor =
        (1..=n).fold(exactly(1.0), |y, k| quotient(product(y, exactly(f64::from(2 * k - 1))), exactly(f64::from(k))));
    nearest(product(sum, factor)) * exp(-2.0 * x)
}
