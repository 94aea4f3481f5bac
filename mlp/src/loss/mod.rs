//! Losses: one struct per loss, and the [`Loss`] trait. Logarithms are natural (nats) unless a loss says otherwise.

mod classification;
mod combined;
mod ctc;
mod likelihood;
mod pairs;
mod regression;
mod smoothing;
mod targets;
mod weighted;

pub use classification::{
    Base, BinaryCrossEntropyWithLogits, CrossEntropy, CrossEntropyFromProbabilities, Hinge, KlDivergence,
};
pub use combined::WeightedLosses;
pub use ctc::Ctc;
pub use likelihood::{GaussianNll, NegativeBinomialNll, PoissonNll};
pub use pairs::{Contrastive, CosineEmbedding, NtXent, Triplet};
pub use regression::{Euclidean, Huber, L1, Mse, Quantile};
pub use smoothing::{BinaryFocal, Focal, Smoothed};
pub use weighted::{ClassWeights, Ignoring};
pub(crate) use weighted::{mean, weight};

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

    /// The mean of [`each`](Loss::each), which training minimises: their sum over the sum of the
    /// [weights](Loss::weight).
    ///
    /// It is NaN without samples, and 0 if all weights are 0.
    ///
    /// # Errors
    /// As [`each`](Loss::each).
    fn mean<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Scalar<'t, T>, Error> {
        let weights = (0..targets.len()).map(|i| self.weight(targets, i));
        Ok(weighted::average(self.each(y, targets)?, weights))
    }

    /// The mean with a weight for each sample, `Σ w·each / Σ w`; training takes it if a [`Dataset`](crate::Dataset) has
    /// weights.
    ///
    /// A weight of 0 leaves a sample out, whatever its loss; with equal weights it is the [`mean`](Loss::mean). It is 0
    /// if all weights are.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// use mlp::{L1, Loss, Targets};
    /// let tape = Tape::new();
    /// let y = tape.var([[1.0], [2.0], [9.0]]);
    /// let targets = Targets::Values(Tensor::zeros([3, 1]));
    /// assert_eq!(L1.weighted_mean(y, &targets, &[1.0, 3.0, 0.0])?.value(), 1.75);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`each`](Loss::each), and if there is not one weight for each sample, finite and not negative.
    fn weighted_mean<'t>(&self, y: Var<'t, T>, targets: &Targets<T>, weights: &[f64]) -> Result<Scalar<'t, T>, Error> {
        weighted::check_weights("weighted_mean", weights)?;
        let (each, n) = (self.each(y, targets)?, targets.len());
        if weights.len() != n || each.shape().first() != Some(&n) {
            let (m, shape) = (weights.len(), each.shape());
            let why = format!("{m} weights do not fit {n} targets and losses of shape {shape}; it takes one for each");
            return Err(Error::invalid("weighted_mean", why));
        }
        let sums = (0..n).map(|i| weights[i] * self.weight(targets, i));
        Ok(weighted::average(weighted::scaled(each, |i| weights[i]), sums))
    }

    /// The weight of a sample in the [`mean`](Loss::mean), 1 unless a loss says otherwise; what [`each`](Loss::each)
    /// gives for the sample already contains it. Of a sample with a label for each place it is the mean of theirs.
    ///
    /// Targets must have passed [`check`](Loss::check). The parts of a batch, and the batches of an epoch, count by the
    /// sums of their weights.
    fn weight(&self, targets: &Targets<T>, sample: usize) -> f64 {
        let _ = (targets, sample);
        1.0
    }

    /// [`each`](Loss::each) for labels of which a `share` goes to all classes alike; see [`Smoothed`].
    ///
    /// # Errors
    /// As [`each`](Loss::each), and if the targets of the loss are no classes, as by default.
    fn smoothed<'t>(&self, y: Var<'t, T>, targets: &Targets<T>, share: f64) -> Result<Var<'t, T>, Error> {
        let _ = (y, targets, share);
        Err(Error::invalid("smoothed", "the loss within has no classes to smooth; take it without Smoothed"))
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
