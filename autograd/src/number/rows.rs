//! The table's rows as values: the tape stores them, and the kernels reach a row's formulas through them.

use std::f64::consts::{LN_2, LOG2_E, LOG10_E, PI};

use super::marks::{Mark, has};
use super::passing::{Passing, select, shortcut};
use super::rules::*;
use super::table::{binary_table, unary_table};
use crate::math::{self as m, Real, special};
use crate::number::Number;

/// λ of the self-normalising unit: with [`SELU_ALPHA`] it preserves mean 0 and variance 1 (Klambauer et al. 2017).
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
/// α of the self-normalising unit.
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
/// 1/√(2π), the height of the normal density.
const FRAC_1_SQRT_2PI: f64 = 0.398_942_280_401_432_7;
/// The plain-number arguments of a row, as `[p, q]`; unused ones are 0.
pub(crate) type Args = [f64; 2];

/// The marks of a row that its kernels read.
pub(crate) trait Marked: Copy {
    /// Whether it is marked [`Decides`](Mark::Decides).
    const DECIDES: bool;
    /// Whether it is marked [`Loops`](Mark::Loops) or [`Common`](Mark::Common).
    const LOOPS: bool;
    /// Whether it is marked [`Single`](Mark::Single).
    const SINGLE: bool;
    /// Whether it is marked [`Near`](Mark::Near).
    const NEAR: bool;
    /// Whether it is marked [`Mixed`](Mark::Mixed).
    const MIXED: bool;
}

/// The formulas of an elementwise row of one input.
pub(crate) trait UnaryRow: Marked {
    /// The row as a value.
    const ROW: Unary;
    /// Whether it is marked [`KeepsSlopeOfArrays`](Mark::KeepsSlopeOfArrays).
    const KEEPS: bool;
    fn value<T: Real>(x: T, args: Args) -> T;
    /// `d · dy/dx`
    fn pass<N: Number>(x: N, y: N, args: Args, d: Passing<N>) -> Passing<N>;
}

/// The formulas of an elementwise row of two inputs.
pub(crate) trait BinaryRow: Marked {
    /// The row as a value.
    const ROW: Binary;
    fn value<T: Real>(a: T, b: T) -> T;
    /// `d · ∂y/∂a`
    fn first<N: Number>(a: N, b: N, y: N, d: Passing<N>) -> Passing<N>;
    /// `d · ∂y/∂b`
    fn second<N: Number>(a: N, b: N, y: N, d: Passing<N>) -> Passing<N>;
}

/// A generic action on a row that is only known at run time: a kernel, instantiated for each row.
pub(crate) trait UnaryVisitor {
    type Out;
    fn visit<R: UnaryRow>(self) -> Self::Out;
}

/// The same for rows of two inputs.
pub(crate) trait BinaryVisitor {
    type Out;
    fn visit<R: BinaryRow>(self) -> Self::Out;
}

/// A row as the property tests and the documentation see it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Row<R> {
    /// The operation.
    pub row: R,
    /// The method's name.
    pub name: &'static str,
    /// The interval of each input on which the row is tested; it is smooth there except at `kinks`.
    pub domains: &'static [(f64, f64)],
    /// Points of the first input's domain with a kink or a jump.
    pub kinks: &'static [f64],
    /// The number of plain-number arguments of the method.
    pub arguments: usize,
}

