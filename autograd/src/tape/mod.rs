//! The tape: each operation computes its value at once and is recorded.

mod append;
pub(crate) mod arena;
mod arrays;
pub(crate) mod by_rows;
pub(crate) mod debug;
mod node;
mod opcode;
mod operand;
mod scalar;
pub(crate) mod scratch;
mod spare;
pub(crate) mod statement;
mod stream;
mod var;

use std::cell::{Cell, RefCell, RefMut};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

pub use operand::{Operand, ScalarOperand};
pub use scalar::Scalar;
pub(crate) use spare::Spare;
pub use var::Var;
pub(crate) use var::same_shape;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::error::OrPanic;
use crate::memory::no_room;
use crate::memory::pool::Pool;
use crate::number::Float;
use crate::shape::Shape;
use crate::sweep::AllKnown;
use crate::tensor::Tensor;
use append::Second;
use arena::{Arena, ArrayOp, Opcode};
use debug::SourceLines;
use scratch::Scratch;

/// The computation graph. Each operation on its handles computes at once and appends a node.
///
/// Handles ([`Var`], [`Scalar`]) are `Copy` and borrow the tape. [`clear`](Tape::clear) forgets all nodes and keeps
/// the memory for the next recording; it does not compile while a handle is alive. A tape holds up to 2²⁸ nodes and
/// panics at the next one.
///
/// ```
/// use autograd::Tape;
/// let mut tape = Tape::new();
/// for x in [1.0, 2.0] {
///     tape.clear();
///     let x = tape.scalar(x);
///     let y = x * x;
///     assert_eq!(y.backward()[x], 2.0 * x.value());
/// }
/// ```
///
/// A handle cannot outlive its recording:
///
/// ```compile_fail,E0502
/// let mut tape = autograd::Tape::new();
/// let x = tape.scalar(1.0);
/// tape.clear();
/// let y = x + 1.0;
/// ```
pub struct Tape<T: Float = f64> {
    pub(crate) arena: RefCell<Arena<T>>,
    pub(crate) pool: Pool<T>,
    pub(crate) scratch: Cell<Scratch<T>>,
    /// The working memory of recorded sweeps of scalars.
    pub(crate) known: Cell<AllKnown<T>>,
    rng: RefCell<Option<StdRng>>,
    /// Names of arrays whose gradients are reported to an observer.
    pub(crate) names: RefCell<HashMap<u32, String>>,
    /// Whether values and gradients must be finite: see `debug`.
    checks: Cell<bool>,
    pub(crate) places: RefCell<Option<Box<SourceLines>>>,
}

impl Tape {
    /// Creates an empty tape of `f64` values; `Tape::<f32>::default()` creates one of another type.
    ///
    /// It exists for `f64` only, as `HashMap::new` exists for one hasher only. Otherwise `Tape::new()` would leave
    /// the type of every number in a short program open, and `x.value().abs()` would not compile.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<T: Float> Tape<T> {
    /// Creates a tape for values only: it computes arrays without recording them, and has no gradients.
    ///
    /// Use it for inference: call [`clear`](Tape::clear) before each evaluation, and the memory is reused.
    ///
    /// ```
    /// use autograd::{Param, Tape, Tensor};
    /// let w = Param::new([[1.0], [2.0]]);
    /// let mut tape = Tape::values_only();
    /// for (x, y) in [([1.0, 0.0], 1.0), ([0.0, 1.0], 2.0)] {
    ///     tape.clear();
    ///     assert_eq!(tape.constant([x]).matmul(&w).value().item(), y);
    ///     assert!(tape.is_empty());
    /// }
    /// ```
    ///
    /// Any request for a derivative or for the graph panics:
    ///
    /// ```should_panic
    /// let tape = autograd::Tape::values_only();
    /// tape.var([1.0]).sum().backward(); // backward: this tape computes values only; record on Tape::new() instead
    /// ```
    pub fn values_only() -> Self {
        let tape = Self::default();
        tape.arena_mut().values_only = true;
        tape
    }

