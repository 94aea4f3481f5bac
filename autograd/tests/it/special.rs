//! Value, slope and curvature of the special functions against figures of many digits (`special/figures.py`), over their whole domain and in
//! both types.

use std::collections::BTreeMap;

use autograd::{Binary, Dual, Float, Number, Tape, Tensor, Unary};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// (row, plain numbers, x, y, dy/dx) where a policy or a limit says what they are, for the test of edge values.
pub(crate) const EDGES: &[(Unary, [f64; 2], f64, f64, f64)] = &[
    (Unary::Exp2, [0.0; 2], 10.0, 1024.0, 709.782_712_893_384),
    (Unary::Exp2, [0.0; 2], -INF, 0.0, 0.0),
    (Unary::Log2, [0.0; 2], 0.125, -3.0, 11.541_560_327_111_707),
    (Unary::Log10, [0.0; 2], 1000.0, 3.0, std::f64::consts::LOG10_E / 1000.0),
    (Unary::Log2, [0.0; 2], 0.0, -INF, INF),
    (Unary::Cbrt, [0.0; 2], -27.0, -3.0, 1.0 / 27.0),
    (Unary::Cbrt, [0.0; 2], 0.0, 0.0, INF),
    (Unary::Acosh, [0.0; 2], 1.0, 0.0, INF),
    (Unary::Acosh, [0.0; 2], 0.5, NAN, NAN),
    (Unary::Atanh, [0.0; 2], 1.0, INF, INF),
    (Unary::Atanh, [0.0; 2], 0.0, 0.0, 1.0),
    (Unary::Asinh, [0.0; 2], -INF, -INF, 0.0),
    (Unary::Trunc, [0.0; 2], -2.7, -2.0, 0.0),
    (Unary::Logit, [0.0; 2], 0.0, -INF, INF),
    (Unary::Logit, [0.0; 2], 0.5, 0.0, 4.0),
    (Unary::Logit, [0.0; 2], 1.0, INF, INF),
    (Unary::Log1mexp, [0.0; 2], 0.0, -INF, INF),
    (Unary::Log1mexp, [0.0; 2], INF, 0.0, 0.0),
    (Unary::Sinc, [0.0; 2], 0.0, 1.0, 0.0),
    (Unary::Sinc, [0.0; 2], 3.0, 0.0, -1.0 / 3.0),
    (Unary::Sinc, [0.0; 2], INF, 0.0, 0.0),
    (Unary::Sinc, [0.0; 2], NAN, NAN, NAN),
    (Unary::Lgamma, [0.0; 2], 1.0, 0.0, -0.577_215_664_901_532_9),
    (Unary::Lgamma, [0.0; 2], 0.0, INF, -INF),
    (Unary::Lgamma, [0.0; 2], -2.0, INF, NAN),
    (Unary::Lgamma, [0.0; 2], INF, INF, INF),
    (Unary::Digamma, [0.0; 2], 0.0, -INF, INF),
    (Unary::Digamma, [0.0; 2], -3.0, NAN, INF),
    (Unary::Digamma, [0.0; 2], INF, INF, 0.0),
    (Unary::Polygamma, [1.0, 0.0], 0.0, INF, -INF),
    (Unary::Polygamma, [1.0, 0.0], INF, 0.0, -0.0),
    (Unary::Gammainc, [1.0, 0.0], 0.0, 0.0, 1.0),
    (Unary::Gammainc, [0.5, 0.0], 0.0, 0.0, INF),
    (Unary::Gammainc, [2.5, 0.0], 0.0, 0.0, 0.0),
    (Unary::Gammainc, [2.5, 0.0], INF, 1.0, 0.0),
    (Unary::Gammainc, [2.5, 0.0], -1.0, NAN, NAN),
    (Unary::Gammaincc, [2.5, 0.0], INF, 0.0, 0.0),
    (Unary::Gammaincc, [2.5, 0.0], 0.0, 1.0, 0.0),
    (Unary::GammaDensity, [2.0, 0.0], 0.0, 0.0, 1.0),
    (Unary::GammaDensity, [1.0, 0.0], 0.0, 1.0, -1.0),
    (Unary::Erfcx, [0.0; 2], INF, 0.0, 0.0),
    (Unary::Erfcx, [0.0; 2], -INF, INF, -INF),
    (Unary::Erfcx, [0.0; 2], 0.0, 1.0, -std::f64::consts::FRAC_2_SQRT_PI),
    (Unary::Erfinv, [0.0; 2], 0.0, 0.0, 0.886_226_925_452_758),
    (Unary::Erfinv, [0.0; 2], 1.0, INF, INF),
    (Unary::Erfinv, [0.0; 2], -1.0, -INF, INF),
    (Unary::Erfinv, [0.0; 2], 1.5, NAN, NAN),
    (Unary::Ndtri, [0.0; 2], 0.0, -INF, INF),
    (Unary::Ndtri, [0.0; 2], 0.5, 0.0, 2.506_628_274_631_000_2),
    (Unary::Ndtri, [0.0; 2], 1.0, INF, INF),
    (Unary::Ndtri, [0.0; 2], -0.1, NAN, NAN),
    (Unary::LogNdtr, [0.0; 2], -INF, -INF, INF),
    (Unary::LogNdtr, [0.0; 2], INF, 0.0, 0.0),
    (Unary::InverseMills, [0.0; 2], INF, 0.0, 0.0),
    (Unary::I0, [0.0; 2], 0.0, 1.0, 0.0),
    (Unary::I0, [0.0; 2], -INF, INF, -INF),
    (Unary::I1, [0.0; 2], 0.0, 0.0, 0.5),
    (Unary::I0e, [0.0; 2], 0.0, 1.0, 0.0),
    (Unary::I0e, [0.0; 2], INF, 0.0, 0.0),
    (Unary::I1e, [0.0; 2], 0.0, 0.0, 0.5),
    (Unary::I1e, [0.0; 2], -INF, 0.0, 0.0),
];

