//! Softmax and related functions of the same exponentials, along the middle axis of `outer × n × inner` values.
//!
//! Nothing here is 1 less a number near 1. The largest of the exponentials is 1, and the others are summed
//! separately: the logarithm is `ln(1 + others)`, and where the probability is near 1 the slope is `−others/(1 +
//! others)`.

use super::isa::kernel;
use super::quotient::{below, exp_below, exponentials_below_infinity, is_infinite, reciprocal, shifted, times};
use super::reduce::{Loops, STRIP, row_max, strips};
use super::sums::{ColumnSums, LANES, PairwiseSum, row_sum};
use crate::math;
use crate::number::Float;

/// The number of exponentials that are computed and summed at once, and the largest number of rows.
const PIECE: usize = 256;
const TOGETHER: usize = 32;

/// The sum of exponentials other than 1, of which the largest is 1, and the number of ones.
#[inline(always)]
fn others_and_ones<T: Float>(e: &[T]) -> [T; 2] {
    let one = T::one();
    [row_sum(e, |e| math::select(e == one, T::zero(), e)), row_sum(e, |e| math::mask(e == one))]
}

/// The logarithm of a sum of exponentials, one of which, `own`, may be 1; precision is lost only where the others are
/// not small.
#[inline(always)]
fn log_sum<T: Float>([others, own]: [T; 2]) -> T {
    math::ln_1p(others + (own - T::one()))
}

/// Further processing of rows of exponentials. A trait, because closures would not be inlined where they are called
/// twice.
trait Rows<T> {
    /// Two sums of a row, or of its piece that begins at `at`.
    fn sums(&self, row: usize, at: usize, e: &mut [T]) -> [T; 2];

    /// Receives the sums of whole rows from `first` on, with their largest values, and their exponentials if those
    /// are kept.
    fn done(&mut self, first: usize, tops: &[T], sums: &[[T; 2]], e: &mut [T]);
}

/// Computes `exp(x − top)` of each row, `top` being its largest value. `room` holds all of them if they are `kept`,
/// else one piece.
///
/// Short rows are processed many at once, so that exponentials fill the vectors whatever the rows' length.
#[inline(always)]
fn each_row<T: Float>(x: &[T], n: usize, room: &mut [T], kept: bool, mut rows: impl Rows<T>) {
    let (mut tops, mut sums) = ([T::zero(); TOGETHER], [[T::zero(); 2]; TOGETHER]);
    let together = (PIECE / n).clamp(1, TOGETHER);
    for (x, first) in x.chunks(together * n).zip((0..).step_by(together)) {
        let count = x.len() / n;
        for (row, top) in x.chunks_exact(n).zip(&mut tops) {
            *top = row_max(row);
        }
        let room = if kept { &mut room[first * n..][..x.len()] } else { &mut *room };
        let mut pieces: Option<PairwiseSum<T, 2>> = None;
        for (x, at) in x.chunks(PIECE).zip((0..).step_by(PIECE)) {
            let e = &mut room[if kept { at } else { 0 }..][..x.len()];
            exponentials(x, n, &tops, e);
            for (row, (e, sums)) in e.chunks_mut(n).zip(&mut sums).enumerate() {
                *sums = rows.sums(first + row, at, e);
            }
            if n > PIECE {
                let pieces = pieces.get_or_insert_default();
                pieces.add(sums[0]);
                sums[0] = pieces.total();
            }
        }
        rows.done(first, &tops[..count], &sums[..count], if kept { room } else { &mut [] });
    }
}

/// `e = exp(x − top)` of rows of length `n`, each with its `top`, or of a piece of a row; in one loop, for which each
/// value gets its own top.
#[inline(always)]
fn exponentials<T: Float>(x: &[T], n: usize, tops: &[T], e: &mut [T]) {
    for (e, &top) in e.chunks_mut(n).zip(tops) {
        e.fill(top);
    }
    for (e, &x) in e.iter_mut().zip(x) {
        *e = exp_below(below(x, *e));
    }
    for ((x, e), &top) in x.chunks(n).zip(e.chunks_mut(n)).zip(tops) {
        if is_infinite(top) {
            exponentials_below_infinity(x, top, e);
        }
    }
}

