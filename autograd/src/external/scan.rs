//! Loops over time, with as much of them on the tape as memory allows.

use std::sync::Arc;

use super::checkpoint::checkpoint;
use crate::number::Float;
use crate::tape::{Var, same_tape};

/// Runs a body over time: `(yₜ, hₜ) = f(xₜ, hₜ₋₁)`, from the state `h₀`; returns all outputs and the last state.
///
/// `x` is (time, …), and `f` is given its slices `(…)` in order, beside the state: any number of arrays, which `f`
/// returns in the same order. The outputs are (time, …).
///
/// Every `segment` steps are one [`checkpoint`]: the tape keeps `x`, the outputs and the states between segments, and a
/// sweep records one segment at a time again. Each step then runs twice. Of n steps, segments of 1 keep the n states and
/// record one step; segments of √n keep √n states and record √n steps, which is the least (Chen et al. 2016); with n or
/// more everything is recorded once, without checkpoints. Values and gradients are the same.
///
/// ```
/// use autograd::{scan, Param, Tape, Tensor};
/// let w = Param::new([[0.5, -0.3], [0.2, 0.4]]);
/// let run = |segment| {
///     let tape = Tape::new();
///     let x = tape.constant(Tensor::linspace(-1.0, 1.0, 200).reshape([100, 1, 2]));
///     let h = tape.constant(Tensor::zeros([1, 2]));
///     let recurrent = w.clone();
///     let (y, last) = scan(x, &[h], segment, move |x, state| {
///         let h = (x + state[0].matmul(&recurrent)).tanh();
///         (h, vec![h])
///     });
///     assert_eq!((y.shape(), last[0].shape()), ([100, 1, 2].into(), [1, 2].into()));
///     (y.square().sum().backward()[&w].clone(), tape.bytes())
/// };
/// let [(recorded, all), (same, fewer)] = [run(100), run(10)];
/// assert!(same.is_close(&recorded, 1e-14));
/// assert!(fewer < all / 2, "{fewer} bytes of {all}");
/// ```
///
/// # Panics
/// If `x` has no time axis or no step, `segment` is 0, arrays are on different tapes, or `f` returns another number of
/// states than it is given.
#[must_use]
#[track_caller]
pub fn scan<'t, T: Float>(
    x: Var<'t, T>,
    state: &[Var<'t, T>],
    segment: usize,
    f: impl for<'s> Fn(Var<'s, T>, &[Var<'s, T>]) -> (Var<'s, T>, Vec<Var<'s, T>>) + Send + Sync + 'static,
) -> (Var<'t, T>, Vec<Var<'t, T>>) {
    let shape = x.shape();
    let time = shape.first().copied().unwrap_or(0);
    assert!(time > 0, "scan: an array of shape {shape} has no step; its first axis is time");
    assert!(segment > 0, "scan: segments of 0 steps; 1 keeps every state, {time} records every step");
    for h in state {
        same_tape("scan", x.tape(), h.tape());
    }
    if segment >= time {
        let mut found = steps(&f, x, state);
        return (found.remove(0), found);
    }
    let (f, mut state, mut outputs) = (Arc::new(f), state.to_vec(), vec![]);
    for first in (0..time).step_by(segment) {
        let inputs: Vec<_> =
            std::iter::once(x.slice(0, first..time.min(first.saturating_add(segment)))).chain(state).collect();
        let f = f.clone();
        state = checkpoint(&inputs, move |x| steps(&*f, x[0], &x[1..]));
        outputs.push(state.remove(0));
    }
    (Var::concat(&outputs, 0), state)
}

/// The outputs of a run of steps, and then the last state.
fn steps<'t, T: Float>(
    f: &impl for<'s> Fn(Var<'s, T>, &[Var<'s, T>]) -> (Var<'s, T>, Vec<Var<'s, T>>),
    x: Var<'t, T>,
    state: &[Var<'t, T>],
) -> Vec<Var<'t, T>> {
    let (mut state, mut outputs) = (state.to_vec(), vec![]);
    for t in 0..x.shape()[0] {
        let (y, after) = f(x.at(0, t), &state);
        let (given, needed) = (after.len(), state.len());
        assert!(
            given == needed,
            "scan: the body returned {given} states where it is given {needed}; return each, in order"
        );
        outputs.push(y);
        state = after;
    }
    std::iter::once(Var::stack(&outputs, 0)).chain(state).collect()
}
