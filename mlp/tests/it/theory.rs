//! Mean-field theory: quadrature against closed forms and a second rule, properties, errors. `criticality.rs` has the edge
//! between vanishing and exploding gradients, and `laws.rs` measures.

use std::f64::consts::{E, FRAC_2_PI, PI};

use autograd::{Elementwise, Number, Tensor, Var};
use mlp::theory::{MeanField, Properties, depth_scale};
use mlp::{Activation, Function, Init, LayerNorm, Module, PRelu, StraightThrough};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::activations::is_elementwise;

pub(crate) fn theory(activation: impl Module + 'static) -> MeanField {
    MeanField::new(activation).unwrap()
}

#[track_caller]
pub(crate) fn assert_close(found: f64, exact: f64, tolerance: f64) {
    assert!((found - exact).abs() <= tolerance * exact.abs().max(1.0), "{found}, exactly {exact}");
}

pub(crate) const QUADRATURE: f64 = 1e-12;
const VARIANCES: [f64; 6] = [1e-6, 1e-2, 0.5, 1.0, 10.0, 1e4];

/// Φ
fn phi(x: f64) -> f64 {
    0.5 * (1.0 + Number::erf(x / 2f64.sqrt()))
}

/// E[f(z)] by the trapezoidal rule, which is exact to round-off for functions as smooth as tanh.
pub(crate) fn trapezoid(f: impl Fn(f64) -> f64) -> f64 {
    let h = 1.0 / 64.0;
    (-768..=768).map(|i| f64::from(i) * h).map(|z| f(z) * (-z * z / 2.0).exp()).sum::<f64>() * h / (2.0 * PI).sqrt()
}

#[test]
fn tanh_is_as_tabled_and_as_by_another_rule() {
    // σ_b² = 0.05; χ₁ and q* to six digits, ξ_∇ to the digits given.
    for (weights, q, chi, xi, digits) in [
        (1.0, 0.193593, 0.759032, 3.627, 5e-4),
        (1.3, 0.315316, 0.880164, 7.834, 5e-4),
        (1.5, 0.418037, 0.938636, 15.79, 5e-3),
        (1.7, 0.533076, 0.986741, 74.92, 5e-3),
        (2.5, 1.063958, 1.133516, -7.98, 5e-3),
        (4.0, 2.195494, 1.342402, -3.40, 5e-3),
    ] {
        let tanh = theory(Activation::Tanh).weights(weights).biases(0.05);
        let found = tanh.fixed_point().unwrap();
        assert!((found - q).abs() < 6e-7, "{weights}: q* {found}");
        assert!((tanh.chi(found) - chi).abs() < 6e-7, "{weights}: χ {}", tanh.chi(found));
        assert!(
            (depth_scale(tanh.chi(found)) - xi).abs() < 1.1 * digits,
            "{weights}: {}",
            depth_scale(tanh.chi(found))
        );

        let mut by_iteration = 1.0f64;
        for _ in 0..2000 {
            by_iteration = weights * trapezoid(|z| (by_iteration.sqrt() * z).tanh().powi(2)) + 0.05;
        }
        assert_close(found, by_iteration, QUADRATURE);
        let slope = |z: f64| 1.0 / (found.sqrt() * z).cosh().powi(4);
        assert_close(tanh.chi(found), weights * trapezoid(slope), QUADRATURE);
    }
    // The seventh row is the critical one.
    let critical = theory(Activation::Tanh).critical_weights(0.05).unwrap();
    assert!((critical.weights - 1.760955).abs() < 6e-7 && (critical.variance - 0.570048).abs() < 6e-7, "{critical:?}");
    let there = theory(Activation::Tanh).weights(critical.weights).biases(critical.biases);
    assert_close(there.chi(critical.variance), 1.0, QUADRATURE);
    assert!(depth_scale(there.chi(critical.variance)).abs() > 1e9);
}

