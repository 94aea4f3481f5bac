//! [`Registry`]: the layers that configurations may name.

use std::collections::BTreeMap;
use std::fmt;

use autograd::Float;
use rand::Rng;
use serde::de::DeserializeOwned;

use super::{Config, Configured, Parts};
use crate::error::{Error, Result};
use crate::nn::activation::{Activation, PRelu, StraightThrough};
use crate::nn::layers::*;
use crate::nn::mlp::{Layer, Mlp};
use crate::nn::module::Module;
use crate::nn::network::Network;

/// The layers that configurations may name: those of this crate, and yours.
///
/// It is a value; nothing is registered for a whole program. [The page of configurations](crate::config) registers a struct.
///
/// ```
/// use mlp::{Config, Linear, Registry};
/// use rand::{SeedableRng, rngs::StdRng};
/// let registry: Registry = Registry::new();
/// assert!(registry.names().any(|name| name == "conv2d"));
/// let config: Config = r#"{"layer": "linear", "inputs": 4, "outputs": 8}"#.parse()?;
/// let layer: Linear = registry.build_as(&config, &mut StdRng::seed_from_u64(0))?; // not in a box
/// assert_eq!(layer.outputs(), 8);
/// # Ok::<(), mlp::Error>(())
/// ```
pub struct Registry<T: Float = f64>(BTreeMap<String, Box<Builder<T>>>);

