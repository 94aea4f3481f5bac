//! Storage of recorded values.
//!
//! One stream of nodes, in the order of computation, holds scalars and arrays alike. A scalar is an entry of 16
//! bytes; an array is an entry whose operand is an index into `arrays`. Values of arrays lie one after another in one
//! vector, so recording allocates nothing once the vector has grown. An operation splits that vector once: it reads
//! its inputs before the split, and writes its output behind it.
//!
//! Invariant: a node's operands have smaller indices than the node. Hence the sweep needs no sort.

mod pending;

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

pub(crate) use super::arrays::{ArrayCode, ArrayNode, ArrayOp, Arrays, Storage};
pub(crate) use super::node::Node;
pub(crate) use super::opcode::{Opcode, bytes};
pub(crate) use super::stream::Stream;
use crate::error::Error;
use crate::external::External;
use crate::kernels::compiled as kernels;
use crate::kernels::runs::Runs;
use crate::memory::pool::{Buffer, Pool};
use crate::memory::{make_room, no_room};
use crate::number::Float;
use crate::number::rows::{Args, Binary, Unary};
use crate::ops::{self, Input, Op};
use crate::param::Param;
use crate::shape::{Shape, broadcast, stretches_to};
use crate::tensor::Tensor;

/// The number of values from which a row keeps its derivatives: for fewer, a buffer costs more than it saves.
const WORTH_KEEPING: usize = 64;

pub(crate) struct Arena<T: Float> {
    /// Scalars and arrays, in the order of computation.
    pub(crate) stream: Stream<T>,
    /// Whether arrays are computed without recording, so that there are no gradients.
    pub(crate) values_only: bool,
    /// Whether constants have gradients too, and checkpoints are recorded: see `Tape::transparent`.
    pub(crate) transparent: bool,
    pub(crate) arrays: Arrays<T>,
    /// Arrays whose gradient is kept: variables, parameters and watched arrays.
    pub(crate) kept: Vec<u32>,
    /// The array node of each recorded parameter.
    pub(crate) params: FxHashMap<usize, u32>,
    data: Vec<T>,
    used: usize,
    /// The derivatives that nodes keep. A sweep may take a buffer to turn it into a gradient, and leave `None`.
    slopes: Vec<RefCell<Option<Buffer<T>>>>,
    /// Indices that operations hold; this recording uses the first `indices_used`. An operation is dropped before the
    /// next recording begins, and its memory can be filled again.
    indices: Vec<Arc<Vec<usize>>>,
    indices_used: usize,
}

impl<T: Float> Arena<T> {
    pub(crate) fn new() -> Self {
        Arena {
            stream: Stream::new(),
            values_only: false,
            transparent: false,
            arrays: Arrays::new(),
            kept: vec![],
            params: FxHashMap::default(),
            data: vec![],
            used: 0,
            slopes: vec![],
            indices: vec![],
            indices_used: 0,
        }
    }

    /// Forgets all nodes and keeps the memory, including that of the last sweep's gradients of scalars.
    pub(crate) fn clear(&mut self, pool: &Pool<T>, gradients: Vec<T>) {
        self.stream.clear(gradients);
        self.arrays.clear();
        self.slopes.drain(..).filter_map(RefCell::into_inner).for_each(|slopes| pool.give(slopes));
        self.kept.clear();
        self.params.clear();
        self.used = 0;
        self.indices_used = 0;
    }

    /// Appends an array; returns its index in `arrays`.
    #[inline(always)]
    fn push(
        &mut self,
        code: ArrayCode,
        inputs: &[u32],
        shape: u32,
        numel: usize,
        place: Storage,
        tracked: bool,
    ) -> u32 {
        let array = self.arrays.push(code, inputs, shape, numel, place, tracked);
        if !self.values_only {
            self.stream.push(Opcode::Array, [array, 0], T::zero());
        }
        array
    }

    /// Records an array whose gradient can be asked for.
    pub(crate) fn variable(&mut self, value: Tensor<T>) -> u32 {
        self.leaf(ArrayCode::Variable, true, value)
    }

