//! How far each function is from the exact value, in units in the last place (ulp), over the whole of `f32` and of `f64`.

use astro_float_num::{BigFloat, Consts, RoundingMode, Sign};

use super::ieee::Ieee;
use super::pieces;

/// What the crate promises.
const BOUND: f64 = 2.0;
/// Bits of the references for `f64`: the values' 53, twice over, and what cancellation takes.
const BITS: usize = 192;
const ROUND: RoundingMode = RoundingMode::None;

/// A function in both types, its reference for `f32` in `f64`, its reference for `f64` in [`BITS`] bits.
struct Case {
    name: &'static str,
    f32: fn(f32) -> f32,
    f64: fn(f64) -> f64,
    double: fn(f64) -> f64,
    exact: fn(&BigFloat, &mut Consts) -> BigFloat,
}

fn one() -> BigFloat {
    BigFloat::from_f64(1.0, BITS)
}

/// `eˣ − 1`, with as many more bits as cancel.
fn exp_m1(x: &BigFloat, c: &mut Consts) -> BigFloat {
    let lost = (-x.exponent().unwrap_or(0)).max(0) as usize;
    x.exp(BITS + lost, ROUND, c).sub(&one(), BITS + lost, ROUND)
}

/// The series `x − x²/2 + x³/3` where its next term is beyond [`BITS`].
fn ln_1p(x: &BigFloat, c: &mut Consts) -> BigFloat {
    if x.exponent().is_some_and(|e| e < -70) {
        let power = |n: usize| x.powi(n, BITS, ROUND).div(&BigFloat::from_f64(n as f64, BITS), BITS, ROUND);
        return x.sub(&power(2), BITS, ROUND).add(&power(3), BITS, ROUND);
    }
    x.add(&one(), 2 * BITS, ROUND).ln(2 * BITS, ROUND, c)
}

fn sigmoid(x: &BigFloat, c: &mut Consts) -> BigFloat {
    one().div(&x.neg().exp(BITS, ROUND, c).add(&one(), BITS, ROUND), BITS, ROUND)
}

fn softplus(x: &BigFloat, c: &mut Consts) -> BigFloat {
    ln_1p(&x.exp(BITS, ROUND, c), c)
}

/// `x + x·(2x²/3) + x·(2x²/3)(2x²/5) + …`, of one sign, times `2/√π·exp(−x²)`; in `bits` bits.
fn erf_series(x: &BigFloat, bits: usize, c: &mut Consts) -> BigFloat {
    let twice = x.mul(x, bits, ROUND).mul(&BigFloat::from_f64(2.0, bits), bits, ROUND);
    let (mut term, mut sum) = (x.clone(), x.clone());
    for n in 1.. {
        term = term.mul(&twice, bits, ROUND).div(&BigFloat::from_f64(f64::from(2 * n + 1), bits), bits, ROUND);
        sum = sum.add(&term, bits, ROUND);
        if term.is_zero() || term.exponent() < sum.exponent().map(|e| e - bits as i32) {
            break;
        }
    }
    let gaussian = x.mul(x, bits, ROUND).neg().exp(bits, ROUND, c);
    let scale = BigFloat::from_f64(2.0, bits).div(&c.pi(bits, ROUND).sqrt(bits, ROUND), bits, ROUND);
    sum.mul(&gaussian, bits, ROUND).mul(&scale, bits, ROUND)
}

/// For a larger `x` than `bound` the answer is the limit, to more digits than are compared.
fn erf(x: &BigFloat, c: &mut Consts) -> BigFloat {
    if x.abs().cmp(&BigFloat::from_f64(9.0, BITS)) == Some(1) {
        return if x.is_negative() { one().neg() } else { one() };
    }
    erf_series(x, BITS + 64, c)
}

/// `1 − erf(x)` with the bits that cancel added: `erfc(28)` is 2⁻¹¹³⁷.
fn erfc(x: &BigFloat, c: &mut Consts) -> BigFloat {
    if x.abs().cmp(&BigFloat::from_f64(28.0, BITS)) == Some(1) {
        return if x.is_negative() {
            BigFloat::from_f64(2.0, BITS)
        } else {
            BigFloat::from_f64(1e-308, BITS).powi(2, BITS, ROUND)
        };
    }
    let lost = if x.is_negative() { 0.0 } else { 1.5 * scaled(x, 0).powi(2) };
    let bits = BITS + 64 + lost as usize;
    one().sub(&erf_series(x, bits, c), bits, ROUND)
}

