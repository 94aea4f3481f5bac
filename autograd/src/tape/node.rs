//! [`Node`]: one entry of the stream.

use super::opcode::Opcode;

/// What a node does, what it reads, and its value if it is a scalar: 16 bytes.
///
/// One entry instead of vectors side by side: recording tests one length and writes one place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<T> {
    /// From the lowest bit: the code in 8, the two operands in 28 each.
    link: u64,
    pub(crate) value: T,
}

const CODE_BITS: u32 = 8;
const OPERAND_BITS: u32 = 28;
const OPERAND: u64 = (1 << OPERAND_BITS) - 1;

impl<T> Node<T> {
    /// A tape has at most so many nodes: 4 gigabytes of them.
    pub(crate) const MOST: usize = 1 << OPERAND_BITS;

    /// The node at index `at`; the operands are below [`MOST`](Node::MOST).
    #[inline(always)]
    pub(crate) fn new(at: usize, code: Opcode, [a, b]: [u32; 2], value: T) -> Self {
        let near = [a, b].map(|operand| operand as usize + 1 == at);
        let [a, b] = [a, b].map(u64::from);
        Node { link: u64::from(code.byte(near)) | a << CODE_BITS | b << (CODE_BITS + OPERAND_BITS), value }
    }

    /// [`Opcode::byte`].
    #[inline(always)]
    pub(crate) fn byte(&self) -> u8 {
        self.link as u8
    }

    /// What it does.
    #[inline]
    pub(crate) fn code(&self) -> Opcode {
        Opcode::of_byte(self.byte())
    }

    /// What it reads.
    #[inline(always)]
    pub(crate) fn operands(&self) -> [u32; 2] {
        [self.link >> CODE_BITS & OPERAND, self.link >> (CODE_BITS + OPERAND_BITS)].map(|operand| operand as u32)
    }
}
