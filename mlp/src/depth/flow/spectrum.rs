//! Singular values of the Jacobian of a network, or of a section of it.

use autograd::{Float, Tensor, Var, linearize};
use nalgebra::{DMatrix, SVD};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

use super::scale::Products;
use super::stats::norm;

/// Computes the singular values of the Jacobian of `f` at `x`, in descending order.
///
/// Their number is the smaller of the numbers of values of `x` and `f(x)`. All are NaN if a derivative is not finite.
///
/// The function forms the Jacobian, so it suits up to a few hundred values. Pass a single sample: samples do not
/// interact.
///
/// ```
/// use autograd::Tensor;
/// use mlp::flow::singular_values;
/// use mlp::{Activation, Init, Mlp, Module};
/// use rand::{SeedableRng, rngs::StdRng};
/// let layers = Mlp::new(8).hidden(8, Activation::Identity).output(8, Activation::Identity);
/// let model: Mlp = layers.init(Init::orthogonal()).build(&mut StdRng::seed_from_u64(1))?;
/// let x = Tensor::ones([8]);
/// assert!(singular_values(|x| model.forward(x), &x).iter().all(|s| (s - 1.0).abs() < 1e-12));
/// let stretch = singular_values(|x| model.layers()[1].forward(x), &x); // from layer 0 to layer 1
/// assert_eq!(stretch.len(), 8);
/// # Ok::<(), mlp::Error>(())
/// ```
#[track_caller]
pub fn singular_values<T: Float>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>, x: &Tensor<T>) -> Vec<f64> {
    let jacobian = autograd::jacobian(f, x);
    let (m, n) = (jacobian.shape()[0], jacobian.shape()[1]);
    if !jacobian.is_finite() {
        return vec![f64::NAN; m.min(n)]; // the iteration would not terminate
    }
    if m.min(n) == 0 {
        return vec![];
    }
    let values = DMatrix::from_row_iterator(m, n, jacobian.as_slice().iter().map(|j| j.to_f64()));
    let mut values: Vec<f64> = values.singular_values().iter().copied().collect();
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    values
}

/// The result of [`extreme_singular_values`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Extremes {
    /// The largest singular value.
    pub largest: f64,
    /// The smallest singular value.
    ///
    /// It starts far too large, and needs many more steps than the largest.
    pub smallest: f64,
    /// An error bound: a singular value lies within this distance of `largest`.
    pub largest_error: f64,
    /// An error bound: a singular value lies within this distance of `smallest`.
    pub smallest_error: f64,
    /// The number of products with the Jacobian, which equals the number of products with its transpose.
    pub steps: usize,
}

/// Computes the extreme singular values of the Jacobian of `f` at `x` without forming it.
///
/// The algorithm is Golub–Kahan bidiagonalisation (1965) from a random direction drawn with `seed`, with full
/// reorthogonalisation (Simon & Zha 2000). It ends when both values are known to 10⁻¹⁰ of the largest, or after `steps`
/// products. Both values are exact after as many steps as the Jacobian has rows or columns, whichever is fewer.
///
/// ```
/// use autograd::Tensor;
/// use mlp::flow::extreme_singular_values;
/// // A diagonal Jacobian with 10⁸ entries, with singular values from 1 to 3.
/// let x: Tensor = Tensor::linspace(0.5, 1.5, 10_000);
/// let found = extreme_singular_values(|x| x.square(), &x, 50, 7);
/// assert!((found.largest - 3.0).abs() < 1e-2 && (found.smallest - 1.0).abs() < 1e-2, "{found:?}");
/// ```
///
/// # Panics
/// If `x` or `f(x)` has no values, or `steps` is 0.
#[track_caller]
pub fn extreme_singular_values<T: Float>(
    f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>,
    x: &Tensor<T>,
    steps: usize,
    seed: u64,
) -> Extremes {
    let products = Products::new(linearize(f, x), x);
    let (short, long) = products.lengths();
    assert!(
        short > 0 && steps > 0,
        "singular values: there are {short} of them and {steps} steps; both must be above 0"
    );
    let mut rng = StdRng::seed_from_u64(seed);
    let mut v = vec![unit((0..short).map(|_| rng.sample(StandardNormal)).collect()).0];
    let mut u: Vec<Vec<f64>> = Vec::new();
    // The Jacobian in the bases u and v: α on the diagonal, β beside it.
    let (mut alpha, mut beta) = (Vec::new(), Vec::new());
    let steps = steps.min(short);
    let mut check_at = 4;
    loop {
        let (next, a) = unit(orthogonal(products.lengthen(&v[v.len() - 1]), &u));
        debug_assert_eq!(next.len(), long);
        u.push(next);
        alpha.push(a);
        let (next, b) = unit(orthogonal(products.shorten(&u[u.len() - 1]), &v));
        let k = alpha.len();
        // When the space is exhausted, only round-off remains.
        let scale = alpha.iter().chain(&beta).fold(0.0, |most: f64, x: &f64| most.max(*x));
        let (done, broken) = (k == short || b <= 1e-14 * scale, !b.is_finite());
        if done || broken || k == steps || k >= check_at {
            let found = extremes(&alpha, &beta, if done && !broken { 0.0 } else { b });
            let known = found.largest_error.max(found.smallest_error) <= 1e-10 * found.largest;
            if done || broken || k == steps || known {
                return found;
            }
            check_at = k + k / 2;
        }
        v.push(next);
        beta.push(b);
    }
}

/// The extreme singular values of the bidiagonal matrix. The error bound of each is `b` times the last component of its
/// left singular vector.
fn extremes(alpha: &[f64], beta: &[f64], b: f64) -> Extremes {
    let steps = alpha.len();
    if alpha.iter().chain(beta).chain([&b]).any(|x| !x.is_finite()) {
        let nan = f64::NAN;
        return Extremes { largest: nan, smallest: nan, largest_error: nan, smallest_error: nan, steps };
    }
    let mut bidiagonal = DMatrix::zeros(steps, steps);
    for (k, &a) in alpha.iter().enumerate() {
        bidiagonal[(k, k)] = a;
    }
    for (k, &b) in beta.iter().enumerate() {
        bidiagonal[(k, k + 1)] = b;
    }
    let svd = SVD::new(bidiagonal, true, false);
    let left = svd.u.expect("asked for");
    let ends = svd.singular_values.iter().copied().enumerate();
    let triplet = |(i, value): (usize, f64)| (value, b * left[(steps - 1, i)].abs());
    let (largest, largest_error) = ends.clone().max_by(|a, b| a.1.total_cmp(&b.1)).map(triplet).expect("a step");
    let (smallest, smallest_error) = ends.min_by(|a, b| a.1.total_cmp(&b.1)).map(triplet).expect("a step");
    Extremes { largest, smallest, largest_error, smallest_error, steps }
}

/// Removes from `w` its components along the orthonormal `basis`, in two passes: round-off leaves a remainder after the
/// first.
pub(in crate::depth) fn orthogonal(mut w: Vec<f64>, basis: &[Vec<f64>]) -> Vec<f64> {
    for b in basis.iter().chain(basis) {
        let along: f64 = b.iter().zip(&w).map(|(b, w)| b * w).sum();
        w.iter_mut().zip(b).for_each(|(w, b)| *w -= along * b);
    }
    w
}

/// Normalises a vector to length 1, and returns its former length; a zero vector stays unchanged.
pub(in crate::depth) fn unit(mut v: Vec<f64>) -> (Vec<f64>, f64) {
    let length = norm(v.iter().copied());
    if length > 0.0 {
        v.iter_mut().for_each(|v| *v /= length);
    }
    (v, length)
}
