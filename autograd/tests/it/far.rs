//! Reductions whose squares, sums or partial products lie beyond the numbers where the results do not, and those of infinite values.

use autograd::{Float, Tape, Tensor, Var};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// A function of four numbers at 1, 2, 4, 9: its value, gradient, and the curvature along ½, 1, −1, 2, to 17 digits (by mpmath).
struct Row {
    name: &'static str,
    single: for<'t> fn(Var<'t, f32>) -> Var<'t, f32>,
    double: for<'t> fn(Var<'t>) -> Var<'t>,
    /// It grows as its argument does: then so does its value, and its gradient does not.
    grows: bool,
    value: f64,
    slope: [f64; 4],
    curvature: [f64; 4],
}

macro_rules! row {
    ($name:literal, |$x:ident| $f:expr, $grows:literal, $value:expr, $slope:expr, $curvature:expr) => {
        Row {
            name: $name,
            single: |$x| $f,
            double: |$x| $f,
            grows: $grows,
            value: $value,
            slope: $slope,
            curvature: $curvature,
        }
    };
}

#[allow(clippy::excessive_precision)]
fn rows() -> [Row; 6] {
    let (norm, norm_slope, norm_curvature) = (
        10.099504938362078,
        [0.099014754297667431, 0.19802950859533486, 0.39605901719066972, 0.89113278867900688],
        [0.033490284541858102, 0.066980569083716203, -0.16308312472556989, 0.053875675132554337],
    );
    let (std, std_slope, std_curvature) = (
        3.0822070014844882,
        [-0.24333213169614381, -0.16222142113076254, 0.0, 0.40555355282690635],
        [0.031483762653667729, 0.058164917444911568, -0.13180490466874456, 0.042156224570165265],
    );
    [
        row!(
            "normalize",
            |x| (x.normalize(0.0) * Tensor::from([1.0, -2.0, 0.5, 3.0])).sum_axis(0),
            false,
            5.1910854761844012,
            [0.53148860344157726, -0.57844743587416642, -0.040555355282690635, 0.08751418771527979],
            [-0.1516051300664571, -0.0041285576361187834, 0.22892430810887213, -0.073190620406296256]
        ),
        row!("norm", |x| x.norm_axis(0), true, norm, norm_slope, norm_curvature),
        row!("norm of a column", |x| columns(x).norm_axis(0).at(0, 1), true, norm, norm_slope, norm_curvature),
        row!("std", |x| x.std_axis(0), true, std, std_slope, std_curvature),
        row!("std of a column", |x| columns(x).std_axis(0).at(0, 0), true, std, std_slope, std_curvature),
        row!("mean", |x| x.mean_axis(0), true, 4.0, [0.25; 4], [0.0; 4]),
    ]
}

