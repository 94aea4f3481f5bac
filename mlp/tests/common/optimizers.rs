//! Every optimiser, in each of its forms: tests of what holds for all of them go through this list.
//!
//! A new optimiser gets a line here, and a test of its own formula in `tests/it/optim.rs`.

use autograd::{Float, Parameters};
use mlp::{Adam, Groups, Optimizer, Sgd};

/// A form of an optimiser: its name, and how it is made for parameters and a learning rate.
pub(crate) type Form<T> = (&'static str, fn(&Parameters<T>, f64) -> Box<dyn Optimizer<T>>);

pub(crate) fn optimizers<T: Float>() -> [Form<T>; 8] {
    [
        ("sgd", |parameters, rate| Box::new(Sgd::new(parameters, rate))),
        ("sgd with decay", |parameters, rate| Box::new(Sgd::new(parameters, rate).weight_decay(0.1))),
        ("momentum", |parameters, rate| Box::new(Sgd::new(parameters, rate).momentum(0.9))),
        ("momentum with decay", |parameters, rate| {
            Box::new(Sgd::new(parameters, rate).momentum(0.9).weight_decay(0.1))
        }),
        ("nesterov", |parameters, rate| {
            Box::new(Sgd::new(parameters, rate).momentum(0.9).nesterov().weight_decay(0.1))
        }),
        ("adam", |parameters, rate| Box::new(Adam::new(parameters, rate))),
        ("adamw", |parameters, rate| Box::new(Adam::new(parameters, rate).weight_decay(0.1))),
        ("groups", |parameters, rate| Box::new(Groups::new().with(Adam::new(parameters, rate)))),
    ]
}
