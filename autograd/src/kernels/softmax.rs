//! Softmax and what is made of the same exponentials, over the middle of an array seen as `outer × n × inner`.
//!
//! Nothing here is one less something near one. Of the exponentials below the largest, which is 1, the others are summed by themselves:
//! the logarithm is `ln(1 + others)`, and of a sure class the slope is `−others/(1 + others)`.

use super::isa::kernel;
use super::math::{self, exponential};
use super::reduce::{Loops, STRIP, row_max, strips};
use super::sums::{PairwiseSum, column_sums, row_sum};
use crate::number::Float;

/// Exponentials are summed by pieces of so many.
const PIECE: usize = 1024;

/// `x − top`, and what rounding took from it (Knuth 1969). An infinite top is 0 below itself, and so shares with its equals.
#[inline(always)]
fn below<T: Float>(x: T, top: T) -> (T, T) {
    let difference = x - top;
    let less_top = difference - x;
    let lost = (x - (difference - less_top)) - (top + less_top);
    (math::select(x == top, T::zero(), difference), lost)
}

/// `exp(x − top)`: what rounding takes from a large difference is many units of the exponential.
#[inline(always)]
fn exp_below<T: Float>((difference, lost): (T, T)) -> T {
    let e = exponential::exp(difference);
    math::select(math::abs(lost) < T::one(), e + e * lost, e)
}

/// The sum of exponentials of which the largest is 1, without the ones, and how many those are.
#[inline(always)]
fn others_and_ones<T: Float>(e: &[T]) -> [T; 2] {
    let one = T::one();
    [row_sum(e, |e| math::select(e == one, T::zero(), e)), row_sum(e, |e| math::mask(e == one))]
}

/// The logarithm of a sum of exponentials, of which one, the own, may be 1; digits are lost only where the others are not small.
#[inline(always)]
fn log_sum<T: Float>([others, own]: [T; 2]) -> T {
    math::ln_1p(others + (own - T::one()))
}

/// Computes `exp(x − top)` of each row, `top` being its largest value: in place of `kept` if that is given. `sum(row, at, e)` gives two sums
/// of a row, or of its piece that begins `at`; `done(first, tops, sums, e)` gets those of whole rows.
///
/// Short rows are worked on many at once: exponentials fill the vectors whatever the rows' length.
#[inline(always)]
fn each_row<T: Float>(
    x: &[T],
    n: usize,
    kept: Option<&mut [T]>,
    sum: impl Fn(usize, usize, &mut [T]) -> [T; 2],
    done: impl FnMut(usize, &[T], &[[T; 2]], &mut [T]),
) {
    match x.len() {
        0 => {}
        // Clearing the buffers would cost more than the work.
        ..=STRIP => each_row_by::<T, STRIP>(x, n, kept, sum, done),
        _ => each_row_by::<T, PIECE>(x, n, kept, sum, done),
    }
}

/// The same with buffers of so many values.
#[inline(always)]
fn each_row_by<T: Float, const VALUES: usize>(
    x: &[T],
    n: usize,
    mut kept: Option<&mut [T]>,
    sum: impl Fn(usize, usize, &mut [T]) -> [T; 2],
    mut done: impl FnMut(usize, &[T], &[[T; 2]], &mut [T]),
) {
    let (mut buffer, mut lost) = ([T::zero(); VALUES], [T::zero(); VALUES]);
    let (mut tops, mut sums) = ([T::zero(); STRIP], [[T::zero(); 2]; STRIP]);
    let together = (VALUES / n).clamp(1, STRIP);
    for (group, x) in x.chunks(together * n).enumerate() {
        let (first, rows) = (group * together, x.len() / n);
        for (row, top) in x.chunks_exact(n).zip(&mut tops) {
            *top = row_max(row);
        }
        let mut kept = kept.as_mut().map(|kept| &mut kept[first * n..][..x.len()]);
        if n <= VALUES {
            let e = kept.as_deref_mut().unwrap_or(&mut buffer[..x.len()]);
            exponentials(x, n, &tops, e, &mut lost);
            for (row, (e, sums)) in e.chunks_exact_mut(n).zip(&mut sums).enumerate() {
                *sums = sum(first + row, 0, e);
            }
        } else {
            let mut pieces = PairwiseSum::default();
            for (x, at) in x.chunks(VALUES).zip((0..).step_by(VALUES)) {
                let e = kept.as_deref_mut().map_or(&mut buffer[..], |kept| &mut kept[at..]);
                let e = &mut e[..x.len()];
                exponentials(x, n, &tops, e, &mut lost);
                pieces.add(sum(first, at, e));
            }
            sums[0] = pieces.total();
        }
        done(first, &tops[..rows], &sums[..rows], kept.unwrap_or_default());
    }
}

