//! Each eval through the protocol: its value against the same formula on plain numbers, its derivative against central
//! differences of that formula.

mod arrays;
mod networks;
mod protocol;
mod scalars;

use serde_json::{Value, json};

/// The responses to these messages.
fn session(messages: &[Value]) -> Vec<Value> {
    let lines: String = messages.iter().map(|message| format!("{message}\n")).collect();
    let mut responses = vec![];
    gradbench::serve(lines.as_bytes(), &mut responses).unwrap();
    String::from_utf8(responses).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The output of a function, which must succeed.
#[track_caller]
fn output(module: &str, function: &str, input: &Value) -> Value {
    let message = json!({"id": 7, "kind": "evaluate", "module": module, "function": function, "input": input});
    let mut response = session(&[message]).remove(0);
    assert_eq!(response["success"], true, "{response}");
    response["output"].take()
}

/// All numbers of an output, in order; of an object in the order of its keys.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        Value::Object(fields) => fields.values().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap_or_else(|| panic!("{number} is no number"))],
    }
}

/// Number `index` of a sequence without pattern in [−1, 1).
fn scattered(index: usize) -> f64 {
    let mut h = (index as u32 + 1).wrapping_mul(0x9E37_79B1);
    h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
    f64::from((h ^ (h >> 13)) >> 8) / f64::from(1 << 23) - 1.0
}

fn sequence(start: usize, len: usize) -> Vec<f64> {
    (start..start + len).map(scattered).collect()
}

/// Central differences of `f`: a column of the Jacobian for each of `x`.
fn differences(f: impl Fn(&[f64]) -> Vec<f64>, x: &[f64]) -> Vec<Vec<f64>> {
    let h = 1e-5;
    let moved = |at: usize, by: f64| {
        let mut x = x.to_vec();
        x[at] += by;
        f(&x)
    };
    let column = |at| moved(at, h).iter().zip(moved(at, -h)).map(|(right, left)| (right - left) / (2.0 * h)).collect();
    (0..x.len()).map(column).collect()
}

/// Central differences of a function with one value.
fn gradient(f: impl Fn(&[f64]) -> f64, x: &[f64]) -> Vec<f64> {
    differences(|x| vec![f(x)], x).concat()
}

#[track_caller]
fn assert_close(actual: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len(), "as many numbers");
    for (at, (a, e)) in actual.iter().zip(expected).enumerate() {
        assert!((a - e).abs() <= tolerance * e.abs().max(1.0), "number {at}: {a} instead of {e}");
    }
}
