//! Order along an axis: sorting, ranks, quantiles, running extremes; and searching.

use crate::error::{Error, OrPanic};
use crate::kernels::compiled as kernels;
use crate::number::Float;
use crate::ops::order;
use crate::tape::Var;
use crate::tensor::Tensor;

methods! {
    trait Orders;

    /// The values in increasing order along `axis`, NaN last.
    ///
    /// The gradient of each value goes to the place that it comes from. Equal values, −0 and 0 among them, keep their
    /// order, so the first of them in the array is the first in the result. [`argsort`](Tensor::argsort) gives the places.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([3.0, 1.0, 2.0]);
    /// assert_eq!(x.sort(0).value().to_vec(), [1.0, 2.0, 3.0]);
    /// let largest = x.sort(0).at(0, 2);
    /// assert_eq!(largest.sum().backward()[x].to_vec(), [1.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn sort(x, axis: usize) order::sort(x, axis, false);

    /// The values in decreasing order along `axis`, NaN last; else as [`sort`](Self::sort).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[3.0, 1.0, 2.0]]).sort_descending(1), Tensor::from([[3.0, 2.0, 1.0]]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn sort_descending(x, axis: usize) order::sort(x, axis, true);

    /// The quantiles `q` along `axis`, whose length becomes their number: each as [`quantile`](Self::quantile).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([[30.0, 10.0, 20.0], [1.0, 2.0, 4.0]]);
    /// assert_eq!(x.quantiles(&[0.0, 0.75], 1), Tensor::from([[10.0, 25.0], [1.0, 3.0]]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or is empty, or one of `q` does not lie from 0 to 1.
    fn quantiles(x, q: &[f64], axis: usize) order::quantiles(x, q, axis);

    /// The largest value so far along `axis`: `y_j = max(x_0, …, x_j)`; NaN from the first NaN on.
    ///
    /// Its gradient goes to the first of the values that are the largest so far; [`argcummax`](Tensor::argcummax) says
    /// which that is.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([1.0, 3.0, 2.0, 3.0]);
    /// assert_eq!(x.cummax(0).value().to_vec(), [1.0, 3.0, 3.0, 3.0]);
    /// assert_eq!(x.cummax(0).sum().backward()[x].to_vec(), [1.0, 3.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn cummax(x, axis: usize) order::cum(x, axis, true);

    /// The smallest value so far along `axis`: `y_j = min(x_0, …, x_j)`; else as [`cummax`](Self::cummax).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([2.0, 3.0, 1.0]).cummin(0), Tensor::from([2.0, 2.0, 1.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn cummin(x, axis: usize) order::cum(x, axis, false);
}

/// Values, and their indices.
type Chosen<A> = (A, Vec<usize>);

/// Methods that choose values by rank, and say where they stand.
macro_rules! chosen {
    ($( $(#[$doc:meta])* fn $name:ident / $try:ident; )*) => {
        impl<'t, T: Float> Var<'t, T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(self, k: usize, axis: usize) -> (Self, Vec<usize>) {
                self.tape().note();
                order::$name(&self, k, axis).or_panic()
            }
            methods!(try $try $name Chosen<Self>, [self, k: usize, axis: usize] {
                self.tape().note();
                order::$name(&self, k, axis)
            });
        )* }
        impl<T: Float> Tensor<T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self, k: usize, axis: usize) -> (Self, Vec<usize>) {
                order::$name(self, k, axis).or_panic()
            }
            methods!(try $try $name Chosen<Self>, [&self, k: usize, axis: usize] { order::$name(self, k, axis) });
        )* }
    };
}

chosen! {
    /// The `k` largest values along `axis` in decreasing order, and their indices: the first `k` of
    /// [`sort_descending`](Self::sort_descending), without sorting the others.
    ///
    /// The axis has length `k`; there is one index for each value, in row-major order. NaN comes last. The gradient goes
    /// to the places of the values. The smallest are those of the negative array.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([3.0, 9.0, 5.0]);
    /// let (best, at) = x.topk(2, 0);
    /// assert_eq!((best.value().to_vec(), at), (vec![9.0, 5.0], vec![1, 2]));
    /// assert_eq!(best.sum().backward()[x].to_vec(), [0.0, 1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, or has fewer than `k` values.
    fn topk / try_topk;

    /// The `k`-th smallest value along `axis`, counted from 1, and its index; the axis disappears.
    ///
    /// There is one index for each value, in row-major order. NaN counts as the largest; equal values count one after
    /// another. The gradient goes to the place of the value.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (second, at) = Tensor::from([[3.0, 9.0, 5.0], [2.0, 0.0, 1.0]]).kthvalue(2, 1);
    /// assert_eq!((second, at), (Tensor::from([5.0, 1.0]), vec![2, 2]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, `k` is 0, or the axis has fewer than `k` values.
    fn kthvalue / try_kthvalue;
}

