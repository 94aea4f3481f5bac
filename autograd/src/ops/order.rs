//! Order: sorted arrays, ranks, quantiles, running extremes.
//!
//! The positions of the values that are chosen follow from the values, outside the tape; where they do not change,
//! the choice is linear. So each operation here is a [`Gather`](super::index::Gather), whose derivatives of every
//! order exist: a value's gradient goes to the place that it was read from.

use std::ops::Range;
use std::sync::Arc;

use super::index::{along, at};
use super::reads::Reads;
use super::reduce::{gathered, loops};
use super::{Array, Input, Operation, sum};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::kernels::reduce::Loops;
use crate::number::Float;
use crate::shape::{Axes, Shape, count};

/// `y[o, k] = a[o, k] + (b[o, k] − a[o, k])·w_k`, rows of `inner` values; `da = dy·(1 − w)`, `db = dy·w`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Interpolate {
    weights: Arc<Vec<f64>>,
    inner: usize,
}

impl Interpolate {
    /// A gradient or tangent `d` of `a`, or of `b` if `k` is 1, times its weight.
    #[track_caller]
    fn weighted<A: Array>(&self, k: usize, d: &A) -> A {
        let shape = d.shape();
        let weight = |at: usize| {
            let w = self.weights[at / self.inner % self.weights.len()];
            A::Value::from_f64(if k == 0 { 1.0 - w } else { w })
        };
        d.chain(&d.constant_like(shape, weight))
    }
}

impl Operation for Interpolate {
    const NAMES: &'static [&'static str] = &["interpolate"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        kernels::interpolate(x[0].values, x[1].values, &self.weights, self.inner, out);
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::stretched(x[k], shape)
    }

    fn vjp<A: Array>(&self, k: usize, _x: &[&A], _y: &A, dy: &A) -> A {
        self.weighted(k, dy)
    }

    fn jvp<A: Array>(&self, _x: &[&A], _y: &A, dx: &[Option<&A>]) -> A {
        sum([dx[0].map(|da| self.weighted(0, da)), dx[1].map(|db| self.weighted(1, db))])
    }
}

/// Positions along the axes of `loops`, `len` for each place of the others; none where there are no values.
#[track_caller]
fn found<A: Array>(x: &A, loops: Loops, len: usize, find: impl FnOnce(&[A::Value], &mut [usize])) -> Vec<usize> {
    x.with_values(|values| {
        if values.is_empty() || len == 0 {
            return vec![];
        }
        let mut out = vec![0; loops.outer * len * loops.inner];
        find(values, &mut out);
        out
    })
}

/// Positions of the ranks along `axis`; `None` for all.
#[track_caller]
fn ranks_along<A: Array>(x: &A, axis: usize, ranks: Range<usize>, descending: bool) -> Vec<usize> {
    let loops = loops(&x.shape(), axis..axis + 1);
    found(x, loops, ranks.len(), |values, out| {
        kernels::ranked(values, loops, &ranks.collect::<Vec<_>>(), descending, false, out);
    })
}

/// The positions of sorted values.
#[track_caller]
pub(crate) fn argsort<A: Array>(x: &A, axis: usize, descending: bool) -> Result<Vec<usize>, Error> {
    let n = x.shape().axis("argsort", axis)?;
    Ok(ranks_along(x, axis, 0..n, descending))
}

#[track_caller]
pub(crate) fn sort<A: Array>(x: &A, axis: usize, descending: bool) -> Result<A, Error> {
    let shape = x.shape();
    let order = argsort(x, axis, descending)?;
    Ok(along(x, axis, &shape, &order, shape.clone()))
}

/// The `k` largest values, and their positions.
#[track_caller]
pub(crate) fn topk<A: Array>(x: &A, k: usize, axis: usize) -> Result<(A, Vec<usize>), Error> {
    let shape = x.shape();
    let n = shape.axis("topk", axis)?;
    if k > n {
        return Err(Error::shape("topk", format!("axis {axis} of shape {shape} has {n} values, fewer than {k}")));
    }
    let (target, order) = (shape.with_axis(axis, k), ranks_along(x, axis, 0..k, true));
    Ok((along(x, axis, &target, &order, target.clone()), order))
}

