//! Every layer, in each of its forms: tests of what holds for all of them go through this list.
//!
//! A new layer gets a line here, and a test of its own formula in `tests/it`.

use autograd::{Conv, Float, Parameters, Pool, Resize, Shape, Tensor, Var};
use mlp::{
    Activation, AdaptiveAvgPool2d, AdaptiveMaxPool2d, AlphaDropout, AvgPool1d, AvgPool2d, BatchNorm, Config,
    Configured, Conv1d, Conv2d, ConvTranspose2d, Dropout, Embedding, Error, Flatten, GroupNorm, Gru, Init, Join,
    LayerNorm, LayerRow, Linear, Lstm, MaxPool1d, MaxPool2d, Mlp, Module, MultiHeadAttention, Network, PRelu, Parts,
    PositionalEncoding, Residual, RmsNorm, Rnn, Sequential, SpectralNorm, TransformerBlock, Upsample2d, WeightNorm,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

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

fn rng() -> StdRng {
    StdRng::seed_from_u64(3)
}

fn normal() -> Init {
    Init::Normal { mean: 0.0, std: 1.0 }
}

/// A table of five rows for inputs that are no whole numbers.
pub(crate) struct Whole<T: Float>(Embedding<T>);

impl<T: Float> Module<T> for Whole<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.0.forward((x.abs() * 3.0).floor().at_most(4.0))
    }
    fn parameters(&self) -> Parameters<T> {
        self.0.parameters()
    }
    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        self.0.output_shape(input)
    }
    fn describe(&self) -> Vec<LayerRow> {
        self.0.describe()
    }
    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rows {
    rows: <Embedding as Configured>::Data,
}

impl<T: Float> Configured<T> for Whole<T> {
    const LAYER: &'static str = "whole";
    type Data = Rows;
    fn data(&self) -> Result<Rows, Error> {
        Ok(Rows { rows: self.0.data()? })
    }
    fn build(data: Rows, parts: &mut Parts<'_, T>) -> Result<Self, Error> {
        Embedding::build(data.rows, parts).map(Whole)
    }
}

fn embedding<T: Float>() -> Embedding<T> {
    Embedding::new(5, 2, &normal(), &mut rng()).expect("sizes above 0")
}

fn attention<T: Float>() -> MultiHeadAttention<T> {
    MultiHeadAttention::new(4, 2, &mut rng()).expect("a width for the heads")
}

fn block<T: Float>() -> TransformerBlock<T> {
    TransformerBlock::new(4, 2, 6, Activation::Gelu, &mut rng()).expect("a width for the heads")
}

fn mlp<T: Float>() -> Mlp<T> {
    let layers =
        Mlp::new(3).hidden(4, Activation::Relu).hidden(4, Activation::LeakyRelu(0.2)).batch_norm().dropout(0.5);
    layers.output(2, Activation::Identity).build(&mut rng()).expect("sizes above 0")
}

/// A shortcut, a gate, and the same layer twice.
fn network<T: Float>() -> Network<T> {
    let network =
        Network::new(["x"]).part("gate", "x", Activation::Sigmoid).join("kept", Join::Multiply, ["x", "gate"]);
    let network = network.part("first", "kept", linear(3, 2)).same("second", "gate", "first");
    let network = network.join("both", Join::Concat(1), ["first", "second"]).part(
        "norm",
        "both",
        BatchNorm::new(4).expect("channels"),
    );
    network.join("y", Join::Add, ["both", "norm"]).outputs(["y"]).expect("each part serves")
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
        form("prelu", [2, 3], PRelu::new(3).expect("features")),
        form("residual", [2, 3], Residual::new(linear(3, 3))),
        form("embedding", [2, 3], Whole(embedding())),
        form("embedding with padding", [5], Whole(embedding().padding(1).expect("a class"))),
        form("rnn", [2, 3, 2], Rnn::new(2, 3, &mut rng()).expect("sizes")),
        form("gru", [2, 3, 2], Gru::new(2, 3, &mut rng()).expect("sizes")),
        form("lstm", [2, 3, 2], Lstm::new(2, 3, &mut rng()).expect("sizes")),
        form("lstm of two layers", [2, 3, 2], Lstm::stacked(2, 2, 2, &mut rng()).expect("sizes")),
        form("rnn, last state", [2, 3, 2], Rnn::new(2, 3, &mut rng()).expect("sizes").last()),
        form("gru, last state", [2, 3, 2], Gru::new(2, 3, &mut rng()).expect("sizes").last()),
        form("lstm in segments", [2, 5, 2], Lstm::stacked(2, 2, 2, &mut rng()).expect("sizes").segments(2)),
        form("lstm, last state", [2, 1, 2], Lstm::new(2, 3, &mut rng()).expect("sizes").last()),
        form("attention", [2, 3, 4], attention()),
        form("causal attention with dropout", [2, 3, 4], attention().causal().dropout(0.5).expect("a probability")),
        form("positions", [2, 3, 4], PositionalEncoding::sinusoidal(3, 4).expect("sizes")),
        form("learned positions", [2, 3, 4], PositionalEncoding::learned(3, 4, &normal(), &mut rng()).expect("sizes")),
        form("transformer", [2, 3, 4], block()),
        form("transformer, norms behind", [2, 3, 4], block().post_norm().dropout(0.5).expect("a probability")),
        form("mlp", [4, 3], mlp()),
        form("network", [4, 3], network()),
        form("sequential", [2, 3], Sequential::new().then(linear(3, 4)).then(Activation::Tanh).then(linear(4, 2))),
    ]
}
