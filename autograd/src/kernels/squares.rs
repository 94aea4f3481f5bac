//! Sums of squares, whose terms may overflow or underflow where the result does not.

use super::isa::kernel;
use super::reduce::{Loops, STRIP, strips};
use super::sums::{ColumnSums, column_sum, row_fold, row_sum};
use crate::math;
use crate::number::Float;

/// Whether a sum of squares is in range: no square overflowed, and the losses of subnormal squares do not show.
#[inline(always)]
pub(super) fn is_ordinary<T: Float>(sum: T) -> bool {
    sum > T::SMALLEST / T::TINY && sum < T::INFINITY
}

kernel! {
    /// `out[o, i] = Σ_j x[o, j, i]² / over`, or its root.
    fn squares<'a, T>(x: &'a [T], loops: Loops, over: f64, root: bool, out: &'a mut [T]) for x.len(), {
        let Loops { outer, n, inner } = loops;
        if inner == 1 {
            for (o, out) in out.iter_mut().enumerate().take(outer) {
                *out = row_sum(&x[o * n..(o + 1) * n], |x| x * x);
            }
        } else {
            strips(loops, |o, i, w| {
                let mut columns = ColumnSums::<T, STRIP>::of(n);
                while let Some(rows) = columns.block() {
                    let mut sums = [T::zero(); STRIP];
                    for j in rows {
                        for (sum, &x) in sums.iter_mut().zip(&x[(o * n + j) * inner + i..][..w]) {
                            *sum = *sum + x * x;
                        }
                    }
                    columns.add(sums);
                }
                out[o * inner + i..][..w].copy_from_slice(&columns.total()[..w]);
            });
        }
        let over = (over, T::from_f64(over));
        let finish = |sum: T| if root { math::sqrt(sum / over.1) } else { sum / over.1 };
        let far = row_fold(out, T::zero(), |sum| math::mask(!is_ordinary(sum)), |a, b| a + b) > T::zero();
        if far {
            for (place, out) in out.iter_mut().enumerate() {
                let (o, i) = (place / inner, place % inner);
                let sum = *out;
                *out = finish(sum);
                if !is_ordinary(sum) {
                    *out = far_squares(n, |j| x[(o * n + j) * inner + i], over.0, root);
                }
            }
        } else {
            out.iter_mut().for_each(|out| *out = finish(*out));
        }
    }
}

/// The same for one column, scaled so that the largest term is about 1.
#[cold]
#[inline(never)]
fn far_squares<T: Float>(n: usize, x: impl Fn(usize) -> T, over: f64, root: bool) -> T {
    let top = (0..n).fold(T::zero(), |top, j| math::max(top, math::abs(x(j))));
    let (scale, back) = unit(top);
    let mean = column_sum(n, |j| (x(j) * scale) * (x(j) * scale)) / T::from_f64(over);
    if root { math::sqrt(mean) * back } else { (mean * back) * back }
}

/// A power of two that scales a magnitude to about 1, and its inverse; 1 for 0 and for NaN or infinity.
pub(crate) fn unit<T: Float>(top: T) -> (T, T) {
    if !(top > T::zero() && top < T::INFINITY) {
        return (T::one(), T::one());
    }
    // Both must be normal numbers: the largest and the smallest magnitudes are scaled only near to 1.
    let (least, _) = T::SMALLEST.split();
    let least = least + T::one();
    let (k, _) = math::max(top, T::SMALLEST).split();
    let k = math::min(math::max(k, least), -least);
    (T::exp2_integer(-k), T::exp2_integer(k))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<T: Float>(x: &[f64], over: f64, root: bool) -> f64 {
        let x: Vec<T> = x.iter().map(|&x| T::from_f64(x)).collect();
        let (mut row, mut columns) = ([T::zero()], [T::zero(); 2]);
        squares(&x, Loops { outer: 1, n: x.len(), inner: 1 }, over, root, &mut row);
        let twice: Vec<T> = x.iter().flat_map(|&x| [x, x]).collect();
        squares(&twice, Loops { outer: 1, n: x.len(), inner: 2 }, over, root, &mut columns);
        assert!(columns.iter().all(|y| y.to_f64().to_bits() == row[0].to_f64().to_bits()));
        row[0].to_f64()
    }

    #[test]
    fn roots_of_squares_beyond_the_numbers_are_numbers() {
        for exponent in (-1060..1022).step_by(13) {
            let unit = 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
            let norm = of::<f64>(&[3.0 * unit, 4.0 * unit], 1.0, true);
            assert!((norm / unit - 5.0).abs() < 1e-15 || exponent < -1020, "3 and 4 times 2^{exponent}: {norm}");
        }
        for exponent in -140..126 {
            let unit = 2f64.powi(exponent);
            let norm = of::<f32>(&[3.0 * unit, -4.0 * unit], 1.0, true);
            assert!((norm / unit - 5.0).abs() < 5e-7, "3 and 4 times 2^{exponent}: {norm}");
        }
        // Four times the largest number's square, over 4.
        assert_eq!(of::<f64>(&[f64::MAX; 4], 4.0, true), f64::MAX);
        assert_eq!(of::<f32>(&[f64::from(f32::MAX); 4], 4.0, true), f64::from(f32::MAX));
    }

    #[test]
    fn means_of_squares_beyond_the_numbers_are_numbers() {
        let x = 2f64.powi(513);
        assert_eq!(of::<f64>(&[x, 0.0, 0.0, 0.0], 16.0, false), 2f64.powi(1022));
        assert_eq!(of::<f32>(&[2f64.powi(65), 0.0, 1.0], 64.0, false), 2f64.powi(124));
        assert_eq!(of::<f64>(&[2f64.powi(-520); 4], 2f64.powi(-60), false), 2f64.powi(-978));
        assert_eq!(of::<f64>(&[0.0, 0.0], 2.0, false), 0.0);
        assert!(of::<f64>(&[], 0.0, false).is_nan());
        assert_eq!(of::<f64>(&[1.0, f64::NEG_INFINITY], 2.0, true), f64::INFINITY);
        assert!(of::<f64>(&[1.0, f64::NAN], 2.0, false).is_nan());
    }
}
