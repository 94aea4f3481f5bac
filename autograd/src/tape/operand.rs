//! What may stand beside an array in a formula.

use super::{Scalar, Tape, Var, same_tape};
use crate::number::Float;
use crate::ops::rows::Binary;
use crate::param::Param;
use crate::tensor::Tensor;

/// Anything that can be an operand beside a [`Var`]: another `Var`, a [`Scalar`], a plain number, a parameter, a tensor.
///
/// ```
/// use autograd::{Operand, Tape, Tensor, Var};
/// fn scaled<'t>(x: Var<'t>, by: impl Operand<'t>) -> Var<'t> {
///     x * by
/// }
/// let tape = Tape::new();
/// let x = tape.var([1.0, 2.0]);
/// assert_eq!(scaled(x, 2.0).value(), Tensor::from([2.0, 4.0]));
/// assert_eq!(scaled(x, &Tensor::from([3.0, 0.5])).value(), Tensor::from([3.0, 1.0]));
/// ```
pub trait Operand<'t, T: Float = f64>: Sized {
    /// This operand as a recorded array.
    ///
    /// # Panics
    /// If it is recorded on another tape.
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T>;

    #[doc(hidden)]
    #[track_caller]
    fn right_of(self, row: Binary, a: Var<'t, T>) -> Var<'t, T> {
        let b = self.on(a.tape());
        a.binary_checked(row, b)
    }
}

impl<'t, T: Float> Operand<'t, T> for Var<'t, T> {
    #[track_caller]
    #[inline]
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        same_tape("operand", tape, self.tape());
        self
    }
}

impl<'t, T: Float> Operand<'t, T> for Scalar<'t, T> {
    #[track_caller]
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        same_tape("operand", tape, self.tape());
        self.to_var()
    }
}

impl<'t, T: Float> Operand<'t, T> for &Param<T> {
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        Param::on(self, tape)
    }
}

impl<'t, T: Float> Operand<'t, T> for &Tensor<T> {
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.constant(self.clone())
    }
}

impl<'t, T: Float> Operand<'t, T> for Tensor<T> {
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.constant(self)
    }
}

impl<'t, T: Float> Operand<'t, T> for f64 {
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.constant(Tensor::full([], T::from_f64(self)))
    }

    #[track_caller]
    fn right_of(self, row: Binary, a: Var<'t, T>) -> Var<'t, T> {
        match row.with_number_right(self) {
            Some((row, args)) => a.unary(row, args),
            None => a.binary_checked(row, Operand::<T>::on(self, a.tape())),
        }
    }
}
