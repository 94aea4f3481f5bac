//! [`Remedy`]: a change of a model, and what it brought to a copy.

use std::fmt;

use autograd::{Float, Tensor};

use super::survey::{Figures, gradient, signal, weighted};
use super::{Cause, Finding};
use crate::depth::flow::Flow;
use crate::theory::{self, Signal};
use crate::{Config, Error, Module, Scaler};

/// A change of a model that helps, measured on a copy.
///
/// It is taken in one of three ways: [`apply`](Remedy::apply) sets the weights of the model, [`into_model`](Remedy::into_model)
/// gives the copy, and [`config`](Remedy::config) its architecture. Where inputs are to be scaled,
/// [`scaler`](Remedy::scaler) scales them.
pub struct Remedy<T: Float = f64> {
    /// The change, in words.
    pub what: String,
    /// What is still wrong after it.
    pub findings: Vec<Finding>,
    /// What was measured before it.
    pub before: Figures,
    /// What was measured after it.
    pub after: Figures,
    /// What the theory says of the changed model; `None` where it cannot tell.
    pub foretold: Option<Foretold>,
    pub(super) config: Option<Config>,
    pub(super) scaler: Option<Scaler>,
    pub(super) model: Box<dyn Module<T>>,
}

impl<T: Float> Remedy<T> {
    /// The changed architecture; `None` if it is that of the model.
    pub fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// The scale of inputs that is part of the remedy; it has to be applied to all data.
    pub fn scaler(&self) -> Option<&Scaler> {
        self.scaler.as_ref()
    }

    /// The copy, changed and with the weights that were measured.
    pub fn model(&self) -> &dyn Module<T> {
        &*self.model
    }

    /// The copy, to go on with.
    pub fn into_model(self) -> Box<dyn Module<T>> {
        self.model
    }

    /// Whether nothing serious of this cause is left.
    pub fn cures(&self, cause: Cause) -> bool {
        !self.findings.iter().any(|finding| finding.cause == cause && finding.is_serious())
    }

    /// Sets parameters and buffers of the model to those of the copy.
    ///
    /// # Errors
    /// If the remedy changes the architecture, or the model is another; then nothing changes.
    pub fn apply<M: Module<T> + ?Sized>(&self, model: &M) -> Result<(), Error> {
        if self.config.is_some() {
            let why = "the remedy changes the architecture, which weights cannot; take Remedy::into_model or config";
            return Err(Error::invalid("remedy", why));
        }
        let (new, old) = (self.model.state(), model.state());
        let fits = |(name, param): (&str, &autograd::Param<T>)| {
            old.get(name).is_some_and(|same| same.shape() == param.shape())
        };
        if new.len() != old.len() || !new.iter().all(fits) {
            let why = "the model has other parameters than the one that was looked at; ask for advice on this one";
            return Err(Error::invalid("remedy", why));
        }
        for (name, param) in new.iter() {
            old.get(name).expect("it was looked up").set(param.value());
        }
        Ok(())
    }
}

impl<T: Float> fmt::Debug for Remedy<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remedy")
            .field("what", &self.what)
            .field("findings", &self.findings)
            .field("before", &self.before)
            .field("after", &self.after)
            .field("foretold", &self.foretold)
            .finish_non_exhaustive()
    }
}

/// What the [theory](crate::theory::of) says of a model at infinite width.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Foretold {
    /// [`Figures::signal`], foretold.
    pub signal: Option<f64>,
    /// [`Figures::gradient`], foretold.
    pub gradient: Option<f64>,
}

impl Foretold {
    /// `None` where the theory does not know the model.
    pub(super) fn of<T: Float, M: Module<T> + ?Sized>(model: &M, x: &Tensor<T>, flow: &Flow) -> Option<Self> {
        let reader = theory::Reader::new();
        let reader = if model.buffers().is_empty() { reader } else { reader.training() };
        let forecast = reader.read(model).ok()?.forecast(&Signal::of(x).ok()?).ok()?;
        let beside = forecast.beside(flow).ok()?;
        let mut rows = beside.rows.iter();
        // The same rows as those that are measured, with what is foretold in place of it.
        let mut foretold = flow.clone();
        for row in &mut foretold.layers {
            let other = rows.find(|other| other.name == row.name && other.kind == row.kind)?;
            row.outputs.values.norm = (other.square * row.outputs.values.count as f64).sqrt();
            row.outputs.gradients.as_mut()?.norm = other.gradient.sqrt();
        }
        let rows = weighted(&foretold);
        Some(Foretold { signal: signal(&rows), gradient: gradient(&rows) })
    }
}
