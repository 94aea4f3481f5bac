//! Convolution, as a form that is linear in images, weights and results: each of the three follows from the other two, and a
//! derivative of one of these operations is another of them.

use std::sync::Arc;

use super::pooling::LONGEST;
use super::reads::Reads;
use super::{Array, Input, Operation, sum};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::kernels::windows::{Sizes, Windows};
use crate::number::Float;
use crate::shape::Shape;

/// How a convolution lies on its images; see [`Var::conv2d`](crate::Var::conv2d). Each length is for rows and columns alike, or
/// for each of them; with one axis the last counts.
///
/// ```
/// use autograd::{Conv, Tensor};
/// let x: Tensor = Tensor::ones([1, 1, 5, 5]);
/// let w = Tensor::ones([2, 1, 3, 3]);
/// assert_eq!(x.conv2d(&w, &Conv::new()).shape(), &[1, 2, 3, 3].into());
/// assert_eq!(x.conv2d(&w, &Conv::new().padding(1).stride([1, 2])).shape(), &[1, 2, 5, 3].into());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [usize; 2],
    pub(crate) dilation: [usize; 2],
    pub(crate) output_padding: [usize; 2],
    pub(crate) groups: usize,
}

/// A length for rows and columns alike, or for each.
pub trait Lengths {
    /// For rows, and for columns.
    fn pair(self) -> [usize; 2];
}

impl Lengths for usize {
    fn pair(self) -> [usize; 2] {
        [self; 2]
    }
}

impl Lengths for [usize; 2] {
    fn pair(self) -> [usize; 2] {
        self
    }
}

impl Default for Conv {
    fn default() -> Self {
        Self::new()
    }
}

impl Conv {
    /// Windows one beside the other, none over the edge.
    pub const fn new() -> Self {
        Conv { stride: [1; 2], padding: [0; 2], dilation: [1; 2], output_padding: [0; 2], groups: 1 }
    }

    /// The distance between neighbouring windows.
    #[must_use]
    pub fn stride(self, stride: impl Lengths) -> Self {
        Conv { stride: stride.pair(), ..self }
    }

    /// The zeros around the image.
    #[must_use]
    pub fn padding(self, padding: impl Lengths) -> Self {
        Conv { padding: padding.pair(), ..self }
    }

    /// The distance between neighbouring values in a window.
    #[must_use]
    pub fn dilation(self, dilation: impl Lengths) -> Self {
        Conv { dilation: dilation.pair(), ..self }
    }

    /// The number of groups of channels, each convolved by itself.
    #[must_use]
    pub fn groups(self, groups: usize) -> Self {
        Conv { groups, ..self }
    }

    /// Of a transposed convolution, how much longer its result is than the shortest that fits; less than the stride.
    #[must_use]
    pub fn output_padding(self, padding: impl Lengths) -> Self {
        Conv { output_padding: padding.pair(), ..self }
    }

    /// The shape of [`Tensor::conv2d`](crate::Tensor::conv2d) of images and weights of these shapes.
    ///
    /// # Errors
    /// If they do not fit.
    pub fn conv2d_shape(&self, x: &Shape, w: &Shape) -> Result<Shape, Error> {
        Ok(Plan::forward("conv2d", 2, x, w, self)?.shape)
    }

    /// The shape of [`Tensor::conv1d`](crate::Tensor::conv1d) of signals and weights of these shapes.
    ///
    /// # Errors
    /// If they do not fit.
    pub fn conv1d_shape(&self, x: &Shape, w: &Shape) -> Result<Shape, Error> {
        Ok(Plan::forward("conv1d", 1, x, w, self)?.shape)
    }

    /// The shape of [`Tensor::conv_transpose2d`](crate::Tensor::conv_transpose2d) of arrays of these shapes.
    ///
    /// # Errors
    /// If they do not fit.
    pub fn conv_transpose2d_shape(&self, x: &Shape, w: &Shape) -> Result<Shape, Error> {
        Ok(Plan::transposed("conv_transpose2d", 2, x, w, self)?.shape)
    }

