//! Methods that join and split arrays.

use smallvec::SmallVec;

use crate::error::{Error, OrPanic};
use crate::number::Float;
use crate::ops::{Array, einsum, join, view};
use crate::tape::Var;
use crate::tensor::Tensor;

macro_rules! joins {
    ($([$($generics:tt)*] $Self:ty, $Part:ty, $T:ident;)*) => { $(
        impl<$($generics)*> $Self {
            /// Joins arrays one after another along `axis`.
            ///
            /// ```
            /// use autograd::Tensor;
            /// let joined = Tensor::concat(&[Tensor::from([1.0]), Tensor::from([2.0, 3.0])], 0);
            /// assert_eq!(joined, Tensor::from([1.0, 2.0, 3.0]));
            /// ```
            ///
            /// # Panics
            /// If there are none, or their shapes differ in an axis other than `axis`.
            #[must_use]
            #[track_caller]
            pub fn concat(parts: &[$Part], axis: usize) -> Self {
                join::concat("concat", &parts.iter().collect::<SmallVec<[&$Part; 8]>>(), axis).or_panic()
            }

            /// Joins arrays of one shape along a new axis.
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
                join::stack(&parts.iter().collect::<SmallVec<[&$Part; 8]>>(), axis).named("stack").or_panic()
            }

            /// Calls `f` with each part along the first axis, and joins its results along a new first axis.
            ///
            /// So a function of one sample serves a batch. Each part is computed, and recorded, by itself: where an operation
            /// takes leading axes, as products and reductions along an axis do, calling it with the whole batch is faster.
            ///
            /// ```
            /// use autograd::Tensor;
            /// let x = Tensor::from([[3.0, 4.0], [5.0, 12.0]]);
            /// assert_eq!(x.map_rows(|row| row.square().sum_axis(0).sqrt()), Tensor::from([5.0, 13.0]));
            /// ```
            ///
            /// # Panics
            /// If there is no first axis or no part, or results differ in shape.
            #[must_use]
            #[track_caller]
            pub fn map_rows(&self, mut f: impl FnMut(Self) -> Self) -> Self {
                let shape = Array::shape(self);
                let n = shape.first().copied().unwrap_or(0);
                assert!(n > 0, "map_rows: an array of shape {shape} has no rows to call the function with");
                let mut results = vec![];
                for i in 0..n {
                    // A loop, so that a panic points at the caller.
                    results.push(f(view::select_index(self, 0, i).or_panic()));
                }
                join::stack(&results.iter().collect::<Vec<_>>(), 0).named("map_rows").or_panic()
            }

            /// Products of arrays by named axes, summed over what the result does not name (Einstein's summation, as
            /// NumPy's `einsum`): `"ij,jk->ik"` is the product of matrices.
            ///
            /// Each letter names an axis, `...` those that are left, from the right. Of an axis that one array names twice,
            /// the diagonal is taken. Without `->`, the result has the axes that are named once, in the order of the
            /// alphabet. Two arrays at a time are multiplied, from left to right, as products of matrices. Unlike in NumPy, an axis of
            /// length 1 does not stretch, and `->` without `...` sums over what `...` stands for.
            ///
            /// ```
            /// use autograd::Tensor;
            /// let (a, b) = (Tensor::from([[1.0, 2.0], [3.0, 4.0]]), Tensor::from([10.0, 1.0]));
            /// assert_eq!(Tensor::einsum("ij,j->i", &[a.clone(), b.clone()]), a.matmul(&b));
            /// assert_eq!(Tensor::einsum("ii->", &[a.clone()]), a.trace());
            /// assert_eq!(Tensor::einsum("i,ij,j", &[b.clone(), a, b]).item(), 154.0);
            /// ```
            ///
            /// # Panics
            /// If the names do not fit the arrays.
            #[must_use]
            #[track_caller]
            pub fn einsum(names: &str, arrays: &[$Part]) -> Self {
                einsum::einsum(names, &arrays.iter().collect::<Vec<_>>()).named("einsum").or_panic()
            }

            /// [`einsum`](Self::einsum) where names or shapes come from data.
            ///
            /// # Errors
            /// In the cases in which the plain form panics.
            #[track_caller]
            pub fn try_einsum(names: &str, arrays: &[$Part]) -> Result<Self, Error> {
                einsum::einsum(names, &arrays.iter().collect::<Vec<_>>()).named("einsum")
            }

            /// The coordinates of a grid: each vector along its own axis of an array with as many axes as there are vectors.
            ///
            /// ```
            /// use autograd::Tensor;
            /// let grid = Tensor::meshgrid(&[Tensor::from([1.0, 2.0]), Tensor::from([3.0, 4.0, 5.0])]);
            /// assert_eq!(grid[0], Tensor::from([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]));
            /// assert_eq!(grid[1], Tensor::from([[3.0, 4.0, 5.0], [3.0, 4.0, 5.0]]));
            /// ```
            ///
            /// # Panics
            /// If one of them is no vector.
            #[must_use]
            #[track_caller]
            pub fn meshgrid(vectors: &[$Part]) -> Vec<Self> {
                join::meshgrid(&vectors.iter().collect::<Vec<_>>()).or_panic()
            }

            /// Splits this array into parts of the given lengths along `axis`.
            ///
            /// ```
            /// use autograd::Tensor;
            /// let parts = Tensor::from([1.0, 2.0, 3.0]).split(0, &[1, 2]);
            /// assert_eq!(parts[1], Tensor::from([2.0, 3.0]));
            /// ```
            ///
            /// # Panics
            /// If the lengths do not add up to the length of the axis.
            #[must_use]
            #[track_caller]
            pub fn split(&self, axis: usize, lengths: &[usize]) -> Vec<Self> {
                join::split(self, axis, lengths).named("split").or_panic()
            }
        }
    )* };
}
joins! {
    ['t, T: Float] Var<'t, T>, Var<'t, T>, T;
    [T: Float] Tensor<T>, Tensor<T>, T;
}
