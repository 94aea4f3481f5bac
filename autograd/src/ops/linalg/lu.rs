//! Systems of linear equations, by LU factors with partial pivoting.

use super::{each_system, square, system, which, with_columns};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::number::rows::Unary;
use crate::number::{Float, Number};
use crate::ops::product::{batch, matrices, product_shape};
use crate::ops::{Array, Input, Operation, sum};
use crate::shape::Shape;

/// The factors `L·U` of each matrix with rows exchanged, and a last row that says which: `(…, n, n) → (…, n + 1, n)`.
/// It serves what is computed with it, which has its own derivative by the matrix; through the factors none flows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lu;

impl Operation for Lu {
    const NAMES: &'static [&'static str] = &["lu"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        let n = shape[shape.len() - 1];
        for (a, out) in x[0].values.chunks_exact(n * n).zip(out.chunks_exact_mut((n + 1) * n)) {
            let (lu, pivots) = out.split_at_mut(n * n);
            lu.copy_from_slice(a);
            kernels::lu(n, lu, pivots);
        }
    }

    fn differentiable(&self, _k: usize) -> bool {
        false
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, _dy: &A) -> A {
        x[0].zeros_like()
    }

    fn jvp<A: Array>(&self, _x: &[&A], y: &A, _dx: &[Option<&A>]) -> A {
        y.zeros_like()
    }
}

/// The factors of square matrices.
#[track_caller]
pub(super) fn factors<A: Array>(op: &'static str, a: &A) -> Result<A, Error> {
    let shape = a.shape();
    let n = square(op, &shape)?;
    Ok(A::apply(Lu, product_shape(&batch(&shape), n + 1, n), &[a]))
}

/// `x = a⁻¹·b`, or `a⁻ᵀ·b`, of `a`, `b` and the factors of `a`: `db = a⁻ᵀ·dx`, `da = −db·xᵀ`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Solve {
    pub(super) transposed: bool,
}

impl Operation for Solve {
    const NAMES: &'static [&'static str] = &["solve"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        let (n, k) = (shape[shape.len() - 2], shape[shape.len() - 1]);
        each_system(x[0].shape, x[1], shape, out, |matrix, x_out| {
            let (lu, pivots) = x[2].values[matrix * (n + 1) * n..][..(n + 1) * n].split_at(n * n);
            kernels::lu_solve(n, k, lu, pivots, self.transposed, x_out);
        });
    }

    fn differentiable(&self, k: usize) -> bool {
        k < 2
    }

    fn vjp<A: Array>(&self, k: usize, x: &[&A], y: &A, dy: &A) -> A {
        let db = Solve { transposed: !self.transposed }.of(x[0], dy, x[2]);
        if k == 1 {
            return db.sum_to(&x[1].shape());
        }
        let outer = if self.transposed { matrices(y, &db, false, true) } else { matrices(&db, y, false, true) };
        outer.unary(Unary::Neg, [0.0; 2]).sum_to(&x[0].shape())
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        let by_a = dx[0].map(|da| {
            let moved = matrices(da, y, self.transposed, false).unary(Unary::Neg, [0.0; 2]);
            self.of(x[0], &moved, x[2])
        });
        sum([by_a, dx[1].map(|db| self.of(x[0], &db.expanded(&y.shape()), x[2]))])
    }
}

impl Solve {
    /// Applies this to arrays whose shapes fit.
    #[track_caller]
    pub(super) fn of<A: Array>(self, a: &A, b: &A, lu: &A) -> A {
        A::apply(self, system("solve", &a.shape(), &b.shape()).expect("shapes that fit"), &[a, b, lu])
    }
}

/// The identity, as many rows as the matrices have.
#[track_caller]
pub(super) fn identity_like<A: Array>(a: &A) -> A {
    let shape = a.shape();
    let n = shape[shape.len() - 1];
    let values = (0..n * n).map(|at| if at % (n + 1) == 0 { A::Value::one() } else { A::Value::zero() }).collect();
    a.constant_like(Shape::from([n, n]), values)
}

#[track_caller]
pub(crate) fn solve<A: Array>(a: &A, b: &A) -> Result<A, Error> {
    solve_as("solve", a, b)
}

#[track_caller]
pub(crate) fn inverse<A: Array>(a: &A) -> Result<A, Error> {
    square("inverse", &a.shape())?;
    solve_as("inverse", a, &identity_like(a))
}

#[track_caller]
fn solve_as<A: Array>(op: &'static str, a: &A, b: &A) -> Result<A, Error> {
    with_columns(b, |b| {
        system(op, &a.shape(), &b.shape())?;
        let lu = factors(op, a)?;
        let n = square(op, &a.shape())?;
        // A pivot of 0, or NaN: the matrix is singular, or has NaN in it.
        let is_pivot = |at: usize| at % ((n + 1) * n) < n * n && at % ((n + 1) * n) % (n + 1) == 0;
        let lost = |(at, x): (usize, &A::Value)| is_pivot(at) && !(x.to_f64().abs() > 0.0);
        match lu.with_values(|lu| lu.iter().enumerate().position(lost)) {
            None => Ok(Solve { transposed: false }.of(a, b, &lu)),
            Some(at) => {
                let (matrix, pivot) = (which(&a.shape(), at / ((n + 1) * n)), at % ((n + 1) * n) / (n + 1));
                let law = format!("pivot {pivot}{matrix} is 0 or NaN: the matrix is singular, or holds NaN");
                Err(Error::Matrix { op, law })
            }
        }
    })
}
