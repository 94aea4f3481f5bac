//! [`Callback`]: what is told of a training as it goes, and may stop it.

use std::any::type_name;
use std::fmt;
use std::ops::ControlFlow;

use autograd::{Float, Parameters, Tensor};
use indexmap::IndexMap;

use super::history::{Epoch, History, Stopped};
use crate::error::{Error, Result};
use crate::nn::module::short_name;
use crate::optim::{Optimizer, is_rate};

/// What is told of a training as it goes, and may stop it.
///
/// Every method does nothing by default. A [`Trainer`](crate::Trainer::callback) calls them in this order:
/// [`begun`](Callback::begun); in each epoch [`epoch_begun`](Callback::epoch_begun), [`step_ended`](Callback::step_ended)
/// after each step; then [`evaluate`](Callback::evaluate), validation, [`metrics`](Callback::metrics), [`epoch_ended`](Callback::epoch_ended), and
/// [`train`](Callback::train); at the end [`evaluate`](Callback::evaluate) and [`ended`](Callback::ended), unless the training failed. `ControlFlow::Break` with a reason stops the training; all callbacks see the step or the epoch before
/// it stops, and the first reason counts. A checkpoint holds what [`state`](Callback::state) returns.
///
/// [`EarlyStopping`](super::EarlyStopping), [`BestWeights`](super::BestWeights), [`Averaging`](super::Averaging),
/// [`OnPlateau`](super::OnPlateau), [`Interrupt`](super::Interrupt), [`Bar`](super::Bar), [`JsonLines`](super::JsonLines) and [`TensorBoard`](super::TensorBoard) are callbacks. A loop of
/// one's own calls the methods itself:
///
/// ```
/// use autograd::{Param, Tape, Tensor};
/// use mlp::train::{Callback, EarlyStopping, Learner, Watch};
/// use mlp::{Dataset, Epoch, Linear, Loss, Module, Mse, Optimizer, Sgd, Stopped};
/// let data = Dataset::new(Tensor::from([[1.0]]), Tensor::from([[1.0]]))?;
/// let model = Linear { w: Param::new([[0.0]]), b: None };
/// let mut sgd = Sgd::new(&model.parameters(), 0.5); // the error is 0 after one step
/// let mut stop = EarlyStopping::new(3).watch(Watch::lowest("loss"));
/// let mut epochs = 0;
/// let stopped = loop {
///     let mut tape = Tape::new();
///     let loss = Mse.mean(model.forward(tape.constant(data.inputs().clone())), data.targets())?;
///     sgd.step(&loss.backward());
///     epochs += 1;
///     let epoch = Epoch::new(epochs, loss.value());
///     if let std::ops::ControlFlow::Break(why) = stop.epoch_ended(&epoch, &mut Learner::new(&model.state(), &mut sgd))? {
///         break why;
///     }
///     tape.clear();
/// };
/// assert_eq!((epochs, stopped), (5, Stopped::NoImprovement)); // 1, 0, and three times no better
/// # Ok::<(), mlp::Error>(())
/// ```
pub trait Callback {
    /// The name under which a checkpoint holds the state; the name of the type by default.
    fn name(&self) -> String {
        short_name(type_name::<Self>()).to_string()
    }

    /// Whether only the first of several [ranks](crate::Trainer::communicator) calls it, as what writes a file or shows something; `false`
    /// by default. What changes the model or may stop the training has to run on all of them.
    fn on_first_rank_only(&self) -> bool {
        false
    }

    /// The training begins, after its checks. A break ends it before the first step.
    ///
    /// # Errors
    /// Any error ends the training, here and in the other methods.
    fn begun(&mut self, start: &Start, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        let _ = (start, learner);
        Ok(ControlFlow::Continue(()))
    }

    /// An epoch begins, after a [schedule](crate::Trainer::schedule) set the learning rate.
    fn epoch_begun(&mut self, epoch: usize, learner: &mut Learner<'_>) -> Result<()> {
        let _ = (epoch, learner);
        Ok(())
    }

    /// A step was taken.
    fn step_ended(&mut self, step: &Step, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        let _ = (step, learner);
        Ok(ControlFlow::Continue(()))
    }

    /// What counts is measured or handed over next: a callback that has other weights for it, such as an average, sets the model to
    /// them. The [optimiser](Optimizer::evaluate) comes first.
    fn evaluate(&mut self, learner: &mut Learner<'_>) -> Result<()> {
        let _ = learner;
        Ok(())
    }

