//! Operations of custom models, each with its gradient: factorisations, orders, running sums, products by names, and a sparse
//! Jacobian. `peers/python_operations.py` has the same in PyTorch.

use std::fmt::Display;

use autograd::{Float, Tape, Tensor, Var, jacobian_sparse};
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
fn gradient<T: Float>(tape: &mut Tape<T>, x: &Tensor<T>, f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>) -> Tensor<T> {
    tape.clear();
    let x = tape.var(x);
    f(x).sum().backward()[x].clone()
}

/// Times the gradient of `f` at `x`, once its derivative along `x` itself agrees with a difference: every operation here is
/// smooth there.
fn row<T: Float>(
    group: &mut Group<'_>,
    name: impl Display,
    x: &Tensor<T>,
    f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>,
) {
    let value = |scale: f64| {
        let tape = Tape::default();
        f(tape.var(x * scale)).sum().value().to_f64()
    };
    let ulp = T::EPSILON.to_f64();
    let h = ulp.cbrt();
    let slope = (gradient(&mut Tape::default(), x, &f) * x).sum().to_f64();
    let difference = (value(1.0 + h) - value(1.0 - h)) / (2.0 * h);
    // Round-off of the values, and a curvature that is that of the slope.
    let tolerance = 1e2 * ulp.powf(2.0 / 3.0);
    assert_close(&name.to_string(), &[slope], &[difference], tolerance);
    timed(group, name, x, f);
}

fn timed<T: Float>(
    group: &mut Group<'_>,
    name: impl Display,
    x: &Tensor<T>,
    f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>,
) {
    let mut tape = Tape::default();
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

/// What softmax and losses are made of, in `f32`, on a thousand rows of a thousand numbers near 1.
fn reductions(c: &mut Criterion) {
    let [x, weights]: [Tensor<f32>; 2] = [0, 1 << 24].map(|first| tensor([1000, 1000], first, 1e-3) + 1.0);
    let (all, weights) = ([0, 1], &weights);
    let mut group = c.benchmark_group("a million numbers, f32");
    group.sample_size(20);
    row(&mut group, "sum", &x, |x| x.sum_axis(all));
    row(&mut group, "max", &x, |x| x.max_axis(all));
    // Of a million numbers, a product is too steep for a difference.
    let slopes = gradient(&mut Tape::default(), &x, |x| x.prod_axis(all)) * &x;
    assert_close("prod", slopes.as_slice(), &vec![x.prod(); x.numel()], 1e-5);
    timed(&mut group, "prod", &x, |x| x.prod_axis(all));
    row(&mut group, "norm", &x, |x| x.norm_axis(all));
    row(&mut group, "variance", &x, |x| x.variance_axis(all));
    row(&mut group, "logsumexp", &x, |x| x.logsumexp_axis(all));
    row(&mut group, "max of rows", &x, |x| x.max_axis(1));
    row(&mut group, "logsumexp of rows", &x, |x| x.logsumexp_axis(1));
    row(&mut group, "softmax of rows", &x, |x| x.softmax(1) * weights * x);
    row(&mut group, "softmax of columns", &x, |x| x.softmax(0) * weights * x);
    row(&mut group, "log_softmax of rows", &x, |x| x.log_softmax(1) * weights * x);
    row(&mut group, "gelu", &x, |x| x.gelu());
    row(&mut group, "transpose", &x, |x| (x + x.t()).square());
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

criterion_group!(benches, factors, sequences, reductions, names, sparse);
criterion_main!(benches);
