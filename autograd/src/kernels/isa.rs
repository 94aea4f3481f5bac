//! Selection of the widest vector instructions of the processor at run time: users set no compiler flags.
//!
//! A kernel is a struct whose `run` is always inlined, with loops and formulas, into one entry point for each
//! instruction set, where the compiler generates code for that set. Code that is *not* inlined there is compiled for
//! the baseline, so everything that a kernel calls for each value is `#[inline(always)]`.
//!
//! The arithmetic is the same everywhere: no fused multiply-add, and an order of sums that does not depend on the
//! vector width.

use std::fmt::Debug;

/// A loop over slices, with its inputs and outputs.
pub(crate) trait Kernel {
    /// Implementations are `#[inline(always)]`.
    fn run<I: Isa>(self);
}

/// An instruction set as a type: functions that name it are instantiated, and so inlined, for each set separately.
pub(crate) trait Isa: Debug + Copy + 'static {
    /// Whether formulas are worth computing [by blocks](super::flagged). The baseline of x86-64 holds two numbers at
    /// once and serves few processors: there, blocks would cost a fifth of this crate's compile time.
    const BLOCKS: bool;

    /// Runs, within a kernel, what is seldom needed: out of line, and compiled once for all wide instruction sets.
    fn rarely<K: Kernel>(kernel: K);
}

/// The instructions that every processor of the target has: SSE2 on x86-64, NEON on AArch64.
#[derive(Debug, Clone, Copy)]
pub(super) struct Baseline;
impl Isa for Baseline {
    const BLOCKS: bool = !cfg!(target_arch = "x86_64");

    #[inline(never)]
    fn rarely<K: Kernel>(kernel: K) {
        kernel.run::<Self>();
    }
}

#[cfg(all(target_arch = "x86_64", feature = "simd"))]
#[derive(Debug, Clone, Copy)]
struct Avx2;
#[cfg(all(target_arch = "x86_64", feature = "simd"))]
impl Isa for Avx2 {
    const BLOCKS: bool = true;

    fn rarely<K: Kernel>(kernel: K) {
        // SAFETY: kernels run on this set only after `widest` has found it.
        unsafe { avx2(kernel) }
    }
}

/// Debug builds do without, but for this crate's own tests: its bits are those of the narrower sets, and it takes a sixth of
/// the time to build.
#[cfg(all(target_arch = "x86_64", feature = "simd", any(test, not(debug_assertions))))]
#[derive(Debug, Clone, Copy)]
struct Avx512;
#[cfg(all(target_arch = "x86_64", feature = "simd", any(test, not(debug_assertions))))]
impl Isa for Avx512 {
    const BLOCKS: bool = true;

    fn rarely<K: Kernel>(kernel: K) {
        // SAFETY: kernels run on this set only after `widest` has found it.
        unsafe { avx2(kernel) }
    }
}

/// For fewer values, detecting the processor is not worth its cost.
pub(crate) const FEW: usize = 16;

/// Runs a kernel over about `len` values with the widest instructions available.
#[inline]
pub(crate) fn run<K: Kernel>(len: usize, kernel: K) {
    if len < FEW {
        return baseline(kernel);
    }
    run_within(limit(), kernel);
}

#[inline]
fn baseline<K: Kernel>(kernel: K) {
    kernel.run::<Baseline>();
}

/// Runs a loop of the caller with the widest instructions available; it must be inlined for that, as small closures
/// are.
#[inline(always)]
pub(crate) fn widest_for<R>(f: impl FnOnce() -> R) -> R {
    struct Call<'a, F, R>(F, &'a mut Option<R>);
    impl<F: FnOnce() -> R, R> Kernel for Call<'_, F, R> {
        #[inline(always)]
        fn run<I: Isa>(self) {
            *self.1 = Some((self.0)());
        }
    }
    let mut result = None;
    run_within(limit(), Call(f, &mut result));
    result.expect("every kernel is run")
}

#[cfg(not(test))]
#[inline(always)]
fn limit() -> usize {
    usize::MAX
}

