//! The walks over a tape, compiled in this crate once for each type of number, as the [kernels](crate::kernels::compiled) are.
//!
//! They reach every rule of every operation: compiled again in each crate that records a formula, they took most of its time.

use std::ops::Range;

use crate::check::Checker;
use crate::check::compare;
use crate::check::outcome::Outcome;
use crate::check::subject::Subject;
use crate::error::Error;
use crate::kernels::compiled::compiled;
use crate::number::Float;
use crate::ops::{Input, Op};
use crate::shape::Shape;
use crate::sweep::{Sweep, forward, recorded};
use crate::tape::Tape;
use crate::tensor::Tensor;

compiled! {
    /// Types whose tapes can be walked. Sealed: `f32` and `f64`.
    trait Walked;
    Op::forward as compute(op: &Op, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]);
    Sweep::run as sweep(sweep: &mut Sweep<'_, '_, T>, nodes: usize) -> Option<usize>;
    recorded::Sweep::run as sweep_recorded(sweep: &mut recorded::Sweep<'_, T>, nodes: Range<usize>);
    forward::tangents as tangents(tape: &Tape<T>, seeds: &[(u32, &Tensor<T>)], outputs: &[u32]) -> Result<Vec<Tensor<T>>, Error>;
    compare::examine as examine(checker: &Checker, subject: &mut Subject<'_, T>, order: usize, below: f64) -> Result<Outcome, Error>;
}
