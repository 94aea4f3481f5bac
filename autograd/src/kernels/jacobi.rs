//! Eigenvalues and singular values by rotations of pairs (Jacobi 1846; Hestenes 1958; Golub & Van Loan 2013, sections 8.5
//! and 8.6.3): short, as accurate as the matrix allows, and the same on every processor.
//!
//! They compute on `f64` for both number types. Matrices have values: none of their sides is 0.

use super::squares::unit;

/// All pairs are rotated at most so often. Convergence is quadratic: ten rounds are many.
const ROUNDS: usize = 60;

/// Components of a vector that differ by less than this count as equally large where its sign is chosen, so that the
/// choice between them is not left to round-off.
const ALIKE: f64 = 1e-6;

/// Columns so much shorter than the largest value count as 0: their squares are no normal numbers.
const SHORTEST: f64 = 1e-140;

/// Eigenvalues in increasing order and, in columns, orthonormal eigenvectors of the symmetric row-major `a`; NaN unless all
/// values are finite.
pub(crate) fn eigen(n: usize, mut a: Vec<f64>) -> [Vec<f64>; 2] {
    let Some(scale) = scaled(&mut a) else { return [vec![f64::NAN; n], vec![f64::NAN; n * n]] };
    let mut v = identity(n); // the vectors in rows
    for _ in 0..ROUNDS {
        let mut rests = true;
        for (p, q) in pairs(n) {
            let (x, y, off) = (a[p * n + p], a[q * n + q], a[p * n + q]);
            if off.abs() <= f64::EPSILON * (0.5 * x.abs().sqrt() * y.abs().sqrt() + f64::EPSILON) {
                continue;
            }
            rests = false;
            let turn = Turn::of(x, y, off);
            turn.rows(&mut a, n, p, q);
            // By symmetry the columns are the rows.
            for i in 0..n {
                a[i * n + p] = a[p * n + i];
                a[i * n + q] = a[q * n + i];
            }
            (a[p * n + p], a[q * n + q]) = (x - turn.tan * off, y + turn.tan * off);
            (a[p * n + q], a[q * n + p]) = (0.0, 0.0);
            turn.rows(&mut v, n, p, q);
        }
        if rests {
            break;
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[i * n + i].total_cmp(&a[j * n + j]));
    let values = order.iter().map(|&j| a[j * n + j] * scale).collect();
    let mut vectors = vec![0.0; n * n];
    for (to, &from) in order.iter().enumerate() {
        let row = &v[from * n..][..n];
        let sign = sign(row);
        row.iter().enumerate().for_each(|(i, x)| vectors[i * n + to] = sign * x);
    }
    [values, vectors]
}

/// The `k = min(m, n)` singular values of the row-major `a` in decreasing order, between the left vectors in `k` columns and
/// the right ones in `k` rows; NaN unless all values are finite.
pub(crate) fn singular(m: usize, n: usize, mut a: Vec<f64>) -> [Vec<f64>; 3] {
    let k = m.min(n);
    let Some(scale) = scaled(&mut a) else {
        return [vec![f64::NAN; m * k], vec![f64::NAN; k], vec![f64::NAN; k * n]];
    };
    // Rows of the longer side are made orthogonal: the columns of `a`, or its rows if they are the longer.
    let (long, mut w) = if m < n { (n, a) } else { (m, transposed(m, n, &a)) };
    let mut v = identity(k);
    orthogonalise(k, long, &mut w, &mut v);
    let lengths: Vec<f64> = w.chunks_exact(long).map(length).collect();
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|&i, &j| lengths[j].total_cmp(&lengths[i]));
    let (mut across, mut along) = (vec![], vec![]); // vectors in rows: of the longer side, and of the shorter
    for &j in &order {
        match lengths[j] > 0.0 {
            true => across.extend(w[j * long..][..long].iter().map(|x| x / lengths[j])),
            false => across.extend(one_more(long, &across)),
        }
        along.extend_from_slice(&v[j * k..][..k]);
    }
    let values = order.iter().map(|&j| lengths[j] * scale).collect();
    let (mut u, mut vt) = if m < n { (along, across) } else { (across, along) };
    for (u, v) in u.chunks_exact_mut(m).zip(vt.chunks_exact_mut(n)) {
        let sign = sign(u);
        u.iter_mut().chain(v).for_each(|x| *x *= sign);
    }
    [transposed(k, m, &u), values, vt]
}

