//! Sine, cosine, tangent.
//!
//! The `near_` functions are branch-free and right up to [`Ieee::FAR`]; beyond it the reduction would need digits of
//! π by the thousand (Payne & Hanek 1983), which the standard library has.

use super::ieee::Ieee;
use super::{abs, of, select};

/// `x = q·π/2 + r + tail` with `|r| ≤ π/4`; `q` is left with [`Ieee::ROUNDER`] added, for its two lowest bits.
///
/// Cody & Waite (1980) with four pieces of π/2: the products with `q` are exact, and so are the first differences.
#[inline(always)]
fn reduce<T: Ieee>(x: T) -> (T, T, T) {
    let q = x * of(std::f64::consts::FRAC_2_PI) + T::ROUNDER;
    let n = q - T::ROUNDER;
    let [a, b, c, d] = T::HALF_PI.map(|piece| n * piece);
    let first = x - a;
    let second = first - b;
    let third = second - c;
    let tail = (((first - second) - b) + ((second - third) - c)) - d;
    let r = third + tail;
    (q, r, (third - r) + tail)
}

/// The sine of `r + tail`, and what rounding took from it.
#[inline(always)]
fn sine<T: Ieee>(r: T, tail: T) -> [T; 2] {
    let z = r * r;
    let rest = r * z * T::sin_rest(z) + tail;
    let y = r + rest;
    [y, (r - y) + rest]
}

/// The cosine likewise.
#[inline(always)]
fn cosine<T: Ieee>(r: T, tail: T) -> [T; 2] {
    let z = r * r;
    let (one, half) = (of::<T>(1.0), z * of(0.5));
    let head = one - half;
    let rest = ((one - head) - half) + (z * z * T::cos_rest(z) - r * tail);
    let y = head + rest;
    [y, (head - y) + rest]
}

#[inline(always)]
pub(crate) fn near_sin<T: Ieee>(x: T) -> T {
    let (q, r, tail) = reduce(x);
    let y = select(q.bit(0), cosine(r, tail)[0], sine(r, tail)[0]);
    // −0 stays −0.
    select(abs(x) < T::TINY, x, select(q.bit(1), -y, y))
}

#[inline(always)]
pub(crate) fn near_cos<T: Ieee>(x: T) -> T {
    let (q, r, tail) = reduce(x);
    let y = select(q.bit(0), sine(r, tail)[0], cosine(r, tail)[0]);
    select(q.bit(0) != q.bit(1), -y, y)
}

/// What [`sin`] gives, of a number by itself.
#[inline(always)]
pub(super) fn sin_alone(x: f64) -> f64 {
    if abs(x) > f64::FAR {
        return x.sin();
    }
    let (q, r, tail) = reduce(x);
    let y = turned(q, [sine(r, tail)[0], cosine(r, tail)[0]], q);
    select(abs(x) < f64::TINY, x, y)
}

/// What [`cos`] gives, of a number by itself.
#[inline(always)]
pub(super) fn cos_alone(x: f64) -> f64 {
    if abs(x) > f64::FAR {
        return x.cos();
    }
    let (q, r, tail) = reduce(x);
    turned(q, [cosine(r, tail)[0], sine(r, tail)[0]], q + 1.0)
}

/// One of two by the lowest bit of `q`, its sign turned by the second bit of `half_turns`.
///
/// By an index and a shift: the compiler makes a branch of a choice between two numbers, and no processor foresees the quadrant
/// of an angle.
#[inline(always)]
fn turned(q: f64, of_two: [f64; 2], half_turns: f64) -> f64 {
    let y = of_two[q.to_bits() as usize & 1];
    f64::from_bits(y.to_bits() ^ (half_turns.to_bits() >> 1 << 63))
}

/// Sine over cosine, with what their last additions rounded away put back.
#[inline(always)]
pub(crate) fn near_tan<T: Ieee>(x: T) -> T {
    let (q, r, tail) = reduce(x);
    let (sin, cos) = (sine(r, tail), cosine(r, tail));
    let (top, bottom) = (select(q.bit(0), -cos[0], sin[0]), select(q.bit(0), sin[0], cos[0]));
    let (top_tail, bottom_tail) = (select(q.bit(0), -cos[1], sin[1]), select(q.bit(0), sin[1], cos[1]));
    let y = top / bottom;
    select(abs(x) < T::TINY, x, y + (top_tail - y * bottom_tail) / bottom)
}

macro_rules! everywhere {
    ($($name:ident $near:ident $std:literal;)*) => { $(
        /// Right for any `x`.
        #[inline(always)]
        pub(crate) fn $name<T: Ieee>(x: T) -> T {
            if abs(x) <= T::FAR { $near(x) } else { T::STD[$std](x) }
        }
    )* };
}
everywhere! { sin near_sin 0; cos near_cos 1; tan near_tan 2; }
