//! Every misuse of the crate, with the words that refuse it: the thing, the law, the repair. A panic points at the caller's line.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use autograd::{Float, Param, Parameters, Tape, Tensor, Var};
use mlp::init::{Distribution, Fan};
use mlp::metrics::{accuracy, binary_accuracy, confusion_matrix};
use mlp::theory::MeanField;
use mlp::{
    Activation, Adam, BinaryCrossEntropyWithLogits, CrossEntropy, CrossEntropyFromProbabilities, Dataset, Dropout,
    Error, Euclidean, Flow, Function, Hinge, Huber, Init, KlDivergence, L1, LayerNorm, Linear, Loss, Mlp, MlpBuilder,
    Module, Mse, Optimizer, PRelu, Residual, Scaler, Sequential, Sgd, Table, Targets, Trainer, one_hot,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// One panic at a time: the hook is the process's.
static HOOK: Mutex<()> = Mutex::new(());

/// What is said of a misuse, and on which line of this file it panics, if it does.
fn said(misuse: impl FnOnce() -> Result<(), Error>) -> (String, Option<u32>) {
    let _guard = HOOK.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let place = Arc::new(Mutex::new(None));
    let seen = place.clone();
    let old = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        *seen.lock().unwrap() = info.location().map(|at| (at.file().to_string(), at.line()));
    }));
    let result = catch_unwind(AssertUnwindSafe(misuse));
    std::panic::set_hook(old);
    match result {
        Ok(result) => (result.expect_err("a refusal").to_string(), None),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| payload.downcast_ref::<&str>().map(|s| s.to_string())).expect("a message");
            let (file, line) = place.lock().unwrap().clone().expect("a place");
            assert!(file.ends_with("messages.rs"), "the panic points at {file}:{line}, not at the caller: {text}");
            (text, Some(line))
        }
    }
}

/// A line of the table, what is done there, and what is said.
type Row<'a> = (u32, Box<dyn FnOnce() -> Result<(), Error> + 'a>, &'a str);

/// A misuse that is an error.
macro_rules! error {
    ($misuse:expr, $text:expr) => {
        (line!(), Box::new(|| $misuse.map(drop)) as Box<dyn FnOnce() -> Result<(), Error>>, $text)
    };
}

/// What is left of a misuse that panics.
fn ignore<R>(_: R) -> Result<(), Error> {
    Ok(())
}

/// A misuse that panics.
macro_rules! panics {
    ($misuse:expr, $text:expr) => {
        (line!(), Box::new(|| ignore($misuse)) as Box<dyn FnOnce() -> Result<(), Error>>, $text)
    };
}

fn check(rows: Vec<Row<'_>>) {
    for (row, misuse, text) in rows {
        let (found, line) = said(misuse);
        assert_eq!(found, text, "the row in line {row}");
        if let Some(line) = line {
            assert!((row..row + 6).contains(&line), "the row in line {row} panics at line {line}: {found}");
        }
    }
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(0)
}

fn one<T: Float>() -> Parameters<T> {
    Parameters::new().with("w", &Param::new([T::one()]))
}

