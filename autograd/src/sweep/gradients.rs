//! [`Gradients`]: the result of a sweep.

use std::fmt;
use std::ops::Index;

use crate::number::Float;
use crate::param::Param;
use crate::shape::Shape;
use crate::tape::arena::ArrayOp;
use crate::tape::by_rows::{ByRows, Found};
use crate::tape::scratch::{Kept, Scratch};
use crate::tape::{Scalar, Tape, Var, same_tape};
use crate::tensor::Tensor;

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
    pub(super) tape: &'t Tape<T>,
    pub(super) found: Scratch<T>,
    zero: T,
}

/// The gradient of a parameter, for [`Gradients::given`].
#[derive(Debug, Clone, PartialEq)]
pub enum Gradient<T: Float = f64> {
    /// An array of the shape of the parameter.
    Whole(Tensor<T>),
    /// The indices of rows along the first axis, each once, and the values of these rows one behind another; all other
    /// rows are 0. As [`Gradients::rows_of`] returns them.
    Rows(Vec<usize>, Vec<T>),
}

impl<T: Float> Gradient<T> {
    /// As that of a parameter of this shape.
    #[track_caller]
    fn found(self, shape: &Shape) -> Found<T> {
        match self {
            Gradient::Whole(whole) => {
                let found = whole.shape();
                assert!(found == shape, "gradients: one of shape {found} is given for a parameter of shape {shape}");
                Found::Whole(whole)
            }
            Gradient::Rows(rows, values) => match ByRows::given(shape, rows, values) {
                Ok(rows) => Found::Rows(rows),
                Err(why) => panic!("gradients: {why}"),
            },
        }
    }
}

impl<'t, T: Float> Gradients<'t, T> {
    pub(super) fn new(tape: &'t Tape<T>, found: Scratch<T>) -> Self {
        Gradients { tape, found, zero: T::zero() }
    }

    /// The results, to become gradients of a tape again.
    pub(super) fn into_found(mut self) -> Scratch<T> {
        std::mem::take(&mut self.found)
    }

    /// Gradients that were found elsewhere, such as a sum over several processes, as those of a sweep on `tape`.
    ///
    /// The tape is cleared first. A parameter that is not given has no gradient.
    ///
    /// ```
    /// use autograd::{Gradient, Gradients, Param, Tape, Tensor};
    /// let (w, table) = (Param::new([1.0, 2.0]), Param::new([[0.0], [0.0], [0.0]]));
    /// let mut tape = Tape::new();
    /// let given = [(w.clone(), Gradient::Whole(Tensor::from([3.0, 4.0]))), (table.clone(), Gradient::Rows(vec![2], vec![5.0]))];
    /// let grads = Gradients::given(&mut tape, given);
    /// assert_eq!(grads[&w], Tensor::from([3.0, 4.0]));
    /// assert_eq!(grads.rows_of(&table), Some((&[2][..], &[5.0][..])));
    /// grads.update_each(&w, [], |w, dw, []| *w -= 0.5 * dw);
    /// assert_eq!(w.value(), Tensor::from([-0.5, 0.0]));
    /// ```
    ///
    /// # Panics
    /// If a parameter is given twice, its gradient has another shape, or rows do not exist, occur twice, or have another
    /// length than those of the parameter.
    #[track_caller]
    pub fn given(tape: &'t mut Tape<T>, given: impl IntoIterator<Item = (Param<T>, Gradient<T>)>) -> Self {
        tape.must_record("gradients");
        tape.clear();
        let mut found = tape.scratch.take();
        found.start(Vec::new(), 0, 0);
        let arena = tape.arena.get_mut();
        for (param, gradient) in given {
            assert!(
                !arena.params.contains_key(&param.id()),
                "gradients: a parameter is given twice; add its gradients"
            );
            let gradient = gradient.found(&param.shape());
            let array = arena.param(&param, param.value());
            found.kept.push(Kept { array, reached: true, gradient });
        }
        Gradients::new(tape, found)
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
        self.kept(x.index()).map(|kept| kept.gradient.whole())
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
        kept.reached.then(|| kept.gradient.whole())
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
        self.reached(param).map(Found::whole)
    }

    /// The gradient of a parameter by rows: the index of each row that was read, along the first axis, and its values
    /// one behind another.
    ///
    /// `None` if the parameter's gradient is a whole array; see [`Param::set_by_rows`].
    ///
    /// ```
    /// use autograd::{Param, Tape};
    /// let table = Param::new([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    /// table.set_by_rows(true);
    /// let tape = Tape::new();
    /// let grads = table.on(&tape).take(0, &[2, 0, 2]).sum().backward();
    /// assert_eq!(grads.rows_of(&table), Some((&[2, 0][..], &[2.0, 2.0, 1.0, 1.0][..])));
    /// ```
    pub fn rows_of(&self, param: &Param<T>) -> Option<(&[usize], &[T])> {
        match self.reached(param)? {
            Found::Rows(found) => Some((found.rows(), found.values())),
            Found::Whole(_) => None,
        }
    }

    /// What the sweep found for a parameter, if the number depends on it.
    pub(super) fn reached(&self, param: &Param<T>) -> Option<&Found<T>> {
        let kept = self.kept_param(param)?;
        kept.reached.then_some(&kept.gradient)
    }

    fn kept_param(&self, param: &Param<T>) -> Option<&Kept<T>> {
        self.place_of(param).map(|at| &self.found.kept[at])
    }

    pub(super) fn place_of(&self, param: &Param<T>) -> Option<usize> {
        let arena = self.tape.arena.borrow();
        let last = *arena.params.get(&param.id())?;
        // If it was recorded again after the sweep, its array is unknown to the sweep.
        self.place(last).or_else(|| arena.arrays.earlier(last).find_map(|array| self.place(array)))
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
        self.kept_or_panic(x).gradient.whole()
    }
}

impl<T: Float> Index<&Param<T>> for Gradients<'_, T> {
    type Output = Tensor<T>;

    /// # Panics
    /// If the parameter was not used on the tape, or is frozen.
    #[track_caller]
    fn index(&self, param: &Param<T>) -> &Tensor<T> {
        match self.kept_param(param) {
            Some(kept) => kept.gradient.whole(),
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
        let arrays = self.found.kept.iter().map(|kept| (kept.array, kept.gradient.whole()));
        f.debug_map().entries(arrays).finish()
    }
}
