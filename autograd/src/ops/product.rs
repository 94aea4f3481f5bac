//! Products: of matrices, batches and vectors, and the affine map of a layer.
//!
//! A transposed operand is passed to the product as strides; nothing is copied for it.

use super::reads::Reads;
use super::{Array, Input, Op, Operation, reduce, view};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::kernels::product::Matrix;
use crate::kernels::runs::Runs;
use crate::number::Float;
use crate::number::rows::Unary;
use crate::shape::{Shape, broadcast, count};

/// `(…, m, k) · (…, k, n) → (…, m, n)`; an operand is read as its transpose if its flag is set.
///
/// `da = dy · bᵀ`, `db = aᵀ · dy`; with a transposed operand, the transposes of these.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Matmul {
    transpose_a: bool,
    transpose_b: bool,
}

/// The lengths of the last two axes, exchanged if `transposed`.
fn matrix(shape: &[usize], transposed: bool) -> (usize, usize) {
    let (rows, cols) = (shape[shape.len() - 2], shape[shape.len() - 1]);
    if transposed { (cols, rows) } else { (rows, cols) }
}

/// The axes before the last two.
pub(super) fn batch(shape: &Shape) -> Shape {
    shape.without(shape.len() - 2..shape.len())
}

impl Operation for Matmul {
    const NAMES: &'static [&'static str] = &["matmul"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        let (a, b) = (x[0], x[1]);
        let (m, k) = matrix(a.shape, self.transpose_a);
        let n = shape[shape.len() - 1];
        let (size_a, size_b, size) = (m * k, k * n, m * n);
        if size == 0 {
            return;
        }
        if a.shape.len() == 2 && b.shape.len() == 2 {
            let a = Matrix::new(a.values, a.shape[1], self.transpose_a);
            let b = Matrix::new(b.values, b.shape[1], self.transpose_b);
            return kernels::matmul(m, k, n, a, b, false, out);
        }
        let (batch_a, batch_b) = (batch(a.shape), batch(b.shape));
        let runs = Runs::new(&batch(shape), &batch_a, &batch_b);
        let (cols_a, cols_b) = (a.shape[a.shape.len() - 1], b.shape[b.shape.len() - 1]);
        runs.for_each(|run| {
            for i in 0..run.len {
                let at_a = (run.a + i * run.step_a) * size_a;
                let at_b = (run.b + i * run.step_b) * size_b;
                let a = Matrix::new(&a.values[at_a..at_a + size_a], cols_a, self.transpose_a);
                let b = Matrix::new(&b.values[at_b..at_b + size_b], cols_b, self.transpose_b);
                kernels::matmul(m, k, n, a, b, false, &mut out[(run.out + i) * size..][..size]);
            }
        });
    }

    /// On a row of the first, and on a column of the second operand.
    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        let transposed = if k == 0 { self.transpose_a } else { self.transpose_b };
        let ([.., rows, cols], [.., m, n]) = (&x[k][..], &shape[..]) else { unreachable!("a product has matrices") };
        let (rows, cols, m, n) = (*rows, *cols, *m, *n);
        let lines = if k == 0 { m } else { n };
        // The line of place `at` among matrices of these rows and columns: a row, or a column.
        let line = |at: usize, cols: usize, by_row: bool| if by_row { at / cols } else { at % cols };
        let of = (0..x[k].numel()).map(|i| {
            let (matrix, at) = (i / (rows * cols), i % (rows * cols));
            (matrix * lines + line(at, cols, (k == 0) != transposed)) as u32
        });
        let matrices = match Reads::stretched(&batch(x[k]), &batch(shape)) {
            Reads::Groups { read, .. } => read,
            _ => (0..batch(shape).numel() as u32).collect(),
        };
        let read = (0..shape.numel()).map(|i| {
            let (matrix, at) = (matrices[i / (m * n)], i % (m * n));
            matrix * lines as u32 + line(at, n, k == 0) as u32
        });
        Reads::Groups { of: of.collect(), read: read.collect() }
    }

    fn vjp<A: Array>(&self, k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        let (a, b) = (x[0], x[1]);
        let (ta, tb) = (self.transpose_a, self.transpose_b);
        let dx = match (k, ta, tb) {
            (0, false, _) => matrices(dy, b, false, !tb),
            (0, true, _) => matrices(b, dy, tb, true),
            (_, _, false) => matrices(a, dy, !ta, false),
            (_, _, true) => matrices(dy, a, true, ta),
        };
        dx.sum_to(&x[k].shape())
    }

    fn jvp<A: Array>(&self, x: &[&A], _y: &A, dx: &[Option<&A>]) -> A {
        let product = |a: &A, b: &A| matrices(a, b, self.transpose_a, self.transpose_b);
        super::sum([dx[0].map(|da| product(da, x[1])), dx[1].map(|db| product(x[0], db))])
    }
}

