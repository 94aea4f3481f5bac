//! [`Survey`]: what one pass shows of a model; [`Figures`]: its summary.

use std::collections::HashMap;

use autograd::{Float, Tape, Tensor};

use super::finding::part;
use super::task::{Model, Task};
use crate::Error;
use crate::depth::flow::{Flow, Gatherer, LayerFlow};
use crate::nn::observe::{Observer, Parameter, Part, Site, Slopes};
use crate::nn::probe::Probe;

/// A flow, and what it does not hold: how unlike the samples are, and how alike the units.
#[derive(Default)]
pub(super) struct Survey {
    gatherer: Gatherer<'static>,
    /// One for each layer of the flow.
    pub(super) spreads: Vec<Option<f64>>,
    /// The matrices whose values are all 0, or whose units all have the same weights.
    pub(super) alike: HashMap<String, Alike>,
}

/// What the units of a layer share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alike {
    /// All weights are 0.
    Zero,
    /// Every unit has the same weights, which are not all 0.
    Equal,
}

impl Survey {
    /// One pass forward and back. The statistics of a batch normalisation are those of the batch, and its buffers stay as
    /// they were.
    pub(super) fn of<T: Float>(task: &Task<'_, T>, model: Model<'_, T>) -> Result<Self, Error> {
        let (tape, mut survey) = (Tape::default(), Survey::default());
        let buffers = model.module().buffers();
        let before: Vec<_> = buffers.params().map(|buffer| buffer.value()).collect();
        if !before.is_empty() {
            tape.train(0);
        }
        let mut probe = Probe::new(&mut survey);
        let loss = task.loss(model, &tape, &mut probe);
        buffers.params().zip(&before).for_each(|(buffer, before)| buffer.set(before.clone()));
        probe.backward(loss?, &model.module().parameters());
        Ok(survey)
    }

    pub(super) fn flow(&self) -> &Flow {
        &self.gatherer.flow
    }

    /// The rows with weights, and their positions.
    pub(super) fn weighted(&self) -> Vec<(usize, &LayerFlow)> {
        weighted(self.flow())
    }
}

/// The rows of a flow that have a matrix of weights.
pub(super) fn weighted(flow: &Flow) -> Vec<(usize, &LayerFlow)> {
    flow.layers.iter().enumerate().filter(|(_, row)| row.weights.iter().any(|weights| weights.axes > 1)).collect()
}

/// The rows with weights of each named part, where a model has several, such as the parts of a network. Numbered layers are
/// no parts.
pub(super) fn parts<'f>(rows: &[(usize, &'f LayerFlow)]) -> Vec<(&'f str, Vec<(usize, &'f LayerFlow)>)> {
    let mut parts: Vec<(&str, Vec<_>)> = vec![];
    for &(i, row) in rows {
        let name = part(&row.name);
        match parts.iter_mut().find(|(other, _)| *other == name) {
            Some((_, rows)) => rows.push((i, row)),
            None => parts.push((name, vec![(i, row)])),
        }
    }
    parts.retain(|(name, _)| !name.is_empty() && name.parse::<usize>().is_err());
    if parts.len() > 1 { parts } else { vec![] }
}

/// Whether the first layer looks classes up, so that the inputs are their numbers.
pub(super) fn reads_classes(flow: &Flow) -> bool {
    flow.layers.first().is_some_and(|row| row.kind.starts_with("embedding"))
}

/// The largest of these factors a layer, or the smallest: that of the whole model, or of the part in which it is farthest
/// from 1.
pub(super) fn worst(flow: &Flow, factor: fn(&[(usize, &LayerFlow)]) -> Option<f64>) -> Option<f64> {
    let rows = weighted(flow);
    let parts = parts(&rows);
    let chains = std::iter::once(&rows).chain(parts.iter().map(|(_, rows)| rows));
    let far = |&(factor, layers): &(f64, usize)| (factor.ln() * layers as f64).abs();
    let factors = chains.filter_map(|rows| Some((factor(rows)?, rows.len())));
    // The first of equals is that of the whole.
    let worse = |a, b| if far(&b) > far(&a) { b } else { a };
    factors.reduce(worse).map(|(factor, _)| factor)
}

impl Observer for Survey {
    fn begin(&mut self) {
        *self = Survey::default();
        self.gatherer.begin();
    }

    fn output(&mut self, site: &Site<'_>, values: &Tensor) {
        self.spreads.push(spread(values));
        self.gatherer.output(site, values);
    }

    fn sums(&mut self, site: &Site<'_>, sums: &Tensor, slopes: Slopes<'_>) {
        self.gatherer.sums(site, sums, slopes);
    }

    fn gradient(&mut self, site: &Site<'_>, part: Part, gradient: &Tensor) {
        self.gatherer.gradient(site, part, gradient);
    }

    fn parameter(&mut self, parameter: &Parameter<'_>) {
        if let Some(alike) = alike(&parameter.value) {
            self.alike.insert(parameter.name.into(), alike);
        }
        self.gatherer.parameter(parameter);
    }

