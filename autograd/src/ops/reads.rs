//! Which values of its inputs each value of an operation depends on: where its Jacobian is not 0.

use super::{Input, Operation, product::batch, view::Expand};
use crate::kernels::reduce::Loops;
use crate::shape::Shape;

/// A group without values.
const NOTHING: u32 = u32::MAX;

/// How the values of an operation depend on those of one input, whatever the numbers are.
#[derive(Debug)]
pub(crate) enum Reads {
    /// Each on the value at its own place.
    Same,
    /// Each on a group of values: the group of each value of the input, and the group that each result depends on.
    Groups { of: Vec<u32>, read: Vec<u32> },
    /// Each on those up to its own place along an axis; on those from there on, if reversed.
    Running { loops: Loops, reverse: bool },
}

impl Reads {
    /// Each on all values.
    pub(crate) fn all(x: &Shape, y: &Shape) -> Reads {
        Reads::lines(1, 1, x, y)
    }

    /// Each on the value that broadcasting brings to its place.
    pub(crate) fn stretched(x: &Shape, y: &Shape) -> Reads {
        if x == y { Reads::Same } else { Reads::copied(&Expand, 0, &[x], y) }
    }

    /// Each on the value of which it is a copy, if any: found by moving the positions themselves.
    pub(crate) fn copied(op: &impl Operation, k: usize, x: &[&Shape], y: &Shape) -> Reads {
        let count = |shape: &Shape| (0..shape.numel()).map(|i| i as f64 + 1.0).collect();
        let numbers = |(i, shape): (usize, &&Shape)| if i == k { count(shape) } else { vec![0.0; shape.numel()] };
        let positions: Vec<Vec<f64>> = x.iter().enumerate().map(numbers).collect();
        let inputs: Vec<_> = x.iter().zip(&positions).map(|(shape, values)| Input { shape, values }).collect();
        let mut moved = vec![0.0; y.numel()];
        if !moved.is_empty() {
            op.forward(&inputs, y, &mut moved);
        }
        let read = moved.iter().map(|&from| if from == 0.0 { NOTHING } else { from as u32 - 1 }).collect();
        Reads::Groups { of: (0..x[k].numel() as u32).collect(), read }
    }

    /// Each on the values that are brought to its place.
    pub(crate) fn brought(positions: impl IntoIterator<Item = usize>, y: &Shape) -> Reads {
        let of = positions.into_iter().map(|at| at as u32).collect();
        Reads::Groups { of, read: (0..y.numel() as u32).collect() }
    }

    /// Each on the values of its line: input and output are `outer` blocks of lines, `inner` beside each other.
    pub(crate) fn lines(outer: usize, inner: usize, x: &Shape, y: &Shape) -> Reads {
        let line = |shape: &Shape| {
            let (all, block) = (shape.numel(), shape.numel() / outer.max(1));
            (0..all).map(|i| (i / block * inner + i % inner) as u32).collect()
        };
        Reads::Groups { of: line(x), read: line(y) }
    }

    /// Each on the values of its line along some axes of `x`.
    pub(crate) fn along(axes: std::ops::Range<usize>, x: &Shape, y: &Shape) -> Reads {
        let (outer, _, inner) = x.around(axes);
        Reads::lines(outer, inner, x, y)
    }

    /// Each on the values of its matrix of a batch; on all of them where batches are broadcast.
    pub(crate) fn matrices(x: &Shape, y: &Shape) -> Reads {
        let batches = batch(x);
        if !y.starts_with(&batches) {
            return Reads::all(x, y);
        }
        Reads::lines(batches.numel(), 1, x, y)
    }
}
