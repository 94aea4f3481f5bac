//! Recorded gradients as multiples of a value.
//!
//! The slope of |x| is sign(x), and 0 at 0. For |x|² this gives the correct gradient, 2|x|·sign(x), but a wrong
//! curvature at 0: 0 times 0. The incoming gradient, 2|x|, was recorded as a multiple of |x|. The outgoing gradient
//! is then the same multiple of x, which is correct at 0 too, in every order. The same holds for a norm, whose slope
//! is x/‖x‖.

use crate::number::Float;
use crate::number::rows::{Args, Binary, Unary};
use crate::ops::{Array, Op};
use crate::tape::arena::{ArrayOp, Opcode};
use crate::tape::{Scalar, Tape, Var};
use crate::tensor::Tensor;

use super::formula::Handle;

/// The depth to which formulas are searched: a power, a logarithm or a mean is recorded as a handful of nodes.
const DEPTH: usize = 10;

/// A number or an array, as it was recorded before it was lifted, extracted, or reshaped.
#[derive(Clone, Copy, PartialEq)]
enum Source {
    Scalar(u32),
    Array(u32),
}

/// How a value was computed, as far as it matters here.
enum Made<H> {
    Unary(Unary, Args, H),
    /// Each operand comes with whether it has the result's shape: a broadcast operand is not divided by `y`.
    Binary(Binary, [(H, bool); 2]),
    Otherwise,
}

/// The handles in which a quotient is searched: scalars and arrays.
trait Recording: Handle {
    fn source(self) -> Source;
    /// Whether it is another recording of `y`, by the same operations on the same values.
    fn is(self, y: Source) -> bool;
    fn made(self) -> Made<Self>;
    /// The constant 1, in the same shape.
    fn one(self) -> Self;
    /// The quotient of the original value of a scalar extracted from an array, of a scalar as an array, or of a
    /// reshaped array.
    fn through(self, y: Source, depth: usize) -> Option<Self>;
}

/// `x/y`, if `x` was recorded as a product in which `y` is a factor, or as a sum of such products.
fn quotient<H: Recording>(x: H, y: Source, depth: usize) -> Option<H> {
    if x.is(y) {
        return Some(x.one());
    }
    let depth = depth.checked_sub(1)?;
    let of = |x: H| quotient(x, y, depth);
    match x.made() {
        // 0 is a multiple of every value.
        Made::Unary(Unary::MulNumber, [0.0, _], _) => Some(x),
        Made::Unary(row @ (Unary::Neg | Unary::MulNumber | Unary::DivNumber), args, a) => {
            Some(of(a)?.apply_unary(row, args))
        }
        Made::Unary(Unary::Square, _, a) => Some(of(a)?.apply_binary(Binary::Mul, a)),
        Made::Unary(Unary::Powi | Unary::Powf, [1.0, _], a) => of(a),
        Made::Unary(row @ (Unary::Powi | Unary::Powf), [p, _], a) if p > 1.0 => {
            Some(of(a)?.apply_binary(Binary::Mul, a.apply_unary(row, [p - 1.0, 0.0])))
        }
        Made::Binary(row @ (Binary::Mul | Binary::Chain | Binary::ChainFlat), [(a, whole_a), (b, whole_b)]) => {
            match of(a).filter(|_| whole_a) {
                Some(a) => Some(a.apply_binary(row, b)),
                None => Some(a.apply_binary(row, of(b).filter(|_| whole_b)?)),
            }
        }
        Made::Binary(row @ (Binary::Div | Binary::ChainOver | Binary::Masked), [(a, true), (b, _)]) => {
            Some(of(a)?.apply_binary(row, b))
        }
        Made::Binary(row @ (Binary::Add | Binary::Sub), [(a, true), (b, true)]) => {
            Some(of(a)?.apply_binary(row, of(b)?))
        }
        _ => x.through(y, depth),
    }
}

/// `x/y` of scalars, if `x` was recorded as a multiple of `y`.
pub(super) fn scalar_multiple<'t, T: Float>(x: Scalar<'t, T>, y: Scalar<'t, T>) -> Option<Scalar<'t, T>> {
    quotient(x, y.source(), DEPTH)
}

/// The same for arrays of one shape.
pub(crate) fn array_multiple<'t, T: Float>(x: Var<'t, T>, y: Var<'t, T>) -> Option<Var<'t, T>> {
    quotient(x, y.source(), DEPTH)
}

/// Follows a value to where it was computed.
fn source<T: Float>(tape: &Tape<T>, mut at: Source) -> Source {
    let arena = tape.arena.borrow();
    loop {
        at = match at {
            Source::Scalar(node) if arena.stream.code(node as usize) == Opcode::Item => {
                Source::Array(arena.stream.operands(node as usize)[0])
            }
            Source::Array(array) => match arena.kind(array) {
                ArrayOp::Lift(scalar) => Source::Scalar(scalar),
                ArrayOp::Op(op) if matches!(*op, Op::Reshape(_)) => Source::Array(arena.arrays.inputs(array)[0]),
                _ => return at,
            },
            Source::Scalar(_) => return at,
        }
    }
}

