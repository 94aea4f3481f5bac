//! Changes of the architecture, in its configuration.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use crate::{Config, Error};

/// A change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// Ends the model with the sums of its last layer.
    EndWithSums,
    /// Puts tanh in the place of every hidden sigmoid.
    TanhForSigmoid,
    /// Puts a layer norm before every hidden activation, or before each branch of a residual.
    LayerNorm,
}

/// A configuration after a change, in these parts of a network if some are given; `None` where the change does not apply.
pub(super) fn edited(config: &Config, edit: Edit, parts: Option<&BTreeSet<String>>) -> Result<Option<Config>, Error> {
    let unread = |error: serde_json::Error| Error::config(config.layer(), error.to_string());
    let mut value = serde_json::to_value(config).map_err(unread)?;
    let changed = match (kind(&value), edit) {
        ("network", edit) => network(&mut value, edit, parts),
        (_, Edit::EndWithSums) => end_with_sums(&mut value),
        (_, Edit::TanhForSigmoid) => tanh_for_sigmoid(&mut value),
        (_, Edit::LayerNorm) => layer_norm(&mut value),
    };
    match changed {
        true => Ok(Some(serde_json::from_value(value).map_err(unread)?)),
        false => Ok(None),
    }
}

/// Changes the modules of a network, and what stands between them.
fn network(model: &mut Value, edit: Edit, scope: Option<&BTreeSet<String>>) -> bool {
    let outputs = names(&model["outputs"]);
    let Some(parts) = model.get_mut("parts").and_then(Value::as_array_mut) else { return false };
    // A gate multiplies: it has to stay between 0 and 1.
    let gates = parts.iter().filter(|part| part["join"] == "multiply").flat_map(|part| names(&part["reads"]));
    let gates: BTreeSet<String> = gates.collect();
    let mut changed = false;
    for part in parts.iter_mut() {
        let name = part["name"].as_str().unwrap_or_default().to_string();
        let Some(module) = part.get_mut("module").filter(|_| scope.is_none_or(|scope| scope.contains(&name))) else {
            continue;
        };
        let is_output = outputs.contains(&name);
        changed |= match edit {
            Edit::EndWithSums if !is_output => false,
            Edit::EndWithSums if kind(module) == "activation" => {
                let end = json!("identity");
                module["function"] != end && {
                    module["function"] = end;
                    true
                }
            }
            Edit::EndWithSums => end_with_sums(module),
            Edit::TanhForSigmoid if is_output || gates.contains(&name) => tanh_for_sigmoid(module),
            Edit::TanhForSigmoid => hidden_tanh(module),
            Edit::LayerNorm => layer_norm(module),
        };
    }
    if edit == Edit::LayerNorm {
        changed |= norms_between(parts, &outputs, scope);
    }
    changed
}

/// A norm as a part between each linear part and the activation that reads it.
fn norms_between(parts: &mut Vec<Value>, outputs: &BTreeSet<String>, scope: Option<&BTreeSet<String>>) -> bool {
    let linear: HashMap<String, u64> = parts
        .iter()
        .filter_map(|part| Some((part["name"].as_str()?.to_string(), linear(part.get("module")?, "outputs")?)))
        .filter(|(name, _)| scope.is_none_or(|scope| scope.contains(name)))
        .collect();
    let taken: BTreeSet<String> = parts.iter().flat_map(|part| names(&part["name"])).collect();
    let before = parts.len();
    for i in (0..before).rev() {
        let part = &parts[i];
        let (Some(name), Some(reads)) = (part["name"].as_str(), part["reads"].as_str()) else { continue };
        let is_hidden =
            part.get("module").is_some_and(|module| kind(module) == "activation") && !outputs.contains(name);
        let (Some(&features), true) = (linear.get(reads), is_hidden) else { continue };
        let new = format!("{name}_norm");
        if !taken.contains(&new) {
            let norm = json!({"name": new, "reads": reads, "module": norm(features)});
            parts[i]["reads"] = json!(new);
            parts.insert(i, norm);
        }
    }
    parts.len() > before
}

/// One name, or several.
fn names(value: &Value) -> BTreeSet<String> {
    let one = value.as_str().into_iter();
    let several = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    one.chain(several).map(String::from).collect()
}

fn kind(layer: &Value) -> &str {
    layer.get("layer").and_then(Value::as_str).unwrap_or_default()
}

