//! Operations: their values and their derivatives.
//!
//! - `number::table` — the elementwise operations, one row each. **A new elementwise operation is a new row.**
//!   `number::passing` is the type over which its derivative is written, and `number::rules` holds the longer ones.
//! - `reduce`, `prod`, `normalize`, `product`, `convolution`, `linalg`, `view`, `roll`, `index`, `scatter`, `order`, `join`, `scan`,
//!   `softmax` — the structured operations, one file per family. Each has the order: formula and shapes, shape rule,
//!   value, derivative. **A new structured operation is a struct with [`Operation`], and one line in [`operations!`].**
//!   `einsum`, `pooling` and `sequence` are composed of others.
//!
//! A derivative is written once, over [`Array`], the trait in which rules are expressed. It has two kinds of
//! implementations. Plain arrays compute at once (the sweep, and the methods of `Tensor`); recorded arrays append to
//! the tape, so that a gradient can be differentiated again.
//!
//! Operations know neither the tape nor the sweep.

#[cfg(test)]
mod accuracy;
pub(crate) mod convolution;
pub(crate) mod diagonal;
pub(crate) mod einsum;
pub(crate) mod elementwise;
pub(crate) mod index;
pub(crate) mod join;
pub(crate) mod linalg;
pub(crate) mod map;
pub(crate) mod normalize;
pub(crate) mod order;
pub(crate) mod pooling;
pub(crate) mod prod;
pub(crate) mod product;
pub(crate) mod reads;
pub(crate) mod reduce;
pub(crate) mod roll;
pub(crate) mod scan;
pub(crate) mod scatter;
pub(crate) mod sequence;
pub(crate) mod softmax;
pub(crate) mod view;

use std::sync::Arc;

use reads::Reads;
use smallvec::SmallVec;

use crate::kernels::compiled as kernels;
use crate::kernels::runs::Runs;
use crate::number::instances::instances;
use crate::number::rows::{Args, Binary, Unary};
use crate::number::{Float, Number};
use crate::shape::{Shape, broadcast};

/// An operand of a kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a, T> {
    pub(crate) shape: &'a Shape,
    pub(crate) values: &'a [T],
}

/// A structured operation: its value, and its derivatives.
pub(crate) trait Operation {
    /// Every name that [`name`](Operation::name) can return; the property tests must cover each.
    const NAMES: &'static [&'static str];

    /// The public name; the only one, unless the operation serves several methods.
    fn name(&self) -> &'static str {
        Self::NAMES[0]
    }

    /// Fills `out`, which is row-major and of shape `shape`; every value is written.
    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]);

    /// The gradient of input `k` from the gradient `dy` of the output.
    #[track_caller]
    fn vjp<A: Array>(&self, k: usize, x: &[&A], y: &A, dy: &A) -> A;

    /// The tangent of the output from the tangents `dx` of the inputs that have one: the transpose of
    /// [`vjp`](Operation::vjp). Where the operation is not linear, both use the same slopes.
    #[track_caller]
    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A;

    /// Whether a gradient flows to input `k`.
    fn differentiable(&self, _k: usize) -> bool {
        true
    }

    /// How the output depends on input `k`, given the shapes of the inputs and of the output: where the Jacobian is not 0.
    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::all(x[k], shape)
    }

    /// Whether a recorded value with this number of inputs keeps its derivatives for the sweep, because they share
    /// costly work with it.
    fn keeps_slopes(&self, _inputs: usize) -> bool {
        false
    }

    /// [`forward`](Operation::forward), and the derivative with respect to each value of each input, one input after
    /// another. Each value of `out` depends on the same number of neighbouring values of an input, and on no others.
    fn forward_with_slopes<T: Float>(&self, _x: &[Input<'_, T>], _shape: &Shape, _out: &mut [T], _slopes: &mut [T]) {
        unreachable!("{}: it keeps no derivatives", self.name())
    }
}

/// The sum of the parts that exist; there is at least one.
fn sum<A: Array, const N: usize>(parts: [Option<A>; N]) -> A {
    parts.into_iter().flatten().reduce(|a, b| a.add(&b)).expect("an input has a tangent")
}

