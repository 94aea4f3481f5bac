//! Networks of named parts: the part that is broken is named, and cured alone.

use std::collections::BTreeMap;

use autograd::{Tape, Tensor, Var};
use mlp::advice::{Adviser, Cause};
use mlp::{
    Activation, Adam, Advice, Dataset, Embedding, Flatten, Init, Join, Linear, Loss, Mlp, Module, Mse, Network,
    Optimizer, PositionalEncoding, Registry, Residual, Sequential, Targets, TransformerBlock, advise,
};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::advice::{INPUTS, rng, task};

const WIDTH: usize = 16;
const SAMPLES: usize = 96;

fn linear(inputs: usize, outputs: usize, init: &Init) -> Linear {
    Linear::new(inputs, outputs, init, &mut rng()).unwrap()
}

/// Layers of equal width with this activation.
fn tower(layers: usize, activation: Activation, init: &Init) -> Sequential {
    (0..layers).fold(Sequential::new(), |tower, _| tower.then(linear(WIDTH, WIDTH, init)).then(activation))
}

/// Two towers for two inputs, and two outputs: one of both, and one of the right.
fn towers(left: Sequential, right: Sequential) -> Network {
    let network = Network::new(["a", "b"]).part("left", "a", left).part("right", "b", right);
    let network = network.join("both", Join::Concat(1), ["left", "right"]);
    let network = network.part("sum", "both", linear(2 * WIDTH, 1, &Init::lecun_normal()));
    network.part("of_b", "right", linear(WIDTH, 1, &Init::lecun_normal())).outputs(["sum", "of_b"]).unwrap()
}

fn healthy_tower() -> Sequential {
    tower(4, Activation::Relu, &Init::he_normal())
}

struct Task {
    a: Tensor,
    b: Tensor,
    sum: Targets,
    of_b: Targets,
}

fn two_inputs() -> Task {
    let [a, b]: [Tensor; 2] = [(); 2].map({
        let mut rng = rng();
        move |()| Init::Normal { mean: 0.0, std: 1.0 }.sample([SAMPLES, WIDTH], &mut rng)
    });
    let target = |f: fn(f64, f64) -> f64| {
        Targets::Values(Tensor::from_fn([SAMPLES, 1], |i| f(a.get([i[0], 0]), b.get([i[0], 0]))))
    };
    Task { sum: target(|a, b| a.sin() + b), of_b: target(|_, b| b.cos()), a, b }
}

impl Task {
    fn inputs(&self) -> [(&str, Tensor); 2] {
        [("a", self.a.clone()), ("b", self.b.clone())]
    }

    fn loss<'t>(&self, y: &BTreeMap<&str, Var<'t>>) -> Result<autograd::Scalar<'t>, mlp::Error> {
        Ok(Mse.mean(y["sum"], &self.sum)? + Mse.mean(y["of_b"], &self.of_b)?)
    }

    fn advise(&self, network: &Network) -> Advice {
        let registry = Registry::new();
        Adviser::new(&registry).advise_all(network, &self.inputs(), |y| self.loss(y)).unwrap()
    }

    /// The loss after a training by Adam.
    fn trained(&self, network: &Network) -> f64 {
        let mut adam = Adam::new(&network.parameters(), 3e-3);
        let mut last = f64::INFINITY;
        for _ in 0..60 {
            let tape = Tape::new();
            let x = [("a", tape.constant(self.a.clone())), ("b", tape.constant(self.b.clone()))];
            let loss = self.loss(&network.forward_all(&x)).unwrap();
            last = loss.value();
            adam.step(&loss.backward());
        }
        last
    }
}

