//! Learning to learn: weights from which one step of descent on a few points of a new task goes far (Finn, Abbeel & Levine
//! 2017, "Model-agnostic meta-learning"). The loss after the step is differentiated by the weights before it: a gradient
//! through a gradient, by `grad` inside a loss.
//!
//! A task is a sine wave of its own amplitude and phase, of which ten points are shown. Shows the check of the gradient
//! through the step, and what a step achieves from learned and from random weights.

use std::f64::consts::PI;

use autograd::check::Checker;
use autograd::{Param, Parameters, Scalar, Tape, Tensor, Var};
use examples::normal;
use mlp::{Adam, Optimizer};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

const HIDDEN: usize = 24;
const SHOWN: usize = 10;
/// The rate of the step that a task is learned by.
const RATE: f64 = 0.02;

/// A wave: points to learn from, and points to measure the result by.
struct Task {
    shown: (Tensor, Tensor),
    asked: (Tensor, Tensor),
}

fn task(rng: &mut impl Rng) -> Task {
    let (amplitude, phase) = (rng.random_range(0.5..3.0), rng.random_range(0.0..PI));
    let mut points = |n: usize| {
        let x = Tensor::from_fn([n, 1], |_| rng.random_range(-4.0..4.0));
        let y = (&x + phase).sin() * amplitude;
        (x, y)
    };
    Task { shown: points(SHOWN), asked: points(20) }
}

/// The weights of a network 1-24-24-1 with tanh.
fn weights(rng: &mut impl Rng) -> Vec<Param> {
    let layer = |rng: &mut _, m: usize, n: usize| [normal(rng, [m, n], (1.0 / m as f64).sqrt()), normal(rng, [n], 0.1)];
    [(1, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 1)].into_iter().flat_map(|(m, n)| layer(rng, m, n)).collect()
}

fn named(weights: &[Param]) -> Parameters {
    let names = ["w1", "b1", "w2", "b2", "w3", "b3"];
    names.into_iter().zip(weights).fold(Parameters::new(), |all, (name, param)| all.with(name, param))
}

fn error<'t>(w: &[Var<'t>], (x, y): &(Tensor, Tensor)) -> Scalar<'t> {
    let x = w[0].tape().constant(x);
    let hidden = x.affine(w[0], w[1]).tanh().affine(w[2], w[3]).tanh();
    (hidden.affine(w[4], w[5]) - y).square().mean()
}

/// The weights after a step of descent on the points shown, still on the tape.
fn stepped<'t>(w: &[Var<'t>], task: &Task) -> Vec<Var<'t>> {
    let slopes = error(w, &task.shown).grad(w);
    w.iter().zip(slopes).map(|(&w, dw)| w - dw * RATE).collect()
}

/// The error on the points asked, after a step on those shown.
fn loss<'t>(tape: &'t Tape, weights: &[Param], tasks: &[Task]) -> Scalar<'t> {
    let w: Vec<Var<'t>> = weights.iter().map(|param| param.on(tape)).collect();
    let total: Scalar<'t> = tasks.iter().map(|task| error(&stepped(&w, task), &task.asked)).sum();
    total / tasks.len() as f64
}

/// The mean error before the step and after it, of many tasks.
fn measured(weights: &[Param], tasks: &[Task]) -> [f64; 2] {
    let mut tape = Tape::new();
    let mut sums = [0.0; 2];
    for task in tasks {
        tape.clear();
        let w: Vec<Var<'_>> = weights.iter().map(|param| param.on(&tape)).collect();
        sums[0] += error(&w, &task.asked).value();
        sums[1] += error(&stepped(&w, task), &task.asked).value();
    }
    sums.map(|sum| sum / tasks.len() as f64)
}

fn main() {
    let mut rng = StdRng::seed_from_u64(2);
    let (learned, random) = (weights(&mut rng), weights(&mut rng));

    let tasks = [task(&mut rng)];
    let report =
        Checker::new().check_parameters(&named(&learned), |tape| loss(tape, &learned, &tasks)).expect("a finite loss");
    println!("1. The gradient through a step of descent: {} ({})", report.verdict, report.reason);
    assert!(report.passed(), "{report}");

    println!("\n2. Learning to learn, 5 waves a step");
    let mut tape = Tape::new();
    let mut adam = Adam::new(&named(&learned), 3e-3);
    for step in 0..=1500 {
        tape.clear();
        let tasks: Vec<Task> = (0..5).map(|_| task(&mut rng)).collect();
        let loss = loss(&tape, &learned, &tasks);
        if step % 300 == 0 {
            println!("   step {step:>4}: error after a step on {SHOWN} points {:.3}", loss.value());
        }
        adam.step(&loss.backward());
    }

    let others: Vec<Task> = (0..200).map(|_| task(&mut rng)).collect();
    println!("\n3. 200 other waves: error before and after one step on {SHOWN} points");
    let [from_learned, from_random] = [&learned, &random].map(|weights| measured(weights, &others));
    for (name, [before, after]) in [("learned", from_learned), ("random", from_random)] {
        println!("   from {name:>7} weights {before:.3} → {after:.3}");
    }
    assert!(from_learned[1] < 0.7 * from_learned[0] && from_learned[1] < 0.5 * from_random[1]);
}
