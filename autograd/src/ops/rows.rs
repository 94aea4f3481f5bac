//! The table's rows as values: what the tape stores, and how the kernels reach a row's formulas.

use std::f64::consts::FRAC_1_SQRT_2;

use super::table::{binary_table, unary_table};
use crate::kernels::math::{self as m, Real};
use crate::number::Number;

/// λ of the self-normalising unit: with [`SELU_ALPHA`] it keeps mean 0 and variance 1 (Klambauer et al. 2017).
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
/// α of the self-normalising unit.
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
/// 1/√(2π), the height of the normal density.
const FRAC_1_SQRT_2PI: f64 = 0.398_942_280_401_432_7;
/// √(2/π), the slope inside GELU's tanh form.
const GELU_A: f64 = 0.797_884_560_802_865_4;
/// 0.044715·√(2/π).
const GELU_B: f64 = 0.044_715 * GELU_A;

/// The plain-number arguments of a row, as `[p, q]`; unused ones are 0.
pub(crate) type Args = [f64; 2];

/// 1 on [low, high], else 0.
#[inline(always)]
fn inside<N: Number>(x: N, low: f64, high: f64) -> N {
    x.greater_equal(N::constant(low)) * x.less_equal(N::constant(high))
}

/// The formulas of one elementwise row of one input.
pub(crate) trait UnaryRow: Copy {
    /// Whether they call a trigonometric function.
    const WAVES: bool;
    fn value<T: Real>(x: T, args: Args) -> T;
    fn derivative<N: Number>(x: N, y: N, args: Args) -> N;
}

/// The formulas of one elementwise row of two inputs.
pub(crate) trait BinaryRow {
    fn value<T: Real>(a: T, b: T) -> T;
    /// (∂y/∂a, ∂y/∂b)
    fn partials<N: Number>(a: N, b: N, y: N) -> (N, N);
}

/// Something to do with a row once it is known which: a kernel, instantiated for each row.
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
    /// The interval of each input on which the row is smooth but for `kinks`, and on which it is tested.
    pub domains: &'static [(f64, f64)],
    /// Points of the first input's domain with a kink or a jump.
    pub kinks: &'static [f64],
    /// How many plain-number arguments the method takes.
    pub arguments: usize,
}

