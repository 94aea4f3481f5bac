//! Checks operation by operation: where the whole derivative is too small for differences, the rule of each recorded
//! operation is compared with differences of that operation alone, at its own inputs and scale.
//!
//! The sweep multiplies the results of the rules, and is tested separately; so correct rules at every node give a
//! correct gradient, however small it is. Rules do not see values that change outside the tape; a second recording
//! finds them.
//!
//! - here — which operations are checked, and the verdict on them
//! - `trace` — a recording, node by node
//! - `single` — one operation by itself
//! - `moved` — values that change without the tape's knowledge
//! - `report` — the results, as data

mod moved;
mod report;
mod single;
mod trace;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::index::sample;
use rustc_hash::FxHashMap;

use super::comparison::SAFETY;
use super::probe::element_unit;
use super::report::{Cause, Verdict};
use super::subject::{At, weight};
use super::taped::Taped;
use crate::number::Float;
use crate::ops::Op;
use crate::shape::Shape;
use crate::tape::arena::{ArrayOp, Opcode};
use crate::tensor::Tensor;
use moved::Moved;
pub use report::{OperationReport, Operations};
use single::{Builtin, Settings, Single};
pub(super) use trace::Trace;
use trace::{Adjoints, Node};

/// The number of the function's inputs that are moved one by one, to see what else moves.
const INPUTS: usize = 16;

/// The number of directions for each: along a single direction, movements may cancel by chance.
const DIRECTIONS: usize = 2;

/// Settings for the check of the operations.
pub(super) struct Ask {
    pub(super) rtol: f64,
    pub(super) seed: u64,
    /// The largest number of user-defined operations, and of others, to check.
    pub(super) most: usize,
    /// Whether each input element is also moved by itself: along a direction, one wrong element among many counts for
    /// little.
    pub(super) by_element: bool,
}

/// A recorded function at a point, with the names of its inputs.
#[derive(Clone, Copy)]
pub(super) struct Recorded<'r, 'a, T: Float> {
    pub(super) taped: &'r Taped<'a, T>,
    pub(super) at: &'r At<T>,
    pub(super) names: &'r [String],
}

/// Checks the operations that a function records; `gradient` is the tape's, with respect to each input. Also returns
/// whether every operation, and every output of each, was checked.
pub(super) fn examine<T: Float>(subject: Recorded<'_, '_, T>, gradient: &[Tensor], ask: &Ask) -> (Operations, bool) {
    let trace = Trace::of(subject.taped, subject.at, &subject.at.point);
    let adjoints = trace.adjoints();
    let (nodes, recorded) = distinct(&trace, &adjoints, ask);
    let mut found = Operations {
        order: 1,
        recorded,
        compared: 0,
        agreed: 0,
        unresolved: 0,
        verdict: Verdict::Pass,
        findings: vec![],
        notes: vec![],
    };
    let (mut open_of_own, mut rough_spots, mut complete) = (0, 0, nodes.len() < 2 * ask.most);
    for node in nodes {
        let Some(single) = single_of(&trace, &adjoints, node) else { continue };
        let own = single.wide.is_none();
        let rtol = if T::EPSILON > 1e-10 { ask.rtol.max(1e-4) } else { ask.rtol };
        let finding = single.check(Settings { rtol, seed: ask.seed, by_element: ask.by_element });
        complete &= !finding.sampled;
        found.compared += 1;
        found.agreed += finding.agreed;
        found.unresolved += finding.open.len();
        if own {
            open_of_own += finding.open.len();
        }
        let (name, (file, line)) = (single.rule.name().to_string(), place(&trace, node));
        let mut report = |verdict, comparison: super::Comparison| {
            let (cause, reason) = (comparison.cause.clone(), comparison.reason.clone());
            let (name, file) = (name.clone(), file.clone());
            let shape = single.y.shape().clone();
            found.findings.push(OperationReport { name, file, line, shape, verdict, cause, reason, comparison });
        };
        if let Some(wrong) = finding.wrong {
            report(Verdict::Wrong, named(wrong));
        } else if let Some(rough) = finding.open.iter().find(|c| !c.is_unresolved()) {
            rough_spots += 1;
            report(Verdict::Inconclusive, rough.clone());
        } else if let (true, Some(open)) = (own, finding.open.into_iter().next()) {
            report(Verdict::Inconclusive, open);
        }
    }
    found.findings.sort_by_key(|f| (f.verdict != Verdict::Wrong, f.comparison.is_unresolved()));
    let wrong = found.findings.iter().any(|finding| finding.verdict == Verdict::Wrong);
    // The tests of the library compare its own rules with exact values, also where round-off hides the slope from
    // differences.
    let told = found.agreed + open_of_own;
    // A kink, a jump or an edge, where an operation has no derivative, is another matter.
    found.verdict = match (wrong, 10 * open_of_own <= told && rough_spots == 0) {
        (true, _) => Verdict::Wrong,
        (false, true) => Verdict::Pass,
        (false, false) => Verdict::Inconclusive,
    };
    if !wrong {
        look_beside(subject, gradient, &trace, &adjoints, ask, &mut found);
    }
    (found, complete)
}

