//! Copying and adding rows by index.

use super::isa::kernel;
use super::reduce::Loops;
use super::sums::BLOCK;
use crate::math;
use crate::number::Float;

/// `out[o, j] = x[o, indices[j]]`, rows of `inner` values of an `x` with these loops.
pub(crate) fn take_rows<T: Float>(x: &[T], Loops { n, inner, .. }: Loops, indices: &[usize], out: &mut [T]) {
    for (x, out) in x.chunks_exact(n * inner).zip(out.chunks_exact_mut(indices.len() * inner)) {
        if inner == 1 {
            for (out, &j) in out.iter_mut().zip(indices) {
                *out = x[j];
            }
        } else {
            for (out, &j) in out.chunks_exact_mut(inner).zip(indices) {
                out.copy_from_slice(&x[j * inner..][..inner]);
            }
        }
    }
}

kernel! {
    /// `out[o, indices[j]] += x[o, j]`, rows of `inner` values of an `out` with these loops.
    ///
    /// Many values added at one position would no longer change the sum. Where there are fewer positions than values,
    /// the round-off of an addition is stored beside the position and added to the next value (Kahan 1965). Larger
    /// targets do without, because it would double their memory.
    fn add_rows<'a, T>(x: &'a [T], loops: Loops, indices: &'a [usize], out: &'a mut [T]) for x.len(), {
        let Loops { n, inner, .. } = loops;
        if x.is_empty() {
            return; // the lengths of what has no values may be beyond counting
        }
        let plain = x.len() <= BLOCK || out.len() > x.len();
        let blocks = x.chunks_exact(indices.len() * inner).zip(out.chunks_exact_mut(n * inner));
        if plain {
            for (x, out) in blocks {
                for (x, &j) in x.chunks_exact(inner).zip(indices) {
                    for (out, &x) in out[j * inner..][..inner].iter_mut().zip(x) {
                        *out = *out + x;
                    }
                }
            }
            return;
        }
        let mut lost = vec![T::zero(); n * inner];
        for (x, out) in blocks {
            lost.fill(T::zero());
            for (x, &j) in x.chunks_exact(inner).zip(indices) {
                let row = j * inner..(j + 1) * inner;
                for ((out, lost), &x) in out[row.clone()].iter_mut().zip(&mut lost[row]).zip(x) {
                    let (before, x) = (*out, x + *lost);
                    let sum = before + x;
                    let added = sum - before;
                    let finite = math::abs(sum) < T::INFINITY;
                    *out = sum;
                    *lost = math::select(finite, (before - (sum - added)) + (x - added), T::zero());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add_at<T: Float>(positions: &[usize], x: &[T], out: &mut [T]) {
        add_rows(x, Loops { outer: 1, n: out.len(), inner: 1 }, &positions[..x.len()], out);
    }

    /// Rows of all lengths, in blocks, against number by number; beyond [`BLOCK`] with what rounding took.
    #[test]
    fn rows_are_numbers_side_by_side() {
        for (outer, n, inner, len) in [(1, 7, 5, 4), (3, 4, 1, 9), (2, 5, 64, 3), (3, 2, 3, 2_000), (1, 3, 17, 900)] {
            let indices: Vec<usize> = (0..len).map(|j| (j * j + j / 3) % n).collect();
            let x: Vec<f32> = (0..outer * len * inner).map(|i| (i as f32).sin() + 0.1).collect();
            let (loops, mut sums, mut places) = (Loops { outer, n, inner }, vec![0.5; outer * n * inner], vec![]);
            for o in 0..outer {
                places.extend(indices.iter().flat_map(|&j| (0..inner).map(move |i| (o * n + j) * inner + i)));
            }
            let mut by_number = sums.clone();
            add_at(&places, &x, &mut by_number);
            add_rows(&x, loops, &indices, &mut sums);
            assert_eq!(sums, by_number, "{outer} × {n} × {inner}");
            let mut taken = vec![0.0; x.len()];
            take_rows(&sums, loops, &indices, &mut taken);
            assert_eq!(taken, places.iter().map(|&at| sums[at]).collect::<Vec<_>>(), "{outer} × {n} × {inner}");
        }
    }

    #[test]
    fn many_values_on_one_place_do_not_stand_still() {
        let x = vec![1f32; 1 << 25];
        let positions: Vec<usize> = (0..x.len()).map(|i| usize::from(i % 4 == 0)).collect();
        let mut out = [0.0; 2];
        add_at(&positions, &x, &mut out);
        assert_eq!(out, [25_165_824.0, 8_388_608.0]);
        let tenths = vec![0.1f32; 1 << 20];
        out.fill(0.0);
        add_at(&positions, &tenths, &mut out);
        assert_eq!(out[1], 0.1 * (1 << 18) as f32);
        let mut infinite = tenths.clone();
        infinite[1] = f32::INFINITY;
        out.fill(0.0);
        add_at(&positions, &infinite, &mut out);
        assert_eq!(out, [f32::INFINITY, 0.1 * (1 << 18) as f32]);
    }
}
