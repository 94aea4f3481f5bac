//! The table's rows of two inputs over slices, with broadcasting.

use std::marker::PhantomData;
use std::ops::Range;

use super::elementwise::map;
use super::flagged::{self, Formula, Operand, array_of};
use super::isa::{self, FEW, Isa, Kernel};
use super::runs::{Few, MOST, Runs};
use crate::math::Real;
use crate::number::passing::Passing;
use crate::number::rows::{Binary, BinaryRow, BinaryVisitor};
use crate::number::{Float, Number};

/// The value of a binary row as a formula.
#[derive(Clone, Copy)]
struct ValueOfTwo<R>(PhantomData<R>);

impl<R: BinaryRow> Formula<2> for ValueOfTwo<R> {
    const DECIDES: bool = R::NEAR;
    const SHORTCUTS: bool = true;
    const MIXED: bool = R::MIXED;

    #[inline(always)]
    fn at<N: Real + Number>(self, [a, b]: [N; 2], _: N) -> N {
        R::value(a, b)
    }
}

/// A loop over part of the results: its operands, and which results they are.
type OnStretch<'f, T> = dyn for<'x> FnMut([Operand<'x, T>; 2], Range<usize>) + 'f;

/// Calls `f` for all results in order: for each long run, and for short runs together, whose operands are copied side by
/// side. A call costs as much as some hundred values. This is compiled once for all rows.
#[inline(never)]
fn stretches<T: Float>(runs: &Runs, a: &[T], b: &[T], f: &mut OnStretch<'_, T>) {
    const LONG: usize = 256;
    let axes = match runs {
        Runs::Axes(axes) => axes,
        &Runs::Same(len) => {
            return if len > 0 {
                f([a, b].map(Operand::each), 0..len)
            };
        }
        Runs::Few(few) => {
            let mut copies = [[T::zero(); MOST]; 2];
            for (at, places) in few.places().enumerate() {
                [copies[0][at], copies[1][at]] = [a[places[0]], b[places[1]]];
            }
            return f([&copies[0], &copies[1]].map(|copy| Operand::each(copy)), 0..few.len);
        }
    };
    if axes.last().is_some_and(|&(len, ..)| len >= LONG) {
        return runs.for_each(|run| {
            let [a, b] = [Operand::stepped(&a[run.a..], run.step_a), Operand::stepped(&b[run.b..], run.step_b)];
            f([a, b], run.out..run.out + run.len);
        });
    }
    let (mut copies, mut start, mut end) = ([[T::zero(); 2 * LONG]; 2], 0, 0);
    runs.for_each(|run| {
        if run.out + run.len - start > 2 * LONG {
            f([&copies[0], &copies[1]].map(|copy| Operand::each(copy)), start..end);
            start = end;
        }
        end = run.out + run.len;
        for (copy, (x, from, step)) in copies.iter_mut().zip([(a, run.a, run.step_a), (b, run.b, run.step_b)]) {
            let copy = &mut copy[run.out - start..end - start];
            match step {
                0 => copy.fill(x[from]),
                _ => copy.copy_from_slice(&x[from..from + run.len]),
            }
        }
    });
    f([&copies[0], &copies[1]].map(|copy| Operand::each(copy)), start..end);
}

/// `out = row(a, b)`, with the operands broadcast by `runs`.
pub(crate) fn binary<T: Float>(row: Binary, runs: &Runs, a: &[T], b: &[T], out: &mut [T]) {
    struct Map<'a, T>(&'a Runs, &'a [T], &'a [T], &'a mut [T]);
    impl<T: Float> BinaryVisitor for Map<'_, T> {
        type Out = ();
        #[inline(always)]
        fn visit<R: BinaryRow>(self) {
            let Map(runs, a, b, out) = self;
            if !R::LOOPS {
                let f = ValueOfTwo::<R>(PhantomData);
                return stretches(runs, a, b, &mut |x, at| map::<R, T, _, 2>(f, x, &mut out[at]));
            }
            match runs {
                Runs::Same(..FEW) => {
                    return out.iter_mut().zip(a).zip(b).for_each(|((out, &a), &b)| *out = R::value(a, b));
                }
                Runs::Few(few) => {
                    return out.iter_mut().zip(few.places()).for_each(|(out, [i, j])| *out = R::value(a[i], b[j]));
                }
                _ => {}
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
                let out = run.of(out);
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

/// The gradient of a binary row for its first operand, or for the second if the flag is set.
#[derive(Clone, Copy)]
struct Partial<R>(bool, PhantomData<R>);

impl<R: BinaryRow> Formula<3> for Partial<R> {
    const DECIDES: bool = R::DECIDES;
    const SHORTCUTS: bool = true;

    /// Only the requested side is computed.
    #[inline(always)]
    fn at<N: Real + Number>(self, [a, b, y]: [N; 3], d: N) -> N {
        let d = Passing(d);
        if self.0 { R::second(a, b, y, d).0 } else { R::first(a, b, y, d).0 }
    }
}

/// `dy = dy · ∂row/∂a` (or `∂row/∂b` if `second`), in place and in the result's shape.
pub(crate) fn binary_chain<T: Float>(row: Binary, second: bool, runs: &Runs, a: &[T], b: &[T], y: &[T], dy: &mut [T]) {
    struct Chain<'a, T>(bool, &'a Runs, &'a [T], &'a [T], &'a [T], &'a mut [T]);
    impl<T: Float> BinaryVisitor for Chain<'_, T> {
        type Out = ();
        #[inline(always)]
        fn visit<R: BinaryRow>(self) {
            let Chain(second, runs, a, b, y, dy) = self;
            let partial = Partial::<R>(second, PhantomData);
            match runs {
                Runs::Same(..FEW) if R::LOOPS => {
                    for (((dy, &y), &a), &b) in dy.iter_mut().zip(y).zip(a).zip(b) {
                        *dy = partial.at([a, b, y], *dy);
                    }
                    return;
                }
                Runs::Few(few) if R::LOOPS => {
                    for ((dy, &y), [i, j]) in dy.iter_mut().zip(y).zip(few.places()) {
                        *dy = partial.at([a[i], b[j], y], *dy);
                    }
                    return;
                }
                _ => {}
            }
            if !R::LOOPS || R::DECIDES {
                return stretches(runs, a, b, &mut |[a, b], at| {
                    map::<R, T, _, 3>(partial, [a, b, Operand::each(&y[at.clone()])], &mut dy[at]);
                });
            }
            isa::run(dy.len(), Loop::<R, _>(Chain(second, runs, a, b, y, dy), PhantomData));
        }
    }
    struct Loop<R, C>(C, PhantomData<R>);
    impl<R: BinaryRow, T: Float> Kernel for Loop<R, Chain<'_, T>> {
        #[inline(always)]
        fn run<I: Isa>(self) {
            let Chain(second, runs, a, b, y, dy) = self.0;
            let partial = Partial::<R>(second, PhantomData);
            runs.for_each(|run| {
                let (y, dy) = (&y[run.out..run.out + run.len], run.of(dy));
                match (run.step_a, run.step_b) {
                    (1, 1) => {
                        for (((dy, &y), &a), &b) in dy.iter_mut().zip(y).zip(&a[run.a..]).zip(&b[run.b..]) {
                            *dy = partial.at([a, b, y], *dy);
                        }
                    }
                    (1, _) => {
                        let b = b[run.b];
                        for ((dy, &y), &a) in dy.iter_mut().zip(y).zip(&a[run.a..]) {
                            *dy = partial.at([a, b, y], *dy);
                        }
                    }
                    (_, 1) => {
                        let a = a[run.a];
                        for ((dy, &y), &b) in dy.iter_mut().zip(y).zip(&b[run.b..]) {
                            *dy = partial.at([a, b, y], *dy);
                        }
                    }
                    _ => {
                        let (a, b) = (a[run.a], b[run.b]);
                        for (dy, &y) in dy.iter_mut().zip(y) {
                            *dy = partial.at([a, b, y], *dy);
                        }
                    }
                }
            });
        }
    }
    row.dispatch(Chain(second, runs, a, b, y, dy));
}

/// The gradient that a binary row passes from `d`, in the form that is valid for most numbers; `None` where it is not
/// valid.
#[inline(always)]
pub(crate) fn first_form_of_two<T: Float>(row: Binary, second: bool, aby: [T; 3], d: T) -> Option<T> {
    struct One<T>(bool, [T; 3], T);
    impl<T: Float> BinaryVisitor for One<T> {
        type Out = Option<T>;
        #[inline(always)]
        fn visit<R: BinaryRow>(self) -> Option<T> {
            flagged::first_form(Partial::<R>(self.0, PhantomData), self.1, self.2)
        }
    }
    row.dispatch(One(second, aby, d))
}

/// `sum += dy · ∂row/∂a` (or `∂row/∂b` if `second`), all of one shape.
pub(crate) fn binary_chain_add<T: Float>(row: Binary, second: bool, [a, b, y]: [&[T]; 3], dy: &[T], sum: &mut [T]) {
    struct Chain<'a, T>(bool, [&'a [T]; 4], &'a mut [T]);
    impl<T: Float> BinaryVisitor for Chain<'_, T> {
        type Out = ();
        #[inline(always)]
        fn visit<R: BinaryRow>(self) {
            let Chain(second, all, sum) = self;
            if !R::LOOPS || R::DECIDES {
                let added = Added(Partial::<R>(second, PhantomData));
                return map::<R, T, _, 4>(added, array_of(|k| Operand::each(all[k])), sum);
            }
            isa::run(sum.len(), Loop::<R, _>(Chain(second, all, sum), PhantomData));
        }
    }
    struct Loop<R, C>(C, PhantomData<R>);
    impl<R: BinaryRow, T: Float> Kernel for Loop<R, Chain<'_, T>> {
        #[inline(always)]
        fn run<I: Isa>(self) {
            let Chain(second, [a, b, y, dy], sum) = self.0;
            let partial = Partial::<R>(second, PhantomData);
            for ((((sum, &dy), &y), &a), &b) in sum.iter_mut().zip(dy).zip(y).zip(a).zip(b) {
                *sum = *sum + partial.at([a, b, y], dy);
            }
        }
    }
    row.dispatch(Chain(second, [a, b, y, dy], sum));
}

