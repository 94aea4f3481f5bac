//! The reverse sweep: one backward walk over the tape.
//!
//! A node's operands precede it, so a walk against the recording order visits every node after all of its users,
//! without a sort and without recursion at any depth. The sweep does the bookkeeping that rules never see: it skips
//! nodes that need no gradient, adds up the contributions of several users, and reuses buffers.

mod by_param;
mod dependence;
mod eager;
mod formula;
mod forward;
mod gradients;
mod multiple;
mod parts;
mod reach;
mod recorded;
mod recorded_scalars;
mod rows;
mod scalar_tangents;
mod scalars;
mod slots;
mod spreading;
mod tangent;
mod update;
mod wrt;

pub(crate) use by_param::backward_each;
pub(crate) use dependence::{Rows, dependence};
pub use formula::Recorded;
pub(crate) use forward::{Seeds, tangents};
pub use gradients::{Gradient, Gradients};
pub(crate) use multiple::array_multiple;
pub use parts::{backward_in_parts, gradients_by_part};
pub(crate) use recorded::segment_vjp;
pub(crate) use recorded_scalars::AllKnown;
pub(crate) use scalar_tangents::MOST_DIRECTIONS;
pub use wrt::Wrt;

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::external::External;
use crate::kernels::compiled as kernels;
use crate::kernels::runs::Runs;
use crate::kernels::softmax::scale_rows;
use crate::memory::pool::{Buffer, Pool};
use crate::number::Float;
use crate::number::instances::instances;
use crate::number::rows::Binary;
use crate::ops::index::Gather;
use crate::ops::{Array, Op};
use crate::per_input::PerInput;
use crate::tape::arena::{Arena, ArrayCode, ArrayNode, ArrayOp, Opcode};
use crate::tape::by_rows::{RowsRead, has_rows};
use crate::tape::debug::SourceLines;
use crate::tape::scratch::Scratch;
use crate::tape::{Scalar, Tape, Var};
use crate::tensor::Tensor;
use eager::Eager;
use scalars::scalars;

/// Gradients of `root` with respect to all arrays that are kept.
#[track_caller]
pub(crate) fn backward_with<'t, T: Float>(root: Scalar<'t, T>, observer: Option<Observer<'_, T>>) -> Gradients<'t, T> {
    root.tape().must_record("backward");
    if observer.is_some() {
        root.tape().arena_mut().materialise_all(&root.tape().pool);
    }
    let seed = |scratch: &mut Scratch<T>| scratch.scalars[root.node() as usize] = T::one();
    sweep(root.tape(), root.node() as usize + 1, seed, observer)
}

/// Gradients of `⟨y, dy⟩`.
#[track_caller]
pub(crate) fn vjp<'t, T: Float>(y: Var<'t, T>, dy: &Tensor<T>) -> Gradients<'t, T> {
    y.tape().must_record("vjp");
    let seed = y.tape().pool.copy(dy.as_slice());
    // Later nodes have no gradient and are skipped.
    sweep(y.tape(), y.tape().len(), |scratch| scratch.arrays[y.index() as usize] = Some(seed), None)
}

/// The observer of gradients of named values.
type Observer<'o, T> = &'o mut dyn FnMut(&str, &Tensor<T>);

#[track_caller]
fn sweep<'t, T: Float>(
    tape: &'t Tape<T>,
    nodes: usize,
    seed: impl FnOnce(&mut Scratch<T>),
    observer: Option<Observer<'_, T>>,
) -> Gradients<'t, T> {
    let mut scratch = start(tape, nodes);
    {
        let arena = tape.arena.borrow();
        seed(&mut scratch);
        let (places, names) = (tape.places.borrow(), tape.names.borrow());
        let places = places.as_deref().filter(|places| places.finite);
        let (pool, names, by_param) = (&tape.pool, &*names, false);
        run(&mut Sweep { arena: &arena, pool, scratch: &mut scratch, places, names, observer, by_param }, nodes);
        scratch.collect(&arena, &tape.pool);
    }
    Gradients::new(tape, scratch)
}

