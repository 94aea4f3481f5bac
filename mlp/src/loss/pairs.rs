//! Losses for embeddings: rows that belong together shall lie near each other. A model maps each part of a pair or a
//! triplet by itself; `Linear` and the activations do so for inputs of shape (n, parts, features).

use autograd::{Float, Shape, Var};

use super::targets::{check_positive, part};
use super::{Loss, Outputs};
use crate::error::shown;
use crate::{Error, Targets};

/// Triplet loss (Schroff et al. 2015): an anchor lies nearer to a positive than to a negative, by a margin.
///
/// `max(0, ‖a − p‖ − ‖a − n‖ + margin)` for each triplet; the gradient is 0 at the kink, and that of a distance of 0 is 0.
///
/// The outputs are the anchors, positives and negatives, of shape (n, 3, width); the losses have the shape (n,). What the
/// targets are does not matter: the places say it all. There is one for each triplet.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{Loss, Targets, Triplet};
/// let tape = Tape::new();
/// let y = tape.var([[[0.0, 0.0], [3.0, 4.0], [0.0, 2.0]], [[0.0, 0.0], [0.0, 1.0], [9.0, 0.0]]]);
/// let each = Triplet { margin: 1.0 }.each(y, &Targets::Classes(vec![0, 0]))?;
/// assert_eq!(each.value(), Tensor::from([4.0, 0.0]));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Triplet {
    /// How much farther away the negative shall be; above 0.
    pub margin: f64,
}

impl<T: Float> Loss<T> for Triplet {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        self.check_parts(&y.shape(), targets)?;
        let [anchor, positive, negative] = [0, 1, 2].map(|i| part(y, 1, i));
        let (near, far) = ((anchor - positive).norm_axis(1), (anchor - negative).norm_axis(1));
        Ok((near - far + self.margin).relu())
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        self.check_parts(&outputs.shape, targets)
    }
}

impl Triplet {
    fn check_parts<T: Float>(&self, y: &Shape, targets: &Targets<T>) -> Result<(), Error> {
        check_positive::<T>("triplet", "margin", self.margin)?;
        check_parts("triplet", y, targets, 3)
    }
}

/// Contrastive loss (Hadsell, Chopra & LeCun 2006): like pairs lie near each other, unlike ones at least a margin apart.
///
/// With the distance `D = ‖a − b‖`: `½D²` for a like pair, `½ max(0, margin − D)²` for an unlike one; at a distance of 0 the
/// gradient of an unlike pair is 0.
///
/// The outputs are pairs, of shape (n, 2, width); the losses have the shape (n,). The targets are classes: 1 for a like pair,
/// 0 for an unlike one. (The paper has it the other way round.)
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{Contrastive, Loss, Targets};
/// let tape = Tape::new();
/// let y = tape.var([[[0.0, 0.0], [3.0, 4.0]], [[0.0, 0.0], [0.6, 0.8]]]);
/// let each = Contrastive { margin: 2.0 }.each(y, &Targets::Classes(vec![1, 0]))?;
/// assert_eq!(each.value(), Tensor::from([12.5, 0.5]));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrastive {
    /// How far apart unlike pairs shall be; above 0.
    pub margin: f64,
}

impl<T: Float> Loss<T> for Contrastive {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        self.check_pairs(&y.shape(), targets)?;
        let like = likeness(y, targets);
        let distance = (part(y, 1, 0) - part(y, 1, 1)).norm_axis(1);
        let short = (self.margin - distance).relu();
        Ok((like.chain(distance.square()) + (1.0 - like).chain(short.square())) * 0.5)
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        self.check_pairs(&outputs.shape, targets)
    }
}

impl Contrastive {
    fn check_pairs<T: Float>(&self, y: &Shape, targets: &Targets<T>) -> Result<(), Error> {
        check_positive::<T>("contrastive", "margin", self.margin)?;
        check_pairs("contrastive", y, targets)
    }
}

/// Cosine embedding loss: like pairs point the same way, unlike ones do not.
///
/// With the cosine `c = a·b/(‖a‖·‖b‖)`: `1 − c` for a like pair, `max(0, c − margin)` for an unlike one; norms below 1e−8
/// count as 1e−8.
///
/// Outputs and targets are those of [`Contrastive`]: pairs of shape (n, 2, width), and the classes 1 (like) and 0 (unlike,
/// PyTorch's −1). The losses have the shape (n,).
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{CosineEmbedding, Loss, Targets};
/// let tape = Tape::new();
/// let y = tape.var([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [3.0, 4.0]]]);
/// let each = CosineEmbedding { margin: 0.1 }.each(y, &Targets::Classes(vec![1, 0]))?;
/// assert!(each.value().is_close(&Tensor::from([1.0, 0.5]), 1e-15));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CosineEmbedding {
    /// The cosine up to which an unlike pair costs nothing, from −1 to below 1; PyTorch has 0.
    pub margin: f64,
}

impl<T: Float> Loss<T> for CosineEmbedding {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        self.check_pairs(&y.shape(), targets)?;
        let like = likeness(y, targets);
        let cosine = part(y, 1, 0).cosine_similarity(part(y, 1, 1), 1);
        Ok(like.chain(1.0 - cosine) + (1.0 - like).chain((cosine - self.margin).relu()))
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        self.check_pairs(&outputs.shape, targets)
    }
}

