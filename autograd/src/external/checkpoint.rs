//! Checkpoints, which save memory at the cost of compute: a segment keeps only its inputs, and is recorded again when
//! the sweep reaches it (Griewank 1992; Chen et al. 2016).

use std::sync::Arc;

use rand::RngExt;
use rustc_hash::FxHashSet;

use super::External;
use crate::error::Error;
use crate::memory::Shared;
use crate::number::Float;
use crate::param::Param;
use crate::shape::Shape;
use crate::sweep::segment_vjp;
use crate::tape::arena::ArrayOp;
use crate::tape::{Spare, Tape, Var, same_tape};
use crate::tensor::Tensor;

/// One step of a chain for [`checkpoint_chain`]: a function of one array that owns its captures.
pub type Step<T = f64> = Arc<dyn for<'s> Fn(Var<'s, T>) -> Var<'s, T> + Send + Sync>;

/// Wraps a closure as a [`Step`].
///
/// ```
/// use autograd::{step, Step};
/// let squash: Step = step(|x| x.tanh());
/// let tape = autograd::Tape::new();
/// assert_eq!(squash(tape.var([0.0])).value().item(), 0.0);
/// ```
pub fn step<T: Float>(f: impl for<'s> Fn(Var<'s, T>) -> Var<'s, T> + Send + Sync + 'static) -> Step<T> {
    Arc::new(f)
}

/// A function of several arrays that gives several.
type Segment<T> = Arc<dyn for<'s> Fn(&[Var<'s, T>]) -> Vec<Var<'s, T>> + Send + Sync>;

/// A segment of the graph that is not kept.
struct Checkpoint<T: Float> {
    f: Segment<T>,
    /// The shape of each output.
    outputs: Vec<Shape>,
    /// The parameters that the segment uses: its inputs after those that it is given.
    params: Vec<Param<T>>,
    /// Which of these parameters were frozen at the first recording.
    frozen: Vec<bool>,
    /// The seed of the segment's own generator during training, so that dropout repeats itself.
    seed: Option<u64>,
}

impl<T: Float> Checkpoint<T> {
    fn unchanged(&self, recorded: &[Tensor<T>]) -> Result<(), String> {
        for ((param, &frozen), recorded) in self.params.iter().zip(&self.frozen).zip(recorded) {
            let same = Shared::ptr_eq(param.value().values(), recorded.values());
            let what = if same { "frozen" } else { "changed" };
            if !same || (param.is_frozen() && !frozen) {
                let shape = recorded.shape();
                return Err(format!(
                    "checkpoint: a parameter of shape {shape} was {what} after it was recorded; record the formula again"
                ));
            }
        }
        Ok(())
    }

    /// Runs the segment on `x` once more.
    fn run<'s>(&self, tape: &'s Tape<T>, x: &[Var<'s, T>]) -> Result<Var<'s, T>, String> {
        let first = tape.arena.borrow().arrays.len() as u32;
        let y = (self.f)(x);
        stays(tape, &y)?;
        let (given, before) = (y.iter().map(|y| y.shape()), &self.outputs);
        if let Some((shape, before)) = given.zip(before).find(|(shape, before)| shape != *before) {
            return Err(format!(
                "checkpoint: the segment gave shape {shape} where it had given {before}; it must do the same each time"
            ));
        }
        if y.len() != before.len() {
            let (given, before) = (y.len(), before.len());
            return Err(format!(
                "checkpoint: the segment gave {given} arrays where it had given {before}; it must do the same each time"
            ));
        }
        let y = joined(tape, &y);
        // An unknown parameter has no input to which its gradient could go.
        let known: FxHashSet<usize> = self.params.iter().map(Param::id).collect();
        let arena = tape.arena.borrow();
        let used = (first..arena.arrays.len() as u32).flat_map(|array| arena.arrays.inputs(array));
        for &input in used {
            // The segment's own input may be a parameter.
            if x.iter().all(|x| input != x.index())
                && let ArrayOp::Param(param) = arena.kind(input)
                && !known.contains(&param.id())
            {
                return Err(format!(
                    "checkpoint: the segment used a parameter of shape {} that it had not used before; \
                     it must do the same each time",
                    param.shape()
                ));
            }
        }
        Ok(y)
    }

    /// Records the segment again, on a separate tape.
    fn again<'s>(&self, tape: &'s Tape<T>, x: &[Tensor<T>]) -> Result<Again<'s, T>, String> {
        let given = self.given(x);
        self.unchanged(&x[given..])?;
        self.seed.inspect(|&seed| tape.train(seed));
        let mut inputs: Vec<_> = x[..given].iter().map(|x| tape.var(x)).collect();
        let y = self.run(tape, &inputs)?;
        inputs.extend(self.params.iter().map(|param| param.on(tape)));
        Ok((inputs, y))
    }

    /// The number of inputs that are not parameters.
    fn given<V>(&self, x: &[V]) -> usize {
        x.len() - self.params.len()
    }
}

