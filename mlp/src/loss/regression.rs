//! Losses for real-valued targets.

use autograd::{Float, Var};

use super::targets::{reachable, row_axis, values};
use super::{Loss, Outputs};
use crate::error::shown;
use crate::{Error, Targets};

/// Squared error: `(y − t)²` for each value, `dy = 2(y − t)`.
///
/// The mean over n values has `dy = 2/n·(y − t)`.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{Loss, Mse, Targets};
/// let tape = Tape::new();
/// let y = tape.var([[0.6], [0.4]]);
/// let targets = Targets::Values(Tensor::from([[1.0], [0.0]]));
/// assert!(Mse.each(y, &targets)?.value().is_close(&Tensor::from([[0.16], [0.16]]), 1e-12));
/// assert!((Mse.mean(y, &targets)?.value() - 0.16).abs() < 1e-12);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mse;

impl<T: Float> Loss<T> for Mse {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        Ok((y - values("mse", &y.shape(), targets)?).square())
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        reachable("mse", outputs, targets)
    }
}

/// Absolute error: `|y − t|` for each value, `dy = sign(y − t)`, 0 at 0.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{L1, Loss, Targets};
/// let tape = Tape::new();
/// let y = tape.var([1.0, -2.0]);
/// assert_eq!(L1.sum(y, &Targets::Values(Tensor::from([0.0, 0.0])))?.value(), 3.0);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct L1;

impl<T: Float> Loss<T> for L1 {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        Ok((y - values("l1", &y.shape(), targets)?).abs())
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        reachable("l1", outputs, targets)
    }
}

/// Huber loss: quadratic near 0, linear beyond δ (Huber 1964).
///
/// With `d = y − t`: `½d²` for |d| ≤ δ, else `δ(|d| − ½δ)`. `dy` is `d` clamped to [−δ, δ]. The second derivative is 1
/// for |d| ≤ δ, ends included, else 0.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{Huber, Loss, Targets};
/// let tape = Tape::new();
/// let y = tape.var([0.5, -3.0]);
/// let each = Huber { delta: 1.0 }.each(y, &Targets::Values(Tensor::from([0.0, 0.0])))?;
/// assert_eq!(each.value().to_vec(), [0.125, 2.5]);
/// assert_eq!(each.sum().backward()[y].to_vec(), [0.5, -1.0]);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Huber {
    /// The half-width δ of the quadratic part.
    pub delta: f64,
}

impl<T: Float> Loss<T> for Huber {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        self.check_delta::<T>()?;
        // With c = d clamped to [−δ, δ] both branches are c(d − ½c). The formula avoids |d|, which has no curvature at
        // 0: Newton's method needs the curvature of the parabola.
        let distance = y - values("huber", &y.shape(), targets)?;
        let near = distance.clamp(-self.delta, self.delta);
        Ok(near * (distance - near * 0.5))
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        self.check_delta::<T>()?;
        reachable("huber", outputs, targets)
    }
}

impl Huber {
    /// `Ok` if δ is above 0 and finite, also in the number type of the outputs.
    fn check_delta<T: Float>(&self) -> Result<(), Error> {
        let delta = T::from_f64(self.delta);
        if delta > T::zero() && delta.is_finite() {
            return Ok(());
        }
        let narrow =
            if self.delta > 0.0 && self.delta.is_finite() { format!(" in {}", T::NAME) } else { String::new() };
        let delta = shown(self.delta);
        Err(Error::invalid("huber", format!("delta {delta} is not a finite number above 0{narrow}")))
    }
}

/// Euclidean distance: `‖y − t‖` of each row, `dy = (y − t)/‖y − t‖`, 0 at 0; `(…, outputs) → (…)`.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{Euclidean, Loss, Targets};
/// let tape = Tape::new();
/// let y = tape.var([[3.0, 4.0]]);
/// let loss = Euclidean.mean(y, &Targets::Values(Tensor::zeros([1, 2])))?;
/// assert_eq!(loss.value(), 5.0);
/// assert_eq!(loss.backward()[y].to_vec(), [0.6, 0.8]);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Euclidean;

impl<T: Float> Loss<T> for Euclidean {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        let axis = row_axis("euclidean", y)?;
        Ok((y - values("euclidean", &y.shape(), targets)?).norm_axis(axis))
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        reachable("euclidean", outputs, targets)
    }
}