/// `e = exp(x − top)` of rows of length `n`, each with its `top`, or of a piece of one.
#[inline(always)]
fn exponentials<T: Float>(x: &[T], n: usize, tops: &[T], e: &mut [T], lost: &mut [T]) {
    let rows = e.chunks_mut(n).zip(lost.chunks_mut(n)).zip(x.chunks(n).zip(tops));
    for ((e, lost), (x, &top)) in rows {
        for ((e, lost), &x) in e.iter_mut().zip(lost).zip(x) {
            (*e, *lost) = below(x, top);
        }
    }
    for (e, &lost) in e.iter_mut().zip(&*lost) {
        *e = exp_below((*e, lost));
    }
}

/// Calls `f(o, top, ln Σ exp(x − top))` for each row, `top` its largest value.
#[inline(always)]
fn log_sums<T: Float>(x: &[T], n: usize, mut f: impl FnMut(usize, T, T)) {
    let sum = |_: usize, _: usize, e: &mut [T]| others_and_ones(e);
    each_row(x, n, None, sum, |first, tops, sums, _| {
        for (row, (&top, log)) in tops.iter().zip(logs(sums)).enumerate() {
            f(first + row, top, log);
        }
    });
}

/// [`log_sum`] of each.
#[inline(always)]
fn logs<T: Float>(sums: &[[T; 2]]) -> [T; STRIP] {
    let mut logs = [T::zero(); STRIP];
    for (log, &sums) in logs.iter_mut().zip(sums) {
        *log = log_sum(sums);
    }
    logs
}

kernel! {
    /// `out = ln Σ exp(x)`, shifted by the largest value so that nothing overflows.
    fn log_sum_exp<'a, T>(x: &'a [T], loops: Loops, out: &'a mut [T]) for x.len(), {
        let Loops { n, inner, .. } = loops;
        if n == 0 {
            out.fill(T::from_f64(f64::NEG_INFINITY));
        } else if inner == 1 {
            log_sums(x, n, |o, top, log| out[o] = top + log);
        } else {
            strips(loops, |o, i, w| {
                let (tops, sums) = strip_sums(x, (o * n * inner + i, inner), (n, w), None);
                for ((out, &top), &sums) in out[o * inner + i..][..w].iter_mut().zip(&tops).zip(&sums) {
                    *out = top + log_sum(sums);
                }
            });
        }
    }
}

