//! Cumulative sums.

use super::reads::Reads;
use super::reduce::loops;
use super::{Array, Input, Operation, linear};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::kernels::reduce::Loops;
use crate::number::Float;
use crate::shape::Shape;

/// `y_j = x_0 + … + x_j` along `axis`; `dx_j = dy_j + … + dy_{n−1}`, the same from the other end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CumulativeSum {
    axis: usize,
    reverse: bool,
}

impl Operation for CumulativeSum {
    const NAMES: &'static [&'static str] = &["cumsum"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        let (outer, n, inner) = shape.around(self.axis..self.axis + 1);
        kernels::cumulative_sum(x[0].values, Loops { outer, n, inner }, self.reverse, out);
    }

    fn reads(&self, _k: usize, _x: &[&Shape], shape: &Shape) -> Reads {
        Reads::Running { loops: loops(shape, self.axis..self.axis + 1), reverse: self.reverse }
    }

    fn vjp<A: Array>(&self, _k: usize, _x: &[&A], _y: &A, dy: &A) -> A {
        A::apply(CumulativeSum { reverse: !self.reverse, ..*self }, dy.shape(), &[dy])
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        linear(self, x, y, dx)
    }
}

#[track_caller]
pub(crate) fn cumsum<A: Array>(x: &A, axis: usize) -> Result<A, Error> {
    x.shape().axis("cumsum", axis)?;
    Ok(A::apply(CumulativeSum { axis, reverse: false }, x.shape(), &[x]))
}
