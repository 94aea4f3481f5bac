//! Works by order, for a program that asks several libraries in turn: `a 5` on a line of the input runs work `a` five times, and the answer
//! is a line of the seconds of processor time that they took and of the numbers that all libraries must agree in.

use std::io::{BufRead, Write, stdin, stdout};

use autograd::set_threads;
use benches::works::{WORKS, Work};
use cpu_time::ProcessTime;

fn main() {
    set_threads(1);
    let mut ready: Option<(String, Work)> = None;
    for line in stdin().lock().lines() {
        let line = line.expect("a line of text");
        let order = line.split_once(' ').and_then(|(name, calls)| Some((name, calls.parse::<usize>().ok()?)));
        let Some((name, calls)) = order else { refuse(&format!("{line:?}: it takes a work and a number of calls")) };
        if ready.as_ref().is_none_or(|(made, _)| made != name) {
            drop(ready.take()); // first, since some fill the memory
            let make = WORKS.iter().find(|(work, _)| *work == name);
            let Some((_, make)) = make else { refuse(&format!("no work {name:?}: it takes one of {}", names())) };
            ready = Some((name.into(), make()));
        }
        let (_, work) = ready.as_mut().expect("made above");
        let begin = ProcessTime::now();
        (0..calls).for_each(|_| (work.call)());
        let seconds = begin.elapsed().as_secs_f64();
        let answer: Vec<String> = work.answer.iter().map(f64::to_string).collect();
        println!("{seconds} {}", answer.join(" "));
        stdout().flush().expect("somebody who reads");
    }
}

fn names() -> String {
    WORKS.map(|(name, _)| name).join(", ")
}

fn refuse(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(2);
}
