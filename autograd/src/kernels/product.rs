//! Products of strided matrices, so that a transposed operand is never copied: by the crates `gemm-f32` and `gemm-f64`, or in `small`
//! where the overhead of `gemm` would exceed the cost of the product.

use super::small::{self, SMALL, SMALL_TURNED};
use crate::number::instances::is_f32;
use crate::number::{Float, Number};
use crate::threads::{PRODUCT, spread, threads_for};

/// A matrix inside a slice: its start, and the distances between rows and between columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) row_stride: usize,
    pub(crate) col_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// A row-major matrix of `cols` columns, read as its transpose if `transposed`.
    pub(crate) fn new(values: &'a [T], cols: usize, transposed: bool) -> Self {
        let (row_stride, col_stride) = if transposed { (1, cols) } else { (cols, 1) };
        Matrix { values, row_stride, col_stride }
    }

    /// Exchanges rows and columns.
    #[inline(always)]
    pub(crate) fn transposed(self) -> Self {
        Matrix { values: self.values, row_stride: self.col_stride, col_stride: self.row_stride }
    }

    /// The part from row `i` and column `j` on; empty if that is outside, as it may be when the sum is empty.
    #[inline(always)]
    pub(crate) fn from(self, i: usize, j: usize) -> Self {
        let start = i * self.row_stride + j * self.col_stride;
        Matrix { values: self.values.get(start..).unwrap_or(&[]), ..self }
    }
}

/// `c = a·b`, or `c += a·b` if `add`: (m, k) · (k, n) → (m, n), `c` row-major.
pub(crate) fn matmul<T: Float>(m: usize, k: usize, n: usize, a: Matrix<T>, b: Matrix<T>, add: bool, c: &mut [T]) {
    let small = if b.col_stride == 1 { SMALL } else { SMALL_TURNED };
    if m * k * n <= small {
        return small::matmul((m, k, n), a, b, add, c);
    }
    let library = |a: Matrix<T>, rows: usize, c: &mut [T]| deep((rows, k, n), a, b, add, c);
    // Rounded to multiples of `STEP`, a share has more than `least − STEP` rows.
    let least = STEP + if n > SQUARE { ROWS } else { SQUARE };
    let parts = threads_for(m * k * n, PRODUCT).min(m / least).max(1);
    if parts == 1 {
        return library(a, m, c);
    }
    // Divides the rows of the result among threads, once: the library's own threads would synchronise several times
    // in a product.
    let start = |part: usize| if part == parts { m } else { (part * m / parts).next_multiple_of(STEP) };
    let mut rest = &mut c[..m * n];
    let shares = (0..parts).map(|part| {
        let (mine, others) = std::mem::take(&mut rest).split_at_mut((start(part + 1) - start(part)) * n);
        rest = others;
        (a.from(start(part), 0), mine)
    });
    spread(shares, |(a, c)| library(a, c.len() / n, c));
}

/// Sums of more terms are split into blocks of this length, which are added in pairs: the library adds the terms of a
/// row or a column one after the other, in `f32` until the sum no longer grows.
const DEPTH: usize = 4096;

/// The library's product, for sums of any length.
fn deep<T: Float>((m, k, n): (usize, usize, usize), a: Matrix<T>, b: Matrix<T>, add: bool, c: &mut [T]) {
    if k <= DEPTH {
        return gemm((m, k, n), a, b, add, c);
    }
    let half = (k / 2).next_multiple_of(DEPTH);
    deep((m, half, n), a, b, add, c);
    let mut rest = vec![T::zero(); m * n];
    deep((m, k - half, n), a.from(0, half), b.from(half, 0), false, &mut rest);
    for (c, rest) in c.iter_mut().zip(rest) {
        *c = *c + rest;
    }
}

/// Shares of threads begin at multiples of this number of rows, which the library processes together.
const STEP: usize = 8;

/// The least number of rows of a thread, since each thread packs the second operand anew. For one or two rows the
/// library has other loops too, which add up in another order.
const ROWS: usize = 32;

/// The least number of rows for narrow results: where rows and columns are at most this many, the library splits long
/// sums differently.
const SQUARE: usize = 64;

/// The product by the library. None of the three lengths is 0.
fn gemm<T: Float>((m, k, n): (usize, usize, usize), a: Matrix<T>, b: Matrix<T>, add: bool, c: &mut [T]) {
    let last = |rows: usize, cols: usize, x: Matrix<T>| (rows - 1) * x.row_stride + (cols - 1) * x.col_stride;
    assert!(last(m, k, a) < a.values.len(), "matrix a lies inside its slice");
    assert!(last(k, n, b) < b.values.len(), "matrix b lies inside its slice");
    assert!(m * n <= c.len(), "matrix c lies inside its slice");
    // The library wants the rows of `c` side by side, as the columns of `cᵀ = bᵀ·aᵀ` are.
    let (m, n, a, b, c_strides) = match n {
        1 => (m, n, a, b, [1, 1]),
        _ => (n, m, b.transposed(), a.transposed(), [n as isize, 1]),
    };
    let strides = |x: Matrix<T>| [x.col_stride as isize, x.row_stride as isize];
    let [[c_cs, c_rs], [a_cs, a_rs], [b_cs, b_rs]] = [c_strides, strides(a), strides(b)];
    macro_rules! run {
        ($F:ident, $run:expr) => {{
            let one = $F::one();
            let (c, a, b) = (c.as_mut_ptr().cast::<$F>(), a.values.as_ptr().cast(), b.values.as_ptr().cast());
            let alone = gemm_common::Parallelism::None;
            // SAFETY: `T` is this type. The three matrices lie inside their slices (asserted above), `c` is borrowed mutably and so
            // overlaps neither `a` nor `b`, and all values are initialised.
            unsafe { $run(m, n, k, c, c_cs, c_rs, add, a, a_cs, a_rs, b, b_cs, b_rs, one, one, false, false, false, alone) }
        }};
    }
    if is_f32::<T>() {
        run!(f32, gemm_f32::gemm::f32::get_gemm_fn())
    } else {
        run!(f64, gemm_f64::gemm::f64::get_gemm_fn())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2²⁴ + 1 is 2²⁴ in `f32`.
    #[test]
    fn long_sums_do_not_stand_still() {
        let k = 20_000_000;
        let ones = vec![1f32; 2 * k];
        for (m, n) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            for (turned_a, turned_b) in [(false, false), (true, false), (false, true)] {
                let a = Matrix::new(&ones[..m * k], if turned_a { m } else { k }, turned_a);
                let b = Matrix::new(&ones[..k * n], if turned_b { k } else { n }, turned_b);
                let mut c = vec![1.0; m * n];
                matmul(m, k, n, a, b, true, &mut c);
                assert!(c.iter().all(|&c| c == k as f32), "{m} × {k} × {n}, turned {turned_a} {turned_b}: {c:?}");
            }
        }
    }
}
