//! Matrices and vectors of `nalgebra`, and sparse matrices of `nalgebra-sparse`.
//!
//! `nalgebra` stores matrices by columns and a tensor by rows, so matrices are copied; vectors are not.
//!
//! ```
//! use autograd::{Tensor, jacobian_sparse};
//! use nalgebra::{DMatrix, DVector};
//! use nalgebra_sparse::CsrMatrix;
//! let a = Tensor::from(DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 3.0, 4.0]));
//! assert_eq!(a.get([0, 1]), 2.0);
//! assert_eq!(DMatrix::try_from(&a).unwrap()[(1, 0)], 3.0);
//! let x = Tensor::from(DVector::from_vec(vec![1.0, 2.0]));
//! let j = CsrMatrix::from(jacobian_sparse(|x| x.square(), &x));
//! assert_eq!(j * DVector::from_vec(vec![1.0, 10.0]), DVector::from_vec(vec![2.0, 40.0]));
//! ```

use nalgebra::{DMatrix, DVector, Scalar};
use nalgebra_sparse::CsrMatrix;

use crate::error::Error;
use crate::number::Float;
use crate::tensor::Tensor;
use crate::transform::Sparse;

impl<T: Float + Scalar> From<&DMatrix<T>> for Tensor<T> {
    fn from(x: &DMatrix<T>) -> Self {
        Tensor::new([x.nrows(), x.ncols()], x.transpose().data.into())
    }
}

impl<T: Float + Scalar> From<DMatrix<T>> for Tensor<T> {
    fn from(x: DMatrix<T>) -> Self {
        (&x).into()
    }
}

impl<T: Float + Scalar> From<DVector<T>> for Tensor<T> {
    fn from(x: DVector<T>) -> Self {
        Vec::from(x.data).into()
    }
}

impl<T: Float + Scalar> From<&DVector<T>> for Tensor<T> {
    fn from(x: &DVector<T>) -> Self {
        x.as_slice().into()
    }
}

/// A tensor of two axes.
impl<T: Float + Scalar> TryFrom<&Tensor<T>> for DMatrix<T> {
    type Error = Error;

    fn try_from(x: &Tensor<T>) -> Result<Self, Error> {
        match x.shape()[..] {
            [rows, columns] => Ok(DMatrix::from_row_slice(rows, columns, x.as_slice())),
            _ => Err(Error::shape("DMatrix", format!("shape {} has not two axes; reshape it", x.shape()))),
        }
    }
}

/// A tensor of one axis; its values are not copied if no other tensor shares them.
impl<T: Float + Scalar> TryFrom<Tensor<T>> for DVector<T> {
    type Error = Error;

    fn try_from(x: Tensor<T>) -> Result<Self, Error> {
        match x.shape()[..] {
            [_] => Ok(DVector::from_vec(x.into_vec())),
            _ => Err(Error::shape("DVector", format!("shape {} has not one axis; reshape it", x.shape()))),
        }
    }
}

impl<T: Float> From<Sparse<T>> for CsrMatrix<T> {
    fn from(x: Sparse<T>) -> Self {
        let (rows, columns) = x.shape();
        let places = x.sparsity().columns().iter().map(|&column| column as usize).collect();
        let starts = x.sparsity().row_starts().to_vec();
        CsrMatrix::try_from_csr_data(rows, columns, starts, places, x.values().to_vec())
            .expect("rows with ascending columns")
    }
}