/// The working memory for a sweep of the nodes before `nodes`, without gradients yet.
#[track_caller]
fn start<T: Float>(tape: &Tape<T>, nodes: usize) -> Scratch<T> {
    let (mut scratch, mut arena) = (tape.scratch.take(), tape.arena_mut());
    let zeros = arena.stream.take_zeros();
    scratch.start(zeros, nodes, arena.arrays.len());
    scratch
}

instances! {
    Sweep::run as run(sweep: &mut Sweep<'_, '_, T>, nodes: usize) -> Option<usize>;
}

pub(crate) struct Sweep<'s, 'o, T: Float> {
    arena: &'s Arena<T>,
    pool: &'s Pool<T>,
    scratch: &'s mut Scratch<T>,
    /// Set on a tape that checks that gradients are finite.
    places: Option<&'s SourceLines>,
    names: &'s HashMap<u32, String>,
    observer: Option<Observer<'o, T>>,
    /// Whether to stop at each parameter that has a gradient.
    by_param: bool,
}

impl<'s, T: Float> Sweep<'s, '_, T> {
    /// Sweeps the nodes before `nodes`; returns the node at which it stopped, if it did.
    #[track_caller]
    pub(crate) fn run(&mut self, nodes: usize) -> Option<usize> {
        let arena = self.arena;
        let mut end = nodes;
        loop {
            let node = end.checked_sub(1)?;
            let entry = &arena.stream.nodes()[node];
            let [a, b] = entry.operands().map(|operand| operand as usize);
            if entry.byte() == Opcode::Array.byte([false; 2]) {
                end = node;
                self.array(a);
                let is_param = || matches!(arena.arrays[a as u32].code, ArrayCode::Param(_));
                if self.by_param && is_param() && self.scratch.arrays[a].is_some() {
                    return Some(node);
                }
                continue;
            }
            if self.places.is_none() {
                let rest = scalars(&arena.stream, &mut self.scratch.scalars, end);
                if rest < end {
                    end = rest;
                    continue;
                }
            }
            end = node;
            let dy = self.scratch.scalars[node];
            match entry.code() {
                // A zero passes nothing on, whatever the local derivative is: see the edge-value policy.
                _ if dy == T::zero() => {}
                Opcode::Unary(row) => {
                    let dx = arena.stream.pass(row, [arena.stream.value(a), arena.stream.value(node)], b, dy);
                    self.pass(node, a, dx);
                }
                Opcode::Binary(row) => {
                    let aby = [a, b, node].map(|x| arena.stream.value(x));
                    self.pass(node, a, row.pass_of_any(false, aby, dy));
                    self.pass(node, b, row.pass_of_any(true, aby, dy));
                }
                Opcode::Statement => {
                    for (x, slope) in arena.stream.statements.links(entry.operands()) {
                        self.pass(node, x, dy.chain(slope));
                    }
                }
                Opcode::Item => {
                    if arena.arrays[a as u32].tracked {
                        self.accumulate(a, Eager::full(arena.arrays.shape(a as u32), dy, self.pool).into_values());
                    }
                }
                Opcode::Variable | Opcode::Constant | Opcode::Array => {}
            }
        }
    }

    /// Adds to a scalar's gradient.
    #[inline(always)]
    fn add(&mut self, node: usize, dx: T) {
        let slot = &mut self.scratch.scalars[node];
        *slot = *slot + dx;
    }

    /// Passes a scalar's gradient on to its input `x`; on a checking tape, stops at one that is not finite.
    fn pass(&mut self, node: usize, x: usize, dx: T) {
        if let Some(places) = self.places {
            places.check_scalar_gradient(
                self.arena.stream.code(node).name(),
                node as u32,
                self.arena.stream.value(x),
                dx,
            );
        }
        self.add(x, dx);
    }

    /// Passes an array's gradient on to its inputs.
    #[track_caller]
    fn array(&mut self, index: usize) {
        let Some(mut dy) = self.scratch.arrays[index].take() else { return };
        let (arena, array) = (self.arena, index as u32);
        let node = &arena.arrays[array];
        if let Some(observe) = &mut self.observer
            && let Some(name) = self.names.get(&array)
        {
            let shown = Tensor::from_parts(arena.arrays.shape(array).clone(), dy.shareable());
            observe(name, &shown);
            dy = self.pool.unshare(shown.into_values());
        }
        if node.watched && !node.code.is_leaf() {
            self.scratch.arrays[index] = Some(self.pool.copy(&dy));
        }
        let op = match node.code {
            ArrayCode::Unary(row, args) => return self.unary(array, row, arena.stream.args(row, args as usize), dy),
            ArrayCode::Binary(row, alike) => return self.binary(array, row, alike, dy),
            ArrayCode::Op(op) => arena.arrays.op(op),
            ArrayCode::Variable | ArrayCode::Constant | ArrayCode::Param(_) => {
                return self.scratch.arrays[index] = Some(dy);
            }
            ArrayCode::Lift(scalar) => {
                self.add(scalar as usize, dy[0]);
                return self.pool.give(dy);
            }
            ArrayCode::External(index) => return self.external(array, &**arena.arrays.external(index), dy),
        };
        let input = arena.arrays.inputs(array)[0];
        match op {
            Op::Reduce(reduce) if let Some(mut dx) = arena.take_slopes(array) => {
                kernels::scale_lines(&mut dx, reduce.loops(arena.arrays.shape(input)), &dy);
                self.pool.give(dy);
                self.deliver(array, 0, dx);
            }
            Op::LogSoftmax(softmax) if let Some(kept) = arena.slopes(array) => {
                softmax.pass(arena.arrays.shape(array), &kept, &mut dy);
                self.deliver(array, 0, dy);
            }
            Op::Reduce(reduce) => {
                let ArrayNode { numel, pending, .. } = arena.arrays[input];
                if pending {
                    self.spread_one(input, numel);
                }
                let Some(over) = reduce.divisor_of_sum().filter(|_| !dy.is_empty()) else {
                    return self.operation(array, op, dy);
                };
                if over != 1.0 {
                    let over = T::from_f64(over);
                    dy.iter_mut().for_each(|dy| *dy = *dy / over);
                }
                let dx = if dy.len() > 1 {
                    self.of_lines(dy, reduce.loops(arena.arrays.shape(input)), numel)
                } else if self.stays_one(input) {
                    dy
                } else {
                    self.of_all(dy, numel)
                };
                self.deliver(array, 0, dx);
            }
            Op::Dense(_) => self.operation(array, op, dy),
            // A gradient as large as the whole array for each of many parts would take time proportional to the
            // number of parts.
            Op::View(view) if self.places.is_none() => self.add_to_whole(input, dy, |dy, sum| view.add(dy, sum)),
            Op::Gather(gather) if self.places.is_none() => match self.rows_of(input, gather) {
                Some(indices) => self.scratch.rows.push(RowsRead { array: input, indices: indices.clone(), dy }),
                None => self.add_to_whole(input, dy, |dy, sum| gather.add(dy, sum)),
            },
            Op::Concat(concat) if self.places.is_none() && !dy.is_empty() => self.parts(array, concat, dy),
            // The same values in another shape.
            Op::Reshape(_) => self.deliver(array, 0, dy),
            op => {
                let inputs = arena.arrays.inputs(array).len();
                if let Some(slopes) = arena.slopes(array).filter(|slopes| slopes.len() == inputs * dy.len()) {
                    let len = dy.len();
                    let through = |k: usize, mut dx: Buffer<T>| {
                        // In the chain rule's product, the second factor's derivative is the first factor, and a slope
                        // of 0 passes nothing.
                        let slopes = &slopes[k * len..][..len];
                        kernels::binary_chain(Binary::Chain, true, &Runs::Same(len), slopes, slopes, slopes, &mut dx);
                        dx
                    };
                    for k in 1..inputs {
                        if self.needed(array, k) {
                            self.deliver(array, k, through(k, self.pool.copy(&dy)));
                        }
                    }
                    if self.needed(array, 0) {
                        self.deliver(array, 0, through(0, dy));
                    } else {
                        self.pool.give(dy);
                    }
                    return;
                }
                match arena.take_slopes(array) {
                    Some(mut dx) => {
                        scale_rows(&mut dx, &dy);
                        self.pool.give(dy);
                        self.deliver(array, 0, dx);
                    }
                    None => self.operation(array, op, dy),
                }
            }
        }
    }

    /// The rows that were read of a parameter whose gradient is kept by rows.
    fn rows_of(&self, input: u32, gather: &'s Gather) -> Option<&'s Arc<Vec<usize>>> {
        let ArrayOp::Param(param) = self.arena.kind(input) else { return None };
        let shape = self.arena.arrays.shape(input);
        // An observer is shown whole arrays, of what has a name.
        let observed = self.observer.is_some() && self.names.contains_key(&input);
        let whole = !param.is_by_rows() || self.by_param || observed || !has_rows(shape);
        if whole { None } else { gather.rows(shape) }
    }

    /// Whether a gradient flows from an array to its input `k`.
    fn needed(&self, array: u32, k: usize) -> bool {
        self.arena.arrays[self.arena.arrays.inputs(array)[k]].tracked
    }

    /// Sweeps a structured operation.
    #[track_caller]
    fn operation(&mut self, array: u32, op: &Op, dy: Buffer<T>) {
        if dy.is_empty() {
            return self.nothing(array, op);
        }
        let y = Eager::of(self.arena, array, self.pool);
        let dy = op.before_row(&y, Eager::owned(self.arena.arrays.shape(array), dy, self.pool));
        let mut x: SmallVec<[Eager<'_, T>; 4]> = SmallVec::new();
        for &input in self.arena.arrays.inputs(array) {
            x.push(Eager::of(self.arena, input, self.pool)); // a loop, so that a panic points at the caller
        }
        let x = PerInput::of(&x, |x| x);
        for k in 0..x.len() {
            if self.needed(array, k) && op.differentiable(k) {
                let dx = op.vjp(k, &x, &y, &dy);
                debug_assert_eq!(
                    dx.shape(),
                    x[k].shape(),
                    "{}: the rule for input {k} returned another shape",
                    op.name()
                );
                self.deliver(array, k, dx.into_values());
            }
        }
    }

    /// Sweeps an operation whose result has no values, and may have axes of any length: no rule is called.
    #[cold]
    #[track_caller]
    fn nothing(&mut self, array: u32, op: &Op) {
        for k in 0..self.arena.arrays.inputs(array).len() {
            if self.needed(array, k) && op.differentiable(k) {
                let shape = self.arena.arrays.shape(self.arena.arrays.inputs(array)[k]);
                self.deliver(array, k, Eager::full(shape, T::zero(), self.pool).into_values());
            }
        }
    }

    /// Sweeps a function that is computed externally.
    #[track_caller]
    fn external(&mut self, array: u32, op: &dyn External<T>, dy: Buffer<T>) {
        let arrays = &self.arena.arrays;
        let mut x = Vec::with_capacity(arrays.inputs(array).len());
        for &input in arrays.inputs(array) {
            x.push(self.arena.tensor(input)); // a loop, so that a panic points at the caller
        }
        let dy = Tensor::from_parts(arrays.shape(array).clone(), dy.shareable());
        let gradients = match op.vjp_plain(&x, &self.arena.tensor(array), &dy) {
            Ok(gradients) => gradients,
            Err(law) => panic!("{law}"),
        };
        self.pool.give_shared(dy.into_values());
        for (k, dx) in gradients.into_iter().enumerate() {
            if self.needed(array, k) {
                // A copy, because an external buffer, another one at each sweep, would stay in the pool.
                self.deliver(array, k, self.pool.copy(dx.as_slice()));
            }
        }
    }

    /// Adds to the gradient of an array's input `k`; on a checking tape, stops at one that is not finite.
    #[inline]
    #[track_caller]
    fn deliver(&mut self, array: u32, k: usize, dx: Buffer<T>) {
        if let Some(places) = self.places {
            places.check_gradient(self.arena, array, k, &dx);
        }
        self.accumulate(self.arena.arrays.inputs(array)[k] as usize, dx);
    }

    /// Adds a contribution to an array's gradient.
    #[inline]
    fn accumulate(&mut self, array: usize, dx: Buffer<T>) {
        match &mut self.scratch.arrays[array] {
            slot @ None => *slot = Some(dx),
            Some(sum) => {
                kernels::add_assign(sum, &dx);
                self.pool.give(dx);
            }
        }
    }
}
