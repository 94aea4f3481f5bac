//! [`Arrays`]: the arrays of a tape, one after another.
//!
//! A node is `Copy`, and all large or owned data lies beside the nodes: recording an array moves a few registers, and
//! forgetting it costs nothing. A node that owned its parts was assembled on the stack and copied in pieces for which
//! the processor could not use store forwarding; a chain of small arrays waited for that at each link.

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

/// The operation of an array node, as the node stores it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ArrayCode {
    /// An array that the user recorded in order to have its gradient.
    Variable,
    /// An array without gradient.
    Constant,
    /// A parameter with its value at its first use on this tape. Index into `Arrays::params`.
    Param(u32),
    /// A scalar as an array, by its node.
    Lift(u32),
    /// A unary row, and the index of its plain-number arguments, which are stored with those of scalars.
    Unary(Unary, u32),
    /// A binary row, and whether both operands have its shape.
    Binary(Binary, bool),
    /// Any other operation. Index into `Arrays::ops`.
    Op(u32),
    /// A function that is computed externally. Index into `Arrays::externals`.
    External(u32),
}

impl ArrayCode {
    /// Whether the user recorded the array in order to have its gradient, so that a sweep keeps it without further
    /// request.
    pub(crate) fn is_leaf(self) -> bool {
        matches!(self, ArrayCode::Variable | ArrayCode::Constant | ArrayCode::Param(_))
    }

    /// Whether an operation computes it from other arrays.
    pub(crate) fn is_operation(self) -> bool {
        !self.is_leaf() && !matches!(self, ArrayCode::Lift(_))
    }
}

