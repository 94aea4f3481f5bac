//! Plain arrays on which the sweep evaluates the rules: borrowed from the tape, or owned and pooled.

use crate::kernels::compiled as kernels;
use crate::kernels::runs::Runs;
use crate::memory::pool::{Buffer, Pool};
use crate::number::Float;
use crate::number::rows::{Args, Binary, Unary};
use crate::ops::{Array, Input, Op, Reading};
use crate::per_input::PerInput;
use crate::shape::Shape;
use crate::tape::arena::Arena;

/// A value on the tape, or a gradient in a buffer that returns to the pool.
pub(crate) struct Eager<'s, T: Float> {
    shape: Shape,
    values: Values<'s, T>,
    pool: &'s Pool<T>,
}

enum Values<'s, T> {
    Tape(&'s [T]),
    Owned(Buffer<T>),
}

impl<'s, T: Float> Eager<'s, T> {
    pub(crate) fn owned(shape: &Shape, values: Buffer<T>, pool: &'s Pool<T>) -> Self {
        Eager { shape: shape.clone(), values: Values::Owned(values), pool }
    }

    /// A recorded value. No rule reads a transpose that is still deferred.
    #[track_caller]
    pub(crate) fn of(arena: &'s Arena<T>, array: u32, pool: &'s Pool<T>) -> Self {
        let shape = arena.arrays.shape(array).clone();
        Eager { shape, values: Values::Tape(arena.array_values(array)), pool }
    }

    pub(crate) fn full(shape: &Shape, value: T, pool: &'s Pool<T>) -> Self {
        let mut values = pool.take(shape.numel());
        values.fill(value);
        Self::owned(shape, values, pool)
    }

    pub(crate) fn values(&self) -> &[T] {
        match &self.values {
            Values::Tape(values) => values,
            Values::Owned(values) => values,
        }
    }

    fn input(&self) -> Input<'_, T> {
        Input { shape: &self.shape, values: self.values() }
    }

    /// The values as a buffer; only values on the tape are copied.
    pub(crate) fn into_values(mut self) -> Buffer<T> {
        match self.take() {
            Values::Owned(values) => values,
            Values::Tape(values) => self.pool.copy(values),
        }
    }

    /// Takes the values, and leaves none.
    fn take(&mut self) -> Values<'s, T> {
        std::mem::replace(&mut self.values, Values::Tape(&[]))
    }

    fn with_values(shape: Shape, values: Buffer<T>, pool: &'s Pool<T>) -> Self {
        Eager { shape, values: Values::Owned(values), pool }
    }
}

impl<T: Float> Clone for Eager<'_, T> {
    fn clone(&self) -> Self {
        let values = match &self.values {
            Values::Tape(values) => Values::Tape(values),
            Values::Owned(values) => Values::Owned(self.pool.copy(values)),
        };
        Eager { shape: self.shape.clone(), values, pool: self.pool }
    }
}

impl<T: Float> Drop for Eager<'_, T> {
    fn drop(&mut self) {
        if let Values::Owned(values) = self.take() {
            self.pool.give(values);
        }
    }
}

impl<T: Float> Array for Eager<'_, T> {
    type Value = T;

    fn shape(&self) -> Shape {
        self.shape.clone()
    }

    fn apply(op: impl Into<Op>, shape: Shape, x: &[&Self]) -> Self {
        let pool = x[0].pool;
        let mut out = pool.take(shape.numel());
        op.into().forward(&PerInput::of(x, |x| x.input()), &shape, &mut out);
        Eager::with_values(shape, out, pool)
    }

    fn with_values<R>(&self, see: impl FnOnce(&[T]) -> R) -> R {
        see(self.values())
    }

    fn constant_like(&self, shape: Shape, value: impl FnMut(usize) -> T) -> Self {
        let mut values = self.pool.take(shape.numel());
        values.iter_mut().zip((0..).map(value)).for_each(|(slot, value)| *slot = value);
        Eager::with_values(shape, values, self.pool)
    }

    fn full_like(&self, value: T) -> Self {
        Eager::full(&self.shape, value, self.pool)
    }

    fn reshaped(mut self, shape: &Shape) -> Self {
        Eager { shape: shape.clone(), values: self.take(), pool: self.pool }
    }
}

impl<T: Float> Reading for Eager<'_, T> {
    fn unary_vjp(row: Unary, args: Args, x: &Self, y: &Self, dy: Self) -> Self {
        let (shape, pool) = (dy.shape.clone(), dy.pool);
        let mut dx = dy.into_values();
        kernels::unary_chain(row, args, x.values(), y.values(), &mut dx);
        Eager::with_values(shape, dx, pool)
    }

    fn binary_vjp(row: Binary, second: bool, a: &Self, b: &Self, y: &Self, dy: Self) -> Self {
        if row.is_sum() {
            return dy;
        }
        let (shape, pool) = (dy.shape.clone(), dy.pool);
        let mut dx = dy.into_values();
        let runs = Runs::of_values(&shape, &a.shape, &b.shape);
        kernels::binary_chain(row, second, &runs, a.values(), b.values(), y.values(), &mut dx);
        Eager::with_values(shape, dx, pool)
    }
}
