//! [`Code`]: what a node of the stream does, in one byte.

use crate::number::rows::{Binary, Unary};

/// What a node of the stream does. The operands are in `Arena::operands`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Code {
    /// A scalar variable.
    Variable,
    /// A scalar without gradient.
    Constant,
    /// Operands: node of x, index into `args`.
    Unary(Unary),
    /// Operands: nodes of a and b.
    Binary(Binary),
    /// The only value of an array. Operand: index into `arrays`.
    Item,
    /// An array. Operand: index into `arrays`.
    Array,
}

impl Code {
    /// The bytes of the kinds without a row; those of the rows follow, of one input and then of two.
    const PLAIN: [Code; 4] = [Code::Variable, Code::Constant, Code::Item, Code::Array];
    const UNARY: u8 = Self::PLAIN.len() as u8;
    const BINARY: u8 = Self::UNARY + 2 * Unary::ROWS.len() as u8;

    /// One byte, by which the sweep branches once: by the kind, by the row, and by which operands are `near`, the node directly
    /// before, whose gradient the sweep holds in a register.
    #[inline(always)]
    pub(crate) const fn byte(self, [a, b]: [bool; 2]) -> u8 {
        match self {
            Code::Variable => 0,
            Code::Constant => 1,
            Code::Item => 2,
            Code::Array => 3,
            Code::Unary(row) => Self::UNARY + 2 * row as u8 + a as u8,
            Code::Binary(row) => Self::BINARY + 4 * row as u8 + a as u8 + 2 * b as u8,
        }
    }

    #[inline]
    pub(super) fn of_byte(byte: u8) -> Code {
        match byte {
            Self::BINARY.. => Code::Binary(Binary::ROWS[usize::from(byte - Self::BINARY) / 4].row),
            Self::UNARY.. => Code::Unary(Unary::ROWS[usize::from(byte - Self::UNARY) / 2].row),
            plain => Self::PLAIN[usize::from(plain)],
        }
    }

    /// The name of a scalar operation.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Code::Unary(row) => row.name(),
            Code::Binary(row) => row.name(),
            Code::Variable => "variable",
            Code::Constant => "constant",
            Code::Item => "item",
            Code::Array => "array",
        }
    }
}

macro_rules! unary_bytes {
    (($x:ident $y:ident $p:ident $q:ident $c:ident $d:ident) $(
        $(#[$doc:meta])* $Row:ident, $name:ident($($arg:ident: $type:ty),*), $value:expr, $derivative:expr, $domain:expr, [$($kink:expr),*];
    )*) => { $(
        pub(crate) mod $Row {
            use super::*;
            pub(crate) const FAR: u8 = Code::Unary(Unary::$Row).byte([false, false]);
            pub(crate) const NEAR: u8 = Code::Unary(Unary::$Row).byte([true, false]);
        }
    )* };
}
macro_rules! binary_bytes {
    (($a:ident $b:ident $y:ident $c:ident $d:ident) $($(#[$doc:meta])* $Row:ident, $name:ident, $value:expr, $partials:expr, $da:expr, $db:expr;)*) => { $(
        pub(crate) mod $Row {
            use super::*;
            pub(crate) const FAR: u8 = Code::Binary(Binary::$Row).byte([false, false]);
            pub(crate) const NEAR_A: u8 = Code::Binary(Binary::$Row).byte([true, false]);
            pub(crate) const NEAR_B: u8 = Code::Binary(Binary::$Row).byte([false, true]);
            /// The same node twice.
            pub(crate) const NEAR: u8 = Code::Binary(Binary::$Row).byte([true, true]);
        }
    )* };
}

/// The bytes of each row as constants, for patterns; they bear the rows' names.
#[allow(non_snake_case, dead_code)] // only the common rows have patterns of their own
pub(crate) mod bytes {
    use super::*;
    use crate::number::table::{binary_table, unary_table};
    unary_table!(unary_bytes);
    binary_table!(binary_bytes);
}
