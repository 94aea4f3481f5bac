//! Statements: functions of several numbers that take one node each.
//!
//! A statement keeps its inputs and its slopes, which dual numbers give together with the value, so that a sweep passes it in one
//! step, whatever the formula. A slope that is recorded is a statement too, whose slopes are the second derivatives. Those of the
//! third order evaluate the formula on recorded numbers, which have derivatives of any order.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::append::Second;
use super::arena::{Node, Opcode};
use super::{Scalar, Tape, Var, same_tape};
use crate::kernels::fused::{ByOperations, Elementwise, ElementwiseMany, ElementwiseN, KEPT, OneByOne, Output};
use crate::number::dual::{Dual, Partials};
use crate::number::{Float, Number};
use crate::ops::Op;
use crate::ops::map::Map;
use crate::sweep::Recorded;
use crate::tensor::Tensor;

/// A function with its type erased.
pub(crate) trait Statement<T: Float>: Send + Sync {
    /// Records the slopes with respect to the inputs that are `wanted`, and calls `give` with the number of each.
    fn slopes<'t>(&self, x: &[Scalar<'t, T>], wanted: &[bool], give: Give<'_, 't, T>);

    /// The same function of arrays.
    fn operation(self: Arc<Self>) -> Op;
}

pub(crate) type Give<'g, 't, T> = &'g mut dyn FnMut(usize, Recorded<Scalar<'t, T>>);

impl<T: Float, F: ElementwiseN<K>, const K: usize> Statement<T> for OneByOne<F, K> {
    #[track_caller]
    fn slopes<'t>(&self, x: &[Scalar<'t, T>], wanted: &[bool], give: Give<'_, 't, T>) {
        let x: [Scalar<'t, T>; K] = std::array::from_fn(|k| x[k]);
        for k in (0..K).filter(|&k| wanted[k]) {
            let slope = Slope::<F, K> { f: self.0, k };
            let Partials { value, derivatives } = slope.at(Partials::variables(values(x)));
            give(k, Recorded::Handle(recorded(x, value, derivatives, slope, plain::<F>(k))));
        }
    }

    fn operation(self: Arc<Self>) -> Op {
        Op::Map(Map::of(self))
    }
}

/// The slope of a function with respect to input `k`.
#[derive(Clone, Copy)]
struct Slope<F, const K: usize> {
    f: F,
    k: usize,
}

impl<F: ElementwiseN<K>, const K: usize> Slope<F, K> {
    #[inline(always)]
    fn at<N: Number>(self, x: [N; K]) -> N {
        let mut moving = x.map(|x| Dual::new(x, N::zero()));
        moving[self.k].derivative = N::one();
        self.f.f(moving).derivative
    }
}

impl<T: Float, F: ElementwiseN<K>, const K: usize> Statement<T> for Slope<F, K> {
    fn slopes<'t>(&self, x: &[Scalar<'t, T>], wanted: &[bool], give: Give<'_, 't, T>) {
        let mut variables = Partials::variables(std::array::from_fn(|k| Recorded::Handle(x[k])));
        for (variable, _) in variables.iter_mut().zip(wanted).filter(|(_, wanted)| !**wanted) {
            variable.derivatives = [Recorded::zero(); K];
        }
        let slopes = self.at(variables).derivatives;
        (0..K).filter(|&k| wanted[k]).for_each(|k| give(k, slopes[k]));
    }

    fn operation(self: Arc<Self>) -> Op {
        Op::Map(Map::slope_of(Arc::new(OneByOne::<F, K>(self.f)), self.k))
    }
}

