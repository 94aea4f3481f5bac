//! Layers, each forward and backward for its inputs and its parameters, in `f32`. `peers/python_layers.py` has the same in
//! PyTorch, `peers/rust` in candle and burn.

use autograd::Tape;
use benches::layers::rows;
use criterion::{Criterion, criterion_group, criterion_main};

fn layers(c: &mut Criterion) {
    let mut group = c.benchmark_group("layers");
    group.sample_size(20);
    for (row, wide) in rows::<f32>().iter().zip(&rows::<f64>()) {
        let mut tape = Tape::default();
        row.answer(&mut tape).assert_close(row.name, &wide.answer(&mut Tape::default()), 1e-3);
        group.bench_function(row.name, |bench| bench.iter(|| row.step(&mut tape)));
    }
    group.finish();
}

criterion_group!(benches, layers);
criterion_main!(benches);
