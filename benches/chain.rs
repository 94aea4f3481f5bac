//! The cost of one scalar operation on the tape: 100,000 links of x ← sigmoid(w·x + b), recorded and swept, beside the
//! same value and gradient by a hand-written loop.

use autograd::Tape;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const LINKS: usize = 100_000;
// At the fixed point ½ of this chain the slope w·y·(1 − y) is exactly 1, so the gradient falls only as a power of the
// length. Falling exponentially it would reach 0, and the sweep would skip the rest of its work.
const W: f64 = 4.0;
const B: f64 = -2.0;
const X: f64 = 0.3;

/// The value, and its derivatives by w, b and the first x.
type Answer = [f64; 4];

fn recorded(tape: &mut Tape) -> Answer {
    tape.clear();
    let (w, b, first) = (tape.scalar(W), tape.scalar(B), tape.scalar(X));
    let mut x = first;
    for _ in 0..LINKS {
        x = (w * x + b).sigmoid();
    }
    let grads = x.backward();
    [x.value(), grads[w], grads[b], grads[first]]
}

fn by_hand(values: &mut Vec<f64>) -> Answer {
    values.clear();
    let mut x = X;
    values.push(x);
    for _ in 0..LINKS {
        x = 1.0 / (1.0 + (-(W * x + B)).exp());
        values.push(x);
    }
    let (mut dx, mut dw, mut db) = (1.0, 0.0, 0.0);
    for link in values.windows(2).rev() {
        let (x, y) = (link[0], link[1]);
        let dz = dx * y * (1.0 - y);
        dw += dz * x;
        db += dz;
        dx = dz * W;
    }
    [x, dw, db, dx]
}

fn chain(c: &mut Criterion) {
    let (mut tape, mut values) = (Tape::new(), vec![]);
    for (found, expected) in recorded(&mut tape).into_iter().zip(by_hand(&mut values)) {
        // Rounding adds up over the links; a wrong rule would be off by far more.
        assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found} instead of {expected}");
        assert!(expected != 0.0);
    }
    let mut group = c.benchmark_group("chain of 100,000 links");
    group.throughput(Throughput::Elements(LINKS as u64));
    group.bench_function("tape", |b| b.iter(|| recorded(&mut tape)));
    group.bench_function("hand-written loop", |b| b.iter(|| by_hand(&mut values)));
    group.finish();
}

criterion_group!(benches, chain);
criterion_main!(benches);
