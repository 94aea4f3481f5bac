//! Values put at given places of an array, and masks.

use std::sync::Arc;

use super::index::{added, at, checked, placed, positions};
use super::reads::Reads;
use super::{Array, Input, Operation, elementwise, index, join, sum, view};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::number::rows::{Binary, Unary};
use crate::number::{Float, Number};
use crate::shape::{Shape, broadcast};

/// What becomes of a place that [`Var::scatter`](crate::Var::scatter) brings values to.
///
/// The value that is there already counts as one of them, except for [`Set`](Scatter::Set).
///
/// ```
/// use autograd::{Scatter, Tensor};
/// let (x, values) = (Tensor::from([1.0, 7.0]), Tensor::from([5.0, 3.0]));
/// let both = |how| x.scatter(0, &[0, 0], &values, how);
/// assert_eq!(both(Scatter::Set), Tensor::from([3.0, 7.0]));
/// assert_eq!(both(Scatter::Add), Tensor::from([9.0, 7.0]));
/// assert_eq!(both(Scatter::Max), Tensor::from([5.0, 7.0]));
/// assert_eq!(both(Scatter::Min), Tensor::from([1.0, 7.0]));
/// assert_eq!(both(Scatter::Mean), Tensor::from([3.0, 7.0]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scatter {
    /// The last value that comes, which alone gets the gradient.
    Set,
    /// The sum.
    Add,
    /// The largest, NaN if any is NaN; ties share the gradient equally.
    Max,
    /// The smallest, NaN if any is NaN; ties share the gradient equally.
    Min,
    /// The mean of the value that is there and of all that come.
    Mean,
}

/// The extreme of `x` and of the values that come to each of its places; ties share the gradient equally.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScatterExtreme {
    positions: Arc<Vec<usize>>,
    largest: bool,
}

impl ScatterExtreme {
    /// For `x` or, if `k` is 1, for the values that come: 1 over the number of ties where it is the extreme, else 0.
    #[track_caller]
    fn share<A: Array>(&self, k: usize, x: &[&A], y: &A) -> A {
        let [own, come] = [x[0].binary(Binary::Equal, y), x[1].binary(Binary::Equal, &self.places(y, &x[1].shape()))];
        // NaN equals nothing: there are no ties then, and no share.
        let ties = own.add(&self.sums(&come, &y.shape())).unary(Unary::MaxNumber, [1.0, 0.0]);
        match k {
            0 => own.binary(Binary::Div, &ties),
            _ => come.binary(Binary::Div, &self.places(&ties, &x[1].shape())),
        }
    }

    #[track_caller]
    fn places<A: Array>(&self, y: &A, shape: &Shape) -> A {
        at(y, self.positions.clone(), shape.clone())
    }

    #[track_caller]
    fn sums<A: Array>(&self, values: &A, shape: &Shape) -> A {
        added(values, self.positions.clone(), shape.clone())
    }
}

impl Operation for ScatterExtreme {
    const NAMES: &'static [&'static str] = &["scatter_max", "scatter_min"];

    fn name(&self) -> &'static str {
        Self::NAMES[usize::from(!self.largest)]
    }

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        out.copy_from_slice(x[0].values);
        kernels::scatter_extreme(x[1].values, &self.positions, self.largest, out);
    }

    fn reads(&self, k: usize, _x: &[&Shape], shape: &Shape) -> Reads {
        if k == 0 { Reads::Same } else { Reads::brought(self.positions.iter().copied(), shape) }
    }

    fn vjp<A: Array>(&self, k: usize, x: &[&A], y: &A, dy: &A) -> A {
        let share = self.share(k, x, y);
        if k == 0 { dy.shared(&share) } else { self.places(dy, &x[1].shape()).shared(&share) }
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        let own = dx[0].map(|dx| dx.shared(&self.share(0, x, y)));
        let come = dx[1].map(|dx| self.sums(&dx.shared(&self.share(1, x, y)), &y.shape()));
        sum([own, come])
    }
}

