//! Laws of depth that the measures must reproduce. Seeds are fixed; bounds are in standard errors of the mean.

use autograd::Tensor;
use mlp::flow::{extreme_singular_values, gradient_scale, singular_values};
use mlp::{Activation, Flow, Init, Layer, LayerNorm, Linear, Mlp, Module, Residual, Sequential};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::laws::Mean;

/// `depth` layers of `width` units without biases.
fn deep(depth: usize, width: usize, activation: Activation, init: Init, seed: u64) -> Mlp {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut linear = || Linear::new(width, width, &init, &mut rng).unwrap().without_bias();
    Mlp::from_layers((0..depth).map(|_| Layer::new(linear(), activation)))
}

fn normal(shape: [usize; 2], seed: u64) -> Tensor {
    Init::Normal { mean: 0.0, std: 1.0 }.sample(shape, &mut StdRng::seed_from_u64(seed))
}

/// ψ(k/2), by ψ(x + 1) = ψ(x) + 1/x from ψ(1) = −γ and ψ(½) = −γ − 2 ln 2.
fn digamma_half(k: usize) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    let start = if k.is_multiple_of(2) { -EULER } else { -EULER - 2.0 * 2f64.ln() };
    let first = if k.is_multiple_of(2) { 2 } else { 1 };
    start + (first..k).step_by(2).map(|k| 2.0 / k as f64).sum::<f64>()
}

/// Saxe, McClelland & Ganguli 2014: a product of orthogonal matrices is orthogonal.
#[test]
fn deep_linear_orthogonal_networks_keep_all_singular_values() {
    for depth in [1, 10, 100] {
        let model = deep(depth, 24, Activation::Identity, Init::orthogonal(), 3);
        let values = singular_values(|x| model.forward(x), &Tensor::ones([1, 24]));
        assert!(values.iter().all(|value| (value - 1.0).abs() < 1e-11), "depth {depth}: {values:?}");
    }
    // With the gain 0.9 all are 0.9 to the power of the depth.
    let model = deep(10, 8, Activation::Identity, Init::orthogonal().gain(0.9), 3);
    let values = singular_values(|x| model.forward(x), &Tensor::ones([1, 8]));
    assert!(values.iter().all(|value| (value / 0.9f64.powi(10) - 1.0).abs() < 1e-12), "{values:?}");
}

/// |det W|² of a Gaussian matrix of variance 1/n is distributed as ∏ᵢ χ²ᵢ/n (Goodman 1963), and E[ln χ²ᵢ] = ψ(i/2) + ln 2:
/// the mean of ln σ over all singular values after L layers is L/(2n)·Σᵢ(ψ(i/2) + ln(2/n)) exactly, at any width.
#[test]
fn deep_linear_gaussian_networks_spread_theirs() {
    const N: usize = 8;
    let n = N as f64;
    let mut spreads = vec![];
    for depth in [1, 3, 6] {
        let (mut means, mut spread) = (vec![], vec![]);
        for seed in 0..200 {
            let model = deep(depth, N, Activation::Identity, Init::lecun_normal(), seed);
            let values = singular_values(|x| model.forward(x), &Tensor::ones([1, N]));
            means.push(values.iter().map(|value| value.ln()).sum::<f64>() / n);
            spread.push((values[0] / values[N - 1]).ln());
        }
        let law = depth as f64 / (2.0 * n) * (1..=N).map(|i| digamma_half(i) + (2.0 / n).ln()).sum::<f64>();
        let Mean { value: mean, error } = Mean::of(&means);
        assert!((mean - law).abs() < 4.0 * error, "depth {depth}: {mean} ± {error}, law {law}");
        spreads.push(Mean::of(&spread).value);
    }
    // The ratio of largest to smallest grows exponentially with depth.
    assert!(spreads[1] - spreads[0] > 2.0 && spreads[2] - spreads[1] > 3.0, "{spreads:?}");
}

/// Pennington, Schoenholz & Ganguli 2017: the identity on [−1, 1] lets hard-tanh keep them; a rectifier cuts half off.
#[test]
fn orthogonal_weights_make_hard_tanh_isometric_but_not_relu() {
    let spectrum = |activation, x: &Tensor| {
        let model = deep(20, 16, activation, Init::orthogonal(), 5);
        singular_values(|x| model.forward(x), x)
    };
    let small = &normal([1, 16], 6) * 0.05;
    assert!(spectrum(Activation::HardTanh, &small).iter().all(|value| (value - 1.0).abs() < 1e-12));
    let cut = spectrum(Activation::Relu, &normal([1, 16], 6));
    assert!(cut.iter().filter(|&&value| value < 1e-12).count() >= 4, "{cut:?}");
}

