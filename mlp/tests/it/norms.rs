//! Normalisations of values: batch, group and RMS normalisation, and alpha dropout.

use std::panic::{AssertUnwindSafe, catch_unwind};

use autograd::check::Checker;
use autograd::{Float, Param, Tape, Tensor};
use mlp::{AlphaDropout, BatchNorm, GroupNorm, Module, RmsNorm};

use crate::figures::{agree, cases};

fn values(shape: &[usize]) -> Tensor {
    let mut i = 0.0;
    Tensor::from_fn(shape, |_| {
        i += 1.0;
        (1.7f64 * i).sin() * (1.0 + 0.1 * i)
    })
}

/// The layer of a case of `norms.json`; none if the case is of another file of tests.
fn layer<T: Float>(name: &str) -> Option<Box<dyn Module<T>>> {
    let name = name.split(", ").next()?;
    Some(match name {
        "batch_norm of rows" => Box::new(BatchNorm::new(3).unwrap()),
        "batch_norm of sequences" | "batch_norm of pictures" => Box::new(BatchNorm::new(4).unwrap()),
        "batch_norm without affine" => Box::new(BatchNorm::new(3).unwrap().without_affine()),
        "batch_norm with momentum" => Box::new(BatchNorm::new(3).unwrap().with_momentum(0.3).unwrap()),
        "group_norm(2) of rows" | "group_norm(2) of pictures" => Box::new(GroupNorm::new(2, 4).unwrap()),
        "group_norm(1) of sequences" => Box::new(GroupNorm::new(1, 4).unwrap()),
        "group_norm without affine" => Box::new(GroupNorm::new(2, 4).unwrap().without_affine()),
        "instance_norm of pictures" => Box::new(GroupNorm::instance(4).unwrap()),
        "rms_norm" => Box::new(RmsNorm::new(3).unwrap()),
        "rms_norm with eps" => Box::new(RmsNorm { eps: 0.1, ..RmsNorm::new(3).unwrap() }),
        _ => return None,
    })
}

#[test]
fn normalisations_agree_with_pytorch() {
    assert_eq!(agree(include_str!("../data/norms.json"), layer::<f64>, layer::<f32>), 17);
}

#[test]
fn gradients_agree_with_differences_in_training() {
    let norms: [(Box<dyn Module>, Tensor); 2] = [
        (Box::new(BatchNorm::new(2).unwrap()), values(&[4, 2])),
        (Box::new(BatchNorm::new(2).unwrap()), values(&[3, 2, 2, 1])),
    ];
    for (norm, x) in norms {
        let weights = Tensor::linspace(0.5, 1.5, x.numel());
        let report = Checker::new().check(
            |x| {
                x[0].tape().train(0);
                (norm.forward(x[0]).flatten().tanh() * &weights).sum()
            },
            &[x],
        );
        report.unwrap().assert_pass();
    }
}

/// The running statistics are those of all batches, each weighted by 0.1·0.9ⁿ, and no gradient flows through them.
#[test]
fn running_statistics_are_moved_in_training_only() {
    let norm = BatchNorm::new(2).unwrap();
    let [first, second] = [[[1.0, -2.0], [3.0, 2.0]], [[5.0, 0.0], [7.0, 6.0]]].map(Tensor::<f64>::from);
    let mut tape = Tape::new();
    for x in [&first, &second] {
        tape.train(0);
        norm.forward(tape.constant(x));
        let held = [norm.mean.value(), norm.variance.value()];
        tape.evaluate();
        norm.forward(tape.constant(&(x * 9.0)));
        assert_eq!([norm.mean.value(), norm.variance.value()], held);
        tape.clear();
    }
    let mean = Tensor::from([0.1 * 0.9 * 2.0 + 0.1 * 6.0, 0.1 * 0.9 * 0.0 + 0.1 * 3.0]);
    assert!(norm.mean.value().is_close(&mean, 1e-15), "{:?}", norm.mean);
    let variance = Tensor::from([0.81 + 0.09 * 2.0 + 0.1 * 2.0, 0.81 + 0.09 * 8.0 + 0.1 * 18.0]);
    assert!(norm.variance.value().is_close(&variance, 1e-15), "{:?}", norm.variance);
    let x = tape.var(&first);
    let slopes = norm.forward(x).sum().backward()[x].clone();
    let needed = (norm.variance.value() + 1e-5).rsqrt().expand([2, 2]);
    assert!(slopes.is_close(&needed, 1e-15), "{slopes:?}");
}

#[test]
fn layers_without_axes_of_channels_are_refused() {
    fn text(f: impl FnOnce() -> Tensor) -> String {
        let panic = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
        panic.downcast_ref::<String>().expect("a message").clone()
    }
    let layers: [(&str, Box<dyn Module>); 2] =
        [("batch_norm", Box::new(BatchNorm::new(3).unwrap())), ("group_norm", Box::new(GroupNorm::new(1, 3).unwrap()))];
    for (name, layer) in layers {
        for shape in [&[3][..], &[3, 1], &[2, 4, 3]] {
            let x: Tensor = Tensor::ones(shape);
            let needed = format!(
                "{name}: inputs (n, 3, …) are needed, the input has shape {}; reshape it or resize the layer",
                x.shape()
            );
            assert_eq!(text(|| layer.predict(&x)), needed);
            assert_eq!(layer.output_shape(x.shape()).unwrap_err().to_string(), needed);
        }
    }
    let instance = GroupNorm::instance(3).unwrap();
    let needed = "group_norm: a group of an input of shape (2, 3) holds 1 values; choose fewer groups";
    assert_eq!(text(|| instance.predict(&Tensor::ones([2, 3]))), needed);
    assert_eq!(instance.output_shape(&[2, 3].into()).unwrap_err().to_string(), needed);
    let rms = RmsNorm::new(3).unwrap();
    let needed = "rms_norm: rows of 3 numbers are needed, the input has shape (4, 1); reshape it or resize the layer";
    assert_eq!(text(|| rms.predict(&Tensor::ones([4, 1]))), needed);
    assert_eq!(rms.output_shape(&[4, 1].into()).unwrap_err().to_string(), needed);
}

