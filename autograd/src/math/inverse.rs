//! The inverse trigonometric functions, and reciprocals of roots and sums. For `f32` they are computed in `f64`.

use super::ieee::{Ieee, exact_product, polynomial};
use super::{abs, select};

/// π/4, whose first part ends in three zeros, so that its multiples up to 4 are exact.
const QUARTER_PI: [f64; 2] = [std::f64::consts::FRAC_PI_4, 3.061_616_997_868_383e-17];

/// A power of 2 by which small numbers are scaled up.
const LIFT: f64 = f64::from_bits((1023 + 600) << 52);

/// `atan2(a, b)`: the quotient of the smaller by the larger magnitude, less an eighth of a turn if that leaves less.
///
/// The quotient keeps its round-off: it is at most tan(π/8), and its contribution to the result is at least as large.
#[inline(always)]
pub(super) fn atan2_64(a: f64, b: f64) -> f64 {
    const TAN_EIGHTH: f64 = 0.414_213_562_373_095_03;
    let (size_a, size_b) = (abs(a), abs(b));
    let steep = size_a > size_b;
    let (low, high) = (select(steep, size_b, size_a), select(steep, size_a, size_b));
    // Two infinities count as equal. The sum must not overflow, nor must the round-off underflow.
    let infinite = high == f64::INFINITY;
    let low = select(infinite, select(low == high, 1.0, 0.0), low);
    let high = select(infinite, 1.0, high);
    let fit = select(high > f64::MAX / 4.0, 0.25, select(high < 1e-150, LIFT, 1.0));
    let (low, high) = (low * fit, high * fit);
    let turned = low > high * TAN_EIGHTH;
    let top = select(turned, low - high, low);
    let bottom = select(turned, low + high, high);
    // The round-off of the two, of which `high` is the larger.
    let top_lost = select(turned, low - (top + high), 0.0);
    let bottom_lost = select(turned, low - (bottom - high), 0.0);
    let t = top / bottom;
    let [product, lost] = exact_product(t, bottom);
    let t_lost = (((top - product) - lost) + (top_lost - t * bottom_lost)) / bottom;
    // 0/0; and the round-off of so small a quotient has no digits.
    let t = select(high == 0.0, 0.0, t);
    let t_lost = select(abs(t) > 1e-150, t_lost, 0.0);
    let z = t * t;
    let rest = t * (z * atan_rest(z)) + t_lost;
    // The angle is a number of eighths of a turn, plus or minus atan(t).
    let back = b.to_bits() >> 63 == 1;
    let eighths = select(turned, 1.0, 0.0);
    let eighths = select(steep, 2.0 - eighths, eighths);
    let eighths = select(back, 4.0 - eighths, eighths);
    let (t, rest) = if steep != back { (-t, -rest) } else { (t, rest) };
    let y = eighths * QUARTER_PI[0] + (t + (rest + eighths * QUARTER_PI[1]));
    select(a.is_nan() | b.is_nan(), a + b, y.with_sign(a))
}

/// `(atan(t)/t − 1)/z` for `z = t²`, `|t| ≤ tan(π/8)`
#[inline(always)]
fn atan_rest(z: f64) -> f64 {
    polynomial!(z; -0.333_333_333_333_333_3, 0.199_999_999_999_998_15, -0.142_857_142_856_624_38, 0.111_111_111_053_918_62,
        -0.090_909_087_644_850_96, 0.076_922_966_728_079_78, -0.066_664_299_190_332_1, 0.058_789_836_419_205_23,
        -0.052_308_354_008_407_415, 0.045_532_440_096_118_48, -0.034_610_971_199_672_79, 0.016_328_474_885_167_595)
}

#[inline(always)]
pub(super) fn atan_64(x: f64) -> f64 {
    atan2_64(x, 1.0)
}

/// `s`, and `asin(s) − s`. For `|x| ≤ ½`, `s = x`; else `s = √((1 − |x|)/2)`, whose arc sine is half the arc cosine
/// of `|x|`.
#[inline(always)]
fn arc(x: f64) -> [f64; 2] {
    let size = abs(x);
    let small = size <= 0.5;
    let z = select(small, x * x, 0.5 * (1.0 - size));
    let root = f64::sqrt(z);
    let [square, lost] = exact_product(root, root);
    let root_lost = ((z - square) - lost) / (root + root);
    let s = select(small, x, root);
    let s_lost = select(small | (root == 0.0), 0.0, root_lost);
    [s, s * (z * asin_rest(z)) + s_lost]
}

/// `(asin(x)/x − 1)/z` for `z = x²`, `|x| ≤ ½`
#[inline(always)]
fn asin_rest(z: f64) -> f64 {
    polynomial!(z; 0.166_666_666_666_666_69, 0.074_999_999_999_982_39, 0.044_642_857_146_729_054, 0.030_381_944_110_505_47,
        0.022_372_174_027_554_773, 0.017_352_367_931_249_76, 0.013_971_571_737_727_16, 0.011_475_760_706_674_64,
        0.010_344_514_674_408_362, 0.005_366_495_441_669_932, 0.017_642_892_701_447_29, -0.015_221_522_221_520_04,
        0.029_004_813_251_241_653)
}

