//! What is done with the gradients of parameters: clipping, and steps that change the parameters.

use super::Gradients;
use crate::kernels::compiled as kernels;
use crate::kernels::isa::{self, Isa, Kernel, widest_for};
use crate::kernels::reduce::Loops;
use crate::kernels::softmax::scale_rows;
use crate::number::Float;
use crate::param::{Param, Parameters};
use crate::tape::by_rows::{ByRows, Found};
use crate::tape::scratch::release;
use crate::threads::{PASS, spread, threads_for};

impl<T: Float> Gradients<'_, T> {
    /// Scales the gradients of `parameters` by one factor, so that their joint Euclidean norm is at most `most`.
    ///
    /// Returns the norm before scaling (Pascanu, Mikolov & Bengio 2013). If that is NaN or infinite, nothing is
    /// scaled.
    ///
    /// ```
    /// use autograd::{Param, Parameters, Tape};
    /// let (a, b) = (Param::new([1.0]), Param::new([1.0]));
    /// let tape = Tape::new();
    /// let mut grads = (a.on(&tape) * 3.0 + b.on(&tape) * 4.0).sum().backward();
    /// let norm = grads.clip_norm(&Parameters::new().with("a", &a).with("b", &b), 1.0);
    /// assert_eq!(norm, 5.0);
    /// assert!((grads[&a].item() - 0.6).abs() < 1e-15 && (grads[&b].item() - 0.8).abs() < 1e-15);
    /// ```
    ///
    /// # Panics
    /// If `most` is not positive and finite.
    #[track_caller]
    pub fn clip_norm(&mut self, parameters: &Parameters<T>, most: f64) -> f64 {
        assert!(
            most > 0.0 && most.is_finite(),
            "clip_norm: a norm of at most {most:?} is no bound to step along; it must be above 0 and finite"
        );
        let norm_of = |(_, param): (&str, &Param<T>)| {
            let (values, mut norm) = (self.reached(param)?.values(), [T::zero()]);
            kernels::squares(values, Loops { outer: 1, n: values.len(), inner: 1 }, 1.0, true, &mut norm);
            Some(norm[0].to_f64())
        };
        let norm = parameters.distinct().filter_map(norm_of).fold(0.0, f64::hypot);
        if norm > most && norm.is_finite() {
            let factor = T::from_f64(most / norm);
            self.change(parameters, |values| scale_rows(values, &[factor]));
        }
        norm
    }

    /// Brings each value of the gradients of `parameters` into [−most, most].
    ///
    /// Unlike [`clip_norm`](Gradients::clip_norm) it changes the direction of the step. A value that is NaN stays NaN,
    /// so that the fault is seen.
    ///
    /// ```
    /// use autograd::{Param, Parameters, Tape};
    /// let w = Param::new([1.0, 1.0]);
    /// let tape = Tape::new();
    /// let mut grads = (w.on(&tape) * tape.constant([3.0, -0.5])).sum().backward();
    /// grads.clip_value(&Parameters::new().with("w", &w), 1.0);
    /// assert_eq!(grads[&w].to_vec(), [1.0, -0.5]);
    /// ```
    ///
    /// # Panics
    /// If `most` is not positive and finite, also in the number type of the gradients.
    #[track_caller]
    pub fn clip_value(&mut self, parameters: &Parameters<T>, most: f64) {
        let bound = T::from_f64(most);
        assert!(
            bound > T::zero() && bound < T::INFINITY,
            "clip_value: values of at most {most:?} are no bound to step along; it must be above 0 and finite in {}",
            T::NAME
        );
        self.change(parameters, |values| {
            widest_for(|| {
                for x in values {
                    *x = if *x > bound {
                        bound
                    } else if *x < -bound {
                        -bound
                    } else {
                        *x
                    };
                }
            });
        });
    }

    /// Changes the values of the gradients of `parameters`.
    fn change(&mut self, parameters: &Parameters<T>, f: impl Fn(&mut [T])) {
        for (_, param) in parameters.distinct() {
            let Some(at) = self.place_of(param) else { continue };
            f(self.found.kept[at].gradient.values_mut());
        }
    }

    /// Calls `f(values, gradient)` to change a parameter in place, and returns its result.
    ///
    /// Returns `None`, without a call, if the number does not depend on the parameter. The tape releases the old
    /// values, so nothing is copied; a later sweep that needs them panics and asks to record again. A small closure
    /// is compiled for each instruction set of the processor's family and runs on the widest one available. If each
    /// number is changed by itself, [`update_each`](Gradients::update_each) is shorter.
    ///
    /// # Panics
    /// If `f` asks the parameter for its value, which is available as `values`.
    #[track_caller]
    pub fn update<R>(&self, param: &Param<T>, f: impl FnOnce(&mut [T], &[T]) -> R) -> Option<R> {
        let gradient = self.of(param)?;
        release(&mut self.tape.arena_mut(), param.id());
        Some(param.modify(|values| widest_for(|| f(values, gradient.as_slice()))))
    }

    /// Calls `f(value, gradient, state)` for each number of a parameter, in one pass.
    ///
    /// Returns whether there was a gradient. `state` is an optimiser's memory: any number of slices of the
    /// parameter's length. Long passes are shared out to [`threads`](crate::threads); otherwise it works as
    /// [`update`](Gradients::update). Of a gradient [by rows](Param::set_by_rows) it passes over the rows that were
    /// read.
    ///
    /// ```
    /// use autograd::{Param, Tape};
    /// let w = Param::new([3.0, 4.0]);
    /// let mut velocity = [0.5, 0.0];
    /// let tape = Tape::new();
    /// let grads = w.on(&tape).sum().backward();
    /// grads.update_each(&w, [&mut velocity], |w, gradient, [v]| {
    ///     *v = 0.5 * *v + gradient;
    ///     *w -= 0.25 * *v;
    /// });
    /// assert_eq!((w.value().to_vec(), velocity), (vec![2.6875, 3.75], [1.25, 1.0]));
    /// ```
    ///
    /// # Panics
    /// If a slice of `state` has another length, or `f` asks the parameter for its value.
    #[track_caller]
    pub fn update_each<const N: usize>(
        &self,
        param: &Param<T>,
        state: [&mut [T]; N],
        f: impl Fn(&mut T, T, [&mut T; N]) + Sync,
    ) -> bool {
        let Some(found) = self.reached(param) else { return false };
        for state in &state {
            let (len, shape) = (state.len(), param.shape());
            assert!(len == shape.numel(), "update_each: a state of {len} numbers for a parameter of shape {shape}");
        }
        release(&mut self.tape.arena_mut(), param.id());
        param.modify(|values| {
            let gradient = match found {
                Found::Whole(gradient) => gradient.as_slice(),
                Found::Rows(found) => return pass_rows(values, found, state, &f),
            };
            let parts = threads_for(values.len(), PASS);
            if parts == 1 {
                return pass(values, gradient, state, &f);
            }
            let len = values.len().div_ceil(parts);
            let mut states = state.map(|state| state.chunks_mut(len));
            let parts = values.chunks_mut(len).zip(gradient.chunks(len));
            let parts =
                parts.map(|(w, g)| (w, g, states.each_mut().map(|state| state.next().expect("as many chunks"))));
            spread(parts, |(w, g, state)| pass(w, g, state, &f));
        });
        true
    }
}

