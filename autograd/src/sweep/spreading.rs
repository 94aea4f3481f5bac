//! The sweep of sums, joins and parts of arrays, whose gradients are copies: spread over lines, or added where they belong.

use super::{Buffer, Sweep};
use crate::kernels::compiled as kernels;
use crate::kernels::reduce::Loops;
use crate::number::Float;
use crate::ops::join::Concat;

impl<T: Float> Sweep<'_, '_, T> {
    /// Passes the gradient of a join on to its parts.
    pub(super) fn parts(&mut self, array: u32, concat: &Concat, dy: Buffer<T>) {
        let arrays = &self.arena.arrays;
        for (k, &part) in arrays.inputs(array).iter().enumerate() {
            if !arrays[part].tracked {
                continue;
            }
            let rows = concat.rows_of(k, arrays.shape(array), arrays.shape(part));
            match &mut self.scratch.arrays[part as usize] {
                Some(sum) => rows.read(&dy, sum, |dy, sum| kernels::add_assign(sum, dy)),
                slot => {
                    let mut dx = self.pool.take(arrays[part].numel);
                    rows.read(&dy, &mut dx, |dy, dx| dx.copy_from_slice(dy));
                    *slot = Some(dx);
                }
            }
        }
        self.pool.give(dy);
    }

    /// Adds the gradient of a part of an array to the whole, by `add`.
    pub(super) fn add_to_whole(&mut self, array: u32, dy: Buffer<T>, add: impl FnOnce(&[T], &mut [T])) {
        add(&dy, self.begun(array as usize));
        self.pool.give(dy);
    }

    /// The gradient of an array, to be added to: zeros if nothing has arrived.
    pub(super) fn begun(&mut self, array: usize) -> &mut [T] {
        self.scratch.arrays[array].get_or_insert_with(|| {
            let mut zeros = self.pool.take(self.arena.arrays[array as u32].numel);
            zeros.fill(T::zero());
            zeros
        })
    }

    /// Whether a sum may pass its gradient to `array` as a single number. The conditions: nobody reads the gradient,
    /// only sums read the array's values, and the array keeps slopes to multiply. These slopes become the gradient of
    /// its input, so a later sweep computes them again.
    pub(super) fn stays_one(&self, array: u32) -> bool {
        let node = &self.arena.arrays[array];
        let seen = node.watched || self.places.is_some() || self.observer.is_some();
        !seen && node.pending && self.scratch.arrays[array as usize].is_none() && self.arena.slopes(array).is_some()
    }

    /// Expands a single number left by a sum to `len` values, because another gradient is to be added.
    pub(super) fn spread_one(&mut self, array: u32, len: usize) {
        if let Some(one) = self.scratch.arrays[array as usize].take_if(|dy| dy.len() < len) {
            self.scratch.arrays[array as usize] = Some(self.of_all(one, len));
        }
    }

    /// A single-number gradient, expanded to `len` values.
    pub(super) fn of_all(&self, one: Buffer<T>, len: usize) -> Buffer<T> {
        let mut all = self.pool.take(len);
        all.fill(one[0]);
        self.pool.give(one);
        all
    }

    /// The gradient of sums along lines, expanded to the `len` values that were summed.
    pub(super) fn of_lines(&self, sums: Buffer<T>, Loops { n, inner, .. }: Loops, len: usize) -> Buffer<T> {
        let mut all = self.pool.take(len);
        if inner == 1 {
            all.chunks_exact_mut(n.max(1)).zip(&*sums).for_each(|(line, &sum)| line.fill(sum));
        } else {
            for (block, sums) in all.chunks_exact_mut((n * inner).max(1)).zip(sums.chunks_exact(inner)) {
                block.chunks_exact_mut(inner).for_each(|row| row.copy_from_slice(sums));
            }
        }
        self.pool.give(sums);
        all
    }
}