    /// The arena, borrowed for recording.
    ///
    /// # Panics
    /// If it is already borrowed for reading, which is so while an observer or a rule of the user runs.
    #[track_caller]
    #[inline(always)]
    pub(crate) fn arena_mut(&self) -> RefMut<'_, Arena<T>> {
        match self.arena.try_borrow_mut() {
            Ok(arena) => arena,
            Err(_) => being_walked(),
        }
    }

    /// Panics if the tape computes values only; called by all that needs a recording.
    #[track_caller]
    pub(crate) fn must_record(&self, op: &str) {
        assert!(
            !self.arena.borrow().values_only,
            "{op}: this tape computes values only; record on Tape::new() instead"
        );
    }

    /// Leaks this tape, for notebooks, where handles must live from cell to cell.
    ///
    /// ```
    /// let tape = autograd::Tape::new().leak();
    /// let x: autograd::Scalar<'static> = tape.scalar(2.0);
    /// assert_eq!((x * x).backward()[x], 4.0);
    /// ```
    pub fn leak(self) -> &'static Self {
        Box::leak(Box::new(self))
    }

    /// Records a number whose gradient can be asked for.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.scalar(3.0);
    /// assert_eq!(x.square().backward()[x], 6.0);
    /// ```
    #[track_caller]
    #[inline]
    pub fn scalar(&self, value: T) -> Scalar<'_, T> {
        self.append(Opcode::Variable, 0, Second::Node(0), value)
    }

    /// Records a number without gradient. Plain numbers in formulas do not need this call.
    #[track_caller]
    #[inline]
    pub fn scalar_constant(&self, value: T) -> Scalar<'_, T> {
        self.append(Opcode::Constant, 0, Second::Node(0), value)
    }

    /// Records an array whose gradient can be asked for; its values are shared, not copied.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.var(Tensor::from([1.0, 2.0]));
    /// let grads = (x * x).sum().backward();
    /// assert_eq!(grads[x], Tensor::from([2.0, 4.0]));
    /// ```
    #[track_caller]
    pub fn var(&self, value: impl Into<Tensor<T>>) -> Var<'_, T> {
        self.leaf(Arena::variable, value.into())
    }

    /// Records an array without gradient, such as data; its values are shared, not copied.
    #[track_caller]
    pub fn constant(&self, value: impl Into<Tensor<T>>) -> Var<'_, T> {
        self.leaf(Arena::constant, value.into())
    }

    /// Records an array without gradient, computed value by value in row-major order into memory of the tape.
    ///
    /// Unlike [`constant`](Tape::constant) of a new tensor, it allocates nothing once the tape has grown. Use it for
    /// values that are drawn or looked up at each step.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.constant_with([2, 2], |i| i as f64);
    /// assert_eq!(x.value(), Tensor::from([[0.0, 1.0], [2.0, 3.0]]));
    /// ```
    #[track_caller]
    pub fn constant_with(&self, shape: impl Into<Shape>, f: impl FnMut(usize) -> T) -> Var<'_, T> {
        let shape = shape.into();
        let len = shape.checked_numel("constant_with").or_panic();
        // Computed into a separate buffer, so that `f` may use the tape.
        let Some(mut values) = self.pool.take_if_there_is(len) else { no_room("constant_with", &shape) };
        values.iter_mut().zip((0..).map(f)).for_each(|(slot, value)| *slot = value);
        self.note();
        let array = self.arena_mut().constant_of(shape, &values);
        self.pool.give(values);
        self.recorded_array(array);
        Var::new(self, array)
    }

    #[track_caller]
    fn leaf(&self, record: fn(&mut Arena<T>, Tensor<T>) -> u32, value: Tensor<T>) -> Var<'_, T> {
        self.note();
        let array = record(&mut self.arena_mut(), value);
        self.recorded_array(array);
        Var::new(self, array)
    }

    /// Turns training on: operations that are random during training, such as dropout, draw from a generator seeded
    /// with `seed`. A new tape is in evaluation mode, in which such operations pass their input through.
    ///
    /// The tape owns the generator, so there is no hidden global state: the same seed gives the same bits, and tapes
    /// on several threads do not disturb each other.
    ///
    /// ```
    /// use rand::RngExt;
    /// let tape = autograd::Tape::new();
    /// assert!(tape.random(|rng| rng.random::<f64>()).is_none());
    /// tape.train(7);
    /// let first = tape.random(|rng| rng.random::<f64>());
    /// tape.train(7);
    /// assert_eq!(first, tape.random(|rng| rng.random::<f64>()));
    /// ```
    ///
    /// # Panics
    /// If it is called within the closure of [`random`](Tape::random).
    #[track_caller]
    pub fn train(&self, seed: u64) {
        *self.generator("train") = Some(StdRng::seed_from_u64(seed));
    }

    /// Turns training off again.
    ///
    /// # Panics
    /// If it is called within the closure of [`random`](Tape::random).
    #[track_caller]
    pub fn evaluate(&self) {
        *self.generator("evaluate") = None;
    }

    /// Whether [training](Tape::train) is on.
    ///
    /// ```
    /// let tape = autograd::Tape::<f64>::new();
    /// assert!(!tape.is_training());
    /// tape.train(0);
    /// assert!(tape.is_training());
    /// ```
    ///
    /// # Panics
    /// If it is called within the closure of [`random`](Tape::random).
    #[track_caller]
    pub fn is_training(&self) -> bool {
        self.generator("is_training").is_some()
    }

    #[track_caller]
    fn generator(&self, op: &str) -> RefMut<'_, Option<StdRng>> {
        match self.rng.try_borrow_mut() {
            Ok(generator) => generator,
            Err(_) => panic!("{op}: {HELD}"),
        }
    }

    /// Calls `f` with the generator of [`train`](Tape::train); returns `None` in evaluation mode.
    ///
    /// # Panics
    /// If it is called within `f`.
    #[track_caller]
    pub fn random<R>(&self, f: impl FnOnce(&mut StdRng) -> R) -> Option<R> {
        self.generator("random").as_mut().map(f)
    }

    /// Runs `f` with a generator seeded separately, in place of the present one.
    pub(crate) fn with_seed<R>(&self, seed: Option<u64>, f: impl FnOnce() -> R) -> Result<R, String> {
        /// Restores the present generator, also when `f` panics.
        struct Before<'a>(&'a RefCell<Option<StdRng>>, Option<StdRng>);
        impl Drop for Before<'_> {
            fn drop(&mut self) {
                self.0.replace(self.1.take());
            }
        }
        let seeded = seed.map(StdRng::seed_from_u64);
        let Ok(mut present) = self.rng.try_borrow_mut() else { return Err(format!("checkpoint: {HELD}")) };
        let _before = Before(&self.rng, std::mem::replace(&mut *present, seeded));
        drop(present);
        Ok(f())
    }

    /// Forgets all nodes and keeps the memory for the next recording.
    pub fn clear(&mut self) {
        let gradients = std::mem::take(&mut self.scratch.get_mut().scalars);
        self.arena.get_mut().clear(&self.pool, gradients);
        self.names.get_mut().clear();
        if let Some(places) = self.places.get_mut() {
            places.clear();
        }
    }

    /// The number of nodes recorded since the last [`clear`](Tape::clear).
    pub fn len(&self) -> usize {
        self.arena.borrow().stream.len()
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How often each operation was recorded since the last [`clear`](Tape::clear), by name.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([1.0, 2.0]);
    /// let y = x.tanh().tanh().sum();
    /// assert_eq!(tape.census()["tanh"], 2);
    /// ```
    pub fn census(&self) -> BTreeMap<String, usize> {
        let arena = self.arena.borrow();
        let mut census = BTreeMap::new();
        for node in arena.stream.nodes() {
            let name = match node.code() {
                code @ (Opcode::Unary(_) | Opcode::Binary(_) | Opcode::Statement) => code.name(),
                Opcode::Array => match arena.kind(node.operands()[0]) {
                    kind @ (ArrayOp::Op(_) | ArrayOp::External(_)) => kind.name(),
                    _ => continue,
                },
                Opcode::Variable | Opcode::Constant | Opcode::Item => continue,
            };
            match census.get_mut(name) {
                Some(count) => *count += 1,
                None => drop(census.insert(name.to_string(), 1)),
            }
        }
        census
    }

    /// Approximate bytes that this tape holds for recordings, including memory kept after a sweep or a clear.
    fn held(&self) -> usize {
        self.arena.borrow().held() + self.pool.held()
    }

    /// The bytes that the recorded nodes and their values occupy.
    pub fn bytes(&self) -> usize {
        self.arena.borrow().bytes()
    }
}