/// E[f(u)·f(v)] for correlation `c` by the trapezoidal rule in both directions.
fn trapezoid_product(f: impl Fn(f64) -> f64, c: f64) -> f64 {
    trapezoid(|u| f(u) * trapezoid(|w| f(c * u + (1.0 - c * c).sqrt() * w)))
}

#[test]
fn chaos_has_its_correlation_and_depth() {
    for (weights, c, xi, digits) in [(2.5, 0.446804, 11.80, 5e-3), (4.0, 0.165065, 6.980, 5e-4)] {
        let tanh = theory(Activation::Tanh).weights(weights).biases(0.05);
        let q = tanh.fixed_point().unwrap();
        let found = tanh.correlation_fixed_point(q);
        assert!((found - c).abs() < 6e-7, "{weights}: c* {found}");
        let slope = tanh.correlation_slope(q, found);
        assert!((depth_scale(slope) - xi).abs() < 1.1 * digits, "{weights}: ξ_c {}", depth_scale(slope));
        let next = (weights * trapezoid_product(|z| (q.sqrt() * z).tanh(), found) + 0.05) / q;
        assert_close(next, found, QUADRATURE);
        let by_rule = weights * trapezoid_product(|z| (q.sqrt() * z).cosh().powi(-2), found);
        assert_close(slope, by_rule, QUADRATURE);
        assert_close(tanh.correlation_slope(q, 1.0), tanh.chi(q), QUADRATURE);
    }
    let ordered = theory(Activation::Tanh).weights(1.5).biases(0.05);
    assert_eq!(ordered.correlation_fixed_point(ordered.fixed_point().unwrap()), 1.0);
    let fading = theory(Activation::Tanh); // q* = 0: near there it is a line, which keeps correlations
    assert_close(fading.correlation_map(0.0, 0.3), 0.3, QUADRATURE);
    assert_close(fading.correlation_slope(0.0, 0.3), 1.0, QUADRATURE);
    let unbiased = theory(Activation::Tanh).weights(2.0);
    assert_close(unbiased.correlation_fixed_point(unbiased.fixed_point().unwrap()), 0.0, QUADRATURE);
}

#[test]
fn quadrature_meets_the_closed_forms() {
    let erf = Function::new("erf", |z: Var| z.erf());
    let (erf, relu, leaky) = (theory(erf), theory(Activation::Relu), theory(Activation::LeakyRelu(0.3)));
    let (hard, cube) = (theory(Activation::HardTanh), theory(Function::new("cube", |z: Var| z.powi(3))));
    let (sine, step) = (theory(Function::new("sine", |z: Var| z.sin())), theory(Activation::UnitStep));
    for q in VARIANCES {
        assert_close(erf.variance_map(q), FRAC_2_PI * (2.0 * q / (1.0 + 2.0 * q)).asin(), QUADRATURE);
        assert_close(erf.chi(q), 4.0 / PI / (1.0 + 4.0 * q).sqrt(), QUADRATURE);
        assert_close(relu.variance_map(q) / q, 0.5, QUADRATURE);
        assert_close(leaky.chi(q), 1.09 / 2.0, QUADRATURE);
        let inside = Number::erf((0.5 / q).sqrt());
        assert_close(hard.chi(q), inside, QUADRATURE);
        let bulk = q * (inside - (FRAC_2_PI / q).sqrt() * (-0.5 / q).exp());
        assert_close(hard.variance_map(q), bulk + 1.0 - inside, QUADRATURE);
        assert_close(cube.variance_map(q) / q.powi(3), 15.0, QUADRATURE);
        assert_close(step.variance_map(q), 0.5, QUADRATURE);
        if q <= 10.0 {
            assert_close(sine.variance_map(q), -(-2.0 * q).exp_m1() / 2.0, QUADRATURE);
            assert_close(sine.variance_slope(q), (-2.0 * q).exp(), QUADRATURE);
        }
    }
    let selu = theory(Activation::Selu);
    assert_close(selu.variance_map(1.0), 1.0, QUADRATURE);
    assert_close(selu.properties().mean, 0.0, QUADRATURE);
    let (alpha, lambda) = (1.6732632423543772f64, 1.0507009873554805f64);
    assert_close(selu.chi(1.0), lambda.powi(2) * (0.5 + (alpha * E).powi(2) * phi(-2.0)), QUADRATURE);
}

