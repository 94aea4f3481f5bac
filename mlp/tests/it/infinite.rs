//! Networks of infinite width: kernels against closed forms and other rules, and regression with them. `infinite_width_laws.rs` holds
//! them against networks of finite width.

use std::f64::consts::PI;

use autograd::{Number, Parameters, Tensor, Var};
use mlp::infinite::{GradientFlow, InfiniteWidth, Nngp};
use mlp::{Activation, Error, Function, Init, Module};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::theory::{assert_close, theory};

const ANGLES: [f64; 6] = [0.0, 1e-3, 0.4, 1.3, 2.5, 3.1];

/// Two variances and a correlation, with E[φ(u)φ(v)] and E[φ′(u)φ′(v)] out of the kernels of a network of one activation, for
/// inputs of two numbers with these variances x·x/2 in these directions.
fn products(activation: impl Module + 'static, variances: &[f64], mut check: impl FnMut([f64; 2], f64, [f64; 2])) {
    let all: Vec<(f64, f64)> = variances.iter().flat_map(|&q| ANGLES.map(|angle| (q, angle))).collect();
    let row = |&(q, angle): &(f64, f64)| [(2.0 * q).sqrt() * f64::cos(angle), (2.0 * q).sqrt() * f64::sin(angle)];
    let x = Tensor::new([all.len(), 2], all.iter().flat_map(row).collect::<Vec<_>>());
    let network = InfiniteWidth::mlp(activation, 1, 1.0, 0.0).unwrap();
    let both = network.kernels(&x, &x).unwrap();
    for (i, (p, first)) in all.iter().enumerate() {
        for (j, (q, second)) in all.iter().enumerate() {
            let (c, at) = ((first - second).cos(), i * all.len() + j);
            let (k, theta) = (both.nngp.as_slice()[at], both.ntk.as_slice()[at]);
            check([*p, *q], c, [k, (theta - k) / (p * q).sqrt() / c]);
        }
    }
}

fn random(shape: [usize; 2], seed: u64) -> Tensor {
    Init::Normal { mean: 0.0, std: 1.0 }.sample(shape, &mut StdRng::seed_from_u64(seed))
}

#[test]
fn expectations_of_erf_are_those_of_williams() {
    for variances in [&[0.01, 0.3, 1.0, 5.0][..], &[40.0]] {
        products(Function::new("erf", |z: Var| z.erf()), variances, |[p, q], c, found| {
            let (k, size) = ((p * q).sqrt() * c, (1.0 + 2.0 * p) * (1.0 + 2.0 * q));
            assert_close(found[0], 2.0 / PI * (2.0 * k / size.sqrt()).asin(), 1e-10);
            assert_close(found[1], 4.0 / PI / (size - 4.0 * k * k).sqrt(), 1e-10);
        });
    }
}

/// E[relu(u)relu(v)] and its slope in the covariance, of variances p and q.
fn arc_cosine([p, q]: [f64; 2], c: f64) -> [f64; 2] {
    let (s, angle) = ((1.0 - c * c).max(0.0).sqrt(), PI - c.min(1.0).acos());
    [(p * q).sqrt() * (s + angle * c) / (2.0 * PI), angle / (2.0 * PI)]
}

#[test]
fn expectations_across_a_kink_are_those_of_cho_and_saul() {
    products(Activation::Relu, &[0.01, 1.0, 40.0], |variances, c, found| {
        let exact = arc_cosine(variances, c);
        assert_close(found[0], exact[0], 1e-12);
        // acos c has the root of the round-off of c.
        assert_close(found[1], exact[1], if c > 1.0 - 1e-10 { 1e-7 } else { 1e-12 });
    });
    // relu(z) + z² has the same kink, and no closed form in the crate.
    products(Function::new("bent", |z: Var| z.relu() + z.square()), &[0.3, 2.5], |[p, q], c, found| {
        let relu = arc_cosine([p, q], c);
        let cross = |p: f64, q: f64| (p / (2.0 * PI)).sqrt() * q * (1.0 + c * c); // E[relu(u)·v²]
        let values = relu[0] + cross(p, q) + cross(q, p) + p * q * (1.0 + 2.0 * c * c);
        let slopes = relu[1] + 2.0 * c * (p.sqrt() + q.sqrt()) / (2.0 * PI).sqrt() + 4.0 * (p * q).sqrt() * c;
        assert_close(found[0], values, 1e-10);
        assert_close(found[1], slopes, if c > 1.0 - 1e-10 { 1e-7 } else { 1e-10 });
    });
}

