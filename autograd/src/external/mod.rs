//! Nodes whose value is computed outside the operation table: user-defined operations, overridden derivatives and
//! checkpointed segments.
//!
//! They share [`External`]: the derivative is a formula over recorded arrays. When derivatives are recorded, the
//! formula runs on the tape itself. In a plain sweep it runs on a scratch tape, which is then thrown away.
//!
//! The formula is the user's, and may return anything: [`checked`] checks it for every sweep. A refusal is returned
//! to the sweep as text, and the sweep panics at the line that asked for the derivative; a panic behind a trait
//! object would lose that line.

mod checkpoint;
mod custom;
mod scan;

pub use checkpoint::{Step, checkpoint, checkpoint_chain, step};
pub use custom::Custom;
pub use scan::scan;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::error::Error;
use crate::number::Float;
use crate::tape::{Spare, Var};
use crate::tensor::Tensor;

/// Methods of an external node that the sweeps need.
pub(crate) trait External<T: Float>: Send + Sync {
    fn name(&self) -> &str;

    /// Computes the value again.
    fn value(&self, x: &[Tensor<T>]) -> Tensor<T>;

    /// The gradients as the user's rule returned them: one for each input, on the tape of `dy`. [`checked`] checks
    /// them.
    fn vjp<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Result<Vec<Var<'t, T>>, String>;

    /// The same, checked.
    fn gradients<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Result<Vec<Var<'t, T>>, String> {
        checked(self.name(), self.vjp(x, y, dy)?, x, dy)
    }

    /// The same as plain values.
    fn vjp_plain(&self, x: &[Tensor<T>], y: &Tensor<T>, dy: &Tensor<T>) -> Result<Vec<Tensor<T>>, String> {
        let tape = Spare::tape();
        let x: Vec<_> = x.iter().map(|x| tape.constant(x)).collect();
        let dy = tape.constant(dy);
        Ok(self.gradients(&x, tape.constant(y), dy)?.into_iter().map(Var::value).collect())
    }

    /// The tangent of the output, by the transpose of the gradient rule.
    ///
    /// # Errors
    /// If no transpose can be found: see [`transposed`].
    fn jvp_plain(&self, x: &[Tensor<T>], y: &Tensor<T>, dx: &[Option<Tensor<T>>]) -> Result<Tensor<T>, Error> {
        self.by_transpose(x, y, dx)
    }

    /// See [`transposed`].
    fn by_transpose(&self, x: &[Tensor<T>], y: &Tensor<T>, dx: &[Option<Tensor<T>>]) -> Result<Tensor<T>, Error> {
        let plain = |dy: &Tensor<T>| self.vjp_plain(x, y, dy);
        transposed(self.name(), &|x, y, dy| self.gradients(x, y, dy), &plain, (x, y), dx)
    }
}

/// [`External::gradients`] without its operation's type, so that what calls it is compiled once.
type Rule<'a, T> = dyn for<'t> Fn(&[Var<'t, T>], Var<'t, T>, Var<'t, T>) -> Result<Vec<Var<'t, T>>, String> + 'a;

/// [`External::vjp_plain`] at given inputs, in the same way.
type PlainRule<'a, T> = dyn Fn(&Tensor<T>) -> Result<Vec<Tensor<T>>, String> + 'a;

/// The tangent of an output from its gradient rule, which is linear in `dy`: its transpose is the tangent rule.
///
/// A rule may compute on plain values, and then its transpose is not on the tape. A rule that is not linear (a
/// gradient clipped by its norm) has no transpose. So the transpose must pass a test: ⟨w, J·dx⟩ = ⟨Jᵀ·w, dx⟩ for a
/// random `w`. This `w` is small, because a rule that clips large gradients is linear there.
fn transposed<T: Float>(
    name: &str,
    gradients: &Rule<'_, T>,
    vjp_plain: &PlainRule<'_, T>,
    (x, y): (&[Tensor<T>], &Tensor<T>),
    dx: &[Option<Tensor<T>>],
) -> Result<Tensor<T>, Error> {
    let tape = Spare::tape();
    let recorded: Vec<_> = x.iter().map(|x| tape.constant(x)).collect();
    let u = tape.var(Tensor::zeros(y.shape()));
    let found = gradients(&recorded, tape.constant(y), u).map_err(Error::Rule)?;
    let along = found.into_iter().zip(dx).filter_map(|(g, dx)| Some((g * dx.as_ref()?).sum()));
    let Some(sum) = along.reduce(|a, b| a + b) else { return Ok(Tensor::zeros(y.shape())) };
    let dy = sum.backward()[u].clone();
    let mut rng = StdRng::seed_from_u64(0);
    let w = y.map(|_| T::from_f64(rng.random_range(0.5..1.5) * 2f64.powi(-20) * if rng.random() { 1.0 } else { -1.0 }));
    let terms = |a: &Tensor<T>, b: &Tensor<T>| -> Vec<f64> {
        a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| a.to_f64() * b.to_f64()).collect()
    };
    let forward = terms(&w, &dy);
    let plain = vjp_plain(&w).map_err(Error::Rule)?;
    let back: Vec<f64> = plain.iter().zip(dx).filter_map(|(g, dx)| Some(terms(g, dx.as_ref()?))).flatten().collect();
    let size: f64 = forward.iter().chain(&back).map(|term| term.abs()).sum();
    let off = (forward.iter().sum::<f64>() - back.iter().sum::<f64>()).abs();
    // A derivative may itself be infinite; then there is nothing to compare.
    let lost = !size.is_finite() && back.iter().all(|term| term.is_finite());
    if lost || off > T::EPSILON.sqrt() * size {
        return Err(Error::NoForwardRule { op: name.into() });
    }
    Ok(dy)
}

/// The tangent of an output as a recorded value: the transpose of the gradient rule where the rule is recorded too, or
/// else the plain tangent as a constant.
///
/// # Errors
/// If the operation has no forward rule.
#[track_caller]
pub(crate) fn tangent<'t, T: Float>(
    op: &dyn External<T>,
    x: &[Var<'t, T>],
    y: Var<'t, T>,
    dx: &[Option<Var<'t, T>>],
) -> Result<Var<'t, T>, Error> {
    let values: Vec<_> = x.iter().map(|x| x.value()).collect();
    let directions: Vec<_> = dx.iter().map(|dx| dx.map(Var::value)).collect();
    let plain = op.jvp_plain(&values, &y.value(), &directions)?;
    let u = y.tape().var(Tensor::zeros(y.shape()));
    let found = op.gradients(x, y, u).map_err(Error::Rule)?;
    let along = found.into_iter().zip(dx).filter_map(|(g, dx)| Some((g * (*dx)?).sum()));
    let recorded = along.reduce(|a, b| a + b).map(|sum| sum.grad(u));
    // A rule that computes on plain values has no transpose on the tape.
    Ok(match recorded {
        Some(dy) if dy.value().is_close(&plain, T::EPSILON.sqrt()) => dy,
        _ => y.tape().constant(plain),
    })
}

/// The gradients that a rule returned, if there is one for each input, of its shape, on the tape of `dy`; or else the error
/// text.
fn checked<'t, T: Float>(
    name: &str,
    found: Vec<Var<'t, T>>,
    x: &[Var<'t, T>],
    dy: Var<'t, T>,
) -> Result<Vec<Var<'t, T>>, String> {
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
