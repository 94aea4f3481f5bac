//! Laws of deep networks, measured on networks. Each statistic stands beside its exact value and its standard error: a test
//! fails when the law is broken, not when the dice are bad.

use std::f64::consts::LN_2;

use autograd::{Param, Scalar, Tape, Tensor, Var, jacobian};
use mlp::theory::MeanField;
use mlp::{Activation, Init, Linear, Module, Sequential};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

/// The mean of independent measurements, and its standard error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mean {
    pub(crate) value: f64,
    pub(crate) error: f64,
}

impl Mean {
    pub(crate) fn of(samples: &[f64]) -> Self {
        let n = samples.len() as f64;
        let value = samples.iter().sum::<f64>() / n;
        let variance = samples.iter().map(|x| (x - value).powi(2)).sum::<f64>() / (n - 1.0);
        Mean { value, error: (variance / n).sqrt() }
    }

    /// In standard errors, as measured or, where theory knows it, given.
    #[track_caller]
    pub(crate) fn assert_is(self, exact: f64, errors: f64, what: &str) {
        let z = (self.value - exact) / self.error;
        println!("{what}: {:.6} ± {:.6}, exactly {exact:.6}, z = {z:.2}", self.value, self.error);
        assert!(z.abs() < errors, "{what}: {self:?}, exactly {exact}: {z:.2} standard errors");
    }
}

fn normal(shape: [usize; 2], std: f64, rng: &mut StdRng) -> Tensor {
    Init::Normal { mean: 0.0, std }.sample(shape, rng)
}

fn mean_square(x: &Tensor) -> f64 {
    x.square().mean()
}

/// A layer of a network: p ← φ(p)W + b.
type Layer = Linear<f64>;

/// ln of what the mean squared gradient is multiplied by, per layer, on its way back through layers whose first sums have
/// variance `q`: forwards 32 samples, backwards 32 directions.
fn decay(activation: Activation, layers: &[Layer], q: f64, rng: &mut StdRng) -> f64 {
    let shape = [32, layers[0].inputs()];
    let tape = Tape::new();
    let first = tape.var(normal(shape, q.sqrt(), rng));
    let last = layers.iter().fold(first, |p, layer| layer.forward(activation.apply(p)));
    let u = normal(shape, 1.0, rng);
    let dp = (last * &u).sum().backward()[first].clone();
    (mean_square(&dp) / mean_square(&u)).ln() / layers.len() as f64
}

/// Holds measured decays against the product of χ(q_l), to 2 % a layer; returns the latter.
#[track_caller]
fn assert_decay(theory: &MeanField, q: f64, depth: usize, logs: &[f64]) -> f64 {
    let exact = theory.variances(q).take(depth).map(|q| theory.chi(q).ln()).sum::<f64>() / depth as f64;
    let measured = Mean::of(logs);
    let (ratio, error) = ((measured.value - exact).exp(), measured.error);
    println!("{theory:?} from q = {q:.3}: χ {:.6}, measured {:.6}, ± {error:.4}", exact.exp(), measured.value.exp());
    // The dice must not decide: the law is tested to 2 %, so they may blur no more than a third of that.
    assert!(error < 0.02 / 3.0, "{theory:?}: standard error {error}");
    assert!((ratio - 1.0).abs() < 0.02, "{theory:?}: {ratio} of the product of χ, standard error {error}");
    exact.exp()
}

#[test]
fn gradients_decay_by_the_product_of_chi() {
    const WIDTH: usize = 1000;
    const DEPTH: usize = 8;
    let logistic = MeanField::new(Activation::Sigmoid).unwrap().fixed_point().unwrap();
    let networks = [
        (Activation::Tanh, 1.3, 0.05, 1.0), // order, far from the fixed point
        (Activation::Tanh, 2.5, 0.05, 1.0), // chaos
        (Activation::HardTanh, 1.5, 0.05, 1.0),
        (Activation::Relu, 2.0, 0.0, 1.0),
        (Activation::Sigmoid, 1.0, 0.0, logistic),
    ];
    let mut logs = networks.map(|_| vec![]);
    for seed in 0..6 {
        let rng = &mut StdRng::seed_from_u64(seed);
        // Drawn once and scaled, since drawing is what takes the time.
        let drawn: Vec<_> = (0..DEPTH).map(|_| (normal([WIDTH; 2], 1.0, rng), normal([1, WIDTH], 1.0, rng))).collect();
        for (&(activation, weights, biases, q), logs) in networks.iter().zip(&mut logs) {
            let scaled = |(w, b): &(Tensor, Tensor)| Layer {
                w: Param::new(w * (weights / WIDTH as f64).sqrt()),
                b: Some(Param::new(b.reshape(WIDTH) * f64::sqrt(biases))),
            };
            let layers: Vec<Layer> = drawn.iter().map(scaled).collect();
            logs.push(decay(activation, &layers, q, rng));
        }
    }
    for ((activation, weights, biases, q), logs) in networks.into_iter().zip(logs) {
        let theory = MeanField::new(activation).unwrap().weights(weights).biases(biases);
        let chi = assert_decay(&theory, q, DEPTH, &logs);
        match activation {
            Activation::Relu => assert!((chi - 1.0).abs() < 1e-10, "{chi}"),
            Activation::Sigmoid => assert!((chi.sqrt() - 0.236).abs() < 5e-4, "{chi}"),
            _ => {}
        }
    }
}

