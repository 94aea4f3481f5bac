//! A formula over arrays together with its partial derivatives, which share most of their work, in one pass by blocks.

use super::flagged::{BLOCK, Flagged, array_of};
use super::isa::{Isa, Kernel};
use crate::math::Real;
use crate::number::{Float, Number};

/// A function of `K` numbers and its partial derivatives.
pub(crate) trait WithSlopes<const K: usize>: Copy {
    /// Implementations are `#[inline(always)]`.
    fn at<N: Real + Number>(self, x: [N; K]) -> (N, [N; K]);
}

/// Results of a block.
struct Block<T, const K: usize> {
    values: [T; BLOCK],
    slopes: [[T; BLOCK]; K],
}

/// `(y[i], slopes₀[i], slopes₁[i], …) = f(x₀[i], x₁[i], …)`, with the slopes one after another in `slopes`.
#[inline(always)]
pub(crate) fn each_with_slopes<I: Isa, T: Float, F: WithSlopes<K>, const K: usize>(
    f: F,
    x: [&[T]; K],
    y: &mut [T],
    slopes: &mut [T],
) {
    let len = y.len();
    if !I::BLOCKS {
        for (i, y) in y.iter_mut().enumerate() {
            let (value, partials) = f.at(array_of(|k| Flagged::<I, T, false, true>::new(x[k][i])));
            *y = value.value;
            for (k, partial) in partials.into_iter().enumerate() {
                slopes[k * len + i] = partial.value;
            }
        }
        return;
    }
    let mut padded = [[T::one(); BLOCK]; K];
    let mut block = Block { values: [T::one(); BLOCK], slopes: [[T::one(); BLOCK]; K] };
    for (start, y) in (0..).step_by(BLOCK).zip(y.chunks_mut(BLOCK)) {
        let rest = y.len();
        if rest < BLOCK {
            for (padded, x) in padded.iter_mut().zip(x) {
                padded[..rest].copy_from_slice(&x[start..]);
            }
        }
        let x = array_of(|k| x[k][start..].first_chunk().unwrap_or(&padded[k]));
        let mut far = T::Flag::from(false);
        for (i, y) in block.values.iter_mut().enumerate() {
            let (value, partials) = f.at(array_of(|k| Flagged::<I, T, false, false>::new(x[k][i])));
            *y = value.value;
            far = far | value.far;
            for (slope, partial) in block.slopes.iter_mut().zip(partials) {
                slope[i] = partial.value;
                far = far | partial.far;
            }
        }
        if far != T::Flag::from(false) {
            I::rarely(Careful { f, x, block: &mut block });
        }
        y.copy_from_slice(&block.values[..rest]);
        for (k, slope) in block.slopes.iter().enumerate() {
            slopes[k * len + start..][..rest].copy_from_slice(&slope[..rest]);
        }
    }
}

/// A block in the form that is correct for all numbers.
struct Careful<'a, T, F, const K: usize> {
    f: F,
    x: [&'a [T; BLOCK]; K],
    block: &'a mut Block<T, K>,
}

impl<T: Float, F: WithSlopes<K>, const K: usize> Kernel for Careful<'_, T, F, K> {
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Careful { f, x, block } = self;
        for (i, y) in block.values.iter_mut().enumerate() {
            let (value, partials) = f.at(array_of(|k| Flagged::<I, T, false, true>::new(x[k][i])));
            *y = value.value;
            for (slope, partial) in block.slopes.iter_mut().zip(partials) {
                slope[i] = partial.value;
            }
        }
    }
}
