//! Shapes, and the broadcasting rule.
//!
//! Every rule that relates shapes of operands to the shape of a result stands here or beside its operation. Each
//! returns an [`Error`] that names both shapes; nothing else in the crate compares shapes.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::error::{Error, OrPanic};

/// The lengths of an array's axes, in row-major order; `()` is the shape of one number.
///
/// ```
/// use autograd::Shape;
/// let shape = Shape::from([2, 3]);
/// assert_eq!(shape.len(), 2); // two axes
/// assert_eq!(shape.numel(), 6); // six numbers
/// assert_eq!(shape.to_string(), "(2, 3)");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Shape(Lengths);

/// Up to four axes lie in the shape itself, so that a copy is five moves; a tape makes one for each node.
#[derive(Clone, Eq)]
enum Lengths {
    /// The lengths beyond the first `rank` are 0, so that equal shapes have equal fields.
    PerInput { rank: u8, lengths: [usize; FEW] },
    /// Five axes or more.
    Many(Arc<[usize]>),
}

/// Short shapes need neither a call nor a branch, because a tape compares shapes at each node.
impl PartialEq for Lengths {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Lengths::PerInput { rank, lengths: a }, Lengths::PerInput { rank: other, lengths: b }) => {
                rank == other && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
            }
            (Lengths::Many(a), Lengths::Many(b)) => a == b,
            _ => false,
        }
    }
}

impl Hash for Lengths {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Lengths::PerInput { rank, lengths } => lengths[..usize::from(*rank)].hash(state),
            Lengths::Many(lengths) => lengths.hash(state),
        }
    }
}

/// The product of lengths, saturating in every build. A shape without values may have other lengths whose product
/// overflows `usize`, such as (0, 2⁶⁰, 2⁶⁰). The largest number then stands for the product, and is never used as a
/// count, because there are no values.
pub(crate) fn count(lengths: &[usize]) -> usize {
    lengths.iter().fold(1, |product, &len| usize::saturating_mul(product, len))
}

/// Shapes of up to this many axes need no allocation.
const FEW: usize = 4;

impl Default for Shape {
    fn default() -> Self {
        Shape(Lengths::PerInput { rank: 0, lengths: [0; FEW] })
    }
}

impl Shape {
    /// The number of values in an array of this shape: the product of its axes, 1 for `()`.
    ///
    /// # Panics
    /// If the number overflows `usize`.
    #[inline]
    #[track_caller]
    pub fn numel(&self) -> usize {
        let (product, over) = self.product();
        if over { self.numel_beyond("shape").or_panic() } else { product }
    }

    /// [`numel`](Shape::numel) for a shape that comes from data.
    #[inline]
    pub(crate) fn checked_numel(&self, op: &'static str) -> Result<usize, Error> {
        let (product, over) = self.product();
        if !over && product <= isize::MAX as usize / size_of::<f64>() { Ok(product) } else { self.numel_beyond(op) }
    }

    #[cold]
    #[inline(never)]
    fn numel_beyond(&self, op: &'static str) -> Result<usize, Error> {
        // A single axis of length 0 leaves no values.
        if self.contains(&0) {
            return Ok(0);
        }
        Err(Error::shape(op, format!("shape {self} has more values than a computer can hold")))
    }

    /// The product of the axes, and whether it overflowed `usize` on the way.
    #[inline]
    fn product(&self) -> (usize, bool) {
        self.iter().fold((1, false), |(product, over), &len| {
            let (product, more) = usize::overflowing_mul(product, len);
            (product, over | more)
        })
    }

    /// `Ok` if `axis` exists.
    pub(crate) fn axis(&self, op: &'static str, axis: usize) -> Result<usize, Error> {
        if axis < self.len() {
            return Ok(self[axis]);
        }
        let range = if self.is_empty() { "no axes".into() } else { format!("axes 0 to {}", self.len() - 1) };
        Err(Error::shape(op, format!("axis {axis} does not exist in shape {self}, which has {range}")))
    }

    /// This shape with the length of `axis` replaced.
    pub(crate) fn with_axis(&self, axis: usize, len: usize) -> Shape {
        self.iter().enumerate().map(|(i, &n)| if i == axis { len } else { n }).collect()
    }

    /// This shape with an axis inserted before position `axis`.
    pub(crate) fn inserted(&self, axis: usize, len: usize) -> Shape {
        self[..axis].iter().copied().chain([len]).chain(self[axis..].iter().copied()).collect()
    }

    /// This shape without the axes in `axes`.
    pub(crate) fn without(&self, axes: std::ops::Range<usize>) -> Shape {
        self[..axes.start].iter().chain(&self[axes.end..]).copied().collect()
    }

    /// (product before, product of, product after) the axes in `axes`: the array as three nested loops.
    pub(crate) fn around(&self, axes: std::ops::Range<usize>) -> (usize, usize, usize) {
        (count(&self[..axes.start]), count(&self[axes.clone()]), count(&self[axes.end..]))
    }

    /// Row-major strides; 0 where there is nothing to read.
    pub(crate) fn strides(&self) -> SmallVec<[isize; 4]> {
        if self.contains(&0) {
            return smallvec::smallvec![0; self.len()];
        }
        let mut strides: SmallVec<[isize; 4]> = smallvec::smallvec![1; self.len()];
        for i in (1..self.len()).rev() {
            strides[i - 1] = strides[i] * self[i] as isize;
        }
        strides
    }
}

