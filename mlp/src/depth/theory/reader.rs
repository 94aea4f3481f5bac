//! [`of`]: the theory of a model made of the layers of this crate, at its present weights.

use std::cell::RefCell;
use std::collections::HashMap;

use autograd::Float;

use super::block::{Block, NormKind, Piece, Site, Width};
use super::numbers::{self, Numbers};
use super::places::{self, Picture};
use super::{Attention, MeanField, network, table, transformer};
use crate::error::shown;
use crate::nn::activation::{Activation, StraightThrough};
use crate::nn::config::{Config, Configured, inside};
use crate::nn::layers::{BatchNorm, Dropout, GroupNorm, LayerNorm, Residual, RmsNorm, Sequential};
use crate::nn::mlp::{Layer, Mlp};
use crate::{Error, Module};

/// The theory of a model in evaluation mode, as [`Reader::read`] with nothing set.
///
/// ```
/// use mlp::theory::{self, Signal};
/// use mlp::{Activation, Init, LayerNorm, Linear, Residual, Sequential};
/// use rand::{SeedableRng, rngs::StdRng};
/// let rng = &mut StdRng::seed_from_u64(1);
/// let branch: Sequential = Sequential::new()
///     .then(LayerNorm::new(200)?)
///     .then(Activation::Relu)
///     .then(Linear::new(200, 200, &Init::he_normal(), rng)?);
/// let model = Sequential::new().then(Linear::new(64, 200, &Init::lecun_normal(), rng)?).then(Residual::new(branch));
/// let block = theory::of(&model)?;
/// let step = block.pass(&Signal::normal(1.0))?;
/// assert!((step.signal.square - 2.0).abs() < 0.1); // 1 from the first layer, σ_w²/2 = 1 from the branch
/// println!("{}", block.forecast(&Signal::normal(1.0))?);
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// As [`Reader::read`].
pub fn of<T: Float, M: Module<T> + ?Sized>(model: &M) -> Result<Block, Error> {
    Reader::new().read(model)
}

/// Reads models as [`Block`]s.
///
/// It reads the configuration of the model ([`Module::config`]) and the statistics of its parameters:
/// `σ_w²` is the mean square of the weights times the inputs of a result, `σ_b²` the mean square of the biases. The theory is
/// one of random weights: it holds at initialisation, and little longer.
///
/// | read as | layers |
/// |---|---|
/// | linear | [`Linear`](crate::Linear), [`Conv1d`](crate::Conv1d), [`Conv2d`](crate::Conv2d) far from their borders |
/// | activation | [`Activation`], [`StraightThrough`], [`PRelu`](crate::PRelu) with equal α, and yours: [`activation`](Reader::activation) |
/// | norm | [`LayerNorm`](crate::LayerNorm), [`RmsNorm`](crate::RmsNorm), [`GroupNorm`](crate::GroupNorm) as a layer norm of large groups, [`BatchNorm`](crate::BatchNorm) |
/// | pooling | [`AvgPool1d`](crate::AvgPool1d), [`AvgPool2d`](crate::AvgPool2d) in windows side by side, [`AdaptiveAvgPool2d`](crate::AdaptiveAvgPool2d) of [pictures](Reader::pictures) of a size that its windows divide |
/// | dropout, nothing | [`Dropout`](crate::Dropout), [`Flatten`](crate::Flatten) |
/// | residual | [`Residual`](crate::Residual), [`Join::Add`](crate::Join) of a value and what is computed from it |
/// | parallel | [`Join`](crate::Join)s of what several branches make of one value: sums, products as of gates, and features side by side, by their widths |
/// | embedding, positions | [`Embedding`](crate::Embedding) of [classes](super::Signal::of_classes) as the first layer, all of them read equally often and no padding; [`PositionalEncoding`](crate::PositionalEncoding) of sines, or learned |
/// | attention | [`MultiHeadAttention`](crate::MultiHeadAttention), [`TransformerBlock`](crate::TransformerBlock), for so many [`tokens`](Reader::tokens), also with a causal mask: means over the tokens |
/// | a chain | [`Sequential`](crate::Sequential), [`Mlp`](crate::Mlp), [`Layer`](crate::Layer), [`Network`](crate::Network) |
///
/// All samples, all tokens, and all places of a picture, are taken to have the same mean square, and all pairs of places to be equally
/// alike ([`Signal::places`](super::Signal::places)), those of two samples as much as one place of both. Neighbours in photographs are
/// more alike than that, and less is lost in small windows than foretold. Where there is attention, two samples
/// are two tokens of one sequence ([`Signal::of_tokens`](super::Signal::of_tokens)), and the gradients of different tokens behind the
/// last layer are taken to be independent, as those of a loss for each token are and those of a loss of their mean are not.
///
/// The gradient of an embedding is that of the rows which it gives, one for each place that reads, as a [`Flow`](crate::Flow) measures it. What a row of
/// the table gets is their sum over the places that read it, which the data decide; and classes have no gradient, so that
/// [`Forecast::inputs`](super::Forecast::inputs) is 0.
///
/// | not read | since |
/// |---|---|
/// | attention with dropout in training | its rows of weights have another law than [`Attention`](super::Attention) |
/// | attention to a memory of another width | it reads two values |
/// | attention beside a batch norm or pooling (where a forecast is made) | two samples are two tokens there, and not two samples or places |
/// | maxima of pooling; windows that overlap, or hold padding | the largest value depends on the whole law of all, and its gradient on the slopes where it is taken; neighbours are more alike than others |
/// | recurrent layers, a part of a network that is used again | weights are used more than once |
/// | a value that two branches read after they part; a product or a sum of several without weights, as `x·σ(x)` (also where a forecast is made) | they depend on each other |
/// | a product with a gate that stretches | one number for many features does not average out |
/// | values side by side along another axis than that of the features | their samples or places are not alike |
#[derive(Debug, Clone, Default)]
pub struct Reader {
    training: bool,
    pub(super) tokens: Option<usize>,
    pub(super) picture: Picture,
    own: HashMap<String, MeanField>,
}

