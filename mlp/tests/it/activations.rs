//! Values, derivatives, names.

use autograd::{Tape, Tensor, check};
use mlp::{Activation, Dataset, Function, Init, Mlp, MlpBuilder, Module, Mse, PRelu, Sgd, StraightThrough, Trainer};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::gradients::check_module;

/// Away from every kink of the table: 0, ±½, ±1, ±3.
const POINTS: [[f64; 4]; 2] = [[-3.3, -0.7, -0.2, 0.3], [0.8, 1.4, 2.2, 3.6]];

fn at(activation: Activation, z: f64) -> (f64, f64) {
    let tape = Tape::new();
    let z = tape.var([z]);
    let y = activation.apply(z);
    (y.value().item(), y.sum().backward()[z].item())
}

/// Whether it changes each number by itself; the softmaxes mix those of a row.
pub(crate) fn is_elementwise(activation: Activation) -> bool {
    let row = activation.predict(&Tensor::from(POINTS));
    let alone = Tensor::from(POINTS).reshape([8, 1]);
    activation.predict(&alone).reshape([2, 4]).is_close(&row, 1e-12)
}

/// What a row of the table states beside the value.
#[test]
fn every_row_is_consistent() {
    let relus = [Activation::Relu, Activation::LeakyRelu(0.01), Activation::Gelu, Activation::Softplus];
    assert!(relus.iter().all(|relu| relu.usual_init() == Init::he_normal()));
    assert_eq!(Activation::Selu.usual_init(), Init::lecun_normal());
    assert_eq!(Activation::Tanh.usual_init(), Init::glorot_uniform());
    let rng = || StdRng::seed_from_u64(5);
    for activation in Activation::ALL {
        let model = |builder: MlpBuilder| builder.build::<f64>(&mut rng()).unwrap();
        let layers = || Mlp::new(4).output(3, activation);
        let [usual, given] = [model(layers()), model(layers().init(activation.usual_init()))];
        assert_eq!(usual.layers()[0].linear.w.value(), given.layers()[0].linear.w.value(), "{activation}");
        // The model may fuse the activation with its sums; the parts cannot.
        let parts = activation.predict(&usual.layers()[0].linear.predict(&Tensor::from(POINTS)));
        assert!(usual.predict(&Tensor::from(POINTS)).is_close(&parts, 1e-14), "{activation}: it is fused with another");
        // Targets outside its range are refused: its own values must be none.
        let far = activation.predict(&Tensor::linspace(-40.0, 40.0, 324).reshape([81, 4]));
        let (data, model) = (Dataset::new(far.clone(), far).unwrap(), model(Mlp::new(4).output(4, activation)));
        let mut still = Sgd::new(&model.parameters(), 0.0);
        let fit = Trainer::new().progress(false).epochs(1).fit(&model, &Mse, &mut still, &data, None);
        let refused = fit.err().is_some_and(|error| error.to_string().contains("lie outside"));
        assert!(!refused, "{activation}: its range is wider than its row in nn/activation/table.rs says");
    }
}

#[test]
fn every_derivative_agrees_with_differences() {
    let weights = Tensor::from([[0.5, 1.5, -1.0, 2.0], [0.3, -0.4, 1.1, 0.9]]);
    for activation in Activation::ALL {
        let report = check(|z| (activation.apply(z[0]) * &weights).sum(), &[POINTS.into()]).unwrap();
        assert!(report.passed(), "{activation}: {report}");
    }
}

#[test]
fn values_and_derivatives_at_edges_follow_the_policy() {
    use Activation::*;
    for (activation, z, y, dy) in [
        (UnitStep, 0.0, 0.5, 0.0),
        (Sign, 0.0, 0.0, 0.0),
        (Linear { a: 3.0, b: -1.0 }, 2.0, 5.0, 3.0),
        (PiecewiseLinear, -0.75, 0.0, 0.0),
        (PiecewiseLinear, 0.25, 0.75, 1.0),
        (PiecewiseLinear, 0.75, 1.0, 0.0),
        (Relu, 0.0, 0.0, 0.0),
        (LeakyRelu(0.01), -2.0, -0.02, 0.01),
        (LeakyRelu(0.01), 0.0, 0.0, 0.01),
        (Sigmoid, 1000.0, 1.0, 0.0),
        (Sigmoid, -1000.0, 0.0, 0.0),
        (Softplus, 1000.0, 1000.0, 1.0),
        (Softplus, -1000.0, 0.0, 0.0),
        (Tanh, 1000.0, 1.0, 0.0),
    ] {
        assert_eq!(at(activation, z), (y, dy), "{activation} at {z}");
    }
}

#[test]
fn softmax_and_its_logarithm_work_on_rows() {
    let tape = Tape::new();
    let z = tape.var([[0.0, 0.0], [1e4, 1e4]]);
    assert_eq!(Activation::Softmax.apply(z).value(), Tensor::full([2, 2], 0.5));
    assert!(Activation::LogSoftmax.apply(z).value().is_close(&Tensor::full([2, 2], 0.5f64.ln()), 1e-11));
}

#[test]
fn names_round_trip_with_their_arguments() {
    for activation in Activation::ALL.into_iter().chain([
        Activation::LeakyRelu(0.2),
        Activation::Elu(1.5e-7),
        Activation::Linear { a: -2.0, b: 0.1 },
    ]) {
        assert_eq!(activation.to_string().parse::<Activation>().unwrap(), activation);
    }
    assert_eq!("elu".parse::<Activation>().unwrap(), Activation::Elu(1.0));
    assert_eq!(" linear( 2 , 1 ) ".parse::<Activation>().unwrap(), Activation::Linear { a: 2.0, b: 1.0 });
}

#[test]
fn names_that_are_none_are_refused_with_a_repair() {
    let message = |text: &str| text.parse::<Activation>().unwrap_err().to_string();
    assert!(message("rely").starts_with("activation: `rely` is not known; choose from identity, linear, unit_step"));
    for text in ["elu(", "elu()", "elu(1, 2)", "elu(x)"] {
        assert_eq!(message(text), format!("activation: cannot read `{text}`; write it as `elu(1)`"));
    }
    assert_eq!(message("relu(1)"), "activation: cannot read `relu(1)`; write it as `relu`");
}

#[test]
fn straight_through_has_the_value_of_the_step_to_the_last_bit() {
    // From 2⁵³ on, z + (f(z) − z) would lose the step altogether.
    let points = Tensor::from([-1e17, -0.3, 0.0, 1e-9, 0.1, 3.0, 1e17]);
    for activation in [Activation::UnitStep, Activation::Sign] {
        let tape = Tape::new();
        let z = tape.var(points.clone());
        let y = StraightThrough(activation).forward(z);
        assert_eq!(y.value(), activation.apply(z).value());
        assert_eq!(y.sum().backward()[z], Tensor::ones([7]));
    }
}

#[test]
fn parametric_relu_learns_one_alpha_or_one_for_each_feature() {
    check_module(&PRelu::new(1).unwrap(), &Tensor::from(POINTS));
    check_module(&PRelu::new(4).unwrap(), &Tensor::from(POINTS));
}

#[test]
fn a_users_function_is_an_activation() {
    let swish = Function::new("swish", |z: autograd::Var| z * z.sigmoid());
    check_module(&swish, &Tensor::from(POINTS));
    assert!(swish.predict(&Tensor::from(POINTS)).is_close(&Activation::Silu.predict(&Tensor::from(POINTS)), 1e-15));
}
