//! Natural logarithms.

use super::ieee::Ieee;
use super::{abs, max, min, of, select};

/// `ln(2ᵏ·(1 + f))` for `1 + f` in [√½, √2), as 2·artanh(f/(2 + f)), summed from the small end as in FDLIBM (Sun 1993).
#[inline(always)]
fn ln_of<T: Ieee>(k: T, f: T) -> T {
    let s = f / (of::<T>(2.0) + f);
    let z = s * s;
    let half = f * f * of(0.5);
    let rest = s * (half + z * T::artanh_rest(z)) + k * T::LN2[1];
    k * T::LN2[0] - ((half - rest) - f)
}

/// `ln x`
#[inline(always)]
pub(crate) fn ln<T: Ieee>(x: T) -> T {
    let [factor, exponent] = T::LIFT;
    let lift = x < T::SMALLEST;
    let (k, m) = select(lift, x * factor, x).split();
    let y = ln_of(k - select(lift, exponent, of(0.0)), m - of(1.0));
    edges(x, y)
}

/// The special values of `ln u`: at 0, ∞, and outside the domain.
#[inline(always)]
fn edges<T: Ieee>(u: T, y: T) -> T {
    let y = select(u < T::INFINITY, y, u);
    select(u > of(0.0), y, select(u == of(0.0), -T::INFINITY, T::NAN))
}

/// `ln(1 + x)`: the round-off of `1 + x` is added back to the fraction.
#[inline(always)]
pub(crate) fn ln_1p<T: Ieee>(x: T) -> T {
    let one = of::<T>(1.0);
    let u = one + x;
    let lost = min(x, one) - (u - max(x, one));
    let (k, m) = u.split();
    // Where 1 is below the last digit of x, the loss does not matter, and 2⁻ᵏ may be subnormal.
    let lost = select(u < of::<T>(4.0) / T::TINY, lost * T::exp2_integer(-k), of(0.0));
    let y = edges(u, ln_of(k, (m - one) + lost));
    select(abs(x) < T::TINY, x, y)
}