#[test]
fn optimisers() {
    let (wide, narrow) = (one::<f64>(), one::<f32>());
    let sgd = || Sgd::new(&wide, 0.1);
    let adam = || Adam::new(&wide, 0.1);
    let rate = "optimizer: the learning rate";
    let text = |what: &str, kind: &str| format!("{rate} {what} is not a finite number ≥ 0 in {kind}");
    let texts = [
        text("NaN", "f64"),
        text("-0.1", "f64"),
        text("inf", "f64"),
        text("1e300", "f32"),
        text("1e-300", "f32"),
        text("-1e300", "f64"),
    ];
    check(vec![
        panics!(Sgd::new(&wide, f64::NAN), &texts[0]),
        panics!(Sgd::new(&wide, -0.1), &texts[1]),
        panics!(Sgd::new(&wide, f64::INFINITY), &texts[2]),
        panics!(Sgd::new(&narrow, 1e300), &texts[3]),
        panics!(Sgd::new(&narrow, 1e-300), &texts[4]),
        panics!(Adam::new(&wide, f64::NAN), &texts[0]),
        panics!(Adam::new(&narrow, 1e300), &texts[3]),
        panics!(sgd().set_learning_rate(-1e300), &texts[5]),
        panics!(adam().set_learning_rate(f64::INFINITY), &texts[2]),
        panics!(sgd().momentum(1.0), "sgd: the momentum 1 lies outside [0, 1) in f64"),
        panics!(sgd().momentum(-1e-300), "sgd: the momentum -1e-300 lies outside [0, 1) in f64"),
        panics!(sgd().momentum(f64::NAN), "sgd: the momentum NaN lies outside [0, 1) in f64"),
        panics!(
            Sgd::new(&narrow, 0.1).momentum(1.0 - 1e-9),
            "sgd: the momentum 0.999999999 lies outside [0, 1) in f32"
        ),
        panics!(
            sgd().nesterov(),
            "sgd: nesterov looks ahead along the momentum, which is 0; call momentum(0.9) before"
        ),
        panics!(
            sgd().momentum(0.9).nesterov().momentum(0.0),
            "sgd: nesterov looks ahead along the momentum, which is 0; leave it out"
        ),
        panics!(sgd().weight_decay(-1.0), "sgd: the weight decay -1 is not a finite number ≥ 0 in f64"),
        panics!(adam().weight_decay(f64::NAN), "adam: the weight decay NaN is not a finite number ≥ 0 in f64"),
        panics!(
            Adam::new(&narrow, 0.1).weight_decay(1e40),
            "adam: the weight decay 1e40 is not a finite number ≥ 0 in f32"
        ),
        panics!(adam().betas(1.0, 0.9), "adam: betas 1 and 0.9 must lie in [0, 1) in f64"),
        panics!(adam().betas(0.9, -0.1), "adam: betas 0.9 and -0.1 must lie in [0, 1) in f64"),
        panics!(adam().betas(f64::NAN, 0.9), "adam: betas NaN and 0.9 must lie in [0, 1) in f64"),
        panics!(
            Adam::new(&narrow, 0.1).betas(0.9, 0.99999999999),
            "adam: betas 0.9 and 0.99999999999 must lie in [0, 1) in f32"
        ),
        panics!(adam().eps(0.0), "adam: eps 0 must be above 0, as f64 too, and finite"),
        panics!(adam().eps(-1e-8), "adam: eps -1e-8 must be above 0, as f64 too, and finite"),
        panics!(adam().eps(f64::NAN), "adam: eps NaN must be above 0, as f64 too, and finite"),
        panics!(adam().eps(f64::INFINITY), "adam: eps inf must be above 0, as f64 too, and finite"),
        panics!(Adam::new(&narrow, 0.1).eps(1e-60), "adam: eps 1e-60 must be above 0, as f32 too, and finite"),
        panics!(Adam::new(&narrow, 0.1).eps(1e60), "adam: eps 1e60 must be above 0, as f32 too, and finite"),
    ]);
}

#[test]
fn settings_of_a_trainer() {
    let tolerance = |what: &str| {
        format!("trainer: a tolerance of {what} is not a finite number ≥ 0; leave it out to train all epochs")
    };
    let tolerances = ["NaN", "-1", "-1e-300", "inf"].map(tolerance);
    let nothing = |what: &str| format!("trainer: gradients of a norm of at most {what} leave nothing to step along");
    let norms = ["0", "-1e300", "NaN"].map(nothing);
    let new = Trainer::new;
    check(vec![
        panics!(new().tolerance(f64::NAN), &tolerances[0]),
        panics!(new().tolerance(-1.0), &tolerances[1]),
        panics!(new().tolerance(-1e-300), &tolerances[2]),
        panics!(new().tolerance(f64::INFINITY), &tolerances[3]),
        panics!(new().clip_norm(0.0), &norms[0]),
        panics!(new().clip_norm(-1e300), &norms[1]),
        panics!(new().clip_norm(f64::NAN), &norms[2]),
        panics!(
            new().clip_norm(f64::INFINITY),
            "trainer: clipping gradients at a norm of inf clips none; leave it out"
        ),
        panics!(
            new().save_training(0, "t"),
            "trainer: save_training wants to save after every 0 epochs; every epoch is 1"
        ),
        panics!(new().observe_flow(0, |_, _| ()), "trainer: observe_flow wants a flow every 0 steps; every step is 1"),
    ]);
}

/// What training one sample with these settings says.
fn fit(trainer: Trainer<'_>) -> Result<(), Error> {
    let model = Linear { w: Param::new([[0.0, 0.0], [0.0, 0.0]]), b: None };
    let data = Dataset::new(Tensor::from([[1.0, 2.0]]), vec![0])?;
    trainer.progress(false).fit(&model, &CrossEntropy, &mut Sgd::new(&model.parameters(), 0.1), &data, None).map(drop)
}