impl Deref for Shape {
    type Target = [usize];
    #[inline]
    fn deref(&self) -> &[usize] {
        match &self.0 {
            Lengths::PerInput { rank, lengths } => &lengths[..usize::from(*rank)],
            Lengths::Many(lengths) => lengths,
        }
    }
}

impl From<&[usize]> for Shape {
    #[inline]
    fn from(axes: &[usize]) -> Self {
        if axes.len() > FEW {
            return Shape(Lengths::Many(axes.into()));
        }
        let mut lengths = [0; FEW];
        lengths[..axes.len()].copy_from_slice(axes);
        Shape(Lengths::PerInput { rank: axes.len() as u8, lengths })
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    #[inline]
    fn from(axes: [usize; N]) -> Self {
        Shape::from(&axes[..])
    }
}

impl From<Vec<usize>> for Shape {
    fn from(axes: Vec<usize>) -> Self {
        Shape::from(&axes[..])
    }
}

impl From<usize> for Shape {
    fn from(n: usize) -> Self {
        Shape::from([n])
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        shape.clone()
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(axes: I) -> Self {
        let (mut rank, mut lengths) = (0, [0; FEW]);
        let mut axes = axes.into_iter();
        while let Some(axis) = axes.next() {
            if rank == FEW {
                let all: Vec<usize> = lengths.into_iter().chain([axis]).chain(axes).collect();
                return Shape(Lengths::Many(all.into()));
            }
            lengths[rank] = axis;
            rank += 1;
        }
        Shape(Lengths::PerInput { rank: rank as u8, lengths })
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self[..] {
            [n] => write!(f, "({n},)"),
            axes => {
                let axes: Vec<_> = axes.iter().map(usize::to_string).collect();
                write!(f, "({})", axes.join(", "))
            }
        }
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Broadcasts two shapes by NumPy's rule, on behalf of the operation `op`.
///
/// Shapes are aligned at the last axis; lengths agree, or one of them is 1 or missing.
///
/// ```
/// use autograd::{broadcast, Shape};
/// let shape = broadcast("add", &Shape::from([5, 1]), &Shape::from([3])).unwrap();
/// assert_eq!(shape, Shape::from([5, 3]));
/// let error = broadcast("add", &Shape::from([2]), &Shape::from([3])).unwrap_err();
/// assert!(error.to_string().starts_with("add: shapes (2,) and (3,) do not broadcast"));
/// ```
///
/// # Errors
/// If the lengths of an aligned axis differ and neither is 1, or the result has more values than memory can address.
pub fn broadcast(op: &'static str, a: &Shape, b: &Shape) -> Result<Shape, Error> {
    if a == b {
        return Ok(a.clone());
    }
    let rank = a.len().max(b.len());
    let at = |s: &Shape, i: usize| (i + s.len()).checked_sub(rank).map_or(1, |i| s[i]);
    let shape = (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (m, n) if m == n => Ok(m),
            (1, n) => Ok(n),
            (m, 1) => Ok(m),
            (m, n) => Err(Error::shape(
                op,
                format!(
                    "shapes {a} and {b} do not broadcast: axis {i} of the result would need {m} = {n} \
                     (axes align at the last one; a length of 1 stretches); reshape or transpose an operand?"
                ),
            )),
        })
        .collect::<Result<Shape, Error>>()?;
    shape.checked_numel(op)?;
    Ok(shape)
}

/// Whether an array of shape `from` is stretched to shape `to` beside one of that shape.
pub(crate) fn stretches_to(from: &[usize], to: &[usize]) -> bool {
    from.len() <= to.len() && from.iter().zip(&to[to.len() - from.len()..]).all(|(&n, &to)| n == to || n == 1)
}

/// One axis or several, given as `1`, `[0, 2]`, a slice, or a range such as `0..2`.
///
/// ```
/// use autograd::Tensor;
/// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(x.sum_axis(0), Tensor::from([4.0, 6.0]));
/// assert_eq!(x.sum_axis([0, 1]), Tensor::from(10.0));
/// ```
pub trait Axes {
    /// The axes as a list.
    fn list(&self) -> SmallVec<[usize; 4]>;
}

impl Axes for usize {
    fn list(&self) -> SmallVec<[usize; 4]> {
        smallvec::smallvec![*self]
    }
}

impl<const N: usize> Axes for [usize; N] {
    fn list(&self) -> SmallVec<[usize; 4]> {
        SmallVec::from_slice(self)
    }
}

impl Axes for &[usize] {
    fn list(&self) -> SmallVec<[usize; 4]> {
        SmallVec::from_slice(self)
    }
}

impl Axes for std::ops::Range<usize> {
    fn list(&self) -> SmallVec<[usize; 4]> {
        self.clone().collect()
    }
}

/// The axes, sorted and checked, without repetition.
pub(crate) fn checked_axes(op: &'static str, shape: &Shape, axes: impl Axes) -> Result<SmallVec<[usize; 4]>, Error> {
    let mut list = axes.list();
    list.sort_unstable();
    for (i, &axis) in list.iter().enumerate() {
        shape.axis(op, axis)?;
        if i > 0 && list[i - 1] == axis {
            return Err(Error::shape(op, format!("axis {axis} is named twice")));
        }
    }
    Ok(list)
}
