//! Pooling and resizing of images, composed of others: a maximum is read where it lies, a mean is a convolution, and what has windows of
//! different lengths is a product with a matrix for each axis.

use smallvec::SmallVec;

use super::convolution::{Conv, Lengths, convolution};
use super::{Array, index, product};
use crate::error::Error;
use crate::kernels::windows::scratch;
use crate::number::Float;
use crate::shape::Shape;

/// The windows of a pooling; see [`Var::max_pool2d`](crate::Var::max_pool2d). Each length is for rows and columns alike, or for each
/// of them; with one axis the last counts.
///
/// ```
/// use autograd::{Pool, Tensor};
/// let x: Tensor = Tensor::ones([1, 3, 5, 5]);
/// assert_eq!(x.max_pool2d(&Pool::new(2)).shape(), &[1, 3, 2, 2].into());
/// assert_eq!(x.avg_pool2d(&Pool::new(3).stride(1).padding(1)).shape(), &[1, 3, 5, 5].into());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    size: [usize; 2],
    /// Stride, padding and dilation.
    conv: Conv,
    counts_padding: bool,
}

impl Pool {
    /// Windows of this size, side by side.
    pub fn new(size: impl Lengths) -> Self {
        let size = size.pair();
        Pool { size, conv: Conv::new().stride(size), counts_padding: true }
    }

    /// The lengths of a window, of rows and of columns.
    pub fn sizes(&self) -> [usize; 2] {
        self.size
    }

    /// How the windows lie.
    pub fn windows(&self) -> &Conv {
        &self.conv
    }

    /// Whether padding counts in the mean of a window.
    pub fn counts_padding(&self) -> bool {
        self.counts_padding
    }

    /// The distance between neighbouring windows, instead of their size.
    #[must_use]
    pub fn stride(self, stride: impl Lengths) -> Self {
        Pool { conv: self.conv.stride(stride), ..self }
    }

    /// How far the first window reaches over the edge; at most half a window. A maximum leaves out what lies beyond.
    #[must_use]
    pub fn padding(self, padding: impl Lengths) -> Self {
        Pool { conv: self.conv.padding(padding), ..self }
    }

    /// The distance between neighbouring values in a window.
    #[must_use]
    pub fn dilation(self, dilation: impl Lengths) -> Self {
        Pool { conv: self.conv.dilation(dilation), ..self }
    }

    /// Divides an average by the values that lie on the image, instead of all of the window with zeros beyond the edge.
    #[must_use]
    pub fn exclude_padding(self) -> Self {
        Pool { counts_padding: false, ..self }
    }

    /// The shape of [`Tensor::max_pool2d`](crate::Tensor::max_pool2d) and [`Tensor::avg_pool2d`](crate::Tensor::avg_pool2d) of images
    /// of this shape.
    ///
    /// # Errors
    /// If the windows do not fit.
    pub fn pool2d_shape(&self, x: &Shape) -> Result<Shape, Error> {
        Ok(pooled(x, 2, &self.spans("pool2d", 2, x)?))
    }

    /// The shape of [`Tensor::max_pool1d`](crate::Tensor::max_pool1d) and [`Tensor::avg_pool1d`](crate::Tensor::avg_pool1d) of signals
    /// of this shape.
    ///
    /// # Errors
    /// If the windows do not fit.
    pub fn pool1d_shape(&self, x: &Shape) -> Result<Shape, Error> {
        Ok(pooled(x, 1, &self.spans("pool1d", 1, x)?))
    }

