//! Residual theory: gradients through shortcuts and norms, predicted before a network is built.
//!
//! Plain layers multiply the squared gradient by a factor, so that it vanishes or explodes. What people build has shortcuts and
//! norms as well: x + φ(x)W, norms inside of the branch (pre-norm) or behind the sum (post-norm). One recursion predicts all of them
//! (Yang & Schoenholz 2017; Doshi, He & Gromov 2023): pre-norm makes a power of the depth out of the exponential. Networks of
//! rectifiers and of tanh are built and measured at every depth, and held against it; critical points and exponents are computed;
//! and a model made of layers is read, and its table foretold.
//!
//! The picture goes to the folder given as argument, else beside the program. To renew that of the documentation:
//! `cargo run --release -p examples --features pictures --example residual_theory examples/pictures`.

use autograd::{Tape, Tensor};
use examples::pictures::{self, Gradients};
use examples::{bar, statistics};
use mlp::theory::{self, Block, DepthLaw, Signal};
use mlp::{Activation, Flow, Init, LayerNorm, Linear, Module, Residual, Sequential};
use rand::{SeedableRng, rngs::StdRng};

const WIDTH: usize = 200;
const DEPTH: usize = 40; // blocks
const SAMPLES: usize = 8;
const SEEDS: u64 = 10;
const WEIGHTS: f64 = 1.7; // σ_w²
const BIASES: f64 = 0.05; // σ_b²
const WEAK: f64 = 0.3; // the strength of a branch

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Shortcut,
    PreNorm,
    PostNorm,
}

const KINDS: [(&str, Kind); 4] = [
    ("plain: φ(x)W + b", Kind::Plain),
    ("shortcut: x + 0.3(φ(x)W + b)", Kind::Shortcut),
    ("pre-norm: x + φ(norm(x))W + b", Kind::PreNorm),
    ("post-norm: norm(x + φ(x)W + b)", Kind::PostNorm),
];

/// The block as data, for the theory.
fn block(kind: Kind, activation: Activation) -> Result<Block, mlp::Error> {
    let layer = |block: Block| Ok::<_, mlp::Error>(block.activation(activation)?.linear(WEIGHTS, BIASES));
    Ok(match kind {
        Kind::Plain => layer(Block::new())?,
        Kind::Shortcut => Block::new().residual(1.0, WEAK, layer(Block::new())?),
        Kind::PreNorm => Block::new().residual(1.0, 1.0, layer(Block::new().layer_norm())?),
        Kind::PostNorm => Block::new().residual(1.0, 1.0, layer(Block::new())?).layer_norm(),
    })
}

/// The same block of layers.
fn layers(kind: Kind, activation: Activation, rng: &mut StdRng) -> Result<Sequential, mlp::Error> {
    let (weights, biases) = (Init::lecun_normal().gain(WEIGHTS.sqrt()), Init::Normal { mean: 0.0, std: BIASES.sqrt() });
    let linear = Linear::with_biases(WIDTH, WIDTH, &weights, &biases, rng)?;
    let norm = || LayerNorm::new(WIDTH);
    let branch = if kind == Kind::PreNorm { Sequential::new().then(norm()?) } else { Sequential::new() };
    let branch = branch.then(activation).then(linear);
    Ok(match kind {
        Kind::Plain => branch,
        Kind::Shortcut => Sequential::new().then(Residual::new(branch).strength(WEAK)?),
        Kind::PreNorm => Sequential::new().then(Residual::new(branch)),
        Kind::PostNorm => Sequential::new().then(Residual::new(branch)).then(norm()?),
    })
}