#[test]
fn the_initialiser_from_theory_keeps_gradients() {
    const WIDTH: usize = 200;
    const DEPTH: usize = 20;
    for activation in [Activation::Tanh, Activation::Elu(1.0), Activation::Selu, Activation::Gelu] {
        let theory = MeanField::new(activation).unwrap();
        let critical = theory.critical().unwrap();
        let run = |seed| {
            let rng = &mut StdRng::seed_from_u64(seed);
            let layers: Vec<Layer> = (0..DEPTH).map(|_| critical.linear(WIDTH, WIDTH, rng).unwrap()).collect();
            decay(activation, &layers, critical.variance, rng)
        };
        let logs: Vec<f64> = (0..24).map(run).collect();
        let there = theory.weights(critical.weights).biases(critical.biases);
        let chi = assert_decay(&there, critical.variance, DEPTH, &logs);
        assert!((chi - 1.0).abs() < 1e-8, "{activation}: {chi}");
    }
}

#[test]
fn selu_keeps_mean_and_variance_but_not_the_gradient() {
    const WIDTH: usize = 400;
    const DEPTH: usize = 50;
    let (mut means, mut variances, mut growths) = (vec![], vec![], vec![]);
    for seed in 0..6 {
        let rng = &mut StdRng::seed_from_u64(seed);
        let tape = Tape::new();
        let first = tape.var(normal([16, WIDTH], 1.0, rng));
        let (mut x, mut all) = (first, vec![]);
        for _ in 0..DEPTH {
            let linear: Linear = Linear::new(WIDTH, WIDTH, &Init::lecun_normal(), rng).unwrap();
            x = Activation::Selu.apply(linear.forward(x));
            all.push(x.value());
        }
        let u = normal([16, WIDTH], 1.0, rng);
        let dx = (x * &u).sum().backward()[first].clone();
        growths.push((mean_square(&dx) / mean_square(&u)).ln() / DEPTH as f64);
        let average = |f: &dyn Fn(&Tensor) -> f64| all.iter().map(f).sum::<f64>() / DEPTH as f64;
        means.push(average(&|x| x.mean()));
        variances.push(average(&|x| x.variance()));
        assert!(all.iter().all(|x| x.mean().abs() < 0.2 && (0.6..1.5).contains(&x.variance())), "seed {seed}");
    }
    Mean::of(&means).assert_is(0.0, 4.0, "mean of selu");
    Mean::of(&variances).assert_is(1.0, 4.0, "variance of selu");
    let growth = Mean::of(&growths);
    let chi = MeanField::new(Activation::Selu).unwrap().chi(1.0);
    assert!((chi - 1.0716).abs() < 5e-5);
    assert!((growth.value.exp() / chi - 1.0).abs() < 0.02 && growth.error < 0.005, "{growth:?}");
}

/// ψ and ψ₁ of n/2: by recurrence to where the asymptotic series is exact to round-off.
fn digamma_trigamma(mut x: f64) -> (f64, f64) {
    let (mut psi, mut psi1) = (0.0, 0.0);
    while x < 20.0 {
        (psi, psi1, x) = (psi - 1.0 / x, psi1 + 1.0 / (x * x), x + 1.0);
    }
    let r = 1.0 / (x * x);
    psi += x.ln() - 0.5 / x - r * (1.0 / 12.0 - r * (1.0 / 120.0 - r * (1.0 / 252.0 - r / 240.0)));
    psi1 += 1.0 / x + r / 2.0 + r / x * (1.0 / 6.0 - r * (1.0 / 30.0 - r * (1.0 / 42.0 - r / 30.0)));
    (psi, psi1)
}

