//! User-defined elementwise functions, fused.

use std::sync::Arc;

use smallvec::SmallVec;

use super::reads::Reads;
use super::{Array, Input, Operation};
use crate::error::Error;
use crate::kernels::fused::{ElementwiseN, FusedForAll, KEPT, Kernel, ORDERS};
use crate::number::Float;
use crate::shape::{Shape, broadcast};

/// `y = f(x₀, x₁, …)`, or a partial derivative of it; `dx_k = dy · ∂y/∂x_k`, the same function differentiated once
/// more.
///
/// Only the function's slope is known here. Where it is exactly 0, no gradient passes, as on a flat side, not even an
/// infinite gradient. A slope of 0 still has derivatives: that of `x·x` at 0 grows by 2.
#[derive(Debug, Clone)]
pub(crate) struct Map {
    f: Arc<dyn FusedForAll>,
    /// The inputs of the partial derivative, in any order; none for the value.
    wrt: SmallVec<[u8; ORDERS]>,
}

/// The largest number of inputs of a fused function.
const MOST: usize = 1 << u8::BITS;

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.f, &other.f) && self.wrt == other.wrt
    }
}

impl Map {
    pub(crate) fn of(f: Arc<dyn FusedForAll>) -> Self {
        Map { f, wrt: SmallVec::new() }
    }

    /// The derivative with respect to input `k`.
    pub(crate) fn slope_of(f: Arc<dyn FusedForAll>, k: usize) -> Self {
        Map { f, wrt: SmallVec::from_slice(&[k as u8]) }
    }

    /// The sum of the values, and the derivatives.
    pub(crate) fn sum_with_slopes<T: Float>(&self, x: &[T], slopes: &mut [T]) -> T {
        self.f.of::<T>().sum_with_slope(x, slopes)
    }

    /// The partial derivative `∂y/∂x_k`.
    #[track_caller]
    fn slope<A: Array>(&self, k: usize, x: &[&A]) -> A {
        let mut slope = self.clone();
        slope.wrt.push(k as u8);
        A::apply(slope, x[0].shape(), x)
    }
}

impl Operation for Map {
    const NAMES: &'static [&'static str] = &["map"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        let x: SmallVec<[&[T]; 4]> = x.iter().map(|x| x.values).collect();
        self.f.of::<T>().run(&self.wrt, &x, out);
    }

    fn keeps_slopes(&self, inputs: usize) -> bool {
        inputs <= KEPT && self.wrt.is_empty()
    }

    fn forward_with_slopes<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T], slopes: &mut [T]) {
        let x: SmallVec<[&[T]; 4]> = x.iter().map(|x| x.values).collect();
        self.f.of::<T>().run_with_slopes(&x, out, slopes);
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::stretched(x[k], shape)
    }

    #[track_caller]
    fn vjp<A: Array>(&self, k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        dy.shared(&self.slope(k, x))
    }

    #[track_caller]
    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        let along = |(k, dx): (usize, &Option<&A>)| Some((*dx)?.shared(&self.slope(k, x)));
        let parts = dx.iter().enumerate().filter_map(along);
        parts.reduce(|a, b| a.add(&b)).unwrap_or_else(|| y.zeros_like())
    }
}

/// Arrays broadcast to their common shape, for the fused function `op`.
#[track_caller]
pub(crate) fn whole<A: Array, const K: usize>(op: &'static str, x: [&A; K]) -> Result<[A; K], Error> {
    // A derivative names each of its inputs by a byte.
    if !(1..=MOST).contains(&K) {
        return Err(Error::shape(op, format!("a fused function of {K} inputs; it can have 1 to {MOST}")));
    }
    let mut shape = x[0].shape();
    for other in &x[1..] {
        x[0].meets(other, op);
        shape = broadcast(op, &shape, &other.shape())?;
    }
    let mut whole = x.map(A::clone);
    for x in &mut whole {
        *x = x.expanded(&shape); // a loop, so that a panic points at the caller
    }
    Ok(whole)
}

/// Applies `f` to arrays that broadcast to one shape; `op` is the method that the user called.
#[track_caller]
pub(crate) fn map<A: Array, F: ElementwiseN<K>, const K: usize>(
    op: &'static str,
    x: [&A; K],
    f: F,
) -> Result<A, Error> {
    let x = whole(op, x)?;
    Ok(A::apply(Map::of(Arc::new(Kernel(f))), x[0].shape(), &x.each_ref()))
}