kernel! {
    /// `out[i] = ln Σ_j exp(x[i, j] − x[i, class])` and `slopes[i, j] = softmax(x)[i, j] − [j = class]`, of the same exponentials; either
    /// may be left out. Differences first, so that large logits lose nothing.
    fn cross_entropy<'a, T>(
        x: &'a [T],
        classes: &'a [usize],
        out: Option<&'a mut [T]>,
        slopes: Option<&'a mut [T]>,
    ) for x.len(), {
        let n = (x.len() / classes.len().max(1)).max(1); // no rows: any width
        // The own exponential is taken out of its row, and not the largest: that the sums of a sure class need, and others have it too.
        let sum = |row: usize, at: usize, e: &mut [T]| {
            let own = e.get_mut(classes[row].wrapping_sub(at)).map_or(T::zero(), std::mem::take);
            [row_sum(e, |e| e), own]
        };
        let mut out = out;
        each_row(x, n, slopes, sum, |first, tops, sums, slopes| {
            let classes = &classes[first..][..sums.len()];
            for ((e, &[others, own]), &class) in slopes.chunks_exact_mut(n).zip(sums).zip(classes) {
                let scale = T::one() / (others + own);
                for e in e.iter_mut() {
                    *e = *e * scale;
                }
                e[class] = -(others * scale);
            }
            let Some(out) = &mut out else { return };
            let rows = x[first * n..].chunks_exact(n).zip(classes).zip(tops).zip(logs(sums));
            for (out, (((x, &class), &top), log)) in out[first..].iter_mut().zip(rows) {
                *out = log - below(x[class], top).0;
            }
        });
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
            log_sums(x, n, |o, top, log| {
                for (out, &x) in out[o * n..(o + 1) * n].iter_mut().zip(&x[o * n..]) {
                    // x − top first: near 1e4 the sum top + ln(sum) would round the logarithm away.
                    *out = below(x, top).0 - log;
                }
            });
        } else {
            let sum = |_: usize, _: usize, e: &mut [T]| others_and_ones(e);
            each_row(x, n, Some(out), sum, |_, _, sums, e| {
                for (e, &[others, ones]) in e.chunks_exact_mut(n).zip(sums) {
                    let scale = T::one() / (others + ones);
                    for e in e {
                        *e = *e * scale;
                    }
                }
            });
        }
    }
}

/// The sums of [`others_and_ones`] down `w` columns of length `n` from `start`, rows `step` apart, and the largest values. The exponentials
/// are left in `kept`, where they belong.
#[inline(always)]
fn strip_sums<T: Float>(
    x: &[T],
    (start, step): (usize, usize),
    (n, w): (usize, usize),
    mut kept: Option<&mut [T]>,
) -> ([T; STRIP], [[T; 2]; STRIP]) {
    let mut tops = [T::from_f64(f64::NEG_INFINITY); STRIP];
    for at in (0..n).map(|j| start + j * step) {
        for (top, &x) in tops.iter_mut().zip(&x[at..at + w]) {
            *top = math::max(*top, x);
        }
    }
    const BOTH: usize = 2 * STRIP;
    let mut e = [T::zero(); STRIP];
    let one = T::one();
    let sums = column_sums::<T, BOTH>(n, |j, sums| {
        let at = start + j * step;
        for ((e, &x), &top) in e.iter_mut().zip(&x[at..at + w]).zip(&tops) {
            *e = exp_below(below(x, top));
        }
        let (others, ones) = sums.split_at_mut(STRIP);
        for ((others, ones), &e) in others.iter_mut().zip(ones).zip(&e[..w]) {
            *others = *others + math::select(e == one, T::zero(), e);
            *ones = *ones + math::mask(e == one);
        }
        if let Some(kept) = &mut kept {
            kept[at..at + w].copy_from_slice(&e[..w]);
        }
    });
    (tops, std::array::from_fn(|i| [sums[i], sums[STRIP + i]]))
}

/// Softmax down such columns.
#[inline(always)]
fn softmax_strip<T: Float>(x: &[T], (start, step): (usize, usize), (n, w): (usize, usize), log: bool, out: &mut [T]) {
    let kept = if log { None } else { Some(&mut *out) };
    let (tops, sums) = strip_sums(x, (start, step), (n, w), kept);
    let shifts = sums.map(|sums| if log { log_sum(sums) } else { T::one() / (sums[0] + sums[1]) });
    for at in (0..n).map(|j| start + j * step) {
        for (((out, &x), &top), &shift) in out[at..at + w].iter_mut().zip(&x[at..]).zip(&tops).zip(&shifts) {
            *out = if log { below(x, top).0 - shift } else { *out * shift };
        }
    }
}

/// Rows of slopes times the gradient that each has, `slopes[i, j] · dy[i]`. A zero passes nothing on, whatever the slope.
pub(crate) fn scale_rows<T: Float>(slopes: &mut [T], dy: &[T]) {
    let n = (slopes.len() / dy.len().max(1)).max(1); // no rows: any width
    for (row, &dy) in slopes.chunks_exact_mut(n).zip(dy) {
        if dy == T::zero() {
            row.fill(dy);
        } else if dy != T::one() {
            row.iter_mut().for_each(|slope| *slope = *slope * dy);
        }
    }
}
