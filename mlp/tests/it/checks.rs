//! What is refused before the first step of a training.

use autograd::{Parameters, Tensor, Var};
use mlp::train::RateRange;
use mlp::{
    Activation, BinaryCrossEntropyWithLogits, CrossEntropy, CrossEntropyFromProbabilities, Dataset, Error, Hinge,
    Huber, KlDivergence, L1, LayerNorm, Loss, Mlp, Module, Mse, Residual, Sequential, Sgd, Targets, Trainer,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::optimizers::optimizers;
use crate::train::{network, quadrants, quiet, values, xor};

#[test]
fn settings_and_targets_that_make_no_sense_are_refused() {
    let model = network(4, 2);
    let fit = |trainer: Trainer, data: &Dataset| {
        let mut sgd = Sgd::new(&model.parameters(), 0.5);
        trainer.fit(&model, &CrossEntropy, &mut sgd, data, None).unwrap_err().to_string()
    };
    assert_eq!(fit(quiet().epochs(0), &quadrants(4)), "trainer: 0 epochs: there is nothing to do");
    fit(quiet().batch_size(0), &quadrants(4));
    assert!(fit(quiet().parts(0), &quadrants(4)).starts_with("trainer: batches in 0 parts"));
    assert!(fit(quiet(), &xor()).starts_with("cross_entropy: targets of shape (4, 1)"));
    model.parameters().params().for_each(autograd::Param::freeze);
    assert!(fit(quiet(), &quadrants(4)).starts_with("trainer: the model has no parameter that is not frozen"));
}

/// The order in which parts move running statistics would be that of the threads.
#[test]
fn a_model_with_buffers_trains_in_one_part() {
    let norm = || Sequential::new().then(mlp::BatchNorm::new(2).unwrap()).then(network(2, 2));
    let fit = |trainer: Trainer| {
        let model = norm();
        let mut sgd = Sgd::new(&model.parameters(), 0.5);
        trainer.fit(&model, &CrossEntropy, &mut sgd, &quadrants(16), None)
    };
    let refused = "trainer: 2 parts would move the buffer `0.mean` in the order in which they run, so that the seed no longer decides \
                   the bits; train such a model in 1 part";
    assert_eq!(fit(quiet().parts(2)).unwrap_err().to_string(), refused);
    let (model, range) = (norm(), RateRange::default());
    let mut sgd = Sgd::new(&model.parameters(), 0.5);
    let found = quiet().parts(2).find_rate(&model, &CrossEntropy, &mut sgd, &quadrants(16), range);
    assert_eq!(found.unwrap_err().to_string(), refused);
    assert_eq!(fit(quiet().epochs(2).parts_measured()).unwrap().parts, 1);
    assert_eq!(fit(quiet().epochs(2).parts(1)).unwrap().parts, 1);
}

#[test]
fn data_that_do_not_fit_the_model_are_refused_before_training() {
    let refused = |model: &dyn Module, data: &Dataset, validation: Option<&Dataset>| {
        let mut sgd = Sgd::new(&model.parameters(), 0.5);
        quiet().fit(model, &Mse, &mut sgd, data, validation).unwrap_err().to_string()
    };
    let rest = "choose other columns, or build the model for these";
    let wide = Dataset::new(Tensor::zeros([4, 3]), Tensor::zeros([4, 1])).unwrap();
    assert_eq!(
        refused(&network(4, 1), &wide, None),
        format!("trainer: the model takes rows of 2 numbers, the inputs of the data have shape (4, 3); {rest}")
    );
    assert_eq!(
        refused(&network(4, 1), &xor(), Some(&wide)),
        format!(
            "trainer: the model takes rows of 2 numbers, the inputs of the validation data have shape (4, 3); {rest}"
        )
    );
    // As many samples as inputs: a batch would pass for one row.
    let flat = Dataset::new(Tensor::zeros([2]), Tensor::zeros([2])).unwrap();
    assert!(refused(&network(4, 1), &flat, None).contains("have shape (2,)"));
    let boxed: Box<dyn Module> = Box::new(Sequential::new().then(Residual::new(LayerNorm::new(2).unwrap())));
    assert!(refused(&boxed, &wide, None).starts_with("trainer: the model takes rows of 2 numbers"));
}

#[test]
fn an_optimiser_of_other_parameters_is_refused_before_the_first_step() {
    let (model, other) = (network(4, 2), network(4, 2));
    let (own, others) = (model.parameters(), other.parameters());
    let before = values(&model);
    let fit = |parameters: &Parameters| {
        let mut answers: Vec<_> = optimizers()
            .into_iter()
            .map(|(_, make)| {
                let mut optimizer = make(parameters, 0.5);
                let fit = quiet().epochs(1).fit(&model, &CrossEntropy, &mut *optimizer, &quadrants(8), None);
                fit.map(drop).map_err(|error| error.to_string())
            })
            .collect();
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0)
    };
    let none = "trainer: the optimiser steps none of the model's parameters, but others; make it of model.parameters(), \
                which must name the same ones at every call";
    assert_eq!(fit(&others).unwrap_err(), none);
    assert_eq!(
        fit(&Parameters::new()).unwrap_err(),
        "trainer: the optimiser has no parameters; make it of those of the model"
    );
    let some =
        |names: &[&str]| names.iter().fold(Parameters::new(), |all, &name| all.with(name, own.get(name).unwrap()));
    assert_eq!(
        fit(&some(&["layers.0.w", "layers.1.w"])).unwrap_err(),
        "trainer: the optimiser does not step `layers.0.b`, `layers.1.b`; make it of model.parameters(), or freeze what shall stay"
    );
    assert_eq!(values(&model), before);
    // Frozen ones are not missed, and neither are more than the model's.
    for name in ["layers.0.b", "layers.1.b"] {
        own.get(name).unwrap().freeze();
    }
    fit(&some(&["layers.0.w", "layers.1.w"])).unwrap();
    fit(&own.clone().with_all("other", &others)).unwrap();
    // One with two names is one.
    let tied = mlp::Linear { w: autograd::Param::new([[0.5, 0.1], [-0.5, 0.2]]), b: None };
    struct Twice(mlp::Linear);
    impl Module for Twice {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            self.0.forward(self.0.forward(x))
        }
        fn parameters(&self) -> Parameters {
            Parameters::new().with("first", &self.0.w).with("second", &self.0.w)
        }
    }
    let twice = Twice(tied);
    let mut sgd = Sgd::new(&Parameters::new().with("w", &twice.0.w), 0.5);
    quiet().epochs(1).fit(&twice, &CrossEntropy, &mut sgd, &quadrants(8), None).unwrap();
}

