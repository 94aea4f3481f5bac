//! ONNX files: their structure here; what they compute by `tests/data/onnx_check.py`, in another program.

mod cases;
#[path = "../../../src/io/onnx/proto.rs"]
mod proto;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use autograd::{Param, Parameters, Shape, Tensor, Var};
use mlp::io::{self, Onnx};
use mlp::{
    Activation, Bundle, Categorical, Column, Config, Function, Join, Linear, Mlp, Module, Network, Numeric, Registry,
    Schema, Sequential, Table,
};
use prost::Message;
use rand::SeedableRng;
use rand::rngs::StdRng;

use cases::{Case, cases};
use proto::{AttributeProto, GraphProto, Model, TensorProto, ValueInfo};

/// Operators of version 18 that files may have.
const OPERATORS: &str = "Add AveragePool BatchNormalization Cast Clip Concat Conv ConvTranspose Div Elu Erf Flatten GRU Gather Gemm \
    HardSigmoid Identity LSTM LayerNormalization LeakyRelu LogSoftmax MatMul MaxPool Mul PRelu RNN ReduceMax ReduceMean Relu \
    Reshape Resize Selu Sigmoid Sign Slice Softmax Softplus Softsign Sqrt Squeeze Sub Sum Tanh Transpose Where";

fn read(path: &Path) -> Model {
    Model::decode(&fs::read(path).unwrap()[..]).unwrap()
}

/// The bytes of one number.
fn size(data_type: i32) -> usize {
    match data_type {
        proto::FLOAT => 4,
        proto::DOUBLE | proto::INT64 => 8,
        proto::BOOL => 1,
        other => panic!("number type {other}"),
    }
}

/// The lengths of the axes, `None` where the file leaves them open.
fn shape(info: &ValueInfo) -> (i32, Vec<Option<i64>>) {
    let tensor = info.kind.as_ref().unwrap().tensor.as_ref().unwrap();
    (tensor.elem_type, tensor.shape.as_ref().unwrap().dim.iter().map(|dim| dim.value).collect())
}

/// Everything that a reader relies on.
fn check(name: &str, model: &Model) -> GraphProto {
    assert_eq!((model.ir_version, model.opset_import[0].version), (Some(8), Some(18)), "{name}");
    let graph = model.graph.clone().unwrap();
    let mut known: HashSet<&str> = HashSet::from([""]);
    for TensorProto { dims, data_type, name: constant, raw_data } in &graph.initializer {
        let numbers: i64 = dims.iter().product();
        assert_eq!(raw_data.len(), size(*data_type) * numbers as usize, "{name}: {constant}");
        assert!(known.insert(constant), "{name}: `{constant}` twice");
    }
    for input in &graph.input {
        assert!(known.insert(&input.name), "{name}: `{}` twice", input.name);
    }
    let mut node_names = HashSet::new();
    for node in &graph.node {
        assert!(OPERATORS.split_whitespace().any(|op| op == node.op_type), "{name}: {}", node.op_type);
        assert!(node_names.insert(&node.name) && !node.name.is_empty(), "{name}: node `{}` twice", node.name);
        for input in &node.input {
            assert!(known.contains(input.as_str()), "{name}: {} reads `{input}`, which is not there yet", node.name);
        }
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            assert!(known.insert(output), "{name}: `{output}` twice");
        }
        for AttributeProto { name: attribute, f, i, s, ints, kind } in &node.attribute {
            let held = [(1, f.is_some()), (2, i.is_some()), (3, s.is_some()), (7, !ints.is_empty())];
            assert!(held.iter().all(|(of, there)| there == &(of == kind)), "{name}: {} {attribute}", node.name);
        }
    }
    for output in &graph.output {
        assert!(known.contains(output.name.as_str()), "{name}: no output `{}`", output.name);
    }
    let read: HashSet<&String> = graph.node.iter().flat_map(|node| &node.input).collect();
    for constant in &graph.initializer {
        assert!(read.contains(&constant.name), "{name}: nobody reads `{}`", constant.name);
    }
    graph
}

