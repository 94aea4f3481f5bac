//! The recorded forward sweep: tangents that are themselves on the tape, and can be differentiated again.

use std::ops::Range;

use smallvec::SmallVec;

use super::formula::Recorded;
use super::reach::{Place, Reached, first_input};
use super::recorded::reads;
use super::recorded_scalars::{Passed, along, binary, plus, unary};
use super::slots::Slots;
use super::wrt::{List, Wrt};
use crate::error::{Error, OrPanic};
use crate::external;
use crate::number::instances::instances;
use crate::number::{Float, Number};
use crate::ops::Array;
use crate::tape::arena::{ArrayOp, Opcode};
use crate::tape::statement::recorded_slopes;
use crate::tape::{Scalar, Tape, Var, same_shape, same_tape};

impl<'t, T: Float> Var<'t, T> {
    /// The tangent of this array when `x` moves along `dx`, as a recorded value, which can be used in formulas and
    /// differentiated again, in either mode.
    ///
    /// `x` has the forms that [`grad`](Scalar::grad) takes; `dx` has the form of its gradient.
    ///
    /// ```
    /// use autograd::Tape;
    /// let tape = Tape::new();
    /// let (x, one) = (tape.var([0.5, 2.0]), tape.constant([1.0, 1.0]));
    /// let u = x.sin();
    /// let du = u.tangent(x, one); // cos x
    /// let d2u = du.tangent(x, one); // −sin x: forward over forward
    /// assert_eq!(d2u.value(), -u.value());
    /// let d3u = d2u.sum().grad(x); // −cos x: reverse over forward
    /// assert_eq!(d3u.value(), -du.value());
    /// ```
    ///
    /// # Panics
    /// If something in `x` or `dx` is recorded on another tape, or their numbers or shapes differ. If a user-defined
    /// operation on the way has a rule that cannot be transposed and no [`Custom::jvp`](crate::Custom::jvp); what it
    /// computes on plain values counts as constant.
    #[must_use]
    #[track_caller]
    pub fn tangent<W: Wrt<'t, T, Gradient: Wrt<'t, T>>>(self, x: W, dx: W::Gradient) -> Self {
        let tape = self.tape();
        tape.must_record("tangent");
        let node = node_of(self);
        let sweep = swept(tape, node, Place::Array(self.index()), &x, &dx);
        sweep.array(self.index()).unwrap_or_else(|| self.zeros_like())
    }
}

impl<'t, T: Float> Scalar<'t, T> {
    /// The tangent of this number when `x` moves along `dx`, as a recorded value: see [`Var::tangent`].
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let (x, y) = (tape.scalar(2.0), tape.scalar(3.0));
    /// let one = tape.scalar_constant(1.0);
    /// let dz = (x * x * y).tangent(x, one); // 2xy
    /// assert_eq!((dz.value(), dz.tangent(y, one).value()), (12.0, 4.0));
    /// ```
    ///
    /// # Panics
    /// As [`Var::tangent`].
    #[must_use]
    #[track_caller]
    pub fn tangent<W: Wrt<'t, T, Gradient: Wrt<'t, T>>>(self, x: W, dx: W::Gradient) -> Self {
        self.tape().must_record("tangent");
        let node = self.node();
        let sweep = swept(self.tape(), node as usize, Place::Scalar(node), &x, &dx);
        let tangent = *sweep.scalars.get(node as usize);
        tangent.unwrap_or(Recorded::zero()).on(self.tape())
    }
}

/// The node that recorded an array.
fn node_of<T: Float>(y: Var<'_, T>) -> usize {
    let arena = y.tape().arena.borrow();
    let of_y = |&node: &usize| arena.stream.code(node) == Opcode::Array && arena.stream.operands(node)[0] == y.index();
    (0..arena.stream.len()).rev().find(of_y).expect("each array is recorded by a node")
}

#[track_caller]
fn swept<'t, T: Float, W: Wrt<'t, T, Gradient: Wrt<'t, T>>>(
    tape: &'t Tape<T>,
    root: usize,
    result: Place,
    x: &W,
    dx: &W::Gradient,
) -> TangentSweep<'t, T> {
    let (mut scalars, mut arrays) = (List::new(), List::new());
    let (mut along_scalars, mut along_arrays) = (List::new(), List::new());
    x.list(tape, &mut scalars, &mut arrays);
    dx.list(tape, &mut along_scalars, &mut along_arrays);
    let (inputs, directions) = (scalars.len() + arrays.len(), along_scalars.len() + along_arrays.len());
    assert!(inputs == directions, "tangent: {directions} directions for {inputs} inputs; give one for each");
    for handle in scalars.iter().chain(&along_scalars) {
        same_tape("tangent", tape, handle.tape());
    }
    for handle in arrays.iter().chain(&along_arrays) {
        same_tape("tangent", tape, handle.tape());
    }
    for (x, dx) in arrays.iter().zip(&along_arrays) {
        same_shape("tangent", &x.shape(), &dx.shape());
    }
    let nodes = first_input(tape, root, &scalars, &arrays)..root + 1;
    let reached = Reached::from_inputs(tape, nodes.clone(), &scalars, &arrays);
    let needed = reached.towards(tape, nodes.clone(), result);
    let (all, places) = (Slots::new(None, nodes.clone()), needed.places());
    let mut sweep = TangentSweep { tape, needed, scalars: all, arrays: Slots::new(None, places) };
    for (x, dx) in scalars.into_iter().zip(along_scalars) {
        if sweep.needed.scalar(x.node()) {
            sweep.arrive_scalar(x.node(), dx.into());
        }
    }
    for (x, dx) in arrays.into_iter().zip(along_arrays) {
        if sweep.needed.array(x.index()) {
            sweep.arrive(x.index(), dx);
        }
    }
    run(&mut sweep, nodes).or_panic();
    sweep
}

