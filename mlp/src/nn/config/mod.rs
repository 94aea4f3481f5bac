//! A model as plain data: what it is made of, without the numbers that it has learnt.
//!
//! Each layer has a [`Config`], which [`Module::config`] gives and [`Config::build`] takes. It is an object of JSON: `layer` names the
//! kind of layer, the other fields are its sizes and options. What has its usual value is left out.
//!
//! ```
//! use autograd::Tensor;
//! use mlp::{Activation, Config, Init, Linear, Module, Sequential, io};
//! use rand::{SeedableRng, rngs::StdRng};
//! let rng = &mut StdRng::seed_from_u64(0);
//! let layer = Linear::new(4, 8, &Init::he_normal(), rng)?;
//! let model: Sequential = Sequential::new().then(layer).then(Activation::Relu);
//! let text = model.config()?.to_string();
//! assert_eq!(text, concat!(
//!     r#"{"layer":"sequential","layers":["#,
//!     r#"{"layer":"linear","inputs":4,"outputs":8},{"layer":"activation","function":"relu"}]}"#
//! ));
//!
//! // The same architecture with weights of its own, which take the saved ones.
//! let copy = text.parse::<Config>()?.build::<f64>(rng)?;
//! let folder = tempfile::tempdir().unwrap();
//! io::save(&model.state(), folder.path().join("weights.safetensors"))?;
//! io::load(&copy.state(), folder.path().join("weights.safetensors"))?;
//! let x = Tensor::ones([1, 4]);
//! assert_eq!(copy.predict(&x), model.predict(&x));
//! # Ok::<(), mlp::Error>(())
//! ```
//!
//! What is written by hand or by a program is refused with its place and a repair:
//!
//! ```
//! use mlp::Config;
//! use rand::{SeedableRng, rngs::StdRng};
//! let text = r#"{"layer": "sequential", "layers": [
//!     {"layer": "flatten"},
//!     {"layer": "linear", "inputs": 0, "outputs": 8, "init": "he_normal"}
//! ]}"#;
//! let error = text.parse::<Config>()?.build::<f64>(&mut StdRng::seed_from_u64(0)).err().unwrap();
//! assert_eq!(error.to_string(), "layers.1 (linear): 0 → 8: a layer needs inputs and outputs");
//! # Ok::<(), mlp::Error>(())
//! ```
//!
//! # A layer of your own
//!
//! A struct takes part with [`Configured`]: a name, plain data, and how it is built from them. A [`Registry`] knows the name.
//!
//! ```
//! use autograd::{Param, Tensor, Var};
//! use mlp::{Config, Configured, Error, Module, Parts, Registry};
//! use rand::{SeedableRng, rngs::StdRng};
//! use serde::{Deserialize, Serialize};
//!
//! /// `y = x · scale`, with a trained factor for each feature.
//! #[derive(Module)]
//! #[module(config)]
//! struct Scaled {
//!     scale: Param,
//! }
//!
//! impl Scaled {
//!     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
//!         x * &self.scale
//!     }
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Sizes {
//!     features: usize,
//! }
//!
//! impl Configured for Scaled {
//!     const LAYER: &'static str = "scaled";
//!     type Data = Sizes;
//!     fn data(&self) -> Result<Sizes, Error> {
//!         Ok(Sizes { features: self.scale.numel() })
//!     }
//!     fn build(data: Sizes, _: &mut Parts<'_>) -> Result<Self, Error> {
//!         Ok(Scaled { scale: Param::new(Tensor::ones([data.features])) })
//!     }
//! }
//!
//! let registry = Registry::new().with::<Scaled>();
//! let config: Config = r#"{"layer": "residual", "inner": {"layer": "scaled", "features": 3}}"#.parse()?;
//! let model = registry.build(&config, &mut StdRng::seed_from_u64(0))?;
//! assert_eq!(model.predict(&Tensor::ones([1, 3])).to_vec(), [2.0; 3]);
//! assert_eq!(model.config()?, config);
//!
//! let unknown = config.build::<f64>(&mut StdRng::seed_from_u64(0)).err().unwrap().to_string();
//! assert!(unknown.starts_with("inner (scaled): no such layer is known; register it with Registry::with, or choose from"));
//! # Ok::<(), mlp::Error>(())
//! ```
//!
//! # Fields
//!
//! An initialiser ([`Init`](crate::Init)) is the name of a recipe, such as `"he_normal"`, `"orthogonal"` or `"zeros"`, or its numbers, such as
//! `{"constant": 0.1}`, `{"uniform": {"low": -1, "high": 1}}` or `{"scaled": {"gain": 1, "fan": "in", "distribution": "normal"}}`. An
//! [`Activation`](crate::Activation) is its text, such as `"tanh"` or `"leaky_relu(0.2)"`. A length is a number, or `[rows, columns]`. `inner`, and each of
//! `layers`, is a configuration.
//!
//! | `layer` | fields | fields with a usual value |
//! |---|---|---|
//! | `linear` | `inputs`, `outputs` | `bias` = true, `init` = `"glorot_uniform"`, `bias_init` = `"zeros"` |
//! | `dense`: [`Layer`](crate::Layer) of an [`Mlp`](crate::Mlp) | `inputs`, `units` | `activation` = `"identity"`, `norm` = none, `dropout` = 0, `bias`, `bias_init` as above, `init` = what suits the activation |
//! | `mlp` | `inputs`, `layers`: each as `dense`, without `layer` and `inputs` | |
//! | `conv1d`, `conv2d`, `conv_transpose1d`, `conv_transpose2d` | `channels`, `outputs`, `size` | `stride` = 1, `padding` = 0, `dilation` = 1, `groups` = 1, `output_padding` = 0 (transposed), `bias` = true, `init` = `"glorot_uniform"` |
//! | `max_pool1d`, `max_pool2d`, `avg_pool1d`, `avg_pool2d` | `size` | `stride` = `size`, `padding` = 0, `dilation` = 1, `exclude_padding` = false |
//! | `adaptive_avg_pool2d`, `adaptive_max_pool2d` | `size` | |
//! | `upsample2d` | `size`, `how`: `"nearest"`, `"bilinear"` or `"bilinear_corners"` | |
//! | `flatten` | | |
//! | `layer_norm`, `rms_norm` | `features` | `eps` = 1e-5, the machine epsilon |
//! | `batch_norm` | `channels` | `eps` = 1e-5, `momentum` = 0.1, `affine` = true |
//! | `group_norm` | `groups`, `channels` | `eps` = 1e-5, `affine` = true |
//! | `dropout`, `alpha_dropout` | `p` | |
//! | `activation`, `straight_through` | `function` | |
//! | `prelu` | | `features` = 1 |
//! | `embedding` | `count`, `width` | `padding` = none, `by_rows` = false, `init` = `{"normal": {"mean": 0, "std": 1}}` |
//! | `positions` | `longest`, `width` | `learned` = false, `init` = `{"normal": {"mean": 0, "std": 0.02}}` |
//! | `rnn`, `gru`, `lstm` | `inputs`, `hidden` | `layers` = 1, `last` = false, `segments` = none, `recurrent_init` = as the others, `gate_bias` = none, such as `{"forget": 1}` |
//! | `attention` | `width`, `heads` | `memory` = `width`, `causal` = false, `dropout` = 0, `bias` = true |
//! | `transformer` | `width`, `heads`, `inner`, `activation` | `causal` = false, `post_norm` = false, `dropout` = 0, `eps` = 1e-5, `strength` = 1 |
//! | `weight_norm` | `inner`: a layer with weights | |
//! | `spectral_norm` | `inner`: a layer with weights | `iterations` = 1 |
//! | `residual` | `inner` | `strength` = 1 |
//! | `sequential` | `layers` | |
//! | `network` | `inputs`, `parts`, `outputs`: see [`Network`](crate::Network) | |
//!
//! # Stability
//!
//! The text is made to be kept. A field keeps its name, its meaning and its usual value; a field that is new has a usual value that means what was
//! before. Where that cannot be, the text gets a field `version` beside the outermost `layer`. It is now 1, which is left out; a text of a later
//! version is refused.
//!
//! Initialisers serve a layer that is built anew. A layer does not remember how its weights were drawn, so its configuration does not tell.
//! Parameters that two layers share are two in a configuration; a [`Network`](crate::Network) may name one part twice.

mod configured;
pub(crate) mod fields;
mod json;
mod registry;

use std::fmt::{self, Display};
use std::str::FromStr;

use autograd::Float;
use rand::Rng;
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::nn::module::Module;

pub use configured::{Configured, Parts};
pub use registry::Registry;

/// The version of the text form.
const VERSION: u64 = 1;

/// The name of a part of what lies in `place`, as parameters have it.
pub(crate) fn inside(place: &str, name: &str) -> String {
    if place.is_empty() { name.into() } else { format!("{place}.{name}") }
}

/// A layer or model as plain data: its kind, and the fields of that kind; see [the page of all kinds](self).
///
/// Its text is JSON, on one line or, with `{:#}`, on several. It is also plain data for [`serde`].
///
/// ```
/// use mlp::{Config, Linear};
/// use rand::{SeedableRng, rngs::StdRng};
/// let config: Config = r#"{"layer": "linear", "inputs": 4, "outputs": 8}"#.parse()?;
/// let layer = config.build::<f64>(&mut StdRng::seed_from_u64(0))?;
/// assert_eq!(layer.input_width(), Some(4));
/// assert_eq!(format!("{config:#}"), "{\n  \"layer\": \"linear\",\n  \"inputs\": 4,\n  \"outputs\": 8\n}");
///
/// let error = r#"{"layer": "linear", "inputs": 4, "inputs": 5}"#.parse::<Config>().unwrap_err();
/// assert!(error.to_string().starts_with("configuration: the field `inputs` stands twice"));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    layer: String,
    fields: Map<String, Value>,
}

