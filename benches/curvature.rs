//! A gradient, a Hessian-vector product and a Hessian of one small network.

use benches::curvature::{Network, verify};
use criterion::{Criterion, criterion_group, criterion_main};

fn curvature(c: &mut Criterion) {
    verify();
    let network = Network::new();
    let mut group = c.benchmark_group("433 parameters");
    group.bench_function("gradient", |b| b.iter(|| network.gradient()));
    group.bench_function("Hessian-vector product", |b| b.iter(|| network.hvp()));
    group.sample_size(20);
    group.bench_function("Hessian", |b| b.iter(|| network.hessian()));
    group.finish();
}

criterion_group!(benches, curvature);
criterion_main!(benches);
