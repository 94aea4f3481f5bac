//! Models as plain data: what is written is built, and what is built is written.

mod refused;
mod texts;

use autograd::{Float, Param, Parameters, Tape, Tensor, Var};
use mlp::{
    Activation, BatchNorm, Config, Configured, Error, Function, Init, LayerNorm, Linear, Lstm, Module,
    MultiHeadAttention, Parts, Registry, Residual, Sequential, TransformerBlock, WeightNorm, Weighted, io,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::forms::{Form, Whole, forms};
use texts::{OPTIONS, TEXTS};

/// The layers of the crate, and one of the tests.
pub(crate) fn registry<T: Float>() -> Registry<T> {
    Registry::new().with::<Whole<T>>()
}

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// The names and shapes of parameters or buffers.
fn shapes<T: Float>(of: &Parameters<T>) -> Vec<String> {
    of.iter().map(|(name, param)| format!("{name} {}", param.shape())).collect()
}

/// The output in training mode, and the buffers that are moved.
fn trained<T: Float>(layer: &dyn Module<T>, x: &Tensor<T>) -> (Tensor<T>, Vec<Tensor<T>>) {
    let tape = Tape::default();
    tape.train(1);
    let y = layer.forward(tape.constant(x.clone())).value();
    (y, layer.buffers().params().map(Param::value).collect())
}

/// The same layer from text, with the numbers of the first.
fn come_back<T: Float>(form: Form<T>) {
    let Form { name, layer, inputs } = form;
    let config = layer.config().unwrap_or_else(|error| panic!("{name}: {error}"));
    let read: Config = config.to_string().parse().unwrap();
    assert_eq!(read, config, "{name}");
    assert_eq!(format!("{config:#}").parse::<Config>().unwrap(), config, "{name}");
    let copy = registry::<T>().build(&read, &mut rng(99)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(copy.config().unwrap(), config, "{name}");
    assert_eq!(shapes(&copy.parameters()), shapes(&layer.parameters()), "{name}");
    assert_eq!(shapes(&copy.buffers()), shapes(&layer.buffers()), "{name}");
    assert_eq!(copy.describe(), layer.describe(), "{name}");
    assert_eq!(copy.output_shape(inputs.shape()).unwrap(), layer.output_shape(inputs.shape()).unwrap(), "{name}");
    assert_eq!(
        (copy.input_width(), copy.output_activation()),
        (layer.input_width(), layer.output_activation()),
        "{name}"
    );

    layer.parameters().params().for_each(|param| param.set(param.value() * 1.5 + 0.01));
    if !layer.state().is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("layer.safetensors");
        io::save(&layer.state(), &path).unwrap();
        io::load(&copy.state(), &path).unwrap();
    }
    assert_eq!(copy.predict(&inputs), layer.predict(&inputs), "{name}");
    assert_eq!(trained(&*copy, &inputs), trained(&*layer, &inputs), "{name}");
}

#[test]
fn every_layer_comes_back_from_its_text() {
    forms::<f64>().into_iter().for_each(come_back);
    forms::<f32>().into_iter().for_each(come_back);
}

/// The text form is kept: what was written yesterday is read tomorrow.
#[test]
fn every_layer_is_written_as_it_was() {
    for form in forms::<f64>() {
        let text = form.layer.config().unwrap().to_string();
        let Some((_, kept)) = TEXTS.iter().find(|(name, _)| *name == form.name) else {
            panic!("a new form; add it to TEXTS: ({:?}, r#\"{text}\"#),", form.name)
        };
        assert_eq!(text, *kept, "{}", form.name);
    }
}

#[test]
fn every_option_comes_back() {
    for text in OPTIONS {
        let config: Config = text.parse().unwrap();
        let layer = registry::<f64>().build(&config, &mut rng(0)).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(layer.config().unwrap().to_string(), text);
    }
}

/// A text may name the version that it has; it is left out while there is one.
#[test]
fn the_version_is_read() {
    let config: Config = r#"{"version": 1, "layer": "flatten"}"#.parse().unwrap();
    assert_eq!(config.to_string(), r#"{"layer":"flatten"}"#);
}

/// All keys and kinds of layers in a text.
fn words(value: &Value, kinds: &mut Vec<String>, fields: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| words(value, kinds, fields)),
        Value::Object(entries) => {
            kinds.extend(entries.get("layer").and_then(Value::as_str).map(String::from));
            fields.extend(entries.keys().cloned());
            entries.values().for_each(|value| words(value, kinds, fields));
        }
        _ => {}
    }
}