    /// The training goes on: takes back what [`evaluate`](Callback::evaluate) did. The last callback is first.
    fn train(&mut self, learner: &mut Learner<'_>) -> Result<()> {
        let _ = learner;
        Ok(())
    }

    /// Metrics to add to an epoch that ended and was validated, before any callback sees its end; none by default.
    ///
    /// History, logs and whatever watches a value have them under their names. An epoch in which the training stops
    /// after a step has none.
    fn metrics(&mut self, epoch: &Epoch, learner: &mut Learner<'_>) -> Result<IndexMap<String, f64>> {
        let _ = (epoch, learner);
        Ok(IndexMap::new())
    }

    /// An epoch ended, and was validated.
    fn epoch_ended(&mut self, epoch: &Epoch, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        let _ = (epoch, learner);
        Ok(ControlFlow::Continue(()))
    }

    /// The training ended, after its last checkpoint.
    fn ended(&mut self, history: &History, learner: &mut Learner<'_>) -> Result<()> {
        let _ = (history, learner);
        Ok(())
    }

    /// What it has to remember between steps, for a checkpoint; nothing by default.
    fn state(&self) -> IndexMap<String, Tensor> {
        IndexMap::new()
    }

    /// Restores a [`state`](Callback::state), before [`begun`](Callback::begun); if it does not fit, nothing changes.
    ///
    /// # Errors
    /// If it is not the state of such a callback.
    fn set_state(&mut self, state: &IndexMap<String, Tensor>) -> Result<()> {
        match state.is_empty() {
            true => Ok(()),
            false => Err(Error::invalid("callback", format!("`{}` has no state, and cannot take one", self.name()))),
        }
    }
}

/// A callback that is looked at after the training.
impl<C: Callback + ?Sized> Callback for &mut C {
    fn name(&self) -> String {
        (**self).name()
    }

    fn on_first_rank_only(&self) -> bool {
        (**self).on_first_rank_only()
    }

    fn begun(&mut self, start: &Start, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        (**self).begun(start, learner)
    }

    fn epoch_begun(&mut self, epoch: usize, learner: &mut Learner<'_>) -> Result<()> {
        (**self).epoch_begun(epoch, learner)
    }

    fn step_ended(&mut self, step: &Step, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        (**self).step_ended(step, learner)
    }

    fn evaluate(&mut self, learner: &mut Learner<'_>) -> Result<()> {
        (**self).evaluate(learner)
    }

    fn train(&mut self, learner: &mut Learner<'_>) -> Result<()> {
        (**self).train(learner)
    }

    fn metrics(&mut self, epoch: &Epoch, learner: &mut Learner<'_>) -> Result<IndexMap<String, f64>> {
        (**self).metrics(epoch, learner)
    }

    fn epoch_ended(&mut self, epoch: &Epoch, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        (**self).epoch_ended(epoch, learner)
    }

    fn ended(&mut self, history: &History, learner: &mut Learner<'_>) -> Result<()> {
        (**self).ended(history, learner)
    }

    fn state(&self) -> IndexMap<String, Tensor> {
        (**self).state()
    }

    fn set_state(&mut self, state: &IndexMap<String, Tensor>) -> Result<()> {
        (**self).set_state(state)
    }
}

/// Where a training begins, and how long it will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Start {
    /// The number of the last epoch.
    pub epochs: usize,
    /// The number of steps in an epoch; 0 if nobody knows yet, as with a [stream](crate::Trainer::fit_stream).
    pub steps: usize,
    /// The number of completed epochs; above 0 if the training is resumed.
    pub done: usize,
    /// The number of steps already taken in the epoch that comes next.
    pub within: usize,
    /// Whether the callback's state was restored from a checkpoint just before; if not, it begins anew.
    pub restored: bool,
    /// Whether a [schedule of steps](crate::Trainer::schedule_steps) sets the learning rate before each of them.
    pub steps_scheduled: bool,
}

impl Start {
    /// The start of a training of this many epochs, of this many steps each.
    pub fn new(epochs: usize, steps: usize) -> Self {
        Start { epochs, steps, done: 0, within: 0, restored: false, steps_scheduled: false }
    }
}

/// One step of a training.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The step within the epoch, from 1.
    pub step: usize,
    /// The step within the training, from 1.
    pub total: usize,
    /// The number of samples of the step.
    pub samples: usize,
    /// The mean loss of the step's samples, before the update.
    pub loss: f64,
    /// The mean loss of the epoch so far.
    pub running: f64,
    /// The joint norm of the gradients, before clipping; 0 if it is not known.
    pub norm: f64,
}

