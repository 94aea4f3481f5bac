//! Reductions over one axis, several, or all.
//!
//! The kernels reduce a block of neighbouring axes; other choices of axes are first brought together by a permutation.
//! Variance, standard deviation, mean and product are formulas of the rows below, so their gradients need no rule.

use std::ops::Range;

use smallvec::SmallVec;

use super::rows::{Binary, Unary};
use super::{Array, Input, Operation, elementwise, view};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::kernels::reduce::Loops;
use crate::number::{Float, Number};
use crate::shape::{Axes, Shape, checked_axes, count};

/// The reductions with a rule of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reduction {
    /// `y = Σ x`, `dx = dy`
    Sum,
    /// `y = max x`, `dx = dy / ties` at each largest value
    Max,
    /// `y = min x`, likewise
    Min,
    /// `y = ln Σ exp x`, `dx = dy · exp(x − y)`
    LogSumExp,
    /// `y = √Σ x²`, `dx = dy · x/y`, and 0 where `y = 0`
    Norm,
}

/// A reduction of the axes `start..end`; the result has them as length 1 if `keep`, else not at all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reduce {
    reduction: Reduction,
    start: usize,
    end: usize,
}

fn loops(shape: &Shape, axes: Range<usize>) -> Loops {
    let (outer, n, inner) = shape.around(axes);
    Loops { outer, n, inner }
}

/// The shape with the axes `start..end` as length 1.
fn kept(shape: &Shape, axes: Range<usize>) -> Shape {
    shape.iter().enumerate().map(|(i, &n)| if axes.contains(&i) { 1 } else { n }).collect()
}

impl Reduce {
    /// Whether each value weighs the same in the result, so that an incoming gradient passes without arithmetic.
    pub(crate) fn is_sum(&self) -> bool {
        self.reduction == Reduction::Sum
    }

    /// `∂y/∂x` of each value, or `None` if it is 1; `kept` is the shape of `y` with the reduced axes as length 1.
    #[track_caller]
    fn slopes<A: Array>(&self, x: &A, y: &A, kept: &Shape) -> Option<A> {
        if self.reduction == Reduction::Sum {
            return None;
        }
        let y = &y.reshaped(kept);
        match self.reduction {
            Reduction::Sum => None,
            Reduction::Max | Reduction::Min => {
                Some(A::apply(TieShare { start: self.start, end: self.end }, x.shape(), &[x, y]))
            }
            Reduction::LogSumExp => Some(x.sub(y).unary(Unary::Exp, [0.0; 2])),
            Reduction::Norm => {
                // Where the norm is 0 so is x: dividing by 1 there gives the policy's 0 and keeps NaN out.
                let one = y.binary(Binary::Equal, y);
                let safe = elementwise::select(&y.unary(Unary::Sign, [0.0; 2]), y, &one);
                Some(x.binary(Binary::Div, &safe))
            }
        }
    }
}

impl Reduce {
    /// A gradient or tangent `d` times the slopes; what an extreme did not choose gets exactly 0.
    fn along<A: Array>(&self, d: &A, slopes: &A) -> A {
        match self.reduction {
            Reduction::Max | Reduction::Min => d.shared(slopes),
            _ => d.chain(slopes),
        }
    }
}

