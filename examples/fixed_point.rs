//! A layer without depth: its output is the z that solves z = tanh(z·W + p), found by iteration. What lies on the tape is
//! the solution alone, not the way to it, and the derivative comes from the implicit function theorem.
//!
//! With the slopes s = 1 − z² the gradient dz that arrives is turned into v, which solves the adjoint equation
//! v = dz + (v∘s)·Wᵀ; then dp = v∘s and dW = zᵀ·(v∘s). That equation is linear, and the derivative of its solution is the
//! solution of another of the same kind: a second operation of one's own, whose rule calls itself. So the layer has
//! derivatives of every order, and none keeps an iteration. Shows the check of three orders, the comparison with the
//! iteration unrolled, and the layer trained to solve Kepler's equation.

use std::f64::consts::PI;

use autograd::check::Checker;
use autograd::{Custom, Param, Parameters, Scalar, Tape, Tensor, Var};
use examples::normal;
use mlp::{Adam, Module, Optimizer, summary};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

const HIDDEN: usize = 12;

/// Repeats `x ← f(x)` until nothing moves but the last digits; the solution and the number of steps.
fn iterate(mut x: Tensor, f: impl Fn(&Tensor) -> Tensor) -> (Tensor, usize) {
    for step in 1..=2000 {
        let next = f(&x);
        let moved = (&next - &x).abs().max();
        x = next;
        if moved <= 4.0 * f64::EPSILON * (1.0 + x.abs().max()) {
            return (x, step);
        }
    }
    panic!("no fixed point found in 2000 steps: the map does not contract");
}

/// z with z = tanh(z·W + p), for rows p `(n, h)` and W `(h, h)`.
struct Equilibrium;

impl Equilibrium {
    fn solve(p: &Tensor, w: &Tensor) -> (Tensor, usize) {
        iterate(p.tanh(), |z| (z.matmul(w) + p).tanh())
    }
}

impl Custom for Equilibrium {
    fn forward(&self, x: &[Tensor]) -> Tensor {
        Equilibrium::solve(&x[0], &x[1]).0
    }

    fn vjp<'t>(&self, x: &[Var<'t>], z: Var<'t>, dz: Var<'t>) -> Vec<Var<'t>> {
        let s = 1.0 - z.square();
        let dp = Var::custom(Adjoint, &[dz, s, x[1].t()]) * s;
        vec![dp, z.t().matmul(dp)]
    }
}

/// v with v = c + (v∘s)·M, for rows c and s `(n, h)` and M `(h, h)`.
struct Adjoint;

impl Custom for Adjoint {
    fn forward(&self, x: &[Tensor]) -> Tensor {
        let [c, s, m] = x else { unreachable!("three inputs") };
        iterate(c.clone(), |v| c + &(v * s).matmul(m)).0
    }

    /// The transposed equation t = dv + (t·Mᵀ)∘s, solved for r = t·Mᵀ, which takes the same form.
    fn vjp<'t>(&self, x: &[Var<'t>], v: Var<'t>, dv: Var<'t>) -> Vec<Var<'t>> {
        let [_, s, m] = *x else { unreachable!("three inputs") };
        let r = Var::custom(Adjoint, &[dv.matmul(m.t()), s, m.t()]);
        let t = dv + r * s;
        vec![t, v * r, (v * s).t().matmul(t)]
    }
}

/// A layer that settles, read out: ŷ = z·V, z = tanh(z·W + x·U + b).
///
/// W = 0.95·Ŵ/√(1 + ‖Ŵ‖²) is trained through Ŵ: whatever the descent does, its norm stays below 0.95, the map contracts,
/// and there is one fixed point.
struct Settling {
    u: Param, // (inputs, hidden)
    b: Param, // (hidden,)
    w: Param, // (hidden, hidden), Ŵ
    v: Param, // (hidden, 1)
}

impl Settling {
    fn new(rng: &mut impl Rng, inputs: usize) -> Self {
        Settling {
            u: normal(rng, [inputs, HIDDEN], 0.5),
            b: normal(rng, [HIDDEN], 0.1),
            w: normal(rng, [HIDDEN, HIDDEN], 0.4 / (HIDDEN as f64).sqrt()),
            v: normal(rng, [HIDDEN, 1], 0.5),
        }
    }

    /// p = x·U + b and W.
    fn inputs<'t>(&self, x: Var<'t>) -> [Var<'t>; 2] {
        let w = self.w.on(x.tape());
        [x.affine(&self.u, &self.b), w * 0.95 / (w.square().sum() + 1.0).sqrt()]
    }

    /// How many steps the layer takes to settle.
    fn steps(&self, x: &Tensor) -> usize {
        let tape = Tape::new();
        let [p, w] = self.inputs(tape.constant(x)).map(Var::value);
        Equilibrium::solve(&p, &w).1
    }

    /// The same with the iteration recorded.
    fn unrolled<'t>(&self, x: Var<'t>, steps: usize) -> Var<'t> {
        let [p, w] = self.inputs(x);
        let z = (0..steps).fold(p.tanh(), |z, _| (z.matmul(w) + p).tanh());
        z.matmul(&self.v)
    }
}

