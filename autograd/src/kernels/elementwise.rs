//! The table's rows of one input over slices, selection and addition; [`binary`](super::binary) has those of two.
//!
//! Each kernel is one loop, instantiated for each row, so that a row's formula is inlined into it.

use std::marker::PhantomData;

use super::flagged::{self, Formula, Operand, array_of, each, few, one_by_one};
use super::isa::{self, FEW, Isa, Kernel, kernel};
use super::slopes::{WithSlopes, each_with_slopes};
use crate::math::Real;
use crate::number::passing::Passing;
use crate::number::rows::{Args, Marked, Unary, UnaryRow, UnaryVisitor};
use crate::number::{Float, Number};

/// A row with its plain numbers, as the formula of its value or of its gradient.
#[derive(Clone, Copy)]
struct Value<R>(Args, PhantomData<R>);
#[derive(Clone, Copy)]
struct Pass<R>(Args, PhantomData<R>);

impl<R: UnaryRow> Formula<1> for Value<R> {
    const DECIDES: bool = R::NEAR;
    const SHORTCUTS: bool = true;

    #[inline(always)]
    fn at<N: Real + Number>(self, [x]: [N; 1], _: N) -> N {
        R::value(x, self.0)
    }
}

impl<R: UnaryRow> Formula<2> for Pass<R> {
    const DECIDES: bool = R::DECIDES;
    const SHORTCUTS: bool = true;
    const MIXED: bool = R::MIXED;

    #[inline(always)]
    fn at<N: Real + Number>(self, [x, y]: [N; 2], d: N) -> N {
        R::pass(x, y, self.0, Passing(d)).0
    }
}

/// `out[i] = f(x₀[i], …; out[i])` for a formula of row `R`, with the instructions that its marks allow.
#[inline(always)]
pub(super) fn map<R: Marked, T: Float, F: Formula<K>, const K: usize>(f: F, x: [Operand<'_, T>; K], out: &mut [T]) {
    if R::SINGLE { one_by_one(f, x, out) } else { each(f, x, out) }
}

/// The same for a row of one input: what is called most has a loop of its own for a few values.
#[inline(always)]
fn map_one<R: UnaryRow, T: Float, F: Formula<K>, const K: usize>(f: F, x: [&[T]; K], out: &mut [T]) {
    if R::LOOPS && out.len() < FEW {
        return few(f, x, out);
    }
    map::<R, T, F, K>(f, array_of(|k| Operand::each(x[k])), out);
}

/// `out[i] = row(x[i])`
pub(crate) fn unary<T: Float>(row: Unary, args: Args, x: &[T], out: &mut [T]) {
    struct Map<'a, T>(Args, &'a [T], &'a mut [T]);
    impl<T: Float> UnaryVisitor for Map<'_, T> {
        type Out = ();
        #[inline(always)]
        fn visit<R: UnaryRow>(self) {
            map_one::<R, T, _, 1>(Value::<R>(self.0, PhantomData), [self.1], self.2);
        }
    }
    row.dispatch(Map(args, x, out));
}

/// A row's value together with its derivative.
#[derive(Clone, Copy)]
struct Both<R>(Args, PhantomData<R>);

impl<R: UnaryRow> WithSlopes<1, 1> for Both<R> {
    #[inline(always)]
    fn at<N: Real + Number>(self, [x]: [N; 1]) -> [(N, [N; 1]); 1] {
        let y = R::value(x, self.0);
        [(y, [R::pass(x, y, self.0, Passing(N::one())).0])]
    }
}

/// `y[i] = row(x[i])` and `slopes[i] = row′(x[i])` in one pass, for a row that [keeps](crate::number::marks::Mark::KeepsSlopeOfArrays) them.
pub(crate) fn unary_with_slopes<T: Float>(row: Unary, args: Args, x: &[T], y: &mut [T], slopes: &mut [T]) {
    struct Map<'a, T>(Args, &'a [T], [&'a mut [T]; 2]);
    impl<T: Float> UnaryVisitor for Map<'_, T> {
        type Out = ();
        #[inline(always)]
        fn visit<R: UnaryRow>(self) {
            match R::KEEPS {
                true => isa::run(self.1.len(), Together::<R, _>(self, PhantomData)),
                false => unreachable!("only rows that keep slopes are asked for them"),
            }
        }
    }
    struct Together<R, M>(M, PhantomData<R>);
    impl<R: UnaryRow, T: Float> Kernel for Together<R, Map<'_, T>> {
        #[inline(always)]
        fn run<I: Isa>(self) {
            let Map(args, x, [y, slopes]) = self.0;
            each_with_slopes::<I, T, _, 1, 1>(Both::<R>(args, PhantomData), [x], [y], [slopes]);
        }
    }
    row.dispatch(Map(args, x, [y, slopes]));
}

/// `dy[i] = dy[i] · row′(x[i])`, where the row is `y[i]`: the incoming gradient becomes the outgoing one in place.
pub(crate) fn unary_chain<T: Float>(row: Unary, args: Args, x: &[T], y: &[T], dy: &mut [T]) {
    struct Chain<'a, T>(Args, &'a [T], &'a [T], &'a mut [T]);
    impl<T: Float> UnaryVisitor for Chain<'_, T> {
        type Out = ();
        #[inline(always)]
        fn visit<R: UnaryRow>(self) {
            map_one::<R, T, _, 2>(Pass::<R>(self.0, PhantomData), [self.1, self.2], self.3);
        }
    }
    row.dispatch(Chain(args, x, y, dy));
}

/// The gradient that a unary row passes from `d`, in the form that is valid for most numbers; `None` where it is not
/// valid.
#[inline(always)]
pub(crate) fn first_form<T: Float>(row: Unary, args: Args, x: [T; 2], d: T) -> Option<T> {
    struct One<T>(Args, [T; 2], T);
    impl<T: Float> UnaryVisitor for One<T> {
        type Out = Option<T>;
        #[inline(always)]
        fn visit<R: UnaryRow>(self) -> Option<T> {
            flagged::first_form(Pass::<R>(self.0, PhantomData), self.1, self.2)
        }
    }
    row.dispatch(One(args, x, d))
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
