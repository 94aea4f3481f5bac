//! Singular values of wide networks: the density predicted, beside closed forms and networks.

use std::f64::consts::{FRAC_PI_2, PI};

use autograd::{Param, Tensor};
use mlp::flow::singular_values;
use mlp::free_probability::JacobianSpectrum;
use mlp::theory::MeanField;
use mlp::{Activation, Init, Linear, Module, Sequential};
use rand::SeedableRng;
use rand::rngs::StdRng;

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
    let gaussian = |layers| JacobianSpectrum::gaussian(layers, 1.3);
    let orthogonal = |layers| JacobianSpectrum::orthogonal(layers, 1.3);
    let all = [
        gaussian(1),
        gaussian(4),
        gaussian(4).active(0.5),
        orthogonal(1).active(0.7),
        orthogonal(2).active(0.7), // 0.4 of all pass through both layers
        orthogonal(4).active(0.7),
        orthogonal(8).active(0.5),
        orthogonal(3),
    ];
    for spectrum in all {
        let ends: Vec<f64> = (0..=60).map(|i| f64::from(i) / 60.0 * spectrum.largest() * (1.0 + 1e-12)).collect();
        let shares = spectrum.shares(&ends);
        let sum: f64 = shares.iter().sum();
        assert!((sum - 1.0).abs() < 2e-3, "{spectrum:?}: {sum}");
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
    let [near, far] = [spectrum, other].map(|spectrum| distance(values, &spectrum));
    assert!(near < 0.03 && far > 0.06, "{spectrum:?}: {near}, {other:?}: {far}");
}

const WIDTH: usize = 150;

fn network(depth: usize, activation: Activation, init: &Init, seed: u64) -> Sequential {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..depth).fold(Sequential::new(), |model, _| {
        let w = Param::new(init.sample([WIDTH, WIDTH], &mut rng));
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

#[test]
#[should_panic(expected = "the share 1.5 of active units must lie in (0, 1]")]
fn more_units_than_all_are_refused() {
    let _ = JacobianSpectrum::gaussian(2, 1.0).active(1.5);
}
