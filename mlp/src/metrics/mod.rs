//! Metrics: measures of quality without gradients.
//!
//! What is measured is validated once, and then asked for any of its measures:
//!
//! | from | see | measures |
//! |---|---|---|
//! | the class that is predicted | [`Confusion`] | accuracy, also balanced; precision, recall, F1 of each class and in the whole; a report |
//! | the order of scores | [`Ranking`] | area under the ROC curve, average precision, the `k` largest |
//! | probabilities | [`Probabilities`] | log loss, Brier score, [`Calibration`] |
//! | values | [`Regression`] | squared and absolute error, R², explained variance, pinball loss |
//!
//! A [`Metric`] is one of them by its name, computed from [`Predictions`]. [`accuracy`], [`binary_accuracy`] and
//! [`confusion_matrix`] are short ways to the commonest.
//!
//! The numbers are those of scikit-learn, with weights of samples and with ties. Where a measure is not defined, such
//! as a ROC curve of samples that are all of one class, there is an error instead of a number.

mod confusion;
mod metric;
mod probabilities;
mod ranking;
mod regression;
mod report;

use autograd::{Float, Tensor};

use crate::Error;
use crate::error::shown;

pub use confusion::{Average, ClassScores, Confusion};
pub use metric::{Metric, Predictions};
pub use probabilities::{Calibration, CalibrationBin, Probabilities};
pub use ranking::Ranking;
pub use regression::Regression;

/// The share of rows whose largest output belongs to the correct class.
///
/// It works with logits and with probabilities.
///
/// ```
/// use autograd::Tensor;
/// use mlp::metrics::accuracy;
/// let logits = Tensor::from([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]]);
/// assert_eq!(accuracy(&logits, &[0, 1, 1])?, 2.0 / 3.0);
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// If the outputs are not (samples, classes) or one is NaN, if there is not exactly one existing class per row, or if
/// there are no rows.
pub fn accuracy<T: Float>(outputs: &Tensor<T>, classes: &[usize]) -> Result<f64, Error> {
    let predicted = predicted("accuracy", outputs, classes)?;
    if classes.is_empty() {
        return Err(Error::invalid("accuracy", "there are no samples"));
    }
    let right = predicted.iter().zip(classes).filter(|(a, b)| a == b).count();
    Ok(right as f64 / classes.len() as f64)
}

/// The share of samples on the correct side of a threshold, for one output per sample.
///
/// Class 1 lies above the threshold, class 0 at or below it. The threshold is 0 for logits, and ½ for probabilities.
///
/// ```
/// use autograd::Tensor;
/// use mlp::metrics::binary_accuracy;
/// let logits = Tensor::from([[2.0], [-3.0], [0.5]]);
/// assert_eq!(binary_accuracy(&logits, &[1, 0, 0], 0.0)?, 2.0 / 3.0);
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// If there is not exactly one output per class label, an output or the threshold is NaN, a class is neither 0 nor 1,
/// or there are no samples.
pub fn binary_accuracy<T: Float>(outputs: &Tensor<T>, classes: &[usize], threshold: f64) -> Result<f64, Error> {
    binary_fits("binary_accuracy", outputs, classes)?;
    check_threshold("binary_accuracy", threshold)?;
    let right = |(y, class): (&T, &usize)| (y.to_f64() > threshold) == (*class == 1);
    let right = outputs.as_slice().iter().zip(classes).filter(|&pair| right(pair)).count();
    Ok(right as f64 / classes.len() as f64)
}

/// The confusion matrix: the count of predictions (column) for each true class (row).
///
/// ```
/// use autograd::Tensor;
/// use mlp::metrics::confusion_matrix;
/// let logits = Tensor::from([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]]);
/// assert_eq!(confusion_matrix(&logits, &[0, 1, 1])?, [[1, 0], [1, 1]]);
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// If the outputs are not (samples, classes) or one is NaN, or there is not exactly one existing class per row.
pub fn confusion_matrix<T: Float>(outputs: &Tensor<T>, classes: &[usize]) -> Result<Vec<Vec<usize>>, Error> {
    let predicted = predicted("confusion_matrix", outputs, classes)?;
    let width = outputs.shape()[1];
    let mut counts = vec![vec![0; width]; width];
    for (predicted, &class) in predicted.into_iter().zip(classes) {
        counts[class][predicted] += 1;
    }
    Ok(counts)
}

