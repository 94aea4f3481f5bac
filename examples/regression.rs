//! Regression with intervals: a year of diabetes in 442 patients, foretold with how uncertain it is.
//!
//! A network has two outputs for each patient, a mean and the logarithm of a variance, and learns both from the likelihood
//! (Nix & Weigend 1994). What it says of a patient is measured in five folds, each patient held out once; columns are scaled
//! and categories learnt from the patients of training alone, and a part of these decides when to stop. Shows R² beside least
//! squares, and how many held-out patients lie within the intervals: as many as these promise?

use std::path::Path;

use autograd::Tensor;
use mlp::metrics::Regression;
use mlp::train::{BestWeights, EarlyStopping};
use mlp::{
    Activation, Adam, Categorical, GaussianNll, Mlp, Module, Numeric, Result, Schema, Split, Splitter, Table, Trainer,
};
use rand::{SeedableRng, rngs::StdRng};

const TARGET: &str = "progression";

/// What is foretold of the patients of a fold, beside the truth, in the units of the table: (patients, 1) each.
struct Fold {
    truth: Tensor,
    mean: Tensor,
    deviation: Tensor,
    least_squares: Tensor,
}

fn main() -> Result<()> {
    let table = Table::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/diabetes.csv"))?;
    let folds = Splitter::random(table.rows(), 1).folds(5)?;
    let folds: Vec<Fold> = folds.iter().map(|split| fold(&table, split)).collect::<Result<_>>()?;
    let all = |part: fn(&Fold) -> &Tensor| {
        Tensor::concat(&folds.iter().map(|fold| part(fold).clone()).collect::<Vec<_>>(), 0)
    };
    let (truth, mean, deviation) = (all(|fold| &fold.truth), all(|fold| &fold.mean), all(|fold| &fold.deviation));

    println!("{} patients, each foretold by a network that has not seen it", table.rows());
    println!("   {:<16} {:>6} {:>16}", "", "R²", "absolute error");
    let scores = |name: &str, foretold: &Tensor| -> Result<f64> {
        let scores = Regression::new(foretold, &truth)?;
        println!("   {name:<16} {:>6.3} {:>16.1}", scores.r2()?, scores.mae());
        scores.r2()
    };
    let network = scores("network", &mean)?;
    let least_squares = scores("least squares", &all(|fold| &fold.least_squares))?;

    println!("\n   {:<22} {:>8} {:>8}", "patients within", "promised", "found");
    let off = ((&truth - &mean) / &deviation).abs();
    for promised in [0.5, 0.8, 0.9] {
        // Of a normal distribution, so much lies within ±z deviations.
        let z = Tensor::from(0.5 + promised / 2.0).ndtri().item();
        let found = off.map(|off| f64::from(u8::from(off < z))).mean();
        println!("   ±{z:.2} deviations       {promised:>8.2} {found:>8.2}");
        let error = (promised * (1.0 - promised) / table.rows() as f64).sqrt();
        assert!((found - promised).abs() < 4.0 * error, "{found} within an interval that promises {promised}");
    }
    assert!(network > 0.44 && network > least_squares - 0.03, "R² {network}, least squares {least_squares}");
    Ok(())
}

/// Trains on a fold's patients, and foretells the held-out ones.
fn fold(table: &Table, split: &Split) -> Result<Fold> {
    let (train, held_out) = (table.select(&split.train)?, table.select(&split.held_out)?);
    let numbers = table.columns().iter().filter(|column| *column != "sex" && *column != TARGET);
    let schema = Schema::builder()
        .input("inputs", numbers.map(|column| Numeric::new(column).standard()))
        .input("inputs", [Categorical::new("sex")])
        .values(TARGET, [Numeric::new(TARGET).standard()])
        .fit(&train)?;
    let data = schema.dataset::<f64>(&train)?;
    let inner = Splitter::random(data.len(), 2).split(0.2)?;
    let (fitted, stopping) = (data.select(&inner.train)?, data.select(&inner.held_out)?);

    let features = schema.features("inputs")?.len();
    let layers = Mlp::new(features).hidden(32, Activation::Silu).dropout(0.2).output(2, Activation::Identity);
    let model: Mlp = layers.build(&mut StdRng::seed_from_u64(3))?;
    let mut adam = Adam::new(&model.parameters(), 3e-3).weight_decay(1.0);
    let trainer = Trainer::new().epochs(300).callback(EarlyStopping::new(20)).callback(BestWeights::new());
    trainer.fit(&model, &GaussianNll::default(), &mut adam, &fitted, Some(&stopping))?;

    let (inputs, truth) = (schema.inputs_of::<f64>(&held_out)?, held_out.numbers(&[TARGET])?);
    let outputs = model.predict(&inputs);
    let in_units = |x: &Tensor| schema.inverse(TARGET, x);
    let zeros = Tensor::zeros(truth.shape());
    let mean = in_units(&outputs.slice(1, 0..1))?;
    let deviation = in_units(&(outputs.slice(1, 1..2) * 0.5).exp())? - in_units(&zeros)?;
    let mlp::Targets::Values(targets) = data.targets() else { unreachable!("numbers") };
    let least_squares = in_units(&inputs.matmul(&data.inputs().pinv().matmul(targets)))?;
    Ok(Fold { truth, mean, deviation, least_squares })
}