#[test]
fn correlations_meet_the_closed_forms() {
    let (erf, relu) = (theory(Function::new("erf", |z: Var| z.erf())), theory(Activation::Relu).weights(2.0));
    let (sign, sine) = (theory(Activation::Sign), theory(Function::new("sine", |z: Var| z.sin())));
    for q in [0.1, 1.0, 30.0] {
        for c in [-1.0, -0.9, 0.0, 0.4, 0.999, 1.0] {
            let (share, whole) = ((2.0 * q * c / (1.0 + 2.0 * q)).asin(), (2.0 * q / (1.0 + 2.0 * q)).asin());
            assert_close(erf.correlation_map(q, c), share / whole, QUADRATURE);
            // The arc-cosine kernels of Cho and Saul 2009.
            let theta = c.acos();
            assert_close(relu.correlation_map(q, c), (theta.sin() + (PI - theta) * c) / PI, QUADRATURE);
            assert_close(relu.correlation_slope(q, c), (PI - theta) / PI, QUADRATURE);
            assert_close(sign.correlation_map(q, c), FRAC_2_PI * c.asin(), QUADRATURE);
            assert_close(sine.correlation_map(q, c), (q * c).sinh() / q.sinh(), QUADRATURE);
        }
    }
}

#[test]
fn kinks_and_jumps_anywhere_are_found() {
    let rng = &mut StdRng::seed_from_u64(4);
    for _ in 0..100 {
        let (a, q) = (rng.random_range(-4.0..4.0), rng.random_range(0.1..9.0f64));
        let shifted = theory(Function::new("shifted relu", move |z: Var| (z - a).relu()));
        let (tail, density) = (phi(-a / q.sqrt()), (-a * a / (2.0 * q)).exp() / (2.0 * PI).sqrt());
        assert_close(shifted.variance_map(q), (q + a * a) * tail - a * q.sqrt() * density, QUADRATURE);
        assert_close(shifted.chi(q), tail, QUADRATURE);
        let jump = theory(Function::new("shifted step", move |z: Var| (z - a).step()));
        assert_close(jump.variance_map(q), tail, QUADRATURE);
        let [kink] = jump.properties().kinks[..] else { panic!("one jump") };
        assert_close(kink, a, 1e-12);
    }
}

/// Every activation that changes each number by itself.
pub(crate) fn elementwise() -> impl Iterator<Item = (Activation, MeanField)> {
    Activation::ALL.into_iter().filter_map(|activation| Some((activation, MeanField::new(activation).ok()?)))
}

#[test]
fn slopes_of_the_maps_agree_with_differences() {
    let with_theory: Vec<_> = elementwise().map(|(activation, _)| activation).collect();
    let expected: Vec<_> = Activation::ALL.into_iter().filter(|activation| is_elementwise(*activation)).collect();
    assert_eq!(with_theory, expected);
    for (_, theory) in elementwise() {
        let continuous = theory.properties().lipschitz.is_finite();
        let theory = theory.weights(1.7).biases(0.3);
        let h = 1e-4;
        for q in [0.2, 1.0, 5.0] {
            let difference = (theory.variance_map(q + h) - theory.variance_map(q - h)) / (2.0 * h);
            assert_close(theory.variance_slope(q), difference, 1e-7);
            if continuous {
                let map = |c| theory.correlation_map(q, c);
                assert_close(theory.correlation_slope(q, 0.3), (map(0.3 + h) - map(0.3 - h)) / (2.0 * h), 1e-7);
            }
        }
    }
}

