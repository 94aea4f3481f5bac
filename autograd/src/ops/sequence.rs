//! Operations on sequences, composed of others: their derivatives are those of what they consist of.

use super::reduce::{Reduction, reduce};
use super::roll::roll;
use super::{Array, elementwise, index, view};
use crate::error::Error;
use crate::number::rows::{Binary, Unary};
use crate::number::{Float, Number};
use crate::shape::{Shape, broadcast};

/// `y[j] = x[j + 1] − x[j]`; one value less.
#[track_caller]
pub(crate) fn diff<A: Array>(x: &A, axis: usize) -> Result<A, Error> {
    let shape = x.shape();
    let n = shape.axis("diff", axis)?;
    if n == 0 {
        return Err(Error::shape("diff", format!("axis {axis} of shape {shape} is empty, and has no differences")));
    }
    Ok(view::slice(x, axis, 1..n, 1)?.sub(&view::slice(x, axis, 0..n - 1, 1)?))
}

/// `y[j] = x[0]·…·x[j]`, in steps that double their reach (Hillis & Steele 1986): right where factors are 0.
#[track_caller]
pub(crate) fn cumprod<A: Array>(x: &A, axis: usize) -> Result<A, Error> {
    let shape = x.shape();
    let (n, mut y, mut reach) = (shape.axis("cumprod", axis)?, x.clone(), 1);
    while reach < n && shape.numel() > 0 {
        let mut widths = vec![(0, 0); shape.len()];
        widths[axis] = (reach, 0);
        y = y.mul(&view::pad(&view::slice(&y, axis, 0..n - reach, 1)?, &widths, 1.0)?);
        reach *= 2;
    }
    Ok(y)
}

/// `1, x, x², …` along a new last axis: `(…) → (…, count)`.
#[track_caller]
pub(crate) fn vander<A: Array>(x: &A, count: usize) -> Result<A, Error> {
    let (shape, rank) = (x.shape(), x.shape().len());
    if count == 0 {
        return Err(Error::shape("vander", "0 powers asked for; there is one at least"));
    }
    let result = shape.inserted(rank, count);
    result.checked_numel("vander")?;
    let mut widths = vec![(0, 0); rank];
    widths.push((1, 0));
    let factors = view::unsqueeze(x, rank)?.expanded(&result.with_axis(rank, count - 1));
    cumprod(&view::pad(&factors, &widths, 1.0)?, rank)
}

/// Repeats each value `count` times along an axis.
#[track_caller]
pub(crate) fn repeat<A: Array>(x: &A, axis: usize, count: usize) -> Result<A, Error> {
    let shape = x.shape();
    let n = shape.axis("repeat", axis)?;
    let result = shape.with_axis(axis, n.saturating_mul(count));
    result.checked_numel("repeat")?;
    Ok(view::unsqueeze(x, axis + 1)?.expanded(&shape.inserted(axis + 1, count)).reshaped(&result))
}

/// Repeats the whole `counts[i]` times along axis `i`.
#[track_caller]
pub(crate) fn tile<A: Array>(x: &A, counts: &[usize]) -> Result<A, Error> {
    let shape = x.shape();
    if counts.len() != shape.len() {
        let law = format!("{} counts given for the {} axes of shape {shape}", counts.len(), shape.len());
        return Err(Error::shape("tile", law));
    }
    let pairs = |first: &dyn Fn(usize) -> usize| -> Shape {
        shape.iter().enumerate().flat_map(|(i, &n)| [first(i), n]).collect()
    };
    let result: Shape = shape.iter().zip(counts).map(|(n, &count)| n.saturating_mul(count)).collect();
    result.checked_numel("tile")?;
    Ok(x.clone().reshaped(&pairs(&|_| 1)).expanded(&pairs(&|i| counts[i])).reshaped(&result))
}

