//! Cumulative sums, and their kin, along the middle axis of `outer × n × inner` values.

use super::reduce::Loops;
use super::sums::{PairwiseSum, ROWS};
use crate::math;
use crate::number::Float;

/// Cumulative sums along the middle axis, from the end if `reverse`.
pub(crate) fn cumulative_sum<T: Float>(x: &[T], Loops { outer, n, inner }: Loops, reverse: bool, out: &mut [T]) {
    let rows = outer * usize::from(n > 0);
    if inner == 1 {
        for o in 0..rows {
            let (x, out) = (&x[o * n..][..n], &mut out[o * n..][..n]);
            let mut sum = Running::new();
            if reverse {
                for (x, out) in x.rchunks(ROWS).zip(out.rchunks_mut(ROWS)) {
                    sum.block(x.iter().rev(), out.iter_mut().rev());
                }
            } else {
                for (x, out) in x.chunks(ROWS).zip(out.chunks_mut(ROWS)) {
                    sum.block(x, out);
                }
            }
        }
        return;
    }
    for (o, i) in (0..rows).flat_map(|o| (0..inner).map(move |i| (o, i))) {
        let mut sum = Running::new();
        for from in (0..n).step_by(ROWS) {
            let len = ROWS.min(n - from);
            let first = if reverse { n - from - len } else { from };
            let places = (o * n + first) * inner + i..(o * n + first + len) * inner;
            let (x, out) = (x[places.clone()].iter().step_by(inner), out[places].iter_mut().step_by(inner));
            if reverse {
                sum.block(x.rev(), out.rev());
            } else {
                sum.block(x, out);
            }
        }
    }
}

/// Each block has its own running sum, to which the sum of the blocks before is added: two additions, of which the
/// second does not lengthen the chain of dependent ones.
struct Running<T> {
    blocks: PairwiseSum<T>,
}

impl<T: Float> Running<T> {
    fn new() -> Self {
        Running { blocks: PairwiseSum::default() }
    }

    #[inline(always)]
    fn block<'a>(&mut self, x: impl IntoIterator<Item = &'a T>, out: impl IntoIterator<Item = &'a mut T>) {
        let ([before], mut sum) = (self.blocks.total(), T::zero());
        for (&x, out) in x.into_iter().zip(out) {
            sum = sum + x;
            *out = before + sum;
        }
        self.blocks.add([sum]);
    }
}

/// What is wanted of a running sum of exponentials.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Part {
    /// The logarithm of the sum.
    Log,
    /// The share of the last term.
    Last,
    /// The share of the terms before.
    Before,
}

/// Of the sums `exp(x_0) + … + exp(x_j)` along the middle axis, their logarithms or the shares of terms.
pub(crate) fn log_sums<T: Float>(x: &[T], Loops { outer, n, inner }: Loops, part: Part, out: &mut [T]) {
    for (o, i) in (0..outer * usize::from(n > 0)).flat_map(|o| (0..inner).map(move |i| (o, i))) {
        let mut sum = LogSum { top: f64::NEG_INFINITY, rest: -1.0, lost: 0.0 };
        for j in 0..n {
            let at = (o * n + j) * inner + i;
            let [before, last] = sum.add(x[at].to_f64());
            out[at] = T::from_f64(match part {
                Part::Log => sum.top + math::ln_1p(sum.rest),
                Part::Last => last / (before + last),
                Part::Before => before / (before + last),
            });
        }
    }
}

/// The sum `exp(top)·(1 + rest)`, with its largest term before the parentheses: nothing overflows, and what is far below 1
/// keeps its digits. Equal infinities are terms of one size.
struct LogSum {
    top: f64,
    rest: f64,
    /// What rounding took from `rest` (Kahan 1965).
    lost: f64,
}

impl LogSum {
    /// Adds `exp(x)`, and returns the terms before and this one, in units of the largest.
    fn add(&mut self, x: f64) -> [f64; 2] {
        if x > self.top {
            let scale = math::exp(self.top - x);
            let before = (1.0 + self.rest) * scale;
            *self = LogSum { top: x, rest: before, lost: self.lost * scale };
            return [before, 1.0];
        }
        let (before, last) = (1.0 + self.rest, if x == self.top { 1.0 } else { math::exp(x - self.top) });
        let term = last - self.lost;
        let rest = self.rest + term;
        self.lost = (rest - self.rest) - term;
        self.rest = rest;
        [before, last]
    }
}

