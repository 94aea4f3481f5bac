//! Operations of custom models, each with its gradient: factorisations, orders, running sums, products by names, and a sparse
//! Jacobian. `peers/python_operations.py` has the same in PyTorch.

use std::fmt::Display;

use autograd::{Tape, Tensor, Var, jacobian_sparse};
use benches::{assert_close, tensor};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// `A·Aᵀ/n + 1`, positive definite and well conditioned.
fn positive(n: usize) -> Tensor {
    let a: Tensor = tensor([n, n], 0, 1.0);
    a.matmul(&a.t()) * (1.0 / n as f64) + Tensor::eye(n)
}

/// The gradient of `f` at `x`, on a tape that is used again.
fn gradient(tape: &mut Tape, x: &Tensor, f: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> Tensor {
    tape.clear();
    let x = tape.var(x.clone());
    f(x).sum().backward()[x].clone()
}

/// Times the gradient of `f` at `x`, once its derivative along `x` itself agrees with a difference: every operation here is
/// smooth there.
fn row(group: &mut Group<'_>, name: impl Display, x: &Tensor, f: impl for<'t> Fn(Var<'t>) -> Var<'t>) {
    let value = |scale: f64| {
        let tape = Tape::values_only();
        f(tape.var(x * scale)).sum().value()
    };
    let (h, mut tape) = (1e-5, Tape::new());
    let slope = (gradient(&mut tape, x, &f) * x).sum();
    assert_close(&name.to_string(), &[slope], &[(value(1.0 + h) - value(1.0 - h)) / (2.0 * h)], 1e-5);
    group.bench_function(name.to_string(), |bench| bench.iter(|| gradient(&mut tape, x, &f)));
}

fn factors(c: &mut Criterion) {
    let mut group = c.benchmark_group("factors");
    group.sample_size(20);
    for n in [100, 500] {
        let (a, b): (Tensor, Tensor) = (positive(n), tensor([n, 1], n * n, 1.0));
        row(&mut group, format_args!("cholesky/{n}"), &a, |a| a.cholesky());
        row(&mut group, format_args!("solve/{n}"), &a, |a| a.solve(&b));
    }
    group.finish();
}

fn sequences(c: &mut Criterion) {
    let [x, weights]: [Tensor; 2] = [0, 1 << 24].map(|first| tensor([1_000_000], first, 1.0));
    let mut group = c.benchmark_group("a million numbers");
    group.sample_size(20);
    row(&mut group, "sort", &x, |x| x.sort(0) * &weights);
    row(&mut group, "cumsum", &x, |x| x.cumsum(0) * &weights);
    group.finish();
}

fn names(c: &mut Criterion) {
    let (x, a, b): (Tensor, Tensor, Tensor) =
        (tensor([32, 64, 48], 0, 1.0), tensor([48, 40], 1 << 20, 1.0), tensor([64, 40], 1 << 21, 1.0));
    let mut group = c.benchmark_group("einsum");
    row(&mut group, "of three", &x, |x| {
        let [a, b] = [&a, &b].map(|factor| x.tape().constant(factor));
        Var::einsum("bij,jk,ik->bk", &[x, a, b]).square()
    });
    group.finish();
}

/// `sin(xᵢ)·xᵢ₊₁ + xᵢ₊₂²`: a band of three.
fn band<'t>(x: Var<'t>) -> Var<'t> {
    let n = x.shape()[0];
    x.slice(0, 0..n - 2).sin() * x.slice(0, 1..n - 1) + x.slice(0, 2..n).square()
}

fn sparse(c: &mut Criterion) {
    let x: Tensor = tensor([100_000], 0, 1.0);
    let j = jacobian_sparse(band, &x);
    let values = x.as_slice();
    let by_hand: Vec<f64> = values.windows(3).flat_map(|w| [w[0].cos() * w[1], w[0].sin(), 2.0 * w[2]]).collect();
    assert_close("sparse Jacobian", j.values(), &by_hand, 1e-14);
    let mut group = c.benchmark_group("sparse Jacobian of 100,000");
    group.sample_size(20);
    group.bench_function("found and computed", |bench| bench.iter(|| jacobian_sparse(band, &x)));
    let places = j.sparsity();
    group.bench_function("places known", |bench| bench.iter(|| autograd::linearize(band, &x).jacobian_sparse(places)));
    group.finish();
}

criterion_group!(benches, factors, sequences, names, sparse);
criterion_main!(benches);
