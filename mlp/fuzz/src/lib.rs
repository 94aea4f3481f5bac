//! What the targets share: a file of the process, files of tensors whose length agrees, and errors that must have words.

use std::path::PathBuf;

use autograd::{Float, Param, Tensor};

/// A file of this process in the folder for temporary files, with these bytes.
pub fn file(end: &str, bytes: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("mlp-fuzz-{}{end}", std::process::id()));
    std::fs::write(&path, bytes).expect("the folder for temporary files can be written");
    path
}

/// The bytes of a safetensors file. What follows an odd first byte is its header up to a byte of 0, and its numbers; so the length before the
/// header agrees, and what lies behind it is reached. What follows another is the file.
pub fn tensors(data: &[u8]) -> Vec<u8> {
    match data.split_first() {
        Some((first, rest)) if first % 2 == 1 => {
            let end = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
            let numbers = rest.get(end + 1..).unwrap_or_default();
            [&(end as u64).to_le_bytes()[..], &rest[..end], numbers].concat()
        }
        Some((_, rest)) => rest.to_vec(),
        None => vec![],
    }
}

/// The value, if there is one; an error must have words, on one line.
pub fn told<V>(result: mlp::Result<V>) -> Option<V> {
    result.inspect_err(|error| assert!(!error.to_string().trim().is_empty(), "an error without words")).ok()
}

/// The values of parameters, to be compared.
pub fn values<'p, T: Float>(params: impl Iterator<Item = &'p Param<T>>) -> Vec<Tensor<T>> {
    params.map(Param::value).collect()
}

/// Whether all numbers in a text of JSON are so small that memory and time are no matter: they are the user's to choose.
pub fn small(json: &str) -> bool {
    fn fits(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Number(number) => number.as_f64().is_none_or(|x| x.abs() <= 9.0) || number.as_f64().is_some_and(|x| x >= 1e15),
            serde_json::Value::Array(values) => values.len() <= 8 && values.iter().all(fits),
            serde_json::Value::Object(fields) => fields.values().all(fits),
            _ => true,
        }
    }
    serde_json::from_str(json).is_ok_and(|value| fits(&value))
}