impl Reader {
    /// A reader of models in evaluation mode.
    pub fn new() -> Self {
        Reader::default()
    }

    /// Reads models as in training: dropout drops, and batch normalisation uses the statistics of a large batch.
    #[must_use]
    pub fn training(self) -> Self {
        Reader { training: true, ..self }
    }

    /// Tells how many tokens attention reads: its weights depend on their number.
    ///
    /// ```
    /// use mlp::theory::{Reader, Signal};
    /// use mlp::{Activation, Sequential, TransformerBlock};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let rng = &mut StdRng::seed_from_u64(0);
    /// let mut blocks = || TransformerBlock::new(64, 4, 128, Activation::Relu, rng);
    /// let model: Sequential = Sequential::new().then(blocks()?.strength(0.5)?).then(blocks()?.strength(0.5)?);
    /// let forecast = Reader::new().tokens(16).read(&model)?.forecast(&Signal::normal(1.0).correlated(0.2))?;
    /// let rows: Vec<_> = forecast.rows.iter().filter(|row| row.kind == "transformer").collect();
    /// let alike: Vec<f64> = rows.iter().map(|row| row.signal.correlation().unwrap()).collect();
    /// assert!(0.2 < alike[0] && alike[0] < alike[1] && alike[1] < 0.6, "{alike:?}"); // tokens grow alike
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two.
    #[must_use]
    #[track_caller]
    pub fn tokens(self, tokens: usize) -> Self {
        Reader { tokens: Some(Attention::new(tokens, 0.0, 0.0).tokens), ..self }
    }

    /// Makes an activation of yours known under the name that its configuration has, such as that of a
    /// [`Function`](crate::Function).
    ///
    /// ```
    /// use autograd::Var;
    /// use mlp::theory::Reader;
    /// use mlp::{Function, Init, Linear, Sequential};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let sine = || Function::new("sine", |x: Var| x.sin());
    /// let layer = Linear::new(50, 50, &Init::lecun_normal(), &mut StdRng::seed_from_u64(0))?;
    /// let model = Sequential::new().then(layer).then(sine());
    /// let error = Reader::new().read(&model).unwrap_err().to_string();
    /// assert_eq!(error, "1 (sine): the theory does not know this layer; make an activation known with Reader::activation");
    /// assert!(Reader::new().activation("sine", sine())?.read(&model).is_ok());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`MeanField::new`].
    pub fn activation(mut self, name: impl Into<String>, activation: impl Module + 'static) -> Result<Self, Error> {
        self.own.insert(name.into(), MeanField::new(activation)?);
        Ok(self)
    }

    /// The theory of a model.
    ///
    /// # Errors
    /// If a layer has no configuration, the theory does not know it, or its weights are not random of mean 0 (beyond six
    /// standard errors); if the statistics of a batch normalisation are not those of a new one, in evaluation mode. The error
    /// names the layer.
    pub fn read<T: Float, M: Module<T> + ?Sized>(&self, model: &M) -> Result<Block, Error> {
        let all = numbers::of(model);
        let source = Source { reader: self, numbers: all, met: RefCell::default() };
        source.layer(Block { picture: self.picture, ..Block::new() }, &model.config()?, "")
    }
}

/// A model that is read.
pub(super) struct Source<'r> {
    pub(super) reader: &'r Reader,
    pub(super) numbers: HashMap<String, Numbers>,
    /// Activations met, whether straight through, and their theory: to look for their kinks takes some time.
    met: RefCell<HashMap<(bool, String), MeanField>>,
}

