//! Arrays of NumPy from tensors, without a copy, and tensors from arrays of NumPy.

use std::any::Any;

use autograd::{Float, Tensor};
use numpy::ndarray::ArrayViewD;
use numpy::{Element, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

/// What keeps the numbers of a view alive: a tensor, which shares them with the checker's.
#[pyclass(frozen)]
struct Owner(#[expect(dead_code, reason = "held, not read")] Box<dyn Any + Send + Sync>);

/// A view that cannot be written to: writing would change the checker's own numbers.
pub(crate) fn view<'py, T: Float + Element>(
    py: Python<'py>,
    tensor: &Tensor<T>,
) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    let kept = Box::new(tensor.clone());
    let numbers: *const T = kept.as_slice().as_ptr();
    let owner = Bound::new(py, Owner(kept))?;
    // SAFETY: the box does not move the tensor, the tensor does not move its numbers, and it is never written to; so
    // they are valid as long as the owner is, which the array keeps as its base.
    let array = unsafe {
        let numbers = ArrayViewD::from_shape_ptr(&tensor.shape()[..], numbers);
        PyArrayDyn::borrow_from_array(&numbers, owner.into_any())
    };
    array.readwrite().make_nonwriteable();
    Ok(array)
}

/// A tensor with the numbers of an array, in row-major order.
pub(crate) fn tensor<T: Float + Element>(array: &PyReadonlyArrayDyn<'_, T>) -> Tensor<T> {
    let numbers = match array.as_slice() {
        Ok(numbers) if array.is_c_contiguous() => numbers.to_vec(),
        _ => array.as_array().iter().copied().collect(),
    };
    Tensor::new(array.shape(), numbers)
}
