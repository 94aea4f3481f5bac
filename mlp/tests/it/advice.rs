//! Broken models, whose fault is named and whose cure trains, and healthy ones, of which nothing is said.

use autograd::{Conv, Param, Parameters, Tape, Tensor, Var};
use mlp::advice::{Adviser, Cause, Guard, Remedy, Severity};
use mlp::{
    Activation, Adam, Advice, Conv2d, CrossEntropy, Dataset, Embedding, Flatten, Function, Init, LayerNorm, Linear,
    Loss, Mlp, MlpBuilder, Module, Mse, Registry, Residual, Sequential, Sgd, Targets, Trainer, advise,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

pub(crate) const INPUTS: usize = 8;
const SAMPLES: usize = 128;

pub(crate) fn rng() -> StdRng {
    StdRng::seed_from_u64(5)
}

/// A smooth function of normal inputs, of size near 1: samples to train on, and others.
pub(crate) fn task() -> [Dataset; 2] {
    let x: Tensor = Init::Normal { mean: 0.0, std: 1.0 }.sample([2 * SAMPLES, INPUTS], &mut rng());
    let y = (0..2 * SAMPLES).map(|i| (x.get([i, 0]) + x.get([i, 1])).sin() + 0.5 * x.get([i, 2])).collect();
    let all = Dataset::new(x, Tensor::new([2 * SAMPLES, 1], y)).unwrap();
    [0, SAMPLES].map(|from| all.select(&(from..from + SAMPLES).collect::<Vec<_>>()).unwrap())
}

pub(crate) fn classes() -> [Dataset; 2] {
    task().map(|data| {
        let x = data.inputs().clone();
        let labels = (0..SAMPLES).map(|i| usize::from(x.get([i, 0]) > 0.0) + usize::from(x.get([i, 1]) > 0.0));
        let labels: Vec<usize> = labels.collect();
        Dataset::new(x, labels).unwrap()
    })
}

pub(crate) fn deep(hidden: usize, activation: Activation) -> MlpBuilder {
    (0..hidden).fold(Mlp::new(INPUTS), |layers, _| layers.hidden(32, activation)).output(1, Activation::Identity)
}

pub(crate) fn built(layers: MlpBuilder) -> Mlp {
    layers.build(&mut rng()).unwrap()
}

fn measured(model: &dyn Module, data: &Dataset, loss: &impl Loss) -> f64 {
    let tape = Tape::values_only();
    loss.mean(model.forward(tape.constant(data.inputs().clone())), data.targets()).unwrap().value()
}

/// The loss of samples that were not trained on, after a training by plain descent with momentum; infinite if it fails.
pub(crate) fn trained(model: &dyn Module, [data, others]: &[Dataset; 2], loss: &impl Loss, rate: f64) -> f64 {
    let mut sgd = Sgd::new(&model.parameters(), rate).momentum(0.9);
    let trainer = Trainer::new().epochs(40).batch_size(32).progress(false);
    match trainer.fit(model, loss, &mut sgd, data, None) {
        Ok(_) => measured(model, others, loss),
        Err(_) => f64::INFINITY,
    }
}

pub(crate) fn is_healthy(remedy: &Remedy) -> bool {
    !remedy.findings.iter().any(|finding| finding.is_serious())
}

/// The cause is named, the best remedy leaves nothing serious, and trains to a loss below the first bound, where the model
/// stays above the second.
#[track_caller]
fn cured(
    model: &dyn Module,
    data: &[Dataset; 2],
    loss: &impl Loss,
    cause: Cause,
    (rate, below, above): (f64, f64, f64),
) -> Advice {
    let before: Vec<_> = model.state().params().map(|param| param.value()).collect();
    let advice = advise(model, &data[0], loss).unwrap();
    println!("{advice}");
    assert!(advice.finding(cause).is_some_and(|finding| finding.is_serious()), "{advice}");
    let after = model.state();
    assert!(after.params().zip(&before).all(|(param, before)| param.value() == *before), "the model has changed");
    let remedy = &advice.remedies()[0];
    assert!(is_healthy(remedy) && remedy.cures(cause), "{advice}");
    let foretold = remedy.foretold.and_then(|foretold| foretold.gradient).expect("the theory knows these layers");
    assert!((foretold / remedy.after.gradient.unwrap()).ln().abs() < 0.1, "{advice}");
    let scaled = data.clone().map(|data| match remedy.scaler() {
        Some(scaler) => Dataset::new(scaler.transform(data.inputs()).unwrap(), data.targets().clone()).unwrap(),
        None => data,
    });
    let (cured, broken) = (trained(remedy.model(), &scaled, loss, rate), trained(model, data, loss, rate));
    println!("loss {broken} without, {cured} with the remedy");
    assert!(cured < below, "the remedy leaves {cured}\n{advice}");
    assert!(broken > above, "the model reaches {broken} without a remedy\n{advice}");
    advice
}

#[test]
fn sigmoids_in_depth() {
    let advice = cured(&built(deep(20, Activation::Sigmoid)), &task(), &Mse, Cause::GradientVanishes, (1e-2, 0.3, 0.7));
    assert!(advice.finding(Cause::IdenticalRows).is_some());
}

#[test]
fn saturated_tanh() {
    let model = built(deep(10, Activation::Tanh).init(Init::lecun_normal().gain(10.0)));
    cured(&model, &task(), &Mse, Cause::SaturatedUnits, (1e-2, 0.2, 0.7));
}

#[test]
fn relu_of_small_weights() {
    let model = built(deep(15, Activation::Relu).init(Init::he_normal().gain(0.1)));
    let advice = cured(&model, &task(), &Mse, Cause::GradientVanishes, (1e-2, 0.45, 0.7));
    assert!(advice.finding(Cause::SignalVanishes).is_some());
}

#[test]
fn dead_rectifiers() {
    let model = built(deep(3, Activation::Relu).hidden_init(|_| Ok([Init::he_normal(), Init::Constant(-10.0)])));
    cured(&model, &task(), &Mse, Cause::DeadUnits, (1e-2, 0.3, 0.7));
}

#[test]
fn zeros() {
    cured(&built(deep(3, Activation::Tanh).init(Init::Zeros)), &task(), &Mse, Cause::ZeroWeights, (1e-2, 0.1, 0.7));
}

#[test]
fn equal_weights() {
    cured(
        &built(deep(3, Activation::Tanh).init(Init::Constant(0.1))),
        &task(),
        &Mse,
        Cause::EqualWeights,
        (1e-2, 0.06, 0.12),
    );
}

#[test]
fn inputs_without_scale() {
    let model = built(deep(2, Activation::Tanh));
    let data = task().map(|data| Dataset::new(data.inputs() * 1e4, data.targets().clone()).unwrap());
    cured(&model, &data, &Mse, Cause::Inputs, (1e-2, 0.12, 0.25));
}

#[test]
fn fifty_plain_layers() {
    let rng = &mut rng();
    let mut model = Sequential::new();
    for i in 0..50 {
        let inputs = if i == 0 { INPUTS } else { 64 };
        model = model.then(Linear::new(inputs, 64, &Init::glorot_normal(), rng).unwrap()).then(Activation::Relu);
    }
    let model = model.then(Linear::new(64, 1, &Init::glorot_normal(), rng).unwrap());
    cured(&model, &task(), &Mse, Cause::GradientVanishes, (3e-3, 0.45, 0.7));
}

#[test]
fn residuals_without_strength() {
    let rng = &mut rng();
    let mut model = Sequential::new().then(Linear::new(INPUTS, 16, &Init::lecun_normal(), rng).unwrap());
    for _ in 0..100 {
        let branch: Sequential = Sequential::new()
            .then(Linear::new(16, 16, &Init::he_normal(), rng).unwrap())
            .then(Activation::Relu)
            .then(Linear::new(16, 16, &Init::lecun_normal(), rng).unwrap());
        model = model.then(Residual::new(branch));
    }
    let model = model.then(Linear::new(16, 1, &Init::lecun_normal(), rng).unwrap());
    cured(&model, &task(), &Mse, Cause::SignalExplodes, (1e-3, 0.3, 0.7));
}

#[test]
fn targets_out_of_range() {
    let data = task().map(|data| match data.targets() {
        Targets::Values(y) => Dataset::new(data.inputs().clone(), y + 5.0).unwrap(),
        _ => unreachable!("the task has values"),
    });
    let model: Mlp =
        Mlp::new(INPUTS).hidden(32, Activation::Tanh).output(1, Activation::Sigmoid).build(&mut rng()).unwrap();
    cured(&model, &data, &Mse, Cause::Targets, (1e-2, 0.3, 0.7));
}

#[test]
fn outputs_too_large() {
    let model: Mlp =
        Mlp::new(INPUTS).hidden(32, Activation::Tanh).output(3, Activation::Identity).build(&mut rng()).unwrap();
    let last = &model.layers()[1].linear.w;
    last.set(last.value() * 100.0);
    cured(&model, &classes(), &CrossEntropy, Cause::OutputsTooLarge, (1e-2, 0.7, 5.0));
}

/// Blocks of layer norm, linear, relu, linear around a shortcut; the last layer of each begins with `last`.
pub(crate) fn pre_norm(blocks: usize, last: Init) -> Sequential {
    let rng = &mut rng();
    let mut model = Sequential::new().then(Linear::new(INPUTS, 32, &Init::lecun_normal(), rng).unwrap());
    for _ in 0..blocks {
        let branch: Sequential = Sequential::new()
            .then(LayerNorm::new(32).unwrap())
            .then(Linear::new(32, 32, &Init::he_normal(), rng).unwrap())
            .then(Activation::Relu)
            .then(Linear::new(32, 32, &last, rng).unwrap());
        model = model.then(Residual::new(branch));
    }
    model.then(Linear::new(32, 1, &Init::lecun_normal(), rng).unwrap())
}

/// Models of which nothing is to be said, of [`task`].
pub(crate) fn healthy() -> [(&'static str, Box<dyn Module>); 7] {
    [
        ("relu", Box::new(built(deep(8, Activation::Relu)))),
        ("tanh", Box::new(built(deep(10, Activation::Tanh).init(Init::lecun_normal())))),
        ("selu", Box::new(built(deep(10, Activation::Selu)))),
        ("orthogonal", Box::new(built(deep(30, Activation::Tanh).init(Init::orthogonal())))),
        ("batch norm", Box::new(built(deep(6, Activation::Relu).batch_norm()))),
        ("pre-norm", Box::new(pre_norm(12, Init::lecun_normal()))),
        ("branches of zeros", Box::new(pre_norm(12, Init::Zeros))),
    ]
}

#[test]
fn nothing_serious_is_said_of_healthy_models() {
    let [data, _] = task();
    for (name, model) in &healthy() {
        let advice = advise(model, &data, &Mse).unwrap();
        assert!(advice.is_healthy() && advice.remedies().is_empty(), "{name}: {advice}");
        assert!(advice.figures().gradient.is_some_and(|factor| (0.5..2.0).contains(&factor)), "{name}: {advice}");
    }
    let classifier = Mlp::new(INPUTS).hidden(32, Activation::Sigmoid).hidden(32, Activation::Sigmoid);
    let classifier: Mlp = classifier.output(3, Activation::Identity).build(&mut rng()).unwrap();
    let advice = advise(&classifier, &classes()[0], &CrossEntropy).unwrap();
    assert!(advice.findings().is_empty() && advice.to_string().contains("nothing is wrong"), "{advice}");
}

/// The factors are those of weights that are known: a chain of one unit a layer, each of weight w.
#[test]
fn figures_are_those_of_the_formulas() {
    let layer = |w: f64| mlp::Layer::new(Linear { w: Param::new([[w]]), b: None }, Activation::Identity);
    let model = Mlp::from_layers((0..7).map(|_| layer(0.1)));
    let data = Dataset::new(Tensor::from([[1.0], [-1.0]]), Tensor::from([[0.0], [0.0]])).unwrap();
    let advice = advise(&model, &data, &Mse).unwrap();
    let figures = advice.figures();
    assert_eq!(figures.depth, 7);
    assert!((figures.signal.unwrap() - 0.1).abs() < 1e-12 && (figures.gradient.unwrap() - 0.1).abs() < 1e-12);
    let finding = advice.finding(Cause::GradientVanishes).unwrap();
    assert!((finding.figure - 0.1).abs() < 1e-12);
    assert!((finding.precision_ends.unwrap() - 37.93).abs() < 0.01); // 1.2e−38 = 10^−37.93
    assert_eq!(finding.severity, Severity::Serious);
}

#[test]
fn a_remedy_is_taken_in_three_ways() {
    let [data, _] = task();
    let model = built(deep(20, Activation::Sigmoid));
    let advice = advise(&model, &data, &Mse).unwrap();
    let tanh = advice.remedies().iter().find(|remedy| remedy.what.starts_with("tanh")).unwrap();
    let error = tanh.apply(&model).unwrap_err().to_string();
    assert!(error.starts_with("remedy: the remedy changes the architecture"), "{error}");
    let config = tanh.config().unwrap();
    assert!(config.to_string().contains("tanh") && !config.to_string().contains("sigmoid"));
    assert_eq!(&tanh.model().config().unwrap(), config);

    let weights = advice.remedies().iter().find(|remedy| remedy.config().is_none()).unwrap();
    let error = weights.apply(&built(deep(3, Activation::Sigmoid))).unwrap_err().to_string();
    assert!(error.starts_with("remedy: the model has other parameters"), "{error}");
    weights.apply(&model).unwrap();
    assert_eq!(model.predict(data.inputs()), weights.model().predict(data.inputs()));
    assert_eq!(&weights.after, advise(&model, &data, &Mse).unwrap().figures());

    // The same seed draws the same, another does not.
    let other = built(deep(20, Activation::Sigmoid));
    let of = |seed| Adviser::new(&Registry::new()).seed(seed).advise(&other, &data, &Mse).unwrap().into_remedies();
    let output = |seed| of(seed).remove(0).into_model().predict(data.inputs());
    assert_eq!(output(0), output(0));
    assert_ne!(output(0), output(1));
}

/// A part without a configuration.
struct Tenth(Linear);

impl Module for Tenth {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.0.forward(x) * 0.1
    }
    fn parameters(&self) -> Parameters {
        self.0.parameters()
    }
}

#[test]
fn what_cannot_be_copied_has_findings_without_remedies() {
    let [data, _] = task();
    let mut model = Sequential::new();
    for _ in 0..30 {
        model = model.then(Tenth(Linear::new(INPUTS, INPUTS, &Init::lecun_normal(), &mut rng()).unwrap()));
    }
    let model = model.then(Linear::new(INPUTS, 1, &Init::lecun_normal(), &mut rng()).unwrap());
    let advice = advise(&model, &data, &Mse).unwrap();
    assert!(advice.finding(Cause::GradientVanishes).is_some() && advice.remedies().is_empty(), "{advice}");
    let why = advice.without_remedies().unwrap().to_string();
    assert!(why.starts_with("layers.0 (Tenth): it has no configuration"), "{why}");
    assert!(advice.to_string().contains(&why));

    // A function of one's own is copied where the registry knows it.
    #[derive(serde::Deserialize)]
    struct Nothing {}
    let tenth = || Function::new("tenth", |x: Var| x * 0.1);
    let mut model = Sequential::new();
    for _ in 0..30 {
        model = model.then(Linear::new(INPUTS, INPUTS, &Init::lecun_normal(), &mut rng()).unwrap()).then(tenth());
    }
    let model = model.then(Linear::new(INPUTS, 1, &Init::lecun_normal(), &mut rng()).unwrap());
    assert!(advise(&model, &data, &Mse).unwrap().without_remedies().is_some());
    let registry = Registry::new().with_builder("tenth", move |_: Nothing, _| Ok(tenth()));
    let advice = Adviser::new(&registry).advise(&model, &data, &Mse).unwrap();
    assert!(advice.without_remedies().is_none());
}

#[test]
fn labels_out_of_range_are_a_finding() {
    let [data, _] = task();
    let data = Dataset::new(data.inputs().clone(), vec![7; SAMPLES]).unwrap();
    let model: Mlp = Mlp::new(INPUTS).output(3, Activation::Identity).build(&mut rng()).unwrap();
    let advice = advise(&model, &data, &CrossEntropy).unwrap();
    let finding = advice.finding(Cause::Targets).unwrap().to_string();
    assert!(finding.contains("class 7 of sample 0 does not exist"), "{finding}");
    assert!(advice.without_remedies().is_some());
}

/// Runs a training under a guard; the number of epochs, or the error.
fn guarded(model: &dyn Module, rate: f64, adam: bool) -> (Guard, Result<usize, String>) {
    let guard = Guard::new();
    let trainer = Trainer::new().epochs(3).progress(false).observe_steps(1, guard.clone()).callback(guard.clone());
    let [data, _] = task();
    let history = match adam {
        true => trainer.fit(model, &Mse, &mut Adam::new(&model.parameters(), rate), &data, None),
        false => trainer.fit(model, &Mse, &mut Sgd::new(&model.parameters(), rate), &data, None),
    };
    (guard, history.map(|history| history.epochs.len()).map_err(|error| error.to_string()))
}

/// Pictures in `f32`, sequences of indices, and the samples of a large table.
#[test]
fn other_inputs_and_numbers() {
    let rng = &mut rng();
    let mut model = Sequential::<f32>::new();
    for i in 0..6 {
        let inputs = if i == 0 { 1 } else { 8 };
        let conv = Conv2d::new(inputs, 8, 3, Conv::default().padding(1), &Init::he_normal().gain(0.1), rng).unwrap();
        model = model.then(conv).then(Activation::Relu);
    }
    let model = model.then(Flatten).then(Linear::new(8 * 36, 2, &Init::lecun_normal(), rng).unwrap());
    let x: Tensor<f32> = Init::Normal { mean: 0.0, std: 1.0 }.sample([8, 1, 6, 6], rng);
    let pictures = Dataset::new(x, vec![0, 1, 0, 1, 0, 1, 0, 1]).unwrap();
    let advice = advise(&model, &pictures, &CrossEntropy).unwrap();
    assert!(advice.finding(Cause::SignalVanishes).is_some(), "{advice}");
    assert!(!advice.remedies()[0].findings.iter().any(|finding| finding.is_serious()), "{advice}");

    // Indices are no sizes.
    let embedding: Sequential = Sequential::new()
        .then(Embedding::new(500, 8, &Init::Normal { mean: 0.0, std: 1.0 }, rng).unwrap())
        .then(Flatten)
        .then(Linear::new(16, 1, &Init::lecun_normal(), rng).unwrap());
    let words = Tensor::new([32, 2], (0..64).map(|i| f64::from(i * 7 % 500)).collect());
    let words = Dataset::new(words, Tensor::ones([32, 1])).unwrap();
    let advice = advise(&embedding, &words, &Mse).unwrap();
    assert!(advice.finding(Cause::Inputs).is_none(), "{advice}");

    // Every fourth of 400 sorted samples: the mean of all, not of the first.
    let rows = Tensor::new([400, 1], (0..400).map(f64::from).collect());
    let data = Dataset::new(rows, Tensor::ones([400, 1])).unwrap();
    let line = Linear { w: Param::new([[1.0]]), b: None };
    let advice = Adviser::new(&Registry::new()).samples(100).advise(&line, &data, &Mse).unwrap();
    let finding = advice.finding(Cause::Inputs).unwrap().to_string();
    assert!(finding.starts_with("the inputs have mean 198 and"), "{finding}"); // 4·(0 + … + 99)/100
}

#[test]
fn zeros_that_are_overcome_are_a_note() {
    let model = built(deep(3, Activation::Tanh));
    model.layers()[3].linear.w.set(Tensor::zeros([32, 1]));
    let advice = advise(&model, &task()[0], &Mse).unwrap();
    let finding = advice.finding(Cause::ZeroWeights).unwrap();
    assert_eq!(finding.severity, Severity::Note);
    assert!(finding.to_string().ends_with("3 other matrices get no gradient in the first step"), "{finding}");
    assert!(advice.is_healthy());
}

#[test]
fn a_guard_ends_what_is_bound_to_fail_and_nothing_else() {
    let (guard, result) = guarded(&built(deep(20, Activation::Sigmoid)), 0.1, false);
    let error = result.unwrap_err();
    assert!(error.starts_with("training: stopped after step 3: the gradient vanishes: each of 21 layers"), "{error}");
    assert_eq!(guard.findings()[0].cause, Cause::GradientVanishes);

    let (_, result) = guarded(&built(deep(20, Activation::Relu).init(Init::he_normal().gain(3.0))), 0.1, false);
    let error = result.unwrap_err();
    assert!(error.starts_with("training: stopped after step 1: the gradient explodes: each of 21 layers"), "{error}");

    let dead = deep(3, Activation::Relu).hidden_init(|_| Ok([Init::he_normal(), Init::Constant(-10.0)]));
    let (_, result) = guarded(&built(dead), 0.1, false);
    let error = result.unwrap_err();
    assert!(
        error.starts_with("training: stopped after step 3: layer 0 (layers.0, relu): 100 % of its units are dead"),
        "{error}"
    );

    for (rate, adam) in [(1e-2, false), (1e-3, true)] {
        assert_eq!(guarded(&built(deep(8, Activation::Relu)), rate, adam).1, Ok(3));
        assert_eq!(guarded(&pre_norm(6, Init::Zeros), rate, adam).1, Ok(3));
        // An output layer of zeros keeps gradients back in the first step only.
        let model = built(deep(3, Activation::Tanh));
        model.layers()[3].linear.w.set(Tensor::zeros([32, 1]));
        assert_eq!(guarded(&model, rate, adam).1, Ok(3));
        // A rate of 0 at the start of a schedule changes nothing anywhere.
        assert_eq!(guarded(&model, 0.0, adam).1, Ok(3));
    }
}

/// Whatever else is said: no step changes anything.
#[test]
fn models_without_anything_to_train_are_not_healthy() {
    let [data, _] = task();
    let model = built(deep(1, Activation::Tanh));
    assert!(advise(&model, &data, &Mse).unwrap().is_healthy());
    let all: Vec<Param> = model.parameters().params().cloned().collect();
    all[1..].iter().for_each(Param::freeze);
    assert!(advise(&model, &data, &Mse).unwrap().is_healthy(), "one is trained");
    all[0].freeze();
    let bare = Sequential::new().then(Activation::Tanh);
    let same = Dataset::new(data.inputs().clone(), data.inputs().clone()).unwrap();
    for (model, data, why) in [
        (&model as &dyn Module, &data, "all 4 parameters of the model are frozen"),
        (&bare, &same, "the model has no parameters"),
    ] {
        let advice = advise(model, data, &Mse).unwrap();
        assert!(!advice.is_healthy() && advice.remedies().is_empty(), "{advice}");
        let finding = &advice.findings()[0];
        assert_eq!((finding.cause, finding.severity), (Cause::NothingToTrain, Severity::Serious));
        assert!(finding.to_string().starts_with(why), "{finding}");
        assert!(advice.without_remedies().is_some());
    }
    all[2].unfreeze();
    assert!(advise(&model, &data, &Mse).unwrap().is_healthy());
}
