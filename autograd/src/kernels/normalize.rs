//! Rows at mean 0 and variance 1.

use super::isa::kernel;
use super::math;
use super::reduce::row_sum;
use crate::number::Float;

/// The mean of a row, and `1/√(variance + eps)`.
#[inline(always)]
fn row_moments<T: Float>(row: &[T], eps: T) -> (T, T) {
    let n = T::from_f64(row.len() as f64);
    let mean = row_sum(row, |x| x) / n;
    let variance = row_sum(row, |x| (x - mean) * (x - mean)) / n;
    (mean, T::one() / math::sqrt(variance + eps))
}

kernel! {
    /// Rows of length `n` at mean 0 and variance 1.
    fn normalize<'a, T>(x: &'a [T], n: usize, eps: T, out: &'a mut [T]) for x.len(), {
        for (x, out) in x.chunks_exact(n.max(1)).zip(out.chunks_exact_mut(n.max(1))) {
            let (mean, r) = row_moments(x, eps);
            for (out, &x) in out.iter_mut().zip(x) {
                *out = (x - mean) * r;
            }
        }
    }
}

kernel! {
    /// `out = r·(v − mean v − y·mean(y·v))` of each row, with y the normalised x.
    fn normalize_gradient<'a, T>(x: &'a [T], v: &'a [T], n: usize, eps: T, out: &'a mut [T]) for x.len(), {
        let rows = x.chunks_exact(n.max(1)).zip(v.chunks_exact(n.max(1)));
        for ((x, v), out) in rows.zip(out.chunks_exact_mut(n.max(1))) {
            let (mean, r) = row_moments(x, eps);
            for ((out, &x), &v) in out.iter_mut().zip(x).zip(v) {
                *out = ((x - mean) * r) * v;
            }
            let count = T::from_f64(n as f64);
            let (mean_v, mean_yv) = (row_sum(v, |v| v) / count, row_sum(out, |yv| yv) / count);
            for ((out, &x), &v) in out.iter_mut().zip(x).zip(v) {
                *out = r * ((v - mean_v) - ((x - mean) * r) * mean_yv);
            }
        }
    }
}
