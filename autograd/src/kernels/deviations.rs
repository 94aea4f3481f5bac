//! Deviations from the mean along the middle axis of `outer × n × inner` row-major values.

use super::isa::kernel;
use super::reduce::{Loops, STRIP, strips};
use super::sums::{ColumnSums, far_mean, row_sum};
use crate::number::Float;

kernel! {
    /// `out[o, j, i] = x[o, j, i] − Σ_j x[o, j, i] / n`
    fn deviations<'a, T>(x: &'a [T], loops: Loops, out: &'a mut [T]) for x.len(), {
        let Loops { n, inner, .. } = loops;
        if x.is_empty() {
            return;
        }
        if inner == 1 {
            for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
                let mean = mean(row_sum(x, |x| x), n, |j| x[j]);
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = x - mean;
                }
            }
        } else {
            strips(loops, |o, i, w| strip(x, (o * n * inner + i, inner), (n, w), out));
        }
    }
}

/// The same down `w` columns of length `n` from `start`, with rows `step` apart.
#[inline(always)]
fn strip<T: Float>(x: &[T], (start, step): (usize, usize), (n, w): (usize, usize), out: &mut [T]) {
    let mut columns = ColumnSums::<T, STRIP>::of(n);
    while let Some(rows) = columns.block() {
        let mut sums = [T::zero(); STRIP];
        for at in rows.map(|j| start + j * step) {
            for (sum, &x) in sums.iter_mut().zip(&x[at..at + w]) {
                *sum = *sum + x;
            }
        }
        columns.add(sums);
    }
    let mut means = columns.total();
    for (i, sum) in means.iter_mut().enumerate().take(w) {
        *sum = mean(*sum, n, |j| x[start + j * step + i]);
    }
    for at in (0..n).map(|j| start + j * step) {
        for ((out, &x), &mean) in out[at..at + w].iter_mut().zip(&x[at..at + w]).zip(&means) {
            *out = x - mean;
        }
    }
}

/// The mean of `n` values with this sum, which may have overflowed.
#[inline(always)]
fn mean<T: Float>(sum: T, n: usize, x: impl Fn(usize) -> T) -> T {
    let over = n as f64;
    if sum.is_finite() { sum / T::from_f64(over) } else { far_mean(n, x, over) }
}
