//! Logarithms and sums of exponentials that would cancel, and elementary functions of the C library.

use libm::exp;

use super::super::exponential::exp_m1;
use super::super::logarithm::{ln, ln_1p};
use super::super::pair::{Pair, product, quotient};
use super::{add, exactly, nearest, sqrt};

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

/// `exp(−|a − b|)`, without the round-off of the difference, which it would magnify.
fn exp_gap(a: f64, b: f64) -> f64 {
    if !(a - b).is_finite() {
        return exp(-(a - b).abs());
    }
    let [gap, lost] = add(exactly(a), exactly(-b));
    let y = exp(-gap.abs());
    y - y * (lost * gap.signum())
}

/// `ln(exp(a) + exp(b))`
#[inline(never)]
pub(crate) fn logaddexp(a: f64, b: f64) -> f64 {
    if a == b {
        return a + std::f64::consts::LN_2;
    }
    let high = if a < b { b } else { a };
    high + ln_1p(exp_gap(a, b))
}

/// `exp(a)/(exp(a) + exp(b))`
#[inline(never)]
pub(crate) fn share(a: f64, b: f64) -> f64 {
    if a == b {
        return 0.5;
    }
    let small = exp_gap(a, b);
    if a < b { small / (1.0 + small) } else { 1.0 / (1.0 + small) }
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

/// `√(a² + b²)` of finite numbers in two parts, and the factor by which they were scaled first.
fn length(a: f64, b: f64) -> (Pair, f64) {
    const UP: f64 = f64::from_bits((1023 + 600) << 52); // 2⁶⁰⁰
    let size = a.abs().max(b.abs());
    let scale = if size > 1e150 {
        1.0 / UP
    } else if size < 1e-150 {
        UP
    } else {
        1.0
    };
    let square = |x: f64| product(exactly(x * scale), exactly(x * scale));
    (sqrt(add(square(a), square(b))), scale)
}

/// `√(a² + b²)`
#[inline(never)]
pub(crate) fn hypot(a: f64, b: f64) -> f64 {
    if !a.is_finite() || !b.is_finite() || (a == 0.0 && b == 0.0) {
        return libm::hypot(a, b);
    }
    let (length, scale) = length(a, b);
    nearest(length) / scale
}

/// `a/√(a² + b²)`, 0 at the origin.
#[inline(never)]
pub(crate) fn direction(a: f64, b: f64) -> f64 {
    if a == 0.0 && b == 0.0 {
        return 0.0;
    }
    if a.is_infinite() {
        return if b.is_infinite() { std::f64::consts::FRAC_1_SQRT_2.copysign(a) } else { a.signum() + 0.0 * b };
    }
    if b.is_infinite() {
        return 0.0 * a;
    }
    let (length, scale) = length(a, b);
    nearest(quotient(exactly(a * scale), length))
}

/// `1/√(1 + x²)`
#[inline(never)]
pub(crate) fn asinh_slope(x: f64) -> f64 {
    if x.abs() > 1e150 {
        return 1.0 / x.abs();
    }
    nearest(quotient(exactly(1.0), sqrt(add(exactly(1.0), product(exactly(x), exactly(x))))))
}

/// `1/√(x² − 1)`, ∞ at ±1.
#[inline(never)]
pub(crate) fn acosh_slope(x: f64) -> f64 {
    let size = x.abs();
    if size == 1.0 {
        return f64::INFINITY;
    }
    if size > 1e150 {
        return 1.0 / size;
    }
    nearest(quotient(exactly(1.0), sqrt(product(add(exactly(size), exactly(-1.0)), add(exactly(size), exactly(1.0))))))
}

/// `1/(1 − x²)`, ∞ at ±1.
#[inline(never)]
pub(crate) fn atanh_slope(x: f64) -> f64 {
    let size = x.abs();
    if size == 1.0 {
        return f64::INFINITY;
    }
    if size > 1e150 {
        return -1.0 / size / size;
    }
    nearest(quotient(exactly(1.0), add(exactly(1.0), product(exactly(-x), exactly(x)))))
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
