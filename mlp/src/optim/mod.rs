//! Optimisers, one file per optimiser.

mod adam;
mod groups;
mod sgd;

pub use adam::Adam;
pub use groups::Groups;
pub use sgd::Sgd;

use autograd::{Float, Gradients, Param, Parameters, Shape, Tensor};
use indexmap::IndexMap;

use crate::Error;
use crate::error::shown;

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
        State::new(state).end()
    }
}

/// A reader of a state; at the end, an unread tensor is an error.
struct State<'s, T: Float> {
    arrays: &'s IndexMap<String, Tensor<T>>,
    read: usize,
}

impl<'s, T: Float> State<'s, T> {
    fn new(arrays: &'s IndexMap<String, Tensor<T>>) -> Self {
        State { arrays, read: 0 }
    }

    /// Reads a tensor of a parameter.
    fn read(&mut self, param: &str, what: &str, shape: &Shape) -> Result<&'s Tensor<T>, Error> {
        let name = key(param, what);
        match self.arrays.get(&name) {
            None => Err(misfit(format!("the state has no `{name}`"))),
            Some(array) if array.shape() != shape => {
                Err(misfit(format!("`{name}` has shape {} in the state, {shape} is needed", array.shape())))
            }
            Some(array) => {
                self.read += 1;
                match array.as_slice().iter().find(|x| !x.is_finite()) {
                    Some(x) => Err(misfit(format!("`{name}` holds {x} in the state, which is not finite"))),
                    None => Ok(array),
                }
            }
        }
    }

    /// `Ok` if every tensor has been read.
    fn end(self) -> Result<(), Error> {
        let (read, found) = (self.read, self.arrays.len());
        if read == found {
            return Ok(());
        }
        Err(misfit(format!("the state has {found} arrays, of which it knows {read}")))
    }
}

/// The name of a parameter's tensor in a state.
fn key(param: &str, what: &str) -> String {
    format!("{param}.{what}")
}

fn misfit(why: String) -> Error {
    Error::invalid("optimizer", format!("{why}; give it the state of one made alike"))
}

/// Each parameter once, under its first name: a parameter that is shared under two names must not be updated twice.
fn distinct<T: Float>(parameters: &Parameters<T>) -> Vec<(String, Param<T>)> {
    parameters.distinct().map(|(name, param)| (name.to_string(), param.clone())).collect()
}

fn zeros<T: Float>(param: &Param<T>) -> Tensor<T> {
    Tensor::zeros(param.shape())
}

fn named<'p, T: Float>(params: impl Iterator<Item = (&'p String, &'p Param<T>)>) -> Option<Parameters<T>> {
    Some(params.fold(Parameters::new(), |all, (name, param)| all.with(name, param)))
}

/// Whether a learning rate is valid in the number type of the parameters, where 1e-60 may underflow and 1e60 overflow.
pub(crate) fn is_rate<T: Float>(rate: f64) -> bool {
    rate >= 0.0 && T::from_f64(rate).is_finite() && (rate == 0.0 || T::from_f64(rate) > T::zero())
}

#[track_caller]
pub(crate) fn check_rate<T: Float>(rate: f64) {
    let (rate, ok) = (shown(rate), is_rate::<T>(rate));
    assert!(ok, "optimizer: the learning rate {rate} is not a finite number ≥ 0 in {}", T::NAME);
}

#[track_caller]
fn check_decay<T: Float>(optimizer: &str, decay: f64) {
    let (decay, ok) = (shown(decay), is_rate::<T>(decay));
    assert!(ok, "{optimizer}: the weight decay {decay} is not a finite number ≥ 0 in {}", T::NAME);
}

/// Whether a decay factor lies in [0, 1) in the number type of the parameters, where 1 − 1e-9 may round to 1.
fn forgets<T: Float>(share: f64) -> bool {
    share >= 0.0 && T::from_f64(share) < T::one()
}
