//! [`Handle`]: the values that can be named in a drawing.

use crate::number::Float;
use crate::param::Param;
use crate::tape::{Scalar, Var};

/// A value that [`Graph::name`](crate::Graph::name) can name: a [`Scalar`], a [`Var`] or a `&Param`, by conversion.
///
/// ```
/// let tape = autograd::Tape::new();
/// let x = tape.scalar(1.0);
/// let graph = tape.graph().name(x, "time");
/// assert!(graph.to_dot().contains("time"));
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Handle<'a, 't, T: Float = f64> {
    /// A number on the tape.
    Scalar(Scalar<'t, T>),
    /// An array on the tape.
    Array(Var<'t, T>),
    /// A parameter, in each of its recordings.
    Param(&'a Param<T>),
}

impl<'t, T: Float> From<Scalar<'t, T>> for Handle<'_, 't, T> {
    fn from(x: Scalar<'t, T>) -> Self {
        Handle::Scalar(x)
    }
}

impl<'t, T: Float> From<Var<'t, T>> for Handle<'_, 't, T> {
    fn from(x: Var<'t, T>) -> Self {
        Handle::Array(x)
    }
}

impl<'a, T: Float> From<&'a Param<T>> for Handle<'a, '_, T> {
    fn from(param: &'a Param<T>) -> Self {
        Handle::Param(param)
    }
}
