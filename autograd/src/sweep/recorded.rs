//! The recorded sweep: gradients that are themselves on the tape, and can be differentiated again.

use std::collections::BTreeMap;
use std::ops::Range;

use smallvec::SmallVec;

use super::formula::Recorded;
use super::reach::{Reached, first_input};
use super::recorded_scalars::{self, Passed, ScalarSums, Sums, pass, plus};
use super::slots::Slots;
use super::wrt::{List, Wrt};
use crate::error::Error;
use crate::number::instances::instances;
use crate::number::{Float, Number};
use crate::ops::{Array, Op, index};
use crate::tape::arena::{ArrayOp, Opcode};
use crate::tape::{Scalar, Tape, Var, same_tape};
use crate::tensor::Tensor;

impl<'t, T: Float> Scalar<'t, T> {
    /// The gradient of this number as recorded values, which can be used in formulas and differentiated again.
    ///
    /// `x` is a [`Var`], a [`Scalar`], a `&Param`, or an array, slice or tuple of these; the result has the same
    /// form. The gradient is 0 where this number does not depend on a value in `x`.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.var([1.0, 2.0]);
    /// let dy = x.powi(3).sum().grad(x); // 3x²
    /// let d2y = dy.sum().grad(x); // 6x
    /// assert_eq!(dy.value(), Tensor::from([3.0, 12.0]));
    /// assert_eq!(d2y.value(), Tensor::from([6.0, 12.0]));
    /// ```
    ///
    /// # Panics
    /// If something in `x` is recorded on another tape.
    #[track_caller]
    pub fn grad<W: Wrt<'t, T>>(self, x: W) -> W::Gradient {
        let tape = self.tape();
        let scalar = |found: Option<Passed<'t, T>>| found.unwrap_or(Recorded::zero()).on(tape);
        let zeros = |x: Var<'t, T>| tape.constant(Tensor::zeros(x.shape()));
        let (scalars, arrays) = self.listed(&x);
        if let Some(sums) = self.of_scalars(&scalars, &arrays) {
            return x.gather(&mut scalars.iter().map(|&x| scalar(sums.gradient(x))), &mut std::iter::empty());
        }
        let sweep = self.swept(&scalars, &arrays);
        x.gather(
            &mut scalars.iter().map(|&x| scalar(sweep.of_scalar(x))),
            &mut arrays.iter().map(|&x| sweep.gradient(x).unwrap_or_else(|| zeros(x))),
        )
    }

    /// [`grad`](Scalar::grad) that returns an error where this number does not depend on an input.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let (x, y) = (tape.var([1.0]), tape.var([2.0]));
    /// let z = (x * y.detach()).sum();
    /// assert!(z.try_grad(x).is_ok());
    /// assert_eq!(
    ///     z.try_grad((x, y)).unwrap_err().to_string(),
    ///     "grad: the result does not depend on input 1 (counted from 0); was it detached, or never used?"
    /// );
    /// ```
    ///
    /// # Errors
    /// [`Error::Independent`] for the first input that this number does not depend on; scalars are counted before
    /// arrays.
    ///
    /// # Panics
    /// If something in `x` is recorded on another tape.
    #[track_caller]
    pub fn try_grad<W: Wrt<'t, T>>(self, x: W) -> Result<W::Gradient, Error> {
        let (scalars, arrays) = self.listed(&x);
        let (of_scalars, of_arrays): (List<_>, List<_>) = match self.of_scalars(&scalars, &arrays) {
            Some(sums) => (scalars.iter().map(|&x| sums.gradient(x)).collect(), List::new()),
            None => {
                let sweep = self.swept(&scalars, &arrays);
                let of_scalars = scalars.iter().map(|&x| sweep.of_scalar(x)).collect();
                (of_scalars, arrays.iter().map(|&x| sweep.gradient(x)).collect())
            }
        };
        let mut reached = of_scalars.iter().map(Option::is_some).chain(of_arrays.iter().map(Option::is_some));
        if let Some(input) = reached.position(|reached| !reached) {
            return Err(Error::Independent { input });
        }
        let mut of_scalars = of_scalars.into_iter().flatten().map(|dx| dx.on(self.tape()));
        Ok(x.gather(&mut of_scalars, &mut of_arrays.into_iter().flatten()))
    }

    /// The handles listed in `x`.
    #[track_caller]
    fn listed<W: Wrt<'t, T>>(self, x: &W) -> (List<Scalar<'t, T>>, List<Var<'t, T>>) {
        self.tape().must_record("grad");
        let (mut scalars, mut arrays) = (List::new(), List::new());
        x.list(self.tape(), &mut scalars, &mut arrays);
        for x in &scalars {
            same_tape("grad", self.tape(), x.tape());
        }
        for x in &arrays {
            same_tape("grad", self.tape(), x.tape());
        }
        (scalars, arrays)
    }

    /// The sweep of numbers alone, if no array is an input or may lie between.
    #[track_caller]
    fn of_scalars(self, scalars: &[Scalar<'t, T>], arrays: &[Var<'t, T>]) -> Option<ScalarSums<'t, T>> {
        if arrays.is_empty() { recorded_scalars::swept(self, scalars) } else { None }
    }

    #[track_caller]
    fn swept(self, scalars: &[Scalar<'t, T>], arrays: &[Var<'t, T>]) -> RecordedSweep<'t, T> {
        let nodes = first_input(self.tape(), self.node() as usize, scalars, arrays)..self.node() as usize + 1;
        let mut sweep = RecordedSweep::new(self.tape(), nodes.clone(), scalars, arrays);
        sweep.scalars.set(self.node() as usize, Some(Recorded::one()));
        run(&mut sweep, nodes);
        sweep
    }
}