impl Config {
    /// The kind `layer` with the fields of `data`, a struct or a map.
    ///
    /// ```
    /// use mlp::Config;
    /// use std::collections::BTreeMap;
    /// let config = Config::new("linear", &BTreeMap::from([("inputs", 4), ("outputs", 8)]))?;
    /// assert_eq!(config, r#"{"layer": "linear", "inputs": 4, "outputs": 8}"#.parse()?);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `data` has no fields to name, or one that is named `layer`; if a value is null, as numbers are that are not finite, or the configuration lies
    /// deeper than 100 brackets.
    pub fn new(layer: impl Into<String>, data: &impl Serialize) -> Result<Self> {
        let layer = layer.into();
        let invalid = |problem: String| Error::config(&layer, problem);
        let fields = match serde_json::to_value(data).map_err(|error| invalid(error.to_string()))? {
            Value::Object(fields) => fields,
            Value::Null => Map::new(), // of a struct without fields
            other => {
                return Err(invalid(format!("its data are {other}, without names; use a struct with named fields")));
            }
        };
        if fields.contains_key("layer") {
            return Err(invalid("a field is named `layer`, which names the kind of layer; rename it".into()));
        }
        fields.values().try_for_each(|value| json::check(value, 1)).map_err(invalid)?;
        Ok(Config { layer, fields })
    }

