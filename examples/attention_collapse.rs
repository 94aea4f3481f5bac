//! Attention at initialisation: two ways in which a deep transformer can fail before its first step, foretold.
//!
//! Self-attention averages over tokens, so that they grow alike with depth: the rank collapses, doubly exponentially if nothing
//! but attention is there (Dong et al. 2021). Shortcuts, weak branches and norms slow it down (Noci et al. 2022). If queries and keys are
//! large instead, each token attends to one other: the entropy collapses, as of a random-energy model beyond its transition at
//! scores of spread √(2 ln T) (Giorlandino & Goldt 2026). One recursion foretells both; here it is held against stacks of layers, with
//! the gradients that reach the inputs.
//!
//! The picture goes to the folder given as argument, else beside the program. To renew that of the documentation:
//! `cargo run --release -p examples --features pictures --example attention_collapse examples/pictures`.

use autograd::{Tape, Tensor, Var};
use examples::pictures::{self, Gradients};
use examples::{bar, statistics};
use indicatif::ProgressBar;
use mlp::theory::{Attention, Block, Signal};
use mlp::{Init, LayerNorm, Linear, Module, MultiHeadAttention};
use rand::{SeedableRng, rngs::StdRng};

const WIDTH: usize = 128;
const HEADS: usize = 4;
const TOKENS: usize = 16;
const SEQUENCES: usize = 4;
const DEPTH: usize = 10; // layers
const SEEDS: u64 = 8;
const ALIKE: f64 = 0.2; // ρ of the inputs
const WEAK: f64 = 0.3; // the strength of a branch

/// Name, strengths of shortcut and branch, and whether a norm stands before the attention.
const KINDS: [(&str, f64, f64, bool); 4] = [
    ("attention(x)", 0.0, 1.0, false),
    ("x + attention(x)", 1.0, 1.0, false),
    ("x + 0.3 attention(x)", 1.0, WEAK, false),
    ("x + attention(norm(x))", 1.0, 1.0, true),
];

fn normal(shape: [usize; 3], rng: &mut StdRng) -> Tensor {
    Init::Normal { mean: 0.0, std: 1.0 }.sample(shape, rng)
}

/// Sequences of so many tokens, of mean square 1, that correlate by ρ.
fn tokens(count: usize, rng: &mut StdRng) -> Tensor {
    let (own, common) = (normal([SEQUENCES, count, WIDTH], rng), normal([SEQUENCES, 1, WIDTH], rng));
    own * (1.0 - ALIKE).sqrt() + common * ALIKE.sqrt()
}

/// The mean product of two tokens over their mean square.
fn similarity(x: &Tensor) -> f64 {
    let n = x.shape()[1] as f64;
    let (square, of_sums) = (x.square().sum(), x.sum_axis(1).square().sum());
    (of_sums - square) / (square * (n - 1.0))
}

/// ρ at each depth, and the logarithm of the squared gradient of the inputs over that of the outputs.
fn measured((_, stream, branch, normed): (&str, f64, f64, bool), seed: u64) -> Result<(Vec<f64>, f64), mlp::Error> {
    let rng = &mut StdRng::seed_from_u64(seed);
    let tape = Tape::new();
    let mut x: Vec<Var> = vec![tape.var(tokens(TOKENS, rng))];
    for _ in 0..DEPTH {
        let (attention, last) = (MultiHeadAttention::new(WIDTH, HEADS, rng)?, x[x.len() - 1]);
        let read = if normed { LayerNorm::new(WIDTH)?.forward(last) } else { last };
        x.push((last * stream + attention.forward(read) * branch).watch());
    }
    let gradients = (x[DEPTH] * normal([SEQUENCES, TOKENS, WIDTH], rng)).sum().backward();
    let [first, last] = [x[0], x[DEPTH]].map(|x| gradients[x].square().mean());
    Ok((x.iter().map(|x| similarity(&x.value())).collect(), (first / last).ln()))
}

/// The same in theory: weights of Glorot's recipe have σ² = 1.
fn predicted((_, stream, branch, normed): (&str, f64, f64, bool)) -> Result<(Vec<f64>, f64), mlp::Error> {
    let inner = if normed { Block::new().layer_norm() } else { Block::new() };
    let layer = Block::new().residual(stream, branch, inner.attention(Attention::new(TOKENS, 1.0, 1.0)));
    let signal = Signal::normal(1.0).correlated(ALIKE);
    let steps = layer.steps(&signal)?.take(DEPTH + 1);
    let rho = steps.map(|step| step.signal.correlation().expect("tokens are followed")).collect();
    Ok((rho, layer.repeated(DEPTH).forecast(&signal)?.inputs.ln()))
}

/// The entropy of the weights over ln T, for scores that a factor makes larger.
fn entropy(count: usize, scores: f64, seed: u64) -> Result<f64, mlp::Error> {
    let rng = &mut StdRng::seed_from_u64(seed);
    let scale = Init::lecun_normal().gain(scores.powf(0.25));
    let (query, key) = (Linear::new(WIDTH, WIDTH, &scale, rng)?, Linear::new(WIDTH, WIDTH, &scale, rng)?);
    let x = tokens(count, rng);
    let made = query.predict(&x).matmul(&key.predict(&x).transpose(1, 2)) * (WIDTH as f64).sqrt().recip();
    let logs = made.log_softmax(2);
    Ok(-(logs.exp() * &logs).sum() / ((SEQUENCES * count) as f64 * (count as f64).ln()))
}

