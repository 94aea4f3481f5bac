//! The incomplete gamma functions, regularised: the distribution function of the gamma distribution, and its tail.

use super::super::exponential::exp_m1;
use super::super::logarithm::ln;
use super::super::pair::{Pair, product, quotient};
use super::super::power::ln_pair;
use super::gamma::digamma;
use super::{add, exactly, nearest, sqrt};

/// `(−1)ᵏ·ζ(k)/k` for `k = 2, 3, …`
const LGAMMA_SERIES: [f64; 26] = [
    0.822_467_033_424_113_2,
    -0.400_685_634_386_531_43,
    0.270_580_808_427_784_54,
    -0.207_385_551_028_673_98,
    0.169_557_176_997_408_2,
    -0.144_049_896_768_846_1,
    0.125_509_669_524_743_04,
    -0.111_334_265_869_564_69,
    0.100_099_457_512_781_8,
    -0.090_954_017_145_829_04,
    0.083_353_840_546_109,
    -0.076_932_516_411_352_2,
    0.071_432_946_295_361_33,
    -0.066_668_705_882_420_46,
    0.062_500_955_141_213_04,
    -0.058_823_978_658_684_585,
    0.055_555_767_627_403_614,
    -0.052_631_679_379_616_66,
    0.050_000_047_698_101_69,
    -0.047_619_070_330_142_226,
    0.045_454_556_293_204_67,
    -0.043_478_266_053_040_26,
    0.041_666_669_150_341_21,
    -0.040_000_001_192_140_14,
    0.038_461_539_034_675_18,
    -0.037_037_037_312_989_324,
];

/// `ln Γ(1 + a)` for `0 < a < 1`
fn lgamma_1p(a: f64) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    if a < 0.3 {
        return a * (LGAMMA_SERIES.iter().rev().fold(0.0, |sum, c| (sum + c) * a) - EULER);
    }
    let [sum, lost] = add(exactly(1.0), exactly(a));
    libm::lgamma(sum) + lost * digamma(sum)
}

/// `exp(x)` of a number in two parts.
fn exp([x, lost]: Pair) -> Pair {
    let y = libm::exp(x);
    [y, y * lost]
}

/// 1/√(2π) in two parts.
const FRAC_1_SQRT_2PI: Pair = [0.398_942_280_401_432_7, -2.492_327_202_777_73e-17];

/// From here on Stirling's series of the gamma function (DLMF 5.11.3) has converged.
const STIRLING: f64 = 20.0;

/// `1/(12a) − 1/(360a³) + …`
fn stirling(a: f64) -> f64 {
    let z = 1.0 / (a * a);
    (1.0 / 12.0
        - z * (1.0 / 360.0 - z * (1.0 / 1260.0 - z * (1.0 / 1680.0 - z * (1.0 / 1188.0 - z * (691.0 / 360_360.0))))))
        / a
}

/// `exp(log)/Γ(a)` for `a` below [`STIRLING`]: by the recurrence and that series, in twice the digits.
fn over_gamma(log: Pair, a: f64) -> Pair {
    let (mut shifted, mut factors) = (exactly(a), exactly(1.0));
    while shifted[0] < STIRLING {
        factors = product(factors, shifted);
        shifted = add(shifted, exactly(1.0));
    }
    let [ln, ln_lost] = ln_pair(shifted[0]);
    let ln = add([ln, ln_lost], exactly(shifted[1] / shifted[0]));
    let gamma = add(product(add(shifted, exactly(-0.5)), ln), [-shifted[0], -shifted[1]]);
    let gamma = add(gamma, exactly(stirling(shifted[0])));
    product(exp(add(log, [-gamma[0], -gamma[1]])), product(factors, FRAC_1_SQRT_2PI))
}

/// `xᵃ·exp(−x)/Γ(a + 1)`, its logarithm in twice the digits.
fn prefactor(a: f64, x: f64) -> Pair {
    if a < STIRLING {
        return quotient(over_gamma(add(product(exactly(a), ln_pair(x)), exactly(-x)), a), exactly(a));
    }
    let [ratio, lost] = quotient(exactly(x), exactly(a));
    if ratio == 0.0 || ratio == f64::INFINITY {
        return exactly(0.0);
    }
    let [ln, ln_lost] = ln_pair(ratio);
    let power = product(exactly(a), add([ln, ln_lost], exactly(lost / ratio)));
    let difference = add(exactly(a), exactly(-x));
    let y = exp(add(add(power, difference), exactly(-stirling(a))));
    quotient(product(y, FRAC_1_SQRT_2PI), sqrt(exactly(a)))
}

