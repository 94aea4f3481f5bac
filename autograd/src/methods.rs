//! The methods that recorded arrays and plain ones share, declared once for both.
//!
//! Each line names a generic function of `ops` that returns a `Result`; the macros make of it an inherent method of
//! `Var` (by value) and of `Tensor` (by reference) that panics at the caller's line, and a `try_` form where asked.

use std::ops::{Add, Div, Mul, Neg, Range, Sub};

use crate::error::{Error, OrPanic};
use crate::number::Float;
use crate::ops::rows::{Binary, Unary};
use crate::ops::table::{binary_table, unary_table};
use crate::ops::{Array, Op, elementwise, index, join, product, reduce, scan, softmax, view};
use crate::shape::{Axes, Shape, broadcast};
use crate::tape::{Operand, Scalar, Var};
use crate::tensor::Tensor;
use reduce::Reduction;

/// Methods of one array and plain arguments.
macro_rules! methods {
    ($( $(#[$doc:meta])* fn $name:ident $(/ $try:ident)? ($x:ident $(, $arg:ident: $type:ty)*) $body:expr; )*) => {
        impl<'t, T: Float> Var<'t, T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(self $(, $arg: $type)*) -> Self {
                self.tape().note();
                let $x = &self;
                $body.or_panic()
            }
            methods!(try $($try)? $name Self, [self $(, $arg: $type)*] { let $x = &self; $body });
        )* }
        impl<T: Float> Tensor<T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self $(, $arg: $type)*) -> Self {
                let $x = self;
                $body.or_panic()
            }
            methods!(try $($try)? $name Self, [&self $(, $arg: $type)*] { let $x = self; $body });
        )* }
    };
    (try $name:ident $Self:ty, [$($sig:tt)*] $body:block) => {};
    (try $try:ident $name:ident $Self:ty, [$($sig:tt)*] $body:block) => {
        #[doc = concat!("[`", stringify!($name), "`](Self::", stringify!($name), ") where shapes or indices come from data.")]
        ///
        /// # Errors
        /// In the cases in which the plain form panics.
        pub fn $try($($sig)*) -> Result<$Self, Error> $body
    };
}