/// Rotates the `k` rows of `w` until they are orthogonal to working precision, and those of `v` with them.
fn orthogonalise(k: usize, len: usize, w: &mut [f64], v: &mut [f64]) {
    let enough = f64::EPSILON * (len as f64).sqrt();
    for _ in 0..ROUNDS {
        let mut rests = true;
        for (p, q) in pairs(k) {
            let (a, b) = (&w[p * len..][..len], &w[q * len..][..len]);
            let (x, y, off) = (dot(a, a), dot(b, b), dot(a, b));
            if off.abs() <= enough * x.sqrt() * y.sqrt() {
                continue;
            }
            rests = false;
            let turn = Turn::of(x, y, off);
            turn.rows(w, len, p, q);
            turn.rows(v, k, p, q);
        }
        if rests {
            break;
        }
    }
}

/// The rotation that makes `[[x, off], [off, y]]` diagonal, by the smaller of the two angles.
#[derive(Clone, Copy)]
struct Turn {
    cos: f64,
    sin: f64,
    tan: f64,
}

impl Turn {
    fn of(x: f64, y: f64, off: f64) -> Turn {
        let middle = (y - x) / (2.0 * off);
        let size = 1.0 / (middle.abs() + (1.0 + middle * middle).sqrt());
        let tan = if middle < 0.0 { -size } else { size };
        let cos = 1.0 / (1.0 + tan * tan).sqrt();
        Turn { cos, sin: tan * cos, tan }
    }

    /// Turns the rows `p < q` of `x`, which are `len` long.
    fn rows(self, x: &mut [f64], len: usize, p: usize, q: usize) {
        let (above, below) = x.split_at_mut(q * len);
        for (a, b) in above[p * len..][..len].iter_mut().zip(&mut below[..len]) {
            (*a, *b) = (self.cos * *a - self.sin * *b, self.sin * *a + self.cos * *b);
        }
    }
}

fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |p| (p + 1..n).map(move |q| (p, q)))
}

/// Scales to magnitudes about 1 by a power of two, and returns its inverse; nothing if a value is not finite.
fn scaled(a: &mut [f64]) -> Option<f64> {
    if !a.iter().all(|x| x.is_finite()) {
        return None;
    }
    let (down, up) = unit(a.iter().fold(0.0, |top: f64, x| top.max(x.abs())));
    a.iter_mut().for_each(|x| *x *= down);
    Some(up)
}

fn identity(n: usize) -> Vec<f64> {
    (0..n * n).map(|at| f64::from(at % (n + 1) == 0)).collect()
}

fn transposed(rows: usize, cols: usize, a: &[f64]) -> Vec<f64> {
    (0..rows * cols).map(|at| a[at % rows * cols + at / rows]).collect()
}

/// The sum of products, by lanes that a vector unit has.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// The Euclidean length, 0 for what is too short.
fn length(row: &[f64]) -> f64 {
    let (down, up) = unit(row.iter().fold(0.0, |top: f64, x| top.max(x.abs())));
    let length = row.iter().map(|x| (x * down) * (x * down)).sum::<f64>().sqrt() * up;
    if length < SHORTEST { 0.0 } else { length }
}

/// The sign that makes the first of the largest components positive.
fn sign(row: &[f64]) -> f64 {
    let top = row.iter().fold(0.0, |top: f64, x| top.max(x.abs()));
    let first = row.iter().find(|x| x.abs() >= top * (1.0 - ALIKE));
    if first.is_some_and(|&x| x < 0.0) { -1.0 } else { 1.0 }
}