/// The same where an operand is stretched: the gradients of `few` results, fewer than [`FEW`], are added up where they belong, in
/// their order, and then added to `sum`, of the operand's shape: what it holds already must not come between them.
pub(crate) fn binary_chain_add_few<T: Float>(
    row: Binary,
    second: bool,
    few: &Few,
    [a, b, y]: [&[T]; 3],
    dy: &[T],
    sum: &mut [T],
) {
    struct Chain<'a, T>(bool, &'a Few, [&'a [T]; 4], &'a mut [T]);
    impl<T: Float> BinaryVisitor for Chain<'_, T> {
        type Out = ();
        #[inline(always)]
        fn visit<R: BinaryRow>(self) {
            let Chain(second, few, [a, b, y, dy], sum) = self;
            assert!(R::LOOPS, "a row whose few values are not computed by a plain loop");
            let partial = Partial::<R>(second, PhantomData);
            let mut own = [T::zero(); FEW];
            for ((&y, &dy), at) in y.iter().zip(dy).zip(few.places()) {
                let own = &mut own[at[usize::from(second)]];
                *own = *own + partial.at([a[at[0]], b[at[1]], y], dy);
            }
            sum.iter_mut().zip(own).for_each(|(sum, own)| *sum = *sum + own);
        }
    }
    row.dispatch(Chain(second, few, [a, b, y, dy], sum));
}

/// The gradient formula, added to the present value of the output.
#[derive(Clone, Copy)]
struct Added<P>(P);

impl<P: Formula<3>> Formula<4> for Added<P> {
    const DECIDES: bool = P::DECIDES;
    const SHORTCUTS: bool = P::SHORTCUTS;

    #[inline(always)]
    fn at<N: Real + Number>(self, [a, b, y, d]: [N; 4], sum: N) -> N {
        sum + self.0.at([a, b, y], d)
    }
}