/// Decades of the mean squared gradient behind each block, over that behind the last; first that of the inputs.
fn measured(kind: Kind, activation: Activation, seed: u64) -> Result<Vec<f64>, mlp::Error> {
    let mut rng = StdRng::seed_from_u64(seed);
    let blocks = (0..DEPTH).map(|_| layers(kind, activation, &mut rng)).collect::<Result<Vec<_>, _>>()?;
    let normal = Init::Normal { mean: 0.0, std: 1.0 };
    let (x, u): (Tensor, Tensor) =
        (normal.sample([SAMPLES, WIDTH], &mut rng), normal.sample([SAMPLES, WIDTH], &mut rng));
    let tape = Tape::new();
    let mut x = vec![tape.var(x)];
    for block in &blocks {
        x.push(block.forward(x[x.len() - 1]).watch());
    }
    let gradients = (x[DEPTH] * &u).sum().backward();
    let squares: Vec<f64> = x.iter().map(|&x| gradients[x].square().mean()).collect();
    Ok(squares.iter().map(|square| (square / squares[DEPTH]).log10()).collect())
}

/// The same in theory: the product of χ from each depth on.
fn predicted(kind: Kind, activation: Activation) -> Result<Vec<f64>, mlp::Error> {
    let block = block(kind, activation)?;
    let chis: Vec<f64> = block.steps(&Signal::normal(1.0))?.skip(1).take(DEPTH).map(|step| step.chi.log10()).collect();
    Ok((0..=DEPTH).map(|depth| chis[depth..].iter().sum()).collect())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    decays()?;
    critical_points()?;
    a_model()
}

fn decays() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "Decades of the mean squared gradient, inputs / outputs of {DEPTH} blocks, σ_w² = {WEIGHTS}, σ_b² = {BIASES}:"
    );
    println!("mean ± standard deviation over {SEEDS} networks of {WIDTH} units, and by the theory.\n");
    let bar = bar(2 * KINDS.len() * SEEDS as usize);
    let mut panels = vec![];
    for activation in [Activation::Relu, Activation::Tanh] {
        let mut curves = vec![];
        for (name, kind) in KINDS {
            let predicted = predicted(kind, activation)?;
            let mut all = vec![];
            for seed in 0..SEEDS {
                all.push(measured(kind, activation, seed)?);
                bar.inc(1);
            }
            let marks: Vec<[f64; 3]> = (0..=DEPTH).step_by(5).map(|depth| mark(depth, &all)).collect();
            for &[depth, mean, spread] in &marks {
                hold(name, DEPTH as f64 - depth, mean, spread, predicted[depth as usize]);
            }
            let (mean, spread) = (marks[0][1], marks[0][2]);
            let row = format!("{:<6}{name:<34}{mean:>7.2} ± {spread:.2} {:>8.2}", activation.name(), predicted[0]);
            bar.suspend(|| println!("{row}"));
            let predicted = predicted.iter().enumerate().map(|(depth, &decades)| (depth as f64, decades)).collect();
            curves.push(Gradients { name: name.into(), predicted, measured: marks });
        }
        panels.push((format!("φ = {}", activation.name()), curves));
    }
    bar.finish_and_clear();
    let subtitle = format!(
        "lines: mean-field theory; marks and bars: mean ± standard deviation of {SEEDS} networks of {WIDTH} units; σ_w² = {WEIGHTS}, σ_b² = {BIASES}"
    );
    pictures::profiles("The squared gradient through blocks with shortcuts and norms", &subtitle, &panels)
        .publish("residual_theory")?;
    Ok(())
}

/// Depth, mean and standard deviation over the networks.
fn mark(depth: usize, all: &[Vec<f64>]) -> [f64; 3] {
    let [mean, spread] = statistics(&all.iter().map(|decades| decades[depth]).collect::<Vec<_>>());
    [depth as f64, mean, spread]
}

/// Holds what was measured over so many blocks against the theory, which is for infinite width.
fn hold(name: &str, blocks: f64, mean: f64, spread: f64, by_theory: f64) {
    // Of n units the logarithm lies lower, for rectifiers by 5/(2n) in each layer and for the others by less (Hanin 2018). Three
    // standard errors of the mean, and a hundredth of a decade.
    let lost = blocks * 5.0 / (2.0 * WIDTH as f64) * std::f64::consts::LOG10_E;
    let error = 3.0 * spread / (SEEDS as f64).sqrt() + 0.01;
    let between = by_theory - lost - error..by_theory + error;
    assert!(between.contains(&mean), "{name}, {blocks} blocks: {mean} ± {spread}, by the theory {by_theory}");
}

