//! A physics-informed network: no data, only a law. A small network u(x) is to fulfil u″ = −u on [0, π], with u(0) = 0 and
//! u′(0) = 1; it has then learned the sine.
//!
//! The derivatives u′ and u″ are taken by the library, as recorded gradients: they stand in the loss like any other
//! array, and the loss is differentiated with respect to the weights in turn, three derivatives deep in all. Each output
//! depends on its own x only, so the gradient of the sum Σ u(xᵢ) with respect to x holds u′(xᵢ) at each place i.

use std::f64::consts::PI;
use std::time::Instant;

use autograd::{Tape, Tensor, Var};
use mlp::{Activation, Adam, Mlp, Module, Optimizer};
use rand::{SeedableRng, rngs::StdRng};

const POINTS: usize = 33;
const STEPS: usize = 12_000;

/// u, u′ and u″ at each row of `x`.
fn derivatives<'t>(model: &Mlp, x: Var<'t>) -> [Var<'t>; 3] {
    let u = model.forward(x);
    let du = u.sum().grad(x);
    let ddu = du.sum().grad(x);
    [u, du, ddu]
}

fn main() -> Result<(), mlp::Error> {
    let layers = Mlp::new(1).hidden(16, Activation::Tanh).hidden(16, Activation::Tanh);
    let model: Mlp = layers.output(1, Activation::Identity).build(&mut StdRng::seed_from_u64(1))?;
    println!("{model}");
    let points: Tensor = Tensor::linspace(0.0, PI, POINTS).reshape([POINTS, 1]);

    println!("{:>5} {:>12} {:>12} {:>12}", "step", "(u″ + u)²", "u(0)²", "(u′(0) − 1)²");
    let start = Instant::now();
    let mut tape = Tape::new();
    let mut adam = Adam::new(&model.parameters(), 0.0);
    for step in 0..=STEPS {
        tape.clear();
        let [u, du, ddu] = derivatives(&model, tape.var(&points));
        let law = (ddu + u).square().mean();
        let beginning = u.slice(0, 0..1).item().square();
        let slope = (du.slice(0, 0..1).item() - 1.0).square();
        let loss = law + beginning + slope;
        if step % (STEPS / 8) == 0 {
            println!("{step:>5} {:>12.2e} {:>12.2e} {:>12.2e}", law.value(), beginning.value(), slope.value());
        }
        // Half a cosine: large steps first, then ever smaller ones.
        adam.set_learning_rate(0.01 * (1.0 + (PI * step as f64 / STEPS as f64).cos()) / 2.0);
        adam.step(&loss.backward());
    }
    println!("{:.1} s, {} nodes a step\n", start.elapsed().as_secs_f64(), tape.len());

    // Between the points that it was trained on, too.
    const ROWS: usize = 201;
    let x: Tensor = Tensor::linspace(0.0, PI, ROWS).reshape([ROWS, 1]);
    tape.clear();
    let [u, du, ddu] = derivatives(&model, tape.var(&x)).map(Var::value);
    let truth = [x.sin(), x.cos(), -x.sin()];
    let error = [&u, &du, &ddu].into_iter().zip(&truth).map(|(u, truth)| (u - truth).abs().max());
    let error: Vec<f64> = error.collect();

    println!("{:>6} {:>9} {:>9} {:>9}   u: *  u′: o", "x", "u", "sin x", "error");
    for row in (0..ROWS).step_by(10) {
        let at = |y: &Tensor| y.get([row, 0]);
        let mut line = vec![' '; 41];
        line[20] = '·';
        line[(20.0 + 20.0 * at(&du)).round().clamp(0.0, 40.0) as usize] = 'o';
        line[(20.0 + 20.0 * at(&u)).round().clamp(0.0, 40.0) as usize] = '*';
        let line: String = line.into_iter().collect();
        let (u, sin) = (at(&u), at(&truth[0]));
        println!("{:>6.3} {u:>9.5} {sin:>9.5} {:>9.1e}   {}", at(&x), (u - sin).abs(), line.trim_end());
    }
    println!("\nlargest error on {ROWS} places: u {:.1e}, u′ {:.1e}, u″ {:.1e}", error[0], error[1], error[2]);
    assert!(error[0] < 1e-3, "u differs from the sine by {}", error[0]);
    assert!(error[1] < 3e-3 && error[2] < 1e-2, "{error:?}");
    Ok(())
}
