//! User-defined elementwise functions as kernels: one pass over the inputs, for the value or a derivative.

use std::fmt;

use super::flagged::{Formula, Operand, array_of, each, one_by_one};
use super::isa;
use super::slopes::{WithSlopes, each_with_slopes};
use super::sums::{BLOCK, PairwiseSum, row_sum};
use crate::math::Real;
use crate::number::dual::{Dual, Partials};
use crate::number::instances::{is_f32, same};
use crate::number::{Float, Number};

/// A function of one number, written once over [`Number`] and run over whole arrays in one pass.
///
/// The type holds the function's constants. Mark `f` as `#[inline(always)]`: it is compiled for each instruction set
/// of the processor's family by inlining, and is ten times slower without. Derivatives come from dual numbers and are
/// fused too, up to the third order; the third is compiled once, for every processor. Higher ones are computed from the formula's
/// operations, to any order, and are slower.
///
/// ```
/// use autograd::{Elementwise, Number, Tape};
///
/// #[derive(Clone, Copy)]
/// struct Swish { beta: f64 }
///
/// impl Elementwise for Swish {
///     #[inline(always)]
///     fn f<N: Number>(self, x: N) -> N {
///         x / (N::one() + (-x * N::constant(self.beta)).exp())
///     }
/// }
///
/// let tape = Tape::new();
/// let x = tape.var([0.0, 1.0]);
/// let y = x.map(Swish { beta: 1.0 });
/// assert!(y.value().is_close(&x.silu().value(), 1e-15));
/// assert!(y.sum().backward()[x].is_close(&x.silu().sum().backward()[x], 1e-15));
/// ```
pub trait Elementwise: Copy + Send + Sync + 'static {
    /// The function.
    fn f<N: Number>(self, x: N) -> N;
}

/// [`Elementwise`] for several inputs, up to 256; slopes of up to eight are computed in the pass of the value.
///
/// ```
/// use autograd::{ElementwiseN, Number, Tape, Var};
///
/// #[derive(Clone, Copy)]
/// struct Gaussian;
///
/// impl ElementwiseN<3> for Gaussian {
///     #[inline(always)]
///     fn f<N: Number>(self, [x, mean, width]: [N; 3]) -> N {
///         (-((x - mean) / width).square()).exp()
///     }
/// }
///
/// let tape = Tape::new();
/// let (x, mean, width) = (tape.var([0.0, 1.0, 2.0]), tape.var([1.0]), tape.var([2.0]));
/// let y = Var::zip_map([x, mean, width], Gaussian);
/// assert_eq!(y.value().get([1]), 1.0);
/// ```
pub trait ElementwiseN<const K: usize>: Copy + Send + Sync + 'static {
    /// The function.
    fn f<N: Number>(self, x: [N; K]) -> N;
}

impl<E: Elementwise> ElementwiseN<1> for E {
    #[inline(always)]
    fn f<N: Number>(self, [x]: [N; 1]) -> N {
        Elementwise::f(self, x)
    }
}

/// A function of `K` numbers that gives `M`, elementwise: see [`Var::map_many`](crate::Var::map_many) and
/// [`Scalar::map_many`](crate::Scalar::map_many).
///
/// What the results share is computed once, and so are all their partial derivatives, in the same pass.
///
/// ```
/// use autograd::{ElementwiseMany, Number, Tape, Var};
///
/// #[derive(Clone, Copy)]
/// struct Polar;
///
/// impl ElementwiseMany<2, 2> for Polar {
///     #[inline(always)]
///     fn f<N: Number>(self, [radius, angle]: [N; 2]) -> [N; 2] {
///         [radius * angle.cos(), radius * angle.sin()]
///     }
/// }
///
/// let tape = Tape::new();
/// let (radius, angle) = (tape.var([2.0, 3.0]), tape.var([0.0]));
/// let [x, y] = Var::map_many([radius, angle], Polar);
/// assert_eq!((x.value().to_vec(), y.value().to_vec()), (vec![2.0, 3.0], vec![0.0, 0.0]));
/// assert_eq!(y.sum().backward()[angle].to_vec(), [5.0]); // ∂y/∂angle = radius·cos(angle)
/// ```
pub trait ElementwiseMany<const K: usize, const M: usize>: Copy + Send + Sync + 'static {
    /// The results for one element of each input.
    fn f<N: Number>(self, x: [N; K]) -> [N; M];
}

/// One result of such a function, as a function by itself.
#[derive(Clone, Copy)]
pub(crate) struct Output<F, const M: usize> {
    pub(crate) f: F,
    pub(crate) at: usize,
}

impl<F: ElementwiseMany<K, M>, const K: usize, const M: usize> ElementwiseN<K> for Output<F, M> {
    #[inline(always)]
    fn f<N: Number>(self, x: [N; K]) -> N {
        self.f.f(x)[self.at]
    }
}