/// The tangent of an operation that is linear in all its inputs together: the operation itself.
#[track_caller]
fn linear<A: Array>(op: &(impl Into<Op> + Clone), x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
    let zeros = |(x, dx): (&&A, &Option<&A>)| dx.is_none().then(|| x.zeros_like());
    let zeros: SmallVec<[Option<A>; 4]> = x.iter().zip(dx).map(zeros).collect();
    let whole = zeros.iter().zip(dx).filter_map(|(zeros, dx)| dx.or(zeros.as_ref()));
    A::apply(op.clone(), y.shape(), &whole.collect::<SmallVec<[&A; 4]>>())
}

/// Declares the structured operations: the enum that the tape stores, and its dispatch.
macro_rules! operations {
    ($($Variant:ident($Type:ty),)*) => {
        /// The operation of an array node of the tape.
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) enum Op {
            /// A unary row.
            Unary(Unary, Args),
            /// A binary row.
            Binary(Binary),
            /// [`Affine`](product::Affine) followed by a row in [`product::DENSE`]; the value before the row is not
            /// kept.
            Dense(Unary),
            $($Variant($Type),)*
        }

        impl Op {
            pub(crate) fn name(&self) -> &'static str {
                match self {
                    Op::Unary(row, _) => row.name(),
                    Op::Binary(row) => row.name(),
                    Op::Dense(row) => product::dense_name(*row).expect("a row that a layer ends in"),
                    $(Op::$Variant(op) => op.name(),)*
                }
            }

            /// The names of all operations.
            pub(crate) fn names() -> Vec<&'static str> {
                let mut names: Vec<_> = Unary::ROWS.iter().map(|row| row.name).collect();
                names.extend(Binary::ROWS.iter().map(|row| row.name));
                names.extend(product::DENSE.map(|(_, name)| name));
                $(names.extend(<$Type as Operation>::NAMES);)*
                names
            }

            /// Fills `out` with the operation's value.
            pub(crate) fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
                // An array without values may have axes of any length: no kernel iterates over them.
                if out.is_empty() {
                    return;
                }
                match self {
                    Op::Unary(row, args) => kernels::unary(*row, *args, x[0].values, out),
                    Op::Binary(row) => {
                        let runs = Runs::of_values(shape, x[0].shape, x[1].shape);
                        kernels::binary(*row, &runs, x[0].values, x[1].values, out);
                    }
                    Op::Dense(row) => {
                        product::Affine.forward(x, shape, out);
                        elementwise::in_place(*row, out);
                    }
                    $(Op::$Variant(op) => op.forward(x, shape, out),)*
                }
            }

            /// See [`Operation::keeps_slopes`].
            pub(crate) fn keeps_slopes(&self, inputs: usize) -> bool {
                match self {
                    Op::Unary(..) | Op::Binary(_) | Op::Dense(_) => false,
                    $(Op::$Variant(op) => op.keeps_slopes(inputs),)*
                }
            }

            /// See [`Operation::forward_with_slopes`].
            pub(crate) fn forward_with_slopes<T: Float>(
                &self,
                x: &[Input<'_, T>],
                shape: &Shape,
                out: &mut [T],
                slopes: &mut [T],
            ) {
                match self {
                    Op::Unary(..) | Op::Binary(_) | Op::Dense(_) => {
                        unreachable!("{}: it keeps no derivatives", self.name())
                    }
                    $(Op::$Variant(op) => op.forward_with_slopes(x, shape, out, slopes),)*
                }
            }

            /// Whether a gradient flows to input `k`.
            pub(crate) fn differentiable(&self, k: usize) -> bool {
                match self {
                    Op::Unary(row, _) => !row.is_flat(),
                    Op::Binary(row) => row.passes_to(k),
                    Op::Dense(_) => true,
                    $(Op::$Variant(op) => op.differentiable(k),)*
                }
            }

            /// See [`Operation::reads`].
            pub(crate) fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
                match self {
                    Op::Unary(..) => Reads::Same,
                    Op::Binary(_) => Reads::stretched(x[k], shape),
                    Op::Dense(_) => product::Affine.reads(k, x, shape),
                    $(Op::$Variant(op) => op.reads(k, x, shape),)*
                }
            }

            /// The tangent of the output.
            #[track_caller]
            pub(crate) fn jvp<A: Reading>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
                match self {
                    Op::Unary(row, args) => {
                        let dx = dx[0].expect("the only input has a tangent");
                        A::unary_vjp(*row, *args, x[0], y, dx.clone())
                    }
                    Op::Binary(row) => {
                        let part = |k: usize| {
                            let dx = dx[k]?.expanded(&y.shape());
                            Some(A::binary_vjp(*row, k == 1, x[0], x[1], y, dx))
                        };
                        sum([part(0), part(1)])
                    }
                    Op::Dense(_) => self.before_row(y, product::Affine.jvp(x, y, dx)),
                    $(Op::$Variant(op) => op.jvp(x, y, dx),)*
                }
            }

            /// The gradient that [`vjp`](Op::vjp) takes, once for all inputs: for a dense layer, that of the
            /// pre-activation.
            #[track_caller]
            pub(crate) fn before_row<A: Reading>(&self, y: &A, dy: A) -> A {
                match self {
                    Op::Dense(row) => A::unary_vjp(*row, [0.0; 2], y, y, dy),
                    _ => dy,
                }
            }

            /// The gradient of input `k`; `dy` comes from [`before_row`](Op::before_row).
            #[track_caller]
            pub(crate) fn vjp<A: Reading>(&self, k: usize, x: &[&A], y: &A, dy: &A) -> A {
                match self {
                    Op::Unary(row, args) => A::unary_vjp(*row, *args, x[0], y, dy.clone()),
                    Op::Binary(row) => A::binary_vjp(*row, k == 1, x[0], x[1], y, dy.clone()).sum_to(&x[k].shape()),
                    Op::Dense(_) => product::Affine.vjp(k, x, y, dy),
                    $(Op::$Variant(op) => op.vjp(k, x, y, dy),)*
                }
            }
        }

        $(
            impl From<$Type> for Op {
                fn from(op: $Type) -> Op {
                    Op::$Variant(op)
                }
            }
        )*
    };
}