fn predicted<T: Float>(what: &'static str, outputs: &Tensor<T>, classes: &[usize]) -> Result<Vec<usize>, Error> {
    rows_fit(what, outputs, classes)?;
    Ok(outputs.argmax(1))
}

/// The number of classes, if the outputs are (samples, classes) without NaN, with an existing class for each sample.
fn rows_fit<T: Float>(what: &'static str, outputs: &Tensor<T>, classes: &[usize]) -> Result<usize, Error> {
    let shape = outputs.shape();
    let [n, width] = shape[..] else {
        return Err(Error::invalid(what, format!("outputs of shape {shape} are not (samples, classes)")));
    };
    if n != classes.len() || width == 0 {
        return Err(Error::invalid(what, format!("{} classes do not fit outputs of shape {shape}", classes.len())));
    }
    if let Some((i, class)) = classes.iter().enumerate().find(|(_, class)| **class >= width) {
        return Err(Error::invalid(
            what,
            format!("class {class} of sample {i} does not exist in outputs of shape {shape}"),
        ));
    }
    check_numbers(what, outputs, width)?;
    Ok(width)
}

/// `Ok` if there is one output without NaN for each sample, at least one, and each class is 0 or 1.
fn binary_fits<T: Float>(what: &'static str, outputs: &Tensor<T>, classes: &[usize]) -> Result<(), Error> {
    if outputs.numel() != classes.len() || classes.is_empty() {
        let (n, shape) = (classes.len(), outputs.shape());
        let law = "it takes one output for each, and one at least";
        return Err(Error::invalid(what, format!("{n} classes for outputs of shape {shape}; {law}")));
    }
    check_numbers(what, outputs, 1)?;
    match classes.iter().enumerate().find(|(_, class)| **class > 1) {
        Some((i, class)) => {
            let repair = "more classes need an output for each";
            Err(Error::invalid(what, format!("class {class} of sample {i} is neither 0 nor 1; {repair}")))
        }
        None => Ok(()),
    }
}

fn check_threshold(what: &'static str, threshold: f64) -> Result<(), Error> {
    match threshold.is_nan() {
        true => {
            let why = "a threshold of NaN has no side; it is 0 for logits, 0.5 for probabilities";
            Err(Error::invalid(what, why))
        }
        false => Ok(()),
    }
}

/// `Ok` if no output is NaN, because NaN is never the largest.
fn check_numbers<T: Float>(what: &'static str, outputs: &Tensor<T>, width: usize) -> Result<(), Error> {
    match outputs.as_slice().iter().position(|y| y.to_f64().is_nan()) {
        Some(at) => Err(Error::invalid(what, format!("an output of sample {} is NaN, which is no class", at / width))),
        None => Ok(()),
    }
}

/// A weight for each of `n` samples, at least one: those given, or 1.
fn weights_of(what: &'static str, n: usize, weights: Option<&[f64]>) -> Result<Vec<f64>, Error> {
    if n == 0 {
        return Err(Error::invalid(what, "there are no samples"));
    }
    let Some(weights) = weights else { return Ok(vec![1.0; n]) };
    let invalid = |why: String| Err(Error::invalid(what, why));
    if weights.len() != n {
        return invalid(format!("{} weights for {n} samples; each needs one, in the same order", weights.len()));
    }
    if let Some((i, weight)) = weights.iter().enumerate().find(|(_, weight)| !(weight.is_finite() && **weight >= 0.0)) {
        return invalid(format!("the weight {} of sample {i} is not a finite number of 0 or above", shown(weight)));
    }
    if weights.iter().all(|&weight| weight == 0.0) {
        return invalid("all weights are 0; no sample is left".into());
    }
    Ok(weights.to_vec())
}

/// The weighted mean of values.
fn mean(values: impl IntoIterator<Item = f64>, weights: &[f64]) -> f64 {
    let sum: f64 = values.into_iter().zip(weights).map(|(value, weight)| value * weight).sum();
    sum / weights.iter().sum::<f64>()
}
