//! Softmax and related functions of the same exponentials, along the middle axis of `outer × n × inner` values.
//!
//! Nothing here is 1 less a number near 1. The largest of the exponentials is 1, and the others are summed
//! separately: the logarithm is `ln(1 + others)`, and where the probability is near 1 the slope is `−others/(1 +
//! others)`.

use super::exponentials::{
    Rows, SHORT, are_short, each_row, exponentials_with_sums, log_sum, logs, others_and_ones, quotients,
    strip_quotients, strip_sums, turn, turn_back,
};
use super::isa::kernel;
use super::quotient::shifted;
use super::reduce::{Loops, STRIP, strips};
use super::sums::row_sum;
use crate::number::Float;

struct LogSumExp<'a, T> {
    out: &'a mut [T],
    n: usize,
}

impl<T: Float> Rows<T> for LogSumExp<'_, T> {
    #[inline(always)]
    fn sums(&self, _row: usize, _at: usize, e: &mut [T]) -> [T; 2] {
        others_and_ones(e)
    }

    #[inline(always)]
    fn long(&self, _row: usize, _at: usize, x: &[T], top: T, e: &mut [T]) -> [T; 2] {
        exponentials_with_sums(x, top, e)
    }

    #[inline(always)]
    fn done(&mut self, first: usize, tops: &[T], sums: &[[T; 2]], e: &mut [T]) {
        for (out, (&top, log)) in self.out[first..].iter_mut().zip(tops.iter().zip(logs(sums))) {
            *out = top + log;
        }
        quotients(e, self.n, sums);
    }
}

kernel! {
    /// `out = ln Σ exp(x)`, shifted by the largest value so that nothing overflows. The slopes, if they are wanted, are
    /// the [`softmax`].
    fn log_sum_exp<'a, T>(x: &'a [T], loops: Loops, out: &'a mut [T], slopes: Option<&'a mut [T]>) for x.len(), {
        let Loops { n, inner, .. } = loops;
        let finish = |out: &mut [T], (tops, sums): ([T; STRIP], [[T; 2]; STRIP])| {
            for ((out, &top), &sums) in out.iter_mut().zip(&tops).zip(&sums) {
                *out = top + log_sum(sums);
            }
        };
        let mut slopes = slopes;
        if n == 0 {
            out.fill(T::from_f64(f64::NEG_INFINITY));
        } else if inner > 1 {
            strips(loops, |o, i, w| {
                let place = (o * n * inner + i, inner);
                let found = strip_sums(x, place, (n, w), slopes.as_deref_mut());
                if let Some(slopes) = &mut slopes {
                    strip_quotients(slopes, place, (n, w), &found.1);
                }
                finish(&mut out[o * inner + i..][..w], found);
            });
        } else if are_short(loops) {
            let (mut columns, mut kept) = ([T::zero(); SHORT * STRIP], [T::zero(); SHORT * STRIP]);
            for (at, (x, out)) in x.chunks(STRIP * n).zip(out.chunks_mut(STRIP)).enumerate() {
                let size = (n, out.len());
                turn(x, n, &mut columns);
                let found = strip_sums(&columns, (0, STRIP), size, slopes.is_some().then_some(&mut kept[..]));
                if let Some(slopes) = &mut slopes {
                    strip_quotients(&mut kept, (0, STRIP), size, &found.1);
                    turn_back(&kept, n, &mut slopes[at * STRIP * n..][..x.len()]);
                }
                finish(out, found);
            }
        } else {
            each_row(x, n, slopes, LogSumExp { out, n });
        }
    }
}

kernel! {
    /// Multiplies slopes by the gradient of each line, `slopes[o, j, i] = dy[o, i]·slopes[o, j, i]`. A gradient of 0 passes
    /// nothing on, whatever the slope.
    fn scale_lines<'a, T>(slopes: &'a mut [T], loops: Loops, dy: &'a [T]) for slopes.len(), {
        let Loops { n, inner, .. } = loops;
        if inner > 1 {
            for (block, dy) in slopes.chunks_exact_mut((n * inner).max(1)).zip(dy.chunks_exact(inner)) {
                for row in block.chunks_exact_mut(inner) {
                    for (slope, &dy) in row.iter_mut().zip(dy) {
                        *slope = dy.chain(*slope);
                    }
                }
            }
            return;
        }
        for (row, &dy) in slopes.chunks_exact_mut(n.max(1)).zip(dy) {
            if dy != T::one() {
                row.iter_mut().for_each(|slope| *slope = dy.chain(*slope));
            }
        }
    }
}