operations! {
    Select(elementwise::Select),
    Map(map::Map),
    Reduce(reduce::Reduce),
    Deviations(reduce::Deviations),
    TieShare(reduce::TieShare),
    ProductOfOthers(prod::ProductOfOthers),
    Magnitude(prod::Magnitude),
    Expand(view::Expand),
    Reshape(view::Reshape),
    Transpose(view::Transpose),
    View(view::View),
    Spread(view::Spread),
    Gather(index::Gather),
    ScatterAdd(index::ScatterAdd),
    ScatterExtreme(scatter::ScatterExtreme),
    Interpolate(order::Interpolate),
    Concat(join::Concat),
    Matmul(product::Matmul),
    Affine(product::Affine),
    CumulativeSum(scan::CumulativeSum),
    Recurrence(scan::Recurrence),
    CumulativeLogSumExp(scan::CumulativeLogSumExp),
    Normalize(normalize::Normalize),
    NormalizeGradient(normalize::NormalizeGradient),
    InverseDeviation(normalize::InverseDeviation),
    Softmax(softmax::Softmax),
    LogSoftmax(softmax::LogSoftmax),
    Centre(softmax::Centre),
    CrossEntropy(softmax::CrossEntropy),
    CrossEntropyGradient(softmax::CrossEntropyGradient),
    SolveTriangular(linalg::SolveTriangular),
    Cholesky(linalg::Cholesky),
    Qr(linalg::Qr),
    Solve(linalg::Solve),
    Determinant(linalg::Determinant),
    Eigen(linalg::Eigen),
    Singular(linalg::Singular),
    Pseudoinverse(linalg::Pseudoinverse),
    Roll(roll::Roll),
    Convolution(convolution::Convolution),
}

instances! {
    Op::forward as compute(op: &Op, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]);
}

/// An array on which rules are evaluated: a plain value, or a recorded handle.
///
/// The provided methods are the operations in which rules are written. They assume that shapes fit: shapes are
/// checked in the user's call, before anything is computed.
pub(crate) trait Array: Sized + Clone {
    type Value: Float;

    fn shape(&self) -> Shape;

    /// Computes (and, on a tape, records) an operation whose result has shape `shape`.
    #[track_caller]
    fn apply(op: impl Into<Op>, shape: Shape, x: &[&Self]) -> Self;

    /// Panics if `self` and `other` are recorded on two tapes; `op` is the method that the user called.
    #[track_caller]
    fn meets(&self, _other: &Self, _op: &str) {}

    /// Calls `see` with the values, in row-major order: for choices that no gradient passes through.
    #[track_caller]
    fn with_values<R>(&self, see: impl FnOnce(&[Self::Value]) -> R) -> R;

