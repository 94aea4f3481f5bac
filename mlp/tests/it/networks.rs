//! Networks of named parts.

use autograd::{Conv, Param, Shape, Tape, Tensor};
use mlp::{
    Activation, Adam, AdaptiveAvgPool2d, BatchNorm, Config, Conv2d, CrossEntropy, Dataset, Flow, Init, Join, Linear,
    Module, Mse, Network, NetworkBuilder, Registry, Sequential, io,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::train::{quadrants, quiet};

fn rng() -> StdRng {
    StdRng::seed_from_u64(3)
}

fn linear(inputs: usize, outputs: usize) -> Linear {
    Linear::new(inputs, outputs, &Init::glorot_uniform(), &mut rng()).unwrap()
}

/// Two inputs, two outputs, a module for both inputs.
fn pair() -> Network {
    let network = Network::new(["left", "right"]).part("seen", "left", linear(3, 2)).same("seen too", "right", "seen");
    let network =
        network.join("both", Join::Concat(1), ["seen", "seen too"]).part("norm", "both", BatchNorm::new(4).unwrap());
    network.join("product", Join::Multiply, ["seen", "seen too"]).outputs(["norm", "product"]).unwrap()
}

fn inputs() -> [Tensor; 2] {
    [
        Tensor::from_fn([5, 3], |i| (i[0] as f64 - 1.5 * i[1] as f64).sin()),
        Tensor::from_fn([5, 3], |i| (i[0] * i[1]) as f64 * 0.1),
    ]
}

#[test]
fn values_pass_by_name() {
    let (network, [left, right]) = (pair(), inputs());
    let y = network.predict_all(&[("right", right.clone()), ("left", left.clone())]);
    let [seen, too] = [&left, &right].map(|x| linear(3, 2).predict(x));
    assert_eq!(y["product"], &seen * &too);
    let normed = BatchNorm::new(4).unwrap().predict(&Tensor::concat(&[seen, too], 1));
    assert_eq!(y["norm"], normed);
    assert_eq!(network.outputs().collect::<Vec<_>>(), ["norm", "product"]);
    assert_eq!(network.parameters().names().collect::<Vec<_>>(), ["seen.w", "seen.b", "norm.gain", "norm.shift"]);
    assert_eq!(network.buffers().names().collect::<Vec<_>>(), ["norm.mean", "norm.variance"]);

    // The gradient of shared weights is the sum over both uses.
    let tape = Tape::new();
    let y = network.forward_all(&[("left", tape.constant(left.clone())), ("right", tape.constant(right.clone()))]);
    let w = network.parameters().get("seen.w").unwrap().clone();
    let gradient = y["product"].sum().backward()[&w].clone();
    let (a, b) = (Param::new(w.value()), Param::new(w.value()));
    let tape = Tape::new();
    let bias = linear(3, 2).b.unwrap();
    let product = tape.constant(left).affine(&a, &bias) * tape.constant(right).affine(&b, &bias);
    let gradients = product.sum().backward();
    assert!(gradient.is_close(&(&gradients[&a] + &gradients[&b]), 1e-12));
}

#[test]
fn a_network_comes_back_from_text_and_weights() {
    let (network, [left, right]) = (pair(), inputs());
    let tape = Tape::new();
    tape.train(0);
    network.forward_all(&[("left", tape.constant(left.clone())), ("right", tape.constant(right.clone()))]);
    let config: Config = network.config().unwrap().to_string().parse().unwrap();
    let copy: Network = Registry::new().build_as(&config, &mut StdRng::seed_from_u64(77)).unwrap();
    assert_eq!(copy.to_string(), network.to_string());
    let given = [("left", left), ("right", right)];
    assert_ne!(copy.predict_all(&given), network.predict_all(&given));
    let folder = tempfile::tempdir().unwrap();
    io::save(&network.state(), folder.path().join("network.safetensors")).unwrap();
    io::load(&copy.state(), folder.path().join("network.safetensors")).unwrap();
    assert_eq!(copy.predict_all(&given), network.predict_all(&given));
}

#[test]
fn shapes_are_foretold_by_name() {
    let network = pair();
    let shapes = network.output_shapes(&[("left", [5, 3].into()), ("right", [5, 3].into())]).unwrap();
    assert_eq!(shapes["norm"], Some([5, 4].into()));
    assert_eq!(shapes["product"], Some([5, 2].into()));
    let refused = |shapes: &[(&str, Shape)]| network.output_shapes(shapes).unwrap_err().to_string();
    let (five, six, wide): (Shape, Shape, Shape) = ([5, 3].into(), [6, 3].into(), [5, 4].into());
    let rows = [
        (
            vec![("left", wide), ("right", five.clone())],
            "layer seen: linear: rows of 3 numbers are needed, the input has shape (5, 4); reshape it or resize the layer",
        ),
        (
            vec![("left", five.clone()), ("right", six)],
            "layer both: concat: shapes (5, 2), (6, 2): they may differ along axis 1 only",
        ),
        (vec![("left", five.clone())], "network: the input `right` is missing; its inputs are `left`, `right`"),
        (
            vec![("left", five.clone()), ("middle", five.clone())],
            "network: there is no input `middle`; its inputs are `left`, `right`",
        ),
        (
            vec![("left", five.clone()), ("left", five.clone())],
            "network: the input `left` is given twice; its inputs are `left`, `right`",
        ),
    ];
    for (shapes, text) in rows {
        assert_eq!(refused(&shapes), text);
    }
    let single =
        "network: it has 2 inputs and 2 outputs, and a module has one of each; give values by name: forward_all";
    assert_eq!(network.output_shape(&five).unwrap_err().to_string(), single);
    assert_eq!(mlp::summary_for(&network, [5, 3]).unwrap_err().to_string(), single);
    assert_eq!(network.input_width(), None);
}

/// Squeeze and excitation (Hu, Shen & Sun 2018): one gate for each channel stretches over its places.
#[test]
fn a_gate_stretches_over_a_picture() {
    let gate = Sequential::new()
        .then(AdaptiveAvgPool2d::new(1).unwrap())
        .then(Conv2d::new(3, 3, 1, Conv::new(), &Init::he_normal(), &mut rng()).unwrap())
        .then(Activation::Sigmoid);
    let network: Network =
        Network::new(["x"]).part("gate", "x", gate).join("y", Join::Multiply, ["x", "gate"]).outputs(["y"]).unwrap();
    let x = Tensor::from_fn([2, 3, 4, 4], |i| (i[1] + i[2] * i[3]) as f64);
    assert_eq!(network.output_shape(x.shape()).unwrap(), Some(x.shape().clone()));
    let (y, factors) = (network.predict(&x), network.predict(&x).get([0, 2, 1, 0]) / x.get([0, 2, 1, 0]));
    assert!(factors > 0.0 && factors < 1.0);
    assert!((y.get([0, 2, 3, 3]) / x.get([0, 2, 3, 3]) - factors).abs() < 1e-12);
}

/// With one input and one output a network is trained, observed and checked as any module.
#[test]
fn a_network_is_a_module() {
    let body = Network::new(["x"]).part("in", "x", linear(2, 16)).part("h", "in", Activation::Tanh);
    let body =
        body.part("more", "h", linear(16, 16)).part("g", "more", Activation::Tanh).join("sum", Join::Add, ["h", "g"]);
    let network = body.part("out", "sum", linear(16, 2)).outputs(["out"]).unwrap();
    assert_eq!(network.input_width(), Some(2));
    let flow = Flow::measure(&network, &Tensor::ones([4, 2]), |y| y.sum());
    let names: Vec<_> = flow.layers.iter().map(|layer| (layer.name.as_str(), layer.kind.as_str())).collect();
    assert_eq!(
        names,
        [("in", "linear"), ("h", "tanh"), ("more", "linear"), ("g", "tanh"), ("sum", "add"), ("out", "linear")]
    );

    let data = quadrants(256);
    let mut adam = Adam::new(&network.parameters(), 0.02);
    let history = quiet().epochs(60).fit(&network, &CrossEntropy, &mut adam, &data, None).unwrap();
    assert!(history.last().accuracy.unwrap() > 0.95, "{:?}", history.last());

    // A trainer knows what lies at both ends.
    let ends = Network::new(["x"])
        .part("out", "x", linear(2, 2))
        .part("p", "out", Activation::Softmax)
        .outputs(["p"])
        .unwrap();
    assert_eq!(ends.output_activation(), Some(Activation::Softmax));
    let error = quiet().fit(&ends, &CrossEntropy, &mut Adam::new(&ends.parameters(), 0.1), &data, None).unwrap_err();
    assert!(error.to_string().contains("softmax"), "{error}");
    let wide = Dataset::new(Tensor::ones([4, 3]), Tensor::ones([4, 2])).unwrap();
    assert!(quiet().fit(&network, &Mse, &mut Adam::new(&network.parameters(), 0.1), &wide, None).is_err());
}

#[test]
fn faults_are_named_before_the_first_step() {
    let start = || Network::<f64>::new(["a", "b"]);
    let tanh = |network: NetworkBuilder, name: &str, reads: &str| network.part(name, reads, Activation::Tanh);
    let sum =
        |network: NetworkBuilder, name: &str, reads: &[&str]| network.join(name, Join::Add, reads.iter().copied());
    let whole = || sum(start(), "c", &["a", "b"]);
    let rows: Vec<(NetworkBuilder, &[&str], &str)> = vec![
        (Network::new([""; 0]), &["a"], "0 inputs and 1 outputs; it needs one of each at least"),
        (whole(), &[], "2 inputs and 0 outputs; it needs one of each at least"),
        (
            tanh(start(), "", "a"),
            &["b"],
            "the name `` is empty or has a dot, which parts the names of parameters; choose another",
        ),
        (
            tanh(start(), "a.w", "a"),
            &["b"],
            "the name `a.w` is empty or has a dot, which parts the names of parameters; choose another",
        ),
        (tanh(whole(), "c", "a"), &["c"], "two inputs or parts have the name `c`; rename or remove one"),
        (tanh(whole(), "b", "a"), &["c"], "two inputs or parts have the name `b`; rename or remove one"),
        (whole(), &["c", "c"], "two outputs have the name `c`; rename or remove one"),
        (whole(), &["d"], "the output `d` is none of `a`, `b`, `c`; correct the name"),
        (
            tanh(start(), "c", "d"),
            &["c"],
            "`c` reads `d`, which is none of `a`, `b`, `c`; correct the name, or add it before",
        ),
        (tanh(tanh(start(), "c", "d"), "d", "a"), &["c"], "`c` reads `d`, which stands after it; put `d` before `c`"),
        (tanh(start(), "c", "c"), &["c"], "a cycle: `c` reads `c`; remove one of its arrows"),
        (
            sum(tanh(sum(start(), "c", &["a", "e"]), "d", "c"), "e", &["d", "b"]),
            &["e"],
            "a cycle: `c` reads `e`, which reads `d`, which reads `c`; remove one of its arrows",
        ),
        (sum(start(), "c", &["a"]), &["c"], "`c` joins 1 values by add; a join needs at least 2"),
        (start().same("c", "a", "d"), &["c"], "`c` is the same as `d`, which is no module before it; name one"),
        (whole().same("d", "a", "c"), &["d"], "`d` is the same as `c`, which is no module before it; name one"),
        (start().same("d", "a", "b"), &["d"], "`d` is the same as `b`, which is no module before it; name one"),
        (tanh(start(), "c", "a"), &["c"], "no output depends on `b`; read them, make them outputs, or remove them"),
        (
            tanh(tanh(whole(), "d", "a"), "e", "d"),
            &["c"],
            "no output depends on `d`, `e`; read them, make them outputs, or remove them",
        ),
    ];
    for (network, outputs, text) in rows {
        let error = network.outputs(outputs.iter().copied()).unwrap_err();
        assert_eq!(error.to_string(), format!("network: {text}"));
    }
}

/// A chain of many parts is checked, described and run in time that grows with their number, and without recursion.
#[test]
fn a_network_may_have_many_parts() {
    let many = (0..20_000)
        .fold(Network::new(["0"]), |network, i| network.part((i + 1).to_string(), i.to_string(), Activation::Identity));
    let network = many.outputs(["20000"]).unwrap();
    assert_eq!(network.predict(&Tensor::from([1.5])).item(), 1.5);
    assert_eq!(network.describe().len(), 20_000);
    let config = network.config().unwrap();
    assert_eq!(config.to_string().parse::<Config>().unwrap(), config);
}
