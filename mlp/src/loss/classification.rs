//! Losses between distributions and classes.

use autograd::{Float, Shape, Tensor, Var};

use super::targets::{binary, check_binary, check_logits, check_probabilities, check_rows, row_axis, values};
use super::{Loss, Outputs};
use crate::{Activation, Error, Targets};

/// Cross-entropy of classes or distributions `q` with `p = softmax(y)`, from logits and in nats: `−Σ q_i ln p_i` for each
/// row, `dy = p − q`.
///
/// Softmax and logarithm are one step, so logits of ±1e4 are safe: the last layer needs no activation.
/// `(n, classes) → (n,)`. Distributions have no number below 0, and a sum of 1 in each row; there are two classes at least.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{CrossEntropy, Loss, Targets};
/// let tape = Tape::new();
/// let y = tape.var([[0.0, 0.0], [1e4, 0.0]]);
/// let each = CrossEntropy.each(y, &Targets::Classes(vec![1, 0]))?;
/// assert_eq!(each.value(), Tensor::from([2f64.ln(), 0.0]));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrossEntropy;

impl<T: Float> Loss<T> for CrossEntropy {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        check_rows("cross_entropy", &y.shape(), targets)?;
        match targets {
            Targets::Classes(classes) => Ok(y.cross_entropy(classes)),
            Targets::Values(distributions) => {
                row_axis("cross_entropy", y)?;
                Ok(y.cross_entropy_soft(distributions))
            }
        }
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        check_rows("cross_entropy", &outputs.shape, targets)?;
        check_logits("cross_entropy", outputs, &[Activation::Softmax, Activation::Sigmoid])
    }
}

/// The unit of information.
///
/// ```
/// use mlp::Base;
/// assert_eq!(Base::default(), Base::Nats);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Base {
    /// Natural logarithm.
    #[default]
    Nats,
    /// Logarithm of base 2.
    Bits,
}

/// Cross-entropy of classes or distributions `q` with probabilities `p` (not logits): `−Σ q_i log p_i` for each row,
/// `dp_i = −q_i/p_i`; `(…, classes) → (…)`.
///
/// Probabilities below 1.2e−38 count as that, without gradient, so the loss is finite where `p` is 0 (at most 87.4 nats
/// for each unit of `q`). To train, prefer [`CrossEntropy`], which needs no such floor. Targets are as there.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{Base, CrossEntropyFromProbabilities, Loss, Targets};
/// let tape = Tape::new();
/// let p = tape.var([[0.9, 0.1]]);
/// let q = Targets::Values(Tensor::from([[0.6, 0.4]]));
/// let bits = CrossEntropyFromProbabilities { base: Base::Bits }.mean(p, &q)?;
/// assert!((bits.value() - 1.42).abs() < 5e-3);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CrossEntropyFromProbabilities {
    /// Nats or bits.
    pub base: Base,
}

const FROM_PROBABILITIES: &str = "cross_entropy_from_probabilities";

impl<T: Float> Loss<T> for CrossEntropyFromProbabilities {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        check_rows(FROM_PROBABILITIES, &y.shape(), targets)?;
        // The smallest normal f32, so that both types of number agree.
        let log = |p: Var<'t, T>| p.at_least(f64::from(f32::MIN_POSITIVE)).ln();
        let nats = match targets {
            Targets::Classes(classes) => -log(y.pick(1, classes)),
            Targets::Values(distributions) => {
                let axis = row_axis(FROM_PROBABILITIES, y)?;
                -(log(y) * distributions).sum_axis(axis)
            }
        };
        Ok(match self.base {
            Base::Nats => nats,
            Base::Bits => nats / std::f64::consts::LN_2,
        })
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        check_rows(FROM_PROBABILITIES, &outputs.shape, targets)?;
        let repair = "end the model with a softmax, or take CrossEntropy, which contains it";
        check_probabilities(FROM_PROBABILITIES, outputs, |p| p, repair)
    }
}

/// Cross-entropy of labels `t` in [0, 1] with `p = sigmoid(y)`, from logits and in nats: `−t ln p − (1 − t) ln(1 − p)` for
/// each output, `dy = p − t`.
///
/// Computed as `t·softplus(−y) + (1 − t)·softplus(y)`, which neither overflows nor cancels, and at ±∞ is 0 or ∞. Classes 0 and 1 serve as labels
/// where there is one output for each sample.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{BinaryCrossEntropyWithLogits, Loss, Targets};
/// let tape = Tape::new();
/// let y = tape.var([[1000.0], [0.0]]);
/// let each = BinaryCrossEntropyWithLogits.each(y, &Targets::Classes(vec![0, 1]))?;
/// assert_eq!(each.value(), Tensor::from([[1000.0], [2f64.ln()]]));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BinaryCrossEntropyWithLogits;

