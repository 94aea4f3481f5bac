//! Shifts along an axis.

use super::reads::Reads;
use super::{Array, Input, Operation, linear};
use crate::error::Error;
use crate::number::Float;
use crate::shape::Shape;

/// `y[j] = x[j − by]` along `axis`: around the end if `wrap`, else with 0 where nothing arrives. `dx` is `dy` shifted
/// back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Roll {
    axis: usize,
    by: isize,
    wrap: bool,
}

impl Operation for Roll {
    const NAMES: &'static [&'static str] = &["shift", "roll"];

    fn name(&self) -> &'static str {
        Self::NAMES[usize::from(self.wrap)]
    }

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        let (_, n, inner) = shape.around(self.axis..self.axis + 1);
        let row = n * inner;
        // The number of values that leave at one end, and those that stay.
        let moved = self.by.unsigned_abs().min(n) * inner;
        let rest = row - moved;
        for (x, out) in x[0].values.chunks_exact(row).zip(out.chunks_exact_mut(row)) {
            let (stay, gap) = match self.by < 0 {
                true => ((moved..row, 0..rest), (0..moved, rest..row)),
                false => ((0..rest, moved..row), (rest..row, 0..moved)),
            };
            out[stay.1].copy_from_slice(&x[stay.0]);
            match self.wrap {
                true => out[gap.1].copy_from_slice(&x[gap.0]),
                false => out[gap.1].fill(T::zero()),
            }
        }
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::copied(self, k, x, shape)
    }

    fn vjp<A: Array>(&self, _k: usize, _x: &[&A], _y: &A, dy: &A) -> A {
        A::apply(Roll { by: -self.by, ..*self }, dy.shape(), &[dy])
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        linear(self, x, y, dx)
    }
}

#[track_caller]
pub(crate) fn roll<A: Array>(x: &A, by: isize, axis: usize) -> Result<A, Error> {
    let shape = x.shape();
    let n = shape.axis("roll", axis)?;
    let by = if n == 0 { 0 } else { by.rem_euclid(isize::try_from(n).unwrap_or(isize::MAX)) };
    Ok(A::apply(Roll { axis, by, wrap: true }, shape, &[x]))
}

#[track_caller]
pub(crate) fn shift<A: Array>(x: &A, by: isize, axis: usize) -> Result<A, Error> {
    let shape = x.shape();
    shape.axis("shift", axis)?;
    // The opposite of the least number does not exist.
    let by = by.max(-isize::MAX);
    Ok(A::apply(Roll { axis, by, wrap: false }, shape, &[x]))
}
