//! Views: the same values in another order or shape, a selection of them, or repetitions.
//!
//! Slices, flips, permutations and diagonals are one operation, which reads a range or through a strided layout; its
//! transpose adds through that layout. Padding is the transpose. Reshaping and transposing the last two axes copy nothing on
//! the tape.

use std::ops::Range;

use super::reads::Reads;
use super::{Array, Input, Operation, linear, reduce};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::kernels::layout::{Layout, Rows};
use crate::kernels::runs::Runs;
use crate::memory::{filled, no_room};
use crate::number::{Float, Number};
use crate::shape::{Shape, broadcast};

/// `y = x` in another shape; `dx = dy` in the original shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reshape;

impl Operation for Reshape {
    const NAMES: &'static [&'static str] = &["reshape"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        out.copy_from_slice(x[0].values);
    }

    fn reads(&self, _k: usize, _x: &[&Shape], _shape: &Shape) -> Reads {
        Reads::Same
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        dy.clone().reshaped(&x[0].shape())
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        linear(self, x, y, dx)
    }
}

/// `(…, m, n) → (…, n, m)`; `dx = dyᵀ`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Transpose;

impl Operation for Transpose {
    const NAMES: &'static [&'static str] = &["transpose"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        let rank = x[0].shape.len();
        let mut layout = Layout::of(x[0].shape);
        layout.shape = swapped(x[0].shape);
        layout.strides.swap(rank - 2, rank - 1);
        layout.read(x[0].values, out);
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::copied(self, k, x, shape)
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        A::apply(Transpose, x[0].shape(), &[dy])
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        linear(self, x, y, dx)
    }
}

/// The shape with its last two axes exchanged.
fn swapped(shape: &Shape) -> Shape {
    let rank = shape.len();
    shape.with_axis(rank - 1, shape[rank - 2]).with_axis(rank - 2, shape[rank - 1])
}

/// Broadcasts; the gradient is summed over the stretched axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Expand;

impl Operation for Expand {
    const NAMES: &'static [&'static str] = &["expand"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        let runs = Runs::new(shape, x[0].shape, shape);
        runs.for_each(|run| {
            let out = &mut out[run.out..run.out + run.len];
            if run.step_a == 0 {
                out.fill(x[0].values[run.a]);
            } else {
                out.copy_from_slice(&x[0].values[run.a..run.a + run.len]);
            }
        });
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::copied(self, k, x, shape)
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        reduce::sum_to(dy, &x[0].shape())
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        linear(self, x, y, dx)
    }
}

/// `y = x[part]`; `dx` is `dy` added where it was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum View {
    /// A range of an axis, which most slices are: without an allocation.
    Range(Rows),
    /// With the name of the method.
    Strided(Box<Layout>, &'static str),
}

impl View {
    /// As a layout, of a view of shape `shape` of an array of shape `source`.
    fn layout(&self, source: Shape, shape: Shape) -> Layout {
        match self {
            View::Range(rows) => Layout { shape, offset: rows.offset(), ..Layout::of(&source) },
            View::Strided(layout, _) => Layout::clone(layout),
        }
    }
}

/// `y[layout] += x`, 0 elsewhere; `dx = dy[layout]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spread {
    layout: Box<Layout>,
    name: &'static str,
}

impl View {
    /// Adds the gradient of the view to that of its source.
    pub(crate) fn add<T: Float>(&self, dy: &[T], sum: &mut [T]) {
        match self {
            View::Range(rows) => rows.write(dy, sum, |dy, sum| kernels::add_assign(sum, dy)),
            View::Strided(layout, _) => layout.add(dy, sum),
        }
    }

    /// The position of each value in the source.
    pub(crate) fn positions(&self, source: &Shape, shape: &Shape) -> Vec<usize> {
        self.layout(source.clone(), shape.clone()).positions()
    }
}

impl Operation for View {
    /// The last name is for reading a gradient of [`Spread`].
    const NAMES: &'static [&'static str] = &["slice", "permute", "flip", "diagonal", "view"];

    fn name(&self) -> &'static str {
        match self {
            View::Range(_) => Self::NAMES[0],
            View::Strided(_, name) => name,
        }
    }

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        match self {
            View::Range(rows) => rows.read(x[0].values, out, |x, out| out.copy_from_slice(x)),
            View::Strided(layout, _) => layout.read(x[0].values, out),
        }
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::copied(self, k, x, shape)
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], y: &A, dy: &A) -> A {
        spread(dy, self.layout(x[0].shape(), y.shape()), "spread")
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        linear(self, x, y, dx)
    }
}

