//! Values that move with the inputs without the tape's knowledge: a detached array, a number computed from values, a
//! value captured by a closure.
//!
//! Two recordings, at the point and near it, are compared node by node. An operation of the second is evaluated at
//! the inputs of the first. If the result still differs, it moves by itself, and the gradient lacks this movement.
//! Such movements may cancel, as those of a detached maximum that is subtracted from logits and added again.

use super::super::comparison::Claim;
use super::super::line::{Line, Sampled};
use super::super::report::{Cause, Comparison, Verdict};
use super::super::rounding::deviation;
use super::Recorded;
use super::single::Builtin;
use super::trace::{Adjoints, Node, Trace};
use crate::external::External;
use crate::number::Float;
use crate::shape::Shape;
use crate::tape::arena::{ArrayOp, Opcode};
use crate::tensor::Tensor;

/// The distance of the second recording, as a part of an ordinary step.
const NEAR: f64 = 1.0 / 64.0;

/// The finding on movements without the tape's knowledge.
pub(super) enum Moved {
    Nothing,
    /// The recording itself differs near the point: its branches depend on values.
    Otherwise,
    /// The gradient lacks movements of this total; the given node contributes most.
    Missing {
        comparison: Box<Comparison>,
        node: Node,
    },
    /// The movements cancel, within the accuracy of the check.
    Cancelling,
}

/// Looks for movements along `u`, along which the tape's derivative is `analytic`.
pub(super) fn find<T: Float>(
    subject: Recorded<'_, '_, T>,
    here: &Trace<T>,
    adjoints: &Adjoints<T>,
    u: &[Tensor],
    analytic: f64,
    rtol: f64,
) -> Moved {
    let mut drift = Drift { subject, here, adjoints, u, nodes: vec![] };
    for h in [NEAR, NEAR / 1024.0] {
        let there = drift.there(h);
        match moved(here, &there) {
            Some(nodes) if h == NEAR || drift.nodes.is_empty() => drift.nodes = nodes,
            Some(_) => {}
            // A smaller distance may cross no branch.
            None if h == NEAR => {}
            None => return Moved::Otherwise,
        }
    }
    if drift.nodes.is_empty() {
        return Moved::Nothing;
    }
    let first = drift.furthest();
    let noise = drift.rounding_of_values();
    let claim = Claim {
        by: "tape",
        analytic: 0.0,
        magnitude: 0.0,
        rtol: 0.0,
        point: 0.0,
        alone: true,
        negligible: None,
        iterated: 0.0,
    };
    let mut c = claim.compare(
        &mut Line::new(&mut drift, T::EPSILON, noise, 0.0, NEAR),
        "what moves without the tape".into(),
        1,
    );
    let missing = c.numeric.value;
    // A total below the tolerance of the whole is not visible.
    if c.verdict != Verdict::Wrong || missing.abs() <= rtol * analytic.abs() {
        return Moved::Cancelling;
    }
    c.analytic = analytic;
    c.numeric.value += analytic;
    (c.rtol, c.allowed) = (rtol, rtol * c.analytic.abs().max(c.numeric.value.abs()) + c.safety * c.numeric.error);
    c.cause = Some(Cause::Detached);
    Moved::Missing { comparison: Box::new(c), node: first }
}

