//! Multi-precision numbers for tests: references for the functions of this crate.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

use astro_float_num::{BigFloat, Consts, RoundingMode, Sign};

use crate::Float;

/// Five times the digits of `f64`, because formulas may lose some.
const BITS: usize = 256;
const ROUND: RoundingMode = RoundingMode::None;

thread_local! {
    static CONSTANTS: RefCell<Consts> = RefCell::new(Consts::new().expect("memory for constants"));
}

/// A number of [`BITS`] bits, of any size.
#[derive(Debug, Clone)]
pub(crate) struct Exact(BigFloat);

impl From<f64> for Exact {
    fn from(x: f64) -> Self {
        Exact(BigFloat::from_f64(x, BITS))
    }
}

macro_rules! operators {
    ($($Trait:ident $method:ident;)*) => { $(
        impl $Trait for &Exact {
            type Output = Exact;
            fn $method(self, b: &Exact) -> Exact {
                Exact(self.0.$method(&b.0, BITS, ROUND))
            }
        }
        impl $Trait for Exact {
            type Output = Exact;
            fn $method(self, b: Exact) -> Exact {
                (&self).$method(&b)
            }
        }
        impl $Trait<&Exact> for Exact {
            type Output = Exact;
            fn $method(self, b: &Exact) -> Exact {
                (&self).$method(b)
            }
        }
        impl $Trait<Exact> for &Exact {
            type Output = Exact;
            fn $method(self, b: Exact) -> Exact {
                self.$method(&b)
            }
        }
        impl $Trait<f64> for &Exact {
            type Output = Exact;
            fn $method(self, b: f64) -> Exact {
                self.$method(&Exact::from(b))
            }
        }
        impl $Trait<f64> for Exact {
            type Output = Exact;
            fn $method(self, b: f64) -> Exact {
                (&self).$method(&Exact::from(b))
            }
        }
        impl $Trait<&Exact> for f64 {
            type Output = Exact;
            fn $method(self, b: &Exact) -> Exact {
                (&Exact::from(self)).$method(b)
            }
        }
        impl $Trait<Exact> for f64 {
            type Output = Exact;
            fn $method(self, b: Exact) -> Exact {
                (&Exact::from(self)).$method(&b)
            }
        }
    )* };
}
operators! { Add add; Sub sub; Mul mul; Div div; }

impl Neg for &Exact {
    type Output = Exact;
    fn neg(self) -> Exact {
        Exact(BigFloat::neg(&self.0))
    }
}

impl Neg for Exact {
    type Output = Exact;
    fn neg(self) -> Exact {
        -&self
    }
}

macro_rules! functions {
    ($($name:ident $more:literal;)*) => { $(
        pub(crate) fn $name(&self) -> Exact {
            CONSTANTS.with_borrow_mut(|c| Exact(self.0.$name(BITS + $more, ROUND, c)))
        }
    )* };
}

impl Exact {
    functions! { exp 0; ln 0; sin 0; cos 0; tan 0; asin 64; acos 64; atan 64; sinh 64; cosh 0; tanh 64; }

    pub(crate) fn pi() -> Exact {
        CONSTANTS.with_borrow_mut(|c| Exact(c.pi(BITS, ROUND)))
    }

    pub(crate) fn sqrt(&self) -> Exact {
        Exact(self.0.sqrt(BITS, ROUND))
    }

    pub(crate) fn abs(&self) -> Exact {
        Exact(self.0.abs())
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.0.is_negative()
    }

