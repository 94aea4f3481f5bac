//! A neural differential equation: a network says with which velocity a state moves, h′ = f(h, w), and a solver follows it
//! (Chen et al. 2018). The layers are the solver's steps, here of Runge and Kutta, and a gradient has to go back through them.
//!
//! There are three ways. Backpropagation keeps what every step computed. The discrete adjoint is an operation of one's own:
//! its rule finds the states again, and takes the steps back one by one, each on a tape of its own; the gradient is the same.
//! The continuous adjoint keeps no state: it solves h′ = f, a′ = −(∂f/∂h)ᵀ·a, g′ = −(∂f/∂w)ᵀ·a backwards from the end, and
//! so finds the gradient of the equation, which differs from that of the steps by the solver's error.
//!
//! Shows the check of both rules, the gradients beside each other, the memory, and a network that learns a spiral: a
//! pendulum that swings to rest. The rules compute on plain numbers, so they serve first derivatives only.

use autograd::check::Checker;
use autograd::{Custom, Param, Parameters, Tape, Tensor, Var};
use examples::normal;
use mlp::{Adam, Optimizer};
use rand::{Rng, SeedableRng, rngs::StdRng};

const HIDDEN: usize = 24;

/// The velocity of states in rows, by a network with weights and biases w.
fn velocity<'t>(h: Var<'t>, w: &[Var<'t>]) -> Var<'t> {
    h.affine(w[0], w[1]).tanh().affine(w[2], w[3])
}

/// A step of Runge and Kutta of order 4 for x′ = f(x), where x is one array or several.
fn step<'t>(x: &[Var<'t>], dt: f64, f: impl Fn(&[Var<'t>]) -> Vec<Var<'t>>) -> Vec<Var<'t>> {
    let moved = |k: &[Var<'t>], by: f64| x.iter().zip(k).map(|(&x, &k)| x + k * by).collect::<Vec<_>>();
    let k1 = f(x);
    let k2 = f(&moved(&k1, dt / 2.0));
    let k3 = f(&moved(&k2, dt / 2.0));
    let k4 = f(&moved(&k3, dt));
    let mean: Vec<_> = (0..x.len()).map(|i| (k1[i] + (k2[i] + k3[i]) * 2.0 + k4[i]) / 6.0).collect();
    moved(&mean, dt)
}

#[derive(Clone, Copy)]
enum Adjoint {
    Discrete,
    Continuous,
}

/// (h(0), w…) ↦ h(time), in equal steps.
#[derive(Clone, Copy)]
struct Flow {
    time: f64,
    steps: usize,
    adjoint: Adjoint,
}

impl Flow {
    fn dt(&self) -> f64 {
        self.time / self.steps as f64
    }

    /// One step, recorded.
    fn step<'t>(&self, x: &[Var<'t>]) -> Var<'t> {
        step(&x[..1], self.dt(), |h| vec![velocity(h[0], &x[1..])])[0]
    }

    /// All steps, recorded.
    fn unrolled<'t>(&self, x: &[Var<'t>]) -> Var<'t> {
        (0..self.steps).fold(x[0], |h, _| self.step(&[&[h], &x[1..]].concat()))
    }

    /// The states before each step, and the last.
    fn states(&self, x: &[Tensor]) -> Vec<Tensor> {
        let mut states = vec![x[0].clone()];
        for n in 0..self.steps {
            let tape = Tape::values_only();
            let mut inputs: Vec<_> = x.iter().map(|x| tape.constant(x)).collect();
            inputs[0] = tape.constant(&states[n]);
            states.push(self.step(&inputs).value());
        }
        states
    }

    /// The gradients of h(0) and w by the steps, taken back one by one.
    fn discrete(&self, x: &[Tensor], dy: Tensor) -> Vec<Tensor> {
        let mut gradients: Vec<Tensor> = x.iter().map(|x| Tensor::zeros(x.shape())).collect();
        gradients[0] = dy;
        for h in self.states(x)[..self.steps].iter().rev() {
            let tape = Tape::new();
            let mut inputs: Vec<_> = x.iter().map(|x| tape.var(x)).collect();
            inputs[0] = tape.var(h);
            let grads = self.step(&inputs).vjp(&gradients[0]);
            gradients[0] = grads[inputs[0]].clone();
            for (sum, w) in gradients.iter_mut().zip(inputs).skip(1) {
                *sum = &*sum + &grads[w];
            }
        }
        gradients
    }

    /// The gradients of h(0) and w by the adjoint equation, solved backwards from y = h(time).
    fn continuous(&self, x: &[Tensor], y: Tensor, dy: Tensor) -> Vec<Tensor> {
        let zeros = x[1..].iter().map(|w| Tensor::zeros(w.shape()));
        let mut state: Vec<Tensor> = [y, dy].into_iter().chain(zeros).collect(); // h, a, g…
        for _ in 0..self.steps {
            let tape = Tape::new();
            let w: Vec<_> = x[1..].iter().map(|w| tape.var(w)).collect();
            let before: Vec<_> = state.iter().map(|x| tape.constant(x)).collect();
            let after = step(&before, -self.dt(), |state| {
                // Partial derivatives: h and a count as they are, not as what they were computed from.
                let (h, a) = (tape.var(state[0].value()), state[1].detach());
                let f = velocity(h, &w);
                let inputs = [&[h], &w[..]].concat();
                let slopes = (f * a).sum().grad(&inputs[..]);
                [f].into_iter().chain(slopes.into_iter().map(|slope| -slope)).collect()
            });
            state = after.into_iter().map(Var::value).collect();
        }
        state.remove(0);
        state
    }
}

