//! The forward sweep: tangents from variables to results, in recording order.

use smallvec::SmallVec;

use super::eager::Eager;
use super::scalar_tangents::{WIDTHS, push};
use crate::error::Error;
use crate::external::External;
use crate::memory::list;
use crate::memory::pool::Pool;
use crate::number::Float;
use crate::number::instances::instances;
use crate::ops::Array;
use crate::tape::Tape;
use crate::tape::arena::{Arena, ArrayOp, Opcode};
use crate::tensor::Tensor;

instances! {
    forward as tangents(tape: &Tape<T>, seeds: &[Seeds<'_, T>], outputs: &[u32]) -> Result<Vec<Tensor<T>>, Error>;
}

/// A direction: arrays, each with its tangent.
pub(crate) type Seeds<'s, T> = SmallVec<[(u32, &'s Tensor<T>); 1]>;

/// The tangents of the arrays `outputs` for each direction in turn, in which the arrays in its seeds move along
/// theirs; 0 where no tangent arrives.
///
/// Up to [`MOST_DIRECTIONS`](super::MOST_DIRECTIONS) are carried in one sweep, so that each operation is looked up once.
///
/// # Errors
/// If a user-defined operation has no forward rule.
#[track_caller]
fn forward<T: Float>(tape: &Tape<T>, seeds: &[Seeds<'_, T>], outputs: &[u32]) -> Result<Vec<Tensor<T>>, Error> {
    tape.must_record("jvp");
    let arena = tape.arena.borrow();
    let directions = seeds.len();
    let width = WIDTHS.into_iter().find(|&width| width >= directions).expect("no more directions than a sweep carries");
    let Uses { needed, end, last } = uses(&arena, outputs);
    let mut sweep = ForwardSweep {
        arena: &arena,
        pool: &tape.pool,
        directions,
        width,
        scalars: list(T::zero(), end * width),
        arrays: list(None, arena.arrays.len() * directions),
    };
    for (direction, seeds) in seeds.iter().enumerate() {
        for &(array, tangent) in seeds {
            sweep.arrive(array as usize, direction, sweep.seed(tangent));
        }
    }
    let mut last = last.into_iter().peekable();
    let nodes = &arena.stream.nodes()[..end];
    let mut node = 0;
    loop {
        node = push(&arena.stream, nodes, &mut sweep.scalars, width, node);
        if node == end {
            break;
        }
        if needed[node] {
            sweep.step(node)?;
            while let Some((_, array)) = last.next_if(|&(user, _)| user as usize <= node) {
                sweep.arrays[array as usize * directions..][..directions].fill(None);
            }
        }
        node += 1;
    }
    let result = |direction: usize, array: u32| {
        let shape = arena.arrays.shape(array).clone();
        match sweep.tangent(array, direction) {
            Some(tangent) => Tensor::new(shape, tangent.values().to_vec()),
            None => Tensor::zeros(shape),
        }
    };
    Ok((0..directions).flat_map(|d| outputs.iter().map(move |&array| (d, array))).map(|(d, y)| result(d, y)).collect())
}

/// What a sweep for given outputs needs.
pub(super) struct Uses {
    /// Whether the outputs depend on each node. Of arrays, the others are skipped: their rules cost time, and one may refuse.
    pub(super) needed: Vec<bool>,
    /// The end of the nodes to sweep.
    pub(super) end: usize,
    /// The last node that reads each array, outputs left out: there its tangent is released. In the order of these
    /// nodes.
    last: Vec<(u32, u32)>,
}

pub(super) fn uses<T: Float>(arena: &Arena<T>, outputs: &[u32]) -> Uses {
    let mut nodes = list(false, arena.stream.len());
    let mut arrays = list(false, arena.arrays.len());
    for &output in outputs {
        arrays[output as usize] = true;
    }
    let (mut end, mut last) = (0, vec![]);
    // Going back, the first node that reads an array is the last one to do so.
    let mut read = |arrays: &mut Vec<bool>, array: u32, node: usize| {
        if !std::mem::replace(&mut arrays[array as usize], true) {
            last.push((node as u32, array));
        }
    };
    for node in (0..arena.stream.len()).rev() {
        let [a, b] = arena.stream.operands(node).map(|operand| operand as usize);
        let code = arena.stream.code(node);
        if code == Opcode::Array {
            nodes[node] = arrays[a];
        }
        if !nodes[node] {
            continue;
        }
        end = end.max(node + 1);
        match code {
            Opcode::Variable | Opcode::Constant => {}
            Opcode::Unary(_) => nodes[a] = true,
            Opcode::Binary(_) => {
                nodes[a] = true;
                nodes[b] = true;
            }
            Opcode::Statement => {
                for &x in arena.stream.statements.inputs(arena.stream.operands(node)) {
                    nodes[x as usize] = true;
                }
            }
            Opcode::Item => read(&mut arrays, a as u32, node),
            Opcode::Array => {
                let kind = arena.kind(a as u32);
                if let ArrayOp::Lift(scalar) = kind {
                    nodes[scalar as usize] = true;
                }
                for (k, &input) in arena.arrays.inputs(a as u32).iter().enumerate() {
                    if !matches!(&kind, ArrayOp::Op(op) if !op.differentiable(k)) {
                        read(&mut arrays, input, node);
                    }
                }
            }
        }
    }
    last.reverse();
    Uses { needed: nodes, end, last }
}

struct ForwardSweep<'s, T: Float> {
    arena: &'s Arena<T>,
    pool: &'s Pool<T>,
    directions: usize,
    /// The numbers for each scalar: one for each direction, and zeros.
    width: usize,
    /// Tangents: of one node or array after another, for all directions each.
    scalars: Vec<T>,
    arrays: Vec<Option<Eager<'s, T>>>,
}

