//! Softmax and its kin against arbitrary precision: value, slope and curvature, where a class is sure and where it is not.

use autograd::{Float, Tape, Tensor, Var};

use crate::exact::Exact;

/// An exact number, with the size of the terms of which it is the sum: where those cancel, no more can be asked for.
#[derive(Clone)]
struct Sum {
    value: Exact,
    terms: Exact,
}

fn sum(terms: impl IntoIterator<Item = Exact>) -> Exact {
    terms.into_iter().fold(0.0.into(), |sum, term| sum + term)
}

/// A number that is no sum.
fn plain(value: Exact) -> Sum {
    Sum { terms: value.abs(), value }
}

fn of_terms(terms: [Exact; 2]) -> Sum {
    Sum { terms: sum(terms.each_ref().map(|term| term.abs())), value: sum(terms) }
}

/// The distribution of some logits: the probabilities, those of the others, and the logarithms.
struct Distribution {
    p: Vec<Exact>,
    q: Vec<Exact>,
    log_p: Vec<Exact>,
    log_sum: Sum,
}

impl Distribution {
    fn of(x: &[f64]) -> Self {
        let top = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let at_top = x.iter().position(|&x| x == top).expect("the largest");
        let below: Vec<Exact> = x.iter().map(|&x| Exact::from(x) - top).collect();
        let e: Vec<Exact> = below.iter().map(Exact::exp).collect();
        let total = sum(e.iter().cloned());
        let others = |i: usize| sum(e.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, e)| e.clone()));
        let p = e.iter().map(|e| e / &total).collect();
        let q = (0..x.len()).map(|i| others(i) / &total).collect();
        let log = others(at_top).ln_1p();
        let log_p = below.iter().map(|x| x - &log).collect();
        Distribution { p, q, log_p, log_sum: of_terms([top.into(), log]) }
    }

    /// `∂p_i/∂x_j`
    fn jacobian(&self, i: usize, j: usize) -> Exact {
        if i == j { &self.p[i] * &self.q[i] } else { -(&self.p[i] * &self.p[j]) }
    }

    /// `∂ ln p_i/∂x_j`
    fn slope_of_log(&self, i: usize, j: usize) -> Exact {
        if i == j { self.q[i].clone() } else { -&self.p[j] }
    }

    /// `∂²p_k/∂x_i∂x_j`
    fn curvature(&self, k: usize, i: usize, j: usize) -> Sum {
        let (p, log) = (&self.p[k], |j: usize| self.slope_of_log(k, j));
        of_terms([p * log(i) * log(j), -(p * self.jacobian(i, j))])
    }
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

    fn hold(&mut self, found: T, exact: &Sum, what: impl Fn() -> String) {
        if !exact.value.is_normal::<T>(0) {
            let smallest = if T::NAME == "f32" { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
            assert!(found.to_f64().abs() <= 2.0 * smallest, "{}: {found} is no number this small", what());
            return;
        }
        let ulps = exact.value.ulps_of(found, &exact.terms);
        self.compared += 1;
        if ulps > self.ulps {
            (self.ulps, self.at) =
                (ulps, format!("{}: {:e}, exactly {:e}", what(), found.to_f64(), exact.value.to_f64()));
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
    value: impl Fn(usize) -> Sum,
    slope: impl Fn(usize, usize) -> Sum,
    curvature: impl Fn(usize, usize, usize) -> Sum,
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
    let mut worst: Vec<(&str, [Worst<T>; 2])> = vec![];
    let mut check = |name: &'static str,
                     x: &[f64],
                     f: Function<T>,
                     value: &dyn Fn(usize) -> Sum,
                     slope: &dyn Fn(usize, usize) -> Sum,
                     curvature: &dyn Fn(usize, usize, usize) -> Sum| {
        let at = worst.iter().position(|(of, _)| *of == name).unwrap_or_else(|| {
            worst.push((name, [Worst::new(), Worst::new()]));
            worst.len() - 1
        });
        hold(&mut worst[at].1, x, name, f, value, slope, curvature);
    };
    for x in &logits::<T>() {
        let d = Distribution::of(x);
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
        let curvature = |_: usize, i: usize, j: usize| plain(-d.jacobian(i, j));
        check("log_softmax", x, |x| x.log_softmax(0), &log, &slope, &curvature);
        check(
            "log_softmax of columns",
            x,
            |x| x.unsqueeze(1).expand([x.shape()[0], 2]).log_softmax(0).at(1, 0),
            &log,
            &slope,
            &curvature,
        );
        let negative = |i: usize| plain(-&d.log_p[i]);
        let slope = |i: usize, j: usize| plain(-d.slope_of_log(i, j));
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