impl Operation for Spread {
    /// The last name is for spreading a gradient of [`View`].
    const NAMES: &'static [&'static str] = &["pad", "diagonal_matrix", "spread"];

    fn name(&self) -> &'static str {
        self.name
    }

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        out.fill(T::zero());
        self.layout.add(x[0].values, out);
    }

    fn reads(&self, _k: usize, _x: &[&Shape], shape: &Shape) -> Reads {
        Reads::brought(self.layout.positions(), shape)
    }

    fn vjp<A: Array>(&self, _k: usize, _x: &[&A], _y: &A, dy: &A) -> A {
        read(dy, (*self.layout).clone(), "view")
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        linear(self, x, y, dx)
    }
}

#[track_caller]
pub(super) fn read<A: Array>(x: &A, layout: Layout, name: &'static str) -> A {
    let shape = layout.shape.clone();
    A::apply(View::Strided(Box::new(layout), name), shape, &[x])
}

/// The transpose of [`read`]: zeros, to which `x` is added through the layout.
#[track_caller]
pub(super) fn spread<A: Array>(x: &A, layout: Layout, name: &'static str) -> A {
    let shape = layout.source.clone();
    A::apply(Spread { layout: Box::new(layout), name }, shape, &[x])
}

#[track_caller]
pub(crate) fn reshape<A: Array>(x: &A, shape: Shape) -> Result<A, Error> {
    let (from, numel) = (x.shape(), shape.checked_numel("reshape")?);
    if from.numel() == numel {
        return Ok(x.clone().reshaped(&shape));
    }
    Err(Error::shape("reshape", format!("shape {from} has {} values, shape {shape} needs {numel}", from.numel())))
}

/// Exchanges two axes.
#[track_caller]
pub(crate) fn transpose<A: Array>(x: &A, a: usize, b: usize) -> Result<A, Error> {
    let shape = x.shape();
    shape.axis("transpose", a)?;
    shape.axis("transpose", b)?;
    let (low, high) = (a.min(b), a.max(b));
    if high == low {
        return Ok(x.clone());
    }
    if low + 2 == shape.len() {
        return Ok(A::apply(Transpose, swapped(&shape), &[x]));
    }
    let mut order: Vec<usize> = (0..shape.len()).collect();
    order.swap(a, b);
    permute(x, &order)
}

#[track_caller]
pub(crate) fn matrix_transpose<A: Array>(x: &A) -> Result<A, Error> {
    let shape = x.shape();
    if shape.len() < 2 {
        let law = format!("shape {shape} has no two axes to exchange; add one with unsqueeze?");
        return Err(Error::shape("t", law));
    }
    transpose(x, shape.len() - 2, shape.len() - 1)
}

#[track_caller]
pub(crate) fn permute<A: Array>(x: &A, order: &[usize]) -> Result<A, Error> {
    let source = x.shape();
    let mut seen = vec![false; source.len()];
    let all = order.len() == source.len()
        && order.iter().all(|&i| seen.get_mut(i).is_some_and(|seen| !std::mem::replace(seen, true)));
    if !all {
        let law = format!("the order {order:?} must name each axis of shape {source} once");
        return Err(Error::shape("permute", law));
    }
    let of = Layout::of(&source);
    let layout = Layout {
        shape: order.iter().map(|&i| source[i]).collect(),
        strides: order.iter().map(|&i| of.strides[i]).collect(),
        ..of
    };
    Ok(read(x, layout, "permute"))
}

#[track_caller]
pub(crate) fn expand<A: Array>(x: &A, shape: Shape) -> Result<A, Error> {
    let from = x.shape();
    shape.checked_numel("expand")?;
    match broadcast("expand", &from, &shape) {
        Ok(result) if result == shape => Ok(x.expanded(&shape)),
        _ => Err(Error::shape(
            "expand",
            format!("shape {from} cannot be stretched to {shape}: only axes of length 1, or missing ones, stretch"),
        )),
    }
}

