//! Singular values and vectors, and what follows from the values.

use super::{crossed, finite, gaps, halves, off_diagonal, on_diagonal, over, packed, unpacked};
use crate::error::Error;
use crate::kernels::singular::singular;
use crate::number::Float;
use crate::number::rows::Binary;
use crate::ops::product::{batch, matrices, product_shape};
use crate::ops::reads::Reads;
use crate::ops::reduce::{Reduction, reduce};
use crate::ops::{Array, Input, Operation, diagonal, sequence, view};
use crate::shape::Shape;

/// `u·diag(s)·vᵀ = a` in one array: `u`, `s` and `vᵀ`, row by row: `(…, m, n) → (…, m·k + k + k·n)`, `k = min(m, n)`.
///
/// With `p = uᵀ·da·v`: `ds = diag p`, `du = u·(x + y) + (1 − u·uᵀ)·da·v·s⁻¹`, `dv = v·(x − y) + (1 − v·vᵀ)·daᵀ·u·s⁻¹`, where
/// `x_ij = (p_ij + p_ji)/2(s_j − s_i)` and `y_ij = (p_ij − p_ji)/2(s_j + s_i)` off the diagonal (Townsend 2016, whose
/// `1/(s_j² − s_i²)` is split here, so that equal values do not meet what turns both sides alike). Where values are
/// equal or 0, the vectors are a choice, as in [`Eigen`](super::Eigen).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Singular {
    m: usize,
    n: usize,
}

impl Operation for Singular {
    const NAMES: &'static [&'static str] = &["svd"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        let (m, n) = (self.m, self.n);
        for (a, out) in x[0].values.chunks_exact(m * n).zip(out.chunks_exact_mut(shape[shape.len() - 1])) {
            let parts = singular(m, n, a.iter().map(|x| x.to_f64()).collect());
            for (out, &y) in out.iter_mut().zip(parts.iter().flatten()) {
                *out = T::from_f64(y);
            }
        }
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::matrices(x[k], shape)
    }

    fn vjp<A: Array>(&self, _k: usize, _x: &[&A], y: &A, dy: &A) -> A {
        let ([u, s, vt], [du, ds, dvt]) = (self.parts(y), self.parts(dy));
        let (left, right) = (matrices(&u, &du, true, false), matrices(&vt, &dvt, false, true));
        let ([_, turn_u], [_, turn_v]) = (halves(&left), halves(&right));
        let [row, column] = crossed(&s);
        let over = |x: &A, y: &A| over(x, y, &[&du, &dvt]);
        let alike = over(&turn_u.add(&turn_v), &gaps(&s));
        let apart = over(&turn_u.sub(&turn_v), &off_diagonal(&row.add(&column)));
        let middle = alike.add(&apart).add(&on_diagonal(&ds));
        let mut da = matrices(&u, &matrices(&middle, &vt, false, false), false, false);
        if self.m > self.n {
            let beyond = over(&du.sub(&matrices(&u, &left, false, false)), &row);
            da = da.add(&matrices(&beyond, &vt, false, false));
        }
        if self.n > self.m {
            let beyond = over(&dvt.sub(&matrices(&right, &vt, true, false)), &column);
            da = da.add(&matrices(&u, &beyond, false, false));
        }
        da
    }

    fn jvp<A: Array>(&self, _x: &[&A], y: &A, da: &[Option<&A>]) -> A {
        let [u, s, vt] = self.parts(y);
        let da = da[0].expect("the only input has a tangent");
        let (left, right) = (matrices(&u, da, true, false), matrices(da, &vt, false, true));
        let moved = matrices(&left, &vt, false, true);
        let ds = diagonal::diagonal(&moved).expect("matrices");
        let [alike, apart] = halves(&moved);
        let [row, column] = crossed(&s);
        let over = |x: &A, y: &A| over(x, y, &[da]);
        let alike = over(&alike, &gaps(&s));
        let apart = over(&apart, &off_diagonal(&row.add(&column)));
        let mut du = matrices(&u, &alike.add(&apart), false, false);
        let mut dvt = matrices(&alike.sub(&apart), &vt, true, false);
        if self.m > self.n {
            du = du.add(&over(&right.sub(&matrices(&u, &moved, false, false)), &row));
        }
        if self.n > self.m {
            dvt = dvt.add(&over(&left.sub(&matrices(&moved, &vt, false, false)), &column));
        }
        packed("svd", y.shape().len() - 1, &[du, ds, dvt])
    }
}

