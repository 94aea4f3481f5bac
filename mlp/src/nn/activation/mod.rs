//! Activations: the named [`Activation`] (one row of `table` each), the parametric [`PRelu`], the [`StraightThrough`]
//! step, and the custom [`Function`].

mod modules;
mod table;

use std::fmt;
use std::str::FromStr;

use autograd::{Float, Parameters, Shape, Unary, Var};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;
use crate::error::shown;
use crate::nn::config::{Config, Configured, Parts};
use crate::nn::init::Init;
use crate::nn::module::{LayerRow, Module};
use crate::nn::probe::Probe;
pub use modules::{Function, PRelu, StraightThrough};
use table::activation_table;

/// The type of an activation's argument.
macro_rules! number {
    ($arg:ident) => {
        f64
    };
}

macro_rules! define_activations {
    (($z:ident) $(
        $(#[$doc:meta])*
        $Variant:ident $(($arg:ident = $usual:expr))? $({ $($(#[$about:meta])* $field:ident = $start:expr),* })?,
        $name:literal, $value:expr, $range:expr, $init:expr, $row:expr;
    )*) => {
        /// A function applied to each pre-activation of a layer (the two softmaxes: to each row).
        ///
        /// Names round-trip through text: `"leaky_relu(0.01)"`, or `"leaky_relu"` for the default argument.
        ///
        /// ```
        /// use autograd::Tape;
        /// use mlp::Activation;
        /// let tape = Tape::new();
        /// let z = tape.var([-2.0, 0.0, 3.0]);
        /// assert_eq!(Activation::UnitStep.apply(z).value().to_vec(), [0.0, 0.5, 1.0]);
        /// let leaky: Activation = "leaky_relu".parse()?;
        /// assert_eq!(leaky, Activation::LeakyRelu(0.01));
        /// assert_eq!(leaky.to_string(), "leaky_relu(0.01)");
        /// # Ok::<(), mlp::Error>(())
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq)]
        #[non_exhaustive]
        pub enum Activation {
            $($(#[$doc])* $Variant $((number!($arg)))? $({ $($(#[$about])* $field: f64),* })?,)*
        }

        impl Activation {
            /// Every activation, with its default arguments.
            ///
            /// ```
            /// use mlp::Activation;
            /// for activation in Activation::ALL {
            ///     assert_eq!(activation.to_string().parse::<Activation>()?, activation);
            /// }
            /// # Ok::<(), mlp::Error>(())
            /// ```
            pub const ALL: [Activation; <[&str]>::len(&[$($name),*])] =
                [$(Activation::$Variant $(($usual))? $({ $($field: $start),* })?),*];

            /// Applies the activation to each value of `z` (softmaxes: to each row).
            ///
            /// # Panics
            /// If a softmax is applied to a `z` without axes.
            #[must_use]
            #[track_caller]
            pub fn apply<T: Float>(self, $z: Var<'_, T>) -> Var<'_, T> {
                match self { $(Activation::$Variant $(($arg))? $({ $($field),* })? => $value,)* }
            }

            /// The name without arguments, such as `leaky_relu`.
            pub fn name(self) -> &'static str {
                match self { $(Activation::$Variant { .. } => $name,)* }
            }

            /// The initialiser of the weights before it, unless [`MlpBuilder`](crate::MlpBuilder) is given another.
            ///
            /// He normal for functions that suppress one side (He et al. 2015), LeCun normal for SELU (Klambauer et
            /// al. 2017), Glorot uniform for the others (Glorot & Bengio 2010).
            ///
            /// ```
            /// use mlp::{Activation, Init};
            /// assert_eq!(Activation::Relu.usual_init(), Init::he_normal());
            /// assert_eq!(Activation::Tanh.usual_init(), Init::glorot_uniform());
            /// ```
            pub fn usual_init(self) -> Init {
                match self { $(Activation::$Variant { .. } => $init,)* }
            }

            /// The range of its values, if it is bounded on at least one side.
            pub(crate) fn range(self) -> Option<[f64; 2]> {
                match self { $(Activation::$Variant { .. } => $range,)* }
            }

            /// The `autograd` operation that a [dense layer](Var::dense) fuses with its weighted sums.
            pub(crate) fn row(self) -> Option<Unary> {
                match self { $(Activation::$Variant { .. } => $row,)* }
            }

            fn arguments(self) -> Vec<f64> {
                match self {
                    $(Activation::$Variant $(($arg))? $({ $($field),* })? => vec![$($arg)? $($($field),*)?],)*
                }
            }

            fn with_arguments(self, arguments: &[f64]) -> Option<Self> {
                match (self, arguments) {
                    $((Activation::$Variant { .. }, &[$($arg)? $($($field),*)?]) => {
                        Some(Activation::$Variant $(($arg))? $({ $($field),* })?)
                    })*
                    _ => None,
                }
            }
        }
    };
}

activation_table!(define_activations);

impl Activation {
    /// `Ok` if its arguments are finite.
    pub(crate) fn check(self) -> Result<(), Error> {
        match self.arguments().into_iter().all(f64::is_finite) {
            true => Ok(()),
            false => Err(Error::invalid("activation", format!("`{self}` has an argument that is not finite"))),
        }
    }
}

fn last_axis<T: Float>(z: Var<'_, T>) -> usize {
    // Without axes this is axis 0, which the softmax rejects with its own message.
    z.shape().len().saturating_sub(1)
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments: Vec<_> = self.arguments().iter().map(shown).collect();
        match arguments.is_empty() {
            true => f.pad(self.name()),
            false => f.pad(&format!("{}({})", self.name(), arguments.join(", "))),
        }
    }
}

impl FromStr for Activation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => (name.trim(), Some(rest)),
            None => (text, None),
        };
        let Some(usual) = Activation::ALL.into_iter().find(|activation| activation.name() == name) else {
            let names = Activation::ALL.map(Activation::name);
            return Err(Error::invalid(
                "activation",
                format!("`{name}` is not known; choose from {}", names.join(", ")),
            ));
        };
        let Some(arguments) = arguments else { return Ok(usual) };
        let numbers = arguments.strip_suffix(')').map(|list| list.split(',').map(|n| n.trim().parse()).collect());
        let parsed = match numbers {
            Some(Ok::<Vec<f64>, _>(numbers)) => usual.with_arguments(&numbers),
            _ => None,
        };
        let unread = || Error::invalid("activation", format!("cannot read `{text}`; write it as `{usual}`"));
        let activation = parsed.ok_or_else(unread)?;
        activation.check().map(|()| activation)
    }
}

impl<T: Float> Module<T> for Activation {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.apply(x)
    }

    fn forward_with<'t>(&self, x: Var<'t, T>, probe: &mut Probe<'_>) -> Var<'t, T> {
        probe.activation(self, x, |x| self.apply(x))
    }

    fn parameters(&self) -> Parameters<T> {
        Parameters::new()
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        Ok(Some(input.clone()))
    }

    fn keeps_values(&self) -> bool {
        *self == Activation::Identity
    }

    fn output_activation(&self) -> Option<Activation> {
        Some(*self)
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of::<T, _>(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        activation_row("activation", self.to_string(), 0)
    }
}

fn activation_row(layer: &str, activation: String, parameters: usize) -> Vec<LayerRow> {
    vec![LayerRow { layer: layer.into(), shape: String::new(), activation, parameters }]
}

impl Serialize for Activation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Activation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// An activation as the data of a layer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub(crate) function: Activation,
}

impl<T: Float> Configured<T> for Activation {
    const LAYER: &'static str = "activation";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        Ok(Data { function: *self })
    }

    fn build(data: Data, _: &mut Parts<'_, T>) -> Result<Self, Error> {
        Ok(data.function)
    }
}
