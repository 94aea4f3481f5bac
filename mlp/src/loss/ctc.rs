//! Connectionist temporal classification: labels in order, without their times.

use autograd::{Float, Shape, Var};

use super::targets::{check_probabilities, part};
use super::{Loss, Outputs};
use crate::{Error, Targets};

/// Connectionist temporal classification (Graves et al. 2006), from **logarithms** of probabilities.
///
/// `−ln P(labels)` for each sample, in nats. P is the sum over all alignments: a class for each time, from which the labels
/// remain after runs of one class become one and the blanks are left out. With the probabilities `p`, the gradient behind
/// a softmax is `p` less the share of each class in the alignments.
///
/// The outputs are log-probabilities of shape (n, time, classes), as from [`Activation::LogSoftmax`](crate::Activation);
/// the losses have the shape (n,). The targets are [`Targets::Sequences`]: for each sample its labels, of any number; every
/// output holds all times. No label is the blank.
///
/// A sequence needs a time for each label, and one more between two equal labels: one that does not fit is an error, where
/// PyTorch gives ∞. The mean is that of the samples; PyTorch's first divides each by its number of labels.
///
/// Where the probabilities leave no alignment, the loss is ∞ and its gradient 0: no step is right, and those of other samples
/// are not disturbed. (PyTorch's gradient is NaN, or with `zero_infinity` 0, and so is then its loss.)
///
/// The recursion over the times is in logarithms, so long sequences do not underflow.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{Ctc, Loss, Targets};
/// let tape = Tape::new();
/// let y = tape.var(Tensor::full([1, 2, 2], 0.5f64.ln()));
/// // Three of the four alignments of two times are the label 1: 1 1, blank 1 and 1 blank.
/// let loss = Ctc::default().mean(y, &Targets::Sequences(vec![vec![1]]))?;
/// assert!((loss.value() + 0.75f64.ln()).abs() < 1e-12);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ctc {
    /// The class that stands for no label.
    pub blank: usize,
}

impl<T: Float> Loss<T> for Ctc {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        let labels = self.fitting(&y.shape(), targets)?;
        let [n, times, classes] = y.shape()[..] else { unreachable!("(samples, time, classes)") };
        // A state for each label, and for the blank before, between and after them. Shorter sequences have states behind
        // their last one, from which no way leads back.
        let states = 2 * labels.iter().map(Vec::len).max().unwrap_or(0) + 1;
        let class = |i: usize, state: usize| match labels[i].get(state / 2) {
            Some(&label) if state % 2 == 1 => label,
            _ => self.blank,
        };
        let places: Vec<usize> =
            (0..n * states).map(|i| i / states * classes + class(i / states, i % states)).collect();
        let emitted = y.transpose(0, 1).reshape([times, n * classes]).take(1, &places).reshape([times, n, states]);
        // The logarithm of a mask.
        let only = |is: &dyn Fn(usize, usize) -> bool| {
            let log = |at| if is(at / states, at % states) { T::zero() } else { T::from_f64(f64::NEG_INFINITY) };
            y.tape().constant_with([n, states], log)
        };
        let one_before = only(&|_, state| state >= 1);
        let two_before = only(&|i, state| state >= 3 && state % 2 == 1 && class(i, state) != class(i, state - 2));
        let mut ways = part(emitted, 0, 0) + only(&|_, state| state <= 1);
        for time in 1..times {
            let moved = (ways.shift(1, 1) + one_before).logaddexp(ways.shift(2, 1) + two_before);
            ways = ways.logaddexp(moved) + part(emitted, 0, time);
        }
        let last = only(&|i, state| state == 2 * labels[i].len() || state + 1 == 2 * labels[i].len());
        let each = -(ways + last).logsumexp_axis(1);
        Ok(each.masked_fill(each.equal(f64::INFINITY), f64::INFINITY)) // the same value, of no slope
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        self.fitting(&outputs.shape, targets)?;
        let repair = "it takes their logarithms; end the model with Activation::LogSoftmax";
        check_probabilities("ctc", outputs, f64::exp, repair)
    }
}

impl Ctc {
    fn fitting<'a, T: Float>(&self, y: &Shape, targets: &'a Targets<T>) -> Result<&'a [Vec<usize>], Error> {
        let invalid = |why: String| Err(Error::invalid("ctc", why));
        let Targets::Sequences(sequences) = targets else {
            return invalid("the targets are not sequences of labels; put them into Targets::Sequences".to_string());
        };
        let [n, times, classes] = y[..] else {
            return invalid(format!("outputs of shape {y} are not (samples, time, classes); reshape them"));
        };
        if sequences.len() != n {
            return invalid(format!("{} sequences for the {n} samples of outputs of shape {y}", sequences.len()));
        }
        if self.blank >= classes || times == 0 {
            let blank = self.blank;
            return invalid(format!("outputs of shape {y} have no time, or no class {blank}, which is the blank"));
        }
        for (i, labels) in sequences.iter().enumerate() {
            if let Some(label) = labels.iter().find(|&&label| label >= classes) {
                let last = classes - 1;
                return invalid(format!(
                    "label {label} of sample {i} does not exist; outputs of shape {y} have 0 to {last}"
                ));
            }
            if labels.contains(&self.blank) {
                let blank = self.blank;
                return invalid(format!(
                    "a label of sample {i} is {blank}, the blank; count the labels from another, or set `blank`"
                ));
            }
            let needed = labels.len() + labels.windows(2).filter(|pair| pair[0] == pair[1]).count();
            if needed > times {
                let law = "a label takes one, and two equal ones in a row a blank between them";
                return invalid(format!("the labels of sample {i} take {needed} times, but there are {times}: {law}"));
            }
        }
        Ok(sequences)
    }
}