impl<T: Float> Loss<T> for BinaryCrossEntropyWithLogits {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        check_labels(&y.shape(), targets)?;
        let t = binary(y, targets, [0.0, 1.0]);
        // `chain` is 0 where the weight is, though the logit may be infinite: a sure and right one costs nothing.
        Ok(t.chain((-y).softplus()) + (1.0 - t).chain(y.softplus()))
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        check_labels(&outputs.shape, targets)?;
        check_logits("binary_cross_entropy", outputs, &[Activation::Sigmoid, Activation::Softmax])
    }

    /// Logits above 0 are probabilities above ½.
    fn threshold(&self) -> Option<f64> {
        Some(0.0)
    }
}

fn check_labels<T: Float>(y: &Shape, targets: &Targets<T>) -> Result<(), Error> {
    let inside = |t| t >= T::zero() && t <= T::one();
    check_binary("binary_cross_entropy", y, targets, inside, "lies outside [0, 1]")
}

/// The margin loss of support vector machines, for two classes: `max(0, 1 − t·y)` for each output, with targets t = ±1;
/// `dy = −t` where `t·y < 1`, 0 where it is more, half of it at the kink.
///
/// Classes 0 and 1 serve as −1 and 1 where there is one output for each sample. For more classes train one output for
/// each, against the rest.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{Hinge, Loss, Targets};
/// let tape = Tape::new();
/// let y = tape.var([[0.25], [-3.0]]);
/// let each = Hinge.each(y, &Targets::Values(Tensor::from([[1.0], [-1.0]])))?;
/// assert_eq!(each.value(), Tensor::from([[0.75], [0.0]]));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hinge;

impl<T: Float> Loss<T> for Hinge {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        check_signs(&y.shape(), targets)?;
        Ok((1.0 - y * binary(y, targets, [-1.0, 1.0])).at_least(0.0))
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        check_signs(&outputs.shape, targets)
    }

    fn threshold(&self) -> Option<f64> {
        Some(0.0)
    }
}

fn check_signs<T: Float>(y: &Shape, targets: &Targets<T>) -> Result<(), Error> {
    check_binary("hinge", y, targets, |t| t.to_f64().abs() == 1.0, "is neither −1 nor 1")
}

/// Kullback–Leibler divergence of distributions `t` from `y`, which are **logarithms** of probabilities, such as
/// [`Activation::LogSoftmax`](crate::Activation::LogSoftmax) gives: `Σ t_i (ln t_i − y_i)` for each row, in nats;
/// `dy = −t`; `(…, classes) → (…)`. Terms with t = 0 are 0. Targets have no number below 0, and a sum of 1 in each row.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{KlDivergence, Loss, Targets};
/// let tape = Tape::new();
/// let y = tape.var([[0.5f64.ln(), 0.5f64.ln()]]);
/// let same = KlDivergence.mean(y, &Targets::Values(Tensor::from([[0.5, 0.5]])))?;
/// let sure = KlDivergence.mean(y, &Targets::Values(Tensor::from([[1.0, 0.0]])))?;
/// assert_eq!((same.value(), sure.value()), (0.0, 2f64.ln()));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KlDivergence;

impl<T: Float> Loss<T> for KlDivergence {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        let axis = row_axis("kl_divergence", y)?;
        let t = distributions(&y.shape(), targets)?;
        let t_ln_t = |i: usize| match t.as_slice()[i] {
            t if t == T::zero() => t,
            t => t * t.ln(),
        };
        // `chain` is 0 where t is, though the logarithm of the probability may be −∞.
        let cross = y.tape().constant(t.clone()).chain(y);
        Ok((y.tape().constant_with(y.shape(), t_ln_t) - cross).sum_axis(axis))
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        distributions(&outputs.shape, targets)?;
        let repair = "it takes their logarithms; end the model with Activation::LogSoftmax";
        check_probabilities("kl_divergence", outputs, f64::exp, repair)
    }
}

fn distributions<'a, T: Float>(y: &Shape, targets: &'a Targets<T>) -> Result<&'a Tensor<T>, Error> {
    let t = values("kl_divergence", y, targets)?;
    check_rows("kl_divergence", y, targets)?;
    Ok(t)
}
