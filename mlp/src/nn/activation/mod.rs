//! Activations: the named [`Activation`], the parametric [`PRelu`], the [`StraightThrough`] step, and the custom
//! [`Function`].

mod modules;

use std::fmt;
use std::mem::discriminant;
use std::str::FromStr;

use autograd::{Float, Parameters, Unary, Var};

use crate::Error;
use crate::error::shown;
use crate::nn::module::{LayerRow, Module};
use crate::nn::probe::Probe;
pub use modules::{Function, PRelu, StraightThrough};

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
    /// `z`; adds nothing to the tape.
    Identity,
    /// `az + b`, derivative `a`.
    Linear {
        /// The slope.
        a: f64,
        /// The value at 0.
        b: f64,
    },
    /// 0, ½, 1 for z < 0, z = 0, z > 0.
    ///
    /// The derivative is 0 everywhere by convention: train with [`StraightThrough`].
    UnitStep,
    /// −1, 0, 1 for z < 0, z = 0, z > 0.
    ///
    /// The derivative is 0 everywhere by convention: train with [`StraightThrough`].
    Sign,
    /// `z + ½` clamped to [0, 1]; derivative 1 for |z| ≤ ½, else 0.
    PiecewiseLinear,
    /// `y = 1/(1 + exp(−z))`, derivative `y(1 − y)`.
    Sigmoid,
    /// `y = tanh(z)`, derivative `(1 − y)(1 + y)`.
    Tanh,
    /// `max(0, z)`; derivative 1 for z > 0, else 0 (at 0 by convention).
    Relu,
    /// `z` for z > 0, else `slope·z`; usually 0.01 (Maas et al. 2013).
    LeakyRelu(f64),
    /// `z` for z > 0, else `y = α(exp(z) − 1)` with derivative `y + α`; usually α = 1 (Clevert et al. 2015).
    Elu(f64),
    /// `ln(1 + exp(z))`, derivative `sigmoid(z)`.
    Softplus,
    /// `z·Φ(z)` with the standard normal distribution function Φ (Hendrycks & Gimpel 2016).
    Gelu,
    /// GELU in its tanh form, as in GPT-2.
    GeluTanh,
    /// `z·sigmoid(z)`, also called swish.
    Silu,
    /// `z·tanh(softplus(z))` (Misra 2019).
    Mish,
    /// The self-normalising ELU (Klambauer et al. 2017).
    Selu,
    /// `z` clamped to [−1, 1].
    HardTanh,
    /// `z/6 + ½` clamped to [0, 1].
    HardSigmoid,
    /// `z/(1 + |z|)`.
    Softsign,
    /// `exp(z_i)/Σ_j exp(z_j)` along the last axis; derivative `∂p_i/∂z_k = p_i([i = k] − p_k)`.
    Softmax,
    /// The logarithm of the softmax along the last axis.
    LogSoftmax,
}

