//! Singular values of wide networks: the density predicted, beside closed forms and networks.

use std::f64::consts::{FRAC_PI_2, PI};

use autograd::{Param, Tensor, Var};
use mlp::flow::singular_values;
use mlp::free_probability::JacobianSpectrum;
use mlp::theory::MeanField;
use mlp::{Activation, Function, Init, Linear, Module, Sequential};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::theory::elementwise;

/// The density of Fuss and Catalan for products of L Gaussian matrices, in its parametric form (Forrester & Liu 2015): the
/// squared singular value and its density at 0 < φ < π/(L + 1).
fn fuss_catalan(layers: usize, phi: f64) -> (f64, f64) {
    let l = layers as f64;
    let (a, b, c) = (((l + 1.0) * phi).sin(), phi.sin(), (l * phi).sin());
    (a.powf(l + 1.0) / (b * c.powf(l)), b * b * c.powf(l - 1.0) / (PI * a.powf(l)))
}

#[test]
fn products_of_gaussian_matrices_have_the_density_of_fuss_and_catalan() {
    for layers in [1, 2, 5, 20] {
        let spectrum = JacobianSpectrum::gaussian(layers, 1.0);
        for share in [0.05, 0.3, 0.6, 0.9] {
            let (lambda, density) = fuss_catalan(layers, share * PI / (layers as f64 + 1.0));
            let s = lambda.sqrt();
            let (found, expected) = (spectrum.density(s), 2.0 * s * density);
            assert!((found / expected - 1.0).abs() < 1e-6, "{layers} layers, s = {s}: {found}, not {expected}");
        }
        // The scale of the weights is that of s.
        let scaled = JacobianSpectrum::gaussian(layers, 4.0);
        let by = 2f64.powi(layers as i32);
        assert!((scaled.density(by * 0.7) * by / spectrum.density(0.7) - 1.0).abs() < 1e-6);
        assert!((scaled.largest() / spectrum.largest() / by - 1.0).abs() < 1e-12);
    }
}

#[test]
fn shares_add_up_and_have_the_moments_of_the_s_transform() {
    let gaussian = |layers, share| (layers, JacobianSpectrum::gaussian(layers, 1.3).active(share));
    let orthogonal = |layers, share| (layers, JacobianSpectrum::orthogonal(layers, 1.3).active(share));
    let all = [
        gaussian(1, 1.0),
        gaussian(4, 1.0),
        gaussian(4, 0.5),
        orthogonal(1, 0.7),
        orthogonal(2, 0.7), // 0.4 of all pass through both layers
        orthogonal(4, 0.7),
        orthogonal(8, 0.5),
        orthogonal(3, 1.0),
    ];
    for (layers, spectrum) in all {
        let ends: Vec<f64> = (0..=60).map(|i| f64::from(i) / 60.0 * spectrum.largest() * (1.0 + 1e-12)).collect();
        let shares = spectrum.shares(&ends);
        let sum: f64 = shares.iter().sum();
        assert!((sum - 1.0).abs() < 1e-12, "{spectrum:?}: {sum}");
        // The first share is what the others leave: the density, by another rule, holds it.
        let [inside, ..] = moments(&spectrum, layers);
        let all = inside + spectrum.zeros() + spectrum.isometric();
        assert!((all - 1.0).abs() < 2e-3, "{spectrum:?}: {all}");
        let square: f64 =
            shares.iter().zip(ends.windows(2)).map(|(share, e)| share * (e[0] + e[1]).powi(2) / 4.0).sum();
        let zero = spectrum.zeros() * (ends[1] / 2.0).powi(2);
        assert!(((square - zero) / spectrum.mean_square() - 1.0).abs() < 0.02, "{spectrum:?}: {square}");
    }
    let dead = JacobianSpectrum::orthogonal(4, 1.0).active(0.7);
    assert_eq!((dead.isometric(), dead.zeros()), (0.0, 1.0 - 0.7));
    assert_eq!(JacobianSpectrum::orthogonal(3, 4.0).shares(&[0.0, 7.9, 8.1]), [0.0, 1.0]);
}

