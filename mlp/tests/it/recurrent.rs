//! Embeddings and recurrent layers: formulas, states, bad inputs, and PyTorch's figures.

use autograd::check::Checker;
use autograd::{Float, Param, Tape, Tensor, Var};
use mlp::train::RateRange;
use mlp::{
    Activation, Adam, Cell, CrossEntropy, Dataset, Embedding, Flatten, Function, Gru, Init, Join, Linear, Lstm, Module,
    Network, Recurrent, Rnn, Sequential, Sgd, Trainer,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::figures::agree;

fn rng() -> StdRng {
    StdRng::seed_from_u64(5)
}

/// Sequences (n, time, inputs) of numbers that are all different.
fn sequences(n: usize, time: usize, inputs: usize) -> Tensor {
    Tensor::from_fn([n, time, inputs], |i| (1.3 * (i[0] * 100 + i[1] * 10 + i[2]) as f64).sin())
}

#[test]
fn embeddings_and_recurrent_layers_agree_with_pytorch() {
    fn layer<T: Float>(name: &str) -> Option<Box<dyn Module<T>>> {
        let table = || Embedding::new(5, 3, &Init::Zeros, &mut rng()).unwrap();
        Some(match name {
            "embedding" => Box::new(table()),
            "embedding with padding" => Box::new(table().padding(1).unwrap()),
            "rnn" => Box::new(Rnn::new(3, 2, &mut rng()).unwrap()),
            "gru" => Box::new(Gru::new(3, 2, &mut rng()).unwrap()),
            "lstm" => Box::new(Lstm::new(3, 2, &mut rng()).unwrap()),
            "rnn of two layers" => Box::new(Rnn::stacked(3, 2, 2, &mut rng()).unwrap()),
            "gru of two layers, last state" => Box::new(Gru::stacked(3, 2, 2, &mut rng()).unwrap().last()),
            "lstm of two layers, last state" => Box::new(Lstm::stacked(3, 2, 2, &mut rng()).unwrap().last()),
            _ => return None,
        })
    }
    assert_eq!(agree(include_str!("../data/sequences.json"), layer::<f64>, layer::<f32>), 8);
}

/// The last state is the last of all states, and a stack is its layers in a row.
#[test]
fn the_last_state_is_that_of_all_states() {
    let x = sequences(2, 5, 3);
    let states = Lstm::<f64>::stacked(3, 4, 2, &mut rng()).unwrap().predict(&x);
    let last = Lstm::<f64>::stacked(3, 4, 2, &mut rng()).unwrap().last().predict(&x);
    assert_eq!(states.at(1, 4), last);

    let stack = Gru::<f64>::stacked(3, 4, 2, &mut rng()).unwrap();
    let [first, second] = [Gru::<f64>::new(3, 4, &mut rng()).unwrap(), Gru::new(4, 4, &mut rng()).unwrap()];
    for (i, layer) in [&first, &second].into_iter().enumerate() {
        for (name, param) in layer.parameters().iter() {
            param.set(stack.parameters().get(&name.replace("0.", &format!("{i}."))).unwrap().value());
        }
    }
    assert_eq!(stack.predict(&x), second.predict(&first.predict(&x)));
}

/// What `unroll` gives for a sequence in parts is what `forward` gives for the whole; its state passes gradients on.
#[track_caller]
fn parts_are_the_whole<C: Cell>(layer: &Recurrent<C>) {
    let x = sequences(2, 6, 3);
    let whole = layer.predict(&x);
    let tape = Tape::new();
    let start = layer.start(&tape, 2);
    let (first, state) = layer.unroll(tape.constant(x.slice(1, 0..4)), start);
    let (second, _) = layer.unroll(tape.constant(x.slice(1, 4..6)), state);
    assert!(Tensor::concat(&[first.value(), second.value()], 1).is_close(&whole, 1e-15));
    let gradients = second.sum().backward();
    let in_one = {
        let tape = Tape::new();
        let y = layer.forward(tape.constant(x)).slice(1, 4..6);
        let gradients = y.sum().backward();
        layer.parameters().params().map(|param| gradients[param].clone()).collect::<Vec<_>>()
    };
    for (param, needed) in layer.parameters().params().zip(in_one) {
        assert!(gradients[param].is_close(&needed, 1e-13));
    }
}

#[test]
fn a_sequence_in_parts_gives_what_it_gives_as_a_whole() {
    parts_are_the_whole(&Rnn::stacked(3, 4, 2, &mut rng()).unwrap());
    parts_are_the_whole(&Gru::stacked(3, 4, 2, &mut rng()).unwrap());
    parts_are_the_whole(&Lstm::stacked(3, 4, 2, &mut rng()).unwrap());
}

/// With the input and output gates open, no candidate and the forget gate at σ(f), the memory decays as σ(f)ᵗ.
#[test]
fn the_memory_of_an_lstm_passes_through_the_forget_gate_alone() {
    let lstm = Lstm::<f64>::new(1, 1, &mut rng()).unwrap().forget_bias(3.0);
    let parameters = lstm.parameters();
    ["0.w", "0.u"].iter().for_each(|name| parameters.get(name).unwrap().modify(|x| x.fill(0.0)));
    parameters.get("0.b").unwrap().set([0.0, 3.0, 0.0, 40.0]);
    let tape = Tape::new();
    let start = tape.var([[[0.0]], [[0.5]]]); // h = 0, c = ½
    let (y, state) = lstm.unroll(tape.constant(Tensor::zeros([1, 20, 1])), start);
    let kept = (1.0 / (1.0 + (-3f64).exp())).powi(20);
    assert!((state.value().to_vec()[1] - 0.5 * kept).abs() < 1e-15);
    assert!((y.value().to_vec()[19] - (0.5 * kept).tanh()).abs() < 1e-15);
    assert!((state.at(0, 1).sum().backward()[start].to_vec()[1] - kept).abs() < 1e-15);
}

/// A plain network whose recurrent weights are orthogonal keeps the length of what its hidden state passes back; halved
/// weights halve it at each step.
#[test]
fn gradients_fall_with_the_scale_of_the_recurrent_weights() {
    for (gain, needed) in [(1.0, 1.0), (0.5, 0.5f64.powi(29))] {
        let init = Init::orthogonal().gain(gain);
        let rnn = Rnn::<f64>::new(1, 8, &mut rng()).unwrap().last().recurrent_init(&init, &mut rng()).unwrap();
        rnn.parameters().get("0.b").unwrap().set(Tensor::zeros([8]));
        let tape = Tape::new();
        let start = tape.var(Tensor::full([1, 1, 8], 1e-9)); // tanh is the identity there
        let (y, _) = rnn.unroll(tape.constant(Tensor::zeros([1, 29, 1])), start);
        let back = y.vjp(&Tensor::full([1, 8], 8f64.sqrt().recip()))[start].norm();
        assert!((back / needed - 1.0).abs() < 1e-9, "{back} and {needed}");
    }
}

/// A gradient can itself be differentiated, through all steps.
#[test]
fn second_derivatives_agree_with_differences() {
    fn agree<C: Cell>(layer: &Recurrent<C>) {
        let report = Checker::new()
            .check(|x| layer.forward(x[0]).square().sum().grad(x[0]).square().sum(), &[sequences(2, 3, 2)]);
        report.unwrap().assert_pass();
    }
    agree(&Rnn::stacked(2, 3, 2, &mut rng()).unwrap());
    agree(&Gru::new(2, 3, &mut rng()).unwrap());
    agree(&Lstm::new(2, 3, &mut rng()).unwrap().last());
}

#[test]
fn one_step_and_no_sequence_are_fine() {
    let gru = Gru::<f64>::new(3, 2, &mut rng()).unwrap();
    assert_eq!(gru.predict(&sequences(4, 1, 3)).shape(), &[4, 1, 2].into());
    assert_eq!(gru.predict(&Tensor::zeros([0, 4, 3])).shape(), &[0, 4, 2].into());
    assert_eq!(gru.last().predict(&Tensor::zeros([0, 4, 3])).shape(), &[0, 2].into());
}

#[test]
fn the_table_of_a_model_names_them() {
    let gru = Gru::<f64>::stacked(3, 4, 2, &mut rng()).unwrap();
    let table = format!("{gru:?}");
    assert!(table.contains("gru × 2  3 → 4                     228"), "{table}");
    assert_eq!((gru.inputs(), gru.hidden(), gru.input_width()), (3, 4, Some(3)));
}

#[test]
fn recurrent_layers_without_sizes_are_refused() {
    for [inputs, hidden, layers] in [[0, 2, 1], [2, 0, 1], [2, 2, 0]] {
        let error = Lstm::<f64>::stacked(inputs, hidden, layers, &mut rng()).unwrap_err().to_string();
        let sizes = format!("lstm: {inputs} → {hidden} in {layers} layers: inputs, hidden units and layers are needed");
        assert_eq!(error, sizes);
    }
    let endless = Init::Constant(f64::NAN);
    assert!(Rnn::<f64>::new(2, 2, &mut rng()).unwrap().recurrent_init(&endless, &mut rng()).is_err());
}

#[test]
fn sequences_that_do_not_fit_are_foretold() {
    let rnn = Rnn::<f64>::new(3, 2, &mut rng()).unwrap();
    for shape in [[2, 0, 3].as_slice(), &[2, 4, 1], &[4, 3], &[1, 2, 4, 3]] {
        let error = rnn.output_shape(&shape.into()).unwrap_err().to_string();
        assert!(error.starts_with("rnn: sequences of shape (n, time, 3) with at least one step are needed"), "{error}");
    }
}

#[test]
#[should_panic(expected = "lstm: sequences of shape (n, time, 3) with at least one step are needed, the input has \
                           shape (2, 0, 3); reshape it or resize the layer")]
fn a_sequence_has_a_step() {
    Lstm::<f64>::new(3, 2, &mut rng()).unwrap().predict(&Tensor::zeros([2, 0, 3]));
}

#[test]
#[should_panic(expected = "gru: a state of shape (1, 2, 4) is needed, it has shape (1, 3, 4); begin with `start`")]
fn a_state_fits_its_sequences() {
    let gru = Gru::<f64>::new(3, 4, &mut rng()).unwrap();
    let tape = Tape::new();
    let _ = gru.unroll(tape.constant(sequences(2, 5, 3)), gru.start(&tape, 3));
}

#[test]
fn embeddings_without_sizes_are_refused() {
    let error = Embedding::<f64>::new(0, 2, &Init::Zeros, &mut rng()).unwrap_err().to_string();
    assert_eq!(error, "embedding: 0 classes as rows of 2 numbers: a table needs both");
    assert!(Embedding::<f64>::new(2, 0, &Init::Zeros, &mut rng()).is_err());
    let error = Embedding::<f64>::new(4, 2, &Init::Zeros, &mut rng()).unwrap().padding(4).unwrap_err().to_string();
    assert_eq!(error, "embedding: the padding 4 is none of the 4 classes, 0 to 3");
}

fn words() -> Embedding {
    Embedding::from(Param::new([[1.0], [2.0], [3.0]]))
}

/// Numbers of classes of any shape, none among them.
#[test]
fn embeddings_take_any_shape() {
    assert_eq!(words().predict(&Tensor::from([[[2.0], [0.0]]])), Tensor::new([1, 2, 1, 1], vec![3.0, 1.0]));
    assert_eq!(words().predict(&Tensor::new([], vec![1.0])), Tensor::from([2.0]));
    assert_eq!(words().predict(&Tensor::zeros([0, 2])).shape(), &[0, 2, 1].into());
    assert_eq!(words().padding(2).unwrap().predict(&Tensor::from([2.0, 1.0])), Tensor::from([[0.0], [2.0]]));
}

#[track_caller]
fn refused(class: f64, shown: &str) {
    let panic = std::panic::catch_unwind(|| words().predict(&Tensor::from([0.0, class]))).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    let law = "is none of the 3 classes, whole numbers from 0 to 2; correct the input or enlarge the table";
    assert_eq!(*text, format!("embedding: {shown} {law}"));
}

#[test]
fn values_that_are_no_classes_are_refused() {
    refused(3.0, "3");
    refused(-1.0, "-1");
    refused(0.5, "0.5");
    refused(f64::NAN, "NaN");
    refused(f64::INFINITY, "inf");
    refused(1e300, "1e300");
    assert_eq!(words().predict(&Tensor::from([-0.0])), Tensor::from([[1.0]]));
}

#[test]
#[should_panic(expected = "embedding: 7 is none of the 3 classes, whole numbers from 0 to 2")]
fn look_up_refuses_them_too() {
    let _ = words().look_up(&Tape::new(), &[0, 7]);
}

/// In data, in held-out data and in streams, wherever the embedding reads the inputs: before any step, or that of the batch.
#[test]
fn data_with_classes_that_do_not_exist_are_refused() {
    let init = Init::Normal { mean: 0.0, std: 0.5 };
    let table = || Embedding::<f64>::new(5, 2, &init, &mut rng()).unwrap();
    let read = || Linear::new(4, 2, &init, &mut rng()).unwrap();
    let then = |first: Sequential| first.then(Flatten).then(read());
    let network = Network::new(["words"]).part("table", "words", table()).part("again", "words", table());
    let network = network.join("both", Join::Add, ["table", "again"]).part("flat", "both", Flatten);
    let reshaped =
        Network::new(["words"]).part("flat", "words", Sequential::new().then(Flatten).then(Activation::Identity));
    let reshaped = reshaped.part("table", "flat", table()).part("rows", "table", Flatten).part("read", "rows", read());
    let models: [Box<dyn Module>; 5] = [
        Box::new(then(Sequential::new().then(Flatten).then(Activation::Identity).then(table()))),
        Box::new(reshaped.outputs(["read"]).unwrap()),
        Box::new(then(Sequential::new().then(table()))),
        Box::new(then(Sequential::new().then(Sequential::new().then(table())))),
        Box::new(network.part("read", "flat", read()).outputs(["read"]).unwrap()),
    ];
    let data = |n: usize, wrong: Option<(usize, f64)>| {
        let class = |i: &[usize]| match wrong {
            Some((sample, class)) if *i == [sample, 1] => class,
            _ => (i[0] % 5) as f64,
        };
        Dataset::new(Tensor::from_fn([n, 2], class), (0..n).map(|i| i % 2).collect::<Vec<_>>()).unwrap()
    };
    for model in models {
        let before: Vec<_> = model.parameters().params().map(Param::value).collect();
        let mut sgd = Sgd::new(&model.parameters(), 0.5);
        let trainer = || Trainer::new().epochs(1).batch_size(4).progress(false);
        let law = "is none of the 5 classes, whole numbers from 0 to 4; correct the input or enlarge the table";
        let told = |what: &str, value: &str| {
            format!("trainer: the model does not take the inputs of the {what}: embedding: {value} {law}")
        };
        for (class, shown) in [(5.0, "5"), (-1.0, "-1"), (0.5, "0.5"), (1e300, "1e300")] {
            let bad = data(20, Some((17, class)));
            let error = trainer().fit(&model, &CrossEntropy, &mut sgd, &bad, None).unwrap_err();
            assert_eq!(error.to_string(), told("data", &format!("{shown} in sample 17")));
        }
        let bad = data(20, Some((17, 7.0)));
        let error = trainer().fit(&model, &CrossEntropy, &mut sgd, &data(20, None), Some(&bad)).unwrap_err();
        assert_eq!(error.to_string(), told("validation data", "7 in sample 17"));
        let error = trainer().find_rate(&model, &CrossEntropy, &mut sgd, &bad, RateRange::default()).unwrap_err();
        assert_eq!(error.to_string(), told("data", "7 in sample 17"));
        let mut fit = |batches: Vec<Dataset>| {
            let open = |_| Ok(batches.clone().into_iter().map(Ok));
            trainer().fit_stream(&model, &CrossEntropy, &mut sgd, open, None).unwrap_err().to_string()
        };
        assert_eq!(fit(vec![data(4, Some((3, 9.0)))]), told("first batch", "9 in sample 3"));
        let unchanged = |before: &[Tensor]| model.parameters().params().map(Param::value).eq(before.iter().cloned());
        assert!(unchanged(&before));
        assert_eq!(fit(vec![data(4, None), data(4, Some((3, 9.0)))]), told("batch", "9 in sample 3"));
        assert!(!unchanged(&before), "the first batch was right");
    }
}

/// What another layer makes is no class of the data: nothing is said of it.
#[test]
fn values_that_a_layer_changes_are_not_asked_of() {
    let table = || Embedding::<f64>::new(5, 2, &Init::Zeros, &mut rng()).unwrap();
    let behind = Sequential::new().then(Flatten).then(Function::new("halved", |x: Var| x * 0.5)).then(table());
    assert!(behind.check_inputs(&Tensor::from([[8.0]])).is_ok() && behind.predict(&Tensor::from([[8.0]])).numel() == 2);
    let network = Network::new(["x"]).part("flat", "x", Flatten).join("sum", Join::Add, ["flat", "flat"]);
    let network = network.part("table", "sum", table()).outputs(["table"]).unwrap();
    assert!(
        network.check_inputs(&Tensor::from([[0.5]])).is_ok() && network.predict(&Tensor::from([[0.5]])).numel() == 2
    );
}

#[test]
#[should_panic(expected = "embedding: a table of shape (3,) is not (count, width)")]
fn a_table_is_a_matrix() {
    Embedding::from(Param::new([1.0, 2.0, 3.0])).predict(&Tensor::from([0.0]));
}

/// Segments change what is kept, and nothing else: also with states given and returned.
#[test]
fn segments_have_the_values_and_gradients_of_the_loop() {
    fn holds<C: Cell>(stack: impl Fn() -> Recurrent<C>, steps: usize) {
        let x = Tensor::from_fn([2, 7, 3], |i| (1.0 + (i[0] * 21 + i[1] * 3 + i[2]) as f64).sin());
        let results = [stack(), stack().segments(steps)].map(|layer| {
            let tape = Tape::new();
            let x = tape.var(&x);
            let start = tape.var(layer.start(&tape, 2).value() + 0.1);
            let (y, behind) = layer.unroll(x, start);
            let grads = (y.square().sum() + behind.sin().sum()).backward();
            let parameters = layer.parameters();
            let found: Vec<_> = parameters.params().map(|param| grads[param].clone()).collect();
            (y.value(), behind.value(), [grads[x].clone(), grads[start].clone()], found)
        });
        let [(y, behind, inputs, found), segments] = &results;
        assert_eq!((y, behind), (&segments.0, &segments.1), "{} in segments of {steps}", C::NAME);
        let close = |(a, b): (&Tensor, &Tensor)| a.is_close(b, 1e-13);
        assert!(inputs.iter().zip(&segments.2).all(close), "{} in segments of {steps}", C::NAME);
        assert!(found.iter().zip(&segments.3).all(close), "{} in segments of {steps}", C::NAME);
    }
    for steps in [1, 3, 6, 7, 100] {
        let rng = || StdRng::seed_from_u64(2);
        holds(|| Rnn::stacked(3, 4, 2, &mut rng()).unwrap(), steps);
        holds(|| Gru::stacked(3, 4, 2, &mut rng()).unwrap().last(), steps);
        holds(|| Lstm::stacked(3, 4, 2, &mut rng()).unwrap(), steps);
        holds(|| Lstm::stacked(3, 4, 2, &mut rng()).unwrap().last(), steps);
    }
}

struct Looking;

impl mlp::Observer for Looking {}

/// Plain descent takes the same steps by rows; Adam leaves the rows that no batch reads. With clipping, in parts, and over several
/// batches.
#[test]
fn an_embedding_by_rows_trains() {
    let trained = |by_rows: bool, adam: bool, (parts, batches): (usize, usize)| {
        let rng = &mut rng();
        let init = Init::Normal { mean: 0.0, std: 0.5 };
        let words: Embedding = Embedding::new(40, 3, &init, rng).unwrap();
        let (table, before) = (words.table.clone(), words.table.value());
        let words = if by_rows { words.by_rows() } else { words };
        let read = Linear::new(6, 2, &init, rng).unwrap();
        let model = Sequential::new().then(words).then(Flatten).then(read);
        // The classes 0 to 9 are read, each sample has two.
        let inputs = Tensor::from_fn([16, 2], |i| ((7 * i[0] + 3 * i[1]) % 10) as f64);
        let data = Dataset::new(inputs, (0..16).map(|i| i % 2).collect::<Vec<_>>()).unwrap();
        let trainer = Trainer::new().epochs(3).batch_size(8 / batches).accumulate(batches).parts(parts);
        let trainer = trainer.clip_norm(0.05).progress(false);
        // Who only looks changes no step.
        let trainer = if adam { trainer.observe_steps(1, Looking) } else { trainer };
        let history = if adam {
            let mut adam = Adam::new(&model.parameters(), 0.01).weight_decay(0.1);
            trainer.fit(&model, &CrossEntropy, &mut adam, &data, None)
        } else {
            trainer.fit(&model, &CrossEntropy, &mut Sgd::new(&model.parameters(), 0.5), &data, None)
        };
        (history.unwrap().last().loss, before, table.value())
    };
    for parts in [(1, 1), (3, 1), (1, 2), (3, 2)] {
        let [(loss, _, whole), (same, _, rows)] = [false, true].map(|by_rows| trained(by_rows, false, parts));
        assert!((loss - same).abs() < 1e-14 && rows.is_close(&whole, 1e-14), "{parts:?} parts and batches");
        let (_, before, after) = trained(true, true, parts);
        let moved = |row: usize| before.at(0, row) != after.at(0, row);
        assert!((0..10).all(moved) && !(10..40).any(moved), "{parts:?} parts and batches");
        let (_, before, after) = trained(false, true, parts);
        assert!((0..40).all(|row| before.at(0, row) != after.at(0, row)), "decay shrinks every row");
    }
}
