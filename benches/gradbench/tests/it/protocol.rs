//! What the suite relies on whatever the eval.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::session;

/// What the suite is told this tool supports, a name a line.
const EVALS: &str = include_str!("../../evals.txt");

#[test]
fn a_session_answers_each_message_by_its_id() {
    let responses = session(&[
        json!({"id": 0, "kind": "start", "eval": "hello"}),
        json!({"id": 1, "kind": "define", "module": "hello"}),
        json!({"id": 2, "kind": "evaluate", "module": "hello", "function": "square", "input": 3}),
        json!({"id": 3, "kind": "analysis", "of": 2, "valid": true}),
        json!({"id": 4, "kind": "evaluate", "module": "hello", "function": "double", "input": 3.0}),
        json!({"id": 5, "kind": "something new"}),
    ]);
    assert_eq!(responses[0], json!({"id": 0, "tool": "autograd"}));
    assert_eq!(responses[1], json!({"id": 1, "success": true}));
    assert_eq!((&responses[2]["id"], &responses[2]["output"]), (&json!(2), &json!(9.0)));
    assert_eq!(responses[3], json!({"id": 3}));
    assert_eq!((&responses[4]["id"], &responses[4]["output"]), (&json!(4), &json!(6.0)));
    assert_eq!(responses[5], json!({"id": 5}));
}

#[test]
fn the_evals_are_those_of_the_list() {
    let define = |eval: &str| session(&[json!({"id": 1, "kind": "define", "module": eval})]).remove(0);
    for eval in EVALS.lines() {
        assert_eq!(define(eval), json!({"id": 1, "success": true}));
    }
    let known = EVALS.lines().collect::<Vec<_>>().join(", ");
    assert_eq!(
        define("halo"),
        json!({"id": 1, "success": false, "error": format!("no eval `halo`; there are {known}")})
    );
}

/// The runs of an evaluation of `lse`.
fn timings(min_runs: usize, min_seconds: f64) -> Vec<u64> {
    let input = json!({"x": [1.0, 2.0], "min_runs": min_runs, "min_seconds": min_seconds});
    let message = json!({"id": 1, "kind": "evaluate", "module": "lse", "function": "gradient", "input": input});
    let response = session(&[message]).remove(0);
    let timings = response["timings"].as_array().unwrap();
    assert!(timings.iter().all(|timing| timing["name"] == "evaluate"), "{response}");
    timings.iter().map(|timing| timing["nanoseconds"].as_u64().unwrap()).collect()
}

#[test]
fn functions_run_as_often_and_as_long_as_asked() {
    assert_eq!(timings(4, 0.0).len(), 4);
    let long = timings(1, 0.01);
    assert!(long.len() > 1 && long.iter().sum::<u64>() >= 10_000_000, "{} runs", long.len());
    assert!(long[..long.len() - 1].iter().sum::<u64>() < 10_000_000);
}

#[test]
fn what_cannot_be_evaluated_is_answered_with_its_reason() {
    let failed = |module: &str, function: &str, input: Value| {
        let message = json!({"id": 1, "kind": "evaluate", "module": module, "function": function, "input": input});
        let response = session(&[message]).remove(0);
        assert_eq!((&response["success"], &response["output"]), (&json!(false), &Value::Null), "{response}");
        response["error"].as_str().unwrap().to_string()
    };
    assert!(failed("lse", "primary", json!({"x": [1.0]})).starts_with("lse has no function `primary`"));
    assert_eq!(failed("lse", "primal", json!({})), "input: missing field `x`");
    assert_eq!(failed("hello", "square", json!("three")), "input: \"three\" is no number");
    assert_eq!(
        failed("det", "primal", json!({"A": [1.0, 2.0], "ell": 2})),
        "input: 2 numbers are no square matrix of 2 rows"
    );
    // A shape that the formula itself refuses.
    let error = failed("lse", "primal", json!({"x": []}));
    assert!(error.starts_with("lse: max: "), "{error}");
}

#[test]
fn the_program_speaks_on_its_standard_streams() {
    let run = |arguments: &[&str], input: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gradbench"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The program may end before it reads.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let done = child.wait_with_output().unwrap();
        (done.status.success(), String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
    };
    let start = "{\"id\": 0, \"kind\": \"start\"}\n";
    let answer = "{\"id\":0,\"tool\":\"autograd\"}\n".to_string();
    assert_eq!(run(&[], start), (true, answer.clone(), String::new()));
    assert_eq!(run(&["--multithreaded"], start), (true, answer, String::new()));
    assert!(!run(&["--threads"], "").0);
    let (success, _, error) = run(&[], "no message\n");
    assert!(!success && error.starts_with("gradbench: expected ident"), "{error}");
}