/// The largest distance between the distribution of values and that predicted, at twenty ends.
fn distance(values: &[f64], spectrum: &JacobianSpectrum) -> f64 {
    let top = spectrum.largest();
    let ends: Vec<f64> = (0..=20).map(|i| f64::from(i) / 20.0 * top * 1.02).collect();
    let (mut predicted, mut farthest) = (0.0, 0.0f64);
    for (share, end) in spectrum.shares(&ends).iter().zip(&ends[1..]) {
        predicted += share;
        let measured = values.iter().filter(|&&value| value <= *end).count() as f64 / values.len() as f64;
        farthest = farthest.max((measured - predicted).abs());
    }
    farthest
}

/// `values` are as one predicts, and not as the other.
#[track_caller]
fn fits(values: &[f64], spectrum: JacobianSpectrum, other: JacobianSpectrum) {
    let [near, far] = [&spectrum, &other].map(|spectrum| distance(values, spectrum));
    assert!(near < 0.03 && far > 0.06, "{spectrum:?}: {near}, {other:?}: {far}");
}

const WIDTH: usize = 150;

fn network(depth: usize, activation: Activation, init: &Init, seed: u64) -> Sequential {
    network_of(WIDTH, depth, activation, init, seed)
}

fn network_of(width: usize, depth: usize, activation: Activation, init: &Init, seed: u64) -> Sequential {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..depth).fold(Sequential::new(), |model, _| {
        let w = Param::new(init.sample([width, width], &mut rng));
        model.then(Linear { w, b: None }).then(activation)
    })
}

/// An input whose sums have the variance q in the first layer.
fn input(q: f64, variance: f64, seed: u64) -> Tensor {
    let x: Tensor = Init::Normal { mean: 0.0, std: 1.0 }.sample([1, WIDTH], &mut StdRng::seed_from_u64(seed));
    let rms = x.square().mean().sqrt();
    x * ((q / variance).sqrt() / rms)
}

#[test]
fn wide_networks_have_the_singular_values_predicted() {
    let normal = |variance: f64| Init::Normal { mean: 0.0, std: (variance / WIDTH as f64).sqrt() };
    let x = input(1.0, 1.0, 1);
    for depth in [1, 3] {
        let model = network(depth, Activation::Identity, &normal(1.0), 2);
        let values = singular_values(|x| model.forward(x), &x);
        let spectrum = JacobianSpectrum::gaussian(depth, 1.0);
        // One layer more is another distribution.
        fits(&values, spectrum, JacobianSpectrum::gaussian(depth + 1, 1.0));
    }

    let relu = network(3, Activation::Relu, &normal(2.0), 3);
    let values = singular_values(|x| relu.forward(x), &x);
    let spectrum = JacobianSpectrum::gaussian(3, 2.0).active(0.5);
    fits(&values, spectrum, JacobianSpectrum::orthogonal(3, 2.0).active(0.5));

    // Orthogonal weights with hard tanh, at the fixed point of the variance q of the sums.
    let (variance, depth): (f64, usize) = (1.1, 4);
    let q = MeanField::new(Activation::HardTanh).unwrap().weights(variance).fixed_point().unwrap();
    let inside = 2.0 * normal_below(1.0 / q.sqrt()) - 1.0;
    let hard = network(depth, Activation::HardTanh, &Init::Orthogonal { gain: variance.sqrt() }, 4);
    let values = singular_values(|x| hard.forward(x), &input(q, variance, 5));
    let spectrum = JacobianSpectrum::orthogonal(depth, variance).active(inside);
    assert!((0.5..0.95).contains(&inside), "q = {q}: {inside}");
    fits(&values, spectrum, JacobianSpectrum::gaussian(depth, variance).active(inside));
}

