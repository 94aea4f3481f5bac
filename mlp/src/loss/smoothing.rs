//! Cross-entropy that does not press a model to be sure: smoothed labels, and the focal losses.

use autograd::{Float, Shape, Var};

use super::targets::{binary, check_binary, check_logits};
use super::{BinaryCrossEntropyWithLogits, CrossEntropy, Loss, Outputs};
use crate::error::shown;
use crate::{Activation, Error, Targets};

/// A loss with smoothed labels (Szegedy et al. 2016): a share ε of each target goes to all classes alike.
///
/// The target distribution `q` becomes `(1 − ε)·q + ε/C` for C classes, so that a model gains nothing from logits without
/// bound: with [`CrossEntropy`] the loss is `(1 − ε)·CE(y, q) − ε/C·Σ_j ln p_j` for each row; `dy = p − (1 − ε)·q − ε/C`. Shapes
/// and targets are those of the loss: cross-entropy of any form, [`Focal`], [`KlDivergence`](crate::KlDivergence), and the
/// losses of two classes with one output, where a label `t` becomes `(1 − ε)·t + ε/2`.
///
/// [`ClassWeights`](crate::ClassWeights) may stand around it or within: the whole loss of a sample has the weight of its
/// class. PyTorch weights each term of the smoothed distribution by its own class instead.
///
/// ```
/// use autograd::Tape;
/// use mlp::{CrossEntropy, Loss, Smoothed, Targets};
/// let tape = Tape::new();
/// let p = [0.9f64, 0.1];
/// let y = tape.var([p.map(f64::ln)]);
/// let loss = Smoothed { loss: CrossEntropy, share: 0.2 }.mean(y, &Targets::Classes(vec![0]))?;
/// assert!((loss.value() - (-0.9 * p[0].ln() - 0.1 * p[1].ln())).abs() < 1e-12);
/// // The best prediction is the smoothed distribution itself.
/// assert!(loss.backward()[y].to_vec().iter().all(|dy| dy.abs() < 1e-12));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Smoothed<L> {
    /// The loss of classes or distributions.
    pub loss: L,
    /// The share ε of the uniform distribution, from 0 (none) to below 1; often 0.1.
    pub share: f64,
}

impl<T: Float, L: Loss<T>> Loss<T> for Smoothed<L> {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        self.check_share()?;
        // Not with a share of 0, times which an infinite logit would be NaN.
        if self.share == 0.0 { self.loss.each(y, targets) } else { self.loss.smoothed(y, targets, self.share) }
    }

    fn weight(&self, targets: &Targets<T>, sample: usize) -> f64 {
        self.loss.weight(targets, sample)
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        self.check_share()?;
        self.loss.check(outputs, targets)
    }

    fn threshold(&self) -> Option<f64> {
        self.loss.threshold()
    }
}

impl<L> Smoothed<L> {
    fn check_share(&self) -> Result<(), Error> {
        if (0.0..1.0).contains(&self.share) {
            return Ok(());
        }
        let why = format!("the share {} does not lie in [0, 1); choose 0.1, say", shown(self.share));
        Err(Error::invalid("smoothed", why))
    }
}

/// Focal loss for classes (Lin et al. 2017), from logits: [`CrossEntropy`] with less weight on what is easy.
///
/// With `p = softmax(y)` at the target's class: `−(1 − p)^γ ln p` for each row, in nats. γ = 0 gives cross-entropy. With
/// distributions as targets, `−ln p` is their cross-entropy. Shapes: `(n, classes) → (n,)`, and with a label for each place
/// `(n, …, classes) → (n, …)`. For the weights `α` of the paper wrap it in [`ClassWeights`](crate::ClassWeights).
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{Focal, Loss, Targets};
/// let tape = Tape::new();
/// let y = tape.var([[0.0, 0.0], [3f64.ln(), 0.0]]);
/// let each = Focal { gamma: 2.0 }.each(y, &Targets::Classes(vec![0, 0]))?;
/// let needed = [0.25 * 2f64.ln(), 0.0625 * (4.0 / 3.0f64).ln()];
/// assert!(each.value().is_close(&Tensor::from(needed), 1e-12));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Focal {
    /// The exponent γ, 0 or above; 2 in the paper.
    pub gamma: f64,
}