macro_rules! cases {
    ($($name:ident: $double:expr, $exact:expr;)*) => {
        const CASES: &[Case] = &[$(Case {
            name: stringify!($name), f32: super::$name, f64: super::$name, double: $double, exact: $exact,
        },)*];
    };
}
cases! {
    exp: f64::exp, |x, c| x.exp(BITS, ROUND, c);
    exp_m1: f64::exp_m1, exp_m1;
    ln: f64::ln, |x, c| x.ln(BITS, ROUND, c);
    ln_1p: f64::ln_1p, ln_1p;
    sinh: f64::sinh, |x, c| x.sinh(BITS + 64, ROUND, c);
    cosh: f64::cosh, |x, c| x.cosh(BITS, ROUND, c);
    tanh: f64::tanh, |x, c| x.tanh(BITS + 64, ROUND, c);
    sigmoid: |x| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }, sigmoid;
    softplus: |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), softplus;
    sin: f64::sin, |x, c| x.sin(BITS, ROUND, c);
    cos: f64::cos, |x, c| x.cos(BITS, ROUND, c);
    tan: f64::tan, |x, c| x.tan(BITS, ROUND, c);
    erf: libm::erf, erf;
    erfc: libm::erfc, erfc;
}

/// The distance from the exact value in units in the last place of `f32`; 0 where both are NaN or the same infinity.
fn ulps32(y: f32, exact: f64) -> f64 {
    if y.is_nan() || exact.is_nan() {
        return if y.is_nan() && exact.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if f64::from(y) == exact || (y.is_infinite() && y == exact as f32) {
        return 0.0;
    }
    let exponent = ((exact.to_bits() >> 52 & 0x7ff) as i32 - 1023).clamp(-126, 127);
    (f64::from(y) - exact).abs() / 2f64.powi(exponent - 23)
}

/// The value of a reference times 2^shift, to the digits of `f64`.
fn scaled(x: &BigFloat, shift: i32) -> f64 {
    let (words, _, sign, exponent, _) = x.as_raw_parts().expect("a number");
    let top = words.last().map_or(0.0, |&top| top as f64) / 2f64.powi(64);
    let magnitude = top * 2f64.powi((exponent + shift).clamp(-1000, 1000));
    if sign == Sign::Neg { -magnitude } else { magnitude }
}

/// The distance from the exact value in units in the last place of `f64`.
fn ulps64(y: f64, exact: &BigFloat) -> f64 {
    if y.is_nan() || exact.is_nan() {
        return if y.is_nan() && exact.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let exponent = exact.exponent().unwrap_or(i32::MAX);
    if y.is_infinite() || exact.is_inf() {
        // Beyond 2^1024 less half a unit everything rounds to infinity.
        let agree = (exact.is_inf() || scaled(exact, -1024).abs() >= 1.0 - f64::EPSILON) && y.is_infinite();
        return if agree && (y > 0.0) == exact.is_positive() { 0.0 } else { f64::INFINITY };
    }
    if exact.is_zero() {
        return y.abs() / 5e-324;
    }
    let unit = (exponent - 53).max(-1074);
    // Read at a size at which every number has a full mantissa.
    let lift = 2f64.powi(if y.abs() < 1.0 { 200 } else { 0 });
    let y = BigFloat::from_f64(y * lift, BITS).div(&BigFloat::from_f64(lift, BITS), BITS, ROUND);
    scaled(&y.sub(exact, BITS, ROUND), -unit).abs()
}

/// The largest error of a function over the numbers whose bits are in steps of `step`, and where it is.
fn worst32(case: &Case, step: usize) -> (f64, f32) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let part = |k: usize| {
        let (mut worst, mut at) = (0.0, 0.0);
        for bits in (0..=u32::MAX).step_by(step).skip(k).step_by(threads) {
            let x = f32::from_bits(bits);
            let error = ulps32((case.f32)(x), (case.double)(f64::from(x)));
            if error > worst {
                (worst, at) = (error, x);
            }
        }
        (worst, at)
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|k| scope.spawn(move || part(k))).collect();
        let worst = parts.into_iter().map(|part| part.join().expect("a part that ends"));
        worst.fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a })
    })
}

#[test]
fn single_precision_is_within_two_units() {
    // A prime step visits all exponents and signs with all kinds of mantissas; ALL_F32=exp,tanh visits every number for these.
    let all = std::env::var("ALL_F32").unwrap_or_default();
    for case in CASES {
        let step = if all.split(',').any(|name| name == case.name) { 1 } else { 257 };
        let (worst, at) = worst32(case, step);
        println!("{:9} f32: at most {worst:.3} ulp, at {at:e}", case.name);
        assert!(worst <= BOUND, "{} is {worst} ulp off at {at:e}", case.name);
    }
}

