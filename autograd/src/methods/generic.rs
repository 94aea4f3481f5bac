//! Functions that are generic over plain and recorded arrays: [`ArrayLike`].
//!
//! A model written once computes on [`Tensor`]s, without a tape and freeing what it has used, and is differentiated on a
//! [`Tape`](crate::Tape):
//!
//! ```
//! use autograd::generic::ArrayLike;
//! use autograd::{Tensor, grad};
//!
//! fn model<A: ArrayLike>(x: &A, w: &A, b: &A) -> A {
//!     (x.matmul(w) + b.clone()).tanh().mean_axis(0)
//! }
//!
//! let [x, w] = [Tensor::from([[1.0, 2.0], [3.0, 4.0]]), Tensor::from([[0.1, -0.2], [0.3, 0.4]])];
//! let b = Tensor::from([0.5, -0.5]);
//! let plain = model(&x, &w, &b);
//! let dw = grad(|w| model(&w.constant(&x), &w, &w.constant(&b)).sum(), &w);
//! assert_eq!((plain.shape().to_vec(), dw.shape().to_vec()), (vec![2], vec![2, 2]));
//! ```

use std::ops::{Add, Div, Mul, Neg, Sub};

pub use super::elementwise::{Rows, RowsOfTwo};
pub use super::linalg::{LinearAlgebra, Systems};
pub use super::order::Orders;
pub use super::places::Places;
pub use super::products::Products;
pub use super::reductions::Reductions;
pub use super::sequences::{Integrals, Sequences};
pub use super::views::Views;
pub use super::windows::{Convolutions, Pooling};
use crate::number::Float;
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

/// Arithmetic with the other array, or with a number.
pub trait Arithmetic:
    Sized
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
{
}

impl<T: Float> Arithmetic for Var<'_, T> {}
impl<T: Float> Arithmetic for Tensor<T> {}

/// A plain array ([`Tensor`]) or a recorded one ([`Var`]), with the methods that both share.
///
/// Elementwise operations, reductions, views, products, linear algebra, orders and sequences are those of the two types, by
/// reference, where they give one array of one; see there. What gives several (`svd`, `topk`, `split`), takes closures or other
/// arguments (`map_rows`, `scatter`, `interp`) has no generic form. See [the module](self) for an example.
pub trait ArrayLike:
    Clone
    + Arithmetic
    + Rows
    + RowsOfTwo
    + Reductions
    + Views
    + Products
    + Convolutions
    + Pooling
    + LinearAlgebra
    + Systems
    + Orders
    + Places
    + Sequences
    + Integrals
{
    /// The type of the values.
    type Number: Float;

    /// The lengths of the axes.
    fn dims(&self) -> Shape;

    /// The values as a plain array.
    fn plain(&self) -> Tensor<Self::Number>;

    /// A plain array as one of this kind: on the tape of `self`, a constant.
    #[track_caller]
    fn constant(&self, x: &Tensor<Self::Number>) -> Self;

    /// The sum of all values, as an array of shape `()`.
    #[must_use]
    #[track_caller]
    fn total(&self) -> Self {
        let axes = 0..self.dims().len();
        self.sum_axis(axes)
    }

    /// Arrays one after another along `axis`: see [`Tensor::concat`].
    #[must_use]
    #[track_caller]
    fn joined(parts: &[Self], axis: usize) -> Self;

    /// Arrays of one shape along a new axis: see [`Tensor::stack`].
    #[must_use]
    #[track_caller]
    fn stacked(parts: &[Self], axis: usize) -> Self;

    /// Products by named axes: see [`Tensor::einsum`].
    #[must_use]
    #[track_caller]
    fn summed(names: &str, arrays: &[Self]) -> Self;
}

macro_rules! array_like {
    ($([$($generics:tt)*] $Self:ty, ($x:ident, $plain:ident) $value:expr, $constant:expr;)*) => { $(
        impl<$($generics)*> ArrayLike for $Self {
            type Number = T;

            fn dims(&self) -> Shape {
                crate::ops::Array::shape(self)
            }

            fn plain(&self) -> Tensor<T> {
                let $x = self;
                $value
            }

            #[track_caller]
            fn constant(&self, $plain: &Tensor<T>) -> Self {
                let $x = self;
                $constant
            }

            #[track_caller]
            fn joined(parts: &[Self], axis: usize) -> Self {
                Self::concat(parts, axis)
            }

            #[track_caller]
            fn stacked(parts: &[Self], axis: usize) -> Self {
                Self::stack(parts, axis)
            }

            #[track_caller]
            fn summed(names: &str, arrays: &[Self]) -> Self {
                Self::einsum(names, arrays)
            }
        }
    )* };
}
array_like! {
    ['t, T: Float] Var<'t, T>, (x, plain) x.value(), x.tape().constant(plain);
    [T: Float] Tensor<T>, (x, plain) x.clone(), { let _ = x; plain.clone() };
}
