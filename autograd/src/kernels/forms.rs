//! [`Flagged`]: numbers on which a formula runs in the form for most numbers, and which say where that is not valid.

use std::cmp::Ordering;
use std::marker::PhantomData;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::isa::Isa;
use crate::math::exponential::{TANH_NEAR, beyond_tanh, near_sech_squared, near_sech_squared_from};
use crate::math::ieee::Ieee;
use crate::math::trigonometric::{near_cos, near_sin, near_tan};
use crate::math::{self, Native, Native2, Real, of};
use crate::number::rows::{Args, BinaryRow, UnaryRow};
use crate::number::{Float, Number, Test};

/// Shortcuts: none are taken; all are; or a shortcut and the long way are computed, and the one that is valid is chosen.
pub(super) const NONE: u8 = 0;
pub(super) const TAKEN: u8 = 1;
pub(super) const BOTH: u8 = 2;

/// A number, and whether it is `far`: outside the range in which its form is valid.
///
/// The first form is the one for most numbers: trigonometric functions near 0, decisions as for most numbers, and the
/// shortcuts if they are [`TAKEN`]. With `CAREFUL`, both forms are computed, and the correct one is chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flagged<I, T: Ieee, const SHORTCUTS: u8, const CAREFUL: bool> {
    pub(super) value: T,
    pub(super) far: T::Flag,
    isa: PhantomData<I>,
}

impl<I: Isa, T: Float, const S: u8, const C: bool> Flagged<I, T, S, C> {
    #[inline(always)]
    pub(super) fn new(value: T) -> Self {
        Flagged { value, far: false.into(), isa: PhantomData }
    }

    #[inline(always)]
    fn or(self, far: T::Flag) -> Self {
        Flagged { far: self.far | far, ..self }
    }

    #[inline(always)]
    fn or_if(self, far: bool) -> Self {
        self.or(far.into())
    }
}

/// The value alone decides; [`Number::binary`] and [`Number::select`] carry `far` past a comparison.
impl<I, T: Ieee, const S: u8, const C: bool> PartialEq for Flagged<I, T, S, C> {
    #[inline(always)]
    fn eq(&self, b: &Self) -> bool {
        self.value == b.value
    }
}

impl<I, T: Ieee, const S: u8, const C: bool> PartialOrd for Flagged<I, T, S, C> {
    #[inline(always)]
    fn partial_cmp(&self, b: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&b.value)
    }
    #[inline(always)]
    fn lt(&self, b: &Self) -> bool {
        self.value < b.value
    }
    #[inline(always)]
    fn le(&self, b: &Self) -> bool {
        self.value <= b.value
    }
    #[inline(always)]
    fn gt(&self, b: &Self) -> bool {
        self.value > b.value
    }
    #[inline(always)]
    fn ge(&self, b: &Self) -> bool {
        self.value >= b.value
    }
}

macro_rules! operators {
    ($($Trait:ident $method:ident;)*) => { $(
        impl<I: Isa, T: Float, const S: u8, const C: bool> $Trait for Flagged<I, T, S, C> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, b: Self) -> Self {
                Flagged::new(self.value.$method(b.value)).or(self.far).or(b.far)
            }
        }
    )* };
}
operators! { Add add; Sub sub; Mul mul; Div div; }

impl<I: Isa, T: Ieee, const S: u8, const C: bool> Neg for Flagged<I, T, S, C> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Flagged { value: -self.value, ..self }
    }
}

impl<I: Isa, T: Float, const S: u8, const C: bool> Real for Flagged<I, T, S, C> {
    #[inline(always)]
    fn of_f64(value: f64) -> Self {
        Flagged::new(T::of_f64(value))
    }

    #[inline(always)]
    fn native(self, f: Native) -> Self {
        let x = self.value;
        let near = match f {
            Native::Sin if !C => near_sin(x),
            Native::Cos if !C => near_cos(x),
            Native::Tan if !C => near_tan(x),
            Native::SechSquared if !C => return Flagged::new(near_sech_squared(x)).or(self.far).or_if(beyond_tanh(x)),
            _ => return Flagged::new(x.native(f)).or(self.far),
        };
        Flagged::new(near).or(self.far).or_if(math::abs(x) > T::FAR)
    }

