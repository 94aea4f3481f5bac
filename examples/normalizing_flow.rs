//! A normalizing flow: an invertible map z = f(x) that turns data into a normal distribution. Run backwards, it turns
//! normal numbers into data.
//!
//! Its density is known, p(x) = N(f(x))·|det ∂f/∂x|, and its negative logarithm is the loss. For the determinant to be cheap,
//! f is made of couplings (Dinh, Sohl-Dickstein & Bengio 2017): of the coordinates (a, b), a stays and decides by a network what
//! happens to the other, (a, b) ↦ (b·exp(s(a)) + t(a), a). The Jacobian is triangular but for the swap, and ln |det| = s(a).
//!
//! Shows the sum of these s beside the determinant of the Jacobian, the way back, and two moons learned: the loss beside that
//! of a normal distribution fitted and that of the truth, and samples [drawn](pictures/two_moons.svg), in the folder given as
//! argument, else beside the program.

use std::f64::consts::PI;

use autograd::{Parameters, Scalar, Tape, Tensor, Var, jacobian_each};
use examples::{normal, pictures};
use mlp::{Activation, Adam, Mlp, Module, Optimizer};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

const COUPLINGS: usize = 8;
const HIDDEN: usize = 16;
const ROWS: usize = 3000;
const BATCH: usize = 125;
const NOISE: f64 = 0.1;

struct Flow {
    networks: Vec<Mlp>, // a ↦ s, t
}

impl Flow {
    fn new(rng: &mut impl Rng) -> Result<Self, mlp::Error> {
        let network = |_| Mlp::new(1).hidden(HIDDEN, Activation::Tanh).output(2, Activation::Identity).build(rng);
        Ok(Flow { networks: (0..COUPLINGS).map(network).collect::<Result<_, _>>()? })
    }

    fn parameters(&self) -> Parameters {
        let all = self.networks.iter().enumerate();
        all.fold(Parameters::new(), |all, (i, network)| all.with_all(&format!("{i}"), &network.parameters()))
    }

    /// s and t, columns of as many rows as a has; s is bounded, so that no step of a training explodes.
    fn scale_and_shift<'t>(network: &Mlp, a: Var<'t>) -> [Var<'t>; 2] {
        let both = network.forward(a);
        [(both.slice(1, 0..1) / 3.0).tanh() * 3.0, both.slice(1, 1..2)]
    }

    /// z, and ln |det ∂z/∂x| in a column.
    fn forward<'t>(&self, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let (mut a, mut b) = (x.slice(1, 0..1), x.slice(1, 1..2));
        let mut logs = vec![];
        for network in &self.networks {
            let [s, t] = Flow::scale_and_shift(network, a);
            (a, b) = (b * s.exp() + t, a);
            logs.push(s);
        }
        (Var::concat(&[a, b], 1), logs.into_iter().reduce(|a, b| a + b).expect("a coupling"))
    }

    /// x, the other way.
    fn backward(&self, z: &Tensor) -> Tensor {
        let tape = Tape::values_only();
        let z = tape.constant(z);
        let (mut a, mut b) = (z.slice(1, 0..1), z.slice(1, 1..2));
        for network in self.networks.iter().rev() {
            let [s, t] = Flow::scale_and_shift(network, b);
            (a, b) = (b, (a - t) / s.exp());
        }
        Var::concat(&[a, b], 1).value()
    }

    /// −ln p(x), on average.
    fn loss<'t>(&self, x: Var<'t>) -> Scalar<'t> {
        let (z, log) = self.forward(x);
        (z.square().sum_keep(1) * 0.5 - log).mean() + (2.0 * PI).ln()
    }
}

/// The middle of a moon at this angle from 0 to π.
fn arc(moon: usize, angle: f64) -> [f64; 2] {
    if moon == 0 { [angle.cos(), angle.sin()] } else { [1.0 - angle.cos(), 0.5 - angle.sin()] }
}

/// Rows on both moons in turn, under noise.
fn moons(rng: &mut impl Rng, rows: usize) -> Tensor {
    let middles = (0..rows).flat_map(|row| arc(row % 2, rng.random_range(0.0..PI))).collect();
    Tensor::new([rows, 2], middles) + normal(rng, [rows, 2], NOISE).value()
}

