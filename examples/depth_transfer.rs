//! Which learning rate, for which depth? The best rate of a network of 4 residual branches, and of one of 64.
//!
//! Without further ado the deeper network needs a smaller rate, which must be found anew: the branches learn alike, and what they
//! change adds up. With branches of the strength 4/L, and the rates that go with them (Dey et al. 2025; `mlp::scaling`), each network of L
//! branches learns as that of 4 does, and the best rate of the small one is that of the large one. Here both kinds learn digits for
//! a few steps, at rates by factors of 2.
//!
//! Over the width it is the same (Yang et al. 2022): how much the values behind each layer change in a few steps of Adam depends on the
//! width, or does not.
//!
//! The pictures go to the folder given as argument, else beside the program. To renew those of the documentation:
//! `cargo run --release -p examples --features pictures --example depth_transfer examples/pictures`.

use autograd::{Parameters, Scalar, Tape, Tensor, Var};
use examples::pictures::{Panel, coordinates, logs};
use examples::{bar, digits};
use indicatif::ProgressBar;
use mlp::scaling::{CoordinateCheck, DepthScaling, Family};
use mlp::{
    Activation, Adam, CrossEntropy, Dataset, Groups, Init, Linear, Loss, MaximalUpdate, Mlp, Module, Optimizer,
    Residual, Scaler, Sequential, Sgd,
};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

const WIDTH: usize = 32;
const DEPTHS: [usize; 5] = [4, 8, 16, 32, 64];
const SEEDS: u64 = 3;
const STEPS: usize = 25;
const BATCH: usize = 128;

/// By factors of 2.
fn rates() -> Vec<f64> {
    (-11..=-2).map(|power| f64::from(power).exp2()).collect()
}

/// `depth` branches `h + s·(tanh(h)·W + b)` between a first and a last layer.
fn model(depth: usize, strength: f64, seed: u64) -> Result<Sequential<f32>, mlp::Error> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut layer = |from, to| Linear::new(from, to, &Init::lecun_normal(), &mut rng);
    let mut model = Sequential::new().then(layer(64, WIDTH)?);
    for _ in 0..depth {
        let branch = Sequential::new().then(Activation::Tanh).then(layer(WIDTH, WIDTH)?);
        model = model.then(Residual::new(branch).strength(strength)?);
    }
    Ok(model.then(layer(WIDTH, 10)?))
}

/// The loss on all samples after some steps of descent with momentum, the mean over the seeds.
fn train(data: &Dataset<f32>, depth: usize, rate: f64, scaled: bool) -> Result<f64, mlp::Error> {
    let scaling = DepthScaling::new(DEPTHS[0]);
    let (mut tape, mut sum) = (Tape::<f32>::default(), 0.0);
    for seed in 0..SEEDS {
        let model = model(depth, if scaled { scaling.strength(depth) } else { 1.0 }, seed)?;
        let sgd = |part: &Parameters<f32>, rate| Sgd::new(part, rate).momentum(0.9);
        let mut sgd: Box<dyn Optimizer<f32>> = match scaled {
            true => {
                let recipe = MaximalUpdate::new(Family::Sgd, &model)?.depth(scaling);
                Box::new(recipe.apply(&model, |part, planned| sgd(part, rate * planned.factors.rate))?)
            }
            false => Box::new(sgd(&model.parameters(), rate)),
        };
        let mut order: Vec<usize> = (0..data.len()).collect();
        order.shuffle(&mut StdRng::seed_from_u64(100 + seed));
        for step in 0..STEPS {
            let batch =
                data.select(&order.iter().copied().cycle().skip(step * BATCH).take(BATCH).collect::<Vec<_>>())?;
            tape.clear();
            let y = model.forward(tape.constant(batch.inputs().clone()));
            let loss = CrossEntropy.mean(y, batch.targets())?;
            if !loss.value().is_finite() {
                return Ok(f64::INFINITY);
            }
            sgd.step(&loss.backward());
        }
        tape.clear();
        let y = model.forward(tape.constant(data.inputs().clone()));
        sum += f64::from(CrossEntropy.mean(y, data.targets())?.value());
    }
    Ok(if sum.is_finite() { sum / SEEDS as f64 } else { f64::INFINITY })
}

/// The losses at all rates, for each depth.
fn losses(data: &Dataset<f32>, scaled: bool, bar: &ProgressBar) -> Result<Vec<Vec<f64>>, mlp::Error> {
    let of = |&depth: &usize| {
        let at = |&rate: &f64| {
            bar.inc(depth as u64);
            train(data, depth, rate, scaled)
        };
        rates().iter().map(at).collect()
    };
    DEPTHS.iter().map(of).collect()
}

/// The place of the best rate in the grid.
fn best(losses: &[f64]) -> usize {
    (0..losses.len()).min_by(|&i, &j| losses[i].total_cmp(&losses[j])).unwrap_or(0)
}