/// Nodes and weights of E[f(z)], z ~ N(0, 1), for functions that are smooth between the `breaks`: Gauss's rule of five nodes
/// (degree 9) on panels of ½ at most.
fn nodes(breaks: &[f64]) -> Vec<(f64, f64)> {
    let mut ends: Vec<f64> = (-17..=17).map(|i| f64::from(i) / 2.0).collect();
    ends.extend(breaks.iter().filter(|z| z.abs() < 8.5));
    ends.sort_by(f64::total_cmp);
    let [near, far] = [-1.0, 1.0].map(|sign: f64| (5.0 + sign * 2.0 * (10.0 / 7.0f64).sqrt()).sqrt() / 3.0);
    let [light, heavy] = [-1.0, 1.0].map(|sign: f64| (322.0 + sign * 13.0 * 70f64.sqrt()) / 1800.0);
    let rule = [(-far, light), (-near, heavy), (0.0, 64.0 / 225.0), (near, heavy), (far, light)];
    let panel = |ends: &[f64]| {
        let (from, width) = (ends[0], ends[1] - ends[0]);
        rule.map(|(at, weight)| {
            let z = from + width * (1.0 + at) / 2.0;
            (z, weight * width * (-z * z / 2.0).exp() / (2.0 * PI).sqrt())
        })
    };
    ends.windows(2).flat_map(panel).collect()
}

/// E[φ(u)φ(v)] of variances p and q, by nested integrals between the breaks of φ.
fn quadrature(activation: &impl Module, breaks: &[f64], [p, q]: [f64; 2], c: f64) -> f64 {
    let (s, t, rest) = (p.sqrt(), q.sqrt(), ((1.0 - c) * (1.0 + c)).sqrt());
    let value = |x: Vec<f64>| activation.predict(&Tensor::new([x.len(), 1], x)).to_vec();
    let at = |scale: f64, shift: f64| breaks.iter().map(|x| (x - shift) / scale).collect::<Vec<_>>();
    let (mut u, mut v, mut weights) = (vec![], vec![], vec![]);
    for (first, weight) in nodes(&[at(s, 0.0), at(t * c, 0.0)].concat()) {
        for (w, beside) in nodes(&at(t * rest, t * c * first)) {
            v.push(t * (c * first + rest * w));
            weights.push((u.len(), weight * beside));
        }
        u.push(s * first);
    }
    let (first, second) = (value(u), value(v));
    weights.iter().zip(second).map(|((i, weight), y)| weight * first[*i] * y).sum()
}

/// Both kernels of one activation against nested integrals, for inputs of these variances at angles of 0.4, 1.3 and 2.5.
#[track_caller]
fn assert_integrals(activation: impl Module + Clone + 'static, breaks: &[f64], variances: [f64; 2]) {
    let [p, q] = variances.map(|q| (2.0 * q).sqrt());
    let size = variances.map(f64::sqrt).iter().product::<f64>();
    let network = InfiniteWidth::mlp(activation.clone(), 1, 1.0, 0.0).unwrap();
    let angles = [0.4f64, 1.3, 2.5];
    let both =
        network.kernels(&[[p, 0.0]].into(), &angles.map(|angle| [q * angle.cos(), q * angle.sin()]).into()).unwrap();
    for (i, angle) in angles.into_iter().enumerate() {
        let (k, theta) = (both.nngp.as_slice()[i], both.ntk.as_slice()[i]);
        assert_close(k, quadrature(&activation, breaks, variances, angle.cos()), 1e-8);
        // Price 1958: E[φ′(u)φ′(v)] is the slope of E[φ(u)φ(v)] in the covariance, where φ does not jump.
        if angle == 1.3 {
            let [less, more] = [-1e-3, 1e-3].map(|step| quadrature(&activation, breaks, variances, angle.cos() + step));
            assert_close((theta - k) / (size * angle.cos()), (more - less) / (2e-3 * size), 1e-5);
        }
    }
}