macro_rules! define_unary {
    (($x:ident $y:ident $p:ident $q:ident $c:ident $d:ident) $(
        $(#[$doc:meta])* $Row:ident, $name:ident($($arg:ident: $type:ty),*), $value:expr, $derivative:expr, $domain:expr, [$($kink:expr),*]
        $(, $Mark:ident)*;
    )*) => {
        /// The elementwise operations of one input: the rows of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Unary { $($(#[$doc])* $Row,)* }

        /// The rows as types.
        pub(crate) mod unary {
            $(#[derive(Clone, Copy)] pub(crate) struct $Row;)*
        }

        $(
            impl Marked for unary::$Row {
                const DECIDES: bool = has(&[$(Mark::$Mark),*], Mark::Decides);
                const LOOPS: bool = has(&[$(Mark::$Mark),*], Mark::Common) || has(&[$(Mark::$Mark),*], Mark::Loops);
                const SINGLE: bool = has(&[$(Mark::$Mark),*], Mark::Single);
                const NEAR: bool = has(&[$(Mark::$Mark),*], Mark::Near);
                const MIXED: bool = has(&[$(Mark::$Mark),*], Mark::Mixed);
            }
            #[allow(unused_variables)] // a row names only the arguments that it reads
            impl UnaryRow for unary::$Row {
                const ROW: Unary = Unary::$Row;
                const KEEPS: bool = has(&[$(Mark::$Mark),*], Mark::KeepsSlopeOfArrays);
                #[inline(always)]
                fn value<T: Real>($x: T, [$p, $q]: Args) -> T { let $c = T::of_f64; $value }
                #[inline(always)]
                fn pass<N: Number>($x: N, $y: N, [$p, $q]: Args, $d: Passing<N>) -> Passing<N> { let $c = N::constant; $derivative }
            }
        )*

        impl Unary {
            /// Every row.
            pub const ROWS: &'static [Row<Unary>] = &[$(Row {
                row: Unary::$Row,
                name: stringify!($name),
                domains: &[$domain],
                kinks: &[$($kink),*],
                arguments: <[&str]>::len(&[$(stringify!($arg)),*]),
            },)*];

            /// Whether the sweep of scalars has arms of its own for the row.
            pub(crate) const fn is_common(self) -> bool {
                const COMMON: &[bool] = &[$(has(&[$(Mark::$Mark),*], Mark::Common)),*];
                COMMON[self as usize]
            }

            #[inline(always)]
            pub(crate) fn dispatch<V: UnaryVisitor>(self, visitor: V) -> V::Out {
                match self { $(Unary::$Row => visitor.visit::<unary::$Row>(),)* }
            }

            /// Whether the derivative is 0 everywhere by policy, so that no gradient flows back.
            #[inline]
            pub fn is_flat(self) -> bool {
                const FLAT: &[bool] = &[$(has(&[$(Mark::$Mark),*], Mark::Flat)),*];
                FLAT[self as usize]
            }

            /// Whether an array keeps its derivatives, because they share most of their work with the values.
            #[inline(always)]
            pub(crate) fn keeps_slope_of_arrays(self) -> bool {
                const KEEPS: &[bool] = &[$(has(&[$(Mark::$Mark),*], Mark::KeepsSlopeOfArrays)),*];
                KEEPS[self as usize]
            }

            /// Whether a scalar node keeps its derivative, because it shares most of its work with the value.
            #[inline(always)]
            pub(crate) fn keeps_slope(self) -> bool {
                const KEEPS: &[bool] = &[$(has(&[$(Mark::$Mark),*], Mark::KeepsSlope)),*];
                KEEPS[self as usize]
            }
        }
    };
}