impl Custom for Flow {
    fn forward(&self, x: &[Tensor]) -> Tensor {
        self.states(x).remove(self.steps)
    }

    fn vjp<'t>(&self, x: &[Var<'t>], y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
        let x: Vec<Tensor> = x.iter().map(|x| x.value()).collect();
        let gradients = match self.adjoint {
            Adjoint::Discrete => self.discrete(&x, dy.value()),
            Adjoint::Continuous => self.continuous(&x, y.value(), dy.value()),
        };
        gradients.into_iter().map(|dx| dy.tape().constant(dx)).collect()
    }
}

fn weights(rng: &mut impl Rng) -> Vec<Param> {
    let n = HIDDEN;
    vec![normal(rng, [2, n], 0.7), normal(rng, [n], 0.5), normal(rng, [n, 2], 0.3), normal(rng, [2], 0.1)]
}

fn main() {
    let mut rng = StdRng::seed_from_u64(3);
    let w = weights(&mut rng);
    let mut x = vec![normal(&mut rng, [8, 2], 1.0).value()];
    x.extend(w.iter().map(Param::value));
    check_rules(&x);
    compare(&x);
    train(&w);
}

fn check_rules(x: &[Tensor]) {
    println!("1. The rules against differences, 3 steps");
    for (name, adjoint, right) in [("discrete", Adjoint::Discrete, true), ("continuous", Adjoint::Continuous, false)] {
        let flow = Flow { time: 2.0, steps: 3, adjoint };
        let report = Checker::new().check_array(|x| Var::custom(flow, x), x).expect("a finite function");
        println!("   {name}: {} ({})", report.verdict, report.reason);
        assert_eq!(report.passed(), right, "{report}");
    }
}

/// The gradient of ½·‖h(T)‖² by `f`, and the bytes on the tape.
fn gradient(x: &[Tensor], f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>) -> (Vec<Tensor>, usize) {
    let tape = Tape::new();
    let inputs: Vec<_> = x.iter().map(|x| tape.var(x)).collect();
    let grads = (f(&inputs).square().sum() * 0.5).backward();
    (inputs.iter().map(|&x| grads[x].clone()).collect(), tape.bytes())
}

fn difference(a: &[Tensor], b: &[Tensor]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs().max() / b.abs().max()).fold(0.0, f64::max)
}

