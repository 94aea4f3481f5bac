//! [`Lbfgs`]: a quasi-Newton method for losses over all samples.

use std::collections::VecDeque;

use autograd::{Float, Parameters, Scalar, Tape, Tensor};
use indexmap::IndexMap;

use super::flat::{Flat, dot, most};
use super::line_search::{Place, strong_wolfe};
use super::memory::{State, misfit};
use crate::error::{Error, shown};

/// The names of the arrays of the state.
const STEPS: &str = "steps";
const CHANGES: &str = "changes";
/// A line search ends when no number of the parameters would move by more.
const SHORTEST: f64 = 1e-9;

/// Whether a step and its change of the gradient tell of a curvature above 0, and not of round-off.
fn is_curved<T: Float>([s, y]: &[Vec<T>; 2]) -> bool {
    dot(s, y) > 1e-10 * (dot(s, s) * dot(y, y)).sqrt()
}

/// L-BFGS (Liu & Nocedal 1989): Newton's method with a Hessian told from the last steps, and a line search.
///
/// The direction is `−Hg`, where H comes from the last pairs of steps s and changes y of the gradient by the two-loop
/// recursion, from `s·y/y·y` times the identity. Its length satisfies the strong Wolfe conditions. It is for smooth losses over all samples with up to some 10⁵ numbers:
/// noise of batches or of dropout spoils the pairs. It asks for the loss several times in a step, so that it takes a
/// closure that records it. The default is 10 pairs.
///
/// ```
/// use autograd::{Param, Parameters};
/// use mlp::Lbfgs;
/// let w = Param::new([-1.2, 1.0]); // Rosenbrock's valley
/// let mut lbfgs = Lbfgs::new(&Parameters::new().with("w", &w));
/// let found = lbfgs.minimize(100, |tape| {
///     let (x, y) = (w.on(tape).slice(0, 0..1), w.on(tape).slice(0, 1..2));
///     ((y - x.square()).square() * 100.0 + (1.0 - x).square()).sum()
/// })?;
/// assert!(found.converged && found.loss < 1e-12 && found.steps < 50);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug)]
pub struct Lbfgs<T: Float = f64> {
    flat: Flat<T>,
    /// Steps and changes of the gradient, the oldest first.
    pairs: VecDeque<[Vec<T>; 2]>,
    history: usize,
    rate: f64,
    tolerance: f64,
    evaluations: usize,
    /// 1 for numbers that the last recorded loss depends on, 0 for the others, which stay where they are.
    reached: Vec<T>,
    tape: Tape<T>,
}

/// Where [`Lbfgs::minimize`] or [`LevenbergMarquardt::fit`](crate::LevenbergMarquardt::fit) ended.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Minimum {
    /// The loss.
    pub loss: f64,
    /// The steps taken.
    pub steps: usize,
    /// Whether no step lowers the loss any more, within the tolerance.
    pub converged: bool,
}

impl<T: Float> Lbfgs<T> {
    /// Creates L-BFGS for parameters.
    pub fn new(parameters: &Parameters<T>) -> Self {
        let (flat, pairs, reached, tape) = (Flat::new(parameters), VecDeque::new(), vec![], Tape::default());
        Lbfgs { flat, pairs, history: 10, rate: 1.0, tolerance: 1e-7, evaluations: 25, reached, tape }
    }