macro_rules! define_binary {
    (($a:ident $b:ident $y:ident $c:ident $d:ident) $(
        $(#[$doc:meta])* $Row:ident, $name:ident, $value:expr, ($first:expr, $second:expr $(,)?), $domain_a:expr, $domain_b:expr
        $(, $Mark:ident)*;
    )*) => {
        /// The elementwise operations of two inputs: the rows of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Binary { $($(#[$doc])* $Row,)* }

        /// The rows as types.
        pub(crate) mod binary {
            $(#[derive(Clone, Copy)] pub(crate) struct $Row;)*
        }

        $(
            impl Marked for binary::$Row {
                const DECIDES: bool = has(&[$(Mark::$Mark),*], Mark::Decides);
                const LOOPS: bool = has(&[$(Mark::$Mark),*], Mark::Common) || has(&[$(Mark::$Mark),*], Mark::Loops);
                const SINGLE: bool = has(&[$(Mark::$Mark),*], Mark::Single);
                const NEAR: bool = has(&[$(Mark::$Mark),*], Mark::Near);
                const MIXED: bool = has(&[$(Mark::$Mark),*], Mark::Mixed);
            }
            #[allow(unused_variables)] // a row names only the arguments that it reads
            impl BinaryRow for binary::$Row {
                const ROW: Binary = Binary::$Row;
                #[inline(always)]
                fn value<T: Real>($a: T, $b: T) -> T { let $c = T::of_f64; $value }
                #[inline(always)]
                fn first<N: Number>($a: N, $b: N, $y: N, $d: Passing<N>) -> Passing<N> { let $c = N::constant; $first }
                #[inline(always)]
                fn second<N: Number>($a: N, $b: N, $y: N, $d: Passing<N>) -> Passing<N> { let $c = N::constant; $second }
            }
        )*

        impl Binary {
            /// Every row.
            pub const ROWS: &'static [Row<Binary>] = &[$(Row {
                row: Binary::$Row,
                name: stringify!($name),
                domains: &[$domain_a, $domain_b],
                kinks: &[],
                arguments: 0,
            },)*];

            /// Whether the sweep of scalars has arms of its own for the row.
            pub(crate) const fn is_common(self) -> bool {
                const COMMON: &[bool] = &[$(has(&[$(Mark::$Mark),*], Mark::Common)),*];
                COMMON[self as usize]
            }

            /// Whether a few values are computed by a plain loop.
            pub(crate) const fn loops(self) -> bool {
                const LOOPS: &[bool] = &[$(<binary::$Row as Marked>::LOOPS),*];
                LOOPS[self as usize]
            }

            #[inline(always)]
            pub(crate) fn dispatch<V: BinaryVisitor>(self, visitor: V) -> V::Out {
                match self { $(Binary::$Row => visitor.visit::<binary::$Row>(),)* }
            }

            /// Whether both partial derivatives are 0 everywhere: a mask, through which no gradient flows back.
            #[inline]
            pub fn is_flat(self) -> bool {
                !self.passes_to(0)
            }

            /// Whether a gradient flows to the first (0) or the second (1) input.
            #[inline]
            pub(crate) fn passes_to(self, k: usize) -> bool {
                const PASSES: &[[bool; 2]] = &[$({
                    let flat = has(&[$(Mark::$Mark),*], Mark::Flat);
                    [!flat, !flat && !has(&[$(Mark::$Mark),*], Mark::FlatInSecond)]
                }),*];
                PASSES[self as usize][k]
            }
        }
    };
}

unary_table!(define_unary);
binary_table!(define_binary);

impl Unary {
    /// The method's name.
    pub fn name(self) -> &'static str {
        Self::ROWS[self as usize].name
    }

    /// `d · dy/dx`, for any `Number`.
    #[inline(always)]
    pub(crate) fn pass<N: Number>(self, x: N, y: N, args: Args, d: N) -> N {
        struct Pass<N>(N, N, Args, N);
        impl<N: Number> UnaryVisitor for Pass<N> {
            type Out = N;
            #[inline(always)]
            fn visit<R: UnaryRow>(self) -> N {
                R::pass(self.0, self.1, self.2, Passing(self.3)).0
            }
        }
        self.dispatch(Pass(x, y, args, d))
    }

    /// The value of a row that is known only at run time: one copy of all rows, out of line.
    #[inline(never)]
    pub(crate) fn value_of_any<N: Number>(self, x: N, args: Args) -> N {
        x.unary(self, args)
    }

    /// [`pass`](Self::pass) of a row that is known only at run time: one copy of all rows, out of line.
    #[inline(never)]
    pub(crate) fn pass_of_any<N: Number>(self, x: N, y: N, args: Args, d: N) -> N {
        self.pass(x, y, args, d)
    }

    /// Converts a method's plain numbers to this row's [`Args`].
    ///
    /// # Panics
    /// If they are invalid.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn args<const N: usize>(self, given: [f64; N]) -> Args {
        let mut args = [0.0; 2];
        args[..N].copy_from_slice(&given);
        self.checked(args)
    }

    /// The plain numbers of a row, if they are valid.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn checked(self, args: Args) -> Args {
        match self {
            Unary::Clamp if args[0] > args[1] || args.iter().any(|bound| bound.is_nan()) => refuse_bounds(args),
            Unary::Polygamma if args[0] < 0.0 => refuse("polygamma", "the order", args[0], "an order of 0 or more"),
            Unary::Gammainc | Unary::Gammaincc if args[0].is_nan() || args[0] <= 0.0 => {
                refuse(self.name(), "the shape", args[0], "a shape above 0")
            }
            _ => args,
        }
    }

    /// Whether the method takes plain numbers.
    #[inline(always)]
    pub(crate) fn takes_numbers(self) -> bool {
        Self::ROWS[self as usize].arguments > 0
    }
}

