//! Reading and adding at given indices.
//!
//! Both go by rows: of an array as (outer, n, inner), each index of the middle axis stands for `inner` values that lie
//! side by side, in each of the `outer` blocks. Single values are rows of one, of an array as (1, numel, 1).

use std::sync::Arc;

use super::reduce::loops;
use super::{Array, Input, Operation, join, linear};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::kernels::reduce::Loops;
use crate::kernels::scatter::take_rows;
use crate::number::Float;
use crate::shape::Shape;

/// `y[o, j] = x[o, indices[j]]`, rows of an x with these loops; `dx` is `dy` added at the indices.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gather {
    loops: Loops,
    indices: Arc<Vec<usize>>,
}

/// `y[o, indices[j]] += x[o, j]`, rows of a y with these loops, 0 elsewhere; `dx[o, j] = dy[o, indices[j]]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScatterAdd {
    loops: Loops,
    indices: Arc<Vec<usize>>,
}

impl Gather {
    /// Adds the gradient of the gathered values to that of their source.
    pub(crate) fn add<T: Float>(&self, dy: &[T], sum: &mut [T]) {
        kernels::add_rows(dy, self.loops, &self.indices, sum);
    }

    /// The position of each value in the source.
    pub(crate) fn positions(&self) -> Vec<usize> {
        let Loops { outer, n, inner } = self.loops;
        let outer = if inner == 0 || self.indices.is_empty() { 0 } else { outer }; // it may be beyond counting
        let rows = (0..outer).flat_map(|o| self.indices.iter().map(move |&j| (o * n + j) * inner));
        rows.flat_map(|row| row..row + inner).collect()
    }
}

impl Operation for Gather {
    const NAMES: &'static [&'static str] = &["gather"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        take_rows(x[0].values, self.loops, &self.indices, out);
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        A::apply(ScatterAdd { loops: self.loops, indices: self.indices.clone() }, x[0].shape(), &[dy])
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        linear(self, x, y, dx)
    }
}

impl Operation for ScatterAdd {
    const NAMES: &'static [&'static str] = &["scatter_add"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        out.fill(T::zero());
        kernels::add_rows(x[0].values, self.loops, &self.indices, out);
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        A::apply(Gather { loops: self.loops, indices: self.indices.clone() }, x[0].shape(), &[dy])
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
    let scatter = ScatterAdd { loops: singles(shape), indices: Arc::new(positions) };
    A::apply(scatter, shape.clone(), &[&values])
}

/// All values as rows of one.
fn singles(shape: &Shape) -> Loops {
    Loops { outer: 1, n: shape.numel(), inner: 1 }
}

fn checked(op: &'static str, axis: usize, len: usize, indices: &[usize]) -> Result<(), Error> {
    match indices.iter().position(|&index| index >= len) {
        Some(position) => Err(Error::Index { op, index: indices[position], position, axis, len }),
        None => Ok(()),
    }
}

/// Selects the slices of `x` at `indices` of `axis`, in that order.
#[track_caller]
pub(crate) fn take<A: Array>(x: &A, axis: usize, indices: &[usize]) -> Result<A, Error> {
    let shape = x.shape();
    checked("take", axis, shape.axis("take", axis)?, indices)?;
    let target = shape.with_axis(axis, indices.len());
    target.checked_numel("take")?;
    let (loops, indices) = (loops(&shape, axis..axis + 1), x.indices_like(indices.iter().copied()));
    Ok(A::apply(Gather { loops, indices }, target, &[x]))
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
    let (loops, indices) = (loops(&target, axis..axis + 1), x.indices_like(indices.iter().copied()));
    Ok(A::apply(ScatterAdd { loops, indices }, target, &[x]))
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
    let indices = x.indices_like(indices.iter().enumerate().map(flat));
    Ok(A::apply(Gather { loops: singles(&shape), indices }, rest, &[x]))
}