/// Mean and variance of ln((scale/n)·χ²_k).
fn log_chi_squared(k: usize, scale: f64, n: usize) -> (f64, f64) {
    let (psi, psi1) = digamma_trigamma(k as f64 / 2.0);
    (psi + LN_2 + (scale / n as f64).ln(), psi1)
}

/// Mean and variance of ln((2/n)·χ²_K) for K ~ Bin(n, ½): what a square, He-initialised relu layer does to ‖·‖² (Hanin 2018).
/// K = 0, a layer without a living unit, has probability 2⁻ⁿ.
fn relu_log_norm(n: usize) -> (f64, f64) {
    let mut probability = 0.5f64.powi(n as i32);
    let (mut mean, mut square) = (0.0, 0.0);
    for k in 1..=n {
        probability *= (n - k + 1) as f64 / k as f64;
        let (m, v) = log_chi_squared(k, 2.0, n);
        mean += probability * m;
        square += probability * (v + m * m);
    }
    (mean, square - mean * mean)
}

/// ln of what each of `depth` layers multiplies ‖x‖² by, forwards, and ‖dx‖² backwards.
fn log_norms(activation: Activation, init: &Init, n: usize, depth: usize, rng: &mut StdRng) -> [Vec<f64>; 2] {
    let tape = Tape::new();
    let mut x = vec![tape.var(normal([1, n], 1.0, rng))];
    for _ in 0..depth {
        let linear: Linear = Linear::new(n, n, init, rng).unwrap();
        x.push(activation.apply(linear.without_bias().forward(x[x.len() - 1])).watch());
    }
    let u = normal([1, n], 1.0, rng);
    let grads = (x[depth] * &u).sum().backward();
    let logs = |norm: &dyn Fn(Var) -> f64| -> Vec<f64> { x.iter().map(|&x| norm(x).ln()).collect() };
    let (forward, backward) = (logs(&|x| mean_square(&x.value())), logs(&|x| mean_square(&grads[x])));
    let differences = |logs: &[f64], sign: f64| logs.windows(2).map(|pair| sign * (pair[1] - pair[0])).collect();
    [differences(&forward, 1.0), differences(&backward, -1.0)]
}

#[track_caller]
fn assert_log_norms(activation: Activation, init: &Init, n: usize, chains: u64, (mean, variance): (f64, f64)) {
    let runs: Vec<_> =
        (0..chains).map(|seed| log_norms(activation, init, n, 40, &mut StdRng::seed_from_u64(seed))).collect();
    for (way, what) in ["forward", "backward"].iter().enumerate() {
        // Independent from layer to layer (Hanin 2018).
        let logs: Vec<f64> = runs.iter().flat_map(|run| run[way].iter().copied()).collect();
        let error = (variance / logs.len() as f64).sqrt();
        let found = Mean { error, ..Mean::of(&logs) };
        found.assert_is(mean, 3.0, &format!("{activation}, width {n}, {what}: mean log-norm"));
        let squares: Vec<f64> = logs.iter().map(|log| (log - mean).powi(2)).collect();
        Mean::of(&squares).assert_is(variance, 3.0, &format!("{activation}, width {n}, {what}: variance"));
    }
}

#[test]
fn relu_moves_the_log_norm_as_computed_at_any_width() {
    // To the digits that were computed elsewhere.
    for (n, mean, variance) in
        [(32, -0.082540, 0.177498), (64, -0.040109, 0.082997), (128, -0.019786, 0.040234), (512, -0.004898, 0.009837)]
    {
        let exact = relu_log_norm(n);
        assert!((exact.0 - mean).abs() < 6e-7 && (exact.1 - variance).abs() < 6e-7, "{n}: {exact:?}");
    }
    for (n, chains) in [(32, 100), (128, 25), (512, 6)] {
        assert_log_norms(Activation::Relu, &Init::he_normal(), n, chains, relu_log_norm(n));
    }
}

#[test]
fn linear_layers_move_the_log_norm_as_computed() {
    assert_log_norms(Activation::Identity, &Init::lecun_normal(), 64, 25, log_chi_squared(64, 1.0, 64));
}

/// Of a deep linear network of square layers.
fn deep_linear_jacobian(init: &Init, n: usize, depth: usize, rng: &mut StdRng) -> Tensor {
    let layer = |rng: &mut StdRng| Linear::<f64>::new(n, n, init, rng).unwrap();
    let network = (0..depth).fold(Sequential::new(), |network, _| network.then(layer(rng)));
    jacobian(|x| network.forward(x), &Tensor::zeros([1, n]))
}