    #[inline(always)]
    fn native2(self, f: Native2, b: Self) -> Self {
        if let (Native2::TanhSlope, false) = (f, C) {
            let (y, x) = (self.value, b.value);
            let near = Flagged::new(T::one() - y * y).or(self.far).or(b.far);
            let is_near = math::abs(y) <= of(TANH_NEAR);
            return match S {
                TAKEN => near.or_if(!is_near),
                _ => Flagged {
                    value: math::select(is_near, near.value, near_sech_squared_from(x, y)),
                    ..near.or_if(!is_near & beyond_tanh(x))
                },
            };
        }
        Flagged::new(self.value.native2(f, b.value)).or(self.far).or(b.far)
    }

    #[inline(always)]
    fn native_powi(self, n: i32) -> Self {
        Flagged::new(self.value.native_powi(n)).or(self.far)
    }

    #[inline(always)]
    fn native_powf(self, p: f64) -> Self {
        Flagged::new(self.value.native_powf(p)).or(self.far)
    }

    #[inline(always)]
    fn native_exp_base(self, base: f64) -> Self {
        Flagged::new(self.value.native_exp_base(base)).or(self.far)
    }

    #[inline(always)]
    fn native_special(self, f: fn(f64) -> f64) -> Self {
        Flagged::new(self.value.native_special(f)).or(self.far)
    }

    #[inline(always)]
    fn native_special2(self, f: fn(f64, f64) -> f64, b: Self) -> Self {
        Flagged::new(self.value.native_special2(f, b.value)).or(self.far).or(b.far)
    }

    #[inline(always)]
    fn native_special_with(self, f: fn(f64, f64) -> f64, p: f64) -> Self {
        Flagged::new(self.value.native_special_with(f, p)).or(self.far)
    }
}

impl<I: Isa, T: Float, const S: u8, const C: bool> Number for Flagged<I, T, S, C> {
    const SHORTCUTS: bool = S != NONE;

    #[inline(always)]
    fn shortcut<R: Copy>(
        self,
        bound: f64,
        near: impl FnOnce() -> R,
        everywhere: impl FnOnce() -> R,
        select: impl FnOnce(Self, R, R) -> R,
    ) -> R {
        match S {
            NONE => everywhere(),
            BOTH => {
                let passed = math::mask(Test::Within(bound).of(self.value));
                select(Flagged::new(passed).or(self.far), near(), everywhere())
            }
            _ => self.decide(Test::Within(bound), near, everywhere, select),
        }
    }

    #[inline(always)]
    fn constant(value: f64) -> Self {
        Self::of_f64(value)
    }

    #[inline(always)]
    fn row<R: UnaryRow>(self, args: Args) -> Self {
        R::value(self, args).or(self.far)
    }

    #[inline(always)]
    fn row_of_two<R: BinaryRow>(self, b: Self) -> Self {
        R::value(self, b).or(self.far).or(b.far)
    }

    #[inline(always)]
    fn select(self, a: Self, b: Self) -> Self {
        Flagged::new(self.value.select(a.value, b.value)).or(self.far | a.far | b.far)
    }

    #[inline(always)]
    fn sech_squared_from(self, y: Self) -> Self {
        Flagged::new(self.value.sech_squared_from(y.value)).or(self.far | y.far)
    }

    #[inline(always)]
    fn logistic_density_from(self, y: Self) -> Self {
        Flagged::new(self.value.logistic_density_from(y.value)).or(self.far | y.far)
    }

    #[inline(always)]
    fn decide<R: Copy>(
        self,
        test: Test<Self>,
        most: impl FnOnce() -> R,
        rest: impl FnOnce() -> R,
        select: impl FnOnce(Self, R, R) -> R,
    ) -> R {
        let passed = test.map(|of| of.value).of(self.value);
        if C {
            return select(Flagged::new(math::mask(passed)).or(self.far), most(), rest());
        }
        let first = most();
        select(Self::one().or(self.far).or_if(!passed), first, first)
    }
}
