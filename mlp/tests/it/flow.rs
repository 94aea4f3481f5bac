//! What becomes of activations and gradients: the numbers, the words, and the laws.

mod laws;

use std::cell::RefCell;

use autograd::{Param, Parameters, Tensor, Var};
use mlp::{
    Activation, Adam, CrossEntropy, Dataset, Dropout, Flow, Function, Init, Layer, LayerNorm, Linear, Loss, Mlp,
    Module, Mse, PRelu, Probe, Residual, Sequential, Sgd, StraightThrough, Targets, Trainer, flow::Stats,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::activations::is_elementwise;

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
}

/// One layer of weights without biases and an activation.
fn layer<const M: usize, const N: usize>(w: [[f64; N]; M], activation: Activation) -> Layer {
    Layer::new(Linear { w: Param::new(w), b: None }, activation)
}

/// A single activation that is fed `sums`, samples in rows.
fn of_sums(activation: impl Module + 'static, sums: &Tensor) -> Flow {
    Flow::measure(&Sequential::new().then(activation), sums, |y| y.sum())
}

#[test]
fn numbers_agree_with_the_formulas() {
    let (w, v) = (Tensor::from([[0.5, -1.0, 2.0], [0.25, 1.5, -0.5]]), Tensor::from([[1.0], [-2.0], [0.5]]));
    let x = Tensor::from([[1.0, 2.0], [-0.5, 0.25], [3.0, -1.0]]);
    let first = Layer::new(Linear { w: Param::new(w.clone()), b: None }, Activation::Tanh);
    let second = Layer::new(Linear { w: Param::new(v.clone()), b: None }, Activation::Identity);
    let flow = Flow::measure(&Mlp::from_layers([first, second]), &x, |y| y.square().sum());

    // E = Σ y², y = hV, h = tanh p, p = xW
    let p = x.matmul(&w);
    let h = p.tanh();
    let y = h.matmul(&v);
    let dy = &y * 2.0;
    let dh = dy.matmul(&v.t());
    let dp = &dh * &(&h * &h * -1.0 + 1.0);
    let (dv, dw) = (h.t().matmul(&dy), x.t().matmul(&dp));

    assert!(close(flow.loss, (&y * &y).sum()));
    let [one, two] = &flow.layers[..] else { panic!("{flow}") };
    let sums = one.sums.as_ref().unwrap();
    let all = [
        (&sums.values, &p),
        (sums.gradients.as_ref().unwrap(), &dp),
        (&one.outputs.values, &h),
        (one.outputs.gradients.as_ref().unwrap(), &dh),
        (&two.outputs.values, &y),
        (two.outputs.gradients.as_ref().unwrap(), &dy),
        (&one.weights[0].values, &w),
        (one.weights[0].gradients.as_ref().unwrap(), &dw),
        (two.weights[0].gradients.as_ref().unwrap(), &dv),
    ];
    for (stats, values) in all {
        let n = values.numel() as f64;
        assert_eq!((stats.count, stats.not_finite), (values.numel(), 0));
        assert!(close(stats.norm, values.norm()), "{stats:?} {values}");
        assert!(close(stats.rms(), values.norm() / n.sqrt()));
        assert!(close(stats.mean, values.mean()), "{stats:?} {values}");
        assert!(close(stats.std, values.variance().sqrt()), "{stats:?} {values}");
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        assert!(close(stats.quantiles[0], sorted[0]) && close(stats.quantiles[6], sorted[sorted.len() - 1]));
    }
    assert!(close(one.scale.unwrap(), dh.norm() * h.norm() / (9f64.sqrt() * flow.loss)));
    assert_eq!((one.kind.as_str(), two.kind.as_str()), ("tanh", "identity"));
    assert_eq!((two.name.as_str(), two.weights[0].name.as_str()), ("layers.1", "layers.1.w"));
    assert!(close(flow.with_rate(0.1).layers[0].weights[0].update.unwrap(), 0.1 * dw.norm() / w.norm()));
}

#[test]
fn quantiles_lie_between_neighbours_and_leave_out_what_is_not_finite() {
    let stats = Stats::of(&[4.0, 0.0, 1.0, f64::NAN, 3.0, 2.0, f64::INFINITY]);
    assert_eq!(stats.quantiles, [0.0, 0.2, 1.0, 2.0, 3.0, 3.8, 4.0]);
    assert_eq!(stats.not_finite, 2);
    assert!(stats.mean.is_nan() && stats.std.is_nan() && stats.norm.is_nan());
    let none = Stats::of::<f64>(&[]);
    assert!(none.mean.is_nan() && none.quantiles.iter().all(|q| q.is_nan()));
    // Squares of these are 0 or infinite.
    assert!(close(Stats::of(&[3e-200, 4e-200]).norm, 5e-200));
    assert!(close(Stats::of(&[3e200, -4e200]).norm, 5e200));
    assert_eq!(Stats::of(&[1.0, f64::NEG_INFINITY]).norm, f64::INFINITY);
}