#[test]
fn files_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let mut operators = HashSet::new();
    for Case { name, layer, inputs } in cases::<f64>() {
        for (onnx, number) in [(Onnx::new(), proto::FLOAT), (Onnx::new().f64(), proto::DOUBLE)] {
            onnx.save(&*layer, inputs.shape().clone(), &path).unwrap_or_else(|error| panic!("{name}: {error}"));
            let graph = check(&name, &read(&path));
            let open = |shape: &Shape| -> (i32, Vec<Option<i64>>) {
                (number, shape.iter().enumerate().map(|(axis, &n)| (axis > 0).then_some(n as i64)).collect())
            };
            assert_eq!(shape(&graph.input[0]), open(inputs.shape()), "{name}");
            assert_eq!(shape(&graph.output[0]), open(layer.predict(&inputs).shape()), "{name}");
            operators.extend(graph.node.into_iter().map(|node| node.op_type));
        }
    }
    for op in OPERATORS.split_whitespace() {
        assert!(operators.contains(op), "no file has {op}");
    }
}

/// The cases have each kind of layer, also those of the test that wants a row for each.
#[test]
fn every_kind_is_tried() {
    fn kinds(value: &serde_json::Value, found: &mut HashSet<String>) {
        match value {
            serde_json::Value::Array(all) => all.iter().for_each(|value| kinds(value, found)),
            serde_json::Value::Object(fields) => {
                found.extend(fields.get("layer").and_then(|kind| Some(kind.as_str()?.to_string())));
                fields.values().for_each(|value| kinds(value, found));
            }
            _ => {}
        }
    }
    let mut found = HashSet::new();
    for Case { layer, .. } in cases::<f64>() {
        kinds(&serde_json::to_value(layer.config().unwrap()).unwrap(), &mut found);
    }
    for kind in Registry::<f64>::new().names() {
        assert!(found.contains(kind), "no case has the layer `{kind}`");
    }
}

/// Two inputs and three outputs, of which one is an input and two are one value.
fn several() -> Network<f32> {
    let linear = |w| Linear { w: Param::new([w, [0.25, 0.75]]), b: Some(Param::new([0.5, -0.5])) };
    let network = Network::new(["a", "b"]).part("left", "a", linear([1.0, 2.0]));
    let network = network.same("right", "b", "left").join("both", Join::Concat(1), ["left", "right"]);
    let network = network.part("out", "both", Activation::Tanh).part("copy", "out", Activation::Identity);
    let network = network.join("long", Join::Concat(0), ["left", "right"]);
    network.outputs(["out", "copy", "both", "long", "a"]).unwrap()
}

#[test]
fn networks_keep_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let shapes = [("b", Shape::from([3, 2])), ("a", [3, 2].into())];
    Onnx::new().save_all(&several(), &shapes, &path).unwrap();
    let graph = check("several", &read(&path));
    let names = |all: &[ValueInfo]| all.iter().map(|info| info.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&graph.input), ["a", "b"]);
    assert_eq!(names(&graph.output), ["out", "copy", "both", "long", "a"]);
    assert_eq!(shape(&graph.output[0]).1, [None, Some(4)]);
    let dim = |output: usize| graph.output[output].kind.clone().unwrap().tensor.unwrap().shape.unwrap().dim[0].clone();
    assert_eq!((dim(0).param.as_deref(), dim(3).param.as_deref()), (Some("batch"), None));
    // The part that stands twice has its numbers once.
    assert_eq!(graph.initializer.iter().map(|x| x.name.as_str()).collect::<Vec<_>>(), ["left.w", "left.b"]);

    let said = |shapes: &[(&str, Shape)]| Onnx::new().save_all(&several(), shapes, &path).unwrap_err().to_string();
    assert_eq!(said(&shapes[..1]), "network: the input `a` is missing; its inputs are `a`, `b`");
    let network = Network::<f64>::new(["a", "b"]).join("y", Join::Multiply, ["a", "b"]).outputs(["y"]).unwrap();
    let error = Onnx::new().save_all(&network, &[("a", [1, 2].into()), ("b", [2, 2].into())], &path).unwrap_err();
    let expected = "onnx: the inputs `a`, `b` differ in their first axis, the samples; give all the same";
    assert_eq!(error.to_string(), expected);
}