/// The product of arrays of at least two axes whose shapes are known to fit.
#[track_caller]
pub(super) fn matrices<A: Array>(a: &A, b: &A, transpose_a: bool, transpose_b: bool) -> A {
    let (shape_a, shape_b) = (a.shape(), b.shape());
    let (m, _) = matrix(&shape_a, transpose_a);
    let (_, n) = matrix(&shape_b, transpose_b);
    let op = Matmul { transpose_a, transpose_b };
    if shape_a.len() == 2 && shape_b.len() == 2 {
        return A::apply(op, Shape::from([m, n]), &[a, b]);
    }
    let batch = broadcast("matmul", &batch(&shape_a), &batch(&shape_b)).expect("batches checked by the caller");
    A::apply(op, product_shape(&batch, m, n), &[a, b])
}

/// The result's shape `(…, m, n)`.
pub(super) fn product_shape(batch: &Shape, m: usize, n: usize) -> Shape {
    if batch.is_empty() {
        return Shape::from([m, n]);
    }
    batch.inserted(batch.len(), m).inserted(batch.len() + 1, n)
}

/// The operand, and whether to read it transposed, so that a recorded transpose costs nothing.
#[track_caller]
fn unwrapped<A: Array>(x: &A) -> (A, bool) {
    match x.untransposed() {
        Some(base) => (base, true),
        None => (x.clone(), false),
    }
}

/// NumPy's `matmul`: a vector is a row on the left and a column on the right; leading axes broadcast.
#[track_caller]
pub(crate) fn matmul<A: Array>(a: &A, b: &A) -> Result<A, Error> {
    let (shape_a, shape_b) = (a.shape(), b.shape());
    if shape_a.is_empty() || shape_b.is_empty() {
        let law = format!("{shape_a} · {shape_b}: a single number has no matrix product; multiply with *?");
        return Err(Error::shape("matmul", law));
    }
    let inner_a = shape_a[shape_a.len() - 1];
    let inner_b = shape_b[shape_b.len().saturating_sub(2)];
    if inner_a != inner_b {
        let law = format!(
            "inner dimensions differ: {shape_a} · {shape_b} needs {inner_a} = {inner_b}; transpose an operand with t()?"
        );
        return Err(Error::shape("matmul", law));
    }
    match (shape_a.len(), shape_b.len()) {
        (1, _) => {
            let y = matmul(&view::unsqueeze(a, 0)?, b)?;
            let axis = y.shape().len() - if shape_b.len() == 1 { 1 } else { 2 };
            view::squeeze(&y, axis)
        }
        (rank, 1) => view::squeeze(&matmul(a, &view::unsqueeze(b, 1)?)?, rank - 1),
        _ => {
            let Ok(batch) = broadcast("matmul", &batch(&shape_a), &batch(&shape_b)) else {
                let law = format!(
                    "{shape_a} · {shape_b} has axes before the last two that do not broadcast \
                     (they align at their last one; a length of 1 stretches); reshape or transpose an operand?"
                );
                return Err(Error::shape("matmul", law));
            };
            product_shape(&batch, shape_a[shape_a.len() - 2], shape_b[shape_b.len() - 1]).checked_numel("matmul")?;
            let ((a, transpose_a), (b, transpose_b)) = (unwrapped(a), unwrapped(b));
            if shape_a.len() > 2 && shape_b.len() == 2 && !transpose_a {
                // One tall product instead of a batch of small ones, and one product for the gradient of b.
                let rows = count(&shape_a[..shape_a.len() - 1]);
                let rows = a.reshaped(&Shape::from([rows, inner_a]));
                let y = matrices(&rows, &b, false, transpose_b);
                let last = y.shape()[1];
                return Ok(y.reshaped(&shape_a.with_axis(shape_a.len() - 1, last)));
            }
            Ok(matrices(&a, &b, transpose_a, transpose_b))
        }
    }
}

/// `Σ aᵢ·bᵢ` of two vectors.
#[track_caller]
pub(crate) fn dot<A: Array>(a: &A, b: &A) -> Result<A, Error> {
    let (shape_a, shape_b) = (a.shape(), b.shape());
    if shape_a.len() != 1 || shape_a != shape_b {
        let law = format!("{shape_a} · {shape_b}: two vectors of one length are needed; matmul takes matrices");
        return Err(Error::shape("dot", law));
    }
    matmul(a, b)
}

