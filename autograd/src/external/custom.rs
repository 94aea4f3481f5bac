//! [`Custom`]: user-defined operations, and overridden derivatives.

use std::sync::Arc;

use super::External;
use crate::error::Error;
use crate::number::Float;
use crate::tape::{Tape, Var, same_tape};
use crate::tensor::Tensor;

/// A user-defined operation with its own value and derivative: a solver, a lookup, a call into another language.
///
/// The value is computed on plain tensors. The derivative is a formula over recorded arrays, so that it can be
/// differentiated again. Parts of it that are computed on plain tensors (with [`Var::value`]) count as constants at
/// second order, and have no forward mode unless [`jvp`](Custom::jvp) provides it. [`check`](crate::check()) tests
/// the rule in one line.
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
    /// The name in messages and pictures; by default that of the type.
    fn name(&self) -> &str {
        let path = std::any::type_name::<Self>();
        let path = path.split('<').next().unwrap_or(path);
        path.rsplit("::").next().unwrap_or(path)
    }

    /// The value of the operation.
    fn forward(&self, x: &[Tensor<T>]) -> Tensor<T>;

    /// The gradients of the inputs, given the gradient `dy` of the output `y`.
    ///
    /// There is one for each input, of the input's shape and recorded on the tape of `dy`. A sweep panics on any
    /// other, at the line that asked for the derivative.
    fn vjp<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Var<'t, T>>;

    /// The tangent of the output from the tangents `dx` of the inputs; `None` means the transpose of
    /// [`vjp`](Custom::vjp).
    ///
    /// The tangent of an input that does not move is 0. A `vjp` that computes on plain values cannot be transposed,
    /// nor can one that is not linear in `dy`: forward mode then refuses the operation by name.
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
        let Some(dy) = self.0.jvp(x, y, &own) else { return self.by_transpose(x, y, dx) };
        let (name, shape, other) = (self.0.name(), y.shape(), dy.shape());
        if shape != other {
            return Err(Error::Rule(format!(
                "{name}: the forward rule returned shape {other} for a value of shape {shape}"
            )));
        }
        Ok(dy)
    }
}

/// The identity with an overridden derivative.
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
    /// Applies a user-defined operation: see [`Custom`].
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
            values.push(x.value()); // a loop, so that a panic points at the caller
        }
        let y = op.forward(&values);
        Var::external(Arc::new(Own(op)), x, &y)
    }

    /// The same value, with its gradient passed through `f` in the backward pass.
    ///
    /// Use it to reverse, scale or clip gradients inside the graph. The sweep refuses a gradient of another shape, or
    /// one that is recorded on another tape than the argument of `f`.
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
