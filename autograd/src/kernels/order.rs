//! Order along the middle axis of `outer × n × inner` row-major values: positions by rank, and running extremes.
//!
//! A value becomes an integer that compares as it does, with its position in the bits below. Comparisons are then
//! those of integers, and an unstable sort is stable, because equal values differ in their positions. −0 equals 0, and
//! NaN comes last in either direction.

use super::reduce::Loops;
use crate::math;
use crate::number::Float;
use crate::number::instances::is_f32;

/// A key and a position in one integer.
trait Ranked: Copy + Ord {
    fn new(key: u64, position: usize) -> Self;
    fn position(self) -> usize;
}

/// For keys and positions of 32 bits.
impl Ranked for u64 {
    #[inline(always)]
    fn new(key: u64, position: usize) -> u64 {
        key << 32 | position as u64
    }
    #[inline(always)]
    fn position(self) -> usize {
        (self & u64::from(u32::MAX)) as usize
    }
}

impl Ranked for u128 {
    #[inline(always)]
    fn new(key: u64, position: usize) -> u128 {
        u128::from(key) << 64 | position as u128
    }
    #[inline(always)]
    fn position(self) -> usize {
        self as usize
    }
}

/// An integer that compares as the value does: of 32 bits for an `f32`, of 64 for an `f64`.
///
/// Bits of floating-point numbers compare as their magnitudes; so those of negative ones are inverted, and the others
/// put above them.
#[inline(always)]
#[allow(clippy::eq_op)] // x ≠ x is the test for NaN
fn key<T: Float>(x: T, descending: bool) -> u64 {
    let positive = (x + T::zero()).to_f64(); // −0 + 0 is 0
    let (key, last) = if is_f32::<T>() {
        let bits = (positive as f32).to_bits();
        let key = bits ^ ((bits as i32 >> 31) as u32 | 1 << 31);
        (u64::from(if descending { !key } else { key }), u64::from(u32::MAX))
    } else {
        let bits = positive.to_bits();
        let key = bits ^ ((bits as i64 >> 63) as u64 | 1 << 63);
        (if descending { !key } else { key }, u64::MAX)
    };
    if x != x { last } else { key }
}

/// Fills `out`, of (outer, ranks, inner), with the positions along the axis of the values of these ranks.
///
/// Ranks count from 0 in the sorted row, and increase. If `nan_first`, a row with a NaN has its first one at each rank.
pub(crate) fn ranked<T: Float>(
    x: &[T],
    loops: Loops,
    ranks: &[usize],
    descending: bool,
    nan_first: bool,
    out: &mut [usize],
) {
    if is_f32::<T>() && loops.n <= u32::MAX as usize {
        ranked_by::<T, u64>(x, loops, ranks, descending, nan_first, out);
    } else {
        ranked_by::<T, u128>(x, loops, ranks, descending, nan_first, out);
    }
}

#[allow(clippy::eq_op)] // x ≠ x is the test for NaN
fn ranked_by<T: Float, K: Ranked>(
    x: &[T],
    Loops { outer, n, inner }: Loops,
    ranks: &[usize],
    descending: bool,
    nan_first: bool,
    out: &mut [usize],
) {
    let mut keys: Vec<K> = Vec::with_capacity(n);
    for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
        let row = || x[o * n * inner + i..].iter().step_by(inner).take(n);
        let out = out[o * ranks.len() * inner + i..].iter_mut().step_by(inner);
        if nan_first && let Some(nan) = row().position(|x| x != x) {
            out.take(ranks.len()).for_each(|out| *out = nan);
            continue;
        }
        keys.clear();
        if inner == 1 {
            keys.extend(x[o * n..][..n].iter().enumerate().map(|(j, &x)| K::new(key(x, descending), j)));
        } else {
            keys.extend(row().enumerate().map(|(j, &x)| K::new(key(x, descending), j)));
        }
        place(&mut keys, ranks, 0);
        out.zip(ranks).for_each(|(out, &rank)| *out = keys[rank].position());
    }
}

/// Moves the keys so that those of the given ranks stand where a sort would put them; the first key has rank `from`.
///
/// It takes time proportional to the keys and the logarithm of the number of ranks, as each cut halves one of them.
fn place<K: Ord>(keys: &mut [K], ranks: &[usize], from: usize) {
    let Some(&last) = ranks.last() else { return };
    if keys.len() <= 2 * ranks.len() {
        return keys.sort_unstable();
    }
    // The first ranks are cut off all at once, and then sorted.
    let cut = if last - from < keys.len() / 2 { ranks.len() - 1 } else { ranks.len() / 2 };
    let (left, _, right) = keys.select_nth_unstable(ranks[cut] - from);
    place(left, &ranks[..cut], from);
    place(right, &ranks[cut + 1..], ranks[cut] + 1);
}