instances! {
    TangentSweep::run as run(sweep: &mut TangentSweep<'_, T>, nodes: Range<usize>) -> Result<(), Error>;
}

pub(crate) struct TangentSweep<'t, T: Float> {
    tape: &'t Tape<T>,
    /// What lies between the inputs and the result.
    needed: Reached,
    scalars: Slots<Option<Passed<'t, T>>>,
    arrays: Slots<Option<Var<'t, T>>>,
}

impl<'t, T: Float> TangentSweep<'t, T> {
    #[track_caller]
    fn run(&mut self, range: Range<usize>) -> Result<(), Error> {
        for node in range {
            let (code, operands) = {
                let arena = self.tape.arena.borrow();
                (arena.stream.code(node), arena.stream.operands(node))
            };
            let node = node as u32;
            match code {
                Opcode::Array if self.needed.array(operands[0]) => self.step_array(operands[0])?,
                Opcode::Array => {}
                _ if self.needed.scalar(node) => self.step_scalar(node, code, operands),
                _ => {}
            }
        }
        Ok(())
    }

    fn array(&self, index: u32) -> Option<Var<'t, T>> {
        *self.arrays.get(index as usize)
    }

    fn scalar(&self, node: u32) -> Option<Passed<'t, T>> {
        *self.scalars.get(node as usize)
    }

    /// Adds to a tangent: an input may be given twice, and may itself depend on another.
    #[track_caller]
    fn arrive(&mut self, index: u32, tangent: Var<'t, T>) {
        let sum = self.array(index).map_or(tangent, |sum| sum + tangent);
        self.arrays.set(index as usize, Some(sum));
    }

    #[track_caller]
    fn arrive_scalar(&mut self, node: u32, tangent: Passed<'t, T>) {
        let sum = plus(self.scalar(node), tangent);
        self.scalars.set(node as usize, Some(sum));
    }

    #[track_caller]
    fn step_scalar(&mut self, node: u32, code: Opcode, [a, b]: [u32; 2]) {
        let dy = match code {
            Opcode::Unary(row) if row.is_flat() => None,
            Opcode::Unary(row) => self.scalar(a).map(|dx| unary(self.tape, row, node, [a, b], dx)),
            Opcode::Binary(row) => {
                let part = |k: usize| {
                    let dx = self.scalar([a, b][k]).filter(|_| row.passes_to(k))?;
                    Some(binary(self.tape, row, node, [a, b], k == 1, dx))
                };
                [part(0), part(1)].into_iter().flatten().reduce(|a, b| a + b)
            }
            Opcode::Statement => {
                let (moves, mut sum) = (|_: &_, x: u32| self.scalar(x).is_some(), None);
                recorded_slopes(self.tape, [a, b], &mut sum, moves, |sum, x, slope| {
                    if let Some(dx) = self.scalar(x) {
                        *sum = Some(plus(*sum, along(dx, slope)));
                    }
                });
                sum
            }
            Opcode::Item => self.array(a).map(|da| da.item().into()),
            Opcode::Variable | Opcode::Constant | Opcode::Array => None,
        };
        if let Some(dy) = dy {
            self.arrive_scalar(node, dy);
        }
    }

    #[track_caller]
    fn step_array(&mut self, index: u32) -> Result<(), Error> {
        let arena = self.tape.arena.borrow();
        let inputs: SmallVec<[u32; 4]> = SmallVec::from_slice(arena.arrays.inputs(index));
        let nothing = arena.arrays[index].numel == 0;
        if reads(&arena.kind(index)) {
            for &input in &inputs {
                arena.array_values(input); // panics, at the caller's line, if the values are gone
            }
        }
        let y = Var::new(self.tape, index);
        let x: SmallVec<[Var<'t, T>; 4]> = inputs.iter().map(|&i| Var::new(self.tape, i)).collect();
        let dy = match arena.kind(index) {
            ArrayOp::Variable | ArrayOp::Constant | ArrayOp::Param(_) => None,
            ArrayOp::Lift(scalar) => {
                drop(arena);
                self.scalar(scalar).map(|dx| dx.on(self.tape).to_var())
            }
            ArrayOp::External(op) => {
                let op = op.clone();
                drop(arena);
                let dx: Vec<_> = inputs.iter().map(|&i| self.array(i)).collect();
                if dx.iter().all(Option::is_none) { None } else { Some(external::tangent(&*op, &x, y, &dx)?) }
            }
            ArrayOp::Op(op) => {
                let op = op.into_owned();
                drop(arena);
                let moves = |k: usize| self.array(inputs[k]).filter(|_| op.differentiable(k));
                let dx: SmallVec<[Option<Var<'t, T>>; 4]> = (0..inputs.len()).map(moves).collect();
                let dx: SmallVec<[Option<&Var<'t, T>>; 4]> = dx.iter().map(Option::as_ref).collect();
                let x: SmallVec<[&Var<'t, T>; 4]> = x.iter().collect();
                match dx.iter().all(Option::is_none) {
                    true => None,
                    // Without values, axes may have any length, and no rule is called.
                    false if nothing => Some(y.zeros_like()),
                    false => Some(op.jvp(&x, &y, &dx)),
                }
            }
        };
        if let Some(dy) = dy {
            self.arrive(index, dy);
        }
        Ok(())
    }
}
