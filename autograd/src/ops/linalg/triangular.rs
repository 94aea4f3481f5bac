//! Triangular systems.

use super::{each_system, system, triangle, with_columns};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::kernels::factor::Triangle;
use crate::kernels::product::Matrix;
use crate::number::Float;
use crate::number::rows::Unary;
use crate::ops::product::matrices;
use crate::ops::reads::Reads;
use crate::ops::{Array, Input, Operation, sum};
use crate::shape::Shape;

/// `x = t⁻¹·b`, or `t⁻ᵀ·b`, by one triangle of `t`: `db = t⁻ᵀ·dx`, `dt = −db·xᵀ` in that triangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SolveTriangular {
    pub(super) lower: bool,
    pub(super) transposed: bool,
}

impl Operation for SolveTriangular {
    const NAMES: &'static [&'static str] = &["solve_triangular"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        let (n, k) = (shape[shape.len() - 2], shape[shape.len() - 1]);
        each_system(x[0].shape, x[1], shape, out, |matrix, x_out| {
            let values = Matrix::new(&x[0].values[matrix * n * n..][..n * n], n, false);
            let t = Triangle { values, lower: self.lower, unit: false };
            kernels::solve_triangular(n, k, if self.transposed { t.transposed() } else { t }, x_out);
        });
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::matrices(x[k], shape)
    }

    fn vjp<A: Array>(&self, k: usize, x: &[&A], y: &A, dy: &A) -> A {
        let db = self.turned().of(x[0], dy);
        if k == 1 {
            return db.sum_to(&x[1].shape());
        }
        let outer = if self.transposed { matrices(y, &db, false, true) } else { matrices(&db, y, false, true) };
        triangle(&outer.unary(Unary::Neg, [0.0; 2]), self.lower).sum_to(&x[0].shape())
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        let by_t = dx[0].map(|dt| {
            let moved = matrices(&triangle(dt, self.lower), y, self.transposed, false);
            self.of(x[0], &moved.unary(Unary::Neg, [0.0; 2]))
        });
        sum([by_t, dx[1].map(|db| self.of(x[0], &db.expanded(&y.shape())))])
    }
}

impl SolveTriangular {
    /// The solve with the transpose.
    fn turned(self) -> Self {
        SolveTriangular { transposed: !self.transposed, ..self }
    }

    /// Applies this to arrays whose shapes fit.
    #[track_caller]
    pub(super) fn of<A: Array>(self, t: &A, b: &A) -> A {
        A::apply(self, system("solve_triangular", &t.shape(), &b.shape()).expect("shapes that fit"), &[t, b])
    }
}

#[track_caller]
pub(crate) fn solve_triangular<A: Array>(t: &A, b: &A, lower: bool) -> Result<A, Error> {
    with_columns(b, |b| {
        let shape = system("solve_triangular", &t.shape(), &b.shape())?;
        Ok(A::apply(SolveTriangular { lower, transposed: false }, shape, &[t, b]))
    })
}
