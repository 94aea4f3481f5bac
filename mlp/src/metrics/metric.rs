//! [`Metric`]: a measure by its name, and [`Predictions`], what it is computed from.

use std::fmt;
use std::str::FromStr;

use autograd::{Float, Tensor};

use super::{Average, Confusion, Probabilities, Ranking, Regression};
use crate::{Error, Targets};

/// A measure of quality that has a name.
///
/// [`Display`](fmt::Display) and [`FromStr`] turn it into its name and back, so that a configuration or a table can
/// name it.
///
/// | name | see |
/// |---|---|
/// | `accuracy`, `balanced_accuracy` | [`Confusion`] |
/// | `precision_macro`, `recall_micro`, `f1_weighted`, `f1_class_2` and so on | [`Confusion`], [`Average`] |
/// | `top_3_accuracy`, with any number | [`Ranking::top_k`] |
/// | `roc_auc`, `average_precision` | [`Ranking`] |
/// | `log_loss`, `brier` | [`Probabilities`] |
/// | `calibration_error_15`, with any number of bins | [`Probabilities::confidence`], [`Calibration::expected_error`](super::Calibration::expected_error) |
/// | `mse`, `rmse`, `mae`, `r2`, `explained_variance` | [`Regression`] |
/// | `pinball_0.9`, with any level from 0 to 1 | [`Regression::pinball`] |
///
/// ```
/// use autograd::Tensor;
/// use mlp::metrics::{Average, Metric, Predictions};
/// let (logits, classes) = (Tensor::from([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]]), vec![0, 1, 1].into());
/// let metric: Metric = "recall_macro".parse()?;
/// assert_eq!((metric, metric.to_string().as_str()), (Metric::Recall(Average::Macro), "recall_macro"));
/// assert_eq!(metric.of(&Predictions::new(&logits, &classes))?, 0.75);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Metric {
    /// [`Confusion::accuracy`].
    Accuracy,
    /// [`Confusion::balanced_accuracy`].
    BalancedAccuracy,
    /// [`Confusion::precision`].
    Precision(Average),
    /// [`Confusion::recall`].
    Recall(Average),
    /// [`Confusion::f1`].
    F1(Average),
    /// [`Ranking::top_k`].
    TopK(usize),
    /// [`Ranking::roc_auc`].
    RocAuc,
    /// [`Ranking::average_precision`].
    AveragePrecision,
    /// [`Probabilities::log_loss`].
    LogLoss,
    /// [`Probabilities::brier`].
    Brier,
    /// The expected calibration error of [`Probabilities::confidence`] with this number of bins.
    CalibrationError(usize),
    /// [`Regression::mse`].
    Mse,
    /// [`Regression::rmse`].
    Rmse,
    /// [`Regression::mae`].
    Mae,
    /// [`Regression::r2`].
    R2,
    /// [`Regression::explained_variance`].
    ExplainedVariance,
    /// [`Regression::pinball`] of this level.
    Pinball(f64),
}

impl Metric {
    /// Computes the metric.
    ///
    /// # Errors
    /// If outputs, targets and weights do not fit the metric or each other, or the metric is not defined for them.
    pub fn of<T: Float>(self, predictions: &Predictions<'_, T>) -> Result<f64, Error> {
        match self {
            Metric::Accuracy => Ok(predictions.confusion()?.accuracy()),
            Metric::BalancedAccuracy => Ok(predictions.confusion()?.balanced_accuracy()),
            Metric::Precision(average) => Ok(predictions.confusion_with(average)?.precision(average)),
            Metric::Recall(average) => Ok(predictions.confusion_with(average)?.recall(average)),
            Metric::F1(average) => Ok(predictions.confusion_with(average)?.f1(average)),
            Metric::TopK(k) => predictions.ranking()?.top_k(k),
            Metric::RocAuc => predictions.ranking()?.roc_auc(),
            Metric::AveragePrecision => predictions.ranking()?.average_precision(),
            Metric::LogLoss => Ok(predictions.probabilities()?.log_loss()),
            Metric::Brier => Ok(predictions.probabilities()?.brier()),
            Metric::CalibrationError(bins) => Ok(predictions.probabilities()?.confidence(bins)?.expected_error()),
            Metric::Mse => Ok(predictions.regression()?.mse()),
            Metric::Rmse => Ok(predictions.regression()?.rmse()),
            Metric::Mae => Ok(predictions.regression()?.mae()),
            Metric::R2 => predictions.regression()?.r2(),
            Metric::ExplainedVariance => Ok(predictions.regression()?.explained_variance()),
            Metric::Pinball(level) => predictions.regression()?.pinball(level),
        }
    }