impl Source<'_> {
    /// Appends a layer, whose parameters have its `name` before them.
    pub(super) fn layer(&self, block: Block, config: &Config, name: &str) -> Result<Block, Error> {
        let kind = config.layer();
        let within = |error: Error| match error {
            Error::Config { ref path, .. } if !path.is_empty() => error,
            error if name.is_empty() => error.of_layer(kind),
            error => error.of_layer(kind).within(name),
        };
        let site = |kind: &str| Site::Layer(name.into(), kind.into());
        let refuse = |why: &str| Err(within(Error::config(kind, why)));
        match kind {
            "sequential" => {
                let layers = config.data::<<Sequential as Configured>::Data>()?.layers;
                let mut all = layers.iter().enumerate();
                all.try_fold(block, |block, (i, layer)| self.layer(block, layer, &inside(name, &i.to_string())))
            }
            "residual" => {
                let data = config.data::<<Residual as Configured>::Data>()?;
                let inner = self.layer(block.branch(), &data.inner, name)?;
                let branch = data.strength.unwrap_or(1.0);
                Ok(block.with(Piece::Residual { stream: 1.0, branch, inner }, site(kind)))
            }
            "network" => network::read(self, block, config, name).map_err(within),
            "attention" => transformer::attention(self, block, config, name).map_err(within),
            "transformer" => transformer::block(self, block, config, name).map_err(within),
            "dense" => self.dense(block, config.data()?, name).map_err(within),
            "mlp" => {
                let layers = config.data::<<Mlp as Configured>::Data>()?.layers;
                layers.into_iter().enumerate().try_fold(block, |block, (i, layer)| {
                    let place = inside(name, &format!("layers.{i}"));
                    self.dense(block, layer, &place).map_err(|error| error.of_layer("dense").within(&place))
                })
            }
            "linear" => self.linear(block, kind, name, site(kind)).map_err(within),
            "conv1d" | "conv2d" => {
                let shape = &self.find(kind, &inside(name, "w")).map_err(within)?.shape;
                let window: Vec<_> = shape[2..].iter().map(usize::to_string).collect();
                let picture = block.picture.behind(config, &shape[2..]).map_err(within)?;
                let site = site(&format!("{kind}({})", window.join("×")));
                Ok(Block { picture, ..self.linear(block, kind, name, site).map_err(within)? })
            }
            "avg_pool1d"
            | "avg_pool2d"
            | "adaptive_avg_pool2d"
            | "max_pool1d"
            | "max_pool2d"
            | "adaptive_max_pool2d" => places::pool(self, block, config, name).map_err(within),
            "activation" | "straight_through" => {
                let function = config.data::<<Activation as Configured>::Data>()?.function;
                Ok(block.with(self.activation(kind, function).map_err(within)?, site(&function.to_string())))
            }
            "prelu" => {
                let alpha = self.find(kind, &inside(name, "alpha")).map_err(within)?;
                match alpha.all_are(alpha.values[0]) {
                    true => {
                        let piece = self.activation(kind, Activation::LeakyRelu(alpha.values[0])).map_err(within)?;
                        Ok(block.with(piece, site(kind)))
                    }
                    false => refuse("its α differ; the theory needs one for all"),
                }
            }
            "layer_norm" | "rms_norm" | "group_norm" | "batch_norm" => {
                self.norm(block, kind, config, name, site(kind)).map_err(within)
            }
            "embedding" => table::embedding(self, block, config, name).map_err(within),
            "positions" => table::positions(self, block, config, name).map_err(within),
            "dropout" => {
                let p = config.data::<<Dropout as Configured>::Data>()?.p;
                let site = site(&format!("dropout({})", shown(p)));
                Ok(block.with(Piece::Dropout(if self.reader.training { p } else { 0.0 }), site))
            }
            "alpha_dropout" if !self.reader.training => Ok(block.with(Piece::Dropout(0.0), site(kind))),
            "flatten" => Ok(block.with_width(Piece::Affine { gain: 1.0, shift: 0.0 }, site(kind), Width::Lost)),
            other => match self.reader.own.get(other) {
                Some(theory) => Ok(block.with(Piece::Activation(theory.clone()), site(kind))),
                None => refuse("the theory does not know this layer; make an activation known with Reader::activation"),
            },
        }
    }

    /// Whether a dropout of this probability acts.
    pub(super) fn drops(&self, p: Option<f64>) -> bool {
        self.reader.training && p.is_some_and(|p| p > 0.0)
    }

    /// A layer of an [`Mlp`](crate::Mlp), of which a flow shows the output of the activation.
    fn dense(&self, block: Block, data: <Layer as Configured>::Data, name: &str) -> Result<Block, Error> {
        let hidden = || Site::Hidden(name.into());
        let mut block = self.linear(block, "linear", name, hidden())?;
        if let Some(norm) = data.norm {
            let config = norm.sized(data.units)?;
            block = self.norm(block, config.layer(), &config, &inside(name, "norm"), hidden())?;
        }
        let function = data.activation.unwrap_or(Activation::Identity);
        block = block.with(self.activation("dense", function)?, Site::Layer(name.into(), function.to_string()));
        Ok(match data.dropout.filter(|_| self.reader.training) {
            Some(p) => block.with(Piece::Dropout(p), hidden()),
            None => block,
        })
    }

    /// Appends a layer with weights.
    pub(super) fn linear(&self, block: Block, kind: &str, name: &str, site: Site) -> Result<Block, Error> {
        let [weights, biases] = self.variances(kind, name)?;
        let shape = &self.find(kind, &inside(name, "w"))?.shape;
        let width = match kind {
            "linear" => Width::Of(Some(shape[0]), shape[1]),
            _ => Width::Of(None, shape[0]), // groups read parts of the channels
        };
        Ok(block.with_width(Piece::Linear { weights, biases }, site, width))
    }

    /// σ_w² and σ_b² of a layer.
    pub(super) fn variances(&self, kind: &str, name: &str) -> Result<[f64; 2], Error> {
        let weights = self.random(kind, &inside(name, "w"))?;
        let inputs: usize = match kind {
            "linear" => weights.shape[0],
            _ => weights.shape[1..].iter().product(), // of the channels that a result depends on, and its window
        };
        let biases = match self.numbers.contains_key(&inside(name, "b")) {
            true => self.random(kind, &inside(name, "b"))?.mean_square(),
            false => 0.0,
        };
        Ok([inputs as f64 * weights.mean_square(), biases])
    }

    fn norm(&self, block: Block, kind: &str, config: &Config, name: &str, site: Site) -> Result<Block, Error> {
        let batch = kind == "batch_norm";
        let usual = if kind == "rms_norm" { 0.0 } else { 1e-5 };
        let eps = match kind {
            "batch_norm" => config.data::<<BatchNorm as Configured>::Data>()?.eps,
            "group_norm" => config.data::<<GroupNorm as Configured>::Data>()?.eps,
            "rms_norm" => config.data::<<RmsNorm as Configured>::Data>()?.eps,
            _ => config.data::<<LayerNorm as Configured>::Data>()?.eps,
        };
        let eps = eps.unwrap_or(usual);
        let norm = match (kind, batch && !self.reader.training) {
            (_, true) => {
                let find = |end: &str| self.numbers.get(&inside(name, end));
                let new = find("mean").is_some_and(|mean| mean.all_are(0.0))
                    && find("variance").is_some_and(|variance| variance.all_are(1.0));
                if !new {
                    let why = "its running statistics are not those of a new layer, which depend on the data; read the model \
                               with Reader::training, and measure it in training mode";
                    return Err(Error::config(kind, why));
                }
                Piece::Affine { gain: 1.0 / (1.0 + eps), shift: 0.0 }
            }
            ("rms_norm", _) => Piece::Norm(NormKind::Rms, eps),
            ("batch_norm", _) => Piece::Norm(NormKind::Batch, eps),
            ("layer_norm" | "group_norm", _) => Piece::Norm(NormKind::Layer, eps),
            (other, _) => return Err(Error::config(other, "it is no norm that the theory knows; choose another")),
        };
        self.normed(block, norm, kind, name, site)
    }

    /// A normalisation, and the factors and offsets that lie in its place.
    pub(super) fn normed(&self, block: Block, norm: Piece, kind: &str, name: &str, site: Site) -> Result<Block, Error> {
        let gain = self.numbers.get(&inside(name, "gain")).map_or(1.0, Numbers::mean_square);
        let shift = match self.numbers.contains_key(&inside(name, "shift")) {
            true => self.random(kind, &inside(name, "shift"))?.mean_square(),
            false => 0.0,
        };
        if gain == 1.0 && shift == 0.0 {
            return Ok(block.with(norm, site));
        }
        let hidden = Site::Hidden(name.into());
        Ok(block.with(norm, hidden).with(Piece::Affine { gain, shift }, site))
    }

    /// An activation in a layer of this kind, whose name stands for that of the theory in an error.
    pub(super) fn activation(&self, kind: &str, function: Activation) -> Result<Piece, Error> {
        let through = kind == "straight_through";
        let key = (through, function.to_string());
        if let Some(theory) = self.met.borrow().get(&key) {
            return Ok(Piece::Activation(theory.clone()));
        }
        let theory = if through { MeanField::new(StraightThrough(function)) } else { MeanField::new(function) };
        let theory = theory.map_err(|error| match error {
            Error::Invalid { why, .. } => Error::config(kind, why),
            other => other,
        })?;
        self.met.borrow_mut().insert(key, theory.clone());
        Ok(Piece::Activation(theory))
    }
}
