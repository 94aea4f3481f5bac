//! The cost of depth: chains of 1 to 10,000,000 scalar links and networks of 1 to 10,000 layers, each with its gradient
//! beside the time.
//!
//! All links have slope 1 where they are swept: a gradient that vanished would end the sweep early and look fast, one that
//! exploded would be no number. So the gradients are known exactly at any depth. Before the times come a table, the gradients
//! held against their closed forms, and the claim that a link takes the same memory at any depth.
//!
//! Bytes are what the tape holds after the sweep, layers without the entries of their parameters, segments of a checkpointed one
//! without the list of theirs. What its sweep records again, one segment of about √L layers at a time, is not among them.

use std::iter::successors;
use std::time::Instant;

use autograd::{Param, Scalar, Step, Tape, Tensor, Var, checkpoint_chain, step};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const WIDTH: usize = 16;
const BATCH: usize = 4;

/// What a recording and its sweep give.
struct Run {
    gradient: Vec<f64>,
    bytes: usize,
}

/// A chain whose derivative is known at any depth.
struct Case {
    name: &'static str,
    deepest: usize,
    run: Box<dyn FnMut(usize) -> Run>,
    closed: fn(usize) -> Vec<f64>,
    /// Memory grows by the power of the depth.
    growth: f64,
}

#[derive(Clone, Copy, PartialEq)]
enum Sweep {
    First,
    /// The gradient is recorded, and swept again.
    Second,
    Checkpointed,
}

fn scalars(
    start: f64,
    sweep: Sweep,
    link: impl for<'t> Fn(Scalar<'t>) -> Scalar<'t> + 'static,
) -> Box<dyn FnMut(usize) -> Run> {
    let mut tape = Tape::new();
    Box::new(move |depth| {
        tape.clear();
        let x = tape.scalar(start);
        let mut y = x;
        for _ in 0..depth {
            y = link(y);
        }
        if sweep == Sweep::Second {
            y = y.grad(x);
        }
        let gradient = vec![y.backward()[x]];
        Run { gradient, bytes: tape.bytes() }
    })
}

/// Layers `h ← f(scale·hP + offset)` with weights and biases of their own; P moves each number to the next place, so that
/// it shows in the gradient by how many layers it was moved. The loss is Σ c·h.
fn network(
    start: f64,
    sweep: Sweep,
    [scale, offset]: [f64; 2],
    f: for<'t> fn(Var<'t>) -> Var<'t>,
) -> Box<dyn FnMut(usize) -> Run> {
    let (mut tape, mut params, mut steps) = (Tape::new(), Vec::<[Param; 2]>::new(), Vec::<Step>::new());
    let weights = Tensor::from_fn([WIDTH, WIDTH], |i: &[usize]| if i[1] == (i[0] + 1) % WIDTH { scale } else { 0.0 });
    Box::new(move |depth| {
        while steps.len() < depth {
            // Numbers of their own: shared ones would stay in the processor's cache.
            let layer = [Param::new(Tensor::from_fn([WIDTH, WIDTH], |i| weights.get(i))), Param::new([offset; WIDTH])];
            let [w, b] = layer.clone();
            params.push(layer);
            steps.push(step(move |h| f(h.affine(&w, &b))));
        }
        tape.clear();
        for param in params[..depth].iter().flatten() {
            let _ = param.on(&tape);
        }
        let before = tape.bytes();
        let x = tape.var(Tensor::full([BATCH, WIDTH], start));
        let steps = &steps[..depth];
        let h = if sweep == Sweep::Checkpointed {
            checkpoint_chain(x, steps)
        } else {
            steps.iter().fold(x, |h, step| step(h))
        };
        let loss = (h * &Tensor::from_fn([WIDTH], |k| cotangent(k[0]))).sum();
        let gradient = if sweep == Sweep::Second {
            loss.grad(x).sum().backward()[x].to_vec()
        } else {
            let grads = loss.backward();
            let [w, b] = &params[0];
            [&grads[x], &grads[w], &grads[b]].into_iter().flat_map(Tensor::to_vec).collect()
        };
        let listed = if sweep == Sweep::Checkpointed { params[..depth].as_flattened().len() } else { 0 };
        Run { gradient, bytes: tape.bytes() - before - listed * size_of::<u32>() }
    })
}

/// c, a number for each place; sums of few of them are exact.
fn cotangent(place: usize) -> f64 {
    (place % WIDTH + 1) as f64 / 16.0
}

/// ∂E/∂x, ∂E/∂W and ∂E/∂b of the first sigmoid layer: c, moved back, and `dW = xᵀ·dz`, `db = Σ dz` with `dz = dh/4`.
fn sigmoid_network(depth: usize) -> Vec<f64> {
    let dx = (0..BATCH * WIDTH).map(|i| cotangent(i + depth));
    let db = |k| BATCH as f64 * cotangent(k + depth - 1) / 4.0;
    dx.chain((0..WIDTH * WIDTH).map(|i| 0.5 * db(i))).chain((0..WIDTH).map(db)).collect()
}

