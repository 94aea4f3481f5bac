//! [`Sequential`]: a chain of modules.

use std::fmt;

use autograd::{Float, Parameters, Shape, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::nn::config::{Config, Configured, Parts};
use crate::nn::module::{LayerRow, Module, check_training_of, numbered, rows_for, shape_behind, summary};
use crate::nn::probe::Probe;
use crate::nn::state_dict::StateDict;
use crate::{Activation, Error};

/// A chain of modules: `y = fₙ(…f₁(f₀(x)))`.
///
/// Parameter names begin with the position of their module: `0.w`, `0.b`, `2.w`.
///
/// ```
/// use autograd::{Param, Parameters};
/// use mlp::{Activation, Linear, Module, Sequential};
/// let layer = |w: [[f64; 1]; 2]| Linear { w: Param::new(w), b: Some(Param::new([0.0])) };
/// let model = Sequential::new().then(layer([[1.0], [2.0]])).then(Activation::Tanh);
/// assert_eq!(model.parameters().names().collect::<Vec<_>>(), ["0.w", "0.b"]);
/// assert!(model.to_string().contains("tanh"));
/// ```
pub struct Sequential<T: Float = f64>(Vec<Box<dyn Module<T>>>);

impl<T: Float> Sequential<T> {
    /// Creates an empty chain: the identity.
    pub fn new() -> Self {
        Sequential(Vec::new())
    }

    /// Appends `module`.
    #[must_use]
    pub fn then(mut self, module: impl Module<T> + 'static) -> Self {
        self.0.push(Box::new(module));
        self
    }

    /// What each module names, with its position before the names.
    fn gathered(&self, of: impl Fn(&dyn Module<T>) -> Parameters<T>) -> Parameters<T> {
        let all = self.0.iter().enumerate();
        all.fold(Parameters::new(), |all, (i, module)| all.with_all(&i.to_string(), &of(&**module)))
    }
}

impl<T: Float> Default for Sequential<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Float> Module<T> for Sequential<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.forward_with(x, &mut Probe::off())
    }

    fn forward_with<'t>(&self, x: Var<'t, T>, probe: &mut Probe<'_>) -> Var<'t, T> {
        let mut y = x;
        for (i, module) in self.0.iter().enumerate() {
            probe.enter(i);
            y = module.forward_with(y, probe);
            probe.leave();
        }
        y
    }

    fn parameters(&self) -> Parameters<T> {
        self.gathered(|module| module.parameters())
    }

    fn buffers(&self) -> Parameters<T> {
        self.gathered(|module| module.buffers())
    }

    fn input_width(&self) -> Option<usize> {
        self.0.first()?.input_width()
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        shape_behind(self.0.iter().map(|module| &**module), input)
    }

    fn check_inputs(&self, inputs: &Tensor<T>) -> Result<(), Error> {
        for module in &self.0 {
            module.check_inputs(inputs)?;
            if !module.keeps_values() {
                break;
            }
        }
        Ok(())
    }

    fn keeps_values(&self) -> bool {
        self.0.iter().all(|module| module.keeps_values())
    }

    fn check_training(&self, input: &Shape) -> Result<(), Error> {
        check_training_of(self.0.iter().map(|module| &**module), input)
    }

    fn describe_for(&self, input: &Shape) -> Result<Vec<(LayerRow, Option<Shape>)>, Error> {
        rows_for(self.0.iter().map(|module| &**module), input)
    }

    fn output_activation(&self) -> Option<Activation> {
        self.0.last()?.output_activation()
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        StateDict::sequence(self.0.iter().map(|module| &**module as &dyn Module<T>))
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        let rows = self.0.iter().enumerate();
        rows.flat_map(|(i, module)| module.describe().into_iter().map(move |row| numbered(i, row))).collect()
    }
}

impl<T: Float> fmt::Display for Sequential<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&summary(self))
    }
}

impl<T: Float> fmt::Debug for Sequential<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A [`Sequential`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub(crate) layers: Vec<Config>,
}

impl<T: Float> Configured<T> for Sequential<T> {
    const LAYER: &'static str = "sequential";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        let layers = self.0.iter().enumerate();
        Ok(Data {
            layers: layers
                .map(|(i, layer)| Config::of_part(format_args!("layers.{i}"), layer))
                .collect::<Result<_, _>>()?,
        })
    }

    fn build(data: Data, parts: &mut Parts<'_, T>) -> Result<Self, Error> {
        let layers = data.layers.iter().enumerate();
        layers
            .map(|(i, layer)| parts.build(format_args!("layers.{i}"), layer))
            .collect::<Result<_, _>>()
            .map(Sequential)
    }
}
