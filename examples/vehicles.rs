//! Lesson 11: cars and bicycles, from rows of a CSV file to errors for each sample.
//!
//! Six vehicles with their number of wheels, height and weight; a 3-4-2 network shall answer 1 at the output of the right
//! class and 0 at the other. The squared errors are printed sample by sample before and after training, as on the slides,
//! where outputs of 0.9 and 0.1 give errors of 0.01 and 0.01, and outputs of 0.6 and 0.4 give 0.16 and 0.16 (one slide
//! prints 0.36 for the last; (0.4 − 0)² is 0.16).

use std::path::Path;

use autograd::{Tape, Tensor};
use mlp::{Activation, Dataset, Loss, Mlp, Module, Mse, Scaler, Sgd, Stopped, Table, Targets, Trainer, one_hot};
use rand::{SeedableRng, rngs::StdRng};

/// The squared error of each output: `(y − ŷ)²`.
fn errors(outputs: &Tensor, targets: &Tensor) -> Result<Tensor, mlp::Error> {
    let tape = Tape::new();
    Ok(Mse.each(tape.constant(outputs.clone()), &Targets::Values(targets.clone()))?.value())
}

fn show(title: &str, table: &Tensor, model: &Mlp, data: &Dataset) -> Result<(), mlp::Error> {
    let Targets::Values(targets) = data.targets() else { unreachable!("numbers") };
    let outputs = model.predict(data.inputs());
    let errors = errors(&outputs, targets)?;
    println!("\n{title}");
    println!("{:>7} {:>7} {:>7}   {:>14}   {:>14}   {:>16}", "wheels", "height", "weight", "target", "output", "error");
    for i in 0..data.len() {
        let pair = |x: &Tensor, digits: usize| format!("{:.digits$}  {:.digits$}", x.get([i, 0]), x.get([i, 1]));
        let [wheels, height, weight] = [0, 1, 2].map(|column| table.get([i, column]));
        let (target, output, error) = (pair(targets, 0), pair(&outputs, 3), pair(&errors, 5));
        println!("{wheels:>7} {height:>7} {weight:>7}   {target:>14}   {output:>14}   {error:>16}");
    }
    println!("mean squared error {:.6}", errors.mean());
    Ok(())
}

fn main() -> Result<(), mlp::Error> {
    let on_slide = errors(&Tensor::from([[0.9, 0.1], [0.6, 0.4]]), &Tensor::from([[1.0, 0.0], [1.0, 0.0]]))?;
    println!("errors of the slides' outputs (0.9, 0.1) and (0.6, 0.4) for the target (1, 0):\n{on_slide:.2}");

    let file = Table::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/vehicles.csv"))?;
    let table: Tensor = file.numbers(&["wheels", "height", "weight"])?;
    let (classes, names) = file.classes("class")?;
    println!("classes: {names:?}");

    // Wheels in ones and weights in hundreds: without a common scale the weight alone would decide.
    let inputs = Scaler::standard(&table)?.transform(&table)?;
    let data = Dataset::new(inputs, one_hot(&classes, names.len())?)?;
    let layers = Mlp::new(3).hidden(4, Activation::Sigmoid).output(2, Activation::Sigmoid);
    let model = layers.build(&mut StdRng::seed_from_u64(1))?;
    show("before training", &table, &model, &data)?;

    let mut descent = Sgd::new(&model.parameters(), 0.5).momentum(0.9);
    let trainer = Trainer::new().epochs(5000).batch_size(1).tolerance(1e-3);
    let history = trainer.fit(&model, &Mse, &mut descent, &data, None)?;
    show("after training, a step after each sample", &table, &model, &data)?;
    println!("stopped after {} epochs, the error being at most ε = 0.001", history.epochs.len());

    assert_eq!(history.stopped, Stopped::Tolerance);
    assert!(on_slide.is_close(&Tensor::from([[0.01, 0.01], [0.16, 0.16]]), 1e-12));
    let Targets::Values(targets) = data.targets() else { unreachable!("numbers") };
    assert_eq!(model.predict(data.inputs()).argmax(1), targets.argmax(1));
    Ok(())
}
