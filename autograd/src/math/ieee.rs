//! Properties of a number type that the functions of this folder use: its bits, its constants, its polynomials.
//!
//! The coefficients are minimax fits (Remez's exchange algorithm in 300 bits) on the interval of each function's
//! argument reduction, rounded to the type. A polynomial is summed pairwise (Estrin 1960), not from one end (Horner):
//! its depth is logarithmic, and a tape of scalars waits for the depth.

use std::ops::BitOr;

use super::lanes::Lanes;
use super::trigonometric::{self, Wave};
use super::{Real, exponential, gate, pieces};

/// `c₀ + c₁x + c₂x² + …`, neighbours first: `(c₀ + c₁x) + (c₂ + c₃x)·x² + …`.
macro_rules! polynomial {
    ($x:expr; $c:expr) => { $c };
    ($x:expr; $($c:expr),+) => {{ let x = $x; polynomial!(@ x; []; $($c),+) }};
    (@ $x:ident; [$($sum:expr),*]; $a:expr, $b:expr $(, $c:expr)*) => {
        polynomial!(@ $x; [$($sum,)* $a + $b * $x]; $($c),*)
    };
    (@ $x:ident; [$($sum:expr),*]; $a:expr) => { polynomial!($x * $x; $($sum,)* $a) };
    (@ $x:ident; [$($sum:expr),*];) => { polynomial!($x * $x; $($sum),*) };
}

pub(super) use polynomial;

/// The internals of `f32` and `f64`. Sealed: only the functions of this folder use it.
#[doc(hidden)]
pub trait Ieee: Real {
    /// Half a unit in the last place of 1: a smaller relative change rounds away.
    const TINY: Self;
    /// The smallest normal number.
    const SMALLEST: Self;
    const INFINITY: Self;
    const NAN: Self;
    /// 1.5·2^(bits of the mantissa): adding it rounds a number of moderate size to an integer, held in the lowest
    /// bits.
    const ROUNDER: Self;
    /// `ln 2` as a head that ends in zeros, so that its multiples are exact, and the rest.
    const LN2: [Self; 2];
    /// Beyond this magnitude [`Ieee::less_quarter_turns`] is no longer valid.
    const FAR: Self;
    /// Below the first `x`, `exp(x)` is 0; beyond the second, `exp(x)` overflows; beyond the third, `cosh(x)` does.
    const EXP_RANGE: [Self; 3];
    /// √½ in two parts.
    const SQRT_HALF: [Self; 2];
    /// Beyond this `exp(−x²/2)` is 0.
    const GAUSSIAN_END: Self;
    /// The bound beyond which `erfc` is 0, and the point about which `erfc` is expanded.
    const ERFC_RANGE: [Self; 2];

    /// A boolean of the type's width, so that booleans fill vectors as the numbers do.
    type Flag: Copy + Eq + BitOr<Output = Self::Flag> + From<bool>;

    /// Whether the number is normal: neither infinite nor NaN nor subnormal nor 0.
    fn is_normal(self) -> bool;
    /// `2ⁿ` for an integer `n` within the exponents of normal numbers.
    fn exp2_integer(n: Self) -> Self;
    /// A positive normal number as `2ᵏ·m` with `m` in [√½, √2).
    fn split(self) -> (Self, Self);
    /// Whether the lowest bit (`bit` 0) or the next (1) of an integer plus [`Ieee::ROUNDER`] is set.
    fn bit(self, bit: u32) -> bool;
    /// The number without the lower half of its mantissa, so that its square is exact.
    fn head(self) -> Self;
    /// This magnitude, which has no sign, with the sign of the other number.
    fn with_sign(self, sign: Self) -> Self;
    /// `2^54` and 54, to scale a subnormal number above [`Ieee::SMALLEST`].
    const LIFT: [Self; 2];

