//! Errors, in messages that name the operation, the shapes, the violated rule and a repair.
//!
//! Shapes that do not fit are a programming error: the plain methods panic at the caller's line with the text of an
//! [`Error`]. For shapes or indices that come from data, the `try_` forms return the same [`Error`] instead.

use std::fmt;

/// The error type of this crate.
///
/// ```
/// use autograd::Tensor;
/// use autograd::error::Error;
/// let error = Tensor::try_new([2, 3], vec![1.0, 2.0]).unwrap_err();
/// assert!(matches!(error, Error::Shape { .. }));
/// assert_eq!(error.to_string(), "tensor: shape (2, 3) needs 6 values, got 2");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Shapes that an operation cannot combine.
    #[error("{op}: {law}")]
    Shape {
        /// The operation, by its public name.
        op: &'static str,
        /// The shapes, the rule that they violate, and a repair.
        law: String,
    },
    /// A matrix whose values an operation cannot work with: singular, or not positive definite.
    #[error("{op}: {law}")]
    Matrix {
        /// The operation, by its public name.
        op: &'static str,
        /// What is wrong with which matrix.
        law: String,
    },
    /// An index past the end of an axis.
    #[error("{op}: index {index} at position {position} is out of range for axis {axis} of length {len}")]
    Index {
        /// The operation, by its public name.
        op: &'static str,
        /// The invalid index.
        index: usize,
        /// Its position in the list of indices.
        position: usize,
        /// The axis that it indexes.
        axis: usize,
        /// The length of that axis.
        len: usize,
    },
    /// A gradient with respect to an input that the result does not depend on.
    #[error("grad: the result does not depend on input {input} (counted from 0); was it detached, or never used?")]
    Independent {
        /// The input, by its position.
        input: usize,
    },
    /// A user-defined operation without a forward rule.
    #[error(
        "jvp: {op} has no forward rule: its gradient rule computes on plain values, or is not linear in the gradient, and cannot be \
         transposed; give it one with Custom::jvp, or use reverse mode"
    )]
    NoForwardRule {
        /// The operation's name.
        op: String,
    },
    /// An invalid result of a user-defined derivative rule: a description and a repair.
    #[error("{0}")]
    Rule(String),
    /// A gradient check that could not run.
    #[error("check: {0}")]
    Check(String),
}

impl Error {
    pub(crate) fn shape(op: &'static str, law: impl fmt::Display) -> Self {
        Error::Shape { op, law: law.to_string() }
    }
}

/// Unwraps the result of a shape rule, or panics at the caller's line.
pub(crate) trait OrPanic<T> {
    fn or_panic(self) -> T;

    /// The same error in the name of the method that the user called, whichever operations it consists of.
    fn named(self, method: &'static str) -> Self;
}

impl<T> OrPanic<T> for Result<T, Error> {
    #[track_caller]
    #[inline]
    fn or_panic(self) -> T {
        match self {
            Ok(value) => value,
            Err(error) => fail(&error),
        }
    }

    #[inline]
    fn named(self, method: &'static str) -> Self {
        self.map_err(|mut error| {
            if let Error::Shape { op, .. } | Error::Index { op, .. } | Error::Matrix { op, .. } = &mut error {
                *op = method;
            }
            error
        })
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn fail(error: &Error) -> ! {
    panic!("{error}")
}
