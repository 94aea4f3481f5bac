//! [`Mlp`]: the multilayer perceptron, its [`Layer`], and its [builder](MlpBuilder).

mod builder;
mod layer;

use std::fmt;

use autograd::{Float, Parameters, Shape, Var};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::nn::activation::Activation;
use crate::nn::config::{Config, Configured, Parts};
use crate::nn::module::{LayerRow, Module, check_training_of, numbered, rows_for, shape_behind, summary};
use crate::nn::probe::Probe;
use crate::nn::state_dict::StateDict;

pub use builder::MlpBuilder;
use layer::Dense;
pub use layer::Layer;

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

impl Mlp {
    /// Starts a builder for rows of `inputs` values; [`MlpBuilder::build`] chooses the number type.
    #[expect(clippy::new_ret_no_self, reason = "a network without layers is none; the builder collects them")]
    pub fn new(inputs: usize) -> MlpBuilder {
        MlpBuilder::new(inputs)
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

    fn check_training(&self, input: &Shape) -> Result<(), Error> {
        check_training_of(self.layers.iter().map(|layer| layer as &dyn Module<T>), input)
    }

    fn describe_for(&self, input: &Shape) -> Result<Vec<(LayerRow, Option<Shape>)>, Error> {
        rows_for(self.layers.iter().map(|layer| layer as &dyn Module<T>), input)
    }

    fn output_activation(&self) -> Option<Activation> {
        self.layers.last()?.output_activation()
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        StateDict::sequence(self.layers.iter().flat_map(Layer::sequence))
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
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

/// An [`Mlp`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    inputs: usize,
    pub(crate) layers: Vec<Dense>,
}

impl Data {
    /// Builds the layers in their order, each with as many inputs as the one before has units; `place` adds the position to an error.
    fn build<T: Float>(self, parts: &mut Parts<'_, T>, place: impl Fn(usize, Error) -> Error) -> Result<Mlp<T>, Error> {
        let mut inputs = self.inputs;
        let build = |(i, layer): (usize, Dense)| {
            let units = layer.units;
            let layer = layer.build(inputs, parts).map_err(|error| place(i, error))?;
            inputs = units;
            Ok(layer)
        };
        Ok(Mlp { layers: self.layers.into_iter().enumerate().map(build).collect::<Result<_, Error>>()? })
    }
}

impl<T: Float> Configured<T> for Mlp<T> {
    const LAYER: &'static str = "mlp";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        let inputs = self.layers.first().map_or(0, |layer| layer.linear.inputs());
        let mut before = inputs;
        let data = |(i, layer): (usize, &Layer<T>)| {
            let data = layer.data().map_err(|error| error.within(format_args!("layers.{i}")))?;
            let (needed, found) = (data.inputs, std::mem::replace(&mut before, data.units));
            match needed == Some(found) {
                true => Ok(Dense { inputs: None, ..data }),
                false => {
                    let problem =
                        format!("layer {i} does not take the {found} values that it is given; change its weights");
                    Err(Error::config("mlp", problem))
                }
            }
        };
        Ok(Data { inputs, layers: self.layers.iter().enumerate().map(data).collect::<Result<_, _>>()? })
    }

    fn build(data: Data, parts: &mut Parts<'_, T>) -> Result<Self, Error> {
        if let Some(i) = data.layers.iter().position(|layer| layer.inputs.is_some()) {
            let problem =
                format!("layer {i} gives its inputs, which are the units of the layer before; remove the field");
            return Err(Error::invalid("mlp", problem));
        }
        // The identity takes rows of any width, and its data come back.
        if data.layers.is_empty() && data.inputs > 0 {
            let problem =
                format!("no layer takes the {} inputs; give layers, or 0 inputs for the identity", data.inputs);
            return Err(Error::invalid("mlp", problem));
        }
        data.build(parts, |i, error| error.of_layer("dense").within(format_args!("layers.{i}")))
    }
}