    /// The metric's name.
    pub fn name(self) -> String {
        self.to_string()
    }

    /// Whether a higher value is a better one.
    ///
    /// ```
    /// use mlp::metrics::Metric;
    /// assert!(Metric::R2.higher_is_better() && !Metric::Mse.higher_is_better());
    /// ```
    pub fn higher_is_better(self) -> bool {
        !matches!(
            self,
            Metric::LogLoss
                | Metric::Brier
                | Metric::CalibrationError(_)
                | Metric::Mse
                | Metric::Rmse
                | Metric::Mae
                | Metric::Pinball(_)
        )
    }

    /// Whether the outputs have to be probabilities: of a model that gives logits, take the softmax or the sigmoid.
    ///
    /// The order of [`RocAuc`](Metric::RocAuc) and [`AveragePrecision`](Metric::AveragePrecision) needs them for more than
    /// two classes only.
    pub fn takes_probabilities(self) -> bool {
        matches!(
            self,
            Metric::LogLoss | Metric::Brier | Metric::CalibrationError(_) | Metric::RocAuc | Metric::AveragePrecision
        )
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Metric::Accuracy => f.write_str("accuracy"),
            Metric::BalancedAccuracy => f.write_str("balanced_accuracy"),
            Metric::Precision(average) => write!(f, "precision_{average}"),
            Metric::Recall(average) => write!(f, "recall_{average}"),
            Metric::F1(average) => write!(f, "f1_{average}"),
            Metric::TopK(k) => write!(f, "top_{k}_accuracy"),
            Metric::RocAuc => f.write_str("roc_auc"),
            Metric::AveragePrecision => f.write_str("average_precision"),
            Metric::LogLoss => f.write_str("log_loss"),
            Metric::Brier => f.write_str("brier"),
            Metric::CalibrationError(bins) => write!(f, "calibration_error_{bins}"),
            Metric::Mse => f.write_str("mse"),
            Metric::Rmse => f.write_str("rmse"),
            Metric::Mae => f.write_str("mae"),
            Metric::R2 => f.write_str("r2"),
            Metric::ExplainedVariance => f.write_str("explained_variance"),
            Metric::Pinball(level) => write!(f, "pinball_{level}"),
        }
    }
}

impl fmt::Display for Average {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Average::Macro => f.write_str("macro"),
            Average::Micro => f.write_str("micro"),
            Average::Weighted => f.write_str("weighted"),
            Average::Class(class) => write!(f, "class_{class}"),
        }
    }
}

impl FromStr for Metric {
    type Err = Error;

    /// # Errors
    /// If no metric has this name; the error lists the names.
    fn from_str(name: &str) -> Result<Self, Error> {
        let average = |prefix: &str| {
            let average = match name.strip_prefix(prefix)? {
                "macro" => Average::Macro,
                "micro" => Average::Micro,
                "weighted" => Average::Weighted,
                class => Average::Class(class.strip_prefix("class_")?.parse().ok()?),
            };
            Some(average)
        };
        let top = || name.strip_prefix("top_")?.strip_suffix("_accuracy")?.parse().ok().filter(|&k: &usize| k > 0);
        let bins = || name.strip_prefix("calibration_error_")?.parse().ok().filter(|&bins: &usize| bins > 0);
        let level = || name.strip_prefix("pinball_")?.parse().ok().filter(|level| (0.0..=1.0).contains(level));
        let found = match name {
            "accuracy" => Some(Metric::Accuracy),
            "balanced_accuracy" => Some(Metric::BalancedAccuracy),
            "roc_auc" => Some(Metric::RocAuc),
            "average_precision" => Some(Metric::AveragePrecision),
            "log_loss" => Some(Metric::LogLoss),
            "brier" => Some(Metric::Brier),
            "mse" => Some(Metric::Mse),
            "rmse" => Some(Metric::Rmse),
            "mae" => Some(Metric::Mae),
            "r2" => Some(Metric::R2),
            "explained_variance" => Some(Metric::ExplainedVariance),
            _ => (average("precision_").map(Metric::Precision))
                .or_else(|| average("recall_").map(Metric::Recall))
                .or_else(|| average("f1_").map(Metric::F1))
                .or_else(|| top().map(Metric::TopK))
                .or_else(|| bins().map(Metric::CalibrationError))
                .or_else(|| level().map(Metric::Pinball)),
        };
        found.ok_or_else(|| {
            let names = "accuracy, balanced_accuracy, precision_…, recall_… and f1_… with macro, micro, weighted or class_0, \
                         top_3_accuracy, roc_auc, average_precision, log_loss, brier, calibration_error_15, mse, rmse, mae, r2, \
                         explained_variance, pinball_0.9";
            Error::invalid("metric", format!("`{name}` is none of {names}; numbers may be others"))
        })
    }
}