fn columns<T: Float>(x: Var<'_, T>) -> Var<'_, T> {
    x.unsqueeze(1).expand([4, 2])
}

/// Of the function of `scale·x`: what is swept, recorded, carried forward.
#[track_caller]
fn hold<T: Float>(row: &Row, f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>, scale: f64, within: f64) {
    let close = |found: &Tensor<T>, unit: f64, expected: &[f64], what: &str| {
        for (&found, &expected) in found.as_slice().iter().zip(expected) {
            let found = found.to_f64() / unit;
            let off = (found - expected).abs() / expected.abs().max(0.03);
            assert!(off < within, "{} at {scale:e}, {what}: {found} in place of {expected}", row.name);
        }
    };
    let array = |x: [f64; 4], unit: f64| Tensor::from(x.map(|x| T::from_f64(x * unit)));
    let tape = Tape::default();
    let x = tape.var(array([1.0, 2.0, 4.0, 9.0], scale));
    let y = f(x);
    let (of_value, of_slope) = if row.grows { (scale, 1.0) } else { (1.0, 1.0 / scale) };
    close(&y.value(), of_value, &[row.value], "value");
    let slope = y.sum().grad(x);
    close(&y.sum().backward()[x], of_slope, &row.slope, "slope");
    close(&slope.value(), of_slope, &row.slope, "recorded slope");
    // Along what is as long as x, so that the result is as large as the slope.
    let along = array([0.5, 1.0, -1.0, 2.0], scale);
    let tangent = row.slope.iter().zip([0.5, 1.0, -1.0, 2.0]).map(|(a, b)| a * b).sum::<f64>();
    close(&y.jvp(&[(x, &along)]), of_value, &[tangent], "tangent");
    close(&slope.vjp(&along)[x], of_slope, &row.curvature, "curvature");
    close(&slope.jvp(&[(x, &along)]), of_slope, &row.curvature, "forward curvature");
}

#[test]
fn squares_beyond_the_numbers() {
    for row in rows() {
        for exponent in -33..=36 {
            hold(&row, row.single, 10f64.powi(exponent), 4e-6);
        }
        for exponent in (-300..=300).step_by(10) {
            hold(&row, row.double, 10f64.powi(exponent), 2e-14);
        }
    }
}

#[test]
#[allow(clippy::excessive_precision)]
fn rows_of_large_values_are_normalised() {
    let expected = [-1.3416407864998738, -0.4472135954999579, 0.4472135954999579, 1.3416407864998738];
    let x = [1e20f32, 2e20, 3e20, 4e20];
    assert!(Tensor::from(x).normalize(1e-5).is_close(&Tensor::from(expected.map(|y| y as f32)), 1e-6));
    // ε beside values whose squares are below the numbers.
    let tiny = [1e-25f32, 2e-25, 3e-25, 4e-25];
    let expected = expected.map(|y| (y * 1.118033988749895e-25 / 1e-5f64.sqrt()) as f32);
    let found = Tensor::from(tiny).normalize(1e-5);
    assert!((found / Tensor::from(expected) - 1.0).abs().max() < 1e-6);
    // Gradients as large as numbers go.
    let tape = Tape::<f32>::default();
    let x = tape.var([1e10, 2e10, 3e10, 4e10]);
    let slope = x.normalize(0.0).vjp(&Tensor::from([3e38, 3e38, 3e38, -3e38]))[x].clone();
    let expected =
        [-1.0733126291998991, 0.53665631459994956, 2.1466252583997982, -1.6099689437998486].map(|y| y as f32);
    assert!((slope * 1e-28).is_close(&Tensor::from(expected), 1e-5));
}

#[test]
fn products_whose_parts_are_beyond_the_numbers() {
    fn holds<T: Float>(large: f64) {
        let x = [large, 1.0 / large, large, 1.0 / large, 3.0].map(T::from_f64);
        let tape = Tape::default();
        for (rows, columns) in [(1, 5), (5, 1)] {
            let x = tape.var(Tensor::from(x).reshape([rows, columns]));
            let y = x.prod();
            assert!((y.value().to_f64() - 3.0).abs() < 1e-6, "{large:e}: {}", y.value());
            for slope in [y.backward()[x].clone(), y.grad(x).value()] {
                assert!(((slope * x.value()) / 3.0 - 1.0).abs().max().to_f64() < 1e-6, "{large:e}");
            }
            // Of two factors the curvature is the product of the other three.
            let unit =
                |at: usize| Tensor::from_fn([rows, columns], |i| T::from_f64(f64::from(u8::from(i[0] + i[1] == at))));
            let slope = y.grad(x);
            for found in [slope.vjp(&unit(1))[x].clone(), slope.jvp(&[(x, &unit(1))])] {
                let (found, expected) = (found.flatten(), [3.0, 0.0, 3.0]);
                for (at, expected) in expected.into_iter().enumerate() {
                    let found = found.as_slice()[at].to_f64();
                    assert!((found - expected).abs() < 1e-5, "{large:e}, {at}: {found}, not {expected}");
                }
            }
            let tangent = y.to_var().jvp(&[(x, &x.value())]).item();
            assert!((tangent.to_f64() / 15.0 - 1.0).abs() < 1e-6, "{large:e}: {tangent}");
        }
    }
    for large in [1e3, 1e20, 1e37] {
        holds::<f32>(large);
    }
    for large in [1e3, 1e100, 1e200, 1e307] {
        holds::<f64>(large);
    }
}

#[test]
fn means_whose_sums_are_beyond_the_numbers() {
    assert_eq!(Tensor::from([f64::MAX; 3]).mean(), f64::MAX);
    assert_eq!(Tensor::from([[f32::MAX, 1.0]; 4]).mean_axis(0).to_vec(), [f32::MAX, 1.0]);
    assert_eq!(Tensor::from([f32::MAX, f32::MAX, -f32::MAX]).sum(), f32::MAX);
    assert!((Tensor::from([3e19f32, 0.0, 0.0, 0.0]).variance() / 1.6875e38 - 1.0).abs() < 1e-6);
}

#[track_caller]
fn same(found: &Tensor, expected: &[f64], what: &str) {
    let same = |(&a, &b): (&f64, &f64)| a == b || (a - b).abs() < 1e-15 || (a.is_nan() && b.is_nan());
    assert!(found.as_slice().iter().zip(expected).all(same), "{what}: {found:?}, not {expected:?}");
}

/// Infinite values share as equals do, in every reading and along every axis.
#[test]
fn softmax_of_infinite_values() {
    type Triple = [f64; 3];
    let cases: &[(Triple, f64, Triple, Triple)] = &[
        ([-INF, -INF, -INF], -INF, [1.0 / 3.0; 3], [-(3f64.ln()); 3]),
        ([INF, 0.0, -INF], INF, [1.0, 0.0, 0.0], [0.0, -INF, -INF]),
        ([INF, INF, 5.0], INF, [0.5, 0.5, 0.0], [-(2f64.ln()), -(2f64.ln()), -INF]),
        ([-INF, 1.0, 1.0], 1.0 + 2f64.ln(), [0.0, 0.5, 0.5], [-INF, -(2f64.ln()), -(2f64.ln())]),
        ([NAN, 1.0, 1.0], NAN, [NAN; 3], [NAN; 3]),
    ];
    for (x, log_sum, p, log_p) in cases {
        let what = format!("{x:?}");
        let tape = Tape::new();
        for rows in [true, false] {
            let x = tape.var(Tensor::from(*x).reshape(if rows { [1, 3] } else { [3, 1] }));
            let axis = usize::from(rows);
            let y = x.logsumexp_axis(axis).item();
            same(&Tensor::from([y.value()]), &[*log_sum], &what);
            same(&y.backward()[x], p, &what);
            same(&y.grad(x).value(), p, &what);
            same(&y.to_var().jvp(&[(x, &Tensor::ones(x.shape()))]), &[p.iter().sum()], &what);
            same(&x.softmax(axis).value(), p, &what);
            same(&x.log_softmax(axis).value(), log_p, &what);
            if rows && !x.value().sum().is_nan() {
                let loss = Tensor::from([log_p.map(|y| -y)]);
                let each: Vec<f64> = (0..3).map(|class| x.cross_entropy(&[class]).item().value()).collect();
                same(&Tensor::from(each), loss.as_slice(), &what);
            }
        }
    }
    let single = Tensor::from([f32::NEG_INFINITY, f32::NEG_INFINITY]);
    assert_eq!((single.logsumexp(), single.softmax(0).to_vec()), (f32::NEG_INFINITY, vec![0.5, 0.5]));
}

#[test]
fn spreads_of_too_few() {
    let (none, one) = (Tensor::<f64>::zeros([0, 2]), Tensor::from([[5.0, 7.0]]));
    for nothing in [none.variance_axis(0), none.sample_variance_axis(0), none.std_axis(0), none.mean_axis(0)] {
        same(&nothing, &[NAN, NAN], "none");
    }
    same(&one.sample_variance_axis(0), &[NAN, NAN], "one");
    same(&one.variance_axis(0), &[0.0, 0.0], "one");
    assert!(Tensor::<f32>::zeros([0]).sample_variance().is_nan());
    let tape = Tape::<f32>::default();
    assert!(tape.var(Tensor::zeros([0])).sample_variance().value().is_nan());
}
