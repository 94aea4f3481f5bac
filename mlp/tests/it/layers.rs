//! Layers one by one.

use autograd::{Param, Tape, Tensor};
use mlp::{Activation, Dropout, Init, LayerNorm, Linear, Module, Residual, Sequential, summary};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::figures::{agrees, cases};
use crate::gradients::check_module;

fn linear(inputs: usize, outputs: usize) -> Linear {
    let layer = Linear::new(inputs, outputs, &Init::glorot_uniform(), &mut StdRng::seed_from_u64(3)).unwrap();
    layer.b.as_ref().unwrap().set(Tensor::linspace(-0.5, 0.5, outputs));
    layer
}

fn points() -> Tensor {
    Tensor::from([[0.3, -1.2, 2.0], [1.1, 0.4, -0.6]])
}

#[test]
fn gradients_agree_with_differences() {
    check_module(&linear(3, 2), &points());
    check_module(&linear(3, 2).without_bias(), &points());
    let norm = LayerNorm::new(3).unwrap();
    norm.gain.set([0.5, 2.0, -1.0]);
    norm.shift.set([0.1, -0.2, 0.3]);
    check_module(&norm, &points());
    let inner = Sequential::new().then(linear(3, 3)).then(Activation::Tanh);
    check_module(&Residual::new(inner), &points());
    check_module(&Residual::new(linear(3, 3)).strength(-0.3).unwrap(), &points());
}

#[test]
fn a_branch_has_a_strength() {
    let branch = || Residual::new(linear(3, 3));
    let (x, whole) = (points(), branch().predict(&points()));
    assert!(branch().strength(0.25).unwrap().predict(&x).is_close(&(&x + &((&whole - &x) * 0.25)), 1e-15));
    assert_eq!(branch().strength(0.0).unwrap().predict(&x), x);
    let rows = summary(&branch().strength(0.25).unwrap());
    assert!(rows.contains("residual(0.25) linear"), "{rows}");
    let error = branch().strength(f64::NAN).unwrap_err().to_string();
    assert_eq!(error, "residual: strength = NaN; give it a finite number");
}

#[test]
fn a_layer_takes_any_leading_axes() {
    let layer = linear(3, 2);
    assert_eq!(layer.predict(&Tensor::zeros([3])).shape(), &[2].into());
    assert_eq!(layer.predict(&Tensor::zeros([4, 5, 3])).shape(), &[4, 5, 2].into());
}

#[test]
fn sizes_of_zero_are_refused() {
    let mut rng = StdRng::seed_from_u64(0);
    let error = Linear::<f64>::new(0, 2, &Init::he_normal(), &mut rng).unwrap_err();
    assert_eq!(error.to_string(), "linear: 0 → 2: a layer needs inputs and outputs");
    assert!(Linear::<f64>::new(2, 0, &Init::he_normal(), &mut rng).is_err());
    assert!(LayerNorm::<f64>::new(0).is_err());
}

#[test]
fn layer_norm_gives_rows_of_mean_0_and_variance_1() {
    let y = LayerNorm::new(3).unwrap().predict(&(&points() * 100.0));
    assert!(y.mean_axis(1).is_close(&Tensor::zeros([2]), 1e-12));
    assert!(y.variance_axis(1).is_close(&Tensor::ones([2]), 1e-6));
    let flat = LayerNorm::new(3).unwrap().predict(&Tensor::<f64>::ones([1, 3]));
    assert_eq!(flat, Tensor::zeros([1, 3]));
}

#[test]
fn dropout_is_seeded_unbiased_and_off_while_evaluating() {
    let dropout = Dropout::new(0.25).unwrap();
    let tape = Tape::new();
    let x = tape.var(Tensor::ones([10_000]));
    assert_eq!(dropout.forward(x).value(), x.value());
    let drawn = |seed| {
        tape.train(seed);
        dropout.forward(x)
    };
    let (first, again, other) = (drawn(1), drawn(1), drawn(2));
    assert_eq!(first.value(), again.value());
    assert_ne!(first.value(), other.value());
    // The mean of 10 000 numbers of variance p/(1 − p) = 1/3 has standard deviation 0.0058.
    assert!((first.mean().value() - 1.0).abs() < 0.03);
    // A dropped number gets no gradient, a kept one that of its factor.
    assert_eq!(first.sum().backward()[x], first.value());
}

