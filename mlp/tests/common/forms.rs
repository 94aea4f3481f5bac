//! Every layer, in each of its forms: tests of what holds for all of them go through this list.
//!
//! A new layer gets a line here, and a test of its own formula in `tests/it`.

use autograd::{Float, Shape, Tensor};
use mlp::{
    Activation, AlphaDropout, BatchNorm, Dropout, GroupNorm, Init, LayerNorm, Linear, Module, PRelu, Residual, RmsNorm,
    Sequential, SpectralNorm, WeightNorm,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// A form of a layer, and inputs for it.
pub(crate) struct Form<T: Float = f64> {
    pub(crate) name: &'static str,
    pub(crate) layer: Box<dyn Module<T>>,
    pub(crate) inputs: Tensor<T>,
}

fn form<T: Float>(name: &'static str, shape: impl Into<Shape>, layer: impl Module<T> + 'static) -> Form<T> {
    let shape = shape.into();
    // No two alike, of both signs, none at a kink.
    let values =
        (0..shape.numel()).map(|i| T::from_f64((1.7 * i as f64 + 0.4).sin() * (1.0 + 0.01 * i as f64))).collect();
    let inputs = Tensor::new(shape, values);
    Form { name, layer: Box::new(layer), inputs }
}

fn linear<T: Float>(inputs: usize, outputs: usize) -> Linear<T> {
    Linear::with_biases(inputs, outputs, &Init::glorot_uniform(), &Init::Constant(0.1), &mut StdRng::seed_from_u64(3))
        .expect("sizes above 0")
}

fn spectral<T: Float>(layer: Linear<T>) -> SpectralNorm<Linear<T>, T> {
    SpectralNorm::new(layer, &mut StdRng::seed_from_u64(4)).expect("weights above 0")
}

/// All of them.
pub(crate) fn forms<T: Float>() -> Vec<Form<T>> {
    vec![
        form("linear", [2, 3], linear(3, 2)),
        form("linear without biases", [2, 3], linear(3, 2).without_bias()),
        form("linear of several axes", [2, 2, 3], linear(3, 2)),
        form("layer_norm", [2, 4], LayerNorm::new(4).expect("features")),
        form("batch_norm", [4, 3], BatchNorm::new(3).expect("channels")),
        form("batch_norm of pictures", [2, 3, 2, 2], BatchNorm::new(3).expect("channels")),
        form("batch_norm without affine", [2, 3, 2], BatchNorm::new(3).expect("channels").without_affine()),
        form("group_norm", [2, 4], GroupNorm::new(2, 4).expect("groups")),
        form("group_norm of pictures", [2, 4, 2, 2], GroupNorm::new(2, 4).expect("groups")),
        form("instance_norm", [2, 3, 4], GroupNorm::instance(3).expect("channels").without_affine()),
        form("rms_norm", [2, 4], RmsNorm::new(4).expect("features")),
        form("alpha_dropout", [2, 3], AlphaDropout::new(0.5).expect("a probability")),
        form("weight_norm", [2, 3], WeightNorm::new(linear(3, 2)).expect("weights above 0")),
        form("spectral_norm", [2, 3], spectral(linear(3, 2))),
        form("dropout", [2, 3], Dropout::new(0.5).expect("a probability")),
        form("tanh", [2, 3], Activation::Tanh),
        form("prelu", [2, 3], PRelu::new(3)),
        form("residual", [2, 3], Residual::new(linear(3, 3))),
        form("sequential", [2, 3], Sequential::new().then(linear(3, 4)).then(Activation::Tanh).then(linear(4, 2))),
    ]
}
