//! [`Gradients`]: the result of a sweep.

use std::fmt;
use std::ops::Index;

use crate::kernels::compiled as kernels;
use crate::kernels::isa::{self, Isa, Kernel, widest_for};
use crate::kernels::reduce::Loops;
use crate::kernels::softmax::scale_rows;
use crate::number::Float;
use crate::param::{Param, Parameters};
use crate::tape::arena::ArrayOp;
use crate::tape::scratch::{Kept, Scratch, release};
use crate::tape::{Scalar, Tape, Var, same_tape};
use crate::tensor::Tensor;
use crate::threads::{PASS, spread, threads_for};

/// The gradients of one number with respect to scalars, arrays and parameters on its tape.
///
/// Indexing returns the gradient, and zero if the number does not depend on the handle; [`get`](Gradients::get)
/// distinguishes the two. The gradient of an intermediate array is kept only if [`Var::watch`] was called.
///
/// ```
/// use autograd::{Tape, Tensor};
/// let tape = Tape::new();
/// let (x, unused) = (tape.var([1.0, 2.0]), tape.var([0.0]));
/// let grads = x.square().sum().backward();
/// assert_eq!(grads[x], Tensor::from([2.0, 4.0]));
/// assert_eq!(grads[unused], Tensor::from([0.0]));
/// assert!(grads.get(unused).is_none());
/// ```
pub struct Gradients<'t, T: Float = f64> {
    tape: &'t Tape<T>,
    found: Scratch<T>,
    zero: T,
}

impl<'t, T: Float> Gradients<'t, T> {
    pub(super) fn new(tape: &'t Tape<T>, found: Scratch<T>) -> Self {
        Gradients { tape, found, zero: T::zero() }
    }

    /// The results, to become gradients of a tape again.
    pub(super) fn into_found(mut self) -> Scratch<T> {
        std::mem::take(&mut self.found)
    }

    fn place(&self, array: u32) -> Option<usize> {
        self.found.kept.binary_search_by_key(&array, |kept| kept.array).ok()
    }

    fn kept(&self, array: u32) -> Option<&Kept<T>> {
        self.place(array).map(|at| &self.found.kept[at])
    }

    /// The gradient of an array, if the sweep kept it.
    #[track_caller]
    pub(crate) fn found(&self, x: Var<'t, T>) -> Option<&Tensor<T>> {
        same_tape("gradient", self.tape, x.tape());
        self.kept(x.index()).map(|kept| &kept.gradient)
    }

    /// The gradient of a scalar node, constants included.
    pub(crate) fn of_node(&self, node: u32) -> T {
        self.found.scalars.get(node as usize).copied().unwrap_or(self.zero)
    }

    /// The gradient of an array, or `None` if the number does not depend on it.
    ///
    /// # Panics
    /// If it is recorded on another tape, is a constant, or is an intermediate value that was not watched.
    #[track_caller]
    pub fn get(&self, x: Var<'t, T>) -> Option<&Tensor<T>> {
        let kept = self.kept_or_panic(x);
        kept.reached.then_some(&kept.gradient)
    }

    #[track_caller]
    fn kept_or_panic(&self, x: Var<'t, T>) -> &Kept<T> {
        same_tape("gradient", self.tape, x.tape());
        let Some(kept) = self.kept(x.index()) else {
            let arena = self.tape.arena.borrow();
            let tracked = arena.arrays[x.index()].tracked;
            let shape = arena.arrays.shape(x.index());
            let reason = match arena.kind(x.index()) {
                ArrayOp::Variable | ArrayOp::Param(_) if tracked => {
                    format!("the array of shape {shape} was recorded after backward(); record it before")
                }
                kind if tracked => format!(
                    "the gradient of an intermediate {} of shape {shape} was not kept; call watch() on it before backward()",
                    kind.name()
                ),
                _ => format!("the array of shape {shape} is a constant; make it with Tape::var to have its gradient"),
            };
            drop(arena);
            panic!("gradient: {reason}")
        };
        kept
    }