/// Parameters that are new at every call: the optimiser has others than the model uses.
struct Forgetful;

impl Module for Forgetful {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.matmul(self.parameters().get("w").unwrap())
    }
    fn parameters(&self) -> Parameters {
        Parameters::new().with("w", &autograd::Param::new([[0.5], [0.5]]))
    }
}

#[test]
fn what_would_train_nothing_is_refused() {
    let fit = |model: &dyn Module, trainer: Trainer| {
        let mut sgd = Sgd::new(&model.parameters(), 0.5);
        trainer.fit(model, &Mse, &mut sgd, &xor(), None).unwrap_err().to_string()
    };
    assert!(fit(&Forgetful, quiet()).starts_with("trainer: the optimiser steps none of the model's parameters"));
    let flat: [Box<dyn Module>; 3] = [
        Box::new(Activation::UnitStep),
        Box::new(Activation::Sign),
        Box::new(mlp::Function::new("detached", |y: Var| y.detach())),
    ];
    for last in flat {
        let model = Sequential::new().then(network(3, 1)).then(last);
        for parts in [1, 2] {
            let before = values(&model);
            assert_eq!(
                fit(&model, quiet().parts(parts)),
                "training: no gradient reaches a parameter of the model; look for a detach(), for a function whose derivative is 0, \
                 such as unit_step, which StraightThrough trains, or for parameters that forward() uses and parameters() does not name"
            );
            assert_eq!(values(&model), before);
        }
    }
    let linear = mlp::Linear { w: autograd::Param::new([[-1.0], [-1.0]]), b: None };
    assert_eq!(
        fit(&Sequential::new().then(linear).then(Activation::Relu), quiet().epochs(3).batch_size(1)),
        "training: every gradient of epoch 1 was exactly 0, so that nothing is learnt; begin with other weights than 0, \
         or look for units that are off for every sample"
    );
    // Where there is nothing to learn, gradients of 0 are right.
    let model = network(3, 1);
    let exact = Dataset::new(xor().inputs().clone(), model.predict(xor().inputs())).unwrap();
    quiet().fit(&model, &Mse, &mut Sgd::new(&model.parameters(), 0.5), &exact, None).unwrap();
}

