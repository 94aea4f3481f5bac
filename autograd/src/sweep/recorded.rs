//! The sweep in its recorded reading: gradients that are themselves on the tape, to be differentiated again.

use std::ops::Range;

use smallvec::SmallVec;

use super::formula::Recorded;
use super::multiple::scalar_multiple;
use super::wrt::Wrt;
use crate::compiled;
use crate::error::Error;
use crate::number::Float;
use crate::ops::Array;
use crate::ops::rows::Unary;
use crate::tape::arena::{Code, Kind};
use crate::tape::{Scalar, Tape, Var, same_tape};
use crate::tensor::Tensor;

impl<'t, T: Float> Scalar<'t, T> {
    /// The gradient of this number as recorded values, which can be used in formulas and differentiated again.
    ///
    /// `x` is a [`Var`], a [`Scalar`], a `&Param`, or an array, slice or tuple of these; the result has the same form.
    /// What this number does not depend on has gradient 0.
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

    /// [`grad`](Scalar::grad) that refuses to answer 0 for what this number does not depend on.
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
    /// [`Error::Independent`] for the first input that this number does not depend on; scalars are counted before arrays.
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

    /// What is listed in `x`, each with its recorded gradient if this number depends on it.
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
        let nodes = 0..self.node() as usize + 1;
        let mut sweep = Sweep::new(self.tape(), nodes.clone(), &scalars, &arrays);
        sweep.scalars[self.node() as usize] = Some(self.tape().scalar_constant(T::one()));
        compiled::sweep_recorded(&mut sweep, nodes);
        let scalar = |x: Scalar<'t, T>| (x, sweep.scalars.get(x.node() as usize).copied().flatten());
        let array = |x: Var<'t, T>| (x, sweep.gradient(x));
        (scalars.into_iter().map(scalar).collect(), arrays.into_iter().map(array).collect())
    }
}

/// Handles, each with its gradient if there is one.
type Found<H> = Vec<(H, Option<H>)>;

/// Recorded gradients of `⟨y, dy⟩` with respect to `x`, through the nodes recorded from `start` on only: what lies before
/// them is where a segment ends, whatever `x` and `dy` are made of.
#[track_caller]
pub(crate) fn segment_vjp<'t, T: Float>(
    start: usize,
    y: Var<'t, T>,
    dy: Var<'t, T>,
    x: &[Var<'t, T>],
) -> Vec<Var<'t, T>> {
    y.tape().must_record("vjp");
    let nodes = start..y.tape().len();
    let mut sweep = Sweep::new(y.tape(), nodes.clone(), &[], x);
    sweep.arrays[y.index() as usize] = Some(dy);
    compiled::sweep_recorded(&mut sweep, nodes);
    x.iter().map(|&x| sweep.gradient(x).unwrap_or_else(|| Array::zeros_like(&x))).collect()
}

pub(crate) struct Sweep<'t, T: Float> {
    tape: &'t Tape<T>,
    /// Whether a node depends on what the gradient is asked for: only those are swept.
    needed_scalars: Vec<bool>,
    needed_arrays: Vec<bool>,
    scalars: Vec<Option<Scalar<'t, T>>>,
    arrays: Vec<Option<Var<'t, T>>>,
}

impl<'t, T: Float> Sweep<'t, T> {
    /// A sweep of `range`, the whole tape up to a root or a segment of it.
    fn new(tape: &'t Tape<T>, range: Range<usize>, scalars: &[Scalar<'t, T>], arrays: &[Var<'t, T>]) -> Self {
        let arena = tape.arena.borrow();
        let nodes = range.end;
        let (mut needed_scalars, mut needed_arrays) = (vec![false; nodes], vec![false; arena.arrays.len()]);
        for x in scalars.iter().filter(|x| (x.node() as usize) < nodes) {
            needed_scalars[x.node() as usize] = true;
        }
        for x in arrays {
            needed_arrays[x.index() as usize] = true;
        }
        for node in range {
            let [a, b] = arena.stream.operands(node).map(|operand| operand as usize);
            match arena.stream.code(node) {
                Code::Variable | Code::Constant => {}
                Code::Unary(_) => needed_scalars[node] |= needed_scalars[a],
                Code::Binary(_) => needed_scalars[node] |= needed_scalars[a] || needed_scalars[b],
                Code::Item => needed_scalars[node] |= needed_arrays[a],
                Code::Array => {
                    let inputs = arena.arrays.inputs(a as u32);
                    needed_arrays[a] |= match arena.kind(a as u32) {
                        Kind::Lift(scalar) => needed_scalars[scalar as usize],
                        Kind::External(_) => inputs.iter().any(|&i| needed_arrays[i as usize]),
                        Kind::Op(op) => {
                            (0..inputs.len()).any(|k| op.differentiable(k) && needed_arrays[inputs[k] as usize])
                        }
                        Kind::Variable | Kind::Constant | Kind::Param(_) => false,
                    };
                }
            }
        }
        let arrays = vec![None; arena.arrays.len()];
        Sweep { tape, needed_scalars, needed_arrays, scalars: vec![None; nodes], arrays }
    }

