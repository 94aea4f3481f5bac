//! Layers of `mlp` in turn, each forward and backward for its inputs and its parameters.

use std::fmt;

use autograd::{Conv, Float, Pool, Shape, Tape, Tensor, Var};
use mlp::{AvgPool2d, BatchNorm, Conv2d, Embedding, Gru, Init, LayerNorm, Lstm, MaxPool2d, Module, MultiHeadAttention};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::{assert_close, tensor};

/// What the layer of a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A convolution under windows of 3 × 3.
    Conv2d {
        /// Zeros around an image, on each side.
        padding: usize,
    },
    /// The maximum under windows of 2 × 2, side by side.
    MaxPool2d,
    /// The mean under the same.
    AvgPool2d,
    /// Batch normalisation in training mode.
    BatchNorm,
    /// Layer normalisation.
    LayerNorm,
    /// All hidden states of long short-term memory, from a state of 0.
    Lstm,
    /// All hidden states of a gated recurrent unit, from a state of 0.
    Gru,
    /// Self-attention without a mask, between products of its inputs and of its outputs.
    Attention {
        /// The number of heads.
        heads: usize,
    },
    /// Rows of a table. The inputs are classes, which have no gradient.
    Embedding,
}

/// A layer and its inputs.
pub struct Row<T: Float> {
    /// The layer's name, then the sizes.
    pub name: &'static str,
    /// What the layer is.
    pub kind: Kind,
    /// The layer.
    pub layer: Box<dyn Module<T>>,
    /// The inputs.
    pub inputs: Tensor<T>,
}

/// All rows. Layers of both types of numbers draw the same weights.
///
/// # Panics
/// Never: the sizes are valid.
pub fn rows<T: Float>() -> Vec<Row<T>> {
    let (init, rng) = (Init::he_normal(), &mut StdRng::seed_from_u64(1));
    let images = |n: usize, channels: usize, size: usize| tensor([n, channels, size, size], 0, 1.0);
    let sequences = || tensor([32, 100, 64], 0, 1.0);
    let classes = || Tensor::from_fn([4096], |i| T::from_f64((i[0] * 7919 % 50_000) as f64));
    let around = Conv::new().padding(1);
    let few = Conv2d::new(1, 32, 3, Conv::new(), &init, rng).expect("sizes above 0");
    let many = Conv2d::new(64, 64, 3, around, &init, rng).expect("sizes above 0");
    let batch_norm = BatchNorm::new(64).expect("channels");
    let layer_norm = LayerNorm::new(64).expect("features");
    let lstm = Lstm::new(64, 64, rng).expect("sizes above 0");
    let gru = Gru::new(64, 64, rng).expect("sizes above 0");
    let attention = MultiHeadAttention::new(64, 4, rng).expect("a width for the heads");
    let [dense, by_rows] = [(); 2].map(|()| Embedding::new(50_000, 64, &init, rng).expect("sizes above 0"));
    let row = |name, kind, layer, inputs| Row { name, kind, layer, inputs };
    vec![
        row("conv2d 8×1×28×28 to 32", Kind::Conv2d { padding: 0 }, Box::new(few), images(8, 1, 28)),
        row("conv2d 32×64×14×14 to 64", Kind::Conv2d { padding: 1 }, Box::new(many), images(32, 64, 14)),
        row("max_pool2d 32×64×14×14", Kind::MaxPool2d, Box::new(MaxPool2d(Pool::new(2))), images(32, 64, 14)),
        row("avg_pool2d 32×64×14×14", Kind::AvgPool2d, Box::new(AvgPool2d(Pool::new(2))), images(32, 64, 14)),
        row("batch_norm 32×64×14×14", Kind::BatchNorm, Box::new(batch_norm), images(32, 64, 14)),
        row("layer_norm 4096×64", Kind::LayerNorm, Box::new(layer_norm), tensor([4096, 64], 0, 1.0)),
        row("lstm 32×100×64", Kind::Lstm, Box::new(lstm), sequences()),
        row("gru 32×100×64", Kind::Gru, Box::new(gru), sequences()),
        row(
            "attention 8×64×64, 4 heads",
            Kind::Attention { heads: 4 },
            Box::new(attention),
            tensor([8, 64, 64], 0, 1.0),
        ),
        row("embedding 4096 of 50,000×64", Kind::Embedding, Box::new(dense), classes()),
        row("embedding 4096 of 50,000×64, by rows", Kind::Embedding, Box::new(by_rows.by_rows()), classes()),
    ]
}

