//! [`Averaging`]: an average of the weights along a training, which is what counts.

use std::ops::ControlFlow;

use autograd::{Float, Tensor};
use indexmap::IndexMap;

use super::callback::{Callback, Learner, Start, Step};
use super::history::Stopped;
use crate::error::{Error, Result};
use crate::optim::Average;

/// Keeps an [`Average`] of the weights along a training, and lets it count: validation, [`BestWeights`](super::BestWeights) and
/// the model after the training have the averaged weights, while the steps go on from those that were trained.
///
/// It takes the weights after each step; [`every`](Averaging::every) and [`after`](Averaging::after) choose others. A checkpoint
/// holds the average. Make it of [`Module::state`](crate::Module::state) to average the statistics of batch normalisation too.
///
/// ```
/// use autograd::{Param, Tensor};
/// use mlp::{Average, Dataset, Linear, Module, Mse, Sgd, Trainer, train::Averaging};
/// let model = Linear { w: Param::new([[4.0]]), b: None };
/// let data = Dataset::new(Tensor::from([[1.0]]), Tensor::from([[0.0]]))?;
/// let mut sgd = Sgd::new(&model.parameters(), 0.25); // a step halves w
/// let average = Averaging::new(Average::uniform(&model.parameters()));
/// let history = Trainer::new().epochs(2).callback(average).fit(&model, &Mse, &mut sgd, &data, Some(&data))?;
/// assert_eq!(model.w.value().item(), 1.5); // the mean of 2 and 1
/// assert_eq!(history.last().validation_loss, Some(1.5 * 1.5));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug)]
pub struct Averaging<T: Float = f64> {
    average: Average<T>,
    every: usize,
    after: usize,
}

impl<T: Float> Averaging<T> {
    /// Takes the weights after each step.
    pub fn new(average: Average<T>) -> Self {
        Averaging { average, every: 1, after: 0 }
    }

    /// Takes the weights after every `every`-th step only, such as the number of steps of an epoch.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn every(self, every: usize) -> Self {
        assert!(every > 0, "averaging: every 0 steps is never; every step is 1");
        Averaging { every, ..self }
    }

    /// Begins after this number of epochs, when the weights are near to good ones; until then the weights themselves count.
    #[must_use]
    pub fn after(self, epochs: usize) -> Self {
        Averaging { after: epochs, ..self }
    }
}

const WHAT: &str = "averaging";

impl<T: Float> Callback for Averaging<T> {
    fn name(&self) -> String {
        "Averaging".to_string() // for every number type
    }

    fn begun(&mut self, start: &Start, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        let values = learner.values();
        for (name, param) in self.average.parameters().iter() {
            if values.get(name) != Some(&param.value().cast()) {
                let why = format!("`{name}` is none of the model that is trained; make the average of its parameters");
                return Err(Error::invalid(WHAT, why));
            }
        }
        if !start.restored {
            self.average.begin_anew();
        }
        Ok(ControlFlow::Continue(()))
    }

    fn step_ended(&mut self, step: &Step, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        if step.epoch > self.after && step.total.is_multiple_of(self.every) {
            self.average.update();
        }
        Ok(ControlFlow::Continue(()))
    }

    fn evaluate(&mut self, _: &mut Learner<'_>) -> Result<()> {
        self.average.swap();
        Ok(())
    }

    fn train(&mut self, _: &mut Learner<'_>) -> Result<()> {
        self.average.swap();
        Ok(())
    }

    fn state(&self) -> IndexMap<String, Tensor> {
        self.average.state().into_iter().map(|(name, array)| (name, array.cast())).collect()
    }

    fn set_state(&mut self, state: &IndexMap<String, Tensor>) -> Result<()> {
        self.average.set_state(&state.iter().map(|(name, array)| (name.clone(), array.cast())).collect())
    }
}
