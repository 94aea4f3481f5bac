//! [`Stream`]: the nodes of a tape, one after another.

use smallvec::SmallVec;

use super::node::Node;
use super::opcode::Opcode;
use super::statement::Statements;
use crate::kernels::elementwise;
use crate::memory::{make_room, no_room_for};
use crate::number::Float;
use crate::number::rows::{Args, Unary};

/// Scalars and arrays in the order of computation, and the data that scalar rows keep beside their nodes.
#[derive(Debug)]
pub(crate) struct Stream<T: Float> {
    /// The nodes, of which `len` are recorded; the rest is room.
    nodes: Vec<Node<T>>,
    len: usize,
    /// The initial gradients of a sweep, 0 for each node. They are written while recording, where a chain waits for
    /// its values anyway, which saves a separate pass. Empty once a sweep has taken them, until the tape is cleared.
    zeros: Vec<T>,
    /// Whether no room is kept, so that each scalar takes the slow path, which checks it.
    tight: bool,
    /// Plain-number arguments of scalar rows; the first is [0, 0].
    args: Vec<Args>,
    /// Derivatives of scalar rows that keep them.
    slopes: Vec<T>,
    pub(crate) statements: Statements<T>,
}

impl<T: Float> Stream<T> {
    pub(crate) fn new() -> Self {
        let (args, statements) = (vec![[0.0; 2]], Statements::new());
        Stream { nodes: vec![], len: 0, zeros: vec![], tight: false, args, slopes: vec![], statements }
    }

    /// Forgets all nodes and keeps the memory. `gradients`, those of the last sweep, are overwritten.
    pub(crate) fn clear(&mut self, gradients: Vec<T>) {
        self.len = 0;
        if self.zeros.is_empty() {
            self.zeros = gradients;
            self.zeros.resize(self.nodes.len(), T::zero());
        }
        self.args.truncate(1);
        self.slopes.clear();
        self.statements.clear();
        if self.tight {
            self.tighten();
        }
    }

    /// Keeps no room from now on.
    pub(crate) fn tighten(&mut self) {
        self.tight = true;
        self.nodes.truncate(self.len);
    }

    /// Whether no room is kept.
    pub(crate) fn is_tight(&self) -> bool {
        self.tight
    }

    /// Bytes used for nodes and their data.
    pub(crate) fn bytes(&self) -> usize {
        self.len * size_of::<Node<T>>()
            + size_of_val(&*self.args)
            + size_of_val(&*self.slopes)
            + self.statements.bytes()
    }

    /// Bytes of capacity for nodes and statements.
    pub(crate) fn held(&self) -> usize {
        self.nodes.capacity() * size_of::<Node<T>>() + self.statements.held()
    }

    /// The number of nodes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All nodes, in the order of computation.
    #[inline]
    pub(crate) fn nodes(&self) -> &[Node<T>] {
        &self.nodes[..self.len]
    }

    /// Takes a zero gradient for each node; empty if a sweep has taken them already.
    pub(crate) fn take_zeros(&mut self) -> Vec<T> {
        std::mem::take(&mut self.zeros)
    }

    /// The operation of a node.
    #[inline]
    pub(crate) fn code(&self, node: usize) -> Opcode {
        self.nodes()[node].code()
    }

    /// Whether a node is a scalar without gradient.
    #[inline]
    pub(crate) fn is_constant(&self, node: usize) -> bool {
        self.nodes()[node].byte() == Opcode::Constant.byte([false; 2])
    }

    /// The operands of a node.
    #[inline]
    pub(crate) fn operands(&self, node: usize) -> [u32; 2] {
        self.nodes()[node].operands()
    }

