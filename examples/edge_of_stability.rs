//! The edge of stability: full-batch gradient descent sharpens its loss until it is just about unstable, and stays there.
//!
//! On a quadratic of curvature λ, a step of the rate η multiplies the distance from the minimum by 1 − ηλ: descent is stable
//! for λ < 2/η only. The sharpness of a network, the largest eigenvalue of its Hessian, is no constant. It rises while the
//! network learns, until it has reached 2/η; from then on it hovers there, while the loss falls on in waves that no quadratic
//! has (Cohen, Kaur, Li, Kolter & Talwalkar 2021). So the rate decides how sharp a minimum descent ends in.
//!
//! The picture goes to the folder given as argument, else beside the program. To renew that of the documentation:
//! `cargo run --release -p examples --features pictures --example edge_of_stability examples/pictures`.

use examples::digits;
use examples::pictures::{self, Descent};
use mlp::dynamics::{Curvature, Lanczos, TrackSharpness};
use mlp::{Activation, Dataset, Init, Mlp, Module, Mse, Sgd, Trainer, one_hot};
use rand::{SeedableRng, rngs::StdRng};

const DIGITS: usize = 200;
const RATES: [f64; 3] = [1.2, 1.6, 2.4];
const STEPS: usize = 2000;
const EVERY: usize = 20;

fn descend(data: &Dataset, rate: f64) -> Result<Descent, mlp::Error> {
    let layers =
        Mlp::new(64).hidden(20, Activation::Tanh).hidden(20, Activation::Tanh).output(10, Activation::Identity);
    let init = Init::lecun_normal().gain(0.7);
    let model: Mlp =
        layers.hidden_init(move |_| Ok([init, Init::Zeros])).init(init).build(&mut StdRng::seed_from_u64(1))?;
    let curvature = Curvature::new(&model, &Mse, data).lanczos(Lanczos::new().tolerance(1e-2));
    let mut track = TrackSharpness::every_steps(EVERY, curvature);
    let begun = curvature.sharpness()?;
    let trainer = Trainer::new().epochs(STEPS).full_batch().callback(&mut track);
    let mut sgd = Sgd::new(&model.parameters(), rate);
    let history = trainer.fit(&model, &Mse, &mut sgd, data, None)?;
    drop(trainer);
    let points = |series: &[(usize, f64)]| series.iter().map(|&(at, value)| (at as f64, value)).collect::<Vec<_>>();
    let mut sharpness = vec![(0.0, begun)];
    sharpness.extend(points(track.measured()));
    // The loss of a step is that before it.
    let loss = history.epochs.iter().map(|epoch| (epoch.epoch as f64 - 1.0, epoch.loss)).collect();
    Ok(Descent { rate, sharpness, loss })
}

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (pixels, digits) = digits::<f64>()?;
    let pixels = pixels.slice(0, 0..DIGITS) / 32.0; // 0 to ½
    let inputs = &pixels - pixels.mean_axis(0);
    let data = Dataset::new(inputs, one_hot(&digits[..DIGITS], 10)?)?;

    println!("{STEPS} steps of gradient descent on all of {DIGITS} digits: the sharpness, and the loss\n");
    println!("{:>6} {:>8} {:>8} {:>14} {:>8} {:>10}", "η", "2/η", "at first", "last quarter", "ratio", "last loss");
    let mut trainings = Vec::new();
    for rate in RATES {
        let one = descend(&data, rate)?;
        let edge = 2.0 / rate;
        let tail = &one.sharpness[one.sharpness.len() * 3 / 4..];
        let mean = tail.iter().map(|at| at.1).sum::<f64>() / tail.len() as f64;
        let (begun, loss) = (one.sharpness[0].1, one.loss[one.loss.len() - 1].1);
        println!("{rate:>6} {edge:>8.3} {begun:>8.3} {mean:>14.3} {:>8.3} {loss:>10.5}", mean / edge);
        trainings.push(one);

        assert!(begun < 0.8 * edge, "η = {rate}: the sharpness begins at {begun}, not below the edge {edge}");
        assert!((mean / edge - 1.0).abs() < 0.1, "η = {rate}: the sharpness stays at {mean}, the edge is {edge}");
    }
    pictures::edge(
        "Gradient descent at the edge of stability",
        &format!("dotted: 2/η; {DIGITS} digits in one batch, a tanh network 64-20-20-10, squared error"),
        &trainings,
    )
    .publish("edge_of_stability")?;
    Ok(())
}
