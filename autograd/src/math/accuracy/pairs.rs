//! Powers, angles and lengths, and trigonometric functions of large numbers.

use super::super::{self as m, Real};
use super::BOUND;
use crate::exact::Exact;
use crate::number::Float;

/// Numbers of all sizes, of both signs, and some near 1 and near integers.
fn points() -> Vec<f64> {
    let mut points =
        vec![0.5, 1.0, 2.0, 3.0, 10.0, 0.1, 1.0 - 1e-9, 1.0 + 1e-12, 1.0f64.next_up(), 1.0f64.next_down(), 0.7, 1.4];
    points.extend((-14..=14).map(|k| 1.37 * 10f64.powi(20 * k)));
    points.extend((-16..=16).map(|k| 1.93 * 4f64.powi(k)));
    points.extend((1..40).map(|k| f64::from(k) * 0.173));
    points
}

/// The largest error of a function of two numbers in a type, over the pairs with a normal result.
fn worst<T: Float + Real>(
    name: &str,
    pairs: &[(f64, f64)],
    f: impl Fn(T, T) -> T,
    exact: impl Fn(&Exact, &Exact) -> Exact,
) {
    let (mut worst, mut at, mut seen) = (0.0, (0.0, 0.0), 0);
    for &(a, b) in pairs {
        let (a, b) = (T::from_f64(a), T::from_f64(b));
        let [x, y] = [a, b].map(|x| Exact::from(x.to_f64()));
        if ![a, b].iter().all(|x| x.is_finite() && x.to_f64() != 0.0) {
            continue;
        }
        let exact = exact(&x, &y);
        if !exact.is_normal::<T>(0) {
            continue;
        }
        seen += 1;
        let error = exact.ulps(f(a, b));
        if error > worst {
            (worst, at) = (error, (a.to_f64(), b.to_f64()));
        }
    }
    println!("{name:12} {}: at most {worst:.3} ulp at {at:?}, {seen} pairs", T::NAME);
    assert!(seen > 300, "{name} was compared at {seen} pairs only");
    assert!(worst <= BOUND, "{name} is {worst} ulp off at {at:?}");
}

/// `aᵇ` with the sign of a negative base.
fn power(a: &Exact, b: &Exact) -> Exact {
    let power = a.abs().pow(b);
    if a.is_negative() && b.to_f64() % 2.0 != 0.0 { -power } else { power }
}

fn angle(a: &Exact, b: &Exact) -> Exact {
    let near = (a / b).atan();
    match (b.is_negative(), a.is_negative()) {
        (false, _) => near,
        (true, false) => near + Exact::pi(),
        (true, true) => near - Exact::pi(),
    }
}

fn functions<T: Float + Real>() {
    let points = points();
    let signs = |a: f64, b: f64| [(a, b), (-a, b), (a, -b), (-a, -b)];
    let all: Vec<_> = points.iter().flat_map(|&a| points.iter().flat_map(move |&b| signs(a, b))).collect();
    worst::<T>("atan2", &all, m::atan2, angle);
    worst::<T>("inverted", &all, m::inverted, |a, b| a / (a.square() + b.square()));
    // Exponents for which the power is in range, of any size.
    let mut powers: Vec<_> = all.iter().copied().filter(|(a, _)| *a > 0.0).collect();
    for &a in &points {
        for fraction in [1.0, -1.0, 0.99, -0.97, 0.51, 0.1, -0.03, 1e-3] {
            powers.push((a, fraction * 708.0 / a.ln().abs().max(1e-300)));
            powers.push((a, fraction * 87.0 / a.ln().abs().max(1e-300)));
        }
        powers.extend((-20..20).map(|n| (-a, f64::from(n))));
    }
    worst::<T>("pow", &powers, m::pow, power);
    let integers: Vec<_> = powers.iter().map(|&(a, b)| (a, b.round())).filter(|(_, b)| b.abs() < 2e9).collect();
    worst::<T>("powi", &integers, |a, b| m::powi(a, b.to_f64() as i32), power);
    // The plain number has full precision, whatever the type.
    let p = 0.1;
    let positive: Vec<_> = all.iter().copied().filter(|(a, _)| *a > 0.0).collect();
    worst::<T>("powf", &positive, |a, _| m::powf(a, p), |a, _| power(a, &p.into()));
    worst::<T>("exp_base", &all, |a, _| m::exp_base(a, p), |a, _| power(&p.into(), a));
}

