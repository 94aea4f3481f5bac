//! Reading and adding at given indices.
//!
//! Both go by rows: of an array as (outer, n, inner), each index of the middle axis stands for `inner` values that lie
//! side by side, in each of the `outer` blocks. Single values are rows of one, of an array as (1, numel, 1).

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::reads::Reads;
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

    /// The indices, if they stand for whole rows along the first axis of a source of this shape.
    pub(crate) fn rows(&self, shape: &Shape) -> Option<&Arc<Vec<usize>>> {
        let Loops { outer, n, .. } = self.loops;
        (outer == 1 && shape.first() == Some(&n)).then_some(&self.indices)
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

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::copied(self, k, x, shape)
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

    fn reads(&self, _k: usize, _x: &[&Shape], shape: &Shape) -> Reads {
        Reads::brought(Gather { loops: self.loops, indices: self.indices.clone() }.positions(), shape)
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        A::apply(Gather { loops: self.loops, indices: self.indices.clone() }, x[0].shape(), &[dy])
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        linear(self, x, y, dx)
    }
}

/// Single values of `x` at `positions`, as an array of shape `target`.
#[track_caller]
pub(super) fn at<A: Array>(x: &A, positions: Arc<Vec<usize>>, target: Shape) -> A {
    A::apply(Gather { loops: singles(&x.shape()), indices: positions }, target, &[x])
}

/// Single values added to zeros of shape `target` at `positions`: the transpose of [`at`].
#[track_caller]
pub(super) fn added<A: Array>(x: &A, positions: Arc<Vec<usize>>, target: Shape) -> A {
    A::apply(ScatterAdd { loops: singles(&target), indices: positions }, target, &[x])
}

/// Adds the values of all of `x`, one after another, at `positions` to zeros of `shape`.
#[track_caller]
pub(crate) fn scatter<A: Array>(x: &[&A], positions: Vec<usize>, shape: &Shape) -> A {
    let mut rows = Vec::with_capacity(x.len());
    for x in x {
        rows.push((*x).clone().reshaped(&Shape::from(x.shape().numel())));
    }
    let values = join::concat("concat", &rows.iter().collect::<Vec<_>>(), 0).expect("rows of numbers");
    added(&values, Arc::new(positions), shape.clone())
}

/// All values as rows of one.
fn singles(shape: &Shape) -> Loops {
    Loops { outer: 1, n: shape.numel(), inner: 1 }
}

/// `Err` for an index that does not lie on the axis.
pub(crate) fn checked(op: &'static str, axis: usize, len: usize, indices: &[usize]) -> Result<(), Error> {
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

/// Selects `y[i, …, j, …] = x[i, …, indices[i, …, j, …], …]`, where the index stands on `axis`.
#[track_caller]
pub(crate) fn gather<A: Array>(x: &A, axis: usize, shape: Shape, indices: &[usize]) -> Result<A, Error> {
    let whole = x.shape();
    let len = placed("gather", &whole, axis, &shape, indices)?;
    checked("gather", axis, len, indices)?;
    Ok(along(x, axis, &shape, indices, shape.clone()))
}

/// [`gather`] of indices that are known to fit; the values form an array of shape `target`.
#[track_caller]
pub(super) fn along<A: Array>(x: &A, axis: usize, shape: &Shape, indices: &[usize], target: Shape) -> A {
    let positions = positions(&x.shape(), axis, shape, indices);
    at(x, x.indices_like(positions.into_iter()), target)
}

/// The length of `axis`, if an array of `shape` with one index for each value lies within `whole` along the other axes.
pub(super) fn placed(
    op: &'static str,
    whole: &Shape,
    axis: usize,
    shape: &Shape,
    indices: &[usize],
) -> Result<usize, Error> {
    let len = whole.axis(op, axis)?;
    if shape.len() != whole.len() {
        let law = format!(
            "shape {shape} has {} axes, shape {whole} has {}; they need the same number",
            shape.len(),
            whole.len()
        );
        return Err(Error::shape(op, law));
    }
    if let Some(i) = (0..shape.len()).find(|&i| i != axis && shape[i] > whole[i]) {
        let law = format!(
            "shape {shape} does not lie within {whole}: axis {i} needs {} ≤ {}, and only axis {axis} may be longer",
            shape[i], whole[i]
        );
        return Err(Error::shape(op, law));
    }
    let numel = shape.checked_numel(op)?;
    if indices.len() != numel {
        let law = format!("{} indices given for the {numel} values of shape {shape}", indices.len());
        return Err(Error::shape(op, law));
    }
    Ok(len)
}

/// The position in an array of shape `whole` of each value of `shape`, whose index along `axis` is given.
pub(super) fn positions(whole: &Shape, axis: usize, shape: &Shape, indices: &[usize]) -> Vec<usize> {
    let strides: SmallVec<[usize; 4]> = whole.strides().iter().map(|&stride| stride as usize).collect();
    let last = shape.len() - 1;
    let mut positions = Vec::with_capacity(indices.len());
    let (mut index, mut start): (SmallVec<[usize; 4]>, usize) = (smallvec![0; last], 0);
    for row in indices.chunks(shape[last].max(1)) {
        if axis == last {
            positions.extend(row.iter().map(|j| start + j));
        } else {
            positions.extend(row.iter().enumerate().map(|(i, j)| start + j * strides[axis] + i));
        }
        // The next row, like the next number of a counter.
        for i in (0..last).rev() {
            let stride = if i == axis { 0 } else { strides[i] };
            index[i] += 1;
            start += stride;
            if index[i] < shape[i] {
                break;
            }
            index[i] = 0;
            start -= stride * shape[i];
        }
    }
    positions
}
