//! How work grows with a count: each case for n and for 4n of something.
//!
//! What is linear takes about four times as long, what is quadratic sixteen times. No assertion looks at times.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Sets up so many of something, times what is done with them, and verifies it.
pub type Case = (&'static str, fn(usize) -> Duration);

/// How long a call takes, and its result.
pub fn timed<R>(f: impl FnOnce() -> R) -> (Duration, R) {
    let start = Instant::now();
    let result = black_box(f());
    (start.elapsed(), result)
}

/// The `main` of a bench: with `--test` verifies a few of each case, otherwise prints times and growth of those whose names hold the first
/// argument, for n = the second one, or 4000.
pub fn main(cases: &[Case]) {
    if std::env::args().any(|arg| arg == "--test") {
        for (name, case) in cases {
            let _ = case(20);
            println!("{name}: verified");
        }
        return;
    }
    let arguments: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let filter = arguments.first().cloned().unwrap_or_default();
    let n = arguments.get(1).and_then(|n| n.parse().ok()).unwrap_or(4000);
    println!("{:<52} {:>9} {:>12} {:>12}   growth", "", "n", "n", "4n");
    for (name, case) in cases.iter().filter(|(name, _)| name.contains(&filter)) {
        let (once, four) = (least(*case, n), least(*case, 4 * n));
        println!("{name:<52} {n:>9} {:>9.3} ms {:>9.3} ms {:>8.1}", once * 1e3, four * 1e3, four / once);
    }
}

/// The least of three, in seconds.
fn least(case: fn(usize) -> Duration, n: usize) -> f64 {
    (0..3).map(|_| case(n).as_secs_f64()).fold(f64::INFINITY, f64::min)
}
