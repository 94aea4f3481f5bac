//! Dynamic computation graphs with reverse-mode gradients, to any order.
//!
//! # Tour
//!
//! A [`Tape`] records each operation on its handles; [`Scalar::backward`] walks it backwards once.
//!
//! ```
//! use autograd::Tape;
//! let tape = Tape::new();
//! let (x, y) = (tape.scalar(2.0), tape.scalar(3.0));
//! let z = x * y + x.sin();
//! let grads = z.backward();
//! assert_eq!(grads[x], 3.0 + 2f64.cos());
//! ```
//!
//! A [`Var`] is a recorded array. It broadcasts as in NumPy, and combines with scalars, plain numbers, tensors and
//! parameters. Reductions return a [`Scalar`].
//!
//! ```
//! use autograd::{Tape, Tensor};
//! let tape = Tape::new();
//! let x = tape.var([[1.0, 2.0], [3.0, 4.0]]);
//! let loss = (x.matmul(&Tensor::from([1.0, -1.0])) + 0.5).square().mean();
//! assert_eq!(loss.backward()[x], Tensor::from([[-0.5, 0.5], [-0.5, 0.5]]));
//! ```
//!
//! A [`Param`] is a trainable tensor. It outlives the tape, which is cleared and filled again at each step:
//!
//! ```
//! use autograd::{Param, Tape, Tensor};
//! let (x, y) = (Tensor::from([0.0, 1.0, 2.0]), Tensor::from([1.0, 3.0, 5.0]));
//! let (slope, offset) = (Param::new(0.0), Param::new(0.0));
//! let mut tape = Tape::new();
//! for _ in 0..200 {
//!     tape.clear();
//!     let error = tape.constant(x.clone()) * &slope + &offset - &y;
//!     let grads = error.square().mean().backward();
//!     for param in [&slope, &offset] {
//!         grads.update_each(param, [], |value, gradient, []| *value -= 0.2 * gradient);
//!     }
//! }
//! assert!((slope.value().item() - 2.0).abs() < 1e-6);
//! ```
//!
//! Gradients can themselves be recorded and differentiated again ([`Scalar::grad`]):
//!
//! ```
//! let tape = autograd::Tape::new();
//! let x = tape.scalar(0.5);
//! let d3 = x.sin().grad(x).grad(x).grad(x);
//! assert!((d3.value() + 0.5f64.cos()).abs() < 1e-15);
//! ```
//!
//! Gradients can be checked against finite differences. The verdict says how certain it is ([`check`](check())):
//!
//! ```
//! use autograd::{check, Tensor};
//! let report = check(|x| (x[0] * x[1]).tanh().sum(), &[Tensor::from([0.3, -0.2]), Tensor::from(1.5)]).unwrap();
//! assert!(report.passed(), "{report}");
//! ```
//!
//! # Notation
//!
//! `x`, `a`, `b` are inputs and `y` is the output. `dy` is the gradient of the output; `dx`, `da`, `db` are the
//! gradients of the inputs. Shapes are written `(m, k) · (k, n) → (m, n)`. Plain numbers in formulas are `f64`,
//! whatever the tape's type.
//!
//! # Map
//!
//! | to … | see |
//! |---|---|
//! | record | [`Tape`], [`Var`], [`Scalar`], [`Operand`], [`ScalarOperand`] |
//! | hold plain arrays | [`Tensor`], [`Shape`], [`Axes`], [`broadcast`] |
//! | order values, and put them at given places | [`Var::sort`], [`Var::topk`], [`Var::quantile`], [`Var::gather`], [`Var::scatter`], [`Scatter`], [`Unique`] |
//! | sweep | [`Scalar::backward`], [`Gradients`], [`Var::jvp`] |
//! | record derivatives, and differentiate them again | [`Scalar::grad`], [`Wrt`], [`Var::tangent`] |
//! | save memory at the cost of a second run | [`Var::checkpoint`], [`checkpoint`], [`checkpoint_chain`], [`scan`] |
//! | compute without gradients | [`Tape::values_only`] |
//! | train | [`Param`], [`Parameters`], [`Gradients::update`], [`Scalar::backward_each`]; large tables: [`Param::set_by_rows`] |
//! | see the graph | [`Tape::graph`], [`Scalar::graph`], [`Graph`] |
//! | check | [`check`](check()), [`check::Checker`], [`check::Report`] |
//! | write functions over any kind of number | [`Number`], [`Real`], [`Float`], [`Dual`], [`Partials`], [`Recorded`]; as kernels of one's own: [`Elementwise`], [`ElementwiseN`], [`ElementwiseMany`] |
//! | write functions over plain and recorded arrays | [`generic::ArrayLike`] |
//! | list the operations | [`operations`], [`Unary`], [`Binary`]; how to say those of PyTorch: [`operators`] |
//! | transform closures | [`grad`](grad()), [`value_and_grad`], [`vjp`](vjp()), [`jvp`](jvp()), [`jacobian`](jacobian()), [`jacobian_each`], [`jacobian_sparse`](jacobian_sparse()), [`hessian`](hessian()), [`hessian_sparse`](hessian_sparse()), [`hvp`](hvp()), [`grad_and_hvp`], [`vhp`], [`linearize`], [`several`] |
//! | use several cores | [`backward_in_parts`], [`awake`], [`set_threads`], [`threads`](threads()) |
//! | read the reasons | [`design`] |
//!
//! Shapes that do not fit are a programming error: the call panics at the caller's line. For shapes that come from
//! data, the `try_` forms return an [`Error`](error::Error).