methods! {
    /// The same values in another shape of as many values.
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

    /// All values along one axis.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0], [2.0]]).flatten(), Tensor::from([1.0, 2.0]));
    /// ```
    fn flatten(x) view::reshape(x, Shape::from([Array::shape(x).numel()]));

    /// The last two axes exchanged: `(…, m, n) → (…, n, m)`. On a tape nothing is copied for a product with it.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 2.0]]).t(), Tensor::from([[1.0], [2.0]]));
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    fn t(x) view::matrix_transpose(x);

    /// Two axes exchanged.
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

    /// The axes in another order.
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

    /// Stretched to `shape` by broadcasting; the gradient is summed over what was stretched.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0], [2.0]]).expand([2, 2]), Tensor::from([[1.0, 1.0], [2.0, 2.0]]));
    /// ```
    ///
    /// # Panics
    /// If an axis other than one of length 1 would be stretched.
    fn expand / try_expand (x, shape: impl Into<Shape>) view::expand(x, shape.into());

    /// Without `axis`, whose length must be 1.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 2.0]]).squeeze(0), Tensor::from([1.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or is longer than 1.
    fn squeeze(x, axis: usize) view::squeeze(x, axis);

    /// With a new axis of length 1 before position `axis`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0]).unsqueeze(1), Tensor::from([[1.0], [2.0]]));
    /// ```
    ///
    /// # Panics
    /// If `axis` is more than the number of axes.
    fn unsqueeze(x, axis: usize) view::unsqueeze(x, axis);

    /// The indices `range` of `axis`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::<f64>::arange(5).slice(0, 1..3), Tensor::from([1.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If the range does not lie within the axis.
    fn slice(x, axis: usize, range: Range<usize>) view::slice(x, axis, range, 1);

    /// Every `step`-th index of `range` along `axis`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::<f64>::arange(5).slice_step(0, 0..5, 2), Tensor::from([0.0, 2.0, 4.0]));
    /// ```
    ///
    /// # Panics
    /// If the range does not lie within the axis, or `step` is 0.
    fn slice_step(x, axis: usize, range: Range<usize>, step: usize) view::slice(x, axis, range, step);

    /// One index of `axis`, which disappears.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 2.0], [3.0, 4.0]]).at(0, 1), Tensor::from([3.0, 4.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis or the index does not exist.
    fn at / try_at (x, axis: usize, index: usize) view::select_index(x, axis, index);

    /// `axis` in reverse order.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0]).flip(0), Tensor::from([2.0, 1.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn flip(x, axis: usize) view::flip(x, axis);

    /// With `value` repeated (before, after) along each axis.
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
    fn diagonal(x) view::diagonal(x);

    /// The matrix with these values on its diagonal: `(…, n) → (…, n, n)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 4.0]).diagonal_matrix(), Tensor::from([[1.0, 0.0], [0.0, 4.0]]));
    /// ```
    ///
    /// # Panics
    /// If there is no axis.
    fn diagonal_matrix(x) view::diagonal_matrix(x);

    /// The lower triangle: entries `(i, j)` with `j − i ≤ k`, the others 0.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 2.0], [3.0, 4.0]]).lower_triangle(0), Tensor::from([[1.0, 0.0], [3.0, 4.0]]));
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    fn lower_triangle(x, k: isize) view::triangle("lower_triangle", x, k, true);

    /// The upper triangle: entries `(i, j)` with `j − i ≥ k`, the others 0.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 2.0], [3.0, 4.0]]).upper_triangle(1), Tensor::from([[0.0, 2.0], [0.0, 0.0]]));
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    fn upper_triangle(x, k: isize) view::triangle("upper_triangle", x, k, false);

    /// The slices at `indices` of `axis`, in that order; an index may repeat.
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

    /// One value for each place of the other axes, and the axis disappears: `y[i] = x[i, indices[i]]` for a matrix and axis 1.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 2.0], [3.0, 4.0]]).pick(1, &[1, 0]), Tensor::from([2.0, 3.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis or an index does not exist, or there is not one index for each place.
    fn pick / try_pick (x, axis: usize, indices: &[usize]) index::pick(x, axis, indices);

    /// Zeros of length `len` along `axis`, to which the slices of this array are added at `indices`: the transpose of [`take`](Self::take).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0, 4.0]).scatter_add(0, &[0, 2, 0], 3), Tensor::from([5.0, 0.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis or an index does not exist, or there is not one index for each slice.
    fn scatter_add / try_scatter_add (x, axis: usize, indices: &[usize], len: usize) index::scatter_add(x, axis, indices, len);

    /// Running sums along `axis`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0, 3.0]).cumsum(0), Tensor::from([1.0, 3.0, 6.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn cumsum(x, axis: usize) scan::cumsum(x, axis);

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

    /// The logarithm of [`softmax`](Self::softmax), accurate where that is tiny.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([0.0, -1e4]).log_softmax(0), Tensor::from([0.0, -1e4]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn log_softmax(x, axis: usize) softmax::log_softmax(x, axis);

    /// Cross-entropy of each row of logits with its class, in nats: `(n, classes) → (n,)`, `y_i = ln Σ_j exp(x_ij) − x_i,class(i)`.
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

/// Reductions: over all values (to a number), over axes, and over axes that stay with length 1.
macro_rules! reductions {
    ($( $(#[$doc:meta])* $whole:ident, $axis:ident, $keep:ident ($x:ident, $axes:ident, $keeping:ident) $body:expr; )*) => {
        impl<'t, T: Float> Var<'t, T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $whole(self) -> Scalar<'t, T> {
                self.tape().note();
                let ($x, $axes, $keeping) = (&self, 0..self.shape().len(), false);
                $body.or_panic().item()
            }
        )* }
        impl<T: Float> Tensor<T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $whole(&self) -> T {
                let ($x, $axes, $keeping) = (self, 0..self.shape().len(), false);
                $body.or_panic().item()
            }
        )* }
        methods! { $(
            #[doc = concat!("[`", stringify!($whole), "`](Self::", stringify!($whole), ") over one axis or several, which disappear.")]
            ///
            /// # Panics
            /// If an axis does not exist or is named twice.
            fn $axis($x, $axes: impl Axes) { let $keeping = false; $body };
            #[doc = concat!("[`", stringify!($whole), "`](Self::", stringify!($whole), ") over one axis or several, which stay with length 1.")]
            ///
            /// # Panics
            /// If an axis does not exist or is named twice.
            fn $keep($x, $axes: impl Axes) { let $keeping = true; $body };
        )* }
    };
}

