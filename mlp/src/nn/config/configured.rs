//! [`Configured`]: a layer that is built from plain data; [`Parts`]: what builds the layers in it.

use std::fmt::{self, Display};

use autograd::Float;
use rand::Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Config, Registry};
use crate::error::Result;
use crate::nn::layers::Weighted;
use crate::nn::module::Module;

/// A layer that gives plain data, and is built from them.
///
/// The layers of this crate implement it, each in its own file; so does a layer of yours, which a [`Registry`] then knows:
/// [the page of configurations](crate::config) has an example. [`Module::config`] of such a layer returns [`Config::of`]`(self)`; a derived
/// [`Module`](derive@crate::Module) does with the attribute `#[module(config)]`.
///
/// The law: a layer that is built from the data of another has parameters and buffers of the same names and shapes, and with the same values it computes
/// the same.
pub trait Configured<T: Float = f64>: Module<T> + Sized + 'static {
    /// The kind of layer, under `layer` in its configuration.
    const LAYER: &'static str;

    /// The sizes and options: a struct with named fields. Let `#[serde(deny_unknown_fields)]` refuse what it does not know, and
    /// `#[serde(skip_serializing_if = "Option::is_none")]` leave out what has its usual value.
    type Data: Serialize + DeserializeOwned;

    /// The data of this layer.
    ///
    /// # Errors
    /// If no data describe the layer as it now is.
    fn data(&self) -> Result<Self::Data>;

    /// Builds the layer; `parts` has the random numbers for its weights, and builds the layers within it.
    ///
    /// # Errors
    /// If the data do not make a layer. An [`Error::Invalid`](crate::Error::Invalid) whose `what` is [`LAYER`](Configured::LAYER) reads well: the kind of
    /// layer then stands in the message once.
    fn build(data: Self::Data, parts: &mut Parts<'_, T>) -> Result<Self>;
}

/// What a layer is built with: random numbers, and the registry that knows the layers within it.
///
/// ```
/// use autograd::Var;
/// use mlp::{Config, Configured, Error, Module, Parts, Registry};
/// use rand::{SeedableRng, rngs::StdRng};
/// use serde::{Deserialize, Serialize};
///
/// /// `y = f(x) − x`
/// #[derive(Module)]
/// #[module(config)]
/// struct Difference {
///     f: Box<dyn Module>,
/// }
///
/// impl Difference {
///     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
///         self.f.forward(x) - x
///     }
/// }
///
/// #[derive(Serialize, Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Data {
///     f: Config,
/// }
///
/// impl Configured for Difference {
///     const LAYER: &'static str = "difference";
///     type Data = Data;
///     fn data(&self) -> Result<Data, Error> {
///         Ok(Data { f: Config::of_part("f", &self.f)? })
///     }
///     fn build(data: Data, parts: &mut Parts<'_>) -> Result<Self, Error> {
///         Ok(Difference { f: parts.build("f", &data.f)? })
///     }
/// }
///
/// let registry = Registry::new().with::<Difference>();
/// let config: Config = r#"{"layer": "difference", "f": {"layer": "linear", "inputs": 2, "outputs": -2}}"#.parse()?;
/// let error = registry.build(&config, &mut StdRng::seed_from_u64(0)).err().unwrap().to_string();
/// assert!(error.starts_with("f (linear): `outputs`: invalid value: integer `-2`"));
/// # Ok::<(), mlp::Error>(())
/// ```
pub struct Parts<'a, T: Float = f64> {
    registry: &'a Registry<T>,
    rng: &'a mut dyn Rng,
}

impl<'a, T: Float> Parts<'a, T> {
    pub(crate) fn new(registry: &'a Registry<T>, rng: &'a mut dyn Rng) -> Self {
        Parts { registry, rng }
    }

    /// The random numbers that weights are drawn from.
    pub fn rng(&mut self) -> &mut dyn Rng {
        self.rng
    }

    /// Builds a layer within this one; an error names its `place`, such as `layers.2`.
    ///
    /// # Errors
    /// As [`Registry::build`].
    pub fn build(&mut self, place: impl Display, config: &Config) -> Result<Box<dyn Module<T>>> {
        self.registry.module(config, self.rng).map_err(|error| error.within(place))
    }

    /// The same, for a layer whose weights are to be replaced.
    ///
    /// # Errors
    /// If the registry knows no layer with weights under this name, or as [`Registry::build`].
    pub fn weighted(&mut self, place: impl Display, config: &Config) -> Result<Box<dyn Weighted<T>>> {
        self.registry.weighted(config, self.rng).map_err(|error| error.within(place))
    }
}

impl<T: Float> fmt::Debug for Parts<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("registry", self.registry).finish_non_exhaustive()
    }
}
