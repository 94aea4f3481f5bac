//! [`Probabilities`]: measures of how far probabilities are right.

use std::fmt;

use autograd::{Float, Tensor};

use super::ranking::SUM;
use super::report::{self, Row};
use super::{binary_fits, mean, rows_fit, weights_of};
use crate::Error;
use crate::error::shown;

/// Probabilities of the classes of samples.
///
/// ```
/// use autograd::Tensor;
/// use mlp::metrics::Probabilities;
/// let logits = Tensor::from([[0.0, 0.0], [3f64.ln(), 0.0]]);
/// let sure = Probabilities::new(&logits.softmax(1), &[1, 0])?;
/// assert!((sure.log_loss() - (2f64.ln() + (4f64 / 3.0).ln()) / 2.0).abs() < 1e-12);
/// assert!((sure.brier() - (0.25 + 0.0625) / 2.0).abs() < 1e-12);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Probabilities {
    /// Rows of at least two.
    rows: Vec<Vec<f64>>,
    classes: Vec<usize>,
    weights: Vec<f64>,
    /// The precision of the numbers that were given.
    epsilon: f64,
}

const WHAT: &str = "probabilities";

impl Probabilities {
    /// The probability of class 1 for each sample, of shape (samples) or (samples, 1), or rows of those of all classes,
    /// (samples, classes).
    ///
    /// # Errors
    /// If the probabilities have another shape, one is NaN or not from 0 to 1, or a row does not sum to 1; if there is
    /// not exactly one existing class for each sample, or if there are no samples.
    pub fn new<T: Float>(outputs: &Tensor<T>, classes: &[usize]) -> Result<Self, Error> {
        Self::build(outputs, classes, None)
    }

    /// [`new`](Probabilities::new) where each sample counts by its weight.
    ///
    /// # Errors
    /// As [`new`](Probabilities::new), and if there is not one weight for each sample, one is negative or not finite, or
    /// all are 0.
    pub fn weighted<T: Float>(outputs: &Tensor<T>, classes: &[usize], weights: &[f64]) -> Result<Self, Error> {
        Self::build(outputs, classes, Some(weights))
    }

    pub(super) fn build<T: Float>(
        outputs: &Tensor<T>,
        classes: &[usize],
        weights: Option<&[f64]>,
    ) -> Result<Self, Error> {
        let numbers = outputs.as_slice().iter().map(|p| p.to_f64());
        let rows: Vec<Vec<f64>> = if outputs.shape().len() == 1 || outputs.shape().get(1) == Some(&1) {
            binary_fits(WHAT, outputs, classes)?;
            numbers.map(|p| vec![1.0 - p, p]).collect()
        } else {
            let width = rows_fit(WHAT, outputs, classes)?;
            numbers.collect::<Vec<f64>>().chunks(width).map(<[f64]>::to_vec).collect()
        };
        let weights = weights_of(WHAT, classes.len(), weights)?;
        let near = |row: &Vec<f64>| {
            row.iter().all(|p| (-SUM..=1.0 + SUM).contains(p)) && (row.iter().sum::<f64>() - 1.0).abs() <= SUM
        };
        if let Some((i, row)) = rows.iter().enumerate().find(|(_, row)| !near(row)) {
            let numbers: Vec<String> = row.iter().take(4).map(shown).collect();
            let more = if row.len() > 4 { ", …" } else { "" };
            let law = "which are from 0 to 1 and sum to 1; take the softmax or the sigmoid of logits";
            let why = format!("sample {i} has {}{more}, which are no probabilities, {law}", numbers.join(", "));
            return Err(Error::invalid(WHAT, why));
        }
        Ok(Probabilities { rows, classes: classes.to_vec(), weights, epsilon: T::EPSILON })
    }

    /// The mean of `−ln p`, where `p` is the probability of the true class: the cross-entropy in nats.
    ///
    /// `p` is kept from the ends by the precision `ε` of the numbers given, `ε ≤ p ≤ 1 − ε`, as scikit-learn does, so
    /// that one sure mistake costs about 36 in `f64` and not all.
    pub fn log_loss(&self) -> f64 {
        let own = self.rows.iter().zip(&self.classes).map(|(row, &class)| row[class]);
        mean(own.map(|p| -p.clamp(self.epsilon, 1.0 - self.epsilon).ln()), &self.weights)
    }

    /// The Brier score: the mean of `Σ (pₖ − tₖ)²` over the classes, where `t` is 1 for the true class and else 0; of two
    /// classes half of it, which is `(p₁ − t₁)²`.
    pub fn brier(&self) -> f64 {
        let term = |p: f64, own: bool| (p - f64::from(own)).powi(2);
        let sum = |(row, &class): (&Vec<f64>, &usize)| {
            row.iter().enumerate().map(|(k, &p)| term(p, k == class)).sum::<f64>()
                / if row.len() == 2 { 2.0 } else { 1.0 }
        };
        mean(self.rows.iter().zip(&self.classes).map(sum), &self.weights)
    }

