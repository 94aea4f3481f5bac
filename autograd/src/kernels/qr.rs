//! Orthogonal factors, by reflections (Golub & Van Loan 2013, algorithm 5.2.1).

use crate::math;
use crate::number::Float;

/// `q·r = a` for row-major `a` of `m ≥ n` rows: `q` of the shape of `a` with orthonormal columns, `r` upper triangular with a
/// diagonal that is not negative.
pub(crate) fn qr<T: Float>(m: usize, n: usize, a: &[T], q: &mut [T], r: &mut [T]) {
    let mut work = a.to_vec();
    // The direction of each reflection, of length √2, in the rows from `j` on.
    let mut directions = vec![T::zero(); n * m];
    for j in 0..n {
        let v = &mut directions[j * m..][..m];
        for i in j..m {
            v[i] = work[i * n + j];
        }
        let largest = v[j..].iter().fold(T::zero(), |top, &x| math::max(top, math::abs(x)));
        if largest == T::zero() {
            continue; // nothing to reflect
        }
        // Scaled, so that no square overflows.
        v[j..].iter_mut().for_each(|x| *x = *x / largest);
        let norm = math::sqrt(v[j..].iter().fold(T::zero(), |sum, &x| sum + x * x));
        // Away from the column's own sign, so that nothing cancels.
        v[j] = if v[j] < T::zero() { v[j] - norm } else { v[j] + norm };
        let length = v[j..].iter().fold(T::zero(), |sum, &x| sum + x * x);
        let scale = math::sqrt((T::one() + T::one()) / length);
        v[j..].iter_mut().for_each(|x| *x = *x * scale);
        reflect(v, j, n, &mut work);
    }
    for (i, r) in r.chunks_exact_mut(n).enumerate() {
        r[..i].fill(T::zero());
        r[i..].copy_from_slice(&work[i * n + i..(i + 1) * n]);
    }
    q.fill(T::zero());
    (0..n).for_each(|j| q[j * n + j] = T::one());
    for j in (0..n).rev() {
        reflect(&directions[j * m..][..m], j, n, q);
    }
    for j in (0..n).filter(|&j| work[j * n + j] < T::zero()) {
        r[j * n + j..(j + 1) * n].iter_mut().for_each(|x| *x = T::zero() - *x);
        q.iter_mut().skip(j).step_by(n).for_each(|x| *x = T::zero() - *x);
    }
}

/// `x ← x − v·(vᵀ·x)`, in the rows from `first` on, of which `v` has length √2.
fn reflect<T: Float>(v: &[T], first: usize, n: usize, x: &mut [T]) {
    let mut along = vec![T::zero(); n];
    for (&v, row) in v[first..].iter().zip(x[first * n..].chunks_exact(n)) {
        for (along, &x) in along.iter_mut().zip(row) {
            *along = *along + v * x;
        }
    }
    for (&v, row) in v[first..].iter().zip(x[first * n..].chunks_exact_mut(n)) {
        for (x, &along) in row.iter_mut().zip(&along) {
            *x = *x - v * along;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_multiply_to_the_matrix_and_columns_are_orthonormal() {
        for (m, n, scale) in [(1, 1, 1.0), (3, 3, -1.0), (5, 2, 1e200), (40, 30, 1e-200), (4, 1, 0.0)] {
            let a: Vec<f64> = (0..m * n).map(|i| scale * (((i * 7919) % 101) as f64 / 50.0 - 1.0)).collect();
            let (mut q, mut r) = (vec![f64::NAN; m * n], vec![f64::NAN; n * n]);
            qr(m, n, &a, &mut q, &mut r);
            for i in 0..m {
                for j in 0..n {
                    let product: f64 = (0..n).map(|k| q[i * n + k] * r[k * n + j]).sum();
                    assert!((product - a[i * n + j]).abs() <= 1e-14 * 50.0 * scale.abs(), "{m} × {n} at {i}, {j}");
                }
            }
            for j in 0..n {
                assert!(r[j * n + j] >= 0.0 && r[j * n..j * n + j].iter().all(|&x| x == 0.0));
                for k in 0..n {
                    let dot: f64 = (0..m).map(|i| q[i * n + j] * q[i * n + k]).sum();
                    assert!((dot - f64::from(u8::from(j == k))).abs() < 1e-14, "{m} × {n}: columns {j}, {k}: {dot}");
                }
            }
        }
    }
}
