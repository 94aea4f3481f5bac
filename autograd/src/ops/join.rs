//! Joining arrays along an axis.

use std::sync::Arc;

use smallvec::SmallVec;

use super::reads::Reads;
use super::{Array, Input, Operation, linear, view};
use crate::error::Error;
use crate::kernels::layout::Rows;
use crate::number::Float;
use crate::shape::Shape;

/// Arrays one after another along `axis`; the gradient of each is its slice of `dy`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Concat {
    axis: usize,
    /// The start of each part. Adding up the lengths anew for each part took half a minute for a hundred thousand
    /// parts.
    starts: Arc<Vec<usize>>,
}

impl Concat {
    /// Where part `k` lies.
    pub(crate) fn rows_of(&self, k: usize, whole: &Shape, part: &Shape) -> Rows {
        Rows::of(self.axis, self.starts[k], whole, part)
    }
}

impl Operation for Concat {
    const NAMES: &'static [&'static str] = &["concat"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        let (outer, n, inner) = shape.around(self.axis..self.axis + 1);
        let mut start = 0;
        for x in x {
            let len = x.shape[self.axis] * inner;
            for o in 0..outer {
                let at = o * n * inner + start;
                out[at..at + len].copy_from_slice(&x.values[o * len..(o + 1) * len]);
            }
            start += len;
        }
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::copied(self, k, x, shape)
    }

    fn vjp<A: Array>(&self, k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        let (start, len) = (self.starts[k], x[k].shape()[self.axis]);
        view::slice(dy, self.axis, start..start + len, 1).expect("a part of the whole")
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        linear(self, x, y, dx)
    }
}

/// Joins arrays; `op` is the method that the user called.
#[track_caller]
pub(crate) fn concat<A: Array>(op: &'static str, x: &[&A], axis: usize) -> Result<A, Error> {
    let Some(first) = x.first() else {
        return Err(Error::shape(op, "no arrays given; at least one is needed"));
    };
    for x in x {
        first.meets(x, op); // a loop, so that a panic points at the caller
    }
    let shape = first.shape();
    shape.axis(op, axis)?;
    let mut len = 0;
    let mut starts: SmallVec<[usize; 8]> = SmallVec::new();
    for (i, x) in x.iter().enumerate() {
        let other = x.shape();
        let fits = |(i, (a, b)): (usize, (&usize, &usize))| i == axis || a == b;
        if other.len() != shape.len() || !shape.iter().zip(&*other).enumerate().all(fits) {
            let law = format!("array {i} of shape {other} does not fit {shape}: only axis {axis} may differ");
            return Err(Error::shape(op, law));
        }
        starts.push(len);
        len = usize::saturating_add(len, other[axis]);
    }
    let whole = shape.with_axis(axis, len);
    whole.checked_numel(op)?;
    Ok(A::apply(Concat { axis, starts: first.indices_like(starts.into_iter()) }, whole, x))
}

/// Joins arrays of one shape along a new axis.
#[track_caller]
pub(crate) fn stack<A: Array>(x: &[&A], axis: usize) -> Result<A, Error> {
    for other in x {
        x[0].meets(other, "stack");
    }
    let shape = x.first().map(|x| x.shape());
    if let Some((i, other)) = x.iter().enumerate().find(|(_, x)| Some(x.shape()) != shape) {
        let law = format!(
            "array {i} of shape {} does not fit {}: all shapes must be equal",
            other.shape(),
            shape.unwrap_or_default()
        );
        return Err(Error::shape("stack", law));
    }
    let mut parts: SmallVec<[A; 8]> = SmallVec::new();
    for x in x {
        parts.push(view::unsqueeze(*x, axis)?); // a loop likewise
    }
    concat("stack", &parts.iter().collect::<SmallVec<[&A; 8]>>(), axis)
}

/// The coordinates of the grid that vectors span.
#[track_caller]
pub(crate) fn meshgrid<A: Array>(vectors: &[&A]) -> Result<Vec<A>, Error> {
    let mut lengths = vec![];
    for (i, x) in vectors.iter().enumerate() {
        vectors[0].meets(x, "meshgrid"); // a loop, so that a panic points at the caller
        let shape = x.shape();
        let [n] = shape[..] else {
            return Err(Error::shape("meshgrid", format!("array {i} of shape {shape} is no vector; flatten it?")));
        };
        lengths.push(n);
    }
    let shape: Shape = lengths.iter().copied().collect();
    shape.checked_numel("meshgrid")?;
    let along = |i: usize| (0..lengths.len()).map(|k| if k == i { lengths[k] } else { 1 }).collect::<Shape>();
    Ok(vectors.iter().enumerate().map(|(i, x)| (*x).clone().reshaped(&along(i)).expanded(&shape)).collect())
}

/// Splits an array into parts of the given lengths along `axis`.
#[track_caller]
pub(crate) fn split<A: Array>(x: &A, axis: usize, lengths: &[usize]) -> Result<Vec<A>, Error> {
    let shape = x.shape();
    let len = shape.axis("split", axis)?;
    if lengths.iter().try_fold(0usize, |sum, &n| sum.checked_add(n)) != Some(len) {
        let law = format!("the lengths {lengths:?} must add up to {len}, axis {axis} of shape {shape}");
        return Err(Error::shape("split", law));
    }
    let (mut parts, mut start) = (Vec::with_capacity(lengths.len()), 0);
    for len in lengths {
        parts.push(view::slice(x, axis, start..start + len, 1)?);
        start += len;
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::ops::Op;
    use crate::tensor::Tensor;

    thread_local! {
        static ASKED: Cell<usize> = const { Cell::new(0) };
    }

    /// A tensor that counts the requests for its shape.
    #[derive(Clone)]
    struct Counted(Tensor);

    impl Array for Counted {
        type Value = f64;

        fn shape(&self) -> Shape {
            ASKED.set(ASKED.get() + 1);
            self.0.shape().clone()
        }

        fn apply(op: impl Into<Op>, shape: Shape, x: &[&Self]) -> Self {
            Counted(Tensor::apply(op, shape, &x.iter().map(|x| &x.0).collect::<Vec<_>>()))
        }

        fn with_values<R>(&self, see: impl FnOnce(&[f64]) -> R) -> R {
            self.0.with_values(see)
        }

        fn constant_like(&self, shape: Shape, value: impl FnMut(usize) -> f64) -> Self {
            Counted(self.0.constant_like(shape, value))
        }
    }

    /// The number of requests for shapes, to join `n` parts and to compute the gradient of each.
    fn asked(n: usize) -> usize {
        let parts: Vec<Counted> = (0..n).map(|i| Counted(Tensor::from([i as f64]))).collect();
        let parts: Vec<&Counted> = parts.iter().collect();
        let starts = Arc::new((0..n).collect());
        ASKED.set(0);
        let y = concat("concat", &parts, 0).unwrap();
        for k in 0..n {
            let dx = Concat { axis: 0, starts: Arc::clone(&starts) }.vjp(k, &parts, &y, &y);
            assert_eq!(dx.0.to_vec(), [k as f64]);
        }
        ASKED.get()
    }

    #[test]
    fn each_part_is_asked_a_few_times_however_many_there_are() {
        let [few, many] = [100, 400].map(asked);
        assert!(many <= 4 * few + 16, "{few} for 100 parts, {many} for 400");
    }
}
