//! Row F: a function of one's own over a million numbers, value and gradient; and one of several inputs.

use autograd::{ElementwiseN, Number, Tape, Tensor, Var};
use benches::fused::{LEN, by_calls, by_hand, inputs, recorded, verify};
use benches::{assert_close, tensor};
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

/// σ(x·w + b)·tanh h, the gate of a recurrent cell.
#[derive(Clone, Copy)]
struct Gate;

impl ElementwiseN<4> for Gate {
    #[inline(always)]
    fn f<N: Number>(self, [x, w, b, h]: [N; 4]) -> N {
        (x * w + b).sigmoid() * h.tanh()
    }
}

/// The gate and its four gradients, fused and as a formula of arrays.
fn gate(c: &mut Criterion) {
    let mut group = c.benchmark_group("a gate of four inputs");
    for n in [64, 4096] {
        let inputs: [Tensor<f32>; 4] = [0, 1, 2, 3].map(|k| tensor([n], k * n, 1.0));
        let gradients = |tape: &mut Tape<f32>, fused: bool| -> [Tensor<f32>; 4] {
            tape.clear();
            let v = inputs.each_ref().map(|x| tape.var(x.clone()));
            let [x, w, b, h] = v;
            let y = if fused { Var::zip_map(v, Gate) } else { (x * w + b).sigmoid() * h.tanh() };
            let grads = y.sum().backward();
            v.map(|x| grads[x].clone())
        };
        let mut tape = Tape::default();
        let [found, formula] = [true, false].map(|fused| gradients(&mut tape, fused));
        found.iter().zip(&formula).for_each(|(a, b)| assert_close("the gate", a.as_slice(), b.as_slice(), 1e-5));
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(format!("fused, {n}"), |b| b.iter(|| gradients(&mut tape, true)));
        group.bench_function(format!("formula, {n}"), |b| b.iter(|| gradients(&mut tape, false)));
    }
    group.finish();
}

criterion_group!(benches, fused, gate);
criterion_main!(benches);