impl<T: Float> Loss<T> for Focal {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        check_gamma("focal", self.gamma)?;
        Ok(focused(CrossEntropy.each(y, targets)?, self.gamma))
    }

    fn smoothed<'t>(&self, y: Var<'t, T>, targets: &Targets<T>, share: f64) -> Result<Var<'t, T>, Error> {
        check_gamma("focal", self.gamma)?;
        Ok(focused(CrossEntropy.smoothed(y, targets, share)?, self.gamma))
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        check_gamma("focal", self.gamma)?;
        CrossEntropy.check(outputs, targets)
    }
}

/// Focal loss for labels 0 and 1 (Lin et al. 2017), from logits.
///
/// With `p = sigmoid(y)`: `−α(1 − p)^γ ln p` for each output with label 1, and `−(1 − α)p^γ ln(1 − p)` with label 0, in
/// nats. Without α both have factor 1. With one output per sample, the classes 0 and 1 serve as labels.
///
/// ```
/// use autograd::Tape;
/// use mlp::{BinaryFocal, Loss, Targets};
/// let tape = Tape::new();
/// let y = tape.var([[0.0]]);
/// let loss = BinaryFocal { gamma: 2.0, alpha: Some(0.25) }.mean(y, &Targets::Classes(vec![1]))?;
/// assert!((loss.value() - 0.25 * 0.25 * 2f64.ln()).abs() < 1e-12);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BinaryFocal {
    /// The exponent γ, 0 or above; 2 in the paper.
    pub gamma: f64,
    /// The factor α of label 1, between 0 and 1; ¼ in the paper.
    pub alpha: Option<f64>,
}

impl<T: Float> Loss<T> for BinaryFocal {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        self.check_labels(&y.shape(), targets)?;
        self.balanced(focused(BinaryCrossEntropyWithLogits.each(y, targets)?, self.gamma), targets)
    }

    /// α goes by the label before it is smoothed.
    fn smoothed<'t>(&self, y: Var<'t, T>, targets: &Targets<T>, share: f64) -> Result<Var<'t, T>, Error> {
        self.check_labels(&y.shape(), targets)?;
        self.balanced(focused(BinaryCrossEntropyWithLogits.smoothed(y, targets, share)?, self.gamma), targets)
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        self.check_labels(&outputs.shape, targets)?;
        check_logits("binary_focal", outputs, &[Activation::Sigmoid, Activation::Softmax])
    }

    /// Logits above 0 are probabilities above ½.
    fn threshold(&self) -> Option<f64> {
        Some(0.0)
    }
}

impl BinaryFocal {
    /// The losses of each output, times α or 1 − α.
    fn balanced<'t, T: Float>(&self, each: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        match self.alpha {
            Some(alpha) => Ok(each * (binary(each, targets, [0.0, 1.0])? * (2.0 * alpha - 1.0) + (1.0 - alpha))),
            None => Ok(each),
        }
    }

    fn check_labels<T: Float>(&self, y: &Shape, targets: &Targets<T>) -> Result<(), Error> {
        check_gamma("binary_focal", self.gamma)?;
        if let Some(alpha) = self.alpha.filter(|alpha| !(0.0..=1.0).contains(alpha)) {
            let why = format!("alpha {} does not lie in [0, 1]; choose 0.25, say", shown(alpha));
            return Err(Error::invalid("binary_focal", why));
        }
        let inside = |t| t == T::zero() || t == T::one();
        check_binary("binary_focal", y, targets, inside, "is neither 0 nor 1")
    }
}

/// `(1 − p)^γ·h` of a cross-entropy `h = −ln p`.
fn focused<T: Float>(h: Var<'_, T>, gamma: f64) -> Var<'_, T> {
    // Above 0, where powers below 1 have a slope that is finite; the smallest normal f32, so that both number types agree.
    let miss = (-(-h).exp_m1()).at_least(f64::from(f32::MIN_POSITIVE));
    miss.powf(gamma) * h
}

fn check_gamma(loss: &'static str, gamma: f64) -> Result<(), Error> {
    if gamma >= 0.0 && gamma.is_finite() {
        return Ok(());
    }
    Err(Error::invalid(loss, format!("gamma {} is not a finite number, 0 or above; choose 2, say", shown(gamma))))
}
