//! Messages in, responses out: one JSON object a line.
//!
//! A `define` asks whether the tool knows an eval, an `evaluate` for one of its functions at an input. All other messages
//! are acknowledged by their id.

use std::any::Any;
use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::evals;
use crate::runs::{Evaluation, Outcome, Timing};

#[derive(Deserialize)]
struct Message {
    id: u64,
    kind: String,
    #[serde(default)]
    module: String,
    #[serde(default)]
    function: String,
    #[serde(default)]
    input: Value,
}

/// What is `None` is left out.
#[derive(Default, Serialize)]
struct Response {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timings: Option<Vec<Timing>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Answers each message of `input`, a line each, until it ends.
///
/// ```
/// let mut responses = vec![];
/// gradbench::serve(&br#"{"id": 0, "kind": "define", "module": "hello"}"#[..], &mut responses).unwrap();
/// assert_eq!(responses, b"{\"id\":0,\"success\":true}\n");
/// ```
///
/// # Errors
/// If a stream fails, or a line is no message: without an id there is nothing to answer.
pub fn serve(input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    for line in input.lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        serde_json::to_writer(&mut output, &respond(serde_json::from_str(&line)?))?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

fn respond(message: Message) -> Response {
    let blank = Response { id: message.id, ..Response::default() };
    match message.kind.as_str() {
        "start" => Response { tool: Some("autograd"), ..blank },
        "define" => {
            let known = evals::find(&message.module);
            Response { success: Some(known.is_ok()), error: known.err(), ..blank }
        }
        "evaluate" => match evaluate(message) {
            Ok(Evaluation { output, timings }) => {
                Response { success: Some(true), output: Some(output), timings: Some(timings), ..blank }
            }
            Err(error) => Response { success: Some(false), error: Some(error), ..blank },
        },
        _ => blank,
    }
}

/// Inputs come from outside: shapes that do not fit are an answer, not the end of the session.
fn evaluate(message: Message) -> Outcome {
    let Message { module, function, input, .. } = message;
    let found = evals::find(&module)?.iter().find(|(name, _)| *name == function);
    let (_, function) = found
        .ok_or_else(|| format!("{module} has no function `{function}`; its description in the suite names them"))?;
    let failed = |cause: Box<dyn Any + Send>| match cause.downcast::<String>() {
        Ok(text) => *text,
        Err(cause) => cause.downcast_ref::<&str>().map_or_else(|| "it panicked".to_string(), ToString::to_string),
    };
    catch_unwind(AssertUnwindSafe(|| function(input)))
        .unwrap_or_else(|cause| Err(format!("{module}: {}", failed(cause))))
}