/// The lower one by its power series (DLMF 8.7.1), which has positive terms: about 6√a of them where `x` is near `a`.
fn by_series(a: f64, x: f64) -> f64 {
    let (mut sum, mut term) = (exactly(1.0), exactly(1.0));
    for k in 1..1 << 24 {
        term = quotient(product(term, exactly(x)), add(exactly(a), exactly(f64::from(k))));
        if term[0] <= 1e-18 * sum[0] {
            break;
        }
        sum = add(sum, term);
    }
    nearest(product(prefactor(a, x), sum))
}

/// The upper one by Legendre's continued fraction (DLMF 8.9.2), from a depth that is doubled until the result stays.
fn by_fraction(a: f64, x: f64) -> f64 {
    let shift = x - a;
    let at = |depth: i32| {
        let mut y = 0.0;
        for k in (1..=depth).rev() {
            let k = f64::from(k);
            y = k * (a - k) / (shift + (2.0 * k + 1.0) + y);
        }
        1.0 / (shift + 1.0 + y)
    };
    let (mut depth, mut y) = (64, at(32));
    loop {
        let next = at(depth);
        if (next - y).abs() <= 1e-16 * next || depth > 1 << 24 {
            return nearest(product(prefactor(a, x), exactly(a * next)));
        }
        (depth, y) = (2 * depth, next);
    }
}

/// The upper one for small `a` and `x`, whose lower one is near 1.
fn small_upper(a: f64, x: f64) -> f64 {
    let log = a * ln(x) - lgamma_1p(a);
    let (mut sum, mut term) = (0.0, 1.0);
    for k in 1..40 {
        let k = f64::from(k);
        term *= -x / k;
        sum += term / (a + k);
    }
    -exp_m1(log) - libm::exp(log) * a * sum
}

/// What does not need computing: outside the domain, at 0, and where the upper function has vanished; the lower function.
fn end(a: f64, x: f64) -> Option<f64> {
    if a.is_nan() || x.is_nan() || a <= 0.0 || x < 0.0 || a == f64::INFINITY {
        return Some(f64::NAN);
    }
    if x == 0.0 { Some(0.0) } else { (x > 1e4 + 100.0 * a).then_some(1.0) }
}

/// `1/Γ(a)·∫ tᵃ⁻¹·exp(−t) dt` from 0 to `x`
#[inline(never)]
pub(crate) fn gammainc(x: f64, a: f64) -> f64 {
    if let Some(y) = end(a, x) {
        return y;
    }
    if x >= a && x >= 0.5 { 1.0 - by_fraction(a, x) } else { by_series(a, x) }
}

/// `1/Γ(a)·∫ tᵃ⁻¹·exp(−t) dt` from `x` to ∞
#[inline(never)]
pub(crate) fn gammaincc(x: f64, a: f64) -> f64 {
    if let Some(y) = end(a, x) {
        return 1.0 - y;
    }
    if x < 0.5 && a < 1.0 {
        small_upper(a, x)
    } else if x < a {
        1.0 - by_series(a, x)
    } else {
        by_fraction(a, x)
    }
}

/// `xᵃ⁻¹·exp(−x)/Γ(a)`, the density of the gamma distribution.
#[inline(never)]
pub(crate) fn gamma_density(x: f64, a: f64) -> f64 {
    if x == 0.0 && a > 0.0 {
        return if a > 1.0 {
            0.0
        } else if a < 1.0 {
            f64::INFINITY
        } else {
            1.0
        };
    }
    if end(a, x).is_some() {
        return if a > 0.0 && x > 0.0 { 0.0 } else { f64::NAN };
    }
    if a < STIRLING {
        let less = add(exactly(a), exactly(-1.0));
        return nearest(over_gamma(add(product(less, ln_pair(x)), exactly(-x)), a));
    }
    let y = prefactor(a, x);
    if y[0] == 0.0 { 0.0 } else { nearest(product(y, quotient(exactly(a), exactly(x)))) }
}
