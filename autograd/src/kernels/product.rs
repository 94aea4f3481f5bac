//! Matrix products of strided matrices, so that a transposed operand is never copied: by the crate `gemm`, or in `small` where
//! that would cost more than the product.

use super::math::Real;
use super::small::{self, SMALL, SMALL_TURNED};
use crate::number::Float;
use crate::threads::threads_for;

/// A matrix inside a slice: where it starts, and how far apart rows and columns lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) row_stride: usize,
    pub(crate) col_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// A row-major matrix of `cols` columns, read as its transpose if asked.
    pub(crate) fn new(values: &'a [T], cols: usize, transposed: bool) -> Self {
        let (row_stride, col_stride) = if transposed { (1, cols) } else { (cols, 1) };
        Matrix { values, row_stride, col_stride }
    }

    /// The part from row `i` and column `j` on; empty if that lies outside, as it may when the sum is empty.
    #[inline(always)]
    pub(crate) fn from(self, i: usize, j: usize) -> Self {
        let start = i * self.row_stride + j * self.col_stride;
        Matrix { values: self.values.get(start..).unwrap_or(&[]), ..self }
    }
}

/// Types that have a matrix product. Sealed: `f32` and `f64`.
pub trait Product: Real {
    /// None of the three lengths is 0.
    #[doc(hidden)]
    #[allow(clippy::too_many_arguments)] // the classical signature of a matrix product
    fn gemm(
        m: usize,
        k: usize,
        n: usize,
        a: (&[Self], usize, usize),
        b: (&[Self], usize, usize),
        add: bool,
        c: &mut [Self],
    );
}

/// `c = a·b`, or `c += a·b` if `add`: (m, k) · (k, n) → (m, n), `c` row-major.
pub(crate) fn matmul<T: Float>(m: usize, k: usize, n: usize, a: Matrix<T>, b: Matrix<T>, add: bool, c: &mut [T]) {
    let small = if b.col_stride == 1 { SMALL } else { SMALL_TURNED };
    if m * k * n <= small {
        return small::matmul((m, k, n), a, b, add, c);
    }
    let library = |a: Matrix<T>, rows: usize, c: &mut [T]| {
        T::gemm(rows, k, n, (a.values, a.row_stride, a.col_stride), (b.values, b.row_stride, b.col_stride), add, c);
    };
    let parts = threads_for(m * k * n).min(m / ROWS).max(1);
    shared(parts, a, (m, n), c, &library);
}

/// A thread takes at least so many rows: for one or two the library has other loops, which add up in another order.
const ROWS: usize = 32;

/// Shares the rows of the result out, once: the library's own threads would meet several times in a product.
fn shared<'a, T: Float>(
    parts: usize,
    a: Matrix<'a, T>,
    (m, n): (usize, usize),
    c: &mut [T],
    product: &(impl Fn(Matrix<'a, T>, usize, &mut [T]) + Sync),
) {
    if parts == 1 {
        return product(a, m, c);
    }
    let left = parts / 2;
    let rows = m * left / parts / ROWS * ROWS;
    let (above, below) = c.split_at_mut(rows * n);
    rayon::join(
        || shared(left, a, (rows, n), above, product),
        || shared(parts - left, a.from(rows, 0), (m - rows, n), below, product),
    );
}

macro_rules! product {
    ($T:ident) => {
        impl Product for $T {
            #[inline]
            fn gemm(
                m: usize,
                k: usize,
                n: usize,
                (a, a_rs, a_cs): (&[$T], usize, usize),
                (b, b_rs, b_cs): (&[$T], usize, usize),
                add: bool,
                c: &mut [$T],
            ) {
                let last = |rows: usize, cols: usize, rs: usize, cs: usize| (rows - 1) * rs + (cols - 1) * cs;
                assert!(last(m, k, a_rs, a_cs) < a.len(), "matrix a lies inside its slice");
                assert!(last(k, n, b_rs, b_cs) < b.len(), "matrix b lies inside its slice");
                assert!(m * n <= c.len(), "matrix c lies inside its slice");
                // SAFETY: the three matrices lie inside their slices (asserted above), `c` is borrowed mutably and so
                // overlaps neither `a` nor `b`, and all values are initialised.
                unsafe {
                    gemm::gemm(
                        m,
                        n,
                        k,
                        c.as_mut_ptr(),
                        1,
                        n as isize,
                        add,
                        a.as_ptr(),
                        a_cs as isize,
                        a_rs as isize,
                        b.as_ptr(),
                        b_cs as isize,
                        b_rs as isize,
                        1.0,
                        1.0,
                        false,
                        false,
                        false,
                        gemm::Parallelism::None,
                    );
                }
            }
        }
    };
}
product!(f32);
product!(f64);
