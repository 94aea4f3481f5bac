//! The multilayer perceptron and its builder.

use autograd::Tensor;
use mlp::theory::MeanField;
use mlp::{Activation, Init, Mlp, Module};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::gradients::check_module;

fn rng() -> StdRng {
    StdRng::seed_from_u64(5)
}

#[test]
fn a_network_is_its_formula() {
    let model: Mlp = Mlp::new(3).hidden(4, Activation::Sigmoid).output(2, Activation::Tanh).build(&mut rng()).unwrap();
    let x = Tensor::from([[0.3, -1.2, 2.0]]);
    let parameters = model.parameters();
    let value = |name: &str| parameters.get(name).unwrap().value();
    let h = x.affine(&value("layers.0.w"), &value("layers.0.b")).sigmoid();
    let y = h.affine(&value("layers.1.w"), &value("layers.1.b")).tanh();
    assert!(model.predict(&x).is_close(&y, 1e-15));
}

#[test]
fn gradients_agree_with_differences_with_and_without_norm() {
    let x = Tensor::from([[0.3, -1.2, 2.0], [1.1, 0.4, -0.6]]);
    let plain = Mlp::new(3).hidden(4, Activation::Gelu).hidden(3, Activation::Tanh).output(2, Activation::Identity);
    check_module(&plain.clone().build::<f64>(&mut rng()).unwrap(), &x);
    for normalised in [plain.clone().layer_norm(), plain.clone().batch_norm(), plain.rms_norm()] {
        check_module(&normalised.build::<f64>(&mut rng()).unwrap(), &x);
    }
}

#[test]
fn names_are_stable() {
    let model: Mlp<f32> = Mlp::new(3)
        .hidden(4, Activation::Relu)
        .output(2, Activation::Identity)
        .layer_norm()
        .dropout(0.1)
        .build(&mut rng())
        .unwrap();
    assert_eq!(
        model.parameters().names().collect::<Vec<_>>(),
        ["layers.0.w", "layers.0.b", "layers.0.norm.gain", "layers.0.norm.shift", "layers.1.w", "layers.1.b"]
    );
    assert_eq!(
        model.to_string(),
        "\
layer                                 shape  activation  parameters
0 linear + layer_norm + dropout(0.1)  3 → 4  relu                24
1 linear                              4 → 2  identity            10
total                                                            34
"
    );
}

#[test]
fn no_hidden_layer_is_a_single_layer() {
    let model: Mlp = Mlp::new(3).output(2, Activation::Identity).build(&mut rng()).unwrap();
    assert_eq!(model.layers().len(), 1);
    assert_eq!(model.predict(&Tensor::ones([5, 3])).shape(), &[5, 2].into());
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let why = |builder: mlp::MlpBuilder| builder.build::<f64>(&mut rng()).unwrap_err().to_string();
    let identity = Activation::Identity;
    assert_eq!(why(Mlp::new(3)), "mlp: it has no output layer; call output(units, activation)");
    assert_eq!(why(Mlp::new(0).output(2, identity)), "mlp: layer 0 would be 0 → 2; no size may be 0");
    assert_eq!(
        why(Mlp::new(3).hidden(0, identity).output(2, identity)),
        "mlp: layer 0 would be 3 → 0; no size may be 0"
    );
    assert_eq!(why(Mlp::new(3).output(0, identity)), "mlp: layer 0 would be 3 → 0; no size may be 0");
    assert_eq!(why(Mlp::new(3).output(1, identity).dropout(1.0)), "dropout: the probability 1 lies outside [0, 1)");
}

#[test]
fn weights_follow_the_activation_unless_told() {
    let spread = |activation, init: Option<Init>| {
        let builder = Mlp::new(400).output(200, activation);
        let builder = if let Some(init) = init { builder.init(init) } else { builder };
        builder.build::<f64>(&mut rng()).unwrap().layers()[0].linear.w.value().variance()
    };
    for (variance, expected) in [
        (spread(Activation::Relu, None), 2.0 / 400.0),
        (spread(Activation::Selu, None), 1.0 / 400.0),
        (spread(Activation::Tanh, None), 2.0 / 600.0),
        (spread(Activation::Tanh, Some(Init::he_normal())), 2.0 / 400.0),
    ] {
        assert!((variance / expected - 1.0).abs() < 0.03, "{variance} against {expected}");
    }
}

#[test]
fn critical_layers_are_at_the_critical_point_of_their_activation() {
    let builder = Mlp::new(300).hidden(300, Activation::Tanh).hidden(300, Activation::Elu(1.0));
    let model: Mlp = builder.output(300, Activation::Tanh).critical(0.05).build(&mut rng()).unwrap();
    for layer in &model.layers()[..2] {
        let critical = MeanField::new(layer.activation).unwrap().critical_weights(0.05).unwrap();
        let (w, b) = (layer.linear.w.value(), layer.linear.b.as_ref().unwrap().value());
        assert!((300.0 * w.variance() / critical.weights - 1.0).abs() < 0.03);
        assert!((b.variance() / 0.05 - 1.0).abs() < 0.3);
    }
    // The output layer is initialised as ever.
    assert_eq!(model.layers()[2].linear.b.as_ref().unwrap().value(), Tensor::zeros([300]));

    let why = |activation, biases| {
        let builder = Mlp::new(3).hidden(4, activation).output(1, Activation::Identity).critical(biases);
        builder.build::<f64>(&mut rng()).unwrap_err().to_string()
    };
    assert!(why(Activation::Relu, 0.1).contains("`relu` has no critical point with σ_b² = 0.1"));
    assert_eq!(why(Activation::Tanh, -1.0), "mlp: critical biases of variance -1; a variance is a number ≥ 0");
}

#[test]
fn the_same_seed_gives_the_same_network() {
    let build = |seed| -> Mlp {
        let builder = Mlp::new(3).hidden(4, Activation::Relu).output(2, Activation::Identity);
        builder.build(&mut StdRng::seed_from_u64(seed)).unwrap()
    };
    let x = Tensor::ones([1, 3]);
    assert_eq!(build(1).predict(&x), build(1).predict(&x));
    assert_ne!(build(1).predict(&x), build(2).predict(&x));
}
