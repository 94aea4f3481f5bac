//! Softmax and what is made of the same exponentials, over the middle of an array seen as `outer × n × inner`.

use super::isa::kernel;
use super::math::{self, exponential};
use super::reduce::{Loops, STRIP, fold, row_max, row_sum, strips};
use crate::number::Float;

/// Exponentials are summed by pieces of so many.
const PIECE: usize = 1024;

/// In the order of [`log_sums`], whose buffer holds a piece: a softmax and the slopes of a cross-entropy have the same bits.
#[inline(always)]
fn sum_of_exponentials<T: Float>(e: &[T]) -> T {
    e.chunks(PIECE).fold(T::zero(), |sum, e| sum + row_sum(e, |e| e))
}

/// Calls `f(o, top, ln Σ exp(x − top))` for each row, `top` its largest value.
///
/// Short rows are worked on many at once: exponentials and logarithms fill the vectors whatever the rows' length.
#[inline(always)]
fn log_sums<T: Float>(x: &[T], n: usize, f: impl FnMut(usize, T, T)) {
    match x.len() {
        // Clearing the buffer would cost more than the work.
        ..=STRIP => log_sums_by::<T, STRIP>(x, n, f),
        _ => log_sums_by::<T, PIECE>(x, n, f),
    }
}

/// The same with a buffer of so many values.
#[inline(always)]
fn log_sums_by<T: Float, const VALUES: usize>(x: &[T], n: usize, mut f: impl FnMut(usize, T, T)) {
    let mut e = [T::zero(); VALUES];
    let (mut tops, mut sums) = ([T::zero(); STRIP], [T::zero(); STRIP]);
    let together = (VALUES / n).clamp(1, STRIP);
    for (group, x) in x.chunks(together * n).enumerate() {
        let rows = x.len() / n;
        for ((row, top), sum) in x.chunks_exact(n).zip(&mut tops).zip(&mut sums) {
            *top = row_max(row);
            *sum = T::zero();
        }
        // A row longer than the buffer comes in pieces.
        for piece in x.chunks(VALUES) {
            let width = n.min(VALUES);
            let e = &mut e[..piece.len()];
            for ((e, piece), &top) in e.chunks_mut(width).zip(piece.chunks(width)).zip(&tops) {
                for (e, &x) in e.iter_mut().zip(piece) {
                    *e = x - top;
                }
            }
            for e in e.iter_mut() {
                *e = exponential::exp(*e);
            }
            for (e, sum) in e.chunks(width).zip(&mut sums) {
                *sum = *sum + row_sum(e, |e| e);
            }
        }
        for sum in &mut sums[..rows] {
            *sum = math::ln(*sum);
        }
        for (row, (&top, &log)) in tops.iter().zip(&sums).enumerate().take(rows) {
            f(group * together + row, top, log);
        }
    }
}

kernel! {
    /// `out = ln Σ exp(x)`, shifted by the largest value so that nothing overflows.
    fn log_sum_exp<'a, T>(x: &'a [T], loops: Loops, out: &'a mut [T]) for x.len(), {
        let Loops { n, inner, .. } = loops;
        // ±∞ and NaN are their own answer; subtracting them would make NaN of −∞.
        let whole = |top: T, log: T| math::select(math::abs(top) < T::from_f64(f64::INFINITY), top + log, top);
        if n == 0 {
            out.fill(T::from_f64(f64::NEG_INFINITY));
        } else if inner == 1 {
            log_sums(x, n, |o, top, log| out[o] = whole(top, log));
        } else {
            out.fill(T::from_f64(f64::NEG_INFINITY));
            fold(x, loops, out, math::max);
            strips(loops, |o, i, w| {
                let out = &mut out[o * inner + i..][..w];
                let mut sums = [T::zero(); STRIP];
                for j in 0..n {
                    for ((sum, &x), &top) in sums.iter_mut().zip(&x[(o * n + j) * inner + i..][..w]).zip(&*out) {
                        *sum = *sum + exponential::exp(x - top);
                    }
                }
                for (out, &sum) in out.iter_mut().zip(&sums) {
                    *out = whole(*out, math::ln(sum));
                }
            });
        }
    }
}

kernel! {
    /// `out[i] = ln Σ_j exp(x[i, j] − x[i, class])`: differences first, so that large logits lose nothing.
    fn cross_entropy<'a, T>(x: &'a [T], classes: &'a [usize], out: &'a mut [T]) for x.len(), {
        let width = (x.len() / classes.len().max(1)).max(1); // no rows: any width
        log_sums(x, width, |i, top, log| out[i] = (top - x[i * width + classes[i]]) + log);
    }
}