/// The inputs of a segment, and its outputs as one array.
type Again<'s, T> = (Vec<Var<'s, T>>, Var<'s, T>);

/// Checks that a segment's outputs lie on the tape of its inputs.
fn stays<T: Float>(tape: &Tape<T>, y: &[Var<'_, T>]) -> Result<(), String> {
    if y.iter().all(|y| std::ptr::eq(tape, y.tape())) {
        return Ok(());
    }
    Err("checkpoint: the segment returned an array of another tape; compute it from the one that it is given".into())
}

/// The outputs of a segment as one array: a single one as it is, several as rows one behind another.
fn joined<'t, T: Float>(tape: &'t Tape<T>, y: &[Var<'t, T>]) -> Var<'t, T> {
    match y {
        [y] => *y,
        [] => tape.constant_with([0], |_| T::zero()),
        y => Var::concat(&y.iter().map(|y| y.flatten()).collect::<Vec<_>>(), 0),
    }
}

impl<T: Float> External<T> for Checkpoint<T> {
    fn name(&self) -> &str {
        "checkpoint"
    }

    fn value(&self, x: &[Tensor<T>]) -> Tensor<T> {
        let tape = Spare::tape();
        self.seed.inspect(|&seed| tape.train(seed));
        let x: Vec<_> = x[..self.given(x)].iter().map(|x| tape.constant(x)).collect();
        joined(&tape, &(self.f)(&x)).value()
    }

    /// For higher derivatives the segment must be on the tape after all.
    fn vjp<'t>(&self, x: &[Var<'t, T>], _y: Var<'t, T>, dy: Var<'t, T>) -> Result<Vec<Var<'t, T>>, String> {
        let (tape, given) = (dy.tape(), self.given(x));
        self.unchanged(&x[given..].iter().map(|x| x.value()).collect::<Vec<_>>())?;
        let start = tape.len();
        let y = tape.with_seed(self.seed, || self.run(tape, &x[..given]))??;
        // Gradients of the segment alone, because `x` and `dy` may depend on each other, and on the parameters.
        Ok(segment_vjp(start, y, dy, x))
    }

    fn vjp_plain(&self, x: &[Tensor<T>], _y: &Tensor<T>, dy: &Tensor<T>) -> Result<Vec<Tensor<T>>, String> {
        let tape = Spare::tape();
        let (inputs, y) = self.again(&tape, x)?;
        let grads = y.vjp(dy);
        let gradient = |&x: &Var<'_, T>| {
            if self.frozen(x) { Tensor::zeros(x.shape()) } else { grads[x].clone() }
        };
        Ok(inputs.iter().map(gradient).collect())
    }

    fn jvp_plain(&self, x: &[Tensor<T>], _y: &Tensor<T>, dx: &[Option<Tensor<T>>]) -> Result<Tensor<T>, Error> {
        let tape = Spare::tape();
        let (inputs, y) = self.again(&tape, x).map_err(Error::Rule)?;
        let along: Vec<_> = inputs.into_iter().zip(dx).filter_map(|(x, dx)| Some((x, dx.as_ref()?))).collect();
        y.try_jvp(&along)
    }
}

impl<T: Float> Checkpoint<T> {
    /// Frozen parameters need no gradient.
    fn frozen(&self, x: Var<'_, T>) -> bool {
        !x.tape().arena.borrow().arrays[x.index()].tracked
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Applies `f` to this array and keeps only the input and the output; a sweep records the inside again.
    ///
    /// The value, and the gradients with respect to the array and to the parameters that `f` uses, are those of `f`
    /// itself. `f` must give the same result each time; its random draws during training are repeated. A sweep
    /// refuses a result of another shape or tape, and parameters that `f` did not use before.
    ///
    /// ```
    /// use autograd::{Param, Tape};
    /// let w = Param::new([[0.5, -0.2], [0.1, 0.3]]);
    /// let tape = Tape::new();
    /// let x = tape.var([[1.0, 2.0]]);
    /// let y = {
    ///     let w = w.clone();
    ///     x.checkpoint(move |x| x.matmul(&w).tanh().matmul(&w).tanh())
    /// };
    /// let plain = x.matmul(&w).tanh().matmul(&w).tanh();
    /// assert_eq!(y.value(), plain.value());
    /// let (kept, recorded) = (plain.sum().backward()[&w].clone(), y.sum().backward()[&w].clone());
    /// assert!(kept.is_close(&recorded, 1e-15));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn checkpoint(self, f: impl for<'s> Fn(Var<'s, T>) -> Var<'s, T> + Send + Sync + 'static) -> Self {
        checkpointed(&[self], Arc::new(move |x| vec![f(x[0])]))[0]
    }
}

