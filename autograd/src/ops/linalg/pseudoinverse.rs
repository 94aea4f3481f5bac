//! The pseudoinverse.

use super::singular::negligible;
use super::{finite, transpose};
use crate::error::Error;
use crate::kernels::singular::singular;
use crate::number::Float;
use crate::ops::product::{batch, matrices, product_shape};
use crate::ops::reads::Reads;
use crate::ops::{Array, Input, Operation};
use crate::shape::Shape;

/// `y = a⁺`, by the singular values that are not negligible: `(…, m, n) → (…, n, m)`.
///
/// Where the rank stays, `dy = −y·da·y + y·yᵀ·daᵀ·(1 − a·y) + (1 − y·a)·daᵀ·yᵀ·y` (Golub & Pereyra 1973), without a division by
/// gaps of singular values. The second term is 0 if rows are independent, the third if columns are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pseudoinverse;

impl Operation for Pseudoinverse {
    const NAMES: &'static [&'static str] = &["pinv"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        let (n, m) = (shape[shape.len() - 2], shape[shape.len() - 1]);
        let k = m.min(n);
        for (a, out) in x[0].values.chunks_exact(m * n).zip(out.chunks_exact_mut(m * n)) {
            let [u, s, vt] = singular(m, n, a.iter().map(|x| x.to_f64()).collect());
            let least = negligible::<T>(m, n) * s[0];
            for (at, out) in out.iter_mut().enumerate() {
                let (i, j) = (at / m, at % m);
                let terms =
                    (0..k).filter(|&l| s[l] > least || s[l].is_nan()).map(|l| vt[l * n + i] / s[l] * u[j * k + l]);
                *out = T::from_f64(terms.sum());
            }
        }
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::matrices(x[k], shape)
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], y: &A, dy: &A) -> A {
        transpose(&moved(x[0], y, dy))
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, da: &[Option<&A>]) -> A {
        moved(x[0], y, &transpose(da[0].expect("the only input has a tangent")))
    }
}

/// `dy` for `d = daᵀ`: `y·yᵀ·d·(1 − a·y) + (1 − y·a)·d·yᵀ·y − y·dᵀ·y`. It is its own transpose: from `d = dy` it makes the
/// transpose of the gradient.
#[track_caller]
fn moved<A: Array>(a: &A, y: &A, d: &A) -> A {
    let times = |a: &A, b: &A| matrices(a, b, false, false);
    let rows = times(y, &matrices(y, d, true, false));
    let columns = times(&matrices(d, y, false, true), y);
    let rows = rows.sub(&times(&times(&rows, a), y));
    let columns = columns.sub(&times(y, &times(a, &columns)));
    rows.add(&columns).sub(&times(y, &matrices(d, y, true, false)))
}

#[track_caller]
pub(crate) fn pinv<A: Array>(a: &A) -> Result<A, Error> {
    let shape = a.shape();
    let [.., m, n] = shape[..] else {
        return Err(Error::shape("pinv", format!("shape {shape} is no matrix")));
    };
    let turned = product_shape(&batch(&shape), n, m);
    if shape.numel() == 0 {
        return Ok(a.clone().reshaped(&turned));
    }
    finite("pinv", a, A::apply(Pseudoinverse, turned, &[a]), m * n)
}
