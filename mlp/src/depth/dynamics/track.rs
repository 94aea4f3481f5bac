//! [`TrackSharpness`]: the sharpness of the loss while a network trains.

use std::ops::ControlFlow;

use autograd::{Float, Tensor};
use indexmap::IndexMap;

use super::hessian::Curvature;
use crate::error::{Error, Result};
use crate::train::{Callback, Epoch, Learner, Start, Step, Stopped};

/// Measures the [sharpness](Curvature::sharpness) at intervals of a training, and reports it as the metric `sharpness`.
///
/// The history has the metric in the epochs in which it was measured (the last value, if there are several), and so have
/// [`JsonLines`](crate::JsonLines), [`TensorBoard`](crate::TensorBoard) and tables.
/// [`measured`](TrackSharpness::measured) has all values; pass a `&mut` to the trainer to look at them afterwards. A
/// checkpoint holds them.
///
/// ```
/// use autograd::{Param, Tensor};
/// use mlp::dynamics::{Curvature, TrackSharpness};
/// use mlp::{Dataset, Linear, Module, Mse, Sgd, Trainer};
/// let model = Linear { w: Param::new([[0.0]]), b: None };
/// let data = Dataset::new(Tensor::from([[2.0]]), Tensor::from([[1.0]]))?; // E = (2w − 1)², E″ = 8
/// let mut sgd = Sgd::new(&model.parameters(), 0.01);
/// let mut track = TrackSharpness::every_steps(2, Curvature::new(&model, &Mse, &data));
/// let trainer = Trainer::new().epochs(5).progress(false).callback(&mut track);
/// let history = trainer.fit(&model, &Mse, &mut sgd, &data, None)?;
/// drop(trainer);
/// assert_eq!(track.measured(), [(2, 8.0), (4, 8.0)]);
/// assert_eq!(history.series("sharpness"), [(2, 8.0), (4, 8.0)]);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TrackSharpness<'a, T: Float = f64> {
    curvature: Curvature<'a, T>,
    every: Every,
    name: String,
    measured: Vec<(usize, f64)>,
    /// Whether the last value belongs to the present epoch.
    fresh: bool,
}

#[derive(Debug, Clone, Copy)]
enum Every {
    Steps(usize),
    Epochs(usize),
}

impl<'a, T: Float> TrackSharpness<'a, T> {
    /// Measures after every `steps`-th step.
    ///
    /// # Panics
    /// If `steps` is 0.
    #[must_use]
    #[track_caller]
    pub fn every_steps(steps: usize, curvature: Curvature<'a, T>) -> Self {
        assert!(steps > 0, "track sharpness: every 0 steps; every step is 1");
        Self::new(Every::Steps(steps), curvature)
    }

    /// Measures after every `epochs`-th epoch.
    ///
    /// # Panics
    /// If `epochs` is 0.
    #[must_use]
    #[track_caller]
    pub fn every_epochs(epochs: usize, curvature: Curvature<'a, T>) -> Self {
        assert!(epochs > 0, "track sharpness: every 0 epochs; every epoch is 1");
        Self::new(Every::Epochs(epochs), curvature)
    }

    fn new(every: Every, curvature: Curvature<'a, T>) -> Self {
        TrackSharpness { curvature, every, name: "sharpness".into(), measured: Vec::new(), fresh: false }
    }

    /// Sets the name of the metric, for a trainer with several: on training and held-out data.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        TrackSharpness { name: name.into(), ..self }
    }

    /// The values, each with the number of the step or the epoch after which it was measured, from 1.
    pub fn measured(&self) -> &[(usize, f64)] {
        &self.measured
    }

    fn measure(&mut self, at: usize) -> Result<()> {
        self.measured.push((at, self.curvature.sharpness()?));
        self.fresh = true;
        Ok(())
    }
}

impl<T: Float> Callback for TrackSharpness<'_, T> {
    fn begun(&mut self, start: &Start, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        if !start.restored {
            (self.measured, self.fresh) = (Vec::new(), false);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn step_ended(&mut self, step: &Step, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        if let Every::Steps(every) = self.every
            && step.total.is_multiple_of(every)
        {
            self.measure(step.total)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn metrics(&mut self, epoch: &Epoch, _: &mut Learner<'_>) -> Result<IndexMap<String, f64>> {
        if let Every::Epochs(every) = self.every
            && epoch.epoch.is_multiple_of(every)
        {
            self.measure(epoch.epoch)?;
        }
        let last = self.measured.last().filter(|_| std::mem::take(&mut self.fresh));
        Ok(last.map(|&(_, value)| (self.name.clone(), value)).into_iter().collect())
    }

    fn state(&self) -> IndexMap<String, Tensor> {
        let column =
            |of: fn(&(usize, f64)) -> f64| Tensor::new([self.measured.len()], self.measured.iter().map(of).collect());
        let fresh = Tensor::from([f64::from(u8::from(self.fresh))]);
        [("at", column(|row| row.0 as f64)), ("values", column(|row| row.1)), ("fresh", fresh)]
            .map(|(name, values)| (name.to_string(), values))
            .into()
    }

    fn set_state(&mut self, state: &IndexMap<String, Tensor>) -> Result<()> {
        let of = |name| {
            let why = || format!("the state has no `{name}`; it is that of another callback");
            state.get(name).map(Tensor::as_slice).ok_or_else(|| Error::invalid("track sharpness", why()))
        };
        let (at, values, fresh) = (of("at")?, of("values")?, of("fresh")?);
        let whole = |x: &f64| *x >= 0.0 && x.fract() == 0.0;
        if at.len() != values.len() || fresh.len() != 1 || !at.iter().all(whole) {
            let why = "the state is damaged: it needs a whole number for each value; resume from another checkpoint";
            return Err(Error::invalid("track sharpness", why));
        }
        self.measured = at.iter().map(|&at| at as usize).zip(values.iter().copied()).collect();
        self.fresh = fresh[0] != 0.0;
        Ok(())
    }
}
