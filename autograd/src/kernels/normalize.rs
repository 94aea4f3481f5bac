//! Normalisation of rows to mean 0 and variance 1.

use super::isa::kernel;
use super::squares::{is_ordinary, unit};
use super::sums::{row_choice, row_sum};
use crate::math;
use crate::number::Float;

/// The mean of `z = scale·x`, and `r = 1/√(var z + scale²·eps)`; `scale` is 1 where squares are in range.
struct Moments<T> {
    scale: T,
    mean: T,
    r: T,
}

impl<T: Float> Moments<T> {
    #[inline(always)]
    fn of(row: &[T], eps: T) -> Self {
        let (mean, variance) = mean_and_variance(row, T::one());
        let sum = variance + eps;
        if is_ordinary(sum) {
            return Moments { scale: T::one(), mean, r: T::one() / math::sqrt(sum) };
        }
        far_moments(row, eps)
    }

    /// The row's value `x`, normalised.
    #[inline(always)]
    fn normalized(&self, x: T) -> T {
        (x * self.scale - self.mean) * self.r
    }
}

#[inline(always)]
fn mean_and_variance<T: Float>(row: &[T], scale: T) -> (T, T) {
    let n = T::from_f64(row.len() as f64);
    let mean = row_sum(row, |x| x * scale) / n;
    let square = |x: T| (x * scale - mean) * (x * scale - mean);
    (mean, row_sum(row, square) / n)
}

/// The moments of a row whose sum or squares overflow or underflow.
#[cold]
#[inline(never)]
fn far_moments<T: Float>(row: &[T], eps: T) -> Moments<T> {
    let (scale, _) = unit(row_choice(row, math::sqrt(eps), math::abs, math::max));
    let (mean, variance) = mean_and_variance(row, scale);
    Moments { scale, mean, r: T::one() / math::sqrt(variance + (eps * scale) * scale) }
}

kernel! {
    /// Normalises rows of length `n` to mean 0 and variance 1.
    fn normalize<'a, T>(x: &'a [T], n: usize, eps: T, out: &'a mut [T]) for x.len(), {
        for (x, out) in x.chunks_exact(n.max(1)).zip(out.chunks_exact_mut(n.max(1))) {
            let moments = Moments::of(x, eps);
            for (out, &x) in out.iter_mut().zip(x) {
                *out = moments.normalized(x);
            }
        }
    }
}

kernel! {
    /// `out = 1/√(var + ε)` of each row of length `n`.
    fn inverse_deviation<'a, T>(x: &'a [T], n: usize, eps: T, out: &'a mut [T]) for x.len(), {
        if n == 0 {
            out.fill(T::NAN);
        }
        for (x, out) in x.chunks_exact(n.max(1)).zip(out) {
            let moments = Moments::of(x, eps);
            *out = moments.r * moments.scale;
        }
    }
}

kernel! {
    /// `out = r·(v − mean v − y·mean(y·v))` of each row, with y the normalised x.
    fn normalize_gradient<'a, T>(x: &'a [T], v: &'a [T], n: usize, eps: T, out: &'a mut [T]) for x.len(), {
        let rows = x.chunks_exact(n.max(1)).zip(v.chunks_exact(n.max(1)));
        for ((x, v), out) in rows.zip(out.chunks_exact_mut(n.max(1))) {
            let moments = Moments::of(x, eps);
            if !row_gradient(&moments, x, v, [T::one(); 2], out) {
                far_gradient(&moments, x, v, out);
            }
        }
    }
}

/// One row of the gradient, for `v` times `scale`, which `back` undoes; returns whether the intermediate sums were
/// finite.
#[inline(always)]
fn row_gradient<T: Float>(moments: &Moments<T>, x: &[T], v: &[T], [scale, back]: [T; 2], out: &mut [T]) -> bool {
    for ((out, &x), &v) in out.iter_mut().zip(x).zip(v) {
        *out = moments.normalized(x) * (v * scale);
    }
    let count = T::from_f64(x.len() as f64);
    let (mean_v, mean_yv) = (row_sum(v, |v| v * scale) / count, row_sum(out, |yv| yv) / count);
    // r belongs to the scaled x, and the product with the scale may overflow.
    let back = moments.scale * back;
    for ((out, &x), &v) in out.iter_mut().zip(x).zip(v) {
        *out = moments.r * ((v * scale - mean_v) - moments.normalized(x) * mean_yv) * back;
    }
    (mean_v + mean_yv).is_finite()
}

#[cold]
#[inline(never)]
fn far_gradient<T: Float>(moments: &Moments<T>, x: &[T], v: &[T], out: &mut [T]) {
    let (scale, back) = unit(row_choice(v, T::zero(), math::abs, math::max));
    row_gradient(moments, x, v, [scale, back], out);
}
