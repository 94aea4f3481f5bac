//! [`Scalar`]: a recorded number.

use std::fmt;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use super::append::Second;
use super::arena::Opcode;
use super::{ScalarOperand, Tape, Var, same_tape};
use crate::number::Float;
use crate::number::rows::{Args, Binary, Unary};
use crate::number::table::{binary_table, unary_table};
use crate::param::Param;
use crate::sweep::Gradients;
use crate::tensor::Tensor;

/// A number on a tape: a `Copy` handle that carries its value.
///
/// Reductions and losses return a `Scalar`, and only a `Scalar` has [`backward`](Scalar::backward). The derivative of
/// an array is a Jacobian, not a gradient, so asking an array for its gradient does not compile.
///
/// ```
/// use autograd::Tape;
/// let tape = Tape::new();
/// let (x, y) = (tape.scalar(2.0), tape.scalar(3.0));
/// let z = x * y + x.sin();
/// let grads = z.backward();
/// assert_eq!(grads[x], 3.0 + 2f64.cos());
/// assert_eq!(grads[y], 2.0);
/// ```
///
/// ```compile_fail,E0599
/// let tape = autograd::Tape::new();
/// let x = tape.var([1.0, 2.0]);
/// (x * x).backward(); // an array: sum() or mean() first
/// ```
///
/// Types are not mixed implicitly:
///
/// ```compile_fail,E0277
/// let (single, double) = (autograd::Tape::<f32>::default(), autograd::Tape::new());
/// let z = single.scalar(1.0) + double.scalar(1.0);
/// ```
#[derive(Clone, Copy)]
pub struct Scalar<'t, T: Float = f64> {
    tape: &'t Tape<T>,
    node: u32,
    value: T,
}

impl<'t, T: Float> Scalar<'t, T> {
    #[inline(always)]
    pub(crate) fn new(tape: &'t Tape<T>, node: u32, value: T) -> Self {
        Scalar { tape, node, value }
    }

    #[inline(always)]
    pub(crate) fn node(self) -> u32 {
        self.node
    }

    /// The value.
    #[inline(always)]
    pub fn value(self) -> T {
        self.value
    }

    /// The tape that this number is recorded on.
    #[inline(always)]
    pub fn tape(self) -> &'t Tape<T> {
        self.tape
    }

    /// The gradients of this number with respect to every variable and parameter on its tape, in one sweep.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.scalar(0.5);
    /// let grads = x.exp().backward();
    /// assert_eq!(grads[x], 0.5f64.exp());
    /// ```
    #[track_caller]
    pub fn backward(self) -> Gradients<'t, T> {
        crate::sweep::backward_with(self, None)
    }

    /// [`backward`](Scalar::backward), which reports the gradient of each [named](Var::named) value to `observe`.
    ///
    /// The sweep reports from the last recorded value to the first. `observe` may read values, and must not record.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([3.0]).named("x");
    /// let y = (x * 2.0).named("y");
    /// let mut norms = vec![];
    /// y.square().sum().backward_with(|name, gradient| norms.push((name.to_string(), gradient.norm())));
    /// assert_eq!(norms, [("y".to_string(), 12.0), ("x".to_string(), 24.0)]);
    /// ```
    #[track_caller]
    pub fn backward_with(self, mut observe: impl FnMut(&str, &Tensor<T>)) -> Gradients<'t, T> {
        crate::sweep::backward_with(self, Some(&mut observe))
    }

    /// [`backward`](Scalar::backward) for parameters only, which calls `f` as soon as a gradient is complete.
    ///
    /// The sweep goes from the last recorded parameter to the first, and `f` may change the parameter. The gradients
    /// that `f` receives hold no other parameter's. Use it for models of many layers: a gradient is used while it is
    /// still in the cache, and its memory serves the next one. An update that needs all gradients at once, such as
    /// clipping by their norm, needs `backward`.
    ///
    /// ```
    /// use autograd::{Param, Tape};
    /// let (w, v) = (Param::new([2.0]), Param::new([3.0]));
    /// let tape = Tape::new();
    /// let loss = (w.on(&tape) * &v).sum();
    /// loss.backward_each(|param, grads| {
    ///     grads.update_each(param, [], |p, dp, []| *p -= 0.5 * dp);
    /// });
    /// assert_eq!((w.value().item(), v.value().item()), (2.0 - 0.5 * 3.0, 3.0 - 0.5 * 2.0));
    /// ```
    #[track_caller]
    pub fn backward_each(self, f: impl FnMut(&Param<T>, &Gradients<'t, T>)) {
        crate::sweep::backward_each(self, f);
    }

    /// The same number as an array of shape `()`.
    #[track_caller]
    pub fn to_var(self) -> Var<'t, T> {
        Var::new(self.tape, self.tape.arena_mut().lift(self.node))
    }

    /// A constant with the same value, through which no gradient flows.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.scalar(3.0);
    /// assert_eq!((x * x.detach()).backward()[x], 3.0);
    /// ```
    #[track_caller]
    pub fn detach(self) -> Self {
        self.tape.scalar_constant(self.value)
    }

    /// `a` where this mask is not 0, else `b`; the branch not taken gets no gradient.
    ///
    /// It returns one of the two and records nothing. [`Var::select`] records both.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.scalar(-4.0);
    /// let y = x.greater(0.0).select(x.sqrt(), x * 0.0);
    /// assert_eq!(y.backward()[x], 0.0); // not NaN
    /// ```
    #[track_caller]
    pub fn select(self, a: Self, b: Self) -> Self {
        same_tape("select", self.tape, a.tape);
        same_tape("select", self.tape, b.tape);
        // A recorded value never changes, so the choice is fixed and needs no node.
        if self.value == T::zero() { b } else { a }
    }

    /// Applies the unary row `row`, chosen at run time; `args` are the method's plain-number arguments.
    ///
    /// ```
    /// use autograd::{Tape, Unary};
    /// let x = Tape::new().leak().scalar(0.5);
    /// assert_eq!(x.unary(Unary::Tanh, [0.0; 2]).value(), x.tanh().value());
    /// ```
    #[must_use]
    #[track_caller]
    #[inline(always)]
    pub fn unary(self, row: Unary, args: Args) -> Self {
        let args = row.checked(args);
        let value = self.value.unary(row, args);
        // Computed before the tape is accessed: after that branch the compiler would recompute what value and
        // derivative share.
        let second = match row.keeps_slope() {
            true => Second::Slope(row.pass(self.value, value, args, T::one())),
            false => Second::Numbers(args),
        };
        self.tape.append(Opcode::Unary(row), self.node, second, value)
    }

    /// Applies the binary row `row`, chosen at run time.
    ///
    /// ```
    /// use autograd::{Binary, Tape};
    /// let x = Tape::new().leak().scalar(0.5);
    /// assert_eq!(x.binary(Binary::Mul, x).value(), 0.25);
    /// ```
    #[must_use]
    #[track_caller]
    #[inline(always)]
    pub fn binary(self, row: Binary, b: Self) -> Self {
        same_tape(row.name(), self.tape, b.tape);
        self.tape.append(Opcode::Binary(row), self.node, Second::Node(b.node), self.value.binary(row, b.value))
    }
}

