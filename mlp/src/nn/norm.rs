//! [`Norm`]: the normalisation within a layer of an [`Mlp`](crate::Mlp).

use autograd::{Float, Parameters, Shape, Var};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::Error;
use crate::nn::config::{Config, Configured, Parts};
use crate::nn::layers::{BatchNorm, LayerNorm, RmsNorm};
use crate::nn::module::{LayerRow, Module};
use crate::nn::state_dict::StateDict;

/// The normalisation of the sums of a [`Layer`](crate::Layer): one of the layers that normalise features.
///
/// ```
/// use autograd::Tensor;
/// use mlp::{LayerNorm, Module, Norm};
/// let norm = Norm::Layer(LayerNorm::new(2)?);
/// assert!(norm.predict(&Tensor::from([[10.0, 30.0]])).is_close(&Tensor::from([[-1.0, 1.0]]), 1e-6));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub enum Norm<T: Float = f64> {
    /// Over the features of each sample.
    Layer(LayerNorm<T>),
    /// Over the samples of a batch, for each feature.
    Batch(BatchNorm<T>),
    /// By the root mean square of the features of each sample.
    Rms(RmsNorm<T>),
}

impl<T: Float> Norm<T> {
    fn module(&self) -> &dyn Module<T> {
        match self {
            Norm::Layer(norm) => norm,
            Norm::Batch(norm) => norm,
            Norm::Rms(norm) => norm,
        }
    }
}

impl<T: Float> Module<T> for Norm<T> {
    /// # Panics
    /// If `x` does not fit the normalisation.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        // Not through `dyn`, which would lose the caller's line.
        match self {
            Norm::Layer(norm) => norm.forward(x),
            Norm::Batch(norm) => norm.forward(x),
            Norm::Rms(norm) => norm.forward(x),
        }
    }

    fn parameters(&self) -> Parameters<T> {
        self.module().parameters()
    }

    fn buffers(&self) -> Parameters<T> {
        self.module().buffers()
    }

    fn input_width(&self) -> Option<usize> {
        self.module().input_width()
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        self.module().output_shape(input)
    }

    fn check_training(&self, input: &Shape) -> Result<(), Error> {
        self.module().check_training(input)
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        self.module().state_dict()
    }

    fn config(&self) -> Result<Config, Error> {
        self.module().config()
    }

    fn describe(&self) -> Vec<LayerRow> {
        self.module().describe()
    }
}

/// A [`Norm`] as data: the kind of layer and its options; its size is that of the layer whose sums it normalises.
///
/// Without options it is the name alone.
#[derive(Debug)]
pub(crate) struct NormData(Config);

/// Each kind, and the name of its size.
const SIZES: [(&str, &str); 3] = [("layer_norm", "features"), ("batch_norm", "channels"), ("rms_norm", "features")];

impl NormData {
    /// Without options.
    pub(super) fn usual(kind: &'static str) -> Self {
        NormData(Config::bare(kind))
    }

    pub(super) fn of<T: Float>(norm: &Norm<T>) -> Result<Self, Error> {
        let config = Config::of_part("norm", norm.module())?;
        Ok(NormData(SIZES.iter().fold(config, |config, (_, size)| config.without(size).0)))
    }

    /// With the size of a layer of so many units.
    pub(crate) fn sized(self, features: usize) -> Result<Config, Error> {
        let NormData(config) = self;
        let Some((_, size)) = SIZES.iter().find(|(kind, _)| *kind == config.layer()) else {
            let problem =
                format!("it normalises no layer of an mlp; choose from {}", SIZES.map(|(kind, _)| kind).join(", "));
            return Err(Error::config(config.layer(), problem));
        };
        let (config, given) = config.without(size);
        if given.is_some() {
            let problem = format!("`{size}` is given, which are the units of the layer; remove the field");
            return Err(Error::config(config.layer(), problem));
        }
        Ok(config.with(size, features))
    }

    pub(super) fn build<T: Float>(self, features: usize, parts: &mut Parts<'_, T>) -> Result<Norm<T>, Error> {
        let config = self.sized(features).map_err(|error| error.within("norm"))?;
        let norm = match config.layer() {
            "layer_norm" => config.data().and_then(|data| LayerNorm::build(data, parts)).map(Norm::Layer),
            "batch_norm" => config.data().and_then(|data| BatchNorm::build(data, parts)).map(Norm::Batch),
            _ => config.data().and_then(|data| RmsNorm::build(data, parts)).map(Norm::Rms),
        };
        norm.map_err(|error| error.of_layer(config.layer()).within("norm"))
    }
}

impl Serialize for NormData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.is_bare() {
            true => serializer.serialize_str(self.0.layer()),
            false => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for NormData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(kind) => Ok(NormData(Config::bare(kind))),
            other => Config::deserialize(other).map(NormData).map_err(D::Error::custom),
        }
    }
}
