//! A formula over arrays together with its partial derivatives, which share most of their work, in one pass by blocks.

use super::flagged::{BLOCK, array_of};
use super::forms::{Flagged, NONE};
use super::isa::{Isa, Kernel};
use crate::math::Real;
use crate::number::{Float, Number};

/// A function of `K` numbers with `M` results, and its partial derivatives.
pub(crate) trait WithSlopes<const K: usize, const M: usize>: Copy {
    /// Each result with its derivatives. Implementations are `#[inline(always)]`.
    fn at<N: Real + Number>(self, x: [N; K]) -> [(N, [N; K]); M];
}

/// One result over a block.
#[derive(Clone, Copy)]
struct Block<T, const K: usize> {
    values: [T; BLOCK],
    slopes: [[T; BLOCK]; K],
}

/// `(y[m][i], slopes₀[i], slopes₁[i], …) = f(x₀[i], x₁[i], …)[m]`, with the slopes of a result one after another in
/// `slopes[m]`.
#[inline(always)]
pub(crate) fn each_with_slopes<I: Isa, T: Float, F: WithSlopes<K, M>, const K: usize, const M: usize>(
    f: F,
    x: [&[T]; K],
    mut y: [&mut [T]; M],
    mut slopes: [&mut [T]; M],
) {
    let len = x[0].len();
    if !I::BLOCKS {
        for i in 0..len {
            let results = f.at(array_of(|k| Flagged::<I, T, NONE, true>::new(x[k][i])));
            for (m, (value, partials)) in results.into_iter().enumerate() {
                y[m][i] = value.value;
                for (k, partial) in partials.into_iter().enumerate() {
                    slopes[m][k * len + i] = partial.value;
                }
            }
        }
        return;
    }
    let mut padded = [[T::one(); BLOCK]; K];
    let mut blocks = [Block { values: [T::one(); BLOCK], slopes: [[T::one(); BLOCK]; K] }; M];
    for start in (0..len).step_by(BLOCK) {
        let rest = BLOCK.min(len - start);
        if rest < BLOCK {
            for (padded, x) in padded.iter_mut().zip(x) {
                padded[..rest].copy_from_slice(&x[start..]);
            }
        }
        let x = array_of(|k| x[k][start..].first_chunk().unwrap_or(&padded[k]));
        let mut far = T::Flag::from(false);
        for i in 0..BLOCK {
            let results = f.at(array_of(|k| Flagged::<I, T, NONE, false>::new(x[k][i])));
            for (block, (value, partials)) in blocks.iter_mut().zip(results) {
                block.values[i] = value.value;
                far = far | value.far;
                for (slope, partial) in block.slopes.iter_mut().zip(partials) {
                    slope[i] = partial.value;
                    far = far | partial.far;
                }
            }
        }
        if far != T::Flag::from(false) {
            I::rarely(Careful { f, x, blocks: &mut blocks });
        }
        for ((block, y), slopes) in blocks.iter().zip(&mut y).zip(&mut slopes) {
            y[start..start + rest].copy_from_slice(&block.values[..rest]);
            for (k, slope) in block.slopes.iter().enumerate() {
                slopes[k * len + start..][..rest].copy_from_slice(&slope[..rest]);
            }
        }
    }
}

/// A block in the form that is correct for all numbers.
struct Careful<'a, T, F, const K: usize, const M: usize> {
    f: F,
    x: [&'a [T; BLOCK]; K],
    blocks: &'a mut [Block<T, K>; M],
}

impl<T: Float, F: WithSlopes<K, M>, const K: usize, const M: usize> Kernel for Careful<'_, T, F, K, M> {
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Careful { f, x, blocks } = self;
        for i in 0..BLOCK {
            let results = f.at(array_of(|k| Flagged::<I, T, NONE, true>::new(x[k][i])));
            for (block, (value, partials)) in blocks.iter_mut().zip(results) {
                block.values[i] = value.value;
                for (slope, partial) in block.slopes.iter_mut().zip(partials) {
                    slope[i] = partial.value;
                }
            }
        }
    }
}
