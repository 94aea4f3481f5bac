//! Schedules and averages beside PyTorch: figures of `tests/data/optimizers.py`.

use std::collections::{BTreeMap, BTreeSet};

use autograd::{Float, Param, Parameters, Tensor};
use mlp::{Average, Dataset, Linear, Module, Mse, Optimizer, Plateau, Schedule, Sgd, Trainer};
use serde_json::{Value, from_str, to_string};

use crate::figures::arrays;

fn figures() -> Value {
    from_str(include_str!("../data/optimizers.json")).unwrap()
}

fn lists(figures: &Value) -> BTreeMap<String, Vec<f64>> {
    let list = |list: &Value| list.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    figures.as_object().unwrap().iter().map(|(name, values)| (name.clone(), list(values))).collect()
}

/// Every schedule by the name of its figures.
pub(crate) fn schedules() -> Vec<(&'static str, Schedule)> {
    let sequence = Schedule::exponential(0.5, 0.9).warm_up(5);
    vec![
        ("constant", Schedule::constant(0.5)),
        ("steps", Schedule::steps(0.5, 7, 0.3)),
        ("milestones", Schedule::milestones(0.5, [4, 9, 9, 20], 0.3)),
        ("exponential", Schedule::exponential(0.5, 0.9)),
        ("linear", Schedule::linear(0.05, 0.4, 20)),
        ("polynomial", Schedule::polynomial(0.5, 20, 1.5)),
        ("cosine", Schedule::cosine(0.5, 0.01, 20)),
        ("cosine_restarts", Schedule::cosine_restarts(0.5, 0.01, 10, 2)),
        ("cosine_restarts, alike", Schedule::cosine_restarts(0.5, 0.01, 9, 1)),
        ("one_cycle", Schedule::one_cycle(0.8, 30, 0.3)),
        ("sequence", sequence.then(12, Schedule::polynomial(0.5, 10, 2.0))),
    ]
}

#[test]
fn every_schedule_has_the_rates_of_pytorch() {
    let needed = lists(&figures()["schedules"]);
    for (name, schedule) in schedules() {
        let mut counted = schedule.clone().rates();
        for (t, rate) in needed[name].iter().enumerate() {
            let found = schedule.rate(t);
            assert!((found - rate).abs() < 1e-12, "{name}, {t}: {found}, PyTorch has {rate}");
            assert_eq!(counted(t + 1), found);
        }
    }
    let names: BTreeSet<_> = schedules().iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, needed.into_keys().collect());
}