    /// How often the predicted class is right, against its probability (Guo et al. 2017).
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::metrics::Probabilities;
    /// let shares = Tensor::from([[0.7, 0.3], [0.7, 0.3], [0.1, 0.9], [0.1, 0.9]]);
    /// let calibration = Probabilities::new(&shares, &[0, 1, 1, 1])?.confidence(10)?;
    /// assert_eq!(calibration.bins().len(), 2); // those with samples
    /// assert!((calibration.expected_error() - (0.5 * 0.2 + 0.5 * 0.1)).abs() < 1e-12);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are no bins.
    pub fn confidence(&self, bins: usize) -> Result<Calibration, Error> {
        let foretold = |(row, &class): (&Vec<f64>, &usize)| {
            // The first of the largest, as the predicted class is.
            let best = (1..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best });
            (row[best], best == class)
        };
        self.calibration(bins, self.rows.iter().zip(&self.classes).map(foretold))
    }

    /// How often samples are of a class, against its probability: the calibration curve of scikit-learn, with bins of
    /// equal width.
    ///
    /// # Errors
    /// If there are no bins, or there is no such class.
    pub fn reliability(&self, class: usize, bins: usize) -> Result<Calibration, Error> {
        let count = self.rows[0].len();
        if class >= count {
            return Err(Error::invalid("reliability", format!("there is no class {class}, but 0 to {}", count - 1)));
        }
        self.calibration(bins, self.rows.iter().zip(&self.classes).map(|(row, &own)| (row[class], own == class)))
    }

    /// Puts what was foretold with probability `p`, and came true or not, into bins by `p`.
    fn calibration(&self, bins: usize, foretold: impl Iterator<Item = (f64, bool)>) -> Result<Calibration, Error> {
        if bins == 0 {
            return Err(Error::invalid("calibration", "0 bins hold no samples; take 10 or so"));
        }
        let step = 1.0 / bins as f64;
        let edges: Vec<f64> = (1..bins).map(|i| i as f64 * step).collect();
        let mut sums = vec![[0.0; 3]; bins];
        for ((p, true_), &weight) in foretold.zip(&self.weights) {
            let bin = &mut sums[edges.partition_point(|&edge| edge < p)];
            *bin = [bin[0] + weight, bin[1] + weight * p, bin[2] + weight * f64::from(true_)];
        }
        let edge = |i: usize| if i == bins { 1.0 } else { i as f64 * step };
        let bin = |(i, [count, foretold, observed]): (usize, [f64; 3])| CalibrationBin {
            from: edge(i),
            to: edge(i + 1),
            count,
            foretold: foretold / count,
            observed: observed / count,
        };
        let bins = sums.into_iter().enumerate().filter(|(_, sums)| sums[0] > 0.0).map(bin).collect();
        Ok(Calibration { bins })
    }
}

/// What was foretold beside what came true, in bins of probability; printed, it is a table.
///
/// ```
/// use autograd::Tensor;
/// use mlp::metrics::Probabilities;
/// let rain = Tensor::from([0.2, 0.3, 0.8, 0.9]);
/// let calibration = Probabilities::new(&rain, &[0, 1, 1, 1])?.reliability(1, 2)?;
/// assert_eq!(calibration.to_string(), "\
/// bin         foretold  observed  samples
/// 0.00..0.50     0.250     0.500        2
/// 0.50..1.00     0.850     1.000        2
/// ");
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    bins: Vec<CalibrationBin>,
}

/// Samples of about the same probability.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CalibrationBin {
    /// The probability above which the bin begins; in the first bin, 0 belongs to it.
    pub from: f64,
    /// The highest probability in the bin.
    pub to: f64,
    /// The number of samples, or the sum of their weights.
    pub count: f64,
    /// The mean probability.
    pub foretold: f64,
    /// The share that came true.
    pub observed: f64,
}

impl Calibration {
    /// The bins that have samples, from the lowest probability.
    pub fn bins(&self) -> &[CalibrationBin] {
        &self.bins
    }

    /// The expected calibration error: the mean of `|observed − foretold|` over the samples.
    pub fn expected_error(&self) -> f64 {
        let counts: Vec<f64> = self.bins.iter().map(|bin| bin.count).collect();
        mean(self.bins.iter().map(|bin| (bin.observed - bin.foretold).abs()), &counts)
    }

    /// The largest `|observed − foretold|` of a bin.
    pub fn largest_error(&self) -> f64 {
        self.bins.iter().map(|bin| (bin.observed - bin.foretold).abs()).fold(0.0, f64::max)
    }
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |bin: &CalibrationBin| Row {
            name: format!("{:.2}..{:.2}", bin.from, bin.to),
            cells: vec![report::share(bin.foretold), report::share(bin.observed), report::count(bin.count)],
        };
        let rows: Vec<Row> = self.bins.iter().map(row).collect();
        f.write_str(&report::table("bin", &["foretold", "observed", "samples"], &rows))
    }
}
