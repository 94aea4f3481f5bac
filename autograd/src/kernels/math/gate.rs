//! The gate of GELU's tanh form.

use super::exponential::sigmoid;
use super::ieee::{Ieee, exact_product};
use super::{at_least, at_most, of, select};

/// `½(1 + tanh(√(2/π)(x + 0.044715x³)))`, which is the sigmoid of twice the angle; it vanishes as an exponential does, which magnifies
/// what its argument has lost.
#[inline(always)]
pub(crate) fn tanh_gate<T: Ieee>(x: T) -> T {
    // Further out it is 0 or 1, and the cube of nothing overflows.
    let [w, lost] = at_most(at_least(x, of(-30.0)), of(30.0)).gate_argument();
    let y = sigmoid(w);
    y + y * (lost * sigmoid(-w))
}

/// `√(8/π)(x + 0.044715x³)` and what rounding takes from it.
#[inline(always)]
pub(super) fn argument(x: f64) -> [f64; 2] {
    const LINE: [f64; 2] = [1.595_769_121_605_730_8, -9.969_308_809_110_92e-17];
    const CUBE: [f64; 2] = [0.071_354_816_272_600_25, -6.175_149_918_155_315e-19];
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
