//! Two ways to do the same work, timed in turn: what else the machine does, it does to both.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Alternating blocks of each side. The median of an odd number is one that was measured.
const BLOCKS: usize = 15;

/// How long a block takes, unless one call takes longer.
const BLOCK: Duration = Duration::from_millis(50);

/// The head of a table of [`race`]s.
pub fn head(ours: &str, other: &str) {
    println!("\n| row | {ours} | {other} | ratio |\n|---|---|---|---|");
}

/// Prints the medians, each divided by `parts`, and the median of the ratios of neighbouring blocks, `of` the one by the other.
pub fn race<A, B>(row: &str, parts: usize, of: Ratio, mut ours: impl FnMut() -> A, mut other: impl FnMut() -> B) {
    let calls = [warm(&mut ours), warm(&mut other)];
    let blocks = [(); BLOCKS].map(|()| [block(calls[0], &mut ours), block(calls[1], &mut other)]);
    let median = |of: &dyn Fn([f64; 2]) -> f64| {
        let mut numbers = blocks.map(of);
        numbers.sort_by(f64::total_cmp);
        numbers[BLOCKS / 2]
    };
    let ratio = match of {
        Ratio::OursByOther => median(&|[ours, other]| ours / other),
        Ratio::OtherByOurs => median(&|[ours, other]| other / ours),
    };
    let [ours, other] = [0, 1].map(|side| shown(median(&|block| block[side]) / parts as f64));
    println!("| {row} | {ours} | {other} | {ratio:.2} |");
}

/// Which way round a ratio is.
#[derive(Debug, Clone, Copy)]
pub enum Ratio {
    /// How many times slower ours is.
    OursByOther,
    /// How many times faster ours is.
    OtherByOurs,
}

/// Calls for a block's time, counted at the end of a block's time of calls.
fn warm<R>(f: &mut impl FnMut() -> R) -> usize {
    let (begin, mut calls) = (Instant::now(), 0);
    while calls == 0 || begin.elapsed() < BLOCK {
        black_box(f());
        calls += 1;
    }
    calls
}

/// Seconds a call.
fn block<R>(calls: usize, f: &mut impl FnMut() -> R) -> f64 {
    let begin = Instant::now();
    (0..calls).for_each(|_| _ = black_box(f()));
    begin.elapsed().as_secs_f64() / calls as f64
}

fn shown(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.1} ns", 1e9 * s),
        s if s < 1e-3 => format!("{:.2} µs", 1e6 * s),
        s => format!("{:.2} ms", 1e3 * s),
    }
}
