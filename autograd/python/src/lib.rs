//! The checker of `autograd` for Python: functions and derivatives that are Python callables of NumPy arrays.
//!
//! This crate knows arrays and callables only. Frameworks, nested inputs, and what users see are Python, in
//! `python/gradproof`.
//!
//! - here — the module, and its function `check`
//! - `call` — a Python callable as a closure of tensors, and its exception on the way through the engine
//! - `array` — arrays of one library as arrays of the other
//! - `report` — the report

mod array;
mod call;
mod report;

use std::panic::{AssertUnwindSafe, catch_unwind};

use autograd::check::{Checker, Function};
use autograd::{Float, Tensor};
use numpy::{Element, PyReadonlyArrayDyn};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use call::{Call, Raised};
use report::Report;

/// The derivatives that were given.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Derivatives {
    gradient: Option<Call>,
    vjp: Option<Call>,
    jvp: Option<Call>,
    jacobian: Option<Call>,
    hessian: Option<Call>,
    hvp: Option<Call>,
}

/// The settings of a check.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Options {
    seed: u64,
    directions: usize,
    elements: usize,
    orders: usize,
    tolerance: f64,
}

/// The Rust half of `gradproof`.
#[pymodule]
mod _core {
    #[pymodule_export]
    use super::check;
    #[pymodule_export]
    use super::report::Report;
}

/// Checks a function of a list of arrays at a point, all of one type.
#[pyfunction]
fn check(
    py: Python<'_>,
    value: Call,
    derivatives: Derivatives,
    point: Vec<Bound<'_, PyAny>>,
    names: Vec<String>,
    options: Options,
) -> PyResult<Report> {
    if let Some(point) = all::<f64>(&point) {
        return examine(py, &value, &derivatives, point, names, &options);
    }
    match all::<f32>(&point) {
        Some(point) => examine(py, &value, &derivatives, point, names, &options),
        None => Err(PyTypeError::new_err("the arrays of the point are not all float64 or all float32")),
    }
}

/// The arrays of a point, if all of them are of this type.
fn all<T: Float + Element>(point: &[Bound<'_, PyAny>]) -> Option<Vec<Tensor<T>>> {
    let one = |array: &Bound<'_, PyAny>| Some(array::tensor(&array.extract::<PyReadonlyArrayDyn<'_, T>>().ok()?));
    point.iter().map(one).collect()
}

fn examine<T: Float + Element>(
    py: Python<'_>,
    value: &Call,
    derivatives: &Derivatives,
    point: Vec<Tensor<T>>,
    names: Vec<String>,
    options: &Options,
) -> PyResult<Report> {
    let checker = Checker::new()
        .seed(options.seed)
        .directions(options.directions)
        .elements(options.elements)
        .orders(options.orders)
        .rtol(options.tolerance);
    // Other threads of Python go on between the calls.
    let found = py.detach(|| {
        catch_unwind(AssertUnwindSafe(|| {
            let mut f = Function::new(|x: &[Tensor<T>]| value.one((x,))).names(names);
            if let Some(call) = &derivatives.gradient {
                f = f.gradient(|x| call.each((x,)));
            }
            if let Some(call) = &derivatives.vjp {
                f = f.vjp(|x, v| call.each((x, v)));
            }
            if let Some(call) = &derivatives.jvp {
                f = f.jvp(|x, u| call.one((x, u)));
            }
            if let Some(call) = &derivatives.jacobian {
                f = f.jacobian(|x| call.each((x,)));
            }
            if let Some(call) = &derivatives.hessian {
                f = f.hessian(|x| call.rows((x,)));
            }
            if let Some(call) = &derivatives.hvp {
                f = f.hvp(|x, u| call.each((x, u)));
            }
            checker.check_function(&f, &point)
        }))
    });
    match found {
        Ok(Ok(report)) => Ok(Report(report)),
        Ok(Err(error)) => Err(PyValueError::new_err(error.to_string())),
        Err(payload) => Err(match payload.downcast::<Raised>() {
            Ok(raised) => raised.0,
            Err(payload) => {
                let text = payload.downcast_ref::<String>().map(String::as_str);
                let text = text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
                PyRuntimeError::new_err(format!(
                    "gradproof failed, which is a fault of its own; please report it: {text}"
                ))
            }
        }),
    }
}
