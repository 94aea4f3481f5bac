//! [`Guard`]: ends a training that is bound to fail.

use std::cell::RefCell;
use std::fmt;
use std::ops::ControlFlow;
use std::rc::Rc;

use autograd::Tensor;

use super::finding::{self, Cause, Finding};
use super::survey::weighted;
use crate::depth::flow::{Flow, Gatherer, WeightFlow};
use crate::error::{Error, Result};
use crate::nn::observe::{Observer, Parameter, Part, Site, Slopes};
use crate::train::{Callback, Learner, Step, Stopped};

/// Ends a training that is bound to fail, after its first steps, with an error that names the finding.
///
/// Its clones are one: the trainer has one as the observer of steps, and another as a callback. It ends the training
///
/// - after three observed steps, if each changed some weights, relative to their size, by less than 1.2·10⁻⁷ (what `f32`
///   resolves) of what it changed others by, or no weights got a gradient;
/// - at once, if gradients explode and a step changed weights by more than a thousand times their size.
///
/// What the optimiser makes of gradients counts, not their size: Adam may train where plain descent does not.
///
/// ```
/// use autograd::Tensor;
/// use mlp::advice::Guard;
/// use mlp::{Activation, Dataset, Init, Mlp, Module, Mse, Sgd, Trainer};
/// use rand::{SeedableRng, rngs::StdRng};
/// let rng = &mut StdRng::seed_from_u64(0);
/// let layers = (0..20).fold(Mlp::new(4), |layers, _| layers.hidden(8, Activation::Sigmoid));
/// let model: Mlp = layers.output(1, Activation::Identity).build(rng)?;
/// let data = Dataset::new(Init::Normal { mean: 0.0, std: 1.0 }.sample([64, 4], rng), Tensor::ones([64, 1]))?;
/// let guard = Guard::new();
/// let trainer = Trainer::new().epochs(1000).observe_steps(1, guard.clone()).callback(guard.clone());
/// let error = trainer.fit(&model, &Mse, &mut Sgd::new(&model.parameters(), 0.1), &data, None).unwrap_err();
/// assert!(error.to_string().starts_with("training: stopped after step 3: the gradient vanishes"), "{error}");
/// assert_eq!(guard.findings()[0].cause, mlp::advice::Cause::GradientVanishes);
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// Observed steps take longer: once it has seen three good ones, it only passes the others by.
#[derive(Clone, Default)]
pub struct Guard(Rc<RefCell<Watched>>);

#[derive(Default)]
struct Watched {
    gatherer: Gatherer<'static>,
    /// The number of observed steps.
    looks: usize,
    /// Whether each of them was bad.
    bad: bool,
    /// Whether to stop.
    stop: bool,
    findings: Vec<Finding>,
}

/// The steps that are judged: zeros in one layer keep gradients back in the first step only.
const LOOKS: usize = 3;
/// The update of weights, in their own size, that nothing survives where gradients explode.
const TIMES: f64 = 1e3;
/// What a number resolves.
const RESOLVED: f64 = f32::EPSILON as f64;

impl Guard {
    /// A guard that has seen nothing.
    pub fn new() -> Self {
        Guard::default()
    }

    /// What the last judged step showed, the reason for a stop first.
    pub fn findings(&self) -> Vec<Finding> {
        self.0.borrow().findings.clone()
    }

