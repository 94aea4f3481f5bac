//! Elementary functions over `f32` and `f64`, in which the table's values are written.
//!
//! They are free functions, so that a row reads like its formula. The stable forms (softplus, sigmoid) live here and
//! nowhere else.
//!
//! The exponential, the logarithm, the trigonometric functions, the error functions and related functions are our
//! own: sums, products and selections without a branch, so that a loop over them is vectorised on any instruction
//! set. The sigmoid on `f64` uses a table instead, which suits single numbers. Each is within 2 units in the last
//! place (`accuracy.rs` tests this). For a single number some functions branch past the work for extreme arguments,
//! with the same bits. There is no fused multiply-add anywhere: the same seed gives the same bits on a processor
//! without it, and in a crate compiled without the feature, `mul_add` would call a function that is thirty times
//! slower.
//!
//! Special functions are computed number by number, out of line ([`special`]), within 4 units in the last place.

pub(crate) mod exponential;
mod far;
pub(crate) mod gate;
pub(crate) mod ieee;
mod inverse;
mod lanes;
mod logarithm;
mod normal;
mod pair;
mod pieces;
mod power;
pub(crate) mod special;
pub(crate) mod trigonometric;

#[cfg(test)]
mod accuracy;

use std::ops::{Add, Div, Mul, Neg, Sub};

/// The number types of the table's values: `f32` and `f64`. Sealed: only the functions below use it.
pub trait Real:
    Copy
    + PartialEq
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    #[doc(hidden)]
    fn of_f64(value: f64) -> Self;
    #[doc(hidden)]
    fn native(self, f: Native) -> Self;
    #[doc(hidden)]
    fn native2(self, f: Native2, b: Self) -> Self;
    #[doc(hidden)]
    fn native_powi(self, n: i32) -> Self;
    #[doc(hidden)]
    fn native_powf(self, p: f64) -> Self;
    #[doc(hidden)]
    fn native_exp_base(self, base: f64) -> Self;
    #[doc(hidden)]
    fn native_special(self, f: fn(f64) -> f64) -> Self;
    #[doc(hidden)]
    fn native_special2(self, f: fn(f64, f64) -> f64, b: Self) -> Self;
    #[doc(hidden)]
    fn native_special_with(self, f: fn(f64, f64) -> f64, p: f64) -> Self;
}

macro_rules! natives {
    ($($name:ident $Variant:ident = $f32:path, $f64:path;)*) => {
        /// The functions of one number.
        #[doc(hidden)]
        #[derive(Debug, Clone, Copy)]
        pub enum Native { $($Variant,)* }

        $(
            #[inline(always)]
            pub(crate) fn $name<T: Real>(x: T) -> T {
                x.native(Native::$Variant)
            }
        )*

        natives!(real f32, double: |f, x| match f { $(Native::$Variant => $f32(x),)* });
        natives!(real f64, double: |f, x| match f { $(Native::$Variant => $f64(x),)* });
    };
    (real $T:ident, double: |$f:ident, $x:ident| $native:expr) => {
        impl Real for $T {
            #[inline(always)]
            fn of_f64(value: f64) -> $T { value as $T }
            #[inline(always)]
            fn native(self, $f: Native) -> $T {
                let $x = self;
                $native
            }
            #[inline(always)]
            fn native2(self, f: Native2, b: $T) -> $T {
                match f {
                    Native2::Pow => power::pow64(f64::from(self), f64::from(b)) as $T,
                    Native2::Atan2 => inverse::atan2_64(f64::from(self), f64::from(b)) as $T,
                    Native2::Inverted => inverse::inverted_64(f64::from(self), f64::from(b)) as $T,
                    Native2::TanhSlope => exponential::sech_squared_from(b, self),
                }
            }
            #[inline(always)]
            fn native_powi(self, n: i32) -> $T { power::powi64(f64::from(self), n) as $T }
            #[inline(always)]
            fn native_powf(self, p: f64) -> $T { power::pow64(f64::from(self), p) as $T }
            #[inline(always)]
            fn native_exp_base(self, base: f64) -> $T { power::pow64(base, f64::from(self)) as $T }
            #[inline(always)]
            fn native_special(self, f: fn(f64) -> f64) -> $T { f(f64::from(self)) as $T }
            #[inline(always)]
            fn native_special2(self, f: fn(f64, f64) -> f64, b: $T) -> $T { f(f64::from(self), f64::from(b)) as $T }
            #[inline(always)]
            fn native_special_with(self, f: fn(f64, f64) -> f64, p: f64) -> $T { f(f64::from(self), p) as $T }
        }
    };
}

