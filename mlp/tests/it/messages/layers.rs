//! Inputs that a layer does not take, and sizes that no layer can have.

use autograd::{Conv, Param, Pool, Resize, Shape, Tape, Tensor};
use mlp::{
    Activation, AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, BatchNorm, Conv1d, Conv2d, ConvTranspose1d,
    ConvTranspose2d, Embedding, Error, Flatten, GroupNorm, Gru, Init, LayerNorm, Linear, Lstm, MaxPool1d, Mlp, Module,
    MultiHeadAttention, PRelu, PositionalEncoding, RmsNorm, Rnn, Sequential, SpectralNorm, TransformerBlock,
    Upsample2d, WeightNorm,
};

use super::{caught, check, rng};
use crate::forms::forms;

/// Shapes around one that fits: other numbers of axes, and each axis empty, of one and longer.
fn near(shape: &Shape) -> Vec<Shape> {
    let mut all = vec![
        [0usize; 0].into(),
        shape[1..].into(),
        shape[..shape.len() - 1].into(),
        [1].iter().chain(shape.iter()).copied().collect(),
        shape.iter().chain(&[1]).copied().collect(),
    ];
    for axis in 0..shape.len() {
        let with = |len: usize| shape.iter().enumerate().map(|(i, &old)| if i == axis { len } else { old }).collect();
        all.extend([0, 1, shape[axis] + 1].map(with));
    }
    all
}

/// What is said of a shape, without the part of a chain or a network that it is foretold of.
fn of_layer(foretold: &str) -> &str {
    foretold.strip_prefix("layer ").and_then(|part| part.split_once(": ")).map_or(foretold, |(_, said)| said)
}

/// A layer foretells the shape that it gives, or refuses the input in the words in which its formula does; but for batches too
/// small to train a batch normalisation, since a shape does not tell the mode.
#[test]
fn what_is_foretold_of_a_shape_is_what_happens() {
    let (mut given, mut refused, mut small) = (0, 0, 0);
    for form in forms::<f64>() {
        for shape in near(form.inputs.shape()) {
            let foretold = form.layer.output_shape(&shape).map_err(|error| error.to_string());
            for training in [false, true] {
                let found = caught(|| {
                    let tape = Tape::new();
                    if training {
                        tape.train(1);
                    }
                    Ok(Some(form.layer.forward(tape.constant(Tensor::ones(shape.clone()))).shape()))
                });
                match (&foretold, found) {
                    (Ok(_), Err((text, _))) if training && text.starts_with("batch_norm: training needs") => small += 1,
                    (Ok(foretold), Ok(found)) if *foretold == found => given += 1,
                    (Err(foretold), Err((text, _))) if of_layer(foretold) == text => refused += 1,
                    (foretold, found) => panic!("{} of {shape}: foretold {foretold:?}, found {found:?}", form.name),
                }
            }
        }
    }
    assert!(given > 300 && refused > 300 && small > 5, "{given} given, {refused} refused, {small} too small");
}

/// Where no statistics of a batch are taken, a sample has the output that it has in a batch, and a batch of none has none.
#[test]
fn a_batch_of_one_or_none_is_like_any_other() {
    for form in forms::<f64>() {
        let (whole, shape) = (form.layer.predict(&form.inputs), form.inputs.shape());
        let one = form.layer.predict(&form.inputs.slice(0, 1..2));
        assert!(one.is_close(&whole.slice(0, 1..2), 1e-14), "{}", form.name);
        let none: Shape = [0].iter().chain(&shape[1..]).copied().collect();
        let tape = Tape::new();
        let x = tape.var(Tensor::zeros(none));
        let y = form.layer.forward(x);
        assert_eq!((y.shape()[0], y.value().numel()), (0, 0), "{}", form.name);
        // Nothing arrives at the parameters: 0, no NaN.
        let grads = y.sum().backward();
        let of = |param: &Param| grads.of(param).is_none_or(|dp| dp.to_vec().iter().all(|&dp| dp == 0.0));
        assert!(form.layer.parameters().params().all(of), "{}", form.name);
    }
}

