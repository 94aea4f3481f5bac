//! Eigenvalues and eigenvectors of symmetric matrices.

use super::cholesky::symmetric;
use super::{finite, gaps, halves, on_diagonal, over, packed, square, unpacked};
use crate::error::Error;
use crate::kernels::eigen::eigen;
use crate::number::Float;
use crate::ops::product::{batch, matrices};
use crate::ops::reads::Reads;
use crate::ops::{Array, Input, Operation, diagonal};
use crate::shape::Shape;

/// `v·diag(w)·vᵀ = (a + aᵀ)/2` in one array: the values `w`, then the vectors `v`, row by row: `(…, n, n) → (…, n + n·n)`.
///
/// `dw = diag p` and `dv = v·(f ∘ p)` with `p = vᵀ·da·v` and `f_ij = 1/(w_j − w_i)` off the diagonal (Giles 2008). Where a
/// gap is 0, the vectors are a choice without derivative, and what depends on them has none that is finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Eigen {
    n: usize,
}

impl Operation for Eigen {
    const NAMES: &'static [&'static str] = &["eigh"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        let n = self.n;
        for (a, out) in x[0].values.chunks_exact(n * n).zip(out.chunks_exact_mut(n + n * n)) {
            let at = |i: usize, j: usize| a[i * n + j].to_f64() * 0.5;
            let mean = (0..n * n).map(|place| at(place / n, place % n) + at(place % n, place / n)).collect();
            for (out, &y) in out.iter_mut().zip(eigen(n, mean).iter().flatten()) {
                *out = T::from_f64(y);
            }
        }
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::matrices(x[k], shape)
    }

    fn vjp<A: Array>(&self, _k: usize, _x: &[&A], y: &A, dy: &A) -> A {
        let ([w, v], [dw, dv]) = (self.parts(y), self.parts(dy));
        let [_, turn] = halves(&matrices(&v, &dv, true, false));
        let middle = over(&turn, &gaps(&w), &[&dv]).add(&on_diagonal(&dw));
        matrices(&matrices(&v, &middle, false, false), &v, false, true)
    }

    fn jvp<A: Array>(&self, _x: &[&A], y: &A, da: &[Option<&A>]) -> A {
        let [w, v] = self.parts(y);
        let da = symmetric(da[0].expect("the only input has a tangent"));
        let moved = matrices(&matrices(&v, &da, true, false), &v, false, false);
        let dw = diagonal::diagonal(&moved).expect("matrices");
        let turn = over(&moved.sub(&on_diagonal(&dw)), &gaps(&w), &[&da]);
        packed("eigh", y.shape().len() - 1, &[dw, matrices(&v, &turn, false, false)])
    }
}

impl Eigen {
    /// The values and the vectors in one array.
    #[track_caller]
    fn parts<A: Array>(self, y: &A) -> [A; 2] {
        unpacked(y, [&[self.n], &[self.n, self.n]])
    }
}

/// Values in increasing order, and vectors in columns.
#[track_caller]
pub(crate) fn eigh<A: Array>(a: &A) -> Result<[A; 2], Error> {
    let shape = a.shape();
    let n = square("eigh", &shape)?;
    if shape.numel() == 0 {
        return Ok([diagonal::diagonal(a)?, a.clone()]);
    }
    let (lead, size, op) = (batch(&shape), n + n * n, Eigen { n });
    let whole = lead.inserted(lead.len(), size);
    whole.checked_numel("eigh")?;
    Ok(op.parts(&finite("eigh", a, A::apply(op, whole, &[a]), size)?))
}

#[track_caller]
pub(crate) fn eigvalsh<A: Array>(a: &A) -> Result<A, Error> {
    let [values, _] = eigh(a)?;
    Ok(values)
}