/// The page of configurations has a row for each kind of layer, with all fields; the texts of these tests have each kind.
#[test]
fn every_kind_of_layer_is_documented_and_tested() {
    let page = include_str!("../../../src/nn/config/mod.rs");
    let (mut kinds, mut fields) = (vec![], vec![]);
    let texts = TEXTS.iter().map(|(_, text)| *text).chain(OPTIONS);
    texts.for_each(|text| words(&serde_json::from_str(text).unwrap(), &mut kinds, &mut fields));
    for name in Registry::<f64>::new().names() {
        assert!(kinds.iter().any(|kind| kind == name), "no text has the layer `{name}`");
        assert!(page.contains(&format!("`{name}`")), "the page of configurations lacks `{name}`");
    }
    let of_tests = ["rows", "reads", "name", "same", "module", "join", "concat"];
    for field in fields.iter().filter(|field| !of_tests.contains(&field.as_str())) {
        assert!(page.contains(&format!("`{field}`")), "the page of configurations lacks the field `{field}`");
    }
}

fn built(text: &str) -> Box<dyn Module> {
    text.parse::<Config>().unwrap().build(&mut rng(7)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn values(layer: &dyn Module) -> Vec<Tensor> {
    layer.parameters().params().map(Param::value).collect()
}

/// What is built from data has the bits of what is built in code.
#[test]
fn initialisers_are_part_of_the_data() {
    let linear = Linear::with_biases(3, 2, &Init::orthogonal(), &Init::Constant(0.1), &mut rng(7)).unwrap();
    let text =
        r#"{"layer": "linear", "inputs": 3, "outputs": 2, "init": "orthogonal", "bias_init": {"constant": 0.1}}"#;
    assert_eq!(values(&*built(text)), values(&linear));
    let usual = Linear::new(3, 2, &Init::glorot_uniform(), &mut rng(7)).unwrap();
    assert_eq!(values(&*built(r#"{"layer": "linear", "inputs": 3, "outputs": 2}"#)), values(&usual));

    let random = &mut rng(7);
    let lstm = Lstm::new(2, 3, random).unwrap().recurrent_init(&Init::orthogonal(), random).unwrap();
    let lstm = lstm.forget_bias(1.0).input_bias(-2.0);
    let text = r#"{"layer": "lstm", "inputs": 2, "hidden": 3, "recurrent_init": "orthogonal", "gate_bias": {"forget": 1, "input": -2}}"#;
    assert_eq!(values(&*built(text)), values(&lstm));

    let text = r#"{"layer": "mlp", "inputs": 3, "layers": [{"units": 4, "activation": "relu"}, {"units": 2, "bias_init": {"constant": 3}}]}"#;
    let model =
        mlp::Mlp::new(3).hidden(4, Activation::Relu).output(2, Activation::Identity).build(&mut rng(7)).unwrap();
    model.layers()[1].linear.b.as_ref().unwrap().set([3.0, 3.0]);
    assert_eq!(values(&*built(text)), values(&model));
}

/// Every initialiser and every activation is itself again, to the last bit.
#[test]
fn recipes_are_data() {
    use mlp::init::{Distribution, Fan};
    let unbounded = Init::TruncatedNormal { mean: 0.5, std: 0.1, low: f64::NEG_INFINITY, high: f64::INFINITY };
    let recipes = [
        (Init::Zeros, r#""zeros""#),
        (Init::Constant(0.1), r#"{"constant":0.1}"#),
        (Init::Uniform { low: -1.0, high: 1e-300 }, r#"{"uniform":{"low":-1.0,"high":1e-300}}"#),
        (Init::Normal { mean: 0.0, std: 1.0 / 3.0 }, r#"{"normal":{"mean":0.0,"std":0.3333333333333333}}"#),
        (Init::truncated_normal(0.1), r#"{"truncated_normal":{"mean":0.0,"std":0.1,"low":-2.0,"high":2.0}}"#),
        (unbounded, r#"{"truncated_normal":{"mean":0.5,"std":0.1,"low":"-inf","high":"inf"}}"#),
        (Init::lecun_normal(), r#""lecun_normal""#),
        (Init::lecun_uniform(), r#""lecun_uniform""#),
        (Init::glorot_normal(), r#""glorot_normal""#),
        (Init::glorot_uniform(), r#""glorot_uniform""#),
        (Init::he_normal(), r#""he_normal""#),
        (Init::he_uniform(), r#""he_uniform""#),
        (
            Init::Scaled { gain: 0.7, fan: Fan::Out, distribution: Distribution::Uniform },
            r#"{"scaled":{"gain":0.7,"fan":"out","distribution":"uniform"}}"#,
        ),
        (Init::orthogonal(), r#""orthogonal""#),
        (Init::orthogonal().gain(0.9), r#"{"orthogonal":{"gain":0.9}}"#),
    ];
    for (recipe, text) in recipes {
        assert_eq!(serde_json::to_string(&recipe).unwrap(), text);
        assert_eq!(serde_json::from_str::<Init>(text).unwrap(), recipe, "{text}");
    }
    for activation in Activation::ALL.into_iter().chain([Activation::LeakyRelu(1.0 / 3.0)]) {
        let text = serde_json::to_string(&activation).unwrap();
        assert_eq!(serde_json::from_str::<Activation>(&text).unwrap(), activation, "{text}");
    }
}

/// Brackets as deep as are allowed are written and read; deeper ones are refused when they are written.
#[test]
fn deep_models_are_written_or_refused() {
    let nested = |n: usize| (0..n).fold(Residual::new(Activation::Tanh), |inner, _| Residual::new(inner));
    let deep: Residual = nested(90);
    let config = deep.config().unwrap();
    let copy = config.to_string().parse::<Config>().unwrap().build::<f64>(&mut rng(0)).unwrap();
    assert_eq!(copy.config().unwrap(), config);
    let deeper: Residual = nested(200);
    let error = deeper.config().unwrap_err().to_string();
    assert!(error.ends_with("it lies deeper than 100 brackets; nest fewer layers"), "{error}");
}

/// `y = x·Wᵀ`.
struct Turned(Param);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sizes {
    outputs: usize,
    inputs: usize,
}

impl Module for Turned {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.forward_weighted(x, self.0.on(x.tape()))
    }
    fn parameters(&self) -> Parameters {
        Parameters::new().with("w", &self.0)
    }
    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }
}

impl Weighted for Turned {
    fn weights(&self) -> &Param {
        &self.0
    }
    fn output_axis(&self) -> usize {
        0
    }
    fn forward_weighted<'t>(&self, x: Var<'t>, w: Var<'t>) -> Var<'t> {
        x.matmul(w.t())
    }
}

impl Configured for Turned {
    const LAYER: &'static str = "turned";
    type Data = Sizes;
    fn data(&self) -> Result<Sizes, Error> {
        let shape = self.0.shape();
        Ok(Sizes { outputs: shape[0], inputs: shape[1] })
    }
    fn build(data: Sizes, parts: &mut Parts<'_>) -> Result<Self, Error> {
        Ok(Turned(Param::new(Init::he_normal().try_sample([data.outputs, data.inputs], parts.rng())?)))
    }
}

#[test]
fn a_layer_of_ones_own_takes_part_everywhere() {
    let registry = Registry::new().with_weighted::<Turned>();
    let layer = WeightNorm::new(Turned(Param::new([[3.0, 4.0]]))).unwrap();
    let model = Sequential::new().then(Residual::new(Activation::Tanh)).then(layer);
    let config = model.config().unwrap();
    let copy = registry.build(&config, &mut rng(0)).unwrap();
    assert_eq!(copy.config().unwrap(), config);
    assert_eq!(shapes(&copy.state()), shapes(&model.state()));
    let error = registry.build(&r#"{"layer": "turned", "inputs": 3}"#.parse().unwrap(), &mut rng(0)).err().unwrap();
    assert_eq!(error.to_string(), "turned: missing field `outputs`; give it a value");
    let error = config.build::<f64>(&mut rng(0)).err().unwrap().to_string();
    assert!(
        error.starts_with("layers.1.inner (turned): no such layer is known; register it with Registry::with"),
        "{error}"
    );
}

#[test]
#[should_panic(expected = "registry: the name `linear` is taken; give the layer another")]
fn a_name_is_registered_once() {
    let _ = Registry::<f64>::new().with::<Linear>();
}

/// What no data describe is said with its place, and never written as something else.
#[test]
fn what_has_no_configuration_is_named() {
    struct Neuron(Param);
    impl Module for Neuron {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            x * &self.0
        }
        fn parameters(&self) -> Parameters {
            Parameters::new().with("w", &self.0)
        }
    }
    let said = |layer: Box<dyn Module>| layer.config().unwrap_err().to_string();
    let inner = Sequential::new().then(Activation::Tanh).then(Residual::new(Neuron(Param::new([1.0]))));
    let none = "it has no configuration; make it `Configured`, and let `Module::config` return `Config::of(self)`";
    assert_eq!(said(Box::new(Sequential::new().then(inner))), format!("layers.0.layers.1.inner (Neuron): {none}"));

    let norm = LayerNorm { eps: f64::NAN, ..LayerNorm::new(2).unwrap() };
    assert!(said(Box::new(norm)).starts_with("layer_norm: a value is null, as numbers are that are not finite"));
    let mut half = BatchNorm::new(2).unwrap();
    half.shift = None;
    assert!(said(Box::new(half)).starts_with("batch_norm: it has factors or offsets"));
    let mut attention = MultiHeadAttention::new(4, 2, &mut rng(0)).unwrap();
    attention.out = Linear::new(4, 7, &Init::Zeros, &mut rng(0)).unwrap();
    assert!(said(Box::new(attention)).starts_with("attention: its layers have sizes or biases that no configuration"));
    let mut block = TransformerBlock::new(4, 2, 6, Activation::Gelu, &mut rng(0)).unwrap();
    block.norm2.eps = 0.1;
    assert!(said(Box::new(block)).starts_with("transformer: its layers have sizes, biases or options that no"));
    let gap = [(2, 3), (4, 1)].map(|(inputs, units)| {
        let linear = Linear::new(inputs, units, &Init::Zeros, &mut rng(0)).unwrap();
        mlp::Layer::new(linear, Activation::Tanh)
    });
    assert!(said(Box::new(mlp::Mlp::from_layers(gap))).starts_with("mlp: layer 1 does not take the 3 values"));
    let hidden = Function::new("linear", |x: Var| x);
    assert!(said(Box::new(hidden)).starts_with("linear: a function has the name of a layer of this crate"));

    let refused = |data: &Value| Config::new("mine", data).unwrap_err().to_string();
    assert!(refused(&serde_json::json!([1])).starts_with("mine: its data are [1], without names"));
    assert!(refused(&serde_json::json!({"layer": 1})).starts_with("mine: a field is named `layer`"));
}