/// The words of each layer; that a foretold shape is refused in the same is tested above.
#[test]
fn inputs() {
    let picture = |shape: [usize; 4]| Tensor::<f64>::ones(shape);
    let conv = Conv2d::<f64>::new(2, 3, 3, Conv::new(), &Init::Zeros, &mut rng()).unwrap();
    let signal = Conv1d::<f64>::new(2, 3, 3, Conv::new(), &Init::Zeros, &mut rng()).unwrap();
    let upwards = ConvTranspose2d::<f64>::new(2, 3, 3, Conv::new(), &Init::Zeros, &mut rng()).unwrap();
    let linear = Linear { w: Param::new(Tensor::<f64>::ones([3, 2])), b: None };
    let spectral = SpectralNorm::new(linear.clone(), &mut rng()).unwrap();
    let words = Embedding::from(Param::new(Tensor::<f64>::ones([3, 2])));
    let (batch, group) = (BatchNorm::<f64>::new(3).unwrap(), GroupNorm::<f64>::new(2, 4).unwrap());
    let attention = MultiHeadAttention::<f64>::new(4, 2, &mut rng()).unwrap();
    let block = TransformerBlock::<f64>::new(4, 2, 6, Activation::Gelu, &mut rng()).unwrap();
    let positions = PositionalEncoding::<f64>::sinusoidal(3, 4).unwrap();
    let network = Mlp::new(3).hidden(4, Activation::Tanh).output(2, Activation::Identity);
    let network: Mlp = network.build(&mut rng()).unwrap();
    let tape = Tape::new();
    tape.train(0);
    let train = |x: Tensor| tape.constant(x);
    check(vec![
        panics!(
            linear.predict(&Tensor::ones([2, 4])),
            "linear: rows of 3 numbers are needed, the input has shape (2, 4); reshape it or resize the layer"
        ),
        panics!(
            WeightNorm::new(linear.clone()).unwrap().predict(&Tensor::from(1.0)),
            "linear: rows of 3 numbers are needed, the input has shape (); reshape it or resize the layer"
        ),
        panics!(
            spectral.predict(&Tensor::ones([3, 0])),
            "linear: rows of 3 numbers are needed, the input has shape (3, 0); reshape it or resize the layer"
        ),
        panics!(
            network.predict(&Tensor::ones([2, 4])),
            "linear: rows of 3 numbers are needed, the input has shape (2, 4); reshape it or resize the layer"
        ),
        panics!(
            RmsNorm::<f64>::new(4).unwrap().predict(&Tensor::ones([4, 1])),
            "rms_norm: rows of 4 numbers are needed, the input has shape (4, 1); reshape it or resize the layer"
        ),
        panics!(
            batch.predict(&Tensor::ones([3])),
            "batch_norm: inputs (n, 3, …) are needed, the input has shape (3,); reshape it or resize the layer"
        ),
        panics!(
            batch.forward(train(Tensor::ones([1, 3]))),
            "batch_norm: training needs more than 1 value per channel, the input has shape (1, 3); drop a last batch of one \
             sample with drop_last, or choose another batch size"
        ),
        panics!(
            batch.forward(train(Tensor::ones([0, 3, 2]))),
            "batch_norm: training needs more than 1 value per channel, the input has shape (0, 3, 2); drop a last batch of \
             one sample with drop_last, or choose another batch size"
        ),
        panics!(
            group.predict(&Tensor::ones([2, 3])),
            "group_norm: inputs (n, 4, …) are needed, the input has shape (2, 3); reshape it or resize the layer"
        ),
        panics!(
            GroupNorm::<f64>::instance(4).unwrap().predict(&Tensor::ones([2, 4])),
            "group_norm: a group of an input of shape (2, 4) holds 1 values; choose fewer groups"
        ),
        panics!(
            conv.predict(&picture([1, 3, 4, 4])),
            "conv2d: inputs of shape (1, 3, 4, 4) and weights of shape (3, 2, 3, 3): the weights take 2 \
             channels, and the input has 3"
        ),
        panics!(
            conv.predict(&picture([1, 2, 4, 2])),
            "conv2d: inputs of shape (1, 2, 4, 2) and weights of shape (3, 2, 3, 3): a window reaches over 3 \
             places, and the input has 2 with its padding; pad more?"
        ),
        panics!(
            conv.predict(&Tensor::ones([2, 4, 4])),
            "conv2d: inputs of shape (2, 4, 4) and weights of shape (3, 2, 3, 3): inputs (samples, channels, \
             height, width) and weights (outputs, channels, rows, columns) are needed; reshape them?"
        ),
        panics!(
            conv.predict(&picture([1, 2, 0, 4])),
            "conv2d: inputs of shape (1, 2, 0, 4) and weights of shape (3, 2, 3, 3): a window reaches over 3 \
             places, and the input has 0 with its padding; pad more?"
        ),
        panics!(
            signal.predict(&Tensor::ones([1, 2, 2])),
            "conv1d: inputs of shape (1, 2, 2) and weights of shape (3, 2, 3): a window reaches over 3 places, \
             and the input has 2 with its padding; pad more?"
        ),
        panics!(
            upwards.predict(&picture([1, 2, 0, 4])),
            "conv_transpose2d: inputs of shape (1, 2, 0, 4) and weights of shape (2, 3, 3, 3): a padding of 0 \
             leaves nothing of 3 places"
        ),
        panics!(
            MaxPool1d(Pool::new(3)).predict(&Tensor::<f64>::ones([1, 2, 2])),
            "max_pool1d: an input of shape (1, 2, 2): a window reaches over 3 places, and the input has 2 with its padding; a \
             smaller window?"
        ),
        panics!(
            AvgPool2d(Pool::new(2)).predict(&picture([1, 2, 0, 2])),
            "avg_pool2d: an input of shape (1, 2, 0, 2): an axis without values has no windows"
        ),
        panics!(
            AdaptiveAvgPool2d::new(2).unwrap().predict(&picture([1, 2, 0, 2])),
            "adaptive_avg_pool2d: an input of shape (1, 2, 0, 2) has no pixels; leave such images out"
        ),
        panics!(
            AdaptiveMaxPool2d::new(2).unwrap().predict(&Tensor::<f64>::ones([1, 2, 2])),
            "adaptive_max_pool2d: an input of shape (1, 2, 2) is not (samples, channels, height, width); reshape it"
        ),
        panics!(
            Upsample2d::new(2, Resize::Nearest).unwrap().predict(&Tensor::<f64>::ones([1, 2, 2])),
            "upsample2d: an input of shape (1, 2, 2) is not (samples, channels, height, width); reshape it"
        ),
        panics!(Flatten.predict(&Tensor::from(1.0)), "flatten: a single number has no axis of samples; reshape it"),
        panics!(
            words.predict(&Tensor::from([0.0, 3.0])),
            "embedding: 3 is none of the 3 classes, whole numbers from 0 to 2; correct the input or enlarge the table"
        ),
        panics!(
            words.predict(&Tensor::from([f64::NAN])),
            "embedding: NaN is none of the 3 classes, whole numbers from 0 to 2; correct the input or enlarge the table"
        ),
        panics!(
            words.predict(&Tensor::from([0.5])),
            "embedding: 0.5 is none of the 3 classes, whole numbers from 0 to 2; correct the input or enlarge the table"
        ),
        panics!(
            words.look_up(&Tape::new(), &[usize::MAX]),
            "embedding: 18446744073709551615 is none of the 3 classes, whole numbers from 0 to 2; correct the input or enlarge \
             the table"
        ),
        panics!(
            Lstm::<f64>::new(2, 3, &mut rng()).unwrap().predict(&Tensor::ones([2, 0, 2])),
            "lstm: sequences of shape (n, time, 2) with at least one step are needed, the input has shape (2, 0, 2); reshape it \
             or resize the layer"
        ),
        panics!(
            Gru::<f64>::new(2, 3, &mut rng()).unwrap().last().predict(&Tensor::ones([2, 2])),
            "gru: sequences of shape (n, time, 2) with at least one step are needed, the input has shape (2, 2); reshape it or \
             resize the layer"
        ),
        panics!(
            attention.predict(&Tensor::ones([2, 0, 4])),
            "attention: sequences of shape (n, time, 4) with at least one step are needed, the input has shape (2, 0, 4); \
             reshape it or resize the layer"
        ),
        panics!(
            attention.attend(train(Tensor::ones([2, 3, 4])), train(Tensor::ones([1, 3, 4])), None),
            "attention: queries (2, 3, 4) and memory (1, 3, 4) differ in their number of sequences; give each queries and a \
             memory"
        ),
        panics!(
            attention.attend(train(Tensor::ones([2, 3, 4])), train(Tensor::ones([2, 0, 4])), None),
            "attention: sequences of shape (n, time, 4) with at least one step are needed, the input has shape (2, 0, 4); \
             reshape it or resize the layer"
        ),
        panics!(
            block.forward_masked(train(Tensor::ones([2, 3, 4])), Some(train(Tensor::ones([2, 3])))),
            "attention: a mask of shape (2, 3) does not stretch to (n, time, keys), here (2, 3, 3)"
        ),
        panics!(
            block.forward_masked(train(Tensor::ones([2, 1, 4])), Some(train(Tensor::from([[f64::NEG_INFINITY]])))),
            "attention: a mask holds -inf; it takes 0 for a hidden key and 1 for any other, not what is added to scores"
        ),
        panics!(
            MultiHeadAttention::padding_mask(&Tape::<f64>::new(), &[1, 4], 3),
            "attention: a sequence of length 4 does not fit into 3 keys"
        ),
        panics!(
            block.predict(&Tensor::ones([2, 3, 5])),
            "transformer: sequences of shape (n, time, 4) with at least one step are needed, the input has shape (2, 3, 5); \
             reshape it or resize the layer"
        ),
        panics!(
            positions.predict(&Tensor::ones([1, 4, 4])),
            "positions: sequences (…, time, 4) of at most 3 steps are needed, the input has shape (1, 4, 4); enlarge the table \
             or cut the sequences"
        ),
        error!(
            Sequential::new().then(linear.clone()).then(linear.clone()).output_shape(&[5, 3].into()),
            "layer 1: linear: rows of 3 numbers are needed, the input has shape (5, 2); reshape it or resize the layer"
        ),
    ]);
}