/// (row, a, b, y, ∂y/∂a, ∂y/∂b), likewise.
pub(crate) const EDGES_OF_TWO: &[(Binary, f64, f64, f64, f64, f64)] = &[
    (Binary::Hypot, 3.0, 4.0, 5.0, 0.6, 0.8),
    (Binary::Hypot, 0.0, 0.0, 0.0, 0.0, 0.0),
    (Binary::Hypot, -INF, 2.0, INF, -1.0, 0.0),
    (Binary::Direction, 0.0, 0.0, 0.0, 0.0, 0.0),
    (Binary::Logaddexp, -INF, -INF, -INF, 0.5, 0.5),
    (Binary::Logaddexp, -INF, 2.0, 2.0, 0.0, 1.0),
    (Binary::Logaddexp, 1000.0, -1000.0, 1000.0, 1.0, 0.0),
    (Binary::Share, INF, INF, 0.5, 0.25, -0.25),
    (Binary::Share, -INF, 3.0, 0.0, 0.0, 0.0),
    (Binary::Xlogy, 0.0, 0.0, 0.0, 0.0, 0.0),
    (Binary::Xlogy, 0.0, -1.0, 0.0, 0.0, 0.0),
    (Binary::Xlogy, 0.0, NAN, NAN, 0.0, 0.0),
    (Binary::Xlogy, 2.0, 0.0, -INF, -INF, INF),
    (Binary::Xlog1py, 0.0, -1.0, 0.0, 0.0, 0.0),
    (Binary::Xlog1py, 2.0, 0.0, 0.0, 0.0, 2.0),
    (Binary::Hypot, 3e300, 4e300, 5e300, 0.6, 0.8),
    (Binary::Hypot, 3e-310, 0.0, 3e-310, 1.0, 0.0),
    (Binary::Fmod, 5.5, 2.0, 1.5, 1.0, -2.0),
    (Binary::Fmod, -5.5, 2.0, -1.5, 1.0, 2.0),
    (Binary::Fmod, 5.5, INF, 5.5, 1.0, 0.0),
    (Binary::Copysign, 3.0, -0.0, -3.0, -1.0, 0.0),
    (Binary::Copysign, -3.0, 1.0, 3.0, -1.0, 0.0),
    (Binary::Copysign, 0.0, -1.0, 0.0, 0.0, 0.0),
];