macro_rules! define_unary {
    (($x:ident $y:ident $p:ident $q:ident $c:ident) $(
        $(#[$doc:meta])* $Row:ident, $name:ident($($arg:ident: $type:ty),*), $value:expr, $derivative:expr, $domain:expr, [$($kink:expr),*];
    )*) => {
        /// The elementwise operations of one input: the rows of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Unary { $($(#[$doc])* $Row,)* }

        mod unary {
            $(#[derive(Clone, Copy)] pub(super) struct $Row;)*
        }

        $(
            #[allow(unused_variables)] // a row names only what it reads
            impl UnaryRow for unary::$Row {
                const WAVES: bool = matches!(Unary::$Row, Unary::Sin | Unary::Cos | Unary::Tan);
                #[inline(always)]
                fn value<T: Real>($x: T, [$p, $q]: Args) -> T { let $c = T::of_f64; $value }
                #[inline(always)]
                fn derivative<N: Number>($x: N, $y: N, [$p, $q]: Args) -> N { let $c = N::constant; $derivative }
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

            #[inline(always)]
            pub(crate) fn dispatch<V: UnaryVisitor>(self, visitor: V) -> V::Out {
                match self { $(Unary::$Row => visitor.visit::<unary::$Row>(),)* }
            }
        }
    };
}

macro_rules! define_binary {
    (($a:ident $b:ident $y:ident $c:ident) $(
        $(#[$doc:meta])* $Row:ident, $name:ident, $value:expr, $partials:expr, $domain_a:expr, $domain_b:expr;
    )*) => {
        /// The elementwise operations of two inputs: the rows of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Binary { $($(#[$doc])* $Row,)* }

        mod binary {
            $(pub(super) struct $Row;)*
        }

        $(
            #[allow(unused_variables)] // a row names only what it reads
            impl BinaryRow for binary::$Row {
                #[inline(always)]
                fn value<T: Real>($a: T, $b: T) -> T { let $c = T::of_f64; $value }
                #[inline(always)]
                fn partials<N: Number>($a: N, $b: N, $y: N) -> (N, N) { let $c = N::constant; $partials }
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

            #[inline(always)]
            pub(crate) fn dispatch<V: BinaryVisitor>(self, visitor: V) -> V::Out {
                match self { $(Binary::$Row => visitor.visit::<binary::$Row>(),)* }
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

    /// The value on one number.
    #[inline(always)]
    pub(crate) fn value<T: Real>(self, x: T, args: Args) -> T {
        struct Value<T>(T, Args);
        impl<T: Real> UnaryVisitor for Value<T> {
            type Out = T;
            #[inline(always)]
            fn visit<R: UnaryRow>(self) -> T {
                R::value(self.0, self.1)
            }
        }
        self.dispatch(Value(x, args))
    }

    /// The derivative, in whichever reading `N` is.
    #[inline(always)]
    pub(crate) fn derivative<N: Number>(self, x: N, y: N, args: Args) -> N {
        struct Derivative<N>(N, N, Args);
        impl<N: Number> UnaryVisitor for Derivative<N> {
            type Out = N;
            #[inline(always)]
            fn visit<R: UnaryRow>(self) -> N {
                R::derivative(self.0, self.1, self.2)
            }
        }
        self.dispatch(Derivative(x, y, args))
    }

    /// Whether a scalar node keeps its derivative, which shares most of its work with the value.
    #[inline(always)]
    pub(crate) fn keeps_slope(self) -> bool {
        matches!(self, Unary::Sin | Unary::Cos)
    }

    /// Whether the method takes plain numbers.
    #[inline(always)]
    pub(crate) fn takes_numbers(self) -> bool {
        Self::ROWS[self as usize].arguments > 0
    }

    /// Whether the derivative is 0 everywhere by policy, so that nothing flows back.
    pub fn is_flat(self) -> bool {
        matches!(self, Unary::Sign | Unary::Step | Unary::Floor | Unary::Round | Unary::Ceil)
    }
}

impl Binary {
    /// The method's name.
    pub fn name(self) -> &'static str {
        Self::ROWS[self as usize].name
    }

    /// The value on two numbers.
    #[inline(always)]
    pub(crate) fn value<T: Real>(self, a: T, b: T) -> T {
        struct Value<T>(T, T);
        impl<T: Real> BinaryVisitor for Value<T> {
            type Out = T;
            #[inline(always)]
            fn visit<R: BinaryRow>(self) -> T {
                R::value(self.0, self.1)
            }
        }
        self.dispatch(Value(a, b))
    }

    /// The partial derivatives, in whichever reading `N` is.
    #[inline(always)]
    pub(crate) fn partials<N: Number>(self, a: N, b: N, y: N) -> (N, N) {
        struct Partials<N>(N, N, N);
        impl<N: Number> BinaryVisitor for Partials<N> {
            type Out = (N, N);
            #[inline(always)]
            fn visit<R: BinaryRow>(self) -> (N, N) {
                R::partials(self.0, self.1, self.2)
            }
        }
        self.dispatch(Partials(a, b, y))
    }

    /// Whether both partial derivatives are 0 everywhere: a mask, through which nothing flows back.
    pub fn is_flat(self) -> bool {
        use Binary::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
        matches!(self, Less | LessEqual | Greater | GreaterEqual | Equal | NotEqual)
    }

    /// Whether both partial derivatives are 1, so that an incoming gradient passes without arithmetic.
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
            Binary::Pow => Unary::ExpBase,
            Binary::Maximum => Unary::MaxNumber,
            Binary::Minimum => Unary::MinNumber,
            _ => return None,
        };
        Some((row, [number, 0.0]))
    }
}

/// A method's plain-number arguments as a row's [`Args`].
#[inline(always)]
pub(crate) fn args<const N: usize>(given: [f64; N]) -> Args {
    let mut args = [0.0; 2];
    args[..N].copy_from_slice(&given);
    args
}
