//! Exponentials of rows and columns below their largest values, and their sums: what softmax and its kin are made of.

use super::quotient::{below, exp_below, exponentials_below_infinity, is_infinite, reciprocal, times};
use super::reduce::{Loops, STRIP, row_max};
use super::sums::{ColumnSums, LANES, PairwiseSum, folded, row_sum};
use crate::math;
use crate::number::Float;

/// The number of exponentials that are computed and summed at once, of rows of a thousand and more; of shorter rows
/// that are processed together; and the largest number of these rows.
const PIECE: usize = 1024;
const SHARED: usize = 256;
const TOGETHER: usize = 32;

/// The sum of exponentials other than 1, of which the largest is 1, and the number of ones.
#[inline(always)]
pub(super) fn others_and_ones<T: Float>(e: &[T]) -> [T; 2] {
    let one = T::one();
    [row_sum(e, |e| math::select(e == one, T::zero(), e)), row_sum(e, |e| math::mask(e == one))]
}

/// The logarithm of a sum of exponentials, one of which, `own`, may be 1; precision is lost only where the others are
/// not small.
#[inline(always)]
pub(super) fn log_sum<T: Float>([others, own]: [T; 2]) -> T {
    math::ln_1p(others + (own - T::one()))
}

/// Further processing of rows of exponentials. A trait, because closures would not be inlined where they are called
/// twice.
pub(super) trait Rows<T> {
    /// Two sums of a row, or of its piece that begins at `at`.
    fn sums(&self, row: usize, at: usize, e: &mut [T]) -> [T; 2];

    /// The exponentials of a long row, or of its piece that begins at `at`, below its largest value `top`, and their two
    /// sums.
    #[inline(always)]
    fn long(&self, row: usize, at: usize, x: &[T], top: T, e: &mut [T]) -> [T; 2]
    where
        T: Float,
    {
        exponentials(x, x.len(), &[top], e);
        self.sums(row, at, e)
    }

    /// Receives the sums of whole rows from `first` on, with their largest values, and their exponentials if those
    /// are kept.
    fn done(&mut self, first: usize, tops: &[T], sums: &[[T; 2]], e: &mut [T]);
}