/// The distances between the rows of `a` and of `b`: `(…, m, d)` and `(…, n, d)` → `(…, m, n)`.
#[track_caller]
pub(crate) fn cdist<A: Array>(a: &A, b: &A) -> Result<A, Error> {
    let (shape_a, shape_b) = (a.shape(), b.shape());
    let ([.., _, d], [.., _, other]) = (&shape_a[..], &shape_b[..]) else {
        return Err(Error::shape(
            "cdist",
            format!("{shape_a} and {shape_b}: two matrices of points in rows are needed"),
        ));
    };
    if d != other {
        let law = format!("the points of {shape_a} have {d} coordinates, those of {shape_b} have {other}");
        return Err(Error::shape("cdist", law));
    }
    let rows = view::unsqueeze(a, shape_a.len() - 1)?;
    let difference = elementwise::binary(Binary::Sub, &rows, &view::unsqueeze(b, shape_b.len() - 2)?)?;
    let last = difference.shape().len() - 1;
    reduce(Reduction::Norm, &difference, last, false)
}

/// Norms below this count as this in a similarity, as in PyTorch.
const LEAST_NORM: f64 = 1e-8;

/// `a·b/(‖a‖·‖b‖)` along an axis.
#[track_caller]
pub(crate) fn cosine_similarity<A: Array>(a: &A, b: &A, axis: usize) -> Result<A, Error> {
    a.meets(b, "cosine_similarity");
    let shape = broadcast("cosine_similarity", &a.shape(), &b.shape())?;
    shape.axis("cosine_similarity", axis)?;
    // Each by itself: the product of two long vectors may overflow.
    let unit = |x: &A| {
        let x = x.expanded(&shape);
        let norm = reduce(Reduction::Norm, &x, axis, true)?.unary(Unary::MaxNumber, [LEAST_NORM, 0.0]);
        Ok::<A, Error>(x.binary(Binary::Div, &norm))
    };
    reduce(Reduction::Sum, &unit(a)?.mul(&unit(b)?), axis, false)
}

/// The integral of the straight lines through values a distance of `dx` apart.
#[track_caller]
pub(crate) fn trapezoid<A: Array>(y: &A, axis: usize, dx: f64) -> Result<A, Error> {
    let shape = y.shape();
    let n = shape.axis("trapezoid", axis)?;
    let weight = |j: usize| match j {
        _ if n == 1 => 0.0,
        _ if j == 0 || j + 1 == n => dx / 2.0,
        _ => dx,
    };
    let mut along: Vec<usize> = vec![1; shape.len()];
    along[axis] = n;
    reduce(
        Reduction::Sum,
        &y.mul(&y.constant_like(along.into_iter().collect(), |j| A::Value::from_f64(weight(j)))),
        axis,
        false,
    )
}

/// `a × b` along an axis of length 3: `y_i = a_{i+1}·b_{i+2} − a_{i+2}·b_{i+1}`, in a circle.
#[track_caller]
pub(crate) fn cross<A: Array>(a: &A, b: &A, axis: usize) -> Result<A, Error> {
    let shape = broadcast("cross", &a.shape(), &b.shape())?;
    let n = shape.axis("cross", axis)?;
    if n != 3 {
        let law = format!("axis {axis} of shape {shape} has length {n}, and vectors of 3 values are needed");
        return Err(Error::shape("cross", law));
    }
    let [a, b] = [a, b].map(|x| x.expanded(&shape));
    let product = |by_a: isize, by_b: isize| Ok::<A, Error>(roll(&a, by_a, axis)?.mul(&roll(&b, by_b, axis)?));
    Ok(product(-1, -2)?.sub(&product(-2, -1)?))
}

