//! [`History`]: what training came to, epoch by epoch.

/// What one epoch came to. Losses are means over the samples.
///
/// Values of the training data are gathered while the parameters change, batch by batch; those of the validation data
/// after the epoch, while evaluating.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: usize,
    /// The loss on the training data.
    pub loss: f64,
    /// The share of training samples classified rightly, if targets are classes and there is an output for each, or one for two and a loss
    /// that names its [threshold](crate::Loss::threshold).
    pub accuracy: Option<f64>,
    /// The loss on the validation data, if there are any.
    pub validation_loss: Option<f64>,
    /// The share of validation samples classified rightly.
    pub validation_accuracy: Option<f64>,
}

/// Why training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// All epochs are done.
    Epochs,
    /// The loss is within the tolerance.
    Tolerance,
    /// The observer asked for it.
    Observer,
}

/// What [`Trainer::fit`](crate::Trainer::fit) saw, epoch by epoch.
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
    /// Each epoch, in order; at least one.
    pub epochs: Vec<Epoch>,
    /// Why training ended.
    pub stopped: Stopped,
}

impl History {
    /// The last epoch.
    pub fn last(&self) -> &Epoch {
        self.epochs.last().expect("fit records at least one epoch")
    }
}
