//! Nodes whose value is computed outside the operation table: a user's own operation, an overridden derivative, a
//! checkpointed segment.
//!
//! What they share is [`External`]: the derivative is a formula over recorded arrays. In the recorded reading it runs on
//! the tape itself; in a plain sweep it runs on a scratch tape, which is then thrown away.

mod checkpoint;
mod custom;

pub use checkpoint::{Step, checkpoint_chain, step};
pub use custom::Custom;

use crate::number::Float;
use crate::tape::{Spare, Var};
use crate::tensor::Tensor;

/// What the sweeps need of a node of this kind.
pub(crate) trait External<T: Float>: Send + Sync {
    fn name(&self) -> &str;

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

    /// The tangent of the output. A gradient rule is linear in `dy`, and the transpose of it is the tangent rule; one that is
    /// not (clipping) has no tangent rule, and is transposed at `dy = 0`.
    #[track_caller]
    fn jvp_plain(&self, x: &[Tensor<T>], y: &Tensor<T>, dx: &[Option<Tensor<T>>]) -> Tensor<T> {
        let tape = Spare::tape();
        let x: Vec<_> = x.iter().map(|x| tape.constant(x)).collect();
        let u = tape.var(Tensor::zeros(y.shape()));
        let gradients = self.vjp(&x, tape.constant(y), u);
        let along = gradients.into_iter().zip(dx).filter_map(|(g, dx)| Some((g * dx.as_ref()?).sum()));
        match along.reduce(|a, b| a + b) {
            Some(sum) => sum.backward()[u].clone(),
            None => Tensor::zeros(y.shape()),
        }
    }
}
