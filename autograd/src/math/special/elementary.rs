//! Logarithms and sums of exponentials that would cancel, and elementary functions of the C library.

use super::super::exponential::{exp, exp_m1};
use super::super::logarithm::{ln, ln_1p};
use super::{add, exactly};

/// `ln(1 − exp(−x))`: by whichever of the two functions is not near its singularity (Mächler 2012).
#[inline(never)]
pub(crate) fn log1mexp(x: f64) -> f64 {
    if x < std::f64::consts::LN_2 { ln(-exp_m1(-x)) } else { ln_1p(-exp(-x)) }
}

/// `ln(x/(1 − x))`; around ½, where that cancels, it is `2·artanh(2x − 1)`, and `2x − 1` is exact.
#[inline(never)]
pub(crate) fn logit(x: f64) -> f64 {
    if (x - 0.5).abs() <= 0.25 {
        2.0 * libm::atanh(2.0 * x - 1.0)
    } else if x < 0.5 {
        ln(x / (1.0 - x))
    } else {
        -ln((1.0 - x) / x)
    }
}

/// `ln(exp(a) + exp(b))`
#[inline(never)]
pub(crate) fn logaddexp(a: f64, b: f64) -> f64 {
    if a == b {
        return a + std::f64::consts::LN_2;
    }
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    high + ln_1p(exp(low - high))
}

/// `exp(a)/(exp(a) + exp(b))`
#[inline(never)]
pub(crate) fn share(a: f64, b: f64) -> f64 {
    if a == b {
        return 0.5;
    }
    let [gap, lost] = add(exactly(a), exactly(-b));
    let small = exp(-gap.abs());
    // Infinite numbers have no round-off, nor has a difference that is.
    let bend = if lost.is_finite() { lost } else { 0.0 };
    if gap < 0.0 { (small + small * bend) / (1.0 + small) } else { 1.0 / (1.0 + (small - small * bend)) }
}

/// `a·ln(b)`, 0 where `a` is 0 and `b` is a number.
#[inline(never)]
pub(crate) fn xlogy(a: f64, b: f64) -> f64 {
    if a == 0.0 && !b.is_nan() { 0.0 } else { a * ln(b) }
}

/// `a·ln(1 + b)`, likewise.
#[inline(never)]
pub(crate) fn xlog1py(a: f64, b: f64) -> f64 {
    if a == 0.0 && !b.is_nan() { 0.0 } else { a * ln_1p(b) }
}

/// `a/√(a² + b²)`, 0 at the origin.
#[inline(never)]
pub(crate) fn direction(a: f64, b: f64) -> f64 {
    let size = libm::hypot(a, b);
    if size == 0.0 {
        return 0.0;
    }
    if size == f64::INFINITY {
        // Two finite numbers whose distance overflows, or infinite ones.
        let (a, b) = (0.25 * a, 0.25 * b);
        return if b.is_infinite() {
            0.0 * a
        } else if a.is_infinite() {
            a.signum()
        } else {
            a / libm::hypot(a, b)
        };
    }
    a / size
}

/// `a − trunc(a/b)·b`, exactly.
#[inline(never)]
pub(crate) fn fmod(a: f64, b: f64) -> f64 {
    a % b
}

/// `|a|` with the sign of `b`.
#[inline(never)]
pub(crate) fn copysign(a: f64, b: f64) -> f64 {
    a.copysign(b)
}
