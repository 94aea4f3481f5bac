//! [`Mlp`]: the multilayer perceptron, and its builder.

use std::fmt;
use std::sync::Arc;

use autograd::{Float, Parameters, Shape, Var};
use rand::Rng;

use crate::error::{Error, shown};
use crate::nn::activation::Activation;
use crate::nn::init::Init;
use crate::nn::layers::{Dropout, Linear, check_features};
use crate::nn::module::{LayerRow, Module, numbered, rows_for, shape_behind, summary};
use crate::nn::norm::{Kind, Norm};
use crate::nn::probe::Probe;

/// A multilayer perceptron: `y = f_output(f_hidden(xW + b)V + c)`, with any number of hidden layers.
///
/// Samples are rows: `(…, inputs) → (…, outputs)`. Parameters are named `layers.0.w`, `layers.0.b`, and so on. A clone
/// shares its parameters with the original, because a clone of a [`Param`](autograd::Param) does. To restore an earlier
/// state, keep the `value()` of each parameter, or save them.
///
/// ```
/// use autograd::Tensor;
/// use mlp::{Activation, Mlp, Module};
/// use rand::{SeedableRng, rngs::StdRng};
/// let model: Mlp = Mlp::new(64)
///     .hidden(64, Activation::Relu)
///     .hidden(32, Activation::Tanh)
///     .output(10, Activation::Identity)
///     .build(&mut StdRng::seed_from_u64(1))?;
/// assert_eq!(model.predict(&Tensor::zeros([5, 64])).shape(), &[5, 10].into());
/// assert_eq!(model.parameters().numel(), 64 * 64 + 64 + 64 * 32 + 32 + 32 * 10 + 10);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Clone)]
pub struct Mlp<T: Float = f64> {
    layers: Vec<Layer<T>>,
}

/// One layer of an [`Mlp`]: `h = dropout(f(norm(xW + b)))`.
///
/// The fields are public so that you can follow a forward pass step by step.
///
/// ```
/// use autograd::{Param, Tape};
/// use mlp::{Activation, Layer, Linear, Mlp, Module};
/// let linear = Linear { w: Param::new([[0.2], [1.5], [0.5]]), b: None };
/// let model = Mlp::from_layers([Layer::new(linear, Activation::Sigmoid)]);
/// let tape = Tape::new();
/// let mut x = tape.constant([[1.0, 0.0, 1.0]]);
/// for layer in model.layers() {
///     let p = layer.linear.forward(x);
///     x = layer.activation.apply(p);
///     println!("sum {p}, output {x}");
/// }
/// assert!((x.value().item() - 0.668).abs() < 5e-4);
/// ```
#[derive(Debug, Clone)]
pub struct Layer<T: Float = f64> {
    /// The weighted sums (pre-activations): `p = xW + b`.
    pub linear: Linear<T>,
    /// The normalisation of `p`.
    pub norm: Option<Norm<T>>,
    /// The activation: `h = f(p)`.
    pub activation: Activation,
    /// Zeroes random values of `h` during training.
    pub dropout: Option<Dropout>,
}

impl<T: Float> Layer<T> {
    /// A layer without normalisation and dropout.
    pub fn new(linear: Linear<T>, activation: Activation) -> Self {
        Layer { linear, norm: None, activation, dropout: None }
    }
}

impl<T: Float> Module<T> for Layer<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.forward_with(x, &mut Probe::off())
    }

    fn forward_with<'t>(&self, x: Var<'t, T>, probe: &mut Probe<'_>) -> Var<'t, T> {
        let h = match (&self.norm, &self.linear.b, self.activation.row()) {
            // One fused operation, which hides the sums. A probe needs them.
            (None, Some(b), Some(row)) if !probe.is_on() => {
                check_features("linear", x, self.linear.inputs());
                x.dense(&self.linear.w, b, row)
            }
            (norm, ..) => {
                let p = self.linear.forward(x);
                let p = match norm {
                    Some(norm) => norm.forward(p),
                    None => p,
                };
                self.activation.forward_with(p, probe)
            }
        };
        self.dropout.map_or(h, |dropout| dropout.forward(h))
    }

    fn parameters(&self) -> Parameters<T> {
        let parameters = self.linear.parameters();
        match &self.norm {
            Some(norm) => parameters.with_all("norm", &norm.parameters()),
            None => parameters,
        }
    }

    fn buffers(&self) -> Parameters<T> {
        let buffers = self.norm.as_ref().map_or_else(Parameters::new, |norm| norm.buffers());
        Parameters::new().with_all("norm", &buffers)
    }

    fn input_width(&self) -> Option<usize> {
        Some(self.linear.inputs())
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        let sums = self.linear.output_shape(input)?;
        match (&self.norm, sums) {
            (Some(norm), Some(sums)) => norm.output_shape(&sums),
            (_, sums) => Ok(sums),
        }
    }

    fn output_activation(&self) -> Option<Activation> {
        Some(self.activation).filter(|_| self.dropout.is_none())
    }

    fn describe(&self) -> Vec<LayerRow> {
        let mut row = self.linear.describe().remove(0);
        for norm in self.norm.iter().flat_map(|norm| norm.describe()) {
            row.layer += &format!(" + {}", norm.layer);
        }
        if let Some(dropout) = self.dropout {
            row.layer += &format!(" + dropout({})", shown(dropout.p()));
        }
        row.activation = self.activation.to_string();
        row.parameters = self.parameters().numel();
        vec![row]
    }
}

