//! The error function and its complement.

use super::exponential::times_gaussian;
use super::ieee::Ieee;
use super::{abs, at_most, of, select};

/// Below this `erf` is a polynomial, above it `1 − erfc`.
const MIDDLE: f64 = 0.75;

/// `erfc(a)` for `a ≥ 3/4`
#[inline(always)]
fn upper<T: Ieee>(a: T) -> T {
    let [zero_beyond, centre] = T::ERFC_RANGE;
    let one = of::<T>(1.0);
    let a = at_most(a, zero_beyond);
    let rest = T::erfc_rest((a - centre) / (a + centre));
    let (top, bottom) = (one + rest, a + a + one);
    let y = top / bottom;
    // What rounding took from the quotient: products of halves of the digits are exact.
    let (y_head, bottom_head) = (y.head(), bottom.head());
    let (y_rest, bottom_rest) = (y - y_head, bottom - bottom_head);
    let left = (((top - y_head * bottom_head) - y_head * bottom_rest) - y_rest * bottom_head) - y_rest * bottom_rest;
    // And from the two sums.
    let (top_tail, bottom_tail) = (rest - (top - one), one - (bottom - (a + a)));
    times_gaussian(a, y, (left + (top_tail - y * bottom_tail)) / bottom)
}

/// `2/√π·∫₀ˣ exp(−t²) dt`
#[inline(always)]
pub(crate) fn erf<T: Ieee>(x: T) -> T {
    let a = abs(x);
    let small = a + a * T::erf_rest(a * a);
    select(a < of(MIDDLE), small, of::<T>(1.0) - upper(a)).with_sign(x)
}

/// `1 − erf(x)`, without cancellation.
#[inline(always)]
pub(crate) fn erfc<T: Ieee>(x: T) -> T {
    let a = abs(x);
    let small = (of::<T>(1.0) - x) - x * T::erf_rest(x * x);
    let large = upper(a);
    select(a < of(MIDDLE), small, select(x < of(0.0), of::<T>(2.0) - large, large))
}