#[test]
fn trainings() {
    let schedule = |what: &str| {
        format!(
            "trainer: the schedule gives a learning rate of {what} for epoch 1, which is not a finite number ≥ 0 in f64"
        )
    };
    let rates = ["NaN", "inf", "-1e300"].map(schedule);
    check(vec![
        error!(fit(Trainer::new().epochs(0)), "trainer: 0 epochs: there is nothing to do"),
        error!(
            fit(Trainer::new().batch_size(0)),
            "trainer: batches of 0 samples would never pass over the data; choose at least 1"
        ),
        error!(fit(Trainer::new().parts(0)), "trainer: batches in 0 parts hold no samples; 1 part is the whole batch"),
        error!(fit(Trainer::new().schedule(|_| f64::NAN)), &rates[0]),
        error!(fit(Trainer::new().schedule(|_| f64::INFINITY)), &rates[1]),
        error!(fit(Trainer::new().schedule(|_| -1e300)), &rates[2]),
        error!(fit(Trainer::new().save_training(1, "/")), "/: not a file but a folder; name a file to save to"),
        error!(
            fit(Trainer::new().save_training(1, "no/such/folder/t.safetensors")),
            "no/such/folder/t.safetensors: No such file or directory (os error 2)"
        ),
        error!(
            fit(Trainer::new().resume_from("no.safetensors")),
            "no.safetensors: No such file or directory (os error 2)"
        ),
    ]);
}

fn mean(loss: &dyn Loss, y: impl Into<Tensor>, targets: impl Into<Targets>) -> Result<(), Error> {
    let tape = Tape::new();
    loss.mean(tape.constant(y), &targets.into()).map(drop)
}

fn narrow(loss: &dyn Loss<f32>, y: impl Into<Tensor<f32>>, targets: impl Into<Targets<f32>>) -> Result<(), Error> {
    let tape = Tape::default();
    loss.mean(tape.constant(y), &targets.into()).map(drop)
}

