//! Verifies a peer's row against ours, then times the two in turn.

use std::hint::black_box;
use std::time::{Duration, Instant};

use autograd::Tape;
use benches::networks::{Network, Row};
use benches::{arrays, assert_close, fused};

/// Alternating blocks of each side. The median of an odd number is one that was measured.
const BLOCKS: usize = 15;

/// How long a block takes, unless one call takes longer.
const BLOCK: Duration = Duration::from_millis(50);

/// Operations that a link of row G records.
const OPERATIONS: usize = 3;

/// Row G's w, b and first x, those of `benches::arrays`: were they others, the answers would differ.
pub const W: [f32; 4] = [1.0; 4];
pub const B: [f32; 4] = [0.0; 4];
pub const X: [f32; 4] = [0.5, 0.6, 0.7, 0.8];

/// Row G's answer, the gradients by x, w and b after the value.
pub type Chain = (f32, [Vec<f32>; 3]);

/// A row of training: `step` records, sweeps and descends, and returns the loss before it descended.
pub fn training(row: &Row, mut step: impl FnMut() -> f32) {
    let (network, mut tape, (x, classes)) = (Network::new(row), Tape::default(), row.data());
    let mut ours = || network.step(&mut tape, &x, &classes);
    // The fourth is the loss after three steps.
    let (expected, found) = ([(); 4].map(|()| ours()), [(); 4].map(|()| step()));
    for (found, expected) in found.into_iter().zip(expected) {
        assert_close(&format!("{}, loss", row.name), &[found], &[expected], 1e-4);
    }
    assert!(found[3] < found[0], "{}: the loss does not fall: {found:?}", row.name);
    race(row.name, 1, ours, step);
}

/// Row J: the logits, verified all; what is timed reads the first one.
pub fn inference(row: &Row, logits: &[f32], infer: impl FnMut() -> f32) {
    let (network, mut tape, (x, _)) = (Network::new(row), Tape::default(), row.data());
    let expected = network.forward(tape.constant(x.clone())).value().to_vec();
    assert_close("J, logits", logits, &expected, 1e-4);
    race(row.name, 1, || network.infer(&mut tape, &x), infer);
}

/// Row F: `bump` returns the value, to `tolerance`, and leaves the gradient in its argument if asked for it.
pub fn fused(tolerance: f64, mut bump: impl FnMut(Option<&mut Vec<f32>>) -> f32) {
    let (mut tape, x, mut dx) = (Tape::default(), fused::inputs(), vec![]);
    let (expected, gradient) = fused::recorded(&mut tape, &x, |dx| dx.to_vec());
    assert_close("F, value", &[bump(Some(&mut dx))], &[expected], tolerance);
    assert_close("F, gradient", &dx, &gradient, 1e-4);
    race("F", 1, || fused::recorded(&mut tape, &x, |dx| dx.as_slice()[0]).1, || bump(None));
}

/// Row G, by recorded operation.
pub fn chain(mut chain: impl FnMut() -> Chain) {
    let mut tape = Tape::default();
    let ((expected, gradients), (value, found)) = (arrays::chain(&mut tape), chain());
    assert_close("G, value", &[value], &[expected], 1e-4);
    for (found, expected) in found.iter().zip(&gradients) {
        assert_close("G, gradient", found, expected, 1e-3);
    }
    race("G, an operation", OPERATIONS * arrays::LINKS, || arrays::chain(&mut tape).0, || chain().0);
}

/// The head of a peer's table.
pub fn head(peer: &str) {
    println!("\n| row | ours | {peer} | ratio |\n|---|---|---|---|");
}

/// Prints the medians, each divided by `parts`, and the peer's by ours.
fn race(row: &str, parts: usize, mut ours: impl FnMut() -> f32, mut peer: impl FnMut() -> f32) {
    let calls = [warm(&mut ours), warm(&mut peer)];
    let blocks = [(); BLOCKS].map(|()| [block(calls[0], &mut ours), block(calls[1], &mut peer)]);
    let [ours, peer] = [0, 1].map(|side| {
        let mut times = blocks.map(|block| block[side]);
        times.sort_by(f64::total_cmp);
        times[BLOCKS / 2] / parts as f64
    });
    println!("| {row} | {} | {} | {:.2} |", shown(ours), shown(peer), peer / ours);
}

/// Calls for a block's time, counted at the end of a block's time of calls.
fn warm(f: &mut impl FnMut() -> f32) -> usize {
    let (begin, mut calls) = (Instant::now(), 0);
    while calls == 0 || begin.elapsed() < BLOCK {
        black_box(f());
        calls += 1;
    }
    calls
}

/// Seconds a call.
fn block(calls: usize, f: &mut impl FnMut() -> f32) -> f64 {
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
