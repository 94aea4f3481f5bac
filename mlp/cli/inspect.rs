//! `mlp inspect`.

use std::fmt::Write as _;

use autograd::{Parameters, Tensor};
use mlp::theory::MeanField;
use mlp::{Activation, Bundle, summary_for};
use serde_json::{Value, json};

use crate::args::Inspect;
use crate::output::{Outcome, aligned, counted, print_either};
use crate::scores::shown;

pub(crate) fn run(inspect: &Inspect, json: bool) -> Outcome {
    let bundle: Bundle = Bundle::load(&inspect.model)?;
    let (schema, model) = (bundle.schema(), bundle.model());
    let (input, target) = (schema.input_names().concat(), schema.target_names().concat());
    let features = schema.features(&input)?;
    let classes = schema.classes(&target).ok();
    let layers = signals(&bundle)?;
    let value = json!({
        "version": bundle.version(),
        "notes": bundle.notes(),
        "config": bundle.config(),
        "schema": schema,
        "features": features,
        "target": target,
        "classes": classes,
        "parameters": model.parameters().numel(),
        "signals": layers.iter().map(Signal::json).collect::<Vec<_>>(),
    });

    let mut text = format!("{}, written by mlp {}\n", inspect.model.display(), bundle.version());
    for (name, note) in bundle.notes() {
        let _ = writeln!(text, "{name}: {note}");
    }
    let _ = writeln!(text, "\n{}", summary_for(model, [1, features.len()])?);
    let _ = writeln!(text, "inputs: {}\n{}", counted(features.len(), "number"), wrapped(&features));
    match classes {
        Some(classes) => {
            let _ = writeln!(text, "target: {target}, {}\n{}", counted(classes.len(), "class"), wrapped(classes));
        }
        None => {
            let _ = writeln!(text, "target: {target}, a number");
        }
    }
    if !layers.is_empty() {
        text += &format!("\n{SIGNALS}\n{}", signal_table(&layers));
    }
    print_either(json, &value, &text)
}

const SIGNALS: &str = "\
signals, by mean-field theory of networks whose weights are drawn with the variances of these (inputs of mean square 1):
the variance of the sums before each activation, and χ, by which a mean squared gradient grows on its way back";

/// Names in lines of up to a hundred characters, shortened if there are very many.
fn wrapped(names: &[String]) -> String {
    const SHOWN: usize = 200;
    let mut lines = vec![String::from(" ")];
    for name in names.iter().take(SHOWN) {
        if lines.last().is_some_and(|line| line.chars().count() + name.chars().count() > 100) {
            lines.push(String::from(" "));
        }
        if let Some(line) = lines.last_mut() {
            *line += &format!(" {name}");
        }
    }
    if names.len() > SHOWN {
        lines.push(format!("  and {} more", names.len() - SHOWN));
    }
    lines.join("\n")
}

/// What theory says of a hidden layer.
struct Signal {
    layer: String,
    activation: Activation,
    /// The variance of its sums.
    variance: f64,
    chi: f64,
}

impl Signal {
    fn json(&self) -> Value {
        let activation = self.activation.to_string();
        json!({ "layer": self.layer, "activation": activation, "variance": self.variance, "chi": self.chi })
    }
}

/// The hidden layers of each plain MLP in the model, if its activations allow a theory.
fn signals(bundle: &Bundle) -> mlp::Result<Vec<Signal>> {
    let config = serde_json::to_value(bundle.config()).unwrap_or_default();
    let mut nets = Vec::new();
    mlps(&config, "", &mut nets);
    let (mut all, state) = (Vec::new(), bundle.model().parameters());
    for (name, layers) in nets {
        all.extend(of_mlp(&name, &layers, &state)?.unwrap_or_default());
    }
    Ok(all)
}

/// The MLPs within a configuration, with the names before their parameters.
fn mlps(config: &Value, name: &str, found: &mut Vec<(String, Vec<Value>)>) {
    let list = |field: &str| config[field].as_array().cloned().unwrap_or_default();
    match config["layer"].as_str() {
        Some("mlp") => found.push((name.to_string(), list("layers"))),
        Some("network") => {
            for part in list("parts") {
                let name = format!("{name}{}.", part["name"].as_str().unwrap_or_default());
                mlps(&part["module"], &name, found);
            }
        }
        _ => {}
    }
}

/// The mean of squares of weights times their number of inputs, and of biases.
fn variances(state: &Parameters, layer: &str) -> Option<(f64, f64)> {
    let square = |x: Tensor| x.as_slice().iter().map(|x| x * x).sum::<f64>() / x.numel() as f64;
    let w = state.get(&format!("{layer}.w"))?.value();
    let biases = state.get(&format!("{layer}.b")).map_or(0.0, |b| square(b.value()));
    Some((w.shape()[0] as f64 * square(w), biases))
}

fn of_mlp(name: &str, layers: &[Value], state: &Parameters) -> mlp::Result<Option<Vec<Signal>>> {
    let plain = layers.iter().all(|layer| layer.get("norm").is_none());
    let places: Vec<String> = (0..layers.len()).map(|i| format!("{name}layers.{i}")).collect();
    let variances: Option<Vec<_>> = places.iter().map(|place| variances(state, place)).collect();
    let (true, Some(variances)) = (plain && layers.len() > 1, variances) else { return Ok(None) };
    let mut signals = Vec::new();
    let mut q = variances[0].0 + variances[0].1;
    for (i, layer) in layers[..layers.len() - 1].iter().enumerate() {
        let activation: Activation = layer["activation"].as_str().unwrap_or("identity").parse()?;
        let (weights, biases) = variances[i + 1];
        // Theory is of functions of one number, with weights that are not all 0.
        let Ok(theory) = MeanField::new(activation) else { return Ok(None) };
        if weights == 0.0 || q == 0.0 {
            return Ok(None);
        }
        let theory = theory.weights(weights).biases(biases);
        signals.push(Signal { layer: places[i].clone(), activation, variance: q, chi: theory.chi(q) });
        q = theory.variance_map(q);
    }
    Ok(Some(signals))
}

fn signal_table(signals: &[Signal]) -> String {
    let header = ["layer", "activation", "variance", "χ"].map(String::from).to_vec();
    let row = |signal: &Signal| {
        vec![signal.layer.clone(), signal.activation.to_string(), shown(signal.variance), shown(signal.chi)]
    };
    aligned(&[header].into_iter().chain(signals.iter().map(row)).collect::<Vec<_>>())
}
