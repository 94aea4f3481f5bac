//! [`Finding`]: what is wrong with a model, in words and in numbers.

use std::fmt;

use autograd::{Float, Parameters};

use super::survey::{Alike, Survey, gradient, parts, signal, weighted};
use crate::depth::flow::{Flow, LayerFlow, WeightFlow};
use crate::error::shown;

/// The factor over the whole depth beyond which a signal or a gradient vanishes or explodes.
const FACTOR: f64 = 1e3;
/// The largest share of saturated values that is healthy.
const SATURATED: f64 = 0.5;
/// The largest share of dead units: deep rectifiers make samples alike, and half of the units are then off for all of them.
const DEAD: f64 = 0.75;
/// The spread below which all samples look the same, and its share of the spread of the inputs.
const SPREAD: [f64; 2] = [1e-3, 0.05];

/// What may be wrong with a model, its data, or both; in the order in which a report names them, causes before effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Every parameter is frozen, or there is none: no step changes anything.
    NothingToTrain,
    /// The loss refuses outputs and targets: labels out of range, or targets that the output layer cannot give.
    Targets,
    /// Columns of the inputs are far from size 1, or far from mean 0.
    Inputs,
    /// All units of a layer have the same weights: they get the same gradients, and stay the same.
    EqualWeights,
    /// Layers of zeros let no gradient through.
    ZeroWeights,
    /// Units whose activation is flat for every sample.
    DeadUnits,
    /// Values in the flat part of an activation that is flat on both sides.
    SaturatedUnits,
    /// Values or gradients are infinite or NaN.
    NotFinite,
    /// Values shrink from layer to layer.
    SignalVanishes,
    /// Values grow from layer to layer.
    SignalExplodes,
    /// Gradients shrink on their way back.
    GradientVanishes,
    /// Gradients grow on their way back.
    GradientExplodes,
    /// Different samples give the same values: rank collapse.
    IdenticalRows,
    /// The first outputs are far larger than what they shall become.
    OutputsTooLarge,
    /// Steps of the learning rate raise the loss, or hardly lower it, and smaller ones do.
    RateTooLarge,
    /// Steps of the learning rate hardly lower the loss, and larger ones do.
    RateTooSmall,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Training fails, or is far slower than it could be.
    Serious,
    /// Training may overcome it.
    Note,
}

/// One thing that is wrong; it prints as a sentence.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub cause: Cause,
    /// How bad it is.
    pub severity: Severity,
    /// The layer in which it is seen first, by the name that a [`Flow`] has for it; `None` for data and for what grows with
    /// depth.
    pub layer: Option<String>,
    /// The named part of the model in which it is seen first, as of a [`Network`](crate::Network); `None` for a model of one
    /// part, and for what concerns all.
    pub part: Option<String>,
    /// The figure that tells: the share of dead units, the factor a layer, the size of the outputs, the given rate over the
    /// proposed one; NaN where there is none.
    pub figure: f64,
    /// The number of layers after which `f32` cannot hold a number any more that begins at 1, of what vanishes or explodes.
    pub precision_ends: Option<f64>,
    text: String,
}

impl Finding {
    pub(super) fn new(cause: Cause, figure: f64, text: impl Into<String>) -> Self {
        let text = text.into();
        Finding { cause, severity: Severity::Serious, layer: None, part: None, figure, precision_ends: None, text }
    }

    fn of_layer(self, row: &LayerFlow) -> Self {
        Finding { layer: Some(row.name.clone()), ..self }
    }

    pub(super) fn note(self) -> Self {
        Finding { severity: Severity::Note, ..self }
    }

