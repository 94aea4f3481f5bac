//! [`WeightedLosses`]: the weighted sum of several losses.

use std::fmt;

use autograd::{Float, Var};

use super::{Loss, Outputs};
use crate::error::shown;
use crate::{Error, Targets};

/// The sum of several losses of one model, each times its weight: `Σ wᵢ·lossᵢ`.
///
/// [`each`](Loss::each) has one number for each sample: the losses of its outputs are averaged first, so that the mean is
/// the sum of the means. Sample weights apply to the sum; for class weights or an ignored class put the sum into
/// [`ClassWeights`](crate::ClassWeights) or [`Ignoring`](crate::Ignoring).
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{L1, Loss, Mse, Targets, WeightedLosses};
/// let tape = Tape::new();
/// let y = tape.var([[2.0, 4.0]]);
/// let both = WeightedLosses::new().with(1.0, Mse).with(0.5, L1);
/// let loss = both.mean(y, &Targets::Values(Tensor::zeros([1, 2])))?;
/// assert_eq!(loss.value(), (4.0 + 16.0) / 2.0 + 0.5 * (2.0 + 4.0) / 2.0);
/// # Ok::<(), mlp::Error>(())
/// ```
pub struct WeightedLosses<'a, T: Float = f64> {
    losses: Vec<(f64, Box<dyn Loss<T> + 'a>)>,
}

impl<'a, T: Float> WeightedLosses<'a, T> {
    /// A sum without losses, which is refused when it is computed.
    pub fn new() -> Self {
        WeightedLosses { losses: Vec::new() }
    }

    /// Adds a loss with its weight.
    ///
    /// # Panics
    /// If the weight is NaN or infinite.
    #[must_use]
    #[track_caller]
    pub fn with(mut self, weight: f64, loss: impl Loss<T> + 'a) -> Self {
        assert!(weight.is_finite(), "{WHAT}: the weight {} of a loss is not a finite number", shown(weight));
        self.losses.push((weight, Box::new(loss)));
        self
    }

    fn first(&self) -> Result<&dyn Loss<T>, Error> {
        let first = self.losses.first().map(|(_, loss)| &**loss);
        first.ok_or_else(|| Error::invalid(WHAT, "there are no losses; add them by `with`"))
    }

    /// `Ok` if all losses give each sample the same weight.
    fn check_weights(&self, targets: &Targets<T>) -> Result<(), Error> {
        let first = self.first()?;
        for i in 0..targets.len() {
            let weight = first.weight(targets, i);
            if let Some((_, other)) = self.losses.iter().skip(1).find(|(_, loss)| loss.weight(targets, i) != weight) {
                let (weight, other) = (shown(weight), shown(other.weight(targets, i)));
                let repair = "put the sum into ClassWeights or Ignoring, not its terms";
                return Err(Error::invalid(
                    WHAT,
                    format!("the losses give sample {i} the weights {weight} and {other}; {repair}"),
                ));
            }
        }
        Ok(())
    }
}

const WHAT: &str = "weighted_losses";

impl<T: Float> Default for WeightedLosses<'_, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Float> fmt::Debug for WeightedLosses<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weights: Vec<_> = self.losses.iter().map(|(weight, _)| weight).collect();
        f.debug_struct("WeightedLosses").field("weights", &weights).finish_non_exhaustive()
    }
}

impl<T: Float> Loss<T> for WeightedLosses<'_, T> {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        let mut sum: Option<Var<'t, T>> = None;
        for (weight, loss) in &self.losses {
            let (each, n) = (loss.each(y, targets)?, targets.len());
            let shape = each.shape();
            if shape.first() != Some(&n) {
                let why =
                    format!("a loss of shape {shape} has not one row for each of {n} samples, and cannot be added");
                return Err(Error::invalid(WHAT, why));
            }
            let of_samples =
                if shape.len() == 1 { each } else { each.reshape([n, shape.numel() / n.max(1)]).mean_axis(1) };
            let term = of_samples * *weight;
            sum = Some(sum.map_or(term, |sum| sum + term));
        }
        self.check_weights(targets)?;
        Ok(sum.expect("at least one loss"))
    }

    fn weight(&self, targets: &Targets<T>, sample: usize) -> f64 {
        self.losses.first().map_or(1.0, |(_, loss)| loss.weight(targets, sample))
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        self.losses.iter().try_for_each(|(_, loss)| loss.check(outputs, targets))?;
        self.check_weights(targets)
    }

    fn threshold(&self) -> Option<f64> {
        self.losses.iter().find_map(|(_, loss)| loss.threshold())
    }
}