    /// The configuration of a layer: what [`Module::config`] returns where the layer is [`Configured`].
    ///
    /// # Errors
    /// As [`Configured::data`] and [`Config::new`].
    pub fn of<T: Float, L: Configured<T>>(layer: &L) -> Result<Self> {
        Config::new(L::LAYER, &layer.data()?)
    }

    /// The configuration of a part of a model; an error names its `place`.
    ///
    /// ```
    /// use autograd::Var;
    /// use mlp::{Config, Function};
    /// let layer = Function::new("flatten", |x: Var| x);
    /// let error = Config::of_part("layers.3", &layer).unwrap_err().to_string();
    /// assert!(error.starts_with("layers.3 (flatten): a function has the name of a layer of this crate"));
    /// ```
    ///
    /// # Errors
    /// If the part has none.
    pub fn of_part<T: Float>(place: impl Display, part: &(impl Module<T> + ?Sized)) -> Result<Self> {
        part.config().map_err(|error| error.within(place))
    }

    /// The kind of layer.
    pub fn layer(&self) -> &str {
        &self.layer
    }

    /// The fields as data of type `D`.
    ///
    /// ```
    /// use mlp::Config;
    /// use std::collections::BTreeMap;
    /// let config: Config = r#"{"layer": "linear", "inputs": 4, "outputs": 8}"#.parse()?;
    /// assert_eq!(config.data::<BTreeMap<String, usize>>()?["outputs"], 8);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a field is missing, unknown or of another type; the error names it.
    pub fn data<D: DeserializeOwned>(&self) -> Result<D> {
        serde_path_to_error::deserialize(&self.fields)
            .map_err(|error| Error::config(&self.layer, json::problem(&error)))
    }

