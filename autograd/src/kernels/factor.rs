//! Triangular systems, and the factors of square matrices: row-major, by halves or blocks, so that products of matrices
//! do most of the work (Golub & Van Loan 2013, chapters 3 and 4).

use std::ops::Range;

use super::product::{Matrix, matmul};
use crate::math;
use crate::number::Float;

/// Up to this size, loops cost less than products.
const FEW: usize = 32;

/// `c −= a·b`: (m, k) · (k, n); rows of `c` are `stride` apart.
fn subtract_product<T: Float>(
    (m, k, n): (usize, usize, usize),
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    stride: usize,
) {
    let mut product = vec![T::zero(); m * n];
    matmul(m, k, n, a, b, false, &mut product);
    for (c, product) in c.chunks_mut(stride).zip(product.chunks(n)) {
        for (c, &product) in c.iter_mut().zip(product) {
            *c = *c - product;
        }
    }
}

/// A triangular matrix: which triangle of `values` counts, and whether its diagonal is 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Triangle<'a, T> {
    pub(crate) values: Matrix<'a, T>,
    pub(crate) lower: bool,
    pub(crate) unit: bool,
}

impl<'a, T: Float> Triangle<'a, T> {
    /// The transpose, whose other triangle counts.
    pub(crate) fn transposed(self) -> Self {
        Triangle { values: self.values.transposed(), lower: !self.lower, ..self }
    }

    fn at(&self, i: usize, j: usize) -> T {
        self.values.values[i * self.values.row_stride + j * self.values.col_stride]
    }

    fn from(self, at: usize) -> Self {
        Triangle { values: self.values.from(at, at), ..self }
    }
}

/// `x ← t⁻¹·x`: (n, n) · (n, k).
pub(crate) fn solve_triangular<T: Float>(n: usize, k: usize, t: Triangle<'_, T>, x: &mut [T]) {
    if n <= FEW {
        return substitute(n, k, t, x);
    }
    let half = n / 2;
    let (top, bottom) = x.split_at_mut(half * k);
    if t.lower {
        solve_triangular(half, k, t, top);
        subtract_product((n - half, half, k), t.values.from(half, 0), Matrix::new(top, k, false), bottom, k);
        solve_triangular(n - half, k, t.from(half), bottom);
    } else {
        solve_triangular(n - half, k, t.from(half), bottom);
        subtract_product((half, n - half, k), t.values.from(0, half), Matrix::new(bottom, k, false), top, k);
        solve_triangular(half, k, t, top);
    }
}

/// The same, row by row.
fn substitute<T: Float>(n: usize, k: usize, t: Triangle<'_, T>, x: &mut [T]) {
    for step in 0..n {
        let i = if t.lower { step } else { n - 1 - step };
        let (before, rest) = x.split_at_mut(i * k);
        let (row, after) = rest.split_at_mut(k);
        let (first, solved) = if t.lower { (0, &*before) } else { (i + 1, &*after) };
        for (j, solved) in solved.chunks_exact(k).enumerate().take(if t.lower { i } else { n - 1 - i }) {
            let factor = t.at(i, first + j);
            for (x, &solved) in row.iter_mut().zip(solved) {
                *x = *x - factor * solved;
            }
        }
        if !t.unit {
            let pivot = t.at(i, i);
            row.iter_mut().for_each(|x| *x = *x / pivot);
        }
    }
}

/// The lower Cholesky factor of the symmetric matrix in the lower triangle, in its place; 0 above. A pivot that is not
/// positive becomes NaN, and nothing after it is computed.
pub(crate) fn cholesky<T: Float>(n: usize, a: &mut [T]) {
    if let Err(pivot) = factor(n, n, a) {
        a[pivot * n + pivot] = T::from_f64(f64::NAN);
    }
    for i in 0..n {
        a[i * n + i + 1..(i + 1) * n].fill(T::zero());
    }
}

fn dot<T: Float>(a: &[T], b: &[T]) -> T {
    a.iter().zip(b).fold(T::zero(), |sum, (&a, &b)| sum + a * b)
}

