//! Trainings that are interrupted, saved and taken up again.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use autograd::{Param, Parameters, Tape, Tensor};
use mlp::io::save;
use mlp::train::{load_training, save_training};
use mlp::{Activation, Adam, CrossEntropy, Dataset, Error, History, Mlp, Module, Optimizer, Sgd, Stopped, Trainer};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::optimizers::optimizers;

type Make = fn(&Parameters<f32>, f64) -> Box<dyn Optimizer<f32>>;

/// What a training comes to.
struct Trained {
    /// Of the parameters.
    bits: Vec<u32>,
    losses: Vec<f64>,
    /// At which it was looked at.
    steps: Vec<usize>,
}

fn trained(make: Make, trainer: Trainer<'_>) -> Result<Trained, Error> {
    let inputs = Tensor::from_fn([50, 2], |i| ((i[0] * 2 + i[1]) as f32 * 2.399).sin());
    let classes: Vec<usize> = (0..50).map(|i| usize::from(inputs.get([i, 0]) > inputs.get([i, 1]))).collect();
    let data = Dataset::new(inputs, classes)?;
    let layers = Mlp::new(2).hidden(6, Activation::Tanh).dropout(0.2).output(2, Activation::Identity);
    let model: Mlp<f32> = layers.build(&mut StdRng::seed_from_u64(3))?;
    let mut optimizer = make(&model.parameters(), 0.02);
    let steps = Rc::new(RefCell::new(vec![]));
    let seen = steps.clone();
    let trainer = trainer.progress(false).batch_size(16).observe_flow(3, move |step, _| seen.borrow_mut().push(step));
    let history = trainer.fit(&model, &CrossEntropy, &mut *optimizer, &data, None)?;
    let bits = model.parameters().params().flat_map(|param| param.value().to_vec()).map(f32::to_bits).collect();
    Ok(Trained { bits, losses: history.epochs.iter().map(|epoch| epoch.loss).collect(), steps: steps.take() })
}

#[test]
fn a_training_taken_up_again_has_the_bits_of_one_that_went_through() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training.safetensors");
    for ((name, make), parts) in optimizers().into_iter().flat_map(|form| [(form, 1), (form, 2)]) {
        let trainer = |epochs| Trainer::new().parts(parts).epochs(epochs);
        let through = trained(make, trainer(5)).unwrap();
        // Saved after the second epoch, and after the third, which is its last.
        let first = trained(make, trainer(3).save_training(2, &path)).unwrap();
        let last = trained(make, trainer(5).resume_from(&path)).unwrap();
        assert_eq!((last.bits, [first.losses, last.losses].concat()), (through.bits, through.losses), "{name}");
        assert_eq!([first.steps, last.steps].concat(), through.steps, "the flow is looked at in the same steps");
    }
}

#[test]
fn a_training_that_stops_early_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training.safetensors");
    let w = Param::new([[0.0]]);
    let model = mlp::Linear { w: w.clone(), b: None };
    let data = Dataset::new(Tensor::from([[1.0]]), Tensor::from([[1.0]])).unwrap();
    let mut sgd = Sgd::new(&model.parameters(), 0.25);
    let trainer = Trainer::new().progress(false).tolerance(0.3).save_training(100, &path);
    let history = trainer.fit(&model, &mlp::Mse, &mut sgd, &data, None).unwrap();
    assert_eq!((history.stopped, history.epochs.len()), (Stopped::Tolerance, 2));
    let there = w.value();
    w.set([[9.0]]);
    assert_eq!(load_training(&model.parameters(), &mut sgd, &path).unwrap(), 2);
    assert_eq!(w.value(), there);
    // There is nothing left to do of these two, and nothing changes.
    w.set([[9.0]]);
    let error = Trainer::new().epochs(2).resume_from(&path).fit(&model, &mlp::Mse, &mut sgd, &data, None).unwrap_err();
    assert!(error.to_string().contains("comes after 2 epochs, and the trainer ends with epoch 2"), "{error}");
    assert_eq!(w.value().item(), 9.0);
}

/// A parameter whose loss is w² and halves with each step, from 8 on.
fn halving() -> (mlp::Linear, Dataset) {
    let data = Dataset::new(Tensor::from([[1.0]]), Tensor::from([[0.0]])).unwrap();
    (mlp::Linear { w: Param::new([[8.0]]), b: None }, data)
}

/// What `fit` comes to for a model that stands elsewhere.
fn resumed(trainer: Trainer<'_>) -> (Result<History, Error>, f64) {
    let (model, data) = halving();
    let mut sgd = Sgd::new(&model.parameters(), 0.25);
    let fit = trainer.progress(false).fit(&model, &mlp::Mse, &mut sgd, &data, None);
    (fit, model.w.value().item())
}

