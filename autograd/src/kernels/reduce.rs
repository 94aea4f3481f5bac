//! Reductions and scans over the middle of an array seen as `outer × n × inner` row-major values.

use super::isa::kernel;
use super::math;
use crate::number::Float;

/// The loops of a reduction: `x` is (outer, n, inner), the result (outer, inner).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Loops {
    pub(crate) outer: usize,
    pub(crate) n: usize,
    pub(crate) inner: usize,
}

/// A row is summed in so many partial sums, whatever the width of the processor's vectors: the same bits on all.
const LANES: usize = 16;

/// `join` over `map(x)` of a row, by lanes, which vectorises and loses less than one running value.
#[inline(always)]
fn row_fold<T: Float>(row: &[T], start: T, map: impl Fn(T) -> T, join: impl Fn(T, T) -> T) -> T {
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
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = join(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    join(lanes[0], rest)
}

/// `Σ map(x)` of a row.
#[inline(always)]
pub(super) fn row_sum<T: Float>(row: &[T], map: impl Fn(T) -> T) -> T {
    if row.len() <= BLOCK {
        return row_fold(row, T::zero(), map, |sum, x| sum + x);
    }
    let mut sum = PairwiseSum::default();
    for block in row.chunks(BLOCK) {
        sum.add(row_fold(block, T::zero(), &map, |sum, x| sum + x));
    }
    sum.total()
}

/// A long row is summed by blocks of so many, whose sums a [`PairwiseSum`] adds.
pub(super) const BLOCK: usize = 4096;

/// Adds in pairs, so that the error grows with the logarithm of the length.
pub(super) struct PairwiseSum<T> {
    /// `sums[l]` is the sum of 2ˡ terms, as a bit of a binary counter is worth 2ˡ.
    sums: [T; usize::BITS as usize],
    count: usize,
}

impl<T: Float> Default for PairwiseSum<T> {
    #[inline(always)]
    fn default() -> Self {
        PairwiseSum { sums: [T::zero(); usize::BITS as usize], count: 0 }
    }
}

impl<T: Float> PairwiseSum<T> {
    #[inline(always)]
    pub(super) fn add(&mut self, mut term: T) {
        let full = self.count.trailing_ones() as usize;
        for earlier in &self.sums[..full] {
            term = *earlier + term;
        }
        self.sums[full] = term;
        self.count += 1;
    }

    /// The counter's bits that are set, from the smallest.
    #[inline(always)]
    pub(super) fn total(self) -> T {
        let mut rest = self.count;
        if rest == 0 {
            return T::zero();
        }
        let mut sum = self.sums[rest.trailing_zeros() as usize];
        rest &= rest - 1;
        while rest > 0 {
            sum = self.sums[rest.trailing_zeros() as usize] + sum;
            rest &= rest - 1;
        }
        sum
    }
}

/// The largest value of a row; NaN if there is one.
#[inline(always)]
pub(super) fn row_max<T: Float>(row: &[T]) -> T {
    row_fold(row, T::from_f64(f64::NEG_INFINITY), |x| x, math::max)
}

/// So many columns, or values of short rows, are worked on at once.
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

kernel! {
    /// `out[o, i] = Σ_j x[o, j, i]`
    fn sum<'a, T>(x: &'a [T], loops: Loops, out: &'a mut [T]) for x.len(), {
        if loops.inner == 1 {
            for (o, out) in out.iter_mut().enumerate().take(loops.outer) {
                *out = row_sum(&x[o * loops.n..(o + 1) * loops.n], |x| x);
            }
        } else {
            column_sums(x, loops, out);
        }
    }
}

/// [`sum`] of rows that lie together: the sums of a whole strip of columns stay in registers.
#[inline(always)]
fn column_sums<T: Float>(x: &[T], Loops { outer, n, inner }: Loops, out: &mut [T]) {
    const COLUMNS: usize = 32;
    for o in 0..outer {
        let (x, out) = (&x[o * n * inner..], &mut out[o * inner..(o + 1) * inner]);
        let mut strips = out.chunks_exact_mut(COLUMNS);
        for (strip, start) in strips.by_ref().zip((0..).step_by(COLUMNS)) {
            let mut sums = [T::zero(); COLUMNS];
            for j in 0..n {
                for (sum, &x) in sums.iter_mut().zip(&x[j * inner + start..][..COLUMNS]) {
                    *sum = *sum + x;
                }
            }
            strip.copy_from_slice(&sums);
        }
        let rest = strips.into_remainder();
        let start = inner - rest.len();
        rest.fill(T::zero());
        for j in 0..n {
            for (out, &x) in rest.iter_mut().zip(&x[j * inner + start..]) {
                *out = *out + x;
            }
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
    /// The largest (or smallest) value; NaN if there is one.
    fn extreme<'a, T>(x: &'a [T], loops: Loops, largest: bool, out: &'a mut [T]) for x.len(), {
        if largest {
            fold_all(x, loops, T::from_f64(f64::NEG_INFINITY), out, math::max);
        } else {
            fold_all(x, loops, T::from_f64(f64::INFINITY), out, math::min);
        }
    }
}

/// [`fold`] from `start`, by lanes where rows lie together.
#[inline(always)]
fn fold_all<T: Float>(x: &[T], loops: Loops, start: T, out: &mut [T], f: impl Fn(T, T) -> T) {
    if loops.inner == 1 {
        for (o, out) in out.iter_mut().enumerate().take(loops.outer) {
            *out = row_fold(&x[o * loops.n..(o + 1) * loops.n], start, |x| x, &f);
        }
    } else {
        out.fill(start);
        fold(x, loops, out, f);
    }
}

/// The position of the first largest (or smallest) value along the middle axis; NaN counts as the extreme.
pub(crate) fn arg_extreme<T: Float>(x: &[T], Loops { outer, n, inner }: Loops, largest: bool) -> Vec<usize> {
    let beats = |a: T, b: T| if largest { a > b } else { a < b };
    let nan = |x: T| x.to_f64().is_nan();
    let at = |o: usize, j: usize, i: usize| x[(o * n + j) * inner + i];
    let best = |o: usize, i: usize| {
        (1..n).fold(0, |best, j| {
            let (new, old) = (at(o, j, i), at(o, best, i));
            if !nan(old) && (nan(new) || beats(new, old)) { j } else { best }
        })
    };
    (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))).map(|(o, i)| best(o, i)).collect()
}

