//! Critical points, and initialisation at them.

use mlp::init::{Distribution, Fan};
use mlp::theory::{Critical, MeanField};
use mlp::{Activation, Init};

use crate::theory::{QUADRATURE, assert_close, elementwise, theory};

#[track_caller]
fn assert_critical(theory: &MeanField, point: &Critical) {
    let there = theory.clone().weights(point.weights).biases(point.biases);
    let q = point.variance;
    // At q = 0 functions with a kink or bend are met at the variance that stands for it, 1e−16.
    assert!((there.chi(q) - 1.0).abs() < 1e-7 && (there.variance_map(q) - q).abs() <= 1e-9 * q, "{there:?}: {point:?}");
    if q > 0.0 {
        assert_close(there.chi(q), 1.0, QUADRATURE);
    }
}

#[test]
fn criticality_is_found_from_either_side() {
    for (activation, theory) in elementwise() {
        for biases in [0.0, 0.05, 0.5] {
            let Ok(point) = theory.critical_weights(biases) else { continue };
            assert_critical(&theory, &point);
            // A line or two that meet has each variance; else the way back leads to the same point.
            if point.variance != 1.0 {
                let back = theory.critical_biases(point.weights).unwrap();
                assert_critical(&theory, &back);
                let same = (back.biases - biases).abs() < 1e-6;
                assert!(same || theory.critical_weights(back.biases).is_ok(), "{activation}: {back:?}");
            }
        }
    }
    for (activation, weights) in [
        (Activation::Identity, 1.0),
        (Activation::Relu, 2.0),
        (Activation::LeakyRelu(0.2), 2.0 / 1.04),
        (Activation::Tanh, 1.0),
        (Activation::HardTanh, 1.0),
        // Two lines that meet at 0, seen from close by: slopes λ and λα.
        (Activation::Selu, 2.0 / (1.0507009873554805f64.powi(2) * (1.0 + 1.6732632423543772f64.powi(2)))),
    ] {
        let point = theory(activation).critical_weights(0.0).unwrap();
        assert!((point.weights - weights).abs() < 1e-7 && point.attracts(), "{activation}: {point:?}");
    }
}

#[test]
fn the_critical_point_is_that_nearest_to_variance_one() {
    let nearest = |activation| {
        let theory = theory(activation);
        let point = theory.critical().unwrap();
        assert_critical(&theory, &point);
        assert!(point.attracts() && point.biases >= 0.0, "{activation}: {point:?}");
        point
    };
    for activation in [
        Activation::Identity,
        Activation::Relu,
        Activation::Tanh,
        Activation::Elu(1.0),
        Activation::Selu,
        Activation::HardTanh,
        Activation::Softsign,
    ] {
        assert_eq!(nearest(activation).variance, 1.0, "{activation}");
    }
    // Saturated far from 0, these need large weights, and have no use for biases.
    for activation in [Activation::Sigmoid, Activation::HardSigmoid, Activation::PiecewiseLinear] {
        let point = nearest(activation);
        assert!(point.variance > 1.0 && point.biases < 1e-9, "{activation}: {point:?}");
    }
    // Half-stable: the values of Roberts, Yaida and Hanin 2022, section 5.3.4, for GELU and SWISH.
    for (activation, weights, biases) in
        [(Activation::Gelu, 1.98305826, 0.17292239), (Activation::Silu, 1.98800468, 0.55514317)]
    {
        let point = nearest(activation);
        assert!((point.weights - weights).abs() < 1e-8 && (point.biases - biases).abs() < 1e-7, "{point:?}");
        assert!((point.variance_slope - 1.0).abs() < 1e-9, "{point:?}");
    }
    for activation in [Activation::Softplus, Activation::UnitStep, Activation::Sign] {
        let error = theory(activation).critical().unwrap_err().to_string();
        assert!(error.contains("no critical point with any σ_b²"), "{error}");
    }
}

#[test]
fn one_initialiser_serves_every_activation() {
    for (activation, theory) in elementwise() {
        match Init::critical(activation) {
            Ok(init) => {
                let there = theory.initialised(&init, 50, 70).unwrap();
                let q = there.fixed_point().unwrap();
                assert!((there.chi(q) - 1.0).abs() < 1e-6, "{activation}: χ {}", there.chi(q));
            }
            Err(error) => assert!(error.to_string().contains("no critical point"), "{activation}: {error}"),
        }
    }
    use Activation::*;
    for (without, activations) in [
        (true, &[Gelu, GeluTanh, Silu, Mish, Softplus, Sign, UnitStep][..]),
        (false, &[Identity, Sigmoid, Tanh, Relu, Elu(1.0), Selu, HardTanh, HardSigmoid, Softsign]),
    ] {
        for &activation in activations {
            assert_eq!(Init::critical(activation).is_err(), without, "{activation}");
        }
    }
    assert!(Init::critical(Activation::Softmax).is_err());
    let he = Init::critical(Activation::Relu).unwrap();
    let Init::Scaled { gain, fan: Fan::In, distribution: Distribution::Normal } = he else { panic!("{he:?}") };
    assert_close(gain, 2f64.sqrt(), QUADRATURE);
}
