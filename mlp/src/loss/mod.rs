//! Losses: a struct each, and the trait that reduces them. Logarithms are natural (nats) unless a loss says otherwise.

mod classification;
mod regression;
mod targets;

pub use classification::{
    Base, BinaryCrossEntropyWithLogits, CrossEntropy, CrossEntropyFromProbabilities, Hinge, KlDivergence,
};
pub use regression::{Euclidean, Huber, L1, Mse};

use autograd::{Float, Scalar, Shape, Tensor, Var};

use crate::{Activation, Error, Targets};

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

    /// Whether outputs and targets can belong together: what a [`Trainer`](crate::Trainer) asks once for all samples, before the first
    /// step.
    ///
    /// The losses of this crate check all that [`each`](Loss::each) would, and that the output layer gives what they take. Unless
    /// overridden, only numbers of shape (n,) beside outputs of shape (n, 1), or the other way round, are refused: their difference
    /// would be of shape (n, n).
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

    /// Above which output a sample is of class 1, where one output tells the classes 0 and 1 apart; `None` if the loss does not say.
    fn threshold(&self) -> Option<f64> {
        None
    }
}

/// What is known of a model's outputs before it is trained: see [`Loss::check`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Outputs<'a, T: Float = f64> {
    /// Their shape for all samples.
    pub shape: Shape,
    /// Those of the first samples, as the model is now.
    pub first: &'a Tensor<T>,
    /// The function that they come from, if the model [can tell](crate::Module::output_activation) and has yet to learn what it gives.
    pub activation: Option<Activation>,
}
