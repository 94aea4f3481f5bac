//! Infinite width: what a network is before and after training, without one being built.
//!
//! Ever wider layers make a network with random weights a Gaussian process, of kernel K (NNGP), and its training by gradient descent
//! linear, with the neural tangent kernel Θ (Lee et al. 2018; Jacot et al. 2018; Lee et al. 2019). Here Θ is measured on networks
//! of growing width: its error falls as 1/√width. Then seven samples are learned three ways: by the Gaussian process, by the formula of
//! training at infinite width, and by networks of finite width, step by step, whose outputs must have the mean and the spread foretold.
//!
//! The picture goes to the folder given as argument, else beside the program. To renew that of the documentation: `cargo run --release -p
//! examples --features pictures --example infinite_width examples/pictures`.

use autograd::{Shape, Tape, Tensor};
use examples::pictures;
use indicatif::{ProgressBar, ProgressStyle};
use mlp::infinite::{GradientFlow, InfiniteWidth, Nngp, tangent_kernel};
use mlp::{Activation, Init, Linear, Module, Sequential};
use rand::{SeedableRng, rngs::StdRng};

const WEIGHTS: f64 = 2.0; // σ_w²
const BIASES: f64 = 0.3; // σ_b²
const WIDTHS: [usize; 5] = [32, 64, 128, 256, 512];
const SEEDS: u64 = 16; // networks of each width
const TRAINED: u64 = 16; // networks trained, of width 256
const STEPS: usize = 500;

/// Two hidden layers.
fn model(width: usize, inputs: usize, seed: u64) -> Result<Sequential, mlp::Error> {
    let rng = &mut StdRng::seed_from_u64(seed);
    let weights = Init::lecun_normal().gain(WEIGHTS.sqrt());
    let biases = Init::Normal { mean: 0.0, std: BIASES.sqrt() };
    let mut layer = |from, to| Linear::with_biases(from, to, &weights, &biases, rng);
    let (first, second, last) = (layer(inputs, width)?, layer(width, width)?, layer(width, 1)?);
    Ok(Sequential::new().then(first).then(Activation::Tanh).then(second).then(Activation::Tanh).then(last))
}

/// With which variance the numbers of a parameter are drawn; its learning rate is proportional to it.
fn variance(_: &str, shape: &Shape) -> f64 {
    if shape.len() == 2 { WEIGHTS / shape[0] as f64 } else { BIASES }
}