#[cfg(test)]
fn limit() -> usize {
    tests::LIMIT.get()
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

/// The number of instruction sets beyond the baseline that this processor has. The standard library caches the
/// detection.
#[cfg(all(target_arch = "x86_64", feature = "simd"))]
#[inline]
fn widest() -> usize {
    use std::is_x86_feature_detected as has;
    if cfg!(any(test, not(debug_assertions)))
        && has!("avx512f")
        && has!("avx512bw")
        && has!("avx512dq")
        && has!("avx512vl")
    {
        2
    } else {
        usize::from(has!("avx2"))
    }
}

#[cfg(not(all(target_arch = "x86_64", feature = "simd")))]
#[inline]
fn widest() -> usize {
    0
}

/// Runs a kernel with at most the instruction set numbered `limit`, and never with one that the processor lacks.
#[inline]
fn run_within<K: Kernel>(limit: usize, kernel: K) {
    match limit.min(widest()) {
        // SAFETY: `widest` has found the feature.
        #[cfg(all(target_arch = "x86_64", feature = "simd"))]
        1 => unsafe { avx2(kernel) },
        // SAFETY: `widest` has found the features.
        #[cfg(all(target_arch = "x86_64", feature = "simd", any(test, not(debug_assertions))))]
        2 => unsafe { avx512(kernel) },
        _ => baseline(kernel),
    }
}

#[cfg(all(target_arch = "x86_64", feature = "simd"))]
#[target_feature(enable = "avx2")]
fn avx2<K: Kernel>(kernel: K) {
    kernel.run::<Avx2>();
}

#[cfg(all(target_arch = "x86_64", feature = "simd", any(test, not(debug_assertions))))]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512<K: Kernel>(kernel: K) {
    kernel.run::<Avx512>();
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::widest;
    use crate::kernels::centre::Form;
    use crate::kernels::fused::{Elementwise, ElementwiseN, Fused, Kernel};
    use crate::kernels::reduce::{self, Loops};
    use crate::kernels::runs::Runs;
    use crate::kernels::{
        arg_extreme, binary, centre, deviations, elementwise, factors, normalize, scan, scatter, softmax, squares, sums,
    };
    use crate::number::rows::{Binary, Unary};
    use crate::number::{Float, Number};

    thread_local! {
        /// The instruction sets that this test's kernels may use.
        pub(super) static LIMIT: Cell<usize> = const { Cell::new(usize::MAX) };
    }

    /// The bits of `f` with each instruction set; all NaNs count as one, because IEEE 754 leaves the sign of a NaN
    /// open.
    fn same_on_all<T: Float>(what: &str, len: usize, f: impl Fn(&mut [T])) -> Vec<u64> {
        let on = |limit: usize| {
            LIMIT.set(limit);
            let mut out = vec![T::one(); len];
            f(&mut out);
            LIMIT.set(usize::MAX);
            out.iter().map(|y| if y.to_f64().is_nan() { u64::MAX } else { y.to_f64().to_bits() }).collect::<Vec<_>>()
        };
        let baseline = on(0);
        for limit in 1..=widest() {
            assert_eq!(on(limit), baseline, "{what} on instruction set {limit}");
        }
        baseline
    }

    /// Ordinary numbers, edge values, and large arguments; 203 of them, so that blocks have remainders.
    fn points<T: Float>(shift: f64) -> Vec<T> {
        let edges = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e9, -3e6, 1e-310, 89.0, 710.0, -745.0];
        let line = (0..192).map(|i| (f64::from(i) - 96.0) * 0.137 + shift);
        line.chain(edges).map(T::from_f64).collect()
    }

    fn bits<T: Float>(y: T) -> u64 {
        if y.to_f64().is_nan() { u64::MAX } else { y.to_f64().to_bits() }
    }

    fn rows<T: Float>() {
        let (x, other) = (points::<T>(0.3), points::<T>(1.7));
        let args = [1.5, 2.0];
        for row in Unary::ROWS.iter().map(|row| row.row) {
            let value = same_on_all::<T>(row.name(), x.len(), |out| elementwise::unary(row, args, &x, out));
            let alone: Vec<u64> = x.iter().map(|&x| bits(row.value_of_any(x, args))).collect();
            assert_eq!(value, alone, "{} alone and in an array", row.name());
            let y: Vec<T> = x.iter().map(|&x| row.value_of_any(x, args)).collect();
            let slope = same_on_all::<T>(row.name(), x.len(), |out| elementwise::unary_chain(row, args, &x, &y, out));
            let alone: Vec<u64> =
                x.iter().zip(&y).map(|(&x, &y)| bits(row.pass_of_any(x, y, args, T::one()))).collect();
            assert_eq!(slope, alone, "the slope of {} alone and in an array", row.name());
        }
        let runs = Runs::new(&[x.len()], &[x.len()], &[x.len()]);
        for row in Binary::ROWS.iter().map(|row| row.row) {
            same_on_all::<T>(row.name(), x.len(), |out| binary::binary(row, &runs, &x, &other, out));
            for second in [false, true] {
                let chain = |out: &mut [T]| binary::binary_chain(row, second, &runs, &x, &other, &x, out);
                same_on_all::<T>(row.name(), x.len(), chain);
            }
        }
        same_on_all::<T>("select", x.len(), |out| elementwise::select(&x, &other, &x, out));
        same_on_all::<T>("add_assign", x.len(), |out| elementwise::add_assign(out, &x));
    }

    /// Few enough for an interpreter that checks every access.
    #[test]
    fn few_values_have_the_same_bits_on_each_instruction_set() {
        let x = &points::<f64>(0.3)[..19];
        same_on_all::<f64>("exp", x.len(), |out| elementwise::unary(Unary::Exp, [0.0; 2], x, out));
        same_on_all::<f64>("sin", x.len(), |out| elementwise::unary(Unary::Sin, [0.0; 2], x, out));
        same_on_all::<f64>("a fused function", x.len(), |out| Kernel(Wave).run(&[0], &[x], out));
        same_on_all::<f64>("sum", 1, |out| sums::sum(x, Loops { outer: 1, n: x.len(), inner: 1 }, 1.0, out));
        same_on_all::<f64>("softmax", x.len(), |out| {
            softmax::softmax(x, Loops { outer: 1, n: x.len(), inner: 1 }, out)
        });
        assert_eq!(super::widest_for(|| 7), 7);
    }

    #[test]
    fn rows_have_the_same_bits_on_each_instruction_set() {
        rows::<f32>();
        rows::<f64>();
    }

    fn reductions<T: Float>() {
        let x: Vec<T> = (0..30_000).map(|i| T::from_f64(f64::from(i * 7 % 1_009).sin() * 3.0)).collect();
        for (outer, n, inner) in [(1, 30_000, 1), (3_000, 10, 1), (30, 10, 100), (10, 1_500, 2)] {
            let loops = Loops { outer, n, inner };
            let (small, all) = (outer * inner, x.len());
            same_on_all::<T>("sum", small, |out| sums::sum(&x, loops, 7.0, out));
            same_on_all::<T>("max", small, |out| reduce::extreme(&x, loops, true, out));
            same_on_all::<T>("logsumexp", small, |out| softmax::log_sum_exp(&x, loops, out, None));
            same_on_all::<T>("prod", small, |out| factors::product(&x, loops, out));
            same_on_all::<T>("prod_of_others", all, |out| factors::product_of_others(&x, loops, out));
            for root in [false, true] {
                same_on_all::<T>("squares", small, |out| squares::squares(&x, loops, 3.0, root, out));
            }
            same_on_all::<T>("argmax", small, |out| {
                let mut at = vec![0; small];
                arg_extreme::arg_extreme(&x, loops, true, &mut at);
                out.iter_mut().zip(at).for_each(|(out, at)| *out = T::from_f64(at as f64));
            });
            same_on_all::<T>("deviations", all, |out| deviations::deviations(&x, loops, out));
            let indices: Vec<usize> = (0..n).map(|j| j * 7 % 5).collect();
            let few = Loops { n: 5, ..loops };
            same_on_all::<T>("add_rows", 5 * small, |out| scatter::add_rows(&x, few, &indices, out));
            let mut top = vec![T::zero(); small];
            reduce::extreme(&x, loops, true, &mut top);
            same_on_all::<T>("tie_share", all, |out| reduce::tie_share(&x, &top, loops, out));
            same_on_all::<T>("log_softmax", all, |out| softmax::log_softmax(&x, loops, out, None));
            let mut p = vec![T::zero(); all];
            softmax::softmax(&x, loops, &mut p);
            let alone = same_on_all::<T>("softmax", all, |out| softmax::softmax(&x, loops, out));
            let kept = same_on_all::<T>("logsumexp and its slopes", small + all, |out| {
                let (out, slopes) = out.split_at_mut(small);
                softmax::log_sum_exp(&x, loops, out, Some(slopes));
            });
            assert_eq!(kept[small..], alone, "the slopes of logsumexp");
            let kept = same_on_all::<T>("log_softmax and softmax", 2 * all, |out| {
                let (out, kept) = out.split_at_mut(all);
                softmax::log_softmax(&x, loops, out, Some(kept));
            });
            assert_eq!(kept[all..], alone, "softmax beside its logarithm");
            for form in [Form::Plain, Form::Transposed, Form::Weighted] {
                let apart = same_on_all::<T>("centre", all, |out| centre::centre(&p, &x, loops, form, out));
                if form == Form::Transposed {
                    let in_place = same_on_all::<T>("centre in place", all, |out| {
                        out.copy_from_slice(&x);
                        centre::centre_in_place(&p, loops, out);
                    });
                    assert_eq!(in_place, apart, "in place and apart");
                }
            }
            for reverse in [false, true] {
                same_on_all::<T>("cumsum", all, |out| scan::cumulative_sum(&x, loops, reverse, out));
            }
            same_on_all::<T>("scaled lines", all, |out| {
                out.copy_from_slice(&x);
                softmax::scale_lines(out, loops, &top);
            });
        }
        let eps = T::from_f64(1e-3);
        same_on_all::<T>("normalize", x.len(), |out| normalize::normalize(&x, 100, eps, out));
        same_on_all::<T>("inverse_deviation", x.len() / 100, |out| normalize::inverse_deviation(&x, 100, eps, out));
        same_on_all::<T>("normalize_gradient", x.len(), |out| normalize::normalize_gradient(&x, &x, 100, eps, out));
        for n in [10, 1_500] {
            let classes: Vec<usize> = (0..x.len() / n).map(|i| i % n).collect();
            let rows = classes.len();
            let value =
                same_on_all::<T>("cross_entropy", rows, |out| softmax::cross_entropy(&x, &classes, Some(out), None));
            let slopes =
                same_on_all::<T>("cross_entropy", x.len(), |out| softmax::cross_entropy(&x, &classes, None, Some(out)));
            let both = same_on_all::<T>("cross_entropy", rows + x.len(), |out| {
                let (out, slopes) = out.split_at_mut(rows);
                softmax::cross_entropy(&x, &classes, Some(out), Some(slopes));
            });
            assert_eq!(both, [value, slopes].concat(), "at once and one by one");
        }
    }

    #[test]
    fn reductions_have_the_same_bits_on_each_instruction_set() {
        reductions::<f32>();
        reductions::<f64>();
    }

    /// A sine decides a branch and is then discarded: for large arguments the whole block must still be computed
    /// again.
    #[derive(Clone, Copy)]
    struct Wave;

    impl Elementwise for Wave {
        #[inline(always)]
        fn f<N: Number>(self, x: N) -> N {
            x.sin().greater(N::constant(0.0)).select((x * x).tanh(), x.exp())
        }
    }

    /// Of several inputs, with a decision and a sine.
    #[derive(Clone, Copy)]
    struct Tides;

    impl ElementwiseN<3> for Tides {
        #[inline(always)]
        fn f<N: Number>(self, [x, y, z]: [N; 3]) -> N {
            x.greater(y).select((x * y).tanh(), y.sin()) / (N::constant(2.0) + z.cos())
        }
    }

    #[test]
    fn fused_functions_have_the_same_bits_on_each_instruction_set() {
        let x = points::<f64>(0.3);
        let kernel = Kernel(Wave);
        for wrt in [&[][..], &[0], &[0, 0], &[0, 0, 0]] {
            same_on_all("a fused function", x.len(), |out| kernel.run(wrt, &[&x], out));
        }
        let value = same_on_all("a fused function", x.len(), |out| kernel.run(&[], &[&x], out));
        let alone: Vec<u64> = x.iter().map(|&x| bits(ElementwiseN::f(Wave, [x]))).collect();
        assert_eq!(value, alone, "alone and in an array");
        let both = same_on_all::<f64>("a fused function and its derivative", 2 * x.len(), |out| {
            let (y, slope) = out.split_at_mut(x.len());
            kernel.run_with_slopes(&[&x], y, slope);
        });
        let slope = same_on_all("a fused function", x.len(), |out| kernel.run(&[0], &[&x], out));
        let finite = &x[..192]; // the edges make NaN
        same_on_all::<f64>("the sum of a fused function, and its derivative", 1 + finite.len(), |out| {
            let (sum, slope) = out.split_at_mut(1);
            sum[0] = kernel.sum_with_slope(finite, slope);
            assert!(sum[0].is_finite());
        });
        assert_eq!(both, [value, slope].concat(), "in one pass and in two");

        let (other, kernel) = (points::<f64>(1.7), Kernel(Tides));
        let inputs = [&x[..], &other, &x];
        let all = same_on_all::<f64>("a fused function of three and its derivatives", 4 * x.len(), |out| {
            let (y, slopes) = out.split_at_mut(x.len());
            kernel.run_with_slopes(&inputs, y, slopes);
        });
        let one = |wrt: &[u8]| same_on_all::<f64>("one of these", x.len(), |out| kernel.run(wrt, &inputs, out));
        assert_eq!(all, [one(&[]), one(&[0]), one(&[1]), one(&[2])].concat(), "in one pass and in four");
    }
}