impl Mlp {
    /// Starts a builder for rows of `inputs` values; [`MlpBuilder::build`] chooses the number type.
    #[expect(clippy::new_ret_no_self, reason = "a network without layers is none; the builder collects them")]
    pub fn new(inputs: usize) -> MlpBuilder {
        MlpBuilder {
            inputs,
            hidden: Vec::new(),
            output: None,
            init: None,
            hidden_init: None,
            dropout: None,
            norm: None,
        }
    }
}

impl<T: Float> Mlp<T> {
    /// What each layer names, with its position before the names.
    fn gathered(&self, of: fn(&Layer<T>) -> Parameters<T>) -> Parameters<T> {
        let named = self.layers.iter().enumerate();
        named.fold(Parameters::new(), |all, (i, layer)| all.with_all(&format!("layers.{i}"), &of(layer)))
    }

    /// A network of existing layers; without layers it is the identity.
    pub fn from_layers(layers: impl IntoIterator<Item = Layer<T>>) -> Self {
        Mlp { layers: layers.into_iter().collect() }
    }

    /// The layers, from input to output.
    pub fn layers(&self) -> &[Layer<T>] {
        &self.layers
    }
}

impl<T: Float> Module<T> for Mlp<T> {
    /// # Panics
    /// If the row length of `x` differs from the network's input width.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.forward_with(x, &mut Probe::off())
    }

    fn forward_with<'t>(&self, x: Var<'t, T>, probe: &mut Probe<'_>) -> Var<'t, T> {
        let mut y = x;
        for (i, layer) in self.layers.iter().enumerate() {
            probe.enter(format_args!("layers.{i}"));
            y = layer.forward_with(y, probe);
            probe.leave();
        }
        y
    }

    fn parameters(&self) -> Parameters<T> {
        self.gathered(Layer::parameters)
    }

    fn buffers(&self) -> Parameters<T> {
        self.gathered(Layer::buffers)
    }

    fn input_width(&self) -> Option<usize> {
        self.layers.first()?.input_width()
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        shape_behind(self.layers.iter().map(|layer| layer as &dyn Module<T>), input)
    }

    fn describe_for(&self, input: &Shape) -> Result<Vec<(LayerRow, Option<Shape>)>, Error> {
        rows_for(self.layers.iter().map(|layer| layer as &dyn Module<T>), input)
    }

    fn output_activation(&self) -> Option<Activation> {
        self.layers.last()?.output_activation()
    }

    fn describe(&self) -> Vec<LayerRow> {
        self.layers.iter().flat_map(Layer::describe).enumerate().map(|(i, row)| numbered(i, row)).collect()
    }
}

impl<T: Float> fmt::Display for Mlp<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&summary(self))
    }
}

impl<T: Float> fmt::Debug for Mlp<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The initialisation of hidden layers.
#[derive(Clone)]
struct HiddenInit(Arc<dyn Fn(Activation) -> Result<[Init; 2], Error> + Send + Sync>);

impl fmt::Debug for HiddenInit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("by activation")
    }
}

/// A builder that collects the layers of an [`Mlp`].
///
/// ```
/// use mlp::{Activation, Init, Mlp};
/// use rand::{SeedableRng, rngs::StdRng};
/// let builder = Mlp::new(8)
///     .hidden(16, Activation::Relu)
///     .output(3, Activation::Identity)
///     .init(Init::he_normal())
///     .dropout(0.1)
///     .layer_norm();
/// let model: Mlp<f32> = builder.build(&mut StdRng::seed_from_u64(0))?;
/// assert_eq!(model.layers().len(), 2);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MlpBuilder {
    inputs: usize,
    hidden: Vec<(usize, Activation)>,
    output: Option<(usize, Activation)>,
    init: Option<Init>,
    hidden_init: Option<HiddenInit>,
    dropout: Option<f64>,
    norm: Option<Kind>,
}

impl MlpBuilder {
    /// Appends a hidden layer.
    #[must_use]
    pub fn hidden(mut self, units: usize, activation: Activation) -> Self {
        self.hidden.push((units, activation));
        self
    }

    /// Sets the output layer; use [`Activation::Identity`] with losses that take logits.
    #[must_use]
    pub fn output(self, units: usize, activation: Activation) -> Self {
        MlpBuilder { output: Some((units, activation)), ..self }
    }

    /// Sets the initialiser of all weights.
    ///
    /// Without it the activation of each layer decides: [`Activation::usual_init`]. Biases are 0.
    #[must_use]
    pub fn init(self, init: Init) -> Self {
        MlpBuilder { init: Some(init), ..self }
    }

