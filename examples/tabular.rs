//! From a table to a model that predicts raw rows: categories, missing values and class names are in its file.
//!
//! The table is that of 442 patients with diabetes, made as tables are: one cell in ten is missing, sex is a category, and the
//! target is a word. A schema says what becomes of each column and learns its numbers from the rows of training alone. The
//! network is stopped by rows that it does not learn from, and saved with the schema as one file, a `Bundle`. Another part of
//! the program, which knows the file only, answers for raw rows. The program `mlp` reads the same file:
//! `mlp predict model.safetensors patients.csv`.

use std::path::Path;

use autograd::Tensor;
use mlp::metrics::Confusion;
use mlp::train::{BestWeights, EarlyStopping};
use mlp::{
    Activation, Adam, Bundle, Categorical, CrossEntropy, Error, Mlp, Numeric, Result, Schema, Splitter, Table, Trainer,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const TARGET: &str = "course";

fn main() -> Result<()> {
    let table = Table::parse("patients.csv", patients()?.as_bytes())?;
    let (classes, _) = table.classes(TARGET)?;
    let split = Splitter::stratified(&classes, 1).split(0.25)?;
    let (train, held_out) = (table.select(&split.train)?, table.select(&split.held_out)?);

    let folder = tempfile::tempdir().map_err(|source| Error::Io { path: "a temporary folder".into(), source })?;
    let path = folder.path().join("model.safetensors");
    learn(&train)?.save(&path)?;

    // All that follows knows the file and raw rows.
    let bundle: Bundle = Bundle::load(&path)?;
    let predictions = bundle.predict(&held_out)?;
    let found = predictions.classes().expect("classes");
    let probabilities = predictions.probabilities().expect("classes");
    println!("{:>6} {:>5} {:>6} {:>6}   {:<8} {:>7} {:>7}", "age", "sex", "bmi", "bp", "course", "fast", "slow");
    for row in 0..6 {
        let cell = |column: &str| held_out.text(column).map(|cells| cells[row].to_string());
        let [age, sex, bmi, bp] = ["age", "sex", "bmi", "bp"].map(cell);
        let p = |class| probabilities.get([row, class]);
        println!("{:>6} {:>5} {:>6} {:>6}   {:<8} {:>7.2} {:>7.2}", age?, sex?, bmi?, bp?, found[row], p(0), p(1));
    }
    let truth = held_out.known_classes(TARGET, predictions.names())?;
    let confusion = Confusion::new(probabilities, &truth)?;
    println!("\n{}", confusion.report(predictions.names())?);
    assert!(confusion.accuracy() > 0.68, "{} of the held-out patients", confusion.accuracy());
    Ok(())
}

/// Learns a schema and a network from a table.
fn learn(table: &Table) -> Result<Bundle> {
    let numbers = table.columns().iter().filter(|column| *column != "sex" && *column != TARGET);
    let schema = Schema::builder()
        .input("inputs", numbers.map(|column| Numeric::new(column).fill_median().indicator().standard()))
        .input("inputs", [Categorical::new("sex").missing_as_category()])
        .classes(TARGET, Categorical::new(TARGET))
        .fit(table)?;
    println!("columns   {}", schema.features("inputs")?.join(", "));
    println!("classes   {}\n", schema.classes(TARGET)?.join(", "));
    let data = schema.dataset::<f64>(table)?;
    let mlp::Targets::Classes(classes) = data.targets() else { unreachable!("classes") };
    let split = Splitter::stratified(classes, 2).split(0.2)?;

    let layers = Mlp::new(schema.features("inputs")?.len());
    let layers = layers.hidden(16, Activation::Relu).dropout(0.2).output(2, Activation::Identity);
    let model: Mlp = layers.build(&mut StdRng::seed_from_u64(3))?;
    let mut adam = Adam::new(&mlp::Module::parameters(&model), 3e-3).weight_decay(0.1);
    let trainer = Trainer::new().epochs(300).callback(EarlyStopping::new(20)).callback(BestWeights::new());
    let stopping = data.select(&split.held_out)?;
    trainer.fit(&model, &CrossEntropy, &mut adam, &data.select(&split.train)?, Some(&stopping))?;
    Bundle::new(model, schema)
}

/// The patients as a table of text: with gaps, and with a word for whether the disease goes on faster than for most.
fn patients() -> Result<String> {
    let table = Table::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/diabetes.csv"))?;
    let measured: Vec<&String> = table.columns().iter().filter(|column| *column != "progression").collect();
    let progression: Tensor = table.numbers(&["progression"])?;
    let half = progression.median();
    let cells = measured.iter().map(|column| table.text(column)).collect::<Result<Vec<_>>>()?;
    let mut rng = StdRng::seed_from_u64(0);
    let mut text = measured.iter().map(|column| column.as_str()).collect::<Vec<_>>().join(",") + "," + TARGET + "\n";
    for row in 0..table.rows() {
        let mut cell = |column: &[&str]| if rng.random_bool(0.1) { "?".to_string() } else { column[row].to_string() };
        let course = if progression.get([row, 0]) > half { "fast" } else { "slow" };
        text += &(cells.iter().map(|column| cell(column)).collect::<Vec<_>>().join(",") + "," + course + "\n");
    }
    Ok(text)
}
