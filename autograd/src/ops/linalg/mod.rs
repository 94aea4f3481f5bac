//! Linear algebra of square matrices, in the last two axes; the axes before them are batches.
//!
//! The derivatives are those of Giles (2008), "An extended collection of matrix derivative results", and Murray (2016),
//! "Differentiation of the Cholesky decomposition".

mod cholesky;
mod determinant;
mod exponential;
mod lu;
mod qr;
mod triangular;

pub(crate) use cholesky::{Cholesky, cholesky, cholesky_solve};
pub(crate) use determinant::{Determinant, det, slogdet};
pub(crate) use exponential::matrix_exp;
pub(crate) use lu::{Solve, inverse, solve};
pub(crate) use qr::{Qr, lstsq, qr};
pub(crate) use triangular::{SolveTriangular, solve_triangular};

use super::{Array, Input, product, reduce, view};
use crate::error::{Error, OrPanic};
use crate::kernels::runs::Runs;
use crate::number::Float;
use crate::shape::{Shape, broadcast};

/// The number of rows of square matrices.
fn square(op: &'static str, shape: &Shape) -> Result<usize, Error> {
    match shape[..] {
        [.., rows, cols] if rows == cols => Ok(rows),
        [.., _, _] => Err(Error::shape(op, format!("shape {shape}: the last two axes must be of one length"))),
        _ => Err(Error::shape(op, format!("shape {shape} is no matrix; square matrices are needed"))),
    }
}

/// The shape of the result of a system: `(…, n, n)` and `(…, n, k)`, with leading axes broadcast.
fn system(op: &'static str, a: &Shape, b: &Shape) -> Result<Shape, Error> {
    let n = square(op, a)?;
    let [.., rows, cols] = b[..] else {
        return Err(Error::shape(op, format!("shape {b} on the right-hand side is neither a vector nor a matrix")));
    };
    if rows != n {
        let law = format!("{a} and {b}: the right-hand side needs {n} rows, as many as the matrix has");
        return Err(Error::shape(op, law));
    }
    let batch = broadcast(op, &product::batch(a), &product::batch(b))?;
    let shape = product::product_shape(&batch, n, cols);
    shape.checked_numel(op)?;
    Ok(shape)
}

/// Calls `f` with a column for a vector on the right-hand side, and makes a vector of the result again.
#[track_caller]
fn with_columns<A: Array>(b: &A, f: impl FnOnce(&A) -> Result<A, Error>) -> Result<A, Error> {
    if b.shape().len() != 1 {
        return f(b);
    }
    let x = f(&view::unsqueeze(b, 1)?)?;
    view::squeeze(&x, x.shape().len() - 1)
}

/// The transposes of the matrices.
#[track_caller]
fn transpose<A: Array>(x: &A) -> A {
    view::matrix_transpose(x).expect("matrices")
}

/// The lower or upper triangles, with the diagonals.
#[track_caller]
fn triangle<A: Array>(x: &A, lower: bool) -> A {
    view::triangle("triangle", x, 0, lower).expect("matrices")
}

/// Copies each right-hand side into `out` and solves it there: `solve` gets the numbers of the matrix and of the
/// solution in their batches.
fn each_system<T: Float>(
    a: &Shape,
    b: Input<'_, T>,
    shape: &Shape,
    out: &mut [T],
    mut solve: impl FnMut(usize, &mut [T]),
) {
    let size = shape[shape.len() - 2] * shape[shape.len() - 1];
    Runs::new(&product::batch(shape), &product::batch(a), &product::batch(b.shape)).for_each(|run| {
        for i in 0..run.len {
            let x = &mut out[(run.out + i) * size..][..size];
            x.copy_from_slice(&b.values[(run.b + i * run.step_b) * size..][..size]);
            solve(run.a + i * run.step_a, x);
        }
    });
}

/// Which matrix of a batch, in words; nothing if there is only one.
fn which(shape: &Shape, matrix: usize) -> String {
    let mut lengths = product::batch(shape).to_vec();
    let mut rest = matrix;
    for length in lengths.iter_mut().rev() {
        (rest, *length) = (rest / *length, rest % *length);
    }
    if lengths.is_empty() { String::new() } else { format!(" of matrix {lengths:?}") }
}

/// The sums of the diagonals: `(…, m, n) → (…)`.
#[track_caller]
pub(crate) fn trace<A: Array>(x: &A) -> Result<A, Error> {
    let diagonal = view::diagonal(x).named("trace")?;
    reduce::reduce(reduce::Reduction::Sum, &diagonal, diagonal.shape().len() - 1, false)
}

/// The Kronecker product: `(m, n) ⊗ (p, q) → (mp, nq)`.
#[track_caller]
pub(crate) fn kron<A: Array>(a: &A, b: &A) -> Result<A, Error> {
    let (shape_a, shape_b) = (a.shape(), b.shape());
    let ([m, n], [p, q]) = (&shape_a[..], &shape_b[..]) else {
        return Err(Error::shape("kron", format!("{shape_a} ⊗ {shape_b}: two matrices are needed")));
    };
    let lengths = m.checked_mul(*p).zip(n.checked_mul(*q));
    let Some((rows, cols)) = lengths else {
        return Err(Error::shape("kron", format!("{shape_a} ⊗ {shape_b} has more values than can be counted")));
    };
    let shape = Shape::from([rows, cols]);
    shape.checked_numel("kron")?;
    let (a, b) = (a.reshaped(&Shape::from([*m, 1, *n, 1])), b.reshaped(&Shape::from([1, *p, 1, *q])));
    Ok(a.mul(&b).reshaped(&shape))
}

/// The sum of the products of all entries of each matrix.
#[track_caller]
fn inner<A: Array>(a: &A, b: &A) -> A {
    let product = a.mul(b);
    let rank = product.shape().len();
    reduce::reduce(reduce::Reduction::Sum, &product, rank - 2..rank, false).expect("the last two axes")
}
