//! Functions of the normal distribution's tails: scaled, inverted and as logarithms.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, PI};

use super::super::logarithm::{ln, ln_1p};
use super::super::normal;
use super::super::pair::{Pair, product, quotient};
use super::{add, exactly, nearest};

/// 2/√π and √(2/π) in two parts.
const TWO_OVER_SQRT_PI: Pair = [FRAC_2_SQRT_PI, 1.533_545_961_316_588e-17];
const SQRT_2_OVER_PI: Pair = [0.797_884_560_802_865_4, -4.984_654_404_555_46e-17];

/// `exp(x²)`, whose square's round-off it would magnify.
fn exp_square(x: f64) -> f64 {
    let size = x.abs();
    if size > 27.0 {
        return f64::INFINITY;
    }
    let [square, lost] = product(exactly(size), exactly(size));
    let y = libm::exp(square);
    if y.is_finite() { y + y * lost } else { y }
}

/// `exp(x²)·erfc(x)`
#[inline(never)]
pub(crate) fn erfcx(x: f64) -> f64 {
    /// From here on the asymptotic series (DLMF 7.12.1) has converged.
    const FAR: f64 = 26.0;
    /// `(−1)ᵏ·(2k − 1)!!`
    const SERIES: [f64; 9] = [1.0, -1.0, 3.0, -15.0, 105.0, -945.0, 10_395.0, -135_135.0, 2_027_025.0];
    if x.is_nan() {
        return x;
    }
    if x >= FAR {
        let z = 0.5 / (x * x);
        let series = SERIES.iter().rev().fold(0.0, |sum, c| sum * z + c);
        return 0.5 * FRAC_2_SQRT_PI / x * series;
    }
    if x >= 0.75 {
        let [y, rest] = normal::upper_part(x, 0.0);
        return y + rest;
    }
    if x > -0.75 { exp_square(x) * normal::erfc(x) } else { exp_square(x) * (1.0 + normal::erf(-x)) }
}

/// `2/√π·∫ (2t)ⁿ·exp(−t² − 2xt) dt` over `t > 0`: the derivative of order `n` of [`erfcx`], without its sign.
///
/// These are Miller's iterated integrals of the error function times `2ⁿ·n!·exp(x²)` (DLMF 7.18). Their ratios
/// follow from the recurrence run backwards, which only adds; for negative `x` it is run forwards, where that does.
#[inline(never)]
pub(crate) fn erfcx_slope(x: f64, n: f64) -> f64 {
    let n = n.max(0.0) as usize;
    if x.is_nan() {
        return x;
    }
    if n == 0 {
        return erfcx(x);
    }
    if x <= 0.0 {
        let mut last = [FRAC_2_SQRT_PI, erfcx(x)];
        for k in 1..=n {
            let before = if k == 1 { last[0] } else { 2.0 * (k - 1) as f64 * last[0] };
            last = [last[1], before - 2.0 * x * last[1]];
        }
        return last[1];
    }
    if x == f64::INFINITY {
        return 0.0;
    }
    if x < 1.0 {
        return nearest(near_slope(exactly(x), n));
    }
    // r_k = F_k/F_{k−1} = 2k/(2x + r_{k+1}); the farther from 0, the sooner it forgets where it began.
    let depth = n + 24 + (150.0 / x) as usize;
    let start = if x < 1e9 { (x * x + 2.0 * depth as f64).sqrt() - x } else { 0.0 };
    let far = (n + 8..depth).rev().fold(start, |ratio, k| 2.0 * k as f64 / (2.0 * x + ratio));
    let (mut ratio, mut y) = (exactly(far), exactly(1.0));
    for k in (1..n + 8).rev() {
        ratio = quotient(exactly(2.0 * k as f64), add(ratio, exactly(2.0 * x)));
        if k <= n {
            y = product(y, ratio);
        }
    }
    nearest(product(y, quotient(TWO_OVER_SQRT_PI, add(ratio, exactly(2.0 * x)))))
}

/// The same by its Taylor series, which alternates, in twice the digits.
fn near_slope(x: Pair, n: usize) -> Pair {
    let order = n as f64;
    // The values at 0: Fₖ = 2(k − 1)·Fₖ₋₂.
    let mut at_zero = [exactly(1.0), TWO_OVER_SQRT_PI];
    for k in 2..=n + 1 {
        at_zero = [at_zero[1], product(at_zero[0], exactly(2.0 * (k - 1) as f64))];
    }
    let [first, second] = at_zero;
    let square = product(x, x);
    let mut terms = [first, product(second, [-x[0], -x[1]])];
    let mut sum = add(terms[0], terms[1]);
    for k in 0..200 {
        let k = f64::from(k);
        let factor = quotient(exactly(2.0 * (order + k + 1.0)), exactly((k + 1.0) * (k + 2.0)));
        let next = product(product(terms[0], square), factor);
        sum = add(sum, next);
        if next[0].abs() < 1e-20 {
            break;
        }
        terms = [terms[1], next];
    }
    sum
}

/// `tₙ(x)` of Laplace's continued fraction, for `x < −√2`.
fn laplace(x: f64, n: usize) -> f64 {
    let size = -x;
    let end = n + 24 + (212.0 / size) as usize;
    let start = if size < 1e9 { ((size * size + 4.0 * end as f64).sqrt() - size) / 2.0 } else { 0.0 };
    (n..end).rev().fold(start, |ratio, k| k as f64 / (size + ratio))
}