/// Recorded gradients of `⟨y, dy⟩` with respect to `x`, through the nodes recorded from `start` on only. Earlier
/// nodes lie outside the segment, whatever `x` and `dy` depend on.
#[track_caller]
pub(crate) fn segment_vjp<'t, T: Float>(
    start: usize,
    y: Var<'t, T>,
    dy: Var<'t, T>,
    x: &[Var<'t, T>],
) -> Vec<Var<'t, T>> {
    y.tape().must_record("vjp");
    let nodes = start..y.tape().len();
    let mut sweep = RecordedSweep::new(y.tape(), nodes.clone(), &[], x);
    sweep.arrays.set(y.index() as usize, Some(dy));
    run(&mut sweep, nodes);
    x.iter().map(|&x| sweep.gradient(x).unwrap_or_else(|| Array::zeros_like(&x))).collect()
}

/// Whether a rule may read the values of its inputs.
pub(super) fn reads<T: Float>(kind: &ArrayOp<'_, T>) -> bool {
    match kind {
        ArrayOp::Op(op) => match &**op {
            Op::Binary(row) => !row.is_sum(),
            Op::Reduce(reduce) => reduce.divisor_of_sum().is_none(),
            // The other operations only move values, or add them up.
            Op::Reshape(_) | Op::Transpose(_) | Op::Expand(_) | Op::View(_) | Op::Spread(_) => false,
            Op::Gather(_) | Op::ScatterAdd(_) | Op::Concat(_) | Op::CumulativeSum(_) | Op::Interpolate(_) => false,
            _ => true,
        },
        ArrayOp::External(_) => true,
        _ => false,
    }
}

/// The number of parts of one array whose gradients are added at once.
const MANY: usize = 8;

instances! {
    RecordedSweep::run as run(sweep: &mut RecordedSweep<'_, T>, nodes: Range<usize>);
}

pub(crate) struct RecordedSweep<'t, T: Float> {
    tape: &'t Tape<T>,
    /// What depends on the inputs of the gradient: only these nodes are swept.
    needed: Reached,
    scalars: Slots<Option<Passed<'t, T>>>,
    arrays: Slots<Option<Var<'t, T>>>,
    /// Views of an array and values read from it, each with its gradient, until the sweep passes the last user of the
    /// array.
    parts: BTreeMap<u32, Vec<(u32, Var<'t, T>)>>,
}

impl<'t, T: Float> Sums<'t, T> for RecordedSweep<'t, T> {
    fn needs(&self, node: u32) -> bool {
        self.needed.scalar(node)
    }

    fn add(&mut self, node: u32, dx: Passed<'t, T>) {
        let sum = plus(*self.scalars.get(node as usize), dx);
        self.scalars.set(node as usize, Some(sum));
    }
}

impl<'t, T: Float> RecordedSweep<'t, T> {
    /// A sweep of `range`: the whole tape up to a root, or a segment of it.
    #[track_caller]
    fn new(tape: &'t Tape<T>, range: Range<usize>, scalars: &[Scalar<'t, T>], arrays: &[Var<'t, T>]) -> Self {
        let needed = Reached::from_inputs(tape, range.clone(), scalars, arrays);
        let (scalars, arrays) = (Slots::new(None, range), Slots::new(None, needed.places()));
        RecordedSweep { tape, needed, scalars, arrays, parts: BTreeMap::new() }
    }

    #[track_caller]
    pub(crate) fn run(&mut self, range: Range<usize>) {
        for node in range.rev() {
            let (code, operands) = {
                let arena = self.tape.arena.borrow();
                (arena.stream.code(node), arena.stream.operands(node))
            };
            if code == Opcode::Array {
                self.array(operands[0]);
            } else if self.needed.scalar(node as u32)
                && let Some(dy) = *self.scalars.get(node)
            {
                self.scalar(node as u32, code, operands, dy);
            }
        }
        // The remaining parts belong to arrays before the first node.
        while let Some((&array, _)) = self.parts.first_key_value() {
            self.add_parts(array);
        }
    }

