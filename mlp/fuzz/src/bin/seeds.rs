//! Writes small valid inputs to the folder `corpus` of each target, from which the fuzzer goes on: `cargo run --bin seeds`.

use std::fs;
use std::path::Path;

use autograd::{Param, Parameters, Tensor};
use mlp::train::{EarlyStopping, Progress, save_training_with};
use mlp::{
    Activation, Adam, BatchNorm, Bundle, Categorical, Gru, Init, LayerNorm, Linear, Mlp, MultiHeadAttention, Numeric, Schema,
    Sequential, Sgd, Table, io,
};
use rand::{SeedableRng, rngs::StdRng};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let rng = &mut StdRng::seed_from_u64(0);
    let folder = std::env::temp_dir().join(format!("mlp-fuzz-{}-seeds", std::process::id()));
    fs::create_dir_all(&folder)?;
    let file = folder.join("file");
    let written = || fs::read(&file);

    let tables = ["x,y,kind\n1,2,rose\n3,?,\"iris, \"\"wild\"\"\"\n", "# a\nx;y\n1,5;2\n", "0,1,2\n1,2,0\n"];
    tables.iter().enumerate().try_for_each(|(i, text)| seed("csv", i, text.as_bytes()))?;

    let arrays = [Tensor::from([[1.5f32, 2.0], [-3.0, 4.0]]), Tensor::from([7.0])];
    io::write_npy(&file, &arrays[0])?;
    seed("arrays", 0, &[&[0], &written()?[..]].concat())?;
    io::write_npz(&file, [("x", &arrays[0]), ("y", &arrays[1])])?;
    seed("arrays", 1, &[&[1], &written()?[..]].concat())?;
    io::write_idx(&file, &arrays[0])?;
    seed("arrays", 2, &[&[2], &written()?[..]].concat())?;
    seed("arrays", 3, &[3, 0, 0, 8, 1, 0, 0, 0, 2, 7, 3])?;

    for (i, color) in [png::ColorType::Grayscale, png::ColorType::Rgb, png::ColorType::Rgba].into_iter().enumerate() {
        let mut bytes = vec![];
        let mut encoder = png::Encoder::new(&mut bytes, 2, 2);
        encoder.set_color(color);
        encoder.write_header()?.write_image_data(&vec![9; 4 * color.samples()])?;
        seed("pictures", i, &bytes)?;
    }

    let (w, b) = (Param::new([[1.0, 2.0]]), Param::new([3.0]));
    io::save(&Parameters::new().with("w", &w).with("b", &b), &file)?;
    tensors("weights", 0, &[], &written()?)?;

    let (linear, heads) = (Linear::new(2, 2, &Init::he_normal(), rng)?, MultiHeadAttention::new(2, 1, rng)?);
    let model: Sequential<f32> = Sequential::new().then(linear).then(LayerNorm::new(2)?).then(BatchNorm::new(2)?);
    io::torch::save(&model.then(heads).then(Gru::new(2, 1, rng)?), &file)?;
    for how in [0, 1, 2, 3, 6, 11] {
        tensors("state_dict", usize::from(how), &[how], &written()?)?;
    }

    let (w, stopping) = (Param::new([1.0, 2.0]), EarlyStopping::new(3));
    let parameters = Parameters::new().with("w", &w);
    save_training_with(&parameters, &Adam::new(&parameters, 0.1), &[&stopping], &Progress::new(3), &file)?;
    tensors("training", 0, &[], &written()?)?;
    save_training_with(&parameters, &Sgd::new(&parameters, 0.1).momentum(0.9), &[&stopping], &Progress::new(3), &file)?;
    tensors("training", 2, &[], &written()?)?;

    let table = Table::parse("t", "x,y\n1,2\n3,4\n".as_bytes())?;
    let schema = Schema::builder().input("x", [Numeric::new("x").fill_mean().standard()]);
    let schema = schema.values("y", [Numeric::new("y").standard()]).fit(&table)?;
    let model: Mlp = Mlp::new(1).hidden(2, Activation::Tanh).output(1, Activation::Identity).build(rng)?;
    Bundle::new(model, schema.clone())?.save(&file)?;
    tensors("bundle", 0, &[], &written()?)?;
    let table = Table::parse("t", "width,kind\n1,rose\n3,iris\n".as_bytes())?;
    let names = Schema::builder().input("x", [Numeric::new("width").fill_median()]);
    let names = names.classes("kind", Categorical::new("kind")).fit(&table)?;
    let model: Linear = Linear::new(1, 1, &Init::he_normal(), rng)?;
    Bundle::new(model, names.clone())?.with_note("a", "b").save(&file)?;
    tensors("bundle", 2, &[], &written()?)?;
    for (i, schema) in [schema, names].into_iter().enumerate() {
        seed("schema", i, format!("{}\0{}", schema.to_json(), "1,2\n3,?\n").as_bytes())?;
    }

    // The texts of all layers, which the tests keep.
    let texts = include_str!("../../../tests/it/configs/texts.rs");
    let texts = texts.split("r#\"").skip(1).filter_map(|text| Some(text.split_once("\"#")?.0));
    texts.enumerate().try_for_each(|(i, text)| seed("config", i, text.as_bytes()))?;

    seed("logs", 0, b"epoch,loss,accuracy,validation_loss,learning_rate\n1,0.5,0.75,,0.1\n2,0.25,1,,0.1\n")?;
    seed("logs", 1, b"{\"epoch\":1,\"loss\":0.5,\"accuracy\":null}\n{\"epoch\":2,\"loss\":0.25}\n")?;
    Ok(fs::remove_dir_all(folder)?)
}

fn seed(target: &str, number: usize, bytes: &[u8]) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join(format!("seed_{number}")), bytes)?)
}

/// A file of tensors in both forms that the targets read: as it is, and as header and numbers.
fn tensors(target: &str, number: usize, before: &[u8], bytes: &[u8]) -> Result<()> {
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into()?) as usize;
    seed(target, 100 + number, &[before, &[0], bytes].concat())?;
    seed(target, number, &[before, &[1], &bytes[8..header], &[0], &bytes[header..]].concat())
}