/// `yᵢⱼ = aᵢ·bⱼ`: `(m,) ⊗ (n,) → (m, n)`
#[track_caller]
pub(crate) fn outer<A: Array>(a: &A, b: &A) -> Result<A, Error> {
    let (shape_a, shape_b) = (a.shape(), b.shape());
    if shape_a.len() != 1 || shape_b.len() != 1 {
        return Err(Error::shape("outer", format!("{shape_a} ⊗ {shape_b}: two vectors are needed; flatten them?")));
    }
    Shape::from([shape_a[0], shape_b[0]]).checked_numel("outer")?;
    Ok(view::unsqueeze(a, 1)?.mul(&view::unsqueeze(b, 0)?))
}

/// The affine map of a layer: `y = x·w + b`, `(m, k) · (k, n) + (n,) → (m, n)`; `dx = dy·wᵀ`, `dw = xᵀ·dy`, `db =
/// Σ_rows dy`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Affine;

impl Operation for Affine {
    const NAMES: &'static [&'static str] = &["affine"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        let (k, n) = (x[1].shape[0], shape[1]);
        if n == 0 {
            return;
        }
        for row in out.chunks_exact_mut(n) {
            row.copy_from_slice(x[2].values);
        }
        let (a, b) = (Matrix::new(x[0].values, k, false), Matrix::new(x[1].values, n, false));
        kernels::matmul(shape[0], k, n, a, b, true, out);
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        let (outer, inner) = if k == 0 { (shape[0], 1) } else { (1, shape[1]) };
        Reads::lines(outer, inner, x[k], shape)
    }

    fn vjp<A: Array>(&self, k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        match k {
            0 => matrices(dy, x[1], false, true),
            1 => matrices(x[0], dy, true, false),
            _ => reduce::sum_to(dy, &x[2].shape()),
        }
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        let product = |a: &A, b: &A| matrices(a, b, false, false);
        super::sum([
            dx[0].map(|dx| product(dx, x[1])),
            dx[1].map(|dw| product(x[0], dw)),
            dx[2].map(|db| db.expanded(&y.shape())),
        ])
    }
}

/// The activations that can be fused into a layer, with the operation's names. To the last digit, their derivative
/// stays the same if its formula is given the value in place of `x`. This excludes tanh and the sigmoid: their slopes
/// underflow long after the value has stopped changing.
pub(crate) const DENSE: [(Unary, &str); 1] = [(Unary::Relu, "affine_relu")];

pub(crate) fn dense_name(row: Unary) -> Option<&'static str> {
    DENSE.iter().find(|(of, _)| *of == row).map(|(_, name)| *name)
}

/// `x·w + b` with any leading axes of `x`.
#[track_caller]
pub(crate) fn affine<A: Array>(x: &A, w: &A, b: &A) -> Result<A, Error> {
    layer(Affine.into(), x, w, b)
}

/// A row applied to `x·w + b`: one operation if the row allows it, else two.
#[track_caller]
pub(crate) fn dense<A: Array>(x: &A, w: &A, b: &A, row: Unary) -> Result<A, Error> {
    if row.takes_numbers() {
        let name = row.name();
        let law =
            format!("{name} takes numbers, which a layer does not give it; call affine, and {name} of the result");
        return Err(Error::shape("dense", law));
    }
    match dense_name(row) {
        Some(_) => layer(Op::Dense(row), x, w, b),
        None => Ok(affine(x, w, b)?.unary(row, [0.0; 2])),
    }
}

#[track_caller]
fn layer<A: Array>(op: Op, x: &A, w: &A, b: &A) -> Result<A, Error> {
    let (shape, weights, bias) = (x.shape(), w.shape(), b.shape());
    let fits = match (&shape[..], &weights[..], &bias[..]) {
        ([.., k], [rows, n], [m]) => k == rows && n == m,
        _ => false,
    };
    if !fits {
        let law = format!("{shape} · {weights} + {bias} does not fit (…, k) · (k, n) + (n,); transpose the weights?");
        return Err(Error::shape(op.name(), law));
    }
    let rank = shape.len();
    let rows = if rank == 2 { shape[0] } else { count(&shape[..rank - 1]) };
    let result = Shape::from([rows, weights[1]]);
    result.checked_numel(op.name())?;
    if rank == 2 {
        return Ok(A::apply(op, result, &[x, w, b]));
    }
    let rows = x.clone().reshaped(&Shape::from([result[0], shape[rank - 1]]));
    let y = A::apply(op, result, &[&rows, w, b]);
    Ok(y.reshaped(&shape.with_axis(rank - 1, weights[1])))
}
