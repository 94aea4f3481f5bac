//! Layers, each forward and backward for its inputs and its parameters, in `f32`. `peers/python_layers.py` has the same in PyTorch.

use autograd::{Conv, Float, Pool, Tape, Tensor};
use benches::{assert_close, tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use mlp::{AvgPool2d, BatchNorm, Conv2d, Embedding, Gru, Init, LayerNorm, Lstm, MaxPool2d, Module, MultiHeadAttention};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// A layer with its name and inputs.
type Row<T> = (&'static str, Box<dyn Module<T>>, Tensor<T>);

fn rows<T: Float>() -> Vec<Row<T>> {
    let (init, rng) = (Init::he_normal(), &mut StdRng::seed_from_u64(1));
    let around = Conv::new().padding(1);
    let images = |n: usize, channels: usize, size: usize| tensor([n, channels, size, size], 0, 1.0);
    let few = Conv2d::new(1, 32, 3, Conv::new(), &init, rng).expect("sizes above 0");
    let many = Conv2d::new(64, 64, 3, around, &init, rng).expect("sizes above 0");
    let classes = Tensor::from_fn([4096], |i| T::from_f64((i[0] * 7919 % 50_000) as f64));
    vec![
        ("conv2d 8×1×28×28 to 32", Box::new(few), images(8, 1, 28)),
        ("conv2d 32×64×14×14 to 64", Box::new(many), images(32, 64, 14)),
        ("max_pool2d 32×64×14×14", Box::new(MaxPool2d(Pool::new(2))), images(32, 64, 14)),
        ("avg_pool2d 32×64×14×14", Box::new(AvgPool2d(Pool::new(2))), images(32, 64, 14)),
        ("batch_norm 32×64×14×14", Box::new(BatchNorm::new(64).expect("channels")), images(32, 64, 14)),
        ("layer_norm 4096×64", Box::new(LayerNorm::new(64).expect("features")), tensor([4096, 64], 0, 1.0)),
        ("lstm 32×100×64", Box::new(Lstm::new(64, 64, rng).expect("sizes above 0")), tensor([32, 100, 64], 0, 1.0)),
        ("gru 32×100×64", Box::new(Gru::new(64, 64, rng).expect("sizes above 0")), tensor([32, 100, 64], 0, 1.0)),
        (
            "attention 8×64×64, 4 heads",
            Box::new(MultiHeadAttention::new(64, 4, rng).expect("a width for the heads")),
            tensor([8, 64, 64], 0, 1.0),
        ),
        (
            "embedding 4096 of 50,000×64",
            Box::new(Embedding::new(50_000, 64, &init, rng).expect("sizes above 0")),
            classes,
        ),
    ]
}

/// The sum of the outputs, and the sum of the squares of all gradients.
fn step<T: Float>(tape: &mut Tape<T>, (name, layer, inputs): &Row<T>, squares: bool) -> [f64; 2] {
    tape.clear();
    tape.train(1);
    // Classes have no gradient.
    let x = if name.starts_with("embedding") { tape.constant(inputs.clone()) } else { tape.var(inputs.clone()) };
    let loss = layer.forward(x).sum();
    let gradients = loss.backward();
    let mut sum = 0.0;
    if squares {
        let mut add = |dx: &Tensor<T>| sum += dx.as_slice().iter().map(|dx| dx.to_f64().powi(2)).sum::<f64>();
        layer.parameters().params().for_each(|param| add(&gradients[param]));
        if !name.starts_with("embedding") {
            add(&gradients[x]);
        }
    }
    [loss.value().to_f64(), sum]
}

fn layers(c: &mut Criterion) {
    let mut group = c.benchmark_group("layers");
    group.sample_size(20);
    for (row, wide) in rows::<f32>().iter().zip(&rows::<f64>()) {
        let mut tape = Tape::default();
        // Normalised outputs sum to 0, and pass no gradient of their sum to the inputs.
        if !row.0.contains("norm") {
            assert_close(row.0, &step(&mut tape, row, true), &step(&mut Tape::default(), wide, true), 2e-3);
        }
        group.bench_function(row.0, |bench| bench.iter(|| step(&mut tape, row, false)));
    }
    group.finish();
}

criterion_group!(benches, layers);
criterion_main!(benches);