impl Singular {
    /// The left vectors, the values and the right vectors in one array.
    #[track_caller]
    fn parts<A: Array>(self, y: &A) -> [A; 3] {
        let k = self.m.min(self.n);
        unpacked(y, [&[self.m, k], &[k], &[k, self.n]])
    }
}

/// Left vectors in columns, values in decreasing order, right vectors in rows.
#[track_caller]
pub(crate) fn svd<A: Array>(a: &A) -> Result<[A; 3], Error> {
    let shape = a.shape();
    let [.., m, n] = shape[..] else {
        return Err(Error::shape("svd", format!("shape {shape} is no matrix")));
    };
    let (lead, k) = (batch(&shape), m.min(n));
    if shape.numel() == 0 {
        let values = lead.inserted(lead.len(), k);
        let shapes = [product_shape(&lead, m, k), values, product_shape(&lead, k, n)];
        return Ok(shapes.map(|shape| a.clone().reshaped(&shape)));
    }
    let (size, op) = (k * (m + 1 + n), Singular { m, n });
    let whole = lead.inserted(lead.len(), size);
    whole.checked_numel("svd")?;
    Ok(op.parts(&finite("svd", a, A::apply(op, whole, &[a]), size)?))
}

#[track_caller]
pub(crate) fn svdvals<A: Array>(a: &A) -> Result<A, Error> {
    let [_, values, _] = svd(a)?;
    Ok(values)
}

/// The p-norm of the singular values.
#[track_caller]
pub(crate) fn schatten_norm<A: Array>(a: &A, p: f64) -> Result<A, Error> {
    let rank = a.shape().len();
    if p == 2.0 && rank >= 2 {
        return reduce(Reduction::Norm, a, rank - 2..rank, false); // without the values
    }
    sequence::p_norm(&svdvals(a)?, p, rank - 2)
}

/// The largest singular value over the smallest.
#[track_caller]
pub(crate) fn cond<A: Array>(a: &A) -> Result<A, Error> {
    let values = svdvals(a)?;
    let last = values.shape().len() - 1;
    let k = values.shape()[last];
    if k == 0 {
        return Err(Error::shape("cond", format!("matrices of shape {} have no singular values", a.shape())));
    }
    let value = |i: usize| view::select_index(&values, last, i);
    Ok(value(0)?.binary(Binary::Div, &value(k - 1)?))
}

/// Up to this part of the largest, singular values of an `m × n` matrix count as 0.
pub(super) fn negligible<T: Float>(m: usize, n: usize) -> f64 {
    m.max(n) as f64 * T::EPSILON
}

/// How many singular values of each matrix are not negligible.
#[track_caller]
pub(crate) fn ranks<A: Array>(a: &A) -> Result<Vec<usize>, Error> {
    let (values, shape) = (svdvals(a)?, a.shape());
    let (m, n) = (shape[shape.len() - 2], shape[shape.len() - 1]);
    if m.min(n) == 0 {
        batch(&shape).checked_numel("matrix_rank")?;
        return Ok(vec![0; batch(&shape).numel()]);
    }
    let least = negligible::<A::Value>(m, n);
    let rank = |s: &[A::Value]| s.iter().filter(|x| x.to_f64() > least * s[0].to_f64()).count();
    Ok(values.with_values(|values| values.chunks_exact(m.min(n)).map(rank).collect()))
}