#[test]
fn dead_units_and_saturated_values_are_counted() {
    // Columns are units: never on; on once; always on.
    let sums = Tensor::from([[-1.0, -2.0, 0.5], [-3.0, 2.0, 1.0]]);
    let counted = |activation| {
        let layer = &of_sums(activation, &sums).layers[0];
        (layer.dead, layer.saturated)
    };
    assert_eq!(counted(Activation::Relu), (Some(1.0 / 3.0), Some(0.5)));
    assert_eq!(counted(Activation::LeakyRelu(0.01)), (Some(0.0), Some(0.0)));
    assert_eq!(counted(Activation::HardTanh), (Some(1.0 / 3.0), Some(0.5))); // at −1 it is not yet flat
    assert_eq!(counted(Activation::Tanh), (Some(0.0), Some(1.0 / 6.0))); // 1 − tanh² falls below 1 % at 2.99
    assert_eq!(counted(Activation::UnitStep), (Some(1.0), Some(0.0)));
    assert_eq!(counted(Activation::Identity), (Some(0.0), Some(0.0)));
    // A row is one value of theirs: no derivative belongs to a unit.
    assert_eq!(counted(Activation::Softmax), (None, None));
    assert_eq!(counted(Activation::LogSoftmax), (None, None));

    // y(1 − y) < 0.0025 where |p| > ln(1/0.00250…) ≈ 5.989.
    let edge = Tensor::from([[5.98, 6.0]]);
    assert_eq!(of_sums(Activation::Sigmoid, &edge).layers[0].saturated, Some(0.5));
    assert_eq!(of_sums(StraightThrough(Activation::Sign), &sums).layers[0].dead, Some(0.0));
    assert_eq!(of_sums(PRelu::new(3).unwrap(), &sums).layers[0].dead, Some(0.0));
    assert_eq!(of_sums(Function::new("cube", |z: Var| z.powi(3)), &sums).layers[0].dead, Some(0.0));
    assert_eq!(of_sums(Function::new("sorted", |z: Var| z.softmax(0)), &sums).layers[0].dead, None);
    assert_eq!(of_sums(Function::new("flat", |z: Var| z.flatten()), &sums).layers[0].dead, None);
    // Works value by value, but only for arrays of this shape.
    let scales = Tensor::from([[1.0, 0.0, 2.0], [3.0, 0.0, 0.0]]);
    let scaled = Function::new("scaled", move |z: Var| z * &scales);
    assert_eq!(of_sums(scaled, &sums).layers[0].dead, Some(1.0 / 3.0));
}

#[test]
fn every_activation_is_looked_at_in_both_precisions() {
    fn check<T: autograd::Float>() {
        for activation in Activation::ALL {
            let sums: Tensor<T> = Tensor::linspace(-3.0, 3.0, 12).reshape([4, 3]);
            let model = Sequential::<T>::new().then(activation);
            let flow = Flow::measure(&model, &sums, |y| y.square().mean());
            assert_eq!(flow.layers[0].dead.is_some(), is_elementwise(activation), "{activation} {}", T::NAME);
            assert_eq!(flow.layers[0].kind, activation.to_string());
            let loss = model.predict(&sums).square().mean();
            assert_eq!(flow.loss, loss.to_f64(), "{activation}");
        }
    }
    check::<f64>();
    check::<f32>();
}

