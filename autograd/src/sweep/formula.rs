//! Formulas in their recorded reading: the rules of the table on handles, which append to the tape.

use crate::kernels::fused::Elementwise;
use crate::number::{Float, Number};
use crate::ops::rows::{Args, Binary, Unary};
use crate::ops::{Array, Reading};
use crate::tape::{Scalar, Var};
use crate::tensor::Tensor;

impl<T: Float> Reading for Var<'_, T> {
    fn unary_vjp(row: Unary, args: Args, x: &Self, y: &Self, dy: Self) -> Self {
        if row == Unary::Abs
            && let Some(multiple) = dy.as_multiple_of(y)
        {
            return multiple.chain(*x);
        }
        row.derivative(Recorded::Handle(*x), Recorded::Handle(*y), args).scale(dy)
    }

    fn binary_vjp(row: Binary, second: bool, a: &Self, b: &Self, y: &Self, dy: Self) -> Self {
        let (da, db) = row.partials(Recorded::Handle(*a), Recorded::Handle(*b), Recorded::Handle(*y));
        if second { db } else { da }.scale(dy)
    }
}

/// What a recorded formula is made of: scalars or arrays.
pub(super) trait Handle: Copy {
    fn apply_unary(self, row: Unary, args: Args) -> Self;
    fn apply_binary(self, row: Binary, b: Self) -> Self;
    fn apply_select(self, a: Self, b: Self) -> Self;
    /// A plain number as a handle beside `self`.
    fn lift(self, value: f64) -> Self;
}

impl<T: Float> Handle for Scalar<'_, T> {
    fn apply_unary(self, row: Unary, args: Args) -> Self {
        self.unary(row, args)
    }
    fn apply_binary(self, row: Binary, b: Self) -> Self {
        self.binary(row, b)
    }
    fn apply_select(self, a: Self, b: Self) -> Self {
        self.select(a, b)
    }
    fn lift(self, value: f64) -> Self {
        self.tape().scalar_constant(T::from_f64(value))
    }
}

impl<T: Float> Handle for Var<'_, T> {
    fn apply_unary(self, row: Unary, args: Args) -> Self {
        self.unary(row, args)
    }
    fn apply_binary(self, row: Binary, b: Self) -> Self {
        Array::binary(&self, row, &b)
    }
    fn apply_select(self, a: Self, b: Self) -> Self {
        self.select(a, b)
    }
    fn lift(self, value: f64) -> Self {
        self.tape().constant(Tensor::full([], T::from_f64(value)))
    }
}

impl<'t, T: Float> Scalar<'t, T> {
    /// A function of one's own, recorded as the operations that it is made of: see [`Elementwise`].
    ///
    /// ```
    /// use autograd::{Elementwise, Number, Tape};
    /// #[derive(Clone, Copy)]
    /// struct Cube;
    /// impl Elementwise for Cube {
    ///     fn f<N: Number>(self, x: N) -> N {
    ///         x * x * x
    ///     }
    /// }
    /// let tape = Tape::new();
    /// let x = tape.scalar(2.0);
    /// assert_eq!(x.map(Cube).backward()[x], 12.0);
    /// ```
    #[must_use]
    pub fn map(self, f: impl Elementwise) -> Self {
        match f.f(Recorded::Handle(self)) {
            Recorded::Handle(y) => y,
            Recorded::Number(y) => self.lift(y),
        }
    }
}

/// A handle, or a number that is not yet on any tape: rules may name constants without knowing a tape.
#[derive(Clone, Copy)]
pub(super) enum Recorded<H> {
    Number(f64),
    Handle(H),
}

use Recorded::Number as Plain;

impl<H: Handle> Recorded<H> {
    /// `dy · self`, the product of the chain rule.
    pub(super) fn scale(self, dy: H) -> H {
        match self {
            Recorded::Number(1.0) => dy,
            Recorded::Number(factor) => dy.apply_unary(Unary::MulNumber, [factor, 0.0]),
            Recorded::Handle(factor) => dy.apply_binary(Binary::Chain, factor),
        }
    }
}

impl<H: Handle> Number for Recorded<H> {
    fn constant(value: f64) -> Self {
        Recorded::Number(value)
    }

    fn unary(self, row: Unary, args: Args) -> Self {
        match self {
            Plain(x) => Plain(x.unary(row, args)),
            Recorded::Handle(x) => Recorded::Handle(x.apply_unary(row, args)),
        }
    }

    fn binary(self, row: Binary, b: Self) -> Self {
        let handle = match (self, b) {
            (Plain(a), Plain(b)) => return Plain(a.binary(row, b)),
            (Recorded::Handle(a), Recorded::Handle(b)) => a.apply_binary(row, b),
            (Recorded::Handle(a), Plain(b)) => match row.with_number_right(b) {
                Some((row, args)) => a.apply_unary(row, args),
                None => a.apply_binary(row, a.lift(b)),
            },
            (Plain(a), Recorded::Handle(b)) => match row.with_number_left(a) {
                Some((row, args)) => b.apply_unary(row, args),
                None => b.lift(a).apply_binary(row, b),
            },
        };
        Recorded::Handle(handle)
    }

    fn select(self, a: Self, b: Self) -> Self {
        let mask = match self {
            Plain(mask) => return if mask == 0.0 { b } else { a },
            Recorded::Handle(mask) => mask,
        };
        let handle = |x| match x {
            Plain(value) => mask.lift(value),
            Recorded::Handle(x) => x,
        };
        Recorded::Handle(mask.apply_select(handle(a), handle(b)))
    }
}

macro_rules! operators {
    ($($Trait:ident $method:ident $Row:ident;)*) => { $(
        impl<H: Handle> std::ops::$Trait for Recorded<H> {
            type Output = Self;
            fn $method(self, b: Self) -> Self {
                self.binary(Binary::$Row, b)
            }
        }
    )* };
}
operators! { Add add Add; Sub sub Sub; Mul mul Mul; Div div Div; }

impl<H: Handle> std::ops::Neg for Recorded<H> {
    type Output = Self;
    fn neg(self) -> Self {
        self.unary(Unary::Neg, [0.0; 2])
    }
}
