//! Where recorded values live.
//!
//! One stream of nodes, in the order in which they were computed, holds scalars and arrays alike. A scalar is an entry of 16
//! bytes; an array is an entry whose operand points into `arrays`. Values of arrays lie one after another in one vector, so
//! recording allocates nothing once it has grown, and an operation reads its inputs before, and writes its output behind,
//! one split of that vector.
//!
//! Invariant: a node's operands have smaller indices than the node. That is why the sweep needs no sort.

mod pending;

use std::cell::RefCell;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

pub(crate) use super::code::{Code, bytes};
pub(crate) use super::node::Node;
pub(crate) use super::stream::Stream;
use crate::compiled;
use crate::error::Error;
use crate::external::External;
use crate::kernels::compiled as kernels;
use crate::kernels::elementwise::Runs;
use crate::number::Float;
use crate::ops::rows::{Args, Binary, Unary};
use crate::ops::{Input, Op};
use crate::param::Param;
use crate::shape::{Shape, broadcast};
use crate::sweep::Pool;
use crate::tensor::Tensor;

/// What an array node does.
pub(crate) enum Kind<T: Float> {
    /// An array that the user put on the tape to have its gradient.
    Variable,
    /// An array without gradient.
    Constant,
    /// A parameter, as it was when it was first used on this tape.
    Param(Param<T>),
    /// A scalar as an array. Operand: its node.
    Lift(u32),
    /// An operation on the arrays in `inputs`.
    Op(Op),
    /// A function of the arrays in `inputs` that is computed elsewhere.
    External(Arc<dyn External<T>>),
}

impl<T: Float> Kind<T> {
    /// What it does, by its public name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Kind::Variable => "variable",
            Kind::Constant => "constant",
            Kind::Param(_) => "parameter",
            Kind::Lift(_) => "to_var",
            Kind::Op(op) => op.name(),
            Kind::External(op) => op.name(),
        }
    }
}

impl<T: Float> fmt::Debug for Kind<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where an array's values are.
#[derive(Debug, Clone)]
pub(crate) enum Place<T: Float> {
    /// In `Arena::data`.
    Data(Range<usize>),
    /// In a buffer shared with a tensor of the user or with a parameter.
    Shared(Arc<Vec<T>>),
    /// Given back to a parameter that was then updated in place.
    Released,
}

#[derive(Debug)]
pub(crate) struct ArrayNode<T: Float> {
    pub(crate) kind: Kind<T>,
    /// Indices into `arrays`.
    pub(crate) inputs: SmallVec<[u32; 4]>,
    pub(crate) shape: Shape,
    pub(crate) place: Place<T>,
    /// Whether a variable or a parameter lies before it, so that gradients must flow through it.
    pub(crate) tracked: bool,
    /// Whether the user asked for its gradient.
    pub(crate) watched: bool,
    /// Whether its values are put off until somebody reads them. Until then the place of a transpose holds the values of its
    /// input, since a product reads those, and the place of a map nothing, since a sum needs no more than the sum.
    pub(crate) pending: bool,
    /// Whether it is a row of two inputs that both have its shape.
    pub(crate) alike: bool,
    /// One more than the index into `Arena::slopes` of the derivatives by its only input, if it keeps them.
    slopes: Option<NonZeroU32>,
}