/// It says that it is a layer, and not for which inputs.
struct Untold(Linear);
impl Module for Untold {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.0.forward(x)
    }
    fn parameters(&self) -> Parameters {
        self.0.parameters()
    }
    fn config(&self) -> Result<Config, mlp::Error> {
        self.0.config()
    }
}

#[test]
fn what_cannot_be_exported_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let said = |model: &dyn Module, shape: &[usize]| Onnx::new().save(model, shape, &path).unwrap_err().to_string();
    let cube = || Function::new("cube", |x: Var| x.powi(3));
    let network = Network::new(["x"]).part("f", "x", Sequential::new().then(cube())).outputs(["f"]).unwrap();
    let no_form = "it is no layer of this crate, and has no form in ONNX; replace it by layers of this crate, or export the parts \
                   around it";
    assert_eq!(said(&network, &[1, 2]), format!("parts.f.layers.0 (cube): {no_form}"));
    struct Neuron(Param);
    impl Module for Neuron {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            x * &self.0
        }
        fn parameters(&self) -> Parameters {
            Parameters::new().with("w", &self.0)
        }
    }
    assert!(said(&Neuron(Param::new([1.0])), &[1, 2]).starts_with("Neuron: it has no configuration; make it"));

    let linear = Linear { w: Param::new([[1.0], [2.0]]), b: None };
    assert!(said(&linear, &[1, 3]).starts_with("linear: rows of 2 numbers are needed, the input has shape (1, 3)"));
    assert_eq!(
        said(&linear, &[0, 2]),
        "onnx: the input `input` has the shape (0, 2); give each axis a length, samples first"
    );
    assert_eq!(
        said(&linear, &[2]),
        "linear: an input of shape (2,) has no axis of samples in front; give at least 2 axes"
    );
    assert!(said(&Untold(linear.clone()), &[1, 3]).starts_with("linear: rows of 2 numbers are needed"));
    Onnx::new().save(&Untold(linear.clone()), [1, 2], &path).unwrap();
    let network = Network::new(["x"]).part("f", "x", Untold(linear.clone())).outputs(["f"]).unwrap();
    let error = Onnx::new().save_all(&network, &[("x", [1, 3].into())], &path).unwrap_err().to_string();
    assert!(error.starts_with("layer f: linear: rows of 2 numbers are needed"), "{error}");
    let network = Network::new(["x"]).part("f", "x", cube()).outputs(["f"]).unwrap();
    let error = Onnx::new().save_all(&network, &[("x", [1, 3].into())], &path).unwrap_err().to_string();
    assert_eq!(error, format!("parts.f (cube): {no_form}"));
    let steep = said(&Activation::LeakyRelu(1e300), &[1, 2]);
    assert_eq!(steep, "onnx: `LeakyRelu` has a setting beyond f32, which the format has for settings; make it smaller");
    linear.w.set([[1e300], [2.0]]);
    assert_eq!(said(&linear, &[1, 2]), "onnx: `w` holds 1e300, which f32 does not; export f64");
    Onnx::new().f64().save(&linear, [1, 2], &path).unwrap();
    let before = fs::read(&path).unwrap();
    linear.w.set([[f64::NAN], [2.0]]);
    let error = "onnx: parameter `w` holds NaN, and no other program could predict with it; train anew";
    assert_eq!(said(&linear, &[1, 2]), error);
    assert_eq!(fs::read(&path).unwrap(), before, "a file that is there stays");
    linear.w.set([[1.0], [2.0]]);
    let error = Onnx::new().save(&linear, [1, 2], folder.path().join("no/model.onnx")).unwrap_err();
    assert!(matches!(error, mlp::Error::Io { .. }));
}

