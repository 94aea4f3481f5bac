//! Learning rates that are too large or too small are named, and better ones train; of usual ones nothing is said.

use autograd::{Conv, Parameters, Tensor};
use mlp::advice::{Adviser, Cause, RateTrial};
use mlp::{
    Activation, Adam, Advice, Conv2d, CrossEntropy, Dataset, Dropout, Flatten, Init, Linear, Module, Mse, Optimizer,
    Registry, Sequential, Sgd, Trainer,
};

use crate::advice::{built, deep, healthy, rng, task};

type Make = fn(&Parameters, f64) -> Box<dyn Optimizer>;

const SGD: Make = |parameters, rate| Box::new(Sgd::new(parameters, rate));
const MOMENTUM: Make = |parameters, rate| Box::new(Sgd::new(parameters, rate).momentum(0.9));
const ADAM: Make = |parameters, rate| Box::new(Adam::new(parameters, rate));

fn judged(model: &dyn Module, data: &Dataset, make: Make, rate: f64) -> Advice {
    let registry = Registry::new();
    Adviser::new(&registry)
        .optimizer(&|parameters: &Parameters| make(parameters, rate))
        .advise(model, data, &Mse)
        .unwrap()
}

/// The loss after a training in batches; infinite if it fails.
fn trained(model: &dyn Module, data: &Dataset, make: Make, rate: f64) -> f64 {
    let trainer = Trainer::new().epochs(10).batch_size(32).progress(false);
    let history = trainer.fit(model, &Mse, &mut *make(&model.parameters(), rate), data, None);
    history.map_or(f64::INFINITY, |history| history.last().loss)
}

#[test]
fn a_rate_that_does_not_train_is_named_and_cured() {
    use Cause::{RateTooLarge, RateTooSmall};
    let [data, _] = task();
    let rows = [
        ("explodes", deep(2, Activation::Relu), SGD, 10.0, RateTooLarge),
        ("saturates", deep(2, Activation::Tanh), MOMENTUM, 1.0, RateTooLarge),
        ("kills rectifiers", deep(3, Activation::Relu), ADAM, 1.0, RateTooLarge),
        ("creeps", deep(2, Activation::Tanh), SGD, 1e-6, RateTooSmall),
        ("creeps by signs", deep(3, Activation::Relu), ADAM, 1e-7, RateTooSmall),
    ];
    for (name, layers, make, rate, cause) in rows {
        let broken = built(layers);
        let before: Vec<_> = broken.state().params().map(|param| param.value()).collect();
        let advice = judged(&broken, &data, make, rate);
        println!("{name}: {advice}");
        assert_eq!(advice.findings()[0].cause, cause, "{name}: {advice}");
        assert!(broken.state().params().zip(&before).all(|(param, before)| param.value() == *before), "{name}");
        let remedy = &advice.remedies()[0];
        let trial = remedy.rate().unwrap();
        assert_eq!(trial.given, rate);
        assert!(
            trial.after < 0.7 * trial.before && remedy.after.loss < 0.7 * advice.figures().loss,
            "{name}: {trial:?}"
        );
        let (cured, with) = (remedy.model(), trained(&broken, &data, make, rate));
        assert_eq!(cured.state().params().map(|param| param.value()).collect::<Vec<_>>(), before, "{name}");
        let without = trained(cured, &data, make, trial.rate);
        println!("{name}: loss {with} without, {without} with the remedy");
        assert!(without < 0.5 * with, "{name}: {with} without, {without} with the remedy");
    }
}

/// A linear model has the loss that a parabola foretells; its best rate for one step is ‖g‖²/(gᵀHg).
#[test]
fn the_first_step_of_a_linear_model_is_as_foretold() {
    let model = Linear::<f64> { w: autograd::Param::new([[0.0]]), b: None };
    let data = Dataset::new(Tensor::from([[2.0], [-2.0]]), Tensor::from([[2.0], [-2.0]])).unwrap();
    // E = (2w − 2)²: from 4, with slope −8 and curvature 8, so that 1/8 is the best rate and 1/4 the end.
    let advice = judged(&model, &data, SGD, 0.3);
    let trial: &RateTrial = advice.remedies()[0].rate().unwrap();
    assert!((trial.rate - 0.125).abs() < 1e-9 && trial.first < 1e-12, "{trial:?}");
    assert!((trial.foretold.unwrap() - trial.first).abs() < 1e-9, "{trial:?}");
    assert!((trial.after_given / (4.0 * 1.4f64.powi(40)) - 1.0).abs() < 1e-9, "{trial:?}"); // |1 − 0.3·8| = 1.4 a step
    assert!((advice.findings()[0].figure - 2.4).abs() < 1e-7);
    for rate in [0.02, 0.125, 0.24] {
        assert!(judged(&model, &data, SGD, rate).is_healthy(), "{rate}");
    }
}