impl Module for Settling {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        Var::custom(Equilibrium, &self.inputs(x)).matmul(&self.v)
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().with("u", &self.u).with("b", &self.b).with("w", &self.w).with("v", &self.v)
    }
}

fn main() {
    let mut rng = StdRng::seed_from_u64(4);
    let model = Settling::new(&mut rng, 2);
    let (x, y) = orbits(&mut rng, 128);
    check_orders(&mut rng);
    compare(&model, &x, &y);
    train(&model, &x, &y, &mut rng);
}

fn loss<'t>(answer: Var<'t>, y: &Tensor) -> Scalar<'t> {
    (answer - y).square().mean()
}

/// The operation's gradient, and the gradient of that gradient, and once more, against differences.
fn check_orders(rng: &mut impl Rng) {
    println!("1. The operation z(p, W) against differences");
    let point = [normal(rng, [3, 4], 1.0).value(), normal(rng, [4, 4], 0.3).value()];
    let (a, b) = (normal(rng, [3, 4], 1.0).value(), normal(rng, [4, 4], 1.0).value());
    /// A number made of the derivative of each order: ⟨a, z⟩, then ⟨a, dp⟩ + ⟨b, dW⟩ of what came before.
    fn order<'t>(n: usize, x: &[Var<'t>], a: &Tensor, b: &Tensor) -> Scalar<'t> {
        if n == 1 {
            return (Var::custom(Equilibrium, x) * a).sum();
        }
        let [dp, dw] = order(n - 1, x, a, b).grad([x[0], x[1]]);
        (dp * a).sum() + (dw * b).sum()
    }
    for n in 1..=3 {
        let report = Checker::new().check(|x| order(n, x, &a, &b), &point).expect("a finite function");
        println!("   order {n}: {} ({})", report.verdict, report.reason);
        assert!(report.passed(), "{report}");
    }
    println!();
}

/// The implicit gradient beside that of the iteration recorded step by step.
fn compare(model: &Settling, x: &Tensor, y: &Tensor) {
    let steps = model.steps(x);
    println!("2. The gradient without the iteration, and through its {steps} steps");
    let (implicit, unrolled) = (Tape::new(), Tape::new());
    let by_theorem = loss(model.forward(implicit.constant(x)), y).backward();
    let by_steps = loss(model.unrolled(unrolled.constant(x), steps), y).backward();
    println!("   {:>10} {:>7} {:>9}", "", "nodes", "bytes");
    for (name, tape) in [("implicit", &implicit), ("unrolled", &unrolled)] {
        println!("   {name:>10} {:>7} {:>9}", tape.len(), tape.bytes());
    }
    for (name, param) in model.parameters().iter() {
        let difference = (&by_theorem[param] - &by_steps[param]).abs().max() / by_steps[param].abs().max();
        println!("   ∂E/∂{name}: relative difference {difference:.1e}");
        assert!(difference < 1e-12);
    }
    assert!(10 * implicit.bytes() < unrolled.bytes());
    println!();
}

/// Mean anomalies M and eccentricities e of orbits as rows, scaled to [−1, 1], and the swing E − M, where E − e·sin E = M.
fn orbits(rng: &mut impl Rng, n: usize) -> (Tensor, Tensor) {
    let mut swing = vec![];
    let x = (0..n).flat_map(|_| {
        let (m, e) = (rng.random_range(-PI..PI), rng.random_range(0.0..0.7));
        let anomaly = iterate(Tensor::from(m), |x| x.sin() * e + m).0.item();
        swing.push(anomaly - m);
        [m / PI, e / 0.35 - 1.0]
    });
    let x = Tensor::new([n, 2], x.collect());
    (x, Tensor::new([n, 1], swing))
}

/// Training to answer Kepler's equation, and a test on orbits not seen.
fn train(model: &Settling, x: &Tensor, y: &Tensor, rng: &mut impl Rng) {
    println!("3. Trained on E − e·sin E = M\n{}", summary(model));
    let mut tape = Tape::new();
    let mut adam = Adam::new(&model.parameters(), 0.01);
    for step in 0..=500 {
        tape.clear();
        let loss = loss(model.forward(tape.constant(x)), y);
        if step % 100 == 0 {
            println!("   step {step:>4}: mean squared error {:.2e}, settled after {}", loss.value(), model.steps(x));
        }
        adam.step(&loss.backward());
    }
    let (x, y) = orbits(rng, 500);
    let error = (model.predict(&x) - &y).square().mean().sqrt();
    println!("   500 other orbits: error {error:.4} (root mean square) of a swing up to {:.2}", y.abs().max());
    assert!(error < 0.03);
}