/// Mean and standard error.
fn mean(samples: &[f64]) -> (f64, f64) {
    let n = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / n;
    let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// Descent on ½·Σ (f(x) − y)².
fn train(model: &Sequential, x: &Tensor, y: &Tensor, eta: f64) {
    let parameters = model.parameters();
    let mut tape = Tape::new();
    for _ in 0..STEPS {
        tape.clear();
        let loss = (model.forward(tape.constant(x)).flatten() - y).square().sum() * 0.5;
        let gradients = loss.backward();
        for (name, param) in parameters.iter() {
            let eta = eta * variance(name, &param.shape());
            gradients.update_each(param, [], |w, dw, []| *w -= eta * dw);
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let network = InfiniteWidth::mlp(Activation::Tanh, 2, WEIGHTS, BIASES)?;
    let style = ProgressStyle::with_template("{pos}/{len} {wide_bar} {eta}").expect("a valid template");
    let bar = ProgressBar::new(WIDTHS.len() as u64 * SEEDS + TRAINED).with_style(style);

    let x = Tensor::from([[1.0, 0.2, -0.5], [0.9, 0.4, -0.3], [-1.2, 0.8, 0.1], [0.1, -0.3, 0.2]]);
    let limit = network.ntk(&x, &x)?;
    let mut logs = vec![];
    for width in WIDTHS {
        let mut errors = vec![];
        for seed in 0..SEEDS {
            let measured = tangent_kernel(&model(width, 3, seed)?, variance, &x, &x)?;
            errors.push(((&measured - &limit).square().mean() / limit.square().mean()).sqrt().ln());
            bar.inc(1);
        }
        logs.push(((width as f64).ln(), mean(&errors)));
    }
    // The line of least squares, and the standard error of its slope.
    let centre = logs.iter().map(|at| at.0).sum::<f64>() / logs.len() as f64;
    let spread: f64 = logs.iter().map(|at| (at.0 - centre).powi(2)).sum();
    let slope = logs.iter().map(|&(x, (y, _))| (x - centre) * y).sum::<f64>() / spread;
    let doubt = logs.iter().map(|&(x, (_, error))| ((x - centre) * error).powi(2)).sum::<f64>().sqrt() / spread;

    let x = Tensor::from([[-2.0], [-1.6], [-1.0], [0.2], [0.5], [1.2], [1.5]]);
    let y = (&x * 2.0).sin().flatten();
    let others = Tensor::from_fn([61, 1], |at| -3.0 + 0.1 * at[0] as f64);
    let process = Nngp::fit(&network, &x, &y, 1e-4)?.predict(&others)?;
    let flow = GradientFlow::fit(&network, &x, &y)?;
    let eta = 0.3 / flow.rates().max();
    let foretold = flow.predict(&others, eta * STEPS as f64)?;
    let mut outputs = vec![];
    for seed in 0..TRAINED {
        let model = model(256, 1, 100 + seed)?;
        train(&model, &x, &y, eta);
        outputs.push(model.predict(&others).flatten());
        bar.inc(1);
    }
    bar.finish_and_clear();

    println!("The tangent kernel of networks of two hidden layers, tanh: its relative error, {SEEDS} networks each\n");
    for (width, (_, (log, error))) in WIDTHS.iter().zip(&logs) {
        println!("   width {width:>4}: {:.4}, ±{:.0} %", log.exp(), 100.0 * error);
    }
    println!("   it falls as width^({slope:.3} ± {doubt:.3}); the theory says −1/2\n");

    // At every tenth x: are mean and spread of the networks those foretold?
    println!("Seven samples, after {STEPS} steps; {TRAINED} networks of width 256 beside the formula\n");
    println!("{:>7}{:>9}{:>18}{:>10}{:>18}", "x", "NNGP", "infinite width", "networks", "standard errors");
    let (mut worst, mut ratios) = (0.0f64, vec![]);
    for i in (0..61).step_by(10) {
        let at = |values: &Tensor| values.as_slice()[i];
        let (measured, error) = mean(&outputs.iter().map(at).collect::<Vec<_>>());
        let (exact, std) = (at(&foretold.mean), at(&foretold.variance).sqrt());
        let z = (measured - exact) / (std / (TRAINED as f64).sqrt());
        println!("{:>7.1}{:>9.3}{exact:>11.3} ± {std:.2}{measured:>10.3}{z:>18.1}", at(&others), at(&process.mean));
        worst = worst.max(z.abs());
        ratios.push(error * (TRAINED as f64).sqrt() / std);
    }
    let (ratio, _) = mean(&ratios);
    println!("\n   the spread of the networks is {ratio:.2} of that foretold");

    let points = |values: &Tensor| others.to_vec().into_iter().zip(values.to_vec()).collect::<Vec<_>>();
    let stds = process.variance.sqrt();
    pictures::infinite_width(&pictures::InfiniteWidth {
        errors: WIDTHS
            .iter()
            .zip(&logs)
            .map(|(&width, (_, (log, error)))| (width as f64, [-2.0, 0.0, 2.0].map(|bars| (log + bars * error).exp())))
            .collect(),
        samples: x.to_vec().into_iter().zip(y.to_vec()).collect(),
        process: points(&process.mean).into_iter().zip(stds.to_vec()).map(|((x, mean), std)| [x, mean, std]).collect(),
        flow: points(&foretold.mean),
        networks: outputs[..3].iter().map(points).collect(),
    })
    .publish("infinite_width")?;

    assert!((slope + 0.5).abs() < 3.0 * doubt && doubt < 0.08, "width^({slope} ± {doubt})");
    assert!(worst < 3.5, "a mean {worst} standard errors away");
    // A standard deviation of 16 is off by 18 %; seven of them, which depend on each other, by no more on average.
    assert!((0.6..1.4).contains(&ratio), "{ratio} of the spread");
    Ok(())
}