natives! {
    exp Exp = exponential::exp, exponential::exp;
    exp_m1 ExpM1 = exponential::exp_m1, exponential::exp_m1;
    ln Ln = logarithm::ln, logarithm::ln;
    ln_1p Ln1p = logarithm::ln_1p, logarithm::ln_1p;
    sqrt Sqrt = f32::sqrt, f64::sqrt;
    sin Sin = trigonometric::sin, trigonometric::sin_alone;
    cos Cos = trigonometric::cos, trigonometric::cos_alone;
    tan Tan = trigonometric::tan, trigonometric::tan;
    asin Asin = inverse::asin_32, inverse::asin_64;
    acos Acos = inverse::acos_32, inverse::acos_64;
    atan Atan = inverse::atan_32, inverse::atan_64;
    asin_slope AsinSlope = inverse::asin_slope_32, inverse::asin_slope_64;
    atan_slope AtanSlope = inverse::atan_slope_32, inverse::atan_slope_64;
    over_size OverSize = inverse::over_size_32, inverse::over_size_64;
    rsqrt Rsqrt = inverse::rsqrt_32, inverse::rsqrt_64;
    sinh Sinh = exponential::sinh, exponential::sinh;
    cosh Cosh = exponential::cosh, exponential::cosh;
    tanh Tanh = exponential::tanh, exponential::tanh;
    sech_squared SechSquared = exponential::sech_squared, exponential::sech_squared;
    erf Erf = normal::erf, normal::erf;
    erfc Erfc = normal::erfc, normal::erfc;
    gaussian Gaussian = normal::gaussian, normal::gaussian;
    normal_cdf NormalCdf = normal::normal_cdf, normal::normal_cdf;
    sigmoid Sigmoid = exponential::sigmoid, exponential::sigmoid;
    tanh_gate TanhGate = gate::tanh_gate, gate::tanh_gate;
    tanh_gate_density TanhGateDensity = gate::tanh_gate_density, gate::tanh_gate_density;
    mish_gate_slope MishGateSlope = gate::mish_gate_slope, gate::mish_gate_slope;
    logistic_density LogisticDensity = exponential::logistic_density, exponential::logistic_density;
    softplus Softplus = exponential::softplus, exponential::softplus;
    abs Abs = f32::abs, f64::abs;
    floor Floor = f32::floor, f64::floor;
    round Round = f32::round, f64::round;
    ceil Ceil = f32::ceil, f64::ceil;
    trunc Trunc = f32::trunc, f64::trunc;
}

/// The functions of two numbers.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub enum Native2 {
    Pow,
    Atan2,
    Inverted,
    TanhSlope,
}

/// A plain number as the type at hand.
#[inline(always)]
pub(crate) fn of<T: Real>(value: f64) -> T {
    T::of_f64(value)
}

#[inline(always)]
pub(crate) fn pow<T: Real>(a: T, b: T) -> T {
    a.native2(Native2::Pow, b)
}

#[inline(always)]
pub(crate) fn atan2<T: Real>(a: T, b: T) -> T {
    a.native2(Native2::Atan2, b)
}

#[inline(always)]
pub(crate) fn inverted<T: Real>(a: T, b: T) -> T {
    a.native2(Native2::Inverted, b)
}

/// The slope of `a = tanh(b)`.
#[inline(always)]
pub(crate) fn tanh_slope<T: Real>(a: T, b: T) -> T {
    a.native2(Native2::TanhSlope, b)
}

/// `xᵖ`, with the exponent at full precision.
#[inline(always)]
pub(crate) fn powf<T: Real>(x: T, p: f64) -> T {
    x.native_powf(p)
}

/// `baseˣ`, likewise.
#[inline(always)]
pub(crate) fn exp_base<T: Real>(x: T, base: f64) -> T {
    x.native_exp_base(base)
}

/// A function of [`special`], computed out of line.
#[inline(always)]
pub(crate) fn special<T: Real>(x: T, f: fn(f64) -> f64) -> T {
    x.native_special(f)
}

/// A function of two numbers, likewise.
#[inline(always)]
pub(crate) fn special2<T: Real>(a: T, f: fn(f64, f64) -> f64, b: T) -> T {
    a.native_special2(f, b)
}

/// A function of a number and a plain one, likewise.
#[inline(always)]
pub(crate) fn special_with<T: Real>(x: T, f: fn(f64, f64) -> f64, p: f64) -> T {
    x.native_special_with(f, p)
}

#[inline(always)]
pub(crate) fn powi<T: Real>(x: T, n: i32) -> T {
    x.native_powi(n)
}

#[inline(always)]
pub(crate) fn select<T>(mask: bool, a: T, b: T) -> T {
    if mask { a } else { b }
}

/// Calls `f` out of line, so that rarely used code takes no registers from frequently used code.
#[cold]
#[inline(never)]
pub(crate) fn rarely<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[inline(always)]
pub(crate) fn mask<T: Real>(mask: bool) -> T {
    select(mask, of(1.0), of(0.0))
}

/// `a·b`, but 0 where `a` is 0, whatever `b` is.
#[inline(always)]
pub(crate) fn chain<T: Real>(a: T, b: T) -> T {
    select(a == of(0.0), of(0.0), a * b)
}

/// `x/(1 + |x|)`; the sum equals `|x|` long before both are infinite.
#[inline(always)]
pub(crate) fn softsign<T: Real>(x: T) -> T {
    let x = at_most(at_least(x, of(-1e30)), of(1e30));
    x / (abs(x) + of(1.0))
}

/// `tanh(ln(1 + eˣ))`
#[inline(always)]
pub(crate) fn mish_gate<T: Real>(x: T) -> T {
    tanh(softplus(x))
}

/// The sign: −1, 0, 1; NaN stays NaN.
#[inline(always)]
pub(crate) fn sign<T: Real>(x: T) -> T {
    select(x > of(0.0), of(1.0), select(x < of(0.0), of(-1.0), x * of(0.0)))
}

/// `x`, or the bound if `x` exceeds it; NaN stays NaN, in one instruction.
#[inline(always)]
fn at_most<T: Real>(x: T, bound: T) -> T {
    select(x > bound, bound, x)
}

/// `x`, or the bound if `x` is below it; NaN stays NaN.
#[inline(always)]
fn at_least<T: Real>(x: T, bound: T) -> T {
    select(x < bound, bound, x)
}

/// The larger; NaN if either is NaN.
#[inline(always)]
#[allow(clippy::eq_op)] // x ≠ x is the test for NaN
pub(crate) fn max<T: Real>(a: T, b: T) -> T {
    select(a > b || a != a, a, b)
}

/// The smaller; NaN if either is NaN.
#[inline(always)]
#[allow(clippy::eq_op)] // x ≠ x is the test for NaN
pub(crate) fn min<T: Real>(a: T, b: T) -> T {
    select(a < b || a != a, a, b)
}
