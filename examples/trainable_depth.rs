//! Trainable depth: how deep a plain network may be before it cannot be trained, predicted before one is built.
//!
//! Two inputs become alike, or gradients explode, over a depth scale ξ_c that mean-field theory computes from activation,
//! weights and biases. A network much deeper than that gives its last layer no news of its input, and learns nothing: about
//! 6ξ_c is the limit (Schoenholz et al. 2017). Here tanh networks of many depths and scales of weights train on digits; the
//! map of their accuracy is drawn with the curve 6ξ_c over it, to the folder given as argument, else beside the program.
//! To renew that of the documentation: `cargo run --release --example trainable_depth examples/pictures`.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use examples::pictures;
use indicatif::{ProgressBar, ProgressStyle};
use mlp::theory::{MeanField, depth_scale};
use mlp::{Activation, CrossEntropy, Dataset, Init, Linear, Module, Scaler, Sequential, Sgd, Table, Trainer};
use rand::{SeedableRng, rngs::StdRng};

const WIDTH: usize = 50;
const BIASES: f64 = 0.05; // σ_b²
const DEPTHS: [usize; 7] = [8, 16, 24, 32, 40, 48, 56];
const WEIGHTS: [f64; 7] = [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]; // σ_w²
const EPOCHS: usize = 8;

fn model(depth: usize, weights: f64) -> Result<Sequential, mlp::Error> {
    let mut rng = StdRng::seed_from_u64(3);
    let init = Init::lecun_normal().gain(weights.sqrt());
    let mut layer = |from, to| {
        let layer = Linear::new(from, to, &init, &mut rng)?;
        layer
            .b
            .as_ref()
            .expect("a layer has biases")
            .set(Init::Normal { mean: 0.0, std: BIASES.sqrt() }.sample([to], &mut rng));
        Ok::<_, mlp::Error>(layer)
    };
    let mut model = Sequential::new().then(layer(64, WIDTH)?).then(Activation::Tanh);
    for _ in 1..depth {
        model = model.then(layer(WIDTH, WIDTH)?).then(Activation::Tanh);
    }
    Ok(model.then(layer(WIDTH, 10)?))
}

fn train(data: &Dataset, depth: usize, weights: f64) -> Result<f64, mlp::Error> {
    let model = model(depth, weights)?;
    let mut sgd = Sgd::new(&model.parameters(), 0.01).momentum(0.8);
    let trainer = Trainer::new().epochs(EPOCHS).batch_size(50).seed(4);
    Ok(trainer.fit(&model, &CrossEntropy, &mut sgd, data, None)?.last().accuracy.unwrap_or(0.0))
}

/// 6ξ_c, beyond which the theory has no hope.
fn reach(weights: f64) -> Result<f64, mlp::Error> {
    let theory = MeanField::new(Activation::Tanh)?.weights(weights).biases(BIASES);
    let q = theory.fixed_point()?;
    let c = theory.correlation_fixed_point(q);
    Ok(6.0 * depth_scale(theory.correlation_slope(q, c)))
}

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let table = Table::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/digits.csv"))?;
    let pixels = table.numbers(&table.columns()[..64])?;
    let data = Dataset::new(Scaler::standard(&pixels)?.transform(&pixels)?, table.labels("digit", 10)?)?;

    let cells = DEPTHS.len() * WEIGHTS.len();
    let style = ProgressStyle::with_template("{pos}/{len} {wide_bar} {eta}").expect("a valid template");
    let bar = ProgressBar::new(cells as u64).with_style(style);
    let (next, (results, collected)) = (AtomicUsize::new(0), mpsc::channel());
    let mut accuracy = vec![vec![0.0; WEIGHTS.len()]; DEPTHS.len()];
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| -> Result<(), mlp::Error> {
        for _ in 0..threads {
            let (results, next, data) = (results.clone(), &next, &data);
            scope.spawn(move || {
                // The deepest take longest, and so go first. Each cell has its seeds: the order changes no result.
                while let Some(cell) = (cells - 1).checked_sub(next.fetch_add(1, Ordering::Relaxed)) {
                    let (i, j) = (cell / WEIGHTS.len(), cell % WEIGHTS.len());
                    let result = train(data, DEPTHS[i], WEIGHTS[j]);
                    if results.send((i, j, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        for (i, j, result) in collected {
            accuracy[i][j] = result?;
            bar.inc(1);
        }
        Ok(())
    })?;
    bar.finish_and_clear();

    println!("Accuracy (%) on what was learned, tanh networks of {WIDTH} units, {EPOCHS} epochs:\n");
    print!("σ_w²   ");
    WEIGHTS.iter().for_each(|weights| print!("{weights:>7}"));
    print!("\n6ξ_c   ");
    let reaches = WEIGHTS.iter().map(|&weights| reach(weights)).collect::<Result<Vec<f64>, _>>()?;
    reaches.iter().for_each(|reach| print!("{reach:>7.1}"));
    println!();
    for (depth, row) in DEPTHS.iter().zip(&accuracy) {
        let cells: String = row.iter().map(|share| format!("{:>7.1}", 100.0 * share)).collect();
        println!("{depth:<7}{cells}");
    }

    // How many of the networks learned, within reach and beyond.
    let mut learned = [[0, 0], [0, 0]];
    for (depth, row) in DEPTHS.iter().zip(&accuracy) {
        for (share, reach) in row.iter().zip(&reaches) {
            let place = &mut learned[usize::from(*depth as f64 > *reach)];
            place[0] += usize::from(*share > 0.5);
            place[1] += 1;
        }
    }
    let [within, beyond] = learned;
    println!("\nlearned: {} of {} within 6ξ_c, {} of {} beyond", within[0], within[1], beyond[0], beyond[1]);

    let fine = (0..=70).map(|i| 0.8 + 0.05 * f64::from(i));
    let curve = fine.map(|weights| Ok((weights, reach(weights)?))).collect::<Result<Vec<_>, mlp::Error>>()?;
    let title = "Digits learned by tanh networks (σ_b² = 0.05); dashed: 6ξ_c, the depth predicted";
    pictures::trained(title, &WEIGHTS, &DEPTHS, &accuracy, &curve).publish("trainable_depth")?;

    let share = |[learned, all]: [usize; 2]| learned as f64 / f64::max(all as f64, 1.0);
    assert!(share(within) > share(beyond) + 0.4, "{within:?} {beyond:?}");
    Ok(())
}