/// The distinct values of an array: the result of [`Tensor::unique`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Unique<T: Float = f64> {
    /// Each value once, in increasing order; a NaN is the last.
    pub values: Tensor<T>,
    /// How often each occurs.
    pub counts: Vec<usize>,
    /// For each value of the array, in row-major order, its position among the distinct ones.
    pub inverse: Vec<usize>,
}

impl<T: Float> Tensor<T> {
    /// The indices along `axis` that put the values in increasing order, NaN last; equal values keep their order.
    ///
    /// They have the shape of the array, in row-major order: [`gather`](Self::gather) takes them.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([[3.0, 1.0, 2.0], [5.0, 5.0, 4.0]]);
    /// let order = x.argsort(1);
    /// assert_eq!(order, [1, 2, 0, 2, 0, 1]);
    /// assert_eq!(x.gather(1, x.shape(), &order), x.sort(1));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn argsort(&self, axis: usize) -> Vec<usize> {
        order::argsort(self, axis, false).or_panic()
    }

    /// The indices along `axis` that put the values in decreasing order, NaN last; else as [`argsort`](Self::argsort).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([3.0, 1.0, 3.0]).argsort_descending(0), [0, 2, 1]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn argsort_descending(&self, axis: usize) -> Vec<usize> {
        order::argsort(self, axis, true).named("argsort_descending").or_panic()
    }

    /// The index along `axis` of each value of [`cummax`](Self::cummax), in row-major order; the first of ties.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 3.0, 2.0, 3.0]).argcummax(0), [0, 1, 1, 1]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn argcummax(&self, axis: usize) -> Vec<usize> {
        order::argcum(self, axis, true).named("argcummax").or_panic()
    }

    /// The index along `axis` of each value of [`cummin`](Self::cummin), in row-major order; the first of ties.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([2.0, 3.0, 1.0]).argcummin(0), [0, 0, 2]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn argcummin(&self, axis: usize) -> Vec<usize> {
        order::argcum(self, axis, false).named("argcummin").or_panic()
    }

    /// Where each of `values` belongs in this vector, which is sorted: before the values that equal it, or behind them
    /// if `right`.
    ///
    /// That is the number of values less than it, or less or equal; NaN is above all numbers. There is one index for
    /// each value, in row-major order. In a vector that is not sorted the indices mean nothing.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (edges, x) = (Tensor::from([0.0, 1.0, 2.0]), Tensor::from([0.5, 1.0, 9.0]));
    /// assert_eq!(edges.searchsorted(&x, false), [1, 1, 3]);
    /// assert_eq!(edges.searchsorted(&x, true), [1, 2, 3]);
    /// ```
    ///
    /// # Panics
    /// If this is no vector.
    #[must_use]
    #[track_caller]
    pub fn searchsorted(&self, values: &Tensor<T>, right: bool) -> Vec<usize> {
        if self.shape().len() != 1 {
            let law = format!("shape {} is no vector; flatten and sort it?", self.shape());
            Err(Error::shape("searchsorted", law)).or_panic()
        }
        let mut found = vec![0; values.numel()];
        kernels::search(self.as_slice(), values.as_slice(), right, &mut found);
        found
    }

    /// The distinct values, how often each occurs, and which one each value of the array is.
    ///
    /// −0 and 0 are one value, the one that comes first; so are all NaN.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let unique = Tensor::from([[3.0, 1.0], [1.0, 3.0], [3.0, 2.0]]).unique();
    /// assert_eq!(unique.values, Tensor::from([1.0, 2.0, 3.0]));
    /// assert_eq!(unique.counts, [2, 1, 3]);
    /// assert_eq!(unique.inverse, [2, 0, 0, 2, 2, 1]);
    /// ```
    #[must_use]
    #[allow(clippy::eq_op)] // x ≠ x is the test for NaN
    pub fn unique(&self) -> Unique<T> {
        let x = self.as_slice();
        let (mut values, mut counts, mut inverse): (Vec<T>, Vec<usize>, _) = (vec![], vec![], vec![0; x.len()]);
        for at in self.flatten().argsort(0) {
            let same = values.last().is_some_and(|&last| last == x[at] || (last != last && x[at] != x[at]));
            if !same {
                values.push(x[at]);
                counts.push(0);
            }
            inverse[at] = values.len() - 1;
            counts[values.len() - 1] += 1;
        }
        Unique { values: Tensor::new(values.len(), values), counts, inverse }
    }
}
