//! [`Nngp`]: Bayesian regression with a network of infinite width.

use std::f64::consts::PI;

use autograd::Tensor;

use super::InfiniteWidth;
use crate::Error;
use crate::error::shown;

/// What is known of outputs: normal distributions, independent for each column of the targets.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Posterior {
    /// The means, (m,) or (m, outputs) as the targets are.
    pub mean: Tensor,
    /// The variances, (m,), without noise.
    pub variance: Tensor,
}

/// Regression with the NNGP kernel: the posterior of a network of infinite width whose weights are all uncertain.
///
/// For targets `y = f(X) + ε` with ε of variance `noise`, at other inputs x (Rasmussen & Williams 2006, algorithm 2.1):
///
/// `mean = K(x, X)·(K(X, X) + noise·1)⁻¹·y`, `variance = K(x, x) − K(x, X)·(K(X, X) + noise·1)⁻¹·K(X, x)`.
///
/// ```
/// use autograd::Tensor;
/// use mlp::infinite::{InfiniteWidth, Nngp};
/// // Without hidden layers it is Bayesian linear regression: here y = w·x with w of variance 2, seen once.
/// let line = InfiniteWidth::new().dense(2.0, 0.0);
/// let process = Nngp::fit(&line, &[[1.0]].into(), &[3.0].into(), 1.0)?;
/// let posterior = process.predict(&[[2.0]].into())?;
/// assert!((posterior.mean.item() - 4.0).abs() < 1e-14); // w = 2/(2 + 1)·3
/// assert!((posterior.variance.item() - 4.0 * 2.0 / 3.0).abs() < 1e-14); // 1/var(w) = 1/2 + 1
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Nngp {
    network: InfiniteWidth,
    x: Tensor,
    targets: Targets,
    /// The Cholesky factor of K(X, X) + noise·1.
    factor: Tensor,
    /// (K(X, X) + noise·1)⁻¹·y
    weights: Tensor,
}

impl Nngp {
    /// Takes samples `x`, (n, inputs), with targets `y`, (n,) or (n, outputs), whose noise has variance `noise`.
    ///
    /// ```
    /// use mlp::infinite::{InfiniteWidth, Nngp};
    /// let network = InfiniteWidth::mlp(mlp::Activation::Relu, 1, 2.0, 0.1)?;
    /// let (x, y) = ([[1.0], [2.0], [1.0]].into(), [0.1, 0.2, 0.3].into());
    /// let error = Nngp::fit(&network, &x, &y, 0.0).unwrap_err().to_string();
    /// assert_eq!(error, "nngp: rows 0 and 2 of the inputs are equal, and there is no noise; give noise, or drop one of them");
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`InfiniteWidth::kernels`]; if the targets do not fit or are not finite; if the noise is negative or not finite; if
    /// without noise the kernel matrix is singular.
    pub fn fit(network: &InfiniteWidth, x: &Tensor, y: &Tensor, noise: f64) -> Result<Self, Error> {
        if !(noise >= 0.0 && noise.is_finite()) {
            return Err(Error::invalid(
                "nngp",
                format!("noise {}; a variance is finite and not negative", shown(noise)),
            ));
        }
        let targets = Targets::new("nngp", x, y)?;
        let k = network.nngp(x, x)?;
        if noise == 0.0
            && let Some([i, j]) = equal_rows(x)
        {
            let why = format!(
                "rows {i} and {j} of the inputs are equal, and there is no noise; give noise, or drop one of them"
            );
            return Err(Error::invalid("nngp", why));
        }
        let n = k.shape()[0];
        let noisy = &k + &(&Tensor::ones([n]).diagonal_matrix() * noise);
        let singular = || {
            let least = n as f64 * f64::EPSILON * k.trace().item() / n as f64;
            let why = format!(
                "the kernel matrix is singular to working precision with noise {}: some inputs say the same; give noise of \
                 {least:.0e} or more",
                shown(noise)
            );
            Error::invalid("nngp", why)
        };
        let factor = noisy.try_cholesky().map_err(|_| singular())?;
        // What is left of a variance that is known is round-off of it.
        let pivots = factor.diagonal().square();
        let lost = |(pivot, all): (&f64, &f64)| *pivot <= n as f64 * f64::EPSILON * all;
        if pivots.as_slice().iter().zip(noisy.diagonal().as_slice()).any(lost) {
            return Err(singular());
        }
        let weights = factor.cholesky_solve(&targets.y);
        Ok(Nngp { network: network.clone(), x: x.clone(), targets, factor, weights })
    }

    /// The posterior at other inputs, (m, inputs).
    ///
    /// # Errors
    /// Those of [`InfiniteWidth::kernels`].
    pub fn predict(&self, x: &Tensor) -> Result<Posterior, Error> {
        let state = self.network.state(&self.x, x)?;
        let prior = state.column_variances();
        let beside = state.kernels().nngp;
        let known = self.factor.solve_lower(&beside).square().sum_axis(0);
        let mean = self.targets.shaped(beside.t().matmul(&self.weights));
        Ok(Posterior { mean, variance: not_negative(&prior - &known) })
    }

    /// The logarithm of the density of the targets, `−½·yᵀ·(K + noise·1)⁻¹·y − ½·ln det(K + noise·1) − n/2·ln 2π`, summed over
    /// outputs: the greater, the better network, depth and noise fit.
    ///
    /// ```
    /// use mlp::infinite::{InfiniteWidth, Nngp};
    /// let line = InfiniteWidth::new().dense(2.0, 0.0);
    /// let process = Nngp::fit(&line, &[[1.0]].into(), &[3.0].into(), 1.0)?; // y has variance 3
    /// let density = (-0.5f64 * 9.0 / 3.0).exp() / (2.0 * std::f64::consts::PI * 3.0).sqrt();
    /// assert!((process.log_likelihood() - density.ln()).abs() < 1e-14);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn log_likelihood(&self) -> f64 {
        let [n, outputs] = [self.targets.y.shape()[0], self.targets.y.shape()[1]];
        let fit = (&self.targets.y * &self.weights).sum();
        let volume = self.factor.diagonal().ln().sum() + n as f64 / 2.0 * (2.0 * PI).ln();
        -0.5 * fit - outputs as f64 * volume
    }
}

