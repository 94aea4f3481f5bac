//! What ails a model, and what would cure it.
//!
//! [`advise`] passes a batch through a model and back, names in words what is wrong, and tries remedies on copies of the model:
//! weights drawn by theory, strengths of branches, normalisation, another activation, a scale for the inputs. Each
//! [`Remedy`] shows what is measured before and after it, and what the [theory](crate::theory) foretells.
//!
//! ```
//! use autograd::Tensor;
//! use mlp::{Activation, Dataset, Init, Mlp, Module, Mse, advise};
//! use rand::{SeedableRng, rngs::StdRng};
//!
//! let rng = &mut StdRng::seed_from_u64(0);
//! let layers = (0..20).fold(Mlp::new(8), |layers, _| layers.hidden(32, Activation::Relu));
//! let model: Mlp = layers.output(1, Activation::Identity).init(Init::lecun_normal().gain(0.3)).build(rng)?;
//! let x: Tensor = Init::Normal { mean: 0.0, std: 1.0 }.sample([64, 8], rng);
//! let data = Dataset::new(x.clone(), x.sum_axis(1).reshape([64, 1]))?;
//!
//! let advice = advise(&model, &data, &Mse)?;
//! println!("{advice}"); // the gradient vanishes: each of 21 layers multiplies it by …
//! assert!(!advice.is_healthy());
//! let remedy = &advice.remedies()[0];
//! assert!(remedy.after.gradient.unwrap() > 0.7 && remedy.findings.is_empty());
//! remedy.apply(&model)?; // the weights; or take remedy.into_model(), or remedy.config()
//! assert!(advise(&model, &data, &Mse)?.is_healthy());
//! # Ok::<(), mlp::Error>(())
//! ```
//!
//! A training that is bound to fail is stopped by a [`Guard`].
//!
//! # What is looked for
//!
//! | cause | how it is told |
//! |---|---|
//! | [`NothingToTrain`](Cause::NothingToTrain) | every parameter is frozen, or there is none |
//! | [`GradientVanishes`](Cause::GradientVanishes), [`GradientExplodes`](Cause::GradientExplodes), and of signals | a factor of 10³ between the first and the last layer with weights |
//! | [`DeadUnits`](Cause::DeadUnits), [`SaturatedUnits`](Cause::SaturatedUnits) | more than three quarters of a layer, more than half of its values |
//! | [`IdenticalRows`](Cause::IdenticalRows) | the mean cosine between samples is above 0.999, and far above that of the inputs |
//! | [`EqualWeights`](Cause::EqualWeights), [`ZeroWeights`](Cause::ZeroWeights) | equal units, or zeros that keep gradients from other weights |
//! | [`Inputs`](Cause::Inputs), [`Targets`](Cause::Targets), [`OutputsTooLarge`](Cause::OutputsTooLarge) | columns beyond 30 or below 1/30, or of a mean of 10 deviations; targets that the loss refuses; outputs 30 times the targets, or logits of 10 |
//! | [`RateTooLarge`](Cause::RateTooLarge), [`RateTooSmall`](Cause::RateTooSmall) | 20 steps raise the loss by a tenth, or lower it by less than a thirtieth of what another rate does, which is a tenth of the loss or more; if an [optimiser](Adviser::optimizer) is given |
//!
//! A model of several named parts, such as those of a [`Network`], is also judged in each part;
//! [`Adviser::advise_all`] takes networks with several inputs or outputs. A model is measured at its present weights, so that
//! advice holds for the start of a training. It says nothing of models that are too small.
//!
//! Sources: Glorot and Bengio 2010 (vanishing gradients and saturation); He, Zhang, Ren and Sun 2015 (rectifiers); Schoenholz,
//! Gilmer, Ganguli and Sohl-Dickstein 2017 (depth scales, critical weights); Saxe, McClelland and Ganguli 2014 (orthogonal
//! weights); Hayou et al. 2021 (branches scaled with depth); LeCun, Bottou, Orr and Müller 1998 (inputs,
//! and the parabola of a rate).