    fn swept(&mut self, loss: f64) {
        self.gatherer.swept(loss);
    }
}

/// Whether the units of a layer do all the same: the columns of a matrix, the filters of a convolution.
fn alike(w: &Tensor) -> Option<Alike> {
    let (values, shape) = (w.as_slice(), w.shape());
    if shape.len() < 2 || values.is_empty() {
        return None;
    }
    if values.iter().all(|&x| x == 0.0) {
        return Some(Alike::Zero);
    }
    let (units, same) = match shape.len() {
        2 => (shape[1], values.chunks(shape[1]).all(|row| row.iter().all(|&x| x == row[0]))),
        _ => {
            let filter = values.len() / shape[0];
            (shape[0], values.chunks(filter).all(|other| other == &values[..filter]))
        }
    };
    (units > 1 && same).then_some(Alike::Equal)
}

/// `1 − c`, with the mean cosine c between the values of different samples; `None` for rows of one value, and where it
/// has no meaning.
///
/// The mean of all cosines is that of the sum of unit vectors: `(‖Σ ĥ‖² − n)/(n(n − 1))`. Differences to the mean direction
/// keep the digits that this loses where all rows are alike: `1 − c = Σ ‖ĥ − m‖²/(n − 1)`.
pub(super) fn spread(values: &Tensor) -> Option<f64> {
    let samples = values.shape().first().copied().filter(|_| values.shape().len() > 1)?;
    let width = values.numel().checked_div(samples)?;
    if width < 2 {
        return None;
    }
    let unit = |row: &[f64]| {
        let largest = row.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        let norm = row.iter().map(|x| (x / largest).powi(2)).sum::<f64>().sqrt();
        let usable = largest > 0.0 && norm.is_finite();
        usable.then(|| row.iter().map(|x| x / largest / norm).collect::<Vec<f64>>())
    };
    let rows: Vec<_> = values.as_slice().chunks(width).filter_map(unit).collect();
    let n = rows.len() as f64;
    if rows.len() < 2 {
        return None;
    }
    let mean: Vec<f64> = (0..width).map(|j| rows.iter().map(|row| row[j]).sum::<f64>() / n).collect();
    let apart = |row: &Vec<f64>| row.iter().zip(&mean).map(|(x, m)| (x - m) * (x - m)).sum::<f64>();
    Some(rows.iter().map(apart).sum::<f64>() / (n - 1.0))
}

/// The health of a model in numbers.
///
/// Factors a layer are geometric means between the first layer with weights and the last; in a model of several named parts,
/// of the whole, or of the part in which they are farther from 1.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Figures {
    /// The loss of the samples.
    pub loss: f64,
    /// The number of layers with weights.
    pub depth: usize,
    /// The factor by which a layer multiplies the root mean square of its values; `None` with fewer than three layers.
    ///
    /// The last layer is left out: what it gives depends on the loss.
    pub signal: Option<f64>,
    /// The factor by which a layer multiplies the norm of the gradient on its way back; `None` with fewer than two layers, or
    /// without a gradient.
    pub gradient: Option<f64>,
    /// The largest share of saturated values, of activations that are flat on both sides.
    pub saturated: f64,
    /// The largest share of dead units.
    pub dead: f64,
    /// The smallest spread of a layer: 1 less the mean cosine between the values of different samples. It is 0 if all samples
    /// give the same.
    pub spread: Option<f64>,
}

impl Figures {
    pub(super) fn of(survey: &Survey) -> Self {
        let flow = survey.flow();
        let rows = survey.weighted();
        let largest = |share: fn(&LayerFlow) -> Option<f64>| flow.layers.iter().filter_map(share).fold(0.0, f64::max);
        let spreads = survey.spreads.iter().flatten().copied();
        Figures {
            loss: flow.loss,
            depth: rows.len(),
            signal: worst(flow, signal),
            gradient: worst(flow, gradient),
            saturated: largest(|row| row.saturated.filter(|_| row.two_sided)),
            dead: largest(|row| row.dead),
            spread: spreads.reduce(f64::min),
        }
    }
}

/// See [`Figures::signal`].
pub(super) fn signal(rows: &[(usize, &LayerFlow)]) -> Option<f64> {
    let (_, hidden) = rows.split_last()?;
    let ([(_, first), ..], [.., (_, last)]) = (hidden, hidden) else { return None };
    mean_factor(last.outputs.values.rms() / first.outputs.values.rms(), hidden.len())
}

/// See [`Figures::gradient`].
pub(super) fn gradient(rows: &[(usize, &LayerFlow)]) -> Option<f64> {
    let ([(_, first), ..], [.., (_, last)]) = (rows, rows) else { return None };
    let norm = |row: &LayerFlow| row.outputs.gradients.as_ref().map(|gradients| gradients.norm);
    mean_factor(norm(first)? / norm(last)?, rows.len())
}

fn mean_factor(whole: f64, rows: usize) -> Option<f64> {
    (rows > 1 && !whole.is_nan()).then(|| whole.powf(1.0 / (rows - 1) as f64))
}
