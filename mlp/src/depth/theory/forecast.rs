//! [`Forecast`]: signals and gradients at every depth, and beside those measured.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use super::AttentionWeights;
use super::block::{Block, Part, Site};
use super::pass::{Gradient, Passed};
use super::signal::Signal;
use crate::depth::flow::write_rows;
use crate::{Error, Flow};

/// Signals and gradients behind every piece of a [`Block`], such as a model read by [`of`](super::of).
///
/// ```
/// use mlp::Activation;
/// use mlp::theory::{Block, Signal};
/// let layers = Block::new().linear(2.0, 0.0).activation(Activation::Relu)?.linear(1.0, 0.0);
/// let forecast = layers.forecast(&Signal::normal(1.0))?;
/// assert_eq!(forecast.rows.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>(), ["linear", "relu", "linear"]);
/// assert_eq!(forecast.rows.iter().map(|row| row.gradient.round()).collect::<Vec<_>>(), [1.0, 1.0, 1.0]);
/// assert!((forecast.rows[0].gradient - 0.5).abs() < 1e-12); // σ_w²/2 of the layers behind it
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Forecast {
    /// One for each piece, from input to output, with those of a branch before their residual.
    pub rows: Vec<ForecastRow>,
    /// The squared gradient of the inputs, as [`ForecastRow::gradient`].
    pub inputs: f64,
}

/// What is foretold behind one piece.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ForecastRow {
    /// The name of the layer, as in a [`Flow`], or the position of the piece.
    pub name: String,
    /// Its kind, such as `relu`.
    pub kind: String,
    /// The values.
    pub signal: Signal,
    /// The squared norm of their gradient over that of the last row, in expectation; between layers of equal width it is the
    /// ratio of mean squares.
    pub gradient: f64,
    /// Of attention: its weights, with their entropy.
    pub attention: Option<AttentionWeights>,
    /// Whether a [`Flow`] has such a row.
    shown: bool,
}

impl Block {
    /// What becomes of `signal` behind each piece, and of gradients that come from behind the last one.
    ///
    /// # Errors
    /// As [`pass`](Block::pass).
    pub fn forecast(&self, signal: &Signal) -> Result<Forecast, Error> {
        let passed = self.passed(&self.followed(*signal), [0.0, 1.0], "")?;
        let mut rows = vec![];
        let [inputs, _] = gather(&self.parts, &passed, [1.0, 0.0], "", &mut rows);
        rows.reverse();
        Ok(Forecast { rows, inputs })
    }
}

/// Appends the rows from the last to the first, for the gradient behind the last; returns that before the first.
fn gather(
    parts: &[Part],
    passed: &[Passed],
    mut gradient: Gradient,
    place: &str,
    rows: &mut Vec<ForecastRow>,
) -> Gradient {
    for (i, (part, passed)) in parts.iter().zip(passed).enumerate().rev() {
        let name = part.name(place, i);
        let (kind, shown) = match &part.site {
            Site::Layer(_, kind) => (kind.clone(), true),
            Site::Position => (part.piece.kind(), true),
            Site::Hidden(_) => (part.piece.kind(), false),
        };
        let place = format!("{name}.");
        let attention = passed.attention.map(|(weights, _)| weights);
        rows.push(ForecastRow { name, kind, signal: passed.signal, gradient: gradient[0], attention, shown });
        let branches = part.piece.branches();
        for (k, (block, (passed, into))) in branches.iter().zip(&passed.inner).enumerate().rev() {
            let place = if branches.len() > 1 { format!("{place}{k}.") } else { place.clone() };
            // Samples that are not followed have no product.
            let into = [into[0] * gradient[0], if gradient[1] == 0.0 { 0.0 } else { into[1] * gradient[1] }];
            gather(&block.parts, passed, into, &place, rows);
        }
        gradient = part.back(passed, gradient);
    }
    gradient
}