/// The operation of an array node, with all its data.
pub(crate) enum ArrayOp<'a, T: Float> {
    /// See [`ArrayCode::Variable`].
    Variable,
    /// See [`ArrayCode::Constant`].
    Constant,
    /// See [`ArrayCode::Param`].
    Param(&'a Param<T>),
    /// See [`ArrayCode::Lift`].
    Lift(u32),
    /// An operation, of the table or structured.
    Op(Cow<'a, Op>),
    /// See [`ArrayCode::External`].
    External(&'a Arc<dyn External<T>>),
}

impl<'a, T: Float> ArrayOp<'a, T> {
    /// The public name of the operation.
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

/// The location of an array's values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Storage {
    /// In `Arena::data`, from this position on.
    Data(usize),
    /// In a buffer shared with a tensor of the user or with a parameter. Index into `Arrays::shared`.
    Shared(u32),
    /// Nowhere yet, because they are deferred.
    Nowhere,
}

/// One array; [`Arrays`] resolves its indices.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ArrayNode {
    pub(crate) code: ArrayCode,
    pub(crate) place: Storage,
    /// The number of values.
    pub(crate) numel: usize,
    /// The inputs of a row. For an operation with more inputs: their start in `Arrays::inputs`, and their number.
    pub(crate) inputs: [u32; 2],
    /// Index into `Arrays::shapes`. Two indices may refer to equal shapes.
    pub(super) shape: u32,
    /// One more than the index into `Arena::slopes` of the derivatives with respect to its inputs, if it keeps them.
    pub(super) slopes: Option<NonZeroU32>,
    /// Whether it depends on a variable or a parameter, so that gradients must flow through it.
    pub(crate) tracked: bool,
    /// Whether the user asked for its gradient.
    pub(crate) watched: bool,
    /// Whether its values are deferred until they are read. Until then the place of a transpose holds the values of
    /// its input, which a product reads. The place of a map holds nothing, since a sum needs only the sum.
    pub(crate) pending: bool,
}

/// The arrays of a tape, in the order of computation.
pub(crate) struct Arrays<T: Float> {
    nodes: Vec<ArrayNode>,
    /// The inputs of all operations that are not rows of the table.
    inputs: Vec<u32>,
    shapes: Vec<Shape>,
    /// The shared buffers; `None` for a parameter that was updated in place since.
    shared: Vec<Option<Shared<T>>>,
    params: Vec<Param<T>>,
    /// For each parameter the array of its previous recording, if it was recorded more than once.
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

    /// The number of arrays.
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

    /// Stores a shape; returns its index.
    #[inline]
    pub(super) fn keep_shape(&mut self, shape: Shape) -> u32 {
        self.shapes.push(shape);
        (self.shapes.len() - 1) as u32
    }

    /// Stores a shared buffer.
    pub(super) fn keep_shared(&mut self, values: Shared<T>) -> Storage {
        self.shared.push(Some(values));
        Storage::Shared((self.shared.len() - 1) as u32)
    }

    /// Stores a parameter; the array of its previous recording is stored next.
    pub(super) fn keep_param(&mut self, param: Param<T>) -> ArrayCode {
        self.params.push(param);
        ArrayCode::Param((self.params.len() - 1) as u32)
    }

    /// Stores an operation that is not a row of the table.
    #[inline]
    pub(super) fn keep_op(&mut self, op: Op) -> ArrayCode {
        self.ops.push(op);
        ArrayCode::Op((self.ops.len() - 1) as u32)
    }

    /// Stores a function that is computed externally.
    pub(super) fn keep_external(&mut self, op: Arc<dyn External<T>>) -> ArrayCode {
        self.externals.push(op);
        ArrayCode::External((self.externals.len() - 1) as u32)
    }

    /// The lengths of an array's axes.
    #[inline]
    pub(crate) fn shape(&self, array: u32) -> &Shape {
        &self.shapes[self[array].shape as usize]
    }

    /// The shape at `index`.
    #[inline]
    pub(super) fn shape_at(&self, index: u32) -> &Shape {
        &self.shapes[index as usize]
    }

    /// The inputs of an array.
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

    /// The external function at `index`.
    #[inline]
    pub(crate) fn external(&self, index: u32) -> &Arc<dyn External<T>> {
        &self.externals[index as usize]
    }

    /// The operation of an array; `stream` holds the arguments of rows.
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

    /// Stores the array of the previous recording of the parameter that was stored last.
    #[inline]
    pub(super) fn keep_earlier(&mut self, array: Option<u32>) {
        self.earlier.push(array);
    }

    /// The earlier recordings of a parameter, from the latest back.
    pub(crate) fn earlier(&self, array: u32) -> impl Iterator<Item = u32> {
        let before = |&array: &u32| match self[array].code {
            ArrayCode::Param(index) => self.earlier[index as usize],
            _ => None,
        };
        successors(before(&array), before)
    }

    /// A shared buffer, unless it was released.
    #[inline]
    pub(crate) fn shared(&self, index: u32) -> Option<&Shared<T>> {
        self.shared[index as usize].as_ref()
    }

    /// Whether an array's values were given back to a parameter that was then updated in place.
    pub(crate) fn is_released(&self, array: u32) -> bool {
        matches!(self[array].place, Storage::Shared(index) if self.shared(index).is_none())
    }

    /// Releases the values of a parameter, so that it can be updated in place.
    pub(crate) fn release(&mut self, array: u32) {
        if let Storage::Shared(index) = self[array].place {
            self.shared[index as usize] = None;
        }
    }

    /// The place of an array, for another array with as many values, which gets its own share of a shared buffer.
    pub(super) fn place_again(&mut self, array: u32) -> Storage {
        match self[array].place {
            Storage::Shared(index) => match self.shared(index).cloned() {
                Some(values) => self.keep_shared(values),
                None => Storage::Shared(index),
            },
            place => place,
        }
    }

    /// The values of an array that is not deferred; `data` is the arena's.
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
        // A reshaped parameter is reported as the parameter.
        let same = |other: &&ArrayNode| matches!(other.code, ArrayCode::Param(_)) && other.place == node.place;
        let shape = self.shape_at(self.nodes.iter().find(same).unwrap_or(node).shape);
        panic!(
            "a parameter of shape {shape} was updated after it was recorded, and its old values are gone; \
             record the formula again (Tape::clear, then the forward pass)"
        )
    }

    /// An array's values as a tensor; shared values are not copied. The array is not deferred.
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

    /// Bytes used for an array beside its values and its arguments.
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
