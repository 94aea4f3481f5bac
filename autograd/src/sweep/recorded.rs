//! The recorded sweep: gradients that are themselves on the tape, and can be differentiated again.

use std::collections::BTreeMap;
use std::ops::Range;

use smallvec::SmallVec;

use super::formula::Recorded;
use super::multiple::scalar_multiple;
use super::slots::Slots;
use super::wrt::Wrt;
use crate::error::Error;
use crate::external;
use crate::number::Float;
use crate::number::instances::instances;
use crate::number::rows::Unary;
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
        let (scalars, arrays) = self.found(&x);
        let tape = self.tape();
        let mut scalars =
            scalars.into_iter().map(|(_, found)| found.unwrap_or_else(|| tape.scalar_constant(T::zero())));
        let zeros = |x: Var<'t, T>| tape.constant(Tensor::zeros(x.shape()));
        let mut arrays = arrays.into_iter().map(|(x, found)| found.unwrap_or_else(|| zeros(x)));
        x.gather(&mut scalars, &mut arrays)
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
        let (scalars, arrays) = self.found(&x);
        let reached =
            scalars.iter().map(|(_, found)| found.is_some()).chain(arrays.iter().map(|(_, found)| found.is_some()));
        match reached.enumerate().find(|(_, reached)| !reached) {
            Some((input, _)) => Err(Error::Independent { input }),
            None => {
                Ok(x.gather(&mut scalars.into_iter().filter_map(|f| f.1), &mut arrays.into_iter().filter_map(|f| f.1)))
            }
        }
    }

    /// The handles listed in `x`, each with its recorded gradient if this number depends on it.
    #[track_caller]
    fn found<W: Wrt<'t, T>>(self, x: &W) -> (Found<Scalar<'t, T>>, Found<Var<'t, T>>) {
        self.tape().must_record("grad");
        let (mut scalars, mut arrays) = (vec![], vec![]);
        x.list(self.tape(), &mut scalars, &mut arrays);
        for x in &scalars {
            same_tape("grad", self.tape(), x.tape());
        }
        for x in &arrays {
            same_tape("grad", self.tape(), x.tape());
        }
        let nodes = first_input(self.tape(), self.node() as usize, &scalars, &arrays)..self.node() as usize + 1;
        let mut sweep = RecordedSweep::new(self.tape(), nodes.clone(), &scalars, &arrays);
        sweep.scalars.set(self.node() as usize, Some(self.tape().scalar_constant(T::one())));
        run(&mut sweep, nodes);
        let scalar = |x: Scalar<'t, T>| (x, *sweep.scalars.get(x.node() as usize));
        let array = |x: Var<'t, T>| (x, sweep.gradient(x));
        (scalars.into_iter().map(scalar).collect(), arrays.into_iter().map(array).collect())
    }
}