#[test]
fn every_activation_has_its_theory_at_every_initialisation() {
    let inits = [
        Init::lecun_normal(),
        Init::lecun_uniform(),
        Init::glorot_normal(),
        Init::glorot_uniform(),
        Init::he_normal(),
        Init::he_uniform(),
        Init::orthogonal(),
        Init::truncated_normal(0.1),
        Init::Uniform { low: -0.1, high: 0.1 },
        Init::Normal { mean: 0.0, std: 0.1 },
    ];
    for (activation, theory) in elementwise() {
        for init in &inits {
            let theory = theory.clone().initialised(init, 100, 50).unwrap();
            let q = match theory.fixed_point() {
                Ok(q) => q,
                // Relu-like functions with weights beyond He's, or softplus.
                Err(error) => {
                    assert!(error.to_string().contains("grows without bound"), "{error}");
                    assert!([1.0, 1e2, 1e4, 1e6].iter().all(|&q| theory.variance_map(q) > q), "{activation}, {init:?}");
                    continue;
                }
            };
            assert!((theory.variance_map(q) - q).abs() <= 1e-10 * q, "{activation}, {init:?}: q* {q}");
            // It is where the layers go, if they are in any hurry: 0.95²⁰⁰ is 4e−5.
            if theory.variance_slope(q) < 0.95 {
                let reached = theory.variances(1.0).nth(200).unwrap();
                assert!((reached - q).abs() < 1e-3, "{activation}, {init:?}: {q}, but layers reach {reached}");
            }
            assert!(theory.chi(q).is_finite());
        }
    }
    let off = theory(Activation::Tanh).initialised(&Init::Constant(0.5), 3, 3).unwrap_err().to_string();
    assert_eq!(off, "mean_field: Constant(0.5) has mean 0.5; the theory needs weights of mean 0");
}

#[test]
fn known_decays_without_biases() {
    let sigmoid = theory(Activation::Sigmoid);
    let q = sigmoid.fixed_point().unwrap();
    assert!((q - 0.264687).abs() < 6e-7 && (sigmoid.chi(q) - 0.0557207).abs() < 6e-8);
    assert!((sigmoid.chi(q).sqrt() - 0.23605).abs() < 6e-6);

    // Uniform between ±1/√n, a common default, has σ_w² = 1/3.
    let common = Init::lecun_uniform().gain(1.0 / 3f64.sqrt());
    let chi = |activation| {
        let theory = theory(activation).initialised(&common, 64, 64).unwrap();
        theory.chi(theory.fixed_point().unwrap())
    };
    assert_close(chi(Activation::Tanh), 1.0 / 3.0, QUADRATURE);
    assert_close(chi(Activation::Relu), 1.0 / 6.0, QUADRATURE);
    assert!((chi(Activation::Sigmoid) - 0.0200).abs() < 6e-5);

    // Critical tanh fades as a power: q → 1/2l, since V(q) = q − 2q² + O(q³).
    let layer = 20_000;
    let q = theory(Activation::Tanh).variances(1.0).nth(layer).unwrap();
    assert!((q * 2.0 * layer as f64 - 1.0).abs() < 2e-3, "{q}");
    assert_eq!(theory(Activation::Tanh).fixed_point().unwrap(), 0.0);
}

#[test]
fn functions_of_ones_own_have_their_theory() {
    #[derive(Clone, Copy)]
    struct Swish {
        beta: f64,
    }
    impl Elementwise for Swish {
        fn f<N: Number>(self, x: N) -> N {
            x * (x * N::constant(self.beta)).sigmoid()
        }
    }
    let own = theory(Function::new("swish", |z: Var| z.map(Swish { beta: 1.0 })));
    assert_close(own.chi(1.0), theory(Activation::Silu).chi(1.0), 1e-13);
    let learned: PRelu = PRelu::new(1).unwrap();
    assert_close(theory(learned).chi(1.0), (1.0 + 0.0625) / 2.0, QUADRATURE);
    // Its derivative is 1 whatever its value: that is what flows back.
    assert_close(theory(StraightThrough(Activation::Sign)).chi(1.0), 1.0, QUADRATURE);

    let refused = |module: Box<dyn Module>| MeanField::new(module).unwrap_err().to_string();
    assert!(refused(Box::new(LayerNorm::<f64>::new(1).unwrap())).contains("not a function of each number alone"));
    assert!(refused(Box::new(Function::new("log", |z: Var| z.ln()))).contains("`log` is not finite"));
}

