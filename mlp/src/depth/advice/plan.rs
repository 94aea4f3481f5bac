//! [`Search`]: which remedies are tried, and what each comes to.

use std::collections::BTreeSet;

use autograd::Float;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Adviser;
use super::edit::{Edit, edited};
use super::finding::{self, Cause, Finding};
use super::redraw::{Redraw, residuals};
use super::remedy::{Foretold, Remedy};
use super::survey::{Figures, Survey, parts};
use super::task::{Built, Model, Task};
use crate::error::Result;
use crate::{Activation, Config, Scaler};

/// A model's batch and loss, under which remedies are measured.
pub(super) struct Search<'a, T: Float> {
    pub(super) adviser: &'a Adviser<'a, T>,
    pub(super) task: &'a Task<'a, T>,
}

/// A remedy to try.
struct Plan {
    what: &'static str,
    edits: Vec<Edit>,
    redraw: Redraw,
}

impl Plan {
    /// Whether it changes parts; inputs and outputs are those of the whole model.
    fn has_scope(&self) -> bool {
        !matches!(self.redraw, Redraw::Not | Redraw::Outputs(_)) || !self.edits.is_empty()
    }
}

/// What all remedies begin with.
struct Start<'a, T: Float> {
    model: Model<'a, T>,
    config: Config,
    before: Figures,
    /// The scales that belong to each remedy, and the batch so scaled.
    scalers: Vec<(Option<String>, Scaler)>,
    scaled: Option<Task<'a, T>>,
}

/// What is wrong with the weights or with what depth makes of them, and is cured by other weights.
const OF_WEIGHTS: [Cause; 10] = [
    Cause::EqualWeights,
    Cause::ZeroWeights,
    Cause::DeadUnits,
    Cause::SaturatedUnits,
    Cause::NotFinite,
    Cause::SignalVanishes,
    Cause::SignalExplodes,
    Cause::GradientVanishes,
    Cause::GradientExplodes,
    Cause::IdenticalRows,
];

