//! Sine, cosine, tangent.
//!
//! The `near_` functions are branch-free and right up to [`Ieee::FAR`]; beyond it the reduction would need digits of
//! π by the thousand (Payne & Hanek 1983), which the standard library has.

use super::ieee::{Ieee, less};
use super::lanes::{Alone, Apart, Lanes};
use super::{abs, of, select};

/// Sine and cosine of what `x` is away from `q` quarter turns, before their last addition, which rounds. `q` is left with
/// [`Ieee::ROUNDER`] added, for its two lowest bits.
#[inline(always)]
fn waves<T: Ieee, L: Lanes<T>>(x: T) -> (T, [L; 2]) {
    let q = x * of(std::f64::consts::FRAC_2_PI) + T::ROUNDER;
    let [r, tail] = x.less_quarter_turns(q - T::ROUNDER);
    let z = r * r;
    let [head, lost] = less(of(1.0), z * of(0.5));
    // sin(r + tail) = r + (r³·… + tail), cos(r + tail) = 1 − z/2 + (r⁴·… − r·tail)
    let small = L::of([tail, lost - r * tail]);
    (q, [L::of([r, head]), L::of([r * z, z * z]) * T::sin_cos_rest(L::of([z, z])) + small])
}

#[inline(always)]
pub(crate) fn near_sin<T: Ieee>(x: T) -> T {
    let (q, [base, rest]) = waves::<T, Apart<T>>(x);
    let [sin, cos] = (base + rest).parts();
    let y = select(q.bit(0), cos, sin);
    // −0 stays −0.
    select(abs(x) < T::TINY, x, select(q.bit(1), -y, y))
}

#[inline(always)]
pub(crate) fn near_cos<T: Ieee>(x: T) -> T {
    let (q, [base, rest]) = waves::<T, Apart<T>>(x);
    let [sin, cos] = (base + rest).parts();
    let y = select(q.bit(0), sin, cos);
    select(q.bit(0) != q.bit(1), -y, y)
}

/// What [`sin`] gives, of a number by itself.
#[inline(always)]
pub(super) fn sin_alone(x: f64) -> f64 {
    if is_special(x) { x.sin() } else { alone(x)[0] }
}

/// What [`cos`] gives, of a number by itself.
#[inline(always)]
pub(super) fn cos_alone(x: f64) -> f64 {
    if is_special(x) { x.cos() } else { alone(x)[1] }
}

/// Whether a number is far out or, since −0 stays −0, is 0. One comparison, of the magnitude less a unit in the last place.
#[inline(always)]
fn is_special(x: f64) -> bool {
    abs(x).to_bits().wrapping_sub(1) >= f64::FAR.to_bits()
}

/// Sine and cosine of a number by itself, which are computed in one.
#[inline(always)]
fn alone(x: f64) -> [f64; 2] {
    /// For 0 to 3 quarter turns what sine and cosine are multiplied by, and what the other of the two is: exactly. The compiler would make
    /// a branch of a choice between two numbers, and no processor foresees the quadrant of an angle.
    static QUARTER_TURNS: [[[f64; 2]; 2]; 4] = [turn(1.0, 0.0), turn(0.0, 1.0), turn(-1.0, 0.0), turn(0.0, -1.0)];
    const fn turn(cos: f64, sin: f64) -> [[f64; 2]; 2] {
        [[cos, cos], [sin, -sin]]
    }
    let (q, [base, rest]) = waves::<f64, Alone>(x);
    let y = base + rest;
    let [sin, cos] = y.parts();
    let [same, other] = QUARTER_TURNS[q.to_bits() as usize & 3].map(Alone::of);
    (y * same + Alone::of([cos, sin]) * other).parts()
}

/// Sine over cosine, with what their last additions rounded away put back.
#[inline(always)]
pub(crate) fn near_tan<T: Ieee>(x: T) -> T {
    let (q, [base, rest]) = waves::<T, Apart<T>>(x);
    let y = base + rest;
    let ([sin, cos], [sin_tail, cos_tail]) = (y.parts(), ((base - y) + rest).parts());
    let (top, bottom) = (select(q.bit(0), -cos, sin), select(q.bit(0), sin, cos));
    let (top_tail, bottom_tail) = (select(q.bit(0), -cos_tail, sin_tail), select(q.bit(0), sin_tail, cos_tail));
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