    /// The windows along each of the last `axes` axes of `shape`, which are checked.
    fn spans(&self, op: &'static str, axes: usize, shape: &Shape) -> Result<[Spans; 2], Error> {
        let refuse = |why: String| Err(Error::shape(op, format!("an input of shape {shape}: {why}")));
        has_axes(op, axes, shape)?;
        let mut spans = [Spans::One; 2];
        for axis in 2 - axes..2 {
            let Conv { stride, padding, dilation, .. } = self.conv;
            let [size, stride, padding, dilation] = [self.size, stride, padding, dilation].map(|lengths| lengths[axis]);
            let len = shape[shape.len() - 2 + axis];
            if size == 0 || stride == 0 || dilation == 0 {
                return refuse(format!("size {size}, stride {stride} and dilation {dilation} must be at least 1"));
            }
            if padding > size / 2 {
                return refuse(format!("a padding of {padding} is more than half of the window's {size}"));
            }
            if [len, size, stride, dilation].into_iter().any(|length| length > LONGEST) {
                return refuse(format!("no array is as long as {LONGEST}"));
            }
            if len == 0 {
                return refuse(String::from("an axis without values has no windows"));
            }
            let count = match self.conv.count(axis, len, size) {
                Ok(count) => count,
                Err(why) => return refuse(format!("{why}; a smaller window?")),
            };
            let sliding = Spans::Sliding { len, size, stride, padding, dilation, count };
            let edges = padding.div_ceil(stride).min(count);
            let beyond = |i: &usize| sliding.places(*i).len() == 0;
            if let Some(i) = (0..edges).chain(count - edges..count).find(beyond) {
                return refuse(format!("window {i} lies beyond the edge with all its values; pad less?"));
            }
            spans[axis] = sliding;
        }
        Ok(spans)
    }
}

/// `Err` if an array is none of samples, channels and so many further axes.
fn has_axes(op: &'static str, axes: usize, shape: &Shape) -> Result<(), Error> {
    if shape.len() == axes + 2 {
        return Ok(());
    }
    let names = if axes == 2 { "height, width" } else { "length" };
    Err(Error::shape(op, format!("an input of shape {shape}: (samples, channels, {names}) is needed; reshape it?")))
}

/// What no length of an array, a window or a step may exceed, so that sums of them do not overflow.
pub(super) const LONGEST: usize = 1 << 40;

/// Windows along an axis.
#[derive(Debug, Clone, Copy)]
enum Spans {
    /// One place: the axis is not there.
    One,
    Sliding {
        len: usize,
        size: usize,
        stride: usize,
        padding: usize,
        dilation: usize,
        count: usize,
    },
    /// So many windows that together cover the axis, each as long as the others or one longer.
    Covering {
        len: usize,
        count: usize,
    },
}

impl Spans {
    fn len(self) -> usize {
        match self {
            Spans::One => 1,
            Spans::Sliding { len, .. } | Spans::Covering { len, .. } => len,
        }
    }

    fn count(self) -> usize {
        match self {
            Spans::One => 1,
            Spans::Sliding { count, .. } | Spans::Covering { count, .. } => count,
        }
    }

    /// The places under window `i`.
    fn places(self, i: usize) -> impl ExactSizeIterator<Item = usize> {
        let (start, end, step) = self.ends(i);
        (start..end).step_by(step)
    }

    /// The first place under window `i`, one beyond the last, and the distance between neighbours.
    fn ends(self, i: usize) -> (usize, usize, usize) {
        match self {
            Spans::One => (0, 1, 1),
            Spans::Sliding { len, size, stride, padding, dilation, .. } => {
                let (from, beyond) = (i * stride, padding.saturating_sub(i * stride).div_ceil(dilation));
                let end = (from + (size - 1) * dilation + 1).saturating_sub(padding).min(len);
                (from + beyond * dilation - padding, end, dilation)
            }
            Spans::Covering { len, count } => (i * len / count, ((i + 1) * len).div_ceil(count), 1),
        }
    }
}

/// The target's shape: the last axes replaced by the numbers of windows.
fn pooled(shape: &Shape, axes: usize, spans: &[Spans; 2]) -> Shape {
    (0..axes).fold(shape.clone(), |shape, axis| {
        let at = shape.len() - axes + axis;
        shape.with_axis(at, spans[2 - axes + axis].count())
    })
}

