//! The table's rows over slices, with broadcasting.
//!
//! Each kernel is one loop, instantiated for each row, so that a row's formula is inlined into it.

use std::marker::PhantomData;

use smallvec::SmallVec;

use super::isa::{self, Isa, Kernel, kernel};
use super::math::Real;
use super::watched::{Formula, each, few};
use crate::number::{Float, Number};
use crate::ops::rows::{Args, Binary, BinaryRow, BinaryVisitor, Unary, UnaryRow, UnaryVisitor};
use crate::shape::count;

/// A row with its plain numbers, as the formula of its value or of its derivative.
#[derive(Clone, Copy)]
struct Value<R>(Args, PhantomData<R>);
#[derive(Clone, Copy)]
struct Slope<R>(Args, PhantomData<R>);

impl<R: UnaryRow> Formula<1> for Value<R> {
    const WAVES: bool = R::WAVES;

    #[inline(always)]
    fn at<N: Real + Number>(self, [x]: [N; 1]) -> N {
        R::value(x, self.0)
    }
}

impl<R: UnaryRow> Formula<2> for Slope<R> {
    const WAVES: bool = R::WAVES;

    #[inline(always)]
    fn at<N: Real + Number>(self, [x, y]: [N; 2]) -> N {
        R::derivative(x, y, self.0)
    }
}

/// `out[i] = row(x[i])`
pub(crate) fn unary<T: Float>(row: Unary, args: Args, x: &[T], out: &mut [T]) {
    struct Map<'a, T>(Args, &'a [T], &'a mut [T]);
    impl<T: Float> UnaryVisitor for Map<'_, T> {
        type Out = ();
        #[inline(always)]
        fn visit<R: UnaryRow>(self) {
            if self.2.len() < isa::FEW {
                let Map(args, x, out) = self;
                return few(Value::<R>(args, PhantomData), [x], out, |out, y| *out = y);
            }
            isa::run(self.2.len(), Loop::<R, _>(self, PhantomData));
        }
    }
    struct Loop<R, M>(M, PhantomData<R>);
    impl<R: UnaryRow, T: Float> Kernel for Loop<R, Map<'_, T>> {
        #[inline(always)]
        fn run<I: Isa>(self) {
            let Map(args, x, out) = self.0;
            each::<I, T, _, 1>(Value::<R>(args, PhantomData), [x], out, |out, y| *out = y);
        }
    }
    row.dispatch(Map(args, x, out));
}

/// `dy[i] = dy[i] · row′(x[i], y[i])`: the incoming gradient becomes the outgoing one in place.
pub(crate) fn unary_chain<T: Float>(row: Unary, args: Args, x: &[T], y: &[T], dy: &mut [T]) {
    struct Chain<'a, T>(Args, &'a [T], &'a [T], &'a mut [T]);
    impl<T: Float> UnaryVisitor for Chain<'_, T> {
        type Out = ();
        #[inline(always)]
        fn visit<R: UnaryRow>(self) {
            if self.3.len() < isa::FEW {
                let Chain(args, x, y, dy) = self;
                return few(Slope::<R>(args, PhantomData), [x, y], dy, |dy, slope| *dy = dy.chain(slope));
            }
            isa::run(self.3.len(), Loop::<R, _>(self, PhantomData));
        }
    }
    struct Loop<R, C>(C, PhantomData<R>);
    impl<R: UnaryRow, T: Float> Kernel for Loop<R, Chain<'_, T>> {
        #[inline(always)]
        fn run<I: Isa>(self) {
            let Chain(args, x, y, dy) = self.0;
            each::<I, T, _, 2>(Slope::<R>(args, PhantomData), [x, y], dy, |dy, slope| *dy = dy.chain(slope));
        }
    }
    row.dispatch(Chain(args, x, y, dy));
}

/// `out = row(a, b)`, the operands stretched by `runs`.
pub(crate) fn binary<T: Float>(row: Binary, runs: &Runs, a: &[T], b: &[T], out: &mut [T]) {
    struct Map<'a, T>(&'a Runs, &'a [T], &'a [T], &'a mut [T]);
    impl<T: Float> BinaryVisitor for Map<'_, T> {
        type Out = ();
        #[inline(always)]
        fn visit<R: BinaryRow>(self) {
            let Map(runs, a, b, out) = self;
            if let &Runs::Same(..isa::FEW) = runs {
                return out.iter_mut().zip(a).zip(b).for_each(|((out, &a), &b)| *out = R::value(a, b));
            }
            isa::run(out.len(), Loop::<R, _>(Map(runs, a, b, out), PhantomData));
        }
    }
    struct Loop<R, M>(M, PhantomData<R>);
    impl<R: BinaryRow, T: Float> Kernel for Loop<R, Map<'_, T>> {
        #[inline(always)]
        fn run<I: Isa>(self) {
            let Map(runs, a, b, out) = self.0;
            runs.for_each(|run| {
                let out = &mut out[run.out..run.out + run.len];
                match (run.step_a, run.step_b) {
                    (1, 1) => {
                        for ((out, &a), &b) in out.iter_mut().zip(&a[run.a..]).zip(&b[run.b..]) {
                            *out = R::value(a, b);
                        }
                    }
                    (1, _) => {
                        let b = b[run.b];
                        for (out, &a) in out.iter_mut().zip(&a[run.a..]) {
                            *out = R::value(a, b);
                        }
                    }
                    (_, 1) => {
                        let a = a[run.a];
                        for (out, &b) in out.iter_mut().zip(&b[run.b..]) {
                            *out = R::value(a, b);
                        }
                    }
                    _ => out.fill(R::value(a[run.a], b[run.b])),
                }
            });
        }
    }
    row.dispatch(Map(runs, a, b, out));
}