#[test]
fn a_training_that_reached_its_tolerance_trains_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let trainer = || Trainer::new().tolerance(4.0).epochs(10);
    let (first, w) = resumed(trainer().save_training(1, &path));
    let first = first.unwrap();
    assert_eq!((first.epochs.len(), first.stopped, w), (3, Stopped::Tolerance, 1.0)); // 64, 16, 4
    let known = mlp::train::progress(&path).unwrap();
    assert_eq!((known.epochs, known.stopped, known.last.as_ref()), (3, Some(Stopped::Tolerance), Some(first.last())));
    for epochs in [10, 3, 2] {
        for _ in 0..3 {
            let again = trainer().epochs(epochs).save_training(1, &path).resume_from(&path);
            let (history, w) = resumed(again);
            let history = history.unwrap();
            assert_eq!((&history.epochs[..], history.stopped, w), (&first.epochs[2..], Stopped::Tolerance, 1.0));
        }
    }
    // A lower tolerance, and none, go on.
    let (history, w) = resumed(Trainer::new().tolerance(0.5).resume_from(&path));
    let history = history.unwrap();
    assert_eq!((history.epochs[0].epoch, history.epochs.len(), history.stopped, w), (4, 2, Stopped::Tolerance, 0.25));
    let (history, w) = resumed(Trainer::new().epochs(4).resume_from(&path));
    assert_eq!((history.unwrap().epochs.len(), w), (1, 0.5));
}

#[test]
fn a_training_that_an_observer_stopped_goes_on_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let stop = Trainer::new().epochs(10).observe(|_| std::ops::ControlFlow::Break(()));
    assert_eq!(resumed(stop.save_training(5, &path)).0.unwrap().stopped, Stopped::Observer);
    assert_eq!(mlp::train::progress(&path).unwrap().stopped, Some(Stopped::Observer));
    let (history, w) = resumed(Trainer::new().epochs(2).resume_from(&path));
    assert_eq!((history.unwrap().epochs.len(), w), (1, 2.0));
}

#[test]
fn nothing_changes_unless_all_of_a_training_fits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    resumed(Trainer::new().epochs(3).save_training(1, &path)).0.unwrap();
    for epochs in [1, 3] {
        let (error, w) = resumed(Trainer::new().epochs(epochs).resume_from(&path));
        let law = format!("t.safetensors comes after 3 epochs, and the trainer ends with epoch {epochs}; raise epochs");
        assert!(error.unwrap_err().to_string().ends_with(&law));
        assert_eq!(w, 8.0);
    }
    // An optimiser with another memory.
    let (model, data) = halving();
    let mut adam = Adam::new(&model.parameters(), 0.1);
    let before = adam.state();
    let error = Trainer::new().resume_from(&path).fit(&model, &mlp::Mse, &mut adam, &data, None).unwrap_err();
    assert!(error.to_string().contains("t.safetensors: optimizer: the state has no `w.mean`"), "{error}");
    assert_eq!((model.w.value().item(), adam.state()), (8.0, before));
}

/// A training with these words about it.
fn write(path: &Path, words: &[(&str, &str)]) {
    let value = 1f64.to_le_bytes();
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F64, vec![1, 1], &value).unwrap();
    let words = words.iter().map(|(name, word)| (name.to_string(), word.to_string())).collect();
    fs::write(path, safetensors::serialize([("model.w", view)], Some(words)).unwrap()).unwrap();
}

#[test]
fn words_that_no_training_has_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let w = Param::new([[8.0]]);
    let refused = |words: &[(&str, &str)]| {
        write(&path, words);
        refuses(&w, &mut Sgd::new(&Parameters::new().with("w", &w), 0.1), &path)
    };
    let long = "9".repeat(1_000_000);
    let zeros = format!("{}5", "0".repeat(1_000_000));
    for (digits, shown) in [
        ("1000000001", "1000000001"),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", "18446744073709551616"),
        (&long, "999999999999999999999999…"),
        (&zeros, "000000000000000000000000…"),
        ("+5", "+5"),
        ("-1", "-1"),
        ("05", "05"),
        ("5.0", "5.0"),
        ("", ""),
        ("five", "five"),
    ] {
        let law = format!("t.safetensors: it is damaged: `epochs` is `{shown}`; resume from an earlier file");
        assert_eq!(refused(&[("epochs", digits)]), law);
        let (error, w) = resumed(Trainer::new().epochs(usize::MAX).resume_from(&path));
        assert!(error.is_err());
        assert_eq!(w, 8.0);
    }
    for (name, word) in
        [("stopped", "never"), ("loss", "NaN"), ("loss", "low"), ("accuracy", "inf"), ("validation_loss", "")]
    {
        let law = format!("t.safetensors: it is damaged: `{name}` is `{word}`; resume from an earlier file");
        assert_eq!(refused(&[("epochs", "5"), (name, word)]), law);
    }
    assert!(refused(&[("stopped", "epochs")]).contains("not a training that `save_training` wrote"));
    // The most that there can be is read, and no more is written.
    write(&path, &[("epochs", "1000000000")]);
    let parameters = Parameters::new().with("w", &w);
    let mut sgd = Sgd::new(&parameters, 0.1);
    assert_eq!(load_training(&parameters, &mut sgd, &path).unwrap(), 1_000_000_000);
    let error = save_training(&parameters, &sgd, 1_000_000_001, &path).unwrap_err().to_string();
    assert_eq!(error, "save_training: 1000000001 epochs are more than 1000000000, the most that a training can have");
    // And trained on from there.
    let (history, _) = resumed(Trainer::new().epochs(1_000_000_002).resume_from(&path));
    assert_eq!(
        history.unwrap().epochs.iter().map(|epoch| epoch.epoch).collect::<Vec<_>>(),
        [1_000_000_001, 1_000_000_002]
    );
}

