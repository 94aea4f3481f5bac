//! [`Code`]: what a node of the stream does, in one byte.

use crate::ops::rows::{Binary, Unary};

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
    const BINARY: u8 = Self::UNARY + Unary::ROWS.len() as u8;

    /// One byte, by which the sweep branches once instead of by kind and then by row.
    #[inline(always)]
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Code::Variable => 0,
            Code::Constant => 1,
            Code::Item => 2,
            Code::Array => 3,
            Code::Unary(row) => Self::UNARY + row as u8,
            Code::Binary(row) => Self::BINARY + row as u8,
        }
    }

    #[inline]
    pub(super) fn of_byte(byte: u8) -> Code {
        match byte {
            Self::BINARY.. => Code::Binary(Binary::ROWS[usize::from(byte - Self::BINARY)].row),
            Self::UNARY.. => Code::Unary(Unary::ROWS[usize::from(byte - Self::UNARY)].row),
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
