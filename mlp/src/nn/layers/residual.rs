//! [`Residual`]: a module with a skip connection.

use std::fmt;

use autograd::{Float, Parameters, Shape, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::{or_panic, shown};
use crate::nn::config::{Config, Configured, Parts, fields};
use crate::nn::module::{LayerRow, Module, summary};
use crate::nn::probe::Probe;
use crate::nn::state_dict::StateDict;

/// A module with a skip connection: `y = x + s·f(x)` (He et al. 2016), with the constant strength s = 1 unless another is set.
///
/// The gradient `dx = dy + s·f'ᵀ·dy` keeps the term `dy`, so it does not vanish with f'.
///
/// ```
/// use autograd::Tensor;
/// use mlp::{Activation, Module, Residual};
/// let y = Residual::new(Activation::Relu).predict(&Tensor::from([-1.0, 2.0]));
/// assert_eq!(y.to_vec(), [-1.0, 4.0]);
/// ```
pub struct Residual<T: Float = f64> {
    inner: Box<dyn Module<T>>,
    strength: f64,
}

impl<T: Float> Residual<T> {
    /// Adds a skip connection around `f`, whose output must have the shape of its input.
    pub fn new(f: impl Module<T> + 'static) -> Self {
        Residual { inner: Box::new(f), strength: 1.0 }
    }

    /// Sets the strength s, a constant, of the branch.
    ///
    /// With 1/√L in each of L branches, random ones add up to the size of one, and with 1/L those that learning has made alike:
    /// see [`DepthScaling`](crate::scaling::DepthScaling).
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::{Activation, Module, Residual};
    /// let y = Residual::new(Activation::Relu).strength(0.25)?.predict(&Tensor::from([-1.0, 2.0]));
    /// assert_eq!(y.to_vec(), [-1.0, 2.5]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `strength` is not finite.
    pub fn strength(self, strength: f64) -> Result<Self, Error> {
        check_strength("residual", strength)?;
        Ok(Residual { strength, ..self })
    }

    fn named(&self, row: LayerRow) -> LayerRow {
        let layer = match self.strength {
            1.0 => format!("residual {}", row.layer),
            strength => format!("residual({}) {}", shown(strength), row.layer),
        };
        LayerRow { layer, ..row }
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
        let y = self.inner.forward_with(x, probe);
        or_panic(equal(&x.shape(), &y.shape()));
        probe.output("residual", x + scaled(y, self.strength))
    }

    fn parameters(&self) -> Parameters<T> {
        self.inner.parameters()
    }

    fn buffers(&self) -> Parameters<T> {
        self.inner.buffers()
    }

    fn input_width(&self) -> Option<usize> {
        self.inner.input_width()
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        let output = self.inner.output_shape(input)?;
        output.as_ref().map_or(Ok(()), |output| equal(input, output))?;
        Ok(output)
    }

    fn check_inputs(&self, inputs: &Tensor<T>) -> Result<(), Error> {
        self.inner.check_inputs(inputs)
    }

    fn check_training(&self, input: &Shape) -> Result<(), Error> {
        self.inner.check_training(input)
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        StateDict::new().with_part("inner", &self.inner)
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        self.inner.describe().into_iter().map(|row| self.named(row)).collect()
    }

    fn describe_for(&self, input: &Shape) -> Result<Vec<(LayerRow, Option<Shape>)>, Error> {
        self.output_shape(input)?;
        Ok(self.inner.describe_for(input)?.into_iter().map(|(row, shape)| (self.named(row), shape)).collect())
    }
}

/// What a branch of this strength adds.
#[track_caller]
pub(super) fn scaled<'t, T: Float>(y: Var<'t, T>, strength: f64) -> Var<'t, T> {
    if strength == 1.0 { y } else { y * strength }
}

/// `Ok` if a branch can have this strength.
pub(super) fn check_strength(layer: &'static str, strength: f64) -> Result<(), Error> {
    match strength.is_finite() {
        true => Ok(()),
        false => Err(Error::invalid(layer, format!("strength = {}; give it a finite number", shown(strength)))),
    }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) strength: Option<f64>,
}

impl<T: Float> Configured<T> for Residual<T> {
    const LAYER: &'static str = "residual";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        let strength = fields::unless(1.0, self.strength);
        Ok(Data { inner: Config::of_part("inner", &self.inner)?, strength })
    }

    fn build(data: Data, parts: &mut Parts<'_, T>) -> Result<Self, Error> {
        Residual { inner: parts.build("inner", &data.inner)?, strength: 1.0 }.strength(data.strength.unwrap_or(1.0))
    }
}
