//! Normalisations of weights.

use autograd::{Float, Param, Parameters, Tape, Tensor, Var};
use mlp::{Activation, Init, Linear, Module, Sequential, SpectralNorm, WeightNorm, Weighted, summary};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::figures::agree;
use crate::gradients::check_module;

fn linear<T: Float>(inputs: usize, outputs: usize) -> Linear<T> {
    Linear::new(inputs, outputs, &Init::glorot_uniform(), &mut StdRng::seed_from_u64(3)).unwrap()
}

fn spectral<L: Weighted<T>, T: Float>(layer: L, iterations: usize) -> SpectralNorm<L, T> {
    let norm = SpectralNorm::new(layer, &mut StdRng::seed_from_u64(5)).unwrap();
    norm.with_iterations(iterations).unwrap()
}

/// The layer of a case of `norms.json`; none if the case is of another file of tests.
fn layer<T: Float>(name: &str) -> Option<Box<dyn Module<T>>> {
    Some(match name.split(", ").next()? {
        "weight_norm" => Box::new(WeightNorm::new(linear(3, 4)).unwrap()),
        "spectral_norm(1)" => Box::new(spectral(linear(3, 4), 1)),
        "spectral_norm(3)" => Box::new(spectral(linear(3, 4), 3)),
        _ => return None,
    })
}

#[test]
fn normalised_weights_agree_with_pytorch() {
    assert_eq!(agree(include_str!("../data/norms.json"), layer::<f64>, layer::<f32>), 5);
}

/// A layer whose outputs are counted by the axis in the middle, as no other is: `y = Σ x·w`, each output by its weights.
struct Middle(Param);

impl Module for Middle {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.forward_weighted(x, self.0.on(x.tape()))
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().with("w", &self.0)
    }
}

impl Weighted for Middle {
    fn weights(&self) -> &Param {
        &self.0
    }

    fn output_axis(&self) -> usize {
        1
    }

    fn forward_weighted<'t>(&self, x: Var<'t>, w: Var<'t>) -> Var<'t> {
        (w * x).sum_axis([0, 2])
    }
}

fn middle() -> Middle {
    Middle(Param::new(Tensor::from_fn([2, 3, 4], |i| ((i[0] * 12 + i[1] * 4 + i[2]) as f64 * 1.3).sin())))
}

#[test]
fn the_axis_of_the_outputs_may_be_any() {
    let (layer, x) = (WeightNorm::new(middle()).unwrap(), Tensor::ones([2, 1, 4]));
    assert!(layer.predict(&x).is_close(&middle().predict(&x), 1e-14));
    let norms = middle().0.value().square().sum_axis([0, 2]).sqrt();
    assert!(layer.gain.value().is_close(&norms, 1e-14));
    check_module(&layer, &x);

    let matrix = middle().0.value().transpose(0, 1).reshape([3, 8]);
    let largest = matrix.svdvals().get([0]);
    let layer = spectral(middle(), 100);
    let tape = Tape::new();
    tape.train(0);
    layer.forward(tape.constant(&x));
    assert!((layer.predict(&x) * largest).is_close(&middle().predict(&x), 1e-12));
    check_module(&layer, &x);
}

/// Training follows the weights, evaluation leaves the vectors, and σ comes to the largest singular value.
#[test]
fn power_iteration_runs_in_training_only() {
    let layer = spectral(linear::<f64>(6, 5), 1);
    let w = &layer.layer.w;
    w.set(Tensor::from_fn([6, 5], |i| ((i[0] * 5 + i[1]) as f64 * 0.7).cos()));
    let held = [layer.u.value(), layer.v.value()];
    layer.predict(&Tensor::ones([1, 6]));
    assert_eq!([layer.u.value(), layer.v.value()], held);
    for _ in 0..200 {
        let tape = Tape::new();
        tape.train(0);
        layer.forward(tape.constant(Tensor::ones([1, 6])));
    }
    let divided = layer.predict(&Tensor::eye(6)) - layer.predict(&Tensor::zeros([1, 6]));
    assert!((divided.svdvals().get([0]) - 1.0).abs() < 1e-12, "{:?}", divided.svdvals());
    let largest = w.value().svdvals().get([0]);
    assert!((divided * largest).is_close(&w.value(), 1e-12));
}

#[test]
fn weights_without_direction_are_refused() {
    let broken = |w: [[f64; 2]; 2]| Linear { w: Param::new(w), b: None };
    for (w, norm) in [([[1.0, 0.0], [1.0, 0.0]], "0.0"), ([[1.0, f64::NAN], [1.0, 1.0]], "NaN")] {
        let error = WeightNorm::new(broken(w)).unwrap_err().to_string();
        let needed = format!("weight_norm: the weights of output 1 have the norm {norm}; draw them at random");
        assert_eq!(error.replace("norm 0;", "norm 0.0;"), needed);
    }
    let mut rng = StdRng::seed_from_u64(0);
    for w in [[[0.0; 2]; 2], [[1.0, f64::INFINITY], [1.0, 1.0]], [[f64::NAN, 1.0], [1.0, 1.0]]] {
        let error = SpectralNorm::new(broken(w), &mut rng).unwrap_err().to_string();
        let needed = "spectral_norm: the weights have no singular value to divide by: they are all 0, or not finite; \
                      draw them at random";
        assert_eq!(error, needed);
    }
    let error = spectral(linear::<f64>(2, 2), 1).with_iterations(0).unwrap_err().to_string();
    assert_eq!(error, "spectral_norm: 0 iterations would not follow the weights; choose at least 1");
}

#[test]
#[should_panic(expected = "linear: rows of 3 numbers are needed, the input has shape (4, 5)")]
fn rows_of_another_length_are_refused() {
    WeightNorm::new(linear::<f64>(3, 2)).unwrap().predict(&Tensor::ones([4, 5]));
}

#[test]
fn they_print_as_their_layer() {
    let model: Sequential = Sequential::new()
        .then(WeightNorm::new(linear(3, 4)).unwrap())
        .then(Activation::Tanh)
        .then(spectral(linear(4, 2), 1));
    let table = "\
layer                   shape  activation  parameters
0 weight_norm linear    3 → 4                      20
1 activation                   tanh                 0
2 spectral_norm linear  4 → 2                      10
total                                              30
";
    assert_eq!(summary(&model), table);
    assert_eq!(model.state().names().collect::<Vec<_>>(), ["0.w", "0.b", "0.gain", "2.w", "2.b", "2.u", "2.v"]);
    assert_eq!((model.input_width(), model.output_shape(&[5, 3].into()).unwrap()), (Some(3), Some([5, 2].into())));
}
