//! Every misuse of the crate, with the words that refuse it: the thing, the law, the repair. A panic points at the caller's line.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use autograd::{Param, Tape, Tensor, Var};
use mlp::{
    Activation, Dataset, Dropout, Error, Flow, Function, Linear, Loss, Module, Mse, Sequential, Sgd, Targets, Trainer,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

thread_local! {
    /// Where this thread panicked last, if it is to be caught.
    static CAUGHT: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// A file and a line; none yet.
pub(crate) type Place = Option<(String, u32)>;

/// What is said of a misuse, and on which line of these files it panics, if it does.
pub(crate) fn said(misuse: impl FnOnce() -> Result<(), Error>) -> (String, Option<u32>) {
    let (text, place) = caught(misuse).expect_err("a refusal");
    let line = place.map(|(file, line)| {
        assert!(file.contains("tests/it/messages"), "the panic points at {file}:{line}, not at the caller: {text}");
        line
    });
    (text, line)
}

/// The value, or what is said instead and where it panics, if it does.
pub(crate) fn caught<R>(use_it: impl FnOnce() -> Result<R, Error>) -> Result<R, (String, Place)> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            CAUGHT.with_borrow_mut(|caught| match caught {
                Some(place) => *place = info.location().map(|at| (at.file().to_string(), at.line())),
                None => usual(info), // of another thread
            });
        }));
    });
    CAUGHT.set(Some(None));
    let result = catch_unwind(AssertUnwindSafe(use_it));
    let place = CAUGHT.take().flatten();
    match result {
        Ok(result) => result.map_err(|error| (error.to_string(), None)),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| payload.downcast_ref::<&str>().map(|s| s.to_string())).expect("a message");
            Err((text, Some(place.expect("a place"))))
        }
    }
}

/// A line of the table, what is done there, and what is said.
pub(crate) type Row<'a> = (u32, Box<dyn FnOnce() -> Result<(), Error> + 'a>, &'a str);

/// A misuse that is an error.
macro_rules! error {
    ($misuse:expr, $text:expr) => {
        (line!(), Box::new(|| $misuse.map(drop)) as Box<dyn FnOnce() -> Result<(), mlp::Error>>, $text)
    };
}

/// What is left of a misuse that panics.
pub(crate) fn ignore<R>(_: R) -> Result<(), Error> {
    Ok(())
}

/// A misuse that panics.
macro_rules! panics {
    ($misuse:expr, $text:expr) => {
        (line!(), Box::new(|| $crate::messages::ignore($misuse)) as Box<dyn FnOnce() -> Result<(), mlp::Error>>, $text)
    };
}

#[track_caller]
pub(crate) fn check(rows: Vec<Row<'_>>) {
    let mut other = String::new();
    for (row, misuse, text) in rows {
        let (found, line) = said(misuse);
        if found != text {
            other += &format!("the row in line {row} says: {found}\n");
        }
        if let Some(line) = line {
            assert!((row..row + 6).contains(&line), "the row in line {row} panics at line {line}: {found}");
        }
    }
    assert!(other.is_empty(), "{other}");
}

pub(crate) fn rng() -> StdRng {
    StdRng::seed_from_u64(0)
}

mod data;
mod layers;
mod loss_inputs;
mod loss_settings;
mod losses;
mod models;
mod optimisers;
mod training;

/// Messages that hold a number are short, however large or small it is.
#[test]
fn no_message_prints_hundreds_of_digits() {
    let model = Sequential::new().then(Linear { w: Param::new([[1.0]]), b: None });
    let huge = Dataset::new(Tensor::from([[1e200]]), Tensor::from([[-1e300]])).unwrap();
    let mut sgd = Sgd::new(&model.parameters(), 1e-300);
    let error = Trainer::new().progress(false).fit(&model, &Mse, &mut sgd, &huge, None).unwrap_err().to_string();
    let (error, first) = error.split_once("; the first such value: ").expect("an operation");
    assert_eq!(
        error,
        "training: the loss became inf in epoch 1, batch 1; lower the learning rate (now 1e-300), or bring inputs and targets nearer to 1"
    );
    assert!(first.len() < 200 && first.contains("the value became inf at position 0"), "{first}");
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

/// What a loss says of outputs and targets.
fn mean(loss: &dyn Loss, y: impl Into<Tensor>, targets: impl Into<Targets>) -> Result<(), Error> {
    let tape = Tape::new();
    loss.mean(tape.constant(y), &targets.into()).map(drop)
}

/// The same in `f32`.
fn narrow(loss: &dyn Loss<f32>, y: impl Into<Tensor<f32>>, targets: impl Into<Targets<f32>>) -> Result<(), Error> {
    let tape = Tape::default();
    loss.mean(tape.constant(y), &targets.into()).map(drop)
}