#[test]
fn losses() {
    let nan = f64::NAN;
    let two = [[0.5, 0.5], [0.5, 0.5]];
    let probabilities = CrossEntropyFromProbabilities::default();
    let column = Tensor::from([[1.0], [0.0]]);
    let values = |values: [[f64; 2]; 2]| Targets::Values(values.into());
    check(vec![
        error!(mean(&CrossEntropy, two, vec![0]), "cross_entropy: 1 classes for the 2 rows of outputs of shape (2, 2)"),
        error!(
            mean(&CrossEntropy, two, vec![0, 2]),
            "cross_entropy: class 2 of sample 1 does not exist; outputs of shape (2, 2) have classes 0 to 1"
        ),
        error!(
            mean(&CrossEntropy, [0.5, 0.5], vec![0, 1]),
            "cross_entropy: outputs of shape (2,) are not (samples, classes); reshape them"
        ),
        error!(
            mean(&CrossEntropy, two, values([[0.5, 0.5], [-0.5, 1.5]])),
            "cross_entropy: target -0.5 is not a probability, which is 0 or above"
        ),
        error!(
            mean(&CrossEntropy, two, values([[0.5, 0.5], [nan, 1.0]])),
            "cross_entropy: target NaN is not a probability, which is 0 or above"
        ),
        error!(
            mean(&CrossEntropy, two, values([[0.5, 0.5], [f64::INFINITY, 1.0]])),
            "cross_entropy: target inf is not a probability, which is 0 or above"
        ),
        error!(
            mean(&CrossEntropy, two, values([[0.5, 0.5], [0.0, 0.0]])),
            "cross_entropy: the targets of row 1 sum to 0, but a distribution sums to 1; divide them by their sum"
        ),
        error!(
            mean(&CrossEntropy, two, values([[0.5, 0.625], [0.5, 0.5]])),
            "cross_entropy: the targets of row 0 sum to 1.125, but a distribution sums to 1; divide them by their sum"
        ),
        error!(
            mean(&CrossEntropy, two, values([[1e300, 0.0], [0.5, 0.5]])),
            "cross_entropy: the targets of row 0 sum to 1e300, but a distribution sums to 1; divide them by their sum"
        ),
        error!(
            narrow(&CrossEntropy, [[0.5, 0.5]], Tensor::from([[0.5f32, 0.25]])),
            "cross_entropy: the targets of row 0 sum to 0.75, but a distribution sums to 1; divide them by their sum"
        ),
        error!(
            mean(&CrossEntropy, two, column.clone()),
            "cross_entropy: targets of shape (2, 1) do not fit outputs of shape (2, 2); it takes a distribution for each row; \
             if they are classes, give them as Vec<usize>"
        ),
        error!(
            mean(&CrossEntropy, [[0.5], [0.5]], vec![0, 0]),
            "cross_entropy: outputs of shape (2, 1) are of one class, which always has probability 1; \
             for two classes with one output take BinaryCrossEntropyWithLogits"
        ),
        error!(
            mean(&CrossEntropy, 0.5, Tensor::from(1.0)),
            "cross_entropy: an output of shape () has no rows; reshape it to (1, 1)"
        ),
        error!(
            mean(&probabilities, two, values([[0.5, 0.5], [0.5, 0.0]])),
            "cross_entropy_from_probabilities: the targets of row 1 sum to 0.5, but a distribution sums to 1; divide them by their sum"
        ),
        error!(
            mean(&probabilities, two, values([[0.5, 0.5], [nan, 0.0]])),
            "cross_entropy_from_probabilities: target NaN is not a probability, which is 0 or above"
        ),
        error!(
            mean(&KlDivergence, two, values([[0.5, 0.5], [0.5, 0.75]])),
            "kl_divergence: the targets of row 1 sum to 1.25, but a distribution sums to 1; divide them by their sum"
        ),
        error!(
            mean(&KlDivergence, two, vec![0, 1]),
            "kl_divergence: the targets are classes, but it needs numbers; one_hot makes them of classes"
        ),
        error!(
            mean(&BinaryCrossEntropyWithLogits, two, values([[0.5, 1.5], [0.0, 1.0]])),
            "binary_cross_entropy: target 1.5 lies outside [0, 1]"
        ),
        error!(
            mean(&BinaryCrossEntropyWithLogits, two, values([[0.5, nan], [0.0, 1.0]])),
            "binary_cross_entropy: target NaN lies outside [0, 1]"
        ),
        error!(
            mean(&BinaryCrossEntropyWithLogits, [[0.5], [0.5]], vec![1, 2]),
            "binary_cross_entropy: class 2 of sample 1 is neither 0 nor 1"
        ),
        error!(
            mean(&BinaryCrossEntropyWithLogits, [[0.5], [0.5]], Tensor::from([0.0, 1.0])),
            "binary_cross_entropy: targets of shape (2,) do not fit outputs of shape (2, 1); reshape one of them"
        ),
        error!(mean(&Hinge, [[0.5], [0.5]], column.clone()), "hinge: target 0 is neither −1 nor 1"),
        error!(mean(&Hinge, [[0.5], [0.5]], vec![0, 5]), "hinge: class 5 of sample 1 is neither 0 nor 1"),
        error!(
            mean(&Hinge, two, vec![0, 1]),
            "hinge: 2 classes do not fit outputs of shape (2, 2); it takes one output for each; CrossEntropy takes one for each class"
        ),
        error!(
            mean(&Mse, [[0.5], [0.5]], Tensor::from([0.0, 1.0])),
            "mse: targets of shape (2,) do not fit outputs of shape (2, 1); reshape one of them"
        ),
        error!(
            mean(&L1, two, column.clone()),
            "l1: targets of shape (2, 1) do not fit outputs of shape (2, 2); reshape one of them"
        ),
        error!(
            mean(&Euclidean, two, vec![0, 1]),
            "euclidean: the targets are classes, but it needs numbers; one_hot makes them of classes"
        ),
        error!(mean(&Huber { delta: nan }, two, values(two)), "huber: delta NaN is not a finite number above 0"),
        error!(mean(&Huber { delta: -1e300 }, two, values(two)), "huber: delta -1e300 is not a finite number above 0"),
        error!(
            narrow(&Huber { delta: 1e300 }, [1.0], Tensor::from([1.0f32])),
            "huber: delta 1e300 is not a finite number above 0 in f32"
        ),
        error!(
            narrow(&Huber { delta: 1e-60 }, [1.0], Tensor::from([1.0f32])),
            "huber: delta 1e-60 is not a finite number above 0 in f32"
        ),
    ]);
    // Distributions up to rounding, in both types.
    mean(&CrossEntropy, [[0.5, 0.5, 0.5]], Tensor::from([[0.33333, 0.33333, 0.33333]])).unwrap();
    let many = Tensor::<f32>::full([1, 100_000], 1e-5);
    narrow(&CrossEntropy, Tensor::<f32>::zeros([1, 100_000]), many).unwrap();
}

