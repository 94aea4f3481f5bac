//! [`Sparse`]: a matrix of which only some places are stored.

use super::sparsity::Sparsity;
use crate::number::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A sparse matrix, row by row: a [Jacobian](crate::jacobian_sparse()) or [Hessian](crate::hessian_sparse()).
///
/// [`values`](Self::values) belong to the places of [`sparsity`](Self::sparsity), whose row starts and columns with them are
/// the format CSR (compressed sparse rows) of other libraries.
///
/// ```
/// use autograd::{jacobian_sparse, Tensor};
/// let j = jacobian_sparse(|x| x.square(), &Tensor::from([1.0, 2.0]));
/// assert_eq!(j.entries().collect::<Vec<_>>(), [(0, 0, 2.0), (1, 1, 4.0)]);
/// assert_eq!(j.times(&Tensor::from([1.0, 10.0])), Tensor::from([2.0, 40.0]));
/// assert_eq!(j.to_dense(), Tensor::from([[2.0, 0.0], [0.0, 4.0]]));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Sparse<T = f64> {
    sparsity: Sparsity,
    values: Vec<T>,
}

impl<T: Float> Sparse<T> {
    pub(super) fn new(sparsity: Sparsity, values: Vec<T>) -> Self {
        Sparse { sparsity, values }
    }

    /// The number of rows and of columns.
    pub fn shape(&self) -> (usize, usize) {
        self.sparsity.shape()
    }

    /// The stored places.
    pub fn sparsity(&self) -> &Sparsity {
        &self.sparsity
    }

    /// The stored values, row by row; a value at a place may be 0.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The columns and values stored in row `i`.
    ///
    /// # Panics
    /// If there is no such row.
    #[track_caller]
    pub fn row(&self, i: usize) -> impl Iterator<Item = (usize, T)> {
        assert!(i < self.shape().0, "row: there is no row {i} in a matrix of {} rows; the first is 0", self.shape().0);
        let starts = self.sparsity.row_starts();
        let places = starts[i]..starts[i + 1];
        let columns = self.sparsity.columns()[places.clone()].iter().map(|&column| column as usize);
        columns.zip(self.values[places].iter().copied())
    }

    /// The row, column and value of each stored place: the coordinate format.
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize, T)> {
        (0..self.shape().0).flat_map(|i| self.row(i).map(move |(j, value)| (i, j, value)))
    }

    /// The product with a vector.
    ///
    /// # Panics
    /// If `x` has not as many values as the matrix has columns.
    #[track_caller]
    pub fn times(&self, x: &Tensor<T>) -> Tensor<T> {
        let (rows, columns) = self.shape();
        let shape = x.shape();
        assert!(shape[..] == [columns], "times: a matrix of {columns} columns and a vector of shape {shape}");
        let x = x.as_slice();
        Tensor::from_fn([rows], |i| self.row(i[0]).fold(T::zero(), |sum, (j, value)| sum + value * x[j]))
    }

    /// The product of the transpose with a vector.
    ///
    /// # Panics
    /// If `y` has not as many values as the matrix has rows.
    #[track_caller]
    pub fn transpose_times(&self, y: &Tensor<T>) -> Tensor<T> {
        let (rows, columns) = self.shape();
        let shape = y.shape();
        assert!(shape[..] == [rows], "transpose_times: a matrix of {rows} rows and a vector of shape {shape}");
        let mut sums = vec![T::zero(); columns];
        for (i, j, value) in self.entries() {
            sums[j] = sums[j] + value * y.as_slice()[i];
        }
        Tensor::from(sums)
    }

    /// The matrix with its zeros.
    #[track_caller]
    pub fn to_dense(&self) -> Tensor<T> {
        let (rows, columns) = self.shape();
        let mut dense = Tensor::repeated("to_dense", Shape::from([rows, columns]), T::zero());
        let values = dense.as_mut_slice();
        self.entries().for_each(|(i, j, value)| values[i * columns + j] = value);
        dense
    }
}
