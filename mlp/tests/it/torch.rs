//! Weights of PyTorch, both ways, and loading that converts, loads in part and maps names.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use autograd::{Float, Param, Parameters, Shape, Tensor, Var};
use mlp::io::torch::StateDict;
use mlp::io::{self, Loading};
use mlp::{Config, Error, Init, Linear, Module, Sequential, SpectralNorm, WeightNorm, Weighted};
use rand::{SeedableRng, rngs::StdRng};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use tempfile::TempDir;

/// The cases of `state_dicts.py`, in which all options that are not named here are the usual ones of both sides.
const CASES: [(&str, &str); 31] = [
    ("linear", r#"{"layer": "linear", "inputs": 3, "outputs": 4}"#),
    ("linear without bias", r#"{"layer": "linear", "inputs": 3, "outputs": 4, "bias": false}"#),
    (
        "conv1d",
        r#"{"layer": "conv1d", "channels": 4, "outputs": 6, "size": 3, "stride": 2, "padding": 1, "groups": 2}"#,
    ),
    (
        "conv2d",
        r#"{"layer": "conv2d", "channels": 4, "outputs": 3, "size": [2, 3], "padding": [1, 0], "dilation": [1, 2]}"#,
    ),
    (
        "conv_transpose1d",
        r#"{"layer": "conv_transpose1d", "channels": 4, "outputs": 6, "size": 3, "stride": 2, "output_padding": 1,
            "groups": 2}"#,
    ),
    (
        "conv_transpose2d",
        r#"{"layer": "conv_transpose2d", "channels": 4, "outputs": 3, "size": [2, 3], "stride": 2, "bias": false}"#,
    ),
    ("batch_norm of rows", r#"{"layer": "batch_norm", "channels": 3}"#),
    ("batch_norm of pictures", r#"{"layer": "batch_norm", "channels": 4}"#),
    ("batch_norm without affine", r#"{"layer": "batch_norm", "channels": 3, "affine": false}"#),
    ("layer_norm", r#"{"layer": "layer_norm", "features": 3}"#),
    ("group_norm", r#"{"layer": "group_norm", "groups": 2, "channels": 4}"#),
    ("rms_norm", r#"{"layer": "rms_norm", "features": 3}"#),
    ("embedding", r#"{"layer": "embedding", "count": 7, "width": 3}"#),
    ("prelu", r#"{"layer": "prelu"}"#),
    ("prelu of features", r#"{"layer": "prelu", "features": 3}"#),
    ("rnn", r#"{"layer": "rnn", "inputs": 4, "hidden": 3}"#),
    ("gru", r#"{"layer": "gru", "inputs": 4, "hidden": 3, "layers": 2}"#),
    ("lstm", r#"{"layer": "lstm", "inputs": 4, "hidden": 3, "layers": 2}"#),
    ("attention", r#"{"layer": "attention", "width": 4, "heads": 2}"#),
    ("attention without bias", r#"{"layer": "attention", "width": 4, "heads": 2, "bias": false}"#),
    ("transformer", r#"{"layer": "transformer", "width": 4, "heads": 2, "inner": 8, "activation": "gelu"}"#),
    (
        "transformer of the first paper",
        r#"{"layer": "transformer", "width": 4, "heads": 2, "inner": 8, "activation": "relu", "post_norm": true}"#,
    ),
    ("weight_norm", r#"{"layer": "weight_norm", "inner": {"layer": "linear", "inputs": 3, "outputs": 4}}"#),
    (
        "weight_norm of conv2d",
        r#"{"layer": "weight_norm", "inner": {"layer": "conv2d", "channels": 4, "outputs": 6, "size": [2, 3], "groups": 2}}"#,
    ),
    (
        "weight_norm of conv_transpose1d",
        r#"{"layer": "weight_norm", "inner": {"layer": "conv_transpose1d", "channels": 4, "outputs": 6, "size": 3,
            "bias": false}}"#,
    ),
    (
        "spectral_norm",
        r#"{"layer": "sequential", "layers": [
            {"layer": "spectral_norm", "inner": {"layer": "linear", "inputs": 3, "outputs": 4, "bias": false}}]}"#,
    ),
    (
        "spectral_norm of conv1d",
        r#"{"layer": "spectral_norm", "inner": {"layer": "conv1d", "channels": 4, "outputs": 6, "size": 3}}"#,
    ),
    (
        "spectral_norm of conv_transpose2d",
        r#"{"layer": "spectral_norm", "inner": {"layer": "conv_transpose2d", "channels": 4, "outputs": 3, "size": [2, 3]}}"#,
    ),
    (
        "mlp",
        r#"{"layer": "mlp", "inputs": 3, "layers": [
            {"units": 4, "norm": {"layer": "batch_norm"}, "activation": "relu", "dropout": 0.5},
            {"units": 4, "norm": {"layer": "layer_norm"}, "activation": "tanh"},
            {"units": 2}]}"#,
    ),
    (
        "sequential",
        r#"{"layer": "sequential", "layers": [
            {"layer": "conv2d", "channels": 4, "outputs": 2, "size": 3},
            {"layer": "batch_norm", "channels": 2},
            {"layer": "activation", "function": "relu"},
            {"layer": "max_pool2d", "size": 2},
            {"layer": "flatten"},
            {"layer": "linear", "inputs": 4, "outputs": 3},
            {"layer": "residual", "inner": {"layer": "sequential", "layers": [
                {"layer": "layer_norm", "features": 3},
                {"layer": "linear", "inputs": 3, "outputs": 3}]}}]}"#,
    ),
    (
        "network",
        r#"{"layer": "network", "inputs": ["x"], "outputs": ["read"], "parts": [
            {"name": "left", "reads": "x", "module": {"layer": "linear", "inputs": 3, "outputs": 2}},
            {"name": "right", "reads": "x", "module": {"layer": "sequential", "layers": [
                {"layer": "linear", "inputs": 3, "outputs": 4},
                {"layer": "batch_norm", "channels": 4},
                {"layer": "activation", "function": "tanh"}]}},
            {"name": "both", "reads": ["left", "right"], "join": {"concat": 1}},
            {"name": "read", "reads": "both", "module": {"layer": "linear", "inputs": 6, "outputs": 1, "bias": false}}]}"#,
    ),
];

/// A struct of one's own: `strength` keeps its name, the layers have those of PyTorch.
#[derive(Module)]
struct Highway<T: Float> {
    layers: Vec<Linear<T>>,
    strength: Param<T>,
}

impl<T: Float> Highway<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.layers.iter().fold(x, |x, layer| x + layer.forward(x).tanh() * &self.strength)
    }
}

/// All cases, each with a model of weights of this seed.
fn models<T: Float>(seed: u64) -> Vec<(&'static str, Box<dyn Module<T>>)> {
    let rng = &mut StdRng::seed_from_u64(seed);
    let mut all: Vec<_> = CASES
        .iter()
        .map(|&(name, config)| (name, config.parse::<Config>().and_then(|config| config.build(rng)).expect(name)))
        .collect();
    all.push((
        "highway",
        Box::new(Highway { layers: vec![linear(3, 3, 1), linear(3, 3, 2)], strength: Param::new([T::one()]) }),
    ));
    all
}

fn linear<T: Float>(inputs: usize, outputs: usize, seed: u64) -> Linear<T> {
    Linear::new(inputs, outputs, &Init::he_normal(), &mut StdRng::seed_from_u64(seed)).unwrap()
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/state_dicts.safetensors")
}

fn tensor(file: &SafeTensors<'_>, name: &str) -> Tensor<f32> {
    let view = file.tensor(name).expect(name);
    assert_eq!(view.dtype(), Dtype::F32, "{name}");
    let values = view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
    Tensor::new(Shape::from(view.shape()), values.collect::<Vec<_>>())
}

/// The largest difference, relative to the largest number.
fn difference<T: Float>(ours: &Tensor<T>, theirs: &Tensor<f32>) -> f64 {
    assert_eq!(ours.shape(), theirs.shape());
    let pairs = ours.as_slice().iter().zip(theirs.as_slice());
    let (difference, largest) = pairs.fold((0f64, 0f64), |(difference, largest), (a, &b)| {
        let b = f64::from(b);
        let off = (a.to_f64() - b).abs();
        assert!(off.is_finite());
        (difference.max(off), largest.max(b.abs()))
    });
    difference / largest
}

#[test]
fn weights_of_pytorch_give_its_outputs() {
    let bytes = std::fs::read(data()).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let prefixes: BTreeSet<&str> = file.names().into_iter().filter_map(|name| name.strip_prefix("y of ")).collect();
    let all = models::<f32>(0);
    assert_eq!(prefixes, all.iter().map(|(name, _)| *name).collect());
    // The same in f64, from the same numbers: what is left then is PyTorch's rounding.
    for ((name, model), (_, wide)) in all.iter().zip(&models::<f64>(1)) {
        let [x, y] = ["x", "y"].map(|which| tensor(&file, &format!("{which} of {name}")));
        let before = difference(&model.predict(&x), &y);
        let loading = Loading::new().prefix(format!("{name}."));
        let loaded = loading.load_torch(model, data()).expect(name);
        assert!(loaded.is_complete(), "{name}: {loaded}");
        let off = difference(&model.predict(&x), &y);
        assert!(off <= 1e-6, "{name}: outputs differ by {off:.1e}");
        assert!(before > 1e-3, "{name}: the weights make no difference"); // else the case shows nothing

        loading.cast().load_torch(wide, data()).expect(name);
        let off = difference(&wide.predict(&x.cast::<f64>()), &y);
        assert!(off <= 1e-6, "{name}: outputs in f64 differ by {off:.1e}");
    }
}

/// With `MLP_STATE_DICTS`, the files stay in that folder, for `state_dicts.py --check`.
#[test]
fn saved_weights_come_back() {
    let bytes = std::fs::read(data()).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let folder = env::var_os("MLP_STATE_DICTS").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    for ((name, model), (_, copy)) in models::<f32>(2).into_iter().zip(models::<f32>(3)) {
        // Numbers of both signs that no initialiser gives, but variances above 0.
        let mut i = 0f32;
        for (at, param) in model.state().iter() {
            let number = |wave: f32| if at.ends_with("variance") { 1.0 + 0.5 * wave } else { 0.8 * wave };
            param.modify(|values| {
                for value in values {
                    i += 1.0;
                    *value = number((1.7 * i).sin());
                }
            });
        }
        let (path, x) = (folder.join(format!("{name}.safetensors")), tensor(&file, &format!("x of {name}")));
        io::torch::save(&model, &path).expect(name);
        io::torch::load(&copy, &path).expect(name);
        for ((at, ours), (_, theirs)) in model.state().iter().zip(copy.state().iter()) {
            assert_eq!(ours.value(), theirs.value(), "{name}: {at}");
        }
        let y = model.predict(&x);
        let xy = Parameters::new().with("x", &Param::new(x)).with("y", &Param::new(y));
        io::save(&xy, folder.join(format!("{name}.xy.safetensors"))).unwrap();
    }
}

#[test]
fn a_memory_of_another_width_has_three_matrices() {
    let config: Config = r#"{"layer": "attention", "width": 4, "heads": 2, "memory": 3}"#.parse().unwrap();
    let attention = config.build::<f64>(&mut StdRng::seed_from_u64(0)).unwrap();
    let names: Vec<String> = attention.state_dict().unwrap().names().map(String::from).collect();
    let proj = ["q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"];
    assert_eq!(names, proj);
}

fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    (folder, path)
}

#[test]
fn what_pytorch_has_otherwise_is_refused_by_its_place() {
    let mut attention = mlp::MultiHeadAttention::<f64>::new(2, 1, &mut StdRng::seed_from_u64(0)).unwrap();
    attention.key.b = None;
    let inner = Sequential::new().then(linear::<f64>(2, 2, 0)).then(attention);
    let model = Sequential::new().then(mlp::Activation::Relu).then(mlp::Residual::new(inner));
    let (_folder, path) = file();
    let error = io::torch::save(&model, &path).unwrap_err();
    assert_eq!(
        error.to_string(),
        "1.inner.1 (attention): its parameters have no place in a state_dict of PyTorch; give biases to queries, keys and \
         values, or to none of them"
    );
    assert!(!path.exists());
}

/// A layer around one with weights, as structs of one's own are.
struct Around(Linear, bool);

impl Module for Around {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.0.forward(x)
    }
    fn parameters(&self) -> Parameters {
        self.0.parameters()
    }
    fn state_dict(&self) -> mlp::Result<StateDict> {
        if self.1 { StateDict::new().with_part("inner", &self.0) } else { Ok(StateDict::new()) }
    }
}

impl Weighted for Around {
    fn weights(&self) -> &Param {
        self.0.weights()
    }
    fn output_axis(&self) -> usize {
        self.0.output_axis()
    }
    fn forward_weighted<'t>(&self, x: Var<'t>, w: Var<'t>) -> Var<'t> {
        self.0.forward_weighted(x, w)
    }
}

#[test]
fn weights_that_are_computed_anew_are_named_where_they_are() {
    let names = |layer: &dyn Module| layer.state_dict().unwrap().names().map(String::from).collect::<Vec<_>>();
    let weight = WeightNorm::new(Around(linear(2, 3, 0), true)).unwrap();
    let within = "inner.parametrizations.weight.original";
    assert_eq!(names(&weight), [format!("{within}1"), "inner.bias".to_string(), format!("{within}0")]);
    let spectral = SpectralNorm::new(linear(2, 3, 0), &mut StdRng::seed_from_u64(0)).unwrap();
    let within = "parametrizations.weight";
    let parts = ["original", "0._u", "0._v"].map(|part| format!("{within}.{part}"));
    assert_eq!(names(&spectral), [&parts[0], "bias", &parts[1], &parts[2]]);

    let refused = WeightNorm::new(Around(linear(2, 3, 0), false)).unwrap().state_dict().unwrap_err().to_string();
    assert!(refused.starts_with("weight_norm: its parameters have no place in a state_dict of PyTorch; "), "{refused}");
}

#[test]
fn a_strict_loading_changes_nothing_if_something_does_not_fit() {
    let (_folder, path) = file();
    io::torch::save(&linear::<f64>(2, 3, 0), &path).unwrap();
    let (b, other) = (linear::<f64>(2, 3, 1).without_bias(), linear::<f64>(3, 2, 1));
    let before = (b.w.value(), other.w.value());
    let unexpected = io::torch::load(&b, &path).unwrap_err();
    assert!(matches!(&unexpected, Error::UnexpectedParameter { parameter, .. } if parameter == "bias"), "{unexpected}");
    let shape = io::torch::load(&other, &path).unwrap_err().to_string();
    // Both as they are stored: transposed.
    assert!(shape.contains("parameter `weight` has shape (3, 2), the model needs (2, 3)"), "{shape}");
    let missing = io::torch::load(&Sequential::new().then(linear::<f64>(2, 3, 0)), &path).unwrap_err();
    assert!(matches!(&missing, Error::MissingParameter { parameter, .. } if parameter == "0.weight"), "{missing}");
    assert_eq!((b.w.value(), other.w.value()), before);

    // A recurrent layer of PyTorch without one of its biases.
    let lstm = mlp::Lstm::<f64>::new(1, 1, &mut StdRng::seed_from_u64(0)).unwrap();
    let parts = lstm.parameters();
    let some = ["w", "u", "b"].map(|name| parts.get(&format!("0.{name}")).unwrap().clone());
    let turned = [0, 1].map(|i| Param::new(some[i].value().t()));
    let names = Parameters::new().with("weight_ih_l0", &turned[0]).with("weight_hh_l0", &turned[1]);
    io::save(&names.with("bias_ih_l0", &some[2]), &path).unwrap();
    let missing = io::torch::load(&lstm, &path).unwrap_err();
    assert!(matches!(&missing, Error::MissingParameter { parameter, .. } if parameter == "bias_hh_l0"), "{missing}");
}

#[test]
fn a_partial_loading_reports_what_it_did() {
    let (_folder, path) = file();
    let saved = Sequential::new().then(linear::<f64>(2, 3, 0)).then(linear(3, 4, 1)).then(linear(4, 1, 2));
    io::torch::save(&saved, &path).unwrap();
    let (first, second) = (linear(2, 3, 5), linear::<f64>(3, 5, 6));
    let kept = second.w.value();
    let model = Sequential::new().then(first.clone()).then(second.clone()).then(mlp::LayerNorm::new(5).unwrap());
    let loaded = Loading::new().partial().load_torch(&model, &path).unwrap();
    assert_eq!(loaded.loaded, ["0.weight", "0.bias"]);
    assert_eq!(first.w.value(), linear::<f64>(2, 3, 0).w.value());
    assert_eq!(second.w.value(), kept);
    assert!(!loaded.is_complete());
    assert_eq!(
        loaded.to_string(),
        "loaded 2: `0.weight`, `0.bias`\n\
         of another shape: `1.weight` is (4, 3) in the file and (5, 3) in the model\n\
         of another shape: `1.bias` is (4,) in the file and (5,) in the model\n\
         of another shape: `2.weight` is (1, 4) in the file and (5,) in the model\n\
         of another shape: `2.bias` is (1,) in the file and (5,) in the model\n"
    );

    // A wrong prefix is no success.
    let error = Loading::new().partial().prefix("encoder.").load_torch(&model, &path).unwrap_err().to_string();
    assert!(error.contains("nothing in it fits the model, which has `0.weight`"), "{error}");

    // The last layer of a saved model, strictly.
    let last = linear(4, 1, 9);
    let loaded = Loading::new().prefix("2.").load_torch(&last, &path).unwrap();
    assert!(loaded.is_complete() && last.w.value() == linear::<f64>(4, 1, 2).w.value());
    let clash = Loading::new().names(|name| Some(name[2..].into())).load_torch(&last, &path).unwrap_err().to_string();
    assert!(clash.contains("`0.bias` and `1.bias` both stand for `bias`; leave one out"), "{clash}");
}

#[test]
fn numbers_are_converted_if_asked() {
    let (_folder, path) = file();
    let w = Param::new([0.1f64, 1e300, -2.5]);
    io::save(&Parameters::new().with("w", &w), &path).unwrap();
    let narrow = Param::new([0f32; 3]);
    let parameters = Parameters::new().with("w", &narrow);
    let error = Loading::new().cast().load(&parameters, &path).unwrap_err().to_string();
    assert!(error.contains("parameter `w` holds inf at position 1"), "{error}"); // too large for f32
    w.set([0.1, 3.0, -2.5]);
    io::save(&Parameters::new().with("w", &w), &path).unwrap();
    assert!(matches!(Loading::new().load(&parameters, &path), Err(Error::ParameterType { .. })));
    Loading::new().cast().load(&parameters, &path).unwrap();
    assert_eq!(narrow.value().to_vec(), [0.1f32, 3.0, -2.5]);

    let write = |dtype, bytes: &[u8]| {
        let view = TensorView::new(dtype, vec![3], bytes).unwrap();
        std::fs::write(&path, safetensors::serialize([("w", view)], None).unwrap()).unwrap();
    };
    let bytes = |numbers: [u16; 3]| numbers.map(u16::to_le_bytes).concat();
    for (dtype, numbers) in [(Dtype::F16, [0x3c00, 0xc100, 0x3555]), (Dtype::BF16, [0x3f80, 0xc020, 0x3eab])] {
        write(dtype, &bytes(numbers));
        let error = io::load(&parameters, &path).unwrap_err().to_string();
        assert!(error.ends_with("the model needs f32: convert it with Loading::cast"), "{error}");
        Loading::new().cast().load(&parameters, &path).unwrap();
        let third = if dtype == Dtype::F16 { 0.333_251_95 } else { 0.333_984_38 };
        assert_eq!(narrow.value().to_vec(), [1.0, -2.5, third]);
    }
    write(Dtype::I32, &[0; 12]);
    let error = Loading::new().cast().load(&parameters, &path).unwrap_err().to_string();
    assert!(error.ends_with("parameter `w` holds i32, the model needs f32: save it as f32"), "{error}");
}
