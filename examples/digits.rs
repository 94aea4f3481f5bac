//! The main job: a network learns to read handwritten digits, and is not believed until its gradient is checked.
//!
//! 1,797 pictures of 8×8 grey pixels are read from a CSV file and split with a seed; an MLP is trained on four fifths of
//! them and measured on the fifth that it has never seen. Then the trained model's gradient is held against finite
//! differences, the weights are saved, loaded into a second model, and both must answer alike.

use autograd::check::Checker;
use mlp::metrics::Confusion;
use mlp::{Activation, Adam, CrossEntropy, Dataset, Mlp, Module, Targets, Trainer, check_module, io};
use rand::{SeedableRng, rngs::StdRng};

const SEED: u64 = 7;

fn model(seed: u64) -> Result<Mlp, mlp::Error> {
    let layers = Mlp::new(64).hidden(64, Activation::Relu).hidden(32, Activation::Relu);
    layers.output(10, Activation::Identity).build(&mut StdRng::seed_from_u64(seed))
}

fn main() -> Result<(), mlp::Error> {
    let (pixels, digits) = examples::digits::<f64>()?;
    let data = Dataset::new(pixels / 16.0, digits)?;
    let (train, test) = data.split(0.2, SEED)?;
    println!("{} pictures to learn from, {} held out", train.len(), test.len());
    picture(&train);

    let model = model(SEED)?;
    println!("\n{model}");
    let mut adam = Adam::new(&model.parameters(), 2e-3);
    let trainer = Trainer::new().epochs(40).batch_size(32).seed(SEED).tolerance(1e-3);
    let history = trainer.fit(&model, &CrossEntropy, &mut adam, &train, Some(&test))?;
    println!("{:>5} {:>10} {:>10} {:>10}", "epoch", "loss", "train", "held out");
    let last = history.epochs.len();
    for epoch in history.epochs.iter().filter(|e| e.epoch % 5 == 0 || e.epoch == 1 || e.epoch == last) {
        let percent = |share: Option<f64>| 100.0 * share.unwrap_or(f64::NAN);
        let (learned, held_out) = (percent(epoch.accuracy), percent(epoch.validation_accuracy));
        println!("{:>5} {:>10.5} {learned:>8.2} % {held_out:>8.2} %", epoch.epoch, epoch.loss);
    }

    let Targets::Classes(truth) = test.targets() else { unreachable!("digits are classes") };
    let outputs = model.predict(test.inputs());
    let confusion = Confusion::new(&outputs, truth)?;
    let (learned, held_out) = (history.last().accuracy.unwrap_or(0.0), confusion.accuracy());
    println!(
        "\naccuracy: {:.2} % on the training set, {:.2} % on the held-out fifth",
        100.0 * learned,
        100.0 * held_out
    );
    println!("what was taken for what (rows: the digit; columns: the answer)");
    println!("{confusion}");
    print!("{}", confusion.report(&["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])?);

    // Not all of the data: the gradient of the mean loss is as right or wrong on a hundred samples.
    let sample = train.select(&(0..100).collect::<Vec<_>>())?;
    let report = check_module(&Checker::new().elements(200), &model, &CrossEntropy, &sample)?;
    println!("\n{report}");

    // Beside the program: a folder for temporary files may be shared with others.
    let path = std::env::current_exe().expect("a running program has a path").with_file_name("digits.safetensors");
    io::save(&model.parameters(), &path)?;
    let copy = self::model(SEED + 1)?;
    assert_ne!(copy.predict(test.inputs()), outputs, "another seed, another model");
    io::load(&copy.parameters(), &path)?;
    let same = copy.predict(test.inputs()) == outputs;
    println!("\nsaved to {}, loaded again: the same predictions, to the bit: {same}", path.display());

    assert!(held_out >= 0.97, "{held_out}");
    assert!(report.passed() && same);
    Ok(())
}

/// The first few pictures, as a terminal shows them.
fn picture(data: &Dataset) {
    let shades = [' ', '·', ':', '+', '*', '#', '@'];
    for row in 0..8 {
        let mut line = String::new();
        for sample in 0..8 {
            for column in 0..8 {
                let grey = data.inputs().get([sample, 8 * row + column]);
                line.push_str(&shades[(grey * 6.0).round() as usize].to_string().repeat(2));
            }
            line.push_str("  ");
        }
        println!("{}", line.trim_end());
    }
}
