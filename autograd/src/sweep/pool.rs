//! Buffers that go back to where they came from, so that a steady training step allocates nothing.

use std::cell::RefCell;
use std::sync::Arc;

use crate::number::Float;
use crate::tape::arena::{Arena, Place};
use crate::tensor::Tensor;

/// Free buffers by size class: class `c` holds capacities of at least 2ᶜ.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    free: RefCell<Vec<Vec<Arc<Vec<T>>>>>,
}

impl<T: Float> Pool<T> {
    pub(crate) fn new() -> Self {
        Pool { free: RefCell::new(vec![]) }
    }

    /// A buffer of `len` values that nobody else holds; its contents are arbitrary.
    pub(crate) fn take(&self, len: usize) -> Arc<Vec<T>> {
        let class = len.next_power_of_two().ilog2() as usize;
        let found = self.free.borrow_mut().get_mut(class).and_then(Vec::pop);
        let mut buffer = found.unwrap_or_else(|| Arc::new(Vec::with_capacity(1 << class)));
        Arc::get_mut(&mut buffer).expect("only buffers that nobody holds are free").resize(len, T::zero());
        buffer
    }

    /// Takes a buffer back, unless somebody still holds it.
    pub(crate) fn give(&self, mut buffer: Arc<Vec<T>>) {
        let Some(values) = Arc::get_mut(&mut buffer) else { return };
        if values.capacity() == 0 {
            return;
        }
        let class = values.capacity().ilog2() as usize;
        let mut free = self.free.borrow_mut();
        if free.len() <= class {
            free.resize_with(class + 1, Vec::new);
        }
        free[class].push(buffer);
    }

    /// The same values in a buffer that nobody else holds.
    pub(crate) fn unique(&self, mut buffer: Arc<Vec<T>>) -> Arc<Vec<T>> {
        if Arc::get_mut(&mut buffer).is_some() {
            return buffer;
        }
        let mut copy = self.take(buffer.len());
        Arc::get_mut(&mut copy).expect("fresh from the pool").copy_from_slice(&buffer);
        copy
    }
}

/// What a sweep works on, kept from one to the next.
#[derive(Debug)]
pub(crate) struct Scratch<T: Float> {
    /// The gradient of each scalar node up to the root.
    pub(crate) scalars: Vec<T>,
    /// The gradient of each array node.
    pub(crate) arrays: Vec<Option<Arc<Vec<T>>>>,
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
        Scratch { scalars: vec![], arrays: vec![], kept: vec![] }
    }
}

impl<T: Float> Scratch<T> {
    /// Zero gradients for `nodes` scalars, none for `arrays` arrays.
    pub(crate) fn start(&mut self, nodes: usize, arrays: usize) {
        self.scalars.clear();
        self.scalars.resize(nodes, T::zero());
        self.arrays.resize(arrays, None);
    }

    /// Gathers the gradients that are kept; those that nothing reached are 0.
    pub(crate) fn collect(&mut self, arena: &Arena<T>, pool: &Pool<T>) {
        for &array in &arena.kept {
            let shape = &arena.arrays[array as usize].shape;
            let found = self.arrays[array as usize].take();
            let reached = found.is_some();
            let values = found.unwrap_or_else(|| {
                let mut zeros = pool.take(shape.numel());
                Arc::get_mut(&mut zeros).expect("fresh from the pool").fill(T::zero());
                zeros
            });
            self.kept.push(Kept { array, reached, gradient: Tensor::from_parts(shape.clone(), values) });
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
            pool.give(kept.gradient.into_values());
        }
    }
}

/// Takes a parameter's values back from the tape, so that they can be changed in place.
pub(crate) fn release<T: Float>(arena: &mut Arena<T>, param: usize) {
    if let Some(&array) = arena.params.get(&param) {
        arena.arrays[array as usize].place = Place::Released;
    }
}