    /// An array that does not depend on anything, of the same kind as `self`, from the value at each flat position. A
    /// function instead of a vector: sweeps and tapes write its values into memory that they keep.
    #[track_caller]
    fn constant_like(&self, shape: Shape, value: impl FnMut(usize) -> Self::Value) -> Self;

    /// Indices for an operation to hold, of the same kind as `self`: a tape reuses the memory of an earlier
    /// recording.
    #[track_caller]
    fn indices_like(&self, indices: impl Iterator<Item = usize>) -> Arc<Vec<usize>> {
        Arc::new(indices.collect())
    }

    /// `value`, repeated in this shape.
    #[track_caller]
    fn full_like(&self, value: Self::Value) -> Self {
        self.constant_like(self.shape(), |_| value)
    }

    /// Zeros of this shape.
    #[track_caller]
    fn zeros_like(&self) -> Self {
        self.full_like(Self::Value::zero())
    }

    /// The array whose last two axes are exchanged, if this is such a transpose.
    fn untransposed(&self) -> Option<Self> {
        None
    }

    /// The quotient of this by `y`, if it was recorded as a multiple of `y`, and so correct where both are 0.
    fn as_multiple_of(&self, _y: &Self) -> Option<Self> {
        None
    }

    #[track_caller]
    fn unary(&self, row: Unary, args: Args) -> Self {
        Self::apply(Op::Unary(row, args), self.shape(), &[self])
    }

    /// Applies a binary row; the operands' shapes must broadcast.
    #[track_caller]
    fn binary(&self, row: Binary, b: &Self) -> Self {
        let shape = broadcast(row.name(), &self.shape(), &b.shape()).expect("shapes checked by the caller");
        Self::apply(Op::Binary(row), shape, &[self, b])
    }

    #[track_caller]
    fn add(&self, b: &Self) -> Self {
        self.binary(Binary::Add, b)
    }

    #[track_caller]
    fn sub(&self, b: &Self) -> Self {
        self.binary(Binary::Sub, b)
    }

    #[track_caller]
    fn mul(&self, b: &Self) -> Self {
        self.binary(Binary::Mul, b)
    }

    /// `self · b`, but 0 where `self`, an incoming gradient, is 0.
    #[track_caller]
    fn chain(&self, b: &Self) -> Self {
        self.binary(Binary::Chain, b)
    }

    /// `self · share`, but 0 where the share is 0: values that were not chosen get no part of an infinite gradient
    /// either.
    fn shared(&self, share: &Self) -> Self {
        self.binary(Binary::ChainFlat, share)
    }

    /// The same values in another shape with as many values.
    #[track_caller]
    fn reshaped(self, shape: &Shape) -> Self {
        if self.shape() == *shape {
            return self;
        }
        Self::apply(view::Reshape, shape.clone(), &[&self])
    }

    /// Broadcasts to `shape`.
    #[track_caller]
    fn expanded(&self, shape: &Shape) -> Self {
        if self.shape() == *shape {
            return self.clone();
        }
        Self::apply(view::Expand, shape.clone(), &[self])
    }

    /// The transpose of [`expanded`](Array::expanded): sums over the axes along which `shape` would be stretched. Of an array that
    /// is only lent, [`reduce::sum_to`].
    #[track_caller]
    fn sum_to(self, shape: &Shape) -> Self {
        if self.shape() == *shape {
            return self;
        }
        reduce::sum_to(&self, shape)
    }
}

/// An array on which gradients are computed; each implementation has a fused form of the table's rows.
pub(crate) trait Reading: Array {
    /// `dy · row′(x)`, in the shape of `dy`.
    #[track_caller]
    fn unary_vjp(row: Unary, args: Args, x: &Self, y: &Self, dy: Self) -> Self;

    /// `dy · ∂row/∂a`, or `dy · ∂row/∂b` if `second`, in the shape of `dy`.
    #[track_caller]
    fn binary_vjp(row: Binary, second: bool, a: &Self, b: &Self, y: &Self, dy: Self) -> Self;
}

/// The names of all operations that a tape can record.
///
/// ```
/// let names = autograd::operations();
/// assert!(names.contains(&"tanh") && names.contains(&"matmul"));
/// ```
pub fn operations() -> Vec<&'static str> {
    Op::names()
}