    /// A trigonometric function of a number beyond [`Ieee::FAR`].
    fn far_wave(self, wave: Wave) -> Self;
    /// `1/(1 + e⁻ˣ)`, in the form that suits the type.
    fn logistic(self) -> Self;
    /// The same of this plus its round-off.
    fn logistic_of(self, lost: Self) -> Self;
    /// The argument of [`tanh_gate`](super::gate::tanh_gate) in two parts.
    fn gate_argument(self) -> [Self; 2];
    /// `exp(r) − 1 − r` for `|r| ≤ ln(2)/2`
    fn exp_rest(r: Self) -> Self;
    /// `(sinh(r)/r − 1)/z` and `(cosh(r) − 1)/z` for `z = r²`, `|r| ≤ ln(2)/2`
    fn sinh_cosh_rest(z: Self) -> (Self, Self);
    /// `(2·artanh(s)/s − 2)/z` for `z = s²`, `|s| ≤ (√2 − 1)/(√2 + 1)`
    fn artanh_rest(z: Self) -> Self;
    /// `x − n·π/2` for the nearest integer `n`, and its round-off.
    ///
    /// Cody & Waite (1980): π/2 is split into heads that end in zeros, whose products with `n` are exact, and a rest
    /// with enough digits for the worst cancellation below [`Ieee::FAR`].
    fn less_quarter_turns(self, n: Self) -> [Self; 2];
    /// `(sin(r)/r − 1)/z` and `(cos(r) − 1 + z/2)/z²` for `z = r²`, `|r| ≤ π/4`
    fn sin_cos_rest<L: Lanes<Self>>(z: L) -> L;
    /// `erf(x)/x − 1` for `z = x²`, `x ≤ 3/4`
    fn erf_rest(z: Self) -> Self;
    /// `(1 + 2x)·exp(x²)·erfc(x) − 1` for `x ≥ 3/4`, in `t = (x − c)/(x + c)`: smooth over the whole of the half-line
    /// (Shepherd & Laframboise 1981).
    fn erfc_rest(t: Self) -> Self;
}

/// A difference and its round-off.
#[inline(always)]
pub(super) fn less<T: Real>(a: T, b: T) -> [T; 2] {
    let difference = a - b;
    [difference, (a - difference) - b]
}

/// A product and its round-off (Dekker 1971): products of halves of the digits are exact.
#[inline(always)]
pub(super) fn exact_product<T: Ieee>(a: T, b: T) -> [T; 2] {
    let (a_head, b_head) = (a.head(), b.head());
    let (a_rest, b_rest) = (a - a_head, b - b_head);
    let product = a * b;
    [product, (((a_head * b_head - product) + a_head * b_rest) + a_rest * b_head) + a_rest * b_rest]
}

macro_rules! bits {
    ($T:ident $Bits:ident $mantissa:literal $bias:literal) => {
        type Flag = $Bits;
        const TINY: $T = $T::EPSILON / 4.0;
        const SMALLEST: $T = $T::MIN_POSITIVE;
        const INFINITY: $T = $T::INFINITY;
        const NAN: $T = $T::NAN;
        const ROUNDER: $T = 1.5 * (1u64 << $mantissa) as $T;
        const LIFT: [$T; 2] = [(1u64 << 54) as $T, 54.0];

        #[inline(always)]
        fn is_normal(self) -> bool {
            const LEAST: $Bits = $T::MIN_POSITIVE.to_bits();
            (self.abs().to_bits()).wrapping_sub(LEAST) < $T::INFINITY.to_bits() - LEAST
        }

        #[inline(always)]
        fn exp2_integer(n: $T) -> $T {
            $T::from_bits((n + (Self::ROUNDER + $bias as $T)).to_bits() << $mantissa)
        }

        #[inline(always)]
        fn split(self) -> ($T, $T) {
            // The exponent is read after the origin is moved from 1 to √½, so that m lies around 1.
            let low = (std::f64::consts::FRAC_1_SQRT_2 as $T).to_bits();
            let bits = self.to_bits().wrapping_add((1.0 as $T).to_bits() - low);
            // An integer below 2^mantissa is converted to a float by placing it in the mantissa of 2^mantissa.
            let one = (1u64 << $mantissa) as $T;
            let k = $T::from_bits((bits >> $mantissa) | one.to_bits()) - (one + $bias as $T);
            (k, $T::from_bits((bits & ((1 << $mantissa) - 1)) + low))
        }

        #[inline(always)]
        fn bit(self, bit: u32) -> bool {
            self.to_bits() & (1 << bit) != 0
        }

        #[inline(always)]
        fn head(self) -> $T {
            $T::from_bits(self.to_bits() & ($Bits::MAX << ($mantissa / 2 + 1)))
        }

        #[inline(always)]
        fn with_sign(self, sign: $T) -> $T {
            $T::from_bits(self.to_bits() | (sign.to_bits() & (-0.0 as $T).to_bits()))
        }
    };
}

