//! Argument reduction of large numbers: the angle less all quarter turns (Payne & Hanek 1983).

use super::ieee::exact_product;

/// The bits of 2/π after the binary point, as far as the largest number needs them.
const TWO_OVER_PI: [u64; 20] = [
    0xa2f9_836e_4e44_1529,
    0xfc27_57d1_f534_ddc0,
    0xdb62_9599_3c43_9041,
    0xfe51_63ab_debb_c561,
    0xb724_6e3a_424d_d2e0,
    0x0649_2eea_09d1_921c,
    0xfe1d_eb1c_b129_a73e,
    0xe882_35f5_2ebb_4484,
    0xe99c_7026_b45f_7e41,
    0x3991_d639_8353_39f4,
    0x9c84_5f8b_bdf9_283b,
    0x1ff8_97ff_de05_980f,
    0xef2f_118b_5a0a_6d1f,
    0x6d36_7ecf_27cb_09b7,
    0x4f46_3f66_9e5f_ea2d,
    0x7527_bac7_ebe5_f17b,
    0x3d07_39f7_8a52_92ea,
    0x6bfb_5fb1_1f8d_5d08,
    0x5603_3046_fc7b_6bab,
    0xf0cf_bc20_9af4_361d,
];

/// The lowest two bits of the number of quarter turns nearest to a number of at least 2⁸, and the remaining angle
/// with its round-off.
///
/// Bits of 2/π whose product with the number is a multiple of four turns do not matter, nor do bits more than 190
/// places behind the point of the product: no number of 53 bits is so close to a quarter turn that more than 62 of
/// these 190 bits vanish.
#[cold]
#[inline(never)]
pub(super) fn less_quarter_turns(x: f64) -> (u64, [f64; 2]) {
    if !x.is_finite() {
        return (0, [f64::NAN; 2]);
    }
    let bits = x.to_bits();
    let mantissa = (bits & ((1 << 52) - 1)) | 1 << 52;
    // x = mantissa·2ᵉ; the bit of weight 2⁻ʲ contributes a multiple of 2ᵉ⁻ʲ, so the first one that matters has j = e
    // − 1.
    let first = (bits >> 52 & 0x7ff) as i32 - 1075 - 1;
    let turns = product(mantissa, [0, 1, 2].map(|word| bits_from(first + 64 * word)));
    // Two bits before the point, 190 behind it; rounded to the nearest quarter turn, with a sign.
    let quarter = (turns[0] >> 62).wrapping_add(turns[0] >> 61 & 1);
    let fraction = [turns[0] << 2 | turns[1] >> 62, turns[1] << 2 | turns[2] >> 62, turns[2] << 2];
    let below = fraction[0] >> 63 == 1;
    let size = if below { negated(fraction) } else { fraction };
    let shift = size[0].leading_zeros();
    let left = |high: u64, low: u64| if shift == 0 { high } else { high << shift | low >> (64 - shift) };
    let (high, low) = (left(size[0], size[1]), left(size[1], size[2]));
    // The 128 bits as two numbers of 53, in units of 2⁻⁶⁴⁻ˢʰⁱᶠᵗ and 2⁻¹¹⁷⁻ˢʰⁱᶠᵗ.
    let unit = f64::from_bits((1023 - 64 - u64::from(shift)) << 52);
    let head = (high >> 11 << 11) as f64 * unit;
    let rest = ((high << 53 | low >> 11) as f64 * unit) * f64::from_bits((1023 - 53) << 52);
    let turned = if (x < 0.0) != below { [-head, -rest] } else { [head, rest] };
    let quarter = if x < 0.0 { quarter.wrapping_neg() } else { quarter };
    const HALF_PI: [f64; 2] = [std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17];
    let [r, lost] = exact_product(turned[0], HALF_PI[0]);
    let lost = lost + (turned[0] * HALF_PI[1] + turned[1] * HALF_PI[0]);
    let sum = r + lost;
    (quarter & 3, [sum, (r - sum) + lost])
}

/// 64 bits of 2/π, from the one of weight 2⁻ʲ on.
fn bits_from(j: i32) -> u64 {
    let (word, bit) = ((j - 1).div_euclid(64), (j - 1).rem_euclid(64));
    let at = |word: i32| usize::try_from(word).ok().and_then(|word| TWO_OVER_PI.get(word)).copied().unwrap_or(0);
    if bit == 0 { at(word) } else { at(word) << bit | at(word + 1) >> (64 - bit) }
}

/// The product of a number with one of 192 bits, modulo 2¹⁹².
fn product(m: u64, [high, middle, low]: [u64; 3]) -> [u64; 3] {
    let low = u128::from(m) * u128::from(low);
    let middle = u128::from(m) * u128::from(middle) + (low >> 64);
    let high = m.wrapping_mul(high).wrapping_add((middle >> 64) as u64);
    [high, middle as u64, low as u64]
}

/// 2¹⁹² minus a number that is not 0.
fn negated([high, middle, low]: [u64; 3]) -> [u64; 3] {
    let (low, carry) = (!low).overflowing_add(1);
    let (middle, carry) = (!middle).overflowing_add(u64::from(carry));
    [(!high).wrapping_add(u64::from(carry)), middle, low]
}
