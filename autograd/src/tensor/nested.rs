//! Tensors from numbers and nested arrays of numbers.

use super::Tensor;
use crate::number::Float;

impl<T: Float> From<T> for Tensor<T> {
    fn from(value: T) -> Self {
        Tensor::full([], value)
    }
}

/// Clones the tensor; the clone shares its values.
impl<T: Float> From<&Tensor<T>> for Tensor<T> {
    fn from(x: &Tensor<T>) -> Self {
        x.clone()
    }
}

impl<T: Float, const N: usize> From<[T; N]> for Tensor<T> {
    fn from(values: [T; N]) -> Self {
        Tensor::new([N], values.to_vec())
    }
}

impl<T: Float, const M: usize, const N: usize> From<[[T; N]; M]> for Tensor<T> {
    fn from(rows: [[T; N]; M]) -> Self {
        Tensor::new([M, N], rows.concat())
    }
}

impl<T: Float, const L: usize, const M: usize, const N: usize> From<[[[T; N]; M]; L]> for Tensor<T> {
    fn from(blocks: [[[T; N]; M]; L]) -> Self {
        Tensor::new([L, M, N], blocks.concat().concat())
    }
}

impl<T: Float> From<Vec<T>> for Tensor<T> {
    fn from(values: Vec<T>) -> Self {
        Tensor::new([values.len()], values)
    }
}

impl<T: Float> From<&[T]> for Tensor<T> {
    fn from(values: &[T]) -> Self {
        Tensor::from(values.to_vec())
    }
}

impl<T: Float> FromIterator<T> for Tensor<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Tensor::from(values.into_iter().collect::<Vec<_>>())
    }
}
