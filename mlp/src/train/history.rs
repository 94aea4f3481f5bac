//! [`History`]: the results of a training, epoch by epoch.

/// The results of one epoch; losses are means over the samples.
///
/// Training values accumulate batch by batch while the parameters change. Validation values are computed after the
/// epoch, in evaluation mode.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Epoch {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// The loss on the training data.
    pub loss: f64,
    /// The share of training samples classified correctly.
    ///
    /// It needs class targets, and either one output per class, or one output for two classes and a loss with a
    /// [threshold](crate::Loss::threshold). Samples of weight 0, such as [ignored](crate::Ignoring) ones, are left out.
    pub accuracy: Option<f64>,
    /// The loss on the validation data, if there are any.
    pub validation_loss: Option<f64>,
    /// The share of validation samples classified correctly.
    pub validation_accuracy: Option<f64>,
}

/// The reason why a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// All epochs are done.
    Epochs,
    /// The loss is within the tolerance.
    Tolerance,
    /// The observer stopped the training.
    Observer,
}

/// The results of [`Trainer::fit`](crate::Trainer::fit), epoch by epoch.
///
/// ```
/// use autograd::{Param, Tensor};
/// use mlp::{Dataset, Linear, Module, Mse, Sgd, Stopped, Trainer};
/// let model = Linear { w: Param::new([[2.0]]), b: None };
/// let data = Dataset::new(Tensor::from([[1.0]]), Tensor::from([[0.0]]))?;
/// let mut descent = Sgd::new(&model.parameters(), 0.25); // the loss is w², and a step halves w
/// let history = Trainer::new().epochs(3).fit(&model, &Mse, &mut descent, &data, None)?;
/// assert_eq!(history.epochs.iter().map(|epoch| epoch.loss).collect::<Vec<_>>(), [4.0, 1.0, 0.25]);
/// assert_eq!(history.stopped, Stopped::Epochs);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct History {
    /// The epochs, in order; at least one.
    pub epochs: Vec<Epoch>,
    /// The reason why the training ended.
    pub stopped: Stopped,
}

impl History {
    /// The last epoch.
    pub fn last(&self) -> &Epoch {
        self.epochs.last().expect("fit records at least one epoch")
    }
}