    /// The gatherer, as long as steps are judged.
    fn gather(&self, f: impl FnOnce(&mut Gatherer<'static>)) {
        let watched = &mut *self.0.borrow_mut();
        if watched.looks < LOOKS {
            f(&mut watched.gatherer);
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let watched = self.0.borrow();
        f.debug_struct("Guard").field("looks", &watched.looks).field("findings", &watched.findings).finish()
    }
}

/// The reason why a training with this step fails, if it does, and whether that is sure at once.
fn doomed(flow: &Flow) -> Option<(Finding, bool)> {
    let rows = weighted(flow);
    let trained: Vec<_> = rows
        .iter()
        .flat_map(|&(i, row)| row.weights.iter().map(move |weights| (i, row, weights)))
        .filter(|(.., weights)| weights.axes > 1 && !weights.frozen)
        .collect();
    let is_still = |weights: &WeightFlow| weights.gradients.as_ref().is_none_or(|gradients| gradients.norm == 0.0);
    if !trained.is_empty() && trained.iter().all(|(.., weights)| is_still(weights)) {
        let nothing = || Finding::new(Cause::GradientVanishes, 0.0, "no matrix of weights gets a gradient");
        return Some((finding::of_flow(flow).into_iter().next().unwrap_or_else(nothing), false));
    }
    let updates = trained.iter().filter_map(|&(i, row, weights)| Some((i, row, weights, weights.update?)));
    let all: Vec<_> = updates.collect();
    let most = all.iter().map(|&(.., update)| update).fold(0.0, f64::max);
    let &(i, row, weights, least) = all.iter().min_by(|a, b| a.3.total_cmp(&b.3))?;
    let shown = |cause| finding::of_flow(flow).into_iter().find(|finding| finding.cause == cause);
    if most > TIMES
        && let Some(finding) = shown(Cause::GradientExplodes)
    {
        return Some((finding, true));
    }
    if least >= RESOLVED * most {
        return None;
    }
    let still = || {
        let text = format!(
            "{}: a step changes `{}` by {least:.1e} of its size, and other weights by {most:.1e}; it is not trained",
            row.title(i),
            weights.name
        );
        Finding::new(Cause::GradientVanishes, least / most, text)
    };
    Some((shown(Cause::GradientVanishes).unwrap_or_else(still), false))
}

impl Observer for Guard {
    fn begin(&mut self) {
        self.gather(|gatherer| gatherer.begin());
    }

    fn output(&mut self, site: &Site<'_>, values: &Tensor) {
        self.gather(|gatherer| gatherer.output(site, values));
    }

    fn sums(&mut self, site: &Site<'_>, sums: &Tensor, slopes: Slopes<'_>) {
        self.gather(|gatherer| gatherer.sums(site, sums, slopes));
    }

    fn gradient(&mut self, site: &Site<'_>, part: Part, gradient: &Tensor) {
        self.gather(|gatherer| gatherer.gradient(site, part, gradient));
    }

    fn parameter(&mut self, parameter: &Parameter<'_>) {
        self.gather(|gatherer| gatherer.parameter(parameter));
    }

    fn swept(&mut self, loss: f64) {
        self.gather(|gatherer| gatherer.swept(loss));
    }

    fn updated(&mut self, name: &str, before: &Tensor, after: &Tensor) {
        self.gather(|gatherer| gatherer.updated(name, before, after));
    }

    fn stepped(&mut self, step: usize) {
        self.gather(|gatherer| gatherer.stepped(step));
        let watched = &mut *self.0.borrow_mut();
        if watched.looks < LOOKS {
            let doomed = doomed(&watched.gatherer.flow);
            watched.bad = doomed.is_some() && (watched.bad || watched.looks == 0);
            watched.looks += 1;
            watched.stop |=
                watched.bad && watched.looks == LOOKS || doomed.as_ref().is_some_and(|(_, at_once)| *at_once);
            let reason = doomed.map(|(finding, _)| finding);
            let others = finding::of_flow(&watched.gatherer.flow);
            let others = others.into_iter().filter(|finding| Some(finding) != reason.as_ref());
            watched.findings = reason.iter().cloned().chain(others).collect();
        }
    }
}

impl Callback for Guard {
    fn step_ended(&mut self, step: &Step, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        let watched = self.0.borrow();
        if watched.stop {
            let findings: Vec<_> = watched.findings.iter().map(Finding::to_string).collect();
            let repair = "advise names remedies";
            let why = format!("stopped after step {}: {}; {repair}", step.total, findings.join("; "));
            return Err(Error::invalid("training", why));
        }
        Ok(ControlFlow::Continue(()))
    }
}