#[test]
fn the_broken_part_is_named_and_cured_alone() {
    let sigmoids = || tower(12, Activation::Sigmoid, &Init::glorot_normal());
    let small = || tower(12, Activation::Relu, &Init::he_normal().gain(0.2));
    let rows: [(&str, Network, Cause, &str); 5] = [
        ("small weights", towers(healthy_tower(), small()), Cause::GradientVanishes, "right"),
        (
            "large weights",
            towers(tower(4, Activation::Tanh, &Init::lecun_normal().gain(30.0)), healthy_tower()),
            Cause::SaturatedUnits,
            "left",
        ),
        ("zeros", towers(tower(4, Activation::Tanh, &Init::Zeros), healthy_tower()), Cause::ZeroWeights, "left"),
        (
            "equal weights",
            towers(healthy_tower(), tower(3, Activation::Tanh, &Init::Constant(0.05))),
            Cause::EqualWeights,
            "right",
        ),
        ("sigmoids", towers(sigmoids(), healthy_tower()), Cause::GradientVanishes, "left"),
    ];
    let task = two_inputs();
    for (name, network, cause, part) in rows {
        let before: Vec<_> = network.state().params().map(|param| param.value()).collect();
        let advice = task.advise(&network);
        println!("{name}: {advice}");
        let finding = advice.finding(cause).unwrap_or_else(|| panic!("{name}: {advice}"));
        assert!(finding.is_serious() && finding.part.as_deref() == Some(part), "{name}: {finding:?}");
        assert!(finding.to_string().contains(part), "{name}: {finding}");
        assert!(network.state().params().zip(&before).all(|(param, before)| param.value() == *before), "{name}");
        let remedy = &advice.remedies()[0];
        assert!(!remedy.findings.iter().any(|finding| finding.is_serious()), "{name}: {advice}");
        assert!(remedy.what.starts_with(&format!("`{part}`: ")), "{name}: {}", remedy.what);
        let new = remedy.model().state();
        for (param, value) in network.state().iter().filter(|(param, _)| !param.starts_with(part)) {
            assert_eq!(new.get(param).unwrap().value(), value.value(), "{name}: {param}");
        }
        let remedy = advice.into_remedies().remove(0);
        let cured = remedy.into_network().unwrap();
        let (with, without) = (task.trained(&network), task.trained(&cured));
        println!("{name}: loss {with} without, {without} with the remedy");
        assert!(without < 0.8 * with, "{name}: {with} without, {without} with the remedy");
    }
}

#[test]
fn nothing_is_said_of_healthy_networks() {
    let task = two_inputs();
    let deep = tower(10, Activation::Tanh, &Init::lecun_normal());
    for network in [towers(healthy_tower(), healthy_tower()), towers(deep, healthy_tower())] {
        let advice = task.advise(&network);
        assert!(advice.is_healthy() && advice.remedies().is_empty(), "{advice}");
    }
}

/// The architecture of the part is changed; what is multiplied keeps its last sigmoid, which may be that of a gate.
#[test]
fn remedies_change_the_architecture_of_parts() {
    let init = Init::glorot_normal();
    let task = two_inputs();
    let gate = Sequential::new().then(linear(WIDTH, WIDTH, &init)).then(Activation::Sigmoid);
    let network = Network::new(["a", "b"]).part("deep", "a", tower(12, Activation::Sigmoid, &init));
    let network = network.part("gate", "b", gate).join("gated", Join::Multiply, ["deep", "gate"]);
    let network = network.part("sum", "gated", linear(WIDTH, 1, &init)).part("of_b", "gate", linear(WIDTH, 1, &init));
    let network = network.outputs(["sum", "of_b"]).unwrap();
    let advice = task.advise(&network);
    println!("{advice}");
    let tanh = advice.remedies().iter().find(|remedy| remedy.what.contains("tanh")).unwrap();
    let text = tanh.config().unwrap().to_string();
    assert_eq!((text.matches("\"tanh\"").count(), text.matches("\"sigmoid\"").count()), (11, 2), "{text}");
    let norms = advice.remedies().iter().find(|remedy| remedy.what.contains("layer norms")).unwrap();
    assert_eq!(norms.config().unwrap().to_string().matches("\"layer_norm\"").count(), 11);

    // It is taken by building it, and setting its weights.
    let error = tanh.apply(&network).unwrap_err().to_string();
    assert!(error.starts_with("remedy: the remedy changes the architecture"), "{error}");
    let new: Network = Registry::new().build_as(tanh.config().unwrap(), &mut rng()).unwrap();
    tanh.apply(&new).unwrap();
    let copy: Vec<_> = tanh.model().state().params().map(|param| param.value()).collect();
    assert_eq!(new.state().params().map(|param| param.value()).collect::<Vec<_>>(), copy);
    assert!(task.advise(&new).finding(Cause::GradientVanishes).is_none());
}

