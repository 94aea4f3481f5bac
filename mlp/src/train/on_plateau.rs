//! [`OnPlateau`]: a learning rate that falls when a value of the epochs no longer improves.

use std::ops::ControlFlow;

use autograd::Tensor;
use indexmap::IndexMap;

use super::callback::{Callback, Learner, Start};
use super::history::{Epoch, Stopped};
use super::watch::{Watch, number};
use crate::error::{Error, Result};
use crate::optim::Plateau;

/// Sets the learning rate of a [`Plateau`], which watches a value of each epoch.
///
/// It watches the lowest `validation_loss` unless told otherwise, and begins at the rate of the plateau. It comes after a
/// [`schedule`](crate::Trainer::schedule) of epochs, whose rates it replaces; beside one of [steps](crate::Trainer::schedule_steps),
/// which would overrule it, the training ends with an error before the first step. A checkpoint holds what it has seen, so that a
/// resumed training has the same rates. Of two plateaus in one trainer the last sets the rate.
///
/// ```
/// use mlp::train::{OnPlateau, Watch};
/// use mlp::{Dataset, Linear, Module, Mse, Plateau, Sgd, Trainer};
/// let plateau = OnPlateau::new(Plateau::new(0.5).patience(1).factor(0.5)).watch(Watch::lowest("loss"));
/// # let data = Dataset::new(autograd::Tensor::from([[1.0]]), autograd::Tensor::from([[1.0]]))?;
/// # let model = Linear { w: autograd::Param::new([[0.0]]), b: None };
/// # let mut sgd = Sgd::new(&model.parameters(), 0.1);
/// let history = Trainer::new().epochs(8).callback(plateau).fit(&model, &Mse, &mut sgd, &data, None)?;
/// // Solved in one step: the loss is 1, and then stays at 0.
/// let rates: Vec<f64> = history.series("learning_rate").into_iter().map(|(_, rate)| rate).collect();
/// assert_eq!(rates, [0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct OnPlateau {
    start: Plateau,
    now: Plateau,
    watch: Watch,
}

impl OnPlateau {
    /// Watches the validation loss.
    pub fn new(plateau: Plateau) -> Self {
        OnPlateau { start: plateau.clone(), now: plateau, watch: Watch::lowest("validation_loss") }
    }

    /// Sets the value to watch.
    ///
    /// # Panics
    /// If it has a [least improvement](Watch::by): that is the plateau's own [threshold](Plateau::threshold).
    #[must_use]
    #[track_caller]
    pub fn watch(self, watch: Watch) -> Self {
        assert!(watch.least == 0.0, "on_plateau: Plateau::threshold tells what is better; leave out Watch::by");
        OnPlateau { watch, ..self }
    }

    /// The plateau, with what it has seen.
    pub fn plateau(&self) -> &Plateau {
        &self.now
    }
}

const WHAT: &str = "on_plateau";
const RATE: &str = "rate";
const BEST: &str = "best";
const WAITED: &str = "waited";
const COOLING: &str = "cooling";

impl Callback for OnPlateau {
    fn begun(&mut self, start: &Start, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        if start.steps_scheduled {
            let why =
                "a schedule of steps overrules it at each step; leave out Trainer::schedule_steps, or the plateau";
            return Err(Error::invalid(WHAT, why));
        }
        if !start.restored {
            self.now = self.start.clone();
        }
        learner.set_learning_rate(self.now.rate())?;
        Ok(ControlFlow::Continue(()))
    }

    fn epoch_begun(&mut self, _: usize, learner: &mut Learner<'_>) -> Result<()> {
        learner.set_learning_rate(self.now.rate())
    }

    fn epoch_ended(&mut self, epoch: &Epoch, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        let value = epoch.expect(WHAT, &self.watch.name)?;
        let rate = self.now.watch(if self.watch.higher { -value } else { value });
        learner.set_learning_rate(rate)?;
        Ok(ControlFlow::Continue(()))
    }

    fn state(&self) -> IndexMap<String, Tensor> {
        let [rate, best, waited, cooling] = self.now.seen();
        let named = [(RATE, rate), (BEST, best), (WAITED, waited), (COOLING, cooling)];
        named.into_iter().map(|(name, x)| (name.to_string(), Tensor::from(x))).collect()
    }

    fn set_state(&mut self, state: &IndexMap<String, Tensor>) -> Result<()> {
        let number = |name| number(WHAT, state, name);
        self.now = self.start.clone().having_seen([number(RATE)?, number(BEST)?, number(WAITED)?, number(COOLING)?])?;
        Ok(())
    }
}
