//! The tool of `autograd` for GradBench, the scoreboard of automatic differentiation.
//!
//! GradBench sends a tool messages, one JSON object a line, and times what it computes. An eval names functions: a value,
//! and its derivative. Each file of `evals` states one objective as a formula on the tape, and takes its derivative by
//! what `autograd` exports.

mod evals;
mod nested;
mod protocol;
mod runs;

pub use protocol::serve;
