//! Changes of weights: drawn anew by theory, or scaled.

use std::collections::{BTreeSet, HashMap};

use autograd::{Float, Param, Parameters};
use rand::Rng;

use super::finding::part;
use super::survey::weighted;
use crate::depth::flow::{Flow, LayerFlow};
use crate::theory::MeanField;
use crate::{Activation, Error, Init};

/// What becomes of the weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Redraw {
    /// They stay.
    Not,
    /// Normal, of the critical variance of the activation; biases are 0.
    Critical,
    /// Orthogonal, of the same size; biases are 0.
    Orthogonal,
    /// Branches of residuals are multiplied by `1/√L` for L residuals in these parts.
    Branches,
    /// The last layer of the model is multiplied, whatever the parts.
    Outputs(f64),
}

impl Redraw {
    /// Changes the parameters of a model with this flow, in these parts if some are given.
    pub(super) fn apply<T: Float>(
        self,
        parameters: &Parameters<T>,
        flow: &Flow,
        parts: Option<&BTreeSet<String>>,
        rng: &mut impl Rng,
    ) -> Result<(), Error> {
        let within = |row: &LayerFlow| parts.is_none_or(|parts| parts.contains(part(&row.name)));
        let rows: Vec<_> = weighted(flow).into_iter().filter(|(_, row)| within(row)).collect();
        match self {
            Redraw::Not => Ok(()),
            Redraw::Critical | Redraw::Orthogonal => {
                let mut known = HashMap::new();
                rows.iter().try_for_each(|&(i, row)| {
                    let variance = *known.entry(partner(flow, i)).or_insert_with_key(|name| critical_variance(name));
                    redraw(parameters, row, variance, self == Redraw::Orthogonal, rng)
                })
            }
            Redraw::Branches => {
                let residuals: Vec<_> = residuals(flow).filter(|&at| within(&flow.layers[at])).collect();
                let strength = 1.0 / (residuals.len() as f64).sqrt();
                for at in residuals {
                    let place = format!("{}.", flow.layers[at].name);
                    let inside = |(i, row): &&(usize, &LayerFlow)| *i < at && row.name.starts_with(&place);
                    if let Some((_, row)) = rows.iter().rev().find(inside) {
                        scale(parameters, row, strength);
                    }
                }
                Ok(())
            }
            Redraw::Outputs(factor) => {
                weighted(flow).last().iter().for_each(|(_, row)| scale(parameters, row, factor));
                Ok(())
            }
        }
    }
}

/// The positions of residuals.
pub(super) fn residuals(flow: &Flow) -> impl Iterator<Item = usize> {
    flow.layers.iter().enumerate().filter(|(_, row)| row.kind == "residual").map(|(i, _)| i)
}

fn of_row<'p, T: Float>(
    parameters: &'p Parameters<T>,
    row: &LayerFlow,
) -> impl Iterator<Item = (usize, &'p str, &'p Param<T>)> {
    let of = |name: &str| row.weights.iter().find(|weights| weights.name == name).map(|weights| weights.axes);
    parameters.iter().filter_map(move |(name, param)| Some((of(name)?, name, param))).collect::<Vec<_>>().into_iter()
}

fn scale<T: Float>(parameters: &Parameters<T>, row: &LayerFlow, by: f64) {
    for (_, name, param) in of_row(parameters, row) {
        if is(name, "w") || is(name, "b") {
            param.set(param.value() * by);
        }
    }
}

/// Draws the weights and biases of linear layers and convolutions; other parameters stay, and so do recurrent layers, which
/// have weights `u` from step to step.
fn redraw<T: Float>(
    parameters: &Parameters<T>,
    row: &LayerFlow,
    variance: f64,
    orthogonal: bool,
    rng: &mut impl Rng,
) -> Result<(), Error> {
    if row.weights.iter().any(|weights| is(&weights.name, "u")) {
        return Ok(());
    }
    for (axes, name, param) in of_row(parameters, row) {
        let shape = param.shape();
        if is(name, "w") && axes > 1 {
            // Weights of a convolution are (outputs, inputs, window).
            let inputs: usize = if axes == 2 { shape[0] } else { shape[1..].iter().product() };
            let init = match orthogonal && axes == 2 {
                true => Init::orthogonal().gain(variance.sqrt()),
                false => Init::Normal { mean: 0.0, std: (variance / inputs as f64).sqrt() },
            };
            param.set(init.try_sample::<T>(shape, rng)?);
        } else if is(name, "b") {
            param.set(Init::Zeros.try_sample::<T>(shape, rng)?);
        }
    }
    Ok(())
}

/// Whether a parameter is called `end` in its layer.
fn is(name: &str, end: &str) -> bool {
    name.rsplit('.').next() == Some(end)
}

/// The activation that the weights of a row are drawn for: the next before other weights and the end of a branch, or else the
/// one before.
fn partner(flow: &Flow, i: usize) -> String {
    let rows = &flow.layers;
    let has_weights = |row: &LayerFlow| row.weights.iter().any(|weights| weights.axes > 1);
    let ends = |row: &LayerFlow| has_weights(row) || ["residual", "add"].contains(&row.kind.as_str());
    if rows[i].sums.is_some() {
        return rows[i].kind.clone(); // a layer with an activation of its own
    }
    let next = rows[i + 1..].iter().take_while(|row| !ends(row)).find(|row| row.sums.is_some());
    let before = || rows[..i].iter().rev().take_while(|row| !has_weights(row)).find(|row| row.sums.is_some());
    next.or_else(before).map_or("identity".into(), |row| row.kind.clone())
}

/// σ_w²: that of the critical point without biases, or where there is none, χ = 1 at variance 1.
fn critical_variance(kind: &str) -> f64 {
    let theory = kind.parse::<Activation>().ok().and_then(|activation| MeanField::new(activation).ok());
    let found = theory.map(|theory| match theory.critical_weights(0.0) {
        Ok(point) if point.attracts() => point.weights,
        _ => 1.0 / theory.properties().mean_square_slope,
    });
    found.filter(|variance| variance.is_finite()).unwrap_or(1.0)
}
