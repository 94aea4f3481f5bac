//! Products too small for a library: its packing and selection would cost more than the product, and it allocates.

use super::isa::kernel;
use super::product::Matrix;
use crate::number::Float;

/// Products of at most this many multiplications are computed here. At 16 × 16 × 16 the library is as fast.
pub(crate) const SMALL: usize = 16 * 16 * 16;
/// The same if the second operand is transposed, which rules out vector loads.
pub(crate) const SMALL_TURNED: usize = 8 * 8 * 8;

kernel! {
    /// `c = a·b`, or `c += a·b` if `add`: (m, k) · (k, n) → (m, n), `c` row-major.
    ///
    /// Each sum runs over k in order and without fused multiply-add: the same bits on every processor.
    fn matmul<'a, T>(sizes: (usize, usize, usize), a: Matrix<'a, T>, b: Matrix<'a, T>, add: bool, c: &'a mut [T])
    for sizes.0 * sizes.1 * sizes.2, {
        let (m, k, n) = sizes;
        if n == 1 && a.row_stride == 1 {
            // A single column is computed as one row of the transposed product, whose columns are contiguous.
            rows::<T, true>((1, k, m), b.transposed(), a.transposed(), add, c);
        } else if b.col_stride == 1 {
            rows::<T, true>(sizes, a, b, add, c);
        } else {
            rows::<T, false>(sizes, a, b, add, c);
        }
    }
}

/// Four rows at a time, then one at a time.
#[inline(always)]
fn rows<T: Float, const DENSE: bool>(
    (m, k, n): (usize, usize, usize),
    a: Matrix<T>,
    b: Matrix<T>,
    add: bool,
    c: &mut [T],
) {
    let mut i = 0;
    while i < m {
        let step = if m - i >= 4 { 4 } else { 1 };
        let mut j = 0;
        while j < n {
            let c = &mut c[i * n + j..];
            j += match (step, n - j) {
                (4, 16..) => tile::<T, 4, 16, DENSE>(k, a.from(i, 0), b.from(0, j), add, c, n),
                (4, 4..) => tile::<T, 4, 4, DENSE>(k, a.from(i, 0), b.from(0, j), add, c, n),
                (4, 2..) => tile::<T, 4, 2, DENSE>(k, a.from(i, 0), b.from(0, j), add, c, n),
                (4, _) => tile::<T, 4, 1, DENSE>(k, a.from(i, 0), b.from(0, j), add, c, n),
                // A single row has few sums to hide the latency of an addition: it uses more columns, and few tiles.
                (_, 64..) => tile::<T, 1, 64, DENSE>(k, a.from(i, 0), b.from(0, j), add, c, n),
                (_, 16..) => tile::<T, 1, 16, DENSE>(k, a.from(i, 0), b.from(0, j), add, c, n),
                (_, 8..) => tile::<T, 1, 8, DENSE>(k, a.from(i, 0), b.from(0, j), add, c, n),
                (_, 4..) => tile::<T, 1, 4, DENSE>(k, a.from(i, 0), b.from(0, j), add, c, n),
                (_, 2..) => tile::<T, 1, 2, DENSE>(k, a.from(i, 0), b.from(0, j), add, c, n),
                _ => tile::<T, 1, 1, DENSE>(k, a.from(i, 0), b.from(0, j), add, c, n),
            };
        }
        i += step;
    }
}

/// `ROWS × COLS` sums in registers; returns `COLS`. `DENSE`: the columns of `b` are contiguous.
#[inline(always)]
fn tile<T: Float, const ROWS: usize, const COLS: usize, const DENSE: bool>(
    k: usize,
    a: Matrix<T>,
    b: Matrix<T>,
    add: bool,
    c: &mut [T],
    n: usize,
) -> usize {
    let mut sums = [[T::zero(); COLS]; ROWS];
    if add {
        for (r, sums) in sums.iter_mut().enumerate() {
            sums.copy_from_slice(&c[r * n..r * n + COLS]);
        }
    }
    for l in 0..k {
        let b: [T; COLS] = if DENSE {
            let row = &b.values[l * b.row_stride..l * b.row_stride + COLS];
            std::array::from_fn(|j| row[j])
        } else {
            std::array::from_fn(|j| b.values[l * b.row_stride + j * b.col_stride])
        };
        for (r, sums) in sums.iter_mut().enumerate() {
            let a = a.values[r * a.row_stride + l * a.col_stride];
            for (sum, &b) in sums.iter_mut().zip(&b) {
                *sum = *sum + a * b;
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        c[r * n..r * n + COLS].copy_from_slice(sums);
    }
    COLS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shapes_and_strides_agree_with_the_definition() {
        for (m, k, n) in [(1, 1, 1), (6, 3, 4), (5, 7, 23), (9, 0, 3), (4, 5, 16), (1, 64, 37), (3, 2, 1), (21, 9, 1)] {
            let numbers = |len: usize| (0..len).map(|i| ((i * 7 + 3) % 11) as f64 - 5.0).collect::<Vec<_>>();
            let (a, b) = (numbers(m * k), numbers(k * n));
            for (ta, tb, add) in [(false, false, false), (true, false, true), (false, true, true), (true, true, false)]
            {
                let x = Matrix::new(&a, if ta { m } else { k }, ta);
                let y = Matrix::new(&b, if tb { k } else { n }, tb);
                let mut c = numbers(m * n);
                let mut expected = c.clone();
                for (i, expected) in expected.iter_mut().enumerate() {
                    let at = |l: usize| {
                        x.values[i / n * x.row_stride + l * x.col_stride]
                            * y.values[l * y.row_stride + i % n * y.col_stride]
                    };
                    *expected = (0..k).fold(if add { *expected } else { 0.0 }, |sum, l| sum + at(l));
                }
                matmul((m, k, n), x, y, add, &mut c);
                assert_eq!(c, expected, "{m} × {k} × {n}, transposed {ta} {tb}, added {add}");
            }
        }
    }
}
