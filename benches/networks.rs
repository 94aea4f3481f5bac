//! Rows A to E: a step of training. Row J: inference.

use autograd::{Tape, awake, set_threads};
use benches::networks::{ByHand, Network, Row, verify};
use criterion::{Criterion, criterion_group, criterion_main};

fn training(c: &mut Criterion) {
    set_threads(1); // as the loops by hand
    for name in ["A", "B", "C", "D", "E"] {
        let row = Row::new(name);
        verify(&row);
        let (network, mut by_hand, mut tape) = (Network::new(&row), ByHand::new(&row), Tape::default());
        let (x, classes) = row.data();
        let mut group = c.benchmark_group(name);
        group.sample_size(if name == "D" { 10 } else { 50 });
        group.bench_function("tape", |b| b.iter(|| network.step(&mut tape, &x, &classes)));
        group.bench_function("by hand", |b| b.iter(|| by_hand.step(x.as_slice(), &classes)));
        group.finish();
    }
}

/// Rows C and D again, with large products on all cores.
fn threads(c: &mut Criterion) {
    for name in ["C", "D"] {
        let row = Row::new(name);
        let (network, mut tape, (x, classes)) = (Network::new(&row), Tape::default(), row.data());
        let mut group = c.benchmark_group(format!("{name}, threads"));
        group.sample_size(if name == "D" { 10 } else { 50 });
        for threads in [1, 2] {
            set_threads(threads);
            awake(|| group.bench_function(threads.to_string(), |b| b.iter(|| network.step(&mut tape, &x, &classes))));
        }
        group.finish();
    }
}

fn inference(c: &mut Criterion) {
    let row = Row::new("J");
    verify(&row);
    let (network, mut by_hand, (x, _)) = (Network::new(&row), ByHand::new(&row), row.data());
    let mut tape = Tape::values_only();
    let mut group = c.benchmark_group("J");
    group.bench_function("tape", |b| b.iter(|| network.infer(&mut tape, &x)));
    group.bench_function("by hand", |b| b.iter(|| by_hand.infer(x.as_slice())));
    group.finish();
}

criterion_group!(benches, training, threads, inference);
criterion_main!(benches);
