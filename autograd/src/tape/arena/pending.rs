//! Values that are deferred until they are read, and derivatives that are kept for the sweep.

use std::cell::{Ref, RefCell};
use std::num::NonZeroU32;
use std::sync::Arc;

use super::{Arena, ArrayCode, Storage};
use smallvec::SmallVec;

use crate::kernels::fused::{ElementwiseMany, Fused, Kernel, Output, run_many};
use crate::memory::no_room;
use crate::memory::pool::{Buffer, Pool};
use crate::number::Float;
use crate::ops::map::Map;
use crate::ops::{Input, Op};
use crate::shape::Shape;

impl<T: Float> Arena<T> {
    /// The derivatives that an array keeps; `None` if it keeps none, or no longer.
    pub(crate) fn slopes(&self, array: u32) -> Option<Ref<'_, Buffer<T>>> {
        Ref::filter_map(self.place_of_slopes(array)?.borrow(), Option::as_ref).ok()
    }

    /// Takes the derivatives that an array keeps.
    pub(crate) fn take_slopes(&self, array: u32) -> Option<Buffer<T>> {
        self.place_of_slopes(array)?.take()
    }

    fn place_of_slopes(&self, array: u32) -> Option<&RefCell<Option<Buffer<T>>>> {
        self.arrays[array].slopes.map(|at| &self.slopes[at.get() as usize - 1])
    }

    pub(super) fn keep_slopes(&mut self, array: u32, slopes: Buffer<T>) {
        if !slopes.is_empty() {
            self.slopes.push(RefCell::new(Some(slopes)));
            self.arrays[array].slopes = NonZeroU32::new(self.slopes.len() as u32);
        }
    }

    #[track_caller]
    pub(super) fn compute_with_slopes(
        &mut self,
        op: &Op,
        shape: &Shape,
        inputs: &[u32],
        pool: &Pool<T>,
    ) -> (usize, Buffer<T>) {
        let Some(place) = self.reserve(shape.numel()) else { no_room(op.name(), shape) };
        let (before, out) = self.data.split_at_mut(place.start);
        let mut x: SmallVec<[Input<'_, T>; 4]> = SmallVec::new();
        for &input in inputs {
            // A loop, so that a panic points at the caller.
            let values = self.arrays.values(&self.arrays[input], before);
            x.push(Input { shape: self.arrays.shape(input), values });
        }
        let mut slopes = pool.take(x.iter().map(|x| x.values.len()).sum());
        op.forward_with_slopes(&x, shape, &mut out[..place.len()], &mut slopes);
        (place.start, slopes)
    }

    /// Computes all results of a fused function with their derivatives, and appends an array for each.
    #[track_caller]
    pub(crate) fn map_many<F: ElementwiseMany<K, M>, const K: usize, const M: usize>(
        &mut self,
        inputs: [u32; K],
        f: F,
        pool: &Pool<T>,
    ) -> [u32; M] {
        for input in inputs {
            self.materialise(input, pool);
        }
        let (numel, shape) = (self.arrays[inputs[0]].numel, self.arrays[inputs[0]].shape);
        let tracked = inputs.iter().any(|&input| self.arrays[input].tracked);
        let Some(place) = self.reserve(numel.saturating_mul(M)) else { no_room("map", self.arrays.shape_at(shape)) };
        let mut slopes: [Buffer<T>; M] = std::array::from_fn(|_| pool.take(if tracked { K * numel } else { 0 }));
        let (before, out) = self.data.split_at_mut(place.start);
        let x: [&[T]; K] = std::array::from_fn(|k| self.arrays.values(&self.arrays[inputs[k]], before));
        let mut rest = &mut out[..place.len()];
        let y: [&mut [T]; M] = std::array::from_fn(|_| {
            let (y, more) = std::mem::take(&mut rest).split_at_mut(numel);
            rest = more;
            y
        });
        if tracked {
            run_many(f, x, y, slopes.each_mut().map(|slopes| &mut slopes[..]));
        } else {
            for (at, y) in y.into_iter().enumerate() {
                Fused::<T>::run(&Kernel(Output { f, at }), &[], &x, y);
            }
        }
        let mut at = 0;
        slopes.map(|slopes| {
            let op = Op::Map(Map::of(Arc::new(Kernel(Output { f, at }))));
            let (code, start) = (self.arrays.keep_op(op), place.start + at * numel);
            let array = self.push(code, &inputs, shape, numel, Storage::Data(start), tracked);
            self.keep_slopes(array, slopes);
            at += 1;
            array
        })
    }

    /// The place of the sum, divided by a number, of a map whose values are deferred, and stay so.
    #[track_caller]
    pub(super) fn sum_of_pending(&mut self, map: u32, over: f64, pool: &Pool<T>) -> Option<usize> {
        let node = &self.arrays[map];
        let ArrayCode::Op(op) = node.code else { return None };
        let Op::Map(f) = self.arrays.op(op) else { return None };
        if !node.pending || self.stream.is_tight() || self.slopes(map).is_some() {
            return None;
        }
        let mut slopes = pool.take(node.numel);
        let sum = f.sum_with_slopes(self.array_values(self.arrays.inputs(map)[0]), &mut slopes);
        if !sum.is_finite() {
            // The values are needed after all: an intermediate sum may have overflowed although the result does not.
            pool.give(slopes);
            return None;
        }
        self.keep_slopes(map, slopes);
        let Some(place) = self.reserve(1) else { no_room("sum", &Shape::default()) };
        self.data[place.start] = sum / T::from_f64(over);
        Some(place.start)
    }

    /// Computes the deferred values of an array.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn materialise(&mut self, array: u32, pool: &Pool<T>) {
        if self.arrays[array].pending {
            self.compute_pending(array, pool);
        }
    }

    /// Computes all deferred values, because the observer of a sweep may read any.
    #[track_caller]
    pub(crate) fn materialise_all(&mut self, pool: &Pool<T>) {
        for array in 0..self.arrays.len() as u32 {
            // The old values of an updated parameter cannot be read, and operations that read them report it.
            let inputs = self.arrays.inputs(array);
            if self.arrays[array].pending && !inputs.iter().any(|&input| self.arrays.is_released(input)) {
                self.compute_pending(array, pool);
            }
        }
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    pub(super) fn compute_pending(&mut self, array: u32, pool: &Pool<T>) {
        let ArrayCode::Op(op) = self.arrays[array].code else { unreachable!("only operations are put off") };
        let (op, shape) = (self.arrays.op(op).clone(), self.arrays.shape(array).clone());
        let inputs: SmallVec<[u32; 4]> = SmallVec::from_slice(self.arrays.inputs(array));
        let place = if op.keeps_slopes(inputs.len()) && self.slopes(array).is_none() {
            let (place, slopes) = self.compute_with_slopes(&op, &shape, &inputs, pool);
            self.keep_slopes(array, slopes);
            place
        } else {
            self.compute(&op, &shape, &inputs)
        };
        let node = &mut self.arrays[array];
        node.place = Storage::Data(place);
        node.pending = false;
    }
}
