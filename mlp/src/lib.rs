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
//! A [`Table`] reads a CSV file (`Columnar` those of Arrow and Parquet); its errors name the file, the line and the column. The rows are split with a seed. A
//! [`Schema`] learns scales and classes from the training rows, and applies them to all others. The model is evaluated on
//! the held-out samples:
//!
//! ```
//! use mlp::metrics::accuracy;
//! use mlp::{Activation, Categorical, CrossEntropy, Mlp, Module, Numeric, Schema, Sgd, Splitter, Table, Targets, Trainer};
//! use rand::{SeedableRng, rngs::StdRng};
//!
//! # let row = |i: i32| format!("{},{},{}\n", i % 10, i / 10, if i % 10 < i / 10 { "thin" } else { "stout" });
//! # let file = format!("width,height,kind\n{}", (0..100).map(row).collect::<String>());
//! let table = Table::parse("bottles.csv", file.as_bytes())?; // or Table::read(path)
//! let split = Splitter::stratified(&table.text("kind")?, 7).split(0.2)?;
//! let (train, held_out) = (table.select(&split.train)?, table.select(&split.held_out)?);
//! let schema = Schema::builder()
//!     .input("inputs", ["width", "height"].map(|column| Numeric::new(column).standard()))
//!     .classes("kind", Categorical::new("kind"))
//!     .fit(&train)?;
//! let (train, held_out) = (schema.dataset(&train)?, schema.dataset(&held_out)?);
//! let classes = schema.classes("kind")?;
//!
//! let layers = Mlp::new(2).hidden(8, Activation::Relu).output(classes.len(), Activation::Identity);
//! let model: Mlp = layers.build(&mut StdRng::seed_from_u64(7))?;
//! let mut sgd = Sgd::new(&model.parameters(), 0.1).momentum(0.9);
//! let trainer = Trainer::new().epochs(60).batch_size(16).seed(7);
//! trainer.fit(&model, &CrossEntropy, &mut sgd, &train, Some(&held_out))?;
//! let Targets::Classes(truth) = held_out.targets() else { unreachable!() };
//! assert!(accuracy(&model.predict(held_out.inputs()), truth)? >= 0.9);
//! // Another table, without the target: the same scales, the same classes in the same order.
//! let other = Table::parse("other.csv", "height,width\n9,1\n".as_bytes())?;
//! let outputs = model.predict(&schema.inputs_of(&other)?);
//! assert_eq!(classes[outputs.argmax(1)[0]], "thin");
//! # Ok::<(), mlp::Error>(())
//! ```
//!
//! Callbacks stop a training early, keep the best weights, write logs, or end it by Ctrl-C; a training that was interrupted
//! or killed goes on from its checkpoint, to the bits of one that went through:
//!
//! ```
//! use mlp::{BestWeights, EarlyStopping, Interrupt, JsonLines, Trainer};
//! # let folder = tempfile::tempdir().unwrap();
//! # let (log, checkpoint) = (folder.path().join("log.jsonl"), folder.path().join("training.safetensors"));
//! let interrupt = Interrupt::new(); // with the feature `ctrlc`: Interrupt::on_ctrl_c()?
//! let mut trainer = Trainer::new()
//!     .callback(EarlyStopping::new(10)) // epochs without a lower validation loss
//!     .callback(BestWeights::new())
//!     .callback(JsonLines::new(log))
//!     .callback(interrupt.clone())
//!     .save_training_steps(1000, &checkpoint);
//! if checkpoint.exists() {
//!     trainer = trainer.resume_from(&checkpoint);
//! }
//! # let data = mlp::Dataset::new(autograd::Tensor::from([[1.0]]), autograd::Tensor::from([[1.0]]))?;
//! # let model = mlp::Linear { w: autograd::Param::new([[0.0]]), b: None };
//! # let mut sgd = mlp::Sgd::new(&mlp::Module::parameters(&model), 0.1);
//! let history = trainer.fit(&model, &mlp::Mse, &mut sgd, &data, Some(&data))?;
//! # assert!(checkpoint.exists());
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
//! [`io::torch`] exchanges weights with PyTorch; [`io::Loading`] converts numbers, loads in part, and maps names:
//!
//! ```
//! use mlp::{Init, Linear, Sequential, io};
//! use rand::{SeedableRng, rngs::StdRng};
//!
//! let rng = &mut StdRng::seed_from_u64(1);
//! let trained: Sequential<f32> = Sequential::new().then(Linear::new(3, 2, &Init::he_normal(), rng)?);
//! let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("model.safetensors"); // for torch.nn.Sequential(torch.nn.Linear(3, 2))
//! io::torch::save(&trained, &path)?;
//! let layer: Linear<f64> = Linear::new(3, 2, &Init::he_normal(), rng)?;
//! let loaded = io::Loading::new().cast().prefix("0.").load_torch(&layer, &path)?;
//! assert_eq!(loaded.loaded, ["weight", "bias"]);
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
//! - Modules whose items share a name are not imported by `*` together: import by name, or write [`autograd::Step`],
//!   [`train::Step`] and [`theory::Step`], [`flow::Signal`] and [`theory::Signal`], [`Predictions`] and [`metrics::Predictions`].
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
//! | keep one learning rate over width and depth | [`scaling`], [`MaximalUpdate`], [`scaling::CoordinateCheck`] |
//! | predict how deep a signal reaches | [`theory`], [`theory::MeanField`]; through shortcuts, norms, gates and joined branches: [`theory::Block`], [`theory::Joined`]; between tokens: [`theory::Attention`] |
//! | foretell signals and gradients of a model, of convolutions with pooling, and of transformers from their embedding on | [`theory::of`], [`theory::Reader`], [`theory::Forecast`] |
//! | predict with infinitely wide networks: their kernels, Gaussian processes, training | [`infinite`], [`infinite::InfiniteWidth`] |
//! | read tables | [`Table`], [`Csv`]; of Arrow and Parquet: `Columnar`, with the features `arrow` and `parquet` |
//! | learn what tables become, and apply it to others | [`Schema`], [`Numeric`], [`Categorical`]; by hand [`Scaler`], [`one_hot`] |
//! | prepare data, hold some out | [`Dataset`], [`Targets`], [`Splitter`] |
//! | read arrays and pictures | [`io::read_npy`], [`io::read_npz`], [`io::read_idx`], [`io::read_idx_labels`]; `Pictures`, with the feature `images` |
//! | learn from files larger than memory | [`Csv::chunks`], [`Csv::sample`], [`Schema::datasets`], [`Stream`], [`Trainer::fit_stream`] |
//! | choose a regression loss | [`Mse`], [`L1`], [`Huber`], [`Euclidean`], [`Quantile`]; your own: [`Loss`], [`Outputs`] |
//! | foretell a distribution | [`GaussianNll`], [`PoissonNll`], [`NegativeBinomialNll`] |
//! | choose a classification loss | [`CrossEntropy`], [`BinaryCrossEntropyWithLogits`], [`CrossEntropyFromProbabilities`], [`Smoothed`], [`Focal`], [`BinaryFocal`], [`Hinge`], [`KlDivergence`] |
//! | learn embeddings, or sequences of labels | [`Triplet`], [`Contrastive`], [`CosineEmbedding`], [`NtXent`]; [`Ctc`] |
//! | add losses | [`WeightedLosses`] |
//! | weight samples or classes, ignore a class | [`Dataset::with_weights`], [`ClassWeights`], [`Ignoring`] |
//! | choose an optimiser | [`Sgd`], [`Adam`] (also AdamW, AMSGrad), [`NAdam`], [`RAdam`], [`Adamax`], [`RmsProp`], [`Adagrad`], [`Adadelta`], [`Lion`], [`Lamb`], [`Adafactor`], [`Muon`], [`ScheduleFree`]; your own: [`Optimizer`] |
//! | minimise over all samples, fit curves | [`Lbfgs`]; [`LevenbergMarquardt`] |
//! | give parameters settings of their own, leave biases without decay | [`Groups`], [`Groups::split`] |
//! | change the learning rate | [`Schedule`], [`Trainer::schedule`], [`Trainer::schedule_steps`]; [`Plateau`], [`train::OnPlateau`] |
//! | average weights | [`Average`], [`train::Averaging`] |
//! | train and evaluate | [`Trainer`], [`History`], [`Trainer::metric`], [`metrics`] |
//! | stop early, keep the best weights, stop by Ctrl-C | [`EarlyStopping`], [`BestWeights`], [`Watch`], [`Interrupt`] |
//! | follow a training | [`Callback`], [`Learner`], [`JsonLines`], [`TensorBoard`], [`History::save_csv`], [`train::Bar`] |
//! | step over several batches, in parts | [`Trainer::accumulate`], [`train::GradientSum`], [`Trainer::parts`], [`Trainer::parts_measured`] |
//! | train on several processes or machines | [`Trainer::communicator`], [`train::in_ranks`]; the crate `mlp-mpi` |
//! | find a learning rate | [`Trainer::find_rate`] |
//! | measure quality | [`metrics`]: [`Confusion`](metrics::Confusion), [`Ranking`](metrics::Ranking), [`Probabilities`](metrics::Probabilities), [`Regression`](metrics::Regression); by name: [`Metric`](metrics::Metric) |
//! | find vanishing gradients and dead units | [`Flow`], [`Trainer::observe_flow`], [`flow::FlowLog`], [`flow::singular_values`] |
//! | measure sharpness, gradient noise and effective rank in a training | [`dynamics`]: [`Curvature`](dynamics::Curvature), [`TrackSharpness`](dynamics::TrackSharpness), [`NoiseScale`](dynamics::NoiseScale), [`EffectiveRanks`](dynamics::EffectiveRanks) |
//! | predict the singular values of wide networks, with any activation | [`free_probability`] |
//! | learn what ails a model, and what would cure it | [`advise`], [`Advice`]; its learning rate, and networks of several inputs, by [`advice::Adviser`]; during training [`advice::Guard`] |
//! | observe a model or a training step | [`Observer`], [`Probe`], [`Trainer::observe_steps`] |
//! | read the reasons for the design | [`design`] |
//! | check gradients | [`check_module`], [`check_f32_module`] |
//! | exchange weights with PyTorch, load in part, convert numbers, map names | [`io::torch`], [`io::Loading`] |
//! | export a model for other programs | `io::Onnx`, with the feature `onnx`; without code: `mlp export` |
//! | save and load weights, resume a training | [`io::save`], [`io::load`], [`Trainer::save_training`], [`Trainer::save_training_steps`], [`Trainer::resume_from`], [`train::progress`] |
//! | keep a whole model in one file, predict from raw rows | [`Bundle`], [`Predictions`]; without code: the program `mlp` |
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
#[cfg(feature = "arrow")]
pub use data::Columnar;
#[cfg(feature = "images")]
pub use data::Pictures;
pub use data::{
    Ahead, Batches, Categorical, Chunks, Column, Csv, Dataset, Numeric, Prepared, Scaler, Schema, SchemaBuilder, Split,
    Splitter, Stream, Table, Targets, one_hot,
};
pub use depth::advice::{self, Advice, advise};
#[cfg(feature = "spectrum")]
pub use depth::dynamics;
pub use depth::flow::{self, Flow};
#[cfg(feature = "spectrum")]
pub use depth::free_probability;
pub use depth::infinite;
pub use depth::scaling::{self, MaximalUpdate};
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
/// With `#[module(config)]` above it, a struct that is [`Configured`] gives its [configuration](crate::config).
///
/// A struct with a type parameter that is a [`Float`](autograd::Float) is a module over that type of number, one without over `f64`, or over
/// another with `#[module(number = f32)]` on the struct. Other type parameters may be those of layers. With
/// `#[module(output_shape)]` the struct's own method of that name foretells shapes
/// ([`Module::output_shape`](trait@Module#method.output_shape)), and with `#[module(check_inputs)]` one checks their values
/// ([`Module::check_inputs`](trait@Module#method.check_inputs)), with `#[module(check_training)]` the size of batches
/// ([`Module::check_training`](trait@Module#method.check_training)). Without a method `forward` it does not compile:
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
/// Around any other module, with a shape that is foretold:
///
/// ```
/// use autograd::{Float, Param, Shape, Var};
/// use mlp::{Error, Linear, Module};
///
/// /// `y = strength · f(x)`
/// #[derive(Module)]
/// #[module(output_shape)]
/// struct Scaled<T: Float, M> {
///     f: M,
///     strength: Param<T>,
/// }
///
/// impl<T: Float, M: Module<T>> Scaled<T, M> {
///     fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
///         self.f.forward(x) * &self.strength
///     }
///     fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
///         self.f.output_shape(input)
///     }
/// }
///
/// let model = Scaled { f: Linear { w: Param::new([[1.0], [2.0]]), b: None }, strength: Param::new([0.5]) };
/// assert_eq!(Module::output_shape(&model, &[7, 2].into())?, Some([7, 1].into()));
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// Such a method that is promised has to be there:
///
/// ```compile_fail
/// use mlp::Module;
/// #[derive(Module)]
/// #[module(output_shape)]
/// struct Model {
///     layer: mlp::Linear,
/// }
/// impl Model {
///     fn forward<'t>(&self, x: autograd::Var<'t>) -> autograd::Var<'t> { self.layer.forward(x) }
/// }
/// ```
///
/// A struct of layers in `f32` says so, since it has no type parameter to tell:
///
/// ```compile_fail
/// #[derive(mlp::Module)] // and #[module(number = f32)]
/// struct Model {
///     layer: mlp::Linear<f32>,
/// }
/// # impl Model {
/// #     fn forward<'t>(&self, x: autograd::Var<'t, f32>) -> autograd::Var<'t, f32> { x }
/// # }
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
pub use train::{
    BestWeights, Callback, EarlyStopping, Epoch, History, Interrupt, JsonLines, Learner, Stopped, TensorBoard, Trainer,
    Watch,
};
