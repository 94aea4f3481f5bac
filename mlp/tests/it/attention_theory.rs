//! The theory of attention, measured on stacks of the crate's own layers: the similarity of tokens and the gradients at every
//! depth, and the entropy of the weights at both sides of the transition.

use autograd::{Parameters, Tape, Tensor, Var};
use mlp::theory::{Attention, Block, Signal};
use mlp::{Activation, Init, LayerNorm, Linear, Module, MultiHeadAttention, TransformerBlock};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::laws::Mean;

const WIDTH: usize = 128;
const TOKENS: usize = 16;
const SEQUENCES: usize = 4;
const SEEDS: u64 = 8;

fn normal(shape: [usize; 3], rng: &mut StdRng) -> Tensor {
    Init::Normal { mean: 0.0, std: 1.0 }.sample(shape, rng)
}

/// Sequences of tokens with mean square 1 that correlate by ρ.
fn tokens(rho: f64, rng: &mut StdRng) -> Tensor {
    let (own, common) = (normal([SEQUENCES, TOKENS, WIDTH], rng), normal([SEQUENCES, 1, WIDTH], rng));
    own * (1.0 - rho).sqrt() + common * rho.sqrt()
}

/// Attention with `σ_Q² = σ_K² = √scores` and `σ_V² = σ_O² = √values`.
fn layer(heads: usize, scores: f64, values: f64, rng: &mut StdRng) -> MultiHeadAttention {
    let mut layer = MultiHeadAttention::new(WIDTH, heads, rng).unwrap();
    let mut linear = |product: f64| {
        let init = Init::lecun_normal().gain(product.powf(0.25));
        Linear::new(WIDTH, WIDTH, &init, rng).unwrap()
    };
    [layer.query, layer.key] = [linear(scores), linear(scores)];
    [layer.value, layer.out] = [linear(values), linear(values)];
    layer
}

/// Mean square, and mean product of two tokens.
fn gram(x: &Tensor) -> [f64; 2] {
    let (n, width) = (x.shape()[1] as f64, x.shape()[2] as f64);
    let (mut square, mut sum) = (0.0, 0.0);
    for sequence in x.as_slice().chunks(x.shape()[1] * x.shape()[2]) {
        square += sequence.iter().map(|x| x * x).sum::<f64>();
        let columns = (0..x.shape()[2]).map(|j| sequence[j..].iter().step_by(x.shape()[2]).sum::<f64>());
        sum += columns.map(|sum| sum * sum).sum::<f64>();
    }
    let sequences = x.shape()[0] as f64;
    [square / (sequences * n * width), (sum - square) / (sequences * n * (n - 1.0) * width)]
}

/// The mean over the seeds lies between what is foretold, less `below`, and the same and `above`, with three standard errors each.
#[track_caller]
fn hold(place: &str, values: &[f64], foretold: f64, below: f64, above: f64) {
    let Mean { value: mean, error } = Mean::of(values);
    let range = foretold - below - 3.0 * error..=foretold + above + 3.0 * error;
    assert!(range.contains(&mean), "{place}: {mean} ± {error}, foretold {foretold}");
}

/// The logarithms of q, of 1 − ρ and of the squared gradient at depth 0, 1, …, the gradient over that of the last.
fn measured(depth: usize, rho: f64, seed: u64, block: impl Fn(&mut StdRng) -> Box<dyn Module>) -> Vec<[f64; 3]> {
    let rng = &mut StdRng::seed_from_u64(seed);
    let tape = Tape::new();
    let mut x = vec![tape.var(tokens(rho, rng))];
    for _ in 0..depth {
        x.push(block(rng).forward(x[x.len() - 1]).watch());
    }
    let u = normal([SEQUENCES, TOKENS, WIDTH], rng);
    let gradients = (x[depth] * &u).sum().backward();
    let last = gradients[x[depth]].square().mean();
    let at = |x: Var<'_>| {
        let [q, product] = gram(&x.value());
        [q, 1.0 - product / q, gradients[x].square().mean() / last].map(f64::ln)
    };
    x.into_iter().map(at).collect()
}

/// The same in theory.
fn foretold(depth: usize, rho: f64, block: &Block) -> Vec<[f64; 3]> {
    let signal = Signal::normal(1.0).correlated(rho);
    let forecast = block.repeated(depth).forecast(&signal).unwrap();
    let pieces = block.pieces().count();
    // The last row of each block, not of what is inside of a branch.
    let ends = (1..=depth).map(|l| forecast.rows.iter().find(|row| row.name == (l * pieces - 1).to_string()).unwrap());
    let at =
        |signal: &Signal, gradient: f64| [signal.square, 1.0 - signal.correlation().unwrap(), gradient].map(f64::ln);
    [at(&signal, forecast.inputs)].into_iter().chain(ends.map(|row| at(&row.signal, row.gradient))).collect()
}

/// a·x + b·attention(norm(x)), the norm if there is one.
struct Shortcut {
    stream: f64,
    branch: f64,
    norm: Option<LayerNorm>,
    attention: MultiHeadAttention,
}