/// The value of rank `k`, counted from 1, and its position. The axis disappears.
#[track_caller]
pub(crate) fn kthvalue<A: Array>(x: &A, k: usize, axis: usize) -> Result<(A, Vec<usize>), Error> {
    let shape = x.shape();
    let n = shape.axis("kthvalue", axis)?;
    if k == 0 || k > n {
        let law =
            format!("there is no value {k} among the {n} along axis {axis} of shape {shape}; they count from 1 to {n}");
        return Err(Error::shape("kthvalue", law));
    }
    let rest = shape.without(axis..axis + 1);
    rest.checked_numel("kthvalue")?;
    let order = ranks_along(x, axis, k - 1..k, false);
    Ok((along(x, axis, &shape.with_axis(axis, 1), &order, rest), order))
}

/// The positions of the running extremes.
#[track_caller]
pub(crate) fn argcum<A: Array>(x: &A, axis: usize, largest: bool) -> Result<Vec<usize>, Error> {
    let shape = x.shape();
    let n = shape.axis("cummax", axis)?;
    let loops = loops(&shape, axis..axis + 1);
    Ok(found(x, loops, n, |values, out| kernels::running_extreme(values, loops, largest, out)))
}

#[track_caller]
pub(crate) fn cum<A: Array>(x: &A, axis: usize, largest: bool) -> Result<A, Error> {
    let shape = x.shape();
    let order = argcum(x, axis, largest)?;
    Ok(along(x, axis, &shape, &order, shape.clone()))
}

/// The quantile `q` over `axes`.
#[track_caller]
pub(crate) fn quantile<A: Array>(op: &'static str, x: &A, q: f64, axes: impl Axes, keep: bool) -> Result<A, Error> {
    let (x, axes, result) = gathered(op, x, axes, keep)?;
    quantiles_of(op, &x, &[q], axes, result)
}

/// The quantiles `q` along `axis`, which becomes as long as they are many.
#[track_caller]
pub(crate) fn quantiles<A: Array>(x: &A, q: &[f64], axis: usize) -> Result<A, Error> {
    let shape = x.shape();
    shape.axis("quantiles", axis)?;
    let result = shape.with_axis(axis, q.len());
    result.checked_numel("quantiles")?;
    quantiles_of("quantiles", x, q, axis..axis + 1, result)
}

/// The quantile `q` of n sorted values is the value of rank `(n − 1)·q`, interpolated between its neighbours.
#[track_caller]
fn quantiles_of<A: Array>(op: &'static str, x: &A, q: &[f64], axes: Range<usize>, result: Shape) -> Result<A, Error> {
    let shape = x.shape();
    if let Some(q) = q.iter().find(|q| !(0.0..=1.0).contains(*q)) {
        return Err(Error::shape(op, format!("{q} is no quantile; it must lie from 0 to 1")));
    }
    if shape[axes.clone()].contains(&0) {
        return Err(Error::shape(op, format!("the reduced axes of shape {shape} are empty, and have no {op}")));
    }
    let (loops, n) = (loops(&shape, axes.clone()), count(&shape[axes]));
    let ranks = q.iter().map(|q| (n - 1) as f64 * q);
    let (low, weights): (Vec<usize>, Vec<f64>) = ranks.map(|rank| (rank as usize, rank - rank.floor())).unzip();
    let high: Vec<usize> = low.iter().zip(&weights).map(|(&low, &w)| low + usize::from(w > 0.0)).collect();
    let mut ranks = [&low[..], &high[..]].concat();
    ranks.sort_unstable();
    ranks.dedup();
    let order = found(x, loops, ranks.len(), |values, out| {
        kernels::ranked(values, loops, &ranks, false, true, out);
    });
    let a = read(x, loops, &ranks, &order, &low, &result);
    if weights.iter().all(|&w| w == 0.0) {
        return Ok(a);
    }
    let b = read(x, loops, &ranks, &order, &high, &result);
    Ok(A::apply(Interpolate { weights: Arc::new(weights), inner: loops.inner }, result, &[&a, &b]))
}

/// The values of the ranks `chosen`; `order` holds the positions of `ranks`, for each place of the other axes.
#[track_caller]
fn read<A: Array>(x: &A, loops: Loops, ranks: &[usize], order: &[usize], chosen: &[usize], target: &Shape) -> A {
    let Loops { n, inner, .. } = loops;
    let rows: Vec<usize> = chosen.iter().map(|rank| ranks.binary_search(rank).expect("one of the ranks")).collect();
    let mut positions = Vec::with_capacity(target.numel());
    for (o, order) in order.chunks(ranks.len().saturating_mul(inner).max(1)).enumerate() {
        for row in &rows {
            let row = order[row * inner..][..inner].iter().enumerate();
            positions.extend(row.map(|(i, j)| (o * n + j) * inner + i));
        }
    }
    at(x, x.indices_like(positions.into_iter()), target.clone())
}