/// The outputs of a model and what they should be: what a [`Metric`] is computed from.
///
/// ```
/// use autograd::Tensor;
/// use mlp::Targets;
/// use mlp::metrics::{Metric, Predictions};
/// let (logits, targets) = (Tensor::from([[2.0], [-3.0], [0.5]]), Targets::from(vec![1, 0, 0]));
/// let predictions = Predictions::new(&logits, &targets).threshold(0.0).weights(&[1.0, 1.0, 2.0]);
/// assert_eq!(Metric::Accuracy.of(&predictions)?, 0.5);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Predictions<'a, T: Float = f64> {
    outputs: &'a Tensor<T>,
    targets: &'a Targets<T>,
    weights: Option<&'a [f64]>,
    threshold: Option<f64>,
}

const WHAT: &str = "predictions";

impl<'a, T: Float> Predictions<'a, T> {
    /// Outputs with their targets. For classification the targets are classes, or values of 0 and 1 where there is one
    /// output for each.
    pub fn new(outputs: &'a Tensor<T>, targets: &'a Targets<T>) -> Self {
        Predictions { outputs, targets, weights: None, threshold: None }
    }

    /// Gives each sample a weight.
    #[must_use]
    pub fn weights(self, weights: &'a [f64]) -> Self {
        Predictions { weights: Some(weights), ..self }
    }

    /// Sets the output above which class 1 is predicted, where there is one output for each sample: 0 for logits, ½ for
    /// probabilities.
    #[must_use]
    pub fn threshold(self, threshold: f64) -> Self {
        Predictions { threshold: Some(threshold), ..self }
    }

    fn is_binary(&self) -> bool {
        self.outputs.numel() == self.targets.len()
    }

    fn classes(&self) -> Result<std::borrow::Cow<'a, [usize]>, Error> {
        match self.targets {
            Targets::Classes(classes) => Ok(classes.as_slice().into()),
            Targets::Values(values)
                if self.is_binary() && values.as_slice().iter().all(|&t| t == T::zero() || t == T::one()) =>
            {
                Ok(values.as_slice().iter().map(|&t| usize::from(t == T::one())).collect::<Vec<_>>().into())
            }
            _ => {
                let why =
                    "a metric of classification takes Targets::Classes, or values of 0 and 1, one for each output";
                Err(Error::invalid(WHAT, why))
            }
        }
    }

    fn confusion(&self) -> Result<Confusion, Error> {
        let classes = self.classes()?;
        match self.threshold {
            _ if !self.is_binary() => Confusion::count(self.outputs, &classes, self.weights),
            Some(threshold) => Confusion::count_binary(self.outputs, &classes, threshold, self.weights),
            None => {
                let why = "with one output for each sample a class is predicted above a threshold; set it, to 0 for logits, \
                           to 0.5 for probabilities";
                Err(Error::invalid(WHAT, why))
            }
        }
    }

    /// The confusion, in which the class exists that an average is of.
    fn confusion_with(&self, average: Average) -> Result<Confusion, Error> {
        let confusion = self.confusion()?;
        match average {
            Average::Class(class) if class >= confusion.classes() => {
                let last = confusion.classes() - 1;
                Err(Error::invalid(WHAT, format!("the metric is of class {class}, but there are 0 to {last}")))
            }
            _ => Ok(confusion),
        }
    }

    fn ranking(&self) -> Result<Ranking, Error> {
        Ranking::build(self.outputs, &self.classes()?, self.weights)
    }

    fn probabilities(&self) -> Result<Probabilities, Error> {
        Probabilities::build(self.outputs, &self.classes()?, self.weights)
    }

    fn regression(&self) -> Result<Regression, Error> {
        match self.targets {
            Targets::Values(targets) => Regression::build(self.outputs, targets, self.weights),
            _ => Err(Error::invalid(WHAT, "a metric of regression takes Targets::Values")),
        }
    }
}