impl Ieee for f32 {
    bits!(f32 u32 23 127);
    const LN2: [f32; 2] = [0.693_145_75, 1.428_606_8e-6];
    const FAR: f32 = 1_600.0;
    const EXP_RANGE: [f32; 3] = [-104.0, 89.0, 90.0];
    const SQRT_HALF: [f32; 2] = [0.707_106_77, 1.210_161_7e-8];
    const GAUSSIAN_END: f32 = 14.5;
    const ERFC_RANGE: [f32; 2] = [10.1, 2.0];

    fn far_wave(self, wave: Wave) -> f32 {
        let x = f64::from(self);
        match wave {
            Wave::Sin => trigonometric::sin(x) as f32,
            Wave::Cos => trigonometric::cos(x) as f32,
            Wave::Tan => trigonometric::tan(x) as f32,
        }
    }
    #[inline(always)]
    fn logistic(self) -> f32 {
        exponential::sigmoid_by_exp(self)
    }
    #[inline(always)]
    fn logistic_of(self, lost: f32) -> f32 {
        exponential::sigmoid_of_sum(self, lost)
    }
    #[inline(always)]
    fn gate_argument(self) -> [f32; 2] {
        let [w, _] = gate::argument(f64::from(self));
        [w as f32, (w - f64::from(w as f32)) as f32]
    }
    #[inline(always)]
    fn exp_rest(r: f32) -> f32 {
        let z = r * r;
        let (a, b) = (0.5 + 0.166_666_67 * r, 0.041_666_463 + 0.008_333_286 * r);
        z * ((a + z * b) + (z * z) * (0.001_393_365_4 + 0.000_199_075_85 * r))
    }
    #[inline(always)]
    fn sinh_cosh_rest(z: f32) -> (f32, f32) {
        (
            polynomial!(z; 0.166_666_67, 0.008_333_31, 0.000_198_909_96),
            polynomial!(z; 0.5, 0.041_666_463, 0.001_393_365_4),
        )
    }
    #[inline(always)]
    fn artanh_rest(z: f32) -> f32 {
        polynomial!(z; 0.666_666_87, 0.399_887_17, 0.295_821_52)
    }
    #[inline(always)]
    fn less_quarter_turns(self, n: f32) -> [f32; 2] {
        let r = self - n * 1.570_678_7;
        let [r, first] = less(r, n * 1.176_148_65e-4);
        let [r, second] = less(r, n * 9.920_313e-10);
        [r, (first + second) - n * 6.223_372e-14]
    }
    #[inline(always)]
    fn sin_cos_rest<L: Lanes<f32>>(z: L) -> L {
        polynomial!(z; L::of([-0.166_666_64, 0.041_666_664]), L::of([0.008_332_749, -0.001_388_830_4]),
            L::of([-0.000_195_879_6, 2.454_799e-5]))
    }
    #[inline(always)]
    fn erf_rest(z: f32) -> f32 {
        polynomial!(z; 0.128_379_17, -0.376_126_17, 0.112_833_51, -0.026_833_069, 0.005_110_631, -0.000_671_929_2)
    }
    #[inline(always)]
    fn erfc_rest(t: f32) -> f32 {
        polynomial!(t; 0.276_978_37, -0.092_763_79, -0.166_030_1, 0.164_049_25, -0.054_226_12, -0.008_002_136,
            0.008_759_382, 0.001_073_211_4, -0.001_479_442_8)
    }
}

impl Ieee for f64 {
    bits!(f64 u64 52 1023);
    const LN2: [f64; 2] = [0.693_147_180_559_890_3, 5.497_923_018_708_371e-14];
    const FAR: f64 = 100_000.0;
    const EXP_RANGE: [f64; 3] = [-746.0, 710.0, 711.0];
    const SQRT_HALF: [f64; 2] = [std::f64::consts::FRAC_1_SQRT_2, -4.833_646_656_726_457e-17];
    const GAUSSIAN_END: f64 = 38.7;
    const ERFC_RANGE: [f64; 2] = [27.3, 2.5];

