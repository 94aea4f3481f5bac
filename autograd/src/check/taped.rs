//! The tape as a source: a closure that records, with the derivatives of its recording.

use std::cell::RefCell;

use super::operations::Trace;
use super::report::Calls;
use super::source::{Source, Tally};
use super::subject::{At, Gradient};
use crate::error::Error;
use crate::number::Float;
use crate::param::Param;
use crate::tape::{Scalar, Tape, Var};
use crate::tensor::Tensor;

/// Records the function of the inputs.
pub(super) type Record<'a, T> = dyn for<'t> Fn(&'t Tape<T>, &[Var<'t, T>]) -> Var<'t, T> + 'a;

/// A function that is recorded.
pub(super) struct Taped<'a, T: Float> {
    /// The parameters that serve as inputs, with their values; empty if the inputs are plain arrays.
    params: Vec<(Param<T>, Tensor<T>)>,
    record: &'a Record<'a, T>,
    /// For values; it is reused.
    tape: RefCell<Tape<T>>,
    tally: Tally,
}

impl<'a, T: Float> Taped<'a, T> {
    /// `params` are empty if the inputs are plain arrays.
    pub(super) fn new(params: Vec<Param<T>>, record: &'a Record<'a, T>) -> Self {
        let params = params.into_iter().map(|param| (param.clone(), param.value())).collect();
        Taped { params, record, tape: RefCell::default(), tally: Tally::default() }
    }

    /// Records `φ` with its inputs at `x`; they are constants where no derivative is wanted.
    pub(super) fn phi<'t>(
        &self,
        at: &At<T>,
        tape: &'t Tape<T>,
        x: &[Tensor<T>],
        tracked: bool,
    ) -> (Vec<Var<'t, T>>, Var<'t, T>) {
        let inputs = self.inputs(tape, x, tracked || !at.w.is_empty());
        let y = self.recorded(tape, &inputs);
        let mut y = if y.shape().is_empty() { y } else { (y * &at.v).sum().to_var() };
        self.tally.differentiated(at.w.len());
        for w in &at.w {
            let gradient = y.item().grad(&inputs[..]);
            y = gradient.into_iter().zip(w).map(|(dx, w)| (dx * w).sum()).sum::<Scalar<'t, T>>().to_var();
        }
        (inputs, y)
    }

    fn recorded<'t>(&self, tape: &'t Tape<T>, x: &[Var<'t, T>]) -> Var<'t, T> {
        self.tally.evaluated();
        (self.record)(tape, x)
    }

    fn inputs<'t>(&self, tape: &'t Tape<T>, x: &[Tensor<T>], tracked: bool) -> Vec<Var<'t, T>> {
        if !self.params.is_empty() {
            self.params.iter().zip(x).for_each(|((param, _), x)| param.set(x.clone()));
            return self.params.iter().map(|(param, _)| param.on(tape)).collect();
        }
        let input = |x: &Tensor<T>| if tracked { tape.var(x.clone()) } else { tape.constant(x.clone()) };
        x.iter().map(input).collect()
    }
}

impl<T: Float> Source<T> for Taped<'_, T> {
    fn name(&self, _order: usize) -> &'static str {
        "tape"
    }

    fn output(&self, x: &[Tensor<T>]) -> Tensor<T> {
        let mut tape = self.tape.borrow_mut();
        tape.clear();
        let inputs = self.inputs(&tape, x, false);
        self.recorded(&tape, &inputs).value()
    }

    fn value(&self, at: &At<T>, x: &[Tensor<T>]) -> f64 {
        let mut tape = self.tape.borrow_mut();
        tape.clear();
        self.phi(at, &tape, x, false).1.value().item().to_f64()
    }

    fn gradient(&self, at: &At<T>, scale: f64) -> Gradient {
        let tape = Tape::default();
        let (x, y) = self.phi(at, &tape, &at.point, true);
        self.tally.differentiated(1);
        let grads = (y * scale).item().backward();
        let found = |&x: &Var<'_, T>| match grads.get(x) {
            Some(dx) => (dx.cast(), true),
            None => (Tensor::zeros(x.shape()), false),
        };
        x.iter().map(found).collect()
    }

    fn scales_by_rule(&self, _at: &At<T>) -> bool {
        true
    }

    fn tangent(&self, at: &At<T>, u: &[Tensor<T>]) -> Result<Option<f64>, Error> {
        let tape = Tape::default();
        let (x, y) = self.phi(at, &tape, &at.point, true);
        self.tally.differentiated(1);
        let along: Vec<_> = x.into_iter().zip(u).collect();
        Ok(Some(y.try_jvp(&along)?.item().to_f64()))
    }

    fn output_tangent(&self, at: &At<T>, u: &[Tensor<T>]) -> Option<Tensor<T>> {
        let tape = Tape::default();
        let x = self.inputs(&tape, &at.point, true);
        let y = self.recorded(&tape, &x);
        self.tally.differentiated(1);
        let along: Vec<_> = x.into_iter().zip(u).collect();
        y.try_jvp(&along).ok()
    }

    /// The combined round-off of all recorded values.
    fn noise(&self, at: &At<T>) -> f64 {
        let trace = Trace::of(self, at, &at.point);
        trace.noise(&trace.adjoints())
    }

    fn taped(&self) -> Option<&Taped<'_, T>> {
        Some(self)
    }

    fn calls(&self) -> Calls {
        self.tally.calls()
    }
}

/// Restores the parameters, which were moved during the check.
impl<T: Float> Drop for Taped<'_, T> {
    fn drop(&mut self) {
        self.params.iter().for_each(|(param, x)| param.set(x.clone()));
    }
}
