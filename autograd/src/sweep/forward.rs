//! The forward sweep: tangents from variables to results, in recording order.

use smallvec::SmallVec;

use super::eager::Eager;
use crate::error::Error;
use crate::memory::list;
use crate::memory::pool::Pool;
use crate::number::Float;
use crate::number::instances::instances;
use crate::ops::Array;
use crate::tape::Tape;
use crate::tape::arena::{Arena, ArrayOp, Opcode};
use crate::tensor::Tensor;

instances! {
    forward as tangents(tape: &Tape<T>, seeds: &[(u32, &Tensor<T>)], outputs: &[u32]) -> Result<Vec<Tensor<T>>, Error>;
}

/// The tangents of the arrays `outputs` when the arrays in `seeds` move along theirs; 0 where no tangent arrives.
///
/// # Errors
/// If a user-defined operation has no forward rule.
#[track_caller]
fn forward<T: Float>(tape: &Tape<T>, seeds: &[(u32, &Tensor<T>)], outputs: &[u32]) -> Result<Vec<Tensor<T>>, Error> {
    tape.must_record("jvp");
    let arena = tape.arena.borrow();
    let mut sweep = ForwardSweep {
        arena: &arena,
        pool: &tape.pool,
        scalars: list(T::zero(), arena.stream.len()),
        arrays: list(None, arena.arrays.len()),
    };
    for &(array, tangent) in seeds {
        sweep.arrive(array as usize, sweep.seed(tangent));
    }
    let (needed, end) = needed(&arena, outputs);
    for node in (0..end).filter(|&node| needed[node]) {
        sweep.step(node)?;
    }
    let result = |&array: &u32| {
        let shape = arena.arrays.shape(array).clone();
        match &sweep.arrays[array as usize] {
            Some(tangent) => Tensor::new(shape, tangent.values().to_vec()),
            None => Tensor::zeros(shape),
        }
    };
    Ok(outputs.iter().map(result).collect())
}

/// Whether `outputs` depend on each node, and the end of the nodes to sweep.
///
/// Other nodes are skipped: their rules cost time, and one of them may refuse.
fn needed<T: Float>(arena: &Arena<T>, outputs: &[u32]) -> (Vec<bool>, usize) {
    let mut nodes = list(false, arena.stream.len());
    let mut arrays = list(false, arena.arrays.len());
    for &output in outputs {
        arrays[output as usize] = true;
    }
    let mut end = 0;
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
            Opcode::Item => arrays[a] = true,
            Opcode::Array => {
                let kind = arena.kind(a as u32);
                if let ArrayOp::Lift(scalar) = kind {
                    nodes[scalar as usize] = true;
                }
                for (k, &input) in arena.arrays.inputs(a as u32).iter().enumerate() {
                    if !matches!(&kind, ArrayOp::Op(op) if !op.differentiable(k)) {
                        arrays[input as usize] = true;
                    }
                }
            }
        }
    }
    (nodes, end)
}

struct ForwardSweep<'s, T: Float> {
    arena: &'s Arena<T>,
    pool: &'s Pool<T>,
    scalars: Vec<T>,
    arrays: Vec<Option<Eager<'s, T>>>,
}

impl<'s, T: Float> ForwardSweep<'s, T> {
    fn seed(&self, tangent: &Tensor<T>) -> Eager<'s, T> {
        Eager::owned(tangent.shape(), self.pool.copy(tangent.as_slice()), self.pool)
    }

    /// Adds to an array's tangent: it may be seeded more than once, and may both be seeded and depend on other seeds.
    fn arrive(&mut self, array: usize, tangent: Eager<'s, T>) {
        let sum = match self.arrays[array].take() {
            Some(other) => other.add(&tangent),
            None => tangent,
        };
        self.arrays[array] = Some(sum);
    }

    #[track_caller]
    fn step(&mut self, node: usize) -> Result<(), Error> {
        let arena = self.arena;
        let [a, b] = arena.stream.operands(node).map(|operand| operand as usize);
        match arena.stream.code(node) {
            Opcode::Variable | Opcode::Constant => {}
            Opcode::Unary(row) => {
                let xy = [a, node].map(|x| arena.stream.value(x));
                self.scalars[node] = arena.stream.pass(row, xy, b, self.scalars[a]);
            }
            Opcode::Binary(row) => {
                let aby = [a, b, node].map(|x| arena.stream.value(x));
                self.scalars[node] = row.pass(false, aby, self.scalars[a]) + row.pass(true, aby, self.scalars[b]);
            }
            Opcode::Item => {
                if let Some(tangent) = &self.arrays[a] {
                    self.scalars[node] = tangent.values()[0];
                }
            }
            Opcode::Array => return self.array(a),
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
                let tangent = self.scalars[scalar as usize];
                if tangent != T::zero() {
                    self.arrive(index, Eager::full(shape, tangent, self.pool));
                }
                return Ok(());
            }
            ArrayOp::External(op) => {
                let tangent = |&i: &u32| {
                    let tangent = self.arrays[i as usize].as_ref()?;
                    Some(Tensor::new(self.arena.arrays.shape(i).clone(), tangent.values().to_vec()))
                };
                let dx: Vec<_> = inputs.iter().map(tangent).collect();
                if dx.iter().any(Option::is_some) {
                    let mut x = Vec::with_capacity(inputs.len());
                    for &input in inputs {
                        x.push(self.arena.tensor(input)); // a loop, so that a panic points at the caller
                    }
                    let dy = op.jvp_plain(&x, &self.arena.tensor(array), &dx)?;
                    self.arrive(index, self.seed(&dy));
                }
                return Ok(());
            }
            ArrayOp::Variable | ArrayOp::Constant | ArrayOp::Param(_) => return Ok(()),
        };
        let moves = |(k, &i): (usize, &u32)| self.arrays[i as usize].clone().filter(|_| op.differentiable(k));
        let dx: SmallVec<[Option<Eager<'s, T>>; 4]> = inputs.iter().enumerate().map(moves).collect();
        if dx.iter().all(Option::is_none) {
            return Ok(());
        }
        // An array without values may have axes of any length, and no rule is called.
        if self.arena.arrays[array].numel == 0 {
            self.arrive(index, Eager::full(shape, T::zero(), self.pool));
            return Ok(());
        }
        let mut x: SmallVec<[Eager<'s, T>; 4]> = SmallVec::new();
        for &input in inputs {
            x.push(Eager::of(self.arena, input, self.pool)); // a loop, so that a panic points at the caller
        }
        let x: SmallVec<[&Eager<'s, T>; 4]> = x.iter().collect();
        let dy = op.jvp(&x, &Eager::of(self.arena, array, self.pool), &dx);
        debug_assert_eq!(dy.shape(), *shape, "{}: the forward rule returned another shape", op.name());
        self.arrive(index, dy);
        Ok(())
    }
}
