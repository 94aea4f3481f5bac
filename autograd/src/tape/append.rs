//! How a scalar gets onto the tape.

use super::arena::{Code, Stream};
use super::{Scalar, Tape};
use crate::number::Float;
use crate::ops::rows::Args;

/// The second operand of a node, and what it stands for.
pub(super) enum Second<T> {
    /// A node, or nothing.
    Node(u32),
    /// Plain numbers, which the stream keeps.
    Numbers(Args),
    /// A derivative, which the stream keeps.
    Slope(T),
}

impl<T: Float> Second<T> {
    /// The operand, once the stream keeps what belongs beside the node.
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
    /// One cold call does all that is rare, growing and checking, and hands the value back: the compiler keeps in memory what
    /// lives across a call, and a chain would wait for each of its values to come from there.
    ///
    /// # Panics
    /// If the arena is borrowed.
    #[track_caller]
    #[inline(always)]
    pub(super) fn append(&self, code: Code, first: u32, second: Second<T>, value: T) -> Scalar<'_, T> {
        // A borrow held over what follows would raise a flag in memory and lower it again, two stores of six. Of this one, which ends
        // at once, the compiler leaves the test.
        drop(self.arena_mut());
        // SAFETY: nobody has borrowed the arena, as the line above has seen, and nothing below can: the stream does not know the tape,
        // numbers are `f32` or `f64`, and a tape stays on its thread.
        let stream = unsafe { &mut (*self.arena.as_ptr()).stream };
        let operands = [first, second.kept(stream)];
        let (node, value) = match stream.push_within(code, operands, value) {
            Some(node) => (node, value),
            None => self.push_slowly(code, operands, value),
        };
        Scalar::new(self, node, value)
    }
}