#[test]
fn a_schedule_is_a_value() {
    for (name, schedule) in schedules() {
        let text = to_string(&schedule).unwrap();
        assert_eq!(from_str::<Schedule>(&text).unwrap(), schedule, "{name}: {text}");
    }
    let refused = |text: &str| from_str::<Schedule>(text).unwrap_err().to_string();
    assert_eq!(from_str::<Schedule>(r#"{"steps": {"rate": 0.5, "every": 7, "factor": 0.5}}"#).unwrap().rate(7), 0.25);
    for (text, why) in [
        (r#"{"steps": {"rate": 0.5, "every": 0, "factor": 0.5}}"#, "schedule: `every` is 0; it must be at least 1"),
        (r#"{"constant": {"rate": -0.5}}"#, "schedule: the learning rate -0.5 is not a finite number ≥ 0"),
        (
            r#"{"exponential": {"rate": 0.5, "factor": 0}}"#,
            "the factor, power or share 0 is not a finite number above 0",
        ),
        (r#"{"one_cycle": {"most": 0.5, "over": 9, "rise": 1}}"#, "a rise over the share 1 leaves nothing to fall"),
        (r#"{"milestones": {"rate": 0.5, "at": [9, 4], "factor": 0.5}}"#, "the milestones [9, 4] are not in order"),
        (r#"{"steps": {"rate": 0.5, "every": 1, "factor": 0.5, "gamma": 1}}"#, "unknown field `gamma`"),
        (
            r#"{"then": {"first": {"constant": {"rate": -1}}, "until": 1, "next": {"constant": {"rate": 1}}}}"#,
            "the learning rate -1 is not",
        ),
    ] {
        assert!(refused(text).contains(why), "{text}: {}", refused(text));
    }
}

#[test]
#[should_panic(expected = "schedule: `over` is 0; it must be at least 1")]
fn a_schedule_over_nothing_is_refused() {
    let _ = Schedule::cosine(0.1, 0.0, 0);
}

#[test]
fn rates_stay_rates_however_late() {
    for (name, schedule) in schedules() {
        for t in [0, 1, 1000, u32::MAX as usize, usize::MAX] {
            let rate = schedule.rate(t);
            assert!(rate.is_finite() && rate >= 0.0, "{name}, {t}: {rate}");
        }
    }
}

#[test]
fn a_plateau_falls_as_that_of_pytorch_also_from_its_state() {
    let figures = figures();
    let watched = lists(&serde_json::json!({ "": figures["watched"] })).remove("").unwrap();
    let needed = lists(&figures["plateaus"]);
    let settings = Plateau::new(0.5).factor(0.5).patience(2).threshold(0.1).cool_down(3).least(0.05);
    for (name, mut plateau) in [("plateau", Plateau::new(0.5)), ("plateau with settings", settings)] {
        assert!(needed[name].last() < needed[name].first(), "{name}: it falls");
        for (&number, rate) in watched.iter().zip(&needed[name]) {
            let saved = to_string(&plateau).unwrap();
            let found = plateau.watch(number);
            assert!((found - rate).abs() < 1e-15, "{name}: {found}, PyTorch has {rate}");
            let mut again: Plateau = from_str(&saved).unwrap();
            assert_eq!((again.watch(number), &again), (found, &plateau), "{name}: {saved}");
        }
    }
    assert_eq!(needed.len(), 2);
    let mut plateau = Plateau::new(1.0).patience(0);
    let found = [f64::NAN, -1.0, f64::NAN, -2.0, -2.0].map(|number| plateau.watch(number));
    let close = [0.1, 0.1, 0.01, 0.01, 0.001].iter().zip(found).all(|(a, b): (&f64, f64)| (a - b).abs() < 1e-12);
    assert!(close, "NaN is no better, and numbers below 0 can be: {found:?}");
}

#[test]
fn a_plateau_from_a_file_is_checked() {
    let text = to_string(&Plateau::new(0.5)).unwrap().replace("0.1", "1.5");
    let error = from_str::<Plateau>(&text).unwrap_err().to_string();
    assert!(error.contains("plateau: the factor 1.5 lowers no rate; it must lie in (0, 1)"), "{error}");
}

fn averages<T: Float>() {
    let figures = figures();
    let tolerance = if T::EPSILON > 1e-10 { 1e-5 } else { 1e-10 };
    let start = arrays::<T>(&figures["start"]);
    for name in ["uniform", "exponential"] {
        let params: Vec<_> = start.iter().map(|(name, value)| (name, Param::new(value.clone()))).collect();
        let parameters = params.iter().fold(Parameters::new(), |all, (name, param)| all.with(*name, param));
        let make = || match name {
            "uniform" => Average::uniform(&parameters),
            _ => Average::exponential(&parameters, 0.9),
        };
        let mut average = make();
        let steps = figures["paths"]["adam"].as_array().unwrap().iter();
        let needed = figures["averages"][name].as_array().unwrap();
        assert_eq!(needed.len(), 20);
        for (step, needed) in steps.zip(needed) {
            let values = arrays::<T>(step);
            params.iter().for_each(|(name, param)| param.set(&values[*name]));
            average.update();
            // Taken up again from its state, while swapped in.
            average.swap();
            let mut again = make();
            again.set_state(&average.state()).unwrap();
            for (param, needed) in arrays::<T>(needed) {
                let found = parameters.get(&param).unwrap().value();
                assert!(found.is_close(&needed, tolerance), "{name}: `{param}` is {found:?}, {needed:?} is needed");
            }
            again.swap();
            assert!(
                params.iter().all(|(name, param)| param.value() == values[*name]),
                "{name}: the own values are back"
            );
            average = again;
        }
    }
}

#[test]
fn averages_of_weights_are_those_of_pytorch() {
    averages::<f64>();
    averages::<f32>();
}

#[test]
fn an_average_that_does_not_fit_is_refused() {
    let w = Param::new([1.0, 2.0]);
    let parameters = Parameters::new().with("w", &w);
    let mut average = Average::uniform(&parameters);
    average.swap(); // before the first update it changes nothing
    average.swap();
    assert_eq!(w.value().to_vec(), [1.0, 2.0]);
    let mut state = average.state();
    state["w.swapped"] = 0.5.into();
    let error = average.set_state(&state).unwrap_err().to_string();
    let why = "`w.swapped` holds 0.5 in the state, which is no flag: it must be 0 or 1";
    assert_eq!(error, format!("average: {why}; give it the state of one made alike"));
}

#[test]
#[should_panic(expected = "average: the parameters hold the average itself; call swap() before update()")]
fn no_average_is_taken_of_itself() {
    let w = Param::new([1.0]);
    let mut average = Average::exponential(&Parameters::new().with("w", &w), 0.9);
    average.update();
    average.swap();
    average.update();
}

/// By epochs and by steps, also when a training is taken up again.
#[test]
fn a_trainer_follows_a_schedule() {
    let data = Dataset::new(Tensor::<f64>::ones([6, 1]), Tensor::ones([6, 1])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training.safetensors");
    let schedule = Schedule::exponential(0.1, 0.9).warm_up(3);
    let rates = |trainer: Trainer<'_>| {
        let model = Linear { w: Param::new([[0.0]]), b: None };
        let mut sgd = Sgd::new(&model.parameters(), 0.1);
        let history = trainer.batch_size(2).fit(&model, &Mse, &mut sgd, &data, None).unwrap();
        let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.loss).collect();
        (sgd.learning_rate(), model.w.value(), losses)
    };
    let by_epochs = rates(Trainer::new().epochs(4).schedule(schedule.clone().rates()));
    assert_eq!(by_epochs.0, schedule.rate(3));
    let by_steps = || Trainer::new().schedule_steps(schedule.clone().rates());
    let at_once = rates(by_steps().epochs(4));
    assert_eq!(at_once.0, schedule.rate(4 * 3 - 1));
    rates(by_steps().epochs(2).save_training(1, &path));
    let resumed = rates(by_steps().epochs(4).resume_from(&path));
    assert_eq!((resumed.0, &resumed.1, &resumed.2[..]), (at_once.0, &at_once.1, &at_once.2[2..]));
    let model = Linear { w: Param::new([[0.0]]), b: None };
    let mut sgd = Sgd::new(&model.parameters(), 0.1);
    let wrong = Trainer::new().batch_size(2).schedule_steps(|step| if step == 5 { -1.0 } else { 0.1 });
    let error = wrong.fit(&model, &Mse, &mut sgd, &data, None).unwrap_err().to_string();
    let why = "the schedule gives a learning rate of -1 for step 5, which is not a finite number ≥ 0 in f64";
    assert_eq!(error, format!("trainer: {why}"));
}