    /// Builds the layer, with weights drawn from `rng`; the layers of this crate are known. See [`Registry::build`] for yours.
    ///
    /// # Errors
    /// As [`Registry::build`].
    pub fn build<T: Float>(&self, rng: &mut (impl Rng + ?Sized)) -> Result<Box<dyn Module<T>>> {
        Registry::new().build(self, rng)
    }

    /// A kind of layer without fields.
    pub(crate) fn bare(layer: impl Into<String>) -> Self {
        Config { layer: layer.into(), fields: Map::new() }
    }

    /// Without the field `name`, and what it held.
    pub(crate) fn without(mut self, name: &str) -> (Self, Option<Value>) {
        let value = self.fields.shift_remove(name);
        (self, value)
    }

    /// With another field.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    /// Whether it says no more than what kind of layer it is.
    pub(crate) fn is_bare(&self) -> bool {
        self.fields.is_empty()
    }

    fn from_value(value: Value) -> Result<Self, String> {
        json::check(&value, 0)?;
        let Value::Object(mut fields) = value else {
            return Err(format!("{} is no layer; {}", json::short(&value), json::NEEDED));
        };
        match fields.shift_remove("layer") {
            Some(Value::String(layer)) if !layer.is_empty() => Ok(Config { layer, fields }),
            Some(other) => {
                Err(format!("`layer` is {}, and names a kind of layer; {}", json::short(&other), json::NEEDED))
            }
            None => Err(format!("the field `layer` is missing, which names the kind of layer; {}", json::NEEDED)),
        }
    }
}

impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.fields.len()))?;
        map.serialize_entry("layer", &self.layer)?;
        self.fields.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json::Unique(value) = Deserialize::deserialize(deserializer)?;
        Config::from_value(value).map_err(D::Error::custom)
    }
}

impl Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if f.alternate() { serde_json::to_string_pretty(self) } else { serde_json::to_string(self) };
        f.write_str(&text.map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Config {
    type Err = Error;

    /// # Errors
    /// If the text is no JSON of this form, a field stands twice, a value is null, or it lies deeper than 100 brackets.
    fn from_str(text: &str) -> Result<Self> {
        let invalid = |problem: String| Error::config("configuration", problem);
        let json::Unique(mut value) = serde_json::from_str(text).map_err(|error| invalid(json::unread(&error)))?;
        let version = value.as_object_mut().and_then(|fields| fields.shift_remove("version"));
        if let Some(version) = version.filter(|version| version.as_u64() != Some(VERSION)) {
            let version = json::short(&version);
            return Err(invalid(format!(
                "its version is {version}, and {VERSION} is known; read it with a newer release of this crate"
            )));
        }
        Config::from_value(value).map_err(invalid)
    }
}