    /// Sets the initialisers of hidden weights and biases for each activation.
    ///
    /// [`init`](MlpBuilder::init) then applies to the output layer only.
    ///
    /// ```
    /// use mlp::{Activation, Init, Mlp};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let model: Mlp = Mlp::new(100)
    ///     .hidden(100, Activation::Tanh)
    ///     .output(1, Activation::Identity)
    ///     .hidden_init(|_| Ok([Init::lecun_normal(), Init::Constant(0.1)]))
    ///     .build(&mut StdRng::seed_from_u64(0))?;
    /// assert_eq!(model.layers()[0].linear.b.as_ref().unwrap().value().get([7]), 0.1);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn hidden_init(self, init: impl Fn(Activation) -> Result<[Init; 2], Error> + Send + Sync + 'static) -> Self {
        MlpBuilder { hidden_init: Some(HiddenInit(Arc::new(init))), ..self }
    }

    /// Adds [`Dropout`] with probability `p` after each hidden layer.
    #[must_use]
    pub fn dropout(self, p: f64) -> Self {
        MlpBuilder { dropout: Some(p), ..self }
    }

    /// Adds [`LayerNorm`](crate::LayerNorm) before the activation of each hidden layer, in place of another normalisation.
    #[must_use]
    pub fn layer_norm(self) -> Self {
        MlpBuilder { norm: Some(Kind::Layer), ..self }
    }

    /// Adds [`BatchNorm`](crate::BatchNorm) before the activation of each hidden layer, in place of another normalisation.
    ///
    /// Inputs are then `(n, inputs)`, and a training must leave no batch of one sample. Save the model's
    /// [`state`](Module::state), which holds the running statistics.
    ///
    /// ```
    /// use mlp::{Activation, Mlp, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let layers = Mlp::new(3).hidden(4, Activation::Relu).output(1, Activation::Identity).batch_norm();
    /// let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
    /// assert_eq!(model.buffers().names().collect::<Vec<_>>(), ["layers.0.norm.mean", "layers.0.norm.variance"]);
    /// assert!(model.output_shape(&[5, 7, 3].into()).is_err());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn batch_norm(self) -> Self {
        MlpBuilder { norm: Some(Kind::Batch), ..self }
    }

    /// Adds [`RmsNorm`](crate::RmsNorm) before the activation of each hidden layer, in place of another normalisation.
    ///
    /// ```
    /// use mlp::{Activation, Mlp, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let layers = Mlp::new(3).hidden(4, Activation::Relu).output(1, Activation::Identity).rms_norm();
    /// let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
    /// assert!(model.parameters().names().any(|name| name == "layers.0.norm.gain"));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn rms_norm(self) -> Self {
        MlpBuilder { norm: Some(Kind::Rms), ..self }
    }

    /// Builds the network with weights drawn from `rng`: the same seed gives the same network.
    ///
    /// ```
    /// use mlp::{Activation, Mlp};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let unfinished = Mlp::new(8).hidden(16, Activation::Relu);
    /// let error = unfinished.build::<f64>(&mut StdRng::seed_from_u64(0)).unwrap_err();
    /// assert_eq!(error.to_string(), "mlp: it has no output layer; call output(units, activation)");
    /// ```
    ///
    /// # Errors
    /// If there is no output layer, a layer has no units, there are no inputs, the dropout probability lies outside [0,
    /// 1), an activation has an argument that is not finite, weights cannot be drawn ([`Init::try_sample`]), or
    /// [`hidden_init`](MlpBuilder::hidden_init) returns an error for an activation.
    pub fn build<T: Float>(self, rng: &mut (impl Rng + ?Sized)) -> Result<Mlp<T>, Error> {
        let output = self
            .output
            .ok_or_else(|| Error::invalid("mlp", "it has no output layer; call output(units, activation)"))?;
        let dropout = self.dropout.map(Dropout::new).transpose()?;
        let mut layers = Vec::with_capacity(self.hidden.len() + 1);
        let mut inputs = self.inputs;
        for &(units, activation) in self.hidden.iter().chain([&output]) {
            let is_hidden = layers.len() < self.hidden.len();
            let drawn = self.hidden_init.as_ref().filter(|_| is_hidden).map(|init| (init.0)(activation)).transpose()?;
            let linear = match drawn {
                Some([weights, biases]) => Linear::with_biases(inputs, units, &weights, &biases, rng),
                None => Linear::new(inputs, units, &self.init.unwrap_or_else(|| activation.usual_init()), rng),
            };
            let linear = linear.map_err(|error| match inputs == 0 || units == 0 {
                true => {
                    let i = layers.len();
                    Error::invalid("mlp", format!("layer {i} would be {inputs} → {units}; no size may be 0"))
                }
                false => error,
            })?;
            activation.check()?;
            let norm = self.norm.filter(|_| is_hidden).map(|kind| kind.build(units)).transpose()?;
            layers.push(Layer { linear, norm, activation, dropout: dropout.filter(|_| is_hidden) });
            inputs = units;
        }
        Ok(Mlp { layers })
    }
}
