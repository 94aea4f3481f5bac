//! Singular values by rotations of pairs of columns until all are orthogonal (Hestenes 1958; Golub & Van Loan 2013, section
//! 8.6.3): short, and accurate for small values too.
//!
//! All on `f64`, for both number types, and in a fixed order, so that the bits are the same on every processor. Matrices
//! have values: none of their sides is 0.

use super::eigen::{Turn, dot, identity, scaled, sign, transposed};
use super::qr::qr;
use super::squares::unit;

/// All pairs are rotated at most so often. Convergence is quadratic: ten rounds are many.
const ROUNDS: usize = 60;

/// For fewer columns a factorisation first saves nothing, and its round-off makes values of simple matrices less simple.
const SEVERAL: usize = 16;

/// Columns so much shorter than the largest value count as 0: their squares are no normal numbers.
const SHORTEST: f64 = 1e-140;

/// The `k = min(m, n)` singular values of the row-major `a` in decreasing order, between the left vectors in `k` columns and
/// the right ones in `k` rows; NaN unless all values are finite.
pub(crate) fn singular(m: usize, n: usize, mut a: Vec<f64>) -> [Vec<f64>; 3] {
    let k = m.min(n);
    let Some(scale) = scaled(&mut a) else {
        return [vec![f64::NAN; m * k], vec![f64::NAN; k], vec![f64::NAN; k * n]];
    };
    // Rows of the longer side are made orthogonal: the columns of `a`, or its rows if they are the longer.
    let long = m.max(n);
    let (mut len, mut w) = (long, if m < n { a } else { transposed(m, n, &a) });
    let mut q = vec![];
    if k >= SEVERAL && long >= 2 * k {
        // The triangular factor has the same values, and rows that are shorter.
        let mut r = vec![0.0; k * k];
        q = vec![0.0; long * k];
        qr(long, k, &transposed(k, long, &w), &mut q, &mut r);
        (len, w) = (k, transposed(k, k, &r));
    }
    let mut v = identity(k);
    orthogonalise(len, &mut w, k, &mut v);
    let lengths: Vec<f64> = w.chunks_exact(len).map(length).collect();
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|&i, &j| lengths[j].total_cmp(&lengths[i]));
    let (mut across, mut along) = (vec![], vec![]); // vectors in rows: of the longer side, and of the shorter
    for &j in &order {
        match lengths[j] > 0.0 {
            true => across.extend(w[j * len..][..len].iter().map(|x| x / lengths[j])),
            false => across.extend(one_more(len, &across)),
        }
        along.extend_from_slice(&v[j * k..][..k]);
    }
    if len < long {
        across = across.chunks_exact(k).flat_map(|x| q.chunks_exact(k).map(move |q| dot(q, x))).collect();
    }
    let values = order.iter().map(|&j| lengths[j] * scale).collect();
    let (mut u, mut vt) = if m < n { (along, across) } else { (across, along) };
    for (u, v) in u.chunks_exact_mut(m).zip(vt.chunks_exact_mut(n)) {
        let sign = sign(u);
        u.iter_mut().chain(v).for_each(|x| *x *= sign);
    }
    [transposed(k, m, &u), values, vt]
}

/// Rotates the `k` rows of `w`, which are `len` long, until they are orthogonal to working precision, and those of `v` too.
fn orthogonalise(len: usize, w: &mut [f64], k: usize, v: &mut [f64]) {
    let enough = f64::EPSILON * (len as f64).sqrt();
    for _ in 0..ROUNDS {
        // Exact in a round without rotations, which is the last; else what the rotations make of them is enough.
        let mut squares: Vec<f64> = w.chunks_exact(len).map(|row| dot(row, row)).collect();
        let mut rests = true;
        for (p, q) in pairs(k) {
            let (x, y, off) = (squares[p], squares[q], dot(&w[p * len..][..len], &w[q * len..][..len]));
            if off.abs() <= enough * x.sqrt() * y.sqrt() {
                continue;
            }
            rests = false;
            let (turn, tan) = Turn::of(x, y, off);
            turn.rows(w, len, p, q);
            turn.rows(v, k, p, q);
            (squares[p], squares[q]) = ((x - tan * off).max(0.0), (y + tan * off).max(0.0));
        }
        if rests {
            break;
        }
    }
}

fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |p| (p + 1..n).map(move |q| (p, q)))
}

/// The Euclidean length, 0 for what is too short.
fn length(row: &[f64]) -> f64 {
    let (down, up) = unit(row.iter().fold(0.0, |top: f64, x| top.max(x.abs())));
    let length = row.iter().map(|x| (x * down) * (x * down)).sum::<f64>().sqrt() * up;
    if length < SHORTEST { 0.0 } else { length }
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
    use super::super::eigen::tests::skew;
    use super::*;

    fn entries(m: usize, n: usize, scale: f64) -> Vec<f64> {
        (0..m * n).map(|i| scale * (((i * 7919 + i * i) % 101) as f64 / 50.0 - 1.0)).collect()
    }

    #[test]
    fn singular_vectors_are_orthonormal_and_make_the_matrix() {
        for (m, n, scale) in [
            (1, 1, -2.0),
            (3, 3, 1.0),
            (40, 9, 1e200),
            (8, 30, 1e-200),
            (4, 2, 0.0),
            (2, 5, 0.0),
            (60, 60, 1.0),
            (70, 20, 1e200),
            (20, 90, 1.0),
            (40, 20, 0.0),
        ] {
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
        // Waves that are orthogonal, each a hundredth of the one before.
        let (m, n) = (60, 20);
        let wave = |i: usize, j: usize| ((i as f64 + 0.5) * (j + 1) as f64 * std::f64::consts::PI / m as f64).cos();
        let size = |j: usize| 0.01f64.powi(j as i32);
        let tall: Vec<f64> = (0..m * n).map(|at| wave(at / n, at % n) * size(at % n)).collect();
        for [_, s, _] in [singular(n, m, transposed(m, n, &tall)), singular(m, n, tall)] {
            for (j, s) in s.iter().enumerate() {
                let expected = (m as f64 / 2.0).sqrt() * size(j);
                assert!((s / expected - 1.0).abs() < 1e-13, "{s:e} is not {expected:e}");
            }
        }
    }

    #[test]
    fn values_that_are_not_finite_give_nan() {
        assert!(singular(1, 2, vec![1.0, f64::INFINITY]).concat().iter().all(|x| x.is_nan()));
    }
}
