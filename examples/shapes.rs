//! A picture of 60 × 60 = 3600 inputs goes through hidden layers to its class, and the first layer's features are looked at.
//!
//! The pictures are made here: discs, squares, triangles and crosses of random size, place and brightness, under noise. Each
//! unit of the first layer has one weight for each pixel, so its weights are a picture too. Drawn at random, they are noise; once
//! trained, neighbouring weights agree, for what tells shapes apart are patches and edges. Shows progress, the accuracy on
//! pictures held out, and the features, which are also written beside the program as a PGM file.

use autograd::Tensor;
use mlp::metrics::{accuracy, confusion_matrix};
use mlp::{Activation, Adam, CrossEntropy, Dataset, Mlp, Module, Targets, Trainer};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

const SEED: u64 = 8;
const SIDE: usize = 60;
const SHAPES: [&str; 4] = ["disc", "square", "triangle", "cross"];
const FEATURES: usize = 32;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = StdRng::seed_from_u64(SEED);
    let (train, test) = pictures(3000, &mut rng)?.split(0.2, SEED)?;
    println!("{} pictures of {SIDE}×{SIDE} to learn from, {} held out; the first four:", train.len(), test.len());
    let first: Vec<_> = train.inputs().to_vec().chunks(SIDE * SIDE).take(4).map(<[f32]>::to_vec).collect();
    draw(&first, 0.0, 1.0);

    let layers = Mlp::new(SIDE * SIDE).hidden(FEATURES, Activation::Relu).hidden(16, Activation::Relu);
    let model: Mlp<f32> = layers.output(SHAPES.len(), Activation::Identity).build(&mut rng)?;
    println!("\n{model}");
    let drawn = features(&model);
    let mut adam = Adam::new(&model.parameters(), 1e-3).weight_decay(0.1);
    let trainer = Trainer::new().epochs(15).batch_size(32).seed(SEED);
    let history = trainer.fit(&model, &CrossEntropy, &mut adam, &train, Some(&test))?;
    println!("{:>5} {:>10} {:>10} {:>10}", "epoch", "loss", "train", "held out");
    for epoch in history.epochs.iter().filter(|e| e.epoch == 1 || e.epoch % 3 == 0) {
        let percent = |share: Option<f64>| 100.0 * share.unwrap_or(f64::NAN);
        let (learned, held_out) = (percent(epoch.accuracy), percent(epoch.validation_accuracy));
        println!("{:>5} {:>10.5} {learned:>8.2} % {held_out:>8.2} %", epoch.epoch, epoch.loss);
    }

    let Targets::Classes(truth) = test.targets() else { unreachable!("shapes are classes") };
    let outputs = model.predict(test.inputs());
    let held_out = accuracy(&outputs, truth)?;
    println!("\nwhat was taken for what (rows: the shape; columns: the answer)");
    for (shape, row) in SHAPES.iter().zip(confusion_matrix(&outputs, truth)?) {
        println!("  {shape:<9}{}", row.iter().map(|n| format!("{n:>5}")).collect::<String>());
    }

    let learned = features(&model);
    let agreement = |features: &[Vec<f32>]| features.iter().map(|f| neighbours(f)).sum::<f64>() / features.len() as f64;
    let (before, after) = (agreement(&drawn), agreement(&learned));
    println!("\ncorrelation of neighbouring weights: {before:.3} as drawn at random, {after:.3} as learned");
    let mut clearest = learned;
    clearest.sort_by(|a, b| neighbours(b).total_cmp(&neighbours(a)));
    println!("the four clearest of {FEATURES} features, from the most negative weight ' ' to the most positive '@':");
    for feature in &mut clearest {
        let most = feature.iter().fold(0f32, |most, w| most.max(w.abs()));
        feature.iter_mut().for_each(|w| *w = (*w / most + 1.0) / 2.0);
    }
    draw(&clearest[..4], 0.2, 0.8);
    let file = std::env::current_exe()?.with_file_name("shapes_features.pgm");
    std::fs::write(&file, pgm(&clearest, 8))?;
    println!("all of them: {}", file.display());

    assert!(held_out >= 0.93, "{held_out}");
    assert!(before.abs() < 0.05 && after > 0.15, "{before}, {after}");
    Ok(())
}