/// [`log_sum`] of each row.
#[inline(always)]
fn logs<T: Float>(sums: &[[T; 2]]) -> [T; TOGETHER] {
    let mut logs = [T::zero(); TOGETHER];
    for (log, &sums) in logs.iter_mut().zip(sums) {
        *log = log_sum(sums);
    }
    logs
}

struct LogSumExp<'a, T>(&'a mut [T]);

impl<T: Float> Rows<T> for LogSumExp<'_, T> {
    #[inline(always)]
    fn sums(&self, _row: usize, _at: usize, e: &mut [T]) -> [T; 2] {
        others_and_ones(e)
    }

    #[inline(always)]
    fn done(&mut self, first: usize, tops: &[T], sums: &[[T; 2]], _e: &mut [T]) {
        for (out, (&top, log)) in self.0[first..].iter_mut().zip(tops.iter().zip(logs(sums))) {
            *out = top + log;
        }
    }
}

kernel! {
    /// `out = ln Σ exp(x)`, shifted by the largest value so that nothing overflows.
    fn log_sum_exp<'a, T>(x: &'a [T], loops: Loops, out: &'a mut [T]) for x.len(), {
        let Loops { n, inner, .. } = loops;
        let finish = |out: &mut [T], (tops, sums): ([T; STRIP], [[T; 2]; STRIP])| {
            for ((out, &top), &sums) in out.iter_mut().zip(&tops).zip(&sums) {
                *out = top + log_sum(sums);
            }
        };
        if n == 0 {
            out.fill(T::from_f64(f64::NEG_INFINITY));
        } else if are_short(loops) {
            let mut columns = [T::zero(); SHORT * STRIP];
            for (x, out) in x.chunks(STRIP * n).zip(out.chunks_mut(STRIP)) {
                turn(x, n, &mut columns);
                finish(out, strip_sums(&columns, (0, STRIP), (n, out.len()), None));
            }
        } else if inner == 1 {
            each_row(x, n, &mut [T::zero(); PIECE], false, LogSumExp(out));
        } else {
            strips(loops, |o, i, w| {
                finish(&mut out[o * inner + i..][..w], strip_sums(x, (o * n * inner + i, inner), (n, w), None));
            });
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
        let (mut piece, kept) = ([T::zero(); PIECE], slopes.is_some());
        each_row(x, n, slopes.unwrap_or(&mut piece), kept, CrossEntropy { x, n, classes, out });
    }
}

/// Turns exponentials into the logarithm of softmax, from the logits in rows of length `n`.
struct LogSoftmax<'a, T> {
    x: &'a [T],
    n: usize,
}

