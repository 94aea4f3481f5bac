//! The report, as Python's half of the package takes it.

use autograd::check::{self, Cause};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A report of the checker.
#[pyclass(frozen, module = "gradproof._core")]
pub(crate) struct Report(pub(crate) check::Report);

#[pymethods]
impl Report {
    /// Reads a report from the text that `json` gives.
    #[staticmethod]
    fn from_json(text: &str) -> PyResult<Self> {
        serde_json::from_str(text).map(Report).map_err(|error| PyValueError::new_err(format!("no report: {error}")))
    }

    /// The report as data, in JSON; a number that is not finite is null.
    fn json(&self) -> PyResult<String> {
        serde_json::to_string(&self.0).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The cause in words.
    fn cause(&self) -> Option<String> {
        self.0.cause.as_ref().map(Cause::to_string)
    }

    /// The report as text.
    fn text(&self) -> String {
        self.0.to_string()
    }

    /// The report as HTML.
    fn html(&self) -> String {
        self.0.to_html()
    }

    /// The same report with a further note.
    fn noted(&self, note: String) -> Self {
        let mut report = self.0.clone();
        report.notes.push(note);
        Report(report)
    }
}
