//! [`Arrays`]: the arrays of a tape, one after another.
//!
//! A node is `Copy`, and all that is large or owned lies beside the nodes: recording an array moves a few registers, and
//! forgetting it takes nothing. A node that owned its parts was put together on the stack and copied in pieces that the
//! processor could not forward; a chain of small arrays waited for that at each link.

use std::borrow::Cow;
use std::iter::successors;
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use super::stream::Stream;
use crate::external::External;
use crate::memory::Shared;
use crate::number::Float;
use crate::number::rows::{Binary, Unary};
use crate::ops::Op;
use crate::param::Param;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What an array node does, as the node keeps it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ArrayCode {
    /// An array that the user put on the tape to have its gradient.
    Variable,
    /// An array without gradient.
    Constant,
    /// A parameter, as it was when it was first used on this tape. Index into `Arrays::params`.
    Param(u32),
    /// A scalar as an array. Its node.
    Lift(u32),
    /// A row of the table of one input, and the index of its plain-number arguments, which lie with those of scalars.
    Unary(Unary, u32),
    /// A row of the table of two inputs, and whether both have its shape.
    Binary(Binary, bool),
    /// Any other operation. Index into `Arrays::ops`.
    Op(u32),
    /// A function that is computed elsewhere. Index into `Arrays::externals`.
    External(u32),
}

impl ArrayCode {
    /// Whether its gradient is what the user asked for when it was put on the tape. A sweep keeps it without being told.
    pub(crate) fn is_leaf(self) -> bool {
        matches!(self, ArrayCode::Variable | ArrayCode::Constant | ArrayCode::Param(_))
    }

    /// Whether an operation computes it from other arrays.
    pub(crate) fn is_operation(self) -> bool {
        !self.is_leaf() && !matches!(self, ArrayCode::Lift(_))
    }
}

/// What an array node does, with all that belongs to it.
pub(crate) enum ArrayOp<'a, T: Float> {
    /// See [`ArrayCode::Variable`].
    Variable,
    /// See [`ArrayCode::Constant`].
    Constant,
    /// See [`ArrayCode::Param`].
    Param(&'a Param<T>),
    /// See [`ArrayCode::Lift`].
    Lift(u32),
    /// An operation, of the table or another.
    Op(Cow<'a, Op>),
    /// See [`ArrayCode::External`].
    External(&'a Arc<dyn External<T>>),
}

impl<'a, T: Float> ArrayOp<'a, T> {
    /// What it does, by its public name.
    pub(crate) fn name(&self) -> &'a str {
        match self {
            ArrayOp::Variable => "variable",
            ArrayOp::Constant => "constant",
            ArrayOp::Param(_) => "parameter",
            ArrayOp::Lift(_) => "to_var",
            ArrayOp::Op(op) => op.name(),
            ArrayOp::External(op) => op.name(),
        }
    }
}

/// Where an array's values are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Storage {
    /// In `Arena::data`, from here on.
    Data(usize),
    /// In a buffer shared with a tensor of the user or with a parameter. Index into `Arrays::shared`.
    Shared(u32),
    /// Nowhere yet: they are put off.
    Nowhere,
}

/// One array. What it is made of is found by [`Arrays`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ArrayNode {
    pub(crate) code: ArrayCode,
    pub(crate) place: Storage,
    /// How many values it has.
    pub(crate) numel: usize,
    /// The inputs of a row of the table. Of what has more: where they begin in `Arrays::inputs`, and how many they are.
    pub(crate) inputs: [u32; 2],
    /// Index into `Arrays::shapes`. Two indices may stand for one shape.
    pub(super) shape: u32,
    /// One more than the index into `Arena::slopes` of the derivatives by its only input, if it keeps them.
    pub(super) slopes: Option<NonZeroU32>,
    /// Whether a variable or a parameter lies before it, so that gradients must flow through it.
    pub(crate) tracked: bool,
    /// Whether the user asked for its gradient.
    pub(crate) watched: bool,
    /// Whether its values are put off until somebody reads them. Until then the place of a transpose holds the values of its
    /// input, since a product reads those, and the place of a map nothing, since a sum needs no more than the sum.
    pub(crate) pending: bool,
}

/// The arrays of a tape, in the order in which they were computed.
pub(crate) struct Arrays<T: Float> {
    nodes: Vec<ArrayNode>,
    /// Of all that are not rows of the table.
    inputs: Vec<u32>,
    shapes: Vec<Shape>,
    /// The buffers that are shared; of a parameter that was then updated in place, no longer.
    shared: Vec<Option<Shared<T>>>,
    params: Vec<Param<T>>,
    /// For each of them the array of its recording before, if it was recorded more than once.
    earlier: Vec<Option<u32>>,
    ops: Vec<Op>,
    externals: Vec<Arc<dyn External<T>>>,
}