/// So many units in the last place of the exact result, or of the largest of the terms that cancel there.
const ULPS: f64 = 4.0;

/// A point, with value, slope and curvature, and the sizes of the largest terms of these.
struct Point {
    x: f64,
    right: [f64; 3],
    terms: [f64; 3],
}

struct Figures {
    row: Unary,
    args: [f64; 2],
    points: Vec<Point>,
}

fn figures() -> Vec<Figures> {
    let mut all: Vec<Figures> = vec![];
    for line in include_str!("special/figures.txt").lines() {
        let mut words = line.split(' ');
        let first = words.next().unwrap();
        let numbers: Vec<f64> = words.map(|word| word.parse().unwrap()).collect();
        if let Some(row) = Unary::ROWS.iter().find(|row| row.name == first) {
            all.push(Figures { row: row.row, args: [numbers[0], 0.0], points: vec![] });
            continue;
        }
        let at = |k: usize| numbers.get(k).copied().unwrap_or(0.0);
        let of = |from: usize| [at(from), at(from + 1), at(from + 2)];
        let point = Point { x: first.parse().unwrap(), right: of(0), terms: of(3) };
        all.last_mut().expect("a row above its points").points.push(point);
    }
    all
}

/// The least normal number, and the largest number less the factors by which parts of a derivative may exceed it.
fn range<T: Float>() -> (f64, f64) {
    if T::NAME == "f32" {
        (f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX) / 8.0)
    } else {
        (f64::MIN_POSITIVE, f64::MAX / 8.0)
    }
}

/// The distance from derivative `k` in units in the last place; `None` where it, or one that it stems from, is no normal number.
fn ulps<T: Float>(point: &Point, k: usize, found: T) -> Option<f64> {
    let (least, most) = range::<T>();
    let ordinary = |x: f64| x == 0.0 || (least..most).contains(&x.abs());
    if !point.right[..=k].iter().chain(&point.terms[..=k]).all(|&x| ordinary(x)) {
        return None;
    }
    let (right, found) = (point.right[k], found.to_f64());
    let size = right.abs().max(point.terms[k]);
    if size == 0.0 {
        return Some(if found == 0.0 { 0.0 } else { f64::INFINITY });
    }
    let unit = T::EPSILON * 2f64.powi(size.log2().floor() as i32);
    let off = (found - right).abs() / unit;
    Some(if off.is_nan() { f64::INFINITY } else { off })
}