#[test]
fn orthogonal_layers_keep_every_singular_value() {
    // JᵀJ = σ_w^(2L)·1 says that each singular value is σ_w^L.
    const DEPTH: usize = 40;
    for gain in [1.0f64, 0.9, 1.1] {
        let rng = &mut StdRng::seed_from_u64(5);
        let j = deep_linear_jacobian(&Init::orthogonal().gain(gain), 30, DEPTH, rng);
        let squares = &j.t().matmul(&j) / gain.powi(2 * DEPTH as i32);
        assert!(squares.is_close(&Tensor::eye(30), 1e-12), "gain {gain}");
    }
}

#[test]
fn gaussian_layers_spread_the_singular_values_as_predicted() {
    // Squared singular values s of L layers: E[s] = 1, and a = E[tr((JJᵀ)²)]/n, b = E[tr(JJᵀ)²]/n² follow, by the second
    // moment of the Wishart distribution, a′ = (1 + 1/n)·a + b, b′ = b + 2a/n². Wide layers: a = 1 + L, the variance L of
    // Pennington, Schoenholz and Ganguli 2017.
    const N: usize = 40;
    let second_moment = |n: f64, depth: usize| {
        let step = |(a, b), _| ((1.0 + 1.0 / n) * a + b, b + 2.0 * a / (n * n));
        (0..depth).fold((1.0, 1.0), step).0
    };
    for depth in [1, 4, 8] {
        assert!((second_moment(1e9, depth) - (1.0 + depth as f64)).abs() < 1e-6, "the wide limit");
        let (n, a) = (N as f64, second_moment(N as f64, depth));
        let rng = &mut StdRng::seed_from_u64(11);
        let (mut first, mut second) = (vec![], vec![]);
        for _ in 0..200 {
            let j = deep_linear_jacobian(&Init::lecun_normal(), N, depth, rng);
            let squares = j.t().matmul(&j);
            first.push(j.square().sum() / n);
            second.push(squares.square().sum() / n);
        }
        Mean::of(&first).assert_is(1.0, 4.0, &format!("depth {depth}: mean of s"));
        Mean::of(&second).assert_is(a, 4.0, &format!("depth {depth}: mean of s²"));
    }
}

#[test]
fn chebyshev_chain_has_derivative_a_power_of_four() {
    let tape = Tape::new();
    let x = tape.scalar(1.0);
    let y = (0..500).fold(x, |x, _| 2.0 * (x * x) - 1.0);
    assert_eq!((y.value(), y.backward()[x]), (1.0, 2f64.powi(1000)));
}

#[test]
fn sigmoid_chain_of_ten_million_has_derivative_one() {
    let tape = Tape::new();
    let x = tape.scalar(0.5);
    let y = (0..10_000_000).fold(x, |x, _| (4.0 * x - 2.0).sigmoid());
    assert_eq!((y.value(), y.backward()[x]), (0.5, 1.0));
}

#[test]
fn logistic_map_stretches_by_two_on_average() {
    // x → 4x(1 − x) is the tent map in other coordinates; its Lyapunov exponent is ln 2. Over sin²(θ), θ uniform, the law
    // that the map keeps, each step stretches by |4 cos 2θ|.
    let rng = &mut StdRng::seed_from_u64(2);
    let exponents: Vec<f64> = (0..400)
        .map(|_| {
            let tape = Tape::new();
            let x = tape.scalar((rng.random::<f64>() * std::f64::consts::PI).sin().powi(2));
            let y: Scalar = (0..40).fold(x, |x, _| 4.0 * x * (1.0 - x));
            y.backward()[x].abs().ln() / 40.0
        })
        .collect();
    Mean::of(&exponents).assert_is(LN_2, 4.0, "Lyapunov exponent");
}

#[test]
fn tanh_chain_multiplies_its_local_derivatives() {
    let rng = &mut StdRng::seed_from_u64(3);
    let tape = Tape::new();
    let x = tape.scalar(0.3);
    let (mut y, mut product) = (x, 1.0);
    for _ in 0..200 {
        let w = 1.0 + 0.5 * rng.sample::<f64, _>(StandardNormal);
        y = (w * y).tanh();
        product *= w * (1.0 - y.value()) * (1.0 + y.value());
    }
    assert!((y.backward()[x] / product - 1.0).abs() < 1e-12);
}
