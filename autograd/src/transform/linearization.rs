//! [`Linearization`]: a function recorded at a point.

use super::sparse::Sparse;
use super::sparsity::Sparsity;
use crate::error::OrPanic;
use crate::number::Float;
use crate::shape::Shape;
use crate::sweep::{MOST_DIRECTIONS, Seeds, dependence, tangents};
use crate::tape::{Scalar, Spare, Tape, Var};
use crate::tensor::Tensor;

/// How to compute a Jacobian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Mode {
    /// Forward mode if there are fewer inputs than outputs, else reverse mode.
    #[default]
    Auto,
    /// Forward sweeps: a column for each input value, up to 16 of them in one sweep.
    Forward,
    /// One reverse sweep, and one row, for each output value.
    Reverse,
}

/// Records a variable for each input at a point.
pub(super) fn variables<'t, T: Float>(tape: &'t Tape<T>, point: &[Tensor<T>]) -> Vec<Var<'t, T>> {
    point.iter().map(|x| tape.var(x)).collect()
}

/// Panics unless there is one direction for each input, of its shape.
#[track_caller]
pub(super) fn directions<T: Float>(op: &str, x: &[Var<'_, T>], v: &[Tensor<T>]) {
    assert!(v.len() == x.len(), "{op}: {} directions given for {} inputs", v.len(), x.len());
    for (x, v) in x.iter().zip(v) {
        let (shape, other) = (x.shape(), v.shape());
        assert!(shape == *other, "{op}: a direction of shape {other} does not belong to an input of shape {shape}");
    }
}

/// Panics if the closure returned a result on another tape than that of its arguments.
#[track_caller]
pub(super) fn returned_on<T: Float>(tape: &Tape<T>, other: &Tape<T>, op: &str) {
    assert!(
        std::ptr::eq(tape, other),
        "{op}: the closure returned what is recorded on another tape; compute it from what it is given"
    );
}

/// A function recorded at a point: its value, and products with its Jacobian in either direction, repeatable.
///
/// ```
/// use autograd::{linearize, Tensor};
/// let f = linearize(|x| x.square() * 0.5, &Tensor::from([3.0, 4.0]));
/// assert_eq!(f.value(), Tensor::from([4.5, 8.0]));
/// assert_eq!(f.jvp(&[Tensor::from([1.0, 0.0])]), Tensor::from([3.0, 0.0]));
/// assert_eq!(f.vjp(&Tensor::from([1.0, 1.0])), [Tensor::from([3.0, 4.0])]);
/// ```
#[derive(Debug)]
pub struct Linearization<T: Float = f64> {
    pub(super) tape: Spare<T>,
    pub(super) inputs: Vec<u32>,
    /// The outputs in order; their values one after another are the rows of the Jacobian.
    pub(super) outputs: Vec<u32>,
}

/// 1 at the place `at` of each `width` values, 0 elsewhere.
fn unit<T: Float>(shape: &Shape, width: usize, at: usize) -> Tensor<T> {
    let mut unit = Tensor::zeros(shape.clone());
    unit.as_mut_slice().iter_mut().skip(at).step_by(width).for_each(|u| *u = T::one());
    unit
}

/// The largest product of nodes and directions.
const MOST: usize = 1 << 22;

impl<T: Float> Linearization<T> {
    /// Records `f` applied to variables at `point`.
    #[track_caller]
    pub(super) fn new(op: &str, f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>, point: &[Tensor<T>]) -> Self {
        let tape = Spare::tape();
        let (inputs, outputs) = {
            let x = variables(&tape, point);
            let y = f(&x);
            returned_on(&tape, y.tape(), op);
            (x.iter().map(|x| x.index()).collect(), vec![y.index()])
        };
        Linearization { tape, inputs, outputs }
    }

    /// Records the gradient of the scalar function `f` at `point`.
    #[track_caller]
    pub(super) fn of_gradient(
        op: &str,
        f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Scalar<'t, T>,
        point: &[Tensor<T>],
    ) -> Self {
        let tape = Spare::tape();
        let (inputs, outputs) = {
            let x = variables(&tape, point);
            let y = f(&x);
            returned_on(&tape, y.tape(), op);
            let gradients = y.grad(&x[..]);
            (x.iter().map(|x| x.index()).collect(), gradients.iter().map(|dx| dx.index()).collect())
        };
        Linearization { tape, inputs, outputs }
    }

    fn outputs(&self) -> impl Iterator<Item = Var<'_, T>> {
        self.outputs.iter().map(|&array| Var::new(&self.tape, array))
    }

    fn inputs(&self) -> impl Iterator<Item = Var<'_, T>> {
        self.inputs.iter().map(|&array| Var::new(&self.tape, array))
    }

    /// The number of values of all outputs, and of all inputs: the rows and columns of the Jacobian.
    fn numel(&self) -> (usize, usize) {
        (self.outputs().map(|y| y.shape().numel()).sum(), self.inputs().map(|x| x.shape().numel()).sum())
    }

    /// The function's value at the point.
    pub fn value(&self) -> Tensor<T> {
        self.outputs().next().expect("a function has a value").value()
    }

    /// The values of all outputs.
    pub(super) fn values(&self) -> Vec<Tensor<T>> {
        self.outputs().map(Var::value).collect()
    }

    /// The Jacobian-vector product `J·v`: the tangent of the value when the inputs move along `v`.
    ///
    /// # Panics
    /// If `v` does not have one tensor of the right shape for each input.
    #[track_caller]
    pub fn jvp(&self, v: &[Tensor<T>]) -> Tensor<T> {
        self.push("jvp", v).remove(0)
    }

    #[track_caller]
    pub(super) fn push(&self, op: &str, v: &[Tensor<T>]) -> Vec<Tensor<T>> {
        directions(op, &self.inputs().collect::<Vec<_>>(), v);
        tangents(&self.tape, &[self.inputs.iter().copied().zip(v).collect()], &self.outputs).or_panic()
    }

    /// The vector-Jacobian product `uᵀ·J`: the gradients of `⟨u, value⟩`.
    ///
    /// # Panics
    /// If `u` has another shape than the value.
    #[track_caller]
    pub fn vjp(&self, u: &Tensor<T>) -> Vec<Tensor<T>> {
        let y = self.outputs().next().expect("a function has a value");
        let grads = y.vjp(u);
        self.inputs().map(|x| Tensor::new(x.shape(), grads[Var::new(y.tape(), x.index())].to_vec())).collect()
    }

    /// The directions that a sweep carries: [`MOST_DIRECTIONS`], or fewer on a long tape, so that its working memory, a number or
    /// two for each node and direction, stays bounded.
    fn most(&self) -> usize {
        (MOST / self.tape.len().max(1)).clamp(1, MOST_DIRECTIONS)
    }

    /// What so many sweeps cost that carry so many directions in all, in numbers passed on: about what a node costs by itself.
    fn work(&self, sweeps: usize, directions: usize) -> usize {
        const NODE: usize = 100;
        sweeps * NODE * self.tape.len() + directions * self.tape.arena.borrow().numbers()
    }

    /// Calls `f` with each `i` below `width`, and the tangents of all outputs when number `i` of each `width` numbers of
    /// `x` moves.
    #[track_caller]
    fn push_each(&self, x: Var<'_, T>, width: usize, mut f: impl FnMut(usize, &[Tensor<T>])) {
        let shape = x.shape();
        let most = self.most();
        for start in (0..width).step_by(most) {
            let v: Vec<Tensor<T>> = (start..width.min(start + most)).map(|i| unit(&shape, width, i)).collect();
            let seeds: Vec<_> = v.iter().map(|v| Seeds::from_iter([(x.index(), v)])).collect();
            let y = tangents(&self.tape, &seeds, &self.outputs).or_panic();
            (start..).zip(y.chunks(self.outputs.len())).for_each(|(i, y)| f(i, y));
        }
    }

    /// See [`jacobian_each`](crate::jacobian_each()): of the only input.
    #[track_caller]
    pub(super) fn jacobian_each(&self) -> Tensor<T> {
        let (x, y) = (self.inputs().next().expect("one input"), self.outputs().next().expect("one output"));
        let (shape, of) = (x.shape(), y.shape());
        let Some(&rows) = shape.first() else {
            panic!("jacobian_each: x has shape (), without an axis of rows; reshape it to (rows, values)")
        };
        assert!(
            of.first() == Some(&rows),
            "jacobian_each: the result has shape {of}, but x of shape {shape} has {rows} rows; the function must map each row"
        );
        let [k, m] = [&shape, &of].map(|shape| shape.around(0..1).2);
        let mut all = Tensor::repeated("jacobian_each", Shape::from([rows, m, k]), T::zero());
        let values = all.as_mut_slice();
        if values.is_empty() {
            return all;
        }
        // A row takes a sweep of its own; columns share sweeps.
        if self.work(m, m) <= self.work(k.div_ceil(self.most()), k) {
            for j in 0..m {
                let grads = y.vjp(&unit(&of, m, j));
                let Some(dx) = grads.found(Var::new(y.tape(), x.index())) else { continue };
                for (b, dx) in dx.as_slice().chunks(k).enumerate() {
                    values[(b * m + j) * k..][..k].copy_from_slice(dx);
                }
            }
            return all;
        }
        self.push_each(x, k, |i, y| {
            for (at, &dy) in y[0].as_slice().iter().enumerate() {
                values[at * k + i] = dy;
            }
        });
        all
    }

    /// The Jacobian as a matrix, with a row for each output value and a column for each input value, in order.
    ///
    /// ```
    /// use autograd::{linearize, Mode, Tensor};
    /// let f = linearize(|x| x.softmax(0), &Tensor::from([0.0, 0.0]));
    /// assert_eq!(f.jacobian(Mode::Auto), Tensor::from([[0.25, -0.25], [-0.25, 0.25]]));
    /// ```
    #[track_caller]
    pub fn jacobian(&self, mode: Mode) -> Tensor<T> {
        let widths: Vec<_> = self.inputs().map(|x| x.shape().numel()).collect();
        let (rows, columns) = self.numel();
        let mut jacobian = Tensor::repeated("jacobian", Shape::from([rows, columns]), T::zero());
        let values = jacobian.as_mut_slice();
        if mode == Mode::Forward || (mode == Mode::Auto && columns < rows) {
            let mut first = 0;
            for (x, &width) in self.inputs().zip(&widths) {
                self.push_each(x, width, |i, y| {
                    for (row, &value) in y.iter().flat_map(Tensor::as_slice).enumerate() {
                        values[row * columns + first + i] = value;
                    }
                });
                first += width;
            }
        } else {
            let mut row = 0;
            for y in self.outputs() {
                let mut u = Tensor::zeros(y.shape());
                for at in 0..u.numel() {
                    u.as_mut_slice()[at] = T::one();
                    let grads = y.vjp(&u);
                    u.as_mut_slice()[at] = T::zero();
                    let mut rest = &mut values[row * columns..][..columns];
                    for (x, &width) in self.inputs().zip(&widths) {
                        let (slots, others) = rest.split_at_mut(width);
                        // The gradient of a constant, such as a frozen parameter, is 0.
                        if let Some(gradient) = grads.found(Var::new(y.tape(), x.index())) {
                            slots.copy_from_slice(gradient.as_slice());
                        }
                        rest = others;
                    }
                    row += 1;
                }
            }
        }
        jacobian
    }

    /// The places of the Jacobian that may not be 0, and groups of its columns or rows to compute together.
    ///
    /// The places follow from the structure of the recorded operations, not from values: they hold wherever `f` records the
    /// same operations on arrays of the same shapes. In a user-defined operation or a checkpoint,
    /// every result counts as dependent on every input. What chooses by values records what was chosen at this point: orders
    /// (`sort`, `topk`, `median`, `quantile`, `cummax` and their kin), intervals (`interp`), a branch of
    /// [`Scalar::select`](crate::Scalar::select) or of the program. Where a function has these, find its places at each point.
    ///
    /// ```
    /// use autograd::{linearize, Tensor};
    /// let sparsity = linearize(|x| x.cumsum(0).sin(), &Tensor::from([1.0, 2.0, 3.0])).sparsity();
    /// // The same places serve at another point.
    /// let j = linearize(|x| x.cumsum(0).sin(), &Tensor::from([0.0, 0.0, 0.0])).jacobian_sparse(&sparsity);
    /// assert_eq!(j.to_dense(), Tensor::from([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]));
    /// ```
    pub fn sparsity(&self) -> Sparsity {
        Sparsity::new(self.numel().1, dependence(&self.tape, &self.inputs, &self.outputs), self.outputs.len() == 1)
    }

    /// The Jacobian as a sparse matrix, with values at the places of `sparsity`; see [`sparsity`](Self::sparsity).
    ///
    /// # Panics
    /// If `sparsity` is that of a function of other shapes; in forward mode, if a user-defined operation has no forward rule.
    #[track_caller]
    pub fn jacobian_sparse(&self, sparsity: &Sparsity) -> Sparse<T> {
        let shape = self.numel();
        assert!(
            sparsity.shape() == shape,
            "jacobian_sparse: the Jacobian has shape {shape:?}, but the sparsity was found for one of shape {:?}; find it \
             for this function",
            sparsity.shape()
        );
        if sparsity.by_rows() {
            let y = self.outputs().next().expect("one output");
            return sparsity.fill(1, |colours| {
                let grads = y.vjp(&sparsity.seeds(colours.start, [y.shape()]).remove(0));
                let found = |x: Var<'_, T>| grads.found(Var::new(y.tape(), x.index())).map(|dx| dx.to_vec());
                vec![
                    self.inputs()
                        .flat_map(|x| found(x).unwrap_or_else(|| vec![T::zero(); x.shape().numel()]))
                        .collect(),
                ]
            });
        }
        sparsity.fill(self.most(), |colours| {
            let shapes = || self.inputs().map(|x| x.shape());
            let v: Vec<Vec<Tensor<T>>> = colours.map(|colour| sparsity.seeds(colour, shapes())).collect();
            let seeds: Vec<Seeds<'_, T>> = v.iter().map(|v| self.inputs.iter().copied().zip(v).collect()).collect();
            let y = tangents(&self.tape, &seeds, &self.outputs).or_panic();
            y.chunks(self.outputs.len()).map(|y| y.iter().flat_map(Tensor::as_slice).copied().collect()).collect()
        })
    }
}