#[cfg(any(feature = "argmin", feature = "nalgebra", feature = "ndarray"))]
pub mod bridges;
pub mod check;
pub mod error;
#[cfg(test)]
mod exact;
mod external;
mod graph;
mod kernels;
mod math;
mod memory;
mod methods;
mod number;
mod ops;
mod param;
mod per_input;
mod shape;
mod sweep;
mod tape;
mod tensor;
mod threads;
pub mod transform;

#[cfg(doc)]
#[doc = include_str!("../DESIGN.md")]
pub mod design {}

#[cfg(doc)]
#[doc = include_str!("../OPERATORS.md")]
pub mod operators {}

/// The names that most programs use: `use autograd::prelude::*;`.
///
/// ```
/// use autograd::prelude::*;
/// let tape = Tape::new();
/// let x = tape.var([1.0, 2.0]);
/// assert_eq!(x.square().sum().backward()[x], Tensor::from([2.0, 4.0]));
/// ```
pub mod prelude {
    pub use crate::{
        Custom, Elementwise, ElementwiseMany, ElementwiseN, Float, Gradients, Number, Param, Parameters, Scalar, Tape,
        Tensor, Var,
    };
}

pub use check::check;

pub use external::{Custom, Step, checkpoint, checkpoint_chain, scan, step};
pub use graph::{Graph, Handle};
pub use kernels::fused::{Elementwise, ElementwiseMany, ElementwiseN};
pub use methods::{Unique, generic};
pub use number::dual::{Dual, Partials};
pub use number::rows::{Binary, Row, Unary};
pub use number::{Float, Number, Real};
pub use ops::convolution::{Conv, Lengths};
pub use ops::operations;
pub use ops::pooling::{Pool, Resize};
pub use ops::scatter::Scatter;

pub use param::{Param, Parameters};
pub use shape::{Axes, Shape, broadcast};
pub use sweep::{Gradient, Gradients, Recorded, Wrt, backward_in_parts, gradients_by_part};
pub use tape::{Operand, Scalar, ScalarOperand, Tape, Var};
pub use tensor::Tensor;
pub use threads::{awake, set_threads, threads};
#[doc(inline)]
pub use transform::{
    Linearization, Mode, Sparse, Sparsity, grad, grad_and_hvp, hessian, hessian_sparse, hvp, jacobian, jacobian_each,
    jacobian_sparse, jvp, linearize, several, value_and_grad, vhp, vjp,
};