#[test]
fn all_targets_and_outputs_are_checked_before_the_first_step() {
    let identity = Activation::Identity;
    let model = |outputs: usize, last: Activation| -> Mlp {
        Mlp::new(2).hidden(3, Activation::Tanh).output(outputs, last).build(&mut StdRng::seed_from_u64(1)).unwrap()
    };
    let data = |targets: Targets| Dataset::new(quadrants(100).inputs().clone(), targets).unwrap();
    let one_wrong =
        |wrong: usize| Targets::from((0..100).map(|i| if i == 77 { wrong } else { i % 2 }).collect::<Vec<_>>());
    let column = |f: fn(usize) -> f64| Targets::from(Tensor::from_fn([100, 1], |i| f(i[0])));
    let rows = |f: fn(usize) -> [f64; 2]| Targets::from(Tensor::from_fn([100, 2], |i| f(i[0])[i[1]]));
    let flat = |f: fn(usize) -> f64| Targets::from(Tensor::from_fn([100], |i| f(i[0])));
    let probabilities = CrossEntropyFromProbabilities::default();
    let cases: Vec<(Mlp, &dyn Loss, Targets, &str)> = vec![
        (
            model(2, identity),
            &CrossEntropy,
            one_wrong(2),
            "cross_entropy: class 2 of sample 77 does not exist; outputs of shape (100, 2) have classes 0 to 1",
        ),
        (
            model(1, identity),
            &BinaryCrossEntropyWithLogits,
            one_wrong(2),
            "binary_cross_entropy: class 2 of sample 77 is neither 0 nor 1",
        ),
        (model(1, identity), &Hinge, one_wrong(3), "hinge: class 3 of sample 77 is neither 0 nor 1"),
        (
            model(1, identity),
            &BinaryCrossEntropyWithLogits,
            column(|i| if i == 77 { 2.0 } else { 1.0 }),
            "binary_cross_entropy: target 2 lies outside [0, 1]",
        ),
        (
            model(1, identity),
            &Hinge,
            column(|i| if i == 77 { 0.0 } else { 1.0 }),
            "hinge: target 0 is neither −1 nor 1",
        ),
        (
            model(2, identity),
            &CrossEntropy,
            rows(|i| if i == 77 { [0.5, 0.4] } else { [0.5, 0.5] }),
            "cross_entropy: the targets of row 77 sum to 0.9, but a distribution sums to 1; divide them by their sum",
        ),
        (
            model(2, identity),
            &CrossEntropy,
            rows(|i| if i == 77 { [1.5, -0.5] } else { [0.5, 0.5] }),
            "cross_entropy: target -0.5 is not a probability, which is 0 or above",
        ),
        (
            model(2, Activation::Softmax),
            &probabilities,
            rows(|_| [2.0, 2.0]),
            "cross_entropy_from_probabilities: the targets of row 0 sum to 4, but a distribution sums to 1; divide them by their sum",
        ),
        (
            model(2, Activation::LogSoftmax),
            &KlDivergence,
            rows(|_| [0.1, 0.1]),
            "kl_divergence: the targets of row 0 sum to 0.2, but a distribution sums to 1; divide them by their sum",
        ),
        (
            model(2, identity),
            &BinaryCrossEntropyWithLogits,
            one_wrong(1),
            "binary_cross_entropy: 100 classes do not fit outputs of shape (100, 2); it takes one output for each; CrossEntropy takes one for each class",
        ),
        (
            model(1, identity),
            &CrossEntropy,
            Targets::from(vec![0; 100]),
            "cross_entropy: outputs of shape (100, 1) are of one class, which always has probability 1; for two classes with one output take BinaryCrossEntropyWithLogits",
        ),
        (
            model(2, identity),
            &CrossEntropy,
            column(|i| (i % 2) as f64),
            "cross_entropy: targets of shape (100, 1) do not fit outputs of shape (100, 2); it takes a distribution for each row; if they are classes, give them as Vec<usize>",
        ),
        (
            model(2, identity),
            &CrossEntropy,
            flat(|i| (i % 2) as f64),
            "cross_entropy: targets of shape (100,) do not fit outputs of shape (100, 2); it takes a distribution for each row; if they are classes, give them as Vec<usize>",
        ),
        (
            model(1, identity),
            &Mse,
            flat(|_| 1.0),
            "mse: targets of shape (100,) do not fit outputs of shape (100, 1); reshape one of them",
        ),
        (
            model(1, identity),
            &L1,
            rows(|_| [1.0, 1.0]),
            "l1: targets of shape (100, 2) do not fit outputs of shape (100, 1); reshape one of them",
        ),
        (
            model(1, identity),
            &Mse,
            one_wrong(1),
            "mse: the targets are classes, but it needs numbers; one_hot makes them of classes",
        ),
        (
            model(2, Activation::Softmax),
            &CrossEntropy,
            one_wrong(1),
            "cross_entropy: it takes logits, but the model ends with `softmax`; end it with Activation::Identity",
        ),
        (
            model(2, Activation::Sigmoid),
            &CrossEntropy,
            one_wrong(1),
            "cross_entropy: it takes logits, but the model ends with `sigmoid`; end it with Activation::Identity",
        ),
        (
            model(1, Activation::Sigmoid),
            &BinaryCrossEntropyWithLogits,
            one_wrong(1),
            "binary_cross_entropy: it takes logits, but the model ends with `sigmoid`; end it with Activation::Identity",
        ),
        (
            model(2, identity),
            &probabilities,
            one_wrong(1),
            "cross_entropy_from_probabilities: the outputs of sample 0, ",
        ),
        (
            model(2, Activation::Sigmoid),
            &probabilities,
            one_wrong(1),
            "cross_entropy_from_probabilities: the outputs of sample 0, ",
        ),
        (
            model(2, Activation::Softmax),
            &KlDivergence,
            rows(|_| [0.5, 0.5]),
            "kl_divergence: the outputs of sample 0, ",
        ),
        (
            model(1, Activation::Sigmoid),
            &Mse,
            column(|i| i as f64),
            "mse: 98 of 100 targets, the first 2, lie outside 0 to 1, which is all that `sigmoid` of the output layer gives; scale the targets, or end the model with another activation",
        ),
        (
            model(1, Activation::Tanh),
            &L1,
            column(|i| 1e300 * i as f64),
            "l1: 99 of 100 targets, the first 1e300, lie outside -1 to 1, which is all that `tanh` of the output layer gives; scale",
        ),
        (
            model(1, Activation::Relu),
            &(Huber { delta: 1.0 }),
            column(|i| -(i as f64)),
            "huber: 99 of 100 targets, the first -1, lie outside 0 to inf, which is all that `relu` of the output layer gives; scale",
        ),
        (
            model(1, identity),
            &(Huber { delta: f64::NAN }),
            column(|_| 1.0),
            "huber: delta NaN is not a finite number above 0",
        ),
    ];
    for (model, loss, targets, law) in cases {
        let before = values(&model);
        let mut sgd = Sgd::new(&model.parameters(), 0.5);
        let mut fit = |data: &Dataset, validation: Option<&Dataset>| {
            quiet().epochs(1).batch_size(2).fit(&model, loss, &mut sgd, data, validation).unwrap_err().to_string()
        };
        let error = fit(&data(targets.clone()), None);
        assert!(error.starts_with(law), "{error}\n{law}");
        assert_eq!(values(&model), before);
    }
    // The same for the data that are only measured, but for targets that are out of reach.
    let good = data(one_wrong(1));
    let two = model(2, identity);
    let mut sgd = Sgd::new(&two.parameters(), 0.5);
    let error = quiet().fit(&two, &CrossEntropy, &mut sgd, &good, Some(&data(one_wrong(2)))).unwrap_err().to_string();
    assert!(error.starts_with("cross_entropy: class 2 of sample 77"), "{error}");
    let bounded = model(1, Activation::Sigmoid);
    let mut sgd = Sgd::new(&bounded.parameters(), 0.5);
    let (inside, outside) = (data(column(|i| i as f64 / 99.0)), data(column(|_| 1.25)));
    quiet().epochs(1).fit(&bounded, &Mse, &mut sgd, &inside, Some(&outside)).unwrap();
}

