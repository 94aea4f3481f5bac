//! The logarithm of the gamma function, and its derivatives.

use super::super::pair::{Pair, product, quotient};
use super::super::power::{ln_pair, pow64};
use super::{add, exactly, nearest, sin_cos_pi};

/// `ln |Γ(x)|`; ∞ at 0 and at the negative integers.
#[inline(never)]
pub(crate) fn lgamma(x: f64) -> f64 {
    if x == f64::NEG_INFINITY { f64::INFINITY } else { libm::lgamma(x) }
}

/// The positive root of the digamma function in two parts, and the function's Taylor coefficients about it.
const ROOT: Pair = [1.461_632_144_968_362_2, 9.549_995_429_965_697e-17];
const ABOUT_ROOT: [f64; 16] = [
    0.967_672_245_447_621_2,
    -0.442_763_168_983_592_1,
    0.258_499_760_955_651,
    -0.163_942_705_442_406_52,
    0.107_824_050_691_262_37,
    -0.072_199_561_256_454_71,
    0.048_804_288_164_143_11,
    -0.033_161_126_474_847_36,
    0.022_597_648_232_218_104,
    -0.015_424_765_904_948_96,
    0.010_538_791_616_612_175,
    -0.007_204_534_386_356_869,
    0.004_926_781_395_729_853,
    -0.003_369_801_655_439_328,
    0.002_305_126_326_734_928,
    -0.001_576_936_771_430_197_2,
];

/// `B₂ⱼ/2j` for the Bernoulli numbers.
const DIGAMMA_SERIES: [f64; 8] = [
    0.083_333_333_333_333_33,
    -0.008_333_333_333_333_333,
    0.003_968_253_968_253_968,
    -0.004_166_666_666_666_667,
    0.007_575_757_575_757_576,
    -0.021_092_796_092_796_094,
    0.083_333_333_333_333_33,
    -0.443_259_803_921_568_6,
];

/// `ψ(x)`, the logarithmic derivative of the gamma function: by its recurrence (DLMF 5.5.2) up to where its
/// asymptotic series (5.11.2) has converged, and by reflection (5.5.4) for negative `x`. ∓∞ at ±0, NaN at the negative
/// integers, whose sides differ.
#[inline(never)]
pub(crate) fn digamma(x: f64) -> f64 {
    if x.abs() < 1e-20 {
        return -1.0 / x;
    }
    if x > 0.0 {
        return nearest(digamma_pair(exactly(x)));
    }
    let (s, c) = sin_cos_pi(x);
    if s == 0.0 || s.is_nan() {
        return f64::NAN;
    }
    let [one_less, lost] = add(exactly(1.0), exactly(-x));
    let other = digamma_pair([one_less, lost]);
    nearest(add(other, exactly(-std::f64::consts::PI * c / s)))
}

/// The same for a positive `x` in two parts.
fn digamma_pair(x: Pair) -> Pair {
    /// The series' error is below the round-off from here on.
    const FAR: f64 = 13.0;
    if x[0] == f64::INFINITY || x[0].is_nan() {
        return x;
    }
    if x[0] > 1e18 {
        return ln_pair(x[0]); // what follows is below its round-off
    }
    let from_root = (x[0] - ROOT[0]) - ROOT[1] + x[1];
    if from_root.abs() < 0.1 {
        return exactly(ABOUT_ROOT.iter().rev().fold(0.0, |sum, c| (sum + c) * from_root));
    }
    let (mut at, mut sum) = (x, exactly(0.0));
    while at[0] < FAR {
        sum = add(sum, quotient(exactly(-1.0), at));
        at = add(at, exactly(1.0));
    }
    let over = 1.0 / at[0];
    let z = over * over;
    let series = DIGAMMA_SERIES.iter().rev().fold(0.0, |sum, c| (sum + c) * z);
    let [ln, ln_lost] = ln_pair(at[0]);
    let half = quotient(exactly(-0.5), at);
    add(add(add(exactly(ln), half), sum), exactly(ln_lost + at[1] * over - series))
}

