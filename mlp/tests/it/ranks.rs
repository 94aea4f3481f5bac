//! One training on several ranks: the bits of one rank, whatever their number, and failures that all of them hear of.

use std::ops::ControlFlow;

use autograd::{Param, Parameters, Tape, Tensor, Var};
use mlp::train::{Callback, Communicator, Data, Interrupt, Learner, Message, Step, in_ranks, progress};
use mlp::{
    Activation, Adam, CrossEntropy, Dataset, Dropout, EarlyStopping, Embedding, Error, History, Init, Linear, Mlp,
    Module, Mse, Result, Sgd, Stopped, Trainer,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// A table of which few rows are read, dropout, and a layer behind them.
struct Words {
    table: Embedding<f32>,
    dropout: Dropout,
    output: Linear<f32>,
}

impl Words {
    fn new(by_rows: bool) -> Self {
        let (mut rng, init) = (StdRng::seed_from_u64(3), Init::glorot_uniform());
        let table = Embedding::new(40, 5, &init, &mut rng).unwrap();
        let table = if by_rows { table.by_rows() } else { table };
        let output = Linear::new(10, 3, &init, &mut rng).unwrap();
        Words { table, dropout: Dropout::new(0.25).unwrap(), output }
    }
}

impl Module<f32> for Words {
    fn forward<'t>(&self, x: Var<'t, f32>) -> Var<'t, f32> {
        let samples = x.shape()[0];
        let words = self.table.forward(x).reshape([samples, 10]);
        self.output.forward(self.dropout.forward(words))
    }

    fn parameters(&self) -> Parameters<f32> {
        let table = self.table.parameters().get("table").expect("the table").clone();
        let (w, b) = (&self.output.w, self.output.b.as_ref().expect("a bias"));
        Parameters::new().with("table", &table).with("w", w).with("b", b)
    }
}

fn words(samples: usize, seed: u64) -> Dataset<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    let inputs = Tensor::from_fn([samples, 2], |_| rng.random_range(0..40) as f32);
    let classes: Vec<usize> = (0..samples).map(|_| rng.random_range(0..3)).collect();
    Dataset::new(inputs, classes).unwrap()
}

/// The bits of parameters, and the history.
type Outcome = Result<(Vec<u64>, History)>;

fn bits<T: autograd::Float>(parameters: &Parameters<T>) -> Vec<u64> {
    parameters.params().flat_map(|param| param.value().to_vec()).map(|x| x.to_f64().to_bits()).collect()
}

fn train_words(trainer: Trainer<'_>, by_rows: bool) -> Outcome {
    let model = Words::new(by_rows);
    let mut adam = Adam::new(&model.parameters(), 0.01);
    // 50 samples in batches of 16: the last has 2, fewer than the parts.
    let history = trainer.fit(&model, &CrossEntropy, &mut adam, &words(50, 1), Some(&words(30, 2)))?;
    Ok((bits(&model.parameters()), history))
}

fn settings<'a>() -> Trainer<'a> {
    let trainer = Trainer::new().epochs(4).batch_size(16).parts(5).seed(9).clip_norm(0.5).progress(false);
    trainer.metric("share", |y, targets| {
        let mlp::Targets::Classes(classes) = targets else { unreachable!() };
        mlp::metrics::accuracy(y, classes)
    })
}

#[test]
fn any_number_of_ranks_gives_the_bits_of_one() {
    for by_rows in [false, true] {
        for batches in [1, 3] {
            let alone = train_words(settings().accumulate(batches), by_rows).unwrap();
            assert!(alone.1.last().metrics.contains_key("validation_share"));
            for ranks in 1..=5 {
                let found =
                    in_ranks(ranks, |rank| train_words(settings().accumulate(batches).communicator(rank), by_rows));
                for outcome in found {
                    assert_eq!(outcome.unwrap(), alone, "{ranks} ranks, by rows {by_rows}, {batches} batches a step");
                }
            }
        }
    }
}

