//! Recording scalars on the tape.

use super::arena::{Opcode, Stream};
use super::{Scalar, Tape};
use crate::number::Float;
use crate::number::rows::Args;

/// The second operand of a node, by its meaning.
pub(super) enum Second<T> {
    /// A node, or no operand.
    Node(u32),
    /// Plain numbers, which the stream stores.
    Numbers(Args),
    /// A derivative, which the stream stores.
    Slope(T),
}

impl<T: Float> Second<T> {
    /// Stores the data beside the node in the stream, and returns the operand.
    #[inline(always)]
    fn kept(self, stream: &mut Stream<T>) -> u32 {
        match self {
            Second::Node(node) => node,
            Second::Numbers(args) => stream.push_args(args),
            Second::Slope(slope) => stream.push_slope(slope),
        }
    }
}

impl<T: Float> Tape<T> {
    /// Appends a scalar.
    ///
    /// One cold call does all rare work, growing and checking, and returns the value: the compiler keeps values that
    /// live across a call in memory, and a chain would wait for each of its values to be loaded.
    ///
    /// # Panics
    /// If the arena is borrowed.
    #[track_caller]
    #[inline(always)]
    pub(super) fn append(&self, code: Opcode, first: u32, second: Second<T>, value: T) -> Scalar<'_, T> {
        // A borrow over the code below would set a flag in memory and clear it again, two stores of six. For this
        // borrow, which ends at once, the compiler keeps only the test.
        drop(self.arena_mut());
        // SAFETY: nobody has borrowed the arena, as the line above has checked, and nothing below can: the stream
        // does not know the tape, numbers are `f32` or `f64`, and a tape stays on its thread.
        let stream = unsafe { &mut (*self.arena.as_ptr()).stream };
        let operands = [first, second.kept(stream)];
        let (node, value) = match stream.push_within(code, operands, value) {
            Some(node) => (node, value),
            None => self.push_slowly(code, operands, value),
        };
        Scalar::new(self, node, value)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use crate::Tape;

    /// Small enough for an interpreter that checks every access: scalars and arrays alternate, beyond the capacity,
    /// twice.
    #[test]
    fn recorded_numbers_are_found_again() {
        let mut tape = Tape::new();
        for _ in 0..2 {
            tape.clear();
            let x = tape.scalar(0.5);
            let mut y = x;
            for i in 0..100 {
                y = if i % 3 == 0 { (tape.var([0.25]) * y).sum() * 4.0 } else { y.sin() + x };
            }
            let slope = y.backward()[x];
            assert!(slope.is_finite() && slope != 0.0);
            assert_eq!(y.grad(x).value(), slope);
        }
    }

    /// The reason for the test before the access.
    #[test]
    fn nothing_is_appended_while_the_arena_is_read() {
        let tape = Tape::new();
        let x = tape.scalar(2.0);
        {
            let _reading = tape.arena.borrow();
            assert!(catch_unwind(AssertUnwindSafe(|| x * x)).is_err());
            assert!(catch_unwind(AssertUnwindSafe(|| tape.scalar(1.0))).is_err());
        }
        assert_eq!((tape.len(), (x * x).backward()[x]), (1, 4.0));
    }
}