#[test]
fn measures() {
    let nan = f64::NAN;
    let outputs = Tensor::from([[1.0, 0.0], [0.0, nan]]);
    let two = Tensor::from([[1.0, 0.0], [0.0, 1.0]]);
    let logits = Tensor::from([[1.0], [nan]]);
    let good = Tensor::from([[1.0], [0.0]]);
    check(vec![
        error!(accuracy(&outputs, &[0, 1]), "accuracy: an output of sample 1 is NaN, which is no class"),
        error!(accuracy(&two, &[0]), "accuracy: 1 classes do not fit outputs of shape (2, 2)"),
        error!(accuracy(&two, &[0, 2]), "accuracy: class 2 of sample 1 does not exist in outputs of shape (2, 2)"),
        error!(accuracy(&Tensor::<f64>::zeros([0, 2]), &[]), "accuracy: there are no samples"),
        error!(
            accuracy(&Tensor::from([1.0, 0.0]), &[0, 1]),
            "accuracy: outputs of shape (2,) are not (samples, classes)"
        ),
        error!(
            confusion_matrix(&outputs, &[0, 1]),
            "confusion_matrix: an output of sample 1 is NaN, which is no class"
        ),
        error!(
            binary_accuracy(&logits, &[0, 1], 0.0),
            "binary_accuracy: an output of sample 1 is NaN, which is no class"
        ),
        error!(
            binary_accuracy(&good, &[0, 1], nan),
            "binary_accuracy: a threshold of NaN has no side; it is 0 for logits, 0.5 for probabilities"
        ),
        error!(
            binary_accuracy(&good, &[0], 0.0),
            "binary_accuracy: 1 classes for outputs of shape (2, 1); it takes one output for each, and one at least"
        ),
        error!(
            binary_accuracy(&good, &[0, 2], 0.0),
            "binary_accuracy: class 2 of sample 1 is neither 0 nor 1; take accuracy() for more classes"
        ),
    ]);
}

fn build(builder: MlpBuilder) -> Result<(), Error> {
    builder.build::<f32>(&mut rng()).map(drop)
}

