//! Positions of the largest and smallest values along the middle axis of `outer × n × inner` row-major values.

use super::isa::kernel;
use super::reduce::{Loops, STRIP, strips};
use super::sums::{BLOCK, LANES, row_choice};
use crate::math;
use crate::number::Float;

kernel! {
    /// The position of the first largest (or smallest) value; NaN counts as the extreme.
    fn arg_extreme<'a, T>(x: &'a [T], loops: Loops, largest: bool, out: &'a mut [usize]) for x.len(), {
        if largest {
            positions(x, loops, T::from_f64(f64::NEG_INFINITY), math::max, |a, b| a <= b, out);
        } else {
            positions(x, loops, T::from_f64(f64::INFINITY), math::min, |a, b| a >= b, out);
        }
    }
}

/// `join` chooses one of two values, and nothing is beyond `start`; `within(a, b)` says that `a` does not go beyond `b`.
#[inline(always)]
fn positions<T: Float>(
    x: &[T],
    loops: Loops,
    start: T,
    join: impl Fn(T, T) -> T,
    within: impl Fn(T, T) -> bool,
    out: &mut [usize],
) {
    let Loops { n, inner, .. } = loops;
    if inner > 1 {
        return down(x, loops, within, out);
    }
    for (row, out) in x.chunks_exact(n.max(1)).zip(out) {
        *out = if n < LANES {
            let (mut best, mut at) = (row[0], 0);
            for (j, &x) in row.iter().enumerate() {
                let beyond = is_beyond(x, best, &within);
                best = math::select(beyond, x, best);
                at = if beyond { j } else { at };
            }
            at
        } else {
            along(row, start, &join, &within)
        };
    }
}

/// Whether `x` takes the place of `best`: it goes beyond it or is NaN, and `best` is a number.
#[inline(always)]
#[allow(clippy::eq_op)] // x = x is false for NaN
fn is_beyond<T: Float>(x: T, best: T, within: impl Fn(T, T) -> bool) -> bool {
    (best == best) & !within(x, best)
}

/// The position in a row. The extremes of its blocks say which block to look through.
#[inline(always)]
#[allow(clippy::eq_op)] // x ≠ x is the test for NaN
fn along<T: Float>(row: &[T], start: T, join: impl Fn(T, T) -> T, within: impl Fn(T, T) -> bool) -> usize {
    let (mut best, mut from) = (start, 0);
    for (b, block) in row.chunks(BLOCK).enumerate() {
        let extreme = row_choice(block, start, |x| x, &join);
        if is_beyond(extreme, best, &within) {
            (best, from) = (extreme, b * BLOCK);
        }
    }
    // A block with a NaN in it has no other extreme.
    let found = |x: T| (x == best) | (x != x);
    let block = &row[from..row.len().min(from + BLOCK)];
    let none = |chunk: &&[T]| !chunk.iter().fold(false, |any, &x| any | found(x));
    let skipped = block.chunks_exact(LANES).take_while(none).count() * LANES;
    let rest = block[skipped..].iter().position(|&x| found(x)).expect("the extreme is one of the values");
    from + skipped + rest
}

/// The positions down the columns. Positions within a block are numbers of the values' type, so that both are chosen
/// by the same vectors.
#[inline(always)]
fn down<T: Float>(x: &[T], loops: Loops, within: impl Fn(T, T) -> bool, out: &mut [usize]) {
    let Loops { n, inner, .. } = loops;
    strips(loops, |o, i, w| {
        let row = |j: usize| &x[(o * n + j) * inner + i..][..w];
        let out = &mut out[o * inner + i..][..w];
        let mut best = [T::zero(); STRIP];
        best[..w].copy_from_slice(row(0));
        out.fill(0);
        for from in (0..n).step_by(BLOCK) {
            let mut places = [T::from_f64(-1.0); STRIP];
            for j in from..n.min(from + BLOCK) {
                let place = T::from_f64((j - from) as f64);
                for ((best, at), &x) in best.iter_mut().zip(&mut places).zip(row(j)) {
                    let beyond = is_beyond(x, *best, &within);
                    *best = math::select(beyond, x, *best);
                    *at = math::select(beyond, place, *at);
                }
            }
            for (out, place) in out.iter_mut().zip(places).filter(|(_, place)| *place >= T::zero()) {
                *out = from + place.to_f64() as usize;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: a value is passed over by a later one that is larger, or NaN.
    fn by_definition(x: &[f64], Loops { outer, n, inner }: Loops, sign: f64) -> Vec<usize> {
        let mut found = vec![];
        for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
            let at = |j: usize| sign * x[(o * n + j) * inner + i];
            let passes = |a: f64, b: f64| !b.is_nan() && (a.is_nan() || a > b);
            found.push((1..n).fold(0, |best, j| if passes(at(j), at(best)) { j } else { best }));
        }
        found
    }

    #[test]
    fn the_first_of_ties_and_of_nan_is_found_along_every_axis() {
        let shapes = [(1, 1, 1), (5, 1, 3), (40, 10, 1), (7, 40, 1), (2, 9_000, 1), (3, 10, 70), (2, 9_000, 2)];
        for (outer, n, inner) in shapes {
            let loops = Loops { outer, n, inner };
            // Few different values, so that there are ties; then also infinities, zeros of both signs, NaN.
            for (values, nan_each) in [(7, 0), (1_000_003, 0), (1_000_003, 5_000), (11, 13)] {
                let value = |i: usize| match (i * 7_919 + i / 13) % values {
                    _ if nan_each > 0 && (i + 3).is_multiple_of(nan_each) => f64::NAN,
                    0 => f64::NEG_INFINITY,
                    1 => -0.0,
                    2 => 0.0,
                    v => (v as f64 * 1.7).sin(),
                };
                let x: Vec<f64> = (0..outer * n * inner).map(value).collect();
                for (largest, sign) in [(true, 1.0), (false, -1.0)] {
                    let mut out = vec![usize::MAX; outer * inner];
                    arg_extreme(&x, loops, largest, &mut out);
                    assert_eq!(out, by_definition(&x, loops, sign), "{loops:?}, largest: {largest}, {values} values");
                }
            }
        }
        for flat in [0.0, f64::NEG_INFINITY, f64::INFINITY, f64::NAN] {
            for (loops, len) in [(Loops { outer: 2, n: 50, inner: 1 }, 2), (Loops { outer: 1, n: 50, inner: 2 }, 2)] {
                for largest in [true, false] {
                    let mut out = vec![7; len];
                    arg_extreme(&[flat; 100], loops, largest, &mut out);
                    assert_eq!(out, [0, 0], "{flat}");
                }
            }
        }
    }
}
