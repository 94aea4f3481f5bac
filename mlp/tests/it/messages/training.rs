//! Optimisers, settings of a trainer, trainings.

use std::ops::ControlFlow;

use autograd::{Float, Param, Parameters, Tensor};
use mlp::train::{Callback, EarlyStopping, Learner, Start, Watch};
use mlp::{Adam, CrossEntropy, Dataset, Error, Linear, Module, Optimizer, Sgd, Stopped, Trainer, WeightedLosses};

use super::check;

fn one<T: Float>() -> Parameters<T> {
    Parameters::new().with("w", &Param::new([T::one()]))
}

#[test]
fn optimisers() {
    let (wide, narrow) = (one::<f64>(), one::<f32>());
    let sgd = || Sgd::new(&wide, 0.1);
    let adam = || Adam::new(&wide, 0.1);
    let rate = "optimizer: the learning rate";
    let text = |what: &str, kind: &str| format!("{rate} {what} is not a finite number ≥ 0 in {kind}");
    let texts = [
        text("NaN", "f64"),
        text("-0.1", "f64"),
        text("inf", "f64"),
        text("1e300", "f32"),
        text("1e-300", "f32"),
        text("-1e300", "f64"),
    ];
    check(vec![
        panics!(Sgd::new(&wide, f64::NAN), &texts[0]),
        panics!(Sgd::new(&wide, -0.1), &texts[1]),
        panics!(Sgd::new(&wide, f64::INFINITY), &texts[2]),
        panics!(Sgd::new(&narrow, 1e300), &texts[3]),
        panics!(Sgd::new(&narrow, 1e-300), &texts[4]),
        panics!(Adam::new(&wide, f64::NAN), &texts[0]),
        panics!(Adam::new(&narrow, 1e300), &texts[3]),
        panics!(sgd().set_learning_rate(-1e300), &texts[5]),
        panics!(adam().set_learning_rate(f64::INFINITY), &texts[2]),
        panics!(sgd().momentum(1.0), "sgd: the momentum 1 lies outside [0, 1) in f64"),
        panics!(sgd().momentum(-1e-300), "sgd: the momentum -1e-300 lies outside [0, 1) in f64"),
        panics!(sgd().momentum(f64::NAN), "sgd: the momentum NaN lies outside [0, 1) in f64"),
        panics!(
            Sgd::new(&narrow, 0.1).momentum(1.0 - 1e-9),
            "sgd: the momentum 0.999999999 lies outside [0, 1) in f32"
        ),
        panics!(
            sgd().nesterov(),
            "sgd: nesterov looks ahead along the momentum, which is 0; call momentum(0.9) before"
        ),
        panics!(
            sgd().momentum(0.9).nesterov().momentum(0.0),
            "sgd: nesterov looks ahead along the momentum, which is 0; leave it out"
        ),
        panics!(sgd().weight_decay(-1.0), "sgd: the weight decay -1 is not a finite number ≥ 0 in f64"),
        panics!(adam().weight_decay(f64::NAN), "adam: the weight decay NaN is not a finite number ≥ 0 in f64"),
        panics!(
            Adam::new(&narrow, 0.1).weight_decay(1e40),
            "adam: the weight decay 1e40 is not a finite number ≥ 0 in f32"
        ),
        panics!(adam().betas(1.0, 0.9), "adam: betas 1 and 0.9 must lie in [0, 1) in f64"),
        panics!(adam().betas(0.9, -0.1), "adam: betas 0.9 and -0.1 must lie in [0, 1) in f64"),
        panics!(adam().betas(f64::NAN, 0.9), "adam: betas NaN and 0.9 must lie in [0, 1) in f64"),
        panics!(
            Adam::new(&narrow, 0.1).betas(0.9, 0.99999999999),
            "adam: betas 0.9 and 0.99999999999 must lie in [0, 1) in f32"
        ),
        panics!(adam().eps(0.0), "adam: eps 0 must be above 0, as f64 too, and finite"),
        panics!(adam().eps(-1e-8), "adam: eps -1e-8 must be above 0, as f64 too, and finite"),
        panics!(adam().eps(f64::NAN), "adam: eps NaN must be above 0, as f64 too, and finite"),
        panics!(adam().eps(f64::INFINITY), "adam: eps inf must be above 0, as f64 too, and finite"),
        panics!(Adam::new(&narrow, 0.1).eps(1e-60), "adam: eps 1e-60 must be above 0, as f32 too, and finite"),
        panics!(Adam::new(&narrow, 0.1).eps(1e60), "adam: eps 1e60 must be above 0, as f32 too, and finite"),
    ]);
}

