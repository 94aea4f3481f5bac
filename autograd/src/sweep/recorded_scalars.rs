//! Recorded gradients of numbers by numbers: what a node passes to its operands, and the sweep that meets no array.

use super::formula::Recorded;
use super::multiple::scalar_multiple;
use super::reach::first_input;
use crate::memory::{make_room, no_room_for};
use crate::number::instances::instances;
use crate::number::rows::{Binary, Unary};
use crate::number::{Float, Number};
use crate::tape::arena::{ArrayOp, Opcode};
use crate::tape::statement::recorded_slopes;
use crate::tape::{Scalar, Tape};

/// A gradient that may still be a plain number, which is recorded only where a handle is needed: the sweep begins with 1,
/// and a sum passes it on.
pub(super) type Passed<'t, T> = Recorded<Scalar<'t, T>>;

/// A recorded number, by its node.
fn handle<T: Float>(tape: &Tape<T>, node: u32) -> Scalar<'_, T> {
    let value = tape.arena.borrow().stream.value(node as usize);
    Scalar::new(tape, node, value)
}

/// `d` times the derivative of a unary row recorded at `node`, whose operands are its input and where its numbers are.
#[track_caller]
pub(super) fn unary<'t, T: Float>(
    tape: &'t Tape<T>,
    row: Unary,
    node: u32,
    [a, b]: [u32; 2],
    d: Passed<'t, T>,
) -> Passed<'t, T> {
    let (x, y, args) = (handle(tape, a), handle(tape, node), tape.arena.borrow().stream.args(row, b as usize));
    if let Recorded::Handle(d) = d
        && row == Unary::Abs
        && let Some(multiple) = scalar_multiple(d, y)
    {
        return Recorded::Handle(multiple.chain(x));
    }
    row.pass(Recorded::Handle(x), Recorded::Handle(y), args, d)
}

/// `d` times the derivative of a binary row recorded at `node` with respect to its first or second operand.
#[track_caller]
pub(super) fn binary<'t, T: Float>(
    tape: &'t Tape<T>,
    row: Binary,
    node: u32,
    [a, b]: [u32; 2],
    second: bool,
    d: Passed<'t, T>,
) -> Passed<'t, T> {
    row.pass(second, [a, b, node].map(|x| Recorded::Handle(handle(tape, x))), d)
}

/// `d` times the slope of a statement.
pub(super) fn along<'t, T: Float>(d: Passed<'t, T>, slope: Passed<'t, T>) -> Passed<'t, T> {
    d.binary(Binary::Chain, slope)
}

/// The gradients of a sweep.
pub(super) trait Sums<'t, T: Float> {
    /// Whether a node depends on an input of the gradient.
    fn needs(&self, node: u32) -> bool;
    /// Adds to a node's gradient.
    fn add(&mut self, node: u32, dx: Passed<'t, T>);
}

/// Passes the gradient of the node of a row or a statement to its operands.
#[track_caller]
pub(super) fn pass<'t, T: Float>(
    tape: &'t Tape<T>,
    node: u32,
    code: Opcode,
    [a, b]: [u32; 2],
    dy: Passed<'t, T>,
    sums: &mut impl Sums<'t, T>,
) {
    match code {
        Opcode::Unary(row) => {
            // Not of an input that is computed from what is no input.
            if sums.needs(a) {
                let dx = unary(tape, row, node, [a, b], dy);
                sums.add(a, dx);
            }
        }
        Opcode::Binary(row) => {
            for (k, operand) in [a, b].into_iter().enumerate() {
                if sums.needs(operand) && row.passes_to(k) {
                    let dx = binary(tape, row, node, [a, b], k == 1, dy);
                    sums.add(operand, dx);
                }
            }
        }
        Opcode::Statement => {
            recorded_slopes(
                tape,
                [a, b],
                sums,
                |sums, x| sums.needs(x),
                |sums, x, slope| sums.add(x, along(dy, slope)),
            );
        }
        Opcode::Variable | Opcode::Constant | Opcode::Item | Opcode::Array => {}
    }
}

/// The sum of two parts of a gradient.
pub(super) fn plus<'t, T: Float>(sum: Option<Passed<'t, T>>, dx: Passed<'t, T>) -> Passed<'t, T> {
    match sum {
        Some(sum) if dx.is_still() => sum,
        Some(sum) if !sum.is_still() => sum + dx,
        _ => dx,
    }
}

/// What the sweep knows of a node, without its tape.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known<T> {
    /// It does not depend on an input.
    Independent,
    /// It does, and has no gradient yet.
    Dependent,
    /// Its gradient is a plain number.
    Number(f64),
    /// Its gradient is a node, with its value.
    Node(u32, T),
}