/// Holds a mean over the networks against the theory, which is for infinite width: three standard errors, and a bound.
fn hold(name: &str, [mean, spread]: [f64; 2], by_theory: f64, bound: f64) {
    let error = 3.0 * spread / (SEEDS as f64).sqrt() + bound;
    assert!((mean - by_theory).abs() < error, "{name}: {mean} ± {spread}, by the theory {by_theory}");
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bar = bar((KINDS.len() + 2) * SEEDS as usize);
    let similarity = rank(&bar)?;
    let entropy = narrow(&bar)?;
    bar.finish_and_clear();
    let subtitle = format!(
        "lines: theory; marks and bars: mean ± standard deviation of {SEEDS} networks of {WIDTH} units; left: {TOKENS} tokens, {HEADS} heads"
    );
    pictures::attention("Attention at initialisation: two ways to fail", &subtitle, &similarity, &entropy)
        .publish("attention_collapse")?;
    Ok(())
}

fn rank(bar: &ProgressBar) -> Result<Vec<Gradients>, Box<dyn std::error::Error>> {
    bar.suspend(|| {
        println!(
            "Behind {DEPTH} layers: similarity ρ of {TOKENS} tokens, and ln of the squared gradient, inputs / outputs:"
        );
        println!("mean ± standard deviation over {SEEDS} networks of {WIDTH} units, and by the theory.\n");
    });
    let mut curves = vec![];
    for kind in KINDS {
        let (rho, gradient) = predicted(kind)?;
        let (mut alike, mut gradients) = (vec![], vec![]);
        for seed in 0..SEEDS {
            let (rho, gradient) = measured(kind, seed)?;
            alike.push(rho);
            gradients.push(gradient);
            bar.inc(1);
        }
        let marks: Vec<[f64; 2]> =
            (0..=DEPTH).map(|depth| statistics(&alike.iter().map(|rho| rho[depth]).collect::<Vec<_>>())).collect();
        // In each layer finite width moves logarithms by some 2/width; ρ of tokens, at most 1, by no more.
        let bound = |layers: usize| 2.0 * layers as f64 / WIDTH as f64;
        for (depth, (&mark, &rho)) in marks.iter().zip(&rho).enumerate() {
            hold(&format!("{}, depth {depth}", kind.0), mark, rho, bound(depth));
        }
        let gradients = statistics(&gradients);
        hold(&format!("{}, gradient", kind.0), gradients, gradient, bound(DEPTH));
        let ([alike, alike_spread], [mean, spread]) = (marks[DEPTH], gradients);
        let row = format!(
            "{:<24}ρ = {alike:.4} ± {alike_spread:.4} {:>8.4}   {mean:>7.3} ± {spread:.3} {gradient:>7.3}",
            kind.0, rho[DEPTH]
        );
        bar.suspend(|| println!("{row}"));
        curves.push(Gradients {
            name: kind.0.into(),
            predicted: rho.iter().enumerate().map(|(depth, &rho)| (depth as f64, rho)).collect(),
            measured: marks.iter().enumerate().map(|(depth, &[mean, spread])| [depth as f64, mean, spread]).collect(),
        });
    }
    // What each is for: alone all tokens are the same; a weak branch keeps half of their difference.
    assert!(curves[0].measured[2][1] > 0.999 && curves[2].measured[DEPTH][1] < 0.6);
    Ok(curves)
}

fn narrow(bar: &ProgressBar) -> Result<Vec<Gradients>, Box<dyn std::error::Error>> {
    bar.suspend(|| println!("\nEntropy of attention over ln T, by the spread β of scores over √(2 ln T):\n"));
    let signal = Signal::normal(1.0).correlated(ALIKE);
    let mut curves = vec![];
    for count in [16, 128] {
        let critical = Attention::new(count, 1.0, 1.0).critical_scores(&signal);
        let scores = |spread: f64| spread * spread * critical;
        let by_theory = |spread: f64| Attention::new(count, scores(spread), 1.0).weights(&signal).entropy;
        let spreads = [0.1, 0.4, 0.7, 1.0, 1.5, 2.0, 2.5, 3.0];
        let mut all = vec![vec![]; spreads.len()];
        for seed in 0..SEEDS {
            for (spread, all) in spreads.iter().zip(&mut all) {
                all.push(entropy(count, scores(*spread), seed)?);
            }
            bar.inc(1);
        }
        let mut measured = vec![];
        for (spread, all) in spreads.into_iter().zip(&all) {
            let mark = statistics(all);
            // The spread of scores strays by 1/width for width columns, and the entropy falls by less than it.
            hold(&format!("T = {count}, β = {spread}"), mark, by_theory(spread), 2.0 / WIDTH as f64);
            let row =
                format!("T = {count:<4} β = {spread:.1}  {:.4} ± {:.4} {:>8.4}", mark[0], mark[1], by_theory(spread));
            bar.suspend(|| println!("{row}"));
            measured.push([spread, mark[0], mark[1]]);
        }
        let line = (0..=60).map(|i| f64::from(i) / 20.0).map(|spread| (spread, by_theory(spread))).collect();
        curves.push(Gradients { name: format!("T = {count}"), predicted: line, measured });
    }
    // The random-energy model: 1 − (β/β_c)² below the transition, nothing above.
    let limit = (0..=60).map(|i| f64::from(i) / 20.0).map(|spread| (spread, (1.0 - spread * spread).max(0.0)));
    curves.push(Gradients { name: "T → ∞".into(), predicted: limit.collect(), measured: vec![] });
    Ok(curves)
}
