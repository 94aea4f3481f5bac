//! Losses for real-valued targets.

use autograd::{Float, Shape, Tensor, Var};

use super::targets::{blocks, check_positive, reachable, row_axis, values};
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
        check_positive::<T>("huber", "delta", self.delta)
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

/// Quantile loss, or pinball loss: its minimum is a quantile of the targets (Koenker & Bassett 1978).
///
/// With `d = t − y` and the level τ: `τ·d` for d > 0, else `(τ − 1)·d`. `dy` is `−τ` below the target, `1 − τ` above it, 0
/// at it. The level ½ gives half the absolute error.
///
/// The outputs hold one block as wide as the targets for each level, in their order: `(…, levels·k)` for targets
/// `(…, k)`; the losses have the shape `(…, levels, k)`.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{Loss, Quantile, Targets};
/// let tape = Tape::new();
/// let y = tape.var([[1.0, 5.0]]);
/// let each = Quantile { levels: vec![0.1, 0.9] }.each(y, &Targets::Values(Tensor::from([[3.0]])))?;
/// assert!(each.value().is_close(&Tensor::from([[[0.2], [0.2]]]), 1e-15));
/// assert!(each.sum().backward()[y].is_close(&Tensor::from([[-0.1, 0.1]]), 1e-15));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Quantile {
    /// The levels τ, each above 0 and below 1; at least one.
    pub levels: Vec<f64>,
}

impl<T: Float> Loss<T> for Quantile {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        let t = self.fitting(&y.shape(), targets)?;
        let (axis, levels) = (row_axis("quantile", y)?, self.levels.len());
        let level = y.tape().constant_with([levels, 1], |i| T::from_f64(self.levels[i]));
        let shape = t.shape()[..axis].iter().copied().chain([levels, t.shape()[axis]]).collect::<Shape>();
        let short = y.tape().constant(t.clone()).unsqueeze(axis) - y.reshape(shape);
        Ok(short.relu() * level + (-short).relu() * (1.0 - level))
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        self.fitting(&outputs.shape, targets)?;
        match self.levels.len() {
            1 => reachable("quantile", outputs, targets),
            _ => Ok(()),
        }
    }
}

impl Quantile {
    fn fitting<'a, T: Float>(&self, y: &Shape, targets: &'a Targets<T>) -> Result<&'a Tensor<T>, Error> {
        if self.levels.is_empty() {
            return Err(Error::invalid("quantile", "there are no levels; 0.5 is that of the median"));
        }
        if let Some(&level) = self.levels.iter().find(|&&level| !(level > 0.0 && level < 1.0)) {
            let why = format!("level {} does not lie between 0 and 1", shown(level));
            return Err(Error::invalid("quantile", why));
        }
        let what = if self.levels.len() == 1 { "one output" } else { "an output of each level" };
        blocks("quantile", y, targets, self.levels.len(), what)
    }
}