/// `dy = dy · ∂row/∂a` (or `∂row/∂b` if `second`), in place and in the result's shape.
pub(crate) fn binary_chain<T: Float>(row: Binary, second: bool, runs: &Runs, a: &[T], b: &[T], y: &[T], dy: &mut [T]) {
    struct Chain<'a, T>(bool, &'a Runs, &'a [T], &'a [T], &'a [T], &'a mut [T]);
    impl<T: Float> BinaryVisitor for Chain<'_, T> {
        type Out = ();
        #[inline(always)]
        fn visit<R: BinaryRow>(self) {
            let Chain(second, runs, a, b, y, dy) = self;
            if let &Runs::Same(..isa::FEW) = runs {
                for (((dy, &y), &a), &b) in dy.iter_mut().zip(y).zip(a).zip(b) {
                    let (da, db) = R::partials(a, b, y);
                    *dy = dy.chain(if second { db } else { da });
                }
                return;
            }
            isa::run(dy.len(), Loop::<R, _>(Chain(second, runs, a, b, y, dy), PhantomData));
        }
    }
    struct Loop<R, C>(C, PhantomData<R>);
    impl<R: BinaryRow, T: Float> Kernel for Loop<R, Chain<'_, T>> {
        #[inline(always)]
        fn run<I: Isa>(self) {
            let Chain(second, runs, a, b, y, dy) = self.0;
            // The partial that is not asked for is not computed.
            let slope = |a: T, b: T, y: T| {
                let (da, db) = R::partials(a, b, y);
                if second { db } else { da }
            };
            runs.for_each(|run| {
                let (y, dy) = (&y[run.out..run.out + run.len], &mut dy[run.out..run.out + run.len]);
                match (run.step_a, run.step_b) {
                    (1, 1) => {
                        for (((dy, &y), &a), &b) in dy.iter_mut().zip(y).zip(&a[run.a..]).zip(&b[run.b..]) {
                            *dy = dy.chain(slope(a, b, y));
                        }
                    }
                    (1, _) => {
                        let b = b[run.b];
                        for ((dy, &y), &a) in dy.iter_mut().zip(y).zip(&a[run.a..]) {
                            *dy = dy.chain(slope(a, b, y));
                        }
                    }
                    (_, 1) => {
                        let a = a[run.a];
                        for ((dy, &y), &b) in dy.iter_mut().zip(y).zip(&b[run.b..]) {
                            *dy = dy.chain(slope(a, b, y));
                        }
                    }
                    _ => {
                        let (a, b) = (a[run.a], b[run.b]);
                        for (dy, &y) in dy.iter_mut().zip(y) {
                            *dy = dy.chain(slope(a, b, y));
                        }
                    }
                }
            });
        }
    }
    row.dispatch(Chain(second, runs, a, b, y, dy));
}

/// `sum += dy · ∂row/∂a` (or `∂row/∂b` if `second`), all of one shape.
pub(crate) fn binary_chain_add<T: Float>(row: Binary, second: bool, [a, b, y]: [&[T]; 3], dy: &[T], sum: &mut [T]) {
    struct Chain<'a, T>(bool, [&'a [T]; 4], &'a mut [T]);
    impl<T: Float> BinaryVisitor for Chain<'_, T> {
        type Out = ();
        #[inline(always)]
        fn visit<R: BinaryRow>(self) {
            isa::run(self.2.len(), Loop::<R, _>(self, PhantomData));
        }
    }
    struct Loop<R, C>(C, PhantomData<R>);
    impl<R: BinaryRow, T: Float> Kernel for Loop<R, Chain<'_, T>> {
        #[inline(always)]
        fn run<I: Isa>(self) {
            let Chain(second, [a, b, y, dy], sum) = self.0;
            for ((((sum, &dy), &y), &a), &b) in sum.iter_mut().zip(dy).zip(y).zip(a).zip(b) {
                let (da, db) = R::partials(a, b, y);
                *sum = *sum + dy.chain(if second { db } else { da });
            }
        }
    }
    row.dispatch(Chain(second, [a, b, y, dy], sum));
}

kernel! {
    /// `out = mask ? a : b`, all of one shape.
    fn select<'a, T>(mask: &'a [T], a: &'a [T], b: &'a [T], out: &'a mut [T]) for out.len(), {
        for (((out, &mask), &a), &b) in out.iter_mut().zip(mask).zip(a).zip(b) {
            *out = mask.select(a, b);
        }
    }
}

kernel! {
    /// `out += x`
    fn add_assign<'a, T>(out: &'a mut [T], x: &'a [T]) for out.len(), {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = *out + x;
        }
    }
}

