//! candle, on its core crate: the loss and the descent are written as `candle-nn` writes them.

pub mod depth;
pub mod layers;

use autograd::Tensor as Ours;
use benches::networks::{ETA, Row};
use benches::{arrays, fused};
use candle_core::{Device::Cpu, Result, Tensor, Var};

use crate::compare::{self, B, W, X};

/// The row of this letter.
pub fn row(name: &'static str) -> Result<()> {
    match name {
        "F" => bump(),
        "G" => compare::chain(|| chain().expect("shapes fit")),
        "J" => inference(&Row::new(name))?,
        _ => training(&Row::new(name))?,
    }
    Ok(())
}

fn tensor(x: &Ours<f32>) -> Result<Tensor> {
    Tensor::from_slice(x.as_slice(), x.shape().to_vec(), &Cpu)
}

struct Network {
    layers: Vec<(Var, Var)>,
    tanh: bool,
}

impl Network {
    fn new(row: &Row) -> Result<Self> {
        let layer = |w: Ours<f32>| {
            let b = Ours::zeros([w.shape()[1]]);
            Ok((Var::from_tensor(&tensor(&w)?)?, Var::from_tensor(&tensor(&b)?)?))
        };
        Ok(Network { layers: row.weights().into_iter().map(layer).collect::<Result<_>>()?, tanh: row.tanh })
    }

    fn step(&self, x: &Tensor, classes: &Tensor) -> Result<f32> {
        let layers: Vec<_> = self.layers.iter().map(|(w, b)| (w.as_tensor(), b.as_tensor())).collect();
        let loss = cross_entropy(&forward(&layers, self.tanh, x)?, classes)?;
        let grads = loss.backward()?;
        for param in self.layers.iter().flat_map(|(w, b)| [w, b]) {
            if let Some(slope) = grads.get(param) {
                param.set(&param.sub(&(slope * f64::from(ETA))?)?)?;
            }
        }
        loss.to_scalar()
    }
}

fn forward(layers: &[(&Tensor, &Tensor)], tanh: bool, x: &Tensor) -> Result<Tensor> {
    let mut x = x.clone();
    for (l, (w, b)) in layers.iter().enumerate() {
        x = x.matmul(w)?.broadcast_add(b)?;
        if l + 1 < layers.len() {
            x = if tanh { x.tanh()? } else { x.relu()? };
        }
    }
    Ok(x)
}

fn cross_entropy(logits: &Tensor, classes: &Tensor) -> Result<Tensor> {
    let above = logits.broadcast_sub(&logits.max_keepdim(1)?)?;
    let y = above.broadcast_sub(&above.exp()?.sum_keepdim(1)?.log()?)?;
    y.gather(&classes.unsqueeze(1)?, 1)?.sum_all()?.affine(-1.0 / classes.elem_count() as f64, 0.0)
}

fn training(row: &Row) -> Result<()> {
    let (network, (x, classes)) = (Network::new(row)?, row.data());
    let classes: Vec<u32> = classes.iter().map(|&class| class as u32).collect();
    let (x, classes) = (tensor(&x)?, Tensor::new(classes, &Cpu)?);
    compare::training(row, || network.step(&x, &classes).expect("shapes fit"));
    Ok(())
}

/// On detached tensors, so that nothing is recorded.
fn inference(row: &Row) -> Result<()> {
    let (network, x) = (Network::new(row)?, tensor(&row.data().0)?);
    let layers: Vec<_> = network.layers.iter().map(|(w, b)| (w.as_detached_tensor(), b.as_detached_tensor())).collect();
    let layers: Vec<_> = layers.iter().map(|(w, b)| (w, b)).collect();
    let infer = || forward(&layers, row.tanh, &x)?.flatten_all()?.to_vec1();
    compare::inference(row, &infer()?, || infer().expect("shapes fit")[0]);
    Ok(())
}

fn bump() {
    let x = Var::from_tensor(&tensor(&fused::inputs()).expect("a vector")).expect("a vector");
    let run = |dx: Option<&mut Vec<f32>>| -> Result<f32> {
        let y = (x.affine(2.0, 1.0)?.tanh()? * x.sqr()?.neg()?.exp()?)?.sum_all()?;
        let grads = y.backward()?;
        if let (Some(dx), Some(found)) = (dx, grads.get(&x)) {
            *dx = found.to_vec1()?;
        }
        y.to_scalar()
    };
    compare::fused(1e-4, |dx| run(dx).expect("shapes fit"));
}

fn chain() -> Result<compare::Chain> {
    let [first, w, b] = [X, W, B].map(|values| Var::new(&values, &Cpu).expect("a vector"));
    let mut x = first.as_tensor().clone();
    for _ in 0..arrays::LINKS {
        x = ((&x * w.as_tensor())? + b.as_tensor())?.tanh()?;
    }
    let y = x.sum_all()?;
    let grads = y.backward()?;
    let plain = |x: &Var| grads.get(x).expect("it was used").to_vec1().expect("a vector");
    Ok((y.to_scalar()?, [&first, &w, &b].map(plain)))
}