#[test]
fn products_with_the_jacobian_find_the_ends_of_its_spectrum() {
    for (inputs, outputs, seed) in [(30, 30, 1), (40, 12, 2), (12, 40, 3)] {
        let layers = Mlp::new(inputs).hidden(50, Activation::Tanh).output(outputs, Activation::Identity);
        let model: Mlp = layers.build(&mut StdRng::seed_from_u64(seed)).unwrap();
        let x = normal([1, inputs], seed);
        let all = singular_values(|x| model.forward(x), &x);
        assert_eq!(all.len(), inputs.min(outputs));
        for steps in [1, 3, 8, 100] {
            let found = extreme_singular_values(|x| model.forward(x), &x, steps, 9);
            assert!(found.steps <= steps && found.steps <= all.len());
            let nearest = |to: f64| all.iter().map(|value| (value - to).abs()).fold(f64::INFINITY, f64::min);
            assert!(nearest(found.largest) <= found.largest_error + 1e-12, "{found:?} {all:?}");
            assert!(nearest(found.smallest) <= found.smallest_error + 1e-12, "{found:?} {all:?}");
            assert!(found.largest <= all[0] + 1e-12 && found.smallest >= all[all.len() - 1] - 1e-12);
            if steps == 100 {
                assert!((found.largest - all[0]).abs() < 1e-12, "{found:?} {all:?}");
                assert!((found.smallest - all[all.len() - 1]).abs() < 1e-12, "{found:?} {all:?}");
            }
        }
    }
}

#[test]
fn degenerate_jacobians_are_no_trouble() {
    let x = Tensor::from([1.0, 2.0, 3.0]);
    assert_eq!(singular_values(|x| x * 0.0, &x), [0.0; 3]);
    let none = extreme_singular_values(|x| x * 0.0, &x, 10, 0);
    assert_eq!((none.largest, none.smallest), (0.0, 0.0));
    let same = extreme_singular_values(|x| -2.0 * x, &x, 10, 0);
    assert!((same.largest - 2.0).abs() < 1e-14 && (same.smallest - 2.0).abs() < 1e-14, "{same:?}");
    assert_eq!(same.steps, 1);
    let rank_1 = extreme_singular_values(|x| x.sum().to_var() * &Tensor::ones([3]), &x, 10, 0);
    assert!((rank_1.largest - 3.0).abs() < 1e-14 && rank_1.smallest.abs() < 1e-14, "{rank_1:?}");
    assert!(singular_values(|x| x.ln(), &Tensor::from([-1.0, 0.0])).iter().all(|value| !value.is_finite()));
    assert!(extreme_singular_values(|x| x.sqrt(), &Tensor::from([-1.0, 1.0]), 5, 0).largest.is_nan());
}

/// The definition: E‖J·u‖² = ‖J‖_F²/n over directions u of length 1.
#[test]
fn the_gradient_scale_is_the_mean_response_to_a_random_direction() {
    let model = deep(3, 10, Activation::Tanh, Init::lecun_normal(), 4);
    let x = normal([1, 10], 1);
    let values = singular_values(|x| model.forward(x), &x);
    let mean_square = values.iter().map(|value| value * value).sum::<f64>() / 10.0;
    let expected = mean_square.sqrt() * x.norm() / model.predict(&x).norm();
    assert!((gradient_scale(|x| model.forward(x), &x) / expected - 1.0).abs() < 1e-12);

    let line = autograd::linearize(|x| model.forward(x), &x);
    let responses: Vec<f64> = (0..2000)
        .map(|seed| {
            let u = normal([1, 10], seed);
            (line.jvp(&[&u * (1.0 / u.norm())]).norm()).powi(2)
        })
        .collect();
    let Mean { value: mean, error } = Mean::of(&responses);
    assert!((mean - mean_square).abs() < 4.0 * error, "{mean} ± {error}, {mean_square}");
}

/// One layer times c and the next divided by c is the same function: the plain norm changes, the measure does not.
#[test]
fn the_gradient_scale_does_not_change_with_the_scale_of_weights() {
    let measured = |c: f64| {
        let model = deep(4, 12, Activation::Relu, Init::he_normal(), 8);
        let [first, second] = [1, 2].map(|i| &model.layers()[i].linear.w);
        first.set(&first.value() * c);
        second.set(&second.value() * (1.0 / c));
        let x = normal([5, 12], 2);
        let flow = Flow::measure(&model, &x, |y| y.square().mean());
        let h = model.layers()[1].predict(&model.layers()[0].predict(&x));
        (flow, gradient_scale(|h| model.layers()[3].forward(model.layers()[2].forward(h)), &h))
    };
    let ((plain, stretch), (scaled, same_stretch)) = (measured(1.0), measured(64.0));
    let norm = |flow: &Flow| flow.layers[1].outputs.gradients.as_ref().unwrap().norm;
    assert!((norm(&plain) / norm(&scaled) - 64.0).abs() < 1e-10);
    assert!((stretch / same_stretch - 1.0).abs() < 1e-12, "{stretch} {same_stretch}");
    for (a, b) in plain.layers.iter().zip(&scaled.layers) {
        assert!((a.scale.unwrap() / b.scale.unwrap() - 1.0).abs() < 1e-12);
    }
    // And it is the measure between the layer and the loss.
    let model = deep(3, 6, Activation::Tanh, Init::lecun_normal(), 8);
    let x = normal([2, 6], 3);
    let flow = Flow::measure(&model, &x, |y| y.square().mean());
    let h = model.layers()[0].predict(&x);
    let rest = gradient_scale(|h| model.layers()[2].forward(model.layers()[1].forward(h)).square().mean().to_var(), &h);
    assert!((rest / flow.layers[0].scale.unwrap() - 1.0).abs() < 1e-12);
}

