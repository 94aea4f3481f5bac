//! Reading and adding at given positions.
//!
//! Every form compiles to a list of flat positions: `y[i] = x[position[i]]`, whose transpose is `x[position[i]] +=
//! y[i]`.

use std::sync::Arc;

use super::{Array, Input, Operation, join, linear};
use crate::error::Error;
use crate::kernels::scatter as kernels;
use crate::number::Float;
use crate::shape::Shape;

/// `y[i] = x[positions[i]]`; `dx` is `dy` added at the positions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gather {
    positions: Arc<Vec<usize>>,
}

/// `y[positions[i]] += x[i]`, 0 elsewhere; `dx[i] = dy[positions[i]]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScatterAdd {
    positions: Arc<Vec<usize>>,
}

impl Gather {
    /// Adds the gradient of the gathered values to that of their source.
    pub(crate) fn add<T: Float>(&self, dy: &[T], sum: &mut [T]) {
        kernels::add_at(&self.positions, dy, sum);
    }

    /// The position of each value in the source.
    pub(crate) fn positions(&self) -> Vec<usize> {
        self.positions.to_vec()
    }
}

impl Operation for Gather {
    const NAMES: &'static [&'static str] = &["gather"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        for (out, &at) in out.iter_mut().zip(&*self.positions) {
            *out = x[0].values[at];
        }
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        A::apply(ScatterAdd { positions: self.positions.clone() }, x[0].shape(), &[dy])
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        linear(self, x, y, dx)
    }
}

impl Operation for ScatterAdd {
    const NAMES: &'static [&'static str] = &["scatter_add"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        out.fill(T::zero());
        kernels::add_at(&self.positions, x[0].values, out);
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        A::apply(Gather { positions: self.positions.clone() }, x[0].shape(), &[dy])
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        linear(self, x, y, dx)
    }
}

/// Adds the values of all of `x`, one after another, at `positions` to zeros of `shape`.
#[track_caller]
pub(crate) fn scatter<A: Array>(x: &[&A], positions: Vec<usize>, shape: &Shape) -> A {
    let mut rows = Vec::with_capacity(x.len());
    for x in x {
        rows.push(x.reshaped(&Shape::from(x.shape().numel())));
    }
    let values = join::concat("concat", &rows.iter().collect::<Vec<_>>(), 0).expect("rows of numbers");
    A::apply(ScatterAdd { positions: Arc::new(positions) }, shape.clone(), &[&values])
}

fn checked(op: &'static str, axis: usize, len: usize, indices: &[usize]) -> Result<(), Error> {
    match indices.iter().position(|&index| index >= len) {
        Some(position) => Err(Error::Index { op, index: indices[position], position, axis, len }),
        None => Ok(()),
    }
}

/// Flat positions of `[…, indices, …]` along `axis` of `shape`.
#[track_caller]
fn along<A: Array>(like: &A, shape: &Shape, axis: usize, indices: &[usize]) -> Arc<Vec<usize>> {
    let (outer, n, inner) = shape.around(axis..axis + 1);
    let outer = if inner == 0 || indices.is_empty() { 0 } else { outer }; // it may overflow
    let rows = (0..outer).flat_map(|o| indices.iter().map(move |&j| (o * n + j) * inner));
    like.indices_like(rows.flat_map(|row| row..row + inner))
}

/// Selects the slices of `x` at `indices` of `axis`, in that order.
#[track_caller]
pub(crate) fn take<A: Array>(x: &A, axis: usize, indices: &[usize]) -> Result<A, Error> {
    let shape = x.shape();
    checked("take", axis, shape.axis("take", axis)?, indices)?;
    let target = shape.with_axis(axis, indices.len());
    target.checked_numel("take")?;
    let positions = along(x, &shape, axis, indices);
    Ok(A::apply(Gather { positions }, target, &[x]))
}

/// Adds the slices of `x` at `indices` to zeros of length `len` along `axis`.
#[track_caller]
pub(crate) fn scatter_add<A: Array>(x: &A, axis: usize, indices: &[usize], len: usize) -> Result<A, Error> {
    let shape = x.shape();
    let n = shape.axis("scatter_add", axis)?;
    if n != indices.len() {
        let law = format!("{} indices given for the {n} slices along axis {axis} of shape {shape}", indices.len());
        return Err(Error::shape("scatter_add", law));
    }
    checked("scatter_add", axis, len, indices)?;
    let target = shape.with_axis(axis, len);
    target.checked_numel("scatter_add")?;
    let positions = along(x, &target, axis, indices);
    Ok(A::apply(ScatterAdd { positions }, target, &[x]))
}

/// Selects one value for each position of the other axes: `y[…, …] = x[…, indices[…], …]`. The axis disappears.
#[track_caller]
pub(crate) fn pick<A: Array>(x: &A, axis: usize, indices: &[usize]) -> Result<A, Error> {
    let shape = x.shape();
    let len = shape.axis("pick", axis)?;
    let (_, n, inner) = shape.around(axis..axis + 1);
    let rest = shape.without(axis..axis + 1);
    let places = rest.checked_numel("pick")?;
    if indices.len() != places {
        let law = format!("{} indices given for the {places} places of shape {rest}", indices.len());
        return Err(Error::shape("pick", law));
    }
    checked("pick", axis, len, indices)?;
    let flat = |(place, &j): (usize, &usize)| (place / inner * n + j) * inner + place % inner;
    let positions = x.indices_like(indices.iter().enumerate().map(flat));
    Ok(A::apply(Gather { positions }, rest, &[x]))
}