/// The highest order of derivatives that are fused.
pub(crate) const ORDERS: usize = 3;

/// The largest number of inputs of a function that computes its value and its slopes in one pass. The work grows with
/// the square of that number, and so does the code.
pub(crate) const KEPT: usize = 8;

/// A function with its type erased, over arrays of `T`.
pub(crate) trait Fused<T>: Send + Sync {
    /// `out[i] = ∂f/∂x_wrt₀∂x_wrt₁… at (x₀[i], x₁[i], …)`; the value if `wrt` is empty.
    fn run(&self, wrt: &[u8], x: &[&[T]], out: &mut [T]);
    /// The values and the partial derivatives in one pass, one derivative after another in `slopes`. The function has
    /// at most [`KEPT`] inputs.
    fn run_with_slopes(&self, x: &[&[T]], y: &mut [T], slopes: &mut [T]);
    /// The sum of the values of a function of one input, and the derivatives, in one pass that writes no values.
    fn sum_with_slope(&self, x: &[T], slope: &mut [T]) -> T;
}

/// Derivatives of any order, by the operations of a function of `K` inputs: a tape records them, and its sweeps differentiate.
pub(crate) trait ByOperations<T, const K: usize> {
    /// As [`Fused::run`].
    fn higher(self, wrt: &[u8], x: &[&[T]], out: &mut [T]);
}

/// A function of `K` inputs as a [`Fused`] function.
pub(crate) struct Kernel<F, const K: usize>(pub(crate) F);

impl<F: ElementwiseN<K>, T: Float, const K: usize> Fused<T> for Kernel<F, K>
where
    F: ByOperations<T, K>,
{
    fn run(&self, wrt: &[u8], x: &[&[T]], out: &mut [T]) {
        let (f, arrays) = (self.0, x);
        let x = array_of(|k| Operand::each(arrays[k]));
        match *wrt {
            [] => each(Derivative(f, []), x, out),
            [i] => each(Derivative(f, [i]), x, out),
            [i, j] => each(Derivative(f, [i, j]), x, out),
            // Rarely used, and the longest code of all: it lengthened the compilation of a program with one function
            // by a third.
            [i, j, k] => one_by_one(Derivative(f, [i, j, k]), x, out),
            _ => f.higher(wrt, arrays, out),
        }
    }

    fn run_with_slopes(&self, x: &[&[T]], y: &mut [T], slopes: &mut [T]) {
        // With more inputs no slopes are kept, and nothing is compiled.
        if K <= KEPT {
            isa::run(y.len(), PassWithSlopes(self.0, array_of(|k| x[k]), y, slopes));
        }
    }

    fn sum_with_slope(&self, x: &[T], slope: &mut [T]) -> T {
        let mut sum = T::zero();
        if K == 1 {
            isa::run(x.len(), SumWithSlope(self.0, x, &mut sum, slope));
        }
        sum
    }
}

/// A function of `K` inputs that is rarely run over arrays: no vector code is compiled for it.
pub(crate) struct OneByOne<F, const K: usize>(pub(crate) F);

impl<F: ElementwiseN<K>, T: Float, const K: usize> Fused<T> for OneByOne<F, K>
where
    F: ByOperations<T, K>,
{
    fn run(&self, wrt: &[u8], x: &[&[T]], out: &mut [T]) {
        match *wrt {
            [] => one_by_one(Derivative(self.0, []), array_of(|k| Operand::each(x[k])), out),
            _ => self.0.higher(wrt, x, out),
        }
    }

    fn run_with_slopes(&self, x: &[&[T]], y: &mut [T], slopes: &mut [T]) {
        self.run(&[], x, y);
        for (k, slopes) in slopes.chunks_mut(y.len().max(1)).enumerate() {
            self.run(&[k as u8], x, slopes);
        }
    }

    fn sum_with_slope(&self, x: &[T], slope: &mut [T]) -> T {
        self.run(&[0], &[x], slope);
        let mut y = vec![T::zero(); x.len()];
        self.run(&[], &[x], &mut y);
        row_sum(&y, |y| y)
    }
}

/// A function over arrays of either type, for a tape of any type.
pub(crate) trait FusedForAll: Fused<f32> + Fused<f64> {}

impl<F: Fused<f32> + Fused<f64>> FusedForAll for F {}

impl fmt::Debug for dyn FusedForAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fused function")
    }
}

impl dyn FusedForAll {
    /// The function over arrays of `T`.
    pub(crate) fn of<T: Float>(&self) -> &dyn Fused<T> {
        if is_f32::<T>() {
            // SAFETY: `T` is `f32`, so the two trait objects have one type.
            unsafe { same(self as &dyn Fused<f32>) }
        } else {
            // SAFETY: `T` is `f64`, so the two trait objects have one type.
            unsafe { same(self as &dyn Fused<f64>) }
        }
    }
}

