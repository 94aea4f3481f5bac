//! [`Patient`]: which remedies are tried, and what each comes to.

use std::collections::BTreeSet;

use autograd::Float;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;

use super::finding::{self, Cause, Finding};
use super::redraw::{Redraw, residuals};
use super::remedy::{Foretold, Remedy};
use super::survey::{Figures, Survey};
use super::{Adviser, data, edit};
use crate::error::Result;
use crate::loss::{Loss, Outputs};
use crate::{Activation, Config, Dataset, Module, Scaler};

/// A model's data and loss, under which remedies are measured.
pub(super) struct Patient<'a, T: Float, L: ?Sized> {
    pub(super) adviser: &'a Adviser<'a, T>,
    pub(super) data: &'a Dataset<T>,
    pub(super) loss: &'a L,
}

/// A remedy to try.
struct Plan {
    what: &'static str,
    edits: Vec<fn(&mut Value) -> bool>,
    redraw: Redraw,
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

impl<T: Float, L: Loss<T> + ?Sized> Patient<'_, T, L> {
    /// What the loss says of outputs and targets that do not fit.
    pub(super) fn refused<M: Module<T> + ?Sized>(&self, model: &M, data: &Dataset<T>) -> Option<Finding> {
        let first = model.predict(data.inputs());
        let outputs = Outputs { shape: first.shape().clone(), first: &first, activation: model.output_activation() };
        let error = self.loss.check(&outputs, data.targets()).err()?;
        Some(Finding::new(Cause::Targets, f64::NAN, error.to_string()))
    }

    /// All that is wrong, in the order of causes.
    pub(super) fn findings(&self, survey: &Survey, data: &Dataset<T>, targets: Option<Finding>) -> Vec<Finding> {
        let spread = super::survey::spread(&data.inputs().cast());
        // Indices of an embedding are no sizes.
        let indices = survey.flow().layers.first().is_some_and(|row| row.kind.starts_with("embedding"));
        let mut found: Vec<Finding> = targets.into_iter().collect();
        found.extend(data::inputs(data.inputs()).filter(|_| !indices));
        found.extend(finding::of_survey(survey, spread));
        let grown = [Cause::SignalExplodes, Cause::Inputs];
        if !found.iter().any(|finding| grown.contains(&finding.cause) && finding.is_serious()) {
            found.extend(finding::outputs(survey.flow(), data::size(data.targets())));
        }
        found.sort_by_key(|finding| (finding.severity, finding.cause));
        found
    }

    /// The remedies that help, the best first.
    pub(super) fn remedies<M: Module<T> + ?Sized>(
        &self,
        model: &M,
        survey: &Survey,
        findings: &[Finding],
    ) -> Result<Vec<Remedy<T>>> {
        let config = model.config()?;
        let serious: BTreeSet<Cause> =
            findings.iter().filter(|finding| finding.is_serious()).map(|finding| finding.cause).collect();
        let scaler = data::scaler(self.data.inputs()).filter(|_| serious.contains(&Cause::Inputs));
        let before = Figures::of(survey);
        let mut tried: Vec<Remedy<T>> = vec![];
        for plan in plans(&serious, survey, model.output_activation(), data::size(self.data.targets())) {
            let Some(remedy) = self.tried(model, &config, &plan, scaler.clone(), &before)? else { continue };
            let left = |findings: &[Finding]| findings.iter().filter(|finding| finding.is_serious()).count();
            if left(&remedy.findings) < left(findings) || illness(&remedy.after) < illness(&before) - 0.1 {
                tried.push(remedy);
            }
        }
        let serious = |remedy: &Remedy<T>| remedy.findings.iter().filter(|finding| finding.is_serious()).count();
        // Another architecture has to be better by a factor of e².
        let rest = |remedy: &Remedy<T>| illness(&remedy.after) + if remedy.config().is_some() { 2.0 } else { 0.0 };
        tried.sort_by(|a, b| serious(a).cmp(&serious(b)).then(rest(a).total_cmp(&rest(b))));
        Ok(tried)
    }

