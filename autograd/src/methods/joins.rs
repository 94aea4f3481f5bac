//! Methods that join and split arrays.

use crate::error::OrPanic;
use crate::number::Float;
use crate::ops::join;
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
                join::concat("concat", &parts.iter().collect::<Vec<_>>(), axis).or_panic()
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
                join::stack(&parts.iter().collect::<Vec<_>>(), axis).named("stack").or_panic()
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
