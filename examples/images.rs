//! A folder of pictures: each class is a folder, the network is a text, and both become a model.
//!
//! The example first writes what people have: 1,797 PNG files of handwritten digits, in folders named after the digits. They
//! are listed, split with equal shares of the digits, and read. The network is described by plain data, which says at once
//! what does not fit, before a picture is passed through it; a rate that falls along a cosine trains it. The course of the training
//! is drawn.

use std::fs::{self, File};
use std::path::Path;

use examples::{digits, pictures};
use mlp::metrics::Confusion;
use mlp::{
    Adam, Config, CrossEntropy, Error, Module, Pictures, Result, Schedule, Smoothed, Splitter, Targets, Trainer,
    summary_for,
};
use rand::{SeedableRng, rngs::StdRng};

const NETWORK: &str = r#"{"layer": "sequential", "layers": [
    {"layer": "conv2d", "channels": 1, "outputs": 24, "size": 3, "padding": 1, "init": "he_normal"},
    {"layer": "activation", "function": "relu"},
    {"layer": "max_pool2d", "size": 2},
    {"layer": "conv2d", "channels": 24, "outputs": 48, "size": 3, "padding": 1, "init": "he_normal"},
    {"layer": "activation", "function": "relu"},
    {"layer": "max_pool2d", "size": 2},
    {"layer": "flatten"},
    {"layer": "dropout", "p": 0.3},
    {"layer": "linear", "inputs": 192, "outputs": 10}
]}"#;

const EPOCHS: usize = 30;

fn main() -> Result<()> {
    let folder = tempfile::tempdir().map_err(|source| Error::Io { path: "a temporary folder".into(), source })?;
    write(folder.path())?;

    let pictures = Pictures::grey(folder.path())?;
    let split = Splitter::stratified(pictures.labels(), 1).split(0.2)?;
    let (train, held_out) = (pictures.dataset::<f32>(&split.train)?, pictures.dataset::<f32>(&split.held_out)?);
    println!(
        "{} pictures to learn from, {} held out, of {}",
        train.len(),
        held_out.len(),
        pictures.classes().join(", ")
    );

    let config: Config = NETWORK.parse()?;
    let model = config.build::<f32>(&mut StdRng::seed_from_u64(2))?;
    println!("\n{}", summary_for(&model, [32, 1, 8, 8])?);
    let wrong: Config = NETWORK.replace("\"inputs\": 192", "\"inputs\": 100").parse()?;
    let refused = wrong.build::<f32>(&mut StdRng::seed_from_u64(2))?.output_shape(&[32, 1, 8, 8].into());
    println!("With 100 inputs in the last layer: {}\n", refused.expect_err("48 channels of 2 × 2"));

    let mut adam = Adam::new(&model.parameters(), 3e-3);
    let schedule = Schedule::cosine(3e-3, 1e-4, EPOCHS - 1);
    let trainer = Trainer::new().epochs(EPOCHS).seed(3).schedule(schedule.rates());
    let loss = Smoothed { loss: CrossEntropy, share: 0.1 };
    let history = trainer.fit(&model, &loss, &mut adam, &train, Some(&held_out))?;
    let drawn = pictures::history("Handwritten digits, a convolutional network", &history.epochs).publish("training");
    drawn.map_err(|source| Error::Io { path: "training.svg".into(), source })?;

    let Targets::Classes(truth) = held_out.targets() else { unreachable!("folders are classes") };
    let confusion = Confusion::new(&model.predict(held_out.inputs()), truth)?;
    println!("{}", confusion.report(pictures.classes())?);
    assert!(confusion.accuracy() > 0.97, "{} of the held-out pictures", confusion.accuracy());
    Ok(())
}

/// Writes the digits as PNG files, in a folder for each.
fn write(folder: &Path) -> Result<()> {
    let (pixels, digits) = digits::<f64>()?;
    let failed = |source| Error::Io { path: folder.to_owned(), source };
    for (i, (digit, picture)) in digits.iter().zip(pixels.as_slice().chunks(64)).enumerate() {
        let class = folder.join(digit.to_string());
        fs::create_dir_all(&class).map_err(failed)?;
        let file = File::create(class.join(format!("{i:04}.png"))).map_err(failed)?;
        let mut encoder = png::Encoder::new(file, 8, 8);
        encoder.set_color(png::ColorType::Grayscale);
        let grey: Vec<u8> = picture.iter().map(|x| (x * 255.0 / 16.0).round() as u8).collect();
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&grey));
        written.map_err(|error| failed(std::io::Error::other(error)))?;
    }
    Ok(())
}
