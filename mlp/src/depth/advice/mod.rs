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
//! | [`GradientVanishes`](Cause::GradientVanishes), [`GradientExplodes`](Cause::GradientExplodes), and of signals | a factor of 10³ between the first and the last layer with weights |
//! | [`DeadUnits`](Cause::DeadUnits), [`SaturatedUnits`](Cause::SaturatedUnits) | more than three quarters of a layer, more than half of its values |
//! | [`IdenticalRows`](Cause::IdenticalRows) | the mean cosine between samples is above 0.999, and far above that of the inputs |
//! | [`EqualWeights`](Cause::EqualWeights), [`ZeroWeights`](Cause::ZeroWeights) | equal units, or zeros that keep gradients from other weights |
//! | [`Inputs`](Cause::Inputs), [`Targets`](Cause::Targets), [`OutputsTooLarge`](Cause::OutputsTooLarge) | columns beyond 30 or below 1/30, or of a mean of 10 deviations; targets that the loss refuses; outputs 30 times the targets, or logits of 10 |
//!
//! A model is measured at its present weights, so that advice holds for the start of a training. It says nothing of rates,
//! for which there is [`Trainer::find_rate`](crate::Trainer::find_rate), and of models that are too small.
//!
//! Sources: Glorot and Bengio 2010 (vanishing gradients and saturation); He, Zhang, Ren and Sun 2015 (rectifiers); Schoenholz,
//! Gilmer, Ganguli and Sohl-Dickstein 2017 (depth scales, critical weights); Saxe, McClelland and Ganguli 2014 (orthogonal
//! weights); Hayou et al. 2021 (branches scaled with depth); LeCun, Bottou, Orr and Müller 1998 (inputs).

mod data;
mod edit;
mod finding;
mod guard;
mod plan;
mod redraw;
mod remedy;
mod report;
mod survey;

use autograd::Float;

pub use finding::{Cause, Finding, Severity};
pub use guard::Guard;
pub use remedy::{Foretold, Remedy};
pub use survey::Figures;

use crate::error::Error;
use crate::loss::Loss;
use crate::{Dataset, Module, Registry};
use plan::Patient;
use survey::Survey;

/// Names what is wrong with a model for these data and this loss, and what would cure it: [`Adviser::advise`] with nothing
/// set.
///
/// The [page of the module](crate::advice) has an example.
///
/// # Errors
/// As [`Adviser::advise`].
pub fn advise<T: Float, M: Module<T> + ?Sized, L: Loss<T> + ?Sized>(
    model: &M,
    data: &Dataset<T>,
    loss: &L,
) -> Result<Advice<T>, Error> {
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
#[derive(Debug, Clone, Copy)]
pub struct Adviser<'r, T: Float = f64> {
    registry: &'r Registry<T>,
    samples: usize,
    seed: u64,
}

impl<'r, T: Float> Adviser<'r, T> {
    /// An adviser that copies models with the layers of `registry`, looks at 256 samples, and draws weights with seed 0.
    pub fn new(registry: &'r Registry<T>) -> Self {
        Adviser { registry, samples: 256, seed: 0 }
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

    /// Measures the model, names what is wrong, and tries remedies on copies. The model stays as it is.
    ///
    /// The pass is one of evaluation; in models with buffers, such as those of a batch normalisation, it is one of training,
    /// and the buffers are put back.
    ///
    /// # Errors
    /// If there are no data, or the loss fails for other reasons than targets that do not fit. A model that cannot be copied
    /// has findings without remedies: [`Advice::without_remedies`] says why.
    ///
    /// # Panics
    /// If the model panics for such inputs.
    #[track_caller]
    pub fn advise<M: Module<T> + ?Sized, L: Loss<T> + ?Sized>(
        &self,
        model: &M,
        data: &Dataset<T>,
        loss: &L,
    ) -> Result<Advice<T>, Error> {
        let data = data::sample(data, self.samples)?;
        let patient = Patient { adviser: self, data: &data, loss };
        let targets = patient.refused(model, &data);
        let survey = match (Survey::of(model, &data, loss), targets.clone()) {
            (Ok(survey), _) => survey,
            (Err(_), Some(finding)) => {
                let why = "the loss cannot be computed; correct the targets, or choose another loss";
                return Ok(Advice {
                    findings: vec![finding],
                    figures: Figures::of(&Survey::default()),
                    foretold: None,
                    samples: data.len(),
                    remedies: vec![],
                    without: Some(Error::invalid("advice", why)),
                });
            }
            (Err(error), None) => return Err(error),
        };
        let findings = patient.findings(&survey, &data, targets);
        let (figures, foretold) = (Figures::of(&survey), Foretold::of(model, data.inputs(), survey.flow()));
        let (remedies, without) = match findings.iter().any(Finding::is_serious) {
            false => (vec![], None),
            true => match patient.remedies(model, &survey, &findings) {
                Ok(remedies) => (remedies, None),
                Err(error) => (vec![], Some(error)),
            },
        };
        Ok(Advice { findings, figures, foretold, samples: data.len(), remedies, without })
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

    /// Why no remedy was tried, if so: the model has no configuration to copy it from, or the loss cannot be computed.
    pub fn without_remedies(&self) -> Option<&Error> {
        self.without.as_ref()
    }
}
