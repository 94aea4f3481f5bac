//! Softmax and its kin against arbitrary precision: value, slope and curvature, where a class is sure and where it is not.

use astro_float_num::{BigFloat, Consts, RoundingMode, Sign};
use autograd::{Float, Tape, Tensor, Var};

const BITS: usize = 256;
const ROUND: RoundingMode = RoundingMode::None;

/// An exact number, with the size of the terms of which it is the sum: where those cancel, no more can be asked for.
#[derive(Clone)]
struct Exact {
    value: BigFloat,
    terms: BigFloat,
}

fn number(x: f64) -> BigFloat {
    BigFloat::from_f64(x, BITS)
}

fn add(a: &BigFloat, b: &BigFloat) -> BigFloat {
    a.add(b, BITS, ROUND)
}

fn mul(a: &BigFloat, b: &BigFloat) -> BigFloat {
    a.mul(b, BITS, ROUND)
}

fn sum<'a>(terms: impl IntoIterator<Item = &'a BigFloat>) -> BigFloat {
    terms.into_iter().fold(number(0.0), |sum, term| add(&sum, term))
}

/// A number that is no sum.
fn plain(value: BigFloat) -> Exact {
    Exact { terms: value.abs(), value }
}

fn of_terms(terms: &[BigFloat]) -> Exact {
    let sizes: Vec<BigFloat> = terms.iter().map(BigFloat::abs).collect();
    Exact { value: sum(terms), terms: sum(&sizes) }
}

/// `ln(1 + x)` for `x ≥ 0`, by its series where that is short.
fn ln_1p(x: &BigFloat, c: &mut Consts) -> BigFloat {
    if x.exponent().is_some_and(|e| e < -90) {
        let power = |n: usize| x.powi(n, BITS, ROUND).div(&number(n as f64), BITS, ROUND);
        return power(1).sub(&power(2), BITS, ROUND).add(&power(3), BITS, ROUND);
    }
    add(&number(1.0), x).ln(BITS, ROUND, c)
}

/// The distribution of some logits: the probabilities, those of the others, and the logarithms.
struct Distribution {
    p: Vec<BigFloat>,
    q: Vec<BigFloat>,
    log_p: Vec<BigFloat>,
    log_sum: Exact,
}

impl Distribution {
    fn of(x: &[f64], c: &mut Consts) -> Self {
        let logits: Vec<BigFloat> = x.iter().map(|&x| number(x)).collect();
        let top = (0..x.len()).fold(0, |top, i| if x[i] > x[top] { i } else { top });
        // Of 10³⁰⁰ and 10⁻³⁰⁰ the difference takes two thousand digits, and the exponential of it is 0 all the same.
        let below = |a: &BigFloat, b: &BigFloat| a.sub(b, 4 * BITS, ROUND);
        let e: Vec<BigFloat> = logits.iter().map(|x| below(x, &logits[top]).exp(BITS, ROUND, c)).collect();
        let total = sum(&e);
        let others = |i: usize| sum(e.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, e)| e));
        let p = e.iter().map(|e| e.div(&total, BITS, ROUND)).collect();
        let q = (0..x.len()).map(|i| others(i).div(&total, BITS, ROUND)).collect();
        let log = ln_1p(&others(top), c);
        let log_p = logits.iter().map(|x| below(x, &logits[top]).sub(&log, BITS, ROUND)).collect();
        Distribution { p, q, log_p, log_sum: of_terms(&[logits[top].clone(), log]) }
    }

    /// `∂p_i/∂x_j`
    fn jacobian(&self, i: usize, j: usize) -> BigFloat {
        if i == j { mul(&self.p[i], &self.q[i]) } else { mul(&self.p[i], &self.p[j]).neg() }
    }

    /// `∂ ln p_i/∂x_j`
    fn slope_of_log(&self, i: usize, j: usize) -> BigFloat {
        if i == j { self.q[i].clone() } else { self.p[j].neg() }
    }

    /// `∂²p_k/∂x_i∂x_j`
    fn curvature(&self, k: usize, i: usize, j: usize) -> Exact {
        let (p, log) = (&self.p[k], |j: usize| self.slope_of_log(k, j));
        of_terms(&[mul(&mul(p, &log(i)), &log(j)), mul(p, &self.jacobian(i, j)).neg()])
    }
}

/// The nearest `f64` of a number times 2^shift.
fn scaled(x: &BigFloat, shift: i32) -> f64 {
    let Some((words, _, sign, exponent, _)) = x.as_raw_parts() else { return f64::NAN };
    let top = words.last().map_or(0.0, |&top| top as f64) / 2f64.powi(64);
    let magnitude = top * 2f64.powi((exponent + shift).clamp(-1020, 1020));
    if sign == Sign::Neg { -magnitude } else { magnitude }
}

