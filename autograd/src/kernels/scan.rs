//! Cumulative sums along the middle axis of `outer × n × inner` values.

use super::reduce::Loops;
use super::sums::{PairwiseSum, ROWS};
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

#[cfg(test)]
mod tests {
    use super::*;

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