impl<'s, T: Float> ForwardSweep<'s, T> {
    fn seed(&self, tangent: &Tensor<T>) -> Eager<'s, T> {
        Eager::owned(tangent.shape(), self.pool.copy(tangent.as_slice()), self.pool)
    }

    fn tangent(&self, array: u32, direction: usize) -> Option<&Eager<'s, T>> {
        self.arrays[array as usize * self.directions + direction].as_ref()
    }

    /// Adds to an array's tangent: it may be seeded more than once, and may both be seeded and depend on other seeds.
    fn arrive(&mut self, array: usize, direction: usize, tangent: Eager<'s, T>) {
        let slot = &mut self.arrays[array * self.directions + direction];
        *slot = Some(match slot.take() {
            Some(other) => other.add(&tangent),
            None => tangent,
        });
    }

    /// A node that is, or reads, an array.
    #[track_caller]
    fn step(&mut self, node: usize) -> Result<(), Error> {
        let array = self.arena.stream.operands(node)[0] as usize;
        if self.arena.stream.code(node) == Opcode::Array {
            return self.array(array);
        }
        // A number read from an array.
        for d in 0..self.directions {
            if let Some(tangent) = self.tangent(array as u32, d) {
                self.scalars[node * self.width + d] = tangent.values()[0];
            }
        }
        Ok(())
    }

    #[track_caller]
    fn array(&mut self, index: usize) -> Result<(), Error> {
        let array = index as u32;
        let (shape, inputs) = (self.arena.arrays.shape(array), self.arena.arrays.inputs(array));
        let op = match self.arena.kind(array) {
            ArrayOp::Op(op) => op,
            ArrayOp::Lift(scalar) => {
                for d in 0..self.directions {
                    let tangent = self.scalars[scalar as usize * self.width + d];
                    if tangent != T::zero() {
                        self.arrive(index, d, Eager::full(shape, tangent, self.pool));
                    }
                }
                return Ok(());
            }
            ArrayOp::External(op) => return self.external(array, &**op),
            ArrayOp::Variable | ArrayOp::Constant | ArrayOp::Param(_) => return Ok(()),
        };
        let nothing = self.arena.arrays[array].numel == 0;
        let mut x: SmallVec<[Eager<'s, T>; 4]> = SmallVec::new();
        for d in 0..self.directions {
            let dy = {
                let moves = |(k, &i): (usize, &u32)| self.tangent(i, d).filter(|_| op.differentiable(k));
                let dx: SmallVec<[Option<&Eager<'s, T>>; 4]> = inputs.iter().enumerate().map(moves).collect();
                if dx.iter().all(Option::is_none) {
                    continue;
                }
                if nothing {
                    // Without values, axes may have any length, and no rule is called.
                    Eager::full(shape, T::zero(), self.pool)
                } else {
                    if x.is_empty() {
                        for &input in inputs {
                            // A loop, so that a panic points at the caller.
                            x.push(Eager::of(self.arena, input, self.pool));
                        }
                    }
                    let x: SmallVec<[&Eager<'s, T>; 4]> = x.iter().collect();
                    op.jvp(&x, &Eager::of(self.arena, array, self.pool), &dx)
                }
            };
            debug_assert_eq!(dy.shape(), *shape, "{}: the forward rule returned another shape", op.name());
            self.arrive(index, d, dy);
        }
        Ok(())
    }

    #[track_caller]
    fn external(&mut self, array: u32, op: &dyn External<T>) -> Result<(), Error> {
        let inputs = self.arena.arrays.inputs(array);
        let mut x = Vec::new();
        for d in 0..self.directions {
            let tangent = |&i: &u32| {
                let tangent = self.tangent(i, d)?;
                Some(Tensor::new(self.arena.arrays.shape(i).clone(), tangent.values().to_vec()))
            };
            let dx: Vec<_> = inputs.iter().map(tangent).collect();
            if dx.iter().all(Option::is_none) {
                continue;
            }
            if x.is_empty() {
                for &input in inputs {
                    x.push(self.arena.tensor(input)); // a loop, so that a panic points at the caller
                }
            }
            let dy = op.jvp_plain(&x, &self.arena.tensor(array), &dx)?;
            self.arrive(array as usize, d, self.seed(&dy));
        }
        Ok(())
    }
}