type Builder<T> = dyn Fn(&Config, &mut Parts<'_, T>) -> Result<Built<T>> + Send + Sync;

/// A layer; one with weights can be normalised by another.
enum Built<T: Float> {
    Module(Box<dyn Module<T>>),
    Weighted(Box<dyn Weighted<T>>),
}

impl<T: Float> Registry<T> {
    /// The layers of this crate.
    pub fn new() -> Self {
        let weighted = Registry(BTreeMap::new())
            .with_weighted::<Linear<T>>()
            .with_weighted::<Conv1d<T>>()
            .with_weighted::<Conv2d<T>>()
            .with_weighted::<ConvTranspose1d<T>>()
            .with_weighted::<ConvTranspose2d<T>>();
        let without_parameters = weighted
            .with::<Activation>()
            .with::<StraightThrough>()
            .with::<Dropout>()
            .with::<AlphaDropout>()
            .with::<MaxPool1d>()
            .with::<MaxPool2d>()
            .with::<AvgPool1d>()
            .with::<AvgPool2d>()
            .with::<AdaptiveAvgPool2d>()
            .with::<AdaptiveMaxPool2d>()
            .with::<Upsample2d>()
            .with::<Flatten>();
        let others = without_parameters
            .with::<PRelu<T>>()
            .with::<LayerNorm<T>>()
            .with::<BatchNorm<T>>()
            .with::<GroupNorm<T>>()
            .with::<RmsNorm<T>>()
            .with::<Embedding<T>>()
            .with::<PositionalEncoding<T>>()
            .with::<Rnn<T>>()
            .with::<Gru<T>>()
            .with::<Lstm<T>>()
            .with::<MultiHeadAttention<T>>()
            .with::<TransformerBlock<T>>();
        others
            .with::<Layer<T>>()
            .with::<Mlp<T>>()
            .with::<Sequential<T>>()
            .with::<Residual<T>>()
            .with::<Network<T>>()
            .with_builder(weight_norm::NAME, weight_norm::build)
            .with_builder(spectral_norm::NAME, spectral_norm::build)
    }

    /// Adds a layer under its name [`Configured::LAYER`].
    ///
    /// # Panics
    /// If the name is taken.
    #[must_use]
    #[track_caller]
    pub fn with<L: Configured<T>>(self) -> Self {
        self.with_builder(L::LAYER, L::build)
    }

    /// Adds a layer that [`WeightNorm`] and [`SpectralNorm`] may normalise.
    ///
    /// # Panics
    /// If the name is taken.
    #[must_use]
    #[track_caller]
    pub fn with_weighted<L: Configured<T> + Weighted<T>>(self) -> Self {
        let build = |config: &Config, parts: &mut Parts<'_, T>| {
            let layer = L::build(config.data()?, parts)?;
            Ok(Built::Weighted(Box::new(layer)))
        };
        self.insert(L::LAYER.into(), Box::new(build))
    }

    /// Adds a name, and what builds a layer from its data: for what is no [`Configured`] struct.
    ///
    /// ```
    /// use autograd::{Tensor, Var};
    /// use mlp::{Function, Module, Registry, Sequential};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// #[derive(serde::Deserialize)]
    /// struct Nothing {}
    /// let cube = || Function::new("cube", |x: Var| x.powi(3));
    /// let registry = Registry::new().with_builder("cube", move |_: Nothing, _| Ok(cube()));
    /// let config = Sequential::new().then(cube()).config()?;
    /// assert_eq!(config.to_string(), r#"{"layer":"sequential","layers":[{"layer":"cube"}]}"#);
    /// let model = registry.build(&config, &mut StdRng::seed_from_u64(0))?;
    /// assert_eq!(model.predict(&Tensor::from([2.0])).item(), 8.0);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the name is taken.
    #[must_use]
    #[track_caller]
    pub fn with_builder<D: DeserializeOwned, M: Module<T> + 'static>(
        self,
        name: impl Into<String>,
        build: impl Fn(D, &mut Parts<'_, T>) -> Result<M> + Send + Sync + 'static,
    ) -> Self {
        let build = move |config: &Config, parts: &mut Parts<'_, T>| {
            let layer = build(config.data()?, parts)?;
            Ok(Built::Module(Box::new(layer)))
        };
        self.insert(name.into(), Box::new(build))
    }

    #[track_caller]
    fn insert(mut self, name: String, build: Box<Builder<T>>) -> Self {
        assert!(!self.0.contains_key(&name), "registry: the name `{name}` is taken; give the layer another");
        self.0.insert(name, build);
        self
    }

    /// The names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Builds a layer, with weights drawn from `rng`: the same seed gives the same layer.
    ///
    /// # Errors
    /// [`Error::Config`] if a layer is unknown, or its data do not make one; it names the place, such as `layers.2 (conv2d)`.
    pub fn build(&self, config: &Config, mut rng: &mut (impl Rng + ?Sized)) -> Result<Box<dyn Module<T>>> {
        self.module(config, &mut rng)
    }

    /// [`build`](Registry::build) for a layer of a known type.
    ///
    /// # Errors
    /// The same; and if the configuration is that of another kind of layer.
    pub fn build_as<L: Configured<T>>(&self, config: &Config, mut rng: &mut (impl Rng + ?Sized)) -> Result<L> {
        if config.layer() != L::LAYER {
            return Err(Error::config(
                config.layer(),
                format!("the layer `{}` is needed; give its configuration", L::LAYER),
            ));
        }
        let layer = L::build(config.data()?, &mut Parts::new(self, &mut rng));
        layer.map_err(|error| error.of_layer(L::LAYER))
    }

    pub(super) fn module(&self, config: &Config, rng: &mut dyn Rng) -> Result<Box<dyn Module<T>>> {
        Ok(match self.built(config, rng)? {
            Built::Module(layer) => layer,
            Built::Weighted(layer) => layer,
        })
    }

    pub(crate) fn weighted(&self, config: &Config, rng: &mut dyn Rng) -> Result<Box<dyn Weighted<T>>> {
        match self.built(config, rng)? {
            Built::Weighted(layer) => Ok(layer),
            Built::Module(_) => {
                let problem = "it has no weights to normalise; choose a linear layer or a convolution, or register yours with \
                               Registry::with_weighted";
                Err(Error::config(config.layer(), problem))
            }
        }
    }

    fn built(&self, config: &Config, rng: &mut dyn Rng) -> Result<Built<T>> {
        let Some(build) = self.0.get(config.layer()) else {
            let names: Vec<_> = self.names().collect();
            let problem =
                format!("no such layer is known; register it with Registry::with, or choose from {}", names.join(", "));
            return Err(Error::config(config.layer(), problem));
        };
        build(config, &mut Parts::new(self, rng)).map_err(|error| error.of_layer(config.layer()))
    }
}

impl<T: Float> Default for Registry<T> {
    fn default() -> Self {
        Registry::new()
    }
}

impl<T: Float> fmt::Debug for Registry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