/// E = (w₁w₂ − 1)² from w = 0.1: the slope along −g is negative, and so is the curvature, 12w² − 4 in each. Nothing tells how far it
/// is to the minimum.
#[test]
fn a_rate_is_judged_where_the_parabola_has_no_minimum() {
    let data = Dataset::new(Tensor::from([[1.0], [-1.0]]), Tensor::from([[1.0], [-1.0]])).unwrap();
    let linear = || Linear::<f64> { w: autograd::Param::new([[0.1]]), b: None };
    let model = Sequential::new().then(linear()).then(linear());
    // Steps with 10⁴ and with 10² leave all bounds; with 10⁻⁷ and 10⁻⁶ nothing moves.
    for (rate, cause) in [(1e4, Cause::RateTooLarge), (1e-7, Cause::RateTooSmall)] {
        let advice = judged(&model, &data, SGD, rate);
        assert_eq!(advice.findings()[0].cause, cause, "{advice}");
        let trial = advice.remedies()[0].rate().unwrap();
        assert!(trial.foretold.is_none() && trial.after < 1e-2 && (0.09..1.1).contains(&trial.rate), "{trial:?}");
        assert!((advice.findings()[0].figure * trial.rate / rate - 1.0).abs() < 1e-12);
        assert_eq!(trial.after_given.is_infinite(), rate > 1.0, "{trial:?}");
    }
    assert!(judged(&model, &data, SGD, 0.1).is_healthy());

    // Far off no rate that is tried keeps the loss finite: it is named all the same.
    let advice = judged(&model, &data, SGD, 1e30);
    let [finding] = advice.findings() else { panic!("{advice}") };
    assert!(finding.cause == Cause::RateTooLarge && finding.is_serious() && finding.figure.is_nan(), "{advice}");
    assert!(advice.remedies().is_empty() && finding.to_string().contains("nor with rates down to 1.00e22"), "{advice}");
}

#[test]
fn nothing_is_said_of_usual_rates() {
    let [data, _] = task();
    for (name, model) in &healthy() {
        for (make, rate) in [(SGD, 3e-3), (MOMENTUM, 1e-3), (ADAM, 1e-3), (ADAM, 3e-3)] {
            let advice = judged(model, &data, make, rate);
            assert!(advice.is_healthy(), "{name} with the rate {rate}: {advice}");
        }
    }
}

/// Buffers and masks do not disturb the judgement, nor a trained model, whose loss cannot fall much further.
#[test]
fn masks_numbers_and_trained_models() {
    let [data, _] = task();
    let model = built(deep(2, Activation::Tanh));
    trained(&model, &data, ADAM, 1e-2);
    assert!(judged(&model, &data, ADAM, 1e-3).is_healthy());

    let rng = &mut rng();
    let model = Sequential::<f32>::new()
        .then(Conv2d::new(1, 8, 3, Conv::default().padding(1), &Init::he_normal(), rng).unwrap())
        .then(Activation::Relu)
        .then(Dropout::new(0.2).unwrap())
        .then(Flatten)
        .then(Linear::new(8 * 36, 2, &Init::lecun_normal(), rng).unwrap());
    let x: Tensor<f32> = Init::Normal { mean: 0.0, std: 1.0 }.sample([8, 1, 6, 6], rng);
    let pictures = Dataset::new(x, vec![0, 1, 0, 1, 0, 1, 0, 1]).unwrap();
    let registry = Registry::new();
    let cause = |rate: f64| {
        let make = move |parameters: &Parameters<f32>| Box::new(Sgd::new(parameters, rate)) as Box<dyn Optimizer<f32>>;
        let advice = Adviser::new(&registry).optimizer(&make).advise(&model, &pictures, &CrossEntropy).unwrap();
        advice.findings().first().map(|finding| finding.cause)
    };
    assert_eq!([1e-7, 0.03, 30.0].map(cause), [Some(Cause::RateTooSmall), None, Some(Cause::RateTooLarge)]);
}
