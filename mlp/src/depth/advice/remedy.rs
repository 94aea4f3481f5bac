//! [`Remedy`]: a change of a model, and what it brought to a copy.

use std::fmt;

use autograd::Float;

use super::rate::RateTrial;
use super::survey::{Figures, gradient, reads_classes, signal, worst};
use super::task::{Built, Model, Task};
use super::{Cause, Finding};
use crate::depth::flow::Flow;
use crate::theory::{self, Signal};
use crate::{Config, Error, Module, Network, Scaler};

/// A change of a model that helps, measured on a copy.
///
/// It is taken in one of three ways: [`apply`](Remedy::apply) sets the weights of the model, [`into_model`](Remedy::into_model)
/// gives the copy, and [`config`](Remedy::config) its architecture. Where inputs are to be scaled,
/// [`scaler`](Remedy::scaler) scales them. A learning rate is set to [`rate`](Remedy::rate).
pub struct Remedy<T: Float = f64> {
    /// The change, in words.
    pub what: String,
    /// What is still wrong after it.
    pub findings: Vec<Finding>,
    /// What was measured before it.
    pub before: Figures,
    /// What was measured after it; for a learning rate, after its steps.
    pub after: Figures,
    /// What the theory says of the changed model; `None` where it cannot tell.
    pub foretold: Option<Foretold>,
    pub(super) config: Option<Config>,
    pub(super) scalers: Vec<(Option<String>, Scaler)>,
    pub(super) rate: Option<RateTrial>,
    pub(super) model: Built<T>,
}

impl<T: Float> Remedy<T> {
    /// The changed architecture; `None` if it is that of the model.
    pub fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// The scale of inputs that is part of the remedy; it has to be applied to all data.
    pub fn scaler(&self) -> Option<&Scaler> {
        self.scaler_of(None)
    }

