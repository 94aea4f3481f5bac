//! Special functions, computed number by number and out of line.
//!
//! A row whose value is no short formula calls one of these through [`m::special`](super::special) or its kin: one call
//! for a number, compiled once for all kernels, types and instruction sets. They are functions of `f64`; a result on `f32` is
//! that of `f64`, rounded. Where a sum or an argument would cost digits, it is carried in twice the digits
//! ([`super::pair`]).
//!
//! Derivatives stay in families that are closed under differentiation, so that every order has its digits: the
//! polygamma functions, the modified Bessel functions, the moments of `erfcx` and of `i0e`, the spherical Bessel
//! functions.

mod bessel;
mod elementary;
mod erf;
mod gamma;
mod incomplete;
mod spherical;

pub(crate) use bessel::{i0, i0e, i0e_slope, i1, i1e, iv};
pub(crate) use elementary::{
    acosh_slope, asinh_slope, atanh_slope, copysign, direction, fmod, hypot, log1mexp, logaddexp, logit, share,
    xlog1py, xlogy,
};
pub(crate) use erf::{erfcx, erfcx_slope, erfinv, inverse_mills, laplace_ratio, log_ndtr, mills_slope, ndtri};
pub(crate) use gamma::{digamma, lgamma, polygamma};
pub(crate) use incomplete::{gamma_density, gammainc, gammaincc};
/// Those of the C library, as `libm` has them in Rust: within a unit in the last place, with the same bits everywhere.
pub(crate) use libm::{acosh, asinh, atanh, cbrt, exp2, log2, log10};
pub(crate) use spherical::{sinc, spherical_bessel_pi};

use super::pair::{self, Pair, product};

/// π in two parts.
const PI: Pair = [std::f64::consts::PI, 1.224_646_799_147_353_2e-16];

/// A plain number as a pair.
const fn exactly(a: f64) -> Pair {
    [a, 0.0]
}

/// `x + y`
fn add(x: Pair, y: Pair) -> Pair {
    let [head, lost] = pair::sum(x[0], y);
    [head, lost + x[1]]
}

/// `√x`
fn sqrt(x: Pair) -> Pair {
    let y = x[0].sqrt();
    let [square, lost] = product(exactly(y), exactly(y));
    [y, (((x[0] - square) - lost) + x[1]) / (y + y)]
}

/// The nearest number.
const fn nearest([a, b]: Pair) -> f64 {
    a + b
}

/// `sin(πx)` and `cos(πx)`; an integer `x` gives exactly 0 and ±1.
fn sin_cos_pi(x: f64) -> (f64, f64) {
    if !x.is_finite() {
        return (f64::NAN, f64::NAN);
    }
    // x less the nearest multiple of ½, exactly; beyond 2⁵³ every number is an even integer.
    let x = x % 2.0;
    let quarter = (2.0 * x).round();
    let [r, lost] = product(PI, exactly(x - 0.5 * quarter));
    let (s, c) = (libm::sin(r), libm::cos(r));
    let (s, c) = (s + lost * c, c - lost * s);
    match quarter as i32 & 3 {
        0 => (s, c),
        1 => (c, -s),
        2 => (-s, -c),
        _ => (-c, s),
    }
}
