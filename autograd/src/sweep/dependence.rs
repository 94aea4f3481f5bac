//! On which numbers of its inputs each number of a result depends: the places of a Jacobian that are not 0 by structure.
//!
//! One pass over the recording carries a set of columns for each number, by the structure of each operation
//! ([`Reads`]). Values play no part, so the places are the same wherever the same operations are recorded.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::forward::{Uses, uses};
use crate::number::Float;
use crate::number::instances::instances;
use crate::ops::reads::Reads;
use crate::shape::Shape;
use crate::tape::Tape;
use crate::tape::arena::{Arena, ArrayOp, Opcode};

instances! {
    trace as dependence(tape: &Tape<T>, inputs: &[u32], outputs: &[u32]) -> Rows;
}

/// Rows of column numbers, in ascending order, one row after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rows {
    /// Where each row starts in `columns`, and where the last one ends.
    pub(crate) starts: Vec<usize>,
    pub(crate) columns: Vec<u32>,
}

impl Rows {
    fn new() -> Self {
        Rows { starts: vec![0], columns: vec![] }
    }

    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub(crate) fn row(&self, i: usize) -> &[u32] {
        &self.columns[self.starts[i]..self.starts[i + 1]]
    }

    fn push(&mut self, row: &[u32]) {
        self.columns.extend_from_slice(row);
        self.starts.push(self.columns.len());
    }
}

/// A set of columns, by its place among [`Sets`]. Equal numbers are equal sets; the reverse need not hold.
type Set = u32;
/// The set without columns.
const EMPTY: Set = 0;

/// Sets of columns: the empty one, that of each column alone, and the unions that were needed.
struct Sets {
    sets: Rows,
    unions: FxHashMap<(Set, Set), Set>,
}

impl Sets {
    fn new(columns: usize) -> Self {
        let mut sets = Rows::new();
        sets.push(&[]);
        (0..columns as u32).for_each(|column| sets.push(&[column]));
        Sets { sets, unions: FxHashMap::default() }
    }

    fn of_column(column: usize) -> Set {
        column as Set + 1
    }

    /// The set of these columns, which is one of `parts` if that has as many.
    fn add(&mut self, columns: &[u32], parts: &[Set]) -> Set {
        let known = parts.iter().find(|&&part| self.sets.row(part as usize).len() == columns.len());
        known.copied().unwrap_or_else(|| {
            self.sets.push(columns);
            (self.sets.len() - 1) as Set
        })
    }

    fn union(&mut self, a: Set, b: Set) -> Set {
        if a == b || b == EMPTY {
            return a;
        }
        if a == EMPTY {
            return b;
        }
        let pair = (a.min(b), a.max(b));
        if let Some(&union) = self.unions.get(&pair) {
            return union;
        }
        let union = self.union_of(&mut vec![a, b]);
        self.unions.insert(pair, union);
        union
    }

    fn union_of(&mut self, parts: &mut Vec<Set>) -> Set {
        parts.sort_unstable();
        parts.dedup();
        parts.retain(|&part| part != EMPTY);
        if parts.len() < 2 {
            return parts.first().copied().unwrap_or(EMPTY);
        }
        let mut columns: Vec<u32> = parts.iter().flat_map(|&part| self.sets.row(part as usize)).copied().collect();
        columns.sort_unstable();
        columns.dedup();
        self.add(&columns, parts)
    }
}

/// The columns on which each number of `outputs` depends, in order, among the numbers of `inputs`, in order.
fn trace<T: Float>(tape: &Tape<T>, inputs: &[u32], outputs: &[u32]) -> Rows {
    let arena = tape.arena.borrow();
    let numel = |array: u32| arena.arrays.shape(array).numel();
    let Uses { needed, end, .. } = uses(&arena, outputs);
    let mut trace = Trace {
        arena: &arena,
        sets: Sets::new(inputs.iter().map(|&x| numel(x)).sum()),
        scalars: vec![EMPTY; end],
        arrays: vec![None; arena.arrays.len()],
    };
    let mut first = 0;
    for &x in inputs {
        trace.arrays[x as usize] = Some((first..first + numel(x)).map(Sets::of_column).collect());
        first += numel(x);
    }
    for node in (0..end).filter(|&node| needed[node]) {
        trace.step(node);
    }
    let mut rows = Rows::new();
    for &y in outputs {
        match &trace.arrays[y as usize] {
            Some(sets) => sets.iter().for_each(|&set| rows.push(trace.sets.sets.row(set as usize))),
            None => (0..numel(y)).for_each(|_| rows.push(&[])),
        }
    }
    rows
}

