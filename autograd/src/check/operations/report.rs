//! The results of the check operation by operation, as data.

#[cfg(feature = "serde")]
use super::super::report::shape;
use super::super::report::{Cause, Comparison, Verdict};
use crate::shape::Shape;

/// The results operation by operation: each recorded rule compared with differences of that operation alone.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Operations {
    /// The order of the derivative whose recording contains them.
    pub order: usize,
    /// How many operations lie on the way from the inputs to the result.
    pub recorded: usize,
    /// How many were checked; identical operations at similar points count once.
    pub compared: usize,
    /// How many of their values have derivatives that agree with differences.
    pub agreed: usize,
    /// How many have derivatives that the differences do not resolve.
    pub unresolved: usize,
    /// The verdict on all of them.
    pub verdict: Verdict,
    /// The wrong operations, and user-defined ones that could not be resolved.
    pub findings: Vec<OperationReport>,
    /// Further observations.
    pub notes: Vec<String>,
}

/// An operation whose rule is wrong, or could not be resolved.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct OperationReport {
    /// The operation's name.
    pub name: String,
    /// The file that recorded it.
    pub file: String,
    /// The line that recorded it.
    pub line: u32,
    /// The shape of its value.
    #[cfg_attr(feature = "serde", serde(with = "shape"))]
    pub shape: Shape,
    /// The verdict on the operation.
    pub verdict: Verdict,
    /// The name of the reason.
    pub cause: Option<Cause>,
    /// The reason in a sentence.
    pub reason: String,
    /// Its derivative by its rule, compared with differences of its value.
    pub comparison: Comparison,
}

impl OperationReport {
    /// Name, place and reason in a sentence.
    pub(in super::super) fn text(&self) -> String {
        let OperationReport { name, file, line, shape, reason, comparison, .. } = self;
        format!("`{name}` of shape {shape}, recorded at {file}:{line}, {}: {reason}", comparison.place)
    }
}