    fn far_wave(self, wave: Wave) -> f64 {
        trigonometric::far_wave(wave, self)
    }
    #[inline(always)]
    fn logistic(self) -> f64 {
        pieces::sigmoid_by_pieces(self)
    }
    #[inline(always)]
    fn logistic_of(self, lost: f64) -> f64 {
        let y = pieces::sigmoid_by_pieces(self);
        y + y * (lost * (1.0 - y))
    }
    #[inline(always)]
    fn gate_argument(self) -> [f64; 2] {
        gate::argument(self)
    }
    #[inline(always)]
    fn exp_rest(r: f64) -> f64 {
        let z = r * r;
        let (a, b) = (
            0.500_000_000_000_000_1 + 0.166_666_666_666_666_74 * r,
            0.041_666_666_666_624_12 + 0.008_333_333_333_322_207 * r,
        );
        let (c, d) = (
            0.001_388_888_891_721_745_7 + 0.000_198_412_698_865_91 * r,
            2.480_152_129_097_334_5e-5 + 2.755_724_233_668_035_7e-6 * r,
        );
        let e = 2.762_009_051_849_942_7e-7 + 2.511_004_989_585_871_6e-8 * r;
        let w = z * z;
        // z⁰…z⁴ multiply a…e, in two halves, so that the sum waits for z³ and not for z⁴.
        z * (a + z * b) + (z * w) * ((c + z * d) + w * e)
    }
    #[inline(always)]
    fn sinh_cosh_rest(z: f64) -> (f64, f64) {
        (
            polynomial!(z; 0.166_666_666_666_666_69, 0.008_333_333_333_330_062, 0.000_198_412_698_630_561_1,
                2.755_726_845_667_705_5e-6, 2.510_038_687_728_531e-8),
            polynomial!(z; 0.500_000_000_000_000_1, 0.041_666_666_666_624_12, 0.001_388_888_891_721_745_7,
                2.480_152_129_097_334_5e-5, 2.762_009_051_849_942_7e-7),
        )
    }
    #[inline(always)]
    fn artanh_rest(z: f64) -> f64 {
        polynomial!(z; 0.666_666_666_666_667, 0.399_999_999_998_984_45, 0.285_714_286_263_986_54, 0.222_222_110_728_945_35,
            0.181_828_932_168_007_16, 0.153_315_969_802_408_7, 0.146_178_728_031_294_72)
    }
    #[inline(always)]
    fn less_quarter_turns(self, n: f64) -> [f64; 2] {
        let r = self - n * 1.570_796_326_792_333_3;
        let [r, lost] = less(r, n * 2.563_344_151_583_955_8e-12);
        [r, lost - n * 1.056_299_906_698_742_8e-23]
    }
    #[inline(always)]
    fn sin_cos_rest<L: Lanes<f64>>(z: L) -> L {
        polynomial!(z; L::of([-0.166_666_666_666_666_66, 0.041_666_666_666_666_664]),
            L::of([0.008_333_333_333_330_948, -0.001_388_888_888_888_739_8]),
            L::of([-0.000_198_412_698_367_574_08, 2.480_158_729_878_476_8e-5]),
            L::of([2.755_731_610_178_906e-6, -2.755_731_727_117_522_5e-7]),
            L::of([-2.505_113_166_029_247e-8, 2.087_614_613_858_505e-9]),
            L::of([1.591_811_451_157_248e-10, -1.138_262_225_238_421_6e-11]))
    }
    #[inline(always)]
    fn erf_rest(z: f64) -> f64 {
        polynomial!(z; 0.128_379_167_095_512_6, -0.376_126_389_031_837_1, 0.112_837_916_709_519_83, -0.026_866_170_644_278_434,
            0.005_223_977_613_570_139_4, -0.000_854_832_605_844_223_9, 0.000_120_552_840_077_716_34, -1.492_405_013_019_730_9e-5,
            1.642_837_046_338_416e-6, -1.591_985_882_394_204_4e-7, 1.139_771_029_618_036_2e-8)
    }
    #[inline(always)]
    fn erfc_rest(t: f64) -> f64 {
        polynomial!(t; 0.264_838_184_366_861_46, -0.122_356_763_082_404_8, -0.099_024_539_573_585_41, 0.157_629_919_023_291_35,
            -0.102_967_056_039_876_6, 0.032_760_893_265_883_134, 0.000_931_892_858_178_497_3, -0.004_382_078_302_241_497,
            0.000_491_865_161_565_28, 0.000_632_124_247_781_462_3, -8.847_335_656_987_233e-5, -0.000_113_524_963_920_763_77,
            6.235_033_530_358_899e-6, 2.272_839_016_515_502_3e-5, 2.700_558_223_389_109_4e-6, -4.348_511_174_245_631e-6,
            -1.711_155_085_540_713_7e-6, 8.156_600_139_295_902e-7, 5.383_829_420_104_837e-7, -2.348_719_381_578_607_6e-7)
    }
}
