//! [`Param`]: a trainable tensor that outlives tapes, and [`Parameters`]: named parameters in a fixed order.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

use indexmap::IndexMap;
use rustc_hash::FxHashSet;

use crate::error::{Error, OrPanic};
use crate::memory::Shared;
use crate::number::Float;
use crate::shape::Shape;
use crate::tape::arena::Storage;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;
use crate::threads::{this_work, waits_for_this};

/// A trainable tensor that lives outside any tape and is used in a formula like a [`Var`].
///
/// Clones are the same parameter. A tape records the value that the parameter has when it is used. Gradients refer to
/// the last recording.
///
/// ```
/// use autograd::{Param, Tape, Tensor};
/// let w = Param::new([[1.0], [2.0]]);
/// let tape = Tape::new();
/// let y = tape.constant([[3.0, 4.0]]).matmul(&w).sum();
/// let grads = y.backward();
/// assert_eq!(grads[&w], Tensor::from([[3.0], [4.0]]));
/// grads.update_each(&w, [], |w, dw, []| *w -= 0.5 * dw);
/// assert_eq!(w.value(), Tensor::from([[-0.5], [0.0]]));
/// ```
pub struct Param<T: Float = f64>(Arc<Inner<T>>);

struct Inner<T: Float> {
    /// The shape of every value, so that it can be read without the lock.
    shape: Shape,
    value: RwLock<Tensor<T>>,
    /// The [work](this_work) that is changing the value, or 0. It would wait for itself if it read the value, and so would
    /// those it waits for.
    changing: AtomicUsize,
    frozen: AtomicBool,
    by_rows: AtomicBool,
}

impl<T: Float> Param<T> {
    /// Creates a parameter with its first value.
    pub fn new(value: impl Into<Tensor<T>>) -> Self {
        let value = value.into();
        Param(Arc::new(Inner {
            shape: value.shape().clone(),
            value: RwLock::new(value),
            changing: AtomicUsize::new(0),
            frozen: AtomicBool::new(false),
            by_rows: AtomicBool::new(false),
        }))
    }

