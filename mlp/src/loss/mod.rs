//! Losses: one struct per loss, and the [`Loss`] trait. Logarithms are natural (nats) unless a loss says otherwise.

mod classification;
mod regression;
mod targets;

pub use classification::{
    Base, BinaryCrossEntropyWithLogits, CrossEntropy, CrossEntropyFromProbabilities, Hinge, KlDivergence,
};
pub use regression::{Euclidean, Huber, L1, Mse};

use autograd::{Float, Scalar, Shape, Tensor, Var};

use crate::{Activation, Error, Targets};

/// A measure of the distance between outputs and targets.
///
/// The documentation of each loss gives the formula of [`each`](Loss::each); [`mean`](Loss::mean) and
/// [`sum`](Loss::sum) reduce it. A custom loss only needs to implement `each`:
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
    /// Computes the individual losses, without reduction.
    ///
    /// # Errors
    /// If the targets are of the wrong kind, or do not fit the outputs `y`.
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error>;

    /// The mean of [`each`](Loss::each), which training minimises.
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

    /// Checks that outputs and targets fit together.
    ///
    /// A [`Trainer`](crate::Trainer) calls it once for all samples before the first step.
    ///
    /// The losses of this crate make the same checks as [`each`](Loss::each), and also check that the output layer
    /// suits the loss. The default rejects only targets of shape (n,) for outputs of shape (n, 1), and vice versa:
    /// their difference would have shape (n, n).
    ///
    /// # Errors
    /// If they do not fit.
    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        let Targets::Values(values) = targets else { return Ok(()) };
        let (y, t) = (&outputs.shape, values.shape());
        let axes = y.iter().filter(|&&len| len != 1).eq(t.iter().filter(|&&len| len != 1));
        match axes && y.len() != t.len() {
            true => Err(targets::misfit("loss", y, t)),
            false => Ok(()),
        }
    }

    /// The output above which a sample belongs to class 1 instead of 0.
    ///
    /// It applies to models with one output for two classes. `None` if the loss defines no threshold.
    fn threshold(&self) -> Option<f64> {
        None
    }
}

/// The properties of a model's outputs before training; see [`Loss::check`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Outputs<'a, T: Float = f64> {
    /// The shape of the outputs for all samples.
    pub shape: Shape,
    /// The present outputs for the first samples.
    pub first: &'a Tensor<T>,
    /// The activation of the output layer, if the model [knows it](crate::Module::output_activation) and trains on the
    /// data.
    pub activation: Option<Activation>,
}