reductions! {
    /// The sum of all values; 0 for none.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.sum(), 10.0);
    /// assert_eq!(x.sum_axis(0), Tensor::from([4.0, 6.0]));
    /// assert_eq!(x.sum_keep(1), Tensor::from([[3.0], [7.0]]));
    /// ```
    sum, sum_axis, sum_keep (x, axes, keep) reduce::reduce(Reduction::Sum, x, axes, keep);

    /// The mean of all values; NaN for none.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0, 6.0]).mean(), 3.0);
    /// ```
    mean, mean_axis, mean_keep (x, axes, keep) reduce::mean(x, axes, keep);

    /// The product of all values; 1 for none. The gradient is right where values are 0.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([2.0, 0.0, 3.0]);
    /// assert_eq!(x.prod().backward()[x].to_vec(), [0.0, 6.0, 0.0]);
    /// ```
    prod, prod_axis, prod_keep (x, axes, keep) reduce::prod(x, axes, keep);

    /// The largest value, NaN if there is one; ties share the gradient equally.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([1.0, 7.0, 7.0]);
    /// assert_eq!(x.max().backward()[x].to_vec(), [0.0, 0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If there are no values.
    max, max_axis, max_keep (x, axes, keep) reduce::reduce(Reduction::Max, x, axes, keep);

    /// The smallest value, NaN if there is one; ties share the gradient equally.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 7.0]).min(), 1.0);
    /// ```
    ///
    /// # Panics
    /// If there are no values.
    min, min_axis, min_keep (x, axes, keep) reduce::reduce(Reduction::Min, x, axes, keep);

    /// `ln Σ exp(x)`, stable at ±1e4; −∞ for no values.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1e4, 1e4]).logsumexp(), 1e4 + 2f64.ln());
    /// ```
    logsumexp, logsumexp_axis, logsumexp_keep (x, axes, keep) reduce::reduce(Reduction::LogSumExp, x, axes, keep);

    /// The Euclidean norm `√Σ x²`, without overflow; its gradient is 0 at 0.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([3.0, 4.0]);
    /// assert_eq!(x.norm().value(), 5.0);
    /// assert_eq!(x.norm().backward()[x].to_vec(), [0.6, 0.8]);
    /// ```
    norm, norm_axis, norm_keep (x, axes, keep) reduce::reduce(Reduction::Norm, x, axes, keep);

    /// The variance `Σ (x − mean)² / n` of all values, not corrected for a sample.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 3.0]).variance(), 1.0);
    /// ```
    variance, variance_axis, variance_keep (x, axes, keep) reduce::variance(x, axes, 0, keep);

    /// The standard deviation, the root of [`variance`](Self::variance); its gradient is 0 where all values agree.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 3.0]).std(), 1.0);
    /// ```
    std, std_axis, std_keep (x, axes, keep) reduce::std(x, axes, 0, keep);

    /// The variance of a sample, `Σ (x − mean)² / (n − 1)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 3.0]).sample_variance(), 2.0);
    /// ```
    sample_variance, sample_variance_axis, sample_variance_keep (x, axes, keep) reduce::variance(x, axes, 1, keep);
}

/// Methods of two arrays: the second may be anything that is an operand.
macro_rules! products {
    ($( $(#[$doc:meta])* fn $name:ident $(/ $try:ident)? ($a:ident, $b:ident $(, $c:ident)?) $body:expr; )*) => {
        impl<'t, T: Float> Var<'t, T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(self, $b: impl Operand<'t, T> $(, $c: impl Operand<'t, T>)?) -> Self {
                self.tape().note();
                let ($a, $b) = (&self, &$b.on(self.tape()));
                $( let $c = &$c.on(self.tape()); )?
                $body.or_panic()
            }
            methods!(try $($try)? $name Self, [self, $b: impl Operand<'t, T> $(, $c: impl Operand<'t, T>)?] {
                let ($a, $b) = (&self, &$b.on(self.tape()));
                $( let $c = &$c.on(self.tape()); )?
                $body
            });
        )* }
        impl<T: Float> Tensor<T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self, $b: &Tensor<T> $(, $c: &Tensor<T>)?) -> Self {
                let $a = self;
                $body.or_panic()
            }
            methods!(try $($try)? $name Self, [&self, $b: &Tensor<T> $(, $c: &Tensor<T>)?] {
                let $a = self;
                $body
            });
        )* }
    };
}