/// Where the largest value under a window lies, the first of several; NaN is larger than all.
#[inline]
fn first_largest<T: Float>(
    x: &[T],
    width: usize,
    (top, bottom, down): (usize, usize, usize),
    (left, right, across): (usize, usize, usize),
) -> usize {
    let mut best = top * width + left;
    let (mut most, mut row) = (x[best], top);
    while row < bottom {
        let mut place = row * width + left;
        while place < row * width + right {
            // Without a branch: which of the values is the largest cannot be foreseen.
            let x = x[place];
            let better = (x > most) | (x.to_f64().is_nan() & !most.to_f64().is_nan());
            best = if better { place } else { best };
            most = if better { x } else { most };
            place += across;
        }
        row += down;
    }
    best
}

/// The largest value under each window, read where it lies first; NaN is larger than all.
#[track_caller]
fn largest<A: Array>(op: &'static str, x: &A, axes: usize, spans: [Spans; 2]) -> Result<A, Error> {
    let shape = x.shape();
    let target = pooled(&shape, axes, &spans);
    target.checked_numel(op)?;
    let [rows, cols] = spans;
    let plane = rows.len() * cols.len();
    let ends = |spans: Spans| (0..spans.count()).map(move |i| spans.ends(i));
    let across: SmallVec<[_; 32]> = ends(cols).collect();
    scratch(|positions: &mut Vec<usize>| {
        positions.clear();
        x.with_values(|x| {
            for (at, x) in x.chunks_exact(plane).enumerate() {
                for down in ends(rows) {
                    positions
                        .extend(across.iter().map(|&across| at * plane + first_largest(x, cols.len(), down, across)));
                }
            }
        });
        Ok(index::at(x, x.indices_like(positions.iter().copied()), target))
    })
}

/// Pooling by the maximum over one axis or two.
#[track_caller]
pub(crate) fn max_pool<A: Array>(op: &'static str, axes: usize, x: &A, pool: &Pool) -> Result<A, Error> {
    largest(op, x, axes, pool.spans(op, axes, &x.shape())?)
}

/// How many values an axis gets, and the share of each present value in each of them.
type Along<'a> = (usize, &'a dyn Fn(usize, usize) -> f64);

