//! A loss of parameters and what lowers it: the form of most works.

use autograd::{Float, Parameters, Scalar, Tape, Tensor};
use mlp::Optimizer;

use super::Work;
use crate::assert_close;
use crate::layers::squares;

/// Of what the types differ in, the losses of `f32` and `f64`, and the tolerance of three steps.
const TOLERANCE: f64 = 5e-3;

type Loss<T> = dyn for<'t> Fn(&'t Tape<T>) -> Scalar<'t, T>;

/// Parameters, their loss, and an optimiser, or none where the gradient is all that is asked for.
pub(super) struct Training<T: Float> {
    parameters: Parameters<T>,
    optimizer: Option<Box<dyn Optimizer<T>>>,
    loss: Box<Loss<T>>,
    tape: Tape<T>,
}

impl<T: Float> Training<T> {
    pub(super) fn new(
        parameters: Parameters<T>,
        optimizer: Option<Box<dyn Optimizer<T>>>,
        loss: impl for<'t> Fn(&'t Tape<T>) -> Scalar<'t, T> + 'static,
    ) -> Self {
        Training { parameters, optimizer, loss: Box::new(loss), tape: Tape::default() }
    }

    /// One step, which returns the loss before it. This is what is timed.
    fn step(&mut self) -> T {
        self.tape.clear();
        let loss = (self.loss)(&self.tape);
        let grads = loss.backward();
        if let Some(optimizer) = &mut self.optimizer {
            optimizer.step(&grads);
        }
        loss.value()
    }

    fn value(&mut self) -> f64 {
        self.tape.clear();
        (self.loss)(&self.tape).value().to_f64()
    }

    fn gradients(&mut self) -> Vec<Tensor<T>> {
        self.tape.clear();
        let grads = (self.loss)(&self.tape).backward();
        self.parameters.params().map(|w| grads[w].clone()).collect()
    }

    /// See [`Work::answer`].
    fn answer(&mut self) -> Vec<f64> {
        let mut answer = vec![self.value(), self.gradients().iter().map(|g| squares(g.as_slice())).sum()];
        if self.optimizer.is_some() {
            let losses = [(); 4].map(|()| self.step().to_f64());
            answer.push(losses[0] - losses[3]);
        }
        answer
    }

    /// The work in this type.
    pub(super) fn work(mut self) -> Work
    where
        T: 'static,
    {
        Work::new(self.answer(), move || self.step())
    }
}

impl Training<f64> {
    /// Holds the gradient against a difference of the loss along it.
    pub(super) fn verify(&mut self, what: &str) {
        const H: f64 = 1e-5;
        let (gradients, start) = (self.gradients(), self.parameters.params().map(|w| w.value()).collect::<Vec<_>>());
        let length = gradients.iter().map(|g| squares(g.as_slice())).sum::<f64>().sqrt();
        let mut at = |h: f64| {
            for ((w, start), g) in self.parameters.clone().params().zip(&start).zip(&gradients) {
                w.set(start + g * (h / length));
            }
            self.value()
        };
        let difference = (at(H) - at(-H)) / (2.0 * H);
        at(0.0);
        assert_close(&format!("{what}, gradient along itself"), &[length], &[difference], 1e-6);
    }
}

/// The work in `f32`, once that in `f64` is verified and agrees.
pub(super) fn verified(what: &str, mut wide: Training<f64>, narrow: Training<f32>) -> Work {
    wide.verify(what);
    let (expected, work) = (wide.answer(), narrow.work());
    for (found, expected) in work.answer.iter().zip(&expected) {
        assert_close(&format!("{what} in f32"), &[*found], &[*expected], TOLERANCE);
    }
    work
}
