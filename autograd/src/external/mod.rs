//! Nodes whose value is computed outside the operation table: a user's own operation, an overridden derivative, a
//! checkpointed segment.
//!
//! What they share is [`External`]: the derivative is a formula over recorded arrays. In the recorded reading it runs on
//! the tape itself; in a plain sweep it runs on a scratch tape, which is then thrown away.

mod checkpoint;
mod custom;

pub use checkpoint::{Step, checkpoint_chain, step};
pub use custom::Custom;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::error::Error;
use crate::number::Float;
use crate::tape::{Spare, Var};
use crate::tensor::Tensor;

/// What the sweeps need of a node of this kind.
pub(crate) trait External<T: Float>: Send + Sync {
    fn name(&self) -> &str;

    /// The value, computed again.
    #[track_caller]
    fn value(&self, x: &[Tensor<T>]) -> Tensor<T>;

    /// One gradient for each input, recorded on the tape of `dy`.
    #[track_caller]
    fn vjp<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Var<'t, T>>;

    /// The same as plain values.
    #[track_caller]
    fn vjp_plain(&self, x: &[Tensor<T>], y: &Tensor<T>, dy: &Tensor<T>) -> Vec<Tensor<T>> {
        let tape = Spare::tape();
        let x: Vec<_> = x.iter().map(|x| tape.constant(x)).collect();
        self.vjp(&x, tape.constant(y), tape.constant(dy)).into_iter().map(Var::value).collect()
    }

    /// The tangent of the output, by the transpose of the gradient rule.
    ///
    /// # Errors
    /// If the rule has no transpose that could be found: see [`transposed`].
    #[track_caller]
    fn jvp_plain(&self, x: &[Tensor<T>], y: &Tensor<T>, dx: &[Option<Tensor<T>>]) -> Result<Tensor<T>, Error> {
        transposed(self, x, y, dx)
    }
}

/// The tangent of an output by its gradient rule, which is linear in `dy`: transposed, it is the tangent rule.
///
/// A rule may compute on plain values, and then its transpose is not on the tape; and one that is not linear (a gradient clipped by its
/// norm) has none. So the transpose must pass a test: ⟨w, J·dx⟩ = ⟨Jᵀ·w, dx⟩ for a small random `w`. A rule that clips large gradients is
/// linear there.
#[track_caller]
fn transposed<T: Float>(
    op: &(impl External<T> + ?Sized),
    x: &[Tensor<T>],
    y: &Tensor<T>,
    dx: &[Option<Tensor<T>>],
) -> Result<Tensor<T>, Error> {
    let tape = Spare::tape();
    let recorded: Vec<_> = x.iter().map(|x| tape.constant(x)).collect();
    let u = tape.var(Tensor::zeros(y.shape()));
    let gradients = op.vjp(&recorded, tape.constant(y), u);
    let along = gradients.into_iter().zip(dx).filter_map(|(g, dx)| Some((g * dx.as_ref()?).sum()));
    let Some(sum) = along.reduce(|a, b| a + b) else { return Ok(Tensor::zeros(y.shape())) };
    let dy = sum.backward()[u].clone();
    let mut rng = StdRng::seed_from_u64(0);
    let w = y.map(|_| T::from_f64(rng.random_range(0.5..1.5) * 2f64.powi(-20) * if rng.random() { 1.0 } else { -1.0 }));
    let terms = |a: &Tensor<T>, b: &Tensor<T>| -> Vec<f64> {
        a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| a.to_f64() * b.to_f64()).collect()
    };
    let forward = terms(&w, &dy);
    let gradients = op.vjp_plain(x, y, &w);
    let back: Vec<f64> =
        gradients.iter().zip(dx).filter_map(|(g, dx)| Some(terms(g, dx.as_ref()?))).flatten().collect();
    let size: f64 = forward.iter().chain(&back).map(|term| term.abs()).sum();
    let off = (forward.iter().sum::<f64>() - back.iter().sum::<f64>()).abs();
    // A derivative may itself be infinite: then there is nothing to compare.
    let lost = !size.is_finite() && back.iter().all(|term| term.is_finite());
    if lost || off > T::EPSILON.sqrt() * size {
        return Err(Error::NoForwardRule { op: op.name().into() });
    }
    Ok(dy)
}
