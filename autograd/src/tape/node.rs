//! [`Node`]: one entry of the stream.

use super::opcode::Opcode;

/// The operation, the operands, and the value if it is a scalar: 16 bytes.
///
/// One entry takes the place of parallel vectors, so that recording tests one length and writes to one place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<T> {
    /// From the lowest bit: 8 bits for the code, 28 for each of the two operands.
    link: u64,
    pub(crate) value: T,
}

const CODE_BITS: u32 = 8;
const OPERAND_BITS: u32 = 28;
const OPERAND: u64 = (1 << OPERAND_BITS) - 1;

impl<T> Node<T> {
    /// The largest number of nodes of a tape: 4 gigabytes of them.
    pub(crate) const MOST: usize = 1 << OPERAND_BITS;

    /// The node at index `at`; the operands are below [`MOST`](Node::MOST).
    #[inline(always)]
    pub(crate) fn new(at: usize, code: Opcode, [a, b]: [u32; 2], value: T) -> Self {
        let near = [a, b].map(|operand| operand as usize + 1 == at);
        let [a, b] = [a, b].map(u64::from);
        Node { link: u64::from(code.byte(near)) | a << CODE_BITS | b << (CODE_BITS + OPERAND_BITS), value }
    }

    /// The byte of [`Opcode::byte`].
    #[inline(always)]
    pub(crate) fn byte(&self) -> u8 {
        self.link as u8
    }

    /// The operation of the node.
    #[inline]
    pub(crate) fn code(&self) -> Opcode {
        Opcode::of_byte(self.byte())
    }

    /// The operands of the node.
    #[inline(always)]
    pub(crate) fn operands(&self) -> [u32; 2] {
        [self.link >> CODE_BITS & OPERAND, self.link >> (CODE_BITS + OPERAND_BITS)].map(|operand| operand as u32)
    }
}