impl Module for Shortcut {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let normed = self.norm.as_ref().map_or(x, |norm| norm.forward(x));
        x * self.stream + self.attention.forward(normed) * self.branch
    }
    fn parameters(&self) -> Parameters {
        self.attention.parameters()
    }
}

/// Finite width moves a logarithm by some 1/width in each matrix that a value passes, of which a block has two to four.
fn strays(depth: usize) -> f64 {
    2.0 * depth as f64 / WIDTH as f64
}

/// Noci et al. 2022: branches, weak branches and norms slow the collapse down; gradients go with it.
#[test]
fn shortcuts_slow_the_collapse_as_foretold() {
    const DEPTH: usize = 5;
    for (stream, branch, scores, norm) in
        [(1.0, 1.0, 1.0, false), (1.0, 0.4, 1.0, false), (1.0, 0.2, 40.0, false), (1.0, 1.0, 4.0, true)]
    {
        let inner = if norm { Block::new().layer_norm() } else { Block::new() };
        let block = Block::new().residual(stream, branch, inner.attention(Attention::new(TOKENS, scores, 1.0)));
        let layers = |rng: &mut StdRng| -> Box<dyn Module> {
            let norm = norm.then(|| LayerNorm::new(WIDTH).unwrap());
            Box::new(Shortcut { stream, branch, norm, attention: layer(4, scores, 1.0, rng) })
        };
        compare(&block, DEPTH, layers);
    }
}

#[track_caller]
fn compare(block: &Block, depth: usize, layers: impl Fn(&mut StdRng) -> Box<dyn Module>) {
    let foretold = foretold(depth, 0.3, block);
    let all: Vec<_> = (0..SEEDS).map(|seed| measured(depth, 0.3, seed, &layers)).collect();
    for (l, foretold) in foretold.iter().enumerate() {
        for (i, what) in ["ln q", "ln(1 − ρ)", "ln gradient²"].into_iter().enumerate() {
            let values: Vec<f64> = all.iter().map(|run| run[l][i]).collect();
            let passed = if i == 2 { depth - l } else { l };
            hold(&format!("{block}, depth {l}: {what}"), &values, foretold[i], strays(passed), strays(passed));
        }
    }
}

/// Whole blocks of the crate, at their own initialisation: σ² = 1 everywhere.
#[test]
fn transformer_blocks_are_foretold() {
    let attention = || Attention::new(TOKENS, 1.0, 1.0);
    let network = |block: Block| block.linear(1.0, 0.0).activation(Activation::Relu).unwrap().linear(1.0, 0.0);
    let pre = Block::new().residual(1.0, 1.0, Block::new().layer_norm().attention(attention())).residual(
        1.0,
        1.0,
        network(Block::new().layer_norm()),
    );
    let post = Block::new()
        .residual(1.0, 1.0, Block::new().attention(attention()))
        .layer_norm()
        .residual(1.0, 1.0, network(Block::new()))
        .layer_norm();
    for (block, post_norm) in [(pre, false), (post, true)] {
        compare(&block, 4, |rng| {
            let block = TransformerBlock::new(WIDTH, 4, WIDTH, Activation::Relu, rng).unwrap();
            Box::new(if post_norm { block.post_norm() } else { block })
        });
    }
}

/// Dong, Cordonnier & Loukas 2021: without shortcuts 1 − ρ falls with its third power.
///
/// The spectrum of what tells tokens apart is flat in the theory. Of n = 128 columns and h heads its second moment is greater by
/// κ = T/n for the inputs and by T/n + 1/h + 2T/n behind the first layer (the moments of products of free matrices), and so is 1 − ρ behind
/// the next layer, by 1 + κ.
#[test]
fn rank_collapses_doubly_exponentially() {
    const HEADS: usize = 8;
    let block = Block::new().attention(Attention::new(TOKENS, 1.0, 1.0));
    let foretold = foretold(2, 0.3, &block);
    let all: Vec<_> =
        (0..SEEDS).map(|seed| measured(2, 0.3, seed, |rng| Box::new(layer(HEADS, 1.0, 1.0, rng)))).collect();
    let wide = TOKENS as f64 / WIDTH as f64;
    let first = wide.ln_1p();
    let second = 3.0 * first + (3.0 * wide + 1.0 / HEADS as f64).ln_1p();
    for (l, above) in [first, second].into_iter().enumerate() {
        let values: Vec<f64> = all.iter().map(|run| run[l + 1][1]).collect();
        hold(&format!("behind layer {}", l + 1), &values, foretold[l + 1][1], strays(1), above + strays(1));
    }
    // ln(1 − ρ″) = 3·ln(1 − ρ′) + ln(q′²(T − 1)/T²) − ln(q″/q′), where scores are small.
    let ([[q, gap, _], [next, after, _]], n) = ([foretold[1], foretold[2]], TOKENS as f64);
    let cubic = 3.0 * gap + 2.0 * q + ((n - 1.0) / n / n).ln() - (next - q);
    assert!((after - cubic).abs() < 0.01, "{after}, {cubic}");
}