    #[track_caller]
    pub(crate) fn run(&mut self, range: Range<usize>) {
        for node in range.rev() {
            let (code, operands) = {
                let arena = self.tape.arena.borrow();
                (arena.stream.code(node), arena.stream.operands(node))
            };
            if code == Code::Array {
                self.array(operands[0]);
            } else if self.needed_scalars[node]
                && let Some(dy) = self.scalars[node]
            {
                self.scalar(node as u32, code, operands, dy);
            }
        }
    }

    fn gradient(&self, x: Var<'t, T>) -> Option<Var<'t, T>> {
        self.arrays.get(x.index() as usize).copied().flatten()
    }

    fn handle(&self, node: u32) -> Scalar<'t, T> {
        let value = self.tape.arena.borrow().stream.value(node as usize);
        Scalar::new(self.tape, node, value)
    }

    fn scalar(&mut self, node: u32, code: Code, [a, b]: [u32; 2], dy: Scalar<'t, T>) {
        let y = Recorded::Handle(self.handle(node));
        match code {
            Code::Unary(row) => {
                let (x, args) = (self.handle(a), self.tape.arena.borrow().stream.args(row, b as usize));
                let multiple = if row == Unary::Abs { scalar_multiple(dy, self.handle(node)) } else { None };
                let dx = match multiple {
                    Some(multiple) => multiple.chain(x),
                    None => row.derivative(Recorded::Handle(x), y, args).scale(dy),
                };
                self.add_scalar(a, dx);
            }
            Code::Binary(row) => {
                let x = [a, b].map(|x| Recorded::Handle(self.handle(x)));
                let (da, db) = row.partials(x[0], x[1], y);
                for (x, partial) in [(a, da), (b, db)] {
                    if self.needed_scalars[x as usize] {
                        self.add_scalar(x, partial.scale(dy));
                    }
                }
            }
            Code::Item => {
                let shape = self.tape.arena.borrow().arrays.shape(a).clone();
                self.add_array(a, dy.to_var().reshaped(&shape));
            }
            Code::Variable | Code::Constant | Code::Array => {}
        }
    }

    fn add_scalar(&mut self, node: u32, dx: Scalar<'t, T>) {
        let slot = &mut self.scalars[node as usize];
        *slot = Some(slot.map_or(dx, |sum| sum + dx));
    }

    fn add_array(&mut self, array: u32, dx: Var<'t, T>) {
        let slot = &mut self.arrays[array as usize];
        *slot = Some(slot.map_or(dx, |sum| sum + dx));
    }

    #[track_caller]
    fn array(&mut self, index: u32) {
        let Some(dy) = self.arrays[index as usize].filter(|_| self.needed_arrays[index as usize]) else { return };
        let (op, inputs) = {
            let arena = self.tape.arena.borrow();
            let inputs: SmallVec<[u32; 4]> = SmallVec::from_slice(arena.arrays.inputs(index));
            match arena.kind(index) {
                Kind::Op(op) => (op.into_owned(), inputs),
                Kind::Lift(scalar) => {
                    drop(arena);
                    return self.add_scalar(scalar, dy.item());
                }
                Kind::External(op) => {
                    let op = op.clone();
                    drop(arena);
                    let x: Vec<_> = inputs.iter().map(|&i| Var::new(self.tape, i)).collect();
                    let gradients = op.vjp(&x, Var::new(self.tape, index), dy);
                    for (&input, dx) in inputs.iter().zip(gradients) {
                        if self.needed_arrays[input as usize] {
                            self.add_array(input, dx);
                        }
                    }
                    return;
                }
                Kind::Variable | Kind::Constant | Kind::Param(_) => return,
            }
        };
        let x: SmallVec<[Var<'t, T>; 4]> = inputs.iter().map(|&i| Var::new(self.tape, i)).collect();
        let x: SmallVec<[&Var<'t, T>; 4]> = x.iter().collect();
        let y = Var::new(self.tape, index);
        let dy = op.before_row(&y, dy);
        for k in 0..x.len() {
            if self.needed_arrays[inputs[k] as usize] && op.differentiable(k) {
                self.add_array(inputs[k], op.vjp(k, &x, &y, &dy));
            }
        }
    }
}
