//! Types that can be operands beside an array or a number.

use super::{Scalar, Tape, Var, same_tape};
use crate::number::Float;
use crate::number::rows::Binary;
use crate::param::Param;
use crate::tensor::Tensor;

/// An operand beside a [`Var`]: another `Var`, a [`Scalar`], a plain number, a parameter or a tensor.
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
    #[track_caller]
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T>;

    /// [`on`](Operand::on) for a method whose name appears in the panic message.
    #[doc(hidden)]
    #[track_caller]
    fn operand_of(self, _method: &str, tape: &'t Tape<T>) -> Var<'t, T> {
        self.on(tape)
    }

    #[doc(hidden)]
    #[track_caller]
    fn right_of(self, row: Binary, a: Var<'t, T>) -> Var<'t, T> {
        let b = self.operand_of(row.name(), a.tape());
        a.binary_checked(row, b)
    }
}

impl<'t, T: Float> Operand<'t, T> for Var<'t, T> {
    #[track_caller]
    #[inline]
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        self.operand_of("operand", tape)
    }

    #[track_caller]
    #[inline]
    fn operand_of(self, method: &str, tape: &'t Tape<T>) -> Var<'t, T> {
        same_tape(method, tape, self.tape());
        self
    }
}

impl<'t, T: Float> Operand<'t, T> for Scalar<'t, T> {
    #[track_caller]
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        self.operand_of("operand", tape)
    }

    #[track_caller]
    fn operand_of(self, method: &str, tape: &'t Tape<T>) -> Var<'t, T> {
        same_tape(method, tape, self.tape());
        self.to_var()
    }
}

impl<'t, T: Float> Operand<'t, T> for &Param<T> {
    #[track_caller]
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        Param::on(self, tape)
    }
}

impl<'t, T: Float> Operand<'t, T> for &Tensor<T> {
    #[track_caller]
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.constant(self.clone())
    }
}

impl<'t, T: Float> Operand<'t, T> for Tensor<T> {
    #[track_caller]
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.constant(self)
    }
}

impl<'t, T: Float> Operand<'t, T> for f64 {
    #[track_caller]
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.constant_with([], |_| T::from_f64(self))
    }

    #[track_caller]
    fn right_of(self, row: Binary, a: Var<'t, T>) -> Var<'t, T> {
        match row.with_number_right(self) {
            Some((row, args)) => a.unary(row, args),
            None => a.binary_checked(row, Operand::<T>::on(self, a.tape())),
        }
    }
}

/// An operand beside a [`Scalar`]: another `Scalar`, or a plain number.
///
/// ```
/// use autograd::{Scalar, ScalarOperand, Tape};
/// fn cut<'t>(x: Scalar<'t>, at: impl ScalarOperand<'t>) -> Scalar<'t> {
///     x.minimum(at)
/// }
/// let tape = Tape::new();
/// let x = tape.scalar(3.0);
/// assert_eq!((cut(x, 2.0).value(), cut(x, x * x).value()), (2.0, 3.0));
/// ```
pub trait ScalarOperand<'t, T: Float = f64>: Sized {
    #[doc(hidden)]
    #[track_caller]
    fn right_of(self, row: Binary, a: Scalar<'t, T>) -> Scalar<'t, T>;
}

impl<'t, T: Float> ScalarOperand<'t, T> for Scalar<'t, T> {
    #[track_caller]
    #[inline(always)]
    fn right_of(self, row: Binary, a: Scalar<'t, T>) -> Scalar<'t, T> {
        a.binary(row, self)
    }
}

impl<'t, T: Float> ScalarOperand<'t, T> for f64 {
    #[track_caller]
    #[inline(always)]
    fn right_of(self, row: Binary, a: Scalar<'t, T>) -> Scalar<'t, T> {
        match row.with_number_right(self) {
            Some((row, args)) => a.unary(row, args),
            None => a.binary(row, a.tape().scalar_constant(T::from_f64(self))),
        }
    }
}
