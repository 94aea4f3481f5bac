//! Bad files by lists, for each reader: each is an error that names the file and what is wrong, nothing panics, and nothing is changed.

mod readers;
mod rows;
mod tensors;
mod writers;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::bad_files::{Law, Make, Row, contents};
use readers::Reader;

pub(super) fn said(panic: &(dyn Any + Send)) -> String {
    panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "words of another type".to_string())
}

/// What a reader answers to a row, or `None` if the row cannot be made here.
fn answer(reader: &Reader, row: &Row) -> Option<Result<(), String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(reader.file);
    if !row.put(&path) {
        return None;
    }
    let before = contents(folder.path());
    let start = Instant::now();
    let read = catch_unwind(AssertUnwindSafe(|| (reader.read)(&path)));
    assert!(start.elapsed() < MOST_TIME, "{}, {}: it takes {:?}", reader.name, row.name, start.elapsed());
    let read = read.unwrap_or_else(|panic| panic!("{}, {}: it panics: {}", reader.name, row.name, said(&*panic)));
    assert_eq!(contents(folder.path()), before, "{}, {}: something was written", reader.name, row.name);
    Some(read.map_err(|error| error.to_string()))
}

/// Time enough for each row on a slow machine, unless it grows with the square of the input.
const MOST_TIME: Duration = Duration::from_secs(20);

/// The number of rows, so that none falls out of the lists unseen.
const ROWS: usize = if cfg!(feature = "images") { 961 } else { 863 };

/// What is wrong with the answer to a row; `None` if it is as it must be.
fn fault(reader: &Reader, row: &Row, answer: &Result<(), String>) -> Option<String> {
    let file = if reader.opens { reader.file } else { "" };
    match (&row.law, answer) {
        (Law::Refused(part), Ok(())) => Some(format!("it is taken, and `{part}` not said")),
        (Law::Refused(part), Err(text)) if !text.contains(file) || !text.contains(part) => {
            Some(format!("`{part}` is not said: {text}"))
        }
        (_, Err(text)) if text.is_empty() || text.len() > 2000 => {
            Some(format!("{} letters are no message", text.len()))
        }
        _ => None,
    }
}

#[test]
fn every_bad_file_is_an_error_that_says_what_is_wrong() {
    let (mut all, mut faults) = (0, vec![]);
    for reader in readers::all() {
        let good = Row::new("good", Make::Bytes(reader.good.clone()), "");
        assert_eq!(answer(&reader, &good), Some(Ok(())), "{}", reader.name);
        let (rows, mut refused, mut taken) = (rows::of(&reader), 0, 0);
        all += rows.len();
        for row in &rows {
            let Some(answer) = answer(&reader, row) else { continue };
            faults.extend(fault(&reader, row, &answer).map(|fault| format!("{}, {}: {fault}", reader.name, row.name)));
            if answer.is_err() { refused += 1 } else { taken += 1 }
        }
        // Most are refused, also of those that may be other files.
        assert!(refused > taken, "{}: {refused} of {} are refused", reader.name, rows.len());
    }
    assert!(faults.is_empty(), "{}\n{}", faults.len(), faults.join("\n"));
    assert!(all >= 100 && all == ROWS, "{all} rows");
}
