//! Repeating a function as often as an eval asks, and timing each run.

use std::time::Instant;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How long one subtask took; the suite reads those named `evaluate`.
#[derive(Serialize)]
pub(crate) struct Timing {
    name: &'static str,
    nanoseconds: u64,
}

/// What a function returned, and how long each of its runs took.
pub(crate) struct Evaluation {
    pub(crate) output: Value,
    pub(crate) timings: Vec<Timing>,
}

/// An evaluation, or why there is none.
pub(crate) type Outcome = Result<Evaluation, String>;

/// At least so many runs, and at least so many seconds of them.
#[derive(Clone, Copy, Deserialize)]
#[serde(default)]
pub(crate) struct Runs {
    min_runs: usize,
    min_seconds: f64,
}

impl Default for Runs {
    fn default() -> Self {
        Runs { min_runs: 1, min_seconds: 0.0 }
    }
}

impl Runs {
    /// Runs and times `compute`. Turning its last result into the output is not timed.
    pub(crate) fn time<R, O: Serialize>(self, mut compute: impl FnMut() -> R, output: impl FnOnce(R) -> O) -> Outcome {
        let (mut timings, mut seconds, mut result) = (vec![], 0.0, None);
        while timings.len() < self.min_runs.max(1) || seconds < self.min_seconds {
            let start = Instant::now();
            let computed = compute();
            let elapsed = start.elapsed();
            result = Some(computed);
            seconds += elapsed.as_secs_f64();
            timings.push(Timing { name: "evaluate", nanoseconds: elapsed.as_nanos() as u64 });
        }
        let output = serde_json::to_value(result.map(output)).map_err(|error| format!("output: {error}"))?;
        Ok(Evaluation { output, timings })
    }
}

/// An eval's input, and how often to run.
pub(crate) fn read<I: DeserializeOwned>(input: Value) -> Result<(I, Runs), String> {
    let runs = Runs::deserialize(&input).map_err(|error| format!("input: {error}"))?;
    Ok((serde_json::from_value(input).map_err(|error| format!("input: {error}"))?, runs))
}
