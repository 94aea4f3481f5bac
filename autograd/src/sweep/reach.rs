//! What lies between the inputs and the result of a derivative.

use std::ops::Range;

use super::slots::Slots;
use crate::number::Float;
use crate::tape::arena::{Arena, ArrayOp, Opcode};
use crate::tape::{Scalar, Tape, Var};

/// The earliest of the nodes up to `root` that recorded an input; after `root` if there is none.
///
/// Nothing before it can depend on an input. The search goes back from `root`, so that a gradient takes time
/// proportional to what lies between the inputs and the result, wherever on the tape these are.
pub(super) fn first_input<T: Float>(
    tape: &Tape<T>,
    root: usize,
    scalars: &[Scalar<'_, T>],
    arrays: &[Var<'_, T>],
) -> usize {
    let arena = tape.arena.borrow();
    let scalar = scalars.iter().map(|x| x.node() as usize).min();
    let first = scalar.filter(|&node| node <= root).unwrap_or(root + 1);
    let Some(array) = arrays.iter().map(|x| x.index()).min() else { return first };
    // Arrays are numbered as they are recorded.
    let index = |node: usize| (arena.stream.code(node) == Opcode::Array).then(|| arena.stream.operands(node)[0]);
    match (0..=root).rev().find(|&node| index(node).is_some_and(|index| index <= array)) {
        Some(node) if index(node) == Some(array) => node.min(first),
        _ => first,
    }
}

/// Nodes of a range, and arrays that they recorded.
pub(super) struct Reached {
    scalars: Slots<bool>,
    arrays: Slots<bool>,
    /// The arrays recorded in the range.
    places: Range<usize>,
}

impl Reached {
    #[track_caller]
    fn none<T: Float>(arena: &Arena<T>, range: Range<usize>) -> Self {
        // Arrays are numbered as they are recorded.
        let index = |node: usize| arena.stream.operands(node)[0] as usize;
        let is_array = |&node: &usize| arena.stream.code(node) == Opcode::Array;
        let all = arena.arrays.len();
        let first = range.clone().find(is_array).map_or(all, index);
        let places = first..range.clone().rev().find(is_array).map_or(all, |last| index(last) + 1);
        Reached { scalars: Slots::new(false, range), arrays: Slots::new(false, places.clone()), places }
    }

    /// The inputs, and all that depends on them.
    #[track_caller]
    pub(super) fn from_inputs<T: Float>(
        tape: &Tape<T>,
        range: Range<usize>,
        scalars: &[Scalar<'_, T>],
        arrays: &[Var<'_, T>],
    ) -> Self {
        let arena = tape.arena.borrow();
        let mut reached = Reached::none(&arena, range.clone());
        for x in scalars.iter().filter(|x| (x.node() as usize) < range.end) {
            reached.scalars.set(x.node() as usize, true);
        }
        for x in arrays.iter().filter(|x| (x.index() as usize) < reached.places.end) {
            reached.arrays.set(x.index() as usize, true);
        }
        for node in range {
            let mut depends = false;
            each_input(&arena, node, |input| depends |= reached.contains(input));
            if depends {
                reached.insert(output(&arena, node));
            }
        }
        reached
    }

    /// The part of these that `result` depends on.
    #[track_caller]
    pub(super) fn towards<T: Float>(&self, tape: &Tape<T>, range: Range<usize>, result: Place) -> Self {
        let arena = tape.arena.borrow();
        let mut needed = Reached::none(&arena, range.clone());
        if self.contains(result) {
            needed.insert(result);
        }
        for node in range.rev() {
            if needed.contains(output(&arena, node)) {
                each_input(&arena, node, |input| {
                    if self.contains(input) {
                        needed.insert(input);
                    }
                });
            }
        }
        needed
    }

    pub(super) fn scalar(&self, node: u32) -> bool {
        *self.scalars.get(node as usize)
    }

    pub(super) fn array(&self, index: u32) -> bool {
        *self.arrays.get(index as usize)
    }

    /// The arrays that the range recorded.
    pub(super) fn places(&self) -> Range<usize> {
        self.places.clone()
    }

    #[inline]
    fn contains(&self, place: Place) -> bool {
        match place {
            Place::Scalar(node) => self.scalar(node),
            Place::Array(index) => self.array(index),
        }
    }

    fn insert(&mut self, place: Place) {
        match place {
            Place::Scalar(node) => self.scalars.set(node as usize, true),
            Place::Array(index) => self.arrays.set(index as usize, true),
        }
    }
}

/// A recorded number, by its node, or a recorded array, by its index.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Scalar(u32),
    Array(u32),
}

#[inline]
fn output<T: Float>(arena: &Arena<T>, node: usize) -> Place {
    match arena.stream.code(node) {
        Opcode::Array => Place::Array(arena.stream.operands(node)[0]),
        _ => Place::Scalar(node as u32),
    }
}

/// Calls `see` with each input of a node to which a gradient flows.
#[inline]
fn each_input<T: Float>(arena: &Arena<T>, node: usize, mut see: impl FnMut(Place)) {
    let [a, b] = arena.stream.operands(node);
    match arena.stream.code(node) {
        Opcode::Variable | Opcode::Constant => {}
        Opcode::Unary(_) => see(Place::Scalar(a)),
        Opcode::Binary(_) => [a, b].into_iter().for_each(|x| see(Place::Scalar(x))),
        Opcode::Statement => {
            arena.stream.statements.inputs([a, b]).iter().for_each(|&x| see(Place::Scalar(x)));
        }
        Opcode::Item => see(Place::Array(a)),
        Opcode::Array => {
            let inputs = arena.arrays.inputs(a).iter().map(|&x| Place::Array(x));
            match arena.kind(a) {
                ArrayOp::Lift(x) => see(Place::Scalar(x)),
                ArrayOp::External(_) => inputs.for_each(see),
                ArrayOp::Op(op) => {
                    inputs.enumerate().filter(|&(k, _)| op.differentiable(k)).for_each(|(_, x)| see(x));
                }
                ArrayOp::Variable | ArrayOp::Constant | ArrayOp::Param(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::first_input;
    use crate::{Scalar, Tape};

    #[test]
    fn a_gradient_sweeps_from_its_earliest_input_on() {
        let tape = Tape::new();
        let early = tape.var([1.0, 2.0]);
        let long = (0..50).fold(early.square().sum(), |x, _| x.sin());
        let (x, s) = (tape.var([3.0]), tape.scalar(4.0));
        let y = (x * s).sum() * long;
        let start =
            |scalars: &[Scalar<'_>], arrays: &[crate::Var<'_>]| first_input(&tape, y.node() as usize, scalars, arrays);
        let root = y.node() as usize;
        let (of_s, of_x) = (start(&[s], &[]), start(&[], &[x]));
        assert_eq!(of_s, s.node() as usize);
        assert!(of_x + 1 == of_s && of_x > 50, "x is recorded just before s");
        assert_eq!(start(&[s], &[x]), of_x);
        assert_eq!(start(&[s], &[early, x]), 0);
        assert_eq!(start(&[y], &[]), root);
        let late = (tape.scalar(1.0), tape.var([1.0]));
        assert_eq!(start(&[late.0], &[late.1]), root + 1, "recorded after the result: nothing to sweep");
        assert_eq!(y.grad((late.0, late.1, s)).0.value(), 0.0);
        assert_eq!(y.grad(s).value(), 3.0 * long.value());
    }
}
