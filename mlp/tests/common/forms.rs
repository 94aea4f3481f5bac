//! Every layer, in each of its forms: tests of what holds for all of them go through this list.
//!
//! A new layer gets a line here, and a test of its own formula in `tests/it`.

use autograd::{Conv, Float, Pool, Resize, Shape, Tensor};
use mlp::{
    Activation, AdaptiveAvgPool2d, AdaptiveMaxPool2d, AlphaDropout, AvgPool1d, AvgPool2d, BatchNorm, Conv1d, Conv2d,
    ConvTranspose2d, Dropout, Flatten, GroupNorm, Init, LayerNorm, Linear, MaxPool1d, MaxPool2d, Module, PRelu,
    Residual, RmsNorm, Sequential, SpectralNorm, Upsample2d, WeightNorm,
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

fn conv1d<T: Float>(channels: usize, outputs: usize, size: usize, conv: Conv) -> Conv1d<T> {
    Conv1d::new(channels, outputs, size, conv, &Init::he_normal(), &mut StdRng::seed_from_u64(5))
        .expect("sizes above 0")
}

fn conv2d<T: Float>(channels: usize, outputs: usize, size: [usize; 2], conv: Conv) -> Conv2d<T> {
    Conv2d::new(channels, outputs, size, conv, &Init::he_normal(), &mut StdRng::seed_from_u64(5))
        .expect("sizes above 0")
}

fn turned<T: Float>(channels: usize, outputs: usize, size: usize, conv: Conv) -> ConvTranspose2d<T> {
    let rng = &mut StdRng::seed_from_u64(5);
    ConvTranspose2d::new(channels, outputs, size, conv, &Init::he_normal(), rng).expect("sizes above 0")
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
        form("conv1d", [2, 2, 6], conv1d(2, 3, 3, Conv::new().stride(2).padding(1))),
        form("conv2d", [2, 2, 4, 5], conv2d(2, 3, [3, 2], Conv::new().padding([1, 0]).dilation([1, 2]))),
        form("conv2d in groups", [2, 4, 3, 3], conv2d(4, 2, [2, 2], Conv::new().groups(2)).without_bias()),
        form("conv_transpose2d", [2, 2, 3, 2], turned(2, 3, 3, Conv::new().stride(2).padding(1).output_padding(1))),
        form("weight_norm of a convolution", [2, 2, 3, 3], {
            WeightNorm::new(conv2d(2, 3, [2, 2], Conv::new())).expect("weights above 0")
        }),
        form("max_pool1d", [2, 2, 5], MaxPool1d(Pool::new(2))),
        form("max_pool2d", [2, 2, 4, 5], MaxPool2d(Pool::new(3).stride([1, 2]).padding(1))),
        form("avg_pool1d", [2, 2, 5], AvgPool1d(Pool::new(2).stride(1))),
        form("avg_pool2d", [2, 2, 4, 5], AvgPool2d(Pool::new(2).padding(1))),
        form("adaptive_avg_pool2d", [2, 2, 4, 5], AdaptiveAvgPool2d::new([2, 3]).expect("a size")),
        form("adaptive_max_pool2d", [2, 2, 4, 5], AdaptiveMaxPool2d::new([3, 2]).expect("a size")),
        form("upsample2d", [2, 2, 2, 3], Upsample2d::new([3, 5], Resize::Bilinear).expect("a size")),
        form("flatten", [2, 2, 2, 3], Flatten),
        form("dropout", [2, 3], Dropout::new(0.5).expect("a probability")),
        form("tanh", [2, 3], Activation::Tanh),
        form("prelu", [2, 3], PRelu::new(3)),
        form("residual", [2, 3], Residual::new(linear(3, 3))),
        form("sequential", [2, 3], Sequential::new().then(linear(3, 4)).then(Activation::Tanh).then(linear(4, 2))),
    ]
}
