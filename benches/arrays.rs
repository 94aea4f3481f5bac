//! Row G: what an operation on a small array costs; and each family of operations by size, recorded and swept; rows of a
//! table by their indices.

use std::hint::black_box;

use autograd::{Tape, Tensor, Var};
use benches::arrays::{LINKS, SMALL, chain, chain_by_hand, verify};
use benches::{assert_close, tensor};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn small(c: &mut Criterion) {
    verify();
    let (mut tape, mut values) = (Tape::default(), vec![]);
    let mut group = c.benchmark_group("G");
    group.throughput(Throughput::Elements(3 * LINKS as u64));
    group.bench_function("tape", |b| b.iter(|| chain(&mut tape)));
    group.bench_function("by hand", |b| b.iter(|| chain_by_hand(&mut values)));
    group.finish();
}

fn stretched(c: &mut Criterion) {
    let mut group = c.benchmark_group("small arrays");
    for small in &SMALL {
        small.verify();
        let (mut tape, inputs) = (Tape::default(), small.inputs());
        group.throughput(Throughput::Elements((small.operations * LINKS) as u64));
        group.bench_function(small.name, |b| b.iter(|| small.chain(&mut tape, &inputs)));
    }
    group.finish();
}

/// Operations of two matrices, and the gradient of `Σ y·dy` by the first in closed form.
struct Family {
    name: &'static str,
    y: Recorded,
    dx: Gradient,
}

/// y of x, recorded, and a second matrix.
type Recorded = for<'t> fn(Var<'t, f32>, &Tensor<f32>) -> Var<'t, f32>;

/// dx of x, the second matrix and dy.
type Gradient = fn(&Tensor<f32>, &Tensor<f32>, &Tensor<f32>) -> Tensor<f32>;

const FAMILIES: [Family; 5] = [
    Family { name: "product by elements", y: |x, a| x * a, dx: |_, a, dy| a * dy },
    Family { name: "tanh", y: |x, _| x.tanh(), dx: |x, _, dy| dy * (1.0 - x.tanh().square()) },
    Family { name: "sum of rows", y: |x, _| x.sum_axis(1), dx: |x, _, dy| x * 0.0 + dy.reshape([dy.numel(), 1]) },
    Family {
        name: "softmax of rows",
        y: |x, _| x.softmax(1),
        dx: |x, _, dy| {
            let y = x.softmax(1);
            let mean = (&y * dy).sum_axis(1);
            &y * (dy - mean.reshape([mean.numel(), 1]))
        },
    },
    Family { name: "matrix product", y: |x, a| x.matmul(a), dx: |_, a, dy| dy.matmul(&a.t()) },
];

fn families(c: &mut Criterion) {
    for Family { name, y, dx } in FAMILIES {
        let mut group = c.benchmark_group(name);
        group.sample_size(20);
        for n in [8, 64, 512] {
            let (x, a) = (tensor([n, n], 0, 1.0), tensor([n, n], n * n, 1.0));
            let mut tape = Tape::default();
            let dy = tensor(y(tape.var(x.clone()), &a).shape(), 2 * n * n, 1.0);
            let gradient = |tape: &mut Tape<f32>| {
                tape.clear();
                let x = tape.var(x.clone());
                y(x, &a).vjp(&dy)[x].clone()
            };
            assert_close(name, gradient(&mut tape).as_slice(), dx(&x, &a, &dy).as_slice(), 1e-4);
            group.throughput(Throughput::Elements((n * n) as u64));
            group
                .bench_function(BenchmarkId::from_parameter(format!("{n} × {n}")), |b| b.iter(|| gradient(&mut tape)));
        }
        group.finish();
    }
}

/// Rows of a table by their indices; the gradient is as large as the table.
fn embedding(c: &mut Criterion) {
    const ROWS: usize = 50_000;
    const WIDTH: usize = 64;
    let table = tensor([ROWS, WIDTH], 0, 1.0);
    let indices: Vec<usize> = (0..4_096).map(|i| i * i % ROWS).collect();
    let dy = tensor([indices.len(), WIDTH], 1, 1.0);
    let mut tape = Tape::default();
    // Neither copies its result out of the tape.
    let take = |tape: &mut Tape<f32>| {
        tape.clear();
        black_box(tape.var(table.clone()).take(0, &indices));
    };
    let gradient = |tape: &mut Tape<f32>, see: fn(&Tensor<f32>) -> Vec<f32>| {
        tape.clear();
        let x = tape.var(table.clone());
        see(&x.take(0, &indices).vjp(&dy)[x])
    };
    let take_by_hand = |out: &mut [f32]| {
        for (out, &j) in out.chunks_exact_mut(WIDTH).zip(&indices) {
            out.copy_from_slice(&table.as_slice()[j * WIDTH..][..WIDTH]);
        }
    };
    let gradient_by_hand = |out: &mut [f32]| {
        out.fill(0.0);
        for (dy, &j) in dy.as_slice().chunks_exact(WIDTH).zip(&indices) {
            for (out, dy) in out[j * WIDTH..][..WIDTH].iter_mut().zip(dy) {
                *out += dy;
            }
        }
    };
    let (mut rows, mut sums) = (vec![0.0; dy.numel()], vec![0.0; table.numel()]);
    take_by_hand(&mut rows);
    gradient_by_hand(&mut sums);
    assert_close("take", tape.var(table.clone()).take(0, &indices).value().as_slice(), &rows, 0.0);
    assert_close("take, gradient", &gradient(&mut tape, Tensor::to_vec), &sums, 0.0);
    let mut group = c.benchmark_group(format!("{} rows of {ROWS} × {WIDTH}", indices.len()));
    group.throughput(Throughput::Elements(dy.numel() as u64));
    group.bench_function("take", |b| b.iter(|| take(&mut tape)));
    group.bench_function("take, by hand", |b| b.iter(|| take_by_hand(&mut rows)));
    group.bench_function("gradient", |b| b.iter(|| gradient(&mut tape, |dx| vec![dx.as_slice()[0]])));
    group.bench_function("gradient, by hand", |b| b.iter(|| gradient_by_hand(&mut sums)));
    group.finish();
}

criterion_group!(benches, small, stretched, families, embedding);
criterion_main!(benches);
