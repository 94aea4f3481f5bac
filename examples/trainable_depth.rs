//! Trainable depth: how deep a plain network may be before it cannot be trained, predicted before one is built.
//!
//! Two inputs become alike, or gradients explode, over a depth scale ξ_c that mean-field theory computes from activation,
//! weights and biases. A network much deeper than that gives its last layer no news of its input, and learns nothing: about
//! 6ξ_c is the limit (Schoenholz et al. 2017). Here tanh networks of many depths and scales of weights train on digits; the
//! depth at which they cease to learn is held against 6ξ_c, for each scale.
//!
//! The map of their accuracy, with the curve 6ξ_c over it, goes to the folder given as argument, else beside the program. To
//! renew that of the documentation: `cargo run --release -p examples --features pictures --example trainable_depth examples/pictures`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use examples::{bar, digits, pictures};
use mlp::theory::{MeanField, depth_scale};
use mlp::{Activation, CrossEntropy, Dataset, Init, Linear, Module, Scaler, Sequential, Sgd, Trainer};
use rand::{SeedableRng, rngs::StdRng};

const WIDTH: usize = 50;
const BIASES: f64 = 0.05; // σ_b²
const DEPTHS: [usize; 7] = [8, 11, 16, 23, 32, 45, 64];
const EPOCHS: usize = 8;

/// σ_w, four in an octave: the networks without hope at both ends, those at the edge of chaos between.
fn scales() -> Vec<f64> {
    (-2..=6).map(|i| (f64::from(i) / 4.0).exp2()).collect()
}

fn model(depth: usize, scale: f64) -> Result<Sequential, mlp::Error> {
    let mut rng = StdRng::seed_from_u64(3);
    let init = Init::lecun_normal().gain(scale);
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

fn train(data: &Dataset, depth: usize, scale: f64) -> Result<f64, mlp::Error> {
    let model = model(depth, scale)?;
    let mut sgd = Sgd::new(&model.parameters(), 0.01).momentum(0.8);
    let trainer = Trainer::new().epochs(EPOCHS).batch_size(50).seed(4);
    Ok(trainer.fit(&model, &CrossEntropy, &mut sgd, data, None)?.last().accuracy.unwrap_or(0.0))
}

/// The depth at which the accuracy falls to ½, on the straight line between the logarithms of two depths; 0 if none learns.
fn edge(accuracy: &[f64]) -> f64 {
    let depth = |i: usize| DEPTHS[i] as f64;
    match accuracy.iter().position(|&share| share < 0.5) {
        None => depth(DEPTHS.len() - 1),
        Some(0) => 0.0,
        Some(i) => {
            let share = (accuracy[i - 1] - 0.5) / (accuracy[i - 1] - accuracy[i]);
            depth(i - 1) * (depth(i) / depth(i - 1)).powf(share)
        }
    }
}

/// 6ξ_c, beyond which the theory has no hope.
fn reach(scale: f64) -> Result<f64, mlp::Error> {
    let theory = MeanField::new(Activation::Tanh)?.weights(scale * scale).biases(BIASES);
    let q = theory.fixed_point()?;
    let c = theory.correlation_fixed_point(q);
    Ok(6.0 * depth_scale(theory.correlation_slope(q, c)))
}

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (pixels, digits) = digits::<f64>()?;
    let data = Dataset::new(Scaler::standard(&pixels)?.transform(&pixels)?, digits)?;

    let scales = scales();
    let cells = DEPTHS.len() * scales.len();
    let bar = bar(cells);
    let (next, (results, collected)) = (AtomicUsize::new(0), mpsc::channel());
    let mut accuracy = vec![vec![0.0; scales.len()]; DEPTHS.len()];
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    autograd::set_threads(1); // each trains a model of its own: none is left to share products with
    std::thread::scope(|scope| -> Result<(), mlp::Error> {
        for _ in 0..threads {
            let (results, next, data, scales) = (results.clone(), &next, &data, &scales);
            scope.spawn(move || {
                // The deepest take longest, and so go first. Each cell has its seeds: the order changes no result.
                while let Some(cell) = (cells - 1).checked_sub(next.fetch_add(1, Ordering::Relaxed)) {
                    let (i, j) = (cell / scales.len(), cell % scales.len());
                    let result = train(data, DEPTHS[i], scales[j]);
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

    println!("Accuracy (%) on what was learned: tanh networks of {WIDTH} units, σ_b² = {BIASES}, {EPOCHS} epochs.\n");
    let line = |name: &str, values: &[f64], decimals: usize| {
        let cells: String = values.iter().map(|value| format!("{value:>8.decimals$}")).collect();
        println!("{name:<8}{cells}");
    };
    let reaches = scales.iter().map(|&scale| reach(scale)).collect::<Result<Vec<f64>, _>>()?;
    let edges: Vec<f64> =
        (0..scales.len()).map(|j| edge(&accuracy.iter().map(|row| row[j]).collect::<Vec<_>>())).collect();
    line("σ_w", &scales, 2);
    for (depth, row) in DEPTHS.iter().zip(&accuracy) {
        line(&depth.to_string(), &row.iter().map(|share| 100.0 * share).collect::<Vec<_>>(), 1);
    }
    // Beyond the deepest network tried nothing was seen.
    let deepest = DEPTHS[DEPTHS.len() - 1] as f64;
    let ratios: Vec<f64> = edges.iter().zip(&reaches).map(|(edge, reach)| edge / reach.min(deepest)).collect();
    line("6ξ_c", &reaches, 1);
    line("edge", &edges, 1);
    line("ratio", &ratios, 2);
    println!(
        "\nThe edge: the depth at which half is right. The ratio: to 6ξ_c, or to {deepest} layers if that is more."
    );

    let fine = (-60..=160).map(|i| (f64::from(i) / 80.0).exp2());
    let curve = fine.map(|scale| Ok((scale, reach(scale)?))).collect::<Result<Vec<_>, mlp::Error>>()?;
    pictures::trained(
        &format!("Digits read rightly by tanh networks after {EPOCHS} epochs (%)"),
        &format!("dashed: 6ξ_c, the depth predicted; layers of {WIDTH} units, σ_b² = {BIASES}"),
        &scales,
        &DEPTHS,
        &accuracy,
        &curve,
    )
    .publish("trainable_depth")?;

    for (scale, ratio) in scales.iter().zip(&ratios) {
        assert!((0.5..2.0).contains(ratio), "σ_w = {scale}: learned down to {ratio} of the depth predicted");
    }
    Ok(())
}
