//! A Python callable as a closure of tensors.

use std::panic::resume_unwind;

use autograd::{Float, Tensor};
use numpy::{Element, PyReadonlyArrayDyn};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::array::{tensor, view};

/// An exception on its way through the engine, which knows nothing of Python: it unwinds, and is taken up where the
/// check was called.
pub(crate) struct Raised(pub(crate) PyErr);

/// A callable whose arguments are lists of arrays, or arrays.
pub(crate) struct Call(Py<PyAny>);

impl<'py> FromPyObject<'_, 'py> for Call {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Call(object.to_owned().unbind()))
    }
}

/// Arguments of a call.
pub(crate) trait Arguments {
    fn tuple<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>>;
}

impl<T: Float + Element> Arguments for (&[Tensor<T>],) {
    fn tuple<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, [list(py, self.0)?])
    }
}

impl<T: Float + Element> Arguments for (&[Tensor<T>], &Tensor<T>) {
    fn tuple<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, [list(py, self.0)?.into_any(), view(py, self.1)?.into_any()])
    }
}

impl<T: Float + Element> Arguments for (&[Tensor<T>], &[Tensor<T>]) {
    fn tuple<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, [list(py, self.0)?, list(py, self.1)?])
    }
}

fn list<'py, T: Float + Element>(py: Python<'py>, tensors: &[Tensor<T>]) -> PyResult<Bound<'py, PyList>> {
    let views = tensors.iter().map(|tensor| view(py, tensor)).collect::<PyResult<Vec<_>>>()?;
    PyList::new(py, views)
}

impl Call {
    /// Calls it for one array.
    pub(crate) fn one<T: Float + Element>(&self, x: impl Arguments) -> Tensor<T> {
        self.call(x, |found| Ok(tensor(&found.extract::<PyReadonlyArrayDyn<'_, T>>()?)))
    }

    /// Calls it for one array per input.
    pub(crate) fn each<T: Float + Element>(&self, x: impl Arguments) -> Vec<Tensor<T>> {
        self.call(x, |found| {
            let arrays: Vec<PyReadonlyArrayDyn<'_, T>> = found.extract()?;
            Ok(arrays.iter().map(tensor).collect())
        })
    }

    /// Calls it for one row of arrays per input.
    pub(crate) fn rows<T: Float + Element>(&self, x: impl Arguments) -> Vec<Vec<Tensor<T>>> {
        self.call(x, |found| {
            let rows: Vec<Vec<PyReadonlyArrayDyn<'_, T>>> = found.extract()?;
            Ok(rows.iter().map(|row| row.iter().map(tensor).collect()).collect())
        })
    }

    fn call<R>(&self, x: impl Arguments, result: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<R>) -> R {
        let found = Python::attach(|py| {
            let found = self.0.bind(py).call1(x.tuple(py)?)?;
            // A function in C may run long without a look at the keyboard.
            py.check_signals()?;
            result(&found)
        });
        found.unwrap_or_else(|error| resume_unwind(Box::new(Raised(error))))
    }
}
