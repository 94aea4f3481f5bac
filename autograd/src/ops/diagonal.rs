//! Diagonals and triangles of matrices.

use super::Array;
use super::elementwise::select;
use super::view::{read, spread};
use crate::error::Error;
use crate::kernels::layout::Layout;
use crate::math;
use crate::shape::Shape;

/// The layout of the main diagonal of the last two axes.
fn diagonal_layout(source: &Shape) -> Layout {
    let rank = source.len();
    let mut layout = Layout::of(source);
    let stride = layout.strides[rank - 2] + layout.strides[rank - 1];
    layout.shape = source.without(rank - 1..rank).with_axis(rank - 2, source[rank - 2].min(source[rank - 1]));
    layout.strides.truncate(rank - 1);
    layout.strides[rank - 2] = stride;
    layout
}

/// Reads the diagonals: `(…, m, n) → (…, min(m, n))`.
#[track_caller]
pub(crate) fn diagonal<A: Array>(x: &A) -> Result<A, Error> {
    let shape = x.shape();
    if shape.len() < 2 {
        let law = format!("shape {shape} is no matrix; diagonal_matrix makes one from a vector");
        return Err(Error::shape("diagonal", law));
    }
    Ok(read(x, diagonal_layout(&shape), "diagonal"))
}

/// Builds diagonal matrices: `(…, n) → (…, n, n)`.
#[track_caller]
pub(crate) fn diagonal_matrix<A: Array>(x: &A) -> Result<A, Error> {
    let shape = x.shape();
    let Some(&n) = shape.last() else {
        return Err(Error::shape("diagonal_matrix", "shape () is no vector; reshape it to (1,)?"));
    };
    let source = shape.inserted(shape.len(), n);
    source.checked_numel("diagonal_matrix")?;
    Ok(spread(x, diagonal_layout(&source), "diagonal_matrix"))
}

/// Keeps the entries `(i, j)` with `j − i ≤ k` (lower) or `≥ k` (upper); the others become 0.
#[track_caller]
pub(crate) fn triangle<A: Array>(op: &'static str, x: &A, k: isize, lower: bool) -> Result<A, Error> {
    let shape = x.shape();
    let [.., rows, cols] = shape[..] else {
        return Err(Error::shape(op, format!("shape {shape} is no matrix")));
    };
    if shape.contains(&0) {
        return Ok(x.clone());
    }
    let keep = |i: usize, j: usize| if lower { j as isize - i as isize <= k } else { j as isize - i as isize >= k };
    let mask = x.constant_like([rows, cols].into(), |at| math::mask(keep(at / cols, at % cols))).expanded(&shape);
    Ok(select(&mask, x, &x.zeros_like()))
}
