//! Bad configurations: each is refused by name, with a repair, and without a panic.

use mlp::{Config, Error, Module};
use serde_json::{Value, json};

use super::texts::{OPTIONS, TEXTS};
use super::{registry, rng};
use crate::forms::forms;

fn said(text: &str) -> String {
    let built = text.parse::<Config>().and_then(|config| registry::<f64>().build(&config, &mut rng(0)));
    match built {
        Ok(_) => panic!("it was taken: {text}"),
        Err(error @ Error::Config { .. }) => error.to_string(),
        Err(other) => panic!("{text}: {other:?}"),
    }
}

/// A text, and how the message about it begins.
const BAD: &[(&str, &str)] = &[
    // No configuration at all.
    ("", "configuration: it is no JSON (EOF while parsing a value at line 1 column 0); write it as {\"layer\""),
    (r#"{"layer": "linear""#, "configuration: it is no JSON (EOF while parsing an object at line 1 column 18)"),
    (r#"{"layer": "linear"} 1"#, "configuration: it is no JSON (trailing characters at line 1 column 21)"),
    (r#"{"layer": "dropout", "p": NaN}"#, "configuration: it is no JSON (expected value at line 1 column 27)"),
    (r#"{"layer": "dropout", "p": 1e999}"#, "configuration: it is no JSON (number out of range at line 1 column 31)"),
    ("[1]", "configuration: [1] is no layer; write it as"),
    (r#""linear""#, "configuration: \"linear\" is no layer; write it as"),
    (r#"{"inputs": 3}"#, "configuration: the field `layer` is missing, which names the kind of layer; write it as"),
    (r#"{"layer": 3}"#, "configuration: `layer` is 3, and names a kind of layer; write it as"),
    (
        r#"{"layer": "flatten", "layer": "linear"}"#,
        "configuration: the field `layer` stands twice; remove one of them at line 1",
    ),
    (
        r#"{"layer": "flatten", "version": 2}"#,
        "configuration: its version is 2, and 1 is known; read it with a newer release",
    ),
    (r#"{"layer": "flatten", "version": "1"}"#, "configuration: its version is \"1\", and 1 is known"),
    // Nothing that fits no input, and nothing that would not come back.
    (
        r#"{"layer": "mlp", "inputs": 5, "layers": []}"#,
        "mlp: no layer takes the 5 inputs; give layers, or 0 inputs for the identity",
    ),
    (r#"{"layer": "mlp", "layers": []}"#, "mlp: missing field `inputs`; give it a value"),
    (
        r#"{"layer": "max_pool2d", "size": 2, "padding": 2}"#,
        "max_pool2d: a padding of 2 is more than half of the window's 2; pad less",
    ),
    (
        r#"{"layer": "avg_pool1d", "size": 3, "padding": 2}"#,
        "avg_pool1d: a padding of 2 is more than half of the window's 3; pad less",
    ),
    (
        r#"{"layer": "max_pool2d", "size": 4611686018427387904}"#,
        "max_pool2d: a size, stride, padding or dilation reaches over 4611686018427387904 places, and no input has more than",
    ),
    (
        r#"{"layer": "conv2d", "channels": 1, "outputs": 1, "size": 3, "dilation": [1, 1099511627776]}"#,
        "conv2d: a size, stride, padding or dilation reaches over 2199023255553 places, and no input has more than",
    ),
    (
        r#"{"layer": "conv_transpose1d", "channels": 1, "outputs": 1, "size": 3, "output_padding": 1}"#,
        "conv_transpose1d: an output padding of 1 must be less than the stride 1; pad less, or make larger steps",
    ),
    // Layers and fields.
    (
        r#"{"layer": "lineer"}"#,
        "lineer: no such layer is known; register it with Registry::with, or choose from activation, ",
    ),
    (r#"{"layer": ""}"#, "configuration: `layer` is \"\", and names a kind of layer; write it as"),
    (r#"{"layer": "linear", "inputs": 4}"#, "linear: missing field `outputs`; give it a value"),
    (
        r#"{"layer": "linear", "inputs": 4, "ouputs": 8}"#,
        "linear: unknown field `ouputs`, expected one of `inputs`, `outputs`, `bias`, `init`, `bias_init`; correct its name or remove it",
    ),
    (
        r#"{"layer": "flatten", "axis": 1}"#,
        "flatten: unknown field `axis`, there are no fields; correct its name or remove it",
    ),
    (
        r#"{"layer": "linear", "inputs": 4, "outputs": null}"#,
        "configuration: `outputs` is null, as numbers are that are not finite;",
    ),
    (
        r#"{"layer": "linear", "inputs": 4, "outputs": -8}"#,
        "linear: `outputs`: invalid value: integer `-8`, expected a whole number from 0; correct the value",
    ),
    (
        r#"{"layer": "linear", "inputs": 4.5, "outputs": 8}"#,
        "linear: `inputs`: invalid type: floating point `4.5`, expected a whole",
    ),
    (
        r#"{"layer": "linear", "inputs": "4", "outputs": 8}"#,
        "linear: `inputs`: invalid type: string \"4\", expected a whole number",
    ),
    (
        r#"{"layer": "linear", "inputs": 4, "outputs": 8, "bias": 0}"#,
        "linear: `bias`: invalid type: integer `0`, expected a boolean",
    ),
    // Sizes.
    (r#"{"layer": "linear", "inputs": 4, "outputs": 0}"#, "linear: 4 → 0: a layer needs inputs and outputs"),
    (
        r#"{"layer": "linear", "inputs": 9999999999999, "outputs": 9999999999999}"#,
        "linear: init: an array of shape (9999999999999, 9999999999999) has more numbers than memory holds; make it smaller",
    ),
    (
        r#"{"layer": "linear", "inputs": 99999999999999999999, "outputs": 1}"#,
        "linear: `inputs`: invalid type: floating point `1e+20`, expected a whole number from 0",
    ),
    (r#"{"layer": "layer_norm", "features": 0}"#, "layer_norm: 0 features: there is nothing to normalise"),
    (
        r#"{"layer": "layer_norm", "features": 9223372036854775807}"#,
        "layer_norm: an array of shape (2, 9223372036854775807) has more",
    ),
    (
        r#"{"layer": "layer_norm", "features": 2, "eps": -1}"#,
        "layer_norm: eps = -1 is no number from 0; the usual one is 1e-5",
    ),
    (
        r#"{"layer": "batch_norm", "channels": 2, "momentum": 2}"#,
        "batch_norm: the momentum 2 lies outside [0, 1]; the usual one is 0.1",
    ),
    (r#"{"layer": "group_norm", "groups": 2, "channels": 3}"#, "group_norm: 3 channels do not make 2 equal groups"),
    (r#"{"layer": "dropout", "p": 1}"#, "dropout: the probability 1 lies outside [0, 1)"),
    (r#"{"layer": "prelu", "features": 0}"#, "prelu: 0 features have no α; 1 shares it among all"),
    (
        r#"{"layer": "embedding", "count": 3, "width": 2, "padding": 3}"#,
        "embedding: the padding 3 is none of the 3 classes, 0 to 2",
    ),
    (
        r#"{"layer": "positions", "longest": 3, "width": 5}"#,
        "positions: a width of 5: sines and cosines come in pairs; make it even",
    ),
    (
        r#"{"layer": "positions", "longest": 3, "width": 4, "init": "zeros"}"#,
        "positions: sines and cosines are not drawn; remove `init`",
    ),
    (
        r#"{"layer": "gru", "inputs": 2, "hidden": 3, "layers": 999999999999999}"#,
        "gru: an array of shape (999999999999999, 8, 9) has more",
    ),
    (r#"{"layer": "lstm", "inputs": 2, "hidden": 3, "segments": 0}"#, "lstm: segments of 0 steps; 1 keeps every state"),
    (
        r#"{"layer": "gru", "inputs": 2, "hidden": 3, "gate_bias": {"forget": 1}}"#,
        "gru: it has no gate `forget`; its gates are `reset`, `update`, `candidate`",
    ),
    (r#"{"layer": "attention", "width": 4, "heads": 3}"#, "attention: 3 heads cannot share 4 columns evenly"),
    (
        r#"{"layer": "transformer", "width": 4, "heads": 2, "inner": 6, "activation": "gellu"}"#,
        "transformer: `activation`: activation: `gellu` is not known; choose from identity, linear, ",
    ),
    // Windows.
    (
        r#"{"layer": "conv2d", "channels": 2, "outputs": 3, "size": [1, 2, 3]}"#,
        "conv2d: `size`: invalid length 3, expected fewer elements",
    ),
    (
        r#"{"layer": "conv2d", "channels": 2, "outputs": 3, "size": "3"}"#,
        "conv2d: `size`: invalid type: string \"3\", expected a whole number from 0, or [rows, columns]; correct",
    ),
    (
        r#"{"layer": "conv1d", "channels": 2, "outputs": 3, "size": [3, 3]}"#,
        "conv1d: `size`: invalid type: sequence, expected a whole number from 0; correct",
    ),
    (
        r#"{"layer": "conv2d", "channels": 2, "outputs": 3, "size": 0}"#,
        "conv2d: 2 → 3 channels, windows of [0, 0], 1 groups: no size may be 0",
    ),
    (
        r#"{"layer": "conv2d", "channels": 2, "outputs": 3, "size": 1, "groups": 2}"#,
        "conv2d: 2 groups do not divide 2 channels and 3 outputs",
    ),
    (
        r#"{"layer": "conv2d", "channels": 2, "outputs": 3, "size": 1, "stride": [1, 0]}"#,
        "conv2d: a stride or a dilation of 0 does not move",
    ),
    (
        r#"{"layer": "conv2d", "channels": 2, "outputs": 3, "size": 1, "output_padding": 1}"#,
        "conv2d: only a transposed convolution has",
    ),
    (r#"{"layer": "max_pool2d", "size": [2, 0]}"#, "max_pool2d: a window of size 0 holds nothing; make it at least 1"),
    (
        r#"{"layer": "avg_pool1d", "size": 2, "dilation": 0}"#,
        "avg_pool1d: a stride or a dilation of 0 does not move; make it at least 1",
    ),
    (
        r#"{"layer": "upsample2d", "size": 2, "how": "cubic"}"#,
        "upsample2d: `how`: `cubic` is unknown; choose from nearest, bilinear",
    ),
    // Initialisers and activations.
    (
        r#"{"layer": "linear", "inputs": 1, "outputs": 1, "init": "he"}"#,
        "linear: `init`: `he` is no initialiser; choose from zeros, lecun_normal, ",
    ),
    (
        r#"{"layer": "linear", "inputs": 1, "outputs": 1, "init": {"normal": {"mean": 0}}}"#,
        "linear: `init.normal`: missing field `std`; give it a value",
    ),
    (
        r#"{"layer": "linear", "inputs": 1, "outputs": 1, "init": {"normal": {"mean": 0, "std": -1}}}"#,
        "linear: init: Normal { mean: 0.0, std: -1.0 } needs finite numbers, std ≥ 0",
    ),
    (
        r#"{"layer": "linear", "inputs": 1, "outputs": 1, "bias_init": "he_normal"}"#,
        "linear: init: shape (1,) is not (inputs, outputs)",
    ),
    (
        r#"{"layer": "activation", "function": "leaky_relu(nan)"}"#,
        "activation: `function`: activation: `leaky_relu(NaN)` has an argument",
    ),
    // Layers in layers.
    (
        r#"{"layer": "sequential", "layers": {}}"#,
        "sequential: `layers`: invalid type: map, expected a sequence; correct the value",
    ),
    (
        r#"{"layer": "sequential", "layers": [{"layer": "flatten"}, {"inputs": 3}]}"#,
        "sequential: `layers.1`: the field `layer` is missing, which names the kind of layer; write it as",
    ),
    (
        r#"{"layer": "sequential", "layers": [{"layer": "flatten"}, {"layer": "residual", "inner": {"layer": "conv9d"}}]}"#,
        "layers.1.inner (conv9d): no such layer is known",
    ),
    (
        r#"{"layer": "sequential", "layers": [{"layer": "flatten"}, {"layer": "linear", "inputs": 1, "inputs": 2}]}"#,
        "configuration: the field `inputs` stands twice",
    ),
    (
        r#"{"layer": "residual", "inner": {"layer": "dropout", "p": "half"}}"#,
        "inner (dropout): `p`: invalid type: string \"half\", expected f64",
    ),
    (
        r#"{"layer": "residual", "inner": {"layer": "flatten"}, "strength": "weak"}"#,
        "residual: `strength`: invalid type: string \"weak\", expected f64",
    ),
    (
        r#"{"layer": "weight_norm", "inner": {"layer": "flatten"}}"#,
        "inner (flatten): it has no weights to normalise; choose a linear layer",
    ),
    (
        r#"{"layer": "weight_norm", "inner": {"layer": "linear", "inputs": 1, "outputs": 1, "init": "zeros"}}"#,
        "weight_norm: the weights of output 0 have the norm 0; draw them at random",
    ),
    (
        r#"{"layer": "spectral_norm", "inner": {"layer": "linear", "inputs": 1, "outputs": 1}, "iterations": 0}"#,
        "spectral_norm: 0 iterations would not follow the weights",
    ),
    // Multilayer perceptrons.
    (r#"{"layer": "dense", "units": 3}"#, "dense: missing field `inputs`; give it a value"),
    (
        r#"{"layer": "mlp", "inputs": 2, "layers": [{"units": 3}, {"units": 0}]}"#,
        "layers.1 (dense): 3 → 0: no size may be 0",
    ),
    (
        r#"{"layer": "mlp", "inputs": 2, "layers": [{"units": 3, "inputs": 2}]}"#,
        "mlp: layer 0 gives its inputs, which are the units",
    ),
    (
        r#"{"layer": "mlp", "inputs": 2, "layers": [{"units": 3, "norm": "group_norm"}]}"#,
        "layers.0.norm (group_norm): it normalises no layer",
    ),
    (
        r#"{"layer": "mlp", "inputs": 2, "layers": [{"units": 3, "norm": {"layer": "rms_norm", "features": 3}}]}"#,
        "layers.0.norm (rms_norm): `features` is given, which are the units of the layer; remove the field",
    ),
    (
        r#"{"layer": "mlp", "inputs": 2, "layers": [{"units": 3, "dropout": 1}]}"#,
        "layers.0 (dense): dropout: the probability 1 lies outside",
    ),
    (
        r#"{"layer": "mlp", "inputs": 2, "layers": [{"units": "3"}]}"#,
        "mlp: `layers.0.units`: invalid type: string \"3\", expected a whole number",
    ),
    // Networks; the builder has a table of its own.
    (
        r#"{"layer": "network", "inputs": ["x"], "parts": [{"name": "y", "reads": "x"}], "outputs": ["y"]}"#,
        "network: part `y` needs one of `module`, `join` and `same`; give it one",
    ),
    (
        r#"{"layer": "network", "inputs": ["x"], "parts": [{"name": "y", "reads": ["x", "x"], "module": {"layer": "flatten"}}], "outputs": ["y"]}"#,
        "network: part `y` reads 2 values, and a module takes one; join them before",
    ),
    (
        r#"{"layer": "network", "inputs": ["x"], "parts": [{"name": "y", "reads": 3, "join": "add"}], "outputs": ["y"]}"#,
        "network: `parts.0.reads`: a name, or a list of names, is needed; correct the value",
    ),
    (
        r#"{"layer": "network", "inputs": ["x"], "parts": [{"name": "y", "reads": ["x", "x"], "join": "subtract"}], "outputs": ["y"]}"#,
        "network: `parts.0.join`: unknown variant `subtract`, expected one of `concat`, `add`, `multiply`",
    ),
    (
        r#"{"layer": "network", "inputs": ["x"], "parts": [{"name": "y", "reads": "x", "module": {"layer": "linear"}}], "outputs": ["y"]}"#,
        "parts.y (linear): missing field `inputs`; give it a value",
    ),
];

#[test]
fn bad_configurations_are_refused_by_name() {
    let wrong: Vec<String> = BAD
        .iter()
        .map(|&(text, begin)| (text, begin, said(text)))
        .filter(|(_, begin, found)| !found.starts_with(begin))
        .map(|(text, begin, found)| format!("{text}\n  expected {begin}\n  found    {found}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Text that lies too deep is refused by the reader, and never exhausts the stack.
#[test]
fn deep_texts_are_refused() {
    for depth in [100, 128, 1000, 100_000] {
        let nested = |open: &str, close: &str, core: &str| open.repeat(depth) + core + &close.repeat(depth);
        let layers = nested(r#"{"layer": "residual", "inner": "#, "}", r#"{"layer": "flatten"}"#);
        let found = said(&layers);
        let refused = found.contains("deeper than 100 brackets") || found.contains("recursion limit exceeded");
        assert!(refused, "{depth}: {found}");
        said(&nested("[", "]", ""));
        said(&nested(r#"{"layer": "sequential", "layers": ["#, "]}", ""));
    }
}

/// Every place of a value, or with `objects` of an object, as a JSON pointer.
fn places(value: &Value, at: &str, objects: bool, found: &mut Vec<String>) {
    let within: Vec<(String, &Value)> = match value {
        Value::Array(values) => values.iter().enumerate().map(|(i, value)| (i.to_string(), value)).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        _ => vec![],
    };
    if value.is_object() || !objects {
        found.push(at.to_string());
    }
    within.into_iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), objects, found));
}

fn all_texts() -> impl Iterator<Item = Value> {
    let texts = TEXTS.iter().map(|(_, text)| *text).chain(OPTIONS);
    texts.map(|text| serde_json::from_str(text).unwrap())
}

/// No object of any configuration takes a field that it does not know.
#[test]
fn unknown_fields_are_refused_everywhere() {
    for whole in all_texts() {
        let mut found = vec![];
        places(&whole, "", true, &mut found);
        for place in found {
            let mut more = whole.clone();
            more.pointer_mut(&place).unwrap()["surplus"] = json!(1);
            let found = said(&more.to_string());
            // A choice, such as {"concat": 1}, has one key in any case.
            assert!(found.contains("surplus") || found.contains("expected map with a single key"), "{more}: {found}");
        }
    }
}

/// Whatever stands in a place, a configuration is built or refused; what is built foretells shapes or refuses them. Nothing panics.
#[test]
fn whatever_stands_in_a_place_nothing_panics() {
    let strange = [
        json!(0),
        json!(1),
        json!(-1),
        json!(u64::MAX),
        json!(1u64 << 62),
        json!(1u64 << 45),
        json!(0.5),
        json!(-1e300),
        json!(true),
        json!(""),
        json!("x"),
        json!([]),
        json!([1, 2]),
        json!([0, 1u64 << 62]),
        json!({}),
        json!({"layer": "flatten"}),
    ];
    let registry = registry::<f64>();
    let shapes: Vec<_> = forms::<f64>().iter().map(|form| form.inputs.shape().clone()).collect();
    let (mut built, mut refused) = (0, 0);
    for whole in all_texts() {
        let mut found = vec![];
        places(&whole, "", false, &mut found);
        for (place, strange) in found.iter().flat_map(|place| strange.iter().map(move |strange| (place, strange))) {
            let mut other = whole.clone();
            *other.pointer_mut(place).unwrap() = strange.clone();
            let text = other.to_string();
            match text.parse::<Config>().and_then(|config| registry.build(&config, &mut rng(0))) {
                Ok(layer) => {
                    built += 1;
                    shapes.iter().for_each(|shape| drop(layer.output_shape(shape)));
                }
                Err(Error::Config { problem, .. }) => {
                    refused += 1;
                    assert!(!problem.is_empty(), "{text}");
                }
                Err(other) => panic!("{text}: {other:?}"),
            }
        }
    }
    assert!(built > 300 && refused > 2000, "{built} were built, {refused} refused");
}

/// A layer of a known type is built as that type, and no other.
#[test]
fn the_type_is_checked() {
    let config: Config = r#"{"layer": "flatten"}"#.parse().unwrap();
    let error = registry::<f64>().build_as::<mlp::Mlp>(&config, &mut rng(0)).unwrap_err();
    assert_eq!(error.to_string(), "flatten: the layer `mlp` is needed; give its configuration");
    assert!(
        registry::<f64>()
            .build_as::<mlp::Flatten>(&config, &mut rng(0))
            .is_ok_and(|layer| { Module::<f64>::describe(&layer)[0].layer == "flatten" })
    );
}