/// The same for a block whose rows are `stride` apart, but what lies above is left.
///
/// # Errors
/// The first pivot that is not positive.
fn factor<T: Float>(n: usize, stride: usize, a: &mut [T]) -> Result<(), usize> {
    if n <= FEW {
        for i in 0..n {
            let (above, row) = a.split_at_mut(i * stride);
            for (j, other) in above.chunks(stride).enumerate() {
                row[j] = (row[j] - dot(&row[..j], other)) / other[j];
            }
            let rest = row[i] - dot(&row[..i], &row[..i]);
            let is_pivot = rest > T::zero(); // NaN is none
            if !is_pivot {
                return Err(i);
            }
            row[i] = math::sqrt(rest);
        }
        return Ok(());
    }
    let (half, m) = (n / 2, n - n / 2);
    factor(half, stride, a)?;
    // The transpose of the lower left block: L₂₁ᵀ = L₁₁⁻¹·A₂₁ᵀ.
    let mut side: Vec<T> = (0..half * m).map(|at| a[(half + at % m) * stride + at / m]).collect();
    let values = Matrix { values: a, row_stride: stride, col_stride: 1 };
    solve_triangular(half, m, Triangle { values, lower: true, unit: false }, &mut side);
    for (at, &x) in side.iter().enumerate() {
        a[(half + at % m) * stride + at / m] = x;
    }
    let rest = &mut a[half * stride + half..];
    let (side, side_t) = (Matrix::new(&side, m, false), Matrix::new(&side, m, true));
    let mut product = vec![T::zero(); m * m];
    matmul(m, half, m, side_t, side, false, &mut product);
    for i in 0..m {
        for (x, &product) in rest[i * stride..][..=i].iter_mut().zip(&product[i * m..]) {
            *x = *x - product;
        }
    }
    factor(m, stride, rest).map_err(|pivot| half + pivot)
}

/// The factors `L·U` of a matrix with rows exchanged, in its place: `U` on and above the diagonal, `L` below it, with 1
/// on its diagonal. Step `j` exchanged row `j` with row `pivots[j]`.
pub(crate) fn lu<T: Float>(n: usize, a: &mut [T], pivots: &mut [T]) {
    for start in (0..n).step_by(FEW) {
        let end = n.min(start + FEW);
        panel(n, start..end, a, pivots);
        let (rows, width) = (end - start, n - end);
        if width == 0 {
            break;
        }
        let mut right: Vec<T> = (start..end).flat_map(|i| a[i * n + end..(i + 1) * n].iter().copied()).collect();
        let values = Matrix { values: &a[start * n + start..], row_stride: n, col_stride: 1 };
        solve_triangular(rows, width, Triangle { values, lower: true, unit: true }, &mut right);
        for (i, right) in (start..end).zip(right.chunks_exact(width)) {
            a[i * n + end..(i + 1) * n].copy_from_slice(right);
        }
        let left: Vec<T> = (end..n).flat_map(|i| a[i * n + start..i * n + end].iter().copied()).collect();
        let (left, right) = (Matrix::new(&left, rows, false), Matrix::new(&right, width, false));
        subtract_product((width, rows, width), left, right, &mut a[end * n + end..], n);
    }
}

/// Factors some columns of a matrix whose columns before them are done, and exchanges rows of all columns.
///
/// The columns are copied, so that each lies by itself: then the loops run over whole columns instead of short rows.
fn panel<T: Float>(n: usize, columns: Range<usize>, a: &mut [T], pivots: &mut [T]) {
    let (start, rows) = (columns.start, n - columns.start);
    let mut panel: Vec<T> = columns.clone().flat_map(|j| (start..n).map(move |i| i * n + j)).map(|at| a[at]).collect();
    for j in 0..columns.len() {
        let column = &panel[j * rows..][..rows];
        let pivot = (j..rows).reduce(|best, i| if math::abs(column[i]) > math::abs(column[best]) { i } else { best });
        let pivot = pivot.unwrap_or(j);
        pivots[start + j] = T::from_f64((start + pivot) as f64);
        if pivot > j {
            let (above, below) = a.split_at_mut((start + pivot) * n);
            above[(start + j) * n..][..n].swap_with_slice(&mut below[..n]);
            panel.chunks_exact_mut(rows).for_each(|column| column.swap(j, pivot));
        }
        let (done, rest) = panel.split_at_mut((j + 1) * rows);
        let column = &mut done[j * rows..];
        let top = column[j];
        if top == T::zero() {
            continue;
        }
        column[j + 1..].iter_mut().for_each(|x| *x = *x / top);
        for other in rest.chunks_exact_mut(rows) {
            let top = other[j];
            for (x, &factor) in other[j + 1..].iter_mut().zip(&column[j + 1..]) {
                *x = *x - factor * top;
            }
        }
    }
    for (column, j) in panel.chunks_exact(rows).zip(columns) {
        column.iter().zip(start..n).for_each(|(&x, i)| a[i * n + j] = x);
    }
}

/// `x ← A⁻¹·x`, or `A⁻ᵀ·x`, by the factors of `A`: (n, n) · (n, k).
pub(crate) fn lu_solve<T: Float>(n: usize, k: usize, lu: &[T], pivots: &[T], transposed: bool, x: &mut [T]) {
    let values = Matrix::new(lu, n, false);
    let (l, u) = (Triangle { values, lower: true, unit: true }, Triangle { values, lower: false, unit: false });
    let exchange = |x: &mut [T], j: usize| {
        let pivot = pivots[j].to_f64() as usize;
        if pivot > j {
            let (above, below) = x.split_at_mut(pivot * k);
            above[j * k..][..k].swap_with_slice(&mut below[..k]);
        }
    };
    if transposed {
        solve_triangular(n, k, u.transposed(), x);
        solve_triangular(n, k, l.transposed(), x);
        (0..n).rev().for_each(|j| exchange(x, j));
    } else {
        (0..n).for_each(|j| exchange(x, j));
        solve_triangular(n, k, l, x);
        solve_triangular(n, k, u, x);
    }
}