#[test]
fn layers_have_the_names_of_their_parameters() {
    let mut rng = StdRng::seed_from_u64(2);
    let mut linear = |n: usize| Linear::new(3, n, &Init::glorot_uniform(), &mut rng).unwrap();
    let block = Sequential::new().then(LayerNorm::new(3).unwrap()).then(linear(3)).then(Activation::Relu);
    let boxed: Box<dyn Module> = Box::new(linear(3));
    let model = Sequential::new()
        .then(boxed)
        .then(Residual::new(block))
        .then(Residual::new(linear(3)))
        .then(Dropout::new(0.5).unwrap())
        .then(linear(2));
    let flow = Flow::measure(&model, &Tensor::ones([4, 3]), |y| y.sum());
    let rows: Vec<_> = flow.layers.iter().map(|row| (row.name.as_str(), row.kind.as_str())).collect();
    let expected = [
        ("0", "linear"),
        ("1.0", "layer_norm"),
        ("1.1", "linear"),
        ("1.2", "relu"),
        ("1", "residual"),
        ("2", "linear"),
        ("2", "residual"),
        ("3", "dropout(0.5)"),
        ("4", "linear"),
    ];
    assert_eq!(rows, expected);
    let held: Vec<Vec<_>> =
        flow.layers.iter().map(|row| row.weights.iter().map(|weights| weights.name.as_str()).collect()).collect();
    assert_eq!(held[0], ["0.w", "0.b"]);
    assert_eq!(held[1], ["1.0.gain", "1.0.shift"]);
    assert_eq!((&held[4], &held[6]), (&vec![], &vec![]));
    assert_eq!(held[5], ["2.w", "2.b"]);
    assert!(flow.others.is_empty());
    let mut names: Vec<_> = flow.weights().map(|weights| weights.name.clone()).collect();
    let mut expected: Vec<_> = model.parameters().names().map(String::from).collect();
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
    // Evaluating: dropout passes its input through.
    assert_eq!(flow.layers[7].outputs, flow.layers[6].outputs);
}

/// Two layers that share their weights, beside a parameter that is not used.
struct Tied {
    w: Param,
    unused: Param,
}

impl Module for Tied {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.matmul(&self.w).tanh().matmul(&self.w)
    }
    fn parameters(&self) -> Parameters {
        Parameters::new().with("w", &self.w).with("unused", &self.unused)
    }
}

#[test]
fn a_model_of_ones_own_needs_no_hook() {
    let model = Tied { w: Param::new([[0.5, 0.1], [-0.2, 0.3]]), unused: Param::new([1.0]) };
    let flow = Flow::measure(&model, &Tensor::ones([2, 2]), |y| y.sum());
    assert_eq!((flow.layers.len(), flow.layers[0].kind.as_str(), flow.layers[0].weights.len()), (1, "Tied", 2));
    assert_eq!(flow.layers[0].outputs.gradients.as_ref().unwrap().norm, 2.0);
    let unused = "unused: no gradient arrives; the loss does not depend on it: freeze it, or use it in forward";
    assert_eq!(flow.warnings(), [unused]);
    model.unused.freeze();
    model.w.freeze();
    let frozen = Flow::measure(&model, &Tensor::ones([2, 2]), |y| y.sum());
    assert_eq!(frozen.layers[0].outputs, flow.layers[0].outputs);
    assert!(frozen.warnings().is_empty(), "{:?}", frozen.warnings());
}

#[test]
fn what_is_amiss_is_said_in_words() {
    let one = |activation, sums: Tensor| {
        let n = sums.shape()[1];
        let linear = Linear { w: Param::new(Tensor::eye(n)), b: None };
        let model = Mlp::from_layers([Layer::new(linear, activation)]);
        Flow::measure(&model, &sums, |y| y.square().sum())
    };
    let mut sums = Tensor::full([2, 50], -1.0);
    sums.as_mut_slice()[..3].fill(1.0);
    assert_eq!(
        one(Activation::Relu, sums).warnings(),
        [
            "layer 0 (layers.0, relu): 94 % of units are dead: flat for every sample, so that their weights get no gradient; \
          lower the learning rate, start with He weights, or use a leaky activation"
        ]
    );
    assert_eq!(
        one(Activation::Tanh, Tensor::from([[0.0, 4.0, -4.0, 5.0]])).warnings(),
        ["layer 0 (layers.0, tanh): 75 % of its values are saturated: less steep than 1 % of the steepest; \
          scale inputs and weights down, or normalise the sums"]
    );
    // Three values of four on its flat side, but no unit for every sample: a rectifier does that.
    assert!(one(Activation::Relu, Tensor::from([[-1.0, 2.0], [3.0, -1.0], [-1.0, -1.0]])).warnings().is_empty());

    let chain = |w: f64| Mlp::from_layers((0..5).map(|_| layer([[w]], Activation::Identity)));
    let measured = |w: f64| Flow::measure(&chain(w), &Tensor::from([[1.0]]), |y| y.sum()).warnings();
    assert_eq!(
        measured(0.1),
        ["the gradient vanishes: it falls by a factor of 1.0e4 from layer 4 (layers.4, identity) to \
          layer 0 (layers.0, identity); scale the first weights to the activation, add residual connections, or normalise"]
    );
    assert!(measured(0.0)[0].starts_with("the gradient vanishes: it falls to 0 from layer 4"), "{:?}", measured(0.0));
    assert_eq!(
        measured(10.0),
        ["the gradient explodes: it grows by a factor of 1.0e4 from layer 4 (layers.4, identity) to \
          layer 0 (layers.0, identity); scale the first weights to the activation, or normalise"]
    );
    assert!(measured(1.0).is_empty());

    let rates = |rate| Flow::measure(&chain(1.0), &Tensor::from([[1.0]]), |y| y.sum()).with_rate(rate).warnings();
    assert_eq!(
        rates(0.5)[0],
        "layers.0.w: a step changes it by 5.0e-1 of its size, where 1e-4 to 1e-1 is usual; lower the learning rate"
    );
    assert_eq!(
        rates(1e-5)[4],
        "layers.4.w: a step changes it by 1.0e-5 of its size, where 1e-4 to 1e-1 is usual; raise the learning rate"
    );
    assert!(rates(1e-2).is_empty());
}

