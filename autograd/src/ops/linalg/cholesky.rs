//! The Cholesky factor.

use std::cmp::Ordering;

use super::{SolveTriangular, square, system, transpose, triangle, which, with_columns};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::number::Float;
use crate::number::rows::Unary;
use crate::ops::product::matrices;
use crate::ops::reads::Reads;
use crate::ops::reduce::{Reduction, reduce};
use crate::ops::{Array, Input, Operation, diagonal};
use crate::shape::Shape;

/// The lower triangular `l` with `l·lᵀ = (a + aᵀ)/2`: `da` is the symmetric part of `l⁻ᵀ·Φ(lᵀ·dl)·l⁻¹`, where `Φ` takes
/// the lower triangle and half of the diagonal (Murray 2016).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cholesky;

/// Solves with the factor's transpose.
const TRANSPOSED: SolveTriangular = SolveTriangular { lower: true, transposed: true };
const PLAIN: SolveTriangular = SolveTriangular { lower: true, transposed: false };

impl Operation for Cholesky {
    const NAMES: &'static [&'static str] = &["cholesky"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        let n = shape[shape.len() - 1];
        for (a, l) in x[0].values.chunks_exact(n * n).zip(out.chunks_exact_mut(n * n)) {
            let half = T::from_f64(0.5);
            for (i, j) in (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))) {
                // Halves first: the sum may overflow where the mean does not.
                l[i * n + j] = a[i * n + j] * half + a[j * n + i] * half;
            }
            kernels::cholesky(n, l);
        }
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::matrices(x[k], shape)
    }

    fn vjp<A: Array>(&self, _k: usize, _x: &[&A], l: &A, dl: &A) -> A {
        let middle = halved(&matrices(l, &triangle(dl, true), true, false));
        let left = TRANSPOSED.of(l, &middle);
        symmetric(&TRANSPOSED.of(l, &transpose(&left)))
    }

    fn jvp<A: Array>(&self, _x: &[&A], l: &A, da: &[Option<&A>]) -> A {
        let da = symmetric(da[0].expect("the only input has a tangent"));
        let left = PLAIN.of(l, &da);
        matrices(l, &halved(&PLAIN.of(l, &transpose(&left))), false, false)
    }
}

/// The lower triangle, with half of the diagonal.
#[track_caller]
fn halved<A: Array>(x: &A) -> A {
    let shape = x.shape();
    let n = shape[shape.len() - 1];
    let weight = |at: usize| match (at / n).cmp(&(at % n)) {
        Ordering::Less => 0.0,
        Ordering::Equal => 0.5,
        Ordering::Greater => 1.0,
    };
    let weights = x.constant_like(Shape::from([n, n]), |at| A::Value::from_f64(weight(at)));
    // `chain`, so that what lies above the diagonal is 0 even if it is not finite.
    weights.expanded(&shape).chain(x)
}

/// `(x + xᵀ)/2`
#[track_caller]
pub(super) fn symmetric<A: Array>(x: &A) -> A {
    let half = x.unary(Unary::MulNumber, [0.5, 0.0]);
    half.add(&transpose(&half))
}

#[track_caller]
pub(crate) fn cholesky<A: Array>(a: &A) -> Result<A, Error> {
    let shape = a.shape();
    let n = square("cholesky", &shape)?;
    let l = A::apply(Cholesky, shape.clone(), &[a]);
    let bad = l.with_values(|l| l.iter().position(|&x| x.to_f64().is_nan()));
    match bad {
        None => Ok(l),
        Some(at) => {
            let (matrix, pivot) = (which(&shape, at / (n * n)), at % (n * n) / (n + 1));
            let law = format!(
                "the leading {0} × {0} block{matrix} is not positive definite; is the matrix a covariance? \
                 a small multiple of the identity added to it may help",
                pivot + 1
            );
            Err(Error::Matrix { op: "cholesky", law })
        }
    }
}

/// `(l·lᵀ)⁻¹·b`
#[track_caller]
pub(crate) fn cholesky_solve<A: Array>(l: &A, b: &A) -> Result<A, Error> {
    with_columns(b, |b| {
        system("cholesky_solve", &l.shape(), &b.shape())?;
        Ok(TRANSPOSED.of(l, &PLAIN.of(l, b)))
    })
}

/// `ln det a = 2·Σ ln l_jj`
#[track_caller]
pub(crate) fn logdet<A: Array>(a: &A) -> Result<A, Error> {
    let logs = diagonal::diagonal(&cholesky(a)?)?.unary(Unary::Ln, [0.0; 2]);
    let sum = reduce(Reduction::Sum, &logs, logs.shape().len() - 1, false)?;
    Ok(sum.unary(Unary::MulNumber, [2.0, 0.0]))
}