/// `out[o, j, i]` is the position of the first largest (or smallest) value of `x[o, 0..=j, i]`; NaN counts as the
/// extreme.
pub(crate) fn running_extreme<T: Float>(x: &[T], loops: Loops, largest: bool, out: &mut [usize]) {
    if largest {
        running(x, loops, |a, b| a <= b, out);
    } else {
        running(x, loops, |a, b| a >= b, out);
    }
}

/// `within(a, b)` says that `a` does not go beyond `b`.
#[inline(always)]
#[allow(clippy::eq_op)] // x = x is false for NaN
fn running<T: Float>(x: &[T], Loops { outer, n, inner }: Loops, within: impl Fn(T, T) -> bool, out: &mut [usize]) {
    for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
        let start = o * n * inner + i;
        let (mut best, mut position) = (x[start], 0);
        let row = x[start..].iter().step_by(inner).zip(out[start..].iter_mut().step_by(inner));
        for (j, (&x, out)) in row.take(n).enumerate() {
            if (best == best) & !within(x, best) {
                (best, position) = (x, j);
            }
            *out = position;
        }
    }
}

/// The number of values of the vector `sorted` that are less than each of `x`; or, if `right`, less or equal.
#[allow(clippy::eq_op)] // x ≠ x is the test for NaN
pub(crate) fn search<T: Float>(sorted: &[T], x: &[T], right: bool, out: &mut [usize]) {
    for (out, &x) in out.iter_mut().zip(x) {
        // NaN is above all numbers, and equal to itself.
        *out = match (x != x, right) {
            (false, false) => sorted.partition_point(|&s| s < x),
            (false, true) => sorted.partition_point(|&s| s <= x),
            (true, false) => sorted.partition_point(|&s| s == s),
            (true, true) => sorted.len(),
        };
    }
}

/// The largest (or smallest) of what is in `out` and the values that come to each position; NaN if any is NaN.
pub(crate) fn scatter_extreme<T: Float>(x: &[T], positions: &[usize], largest: bool, out: &mut [T]) {
    for (&x, &position) in x.iter().zip(positions) {
        let out = &mut out[position];
        *out = if largest { math::max(*out, x) } else { math::min(*out, x) };
    }
}

/// `out[o, k, i] = a + (b − a)·weights[k]`, rows of `inner` values.
pub(crate) fn interpolate<T: Float>(a: &[T], b: &[T], weights: &[f64], inner: usize, out: &mut [T]) {
    let rows = a.chunks_exact(inner).zip(b.chunks_exact(inner)).zip(out.chunks_exact_mut(inner));
    for (((a, b), out), &weight) in rows.zip(weights.iter().cycle()) {
        for ((&a, &b), out) in a.iter().zip(b).zip(out) {
            *out = between(a, b, weight);
        }
    }
}

