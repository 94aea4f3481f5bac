//! Systems of linear equations, by LU factors with partial pivoting.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use super::{each_system, square, system, which, with_columns};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::number::rows::Unary;
use crate::number::{Float, Number};
use crate::ops::product::matrices;
use crate::ops::reads::Reads;
use crate::ops::{Array, Input, Operation, sum};
use crate::shape::Shape;

/// `x = a⁻¹·b`, or `a⁻ᵀ·b`: `db = a⁻ᵀ·dx`, `da = −db·xᵀ`. NaN for a matrix with a pivot of 0 or NaN.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Solve {
    transposed: bool,
    kept: Kept,
}

/// The factors with which a system was solved last. Its derivatives solve with the same matrices, and factors are most of the
/// work: the operation shares them with those of its derivatives. Other matrices replace them.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Option<Arc<dyn Any + Send + Sync>>>>);

/// What is kept is no part of what the operation is.
impl PartialEq for Kept {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// Matrices, one after another, and their factors.
struct Factored<T> {
    matrices: Vec<T>,
    lu: Vec<T>,
    pivots: Vec<T>,
}

impl Kept {
    /// The factors of matrices of `n` rows.
    fn factors<T: Float>(&self, n: usize, matrices: &[T]) -> Arc<Factored<T>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.clone().and_then(|kept| kept.downcast::<Factored<T>>().ok());
        if let Some(known) = known.filter(|known| known.matrices == matrices) {
            return known;
        }
        let mut new = Factored {
            matrices: matrices.to_vec(),
            lu: matrices.to_vec(),
            pivots: vec![T::zero(); matrices.len() / n],
        };
        for (lu, pivots) in new.lu.chunks_exact_mut(n * n).zip(new.pivots.chunks_exact_mut(n)) {
            kernels::lu(n, lu, pivots);
        }
        let new = Arc::new(new);
        *kept = Some(new.clone());
        new
    }
}

impl Operation for Solve {
    const NAMES: &'static [&'static str] = &["solve"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        let (n, k) = (shape[shape.len() - 2], shape[shape.len() - 1]);
        if n == 0 {
            return;
        }
        let factored = self.kept.factors(n, x[0].values);
        each_system(x[0].shape, x[1], shape, out, |matrix, x_out| {
            let (lu, pivots) = (&factored.lu[matrix * n * n..][..n * n], &factored.pivots[matrix * n..][..n]);
            match lost_pivot(n, lu) {
                None => kernels::lu_solve(n, k, lu, pivots, self.transposed, x_out),
                Some(_) => x_out.fill(T::from_f64(f64::NAN)),
            }
        });
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::matrices(x[k], shape)
    }

    fn vjp<A: Array>(&self, k: usize, x: &[&A], y: &A, dy: &A) -> A {
        let db = Solve { transposed: !self.transposed, kept: self.kept.clone() }.of(x[0], dy);
        if k == 1 {
            return db.sum_to(&x[1].shape());
        }
        let outer = if self.transposed { matrices(y, &db, false, true) } else { matrices(&db, y, false, true) };
        outer.unary(Unary::Neg, [0.0; 2]).sum_to(&x[0].shape())
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        let by_a = dx[0].map(|da| {
            let moved = matrices(da, y, self.transposed, false).unary(Unary::Neg, [0.0; 2]);
            self.of(x[0], &moved)
        });
        sum([by_a, dx[1].map(|db| self.of(x[0], &db.expanded(&y.shape())))])
    }
}

impl Solve {
    /// With the transposes of the matrices.
    pub(super) fn transposed() -> Self {
        Solve { transposed: true, ..Solve::default() }
    }

    /// Applies this to arrays whose shapes fit.
    #[track_caller]
    pub(super) fn of<A: Array>(&self, a: &A, b: &A) -> A {
        A::apply(self.clone(), system("solve", &a.shape(), &b.shape()).expect("shapes that fit"), &[a, b])
    }
}

/// The first pivot that nothing can be divided by.
fn lost_pivot<T: Float>(n: usize, lu: &[T]) -> Option<usize> {
    (0..n).find(|&j| {
        let pivot = lu[j * n + j].to_f64();
        pivot == 0.0 || pivot.is_nan()
    })
}

/// The identity, as many rows as the matrices have.
#[track_caller]
pub(super) fn identity_like<A: Array>(a: &A) -> A {
    let shape = a.shape();
    let n = shape[shape.len() - 1];
    let value = |at| if at % (n + 1) == 0 { A::Value::one() } else { A::Value::zero() };
    a.constant_like(Shape::from([n, n]), value)
}

#[track_caller]
pub(crate) fn solve<A: Array>(a: &A, b: &A) -> Result<A, Error> {
    solve_as("solve", a, b)
}

#[track_caller]
pub(crate) fn inverse<A: Array>(a: &A) -> Result<A, Error> {
    square("inverse", &a.shape())?;
    if a.shape().numel() == 0 {
        return Ok(a.clone());
    }
    solve_as("inverse", a, &identity_like(a))
}

#[track_caller]
pub(super) fn solve_as<A: Array>(op: &'static str, a: &A, b: &A) -> Result<A, Error> {
    with_columns(b, |b| {
        system(op, &a.shape(), &b.shape())?;
        let x = Solve::default().of(a, b);
        if x.with_values(|x| x.iter().all(|x| !x.to_f64().is_nan())) {
            return Ok(x);
        }
        match singular(a) {
            None => Ok(x), // the NaN comes from the right-hand side
            Some([matrix, pivot]) => {
                let of = which(&a.shape(), matrix);
                let law = format!("pivot {pivot}{of} is 0 or NaN: the matrix is singular, or holds NaN");
                Err(Error::Matrix { op, law })
            }
        }
    })
}

/// The first matrix that has no inverse, and its pivot that shows it.
fn singular<A: Array>(a: &A) -> Option<[usize; 2]> {
    let shape = a.shape();
    let n = shape[shape.len() - 1];
    a.with_values(|a| {
        a.chunks_exact(n * n).enumerate().find_map(|(matrix, a)| {
            let (mut lu, mut pivots) = (a.to_vec(), vec![A::Value::zero(); n]);
            kernels::lu(n, &mut lu, &mut pivots);
            Some([matrix, lost_pivot(n, &lu)?])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An operation whose matrices change solves with those that it is given.
    #[test]
    fn factors_belong_to_their_matrices() {
        let (op, shape) = (Solve::default(), Shape::from([1, 1]));
        fn solved<T: Float>(op: &Solve, shape: &Shape, a: f64) -> f64 {
            let [a, b] = [a, 6.0].map(|x| [T::from_f64(x)]);
            let mut x = [T::zero()];
            op.forward(&[Input { shape, values: &a }, Input { shape, values: &b }], shape, &mut x);
            x[0].to_f64()
        }
        for (a, x) in [(2.0, 3.0), (3.0, 2.0), (3.0, 2.0)] {
            assert_eq!(solved::<f64>(&op, &shape, a), x);
            assert_eq!(solved::<f32>(&op.clone(), &shape, a), x);
        }
        assert!(solved::<f64>(&op, &shape, 0.0).is_nan());
        assert_eq!(solved::<f64>(&op, &shape, 2.0), 3.0);
    }
}