/// The only list of names, with the default arguments.
const TABLE: [(&str, Activation); 21] = [
    ("identity", Activation::Identity),
    ("linear", Activation::Linear { a: 1.0, b: 0.0 }),
    ("unit_step", Activation::UnitStep),
    ("sign", Activation::Sign),
    ("piecewise_linear", Activation::PiecewiseLinear),
    ("sigmoid", Activation::Sigmoid),
    ("tanh", Activation::Tanh),
    ("relu", Activation::Relu),
    ("leaky_relu", Activation::LeakyRelu(0.01)),
    ("elu", Activation::Elu(1.0)),
    ("softplus", Activation::Softplus),
    ("gelu", Activation::Gelu),
    ("gelu_tanh", Activation::GeluTanh),
    ("silu", Activation::Silu),
    ("mish", Activation::Mish),
    ("selu", Activation::Selu),
    ("hard_tanh", Activation::HardTanh),
    ("hard_sigmoid", Activation::HardSigmoid),
    ("softsign", Activation::Softsign),
    ("softmax", Activation::Softmax),
    ("log_softmax", Activation::LogSoftmax),
];

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
    pub const ALL: [Activation; TABLE.len()] = {
        let mut all = [Activation::Identity; TABLE.len()];
        let mut i = 0;
        while i < all.len() {
            all[i] = TABLE[i].1;
            i += 1;
        }
        all
    };

    /// Applies the activation to each value of `z` (softmaxes: to each row).
    ///
    /// # Panics
    /// If a softmax is applied to a `z` without axes.
    #[must_use]
    #[track_caller]
    pub fn apply<T: Float>(self, z: Var<'_, T>) -> Var<'_, T> {
        match self {
            Activation::Identity => z,
            Activation::Linear { a, b } => z * a + b,
            Activation::UnitStep => z.step(),
            Activation::Sign => z.sign(),
            Activation::PiecewiseLinear => (z + 0.5).clamp(0.0, 1.0),
            Activation::Sigmoid => z.sigmoid(),
            Activation::Tanh => z.tanh(),
            Activation::Relu => z.relu(),
            Activation::LeakyRelu(slope) => z.leaky_relu(slope),
            Activation::Elu(alpha) => z.elu(alpha),
            Activation::Softplus => z.softplus(),
            Activation::Gelu => z.gelu(),
            Activation::GeluTanh => z.gelu_tanh(),
            Activation::Silu => z.silu(),
            Activation::Mish => z.mish(),
            Activation::Selu => z.selu(),
            Activation::HardTanh => z.hard_tanh(),
            Activation::HardSigmoid => z.hard_sigmoid(),
            Activation::Softsign => z.softsign(),
            Activation::Softmax => z.softmax(last_axis(z)),
            Activation::LogSoftmax => z.log_softmax(last_axis(z)),
        }
    }

    /// The `autograd` operation that a [dense layer](Var::dense) fuses with its weighted sums.
    pub(crate) fn row(self) -> Option<Unary> {
        match self {
            Activation::Sigmoid => Some(Unary::Sigmoid),
            Activation::Tanh => Some(Unary::Tanh),
            Activation::Relu => Some(Unary::Relu),
            _ => None,
        }
    }

    /// The range of its values, if it is bounded on at least one side.
    pub(crate) fn range(self) -> Option<[f64; 2]> {
        use Activation::*;
        match self {
            UnitStep | PiecewiseLinear | Sigmoid | HardSigmoid | Softmax => Some([0.0, 1.0]),
            Sign | Tanh | HardTanh | Softsign => Some([-1.0, 1.0]),
            Relu | Softplus => Some([0.0, f64::INFINITY]),
            LogSoftmax => Some([f64::NEG_INFINITY, 0.0]),
            Identity | Linear { .. } | LeakyRelu(_) | Elu(_) | Gelu | GeluTanh | Silu | Mish | Selu => None,
        }
    }

    /// The name without arguments, such as `leaky_relu`.
    pub fn name(self) -> &'static str {
        let row = TABLE.iter().find(|(_, of)| discriminant(of) == discriminant(&self));
        row.expect("the table has every activation").0
    }

    fn arguments(self) -> Vec<f64> {
        match self {
            Activation::Linear { a, b } => vec![a, b],
            Activation::LeakyRelu(p) | Activation::Elu(p) => vec![p],
            _ => Vec::new(),
        }
    }

    /// `Ok` if its arguments are finite.
    pub(crate) fn check(self) -> Result<(), Error> {
        match self.arguments().into_iter().all(f64::is_finite) {
            true => Ok(()),
            false => Err(Error::invalid("activation", format!("`{self}` has an argument that is not finite"))),
        }
    }

    fn with_arguments(self, arguments: &[f64]) -> Option<Self> {
        match (self, arguments) {
            (Activation::Linear { .. }, &[a, b]) => Some(Activation::Linear { a, b }),
            (Activation::LeakyRelu(_), &[slope]) => Some(Activation::LeakyRelu(slope)),
            (Activation::Elu(_), &[alpha]) => Some(Activation::Elu(alpha)),
            _ => None,
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
        let Some(&(_, usual)) = TABLE.iter().find(|row| row.0 == name) else {
            let names: Vec<_> = TABLE.iter().map(|row| row.0).collect();
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

    fn output_activation(&self) -> Option<Activation> {
        Some(*self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        activation_row("activation", self.to_string(), 0)
    }
}

fn activation_row(layer: &str, activation: String, parameters: usize) -> Vec<LayerRow> {
    vec![LayerRow { layer: layer.into(), shape: String::new(), activation, parameters }]
}
