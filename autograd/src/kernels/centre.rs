//! What softmax does to tangents and gradients, as differences that cancel nowhere: for a sure class 1 − p is the sum of the others.

use super::isa::kernel;
use super::math;
use super::reduce::{Loops, STRIP, strips};
use super::sums::{column_sums, row_sum};
use crate::number::Float;

/// Of what `p` has below ½ and above: of a distribution only one can lie there.
#[inline(always)]
fn is_sure<T: Float>(p: T) -> bool {
    p > T::from_f64(0.5)
}

/// A value of `v − p·Σv`. Where `p` is nearly 1 it is `v·(1 − p) − p·(Σv − v)`, with the sums of the others: `values` of v, `share` of p.
#[inline(always)]
fn less_share<T: Float>(p: T, v: T, [values, share, all]: [T; 3]) -> T {
    math::select(is_sure(p), share * all - values, v - p * all)
}

#[inline(always)]
fn unless_sure<T: Float>(p: T, x: T) -> T {
    math::select(is_sure(p), T::zero(), x)
}

kernel! {
    /// `out = v − Σ p·v` along the middle axis, where `p` is a distribution; `v − p·Σv` if `transposed`.
    fn centre<'a, T>(p: &'a [T], v: &'a [T], loops: Loops, transposed: bool, out: &'a mut [T]) for p.len(), {
        let Loops { n, inner, .. } = loops;
        if inner > 1 {
            strips(loops, |o, i, w| strip(p, v, (o * n * inner + i, inner), (n, w), transposed, out));
            return;
        }
        let n = n.max(1);
        for ((p, v), out) in p.chunks_exact(n).zip(v.chunks_exact(n)).zip(out.chunks_exact_mut(n)) {
            if transposed {
                for ((out, &p), &v) in out.iter_mut().zip(p).zip(v) {
                    *out = unless_sure(p, v);
                }
                let sums = [row_sum(out, |v| v), row_sum(p, |p| unless_sure(p, p)), row_sum(v, |v| v)];
                for ((out, &p), &v) in out.iter_mut().zip(p).zip(v) {
                    *out = less_share(p, v, sums);
                }
                continue;
            }
            // Twice: the first mean is rounded, and what it leaves has a mean of its own.
            for ((out, &p), &v) in out.iter_mut().zip(p).zip(v) {
                *out = p * v;
            }
            let mean = row_sum(out, |x| x);
            for ((out, &p), &v) in out.iter_mut().zip(p).zip(v) {
                *out = p * (v - mean);
            }
            let rest = row_sum(out, |x| x);
            for (out, &v) in out.iter_mut().zip(v) {
                *out = (v - mean) - rest;
            }
        }
    }
}

/// The same down `w` columns of length `n` from `start`, rows `step` apart.
#[inline(always)]
fn strip<T: Float>(
    p: &[T],
    v: &[T],
    (start, step): (usize, usize),
    (n, w): (usize, usize),
    transposed: bool,
    out: &mut [T],
) {
    let rows = || (0..n).map(|j| start + j * step);
    let both = |at: usize| p[at..at + w].iter().copied().zip(v[at..at + w].iter().copied());
    if transposed {
        const THREE: usize = 3 * STRIP;
        let sums = column_sums::<T, THREE>(n, |j, sums| {
            let (values, rest) = sums.split_at_mut(STRIP);
            let (share, all) = rest.split_at_mut(STRIP);
            for ((((p, v), values), share), all) in both(start + j * step).zip(values).zip(share).zip(all) {
                *values = *values + unless_sure(p, v);
                *share = *share + unless_sure(p, p);
                *all = *all + v;
            }
        });
        for at in rows() {
            for (i, (out, (p, v))) in out[at..at + w].iter_mut().zip(both(at)).enumerate() {
                *out = less_share(p, v, [sums[i], sums[STRIP + i], sums[2 * STRIP + i]]);
            }
        }
        return;
    }
    let means = column_sums::<T, STRIP>(n, |j, sums| {
        for ((p, v), sum) in both(start + j * step).zip(sums) {
            *sum = *sum + p * v;
        }
    });
    let rests = column_sums::<T, STRIP>(n, |j, sums| {
        for (((p, v), sum), &mean) in both(start + j * step).zip(sums).zip(&means) {
            *sum = *sum + p * (v - mean);
        }
    });
    for at in rows() {
        for (((out, (_, v)), &mean), &rest) in out[at..at + w].iter_mut().zip(both(at)).zip(&means).zip(&rests) {
            *out = (v - mean) - rest;
        }
    }
}
