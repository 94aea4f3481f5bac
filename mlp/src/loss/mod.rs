//! Losses: a struct each, and the trait that reduces them. Logarithms are natural (nats) unless a loss says otherwise.

mod classification;
mod regression;

pub use classification::{
    Base, BinaryCrossEntropyWithLogits, CrossEntropy, CrossEntropyFromProbabilities, Hinge, KlDivergence,
};
pub use regression::{Euclidean, Huber, L1, Mse};

use autograd::{Float, Scalar, Tensor, Var};

use crate::{Error, Targets};

/// How far outputs are from their targets.
///
/// Each loss says what [`each`](Loss::each) gives; [`mean`](Loss::mean) and [`sum`](Loss::sum) follow from it. A loss of
/// one's own implements `each` alone:
///
/// ```
/// use autograd::{Tape, Tensor, Var};
/// use mlp::{Error, Loss, Targets};
///
/// struct LogCosh;
///
/// impl Loss for LogCosh {
///     fn each<'t>(&self, y: Var<'t>, targets: &Targets) -> Result<Var<'t>, Error> {
///         let Targets::Values(values) = targets else { panic!("log-cosh needs values") };
///         Ok((y - values).cosh().ln())
///     }
/// }
///
/// let tape = Tape::new();
/// let y = tape.var([1.0, 3.0]);
/// let loss = LogCosh.mean(y, &Targets::Values(Tensor::from([1.0, 3.0])))?;
/// assert_eq!(loss.value(), 0.0);
/// # Ok::<(), mlp::Error>(())
/// ```
pub trait Loss<T: Float = f64>: Send + Sync {
    /// The losses one by one, not reduced.
    ///
    /// # Errors
    /// If the targets are of the wrong kind, or do not fit the outputs `y`.
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error>;

    /// The mean of [`each`](Loss::each): what training minimises.
    ///
    /// # Errors
    /// As [`each`](Loss::each).
    fn mean<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Scalar<'t, T>, Error> {
        Ok(self.each(y, targets)?.mean())
    }

    /// The sum of [`each`](Loss::each).
    ///
    /// # Errors
    /// As [`each`](Loss::each).
    fn sum<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Scalar<'t, T>, Error> {
        Ok(self.each(y, targets)?.sum())
    }

    /// Above which output a sample is of class 1, where one output tells the classes 0 and 1 apart; `None` if the loss does not say.
    fn threshold(&self) -> Option<f64> {
        None
    }
}

/// Targets that are numbers, one for each output. No broadcasting: (n,) beside (n, 1) is nearly always a mistake.
fn values<'a, T: Float>(loss: &'static str, y: Var<'_, T>, targets: &'a Targets<T>) -> Result<&'a Tensor<T>, Error> {
    match targets {
        Targets::Values(values) if *values.shape() == y.shape() => Ok(values),
        Targets::Values(values) => Err(Error::invalid(
            loss,
            format!(
                "targets of shape {} do not fit outputs of shape {}; reshape one of them",
                values.shape(),
                y.shape()
            ),
        )),
        Targets::Classes(_) => {
            Err(Error::invalid(loss, "the targets are classes, but it needs numbers; one_hot makes them of classes"))
        }
    }
}

/// Targets with two possible values: numbers, or the classes 0 and 1, which become `numbers`.
fn binary<'t, T: Float>(
    loss: &'static str,
    y: Var<'t, T>,
    targets: &Targets<T>,
    numbers: [f64; 2],
) -> Result<Var<'t, T>, Error> {
    let Targets::Classes(classes) = targets else {
        return values(loss, y, targets).map(|targets| y.tape().constant(targets.clone()));
    };
    let shape = y.shape();
    if shape.numel() != classes.len() {
        let why =
            format!("{} classes do not fit outputs of shape {shape}; it takes one output for each", classes.len());
        return Err(Error::invalid(loss, why));
    }
    if let Some(i) = classes.iter().position(|&class| class > 1) {
        return Err(Error::invalid(loss, format!("class {} of sample {i} is neither 0 nor 1", classes[i])));
    }
    Ok(y.tape().constant_with(shape, |i| T::from_f64(numbers[classes[i]])))
}

/// `Ok` if there is one existing class for each row of `y`.
fn check_classes<T: Float>(loss: &'static str, y: Var<'_, T>, classes: &[usize]) -> Result<(), Error> {
    let shape = y.shape();
    let [n, width] = shape[..] else {
        return Err(Error::invalid(loss, format!("outputs of shape {shape} are not (samples, classes); reshape them")));
    };
    if classes.len() != n {
        return Err(Error::invalid(
            loss,
            format!("{} classes for the {n} rows of outputs of shape {shape}", classes.len()),
        ));
    }
    match classes.iter().enumerate().find(|(_, class)| **class >= width) {
        Some((i, class)) => Err(Error::invalid(
            loss,
            format!(
                "class {class} of sample {i} does not exist; outputs of shape {shape} have classes 0 to {}",
                width.saturating_sub(1)
            ),
        )),
        None => Ok(()),
    }
}

/// The last axis, along which a sample's numbers lie.
fn row_axis<T: Float>(loss: &'static str, y: Var<'_, T>) -> Result<usize, Error> {
    let axes = y.shape().len();
    axes.checked_sub(1).ok_or_else(|| Error::invalid(loss, "an output of shape () has no rows; reshape it to (1, 1)"))
}