/// A regression of the features of a row, trained from a stream.
fn train_stream(trainer: Trainer<'_>) -> Outcome {
    let mut rng = StdRng::seed_from_u64(0);
    let model: Mlp = Mlp::new(3).hidden(40, Activation::Tanh).output(1, Activation::Identity).build(&mut rng)?;
    let mut sgd = Sgd::new(&model.parameters(), 0.05).momentum(0.9);
    let open = |epoch: usize| {
        Ok((0..4).map(move |batch| {
            let x = Tensor::from_fn([8, 3], |i| ((epoch + batch * 7 + i[0] * 3 + i[1]) as f64).sin());
            Dataset::new(x.clone(), x.sum_axis(1).reshape([8, 1]))
        }))
    };
    let history = trainer.fit_stream(&model, &Mse, &mut sgd, open, None)?;
    Ok((bits(&model.parameters()), history))
}

#[test]
fn streams_are_divided_too() {
    fn settings<'a>() -> Trainer<'a> {
        Trainer::new().epochs(3).parts(4).progress(false)
    }
    let alone = train_stream(settings()).unwrap();
    for outcome in in_ranks(4, |rank| train_stream(settings().communicator(rank))) {
        assert_eq!(outcome.unwrap(), alone);
    }
}

#[test]
fn wide_arrays_pass_in_pieces() {
    let train = |trainer: Trainer<'_>| -> Outcome {
        let mut rng = StdRng::seed_from_u64(0);
        let model: Mlp = Mlp::new(300).hidden(120, Activation::Relu).output(2, Activation::Identity).build(&mut rng)?;
        let mut adam = Adam::new(&model.parameters(), 0.01);
        let x = Tensor::from_fn([12, 300], |i| ((i[0] * 300 + i[1]) as f64).cos());
        let data = Dataset::new(x, (0..12).map(|i| i % 2).collect::<Vec<_>>())?;
        let history = trainer.fit(&model, &CrossEntropy, &mut adam, &data, None)?;
        Ok((bits(&model.parameters()), history))
    };
    fn settings<'a>() -> Trainer<'a> {
        Trainer::new().epochs(2).full_batch().parts(3).progress(false)
    }
    let alone = train(settings()).unwrap();
    for outcome in in_ranks(3, |rank| train(settings().communicator(rank))) {
        assert_eq!(outcome.unwrap(), alone);
    }
}

#[test]
fn a_checkpoint_resumes_on_another_number_of_ranks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training.safetensors");
    let stop = || EarlyStopping::new(50);
    let whole = train_words(settings().callback(stop()), false).unwrap().0;
    let parts = in_ranks(3, |rank| {
        train_words(settings().epochs(2).save_training(1, &path).callback(stop()).communicator(rank), false)
    });
    parts.into_iter().for_each(|outcome| drop(outcome.unwrap()));
    assert_eq!(progress(&path).unwrap().epochs, 2);
    for ranks in [1, 2, 5] {
        let resumed = in_ranks(ranks, |rank| {
            train_words(settings().resume_from(&path).callback(stop()).communicator(rank), false)
        });
        for outcome in resumed {
            assert_eq!(outcome.unwrap().0, whole);
        }
    }
    let alone = train_words(settings().resume_from(&path).callback(stop()), false).unwrap();
    assert_eq!(alone.0, whole);
}

/// Stops, or fails, after a number of steps.
struct After {
    steps: usize,
    answer: fn() -> Result<ControlFlow<Stopped>>,
}

impl Callback for After {
    fn step_ended(&mut self, step: &Step, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        if step.total >= self.steps { (self.answer)() } else { Ok(ControlFlow::Continue(())) }
    }
}

#[test]
fn what_stops_one_rank_stops_all_after_the_same_step() {
    let found = in_ranks(3, |rank| {
        let interrupt = Interrupt::new();
        let mut trainer = settings().communicator(rank).callback(interrupt);
        if rank.rank() == 2 {
            trainer = trainer.callback(After { steps: 6, answer: || Ok(ControlFlow::Break(Stopped::Observer)) });
        }
        train_words(trainer, true).unwrap()
    });
    let (_, first) = &found[0];
    assert_eq!((first.stopped, first.within, first.epochs.len()), (Stopped::Observer, Some(2), 2));
    assert!(found.iter().all(|outcome| *outcome == found[0]));
}