/// Looks for values that change without the tape's knowledge.
fn look_beside<T: Float>(
    subject: Recorded<'_, '_, T>,
    gradient: &[Tensor],
    trace: &Trace<T>,
    adjoints: &Adjoints<T>,
    ask: &Ask,
    found: &mut Operations,
) {
    let mut rng = StdRng::seed_from_u64(ask.seed);
    for input in 0..subject.at.point.len().min(INPUTS) {
        for _ in 0..DIRECTIONS {
            let zeros = |x: &Tensor<T>| Tensor::zeros(x.shape());
            let mut u: Vec<Tensor> = subject.at.point.iter().map(zeros).collect();
            u[input] = subject.at.point[input].map(|x| T::from_f64(weight(&mut rng) * element_unit(x.to_f64()))).cast();
            let terms = gradient[input].as_slice().iter().zip(u[input].as_slice());
            let along = terms.map(|(g, u)| g * u).sum();
            match moved::find(subject, trace, adjoints, &u, along, ask.rtol) {
                Moved::Nothing => break,
                Moved::Cancelling => {}
                Moved::Otherwise => {
                    found.verdict = Verdict::Inconclusive;
                    let text = "near the point the function records other operations: it chooses them by its values";
                    found.notes.push(text.into());
                    return;
                }
                Moved::Missing { mut comparison, node } => {
                    found.verdict = Verdict::Wrong;
                    let (file, line) = place(trace, node);
                    let name = &subject.names[input];
                    comparison.reason = format!(
                        "it moves with {name}, but enters the recording as a number that does not: detached, or computed from values?"
                    );
                    let (cause, reason) = (comparison.cause.clone(), comparison.reason.clone());
                    let (what, shape) = trace.described(node);
                    let verdict = Verdict::Wrong;
                    found.findings.insert(
                        0,
                        OperationReport {
                            name: what,
                            file,
                            line,
                            shape,
                            verdict,
                            cause,
                            reason,
                            comparison: *comparison,
                        },
                    );
                    return;
                }
            }
        }
    }
}

/// The nodes to check, and how many there are: those on the way from the inputs to the result; identical operations
/// at similar points count once.
fn distinct<T: Float>(trace: &Trace<T>, adjoints: &Adjoints<T>, ask: &Ask) -> (Vec<Node>, usize) {
    let (scalars, arrays) = &trace.dependent;
    let arena = trace.tape.arena.borrow();
    let (mut own, mut others, mut recorded) = (vec![], vec![], 0);
    let mut seen: FxHashMap<u64, Vec<Node>> = FxHashMap::default();
    for (node, (&dependent, &dy)) in scalars.iter().zip(&adjoints.scalars).enumerate() {
        let operands = arena.stream.operands(node);
        let (at, numbers) = match arena.stream.code(node) {
            Opcode::Unary(_) | Opcode::Binary(_) | Opcode::Statement if dependent && dy != T::zero() => {
                (Node::Scalar(node as u32), true)
            }
            Opcode::Array => {
                let array = operands[0];
                let reached = adjoints.arrays[array as usize]
                    .as_ref()
                    .is_some_and(|dy| dy.as_slice().iter().any(|&dy| dy != T::zero()));
                if !arrays[array as usize] || !arena.arrays[array].code.is_operation() || !reached {
                    continue;
                }
                (Node::Array(array), false)
            }
            _ => continue,
        };
        recorded += 1;
        if !numbers && let ArrayOp::External(_) = arena.kind(operands[0]) {
            own.push(at);
            continue;
        }
        let alike = seen.entry(trace.signature(at)).or_default();
        if alike.iter().all(|other| !trace.same_operation(at, *other)) {
            alike.push(at);
            others.push(at);
        }
    }
    drop(arena);
    let mut rng = StdRng::seed_from_u64(ask.seed);
    let mut some = |nodes: Vec<Node>| -> Vec<Node> {
        let mut chosen: Vec<usize> = sample(&mut rng, nodes.len(), ask.most.min(nodes.len())).into_iter().collect();
        chosen.sort_unstable();
        chosen.into_iter().map(|at| nodes[at]).collect()
    };
    let mut nodes = some(own);
    nodes.extend(some(others));
    (nodes, recorded)
}

/// Sign, exponent and the first three bits of the significand: numbers that share them count as similar.
fn bucket(x: f64) -> u16 {
    (x.to_bits() >> 49) as u16
}

