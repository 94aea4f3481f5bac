//! [`Var`]: a recorded array.

use std::fmt;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};
use std::sync::Arc;

use super::arena::{ArrayCode, Opcode};
use super::{Operand, Scalar, Tape, same_tape};
use crate::error::{Error, OrPanic};
use crate::kernels::fused::{Elementwise, ElementwiseMany, ElementwiseN, KEPT, Kernel, Output};
use crate::number::Float;
use crate::number::rows::{Args, Binary, Unary};
use crate::ops::{Array, Op, map};
use crate::param::Param;
use crate::per_input::PerInput;
use crate::shape::Shape;
use crate::sweep::{Gradients, array_multiple};
use crate::tensor::Tensor;

/// An array on a tape: a `Copy` handle.
///
/// Operands are other arrays, [`Scalar`]s, plain `f64` numbers, `&Param` and `&Tensor`; shapes broadcast as in NumPy.
/// Methods that are shared with [`Tensor`] are documented there with examples.
///
/// ```
/// use autograd::{Tape, Tensor};
/// let tape = Tape::new();
/// let x = tape.var([[1.0, 2.0], [3.0, 4.0]]);
/// let loss = (2.0 * x.matmul(x.t()) - 1.0).square().mean();
/// assert_eq!(loss.backward()[x].shape(), &[2, 2].into());
/// ```
#[derive(Clone, Copy)]
pub struct Var<'t, T: Float = f64> {
    tape: &'t Tape<T>,
    array: u32,
}

impl<'t, T: Float> Var<'t, T> {
    #[inline(always)]
    pub(crate) fn new(tape: &'t Tape<T>, array: u32) -> Self {
        Var { tape, array }
    }

    #[inline(always)]
    pub(crate) fn index(self) -> u32 {
        self.array
    }

