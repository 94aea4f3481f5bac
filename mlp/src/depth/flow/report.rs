//! The report of a [`Flow`]: the table and the warnings.

use std::fmt;

use super::{Flow, LayerFlow, Signal, Stats, WeightFlow};
use crate::error::brief;

/// The largest share of dead units, or of saturated values, without a warning.
const SHARE: f64 = 0.5;
/// The largest factor without a warning by which gradients fall or grow between the first layer and the last.
const FACTOR: f64 = 1e3;
/// The relative updates of weights without a warning.
const UPDATE: std::ops::RangeInclusive<f64> = 1e-4..=1e-1;

impl Flow {
    /// Describes problems in words; empty if there are none.
    ///
    /// It warns of:
    ///
    /// - values or gradients that are infinite or NaN;
    /// - gradients of the outputs that fall or grow by a factor of more than 10³ between the first layer and the last;
    /// - layers with more than half of their units dead, or more than half of their values saturated (only for
    ///   activations that are flat on both sides: half of the values on the flat side of a rectifier are normal);
    /// - parameters that are not frozen and get no gradient;
    /// - relative updates of weights below 10⁻⁴ or above 10⁻¹. Parameters with one axis are exempt: biases start at 0,
    ///   where every relative update is large.
    ///
    /// ```
    /// use autograd::{Param, Tensor};
    /// use mlp::{Activation, Flow, Layer, Linear, Mlp};
    /// let linear = Linear { w: Param::new([[-1.0, -2.0, 1.0]]), b: None };
    /// let model = Mlp::from_layers([Layer::new(linear, Activation::Relu)]);
    /// let flow = Flow::measure(&model, &Tensor::from([[1.0], [2.0]]), |y| y.sum());
    /// assert_eq!(flow.warnings(), [
    ///     "layer 0 (layers.0, relu): 67 % of units are dead: flat for every sample, so that their weights get no gradient; \
    ///      lower the learning rate, start with He weights, or use a leaky activation"
    /// ]);
    /// ```
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = vec![];
        for (i, layer) in self.layers.iter().enumerate() {
            layer.not_finite(&layer.title(i), &mut warnings);
        }
        warnings.extend(self.trend());
        for (i, layer) in self.layers.iter().enumerate() {
            layer.flat(&layer.title(i), &mut warnings);
        }
        for weights in self.weights() {
            let name = &weights.name;
            match (&weights.gradients, weights.update) {
                (None, _) if !weights.frozen => warnings.push(format!(
                    "{name}: no gradient arrives; the loss does not depend on it: freeze it, or use it in forward"
                )),
                (Some(gradients), _) if gradients.not_finite > 0 => warnings.push(format!(
                    "{name}: {} of {} gradients are not finite; lower the learning rate",
                    gradients.not_finite, gradients.count
                )),
                (Some(_), Some(update)) if weights.axes > 1 && !UPDATE.contains(&update) => {
                    let repair = if update < *UPDATE.start() { "raise" } else { "lower" };
                    let (low, high) = (UPDATE.start(), UPDATE.end());
                    warnings.push(format!(
                        "{name}: a step changes it by {update:.1e} of its size, where {low:.0e} to {high:.0e} is usual; \
                         {repair} the learning rate"
                    ));
                }
                _ => {}
            }
        }
        warnings
    }

    /// Warns if gradients vanish or explode with depth.
    fn trend(&self) -> Option<String> {
        let norm = |layer: &LayerFlow| layer.outputs.gradients.as_ref().map(|gradients| gradients.norm);
        let mut seen = self.layers.iter().enumerate().filter_map(|(i, layer)| Some((i, layer, norm(layer)?)));
        let (first, last) = (seen.next()?, seen.next_back()?);
        let (to, from) = (first.1.title(first.0), last.1.title(last.0));
        let factor = first.2 / last.2;
        if factor < 1.0 / FACTOR {
            let fall = if first.2 == 0.0 { "to 0".into() } else { format!("by a factor of {:.1e}", 1.0 / factor) };
            Some(format!(
                "the gradient vanishes: it falls {fall} from {from} to {to}; scale the first weights to the activation, \
                 add residual connections, or normalise"
            ))
        } else if factor > FACTOR {
            Some(format!(
                "the gradient explodes: it grows by a factor of {factor:.1e} from {from} to {to}; scale the first weights \
                 to the activation, or normalise"
            ))
        } else {
            None
        }
    }
}

impl LayerFlow {
    pub(in crate::depth) fn title(&self, i: usize) -> String {
        match self.name.is_empty() {
            true => format!("layer {i} ({})", self.kind),
            false => format!("layer {i} ({}, {})", self.name, self.kind),
        }
    }

    fn not_finite(&self, title: &str, warnings: &mut Vec<String>) {
        let signals = [("sums", self.sums.as_ref()), ("outputs", Some(&self.outputs))];
        let mut say = |what: String, stats: &Stats| {
            if stats.not_finite > 0 {
                let (bad, all) = (stats.not_finite, stats.count);
                warnings.push(format!(
                    "{title}: {bad} of {all} {what} are not finite; bring the inputs nearer to 1, or lower the learning rate"
                ));
            }
        };
        for (what, signal) in signals.into_iter().filter_map(|(what, signal)| Some((what, signal?))) {
            let Signal { values, gradients } = signal;
            say(what.to_string(), values);
            if let Some(gradients) = gradients {
                say(format!("gradients of its {what}"), gradients);
            }
        }
    }

