//! Orthogonal factors, and least squares.

use super::{SolveTriangular, packed, transpose, triangle, unpacked, with_columns};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::number::Float;
use crate::ops::product::{batch, matrices};
use crate::ops::reads::Reads;
use crate::ops::{Array, Input, Operation, diagonal, product};
use crate::shape::Shape;

/// `q·r = a` in one array: each `q`, then each `r`, row by row: `(…, m, n) → (…, m·n + n·n)`, `m ≥ n`.
///
/// `da = (dq + q·s)·r⁻ᵀ`, where `s` is the symmetric matrix whose lower triangle is that of `r·drᵀ − dqᵀ·q` (Walter & Lehmann
/// 2010; Seeger et al. 2017).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Qr {
    n: usize,
}

const UPPER: SolveTriangular = SolveTriangular { lower: false, transposed: false };
const TURNED: SolveTriangular = SolveTriangular { lower: false, transposed: true };

impl Operation for Qr {
    const NAMES: &'static [&'static str] = &["qr"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        let (n, size) = (self.n, shape[shape.len() - 1]);
        let m = size / n - n;
        for (a, out) in x[0].values.chunks_exact(m * n).zip(out.chunks_exact_mut(size)) {
            let (q, r) = out.split_at_mut(m * n);
            kernels::qr(m, n, a, q, r);
        }
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::matrices(x[k], shape)
    }

    fn vjp<A: Array>(&self, _k: usize, _x: &[&A], y: &A, dy: &A) -> A {
        let ([q, r], [dq, dr]) = (self.parts(y), self.parts(dy));
        let middle = matrices(&r, &dr, false, true).sub(&matrices(&dq, &q, true, false));
        let lower = triangle(&middle, true);
        let symmetric = lower.add(&transpose(&below(&middle)));
        let right = dq.add(&matrices(&q, &symmetric, false, false));
        transpose(&UPPER.of(&r, &transpose(&right)))
    }

    fn jvp<A: Array>(&self, _x: &[&A], y: &A, da: &[Option<&A>]) -> A {
        let [q, r] = self.parts(y);
        let da = da[0].expect("the only input has a tangent");
        let over_r = |x: &A| transpose(&TURNED.of(&r, &transpose(x)));
        let turned = over_r(&matrices(&q, da, true, false));
        // What turns the columns of `q` is skew; the rest is upper triangular and moves `r`.
        let skew = below(&turned).sub(&transpose(&below(&turned)));
        let dr = matrices(&turned.sub(&skew), &r, false, false);
        let dq = over_r(&da.sub(&matrices(&q, &dr, false, false)));
        packed("qr", y.shape().len() - 1, &[dq, dr])
    }
}

impl Qr {
    /// The factors in one array.
    #[track_caller]
    fn parts<A: Array>(self, y: &A) -> [A; 2] {
        let (size, n) = (y.shape()[y.shape().len() - 1], self.n);
        unpacked(y, [&[size / n - n, n], &[n, n]])
    }
}

/// The lower triangle without the diagonal.
#[track_caller]
fn below<A: Array>(x: &A) -> A {
    diagonal::triangle("qr", x, -1, true).expect("matrices")
}

/// `q` with orthonormal columns and upper triangular `r`.
#[track_caller]
pub(crate) fn qr<A: Array>(a: &A) -> Result<[A; 2], Error> {
    let shape = a.shape();
    let [.., m, n] = shape[..] else {
        return Err(Error::shape("qr", format!("shape {shape} is no matrix")));
    };
    if m < n || n == 0 {
        let law = format!("shape {shape}: matrices of at least one column and as many rows as columns are needed");
        return Err(Error::shape("qr", law));
    }
    let lead = batch(&shape);
    let whole = lead.inserted(lead.len(), m * n + n * n);
    whole.checked_numel("qr")?;
    let op = Qr { n };
    Ok(op.parts(&A::apply(op, whole, &[a])))
}

/// The `x` of least `‖a·x − b‖`: `r·x = qᵀ·b`.
#[track_caller]
pub(crate) fn lstsq<A: Array>(a: &A, b: &A) -> Result<A, Error> {
    with_columns(b, |b| {
        let [q, r] = qr(a)?;
        let right = product::matmul(&transpose(&q), b)?;
        Ok(UPPER.of(&r, &right))
    })
}
