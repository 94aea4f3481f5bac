//! [`Regression`]: measures of how far values are from what they should be.

use std::fmt;

use autograd::{Float, Tensor};

use super::report::{self, Row};
use super::{mean, weights_of};
use crate::Error;
use crate::error::brief;

/// Outputs beside the values that they should be.
///
/// A sample may have several values, of shape (samples, …). A measure is then the mean over them, each by itself.
/// Printed, it is a table.
///
/// ```
/// use autograd::Tensor;
/// use mlp::metrics::Regression;
/// let (outputs, targets) = (Tensor::from([2.5, 0.0, 2.0, 8.0]), Tensor::from([3.0, -0.5, 2.0, 7.0]));
/// let regression = Regression::new(&outputs, &targets)?;
/// assert_eq!((regression.mse(), regression.mae()), (0.375, 0.5));
/// assert!((regression.r2()? - 0.948608).abs() < 1e-6);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Regression {
    /// For each value of a sample, the pairs (output, target) of all samples.
    columns: Vec<Vec<(f64, f64)>>,
    weights: Vec<f64>,
}

const WHAT: &str = "regression";

impl Regression {
    /// Outputs and targets of one shape, (samples, …).
    ///
    /// # Errors
    /// If the shapes differ or have no axis of samples, if there are no values, or if one is NaN or infinite.
    pub fn new<T: Float>(outputs: &Tensor<T>, targets: &Tensor<T>) -> Result<Self, Error> {
        Self::build(outputs, targets, None)
    }

    /// [`new`](Regression::new) where each sample counts by its weight.
    ///
    /// # Errors
    /// As [`new`](Regression::new), and if there is not one weight for each sample, one is negative or not finite, or all
    /// are 0.
    pub fn weighted<T: Float>(outputs: &Tensor<T>, targets: &Tensor<T>, weights: &[f64]) -> Result<Self, Error> {
        Self::build(outputs, targets, Some(weights))
    }

    pub(super) fn build<T: Float>(
        outputs: &Tensor<T>,
        targets: &Tensor<T>,
        weights: Option<&[f64]>,
    ) -> Result<Self, Error> {
        let shape = outputs.shape();
        if shape != targets.shape() || shape.is_empty() {
            let (y, t) = (shape, targets.shape());
            let law = "both must be (samples, …) alike; reshape one";
            return Err(Error::invalid(WHAT, format!("outputs of shape {y} and targets of shape {t}: {law}")));
        }
        let weights = weights_of(WHAT, shape[0], weights)?;
        let width = shape.numel() / shape[0];
        if width == 0 {
            return Err(Error::invalid(WHAT, format!("outputs of shape {shape} hold no values")));
        }
        for (what, tensor) in [("outputs", outputs), ("targets", targets)] {
            if let Some(at) = tensor.as_slice().iter().position(|x| !x.is_finite()) {
                let found = tensor.as_slice()[at].to_f64().to_string();
                return Err(Error::NotFinite { what, sample: at / width, position: at % width, found });
            }
        }
        let pair = |(y, t): (&T, &T)| (y.to_f64(), t.to_f64());
        let pairs = || outputs.as_slice().iter().zip(targets.as_slice()).map(pair);
        let column = |j: usize| pairs().skip(j).step_by(width).collect();
        Ok(Regression { columns: (0..width).map(column).collect(), weights })
    }

    /// The mean of a term over the samples of a column.
    fn sample_mean(&self, column: &[(f64, f64)], term: impl Fn(f64, f64) -> f64) -> f64 {
        mean(column.iter().map(|&(y, t)| term(y, t)), &self.weights)
    }

    /// The mean of a measure over the columns.
    fn column_mean(&self, measure: impl Fn(&[(f64, f64)]) -> f64) -> f64 {
        self.columns.iter().map(|column| measure(column)).sum::<f64>() / self.columns.len() as f64
    }

    /// The mean squared error, the mean of `(y − t)²`.
    pub fn mse(&self) -> f64 {
        self.column_mean(|column| self.sample_mean(column, |y, t| (y - t).powi(2)))
    }

    /// The root of the mean squared error; of several values for each sample, the mean of their roots.
    pub fn rmse(&self) -> f64 {
        self.column_mean(|column| self.sample_mean(column, |y, t| (y - t).powi(2)).sqrt())
    }

    /// The mean absolute error, the mean of `|y − t|`.
    pub fn mae(&self) -> f64 {
        self.column_mean(|column| self.sample_mean(column, |y, t| (y - t).abs()))
    }

