//! Sums of rows and columns: by blocks, whose sums are added in pairs.
//!
//! In a single running value, a sum of many `f32` stops growing: 2²⁴ + 1 is 2²⁴. The error of pairwise sums grows
//! with the logarithm of the length. The order is the same for every vector width, and so are the bits.

use std::hint::black_box;
use std::ops::Range;

use smallvec::SmallVec;

use super::isa::{FEW, kernel};
use super::reduce::Loops;
use crate::number::Float;

/// The number of partial sums of a row, whatever the vector width of the processor.
pub(super) const LANES: usize = 16;

/// The block length of a long row; a [`PairwiseSum`] adds the sums of the blocks.
pub(super) const BLOCK: usize = 4096;

/// The block length of a long column: as many terms are added to one number as in a lane of a row.
pub(super) const ROWS: usize = BLOCK / LANES;

/// `join` over `map(x)` of a row, by lanes, which vectorises and has less round-off than one running value.
#[inline(always)]
pub(super) fn row_fold<T: Float>(row: &[T], start: T, map: impl Fn(T) -> T, join: impl Fn(T, T) -> T) -> T {
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder().iter().fold(start, |sum, &x| join(sum, map(x)));
    if row.len() < LANES {
        return rest;
    }
    let mut lanes = [start; LANES];
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = join(*lane, map(x));
        }
    }
    join(folded(lanes, &join), rest)
}

