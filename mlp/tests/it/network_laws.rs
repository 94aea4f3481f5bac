//! The theory of networks of parts: branches that are joined, beside networks of finite width; and what is not read is named.

use autograd::Tensor;
use mlp::theory::{self, Reader, Signal};
use mlp::{
    Activation, BatchNorm, Flatten, Flow, Init, Join, LayerNorm, Linear, Mlp, Module, Network, Residual, Sequential,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::block_laws::{OF_WIDTH, assert_foretold, normal};

/// Gates, features side by side, and shortcuts with weights of their own.
#[test]
fn networks_of_branches_are_read_and_foretold() {
    let x: Tensor = normal([32, 100], 1.5, &mut StdRng::seed_from_u64(3));
    let lecun = |from, to, rng: &mut StdRng| Linear::new(from, to, &Init::lecun_normal(), rng).unwrap();

    // Dauphin et al. 2017; Shazeer 2020.
    let gated = |rng: &mut StdRng| {
        let network = Network::new(["x"])
            .part("first", "x", lecun(100, 200, rng))
            .part("value", "first", lecun(200, 200, rng))
            .part("gate", "first", lecun(200, 200, rng))
            .part("silu", "gate", Activation::Silu)
            .join("product", Join::Multiply, ["value", "silu"])
            .part("back", "product", lecun(200, 200, rng))
            .join("sum", Join::Add, ["first", "back"])
            .part("last", "sum", lecun(200, 50, rng));
        network.outputs(["last"]).unwrap()
    };
    assert_foretold(gated, &x, OF_WIDTH);

    // Huang et al. 2017: each layer reads all before it.
    let dense = |rng: &mut StdRng| {
        let he = |from, to, rng: &mut StdRng| Linear::new(from, to, &Init::he_normal(), rng).unwrap();
        let network = Network::new(["x"])
            .part("a", "x", he(100, 150, rng))
            .part("bent", "a", Activation::Relu)
            .part("b", "bent", he(150, 100, rng))
            .join("ab", Join::Concat(1), ["a", "b"])
            .part("norm", "ab", LayerNorm::new(250).unwrap())
            .part("c", "norm", he(250, 100, rng))
            .part("bent again", "c", Activation::Gelu)
            .join("abc", Join::Concat(1), ["ab", "bent again"])
            .part("last", "abc", he(350, 50, rng));
        network.outputs(["last"]).unwrap()
    };
    assert_foretold(dense, &x, OF_WIDTH);

    // He et al. 2016: a projected shortcut; the parts of both branches take turns.
    let projected = |rng: &mut StdRng| {
        let network = Network::new(["x"])
            .part("up", "x", lecun(100, 200, rng))
            .part("around", "x", lecun(100, 150, rng))
            .part("bent", "up", Activation::Tanh)
            .part("down", "bent", lecun(200, 150, rng))
            .join("sum", Join::Add, ["down", "around"]);
        network.outputs(["sum"]).unwrap()
    };
    let model = projected(&mut StdRng::seed_from_u64(1));
    let block = theory::of(&model).unwrap();
    assert_eq!(block.to_string().matches("linear(").count(), 3, "{block}");
    let beside =
        block.forecast(&Signal::of(&x).unwrap()).unwrap().beside(&Flow::measure(&model, &x, |y| y.sum())).unwrap();
    let names: Vec<_> = beside.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["up", "bent", "down", "around", "sum"]);
    assert!(beside.rows.iter().all(|row| (row.measured_square / row.square).ln().abs() < 0.15), "{beside}");
    // Of two independent branches the squares add up.
    let [down, around, sum] = [2, 3, 4].map(|i| beside.rows[i].square);
    assert!((down + around - sum).abs() < 1e-12 * sum);
}