    fn flat(&self, title: &str, warnings: &mut Vec<String>) {
        let percent = |share: f64| (100.0 * share).round();
        match (self.dead, self.saturated) {
            (Some(dead), _) if dead > SHARE => warnings.push(format!(
                "{title}: {} % of units are dead: flat for every sample, so that their weights get no gradient; \
                 lower the learning rate, start with He weights, or use a leaky activation",
                percent(dead)
            )),
            (_, Some(saturated)) if saturated > SHARE && self.two_sided => warnings.push(format!(
                "{title}: {} % of its values are saturated: less steep than 1 % of the steepest; \
                 scale inputs and weights down, or normalise the sums",
                percent(saturated)
            )),
            _ => {}
        }
    }
}

/// Writes a table with one row per layer.
///
/// The columns are: the root mean square of the outputs, the shares of dead units and of saturated values, the norm of
/// the output gradient and its scale-invariant size, the norms of the largest parameter and of its gradient, and its
/// relative update. A dash marks an unknown value. Parameters that belong to no layer follow, one per row.
///
/// The alternate form `{:#}` adds a table of the 5 %, 50 % and 95 % quantiles of outputs, of sums and of output gradients.
impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "loss {}", brief(self.loss))?;
        self.table(f)?;
        if f.alternate() { self.quantiles(f) } else { Ok(()) }
    }
}

impl Flow {
    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["output", "dead", "satur.", "∂E/∂out", "relative", "weights", "∂E/∂w", "update"];
        let mut rows = vec![(String::from("layer"), heads.map(String::from))];
        rows.extend(self.layers.iter().enumerate().map(|(i, layer)| (self.label(i), layer.cells())));
        rows.extend(self.others.iter().map(|weights| {
            let [values, gradients, update] = of_weights(Some(weights));
            let no = || UNKNOWN.to_string();
            (label(&weights.name), [no(), no(), no(), no(), no(), values, gradients, update])
        }));
        write_rows(f, &rows, [8, 6, 6, 9, 9, 8, 9, 8])
    }

    fn quantiles(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["output 5 %", "50 %", "95 %", "sums 5 %", "50 %", "95 %", "∂E/∂out 5 %", "50 %", "95 %"];
        let three = |stats: Option<&Stats>| [1, 3, 5].map(|i| known(stats.map(|stats| stats.quantiles[i])));
        let mut rows = vec![(String::from("quantiles"), heads.map(String::from))];
        rows.extend(self.layers.iter().enumerate().map(|(i, layer)| {
            let sums = layer.sums.as_ref().map(|sums| &sums.values);
            let [a, b, c] = [Some(&layer.outputs.values), sums, layer.outputs.gradients.as_ref()].map(three);
            let mut cells = a.into_iter().chain(b).chain(c);
            (self.label(i), std::array::from_fn(|_| cells.next().expect("nine cells")))
        }));
        write_rows(f, &rows, [10, 8, 8, 9, 8, 8, 11, 8, 8])
    }

    /// The name of a layer's row.
    fn label(&self, i: usize) -> String {
        let digits = self.layers.len().saturating_sub(1).max(1).ilog10() as usize + 1;
        let name = [self.layers[i].name.as_str(), &self.layers[i].kind].join(" ");
        format!("{i:>digits$} {}", label(name.trim()))
    }
}

pub(in crate::depth) fn write_rows<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    rows: &[(String, [String; N])],
    widths: [usize; N],
) -> fmt::Result {
    let named = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, cells) in rows {
        write!(f, "{name:<named$}")?;
        for (cell, width) in cells.iter().zip(widths) {
            write!(f, " {cell:>width$}")?;
        }
        writeln!(f)?;
    }
    Ok(())
}

/// The largest parameter is the weight matrix: biases are few and start at 0.
pub(super) fn largest(weights: &[WeightFlow]) -> Option<&WeightFlow> {
    weights.iter().max_by_key(|weights| (weights.axes, weights.values.count))
}

impl LayerFlow {
    fn cells(&self) -> [String; 8] {
        let share = |x: Option<f64>| x.map_or(UNKNOWN.into(), |x| format!("{:.0} %", 100.0 * x));
        let [values, gradients, update] = of_weights(largest(&self.weights));
        [
            known(Some(self.outputs.values.rms())),
            share(self.dead),
            share(self.saturated),
            known(norm(&self.outputs.gradients)),
            known(self.scale),
            values,
            gradients,
            update,
        ]
    }
}

/// The mark of an unknown value.
const UNKNOWN: &str = "–";

fn known(x: Option<f64>) -> String {
    x.map_or(UNKNOWN.into(), |x| format!("{x:.1e}"))
}

fn norm(stats: &Option<Stats>) -> Option<f64> {
    stats.as_ref().map(|stats| stats.norm)
}

/// The name of a row, truncated.
fn label(name: &str) -> String {
    const LONGEST: usize = 24;
    name.chars().take(LONGEST).collect()
}

/// The cells of a parameter, at the end of a row.
fn of_weights(weights: Option<&WeightFlow>) -> [String; 3] {
    [
        known(weights.map(|weights| weights.values.norm)),
        known(weights.and_then(|weights| norm(&weights.gradients))),
        known(weights.and_then(|weights| weights.update)),
    ]
}