impl<T: Float> Search<'_, T> {
    /// All that is wrong, in the order of causes, and the inputs that need a scale.
    pub(super) fn findings<'n>(
        &self,
        survey: &Survey,
        model: Model<'_, T>,
        task: &Task<'n, T>,
        targets: Option<Finding>,
    ) -> (Vec<Finding>, Vec<Option<&'n str>>) {
        let odd = task.odd_inputs(survey, model);
        let to_scale = odd.iter().filter(|(_, finding)| finding.is_serious()).map(|(name, _)| *name).collect();
        let mut found: Vec<Finding> = targets.into_iter().collect();
        found.extend(odd.into_iter().map(|(_, finding)| finding));
        found.extend(finding::of_survey(survey, task.spread()));
        let grown = [Cause::SignalExplodes, Cause::Inputs];
        if let Some(targets) = task.targets()
            && !found.iter().any(|finding| grown.contains(&finding.cause) && finding.is_serious())
        {
            found.extend(finding::outputs(survey.flow(), targets));
        }
        found.sort_by_key(|finding| (finding.severity, finding.cause));
        (found, to_scale)
    }

    /// The remedies that help, the best first.
    pub(super) fn remedies(
        &self,
        model: Model<'_, T>,
        survey: &Survey,
        findings: &[Finding],
        to_scale: &[Option<&str>],
    ) -> Result<Vec<Remedy<T>>> {
        let config = model.module().config()?;
        let scalers = self.task.scalers(to_scale);
        let scaled = if scalers.is_empty() { None } else { Some(self.task.scaled(&scalers)?) };
        let start = Start { model, config, before: Figures::of(survey), scalers, scaled };
        let serious: BTreeSet<Cause> =
            findings.iter().filter(|finding| finding.is_serious()).map(|finding| finding.cause).collect();
        let plans = plans(&serious, survey, model.module().output_activation(), self.task.targets());
        let scope = scope(findings, survey);
        let mut tried = self.helpful(&start, survey, &plans, scope.as_ref(), findings)?;
        // What is seen in one part may come from another.
        if scope.is_some() && !tried.iter().any(|remedy| serious_in(&remedy.findings) == 0) {
            let others: Vec<Plan> = plans.into_iter().filter(Plan::has_scope).collect();
            tried.extend(self.helpful(&start, survey, &others, None, findings)?);
        }
        // Another architecture has to be better by a factor of e².
        let rest = |remedy: &Remedy<T>| distance(&remedy.after) + if remedy.config().is_some() { 2.0 } else { 0.0 };
        let left = |remedy: &Remedy<T>| serious_in(&remedy.findings);
        tried.sort_by(|a, b| left(a).cmp(&left(b)).then(rest(a).total_cmp(&rest(b))));
        Ok(tried)
    }

    /// The remedies, in these parts if some are given, that leave less.
    fn helpful(
        &self,
        start: &Start<'_, T>,
        survey: &Survey,
        plans: &[Plan],
        scope: Option<&BTreeSet<String>>,
        findings: &[Finding],
    ) -> Result<Vec<Remedy<T>>> {
        // Weights are drawn by the structure of a model, which is known for the model itself and here for its edits.
        let mut structures: Vec<(Config, Survey)> = vec![];
        let mut tried = vec![];
        for plan in plans {
            let mut changed = None;
            let mut applies = true;
            for &edit in &plan.edits {
                match edited(changed.as_ref().unwrap_or(&start.config), edit, scope)? {
                    Some(next) => changed = Some(next),
                    None => applies = false,
                }
            }
            if !applies || changed.is_none() && plan.redraw == Redraw::Not && start.scalers.is_empty() {
                continue;
            }
            let task = start.scaled.as_ref().unwrap_or(self.task);
            let rng = &mut StdRng::seed_from_u64(self.adviser.seed);
            let copy = self.copy(start.model, changed.as_ref().unwrap_or(&start.config), rng)?;
            if plan.redraw != Redraw::Not {
                let structure = match &changed {
                    None => survey,
                    Some(config) => {
                        if !structures.iter().any(|(known, _)| known == config) {
                            structures.push((config.clone(), Survey::of(task, copy.model())?));
                        }
                        &structures.iter().find(|(known, _)| known == config).expect("it is there").1
                    }
                };
                plan.redraw.apply(&copy.model().module().parameters(), structure.flow(), scope, rng)?;
            }
            let remedy = self.measured(start, task, plan, scope, changed, copy)?;
            let fewer = serious_in(&remedy.findings) < serious_in(findings);
            if fewer || distance(&remedy.after) < distance(&start.before) - 0.1 {
                tried.push(remedy);
            }
        }
        Ok(tried)
    }

    /// A copy of the model in this architecture, with its weights where they fit.
    pub(super) fn copy(&self, model: Model<'_, T>, config: &Config, rng: &mut StdRng) -> Result<Built<T>> {
        let copy = self.task.build(self.adviser.registry, config, rng)?;
        let old = model.module().state();
        for (name, param) in copy.model().module().state().iter() {
            // A norm in a chain moves what follows it; there all weights are drawn anew.
            if let Some(same) = old.get(name).filter(|same| same.shape() == param.shape()) {
                param.set(same.value());
            }
        }
        Ok(copy)
    }

    /// A remedy, with what is left after it.
    fn measured(
        &self,
        start: &Start<'_, T>,
        task: &Task<'_, T>,
        plan: &Plan,
        scope: Option<&BTreeSet<String>>,
        config: Option<Config>,
        model: Built<T>,
    ) -> Result<Remedy<T>> {
        let survey = Survey::of(task, model.model())?;
        let mut what = match (start.scalers.is_empty(), plan.what) {
            (true, what) => what.into(),
            (false, "") => "inputs scaled to mean 0 and deviation 1".into(),
            (false, what) => format!("inputs scaled; {what}"),
        };
        if let Some(scope) = scope.filter(|_| plan.has_scope()) {
            let names: Vec<_> = scope.iter().map(|name| format!("`{name}`")).collect();
            what = format!("{}: {what}", names.join(", "));
        }
        let (findings, _) = self.findings(&survey, model.model(), task, task.refused(model.model()));
        Ok(Remedy {
            what,
            findings,
            before: start.before.clone(),
            after: Figures::of(&survey),
            foretold: Foretold::of(model.model(), task, survey.flow()),
            config,
            scalers: start.scalers.clone(),
            rate: None,
            model,
        })
    }
}

