//! Works as people write them. `peers/python_works.py` measures them in turn with JAX and PyTorch.

use benches::works::WORKS;
use criterion::{Criterion, criterion_group, criterion_main};

fn works(c: &mut Criterion) {
    autograd::set_threads(1); // as the peers
    let verified_only = std::env::args().any(|arg| arg == "--test");
    let mut group = c.benchmark_group("works");
    group.sample_size(10);
    for (name, make) in WORKS {
        // A million rows are 800 MB; `e-small` verifies the same.
        if name == "e" && verified_only {
            continue;
        }
        // Made only if the bench is not left out by a filter.
        let mut work = None;
        group.bench_function(name, |bench| bench.iter(work.get_or_insert_with(make).call.as_mut()));
    }
    group.finish();
}

criterion_group!(benches, works);
criterion_main!(benches);
