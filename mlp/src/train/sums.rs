//! [`EpochSums`]: the loss and the accuracy of an epoch.

use std::borrow::Cow;
use std::ops::AddAssign;

use autograd::{Float, Var};

use crate::loss::{Loss, weight};
use crate::metrics::{accuracy, binary_accuracy};
use crate::{Dataset, Error, Targets};

/// Sums over the samples of an epoch, or of a part of it.
#[derive(Default)]
pub(super) struct EpochSums {
    /// The sum of the weights of the samples: their number, unless the loss or the data weights them.
    weight: f64,
    loss: f64,
    /// The number of samples with a weight above 0, and of those that are predicted correctly; `None` if the outputs do
    /// not predict classes.
    right: Option<(usize, f64)>,
}

impl EpochSums {
    /// Adds the mean loss of a batch whose weights sum to `sum`.
    pub(super) fn add<T: Float>(
        &mut self,
        sum: f64,
        mean: f64,
        y: Var<'_, T>,
        loss: &dyn Loss<T>,
        batch: &Dataset<T>,
    ) -> Result<(), Error> {
        self.weight += sum;
        self.loss += mean * sum;
        // No accuracy for a loss that is not finite: the trainer reports that loss itself.
        let Targets::Classes(classes) = batch.targets() else { return Ok(()) };
        if !mean.is_finite() {
            return Ok(());
        }
        let shape = y.shape();
        let predicts = shape.len() == 2 && shape[1] > 1;
        if !predicts && loss.threshold().is_none() {
            return Ok(());
        }
        let (mut y, mut classes) = (y.value(), Cow::Borrowed(classes));
        let kept: Vec<usize> = (0..classes.len()).filter(|&i| weight(loss, batch, i) > 0.0).collect();
        if kept.len() < classes.len() {
            y = y.take(0, &kept);
            classes = Cow::Owned(kept.iter().map(|&i| classes[i]).collect());
        }
        let share = match loss.threshold() {
            _ if kept.is_empty() => 0.0,
            _ if predicts => accuracy(&y, &classes)?,
            Some(threshold) => binary_accuracy(&y, &classes, threshold)?,
            None => return Ok(()),
        };
        self.predicted(kept.len(), share * kept.len() as f64);
        Ok(())
    }

    fn predicted(&mut self, samples: usize, right: f64) {
        let (all, sum) = self.right.unwrap_or_default();
        self.right = Some((all + samples, sum + right));
    }

    pub(super) fn loss(&self) -> f64 {
        // A sum that is not finite has to stay so.
        if self.weight == 0.0 { self.loss } else { self.loss / self.weight }
    }

    pub(super) fn accuracy(&self) -> Option<f64> {
        self.right.filter(|&(samples, _)| samples > 0).map(|(samples, right)| right / samples as f64)
    }
}

impl AddAssign for EpochSums {
    fn add_assign(&mut self, other: EpochSums) {
        self.weight += other.weight;
        self.loss += other.loss;
        if let Some((samples, right)) = other.right {
            self.predicted(samples, right);
        }
    }
}
