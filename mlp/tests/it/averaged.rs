//! What counts is not always what is trained: averages of weights, schedule-free steps; and rates that wait for a plateau.

use std::ops::ControlFlow;

use autograd::{Param, Tape, Tensor};
use indexmap::IndexMap;
use mlp::train::{
    Averaging, BestWeights, Callback, EarlyStopping, Learner, OnPlateau, RateRange, Start, Step, Watch,
    load_training_with,
};
use mlp::{
    Average, Dataset, Epoch, Groups, Linear, Loss, Module, Mse, Optimizer, Plateau, Result, ScheduleFree, Sgd, Stopped,
    Trainer,
};

use crate::train::quiet;

/// A weight of 4 which shall be 1, and data on which it is measured.
fn weight() -> (Linear, Dataset, Dataset) {
    let data = |y: f64| Dataset::new(Tensor::from([[1.0]]), Tensor::from([[y]])).unwrap();
    (Linear { w: Param::new([[4.0]]), b: None }, data(1.0), data(2.0))
}

/// Takes a step of (w − 1)².
fn step(model: &Linear, data: &Dataset, optimizer: &mut dyn Optimizer) {
    let tape = Tape::new();
    let y = model.forward(tape.constant(data.inputs().clone()));
    optimizer.step(&Mse.mean(y, data.targets()).unwrap().backward());
}

#[test]
fn schedule_free_is_measured_kept_and_left_at_its_average() {
    let (model, data, held_out) = weight();
    let mut by_hand = ScheduleFree::new(&model.parameters(), 0.3);
    let mut expected = vec![];
    for _ in 0..30 {
        step(&model, &data, &mut by_hand);
        by_hand.evaluate();
        expected.push(model.w.value().item());
        by_hand.train();
    }
    let losses: Vec<f64> = expected.iter().map(|w| (w - 2.0).powi(2)).collect();
    let best = (0..30).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
    assert!((1..28).contains(&best), "{losses:?}");
    for grouped in [false, true] {
        let (model, data, held_out) = (weight().0, &data, &held_out);
        let free = ScheduleFree::new(&model.parameters(), 0.3);
        let mut optimizer: Box<dyn Optimizer> =
            if grouped { Box::new(Groups::new().with(free)) } else { Box::new(free) };
        let history = quiet().epochs(20).fit(&model, &Mse, &mut *optimizer, data, Some(held_out)).unwrap();
        assert_eq!(model.w.value().item(), expected[19]);
        // Another training goes on from where the steps were, and so does a test of rates, which changes nothing.
        let range = RateRange { from: 1e-4, to: 1e-2, steps: 5 };
        let test = quiet().find_rate(&model, &Mse, &mut *optimizer, data, range).unwrap();
        assert_eq!((test.losses.len(), model.w.value().item()), (5, expected[19]));
        let more = quiet().epochs(10).fit(&model, &Mse, &mut *optimizer, data, Some(held_out)).unwrap();
        let found: Vec<f64> = [history, more].iter().flat_map(|h| h.series("validation_loss")).map(|x| x.1).collect();
        assert_eq!((found, model.w.value().item()), (losses.clone(), expected[29]));

        let model = weight().0;
        let mut optimizer = ScheduleFree::new(&model.parameters(), 0.3);
        let trainer = quiet().epochs(30).callback(BestWeights::new());
        trainer.fit(&model, &Mse, &mut optimizer, data, Some(held_out)).unwrap();
        assert_eq!(model.w.value().item(), expected[best]);
    }
}