    /// The coefficient of determination, `R² = 1 − Σ(y − t)² / Σ(t − t̄)²`: 1 if all is right, 0 if it is no better than
    /// the mean of the targets, negative if it is worse.
    ///
    /// Constant targets leave nothing to be explained: then it is 1 if all is right, and else 0.
    ///
    /// # Errors
    /// If there are fewer than two samples.
    pub fn r2(&self) -> Result<f64, Error> {
        if self.weights.len() < 2 {
            return Err(Error::invalid("r2", "one sample does not vary; it takes two at least"));
        }
        Ok(self.column_mean(|column| {
            let middle = self.sample_mean(column, |_, t| t);
            self.explained(column, |y, t| (y - t).powi(2), |t| (t - middle).powi(2))
        }))
    }

    /// The share of the targets' variance that is explained, `1 − Var(t − y) / Var(t)`: R² that forgives an error which
    /// is the same for all samples.
    ///
    /// Constant targets leave nothing to be explained: then it is 1 if the error is the same for all, and else 0.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::metrics::Regression;
    /// let regression = Regression::new(&Tensor::from([2.0, 3.0, 4.0]), &Tensor::from([1.0, 2.0, 3.0]))?;
    /// assert_eq!((regression.explained_variance(), regression.r2()?), (1.0, -0.5));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn explained_variance(&self) -> f64 {
        self.column_mean(|column| {
            let middle = self.sample_mean(column, |_, t| t);
            let shift = self.sample_mean(column, |y, t| t - y);
            self.explained(column, |y, t| (t - y - shift).powi(2), |t| (t - middle).powi(2))
        })
    }

    /// 1 less the part that errors have in the variation.
    fn explained(&self, column: &[(f64, f64)], error: impl Fn(f64, f64) -> f64, variation: impl Fn(f64) -> f64) -> f64 {
        let error = self.sample_mean(column, error);
        // By comparison: the mean of equal numbers may differ from them in its last digit.
        let weighty = || column.iter().zip(&self.weights).filter(|(_, weight)| **weight > 0.0).map(|(pair, _)| pair.1);
        let constant = weighty().all(|t| Some(t) == weighty().next());
        match constant {
            true if error == 0.0 => 1.0,
            true => 0.0,
            false => 1.0 - error / self.sample_mean(column, |_, t| variation(t)),
        }
    }

    /// The mean pinball loss of outputs that are to be the quantile `level` of the targets: `level·(t − y)` where the
    /// target is above, `(1 − level)·(y − t)` where it is below.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::metrics::Regression;
    /// let regression = Regression::new(&Tensor::from([1.0, 1.0]), &Tensor::from([0.0, 2.0]))?;
    /// assert!((regression.pinball(0.9)? - (0.1 + 0.9) / 2.0).abs() < 1e-12);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the level is not from 0 to 1.
    pub fn pinball(&self, level: f64) -> Result<f64, Error> {
        if !(0.0..=1.0).contains(&level) {
            return Err(Error::invalid("pinball", format!("a quantile of level {level} is none; it is from 0 to 1")));
        }
        let term = |y: f64, t: f64| if t >= y { level * (t - y) } else { (1.0 - level) * (y - t) };
        Ok(self.column_mean(|column| self.sample_mean(column, term)))
    }
}

/// The measures that are defined, a line for each.
///
/// ```
/// use autograd::Tensor;
/// use mlp::metrics::Regression;
/// let regression = Regression::new(&Tensor::from([1.0, 2.0, 4.0]), &Tensor::from([1.0, 2.0, 3.0]))?;
/// assert_eq!(regression.to_string(), "\
/// measure                 value
/// mean squared error   0.333333
/// its root             0.577350
/// mean absolute error  0.333333
/// R²                   0.500000
/// explained variance   0.666667
/// ");
/// # Ok::<(), mlp::Error>(())
/// ```
impl fmt::Display for Regression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measures = [
            ("mean squared error", Some(self.mse())),
            ("its root", Some(self.rmse())),
            ("mean absolute error", Some(self.mae())),
            ("R²", self.r2().ok()),
            ("explained variance", Some(self.explained_variance())),
        ];
        let row = |(name, value): (&str, Option<f64>)| Some(Row { name: name.into(), cells: vec![brief(value?)] });
        let rows: Vec<Row> = measures.into_iter().filter_map(row).collect();
        f.write_str(&report::table("measure", &["value"], &rows))
    }
}