/// ln of the gradient's norm at the first layer's output over that at the last's.
fn fall(model: &dyn Module, x: &Tensor, seed: u64) -> f64 {
    let weights = normal([1, x.shape()[1]], seed);
    let flow = Flow::measure(model, x, |y| (y * &weights).sum());
    let norm = |i: usize| flow.layers[i].outputs.gradients.as_ref().unwrap().norm;
    (norm(0) / norm(flow.layers.len() - 1)).ln()
}

/// The factor of a layer, as ln: mean and standard error over networks whose samples have E[x²] = `size`².
fn factor(width: usize, networks: u64, activation: Activation, init: Init, size: f64) -> Mean {
    const DEPTH: usize = 10;
    let falls = (0..networks).map(|seed| {
        let model = deep(DEPTH, width, activation, init, seed);
        let x = normal([1, width], 1000 + seed);
        let x = &x * (size * (width as f64).sqrt() / x.norm());
        fall(&model, &x, 2000 + seed) / (DEPTH - 1) as f64
    });
    Mean::of(&falls.collect::<Vec<_>>())
}

/// Schoenholz et al. 2017 for the logistic function at σ_w² = 1: q* = 0.264687 and χ₁ = 0.0557207, a factor of 0.23605 a
/// layer. Samples begin at the fixed point, so that every layer is alike.
#[test]
fn gradients_fall_as_the_mean_field_says() {
    let Mean { value: mean, error } = factor(128, 30, Activation::Sigmoid, Init::lecun_normal(), 0.264687f64.sqrt());
    // The law is that of infinite width: at 128 units the mean of the logarithm differs by about 1/128.
    assert!((mean - 0.23605f64.ln()).abs() < 4.0 * error + 1.0 / 128.0, "{mean} ± {error}");
}

/// At any width, a square Gaussian layer of variance 1/n multiplies ‖dy‖² by χ²_n/n; with a rectifier and twice the variance,
/// by 2χ²_K/n of K ~ Bin(n, ½) units that are on (Hanin 2018). E[ln χ²_k] = ψ(k/2) + ln 2.
#[test]
fn gradients_change_as_the_chi_square_says() {
    const N: usize = 32;
    let log = |k: usize| (digamma_half(k) + 2f64.ln() - (N as f64).ln()) / 2.0;
    let Mean { value: mean, error } = factor(N, 300, Activation::Identity, Init::lecun_normal(), 1.0);
    assert!((mean - log(N)).abs() < 4.0 * error && error < 0.003, "{mean} ± {error}, law {}", log(N));

    // The chance of k = 0 is 2⁻³².
    let mut chance = 0.5f64.powi(N as i32);
    let law: f64 = (1..=N)
        .map(|k| {
            chance *= (N + 1 - k) as f64 / k as f64;
            chance * (log(k) + 2f64.ln() / 2.0)
        })
        .sum();
    let Mean { value: mean, error } = factor(N, 300, Activation::Relu, Init::he_normal(), 1.0);
    assert!((mean - law).abs() < 4.0 * error && error < 0.006, "{mean} ± {error}, law {law}");
    assert!((2.0 * law + 0.082540).abs() < 1e-5, "{law}");
}

/// Thirty logistic layers: plain, with shortcuts, normalised, and with both.
#[test]
fn residual_connections_and_normalisation_keep_the_gradient() {
    const WIDTH: usize = 32;
    let build = |shortcut: bool, normalised: bool, seed: u64| {
        let mut rng = StdRng::seed_from_u64(seed);
        (0..30).fold(Sequential::new(), |model, _| {
            let block = Sequential::new();
            let block = if normalised { block.then(LayerNorm::new(WIDTH).unwrap()) } else { block };
            let block = block.then(Linear::new(WIDTH, WIDTH, &Init::lecun_normal(), &mut rng).unwrap());
            let block = block.then(Activation::Sigmoid);
            if shortcut { model.then(Residual::new(block)) } else { model.then(block) }
        })
    };
    let mean = |shortcut, normalised| {
        let falls: Vec<f64> = (0..10)
            .map(|seed| fall(&build(shortcut, normalised, seed), &normal([4, WIDTH], 100 + seed), 200 + seed))
            .collect();
        Mean::of(&falls).value / 10f64.ln()
    };
    let [plain, residual, normalised, both] =
        [(false, false), (true, false), (false, true), (true, true)].map(|(shortcut, norm)| mean(shortcut, norm));
    println!("decades: plain {plain:.2}, residual {residual:.2}, normalised {normalised:.2}, both {both:.2}");
    assert!(plain < -18.0, "{plain}"); // 29 · log₁₀ 0.236 = −18.2 by the law
    assert!([residual, normalised, both].iter().all(|decades| decades.abs() < 1.0), "{residual} {normalised} {both}");
}
