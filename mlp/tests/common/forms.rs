//! Every layer, in each of its forms: tests of what holds for all of them go through this list.
//!
//! A new layer gets a line here, and a test of its own formula in `tests/it`.

use autograd::{Float, Parameters, Shape, Tensor, Var};
use mlp::{
    Activation, Dropout, Embedding, Error, Gru, Init, LayerNorm, LayerRow, Linear, Lstm, Module, MultiHeadAttention,
    PRelu, PositionalEncoding, Residual, Rnn, Sequential, TransformerBlock,
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

fn rng() -> StdRng {
    StdRng::seed_from_u64(3)
}

fn normal() -> Init {
    Init::Normal { mean: 0.0, std: 1.0 }
}

/// A table of five rows for inputs that are no whole numbers.
struct Whole<T: Float>(Embedding<T>);

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

/// All of them.
pub(crate) fn forms<T: Float>() -> Vec<Form<T>> {
    vec![
        form("linear", [2, 3], linear(3, 2)),
        form("linear without biases", [2, 3], linear(3, 2).without_bias()),
        form("linear of several axes", [2, 2, 3], linear(3, 2)),
        form("layer_norm", [2, 4], LayerNorm::new(4).expect("features")),
        form("dropout", [2, 3], Dropout::new(0.5).expect("a probability")),
        form("tanh", [2, 3], Activation::Tanh),
        form("prelu", [2, 3], PRelu::new(3)),
        form("residual", [2, 3], Residual::new(linear(3, 3))),
        form("embedding", [2, 3], Whole(embedding())),
        form("embedding with padding", [5], Whole(embedding().padding(1).expect("a class"))),
        form("rnn", [2, 3, 2], Rnn::new(2, 3, &mut rng()).expect("sizes")),
        form("gru", [2, 3, 2], Gru::new(2, 3, &mut rng()).expect("sizes")),
        form("lstm", [2, 3, 2], Lstm::new(2, 3, &mut rng()).expect("sizes")),
        form("lstm of two layers", [2, 3, 2], Lstm::stacked(2, 2, 2, &mut rng()).expect("sizes")),
        form("rnn, last state", [2, 3, 2], Rnn::new(2, 3, &mut rng()).expect("sizes").last()),
        form("gru, last state", [2, 3, 2], Gru::new(2, 3, &mut rng()).expect("sizes").last()),
        form("lstm, last state", [2, 1, 2], Lstm::new(2, 3, &mut rng()).expect("sizes").last()),
        form("attention", [2, 3, 4], attention()),
        form("causal attention with dropout", [2, 3, 4], attention().causal().dropout(0.5).expect("a probability")),
        form("positions", [2, 3, 4], PositionalEncoding::sinusoidal(3, 4).expect("sizes")),
        form("learned positions", [2, 3, 4], PositionalEncoding::learned(3, 4, &normal(), &mut rng()).expect("sizes")),
        form("transformer", [2, 3, 4], block()),
        form("transformer, norms behind", [2, 3, 4], block().post_norm().dropout(0.5).expect("a probability")),
        form("sequential", [2, 3], Sequential::new().then(linear(3, 4)).then(Activation::Tanh).then(linear(4, 2))),
    ]
}
