//! The gates of GELU's tanh form and of Mish, by which they multiply their input, and the slopes of the gates.

use super::exponential::{logistic_density, power, scale, sigmoid};
use super::ieee::{Ieee, exact_product};
use super::{abs, at_least, at_most, of, select};

/// `½(1 + tanh(√(2/π)(x + 0.044715x³)))`, which is the sigmoid of twice the angle. It falls off as an exponential,
/// which magnifies the round-off of its argument.
#[inline(always)]
pub(crate) fn tanh_gate<T: Ieee>(x: T) -> T {
    let [w, lost] = within(x).gate_argument();
    w.logistic_of(lost)
}

/// The slope of the sigmoid at the same argument.
#[inline(always)]
pub(crate) fn tanh_gate_density<T: Ieee>(x: T) -> T {
    let [w, lost] = within(x).gate_argument();
    let y = logistic_density(w);
    let other = sigmoid(-w);
    y + y * (lost * (other + other - of(1.0)))
}

/// Further out the gate is 0 or 1; the clamp keeps the cube from overflowing.
#[inline(always)]
fn within<T: Ieee>(x: T) -> T {
    at_most(at_least(x, of(-30.0)), of(30.0))
}

/// √(8/π), and 0.044715 times it; each in two parts.
pub(crate) const LINE: [f64; 2] = [1.595_769_121_605_730_8, -9.969_308_809_110_92e-17];
pub(crate) const CUBE: [f64; 2] = [0.071_354_816_272_600_25, -6.175_149_918_155_315e-19];

/// `√(8/π)(x + 0.044715x³)` and its round-off.
#[inline(always)]
pub(super) fn argument(x: f64) -> [f64; 2] {
    let [square, square_lost] = exact_product(x, x);
    let [bend, bend_lost] = exact_product(square, CUBE[0]);
    let bend_lost = bend_lost + (square * CUBE[1] + square_lost * CUBE[0]);
    let large = bend > LINE[0];
    let (high, low) = (select(large, bend, LINE[0]), select(large, LINE[0], bend));
    let slope = high + low;
    let slope_lost = ((high - slope) + low) + (bend_lost + LINE[1]);
    let [w, lost] = exact_product(x, slope);
    [w, lost + x * slope_lost]
}

/// The slope of `tanh(ln(1 + eˣ))`: `4·e·t·u/(u² + t²)²` with `e = exp(−|x|)`, `u = 1 + e`, and `t = e` for `x > 0`,
/// else 1.
///
/// Each sum, product and quotient keeps its round-off. Far out the slope is `e`, or `4e²` for `x > 0`.
#[inline(always)]
pub(crate) fn mish_gate_slope<T: Ieee>(x: T) -> T {
    const FAR: f64 = 41.0;
    let (one, zero) = (of::<T>(1.0), of::<T>(0.0));
    let (right, far) = (x > zero, abs(x) > of(FAR));
    let falling = select(right & far, of::<T>(-2.0), of(-1.0)) * abs(x);
    let (n, m) = power(falling);
    let four = select(right & (falling >= T::EXP_RANGE[0]), of::<T>(2.0), zero);
    let vanishing = scale(one + m, n + four);

    let (unit, rest) = (T::exp2_integer(at_least(n, of(-100.0))), one + m);
    let (e, e_lost) = (unit * rest, unit * ((one - rest) + m));
    let u = one + e;
    let u_lost = (e - (u - one)) + e_lost;
    let (t, t_lost) = select(right, (e, e_lost), (one, zero));
    let [et, lost] = exact_product(e, t);
    let et_lost = lost + (e * t_lost + e_lost * t);
    let [top, lost] = exact_product(et, u);
    let top_lost = lost + (et * u_lost + et_lost * u);
    let ([uu, uu_lost], [tt, tt_lost]) = (exact_product(u, u), exact_product(t, t));
    let sum = uu + tt;
    let sum_lost = ((uu - sum) + tt) + (uu_lost + tt_lost) + of::<T>(2.0) * (u * u_lost + t * t_lost);
    let [bottom, lost] = exact_product(sum, sum);
    let bottom_lost = lost + of::<T>(2.0) * (sum * sum_lost);
    let y = top / bottom;
    let [product, lost] = exact_product(y, bottom);
    let y = y + (((top - product) - lost) + (top_lost - y * bottom_lost)) / bottom;
    select(far, vanishing, of::<T>(4.0) * y)
}
