//! Reductions: each over all values, over axes that disappear, and over axes that stay.

use crate::error::OrPanic;
use crate::number::Float;
use crate::ops::order;
use crate::ops::reduce::{self, Reduction};
use crate::shape::Axes;
use crate::tape::{Scalar, Var};
use crate::tensor::Tensor;

/// Reductions: over all values (to a number), over axes, and over axes that stay with length 1.
macro_rules! reductions {
    ($(
        $(#[$doc:meta])*
        $whole:ident, $axis:ident, $keep:ident ($x:ident, $axes:ident, $keeping:ident $(; $arg:ident: $type:ty)?) $body:expr;
    )*) => {
        impl<'t, T: Float> Var<'t, T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $whole(self $(, $arg: $type)?) -> Scalar<'t, T> {
                self.tape().note();
                let ($x, $axes, $keeping) = (&self, 0..self.shape().len(), false);
                $body.named(stringify!($whole)).or_panic().item()
            }
        )* }
        impl<T: Float> Tensor<T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $whole(&self $(, $arg: $type)?) -> T {
                let ($x, $axes, $keeping) = (self, 0..self.shape().len(), false);
                $body.named(stringify!($whole)).or_panic().item()
            }
        )* }
        methods! {
            trait Reductions;
            $(
            #[doc = concat!("[`", stringify!($whole), "`](Self::", stringify!($whole), ") over one axis or several, which disappear.")]
            ///
            /// # Panics
            /// If an axis does not exist or is named twice.
            fn $axis($x $(, $arg: $type)?, $axes: impl Axes) { let $keeping = false; $body };
            #[doc = concat!("[`", stringify!($whole), "`](Self::", stringify!($whole), ") over one axis or several, which stay with length 1.")]
            ///
            /// # Panics
            /// If an axis does not exist or is named twice.
            fn $keep($x $(, $arg: $type)?, $axes: impl Axes) { let $keeping = true; $body };
        )* }
    };
}