    /// The scalars that a scalar node is computed from.
    #[inline]
    pub(crate) fn inputs(&self, node: usize) -> SmallVec<[u32; 4]> {
        let [a, b] = self.operands(node);
        match self.code(node) {
            Opcode::Variable | Opcode::Constant | Opcode::Item | Opcode::Array => SmallVec::new(),
            Opcode::Unary(_) => SmallVec::from_slice(&[a]),
            Opcode::Binary(_) => SmallVec::from_slice(&[a, b]),
            Opcode::Statement => SmallVec::from_slice(self.statements.inputs([a, b])),
        }
    }

    /// The value of a scalar node.
    #[inline]
    pub(crate) fn value(&self, node: usize) -> T {
        self.nodes()[node].value
    }

    /// Appends to the stream; returns the node.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn push(&mut self, code: Opcode, operands: [u32; 2], value: T) -> u32 {
        match self.push_within(code, operands, value) {
            Some(node) => node,
            None => self.push_growing(code, operands, value),
        }
    }

    /// Appends to the stream if there is room.
    #[inline(always)]
    pub(crate) fn push_within(&mut self, code: Opcode, operands: [u32; 2], value: T) -> Option<u32> {
        let node = self.len;
        *self.nodes.get_mut(node)? = Node::new(node, code, operands, value);
        if let Some(gradient) = self.zeros.get_mut(node) {
            *gradient = T::zero();
        }
        self.len = node + 1;
        Some(node as u32)
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn push_growing(&mut self, code: Opcode, operands: [u32; 2], value: T) -> u32 {
        let room = Node::<T>::MOST.saturating_sub(self.len);
        assert!(room > 0, "tape: more than 2²⁸ nodes; call clear between steps, or use several tapes");
        let more = if self.tight { 1 } else { self.len.max(64).min(room) };
        let (nodes, zeros) = (self.len + more, self.zeros.len() == self.len);
        // Both are tested before either changes.
        if !make_room(&mut self.nodes, nodes) || (zeros && !make_room(&mut self.zeros, nodes)) {
            no_room_for("nodes", nodes);
        }
        self.nodes.resize(nodes, Node::new(0, Opcode::Constant, [0; 2], T::zero()));
        if zeros {
            self.zeros.resize(self.nodes.len(), T::zero());
        }
        self.push_within(code, operands, value).expect("room was made")
    }

    /// The index of a row's plain-number arguments; a run of equal arguments is stored once.
    #[inline(always)]
    pub(crate) fn push_args(&mut self, args: Args) -> u32 {
        if args == [0.0; 2] {
            return 0;
        }
        if self.args.last() != Some(&args) {
            self.push_new_args(args);
        }
        (self.args.len() - 1) as u32
    }

    #[cold]
    #[inline(never)]
    fn push_new_args(&mut self, args: Args) {
        self.args.push(args);
    }

    /// Stores a derivative; returns its index.
    #[inline(always)]
    pub(crate) fn push_slope(&mut self, slope: T) -> u32 {
        self.slopes.push(slope);
        (self.slopes.len() - 1) as u32
    }

    /// The plain-number arguments of a scalar row whose second operand is `index`.
    #[inline(always)]
    pub(crate) fn args(&self, row: Unary, index: usize) -> Args {
        if row.takes_numbers() { self.args[index] } else { [0.0; 2] }
    }

    /// The gradient that a scalar row passes from `d` at `x`, where its value is `y` and its second operand is
    /// `index`.
    #[inline(always)]
    pub(crate) fn pass(&self, row: Unary, [x, y]: [T; 2], index: usize, d: T) -> T {
        if row.keeps_slope() { d.chain(self.slopes[index]) } else { row.pass_of_any(x, y, self.args(row, index), d) }
    }

    /// [`pass`](Stream::pass) in the form that is valid for most numbers; `None` where that form is not valid.
    #[inline(always)]
    pub(crate) fn first_form(&self, row: Unary, [x, y]: [T; 2], index: usize, d: T) -> Option<T> {
        if row.keeps_slope() {
            return Some(d.chain(self.slopes[index]));
        }
        elementwise::first_form(row, self.args(row, index), [x, y], d)
    }
}