/// The values, by a loop: `map` of an array is not always inlined.
#[inline(always)]
fn values<T: Float, const K: usize>(x: [Scalar<'_, T>; K]) -> [T; K] {
    let mut values = [T::zero(); K];
    for k in 0..K {
        values[k] = x[k].value();
    }
    values
}

/// Records the value of a function with its slopes.
#[track_caller]
#[inline(always)]
fn recorded<'t, T: Float, S: Statement<T> + 'static, const K: usize>(
    x: [Scalar<'t, T>; K],
    value: T,
    slopes: [T; K],
    f: S,
    plain: Option<usize>,
) -> Scalar<'t, T> {
    let mut nodes = [0; K];
    for k in 0..K {
        nodes[k] = x[k].node();
    }
    let tape = x[0].tape();
    let operands = tape.arena_mut().stream.statements.push(nodes, slopes, f, plain);
    tape.append(Opcode::Statement, operands[0], Second::Node(operands[1]), value)
}

impl<T: Float, F: ElementwiseN<K>, const K: usize> ByOperations<T, K> for F {
    fn higher(self, wrt: &[u8], x: &[&[T]], out: &mut [T]) {
        let tape = Tape::default();
        let x: [Var<'_, T>; K] = std::array::from_fn(|k| tape.var(Tensor::new([x[k].len()], x[k].to_vec())));
        let Recorded::Handle(mut y) = self.f(x.map(Recorded::Handle)) else { return out.fill(T::zero()) };
        for &k in wrt {
            y = y.sum().grad(x[usize::from(k)]);
        }
        out.copy_from_slice(y.value().as_slice());
    }
}

/// The inputs, slopes and functions of a tape's statements.
pub(crate) struct Statements<T: Float> {
    inputs: Vec<u32>,
    slopes: Vec<T>,
    /// Which function holds from which input on: a position in `plain`, or after these in `own`.
    functions: Vec<(u32, u32)>,
    /// Functions without data of their own, one for each result of each type; they outlive a recording.
    plain: Vec<Arc<dyn Statement<T>>>,
    places: FxHashMap<(TypeId, usize), u32>,
    /// Functions with data.
    own: Vec<Arc<dyn Statement<T>>>,
}

/// Result `at` of a function, if that has no data.
#[inline(always)]
fn plain<F>(at: usize) -> Option<usize> {
    (size_of::<F>() == 0).then_some(at)
}

/// Positions in `own` count from here on.
const OWN: u32 = 1 << 31;

impl<T: Float> Statements<T> {
    pub(crate) fn new() -> Self {
        let (inputs, slopes, functions, plain, own) = (vec![], vec![], vec![], vec![], vec![]);
        Statements { inputs, slopes, functions, plain, places: FxHashMap::default(), own }
    }

    pub(crate) fn clear(&mut self) {
        self.inputs.clear();
        self.slopes.clear();
        self.functions.clear();
        self.own.clear();
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.inputs)
            + size_of_val(&*self.slopes)
            + size_of_val(&*self.functions)
            + size_of_val(&*self.own)
    }

    /// Bytes of capacity for inputs and slopes.
    pub(crate) fn held(&self) -> usize {
        self.inputs.capacity() * size_of::<u32>() + self.slopes.capacity() * size_of::<T>()
    }

    /// Stores a statement; returns the range of its inputs, which are the node's operands. A function without data of its
    /// own is `plain`, and says which of its type's results it is.
    #[inline(always)]
    fn push<S: Statement<T> + 'static, const K: usize>(
        &mut self,
        inputs: [u32; K],
        slopes: [T; K],
        f: S,
        plain: Option<usize>,
    ) -> [u32; 2] {
        let start = self.inputs.len() as u32;
        assert!(
            self.inputs.len() + K <= Node::<T>::MOST,
            "tape: statements of more than 2²⁸ inputs; call clear between steps, or use several tapes"
        );
        let key = plain.map(|result| (TypeId::of::<S>(), result));
        let place = match key.and_then(|key| self.places.get(&key)) {
            Some(&place) => place,
            None => self.place_of(f, key),
        };
        if self.functions.last().is_none_or(|&(_, last)| last != place) {
            self.functions.push((start, place));
        }
        self.inputs.extend_from_slice(&inputs);
        self.slopes.extend_from_slice(&slopes);
        [start, start + K as u32]
    }

    #[inline(never)]
    fn place_of<S: Statement<T> + 'static>(&mut self, f: S, key: Option<(TypeId, usize)>) -> u32 {
        let function = Arc::new(f);
        let Some(key) = key else {
            self.own.push(function);
            return OWN + self.own.len() as u32 - 1;
        };
        self.plain.push(function);
        let place = self.plain.len() as u32 - 1;
        self.places.insert(key, place);
        place
    }

    /// The nodes that a statement reads; `range`: its operands.
    #[inline(always)]
    pub(crate) fn inputs(&self, [start, end]: [u32; 2]) -> &[u32] {
        self.inputs.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The same with the derivative with respect to each.
    #[inline(always)]
    pub(crate) fn links(&self, [start, end]: [u32; 2]) -> impl Iterator<Item = (usize, T)> {
        let slopes = self.slopes.get(start as usize..end as usize).unwrap_or_default();
        self.inputs([start, end]).iter().map(|&x| x as usize).zip(slopes.iter().copied())
    }

    /// The function of a statement.
    pub(crate) fn function(&self, [start, _]: [u32; 2]) -> &Arc<dyn Statement<T>> {
        // A gradient is often recorded right behind its function.
        let after = match self.functions.last() {
            Some(&(first, _)) if first <= start => self.functions.len(),
            _ => self.functions.partition_point(|&(first, _)| first <= start),
        };
        let place = self.functions[after - 1].1;
        match place.checked_sub(OWN) {
            Some(own) => &self.own[own as usize],
            None => &self.plain[place as usize],
        }
    }
}

