//! Reductions over one axis, several, or all.
//!
//! The kernels reduce a block of neighbouring axes. Of other axes, sums go block by block; for other reductions a permutation first
//! brings them together.

use std::ops::Range;

use smallvec::SmallVec;

use super::prod::ProductOfOthers;
use super::reads::Reads;
use super::softmax::Softmax;
use super::{Array, Input, Operation, elementwise, view};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::kernels::reduce::Loops;
use crate::number::Float;
use crate::number::rows::{Binary, Unary};
use crate::shape::{Axes, Shape, checked_axes, count};

/// The reductions. Each divides by a number `over`: 1, unless its comment says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reduction {
    /// `y = Σ x`, `dx = dy`
    Sum,
    /// `y = Σ x / over`, `dx = dy / over`; `over` is the number of values
    Mean,
    /// `y = Π x`, `dx = dy · (the product of the others)`
    Prod,
    /// `y = max x`, `dx = dy / ties` at each maximum
    Max,
    /// `y = min x`, likewise
    Min,
    /// `y = ln Σ exp x`, `dx = dy · softmax(x)`
    LogSumExp,
    /// `y = √Σ x²`, `dx = dy · x/y`, and 0 where `y = 0`
    Norm,
    /// `y = Σ x² / over` of deviations from the mean, `dx = dy · 2x/over`; `over` is the number of values less the
    /// correction
    Variance,
    /// `y = √(Σ x² / over)` of deviations, `dx = dy/over · x/y`, and 0 where `y = 0`
    Std,
}

/// A reduction of the axes `start..end`; the result has them with length 1 if `keep`, else not at all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reduce {
    reduction: Reduction,
    start: usize,
    end: usize,
    over: f64,
}

pub(super) fn loops(shape: &Shape, axes: Range<usize>) -> Loops {
    let (outer, n, inner) = shape.around(axes);
    Loops { outer, n, inner }
}

/// The shape with the axes `start..end` of length 1.
fn kept(shape: &Shape, axes: Range<usize>) -> Shape {
    shape.iter().enumerate().map(|(i, &n)| if axes.contains(&i) { 1 } else { n }).collect()
}

impl Reduce {
    /// The loops over an input of this shape.
    pub(crate) fn loops(&self, x: &Shape) -> Loops {
        loops(x, self.start..self.end)
    }

    /// The divisor of a sum or a mean, in which each value has the same weight.
    pub(crate) fn divisor_of_sum(&self) -> Option<f64> {
        matches!(self.reduction, Reduction::Sum | Reduction::Mean).then_some(self.over)
    }

    /// `∂y/∂x` of each value up to the [`factor`](Reduce::factor), or `None` if it is 1; `kept` is the shape of `y`
    /// with the reduced axes of length 1.
    #[track_caller]
    fn slopes<A: Array>(&self, x: &A, y: &A, kept: &Shape) -> Option<A> {
        let (start, end) = (self.start, self.end);
        match self.reduction {
            Reduction::Sum | Reduction::Mean => None,
            Reduction::Prod => Some(A::apply(ProductOfOthers { start, end }, x.shape(), &[x])),
            Reduction::Max | Reduction::Min => {
                Some(A::apply(TieShare { start, end }, x.shape(), &[x, &y.clone().reshaped(kept)]))
            }
            Reduction::LogSumExp => Some(A::apply(Softmax { start, end }, x.shape(), &[x])),
            Reduction::Norm | Reduction::Std => {
                // Where the norm is 0 so is x: dividing by 1 there gives the 0 of the policy and prevents NaN.
                let y = &y.clone().reshaped(kept);
                let one = y.binary(Binary::Equal, y);
                let safe = elementwise::select(&y.unary(Unary::Sign, [0.0; 2]), y, &one);
                Some(x.binary(Binary::Div, &safe))
            }
            Reduction::Variance => Some(x.clone()),
        }
    }

    /// The divisor of the gradient, applied first: there the values are fewest, and the divisor may be far from 1.
    fn factor(&self) -> f64 {
        if self.reduction == Reduction::Variance { self.over / 2.0 } else { self.over }
    }