    /// The shape of [`Tensor::conv_transpose1d`](crate::Tensor::conv_transpose1d) of arrays of these shapes.
    ///
    /// # Errors
    /// If they do not fit.
    pub fn conv_transpose1d_shape(&self, x: &Shape, w: &Shape) -> Result<Shape, Error> {
        Ok(Plan::transposed("conv_transpose1d", 1, x, w, self)?.shape)
    }

    /// The distances between neighbouring windows, of rows and of columns.
    pub fn strides(&self) -> [usize; 2] {
        self.stride
    }

    /// The zeros before and behind rows and columns.
    pub fn paddings(&self) -> [usize; 2] {
        self.padding
    }

    /// The distances between neighbouring values of a window.
    pub fn dilations(&self) -> [usize; 2] {
        self.dilation
    }

    /// The lengths that a transposed convolution adds to its output.
    pub fn output_paddings(&self) -> [usize; 2] {
        self.output_padding
    }

    /// The number of groups of channels.
    pub fn group_count(&self) -> usize {
        self.groups
    }

    /// The number of windows of `size` along an axis of `len`, or why there is none.
    pub(super) fn count(&self, axis: usize, len: usize, size: usize) -> Result<usize, String> {
        let padded = len.saturating_add(self.padding[axis].saturating_mul(2));
        let span = self.span(axis, size);
        match span > padded {
            true => Err(format!("a window reaches over {span} places, and the input has {padded} with its padding")),
            false => Ok((padded - span) / self.stride[axis] + 1),
        }
    }

    /// The places that a window of `size` reaches over.
    fn span(&self, axis: usize, size: usize) -> usize {
        (size - 1).saturating_mul(self.dilation[axis]).saturating_add(1)
    }

    /// How its windows lie.
    fn windows(&self, plane: [usize; 2], size: [usize; 2], count: [usize; 2]) -> Windows {
        Windows { plane, size, stride: self.stride, padding: self.padding, dilation: self.dilation, count }
    }

    /// The same for images of one row.
    fn of_one_row(self) -> Self {
        let last = |[_, length]: [usize; 2], rows| [rows, length];
        Conv {
            stride: last(self.stride, 1),
            padding: last(self.padding, 0),
            dilation: last(self.dilation, 1),
            output_padding: last(self.output_padding, 0),
            ..self
        }
    }
}

/// Which of the three an operation gives.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Images = 0,
    Weights = 1,
    Results = 2,
}

const PARTS: [Part; 3] = [Part::Images, Part::Weights, Part::Results];

/// `Σ y·w·x` over samples, windows, channels and places in a window, without one of the three: its operands are the other two,
/// in the order images, weights, results.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Convolution {
    /// [`Sizes`] as a list, in memory that a tape uses again.
    sizes: Arc<Vec<usize>>,
    part: Part,
}

impl Convolution {
    /// The parts that are its operands.
    fn operands(&self) -> impl Iterator<Item = Part> {
        let part = self.part;
        PARTS.into_iter().filter(move |&other| other != part)
    }

    /// Operand `k` from the others and what stands in the place of the result.
    fn other<A: Array>(&self, k: usize, x: &[&A], dy: &A) -> A {
        let wanted = self.operands().nth(k).expect("two operands");
        let op = Convolution { sizes: self.sizes.clone(), part: wanted };
        // The operand that stays, and `dy`, in the order of the parts.
        let stays = self.operands().nth(1 - k).expect("two operands");
        let given = if (stays as usize) < self.part as usize { [x[1 - k], dy] } else { [dy, x[1 - k]] };
        A::apply(op, x[k].shape(), &given)
    }
}