/// A line, to which each break adds another; without jumps.
#[derive(Clone)]
struct Bent {
    slope: f64,
    bends: [[f64; 2]; 3],
}

impl Module for Bent {
    fn forward<'t>(&self, z: Var<'t>) -> Var<'t> {
        self.bends.iter().fold(z * self.slope + 0.2, |y, &[at, bend]| y + (z - at).relu() * bend)
    }
    fn parameters(&self) -> Parameters {
        Parameters::new()
    }
}

#[test]
fn expectations_of_lines_are_their_integrals() {
    let rng = &mut StdRng::seed_from_u64(21);
    for _ in 0..6 {
        let mut draw = |from: f64, to: f64| rng.random_range(from..to);
        let bends = [-1.5, draw(-0.3, 0.3), 1.5]
            .map(|at: f64| [at + draw(-0.7, 0.7), draw(0.2, 1.0) * draw(-1.0, 1.0).signum()]);
        let bent = Bent { slope: draw(-1.0, 1.0), bends };
        let variances = [draw(-3.0, 2.0), draw(-3.0, 2.0)].map(f64::exp);
        assert_integrals(bent, &bends.map(|[at, _]| at), variances);
    }
    for (activation, breaks) in [
        (Activation::HardTanh, [-1.0, 1.0]),
        (Activation::PiecewiseLinear, [-0.5, 0.5]),
        (Activation::HardSigmoid, [-3.0, 3.0]),
    ] {
        assert_integrals(activation, &breaks, [0.02, 0.7]);
        assert_integrals(activation, &breaks, [9.0, 1.5]);
    }
}

#[test]
fn expectations_with_a_kink_at_0_are_their_integrals() {
    for (activation, variances) in
        [(Activation::Elu(1.0), [0.02, 0.7]), (Activation::Selu, [6.0, 1.5]), (Activation::Softsign, [0.4, 1.5])]
    {
        assert_integrals(activation, &[0.0], variances);
    }
}

#[test]
fn expectations_of_steps_are_shares_of_the_plane() {
    products(Activation::Sign, &[0.01, 1.0, 40.0], |_, c, [found, slopes]| {
        // Sheppard 1899; at c = 1 the arcsine has the root of the round-off of c.
        assert_close(found, 2.0 / PI * c.clamp(-1.0, 1.0).asin(), if c > 1.0 - 1e-10 { 1e-7 } else { 1e-12 });
        assert_close(slopes, 0.0, 1e-12);
    });
    // 0 below −0.4, −2 up to 0.7, −1 beyond.
    let comb = Function::new("comb", |z: Var| (z - 0.7).step() - (z + 0.4).step() * 2.0);
    let network = InfiniteWidth::mlp(comb, 1, 1.0, 0.0).unwrap();
    let tail = |x: f64| 0.5 * Number::erfc(x / 2f64.sqrt());
    for q in [0.04f64, 1.0, 30.0] {
        let x = Tensor::from([[q.sqrt()]]);
        let k = network.nngp(&x, &x).unwrap().item();
        let exact = 4.0 * (1.0 - tail(0.4 / q.sqrt()) - tail(0.7 / q.sqrt())) + tail(0.7 / q.sqrt());
        assert_close(k, exact, 1e-14);
    }
}

