//! Speaks GradBench's protocol on the standard streams.
//!
//! The suite compares tools on one thread; `--multithreaded` uses all that the machine has.

use std::io::{self, BufWriter};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut threads = 1;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--multithreaded" => threads = 0,
            _ => {
                eprintln!("gradbench: no argument `{argument}`; the only one is --multithreaded");
                return ExitCode::FAILURE;
            }
        }
    }
    autograd::set_threads(threads);
    match gradbench::serve(io::stdin().lock(), BufWriter::new(io::stdout().lock())) {
        Ok(()) => ExitCode::SUCCESS,
        // The suite closes the streams when it has what it wants.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gradbench: {error}");
            ExitCode::FAILURE
        }
    }
}
