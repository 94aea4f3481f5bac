//! Shape, order and selection of values; running sums, softmax and normalisation along an axis.

use std::ops::Range;

use crate::error::{Error, OrPanic};
use crate::number::Float;
use crate::ops::{Array, diagonal, index, normalize, roll, scan, softmax, view};
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

methods! {
    trait Views;

    /// The same values in another shape with as many values.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([1.0, 2.0, 3.0, 4.0]);
    /// assert_eq!(x.reshape([2, 2]), Tensor::from([[1.0, 2.0], [3.0, 4.0]]));
    /// assert!(x.try_reshape([3]).is_err());
    /// ```
    ///
    /// # Panics
    /// If the numbers of values differ.
    fn reshape / try_reshape (x, shape: impl Into<Shape>) view::reshape(x, shape.into());

    /// All values as one axis.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0], [2.0]]).flatten(), Tensor::from([1.0, 2.0]));
    /// ```
    fn flatten(x) view::reshape(x, Shape::from([Array::shape(x).numel()]));

    /// Exchanges the last two axes: `(…, m, n) → (…, n, m)`. On a tape a product with the transpose copies nothing.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 2.0]]).t(), Tensor::from([[1.0], [2.0]]));
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    fn t(x) view::matrix_transpose(x);

    /// Exchanges two axes.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x: Tensor = Tensor::zeros([2, 3, 4]);
    /// assert_eq!(x.transpose(0, 2).shape(), &[4, 3, 2].into());
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist.
    fn transpose(x, a: usize, b: usize) view::transpose(x, a, b);

    /// Reorders the axes.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x: Tensor = Tensor::zeros([2, 3, 4]);
    /// assert_eq!(x.permute(&[2, 0, 1]).shape(), &[4, 2, 3].into());
    /// ```
    ///
    /// # Panics
    /// If `order` does not name each axis once.
    fn permute(x, order: &[usize]) view::permute(x, order);

    /// Broadcasts this array to `shape`; the gradient is summed over the stretched axes.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0], [2.0]]).expand([2, 2]), Tensor::from([[1.0, 1.0], [2.0, 2.0]]));
    /// ```
    ///
    /// # Panics
    /// If an axis of a length other than 1 would be stretched.
    fn expand / try_expand (x, shape: impl Into<Shape>) view::expand(x, shape.into());

    /// Removes `axis`, whose length must be 1.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 2.0]]).squeeze(0), Tensor::from([1.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or is longer than 1.
    fn squeeze(x, axis: usize) view::squeeze(x, axis);

    /// Inserts a new axis of length 1 before position `axis`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0]).unsqueeze(1), Tensor::from([[1.0], [2.0]]));
    /// ```
    ///
    /// # Panics
    /// If `axis` is greater than the number of axes.
    fn unsqueeze(x, axis: usize) view::unsqueeze(x, axis);

    /// Selects the indices `range` of `axis`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::<f64>::arange(5).slice(0, 1..3), Tensor::from([1.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If the range does not lie within the axis.
    fn slice(x, axis: usize, range: Range<usize>) view::slice(x, axis, range, 1);

    /// Selects every `step`-th index of `range` along `axis`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::<f64>::arange(5).slice_step(0, 0..5, 2), Tensor::from([0.0, 2.0, 4.0]));
    /// ```
    ///
    /// # Panics
    /// If the range does not lie within the axis, or `step` is 0.
    fn slice_step(x, axis: usize, range: Range<usize>, step: usize) view::slice(x, axis, range, step);

    /// Selects one index of `axis`, and removes the axis.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 2.0], [3.0, 4.0]]).at(0, 1), Tensor::from([3.0, 4.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis or the index does not exist.
    fn at / try_at (x, axis: usize, index: usize) view::select_index(x, axis, index);

    /// Reverses the order along `axis`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0]).flip(0), Tensor::from([2.0, 1.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn flip(x, axis: usize) view::flip(x, axis);

    /// Pads with `value`, repeated (before, after) along each axis.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0]).pad(&[(1, 2)], 9.0), Tensor::from([9.0, 1.0, 9.0, 9.0]));
    /// ```
    ///
    /// # Panics
    /// If there is not one pair for each axis.
    fn pad(x, widths: &[(usize, usize)], value: f64) view::pad(x, widths, value);

    /// The main diagonal of the last two axes: `(…, m, n) → (…, min(m, n))`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 2.0], [3.0, 4.0]]).diagonal(), Tensor::from([1.0, 4.0]));
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    fn diagonal(x) diagonal::diagonal(x);

    /// The matrix with these values on its diagonal: `(…, n) → (…, n, n)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 4.0]).diagonal_matrix(), Tensor::from([[1.0, 0.0], [0.0, 4.0]]));
    /// ```
    ///
    /// # Panics
    /// If there is no axis.
    fn diagonal_matrix(x) diagonal::diagonal_matrix(x);

    /// The lower triangle: entries `(i, j)` with `j − i ≤ k`; the others are 0.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 2.0], [3.0, 4.0]]).lower_triangle(0), Tensor::from([[1.0, 0.0], [3.0, 4.0]]));
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    fn lower_triangle(x, k: isize) diagonal::triangle("lower_triangle", x, k, true);

    /// The upper triangle: entries `(i, j)` with `j − i ≥ k`; the others are 0.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 2.0], [3.0, 4.0]]).upper_triangle(1), Tensor::from([[0.0, 2.0], [0.0, 0.0]]));
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    fn upper_triangle(x, k: isize) diagonal::triangle("upper_triangle", x, k, false);

    /// Selects the slices at `indices` of `axis`, in that order; an index may repeat.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.take(0, &[1, 1, 0]), Tensor::from([[3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]));
    /// ```
    ///
    /// # Panics
    /// If the axis or an index does not exist.
    fn take / try_take (x, axis: usize, indices: &[usize]) index::take(x, axis, indices);

    /// Selects one value along `axis` for each place of the other axes, and removes the axis.
    ///
    /// For a matrix and axis 1, `y[i] = x[i, indices[i]]`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 2.0], [3.0, 4.0]]).pick(1, &[1, 0]), Tensor::from([2.0, 3.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis or an index does not exist, or there is not one index for each place.
    fn pick / try_pick (x, axis: usize, indices: &[usize]) index::pick(x, axis, indices);

    /// Adds the slices of this array at `indices` to zeros of length `len` along `axis`.
    ///
    /// It is the transpose of [`take`](Self::take).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0, 4.0]).scatter_add(0, &[0, 2, 0], 3), Tensor::from([5.0, 0.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis or an index does not exist, or there is not one index for each slice.
    fn scatter_add / try_scatter_add (x, axis: usize, indices: &[usize], len: usize) index::scatter_add(x, axis, indices, len);

    /// The cumulative sums along `axis`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0, 3.0]).cumsum(0), Tensor::from([1.0, 3.0, 6.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn cumsum(x, axis: usize) scan::cumsum(x, axis);

    /// Shifts by `by` positions along an axis, around its end: `y[j] = x[j − by]`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0, 3.0]).roll(1, 0), Tensor::from([3.0, 1.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn roll / try_roll (x, by: isize, axis: usize) roll::roll(x, by, axis);

    /// Shifts by `by` positions along an axis: `y[j] = x[j − by]`, 0 where nothing arrives.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0, 3.0]).shift(-1, 0), Tensor::from([2.0, 3.0, 0.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn shift / try_shift (x, by: isize, axis: usize) roll::shift(x, by, axis);

    /// `exp(x) / Σ exp(x)` along `axis`, stable at ±1e4.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let p = Tensor::from([1e4, 1e4]).softmax(0);
    /// assert_eq!(p, Tensor::from([0.5, 0.5]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn softmax(x, axis: usize) softmax::softmax(x, axis);

    /// The logarithm of [`softmax`](Self::softmax), accurate where the softmax is tiny.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([0.0, -1e4]).log_softmax(0), Tensor::from([0.0, -1e4]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn log_softmax(x, axis: usize) softmax::log_softmax(x, axis);

    /// Normalises rows along the last axis to mean 0 and variance 1: `y = (x − mean)/√(variance + ε)`.
    ///
    /// This is the core of layer normalisation (Ba, Kiros & Hinton 2016). `dx = (dy − mean dy −
    /// y·mean(y·dy))/√(variance + ε)`, in one pass.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let y = Tensor::from([[1.0, 3.0], [5.0, 9.0]]).normalize(0.0);
    /// assert_eq!(y, Tensor::from([[-1.0, 1.0], [-1.0, 1.0]]));
    /// ```
    ///
    /// # Panics
    /// If it is a single number without an axis, or ε is negative, infinite or NaN.
    fn normalize(x, eps: f64) normalize::normalize(x, eps);

    /// Cross-entropy of each row of logits with its class, in nats: `(n, classes) → (n,)`.
    ///
    /// `y_i = ln Σ_j exp(x_ij) − x_i,class(i)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let loss = Tensor::from([[0.0, 0.0], [1e4, 0.0]]).cross_entropy(&[0, 0]);
    /// assert_eq!(loss, Tensor::from([2f64.ln(), 0.0]));
    /// ```
    ///
    /// # Panics
    /// If this is not a matrix, or there is not one existing class for each row.
    fn cross_entropy / try_cross_entropy (x, classes: &[usize]) softmax::cross_entropy(x, classes);
}