/// Giorlandino & Goldt 2026: entropy collapses where β passes √(2 ln T).
#[test]
fn entropy_collapses_beyond_the_transition() {
    const HEADS: usize = 2;
    for tokens_count in [16, 64] {
        let signal = Signal::normal(1.0).correlated(0.2);
        let critical = Attention::new(tokens_count, 1.0, 1.0).critical_scores(&signal);
        let mut all = vec![];
        for scale in [0.1, 0.5, 2.0, 10.0f64] {
            let foretold = Attention::new(tokens_count, scale * scale * critical, 1.0).weights(&signal);
            let entropies: Vec<f64> = (0..SEEDS)
                .map(|seed| {
                    let rng = &mut StdRng::seed_from_u64(seed);
                    let (own, common) = (normal([4, tokens_count, WIDTH], rng), normal([4, 1, WIDTH], rng));
                    let x = own * 0.8f64.sqrt() + common * 0.2f64.sqrt();
                    entropy(&layer(HEADS, scale * scale * critical, 1.0, rng), &x)
                })
                .collect();
            // Of d = 64 columns in a head the variance of scores strays by 2/d, and they are not quite normal.
            let bound = 2.0 * HEADS as f64 / WIDTH as f64;
            hold(&format!("T = {tokens_count}, β = {}", foretold.spread), &entropies, foretold.entropy, bound, bound);
            all.push(Mean::of(&entropies).value);
        }
        assert!(all[0] > 0.9 && all[1] > 0.6 && all[2] < 0.4 && all[3] < 0.1, "{all:?}");
    }
}

/// The mean entropy of the weights of a layer, over ln T.
fn entropy(layer: &MultiHeadAttention, x: &Tensor) -> f64 {
    let (n, tokens, heads) = (x.shape()[0], x.shape()[1], layer.heads());
    let depth = WIDTH / heads;
    let tape = Tape::new();
    let x = tape.constant(x.clone());
    let split = |made: Var<'_>| made.value().reshape([n, tokens, heads, depth]).transpose(1, 2);
    let (q, k) = (split(layer.query.forward(x)), split(layer.key.forward(x)));
    let logs = (q.matmul(&k.transpose(2, 3)) * (depth as f64).sqrt().recip()).log_softmax(3);
    -(logs.exp() * &logs).sum() / ((n * heads * tokens) as f64 * (tokens as f64).ln())
}

/// Noci et al. 2022: the more alike tokens are, the less queries learn beside values.
#[test]
fn gradients_of_queries_vanish_with_the_rank() {
    for rho in [0.0, 0.5, 0.9] {
        let signal = Signal::normal(1.0).correlated(rho);
        let foretold = Attention::new(TOKENS, 4.0, 4.0).weights(&signal).query_gradient;
        let ratios: Vec<f64> = (0..SEEDS)
            .map(|seed| {
                let rng = &mut StdRng::seed_from_u64(seed);
                let (layer, tape) = (layer(4, 4.0, 4.0, rng), Tape::new());
                let y = layer.forward(tape.var(tokens(rho, rng)));
                let gradients = (y * normal([SEQUENCES, TOKENS, WIDTH], rng)).sum().backward();
                let [query, value] = [&layer.query, &layer.value].map(|part| gradients[&part.w].square().mean());
                (query / value).ln()
            })
            .collect();
        hold(&format!("ρ = {rho}"), &ratios, foretold.ln(), strays(2), strays(2));
    }
}

#[test]
fn what_attention_cannot_tell_it_names() {
    let attention = Block::new().attention(Attention::new(8, 1.0, 4.0));
    let endless = attention.repeated(2000).forecast(&Signal::normal(1.0)).unwrap_err().to_string();
    assert!(endless.contains("has grown beyond all numbers"), "{endless}");
    let batch = attention.clone().batch_norm().pass(&Signal::normal(1.0)).unwrap_err().to_string();
    assert!(batch.contains("take layer_norm beside attention"), "{batch}");
    assert_eq!(attention.to_string(), "attention(T = 8, σ_Q²σ_K² = 1, σ_V²σ_O² = 4)");
}

#[test]
#[should_panic(expected = "attention of 1 tokens; it takes at least two")]
fn one_token_attends_to_nothing() {
    let _ = Attention::new(1, 1.0, 1.0);
}

/// Tokens of nothing are read evenly, whatever the sign of their 0.
#[test]
fn tokens_of_minus_zero_are_those_of_zero() {
    let weights =
        |scores: f64, square: f64| Attention::new(4, scores, 1.0).weights(&Signal::normal(square).correlated(0.5));
    assert_eq!(weights(1.0, -0.0), weights(1.0, 0.0));
    assert_eq!(weights(-0.0, 1.0), weights(0.0, 1.0));
    assert!((weights(-0.0, 1.0).participation - 0.25).abs() < 1e-9);
}