impl Binary {
    /// The method's name.
    pub fn name(self) -> &'static str {
        Self::ROWS[self as usize].name
    }

    /// `d · ∂y/∂a`, or `d · ∂y/∂b` if `second`, for any `Number`.
    #[inline(always)]
    pub(crate) fn pass<N: Number>(self, second: bool, [a, b, y]: [N; 3], d: N) -> N {
        struct Pass<N>(bool, [N; 3], N);
        impl<N: Number> BinaryVisitor for Pass<N> {
            type Out = N;
            #[inline(always)]
            fn visit<R: BinaryRow>(self) -> N {
                let Pass(second, [a, b, y], d) = self;
                let d = Passing(d);
                if second { R::second(a, b, y, d).0 } else { R::first(a, b, y, d).0 }
            }
        }
        self.dispatch(Pass(second, [a, b, y], d))
    }

    /// [`pass`](Self::pass) of a row that is known only at run time: one copy of all rows, out of line.
    #[inline(never)]
    pub(crate) fn pass_of_any<N: Number>(self, second: bool, aby: [N; 3], d: N) -> N {
        self.pass(second, aby, d)
    }

    /// Whether both partial derivatives are 1, so that the incoming gradient passes without arithmetic.
    pub(crate) fn is_sum(self) -> bool {
        self == Binary::Add
    }

    /// The row that computes `a op number` without recording the number as an input.
    pub(crate) fn with_number_right(self, number: f64) -> Option<(Unary, Args)> {
        let row = match self {
            Binary::Add => Unary::AddNumber,
            Binary::Sub => return Some((Unary::AddNumber, [-number, 0.0])),
            Binary::Mul => Unary::MulNumber,
            Binary::Div => Unary::DivNumber,
            Binary::Pow => Unary::Powf,
            Binary::Maximum => Unary::MaxNumber,
            Binary::Minimum => Unary::MinNumber,
            // With a factor that is not finite, or a divisor of 0, a gradient of 0 would become NaN here.
            Binary::Chain if number.is_finite() => Unary::MulNumber,
            Binary::ChainOver if number != 0.0 && !number.is_nan() => Unary::DivNumber,
            _ => return None,
        };
        Some((row, [number, 0.0]))
    }

    /// The row that computes `number op b` without recording the number as an input.
    pub(crate) fn with_number_left(self, number: f64) -> Option<(Unary, Args)> {
        let row = match self {
            Binary::Add => Unary::AddNumber,
            Binary::Sub => Unary::SubFrom,
            Binary::Mul => Unary::MulNumber,
            Binary::Div => Unary::DivInto,
            // A gradient of 0 passes nothing.
            Binary::Chain if number != 0.0 && number.is_finite() => Unary::MulNumber,
            Binary::ChainOver if number != 0.0 && number.is_finite() => Unary::DivInto,
            Binary::Pow => Unary::ExpBase,
            Binary::Maximum => Unary::MaxNumber,
            Binary::Minimum => Unary::MinNumber,
            _ => return None,
        };
        Some((row, [number, 0.0]))
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn refuse(row: &str, what: &str, given: f64, repair: &str) -> ! {
    panic!("{row}: {what} is {given}; it takes {repair}")
}

#[cold]
#[inline(never)]
#[track_caller]
fn refuse_bounds([low, high]: Args) -> ! {
    panic!("clamp: the bounds {low} and {high} are no interval; the lower one first, and no NaN")
}
