//! [`Opcode`]: the operation of a node of the stream, in one byte.

use crate::number::rows::{Binary, Unary};

/// The operation of a node of the stream. The node stores the operands too.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Opcode {
    /// A scalar variable.
    Variable,
    /// A scalar without gradient.
    Constant,
    /// Operands: node of x, index into `args`.
    Unary(Unary),
    /// Operands: nodes of a and b.
    Binary(Binary),
    /// The only value of an array, as a scalar. Operand: index into `arrays`.
    Item,
    /// An array. Operand: index into `arrays`.
    Array,
}

impl Opcode {
    /// The bytes of the kinds without a row; those of the unary and then of the binary rows follow.
    const PLAIN: [Opcode; 4] = [Opcode::Variable, Opcode::Constant, Opcode::Item, Opcode::Array];
    const UNARY: u8 = Self::PLAIN.len() as u8;
    const BINARY: u8 = Self::UNARY + 2 * Unary::ROWS.len() as u8;

    /// One byte, on which the sweep branches once. It encodes the kind, the row, and which operands are `near`: the
    /// node directly before, whose gradient the sweep holds in a register.
    #[inline(always)]
    pub(crate) const fn byte(self, [a, b]: [bool; 2]) -> u8 {
        match self {
            Opcode::Variable => 0,
            Opcode::Constant => 1,
            Opcode::Item => 2,
            Opcode::Array => 3,
            Opcode::Unary(row) => Self::UNARY + 2 * row as u8 + a as u8,
            Opcode::Binary(row) => Self::BINARY + 4 * row as u8 + a as u8 + 2 * b as u8,
        }
    }

    #[inline]
    pub(super) fn of_byte(byte: u8) -> Opcode {
        match byte {
            Self::BINARY.. => Opcode::Binary(Binary::ROWS[usize::from(byte - Self::BINARY) / 4].row),
            Self::UNARY.. => Opcode::Unary(Unary::ROWS[usize::from(byte - Self::UNARY) / 2].row),
            plain => Self::PLAIN[usize::from(plain)],
        }
    }

    /// The name of a scalar operation.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Opcode::Unary(row) => row.name(),
            Opcode::Binary(row) => row.name(),
            Opcode::Variable => "variable",
            Opcode::Constant => "constant",
            Opcode::Item => "item",
            Opcode::Array => "array",
        }
    }
}

macro_rules! unary_bytes {
    (($x:ident $y:ident $p:ident $q:ident $c:ident $d:ident) $(
        $(#[$doc:meta])* $Row:ident, $name:ident($($arg:ident: $type:ty),*), $value:expr, $derivative:expr, $domain:expr, [$($kink:expr),*] $(, $Mark:ident)*;
    )*) => { $(
        pub(crate) mod $Row {
            use super::*;
            pub(crate) const FAR: u8 = Opcode::Unary(Unary::$Row).byte([false, false]);
            pub(crate) const NEAR: u8 = Opcode::Unary(Unary::$Row).byte([true, false]);
        }
    )* };
}
macro_rules! binary_bytes {
    (($a:ident $b:ident $y:ident $c:ident $d:ident) $($(#[$doc:meta])* $Row:ident, $name:ident, $value:expr, $partials:expr, $da:expr, $db:expr $(, $Mark:ident)*;)*) => { $(
        pub(crate) mod $Row {
            use super::*;
            pub(crate) const FAR: u8 = Opcode::Binary(Binary::$Row).byte([false, false]);
            pub(crate) const NEAR_A: u8 = Opcode::Binary(Binary::$Row).byte([true, false]);
            pub(crate) const NEAR_B: u8 = Opcode::Binary(Binary::$Row).byte([false, true]);
            /// The byte for the same near node as both operands.
            pub(crate) const NEAR: u8 = Opcode::Binary(Binary::$Row).byte([true, true]);
        }
    )* };
}

/// The bytes of each row as constants, for patterns; they have the rows' names.
#[allow(non_snake_case, dead_code)] // only the common rows have patterns of their own
pub(crate) mod bytes {
    use super::*;
    use crate::number::table::{binary_table, unary_table};
    unary_table!(unary_bytes);
    binary_table!(binary_bytes);
}