/// Whether two values were computed in the same way.
fn alike<T: Float>(tape: &Tape<T>, a: Source, b: Source, depth: usize) -> bool {
    let (a, b) = (source(tape, a), source(tape, b));
    let Some(depth) = depth.checked_sub(1).filter(|_| a != b) else { return a == b };
    let arena = tape.arena.borrow();
    match (a, b) {
        (Source::Scalar(a), Source::Scalar(b)) => {
            let [a, b] = [a, b].map(|node| node as usize);
            let ([a0, a1], [b0, b1]) = (arena.stream.operands(a), arena.stream.operands(b));
            let same = |a, b| alike(tape, Source::Scalar(a), Source::Scalar(b), depth);
            match arena.stream.code(a) {
                code if code != arena.stream.code(b) => false,
                Opcode::Unary(row) => {
                    let args = |at: u32| arena.stream.args(row, at as usize);
                    args(a1) == args(b1) && same(a0, b0)
                }
                Opcode::Binary(_) => same(a0, b0) && same(a1, b1),
                _ => false,
            }
        }
        (Source::Array(a), Source::Array(b)) => {
            let (ArrayOp::Op(op), ArrayOp::Op(other)) = (arena.kind(a), arena.kind(b)) else { return false };
            let inputs = arena.arrays.inputs(a).iter().zip(arena.arrays.inputs(b));
            op == other && inputs.into_iter().all(|(&a, &b)| alike(tape, Source::Array(a), Source::Array(b), depth))
        }
        _ => false,
    }
}

impl<'t, T: Float> Recording for Scalar<'t, T> {
    fn source(self) -> Source {
        source(self.tape(), Source::Scalar(self.node()))
    }

    fn is(self, y: Source) -> bool {
        alike(self.tape(), Source::Scalar(self.node()), y, DEPTH)
    }

    fn made(self) -> Made<Self> {
        let (tape, node) = (self.tape(), self.node() as usize);
        let arena = tape.arena.borrow();
        let [a, b] = arena.stream.operands(node);
        let handle = |node: u32| Scalar::new(tape, node, arena.stream.value(node as usize));
        match arena.stream.code(node) {
            Opcode::Unary(row) => Made::Unary(row, arena.stream.args(row, b as usize), handle(a)),
            Opcode::Binary(row) => Made::Binary(row, [(handle(a), true), (handle(b), true)]),
            _ => Made::Otherwise,
        }
    }

    fn one(self) -> Self {
        self.lift(1.0)
    }

    fn through(self, y: Source, depth: usize) -> Option<Self> {
        let tape = self.tape();
        let array = {
            let arena = tape.arena.borrow();
            let node = self.node() as usize;
            (arena.stream.code(node) == Opcode::Item).then(|| arena.stream.operands(node)[0])?
        };
        Some(quotient(Var::new(tape, array), y, depth)?.item())
    }
}

impl<'t, T: Float> Recording for Var<'t, T> {
    fn source(self) -> Source {
        source(self.tape(), Source::Array(self.index()))
    }

    fn is(self, y: Source) -> bool {
        alike(self.tape(), Source::Array(self.index()), y, DEPTH)
    }

    fn made(self) -> Made<Self> {
        let tape = self.tape();
        let arena = tape.arena.borrow();
        let inputs = arena.arrays.inputs(self.index());
        let numel = |array: u32| arena.arrays[array].numel;
        let operand = |k: usize| (Var::new(tape, inputs[k]), numel(inputs[k]) == numel(self.index()));
        match arena.kind(self.index()) {
            ArrayOp::Op(op) => match *op {
                Op::Unary(row, args) => Made::Unary(row, args, operand(0).0),
                Op::Binary(row) => Made::Binary(row, [operand(0), operand(1)]),
                _ => Made::Otherwise,
            },
            _ => Made::Otherwise,
        }
    }

    fn one(self) -> Self {
        self.tape().constant(Tensor::ones(self.shape()))
    }

    fn through(self, y: Source, depth: usize) -> Option<Self> {
        let tape = self.tape();
        let of = {
            let arena = tape.arena.borrow();
            match arena.kind(self.index()) {
                ArrayOp::Lift(scalar) => Err(Scalar::new(tape, scalar, arena.stream.value(scalar as usize))),
                ArrayOp::Op(op) if matches!(*op, Op::Reshape(_)) => Ok(arena.arrays.inputs(self.index())[0]),
                _ => return None,
            }
        };
        let found = match of {
            Ok(array) => quotient(Var::new(tape, array), y, depth)?,
            Err(scalar) => quotient(scalar, y, depth)?.to_var(),
        };
        Some(found.reshaped(&self.shape()))
    }
}
