//! The error of each function in units in the last place (ulp), over the whole of `f32` and of `f64`.

mod pairs;

use super::ieee::Ieee;
use super::pieces;
use crate::exact::Exact;

/// The bound that the crate promises.
const BOUND: f64 = 2.0;

/// A function in both types, its reference for `f32` in `f64`, and its reference for `f64`.
struct Case {
    name: &'static str,
    f32: fn(f32) -> f32,
    f64: fn(f64) -> f64,
    double: fn(f64) -> f64,
    exact: fn(&Exact) -> Exact,
}

macro_rules! cases {
    ($($name:ident: $double:expr, $exact:expr;)*) => {
        const CASES: &[Case] = &[$(Case {
            name: stringify!($name), f32: super::$name, f64: super::$name, double: $double, exact: $exact,
        },)*];
    };
}
cases! {
    exp: f64::exp, Exact::exp;
    exp_m1: f64::exp_m1, Exact::exp_m1;
    ln: f64::ln, Exact::ln;
    ln_1p: f64::ln_1p, Exact::ln_1p;
    sinh: f64::sinh, Exact::sinh;
    cosh: f64::cosh, Exact::cosh;
    tanh: f64::tanh, Exact::tanh;
    sigmoid: |x| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }, Exact::sigmoid;
    softplus: |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), Exact::softplus;
    sin: f64::sin, Exact::sin;
    cos: f64::cos, Exact::cos;
    tan: f64::tan, Exact::tan;
    asin: f64::asin, Exact::asin;
    acos: f64::acos, Exact::acos;
    atan: f64::atan, Exact::atan;
    asin_slope: |x| ((1.0 - x) * (1.0 + x)).sqrt().recip(), |x| 1.0 / ((1.0 - x) * (1.0 + x)).sqrt();
    atan_slope: |x| 1.0 / (1.0 + x * x), |x| 1.0 / (1.0 + x.square());
    over_size: |x| 1.0 / (1.0 + x.abs()), |x| 1.0 / (x.abs() + 1.0);
    rsqrt: |x| x.sqrt().recip(), |x| 1.0 / x.sqrt();
    sech_squared: |x| x.cosh().recip().powi(2), |x| 1.0 / x.cosh().square();
    logistic_density: |x| (-x.abs()).exp() / (1.0 + (-x.abs()).exp()).powi(2), |x| x.sigmoid() * (-x).sigmoid();
    gaussian: |x| (-0.5 * x * x).exp(), |x| (x.square() / -2.0).exp();
    normal_cdf: |x| 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2), Exact::normal_cdf;
    tanh_gate: |x| (1.0 + (-gate_argument(x)).exp()).recip(), |x| exact_gate_argument(x).sigmoid();
    tanh_gate_density: |x| (0.5 * gate_argument(x)).cosh().powi(-2) / 4.0, |x| 1.0 / (exact_gate_argument(x) / 2.0).cosh().square() / 4.0;
    mish_gate_slope: mish_gate_slope, |x| x.sigmoid() / x.softplus().cosh().square();
    erf: libm::erf, Exact::erf;
    erfc: libm::erfc, Exact::erfc;
}

/// `√(8/π)(x + 0.044715x³)`
fn gate_argument(x: f64) -> f64 {
    (8.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)
}

/// The same in multiple precision, with 0.044715 as written.
fn exact_gate_argument(x: &Exact) -> Exact {
    let cube = x.powi(3) * (Exact::from(44_715.0) / 1e6);
    (Exact::from(8.0) / Exact::pi()).sqrt() * (x + cube)
}

/// `sigmoid(x)/cosh²(softplus(x))` by exponentials.
fn mish_gate_slope(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    let t = if x > 0.0 { e } else { 1.0 };
    4.0 * e * t * (1.0 + e) / ((1.0 + e).powi(2) + t * t).powi(2)
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

/// The largest error of a function over the numbers whose bits are in steps of `step`, and its argument.
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
    // A prime step visits all exponents and signs with all kinds of significands; ALL_F32=exp,tanh visits every
    // number for these functions.
    let all = std::env::var("ALL_F32").unwrap_or_default();
    for case in CASES {
        let step = if all.split(',').any(|name| name == case.name) { 1 } else { 257 };
        let (worst, at) = worst32(case, step);
        println!("{:9} f32: at most {worst:.3} ulp, at {at:e}", case.name);
        assert!(worst <= BOUND, "{} is {worst} ulp off at {at:e}", case.name);
    }
}

/// Numbers of every exponent, dense where the functions change, neighbours of multiples of π/2 and of ln 2, and the
/// places where two pieces of a piecewise function meet.
fn hard_points() -> Vec<f64> {
    let mut points = vec![];
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 12
    };
    // From 2⁻⁶⁰ to 2¹⁰; further out the functions take their edge values, which are pinned below.
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
    let points = hard_points();
    for case in CASES {
        let (mut worst, mut at, mut seen) = (0.0, 0.0, 0);
        for &x in &points {
            let exact = (case.exact)(&x.into());
            let error = exact.ulps((case.f64)(x));
            seen += usize::from(!exact.is_nan());
            if error > worst {
                (worst, at) = (error, x);
            }
        }
        println!("{:9} f64: at most {worst:.3} ulp, at {at:e}", case.name);
        assert!(seen > points.len() / 6, "{} has a reference at {seen} points only", case.name);
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