#[test]
fn what_is_not_read_is_named() {
    let rng = &mut StdRng::seed_from_u64(5);
    let layer = |rng: &mut StdRng| Linear::new(30, 30, &Init::he_normal(), rng).unwrap();
    let error = |model: &dyn Module| theory::of(model).unwrap_err().to_string();

    let pooled = Sequential::new().then(Residual::new(Sequential::new().then(layer(rng)).then(Activation::Softmax)));
    assert_eq!(
        error(&pooled),
        "0.1 (activation): `softmax` is not a function of each number alone; the theory needs one that is"
    );

    let trained = layer(rng);
    trained.w.set(trained.w.value() + 0.3);
    let found = error(&Sequential::new().then(layer(rng)).then(trained));
    assert!(found.starts_with("1 (linear): `w` has mean 0.3") && found.contains("drawn with mean 0"), "{found}");

    let perceptron =
        Mlp::new(30).hidden(30, Activation::Tanh).output(2, Activation::Softmax).build::<f64>(rng).unwrap();
    assert!(error(&perceptron).starts_with("layers.1 (dense): `softmax` is not"), "{}", error(&perceptron));

    let norm = BatchNorm::<f64>::new(30).unwrap();
    norm.mean.set(Tensor::full([30], 1.0));
    let normed = Sequential::new().then(layer(rng)).then(norm);
    assert!(error(&normed).starts_with("1 (batch_norm): its running statistics"));
    assert!(Reader::new().training().read(&normed).is_ok());

    let network = |network: mlp::NetworkBuilder, output: &str| network.outputs([output]).unwrap();
    let gate = Network::new(["x"]).part("a", "x", layer(rng)).part("gate", "a", Activation::Sigmoid);
    let gated = network(gate.join("y", Join::Multiply, ["a", "gate"]), "y");
    let dependent = theory::of(&gated).unwrap().forecast(&Signal::normal(1.0)).unwrap_err().to_string();
    assert!(dependent.starts_with("mean_field: y (multiply): several of its branches have no weights"), "{dependent}");
    let gate = Network::new(["x"]).part("a", "x", layer(rng)).part(
        "gate",
        "x",
        Linear::new(30, 1, &Init::he_normal(), rng).unwrap(),
    );
    let stretched = network(gate.join("y", Join::Multiply, ["a", "gate"]), "y");
    assert!(error(&stretched).starts_with("y (multiply): its values have 30 and 1 features"), "{}", error(&stretched));
    let forked = Network::new(["x"]).part("a", "x", layer(rng)).part("b", "a", layer(rng)).part("c", "x", layer(rng));
    let met = forked.join("d", Join::Add, ["b", "c"]).join("y", Join::Add, ["d", "a"]);
    let met = network(met, "y");
    assert!(error(&met).starts_with("a (part): it is read in two branches"), "{}", error(&met));
    let rows = Network::new(["x"]).part("a", "x", layer(rng)).part("b", "x", layer(rng));
    let rows = network(rows.join("y", Join::Concat(0), ["a", "b"]), "y");
    assert_eq!(
        error(&rows),
        "y (concat(0)): the theory puts features side by side, along axis 1, or 2 where Reader::tokens tells of tokens, \
         and not along axis 0"
    );
    let flat = Network::new(["x"]).part("a", "x", Flatten).part("b", "x", layer(rng));
    let flat = network(flat.join("y", Join::Concat(1), ["a", "b"]), "y");
    assert!(error(&flat).contains("cannot tell how many features each value has"), "{}", error(&flat));
    let two = Network::new(["x"]).part("a", "x", layer(rng)).part("b", "x", layer(rng)).outputs(["a", "b"]).unwrap();
    assert_eq!(
        error(&two),
        "network: it has several inputs or outputs; the theory follows one; read its parts one by one"
    );
    let again = Network::new(["x"]).part("a", "x", layer(rng)).same("b", "a", "a");
    assert!(error(&network(again, "b")).starts_with("b (part): it uses the weights of another part again"));

    let model = Sequential::new().then(layer(rng)).then(Activation::Tanh).then(layer(rng));
    let x = normal([4, 30], 1.0, rng);
    let flow = Flow::measure(&model, &x, |y| y.sum());
    let other = Sequential::new().then(layer(rng)).then(Activation::Tanh).then(layer(rng)).then(Activation::Tanh);
    let beside = theory::of(&other).unwrap().forecast(&Signal::of(&x).unwrap()).unwrap().beside(&flow);
    assert_eq!(
        beside.unwrap_err().to_string(),
        "mean_field: the flow has no layer `3` (tanh) in this place; measure the same model"
    );
}