impl Operation for Convolution {
    const NAMES: &'static [&'static str] = &["conv_transpose2d", "conv_weights", "conv2d"];

    fn name(&self) -> &'static str {
        Self::NAMES[self.part as usize]
    }

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        let (a, b, sizes) = (x[0].values, x[1].values, Sizes::from_list(&self.sizes));
        match self.part {
            Part::Images => kernels::convolve_back(&sizes, a, b, out),
            Part::Weights => kernels::correlate(&sizes, a, b, out),
            Part::Results => kernels::convolve(&sizes, a, b, out),
        }
    }

    /// On all of a sample, between images and results.
    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        let by_sample = self.part != Part::Weights && self.operands().nth(k) != Some(Part::Weights);
        if by_sample {
            Reads::lines(Sizes::from_list(&self.sizes).batch, 1, x[k], shape)
        } else {
            Reads::all(x[k], shape)
        }
    }

    fn vjp<A: Array>(&self, k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        self.other(k, x, dy)
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        let with = |a: &A, b: &A| A::apply(self.clone(), y.shape(), &[a, b]);
        sum([dx[0].map(|da| with(da, x[1])), dx[1].map(|db| with(x[0], db))])
    }
}

/// The operation that is called, with its operands' shapes, for messages.
struct Call<'a> {
    op: &'static str,
    x: &'a Shape,
    w: &'a Shape,
}

impl Call<'_> {
    fn refuse<R>(&self, why: impl std::fmt::Display) -> Result<R, Error> {
        Err(Error::shape(self.op, format!("inputs of shape {} and weights of shape {}: {why}", self.x, self.w)))
    }

    /// Checks what does not depend on the planes: axes, and lengths that may not be 0.
    fn check(&self, axes: usize, conv: &Conv) -> Result<(), Error> {
        let names = if axes == 2 { ["height, width", "rows, columns"] } else { ["length", "length"] };
        if self.x.len() != axes + 2 || self.w.len() != axes + 2 {
            return self.refuse(format_args!(
                "inputs (samples, channels, {}) and weights (outputs, channels, {}) are needed; reshape them?",
                names[0], names[1]
            ));
        }
        let zero = [("stride", conv.stride), ("dilation", conv.dilation), ("groups", [conv.groups; 2])];
        if let Some((what, _)) = zero.into_iter().find(|(_, lengths)| lengths.contains(&0)) {
            return self.refuse(format_args!("{what} must be at least 1"));
        }
        let lengths = [conv.stride, conv.padding, conv.dilation, conv.output_padding].into_iter().flatten();
        if lengths.chain(self.x[2..].iter().copied()).any(|length| length > LONGEST) {
            return self.refuse(format_args!("no array is as long as {LONGEST}"));
        }
        if self.w[2..].contains(&0) {
            return self.refuse("a window without values gives nothing");
        }
        Ok(())
    }
}

/// Arrays of one axis as such of one row.
fn with_row(shape: &Shape) -> Shape {
    if shape.len() == 3 { shape.inserted(2, 1) } else { shape.clone() }
}

/// The lengths of the last two axes.
fn plane(shape: &Shape) -> [usize; 2] {
    [shape[2], shape[3]]
}

/// A convolution that is to be computed: its sizes, with one row where there is one axis, and the shape of its result.
struct Plan {
    sizes: Sizes,
    part: Part,
    shape: Shape,
}

impl Plan {
    fn new(op: &'static str, axes: usize, sizes: Sizes, part: Part) -> Result<Self, Error> {
        let Sizes { batch, groups, channels, outputs, windows } = sizes;
        let (outputs, to) = if part == Part::Images { (channels, windows.plane) } else { (outputs, windows.count) };
        let shape: Shape = [batch, outputs * groups].into_iter().chain(to[2 - axes..].iter().copied()).collect();
        shape.checked_numel(op)?;
        Ok(Plan { sizes, part, shape })
    }