#[test]
fn models() {
    use Activation::{Elu, Identity, LeakyRelu, Tanh};
    let network = || Mlp::new(3).hidden(4, Tanh).output(2, Identity);
    let prelu = PRelu::<f64>::new(3);
    let flat = Linear { w: Param::new([1.0, 2.0]), b: None };
    let steep = Residual::new(Linear { w: Param::new([[1.0], [2.0]]), b: None });
    check(vec![
        error!(build(Mlp::new(3)), "mlp: it has no output layer; call output(units, activation)"),
        error!(build(Mlp::new(0).output(2, Identity)), "mlp: layer 0 would be 0 → 2; no size may be 0"),
        error!(build(Mlp::new(3).hidden(0, Tanh).output(2, Identity)), "mlp: layer 0 would be 3 → 0; no size may be 0"),
        error!(build(network().dropout(1.0)), "dropout: the probability 1 lies outside [0, 1)"),
        error!(build(network().dropout(-1e-300)), "dropout: the probability -1e-300 lies outside [0, 1)"),
        error!(build(network().dropout(f64::NAN)), "dropout: the probability NaN lies outside [0, 1)"),
        error!(build(network().critical(f64::NAN)), "mlp: critical biases of variance NaN; a variance is a number ≥ 0"),
        error!(
            build(network().init(Init::Constant(f64::NAN))),
            "init: Constant(NaN) needs finite numbers, std ≥ 0, low ≤ high, and low ≤ 0 ≤ high around a mean"
        ),
        error!(
            build(network().init(Init::Constant(1e300))),
            "init: Constant(1e300) drew inf, too large for f32; make it smaller"
        ),
        error!(
            build(network().init(Init::Normal { mean: 0.0, std: 1e40 })),
            "init: Normal { mean: 0.0, std: 1e40 } drew inf, too large for f32; make it smaller"
        ),
        error!(
            build(Mlp::new(3).hidden(4, LeakyRelu(f64::NAN)).output(2, Identity)),
            "activation: `leaky_relu(NaN)` has an argument that is not finite"
        ),
        error!(
            build(Mlp::new(3).output(2, Elu(f64::INFINITY))),
            "activation: `elu(inf)` has an argument that is not finite"
        ),
        error!(
            build(Mlp::new(usize::MAX).output(2, Identity)),
            "init: an array of shape (18446744073709551615, 2) has more numbers than memory holds; make it smaller"
        ),
        error!(
            "leaky_relu(nan)".parse::<Activation>(),
            "activation: `leaky_relu(NaN)` has an argument that is not finite"
        ),
        error!(
            "linear(1, inf)".parse::<Activation>(),
            "activation: `linear(1, inf)` has an argument that is not finite"
        ),
        error!("elu(1, 2)".parse::<Activation>(), "activation: cannot read `elu(1, 2)`; write it as `elu(1)`"),
        error!(Dropout::new(1.5), "dropout: the probability 1.5 lies outside [0, 1)"),
        error!(LayerNorm::<f64>::new(0), "layer_norm: 0 features: there is nothing to normalise"),
        error!(
            Linear::<f64>::new(0, 2, &Init::he_normal(), &mut rng()),
            "linear: 0 → 2: a layer needs inputs and outputs"
        ),
        error!(
            Linear::<f64>::new(1 << 40, 1 << 40, &Init::Zeros, &mut rng()),
            "init: an array of shape (1099511627776, 1099511627776) has more numbers than memory holds; make it smaller"
        ),
        panics!(PRelu::<f64>::new(0), "prelu: 0 features have no α; 1 shares it among all"),
        panics!(
            prelu.predict(&Tensor::ones([2, 2])),
            "prelu: rows of 3 numbers are needed, the input has shape (2, 2); reshape it or resize the layer"
        ),
        panics!(
            LayerNorm::<f64>::new(3).unwrap().predict(&Tensor::ones([2, 1])),
            "layer_norm: rows of 3 numbers are needed, the input has shape (2, 1); reshape it or resize the layer"
        ),
        panics!(
            Sequential::new().then(PRelu::<f64>::new(3)).predict(&Tensor::ones([2, 2])),
            "prelu: rows of 3 numbers are needed, the input has shape (2, 2); reshape it or resize the layer"
        ),
        panics!(flat.inputs(), "linear: weights of shape (2,) are not (inputs, outputs)"),
        panics!(
            steep.predict(&Tensor::ones([4, 2])),
            "residual: the module turns shape (4, 2) into (4, 1); a shortcut needs equal shapes"
        ),
        panics!(
            Init::he_normal().sample::<f64>([3], &mut rng()),
            "init: shape (3,) is not (inputs, outputs); start biases with Init::Zeros"
        ),
        error!(
            Init::Scaled { gain: f64::INFINITY, fan: Fan::In, distribution: Distribution::Normal }
                .try_sample::<f64>([2, 2], &mut rng()),
            "init: Scaled { gain: inf, fan: In, distribution: Normal } needs finite numbers, std ≥ 0, low ≤ high, \
             and low ≤ 0 ≤ high around a mean"
        ),
        error!(
            Init::Constant(1e40).try_sample::<f32>([2, 2], &mut rng()),
            "init: Constant(1e40) drew inf, too large for f32; make it smaller"
        ),
    ]);
}

#[test]
fn inputs_that_do_not_fit_a_model_point_at_the_caller() {
    let linear = || Linear { w: Param::new(Tensor::ones([3, 3])), b: Some(Param::new(Tensor::zeros([3]))) };
    let network = || Mlp::new(3).hidden(4, Activation::Tanh).output(2, Activation::Identity);
    let models: [Box<dyn Fn(&Tensor)>; 5] = [
        Box::new(|x| drop(linear().predict(x))),
        Box::new(|x| drop(network().build(&mut rng()).unwrap().predict(x))),
        Box::new(|x| drop(network().layer_norm().dropout(0.5).build(&mut rng()).unwrap().predict(x))),
        Box::new(|x| drop(Sequential::new().then(linear()).then(Activation::Relu).predict(x))),
        Box::new(|x| drop(Residual::new(linear()).predict(x))),
    ];
    for predict in models {
        predict(&Tensor::ones([2, 3]));
        let (text, line) = said(|| {
            predict(&Tensor::ones([2, 4]));
            Ok(())
        });
        assert!(line.is_some() && text.contains("(2, 4)"), "{text}");
    }
}