mod data;
mod edit;
mod finding;
mod guard;
mod plan;
mod rate;
mod redraw;
mod remedy;
mod report;
mod survey;
mod task;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use autograd::{Float, Parameters, Scalar, Tensor, Var};

pub use finding::{Cause, Finding, Severity};
pub use guard::Guard;
pub use rate::RateTrial;
pub use remedy::{Foretold, Remedy};
pub use survey::Figures;

use crate::error::Error;
use crate::loss::Loss;
use crate::nn::module::takes;
use crate::optim::Optimizer;
use crate::{Dataset, Module, Network, Registry};
use plan::Search;
use survey::Survey;
use task::{Model, Task};

/// Names what is wrong with a model for these data and this loss, and what would cure it: [`Adviser::advise`] with nothing
/// set.
///
/// The [page of the module](crate::advice) has an example.
///
/// # Errors
/// As [`Adviser::advise`].
///
/// # Panics
/// As [`Adviser::advise`].
#[track_caller]
pub fn advise<T: Float>(model: &dyn Module<T>, data: &Dataset<T>, loss: &dyn Loss<T>) -> Result<Advice<T>, Error> {
    Adviser::new(&Registry::new()).advise(model, data, loss)
}

/// The settings of [`advise`].
///
/// ```
/// use mlp::advice::Adviser;
/// use mlp::{Activation, Dataset, Mlp, Mse, Registry};
/// use rand::{SeedableRng, rngs::StdRng};
/// let data = Dataset::new(autograd::Tensor::from([[1.0], [-1.0]]), autograd::Tensor::from([[0.5], [-0.5]]))?;
/// let layers = Mlp::new(1).hidden(8, Activation::Tanh).output(1, Activation::Identity);
/// let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
/// let registry = Registry::new(); // .with::<MyLayer>()
/// let advice = Adviser::new(&registry).samples(64).seed(7).advise(&model, &data, &Mse)?;
/// assert!(advice.is_healthy(), "{advice}");
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Adviser<'r, T: Float = f64> {
    registry: &'r Registry<T>,
    samples: usize,
    seed: u64,
    optimizer: Option<&'r Optimizers<'r, T>>,
}

/// Makes optimisers for the parameters of copies.
type Optimizers<'r, T> = dyn Fn(&Parameters<T>) -> Box<dyn Optimizer<T>> + 'r;

impl<'r, T: Float> Adviser<'r, T> {
    /// An adviser that copies models with the layers of `registry`, looks at 256 samples, and draws weights with seed 0.
    pub fn new(registry: &'r Registry<T>) -> Self {
        Adviser { registry, samples: 256, seed: 0, optimizer: None }
    }