/// A difference that broadcasts, as one may write it.
struct Difference;

impl Loss for Difference {
    fn each<'t>(&self, y: Var<'t>, targets: &Targets) -> Result<Var<'t>, Error> {
        let Targets::Values(values) = targets else { unreachable!() };
        Ok((y - values).square())
    }
}

#[test]
fn a_loss_of_ones_own_is_kept_from_broadcasting() {
    let flat = Dataset::new(xor().inputs().clone(), Tensor::from([0.0, 1.0, 1.0, 0.0])).unwrap();
    let model = network(3, 1);
    let mut sgd = Sgd::new(&model.parameters(), 0.5);
    let error = quiet().fit(&model, &Difference, &mut sgd, &flat, None).unwrap_err().to_string();
    assert_eq!(error, "loss: targets of shape (4,) do not fit outputs of shape (4, 1); reshape one of them");
    quiet().epochs(1).fit(&model, &Difference, &mut sgd, &xor(), None).unwrap();
}

#[test]
fn a_schedule_and_a_place_to_save_are_checked() {
    let model = network(3, 1);
    let mut sgd = Sgd::new(&model.parameters(), 0.5);
    let mut fit = |trainer: Trainer| trainer.fit(&model, &Mse, &mut sgd, &xor(), None).unwrap_err().to_string();
    for (rate, shown) in [(f64::NAN, "NaN"), (-0.1, "-0.1"), (f64::INFINITY, "inf"), (-1e300, "-1e300")] {
        let law = format!(
            "trainer: the schedule gives a learning rate of {shown} for epoch 2, which is not a finite number ≥ 0 in f64"
        );
        assert_eq!(fit(quiet().schedule(|epoch| if epoch == 2 { rate } else { 0.1 })), law);
    }
    let folder = tempfile::tempdir().unwrap();
    let before = values(&model);
    let error = fit(quiet().save_training(100, folder.path()));
    assert!(error.ends_with(": not a file but a folder; name a file to save to"), "{error}");
    let error = fit(quiet().save_training(100, folder.path().join("no").join("t.safetensors")));
    assert!(error.contains("t.safetensors: "), "{error}");
    assert_eq!(values(&model), before, "before the first step");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    model.layers()[0].linear.w.modify(|w| w[1] = f64::NAN);
    assert_eq!(
        fit(quiet()),
        "trainer: the parameter `layers.0.w` is NaN or infinite before the first step; set it anew"
    );
}
