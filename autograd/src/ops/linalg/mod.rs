//! Linear algebra of matrices, in the last two axes; the axes before them are batches.
//!
//! The derivatives are those of Giles (2008), "An extended collection of matrix derivative results", Murray (2016),
//! "Differentiation of the Cholesky decomposition", and Townsend (2016), "Differentiating the singular value decomposition".

mod cholesky;
mod determinant;
mod eigen;
mod lu;
mod powers;
mod pseudoinverse;
mod qr;
mod singular;
mod triangular;

pub(crate) use cholesky::{Cholesky, cholesky, cholesky_solve, logdet};
pub(crate) use determinant::{Determinant, det, slogdet};
pub(crate) use eigen::{Eigen, eigh, eigvalsh};
pub(crate) use lu::{Solve, inverse, solve};
pub(crate) use powers::{matrix_exp, matrix_power};
pub(crate) use pseudoinverse::{Pseudoinverse, pinv};
pub(crate) use qr::{Qr, lstsq, qr};
pub(crate) use singular::{Singular, cond, ranks, schatten_norm, svd, svdvals};
pub(crate) use triangular::{SolveTriangular, solve_triangular};

use super::{Array, Input, diagonal, join, product, reduce, view};
use crate::error::{Error, OrPanic};
use crate::kernels::runs::Runs;
use crate::number::rows::{Binary, Unary};
use crate::number::{Float, Number};
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
    diagonal::triangle("triangle", x, 0, lower).expect("matrices")
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

/// Cuts the last axis into parts with these lengths at its place.
#[track_caller]
fn unpacked<A: Array, const N: usize>(y: &A, parts: [&[usize]; N]) -> [A; N] {
    let shape = y.shape();
    let last = shape.len() - 1;
    let mut start = 0;
    parts.map(|lengths| {
        let range = start..start + lengths.iter().product::<usize>();
        start = range.end;
        let part = view::slice(y, last, range, 1).expect("a range of the axis");
        part.reshaped(&shape[..last].iter().chain(lengths).copied().collect())
    })
}

/// Joins parts along one last axis, after `lead` axes.
#[track_caller]
fn packed<A: Array>(op: &'static str, lead: usize, parts: &[A]) -> A {
    let flat = |part: &A| {
        let shape = part.shape();
        part.clone().reshaped(&Shape::from(&shape[..lead]).inserted(lead, shape[lead..].iter().product()))
    };
    let flat: Vec<A> = parts.iter().map(flat).collect();
    join::concat(op, &flat.iter().collect::<Vec<_>>(), lead).expect("shapes that fit")
}

/// The differences `x_j − x_i`, with 1 on the diagonal: `(…, n) → (…, n, n)`.
#[track_caller]
fn gaps<A: Array>(x: &A) -> A {
    let [rows, columns] = crossed(x);
    off_diagonal(&rows.sub(&columns))
}

/// Divisors of matrices whose diagonal is 0: 1 is added to their own.
#[track_caller]
fn off_diagonal<A: Array>(x: &A) -> A {
    x.add(&lu::identity_like(x))
}

/// `x / gaps`, of a gradient or tangent `from` that reaches vectors. Where a gap is 0 that is not finite, also where `x` is 0: the
/// limit is another number, which `x` does not tell. If nothing reaches the vectors at all, nothing comes of them.
#[track_caller]
fn over<A: Array>(x: &A, gaps: &A, from: &[&A]) -> A {
    let reaches = |from: &&A| from.with_values(|values| values.iter().any(|&value| value != A::Value::zero()));
    x.binary(if from.iter().any(reaches) { Binary::Div } else { Binary::ChainOver }, gaps)
}

/// The values as rows `(…, 1, n)`, and as columns `(…, n, 1)`.
#[track_caller]
fn crossed<A: Array>(x: &A) -> [A; 2] {
    let rank = x.shape().len();
    [rank - 1, rank].map(|axis| view::unsqueeze(x, axis).expect("an axis beside the last"))
}

/// The two halves of `x`: its symmetric part without the diagonal, and its antisymmetric part.
#[track_caller]
fn halves<A: Array>(x: &A) -> [A; 2] {
    let half = x.unary(Unary::MulNumber, [0.5, 0.0]);
    let turned = transpose(&half);
    let symmetric = half.add(&turned);
    [symmetric.sub(&on_diagonal(&diagonal::diagonal(&symmetric).expect("matrices"))), half.sub(&turned)]
}

/// Diagonal matrices.
#[track_caller]
fn on_diagonal<A: Array>(x: &A) -> A {
    diagonal::diagonal_matrix(x).expect("a last axis")
}

/// An error if a result is NaN, which those of finite matrices are not; `size` values belong to each matrix of `a`.
#[track_caller]
fn finite<A: Array>(op: &'static str, a: &A, y: A, size: usize) -> Result<A, Error> {
    match y.with_values(|y| y.iter().position(|y| y.to_f64().is_nan())) {
        None => Ok(y),
        Some(at) => {
            let law = format!("a value{} is infinite or NaN", which(&a.shape(), at / size));
            Err(Error::Matrix { op, law })
        }
    }
}

/// The sums of the diagonals: `(…, m, n) → (…)`.
#[track_caller]
pub(crate) fn trace<A: Array>(x: &A) -> Result<A, Error> {
    let diagonal = diagonal::diagonal(x).named("trace")?;
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
    let (a, b) = (a.clone().reshaped(&Shape::from([*m, 1, *n, 1])), b.clone().reshaped(&Shape::from([1, *p, 1, *q])));
    Ok(a.mul(&b).reshaped(&shape))
}

/// The sum of the products of all entries of each matrix.
#[track_caller]
fn inner<A: Array>(a: &A, b: &A) -> A {
    let product = a.mul(b);
    let rank = product.shape().len();
    reduce::reduce(reduce::Reduction::Sum, &product, rank - 2..rank, false).expect("the last two axes")
}