/// A list of what is known, which a tape keeps from one sweep to the next.
pub(crate) type AllKnown<T> = Vec<Known<T>>;

/// What is known of the nodes from `first` on.
pub(crate) struct ScalarSums<'t, T: Float> {
    tape: &'t Tape<T>,
    first: usize,
    known: AllKnown<T>,
}

impl<'t, T: Float> ScalarSums<'t, T> {
    #[inline]
    fn of(&self, node: usize) -> Known<T> {
        // Nodes before the first one lie far beyond the end.
        self.known.get(node.wrapping_sub(self.first)).copied().unwrap_or(Known::Independent)
    }

    /// The gradient by `x`, if the result depends on it.
    pub(super) fn gradient(&self, x: Scalar<'t, T>) -> Option<Passed<'t, T>> {
        self.at(x.node() as usize)
    }

    #[inline]
    fn at(&self, node: usize) -> Option<Passed<'t, T>> {
        match self.of(node) {
            Known::Independent | Known::Dependent => None,
            Known::Number(number) => Some(Recorded::Number(number)),
            Known::Node(node, value) => Some(Recorded::Handle(Scalar::new(self.tape, node, value))),
        }
    }

    fn set(&mut self, node: usize, known: Known<T>) {
        self.known[node - self.first] = known;
    }

    /// Finds the nodes before `end` that depend on those that are known to be dependent; `false` if an array may be
    /// among them.
    fn spread(&mut self, end: usize) -> bool {
        let arena = self.tape.arena.borrow();
        for node in self.first..end {
            let [a, b] = arena.stream.operands(node);
            let depends = |x: u32| !matches!(self.of(x as usize), Known::Independent);
            let found = match arena.stream.code(node) {
                Opcode::Variable | Opcode::Constant | Opcode::Item => false,
                Opcode::Unary(_) => depends(a),
                Opcode::Binary(_) => depends(a) || depends(b),
                Opcode::Statement => arena.stream.statements.inputs([a, b]).iter().any(|&x| depends(x)),
                Opcode::Array => match arena.kind(a) {
                    ArrayOp::Lift(x) if depends(x) => return false,
                    _ => false,
                },
            };
            if found {
                self.set(node, Known::Dependent);
            }
        }
        true
    }
}

impl<T: Float> ScalarSums<'_, T> {
    /// The sweep of the nodes before `end`, of which the last is the result; `false` if an array may lie between.
    #[track_caller]
    fn run(&mut self, end: usize) -> bool {
        if !self.spread(end) {
            return false;
        }
        if self.needs(end as u32 - 1) {
            self.set(end - 1, Known::Number(1.0));
        }
        for node in (self.first..end).rev() {
            let Some(dy) = self.at(node) else { continue };
            let (code, operands) = {
                let arena = self.tape.arena.borrow();
                (arena.stream.code(node), arena.stream.operands(node))
            };
            pass(self.tape, node as u32, code, operands, dy, self);
        }
        true
    }
}

impl<'t, T: Float> Sums<'t, T> for ScalarSums<'t, T> {
    fn needs(&self, node: u32) -> bool {
        !matches!(self.of(node as usize), Known::Independent)
    }

    fn add(&mut self, node: u32, dx: Passed<'t, T>) {
        let known = match plus(self.at(node as usize), dx) {
            Recorded::Number(number) => Known::Number(number),
            Recorded::Handle(sum) => Known::Node(sum.node(), sum.value()),
        };
        self.set(node as usize, known);
    }
}

/// The sweep from `y` to the numbers `x`; `None` if an array may lie between.
#[track_caller]
pub(super) fn swept<'t, T: Float>(y: Scalar<'t, T>, x: &[Scalar<'t, T>]) -> Option<ScalarSums<'t, T>> {
    let (tape, end) = (y.tape(), y.node() as usize + 1);
    let first = first_input(tape, end - 1, x, &[]);
    let mut known = tape.known.take();
    known.clear();
    if !make_room(&mut known, end - first) {
        no_room_for("gradients", end - first);
    }
    known.resize(end - first, Known::Independent);
    let mut sums = ScalarSums { tape, first, known };
    for x in x.iter().map(|x| x.node() as usize).filter(|&x| x < end) {
        sums.set(x, Known::Dependent);
    }
    run(&mut sums, end).then_some(sums)
}

impl<T: Float> Drop for ScalarSums<'_, T> {
    /// Keeps the memory for the next sweep.
    fn drop(&mut self) {
        self.tape.known.set(std::mem::take(&mut self.known));
    }
}

instances! {
    ScalarSums::run as run(sums: &mut ScalarSums<'_, T>, end: usize) -> bool;
}