    /// The present value; it is shared, not copied.
    #[track_caller]
    pub fn value(&self) -> Tensor<T> {
        self.read().clone()
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> Shape {
        self.0.shape.clone()
    }

    /// The number of values.
    pub fn numel(&self) -> usize {
        self.0.shape.numel()
    }

    /// Replaces the value.
    ///
    /// # Panics
    /// If the shape differs.
    #[track_caller]
    pub fn set(&self, value: impl Into<Tensor<T>>) {
        self.try_set(value).or_panic()
    }

    /// [`set`](Param::set) for a value that comes from data.
    ///
    /// # Errors
    /// If the shape differs.
    ///
    /// # Panics
    /// If it is called while the value is being changed.
    #[track_caller]
    pub fn try_set(&self, value: impl Into<Tensor<T>>) -> Result<(), Error> {
        let value = value.into();
        if self.0.shape != *value.shape() {
            let law = format!("a parameter of shape {} cannot take a value of shape {}", self.0.shape, value.shape());
            return Err(Error::shape("param", law));
        }
        *self.write() = value;
        Ok(())
    }

    /// Changes the values in place if no tape holds them, else in a copy.
    ///
    /// An optimiser calls [`Gradients::update`](crate::Gradients::update), which first takes the values back from the
    /// tape.
    ///
    /// # Panics
    /// If `f` reads or changes this parameter's value other than through its slice.
    #[track_caller]
    pub fn modify<R>(&self, f: impl FnOnce(&mut [T]) -> R) -> R {
        /// Marks the end of the change, also when `f` panics.
        struct Changing<'a>(&'a AtomicUsize);
        impl Drop for Changing<'_> {
            fn drop(&mut self) {
                self.0.store(0, Ordering::Relaxed);
            }
        }
        let mut held = self.write();
        self.0.changing.store(this_work(), Ordering::Relaxed);
        let _changing = Changing(&self.0.changing);
        f(held.as_mut_slice())
    }

    /// Stops gradients to this parameter in later recordings.
    pub fn freeze(&self) {
        self.0.frozen.store(true, Ordering::Relaxed);
    }

    /// Lets gradients flow to this parameter again.
    pub fn unfreeze(&self) {
        self.0.frozen.store(false, Ordering::Relaxed);
    }

    /// Whether the parameter is [frozen](Param::freeze).
    pub fn is_frozen(&self) -> bool {
        self.0.frozen.load(Ordering::Relaxed)
    }

    /// Sets whether the gradient is kept by rows, for a large table of which each step reads a few.
    ///
    /// What a step costs is then what it reads, not what the table holds. If a formula reads the parameter only by
    /// [`take`](Var::take) along the first axis, a sweep keeps the gradient of the rows that were read
    /// ([`Gradients::rows_of`](crate::Gradients::rows_of)); clipping, sums of parts and
    /// [`update_each`](crate::Gradients::update_each) pass over these alone. An optimiser so leaves the other rows and
    /// their state as they are: momentum does not move them and weight decay does not shrink them until they are read
    /// again, as in PyTorch's `SparseAdam`. Plain gradient descent has the same steps either way.
    ///
    /// Derivatives themselves do not differ: who asks for the whole gradient gets it, at the price of a whole array.
    /// Gradients are whole, and an optimiser so moves every row, in these cases: the parameter is also read otherwise in
    /// that recording, as tied weights are, or within a [checkpoint](crate::checkpoint); the tape
    /// [checks values](Tape::check_finite); the optimiser looks at a parameter as a whole and calls
    /// [`update`](crate::Gradients::update), as `mlp`'s Muon does.
    ///
    /// ```
    /// use autograd::{Param, Tape, Tensor};
    /// let table = Param::new([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    /// table.set_by_rows(true);
    /// let tape = Tape::new();
    /// let grads = table.on(&tape).take(0, &[1, 1]).sum().backward();
    /// assert_eq!(grads[&table], Tensor::from([[0.0, 0.0], [2.0, 2.0], [0.0, 0.0]]));
    /// grads.update_each(&table, [], |w, g, []| *w = 0.5 * *w - g); // with decay
    /// assert_eq!(table.value(), Tensor::from([[1.0, 2.0], [-0.5, 0.0], [5.0, 6.0]]));
    /// ```
    pub fn set_by_rows(&self, by_rows: bool) {
        self.0.by_rows.store(by_rows, Ordering::Relaxed);
    }

    /// Whether the gradient is kept [by rows](Param::set_by_rows).
    pub fn is_by_rows(&self) -> bool {
        self.0.by_rows.load(Ordering::Relaxed)
    }

    /// This parameter as a recorded array. It is recorded once, however often it is used, and again after its value
    /// changed.
    #[track_caller]
    pub fn on<'t>(&self, tape: &'t Tape<T>) -> Var<'t, T> {
        let mut arena = tape.arena_mut();
        let held = self.read();
        let present = |&array: &u32| {
            let node = &arena.arrays[array];
            let Storage::Shared(values) = node.place else { return false };
            let same = arena.arrays.shared(values).is_some_and(|values| Shared::ptr_eq(values, held.values()));
            same && node.tracked != self.is_frozen()
        };
        let array = if arena.values_only {
            arena.constant(held.clone())
        } else {
            match arena.params.get(&self.id()).copied().filter(present) {
                Some(array) => array,
                None => arena.param(self, held.clone()),
            }
        };
        drop(arena);
        tape.recorded_param(array);
        Var::new(tape, array)
    }

    /// An identifier. It is unique while any clone lives; tapes hold a clone, so no two parameters of a tape share
    /// it.
    pub(crate) fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    // Poisoning is ignored: a panic inside `modify` leaves plain numbers, never a broken invariant.
    #[track_caller]
    fn read(&self) -> RwLockReadGuard<'_, Tensor<T>> {
        self.refuse_to_wait_for_oneself();
        self.0.value.read().unwrap_or_else(PoisonError::into_inner)
    }

    #[track_caller]
    fn write(&self) -> RwLockWriteGuard<'_, Tensor<T>> {
        self.refuse_to_wait_for_oneself();
        self.0.value.write().unwrap_or_else(PoisonError::into_inner)
    }

    #[track_caller]
    fn refuse_to_wait_for_oneself(&self) {
        let changing = self.0.changing.load(Ordering::Relaxed);
        assert!(
            changing == 0 || !waits_for_this(changing),
            "param: a parameter of shape {} was asked for its value while it is being changed; ask before modify, update or update_each",
            self.0.shape
        );
    }
}

