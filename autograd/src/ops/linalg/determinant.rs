//! Determinants.

use super::lu::{Solve, factors, identity_like};
use super::{inner, square};
use crate::error::Error;
use crate::kernels::factor;
use crate::math;
use crate::number::Float;
use crate::ops::product::batch;
use crate::ops::{Array, Input, Operation, view};
use crate::shape::Shape;

/// `det a`, or `ln |det a|`, of `a` and its factors: `(…, n, n) → (…)`; `da = det·a⁻ᵀ·dy`, without the factor `det` for
/// the logarithm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Determinant {
    log: bool,
}

impl Operation for Determinant {
    const NAMES: &'static [&'static str] = &["det", "slogdet"];

    fn name(&self) -> &'static str {
        Self::NAMES[usize::from(self.log)]
    }

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        let n = x[0].shape[x[0].shape.len() - 1];
        for (i, out) in out.iter_mut().enumerate() {
            let (lu, pivots) = x[1].values[i * (n + 1) * n..][..(n + 1) * n].split_at(n * n);
            let (sign, sizes) = factor::determinant(n, lu, pivots);
            *out = match self.log {
                true => sizes.fold(T::zero(), |sum, size| sum + math::ln(size)),
                false => sizes.fold(sign, |product, size| product * size),
            };
        }
    }

    fn differentiable(&self, k: usize) -> bool {
        k == 0
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], y: &A, dy: &A) -> A {
        let slope = if self.log { dy.clone() } else { dy.mul(y) };
        inverse_transpose(x).mul(&as_matrices(&slope))
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        let slope = inner(&inverse_transpose(x), dx[0].expect("the only input with a tangent"));
        if self.log { slope } else { slope.mul(y) }
    }
}

#[track_caller]
fn inverse_transpose<A: Array>(x: &[&A]) -> A {
    Solve { transposed: true }.of(x[0], &identity_like(x[0]), x[1])
}

/// `(…) → (…, 1, 1)`
#[track_caller]
fn as_matrices<A: Array>(x: &A) -> A {
    let rank = x.shape().len();
    let column = view::unsqueeze(x, rank).expect("a new last axis");
    view::unsqueeze(&column, rank + 1).expect("a new last axis")
}

#[track_caller]
pub(crate) fn det<A: Array>(a: &A) -> Result<A, Error> {
    let lu = factors("det", a)?;
    Ok(A::apply(Determinant { log: false }, batch(&a.shape()), &[a, &lu]))
}

/// The signs, as plain numbers, and `ln |det a|`.
#[track_caller]
pub(crate) fn slogdet<A: Array>(a: &A) -> Result<(Vec<A::Value>, A), Error> {
    let (lu, shape) = (factors("slogdet", a)?, a.shape());
    let n = square("slogdet", &shape)?;
    let signs = lu.with_values(|lu| {
        let sign = |i: usize| {
            let (lu, pivots) = lu[i * (n + 1) * n..][..(n + 1) * n].split_at(n * n);
            factor::determinant(n, lu, pivots).0
        };
        (0..batch(&shape).numel()).map(sign).collect()
    });
    Ok((signs, A::apply(Determinant { log: true }, batch(&shape), &[a, &lu])))
}