impl CosineEmbedding {
    fn check_pairs<T: Float>(&self, y: &Shape, targets: &Targets<T>) -> Result<(), Error> {
        if !(-1.0..1.0).contains(&self.margin) {
            let why = format!("margin {} does not lie in [-1, 1); choose 0 to 0.5", shown(self.margin));
            return Err(Error::invalid("cosine_embedding", why));
        }
        check_pairs("cosine_embedding", y, targets)
    }
}

/// Normalised temperature-scaled cross-entropy (NT-Xent, Chen et al. 2020; InfoNCE, van den Oord et al. 2018): each view
/// finds the other view of its sample among all views of the batch.
///
/// With the cosines `c` of all `2n` views, `−ln(exp(c_ij/τ) / Σ_{k≠i} exp(c_ik/τ))` for view i and the other view j of the same
/// sample.
///
/// The outputs are two views of each sample, of shape (n, 2, width); the losses have the shape (n, 2). What the targets
/// are does not matter: there is one for each sample. Norms below 1e−12 count as 1e−12.
///
/// The other samples of a batch are the negatives, so the loss depends on the batch, and a batch of one sample has loss
/// 0. [`Trainer::parts`](crate::Trainer::parts) makes each part a batch of its own here.
///
/// ```
/// use autograd::Tape;
/// use mlp::{Loss, NtXent, Targets};
/// let tape = Tape::new();
/// // Both views of a sample agree, those of different samples are orthogonal.
/// let y = tape.var([[[1.0, 0.0], [2.0, 0.0]], [[0.0, 1.0], [0.0, 3.0]]]);
/// let loss = NtXent { temperature: 0.5 }.mean(y, &Targets::Classes(vec![0, 0]))?;
/// assert!((loss.value() - (1.0 + 2.0 * (-2f64).exp()).ln()).abs() < 1e-12);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NtXent {
    /// The temperature τ, above 0; 0.07 to 1.
    pub temperature: f64,
}

impl<T: Float> Loss<T> for NtXent {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        self.check_views(&y.shape(), targets)?;
        let [n, _, width] = y.shape()[..] else { unreachable!("views") };
        let unit = y / y.norm_keep(2).at_least(1e-12);
        let together = (part(unit, 1, 0) * part(unit, 1, 1)).sum_axis(1) / self.temperature;
        let all = unit.reshape([2 * n, width]);
        // A view is not among those in which it looks for the other.
        let not_itself = |i| if i / (2 * n) == i % (2 * n) { T::from_f64(f64::NEG_INFINITY) } else { T::zero() };
        let scores = all.matmul(all.t()) / self.temperature + y.tape().constant_with([2 * n, 2 * n], not_itself);
        Ok(scores.logsumexp_axis(1).reshape([n, 2]) - together.unsqueeze(1))
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        self.check_views(&outputs.shape, targets)?;
        match outputs.shape[0] {
            1 => Err(Error::invalid("nt_xent", "one sample has no others to differ from; it takes at least 2")),
            _ => Ok(()),
        }
    }
}

impl NtXent {
    fn check_views<T: Float>(&self, y: &Shape, targets: &Targets<T>) -> Result<(), Error> {
        check_positive::<T>("nt_xent", "temperature", self.temperature)?;
        check_parts("nt_xent", y, targets, 2)
    }
}

/// `Ok` if outputs of shape `y` are (n, parts, width), with n targets.
fn check_parts<T: Float>(loss: &'static str, y: &Shape, targets: &Targets<T>, parts: usize) -> Result<(), Error> {
    match y[..] {
        [n, m, width] if m == parts && width > 0 && n == targets.len() => Ok(()),
        [_, m, width] if m == parts && width > 0 => {
            let n = targets.len();
            Err(Error::invalid(loss, format!("{n} targets do not fit outputs of shape {y}; it takes one for each row")))
        }
        _ => {
            let why = format!("outputs of shape {y} are not (samples, {parts}, width); reshape or stack them");
            Err(Error::invalid(loss, why))
        }
    }
}

/// `Ok` if outputs of shape `y` are pairs, each with class 0 or 1.
fn check_pairs<T: Float>(loss: &'static str, y: &Shape, targets: &Targets<T>) -> Result<(), Error> {
    check_parts(loss, y, targets, 2)?;
    let Targets::Classes(classes) = targets else {
        return Err(Error::invalid(
            loss,
            "the targets are not classes; it takes 1 for a like pair, 0 for an unlike one",
        ));
    };
    match classes.iter().position(|&class| class > 1) {
        Some(i) => Err(Error::invalid(loss, format!("class {} of sample {i} is neither 0 nor 1", classes[i]))),
        None => Ok(()),
    }
}

/// 1 for a like pair, 0 for an unlike one.
fn likeness<'t, T: Float>(y: Var<'t, T>, targets: &Targets<T>) -> Var<'t, T> {
    let is_like = |i: usize| matches!(targets, Targets::Classes(classes) if classes[i] == 1);
    y.tape().constant_with([targets.len()], |i| if is_like(i) { T::one() } else { T::zero() })
}
