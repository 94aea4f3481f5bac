//! [`EpochSums`]: the loss and the accuracy of an epoch.

use std::ops::AddAssign;

use autograd::{Float, Var};

use crate::loss::Loss;
use crate::metrics::{accuracy, binary_accuracy};
use crate::{Error, Targets};

/// Sums over the samples of an epoch, or of a part of it.
#[derive(Default)]
pub(super) struct EpochSums {
    samples: usize,
    loss: f64,
    /// The number of correct predictions; `None` if the outputs do not predict classes.
    right: Option<f64>,
}

impl EpochSums {
    pub(super) fn add<T: Float>(
        &mut self,
        n: usize,
        mean: f64,
        y: Var<'_, T>,
        loss: &dyn Loss<T>,
        targets: &Targets<T>,
    ) -> Result<(), Error> {
        self.samples += n;
        self.loss += mean * n as f64;
        // No accuracy for a loss that is not finite: the trainer reports that loss itself.
        let Targets::Classes(classes) = targets else { return Ok(()) };
        if !mean.is_finite() {
            return Ok(());
        }
        let shape = y.shape();
        let share = match loss.threshold() {
            _ if shape.len() == 2 && shape[1] > 1 => accuracy(&y.value(), classes)?,
            Some(threshold) => binary_accuracy(&y.value(), classes, threshold)?,
            None => return Ok(()),
        };
        *self.right.get_or_insert(0.0) += share * n as f64;
        Ok(())
    }

    pub(super) fn loss(&self) -> f64 {
        self.loss / self.samples as f64
    }

    pub(super) fn accuracy(&self) -> Option<f64> {
        self.right.map(|right| right / self.samples as f64)
    }
}

impl AddAssign for EpochSums {
    fn add_assign(&mut self, other: EpochSums) {
        self.samples += other.samples;
        self.loss += other.loss;
        if let Some(right) = other.right {
            *self.right.get_or_insert(0.0) += right;
        }
    }
}