/// −ln p(x), on average, where p is what the rows were drawn from: a mean over 400 angles of each moon.
fn truth(x: &Tensor) -> f64 {
    const ANGLES: usize = 400;
    let angle = |i: usize| PI * (i as f64 + 0.5) / ANGLES as f64;
    let middles =
        Tensor::new([2 * ANGLES, 2], (0..2 * ANGLES).flat_map(|i| arc(i / ANGLES, angle(i % ANGLES))).collect());
    let distances = (x.unsqueeze(1) - middles.unsqueeze(0)).square().sum_axis(2);
    let each = (distances * (-0.5 / (NOISE * NOISE))).logsumexp_axis(1);
    (2.0 * PI * NOISE * NOISE * 2.0 * ANGLES as f64).ln() - each.mean()
}

/// −ln p(x), on average, where p is the normal distribution with the mean and covariance of `learned`.
fn gaussian(learned: &Tensor, x: &Tensor) -> f64 {
    let mean = learned.mean_keep(0);
    let centred = learned - &mean;
    let l = (centred.t().matmul(&centred) / learned.shape()[0] as f64).cholesky();
    let standard = l.solve_lower(&(x - &mean).t());
    0.5 * standard.square().sum_axis(0).mean() + l.diagonal().ln().sum() + (2.0 * PI).ln()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = StdRng::seed_from_u64(5);
    let (learned, others) = (moons(&mut rng, ROWS), moons(&mut rng, ROWS));
    let flow = Flow::new(&mut rng)?;

    println!("1. Before training, at {ROWS} places");
    invertible(&flow, &learned);

    println!("\n2. {COUPLINGS} couplings learn two moons");
    let mut tape = Tape::new();
    let mut adam = Adam::new(&flow.parameters(), 0.0);
    const STEPS: usize = 6000;
    for step in 0..=STEPS {
        tape.clear();
        let rows: Vec<usize> = (0..BATCH).map(|_| rng.random_range(0..ROWS)).collect();
        let loss = flow.loss(tape.constant(learned.take(0, &rows)));
        if step % (STEPS / 5) == 0 {
            println!("   step {step:>4}: −ln p(x) = {:.3}", loss.value());
        }
        adam.set_learning_rate(5e-3 * (1.0 + (PI * step as f64 / STEPS as f64).cos()));
        adam.step(&loss.backward());
    }
    let tape = Tape::values_only();
    let reached = flow.loss(tape.constant(&others)).value();
    let (bound, rough) = (truth(&others), gaussian(&learned, &others));
    println!("   {ROWS} other places: flow {reached:.3}, normal distribution {rough:.3}, truth {bound:.3}");
    assert!(reached < rough - 0.7 && (-0.02..0.2).contains(&(reached - bound)));

    println!("\n3. After training");
    invertible(&flow, &learned);
    let samples = flow.backward(&normal(&mut rng, [ROWS, 2], 1.0).value());
    let drawn = truth(&samples);
    println!("   {ROWS} samples: −ln p(x) = {drawn:.3} by the truth");
    assert!((drawn - bound).abs() < 0.5);

    let points = |x: &Tensor| x.as_slice().chunks(2).take(600).map(|at| (at[0], at[1])).collect();
    let panels = [("drawn from the truth".into(), points(&others)), ("drawn from the flow".into(), points(&samples))];
    pictures::points("Two moons", ["x", "y"], &panels).publish("two_moons")?;
    Ok(())
}

/// The logarithm of the determinant beside that of the Jacobian, and the way there and back.
fn invertible(flow: &Flow, x: &Tensor) {
    let tape = Tape::values_only();
    let (z, log) = flow.forward(tape.constant(x));
    let (signs, logs) = jacobian_each(|x| flow.forward(x).0, x).slogdet();
    let off = (log.value().flatten() - logs).abs().max();
    let back = (flow.backward(&z.value()) - x).abs().max();
    println!(
        "   ln |det ∂z/∂x| differs from that of the Jacobian by {off:.1e}, x from its way there and back by {back:.1e}"
    );
    assert!(off < 1e-10 && back < 1e-8);
    assert_eq!(signs, Tensor::full([ROWS], (-1f64).powi(COUPLINGS as i32)), "each swap turns the sign");
}