impl<T: Float> Default for Tape<T> {
    fn default() -> Self {
        Tape {
            arena: RefCell::new(Arena::new()),
            pool: Pool::new(),
            scratch: Cell::default(),
            known: Cell::default(),
            rng: RefCell::default(),
            names: RefCell::default(),
            checks: Cell::new(false),
            places: RefCell::default(),
        }
    }
}

impl<T: Float> fmt::Debug for Tape<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tape<{}> of {} nodes, {} bytes", T::NAME, self.len(), self.bytes())
    }
}

const HELD: &str = "called within a closure that holds the generator; draw from the one that the closure is given";

#[cold]
#[inline(never)]
#[track_caller]
fn being_walked() -> ! {
    panic!(
        "tape: it is being swept and cannot record; within an observer or a rule look at values only, \
         and record on another tape, or after the sweep"
    )
}

/// Panics if the tapes differ: an index into one means nothing in the other.
#[track_caller]
#[inline(always)]
pub(crate) fn same_tape<T: Float>(op: &str, a: &Tape<T>, b: &Tape<T>) {
    if !std::ptr::eq(a, b) {
        two_tapes(op);
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn two_tapes(op: &str) -> ! {
    panic!("{op}: the operands were recorded on two different tapes; record both on one, or pass values with value()")
}
