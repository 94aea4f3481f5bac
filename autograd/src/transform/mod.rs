//! Derivatives of closures: gradients, products with the Jacobian, Jacobians and Hessians.
//!
//! The crate root has the forms for a closure of one array. [`several`] has the same forms for closures of several
//! arrays, and [`Parameters`](crate::Parameters) has them as methods for losses of a model, by name. All are thin
//! layers over [`Linearization`], a function recorded at a point.

mod linearization;
mod parameters;
mod sparse;
mod sparsity;

pub use linearization::{Linearization, Mode};
pub use sparse::Sparse;
pub use sparsity::Sparsity;

use std::slice;

use linearization::{directions, returned_on, variables};

use crate::number::Float;
use crate::tape::{Scalar, Spare, Var};
use crate::tensor::Tensor;

/// Records `f` at `x`, for products with its Jacobian in either direction.
#[track_caller]
pub fn linearize<T: Float>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>, x: &Tensor<T>) -> Linearization<T> {
    several::linearize(|x| f(x[0]), slice::from_ref(x))
}

/// Computes the value of `f` at `x`, and the gradients of `⟨u, f⟩`.
///
/// ```
/// use autograd::{vjp, Tensor};
/// let (y, dx) = vjp(|x| x.square(), &Tensor::from([3.0, 4.0]), &Tensor::from([1.0, 10.0]));
/// assert_eq!((y, dx), (Tensor::from([9.0, 16.0]), Tensor::from([6.0, 80.0])));
/// ```
///
/// # Panics
/// If `u` has another shape than `f(x)`.
#[track_caller]
pub fn vjp<T: Float>(
    f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>,
    x: &Tensor<T>,
    u: &Tensor<T>,
) -> (Tensor<T>, Tensor<T>) {
    let f = Linearization::new("vjp", |x| f(x[0]), slice::from_ref(x));
    (f.value(), f.vjp(u).remove(0))
}

/// Computes the value of `f` at `x`, and its tangent when `x` moves along `v`, in forward mode.
///
/// ```
/// use autograd::{jvp, Tensor};
/// let (y, dy) = jvp(|x| x.square(), &Tensor::from([3.0, 4.0]), &Tensor::from([1.0, 0.0]));
/// assert_eq!((y, dy), (Tensor::from([9.0, 16.0]), Tensor::from([6.0, 0.0])));
/// ```
///
/// # Panics
/// If `v` has another shape than `x`.
#[track_caller]
pub fn jvp<T: Float>(
    f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>,
    x: &Tensor<T>,
    v: &Tensor<T>,
) -> (Tensor<T>, Tensor<T>) {
    let f = Linearization::new("jvp", |x| f(x[0]), slice::from_ref(x));
    (f.value(), f.jvp(slice::from_ref(v)))
}

/// Computes the Jacobian of `f` at `x`: a row for each value of `f(x)`, a column for each value of `x`.
///
/// The shapes decide between forward and reverse mode; [`Linearization::jacobian`] lets the caller choose.
///
/// ```
/// use autograd::{jacobian, Tensor};
/// // ∂pᵢ/∂zₖ = pᵢ(1 − pᵢ) for i = k, else −pᵢpₖ
/// let z = Tensor::from([1.1, 2.2, 0.2, -1.7]);
/// let (p, j) = (z.softmax(0), jacobian(|z| z.softmax(0), &z));
/// let formula = Tensor::from_fn([4, 4], |i| p.get([i[0]]) * (f64::from(u8::from(i[0] == i[1])) - p.get([i[1]])));
/// assert!(j.is_close(&formula, 1e-15));
/// ```
#[track_caller]
pub fn jacobian<T: Float>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>, x: &Tensor<T>) -> Tensor<T> {
    several::jacobian(|x| f(x[0]), slice::from_ref(x))
}