#[test]
fn properties_are_computed_right() {
    let of = |activation| theory(activation).properties();
    let inf = f64::INFINITY;
    for (activation, range, monotonic, saturates, kinks, lipschitz) in [
        (Activation::Identity, [-inf, inf], true, [false, false], vec![], 1.0),
        (Activation::Sigmoid, [0.0, 1.0], true, [true, true], vec![], 0.25),
        (Activation::Softplus, [0.0, inf], true, [true, false], vec![], 1.0),
        (Activation::Elu(2.0), [-2.0, inf], true, [true, false], vec![0.0], 2.0),
        (Activation::Elu(1.0), [-1.0, inf], true, [true, false], vec![], 1.0),
        (Activation::Softsign, [-1.0, 1.0], true, [true, true], vec![], 1.0),
        (Activation::HardTanh, [-1.0, 1.0], true, [true, true], vec![-1.0, 1.0], 1.0),
        (Activation::HardSigmoid, [0.0, 1.0], true, [true, true], vec![-3.0, 3.0], 1.0 / 6.0),
        (Activation::UnitStep, [0.0, 1.0], true, [true, true], vec![0.0], inf),
        (Activation::LeakyRelu(-0.5), [0.0, inf], false, [false, false], vec![0.0], 1.0),
        (Activation::Silu, [-0.278464542761, inf], false, [true, false], vec![], 1.099839320129),
    ] {
        let found = of(activation);
        let close = |a: f64, b: f64| a == b || (a - b).abs() < 1e-9;
        assert!(close(found.range[0], range[0]) && close(found.range[1], range[1]), "{found:?}");
        assert_eq!((found.monotonic, found.saturates), (monotonic, saturates), "{activation}");
        assert_eq!(found.kinks.len(), kinks.len(), "{found:?}");
        assert!(found.kinks.iter().zip(kinks).all(|(a, b)| close(*a, b)), "{found:?}");
        assert!(close(found.lipschitz, lipschitz), "{found:?}");
    }
    let zero_centred: Vec<_> = elementwise().filter(|(_, theory)| theory.properties().zero_centred()).collect();
    let names: Vec<_> = zero_centred.iter().map(|(activation, _)| activation.name()).collect();
    assert_eq!(names, ["identity", "linear", "sign", "tanh", "selu", "hard_tanh", "softsign"]);
    let line = of(Activation::HardTanh).to_string();
    let column = |line: &str, text| line.find(text).map(|at| line[..at].chars().count());
    assert_eq!(column(&line, "-1, 1"), column(Properties::HEADER, "kinks"), "{line}");
}

#[test]
fn moments_of_a_recipe_are_those_of_its_numbers() {
    let shape = [60, 200];
    for init in [
        Init::Zeros,
        Init::Constant(0.5),
        Init::Uniform { low: -1.0, high: 3.0 },
        Init::Normal { mean: 2.0, std: 0.1 },
        Init::truncated_normal(0.5),
        Init::TruncatedNormal { mean: 1.0, std: 2.0, low: -0.5, high: f64::INFINITY },
        Init::TruncatedNormal { mean: 1.0, std: 2.0, low: -1e-6, high: 1e-6 },
        Init::lecun_normal(),
        Init::glorot_uniform(),
        Init::he_normal(),
        Init::orthogonal().gain(3.0),
    ] {
        let (mean, variance) = init.moments(shape[0], shape[1]).unwrap();
        let x: Tensor = init.sample(shape, &mut StdRng::seed_from_u64(1));
        let n = x.numel() as f64;
        // Kurtosis is at most that of the normal distribution, 3, here.
        assert!((x.mean() - mean).abs() <= 5.0 * (variance / n).sqrt(), "{init:?}: mean {mean}");
        let found = x.map(|x| (x - mean).powi(2)).mean();
        assert!((found - variance).abs() <= 5.0 * variance * (2.0 / n).sqrt(), "{init:?}: {variance}, found {found}");
    }
    assert!(Init::Normal { mean: 0.0, std: -1.0 }.moments(1, 1).is_err());
}