struct Trace<'s, T: Float> {
    arena: &'s Arena<T>,
    sets: Sets,
    /// The set of each scalar node.
    scalars: Vec<Set>,
    /// The set of each number of an array; nothing of an array without dependence.
    arrays: Vec<Option<Rc<[Set]>>>,
}

impl<T: Float> Trace<'_, T> {
    fn step(&mut self, node: usize) {
        let arena = self.arena;
        let [a, b] = arena.stream.operands(node).map(|operand| operand as usize);
        match arena.stream.code(node) {
            Opcode::Variable | Opcode::Constant => {}
            Opcode::Unary(row) => self.scalars[node] = if row.is_flat() { EMPTY } else { self.scalars[a] },
            Opcode::Binary(row) => {
                let [a, b] = [(0, a), (1, b)].map(|(k, x)| if row.passes_to(k) { self.scalars[x] } else { EMPTY });
                self.scalars[node] = self.sets.union(a, b);
            }
            Opcode::Statement => {
                let inputs = arena.stream.inputs(node);
                self.scalars[node] =
                    inputs.iter().fold(EMPTY, |set, &x| self.sets.union(set, self.scalars[x as usize]));
            }
            Opcode::Item => self.scalars[node] = self.arrays[a].as_ref().map_or(EMPTY, |sets| sets[0]),
            Opcode::Array => self.array(a),
        }
    }

    fn array(&mut self, index: usize) {
        let (arena, array) = (self.arena, index as u32);
        let (shape, inputs) = (arena.arrays.shape(array), arena.arrays.inputs(array));
        let found = match arena.kind(array) {
            ArrayOp::Variable | ArrayOp::Constant | ArrayOp::Param(_) => return,
            ArrayOp::Lift(scalar) => Some(vec![self.scalars[scalar as usize]; shape.numel()].into()),
            ArrayOp::External(_) => {
                let arrays = inputs.iter().filter_map(|&x| self.arrays[x as usize].as_deref());
                let all = self.sets.union_of(&mut arrays.flatten().copied().collect());
                Some(vec![all; shape.numel()].into())
            }
            ArrayOp::Op(op) => {
                let shapes: Vec<&Shape> = inputs.iter().map(|&x| arena.arrays.shape(x)).collect();
                let mut found: Option<Rc<[Set]>> = None;
                for (k, &x) in inputs.iter().enumerate().filter(|&(k, _)| op.differentiable(k)) {
                    let Some(sets) = self.arrays[x as usize].clone() else { continue };
                    let part = self.read(sets, op.reads(k, &shapes, shape));
                    found = Some(match found {
                        Some(other) => other.iter().zip(&*part).map(|(&a, &b)| self.sets.union(a, b)).collect(),
                        None => part,
                    });
                }
                found
            }
        };
        if let Some(sets) = found.filter(|sets| sets.iter().any(|&set| set != EMPTY)) {
            self.arrays[index] = Some(sets);
        }
    }

    /// The sets of the results of an operation, from those of an input.
    fn read(&mut self, x: Rc<[Set]>, reads: Reads) -> Rc<[Set]> {
        match reads {
            Reads::Same => x,
            Reads::Groups { of, read } => {
                let alone = of.iter().enumerate().all(|(i, &group)| group as usize == i);
                let sets = if alone { x } else { self.groups(&of, &x) };
                // A group without members, such as NOTHING, is empty.
                read.iter().map(|&group| sets.get(group as usize).copied().unwrap_or(EMPTY)).collect()
            }
            Reads::Running { loops, reverse } => {
                let mut sets = x.to_vec();
                let step = loops.inner;
                for line in (0..loops.outer).flat_map(|o| (0..step).map(move |i| o * loops.n * step + i)) {
                    for j in 1..loops.n {
                        let at = |j: usize| line + step * if reverse { loops.n - 1 - j } else { j };
                        sets[at(j)] = self.sets.union(sets[at(j)], sets[at(j - 1)]);
                    }
                }
                sets.into()
            }
        }
    }

    /// The union of the sets of each group.
    fn groups(&mut self, of: &[u32], x: &[Set]) -> Rc<[Set]> {
        let mut members = vec![vec![]; of.iter().max().map_or(0, |&last| last as usize + 1)];
        for (&group, &set) in of.iter().zip(x) {
            members[group as usize].push(set);
        }
        members.iter_mut().map(|members| self.sets.union_of(members)).collect()
    }
}
