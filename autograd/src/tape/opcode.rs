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
    /// A function of several numbers. Operands: the range of its inputs in `statements`.
    Statement,
    /// The only value of an array, as a scalar. Operand: index into `arrays`.
    Item,
    /// An array. Operand: index into `arrays`.
    Array,
}

impl Opcode {
    /// The bytes of the kinds without a row; those of the unary and then of the binary rows follow. A common row has one
    /// for each arrangement of its operands, another row only one.
    const PLAIN: [Opcode; 5] = [Opcode::Variable, Opcode::Constant, Opcode::Item, Opcode::Array, Opcode::Statement];
    const UNARY: [u8; Unary::ROWS.len() + 1] = {
        let (mut bytes, mut row) = ([Self::PLAIN.len() as u8; _], 0);
        while row < Unary::ROWS.len() {
            bytes[row + 1] = bytes[row] + if Unary::ROWS[row].row.is_common() { 2 } else { 1 };
            row += 1;
        }
        bytes
    };
    const BINARY: [u8; Binary::ROWS.len() + 1] = {
        let (mut bytes, mut row) = ([Self::UNARY[Unary::ROWS.len()]; _], 0);
        while row < Binary::ROWS.len() {
            bytes[row + 1] = bytes[row] + if Binary::ROWS[row].row.is_common() { 4 } else { 1 };
            row += 1;
        }
        bytes
    };
    const OF_BYTE: [Opcode; 256] = {
        let (mut codes, mut row) = ([Opcode::Array; 256], 0);
        while row < Self::PLAIN.len() {
            codes[row] = Self::PLAIN[row];
            row += 1;
        }
        let mut byte = row as u8;
        row = 0;
        while row < Unary::ROWS.len() {
            while byte < Self::UNARY[row + 1] {
                codes[byte as usize] = Opcode::Unary(Unary::ROWS[row].row);
                byte += 1;
            }
            row += 1;
        }
        row = 0;
        while row < Binary::ROWS.len() {
            while byte < Self::BINARY[row + 1] {
                codes[byte as usize] = Opcode::Binary(Binary::ROWS[row].row);
                byte += 1;
            }
            row += 1;
        }
        codes
    };

    /// One byte, on which the sweep branches once. It encodes the kind, the row, and, of a common row, which operands are
    /// `near`: the node directly before, whose gradient the sweep holds in a register.
    #[inline(always)]
    pub(crate) const fn byte(self, [a, b]: [bool; 2]) -> u8 {
        match self {
            Opcode::Variable => 0,
            Opcode::Constant => 1,
            Opcode::Item => 2,
            Opcode::Array => 3,
            Opcode::Statement => 4,
            Opcode::Unary(row) => Self::UNARY[row as usize] + (a && row.is_common()) as u8,
            Opcode::Binary(row) => {
                let near = if row.is_common() { a as u8 + 2 * b as u8 } else { 0 };
                Self::BINARY[row as usize] + near
            }
        }
    }

    #[inline]
    pub(super) fn of_byte(byte: u8) -> Opcode {
        Self::OF_BYTE[usize::from(byte)]
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
            Opcode::Statement => "map",
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