impl<T: Float> Trace<T> {
    /// The operation of a node, if it is built in.
    fn operation(&self, node: Node) -> Option<Op> {
        let arena = self.tape.arena.borrow();
        match node {
            Node::Scalar(node) => match arena.stream.code(node as usize) {
                Opcode::Unary(row) => {
                    let index = arena.stream.operands(node as usize)[1] as usize;
                    Some(Op::Unary(row, arena.stream.args(row, index)))
                }
                Opcode::Binary(row) => Some(Op::Binary(row)),
                Opcode::Statement => {
                    let f = arena.stream.statements.function(arena.stream.operands(node as usize));
                    Some(f.clone().operation())
                }
                _ => None,
            },
            Node::Array(array) => match arena.kind(array) {
                ArrayOp::Op(op) => Some(op.into_owned()),
                _ => None,
            },
        }
    }

    /// The input values of a node.
    fn read(&self, node: Node) -> Vec<Tensor<T>> {
        let arena = self.tape.arena.borrow();
        match node {
            Node::Scalar(node) => {
                let inputs = arena.stream.inputs(node as usize);
                inputs.iter().map(|&x| Tensor::full([], arena.stream.value(x as usize))).collect()
            }
            Node::Array(array) => arena.arrays.inputs(array).iter().map(|&input| arena.tensor(input)).collect(),
        }
    }

    /// The value of a node.
    fn computed(&self, node: Node) -> Tensor<T> {
        match node {
            Node::Scalar(node) => Tensor::full([], self.tape.arena.borrow().stream.value(node as usize)),
            Node::Array(array) => self.value(array),
        }
    }

    fn signature(&self, node: Node) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.operation(node).map(|op| op.name()).hash(&mut hasher);
        for x in self.read(node) {
            x.shape().hash(&mut hasher);
            x.as_slice().iter().for_each(|x| bucket(x.to_f64()).hash(&mut hasher));
        }
        hasher.finish()
    }

    fn same_operation(&self, a: Node, b: Node) -> bool {
        self.operation(a) == self.operation(b)
    }

    /// The name of a node's operation, and its shape.
    fn described(&self, node: Node) -> (String, Shape) {
        let arena = self.tape.arena.borrow();
        match node {
            Node::Scalar(node) => (arena.stream.code(node as usize).name().into(), Shape::default()),
            Node::Array(array) => (arena.kind(array).name().into(), arena.arrays.shape(array).clone()),
        }
    }
}

/// A node as an operation by itself.
fn single_of<T: Float>(trace: &Trace<T>, adjoints: &Adjoints<T>, node: Node) -> Option<Single<T>> {
    let (scalars, arrays) = &trace.dependent;
    let (x, y) = (trace.read(node), trace.computed(node));
    let arena = trace.tape.arena.borrow();
    let (live, dy): (Vec<bool>, _) = match node {
        Node::Scalar(node) => {
            let live = arena.stream.inputs(node as usize).iter().map(|&x| scalars[x as usize]).collect();
            (live, Tensor::full([], adjoints.scalars[node as usize]))
        }
        Node::Array(array) => {
            let live = arena.arrays.inputs(array).iter().map(|&x| arrays[x as usize]).collect();
            (live, adjoints.arrays[array as usize].clone()?)
        }
    };
    if let (Node::Array(array), None) = (node, trace.operation(node)) {
        let ArrayOp::External(rule) = arena.kind(array) else { return None };
        return Some(Single { rule: rule.clone(), wide: None, x, y, dy, live });
    }
    let builtin = Arc::new(Builtin { op: trace.operation(node)?, shape: y.shape().clone() });
    // A mask decides a choice, and is not itself differentiated.
    let live = live.into_iter().enumerate().map(|(k, live)| live && builtin.op.differentiable(k)).collect();
    Some(Single { rule: builtin.clone(), wide: Some(builtin), x, y, dy, live })
}

/// The file and line at which a node was recorded.
fn place<T: Float>(trace: &Trace<T>, node: Node) -> (String, u32) {
    trace.place(node).map_or(("an unknown place".into(), 0), |place| (place.file().into(), place.line()))
}

/// A wrong comparison with the name of the mistake, where there is one.
fn named(mut c: super::Comparison) -> super::Comparison {
    if c.cause != Some(Cause::Unexplained) {
        return c;
    }
    let factor = c.analytic / c.numeric.value;
    let exact = SAFETY * c.numeric.error <= 1e-6 * c.numeric.value.abs();
    (c.cause, c.reason) = if c.analytic == 0.0 {
        (Some(Cause::Detached), "its rule gives 0 where its value changes".into())
    } else if c.numeric.value == 0.0 {
        (Some(Cause::Unexplained), "its rule does not give 0, but its value does not change".into())
    } else if (factor + 1.0).abs() < 1e-5 {
        (Some(Cause::Sign), "its rule has the wrong sign".into())
    } else if exact {
        (Some(Cause::Factor(factor)), format!("its rule gives {factor:.6} times the right derivative"))
    } else {
        (Some(Cause::Unexplained), format!("its rule is off by {:.1e} of its derivative", c.relative()))
    };
    c
}