    /// Records an array without gradient.
    pub(crate) fn constant(&mut self, value: Tensor<T>) -> u32 {
        self.leaf(ArrayCode::Constant, false, value)
    }

    /// Records a parameter with its present value, and registers it in `params`.
    pub(crate) fn param(&mut self, param: &Param<T>, value: Tensor<T>) -> u32 {
        let code = self.arrays.keep_param(param.clone());
        let array = self.leaf(code, !param.is_frozen(), value);
        let earlier = self.params.insert(param.id(), array);
        self.arrays.keep_earlier(earlier);
        array
    }

    /// Records an array without inputs; `wanted`: whether its gradient is kept.
    fn leaf(&mut self, code: ArrayCode, wanted: bool, value: Tensor<T>) -> u32 {
        let tracked = (wanted || self.transparent) && !self.values_only;
        let (shape, values) = value.into_parts();
        let numel = values.len();
        let (shape, place) = (self.arrays.keep_shape(shape), self.arrays.keep_shared(values));
        let array = self.push(code, &[], shape, numel, place, tracked);
        if tracked {
            self.kept.push(array);
        }
        array
    }

    /// Records a constant, copied into the tape's memory for computed values.
    #[track_caller]
    pub(crate) fn constant_of(&mut self, shape: Shape, values: &[T]) -> u32 {
        let Some(place) = self.reserve(values.len()) else { no_room("constant_with", &shape) };
        self.data[place.clone()].copy_from_slice(values);
        let shape = self.arrays.keep_shape(shape);
        self.push(ArrayCode::Constant, &[], shape, place.len(), Storage::Data(place.start), self.transparent)
    }

    /// Records a scalar as an array of shape ().
    #[track_caller]
    pub(crate) fn lift(&mut self, node: u32) -> u32 {
        let tracked = !self.values_only && (self.transparent || !self.stream.is_constant(node as usize));
        let Some(place) = self.reserve(1) else { no_room("to_var", &Shape::default()) };
        self.data[place.start] = self.stream.value(node as usize);
        let shape = self.arrays.keep_shape(Shape::default());
        self.push(ArrayCode::Lift(node), &[], shape, 1, Storage::Data(place.start), tracked)
    }

    /// Computes a unary row and appends it.
    #[track_caller]
    pub(crate) fn unary(&mut self, row: Unary, args: Args, x: u32, pool: &Pool<T>) -> u32 {
        self.materialise(x, pool);
        let node = self.arrays[x];
        let ArrayNode { shape, numel, tracked, .. } = node;
        let Some(place) = self.reserve(numel) else { no_room(row.name(), self.arrays.shape_at(shape)) };
        let (before, out) = self.data.split_at_mut(place.start);
        let (x_values, y) = (self.arrays.values(&node, before), &mut out[..numel]);
        let kept = (tracked && row.keeps_slope_of_arrays() && numel >= WORTH_KEEPING).then(|| {
            let mut slopes = pool.take(numel);
            kernels::unary_with_slopes(row, args, x_values, y, &mut slopes);
            slopes
        });
        if kept.is_none() {
            kernels::unary(row, args, x_values, y);
        }
        let code = ArrayCode::Unary(row, self.stream.push_args(args));
        let array = self.push(code, &[x], shape, numel, Storage::Data(place.start), tracked && !row.is_flat());
        if let Some(slopes) = kept {
            self.keep_slopes(array, slopes);
        }
        array
    }