impl<T: Float> Arrays<T> {
    pub(super) fn new() -> Self {
        Arrays {
            nodes: vec![],
            inputs: vec![],
            shapes: vec![],
            shared: vec![],
            params: vec![],
            earlier: vec![],
            ops: vec![],
            externals: vec![],
        }
    }

    /// Forgets all arrays and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.inputs.clear();
        self.shapes.clear();
        self.shared.clear();
        self.params.clear();
        self.earlier.clear();
        self.ops.clear();
        self.externals.clear();
    }

    /// How many arrays there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Appends an array; returns its index.
    #[inline(always)]
    pub(super) fn push(
        &mut self,
        code: ArrayCode,
        inputs: &[u32],
        shape: u32,
        numel: usize,
        place: Storage,
        tracked: bool,
    ) -> u32 {
        let array = self.nodes.len() as u32;
        let inputs = match code {
            ArrayCode::Unary(..) => [inputs[0], 0],
            ArrayCode::Binary(..) => [inputs[0], inputs[1]],
            _ => {
                let range = [self.inputs.len(), inputs.len()].map(|at| at as u32);
                self.inputs.extend_from_slice(inputs);
                range
            }
        };
        self.nodes.push(ArrayNode {
            code,
            place,
            numel,
            inputs,
            shape,
            slopes: None,
            tracked,
            watched: false,
            pending: false,
        });
        array
    }

    /// Keeps a shape; returns its index.
    #[inline]
    pub(super) fn keep_shape(&mut self, shape: Shape) -> u32 {
        self.shapes.push(shape);
        (self.shapes.len() - 1) as u32
    }

    /// Keeps a buffer that is shared.
    pub(super) fn keep_shared(&mut self, values: Shared<T>) -> Storage {
        self.shared.push(Some(values));
        Storage::Shared((self.shared.len() - 1) as u32)
    }

    /// Keeps a parameter; the array of its recording before is to follow.
    pub(super) fn keep_param(&mut self, param: Param<T>) -> ArrayCode {
        self.params.push(param);
        ArrayCode::Param((self.params.len() - 1) as u32)
    }

    /// Keeps an operation that is not a row of the table.
    #[inline]
    pub(super) fn keep_op(&mut self, op: Op) -> ArrayCode {
        self.ops.push(op);
        ArrayCode::Op((self.ops.len() - 1) as u32)
    }

    /// Keeps a function that is computed elsewhere.
    pub(super) fn keep_external(&mut self, op: Arc<dyn External<T>>) -> ArrayCode {
        self.externals.push(op);
        ArrayCode::External((self.externals.len() - 1) as u32)
    }

    /// The lengths of an array's axes.
    #[inline]
    pub(crate) fn shape(&self, array: u32) -> &Shape {
        &self.shapes[self[array].shape as usize]
    }

    /// The shape that is kept at `index`.
    #[inline]
    pub(super) fn shape_at(&self, index: u32) -> &Shape {
        &self.shapes[index as usize]
    }

    /// The arrays from which one is computed.
    #[inline]
    pub(crate) fn inputs(&self, array: u32) -> &[u32] {
        let node = &self[array];
        match node.code {
            ArrayCode::Unary(..) => &node.inputs[..1],
            ArrayCode::Binary(..) => &node.inputs,
            _ => {
                let [first, count] = node.inputs.map(|at| at as usize);
                &self.inputs[first..][..count]
            }
        }
    }

    /// The operation at `index`, which is not a row of the table.
    #[inline]
    pub(crate) fn op(&self, index: u32) -> &Op {
        &self.ops[index as usize]
    }

    /// The function at `index`, which is computed elsewhere.
    #[inline]
    pub(crate) fn external(&self, index: u32) -> &Arc<dyn External<T>> {
        &self.externals[index as usize]
    }

    /// What an array does; `stream` holds the arguments of rows.
    #[inline]
    pub(super) fn kind(&self, array: u32, stream: &Stream<T>) -> ArrayOp<'_, T> {
        match self[array].code {
            ArrayCode::Variable => ArrayOp::Variable,
            ArrayCode::Constant => ArrayOp::Constant,
            ArrayCode::Param(index) => ArrayOp::Param(&self.params[index as usize]),
            ArrayCode::Lift(scalar) => ArrayOp::Lift(scalar),
            ArrayCode::Unary(row, index) => ArrayOp::Op(Cow::Owned(Op::Unary(row, stream.args(row, index as usize)))),
            ArrayCode::Binary(row, _) => ArrayOp::Op(Cow::Owned(Op::Binary(row))),
            ArrayCode::Op(index) => ArrayOp::Op(Cow::Borrowed(self.op(index))),
            ArrayCode::External(index) => ArrayOp::External(self.external(index)),
        }
    }

    /// The parameters, in the order of their first use.
    pub(crate) fn params(&self) -> &[Param<T>] {
        &self.params
    }

    /// Keeps the array of the recording before of the last parameter that was kept.
    #[inline]
    pub(super) fn keep_earlier(&mut self, array: Option<u32>) {
        self.earlier.push(array);
    }

    /// The recordings of a parameter before this one, from the last back.
    pub(crate) fn earlier(&self, array: u32) -> impl Iterator<Item = u32> {
        let before = |&array: &u32| match self[array].code {
            ArrayCode::Param(index) => self.earlier[index as usize],
            _ => None,
        };
        successors(before(&array), before)
    }

    /// A buffer that is shared, unless it was given up.
    #[inline]
    pub(crate) fn shared(&self, index: u32) -> Option<&Shared<T>> {
        self.shared[index as usize].as_ref()
    }

    /// Whether an array's values were given back to a parameter that was then updated in place.
    pub(crate) fn is_released(&self, array: u32) -> bool {
        matches!(self[array].place, Storage::Shared(index) if self.shared(index).is_none())
    }

    /// Gives the values of a parameter up, so that it can be updated in place.
    pub(crate) fn release(&mut self, array: u32) {
        if let Storage::Shared(index) = self[array].place {
            self.shared[index as usize] = None;
        }
    }

    /// An array's place for another of as many values, which holds them in its own right.
    pub(super) fn place_again(&mut self, array: u32) -> Storage {
        match self[array].place {
            Storage::Shared(index) => match self.shared(index).cloned() {
                Some(values) => self.keep_shared(values),
                None => Storage::Shared(index),
            },
            place => place,
        }
    }

    /// The values of an array that are not put off; `data` is the arena's.
    #[inline(always)]
    #[track_caller]
    pub(super) fn values<'a>(&'a self, node: &ArrayNode, data: &'a [T]) -> &'a [T] {
        match node.place {
            Storage::Data(start) => &data[start..][..node.numel],
            Storage::Shared(index) => match self.shared(index) {
                Some(values) => values,
                None => self.refuse_released(node),
            },
            Storage::Nowhere => &[],
        }
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn refuse_released(&self, node: &ArrayNode) -> ! {
        // What has only another shape than the parameter is told as the parameter.
        let same = |other: &&ArrayNode| matches!(other.code, ArrayCode::Param(_)) && other.place == node.place;
        let shape = self.shape_at(self.nodes.iter().find(same).unwrap_or(node).shape);
        panic!(
            "a parameter of shape {shape} was updated after it was recorded, and its old values are gone; \
             record the formula again (Tape::clear, then the forward pass)"
        )
    }

    /// An array's values as a tensor; those that are shared are not copied. They are not put off.
    #[track_caller]
    pub(super) fn tensor(&self, array: u32, data: &[T]) -> Tensor<T> {
        let (node, shape) = (&self[array], self.shape(array));
        if let Storage::Shared(index) = node.place
            && let Some(values) = self.shared(index)
        {
            return Tensor::from_parts(shape.clone(), values.clone());
        }
        Tensor::new(shape, self.values(node, data).to_vec())
    }

    /// Bytes held for an array beside its values and its arguments.
    pub(crate) fn bytes_of(&self, array: u32) -> usize {
        let node = &self[array];
        let inputs = self.inputs(array);
        let own_shape = inputs.iter().all(|&input| self[input].shape != node.shape);
        let own_op = matches!(node.code, ArrayCode::Op(_));
        let own_inputs = if matches!(node.code, ArrayCode::Unary(..) | ArrayCode::Binary(..)) { &[] } else { inputs };
        size_of::<ArrayNode>()
            + size_of_val(own_inputs)
            + usize::from(own_shape) * size_of::<Shape>()
            + usize::from(own_op) * size_of::<Op>()
    }
}

impl<T: Float> Index<u32> for Arrays<T> {
    type Output = ArrayNode;
    #[inline(always)]
    fn index(&self, array: u32) -> &ArrayNode {
        &self.nodes[array as usize]
    }
}

impl<T: Float> IndexMut<u32> for Arrays<T> {
    #[inline(always)]
    fn index_mut(&mut self, array: u32) -> &mut ArrayNode {
        &mut self.nodes[array as usize]
    }
}