/// The nodes that `there` computes differently from the same inputs as `here`; `None` if their structures differ.
fn moved<T: Float>(here: &Trace<T>, there: &Trace<T>) -> Option<Vec<Node>> {
    let (a, b) = (here.tape.arena.borrow(), there.tape.arena.borrow());
    if here.len != there.len || a.arrays.len() != b.arrays.len() {
        return None;
    }
    let mut nodes = vec![];
    for node in 0..here.len {
        let (code, operands) = (a.stream.code(node), a.stream.operands(node));
        if code != b.stream.code(node) || operands[0] != b.stream.operands(node)[0] {
            return None;
        }
        let moves = match code {
            Opcode::Variable | Opcode::Constant => different(a.stream.value(node), b.stream.value(node)),
            Opcode::Unary(row) => {
                let args = [&a, &b].map(|arena| arena.stream.args(row, arena.stream.operands(node)[1] as usize));
                args[0].map(f64::to_bits) != args[1].map(f64::to_bits)
            }
            Opcode::Statement if a.stream.inputs(node) != b.stream.inputs(node) => return None,
            Opcode::Statement => different(there.scalar_from(node as u32, here), a.stream.value(node)),
            Opcode::Binary(_) if operands[1] != b.stream.operands(node)[1] => return None,
            Opcode::Binary(_) | Opcode::Item => false,
            Opcode::Array => {
                let array = operands[0];
                if a.arrays.inputs(array) != b.arrays.inputs(array) || a.arrays.shape(array) != b.arrays.shape(array) {
                    return None;
                }
                match (a.kind(array), b.kind(array)) {
                    (ArrayOp::Lift(_), ArrayOp::Lift(_)) => false,
                    (ArrayOp::Op(first), ArrayOp::Op(second)) if first == second => false,
                    (ArrayOp::Op(first), ArrayOp::Op(second)) if first.name() != second.name() => return None,
                    (ArrayOp::External(first), ArrayOp::External(second)) if first.name() != second.name() => {
                        return None;
                    }
                    (ArrayOp::Op(_), ArrayOp::Op(_)) | (ArrayOp::External(_), ArrayOp::External(_)) => {
                        let again = there.value_from(array, here);
                        again.as_slice().iter().zip(a.array_values(array)).any(|(&x, &y)| different(x, y))
                    }
                    _ if a.arrays[array].code.is_operation() || b.arrays[array].code.is_operation() => return None,
                    _ if here.inputs.contains(&array) => false,
                    _ => a.array_values(array).iter().zip(b.array_values(array)).any(|(&x, &y)| different(x, y)),
                }
            }
        };
        if moves {
            nodes.push(if code == Opcode::Array { Node::Array(operands[0]) } else { Node::Scalar(node as u32) });
        }
    }
    Some(nodes)
}

fn different<T: Float>(a: T, b: T) -> bool {
    a.to_f64().to_bits() != b.to_f64().to_bits()
}

impl<T: Float> Trace<T> {
    /// Recomputes an array of this recording from the values of its inputs in another.
    fn value_from(&self, array: u32, other: &Trace<T>) -> Tensor<T> {
        let arena = self.tape.arena.borrow();
        let x = || arena.arrays.inputs(array).iter().map(|&input| other.value(input)).collect::<Vec<_>>();
        match arena.kind(array) {
            ArrayOp::Op(op) => Builtin { op: op.into_owned(), shape: arena.arrays.shape(array).clone() }.value(&x()),
            ArrayOp::External(op) => op.value(&x()),
            _ => arena.tensor(array),
        }
    }

    /// The same for a scalar.
    fn scalar_from(&self, node: u32, other: &Trace<T>) -> T {
        let (arena, others) = (self.tape.arena.borrow(), other.tape.arena.borrow());
        let [a, b] = arena.stream.operands(node as usize).map(|operand| operand as usize);
        match arena.stream.code(node as usize) {
            Opcode::Unary(row) => others.stream.value(a).unary(row, arena.stream.args(row, b)),
            Opcode::Statement => {
                let op = self.operation(Node::Scalar(node)).expect("a function");
                let x = arena.stream.inputs(node as usize).into_iter().map(|x| others.stream.value(x as usize));
                let x: Vec<_> = x.map(|x| Tensor::full([], x)).collect();
                Builtin { op, shape: Shape::default() }.value(&x).item()
            }
            _ => arena.stream.value(node as usize),
        }
    }
}

/// The movements along a direction, each times the gradient at its node.
struct Drift<'d, 'a, T: Float> {
    subject: Recorded<'d, 'a, T>,
    here: &'d Trace<T>,
    adjoints: &'d Adjoints<T>,
    u: &'d [Tensor],
    nodes: Vec<Node>,
}

