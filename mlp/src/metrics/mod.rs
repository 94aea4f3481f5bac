//! Metrics: measures of quality without gradients.

use autograd::{Float, Tensor};

use crate::Error;

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
    let invalid = |why| Err(Error::invalid("binary_accuracy", why));
    if outputs.numel() != classes.len() || classes.is_empty() {
        let (n, shape) = (classes.len(), outputs.shape());
        return invalid(format!(
            "{n} classes for outputs of shape {shape}; it takes one output for each, and one at least"
        ));
    }
    if threshold.is_nan() {
        return invalid("a threshold of NaN has no side; it is 0 for logits, 0.5 for probabilities".to_string());
    }
    check_numbers("binary_accuracy", outputs, 1)?;
    if let Some((i, class)) = classes.iter().enumerate().find(|(_, class)| **class > 1) {
        return invalid(format!("class {class} of sample {i} is neither 0 nor 1; take accuracy() for more classes"));
    }
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
    Ok(outputs.argmax(1))
}

/// `Ok` if no output is NaN, because NaN is never the largest.
fn check_numbers<T: Float>(what: &'static str, outputs: &Tensor<T>, width: usize) -> Result<(), Error> {
    match outputs.as_slice().iter().position(|y| y.to_f64().is_nan()) {
        Some(at) => Err(Error::invalid(what, format!("an output of sample {} is NaN, which is no class", at / width))),
        None => Ok(()),
    }
}