/// `join` over lanes, of which there is a power of two, by halves.
#[inline(always)]
pub(super) fn folded<T: Float, const W: usize>(lanes: [T; W], join: impl Fn(T, T) -> T) -> T {
    // Through memory: otherwise the compiler starts from the end, where two lanes are left, and vectorises the whole
    // loop by two.
    let mut lanes = black_box(lanes);
    let mut width = W / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = join(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// [`row_fold`] for a `join` that chooses one of two numbers, so that the order matters for nothing but the sign of a 0: with four times as many
/// lanes, since a choice takes longer than a sum, and each lane waits for its last one.
#[inline(always)]
pub(super) fn row_choice<T: Float>(row: &[T], start: T, map: impl Fn(T) -> T, join: impl Fn(T, T) -> T) -> T {
    let (chunks, rest) = row.as_chunks::<{ 4 * LANES }>();
    let rest = row_fold(rest, start, &map, &join);
    if chunks.is_empty() {
        return rest;
    }
    // Four arrays: one of four times the length stays in memory.
    let (mut a, mut b, mut c, mut d) = ([start; LANES], [start; LANES], [start; LANES], [start; LANES]);
    for chunk in chunks {
        for (i, lane) in a.iter_mut().enumerate() {
            *lane = join(map(chunk[i]), *lane); // in this order the test whether x is NaN waits for nothing
        }
        for (i, lane) in b.iter_mut().enumerate() {
            *lane = join(map(chunk[LANES + i]), *lane);
        }
        for (i, lane) in c.iter_mut().enumerate() {
            *lane = join(map(chunk[2 * LANES + i]), *lane);
        }
        for (i, lane) in d.iter_mut().enumerate() {
            *lane = join(map(chunk[3 * LANES + i]), *lane);
        }
    }
    for (i, lane) in a.iter_mut().enumerate() {
        *lane = join(join(*lane, b[i]), join(c[i], d[i]));
    }
    join(folded(a, &join), rest)
}

/// `Σ map(x)` of a row.
#[inline(always)]
pub(super) fn row_sum<T: Float>(row: &[T], map: impl Fn(T) -> T) -> T {
    if row.len() <= BLOCK {
        return row_fold(row, T::zero(), map, |sum, x| sum + x);
    }
    let mut sum = PairwiseSum::default();
    for block in row.chunks(BLOCK) {
        sum.add([row_fold(block, T::zero(), &map, |sum, x| sum + x)]);
    }
    let [total] = sum.total();
    total
}

/// `W` sums at once, each added in pairs.
pub(super) struct PairwiseSum<T, const W: usize = 1> {
    /// `sums[l]` are sums of 2ˡ terms, as a bit of a binary counter stands for 2ˡ.
    sums: SmallVec<[[T; W]; 24]>,
    count: usize,
}

impl<T: Float, const W: usize> Default for PairwiseSum<T, W> {
    #[inline(always)]
    fn default() -> Self {
        PairwiseSum { sums: SmallVec::new(), count: 0 }
    }
}

impl<T: Float, const W: usize> PairwiseSum<T, W> {
    #[inline(always)]
    pub(super) fn add(&mut self, mut terms: [T; W]) {
        let full = self.count.trailing_ones() as usize;
        for earlier in &self.sums[..full] {
            for (term, &earlier) in terms.iter_mut().zip(earlier) {
                *term = earlier + *term;
            }
        }
        match self.sums.get_mut(full) {
            Some(sums) => *sums = terms,
            None => self.sums.push(terms),
        }
        self.count += 1;
    }

    /// Adds up the sums of the counter's set bits, from the smallest.
    #[inline(always)]
    pub(super) fn total(&self) -> [T; W] {
        let mut rest = self.count;
        if rest == 0 {
            return [T::zero(); W];
        }
        let mut total = self.sums[rest.trailing_zeros() as usize];
        rest &= rest - 1;
        while rest > 0 {
            for (total, &sum) in total.iter_mut().zip(&self.sums[rest.trailing_zeros() as usize]) {
                *total = sum + *total;
            }
            rest &= rest - 1;
        }
        total
    }
}

/// `W` sums down columns, one block of rows after the other: the caller requests a block and then adds its sums.
///
/// It is no function of a closure, because a large closure would not be inlined into each kernel, and would be
/// compiled for the baseline.
pub(super) struct ColumnSums<T, const W: usize> {
    rows: Range<usize>,
    blocks: PairwiseSum<T, W>,
}

impl<T: Float, const W: usize> ColumnSums<T, W> {
    /// For columns of length `n`.
    #[inline(always)]
    pub(super) fn of(n: usize) -> Self {
        ColumnSums { rows: 0..n, blocks: PairwiseSum::default() }
    }

    /// The rows whose sums are to be added next.
    #[inline(always)]
    pub(super) fn block(&mut self) -> Option<Range<usize>> {
        let Range { start, end } = self.rows;
        let next = end.min(start + ROWS);
        self.rows.start = next;
        (start < end).then_some(start..next)
    }

    #[inline(always)]
    pub(super) fn add(&mut self, sums: [T; W]) {
        self.blocks.add(sums);
    }

    #[inline(always)]
    pub(super) fn total(&self) -> [T; W] {
        self.blocks.total()
    }
}

/// `out[o, i] = Σ_j x[o, j, i] / over`
#[inline(always)]
pub(crate) fn sum<T: Float>(x: &[T], loops: Loops, over: f64, out: &mut [T]) {
    if x.len() >= FEW || !sum_few(x, loops, over, out) {
        sum_many(x, loops, over, out);
    }
}

/// The same for few values, one by one, in the same order; false if a sum overflowed.
#[inline(always)]
fn sum_few<T: Float>(x: &[T], Loops { n, inner, .. }: Loops, over: f64, out: &mut [T]) -> bool {
    let over = T::from_f64(over);
    let mut finite = true;
    for (place, out) in out.iter_mut().enumerate() {
        let (mut sum, mut at) =
            (T::zero(), if inner == 1 { place * n } else { place / inner * n * inner + place % inner });
        for _ in 0..n {
            sum = sum + x[at];
            at += inner;
        }
        finite &= sum.is_finite();
        *out = if over == T::one() { sum } else { sum / over };
    }
    finite
}

kernel! {
    /// [`sum`] by vectors.
    fn sum_many<'a, T>(x: &'a [T], loops: Loops, over: f64, out: &'a mut [T]) for x.len(), {
        let Loops { outer, n, inner } = loops;
        if inner == 1 {
            for (o, out) in out.iter_mut().enumerate().take(outer) {
                *out = row_sum(&x[o * n..(o + 1) * n], |x| x);
            }
        } else {
            for o in 0..outer {
                sums_down(&x[o * n * inner..(o + 1) * n * inner], inner, &mut out[o * inner..(o + 1) * inner]);
            }
        }
        finish(x, loops, over, out);
    }
}

/// The sums of all columns of a matrix; those of a whole strip stay in registers.
#[inline(always)]
fn sums_down<T: Float>(x: &[T], inner: usize, out: &mut [T]) {
    const COLUMNS: usize = 32;
    if inner == 0 {
        return;
    }
    let n = x.len() / inner;
    let mut strips = out.chunks_exact_mut(COLUMNS);
    for (strip, start) in strips.by_ref().zip((0..).step_by(COLUMNS)) {
        let mut columns = ColumnSums::<T, COLUMNS>::of(n);
        while let Some(rows) = columns.block() {
            let mut sums = [T::zero(); COLUMNS];
            for row in x[rows.start * inner..rows.end * inner].chunks_exact(inner) {
                for (sum, &x) in sums.iter_mut().zip(&row[start..start + COLUMNS]) {
                    *sum = *sum + x;
                }
            }
            columns.add(sums);
        }
        strip.copy_from_slice(&columns.total());
    }
    let rest = strips.into_remainder();
    let (start, width) = (inner - rest.len(), rest.len());
    let mut columns = ColumnSums::<T, COLUMNS>::of(n);
    while let Some(rows) = columns.block() {
        let mut sums = [T::zero(); COLUMNS];
        for row in x[rows.start * inner..rows.end * inner].chunks_exact(inner) {
            for (sum, &x) in sums.iter_mut().zip(&row[start..]) {
                *sum = *sum + x;
            }
        }
        columns.add(sums);
    }
    rest.copy_from_slice(&columns.total()[..width]);
}

/// Turns sums into means; [`far_mean`] recomputes those that overflowed.
#[inline(always)]
fn finish<T: Float>(x: &[T], Loops { n, inner, .. }: Loops, over: f64, out: &mut [T]) {
    // 0, or NaN if any of them is infinite or NaN.
    let far = row_fold(out, T::zero(), |sum| sum * T::zero(), |a, b| a + b) != T::zero();
    if over != 1.0 {
        let over = T::from_f64(over);
        for out in out.iter_mut() {
            *out = *out / over;
        }
    }
    if far {
        for (place, out) in out.iter_mut().enumerate().filter(|(_, sum)| !sum.is_finite()) {
            let (o, i) = (place / inner, place % inner);
            *out = far_mean(n, |j| x[(o * n + j) * inner + i], over);
        }
    }
}

/// `Σ_j x_j` of one column, where speed does not matter.
pub(super) fn column_sum<T: Float>(n: usize, x: impl Fn(usize) -> T) -> T {
    let mut columns = ColumnSums::of(n);
    while let Some(rows) = columns.block() {
        columns.add([rows.fold(T::zero(), |sum, j| sum + x(j))]);
    }
    let [sum] = columns.total();
    sum
}

/// `Σ_j x_j / over` where the intermediate sum overflows, though the result may be in range.
#[cold]
#[inline(never)]
pub(super) fn far_mean<T: Float>(n: usize, x: impl Fn(usize) -> T, over: f64) -> T {
    // A power of two, so that scaling is exact: with it the terms add up to less than the largest number.
    let scale = T::exp2_integer(T::from_f64(-f64::from(n.max(1).next_power_of_two().ilog2())));
    column_sum(n, |j| x(j) * scale) / (T::from_f64(over) * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum_of<T: Float>(x: &[T], loops: Loops, over: f64) -> Vec<T> {
        let mut out = vec![T::zero(); loops.outer * loops.inner];
        sum(x, loops, over, &mut out);
        out
    }

    /// A tenth is rounded in `f32`: a running sum of two million is off in the third digit.
    #[test]
    fn many_tenths_keep_their_digits_along_every_axis() {
        let n = 1 << 21;
        let exact = f64::from(0.1f32) * n as f64;
        for (outer, inner) in [(1, 1), (1, 2), (2, 1), (1, 33), (2, 3)] {
            let x = vec![0.1f32; outer * n * inner];
            for sum in sum_of(&x, Loops { outer, n, inner }, 1.0) {
                assert!((f64::from(sum) / exact - 1.0).abs() < 1e-5, "{outer} × {n} × {inner}: {sum}");
            }
        }
    }

    #[test]
    fn a_count_does_not_stand_still() {
        let x = vec![1f32; 40_000_000];
        for loops in [Loops { outer: 1, n: 20_000_000, inner: 2 }, Loops { outer: 2, n: 20_000_000, inner: 1 }] {
            assert_eq!(sum_of(&x, loops, 20_000_000.0), [1.0, 1.0]);
        }
    }

    #[test]
    fn all_loop_orders_agree() {
        for (outer, n, inner) in [(2, 3, 4), (1, 300, 70), (3, 257, 1), (2, 1030, 5)] {
            let x: Vec<f64> = (0..outer * n * inner).map(|i| (i as f64).sin()).collect();
            let fast = sum_of(&x, Loops { outer, n, inner }, 2.0);
            for o in 0..outer {
                for i in 0..inner {
                    let slow: f64 = (0..n).map(|j| x[(o * n + j) * inner + i]).sum::<f64>() / 2.0;
                    assert!((fast[o * inner + i] - slow).abs() < 1e-13, "{outer} × {n} × {inner}");
                }
            }
        }
    }

    #[test]
    fn what_overflows_on_its_way_arrives() {
        let (max, inf) = (f64::MAX, f64::INFINITY);
        for inner in [1, 3] {
            let mean = |x: [f64; 4], over: f64| {
                let x: Vec<f64> = x.iter().flat_map(|&x| std::iter::repeat_n(x, inner)).collect();
                let found = sum_of(&x, Loops { outer: 1, n: 4, inner }, over);
                assert!(found.iter().all(|y| y.to_bits() == found[0].to_bits()));
                found[0]
            };
            assert_eq!(mean([max, max, max, max], 4.0), max);
            assert_eq!(mean([max, max, -max, -max / 2.0], 1.0), max / 2.0);
            assert_eq!(mean([max, max, 1.0, 1.0], 1.0), inf);
            assert_eq!(mean([inf, 1.0, 1.0, -max], 4.0), inf);
            assert!(mean([inf, 1.0, 1.0, -inf], 4.0).is_nan());
        }
    }
}
