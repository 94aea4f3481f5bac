//! Layers, activations, losses and training on top of [`autograd`].
//!
//! # Tour
//!
//! Build a network layer by layer, and train it with a loss and an optimiser. This network learns the exclusive or:
//!
//! ```
//! use autograd::Tensor;
//! use mlp::{Activation, Adam, BinaryCrossEntropyWithLogits, Dataset, Mlp, Module, Trainer};
//! use rand::{SeedableRng, rngs::StdRng};
//!
//! let inputs = Tensor::from([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
//! let data = Dataset::new(inputs, vec![0, 1, 1, 0])?;
//! let layers = Mlp::new(2).hidden(8, Activation::Tanh).output(1, Activation::Identity);
//! let model: Mlp = layers.build(&mut StdRng::seed_from_u64(1))?;
//! println!("{model}"); // a table: layer, shape, activation, number of parameters
//!
//! let mut adam = Adam::new(&model.parameters(), 0.05);
//! let trainer = Trainer::new().epochs(1000).full_batch().tolerance(0.01);
//! let history = trainer.fit(&model, &BinaryCrossEntropyWithLogits, &mut adam, &data, None)?;
//! assert!(history.last().loss <= 0.01);
//! assert_eq!(model.predict(data.inputs()).step().to_vec(), [0.0, 1.0, 1.0, 0.0]);
//! # Ok::<(), mlp::Error>(())
//! ```
//!
//! A [`Table`] reads a CSV file; its errors name the file, the line and the column. The data are scaled and split with
//! a seed. The model is evaluated on the held-out samples:
//!
//! ```
//! use autograd::Tensor;
//! use mlp::metrics::accuracy;
//! use mlp::{Activation, CrossEntropy, Dataset, Mlp, Module, Scaler, Sgd, Table, Targets, Trainer};
//! use rand::{SeedableRng, rngs::StdRng};
//!
//! # let row = |i: i32| format!("{},{},{}\n", i % 10, i / 10, if i % 10 < i / 10 { "thin" } else { "stout" });
//! # let file = format!("width,height,kind\n{}", (0..100).map(row).collect::<String>());
//! let table = Table::parse("bottles.csv", file.as_bytes())?; // or Table::read(path)
//! let (classes, names) = table.classes("kind")?;
//! let x: Tensor = table.numbers(&["width", "height"])?;
//! let (train, held_out) = Dataset::new(Scaler::standard(&x)?.transform(&x)?, classes)?.split(0.2, 7)?;
//!
//! let layers = Mlp::new(2).hidden(8, Activation::Relu).output(names.len(), Activation::Identity);
//! let model = layers.build(&mut StdRng::seed_from_u64(7))?;
//! let mut sgd = Sgd::new(&model.parameters(), 0.1).momentum(0.9);
//! let trainer = Trainer::new().epochs(60).batch_size(16).seed(7);
//! trainer.fit(&model, &CrossEntropy, &mut sgd, &train, Some(&held_out))?;
//! let Targets::Classes(truth) = held_out.targets() else { unreachable!() };
//! assert!(accuracy(&model.predict(held_out.inputs()), truth)? >= 0.9);
//! // `known_classes` gives another table the same classes in the same order, or returns an error.
//! let other = Table::parse("other.csv", "kind\nthin\nthin\n".as_bytes())?;
//! assert_eq!(other.known_classes("kind", &names)?, [1, 1]);
//! # Ok::<(), mlp::Error>(())
//! ```
//!
//! The functions in [`io`] save weights under their names, and load them into a model of the same architecture:
//!
//! ```
//! use mlp::{Activation, Mlp, Module, io};
//! use rand::{SeedableRng, rngs::StdRng};
//!
//! let build = |seed| Mlp::new(2).output(1, Activation::Tanh).build::<f64>(&mut StdRng::seed_from_u64(seed));
//! let (model, copy) = (build(1)?, build(2)?);
//! let folder = tempfile::tempdir().unwrap();
//! io::save(&model.parameters(), folder.path().join("weights.safetensors"))?;
//! io::load(&copy.parameters(), folder.path().join("weights.safetensors"))?;
//! let x = autograd::Tensor::ones([1, 2]);
//! assert_eq!(copy.predict(&x), model.predict(&x));
//! # Ok::<(), mlp::Error>(())
//! ```
//!
//! A [`Bundle`] is a whole model in one file, with the schema of its data: it predicts from raw rows. The program `mlp`
//! (feature `cli`) makes such files from tables without a line of code.
//!
//! All of this works with your own implementations of [`Module`], [`Loss`] and [`Optimizer`].
//!
//! # Conventions
//!
//! - Samples are rows: inputs are (samples, inputs). Weights `W` are (inputs, outputs), and a layer is `p = xW + b`.
//! - Logarithms are natural, so entropies are in nats; [`Base::Bits`] selects bits.
//! - Losses that take *logits* contain the softmax or the sigmoid: give the output layer [`Activation::Identity`].
//! - All random numbers come from generators that the caller seeds: the same seed gives the same bits.
//! - Faulty files, data and configurations return an [`Error`] that names the place and a repair. A formula whose
//!   shapes do not fit panics at the caller's line, as in [`autograd`]; so does an invalid setting.
//! - The crate guesses nothing. A [`Trainer`] reports every mistake that it can detect before the first step.
//!
//! # Map
//!
//! | to … | see |
//! |---|---|
//! | build | [`Mlp`], [`Linear`], [`Activation`], [`PRelu`], [`Dropout`], [`AlphaDropout`], [`Sequential`], [`Residual`] |
//! | normalise values and weights | [`LayerNorm`], [`BatchNorm`], [`GroupNorm`], [`RmsNorm`], [`Norm`]; [`WeightNorm`], [`SpectralNorm`] |
//! | learn from images and signals | [`Conv2d`], [`Conv1d`], [`ConvTranspose2d`], [`MaxPool2d`], [`AvgPool2d`], [`AdaptiveAvgPool2d`], [`Upsample2d`], [`Flatten`] |
//! | learn from sequences | [`Embedding`], [`Lstm`], [`Gru`], [`Rnn`], [`MultiHeadAttention`], [`TransformerBlock`], [`PositionalEncoding`]; your own cell: [`Recurrent`], [`Cell`] |
//! | read a model as data, write it down, register your own layer | [`config`], [`Config`], [`Registry`], [`Configured`] |
//! | join named parts, with several inputs and outputs | [`Network`], [`Join`] |
//! | write your own model or function | [`Module`], [`Function`], [`StraightThrough`], [`summary`] |
//! | initialise weights | [`Init`] |
//! | predict how deep a signal reaches | [`theory`], [`theory::MeanField`] |
//! | read tables | [`Table`], [`Csv`] |
//! | learn what tables become, and apply it to others | [`Schema`], [`Numeric`], [`Categorical`]; by hand [`Scaler`], [`one_hot`] |
//! | prepare data, hold some out | [`Dataset`], [`Targets`], [`Splitter`] |
//! | learn from files larger than memory | [`Csv::chunks`], [`Csv::sample`], [`Schema::datasets`], [`Stream`] |
//! | choose a regression loss | [`Mse`], [`L1`], [`Huber`], [`Euclidean`], [`Quantile`]; your own: [`Loss`], [`Outputs`] |
//! | foretell a distribution | [`GaussianNll`], [`PoissonNll`], [`NegativeBinomialNll`] |
//! | choose a classification loss | [`CrossEntropy`], [`BinaryCrossEntropyWithLogits`], [`CrossEntropyFromProbabilities`], [`SmoothedCrossEntropy`], [`Focal`], [`BinaryFocal`], [`Hinge`], [`KlDivergence`] |
//! | learn embeddings, or sequences of labels | [`Triplet`], [`Contrastive`], [`CosineEmbedding`], [`NtXent`]; [`Ctc`] |
//! | weight samples or classes, ignore a class | [`Dataset::with_weights`], [`ClassWeights`], [`Ignoring`] |
//! | choose an optimiser | [`Sgd`], [`Adam`], [`Groups`], [`Optimizer`] |
//! | train and evaluate | [`Trainer`], [`History`], [`metrics`] |
//! | find vanishing gradients and dead units | [`Flow`], [`Trainer::observe_flow`], [`flow::singular_values`] |
//! | observe a model or a training step | [`Observer`], [`Probe`], [`Trainer::observe_steps`] |
//! | read the reasons for the design | [`design`] |
//! | check gradients | [`check_module`], [`check_f32_module`] |
//! | keep a whole model in one file, predict from raw rows | [`Bundle`], [`Predictions`]; without code: the program `mlp` |
//! | save and load weights, resume a training | [`io::save`], [`io::load`], [`Trainer::save_training`], [`Trainer::resume_from`], [`train::progress`] |
//!
//! # Errors in the lessons
//!
//! The crate follows a set of lecture slides on neural networks, and reproduces the numbers printed there. It differs
//! in these places:
//!
//! - Lesson 9: one slide swaps the two functions of `ȳ = f_output(f_hidden(x̄W)V)`; the inner function belongs to the
//!   hidden layer.
//! - Lesson 11: the step `V + η∇E` ascends; descent is `V − η∇E`.
//! - Lesson 11 (2): the squared error of the output 0.4 for the target 0 is (0.4 − 0)² = 0.16, not 0.36.
//! - Lesson 11 (2): over n samples `∂E/∂yⁱ = 2/n·(yⁱ − ŷⁱ)`; the sum over i is the gradient of one shared y.
//! - Lesson 12: the cross-entropy 1.42 is in bits; in nats it is 0.98.
//! - Lesson 12: the last softmax, printed as 0.013, is 0.0136, truncated instead of rounded.
//! - Lesson 13: `max(αx, x)` is the parametric ReLU only for α ≤ 1; the derivative of the ReLU is 1 only for x > 0.

