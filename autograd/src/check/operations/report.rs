//! What was found out operation by operation, as data.

#[cfg(feature = "serde")]
use super::super::report::shape;
use super::super::report::{Cause, Comparison, Verdict};
use crate::shape::Shape;

/// What was found out operation by operation: each recorded rule beside differences of that operation alone, at its own inputs.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Operations {
    /// The order of the derivative that they are operations of.
    pub order: usize,
    /// How many operations lie on the way from the inputs to the result.
    pub recorded: usize,
    /// How many were looked at: identical ones at similar points once.
    pub compared: usize,
    /// How many of their values have derivatives that agree with differences.
    pub agreed: usize,
    /// How many have derivatives that differences do not tell.
    pub unresolved: usize,
    /// The verdict on all of them.
    pub verdict: Verdict,
    /// Those that are wrong, and the user's own that could not be told.
    pub findings: Vec<OperationReport>,
    /// What else was seen.
    pub notes: Vec<String>,
}

/// One operation whose rule is wrong, or could not be told.
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
    /// The verdict on it.
    pub verdict: Verdict,
    /// The name of the reason.
    pub cause: Option<Cause>,
    /// The reason in a sentence.
    pub reason: String,
    /// Its derivative by its rule beside the same by differences of its value.
    pub comparison: Comparison,
}

impl OperationReport {
    /// Name, place and reason in a sentence.
    pub(in super::super) fn text(&self) -> String {
        let OperationReport { name, file, line, shape, reason, comparison, .. } = self;
        format!("`{name}` of shape {shape}, recorded at {file}:{line}, {}: {reason}", comparison.place)
    }
}