    /// Computes a binary row and appends it.
    #[track_caller]
    pub(crate) fn binary(&mut self, row: Binary, a: u32, b: u32, pool: &Pool<T>) -> Result<u32, Error> {
        self.materialise(a, pool);
        self.materialise(b, pool);
        let (node_a, node_b) = (self.arrays[a], self.arrays[b]);
        let tracked = (node_a.tracked && row.passes_to(0)) || (node_b.tracked && row.passes_to(1));
        let shapes = [node_a.shape, node_b.shape];
        let alike = shapes[0] == shapes[1] || self.arrays.shape(a) == self.arrays.shape(b);
        let (shape, numel) = if alike {
            // Of two equal shapes the older one, which the next operation of a chain then meets again.
            (shapes[0].min(shapes[1]), node_a.numel)
        } else if stretches_to(self.arrays.shape(b), self.arrays.shape(a)) {
            (shapes[0], node_a.numel)
        } else if stretches_to(self.arrays.shape(a), self.arrays.shape(b)) {
            (shapes[1], node_b.numel)
        } else {
            let shape = broadcast(row.name(), self.arrays.shape(a), self.arrays.shape(b))?;
            let numel = shape.numel();
            (self.arrays.keep_shape(shape), numel)
        };
        let Some(place) = self.reserve(numel) else { no_room(row.name(), self.arrays.shape_at(shape)) };
        let (before, out) = self.data.split_at_mut(place.start);
        let runs = if alike {
            Runs::Same(numel)
        } else {
            Runs::of_values(self.arrays.shape_at(shape), self.arrays.shape(a), self.arrays.shape(b))
        };
        let (x, y) = (self.arrays.values(&node_a, before), self.arrays.values(&node_b, before));
        kernels::binary(row, &runs, x, y, &mut out[..numel]);
        Ok(self.push(ArrayCode::Binary(row, alike), &[a, b], shape, numel, Storage::Data(place.start), tracked))
    }

    /// Computes `op` and appends it.
    #[track_caller]
    pub(crate) fn record(&mut self, op: Op, shape: Shape, inputs: &[u32], pool: &Pool<T>) -> u32 {
        let sum = match &op {
            Op::Reduce(reduce) if shape.numel() == 1 => {
                reduce.divisor_of_sum().and_then(|over| self.sum_of_pending(inputs[0], over, pool))
            }
            _ => None,
        };
        if sum.is_none() {
            for &input in inputs {
                self.materialise(input, pool);
            }
        }
        let flows = |(k, &i): (usize, &u32)| self.arrays[i].tracked && op.differentiable(k);
        let through = inputs.iter().enumerate().filter(|&input| flows(input)).count();
        let tracked = through > 0;
        let (mut pending, mut at_once, mut slopes) = (false, false, None);
        let place = match &op {
            _ if let Some(sum) = sum => Storage::Data(sum),
            // A parameter's values are copied instead: a second share of them would make the optimiser copy all.
            Op::Reshape(_) if !matches!(self.arrays[inputs[0]].code, ArrayCode::Param(_)) => {
                self.arrays.place_again(inputs[0])
            }
            Op::Transpose(_) => {
                pending = true;
                self.arrays.place_again(inputs[0])
            }
            Op::Map(_) if tracked && inputs.len() == 1 && op.keeps_slopes(1) => {
                pending = true;
                // A parameter may be updated before the values are read, and a checking tape inspects values at once.
                at_once = self.stream.is_tight() || matches!(self.arrays[inputs[0]].code, ArrayCode::Param(_));
                Storage::Nowhere
            }
            // Slopes are computed for all inputs or for none: for few of many they would be waste.
            op if 2 * through >= inputs.len().max(1) && op.keeps_slopes(inputs.len()) => {
                let (place, kept) = self.compute_with_slopes(op, &shape, inputs, pool);
                slopes = Some(kept);
                Storage::Data(place)
            }
            op => Storage::Data(self.compute(op, &shape, inputs)),
        };
        let numel = shape.numel();
        let shape = self.arrays.keep_shape(shape);
        let code = match op {
            Op::Unary(row, args) => ArrayCode::Unary(row, self.stream.push_args(args)),
            Op::Binary(row) => ArrayCode::Binary(row, false),
            op => self.arrays.keep_op(op),
        };
        let array = self.push(code, inputs, shape, numel, place, tracked);
        self.arrays[array].pending = pending;
        if let Some(slopes) = slopes {
            self.keep_slopes(array, slopes);
        }
        if at_once {
            self.materialise(array, pool);
        }
        array
    }