mod check;
mod data;
pub mod depth;
mod error;
pub mod io;
mod loss;
pub mod metrics;
mod nn;
mod optim;
pub mod train;

#[cfg(doc)]
#[doc = include_str!("../DESIGN.md")]
pub mod design {}

/// The names that most programs need: `use mlp::prelude::*;`, together with `use autograd::prelude::*;`.
///
/// ```
/// use autograd::prelude::*;
/// use mlp::prelude::*;
/// let model = Sequential::new().then(Linear { w: Param::new([[2.0]]), b: None }).then(Activation::Relu);
/// assert_eq!(model.predict(&Tensor::from([[-1.0], [3.0]])), Tensor::from([[0.0], [6.0]]));
/// ```
pub mod prelude {
    pub use crate::{
        Activation, Adam, BinaryCrossEntropyWithLogits, CrossEntropy, Dataset, Dropout, Init, LayerNorm, Linear, Loss,
        Mlp, Module, Mse, Optimizer, Residual, Scaler, Sequential, Sgd, Table, Targets, Trainer,
    };
}

pub use check::{check_f32_module, check_module};
pub use data::{
    Ahead, Batches, Categorical, Chunks, Column, Csv, Dataset, Numeric, Prepared, Scaler, Schema, SchemaBuilder, Split,
    Splitter, Stream, Table, Targets, one_hot,
};
pub use depth::flow::{self, Flow};
pub use depth::theory;
pub use error::{Error, Result};
pub use io::{Bundle, Predictions};
pub use loss::*;
/// Implements [`Module`](trait@Module) for a struct of parameters and layers, so that none is forgotten.
///
/// The formula is the struct's own method `forward`. Each field is collected under its name: a [`Param`](autograd::Param) is a
/// parameter, or a buffer with `#[module(buffer)]`; numbers, text and flags are data; all else is a layer, and must be a `Module`. Those
/// in an `Option` count if they are there, those in a `Vec` or an array under their positions. `#[module(skip)]` leaves a field out.
///
/// A struct with a type parameter is a module over that type of number, one without over `f64`. It does not foretell its
/// [`output_shape`](method@Module::output_shape). Without a method `forward` it does not compile:
///
/// ```compile_fail
/// use mlp::Module;
/// #[derive(Module)]
/// struct Model {
///     layer: mlp::Linear,
/// }
/// ```
///
/// A model:
///
/// ```
/// use autograd::{Float, Param, Var};
/// use mlp::{Activation, Init, Linear, Module, summary};
/// use rand::{SeedableRng, rngs::StdRng};
///
/// #[derive(Module)]
/// struct Highway<T: Float> {
///     layers: Vec<Linear<T>>,
///     strength: Param<T>,
///     depth: usize,
/// }
///
/// impl<T: Float> Highway<T> {
///     fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
///         self.layers.iter().fold(x, |x, layer| x + layer.forward(x).tanh() * &self.strength)
///     }
/// }
///
/// let rng = &mut StdRng::seed_from_u64(0);
/// let layers = (0..2).map(|_| Linear::new(3, 3, &Init::he_normal(), rng)).collect::<Result<_, _>>()?;
/// let model: Highway<f64> = Highway { layers, strength: Param::new([0.5]), depth: 2 };
/// let names: Vec<_> = model.parameters().names().map(String::from).collect();
/// assert_eq!(names, ["layers.0.w", "layers.0.b", "layers.1.w", "layers.1.b", "strength"]);
/// assert!(summary(&model).contains("layers.1 linear"));
/// assert_eq!(model.depth, 2);
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// What is neither a parameter nor a layer nor plain data has to be skipped in so many words:
///
/// ```compile_fail
/// #[derive(mlp::Module)]
/// struct Model {
///     names: std::collections::HashMap<String, String>,
/// }
/// # impl Model {
/// #     fn forward<'t>(&self, x: autograd::Var<'t>) -> autograd::Var<'t> { x }
/// # }
/// ```
#[doc(inline)]
pub use mlp_derive::Module;
pub use nn::activation::{Activation, Function, PRelu, StraightThrough};
pub use nn::config::{self, Config, Configured, Parts, Registry};
pub use nn::init::{self, Init};
pub use nn::layers::*;
pub use nn::mlp::{Layer, Mlp, MlpBuilder};
pub use nn::module::{LayerRow, Module, summary, summary_for};
pub use nn::network::{Join, Network, NetworkBuilder};
pub use nn::norm::Norm;
pub use nn::observe::{Observer, Parameter, Part, Site, Slopes};
pub use nn::probe::Probe;
pub use optim::*;
pub use train::{Callback, Epoch, History, Stopped, Trainer};
