//! Selection between arrays, element by element. The other elementwise operations are rows of the table.

use super::reads::Reads;
use super::{Array, Input, Operation};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::number::Float;
use crate::number::rows::{Binary, Unary};
use crate::shape::{Shape, broadcast};

/// `y = mask ? a : b`; each branch gets `dy` where it was taken and 0 where it was not.
///
/// The gradient is selected, not multiplied by the mask, so that a NaN or ∞ in the branch not taken does not leak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Select;

impl Operation for Select {
    const NAMES: &'static [&'static str] = &["select"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        kernels::select(x[0].values, x[1].values, x[2].values, out);
    }

    fn differentiable(&self, k: usize) -> bool {
        k > 0
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::stretched(x[k], shape)
    }

    fn vjp<A: Array>(&self, k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        let zero = x[0].zeros_like();
        if k == 1 { select(x[0], dy, &zero) } else { select(x[0], &zero, dy) }
    }

    fn jvp<A: Array>(&self, x: &[&A], _y: &A, dx: &[Option<&A>]) -> A {
        match (dx[1], dx[2]) {
            (Some(da), Some(db)) => select(x[0], da, db),
            (Some(da), None) => select(x[0], da, &da.zeros_like()),
            (None, Some(db)) => select(x[0], &db.zeros_like(), db),
            (None, None) => x[1].zeros_like(),
        }
    }
}

/// Applies a row without arguments to each value, in place.
pub(crate) fn in_place<T: Float>(row: Unary, values: &mut [T]) {
    let mut before = [T::zero(); 256]; // few enough to stay in the fastest memory
    for values in values.chunks_mut(before.len()) {
        let before = &mut before[..values.len()];
        before.copy_from_slice(values);
        kernels::unary(row, [0.0; 2], before, values);
    }
}

/// A row of two inputs with broadcasting.
#[track_caller]
pub(crate) fn binary<A: Array>(row: Binary, a: &A, b: &A) -> Result<A, Error> {
    a.meets(b, row.name());
    broadcast(row.name(), &a.shape(), &b.shape())?;
    Ok(a.binary(row, b))
}

/// Selects from arrays of one shape.
#[track_caller]
pub(crate) fn select<A: Array>(mask: &A, a: &A, b: &A) -> A {
    A::apply(Select, mask.shape(), &[mask, a, b])
}

/// Selects with broadcasting.
#[track_caller]
pub(crate) fn select_broadcast<A: Array>(mask: &A, a: &A, b: &A) -> Result<A, Error> {
    let shape = broadcast("select", &broadcast("select", &mask.shape(), &a.shape())?, &b.shape())?;
    Ok(select(&mask.expanded(&shape), &a.expanded(&shape), &b.expanded(&shape)))
}
