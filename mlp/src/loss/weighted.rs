//! Weights of samples in a mean, and the losses that have them: [`ClassWeights`] and [`Ignoring`].

use std::borrow::Cow;
use std::slice::from_mut;

use autograd::{Float, Scalar, Shape, Var};

use super::targets::labels;
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

/// The labels that a loss over classes needs.
fn classes<T: Float>(loss: &'static str, targets: &Targets<T>) -> Result<impl Iterator<Item = usize> + Clone, Error> {
    labels(targets).ok_or_else(|| Error::invalid(loss, "the targets are not classes, which it goes by"))
}

/// The losses of each sample, or of each place of it, times the weight of its label; 0 where the weight is, whatever the loss.
fn scaled_by_label<'t, T: Float>(
    name: &'static str,
    each: Var<'t, T>,
    targets: &Targets<T>,
    weight: impl Fn(usize) -> f64,
) -> Result<Var<'t, T>, Error> {
    match targets {
        Targets::Classes(classes) => Ok(scaled(each, |i| weight(classes[i]))),
        _ => {
            let (mut labels, shape) = (classes(name, targets)?, each.shape());
            let count = labels.clone().count();
            if count != shape.numel() {
                let why = format!("losses of shape {shape} for {count} labels; it takes a loss of one for each label");
                return Err(Error::invalid(name, why));
            }
            let weight = |_| T::from_f64(weight(labels.next().expect("a label for each loss")));
            Ok(each.tape().constant_with(shape, weight).chain(each))
        }
    }
}

/// The mean of the weights of a sample's places.
fn mean_weight(labels: &[usize], weight: impl Fn(usize) -> f64) -> f64 {
    labels.iter().map(|&label| weight(label)).sum::<f64>() / labels.len().max(1) as f64
}

/// A loss with a weight for each class.
///
/// With the weight `w_c` of the class of a sample, or of a place in it: `w_c·loss` for each of its losses. The mean is `Σ w_c·loss / Σ w_c`,
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
        self.weigh(self.loss.each(y, self.fitting(targets)?)?, targets)
    }

    fn smoothed<'t>(&self, y: Var<'t, T>, targets: &Targets<T>, share: f64) -> Result<Var<'t, T>, Error> {
        self.weigh(self.loss.smoothed(y, self.fitting(targets)?, share)?, targets)
    }

    fn weight(&self, targets: &Targets<T>, sample: usize) -> f64 {
        let of_class = |class: usize| self.weights.get(class).copied().unwrap_or(0.0);
        let weight = match targets {
            Targets::Classes(classes) => of_class(classes[sample]),
            Targets::Sequences(sequences) => mean_weight(&sequences[sample], of_class),
            Targets::Values(_) => 1.0,
        };
        weight * self.loss.weight(targets, sample)
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        self.fitting(targets)?;
        let width = match (targets, &outputs.shape[..]) {
            // One output for two classes.
            _ if self.loss.threshold().is_some() => Some(2),
            (Targets::Classes(_), &[_, width]) | (Targets::Sequences(_), &[_, .., width]) => Some(width.max(2)),
            _ => None,
        };
        if let Some(width) = width.filter(|&width| width != self.weights.len()) {
            let n = self.weights.len();
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
    fn weigh<'t, T: Float>(&self, each: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        scaled_by_label(WEIGHTS, each, targets, |class| self.weights[class])
    }

    /// The targets, if each label has a weight.
    fn fitting<'a, T: Float>(&self, targets: &'a Targets<T>) -> Result<&'a Targets<T>, Error> {
        check_weights(WEIGHTS, &self.weights)?;
        let n = self.weights.len();
        let found = classes(WEIGHTS, targets)?.enumerate().find(|&(_, class)| class >= n);
        let Some((at, class)) = found else { return Ok(targets) };
        let sample = match targets {
            Targets::Sequences(sequences) => {
                sequences.iter().position(|labels| labels.contains(&class)).expect("it was found in one")
            }
            _ => at,
        };
        Err(Error::invalid(WEIGHTS, format!("class {class} of sample {sample} has no weight; there are {n}")))
    }
}

/// A loss that takes no notice of the samples of one class, such as those without a known label, nor of the places that
/// have it in [`Targets::Sequences`], such as those behind the end of a sentence.
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
/// let words = y.reshape([1, 2, 2]); // the same as one sentence
/// assert_eq!(loss.mean(words, &Targets::Sequences(vec![vec![1, 255]]))?.value(), 2f64.ln());
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ignoring<L> {
    /// The loss of targets that are classes.
    pub loss: L,
    /// The class of the samples or places to ignore.
    pub class: usize,
}

impl<T: Float, L: Loss<T>> Loss<T> for Ignoring<L> {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        let known = self.stand_ins(targets)?;
        self.leave_out(self.loss.each(y, &known)?, targets, matches!(known, Cow::Owned(_)))
    }

    fn smoothed<'t>(&self, y: Var<'t, T>, targets: &Targets<T>, share: f64) -> Result<Var<'t, T>, Error> {
        let known = self.stand_ins(targets)?;
        self.leave_out(self.loss.smoothed(y, &known, share)?, targets, matches!(known, Cow::Owned(_)))
    }

    fn weight(&self, targets: &Targets<T>, sample: usize) -> f64 {
        match targets {
            Targets::Classes(classes) if classes[sample] == self.class => 0.0,
            Targets::Sequences(sequences) if sequences[sample].contains(&self.class) => {
                let all = &sequences[sample];
                let kept: Vec<usize> = all.iter().copied().filter(|&label| label != self.class).collect();
                let share = kept.len() as f64 / all.len() as f64;
                share * self.loss.weight(&Targets::Sequences(vec![kept]), 0)
            }
            _ => self.loss.weight(targets, sample),
        }
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        self.loss.check(outputs, &*self.stand_ins(targets)?)
    }

    fn threshold(&self) -> Option<f64> {
        self.loss.threshold()
    }
}

const IGNORING: &str = "ignoring";

impl<L> Ignoring<L> {
    /// The losses without those of the class to ignore, if there are stand-ins for it.
    fn leave_out<'t, T: Float>(
        &self,
        each: Var<'t, T>,
        targets: &Targets<T>,
        stand_ins: bool,
    ) -> Result<Var<'t, T>, Error> {
        match stand_ins {
            true => scaled_by_label(IGNORING, each, targets, |class| f64::from(class != self.class)),
            false => Ok(each),
        }
    }

    /// The targets with class 0, which every loss knows, for the samples or places to ignore.
    fn stand_ins<'a, T: Float>(&self, targets: &'a Targets<T>) -> Result<Cow<'a, Targets<T>>, Error> {
        if classes(IGNORING, targets)?.all(|class| class != self.class) {
            return Ok(Cow::Borrowed(targets));
        }
        let mut known = targets.clone();
        let sequences = match &mut known {
            Targets::Classes(classes) => from_mut(classes),
            Targets::Sequences(sequences) => &mut sequences[..],
            Targets::Values(_) => &mut [],
        };
        sequences.iter_mut().flatten().filter(|class| **class == self.class).for_each(|class| *class = 0);
        Ok(Cow::Owned(known))
    }
}