#[test]
fn one_table_gives_what_two_equal_ones_give() {
    let x = random([6, 3], 22);
    for activation in [Activation::Relu, Activation::Tanh, Activation::HardTanh, Activation::Elu(1.0)] {
        let network = InfiniteWidth::mlp(activation, 2, 1.6, 0.1).unwrap();
        let one = network.kernels(&x, &x).unwrap();
        // One more column, so that the tables differ.
        let more = Tensor::concat(&[x.clone(), random([1, 3], 23)], 0);
        let two = network.kernels(&x, &more).unwrap();
        assert!(two.nngp.slice(1, 0..6).is_close(&one.nngp, 1e-10), "{activation}");
        assert!(two.ntk.slice(1, 0..6).is_close(&one.ntk, 1e-9), "{activation}");
    }
}

#[test]
fn equally_long_inputs_have_the_expectations_of_mean_field_theory() {
    for activation in [Activation::Tanh, Activation::Gelu, Activation::Selu, Activation::HardTanh] {
        let (field, q) = (theory(activation), 1.7);
        let size = field.variance_map(q);
        let mut seen = 0;
        products(activation, &[q], |_, c, found| {
            // A few: the other rule is adaptive, and slow.
            let few = [0.4f64, 1.3, 2.1].iter().any(|angle| (angle.cos() - c).abs() < 1e-12);
            if few && seen < 4 {
                assert_close(found[0], size * field.correlation_map(q, c), 1e-10);
                assert_close(found[1], size / q * field.correlation_slope(q, c), 1e-9);
                seen += 1;
            }
        });
        assert_eq!(seen, 4);
    }
}

/// Both kernels are symmetric, and have no negative eigenvalue beyond `round_off`.
#[track_caller]
fn assert_positive(network: &InfiniteWidth, x: &Tensor, round_off: f64) {
    let both = network.kernels(x, x).unwrap();
    for kernel in [both.nngp, both.ntk] {
        let size = kernel.max();
        assert!(kernel.is_close(&kernel.t(), round_off * size), "{network:?} is not symmetric");
        let least = kernel.eigvalsh().as_slice()[0];
        assert!(least > -round_off * size, "{network:?}: an eigenvalue of {least:e}");
    }
}

#[test]
fn kernels_are_symmetric_and_positive() {
    let x = random([12, 3], 1) * 0.7;
    for activation in [Activation::Relu, Activation::Tanh, Activation::Gelu, Activation::Softplus] {
        assert_positive(&InfiniteWidth::mlp(activation, 3, 1.6, 0.1).unwrap(), &x, 1e-12);
    }
    let block = || InfiniteWidth::new().layer_norm().activation(Activation::Elu(1.0)).unwrap().dense(1.0, 0.1);
    let network = InfiniteWidth::new().dense(1.0, 0.0).residual(0.5, &block()).residual(0.5, &block());
    assert_positive(&network, &x, 1e-12);
    let step =
        InfiniteWidth::new().dense(1.0, 0.1).layer_norm().activation(Activation::HardTanh).unwrap().dense(1.0, 0.0);
    assert_positive(&step, &x, 1e-9);
}

#[test]
fn normalisation_makes_inputs_equally_long() {
    let x = random([5, 3], 2);
    let short = &x / &(&x * &x).mean_keep(1).sqrt();
    let plain = InfiniteWidth::mlp(Activation::Gelu, 1, 1.0, 0.0).unwrap();
    let normed =
        InfiniteWidth::new().dense(1.0, 0.0).layer_norm().activation(Activation::Gelu).unwrap().dense(1.0, 0.0);
    assert!(normed.nngp(&x, &x).unwrap().is_close(&plain.nngp(&short, &short).unwrap(), 1e-13));
    // The tangents of the first layer have the length of the input beside the values, as these have.
    assert!(normed.ntk(&x, &x).unwrap().is_close(&plain.ntk(&short, &short).unwrap(), 1e-13));
    assert!(normed.nngp(&short, &(&x * 7.0)).unwrap().is_close(&plain.nngp(&short, &short).unwrap(), 1e-13));
}