/// The distribution function of the standard normal distribution, by Simpson's rule.
fn normal_below(x: f64) -> f64 {
    let f = |z: f64| (-z * z / 2.0).exp() / (4.0 * FRAC_PI_2).sqrt();
    let h = x / 200.0;
    let sum: f64 = (0..100).map(|i| f64::from(2 * i) * h).map(|z| f(z) + 4.0 * f(z + h) + f(z + 2.0 * h)).sum();
    0.5 + sum * h / 3.0
}

fn erf() -> MeanField {
    MeanField::new(Function::new("erf", |z: Var| z.erf())).unwrap()
}

/// Each at a critical point, where χ = 1, and GELU at its fixed point for smaller weights.
fn smooth() -> [(&'static str, MeanField, [f64; 2]); 4] {
    let theory = |activation| MeanField::new(activation).unwrap();
    let critical = |theory: MeanField, biases| {
        let point = theory.critical_weights(biases).unwrap();
        (theory.weights(point.weights).biases(biases), [point.weights, point.variance])
    };
    let (tanh, of_tanh) = critical(theory(Activation::Tanh), 0.05);
    let (erf, of_erf) = critical(erf(), 0.1);
    let gelu = theory(Activation::Gelu).weights(1.5).biases(0.4);
    let of_gelu = [1.5, gelu.fixed_point().unwrap()];
    let (elu, of_elu) = critical(theory(Activation::Elu(1.0)), 0.05);
    [("tanh", tanh, of_tanh), ("erf", erf, of_erf), ("gelu", gelu, of_gelu), ("elu", elu, of_elu)]
}

/// ∫s^k ρ(s)ds for k = 0, 2, 4, in the angle in which the density is smooth at both ends.
fn moments(spectrum: &JacobianSpectrum, layers: usize) -> [f64; 3] {
    const POINTS: usize = 120;
    let power = layers as f64 + 1.0;
    let [low, high] = [spectrum.smallest(), spectrum.largest()].map(|s| s.powf(power.recip()));
    let angles = (0..POINTS).map(|i| PI * (i as f64 + 0.5) / POINTS as f64);
    let points: Vec<[f64; 2]> = angles
        .map(|theta| {
            let t = low + (high - low) * (1.0 - theta.cos()) / 2.0;
            [t.powf(power), power * t.powf(power - 1.0) * (high - low) * theta.sin() / 2.0 * PI / POINTS as f64]
        })
        .collect();
    let densities = spectrum.densities(&points.iter().map(|[s, _]| *s).collect::<Vec<_>>());
    let all = |k: i32| points.iter().zip(&densities).map(|([s, weight], density)| s.powi(k) * weight * density).sum();
    [0, 2, 4].map(all)
}

/// χ^L, and m₂ = m₁²(1 + L·(μ₂/μ₁² − s)).
#[test]
fn densities_of_smooth_activations_have_the_moments_in_closed_form() {
    for (name, theory, [variance, q]) in smooth() {
        for (layers, gaussian) in [(1, true), (3, true), (8, true), (3, false), (8, false)] {
            let linear = if gaussian { JacobianSpectrum::gaussian } else { JacobianSpectrum::orthogonal };
            let spectrum = linear(layers, variance).slopes(&theory, q);
            let [all, square, fourth] = moments(&spectrum, layers);
            let chi = theory.chi(q).powi(layers as i32);
            let errors = [square / chi - 1.0, fourth / spectrum.mean_fourth() - 1.0];
            let place = format!("{name}, {layers} layers, Gaussian: {gaussian}");
            assert!(errors.iter().all(|error| error.abs() < 1e-6), "{place}: {errors:?}");
            // Near 0 the density of saturated units bends at any scale; there lie few.
            assert!((all - 1.0).abs() < 1e-3, "{place}: {all}");
            if name == "erf" {
                // E[φ′²] = 4/(π√(1 + 4q)), E[φ′⁴] = 16/(π²√(1 + 8q))
                let spread = (1.0 + 4.0 * q) / (1.0 + 8.0 * q).sqrt() - if gaussian { 0.0 } else { 1.0 };
                let exact = chi * chi * (1.0 + layers as f64 * spread);
                assert!((spectrum.mean_fourth() / exact - 1.0).abs() < 1e-9, "{place}");
            }
        }
    }
}

/// The distribution of the singular values over their root mean square, which strays by √(depth/width), lies within `bound` of the
/// prediction: the distance of Kolmogorov and Smirnov, at twenty ends. Linear layers of the same χ, and the other weights, are three
/// times as far.
#[track_caller]
fn smooth_fits(width: usize, depth: usize, activation: Activation, variance: f64, gaussian: bool, bound: f64) {
    let theory = MeanField::new(activation).unwrap().weights(variance);
    let q = theory.fixed_point().unwrap();
    let init = match gaussian {
        true => Init::Normal { mean: 0.0, std: (variance / width as f64).sqrt() },
        false => Init::Orthogonal { gain: variance.sqrt() },
    };
    let model = network_of(width, depth, activation, &init, 7);
    let x: Tensor = Init::Normal { mean: 0.0, std: 1.0 }.sample([1, width], &mut StdRng::seed_from_u64(8));
    let rms = x.square().mean().sqrt();
    let values = singular_values(|x| model.forward(x), &(x * ((q / variance).sqrt() / rms)));
    let square = values.iter().map(|value| value * value).sum::<f64>() / width as f64;
    let [wide, other] = match gaussian {
        true => [JacobianSpectrum::gaussian, JacobianSpectrum::orthogonal],
        false => [JacobianSpectrum::orthogonal, JacobianSpectrum::gaussian],
    };
    let all = [wide(depth, variance), other(depth, variance)].map(|spectrum| spectrum.slopes(&theory, q));
    let distances = [&all[0], &all[1], &wide(depth, theory.chi(q))].map(|spectrum| {
        let scale = (spectrum.mean_square() / square).sqrt();
        distance(&values.iter().map(|value| value * scale).collect::<Vec<_>>(), spectrum)
    });
    assert!(distances[0] < bound && distances[1].min(distances[2]) > 3.0 * bound, "{activation}: {distances:?}");
    let strays = 3.0 * (2.0 * depth as f64 / width as f64).sqrt();
    assert!((square / all[0].mean_square()).ln().abs() < strays, "{activation}: {square}");
}

#[test]
fn tanh_has_the_singular_values_predicted() {
    smooth_fits(400, 8, Activation::Tanh, 2.5, true, 0.01);
}

#[test]
fn orthogonal_tanh_and_elu_have_the_singular_values_predicted() {
    smooth_fits(150, 6, Activation::Tanh, 1.3, false, 0.02);
    smooth_fits(150, 3, Activation::Elu(1.0), 1.5, true, 0.02);
}

/// Also where saturated units spread values over all scales, and where all slopes are nearly the same.
#[test]
fn every_activation_has_its_density() {
    let softplus = |q, layers| (Activation::Softplus, MeanField::new(Activation::Softplus).unwrap(), q, layers, false);
    let all = elementwise().map(|(activation, theory)| (activation, theory, 0.5, 3, true));
    for (activation, theory, q, layers, gaussian) in all.chain([softplus(0.01, 20), softplus(30.0, 6)]) {
        let weights = if gaussian { JacobianSpectrum::gaussian } else { JacobianSpectrum::orthogonal };
        if theory.chi(q) == 0.0 {
            continue; // a step
        }
        let spectrum = weights(layers, 1.0 / theory.chi(q)).slopes(&theory, q);
        let [all, square, fourth] = moments(&spectrum, layers);
        let errors = [square - 1.0, fourth / spectrum.mean_fourth() - 1.0];
        let tolerance = if gaussian { 1e-5 } else { 1e-3 };
        assert!(errors.iter().all(|error| error.abs() < tolerance), "{activation}, {spectrum:?}: {errors:?}");
        // The shares of the upper half are those of the density.
        let middle = spectrum.largest() / 2.0;
        let [below, above] = spectrum.shares(&[0.0, middle, 2.0 * middle])[..] else { panic!("two shares") };
        let fine: Vec<f64> = (0..=400).map(|i| middle * (1.0 + f64::from(i) / 400.0)).collect();
        let sum =
            spectrum.densities(&fine[..400]).windows(2).map(|d| (d[0] + d[1]) / 2.0).sum::<f64>() * middle / 400.0;
        assert!((sum - above).abs() < 2e-3 && (below + above - 1.0).abs() < 1e-12, "{activation}: {above}, {sum}");
        // So is that of the lower half, which is what the upper leaves.
        let lower = all - sum + spectrum.zeros() + spectrum.isometric();
        assert!((lower - below).abs() < 4e-3, "{activation}, {spectrum:?}: {below}, {lower}");
    }
}

#[test]
fn slopes_of_two_values_are_shares_of_active_units() {
    let q: f64 = 0.8;
    let inside = 2.0 * normal_below(1.0 / q.sqrt()) - 1.0;
    for (activation, share) in [(Activation::Relu, 0.5), (Activation::HardTanh, inside), (Activation::Identity, 1.0)] {
        let theory = MeanField::new(activation).unwrap();
        for linear in [JacobianSpectrum::gaussian(3, 1.5), JacobianSpectrum::orthogonal(3, 1.5)] {
            let [found, exact] = [linear.clone().slopes(&theory, q), linear.active(share)];
            assert!(
                (found.zeros() - exact.zeros()).abs() < 1e-8 && (found.isometric() - exact.isometric()).abs() < 1e-8
            );
            for s in [0.1, 0.7, 1.6] {
                assert!((found.density(s) - exact.density(s)).abs() < 1e-6, "{activation}, {exact:?}, {s}");
            }
        }
    }
}

/// Any slope that more than 1 − 1/L of the units have gives values that are all alike, the largest slope or not.
#[test]
fn frequent_slopes_of_any_size_have_values_in_common() {
    // φ′ is 2 for a tenth of the sums, 1 for eight tenths and ½ for the last.
    const ENDS: [f64; 2] = [0.125_661_346_855_074_02, 1.644_853_626_951_472_2];
    let bent = Function::new("bent", |x: Var| {
        let within = |end: f64| (x + end).relu() - (x - end).relu() - end;
        x * 0.5 + within(ENDS[1]) * 0.5 + within(ENDS[0])
    });
    let theory = MeanField::new(bent).unwrap();
    let spectrum = JacobianSpectrum::orthogonal(2, 1.0).slopes(&theory, 1.0);
    assert!((spectrum.isometric() - 0.6).abs() < 1e-8, "{}", spectrum.isometric());
    // E[λ] = E[φ′²]², and E[λ²] in closed form, of which 0.6 are those of λ = 1.
    let mean = 0.1 * 4.0 + 0.8 + 0.1 * 0.25;
    assert!((spectrum.mean_square() - mean * mean).abs() < 1e-8);
    let ends: Vec<f64> = (0..=400).map(|i| f64::from(i) / 400.0 * spectrum.largest() * (1.0 + 1e-12)).collect();
    let shares = spectrum.shares(&ends);
    let at = ends.windows(2).position(|ends| ends[0] < 1.0 && 1.0 <= ends[1]).unwrap();
    assert!(shares[at] > 0.6, "{}", shares[at]);
    let moment = |k: i32| -> f64 {
        let middles =
            ends.windows(2).enumerate().map(|(i, ends)| if i == at { 1.0 } else { (ends[0] + ends[1]) / 2.0 });
        middles.zip(&shares).map(|(s, share)| s.powi(k) * share).sum()
    };
    let errors = [moment(0) - 1.0, moment(2) / spectrum.mean_square() - 1.0, moment(4) / spectrum.mean_fourth() - 1.0];
    println!("{errors:?}, {:?} to {:?}", spectrum.smallest(), spectrum.largest());
    assert!(errors.iter().all(|error| error.abs() < 3e-3), "{errors:?}");
    // Beside the density, by the trapezoidal rule, on either side of 1.
    let fine: Vec<f64> = (0..4000).map(|i| spectrum.largest() * (f64::from(i) + 0.5) / 4000.0).collect();
    let all = spectrum.densities(&fine).iter().sum::<f64>() * spectrum.largest() / 4000.0;
    assert!((all + spectrum.isometric() - 1.0).abs() < 5e-3, "{all}");

    // Measured on networks of two layers.
    const WIDTH: usize = 300;
    let rng = &mut StdRng::seed_from_u64(9);
    let mut factor = || {
        let w: Tensor = Init::orthogonal().sample([WIDTH, WIDTH], rng);
        let slopes = Tensor::from_fn([1, WIDTH], |i| [2.0, 0.5, 1.0][(i[1] * 10 / WIDTH).min(2)]);
        w * slopes
    };
    let model = Sequential::new()
        .then(Linear { w: Param::new(factor()), b: None })
        .then(Linear { w: Param::new(factor()), b: None });
    let values = singular_values(|x| model.forward(x), &Tensor::ones([1, WIDTH]));
    let alike = values.iter().filter(|&&value| (value - 1.0).abs() < 1e-9).count();
    assert_eq!(alike, WIDTH * 6 / 10);
    assert!(distance(&values, &spectrum) < 0.03, "{}", distance(&values, &spectrum));
}

/// Of wide sums tanh has slopes in a narrow bump only: `E[φ′^2k] = ∫sech^4k(x)dx/√(2πq)`, but for 1/q.
#[test]
fn narrow_bumps_of_slopes_are_resolved() {
    for q in [1e4, 1e6] {
        let spectrum = JacobianSpectrum::gaussian(1, 1.0).slopes(&MeanField::new(Activation::Tanh).unwrap(), q);
        let [square, fourth] = [4.0 / 3.0, 32.0 / 35.0].map(|integral| integral / (2.0 * PI * q).sqrt());
        let found = [spectrum.mean_square(), spectrum.mean_fourth() - spectrum.mean_square().powi(2)];
        let errors = [found[0] / square - 1.0, found[1] / fourth - 1.0];
        assert!(errors.iter().all(|error| error.abs() < 1.0 / q + 1e-6), "q = {q}: {errors:?}");
    }
}

#[test]
#[should_panic(expected = "the singular values of one orthogonal layer are σ_w·|φ′| themselves")]
fn one_orthogonal_layer_has_the_slopes() {
    let _ = JacobianSpectrum::orthogonal(1, 1.0).slopes(&erf(), 1.0);
}

#[test]
#[should_panic(expected = "the share 1.5 of active units must lie in (0, 1]")]
fn more_units_than_all_are_refused() {
    let _ = JacobianSpectrum::gaussian(2, 1.0).active(1.5);
}

#[test]
fn what_is_no_number_has_no_density() {
    let densities = JacobianSpectrum::gaussian(2, 1.0).densities(&[f64::NAN, 0.5, -1.0, f64::INFINITY]);
    assert!(densities[0].is_nan() && densities[1] > 0.0 && densities[2..] == [0.0; 2], "{densities:?}");
}

#[test]
#[should_panic(expected = "Jacobian spectrum: the share 1e308 of active units must lie in (0, 1]")]
fn long_numbers_are_shown_short() {
    let _ = JacobianSpectrum::gaussian(2, 1.0).active(1e308);
}