/// From the nearer end, so that the result lies within, and grows with the weight. The difference of the ends may be
/// infinite where the result is not.
fn between<T: Float>(a: T, b: T, weight: f64) -> T {
    let (w, rest, difference) = (T::from_f64(weight), T::from_f64(1.0 - weight), b - a);
    if weight == 0.0 || a == b {
        a
    } else if !difference.is_finite() {
        a * rest + b * w
    } else if weight < 0.5 {
        a + difference * w
    } else {
        b - difference * rest
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    /// Few different values, infinities, zeros of both signs, and NaN of both.
    fn values(count: usize, different: usize) -> Vec<f64> {
        let value = |i: usize| match (i * 7_919 + i / 13) % different {
            0 => f64::NEG_INFINITY,
            1 => -0.0,
            2 => 0.0,
            3 => f64::NAN,
            4 => -f64::NAN,
            5 => f64::INFINITY,
            v => (v as f64 * 1.7).sin() * 1e3,
        };
        (0..count).map(value).collect()
    }

    /// The definition: a stable sort by comparison, with NaN behind everything.
    fn by_definition<T: Float>(row: &[T], descending: bool) -> Vec<usize> {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|&i, &j| {
            let (a, b) = (row[i].to_f64(), row[j].to_f64());
            let numbers = if descending { b.partial_cmp(&a) } else { a.partial_cmp(&b) };
            numbers.unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
        });
        order
    }

    fn same_as_definition<T: Float>(x: &[T], Loops { outer, n, inner }: Loops, ranks: &[usize]) {
        for descending in [false, true] {
            let mut out = vec![usize::MAX; outer * ranks.len() * inner];
            ranked(x, Loops { outer, n, inner }, ranks, descending, false, &mut out);
            for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
                let row: Vec<T> = (0..n).map(|j| x[(o * n + j) * inner + i]).collect();
                let order = by_definition(&row, descending);
                let found: Vec<usize> = (0..ranks.len()).map(|r| out[(o * ranks.len() + r) * inner + i]).collect();
                let expected: Vec<usize> = ranks.iter().map(|&rank| order[rank]).collect();
                assert_eq!(found, expected, "{outer} × {n} × {inner}, descending {descending}, ranks {ranks:?}");
            }
        }
    }

    #[test]
    fn every_rank_is_that_of_a_stable_sort() {
        for (outer, n, inner) in [(1, 1, 1), (3, 40, 1), (1, 1000, 1), (2, 33, 5), (1, 257, 2)] {
            for different in [7, 60, 1_000_003] {
                let x = values(outer * n * inner, different);
                let single: Vec<f32> = x.iter().map(|&x| x as f32).collect();
                let loops = Loops { outer, n, inner };
                let all: Vec<usize> = (0..n).collect();
                let (first, last, ends) = (&all[..n.min(5)], &all[n - 1..], [0, n - 1]);
                let spread: Vec<usize> = (0..n).step_by(n / 9 + 1).collect();
                let middle = &all[n / 2..(n / 2 + 2).min(n)];
                for ranks in [&all[..], first, last, &spread, middle, &ends[..n.min(2)]] {
                    same_as_definition(&x, loops, ranks);
                    same_as_definition(&single, loops, ranks);
                }
            }
        }
    }

    /// A key with as many comparisons as were made of it.
    #[derive(Clone, Copy, PartialEq, Eq)]
    struct Counted(u64);
    thread_local! {
        static COMPARED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }
    impl PartialOrd for Counted {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Counted {
        fn cmp(&self, other: &Self) -> Ordering {
            COMPARED.set(COMPARED.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    /// A few ranks take a few passes, and not the log₂ n = 17 of a sort.
    #[test]
    fn ranks_are_selected_not_sorted() {
        let n = 1 << 17;
        let keys: Vec<Counted> = (0..n as u64).map(|i| Counted(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        let (first, middle) = ((0..100).collect::<Vec<usize>>(), vec![n / 2 - 1, n / 2]);
        for (ranks, passes) in [(first, 5), (middle, 6), (vec![n / 20, n / 2, n - 2], 12)] {
            COMPARED.set(0);
            place(&mut keys.clone(), &ranks, 0);
            assert!(COMPARED.get() < passes * n, "{} comparisons of {n} keys", COMPARED.get());
        }
    }

    #[test]
    fn running_extremes_keep_the_first_and_stay_at_nan() {
        for (outer, n, inner) in [(1, 1, 1), (2, 50, 1), (2, 50, 3)] {
            for different in [7, 60] {
                let x = values(outer * n * inner, different);
                for (largest, sign) in [(true, 1.0), (false, -1.0)] {
                    let mut out = vec![usize::MAX; x.len()];
                    running_extreme(&x, Loops { outer, n, inner }, largest, &mut out);
                    for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
                        let at = |j: usize| sign * x[(o * n + j) * inner + i];
                        let mut best = 0;
                        for j in 0..n {
                            if !at(best).is_nan() && (at(j).is_nan() || at(j) > at(best)) {
                                best = j;
                            }
                            assert_eq!(out[(o * n + j) * inner + i], best, "{outer} × {n} × {inner}, {largest}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_lies_between_stays_between() {
        let (max, inf) = (f64::MAX, f64::INFINITY);
        assert_eq!(between(0.1, 0.1, 0.3), 0.1);
        assert_eq!(between(-max, max, 0.5), 0.0);
        assert!((between(-max, max, 0.25) / max + 0.5).abs() < 1e-15);
        assert_eq!(between(1.0, inf, 0.5), inf);
        assert_eq!(between(1.0, inf, 0.0), 1.0);
        assert_eq!(between(inf, inf, 0.5), inf);
        assert!(between(-inf, inf, 0.5).is_nan());
        let mut before = 0.1;
        for k in 0..=1000 {
            let y = between(0.1, 0.3, f64::from(k) / 1000.0);
            assert!((before..=0.3).contains(&y), "{y} at {k}");
            before = y;
        }
    }
}
