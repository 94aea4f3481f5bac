//! Backpropagation through time: a recurrent cell is unrolled over a sequence, and one sweep goes back through all steps.
//!
//! The cell is hₜ = tanh(xₜ·W + hₜ₋₁·U + b). It must remember: after the whole sequence of ±1 has passed, it names the
//! first one. Shows the gradient held against finite differences, training by plain descent, and the gradient's norm at
//! each step of time. Before training it vanishes on its way back. The trained cell amplifies the first sign and then
//! holds it in saturated nodes: small slopes late, large ones early.

use autograd::{Param, Scalar, Tape, Tensor, Var};
use examples::{descend, normal};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

const STEPS: usize = 8;
const HIDDEN: usize = 6;

struct Recurrent {
    w: Param, // (1, hidden)
    u: Param, // (hidden, hidden)
    b: Param, // (hidden,)
    v: Param, // (hidden, 1): reads the answer from the last state
}

impl Recurrent {
    fn new(rng: &mut impl Rng) -> Self {
        Recurrent {
            w: normal(rng, [1, HIDDEN], 0.5),
            u: normal(rng, [HIDDEN, HIDDEN], 0.2),
            b: normal(rng, [HIDDEN], 0.1),
            v: normal(rng, [HIDDEN, 1], 0.5),
        }
    }

    fn params(&self) -> [(&'static str, &Param); 4] {
        [("W", &self.w), ("U", &self.u), ("b", &self.b), ("V", &self.v)]
    }

    /// The states h₁ … h_T for sequences as rows, `(n, steps)`.
    fn states<'t>(&self, x: Var<'t>) -> Vec<Var<'t>> {
        let mut h = x.tape().constant(Tensor::zeros([x.shape()[0], HIDDEN]));
        (0..STEPS)
            .map(|t| {
                h = (x.slice(1, t..t + 1).matmul(&self.w) + h.matmul(&self.u) + &self.b).tanh().watch();
                h
            })
            .collect()
    }

    /// The answer to each sequence, `(n, 1)`, from the last state.
    fn answer<'t>(&self, states: &[Var<'t>]) -> Var<'t> {
        states[STEPS - 1].matmul(&self.v)
    }

    /// The mean squared error of the answers: each should be the first number of its sequence.
    fn loss<'t>(&self, tape: &'t Tape, sequences: &Tensor) -> Scalar<'t> {
        let states = self.states(tape.constant(sequences.clone()));
        (self.answer(&states) - &sequences.slice(1, 0..1)).square().mean()
    }
}

fn main() {
    let mut rng = StdRng::seed_from_u64(3);
    let model = Recurrent::new(&mut rng);
    let sequences = Tensor::from_fn([64, STEPS], |_| if rng.random() { 1.0 } else { -1.0 });

    check(&model, &sequences);
    let before = norms(&model, &sequences);
    train(&model, &sequences);
    let after = norms(&model, &sequences);

    println!("3. ‖∂answers/∂hₜ‖ as part of that at the last step: how well the answer hears step t");
    println!("   {:>4} {:>17} {:>17}", "t", "before training", "after training");
    for t in (0..STEPS).rev() {
        println!("   {:>4} {:>17.2e} {:>17.2e}", t + 1, before[t], after[t]);
    }
    assert!(after[0] > 5.0 * before[0], "training should have made a path back to the first step");
}

/// Every entry of every gradient against the central difference (E(w + ε) − E(w − ε))/2ε.
fn check(model: &Recurrent, sequences: &Tensor) {
    println!("1. Gradients through {STEPS} steps of time against finite differences");
    const EPSILON: f64 = 1e-5;
    let tape = Tape::new();
    let grads = model.loss(&tape, sequences).backward();
    for (name, param) in model.params() {
        let moved = |i: usize, by: f64| {
            let value = param.value();
            param.modify(|w| w[i] += by);
            let loss = model.loss(&Tape::new(), sequences).value();
            param.set(value);
            loss
        };
        let numeric = (0..param.numel()).map(|i| (moved(i, EPSILON) - moved(i, -EPSILON)) / (2.0 * EPSILON));
        let worst = grads[param].to_vec().into_iter().zip(numeric).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        println!("   {name}: {:>2} entries, largest difference {worst:.1e}", param.numel());
        assert!(worst < 1e-9);
    }
    println!();
}

/// ‖∂ answers/∂hₜ‖ at each step, relative to the last.
fn norms(model: &Recurrent, sequences: &Tensor) -> Vec<f64> {
    let tape = Tape::new();
    let states = model.states(tape.constant(sequences.clone()));
    let grads = model.answer(&states).sum().backward();
    let norms: Vec<_> = states.iter().map(|&h| grads[h].norm()).collect();
    norms.iter().map(|norm| norm / norms[STEPS - 1]).collect()
}

/// Plain gradient descent on some sequences, then a test on all that there are.
fn train(model: &Recurrent, sequences: &Tensor) {
    println!("2. Training by w ← w − η·∂E/∂w");
    let mut tape = Tape::new();
    let mut losses = vec![];
    for step in 0..=500 {
        tape.clear();
        let loss = model.loss(&tape, sequences);
        losses.push(loss.value());
        if step % 100 == 0 {
            println!("   step {step:>4}: mean squared error {:.5}", loss.value());
        }
        descend(&loss.backward(), &model.params().map(|(_, param)| param), 0.1);
    }
    assert!(losses[losses.len() - 1] < 1e-3 * losses[0]);

    tape.clear();
    let all = Tensor::from_fn([1 << STEPS, STEPS], |i| if i[0] >> i[1] & 1 == 1 { 1.0 } else { -1.0 });
    let answers = model.answer(&model.states(tape.constant(all.clone()))).value();
    let right = answers.sign().equal(all.slice(1, 0..1)).sum();
    println!("   the sign is right for {right} of all {} sequences\n", 1 << STEPS);
    assert_eq!(right, 256.0);
}
