//! Values read from given places, and put at them. Slices by one list of indices are in `views`.

use crate::error::{Error, OrPanic};
use crate::number::Float;
use crate::ops::index;
use crate::ops::scatter::{self, Scatter};
use crate::shape::Shape;
use crate::tape::{Operand, Var};
use crate::tensor::Tensor;

methods! {
    trait Places;

    /// Selects one value for each index: `y[i, …, j, …] = x[i, …, indices[i, …, j, …], …]`, where the index stands on
    /// `axis`.
    ///
    /// The indices are an array of shape `shape` in row-major order, and `y` has that shape. It has the axes of this
    /// array, none longer than here except for `axis`. The gradient of a value is added where it was read. With the
    /// indices of [`argsort`](Tensor::argsort) an array takes the order of another.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!(x.gather(1, [2, 2], &[0, 0, 2, 1]), Tensor::from([[1.0, 1.0], [6.0, 5.0]]));
    /// ```
    ///
    /// # Panics
    /// If the axis or an index does not exist, `shape` does not fit, or there is not one index for each of its values.
    fn gather / try_gather (x, axis: usize, shape: impl Into<Shape>, indices: &[usize]) index::gather(x, axis, shape.into(), indices);
}

/// Methods that bring the values of another array to places of this one.
macro_rules! placed {
    ($(
        $(#[$doc:meta])* fn $name:ident / $try:ident ($x:ident, $axis:ident, $indices:ident, $values:ident $(, $how:ident: $How:ty)?) $body:expr;
    )*) => {
        impl<'t, T: Float> Var<'t, T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(self, $axis: usize, $indices: &[usize], $values: impl Operand<'t, T> $(, $how: $How)?) -> Self {
                self.tape().note();
                let ($x, $values) = (&self, &$values.operand_of(stringify!($name), self.tape()));
                $body.named(stringify!($name)).or_panic()
            }
            methods!(try $try $name Self, [self, $axis: usize, $indices: &[usize], $values: impl Operand<'t, T> $(, $how: $How)?] {
                self.tape().note();
                let ($x, $values) = (&self, &$values.operand_of(stringify!($name), self.tape()));
                $body
            });
        )* }
        impl<T: Float> Tensor<T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self, $axis: usize, $indices: &[usize], $values: &Tensor<T> $(, $how: $How)?) -> Self {
                let $x = self;
                $body.named(stringify!($name)).or_panic()
            }
            methods!(try $try $name Self, [&self, $axis: usize, $indices: &[usize], $values: &Tensor<T> $(, $how: $How)?] {
                let $x = self;
                $body
            });
        )* }
    };
}

placed! {
    /// Brings each of `values` to the place of this array whose index along `axis` is given; [`Scatter`] says what
    /// becomes of what meets there.
    ///
    /// `values[i, …, j, …]` goes to `[i, …, indices[i, …, j, …], …]`, where the index stands on `axis`: the transpose of
    /// [`gather`](Self::gather). There is one index for each value, in row-major order. `values` has the axes of this
    /// array, none longer than here except for `axis`. Both arrays get gradients.
    ///
    /// ```
    /// use autograd::{Scatter, Tape};
    /// let tape = Tape::new();
    /// let (x, values) = (tape.var([[0.0, 0.0], [0.0, 5.0]]), tape.var([[1.0, 2.0], [3.0, 4.0]]));
    /// let y = x.scatter(1, &[0, 0, 1, 1], values, Scatter::Max);
    /// assert_eq!(y.value().to_vec(), [2.0, 0.0, 0.0, 5.0]);
    /// let grads = y.sum().backward();
    /// assert_eq!(grads[x].to_vec(), [0.0, 1.0, 1.0, 1.0]);
    /// assert_eq!(grads[values].to_vec(), [0.0, 1.0, 0.0, 0.0]);
    /// ```
    ///
    /// The mean of what comes alone, without what was there, is a sum over a count:
    ///
    /// ```
    /// use autograd::{Scatter, Tensor};
    /// let (zeros, values) = (Tensor::zeros([3]), Tensor::from([1.0, 5.0, 7.0]));
    /// let add = |values: &Tensor| zeros.scatter(0, &[0, 0, 2], values, Scatter::Add);
    /// assert_eq!(add(&values) / add(&Tensor::ones([3])).maximum(1.0), Tensor::from([3.0, 0.0, 7.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis or an index does not exist, `values` does not fit, or there is not one index for each of them.
    fn scatter / try_scatter (x, axis, indices, values, how: Scatter) scatter::scatter(x, axis, indices, values, how);

    /// Replaces the slices at `indices` of `axis`, those that [`take`](Self::take) would select, by those of `values`.
    ///
    /// `values` is stretched to their shape if need be. If an index repeats, the last slice stays. The gradient goes to
    /// the values that were put, and to those of this array that stay.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let (x, values) = (tape.var([[1.0, 2.0], [3.0, 4.0]]), tape.var([[7.0, 8.0]]));
    /// let y = x.put(0, &[1], values);
    /// assert_eq!(y.value().to_vec(), [1.0, 2.0, 7.0, 8.0]);
    /// let grads = y.square().sum().backward();
    /// assert_eq!(grads[x].to_vec(), [2.0, 4.0, 0.0, 0.0]);
    /// assert_eq!(grads[values].to_vec(), [14.0, 16.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis or an index does not exist, or `values` cannot be stretched to the slices.
    fn put / try_put (x, axis, indices, values) scatter::put(x, axis, indices, values);
}
