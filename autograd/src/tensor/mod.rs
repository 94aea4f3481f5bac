//! [`Tensor`]: a plain n-dimensional array, without gradient.

mod display;
mod nested;

use crate::error::{Error, OrPanic};
use crate::memory::{Shared, filled, make_room, no_room};
use crate::number::Float;
use crate::ops::index::checked;
use crate::ops::{self, Array, Input, Op};
use crate::shape::Shape;

/// An n-dimensional array: a shape, and its values in row-major order.
///
/// Cloning is cheap: clones share their values until one of them is written to. Arithmetic broadcasts as in NumPy and
/// has the same methods as recorded arrays. To compute gradients, record a tensor on a [`Tape`](crate::Tape).
///
/// ```
/// use autograd::Tensor;
/// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
/// let y = &x * 10.0 + &Tensor::from([0.5, 0.25]);
/// assert_eq!(y, Tensor::from([[10.5, 20.25], [30.5, 40.25]]));
/// assert_eq!(x.matmul(&x.t()).get([1, 0]), 11.0);
/// ```
#[derive(Clone)]
pub struct Tensor<T: Float = f64> {
    shape: Shape,
    values: Shared<T>,
}

impl<T: Float> Tensor<T> {
    /// Creates an array of `shape` from values in row-major order.
    ///
    /// # Panics
    /// If the number of values differs from that of the shape. [`try_new`](Tensor::try_new) returns this as an error.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>, values: Vec<T>) -> Self {
        Self::try_new(shape, values).or_panic()
    }

    /// Creates an array of `shape` from values that come from data.
    ///
    /// # Errors
    /// If the number of values differs from that of the shape.
    pub fn try_new(shape: impl Into<Shape>, values: Vec<T>) -> Result<Self, Error> {
        let shape = shape.into();
        let numel = shape.checked_numel("tensor")?;
        if numel != values.len() {
            let law = format!("shape {shape} needs {numel} values, got {}", values.len());
            return Err(Error::shape("tensor", law));
        }
        Ok(Tensor { shape, values: Shared::new(values) })
    }

    /// Creates an array that repeats one value.
    ///
    /// # Panics
    /// If the shape has more values than memory can hold. The other constructors panic likewise.
    #[track_caller]
    pub fn full(shape: impl Into<Shape>, value: T) -> Self {
        Self::repeated("full", shape.into(), value)
    }

    /// Creates an array of zeros.
    #[track_caller]
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        Self::repeated("zeros", shape.into(), T::zero())
    }

    /// Creates an array of ones.
    #[track_caller]
    pub fn ones(shape: impl Into<Shape>) -> Self {
        Self::repeated("ones", shape.into(), T::one())
    }

    /// Creates the `n × n` identity matrix.
    #[track_caller]
    pub fn eye(n: usize) -> Self {
        let mut identity = Self::repeated("eye", Shape::from([n, n]), T::zero());
        identity.as_mut_slice().iter_mut().step_by(n.saturating_add(1)).for_each(|diagonal| *diagonal = T::one());
        identity
    }

    /// Creates the rows `y[i, j] = 1` where `j = indices[i]`, else 0: `(n,) → (n, classes)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::one_hot(&[2, 0], 3), Tensor::from([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]));
    /// ```
    ///
    /// # Panics
    /// If an index is not below `classes`. [`try_one_hot`](Tensor::try_one_hot) returns this as an error.
    #[track_caller]
    pub fn one_hot(indices: &[usize], classes: usize) -> Self {
        Self::try_one_hot(indices, classes).or_panic()
    }

    /// [`one_hot`](Tensor::one_hot) of indices that come from data.
    ///
    /// # Errors
    /// If an index is not below `classes`.
    #[track_caller]
    pub fn try_one_hot(indices: &[usize], classes: usize) -> Result<Self, Error> {
        checked("one_hot", 1, classes, indices)?;
        let shape = Shape::from([indices.len(), classes]);
        shape.checked_numel("one_hot")?;
        let mut rows = Self::repeated("one_hot", shape, T::zero());
        let values = rows.as_mut_slice();
        indices.iter().enumerate().for_each(|(row, index)| values[row * classes + index] = T::one());
        Ok(rows)
    }

    /// Creates the vector `0, 1, …, n − 1`.
    #[track_caller]
    pub fn arange(n: usize) -> Self {
        let mut values = Self::room("arange", &Shape::from(n));
        values.extend((0..n).map(|i| T::from_f64(i as f64)));
        Tensor { shape: Shape::from(n), values: Shared::new(values) }
    }

    /// Creates `n` equally spaced numbers from `first` to `last`, both included.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::linspace(0.0, 1.0, 5), Tensor::from([0.0, 0.25, 0.5, 0.75, 1.0]));
    /// ```
    ///
    /// # Panics
    /// If `first` or `last` is NaN or infinite.
    #[track_caller]
    pub fn linspace(first: f64, last: f64, n: usize) -> Self {
        let finite = first.is_finite() && last.is_finite();
        assert!(finite, "linspace: there are no equal distances from {first} to {last}; both ends must be finite");
        let mut values = Self::room("linspace", &Shape::from(n));
        let steps = n.saturating_sub(1).max(1) as f64;
        // The difference of the ends may overflow.
        let step = if (last - first).is_finite() { (last - first) / steps } else { last / steps - first / steps };
        values.extend((0..n).map(|i| T::from_f64(if i > 0 && i + 1 == n { last } else { first + step * i as f64 })));
        Tensor { shape: Shape::from(n), values: Shared::new(values) }
    }

    /// One value for all of `shape`; a refusal names `op`.
    #[track_caller]
    pub(crate) fn repeated(op: &'static str, shape: Shape, value: T) -> Self {
        match filled(value, shape.checked_numel(op).or_panic()) {
            Some(values) => Tensor { shape, values: Shared::new(values) },
            None => no_room(op, &shape),
        }
    }

    /// An empty vector with capacity for `shape`; a refusal names `op`.
    #[track_caller]
    fn room(op: &'static str, shape: &Shape) -> Vec<T> {
        let mut values = vec![];
        if !make_room(&mut values, shape.checked_numel(op).or_panic()) {
            no_room(op, shape);
        }
        values
    }

    /// Creates an array whose values are computed from their indices.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let t = Tensor::from_fn([2, 2], |i| (10 * i[0] + i[1]) as f64);
    /// assert_eq!(t, Tensor::from([[0.0, 1.0], [10.0, 11.0]]));
    /// ```
    #[track_caller]
    pub fn from_fn(shape: impl Into<Shape>, mut f: impl FnMut(&[usize]) -> T) -> Self {
        let shape = shape.into();
        let mut index = vec![0; shape.len()];
        let mut values = Self::room("from_fn", &shape);
        for _ in 0..shape.numel() {
            values.push(f(&index));
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Tensor { shape, values: Shared::new(values) }
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The number of values.
    pub fn numel(&self) -> usize {
        self.values.len()
    }

    /// The values in row-major order.
    pub fn as_slice(&self) -> &[T] {
        &self.values
    }

    /// The values in row-major order, for writing; other clones keep theirs.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        Shared::make_mut(&mut self.values)
    }

    /// The values in row-major order; without a copy if no other tensor shares them.
    ///
    /// ```
    /// assert_eq!(autograd::Tensor::from([[1.0, 2.0], [3.0, 4.0]]).into_vec(), [1.0, 2.0, 3.0, 4.0]);
    /// ```
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        Shared::try_unwrap(self.values).unwrap_or_else(|shared| shared.to_vec())
    }

    /// A copy of the values in row-major order.
    pub fn to_vec(&self) -> Vec<T> {
        self.values.to_vec()
    }

    /// The value at `index`, which has one number for each axis.
    ///
    /// # Panics
    /// If `index` has another number of axes, or is out of range.
    #[track_caller]
    pub fn get(&self, index: impl AsRef<[usize]>) -> T {
        let index = index.as_ref();
        let inside = index.len() == self.shape.len() && index.iter().zip(self.shape.iter()).all(|(i, n)| i < n);
        assert!(inside, "get: index {index:?} does not lie in shape {}", self.shape);
        let flat = index.iter().zip(self.shape.iter()).fold(0, |flat, (i, n)| flat * n + i);
        self.values[flat]
    }

    /// The only value of an array that has one.
    ///
    /// # Panics
    /// If there is not exactly one value.
    #[track_caller]
    pub fn item(&self) -> T {
        assert!(self.numel() == 1, "item: shape {} has {} values, not one", self.shape, self.numel());
        self.values[0]
    }

    /// Applies `f` to each value.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0]).map(|x| x + 0.5), Tensor::from([1.5, 2.5]));
    /// ```
    pub fn map<U: Float>(&self, f: impl FnMut(T) -> U) -> Tensor<U> {
        Tensor { shape: self.shape.clone(), values: Shared::new(self.values.iter().copied().map(f).collect()) }
    }

    /// The same values as another number type.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let half: Tensor<f32> = Tensor::from(0.5f64).cast();
    /// assert_eq!(half.item(), 0.5f32);
    /// ```
    pub fn cast<U: Float>(&self) -> Tensor<U> {
        self.map(|x| U::from_f64(x.to_f64()))
    }

    /// Whether every value is finite.
    pub fn is_finite(&self) -> bool {
        self.values.iter().all(|x| x.is_finite())
    }

    /// Whether shapes agree and each pair of values differs by at most `tolerance·max(1, |a|, |b|)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert!(Tensor::from([1.0, 1000.0]).is_close(&Tensor::from([1.001, 1001.0]), 0.0011));
    /// assert!(!Tensor::from([1.0]).is_close(&Tensor::from([1.001]), 1e-6));
    /// ```
    ///
    /// # Panics
    /// If the tolerance is negative, infinite or NaN, because the comparison would then mean nothing.
    #[track_caller]
    pub fn is_close(&self, other: &Tensor<T>, tolerance: f64) -> bool {
        assert!(
            tolerance >= 0.0 && tolerance.is_finite(),
            "is_close: a tolerance of {tolerance:?} tells nothing apart; it must be 0 or above, and finite"
        );
        let close = |(&a, &b): (&T, &T)| {
            let (a, b) = (a.to_f64(), b.to_f64());
            a == b || (a - b).abs() <= tolerance * 1f64.max(a.abs()).max(b.abs())
        };
        self.shape == other.shape && self.values.iter().zip(&*other.values).all(close)
    }

    /// The shared values, to test whether two tensors use the same memory.
    pub(crate) fn values(&self) -> &Shared<T> {
        &self.values
    }

    pub(crate) fn into_parts(self) -> (Shape, Shared<T>) {
        (self.shape, self.values)
    }

    pub(crate) fn from_parts(shape: Shape, values: Shared<T>) -> Self {
        Tensor { shape, values }
    }

    pub(crate) fn into_values(self) -> Shared<T> {
        self.values
    }
}

