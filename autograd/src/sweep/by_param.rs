//! The sweep that passes on each parameter's gradient as soon as it is complete.

use super::{Gradients, Sweep, start};
use crate::number::Float;
use crate::param::Param;
use crate::tape::Scalar;
use crate::tape::arena::ArrayOp;
use crate::tape::by_rows::Found;
use crate::tape::scratch::{Kept, Scratch};
use crate::tensor::Tensor;

/// Sweeps from `root`, and calls `f` with each parameter's gradient as soon as it is complete; no other gradient is
/// kept.
#[track_caller]
pub(crate) fn backward_each<'t, T: Float>(root: Scalar<'t, T>, mut f: impl FnMut(&Param<T>, &Gradients<'t, T>)) {
    let (tape, mut end) = (root.tape(), root.node() as usize + 1);
    tape.must_record("backward_each");
    let mut scratch = start(tape, end);
    scratch.scalars[root.node() as usize] = T::one();
    loop {
        // A parameter's node precedes all its readers, so the rest of the sweep does not need its value.
        let (param, kept) = {
            let arena = tape.arena.borrow();
            let places = tape.places.borrow();
            let (places, names) = (places.as_deref(), &tape.names.borrow());
            let observer = None;
            let mut sweep = Sweep {
                arena: &arena,
                pool: &tape.pool,
                scratch: &mut scratch,
                places,
                names,
                observer,
                by_param: true,
            };
            let Some(stopped) = super::run(&mut sweep, end) else { break };
            end = stopped;
            let array = arena.stream.operands(stopped)[0];
            let (ArrayOp::Param(param), Some(dw)) = (arena.kind(array), scratch.arrays[array as usize].take()) else {
                unreachable!("the sweep stops at a parameter with a gradient")
            };
            let gradient = Found::Whole(Tensor::from_parts(arena.arrays.shape(array).clone(), dw.shareable()));
            (param.clone(), Kept { array, reached: true, gradient })
        };
        let mut found = Scratch { kept: std::mem::take(&mut scratch.kept), ..Scratch::default() };
        found.kept.push(kept);
        let gradients = Gradients::new(tape, found);
        f(&param, &gradients);
        drop(gradients);
        scratch.kept = tape.scratch.take().kept;
    }
    scratch.arrays.drain(..).flatten().for_each(|left| tape.pool.give(left));
    tape.scratch.set(scratch);
}