impl<T: Float> fmt::Debug for Statements<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statements of {} inputs", self.inputs.len())
    }
}

impl<'t, T: Float> Scalar<'t, T> {
    /// Applies a user-defined function, which takes one node: see [`Elementwise`] and [`zip_map`](Scalar::zip_map).
    ///
    /// ```
    /// use autograd::{Elementwise, Number, Tape};
    /// #[derive(Clone, Copy)]
    /// struct Cube;
    /// impl Elementwise for Cube {
    ///     fn f<N: Number>(self, x: N) -> N {
    ///         x * x * x
    ///     }
    /// }
    /// let tape = Tape::new();
    /// let x = tape.scalar(2.0);
    /// assert_eq!(x.map(Cube).backward()[x], 12.0);
    /// ```
    #[must_use]
    #[track_caller]
    #[inline(always)]
    pub fn map(self, f: impl Elementwise) -> Self {
        Scalar::zip_map([self], f)
    }

    /// Applies a user-defined function of several numbers: see [`ElementwiseN`]. The same function runs over arrays
    /// ([`Var::zip_map`](crate::Var::zip_map)) and over plain and [dual](crate::Dual) numbers.
    ///
    /// A function of up to eight numbers takes one node of the tape, whatever its formula: dual numbers give the value with its
    /// slopes, and the sweep passes these. A longer formula is so recorded and swept in a fraction of the time of its
    /// operations one by one. A function of more numbers is recorded as these operations. A gradient that is to be
    /// differentiated again ([`grad`](Scalar::grad)) takes one node for each slope; from the third order on, the formula's
    /// operations are recorded, to any order.
    ///
    /// ```
    /// use autograd::{ElementwiseN, Number, Scalar, Tape};
    /// #[derive(Clone, Copy)]
    /// struct Rosenbrock;
    /// impl ElementwiseN<2> for Rosenbrock {
    ///     #[inline(always)]
    ///     fn f<N: Number>(self, [x, y]: [N; 2]) -> N {
    ///         (N::one() - x).square() + N::constant(100.0) * (y - x * x).square()
    ///     }
    /// }
    /// let tape = Tape::new();
    /// let (x, y) = (tape.scalar(-1.0), tape.scalar(2.0));
    /// let z = Scalar::zip_map([x, y], Rosenbrock);
    /// assert_eq!(tape.len(), 3);
    /// assert_eq!(z.value(), Rosenbrock.f([-1.0, 2.0]));
    /// assert_eq!((z.backward()[x], z.backward()[y]), (396.0, 200.0));
    /// assert_eq!(z.grad(x).backward()[y], 400.0); // ∂²z/∂x∂y = −400x
    /// ```
    ///
    /// # Panics
    /// If the numbers lie on different tapes, or if there are none.
    #[must_use]
    #[track_caller]
    #[inline(always)]
    pub fn zip_map<F: ElementwiseN<K>, const K: usize>(x: [Self; K], f: F) -> Self {
        let first = *x.first().expect("zip_map: a function of 0 inputs; it needs one at least");
        for other in &x[1..] {
            same_tape("zip_map", first.tape(), other.tape());
        }
        if K > KEPT {
            return f.f(x.map(Recorded::Handle)).on(first.tape());
        }
        let Partials { value, derivatives } = f.f(Partials::variables(values(x)));
        recorded(x, value, derivatives, OneByOne(f), plain::<F>(0))
    }