impl Forecast {
    /// What is foretold beside what a [`Flow`] measured.
    ///
    /// Gradients are relative to those of the last layer. The measured ones are those of one network: their logarithm strays
    /// from the expectation by about `√(5·depth/width)`, less with other activations than rectifiers.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::theory::{self, Signal};
    /// use mlp::{Activation, Flow, Init, Linear, Sequential};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let rng = &mut StdRng::seed_from_u64(0);
    /// let mut model = Sequential::new();
    /// for _ in 0..3 {
    ///     model = model.then(Linear::new(100, 100, &Init::he_normal(), rng)?).then(Activation::Relu);
    /// }
    /// let x: Tensor = Init::Normal { mean: 0.0, std: 1.0 }.sample([50, 100], rng);
    /// let weights: Tensor = Init::Normal { mean: 0.0, std: 1.0 }.sample([50, 100], rng);
    /// let flow = Flow::measure(&model, &x, |y| (y * &weights).sum());
    /// let beside = theory::of(&model)?.forecast(&Signal::of(&x)?)?.beside(&flow)?;
    /// println!("{beside}");
    /// assert!(beside.rows.iter().all(|row| (row.measured_square / row.square - 1.0).abs() < 0.2));
    /// assert!(beside.rows.iter().all(|row| (row.measured_gradient.unwrap() / row.gradient - 1.0).abs() < 0.3));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the flow does not have the layers of the forecast; the error names the first that is missing.
    pub fn beside(&self, flow: &Flow) -> Result<Comparison, Error> {
        // Branches that are joined have no order of their own; a layer and what it is the only part of have one name.
        let mut layers: HashMap<&str, VecDeque<_>> = HashMap::new();
        for layer in &flow.layers {
            layers.entry(&layer.name).or_default().push_back(layer);
        }
        let shown = self.rows.iter().filter(|row| row.shown);
        let pairs = shown.map(|row| match layers.get_mut(row.name.as_str()).and_then(VecDeque::pop_front) {
            Some(layer) => Ok((row, &layer.outputs)),
            None => {
                let why = format!(
                    "the flow has no layer `{}` ({}) in this place; measure the same model",
                    row.name, row.kind
                );
                Err(Error::invalid("mean_field", why))
            }
        });
        let pairs = pairs.collect::<Result<Vec<_>, Error>>()?;
        let squared = |norm: f64| norm * norm;
        let last =
            pairs.last().map(|(row, measured)| (row.gradient, measured.gradients.as_ref().map(|stats| stats.norm)));
        let rows = pairs.iter().map(|(row, measured)| {
            let (foretold, norm) = last.expect("there is a row");
            let ratio = measured.gradients.as_ref().zip(norm).map(|(stats, last)| squared(stats.norm / last));
            ComparisonRow {
                name: row.name.clone(),
                kind: row.kind.clone(),
                square: row.signal.square,
                measured_square: squared(measured.values.rms()),
                gradient: row.gradient / foretold,
                measured_gradient: ratio,
            }
        });
        Ok(Comparison { rows: rows.collect() })
    }
}

/// A forecast beside a measurement; it prints as a table.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Comparison {
    /// The layers that both have.
    pub rows: Vec<ComparisonRow>,
}

/// A layer of a [`Comparison`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ComparisonRow {
    /// Its name.
    pub name: String,
    /// Its kind, such as `relu`.
    pub kind: String,
    /// The mean square of its outputs, foretold.
    pub square: f64,
    /// The mean square of its outputs, measured.
    pub measured_square: f64,
    /// The squared norm of the gradient over that of the last layer, foretold.
    pub gradient: f64,
    /// The squared norm of the gradient over that of the last layer, measured; `None` if none arrived.
    pub measured_gradient: Option<f64>,
}

impl fmt::Display for Forecast {
    /// Writes a table: the mean square and the mean behind each piece, and the squared gradient.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = self.rows.iter().map(|row| {
            let numbers = [row.signal.square, row.signal.mean, row.gradient].map(|x| format!("{x:.3e}"));
            (format!("{} {}", row.name, row.kind), numbers)
        });
        table(f, ["E[x²]", "E[x]", "gradient²"], cells)
    }
}

impl fmt::Display for Comparison {
    /// Writes a table: the mean square of the outputs and the squared gradient of each layer, foretold and measured.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = self.rows.iter().map(|row| {
            let number = |x: f64| format!("{x:.3e}");
            let measured = row.measured_gradient.map_or("–".into(), number);
            let numbers = [number(row.square), number(row.measured_square), number(row.gradient), measured];
            (format!("{} {}", row.name, row.kind), numbers)
        });
        table(f, ["E[x²]", "measured", "gradient²", "measured"], cells)
    }
}

/// Writes rows under their heads.
fn table<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    heads: [&str; N],
    rows: impl Iterator<Item = (String, [String; N])>,
) -> fmt::Result {
    let head = ("layer".to_string(), heads.map(String::from));
    write_rows(f, &[head].into_iter().chain(rows).collect::<Vec<_>>(), [11; N])
}
