//! Batches that are too small to train on: refused before the first step, or before that of the batch.

use autograd::{Param, Shape, Tensor, Var};
use mlp::train::RateRange;
use mlp::{
    Activation, BatchNorm, CrossEntropy, Dataset, Error, Flatten, Init, Linear, Mlp, Module, Network, Residual,
    Sequential, Sgd, Trainer, advise,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::train::quiet;

const TOO_FEW: &str = "batch_norm: training needs more than 1 value per channel, the input has shape";
const REPAIR: &str = "drop a last batch of one sample with drop_last, or choose another batch size";

fn rng() -> StdRng {
    StdRng::seed_from_u64(7)
}

fn linear(inputs: usize, outputs: usize) -> Linear {
    Linear::new(inputs, outputs, &Init::glorot_uniform(), &mut rng()).unwrap()
}

fn norm(channels: usize) -> BatchNorm {
    BatchNorm::new(channels).unwrap()
}

fn data(samples: usize) -> Dataset {
    let x = Tensor::from_fn([samples, 3], |i| (i[0] as f64 * 1.3 + i[1] as f64).sin());
    Dataset::new(x, (0..samples).map(|i| i % 2).collect::<Vec<_>>()).unwrap()
}

/// A struct that looks into its layers itself.
#[derive(Module)]
#[module(check_training)]
struct Own {
    first: Linear,
    norm: BatchNorm,
}

impl Own {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.norm.forward(self.first.forward(x))
    }

    fn check_training(&self, input: &Shape) -> Result<(), Error> {
        self.norm.check_training(&[input[0], self.norm.mean.numel()].into())
    }
}

/// Models of each kind, with the place of the layer and the shape that reaches it in a batch of one.
fn models() -> Vec<(Box<dyn Module>, &'static str, &'static str)> {
    let mlp = Mlp::new(3).hidden(4, Activation::Relu).output(2, Activation::Identity);
    let plain = Sequential::new().then(linear(3, 4)).then(norm(4)).then(linear(4, 2));
    let inner = Sequential::new().then(Flatten).then(norm(4));
    let nested = Sequential::new().then(linear(3, 4)).then(Residual::new(inner)).then(linear(4, 2));
    let network = Network::new(["x"]).part("h", "x", linear(3, 4)).part("normed", "h", norm(4));
    let network = network.part("y", "normed", linear(4, 2)).outputs(["y"]).unwrap();
    vec![
        (Box::new(mlp.batch_norm().build(&mut rng()).unwrap()), "layer 0: ", "(1, 4)"),
        (Box::new(plain), "layer 1: ", "(1, 4)"),
        (Box::new(nested), "layer 1: layer 1: ", "(1, 4)"),
        (Box::new(network), "layer normed: ", "(1, 4)"),
        (Box::new(Own { first: linear(3, 2), norm: norm(2) }), "", "(1, 2)"),
    ]
}

#[test]
fn a_batch_of_one_is_refused_before_the_first_step() {
    for (model, place, shape) in models() {
        let values = || model.state().params().map(Param::value).collect::<Vec<_>>();
        let before = values();
        let mut sgd = Sgd::new(&model.parameters(), 0.1);
        let told = |batch: &str| {
            format!("trainer: the model cannot be trained on {batch}: {place}{TOO_FEW} {shape}; {REPAIR}")
        };
        let last = told("the last batch, which holds 1 of 19 samples in batches of 6");
        for trainer in [quiet().batch_size(6), quiet().batch_size(6).accumulate(4)] {
            let error = trainer.fit(&model, &CrossEntropy, &mut sgd, &data(19), None).unwrap_err();
            assert_eq!(error.to_string(), last);
            let error = trainer.find_rate(&model, &CrossEntropy, &mut sgd, &data(19), RateRange::default());
            assert_eq!(error.unwrap_err().to_string(), last);
        }
        let mut fit = |trainer: Trainer<'_>, samples| {
            let found = trainer.epochs(2).fit(&model, &CrossEntropy, &mut sgd, &data(samples), Some(&data(1)));
            found.map(|history| history.epochs.len()).map_err(|error| error.to_string())
        };
        assert_eq!(fit(quiet().batch_size(1), 19), Err(told("batches of 1")));
        assert_eq!(fit(quiet().full_batch(), 1), Err(told("batches of 1")));
        let only = told("the last batch, which holds 1 of 1 samples in batches of 6");
        assert_eq!(fit(quiet().batch_size(6), 1), Err(only));
        assert_eq!(values(), before);
        // Held-out data may be one sample, and what the repairs make is trained.
        assert_eq!(fit(quiet().batch_size(6).drop_last(), 19), Ok(2));
        assert_eq!(fit(quiet().batch_size(5), 19), Ok(2));
        assert_eq!(fit(quiet().full_batch(), 19), Ok(2));
        assert_ne!(values(), before);
    }
}