/// What a constructor of absurd sizes says.
type Sizes<'a> = (&'a str, Box<dyn Fn(usize) -> Result<(), Error> + 'a>);

/// No size aborts the process, whether a product of sizes overflows, the bytes do, or the machine has not so many.
#[test]
fn sizes_beyond_all_memory_are_errors() {
    let zeros = Init::Zeros;
    let made: Vec<Sizes<'_>> = vec![
        ("linear", Box::new(|n| Linear::<f64>::new(n, 2, &zeros, &mut rng()).map(drop))),
        ("linear", Box::new(|n| Linear::<f64>::new(2, n, &Init::he_normal(), &mut rng()).map(drop))),
        ("mlp", Box::new(|n| build(Mlp::new(2).hidden(n, Activation::Relu).output(2, Activation::Identity)))),
        (
            "mlp",
            Box::new(|n| build(Mlp::new(2).hidden(2, Activation::Relu).output(n, Activation::Softmax).batch_norm())),
        ),
        ("prelu", Box::new(|n| PRelu::<f64>::new(n).map(drop))),
        ("layer_norm", Box::new(|n| LayerNorm::<f64>::new(n).map(drop))),
        ("rms_norm", Box::new(|n| RmsNorm::<f32>::new(n).map(drop))),
        ("batch_norm", Box::new(|n| BatchNorm::<f64>::new(n).map(drop))),
        ("group_norm", Box::new(|n| GroupNorm::<f64>::new(1, n).map(drop))),
        ("group_norm", Box::new(|n| GroupNorm::<f64>::instance(n).map(drop))),
        ("embedding", Box::new(|n| Embedding::<f64>::new(n, 2, &zeros, &mut rng()).map(drop))),
        ("embedding", Box::new(|n| Embedding::<f64>::new(n, n, &zeros, &mut rng()).map(drop))),
        ("positions", Box::new(|n| PositionalEncoding::<f64>::sinusoidal(n, 2).map(drop))),
        ("positions", Box::new(|n| PositionalEncoding::<f64>::sinusoidal(2, n & !1).map(drop))),
        ("positions", Box::new(|n| PositionalEncoding::<f64>::learned(n, 2, &zeros, &mut rng()).map(drop))),
        ("conv1d", Box::new(|n| Conv1d::<f64>::new(n, 2, 3, Conv::new(), &zeros, &mut rng()).map(drop))),
        ("conv1d", Box::new(|n| Conv1d::<f64>::new(1, 1, n, Conv::new(), &zeros, &mut rng()).map(drop))),
        ("conv2d", Box::new(|n| Conv2d::<f64>::new(2, n, 3, Conv::new(), &zeros, &mut rng()).map(drop))),
        ("conv2d", Box::new(|n| Conv2d::<f64>::new(n, n, 3, Conv::new().groups(n), &zeros, &mut rng()).map(drop))),
        (
            "conv_transpose1d",
            Box::new(|n| ConvTranspose1d::<f64>::new(n, 2, 3, Conv::new(), &zeros, &mut rng()).map(drop)),
        ),
        (
            "conv_transpose2d",
            Box::new(|n| ConvTranspose2d::<f64>::new(1, 1, n, Conv::new(), &zeros, &mut rng()).map(drop)),
        ),
        ("adaptive_avg_pool2d", Box::new(|n| AdaptiveAvgPool2d::new(n).map(drop))),
        ("adaptive_max_pool2d", Box::new(|n| AdaptiveMaxPool2d::new([1, n]).map(drop))),
        ("upsample2d", Box::new(|n| Upsample2d::new([n, 1], Resize::Bilinear).map(drop))),
        ("rnn", Box::new(|n| Rnn::<f64>::new(n, 2, &mut rng()).map(drop))),
        ("gru", Box::new(|n| Gru::<f64>::new(2, n, &mut rng()).map(drop))),
        ("lstm", Box::new(|n| Lstm::<f64>::stacked(2, 2, n, &mut rng()).map(drop))),
        ("attention", Box::new(|n| MultiHeadAttention::<f64>::new(n, 1, &mut rng()).map(drop))),
        ("attention", Box::new(|n| MultiHeadAttention::<f64>::new(n, n, &mut rng()).map(drop))),
        ("transformer", Box::new(|n| TransformerBlock::<f64>::new(4, 2, n, Activation::Relu, &mut rng()).map(drop))),
    ];
    for (layer, new) in made {
        for size in [usize::MAX, usize::MAX / 2 + 1, 1 << 60, 1 << 45] {
            let (text, place) = caught(|| new(size)).expect_err(layer);
            assert!(place.is_none(), "{layer} of {size} panics: {text}");
            assert!(text.contains("than memory holds; make it smaller"), "{layer} of {size}: {text}");
        }
    }
}

fn build(network: mlp::MlpBuilder) -> Result<(), Error> {
    network.build::<f64>(&mut rng()).map(drop)
}
