//! Rows H and I: what an operation on single numbers costs.

use autograd::{Tape, Tensor};
use benches::scalars::{HALF, LEN, QUARTER, chain, chain_by_hand, sum, sum_by_hand, sum_of_arrays, terms, verify};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn scalars(c: &mut Criterion) {
    verify();
    let (mut tape, mut values) = (Tape::new(), vec![]);
    for (name, link) in [("H", HALF), ("H at a quarter", QUARTER)] {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(LEN as u64)).sample_size(50);
        group.bench_function("tape", |b| b.iter(|| chain(&mut tape, link)));
        group.bench_function("by hand", |b| b.iter(|| chain_by_hand(&mut values, link)));
        group.finish();
    }

    let (x, mut kept, mut dx) = (terms(), vec![], vec![]);
    let mut group = c.benchmark_group("I");
    group.throughput(Throughput::Elements(LEN as u64)).sample_size(50);
    group.bench_function("tape", |b| b.iter(|| sum(&mut tape, &x, &mut dx)));
    let array = Tensor::from(x.clone());
    group.bench_function("arrays", |b| b.iter(|| sum_of_arrays(&mut tape, &array, &mut dx)));
    group.bench_function("by hand", |b| b.iter(|| sum_by_hand(&x, &mut kept, &mut dx)));
    group.finish();
}

criterion_group!(benches, scalars);
criterion_main!(benches);