/// Each axis multiplied with a matrix: `y[…, i, j] = Σ rows(i, k)·cols(j, l)·x[…, k, l]`; `None` leaves an axis as it is.
#[track_caller]
fn by_axes<A: Array>(x: &A, weights: [Option<Along<'_>>; 2]) -> Result<A, Error> {
    let mut y = x.clone();
    if let Some((count, weight)) = weights[1] {
        let len = y.shape()[y.shape().len() - 1];
        let cols = y.constant_like(Shape::from([len, count]), |at| A::Value::from_f64(weight(at % count, at / count)));
        y = product::matmul(&y, &cols)?;
    }
    if let Some((count, weight)) = weights[0] {
        let len = y.shape()[y.shape().len() - 2];
        let rows = y.constant_like(Shape::from([count, len]), |at| A::Value::from_f64(weight(at / len, at % len)));
        y = product::matmul(&rows, &y)?;
    }
    Ok(y)
}

/// Pooling by the mean over one axis or two: a convolution of each channel with equal weights.
#[track_caller]
pub(crate) fn avg_pool<A: Array>(op: &'static str, axes: usize, x: &A, pool: &Pool) -> Result<A, Error> {
    let shape = x.shape();
    let spans = pool.spans(op, axes, &shape)?;
    let target = pooled(&shape, axes, &spans);
    target.checked_numel(op)?;
    let size = &pool.size[2 - axes..];
    let share = 1.0 / size.iter().product::<usize>() as f64;
    let weights = x.constant_like([1, 1].iter().chain(size).copied().collect(), |_| A::Value::from_f64(share));
    let channels = [shape[0] * shape[1], 1].iter().chain(&shape[2..]).copied().collect();
    let means = convolution(op, axes, &x.clone().reshaped(&channels), &weights, &pool.conv)?;
    if pool.counts_padding {
        return Ok(means.reshaped(&target));
    }
    let [rows, cols] = spans.map(|spans| (0..spans.count()).map(move |i| spans.places(i).len()));
    let counts: Vec<f64> = rows.flat_map(|rows| cols.clone().map(move |cols| (rows * cols) as f64)).collect();
    let plane = Shape::from([spans[0].count(), spans[1].count()]);
    let factors = x.constant_like(plane, |at| A::Value::from_f64(1.0 / share / counts[at]));
    Ok(means.mul(&factors).reshaped(&target))
}

/// Windows that together cover each axis.
fn covering(op: &'static str, axes: usize, shape: &Shape, counts: [usize; 2]) -> Result<[Spans; 2], Error> {
    has_axes(op, axes, shape)?;
    let mut spans = [Spans::One; 2];
    for axis in 2 - axes..2 {
        let (len, count) = (shape[shape.len() - 2 + axis], counts[axis]);
        if len == 0 || count == 0 || len.max(count) > LONGEST {
            return Err(Error::shape(
                op,
                format!("an input of shape {shape} has no {count} windows along an axis of {len}"),
            ));
        }
        spans[axis] = Spans::Covering { len, count };
    }
    Ok(spans)
}

/// Pooling by the maximum to a given size.
#[track_caller]
pub(crate) fn adaptive_max<A: Array>(op: &'static str, axes: usize, x: &A, counts: [usize; 2]) -> Result<A, Error> {
    largest(op, x, axes, covering(op, axes, &x.shape(), counts)?)
}

/// Pooling by the mean to a given size.
#[track_caller]
pub(crate) fn adaptive_avg<A: Array>(op: &'static str, axes: usize, x: &A, counts: [usize; 2]) -> Result<A, Error> {
    let spans = covering(op, axes, &x.shape(), counts)?;
    let weight = |spans: Spans| {
        move |i: usize, k: usize| {
            let mut places = spans.places(i);
            let count = places.len();
            if places.any(|place| place == k) { 1.0 / count as f64 } else { 0.0 }
        }
    };
    let [rows, cols] = spans.map(weight);
    let along_rows: Option<Along<'_>> = (axes == 2).then_some((spans[0].count(), &rows));
    by_axes(x, [along_rows, Some((spans[1].count(), &cols))])
}

/// How an image takes another size; see [`Var::resize2d`](crate::Var::resize2d).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resize {
    /// Each value is that of the pixel it lies in.
    Nearest,
    /// Straight lines between the centres of pixels, which are half a pixel from the edge.
    Bilinear,
    /// Straight lines between the corners, which stay where they are.
    BilinearCorners,
}

/// Another size of the last axes.
#[track_caller]
pub(crate) fn resize<A: Array>(op: &'static str, axes: usize, x: &A, to: [usize; 2], how: Resize) -> Result<A, Error> {
    let shape = x.shape();
    let spans = covering(op, axes, &shape, to)?;
    if how == Resize::Nearest {
        return (2 - axes..2).try_fold(x.clone(), |y, axis| {
            let (len, count) = (spans[axis].len(), to[axis]);
            let places: Vec<usize> = (0..count).map(|i| i * len / count).collect();
            index::take(&y, shape.len() - 2 + axis, &places)
        });
    }
    // The share of place `k` in value `i`.
    let weight = |axis: usize| {
        let (len, count) = (spans[axis].len() as f64, to[axis] as f64);
        move |i: usize, k: usize| {
            let at = match how {
                Resize::BilinearCorners if count > 1.0 => i as f64 * (len - 1.0) / (count - 1.0),
                Resize::BilinearCorners => 0.0,
                _ => ((i as f64 + 0.5) * len / count - 0.5).max(0.0),
            };
            (1.0 - (at.min(len - 1.0) - k as f64).abs()).max(0.0)
        }
    };
    let [rows, cols] = [0, 1].map(weight);
    let along_rows: Option<Along<'_>> = (axes == 2).then_some((to[0], &rows));
    by_axes(x, [along_rows, Some((to[1], &cols))])
}
