//! Weights of samples in a mean, and the losses that have them: [`ClassWeights`] and [`Ignoring`].

use std::borrow::Cow;

use autograd::{Float, Scalar, Shape, Var};

use super::{Loss, Outputs};
use crate::error::shown;
use crate::{Dataset, Error, Targets};

/// The sum of individual losses over the sum of their weights, which they already contain; 0 if all weights are 0.
///
/// The first axis of `each` is that of the samples, with one weight for each.
pub(super) fn average<'t, T: Float>(each: Var<'t, T>, weights: impl Iterator<Item = f64> + Clone) -> Scalar<'t, T> {
    if weights.clone().all(|weight| weight == 1.0) {
        return each.mean();
    }
    match weights.clone().sum::<f64>() * each.shape().numel() as f64 / weights.count() as f64 {
        0.0 => each.sum(),
        sum => each.sum() / sum,
    }
}

/// The losses of each sample times its weight; 0 where the weight is, whatever the loss.
pub(super) fn scaled<'t, T: Float>(each: Var<'t, T>, weight: impl Fn(usize) -> f64) -> Var<'t, T> {
    let shape = each.shape();
    let column: Shape = shape.iter().enumerate().map(|(axis, &len)| if axis == 0 { len } else { 1 }).collect();
    each.tape().constant_with(column, |i| T::from_f64(weight(i))).chain(each)
}

/// `Ok` if each weight is finite and not negative.
pub(super) fn check_weights(loss: &'static str, weights: &[f64]) -> Result<(), Error> {
    match weights.iter().enumerate().find(|(_, weight)| !(**weight >= 0.0 && weight.is_finite())) {
        Some((i, &weight)) => {
            Err(Error::invalid(loss, format!("weight {i} is {}, not a finite number, 0 or above", shown(weight))))
        }
        None => Ok(()),
    }
}

/// The mean loss of outputs for a data set, with the weights of its samples.
pub(crate) fn mean<'t, T: Float>(
    loss: &(impl Loss<T> + ?Sized),
    y: Var<'t, T>,
    data: &Dataset<T>,
) -> Result<Scalar<'t, T>, Error> {
    match data.weights() {
        Some(weights) => loss.weighted_mean(y, data.targets(), weights),
        None => loss.mean(y, data.targets()),
    }
}

/// The weight of a sample in [`mean`].
pub(crate) fn weight<T: Float>(loss: &dyn Loss<T>, data: &Dataset<T>, sample: usize) -> f64 {
    loss.weight(data.targets(), sample) * data.weights().map_or(1.0, |weights| weights[sample])
}

/// The classes that a loss over classes needs.
fn classes<'a, T: Float>(loss: &'static str, targets: &'a Targets<T>) -> Result<&'a [usize], Error> {
    match targets {
        Targets::Classes(classes) => Ok(classes),
        _ => Err(Error::invalid(loss, "the targets are not classes, which it goes by")),
    }
}

/// A loss with a weight for each class.
///
/// With the weight `w_c` of the class of a sample: `w_c·loss` for each of its losses. The mean is `Σ w_c·loss / Σ w_c`,
/// as in PyTorch, so equal weights change nothing; it is 0 if all weights of a batch are.
///
/// ```
/// use autograd::Tape;
/// use mlp::{ClassWeights, CrossEntropy, Loss, Targets};
/// let tape = Tape::new();
/// let y = tape.var([[0.0, 0.0], [3f64.ln(), 0.0]]);
/// let loss = ClassWeights { loss: CrossEntropy, weights: vec![3.0, 1.0] };
/// let mean = loss.mean(y, &Targets::Classes(vec![1, 0]))?;
/// assert!((mean.value() - (2f64.ln() + 3.0 * (4.0 / 3.0f64).ln()) / 4.0).abs() < 1e-12);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ClassWeights<L> {
    /// The loss of targets that are classes.
    pub loss: L,
    /// The weight of each class: finite and not negative.
    pub weights: Vec<f64>,
}