/// One pass of an update.
fn pass<T: Float, const N: usize>(
    values: &mut [T],
    gradient: &[T],
    state: [&mut [T]; N],
    f: &(impl Fn(&mut T, T, [&mut T; N]) + Sync),
) {
    isa::run(values.len(), Pass { values, gradient, state, f });
}

/// A pass over the rows that were read.
fn pass_rows<T: Float, const N: usize>(
    values: &mut [T],
    found: &ByRows<T>,
    mut state: [&mut [T]; N],
    f: &(impl Fn(&mut T, T, [&mut T; N]) + Sync),
) {
    for (k, &row) in found.rows().iter().enumerate() {
        let (row, own) = (found.range(row), found.range(k));
        let state = state.each_mut().map(|state| &mut state[row.clone()]);
        pass(&mut values[row], &found.values()[own], state, f);
    }
}

/// [`pass`] as a kernel: the compiler would turn a closure that contains the loop into one function, for the oldest
/// processor.
struct Pass<'a, T, F, const N: usize> {
    values: &'a mut [T],
    gradient: &'a [T],
    state: [&'a mut [T]; N],
    f: &'a F,
}

impl<T: Float, F: Fn(&mut T, T, [&mut T; N]), const N: usize> Kernel for Pass<'_, T, F, N> {
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Pass { values, gradient, state, f } = self;
        let len = values.len();
        let gradient = &gradient[..len];
        let mut state = state.map(|state| &mut state[..len]);
        for i in 0..len {
            f(&mut values[i], gradient[i], state.each_mut().map(|state| &mut state[i]));
        }
    }
}
