//! The derivatives of softmax, as differences without cancellation: where p is near 1, 1 − p is the sum of the
//! others.

use super::isa::kernel;
use super::reduce::{Loops, STRIP, strips};
use super::sums::{ColumnSums, row_sum};
use crate::math;
use crate::number::Float;

/// At most one part of a distribution exceeds ½.
#[inline(always)]
fn is_sure<T: Float>(p: T) -> bool {
    p > T::from_f64(0.5)
}

#[inline(always)]
fn unless_sure<T: Float>(p: T, x: T) -> T {
    math::select(is_sure(p), T::zero(), x)
}

/// A term of the sum in `v − Σ p·v`, or in `v − p·Σv`.
#[inline(always)]
fn term<T: Float>(p: T, v: T, transposed: bool) -> T {
    if transposed { v } else { p * v }
}

/// A value of `v − Σ p·v`, or of `v − p·Σv`, from the sum of all terms, that of all but the dominant one, and the
/// rest of the distribution. For the dominant value it is `(1 − p)·v − Σ p·v`, or `(1 − p)·Σv − Σv`, with the last
/// sum over the others. [`shared`] has computed the sums.
#[inline(always)]
fn difference<T: Float>(p: T, v: T, [all, others, rest]: [T; 3], transposed: bool) -> T {
    if transposed {
        math::select(is_sure(p), rest * all - others, v - p * all)
    } else {
        math::select(is_sure(p), rest * v - others, v - all)
    }
}

/// The sums for [`difference`] of p divided by the sum of p, which is 1 up to round-off.
#[inline(always)]
fn shared<T: Float>([all, others, rest, total]: [T; 4], transposed: bool) -> [T; 3] {
    if transposed { [all / total, others, rest] } else { [all / total, others / total, rest / total] }
}

kernel! {
    /// `out = v − Σ p·v/Σp` along the middle axis, where `p` is a distribution; `v − p·Σv/Σp` if `transposed`.
    fn centre<'a, T>(p: &'a [T], v: &'a [T], loops: Loops, transposed: bool, out: &'a mut [T]) for p.len(), {
        let Loops { n, inner, .. } = loops;
        if inner > 1 {
            strips(loops, |o, i, w| strip(p, v, (o * n * inner + i, inner), (n, w), transposed, out));
            return;
        }
        let n = n.max(1);
        for ((p, v), out) in p.chunks_exact(n).zip(v.chunks_exact(n)).zip(out.chunks_exact_mut(n)) {
            for ((out, &p), &v) in out.iter_mut().zip(p).zip(v) {
                *out = term(p, v, transposed);
            }
            let all = row_sum(out, |term| term);
            for (out, &p) in out.iter_mut().zip(p) {
                *out = unless_sure(p, *out);
            }
            let (others, rest) = (row_sum(out, |term| term), row_sum(p, |p| unless_sure(p, p)));
            let sums = shared([all, others, rest, row_sum(p, |p| p)], transposed);
            for ((out, &p), &v) in out.iter_mut().zip(p).zip(v) {
                *out = difference(p, v, sums, transposed);
            }
        }
    }
}

/// Four sums for each column of a strip.
const FOUR: usize = 4 * STRIP;

/// The same down `w` columns of length `n` from `start`, with rows `step` apart.
#[inline(always)]
fn strip<T: Float>(
    p: &[T],
    v: &[T],
    (start, step): (usize, usize),
    (n, w): (usize, usize),
    transposed: bool,
    out: &mut [T],
) {
    let mut columns = ColumnSums::<T, FOUR>::of(n);
    while let Some(rows) = columns.block() {
        let mut sums = [[T::zero(); STRIP]; 4];
        for at in rows.map(|j| start + j * step) {
            let [all, others, rest, total] = &mut sums;
            let sums = all.iter_mut().zip(others).zip(rest).zip(total);
            for ((((all, others), rest), total), (&p, &v)) in sums.zip(p[at..at + w].iter().zip(&v[at..at + w])) {
                let term = term(p, v, transposed);
                *all = *all + term;
                *others = *others + unless_sure(p, term);
                *rest = *rest + unless_sure(p, p);
                *total = *total + p;
            }
        }
        let mut four = [T::zero(); FOUR];
        for (four, sums) in four.chunks_exact_mut(STRIP).zip(sums) {
            four.copy_from_slice(&sums);
        }
        columns.add(four);
    }
    let four = columns.total();
    let mut sums = [[T::zero(); 3]; STRIP];
    for (i, sums) in sums.iter_mut().enumerate().take(w) {
        *sums = shared([four[i], four[STRIP + i], four[2 * STRIP + i], four[3 * STRIP + i]], transposed);
    }
    for at in (0..n).map(|j| start + j * step) {
        let values = p[at..at + w].iter().zip(&v[at..at + w]).zip(&sums);
        for (out, ((&p, &v), &sums)) in out[at..at + w].iter_mut().zip(values) {
            *out = difference(p, v, sums, transposed);
        }
    }
}
