//! The numbers that the lessons print: each must come out of the software.

use autograd::{Param, Tape, Tensor};
use mlp::{
    Activation, Base, CrossEntropyFromProbabilities, Dataset, Euclidean, Layer, Linear, Loss, Mlp, Module, Mse, PRelu,
    Sgd, Stopped, Targets, Trainer,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Whether `x` rounds to what a slide prints with three digits.
#[track_caller]
fn printed(x: f64, slide: f64) {
    assert!((x - slide).abs() <= 5.000001e-4, "{x} against {slide} on the slide");
}

fn value_and_derivative(activation: Activation, z: f64) -> (f64, f64) {
    let tape = Tape::new();
    let z = tape.var([z]);
    let y = activation.apply(z);
    (y.value().item(), y.sum().backward()[z].item())
}

/// Lesson 8: the unit step is 0, 0.5, 1 and the sign −1, 0, 1 below, at and above 0.
#[test]
fn lesson_8_unit_step_and_sign() {
    let z = Tensor::from([-2.0, 0.0, 2.0]);
    assert_eq!(Activation::UnitStep.predict(&z).to_vec(), [0.0, 0.5, 1.0]);
    assert_eq!(Activation::Sign.predict(&z).to_vec(), [-1.0, 0.0, 1.0]);
}

/// Lesson 8: piece-wise linear is 1 from ½ on, z + ½ between, 0 up to −½.
#[test]
fn lesson_8_piecewise_linear() {
    let z = Tensor::from([-2.0, -0.5, 0.25, 0.5, 2.0]);
    assert_eq!(Activation::PiecewiseLinear.predict(&z).to_vec(), [0.0, 0.0, 0.75, 1.0, 1.0]);
}

/// Lesson 8: a picture of 60 × 60 = 3600 inputs goes through hidden layers to the class.
#[test]
fn lesson_8_a_picture_of_3600_inputs() {
    let builder = Mlp::new(60 * 60).hidden(8, Activation::Sigmoid).output(2, Activation::Softmax);
    let model: Mlp<f32> = builder.build(&mut StdRng::seed_from_u64(0)).unwrap();
    assert_eq!(model.layers()[0].linear.inputs(), 3600);
    let p = model.predict(&Tensor::full([1, 3600], 0.5));
    assert!((p.sum() - 1.0).abs() < 1e-6);
}

/// Lesson 9: x = [1 0 1] with weights 0.2, 1.5, 0.5 gives p = 0.7, and its sigmoid 0.668.
#[test]
fn lesson_9_one_node() {
    let node = Linear { w: Param::new([[0.2], [1.5], [0.5]]), b: None };
    let x = Tensor::from([[1.0, 0.0, 1.0]]);
    assert_eq!(node.predict(&x).item(), 0.7);
    printed(Layer::new(node, Activation::Sigmoid).predict(&x).item(), 0.668);
}

/// Lesson 9: a 3-4-2 network with hidden [0.668 0.912 0.102 0.471] and output [0.812 0.151].
///
/// The slide leaves the weights out. These give its figures: W from the sums that the sigmoid needs, halved between the two
/// inputs that are 1 (the first node's weights are those of the slide before); V from the output's sums, along h.
#[test]
fn lesson_9_a_pass_through_3_4_2() {
    let logit = |p: f64| (p / (1.0 - p)).ln();
    let mut w =
        Tensor::from_fn([3, 4], |i| if i[0] == 1 { 0.0 } else { logit([0.668, 0.912, 0.102, 0.471][i[1]]) / 2.0 });
    for (j, weight) in [0.2, 1.5, 0.5].into_iter().enumerate() {
        w.as_mut_slice()[4 * j] = weight;
    }
    let h = Tensor::from([0.668, 0.912, 0.102, 0.471]);
    let v = Tensor::from_fn([4, 2], |i| h.get([i[0]]) * logit([0.812, 0.151][i[1]]) / h.square().sum());
    let layer = |w| Layer::new(Linear { w: Param::new(w), b: None }, Activation::Sigmoid);
    let model = Mlp::from_layers([layer(w), layer(v)]);

    let x = Tensor::from([[1.0, 0.0, 1.0]]);
    let hidden = model.layers()[0].predict(&x);
    let output = model.predict(&x);
    for (found, slide) in hidden.to_vec().into_iter().zip([0.668, 0.912, 0.102, 0.471]) {
        printed(found, slide);
    }
    for (found, slide) in output.to_vec().into_iter().zip([0.812, 0.151]) {
        printed(found, slide);
    }
    // ȳᵀ = f(f(x̄ᵀW)V)
    let parameters = model.parameters();
    let weights = |name| parameters.get(name).unwrap().value();
    let formula = x.matmul(&weights("layers.0.w")).sigmoid().matmul(&weights("layers.1.w")).sigmoid();
    assert_eq!(output, formula);
}

/// Lesson 11: E = ‖y − ŷ‖.
#[test]
fn lesson_11_the_error_is_a_norm() {
    let tape = Tape::new();
    let y = tape.constant([[0.9, 0.4]]);
    let error = Euclidean.mean(y, &Targets::Values(Tensor::from([[0.6, 0.0]]))).unwrap();
    assert!((error.value() - 0.5).abs() < 1e-15);
}

/// Lesson 11: Vᵗ comes from Vᵗ⁻¹ with η∇E; the step is minus η∇E, for the slide's plus climbs.
#[test]
fn lesson_11_the_step_goes_downhill() {
    let model = Linear { w: Param::new([[2.0]]), b: None };
    let data = Dataset::new(Tensor::from([[1.0]]), Tensor::from([[0.0]])).unwrap();
    let mut sgd = Sgd::new(&model.parameters(), 0.25);
    let trainer = Trainer::new().progress(false).epochs(2);
    let history = trainer.fit(&model, &Mse, &mut sgd, &data, None).unwrap();
    // E = v², ∇ = 2v: v is halved each time.
    assert_eq!(model.w.value().item(), 0.5);
    assert_eq!([history.epochs[0].loss, history.epochs[1].loss], [4.0, 1.0]);
}

/// Lesson 11: training stops when E = 0, or when E ≤ ε.
#[test]
fn lesson_11_training_stops_within_the_tolerance() {
    let fit = |epsilon: f64, w: f64| {
        let model = Linear { w: Param::new([[w]]), b: None };
        let data = Dataset::new(Tensor::from([[1.0]]), Tensor::from([[0.0]])).unwrap();
        let mut sgd = Sgd::new(&model.parameters(), 0.25);
        let trainer = Trainer::new().progress(false).epochs(100).tolerance(epsilon);
        trainer.fit(&model, &Mse, &mut sgd, &data, None).unwrap()
    };
    // E = 4, 1, ¼, …
    let history = fit(0.25, 2.0);
    assert_eq!((history.epochs.len(), history.stopped), (3, Stopped::Tolerance));
    let history = fit(0.0, 0.0);
    assert_eq!((history.epochs.len(), history.stopped), (1, Stopped::Tolerance));
}

/// Lesson 11: ∂E/∂v = ∂z/∂v · ∂y/∂z · ∂E/∂y for the last layer; two factors more for each layer before it, so five for W
/// and seven for U.
#[test]
fn lesson_11_the_chain_of_three_five_and_seven_factors() {
    let (x, target, weights) = (0.5f64, 1.0, [0.8, -1.2, 0.7]); // U, W, V
    let layers = weights.map(|w| Layer::new(Linear { w: Param::new([[w]]), b: None }, Activation::Sigmoid));
    let model = Mlp::from_layers(layers);
    let tape = Tape::new();
    let y = model.forward(tape.constant([[x]]));
    let loss = Mse.mean(y, &Targets::Values(Tensor::from([[target]]))).unwrap();
    let grads = loss.backward();

    // The outputs of each layer, from the input on, in plain numbers.
    let outputs: Vec<f64> = std::iter::once(x)
        .chain(weights.iter().scan(x, |h, w| {
            *h = 1.0 / (1.0 + (-*h * w).exp());
            Some(*h)
        }))
        .collect();
    for layer in 0..3 {
        let mut factors = vec![outputs[layer]]; // ∂z/∂w of this layer
        for l in layer..3 {
            let h = outputs[l + 1];
            factors.push(h * (1.0 - h)); // ∂h/∂z
            if l < 2 {
                factors.push(weights[l + 1]); // ∂z/∂h of the next layer
            }
        }
        factors.push(2.0 * (outputs[3] - target)); // ∂E/∂y
        assert_eq!(factors.len(), [7, 5, 3][layer]);
        let gradient = grads[&model.layers()[layer].linear.w].item();
        assert!((factors.iter().product::<f64>() - gradient).abs() < 1e-15);
    }
}

/// Lesson 11 (2): outputs 0.9 and 0.1 have errors 0.01 and 0.01, outputs 0.6 and 0.4 have 0.16 and 0.16 (the slide prints
/// 0.36 for the last; (0.4 − 0)² is 0.16); ∂E/∂y = 2(y − ŷ), over n samples 2/n·(yⁱ − ŷⁱ).
#[test]
fn lesson_11_2_squared_errors() {
    let targets = Targets::Values(Tensor::from([[1.0], [0.0]]));
    for (outputs, error) in [([[0.9], [0.1]], 0.01), ([[0.6], [0.4]], 0.16)] {
        let tape = Tape::new();
        let y = tape.var(outputs);
        let each = Mse.each(y, &targets).unwrap();
        assert!(each.value().is_close(&Tensor::full([2, 1], error), 1e-15));
        let mean = Mse.mean(y, &targets).unwrap();
        assert!((mean.value() - error).abs() < 1e-15);
        let distance = [outputs[0][0] - 1.0, outputs[1][0]];
        assert_eq!(each.sum().backward()[y].to_vec(), distance.map(|d| 2.0 * d));
        assert_eq!(mean.backward()[y].to_vec(), distance); // 2/n with n = 2
    }
}

/// Lesson 11 (2): the six vehicles are learned, with one epoch a complete cycle, in batches.
#[test]
fn lesson_11_2_the_six_vehicles() {
    let rows = [
        [4.0, 6.0, 500.0],
        [4.0, 5.5, 600.0],
        [4.0, 5.0, 550.0],
        [2.0, 3.0, 200.0],
        [2.0, 3.5, 150.0],
        [2.0, 4.0, 250.0],
    ];
    let inputs = &Tensor::from(rows) / &Tensor::from([4.0, 6.0, 600.0]);
    let targets = Targets::Values(Tensor::from([[1.0], [1.0], [1.0], [0.0], [0.0], [0.0]]));
    let builder = Mlp::new(3).hidden(4, Activation::Sigmoid).output(1, Activation::Sigmoid);
    let model: Mlp = builder.build(&mut StdRng::seed_from_u64(2)).unwrap();
    let mut sgd = Sgd::new(&model.parameters(), 0.5).momentum(0.9);
    let trainer = Trainer::new().progress(false).epochs(2000).batch_size(2).tolerance(0.01);
    let data = Dataset::new(inputs, targets).unwrap();
    let history = trainer.fit(&model, &Mse, &mut sgd, &data, None).unwrap();
    assert_eq!(history.stopped, Stopped::Tolerance);
}

/// Lesson 12: p = {0.9, 0.1}, q = {0.6, 0.4} have cross-entropy 1.42, in bits; ∂E/∂p_i = −q_i/p_i in nats.
#[test]
fn lesson_12_cross_entropy() {
    let tape = Tape::new();
    let p = tape.var([[0.9, 0.1]]);
    let q = Targets::Values(Tensor::from([[0.6, 0.4]]));
    let bits = CrossEntropyFromProbabilities { base: Base::Bits }.mean(p, &q).unwrap();
    assert!((bits.value() - 1.42).abs() < 5e-3);
    let nats = CrossEntropyFromProbabilities { base: Base::Nats }.mean(p, &q).unwrap();
    assert!((nats.value() / bits.value() - 2f64.ln()).abs() < 1e-15);
    assert!((nats.value() - 0.98).abs() < 5e-3);
    assert!(nats.backward()[p].is_close(&Tensor::from([[-0.6 / 0.9, -0.4 / 0.1]]), 1e-14));
}

/// Lesson 12: softmax of {1.1, 2.2, 0.2, −1.7} is {0.224, 0.672, 0.091, 0.013}; the last, 0.0136, is cut on the slide.
#[test]
fn lesson_12_softmax() {
    let p = Activation::Softmax.predict(&Tensor::from([1.1, 2.2, 0.2, -1.7])).to_vec();
    for (p, slide) in p.into_iter().zip([0.224, 0.672, 0.091, 0.0136]) {
        printed(p, slide);
    }
    assert_eq!(Activation::Softmax.predict(&Tensor::from([1e4, -1e4])).to_vec(), [1.0, 0.0]);
}

/// Lesson 12: ∂p_i/∂z_k is p_i(1 − p_i) for i = k, −p_i p_k otherwise.
#[test]
fn lesson_12_the_jacobian_of_softmax() {
    let tape = Tape::new();
    let z = tape.var([1.1, 2.2, 0.2, -1.7]);
    let p = Activation::Softmax.apply(z);
    let value = p.value();
    for i in 0..4 {
        let grads = p.at(0, i).item().backward();
        for k in 0..4 {
            let (pi, pk) = (value.get([i]), value.get([k]));
            let expected = if i == k { pi * (1.0 - pi) } else { -pi * pk };
            assert!((grads[z].get([k]) - expected).abs() < 1e-15, "∂p_{i}/∂z_{k}");
        }
    }
}

/// Lesson 13: the derivatives of the table.
#[test]
fn lesson_13_derivatives() {
    let (z, alpha) = (-0.7, 1.3);
    let (y, dy) = value_and_derivative(Activation::Sigmoid, z);
    assert!((dy - y * (1.0 - y)).abs() < 1e-15);
    let (y, dy) = value_and_derivative(Activation::Tanh, z);
    assert!((dy - (1.0 - y * y)).abs() < 1e-15);
    let (y, dy) = value_and_derivative(Activation::Elu(alpha), z);
    assert!((y - alpha * (z.exp() - 1.0)).abs() < 1e-15);
    assert_eq!(dy, y + alpha);
    assert_eq!(value_and_derivative(Activation::Linear { a: 3.0, b: 1.0 }, z), (3.0 * z + 1.0, 3.0));
    assert_eq!(value_and_derivative(Activation::Relu, 2.0), (2.0, 1.0));
    assert_eq!(value_and_derivative(Activation::Relu, z), (0.0, 0.0));
    assert_eq!(value_and_derivative(Activation::LeakyRelu(0.01), z), (z * 0.01, 0.01));
}

/// Lesson 13: the α of the parametric ReLU is learned; with α > 1 it is not max(αx, x).
#[test]
fn lesson_13_parametric_relu() {
    let prelu = PRelu::<f64>::new(1).unwrap();
    let x = Tensor::from([[-1.0], [2.0]]);
    let data = Dataset::new(x.clone(), Tensor::from([[-3.0], [2.0]])).unwrap();
    let mut sgd = Sgd::new(&prelu.parameters(), 0.5);
    Trainer::new().progress(false).epochs(50).fit(&prelu, &Mse, &mut sgd, &data, None).unwrap();
    assert!((prelu.alpha.value().item() - 3.0).abs() < 1e-9);
    assert!(prelu.predict(&x).is_close(&Tensor::from([[-3.0], [2.0]]), 1e-8));
}

/// Lesson 13: in a chain of sigmoids the gradient shrinks by at least 4 with each layer of weight 1.
#[test]
fn lesson_13_the_gradient_vanishes_with_depth() {
    let depth = 8;
    let layer = || Layer::new(Linear { w: Param::new([[1.0]]), b: None }, Activation::Sigmoid);
    let model = Mlp::from_layers((0..depth).map(|_| layer()));
    let tape = Tape::new();
    let x = tape.var([[0.3]]);
    let gradient = model.forward(x).sum().backward()[x].item();
    assert!(gradient > 0.0 && gradient <= 0.25f64.powi(depth));
}
