//! [`Number`]: the trait that formulas are generic over, so that one formula has several uses.

// A hidden method of a public trait is generic over rows, which are this crate's alone.
#![allow(private_bounds)]

pub(crate) mod dual;
pub(crate) mod instances;
mod marks;
pub(crate) mod passing;
pub(crate) mod rows;
mod rules;
pub(crate) mod table;

use std::fmt::{Debug, Display};
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::math::{self, ieee::Ieee};
use crate::number::rows::{Args, Binary, BinaryRow, BinaryVisitor, Unary, UnaryRow, UnaryVisitor};
use crate::number::table::{binary_table, unary_table};

macro_rules! number_unary_methods {
    (($x:ident $y:ident $p:ident $q:ident $c:ident $d:ident) $(
        $(#[$doc:meta])* $Row:ident, $name:ident($($arg:ident: $type:ty),*), $value:expr, $derivative:expr, $domain:expr, [$($kink:expr),*] $(, $Mark:ident)*;
    )*) => { $(
        $(#[$doc])*
        #[inline(always)]
        #[track_caller]
        fn $name(self $(, $arg: $type)*) -> Self { self.row::<rows::unary::$Row>(Unary::$Row.args([$($arg.into()),*])) }
    )* };
}
macro_rules! number_binary_methods {
    (($a:ident $b:ident $y:ident $c:ident $d:ident) $($(#[$doc:meta])* $Row:ident, $name:ident, $value:expr, $partials:expr, $da:expr, $db:expr $(, $Mark:ident)*;)*) => { $(
        $(#[$doc])*
        #[inline(always)]
        fn $name(self, b: Self) -> Self { self.row_of_two::<rows::binary::$Row>(b) }
    )* };
}

/// Types that elementwise formulas are generic over: `f32`, `f64`, [`Dual`](crate::Dual), recorded handles.
/// [`Real`] is the same with a value to decide by.
///
/// Derivative rules are formulas over `Number`, and so are user-defined elementwise functions. The trait provides all
/// methods of the operation table from its two required methods.
///
/// ```
/// use autograd::{Dual, Number};
/// fn swish<N: Number>(x: N) -> N {
///     x / (N::one() + (-x).exp())
/// }
/// assert_eq!(swish(0.0), 0.0);
/// assert_eq!(swish(Dual::new(0.0, 1.0)).derivative, 0.5);
/// ```
pub trait Number:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// A plain number, with derivative 0.
    fn constant(value: f64) -> Self;

    /// A row of the table. It is named as a type, so that a user's formula does not compile the other rows.
    #[doc(hidden)]
    fn row<R: UnaryRow>(self, args: Args) -> Self;

    /// A row of two inputs.
    #[doc(hidden)]
    fn row_of_two<R: BinaryRow>(self, b: Self) -> Self;

    /// [`row`](Number::row) where the row is known only at run time.
    #[doc(hidden)]
    #[inline(always)]
    fn unary(self, row: Unary, args: Args) -> Self {
        struct Of<N>(N, Args);
        impl<N: Number> UnaryVisitor for Of<N> {
            type Out = N;
            #[inline(always)]
            fn visit<R: UnaryRow>(self) -> N {
                self.0.row::<R>(self.1)
            }
        }
        row.dispatch(Of(self, args))
    }

    /// The same for a row of two inputs.
    #[doc(hidden)]
    #[inline(always)]
    fn binary(self, row: Binary, b: Self) -> Self {
        struct Of<N>(N, N);
        impl<N: Number> BinaryVisitor for Of<N> {
            type Out = N;
            #[inline(always)]
            fn visit<R: BinaryRow>(self) -> N {
                self.0.row_of_two::<R>(self.1)
            }
        }
        row.dispatch(Of(self, b))
    }

    /// `a` where this mask is not 0, else `b`; the branch not taken contributes nothing, not even a NaN.
    fn select(self, a: Self, b: Self) -> Self;

    /// `most()` if the value of this number passes the test, else `rest()`. An array's values may differ in the test:
    /// only then are both computed, and `select` joins them by a mask.
    #[doc(hidden)]
    fn decide<R: Copy>(
        self,
        test: Test<Self>,
        most: impl FnOnce() -> R,
        rest: impl FnOnce() -> R,
        select: impl FnOnce(Self, R, R) -> R,
    ) -> R;

    /// [`sech_squared`](Number::sech_squared) of this, given its hyperbolic tangent `y`: cheaper, and so is what is derived
    /// from it. Plain numbers may be up to 22.
    #[doc(hidden)]
    #[inline(always)]
    fn sech_squared_from(self, y: Self) -> Self {
        y.tanh_slope(self)
    }

    /// [`logistic_density`](Number::logistic_density) of this, given its sigmoid `y`; cheaper likewise.
    #[doc(hidden)]
    #[inline(always)]
    fn logistic_density_from(self, _y: Self) -> Self {
        self.logistic_density()
    }

    /// Whether this is known to be 0 before anything is computed: a tangent that never moves, whose products need not be
    /// recorded.
    #[doc(hidden)]
    #[inline(always)]
    fn is_still(self) -> bool {
        false
    }

    /// Whether [`shortcut`](Number::shortcut) may take the cheap form: for plain numbers only, since only its value
    /// is right.
    #[doc(hidden)]
    const SHORTCUTS: bool = false;

    /// [`decide`](Number::decide) for a magnitude of at most `bound`, where `everywhere()` is correct too but costs
    /// more. Formulas that may be differentiated use `everywhere()`, because only the value of `near()` is correct.
    #[doc(hidden)]
    #[inline(always)]
    fn shortcut<R: Copy>(
        self,
        bound: f64,
        near: impl FnOnce() -> R,
        everywhere: impl FnOnce() -> R,
        select: impl FnOnce(Self, R, R) -> R,
    ) -> R {
        if Self::SHORTCUTS { self.decide(Test::Within(bound), near, everywhere, select) } else { everywhere() }
    }

    /// The constant 0.
    fn zero() -> Self {
        Self::constant(0.0)
    }

    /// The constant 1.
    fn one() -> Self {
        Self::constant(1.0)
    }

    unary_table!(number_unary_methods);
    binary_table!(number_binary_methods);
}

/// A [`Number`] whose value can be looked at: `f32`, `f64`, [`Dual`](crate::Dual) and [`Partials`](crate::Partials) of
/// these, numbers on a tape ([`Recorded`](crate::Recorded)), and dual numbers over a tape.
///
/// A formula with control flow is written once over it, and differentiated in either mode, or in one within the other.
/// Decisions are made on values, and have no derivative of their own.
///
/// ```
/// use autograd::{Dual, Number, Real, Recorded, Scalar, Tape};
/// /// √a by Newton's method, until it no longer moves.
/// fn root<N: Real>(a: N) -> N {
///     let mut x = a;
///     loop {
///         let next = (x + a / x).times_number(0.5);
///         if (next.value() - x.value()).abs() < 1e-12 {
///             return next;
///         }
///         x = next;
///     }
/// }
/// let close = |slope: f64| assert!((slope - 0.25).abs() < 1e-12); // 1/(2√4)
/// assert_eq!(root(4.0), 2.0);
/// close(root(Dual::new(4.0, 1.0)).derivative);
/// let tape = Tape::new();
/// let a = tape.scalar(4.0);
/// close(root(Recorded::from(a)).on(&tape).backward()[a]);
/// // Reverse over forward: d/da of 1/(2√a) is −1/(4a√a).
/// let slope = root(Dual::new(Recorded::from(a), Recorded::one())).derivative.on(&tape);
/// close(slope.value());
/// assert!((slope.backward()[a] + 1.0 / 32.0).abs() < 1e-12);
/// ```
pub trait Real: Number {
    /// The value as a plain number, without derivatives.
    fn value(self) -> f64;
}

/// A test of a number's value, for formulas that have one form for most numbers and another for the rest.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub enum Test<N> {
    /// As `Normal`, but also true if a number of `of` is 0: their product or quotient may then be 0.
    Normal,
    /// As `Normal`, but also true for a 0 that is the product or quotient of something that is 0.
    Whole { of: [N; 2] },
    /// Whether its magnitude is at most this bound.
    Within(f64),
    /// Whether it is at least this bound.
    AtLeast(f64),
}

impl<N> Test<N> {
    /// The same test on the values of other numbers.
    #[inline(always)]
    pub(crate) fn map<M>(self, mut value: impl FnMut(N) -> M) -> Test<M> {
        match self {
            Test::Whole { of: [a, b] } => Test::Whole { of: [value(a), value(b)] },
            Test::Normal => Test::Normal,
            Test::Within(bound) => Test::Within(bound),
            Test::AtLeast(bound) => Test::AtLeast(bound),
        }
    }
}

impl<T: Ieee> Test<T> {
    /// The result of the test, without a branch.
    #[inline(always)]
    pub(crate) fn of(self, x: T) -> bool {
        match self {
            Test::Normal => x.is_normal(),
            Test::Whole { of: [a, b] } => x.is_normal() | (a == math::of(0.0)) | (b == math::of(0.0)),
            Test::Within(bound) => math::abs(x) <= math::of(bound),
            Test::AtLeast(bound) => x >= math::of(bound),
        }
    }
}

/// The type of an array's values: `f32` or `f64`.
///
/// Plain numbers in formulas are `f64` whatever the array's type, so that code over any `Float` can write `0.5 * x`.
///
/// ```
/// use autograd::{Float, Tensor};
/// fn halves<T: Float>(n: usize) -> Tensor<T> {
///     Tensor::full(n, T::from_f64(0.5))
/// }
/// assert_eq!(halves::<f32>(2).to_vec(), [0.5, 0.5]);
/// ```
pub trait Float: Number + Ieee + PartialOrd + Debug + Display + Default + Send + Sync + 'static {
    /// The type's name: `"f32"` or `"f64"`.
    const NAME: &'static str;
    /// The difference between 1 and the next larger number.
    const EPSILON: f64;

    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;

    /// The same number as `f64`, exactly.
    fn to_f64(self) -> f64;

    /// Whether the number is neither infinite nor NaN.
    fn is_finite(self) -> bool {
        self.to_f64().is_finite()
    }
}

macro_rules! float {
    ($T:ident) => {
        impl Number for $T {
            const SHORTCUTS: bool = true;

            #[inline(always)]
            fn constant(value: f64) -> $T {
                value as $T
            }
            #[inline(always)]
            fn row<R: UnaryRow>(self, args: Args) -> $T {
                R::value(self, args)
            }
            #[inline(always)]
            fn row_of_two<R: BinaryRow>(self, b: $T) -> $T {
                R::value(self, b)
            }
            #[inline(always)]
            fn select(self, a: $T, b: $T) -> $T {
                math::select(self != 0.0, a, b)
            }
            #[inline(always)]
            fn sech_squared_from(self, y: $T) -> $T {
                math::exponential::near_sech_squared_from(self, y)
            }
            #[inline(always)]
            fn logistic_density_from(self, y: $T) -> $T {
                math::exponential::logistic_density_from(self, y)
            }
            #[inline(always)]
            fn decide<R: Copy>(
                self,
                test: Test<$T>,
                most: impl FnOnce() -> R,
                rest: impl FnOnce() -> R,
                _select: impl FnOnce($T, R, R) -> R,
            ) -> R {
                if test.of(self) { most() } else { math::rarely(rest) }
            }
        }

        impl Real for $T {
            #[inline(always)]
            fn value(self) -> f64 {
                f64::from(self)
            }
        }

        impl Float for $T {
            const NAME: &'static str = stringify!($T);
            const EPSILON: f64 = $T::EPSILON as f64;

            #[inline(always)]
            fn from_f64(value: f64) -> $T {
                value as $T
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
        }
    };
}
float!(f32);
float!(f64);
