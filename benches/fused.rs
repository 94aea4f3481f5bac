//! Row F: a function of one's own over a million numbers, value and gradient.

use autograd::Tape;
use benches::fused::{LEN, by_calls, by_hand, inputs, recorded, verify};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn fused(c: &mut Criterion) {
    verify();
    let (mut tape, x, mut dx) = (Tape::default(), inputs(), vec![0.0; LEN]);
    let mut group = c.benchmark_group("F");
    group.throughput(Throughput::Elements(LEN as u64)).sample_size(50);
    group.bench_function("tape", |b| b.iter(|| recorded(&mut tape, &x, |dx| dx.as_slice()[0])));
    group.bench_function("by hand", |b| b.iter(|| by_hand(x.as_slice(), &mut dx)));
    group.bench_function("by hand, C library", |b| b.iter(|| by_calls(x.as_slice(), &mut dx)));
    group.finish();
}

criterion_group!(benches, fused);
criterion_main!(benches);