#[test]
fn a_stream_ends_before_a_batch_of_one() {
    for (model, place, shape) in models() {
        let mut sgd = Sgd::new(&model.parameters(), 0.1);
        let mut fit = |trainer: Trainer<'_>, sizes: &[usize]| {
            let open = |_| Ok(sizes.iter().map(|&n| Ok(data(n))).collect::<Vec<_>>());
            let found = trainer.epochs(1).fit_stream(&model, &CrossEntropy, &mut sgd, open, None);
            found.map(|history| history.epochs.len()).map_err(|error| error.to_string())
        };
        let told = |batch: &str| {
            Err(format!("trainer: the model cannot be trained on {batch}: {place}{TOO_FEW} {shape}; {REPAIR}"))
        };
        assert_eq!(fit(quiet(), &[1, 6]), told("the first batch"));
        assert_eq!(fit(quiet(), &[6, 6, 1]), told("batch 3 of epoch 1"));
        assert_eq!(fit(quiet().accumulate(2), &[6, 6, 6, 1]), told("batch 4 of epoch 1"));
        assert_eq!(fit(quiet().drop_last(), &[6, 1, 6]), told("batch 2 of epoch 1"));
        assert_eq!(fit(quiet().drop_last(), &[6, 6, 1]), Ok(1));
    }
}

/// One picture has several values of each channel; one of a single pixel does not.
#[test]
fn one_sample_with_several_values_per_channel_is_trained_on() {
    let pictures = |side: usize| {
        let x = Tensor::from_fn([3, 2, side, side], |i| ((i[0] * 7 + i[1] * 5 + i[2] * 3 + i[3]) as f64).sin());
        Dataset::new(x, vec![0, 1, 0]).unwrap()
    };
    for (side, trained) in [(2, true), (1, false)] {
        let model = Sequential::new().then(norm(2)).then(Flatten).then(linear(2 * side * side, 2));
        let mut sgd = Sgd::new(&model.parameters(), 0.1);
        let found = quiet().epochs(1).batch_size(2).fit(&model, &CrossEntropy, &mut sgd, &pictures(side), None);
        assert_eq!(found.is_ok(), trained, "{side}");
        assert_eq!(model.check_training(&[1, 2, side, side].into()).is_ok(), trained);
    }
}

#[test]
fn no_batch_trains_on_shapes_that_do_not_fit() {
    let model: Sequential = Sequential::new().then(linear(3, 4)).then(norm(5));
    let error = model.check_training(&[6, 3].into()).unwrap_err().to_string();
    assert!(error.starts_with("layer 1: batch_norm: inputs (n, 5, …) are needed"), "{error}");
}

#[test]
fn advice_on_one_sample_is_refused_where_it_needs_more() {
    for (model, place, shape) in models() {
        let error = advise(&model, &data(1), &CrossEntropy).unwrap_err().to_string();
        assert_eq!(error, format!("{place}{TOO_FEW} {shape}; {REPAIR}"));
        assert!(advise(&model, &data(2), &CrossEntropy).is_ok());
    }
    let plain = Mlp::new(3).hidden(4, Activation::Relu).output(2, Activation::Identity).build(&mut rng()).unwrap();
    assert!(advise(&plain, &data(1), &CrossEntropy).is_ok());
}