    pub(crate) fn is_nan(&self) -> bool {
        self.0.is_nan()
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Whether the magnitude is less than that of `b`.
    pub(crate) fn is_smaller(&self, b: f64) -> bool {
        self.0.abs().cmp(&BigFloat::from_f64(b.abs(), BITS)).is_some_and(|order| order < 0)
    }

    /// The power of 2 above the magnitude; the least exponent for 0.
    fn exponent(&self) -> i32 {
        if self.0.is_zero() { i32::MIN / 2 } else { self.0.exponent().unwrap_or(i32::MAX / 2) }
    }

    pub(crate) fn square(&self) -> Exact {
        self * self
    }

    /// The power with an integer exponent of any size.
    pub(crate) fn powi(&self, n: i32) -> Exact {
        let power = Exact(self.0.powi(n.unsigned_abs() as usize, BITS + 64, ROUND));
        if n < 0 { 1.0 / power } else { power }
    }

    /// The power of a base that is not negative.
    pub(crate) fn pow(&self, b: &Exact) -> Exact {
        if b.0.is_zero() {
            return 1.0.into();
        }
        (self.ln() * b).exp()
    }

    /// `eˣ − 1`, computed with as many extra bits as cancel.
    pub(crate) fn exp_m1(&self) -> Exact {
        let bits = BITS + (-self.exponent()).clamp(0, 2_000) as usize;
        let e = CONSTANTS.with_borrow_mut(|c| self.0.exp(bits, ROUND, c));
        Exact(e.sub(&BigFloat::from_f64(1.0, bits), bits, ROUND))
    }

    /// The series `x − x²/2 + x³/3` where its next term is beyond [`BITS`].
    pub(crate) fn ln_1p(&self) -> Exact {
        if self.exponent() < -90 {
            return self - self.square() / 2.0 + self.powi(3) / 3.0;
        }
        let bits = 2 * BITS;
        let sum = self.0.add(&BigFloat::from_f64(1.0, bits), bits, ROUND);
        Exact(CONSTANTS.with_borrow_mut(|c| sum.ln(bits, ROUND, c)))
    }

    pub(crate) fn sigmoid(&self) -> Exact {
        1.0 / ((-self).exp() + 1.0)
    }

    pub(crate) fn softplus(&self) -> Exact {
        self.exp().ln_1p()
    }

    /// `x + x·(2x²/3) + x·(2x²/3)(2x²/5) + …`, of one sign, times `2/√π·exp(−x²)`; in `bits` bits.
    fn erf_series(&self, bits: usize) -> BigFloat {
        let (x, number) = (&self.0, |x: f64| BigFloat::from_f64(x, bits));
        let twice = x.mul(x, bits, ROUND).mul(&number(2.0), bits, ROUND);
        let (mut term, mut sum) = (x.clone(), x.clone());
        for n in 1.. {
            term = term.mul(&twice, bits, ROUND).div(&number(f64::from(2 * n + 1)), bits, ROUND);
            sum = sum.add(&term, bits, ROUND);
            if term.is_zero() || term.exponent() < sum.exponent().map(|e| e - bits as i32) {
                break;
            }
        }
        CONSTANTS.with_borrow_mut(|c| {
            let gaussian = x.mul(x, bits, ROUND).neg().exp(bits, ROUND, c);
            let scale = number(2.0).div(&c.pi(bits, ROUND).sqrt(bits, ROUND), bits, ROUND);
            sum.mul(&gaussian, bits, ROUND).mul(&scale, bits, ROUND)
        })
    }

    /// From 14 on it is 1, to more digits than are compared.
    pub(crate) fn erf(&self) -> Exact {
        if !self.is_smaller(14.0) {
            return if self.is_nan() { self.clone() } else { (if self.is_negative() { -1.0 } else { 1.0 }).into() };
        }
        Exact(self.erf_series(BITS + 64))
    }

    /// `1 − erf(x)`, with extra bits for those that cancel: `erfc(28)` is 2⁻¹¹³⁷. Beyond 40 it is below every number
    /// of `f64`.
    pub(crate) fn erfc(&self) -> Exact {
        if !self.is_smaller(40.0) {
            let limit = if self.is_negative() { 2.0.into() } else { Exact::from(1e-308).square() };
            return if self.is_nan() { self.clone() } else { limit };
        }
        let size = self.to_f64();
        let bits = BITS + 64 + if size > 0.0 { (1.5 * size * size) as usize } else { 0 };
        Exact(BigFloat::from_f64(1.0, bits).sub(&self.erf_series(bits), bits, ROUND))
    }

    /// The distribution function of the normal distribution.
    pub(crate) fn normal_cdf(&self) -> Exact {
        (-self / Exact::from(2.0).sqrt()).erfc() / 2.0
    }

    /// The density of the normal distribution.
    pub(crate) fn normal_density(&self) -> Exact {
        (self.square() / -2.0).exp() / (Exact::pi() * 2.0).sqrt()
    }

    pub(crate) fn to_f64(&self) -> f64 {
        self.scaled(0)
    }

    /// This times 2^shift, to the digits of `f64`; far beyond its range, an arbitrary value there.
    fn scaled(&self, shift: i32) -> f64 {
        let Some((words, _, sign, exponent, _)) = self.0.as_raw_parts() else { return f64::NAN };
        let top = words.last().map_or(0.0, |&top| top as f64) / 2f64.powi(64);
        let exponent = exponent.saturating_add(shift).clamp(-2000, 2000);
        let magnitude = top * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
        if sign == Sign::Neg { -magnitude } else { magnitude }
    }

    /// Whether this rounds to a normal number of the type that is `below` powers of 2 below the largest.
    pub(crate) fn is_normal<T: Float>(&self, below: i32) -> bool {
        let (digits, least) = format::<T>();
        !self.is_nan() && (least + digits..=3 - least - digits - below).contains(&self.exponent())
    }

    /// The distance of `y` from this, in units in the last place of its type; 0 where both are NaN or the same
    /// infinity.
    pub(crate) fn ulps<T: Float>(&self, y: T) -> f64 {
        self.ulps_of(y, self)
    }

    /// The same in units in the last place of numbers of another size.
    pub(crate) fn ulps_of<T: Float>(&self, y: T, size: &Exact) -> f64 {
        let (digits, least) = format::<T>();
        let y = y.to_f64();
        if y.is_nan() || self.is_nan() {
            return if y.is_nan() && self.is_nan() { 0.0 } else { f64::INFINITY };
        }
        let limit = 3 - least - digits;
        if y.is_infinite() || self.0.is_inf() {
            // Beyond the largest number and half a unit everything rounds to infinity.
            let beyond = self.0.is_inf() || self.scaled(-limit).abs() >= 1.0 - 2f64.powi(-1 - digits);
            return if beyond && y.is_infinite() && (y > 0.0) != self.is_negative() { 0.0 } else { f64::INFINITY };
        }
        let unit = size.exponent().saturating_sub(digits).max(least);
        (Exact::lifted(y) - self).scaled(-unit).abs()
    }

    /// A number of `f64` at full precision; the library truncates numbers to their own digits if these are fewer than
    /// 53.
    fn lifted(y: f64) -> Exact {
        let lift = 2f64.powi(if y.abs() < 1.0 { 200 } else { 0 });
        Exact::from(y * lift) / lift
    }
}

/// The digits of a type, and the exponent of its smallest number.
fn format<T: Float>() -> (i32, i32) {
    match T::NAME {
        "f32" => (24, -149),
        _ => (53, -1074),
    }
}
