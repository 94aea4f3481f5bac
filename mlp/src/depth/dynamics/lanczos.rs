//! [`Lanczos`]: extreme eigenvalues of a symmetric matrix from products with it.

use nalgebra::{DMatrix, SymmetricEigen};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

use crate::depth::flow::spectrum::{orthogonal, unit};
use crate::error::{Error, Result, shown};

/// Computes extreme eigenvalues of a symmetric matrix A from products `A·v`, without forming A.
///
/// The algorithm is that of Lanczos (1950) from a random direction, with full reorthogonalisation: after k products, A in
/// an orthonormal basis of span{v, Av, …, Aᵏ⁻¹v} is a tridiagonal matrix T, whose extreme eigenvalues approach those of
/// A. If T has the eigenvector s for θ, an eigenvalue of A lies within `β_k·|s_k|` of θ (Parlett 1980, §13). The method
/// ends when this bound is below the tolerance for every eigenvalue that is asked for, or after a number of steps.
///
/// It keeps k vectors. An eigenvalue that occurs several times counts once: one starting direction has one component in
/// its eigenspace.
///
/// ```
/// use mlp::dynamics::Lanczos;
/// // A diagonal matrix of the values 1, 2, …, 1000.
/// let product = |v: &[f64]| Ok(v.iter().zip(1..).map(|(v, i)| v * f64::from(i)).collect());
/// let found = Lanczos::new().largest(2).smallest(1).tolerance(1e-6).steps(200).run(1000, product)?;
/// let near = |found: f64, value: f64| (found - value).abs() < 1e-3;
/// assert!(near(found.largest[0].value, 1000.0) && near(found.largest[1].value, 999.0), "{found:?}");
/// assert!(near(found.smallest[0].value, 1.0));
/// assert!(found.products < 200);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lanczos {
    largest: usize,
    smallest: usize,
    tolerance: f64,
    steps: usize,
    seed: u64,
}

impl Default for Lanczos {
    fn default() -> Self {
        Self::new()
    }
}

impl Lanczos {
    /// The largest eigenvalue, a tolerance of 10⁻³, at most 100 steps, seed 0.
    pub const fn new() -> Self {
        Lanczos { largest: 1, smallest: 0, tolerance: 1e-3, steps: 100, seed: 0 }
    }

    /// Asks for the `count` largest eigenvalues.
    #[must_use]
    pub const fn largest(self, count: usize) -> Self {
        Lanczos { largest: count, ..self }
    }

    /// Asks for the `count` smallest eigenvalues: the most negative ones.
    ///
    /// Small eigenvalues of a Hessian lie close together, and need many more steps than the largest.
    #[must_use]
    pub const fn smallest(self, count: usize) -> Self {
        Lanczos { smallest: count, ..self }
    }

    /// Sets the error bound at which to stop, relative to the largest absolute eigenvalue.
    ///
    /// The value itself is usually much closer than its bound ε: its error is about ε² divided by the distance to the
    /// next eigenvalue.
    #[must_use]
    pub const fn tolerance(self, tolerance: f64) -> Self {
        Lanczos { tolerance, ..self }
    }

    /// Sets the largest number of steps, each with one product.
    #[must_use]
    pub const fn steps(self, steps: usize) -> Self {
        Lanczos { steps, ..self }
    }

    /// Sets the seed of the first direction.
    #[must_use]
    pub const fn seed(self, seed: u64) -> Self {
        Lanczos { seed, ..self }
    }

