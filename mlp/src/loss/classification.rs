//! Losses for classes and distributions.

use autograd::{Float, Shape, Tensor, Var};

use super::targets::{binary, check_binary, check_logits, check_probabilities, check_rows, labels, row_axis, values};
use super::{Loss, Outputs};
use crate::{Activation, Error, Targets};

/// Cross-entropy from logits, for classes or distributions.
///
/// With `p = softmax(y)` and the target distribution `q`: `−Σ q_i ln p_i` for each row, in nats; `dy = p − q`.
///
/// Softmax and logarithm are one operation, so logits of ±1e4 do not overflow. The last layer needs no activation.
/// Shapes: `(n, classes) → (n,)`. Distributions have no negative values, and each row sums to 1. There are at least two
/// classes.
///
/// Where samples have places, such as words or pixels, each of its own class, the shapes are `(n, …, classes) → (n, …)`, and
/// the targets [`Targets::Sequences`]: for each sample as many labels as it has places, row by row. In all losses of
/// classes, [`Ignoring`](crate::Ignoring) then leaves out places, and [`ClassWeights`](crate::ClassWeights) weighs them.
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
            Targets::Sequences(_) => Ok(by_place(y, targets, |rows, classes| rows.cross_entropy(classes))),
            Targets::Values(_) => {
                row_axis("cross_entropy", y)?;
                Ok(y.cross_entropy_soft(values("cross_entropy", &y.shape(), targets)?))
            }
        }
    }

    fn smoothed<'t>(&self, y: Var<'t, T>, targets: &Targets<T>, share: f64) -> Result<Var<'t, T>, Error> {
        let (sharp, axis) = (self.each(y, targets)?, row_axis("cross_entropy", y)?);
        Ok(sharp * (1.0 - share) - y.log_softmax(axis).mean_axis(axis) * share)
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        check_rows("cross_entropy", &outputs.shape, targets)?;
        check_logits("cross_entropy", outputs, &[Activation::Softmax, Activation::Sigmoid])
    }
}

/// A loss of rows and their classes, for outputs (n, …, classes) with a label for each place.
fn by_place<'t, T: Float>(
    y: Var<'t, T>,
    targets: &Targets<T>,
    loss: impl FnOnce(Var<'t, T>, &[usize]) -> Var<'t, T>,
) -> Var<'t, T> {
    let shape = y.shape();
    let (width, places) = shape.split_last().expect("an axis of classes");
    let mut all = Vec::with_capacity(places.iter().product());
    all.extend(labels(targets).into_iter().flatten());
    loss(y.reshape([all.len(), *width]), &all).reshape(places)
}

/// The unit of information: nats or bits.
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

/// Cross-entropy from probabilities (not logits), for classes or distributions.
///
/// With the target distribution `q`: `−Σ q_i log p_i` for each row; `dp_i = −q_i/p_i`. Shapes: `(…, classes) → (…)`.
///
/// Probabilities are clamped to at least 1.2e−38, with a gradient of 0 below, so the loss is finite where `p` is 0 (at
/// most 87.4 nats per unit of `q`). For training prefer [`CrossEntropy`], which needs no such bound. The requirements
/// for targets are the same.
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

impl CrossEntropyFromProbabilities {
    fn of_nats<'t, T: Float>(&self, nats: Var<'t, T>) -> Var<'t, T> {
        match self.base {
            Base::Nats => nats,
            Base::Bits => nats / std::f64::consts::LN_2,
        }
    }
}

/// The logarithm of a probability, of one above the smallest normal `f32`, so that both number types agree.
fn bounded_ln<T: Float>(p: Var<'_, T>) -> Var<'_, T> {
    p.at_least(f64::from(f32::MIN_POSITIVE)).ln()
}

impl<T: Float> Loss<T> for CrossEntropyFromProbabilities {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        check_rows(FROM_PROBABILITIES, &y.shape(), targets)?;
        Ok(self.of_nats(match targets {
            Targets::Classes(classes) => -bounded_ln(y.pick(1, classes)),
            Targets::Sequences(_) => by_place(y, targets, |rows, classes| -bounded_ln(rows.pick(1, classes))),
            Targets::Values(_) => {
                let axis = row_axis(FROM_PROBABILITIES, y)?;
                -(bounded_ln(y) * values(FROM_PROBABILITIES, &y.shape(), targets)?).sum_axis(axis)
            }
        }))
    }

    fn smoothed<'t>(&self, y: Var<'t, T>, targets: &Targets<T>, share: f64) -> Result<Var<'t, T>, Error> {
        let (sharp, axis) = (self.each(y, targets)?, row_axis(FROM_PROBABILITIES, y)?);
        Ok(sharp * (1.0 - share) - self.of_nats(bounded_ln(y).mean_axis(axis)) * share)
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        check_rows(FROM_PROBABILITIES, &outputs.shape, targets)?;
        let repair = "end the model with a softmax, or take CrossEntropy, which contains it";
        check_probabilities(FROM_PROBABILITIES, outputs, |p| p, repair)
    }
}

