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
use crate::tape::{Spare, Tape, Var};
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

/// A segment of the graph that is not kept.
struct Checkpoint<T: Float> {
    f: Step<T>,
    /// The parameters that the segment uses: its inputs after the first.
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

    /// Runs the segment on `x` once more; `before` is the shape of its result at the first recording.
    fn run<'s>(&self, x: Var<'s, T>, before: &Shape) -> Result<Var<'s, T>, String> {
        let tape = x.tape();
        let first = tape.arena.borrow().arrays.len() as u32;
        let y = (self.f)(x);
        stays(x, y)?;
        let shape = y.shape();
        if shape != *before {
            return Err(format!(
                "checkpoint: the segment gave shape {shape} where it had given {before}; it must do the same each time"
            ));
        }
        // An unknown parameter has no input to which its gradient could go.
        let known: FxHashSet<usize> = self.params.iter().map(Param::id).collect();
        let arena = tape.arena.borrow();
        let used = (first..arena.arrays.len() as u32).flat_map(|array| arena.arrays.inputs(array));
        for &input in used {
            // The segment's own input may be a parameter.
            if input != x.index()
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
    fn again<'s>(&self, tape: &'s Tape<T>, x: &[Tensor<T>], y: &Tensor<T>) -> Result<Again<'s, T>, String> {
        self.unchanged(&x[1..])?;
        self.seed.inspect(|&seed| tape.train(seed));
        let input = tape.var(&x[0]);
        let y = self.run(input, y.shape())?;
        let inputs = std::iter::once(input).chain(self.params.iter().map(|param| param.on(tape)));
        Ok((inputs.collect(), y))
    }
}

/// The inputs of a segment, and its output.
type Again<'s, T> = (Vec<Var<'s, T>>, Var<'s, T>);

/// Checks that a segment's output lies on the tape of its input.
fn stays<T: Float>(x: Var<'_, T>, y: Var<'_, T>) -> Result<(), String> {
    if std::ptr::eq(x.tape(), y.tape()) {
        return Ok(());
    }
    Err("checkpoint: the segment returned an array of another tape; compute it from the one that it is given".into())
}

impl<T: Float> External<T> for Checkpoint<T> {
    fn name(&self) -> &str {
        "checkpoint"
    }

    fn value(&self, x: &[Tensor<T>]) -> Tensor<T> {
        let tape = Spare::tape();
        self.seed.inspect(|&seed| tape.train(seed));
        (self.f)(tape.constant(&x[0])).value()
    }

    /// For higher derivatives the segment must be on the tape after all.
    fn vjp<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Result<Vec<Var<'t, T>>, String> {
        let tape = dy.tape();
        self.unchanged(&x[1..].iter().map(|x| x.value()).collect::<Vec<_>>())?;
        let start = tape.len();
        let y = tape.with_seed(self.seed, || self.run(x[0], &y.shape()))??;
        // Gradients of the segment alone, because `x` and `dy` may depend on each other, and on the parameters.
        Ok(segment_vjp(start, y, dy, x))
    }

    fn vjp_plain(&self, x: &[Tensor<T>], y: &Tensor<T>, dy: &Tensor<T>) -> Result<Vec<Tensor<T>>, String> {
        let tape = Spare::tape();
        let (inputs, y) = self.again(&tape, x, y)?;
        let grads = y.vjp(dy);
        let gradient = |&x: &Var<'_, T>| {
            if self.frozen(x) { Tensor::zeros(x.shape()) } else { grads[x].clone() }
        };
        Ok(inputs.iter().map(gradient).collect())
    }

    fn jvp_plain(&self, x: &[Tensor<T>], y: &Tensor<T>, dx: &[Option<Tensor<T>>]) -> Result<Tensor<T>, Error> {
        let tape = Spare::tape();
        let (inputs, y) = self.again(&tape, x, y).map_err(Error::Rule)?;
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
        checkpointed(self, Arc::new(f))
    }
}

#[track_caller]
fn checkpointed<'t, T: Float>(x: Var<'t, T>, f: Step<T>) -> Var<'t, T> {
    let tape = x.tape();
    let seed = tape.random(|rng| rng.random());
    if tape.arena.borrow().transparent {
        return match tape.with_seed(seed, || f(x)) {
            Ok(y) => y,
            Err(law) => panic!("{law}"),
        };
    }
    let scratch = Spare::tape();
    seed.inspect(|&seed| scratch.train(seed));
    let input = scratch.constant(x.value());
    let y = f(input);
    if let Err(law) = stays(input, y) {
        panic!("{law}");
    }
    let y = y.value();
    let params = scratch.arena.borrow().arrays.params().to_vec();
    let inputs: Vec<_> = std::iter::once(x).chain(params.iter().map(|param| param.on(tape))).collect();
    let frozen = params.iter().map(Param::is_frozen).collect();
    Var::external(Arc::new(Checkpoint { f, params, frozen, seed }), &inputs, &y)
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
        y = checkpointed(y, Arc::new(move |x| steps.iter().fold(x, |x, step| step(x))));
    }
    y
}