/// Computes the Jacobian of `f` at `x` as a sparse matrix, in a product for each colour of its columns or rows.
///
/// The places that may not be 0 are found on the recording ([`Linearization::sparsity`]). Columns without a common row are
/// computed in one product: a banded Jacobian takes as many directions as the band is wide, whatever its size.
///
/// ```
/// use autograd::{jacobian_sparse, Tensor};
/// // xᵢ·xᵢ₊₁: two values in each row
/// let x = Tensor::from_fn([1000], |i| i[0] as f64);
/// let j = jacobian_sparse(|x| x.slice(0, 0..999) * x.slice(0, 1..1000), &x);
/// assert_eq!((j.shape(), j.values().len(), j.sparsity().colours()), ((999, 1000), 1998, 2));
/// assert_eq!(j.row(7).collect::<Vec<_>>(), [(7, 8.0), (8, 7.0)]);
/// ```
///
/// # Panics
/// In forward mode, if a user-defined operation has no forward rule.
#[track_caller]
pub fn jacobian_sparse<T: Float>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>, x: &Tensor<T>) -> Sparse<T> {
    several::jacobian_sparse(|x| f(x[0]), slice::from_ref(x))
}

/// Computes the Jacobian of each row, for a function that maps each row of `x` by itself.
///
/// `x` has shape (rows, …) with `k` values a row, and the result `f(x)` has as many rows, with `m` values each; the
/// Jacobians have shape (rows, m, k). All rows are computed at once: in `m` reverse sweeps, or along `k` directions,
/// up to 16 of which share a forward sweep, whichever costs less. If a row of the result depends on another row of `x`, the result is
/// no Jacobian; [`jacobian`](jacobian()) serves any function.
///
/// ```
/// use autograd::{jacobian_each, Tensor};
/// // (a, b) ↦ (ab, a², a + b)
/// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
/// let j = jacobian_each(|x| {
///     let (a, b) = (x.slice(1, 0..1), x.slice(1, 1..2));
///     autograd::Var::concat(&[a * b, a.square(), a + b], 1)
/// }, &x);
/// assert_eq!(j, Tensor::from([[[2.0, 1.0], [2.0, 0.0], [1.0, 1.0]], [[4.0, 3.0], [6.0, 0.0], [1.0, 1.0]]]));
/// ```
///
/// # Panics
/// If `x` has no axis, or `f(x)` has not as many rows; in forward mode, if a user-defined operation has no forward rule.
#[track_caller]
pub fn jacobian_each<T: Float>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>, x: &Tensor<T>) -> Tensor<T> {
    Linearization::new("jacobian_each", |x| f(x[0]), slice::from_ref(x)).jacobian_each()
}