/// The worst of each derivative in all readings, and where.
fn compare<T: Float>(figures: &Figures, worst: &mut BTreeMap<String, (f64, String)>) {
    let &Figures { row, args, ref points } = figures;
    let points: Vec<&Point> = points.iter().filter(|point| T::from_f64(point.x).to_f64() == point.x).collect();
    let mut see = |reading: &str, k: usize, found: &[T]| {
        for (point, &found) in points.iter().zip(found) {
            let Some(off) = ulps(point, k, found) else { continue };
            let worst = worst.entry(format!("{} {} {k}", row.name(), T::NAME)).or_default();
            if off > worst.0 || worst.1.is_empty() {
                let (x, found, right) = (point.x, found.to_f64(), point.right[k]);
                *worst = (off, format!("{args:?} at {x:e}, {reading}: {found:e}, right is {right:e}"));
            }
        }
    };
    let x: Vec<T> = points.iter().map(|point| T::from_f64(point.x)).collect();
    let tape = Tape::<T>::default();
    let v = tape.var(Tensor::from(x.clone()));
    let y = v.unary(row, args);
    let (slope, ones) = (y.sum().grad(v), Tensor::ones([x.len()]));
    see("array", 0, y.value().as_slice());
    see("swept", 1, y.sum().backward()[v].as_slice());
    see("recorded", 1, slope.value().as_slice());
    see("forward", 1, y.jvp(&[(v, &ones)]).as_slice());
    see("swept", 2, slope.sum().backward()[v].as_slice());
    see("forward over reverse", 2, slope.jvp(&[(v, &ones)]).as_slice());
    // One by one.
    let alone: Vec<[T; 6]> = x
        .into_iter()
        .map(|x| {
            let tape = Tape::<T>::default();
            let s = tape.scalar(x);
            let y = s.unary(row, args);
            let dual = Dual::new(Dual::new(x, T::one()), Dual::constant(1.0)).unary(row, args);
            let slopes = [y.backward()[s], dual.value.derivative];
            [y.value(), dual.value.value, slopes[0], slopes[1], y.grad(s).backward()[s], dual.derivative.derivative]
        })
        .collect();
    for (k, reading) in ["scalar", "dual", "scalar", "dual", "scalar", "dual"].into_iter().enumerate() {
        see(reading, k / 2, &alone.iter().map(|all| all[k]).collect::<Vec<_>>());
    }
}