/// The sign of the determinant, 0 of a singular matrix, and the magnitudes of its factors.
pub(crate) fn determinant<'a, T: Float>(n: usize, lu: &'a [T], pivots: &[T]) -> (T, impl Iterator<Item = T> + 'a) {
    let exchanged = (0..n).filter(|&j| pivots[j].to_f64() as usize != j).count();
    let diagonal = lu.iter().step_by(n + 1).take(n);
    let first = if exchanged % 2 == 0 { T::one() } else { T::zero() - T::one() };
    let sign = diagonal.clone().fold(first, |sign, &u| sign * math::sign(u));
    (sign, diagonal.map(|&u| math::abs(u)))
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn random(n: usize, k: usize, seed: u64) -> Vec<f64> {
        let mut rng = StdRng::seed_from_u64(seed);
        (0..n * k).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    fn product(m: usize, k: usize, n: usize, a: Matrix<f64>, b: Matrix<f64>) -> Vec<f64> {
        let mut c = vec![0.0; m * n];
        matmul(m, k, n, a, b, false, &mut c);
        c
    }

    fn close(a: &[f64], b: &[f64], what: &str) {
        let off = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(a.len() == b.len() && off < 1e-10, "{what}: off by {off:e}");
    }

    /// Below, at and beyond the size of a block, and not a multiple of it.
    const SIZES: [usize; 6] = [1, 2, 31, 32, 33, 150];

    #[test]
    fn triangles_solve_what_they_multiply() {
        for n in SIZES {
            for (lower, unit, transposed, k) in
                [(true, false, false, 1), (false, false, false, 3), (true, true, false, 40), (false, true, true, 2)]
            {
                let mut t = random(n, n, 1);
                let (x, away) = (random(n, k, 2), n as f64);
                (0..n * n).filter(|at| at % (n + 1) != 0).for_each(|at| t[at] /= away);
                (0..n).for_each(|i| t[i * n + i] += 3.0);
                let triangle = Triangle { values: Matrix::new(&t, n, false), lower, unit };
                let triangle = if transposed { triangle.transposed() } else { triangle };
                let full: Vec<f64> = (0..n * n)
                    .map(|at| match ((at / n).cmp(&(at % n)), triangle.lower) {
                        (std::cmp::Ordering::Equal, _) if unit => 1.0,
                        (std::cmp::Ordering::Less, true) | (std::cmp::Ordering::Greater, false) => 0.0,
                        _ => triangle.at(at / n, at % n),
                    })
                    .collect();
                let mut b = product(n, n, k, Matrix::new(&full, n, false), Matrix::new(&x, k, false));
                solve_triangular(n, k, triangle, &mut b);
                close(&b, &x, &format!("n = {n}, lower {lower}, unit {unit}, transposed {transposed}"));
            }
        }
    }

    #[test]
    fn factors_multiply_to_the_matrix() {
        for n in SIZES {
            let m = random(n, n, 3);
            let mut square = product(n, n, n, Matrix::new(&m, n, false), Matrix::new(&m, n, true));
            (0..n).for_each(|i| square[i * n + i] += 1.0);
            let mut l = square.clone();
            cholesky(n, &mut l);
            close(&product(n, n, n, Matrix::new(&l, n, false), Matrix::new(&l, n, true)), &square, "L·Lᵀ");
            for transposed in [false, true] {
                let (mut factors, mut pivots) = (m.clone(), vec![0.0; n]);
                lu(n, &mut factors, &mut pivots);
                let x = random(n, 4, 4);
                let mut b = product(n, n, 4, Matrix::new(&m, n, transposed), Matrix::new(&x, 4, false));
                lu_solve(n, 4, &factors, &pivots, transposed, &mut b);
                let off = b.iter().zip(&x).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(off < 1e-8, "n = {n}, transposed {transposed}: off by {off:e}");
            }
        }
    }

    #[test]
    fn the_first_pivot_that_is_not_positive_is_marked() {
        for (n, bad) in [(3, 1), (100, 0), (100, 77)] {
            let mut a: Vec<f64> = (0..n * n).map(|at| f64::from(u8::from(at % (n + 1) == 0))).collect();
            a[bad * n + bad] = -1.0;
            cholesky(n, &mut a);
            assert_eq!(a.iter().position(|x| x.is_nan()), Some(bad * n + bad));
        }
    }
}