#[test]
#[should_panic(
    expected = "batch_norm: training needs more than 1 value per channel, the input has shape (1, 3); drop a \
                           last batch of one sample with drop_last"
)]
fn a_batch_of_one_value_per_channel_is_refused_in_training() {
    let norm = BatchNorm::new(3).unwrap();
    let tape = Tape::new();
    let x = tape.constant([[1.0, 2.0, 3.0]]);
    assert!(norm.forward(x).value().is_close(&x.value(), 1e-4)); // evaluation takes it
    tape.train(0);
    norm.forward(x);
}

#[test]
fn configurations_without_sense_are_refused() {
    assert_eq!(
        BatchNorm::<f64>::new(0).unwrap_err().to_string(),
        "batch_norm: 0 channels: there is nothing to normalise"
    );
    for momentum in [-0.1, 1.1, f64::NAN] {
        let error = BatchNorm::<f64>::new(2).unwrap().with_momentum(momentum).unwrap_err().to_string();
        assert_eq!(error, format!("batch_norm: the momentum {momentum} lies outside [0, 1]; the usual one is 0.1"));
    }
    for (groups, channels) in [(0, 4), (3, 4), (1, 0), (8, 4)] {
        let error = GroupNorm::<f64>::new(groups, channels).unwrap_err().to_string();
        let needed =
            format!("group_norm: {channels} channels do not make {groups} equal groups; choose a divisor above 0");
        assert_eq!(error, needed);
    }
    assert_eq!(RmsNorm::<f64>::new(0).unwrap_err().to_string(), "rms_norm: 0 features: there is nothing to normalise");
    for p in [-0.1, 1.0, f64::NAN] {
        let error = AlphaDropout::new(p).unwrap_err().to_string();
        assert_eq!(error, format!("alpha_dropout: the probability {p} lies outside [0, 1); the usual one is 0.05"));
    }
}

/// PyTorch draws other numbers; but each of its values must be one of the two that come out here, with its slope.
#[test]
fn alpha_dropout_gives_the_two_values_of_pytorch() {
    let case = &cases(include_str!("../data/norms.json"))["alpha_dropout(0.3)"];
    let dropout = AlphaDropout::new(0.3).unwrap();
    let (inputs, (output, weights)) = (case.array::<f64>("inputs", "x"), case.output::<f64>());
    let slopes = case.array::<f64>("gradients", "x") / weights;
    let mut missing: Vec<usize> = (0..inputs.numel()).collect();
    for seed in 0..100 {
        let tape = Tape::new();
        tape.train(seed);
        let x = tape.var(&inputs);
        let y = dropout.forward(x);
        let (found, gradients) = (y.value(), y.sum().backward()[x].clone());
        let close = |a: &Tensor, b: &Tensor, i: usize| (a.as_slice()[i] - b.as_slice()[i]).abs() < 1e-14;
        missing.retain(|&i| !(close(&found, &output, i) && close(&gradients, &slopes, i)));
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn alpha_dropout_keeps_mean_and_variance() {
    let tape = Tape::new();
    tape.train(2);
    let x = tape.var(Tensor::linspace(-1.0, 1.0, 100_000) * 3f64.sqrt());
    let y = AlphaDropout::new(0.3).unwrap().forward(x);
    // The means of 100 000 numbers of variance 1 have standard deviations of 0.003.
    assert!(
        y.mean().value().abs() < 0.015 && (y.variance().value() - 1.0).abs() < 0.03,
        "{} {}",
        y.mean(),
        y.variance()
    );
    // A dropped value gives nothing back, even if it is infinite.
    let y = AlphaDropout::new(0.3).unwrap().forward(x * f64::INFINITY);
    assert!(y.value().as_slice().iter().all(|y| y.is_infinite() || (*y < -0.5 && *y > -2.0)));
}

#[test]
fn factors_and_offsets_can_be_left_out() {
    let mut norm: BatchNorm = BatchNorm::new(2).unwrap();
    norm.shift = None;
    assert_eq!(norm.state().names().collect::<Vec<_>>(), ["gain", "mean", "variance"]);
    let mut group = GroupNorm::new(1, 2).unwrap();
    (group.gain, group.shift) = (Some(Param::new([2.0, 3.0])), None);
    let y = group.predict(&Tensor::from([[1.0, 3.0]]));
    assert!(y.is_close(&Tensor::from([[-2.0, 3.0]]), 2e-5), "{y:?}");
    assert_eq!((group.groups(), group.channels(), group.parameters().len()), (1, 2, 1));
}