#[test]
fn a_failure_of_one_rank_ends_all_and_leaves_nothing_behind() {
    let failed = || Err(Error::Invalid { what: "disk", why: "it is full; make room".into() });
    let alone = train_words(settings(), false).unwrap();
    for (bad, steps) in [(0, 1), (1, 3), (3, 7)] {
        let found = in_ranks(4, |rank| {
            let mut trainer = settings().communicator(rank);
            if rank.rank() == bad {
                trainer = trainer.callback(After { steps, answer: failed });
            }
            let error = train_words(trainer, false).unwrap_err();
            // The same ranks train again.
            (error, train_words(settings().communicator(rank), false))
        });
        for (rank, (error, again)) in found.into_iter().enumerate() {
            match error {
                Error::Invalid { what: "disk", .. } => assert_eq!(rank, bad),
                Error::Rank { rank: named, ref problem } => {
                    assert_eq!(named, bad);
                    assert_eq!(problem, "disk: it is full; make room");
                    assert_ne!(rank, bad);
                }
                other => panic!("{other}"),
            }
            assert_eq!(again.unwrap(), alone);
        }
    }
}

#[test]
fn what_all_ranks_do_wrong_is_said_by_the_first() {
    let found = in_ranks(3, |rank| train_words(settings().epochs(0).communicator(rank), false).unwrap_err());
    assert_eq!(found[0].to_string(), "trainer: 0 epochs: there is nothing to do");
    assert_eq!(found[2].to_string(), "rank 0: trainer: 0 epochs: there is nothing to do");
}

#[test]
fn a_rank_that_ends_is_named() {
    let found = in_ranks(3, |rank| match rank.rank() {
        1 => None, // it does not train
        _ => Some(train_words(settings().communicator(rank), false).unwrap_err().to_string()),
    });
    assert_eq!(found[0].as_deref(), Some("rank 1: it ended while others were waiting for it"));
    assert_eq!(found[0], found[2]);
}