/// Brings each of `values` to the place of `x` whose index along `axis` is given.
#[track_caller]
pub(crate) fn scatter<A: Array>(x: &A, axis: usize, indices: &[usize], values: &A, how: Scatter) -> Result<A, Error> {
    let (whole, shape) = (x.shape(), values.shape());
    let len = placed("scatter", &whole, axis, &shape, indices)?;
    checked("scatter", axis, len, indices)?;
    let positions = positions(&whole, axis, &shape, indices);
    if how == Scatter::Set {
        let (len, values) = (whole.numel(), values.clone().reshaped(&Shape::from(shape.numel())));
        return Ok(replaced(&x.clone().reshaped(&Shape::from(len)), 0, len, &positions, &values)?.reshaped(&whole));
    }
    let counts = (how == Scatter::Mean).then(|| {
        let mut counts = vec![A::Value::one(); whole.numel()];
        positions.iter().for_each(|&at| counts[at] = counts[at] + A::Value::one());
        counts
    });
    let positions = x.indices_like(positions.into_iter());
    if matches!(how, Scatter::Max | Scatter::Min) {
        let extreme = ScatterExtreme { positions, largest: how == Scatter::Max };
        return Ok(A::apply(extreme, whole, &[x, values]));
    }
    let sum = x.add(&added(values, positions, whole.clone()));
    Ok(match counts {
        Some(counts) => sum.binary(Binary::Div, &x.constant_like(whole, |at| counts[at])),
        None => sum,
    })
}

/// Slices of `x` along `axis`, of length `len`, replaced by those of `values`; of several for one place, the last.
#[track_caller]
fn replaced<A: Array>(x: &A, axis: usize, len: usize, indices: &[usize], values: &A) -> Result<A, Error> {
    if indices.is_empty() || x.shape().numel() == 0 {
        return Ok(x.clone()); // the lengths of what has no values may be beyond counting
    }
    let mut sources: Vec<usize> = (0..len).collect();
    indices.iter().enumerate().for_each(|(k, &place)| sources[place] = len + k);
    index::take(&join::concat("put", &[x, values], axis)?, axis, &sources)
}

/// `x` with the slices at `indices` of `axis` replaced by those of `values`, which is stretched to fit.
#[track_caller]
pub(crate) fn put<A: Array>(x: &A, axis: usize, indices: &[usize], values: &A) -> Result<A, Error> {
    let shape = x.shape();
    let len = shape.axis("put", axis)?;
    checked("put", axis, len, indices)?;
    let values = view::expand(values, shape.with_axis(axis, indices.len()))?;
    replaced(x, axis, len, indices, &values)
}

/// `value` where the mask is not 0, else `x`.
#[track_caller]
pub(crate) fn masked_fill<A: Array>(x: &A, mask: &A, value: f64) -> Result<A, Error> {
    let shape = broadcast("masked_fill", &x.shape(), &mask.shape())?;
    let value = x.constant_like(Shape::default(), |_| A::Value::from_f64(value));
    Ok(elementwise::select(&mask.expanded(&shape), &value.expanded(&shape), &x.expanded(&shape)))
}

/// The values of `x` where the mask is not 0, one after another.
#[track_caller]
pub(crate) fn masked_select<A: Array>(x: &A, mask: &A) -> Result<A, Error> {
    let shape = broadcast("masked_select", &x.shape(), &mask.shape())?;
    let (x, mask) = (x.expanded(&shape), mask.expanded(&shape));
    let chosen = |values: &[A::Value]| {
        let chosen = values.iter().enumerate().filter(|(_, mask)| **mask != A::Value::zero());
        chosen.map(|(position, _)| position).collect::<Vec<_>>()
    };
    let positions = x.indices_like(mask.with_values(chosen).into_iter());
    let target = Shape::from(positions.len());
    Ok(at(&x, positions, target))
}