    /// Sets the number of samples to look at: as many, evenly spread over the data.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn samples(self, samples: usize) -> Self {
        assert!(samples > 0, "advice: 0 samples show nothing; look at one at least, better at hundreds");
        Adviser { samples, ..self }
    }

    /// Sets the seed of the weights that remedies draw.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Adviser { seed, ..self }
    }

    /// Judges the learning rate of an optimiser too, by steps of new ones that `optimizer` makes for copies of the model.
    ///
    /// Where nothing else is serious, 20 steps on the batch are made with its rate and with rates around the one that a
    /// [parabola](RateTrial::foretold) proposes; where the parabola has no minimum, with rates from 10⁻⁸ to 10⁸ of its rate.
    /// The rate is [too large](Cause::RateTooLarge) or [too small](Cause::RateTooSmall) if its loss rises by a tenth, or falls
    /// by less than a thirtieth of what another rate achieves; this one must gain a tenth of the loss. The remedy is the best
    /// of the rates, with a [`RateTrial`]; there is none if no rate keeps the loss finite.
    ///
    /// ```
    /// use autograd::{Parameters, Tensor};
    /// use mlp::advice::{Adviser, Cause};
    /// use mlp::{Activation, Dataset, Mlp, Mse, Optimizer, Registry, Sgd};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let x = Tensor::from_fn([64, 2], |i| ((i[0] * 2 + i[1]) as f64).sin());
    /// let data = Dataset::new(x.clone(), -x.sum_axis(1).reshape([64, 1]))?;
    /// let layers = Mlp::new(2).hidden(8, Activation::Tanh).output(1, Activation::Identity);
    /// let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
    /// let sgd = |parameters: &Parameters| Box::new(Sgd::new(parameters, 30.0)) as Box<dyn Optimizer>;
    /// let registry = Registry::new();
    /// let advice = Adviser::new(&registry).optimizer(&sgd).advise(&model, &data, &Mse)?;
    /// assert_eq!(advice.findings()[0].cause, Cause::RateTooLarge);
    /// let rate = advice.remedies()[0].rate().unwrap();
    /// assert!(rate.rate < 3.0 && rate.after < 0.5 * rate.before, "{advice}");
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn optimizer(self, optimizer: &'r Optimizers<'r, T>) -> Self {
        Adviser { optimizer: Some(optimizer), ..self }
    }

    /// Measures the model, names what is wrong, and tries remedies on copies. The model stays as it is.
    ///
    /// The pass is one of evaluation; in models with buffers, such as those of a batch normalisation, it is one of training,
    /// and the buffers are put back.
    ///
    /// # Errors
    /// If there are no data, the model does not take them ([`Module::output_shape`], [`Module::check_inputs`]), it has buffers and cannot be
    /// trained on so few ([`Module::check_training`]), or the loss fails for other reasons than targets that do not fit. A model that cannot be copied has findings without remedies:
    /// [`Advice::without_remedies`] says why.
    ///
    /// # Panics
    /// If a model that cannot tell before panics for such inputs.
    #[track_caller]
    pub fn advise(&self, model: &dyn Module<T>, data: &Dataset<T>, loss: &dyn Loss<T>) -> Result<Advice<T>, Error> {
        takes(model, data.inputs())?;
        let data = data::sample(data, self.samples)?;
        if !model.buffers().is_empty() {
            model.check_training(data.inputs().shape())?;
        }
        self.of_task(Model::One(model), &Task::One { data: Cow::Owned(data), loss })
    }

    /// [`advise`](Adviser::advise) for a network of several inputs or outputs: a batch by names, and the loss of the outputs
    /// by names. All of the batch is looked at; some hundred samples are enough.
    ///
    /// Findings name the [part](Finding::part), and remedies change the parts in which something is found.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::advice::Adviser;
    /// use mlp::{Activation, Init, Join, Linear, Loss, Module, Mse, Network, Registry, Sequential, Targets};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let rng = &mut StdRng::seed_from_u64(0);
    /// let mut tower = Sequential::new();
    /// for _ in 0..12 {
    ///     tower = tower.then(Linear::new(16, 16, &Init::he_normal().gain(0.2), rng)?).then(Activation::Relu);
    /// }
    /// let network = Network::new(["left", "right"]).part("tower", "left", tower);
    /// let network = network.join("both", Join::Concat(1), ["tower", "right"]);
    /// let network = network.part("y", "both", Linear::new(32, 1, &Init::lecun_normal(), rng)?).outputs(["y"])?;
    /// let [left, right]: [Tensor; 2] = [(); 2].map(|()| Init::Normal { mean: 0.0, std: 1.0 }.sample([64, 16], rng));
    /// let targets = Targets::Values(left.sum_axis(1).reshape([64, 1]));
    /// let registry = Registry::new();
    /// let batch = [("left", left), ("right", right)];
    /// let advice = Adviser::new(&registry).advise_all(&network, &batch, |y| Mse.mean(y["y"], &targets))?;
    /// assert_eq!(advice.findings()[0].part.as_deref(), Some("tower"), "{advice}");
    /// advice.remedies()[0].apply(&network)?; // or take remedy.into_network()
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`advise`](Adviser::advise); and if an input is missing, unknown, given twice, or of a shape that does not fit.
    ///
    /// # Panics
    /// If the network panics for such inputs.
    #[track_caller]
    pub fn advise_all(
        &self,
        network: &Network<T>,
        inputs: &[(&str, Tensor<T>)],
        loss: impl for<'t> Fn(&BTreeMap<&str, Var<'t, T>>) -> Result<Scalar<'t, T>, Error>,
    ) -> Result<Advice<T>, Error> {
        let shapes: Vec<_> = inputs.iter().map(|(name, x)| (*name, x.shape().clone())).collect();
        network.output_shapes(&shapes)?;
        if let Some((name, _)) = inputs.iter().find(|(_, x)| x.numel() == 0) {
            return Err(Error::invalid("advice", format!("the input `{name}` has no values; give some samples")));
        }
        self.of_task(Model::Several(network), &Task::Several { inputs: inputs.to_vec(), loss: &loss })
    }

    #[track_caller]
    fn of_task(&self, model: Model<'_, T>, task: &Task<'_, T>) -> Result<Advice<T>, Error> {
        let search = Search { adviser: self, task };
        let samples = task.samples();
        let targets = task.refused(model);
        let survey = match (Survey::of(task, model), targets.clone()) {
            (Ok(survey), _) => survey,
            (Err(_), Some(finding)) => {
                let why = "the loss cannot be computed; correct the targets, or choose another loss";
                return Ok(Advice {
                    findings: vec![finding],
                    figures: Figures::of(&Survey::default()),
                    foretold: None,
                    samples,
                    remedies: vec![],
                    without: Some(Error::invalid("advice", why)),
                });
            }
            (Err(error), None) => return Err(error),
        };
        let (mut findings, to_scale) = search.findings(&survey, model, task, targets);
        let (figures, foretold) = (Figures::of(&survey), Foretold::of(model, task, survey.flow()));
        let untrained = finding::nothing_to_train(&model.module().parameters());
        let found = match findings.iter().any(Finding::is_serious) {
            _ if untrained.is_some() => {
                Err(Error::invalid("advice", "the model has nothing to train; unfreeze some first"))
            }
            true => search.remedies(model, &survey, &findings, &to_scale),
            false => search.rate(model, &figures).map(|judged| {
                judged.map_or_else(Vec::new, |(finding, remedy)| {
                    findings.insert(0, finding);
                    remedy.into_iter().collect()
                })
            }),
        };
        let (remedies, without) = match found {
            Ok(remedies) => (remedies, None),
            Err(error) => (vec![], Some(error)),
        };
        findings.splice(0..0, untrained);
        Ok(Advice { findings, figures, foretold, samples, remedies, without })
    }
}

