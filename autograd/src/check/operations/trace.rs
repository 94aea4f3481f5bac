//! A recording examined node by node: the value of each node, and the gradient of the result with respect to it.

use std::panic::Location;

use super::super::subject::At;
use super::super::taped::Taped;
use crate::number::Float;
use crate::tape::arena::{ArrayOp, Opcode};
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// A recording of a function at a point.
pub(in super::super) struct Trace<T: Float> {
    pub(super) tape: Tape<T>,
    /// The arrays that are the function's inputs.
    pub(super) inputs: Vec<u32>,
    /// The array that holds the number whose gradient is checked.
    root: u32,
    /// How many nodes were recorded.
    pub(super) len: usize,
    /// Which nodes depend on the inputs: scalars by node, arrays by index.
    pub(super) dependent: (Vec<bool>, Vec<bool>),
}

/// The gradient of the result with respect to every node; `None` or 0 for nodes that it does not depend on.
pub(in super::super) struct Adjoints<T: Float> {
    pub(super) scalars: Vec<T>,
    pub(super) arrays: Vec<Option<Tensor<T>>>,
}

/// A node of a recording that is computed from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Scalar(u32),
    Array(u32),
}

impl<T: Float> Trace<T> {
    /// Records `φ` at `x`.
    pub(in super::super) fn of(taped: &Taped<'_, T>, at: &At<T>, x: &[Tensor<T>]) -> Self {
        let tape = Tape::transparent();
        let (inputs, root) = {
            let (inputs, y) = taped.phi(at, &tape, x, true);
            (inputs.iter().map(|x| x.index()).collect(), y.index())
        };
        let len = tape.len();
        tape.arena.borrow_mut().watch_all(&tape.pool);
        let mut trace = Trace { tape, inputs, root, len, dependent: (vec![], vec![]) };
        trace.dependent = trace.find_dependent();
        trace
    }

    /// Sweeps the recording.
    pub(in super::super) fn adjoints(&self) -> Adjoints<T> {
        let grads = Var::new(&self.tape, self.root).item().backward();
        let (arrays, nodes) = {
            let arena = self.tape.arena.borrow();
            (arena.arrays.len() as u32, self.len as u32)
        };
        let found = |array: u32| grads.found(Var::new(&self.tape, array)).cloned();
        Adjoints {
            scalars: (0..nodes).map(|node| grads.of_node(node)).collect(),
            arrays: (0..arrays).map(found).collect(),
        }
    }

    /// The standard deviation of the result due to the round-off of each value, if the errors are independent.
    pub(in super::super) fn noise(&self, adjoints: &Adjoints<T>) -> f64 {
        let arena = self.tape.arena.borrow();
        let mut terms = vec![];
        for node in 0..self.len {
            match arena.stream.code(node) {
                Opcode::Unary(_) | Opcode::Binary(_) | Opcode::Statement => {
                    terms.push(adjoints.scalars[node].to_f64() * arena.stream.value(node).to_f64());
                }
                Opcode::Array => {
                    let array = arena.stream.operands(node)[0];
                    if let (true, Some(dy)) =
                        (arena.arrays[array].code.is_operation(), &adjoints.arrays[array as usize])
                    {
                        let y = arena.array_values(array);
                        terms.extend(dy.as_slice().iter().zip(y).map(|(dy, y)| dy.to_f64() * y.to_f64()));
                    }
                }
                Opcode::Variable | Opcode::Constant | Opcode::Item => {}
            }
        }
        let most = terms.iter().filter(|term| term.is_finite()).fold(0f64, |most, term| most.max(term.abs()));
        if most == 0.0 {
            return 0.0;
        }
        let squares: f64 = terms.iter().filter(|term| term.is_finite()).map(|term| (term / most).powi(2)).sum();
        0.5 * T::EPSILON * most * squares.sqrt()
    }

    fn find_dependent(&self) -> (Vec<bool>, Vec<bool>) {
        let arena = self.tape.arena.borrow();
        let (mut scalars, mut arrays) = (vec![false; self.len], vec![false; arena.arrays.len()]);
        for &input in &self.inputs {
            arrays[input as usize] = true;
        }
        for node in 0..self.len {
            let a = arena.stream.operands(node)[0] as usize;
            match arena.stream.code(node) {
                Opcode::Variable | Opcode::Constant => {}
                Opcode::Unary(_) | Opcode::Binary(_) | Opcode::Statement => {
                    scalars[node] = arena.stream.inputs(node).iter().any(|&x| scalars[x as usize]);
                }
                Opcode::Item => scalars[node] = arrays[a],
                Opcode::Array => {
                    arrays[a] |= match arena.kind(a as u32) {
                        ArrayOp::Lift(scalar) => scalars[scalar as usize],
                        _ => arena.arrays.inputs(a as u32).iter().any(|&input| arrays[input as usize]),
                    };
                }
            }
        }
        (scalars, arrays)
    }

    /// An array's values.
    pub(super) fn value(&self, array: u32) -> Tensor<T> {
        self.tape.arena.borrow().tensor(array)
    }

    /// The line that recorded a node.
    pub(super) fn place(&self, node: Node) -> Option<&'static Location<'static>> {
        let places = self.tape.places.borrow();
        let places = places.as_ref()?;
        match node {
            Node::Scalar(node) => places.of_scalar(node),
            Node::Array(array) => places.of_array(array),
        }
    }
}