/// Binary cross-entropy from logits, for labels in [0, 1].
///
/// With `p = sigmoid(y)` and the label `t`: `−t ln p − (1 − t) ln(1 − p)` for each output, in nats; `dy = p − t`.
///
/// The formula `t·softplus(−y) + (1 − t)·softplus(y)` avoids overflow and cancellation; at ±∞ it gives 0 or ∞. With one
/// output per sample, the classes 0 and 1 serve as labels; with several, [`Targets::Sequences`] of them.
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
        Ok(of_labels(y, binary(y, targets, [0.0, 1.0])?))
    }

    /// The uniform distribution of two classes is the label ½.
    fn smoothed<'t>(&self, y: Var<'t, T>, targets: &Targets<T>, share: f64) -> Result<Var<'t, T>, Error> {
        check_labels(&y.shape(), targets)?;
        Ok(of_labels(y, binary(y, targets, [0.0, 1.0])? * (1.0 - share) + share / 2.0))
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

fn of_labels<'t, T: Float>(y: Var<'t, T>, t: Var<'t, T>) -> Var<'t, T> {
    // `chain` is 0 where the weight is 0, even if the logit is infinite: a certain and correct prediction has loss 0.
    t.chain((-y).softplus()) + (1.0 - t).chain(y.softplus())
}

fn check_labels<T: Float>(y: &Shape, targets: &Targets<T>) -> Result<(), Error> {
    let inside = |t| t >= T::zero() && t <= T::one();
    check_binary("binary_cross_entropy", y, targets, inside, "lies outside [0, 1]")
}

/// The hinge loss of support vector machines, for two classes.
///
/// `max(0, 1 − t·y)` for each output, with targets t = ±1; `dy` is `−t` for `t·y < 1`, 0 for `t·y > 1`, and `−t/2` at
/// the kink.
///
/// With one output per sample, the classes 0 and 1 stand for −1 and 1. For more classes train one output per class
/// against the rest.
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
        Ok((1.0 - y * binary(y, targets, [-1.0, 1.0])?).at_least(0.0))
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

/// Kullback–Leibler divergence of target distributions from **logarithms** of probabilities.
///
/// `Σ t_i (ln t_i − y_i)` for each row, in nats; `dy = −t`. Shapes: `(…, classes) → (…)`. The outputs `y` are
/// log-probabilities, as from [`Activation::LogSoftmax`]. Terms with t = 0 are 0. Targets have no negative values, and
/// each row sums to 1.
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
        divergence(y, targets, |t| t)
    }

    fn smoothed<'t>(&self, y: Var<'t, T>, targets: &Targets<T>, share: f64) -> Result<Var<'t, T>, Error> {
        let classes = y.shape().last().copied().unwrap_or(1) as f64;
        divergence(y, targets, |t| t * T::from_f64(1.0 - share) + T::from_f64(share / classes))
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        distributions(&outputs.shape, targets)?;
        let repair = "it takes their logarithms; end the model with Activation::LogSoftmax";
        check_probabilities("kl_divergence", outputs, f64::exp, repair)
    }
}

/// The divergence of what `turned` makes of the targets.
fn divergence<'t, T: Float>(y: Var<'t, T>, targets: &Targets<T>, turned: impl Fn(T) -> T) -> Result<Var<'t, T>, Error> {
    let axis = row_axis("kl_divergence", y)?;
    let t = distributions(&y.shape(), targets)?.as_slice();
    let t_ln_t = |t: T| if t == T::zero() { t } else { t * t.ln() };
    let of = |value: &dyn Fn(T) -> T| y.tape().constant_with(y.shape(), |i| value(turned(t[i])));
    // `chain` is 0 where t is 0, even if the log-probability is −∞.
    Ok((of(&t_ln_t) - of(&|t| t).chain(y)).sum_axis(axis))
}

fn distributions<'a, T: Float>(y: &Shape, targets: &'a Targets<T>) -> Result<&'a Tensor<T>, Error> {
    let t = values("kl_divergence", y, targets)?;
    check_rows("kl_divergence", y, targets)?;
    Ok(t)
}