/// A network with a layer in each part is a chain: it is judged as a whole, and norms become parts.
#[test]
fn a_chain_of_parts() {
    let [data, _] = task();
    let mut network = Network::new(["x"]).part("in", "x", linear(INPUTS, WIDTH, &Init::glorot_normal()));
    let mut last = "in".to_string();
    for i in 0..15 {
        let (h, next) = (format!("h{i}"), format!("l{i}"));
        network =
            network.part(&h, last, Activation::Sigmoid).part(&next, &h, linear(WIDTH, WIDTH, &Init::glorot_normal()));
        last = next;
    }
    let network = network.part("end", &last, Activation::Tanh);
    let network = network.part("out", "end", linear(WIDTH, 1, &Init::glorot_normal()));
    let network = network.part("y", "out", Activation::Sigmoid).outputs(["y"]).unwrap();
    let advice = advise(&network, &data, &Mse).unwrap();
    println!("{advice}");
    let finding = advice.finding(Cause::GradientVanishes).unwrap();
    assert!(finding.part.is_none() && finding.to_string().starts_with("the gradient vanishes"), "{finding}");
    assert!(!advice.remedies()[0].findings.iter().any(|finding| finding.is_serious()), "{advice}");
    let config = |what: &str| {
        let remedy = advice.remedies().iter().find(|remedy| remedy.what.contains(what));
        remedy.unwrap_or_else(|| panic!("{what}: {advice}")).config().unwrap().to_string()
    };
    let tanh = config("tanh");
    assert_eq!((tanh.matches("\"tanh\"").count(), tanh.matches("\"sigmoid\"").count()), (16, 0), "{tanh}");
    let norms = config("layer norms");
    assert!(norms.contains(r#""name":"end_norm","reads":"l14""#) && !norms.contains("y_norm"), "{norms}");
    assert_eq!(norms.matches("\"layer_norm\"").count(), 16);
}

/// Inputs without scale are named and scaled one by one; indices of an embedding are none.
/// A broken part does not make the model's last layer another, nor the branches of healthy parts weaker.
#[test]
fn the_last_layer_is_that_of_the_model_and_branches_those_of_the_part() {
    let part = |blocks: usize, gain: f64| {
        let rng = &mut rng();
        (0..blocks).fold(Sequential::new(), |all, _| {
            let linear = Linear::new(WIDTH, WIDTH, &Init::lecun_normal().gain(gain), rng).unwrap();
            all.then(Residual::new(Sequential::new().then(Activation::Tanh).then(linear)))
        })
    };
    let (large, usual) = (Init::lecun_normal().gain(200.0), Init::lecun_normal());
    let network = Network::new(["x"]).part("left", "x", tower(4, Activation::Tanh, &usual.gain(30.0)));
    let network =
        network.part("right", "x", tower(4, Activation::Tanh, &usual)).join("h", Join::Add, ["left", "right"]);
    let network = network.part("y", "h", linear(WIDTH, 1, &large)).outputs(["y"]).unwrap();
    let x: Tensor = Init::Normal { mean: 0.0, std: 1.0 }.sample([SAMPLES, WIDTH], &mut rng());
    let data = Dataset::new(x.clone(), x.sum_axis(1).reshape([SAMPLES, 1])).unwrap();
    let advice = advise(&network, &data, &Mse).unwrap();
    assert!(advice.finding(Cause::OutputsTooLarge).is_some(), "{advice}");
    assert!(advice.remedies().iter().any(|remedy| remedy.what.starts_with("`left`: ")), "{advice}");
    let parts: Vec<_> = advice.findings().iter().filter_map(|finding| finding.part.clone()).collect();
    assert!(parts.contains(&"left".into()), "{advice}");
    let scaled = advice.remedies().iter().filter(|remedy| remedy.what == "the last layer scaled to the targets");
    let [remedy] = scaled.collect::<Vec<_>>()[..] else { panic!("{advice}") };
    assert!(remedy.cures(Cause::OutputsTooLarge), "{advice}");
    for (name, param) in network.state().iter() {
        let same = remedy.model().state().get(name).unwrap().value() == param.value();
        assert_eq!(same, name != "y.w", "{name}"); // biases are 0
    }

    // Nine strong branches on the left, four weak ones on the right.
    let network = Network::new(["a", "b"]).part("left", "a", part(9, 30.0)).part("right", "b", part(4, 0.5));
    let network = network.join("h", Join::Add, ["left", "right"]).part("y", "h", linear(WIDTH, 1, &usual));
    let network = network.outputs(["y"]).unwrap();
    let task = two_inputs();
    let registry = Registry::new();
    let inputs = task.inputs();
    let advice = Adviser::new(&registry).advise_all(&network, &inputs, |y| Mse.mean(y["y"], &task.sum)).unwrap();
    let branches = advice.remedies().iter().filter(|remedy| remedy.what == "`left`: branches of strength 1/√L");
    let [remedy] = branches.collect::<Vec<_>>()[..] else { panic!("{advice}") };
    for (name, param) in network.state().iter() {
        let factor = if name.starts_with("left.") && name.ends_with('w') { 3.0 } else { 1.0 };
        let new = remedy.model().state().get(name).unwrap().value();
        assert!((new * factor).is_close(&param.value(), 1e-9), "{name}");
    }
}

#[test]
fn inputs_by_name() {
    let words = Embedding::new(300, WIDTH, &Init::Normal { mean: 0.0, std: 1.0 }, &mut rng()).unwrap();
    let network = Network::new(["table", "words"]).part("rows", "table", linear(WIDTH, WIDTH, &Init::lecun_normal()));
    let network = network.part("h", "rows", Activation::Tanh);
    let network = network.part("seen", "words", Sequential::new().then(words).then(Flatten));
    let network = network.join("both", Join::Concat(1), ["h", "seen"]);
    let y: Mlp = Mlp::new(2 * WIDTH).output(1, Activation::Identity).build(&mut rng()).unwrap();
    let network = network.part("y", "both", y).outputs(["y"]).unwrap();
    let task = two_inputs();
    let words = Tensor::from_fn([SAMPLES, 1], |i| (i[0] * 7 % 300) as f64);
    let inputs = [("words", words), ("table", &task.a * 1e4)];
    let registry = Registry::new();
    let advice = Adviser::new(&registry).advise_all(&network, &inputs, |y| Mse.mean(y["y"], &task.sum)).unwrap();
    let inputs: Vec<_> = advice.findings().iter().filter(|finding| finding.cause == Cause::Inputs).collect();
    assert!(inputs.len() == 1 && inputs[0].to_string().contains("of the input `table` has"), "{advice}");
    let remedy = &advice.remedies()[0];
    assert!(remedy.scaler_of("table").is_some() && remedy.scaler_of("words").is_none() && remedy.scaler().is_none());
    assert!(remedy.cures(Cause::Inputs) && remedy.cures(Cause::SaturatedUnits), "{advice}");

    let refused = |inputs: &[(&str, Tensor)]| {
        let advice = Adviser::new(&registry).advise_all(&network, inputs, |y| Mse.mean(y["y"], &task.sum));
        advice.unwrap_err().to_string()
    };
    assert_eq!(
        refused(&[("words", task.a.clone())]),
        "network: the input `table` is missing; its inputs are `table`, `words`"
    );
}

/// Categories as columns, and tokens of sentences: a layer does what the theory foretells, within 5 %.
#[test]
fn models_of_classes_are_foretold() {
    let rng = &mut rng();
    let normal = Init::Normal { mean: 0.0, std: 1.0 };
    let classes: Tensor = Tensor::from_fn([32, 8], |_| f64::from(rng.random_range(0..300)));
    let words = |rng: &mut StdRng| Sequential::new().then(Embedding::new(300, 128, &normal, rng).unwrap());
    let columns: Sequential = [8 * 128, 256, 256, 256].into_iter().fold(words(rng).then(Flatten), |model, inputs| {
        let layer = Linear::new(inputs, 256, &Init::he_normal().gain(0.5), rng).unwrap();
        model.then(layer).then(Activation::Relu)
    });
    let positions = PositionalEncoding::sinusoidal(8, 128).unwrap();
    let sentences: Sequential = (0..2).fold(words(rng).then(positions), |model, _| {
        model.then(TransformerBlock::new(128, 4, 256, Activation::Gelu, rng).unwrap())
    });
    for (model, shape) in [(columns, vec![32, 256]), (sentences, vec![32, 8, 128])] {
        let targets: Tensor = normal.sample(shape, rng) * 10.0;
        let advice = advise(&model, &Dataset::new(classes.clone(), targets).unwrap(), &Mse).unwrap();
        let (figures, foretold) = (advice.figures(), advice.foretold().expect("the theory knows these layers"));
        let pairs = [(figures.signal, foretold.signal), (figures.gradient, foretold.gradient)];
        for (measured, foretold) in pairs.map(|(measured, foretold)| (measured.unwrap(), foretold.unwrap())) {
            println!("{measured} measured, {foretold} foretold");
            assert!((foretold / measured).ln().abs() < 0.05, "{advice}");
        }
    }
}