/// One pass of a function together with its partial derivatives.
struct PassWithSlopes<'a, F, T, const K: usize>(F, [&'a [T]; K], &'a mut [T], &'a mut [T]);

impl<F: ElementwiseN<K>, T: Float, const K: usize> isa::Kernel for PassWithSlopes<'_, F, T, K> {
    #[inline(always)]
    fn run<I: isa::Isa>(self) {
        each_with_slopes::<I, T, _, K, 1>(Both(self.0), self.1, [self.2], [self.3]);
    }
}

/// [`PassWithSlopes`] of one input whose values are only summed, in the order in which [`sum`](super::sums::sum) adds.
struct SumWithSlope<'a, F, T, const K: usize>(F, &'a [T], &'a mut T, &'a mut [T]);

impl<F: ElementwiseN<K>, T: Float, const K: usize> isa::Kernel for SumWithSlope<'_, F, T, K> {
    #[inline(always)]
    fn run<I: isa::Isa>(self) {
        let SumWithSlope(f, x, sum, slope) = self;
        let mut y = [T::zero(); BLOCK]; // stays in the first-level cache
        let mut sums = PairwiseSum::<T>::default();
        for (x, slope) in x.chunks(BLOCK).zip(slope.chunks_mut(BLOCK)) {
            let y = &mut y[..x.len()];
            each_with_slopes::<I, T, _, K, 1>(Both(f), [x; K], [&mut *y], [slope]);
            sums.add([row_sum(y, |y| y)]);
        }
        [*sum] = sums.total();
    }
}

/// A function evaluated on numbers with all their derivatives.
#[derive(Clone, Copy)]
struct Both<F>(F);

impl<F: ElementwiseN<K>, const K: usize> WithSlopes<K, 1> for Both<F> {
    #[inline(always)]
    fn at<N: Real + Number>(self, x: [N; K]) -> [(N, [N; K]); 1] {
        let Partials { value, derivatives } = self.0.f(Partials::variables(x));
        [(value, derivatives)]
    }
}

/// The same of several results.
#[derive(Clone, Copy)]
struct AllBoth<F>(F);

impl<F: ElementwiseMany<K, M>, const K: usize, const M: usize> WithSlopes<K, M> for AllBoth<F> {
    #[inline(always)]
    fn at<N: Real + Number>(self, x: [N; K]) -> [(N, [N; K]); M] {
        let all = self.0.f(Partials::variables(x));
        array_of(|m| (all[m].value, all[m].derivatives))
    }
}

/// All results and all their partial derivatives in one pass, those of a result one after another in `slopes`.
pub(crate) fn run_many<T: Float, F: ElementwiseMany<K, M>, const K: usize, const M: usize>(
    f: F,
    x: [&[T]; K],
    y: [&mut [T]; M],
    slopes: [&mut [T]; M],
) {
    struct Pass<'a, F, T, const K: usize, const M: usize>(F, [&'a [T]; K], [&'a mut [T]; M], [&'a mut [T]; M]);
    impl<F: ElementwiseMany<K, M>, T: Float, const K: usize, const M: usize> isa::Kernel for Pass<'_, F, T, K, M> {
        #[inline(always)]
        fn run<I: isa::Isa>(self) {
            each_with_slopes::<I, T, _, K, M>(AllBoth(self.0), self.1, self.2, self.3);
        }
    }
    isa::run(x[0].len(), Pass(f, x, y, slopes));
}

/// A function differentiated with respect to the numbered inputs.
#[derive(Clone, Copy)]
struct Derivative<F, const ORDER: usize>(F, [u8; ORDER]);

macro_rules! derivative {
    ($order:literal: |$f:ident, $x:ident, $i:pat_param| $result:expr) => {
        impl<F: ElementwiseN<K>, const K: usize> Formula<K> for Derivative<F, $order> {
            const DECIDES: bool = true; // it may
            const SHORTCUTS: bool = false;

            #[inline(always)]
            fn at<N: Real + Number>(self, $x: [N; K], _: N) -> N {
                let Derivative($f, $i) = self;
                $result
            }
        }
    };
}
derivative!(0: |f, x, []| f.f(x));
derivative!(1: |f, x, [i]| f.f(seeded(x, i)).derivative);
derivative!(2: |f, x, [i, j]| f.f(seeded(seeded(x, i), j)).derivative.derivative);
derivative!(3: |f, x, [i, j, k]| f.f(seeded(seeded(seeded(x, i), j), k)).derivative.derivative.derivative);

/// The inputs as dual numbers; only the one numbered `variable` has a derivative of 1.
#[inline(always)]
fn seeded<N: Number, const K: usize>(x: [N; K], variable: u8) -> [Dual<N>; K] {
    // A single input always moves; since the compiler knows this, products with 1 disappear.
    let moves = |k: usize| K == 1 || k == usize::from(variable);
    array_of(|k| Dual::new(x[k], if moves(k) { N::one() } else { N::zero() }))
}