    /// Whether it is [`Severity::Serious`].
    pub fn is_serious(&self) -> bool {
        self.severity == Severity::Serious
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A model of which no step changes anything.
pub(super) fn nothing_to_train<T: Float>(parameters: &Parameters<T>) -> Option<Finding> {
    let text = match parameters.distinct().count() {
        0 => "the model has no parameters: there is nothing to train".into(),
        _ if parameters.params().any(|param| !param.is_frozen()) => return None,
        1 => "the only parameter of the model is frozen: nothing can be trained; unfreeze it (Param::unfreeze)".into(),
        n => format!(
            "all {n} parameters of the model are frozen: nothing can be trained; unfreeze those that shall learn (Param::unfreeze)"
        ),
    };
    Some(Finding::new(Cause::NothingToTrain, f64::NAN, text))
}

/// What the pass through a model shows; `inputs` is the spread of the inputs.
pub(super) fn of_survey(survey: &Survey, inputs: Option<f64>) -> Vec<Finding> {
    let flow = survey.flow();
    let mut found: Vec<Finding> = vec![];
    found.extend(equal(survey));
    found.extend(zero(survey));
    found.extend(of_flow(flow));
    let has = |found: &[Finding], cause| found.iter().any(|finding: &Finding| finding.cause == cause);
    // Equal units give every sample the same direction, and dead ones give none.
    if !has(&found, Cause::EqualWeights) && !has(&found, Cause::DeadUnits) {
        found.extend(identical(survey, inputs));
    }
    in_parts(&mut found, flow);
    found
}

/// The first of the names that make a name of a layer: that of a part.
pub(super) fn part(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// Names the parts of findings that have a layer.
fn in_parts(found: &mut [Finding], flow: &Flow) {
    let rows = weighted(flow);
    let parts = parts(&rows);
    for finding in found {
        let named = finding.layer.as_deref().map(part).filter(|name| parts.iter().any(|(part, _)| part == name));
        finding.part = finding.part.take().or(named.map(String::from));
    }
}

/// What a flow shows, also one of a training.
pub(super) fn of_flow(flow: &Flow) -> Vec<Finding> {
    let mut found = vec![];
    found.extend(flat(
        flow,
        Cause::DeadUnits,
        |row| row.dead.filter(|&share| share > DEAD),
        "of its units are dead: flat for every sample, so that their weights get no gradient",
    ));
    found.extend(flat(
        flow,
        Cause::SaturatedUnits,
        |row| row.saturated.filter(|&share| row.two_sided && share > SATURATED),
        "of its values are saturated, where the activation is flat and passes hardly any gradient",
    ));
    found.extend(not_finite(flow));
    found.extend(trends(flow));
    in_parts(&mut found, flow);
    found
}

/// The first layer whose share is too large, and how many there are.
fn flat(flow: &Flow, cause: Cause, share: impl Fn(&LayerFlow) -> Option<f64>, what: &str) -> Option<Finding> {
    let bad = flow.layers.iter().enumerate().filter_map(|(i, row)| Some((i, row, share(row)?)));
    let bad: Vec<_> = bad.collect();
    let &(i, row, share) = bad.first()?;
    let more = match bad.len() - 1 {
        0 => String::new(),
        n => format!("; so it is in {n} more layer{}", if n == 1 { "" } else { "s" }),
    };
    let text = format!("{}: {:.0} % {what}{more}", row.title(i), 100.0 * share);
    Some(Finding::new(cause, share, text).of_layer(row))
}

fn not_finite(flow: &Flow) -> Option<Finding> {
    flow.layers.iter().enumerate().find_map(|(i, row)| {
        let gradients = row.outputs.gradients.as_ref().map_or(0, |gradients| gradients.not_finite);
        let (what, bad) = match row.outputs.values.not_finite {
            0 => ("gradients of its values", gradients),
            n => ("values", n),
        };
        let text = format!("{}: {bad} of {} {what} are infinite or NaN", row.title(i), row.outputs.values.count);
        (bad > 0).then(|| Finding::new(Cause::NotFinite, bad as f64, text).of_layer(row))
    })
}

/// What falls or grows with depth, in each part, and else in the whole.
fn trends(flow: &Flow) -> Vec<Finding> {
    let rows = weighted(flow);
    let mut found: Vec<Finding> = vec![];
    for (part, rows) in parts(&rows) {
        found.extend(trends_of(&rows).map(|finding| Finding {
            text: format!("in the part `{part}` {finding}"),
            part: Some(part.into()),
            ..finding
        }));
    }
    let of_parts: Vec<_> = found.iter().map(|finding| finding.cause).collect();
    found.extend(trends_of(&rows).filter(|finding| !of_parts.contains(&finding.cause)));
    found
}

fn trends_of(rows: &[(usize, &LayerFlow)]) -> impl Iterator<Item = Finding> {
    let hidden = rows.len().saturating_sub(1);
    let values = signal(rows).and_then(|factor| {
        let (from, to) = (rows.first()?, rows.get(hidden.checked_sub(1)?)?);
        let sizes = [from.1.outputs.values.rms(), to.1.outputs.values.rms()];
        let causes = [Cause::SignalVanishes, Cause::SignalExplodes];
        trend("signal", causes, factor, hidden, (from, to), sizes)
    });
    let gradients = gradient(rows).and_then(|factor| {
        let (from, to) = (rows.last()?, rows.first()?);
        let size = |row: &LayerFlow| row.outputs.gradients.as_ref().map(|gradients| gradients.norm);
        let causes = [Cause::GradientVanishes, Cause::GradientExplodes];
        trend("gradient", causes, factor, rows.len(), (from, to), [size(from.1)?, size(to.1)?])
    });
    values.into_iter().chain(gradients)
}

fn trend(
    what: &str,
    [vanishes, explodes]: [Cause; 2],
    factor: f64,
    layers: usize,
    ((i, from), (j, to)): (&(usize, &LayerFlow), &(usize, &LayerFlow)),
    [start, end]: [f64; 2],
) -> Option<Finding> {
    let whole = end / start;
    let (cause, verb) = match whole {
        // Exactly 0 is not a matter of depth: dead units or zeros, which are findings of their own.
        whole if whole > 0.0 && whole < 1.0 / FACTOR => (vanishes, "vanishes"),
        whole if whole > FACTOR && whole.is_finite() => (explodes, "explodes"),
        _ => return None,
    };
    let limit = if factor < 1.0 { f32::MIN_POSITIVE } else { f32::MAX };
    let ends = f64::from(limit).ln() / factor.ln();
    let text = format!(
        "the {what} {verb}: each of {layers} layers multiplies it by {factor:.2}, from {start:.1e} in {} to {end:.1e} in {}; \
         f32 cannot hold it beyond {ends:.0} layers",
        from.title(*i),
        to.title(*j)
    );
    Some(Finding { precision_ends: Some(ends), ..Finding::new(cause, factor, text) })
}

fn identical(survey: &Survey, inputs: Option<f64>) -> Option<Finding> {
    let inputs = inputs.unwrap_or(1.0);
    let rows = survey.flow().layers.iter().zip(&survey.spreads).enumerate();
    let (i, (row, spread)) = rows
        .filter_map(|(i, (row, spread))| Some((i, (row, (*spread)?))))
        .find(|(_, (_, spread))| *spread < SPREAD[0] && *spread < SPREAD[1] * inputs)?;
    let text = format!(
        "{}: different samples give nearly the same values: the mean cosine between them is 1 − {spread:.1e}, that of the \
         inputs 1 − {inputs:.1e}; the layers behind cannot tell them apart",
        row.title(i)
    );
    Some(Finding::new(Cause::IdenticalRows, spread, text).of_layer(row))
}

fn equal(survey: &Survey) -> Option<Finding> {
    let (i, row, name) = matrix(survey, Alike::Equal)?;
    let text = format!(
        "{}: all units have the same weights `{name}`: they get the same gradients and stay the same, so that the layer is \
         worth one unit",
        row.title(i)
    );
    Some(Finding::new(Cause::EqualWeights, row.units as f64, text).of_layer(row))
}

/// Zeros are a fault where they keep gradients from other weights; those of one output layer only do in the first step.
fn zero(survey: &Survey) -> Option<Finding> {
    let (i, row, name) = matrix(survey, Alike::Zero)?;
    let all = survey.weighted();
    // A part whose zeros let nothing through is at fault, whatever others do, unless these have zeros too.
    let is_zero = |row: &LayerFlow| row.weights.iter().any(|w| survey.alike.get(&w.name) == Some(&Alike::Zero));
    let alone = all.iter().filter(|(_, row)| is_zero(row)).all(|(_, other)| part(&other.name) == part(&row.name));
    let parts = if alone { parts(&all) } else { vec![] };
    let weights: Vec<&WeightFlow> = match parts.iter().find(|(name, rows)| *name == part(&row.name) && rows.len() > 1) {
        Some((_, rows)) => rows.iter().flat_map(|(_, row)| &row.weights).collect(),
        None => survey.flow().weights().collect(),
    };
    let trained = weights.into_iter().filter(|weights| weights.axes > 1 && !weights.frozen);
    let gets = |weights: &&WeightFlow| weights.gradients.as_ref().is_some_and(|g| g.norm > 0.0);
    let (got, without): (Vec<_>, Vec<_>) = trained.partition(gets);
    let others = without.iter().filter(|weights| weights.name != name).count();
    if without.is_empty() {
        return None; // such as the last layer of a branch: everything is trained
    }
    let text = format!(
        "{}: all weights `{name}` are 0, and {others} other matri{} get{} no gradient",
        row.title(i),
        if others == 1 { "x" } else { "ces" },
        if others == 1 { "s" } else { "" }
    );
    let finding = Finding::new(Cause::ZeroWeights, others as f64, text).of_layer(row);
    match got.is_empty() {
        true => Some(finding),
        false => Some(Finding { text: format!("{finding} in the first step"), ..finding }.note()),
    }
}

/// The first layer with such a matrix.
fn matrix(survey: &Survey, alike: Alike) -> Option<(usize, &LayerFlow, &str)> {
    survey.weighted().into_iter().find_map(|(i, row)| {
        let weights = row.weights.iter().find(|weights| survey.alike.get(&weights.name) == Some(&alike))?;
        Some((i, row, weights.name.as_str()))
    })
}

/// The size of outputs that shall become `targets`; for classes (`None`), of logits.
pub(super) fn outputs(flow: &Flow, targets: Option<f64>) -> Option<Finding> {
    const CLASSES: f64 = 10.0;
    const TIMES: f64 = 30.0;
    let (i, row) = weighted(flow).pop()?;
    let size = match targets {
        Some(_) => flow.layers.last()?.outputs.values.rms(),
        None => row.sums.as_ref().unwrap_or(&row.outputs).values.rms(),
    };
    let (limit, beside) = match targets {
        Some(targets) => (TIMES * targets, format!("that of the targets is {}", digits(targets))),
        None => (CLASSES, "so the first guesses are sure, and mostly wrong".into()),
    };
    let text = format!("{}: the first outputs have size {}, {beside}", row.title(i), digits(size));
    (limit > 0.0 && size > limit && size.is_finite())
        .then(|| Finding::new(Cause::OutputsTooLarge, size, text).of_layer(row))
}

/// A number in three digits.
pub(super) fn digits(x: f64) -> String {
    match x.abs() {
        1e-2..1e4 => shown((x * 1e3).round() / 1e3),
        0.0 => "0".into(),
        _ => format!("{x:.2e}"),
    }
}
