//! What is written where: results on standard output, all else on standard error.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde_json::Value;

/// Why a command ends without success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// With a line for the user.
    Told(String),
    /// Standard output is closed.
    Closed,
}

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl From<mlp::Error> for Failure {
    fn from(error: mlp::Error) -> Self {
        Failure::Told(error.to_string())
    }
}

pub(crate) fn failed<T>(problem: impl Into<String>) -> Outcome<T> {
    Err(Failure::Told(problem.into()))
}

/// Writes to standard output.
pub(crate) fn print(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::Closed),
        Err(error) => failed(format!("standard output: {error}")),
    }
}

/// Writes one of the two, each of which ends the output.
pub(crate) fn print_either(json: bool, value: &Value, text: &str) -> Outcome {
    match json {
        true => print(&format!("{value:#}\n")),
        false => print(text),
    }
}

/// Rows of cells in columns: the first to the left, the others to the right.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(i, (cell, &n))| if i == 0 { format!("{cell:n$}") } else { format!("{cell:>n$}") });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string() + "\n"
    };
    rows.iter().map(line).collect()
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(n: usize, one: &str) -> String {
    // Not after a vowel: one day, two days.
    match (n, one.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']))) {
        (1, _) => format!("1 {one}"),
        (_, Some(stem)) => format!("{n} {stem}ies"),
        (_, None) if one.ends_with('s') => format!("{n} {one}es"),
        (_, None) => format!("{n} {one}s"),
    }
}

/// Whether two paths lead to one file that is there.
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
