//! Buffers that return to their origin, so that a steady training step allocates nothing.

use std::cell::RefCell;

use triomphe::UniqueArc;

use super::{Shared, make_room, no_room_for};
use crate::number::Float;

/// Values of one owner, which may write to them without a test for other readers.
///
/// It is one word, so that a sweep passes a gradient on in a register. The three words of a `Vec` would go through
/// memory, written in other pieces than they are read in, and each link of a chain would wait for that.
pub(crate) type Buffer<T> = UniqueArc<Vec<T>>;

/// Free buffers by size class: class `c` holds capacities of at least 2ᶜ.
pub(crate) struct Pool<T> {
    free: RefCell<Vec<Vec<Buffer<T>>>>,
}

impl<T: Float> Pool<T> {
    pub(crate) fn new() -> Self {
        Pool { free: RefCell::new(vec![]) }
    }

    /// A buffer of `len` values with arbitrary contents.
    #[track_caller]
    pub(crate) fn take(&self, len: usize) -> Buffer<T> {
        match self.take_if_there_is(len) {
            Some(buffer) => buffer,
            None => no_room_for("values", len),
        }
    }

    /// The same, or `None` if memory is exhausted.
    #[inline]
    pub(crate) fn take_if_there_is(&self, len: usize) -> Option<Buffer<T>> {
        let class = len.next_power_of_two().ilog2() as usize;
        let found = self.free.borrow_mut().get_mut(class).and_then(Vec::pop);
        let mut buffer = match found {
            Some(buffer) => buffer,
            None => Self::make(1 << class)?,
        };
        buffer.resize(len, T::zero());
        Some(buffer)
    }

    #[cold]
    #[inline(never)]
    fn make(len: usize) -> Option<Buffer<T>> {
        let mut values = vec![];
        make_room(&mut values, len).then(|| Buffer::new(values))
    }

    /// A buffer with a copy of `values`.
    #[track_caller]
    pub(crate) fn copy(&self, values: &[T]) -> Buffer<T> {
        let mut copy = self.take(values.len());
        copy.copy_from_slice(values);
        copy
    }

    /// Takes a buffer back.
    pub(crate) fn give(&self, buffer: Buffer<T>) {
        if buffer.capacity() == 0 {
            return;
        }
        let class = buffer.capacity().ilog2() as usize;
        let mut free = self.free.borrow_mut();
        if free.len() <= class {
            free.resize_with(class + 1, Vec::new);
        }
        free[class].push(buffer);
    }

    /// Approximate bytes of free buffers: a buffer counts as its class. Inspecting each buffer would cost every
    /// checkpoint time that grows with the number of buffers freed before.
    pub(crate) fn held(&self) -> usize {
        self.free.borrow().iter().enumerate().map(|(class, free)| (free.len() << class) * size_of::<T>()).sum()
    }

    /// Shared values as a buffer of one owner; copied if they have another owner.
    pub(crate) fn unshare(&self, shared: Shared<T>) -> Buffer<T> {
        Shared::try_unique(shared).unwrap_or_else(|shared| self.copy(&shared))
    }

    /// Takes shared values back, unless they have another owner.
    pub(crate) fn give_shared(&self, shared: Shared<T>) {
        if let Ok(buffer) = Shared::try_unique(shared) {
            self.give(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tape, Tensor};

    /// Externally computed gradients arrive in external memory, which must not stay in the pool.
    #[test]
    fn a_reused_tape_does_not_grow() {
        let mut tape = Tape::new();
        let mut held = vec![];
        for _ in 0..20 {
            tape.clear();
            let x = tape.var(Tensor::ones([32, 32]));
            x.checkpoint(|x| x.tanh()).map_gradient(|dy| dy * 2.0).mean().backward();
            held.push(tape.pool.held());
        }
        assert_eq!(held[2], held[19], "{held:?}");
    }
}