#[test]
fn the_laboratory() {
    let model = Linear { w: Param::new([[2.0]]), b: None };
    let flow = || Flow::measure(&model, &Tensor::from([[3.0]]), |y| y.sum());
    let theory = || MeanField::new(Activation::Tanh).unwrap();
    check(vec![
        panics!(flow().with_rate(f64::NAN), "optimizer: the learning rate NaN is not a finite number ≥ 0 in f64"),
        panics!(flow().with_rate(-1e300), "optimizer: the learning rate -1e300 is not a finite number ≥ 0 in f64"),
        panics!(flow().with_updates(&[], &model.parameters()), "flow: 0 arrays of values given for 1 parameters"),
        panics!(theory().weights(-1e300), "mean_field: the variance of the weights is -1e300; it must be ≥ 0"),
        panics!(theory().biases(f64::NAN), "mean_field: the variance of the biases is NaN; it must be ≥ 0"),
        panics!(theory().correlation_map(1.0, 1e300), "mean_field: correlation 1e300 is not between −1 and 1"),
        error!(
            theory().initialised(&Init::Constant(1e300), 3, 3),
            "mean_field: Constant(1e300) has mean 1e300; the theory needs weights of mean 0"
        ),
        error!(
            MeanField::new(Activation::Relu).unwrap().weights(1e300).fixed_point(),
            "mean_field: the variance of `relu` grows without bound for σ_w² = 1e300, σ_b² = 0; take smaller weights"
        ),
        error!(
            MeanField::new(Activation::Softmax),
            "mean_field: `softmax` is not a function of each number alone; the theory needs one that is"
        ),
    ]);
}

fn data(n: usize) -> Dataset {
    Dataset::new(Tensor::zeros([n, 2]), vec![0; n]).unwrap()
}

#[test]
fn data_sets() {
    let split = |what: &str| format!("split: held-out fraction {what} must lie between 0 and 1");
    let splits = ["NaN", "1e300", "0"].map(split);
    check(vec![
        error!(data(4).split(f64::NAN, 0), &splits[0]),
        error!(data(4).split(1e300, 0), &splits[1]),
        error!(data(4).split(0.0, 0), &splits[2]),
        error!(
            data(4).split(1e-300, 0),
            "split: fraction 1e-300 of 4 samples would hold out nothing; choose another fraction or add samples"
        ),
        error!(data(4).batches(0, None), "batch size: 0 would never pass over the data; choose at least 1"),
        error!(data(4).select(&[]), "select: no samples; at least one is needed"),
        error!(data(4).select(&[4]), "select: sample 4 does not exist; samples are 0 to 3"),
        error!(
            Dataset::new(Tensor::<f64>::zeros([2, 1]), vec![0]),
            "data set: 2 inputs but 1 targets; each input needs one target, in the same order"
        ),
        error!(
            Dataset::new(Tensor::from([[0.0], [f64::NAN]]), vec![0, 1]),
            "inputs: sample 1 holds NaN at position 0; remove the sample or fill in a number"
        ),
        error!(
            Dataset::new(Tensor::from([[0.0]]), Tensor::from([[f64::INFINITY]])),
            "targets: sample 0 holds inf at position 0; remove the sample or fill in a number"
        ),
        error!(Dataset::new(Tensor::<f64>::zeros([0, 1]), vec![]), "inputs: no samples; at least one is needed"),
        error!(
            Dataset::new(Tensor::from(1.0), vec![0]),
            "inputs: a single number has no axis of samples; reshape it to (1, 1)"
        ),
        error!(
            one_hot::<f64>(&[0, 3], 3),
            "sample 1: label 3 is out of range for 3 classes (0 to 2); correct the label or raise the number of classes"
        ),
        error!(
            one_hot::<f64>(&[0, 1], usize::MAX),
            "one_hot: an array of shape (2, 18446744073709551615) has more numbers than memory holds; make it smaller"
        ),
        error!(
            Scaler::standard(&Tensor::from([[0.0], [f64::NAN]])),
            "scaler: column 0 holds NaN, infinite or enormous numbers; remove or clip them"
        ),
        error!(
            Scaler::min_max(&Tensor::<f64>::arange(3)),
            "scaler: shape (3,) is not (rows, columns); reshape a single column to (n, 1)"
        ),
        error!(Scaler::min_max(&Tensor::<f64>::zeros([0, 2])), "scaler: no samples; at least one is needed"),
        error!(
            Scaler::min_max(&Tensor::<f64>::zeros([1, 2]))?.transform(&Tensor::<f64>::zeros([1, 3])),
            "scaler: shape (1, 3) is not (rows, 2), the columns that it was fitted to"
        ),
    ]);
}