fn compare(x: &[Tensor]) {
    println!(
        "\n2. Backpropagation and the adjoints: bytes on the tape; bytes of states that the sweep finds again, which takes"
    );
    println!("   one step at a time; and how far the gradients are from those of backpropagation");
    println!("   {:>5} | {:>15} | {:>25} | {:>25}", "", "backpropagation", "discrete", "continuous");
    let columns = |names: [&str; 3]| format!("{:>6} {:>7} {:>10}", names[0], names[1], names[2]);
    let head = columns(["bytes", "states", "difference"]);
    println!("   {:>5} | {:>15} | {head} | {head}", "steps", "bytes");
    let mut before = None;
    for steps in [8, 16, 32, 64] {
        let flow = |adjoint| Flow { time: 2.0, steps, adjoint };
        let (truth, bytes) = gradient(x, |x| flow(Adjoint::Discrete).unrolled(x));
        let [(discrete, held), (continuous, held_too)] =
            [Adjoint::Discrete, Adjoint::Continuous].map(|adjoint| gradient(x, |x| Var::custom(flow(adjoint), x)));
        let [off, error] = [&discrete, &continuous].map(|gradients| difference(gradients, &truth));
        let states = 8 * steps * x[0].numel();
        let [left, right] = [(held, states, off), (held_too, 0, error)]
            .map(|(held, states, off)| columns([&held.to_string(), &states.to_string(), &format!("{off:.1e}")]));
        println!("   {steps:>5} | {bytes:>15} | {left} | {right}");
        assert!(off < 1e-13, "the same sums in another order");
        assert!(bytes > 50 * (held + states));
        if let Some((held_before, error_before)) = before.replace((held, error)) {
            let falls: f64 = error_before / error;
            assert!(held == held_before && (12.0..20.0).contains(&falls), "of order 4: about 16, not {falls}");
        }
    }
}

const GAP: f64 = 0.25;

/// Angle and velocity of a pendulum at every gap: φ″ = −sin φ − 0.3·φ′.
fn pendulum(rows: usize) -> Tensor {
    let tape = Tape::values_only();
    let mut state = vec![tape.constant(2.5), tape.constant(0.0)];
    let rows: Vec<Tensor> = (0..rows)
        .map(|_| {
            let row = Var::stack(&state, 0).value();
            for _ in 0..5 {
                state = step(&state, GAP / 5.0, |x| vec![x[1], -x[0].sin() - x[1] * 0.3]);
            }
            row
        })
        .collect();
    Tensor::stack(&rows, 0)
}

fn train(w: &[Param]) {
    const ROWS: usize = 61;
    const AHEAD: usize = 4;
    println!("\n3. A pendulum that swings to rest, learned from {ROWS} states");
    let data = pendulum(ROWS);
    let names = ["w1", "b1", "w2", "b2"];
    let parameters = names.into_iter().zip(w).fold(Parameters::new(), |all, (name, w)| all.with(name, w));
    let flow = Flow { time: GAP, steps: 2, adjoint: Adjoint::Discrete };
    let mut tape = Tape::new();
    let mut adam = Adam::new(&parameters, 0.01);
    for round in 0..=1500 {
        tape.clear();
        let w: Vec<_> = w.iter().map(|w| w.on(&tape)).collect();
        // From each state on, a few gaps ahead.
        let mut h = tape.constant(data.slice(0, 0..ROWS - AHEAD));
        let mut errors = vec![];
        for gap in 1..=AHEAD {
            h = Var::custom(flow, &[&[h], &w[..]].concat());
            errors.push((h - &data.slice(0, gap..ROWS - AHEAD + gap)).square().mean());
        }
        let loss = errors.into_iter().reduce(|a, b| a + b).expect("gaps") / AHEAD as f64;
        if round % 300 == 0 {
            println!("   step {round:>4}: mean squared error {:.1e}", loss.value());
        }
        adam.set_learning_rate(0.01 * (1.0 - round as f64 / 1501.0));
        adam.step(&loss.backward());
    }

    // The whole way from the first state alone.
    let mut x = vec![data.slice(0, 0..1)];
    x.extend(w.iter().map(Param::value));
    let states = Flow { time: GAP * (ROWS - 1) as f64, steps: 2 * (ROWS - 1), ..flow }.states(&x);
    let found = Tensor::concat(&states, 0).slice_step(0, 0..states.len(), 2);
    println!("   {:>5} {:>8} {:>8}   followed from the first state alone", "time", "angle", "network");
    for row in (0..ROWS).step_by(10) {
        println!("   {:>5} {:>8.3} {:>8.3}", GAP * row as f64, data.get([row, 0]), found.get([row, 0]));
    }
    let error = (&found - &data).square().mean().sqrt();
    println!("   error {error:.4} (root mean square) of states of size {:.2}", data.square().mean().sqrt());
    assert!(error < 0.05);
}