impl Operation for Reduce {
    /// In the order of [`Reduction`].
    const NAMES: &'static [&'static str] = &["sum", "max", "min", "logsumexp", "norm"];

    fn name(&self) -> &'static str {
        Self::NAMES[self.reduction as usize]
    }

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        let loops = loops(x[0].shape, self.start..self.end);
        match self.reduction {
            Reduction::Sum => kernels::sum(x[0].values, loops, out),
            Reduction::Max => kernels::extreme(x[0].values, loops, true, out),
            Reduction::Min => kernels::extreme(x[0].values, loops, false, out),
            Reduction::LogSumExp => kernels::log_sum_exp(x[0].values, loops, out),
            Reduction::Norm => kernels::norm(x[0].values, loops, out),
        }
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], y: &A, dy: &A) -> A {
        let shape = x[0].shape();
        let kept = kept(&shape, self.start..self.end);
        let dy = dy.reshaped(&kept);
        match self.slopes(x[0], y, &kept) {
            None => dy.expanded(&shape),
            Some(slopes) => self.along(&dy, &slopes),
        }
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<A>]) -> A {
        let dx = dx[0].clone().expect("the only input has a tangent");
        let kept = kept(&x[0].shape(), self.start..self.end);
        let parts = match self.slopes(x[0], y, &kept) {
            None => dx,
            Some(slopes) => self.along(&dx, &slopes),
        };
        A::apply(Reduce { reduction: Reduction::Sum, ..*self }, y.shape(), &[&parts])
    }
}

/// `[x = y]` divided by the number of ties along the reduced axes; flat, so its derivative is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TieShare {
    start: usize,
    end: usize,
}

impl Operation for TieShare {
    const NAMES: &'static [&'static str] = &["tie_share"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        kernels::tie_share(x[0].values, x[1].values, loops(shape, self.start..self.end), out);
    }

    fn differentiable(&self, _k: usize) -> bool {
        false
    }

    fn vjp<A: Array>(&self, k: usize, x: &[&A], _y: &A, _dy: &A) -> A {
        x[k].zeros_like()
    }

    fn jvp<A: Array>(&self, _x: &[&A], y: &A, _dx: &[Option<A>]) -> A {
        y.zeros_like()
    }
}

/// `x` with the axes to reduce brought together at the end if they are not neighbours, where they lie, and the shape of the
/// result: with these axes as length 1 if `keep`, else without them.
#[track_caller]
fn gathered<A: Array>(op: &'static str, x: &A, axes: impl Axes, keep: bool) -> Result<(A, Range<usize>, Shape), Error> {
    let shape = x.shape();
    let axes = checked_axes(op, &shape, axes)?;
    let rest = (0..shape.len()).filter(|i| !axes.contains(i));
    let result: Shape = if keep {
        (0..shape.len()).map(|i| if axes.contains(&i) { 1 } else { shape[i] }).collect()
    } else {
        rest.clone().map(|i| shape[i]).collect()
    };
    result.checked_numel(op)?;
    let (Some(&first), Some(&last)) = (axes.first(), axes.last()) else {
        return Ok((x.clone(), 0..0, result));
    };
    if last - first + 1 == axes.len() {
        return Ok((x.clone(), first..last + 1, result));
    }
    let order: Vec<usize> = rest.chain(axes.iter().copied()).collect();
    Ok((view::permute(x, &order)?, shape.len() - axes.len()..shape.len(), result))
}

/// A reduction over `axes`; empty input is refused where the reduction has no neutral element.
#[track_caller]
pub(crate) fn reduce<A: Array>(reduction: Reduction, x: &A, axes: impl Axes, keep: bool) -> Result<A, Error> {
    counted(reduction, x, axes, keep).map(|(y, _)| y)
}

/// The same, and how many values each result combines.
#[track_caller]
fn counted<A: Array>(reduction: Reduction, x: &A, axes: impl Axes, keep: bool) -> Result<(A, usize), Error> {
    let op = Reduce { reduction, start: 0, end: 0 }.name();
    let (x, axes, result) = gathered(op, x, axes, keep)?;
    let shape = x.shape();
    if matches!(reduction, Reduction::Max | Reduction::Min) && shape[axes.clone()].contains(&0) {
        return Err(Error::shape(op, format!("the reduced axes of shape {shape} are empty, and have no {op}")));
    }
    let op = Reduce { reduction, start: axes.start, end: axes.end };
    Ok((A::apply(op, result, &[&x]), count(&shape[axes])))
}