fn layers(model: &mut Value) -> Option<&mut Vec<Value>> {
    model.get_mut("layers")?.as_array_mut()
}

/// Ends the model with the sums of its last layer.
fn end_with_sums(model: &mut Value) -> bool {
    let without = |dense: &mut Value| dense.as_object_mut().is_some_and(|dense| dense.remove("activation").is_some());
    match kind(model) {
        "dense" => without(model),
        "mlp" => layers(model).and_then(|layers| layers.last_mut()).is_some_and(without),
        "sequential" => layers(model).is_some_and(|layers| match layers.last_mut() {
            Some(last) if kind(last) == "activation" => layers.pop().is_some(),
            Some(last) => end_with_sums(last),
            None => false,
        }),
        _ => false,
    }
}

/// Puts tanh in the place of every hidden sigmoid.
fn tanh_for_sigmoid(model: &mut Value) -> bool {
    match kind(model) {
        "mlp" => layers(model).is_some_and(|layers| {
            let hidden = layers.len().saturating_sub(1);
            dense_tanh(&mut layers[..hidden])
        }),
        "sequential" => layers(model).is_some_and(|layers| {
            let hidden = layers.len().saturating_sub(1);
            layers[..hidden].iter_mut().map(hidden_tanh).filter(|&changed| changed).count() > 0
        }),
        _ => false,
    }
}

fn hidden_tanh(layer: &mut Value) -> bool {
    match kind(layer) {
        "activation" => layer.as_object_mut().is_some_and(|layer| replace(layer, "function")),
        "dense" => layer.as_object_mut().is_some_and(|layer| replace(layer, "activation")),
        "residual" => layer.get_mut("inner").is_some_and(hidden_tanh),
        "mlp" => layers(layer).is_some_and(|layers| dense_tanh(layers)),
        "sequential" => layers(layer)
            .is_some_and(|layers| layers.iter_mut().map(hidden_tanh).filter(|&changed| changed).count() > 0),
        _ => false,
    }
}

fn dense_tanh(layers: &mut [Value]) -> bool {
    let dense = layers.iter_mut().filter_map(Value::as_object_mut);
    dense.map(|dense| replace(dense, "activation")).filter(|&changed| changed).count() > 0
}

fn replace(layer: &mut Map<String, Value>, field: &str) -> bool {
    let found = layer.get(field).and_then(Value::as_str) == Some("sigmoid");
    if found {
        layer.insert(field.into(), "tanh".into());
    }
    found
}

/// Puts a layer norm before every hidden activation, or before each branch of a residual.
fn layer_norm(model: &mut Value) -> bool {
    match kind(model) {
        "mlp" => layers(model).is_some_and(|layers| {
            let hidden = layers.len().saturating_sub(1);
            let dense = layers[..hidden].iter_mut().filter_map(Value::as_object_mut);
            let without = dense.filter(|dense| !dense.contains_key("norm"));
            without.map(|dense| dense.insert("norm".into(), "layer_norm".into())).count() > 0
        }),
        "sequential" => layers(model).is_some_and(normalised),
        "residual" => model.get_mut("inner").is_some_and(before_branch),
        _ => false,
    }
}

/// A norm between each linear layer and its activation.
fn normalised(layers: &mut Vec<Value>) -> bool {
    let mut changed = false;
    let mut i = 0;
    while i < layers.len() {
        changed |= layer_norm(&mut layers[i]);
        let features = (i > 0).then(|| linear(&layers[i - 1], "outputs")).flatten();
        // One at the end gives the outputs.
        if let Some(features) = features.filter(|_| kind(&layers[i]) == "activation" && i + 1 < layers.len()) {
            layers.insert(i, norm(features));
            changed = true;
            i += 1;
        }
        i += 1;
    }
    changed
}

fn before_branch(branch: &mut Value) -> bool {
    if kind(branch) != "sequential" {
        return false;
    }
    let Some(layers) = layers(branch) else { return false };
    if layers.first().is_none_or(|first| kind(first).ends_with("_norm")) {
        return false;
    }
    let Some(features) = layers.iter().find_map(|layer| linear(layer, "inputs")) else { return false };
    layers.insert(0, norm(features));
    true
}

fn linear(layer: &Value, size: &str) -> Option<u64> {
    (kind(layer) == "linear").then(|| layer.get(size)?.as_u64()).flatten()
}

fn norm(features: u64) -> Value {
    json!({"layer": "layer_norm", "features": features})
}
