//! Nodes whose value is computed outside the operation table: a user's own operation, an overridden derivative, a
//! checkpointed segment.
//!
//! What they share is [`External`]: the derivative is a formula over recorded arrays. In the recorded reading it runs on
//! the tape itself; in a plain sweep it runs on a scratch tape, which is then thrown away.
//!
//! The formula is the user's, and may return anything: [`gradients`] checks it for every sweep. A refusal is handed to the sweep as text,
//! which panics at the line of who asked for the derivative; a call by name through a trait object would lose that line.

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

    /// One gradient for each input, recorded on the tape of `dy`, as the user's rule returned them; a sweep asks [`gradients`].
    fn vjp<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Result<Vec<Var<'t, T>>, String>;

    /// The same as plain values, checked.
    fn vjp_plain(&self, x: &[Tensor<T>], y: &Tensor<T>, dy: &Tensor<T>) -> Result<Vec<Tensor<T>>, String> {
        let tape = Spare::tape();
        let x: Vec<_> = x.iter().map(|x| tape.constant(x)).collect();
        Ok(gradients(self, &x, tape.constant(y), tape.constant(dy))?.into_iter().map(Var::value).collect())
    }

    /// The tangent of the output. A gradient rule is linear in `dy`, and the transpose of it is the tangent rule; one that is
    /// not (clipping) has no tangent rule, and is transposed at `dy = 0`.
    fn jvp_plain(&self, x: &[Tensor<T>], y: &Tensor<T>, dx: &[Option<Tensor<T>>]) -> Result<Tensor<T>, String> {
        let tape = Spare::tape();
        let x: Vec<_> = x.iter().map(|x| tape.constant(x)).collect();
        let u = tape.var(Tensor::zeros(y.shape()));
        let along = gradients(self, &x, tape.constant(y), u)?
            .into_iter()
            .zip(dx)
            .filter_map(|(g, dx)| Some((g * dx.as_ref()?).sum()));
        Ok(match along.reduce(|a, b| a + b) {
            Some(sum) => sum.backward()[u].clone(),
            None => Tensor::zeros(y.shape()),
        })
    }
}

/// The gradients that a rule returns, one for each input, of its shape and on the tape of `dy`, or what is wrong with them.
pub(crate) fn gradients<'t, T: Float, E: External<T> + ?Sized>(
    op: &E,
    x: &[Var<'t, T>],
    y: Var<'t, T>,
    dy: Var<'t, T>,
) -> Result<Vec<Var<'t, T>>, String> {
    let (name, found) = (op.name(), op.vjp(x, y, dy)?);
    let (given, needed) = (found.len(), x.len());
    if given != needed {
        return Err(format!("{name}: the derivative rule returned {given} gradients for {needed} inputs"));
    }
    for (k, (dx, x)) in found.iter().zip(x).enumerate() {
        let (shape, other) = (x.shape(), dx.shape());
        if !std::ptr::eq(dx.tape(), dy.tape()) {
            return Err(format!(
                "{name}: the derivative rule returned an array of another tape for input {k} of shape {shape}; \
                 compute it from dy, or pass values with value()"
            ));
        }
        if shape != other {
            return Err(format!(
                "{name}: the derivative rule returned shape {other} for input {k} of shape {shape}; sum over what was broadcast?"
            ));
        }
    }
    Ok(found)
}