kernel! {
    /// `out = [x = y] / (number of ties)`: the gradient of an extreme, shared equally among ties.
    fn tie_share<'a, T>(x: &'a [T], y: &'a [T], loops: Loops, out: &'a mut [T]) for x.len(), {
        let Loops { n, inner, .. } = loops;
        if inner == 1 {
            for ((x, out), &y) in x.chunks_exact(n.max(1)).zip(out.chunks_exact_mut(n.max(1))).zip(y) {
                let ties = row_sum(x, |x| math::mask(x == y));
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = math::mask::<T>(x == y) / ties;
                }
            }
            return;
        }
        strips(loops, |o, i, w| {
            let y = &y[o * inner + i..][..w];
            let mut ties = [T::zero(); STRIP];
            for j in 0..n {
                for ((ties, &x), &y) in ties.iter_mut().zip(&x[(o * n + j) * inner + i..][..w]).zip(y) {
                    *ties = *ties + math::mask(x == y);
                }
            }
            for j in 0..n {
                let at = (o * n + j) * inner + i;
                for (((out, &x), &y), &ties) in out[at..at + w].iter_mut().zip(&x[at..]).zip(y).zip(&ties) {
                    // Where all are NaN there is no tie, and no share.
                    *out = math::select(x == y, math::mask::<T>(x == y) / ties, T::zero());
                }
            }
        });
    }
}

kernel! {
    /// `out = √Σ x²`, scaled by the largest magnitude so that squares neither overflow nor vanish.
    fn norm<'a, T>(x: &'a [T], loops: Loops, out: &'a mut [T]) for x.len(), {
        let Loops { outer, n, inner } = loops;
        let zero = T::zero();
        let scaled = |top: T| top > zero && top < T::from_f64(f64::INFINITY);
        if inner == 1 {
            for (o, out) in out.iter_mut().enumerate().take(outer) {
                let row = &x[o * n..(o + 1) * n];
                let top = row_fold(row, zero, math::abs, math::max);
                let square = |x: T| (x / top) * (x / top);
                *out = if scaled(top) { top * math::sqrt(row_sum(row, square)) } else { top };
            }
            return;
        }
        out.fill(zero);
        fold(x, loops, out, |top, x| math::max(top, math::abs(x)));
        strips(loops, |o, i, w| {
            let out = &mut out[o * inner + i..][..w];
            let mut sums = [zero; STRIP];
            for j in 0..n {
                for ((sum, &x), &top) in sums.iter_mut().zip(&x[(o * n + j) * inner + i..][..w]).zip(&*out) {
                    *sum = *sum + (x / top) * (x / top);
                }
            }
            for (out, &sum) in out.iter_mut().zip(&sums) {
                *out = math::select(scaled(*out), *out * math::sqrt(sum), *out);
            }
        });
    }
}

/// Running sums along the middle axis, from the end if `reverse`.
pub(crate) fn cumulative_sum<T: Float>(x: &[T], Loops { outer, n, inner }: Loops, reverse: bool, out: &mut [T]) {
    for o in 0..outer {
        for i in 0..inner {
            let mut sum = T::zero();
            for j in 0..n {
                let at = (o * n + if reverse { n - 1 - j } else { j }) * inner + i;
                sum = sum + x[at];
                out[at] = sum;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_a_million_tenths_keep_their_digits() {
        let x = vec![0.1f32; 1_000_000];
        let mut out = [0.0];
        sum(&x, Loops { outer: 1, n: x.len(), inner: 1 }, &mut out);
        assert!((out[0] - 100_000.0).abs() < 1.0, "{}", out[0]);
    }

    #[test]
    fn both_loop_orders_agree() {
        let x: Vec<f64> = (0..24).map(|i| (i as f64).sin()).collect();
        let loops = Loops { outer: 2, n: 3, inner: 4 };
        let mut fast = [0.0; 8];
        sum(&x, loops, &mut fast);
        for o in 0..2 {
            for i in 0..4 {
                let slow: f64 = (0..3).map(|j| x[(o * 3 + j) * 4 + i]).sum();
                assert!((fast[o * 4 + i] - slow).abs() < 1e-15);
            }
        }
    }
}