    /// The gradient of a parameter, or `None` if the number does not depend on it.
    ///
    /// ```
    /// use autograd::{Param, Tape};
    /// let (w, other) = (Param::new([2.0]), Param::new([1.0]));
    /// let tape = Tape::new();
    /// let grads = (tape.var([3.0]) * &w).sum().backward();
    /// assert_eq!(grads.of(&w).unwrap().item(), 3.0);
    /// assert!(grads.of(&other).is_none());
    /// ```
    pub fn of(&self, param: &Param<T>) -> Option<&Tensor<T>> {
        let kept = self.kept_param(param)?;
        kept.reached.then_some(&kept.gradient)
    }

    fn kept_param(&self, param: &Param<T>) -> Option<&Kept<T>> {
        self.place_of(param).map(|at| &self.found.kept[at])
    }

    fn place_of(&self, param: &Param<T>) -> Option<usize> {
        let arena = self.tape.arena.borrow();
        let last = *arena.params.get(&param.id())?;
        // If it was recorded again after the sweep, its array is unknown to the sweep.
        self.place(last).or_else(|| arena.arrays.earlier(last).find_map(|array| self.place(array)))
    }

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
            let (gradient, mut norm) = (self.of(param)?, [T::zero()]);
            kernels::squares(
                gradient.as_slice(),
                Loops { outer: 1, n: gradient.numel(), inner: 1 },
                1.0,
                true,
                &mut norm,
            );
            Some(norm[0].to_f64())
        };
        let norm = parameters.distinct().filter_map(norm_of).fold(0.0, f64::hypot);
        if norm > most && norm.is_finite() {
            let factor = T::from_f64(most / norm);
            for (_, param) in parameters.distinct() {
                let Some(at) = self.place_of(param) else { continue };
                scale_rows(self.found.kept[at].gradient.as_mut_slice(), &[factor]);
            }
        }
        norm
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
    /// [`update`](Gradients::update).
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
        let Some(gradient) = self.of(param) else { return false };
        for state in &state {
            let (len, shape) = (state.len(), param.shape());
            assert!(len == shape.numel(), "update_each: a state of {len} numbers for a parameter of shape {shape}");
        }
        release(&mut self.tape.arena_mut(), param.id());
        param.modify(|values| {
            let parts = threads_for(values.len(), PASS);
            if parts == 1 {
                return pass(values, gradient.as_slice(), state, &f);
            }
            let len = values.len().div_ceil(parts);
            let mut states = state.map(|state| state.chunks_mut(len));
            let parts = values.chunks_mut(len).zip(gradient.as_slice().chunks(len));
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

impl<'t, T: Float> Index<Scalar<'t, T>> for Gradients<'t, T> {
    type Output = T;

    /// # Panics
    /// If the scalar is recorded on another tape, or is a constant.
    #[track_caller]
    #[inline]
    fn index(&self, x: Scalar<'t, T>) -> &T {
        same_tape("gradient", self.tape, x.tape());
        let constant = self.tape.arena.borrow().stream.is_constant(x.node() as usize);
        assert!(!constant, "gradient: the scalar is a constant; make it with Tape::scalar to have its gradient");
        // Recorded after the root, on which the root cannot depend.
        let node = x.node() as usize;
        if node < self.found.nodes { &self.found.scalars[node] } else { &self.zero }
    }
}

impl<'t, T: Float> Index<Var<'t, T>> for Gradients<'t, T> {
    type Output = Tensor<T>;

    /// # Panics
    /// See [`get`](Gradients::get).
    #[track_caller]
    fn index(&self, x: Var<'t, T>) -> &Tensor<T> {
        &self.kept_or_panic(x).gradient
    }
}

impl<T: Float> Index<&Param<T>> for Gradients<'_, T> {
    type Output = Tensor<T>;

    /// # Panics
    /// If the parameter was not used on the tape, or is frozen.
    #[track_caller]
    fn index(&self, param: &Param<T>) -> &Tensor<T> {
        match self.kept_param(param) {
            Some(kept) => &kept.gradient,
            None => panic!(
                "gradient: a parameter of shape {} is frozen or was not used on this tape; of() gives None instead",
                param.shape()
            ),
        }
    }
}

impl<T: Float> Drop for Gradients<'_, T> {
    fn drop(&mut self) {
        let mut scratch = std::mem::take(&mut self.found);
        scratch.recycle(&self.tape.pool);
        self.tape.scratch.set(scratch);
    }
}

impl<T: Float> fmt::Debug for Gradients<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrays = self.found.kept.iter().map(|kept| (kept.array, &kept.gradient));
        f.debug_map().entries(arrays).finish()
    }
}
