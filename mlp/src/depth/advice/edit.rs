//! Changes of the architecture, in its configuration.

use serde_json::{Map, Value, json};

use crate::{Config, Error};

/// A configuration after a change; `None` where the change does not apply.
pub(super) fn edited(config: &Config, edit: fn(&mut Value) -> bool) -> Result<Option<Config>, Error> {
    let unread = |error: serde_json::Error| Error::config(config.layer(), error.to_string());
    let mut value = serde_json::to_value(config).map_err(unread)?;
    match edit(&mut value) {
        true => Ok(Some(serde_json::from_value(value).map_err(unread)?)),
        false => Ok(None),
    }
}

fn kind(layer: &Value) -> &str {
    layer.get("layer").and_then(Value::as_str).unwrap_or_default()
}

fn layers(model: &mut Value) -> Option<&mut Vec<Value>> {
    model.get_mut("layers")?.as_array_mut()
}

/// Ends the model with the sums of its last layer.
pub(super) fn end_with_sums(model: &mut Value) -> bool {
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
pub(super) fn tanh_for_sigmoid(model: &mut Value) -> bool {
    match kind(model) {
        "mlp" => layers(model).is_some_and(|layers| {
            let hidden = layers.len().saturating_sub(1);
            let dense = layers[..hidden].iter_mut().filter_map(Value::as_object_mut);
            dense.map(|dense| replace(dense, "activation")).filter(|&changed| changed).count() > 0
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
        "sequential" => layers(layer)
            .is_some_and(|layers| layers.iter_mut().map(hidden_tanh).filter(|&changed| changed).count() > 0),
        _ => false,
    }
}

fn replace(layer: &mut Map<String, Value>, field: &str) -> bool {
    let found = layer.get(field).and_then(Value::as_str) == Some("sigmoid");
    if found {
        layer.insert(field.into(), "tanh".into());
    }
    found
}

/// Puts a layer norm before every hidden activation, or before each branch of a residual.
pub(super) fn layer_norm(model: &mut Value) -> bool {
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