fn table(text: &str) -> Table {
    Table::parse("t", text.as_bytes()).unwrap()
}

#[test]
fn tables() {
    let t = || table("x,kind\n1,cat\n2,NA\n");
    let none: [&str; 0] = [];
    check(vec![
        error!(
            Table::parse("t", "x,kind\n1, \"cat\"\n".as_bytes()),
            "t, line 2: a space before a quote makes the quote a part of the cell; delete the space"
        ),
        error!(
            Table::parse("t", "x,kind\n1,\"cat\n".as_bytes()),
            "t, line 2: a quote is opened and never closed; close it, and write each quote inside a cell twice"
        ),
        error!(
            Table::parse("t", "x;y\n1,5;2\n".as_bytes()),
            "t, line 1: its cells are separated by `;`; save the table with commas between cells, and points in numbers"
        ),
        error!(
            Table::parse("t", "# made by hand\nx\n1\n".as_bytes()),
            "t, line 1: it begins with `#`, but comments are no part of a table; delete it, or put quotes around the cell"
        ),
        error!(
            Table::parse("t", "1,2\n3,4\n".as_bytes()),
            "t, line 1: it holds numbers where the names of the columns should be; write a line of names above it, \
             with quotes around names that are numbers"
        ),
        error!(Table::parse("t", "x,y\n".as_bytes()), "t: no samples; at least one is needed"),
        error!(t().numbers::<f64>(&none), "numbers: no columns named; name at least one"),
        error!(t().numbers::<f64>(&["y"]), "t: no column `y`; the columns are `x`, `kind`"),
        error!(
            t().numbers::<f64>(&["kind"]),
            "t, line 2, column `kind`: found `cat`, needs a finite number; correct the cell or drop the row"
        ),
        error!(
            t().classes("kind"),
            "t, line 3, column `kind`: found `NA` for a missing value, needs the name of a class; correct the cell or drop the row"
        ),
        error!(
            t().known_classes("kind", &["dog", "NA"]),
            "t, line 2, column `kind`: found `cat`, needs one of the classes `dog`, `NA`; correct the cell or drop the row"
        ),
        error!(t().known_classes("kind", &none), "known_classes: no classes given; give those of the training"),
        error!(t().labels("x", 0), "labels: 0 classes; at least one is needed"),
        error!(
            t().labels("x", 2),
            "t, line 3, column `x`: found `2`, needs a label from 0 to 1; correct the cell or drop the row"
        ),
    ]);
}

/// Messages that hold a number are short, however large or small it is.
#[test]
fn no_message_prints_hundreds_of_digits() {
    let model = Sequential::new().then(Linear { w: Param::new([[1.0]]), b: None });
    let huge = Dataset::new(Tensor::from([[1e200]]), Tensor::from([[-1e300]])).unwrap();
    let mut sgd = Sgd::new(&model.parameters(), 1e-300);
    let error = Trainer::new().progress(false).fit(&model, &Mse, &mut sgd, &huge, None).unwrap_err().to_string();
    assert_eq!(
        error,
        "training: the loss became inf in epoch 1, batch 1; lower the learning rate (now 1e-300), or bring inputs and targets nearer to 1"
    );
    let flow = Flow::measure(&model, &Tensor::from([[1e150]]), |y| y.square().sum());
    assert!(flow.to_string().starts_with("loss 1.000e300\n"), "{flow}");
    let named = Function::new("square", |y: Var| y.square());
    let small = Flow::measure(&named, &Tensor::from([[1e-5]]), |y| y.sum());
    assert!(small.to_string().starts_with("loss 1.000e-10\n"), "{small}");
    assert_eq!(Dropout::new(1e-300).unwrap().p(), 1e-300);
    assert_eq!(Module::<f64>::describe(&Dropout::new(1e-300).unwrap())[0].layer, "dropout(1e-300)");
    assert_eq!(Activation::LeakyRelu(1e-300).to_string(), "leaky_relu(1e-300)");
    assert_eq!("leaky_relu(1e-300)".parse::<Activation>().unwrap(), Activation::LeakyRelu(1e-300));
}
