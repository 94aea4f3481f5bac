//! Lesson 8: the five classical single neurons, trained on the same data.
//!
//! All five compute `y = f(x·w + b)`; what differs is the activation f, the loss, and how it descends. The perceptron's step
//! has no useful derivative, and its rule is what gradient descent on the squared error becomes when the step is passed
//! straight through: `w ← w + η(t − step(z))x`. The data are those of 442 patients: does the disease progress further than
//! for most, judged by body mass (bmi) and a blood measurement (s5)?

use std::path::Path;

use autograd::Tensor;
use mlp::{
    Activation, BinaryCrossEntropyWithLogits, Dataset, Hinge, Init, Linear, Loss, Module, Mse, Scaler, Sequential, Sgd,
    StraightThrough, Table, Trainer,
};
use rand::{SeedableRng, rngs::StdRng};

/// A neuron, how it is trained, and above which output it says "further".
struct Neuron {
    name: &'static str,
    activation: Box<dyn Module>,
    loss: Box<dyn Loss>,
    /// What the loss wants for "no" and "yes".
    targets: [f64; 2],
    threshold: f64,
    /// Samples to a step.
    batch: usize,
    rate: f64,
}

fn neurons(n: usize) -> Vec<Neuron> {
    let identity = || Box::new(Activation::Identity);
    let half = 0.5;
    vec![
        Neuron {
            name: "perceptron",
            activation: Box::new(StraightThrough(Activation::UnitStep)),
            loss: Box::new(Mse),
            targets: [0.0, 1.0],
            threshold: half,
            batch: 1,
            rate: 0.002,
        },
        Neuron {
            name: "Adaline",
            activation: identity(),
            loss: Box::new(Mse),
            targets: [-1.0, 1.0],
            threshold: 0.0,
            batch: 1,
            rate: 0.002,
        },
        Neuron {
            name: "linear regression",
            activation: identity(),
            loss: Box::new(Mse),
            targets: [0.0, 1.0],
            threshold: half,
            batch: n,
            rate: 0.2,
        },
        Neuron {
            name: "support vectors",
            activation: identity(),
            loss: Box::new(Hinge),
            targets: [-1.0, 1.0],
            threshold: 0.0,
            batch: 32,
            rate: 0.01,
        },
        Neuron {
            name: "logistic regression",
            activation: identity(), // the sigmoid is part of the loss, where it cannot overflow
            loss: Box::new(BinaryCrossEntropyWithLogits),
            targets: [0.0, 1.0],
            threshold: 0.0,
            batch: 32,
            rate: 0.1,
        },
    ]
}

fn main() -> Result<(), mlp::Error> {
    let table = Table::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/diabetes.csv"))?;
    let inputs: Tensor = table.numbers(&["bmi", "s5"])?;
    let inputs = Scaler::standard(&inputs)?.transform(&inputs)?;
    let progression: Tensor = table.numbers(&["progression"])?;
    let mut sorted = progression.to_vec();
    sorted.sort_by(f64::total_cmp);
    let further = progression.greater(sorted[sorted.len() / 2]);
    let n = table.rows();
    println!("{n} patients, of whom {} progress further than the median\n", further.sum());

    println!("{:<20} {:>9} {:>9} {:>9} {:>12} {:>10}", "neuron", "w (bmi)", "w (s5)", "b", "direction", "accuracy");
    let mut directions = vec![];
    for neuron in neurons(n) {
        let [no, yes] = neuron.targets;
        let targets = &further * (yes - no) + no;
        let data = Dataset::new(inputs.clone(), targets)?;
        let mut rng = StdRng::seed_from_u64(1);
        let linear = Linear::new(2, 1, &Init::Zeros, &mut rng)?;
        let parameters = linear.parameters();
        let model = Sequential::new().then(linear).then(neuron.activation);
        let mut descent = Sgd::new(&model.parameters(), neuron.rate);
        let trainer = Trainer::new().epochs(100).batch_size(neuron.batch).seed(3).progress(false);
        trainer.fit(&model, &*neuron.loss, &mut descent, &data, None)?;

        let says_further = model.predict(&inputs).greater(neuron.threshold);
        let accuracy = says_further.equal(&further).mean();
        let value = |name: &str| parameters.get(name).expect("a parameter of the layer").value();
        let (w, b) = (value("w"), value("b"));
        let direction = w.get([1, 0]).atan2(w.get([0, 0])).to_degrees();
        println!(
            "{:<20} {:>9.4} {:>9.4} {:>9.4} {direction:>10.1} ° {:>8.1} %",
            neuron.name,
            w.get([0, 0]),
            w.get([1, 0]),
            b.item(),
            100.0 * accuracy
        );
        assert!(accuracy > 0.7, "{}: {accuracy}", neuron.name);
        directions.push(direction);
    }

    println!("\nThe weights differ in scale, since the losses ask for different outputs; their direction hardly does.");
    let spread = |d: &[f64]| d.iter().fold(f64::MIN, |a, &b| a.max(b)) - d.iter().fold(f64::MAX, |a, &b| a.min(b));
    println!("Adaline to logistic regression lie within {:.1}°.", spread(&directions[1..]));
    println!("The perceptron never rests on data that no line separates: its last step decides where it stands.");
    assert!(spread(&directions[1..]) < 15.0);
    Ok(())
}