#[test]
fn the_process_of_a_linear_network_is_bayesian_linear_regression() {
    let (x, other, noise) = (random([20, 3], 3), random([4, 3], 4), 0.3);
    let y = random([20, 2], 5);
    let network = InfiniteWidth::new().dense(1.5, 0.0);
    let deep = InfiniteWidth::mlp(Activation::Identity, 2, 1.5f64.cbrt(), 0.0).unwrap();
    // f(x) = w·x, w of variance 1.5/3: the precision of w is XᵀX/noise + 3/1.5.
    let precision = x.t().matmul(&x) / noise + Tensor::ones([3]).diagonal_matrix() * 2.0;
    let mean = other.matmul(&precision.solve(&(x.t().matmul(&y) / noise)));
    let variance = (&other * &precision.solve(&other.t()).t()).sum_axis(1);
    for network in [network, deep] {
        let posterior = Nngp::fit(&network, &x, &y, noise).unwrap().predict(&other).unwrap();
        assert!(posterior.mean.is_close(&mean, 1e-12) && posterior.variance.is_close(&variance, 1e-12));
    }
}

#[test]
fn a_line_as_activation_has_its_moments() {
    let (a, b, x) = (-1.7, 0.6, random([4, 3], 24));
    let both = InfiniteWidth::mlp(Activation::Linear { a, b }, 1, 1.0, 0.0).unwrap().kernels(&x, &x).unwrap();
    let k = x.matmul(&x.t()) / 3.0;
    assert!(both.nngp.is_close(&(&k * (a * a) + b * b), 1e-13));
    assert!(both.ntk.is_close(&(&k * (2.0 * a * a) + b * b), 1e-13));
}

#[test]
fn the_likelihood_is_that_of_one_sample_after_the_other() {
    let network = InfiniteWidth::mlp(Activation::Tanh, 2, 1.5, 0.1).unwrap();
    let (x, y, noise) = (random([6, 2], 6), random([6, 1], 7).flatten(), 0.05);
    let density =
        |y: f64, mean: f64, variance: f64| -0.5 * ((y - mean).powi(2) / variance + (2.0 * PI * variance).ln());
    let prior = network.nngp(&x, &x).unwrap().as_slice()[0];
    let mut sum = density(y.as_slice()[0], 0.0, prior + noise);
    for n in 1..6 {
        let process = Nngp::fit(&network, &x.slice(0, 0..n), &y.slice(0, 0..n), noise).unwrap();
        let next = process.predict(&x.slice(0, n..n + 1)).unwrap();
        sum += density(y.as_slice()[n], next.mean.item(), next.variance.item() + noise);
    }
    assert_close(Nngp::fit(&network, &x, &y, noise).unwrap().log_likelihood(), sum, 1e-12);
}

#[test]
fn the_flow_of_a_linear_network_is_that_of_its_weights() {
    let (x, y, other) = (random([5, 3], 8), random([5, 1], 9).flatten(), random([2, 3], 10));
    let flow = GradientFlow::fit(&InfiniteWidth::new().dense(1.5, 0.2), &x, &y).unwrap();
    // f(x) = √½·ω·x + √0.2·β, with the parameters (ω, β) in R⁴: dθ/dt = Jᵀ(y − Jθ), so θ = e^(−JᵀJt)·θ₀ + (1 − e^(−JᵀJt))·(JᵀJ)⁻¹·Jᵀy.
    let columns = |x: &Tensor| Tensor::concat(&[x * 0.5f64.sqrt(), Tensor::full([x.shape()[0], 1], 0.2f64.sqrt())], 1);
    let (j, outputs) = (columns(&x), columns(&other));
    let (a, one) = (j.t().matmul(&j), Tensor::ones([4]).diagonal_matrix());
    let left = |time: f64| (&a * -time).matrix_exp();
    let least = a.solve(&j.t().matmul(&y));
    for time in [0.0, 0.01, 0.7, 5.0] {
        let found = flow.predict(&other, time).unwrap();
        let mean = outputs.matmul(&(&one - &left(time)).matmul(&least));
        let variance = outputs.matmul(&left(time)).square().sum_axis(1);
        assert!(found.mean.is_close(&mean, 1e-11), "{time}: {} {mean}", found.mean);
        assert!(found.variance.is_close(&variance, 1e-11), "{time}: {} {variance}", found.variance);
    }
    // More samples than parameters: training does not end at all targets, and says so.
    assert!(flow.predict(&other, f64::INFINITY).unwrap_err().to_string().contains("singular"));
}