    fn of_scalar(&self, x: Scalar<'t, T>) -> Option<Passed<'t, T>> {
        *self.scalars.get(x.node() as usize)
    }

    fn gradient(&self, x: Var<'t, T>) -> Option<Var<'t, T>> {
        *self.arrays.get(x.index() as usize)
    }

    #[track_caller]
    fn scalar(&mut self, node: u32, code: Opcode, operands: [u32; 2], dy: Passed<'t, T>) {
        if code == Opcode::Item {
            let shape = self.tape.arena.borrow().arrays.shape(operands[0]).clone();
            return self.add_array(operands[0], dy.on(self.tape).to_var().reshaped(&shape));
        }
        pass(self.tape, node, code, operands, dy, self);
    }

    #[track_caller]
    fn add_array(&mut self, array: u32, dx: Var<'t, T>) {
        let sum = match *self.arrays.get(array as usize) {
            Some(sum) => sum + dx,
            None => dx,
        };
        self.arrays.set(array as usize, Some(sum));
    }

    /// Adds the gradients of the parts of an array. Many are added at once, because each by itself is as large as the
    /// whole.
    #[track_caller]
    fn add_parts(&mut self, array: u32) {
        let Some(parts) = self.parts.remove(&array) else { return };
        let whole = Var::new(self.tape, array);
        if parts.len() >= MANY {
            let positions = parts.iter().flat_map(|&(part, _)| self.positions(part)).collect();
            let dy: Vec<_> = parts.iter().map(|(_, dy)| dy).collect();
            return self.add_array(array, index::scatter(&dy, positions, &whole.shape()));
        }
        for (part, dy) in parts {
            let op = self.op(part);
            self.add_array(array, op.vjp(0, &[&whole], &Var::new(self.tape, part), &dy));
        }
    }

    fn op(&self, array: u32) -> Op {
        match self.tape.arena.borrow().kind(array) {
            ArrayOp::Op(op) => op.into_owned(),
            _ => unreachable!("a part is an operation"),
        }
    }

    /// The position of each value of a part in the whole.
    fn positions(&self, part: u32) -> Vec<usize> {
        match self.op(part) {
            Op::View(view) => {
                let arena = self.tape.arena.borrow();
                view.positions(arena.arrays.shape(arena.arrays.inputs(part)[0]), arena.arrays.shape(part))
            }
            Op::Gather(gather) => gather.positions(),
            _ => unreachable!("only these are parts"),
        }
    }

    #[track_caller]
    fn array(&mut self, index: u32) {
        if !self.needed.array(index) {
            return;
        }
        self.add_parts(index);
        let Some(dy) = *self.arrays.get(index as usize) else { return };
        let (op, inputs) = {
            let arena = self.tape.arena.borrow();
            let inputs: SmallVec<[u32; 4]> = SmallVec::from_slice(arena.arrays.inputs(index));
            if reads(&arena.kind(index)) {
                for &input in &inputs {
                    arena.array_values(input); // panics, at the caller's line, if the values are gone
                }
            }
            match arena.kind(index) {
                ArrayOp::Op(op) => (op.into_owned(), inputs),
                ArrayOp::Lift(scalar) => {
                    drop(arena);
                    return self.add(scalar, Recorded::Handle(dy.item()));
                }
                ArrayOp::External(op) => {
                    let op = op.clone();
                    drop(arena);
                    let x: Vec<_> = inputs.iter().map(|&i| Var::new(self.tape, i)).collect();
                    let gradients = match op.gradients(&x, Var::new(self.tape, index), dy) {
                        Ok(gradients) => gradients,
                        Err(law) => panic!("{law}"),
                    };
                    for (&input, dx) in inputs.iter().zip(gradients) {
                        if self.needed.array(input) {
                            self.add_array(input, dx);
                        }
                    }
                    return;
                }
                ArrayOp::Variable | ArrayOp::Constant | ArrayOp::Param(_) => return,
            }
        };
        if matches!(op, Op::View(_) | Op::Gather(_)) {
            if self.needed.array(inputs[0]) {
                self.parts.entry(inputs[0]).or_default().push((index, dy));
            }
            return;
        }
        let x: SmallVec<[Var<'t, T>; 4]> = inputs.iter().map(|&i| Var::new(self.tape, i)).collect();
        let x: SmallVec<[&Var<'t, T>; 4]> = x.iter().collect();
        let y = Var::new(self.tape, index);
        // An array without values may have axes of any length, and no rule is called.
        let nothing = self.tape.arena.borrow().arrays[index].numel == 0;
        let dy = if nothing { dy } else { op.before_row(&y, dy) };
        for k in 0..x.len() {
            if self.needed.array(inputs[k]) && op.differentiable(k) {
                let dx = if nothing { x[k].zeros_like() } else { op.vjp(k, &x, &y, &dy) };
                self.add_array(inputs[k], dx);
            }
        }
    }
}