/// A row of length 1 orthogonal to orthonormal `rows`: what these leave of the axis that they have least of.
fn one_more(len: usize, rows: &[f64]) -> Vec<f64> {
    let share = |i: usize| rows.iter().skip(i).step_by(len).map(|x| x * x).sum::<f64>();
    let least = (0..len).map(|i| (i, share(i))).reduce(|best, next| if next.1 < best.1 { next } else { best });
    let mut row = vec![0.0; len];
    row[least.expect("a row that is not empty").0] = 1.0;
    for _ in 0..2 {
        for other in rows.chunks_exact(len) {
            let along = dot(&row, other);
            row.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
        }
        let length = dot(&row, &row).sqrt();
        row.iter_mut().for_each(|x| *x /= length);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(m: usize, n: usize, scale: f64) -> Vec<f64> {
        (0..m * n).map(|i| scale * (((i * 7919 + i * i) % 101) as f64 / 50.0 - 1.0)).collect()
    }

    /// How far rows are from orthonormal.
    fn skew(rows: &[f64], len: usize) -> f64 {
        let k = rows.len() / len;
        let row = |i: usize| &rows[i * len..][..len];
        (0..k * k).map(|at| (dot(row(at / k), row(at % k)) - f64::from(at / k == at % k)).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn eigenvectors_are_orthonormal_and_make_the_matrix() {
        for (n, scale) in [(1, -3.0), (2, 1.0), (7, 1e200), (30, 1e-200), (5, 0.0), (60, 1.0)] {
            let m = entries(n, n, 0.5 * scale);
            let a: Vec<f64> = (0..n * n).map(|at| m[at] + m[at % n * n + at / n]).collect();
            let [w, v] = eigen(n, a.clone());
            assert!(w.windows(2).all(|w| w[0] <= w[1]), "{w:?}");
            assert!(skew(&transposed(n, n, &v), n) < 1e-15 * (n + 10) as f64, "{n}");
            for (at, a) in a.iter().enumerate() {
                let made: f64 =
                    (0..n).map(|j| v[at / n * n + j] * (w[j] / scale.abs().max(1e-300)) * v[at % n * n + j]).sum();
                let off = made - a / scale.abs().max(1e-300);
                assert!(off.abs() < 1e-13, "{n} at {at}: {off:e}");
            }
        }
    }

    #[test]
    fn singular_vectors_are_orthonormal_and_make_the_matrix() {
        for (m, n, scale) in
            [(1, 1, -2.0), (3, 3, 1.0), (40, 9, 1e200), (8, 30, 1e-200), (4, 2, 0.0), (2, 5, 0.0), (60, 60, 1.0)]
        {
            let mut a = entries(m, n, scale);
            // Of rank at most 6.
            for i in 6..m {
                let (above, row) = a.split_at_mut(i * n);
                row[..n].copy_from_slice(&above[i % 6 * n..][..n]);
            }
            let k = m.min(n);
            let [u, s, vt] = singular(m, n, a.clone());
            assert!(s.windows(2).all(|s| s[0] >= s[1]) && s.iter().all(|&s| s >= 0.0), "{s:?}");
            assert!(skew(&transposed(m, k, &u), m) < 1e-13 && skew(&vt, n) < 1e-13, "{m} × {n}");
            let unit = scale.abs().max(1e-300);
            assert!(s.iter().skip(6).all(|s| s / unit < 1e-13), "{s:?}");
            for (at, a) in a.iter().enumerate() {
                let made: f64 = (0..k).map(|j| u[at / n * k + j] * (s[j] / unit) * vt[j * n + at % n]).sum();
                assert!((made - a / unit).abs() < 1e-13, "{m} × {n} at {at}");
            }
        }
    }

    /// A value far below the largest keeps its digits.
    #[test]
    fn small_values_of_graded_matrices_are_accurate() {
        let [_, s, _] = singular(3, 3, vec![1.0, 0.0, 0.0, 1e-20, 1e-20, 0.0, 0.0, 1e-40, 1e-40]);
        for (s, expected) in s.iter().zip([1.0, 1e-20, 1e-40]) {
            assert!((s / expected - 1.0).abs() < 1e-15, "{s:e} is not {expected:e}");
        }
        let [w, _] = eigen(2, vec![1e-30, 0.0, 0.0, -1.0]);
        assert_eq!(w, [-1.0, 1e-30]);
    }

    /// Of components equally large the first is positive, whatever round-off makes of them.
    #[test]
    fn signs_do_not_hang_on_round_off() {
        for off in [-0.1, 0.1, 3.0, -7.0] {
            let [_, v] = eigen(2, vec![0.3, off, off, 0.3]);
            assert!(v[0] > 0.0 && v[1] > 0.0, "{v:?}");
        }
        assert!(eigen(2, vec![1.0, f64::NAN, f64::NAN, 1.0]).concat().iter().all(|x| x.is_nan()));
        assert!(singular(1, 2, vec![1.0, f64::INFINITY]).concat().iter().all(|x| x.is_nan()));
    }
}
