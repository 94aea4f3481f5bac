//! `mlp`: a network for a table, from the command line. It uses nothing of the library that other programs cannot.

mod apply;
mod args;
mod check;
mod columns;
mod committee;
mod export;
mod inspect;
mod output;
mod scores;
mod train;
mod words;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use output::Failure;

fn main() -> ExitCode {
    let Args { command, json } = Args::parse();
    let done = match command {
        Command::Train(train) => train::run(&train, json),
        Command::Predict(predict) => apply::predict(&predict, json),
        Command::Evaluate(evaluate) => apply::evaluate(&evaluate, json),
        Command::Inspect(inspect) => inspect::run(&inspect, json),
        Command::Check(check) => check::run(&check, json),
        Command::Export(export) => export::run(&export, json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has closed it, as `head` does.
        Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Told(problem)) => {
            eprintln!("mlp: {}", words::on_a_line(&words::in_options(&problem)));
            ExitCode::FAILURE
        }
    }
}
