//! [`EarlyStopping`] and [`BestWeights`]: what goes by the best epoch.

use std::ops::ControlFlow;

use autograd::Tensor;
use indexmap::IndexMap;

use super::callback::{Callback, Learner, Start};
use super::history::{Epoch, History, Stopped};
use crate::error::{Error, Result, shown};

/// A value of each [`Epoch`], and what counts as better.
///
/// ```
/// use mlp::train::Watch;
/// let watch = Watch::highest("validation_accuracy").by(0.01);
/// assert!(watch.improves(0.92, Some(0.9)) && !watch.improves(0.905, Some(0.9)));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    pub(super) name: String,
    pub(super) higher: bool,
    pub(super) least: f64,
}

impl Watch {
    /// Lower values of this name are better: `loss`, `validation_loss`, or an error among the
    /// [metrics](crate::Trainer::metric).
    pub fn lowest(name: impl Into<String>) -> Self {
        Watch { name: name.into(), higher: false, least: 0.0 }
    }

    /// Higher values of this name are better: `accuracy`, `validation_accuracy`, or a score among the metrics.
    pub fn highest(name: impl Into<String>) -> Self {
        Watch { higher: true, ..Watch::lowest(name) }
    }

    /// Sets the least improvement; a value that is better by it or less does not count as better. The default is 0.
    ///
    /// # Panics
    /// If it is negative, NaN or infinite.
    #[must_use]
    #[track_caller]
    pub fn by(self, least: f64) -> Self {
        let (what, ok) = (shown(least), least >= 0.0 && least.is_finite());
        assert!(ok, "watch: a least improvement of {what} is not a finite number ≥ 0");
        Watch { least, ..self }
    }

    /// Whether a value is better than the best before it; the first always is.
    pub fn improves(&self, value: f64, best: Option<f64>) -> bool {
        best.is_none_or(|best| if self.higher { value > best + self.least } else { value < best - self.least })
    }
}

/// The best epoch so far.
#[derive(Debug, Clone, PartialEq)]
struct Best {
    watch: Watch,
    /// The value and the number of the epoch.
    found: Option<(f64, usize)>,
}

impl Best {
    fn new(watch: Watch) -> Self {
        Best { watch, found: None }
    }

    /// Whether this epoch is better than all before, and then remembers it.
    fn see(&mut self, what: &'static str, epoch: &Epoch) -> Result<bool> {
        let value = epoch.expect(what, &self.watch.name)?;
        let better = self.watch.improves(value, self.found.map(|(best, _)| best));
        if better {
            self.found = Some((value, epoch.epoch));
        }
        Ok(better)
    }

    fn state(&self) -> IndexMap<String, Tensor> {
        let (value, epoch) = self.found.unwrap_or((f64::NAN, 0));
        [(BEST.to_string(), Tensor::from(value)), (EPOCH.to_string(), Tensor::from(epoch as f64))].into()
    }

    fn read(what: &'static str, state: &IndexMap<String, Tensor>) -> Result<Option<(f64, usize)>> {
        let epoch = number(what, state, EPOCH)?;
        let best = number(what, state, BEST)?;
        let is_count = epoch >= 0.0 && epoch.fract() == 0.0 && epoch < 2f64.powi(53);
        if !is_count || (epoch > 0.0 && !best.is_finite()) {
            let (epoch, best) = (shown(epoch), shown(best));
            return Err(misfit(what, format!("epoch {epoch} with the value {best} is none")));
        }
        Ok((epoch > 0.0).then_some((best, epoch as usize)))
    }
}

const BEST: &str = "best";
const EPOCH: &str = "best_epoch";
const WAITED: &str = "waited";
/// Before the names of the kept values.
const KEPT: &str = "kept.";

/// A single number of a state.
pub(super) fn number(what: &'static str, state: &IndexMap<String, Tensor>, name: &str) -> Result<f64> {
    let found = state.get(name).filter(|array| array.numel() == 1);
    found.map(Tensor::item).ok_or_else(|| misfit(what, format!("there is no number `{name}`")))
}

fn misfit(what: &'static str, why: String) -> Error {
    Error::invalid(what, format!("{why} in the state; give it the state of one made alike"))
}

/// Stops a training when a value no longer improves (Prechelt 1998).
///
/// It stops after `patience` epochs in a row that are not better than the best before them. It watches the lowest
/// `validation_loss` unless told otherwise. The parameters stay those of the last epoch: add [`BestWeights`] to get those
/// of the best.
///
/// ```
/// use autograd::{Param, Tensor};
/// use mlp::train::{BestWeights, EarlyStopping};
/// use mlp::{Dataset, Linear, Module, Mse, Sgd, Stopped, Trainer};
/// let [data, others] = [0.0, 1.0].map(|y| Dataset::new(Tensor::from([[1.0]]), Tensor::from([[y]])).unwrap());
/// let model = Linear { w: Param::new([[4.0]]), b: None };
/// let mut sgd = Sgd::new(&model.parameters(), 0.25); // a step halves w, which shall be 1
/// let mut stop = EarlyStopping::new(2);
/// let trainer = Trainer::new().callback(&mut stop).callback(BestWeights::new());
/// let history = trainer.fit(&model, &Mse, &mut sgd, &data, Some(&others))?;
/// drop(trainer);
/// assert_eq!((history.stopped, history.epochs.len()), (Stopped::NoImprovement, 4)); // w = 2, 1, 0.5, 0.25
/// assert_eq!((stop.best(), model.w.value().item()), (Some((0.0, 2)), 1.0));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct EarlyStopping {
    best: Best,
    patience: usize,
    waited: usize,
}

