//! The sigmoid on `f64` as a piecewise function: polynomials about the nearest of many points.
//!
//! One table look-up replaces an exponential followed by a division. That is shallower, and a tape of scalars waits
//! for the depth.

use super::abs;
use super::exponential::exp;
use super::ieee::Ieee;
use super::pair::{Pair, product, quotient, sum};

/// The number of points, and the number of points per unit.
const POINTS: usize = 1024;
const DENSITY: f64 = 16.0;

/// The coefficients of a polynomial in the distance from its point, in the order in which pairs of them are read:
/// those of the powers 1 3, 2 4, 5 7, 6 0.
type Piece = [f64; 8];

/// `1/(1 + eˣ)` about each point.
static FALLING: [Piece; POINTS] = pieces();

const fn pieces() -> [Piece; POINTS] {
    /// `e^(1/16)`
    const ROOT: Pair = [1.064_494_458_917_859_3, 1.087_288_814_321_195_7e-16];
    let (mut pieces, mut power, mut k) = ([[0.0; 8]; POINTS], [1.0, 0.0], 0);
    while k < POINTS {
        pieces[k] = piece(quotient([1.0, 0.0], sum(1.0, power))[0]);
        power = product(power, ROOT);
        k += 1;
    }
    pieces
}

/// The piece about the point where the function has the given value.
const fn piece(value: f64) -> Piece {
    // Taylor's series, from y′ = y² − y: (n + 1)·cₙ₊₁ = Σ cᵢ·cₙ₋ᵢ − cₙ.
    let (mut c, mut n) = ([value, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 0);
    while n < 8 {
        let (mut square, mut i) = (0.0, 0);
        while i <= n {
            square += c[i] * c[n - i];
            i += 1;
        }
        c[n + 1] = (square - c[n]) / (n + 1) as f64;
        n += 1;
    }
    // Lower powers replace x⁸: their sum differs from it by Chebyshev's T₈(x)/128 (Lanczos 1938).
    const EIGHTH: [f64; 8] = [-1.0 / 128.0, 0.0, 0.25, 0.0, -1.25, 0.0, 2.0, 0.0];
    let (mut power, mut i) = (c[8], 8);
    while i > 0 {
        (i, power) = (i - 1, power * (0.5 / DENSITY));
        c[i] += power * EIGHTH[i];
    }
    [c[1], c[3], c[2], c[4], c[5], c[7], c[6], c[0]]
}

/// `1/(1 + e⁻ˣ)`: the falling function at `|x|`, or 1 minus it.
#[inline(always)]
pub(super) fn sigmoid_by_pieces(x: f64) -> f64 {
    /// Adding it to a number rounds to the nearest point, whose index is in the lowest bits of the sum.
    const ROUNDER: f64 = f64::ROUNDER / DENSITY;
    const SIGN: u64 = 1 << 63;
    let size = abs(x);
    if size > END {
        return beyond(x);
    }
    if size < NEAR {
        return 0.5 + 0.25 * x;
    }
    let point = size + ROUNDER;
    let [c1, c3, c2, c4, c5, c7, c6, c0] = FALLING[point.to_bits() as usize % POINTS];
    // The sign and the 1 are applied by bits, since the compiler turns a choice into a branch.
    let rising = !x.to_bits() & SIGN;
    let turned = |y: f64| f64::from_bits(y.to_bits() ^ rising);
    let one = f64::from_bits((rising as i64 >> 63) as u64 & 1f64.to_bits());
    let distance = size - (point - ROUNDER);
    // The powers are ready, with the sign, when the coefficients arrive.
    let (b, z) = (turned(distance), distance * distance);
    let third = b * z;
    let first = b * (c1 + c2 * distance) + third * (c3 + c4 * distance);
    (one + turned(c0)) + (first + (third * z) * ((c5 + c6 * distance) + z * c7))
}

/// Closer to 0 the sigmoid is a line to the last digit: its next term is x³/48. A gate that rests there, as a chain
/// at its fixed point does, waits for two operations instead of fifteen; the C library's exponential has the same
/// short path.
pub(super) const NEAR: f64 = 1.0 / (1 << 20) as f64;

/// Beyond this the sigmoid is 1 or `eˣ` to the last digit.
const END: f64 = 63.0;

#[cold]
#[inline(never)]
fn beyond(x: f64) -> f64 {
    if x > 0.0 { 1.0 } else { exp(x) }
}