/// The straight lines through the points `(xp, fp)` at `x`, with `xp` rising; the first and last of `fp` beyond them.
#[track_caller]
pub(crate) fn interp<A: Array>(x: &A, fp: &A, xp: &[A::Value]) -> Result<A, Error> {
    let (shape, points) = (x.shape(), fp.shape());
    let n = xp.len();
    if points.len() != 1 || points[0] != n || n == 0 {
        let law = format!("values of shape {points} at {n} places: one value for each, and at least one, is needed");
        return Err(Error::shape("interp", law));
    }
    let rises = |i: &usize| xp[*i] > xp[i - 1];
    if let Some(i) = (1..n).find(|i| !rises(i)) {
        let law = format!("place {i} is {}, not above {} before it; sort the places?", xp[i], xp[i - 1]);
        return Err(Error::shape("interp", law));
    }
    if n == 1 {
        return Ok(fp.clone().reshaped(&Shape::default()).expanded(&shape));
    }
    // The line that each value lies on.
    let segments: Vec<usize> =
        x.with_values(|x| x.iter().map(|x| xp.partition_point(|place| place <= x).clamp(1, n - 1) - 1).collect());
    let of = |values: &dyn Fn(usize) -> A::Value| x.constant_like(shape.clone(), |at| values(segments[at]));
    let first = of(&|i| xp[i]);
    let width = of(&|i| xp[i + 1] - xp[i]);
    let inside = x.unary(Unary::Clamp, [xp[0].to_f64(), xp[n - 1].to_f64()]);
    let share = inside.sub(&first).binary(Binary::Div, &width);
    let left = index::take(fp, 0, &segments)?.reshaped(&shape);
    let right = index::take(fp, 0, &segments.iter().map(|i| i + 1).collect::<Vec<_>>())?.reshaped(&shape);
    // Weights that are 0 and 1 at the ends, so that the points themselves are exact.
    Ok(left.mul(&share.unary(Unary::SubFrom, [1.0, 0.0])).add(&right.mul(&share)))
}

/// `(Σ|x|ᵖ)^(1/p)` along an axis, for `p ≥ 1`, infinity included; scaled by the largest, so that no power overflows.
#[track_caller]
pub(crate) fn p_norm<A: Array>(x: &A, p: f64, axis: usize) -> Result<A, Error> {
    let n = x.shape().axis("p_norm", axis)?;
    let size = x.unary(Unary::Abs, [0.0; 2]);
    if p < 1.0 || p.is_nan() {
        return Err(Error::shape("p_norm", format!("p is {p}; a norm needs p ≥ 1, or infinity")));
    }
    if p == 1.0 || n == 0 {
        return reduce(Reduction::Sum, &size, axis, false);
    }
    if p == 2.0 {
        return reduce(Reduction::Norm, x, axis, false);
    }
    let largest = reduce(Reduction::Max, &size, axis, true)?;
    if p == f64::INFINITY {
        return view::squeeze(&largest, axis);
    }
    // As a constant: the scale cancels. A row of zeros, or with an infinity, is divided by 1.
    let scale: Vec<A::Value> = largest.with_values(|x| {
        x.iter().map(|&x| if x.to_f64() > 0.0 && x.is_finite() { x } else { A::Value::one() }).collect()
    });
    let scale = x.constant_like(largest.shape(), |at| scale[at]);
    let sum = reduce(Reduction::Sum, &size.binary(Binary::Div, &scale).unary(Unary::Powf, [p, 0.0]), axis, false)?;
    // The root has no slope at 0, where the norm has a kink: there the gradient is 0 by policy.
    let (one, positive) = (sum.full_like(A::Value::one()), sum.unary(Unary::Sign, [0.0; 2]));
    let root = elementwise::select(&positive, &sum, &one).unary(Unary::Powf, [p.recip(), 0.0]);
    let norm = elementwise::select(&positive, &root, &sum.zeros_like());
    Ok(norm.mul(&view::squeeze(&scale, axis)?))
}

/// Scales vectors along an axis down to the p-norm `largest`, if theirs is larger.
#[track_caller]
pub(crate) fn renorm<A: Array>(x: &A, p: f64, axis: usize, largest: f64) -> Result<A, Error> {
    if !(largest > 0.0 && largest.is_finite()) {
        return Err(Error::shape("renorm", format!("the largest norm is {largest}; it must be above 0 and finite")));
    }
    let norm = view::unsqueeze(&p_norm(x, p, axis)?, axis)?.unary(Unary::MaxNumber, [largest, 0.0]);
    Ok(x.mul(&norm.full_like(A::Value::from_f64(largest)).binary(Binary::Div, &norm)))
}
