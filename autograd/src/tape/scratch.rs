//! [`Scratch`]: the working memory of sweeps.

use super::arena::Arena;
use super::by_rows::{Found, RowPlaces, RowsRead};
use crate::memory::pool::{Buffer, Pool};
use crate::memory::{make_room, no_room_for};
use crate::number::Float;
use crate::tensor::Tensor;

/// The working memory of a sweep, kept from one sweep to the next.
pub(crate) struct Scratch<T: Float> {
    /// The gradient of each scalar node up to the root, followed by spare room.
    pub(crate) scalars: Vec<T>,
    /// The number of nodes to sweep; the root is the last.
    pub(crate) nodes: usize,
    /// The gradient of each array node.
    pub(crate) arrays: Vec<Option<Buffer<T>>>,
    /// The gradients that are kept, in ascending order of the array index; `reached` tells whether the root depends
    /// on it.
    pub(crate) kept: Vec<Kept<T>>,
    /// What is to be added to rows of parameters: see [`Param::set_by_rows`](crate::Param::set_by_rows).
    pub(crate) rows: Vec<RowsRead<T>>,
    pub(crate) places: RowPlaces,
}

/// A kept gradient.
pub(crate) struct Kept<T: Float> {
    pub(crate) array: u32,
    pub(crate) reached: bool,
    pub(crate) gradient: Found<T>,
}

impl<T: Float> Default for Scratch<T> {
    fn default() -> Self {
        let (rows, places) = (vec![], RowPlaces::default());
        Scratch { scalars: vec![], nodes: 0, arrays: vec![], kept: vec![], rows, places }
    }
}

impl<T: Float> Scratch<T> {
    /// Starts with zero gradients for `nodes` scalars, none for `arrays` arrays. `zeros`: one for each node, or
    /// empty.
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

    /// Collects the gradients that are kept; those that the sweep did not reach are 0.
    pub(crate) fn collect(&mut self, arena: &Arena<T>, pool: &Pool<T>) {
        self.rows.sort_by_key(|part| part.array); // stable: those of one array stay in the order of the sweep
        for &array in &arena.kept {
            let shape = arena.arrays.shape(array);
            let found = self.arrays[array as usize].take();
            let first = self.rows.partition_point(|part| part.array < array);
            let parts = &self.rows[first..];
            let parts = &parts[..parts.partition_point(|part| part.array == array)];
            if !parts.is_empty() {
                self.kept.push(Kept::of_rows(array, shape, found, parts, (&mut self.places, pool)));
                continue;
            }
            let reached = found.is_some();
            let values = found.unwrap_or_else(|| {
                let mut zeros = pool.take(shape.numel());
                zeros.fill(T::zero());
                zeros
            });
            let gradient = Found::Whole(Tensor::from_parts(shape.clone(), values.shareable()));
            self.kept.push(Kept { array, reached, gradient });
        }
        // Watching an old node appends to the list out of order.
        if !self.kept.is_sorted_by_key(|kept| kept.array) {
            self.kept.sort_unstable_by_key(|kept| kept.array);
        }
        let left = self.arrays.drain(..).flatten().chain(self.rows.drain(..).map(|part| part.dy));
        left.for_each(|left| pool.give(left));
    }

    /// Returns all buffers to the pool.
    pub(crate) fn recycle(&mut self, pool: &Pool<T>) {
        for kept in self.kept.drain(..) {
            kept.gradient.recycle(&mut self.places, pool);
        }
    }
}

/// Takes a parameter's values back from the tape, so that they can be changed in place.
pub(crate) fn release<T: Float>(arena: &mut Arena<T>, param: usize) {
    if let Some(&array) = arena.params.get(&param) {
        arena.arrays.release(array);
    }
}
