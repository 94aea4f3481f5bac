//! [`Custom`]: an operation of one's own, and derivatives overridden.

use std::sync::Arc;

use super::{External, transposed};
use crate::error::Error;
use crate::number::Float;
use crate::tape::{Tape, Var, same_tape};
use crate::tensor::Tensor;

/// An operation with a value and a derivative of its own: for a solver, a lookup, a call into another language.
///
/// The value is computed on plain tensors. The derivative is a formula over recorded arrays, so that it can be
/// differentiated again; what it computes on plain tensors instead (with [`Var::value`]) counts as constant at second order, and has
/// no forward mode unless [`jvp`](Custom::jvp) gives it one. [`check`](crate::check()) tests the rule in one line.
///
/// ```
/// use autograd::{check, Custom, Tensor, Var};
///
/// /// `y = ∛x`, by a library call.
/// struct CubeRoot;
///
/// impl Custom for CubeRoot {
///     fn forward(&self, x: &[Tensor]) -> Tensor {
///         x[0].map(f64::cbrt)
///     }
///     fn vjp<'t>(&self, _x: &[Var<'t>], y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
///         vec![dy / (3.0 * y.square())]
///     }
/// }
///
/// let report = check(|x| Var::custom(CubeRoot, &[x[0]]).sum(), &[Tensor::from([0.5, 8.0])]);
/// assert!(report.unwrap().passed());
/// ```
pub trait Custom<T: Float = f64>: Send + Sync + 'static {
    /// A name for messages and pictures; the type's unless overridden.
    fn name(&self) -> &str {
        let path = std::any::type_name::<Self>();
        let path = path.split('<').next().unwrap_or(path);
        path.rsplit("::").next().unwrap_or(path)
    }

    /// The value.
    fn forward(&self, x: &[Tensor<T>]) -> Tensor<T>;

    /// One gradient for each input, each of its input's shape and recorded on the tape of `dy`, the gradient of the output `y`. A
    /// sweep refuses others at the line that asked for it.
    fn vjp<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Var<'t, T>>;

    /// The tangent of the output from the tangents `dx` of the inputs, 0 for those that do not move; `None` to have
    /// [`vjp`](Custom::vjp) transposed.
    ///
    /// A `vjp` that computes on plain values cannot be transposed, nor can one that is not linear in `dy`: forward mode then
    /// refuses the operation by name.
    ///
    /// ```
    /// use autograd::{Custom, Tape, Tensor, Var};
    ///
    /// /// `y = 2x`, as if by a call into another language.
    /// struct Twice;
    ///
    /// impl Custom for Twice {
    ///     fn forward(&self, x: &[Tensor]) -> Tensor {
    ///         &x[0] * 2.0
    ///     }
    ///     fn vjp<'t>(&self, _x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
    ///         vec![dy.tape().constant(dy.value() * 2.0)]
    ///     }
    ///     fn jvp(&self, _x: &[Tensor], _y: &Tensor, dx: &[Tensor]) -> Option<Tensor> {
    ///         Some(&dx[0] * 2.0)
    ///     }
    /// }
    ///
    /// let tape = Tape::new();
    /// let x = tape.var([3.0]);
    /// let y = Var::custom(Twice, &[x]);
    /// assert_eq!(y.sum().backward()[x].item(), 2.0);
    /// assert_eq!(y.jvp(&[(x, &Tensor::from([1.0]))]).item(), 2.0);
    /// ```
    fn jvp(&self, _x: &[Tensor<T>], _y: &Tensor<T>, _dx: &[Tensor<T>]) -> Option<Tensor<T>> {
        None
    }
}

/// A [`Custom`] operation as a node.
struct Own<C>(C);

impl<T: Float, C: Custom<T>> External<T> for Own<C> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn value(&self, x: &[Tensor<T>]) -> Tensor<T> {
        self.0.forward(x)
    }

    fn vjp<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Result<Vec<Var<'t, T>>, String> {
        Ok(self.0.vjp(x, y, dy))
    }

    fn jvp_plain(&self, x: &[Tensor<T>], y: &Tensor<T>, dx: &[Option<Tensor<T>>]) -> Result<Tensor<T>, Error> {
        let whole = |(x, dx): (&Tensor<T>, &Option<Tensor<T>>)| dx.clone().unwrap_or_else(|| Tensor::zeros(x.shape()));
        let own: Vec<_> = x.iter().zip(dx).map(whole).collect();
        let Some(dy) = self.0.jvp(x, y, &own) else { return transposed(self, x, y, dx) };
        let (name, shape, other) = (self.0.name(), y.shape(), dy.shape());
        if shape != other {
            return Err(Error::Rule(format!(
                "{name}: the forward rule returned shape {other} for a value of shape {shape}"
            )));
        }
        Ok(dy)
    }
}

/// The identity with another derivative.
struct GradientMap<F>(F);

impl<T: Float, F> External<T> for GradientMap<F>
where
    F: for<'s> Fn(Var<'s, T>) -> Var<'s, T> + Send + Sync,
{
    fn name(&self) -> &str {
        "map_gradient"
    }

    fn value(&self, x: &[Tensor<T>]) -> Tensor<T> {
        x[0].clone()
    }

    fn vjp<'t>(&self, _x: &[Var<'t, T>], _y: Var<'t, T>, dy: Var<'t, T>) -> Result<Vec<Var<'t, T>>, String> {
        Ok(vec![(self.0)(dy)])
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Applies an operation of one's own: see [`Custom`].
    ///
    /// # Panics
    /// If there are no inputs, or they are recorded on different tapes.
    #[must_use]
    #[track_caller]
    pub fn custom(op: impl Custom<T>, x: &[Var<'t, T>]) -> Self {
        let Some(first) = x.first() else { panic!("{}: no inputs given; at least one is needed", op.name()) };
        let mut values = Vec::with_capacity(x.len());
        for x in x {
            same_tape(op.name(), first.tape(), x.tape());
            values.push(x.value()); // a loop, so that a refusal points at the caller
        }
        let y = op.forward(&values);
        Var::external(Arc::new(Own(op)), x, &y)
    }

    /// This value, with its gradient sent through `f` on the way back: reversal, scaling, clipping in the graph.
    ///
    /// The sweep refuses a gradient of another shape, or recorded elsewhere than the one that `f` is given.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([1.0, 2.0]);
    /// let reversed = x.map_gradient(|dy| -dy);
    /// assert_eq!(reversed.square().sum().backward()[x].to_vec(), [-2.0, -4.0]);
    /// let clipped = x.map_gradient(|dy| dy.clamp(-3.0, 3.0));
    /// assert_eq!(clipped.square().sum().backward()[x].to_vec(), [2.0, 3.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn map_gradient<F>(self, f: F) -> Self
    where
        F: for<'s> Fn(Var<'s, T>) -> Var<'s, T> + Send + Sync + 'static,
    {
        let value = self.value();
        Var::external(Arc::new(GradientMap(f)), &[self], &value)
    }

    #[track_caller]
    pub(super) fn external(op: Arc<dyn External<T>>, x: &[Var<'t, T>], y: &Tensor<T>) -> Self {
        let tape: &'t Tape<T> = x[0].tape();
        let inputs: Vec<u32> = x.iter().map(|x| x.index()).collect();
        tape.note();
        let array = tape.arena_mut().external(op, &inputs, y, &tape.pool);
        tape.recorded_array(array);
        Var::new(tape, array)
    }
}