impl Step {
    /// A step of a loop of one's own, of which the other fields may be set.
    ///
    /// ```
    /// let mut step = mlp::train::Step::new(1, 3, 0.5);
    /// step.samples = 32;
    /// assert_eq!((step.total, step.running), (3, 0.5));
    /// ```
    pub fn new(epoch: usize, step: usize, loss: f64) -> Self {
        Step { epoch, step, total: step, samples: 1, loss, running: loss, norm: 0.0 }
    }
}

/// What a callback may read and change: the state of the model and the learning rate.
///
/// It holds `f64` values, whatever number type the model uses; those of `f32` pass through unchanged.
///
/// ```
/// use autograd::{Param, Parameters};
/// use mlp::{Sgd, train::Learner};
/// let w = Param::<f32>::new([1.0, 2.0]);
/// let parameters = Parameters::new().with("w", &w);
/// let mut sgd = Sgd::new(&parameters, 0.1);
/// let mut learner = Learner::new(&parameters, &mut sgd);
/// let before = learner.values();
/// w.set([5.0, 5.0]);
/// learner.set_values(&before)?;
/// learner.set_learning_rate(0.05)?;
/// assert_eq!((w.value().to_vec(), learner.learning_rate()), (vec![1.0, 2.0], 0.05));
/// # Ok::<(), mlp::Error>(())
/// ```
pub struct Learner<'a>(Box<dyn Held + 'a>);

impl<'a> Learner<'a> {
    /// The [state](crate::Module::state) of a model, and its optimiser.
    pub fn new<T: Float>(state: &'a Parameters<T>, optimizer: &'a mut (impl Optimizer<T> + ?Sized)) -> Self {
        Learner(Box::new(Both { state, optimizer }))
    }

    /// The values of all parameters and buffers, by name.
    pub fn values(&self) -> IndexMap<String, Tensor> {
        self.0.values()
    }

    /// Sets parameters and buffers to such values.
    ///
    /// # Errors
    /// If one is missing, or has another shape; then nothing changes.
    pub fn set_values(&mut self, values: &IndexMap<String, Tensor>) -> Result<()> {
        self.0.set_values(values)
    }

    /// The learning rate.
    pub fn learning_rate(&self) -> f64 {
        self.0.learning_rate()
    }

    /// Sets the learning rate. A checkpoint does not hold it: a callback that changes it remembers it in its
    /// [`state`](Callback::state), and sets it again when the training has [begun](Callback::begun).
    ///
    /// # Errors
    /// If it is negative or not finite, also in the number type of the parameters.
    pub fn set_learning_rate(&mut self, rate: f64) -> Result<()> {
        self.0.set_learning_rate(rate)
    }
}

impl fmt::Debug for Learner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Learner").field("learning_rate", &self.learning_rate()).finish_non_exhaustive()
    }
}

/// A [`Learner`] without its number type.
trait Held {
    fn values(&self) -> IndexMap<String, Tensor>;
    fn set_values(&self, values: &IndexMap<String, Tensor>) -> Result<()>;
    fn learning_rate(&self) -> f64;
    fn set_learning_rate(&mut self, rate: f64) -> Result<()>;
}

struct Both<'a, T: Float, O: ?Sized> {
    state: &'a Parameters<T>,
    optimizer: &'a mut O,
}

impl<T: Float, O: Optimizer<T> + ?Sized> Held for Both<'_, T, O> {
    fn values(&self) -> IndexMap<String, Tensor> {
        self.state.iter().map(|(name, param)| (name.to_string(), param.value().cast())).collect()
    }

    fn set_values(&self, values: &IndexMap<String, Tensor>) -> Result<()> {
        let invalid = |why: String| {
            Err(Error::invalid("learner", format!("{why}; take the values of a model that was built alike")))
        };
        for (name, param) in self.state.iter() {
            match values.get(name) {
                None => return invalid(format!("there are no values of `{name}`")),
                Some(value) if *value.shape() != param.shape() => {
                    let (found, needed) = (value.shape(), param.shape());
                    return invalid(format!("the values of `{name}` have shape {found}, {needed} is needed"));
                }
                Some(_) => {}
            }
        }
        self.state.iter().for_each(|(name, param)| param.set(values[name].cast::<T>()));
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.optimizer.learning_rate()
    }

    fn set_learning_rate(&mut self, rate: f64) -> Result<()> {
        if !is_rate::<T>(rate) {
            let rate = crate::error::shown(rate);
            let why = format!("the learning rate {rate} is not a finite number ≥ 0 in {}", T::NAME);
            return Err(Error::invalid("learner", why));
        }
        self.optimizer.set_learning_rate(rate);
        Ok(())
    }
}
