//! dfdx: shapes are types, so each row's network has a type, and its weights are filled in layer by layer.

pub mod depth;

use ::dfdx::nn::modules::Linear as Layer;
use ::dfdx::optim::{Sgd, SgdConfig};
use ::dfdx::prelude::*;
use autograd::Tensor as Ours;
use benches::networks::{ETA, Row};
use benches::{arrays, fused};

use crate::compare::{self, B, W, X};

type Hidden<const K: usize, const N: usize> = (Linear<K, N>, ReLU);
type Two = (Hidden<3, 4>, Linear<4, 2>);
type Three<const K: usize, const N: usize> = (Hidden<K, N>, Hidden<N, N>, Linear<N, 10>);
type Deep = (Repeated<(Linear<64, 64>, Tanh), 100>, Linear<64, 10>);

type Recorded<S> = Tensor<S, f32, Cpu, OwnedTape<f32, Cpu>>;
type Plain<S> = Tensor<S, f32, Cpu>;

/// A row's network of three layers.
macro_rules! three {
    ($inputs:literal, $hidden:literal, $name:expr) => {{
        let (weights, mut net) =
            (Row::new($name).weights(), Cpu::default().build_module::<Three<$inputs, $hidden>, f32>());
        fill(&mut net.0.0, &weights[0]);
        fill(&mut net.1.0, &weights[1]);
        fill(&mut net.2, &weights[2]);
        net
    }};
}

/// The row of this letter.
pub fn row(name: &'static str) {
    match name {
        "A" => {
            let (row, mut net) = (Row::new(name), Cpu::default().build_module::<Two, f32>());
            let weights = row.weights();
            fill(&mut net.0.0, &weights[0]);
            fill(&mut net.1, &weights[1]);
            training::<6, 3, 2, _>(&row, net);
        }
        "B" => training::<32, 64, 10, _>(&Row::new(name), three!(64, 64, name)),
        "C" => training::<128, 784, 10, _>(&Row::new(name), three!(784, 256, name)),
        "D" => training::<256, 3600, 10, _>(&Row::new(name), three!(3600, 1024, name)),
        "E" => {
            let (row, mut net) = (Row::new(name), Cpu::default().build_module::<Deep, f32>());
            let weights = row.weights();
            net.0.modules.iter_mut().zip(&weights).for_each(|(layer, w)| fill(&mut layer.0, w));
            fill(&mut net.1, &weights[100]);
            training::<32, 64, 10, _>(&row, net);
        }
        "F" => bump(),
        "G" => chain(),
        _ => {
            let (row, net) = (Row::new(name), three!(64, 64, name));
            let x: Plain<Rank2<1, 64>> = tensor(&row.data().0);
            compare::inference(&row, &net.forward(x.clone()).as_vec(), || net.forward(x.clone()).array()[0][0]);
        }
    }
}

fn tensor<S: ConstShape>(x: &Ours<f32>) -> Plain<S> {
    Cpu::default().tensor(x.to_vec())
}

/// dfdx keeps weights as (outputs, inputs).
fn fill<const K: usize, const N: usize>(layer: &mut Layer<K, N, f32, Cpu>, w: &Ours<f32>) {
    let w = w.as_slice();
    let transposed: Vec<f32> = (0..N).flat_map(|n| (0..K).map(move |k| w[k * N + n])).collect();
    layer.weight.copy_from(&transposed);
    layer.bias.copy_from(&[0.0; N]);
}

fn training<const BATCH: usize, const K: usize, const N: usize, Net>(row: &Row, mut net: Net)
where
    Net: TensorCollection<f32, Cpu> + ModuleMut<Recorded<Rank2<BATCH, K>>, Output = Recorded<Rank2<BATCH, N>>>,
{
    let (x, classes) = row.data();
    let x: Plain<Rank2<BATCH, K>> = tensor(&x);
    let mut probabilities: Plain<Rank2<BATCH, N>> = Cpu::default().zeros();
    for (i, class) in classes.into_iter().enumerate() {
        probabilities[[i, class]] = 1.0;
    }
    let mut sgd = Sgd::new(&net, SgdConfig { lr: f64::from(ETA), momentum: None, weight_decay: None });
    let mut kept = Some(net.alloc_grads());
    compare::training(row, || {
        let y = net.forward_mut(x.trace(kept.take().expect("the last step kept it")));
        let loss = cross_entropy_with_logits_loss(y, probabilities.clone());
        let value = loss.array();
        let mut grads = loss.backward();
        sgd.update(&mut net, &grads).expect("every layer is used");
        net.zero_grads(&mut grads);
        kept = Some(grads);
        value
    });
}

fn bump() {
    let x: Plain<Rank1<{ fused::LEN }>> = tensor(&fused::inputs());
    let mut kept = Some(x.alloc_grads());
    // It adds the million numbers one after another, and loses four digits of seven.
    compare::fused(1e-3, |dx| {
        let bell = x.trace(kept.take().expect("the last call kept it")).square().negate().exp();
        let y = ((x.retaped::<OwnedTape<f32, Cpu>>() * 2.0 + 1.0).tanh() * bell).sum::<Rank0, _>();
        let value = y.array();
        let mut grads = y.backward();
        if let Some(dx) = dx {
            *dx = grads.get(&x).as_vec();
        }
        x.zero_grads(&mut grads);
        kept = Some(grads);
        value
    });
}

fn chain() {
    let [first, w, b] = [X, W, B].map(|values| Cpu::default().tensor(values));
    let all = (first, w, b);
    let mut kept = Some(all.alloc_grads());
    compare::chain(|| {
        let (first, w, b) = &all;
        let mut x = first.trace(kept.take().expect("the last call kept it"));
        for _ in 0..arrays::LINKS {
            x = (x * w.clone() + b.clone()).tanh();
        }
        let y = x.sum::<Rank0, _>();
        let value = y.array();
        let mut grads = y.backward();
        let found = [first, w, b].map(|x| grads.get(x).as_vec());
        all.zero_grads(&mut grads);
        kept = Some(grads);
        (value, found)
    });
}