/// The change of each layer's values over widths, in three steps of Adam; `scaled` beside a base of 32.
fn over_widths(data: &Dataset<f32>, scaled: bool) -> Result<CoordinateCheck, mlp::Error> {
    fn loss<'t>(y: Var<'t, f32>) -> Scalar<'t, f32> {
        y.log_softmax(1).at(1, 0).mean() * -1.0
    }
    let model = |width, seed| -> Result<Mlp<f32>, mlp::Error> {
        let layers = Mlp::new(64).hidden(width, Activation::Relu).hidden(width, Activation::Relu);
        let model = layers.output(10, Activation::Identity).build(&mut StdRng::seed_from_u64(seed))?;
        let last = &model.layers()[2].linear.w;
        last.set(last.value() * 0.1);
        Ok(model)
    };
    let x: Tensor<f32> = data.select(&(0..64).collect::<Vec<_>>())?.inputs().clone();
    CoordinateCheck::measure(&[32, 64, 128, 256, 512], 3, 2, &x, loss, |width, seed| {
        let wide = model(width, seed)?;
        let by = |part: &Parameters<f32>, factor: f64| Adam::new(part, 2e-3 * factor);
        let adam = match scaled {
            true => {
                let recipe = MaximalUpdate::new(Family::Adam, &model(32, seed + 100)?)?;
                recipe.apply(&wide, |part, planned| by(part, planned.factors.rate))?
            }
            false => Groups::new().with(by(&wide.parameters(), 1.0)),
        };
        Ok((wide, adam))
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (pixels, digits) = digits::<f64>()?;
    let inputs = Scaler::standard(&pixels)?.transform(&pixels)?.clamp(-3.0, 3.0).cast();
    let data = Dataset::new(inputs, digits)?;

    let blocks = 2 * rates().len() * DEPTHS.iter().sum::<usize>();
    let bar = bar(blocks);
    autograd::set_threads(1); // the products are small
    let kinds = [("standard", false), ("branches of 4/L", true)];
    let results = kinds.iter().map(|&(_, scaled)| losses(&data, scaled, &bar)).collect::<Result<Vec<_>, _>>()?;
    bar.finish_and_clear();

    println!("Loss after {STEPS} steps on digits, by the power of 2 that the rate is; networks of {WIDTH} units.\n");
    let mut shifts = vec![];
    for ((name, _), losses) in kinds.iter().zip(&results) {
        let powers: String = rates().iter().map(|rate| format!("{:>8}", rate.log2())).collect();
        println!("{name:<16}{powers}    best");
        for (depth, losses) in DEPTHS.iter().zip(losses) {
            let row: String = losses
                .iter()
                .map(|loss| if *loss < 100.0 { format!("{loss:>8.3}") } else { format!("{:>8}", "—") })
                .collect();
            println!("{depth:<16}{row}{:>8}", rates()[best(losses)].log2());
        }
        let [first, last] = [&losses[0], &losses[losses.len() - 1]].map(|losses| best(losses) as i32);
        shifts.push(last - first);
        println!();
    }

    let panels: Vec<Panel> = kinds
        .iter()
        .zip(&results)
        .map(|((name, _), losses)| {
            let curve = |(depth, losses): (&usize, &Vec<f64>)| {
                (format!("{depth} branches"), rates().into_iter().zip(losses.iter().copied()).collect())
            };
            (name.to_string(), DEPTHS.iter().zip(losses).map(curve).collect())
        })
        .collect();
    let subtitle = format!("residual networks of {WIDTH} units on digits; marks: the best rate of each depth");
    logs(&format!("Loss after {STEPS} steps"), &subtitle, ["learning rate", "loss"], &panels, 10.0, true)
        .publish("depth_transfer")?;

    let checks = [("standard", false), ("maximal update", true)]
        .map(|(name, scaled)| over_widths(&data, scaled).map(|check| (name.to_string(), check)));
    let checks = checks.into_iter().collect::<Result<Vec<_>, _>>()?;
    for (name, check) in &checks {
        println!("\nMean change of a value in three steps of Adam, by the width; {name}:\n{check}");
    }
    coordinates("How much each layer changes", "three steps of Adam, by the width", &checks).publish("coordinates")?;

    let [standard, scaled] = shifts[..] else { unreachable!("two kinds") };
    assert!(standard <= -3, "the best rate of the standard networks moved by {standard} steps from 4 to 64 branches");
    assert!(scaled.abs() <= 1, "the best rate of the scaled networks moved by {scaled} steps from 4 to 64 branches");
    let slopes = |check: &CoordinateCheck| check.layers.iter().map(|layer| layer.slope).collect::<Vec<_>>();
    let [standard, maximal] = [&checks[0].1, &checks[1].1].map(slopes);
    assert!(standard[2] > 0.4, "the outputs' change against the width: {standard:?}");
    assert!(maximal.iter().all(|slope| slope.abs() < 0.15), "the changes against the width: {maximal:?}");
    Ok(())
}