/// What differs on rank 1, and what is said.
#[test]
fn ranks_that_differ_are_named_before_the_first_step() {
    type Differ = fn(bool, Trainer<'_>) -> Outcome;
    fn regress(trainer: Trainer<'_>, seed: u64, hidden: usize, samples: usize, scale: f64) -> Outcome {
        let layers = Mlp::new(2).hidden(hidden, Activation::Tanh).output(1, Activation::Identity);
        let model: Mlp = layers.build(&mut StdRng::seed_from_u64(seed))?;
        let mut sgd = Sgd::new(&model.parameters(), 0.1 * scale);
        let x = Tensor::from_fn([samples, 2], |i| scale * (i[0] as f64 + i[1] as f64).sin());
        let data = Dataset::new(x.clone(), x.sum_axis(1).reshape([samples, 1]))?;
        let history = trainer.fit(&model, &Mse, &mut sgd, &data, None)?;
        Ok((bits(&model.parameters()), history))
    }
    let cases: [(&str, Differ); 9] = [
        ("the seed: 7, where rank 0 has 0;", |odd, t| regress(t.seed(if odd { 7 } else { 0 }), 0, 4, 8, 1.0)),
        ("the number of epochs: 3, where rank 0 has 2;", |odd, t| {
            regress(t.epochs(2 + usize::from(odd)), 0, 4, 8, 1.0)
        }),
        ("the number of samples in a batch: 4, where rank 0 has 32;", |odd, t| {
            regress(if odd { t.batch_size(4) } else { t }, 0, 4, 8, 1.0)
        }),
        ("the norm to clip to: Some(1.0), where rank 0 has None;", |odd, t| {
            regress(if odd { t.clip_norm(1.0) } else { t }, 0, 4, 8, 1.0)
        }),
        ("the values of the model;", |odd, t| regress(t, u64::from(odd), 4, 8, 1.0)),
        ("names and shapes of the model: layers.0.w (2, 5), where rank 0 has layers.0.w (2, 4);", |odd, t| {
            regress(t, 0, if odd { 5 } else { 4 }, 8, 1.0)
        }),
        ("the shape of the data: inputs of shape (9, 2), where rank 0 has inputs of shape (8, 2);", |odd, t| {
            regress(t, 0, 4, if odd { 9 } else { 8 }, 1.0)
        }),
        ("the learning rate: 0.2, where rank 0 has 0.1;", |odd, t| regress(t, 0, 4, 8, if odd { 2.0 } else { 1.0 })),
        ("the number of parts: Fixed(3), where rank 0 has Fixed(2);", |odd, t| {
            regress(if odd { t.parts(3) } else { t }, 0, 4, 8, 1.0)
        }),
    ];
    for (said, differ) in cases {
        let found = in_ranks(2, |rank| {
            let trainer = Trainer::new().epochs(2).parts(2).progress(false).communicator(rank);
            differ(rank.rank() == 1, trainer).unwrap_err().to_string()
        });
        assert!(
            found[0].starts_with("trainer: rank 1 differs from rank 0 in ") && found[0].contains(said),
            "{}",
            found[0]
        );
        assert!(found[1].starts_with("rank 0: trainer: rank 1 differs"), "{}", found[1]);
    }
}

#[test]
fn parameters_that_come_apart_are_noticed_after_the_epoch() {
    struct Nudge(Param);
    impl Callback for Nudge {
        fn step_ended(&mut self, _: &Step, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
            self.0.set(self.0.value().map(|x| x + 1e-9));
            Ok(ControlFlow::Continue(()))
        }
    }
    let found = in_ranks(2, |rank| {
        let model = Linear { w: Param::new([[0.5]]), b: None };
        let data = Dataset::new(Tensor::from([[1.0], [2.0]]), Tensor::from([[1.0], [1.0]])).unwrap();
        let mut sgd = Sgd::new(&model.parameters(), 0.01);
        let mut trainer = Trainer::new().epochs(2).parts(2).progress(false).communicator(rank);
        if rank.rank() == 1 {
            trainer = trainer.callback(Nudge(model.w.clone()));
        }
        trainer.fit(&model, &Mse, &mut sgd, &data, None).unwrap_err().to_string()
    });
    let said = "the parameters of rank 1 differ from those of rank 0 after epoch 1; give all ranks the same callbacks, optimiser and schedule, \
                which depend on nothing but the seed, and processors of one kind, as vector instructions decide how numbers round";
    assert_eq!(found[0], format!("training: {said}"));
}

#[test]
fn parts_have_to_suit_the_ranks() {
    fn said(parts: for<'a> fn(Trainer<'a>) -> Trainer<'a>) -> String {
        in_ranks(4, |rank| train_words(parts(settings().communicator(rank)), false).unwrap_err().to_string()).remove(0)
    }
    assert!(said(|trainer| trainer.parts(3)).contains("batches in 3 parts leave some of 4 ranks without work"));
    assert!(said(|trainer| trainer.parts(1)).contains("batches in 1 part leave"));
    assert!(said(|trainer| trainer.parts_measured()).contains("differs from rank to rank"));
}

/// Adds up by itself, as a library of messages does.
struct Reducing<'c>(&'c dyn Communicator);

