//! The wording of every refusal: the method that was called, the shapes, the law, a repair; and that it points at the caller's line.
//!
//! A row of a table is a misuse and its message. The panic's place must lie on the lines of the row.

// A call is written once for recorded arrays, which take any operand, and for plain ones, which take a reference.
#![allow(clippy::needless_borrows_for_generic_args)]

mod arrays;
mod closures;
mod order;
mod pairs;
mod settings;
mod tapes;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::panic::{Location, set_hook, take_hook};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use autograd::{Param, Tape, Tensor, broadcast};

/// One panic at a time: the hook is the process's.
static HOOK: Mutex<()> = Mutex::new(());

/// The message of a panic on this thread, its file and its line.
fn panic_of(f: impl FnOnce()) -> (String, String, u32) {
    let _guard = HOOK.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Arc::new(Mutex::new((String::new(), 0)));
    let (seen, me) = (place.clone(), thread::current().id());
    let old = Arc::new(take_hook());
    let others = old.clone();
    set_hook(Box::new(move |info| {
        if thread::current().id() != me {
            return others(info);
        }
        if let Some(place) = info.location() {
            *seen.lock().unwrap() = (place.file().to_string(), place.line());
        }
    }));
    let result = catch_unwind(AssertUnwindSafe(f));
    set_hook(Box::new(move |info| old(info)));
    let Err(payload) = result else { return ("nothing".into(), String::new(), 0) };
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(|s| s.to_string()));
    let Some(text) = text else { resume_unwind(payload) };
    let (file, line) = place.lock().unwrap().clone();
    (text, file, line)
}

/// A misuse, where it stands, and what is said to it.
struct Row<'a> {
    place: &'static Location<'static>,
    misuse: Box<dyn FnOnce() + 'a>,
    message: String,
}

/// How many misuses were tried, and what was wrong with the refusals.
#[derive(Default)]
struct Tally {
    misuses: usize,
    wrong: Vec<String>,
}

/// Misuses of what lies on one tape.
struct Table<'t> {
    tape: &'t Tape,
    rows: Vec<Row<'t>>,
}

impl<'t> Table<'t> {
    fn new(tape: &'t Tape) -> Self {
        Table { tape, rows: vec![] }
    }

    #[track_caller]
    fn row<R>(&mut self, misuse: impl FnOnce() -> R + 't, message: impl Into<String>) {
        let misuse = Box::new(|| drop(misuse()));
        self.rows.push(Row { place: Location::caller(), misuse, message: message.into() });
    }

    /// Holds each message and its place against what is.
    fn check(self, tally: &mut Tally) {
        let lines: Vec<u32> = self.rows.iter().map(|row| row.place.line()).collect();
        tally.misuses += lines.len();
        for row in self.rows {
            let first = row.place.line();
            let next = lines.iter().copied().filter(|&line| line > first).min().unwrap_or(first + 8);
            let (message, file, line) = panic_of(row.misuse);
            if message != row.message {
                tally.wrong.push(format!(
                    "{}:{first} says\n  {message}\ninstead of\n  {}",
                    row.place.file(),
                    row.message
                ));
            } else if file != row.place.file() || !(first..next).contains(&line) {
                tally.wrong.push(format!("{}:{first} points at {file}:{line}\n  {message}", row.place.file()));
            }
        }
    }
}

/// A misuse of a method that recorded arrays and plain ones share, of both: `$x` is an array of ones.
macro_rules! both {
    ($table:expr, $x:ident, $shape:expr, $call:expr, $message:expr) => {{
        let $x = Tensor::<f64>::ones($shape);
        $table.row(move || $call, $message);
        let $x = $table.tape.var(Tensor::ones($shape));
        $table.row(move || $call, $message);
    }};
}
use both;

#[test]
fn every_misuse_is_refused_with_its_message_at_its_line() {
    let mut tally = Tally::default();
    for check in [arrays::check, pairs::check, tapes::check, settings::check, closures::check, order::check] {
        check(&mut tally);
    }
    let Tally { misuses, wrong } = tally;
    assert!(wrong.is_empty(), "{} of {misuses}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(misuses >= 209, "{misuses} misuses");
}

#[test]
fn the_same_text_as_a_result_where_data_decides() {
    let x: Tensor = Tensor::ones([2, 3]);
    let errors = [
        (
            x.try_matmul(&x).unwrap_err(),
            "matmul: inner dimensions differ: (2, 3) · (2, 3) needs 3 = 2; transpose an operand with t()?",
        ),
        (x.try_reshape([4]).unwrap_err(), "reshape: shape (2, 3) has 6 values, shape (4,) needs 4"),
        (
            x.try_cross_entropy(&[0, 9]).unwrap_err(),
            "cross_entropy: index 9 at position 1 is out of range for axis 1 of length 3",
        ),
        (x.try_take(0, &[5]).unwrap_err(), "take: index 5 at position 0 is out of range for axis 0 of length 2"),
        (
            Param::new(x.clone()).try_set([1.0]).unwrap_err(),
            "param: a parameter of shape (2, 3) cannot take a value of shape (1,)",
        ),
    ];
    for (error, expected) in errors {
        assert_eq!(error.to_string(), expected);
    }
    assert!(broadcast("add", &[2].into(), &[3].into()).is_err());
}
