//! [`MlpBuilder`]: the layers of an [`Mlp`] before they have weights.

use std::fmt;
use std::sync::Arc;

use autograd::Float;
use rand::Rng;

use super::layer::Dense;
use super::{Data, Mlp};
use crate::error::Error;
use crate::nn::activation::Activation;
use crate::nn::config::{Config, Configured, Parts, Registry, fields};
use crate::nn::init::Init;
use crate::nn::layers::Dropout;
use crate::nn::norm::NormData;

/// The initialisation of hidden layers.
#[derive(Clone)]
struct HiddenInit(Arc<dyn Fn(Activation) -> Result<[Init; 2], Error> + Send + Sync>);

impl fmt::Debug for HiddenInit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("by activation")
    }
}

/// A builder that collects the layers of an [`Mlp`]; it is also plain data, which [`config`](MlpBuilder::config) gives.
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
    /// The kind of layer.
    norm: Option<&'static str>,
}

impl MlpBuilder {
    pub(super) fn new(inputs: usize) -> Self {
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
        MlpBuilder { norm: Some("layer_norm"), ..self }
    }

    /// Adds [`BatchNorm`](crate::BatchNorm) before the activation of each hidden layer, in place of another normalisation.
    ///
    /// Inputs are then `(n, inputs)`, and a training must leave no batch of one sample. Save the model's
    /// [`state`](crate::Module::state), which holds the running statistics.
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
        MlpBuilder { norm: Some("batch_norm"), ..self }
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
        MlpBuilder { norm: Some("rms_norm"), ..self }
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
    pub fn build<T: Float>(self, mut rng: &mut (impl Rng + ?Sized)) -> Result<Mlp<T>, Error> {
        self.data()?.build(&mut Parts::new(&Registry::new(), &mut rng), |_, error| error)
    }

    /// The network as plain data, with the initialisers, to build it later: see [`config`](crate::config).
    ///
    /// ```
    /// use mlp::{Activation, Config, Init, Mlp, Module, Registry};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let layers = Mlp::new(8).hidden(16, Activation::Relu).output(3, Activation::Identity).init(Init::orthogonal()).layer_norm();
    /// let config = layers.config()?;
    /// assert_eq!(config.to_string(), concat!(
    ///     r#"{"layer":"mlp","inputs":8,"layers":["#,
    ///     r#"{"units":16,"activation":"relu","norm":"layer_norm","init":"orthogonal"},{"units":3,"init":"orthogonal"}]}"#
    /// ));
    /// let same: Mlp = Registry::new().build_as(&config, &mut StdRng::seed_from_u64(0))?;
    /// let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
    /// assert_eq!(same.layers()[0].linear.w.value(), model.layers()[0].linear.w.value());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no output layer, a layer has no units, there are no inputs, the dropout probability lies outside [0, 1), or
    /// [`hidden_init`](MlpBuilder::hidden_init) returns an error.
    pub fn config(&self) -> Result<Config, Error> {
        Config::new(<Mlp as Configured>::LAYER, &self.data()?)
    }

    fn data(&self) -> Result<Data, Error> {
        let output = self
            .output
            .ok_or_else(|| Error::invalid("mlp", "it has no output layer; call output(units, activation)"))?;
        let dropout = self.dropout.map(Dropout::new).transpose()?.map(Dropout::p);
        let mut layers: Vec<Dense> = Vec::with_capacity(self.hidden.len() + 1);
        for &(units, activation) in self.hidden.iter().chain([&output]) {
            let (i, inputs) = (layers.len(), layers.last().map_or(self.inputs, |layer| layer.units));
            if inputs == 0 || units == 0 {
                return Err(Error::invalid("mlp", format!("layer {i} would be {inputs} → {units}; no size may be 0")));
            }
            let is_hidden = i < self.hidden.len();
            let drawn = self.hidden_init.as_ref().filter(|_| is_hidden).map(|init| (init.0)(activation)).transpose()?;
            let (init, bias_init) = match drawn {
                Some([weights, biases]) => (Some(weights), fields::unless(Init::Zeros, biases)),
                None => (self.init, None),
            };
            layers.push(Dense {
                inputs: None,
                units,
                activation: fields::unless(Activation::Identity, activation),
                bias: true,
                norm: self.norm.filter(|_| is_hidden).map(NormData::usual),
                dropout: dropout.filter(|_| is_hidden),
                init,
                bias_init,
            });
        }
        Ok(Data { inputs: self.inputs, layers })
    }
}
