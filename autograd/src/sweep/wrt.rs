//! The inputs of a gradient: one handle, or several in an array, slice or tuple.

use smallvec::SmallVec;

use crate::number::Float;
use crate::param::Param;
use crate::tape::{Scalar, Tape, Var};

/// Handles; a few take no memory of their own.
pub(super) type List<H> = SmallVec<[H; 4]>;

/// An argument of [`Scalar::grad`]: the values to differentiate by. The result has the same form.
///
/// ```
/// let tape = autograd::Tape::new();
/// let (x, y) = (tape.scalar(2.0), tape.var([3.0]));
/// let (dx, dy) = (x * y).sum().grad((x, y));
/// assert_eq!((dx.value(), dy.value().item()), (3.0, 2.0));
/// ```
pub trait Wrt<'t, T: Float> {
    /// The form of the gradient.
    type Gradient;

    #[doc(hidden)]
    fn list(&self, tape: &'t Tape<T>, scalars: &mut List<Scalar<'t, T>>, arrays: &mut List<Var<'t, T>>);

    #[doc(hidden)]
    fn gather(
        &self,
        scalars: &mut dyn Iterator<Item = Scalar<'t, T>>,
        arrays: &mut dyn Iterator<Item = Var<'t, T>>,
    ) -> Self::Gradient;
}

type ListOf<'a, H> = &'a mut dyn Iterator<Item = H>;

impl<'t, T: Float> Wrt<'t, T> for Var<'t, T> {
    type Gradient = Var<'t, T>;
    fn list(&self, _: &'t Tape<T>, _: &mut List<Scalar<'t, T>>, arrays: &mut List<Var<'t, T>>) {
        arrays.push(*self);
    }
    fn gather(&self, _: ListOf<'_, Scalar<'t, T>>, arrays: ListOf<'_, Var<'t, T>>) -> Var<'t, T> {
        arrays.next().expect("one for each listed")
    }
}

impl<'t, T: Float> Wrt<'t, T> for Scalar<'t, T> {
    type Gradient = Scalar<'t, T>;
    fn list(&self, _: &'t Tape<T>, scalars: &mut List<Scalar<'t, T>>, _: &mut List<Var<'t, T>>) {
        scalars.push(*self);
    }
    fn gather(&self, scalars: ListOf<'_, Scalar<'t, T>>, _: ListOf<'_, Var<'t, T>>) -> Scalar<'t, T> {
        scalars.next().expect("one for each listed")
    }
}

impl<'t, T: Float> Wrt<'t, T> for &Param<T> {
    type Gradient = Var<'t, T>;
    fn list(&self, tape: &'t Tape<T>, _: &mut List<Scalar<'t, T>>, arrays: &mut List<Var<'t, T>>) {
        // As it was recorded, whatever changed since.
        let recorded = tape.arena.borrow().params.get(&self.id()).map(|&array| Var::new(tape, array));
        arrays.push(recorded.unwrap_or_else(|| self.on(tape)));
    }
    fn gather(&self, _: ListOf<'_, Scalar<'t, T>>, arrays: ListOf<'_, Var<'t, T>>) -> Var<'t, T> {
        arrays.next().expect("one for each listed")
    }
}

impl<'t, T: Float, W: Wrt<'t, T>> Wrt<'t, T> for &[W] {
    type Gradient = Vec<W::Gradient>;
    fn list(&self, tape: &'t Tape<T>, scalars: &mut List<Scalar<'t, T>>, arrays: &mut List<Var<'t, T>>) {
        self.iter().for_each(|x| x.list(tape, scalars, arrays));
    }
    fn gather(&self, scalars: ListOf<'_, Scalar<'t, T>>, arrays: ListOf<'_, Var<'t, T>>) -> Vec<W::Gradient> {
        self.iter().map(|x| x.gather(scalars, arrays)).collect()
    }
}

impl<'t, T: Float, W: Wrt<'t, T>> Wrt<'t, T> for Vec<W> {
    type Gradient = Vec<W::Gradient>;
    fn list(&self, tape: &'t Tape<T>, scalars: &mut List<Scalar<'t, T>>, arrays: &mut List<Var<'t, T>>) {
        (&self[..]).list(tape, scalars, arrays);
    }
    fn gather(&self, scalars: ListOf<'_, Scalar<'t, T>>, arrays: ListOf<'_, Var<'t, T>>) -> Vec<W::Gradient> {
        (&self[..]).gather(scalars, arrays)
    }
}

impl<'t, T: Float, W: Wrt<'t, T>, const N: usize> Wrt<'t, T> for [W; N] {
    type Gradient = [W::Gradient; N];
    fn list(&self, tape: &'t Tape<T>, scalars: &mut List<Scalar<'t, T>>, arrays: &mut List<Var<'t, T>>) {
        self.iter().for_each(|x| x.list(tape, scalars, arrays));
    }
    fn gather(&self, scalars: ListOf<'_, Scalar<'t, T>>, arrays: ListOf<'_, Var<'t, T>>) -> [W::Gradient; N] {
        std::array::from_fn(|i| self[i].gather(scalars, arrays))
    }
}

macro_rules! tuples {
    ($(($($W:ident $i:tt),*);)*) => { $(
        impl<'t, T: Float, $($W: Wrt<'t, T>),*> Wrt<'t, T> for ($($W,)*) {
            type Gradient = ($($W::Gradient,)*);
            fn list(&self, tape: &'t Tape<T>, scalars: &mut List<Scalar<'t, T>>, arrays: &mut List<Var<'t, T>>) {
                $(self.$i.list(tape, scalars, arrays);)*
            }
            fn gather(&self, scalars: ListOf<'_, Scalar<'t, T>>, arrays: ListOf<'_, Var<'t, T>>) -> Self::Gradient {
                ($(self.$i.gather(scalars, arrays),)*)
            }
        }
    )* };
}
tuples! {
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
}