/// From here on to the left that has converged.
const LAPLACE: f64 = -std::f64::consts::SQRT_2;

/// Up to here the terms of a Taylor series are few.
const NEAR: f64 = 2.0;

/// `φ(x)/Φ(x)` between the two, where it is `√(2/π)/erfcx(−x/√2)`.
fn near_mills(x: f64) -> Pair {
    let u = product(exactly(-x), [FRAC_1_SQRT_2, -4.833_646_656_726_457e-17]);
    quotient(SQRT_2_OVER_PI, near_slope(u, 0))
}

/// `tₙ = n/(|x| + tₙ₊₁)` for `x ≤ 0`, the parts of Laplace's continued fraction `φ(x)/Φ(x) + x = t₁` (DLMF 7.9.2); NaN for
/// positive `x`.
#[inline(never)]
pub(crate) fn laplace_ratio(x: f64, n: f64) -> f64 {
    let n = n.max(0.0) as usize;
    if x.is_nan() || x > 0.0 {
        return f64::NAN;
    }
    if n == 0 || x == f64::NEG_INFINITY {
        return 0.0;
    }
    if x < LAPLACE {
        return laplace(x, n);
    }
    let first = add(near_mills(x), exactly(x));
    nearest((1..n).fold(first, |t, k| add(quotient(exactly(k as f64), t), exactly(x))))
}

/// `φ(x)/Φ(x)`, the slope of [`log_ndtr`].
#[inline(never)]
pub(crate) fn inverse_mills(x: f64) -> f64 {
    if x < LAPLACE {
        return laplace(x, 1) - x;
    }
    if x < NEAR {
        return nearest(near_mills(x));
    }
    normal::gaussian(x) * (0.5 * SQRT_2_OVER_PI[0]) / normal::normal_cdf(x)
}

/// `y·(y + x)` for `y = φ(x)/Φ(x)`, the slope of [`inverse_mills`] without its sign.
#[inline(never)]
pub(crate) fn mills_slope(x: f64) -> f64 {
    if x == f64::NEG_INFINITY {
        return 1.0;
    }
    if x < LAPLACE {
        let sum = laplace(x, 1);
        return sum * (sum - x);
    }
    if x < NEAR {
        let y = near_mills(x);
        return nearest(product(y, add(y, exactly(x))));
    }
    let y = inverse_mills(x);
    if y == 0.0 { 0.0 } else { y * (y + x) }
}

/// `ln Φ(x)`
#[inline(never)]
pub(crate) fn log_ndtr(x: f64) -> f64 {
    if x < -1.0 {
        return ln(erfcx(-x * FRAC_1_SQRT_2)) - (0.5 * x * x + LN_2);
    }
    if x < 0.0 { ln(normal::normal_cdf(x)) } else { ln_1p(-normal::normal_cdf(-x)) }
}

/// The number whose upper tail of the normal distribution is `q ≤ ½`: roughly, |error| < 5·10⁻⁴ (Hastings 1955;
/// Abramowitz & Stegun 26.2.23).
fn roughly(q: f64) -> f64 {
    let t = (-2.0 * ln(q)).sqrt();
    let top = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let bottom = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    t - top / bottom
}

/// The inverse of Φ, the normal distribution function: roughly, then two of Halley's steps, each of which triples the
/// digits, on the relative error of the smaller tail.
#[inline(never)]
pub(crate) fn ndtri(p: f64) -> f64 {
    if p.is_nan() || !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    let (q, sign) = if p <= 0.5 { (p, -1.0) } else { (1.0 - p, 1.0) };
    if q == 0.0 {
        return sign * f64::INFINITY;
    }
    if q > 0.25 {
        // Φ(y) = ½ + ½·erf(y/√2), and p − ½ is exact.
        return erfinv_near(2.0 * (p - 0.5)) * std::f64::consts::SQRT_2;
    }
    let mut y = roughly(q);
    for _ in 0..2 {
        let step = (1.0 - q / normal::normal_cdf(-y)) / inverse_mills(-y);
        y += halley(step, y);
    }
    sign * y
}

/// Halley's step from Newton's, for a function whose second derivative is `−y` times its first.
fn halley(step: f64, y: f64) -> f64 {
    step / (1.0 - 0.5 * step * y).max(0.5)
}

/// The inverse of the error function, likewise.
#[inline(never)]
pub(crate) fn erfinv(x: f64) -> f64 {
    let size = x.abs();
    if x.is_nan() || size > 1.0 {
        return f64::NAN;
    }
    if size < 0.5 {
        return erfinv_near(x);
    }
    let q = 1.0 - size;
    if q == 0.0 {
        return f64::INFINITY.copysign(x);
    }
    let mut y = roughly(0.5 * q) * FRAC_1_SQRT_2;
    for _ in 0..2 {
        let step = (normal::erfc(y) / q - 1.0) * (q / FRAC_2_SQRT_PI) * exp_square(y);
        y += halley(step, 2.0 * y);
    }
    y.copysign(x)
}

/// The inverse of the error function up to ½, from its Taylor series.
fn erfinv_near(x: f64) -> f64 {
    let z = 0.25 * PI * x * x;
    let series = 1.0 + z * (1.0 / 3.0 + z * (7.0 / 30.0 + z * (127.0 / 630.0)));
    let mut y = x * (series / FRAC_2_SQRT_PI);
    for _ in 0..2 {
        let step = (x - normal::erf(y)) / FRAC_2_SQRT_PI * libm::exp(y * y);
        y += halley(step, 2.0 * y);
    }
    y
}
