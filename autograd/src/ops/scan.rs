//! Cumulative sums, of values and of exponentials.

use super::reads::Reads;
use super::reduce::loops;
use super::roll::shift;
use super::{Array, Input, Operation, linear, sum};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::kernels::scan::Part;
use crate::number::Float;
use crate::number::rows::Unary;
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
        kernels::cumulative_sum(x[0].values, loops(shape, self.axis..self.axis + 1), self.reverse, out);
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

/// `y_j = a_j·y_{j−1} + b_j` along `axis`, with `y_{−1} = 0`; if `reverse`, its transpose in `b`, `y_j = a_{j+1}·y_{j+1} + b_j`.
///
/// `db` is the transpose of `dy`, and `da_j = db_j·y_{j−1}`, or `db_{j−1}·y_j` if `reverse`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Recurrence {
    axis: usize,
    reverse: bool,
}

impl Operation for Recurrence {
    const NAMES: &'static [&'static str] = &["recurrence"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        kernels::recurrence(x[0].values, x[1].values, loops(shape, self.axis..self.axis + 1), self.reverse, out);
    }

    fn reads(&self, _k: usize, _x: &[&Shape], shape: &Shape) -> Reads {
        Reads::Running { loops: loops(shape, self.axis..self.axis + 1), reverse: self.reverse }
    }

    fn vjp<A: Array>(&self, k: usize, x: &[&A], y: &A, dy: &A) -> A {
        let db = Recurrence { reverse: !self.reverse, ..*self }.of(x[0], dy);
        match (k, self.reverse) {
            (1, _) => db,
            (_, false) => db.chain(&self.moved(y, 1)),
            (_, true) => self.moved(&db, 1).chain(y),
        }
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        let by_a = dx[0].map(|da| match self.reverse {
            false => da.chain(&self.moved(y, 1)),
            true => self.moved(&da.chain(y), -1),
        });
        self.of(x[0], &sum([by_a, dx[1].cloned()]))
    }
}

impl Recurrence {
    #[track_caller]
    fn of<A: Array>(self, a: &A, b: &A) -> A {
        A::apply(self, b.shape(), &[a, b])
    }

    #[track_caller]
    fn moved<A: Array>(self, x: &A, by: isize) -> A {
        shift(x, by, self.axis).expect("an axis that exists")
    }
}

/// `y_j = ln(exp(x_0) + … + exp(x_j))` along `axis`; or the share of the last term in the sum, or of the others.
///
/// With the shares `p` and `q` of both, `dy_j = p_j·dx_j + q_j·dy_{j−1}`, and `dp_j = −dq_j = p_j·q_j·(dx_j − dy_{j−1})`: sums of
/// tangents that are weighted by at most 1, so that none overflows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CumulativeLogSumExp {
    axis: usize,
    part: Part,
}

impl Operation for CumulativeLogSumExp {
    const NAMES: &'static [&'static str] = &["logcumsumexp", "share_of_last", "share_of_others"];

    fn name(&self) -> &'static str {
        Self::NAMES[self.part as usize]
    }

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        kernels::log_sums(x[0].values, loops(shape, self.axis..self.axis + 1), self.part, out);
    }

    fn reads(&self, _k: usize, _x: &[&Shape], shape: &Shape) -> Reads {
        Reads::Running { loops: loops(shape, self.axis..self.axis + 1), reverse: false }
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        let [p, q] = self.shares(x[0]);
        let back = |dy: &A| self.running(true).of(&q, dy).chain(&p);
        if self.part == Part::Log {
            return back(dy);
        }
        let turned = self.signed(&dy.chain(&p.mul(&q)));
        turned.sub(&back(&self.running(true).moved(&turned, -1)))
    }

    fn jvp<A: Array>(&self, x: &[&A], _y: &A, dx: &[Option<&A>]) -> A {
        let (dx, [p, q]) = (dx[0].expect("the only input has a tangent"), self.shares(x[0]));
        let dy = self.running(false).of(&q, &dx.chain(&p));
        if self.part == Part::Log {
            return dy;
        }
        self.signed(&dx.sub(&self.running(false).moved(&dy, 1)).chain(&p.mul(&q)))
    }
}

impl CumulativeLogSumExp {
    #[track_caller]
    fn shares<A: Array>(self, x: &A) -> [A; 2] {
        [Part::Last, Part::Before].map(|part| A::apply(CumulativeLogSumExp { part, ..self }, x.shape(), &[x]))
    }

    fn running(self, reverse: bool) -> Recurrence {
        Recurrence { axis: self.axis, reverse }
    }

    /// A slope of the share of the last, as one of this share.
    #[track_caller]
    fn signed<A: Array>(self, x: &A) -> A {
        if self.part == Part::Before { x.unary(Unary::Neg, [0.0; 2]) } else { x.clone() }
    }
}

#[track_caller]
pub(crate) fn logcumsumexp<A: Array>(x: &A, axis: usize) -> Result<A, Error> {
    x.shape().axis("logcumsumexp", axis)?;
    Ok(A::apply(CumulativeLogSumExp { axis, part: Part::Log }, x.shape(), &[x]))
}
