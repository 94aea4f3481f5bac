//! [`Residual`]: a module with a skip connection.

use std::fmt;

use autograd::{Float, Parameters, Shape, Var};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::or_panic;
use crate::nn::config::{Config, Configured, Parts};
use crate::nn::module::{LayerRow, Module, summary};
use crate::nn::probe::Probe;
use crate::nn::state_dict::StateDict;

/// A module with a skip connection: `y = x + f(x)` (He et al. 2016).
///
/// The gradient `dx = dy + f'ᵀ·dy` keeps the term `dy`, so it does not vanish with f'.
///
/// ```
/// use autograd::Tensor;
/// use mlp::{Activation, Module, Residual};
/// let y = Residual::new(Activation::Relu).predict(&Tensor::from([-1.0, 2.0]));
/// assert_eq!(y.to_vec(), [-1.0, 4.0]);
/// ```
pub struct Residual<T: Float = f64>(Box<dyn Module<T>>);

impl<T: Float> Residual<T> {
    /// Adds a skip connection around `f`, whose output must have the shape of its input.
    pub fn new(f: impl Module<T> + 'static) -> Self {
        Residual(Box::new(f))
    }
}

impl<T: Float> Module<T> for Residual<T> {
    /// # Panics
    /// If `f(x)` does not have the shape of `x`.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.forward_with(x, &mut Probe::off())
    }

    #[track_caller]
    fn forward_with<'t>(&self, x: Var<'t, T>, probe: &mut Probe<'_>) -> Var<'t, T> {
        let y = self.0.forward_with(x, probe);
        or_panic(equal(&x.shape(), &y.shape()));
        probe.output("residual", x + y)
    }

    fn parameters(&self) -> Parameters<T> {
        self.0.parameters()
    }

    fn buffers(&self) -> Parameters<T> {
        self.0.buffers()
    }

    fn input_width(&self) -> Option<usize> {
        self.0.input_width()
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        let output = self.0.output_shape(input)?;
        output.as_ref().map_or(Ok(()), |output| equal(input, output))?;
        Ok(output)
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        StateDict::new().with_part("inner", &self.0)
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        self.0.describe().into_iter().map(within).collect()
    }

    fn describe_for(&self, input: &Shape) -> Result<Vec<(LayerRow, Option<Shape>)>, Error> {
        self.output_shape(input)?;
        Ok(self.0.describe_for(input)?.into_iter().map(|(row, shape)| (within(row), shape)).collect())
    }
}

fn within(row: LayerRow) -> LayerRow {
    LayerRow { layer: format!("residual {}", row.layer), ..row }
}

fn equal(from: &Shape, to: &Shape) -> Result<(), Error> {
    match from == to {
        true => Ok(()),
        false => Err(Error::invalid(
            "residual",
            format!("the module turns shape {from} into {to}; a shortcut needs equal shapes"),
        )),
    }
}

impl<T: Float> fmt::Debug for Residual<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&summary(self))
    }
}

/// A [`Residual`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub(crate) inner: Config,
}

impl<T: Float> Configured<T> for Residual<T> {
    const LAYER: &'static str = "residual";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        Ok(Data { inner: Config::of_part("inner", &self.0)? })
    }

    fn build(data: Data, parts: &mut Parts<'_, T>) -> Result<Self, Error> {
        Ok(Residual(parts.build("inner", &data.inner)?))
    }
}