    /// [`scaler`](Remedy::scaler) of the input of a network that has this name.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::advice::Adviser;
    /// use mlp::{Activation, Init, Linear, Loss, Module, Mse, Network, Registry, Targets};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let mut rng = StdRng::seed_from_u64(0);
    /// let mut linear = |inputs, outputs| Linear::new(inputs, outputs, &Init::lecun_normal(), &mut rng);
    /// let network = Network::new(["x"]).part("h", "x", linear(4, 8)?).part("a", "h", Activation::Tanh);
    /// let network = network.part("y", "a", linear(8, 1)?).outputs(["y"])?;
    /// // Inputs of size 1000 saturate tanh.
    /// let x: Tensor = Tensor::from_fn([64, 4], |i| 1e3 * ((i[0] * 4 + i[1]) as f64).sin());
    /// let targets = Targets::Values(x.sum_axis(1).reshape([64, 1]) * 1e-3);
    /// let registry = Registry::new();
    /// let adviser = Adviser::new(&registry);
    /// let advice = adviser.advise_all(&network, &[("x", x.clone())], |y| Mse.mean(y["y"], &targets))?;
    /// let scaled = advice.remedies()[0].scaler_of("x").unwrap().transform(&x)?;
    /// assert!((scaled.square().mean() - 1.0).abs() < 1e-9);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn scaler_of<'n>(&self, input: impl Into<Option<&'n str>>) -> Option<&Scaler> {
        let input = input.into();
        self.scalers.iter().find(|(name, _)| name.as_deref() == input).map(|(_, scaler)| scaler)
    }

    /// The learning rate that is the remedy, as it was tried; `None` if the remedy is another.
    pub fn rate(&self) -> Option<&RateTrial> {
        self.rate.as_ref()
    }

    /// The copy, changed and with the weights that were measured; for a learning rate, with those from before its steps.
    pub fn model(&self) -> &dyn Module<T> {
        self.model.model().module()
    }

    /// The copy, to go on with.
    pub fn into_model(self) -> Box<dyn Module<T>> {
        self.model.into_module()
    }

    /// The copy of a [`Network`] that [`Adviser::advise_all`](super::Adviser::advise_all) looked at; `None` of other models.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::advice::Adviser;
    /// use mlp::{Activation, Init, Linear, Loss, Module, Mse, Network, Registry, Sequential, Targets};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let mut rng = StdRng::seed_from_u64(0);
    /// let mut linear = |gain| Linear::new(8, 8, &Init::he_normal().gain(gain), &mut rng);
    /// let mut tower = Sequential::new();
    /// for _ in 0..12 {
    ///     tower = tower.then(linear(0.2)?).then(Activation::Relu);
    /// }
    /// let network = Network::new(["x"]).part("tower", "x", tower).part("y", "tower", linear(1.0)?).outputs(["y"])?;
    /// let x: Tensor = Init::Normal { mean: 0.0, std: 1.0 }.sample([64, 8], &mut StdRng::seed_from_u64(1));
    /// let targets = Targets::Values(x.clone());
    /// let (registry, batch) = (Registry::new(), [("x", x)]);
    /// let adviser = Adviser::new(&registry);
    /// let advice = adviser.advise_all(&network, &batch, |y| Mse.mean(y["y"], &targets))?;
    /// let cured = advice.into_remedies().remove(0).into_network().unwrap();
    /// assert!(adviser.advise_all(&cured, &batch, |y| Mse.mean(y["y"], &targets))?.is_healthy());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn into_network(self) -> Option<Network<T>> {
        match self.model {
            Built::One(_) => None,
            Built::Several(network) => Some(network),
        }
    }

    /// Whether nothing serious of this cause is left.
    pub fn cures(&self, cause: Cause) -> bool {
        !self.findings.iter().any(|finding| finding.cause == cause && finding.is_serious())
    }

    /// Sets parameters and buffers of the model to those of the copy.
    ///
    /// # Errors
    /// If the remedy changes the architecture, and the model is not built from its [`config`](Remedy::config), or the model is
    /// another; then nothing changes.
    pub fn apply<M: Module<T> + ?Sized>(&self, model: &M) -> Result<(), Error> {
        if self.config.is_some() && self.config != model.config().ok() {
            let why = "the remedy changes the architecture, which weights cannot; take Remedy::into_model, or build its config";
            return Err(Error::invalid("remedy", why));
        }
        let (new, old) = (self.model().state(), model.state());
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
            .field("rate", &self.rate)
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
    pub(super) fn of<T: Float>(model: Model<'_, T>, task: &Task<'_, T>, flow: &Flow) -> Option<Self> {
        let Task::One { data, .. } = task else { return None };
        let (model, x) = (model.module(), data.inputs());
        let reader = theory::Reader::new();
        let reader = if model.buffers().is_empty() { reader } else { reader.training() };
        let attention = || flow.layers.iter().any(|row| row.kind.contains("attention"));
        let (reader, inputs) = match x.shape()[..] {
            [_, tokens] if reads_classes(flow) && tokens > 1 && attention() => {
                (reader.tokens(tokens), Signal::of_token_classes(x))
            }
            _ if reads_classes(flow) => (reader, Signal::of_classes(x)),
            _ => (reader, Signal::of(x)),
        };
        let forecast = reader.read(model).ok()?.forecast(&inputs.ok()?).ok()?;
        let beside = forecast.beside(flow).ok()?;
        let mut rows = beside.rows.iter();
        // The same rows as those that are measured, with what is foretold in place of it.
        let mut foretold = flow.clone();
        for row in &mut foretold.layers {
            let other = rows.find(|other| other.name == row.name && other.kind == row.kind)?;
            row.outputs.values.norm = (other.square * row.outputs.values.count as f64).sqrt();
            row.outputs.gradients.as_mut()?.norm = other.gradient.sqrt();
        }
        Some(Foretold { signal: worst(&foretold, signal), gradient: worst(&foretold, gradient) })
    }
}
