//! Optimisers: how gradients change parameters. One file each.

mod adam;
mod sgd;

pub use adam::Adam;
pub use sgd::Sgd;

use autograd::{Float, Gradients, Param, Parameters, Tensor};

/// Changes parameters by their gradients.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Optimizer, Sgd};
/// let w = Param::new([4.0]);
/// let mut optimizer = Sgd::new(&Parameters::new().with("w", &w), 0.25);
/// let tape = Tape::new();
/// let loss = w.on(&tape).square().sum();
/// optimizer.step(&loss.backward());
/// assert_eq!(w.value().item(), 4.0 - 0.25 * 2.0 * 4.0); // minus: downhill
/// ```
pub trait Optimizer<T: Float = f64> {
    /// One step. Parameters that the loss does not depend on, and frozen ones, are left alone.
    fn step(&mut self, grads: &Gradients<'_, T>);

    /// The learning rate η.
    fn learning_rate(&self) -> f64;

    /// Changes the learning rate, as a [schedule](crate::Trainer::schedule) does.
    fn set_learning_rate(&mut self, rate: f64);
}

/// The parameters, each once: one that is shared under two names must not step twice.
fn distinct<T: Float>(parameters: &Parameters<T>) -> Vec<Param<T>> {
    parameters.distinct().map(|(_, param)| param.clone()).collect()
}

fn zeros<T: Float>(param: &Param<T>) -> Tensor<T> {
    Tensor::zeros(param.shape())
}

#[track_caller]
fn check_rate(rate: f64) {
    assert!(rate >= 0.0 && rate.is_finite(), "optimizer: the learning rate {rate} is not a finite number ≥ 0");
}

#[track_caller]
fn check_decay(optimizer: &str, decay: f64) {
    assert!(decay >= 0.0 && decay.is_finite(), "{optimizer}: the weight decay {decay} is not a finite number ≥ 0");
}