#[test]
fn special_functions_are_within_four_units() {
    let mut worst = BTreeMap::new();
    for figures in figures() {
        compare::<f32>(&figures, &mut worst);
        compare::<f64>(&figures, &mut worst);
    }
    let mut failures = vec![];
    for (what, (off, at)) in &worst {
        println!("{what:32} {off:6.2} ulp, {at}");
        if *off > ULPS {
            failures.push(format!("derivative {what} is {off:.2} ulp off, {at}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(worst.len() >= 6 * 22, "value, slope and curvature of each row in both types: {}", worst.len());
}

#[test]
#[should_panic(expected = "polygamma: the order is -1; it takes an order of 0 or more")]
fn polygamma_refuses_a_negative_order() {
    let _ = Tape::new().scalar(0.5).polygamma(-1);
}

#[test]
#[should_panic(expected = "gammainc: the shape is 0; it takes a shape above 0")]
fn gammainc_refuses_a_shape_of_0() {
    let _ = Tensor::from([0.5]).gammainc(0.0);
}

#[test]
#[should_panic(expected = "gammaincc: the shape is NaN")]
fn gammaincc_refuses_a_shape_that_is_nan() {
    let _ = Tensor::from([0.5]).gammaincc(f64::NAN);
}

/// The curvature of `ln Φ` far out, where the functions that it is a quotient of vanish.
#[test]
fn log_ndtr_far_out() {
    for x in [-2e9, -1e12, -1e100, -1e200] {
        let tape = Tape::new();
        let s = tape.scalar(x);
        let slope = s.log_ndtr().grad(s);
        assert!((slope.value() / x + 1.0).abs() <= 4.0 * f64::EPSILON, "{x}");
        assert_eq!(slope.grad(s).value(), -1.0, "{x}");
        let third = slope.grad(s).backward()[s];
        assert!((third + 2.0 / (x * x * x)).abs() <= 4.0 * f64::EPSILON * third, "{x}: {third:e}");
    }
}

/// Their derivatives form closed families, so that further ones have their digits too (figures by mpmath).
#[test]
fn fourth_derivatives_keep_their_digits() {
    for &(row, x, third, fourth) in HIGHER {
        let tape = Tape::new();
        let s = tape.scalar(x);
        let y = s.unary(row, [0.0; 2]).grad(s).grad(s).grad(s);
        for (found, right, within) in [(y.value(), third, 16.0), (y.backward()[s], fourth, 32.0)] {
            let off = (found / right - 1.0).abs() / f64::EPSILON;
            assert!(off <= within, "{} at {x}: {found:e}, right is {right:e}, {off} ulp", row.name());
        }
    }
}

/// (row, x, third derivative, fourth derivative)
#[allow(clippy::excessive_precision)] // as they were computed
const HIGHER: &[(Unary, f64, f64, f64)] = &[
    (Unary::Lgamma, 2.5, -0.2362040516417274, 0.22390584881725205),
    (Unary::Lgamma, 30.0, -0.0011487652037285998, 7.7860036647361291e-5),
    (Unary::Digamma, 0.75, 19.7633125348506, -102.80060581541747),
    (Unary::Digamma, 12.0, 0.001310093231070826, -0.00034091005070108939),
    (Unary::Erfcx, 0.5, -1.3320634261270817, 2.9800877667725086),
    (Unary::Erfcx, 8.0, -0.00076673074042019922, 0.00036954594774583321),
    (Unary::Erfcx, -2.0, -9609.3671696599718, 50230.167452767801),
    (Unary::LogNdtr, -20.0, 0.00024272657893584202, 3.5703551588456592e-5),
    (Unary::LogNdtr, -1.0, 0.11693119540604883, 0.07917498368074563),
    (Unary::LogNdtr, 2.0, 0.18439481503247759, -0.18785468561160969),
    (Unary::I0, 0.5, 0.19408200703541981, 0.4147799393105973),
    (Unary::I0, 20.0, 40489334.124075732, 39607631.110198562),
    (Unary::I0e, 0.5, -1.0546371653672099, 1.7932240413495454),
    (Unary::I0e, 40.0, -1.8902331277541836e-6, 1.6649939940399218e-7),
    (Unary::Sinc, 0.3, 5.2474931529243694, 13.648773849855683),
    (Unary::Sinc, 2.4, 0.36475578809523646, 11.679040971028608),
    (Unary::Log1mexp, 0.5, 15.99591493185222, -96.007847989898578),
    (Unary::Log1mexp, 30.0, 9.3576229688436772e-14, -9.3576229688471798e-14),
    (Unary::Asinh, 2.0, 0.125_219_806_739_988_22, -0.107_331_262_919_989_9),
    (Unary::Logit, 0.3, 79.904977864161546, -715.75115306893744),
    (Unary::Erfinv, 0.3, 2.2558318023888488, 7.1388886108244623),
    (Unary::Erfinv, 0.9, 516.53573335481976, 14926.822361308143),
    (Unary::Ndtri, 0.01, 624540.05981937764, -181981958.18066403),
    (Unary::Ndtri, 0.7, 36.875931813901346, 310.38170742886394),
];

/// Where terms overflow or underflow though the value does not; and NaN is no number.
const ENDS: &[(Unary, f64, f64, f64)] = &[
    (Unary::Iv, 50.0, 690.0, 1.142_261_703_694_832e297),
    (Unary::Iv, 50.0, 710.0, 5.749_289_532_729_67e305),
    (Unary::Iv, 50.0, 750.0, INF),
    (Unary::Iv, 36.0, -720.0, INF),
    (Unary::Iv, f64::MIN, 1.0, 0.0),
    (Unary::Iv, 0.0, NAN, NAN),
    (Unary::I0, 0.0, NAN, NAN),
    (Unary::I1e, 0.0, NAN, NAN),
    (Unary::Digamma, 0.0, 1.7e308, 709.726_836_893_228_2),
    (Unary::Polygamma, 1.0, 1e200, 1e-200),
    (Unary::Polygamma, 2.0, 1e100, -1e-200),
    (Unary::Polygamma, 1.0, -1e-160, INF),
    (Unary::Polygamma, 2.0, -1e-160, INF),
];

#[test]
fn ends_of_the_range() {
    for &(row, p, x, right) in ENDS {
        let y: f64 = x.unary(row, [p, 0.0]);
        let fits = y == right || (y - right).abs() <= 4e-15 * right.abs() || y.is_nan() && right.is_nan();
        assert!(fits, "{} ({p}) of {x}: {y:e}, right {right:e}", row.name());
    }
}