kernel! {
    /// The same with its derivatives, `slopes[i, j] = softmax(x)[i, j] − [j = class]`, of the same exponentials.
    fn cross_entropy_with_slopes<'a, T>(x: &'a [T], classes: &'a [usize], out: &'a mut [T], slopes: &'a mut [T])
        for x.len(), {
        let n = (x.len() / classes.len().max(1)).max(1); // no rows: any width
        let mut sums = [T::zero(); STRIP];
        let strips = x.chunks(STRIP * n).zip(slopes.chunks_mut(STRIP * n)).zip(out.chunks_mut(STRIP));
        for (((x, e), out), classes) in strips.zip(classes.chunks(STRIP)) {
            for (((x, e), out), &class) in x.chunks_exact(n).zip(e.chunks_exact_mut(n)).zip(&mut *out).zip(classes) {
                let top = row_max(x);
                *out = top - x[class];
                for (e, &x) in e.iter_mut().zip(x) {
                    *e = x - top;
                }
            }
            for e in e.iter_mut() {
                *e = exponential::exp(*e);
            }
            for ((e, sum), &class) in e.chunks_exact_mut(n).zip(&mut sums).zip(classes) {
                *sum = sum_of_exponentials(e);
                let scale = T::one() / *sum;
                for e in e.iter_mut() {
                    *e = *e * scale;
                }
                e[class] = e[class] - T::one();
            }
            for sum in &mut sums[..out.len()] {
                *sum = math::ln(*sum);
            }
            for (out, &log) in out.iter_mut().zip(&sums) {
                *out = *out + log;
            }
        }
    }
}

kernel! {
    /// Softmax along the middle axis (its logarithm if `log`), shifted by the largest value.
    fn softmax<'a, T>(x: &'a [T], loops: Loops, log: bool, out: &'a mut [T]) for x.len(), {
        let Loops { n, inner, .. } = loops;
        if x.is_empty() {
        } else if inner > 1 {
            strips(loops, |o, i, w| softmax_strip(x, (o * n * inner + i, inner), (n, w), log, out));
        } else if log {
            log_sums(x, n, |o, top, shift| {
                for (out, &x) in out[o * n..(o + 1) * n].iter_mut().zip(&x[o * n..]) {
                    // x − top first: near 1e4 the sum top + ln(sum) would round the logarithm away.
                    *out = (x - top) - shift;
                }
            });
        } else {
            for (row, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
                let top = row_max(row);
                for (out, &x) in out.iter_mut().zip(row) {
                    *out = x - top;
                }
            }
            // All rows at once: the exponentials fill the vectors whatever the rows' length.
            for out in out.iter_mut() {
                *out = exponential::exp(*out);
            }
            for out in out.chunks_exact_mut(n) {
                let scale = T::one() / sum_of_exponentials(out);
                for out in out {
                    *out = *out * scale;
                }
            }
        }
    }
}

/// Softmax down `w` columns of length `n` from `start`, rows `step` apart.
#[inline(always)]
fn softmax_strip<T: Float>(x: &[T], (start, step): (usize, usize), (n, w): (usize, usize), log: bool, out: &mut [T]) {
    let mut tops = [T::from_f64(f64::NEG_INFINITY); STRIP];
    let mut sums = [T::zero(); STRIP];
    let rows = || (0..n).map(|j| start + j * step);
    for at in rows() {
        for (top, &x) in tops.iter_mut().zip(&x[at..at + w]) {
            *top = math::max(*top, x);
        }
    }
    for at in rows() {
        for (((out, &x), &top), sum) in out[at..at + w].iter_mut().zip(&x[at..]).zip(&tops).zip(&mut sums) {
            *out = exponential::exp(x - top);
            *sum = *sum + *out;
        }
    }
    for sum in &mut sums[..w] {
        *sum = if log { math::ln(*sum) } else { T::one() / *sum };
    }
    for at in rows() {
        for (((out, &x), &top), &sum) in out[at..at + w].iter_mut().zip(&x[at..]).zip(&tops).zip(&sums) {
            *out = if log { (x - top) - sum } else { *out * sum };
        }
    }
}

/// Rows of slopes times the gradient that each has, `slopes[i, j] · dy[i]`. A zero passes nothing on, whatever the slope, and a slope of 0
/// lets nothing pass.
pub(crate) fn scale_rows<T: Float>(slopes: &mut [T], dy: &[T]) {
    let n = (slopes.len() / dy.len().max(1)).max(1); // no rows: any width
    for (row, &dy) in slopes.chunks_exact_mut(n).zip(dy) {
        if dy == T::zero() {
            row.fill(dy);
        } else if dy != T::one() {
            row.iter_mut().for_each(|slope| *slope = slope.chain(dy));
        }
    }
}
