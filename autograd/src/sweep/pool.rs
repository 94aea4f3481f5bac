//! Buffers that go back to where they came from, so that a steady training step allocates nothing.

use std::cell::RefCell;

use triomphe::UniqueArc;

use crate::number::Float;
use crate::room::{make_room, no_room_for};
use crate::tape::arena::Arena;
use crate::tensor::{Shared, Tensor};

/// Values of one owner, which may write to them without asking whether anybody else reads them.
///
/// One word, so that a sweep hands a gradient on in a register. The three words of a `Vec` would go through memory, written in
/// other pieces than they are read in, and each link of a chain would wait for that.
pub(crate) type Buffer<T> = UniqueArc<Vec<T>>;

/// Free buffers by size class: class `c` holds capacities of at least 2ᶜ.
pub(crate) struct Pool<T> {
    free: RefCell<Vec<Vec<Buffer<T>>>>,
}

impl<T: Float> Pool<T> {
    pub(crate) fn new() -> Self {
        Pool { free: RefCell::new(vec![]) }
    }

    /// A buffer of `len` values; they are arbitrary.
    #[track_caller]
    pub(crate) fn take(&self, len: usize) -> Buffer<T> {
        match self.take_if_there_is(len) {
            Some(buffer) => buffer,
            None => no_room_for("values", len),
        }
    }

    /// The same, or `None` where there is no memory.
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

    /// Bytes of free buffers, about: a buffer is as large as its class. To look at each would cost every checkpoint a time that grows with
    /// what was freed before.
    pub(crate) fn held(&self) -> usize {
        self.free.borrow().iter().enumerate().map(|(class, free)| (free.len() << class) * size_of::<T>()).sum()
    }

    /// Shared values as a buffer of one owner: copied if somebody else holds them.
    pub(crate) fn unshare(&self, shared: Shared<T>) -> Buffer<T> {
        Shared::try_unique(shared).unwrap_or_else(|shared| self.copy(&shared))
    }

    /// Takes shared values back, unless somebody still holds them.
    pub(crate) fn give_shared(&self, shared: Shared<T>) {
        if let Ok(buffer) = Shared::try_unique(shared) {
            self.give(buffer);
        }
    }
}

/// What a sweep works on, kept from one to the next.
pub(crate) struct Scratch<T: Float> {
    /// The gradient of each scalar node up to the root; behind those, room.
    pub(crate) scalars: Vec<T>,
    /// How many nodes are swept: the root is the last.
    pub(crate) nodes: usize,
    /// The gradient of each array node.
    pub(crate) arrays: Vec<Option<Buffer<T>>>,
    /// The gradients that are kept, by index of the array, in rising order; `reached` tells whether the root depends on it.
    pub(crate) kept: Vec<Kept<T>>,
}

/// One kept gradient.
#[derive(Debug)]
pub(crate) struct Kept<T: Float> {
    pub(crate) array: u32,
    pub(crate) reached: bool,
    pub(crate) gradient: Tensor<T>,
}

impl<T: Float> Default for Scratch<T> {
    fn default() -> Self {
        Scratch { scalars: vec![], nodes: 0, arrays: vec![], kept: vec![] }
    }
}

impl<T: Float> Scratch<T> {
    /// Zero gradients for `nodes` scalars, none for `arrays` arrays. `zeros`: one for each node, or nothing.
    #[track_caller]
    pub(crate) fn start(&mut self, zeros: Vec<T>, nodes: usize, arrays: usize) {
        if zeros.is_empty() {
            self.scalars.clear();
            if !make_room(&mut self.scalars, nodes) {
                no_room_for("gradients", nodes);
            }
            self.scalars.resize(nodes, T::zero());
        } else {
            self.scalars = zeros;
        }
        self.nodes = nodes;
        self.arrays.resize_with(arrays, || None);
    }

    /// Gathers the gradients that are kept; those that nothing reached are 0.
    pub(crate) fn collect(&mut self, arena: &Arena<T>, pool: &Pool<T>) {
        for &array in &arena.kept {
            let shape = arena.arrays.shape(array);
            let found = self.arrays[array as usize].take();
            let reached = found.is_some();
            let values = found.unwrap_or_else(|| {
                let mut zeros = pool.take(shape.numel());
                zeros.fill(T::zero());
                zeros
            });
            let gradient = Tensor::from_parts(shape.clone(), values.shareable());
            self.kept.push(Kept { array, reached, gradient });
        }
        // Watching an old node appends to the list out of order.
        if !self.kept.is_sorted_by_key(|kept| kept.array) {
            self.kept.sort_unstable_by_key(|kept| kept.array);
        }
        for left in self.arrays.drain(..).flatten() {
            pool.give(left);
        }
    }

    /// Gives all buffers back.
    pub(crate) fn recycle(&mut self, pool: &Pool<T>) {
        for kept in self.kept.drain(..) {
            pool.give_shared(kept.gradient.into_values());
        }
    }
}

/// Takes a parameter's values back from the tape, so that they can be changed in place.
pub(crate) fn release<T: Float>(arena: &mut Arena<T>, param: usize) {
    if let Some(&array) = arena.params.get(&param) {
        arena.arrays.release(array);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tape, Tensor};

    /// Gradients that are computed elsewhere come in memory from elsewhere, which must not stay.
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