    /// Applies a user-defined function with several results: see [`ElementwiseMany`]. Each takes a node, as that of
    /// [`zip_map`](Scalar::zip_map) does, and one evaluation gives all values and slopes.
    ///
    /// ```
    /// use autograd::{ElementwiseMany, Number, Scalar, Tape};
    /// #[derive(Clone, Copy)]
    /// struct Roots;
    /// impl ElementwiseMany<2, 2> for Roots {
    ///     #[inline(always)]
    ///     fn f<N: Number>(self, [p, q]: [N; 2]) -> [N; 2] {
    ///         let root = (p * p - q).sqrt(); // of x² − 2px + q
    ///         [p - root, p + root]
    ///     }
    /// }
    /// let tape = Tape::new();
    /// let (p, q) = (tape.scalar(2.0), tape.scalar(3.0));
    /// let [low, high] = Scalar::map_many([p, q], Roots);
    /// assert_eq!((low.value(), high.value()), (1.0, 3.0));
    /// assert_eq!((low * high).backward()[q], 1.0);
    /// ```
    ///
    /// # Panics
    /// If the numbers lie on different tapes, or if there are none.
    #[must_use]
    #[track_caller]
    #[inline(always)]
    pub fn map_many<F: ElementwiseMany<K, M>, const K: usize, const M: usize>(x: [Self; K], f: F) -> [Self; M] {
        let first = *x.first().expect("map_many: a function of 0 inputs; it needs one at least");
        for other in &x[1..] {
            same_tape("map_many", first.tape(), other.tape());
        }
        let mut results = [first; M];
        if K > KEPT {
            let all = f.f(x.map(Recorded::Handle));
            for (result, y) in results.iter_mut().zip(all) {
                *result = y.on(first.tape());
            }
            return results;
        }
        let all = f.f(Partials::variables(values(x)));
        for (at, (result, Partials { value, derivatives })) in results.iter_mut().zip(all).enumerate() {
            *result = recorded(x, value, derivatives, OneByOne(Output { f, at }), plain::<F>(at));
        }
        results
    }
}

/// Records the slopes of a statement with respect to the inputs that are `wanted`, and calls `give` with each of these; both know
/// `state`.
#[track_caller]
pub(crate) fn recorded_slopes<'t, T: Float, S: ?Sized>(
    tape: &'t Tape<T>,
    operands: [u32; 2],
    state: &mut S,
    wanted: impl Fn(&S, u32) -> bool,
    give: impl Fn(&mut S, u32, Recorded<Scalar<'t, T>>),
) {
    let mut x: SmallVec<[Scalar<'t, T>; 4]> = SmallVec::new();
    let f = {
        let arena = tape.arena.borrow();
        let statements = &arena.stream.statements;
        for &node in statements.inputs(operands) {
            x.push(Scalar::new(tape, node, arena.stream.value(node as usize)));
        }
        statements.function(operands).clone()
    };
    let wanted: SmallVec<[bool; 8]> = x.iter().map(|x| wanted(state, x.node())).collect();
    f.slopes(&x, &wanted, &mut |k, slope| give(state, x[k].node(), slope));
}