/// The earliest of the nodes up to `root` that recorded an input; after `root` if there is none.
///
/// Nothing before it can depend on an input. The search goes back from `root`, so that a gradient takes time
/// proportional to what lies between the inputs and the result, wherever on the tape these are.
fn first_input<T: Float>(tape: &Tape<T>, root: usize, scalars: &[Scalar<'_, T>], arrays: &[Var<'_, T>]) -> usize {
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

/// Handles, each with its gradient if there is one.
type Found<H> = Vec<(H, Option<H>)>;

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
fn reads<T: Float>(kind: &ArrayOp<'_, T>) -> bool {
    match kind {
        ArrayOp::Op(op) => match &**op {
            Op::Binary(row) => !row.is_sum(),
            Op::Reduce(reduce) => reduce.divisor_of_sum().is_none(),
            // The other operations only move values, or add them up.
            Op::Reshape(_) | Op::Transpose(_) | Op::Expand(_) | Op::View(_) | Op::Spread(_) => false,
            Op::Gather(_) | Op::ScatterAdd(_) | Op::Concat(_) | Op::CumulativeSum(_) => false,
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
    /// Whether a node depends on the inputs of the gradient: only those nodes are swept.
    needed_scalars: Slots<bool>,
    needed_arrays: Slots<bool>,
    scalars: Slots<Option<Scalar<'t, T>>>,
    arrays: Slots<Option<Var<'t, T>>>,
    /// Views of an array and values read from it, each with its gradient, until the sweep passes the last user of the
    /// array.
    parts: BTreeMap<u32, Vec<(u32, Var<'t, T>)>>,
}

impl<'t, T: Float> RecordedSweep<'t, T> {
    /// A sweep of `range`: the whole tape up to a root, or a segment of it.
    #[track_caller]
    fn new(tape: &'t Tape<T>, range: Range<usize>, scalars: &[Scalar<'t, T>], arrays: &[Var<'t, T>]) -> Self {
        let arena = tape.arena.borrow();
        // Arrays are numbered as they are recorded.
        let index = |node: usize| arena.stream.operands(node)[0] as usize;
        let is_array = |&node: &usize| arena.stream.code(node) == Opcode::Array;
        let all = arena.arrays.len();
        let first = range.clone().find(is_array).map_or(all, index);
        let places = first..range.clone().rev().find(is_array).map_or(all, |last| index(last) + 1);
        let mut needed_scalars = Slots::new(false, range.clone());
        let mut needed_arrays = Slots::new(false, places.clone());
        for x in scalars.iter().filter(|x| (x.node() as usize) < range.end) {
            needed_scalars.set(x.node() as usize, true);
        }
        for x in arrays.iter().filter(|x| (x.index() as usize) < places.end) {
            needed_arrays.set(x.index() as usize, true);
        }
        let scalars = Slots::new(None, range.clone());
        for node in range {
            let [a, b] = arena.stream.operands(node).map(|operand| operand as usize);
            let scalar = |x: usize| *needed_scalars.get(x);
            let array = |x: usize| *needed_arrays.get(x);
            let needed = match arena.stream.code(node) {
                Opcode::Variable | Opcode::Constant => false,
                Opcode::Unary(_) => scalar(a),
                Opcode::Binary(_) => scalar(a) || scalar(b),
                Opcode::Item => array(a),
                Opcode::Array => {
                    let inputs = arena.arrays.inputs(a as u32);
                    let needed = match arena.kind(a as u32) {
                        ArrayOp::Lift(x) => scalar(x as usize),
                        ArrayOp::External(_) => inputs.iter().any(|&x| array(x as usize)),
                        ArrayOp::Op(op) => (0..inputs.len()).any(|k| op.differentiable(k) && array(inputs[k] as usize)),
                        ArrayOp::Variable | ArrayOp::Constant | ArrayOp::Param(_) => false,
                    };
                    if needed {
                        needed_arrays.set(a, true);
                    }
                    continue;
                }
            };
            if needed {
                needed_scalars.set(node, true);
            }
        }
        let (arrays, parts) = (Slots::new(None, places), BTreeMap::new());
        RecordedSweep { tape, needed_scalars, needed_arrays, scalars, arrays, parts }
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
            } else if *self.needed_scalars.get(node)
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

    fn gradient(&self, x: Var<'t, T>) -> Option<Var<'t, T>> {
        *self.arrays.get(x.index() as usize)
    }

    fn handle(&self, node: u32) -> Scalar<'t, T> {
        let value = self.tape.arena.borrow().stream.value(node as usize);
        Scalar::new(self.tape, node, value)
    }

    fn scalar(&mut self, node: u32, code: Opcode, [a, b]: [u32; 2], dy: Scalar<'t, T>) {
        let y = Recorded::Handle(self.handle(node));
        match code {
            Opcode::Unary(row) => {
                let (x, args) = (self.handle(a), self.tape.arena.borrow().stream.args(row, b as usize));
                let multiple = if row == Unary::Abs { scalar_multiple(dy, self.handle(node)) } else { None };
                let dx = match multiple {
                    Some(multiple) => multiple.chain(x),
                    None => row.pass(Recorded::Handle(x), y, args, Recorded::Handle(dy)).like(dy),
                };
                self.add_scalar(a, dx);
            }
            Opcode::Binary(row) => {
                let x = [a, b].map(|x| Recorded::Handle(self.handle(x)));
                for (k, operand) in [a, b].into_iter().enumerate() {
                    if *self.needed_scalars.get(operand as usize) && row.passes_to(k) {
                        let dx = row.pass(k == 1, [x[0], x[1], y], Recorded::Handle(dy));
                        self.add_scalar(operand, dx.like(dy));
                    }
                }
            }
            Opcode::Item => {
                let shape = self.tape.arena.borrow().arrays.shape(a).clone();
                self.add_array(a, dy.to_var().reshaped(&shape));
            }
            Opcode::Variable | Opcode::Constant | Opcode::Array => {}
        }
    }

    fn add_scalar(&mut self, node: u32, dx: Scalar<'t, T>) {
        let sum = self.scalars.get(node as usize).map_or(dx, |sum| sum + dx);
        self.scalars.set(node as usize, Some(sum));
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
            Op::View(view) => view.positions(),
            Op::Gather(gather) => gather.positions(),
            _ => unreachable!("only these are parts"),
        }
    }

    #[track_caller]
    fn array(&mut self, index: u32) {
        if !self.needed_arrays.get(index as usize) {
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
                    return self.add_scalar(scalar, dy.item());
                }
                ArrayOp::External(op) => {
                    let op = op.clone();
                    drop(arena);
                    let x: Vec<_> = inputs.iter().map(|&i| Var::new(self.tape, i)).collect();
                    let gradients = match external::gradients(&*op, &x, Var::new(self.tape, index), dy) {
                        Ok(gradients) => gradients,
                        Err(law) => panic!("{law}"),
                    };
                    for (&input, dx) in inputs.iter().zip(gradients) {
                        if *self.needed_arrays.get(input as usize) {
                            self.add_array(input, dx);
                        }
                    }
                    return;
                }
                ArrayOp::Variable | ArrayOp::Constant | ArrayOp::Param(_) => return,
            }
        };
        if matches!(op, Op::View(_) | Op::Gather(_)) {
            if *self.needed_arrays.get(inputs[0] as usize) {
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
            if *self.needed_arrays.get(inputs[k] as usize) && op.differentiable(k) {
                let dx = if nothing { x[k].zeros_like() } else { op.vjp(k, &x, &y, &dy) };
                self.add_array(inputs[k], dx);
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