fn cases() -> Vec<Case> {
    vec![
        // The slope of the sigmoid at 0 is 1/4.
        Case {
            name: "scalars x ← sigmoid(4x − 2) from ½, gradient 1",
            deepest: 10_000_000,
            run: scalars(0.5, Sweep::First, |x| (4.0 * x - 2.0).sigmoid()),
            closed: |_| vec![1.0],
            growth: 1.0,
        },
        // f′(1) = f″(1) = 1 at the fixed point 1, so each link adds 1 to the second derivative.
        Case {
            name: "scalars x ← (x² + 1)/2 from 1, recorded second derivative n",
            deepest: 10_000_000,
            run: scalars(1.0, Sweep::Second, |x| 0.5 * (x.square() + 1.0)),
            closed: |n| vec![n as f64],
            growth: 1.0,
        },
        // T₂ iterated n times is T_N, N = 2ⁿ, with T′(1) = N² and T″(1) = N²(N² − 1)/3: beyond n = 255 no number.
        Case {
            name: "scalars x ← 2x² − 1 from 1, gradient 4ⁿ",
            deepest: 100,
            run: scalars(1.0, Sweep::First, |x| 2.0 * x.square() - 1.0),
            closed: |n| vec![4f64.powi(n as i32)],
            growth: 1.0,
        },
        Case {
            name: "scalars x ← 2x² − 1 from 1, recorded second derivative 4ⁿ(4ⁿ − 1)/3",
            deepest: 100,
            run: scalars(1.0, Sweep::Second, |x| 2.0 * x.square() - 1.0),
            closed: |n| vec![4f64.powi(n as i32) * (4f64.powi(n as i32) - 1.0) / 3.0],
            growth: 1.0,
        },
        Case {
            name: "layers h ← sigmoid(4hP − 2) from ½, gradient c moved n places",
            deepest: 10_000,
            run: network(0.5, Sweep::First, [4.0, -2.0], |z| z.sigmoid()),
            closed: sigmoid_network,
            growth: 1.0,
        },
        Case {
            name: "layers h ← sigmoid(4hP − 2) from ½, checkpointed",
            deepest: 10_000,
            run: network(0.5, Sweep::Checkpointed, [4.0, -2.0], |z| z.sigmoid()),
            closed: sigmoid_network,
            growth: 0.5,
        },
        Case {
            name: "layers h ← ((hP)² + 1)/2 from 1, recorded second derivative n·c moved n places",
            deepest: 10_000,
            run: network(1.0, Sweep::Second, [1.0, 0.0], |z| 0.5 * (z.square() + 1.0)),
            closed: |n| (0..BATCH * WIDTH).map(|i| n as f64 * cotangent(i + n)).collect(),
            growth: 1.0,
        },
    ]
}

/// Runs the case at every power of ten and prints what it costs, once the gradient is right.
fn verify(case: &mut Case, deepest: usize) {
    println!("\n{}", case.name);
    let per = if case.growth == 1.0 { "bytes/link" } else { "bytes/√n" };
    println!("{:>10} {:>10} {per:>11} {:>14} {:>14}", "depth", "ns/link", "gradient", "closed form");
    let (mut first, mut before) = (None, None::<f64>);
    for depth in successors(Some(1), |depth| Some(10 * depth)).take_while(|&depth| depth <= deepest) {
        let mut timed = || {
            let start = Instant::now();
            ((case.run)(depth), start.elapsed())
        };
        let (run, mut time) = timed();
        let closed = (case.closed)(depth);
        assert_eq!(run.gradient.len(), closed.len());
        for (found, closed) in run.gradient.iter().zip(&closed) {
            assert!((found - closed).abs() <= 1e-12 * closed.abs(), "depth {depth}: {found} instead of {closed}");
        }
        // The first time pays for memory that later ones find ready.
        for _ in 0..(100_000 / depth).clamp(2, 100) {
            time = time.min(timed().1);
        }
        let ns = time.as_secs_f64() * 1e9 / depth as f64;
        // Beyond the first link, with which come the input and the loss.
        let links = (depth as f64).powf(case.growth) - 1.0;
        let first = *first.get_or_insert(run.bytes);
        let bytes = (run.bytes - first) as f64 / links.max(1.0);
        println!("{depth:>10} {ns:>10.1} {bytes:>11.2} {:>14.6e} {:>14.6e}", run.gradient[0], closed[0]);
        // The number of segments is √n rounded, which shows while it is small.
        if let Some(before) = before.replace(bytes).filter(|_| links > 30.0) {
            assert!((bytes / before - 1.0).abs() < 0.02, "{}: {before}, then {bytes} bytes", case.name);
        }
    }
}

fn chain_depth(c: &mut Criterion) {
    // A test verifies at smaller depths; the cost of a link is the same.
    let test = std::env::args().any(|arg| arg == "--test");
    for mut case in cases() {
        let deepest = if test { case.deepest.min(100_000) } else { case.deepest };
        verify(&mut case, deepest);
        let mut group = c.benchmark_group(case.name);
        group.sample_size(10);
        let mut depths = [1_000, 100_000].map(|depth| case.deepest.min(depth)).to_vec();
        depths.dedup();
        for depth in depths {
            group.throughput(Throughput::Elements(depth as u64));
            group.bench_with_input(BenchmarkId::from_parameter(depth), &depth, |b, &depth| {
                b.iter(|| (case.run)(depth).gradient[0]);
            });
        }
    }
}

criterion_group!(benches, chain_depth);
criterion_main!(benches);