impl<T: Float> Drift<'_, '_, T> {
    fn there(&self, h: f64) -> Trace<T> {
        let Recorded { taped, at, .. } = self.subject;
        let x = at.point.iter().zip(self.u);
        Trace::of(taped, at, &x.map(|(x, u)| (&x.cast::<f64>() + &(h * u)).cast()).collect::<Vec<_>>())
    }

    /// How far each node has moved from `here` to `there`.
    fn steps(&self, there: &Trace<T>) -> Vec<Tensor> {
        let (here, others) = (self.here.tape.arena.borrow(), there);
        let step = |node: &Node| match *node {
            Node::Scalar(node) => {
                let moved = others.scalar_from(node, self.here).to_f64() - here.stream.value(node as usize).to_f64();
                Tensor::full([], moved)
            }
            Node::Array(array) => others.value_from(array, self.here).cast::<f64>() - here.tensor(array).cast::<f64>(),
        };
        self.nodes.iter().map(step).collect()
    }

    /// The sum `Σ ⟨dy, step⟩`.
    fn sum(&self, adjoints: &Adjoints<T>, steps: &[Tensor]) -> f64 {
        let term = |(node, step): (&Node, &Tensor)| match *node {
            Node::Scalar(node) => adjoints.scalars[node as usize].to_f64() * step.item(),
            Node::Array(array) => adjoints.arrays[array as usize].as_ref().map_or(0.0, |dy| {
                let terms = dy.as_slice().iter().zip(step.as_slice());
                terms.map(|(dy, step)| if *step == 0.0 { 0.0 } else { dy.to_f64() * step }).sum()
            }),
        };
        self.nodes.iter().zip(steps).map(term).sum()
    }

    /// The node whose movement contributes most.
    fn furthest(&self) -> Node {
        let steps = self.steps(&self.there(NEAR));
        let size = |(at, step): (usize, Tensor)| {
            let one = Drift { nodes: vec![self.nodes[at]], ..*self };
            (one.sum(self.adjoints, &[step]).abs(), self.nodes[at])
        };
        let sizes = steps.into_iter().enumerate().map(size);
        sizes.max_by(|a, b| a.0.total_cmp(&b.0)).expect("something moves").1
    }

    /// The round-off of a sample due to the values that moved.
    fn rounding_of_values(&self) -> f64 {
        let sizes: Vec<Tensor> = self
            .nodes
            .iter()
            .map(|node| match *node {
                Node::Scalar(node) => {
                    Tensor::full([], self.here.tape.arena.borrow().stream.value(node as usize).to_f64())
                }
                Node::Array(array) => self.here.value(array).cast(),
            })
            .collect();
        let size = |(node, size): (&Node, &Tensor)| match *node {
            Node::Scalar(node) => (self.adjoints.scalars[node as usize].to_f64() * size.item()).abs(),
            Node::Array(array) => self.adjoints.arrays[array as usize].as_ref().map_or(0.0, |dy| {
                dy.as_slice().iter().zip(size.as_slice()).map(|(dy, y)| (dy.to_f64() * y).abs()).sum()
            }),
        };
        T::EPSILON * self.nodes.iter().zip(&sizes).map(size).sum::<f64>()
    }
}

impl<T: Float> Sampled for Drift<'_, '_, T> {
    fn at(&mut self, h: f64) -> f64 {
        let there = self.there(h);
        match moved(self.here, &there) {
            Some(_) => self.sum(self.adjoints, &self.steps(&there)),
            None => f64::NAN,
        }
    }

    fn noise(&mut self) -> f64 {
        0.0
    }

    /// Where the gradients cancel, only their round-off is left, which scatters as the point moves.
    fn rounding(&mut self) -> f64 {
        let steps = self.steps(&self.there(NEAR));
        let near = |k: f64| {
            let nearby = self.subject.at.nearby(k);
            let adjoints = Trace::of(self.subject.taped, &nearby, &nearby.point).adjoints();
            vec![Tensor::full([], self.sum(&adjoints, &steps) / NEAR)]
        };
        deviation(near)[0].item()
    }
}