#[test]
#[should_panic(expected = "the variance of the weights is -1; it must be ≥ 0")]
fn negative_variances_are_refused() {
    let _ = theory(Activation::Tanh).weights(-1.0);
}

#[test]
#[should_panic(expected = "correlation 1.5 is not between −1 and 1")]
fn impossible_correlations_are_refused() {
    let _ = theory(Activation::Tanh).correlation_map(1.0, 1.5);
}

/// A number that tells nothing of a layer.
#[test]
fn variances_of_sums_that_are_none_are_refused() {
    let theory = theory(Activation::Relu);
    let all: [(&str, &dyn Fn(f64) -> f64); 7] = [
        ("variance_map", &|q| theory.variance_map(q)),
        ("variances", &|q| theory.variances(q).nth(1).unwrap()),
        ("chi", &|q| theory.chi(q)),
        ("variance_slope", &|q| theory.variance_slope(q)),
        ("correlation_map", &|q| theory.correlation_map(q, 0.5)),
        ("correlation_slope", &|q| theory.correlation_slope(q, 0.5)),
        ("correlation_fixed_point", &|q| theory.correlation_fixed_point(q)),
    ];
    for (name, f) in all {
        for (q, shown) in [(-1.0, "-1"), (f64::NAN, "NaN")] {
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| f(q))).expect_err(name);
            let text = panic.downcast_ref::<String>().unwrap();
            assert_eq!(*text, format!("mean_field: the variance of the sums is {shown}; it must be ≥ 0"), "{name}");
        }
    }
    // With depth a variance may grow beyond all numbers: here it is (5·10⁹)^l.
    let growing = theory.clone().weights(1e10);
    assert_eq!(growing.variances(1.0).take(50).filter(|q| q.is_finite()).count(), 32);
}

/// V of an exponential is beyond all numbers from q = 400 on.
#[test]
fn a_variance_beyond_all_numbers_grows_without_bound() {
    let error = theory(Function::new("exp", |z: Var| z.exp())).fixed_point().unwrap_err().to_string();
    assert!(error.starts_with("mean_field: the variance of `exp` grows without bound"), "{error}");
}

/// Also where what is mixed vanishes for values on both sides of 0, as those that are tried.
#[test]
fn functions_that_mix_samples_are_refused() {
    let mixed = [
        Function::new("plus the sum", |x: Var| x + x.sum()),
        Function::new("less the mean", |x: Var| x - x.mean()),
        Function::new("over the largest", |x: Var| x / (x.abs().max() + 1.0)),
    ];
    for f in mixed {
        let name = f.describe()[0].activation.clone();
        let error = MeanField::new(f).unwrap_err().to_string();
        let why = "is not a function of each number alone; the theory needs one that is";
        assert_eq!(error, format!("mean_field: `{name}` {why}"));
    }
}

#[test]
fn a_depth_scale_goes_by_the_size_of_the_slope() {
    for slope in [0.5, 2.0, 1e-9] {
        assert_eq!(depth_scale(-slope), depth_scale(slope));
    }
    assert_eq!((depth_scale(1.0), depth_scale(-1.0), depth_scale(0.0)), (f64::INFINITY, f64::INFINITY, 0.0));
}
