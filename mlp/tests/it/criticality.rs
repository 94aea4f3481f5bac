//! Critical points, and initialisation at them.

use std::f64::consts::{FRAC_2_PI, PI};

use autograd::Var;
use mlp::init::{Distribution, Fan};
use mlp::theory::{Critical, MeanField};
use mlp::{Activation, Function, Init};

use crate::theory::{QUADRATURE, assert_close, elementwise, theory, trapezoid};

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

/// Closed forms and the trapezoidal rule, which are no part of the library, hold the critical points of tanh and erf with biases, whose
/// curves Poole et al. 2016 and Schoenholz et al. 2017 draw. SELU at its fixed point 1 (Klambauer et al. 2017) and the half-stable points
/// of Roberts, Yaida and Hanin 2022 are met to the four digits that stand there.
#[test]
fn points_of_the_papers_are_met_to_four_digits() {
    let four = |found: f64, digits: f64, what: &str| {
        let unit = 10f64.powf(digits.abs().log10().floor() - 3.0);
        assert!((found - digits).abs() < 0.51 * unit, "{what}: {found}, not {digits}");
    };
    const BIASES: [f64; 4] = [0.01, 0.05, 0.1, 0.3];
    for biases in BIASES {
        let point = theory(Activation::Tanh).critical_weights(biases).unwrap();
        let scale = point.variance.sqrt();
        assert_close(point.weights * trapezoid(|z| (scale * z).cosh().powi(-4)), 1.0, QUADRATURE);
        assert_close(point.weights * trapezoid(|z| (scale * z).tanh().powi(2)) + biases, point.variance, QUADRATURE);
    }
    let erf = MeanField::new(Function::new("erf", |z: Var| z.erf())).unwrap();
    for biases in BIASES {
        let point = erf.critical_weights(biases).unwrap();
        // E[erf′²] = 4/(π√(1 + 4q)), E[erf²] = (2/π)·asin(2q/(1 + 2q))
        let q = point.variance;
        assert_close(point.weights, PI / 4.0 * (1.0 + 4.0 * q).sqrt(), QUADRATURE);
        assert_close(point.weights * FRAC_2_PI * (2.0 * q / (1.0 + 2.0 * q)).asin() + biases, q, QUADRATURE);
    }
    assert!((erf.critical_weights(0.0).unwrap().weights - PI / 4.0).abs() < 1e-7); // of erf′(0)² = 4/π

    let selu = theory(Activation::Selu);
    four(selu.fixed_point().unwrap(), 1.0, "SELU, q*");
    four(selu.variance_slope(1.0), 0.7826, "SELU, V′");
    let [scale, alpha] = [1.0507009873554805, 1.6732632423543772];
    let curve = |z: f64| if z > 0.0 { scale * z } else { scale * alpha * z.exp_m1() };
    assert!((trapezoid(|z| curve(z).powi(2)) - 1.0).abs() < 1e-6); // it has a kink

    for (activation, [biases, weights, q]) in
        [(Activation::Gelu, [0.1729, 1.983, 3.562]), (Activation::Silu, [0.5551, 1.988, 14.32])]
    {
        let point = theory(activation).critical().unwrap();
        [(point.biases, biases), (point.weights, weights), (point.variance, q)]
            .into_iter()
            .for_each(|(found, digits)| four(found, digits, &activation.to_string()));
    }
    let silu = theory(Activation::Silu).critical().unwrap();
    let curve = |z: f64| {
        let (x, sigmoid) = (silu.variance.sqrt() * z, (1.0 + (-silu.variance.sqrt() * z).exp()).recip());
        [x * sigmoid, sigmoid * (1.0 + x * (1.0 - sigmoid))]
    };
    assert_close(silu.weights * trapezoid(|z| curve(z)[1].powi(2)), 1.0, QUADRATURE);
    assert_close(silu.weights * trapezoid(|z| curve(z)[0].powi(2)) + silu.biases, silu.variance, QUADRATURE);
    four(theory(Activation::Relu).critical_weights(0.0).unwrap().weights, 2.0, "relu");
}
