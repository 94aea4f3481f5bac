//! Sine, cosine, tangent.
//!
//! The `near_` functions are branch-free and valid up to [`Ieee::FAR`]; beyond it the reduction needs digits of π by
//! the thousand.

use super::ieee::{Ieee, exact_product, less};
use super::lanes::{Alone, Apart, Lanes};
use super::{abs, far, of, select};

/// Sine and cosine of the distance of `x` from `q` quarter turns, before their last addition, which rounds. `q` keeps
/// [`Ieee::ROUNDER`] added, for its two lowest bits.
#[inline(always)]
fn waves<T: Ieee, L: Lanes<T>>(x: T) -> (T, [L; 2]) {
    let q = x * of(std::f64::consts::FRAC_2_PI) + T::ROUNDER;
    (q, small_waves(x.less_quarter_turns(q - T::ROUNDER)))
}

/// Sine and cosine of at most an eighth of a turn, before their last addition.
#[inline(always)]
fn small_waves<T: Ieee, L: Lanes<T>>([r, tail]: [T; 2]) -> [L; 2] {
    let z = r * r;
    let [head, lost] = less(of(1.0), z * of(0.5));
    // sin(r + tail) = r + (r³·… + tail), cos(r + tail) = 1 − z/2 + (r⁴·… − r·tail)
    let small = L::of([tail, lost - r * tail]);
    [L::of([r, head]), L::of([r * z, z * z]) * T::sin_cos_rest(L::of([z, z])) + small]
}

/// The sine from `q` quarter turns and the result of [`waves`].
#[inline(always)]
fn sin_of<T: Ieee>(q: T, [base, rest]: [Apart<T>; 2]) -> T {
    let [sin, cos] = (base + rest).parts();
    let y = select(q.bit(0), cos, sin);
    select(q.bit(1), -y, y)
}

/// The cosine likewise.
#[inline(always)]
fn cos_of<T: Ieee>(q: T, [base, rest]: [Apart<T>; 2]) -> T {
    let [sin, cos] = (base + rest).parts();
    let y = select(q.bit(0), sin, cos);
    select(q.bit(0) != q.bit(1), -y, y)
}

/// Sine over cosine, corrected for the round-off of their last additions and of the quotient.
#[inline(always)]
fn tan_of<T: Ieee>(q: T, [base, rest]: [Apart<T>; 2]) -> T {
    let y = base + rest;
    let ([sin, cos], [sin_tail, cos_tail]) = (y.parts(), ((base - y) + rest).parts());
    let (top, bottom) = (select(q.bit(0), -cos, sin), select(q.bit(0), sin, cos));
    let (top_tail, bottom_tail) = (select(q.bit(0), -cos_tail, sin_tail), select(q.bit(0), sin_tail, cos_tail));
    let y = top / bottom;
    let [product, lost] = exact_product(y, bottom);
    y + (((top - product) - lost) + (top_tail - y * bottom_tail)) / bottom
}

#[inline(always)]
pub(crate) fn near_sin<T: Ieee>(x: T) -> T {
    let (q, waves) = waves(x);
    // −0 stays −0.
    select(abs(x) < T::TINY, x, sin_of(q, waves))
}

#[inline(always)]
pub(crate) fn near_cos<T: Ieee>(x: T) -> T {
    let (q, waves) = waves(x);
    cos_of(q, waves)
}

#[inline(always)]
pub(crate) fn near_tan<T: Ieee>(x: T) -> T {
    let (q, waves) = waves(x);
    select(abs(x) < T::TINY, x, tan_of(q, waves))
}

/// A trigonometric function.
#[derive(Debug, Clone, Copy)]
pub enum Wave {
    Sin,
    Cos,
    Tan,
}

/// A trigonometric function of a number beyond [`Ieee::FAR`].
#[cold]
#[inline(never)]
pub(super) fn far_wave(wave: Wave, x: f64) -> f64 {
    let (quarter, left) = far::less_quarter_turns(x);
    let (q, waves) = (quarter as f64 + f64::ROUNDER, small_waves(left));
    match wave {
        Wave::Sin => sin_of(q, waves),
        Wave::Cos => cos_of(q, waves),
        Wave::Tan => tan_of(q, waves),
    }
}

/// The result of [`sin`] for a single number.
#[inline(always)]
pub(super) fn sin_alone(x: f64) -> f64 {
    if is_special(x) { sin(x) } else { alone(x)[0] }
}

/// The result of [`cos`] for a single number.
#[inline(always)]
pub(super) fn cos_alone(x: f64) -> f64 {
    if is_special(x) { cos(x) } else { alone(x)[1] }
}

/// Whether a number is large or, since −0 stays −0, is 0. One comparison, of the magnitude less a unit in the last
/// place.
#[inline(always)]
fn is_special(x: f64) -> bool {
    abs(x).to_bits().wrapping_sub(1) >= f64::FAR.to_bits()
}

/// Sine and cosine of a single number, computed together.
#[inline(always)]
fn alone(x: f64) -> [f64; 2] {
    /// The exact factors of sine and cosine in the addition theorem, for 0 to 3 quarter turns. The compiler would
    /// turn a choice between two numbers into a branch, and no processor predicts the quadrant of an angle.
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

macro_rules! everywhere {
    ($($name:ident $near:ident $Wave:ident;)*) => { $(
        /// Valid for any `x`.
        #[inline(always)]
        pub(crate) fn $name<T: Ieee>(x: T) -> T {
            if abs(x) <= T::FAR { $near(x) } else { x.far_wave(Wave::$Wave) }
        }
    )* };
}
everywhere! { sin near_sin Sin; cos near_cos Cos; tan near_tan Tan; }
