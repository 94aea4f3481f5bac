//! Conversions to and from the arrays of other crates, and problems for optimisers: each by the feature of its name.
//!
//! | feature | what |
//! |---|---|
#![cfg_attr(
    feature = "ndarray",
    doc = "| `ndarray` | [`Tensor`](crate::Tensor) from arrays and views of `ndarray`, and back; [`ndarray::view`] without a copy |"
)]
#![cfg_attr(
    feature = "nalgebra",
    doc = "| `nalgebra` | `Tensor` from matrices and vectors of `nalgebra`, and back; [`Sparse`](crate::Sparse) to `CsrMatrix` |"
)]
#![cfg_attr(
    feature = "argmin",
    doc = "| `argmin` | [`Objective`](argmin::Objective), [`ModelObjective`](argmin::ModelObjective) and [`Residuals`](argmin::Residuals): what solvers of `argmin` minimise |"
)]
//!
//! `faer` needs no bridge: `MatRef::from_row_major_slice(x.as_slice(), rows, columns)` is a view of a tensor.

#[cfg(feature = "argmin")]
pub mod argmin;
#[cfg(feature = "nalgebra")]
pub mod nalgebra;
#[cfg(feature = "ndarray")]
pub mod ndarray;