products! {
    /// The matrix product, as NumPy's `matmul`: `(…, m, k) · (…, k, n) → (…, m, n)`; vectors are rows on the left and
    /// columns on the right; leading axes broadcast. `da = dy · bᵀ`, `db = aᵀ · dy`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let a = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(a.matmul(&Tensor::from([10.0, 1.0])), Tensor::from([12.0, 34.0]));
    /// ```
    ///
    /// # Panics
    /// If the inner lengths differ, or leading axes do not broadcast.
    fn matmul / try_matmul (a, b) product::matmul(a, b);

    /// `Σ aᵢbᵢ` of two vectors, as an array of shape `()`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0]).dot(&Tensor::from([3.0, 4.0])).item(), 11.0);
    /// ```
    ///
    /// # Panics
    /// If they are not two vectors of one length.
    fn dot(a, b) product::dot(a, b);

    /// `yᵢⱼ = aᵢbⱼ` of two vectors: `(m,) ⊗ (n,) → (m, n)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0]).outer(&Tensor::from([3.0])), Tensor::from([[3.0], [6.0]]));
    /// ```
    ///
    /// # Panics
    /// If they are not two vectors.
    fn outer(a, b) product::outer(a, b);

    /// A layer in one step, `x·w + b`: `(…, k) · (k, n) + (n,) → (…, n)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (w, b) = (Tensor::from([[1.0, 0.0], [0.0, 2.0]]), Tensor::from([0.5, 0.5]));
    /// assert_eq!(Tensor::from([[3.0, 4.0]]).affine(&w, &b), Tensor::from([[3.5, 8.5]]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    fn affine / try_affine (x, w, b) product::affine(x, w, b);

    /// `a` where this mask is not 0, else `b`, with broadcasting. Each branch gets the gradient only where it was taken,
    /// and a NaN in the branch not taken does not leak.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.var([-1.0, 4.0]);
    /// let y = x.greater(0.0).select(x.sqrt(), 0.0);
    /// assert_eq!(y.value(), Tensor::from([0.0, 2.0]));
    /// assert_eq!(y.sum().backward()[x], Tensor::from([0.0, 0.25]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    fn select(mask, a, b) elementwise::select_broadcast(mask, a, b);

    /// Cross-entropy of each row of logits with a distribution, in nats: `−Σ_j target_j · log_softmax(x)_j`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let loss = Tensor::from([[0.0, 0.0]]).cross_entropy_soft(&Tensor::from([[0.5, 0.5]]));
    /// assert_eq!(loss, Tensor::from([2f64.ln()]));
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    fn cross_entropy_soft(x, targets) softmax::cross_entropy_soft(x, targets);
}