#[test]
fn settings_of_a_trainer() {
    let tolerance = |what: &str| {
        format!("trainer: a tolerance of {what} is not a finite number ≥ 0; leave it out to train all epochs")
    };
    let tolerances = ["NaN", "-1", "-1e-300", "inf"].map(tolerance);
    let nothing = |what: &str| format!("trainer: gradients of a norm of at most {what} leave nothing to step along");
    let norms = ["0", "-1e300", "NaN"].map(nothing);
    let new = Trainer::new;
    let named = |name: &str| {
        format!(
            "trainer: the name {name} of a metric is empty, begins with `validation_`, or holds a comma, a quote or a line \
             break; choose another"
        )
    };
    check(vec![
        panics!(new().tolerance(f64::NAN), &tolerances[0]),
        panics!(new().tolerance(-1.0), &tolerances[1]),
        panics!(new().tolerance(-1e-300), &tolerances[2]),
        panics!(new().tolerance(f64::INFINITY), &tolerances[3]),
        panics!(new().clip_norm(0.0), &norms[0]),
        panics!(new().clip_norm(-1e300), &norms[1]),
        panics!(new().clip_norm(f64::NAN), &norms[2]),
        panics!(
            new().clip_norm(f64::INFINITY),
            "trainer: clipping gradients at a norm of inf clips none; leave it out"
        ),
        panics!(
            new().save_training(0, "t"),
            "trainer: save_training wants to save after every 0 epochs; every epoch is 1"
        ),
        panics!(
            new().save_training_steps(0, "t"),
            "trainer: save_training_steps wants to save after every 0 steps; every step is 1"
        ),
        panics!(new().accumulate(0), "trainer: a step after every 0 batches has no gradient; 1 is a step after each"),
        panics!(new().metric("loss", |_, _| Ok(0.0)), "trainer: the name `loss` of a metric is taken; choose another"),
        panics!(
            new().metric("a", |_, _| Ok(0.0)).validation_metric("a", |_, _| Ok(0.0)),
            "trainer: the name `a` of a metric is taken; choose another"
        ),
        panics!(new().metric("a,b", |_, _| Ok(0.0)), &named("\"a,b\"")),
        panics!(new().metric("validation_a", |_, _| Ok(0.0)), &named("\"validation_a\"")),
        panics!(new().validation_metric("", |_, _| Ok(0.0)), &named("\"\"")),
        panics!(
            EarlyStopping::new(0),
            "early_stopping: a patience of 0 epochs would stop before the first; 1 is the least"
        ),
        panics!(Watch::lowest("loss").by(-1.0), "watch: a least improvement of -1 is not a finite number ≥ 0"),
        panics!(
            WeightedLosses::<f64>::new().with(f64::NAN, CrossEntropy),
            "weighted_losses: the weight NaN of a loss is not a finite number"
        ),
        panics!(new().observe_flow(0, |_, _| ()), "trainer: observe_flow wants a flow every 0 steps; every step is 1"),
    ]);
}

/// Ends a training before it begins.
struct Stops;

impl Callback for Stops {
    fn begun(&mut self, _: &Start, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>, Error> {
        Ok(ControlFlow::Break(Stopped::Observer))
    }
}

/// What training one sample with these settings says.
fn fit(trainer: Trainer<'_>) -> Result<(), Error> {
    let model = Linear { w: Param::new([[0.0, 0.0], [0.0, 0.0]]), b: None };
    let data = Dataset::new(Tensor::from([[1.0, 2.0]]), vec![0])?;
    trainer.progress(false).fit(&model, &CrossEntropy, &mut Sgd::new(&model.parameters(), 0.1), &data, None).map(drop)
}

#[test]
fn trainings() {
    let schedule = |what: &str| {
        format!(
            "trainer: the schedule gives a learning rate of {what} for epoch 1, which is not a finite number ≥ 0 in f64"
        )
    };
    let rates = ["NaN", "inf", "-1e300"].map(schedule);
    check(vec![
        error!(fit(Trainer::new().epochs(0)), "trainer: 0 epochs: there is nothing to do"),
        error!(
            fit(Trainer::new().batch_size(0)),
            "trainer: batches of 0 samples would never pass over the data; choose at least 1"
        ),
        error!(fit(Trainer::new().parts(0)), "trainer: batches in 0 parts hold no samples; 1 part is the whole batch"),
        error!(fit(Trainer::new().schedule(|_| f64::NAN)), &rates[0]),
        error!(fit(Trainer::new().schedule(|_| f64::INFINITY)), &rates[1]),
        error!(fit(Trainer::new().schedule(|_| -1e300)), &rates[2]),
        error!(
            fit(Trainer::new().schedule_steps(|step| if step == 2 { f64::NAN } else { 0.1 })),
            "trainer: the schedule gives a learning rate of NaN for step 2, which is not a finite number ≥ 0 in f64"
        ),
        error!(fit(Trainer::new().save_training_steps(1, "/")), "/: not a file but a folder; name a file to save to"),
        error!(
            fit(Trainer::new().callback(Stops)),
            "trainer: a callback stopped the training before its first epoch; nothing was trained"
        ),
        error!(fit(Trainer::new().save_training(1, "/")), "/: not a file but a folder; name a file to save to"),
        error!(
            fit(Trainer::new().save_training(1, "no/such/folder/t.safetensors")),
            "no/such/folder/t.safetensors: No such file or directory (os error 2)"
        ),
        error!(
            fit(Trainer::new().resume_from("no.safetensors")),
            "no.safetensors: No such file or directory (os error 2)"
        ),
    ]);
}