#[test]
fn what_is_not_a_number_is_reported_and_nothing_panics() {
    let model = Mlp::from_layers([layer([[1.0, f64::NAN], [2.0, 3.0]], Activation::Relu)]);
    let flow = Flow::measure(&model, &Tensor::from([[1.0, 2.0], [3.0, f64::INFINITY]]), |y| y.sum()).with_rate(0.1);
    println!("{flow}");
    let warnings = flow.warnings();
    let title = "layer 0 (layers.0, relu)";
    let repair = "bring the inputs nearer to 1, or lower the learning rate";
    assert_eq!(warnings[0], format!("{title}: 3 of 4 sums are not finite; {repair}"), "{warnings:#?}");
    for activation in Activation::ALL {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, 0.0] {
            let flow = of_sums(activation, &Tensor::full([2, 3], value));
            assert!(flow.to_string().contains(activation.name()), "{flow}");
            let broken = flow.layers[0].sums.as_ref().unwrap().values.not_finite > 0;
            assert!(!broken || flow.warnings()[0].contains("6 of 6 sums are not finite"), "{:?}", flow.warnings());
        }
    }
    let empty = of_sums(Activation::Relu, &Tensor::zeros([0, 3]));
    assert_eq!(empty.layers[0].dead, None);
    assert!(of_sums(Activation::Relu, &Tensor::from(2.0)).warnings().is_empty());
}

/// The same weights in every step.
struct Recurrent {
    w: Param,
    scale: Param,
}

impl Module for Recurrent {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.forward_with(x, &mut Probe::off())
    }

    fn forward_with<'t>(&self, x: Var<'t>, probe: &mut Probe) -> Var<'t> {
        let h = probe.within("first", |probe| probe.output("step 0", x.matmul(&self.w) * &self.scale));
        probe.within("second", |probe| probe.output("step 1", h.matmul(&self.w)))
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().with("w", &self.w).with("scale", &self.scale)
    }
}

#[test]
fn it_prints_as_a_table() {
    let model = Mlp::from_layers([
        layer([[1.0, -1.0, 0.5], [2.0, -1.0, 1.0]], Activation::Relu),
        layer([[0.5], [1.0], [1.0]], Activation::Identity),
    ]);
    let flow = Flow::measure(&model, &Tensor::from([[1.0, 1.0]]), |y| y.square().sum()).with_rate(0.01);
    assert_eq!(
        flow.to_string(),
        "\
loss 9.000000
layer                 output   dead satur.   ∂E/∂out  relative  weights     ∂E/∂w   update
0 layers.0 relu        1.9e0   33 %   33 %     9.0e0     1.9e0    2.9e0     9.5e0   3.3e-2
1 layers.1 identity    3.0e0    0 %    0 %     6.0e0     2.0e0    1.5e0     2.0e1   1.3e-1
"
    );
    // What belongs to no layer has rows of its own.
    let recurrent = Recurrent { w: Param::new([[0.5]]), scale: Param::new([2.0]) };
    let flow = Flow::measure(&recurrent, &Tensor::from([[1.0]]), |y| y.sum()).with_rate(0.01);
    assert_eq!(
        flow.to_string(),
        "\
loss 0.500000
layer             output   dead satur.   ∂E/∂out  relative  weights     ∂E/∂w   update
0 first step 0     1.0e0      –      –    5.0e-1     1.0e0        –         –        –
1 second step 1   5.0e-1      –      –     1.0e0     1.0e0        –         –        –
w                      –      –      –         –         –   5.0e-1     2.0e0   4.0e-2
scale                  –      –      –         –         –    2.0e0    2.5e-1   1.3e-3
"
    );
    let deep = (0..120).fold(Mlp::new(3), |layers, _| layers.hidden(3, Activation::Linear { a: 0.001234, b: -1234.5 }));
    let model: Mlp = deep.output(1, Activation::Identity).build(&mut StdRng::seed_from_u64(0)).unwrap();
    let table = Flow::measure(&model, &Tensor::ones([2, 3]), |y| y.sum()).with_rate(1e-150).to_string();
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    assert_eq!(table.lines().count(), 123);
}

