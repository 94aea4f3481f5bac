//! Generic functions, compiled in this crate once for each number type.
//!
//! A generic function is compiled again in each crate that calls it. Kernels, and the sweeps that reach every rule of
//! every operation, are most of this crate. As instances they are compiled here, and a program that uses the library
//! links in seconds.

use std::any::TypeId;
use std::mem::{ManuallyDrop, transmute_copy};

use super::Float;

/// Declares generic functions over `T: Float` again, under the same or another name, as instances for `f32` and
/// `f64`.
///
/// Their signatures write `T` for the number type.
macro_rules! instances {
    ($($call:path as $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)?;)*) => {
        mod of_f32 {
            #[allow(unused_imports)]
            use super::*;
            type T = f32;
            $crate::number::instances::instances!(@for T: $($call as $name($($arg: $type),*) $(-> $result)?;)*);
        }
        mod of_f64 {
            #[allow(unused_imports)]
            use super::*;
            type T = f64;
            $crate::number::instances::instances!(@for T: $($call as $name($($arg: $type),*) $(-> $result)?;)*);
        }
        $(
            #[doc = concat!("See `", stringify!($call), "`.")]
            #[allow(clippy::too_many_arguments)]
            #[inline(always)]
            #[track_caller]
            pub(crate) fn $name<T: $crate::number::Float>($($arg: $type),*) $(-> $result)? {
                use $crate::number::instances::{is_f32, same};
                if is_f32::<T>() {
                    // SAFETY: `T` is `f32`, so the types of the instance are those of this function.
                    unsafe { same(of_f32::$name($(same($arg)),*)) }
                } else {
                    // SAFETY: `T` is `f64`, so the types of the instance are those of this function.
                    unsafe { same(of_f64::$name($(same($arg)),*)) }
                }
            }
        )*
    };
    (@for $T:ident: $($call:path as $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        $(
            #[allow(clippy::too_many_arguments)]
            #[inline(never)]
            #[track_caller]
            pub(super) fn $name($($arg: $type),*) $(-> $result)? {
                $call($($arg),*)
            }
        )*
    };
}
pub(crate) use instances;

/// Whether `T` is `f32`. If not, it is `f64`.
#[inline(always)]
pub(crate) fn is_f32<T: Float>() -> bool {
    let (is, other) = (TypeId::of::<T>() == TypeId::of::<f32>(), TypeId::of::<T>() == TypeId::of::<f64>());
    assert!(is || other, "a number is an f32 or an f64");
    is
}

/// Returns a value under another name of its type.
///
/// # Safety
/// `A` and `B` must be the same type except for lifetimes, and those of `B` must not be longer.
#[inline(always)]
pub(crate) unsafe fn same<A, B>(a: A) -> B {
    // A run-time assertion, because the branch of the other type is compiled too.
    assert!(size_of::<A>() == size_of::<B>(), "the types are one");
    let a = ManuallyDrop::new(a);
    // SAFETY: the types are the same, and `a` is not used again.
    unsafe { transmute_copy(&*a) }
}