/// Applies `f` to several arrays, and keeps only these and what it returns; a sweep records the inside again.
///
/// As [`Var::checkpoint`], for segments with several inputs or outputs, such as the states of a recurrent network:
/// arrays that `f` uses must be among its inputs or be parameters.
///
/// ```
/// use autograd::{checkpoint, Tape};
/// let tape = Tape::new();
/// let (h, c) = (tape.var([0.5]), tape.var([-0.2]));
/// let after = checkpoint(&[h, c], |x| vec![(x[0] + x[1]).tanh(), x[0] * x[1]]);
/// let grads = (after[0] * after[1]).sum().backward();
/// let plain = ((h + c).tanh() * (h * c)).sum().backward();
/// assert_eq!((&grads[h], &grads[c]), (&plain[h], &plain[c]));
/// ```
///
/// # Panics
/// If there is no input, inputs are on different tapes, or `f` returns an array of another tape.
#[must_use]
#[track_caller]
pub fn checkpoint<'t, T: Float>(
    inputs: &[Var<'t, T>],
    f: impl for<'s> Fn(&[Var<'s, T>]) -> Vec<Var<'s, T>> + Send + Sync + 'static,
) -> Vec<Var<'t, T>> {
    let Some(first) = inputs.first() else { panic!("checkpoint: there is no input; give it the arrays that it uses") };
    for x in inputs {
        same_tape("checkpoint", first.tape(), x.tape());
    }
    checkpointed(inputs, Arc::new(f))
}

#[track_caller]
fn checkpointed<'t, T: Float>(x: &[Var<'t, T>], f: Segment<T>) -> Vec<Var<'t, T>> {
    let tape = x[0].tape();
    let seed = tape.random(|rng| rng.random());
    if tape.arena.borrow().transparent {
        return match tape.with_seed(seed, || f(x)) {
            Ok(y) => y,
            Err(law) => panic!("{law}"),
        };
    }
    let scratch = Spare::tape();
    seed.inspect(|&seed| scratch.train(seed));
    let mut given = Vec::with_capacity(x.len());
    for x in x {
        given.push(scratch.constant(x.value())); // a loop, so that a panic points at the caller
    }
    let y = f(&given);
    if let Err(law) = stays(&scratch, &y) {
        panic!("{law}");
    }
    let outputs: Vec<_> = y.iter().map(|y| y.shape()).collect();
    let y = joined(&scratch, &y).value();
    let params = scratch.arena.borrow().arrays.params().to_vec();
    let inputs: Vec<_> = x.iter().copied().chain(params.iter().map(|param| param.on(tape))).collect();
    let frozen = params.iter().map(Param::is_frozen).collect();
    let y = Var::external(Arc::new(Checkpoint { f, outputs: outputs.clone(), params, frozen, seed }), &inputs, &y);
    if outputs.len() == 1 {
        return vec![y];
    }
    let mut first = 0;
    let part = |shape: Shape| {
        let part = y.slice(0, first..first + shape.numel());
        first += shape.numel();
        part.reshape(shape)
    };
    outputs.into_iter().map(part).collect()
}

/// Applies steps one after another, in about √n checkpointed segments.
///
/// Memory for a chain of n steps falls from n to 2√n, at the price of running each step once more.
///
/// ```
/// use autograd::{checkpoint_chain, step, Tape};
/// let steps = vec![step(|x| x.tanh()); 100];
/// let tape = Tape::new();
/// let x = tape.var([0.5]);
/// let y = checkpoint_chain(x, &steps);
/// assert_eq!(tape.len(), 1 + 10);
/// let plain = (0..100).fold(x, |x, _| x.tanh());
/// assert_eq!(y.sum().backward()[x], plain.sum().backward()[x]);
/// ```
#[must_use]
#[track_caller]
pub fn checkpoint_chain<'t, T: Float>(x: Var<'t, T>, steps: &[Step<T>]) -> Var<'t, T> {
    let segment = (steps.len() as f64).sqrt().ceil().max(1.0) as usize;
    let mut y = x;
    for steps in steps.chunks(segment) {
        let steps = steps.to_vec();
        y = checkpointed(&[y], Arc::new(move |x| vec![steps.iter().fold(x[0], |x, step| step(x))]))[0];
    }
    y
}
