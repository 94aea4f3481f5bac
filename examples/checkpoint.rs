//! Memory for compute: a deep chain recorded as it is, and in checkpointed segments.
//!
//! The chain is h ← h + tanh(h·W + b)/√L, L layers of width 32, for a batch of 16. Recorded plainly, the tape holds what
//! every layer computed until the sweep has passed. `checkpoint_chain` cuts the chain into about √L segments, of which the
//! tape holds the ends only; the sweep records one segment at a time again, and throws it away. Shows what is recorded,
//! what is held, what it costs in time, that the gradients are the same, how memory grows with depth, and that of a
//! recurrent network over up to 10,000 steps of time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use autograd::{Param, Step, Tape, Tensor, Var, checkpoint_chain, step};
use examples::normal;
use mlp::{Lstm, Module};
use rand::{SeedableRng, rngs::StdRng};

const WIDTH: usize = 32;
const BATCH: usize = 16;

/// The layers of a chain, each as a step that owns its parameters.
struct Chain {
    params: Vec<Param>,
    steps: Vec<Step>,
    x: Tensor,
}

impl Chain {
    fn new(depth: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(depth as u64);
        let mut chain = Chain { params: vec![], steps: vec![], x: normal(&mut rng, [BATCH, WIDTH], 1.0).value() };
        let share = 1.0 / (depth as f64).sqrt();
        for _ in 0..depth {
            let w = normal(&mut rng, [WIDTH, WIDTH], 1.0 / (WIDTH as f64).sqrt());
            let b = normal(&mut rng, [WIDTH], 0.1);
            chain.params.extend([w.clone(), b.clone()]);
            chain.steps.push(step(move |h| h + h.affine(&w, &b).tanh() * share));
        }
        chain
    }

    /// Records the chain and its loss with `record`, and sweeps back.
    fn run(&self, record: impl for<'t> Fn(Var<'t>, &[Step]) -> Var<'t>) -> Run {
        let tape = Tape::new();
        // Each parameter takes an entry on the tape, which shares its values; that is so in any recording.
        self.params.iter().for_each(|param| drop_handle(param.on(&tape)));
        let before = tape.bytes();
        let start = Instant::now();
        let loss = record(tape.constant(&self.x), &self.steps).square().mean();
        let forward = start.elapsed();
        let grads = loss.backward();
        let time = [forward, start.elapsed() - forward];
        let gradients = self.params.iter().map(|param| grads[param].clone()).collect();
        let (nodes, entries, held, census) = (tape.len(), before, tape.bytes() - before, tape.census());
        Run { loss: loss.value(), nodes, entries, held, census, gradients, time }
    }
}

/// Handles are `Copy`; what matters is that they were recorded.
fn drop_handle(_: Var<'_>) {}

struct Run {
    loss: f64,
    nodes: usize,
    /// Bytes of the parameters' entries.
    entries: usize,
    /// Bytes of everything else.
    held: usize,
    census: BTreeMap<String, usize>,
    gradients: Vec<Tensor>,
    /// Forward, backward.
    time: [Duration; 2],
}

fn plainly<'t>(x: Var<'t>, steps: &[Step]) -> Var<'t> {
    steps.iter().fold(x, |h, step| step(h))
}

/// The largest difference of two gradients, relative to the largest number in them.
fn difference(a: &Run, b: &Run) -> f64 {
    let each = a.gradients.iter().zip(&b.gradients);
    let (off, size) =
        each.fold((0f64, 0f64), |(off, size), (a, b)| (off.max((a - b).abs().max()), size.max(a.abs().max())));
    off / size
}