#[test]
fn nothing_of_what_was_dropped_comes_back() {
    // √ has an infinite slope at 0, where a dropped number lies; and an infinite number is dropped like others.
    let tape = Tape::new();
    tape.train(3);
    let x = tape.var(Tensor::full([100], 4.0));
    let y = Dropout::new(0.5).unwrap().forward(x).sqrt();
    let slopes = y.sum().backward()[x].to_vec();
    assert!(slopes.iter().all(|&slope| slope == 0.0 || (slope - 0.125f64.sqrt()).abs() < 1e-15), "{slopes:?}");
    let dropped = slopes.iter().filter(|slope| **slope == 0.0).count();
    assert!((20..80).contains(&dropped), "{dropped}");
    let y = Dropout::new(0.5).unwrap().forward(x * f64::INFINITY);
    assert!(y.value().as_slice().iter().all(|&y| y == 0.0 || y == f64::INFINITY));
}

#[test]
fn dropout_probabilities_outside_0_to_1_are_refused() {
    for p in [-0.1, 1.0, 1.5, f64::NAN] {
        let error = Dropout::new(p).unwrap_err().to_string();
        assert_eq!(error, format!("dropout: the probability {p} lies outside [0, 1)"));
    }
}

#[test]
fn sequential_names_by_position_and_prints_a_table() {
    let model = Sequential::new()
        .then(linear(3, 4))
        .then(Activation::Relu)
        .then(Residual::new(linear(4, 4)))
        .then(Dropout::new(0.5).unwrap());
    assert_eq!(model.parameters().names().collect::<Vec<_>>(), ["0.w", "0.b", "2.w", "2.b"]);
    assert_eq!(
        model.to_string(),
        "\
layer              shape  activation  parameters
0 linear           3 → 4                      16
1 activation              relu                 0
2 residual linear  4 → 4                      20
3 dropout(0.5)                                 0
total                                         36
"
    );
    assert_eq!(Sequential::new().predict(&points()), points());
}

#[test]
fn a_users_struct_prints_its_parameters() {
    struct Neuron {
        w: Param,
    }
    impl Module for Neuron {
        fn forward<'t>(&self, x: autograd::Var<'t>) -> autograd::Var<'t> {
            x.matmul(&self.w).tanh()
        }
        fn parameters(&self) -> autograd::Parameters {
            autograd::Parameters::new().with("w", &self.w)
        }
    }
    let table = summary(&Neuron { w: Param::new([[1.0], [2.0]]) });
    assert!(table.lines().nth(1).unwrap().starts_with("Neuron  w (2, 1)"), "{table}");
}

#[test]
#[should_panic(expected = "layer_norm: rows of 3 numbers are needed, the input has shape (4, 1); reshape it")]
fn layer_norm_does_not_stretch_rows() {
    LayerNorm::<f64>::new(3).unwrap().predict(&Tensor::ones([4, 1]));
}

#[test]
#[should_panic(expected = "residual: the module turns shape (2, 3) into (2, 1); a shortcut needs equal shapes")]
fn a_shortcut_does_not_stretch_rows() {
    Residual::new(linear(3, 1)).predict(&points());
}

#[test]
fn layers_agree_with_pytorch() {
    for (name, case) in cases(include_str!("../data/layers.json")) {
        fn layer<T: autograd::Float>(name: &str) -> Box<dyn Module<T>> {
            match name {
                "linear" => {
                    Box::new(Linear::new(3, 2, &Init::glorot_uniform(), &mut StdRng::seed_from_u64(3)).unwrap())
                }
                "layer_norm" => Box::new(LayerNorm::new(3).unwrap()),
                _ => panic!("no layer is called {name}"),
            }
        }
        agrees(&name, &*layer::<f64>(&name), &case);
        agrees(&name, &*layer::<f32>(&name), &case);
    }
}