/// `B₂ⱼ/(2j)!`
const EULER_MACLAURIN: [f64; 12] = [
    0.083_333_333_333_333_33,
    -0.001_388_888_888_888_889,
    3.306_878_306_878_307e-5,
    -8.267_195_767_195_768e-7,
    2.087_675_698_786_81e-8,
    -5.284_190_138_687_493e-10,
    1.338_253_653_068_467_9e-11,
    -3.389_680_296_322_582_7e-13,
    8.586_062_056_277_845e-15,
    -2.174_868_698_558_062e-16,
    5.509_002_828_360_229_5e-18,
    -1.395_446_468_581_252_2e-19,
];

/// `x^(−m)` of a number in two parts.
fn power([x, lost]: Pair, m: f64) -> f64 {
    let y = pow64(x, -m);
    if lost == 0.0 { y } else { y - y * (m * lost / x) }
}

/// `Σ 1/(x + k)ᵐ` over `k ≥ 0`, Hurwitz's zeta function, for a positive `x` in two parts (DLMF 25.11.5).
fn zeta(m: f64, mut x: Pair) -> Pair {
    if x[0] > 1e20 * m {
        return exactly(pow64(x[0], 1.0 - m) / (m - 1.0)); // what follows is below its round-off, and may underflow
    }
    let mut sum = exactly(0.0);
    while x[0] < 10.0 + m {
        let term = power(x, m);
        if term == f64::INFINITY {
            return exactly(term);
        }
        sum = add(sum, exactly(term));
        if term < 1e-19 * sum[0] {
            return sum; // the rest is smaller still: terms fall faster than geometrically here
        }
        x = add(x, exactly(1.0));
    }
    let y = power(x, m);
    let mut factor = m / x[0];
    let mut tail = 0.5;
    for (j, c) in EULER_MACLAURIN.iter().enumerate() {
        tail += c * factor;
        let k = m + 2.0 * j as f64;
        factor *= (k + 1.0) * (k + 2.0) / (x[0] * x[0]);
    }
    let head = quotient(x, exactly(m - 1.0));
    add(sum, product(exactly(y), add(head, exactly(tail))))
}

/// The derivative of order `n` of the digamma function (DLMF 5.15), for `n ≥ 0`; NaN for a negative order.
///
/// For negative `x` the recurrence is summed, the far part of it as a difference of two zeta functions. At 0 and the
/// negative integers it is ∞ for odd `n`; for even `n` ∓∞ at ±0, NaN at the others, whose sides differ.
#[inline(never)]
pub(crate) fn polygamma(x: f64, n: f64) -> f64 {
    let n = n.trunc();
    if n == 0.0 {
        return digamma(x);
    }
    if n.is_nan() || n < 0.0 || x.is_nan() || x == f64::NEG_INFINITY {
        return f64::NAN;
    }
    let (m, odd) = (n + 1.0, n % 2.0 == 1.0);
    let factorial = (2..=n.min(200.0) as u64).fold(1.0, |product, k| product * k as f64);
    let sign = if odd { factorial } else { -factorial };
    if x > 0.0 {
        if x == f64::INFINITY {
            return 0.0 * sign;
        }
        return nearest(zeta(m, exactly(x))) * sign;
    }
    if x == x.floor() {
        return if odd { f64::INFINITY } else { -1.0 / if x == 0.0 { x } else { f64::NAN } };
    }
    const NEAR: f64 = 10.0;
    let term = |[x, lost]: Pair| match x < 0.0 {
        true if odd => power([-x, -lost], m),
        true => -power([-x, -lost], m),
        false => power([x, lost], m),
    };
    let sum = if x > -NEAR {
        let (mut at, mut sum) = (exactly(x), exactly(0.0));
        while at[0] < 0.0 {
            let term = term(at);
            if term.is_infinite() {
                return term * sign;
            }
            sum = add(sum, exactly(term));
            at = add(at, exactly(1.0));
        }
        add(sum, zeta(m, at))
    } else {
        let r = x - x.floor();
        let other = add(zeta(m, exactly(1.0 - r)), exactly(-nearest(zeta(m, exactly(1.0 - x)))));
        let other = if odd { other } else { [-other[0], -other[1]] };
        add(zeta(m, exactly(r)), other)
    };
    nearest(sum) * sign
}