/// Points and two classes.
fn points() -> Dataset {
    let inputs = Tensor::from_fn([48, 2], |i| ((i[0] * 2 + i[1]) as f64 * 2.399).sin());
    let classes: Vec<usize> = (0..48).map(|i| usize::from(inputs.get([i, 0]) > inputs.get([i, 1]))).collect();
    Dataset::new(inputs, classes).unwrap()
}

#[test]
fn training_is_looked_at_without_being_changed() {
    let run = |trainer: Trainer| {
        let layers = Mlp::new(2).hidden(8, Activation::Tanh).hidden(8, Activation::Relu).dropout(0.2).layer_norm();
        let model: Mlp = layers.output(2, Activation::Identity).build(&mut StdRng::seed_from_u64(5)).unwrap();
        let mut adam = Adam::new(&model.parameters(), 0.01);
        let trainer = trainer.epochs(4).batch_size(20).seed(3).progress(false);
        let history = trainer.fit(&model, &CrossEntropy, &mut adam, &points(), None).unwrap();
        (history, model.parameters().params().flat_map(|param| param.value().to_vec()).collect::<Vec<_>>())
    };
    let seen = RefCell::new(vec![]);
    let looked_at = run(Trainer::new().observe_flow(5, |step, flow| seen.borrow_mut().push((step, flow.clone()))));
    assert_eq!(looked_at, run(Trainer::new()));
    let seen = seen.into_inner();
    assert_eq!(seen.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [1, 6, 11]); // 3 steps an epoch
    for (step, flow) in &seen {
        assert_eq!(flow.layers.len(), 3);
        for weights in flow.weights() {
            // What begins at 0, as biases do, has no size to compare its first step with.
            let moved = weights.update.is_some_and(|update| update > 0.0);
            assert_eq!(moved, weights.values.norm > 0.0, "step {step}, {}:\n{flow}", weights.name);
        }
    }
}

#[test]
fn the_update_is_the_one_that_was_made() {
    let build = || Mlp::from_layers([layer([[1.0, -2.0], [0.5, 1.0]], Activation::Tanh)]);
    let data = Dataset::new(Tensor::from([[1.0, 2.0]]), Tensor::from([[0.5, 0.5]])).unwrap();
    let (model, seen) = (build(), RefCell::new(None));
    let trainer =
        Trainer::new().epochs(1).progress(false).observe_flow(1, |_, flow| *seen.borrow_mut() = Some(flow.clone()));
    trainer.fit(&model, &Mse, &mut Sgd::new(&model.parameters(), 0.25), &data, None).unwrap();
    drop(trainer);
    let Targets::Values(values) = data.targets() else { unreachable!() };
    let targets = Targets::Values(values.clone());
    let expected = Flow::measure(&build(), data.inputs(), |y| Mse.mean(y, &targets).unwrap()).with_rate(0.25);
    let seen = seen.into_inner().unwrap();
    let [found, wanted] = [&seen, &expected].map(|flow| flow.layers[0].weights[0].update.unwrap());
    assert!((found / wanted - 1.0).abs() < 1e-14, "{found} {wanted}");
    assert_eq!(seen.layers[0].outputs, expected.layers[0].outputs);
}

#[test]
#[should_panic(expected = "trainer: observe_flow wants a flow every 0 steps; every step is 1")]
fn every_0_steps_is_refused() {
    let _ = Trainer::new().observe_flow(0, |_, _| ());
}

#[test]
fn weights_that_begin_at_0_have_no_size_to_compare_a_step_with() {
    let model = Linear { w: Param::new([[0.0], [0.0]]), b: None };
    let flow = Flow::measure(&model, &Tensor::from([[1.0, 2.0]]), |y| y.sum()).with_rate(0.1);
    assert_eq!(flow.layers[0].weights[0].update, None);
    assert!(flow.warnings().is_empty(), "{:?}", flow.warnings());
}