/// Bundles of every kind of answer, with the inputs of four rows.
fn bundles() -> Vec<(&'static str, Bundle, Tensor)> {
    let text =
        "width,colour,kind,price,weight\n1,red,rose,10,100\n2,blue,rose,20,300\n8,red,iris,30,200\n9,red,iris,50,400\n";
    let table = Table::parse("flowers.csv", text.as_bytes()).unwrap();
    let inputs = || [Numeric::new("width").standard().into(), Column::from(Categorical::new("colour"))];
    let columns = || Schema::builder().input("inputs", inputs());
    let classes = columns().classes("kind", Categorical::new("kind")).fit(&table).unwrap();
    let values = ["price", "weight"].map(|name| Numeric::new(name).standard());
    let values = columns().values("both", values).fit(&table).unwrap();
    let x = classes.inputs_of(&table).unwrap();
    let rng = &mut StdRng::seed_from_u64(0);
    let mut net =
        |outputs, end| -> Mlp { Mlp::new(3).hidden(4, Activation::Tanh).output(outputs, end).build(rng).unwrap() };
    let mut bundles = vec![];
    for (name, schema, outputs, end) in [
        ("bundle of logits", &classes, 2, Activation::Identity),
        ("bundle of probabilities", &classes, 2, Activation::Softmax),
        ("bundle of one logit", &classes, 1, Activation::Identity),
        ("bundle of one probability", &classes, 1, Activation::Sigmoid),
        ("bundle of values", &values, 2, Activation::Identity),
    ] {
        bundles.push((name, Bundle::new(net(outputs, end), schema.clone()).unwrap()));
    }
    let network =
        Network::new(["x"]).part("a", "x", net(2, Activation::Identity)).part("b", "x", net(2, Activation::Identity));
    let network = network.join("probabilities", Join::Add, ["a", "b"]).outputs(["probabilities"]).unwrap();
    bundles.push(("bundle of a committee", Bundle::new(network, values).unwrap()));
    bundles.into_iter().map(|(name, bundle)| (name, bundle.with_note("source", "a meadow"), x.clone())).collect()
}

/// What a bundle predicts for these rows.
fn answers(bundle: &Bundle) -> Tensor {
    let text = "width,colour\n1,red\n2,blue\n8,red\n9,red\n";
    let predictions = bundle.predict(&Table::parse("new", text.as_bytes()).unwrap()).unwrap();
    predictions.probabilities().or(predictions.values()).unwrap().clone()
}