impl<T: Float> ArrayNode<T> {
    /// How many values it has. The length of a place is known without multiplying axes.
    #[inline]
    fn numel(&self) -> usize {
        match &self.place {
            Place::Data(place) => place.len(),
            Place::Shared(values) => values.len(),
            Place::Released => self.shape.numel(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Arena<T: Float> {
    /// Scalars and arrays, in the order in which they were computed.
    pub(crate) stream: Stream<T>,
    /// Whether arrays are computed and not recorded: there will be no gradients.
    pub(crate) values_only: bool,
    pub(crate) arrays: Vec<ArrayNode<T>>,
    /// Arrays whose gradient is kept: variables, parameters, watched ones.
    pub(crate) kept: Vec<u32>,
    /// The array node of each parameter that was used.
    pub(crate) params: FxHashMap<usize, u32>,
    data: Vec<T>,
    used: usize,
    /// The derivatives that nodes keep. A sweep may take them for a gradient, and leave the buffer empty.
    slopes: Vec<RefCell<Vec<T>>>,
    /// Indices that operations hold, of which this recording has `indices_used`. An operation is dropped before the next
    /// one begins, and its memory can be filled again.
    indices: Vec<Arc<Vec<usize>>>,
    indices_used: usize,
}

impl<T: Float> Arena<T> {
    pub(crate) fn new() -> Self {
        Arena {
            stream: Stream::new(),
            values_only: false,
            arrays: vec![],
            kept: vec![],
            params: FxHashMap::default(),
            data: vec![],
            used: 0,
            slopes: vec![],
            indices: vec![],
            indices_used: 0,
        }
    }

    /// Forgets all nodes and keeps the memory.
    pub(crate) fn clear(&mut self, pool: &Pool<T>) {
        self.stream.clear();
        self.arrays.clear();
        self.slopes.drain(..).for_each(|slopes| pool.give(slopes.into_inner()));
        self.kept.clear();
        self.params.clear();
        self.used = 0;
        self.indices_used = 0;
    }

    /// Appends an array node; returns its index in `arrays`. Inlined, a node is written once, to where it stays.
    #[inline(always)]
    fn push_array(
        &mut self,
        kind: Kind<T>,
        inputs: SmallVec<[u32; 4]>,
        shape: Shape,
        place: Place<T>,
        tracked: bool,
    ) -> u32 {
        let array = self.arrays.len() as u32;
        if !self.values_only {
            self.stream.push(Code::Array, [array, 0], T::zero());
        }
        if matches!(kind, Kind::Variable | Kind::Param(_)) && tracked {
            self.kept.push(array);
        }
        let (watched, pending, alike, slopes) = (false, false, false, None);
        self.arrays.push(ArrayNode { kind, inputs, shape, place, tracked, watched, pending, alike, slopes });
        array
    }

    /// An array that is not computed from others.
    pub(crate) fn leaf(&mut self, kind: Kind<T>, value: Tensor<T>) -> u32 {
        let tracked = !self.values_only
            && match &kind {
                Kind::Param(param) => !param.is_frozen(),
                kind => matches!(kind, Kind::Variable),
            };
        let (shape, values) = value.into_parts();
        self.push_array(kind, SmallVec::new(), shape, Place::Shared(values), tracked)
    }

    /// A constant computed where it is kept, value by value.
    pub(crate) fn constant_with(&mut self, shape: Shape, f: impl FnMut(usize) -> T) -> u32 {
        let place = self.reserve(shape.numel());
        self.data[place.clone()].iter_mut().zip((0..).map(f)).for_each(|(slot, value)| *slot = value);
        self.push_array(Kind::Constant, SmallVec::new(), shape, Place::Data(place), false)
    }

    /// A scalar as an array of shape ().
    pub(crate) fn lift(&mut self, node: u32) -> u32 {
        let tracked = !self.values_only && self.stream.code(node as usize) != Code::Constant;
        let place = self.reserve(1);
        self.data[place.start] = self.stream.value(node as usize);
        self.push_array(Kind::Lift(node), SmallVec::new(), Shape::default(), Place::Data(place), tracked)
    }

    /// Computes a row of the table of one input and appends it.
    #[track_caller]
    pub(crate) fn unary(&mut self, row: Unary, args: Args, x: u32, pool: &Pool<T>) -> u32 {
        self.materialise(x, pool);
        let node = &self.arrays[x as usize];
        let (shape, tracked) = (node.shape.clone(), node.tracked && !row.is_flat());
        let place = self.reserve(node.numel());
        let (before, out) = self.data.split_at_mut(place.start);
        kernels::unary(row, args, values(&self.arrays[x as usize], before), &mut out[..place.len()]);
        let inputs = SmallVec::from_buf_and_len([x, 0, 0, 0], 1);
        self.push_array(Kind::Op(Op::Unary(row, args)), inputs, shape, Place::Data(place), tracked)
    }

    /// Computes a row of the table of two inputs and appends it.
    #[track_caller]
    pub(crate) fn binary(&mut self, row: Binary, a: u32, b: u32, pool: &Pool<T>) -> Result<u32, Error> {
        self.materialise(a, pool);
        self.materialise(b, pool);
        let (node_a, node_b) = (&self.arrays[a as usize], &self.arrays[b as usize]);
        let same = node_a.shape == node_b.shape;
        let shape = if same { node_a.shape.clone() } else { broadcast(row.name(), &node_a.shape, &node_b.shape)? };
        let tracked = (node_a.tracked || node_b.tracked) && !row.is_flat();
        let place = self.reserve(if same { node_a.numel() } else { shape.numel() });
        let (before, out) = self.data.split_at_mut(place.start);
        let (node_a, node_b) = (&self.arrays[a as usize], &self.arrays[b as usize]);
        let runs = if same { Runs::Same(place.len()) } else { Runs::new(&shape, &node_a.shape, &node_b.shape) };
        kernels::binary(row, &runs, values(node_a, before), values(node_b, before), &mut out[..place.len()]);
        let inputs = SmallVec::from_buf_and_len([a, b, 0, 0], 2);
        let array = self.push_array(Kind::Op(Op::Binary(row)), inputs, shape, Place::Data(place), tracked);
        self.arrays[array as usize].alike = same;
        Ok(array)
    }

    /// Computes `op` and appends it.
    #[track_caller]
    pub(crate) fn record(&mut self, op: Op, shape: Shape, inputs: SmallVec<[u32; 4]>, pool: &Pool<T>) -> u32 {
        if let Op::Reduce(reduce) = &op
            && reduce.is_sum()
            && shape.numel() == 1
            && let Some(place) = self.sum_of_pending(inputs[0], pool)
        {
            return self.push_array(Kind::Op(op), inputs, shape, Place::Data(place), true);
        }
        for &input in &inputs {
            self.materialise(input, pool);
        }
        let tracked = inputs.iter().enumerate().any(|(k, &i)| self.arrays[i as usize].tracked && op.differentiable(k));
        match op {
            Op::Reshape(_) => {
                let place = self.arrays[inputs[0] as usize].place.clone();
                self.push_array(Kind::Op(op), inputs, shape, place, tracked)
            }
            Op::Transpose(_) => {
                let place = self.arrays[inputs[0] as usize].place.clone();
                let array = self.push_array(Kind::Op(op), inputs, shape, place, tracked);
                self.arrays[array as usize].pending = true;
                array
            }
            Op::Map(_) if tracked && op.keeps_slopes(inputs.len()) => {
                // A parameter may be updated before the values are asked for, and a tape that checks looks at them at once.
                let at_once = self.stream.is_tight() || matches!(self.arrays[inputs[0] as usize].kind, Kind::Param(_));
                let nothing = Place::Data(self.used..self.used);
                let array = self.push_array(Kind::Op(op), inputs, shape, nothing, tracked);
                self.arrays[array as usize].pending = true;
                if at_once {
                    self.materialise(array, pool);
                }
                array
            }
            op if tracked && op.keeps_slopes(inputs.len()) => {
                let (place, slopes) = self.compute_with_slopes(&op, &shape, inputs[0], pool);
                let array = self.push_array(Kind::Op(op), inputs, shape, Place::Data(place), tracked);
                self.keep_slopes(array, slopes);
                array
            }
            op => {
                let place = self.compute(&op, &shape, &inputs);
                self.push_array(Kind::Op(op), inputs, shape, Place::Data(place), tracked)
            }
        }
    }

    /// Appends a value that was computed elsewhere.
    #[track_caller]
    pub(crate) fn external(
        &mut self,
        op: Arc<dyn External<T>>,
        inputs: SmallVec<[u32; 4]>,
        y: &Tensor<T>,
        pool: &Pool<T>,
    ) -> u32 {
        for &input in &inputs {
            self.materialise(input, pool);
        }
        let tracked = inputs.iter().any(|&i| self.arrays[i as usize].tracked);
        let place = self.reserve(y.numel());
        self.data[place.clone()].copy_from_slice(y.as_slice());
        self.push_array(Kind::External(op), inputs, y.shape().clone(), Place::Data(place), tracked)
    }

    /// Indices for an operation to hold.
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
            // Something outlives the recording, a gradient's gradient perhaps.
            None => *slot = Arc::new(given.collect()),
        }
        slot.clone()
    }

    /// Makes room for `len` values; they hold whatever an earlier recording left there.
    fn reserve(&mut self, len: usize) -> Range<usize> {
        let start = self.used;
        self.used += len;
        if self.data.len() < self.used {
            self.data.resize(self.used.next_power_of_two(), T::zero());
        }
        start..self.used
    }

    #[track_caller]
    fn compute(&mut self, op: &Op, shape: &Shape, inputs: &[u32]) -> Range<usize> {
        let place = self.reserve(shape.numel());
        let (before, out) = self.data.split_at_mut(place.start);
        let mut x: SmallVec<[Input<'_, T>; 4]> = SmallVec::new();
        for &input in inputs {
            // A loop, so that a refusal points at the caller.
            let node = &self.arrays[input as usize];
            x.push(Input { shape: &node.shape, values: values(node, before) });
        }
        compiled::compute(op, &x, shape, &mut out[..place.len()]);
        place
    }

    /// The values of an array that are not put off.
    #[track_caller]
    pub(crate) fn array_values(&self, array: u32) -> &[T] {
        self.node_values(&self.arrays[array as usize])
    }

    /// The same of its node.
    #[inline]
    #[track_caller]
    pub(crate) fn node_values<'a>(&'a self, node: &'a ArrayNode<T>) -> &'a [T] {
        values(node, &self.data)
    }

    /// An array's values as a tensor; those that are shared are not copied. They are not put off.
    #[track_caller]
    pub(crate) fn tensor(&self, array: u32) -> Tensor<T> {
        let node = &self.arrays[array as usize];
        match &node.place {
            Place::Shared(values) => Tensor::from_parts(node.shape.clone(), values.clone()),
            _ => Tensor::new(&node.shape, self.array_values(array).to_vec()),
        }
    }

    /// Bytes held for nodes and values.
    pub(crate) fn bytes(&self) -> usize {
        let slopes: usize = self.slopes.iter().map(|slopes| slopes.borrow().len()).sum();
        self.stream.bytes() + self.arrays.len() * size_of::<ArrayNode<T>>() + (self.used + slopes) * size_of::<T>()
    }
}

#[inline]
#[track_caller]
fn values<'a, T: Float>(node: &'a ArrayNode<T>, data: &'a [T]) -> &'a [T] {
    match &node.place {
        Place::Data(place) => &data[place.clone()],
        Place::Shared(values) => values,
        Place::Released => released(&node.shape),
    }
}

#[cold]
#[track_caller]
fn released(shape: &Shape) -> ! {
    panic!(
        "a parameter of shape {shape} was updated after it was recorded, and its old values are gone; \
         record the formula again (Tape::clear, then the forward pass)"
    )
}