reductions! {
    /// The sum of all values; 0 for an empty array.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.sum(), 10.0);
    /// assert_eq!(x.sum_axis(0), Tensor::from([4.0, 6.0]));
    /// assert_eq!(x.sum_keep(1), Tensor::from([[3.0], [7.0]]));
    /// ```
    sum, sum_axis, sum_keep (x, axes, keep) reduce::reduce(Reduction::Sum, x, axes, keep);

    /// The mean of all values; NaN for an empty array.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0, 6.0]).mean(), 3.0);
    /// ```
    mean, mean_axis, mean_keep (x, axes, keep) reduce::reduce(Reduction::Mean, x, axes, keep);

    /// The product of all values; 1 for an empty array. The gradient is correct where values are 0.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([2.0, 0.0, 3.0]);
    /// assert_eq!(x.prod().backward()[x].to_vec(), [0.0, 6.0, 0.0]);
    /// ```
    prod, prod_axis, prod_keep (x, axes, keep) reduce::reduce(Reduction::Prod, x, axes, keep);

    /// The largest value, NaN if any value is NaN; ties share the gradient equally.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([1.0, 7.0, 7.0]);
    /// assert_eq!(x.max().backward()[x].to_vec(), [0.0, 0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If the array is empty.
    max, max_axis, max_keep (x, axes, keep) reduce::reduce(Reduction::Max, x, axes, keep);

    /// The smallest value, NaN if any value is NaN; ties share the gradient equally.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 7.0]).min(), 1.0);
    /// ```
    ///
    /// # Panics
    /// If the array is empty.
    min, min_axis, min_keep (x, axes, keep) reduce::reduce(Reduction::Min, x, axes, keep);

    /// `ln Σ exp(x)`, stable at ±1e4; −∞ for an empty array.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1e4, 1e4]).logsumexp(), 1e4 + 2f64.ln());
    /// ```
    logsumexp, logsumexp_axis, logsumexp_keep (x, axes, keep) reduce::reduce(Reduction::LogSumExp, x, axes, keep);

    /// The Euclidean norm `√Σ x²`, without overflow; its gradient at 0 is 0.
    ///
    /// The norm has no higher derivatives at 0, and those that come out there mean nothing. Higher derivatives of its
    /// square and of its higher powers are correct.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([3.0, 4.0]);
    /// assert_eq!(x.norm().value(), 5.0);
    /// assert_eq!(x.norm().backward()[x].to_vec(), [0.6, 0.8]);
    /// ```
    norm, norm_axis, norm_keep (x, axes, keep) reduce::reduce(Reduction::Norm, x, axes, keep);

    /// The variance `Σ (x − mean)² / n` of all values, without Bessel's correction.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 3.0]).variance(), 1.0);
    /// ```
    variance, variance_axis, variance_keep (x, axes, keep) reduce::variance(x, axes, keep);

    /// The standard deviation, the square root of [`variance`](Self::variance).
    ///
    /// Its gradient is 0 where all values agree, as that of [`norm`](Self::norm) is at 0.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 3.0]).std(), 1.0);
    /// ```
    std, std_axis, std_keep (x, axes, keep) reduce::std(x, axes, keep);

    /// The sample variance `Σ (x − mean)² / (n − 1)`; NaN for fewer than two values.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 3.0]).sample_variance(), 2.0);
    /// ```
    sample_variance, sample_variance_axis, sample_variance_keep (x, axes, keep) reduce::sample_variance(x, axes, keep);

    /// The square root of the sample variance, `√(Σ(x − mean)²/(n − 1))`; its gradient at constant input is 0.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 3.0]).sample_std(), 2f64.sqrt());
    /// ```
    sample_std, sample_std_axis, sample_std_keep (x, axes, keep) reduce::sample_std(x, axes, keep);

    /// The median: the middle one of the sorted values, or the mean of the two; NaN if any value is NaN.
    ///
    /// It is [`quantile(0.5)`](Self::quantile). Each of the values that it is made of gets its share of the gradient;
    /// of equal ones, those that come first in the array have the lower ranks.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([7.0, 1.0, 2.0, 9.0]);
    /// assert_eq!(x.median().value(), 4.5);
    /// assert_eq!(x.median().backward()[x].to_vec(), [0.5, 0.0, 0.5, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the array is empty.
    median, median_axis, median_keep (x, axes, keep) order::quantile("median", x, 0.5, axes, keep);

    /// The quantile `q`: the value of rank `(n − 1)·q`, interpolated linearly; NaN if any value is NaN.
    ///
    /// With `r = (n − 1)·q` and the sorted values `s₀ ≤ s₁ ≤ …` it is `s_k + (s_{k+1} − s_k)·(r − k)` for `k = ⌊r⌋`,
    /// as NumPy's default. The two values get `1 − (r − k)` and `r − k` of the gradient; of equal ones, those that come
    /// first in the array have the lower ranks. [`quantiles`](Self::quantiles) takes several along one axis.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([30.0, 10.0, 20.0]);
    /// assert_eq!(x.quantile(0.75).value(), 25.0);
    /// assert_eq!(x.quantile(0.75).backward()[x].to_vec(), [0.5, 0.0, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If the array is empty, or `q` does not lie from 0 to 1.
    quantile, quantile_axis, quantile_keep (x, axes, keep; q: f64) order::quantile("quantile", x, q, axes, keep);
}

impl<T: Float> Tensor<T> {
    /// The index of the largest value along `axis`, the first of ties.
    ///
    /// There is one index for each place of the other axes, in row-major order.
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
        reduce::arg_extreme("argmax", (self.shape(), self.as_slice()), axis, true).or_panic()
    }

    /// The index of the smallest value along `axis`, the first of ties.
    ///
    /// There is one index for each place of the other axes, in row-major order.
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
        reduce::arg_extreme("argmin", (self.shape(), self.as_slice()), axis, false).or_panic()
    }
}
