//! One training step of a small network, 32 rows × 64-64-64-10, rectifiers, softmax cross-entropy and plain descent, in
//! f32: record, sweep, update, clear. The gradients are first held against backpropagation written out by hand.

use autograd::{Param, Scalar, Tape, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const ROWS: usize = 32;
const WIDTHS: [usize; 4] = [64, 64, 64, 10];
const ETA: f32 = 0.01;

struct Network {
    layers: Vec<(Param<f32>, Param<f32>)>,
}

/// Numbers without pattern in [−scale, scale]; the same in every run.
fn scattered<const N: usize>(shape: [usize; N], scale: f32) -> Tensor<f32> {
    let mut state = 12_345_u64;
    Tensor::from_fn(shape, |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        scale * ((state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0)
    })
}

impl Network {
    fn new() -> Self {
        let layer = |n: &[usize]| (Param::new(scattered([n[0], n[1]], 0.2)), Param::new(scattered([n[1]], 0.1)));
        Network { layers: WIDTHS.windows(2).map(layer).collect() }
    }

    fn loss<'t>(&self, tape: &'t Tape<f32>, x: &Tensor<f32>, classes: &[usize]) -> Scalar<'t, f32> {
        let (hidden, last) = self.layers.split_at(self.layers.len() - 1);
        let x = hidden.iter().fold(tape.constant(x.clone()), |x, (w, b)| x.affine(w, b).relu());
        x.affine(&last[0].0, &last[0].1).cross_entropy(classes).mean()
    }

    fn step(&self, tape: &mut Tape<f32>, x: &Tensor<f32>, classes: &[usize]) -> f32 {
        tape.clear();
        let loss = self.loss(tape, x, classes);
        let grads = loss.backward();
        for param in self.layers.iter().flat_map(|(w, b)| [w, b]) {
            grads.update(param, |w, dw| w.iter_mut().zip(dw).for_each(|(w, dw)| *w -= ETA * dw));
        }
        loss.value()
    }

    /// The gradients (dw, db) of each layer, first to last, on plain arrays.
    fn by_hand(&self, x: &Tensor<f32>, classes: &[usize]) -> Vec<(Tensor<f32>, Tensor<f32>)> {
        let mut inputs = vec![x.clone()];
        for (w, b) in &self.layers {
            let z = inputs[inputs.len() - 1].affine(&w.value(), &b.value());
            inputs.push(if inputs.len() < self.layers.len() { z.relu() } else { z });
        }
        let logits = inputs.pop().expect("the last layer's output");
        let truth = Tensor::from_fn([ROWS, 10], |i| if classes[i[0]] == i[1] { 1.0 } else { 0.0 });
        let mut dz = (logits.softmax(1) - truth) / ROWS as f64;
        let mut grads = vec![];
        for ((w, _), input) in self.layers.iter().zip(&inputs).rev() {
            grads.push((input.t().matmul(&dz), dz.sum_axis(0)));
            // Where the rectifier's output is 0, so is its slope. (The first layer's input has none; its dz is not used.)
            dz = dz.matmul(&w.value().t()) * input.greater(0.0);
        }
        grads.reverse();
        grads
    }
}

fn mlp_step(c: &mut Criterion) {
    let network = Network::new();
    let x = scattered([ROWS, WIDTHS[0]], 1.0);
    let classes: Vec<usize> = (0..ROWS).map(|row| row % 10).collect();

    let mut tape = Tape::default();
    let grads = network.loss(&tape, &x, &classes).backward();
    for ((w, b), (dw, db)) in network.layers.iter().zip(network.by_hand(&x, &classes)) {
        assert!(grads[w].is_close(&dw, 1e-6), "weights: {:?} instead of {dw:?}", grads[w]);
        assert!(grads[b].is_close(&db, 1e-6), "biases: {:?} instead of {db:?}", grads[b]);
        assert!(dw.norm() > 1e-3);
    }
    drop(grads);
    let first = network.step(&mut tape, &x, &classes);
    assert!(network.step(&mut tape, &x, &classes) < first);

    let mut group = c.benchmark_group("training step of 32 × 64-64-64-10, f32");
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("tape", |b| b.iter(|| network.step(&mut tape, &x, &classes)));
    group.finish();
}

criterion_group!(benches, mlp_step);
criterion_main!(benches);
