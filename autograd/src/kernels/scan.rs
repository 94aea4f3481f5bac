//! Running sums over the middle of an array seen as `outer × n × inner`.

use super::reduce::Loops;
use super::sums::{PairwiseSum, ROWS};
use crate::number::Float;

/// Running sums along the middle axis, from the end if `reverse`.
///
/// Each block runs by itself, and the sum of those before it is added to it: two additions, of which the second waits for nobody.
pub(crate) fn cumulative_sum<T: Float>(x: &[T], Loops { outer, n, inner }: Loops, reverse: bool, out: &mut [T]) {
    for o in 0..outer {
        for i in 0..inner {
            let at = |j: usize| (o * n + if reverse { n - 1 - j } else { j }) * inner + i;
            let mut run = |from: usize, to: usize, before: T| {
                let mut sum = T::zero();
                for at in (from..to).map(at) {
                    sum = sum + x[at];
                    out[at] = before + sum;
                }
                sum
            };
            if n <= ROWS {
                run(0, n, T::zero());
                continue;
            }
            let mut blocks = PairwiseSum::<T>::default();
            for from in (0..n).step_by(ROWS) {
                let [before] = blocks.total();
                blocks.add([run(from, n.min(from + ROWS), before)]);
            }
        }
    }
}