impl EarlyStopping {
    /// Waits for `patience` epochs.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn new(patience: usize) -> Self {
        assert!(patience > 0, "early_stopping: a patience of 0 epochs would stop before the first; 1 is the least");
        EarlyStopping { best: Best::new(Watch::lowest("validation_loss")), patience, waited: 0 }
    }

    /// Sets the value to watch.
    #[must_use]
    pub fn watch(self, watch: Watch) -> Self {
        EarlyStopping { best: Best::new(watch), ..self }
    }

    /// The best value, and the number of its epoch.
    pub fn best(&self) -> Option<(f64, usize)> {
        self.best.found
    }

    fn answer(&self) -> ControlFlow<Stopped> {
        if self.waited >= self.patience {
            ControlFlow::Break(Stopped::NoImprovement)
        } else {
            ControlFlow::Continue(())
        }
    }
}

const EARLY: &str = "early_stopping";

impl Callback for EarlyStopping {
    fn begun(&mut self, start: &Start, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        if !start.restored {
            (self.best.found, self.waited) = (None, 0);
        }
        Ok(self.answer())
    }

    fn epoch_ended(&mut self, epoch: &Epoch, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        self.waited = if self.best.see(EARLY, epoch)? { 0 } else { self.waited + 1 };
        Ok(self.answer())
    }

    fn state(&self) -> IndexMap<String, Tensor> {
        let mut state = self.best.state();
        state.insert(WAITED.to_string(), Tensor::from(self.waited as f64));
        state
    }

    fn set_state(&mut self, state: &IndexMap<String, Tensor>) -> Result<()> {
        let (found, waited) = (Best::read(EARLY, state)?, number(EARLY, state, WAITED)?);
        if !(waited >= 0.0 && waited.fract() == 0.0) {
            return Err(misfit(EARLY, format!("`{WAITED}` is {}, no number of epochs,", shown(waited))));
        }
        (self.best.found, self.waited) = (found, waited as usize);
        Ok(())
    }
}

/// Keeps the parameters and buffers of the best epoch, and restores them when the training ends.
///
/// It watches the lowest `validation_loss` unless told otherwise. The optimiser's state stays that of the last epoch, and a
/// checkpoint holds both the last and the best values, so that a resumed training goes on from the last.
///
/// An example is at [`EarlyStopping`].
#[derive(Debug, Clone, PartialEq)]
pub struct BestWeights {
    best: Best,
    values: IndexMap<String, Tensor>,
}

impl BestWeights {
    /// Keeps those of the lowest validation loss.
    pub fn new() -> Self {
        BestWeights { best: Best::new(Watch::lowest("validation_loss")), values: IndexMap::new() }
    }

    /// Sets the value to watch.
    #[must_use]
    pub fn watch(self, watch: Watch) -> Self {
        BestWeights { best: Best::new(watch), values: IndexMap::new() }
    }

    /// The best value, and the number of its epoch.
    pub fn best(&self) -> Option<(f64, usize)> {
        self.best.found
    }

    /// Sets the model to the best values; without an epoch it does nothing.
    ///
    /// # Errors
    /// If the values do not fit the model.
    pub fn restore(&self, learner: &mut Learner<'_>) -> Result<()> {
        if self.best.found.is_some() { learner.set_values(&self.values) } else { Ok(()) }
    }
}

impl Default for BestWeights {
    fn default() -> Self {
        Self::new()
    }
}

const WEIGHTS: &str = "best_weights";

impl Callback for BestWeights {
    fn begun(&mut self, start: &Start, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        if !start.restored {
            (self.best.found, self.values) = (None, IndexMap::new());
        }
        Ok(ControlFlow::Continue(()))
    }

    fn epoch_ended(&mut self, epoch: &Epoch, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        if self.best.see(WEIGHTS, epoch)? {
            self.values = learner.values();
        }
        Ok(ControlFlow::Continue(()))
    }

    fn ended(&mut self, _: &History, learner: &mut Learner<'_>) -> Result<()> {
        self.restore(learner)
    }

    fn state(&self) -> IndexMap<String, Tensor> {
        let kept = self.values.iter().map(|(name, value)| (format!("{KEPT}{name}"), value.clone()));
        self.best.state().into_iter().chain(kept).collect()
    }

    fn set_state(&mut self, state: &IndexMap<String, Tensor>) -> Result<()> {
        let found = Best::read(WEIGHTS, state)?;
        let kept = |(name, value): (&String, &Tensor)| Some((name.strip_prefix(KEPT)?.to_string(), value.clone()));
        (self.best.found, self.values) = (found, state.iter().filter_map(kept).collect());
        Ok(())
    }
}

/// The callback of [`Trainer::observe`](crate::Trainer::observe).
pub(super) struct Observe<F>(pub(super) F);

impl<F: FnMut(&Epoch) -> ControlFlow<()>> Callback for Observe<F> {
    fn name(&self) -> String {
        "Observe".to_string() // and not the name of a closure
    }

    fn epoch_ended(&mut self, epoch: &Epoch, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        Ok(match (self.0)(epoch) {
            ControlFlow::Break(()) => ControlFlow::Break(Stopped::Observer),
            ControlFlow::Continue(()) => ControlFlow::Continue(()),
        })
    }
}