/// Numbers of every exponent, dense ones where the functions change, the neighbours of multiples of π/2 and of ln 2, and the
/// places where two pieces of a function by pieces meet.
fn hard_points() -> Vec<f64> {
    let mut points = vec![];
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 12
    };
    // From 2⁻⁶⁰ to 2¹⁰; further out the functions are their edges, which are pinned below.
    for exponent in 963..1033 {
        points.extend((0..8).map(|_| f64::from_bits(exponent << 52 | random())));
    }
    for range in [1.0, 10.0, 40.0, 745.0] {
        points.extend((0..300).map(|_| (random() as f64 / 2f64.powi(52) * 2.0 - 1.0) * range));
    }
    for n in (1..1000).step_by(7).chain([4_096, 33_215, 63_661, 63_662, 65_537, 355_000, 509_000]) {
        for period in [std::f64::consts::FRAC_PI_2, std::f64::consts::LN_2 / 2.0] {
            let x = f64::from(n) * period;
            points.extend([x, x.next_up(), x.next_down()]);
        }
    }
    for x in
        [pieces::NEAR, 0.375, 0.5, 0.75, 1.0, 2.5, 6.0, 22.0, 27.3, <f64 as Ieee>::FAR, 708.4, 709.78, 710.47, 745.1]
    {
        points.extend([x, f64::next_up(x), f64::next_down(x)]);
    }
    for k in 0..400 {
        let x = (f64::from(k) + 0.5) / 32.0;
        points.extend([x, x.next_up(), x.next_down()]);
    }
    let negative: Vec<f64> = points.iter().map(|x| -x).collect();
    points.extend(negative);
    points
}

#[test]
fn double_precision_is_within_two_units() {
    let mut constants = Consts::new().expect("memory for constants");
    let points = hard_points();
    for case in CASES {
        let (mut worst, mut at, mut seen) = (0.0, 0.0, 0);
        for &x in &points {
            let exact = (case.exact)(&BigFloat::from_f64(x, BITS), &mut constants);
            let error = ulps64((case.f64)(x), &exact);
            seen += usize::from(!exact.is_nan());
            if error > worst {
                (worst, at) = (error, x);
            }
        }
        println!("{:9} f64: at most {worst:.3} ulp, at {at:e}", case.name);
        assert!(seen > points.len() / 3, "{} has a reference at {seen} points only", case.name);
        assert!(worst <= BOUND, "{} is {worst} ulp off at {at:e}", case.name);
    }
}

#[test]
fn edges_are_exact() {
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    /// (function, x, y): 5e-324 is the smallest number above 0.
    const EDGES: &[(&str, f64, f64)] = &[
        ("exp", INF, INF),
        ("exp", -INF, 0.0),
        ("exp", 0.0, 1.0),
        ("exp", -745.0, 5e-324),
        ("exp", -746.0, 0.0),
        ("exp", 709.79, INF),
        ("exp_m1", INF, INF),
        ("exp_m1", -INF, -1.0),
        ("exp_m1", 5e-324, 5e-324),
        ("ln", 0.0, -INF),
        ("ln", -0.0, -INF),
        ("ln", -1.0, NAN),
        ("ln", INF, INF),
        ("ln", 1.0, 0.0),
        ("ln", 5e-324, -744.440_071_921_381_2),
        ("ln_1p", -1.0, -INF),
        ("ln_1p", -1.5, NAN),
        ("ln_1p", INF, INF),
        ("ln_1p", 5e-324, 5e-324),
        ("sinh", -INF, -INF),
        ("sinh", 5e-324, 5e-324),
        ("cosh", -INF, INF),
        ("cosh", 0.0, 1.0),
        ("tanh", INF, 1.0),
        ("tanh", -INF, -1.0),
        ("tanh", 5e-324, 5e-324),
        ("sigmoid", INF, 1.0),
        ("sigmoid", -INF, 0.0),
        ("sigmoid", -745.0, 5e-324),
        ("softplus", INF, INF),
        ("softplus", -745.0, 5e-324),
        ("softplus", -INF, 0.0),
        ("sin", INF, NAN),
        ("cos", INF, NAN),
        ("tan", -INF, NAN),
        ("cos", 0.0, 1.0),
        ("erf", INF, 1.0),
        ("erf", -INF, -1.0),
        ("erfc", INF, 0.0),
        ("erfc", -INF, 2.0),
        ("erfc", 0.0, 1.0),
    ];
    for &(name, x, y) in EDGES {
        let case = CASES.iter().find(|case| case.name == name).expect("a case");
        let got = (case.f64)(x);
        assert!(got == y || (got.is_nan() && y.is_nan()), "{name}({x}) is {got}, not {y}");
    }
    for case in CASES {
        assert!((case.f64)(NAN).is_nan() && (case.f32)(f32::NAN).is_nan(), "{} loses NaN", case.name);
    }
    for odd in ["exp_m1", "ln_1p", "sinh", "tanh", "sin", "tan", "erf"] {
        let case = CASES.iter().find(|case| case.name == odd).expect("a case");
        assert_eq!((case.f64)(0.0).to_bits(), 0.0f64.to_bits(), "{odd}(0)");
        assert_eq!((case.f64)(-0.0).to_bits(), (-0.0f64).to_bits(), "{odd}(−0)");
    }
}
