//! Single precision within what its rounding explains.
//!
//! How far rounding reaches is found by rounding at random: the double-precision program again, with every result off by a
//! random part of f32's ε (Monte Carlo arithmetic; Parker 1997).

use super::*;

pub(crate) fn holds(program: &Program) -> Result<usize, String> {
    let in_double = |after: &mut dyn FnMut(Tensor) -> Tensor| {
        let tape = Tape::new();
        let x: Vec<_> = program.inputs.iter().map(|x| tape.var(x)).collect();
        let y = program.on_tape_with(&x, |y| y * &after(Tensor::ones(y.shape())));
        gradients(loss(&y), &x)
    };
    let gradient = in_double(&mut |ones| ones);
    let mut rng = StdRng::seed_from_u64(2);
    let mut rounded = |one: f64| one + rng.random_range(-2.0..2.0) * f64::from(f32::EPSILON);
    let mut spread = vec![0f64; gradient.iter().map(Tensor::numel).sum()];
    for _ in 0..4 {
        let off = in_double(&mut |ones| ones.map(&mut rounded));
        let differences = off.iter().zip(&gradient).flat_map(|(a, b)| (a - b).to_vec());
        spread.iter_mut().zip(differences).for_each(|(top, d)| *top = top.max(d.abs()));
    }
    let tape = Tape::<f32>::default();
    let x: Vec<_> = program.inputs.iter().map(|x| tape.var(x.cast::<f32>())).collect();
    let y = program.on_tape(&x);
    let plain: Vec<Tensor> = program.on_tensors();
    for (k, (y, double)) in y.iter().zip(plain).enumerate() {
        if !y.value().cast().is_close(&double, 1e-3) {
            return Err(format!("output {k} in f32 is {y:?}, in f64 {double:?}"));
        }
    }
    let single = gradients(loss(&y), &x);
    let pairs = single.iter().zip(&gradient).flat_map(|(a, b)| a.to_vec().into_iter().zip(b.to_vec()));
    let size = gradient.iter().flat_map(Tensor::to_vec).fold(1f64, |top, g| top.max(g.abs()));
    for ((single, double), spread) in pairs.zip(spread) {
        if (f64::from(single) - double).abs() > 50.0 * spread + 1e-4 * size {
            return Err(format!("a gradient in f32 is {single:e}, in f64 {double:e}"));
        }
    }
    Ok(0)
}