    /// The tape that this array is recorded on.
    #[inline(always)]
    pub fn tape(self) -> &'t Tape<T> {
        self.tape
    }

    /// The lengths of the axes.
    #[inline]
    pub fn shape(self) -> Shape {
        self.tape.arena.borrow().arrays.shape(self.array).clone()
    }

    /// The values.
    #[track_caller]
    pub fn value(self) -> Tensor<T> {
        self.materialised();
        // A shared borrow, because the observer of a sweep may read values.
        self.tape.arena.borrow().tensor(self.array)
    }

    /// Calls `see` with the values in row-major order, without a copy.
    ///
    /// ```
    /// use autograd::Tape;
    /// let tape = Tape::new();
    /// let x = tape.var([3.0, 4.0]);
    /// assert_eq!(x.with_values(|x| x.iter().map(|x| x * x).sum::<f64>()), 25.0);
    /// ```
    ///
    /// # Panics
    /// If `see` records on the tape.
    #[track_caller]
    pub fn with_values<R>(self, see: impl FnOnce(&[T]) -> R) -> R {
        self.materialised();
        see(self.tape.arena.borrow().array_values(self.array))
    }

    /// Computes the values if they are deferred.
    #[track_caller]
    fn materialised(self) {
        if self.tape.arena.borrow().arrays[self.array].pending {
            self.tape.arena_mut().materialise(self.array, &self.tape.pool);
        }
    }

    /// A constant with the same values, through which no gradient flows.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([3.0]);
    /// assert_eq!((x * x.detach()).sum().backward()[x].item(), 3.0);
    /// ```
    #[track_caller]
    pub fn detach(self) -> Self {
        self.tape.constant(self.value())
    }

    /// Names this value for the observer of [`Scalar::backward_with`].
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([1.0, 2.0]);
    /// let hidden = x.square().named("hidden");
    /// let mut seen = vec![];
    /// hidden.sum().backward_with(|name, gradient| seen.push((name.to_string(), gradient.to_vec())));
    /// assert_eq!(seen, [("hidden".to_string(), vec![1.0, 1.0])]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        drop(self.tape.arena_mut()); // an observer must not add names
        self.tape.names.borrow_mut().insert(self.array, name.into());
        self
    }

    /// Makes the sweep keep the gradient of this intermediate value, whose memory it otherwise reuses.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([1.0, 2.0]);
    /// let hidden = (x * 3.0).watch();
    /// let grads = hidden.square().sum().backward();
    /// assert_eq!(grads[hidden].to_vec(), [6.0, 12.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn watch(self) -> Self {
        let mut arena = self.tape.arena_mut();
        let node = &mut arena.arrays[self.array];
        if node.tracked && !std::mem::replace(&mut node.watched, true) && !node.code.is_leaf() {
            arena.kept.push(self.array);
        }
        drop(arena);
        self
    }

    /// The vector-Jacobian product: the gradients of `⟨y, dy⟩` for this array `y`, in one sweep.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.var([2.0, 3.0]);
    /// let grads = x.square().vjp(&Tensor::from([1.0, 10.0]));
    /// assert_eq!(grads[x].to_vec(), [4.0, 60.0]);
    /// ```
    ///
    /// # Panics
    /// If `dy` has another shape.
    #[track_caller]
    pub fn vjp(self, dy: &Tensor<T>) -> Gradients<'t, T> {
        same_shape("vjp", &self.shape(), dy.shape());
        crate::sweep::vjp(self, dy)
    }

    /// The Jacobian-vector product: the tangent of this array when each `x` moves along its `dx`, in one forward
    /// sweep.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.var([2.0, 3.0]);
    /// let dy = (x * x.sum()).jvp(&[(x, &Tensor::from([1.0, 0.0]))]);
    /// assert_eq!(dy.to_vec(), [7.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If an `x` is recorded on another tape, or its `dx` has another shape. If a user-defined operation on the way
    /// has a rule that cannot be transposed and no [`Custom::jvp`](crate::Custom::jvp).
    #[track_caller]
    pub fn jvp(self, along: &[(Var<'t, T>, &Tensor<T>)]) -> Tensor<T> {
        self.try_jvp(along).or_panic()
    }

    /// [`jvp`](Var::jvp) for graphs whose operations may lack a forward rule.
    ///
    /// # Errors
    /// [`Error::NoForwardRule`] with the name of the first operation that lacks one.
    ///
    /// # Panics
    /// If an `x` is recorded on another tape, or its `dx` has another shape.
    #[track_caller]
    pub fn try_jvp(self, along: &[(Var<'t, T>, &Tensor<T>)]) -> Result<Tensor<T>, Error> {
        for (x, dx) in along {
            same_tape("jvp", self.tape, x.tape);
            same_shape("jvp", &x.shape(), dx.shape());
        }
        let seeds = along.iter().map(|&(x, dx)| (x.array, dx)).collect();
        Ok(crate::sweep::tangents(self.tape, &[seeds], &[self.array])?.remove(0))
    }

    /// Applies a user-defined function to each value, in one pass: see [`Elementwise`].
    ///
    /// The pass is deferred until the values are read. Under [`sum`](Var::sum) or [`mean`](Var::mean) the values are
    /// summed as they are computed, and never written to memory.
    #[must_use]
    #[track_caller]
    pub fn map(self, f: impl Elementwise) -> Self {
        self.tape.note();
        map::map("map", [&self], f).or_panic()
    }

    /// Applies a user-defined function to several arrays, element by element, in one pass: see [`ElementwiseN`].
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[must_use]
    #[track_caller]
    pub fn zip_map<const K: usize>(x: [Self; K], f: impl ElementwiseN<K>) -> Self {
        if let Some(x) = x.first() {
            x.tape.note();
        }
        map::map("zip_map", x.each_ref(), f).or_panic()
    }

    /// Applies a user-defined function with several results, element by element, in one pass: see [`ElementwiseMany`].
    ///
    /// Of up to eight inputs, the pass gives all partial derivatives of all results too, and a sweep multiplies by these.
    ///
    /// # Panics
    /// If there are no arrays, their shapes do not broadcast, or they lie on different tapes.
    #[must_use]
    #[track_caller]
    pub fn map_many<const K: usize, const M: usize>(x: [Self; K], f: impl ElementwiseMany<K, M>) -> [Self; M] {
        if let Some(x) = x.first() {
            x.tape.note();
        }
        let x = map::whole("map_many", x.each_ref()).or_panic();
        let tape = x[0].tape;
        let mut results = [x[0]; M];
        if K > KEPT || tape.arena.borrow().values_only {
            for (at, y) in results.iter_mut().enumerate() {
                *y = Array::apply(map::Map::of(Arc::new(Kernel(Output { f, at }))), x[0].shape(), &x.each_ref());
            }
            return results;
        }
        let arrays = tape.arena_mut().map_many(x.map(|x| x.array), f, &tape.pool);
        for (y, array) in results.iter_mut().zip(arrays) {
            tape.recorded_array(array);
            y.array = array;
        }
        results
    }

    /// The only value of an array that has one, as a scalar with [`backward`](Scalar::backward).
    ///
    /// # Panics
    /// If there is not exactly one value.
    #[track_caller]
    pub fn item(self) -> Scalar<'t, T> {
        let mut arena = self.tape.arena_mut();
        arena.materialise(self.array, &self.tape.pool);
        let values = arena.array_values(self.array);
        if values.len() != 1 {
            let shape = arena.arrays.shape(self.array);
            panic!("item: shape {shape} has {} values, not one; reduce it with sum() or mean()?", values.len());
        }
        let value = values[0];
        let node = arena.stream.push(Opcode::Item, [self.array, 0], value);
        Scalar::new(self.tape, node, value)
    }

    /// Applies the unary row `row`, chosen at run time; `args` are the method's plain-number arguments.
    ///
    /// ```
    /// use autograd::{Tape, Unary};
    /// let tape = Tape::new();
    /// let x = tape.var([-1.0, 2.0]);
    /// assert_eq!(x.unary(Unary::LeakyRelu, [0.1, 0.0]).value(), x.leaky_relu(0.1).value());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn unary(self, row: Unary, args: Args) -> Self {
        self.tape.note();
        Array::unary(&self, row, row.checked(args))
    }

    /// Applies the binary row `row`, chosen at run time.
    ///
    /// ```
    /// use autograd::{Binary, Tape};
    /// let tape = Tape::new();
    /// let x = tape.var([-1.0, 2.0]);
    /// assert_eq!(x.binary(Binary::Mul, 3.0).value(), (x * 3.0).value());
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[must_use]
    #[track_caller]
    pub fn binary(self, row: Binary, b: impl Operand<'t, T>) -> Self {
        self.tape.note();
        b.right_of(row, self)
    }

    #[track_caller]
    pub(crate) fn binary_checked(self, row: Binary, b: Self) -> Self {
        same_tape(row.name(), self.tape, b.tape);
        let tape = self.tape;
        let array = tape.arena_mut().binary(row, self.array, b.array, &tape.pool).or_panic();
        self.tape.recorded_array(array);
        Var { array, ..self }
    }
}

#[track_caller]
pub(crate) fn same_shape(op: &str, shape: &Shape, other: &Shape) {
    assert!(
        shape == other,
        "{op}: a tangent or gradient of shape {other} does not belong to an array of shape {shape}"
    );
}

/// Recorded evaluation of the rules: each operation appends a node to the tape.
impl<'t, T: Float> Array for Var<'t, T> {
    type Value = T;

    fn shape(&self) -> Shape {
        Var::shape(*self)
    }

    #[track_caller]
    fn apply(op: impl Into<Op>, shape: Shape, x: &[&Self]) -> Self {
        let op = op.into();
        let tape = x[0].tape;
        for x in x {
            same_tape(op.name(), tape, x.tape); // a loop, so that a panic points at the caller
        }
        let array = tape.arena_mut().record(op, shape, &PerInput::of(x, |x| x.array), &tape.pool);
        tape.recorded_array(array);
        Var { tape, array }
    }

    #[track_caller]
    fn unary(&self, row: Unary, args: Args) -> Self {
        let array = self.tape.arena_mut().unary(row, args, self.array, &self.tape.pool);
        self.tape.recorded_array(array);
        Var { array, ..*self }
    }

    #[track_caller]
    fn binary(&self, row: Binary, b: &Self) -> Self {
        self.binary_checked(row, *b)
    }

    #[track_caller]
    fn meets(&self, other: &Self, op: &str) {
        same_tape(op, self.tape, other.tape);
    }

    #[track_caller]
    fn with_values<R>(&self, see: impl FnOnce(&[T]) -> R) -> R {
        Var::with_values(*self, see)
    }

    fn constant_like(&self, shape: Shape, value: impl FnMut(usize) -> T) -> Self {
        self.tape.constant_with(shape, value)
    }

    fn indices_like(&self, indices: impl Iterator<Item = usize>) -> Arc<Vec<usize>> {
        self.tape.arena_mut().indices(indices)
    }

    fn as_multiple_of(&self, y: &Self) -> Option<Self> {
        array_multiple(*self, *y)
    }

    fn untransposed(&self) -> Option<Self> {
        let arena = self.tape.arena.borrow();
        let ArrayCode::Op(op) = arena.arrays[self.array].code else { return None };
        let transposed = arena.arrays[self.array].pending && matches!(arena.arrays.op(op), Op::Transpose(_));
        transposed.then(|| Var { tape: self.tape, array: arena.arrays.inputs(self.array)[0] })
    }
}

macro_rules! operators {
    ($($Trait:ident $method:ident $Assign:ident $assign:ident $Row:ident;)*) => { $(
        impl<'t, T: Float, R: Operand<'t, T>> $Trait<R> for Var<'t, T> {
            type Output = Self;
            #[track_caller]
            fn $method(self, b: R) -> Self {
                self.tape.note();
                b.right_of(Binary::$Row, self)
            }
        }
        impl<'t, T: Float> $Trait<Var<'t, T>> for f64 {
            type Output = Var<'t, T>;
            #[track_caller]
            fn $method(self, b: Var<'t, T>) -> Var<'t, T> {
                let (row, args) = Binary::$Row.with_number_left(self).expect("an operator");
                b.unary(row, args)
            }
        }
        operators!(left $Trait $method $Row Scalar<'t, T>);
        operators!(left $Trait $method $Row &Param<T>);
        operators!(left $Trait $method $Row &Tensor<T>);
        operators!(left $Trait $method $Row Tensor<T>);
        impl<'t, T: Float, R: Operand<'t, T>> $Assign<R> for Var<'t, T> {
            #[track_caller]
            fn $assign(&mut self, b: R) {
                self.tape.note();
                *self = b.right_of(Binary::$Row, *self);
            }
        }
    )* };
    (left $Trait:ident $method:ident $Row:ident $Left:ty) => {
        impl<'t, T: Float> $Trait<Var<'t, T>> for $Left {
            type Output = Var<'t, T>;
            #[track_caller]
            fn $method(self, b: Var<'t, T>) -> Var<'t, T> {
                b.tape.note();
                Operand::<'t, T>::operand_of(self, Binary::$Row.name(), b.tape).binary_checked(Binary::$Row, b)
            }
        }
    };
}
operators! {
    Add add AddAssign add_assign Add;
    Sub sub SubAssign sub_assign Sub;
    Mul mul MulAssign mul_assign Mul;
    Div div DivAssign div_assign Div;
}

impl<T: Float> Neg for Var<'_, T> {
    type Output = Self;
    #[track_caller]
    fn neg(self) -> Self {
        self.unary(Unary::Neg, [0.0; 2])
    }
}

impl<T: Float> fmt::Debug for Var<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let released = self.tape.arena.try_borrow().is_ok_and(|arena| arena.arrays.is_released(self.array));
        if released {
            return write!(f, "Var [{}] of a parameter that was updated since, of shape {}", self.array, self.shape());
        }
        write!(f, "Var [{}] {:?}", self.array, self.value())
    }
}

impl<T: Float> fmt::Display for Var<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.value(), f)
    }
}
