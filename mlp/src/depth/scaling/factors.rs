//! [`Factors`]: what width and depth do to the settings of one parameter.

/// How an optimiser's step depends on the gradient's scale.
///
/// ```
/// use mlp::scaling::{Factors, Family};
/// // The output weights of a network that is four times as wide as its base.
/// let [sgd, adam] = [Family::Sgd, Family::Adam].map(|family| Factors::of(family, [4.0, 1.0], None));
/// assert_eq!((sgd.init, sgd.rate, adam.rate), (0.25, 0.25, 0.25));
/// // The input weights.
/// let [sgd, adam] = [Family::Sgd, Family::Adam].map(|family| Factors::of(family, [1.0, 4.0], None));
/// assert_eq!((sgd.init, sgd.rate, adam.rate), (1.0, 4.0, 1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// The step is the gradient times the rate, with momentum or without: [`Sgd`](crate::Sgd). The decay is part of the gradient.
    Sgd,
    /// The gradient is divided by its own size, so that each number moves by about the rate: [`Adam`](crate::Adam), RMSprop, Lion
    /// and the like. The decay is decoupled: a step subtracts `ηλw`.
    Adam,
}

/// What a parameter is to the width of a model: which of its axes differ from those of the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Weights of which the number of outputs grows: the first layer, an embedding.
    Input,
    /// Weights of which both grow.
    Hidden,
    /// Weights of which the number of inputs grows: the last layer.
    Output,
    /// Biases, gains and shifts, one for each of a growing number of units.
    Vector,
    /// No axis grows, as in the biases of the output.
    Fixed,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Role::Input => "input",
            Role::Hidden => "hidden",
            Role::Output => "output",
            Role::Vector => "vector",
            Role::Fixed => "fixed",
        }
    }
}

/// By what to multiply the settings that were found for the base, for one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Factors {
    /// The factor of the initial standard deviation.
    pub init: f64,
    /// The factor of the learning rate η.
    pub rate: f64,
    /// The factor of Adam's ε, which is to stay as small beside the gradients.
    pub eps: f64,
    /// The factor of the weight decay λ, so that `ηλ`, the share that a step takes away, changes as the share that it adds.
    pub decay: f64,
}

impl Factors {
    /// The factors of a parameter whose numbers of inputs and outputs are `fans` times those of the base, in a residual branch of
    /// a model with `branch` = (m, α) or in none: m times the branches of the base, of strength `m^−α`.
    ///
    /// The formulas are in the [table](crate::scaling#the-exponents).
    pub fn of(family: Family, [inputs, outputs]: [f64; 2], branch: Option<(f64, f64)>) -> Self {
        let init = (outputs / inputs).sqrt().min(1.0) / inputs.sqrt();
        // How the learning of the branch, and its gradient, scale with the number of branches.
        let (learning, gradient) = branch.map_or((1.0, 1.0), |(m, alpha)| (m.powf(alpha - 1.0), m.powf(-alpha)));
        let rate = match family {
            Family::Sgd => outputs / inputs * learning / gradient,
            Family::Adam => learning / inputs,
        };
        Factors { init, rate, eps: gradient / outputs, decay: learning / rate }
    }
}