/// Forms of the scalar-valued transforms: for one array, and for several.
macro_rules! scalar_valued {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($f:ident, $x:ident $(, $v:ident)?) -> $one:ty, $many:ty = $body:expr, $first:expr;
    )*) => {
        $(
            $(#[$doc])*
            #[track_caller]
            pub fn $name<T: Float>(
                f: impl for<'t> Fn(Var<'t, T>) -> Scalar<'t, T>,
                x: &Tensor<T>
                $(, $v: &Tensor<T>)?
            ) -> $one {
                let first = $first;
                first(several::$name(|x| f(x[0]), slice::from_ref(x) $(, slice::from_ref($v))?))
            }
        )*

        pub mod several {
            //! The transforms for functions of several arrays, which the closure receives as a slice.
            //!
            //! ```
            //! use autograd::{several, Tensor};
            //! let (x, y) = (Tensor::from([1.0, 2.0]), Tensor::from([3.0, 4.0]));
            //! let grads = several::grad(|v| (v[0] * v[1]).sum(), &[x.clone(), y.clone()]);
            //! assert_eq!(grads, [y, x]);
            //! ```

            use super::*;

            /// Records `f` at `x`, for products with its Jacobian in either direction.
            #[track_caller]
            pub fn linearize<T: Float>(
                f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
                x: &[Tensor<T>],
            ) -> Linearization<T> {
                Linearization::new("linearize", f, x)
            }

            /// Computes the Jacobian of `f` at `x`: a row for each value of `f(x)`, a column for each input value in
            /// order.
            #[track_caller]
            pub fn jacobian<T: Float>(
                f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
                x: &[Tensor<T>],
            ) -> Tensor<T> {
                Linearization::new("jacobian", f, x).jacobian(Mode::Auto)
            }

            /// [`jacobian_sparse`](crate::jacobian_sparse()) for several arrays.
            #[track_caller]
            pub fn jacobian_sparse<T: Float>(
                f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
                x: &[Tensor<T>],
            ) -> Sparse<T> {
                let f = Linearization::new("jacobian_sparse", f, x);
                f.jacobian_sparse(&f.sparsity())
            }

            $(
                #[doc = concat!("[`", stringify!($name), "`](crate::", stringify!($name), "()) for several arrays.")]
                #[track_caller]
                pub fn $name<T: Float>(
                    $f: impl for<'t> Fn(&[Var<'t, T>]) -> Scalar<'t, T>,
                    $x: &[Tensor<T>]
                    $(, $v: &[Tensor<T>])?
                ) -> $many {
                    $body
                }
            )*
        }
    };
}

/// The value and the gradient of a function, on behalf of the transform `op`.
#[track_caller]
fn swept<T: Float>(
    op: &str,
    f: impl for<'t> Fn(&[Var<'t, T>]) -> Scalar<'t, T>,
    x: &[Tensor<T>],
) -> (T, Vec<Tensor<T>>) {
    let tape = Spare::tape();
    let x = variables(&tape, x);
    let y = f(&x);
    returned_on(&tape, y.tape(), op);
    let grads = y.backward();
    (y.value(), x.iter().map(|&x| grads[x].clone()).collect())
}