#[test]
fn errors_name_what_is_wrong() {
    #[track_caller]
    fn says<R: std::fmt::Debug>(result: Result<R, Error>, text: &str) {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    let (x, y) = (random([4, 2], 11), random([4, 1], 12));
    let network = InfiniteWidth::mlp(Activation::Relu, 1, 2.0, 0.0).unwrap();
    says(network.nngp(&x, &random([4, 3], 1)), "rows of 2 and of 3 numbers");
    says(network.nngp(&x.flatten(), &x), "not a table");
    says(network.nngp(&(&x * f64::NAN), &x), "row 0 of the inputs holds NaN");
    says(network.nngp(&Tensor::zeros([0, 2]), &x), "at least one sample");
    says(InfiniteWidth::new().nngp(&x, &x), "last layer is not dense");
    says(
        InfiniteWidth::new().layer_norm().dense(1.0, 0.0).nngp(&x, &x),
        "`layer_norm` follows values that are not normal",
    );
    let twice = network.clone().activation(Activation::Tanh).unwrap().activation(Activation::Tanh).unwrap();
    says(twice.dense(1.0, 0.0).ntk(&x, &x), "`tanh` follows values that are not normal");
    let open = InfiniteWidth::new().activation(Activation::Tanh).unwrap();
    says(network.clone().residual(1.0, &open).nngp(&x, &x), "does not end in a dense layer");
    says(network.clone().layer_norm().nngp(&(&x * 0.0), &x), "row 0 of the first table has variance 0");
    says(InfiniteWidth::mlp(Activation::Relu, 400, 1e3, 0.0).unwrap().nngp(&x, &x), "not finite");
    says(InfiniteWidth::new().activation(Activation::Softmax).map(drop), "softmax");

    says(Nngp::fit(&network, &x, &y, -1.0), "noise -1");
    says(Nngp::fit(&network, &x, &y.slice(0, 0..3), 0.1), "targets of shape");
    says(Nngp::fit(&network, &x, &(&y / 0.0), 0.1), "targets: sample 0 holds");
    let double = Tensor::concat(&[x.clone(), &x * 2.0], 0); // relu without biases: outputs double with the inputs
    says(Nngp::fit(&network, &double, &random([8, 1], 1), 0.0), "singular to working precision");
    assert!(Nngp::fit(&network, &double, &random([8, 1], 1), 1e-10).is_ok());
    says(GradientFlow::fit(&network, &x, &y).unwrap().predict(&x, -0.5), "time -0.5");
}

/// Behind a jump the variance of a sample shows the root of how far its correlation with itself is from 1.
#[test]
fn equal_samples_keep_the_correlation_one() {
    let (x, other) = (random([3, 2], 4), random([2, 2], 5));
    let equal = Tensor::concat(&[other, x.clone()], 0);
    for first in [Activation::Selu, Activation::Silu, Activation::GeluTanh, Activation::Softsign, Activation::Relu] {
        let network = InfiniteWidth::mlp(first, 1, 1.3, 0.1).unwrap().layer_norm();
        let network = network.activation(Activation::Sign).unwrap().dense(1.0, 0.0);
        let (alone, among) = (network.nngp(&x, &x).unwrap(), network.nngp(&x, &equal).unwrap());
        for i in 0..3 {
            let variances = [alone.get([i, i]), among.get([i, i + 2])];
            assert!(variances.iter().all(|k| (k - 1.0).abs() < 1e-14), "{first}: {variances:?}");
        }
    }
}