impl<T: Float, L: Loss<T>> Loss<T> for ClassWeights<L> {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        let classes = self.fitting(targets)?;
        Ok(scaled(self.loss.each(y, targets)?, |i| self.weights[classes[i]]))
    }

    fn weight(&self, targets: &Targets<T>, sample: usize) -> f64 {
        let weight = match targets {
            Targets::Classes(classes) => self.weights.get(classes[sample]).copied().unwrap_or(0.0),
            _ => 1.0,
        };
        weight * self.loss.weight(targets, sample)
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        self.fitting(targets)?;
        if let [_, width] = outputs.shape[..]
            && width.max(2) != self.weights.len()
        {
            let (n, width) = (self.weights.len(), width.max(2));
            return Err(Error::invalid(
                WEIGHTS,
                format!("{n} weights do not fit {width} classes; it takes one for each"),
            ));
        }
        self.loss.check(outputs, targets)
    }

    fn threshold(&self) -> Option<f64> {
        self.loss.threshold()
    }
}

const WEIGHTS: &str = "class_weights";

impl<L> ClassWeights<L> {
    fn fitting<'a, T: Float>(&self, targets: &'a Targets<T>) -> Result<&'a [usize], Error> {
        check_weights(WEIGHTS, &self.weights)?;
        let (classes, n) = (classes(WEIGHTS, targets)?, self.weights.len());
        match classes.iter().enumerate().find(|(_, class)| **class >= n) {
            Some((i, class)) => {
                Err(Error::invalid(WEIGHTS, format!("class {class} of sample {i} has no weight; there are {n}")))
            }
            None => Ok(classes),
        }
    }
}

/// A loss that takes no notice of the samples of one class, such as those without a known label.
///
/// Their losses and gradients are 0, whatever their outputs, and the mean is over the others, as in PyTorch; it is 0 if a
/// batch has no others (PyTorch's is NaN). The class need not exist in the outputs. An accuracy leaves them out as well. A
/// loss between samples, such as [`NtXent`](crate::NtXent), still sees them beside the others.
///
/// To combine it with [`ClassWeights`], wrap those in it.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{CrossEntropy, Ignoring, Loss, Targets};
/// let tape = Tape::new();
/// let y = tape.var([[0.0, 0.0], [5.0, 1.0]]);
/// let loss = Ignoring { loss: CrossEntropy, class: 255 };
/// assert_eq!(loss.mean(y, &Targets::Classes(vec![1, 255]))?.value(), 2f64.ln());
/// assert_eq!(loss.mean(y, &Targets::Classes(vec![255, 255]))?.value(), 0.0);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ignoring<L> {
    /// The loss of targets that are classes.
    pub loss: L,
    /// The class of the samples to ignore.
    pub class: usize,
}

impl<T: Float, L: Loss<T>> Loss<T> for Ignoring<L> {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        let classes = classes(IGNORING, targets)?;
        let each = self.loss.each(y, &self.stand_ins(targets, classes))?;
        Ok(match classes.contains(&self.class) {
            true => scaled(each, |i| f64::from(classes[i] != self.class)),
            false => each,
        })
    }

    fn weight(&self, targets: &Targets<T>, sample: usize) -> f64 {
        match targets {
            Targets::Classes(classes) if classes[sample] == self.class => 0.0,
            _ => self.loss.weight(targets, sample),
        }
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        let classes = classes(IGNORING, targets)?;
        self.loss.check(outputs, &self.stand_ins(targets, classes))
    }

    fn threshold(&self) -> Option<f64> {
        self.loss.threshold()
    }
}

const IGNORING: &str = "ignoring";

impl<L> Ignoring<L> {
    /// The targets with class 0, which every loss knows, for the samples to ignore.
    fn stand_ins<'a, T: Float>(&self, targets: &'a Targets<T>, classes: &[usize]) -> Cow<'a, Targets<T>> {
        match classes.contains(&self.class) {
            true => Cow::Owned(
                classes.iter().map(|&class| if class == self.class { 0 } else { class }).collect::<Vec<_>>().into(),
            ),
            false => Cow::Borrowed(targets),
        }
    }
}