/// The first sum is that of the others, the second the exponential of the class. The class is taken out of the row,
/// rather than the largest value: a class with a probability near 1 is the largest, and the others are not.
struct CrossEntropy<'a, T> {
    x: &'a [T],
    n: usize,
    classes: &'a [usize],
    out: Option<&'a mut [T]>,
}

impl<T: Float> Rows<T> for CrossEntropy<'_, T> {
    #[inline(always)]
    fn sums(&self, row: usize, at: usize, e: &mut [T]) -> [T; 2] {
        let own = e.get_mut(self.classes[row].wrapping_sub(at)).map_or(T::zero(), std::mem::take);
        [row_sum(e, |e| e), own]
    }

    #[inline(always)]
    fn done(&mut self, first: usize, tops: &[T], sums: &[[T; 2]], e: &mut [T]) {
        let classes = &self.classes[first..][..sums.len()];
        for ((slopes, &[others, own]), &class) in e.chunks_exact_mut(self.n).zip(sums).zip(classes) {
            let scale = T::one() / (others + own);
            for slope in slopes.iter_mut() {
                *slope = *slope * scale;
            }
            slopes[class] = -(others * scale);
        }
        let Some(out) = &mut self.out else { return };
        let rows = self.x[first * self.n..].chunks_exact(self.n).zip(classes).zip(tops).zip(logs(sums));
        for (out, (((x, &class), &top), log)) in out[first..].iter_mut().zip(rows) {
            *out = log - shifted(x[class], top);
        }
    }
}

kernel! {
    /// `out[i] = ln Σ_j exp(x[i, j] − x[i, class])` and `slopes[i, j] = softmax(x)[i, j] − [j = class]`, from the
    /// same exponentials; either may be left out. Differences are taken first, so that large logits lose nothing.
    fn cross_entropy<'a, T>(
        x: &'a [T],
        classes: &'a [usize],
        out: Option<&'a mut [T]>,
        slopes: Option<&'a mut [T]>,
    ) for x.len(), {
        let n = (x.len() / classes.len().max(1)).max(1); // no rows: any width
        each_row(x, n, slopes, CrossEntropy { x, n, classes, out });
    }
}

/// The logarithm of softmax of rows of length `n`; the exponentials become softmax itself, if they are kept.
struct LogSoftmax<'a, T> {
    x: &'a [T],
    n: usize,
    out: &'a mut [T],
}

impl<T: Float> Rows<T> for LogSoftmax<'_, T> {
    #[inline(always)]
    fn sums(&self, _row: usize, _at: usize, e: &mut [T]) -> [T; 2] {
        others_and_ones(e)
    }

    #[inline(always)]
    fn long(&self, _row: usize, _at: usize, x: &[T], top: T, e: &mut [T]) -> [T; 2] {
        exponentials_with_sums(x, top, e)
    }

    #[inline(always)]
    fn done(&mut self, first: usize, tops: &[T], sums: &[[T; 2]], e: &mut [T]) {
        let rows =
            self.out[first * self.n..].chunks_exact_mut(self.n).zip(self.x[first * self.n..].chunks_exact(self.n));
        for ((out, x), (&top, log)) in rows.zip(tops.iter().zip(logs(sums))) {
            for (out, &x) in out.iter_mut().zip(x) {
                // x − top first: near 1e4 the sum top + ln(sum) would round the logarithm away.
                *out = shifted(x, top) - log;
            }
        }
        quotients(e, self.n, sums);
    }
}

/// Turns exponentials of rows of this length into softmax.
struct Softmax(usize);

impl<T: Float> Rows<T> for Softmax {
    #[inline(always)]
    fn sums(&self, _row: usize, _at: usize, e: &mut [T]) -> [T; 2] {
        others_and_ones(e)
    }