/// How far numbers are from exact ones at most, in units in the last place of these.
struct Worst<T> {
    ulps: f64,
    at: String,
    compared: usize,
    of: std::marker::PhantomData<T>,
}

impl<T: Float> Worst<T> {
    fn new() -> Self {
        Worst { ulps: 0.0, at: String::new(), compared: 0, of: std::marker::PhantomData }
    }

    fn hold(&mut self, found: T, exact: &Exact, what: impl Fn() -> String) {
        let (bits, least) = if T::NAME == "f32" { (24, -126) } else { (53, -1022) };
        let exponent = exact.value.exponent().unwrap_or(0);
        if exact.value.is_zero() || exponent <= least {
            let small = exact.value.is_zero() || found.to_f64().abs() <= 2f64.powi(least + 1);
            assert!(small, "{}: {found} is no number this small", what());
            return; // not a normal number
        }
        let unit = exact.terms.exponent().unwrap_or(0) - bits;
        let ulps = scaled(&number(found.to_f64()).sub(&exact.value, BITS, ROUND), -unit).abs();
        let ulps = if found.is_finite() { ulps } else { f64::INFINITY };
        self.compared += 1;
        if ulps > self.ulps {
            (self.ulps, self.at) =
                (ulps, format!("{}: {:e}, exactly {:e}", what(), found.to_f64(), scaled(&exact.value, 0)));
        }
    }
}

type Function<T> = for<'t> fn(Var<'t, T>) -> Var<'t, T>;

/// Value, first and second derivatives of `Σ f(x)·w`, for each unit vector w: by the plain sweep, recorded, and in forward mode.
fn hold<T: Float>(
    worst: &mut [Worst<T>; 2],
    x: &[f64],
    name: &str,
    f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>,
    value: impl Fn(usize) -> Exact,
    slope: impl Fn(usize, usize) -> Exact,
    curvature: impl Fn(usize, usize, usize) -> Exact,
) {
    let (n, numbers) = (x.len(), x.iter().map(|&x| T::from_f64(x)).collect::<Vec<T>>());
    let unit = |n: usize, i: usize| Tensor::from_fn([n], |at| T::from_f64(f64::from(u8::from(at[0] == i))));
    let tape = Tape::default();
    let x_var = tape.var(numbers);
    let y = f(x_var);
    let (outputs, products) = (y.shape()[0], usize::from(n > 2));
    for i in 0..outputs {
        let at = |what: &str, j: usize| format!("{name}: {what} of output {i} by {j} at {x:?}");
        worst[0].hold(y.value().as_slice()[i], &value(i), || at("value", 0));
        let swept = y.vjp(&unit(outputs, i));
        let recorded = (y * &unit(outputs, i)).sum().grad(x_var);
        for j in 0..n {
            let exact = slope(i, j);
            worst[0].hold(swept[x_var].as_slice()[j], &exact, || at("slope", j));
            worst[0].hold(recorded.value().as_slice()[j], &exact, || at("recorded slope", j));
            let forward = y.jvp(&[(x_var, &unit(n, j))]);
            worst[0].hold(forward.as_slice()[i], &exact, || at("forward slope", j));
            let second = recorded.vjp(&unit(n, j));
            let forward = recorded.jvp(&[(x_var, &unit(n, j))]);
            for k in 0..n {
                let exact = curvature(i, j, k);
                worst[products].hold(second[x_var].as_slice()[k], &exact, || format!("{}, {k}", at("curvature", j)));
                worst[products].hold(forward.as_slice()[k], &curvature(i, k, j), || {
                    format!("{}, {k}", at("forward curvature", j))
                });
            }
        }
    }
}

/// Logits of both signs and all sizes, in the type at hand.
fn logits<T: Float>() -> Vec<Vec<f64>> {
    let sizes =
        [1e-30, 3e-17, 7e-9, 1.3e-4, 0.02, 0.3, 1.0, 2.7, 6.1, 14.9, 17.3, 33.3, 40.0, 83.1, 500.7, 1e4, 1e7, 1e30];
    let both: Vec<f64> = sizes.iter().flat_map(|&x| [x, -x]).map(|x| T::from_f64(x).to_f64()).collect();
    let mut points = vec![vec![0.0, 0.0], vec![0.0, -15.0], vec![0.0, -40.0], vec![1e7, 1e7], vec![0.0; 5]];
    for (i, &a) in both.iter().enumerate() {
        points.push(vec![0.0, a]);
        for &b in &both[i..] {
            points.push(vec![a, b]);
        }
        points.push(vec![both[(7 * i + 3) % both.len()], a, both[(5 * i + 1) % both.len()]]);
        points.push(
            vec![a - 1.0, a, a + 0.25, both[(3 * i + 2) % both.len()]]
                .into_iter()
                .map(|x| T::from_f64(x).to_f64())
                .collect(),
        );
    }
    points
}