impl<T: Float> fmt::Debug for Adviser<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adviser").field("samples", &self.samples).field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// What [`advise`] found; it prints as a report.
#[derive(Debug)]
pub struct Advice<T: Float = f64> {
    findings: Vec<Finding>,
    figures: Figures,
    foretold: Option<Foretold>,
    samples: usize,
    remedies: Vec<Remedy<T>>,
    without: Option<Error>,
}

impl<T: Float> Advice<T> {
    /// What is wrong, causes before effects.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The finding of this cause, if there is one.
    pub fn finding(&self, cause: Cause) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.cause == cause)
    }

    /// Whether nothing serious is wrong.
    pub fn is_healthy(&self) -> bool {
        !self.findings.iter().any(Finding::is_serious)
    }

    /// What was measured.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// What the theory foretells of the model at its present weights; `None` where it cannot tell.
    pub fn foretold(&self) -> Option<Foretold> {
        self.foretold
    }

    /// What helps, by measurement; the best first. Those that leave nothing serious come first, and one that changes the
    /// architecture behind those that are nearly as good without.
    pub fn remedies(&self) -> &[Remedy<T>] {
        &self.remedies
    }

    /// The remedies, to take one: [`Remedy::into_model`].
    pub fn into_remedies(self) -> Vec<Remedy<T>> {
        self.remedies
    }

    /// Why no remedy was tried, if so: the model has no configuration to copy it from, nothing to train, or the loss cannot be
    /// computed.
    pub fn without_remedies(&self) -> Option<&Error> {
        self.without.as_ref()
    }
}