#[test]
fn functions_of_two_numbers_are_within_two_units() {
    functions::<f32>();
    functions::<f64>();
}

#[test]
#[allow(clippy::excessive_precision)] // as they were computed
fn waves_far_out_are_within_two_units() {
    /// (x, sin x, cos x, tan x), computed in 1500 bits. The sixth is as close to a quarter turn as any number.
    const FAR: &[(f64, f64, f64, f64)] = &[
        (100000.5, -0.4477465716572126, -0.8941605043666447, 0.5007451900085457),
        (1000000.0, -0.34999350217129294, 0.9367521275331447, -0.373624453987599),
        (123456789.125, 0.9998763854272629, 0.01572303612257408, 63.59308581576732),
        (1000000000000000.0, 0.8582727931702359, -0.5131937377869703, -1.672414782127583),
        (1e+22, -0.8522008497671888, 0.523214785395139, -1.6287782256068988),
        (5.319372648326541e+255, 1.0, -4.687165924254628e-19, -2.133485385753704e+18),
        (1e+300, -0.8178819121159085, -0.5753861119575491, 1.4214488238747245),
        (1.7976931348623157e+308, 0.004961954789184062, -0.9999876894265599, -0.004962015874444895),
        (1.0715086071862673e+301, -0.15920170308624243, 0.9872460775989135, -0.16125837995065806),
        (3.3e+150, -0.9458079239862635, -0.3247266095114388, 2.912628334983883),
    ];
    for &(x, sin, cos, tan) in FAR {
        for (x, sign) in [(x, 1.0), (-x, -1.0)] {
            for (got, right) in [(m::sin(x), sign * sin), (m::cos(x), cos), (m::tan(x), sign * tan)] {
                assert!(
                    (got - right).abs() <= BOUND * f64::EPSILON * right.abs(),
                    "at {x:e}: {got:e}, right is {right:e}"
                );
            }
        }
    }
    for x in [2_000.5f32, 1e10, -3.4e38] {
        let double = f64::from(x);
        assert_eq!(
            (m::sin(x), m::cos(x), m::tan(x)),
            (m::sin(double) as f32, m::cos(double) as f32, m::tan(double) as f32)
        );
    }
    for x in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        assert!(m::sin(x).is_nan() && m::cos(x).is_nan() && m::tan(x).is_nan());
    }
}

#[test]
fn edges_are_those_of_the_c_standard() {
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    let numbers = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        2.0,
        -2.0,
        3.0,
        0.5,
        -0.5,
        2.5,
        -3.0,
        1e300,
        -1e300,
        INF,
        -INF,
        NAN,
        5e-324,
        4_503_599_627_370_497.0,
    ];
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    let near = |a: f64, b: f64| same(a, b) || (a - b).abs() <= BOUND * f64::EPSILON * b.abs();
    for a in numbers {
        for b in numbers {
            // Pinned against the C library, whose results at these points are exact or, at ordinary ones, correct.
            assert!(near(m::pow(a, b), a.powf(b)), "{a}^{b} is {}, not {}", m::pow(a, b), a.powf(b));
            assert!(near(m::atan2(a, b), a.atan2(b)), "atan2({a}, {b}) is {}, not {}", m::atan2(a, b), a.atan2(b));
            assert!(same(m::pow(a as f32, b as f32).into(), f64::from((a as f32).powf(b as f32))), "{a}^{b} on f32");
        }
        for n in [0, 1, 2, 3, 4, -1, -2, -3, 7] {
            assert!(near(m::powi(a, n), a.powf(n.into())), "{a}^{n} is {}", m::powi(a, n));
        }
    }
    for (a, b, y) in
        [(0.0, 0.0, 0.0), (-0.0, -3.0, -0.0), (INF, 1.0, 0.0), (1.0, INF, 0.0), (5e-324, 0.0, INF), (2.0, NAN, NAN)]
    {
        assert!(near(m::inverted(a, b), y), "inverted({a}, {b}) is {}", m::inverted(a, b));
    }
}