impl<T: Float> Clone for Param<T> {
    fn clone(&self) -> Self {
        Param(self.0.clone())
    }
}

/// Compares identity, not values.
impl<T: Float> PartialEq for Param<T> {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl<T: Float> Eq for Param<T> {}

/// Hashes the identity, not the value: clones are the same key.
impl<T: Float> Hash for Param<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl<T: Float> fmt::Debug for Param<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.value.try_read() {
            Ok(value) => write!(f, "Param {:?}", *value),
            Err(TryLockError::Poisoned(value)) => write!(f, "Param {:?}", *value.into_inner()),
            Err(TryLockError::WouldBlock) => write!(f, "Param of shape {}, being changed", self.0.shape),
        }
    }
}

/// Named parameters in a fixed order; a part of a model adds its own under a prefix.
///
/// ```
/// use autograd::{Param, Parameters};
/// let (w, b) = (Param::<f64>::new([[1.0]]), Param::new([0.0]));
/// let layer = Parameters::new().with("w", &w).with("b", &b);
/// let model = Parameters::new().with_all("hidden", &layer);
/// assert_eq!(model.names().collect::<Vec<_>>(), ["hidden.w", "hidden.b"]);
/// assert_eq!(model.numel(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct Parameters<T: Float = f64>(IndexMap<String, Param<T>>);

impl<T: Float> Parameters<T> {
    /// Creates an empty collection.
    pub fn new() -> Self {
        Parameters(IndexMap::new())
    }

    /// Adds one parameter.
    ///
    /// # Panics
    /// If the name is taken.
    #[must_use]
    #[track_caller]
    pub fn with(mut self, name: impl Into<String>, param: &Param<T>) -> Self {
        self.insert(name.into(), param);
        self
    }

    /// Adds the parameters of a part, with `prefix.` before their names.
    ///
    /// # Panics
    /// If a name is taken.
    #[must_use]
    #[track_caller]
    pub fn with_all(mut self, prefix: &str, part: &Parameters<T>) -> Self {
        for (name, param) in part.iter() {
            self.insert(if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") }, param);
        }
        self
    }

    #[track_caller]
    fn insert(&mut self, name: String, param: &Param<T>) {
        assert!(!self.0.contains_key(&name), "parameters: the name `{name}` is taken; each parameter needs its own");
        self.0.insert(name, param.clone());
    }

    /// The parameter with this name.
    pub fn get(&self, name: &str) -> Option<&Param<T>> {
        self.0.get(name)
    }

    /// Names and parameters, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Param<T>)> {
        self.0.iter().map(|(name, param)| (name.as_str(), param))
    }

    /// The names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The parameters, in order.
    pub fn params(&self) -> impl ExactSizeIterator<Item = &Param<T>> {
        self.0.values()
    }

    /// Each parameter once, with its first name.
    ///
    /// A tied parameter has several names, as the weights of an encoder and its decoder may.
    ///
    /// ```
    /// use autograd::{Param, Parameters};
    /// let w = Param::new([1.0]);
    /// let tied = Parameters::new().with("encoder", &w).with("decoder", &w);
    /// assert_eq!(tied.distinct().map(|(name, _)| name).collect::<Vec<_>>(), ["encoder"]);
    /// ```
    pub fn distinct(&self) -> impl Iterator<Item = (&str, &Param<T>)> {
        let mut known = FxHashSet::default();
        self.iter().filter(move |(_, param)| known.insert(param.id()))
    }

    /// The number of parameters.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of values of all parameters; a parameter with several names counts once.
    ///
    /// ```
    /// use autograd::{Param, Parameters};
    /// let w = Param::new([1.0, 2.0]);
    /// assert_eq!(Parameters::new().with("encoder", &w).with("decoder", &w).numel(), 2);
    /// ```
    pub fn numel(&self) -> usize {
        self.distinct().map(|(_, param)| param.numel()).sum()
    }
}

impl<T: Float> Default for Parameters<T> {
    fn default() -> Self {
        Self::new()
    }
}