    /// The sum along the same axes that divides by [`factor`](Reduce::factor).
    fn tangents(&self) -> Reduce {
        Reduce { reduction: Reduction::Sum, over: self.factor(), ..*self }
    }
}

#[track_caller]
fn divided<A: Array>(x: &A, over: f64) -> A {
    if over == 1.0 { x.clone() } else { x.unary(Unary::DivNumber, [over, 0.0]) }
}

impl Reduce {
    /// A gradient or tangent `d` times the slopes; values that an extreme did not choose get exactly 0.
    fn along<A: Array>(&self, d: &A, slopes: &A) -> A {
        match self.reduction {
            Reduction::Max | Reduction::Min => d.shared(slopes),
            _ => d.chain(slopes),
        }
    }
}

impl Operation for Reduce {
    /// In the order of [`Reduction`].
    const NAMES: &'static [&'static str] =
        &["sum", "mean", "prod", "max", "min", "logsumexp", "norm", "variance", "std"];

    fn name(&self) -> &'static str {
        Self::NAMES[self.reduction as usize]
    }

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        let (loops, x) = (self.loops(x[0].shape), x[0].values);
        match self.reduction {
            Reduction::Sum | Reduction::Mean => kernels::sum(x, loops, self.over, out),
            Reduction::Prod => kernels::product(x, loops, out),
            Reduction::Max => kernels::extreme(x, loops, true, out),
            Reduction::Min => kernels::extreme(x, loops, false, out),
            Reduction::LogSumExp => kernels::log_sum_exp(x, loops, out, None),
            Reduction::Norm | Reduction::Std => kernels::squares(x, loops, self.over, true, out),
            Reduction::Variance => kernels::squares(x, loops, self.over, false, out),
        }
    }

    fn keeps_slopes(&self, _inputs: usize) -> bool {
        self.reduction == Reduction::LogSumExp
    }

    fn forward_with_slopes<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T], slopes: &mut [T]) {
        kernels::log_sum_exp(x[0].values, self.loops(x[0].shape), out, Some(slopes));
    }

    fn reads(&self, _k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::along(self.start..self.end, x[0], shape)
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], y: &A, dy: &A) -> A {
        let shape = x[0].shape();
        let kept = kept(&shape, self.start..self.end);
        // A multiple of the norm itself, such as its square, has that multiple of x as its gradient; the formula
        // would divide 0 by 0 there.
        if matches!(self.reduction, Reduction::Norm | Reduction::Std)
            && let Some(multiple) = dy.as_multiple_of(y)
        {
            return divided(&multiple.reshaped(&kept), self.factor()).chain(x[0]);
        }
        let dy = divided(&dy.clone().reshaped(&kept), self.factor());
        match self.slopes(x[0], y, &kept) {
            None => dy.expanded(&shape),
            Some(slopes) => self.along(&dy, &slopes),
        }
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        let dx = dx[0].expect("the only input has a tangent");
        let kept = kept(&x[0].shape(), self.start..self.end);
        let tangent = |parts: &A| A::apply(self.tangents(), y.shape(), &[parts]);
        match self.slopes(x[0], y, &kept) {
            None => tangent(dx),
            Some(slopes) => tangent(&self.along(dx, &slopes)),
        }
    }
}

/// `y = x − mean(x)` along the axes `start..end`; `dx = dy − mean(dy)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Deviations {
    start: usize,
    end: usize,
}

impl Operation for Deviations {
    const NAMES: &'static [&'static str] = &["deviations"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        kernels::deviations(x[0].values, loops(shape, self.start..self.end), out);
    }

    fn reads(&self, _k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::along(self.start..self.end, x[0], shape)
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        A::apply(*self, x[0].shape(), &[dy])
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        super::linear(self, x, y, dx)
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

    fn jvp<A: Array>(&self, _x: &[&A], y: &A, _dx: &[Option<&A>]) -> A {
        y.zeros_like()
    }
}