/// Critical points and exponents of h ← φ(h)W + b + μh, and with a norm before φ.
fn critical_points() -> Result<(), mlp::Error> {
    println!("\nCritical blocks μh + φ(h)W + b, where χ = 1; their squared gradient goes as l^(−ζ) over l blocks:\n");
    println!("{:<6} {:>5} {:>9} {:>9} {:>9} {:>8}", "φ", "μ", "σ_w²", "σ_b²", "q*", "ζ");
    for activation in [Activation::Relu, Activation::Tanh, Activation::Gelu] {
        for mu in [0.0, 0.5, 0.9] {
            let block = Block::new().residual(mu, 1.0, Block::new().activation(activation)?.linear(1.0, 0.0));
            // Without biases, where there is such a point that attracts.
            let point = match block.critical_weights(0.0) {
                Ok(point) if point.attracts() => point,
                _ => block.critical()?,
            };
            let DepthLaw::Power { zeta } = block.with_variances(point.weights, point.biases).law_at(point.variance)?
            else {
                unreachable!("it is critical")
            };
            let name = activation.name();
            println!(
                "{name:<6} {mu:>5} {:>9.4} {:>9.4} {:>9.4} {:>8.2}",
                point.weights,
                point.biases,
                point.variance,
                zeta + 0.0
            );
            let plain = match activation {
                Activation::Relu => 2.0,
                Activation::Tanh => 1.0,
                _ => 1.98305826, // Roberts, Yaida & Hanin 2022
            };
            assert!((point.weights / plain - (1.0 - mu * mu)).abs() < 1e-6);
        }
    }
    println!(
        "\nThat of GELU is half-stable, and V hardly bent there: variances come to it from above, over more than 10⁴ blocks."
    );
    println!("Pre-norm with μ = 1 is critical for all weights and biases (here σ_w² = {WEIGHTS}, σ_b² = {BIASES}):\n");
    for activation in [Activation::Relu, Activation::Tanh, Activation::Gelu] {
        let DepthLaw::Power { zeta } = block(Kind::PreNorm, activation)?.law()? else { unreachable!("a power law") };
        println!("{:<6} gradients grow as l^{:.3}", activation.name(), -zeta);
    }
    Ok(())
}

/// A model made of layers, foretold from its own weights.
fn a_model() -> Result<(), Box<dyn std::error::Error>> {
    let rng = &mut StdRng::seed_from_u64(1);
    let mut model = Sequential::new().then(Linear::new(64, WIDTH, &Init::lecun_normal(), rng)?);
    for _ in 0..3 {
        model = model.then(layers(Kind::PreNorm, Activation::Relu, rng)?);
    }
    model = model.then(Linear::new(WIDTH, WIDTH, &Init::lecun_normal(), rng)?);
    let normal = Init::Normal { mean: 0.0, std: 1.0 };
    let (x, u): (Tensor, Tensor) = (normal.sample([100, 64], rng), normal.sample([100, WIDTH], rng));
    let flow = Flow::measure(&model, &x, |y| (y * &u).sum());
    let beside = theory::of(&model)?.forecast(&Signal::of(&x)?)?.beside(&flow)?;
    println!("\nA model with three pre-norm blocks: foretold from its weights, and measured in one pass:\n\n{beside}");
    // The logarithms for one network of five layers stray by √(5·5/WIDTH) at most, if all samples are alike.
    let strays = (25.0 / WIDTH as f64).sqrt();
    for row in &beside.rows {
        let square = (row.measured_square / row.square).ln();
        let gradient = (row.measured_gradient.unwrap_or(f64::NAN) / row.gradient).ln();
        assert!(square.abs() < 2.0 * strays && gradient.abs() < 2.0 * strays, "{row:?}");
    }
    Ok(())
}
