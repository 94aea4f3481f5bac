//! Optimisers, one file per optimiser; schedules of the learning rate; averages of the weights.

mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod average;
mod flat;
mod groups;
mod groups_builder;
mod lamb;
mod lbfgs;
mod levenberg_marquardt;
mod line_search;
mod lion;
mod memory;
mod muon;
mod nadam;
mod plateau;
mod radam;
mod rms_prop;
mod schedule;
mod schedule_free;
mod settings;
mod sgd;

pub use adadelta::Adadelta;
pub use adafactor::Adafactor;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use average::Average;
pub use groups::Groups;
pub use groups_builder::GroupsBuilder;
pub(crate) use groups_builder::fits;
pub use lamb::Lamb;
pub use lbfgs::{Lbfgs, Minimum};
pub use levenberg_marquardt::LevenbergMarquardt;
pub use lion::Lion;
pub use muon::Muon;
pub use nadam::NAdam;
pub use plateau::Plateau;
pub use radam::RAdam;
pub use rms_prop::RmsProp;
pub use schedule::Schedule;
pub use schedule_free::ScheduleFree;
pub(crate) use settings::{check_rate, is_rate};
pub use sgd::Sgd;

use autograd::{Float, Gradients, Parameters, Tensor};
use indexmap::IndexMap;
use memory::State;

use crate::Error;

/// An optimiser: updates parameters with their gradients.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Optimizer, Sgd};
/// let w = Param::new([4.0]);
/// let mut optimizer = Sgd::new(&Parameters::new().with("w", &w), 0.25);
/// let tape = Tape::new();
/// let loss = w.on(&tape).square().sum();
/// optimizer.step(&loss.backward());
/// assert_eq!(w.value().item(), 4.0 - 0.25 * 2.0 * 4.0); // minus: downhill
/// ```
pub trait Optimizer<T: Float = f64> {
    /// Takes one step.
    ///
    /// It leaves frozen parameters unchanged, and parameters on which the loss does not depend.
    fn step(&mut self, grads: &Gradients<'_, T>);

    /// The learning rate η.
    fn learning_rate(&self) -> f64;

    /// Changes the learning rate, as a [schedule](crate::Trainer::schedule) does.
    fn set_learning_rate(&mut self, rate: f64);

    /// Sets the parameters to those that count, to be measured or saved; nothing by default.
    ///
    /// It is for methods whose steps are not where their result is, such as [`ScheduleFree`]. A trainer calls it before it
    /// validates and when it ends, and [`train`](Optimizer::train) before it goes on.
    fn evaluate(&mut self) {}

    /// Sets the parameters back to where the training goes on; nothing by default.
    fn train(&mut self) {}

    /// The parameters that it updates, if it knows them.
    ///
    /// A trainer then rejects a model with other parameters before the first step.
    ///
    /// ```
    /// use autograd::{Param, Parameters};
    /// use mlp::{Optimizer, Sgd};
    /// let w = Param::new([4.0]);
    /// let sgd = Sgd::new(&Parameters::new().with("w", &w), 0.1);
    /// assert_eq!(sgd.parameters().unwrap().get("w"), Some(&w));
    /// ```
    fn parameters(&self) -> Option<Parameters<T>> {
        None
    }

    /// The state between steps, under the names of the parameters.
    ///
    /// Settings such as the learning rate are not part of the state.
    ///
    /// ```
    /// use autograd::{Param, Parameters};
    /// use mlp::{Optimizer, Sgd};
    /// let parameters = Parameters::new().with("w", &Param::new([4.0]));
    /// assert!(Sgd::new(&parameters, 0.1).state().is_empty());
    /// let velocities = Sgd::new(&parameters, 0.1).momentum(0.9).state();
    /// assert_eq!(velocities["w.velocity"].to_vec(), [0.0]);
    /// ```
    fn state(&self) -> IndexMap<String, Tensor<T>> {
        IndexMap::new()
    }

    /// Restores a [`state`](Optimizer::state); if it does not fit, nothing changes.
    ///
    /// # Errors
    /// If a tensor is missing, unknown, or of another shape, or holds values that no optimiser stores: NaN, ∞, a
    /// negative mean square.
    fn set_state(&mut self, state: &IndexMap<String, Tensor<T>>) -> Result<(), Error> {
        State::new("optimizer", state).end()
    }
}

/// Each parameter once, under its first name.
fn distinct<T: Float>(parameters: &Parameters<T>) -> Parameters<T> {
    parameters.distinct().fold(Parameters::new(), |all, (name, param)| all.with(name, param))
}