impl Communicator for Reducing<'_> {
    fn rank(&self) -> usize {
        self.0.rank()
    }

    fn ranks(&self) -> usize {
        self.0.ranks()
    }

    fn send(&self, to: usize, message: Message) -> Result<()> {
        self.0.send(to, message)
    }

    fn receive(&self, from: usize) -> Result<Message> {
        self.0.receive(from)
    }

    fn reduces(&self) -> bool {
        true
    }

    fn all_reduce(&self, values: &mut Data) -> Result<()> {
        let others = || (0..self.ranks()).filter(|rank| *rank != self.rank());
        let own = values.clone();
        for rank in others() {
            self.send(rank, Message { label: 0, data: own.clone() }).unwrap();
        }
        let mut all: Vec<Data> = others().map(|rank| self.receive(rank).unwrap().data).collect();
        all.insert(self.rank(), own);
        let Data::F32(sum) = values else { unreachable!() };
        sum.as_mut_slice().fill(0.0);
        for data in all.iter().rev() {
            let Data::F32(data) = data else { unreachable!() };
            sum.as_mut_slice().iter_mut().zip(data.as_slice()).for_each(|(sum, x)| *sum += x);
        }
        Ok(())
    }
}

#[test]
fn a_library_may_add_up_in_its_own_order() {
    let alone = train_words(settings(), true).unwrap();
    let found = in_ranks(3, |rank| train_words(settings().communicator(&Reducing(rank)), true).unwrap());
    assert!(found.iter().all(|outcome| *outcome == found[0]));
    let (weights, history) = &found[0];
    assert_ne!(*weights, alone.0); // the order differs
    let near = |a: &u64, b: &u64| (f64::from_bits(*a) - f64::from_bits(*b)).abs() < 1e-4;
    assert!(weights.iter().zip(&alone.0).all(|(a, b)| near(a, b)));
    assert!((history.last().loss - alone.1.last().loss).abs() < 1e-5);
}

/// Adds up the rows of the words from 5 on, of which a part may have none.
struct Common(Embedding<f32>);

impl Module<f32> for Common {
    fn forward<'t>(&self, x: Var<'t, f32>) -> Var<'t, f32> {
        let words: Vec<usize> =
            x.value().as_slice().iter().map(|word| *word as usize).filter(|word| *word >= 5).collect();
        let sum = self.0.look_up(x.tape(), &words).sum_axis(0).reshape([1, 3]);
        x.tape().constant(Tensor::zeros([x.shape()[0], 3])) + sum
    }

    fn parameters(&self) -> Parameters<f32> {
        self.0.parameters()
    }
}

#[test]
fn a_part_may_read_no_row() {
    let train = |trainer: Trainer<'_>| -> Outcome {
        let (mut rng, init) = (StdRng::seed_from_u64(3), Init::glorot_uniform());
        let model = Common(Embedding::new(7, 3, &init, &mut rng)?.by_rows());
        let inputs = Tensor::from_fn([40, 1], |i| if i[0] % 9 == 7 { 6.0 } else { (i[0] % 5) as f32 });
        let data = Dataset::new(inputs, (0..40).map(|i| i % 3).collect::<Vec<_>>())?;
        let mut adam = Adam::new(&model.parameters(), 0.01);
        let trainer = trainer.epochs(3).batch_size(8).parts(4).progress(false);
        let history = trainer.fit(&model, &CrossEntropy, &mut adam, &data, None)?;
        Ok((bits(&model.parameters()), history))
    };
    let alone = train(Trainer::new()).unwrap();
    for ranks in 2..=4 {
        for outcome in in_ranks(ranks, |rank| train(Trainer::new().communicator(rank))) {
            assert_eq!(outcome.unwrap(), alone, "{ranks} ranks");
        }
    }
}

#[test]
fn gradients_given_are_those_of_a_sweep() {
    let model = Words::new(true);
    let data = words(6, 4);
    let tape = Tape::<f32>::default();
    let loss =
        mlp::Loss::mean(&CrossEntropy, model.forward(tape.constant(data.inputs().clone())), data.targets()).unwrap();
    let gradients = loss.backward();
    let (rows, values) = gradients.rows_of(&model.table.table).unwrap();
    let given = [(model.table.table.clone(), autograd::Gradient::Rows(rows.to_vec(), values.to_vec()))];
    let mut other = Tape::default();
    let again = autograd::Gradients::given(&mut other, given);
    assert_eq!(again.of(&model.table.table), gradients.of(&model.table.table));
    assert!(again.of(&model.output.w).is_none());
}