    /// The convolution over one axis or two: `(n, c, …) ∗ (o, c/groups, …) → (n, o, …)`.
    fn forward(op: &'static str, axes: usize, x: &Shape, w: &Shape, conv: &Conv) -> Result<Self, Error> {
        let call = Call { op, x, w };
        call.check(axes, conv)?;
        let (channels, outputs, groups) = (x[1], w[0], conv.groups);
        let taken = w[1].saturating_mul(groups);
        if channels != taken {
            return call.refuse(format_args!("the weights take {taken} channels, and the input has {channels}"));
        }
        if outputs % groups != 0 {
            return call.refuse(format_args!("{groups} groups do not divide {outputs} outputs"));
        }
        let conv = if axes == 1 { conv.of_one_row() } else { *conv };
        let (plane, size) = (plane(&with_row(x)), plane(&with_row(w)));
        let mut count = [0; 2];
        for axis in 0..2 {
            count[axis] = match conv.count(axis, plane[axis], size[axis]) {
                Ok(count) => count,
                Err(why) => return call.refuse(format_args!("{why}; pad more?")),
            };
        }
        let windows = conv.windows(plane, size, count);
        let sizes = Sizes { batch: x[0], groups, channels: w[1], outputs: outputs / groups, windows };
        Plan::new(op, axes, sizes, Part::Results)
    }

    /// The transposed convolution over one axis or two: `(n, c, …), (c, o/groups, …) → (n, o, …)`.
    fn transposed(op: &'static str, axes: usize, y: &Shape, w: &Shape, conv: &Conv) -> Result<Self, Error> {
        let call = Call { op, x: y, w };
        call.check(axes, conv)?;
        let (channels, groups) = (y[1], conv.groups);
        if channels != w[0] || channels % groups != 0 {
            return call.refuse(format_args!(
                "the weights need {channels} rows, one for each channel of the input, in {groups} equal groups"
            ));
        }
        let conv = if axes == 1 { conv.of_one_row() } else { *conv };
        let (count, size) = (plane(&with_row(y)), plane(&with_row(w)));
        let mut plane = [0; 2];
        for axis in 0..2 {
            let (stride, padding, extra) = (conv.stride[axis], conv.padding[axis], conv.output_padding[axis]);
            if extra >= stride {
                return call.refuse(format_args!("output_padding {extra} must be less than the stride {stride}"));
            }
            let span = conv.span(axis, size[axis]);
            let reach = count[axis].saturating_sub(1).saturating_mul(stride).saturating_add(span).saturating_add(extra);
            let cut = padding.saturating_mul(2);
            if count[axis] == 0 || reach <= cut {
                return call.refuse(format_args!("a padding of {padding} leaves nothing of {reach} places"));
            }
            plane[axis] = reach - cut;
        }
        let windows = conv.windows(plane, size, count);
        let sizes = Sizes { batch: y[0], groups, channels: w[1], outputs: channels / groups, windows };
        Plan::new(op, axes, sizes, Part::Images)
    }

    /// Computes it from the weights, and from images or results.
    #[track_caller]
    fn run<A: Array>(self, x: &A, w: &A) -> A {
        let (x, w) = (x.clone().reshaped(&with_row(&x.shape())), w.clone().reshaped(&with_row(&w.shape())));
        let op = Convolution { sizes: x.indices_like(self.sizes.to_list().into_iter()), part: self.part };
        let operands = if self.part == Part::Images { [&w, &x] } else { [&x, &w] };
        let y = A::apply(op, with_row(&self.shape), &operands);
        if y.shape() == self.shape { y } else { y.reshaped(&self.shape) }
    }
}

/// See [`Plan::forward`].
#[track_caller]
pub(crate) fn convolution<A: Array>(op: &'static str, axes: usize, x: &A, w: &A, conv: &Conv) -> Result<A, Error> {
    Ok(Plan::forward(op, axes, &x.shape(), &w.shape(), conv)?.run(x, w))
}

/// See [`Plan::transposed`].
#[track_caller]
pub(crate) fn transposed<A: Array>(op: &'static str, axes: usize, y: &A, w: &A, conv: &Conv) -> Result<A, Error> {
    Ok(Plan::transposed(op, axes, &y.shape(), &w.shape(), conv)?.run(y, w))
}