/// How two operands are walked to fill a result: an inner run of `len` values, and loops around it.
///
/// Axes over which both operands advance alike are merged, so that equal shapes give one run, and adding a bias to a
/// batch gives one run a row.
#[derive(Debug)]
pub(crate) enum Runs {
    /// Two operands with the result's shape, of so many values.
    Same(usize),
    /// (length, step of a, step of b) from the outermost axis to the innermost.
    Axes(SmallVec<[(usize, usize, usize); 4]>),
}

/// One inner run: where it starts in the result and the operands, and whether an operand advances (1) or repeats (0).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) out: usize,
    pub(crate) a: usize,
    pub(crate) b: usize,
    pub(crate) len: usize,
    pub(crate) step_a: usize,
    pub(crate) step_b: usize,
}

impl Runs {
    /// Operands of shapes `a` and `b` that broadcast to `out`.
    pub(crate) fn new(out: &[usize], a: &[usize], b: &[usize]) -> Runs {
        if a == out && b == out || out.contains(&0) {
            return Runs::Same(count(out));
        }
        let mut axes: SmallVec<[(usize, usize, usize); 4]> = SmallVec::new();
        let (mut next_a, mut next_b) = (1, 1);
        for i in (0..out.len()).rev() {
            let n = out[i];
            let step = |shape: &[usize], next: &mut usize| {
                let len = (i + shape.len()).checked_sub(out.len()).map_or(1, |i| shape[i]);
                let step = if len == 1 { 0 } else { *next };
                *next *= len;
                step
            };
            let (step_a, step_b) = (step(a, &mut next_a), step(b, &mut next_b));
            if n == 1 {
                continue;
            }
            match axes.last_mut() {
                Some(last) if step_a == last.1 * last.0 && step_b == last.2 * last.0 => last.0 *= n,
                _ => axes.push((n, step_a, step_b)),
            }
        }
        if axes.is_empty() {
            axes.push((1, 1, 1));
        }
        axes.reverse();
        Runs::Axes(axes)
    }

    /// Calls `f` for each inner run.
    #[inline(always)]
    pub(crate) fn for_each(&self, mut f: impl FnMut(Run)) {
        let one;
        let axes = match self {
            Runs::Same(len) => {
                one = [(*len, 1, 1)];
                &one[..]
            }
            Runs::Axes(axes) => axes,
        };
        let (&(len, step_a, step_b), outer) = axes.split_last().expect("at least one axis");
        let count: usize = outer.iter().map(|axis| axis.0).product();
        if len == 0 || count == 0 {
            return;
        }
        let mut run = Run { out: 0, a: 0, b: 0, len, step_a, step_b };
        let mut index: SmallVec<[usize; 4]> = SmallVec::new();
        if !outer.is_empty() {
            index.resize(outer.len(), 0);
        }
        for _ in 0..count {
            f(run);
            run.out += len;
            for (i, &(n, step_a, step_b)) in outer.iter().enumerate().rev() {
                index[i] += 1;
                run.a += step_a;
                run.b += step_b;
                if index[i] < n {
                    break;
                }
                index[i] = 0;
                run.a -= n * step_a;
                run.b -= n * step_b;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The plain algorithm: index arithmetic for each value.
    fn slow(out: &[usize], a: &[usize], b: &[usize]) -> Vec<(usize, usize)> {
        let numel: usize = out.iter().product();
        let offset = |shape: &[usize], mut flat: usize| {
            let (mut offset, mut stride) = (0, 1);
            for i in (0..out.len()).rev() {
                let index = flat % out[i];
                flat /= out[i];
                if let Some(i) = (i + shape.len()).checked_sub(out.len()) {
                    offset += if shape[i] == 1 { 0 } else { index * stride };
                    stride *= shape[i];
                }
            }
            offset
        };
        (0..numel).map(|i| (offset(a, i), offset(b, i))).collect()
    }

    #[test]
    fn runs_visit_what_index_arithmetic_visits() {
        let shapes: &[(&[usize], &[usize], &[usize])] = &[
            (&[2, 3], &[2, 3], &[2, 3]),
            (&[2, 3], &[3], &[2, 1]),
            (&[2, 3, 4], &[3, 1], &[2, 1, 4]),
            (&[2, 3, 4], &[2, 3, 4], &[4]),
            (&[2, 3, 4], &[], &[3, 4]),
            (&[1, 1], &[1], &[1, 1]),
            (&[2, 1, 3], &[2, 1, 3], &[1, 1, 3]),
            (&[0, 3], &[3], &[0, 3]),
            (&[2, 2, 2, 2], &[2, 1, 2, 1], &[1, 2, 1, 2]),
        ];
        for &(out, a, b) in shapes {
            let mut fast = vec![];
            Runs::new(out, a, b).for_each(|run| {
                assert_eq!(run.out, fast.len());
                fast.extend((0..run.len).map(|i| (run.a + i * run.step_a, run.b + i * run.step_b)));
            });
            assert_eq!(fast, slow(out, a, b), "{out:?} {a:?} {b:?}");
        }
    }
}