#[test]
fn what_an_optimiser_cannot_remember_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let w = Param::new([1.0]);
    let parameters = Parameters::new().with("w", &w);
    let tape = Tape::new();
    let mut sgd = Sgd::new(&parameters, 0.1).momentum(0.9);
    sgd.step(&(w.on(&tape) * f64::INFINITY).sum().backward());
    w.set([1.0]);
    save_training(&parameters, &sgd, 1, &path).unwrap();
    let text = refuses(&w, &mut Sgd::new(&parameters, 0.1).momentum(0.9), &path);
    assert!(
        text.starts_with("t.safetensors: optimizer: `w.velocity` holds inf in the state, which is not finite"),
        "{text}"
    );
    let bad = Param::new([f64::NAN]);
    save_training(&Parameters::new().with("w", &bad), &Sgd::new(&parameters, 0.1), 1, &path).unwrap();
    let text = refuses(&w, &mut Sgd::new(&parameters, 0.1), &path);
    assert!(
        text.starts_with("t.safetensors: parameter `model.w` holds NaN at position 0; load an earlier file"),
        "{text}"
    );
}

/// What loading says, after checking that nothing changed.
fn refuses(w: &Param, optimizer: &mut dyn Optimizer, path: &Path) -> String {
    let (before, state) = (w.value(), optimizer.state());
    let error = load_training(&Parameters::new().with("w", w), optimizer, path).unwrap_err().to_string();
    assert_eq!((before, state), (w.value(), optimizer.state()), "changed in spite of: {error}");
    error.replace(&path.display().to_string(), "t.safetensors")
}

#[test]
fn a_training_that_does_not_fit_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let (w, other) = (Param::new([1.0, 2.0]), Param::new([3.0, 4.0]));
    let [parameters, others] = [&w, &other].map(|param| Parameters::new().with("w", param));
    let momentum = |parameters: &Parameters| Sgd::new(parameters, 0.1).momentum(0.9);

    save(&others, &path).unwrap();
    assert_eq!(
        refuses(&w, &mut momentum(&parameters), &path),
        "t.safetensors: not a training that `save_training` wrote; `load` reads a file of weights alone"
    );
    save_training(&others, &momentum(&others), 7, &path).unwrap();
    assert_eq!(
        refuses(&w, &mut Adam::new(&parameters, 0.1), &path),
        "t.safetensors: optimizer: the state has no `w.mean`; give it the state of one made alike"
    );
    assert_eq!(
        refuses(&w, &mut Sgd::new(&parameters, 0.1), &path),
        "t.safetensors: optimizer: the state has 1 arrays, of which it knows 0; give it the state of one made alike"
    );
    let long = Param::new([0.0; 3]);
    assert_eq!(
        refuses(&long, &mut momentum(&Parameters::new().with("w", &long)), &path),
        "t.safetensors: parameter `model.w` has shape (2,), the model needs (3,): build the model with the sizes that it was saved with"
    );
    let mut adam = Adam::new(&parameters, 0.1);
    let mut state = adam.state();
    state["w.steps"] = Tensor::from(-1.0);
    let error = adam.set_state(&state).unwrap_err().to_string();
    assert!(error.starts_with("optimizer: `w.steps` is -1 in the state, no number of steps"), "{error}");
    save_training(&others.with("b", &long), &momentum(&parameters), 7, &path).unwrap();
    assert_eq!(
        refuses(&w, &mut momentum(&parameters), &path),
        "t.safetensors: parameter `model.b` is not in the model, which has `w`: load the file into the model that saved it"
    );
    save_training(&Parameters::new(), &Adam::new(&parameters, 0.1), 7, &path).unwrap();
    assert!(refuses(&w, &mut Adam::new(&parameters, 0.1), &path).contains("no parameter `model.w`"));
    std::fs::write(&path, b"half").unwrap();
    assert!(refuses(&w, &mut momentum(&parameters), &path).contains("not a whole safetensors file"));
}