/// Computes `exp(x − top)` of each row, `top` being its largest value. All of them are left in `kept`, if it is
/// given.
///
/// Short rows are processed many at once, so that exponentials fill the vectors whatever the rows' length.
#[inline(always)]
pub(super) fn each_row<T: Float>(x: &[T], n: usize, kept: Option<&mut [T]>, mut rows: impl Rows<T>) {
    let mut piece; // written only where it is needed: four kilobytes take longer than a few short rows
    let (room, kept) = match kept {
        Some(room) => (room, true),
        None => {
            piece = [T::zero(); PIECE];
            (&mut piece[..], false)
        }
    };
    if n > SHARED {
        for (x, row) in x.chunks_exact(n).zip(0..) {
            let top = row_max(x);
            let room = if kept { &mut room[row * n..][..n] } else { &mut *room };
            let mut pieces: PairwiseSum<T, 2> = PairwiseSum::default();
            for (x, at) in x.chunks(PIECE).zip((0..).step_by(PIECE)) {
                let e = &mut room[if kept { at } else { 0 }..][..x.len()];
                pieces.add(rows.long(row, at, x, top, e));
            }
            rows.done(row, &[top], &[pieces.total()], if kept { room } else { &mut [] });
        }
        return;
    }
    let (mut tops, mut sums) = ([T::zero(); TOGETHER], [[T::zero(); 2]; TOGETHER]);
    let together = (SHARED / n).clamp(1, TOGETHER);
    for (x, first) in x.chunks(together * n).zip((0..).step_by(together)) {
        let count = x.len() / n;
        for (row, top) in x.chunks_exact(n).zip(&mut tops) {
            *top = row_max(row);
        }
        let e = &mut room[if kept { first * n } else { 0 }..][..x.len()];
        exponentials(x, n, &tops, e);
        for (row, (e, sums)) in e.chunks_mut(n).zip(&mut sums).enumerate() {
            *sums = rows.sums(first + row, 0, e);
        }
        rows.done(first, &tops[..count], &sums[..count], if kept { e } else { &mut [] });
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

/// The exponentials of a row or its piece, summed as they are computed: [`others_and_ones`], in the same order.
#[inline(always)]
pub(super) fn exponentials_with_sums<T: Float>(x: &[T], top: T, e: &mut [T]) -> [T; 2] {
    if is_infinite(top) {
        exponentials_below_infinity(x, top, e);
        return others_and_ones(e);
    }
    let one = T::one();
    let (mut others, mut ones) = ([T::zero(); LANES], [T::zero(); LANES]);
    let ((x, x_rest), (e, e_rest)) = (x.as_chunks::<LANES>(), e.as_chunks_mut::<LANES>());
    for (x, e) in x.iter().zip(e) {
        for (i, e) in e.iter_mut().enumerate() {
            *e = exp_below(below(x[i], top));
            others[i] = others[i] + math::select(*e == one, T::zero(), *e);
            ones[i] = ones[i] + math::mask(*e == one);
        }
    }
    // The last ones as a whole chunk too.
    let mut last = [top; LANES];
    last[..x_rest.len()].copy_from_slice(x_rest);
    for x in &mut last {
        *x = exp_below(below(*x, top));
    }
    e_rest.copy_from_slice(&last[..x_rest.len()]);
    let [rest, rest_ones] = others_and_ones(e_rest);
    [folded(others, |a, b| a + b) + rest, folded(ones, |a, b| a + b) + rest_ones]
}

/// [`log_sum`] of each row.
#[inline(always)]
pub(super) fn logs<T: Float>(sums: &[[T; 2]]) -> [T; TOGETHER] {
    let mut logs = [T::zero(); TOGETHER];
    for (log, &sums) in logs.iter_mut().zip(sums) {
        *log = log_sum(sums);
    }
    logs
}

/// Divides exponentials of rows of length `n` by the rows' sums.
#[inline(always)]
pub(super) fn quotients<T: Float>(e: &mut [T], n: usize, sums: &[[T; 2]]) {
    for (e, &sums) in e.chunks_exact_mut(n).zip(sums) {
        let scale = reciprocal(sums);
        for e in e {
            *e = times(*e, scale);
        }
    }
}

/// Divides exponentials down `w` columns of length `n` from `start`, with rows `step` apart, by the columns' sums.
#[inline(always)]
pub(super) fn strip_quotients<T: Float>(
    e: &mut [T],
    (start, step): (usize, usize),
    (n, w): (usize, usize),
    sums: &[[T; 2]; STRIP],
) {
    let mut scales = [[T::zero(); 2]; STRIP];
    for (scale, &sums) in scales.iter_mut().zip(&sums[..w]) {
        *scale = reciprocal(sums);
    }
    for at in (0..n).map(|j| start + j * step) {
        for (e, &scale) in e[at..at + w].iter_mut().zip(&scales) {
            *e = times(*e, scale);
        }
    }
}

/// Rows of at most this many values do not fill the lanes, and are processed as columns, many side by side. They are
/// summed in the same order.
pub(super) const SHORT: usize = LANES - 1;

#[inline(always)]
pub(super) fn are_short(Loops { outer, n, inner }: Loops) -> bool {
    inner == 1 && n <= SHORT && outer >= TOGETHER
}

/// Copies rows of length `n` into columns, [`STRIP`] apart.
#[inline(always)]
pub(super) fn turn<T: Float>(rows: &[T], n: usize, columns: &mut [T]) {
    for (i, row) in rows.chunks_exact(n).take(STRIP).enumerate() {
        for (column, &x) in columns.chunks_exact_mut(STRIP).zip(row) {
            column[i] = x;
        }
    }
}

/// Copies such columns back into rows.
#[inline(always)]
pub(super) fn turn_back<T: Float>(columns: &[T], n: usize, rows: &mut [T]) {
    for (i, row) in rows.chunks_exact_mut(n).take(STRIP).enumerate() {
        for (x, column) in row.iter_mut().zip(columns.chunks_exact(STRIP)) {
            *x = column[i];
        }
    }
}

/// The sums of [`others_and_ones`] down `w` columns of length `n` from `start`, with rows `step` apart, and the
/// largest values. The exponentials are left in `kept`, at their positions.
#[inline(always)]
pub(super) fn strip_sums<T: Float>(
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
