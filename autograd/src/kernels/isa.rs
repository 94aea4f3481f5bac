//! The widest vector instructions that the processor has, chosen at run time: users set no compiler flags.
//!
//! A kernel is a struct whose `run` is always inlined, loops, formulas and all, into one entry point for each instruction
//! set, where the compiler turns its loops into code for that set. What is *not* inlined there is code for the
//! oldest processor, so everything that a kernel calls for each value is `#[inline(always)]`.
//!
//! The arithmetic is the same everywhere: no fused multiply-add, and sums in an order that no vector width decides.

use std::fmt::Debug;

/// A loop over slices, with what it reads and writes.
pub(crate) trait Kernel {
    /// Implementations are `#[inline(always)]`.
    fn run<I: Isa>(self);
}

/// An instruction set, as a type: functions that name it are instantiated, and so inlined, for each set by itself.
pub(crate) trait Isa: Debug + Copy + 'static {}

/// What every processor of the target has: SSE2 on x86-64, NEON on AArch64.
#[derive(Debug, Clone, Copy)]
struct Baseline;
impl Isa for Baseline {}

#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
struct Avx2;
#[cfg(target_arch = "x86_64")]
impl Isa for Avx2 {}

#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
struct Avx512;
#[cfg(target_arch = "x86_64")]
impl Isa for Avx512 {}

/// Fewer values than this are not worth asking for the processor.
pub(crate) const FEW: usize = 16;

/// Runs a kernel over about `len` values on the widest instructions there are.
#[inline]
pub(crate) fn run<K: Kernel>(len: usize, kernel: K) {
    if len < FEW {
        return kernel.run::<Baseline>();
    }
    run_within(widest(), kernel);
}

/// A function over slices as a [`Kernel`] over about `$len` values.
macro_rules! kernel {
    ($(#[$doc:meta])* fn $name:ident<$a:lifetime, $T:ident>($($arg:ident: $type:ty),* $(,)?) for $len:expr, $body:block) => {
        $(#[$doc])*
        pub(crate) fn $name<$a, $T: $crate::number::Float>($($arg: $type),*) {
            struct Call<$a, $T>($($type,)* std::marker::PhantomData<&$a $T>);
            impl<$a, $T: $crate::number::Float> $crate::kernels::isa::Kernel for Call<$a, $T> {
                #[inline(always)]
                fn run<I: $crate::kernels::isa::Isa>(self) {
                    let Call($($arg,)* _) = self;
                    $body
                }
            }
            let len = $len;
            $crate::kernels::isa::run(len, Call($($arg,)* std::marker::PhantomData));
        }
    };
}
pub(crate) use kernel;

/// How many instruction sets beyond the baseline this processor has. The standard library asks it once.
#[cfg(target_arch = "x86_64")]
#[inline]
fn widest() -> usize {
    use std::is_x86_feature_detected as has;
    if has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
        2
    } else {
        usize::from(has!("avx2"))
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn widest() -> usize {
    0
}

/// Runs a kernel on at most the instruction set numbered `limit`, and never on one that the processor lacks.
#[inline]
fn run_within<K: Kernel>(limit: usize, kernel: K) {
    #[cfg(target_arch = "x86_64")]
    match limit.min(widest()) {
        0 => {}
        // SAFETY: `widest` has found the feature.
        1 => return unsafe { avx2(kernel) },
        // SAFETY: `widest` has found the features.
        _ => return unsafe { avx512(kernel) },
    }
    kernel.run::<Baseline>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<K: Kernel>(kernel: K) {
    kernel.run::<Avx2>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512<K: Kernel>(kernel: K) {
    kernel.run::<Avx512>();
}