/// The promise, and what holds of the curvature of more than two classes, which is made of products of three probabilities.
const BOUNDS: [f64; 2] = [4.0, 6.0];

fn all<T: Float>() {
    let mut c = Consts::new().expect("memory for constants");
    let mut worst: Vec<(&str, [Worst<T>; 2])> = vec![];
    let mut check = |name: &'static str,
                     x: &[f64],
                     f: Function<T>,
                     value: &dyn Fn(usize) -> Exact,
                     slope: &dyn Fn(usize, usize) -> Exact,
                     curvature: &dyn Fn(usize, usize, usize) -> Exact| {
        let at = worst.iter().position(|(of, _)| *of == name).unwrap_or_else(|| {
            worst.push((name, [Worst::new(), Worst::new()]));
            worst.len() - 1
        });
        hold(&mut worst[at].1, x, name, f, value, slope, curvature);
    };
    for x in &logits::<T>() {
        let d = Distribution::of(x, &mut c);
        let softmax = |i: usize| plain(d.p[i].clone());
        let jacobian = |i: usize, j: usize| plain(d.jacobian(i, j));
        let curvature = |k: usize, i: usize, j: usize| d.curvature(k, i, j);
        check("softmax", x, |x| x.softmax(0), &softmax, &jacobian, &curvature);
        check(
            "softmax of columns",
            x,
            |x| x.unsqueeze(1).expand([x.shape()[0], 2]).softmax(0).at(1, 1),
            &softmax,
            &jacobian,
            &curvature,
        );
        let log = |i: usize| plain(d.log_p[i].clone());
        let slope = |i: usize, j: usize| plain(d.slope_of_log(i, j));
        let curvature = |_: usize, i: usize, j: usize| plain(d.jacobian(i, j).neg());
        check("log_softmax", x, |x| x.log_softmax(0), &log, &slope, &curvature);
        check(
            "log_softmax of columns",
            x,
            |x| x.unsqueeze(1).expand([x.shape()[0], 2]).log_softmax(0).at(1, 0),
            &log,
            &slope,
            &curvature,
        );
        let negative = |i: usize| plain(d.log_p[i].neg());
        let slope = |i: usize, j: usize| plain(d.slope_of_log(i, j).neg());
        let curvature = |_: usize, i: usize, j: usize| plain(d.jacobian(i, j));
        // A row for each class.
        let rows: Function<T> = |x| {
            let n = x.shape()[0];
            x.unsqueeze(0).expand([n, n]).cross_entropy(&(0..n).collect::<Vec<_>>())
        };
        check("cross_entropy", x, rows, &negative, &slope, &curvature);
        let rows: Function<T> = |x| {
            let n = x.shape()[0];
            x.unsqueeze(0).expand([n, n]).cross_entropy_soft(Tensor::eye(n))
        };
        check("cross_entropy_soft", x, rows, &negative, &slope, &curvature);
        let value = |_: usize| d.log_sum.clone();
        let slope = |_: usize, j: usize| plain(d.p[j].clone());
        check("logsumexp", x, |x| x.logsumexp_keep(0), &value, &slope, &curvature);
        check(
            "logsumexp of columns",
            x,
            |x| x.unsqueeze(1).expand([x.shape()[0], 2]).logsumexp_axis(0).slice(0, 0..1),
            &value,
            &slope,
            &curvature,
        );
    }
    for (name, worst) in &worst {
        for worst in worst {
            println!(
                "{name:22} {}: {:.2} ulp at most of {} numbers, {}",
                T::NAME,
                worst.ulps,
                worst.compared,
                worst.at
            );
        }
    }
    for (name, worst) in &worst {
        for (worst, bound) in worst.iter().zip(BOUNDS) {
            assert!(worst.compared > 400, "{name}: {} numbers were compared", worst.compared);
            assert!(worst.ulps <= bound, "{name} is {} ulp off: {}", worst.ulps, worst.at);
        }
    }
}

#[test]
fn single_precision_is_within_four_units() {
    all::<f32>();
}

#[test]
fn double_precision_is_within_four_units() {
    all::<f64>();
}
