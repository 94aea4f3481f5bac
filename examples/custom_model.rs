//! A model of your own: any struct that holds parameters and writes a formula with them.
//!
//! Here a radial-basis network with four bumps tells the points of a disc from those of a ring around it. Where the bumps
//! lie, how wide and how high they are is all learned by gradient descent.

use autograd::{Param, Parameters, Tape, Tensor, Var};
use examples::{descend, normal};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

/// `z(x) = Σₖ heightₖ · exp(−‖x − centreₖ‖² · exp(sharpnessₖ)) + offset`
struct Bumps {
    centre: Param,    // (bumps, 2)
    sharpness: Param, // (bumps,), the logarithm of 1/width²: positive whatever the descent does
    height: Param,    // (bumps,)
    offset: Param,    // ()
}

impl Bumps {
    fn new(rng: &mut impl Rng, bumps: usize) -> Self {
        Bumps {
            centre: normal(rng, [bumps, 2], 1.0),
            sharpness: Param::new(Tensor::zeros([bumps])),
            height: normal(rng, [bumps], 0.1),
            offset: Param::new(0.0),
        }
    }

    /// The log-odds that each point lies in the disc: `(n, 2) → (n,)`.
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let sharpness = self.sharpness.on(x.tape()).exp();
        let distance2 = (x.unsqueeze(1) - &self.centre).square().sum_axis(2); // (n, 1, 2) − (bumps, 2) → (n, bumps)
        (-distance2 * sharpness).exp().matmul(&self.height) + &self.offset
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .with("centre", &self.centre)
            .with("sharpness", &self.sharpness)
            .with("height", &self.height)
            .with("offset", &self.offset)
    }
}

/// Points of a disc of radius 1 (class 1) and of a ring from radius 1.3 to 2 (class 0).
fn points(rng: &mut impl Rng, n: usize) -> (Tensor, Tensor) {
    let class: Tensor = (0..n).map(|i| (i % 2) as f64).collect();
    let polar = class.to_vec().into_iter().flat_map(|class| {
        let radius: f64 = if class == 1.0 { rng.random_range(0.0..1.0) } else { rng.random_range(1.3..2.0) };
        let angle = rng.random_range(0.0..std::f64::consts::TAU);
        [radius * angle.cos(), radius * angle.sin()]
    });
    (Tensor::new([n, 2], polar.collect()), class)
}

/// The model's answers, on a tape of their own.
fn predict(model: &Bumps, x: &Tensor) -> Tensor {
    let tape = Tape::new();
    model.forward(tape.constant(x.clone())).value()
}

fn accuracy(model: &Bumps, (x, class): &(Tensor, Tensor)) -> f64 {
    predict(model, x).step().equal(class).mean()
}

fn main() {
    let mut rng = StdRng::seed_from_u64(1);
    let (train, test) = (points(&mut rng, 200), points(&mut rng, 200));
    let model = Bumps::new(&mut rng, 4);

    println!("A model with these parameters:");
    for (name, param) in model.parameters().iter() {
        println!("  {name:<10} {:<8} {:>2} numbers", param.shape().to_string(), param.numel());
    }

    println!("\n{:>5} {:>14} {:>18}", "step", "cross-entropy", "held-out accuracy");
    let mut tape = Tape::new();
    for step in 0..=1000 {
        tape.clear();
        let (x, class) = &train;
        let z = model.forward(tape.constant(x.clone()));
        // −ln p of the class that is true, where p = 1/(1 + exp(−z)) is that of the disc.
        let loss = (z.softplus() - z * class).mean();
        if step % 200 == 0 {
            println!("{step:>5} {:>14.4} {:>16.1} %", loss.value(), 100.0 * accuracy(&model, &test));
        }
        let params = model.parameters();
        descend(&loss.backward(), &params.params().collect::<Vec<_>>(), 0.5);
    }

    println!("\nWhere the model sees the disc (#), on the square from −2 to 2:");
    let grid = Tensor::from_fn([21 * 41, 2], |i| match i {
        [i, 0] => (i % 41) as f64 / 10.0 - 2.0,
        [i, _] => 2.0 - (i / 41) as f64 / 5.0,
        _ => unreachable!("two axes"),
    });
    let z = predict(&model, &grid);
    for row in z.as_slice().chunks(41) {
        println!("  {}", row.iter().map(|&z| if z > 0.0 { '#' } else { '·' }).collect::<String>());
    }
    assert!(accuracy(&model, &test) >= 0.98);
}