/// A shape with some axes of length 1 if `keep`, else without them.
fn remaining(shape: &Shape, axes: &[usize], keep: bool) -> Shape {
    let lengths = (0..shape.len()).map(|i| (axes.contains(&i), shape[i]));
    lengths.filter_map(|(reduced, len)| if reduced { keep.then_some(1) } else { Some(len) }).collect()
}

/// `x` with the axes to reduce moved together to the end if they are not neighbours, the range of these axes, and the
/// result's shape: with these axes of length 1 if `keep`, else without them.
#[track_caller]
pub(super) fn gathered<A: Array>(
    op: &'static str,
    x: &A,
    axes: impl Axes,
    keep: bool,
) -> Result<(A, Range<usize>, Shape), Error> {
    let shape = x.shape();
    let axes = checked_axes(op, &shape, axes)?;
    let rest = (0..shape.len()).filter(|i| !axes.contains(i));
    let result = remaining(&shape, &axes, keep);
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

/// A range of neighbouring axes, and others before it.
type LastAxes = (Range<usize>, SmallVec<[usize; 4]>);

/// The last neighbours among axes that are not all neighbours, and the axes before them.
fn neighbours(op: &'static str, shape: &Shape, axes: &[usize]) -> Result<Option<LastAxes>, Error> {
    let axes = checked_axes(op, shape, axes)?;
    let Some(&last) = axes.last() else { return Ok(None) };
    let first = (0..=last).rev().take_while(|axis| axes.contains(axis)).last().unwrap_or(last);
    let before: SmallVec<[usize; 4]> = axes.iter().copied().filter(|&axis| axis < first).collect();
    Ok((!before.is_empty()).then_some((first..last + 1, before)))
}

/// A reduction over `axes`; empty input is refused if the reduction has no neutral element.
#[track_caller]
pub(crate) fn reduce<A: Array>(reduction: Reduction, x: &A, axes: impl Axes, keep: bool) -> Result<A, Error> {
    reduce_as(Reduce::NAMES[reduction as usize], reduction, 0, x, axes, keep)
}

/// The same on behalf of the method `op`; the divisor is the number of values less `correction`.
#[track_caller]
fn reduce_as<A: Array>(
    op: &'static str,
    reduction: Reduction,
    correction: usize,
    x: &A,
    axes: impl Axes,
    keep: bool,
) -> Result<A, Error> {
    let axes = axes.list();
    let in_parts = matches!(reduction, Reduction::Sum | Reduction::Mean | Reduction::Variance);
    let shape = x.shape();
    // Most sums, and short ones cost as much as the way to them.
    if let (Reduction::Sum, &[axis]) = (reduction, &axes[..]) {
        shape.axis(op, axis)?;
        let result = if keep { shape.with_axis(axis, 1) } else { shape.without(axis..axis + 1) };
        result.checked_numel(op)?;
        return Ok(A::apply(Reduce { reduction, start: axis, end: axis + 1, over: 1.0 }, result, &[x]));
    }
    if in_parts
        && axes.len() > 1
        && shape.numel() > 0
        && let Some((last, before)) = neighbours(op, &shape, &axes)?
    {
        // The last neighbours first, and of what is left the sum: no axis has to be moved.
        let n: usize = axes.iter().map(|&axis| shape[axis]).product();
        let over = if reduction == Reduction::Sum { 1.0 } else { n.saturating_sub(correction) as f64 };
        let inner = Reduce { reduction, start: last.start, end: last.end, over };
        let inner = A::apply(inner, shape.without(last), &[x]);
        let sum = reduce_as(op, Reduction::Sum, 0, &inner, &before[..], false)?;
        return Ok(sum.reshaped(&remaining(&shape, &axes, keep)));
    }
    let (x, Range { start, end }, result) = gathered(op, x, &axes[..], keep)?;
    let shape = x.shape();
    if matches!(reduction, Reduction::Max | Reduction::Min) && shape[start..end].contains(&0) {
        return Err(Error::shape(op, format!("the reduced axes of shape {shape} are empty, and have no {op}")));
    }
    let n = count(&shape[start..end]);
    let over = match reduction {
        Reduction::Mean | Reduction::Variance | Reduction::Std => n.saturating_sub(correction) as f64,
        _ => 1.0,
    };
    Ok(A::apply(Reduce { reduction, start, end, over }, result, &[&x]))
}

/// A reduction of deviations from the mean.
#[track_caller]
fn spread<A: Array>(
    op: &'static str,
    reduction: Reduction,
    correction: usize,
    x: &A,
    axes: impl Axes,
    keep: bool,
) -> Result<A, Error> {
    let shape = x.shape();
    let axes = checked_axes(op, &shape, axes)?;
    let deviations = match (axes.first(), axes.last()) {
        (Some(&start), Some(&last)) if last - start + 1 == axes.len() => {
            A::apply(Deviations { start, end: last + 1 }, shape, &[x])
        }
        _ => x.sub(&reduce_as(op, Reduction::Mean, 0, x, &axes[..], true)?),
    };
    reduce_as(op, reduction, correction, &deviations, &axes[..], keep)
}

#[track_caller]
pub(crate) fn variance<A: Array>(x: &A, axes: impl Axes, keep: bool) -> Result<A, Error> {
    spread("variance", Reduction::Variance, 0, x, axes, keep)
}

/// NaN for fewer than two values: the divisor is then 0, and not negative.
#[track_caller]
pub(crate) fn sample_variance<A: Array>(x: &A, axes: impl Axes, keep: bool) -> Result<A, Error> {
    spread("sample_variance", Reduction::Variance, 1, x, axes, keep)
}

/// Not the square root of the variance, so that the gradient at constant input is 0 and not NaN.
#[track_caller]
pub(crate) fn std<A: Array>(x: &A, axes: impl Axes, keep: bool) -> Result<A, Error> {
    spread("std", Reduction::Std, 0, x, axes, keep)
}

#[track_caller]
pub(crate) fn sample_std<A: Array>(x: &A, axes: impl Axes, keep: bool) -> Result<A, Error> {
    spread("std", Reduction::Std, 1, x, axes, keep)
}

/// The axes along which `shape` is stretched to the `full` one, if they are neighbours.
pub(crate) fn stretched(full: &[usize], shape: &[usize]) -> Option<Range<usize>> {
    let lead = full.len() - shape.len();
    let is = |i: usize| i < lead || shape[i - lead] != full[i];
    let start = (0..full.len()).find(|&i| is(i))?;
    let end = (start..full.len()).find(|&i| !is(i) && full[i] != 1).unwrap_or(full.len());
    (end..full.len()).all(|i| !is(i)).then_some(start..end)
}

/// See [`Array::sum_to`].
#[track_caller]
pub(crate) fn sum_to<A: Array>(x: &A, shape: &Shape) -> A {
    let full = x.shape();
    if full == *shape {
        return x.clone();
    }
    if let Some(Range { start, end }) = stretched(&full, shape) {
        return A::apply(Reduce { reduction: Reduction::Sum, start, end, over: 1.0 }, shape.clone(), &[x]);
    }
    let lead = full.len() - shape.len();
    let stretched: SmallVec<[usize; 8]> =
        (0..full.len()).filter(|&i| i < lead || (shape[i - lead] == 1 && full[i] != 1)).collect();
    reduce(Reduction::Sum, x, &stretched[..], false).expect("axes of the shape").reshaped(shape)
}

/// The positions of the extremes along `axis`.
pub(crate) fn arg_extreme<T: Float>(
    op: &'static str,
    (shape, values): (&Shape, &[T]),
    axis: usize,
    largest: bool,
) -> Result<Vec<usize>, Error> {
    if shape.axis(op, axis)? == 0 {
        return Err(Error::shape(op, format!("axis {axis} of shape {shape} is empty, and has no extreme")));
    }
    if values.is_empty() {
        return Ok(vec![]);
    }
    let loops = loops(shape, axis..axis + 1);
    let mut positions = vec![0; loops.outer * loops.inner];
    kernels::arg_extreme(values, loops, largest, &mut positions);
    Ok(positions)
}