#[test]
fn bundles_say_what_their_numbers_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    for (name, bundle, _) in bundles() {
        Onnx::new().with_note("more", "text").save_bundle(&bundle, &path).unwrap();
        let model = read(&path);
        let graph = check(name, &model);
        let told = |key: &str| model.metadata_props.iter().find(|entry| entry.key == key).unwrap().value.clone();
        assert_eq!(Schema::from_json(&told("schema")).unwrap(), *bundle.schema());
        assert_eq!(told("features"), r#"["width","colour=blue","colour=red"]"#);
        assert_eq!((told("source").as_str(), told("more").as_str()), ("a meadow", "text"));
        let expected = match bundle.schema().classes("kind") {
            Ok(_) => ("kind", r#"["iris","rose"]"#, "probabilities"),
            Err(_) => ("both", r#"["price","weight"]"#, "values"),
        };
        assert_eq!((told("target").as_str(), told("names").as_str(), graph.output[0].name.as_str()), expected);
        assert_eq!(shape(&graph.output[0]).1, [None, Some(2)]);
    }
}

/// A bundle knows nothing of a model that does not foretell its outputs; a file has to.
#[test]
fn outputs_of_a_bundle_fit_its_target() {
    let folder = tempfile::tempdir().unwrap();
    let table = Table::parse("t", "probabilities,kind\n1,a\n2,b\n".as_bytes()).unwrap();
    let schema = |input: &str| {
        let columns = Schema::builder().input(input, [Numeric::new("probabilities")]);
        columns.classes("kind", Categorical::new("kind")).fit(&table).unwrap()
    };
    let said = |input: &str, weights: Vec<f64>| {
        let layer = Linear { w: Param::new(Tensor::new([1, weights.len()], weights)), b: None };
        let bundle = Bundle::new(Untold(layer), schema(input)).unwrap().with_note("schema", "mine");
        Onnx::new().save_bundle(&bundle, folder.path().join("model.onnx")).map_err(|error| error.to_string())
    };
    let three = "bundle: the model gives 3 numbers for each row, and target `kind` has 2 classes; give its last layer 2 outputs";
    assert_eq!(said("x", vec![1.0; 3]), Err(three.to_string()));
    let named = "onnx: the input of the schema has the name `probabilities` of the output; call it otherwise";
    assert_eq!(said("probabilities", vec![1.0; 2]), Err(named.to_string()));
    assert_eq!(said("x", vec![1.0; 2]), Ok(()));
    let notes = read(&folder.path().join("model.onnx")).metadata_props;
    let schemas: Vec<_> = notes.iter().filter(|entry| entry.key == "schema").collect();
    assert_eq!(schemas.iter().map(|entry| entry.value.clone()).collect::<Vec<_>>(), [schema("x").to_json()]);
}

/// With `MLP_ONNX=FOLDER`: writes each case with inputs and outputs there, for `tests/data/onnx_check.py`.
#[test]
fn files_for_another_program() {
    let folder = match env::var_os("MLP_ONNX") {
        Some(folder) => PathBuf::from(folder),
        None => return,
    };
    fs::create_dir_all(&folder).unwrap();
    let arrays = |name: &str, arrays: &[(String, Tensor)]| {
        io::write_npz(folder.join(format!("{name}.npz")), arrays.iter().map(|(name, x)| (name.as_str(), x))).unwrap();
    };
    for Case { name, layer, inputs } in cases::<f32>() {
        let shape = inputs.shape().clone();
        Onnx::new().save(&*layer, shape.clone(), folder.join(format!("{name}.onnx"))).unwrap();
        Onnx::new().f64().save(&*layer, shape, folder.join(format!("{name}.f64.onnx"))).unwrap();
        // The outputs of the same numbers in f64, so that what differs is the other program's.
        let exact = layer.config().unwrap().build::<f64>(&mut StdRng::seed_from_u64(9)).unwrap();
        let (wide, narrow) = (exact.state(), layer.state());
        wide.iter().zip(narrow.iter()).for_each(|((_, to), (_, from))| to.set(from.value().cast::<f64>()));
        let x: Tensor = inputs.cast();
        let y = exact.predict(&x);
        arrays(&name, &[("x.input".into(), x), ("y.output".into(), y)]);
    }
    let x = |at: f32| Tensor::from([[at, 2.0], [-1.0, 0.5], [0.25, -at]]);
    let network = several();
    Onnx::new().save_all(&network, &[("a", [3, 2].into()), ("b", [3, 2].into())], folder.join("several.onnx")).unwrap();
    let outputs = network.predict_all(&[("a", x(1.0)), ("b", x(-2.0))]);
    let outputs = outputs.iter().map(|(name, y)| (format!("y.{name}"), y.cast()));
    let inputs = [("x.a".to_string(), x(1.0).cast()), ("x.b".to_string(), x(-2.0).cast())];
    arrays("several", &inputs.into_iter().chain(outputs).collect::<Vec<_>>());
    for (name, bundle, x) in bundles() {
        Onnx::new().save_bundle(&bundle, folder.join(format!("{name}.onnx"))).unwrap();
        let output = if bundle.schema().classes("kind").is_ok() { "y.probabilities" } else { "y.values" };
        arrays(name, &[("x.inputs".into(), x), (output.into(), answers(&bundle))]);
    }
}