    /// Computes the eigenvalues of an n × n matrix, given its `product` with a vector.
    ///
    /// # Errors
    /// If there is nothing to compute (`n`, the number of steps or of eigenvalues is 0), the tolerance is no number ≥ 0,
    /// `product` fails, or a product has another length than `n` or is not finite.
    pub fn run(&self, n: usize, mut product: impl FnMut(&[f64]) -> Result<Vec<f64>>) -> Result<Eigenvalues> {
        self.check(n)?;
        let mut rng = StdRng::seed_from_u64(self.seed);
        let mut basis = vec![unit((0..n).map(|_| rng.sample(StandardNormal)).collect()).0];
        // T: α on the diagonal, β beside it.
        let (mut alpha, mut beta): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
        let steps = self.steps.min(n);
        let mut check_at = self.largest.max(self.smallest).max(3);
        loop {
            let last = &basis[basis.len() - 1];
            let moved = product(last)?;
            if moved.len() != n {
                let why = format!("a product has {} values for a vector of {n}; return one for each", moved.len());
                return Err(Error::invalid("lanczos", why));
            }
            if let Some(value) = moved.iter().find(|value| !value.is_finite()) {
                let why = format!("a product with the matrix holds {}; its values must be finite", shown(value));
                return Err(Error::invalid("lanczos", why));
            }
            alpha.push(moved.iter().zip(last).map(|(a, b)| a * b).sum());
            let (next, b) = unit(orthogonal(moved, &basis));
            let k = alpha.len();
            let scale = alpha.iter().chain(&beta).fold(0.0, |most: f64, x| most.max(x.abs()));
            // When the space is exhausted, only round-off remains.
            let done = k == n || b <= 1e-14 * scale;
            if done || k == steps || k >= check_at {
                let found = self.extremes(&alpha, &beta, if done { 0.0 } else { b });
                if done || k == steps || found.is_known(self.tolerance) {
                    return Ok(found);
                }
                check_at = k + 1 + k / 8;
            }
            basis.push(next);
            beta.push(b);
        }
    }

    fn check(&self, n: usize) -> Result<()> {
        let asked = self.largest.saturating_add(self.smallest);
        if n == 0 || self.steps == 0 || asked == 0 {
            let steps = self.steps;
            let why = format!("{asked} eigenvalues of a matrix of {n} rows in {steps} steps; all must be above 0");
            return Err(Error::invalid("lanczos", why));
        }
        if self.tolerance.is_nan() || self.tolerance < 0.0 {
            let why = format!("the tolerance {} is not a number ≥ 0", shown(self.tolerance));
            return Err(Error::invalid("lanczos", why));
        }
        Ok(())
    }

    /// The extreme eigenvalues of T, with their bounds `b·|s_k|`.
    fn extremes(&self, alpha: &[f64], beta: &[f64], b: f64) -> Eigenvalues {
        let k = alpha.len();
        let t = DMatrix::from_fn(k, k, |i, j| match i.abs_diff(j) {
            0 => alpha[i],
            1 => beta[i.min(j)],
            _ => 0.0,
        });
        let SymmetricEigen { eigenvalues, eigenvectors } = SymmetricEigen::new(t);
        let pair = |i: usize| Eigenvalue { value: eigenvalues[i], error: b * eigenvectors[(k - 1, i)].abs() };
        let mut all: Vec<Eigenvalue> = (0..k).map(pair).collect();
        all.sort_unstable_by(|a, b| b.value.total_cmp(&a.value));
        let largest = all.iter().take(self.largest).copied().collect();
        let smallest = all.iter().rev().take(self.smallest).copied().collect();
        let size = all[0].value.abs().max(all[k - 1].value.abs());
        Eigenvalues { largest, smallest, products: k, size }
    }
}

/// An eigenvalue, and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Eigenvalue {
    /// The value.
    pub value: f64,
    /// An error bound: an eigenvalue of the matrix lies within this distance of `value`.
    pub error: f64,
}

/// The result of [`Lanczos::run`].
///
/// There are fewer values than were asked for if the matrix has fewer different ones, or after fewer steps.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Eigenvalues {
    /// The largest eigenvalues, in descending order.
    pub largest: Vec<Eigenvalue>,
    /// The smallest eigenvalues, in ascending order.
    pub smallest: Vec<Eigenvalue>,
    /// The number of products with the matrix.
    pub products: usize,
    /// The largest absolute eigenvalue found.
    size: f64,
}

impl Eigenvalues {
    fn is_known(&self, tolerance: f64) -> bool {
        self.largest.iter().chain(&self.smallest).all(|found| found.error <= tolerance * self.size)
    }
}
