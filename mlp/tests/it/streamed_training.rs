//! Trainings on streams: the same loop as over data in memory, resumed within an epoch too, and what streams may do wrong.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Mutex;

use autograd::Tensor;
use mlp::train::{
    BestWeights, Callback, EarlyStopping, Interrupt, Learner, Progress, Start, Watch, progress, save_training_with,
};
use mlp::{
    Activation, Adam, CrossEntropy, Dataset, Error, History, Linear, Mlp, Module, Mse, Result, Sgd, Stopped, Stream,
    Targets, Trainer,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::interrupted::{After, data, model};
use crate::train::{quadrants, quiet, values};

/// 50 samples whose first target is their number.
fn numbered() -> Dataset {
    let inputs = Tensor::from_fn([50, 2], |i| ((i[0] * 2 + i[1]) as f64 * 2.399).sin());
    Dataset::new(inputs, Tensor::from_fn([50, 2], |i| if i[1] == 0 { i[0] as f64 } else { 0.5 })).unwrap()
}

fn regression() -> Mlp {
    let layers = Mlp::new(2).hidden(6, Activation::Tanh).dropout(0.2).output(2, Activation::Identity);
    layers.build(&mut StdRng::seed_from_u64(3)).unwrap()
}

fn settings<'a>(parts: usize, batches: usize, drop_last: bool) -> Trainer<'a> {
    let trainer = quiet().epochs(3).batch_size(8).parts(parts).accumulate(batches).clip_norm(5.0).seed(4);
    let trainer = trainer.schedule_steps(|step| 0.02 / step as f64);
    if drop_last { trainer.drop_last() } else { trainer }
}

#[test]
fn a_data_set_in_memory_is_a_stream_of_its_batches() {
    let data = numbered();
    for (parts, batches, drop_last) in [(1, 1, false), (1, 1, true), (2, 1, false), (1, 3, false), (2, 2, true)] {
        // Each part of a batch shows its samples, in any order of the parts.
        let seen: Mutex<Vec<Vec<usize>>> = Mutex::default();
        let see = |_: &Tensor, targets: &Targets| {
            let Targets::Values(values) = targets else { panic!("values") };
            let numbers = values.to_vec().chunks(2).map(|row| row[0] as usize).collect();
            seen.lock().unwrap().push(numbers);
            Ok(0.0)
        };
        let model = regression();
        let mut adam = Adam::new(&model.parameters(), 0.1);
        let trainer = settings(1, batches, drop_last).metric("seen", see);
        trainer.fit(&model, &Mse, &mut adam, &data, None).unwrap();
        drop(trainer);
        let order = seen.into_inner().unwrap();
        let of_epoch = order.len() / 3;
        assert_eq!(of_epoch, if drop_last { 6 } else { 7 });

        let model = regression();
        let mut adam = Adam::new(&model.parameters(), 0.1);
        let trainer = settings(parts, batches, drop_last);
        let history = trainer.fit(&model, &Mse, &mut adam, &data, Some(&data)).unwrap();
        let streamed = regression();
        let mut adam = Adam::new(&streamed.parameters(), 0.1);
        let open = |epoch: usize| {
            let batches = order[(epoch - 1) * of_epoch..epoch * of_epoch].iter().map(|samples| data.select(samples));
            Ok(batches.collect::<Vec<_>>())
        };
        let found = settings(parts, batches, drop_last).fit_stream(&streamed, &Mse, &mut adam, open, Some(&data));
        assert_eq!((found.unwrap(), values(&streamed)), (history, values(&model)), "{parts} {batches} {drop_last}");
    }
}

/// Epochs of 50 samples and of 40, in turns.
fn open(epoch: usize) -> Result<impl Iterator<Item = Result<Dataset<f32>>>> {
    let data = data(if epoch % 2 == 1 { 50 } else { 40 });
    let parts = data.batches(7, None)?.map(Ok).collect::<Vec<_>>();
    Ok(Stream::batches(parts.into_iter(), 9).shuffle(20, epoch as u64).ahead(2))
}

fn fit(folder: &Path, batches: usize, after: Option<usize>) -> (History, Vec<u32>, Vec<usize>) {
    let path = folder.join("t.safetensors");
    let (model, interrupt, rates) = (model(), Interrupt::new(), RefCell::new(vec![]));
    let mut adam = Adam::new(&model.parameters(), 0.02);
    let mut trainer = Trainer::new().progress(false).epochs(4).accumulate(batches).save_training_steps(4, &path);
    trainer = trainer.callback(EarlyStopping::new(3)).callback(BestWeights::new());
    let rate = |step| {
        rates.borrow_mut().push(step);
        0.02 / (step as f64).sqrt()
    };
    trainer = trainer.schedule_steps(rate);
    if path.exists() {
        trainer = trainer.resume_from(&path);
    }
    if let Some(after) = after {
        // The flag is looked at first, and set after: the training ends one step later.
        trainer = trainer.callback(interrupt.clone()).callback(After(after, interrupt.clone()));
    }
    let history = trainer.fit_stream(&model, &CrossEntropy, &mut adam, open, Some(&data(30))).unwrap();
    drop(trainer);
    let bits = model.state().params().flat_map(|param| param.value().to_vec()).map(f32::to_bits).collect();
    (history, bits, rates.into_inner())
}

#[test]
fn a_training_on_a_stream_interrupted_again_and_again_reaches_the_same_bits() {
    let rng = &mut StdRng::seed_from_u64(7);
    for batches in [1, 2] {
        let whole = tempfile::tempdir().unwrap();
        let (expected, expected_bits, steps) = fit(whole.path(), batches, None);
        let per_epoch = [6usize, 5].map(|n| n.div_ceil(batches));
        assert_eq!(steps, (1..=2 * (per_epoch[0] + per_epoch[1])).collect::<Vec<_>>());
        let folder = tempfile::tempdir().unwrap();
        let mut calls = 0;
        let (last, found) = loop {
            let (history, found, steps) = fit(folder.path(), batches, Some(rng.random_range(1..5)));
            calls += 1;
            if history.stopped != Stopped::Interrupted {
                break (history, found);
            }
            let known = progress(folder.path().join("t.safetensors")).unwrap();
            assert_eq!((Some(known.within), known.steps), (history.within, steps.last().copied()));
        };
        assert!(calls > 3, "{calls}");
        assert_eq!((last.stopped, found), (expected.stopped, expected_bits), "{batches}");
        assert_eq!(last.epochs.last(), expected.epochs.last());
    }
}

/// What a training on these batches, of an epoch each, comes to.
fn refused(trainer: Trainer<'_>, epochs: Vec<Vec<Result<Dataset>>>) -> String {
    let model = crate::train::network(3, 2);
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    let epochs = RefCell::new(epochs);
    let open = |_| Ok(epochs.borrow_mut().remove(0));
    trainer.epochs(2).fit_stream(&model, &CrossEntropy, &mut sgd, open, None).unwrap_err().to_string()
}

#[test]
fn what_a_stream_does_wrong_is_an_error() {
    let good = || Ok(quadrants(6));
    let empty = "; open it anew for each epoch";
    assert_eq!(refused(quiet(), vec![vec![]]), format!("trainer: the stream gives no batch for epoch 1{empty}"));
    assert_eq!(
        refused(quiet(), vec![vec![good()], vec![]]),
        format!("trainer: the stream gives no batch for epoch 2{empty}")
    );
    let broken = || Err(Error::Empty { what: "file".into() });
    for batches in [vec![broken()], vec![good(), broken()], vec![good(), good(), broken()]] {
        assert_eq!(refused(quiet().accumulate(2), vec![batches]), "file: no samples; at least one is needed");
    }
    let wide = || Dataset::new(Tensor::zeros([4, 3]), vec![0; 4]);
    let error = refused(quiet(), vec![vec![wide()]]);
    let law = "have shape (4, 3); choose other columns, or build the model for these";
    assert_eq!(error, format!("trainer: the model takes rows of 2 numbers, the inputs of the first batch {law}"));
    let error = refused(quiet(), vec![vec![good(), wide()]]);
    assert_eq!(error, format!("trainer: the model takes rows of 2 numbers, the inputs of the batch {law}"));
    let classes = |class| Dataset::new(Tensor::zeros([4, 2]), vec![class; 4]);
    assert_eq!(
        refused(quiet(), vec![vec![good(), classes(2)]]),
        refused(quiet(), vec![vec![classes(2)]]),
        "a class that the outputs do not have"
    );
    let values = || Dataset::new(Tensor::zeros([4, 2]), Tensor::zeros([4, 1]));
    assert!(refused(quiet(), vec![vec![good(), values()]]).starts_with("cross_entropy: "));
    // What cannot be opened, at first or later.
    for last in [0, 1] {
        let model = crate::train::network(3, 2);
        let mut sgd = Sgd::new(&model.parameters(), 0.1);
        let open = |epoch| if epoch > last { broken().map(|_: Dataset| vec![]) } else { Ok(vec![good()]) };
        let error = quiet().fit_stream(&model, &CrossEntropy, &mut sgd, open, None).unwrap_err().to_string();
        assert_eq!(error, "file: no samples; at least one is needed");
    }
}

#[test]
fn a_checkpoint_within_an_epoch_goes_on_with_its_stream_only() {
    let folder = tempfile::tempdir().unwrap();
    let [streamed, in_memory] = ["s", "m"].map(|name| folder.path().join(name));
    let model = crate::train::network(3, 2);
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    let stops = || {
        let interrupt = Interrupt::new();
        interrupt.set();
        interrupt
    };
    let data = quadrants(20);
    let batches = |size: usize| move |_| Ok(quadrants(20).batches(size, None)?.map(Ok).collect::<Vec<_>>());
    let trainer = quiet().save_training(1, &streamed).callback(stops());
    trainer.fit_stream(&model, &CrossEntropy, &mut sgd, batches(5), None).unwrap();
    let trainer = quiet().batch_size(5).save_training(1, &in_memory).callback(stops());
    trainer.fit(&model, &CrossEntropy, &mut sgd, &data, None).unwrap();

    let refused = |error: Result<History>, law: &str| {
        let error = error.unwrap_err().to_string();
        assert!(error.ends_with(law), "{error}");
    };
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    let again = || quiet().batch_size(5).epochs(2).resume_from(&streamed);
    let law = "resume with the data and batches it was saved with";
    refused(
        again().fit(&model, &CrossEntropy, &mut sgd, &data, None),
        &format!(
            "lies 1 steps within epoch 1 of a stream in steps of 1 batches, which has 4 steps of 5 for 20 samples; {law}"
        ),
    );
    refused(
        again().accumulate(2).fit_stream(&model, &CrossEntropy, &mut sgd, batches(5), None),
        &format!("of a stream in steps of 1 batches, which is a stream in steps of 2 batches; {law}"),
    );
    let trainer = quiet().epochs(2).resume_from(&in_memory);
    refused(
        trainer.fit_stream(&model, &CrossEntropy, &mut sgd, batches(5), None),
        &format!("of 20 samples in steps of 5, which is a stream in steps of 1 batches; {law}"),
    );
    refused(
        again().fit_stream(&model, &CrossEntropy, &mut sgd, batches(4), None),
        "held 5 samples of the stream, and now 4; a stream must give the same batches whenever an epoch is opened",
    );
    again().fit_stream(&model, &CrossEntropy, &mut sgd, batches(5), None).unwrap();
}

#[test]
fn a_checkpoint_of_a_loop_of_ones_own_tells_its_steps_to_a_schedule() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let model = crate::train::network(3, 2);
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    let open = |_| Ok(quadrants(20).batches(5, None)?.map(Ok).collect::<Vec<_>>());
    let steps = RefCell::new(vec![]);
    let mut fit = |known: Option<usize>, counted: bool| {
        let mut known_progress = Progress::new(2);
        known_progress.steps = known;
        save_training_with(&model.parameters(), &sgd, &[], &known_progress, &path).unwrap();
        let mut trainer = quiet().epochs(3).resume_from(&path);
        if counted {
            trainer = trainer.schedule_steps(|step| {
                steps.borrow_mut().push(step);
                0.1
            });
        }
        trainer.fit_stream(&model, &CrossEntropy, &mut sgd, open, None)
    };
    fit(None, false).unwrap();
    let error = fit(None, true).unwrap_err().to_string();
    assert!(error.ends_with("set `Progress::steps` where it is saved"), "{error}");
    fit(Some(9), true).unwrap();
    assert_eq!(steps.into_inner(), [10, 11, 12, 13]);
}