/// Notes the weight in each call.
struct Weights(Vec<(&'static str, f64)>);

impl Weights {
    fn note(&mut self, when: &'static str, learner: &Learner<'_>) {
        self.0.push((when, learner.values()["w"].item()));
    }
}

impl Callback for Weights {
    fn begun(&mut self, _: &Start, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        self.note("begun", learner);
        Ok(ControlFlow::Continue(()))
    }

    fn step_ended(&mut self, _: &Step, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        self.note("step", learner);
        Ok(ControlFlow::Continue(()))
    }

    fn epoch_ended(&mut self, _: &Epoch, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        self.note("epoch", learner);
        Ok(ControlFlow::Continue(()))
    }

    fn train(&mut self, learner: &mut Learner<'_>) -> Result<()> {
        self.note("train", learner);
        Ok(())
    }

    fn ended(&mut self, _: &mlp::History, learner: &mut Learner<'_>) -> Result<()> {
        self.note("ended", learner);
        Ok(())
    }
}

#[test]
fn an_average_counts_while_the_steps_go_on_from_the_weights() {
    // A step goes half the way to 1: 4, 2.5, 1.75, 1.375.
    let fit = |averaging: fn(&Linear) -> Averaging, epochs| {
        let (model, data, held_out) = weight();
        let mut sgd = Sgd::new(&model.parameters(), 0.25);
        let mut weights = Weights(vec![]);
        let trainer = quiet().epochs(epochs).callback(averaging(&model)).callback(&mut weights);
        let history = trainer.fit(&model, &Mse, &mut sgd, &data, Some(&held_out)).unwrap();
        drop(trainer);
        let losses: Vec<f64> = history.series("validation_loss").iter().map(|x| x.1).collect();
        (weights.0, losses, model.w.value().item())
    };
    let (weights, losses, last) = fit(uniform_of, 2);
    let mean = (2.5 + 1.75) / 2.0;
    let expected = [
        ("begun", 4.0),
        ("step", 2.5),
        ("epoch", 2.5),
        ("train", 2.5),
        ("step", 1.75),
        ("epoch", mean),
        ("train", mean), // the callbacks behind it are first
        ("ended", mean),
    ];
    assert_eq!(weights, expected);
    assert_eq!((losses, last), (vec![0.25, (mean - 2.0).powi(2)], mean));
    let forgetting = |model: &Linear| Averaging::new(Average::exponential(&model.parameters(), 0.75));
    assert_eq!(fit(forgetting, 3).2, (2.5 * 0.75 + 1.75 * 0.25) * 0.75 + 1.375 * 0.25);
    let (_, losses, last) = fit(|model| uniform_of(model).after(1), 3);
    assert_eq!((losses[0], last), (0.25, (1.75 + 1.375) / 2.0));
    assert_eq!(fit(|model| uniform_of(model).every(2), 3).2, 1.75);
    assert_eq!(fit(|model| uniform_of(model).after(9), 3).2, 1.375);
}

fn uniform_of(model: &Linear) -> Averaging {
    Averaging::new(Average::uniform(&model.parameters()))
}

#[test]
fn an_average_begins_anew_with_each_training_and_goes_on_with_a_resumed_one() {
    let (model, data, held_out) = weight();
    let mut sgd = Sgd::new(&model.parameters(), 0.25);
    let mut averaging = uniform_of(&model);
    for _ in 0..2 {
        let from = model.w.value().item();
        let trainer = quiet().epochs(2).callback(&mut averaging);
        trainer.fit(&model, &Mse, &mut sgd, &data, Some(&held_out)).unwrap();
        let halved = [1.0 + (from - 1.0) / 2.0, 1.0 + (from - 1.0) / 4.0];
        let mean = (halved[0] + halved[1]) / 2.0;
        assert_eq!(model.w.value().item(), mean);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let fit = |trainer: Trainer<'_>| {
        let (model, data, held_out) = weight();
        let mut sgd = Sgd::new(&model.parameters(), 0.25);
        let best = BestWeights::new().watch(Watch::lowest("validation_loss").by(0.01));
        let trainer = trainer.callback(best).callback(uniform_of(&model)).save_training(1, &path);
        let history = trainer.fit(&model, &Mse, &mut sgd, &data, Some(&held_out)).unwrap();
        (history.last().clone(), model.w.value().item())
    };
    let whole = fit(quiet().epochs(5));
    fit(quiet().epochs(3));
    assert_eq!(fit(quiet().epochs(5).resume_from(&path)), whole);
    // The checkpoint holds the weights that were trained.
    let w = Param::new([[0.0]]);
    let model = Linear { w: w.clone(), b: None };
    let mut sgd = Sgd::new(&model.parameters(), 0.25);
    let (mut best, mut averaging) = (BestWeights::new(), uniform_of(&model));
    let all: Vec<&mut dyn Callback> = vec![&mut best, &mut averaging];
    load_training_with(&model.parameters(), &mut sgd, all, &path).unwrap();
    assert_eq!(w.value().item(), 1.0 + 3.0 / 32.0);
}

#[test]
fn after_a_validation_that_fails_the_weights_are_those_that_were_trained() {
    let (model, data, _) = weight();
    let far = Dataset::new(Tensor::from([[1e200]]), Tensor::from([[0.0]])).unwrap();
    let mut free = ScheduleFree::new(&model.parameters(), 0.25);
    let trainer = quiet().epochs(3).callback(uniform_of(&model));
    let error = trainer.fit(&model, &Mse, &mut free, &data, Some(&far)).unwrap_err().to_string();
    assert!(error.starts_with("training: the validation loss became inf after epoch 1"), "{error}");
    assert_eq!(model.w.value().item(), 4.0);
    step(&model, &data, &mut free); // it does not stand at its average
}

#[test]
fn an_average_of_another_model_is_refused() {
    let (model, data, _) = weight();
    let other = Linear { w: Param::new([[3.0]]), b: None };
    let mut sgd = Sgd::new(&model.parameters(), 0.25);
    let trainer = quiet().callback(uniform_of(&other));
    let error = trainer.fit(&model, &Mse, &mut sgd, &data, None).unwrap_err().to_string();
    let law = "`w` is none of the model that is trained; make the average of its parameters";
    assert_eq!(error, format!("averaging: {law}"));
    assert_eq!((model.w.value().item(), other.w.value().item()), (4.0, 3.0));
}

#[test]
fn a_rate_that_waits_for_a_plateau_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let fit = |epochs, resumed| {
        let (model, data, held_out) = weight();
        let mut sgd = Sgd::new(&model.parameters(), 7.0);
        let mut plateau = OnPlateau::new(Plateau::new(0.2).factor(0.5).patience(1).cool_down(1));
        let mut trainer = quiet().epochs(epochs);
        if resumed {
            trainer = trainer.resume_from(&path);
        }
        let trainer = trainer.callback(&mut plateau).callback(EarlyStopping::new(99)).save_training(1, &path);
        let history = trainer.fit(&model, &Mse, &mut sgd, &data, Some(&held_out)).unwrap();
        drop(trainer);
        (history.series("learning_rate"), model.w.value().item(), plateau)
    };
    let (rates, weight, seen) = fit(14, false);
    assert!(rates[0].1 == 0.2 && rates[13].1 <= 0.05, "{rates:?}");
    let mut by_hand = Plateau::new(0.2).factor(0.5).patience(1).cool_down(1);
    for (at, &(epoch, rate)) in rates.iter().enumerate() {
        assert_eq!((epoch, rate), (at + 1, by_hand.rate()));
        // w − 2 at the end of each epoch.
        let w = rates[..=at].iter().fold(4.0, |w, (_, rate)| w - rate * 2.0 * (w - 1.0));
        by_hand.watch((w - 2.0) * (w - 2.0));
    }
    assert_eq!(seen.plateau().rate(), by_hand.rate());
    for at in [1, 5, 6, 7, 8, 13] {
        let (first, ..) = fit(at, false);
        let (rest, found, again) = fit(14, true);
        assert_eq!(([first, rest].concat(), found, again), (rates.clone(), weight, seen.clone()), "{at}");
    }
}

/// Ends a training after this step of the first epoch that is trained.
struct EndsAfter(usize);

impl Callback for EndsAfter {
    fn step_ended(&mut self, step: &Step, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        Ok(if step.step == self.0 { ControlFlow::Break(Stopped::Interrupted) } else { ControlFlow::Continue(()) })
    }
}

/// The schedule of epochs comes first where an epoch is continued, too.
#[test]
fn a_plateau_beside_a_schedule_of_epochs_is_resumed_within_an_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let data = Dataset::new(Tensor::ones([6, 1]), Tensor::from_fn([6, 1], |i| i[0] as f64)).unwrap();
    let fit = |resumed: bool, after: Option<usize>| {
        let (model, ..) = weight();
        let mut sgd = Sgd::new(&model.parameters(), 7.0);
        let plateau = OnPlateau::new(Plateau::new(0.2).factor(0.5).patience(0)).watch(Watch::lowest("loss"));
        let mut trainer = quiet().epochs(5).batch_size(2).schedule(|epoch| 0.1 / epoch as f64);
        trainer = trainer.callback(plateau).save_training(1, &path);
        if resumed {
            trainer = trainer.resume_from(&path);
        }
        if let Some(after) = after {
            trainer = trainer.callback(EndsAfter(after));
        }
        let history = trainer.fit(&model, &Mse, &mut sgd, &data, None).unwrap();
        (history.last().clone(), model.w.value().item())
    };
    let whole = fit(false, None);
    for step in [1, 2] {
        fit(false, Some(step));
        for _ in 0..2 {
            fit(true, Some(3 - step)); // further on each time
        }
        assert_eq!(fit(true, None), whole, "{step}");
    }
}