impl<T: Float> PartialEq for Tensor<T> {
    fn eq(&self, other: &Self) -> bool {
        // Pointers are not compared first, because a NaN is not equal to itself.
        self.shape == other.shape && self.values[..] == other.values[..]
    }
}

/// Plain evaluation of the rules: each operation computes at once into fresh memory.
impl<T: Float> Array for Tensor<T> {
    type Value = T;

    fn shape(&self) -> Shape {
        self.shape.clone()
    }

    #[track_caller]
    fn apply(op: impl Into<Op>, shape: Shape, x: &[&Self]) -> Self {
        let op = op.into();
        let Some(mut out) = filled(T::zero(), shape.numel()) else { no_room(op.name(), &shape) };
        let inputs: Vec<_> = x.iter().map(|x| Input { shape: &x.shape, values: &x.values }).collect();
        ops::compute(&op, &inputs, &shape, &mut out);
        Tensor { shape, values: Shared::new(out) }
    }

    fn with_values<R>(&self, see: impl FnOnce(&[T]) -> R) -> R {
        see(&self.values)
    }

    fn constant_like(&self, shape: Shape, value: impl FnMut(usize) -> T) -> Self {
        let Some(mut values) = filled(T::zero(), shape.numel()) else { no_room("constant", &shape) };
        values.iter_mut().zip((0..).map(value)).for_each(|(slot, value)| *slot = value);
        Tensor { shape, values: Shared::new(values) }
    }

    fn reshaped(self, shape: &Shape) -> Self {
        Tensor { shape: shape.clone(), values: self.values }
    }
}
