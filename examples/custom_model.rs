//! A model of your own: a struct of parameters with a formula becomes an `mlp::Module` by a `derive`, and can do all
//! that the models of `mlp` do. It prints as a table, its gradient is checked, a trainer trains it.
//!
//! Here a radial-basis network with four bumps tells the points of a disc from those of a ring around it. Where the bumps
//! lie, how wide and how high they are is all learned.

use autograd::check::Checker;
use autograd::{Param, Tensor, Var};
use examples::normal;
use mlp::{Adam, BinaryCrossEntropyWithLogits, Dataset, Module, Trainer, check_module, summary};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

/// `z(x) = Σₖ heightₖ · exp(−‖x − centreₖ‖² · exp(sharpnessₖ)) + offset`
#[derive(Module)]
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

fn main() -> Result<(), mlp::Error> {
    let mut rng = StdRng::seed_from_u64(1);
    let ((x, class), (held_out, truth)) = (points(&mut rng, 200), points(&mut rng, 200));
    let data = Dataset::new(x, class)?;
    let model = Bumps::new(&mut rng, 4);
    println!("{}", summary(&model));

    let report = check_module(&Checker::new(), &model, &BinaryCrossEntropyWithLogits, &data)?;
    println!("{report}\n");

    let mut adam = Adam::new(&model.parameters(), 0.02);
    let history = Trainer::new().epochs(100).fit(&model, &BinaryCrossEntropyWithLogits, &mut adam, &data, None)?;
    for epoch in history.epochs.iter().filter(|e| e.epoch == 1 || e.epoch % 20 == 0) {
        println!("epoch {:>3}: cross-entropy {:.4}", epoch.epoch, epoch.loss);
    }
    let accuracy = model.predict(&held_out).step().equal(&truth).mean();
    println!("held-out accuracy {:.1} %", 100.0 * accuracy);

    println!("\nWhere the model sees the disc (#), on the square from −2 to 2:");
    let grid = Tensor::from_fn([21 * 41, 2], |i| match i {
        [i, 0] => (i % 41) as f64 / 10.0 - 2.0,
        [i, _] => 2.0 - (i / 41) as f64 / 5.0,
        _ => unreachable!("two axes"),
    });
    let z = model.predict(&grid);
    for row in z.as_slice().chunks(41) {
        println!("  {}", row.iter().map(|&z| if z > 0.0 { '#' } else { '·' }).collect::<String>());
    }
    assert!(report.passed());
    assert!(accuracy >= 0.98, "{accuracy}");
    Ok(())
}