macro_rules! unary_methods {
    (($x:ident $y:ident $p:ident $q:ident $c:ident $d:ident) $(
        $(#[$doc:meta])* $Row:ident, $name:ident($($arg:ident: $type:ty),*), $value:expr, $derivative:expr, $domain:expr, [$($kink:expr),*] $(, $Mark:ident)*;
    )*) => {
        impl<T: Float> Scalar<'_, T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            #[inline(always)]
            pub fn $name(self $(, $arg: $type)*) -> Self {
                self.unary(Unary::$Row, Unary::$Row.args([$($arg.into()),*]))
            }
        )* }
    };
}
unary_table!(unary_methods);

macro_rules! binary_methods {
    (($a:ident $b:ident $y:ident $c:ident $d:ident) $($(#[$doc:meta])* $Row:ident, $name:ident, $value:expr, $partials:expr, $da:expr, $db:expr $(, $Mark:ident)*;)*) => {
        impl<'t, T: Float> Scalar<'t, T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            #[inline(always)]
            pub fn $name(self, b: impl ScalarOperand<'t, T>) -> Self {
                b.right_of(Binary::$Row, self)
            }
        )* }
    };
}
binary_table!(binary_methods);

macro_rules! operators {
    ($($Trait:ident $method:ident $Assign:ident $assign:ident $Row:ident;)*) => { $(
        impl<T: Float> $Trait for Scalar<'_, T> {
            type Output = Self;
            #[track_caller]
            #[inline(always)]
            fn $method(self, b: Self) -> Self {
                self.binary(Binary::$Row, b)
            }
        }
        impl<T: Float> $Trait<f64> for Scalar<'_, T> {
            type Output = Self;
            #[track_caller]
            #[inline(always)]
            fn $method(self, b: f64) -> Self {
                b.right_of(Binary::$Row, self)
            }
        }
        impl<'t, T: Float> $Trait<Scalar<'t, T>> for f64 {
            type Output = Scalar<'t, T>;
            #[track_caller]
            #[inline(always)]
            fn $method(self, b: Scalar<'t, T>) -> Scalar<'t, T> {
                let (row, args) = Binary::$Row.with_number_left(self).expect("an operator");
                b.unary(row, args)
            }
        }
        impl<'t, T: Float, R> $Assign<R> for Scalar<'t, T> where Self: $Trait<R, Output = Self> {
            #[track_caller]
            #[inline(always)]
            fn $assign(&mut self, b: R) {
                *self = $Trait::$method(*self, b);
            }
        }
    )* };
}
operators! {
    Add add AddAssign add_assign Add;
    Sub sub SubAssign sub_assign Sub;
    Mul mul MulAssign mul_assign Mul;
    Div div DivAssign div_assign Div;
}

impl<T: Float> Neg for Scalar<'_, T> {
    type Output = Self;
    #[track_caller]
    #[inline(always)]
    fn neg(self) -> Self {
        self.unary(Unary::Neg, [0.0; 2])
    }
}

/// Sums scalars of one tape.
///
/// # Panics
/// If there are none, since an empty sum has no tape.
impl<'t, T: Float> std::iter::Sum for Scalar<'t, T> {
    #[track_caller]
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.reduce(|a, b| a + b)
            .expect("sum: no scalars to add; an empty sum has no tape, use tape.scalar_constant(0.0)")
    }
}

impl<T: Float> fmt::Debug for Scalar<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scalar #{} = {}", self.node, self.value)
    }
}

impl<T: Float> fmt::Display for Scalar<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.value, f)
    }
}