fn main() -> mlp::Result<()> {
    const DEPTH: usize = 400;
    println!("1. {DEPTH} layers of width {WIDTH}, batch {BATCH}");
    let chain = Chain::new(DEPTH);
    // The last of a few runs: the first ones also pay for memory that later ones find ready.
    let (mut plain, mut segments) = (chain.run(plainly), chain.run(|x, steps| checkpoint_chain(x, steps)));
    for _ in 0..5 {
        (plain, segments) = (chain.run(plainly), chain.run(|x, steps| checkpoint_chain(x, steps)));
    }
    println!("   {:<28} {:>12} {:>12}", "", "plainly", "in segments");
    let row = |name: &str, a: String, b: String| println!("   {name:<28} {a:>12} {b:>12}");
    let count = |name: &str, f: &dyn Fn(&Run) -> usize| row(name, f(&plain).to_string(), f(&segments).to_string());
    let operations: BTreeSet<_> = plain.census.keys().chain(segments.census.keys()).collect();
    for op in operations {
        count(&format!("recorded: {op}"), &|run| *run.census.get(op).unwrap_or(&0));
    }
    count("nodes", &|run| run.nodes);
    count("bytes, entries of parameters", &|run| run.entries);
    count("bytes, all else", &|run| run.held);
    for (name, part) in [("forward", 0), ("backward", 1)] {
        let time = |run: &Run| format!("{:.1} ms", run.time[part].as_secs_f64() * 1e3);
        row(name, time(&plain), time(&segments));
    }
    println!("   largest relative difference of the gradients: {:.1e}\n", difference(&plain, &segments));
    assert_eq!(plain.loss.to_bits(), segments.loss.to_bits(), "the same value to the bit");
    assert!(difference(&plain, &segments) < 1e-13);
    assert!(10 * segments.held < plain.held);

    println!("2. Bytes held as the chain grows, beside the entries of the parameters");
    println!("   {:>6} {:>12} {:>12} {:>12} {:>12} {:>12}", "L", "plainly", "÷ L", "in segments", "÷ √L", "again");
    let mut last = None;
    for depth in [25, 100, 400, 1600] {
        let chain = Chain::new(depth);
        let root = (depth as f64).sqrt();
        let plain = chain.run(plainly).held;
        let segments = chain.run(|x, steps| checkpoint_chain(x, steps)).held;
        // What the sweep records again at a time: one segment.
        let again = chain.run(|x, steps| plainly(x, &steps[..root as usize])).held;
        let (each, per_root) = (plain / depth, segments as f64 / root);
        println!("   {depth:>6} {plain:>12} {each:>12} {segments:>12} {per_root:>12.0} {again:>12}");
        if let Some((plain_before, segments_before)) = last {
            let growth = |now: usize, before: usize| now as f64 / before as f64;
            assert!(
                (growth(plain, plain_before) - 4.0).abs() < 0.2,
                "plainly, four times the depth is four times the memory"
            );
            assert!((growth(segments, segments_before) - 2.0).abs() < 0.2, "in segments, it is twice the memory");
        }
        last = Some((plain, segments));
    }
    over_time()
}

/// An LSTM in segments: memory that grows as √T, with the gradients of the loop that is recorded whole.
fn over_time() -> mlp::Result<()> {
    println!("\n3. Bytes held by an LSTM of {WIDTH} units over T steps, beside the sequence");
    println!(
        "   {:>6} {:>12} {:>8} {:>12} {:>8} {:>12} {:>8} {:>12}",
        "T", "plainly", "÷ T", "states only", "÷ T", "in √T", "÷ √T", "again"
    );
    let lstm = || Lstm::<f64>::new(1, WIDTH, &mut StdRng::seed_from_u64(1)).map(Lstm::last);
    let mut in_roots = vec![];
    for time in [100, 400, 2_500, 10_000] {
        let root = (time as f64).sqrt();
        let sequence = |time: usize| Tensor::from_fn([1, time, 1], |i| (0.1 * i[1] as f64).sin());
        let run = |lstm: Lstm, time: usize| {
            let tape = Tape::new();
            let x = tape.constant(sequence(time));
            lstm.parameters().params().for_each(|param| drop_handle(param.on(&tape)));
            let before = tape.bytes();
            let grads = lstm.forward(x).square().sum().backward();
            let gradients: Vec<_> = lstm.parameters().params().map(|param| grads[param].clone()).collect();
            drop(grads);
            (tape.bytes() - before, gradients)
        };
        let copy = size_of_val(sequence(time).as_slice()); // each segment's part of the sequence
        let (plain, needed) = run(lstm()?, time);
        let (states, _) = run(lstm()?.segments(1), time);
        let (segments, found) = run(lstm()?.segments(root as usize), time);
        let (again, _) = run(lstm()?, root as usize);
        let (states, segments) = (states - copy, segments - copy);
        let (each, state, per_root) = (plain / time, states / time, segments as f64 / root);
        println!(
            "   {time:>6} {plain:>12} {each:>8} {states:>12} {state:>8} {segments:>12} {per_root:>8.0} {again:>12}"
        );
        for (a, b) in found.iter().zip(&needed) {
            assert!((a - b).abs().max() < 1e-10 * b.abs().max(), "the gradients of the loop that is recorded whole");
        }
        in_roots.push((time as f64, (segments + again) as f64));
    }
    let [(t1, m1), .., (t2, m2)] = in_roots[..] else { unreachable!("several lengths") };
    let exponent = (m2 / m1).ln() / (t2 / t1).ln();
    println!("   in √T, with the segment that is recorded again: memory grows as T^{exponent:.2}");
    assert!((exponent - 0.5).abs() < 0.05);
    Ok(())
}