    /// A copy of the model after the remedy, measured; `None` where it does not apply.
    fn tried<M: Module<T> + ?Sized>(
        &self,
        model: &M,
        config: &Config,
        plan: &Plan,
        scaler: Option<Scaler>,
        before: &Figures,
    ) -> Result<Option<Remedy<T>>> {
        let mut changed = None;
        for &edit in &plan.edits {
            let Some(next) = edit::edited(changed.as_ref().unwrap_or(config), edit)? else { return Ok(None) };
            changed = Some(next);
        }
        if changed.is_none() && plan.redraw == Redraw::Not && scaler.is_none() {
            return Ok(None);
        }
        let rng = &mut StdRng::seed_from_u64(self.adviser.seed);
        let copy = self.adviser.registry.build(changed.as_ref().unwrap_or(config), rng)?;
        let old = model.state();
        for (name, param) in copy.state().iter() {
            // A norm in a chain moves what follows it; there all weights are drawn anew.
            if let Some(same) = old.get(name).filter(|same| same.shape() == param.shape()) {
                param.set(same.value());
            }
        }
        let scaled = scaler.as_ref().map(|scaler| data::scaled(self.data, scaler)).transpose()?;
        let data = scaled.as_ref().unwrap_or(self.data);
        if plan.redraw != Redraw::Not {
            let rows = Survey::of(&copy, data, self.loss)?;
            plan.redraw.apply(&copy.parameters(), rows.flow(), rng)?;
        }
        let survey = Survey::of(&copy, data, self.loss)?;
        let what = match (&scaler, plan.what) {
            (None, what) => what.into(),
            (Some(_), "") => "inputs scaled to mean 0 and deviation 1".into(),
            (Some(_), what) => format!("inputs scaled; {what}"),
        };
        Ok(Some(Remedy {
            what,
            findings: self.findings(&survey, data, self.refused(&copy, data)),
            before: before.clone(),
            after: Figures::of(&survey),
            foretold: Foretold::of(&copy, data.inputs(), survey.flow()),
            config: changed,
            scaler,
            model: copy,
        }))
    }
}

/// What to try.
fn plans(causes: &BTreeSet<Cause>, survey: &Survey, ends: Option<Activation>, targets: Option<f64>) -> Vec<Plan> {
    let of_weights = OF_WEIGHTS.iter().any(|cause| causes.contains(cause));
    let mut plans = vec![];
    let base: Vec<fn(&mut Value) -> bool> =
        match causes.contains(&Cause::Targets) && ends.is_some_and(|ends| ends != Activation::Identity) {
            true => vec![edit::end_with_sums],
            false => vec![],
        };
    let mut plan = |what: &'static str, edit: Option<fn(&mut Value) -> bool>, redraw| {
        plans.push(Plan { what, edits: base.iter().copied().chain(edit).collect(), redraw });
    };
    plan(if base.is_empty() { "" } else { "the sums of the last layer as outputs" }, None, Redraw::Not);
    if of_weights {
        plan("critical weights: σ_w²/inputs of the activation; biases 0", None, Redraw::Critical);
        plan("orthogonal weights of critical size; biases 0", None, Redraw::Orthogonal);
        plan("tanh for sigmoid, critical weights", Some(edit::tanh_for_sigmoid), Redraw::Critical);
        plan("layer norms, critical weights", Some(edit::layer_norm), Redraw::Critical);
        if residuals(survey.flow()).nth(1).is_some() {
            plan("branches of strength 1/√L", None, Redraw::Branches);
        }
    }
    if causes.contains(&Cause::OutputsTooLarge)
        && let Some(size) = finding::outputs(survey.flow(), targets).map(|finding| finding.figure)
    {
        plan("the last layer scaled to the targets", None, Redraw::Outputs(targets.unwrap_or(1.0) / size));
    }
    plans
}

/// How far the figures are from 1, to compare remedies: logarithms of what depth makes of signal and gradient, shares, and
/// the lost spread.
fn illness(figures: &Figures) -> f64 {
    let layers = figures.depth.saturating_sub(1) as f64;
    let far = |factor: Option<f64>| factor.map_or(0.0, |factor| (layers * factor.ln()).abs().min(1e3));
    let spread = figures.spread.map_or(0.0, |spread| (1e-2 / spread.max(1e-16)).ln().max(0.0));
    let shares = 10.0 * (figures.saturated + figures.dead);
    let loss = if figures.loss.is_finite() { figures.loss.abs().max(1.0).ln() } else { 1e3 };
    far(figures.signal) + far(figures.gradient) + spread + shares + loss
}