/// Targets as a matrix, (n, outputs).
#[derive(Debug, Clone)]
pub(super) struct Targets {
    pub(super) y: Tensor,
    /// Whether they were given as (n,).
    one: bool,
}

impl Targets {
    pub(super) fn new(what: &'static str, x: &Tensor, y: &Tensor) -> Result<Self, Error> {
        let shape = y.shape();
        let one = shape.len() == 1;
        if !(one || shape.len() == 2) || shape.first() != x.shape().first() || y.numel() == 0 {
            let why = format!(
                "targets of shape {shape} for inputs of shape {}; they are (samples,) or (samples, outputs)",
                x.shape()
            );
            return Err(Error::invalid(what, why));
        }
        let width = if one { 1 } else { shape[1] };
        if let Some(at) = y.as_slice().iter().position(|y| !y.is_finite()) {
            let (sample, found) = (at / width, y.as_slice()[at].to_string());
            return Err(Error::NotFinite { what: "targets", sample, position: at % width, found });
        }
        Ok(Targets { y: y.reshape([shape[0], width]), one })
    }

    /// A matrix, (m, outputs), in the form that the targets were given.
    pub(super) fn shaped(&self, y: Tensor) -> Tensor {
        if self.one { y.flatten() } else { y }
    }
}

/// Two rows that are the same.
pub(super) fn equal_rows(x: &Tensor) -> Option<[usize; 2]> {
    let d = x.shape()[1];
    let row = |i: usize| &x.as_slice()[i * d..(i + 1) * d];
    let order = |i: &usize, j: &usize| row(*i).iter().zip(row(*j)).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne());
    let mut rows: Vec<usize> = (0..x.shape()[0]).collect();
    rows.sort_by(|i, j| order(i, j).unwrap_or(i.cmp(j)));
    rows.windows(2).map(|pair| [pair[0], pair[1]]).find(|&[i, j]| row(i) == row(j))
}

/// A variance that is all known may be left with a negative round-off.
pub(super) fn not_negative(variance: Tensor) -> Tensor {
    variance.relu()
}
