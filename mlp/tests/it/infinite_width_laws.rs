//! Networks of finite width approach the kernels of infinite width, at the rates of theory.

use autograd::{Shape, Tensor};
use mlp::infinite::{InfiniteWidth, tangent_kernel};
use mlp::{Activation, Init, LayerNorm, Linear, Module, Residual, Sequential};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::laws::Mean;

const WEIGHTS: f64 = 1.5;
const BIASES: f64 = 0.1;

fn layer(from: usize, to: usize, biases: f64, rng: &mut StdRng) -> Linear {
    let init = Init::lecun_normal().gain(WEIGHTS.sqrt());
    Linear::with_biases(from, to, &init, &Init::Normal { mean: 0.0, std: biases.sqrt() }, rng).unwrap()
}

/// Two hidden layers.
fn model(activation: Activation, width: usize, outputs: usize, rng: &mut StdRng) -> Sequential {
    let first = Sequential::new().then(layer(3, width, BIASES, rng)).then(activation);
    first.then(layer(width, width, BIASES, rng)).then(activation).then(layer(width, outputs, BIASES, rng))
}

fn inputs() -> Tensor {
    [[1.0, 0.2, -0.5], [0.9, 0.4, -0.3], [-1.2, 0.8, 0.1], [0.1, -0.3, 0.2]].into()
}

/// The variance of weights and biases; 0 for scales and shifts, which are not drawn.
fn variance(biases: f64) -> impl Fn(&str, &Shape) -> f64 {
    move |_, shape| if shape.len() == 2 { WEIGHTS / shape[0] as f64 } else { biases }
}

#[test]
fn the_tangent_kernel_errs_by_the_inverse_root_of_the_width() {
    const SEEDS: u64 = 20;
    let x = inputs();
    let limit = InfiniteWidth::mlp(Activation::Tanh, 2, WEIGHTS, BIASES).unwrap().ntk(&x, &x).unwrap();
    let widths = [64, 128, 256, 512, 1024];
    let errors = widths.map(|width| {
        let error = |seed| {
            let model = model(Activation::Tanh, width, 1, &mut StdRng::seed_from_u64(seed));
            let measured = tangent_kernel(&model, variance(BIASES), &x, &x).unwrap();
            ((measured - &limit).square().mean() / limit.square().mean()).sqrt().ln()
        };
        Mean::of(&(0..SEEDS).map(error).collect::<Vec<_>>())
    });
    // The line of least squares through ln error over ln width, and the standard error of its slope.
    let logs = widths.map(|width| (width as f64).ln());
    let centre = logs.iter().sum::<f64>() / logs.len() as f64;
    let spread: f64 = logs.iter().map(|x| (x - centre).powi(2)).sum();
    let value = logs.iter().zip(&errors).map(|(x, y)| (x - centre) * y.value).sum::<f64>() / spread;
    let error = logs.iter().zip(&errors).map(|(x, y)| ((x - centre) * y.error).powi(2)).sum::<f64>().sqrt() / spread;
    for (width, error) in widths.iter().zip(&errors) {
        println!("width {width}: relative error {:.4}", error.value.exp());
    }
    assert!(error < 0.08, "{error}: too few seeds to tell");
    Mean { value, error }.assert_is(-0.5, 3.0, "exponent");
    assert!(errors[4].value.exp() < 0.05);
}

#[test]
fn outputs_have_the_covariance_of_the_nngp_kernel() {
    const OUTPUTS: usize = 64;
    let x = inputs();
    for activation in [Activation::Relu, Activation::Tanh] {
        let limit = InfiniteWidth::mlp(activation, 2, WEIGHTS, BIASES).unwrap().nngp(&x, &x).unwrap();
        let covariance = |seed| {
            let y = model(activation, 256, OUTPUTS, &mut StdRng::seed_from_u64(seed)).predict(&x);
            y.matmul(&y.t()) / OUTPUTS as f64
        };
        let all: Vec<Tensor> = (0..120).map(covariance).collect();
        for at in 0..16 {
            let mean = Mean::of(&all.iter().map(|k| k.as_slice()[at]).collect::<Vec<_>>());
            assert!(mean.error < 0.05 * limit.max(), "{mean:?}: too few networks to tell");
            mean.assert_is(limit.as_slice()[at], 3.5, &format!("{activation}, K at {at}"));
        }
    }
}

#[test]
fn residual_connections_and_normalisation_have_their_tangent_kernel() {
    const WIDTH: usize = 400;
    let x = inputs();
    let block = InfiniteWidth::new().layer_norm().activation(Activation::Gelu).unwrap().dense(WEIGHTS, 0.0);
    let network = InfiniteWidth::new().dense(WEIGHTS, 0.0).residual(1.0, &block).residual(1.0, &block);
    let limit = network.layer_norm().dense(WEIGHTS, 0.0).ntk(&x, &x).unwrap();
    let measured = |seed| {
        let rng = &mut StdRng::seed_from_u64(seed);
        let mut block = || {
            let norm = Sequential::new().then(LayerNorm::new(WIDTH).unwrap()).then(Activation::Gelu);
            Residual::new(norm.then(layer(WIDTH, WIDTH, 0.0, rng)))
        };
        let (first, second) = (block(), block());
        let model = Sequential::new().then(layer(3, WIDTH, 0.0, rng)).then(first).then(second);
        let model = model.then(LayerNorm::new(WIDTH).unwrap()).then(layer(WIDTH, 1, 0.0, rng));
        tangent_kernel(&model, variance(0.0), &x, &x).unwrap()
    };
    let all: Vec<Tensor> = (0..24).map(measured).collect();
    for at in 0..16 {
        let mean = Mean::of(&all.iter().map(|k| k.as_slice()[at]).collect::<Vec<_>>());
        assert!(mean.error < 0.03 * limit.max(), "{mean:?}: too few networks to tell");
        mean.assert_is(limit.as_slice()[at], 4.0, &format!("Θ at {at}"));
    }
}
