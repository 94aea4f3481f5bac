//! Two numbers side by side, for operations that apply to both alike.

use std::ops::{Add, Mul, Sub};

use super::Real;

/// A pair with componentwise sums, differences and products.
pub trait Lanes<T>: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    fn of(parts: [T; 2]) -> Self;
    fn parts(self) -> [T; 2];
}

macro_rules! operator {
    ($method:ident, impl$(<$T:ident: $Bound:ident>)? $Trait:ident for $Lanes:ty, |$a:ident, $b:ident| $formula:expr) => {
        impl$(<$T: $Bound>)? $Trait for $Lanes {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                let ($a, $b) = (self.0, other.0);
                Self($formula)
            }
        }
    };
}

/// For loops over many pairs, in which the compiler fills its vectors with one component of each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Apart<T>([T; 2]);

impl<T: Real> Lanes<T> for Apart<T> {
    #[inline(always)]
    fn of(parts: [T; 2]) -> Self {
        Apart(parts)
    }
    #[inline(always)]
    fn parts(self) -> [T; 2] {
        self.0
    }
}

operator! { add, impl<T: Real> Add for Apart<T>, |a, b| [a[0] + b[0], a[1] + b[1]] }
operator! { sub, impl<T: Real> Sub for Apart<T>, |a, b| [a[0] - b[0], a[1] - b[1]] }
operator! { mul, impl<T: Real> Mul for Apart<T>, |a, b| [a[0] * b[0], a[1] * b[1]] }

/// For a single pair: one vector, which every x86-64 processor has. The compiler by itself packs some operations and
/// loses in shuffles the time that this saves.
#[cfg(target_arch = "x86_64")]
pub(super) use packed::Packed as Alone;
#[cfg(not(target_arch = "x86_64"))]
pub(super) type Alone = Apart<f64>;

#[cfg(target_arch = "x86_64")]
mod packed {
    use std::arch::x86_64 as sse2;
    use std::ops::{Add, Mul, Sub};

    use super::Lanes;

    #[derive(Debug, Clone, Copy)]
    pub(in crate::math) struct Packed(sse2::__m128d);

    macro_rules! sse2 {
        ($call:expr) => {
            // SAFETY: every x86-64 processor has SSE2.
            unsafe { $call }
        };
    }

    impl Lanes<f64> for Packed {
        #[inline(always)]
        fn of([first, second]: [f64; 2]) -> Self {
            Packed(sse2!(sse2::_mm_set_pd(second, first)))
        }
        #[inline(always)]
        fn parts(self) -> [f64; 2] {
            sse2!([sse2::_mm_cvtsd_f64(self.0), sse2::_mm_cvtsd_f64(sse2::_mm_unpackhi_pd(self.0, self.0))])
        }
    }

    operator! { add, impl Add for Packed, |a, b| sse2!(sse2::_mm_add_pd(a, b)) }
    operator! { sub, impl Sub for Packed, |a, b| sse2!(sse2::_mm_sub_pd(a, b)) }
    operator! { mul, impl Mul for Packed, |a, b| sse2!(sse2::_mm_mul_pd(a, b)) }
}

#[cfg(test)]
mod tests {
    use super::{Alone, Apart, Lanes};

    #[test]
    fn a_pair_in_one_vector_is_a_pair() {
        let pairs = [[1.5, -0.25], [1e300, 1e-300], [f64::INFINITY, -0.0]];
        for a in pairs {
            for b in pairs {
                let one = |f: fn(Alone, Alone) -> Alone| f(Alone::of(a), Alone::of(b)).parts().map(f64::to_bits);
                let two = |f: fn(Apart<f64>, Apart<f64>) -> Apart<f64>| {
                    f(Apart::of(a), Apart::of(b)).parts().map(f64::to_bits)
                };
                assert_eq!(one(|a, b| a + b), two(|a, b| a + b));
                assert_eq!(one(|a, b| a * b), two(|a, b| a * b));
                let [one, two] = [one(|a, b| a - b), two(|a, b| a - b)].map(|bits| bits.map(f64::from_bits));
                assert!(one.iter().zip(&two).all(|(a, b)| a == b || (a.is_nan() && b.is_nan())));
            }
        }
    }
}