#[track_caller]
pub(crate) fn mean<A: Array>(x: &A, axes: impl Axes, keep: bool) -> Result<A, Error> {
    let (sum, n) = counted(Reduction::Sum, x, axes, keep)?;
    Ok(sum.unary(Unary::DivNumber, [n as f64, 0.0]))
}

/// Deviations from the mean, and the divisor `n − correction`.
#[track_caller]
fn centred<A: Array>(x: &A, axes: &[usize], correction: usize) -> Result<(A, f64), Error> {
    let (sum, n) = counted(Reduction::Sum, x, axes, true)?;
    let mean = sum.unary(Unary::DivNumber, [n as f64, 0.0]);
    Ok((x.sub(&mean), n as f64 - correction as f64))
}

#[track_caller]
pub(crate) fn variance<A: Array>(x: &A, axes: impl Axes, correction: usize, keep: bool) -> Result<A, Error> {
    let axes = axes.list();
    let (x, n) = centred(x, &axes, correction)?;
    let squares = x.unary(Unary::Square, [0.0; 2]);
    Ok(reduce(Reduction::Sum, &squares, &axes[..], keep)?.unary(Unary::DivNumber, [n, 0.0]))
}

/// By the norm rather than the square root of the variance, so that the gradient at constant input is 0 and not NaN.
#[track_caller]
pub(crate) fn std<A: Array>(x: &A, axes: impl Axes, correction: usize, keep: bool) -> Result<A, Error> {
    let axes = axes.list();
    let (x, n) = centred(x, &axes, correction)?;
    Ok(reduce(Reduction::Norm, &x, &axes[..], keep)?.unary(Unary::DivNumber, [n.sqrt(), 0.0]))
}

/// By multiplying halves until one value is left: no division, so zeros are safe, and gradients of any order follow.
#[track_caller]
pub(crate) fn prod<A: Array>(x: &A, axes: impl Axes, keep: bool) -> Result<A, Error> {
    let (x, axes, result) = gathered("prod", x, axes, keep)?;
    let (outer, n, inner) = x.shape().around(axes);
    if n == 0 {
        return Ok(x.constant_like(crate::Tensor::full(result, A::Value::one())));
    }
    let mut x = x.reshaped(&Shape::from([outer, n, inner]));
    let mut n = n;
    while n > 1 {
        let half = n / 2;
        let mut next = view::slice(&x, 1, 0..half, 1)?.mul(&view::slice(&x, 1, half..2 * half, 1)?);
        if n % 2 == 1 {
            next = super::join::concat("prod", &[&next, &view::slice(&x, 1, n - 1..n, 1)?], 1)?;
        }
        (x, n) = (next, half + n % 2);
    }
    Ok(x.reshaped(&result))
}

/// See [`Array::sum_to`].
#[track_caller]
pub(crate) fn sum_to<A: Array>(x: &A, shape: &Shape) -> A {
    let full = x.shape();
    let lead = full.len() - shape.len();
    if full[lead..] == shape[..] {
        let op = Reduce { reduction: Reduction::Sum, start: 0, end: lead };
        return A::apply(op, shape.clone(), &[x]);
    }
    let stretched: SmallVec<[usize; 8]> =
        (0..full.len()).filter(|&i| i < lead || (shape[i - lead] == 1 && full[i] != 1)).collect();
    reduce(Reduction::Sum, x, &stretched[..], false).expect("axes of the shape").reshaped(shape)
}

/// Positions of the extremes along `axis`.
pub(crate) fn arg_extreme<T: Float>(
    op: &'static str,
    x: &crate::Tensor<T>,
    axis: usize,
    largest: bool,
) -> Result<Vec<usize>, Error> {
    if x.shape().axis(op, axis)? == 0 {
        return Err(Error::shape(op, format!("axis {axis} of shape {} is empty, and has no extreme", x.shape())));
    }
    if x.numel() == 0 {
        return Ok(vec![]);
    }
    Ok(crate::kernels::reduce::arg_extreme(x.as_slice(), loops(x.shape(), axis..axis + 1), largest))
}
