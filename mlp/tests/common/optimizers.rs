//! Every optimiser, in each of its forms: tests of what holds for all of them go through this list.
//!
//! A new optimiser gets a line here, and figures of its steps in `tests/data/optimizers.py`.

use autograd::{Float, Parameters};
use mlp::{
    Adadelta, Adafactor, Adagrad, Adam, Adamax, Groups, Lamb, Lion, Muon, NAdam, Optimizer, RAdam, RmsProp,
    ScheduleFree, Sgd,
};

/// A form of an optimiser: its name, and how it is made for parameters and a learning rate.
pub(crate) type Form<T> = (&'static str, fn(&Parameters<T>, f64) -> Box<dyn Optimizer<T>>);

pub(crate) fn optimizers<T: Float>() -> Vec<Form<T>> {
    vec![
        ("sgd", |w, rate| Box::new(Sgd::new(w, rate))),
        ("sgd with decay", |w, rate| Box::new(Sgd::new(w, rate).weight_decay(0.1))),
        ("momentum", |w, rate| Box::new(Sgd::new(w, rate).momentum(0.9))),
        ("momentum with decay", |w, rate| Box::new(Sgd::new(w, rate).momentum(0.9).weight_decay(0.1))),
        ("nesterov", |w, rate| Box::new(Sgd::new(w, rate).momentum(0.9).nesterov().weight_decay(0.1))),
        ("adam", |w, rate| Box::new(Adam::new(w, rate))),
        ("adamw", |w, rate| Box::new(Adam::new(w, rate).betas(0.8, 0.95).eps(1e-3).weight_decay(0.1))),
        ("amsgrad", |w, rate| Box::new(Adam::new(w, rate).betas(0.8, 0.9).weight_decay(0.1).amsgrad())),
        ("nadam", |w, rate| Box::new(NAdam::new(w, rate))),
        ("nadam with settings", |w, rate| {
            Box::new(NAdam::new(w, rate).betas(0.8, 0.95).eps(1e-3).weight_decay(0.1).momentum_growth(0.5))
        }),
        ("radam", |w, rate| Box::new(RAdam::new(w, rate))),
        ("radam with settings", |w, rate| Box::new(RAdam::new(w, rate).betas(0.8, 0.95).eps(1e-3).weight_decay(0.1))),
        ("rms_prop", |w, rate| Box::new(RmsProp::new(w, rate))),
        ("rms_prop with momentum", |w, rate| {
            Box::new(RmsProp::new(w, rate).smoothing(0.9).momentum(0.8).weight_decay(0.1))
        }),
        ("rms_prop, centred", |w, rate| Box::new(RmsProp::new(w, rate).smoothing(0.9).eps(1e-3).centred())),
        ("rms_prop, centred with momentum", |w, rate| {
            Box::new(RmsProp::new(w, rate).smoothing(0.9).eps(1e-3).centred().momentum(0.8))
        }),
        ("adagrad", |w, rate| Box::new(Adagrad::new(w, rate))),
        ("adagrad with settings", |w, rate| {
            Box::new(Adagrad::new(w, rate).eps(1e-3).weight_decay(0.1).rate_decay(0.1))
        }),
        ("adadelta", |w, rate| Box::new(Adadelta::new(w, rate))),
        ("adadelta with settings", |w, rate| {
            Box::new(Adadelta::new(w, rate).smoothing(0.8).eps(1e-3).weight_decay(0.1))
        }),
        ("adamax", |w, rate| Box::new(Adamax::new(w, rate))),
        ("adamax with settings", |w, rate| Box::new(Adamax::new(w, rate).betas(0.8, 0.95).eps(1e-3).weight_decay(0.1))),
        ("lion", |w, rate| Box::new(Lion::new(w, rate))),
        ("lion with settings", |w, rate| Box::new(Lion::new(w, rate).betas(0.8, 0.95).weight_decay(0.1))),
        ("lamb", |w, rate| Box::new(Lamb::new(w, rate))),
        ("lamb with settings", |w, rate| Box::new(Lamb::new(w, rate).betas(0.8, 0.95).eps(1e-3).weight_decay(0.1))),
        ("adafactor", |w, rate| Box::new(Adafactor::new(w, rate))),
        ("adafactor with settings", |w, rate| {
            Box::new(Adafactor::new(w, rate).forgetting(-0.5).clip(1.25).eps(1e-5, 1e-2).weight_decay(0.1))
        }),
        ("muon", |w, rate| Box::new(Groups::split(w).matrices(|w| Muon::new(w, rate)).rest(|w| Adam::new(w, rate)))),
        ("muon with settings", |w, rate| {
            let muon = |w: &Parameters<T>| Muon::new(w, rate).momentum(0.8).plain_momentum().original_scale();
            Box::new(Groups::split(w).matrices(|w| muon(w).weight_decay(0.1)).rest(|w| Adam::new(w, rate)))
        }),
        ("schedule_free", |w, rate| Box::new(ScheduleFree::new(w, rate))),
        ("schedule_free with settings", |w, rate| {
            Box::new(ScheduleFree::new(w, rate).betas(0.8, 0.95).eps(1e-3).weight_decay(0.1).warm_up(7))
        }),
        ("groups", |w, rate| Box::new(Groups::new().with(Adam::new(w, rate)))),
    ]
}