    /// Sets the number of pairs that it remembers, usually 3 to 20.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn history(self, pairs: usize) -> Self {
        assert!(pairs > 0, "lbfgs: a history of 0 pairs is plain descent; it needs at least 1");
        Lbfgs { history: pairs, ..self }
    }

    /// Sets the length at which each line search begins, relative to the Newton step; at first 1.
    ///
    /// # Panics
    /// If it is not above 0, or not finite.
    #[must_use]
    #[track_caller]
    pub fn first_length(self, rate: f64) -> Self {
        let what = shown(rate);
        assert!(rate > 0.0 && rate.is_finite(), "lbfgs: a first length of {what} is not a finite number above 0");
        Lbfgs { rate, ..self }
    }

    /// Sets the largest size of the numbers of a gradient that counts as 0; at first 1e−7.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn tolerance(self, tolerance: f64) -> Self {
        let what = shown(tolerance);
        let ok = tolerance >= 0.0 && tolerance.is_finite();
        assert!(ok, "lbfgs: a tolerance of {what} is not a finite number ≥ 0");
        Lbfgs { tolerance, ..self }
    }

    /// Takes one step, and returns the loss after it; the same as before if no step lowers it.
    ///
    /// `loss` records the loss on the tape that it is given. Frozen parameters stay, and those that the loss does not
    /// depend on.
    ///
    /// # Errors
    /// If the loss or its gradient is NaN or infinite where the step begins.
    #[track_caller]
    pub fn step(&mut self, loss: impl for<'t> FnMut(&'t Tape<T>) -> Scalar<'t, T>) -> Result<f64, Error> {
        Ok(self.minimize(1, loss)?.loss)
    }

    /// Takes up to `steps` steps, until the gradient is 0 within the [`tolerance`](Lbfgs::tolerance) or no step lowers
    /// the loss.
    ///
    /// It asks for the loss once less in each step than [`step`](Lbfgs::step) does.
    ///
    /// # Errors
    /// If the loss or its gradient is NaN or infinite where the first step begins.
    #[track_caller]
    pub fn minimize(
        &mut self,
        steps: usize,
        mut loss: impl for<'t> FnMut(&'t Tape<T>) -> Scalar<'t, T>,
    ) -> Result<Minimum, Error> {
        let mut here = self.evaluate(&mut loss);
        if !(here.0.is_finite() && most(&here.1).is_finite()) {
            let why = format!("the loss is {} where the step begins, or its gradient is not finite", shown(here.0));
            return Err(Error::invalid("lbfgs", format!("{why}; begin with other weights")));
        }
        for count in 0..steps {
            match self.descend(&here, &mut loss) {
                Some(there) => here = there,
                None => return Ok(Minimum { loss: here.0, steps: count, converged: true }),
            }
        }
        let converged = most(&here.1) <= self.tolerance;
        Ok(Minimum { loss: here.0, steps, converged })
    }

    /// The loss and its gradient at the present values.
    fn evaluate(&mut self, loss: &mut impl for<'t> FnMut(&'t Tape<T>) -> Scalar<'t, T>) -> (f64, Vec<T>) {
        self.tape.clear();
        let loss = loss(&self.tape);
        let grads = loss.backward();
        self.reached = self.flat.reached(&grads);
        (loss.value().to_f64(), self.flat.gradient(&grads))
    }

    /// One step; `None` if there is none that lowers the loss.
    fn descend(
        &mut self,
        (f, gradient): &(f64, Vec<T>),
        loss: &mut impl for<'t> FnMut(&'t Tape<T>) -> Scalar<'t, T>,
    ) -> Option<(f64, Vec<T>)> {
        if most(gradient) <= self.tolerance {
            return None;
        }
        let x = self.flat.values();
        let mut direction = self.direction(gradient);
        direction.iter_mut().zip(&self.reached).for_each(|(d, &reached)| *d = *d * reached);
        // Along the gradient there is no natural length yet: at most 1 in all numbers together.
        let size: f64 = gradient.iter().map(|g| g.to_f64().abs()).sum();
        let first = if self.pairs.is_empty() { self.rate * (1.0 / size).min(1.0) } else { self.rate };
        let start = Place::new(0.0, (*f, gradient.clone()), &direction);
        if start.slope >= 0.0 {
            return None; // round-off has left no descent
        }
        let limits = (self.evaluations, SHORTEST / most(&direction));
        let end = strong_wolfe(start, first, limits, |t| {
            self.flat.set(&x, t, &direction);
            Place::new(t, self.evaluate(loss), &direction)
        });
        self.flat.set(&x, end.t, &direction);
        if end.t == 0.0 {
            return None;
        }
        let length = T::from_f64(end.t);
        let step: Vec<T> = direction.iter().map(|&d| length * d).collect();
        let change: Vec<T> = end.gradient.iter().zip(gradient).map(|(&new, &old)| new - old).collect();
        let pair = [step, change];
        if is_curved(&pair) {
            if self.pairs.len() == self.history {
                self.pairs.pop_front();
            }
            self.pairs.push_back(pair);
        }
        Some((end.loss, end.gradient))
    }

    /// `−Hg` by the two-loop recursion (Nocedal & Wright 2006, algorithm 7.4).
    fn direction(&self, gradient: &[T]) -> Vec<T> {
        let mut q: Vec<T> = gradient.iter().map(|&g| -g).collect();
        let add = |q: &mut [T], factor: f64, v: &[T]| {
            let factor = T::from_f64(factor);
            q.iter_mut().zip(v).for_each(|(q, &v)| *q = *q + factor * v);
        };
        let mut parts = Vec::with_capacity(self.pairs.len());
        for [s, y] in self.pairs.iter().rev() {
            let part = dot(s, &q) / dot(s, y);
            add(&mut q, -part, y);
            parts.push(part);
        }
        if let Some([s, y]) = self.pairs.back() {
            let scale = T::from_f64(dot(s, y) / dot(y, y));
            q.iter_mut().for_each(|q| *q = scale * *q);
        }
        for ([s, y], part) in self.pairs.iter().zip(parts.into_iter().rev()) {
            let other = dot(y, &q) / dot(s, y);
            add(&mut q, part - other, s);
        }
        q
    }

    /// The pairs that it remembers: `steps` and `changes`, of shape (pairs, numbers of all parameters).
    pub fn state(&self) -> IndexMap<String, Tensor<T>> {
        let shape = [self.pairs.len(), self.flat.numel()];
        let all = |which: usize| self.pairs.iter().flat_map(|pair| pair[which].iter().copied()).collect();
        [(STEPS, 0), (CHANGES, 1)].map(|(name, which)| (name.to_string(), Tensor::new(shape, all(which)))).into()
    }

    /// Restores a [`state`](Lbfgs::state); if it does not fit, nothing changes.
    ///
    /// # Errors
    /// If a tensor is missing, unknown or of another shape, holds NaN or ∞, or pairs whose curvature is not positive.
    pub fn set_state(&mut self, state: &IndexMap<String, Tensor<T>>) -> Result<(), Error> {
        let (numel, most) = (self.flat.numel(), self.history);
        let mut read = State::new("lbfgs", state);
        let (steps, changes) = (read.rows(STEPS, numel, most)?, read.rows(CHANGES, numel, most)?);
        read.end()?;
        let [n, m] = [steps, changes].map(|array| array.shape()[0]);
        if n != m {
            return Err(misfit("lbfgs", format!("the state has {n} steps and {m} changes, which make no pairs")));
        }
        let rows =
            |array: &Tensor<T>| -> Vec<Vec<T>> { array.as_slice().chunks(numel.max(1)).map(<[T]>::to_vec).collect() };
        let pairs: VecDeque<_> = rows(steps).into_iter().zip(rows(changes)).map(<[_; 2]>::from).collect();
        if !pairs.iter().all(is_curved) {
            return Err(misfit("lbfgs", "a pair in the state has no positive curvature".into()));
        }
        self.pairs = pairs;
        Ok(())
    }
}