scalar_valued! {
    /// Computes the value and the gradient of `f` at `x`.
    ///
    /// ```
    /// use autograd::{value_and_grad, Tensor};
    /// let (y, dx) = value_and_grad(|x| x.square().sum(), &Tensor::from([3.0, 4.0]));
    /// assert_eq!((y, dx), (25.0, Tensor::from([6.0, 8.0])));
    /// ```
    fn value_and_grad(f, x) -> (T, Tensor<T>), (T, Vec<Tensor<T>>) = swept("value_and_grad", f, x), |(y, mut grads): (T, Vec<Tensor<T>>)| (y, grads.remove(0));

    /// Computes the gradient of `f` at `x`.
    ///
    /// ```
    /// use autograd::{grad, Tensor};
    /// assert_eq!(grad(|x| x.square().sum(), &Tensor::from([3.0, 4.0])), Tensor::from([6.0, 8.0]));
    /// ```
    fn grad(f, x) -> Tensor<T>, Vec<Tensor<T>> = swept("grad", f, x).1, |mut grads: Vec<Tensor<T>>| grads.remove(0);

    /// Computes the Hessian of `f` at `x` as a matrix: second derivatives with respect to each pair of values of `x`.
    ///
    /// ```
    /// use autograd::{hessian, Tensor};
    /// let h = hessian(|x| x.prod(), &Tensor::from([2.0, 3.0]));
    /// assert_eq!(h, Tensor::from([[0.0, 1.0], [1.0, 0.0]]));
    /// ```
    fn hessian(f, x) -> Tensor<T>, Tensor<T> = Linearization::of_gradient("hessian", f, x).jacobian(Mode::Reverse), |h| h;

    /// Computes the Hessian of `f` at `x` as a sparse matrix, in a Hessian-vector product for each colour of its columns.
    ///
    /// ```
    /// use autograd::{hessian_sparse, Tensor};
    /// // A chain of springs: only neighbours meet.
    /// let x = Tensor::from_fn([500], |i| (i[0] as f64).sin());
    /// let h = hessian_sparse(|x| ((x.slice(0, 1..500) - x.slice(0, 0..499)).powi(4)).sum(), &x);
    /// assert_eq!((h.values().len(), h.sparsity().colours()), (3 * 500 - 2, 3));
    /// ```
    ///
    /// # Panics
    /// If a user-defined operation has no forward rule.
    fn hessian_sparse(f, x) -> Sparse<T>, Sparse<T> = {
        let gradient = Linearization::of_gradient("hessian_sparse", f, x);
        gradient.jacobian_sparse(&gradient.sparsity())
    }, |h| h;

    /// Computes the Hessian-vector product `H·v`, forward over reverse.
    ///
    /// The gradient is recorded, and its tangent along `v` is computed. The Hessian is never formed.
    ///
    /// ```
    /// use autograd::{hvp, Tensor};
    /// let hv = hvp(|x| x.prod(), &Tensor::from([2.0, 3.0]), &Tensor::from([1.0, 10.0]));
    /// assert_eq!(hv, Tensor::from([10.0, 1.0]));
    /// ```
    ///
    /// # Panics
    /// If `v` has another shape than `x`.
    fn hvp(f, x, v) -> Tensor<T>, Vec<Tensor<T>> = Linearization::of_gradient("hvp", f, x).push("hvp", v), |mut hv: Vec<Tensor<T>>| hv.remove(0);

    /// Computes the value, the gradient and the Hessian-vector product `H·v` of `f` at `x`, from one recording.
    ///
    /// ```
    /// use autograd::{grad_and_hvp, Tensor};
    /// let (y, dx, hv) = grad_and_hvp(|x| x.prod(), &Tensor::from([2.0, 3.0]), &Tensor::from([1.0, 10.0]));
    /// assert_eq!((y, dx, hv), (6.0, Tensor::from([3.0, 2.0]), Tensor::from([10.0, 1.0])));
    /// ```
    ///
    /// # Panics
    /// If `v` has another shape than `x`.
    fn grad_and_hvp(f, x, v) -> (T, Tensor<T>, Tensor<T>), (T, Vec<Tensor<T>>, Vec<Tensor<T>>) = {
        let mut value = T::zero();
        let gradient = Linearization::of_gradient("grad_and_hvp", |x| {
            let y = f(x);
            value = y.value();
            y
        }, x);
        (value, gradient.values(), gradient.push("grad_and_hvp", v))
    }, |(y, mut dx, mut hv): (T, Vec<Tensor<T>>, Vec<Tensor<T>>)| (y, dx.remove(0), hv.remove(0));

    /// Computes the vector-Hessian product `vᵀ·H`, reverse over reverse.
    ///
    /// ```
    /// use autograd::{vhp, Tensor};
    /// let vh = vhp(|x| x.prod(), &Tensor::from([2.0, 3.0]), &Tensor::from([1.0, 10.0]));
    /// assert_eq!(vh, Tensor::from([10.0, 1.0]));
    /// ```
    ///
    /// # Panics
    /// If `v` has another shape than `x`.
    fn vhp(f, x, v) -> Tensor<T>, Vec<Tensor<T>> = {
        let tape = Spare::tape();
        let x = variables(&tape, x);
        let y = f(&x);
        returned_on(&tape, y.tape(), "vhp");
        directions("vhp", &x, v);
        // ⟨v, ∇f⟩ is a scalar again, and its gradient is the product.
        let slopes = y.grad(&x[..]).into_iter().zip(v).map(|(dx, v)| (dx * v).sum());
        match slopes.reduce(|a, b| a + b) {
            Some(slope) => {
                let grads = slope.backward();
                x.iter().map(|&x| grads[x].clone()).collect()
            }
            None => vec![],
        }
    }, |mut vh: Vec<Tensor<T>>| vh.remove(0);
}