macro_rules! unary_methods {
    (($x:ident $y:ident $p:ident $q:ident $c:ident) $(
        $(#[$doc:meta])* $Row:ident, $name:ident($($arg:ident: $type:ty),*), $value:expr, $derivative:expr, $domain:expr, [$($kink:expr),*];
    )*) => {
        methods! { $(
            $(#[$doc])*
            fn $name(x $(, $arg: $type)*) Ok::<_, Error>(Array::unary(x, Unary::$Row, crate::ops::rows::args([$($arg.into()),*])));
        )* }
    };
}
unary_table!(unary_methods);

fn binary<A: Array>(row: Binary, a: &A, b: &A) -> Result<A, Error> {
    let shape = broadcast(row.name(), &a.shape(), &b.shape())?;
    Ok(A::apply(Op::Binary(row), shape, &[a, b]))
}

macro_rules! binary_methods {
    (($a:ident $b:ident $y:ident $c:ident) $($(#[$doc:meta])* $Row:ident, $name:ident, $value:expr, $partials:expr, $da:expr, $db:expr;)*) => {
        impl<'t, T: Float> Var<'t, T> { $(
            $(#[$doc])*
            ///
            /// # Panics
            /// If the shapes do not broadcast.
            #[must_use]
            #[track_caller]
            pub fn $name(self, b: impl Operand<'t, T>) -> Self {
                self.tape().note();
                b.right_of(Binary::$Row, self)
            }
        )* }
        impl<T: Float> Tensor<T> { $(
            $(#[$doc])*
            ///
            /// # Panics
            /// If the shapes do not broadcast.
            #[must_use]
            #[track_caller]
            pub fn $name(&self, b: impl Into<Tensor<T>>) -> Self {
                binary(Binary::$Row, self, &b.into()).or_panic()
            }
        )* }
    };
}
binary_table!(binary_methods);

macro_rules! tensor_operators {
    ($($Trait:ident $method:ident $Row:ident;)*) => { $(
        impl<T: Float> $Trait<&Tensor<T>> for &Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, b: &Tensor<T>) -> Tensor<T> {
                binary(Binary::$Row, self, b).or_panic()
            }
        }
        impl<T: Float> $Trait<f64> for &Tensor<T> {
            type Output = Tensor<T>;
            fn $method(self, b: f64) -> Tensor<T> {
                let (row, args) = Binary::$Row.with_number_right(b).expect("an operator");
                Array::unary(self, row, args)
            }
        }
        impl<T: Float> $Trait<&Tensor<T>> for f64 {
            type Output = Tensor<T>;
            fn $method(self, b: &Tensor<T>) -> Tensor<T> {
                let (row, args) = Binary::$Row.with_number_left(self).expect("an operator");
                Array::unary(b, row, args)
            }
        }
        tensor_operators!(owned $Trait $method Tensor<T>, &Tensor<T>, (self, b) &self, b);
        tensor_operators!(owned $Trait $method &Tensor<T>, Tensor<T>, (self, b) self, &b);
        tensor_operators!(owned $Trait $method Tensor<T>, Tensor<T>, (self, b) &self, &b);
        tensor_operators!(owned $Trait $method Tensor<T>, f64, (self, b) &self, b);
        tensor_operators!(owned $Trait $method f64, Tensor<T>, (self, b) self, &b);
    )* };
    (owned $Trait:ident $method:ident $Left:ty, $Right:ty, ($self:ident, $b:ident) $l:expr, $r:expr) => {
        impl<T: Float> $Trait<$Right> for $Left {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method($self, $b: $Right) -> Tensor<T> {
                $Trait::$method($l, $r)
            }
        }
    };
}
tensor_operators! { Add add Add; Sub sub Sub; Mul mul Mul; Div div Div; }

impl<T: Float> Neg for &Tensor<T> {
    type Output = Tensor<T>;
    fn neg(self) -> Tensor<T> {
        self.negated()
    }
}

impl<T: Float> Neg for Tensor<T> {
    type Output = Tensor<T>;
    fn neg(self) -> Tensor<T> {
        self.negated()
    }
}

macro_rules! joins {
    ($([$($generics:tt)*] $Self:ty, $Part:ty, $T:ident;)*) => { $(
        impl<$($generics)*> $Self {
            /// Arrays one after another along `axis`.
            ///
            /// ```
            /// use autograd::Tensor;
            /// let joined = Tensor::concat(&[Tensor::from([1.0]), Tensor::from([2.0, 3.0])], 0);
            /// assert_eq!(joined, Tensor::from([1.0, 2.0, 3.0]));
            /// ```
            ///
            /// # Panics
            /// If there are none, or their shapes differ elsewhere than at `axis`.
            #[must_use]
            #[track_caller]
            pub fn concat(parts: &[$Part], axis: usize) -> Self {
                join::concat(&parts.iter().collect::<Vec<_>>(), axis).or_panic()
            }

            /// Arrays of one shape along a new axis.
            ///
            /// ```
            /// use autograd::Tensor;
            /// let rows = Tensor::stack(&[Tensor::from([1.0, 2.0]), Tensor::from([3.0, 4.0])], 0);
            /// assert_eq!(rows, Tensor::from([[1.0, 2.0], [3.0, 4.0]]));
            /// ```
            ///
            /// # Panics
            /// If there are none, or their shapes differ.
            #[must_use]
            #[track_caller]
            pub fn stack(parts: &[$Part], axis: usize) -> Self {
                join::stack(&parts.iter().collect::<Vec<_>>(), axis).or_panic()
            }

            /// Parts of the given lengths along `axis`.
            ///
            /// ```
            /// use autograd::Tensor;
            /// let parts = Tensor::from([1.0, 2.0, 3.0]).split(0, &[1, 2]);
            /// assert_eq!(parts[1], Tensor::from([2.0, 3.0]));
            /// ```
            ///
            /// # Panics
            /// If the lengths do not add up to that of the axis.
            #[must_use]
            #[track_caller]
            pub fn split(&self, axis: usize, lengths: &[usize]) -> Vec<Self> {
                join::split(self, axis, lengths).or_panic()
            }
        }
    )* };
}
joins! {
    ['t, T: Float] Var<'t, T>, Var<'t, T>, T;
    [T: Float] Tensor<T>, Tensor<T>, T;
}

impl<T: Float> Tensor<T> {
    /// The position of the largest value along `axis`, for each place of the other axes in row-major order; the first of ties.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 7.0], [9.0, 2.0]]).argmax(1), [1, 0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or is empty.
    #[must_use]
    #[track_caller]
    pub fn argmax(&self, axis: usize) -> Vec<usize> {
        reduce::arg_extreme("argmax", self, axis, true).or_panic()
    }

    /// The position of the smallest value along `axis`, for each place of the other axes in row-major order; the first of ties.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 7.0], [9.0, 2.0]]).argmin(1), [0, 1]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or is empty.
    #[must_use]
    #[track_caller]
    pub fn argmin(&self, axis: usize) -> Vec<usize> {
        reduce::arg_extreme("argmin", self, axis, false).or_panic()
    }
}