#[track_caller]
pub(crate) fn squeeze<A: Array>(x: &A, axis: usize) -> Result<A, Error> {
    let shape = x.shape();
    match shape.axis("squeeze", axis)? {
        1 => Ok(x.clone().reshaped(&shape.without(axis..axis + 1))),
        n => Err(Error::shape("squeeze", format!("axis {axis} of shape {shape} has length {n}, not 1"))),
    }
}

#[track_caller]
pub(crate) fn unsqueeze<A: Array>(x: &A, axis: usize) -> Result<A, Error> {
    let shape = x.shape();
    if axis > shape.len() {
        let law = format!("a new axis {axis} would leave a gap after shape {shape}; at most {}", shape.len());
        return Err(Error::shape("unsqueeze", law));
    }
    Ok(x.clone().reshaped(&shape.inserted(axis, 1)))
}

/// Every `step`-th index of `range` along `axis`.
#[track_caller]
pub(crate) fn slice<A: Array>(x: &A, axis: usize, range: Range<usize>, step: usize) -> Result<A, Error> {
    let shape = x.shape();
    let len = shape.axis("slice", axis)?;
    if range.start > range.end || range.end > len || step == 0 {
        let law = format!("{range:?} in steps of {step} does not lie within axis {axis} of shape {shape} (0..{len})");
        return Err(Error::shape("slice", law));
    }
    if step == 1 {
        let part = shape.with_axis(axis, range.len());
        let rows = Rows::of(axis, range.start, &shape, &part);
        return Ok(A::apply(View::Range(rows), part, &[x]));
    }
    let mut layout = Layout::of(&shape);
    layout.offset = if range.is_empty() { 0 } else { range.start * layout.strides[axis] as usize };
    layout.shape = shape.with_axis(axis, range.len().div_ceil(step));
    // A step beyond the axis selects the first index alone.
    layout.strides[axis] *= step.min(len.max(1)) as isize;
    Ok(read(x, layout, "slice"))
}

/// Selects one index of an axis, which disappears.
#[track_caller]
pub(crate) fn select_index<A: Array>(x: &A, axis: usize, index: usize) -> Result<A, Error> {
    let len = x.shape().axis("at", axis)?;
    if index >= len {
        return Err(Error::Index { op: "at", index, position: 0, axis, len });
    }
    squeeze(&slice(x, axis, index..index + 1, 1)?, axis)
}

#[track_caller]
pub(crate) fn flip<A: Array>(x: &A, axis: usize) -> Result<A, Error> {
    let shape = x.shape();
    let len = shape.axis("flip", axis)?;
    let mut layout = Layout::of(&shape);
    layout.offset = len.saturating_sub(1) * layout.strides[axis] as usize;
    layout.strides[axis] = -layout.strides[axis];
    Ok(read(x, layout, "flip"))
}

/// Pads with zeros (or `value`) before and after along each axis.
#[track_caller]
pub(crate) fn pad<A: Array>(x: &A, widths: &[(usize, usize)], value: f64) -> Result<A, Error> {
    let shape = x.shape();
    if widths.len() != shape.len() {
        let law = format!("{} pairs (before, after) given for the {} axes of shape {shape}", widths.len(), shape.len());
        return Err(Error::shape("pad", law));
    }
    let padded = |(&n, (before, after)): (&usize, &(usize, usize))| before.saturating_add(n).saturating_add(*after);
    let source: Shape = shape.iter().zip(widths).map(padded).collect();
    source.checked_numel("pad")?;
    let mut layout = Layout::of(&source);
    layout.offset = if shape.numel() == 0 {
        0
    } else {
        widths.iter().zip(&layout.strides).map(|(&(before, _), &stride)| before * stride as usize).sum()
    };
    layout.shape = shape;
    let padded = spread(x, layout.clone(), "pad");
    if value == 0.0 {
        return Ok(padded);
    }
    let Some(mut frame) = filled(A::Value::from_f64(value), source.numel()) else { no_room("pad", &source) };
    for at in layout.positions() {
        frame[at] = A::Value::zero();
    }
    Ok(padded.add(&x.constant_like(source, |at| frame[at])))
}