/// `n` pictures, the shapes in turn.
fn pictures(n: usize, rng: &mut impl Rng) -> Result<Dataset<f32>, mlp::Error> {
    let classes: Vec<usize> = (0..n).map(|i| i % SHAPES.len()).collect();
    let pixels: Vec<f32> = classes.iter().flat_map(|&class| picture(class, rng)).collect();
    Dataset::new(Tensor::new([n, SIDE * SIDE], pixels), classes)
}

fn picture(class: usize, rng: &mut impl Rng) -> Vec<f32> {
    let centre = SIDE as f32 / 2.0;
    let mut near = |middle: f32, by: f32| middle + by * (2.0 * rng.random::<f32>() - 1.0);
    let (x, y, radius) = (near(centre, 8.0), near(centre, 8.0), near(14.0, 4.0));
    let brightness = near(0.7, 0.3);
    let mut pixel = |i: usize| {
        let (u, v) = (((i % SIDE) as f32 - x) / radius, ((i / SIDE) as f32 - y) / radius);
        let inside = match class {
            0 => u.hypot(v) <= 1.0,
            1 => u.abs().max(v.abs()) <= 0.9,
            2 => v <= 0.8 && 2.0 * u.abs() <= v + 1.2,
            _ => u.abs().min(v.abs()) <= 0.3 && u.abs().max(v.abs()) <= 1.1,
        };
        (if inside { brightness } else { 0.0 }) + near(0.0, 0.2)
    };
    (0..SIDE * SIDE).map(&mut pixel).collect()
}

/// The first layer's weights, a picture for each unit.
fn features(model: &Mlp<f32>) -> Vec<Vec<f32>> {
    let w = model.layers()[0].linear.w.value(); // (pixels, features)
    (0..FEATURES).map(|unit| (0..SIDE * SIDE).map(|pixel| w.get([pixel, unit])).collect()).collect()
}

/// The correlation of each number with that to its right.
fn neighbours(picture: &[f32]) -> f64 {
    let mean = picture.iter().sum::<f32>() / picture.len() as f32;
    let product = |a: &f32, b: &f32| f64::from((a - mean) * (b - mean));
    let pairs = || picture.chunks(SIDE).flat_map(|row| row.windows(2));
    let squares: f64 = pairs().map(|pair| (product(&pair[0], &pair[0]) + product(&pair[1], &pair[1])) / 2.0).sum();
    pairs().map(|pair| product(&pair[0], &pair[1])).sum::<f64>() / squares
}

/// Pictures side by side, as a terminal shows them: each character is the mean of 2 × 4 pixels.
fn draw(pictures: &[Vec<f32>], black: f32, white: f32) {
    let shades: Vec<char> = " ·:+*#@".chars().collect();
    for top in (0..SIDE).step_by(4) {
        let mut line = String::new();
        for picture in pictures {
            for left in (0..SIDE).step_by(2) {
                let cell = (0..8).map(|k| picture[(top + k / 2) * SIDE + left + k % 2]).sum::<f32>() / 8.0;
                let shade = ((cell - black) / (white - black)).clamp(0.0, 1.0) * (shades.len() - 1) as f32;
                line.push(shades[shade.round() as usize]);
            }
            line.push_str("  ");
        }
        println!("{}", line.trim_end());
    }
}

/// Pictures of grey from 0 to 1 in rows of `columns`, in the portable graymap format.
fn pgm(pictures: &[Vec<f32>], columns: usize) -> Vec<u8> {
    let mut file = format!("P5 {} {} 255\n", columns * SIDE, pictures.len() / columns * SIDE).into_bytes();
    for row in pictures.chunks_exact(columns) {
        for y in 0..SIDE {
            let line = row.iter().flat_map(|picture| &picture[y * SIDE..(y + 1) * SIDE]);
            file.extend(line.map(|grey| (255.0 * grey).round() as u8));
        }
    }
    file
}
