//! Modules beyond [`Activation`]: straight-through, parametric and custom activations.

use std::fmt;

use autograd::{Float, Param, Parameters, Shape, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::{Activation, Data, activation_row};
use crate::Error;
use crate::error::room;
use crate::nn::config::{Config, Configured, Parts, Registry, fields};
use crate::nn::layers::{check_features, features_fit};
use crate::nn::module::{LayerRow, Module};
use crate::nn::probe::Probe;
use crate::nn::state_dict::StateDict;

/// An activation with the derivative of the identity, so that step functions can be trained.
///
/// `y = f(z)`, `dz = dy` (Bengio, Léonard & Courville 2013). On a single neuron with [`Activation::UnitStep`] or
/// [`Activation::Sign`] and the squared error, gradient descent is the perceptron rule.
///
/// ```
/// use autograd::Tape;
/// use mlp::{Activation, Module, StraightThrough};
/// let tape = Tape::new();
/// let z = tape.var([-0.3, 0.7]);
/// let y = StraightThrough(Activation::UnitStep).forward(z);
/// assert_eq!(y.value().to_vec(), [0.0, 1.0]);
/// assert_eq!(y.sum().backward()[z].to_vec(), [1.0, 1.0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StraightThrough(
    /// The activation that gives the value.
    pub Activation,
);

impl<T: Float> Module<T> for StraightThrough {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        // z − z is exactly 0, so the value is exactly f(z); z + (f(z) − z) would round.
        (x - x.detach()) + self.0.apply(x).detach()
    }

    fn forward_with<'t>(&self, x: Var<'t, T>, probe: &mut Probe<'_>) -> Var<'t, T> {
        probe.activation(self.0, x, |x| self.forward(x))
    }

    fn parameters(&self) -> Parameters<T> {
        Parameters::new()
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        Ok(Some(input.clone()))
    }

    fn output_activation(&self) -> Option<Activation> {
        Some(self.0)
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of::<T, _>(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        activation_row("straight_through", self.0.to_string(), 0)
    }
}

impl<T: Float> Configured<T> for StraightThrough {
    const LAYER: &'static str = "straight_through";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        Ok(Data { function: self.0 })
    }

    fn build(data: Data, _: &mut Parts<'_, T>) -> Result<Self, Error> {
        Ok(StraightThrough(data.function))
    }
}

/// The parametric rectifier: `z` for z > 0, else `αz`, with a trained α (He et al. 2015).
///
/// One α serves all values, or each feature has its own: `(…, features) → (…, features)`. α starts at ¼, as in the
/// paper. The derivative at 0 is α.
///
/// ```
/// use autograd::Tape;
/// use mlp::{Module, PRelu};
/// let prelu = PRelu::new(1)?;
/// let tape = Tape::new();
/// let y = prelu.forward(tape.var([-2.0, 3.0]));
/// assert_eq!(y.value().to_vec(), [-0.5, 3.0]);
/// assert_eq!(y.sum().backward()[&prelu.alpha].item(), -2.0);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct PRelu<T: Float = f64> {
    /// α, of shape (1,) or (features,).
    pub alpha: Param<T>,
}

impl<T: Float> PRelu<T> {
    /// Creates one α per feature; with `features` = 1 all values share one α.
    ///
    /// # Errors
    /// If `features` is 0, or memory cannot hold so many.
    pub fn new(features: usize) -> Result<Self, Error> {
        if features == 0 {
            return Err(Error::invalid("prelu", "0 features have no α; 1 shares it among all"));
        }
        room("prelu", &[features])?;
        Ok(PRelu { alpha: Param::new(Tensor::full([features], T::from_f64(0.25))) })
    }
}

impl<T: Float> Module<T> for PRelu<T> {
    /// # Panics
    /// If there are several α and the row length of `x` differs from their number.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        if self.alpha.numel() != 1 {
            check_features("prelu", x, self.alpha.numel());
        }
        x.greater(0.0).select(x, x * &self.alpha)
    }

    fn forward_with<'t>(&self, x: Var<'t, T>, probe: &mut Probe<'_>) -> Var<'t, T> {
        if !probe.is_on() {
            return self.forward(x); // inside the closure, a shape error would report this line instead of the caller's
        }
        probe.activation("prelu", x, |x| self.forward(x))
    }

    fn parameters(&self) -> Parameters<T> {
        Parameters::new().with("alpha", &self.alpha)
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        Ok(StateDict::new().with("weight", &self.alpha))
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        if self.alpha.numel() != 1 {
            features_fit("prelu", input, self.alpha.numel())?;
        }
        Ok(Some(input.clone()))
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        activation_row("prelu", "prelu".into(), self.alpha.numel())
    }
}

/// A [`PRelu`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Features {
    #[serde(skip_serializing_if = "Option::is_none")]
    features: Option<usize>,
}

impl<T: Float> Configured<T> for PRelu<T> {
    const LAYER: &'static str = "prelu";
    type Data = Features;

    fn data(&self) -> Result<Features, Error> {
        Ok(Features { features: fields::unless(1, self.alpha.numel()) })
    }

    fn build(data: Features, _: &mut Parts<'_, T>) -> Result<Self, Error> {
        PRelu::new(data.features.unwrap_or(1))
    }
}

/// A custom function without parameters, such as an activation, as a named module.
///
/// Its configuration is its name; [`Registry::with_builder`](crate::Registry::with_builder) says what it computes.
///
/// ```
/// use autograd::{Tensor, Var};
/// use mlp::{Function, Module};
/// let cube = Function::new("cube", |z: Var| z.powi(3));
/// assert_eq!(cube.predict(&Tensor::from([2.0])).to_vec(), [8.0]);
/// assert_eq!(cube.describe()[0].activation, "cube");
/// ```
pub struct Function<T: Float = f64> {
    name: String,
    f: Box<Formula<T>>,
}

type Formula<T> = dyn for<'t> Fn(Var<'t, T>) -> Var<'t, T> + Send + Sync;

impl<T: Float> Function<T> {
    /// A module that computes `f`; `name` appears in tables.
    pub fn new(name: impl Into<String>, f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T> + Send + Sync + 'static) -> Self {
        Function { name: name.into(), f: Box::new(f) }
    }
}

impl<T: Float> fmt::Debug for Function<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({})", self.name)
    }
}

impl<T: Float> Module<T> for Function<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        (self.f)(x)
    }

    fn forward_with<'t>(&self, x: Var<'t, T>, probe: &mut Probe<'_>) -> Var<'t, T> {
        probe.activation(&self.name, x, |x| (self.f)(x))
    }

    fn parameters(&self) -> Parameters<T> {
        Parameters::new()
    }

    fn config(&self) -> Result<Config, Error> {
        // The name alone, for a builder of the same name. It must not lead to another layer.
        match Registry::<T>::new().names().any(|name| name == self.name) {
            true => Err(Error::config(&self.name, "a function has the name of a layer of this crate; give it another")),
            false => Ok(Config::bare(&self.name)),
        }
    }

    fn describe(&self) -> Vec<LayerRow> {
        activation_row("function", self.name.clone(), 0)
    }
}
