//! Spherical Bessel functions of `πx`, the first of which is the sinc function.

use super::super::pair::{product, quotient};
use super::{PI, add, exactly, nearest, sin_cos_pi};

/// `sin(πx)/(πx)`
#[inline(never)]
pub(crate) fn sinc(x: f64) -> f64 {
    spherical_bessel_pi(x, 0.0)
}

/// `jₙ(πx)` (DLMF 10.47.3), 0 at ±∞: near 0 by its power series (10.53.1), farther out by the recurrence (10.51.1)
/// upwards.
#[inline(never)]
pub(crate) fn spherical_bessel_pi(x: f64, n: f64) -> f64 {
    let n = n.max(0.0) as i32;
    let size = x.abs();
    if size == f64::INFINITY {
        return 0.0;
    }
    // Very large numbers, whose halves would overflow, are even integers.
    let z = if size < 1e17 { product(PI, exactly(size)) } else { exactly(PI[0] * size) };
    let y = if z[0] * z[0] < f64::from(2 * (2 * n + 3)) {
        let first = (1..=n).fold(exactly(1.0), |term, k| quotient(product(term, z), exactly(f64::from(2 * k + 1))));
        let square = product(z, [-0.5 * z[0], -0.5 * z[1]]);
        let (mut sum, mut term) = (first, first);
        for k in 1.. {
            term = quotient(product(term, square), exactly(f64::from(k * (2 * (n + k) + 1))));
            if term[0].abs() <= 1e-20 * sum[0].abs() || term[0].is_nan() {
                break;
            }
            sum = add(sum, term);
        }
        nearest(sum)
    } else {
        let (s, c) = sin_cos_pi(size);
        let z = nearest(z);
        let mut last = [c / z, s / z];
        for k in 0..n {
            last = [last[1], f64::from(2 * k + 1) / z * last[1] - last[0]];
        }
        last[1]
    };
    if x < 0.0 && n % 2 == 1 { -y } else { y }
}
