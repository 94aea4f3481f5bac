//! Plain arrays as the sweep's reading of the rules: borrowed from the tape, or owned and pooled.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Pool;
use crate::kernels::elementwise as kernels;
use crate::number::Float;
use crate::ops::rows::{Args, Binary, Unary};
use crate::ops::{Array, Input, Op, Reading};
use crate::shape::Shape;
use crate::tape::arena::Arena;
use crate::tensor::Tensor;

/// A value on the tape, or a gradient in a buffer of the pool, to which it returns.
#[derive(Debug, Clone)]
pub(crate) struct Plain<'s, T: Float> {
    shape: Shape,
    values: Values<'s, T>,
    pool: &'s Pool<T>,
}

#[derive(Debug, Clone)]
enum Values<'s, T> {
    Tape(&'s [T]),
    Owned(Arc<Vec<T>>),
    /// Moved out.
    Gone,
}

impl<'s, T: Float> Plain<'s, T> {
    pub(crate) fn owned(shape: &Shape, values: Arc<Vec<T>>, pool: &'s Pool<T>) -> Self {
        Plain { shape: shape.clone(), values: Values::Owned(values), pool }
    }

    /// A recorded value. One whose transpose was never carried out is read by no rule.
    #[track_caller]
    pub(crate) fn of(arena: &'s Arena<T>, array: u32, pool: &'s Pool<T>) -> Self {
        let shape = arena.arrays[array as usize].shape.clone();
        Plain { shape, values: Values::Tape(arena.array_values(array)), pool }
    }

    pub(crate) fn full(shape: &Shape, value: T, pool: &'s Pool<T>) -> Self {
        let mut values = pool.take(shape.numel());
        Arc::get_mut(&mut values).expect("fresh from the pool").fill(value);
        Self::owned(shape, values, pool)
    }

    pub(crate) fn values(&self) -> &[T] {
        match &self.values {
            Values::Tape(values) => values,
            Values::Owned(values) => values,
            Values::Gone => unreachable!("only a dropped array has no values"),
        }
    }

    /// The values in a buffer; copied only from the tape.
    pub(crate) fn into_values(mut self) -> Arc<Vec<T>> {
        match std::mem::replace(&mut self.values, Values::Gone) {
            Values::Owned(values) => values,
            other => {
                self.values = other;
                let mut copy = self.pool.take(self.shape.numel());
                Arc::get_mut(&mut copy).expect("fresh from the pool").copy_from_slice(self.values());
                copy
            }
        }
    }

    /// The same gradient in a buffer of its own, to be overwritten.
    fn unique(self) -> (Shape, Arc<Vec<T>>, &'s Pool<T>) {
        let (shape, pool) = (self.shape.clone(), self.pool);
        (shape, pool.unique(self.into_values()), pool)
    }
}

impl<T: Float> Drop for Plain<'_, T> {
    fn drop(&mut self) {
        if let Values::Owned(values) = std::mem::replace(&mut self.values, Values::Gone) {
            self.pool.give(values);
        }
    }
}

impl<T: Float> Array for Plain<'_, T> {
    type Value = T;

    fn shape(&self) -> Shape {
        self.shape.clone()
    }

    fn apply(op: impl Into<Op>, shape: Shape, x: &[&Self]) -> Self {
        let pool = x[0].pool;
        let mut out = pool.take(shape.numel());
        let inputs: SmallVec<[Input<'_, T>; 4]> =
            x.iter().map(|x| Input { shape: &x.shape, values: x.values() }).collect();
        op.into().forward(&inputs, &shape, Arc::get_mut(&mut out).expect("fresh from the pool"));
        Plain { shape, values: Values::Owned(out), pool }
    }

    fn constant_like(&self, value: Tensor<T>) -> Self {
        Plain { shape: value.shape().clone(), values: Values::Owned(value.into_values()), pool: self.pool }
    }

    fn reshaped(&self, shape: &Shape) -> Self {
        Plain { shape: shape.clone(), values: self.values.clone(), pool: self.pool }
    }
}

impl<T: Float> Reading for Plain<'_, T> {
    fn unary_vjp(row: Unary, args: Args, x: &Self, y: &Self, dy: Self) -> Self {
        let (shape, mut dx, pool) = dy.unique();
        let values = Arc::get_mut(&mut dx).expect("made unique");
        kernels::unary_chain(row, args, x.values(), y.values(), values);
        Plain { shape, values: Values::Owned(dx), pool }
    }

    fn binary_vjp(row: Binary, second: bool, a: &Self, b: &Self, y: &Self, dy: Self) -> Self {
        if row.is_sum() {
            return dy;
        }
        let (shape, mut dx, pool) = dy.unique();
        let runs = kernels::Runs::new(&shape, &a.shape, &b.shape);
        let values = Arc::get_mut(&mut dx).expect("made unique");
        kernels::binary_chain(row, second, &runs, a.values(), b.values(), y.values(), values);
        Plain { shape, values: Values::Owned(dx), pool }
    }
}