    /// Appends a value that was computed externally.
    #[track_caller]
    pub(crate) fn external(&mut self, op: Arc<dyn External<T>>, inputs: &[u32], y: &Tensor<T>, pool: &Pool<T>) -> u32 {
        for &input in inputs {
            self.materialise(input, pool);
        }
        let tracked = inputs.iter().any(|&i| self.arrays[i].tracked);
        let Some(place) = self.reserve(y.numel()) else { no_room(op.name(), y.shape()) };
        self.data[place.clone()].copy_from_slice(y.as_slice());
        let (code, shape) = (self.arrays.keep_external(op), self.arrays.keep_shape(y.shape().clone()));
        self.push(code, inputs, shape, place.len(), Storage::Data(place.start), tracked)
    }

    /// Makes the sweep keep the gradient of every array, and computes deferred values.
    pub(crate) fn watch_all(&mut self, pool: &Pool<T>) {
        self.kept.clear();
        for array in 0..self.arrays.len() as u32 {
            self.materialise(array, pool);
            self.arrays[array].watched = true;
            if self.arrays[array].tracked {
                self.kept.push(array);
            }
        }
    }

    /// Stores indices for an operation to hold.
    pub(crate) fn indices(&mut self, given: impl Iterator<Item = usize>) -> Arc<Vec<usize>> {
        if self.indices_used == self.indices.len() {
            self.indices.push(Arc::default());
        }
        let slot = &mut self.indices[self.indices_used];
        self.indices_used += 1;
        match Arc::get_mut(slot) {
            Some(indices) => {
                indices.clear();
                indices.extend(given);
            }
            // The old indices outlive their recording, perhaps in a gradient's gradient.
            None => *slot = Arc::new(given.collect()),
        }
        slot.clone()
    }

    /// Makes room for `len` values, if there is memory; their contents are those of an earlier recording.
    #[inline]
    fn reserve(&mut self, len: usize) -> Option<Range<usize>> {
        let place = self.used..self.used + len;
        if self.data.len() < place.end {
            self.grow(place.end)?;
        }
        self.used = place.end;
        Some(place)
    }

    /// Makes room for `len` values in total, and for as many again if possible.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, len: usize) -> Option<()> {
        let ample = [len.next_power_of_two(), len].into_iter().find(|&len| make_room(&mut self.data, len))?;
        self.data.resize(ample, T::zero());
        Some(())
    }

    /// Computes an operation; returns the position where its values begin.
    #[track_caller]
    fn compute(&mut self, op: &Op, shape: &Shape, inputs: &[u32]) -> usize {
        let Some(place) = self.reserve(shape.numel()) else { no_room(op.name(), shape) };
        let (before, out) = self.data.split_at_mut(place.start);
        let mut x: SmallVec<[Input<'_, T>; 4]> = SmallVec::new();
        for &input in inputs {
            // A loop, so that a panic points at the caller.
            let values = self.arrays.values(&self.arrays[input], before);
            x.push(Input { shape: self.arrays.shape(input), values });
        }
        ops::compute(op, &x, shape, &mut out[..place.len()]);
        place.start
    }

    /// The operation of an array.
    #[inline]
    pub(crate) fn kind(&self, array: u32) -> ArrayOp<'_, T> {
        self.arrays.kind(array, &self.stream)
    }

    /// The values of an array that is not deferred.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn array_values(&self, array: u32) -> &[T] {
        self.arrays.values(&self.arrays[array], &self.data)
    }

    /// An array's values as a tensor; shared values are not copied. The array is not deferred.
    #[track_caller]
    pub(crate) fn tensor(&self, array: u32) -> Tensor<T> {
        self.arrays.tensor(array, &self.data)
    }

    /// The number of values of all arrays that have some of their own.
    pub(crate) fn numbers(&self) -> usize {
        self.used
    }

    /// Bytes of capacity for nodes and values.
    pub(crate) fn held(&self) -> usize {
        self.stream.held() + self.data.capacity() * size_of::<T>()
    }

    /// Bytes used for nodes and values.
    pub(crate) fn bytes(&self) -> usize {
        let slopes: usize =
            self.slopes.iter().map(|slopes| slopes.borrow().as_ref().map_or(0, |slopes| slopes.len())).sum();
        let arrays: usize = (0..self.arrays.len() as u32).map(|array| self.arrays.bytes_of(array)).sum();
        self.stream.bytes() + arrays + (self.used + slopes) * size_of::<T>()
    }
}