/// Which would overrule it without a word.
#[test]
fn a_plateau_refuses_a_schedule_of_steps() {
    let (model, data, held_out) = weight();
    let mut sgd = Sgd::new(&model.parameters(), 1.0);
    let trainer = quiet().epochs(3).schedule_steps(|_| 0.1).callback(OnPlateau::new(Plateau::new(0.2)));
    let error = trainer.fit(&model, &Mse, &mut sgd, &data, Some(&held_out)).unwrap_err().to_string();
    let why = "a schedule of steps overrules it at each step; leave out Trainer::schedule_steps, or the plateau";
    assert_eq!(error, format!("on_plateau: {why}"));
    assert_eq!(model.w.value().item(), 4.0);
}

#[test]
fn a_plateau_watches_what_it_is_told_and_refuses_states_that_are_none() {
    let parameters = weight().0.parameters();
    let mut sgd = Sgd::new(&parameters, 1.0);
    let mut rates = |watch: Watch, values: &[f64]| {
        let mut plateau = OnPlateau::new(Plateau::new(1.0).factor(0.5).patience(0)).watch(watch);
        let mut rate = |&value: &f64| {
            let mut epoch = Epoch::new(1, 0.0);
            epoch.metrics.insert("score".into(), value);
            let mut learner = Learner::new(&parameters, &mut sgd);
            assert!(plateau.epoch_ended(&epoch, &mut learner).unwrap().is_continue());
            learner.learning_rate()
        };
        values.iter().map(&mut rate).collect::<Vec<_>>()
    };
    assert_eq!(rates(Watch::highest("score"), &[1.0, 2.0, 1.5, 3.0]), [1.0, 1.0, 0.5, 0.5]);
    assert_eq!(rates(Watch::lowest("score"), &[1.0, 2.0, 1.5, 0.5]), [1.0, 0.5, 0.25, 0.25]);
    let mut plateau = OnPlateau::new(Plateau::new(1.0));
    let good = plateau.state();
    for (name, value) in
        [("rate", -1.0), ("rate", f64::NAN), ("best", f64::INFINITY), ("waited", 0.5), ("cooling", -1.0)]
    {
        let mut state: IndexMap<String, Tensor> = good.clone();
        state.insert(name.into(), Tensor::from(value));
        let error = plateau.set_state(&state).unwrap_err().to_string();
        assert!(error.starts_with("plateau: the "), "{error}");
    }
    let mut short = good.clone();
    short.shift_remove("waited");
    let error = plateau.set_state(&short).unwrap_err().to_string();
    assert_eq!(error, "on_plateau: there is no number `waited` in the state; give it the state of one made alike");
    plateau.set_state(&good).unwrap();
}

#[test]
#[should_panic(expected = "on_plateau: Plateau::threshold tells what is better; leave out Watch::by")]
fn a_plateau_has_one_threshold() {
    let _ = OnPlateau::new(Plateau::new(1.0)).watch(Watch::lowest("loss").by(0.1));
}