impl<T: Float> Row<T> {
    /// Forward and backward from the sum of the outputs, which it returns. This is what is timed.
    pub fn step(&self, tape: &mut Tape<T>) -> T {
        tape.clear();
        let (_, y) = self.record(tape);
        let loss = y.sum();
        loss.backward();
        loss.value()
    }

    /// What is verified: see [`Answer`].
    pub fn answer(&self, tape: &mut Tape<T>) -> Answer {
        tape.clear();
        let (x, y) = self.record(tape);
        let gradients = (y * tape.constant(factors(y.shape()))).sum().backward();
        let of_inputs = if self.kind == Kind::Embedding { 0.0 } else { squares(gradients[x].as_slice()) };
        let of_parameters = self.layer.parameters().params().map(|w| squares(gradients[w].as_slice())).sum();
        Answer { outputs: y.value().as_slice().iter().map(|y| y.to_f64()).collect(), of_inputs, of_parameters }
    }

    /// The value of the layer's parameter of this name.
    ///
    /// # Panics
    /// If it has none.
    pub fn parameter(&self, name: &str) -> Tensor<T> {
        let parameters = self.layer.parameters();
        parameters.get(name).unwrap_or_else(|| panic!("{}: no parameter {name}", self.name)).value()
    }

    /// The inputs and the outputs.
    fn record<'t>(&self, tape: &'t Tape<T>) -> (Var<'t, T>, Var<'t, T>) {
        tape.train(1);
        let inputs = self.inputs.clone();
        let x = if self.kind == Kind::Embedding { tape.constant(inputs) } else { tape.var(inputs) };
        (x, self.layer.forward(x))
    }
}

impl<T: Float> fmt::Debug for Row<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a layer answers. The gradients are those of `Σ factor·output`: normalised outputs alone have a constant sum.
#[derive(Debug, Clone)]
pub struct Answer {
    /// All outputs.
    pub outputs: Vec<f64>,
    /// The sum of the squares of the gradient by the inputs; 0 where they have none.
    pub of_inputs: f64,
    /// The sum of the squares of the gradients by the parameters; 0 where there are none.
    pub of_parameters: f64,
}

impl Answer {
    /// Holds the answer against the `expected` one.
    ///
    /// # Panics
    /// If they differ by more than `tolerance`, relatively.
    #[track_caller]
    pub fn assert_close(&self, what: &str, expected: &Answer, tolerance: f64) {
        assert_close(&format!("{what}, outputs"), &self.outputs, &expected.outputs, tolerance);
        let squares = |of: &str, found: f64, expected: f64| match expected {
            0.0 => assert!(found == 0.0, "{what}, gradient by {of}: there is none"),
            _ => assert_close(&format!("{what}, squares of gradients by {of}"), &[found], &[expected], tolerance),
        };
        squares("inputs", self.of_inputs, expected.of_inputs);
        squares("parameters", self.of_parameters, expected.of_parameters);
    }
}

/// The factors of the outputs in an [`Answer`].
pub fn factors<T: Float>(outputs: impl Into<Shape>) -> Tensor<T> {
    tensor(outputs, 1 << 24, 1.0)
}

/// The sum of the squares.
pub fn squares<T: Float>(gradient: &[T]) -> f64 {
    gradient.iter().map(|dx| dx.to_f64().powi(2)).sum()
}