    #[inline(always)]
    fn long(&self, _row: usize, _at: usize, x: &[T], top: T, e: &mut [T]) -> [T; 2] {
        exponentials_with_sums(x, top, e)
    }

    #[inline(always)]
    fn done(&mut self, _first: usize, _tops: &[T], sums: &[[T; 2]], e: &mut [T]) {
        quotients(e, self.0, sums);
    }
}

kernel! {
    /// Softmax along the middle axis, shifted by the largest value.
    fn softmax<'a, T>(x: &'a [T], loops: Loops, out: &'a mut [T]) for x.len(), {
        let Loops { n, inner, .. } = loops;
        if x.is_empty() {
        } else if inner > 1 {
            strips(loops, |o, i, w| softmax_strip(x, (o * n * inner + i, inner), (n, w), out));
        } else if are_short(loops) {
            let mut columns = [[T::zero(); SHORT * STRIP]; 2];
            let [x_columns, out_columns] = &mut columns;
            for (x, out) in x.chunks(STRIP * n).zip(out.chunks_mut(STRIP * n)) {
                turn(x, n, x_columns);
                softmax_strip(x_columns, (0, STRIP), (n, x.len() / n), out_columns);
                turn_back(out_columns, n, out);
            }
        } else {
            each_row(x, n, Some(out), Softmax(n));
        }
    }
}

kernel! {
    /// The logarithm of [`softmax`], and that itself, if it is wanted.
    fn log_softmax<'a, T>(x: &'a [T], loops: Loops, out: &'a mut [T], softmax: Option<&'a mut [T]>) for x.len(), {
        let (Loops { n, inner, .. }, mut softmax) = (loops, softmax);
        if x.is_empty() {
        } else if inner > 1 {
            strips(loops, |o, i, w| {
                log_softmax_strip(x, (o * n * inner + i, inner), (n, w), out, softmax.as_deref_mut());
            });
        } else if are_short(loops) {
            let mut columns = [[T::zero(); SHORT * STRIP]; 3];
            let [x_columns, out_columns, kept] = &mut columns;
            for (at, (x, out)) in x.chunks(STRIP * n).zip(out.chunks_mut(STRIP * n)).enumerate() {
                turn(x, n, x_columns);
                let wanted = softmax.is_some().then_some(&mut kept[..]);
                log_softmax_strip(x_columns, (0, STRIP), (n, x.len() / n), out_columns, wanted);
                turn_back(out_columns, n, out);
                if let Some(softmax) = &mut softmax {
                    turn_back(kept, n, &mut softmax[at * STRIP * n..][..x.len()]);
                }
            }
        } else {
            each_row(x, n, softmax, LogSoftmax { x, n, out });
        }
    }
}

/// Softmax down such columns.
#[inline(always)]
fn softmax_strip<T: Float>(x: &[T], place: (usize, usize), size: (usize, usize), out: &mut [T]) {
    let (_, sums) = strip_sums(x, place, size, Some(&mut *out));
    strip_quotients(out, place, size, &sums);
}

/// The logarithm of softmax down such columns, and softmax itself, if it is wanted.
#[inline(always)]
fn log_softmax_strip<T: Float>(
    x: &[T],
    (start, step): (usize, usize),
    (n, w): (usize, usize),
    out: &mut [T],
    softmax: Option<&mut [T]>,
) {
    let mut softmax = softmax;
    let (tops, sums) = strip_sums(x, (start, step), (n, w), softmax.as_deref_mut());
    if let Some(softmax) = softmax {
        strip_quotients(softmax, (start, step), (n, w), &sums);
    }
    let mut logs = [T::zero(); STRIP];
    for (log, &sums) in logs.iter_mut().zip(&sums[..w]) {
        *log = log_sum(sums);
    }
    for at in (0..n).map(|j| start + j * step) {
        for (((out, &x), &top), &log) in out[at..at + w].iter_mut().zip(&x[at..]).zip(&tops).zip(&logs) {
            *out = shifted(x, top) - log;
        }
    }
}

/// Multiplies rows of slopes by the gradient of each row, `slopes[i, j] · dy[i]`. A gradient of 0 passes nothing on,
/// whatever the slope, and a slope of 0 passes nothing either.
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