/// `y_j = a_j·y_{j−1} + b_j` along the middle axis, with nothing before the first; if `reverse`, the transpose in `b`:
/// `y_j = a_{j+1}·y_{j+1} + b_j`.
pub(crate) fn recurrence<T: Float>(a: &[T], b: &[T], loops: Loops, reverse: bool, out: &mut [T]) {
    let Loops { outer, n, inner } = loops;
    out.copy_from_slice(b);
    for (o, j) in (0..outer).flat_map(|o| (1..n).map(move |j| (o, j))) {
        // The later of two neighbours, whose factor lies between them.
        let later = (o * n + if reverse { n - j } else { j }) * inner;
        let factors = &a[later..][..inner];
        let (before, after) = out.split_at_mut(later);
        let (before, after) = (&mut before[later - inner..], &mut after[..inner]);
        let (from, to) = if reverse { (after, before) } else { (before, after) };
        for ((to, &from), &a) in to.iter_mut().zip(&*from).zip(factors) {
            *to = *to + a * from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(x: &[f64], part: Part) -> Vec<f64> {
        let mut out = vec![f64::NAN; x.len()];
        log_sums(x, Loops { outer: 1, n: x.len(), inner: 1 }, part, &mut out);
        out
    }

    #[test]
    fn running_sums_of_exponentials_keep_what_is_small() {
        assert_eq!(logs(&[0.0, -40.0, 800.0], Part::Log), [0.0, (-40f64).exp(), 800.0]);
        assert_eq!(logs(&[0.0, -40.0], Part::Last), [1.0, (-40f64).exp()]);
        assert_eq!(logs(&[-40.0, 0.0], Part::Before), [0.0, (-40f64).exp()]);
        let inf = f64::INFINITY;
        assert_eq!(logs(&[-inf, -inf, 0.0, inf, 1.0, inf], Part::Log), [-inf, -inf, 0.0, inf, inf, inf]);
        assert_eq!(logs(&[-inf, -inf, 0.0, inf, 1.0, inf], Part::Last), [1.0, 0.5, 1.0, 1.0, 0.0, 0.5]);
        assert!(logs(&[0.0, f64::NAN, inf], Part::Log)[1..].iter().all(|x| x.is_nan()));
        // Twenty million ones in `f32`, which a sum in `f32` leaves at 2²⁴.
        let n = 20_000_000;
        let mut out = vec![0f32; n];
        log_sums(&vec![0f32; n], Loops { outer: 1, n, inner: 1 }, Part::Log, &mut out);
        assert_eq!(out[n - 1], (n as f64).ln() as f32);
    }

    #[test]
    fn a_recurrence_and_its_transpose() {
        let (a, b) = ([9.0, 2.0, 3.0, 9.0, 5.0, 7.0], [1.0, 1.0, 1.0, 1.0, 2.0, 3.0]);
        for (inner, reverse, expected) in
            [(1, false, [1.0, 3.0, 10.0, 1.0, 7.0, 52.0]), (1, true, [9.0, 4.0, 1.0, 116.0, 23.0, 3.0])]
        {
            let mut out = [f64::NAN; 6];
            recurrence(&a, &b, Loops { outer: 2, n: 3, inner }, reverse, &mut out);
            assert_eq!(out, expected);
        }
        let mut out = [f64::NAN; 6];
        recurrence(&a, &b, Loops { outer: 1, n: 2, inner: 3 }, true, &mut out);
        assert_eq!(out, [1.0 + 9.0, 1.0 + 5.0 * 2.0, 1.0 + 7.0 * 3.0, 1.0, 2.0, 3.0]);
    }

    /// Blocks, rows and columns, in both directions, compared with one running value.
    #[test]
    fn blocks_go_on_where_the_last_ended() {
        for (outer, n, inner) in [(1, 1000, 1), (2, 513, 1), (1, 700, 3), (2, 5, 2), (3, 0, 2), (2, 4, 0)] {
            let x: Vec<f64> = (0..outer * n * inner).map(|i| (i * 7 % 11) as f64).collect();
            for reverse in [false, true] {
                let mut out = vec![f64::NAN; x.len()];
                cumulative_sum(&x, Loops { outer, n, inner }, reverse, &mut out);
                for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
                    let mut sum = 0.0;
                    for j in 0..n {
                        let at = (o * n + if reverse { n - 1 - j } else { j }) * inner + i;
                        sum += x[at];
                        assert_eq!(out[at], sum, "{outer} × {n} × {inner}, reverse {reverse}");
                    }
                }
            }
        }
    }
}