/// Notes the known number of steps of an epoch.
struct Lengths<'a>(&'a RefCell<Vec<usize>>);

impl Callback for Lengths<'_> {
    fn begun(&mut self, start: &Start, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        self.0.borrow_mut().push(start.steps);
        Ok(ControlFlow::Continue(()))
    }
}

#[test]
fn a_stream_has_a_length_that_nobody_knows_before() {
    let steps = RefCell::new(vec![]);
    let model = Linear { w: autograd::Param::new([[0.0]]), b: None };
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    let one = || Dataset::new(Tensor::from([[1.0]]), Tensor::from([[1.0]]));
    // The closure is asked for each epoch once, and not for one behind the last.
    let opened = RefCell::new(vec![]);
    let open = |epoch| {
        opened.borrow_mut().push(epoch);
        Ok(vec![one(), one()])
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let trainer = Trainer::new().epochs(3).callback(Lengths(&steps)).save_training(1, &path);
    let stop = || EarlyStopping::new(1).watch(Watch::lowest("loss").by(1e9));
    let history = trainer.callback(stop()).fit_stream(&model, &Mse, &mut sgd, open, None).unwrap();
    assert_eq!((history.epochs.len(), history.stopped, steps.take()), (2, Stopped::NoImprovement, vec![0]));
    assert_eq!(opened.take(), [1, 2]);
    let trainer = Trainer::new().epochs(3).callback(stop()).resume_from(&path);
    let again = trainer.fit_stream(&model, &Mse, &mut sgd, open, None).unwrap();
    assert_eq!((again.epochs, again.stopped), (history.epochs[1..].to_vec(), Stopped::NoImprovement));
}