fn serious_in(findings: &[Finding]) -> usize {
    findings.iter().filter(|finding| finding.is_serious()).count()
}

/// The parts whose weights are at fault, where findings of weights name all of them.
fn scope(findings: &[Finding], survey: &Survey) -> Option<BTreeSet<String>> {
    let rows = survey.weighted();
    let with_weights: BTreeSet<&str> = parts(&rows).into_iter().map(|(name, _)| name).collect();
    let of_weights = findings.iter().filter(|finding| finding.is_serious() && OF_WEIGHTS.contains(&finding.cause));
    let named = of_weights.map(|finding| finding.part.clone().filter(|part| with_weights.contains(part.as_str())));
    named.collect::<Option<BTreeSet<_>>>().filter(|named| !named.is_empty())
}

/// What to try.
fn plans(
    causes: &BTreeSet<Cause>,
    survey: &Survey,
    ends: Option<Activation>,
    targets: Option<Option<f64>>,
) -> Vec<Plan> {
    let of_weights = OF_WEIGHTS.iter().any(|cause| causes.contains(cause));
    let mut plans = vec![];
    let base = match causes.contains(&Cause::Targets) && ends.is_some_and(|ends| ends != Activation::Identity) {
        true => vec![Edit::EndWithSums],
        false => vec![],
    };
    let mut plan = |what: &'static str, edit: Option<Edit>, redraw| {
        plans.push(Plan { what, edits: base.iter().copied().chain(edit).collect(), redraw });
    };
    plan(if base.is_empty() { "" } else { "the sums of the last layer as outputs" }, None, Redraw::Not);
    if of_weights {
        plan("critical weights: σ_w²/inputs of the activation; biases 0", None, Redraw::Critical);
        plan("orthogonal weights of critical size; biases 0", None, Redraw::Orthogonal);
        plan("tanh for sigmoid, critical weights", Some(Edit::TanhForSigmoid), Redraw::Critical);
        plan("layer norms, critical weights", Some(Edit::LayerNorm), Redraw::Critical);
        if residuals(survey.flow()).nth(1).is_some() {
            plan("branches of strength 1/√L", None, Redraw::Branches);
        }
    }
    if causes.contains(&Cause::OutputsTooLarge)
        && let Some(targets) = targets
        && let Some(size) = finding::outputs(survey.flow(), targets).map(|finding| finding.figure)
    {
        plan("the last layer scaled to the targets", None, Redraw::Outputs(targets.unwrap_or(1.0) / size));
    }
    plans
}

/// How far the figures are from 1, to compare remedies: logarithms of what depth makes of signal and gradient, shares, and
/// the lost spread.
fn distance(figures: &Figures) -> f64 {
    let layers = figures.depth.saturating_sub(1) as f64;
    let far = |factor: Option<f64>| factor.map_or(0.0, |factor| (layers * factor.ln()).abs().min(1e3));
    let spread = figures.spread.map_or(0.0, |spread| (1e-2 / spread.max(1e-16)).ln().max(0.0));
    let shares = 10.0 * (figures.saturated + figures.dead);
    let loss = if figures.loss.is_finite() { figures.loss.abs().max(1.0).ln() } else { 1e3 };
    far(figures.signal) + far(figures.gradient) + spread + shares + loss
}
