//! Largest and smallest values along the middle axis of `outer × n × inner` row-major values.

use super::isa::kernel;
use super::sums::{ColumnSums, row_choice, row_sum};
use crate::math;
use crate::number::Float;

/// The loops of a reduction: `x` is (outer, n, inner), the result (outer, inner).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Loops {
    pub(crate) outer: usize,
    pub(crate) n: usize,
    pub(crate) inner: usize,
}

/// The largest value of a row; NaN if any value is NaN.
#[inline(always)]
pub(super) fn row_max<T: Float>(row: &[T]) -> T {
    row_choice(row, T::from_f64(f64::NEG_INFINITY), |x| x, math::max)
}

/// The number of columns, or of values of short rows, that are processed at once.
pub(super) const STRIP: usize = 64;

/// Calls `f(o, i, w)` for strips of `w` columns from `i` of each block `o`.
#[inline(always)]
pub(super) fn strips(Loops { outer, inner, .. }: Loops, mut f: impl FnMut(usize, usize, usize)) {
    for o in 0..outer {
        for i in (0..inner).step_by(STRIP) {
            f(o, i, STRIP.min(inner - i));
        }
    }
}

/// `out[o, i] = f(… f(out[o, i], x[o, 0, i]) …, x[o, n−1, i])`
#[inline(always)]
pub(super) fn fold<T: Float>(x: &[T], Loops { outer, n, inner }: Loops, out: &mut [T], f: impl Fn(T, T) -> T) {
    for o in 0..outer {
        let out = &mut out[o * inner..(o + 1) * inner];
        for j in 0..n {
            let x = &x[(o * n + j) * inner..];
            for (out, &x) in out.iter_mut().zip(x) {
                *out = f(*out, x);
            }
        }
    }
}

kernel! {
    /// The largest (or smallest) value; NaN if any value is NaN.
    fn extreme<'a, T>(x: &'a [T], loops: Loops, largest: bool, out: &'a mut [T]) for x.len(), {
        if largest {
            fold_all(x, loops, T::from_f64(f64::NEG_INFINITY), out, math::max);
        } else {
            fold_all(x, loops, T::from_f64(f64::INFINITY), out, math::min);
        }
    }
}

/// [`fold`] from `start`, by lanes where rows are contiguous; `f` chooses one of two numbers.
#[inline(always)]
fn fold_all<T: Float>(x: &[T], loops: Loops, start: T, out: &mut [T], f: impl Fn(T, T) -> T) {
    if loops.inner == 1 {
        for (o, out) in out.iter_mut().enumerate().take(loops.outer) {
            *out = row_choice(&x[o * loops.n..(o + 1) * loops.n], start, |x| x, &f);
        }
    } else {
        out.fill(start);
        fold(x, loops, out, f);
    }
}

kernel! {
    /// `out = [x = y] / (number of ties)`: the gradient of an extreme, shared equally among ties.
    fn tie_share<'a, T>(x: &'a [T], y: &'a [T], loops: Loops, out: &'a mut [T]) for x.len(), {
        let Loops { n, inner, .. } = loops;
        if inner == 1 {
            for ((x, out), &y) in x.chunks_exact(n.max(1)).zip(out.chunks_exact_mut(n.max(1))).zip(y) {
                let ties = row_sum(x, |x| math::mask(x == y));
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = share(x, y, ties);
                }
            }
            return;
        }
        strips(loops, |o, i, w| {
            let y = &y[o * inner + i..][..w];
            let mut columns = ColumnSums::<T, STRIP>::of(n);
            while let Some(rows) = columns.block() {
                let mut ties = [T::zero(); STRIP];
                for j in rows {
                    for ((ties, &x), &y) in ties.iter_mut().zip(&x[(o * n + j) * inner + i..][..w]).zip(y) {
                        *ties = *ties + math::mask(x == y);
                    }
                }
                columns.add(ties);
            }
            let ties = columns.total();
            for j in 0..n {
                let at = (o * n + j) * inner + i;
                for (((out, &x), &y), &ties) in out[at..at + w].iter_mut().zip(&x[at..]).zip(y).zip(&ties) {
                    *out = share(x, y, ties);
                }
            }
        });
    }
}

/// Where all values are NaN there is no tie, and no share.
#[inline(always)]
fn share<T: Float>(x: T, y: T, ties: T) -> T {
    math::select(x == y, T::one() / ties, T::zero())
}