impl<T: Float> Rows<T> for LogSoftmax<'_, T> {
    #[inline(always)]
    fn sums(&self, _row: usize, _at: usize, e: &mut [T]) -> [T; 2] {
        others_and_ones(e)
    }

    #[inline(always)]
    fn done(&mut self, first: usize, tops: &[T], sums: &[[T; 2]], e: &mut [T]) {
        let rows = e.chunks_exact_mut(self.n).zip(self.x[first * self.n..].chunks_exact(self.n));
        for ((out, x), (&top, log)) in rows.zip(tops.iter().zip(logs(sums))) {
            for (out, &x) in out.iter_mut().zip(x) {
                // x − top first: near 1e4 the sum top + ln(sum) would round the logarithm away.
                *out = shifted(x, top) - log;
            }
        }
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
    fn done(&mut self, _first: usize, _tops: &[T], sums: &[[T; 2]], e: &mut [T]) {
        for (e, &sums) in e.chunks_exact_mut(self.0).zip(sums) {
            let scale = reciprocal(sums);
            for e in e {
                *e = times(*e, scale);
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
        } else if are_short(loops) {
            let mut columns = [[T::zero(); SHORT * STRIP]; 2];
            let [x_columns, out_columns] = &mut columns;
            for (x, out) in x.chunks(STRIP * n).zip(out.chunks_mut(STRIP * n)) {
                turn(x, n, x_columns);
                softmax_strip(x_columns, (0, STRIP), (n, x.len() / n), log, out_columns);
                turn_back(out_columns, n, out);
            }
        } else if log {
            each_row(x, n, out, true, LogSoftmax { x, n });
        } else {
            each_row(x, n, out, true, Softmax(n));
        }
    }
}

/// Rows of at most this many values do not fill the lanes, and are processed as columns, many side by side. They are
/// summed in the same order.
const SHORT: usize = LANES - 1;

#[inline(always)]
fn are_short(Loops { outer, n, inner }: Loops) -> bool {
    inner == 1 && n <= SHORT && outer >= TOGETHER
}

/// Copies rows of length `n` into columns, [`STRIP`] apart.
#[inline(always)]
fn turn<T: Float>(rows: &[T], n: usize, columns: &mut [T]) {
    for (i, row) in rows.chunks_exact(n).take(STRIP).enumerate() {
        for (column, &x) in columns.chunks_exact_mut(STRIP).zip(row) {
            column[i] = x;
        }
    }
}

/// Copies such columns back into rows.
#[inline(always)]
fn turn_back<T: Float>(columns: &[T], n: usize, rows: &mut [T]) {
    for (i, row) in rows.chunks_exact_mut(n).take(STRIP).enumerate() {
        for (x, column) in row.iter_mut().zip(columns.chunks_exact(STRIP)) {
            *x = column[i];
        }
    }
}

/// The sums of [`others_and_ones`] down `w` columns of length `n` from `start`, with rows `step` apart, and the
/// largest values. The exponentials are left in `kept`, at their positions.
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
    let (mut room, one) = ([T::zero(); STRIP], T::one());
    let infinite = tops[..w].iter().any(|&top| is_infinite(top));
    let mut columns = ColumnSums::<T, BOTH>::of(n);
    while let Some(rows) = columns.block() {
        let (mut others, mut ones) = ([T::zero(); STRIP], [T::zero(); STRIP]);
        for at in rows.map(|j| start + j * step) {
            let e = match &mut kept {
                Some(kept) => &mut kept[at..at + w],
                None => &mut room[..w],
            };
            for ((e, &x), &top) in e.iter_mut().zip(&x[at..at + w]).zip(&tops) {
                *e = exp_below(below(x, top));
            }
            if infinite {
                for ((e, &x), &top) in e.iter_mut().zip(&x[at..at + w]).zip(&tops) {
                    *e = math::select(is_infinite(top), math::mask(x == top), *e);
                }
            }
            for ((others, ones), &e) in others.iter_mut().zip(&mut ones).zip(&*e) {
                *others = *others + math::select(e == one, T::zero(), e);
                *ones = *ones + math::mask(e == one);
            }
        }
        let mut both = [T::zero(); BOTH];
        both[..STRIP].copy_from_slice(&others);
        both[STRIP..].copy_from_slice(&ones);
        columns.add(both);
    }
    let (total, mut sums) = (columns.total(), [[T::zero(); 2]; STRIP]);
    for (sums, (&others, &ones)) in sums.iter_mut().zip(total[..STRIP].iter().zip(&total[STRIP..])) {
        *sums = [others, ones];
    }
    (tops, sums)
}

/// Two sums for each column of a strip.
const BOTH: usize = 2 * STRIP;

/// Softmax down such columns.
#[inline(always)]
fn softmax_strip<T: Float>(x: &[T], (start, step): (usize, usize), (n, w): (usize, usize), log: bool, out: &mut [T]) {
    let kept = if log { None } else { Some(&mut *out) };
    let (tops, sums) = strip_sums(x, (start, step), (n, w), kept);
    let mut scales = [[T::zero(); 2]; STRIP];
    for (scale, &sums) in scales.iter_mut().zip(&sums[..w]) {
        *scale = if log { [log_sum(sums), T::zero()] } else { reciprocal(sums) };
    }
    for at in (0..n).map(|j| start + j * step) {
        for (((out, &x), &top), &scale) in out[at..at + w].iter_mut().zip(&x[at..]).zip(&tops).zip(&scales) {
            *out = if log { shifted(x, top) - scale[0] } else { times(*out, scale) };
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
