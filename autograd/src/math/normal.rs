//! The error function, and the normal distribution.

use super::exponential::times_gaussian;
use super::ieee::{Ieee, exact_product};
use super::{abs, at_most, of, select};

/// Below this `erf` is a polynomial, above it `1 − erfc`.
const MIDDLE: f64 = 0.75;

/// `erfc(a)` for `a ≥ 3/4`
#[inline(always)]
fn upper<T: Ieee>(a: T) -> T {
    let a = at_most(a, T::ERFC_RANGE[0]);
    let [y, rest] = upper_part(a, of(0.0));
    times_gaussian(a, of(1.0), y, rest)
}

/// `erfc(a)·exp(a²)` for `a ≥ 3/4`, and its round-off; `a_lost` is the round-off of `a`.
#[inline(always)]
pub(super) fn upper_part<T: Ieee>(a: T, a_lost: T) -> [T; 2] {
    let (one, centre) = (of::<T>(1.0), T::ERFC_RANGE[1]);
    let rest = T::erfc_rest((a - centre) / (a + centre));
    let (top, bottom) = (one + rest, a + a + one);
    let y = top / bottom;
    // The round-off of the quotient: products of halves of the digits are exact.
    let [product, lost] = exact_product(y, bottom);
    // The round-off of the two sums.
    let (top_tail, bottom_tail) = (rest - (top - one), one - (bottom - (a + a)) + (a_lost + a_lost));
    [y, (((top - product) - lost) + (top_tail - y * bottom_tail)) / bottom]
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

/// `exp(−x²/2)`, the density of the normal distribution without its factor.
#[inline(always)]
pub(crate) fn gaussian<T: Ieee>(x: T) -> T {
    times_gaussian(at_most(abs(x), T::GAUSSIAN_END), of(0.5), of(1.0), of(0.0))
}

/// The distribution function of the normal distribution, `erfc(−x/√2)/2`. Small values are computed from `x` itself,
/// since the round-off of `x/√2` would cost them precision.
#[inline(always)]
pub(crate) fn normal_cdf<T: Ieee>(x: T) -> T {
    let (half, size) = (of::<T>(0.5), at_most(abs(x), T::GAUSSIAN_END));
    let [a, lost] = exact_product(size, T::SQRT_HALF[0]);
    let a_lost = lost + size * T::SQRT_HALF[1];
    let [y, rest] = upper_part(a, a_lost);
    let large = half * times_gaussian(size, half, y, rest);
    // ½ ± ½·erf(a), with the round-off of erf(a), whose slope is near 1 here.
    let bend = a * T::erf_rest(a * a);
    let erf = a + bend;
    let erf_lost = ((a - erf) + bend) + a_lost;
    let small = select(x < of(0.0), (half - half * erf) - half * erf_lost, half + half * erf);
    select(a < of(MIDDLE), small, select(x < of(0.0), large, of::<T>(1.0) - large))
}
