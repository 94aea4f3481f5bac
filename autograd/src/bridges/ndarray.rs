//! Arrays of `ndarray`.
//!
//! ```
//! use autograd::{Tensor, grad};
//! use ndarray::{ArrayD, array};
//! let x = Tensor::from(array![[1.0, 2.0], [3.0, 4.0]]);
//! let dx: ArrayD<f64> = grad(|x| x.square().sum(), &x).into();
//! assert_eq!(dx, array![[2.0, 4.0], [6.0, 8.0]].into_dyn());
//! ```

use ndarray::{Array, ArrayD, ArrayView, ArrayViewD, Dimension, IxDyn};

use crate::number::Float;
use crate::tensor::Tensor;

/// An owned array; its values are not copied if they lie in row-major order.
impl<T: Float, D: Dimension> From<Array<T, D>> for Tensor<T> {
    fn from(array: Array<T, D>) -> Self {
        if !array.is_standard_layout() {
            return array.view().into();
        }
        let (shape, numel) = (array.shape().to_vec(), array.len());
        let (values, offset) = array.into_raw_vec_and_offset();
        // A slice of an array still owns all its values.
        match offset {
            Some(0) | None if values.len() == numel => Tensor::new(shape, values),
            offset => Tensor::new(shape, values[offset.unwrap_or(0)..][..numel].to_vec()),
        }
    }
}

/// A view, copied in row-major order.
impl<T: Float, D: Dimension> From<ArrayView<'_, T, D>> for Tensor<T> {
    fn from(array: ArrayView<'_, T, D>) -> Self {
        Tensor::new(array.shape().to_vec(), array.iter().copied().collect())
    }
}

/// The values are not copied if no other tensor shares them.
impl<T: Float> From<Tensor<T>> for ArrayD<T> {
    fn from(x: Tensor<T>) -> Self {
        let shape = IxDyn(x.shape());
        ArrayD::from_shape_vec(shape, x.into_vec()).expect("a tensor has as many values as its shape says")
    }
}

/// The values of a tensor as a view of `ndarray`, without a copy.
///
/// ```
/// use autograd::{Tensor, bridges::ndarray::view};
/// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(view(&x).sum_axis(ndarray::Axis(0)), ndarray::array![4.0, 6.0].into_dyn());
/// ```
pub fn view<T: Float>(x: &Tensor<T>) -> ArrayViewD<'_, T> {
    ArrayViewD::from_shape(IxDyn(x.shape()), x.as_slice()).expect("a tensor has as many values as its shape says")
}
