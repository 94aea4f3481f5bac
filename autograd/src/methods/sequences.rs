//! Differences, products, sums of exponentials and repetitions along an axis, powers, distances and interpolation.

use crate::error::{Error, OrPanic};
use crate::number::Float;
use crate::ops::{scan, sequence};
use crate::tape::{Operand, Var};
use crate::tensor::Tensor;

methods! {
    trait Sequences;

    /// The differences of neighbours along an axis, `y[j] = x[j + 1] − x[j]`; one value less than before.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 4.0, 2.0]).diff(0), Tensor::from([3.0, -2.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, or is empty.
    fn diff / try_diff (x, axis: usize) sequence::diff(x, axis);

    /// The running product along an axis, `y[j] = x[0]·…·x[j]`; its gradient is right where factors are 0.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.var([2.0, 0.0, 4.0]);
    /// let y = x.cumprod(0);
    /// assert_eq!(y.value(), Tensor::from([2.0, 0.0, 0.0]));
    /// assert_eq!(y.at(0, 2).sum().backward()[x], Tensor::from([0.0, 8.0, 0.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn cumprod / try_cumprod (x, axis: usize) sequence::cumprod(x, axis);

    /// `ln Σ exp` of the values so far along an axis, `y[j] = ln(exp(x[0]) + … + exp(x[j]))`, without overflow.
    ///
    /// `dx[i] = Σ_{j ≥ i} exp(x[i] − y[j])·dy[j]`. Equal infinities have equal shares.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.var([1e4, 1e4, -1e4]);
    /// let y = x.logcumsumexp(0);
    /// assert_eq!(y.value(), Tensor::from([1e4, 1e4 + 2f64.ln(), 1e4 + 2f64.ln()]));
    /// assert_eq!(y.at(0, 2).sum().backward()[x], Tensor::from([0.5, 0.5, 0.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn logcumsumexp / try_logcumsumexp (x, axis: usize) scan::logcumsumexp(x, axis);

    /// The powers `1, x, x², …` of each value along a new last axis, as of Vandermonde's matrix: `(…) → (…, count)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([2.0, 0.0]).vander(3), Tensor::from([[1.0, 2.0, 4.0], [1.0, 0.0, 0.0]]));
    /// ```
    ///
    /// # Panics
    /// If `count` is 0.
    fn vander / try_vander (x, count: usize) sequence::vander(x, count);

    /// Scales the vectors along an axis whose p-norm is above `largest` down to it: `x·min(1, largest/‖x‖)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([[3.0, 4.0], [0.6, 0.0]]);
    /// assert!(x.renorm(2.0, 1, 1.0).is_close(&Tensor::from([[0.6, 0.8], [0.6, 0.0]]), 1e-15));
    /// ```
    ///
    /// # Panics
    /// If `p < 1`, `largest` is not above 0 and finite, or the axis does not exist.
    fn renorm / try_renorm (x, p: f64, axis: usize, largest: f64) sequence::renorm(x, p, axis, largest);

    /// Repeats each value `count` times along an axis.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0]).repeat(0, 2), Tensor::from([1.0, 1.0, 2.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn repeat / try_repeat (x, axis: usize, count: usize) sequence::repeat(x, axis, count);

    /// Repeats the whole array `counts[i]` times along axis `i`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0]).tile(&[2]), Tensor::from([1.0, 2.0, 1.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If there is not one count for each axis.
    fn tile / try_tile (x, counts: &[usize]) sequence::tile(x, counts);

    /// The integral along an axis of the straight lines through values a distance of `dx` apart (trapezoidal rule).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0, 5.0]).trapezoid(0, 0.5).item(), 2.5);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    fn trapezoid / try_trapezoid (y, axis: usize, dx: f64) sequence::trapezoid(y, axis, dx);

    /// The p-norm along an axis, `(Σ|x|ᵖ)^(1/p)` for `p ≥ 1`; `f64::INFINITY` gives the largest magnitude. No power overflows.
    ///
    /// At 0 the gradient is 0. [`norm`](Self::norm) is the 2-norm of all values.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([3.0, -4.0]);
    /// assert_eq!(x.p_norm(1.0, 0).item(), 7.0);
    /// assert_eq!(x.p_norm(f64::INFINITY, 0).item(), 4.0);
    /// assert!((x.p_norm(3.0, 0).item() - 91f64.cbrt()).abs() < 1e-14);
    /// ```
    ///
    /// # Panics
    /// If `p < 1`, or the axis does not exist.
    fn p_norm / try_p_norm (x, p: f64, axis: usize) sequence::p_norm(x, p, axis);
}

methods! {
    /// Interpolates at each `x` between the points `(places, values)`, piecewise linearly; the first and the last value beyond
    /// them.
    ///
    /// `places` rise. The slope at a place is that of the line after it, and 0 beyond the ends.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let (x, values) = (tape.var([0.5, 1.5, 9.0]), tape.var([0.0, 10.0, 30.0]));
    /// let y = x.interp(&[0.0, 1.0, 2.0], &values);
    /// assert_eq!(y.value(), Tensor::from([5.0, 20.0, 30.0]));
    /// let grads = y.sum().backward();
    /// assert_eq!(grads[x], Tensor::from([10.0, 20.0, 0.0]));
    /// assert_eq!(grads[values], Tensor::from([0.5, 1.0, 1.5]));
    /// ```
    ///
    /// # Panics
    /// If the places do not rise, or there is not one value for each.
    fn interp / try_interp (x, places: &[T], values: &Self) sequence::interp(x, values, places);
}

products! {
    trait Integrals;

    /// The Euclidean distances between the rows of two arrays: `(…, m, d)` and `(…, n, d)` → `(…, m, n)`.
    ///
    /// Computed from differences, so that near points do not cancel. At a distance of 0 the gradient is 0, and higher derivatives
    /// mean nothing.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let d = Tensor::from([[0.0, 0.0], [3.0, 0.0]]).cdist(&Tensor::from([[3.0, 4.0]]));
    /// assert_eq!(d, Tensor::from([[5.0], [4.0]]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    fn cdist / try_cdist (a, b) sequence::cdist(a, b);

    /// The cross product `a × b` of vectors of 3 values along an axis, with broadcasting.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let z = Tensor::from([1.0, 0.0, 0.0]).cross(&Tensor::from([0.0, 1.0, 0.0]), 0);
    /// assert_eq!(z, Tensor::from([0.0, 0.0, 1.0]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast, or the axis does not exist or is not of length 3.
    fn cross / try_cross (a, b; axis: usize) sequence::cross(a, b, axis);

    /// The cosine of the angle between vectors along an axis, `a·b/(‖a‖·‖b‖)`, with broadcasting; norms below 1e-8 count as 1e-8.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let c = Tensor::from([[1.0, 0.0], [3.0, 4.0]]).cosine_similarity(&Tensor::from([1.0, 0.0]), 1);
    /// assert_eq!(c, Tensor::from([1.0, 0.6]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast, or the axis does not exist.
    fn cosine_similarity / try_cosine_similarity (a, b; axis: usize) sequence::cosine_similarity(a, b, axis);
}