#[inline(always)]
pub(super) fn asin_64(x: f64) -> f64 {
    let [s, rest] = arc(x);
    let [half_pi, half_pi_lost] = QUARTER_PI.map(|part| 2.0 * part);
    let large = half_pi - (2.0 * s + (2.0 * rest - half_pi_lost));
    select(abs(x) <= 0.5, s + rest, large.with_sign(x))
}

#[inline(always)]
pub(super) fn acos_64(x: f64) -> f64 {
    let [s, rest] = arc(x);
    let [half_pi, half_pi_lost] = QUARTER_PI.map(|part| 2.0 * part);
    let small = half_pi - (s + (rest - half_pi_lost));
    let back = 2.0 * half_pi - 2.0 * (s + (rest - half_pi_lost));
    select(abs(x) <= 0.5, small, select(x < 0.0, back, 2.0 * (s + rest)))
}

/// `a/(a² + b²)`, with squares that neither overflow nor underflow; 0 at the origin, and where either is infinite.
#[inline(always)]
pub(super) fn inverted_64(a: f64, b: f64) -> f64 {
    let (size_a, size_b) = (abs(a), abs(b));
    let steep = size_a > size_b;
    let (low, high) = (select(steep, size_b, size_a), select(steep, size_a, size_b));
    let up = select(high > 1e150, 1.0 / LIFT, select(high < 1e-150, LIFT, 1.0));
    let (size, low, high) = (size_a * up, low * up, high * up);
    let ([large, large_lost], [small, small_lost]) = (exact_product(high, high), exact_product(low, low));
    let sum = large + small;
    let sum_lost = ((large - sum) + small) + (large_lost + small_lost);
    let y = size / sum;
    let [product, lost] = exact_product(y, sum);
    let rest = (((size - product) - lost) - y * sum_lost) / sum;
    // Such a small number has no digits to lose.
    let y = select(size > 1e-140, y + rest, y) * up;
    let nothing = (high == 0.0) | (size_a == f64::INFINITY) | (size_b == f64::INFINITY);
    select(a.is_nan() | b.is_nan(), a + b, select(nothing, 0.0, y).with_sign(a))
}

macro_rules! in_f64 {
    ($($name:ident $double:ident;)*) => { $(
        #[inline(always)]
        pub(super) fn $name(x: f32) -> f32 {
            $double(f64::from(x)) as f32
        }
    )* };
}
in_f64! { atan_32 atan_64; asin_32 asin_64; acos_32 acos_64; asin_slope_32 asin_slope_64; atan_slope_32 atan_slope_64;
over_size_32 over_size_64; rsqrt_32 rsqrt_64; }

/// `1/√(1 − x²)`, with the round-off of the difference, the root and the quotient.
#[inline(always)]
pub(super) fn asin_slope_64(x: f64) -> f64 {
    let [square, lost] = exact_product(x, x);
    let z = 1.0 - square;
    over_root(z, ((1.0 - z) - square) - lost)
}

/// `1/√x`
#[inline(always)]
pub(super) fn rsqrt_64(x: f64) -> f64 {
    // Scaled by powers of 4 into the range where no product overflows or underflows.
    let up = select(x < 1e-150, LIFT, select(x > 1e150, 1.0 / LIFT, 1.0));
    const ROOT: f64 = f64::from_bits((1023 + 300) << 52);
    let root = select(x < 1e-150, ROOT, select(x > 1e150, 1.0 / ROOT, 1.0));
    over_root(x * up, 0.0) * root
}

/// `1/√(z + lost)`
#[inline(always)]
fn over_root(z: f64, lost: f64) -> f64 {
    let y = 1.0 / f64::sqrt(z);
    let [square, square_lost] = exact_product(y, y);
    let [one, one_lost] = exact_product(square, z);
    // y·(1 − (y²·z − 1)/2)
    let rest = (((1.0 - one) - one_lost) - square_lost * z) - square * lost;
    select((z > 0.0) & (z < f64::INFINITY), y + y * (0.5 * rest), y)
}

/// `1/(1 + |x|)`, with the round-off of the sum and the quotient.
#[inline(always)]
pub(super) fn over_size_64(x: f64) -> f64 {
    let size = abs(x);
    let sum = 1.0 + size;
    let [high, low] = select(size > 1.0, [size, 1.0], [1.0, size]);
    over_sum(sum, (high - sum) + low)
}

/// `1/(sum + lost)`
#[inline(always)]
fn over_sum(sum: f64, lost: f64) -> f64 {
    let y = 1.0 / sum;
    let [one, one_lost] = exact_product(y, sum);
    let rest = ((1.0 - one) - one_lost) - y * lost;
    select(sum < 1e300, y + y * rest, y)
}

/// `1/(1 + x²)`, with the round-off of the square, the sum and the quotient.
#[inline(always)]
pub(super) fn atan_slope_64(x: f64) -> f64 {
    let [square, lost] = exact_product(x, x);
    let sum = 1.0 + square;
    let [high, low] = select(square > 1.0, [square, 1.0], [1.0, square]);
    over_sum(sum, lost + ((high - sum) + low))
}
