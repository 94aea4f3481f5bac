//! Determinants.

use super::lu::{Solve, identity_like};
use super::{inner, square};
use crate::error::Error;
use crate::kernels::{compiled as kernels, factor};
use crate::math;
use crate::number::Float;
use crate::ops::product::batch;
use crate::ops::reads::Reads;
use crate::ops::{Array, Input, Operation, view};
use crate::shape::Shape;

/// `det a`: `(…, n, n) → (…)`, `da = det·a⁻ᵀ·dy`; or the sign of `det a` and `ln |det a|` side by side: `(…, n, n) → (…, 2)`,
/// `da = a⁻ᵀ` times the second of `dy`.
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
        let mut pivots = vec![T::zero(); n];
        for (i, out) in out.chunks_exact_mut(if self.log { 2 } else { 1 }).enumerate() {
            let mut lu = x[0].values[i * n * n..][..n * n].to_vec();
            kernels::lu(n, &mut lu, &mut pivots);
            let (sign, sizes) = factor::determinant(n, &lu, &pivots);
            match out {
                [sign_out, log] => (*sign_out, *log) = (sign, sizes.fold(T::zero(), |sum, x| sum + math::ln(x))),
                [det, ..] => *det = sizes.fold(sign, |product, size| product * size),
                [] => unreachable!("one value or two for each matrix"),
            }
        }
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::matrices(x[k], shape)
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], y: &A, dy: &A) -> A {
        let slope = if self.log { second(dy) } else { dy.mul(y) };
        inverse_transpose(x[0]).mul(&as_matrices(&slope))
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        let slope = inner(&inverse_transpose(x[0]), dx[0].expect("the only input has a tangent"));
        if !self.log {
            return slope.mul(y);
        }
        let rank = slope.shape().len();
        let mut widths = vec![(0, 0); rank];
        widths.push((1, 0)); // the sign does not move
        view::pad(&view::unsqueeze(&slope, rank).expect("a new last axis"), &widths, 0.0).expect("one width an axis")
    }
}

#[track_caller]
fn inverse_transpose<A: Array>(a: &A) -> A {
    Solve::transposed().of(a, &identity_like(a))
}

/// The second value of the last axis: `(…, 2) → (…)`.
#[track_caller]
fn second<A: Array>(x: &A) -> A {
    view::select_index(x, x.shape().len() - 1, 1).expect("two values")
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
    square("det", &a.shape())?;
    Ok(A::apply(Determinant { log: false }, batch(&a.shape()), &[a]))
}

/// The signs, as plain numbers, and `ln |det a|`.
#[track_caller]
pub(crate) fn slogdet<A: Array>(a: &A) -> Result<(Vec<A::Value>, A), Error> {
    square("slogdet", &a.shape())?;
    let lead = batch(&a.shape());
    let both = A::apply(Determinant { log: true }, lead.inserted(lead.len(), 2), &[a]);
    let signs = both.with_values(|both| both.iter().copied().step_by(2).collect());
    Ok((signs, second(&both)))
}
