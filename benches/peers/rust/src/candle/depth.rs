//! Chains and networks of any depth in candle.

use candle_core::{Device::Cpu, Result, Var};
use candle_nn::ops::sigmoid;

use super::tensor;
use crate::depth::{BATCH, Row, Run, WIDTH, cotangents, moved};

/// The row, for depths up to this one.
pub fn run(row: Row, deepest: usize) -> Result<Run> {
    match row {
        Row::Scalars => chain(vec![0.5]),
        Row::Arrays => chain(vec![0.5; 4]),
        Row::Second => second(),
        Row::Layers => layers(deepest),
    }
}

fn chain(start: Vec<f32>) -> Result<Run> {
    let x = Var::new(start, &Cpu)?;
    let gradient = move |depth: usize| -> Result<Vec<f32>> {
        let mut y = x.as_tensor().clone();
        for _ in 0..depth {
            y = sigmoid(&y.affine(4.0, -2.0)?)?;
        }
        y.sum_all()?.backward()?.get(&x).expect("it was used").to_vec1()
    };
    Ok(Box::new(move |depth| gradient(depth).expect("shapes fit")))
}

/// Gradients have gradients if the environment says so before the first is taken.
fn second() -> Result<Run> {
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("CANDLE_GRAD_DO_NOT_DETACH", "1") };
    let x = Var::new(&[1f32], &Cpu)?;
    let gradient = move |depth: usize| -> Result<Vec<f32>> {
        let mut y = x.as_tensor().clone();
        for _ in 0..depth {
            y = y.sqr()?.affine(0.5, 0.5)?;
        }
        let first = y.backward()?.remove(&x).expect("it was used");
        first.backward()?.get(&x).expect("it was used").to_vec1()
    };
    Ok(Box::new(move |depth| gradient(depth).expect("shapes fit")))
}

fn layers(deepest: usize) -> Result<Run> {
    let layer = |_| Ok((Var::from_tensor(&tensor(&moved())?)?, Var::new(&[0f32; WIDTH], &Cpu)?));
    let layers: Vec<(Var, Var)> = (0..deepest).map(layer).collect::<Result<_>>()?;
    let (x, c) = (Var::new(&[[0f32; WIDTH]; BATCH], &Cpu)?, tensor(&cotangents())?);
    let gradient = move |depth: usize| -> Result<Vec<f32>> {
        let mut h = x.as_tensor().clone();
        for (w, b) in &layers[..depth] {
            h = h.matmul(w)?.broadcast_add(b)?.tanh()?;
        }
        let grads = (h * &c)?.sum_all()?.backward()?;
        let [dx, db] = [&x, &layers[0].1].map(|x| grads.get(x).expect("it was used").flatten_all()?.to_vec1::<f32>());
        Ok([dx?, db?].concat())
    };
    Ok(Box::new(move |depth| gradient(depth).expect("shapes fit")))
}
