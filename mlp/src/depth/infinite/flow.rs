//! [`GradientFlow`]: the training of a network of infinite width.

use autograd::{Number, Tensor};

use super::InfiniteWidth;
use super::nngp::{Posterior, Targets, equal_rows, not_negative};
use crate::Error;
use crate::error::shown;

/// A network of infinite width, trained by gradient flow on squared errors.
///
/// For `dθ/dt = −∂/∂θ ½·Σ (f(xᵢ) − yᵢ)²` from random weights, outputs are normal at every time t, over the draws of the weights (Lee et
/// al. 2019, eqs. 14 to 16). With `B = Θ(x, X)·Θ(X, X)⁻¹·(1 − e^(−Θ(X, X)·t))`:
///
/// `mean = B·y`, `variance = K(x, x) + B·K(X, X)·Bᵀ − 2·B·K(X, x)`.
///
/// Gradient descent of rate η approaches it, after t/η steps, where the parameters are those of the table in
/// [`infinite`](crate::infinite): of a [`Linear`](crate::Linear) layer, whose weights contain the factor `σ_w/√inputs`, the rate is
/// `η·σ_w²/inputs` for the weights and `η·σ_b²` for the biases. For the mean of n squares, [`Mse`](crate::Mse), the rates are n/2 times as large.
///
/// ```
/// use mlp::infinite::{GradientFlow, InfiniteWidth};
/// let line = InfiniteWidth::new().dense(1.0, 0.0); // f(x) = ω·x, Θ(x, x′) = x·x′
/// let flow = GradientFlow::fit(&line, &[[2.0]].into(), &[3.0].into())?;
/// let early = flow.predict(&[[2.0]].into(), 0.1)?;
/// assert!((early.mean.item() - 3.0 * (1.0 - (-0.4f64).exp())).abs() < 1e-14); // df/dt = 4·(3 − f)
/// assert!((early.variance.item() - 4.0 * (-0.8f64).exp()).abs() < 1e-14); // what is left of the beginning
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GradientFlow {
    network: InfiniteWidth,
    x: Tensor,
    targets: Targets,
    /// K(X, X).
    nngp: Tensor,
    /// Eigenvalues and eigenvectors of Θ(X, X).
    rates: Tensor,
    modes: Tensor,
}

impl GradientFlow {
    /// Takes samples `x`, (n, inputs), with targets `y`, (n,) or (n, outputs).
    ///
    /// # Errors
    /// Those of [`InfiniteWidth::kernels`]; if the targets do not fit or are not finite.
    pub fn fit(network: &InfiniteWidth, x: &Tensor, y: &Tensor) -> Result<Self, Error> {
        let targets = Targets::new("gradient_flow", x, y)?;
        let kernels = network.kernels(x, x)?;
        let (rates, modes) = kernels.ntk.try_eigh()?;
        Ok(GradientFlow { network: network.clone(), x: x.clone(), targets, nngp: kernels.nngp, rates, modes })
    }

    /// The rates at which errors decay on the samples, each along a mode of its own: the eigenvalues of Θ(X, X), increasing, (n,).
    ///
    /// Gradient descent is stable up to a rate of 2 over the last.
    ///
    /// ```
    /// use mlp::infinite::{GradientFlow, InfiniteWidth};
    /// let line = InfiniteWidth::new().dense(1.0, 0.0);
    /// let flow = GradientFlow::fit(&line, &[[2.0], [1.0]].into(), &[3.0, 1.0].into())?;
    /// assert!(flow.rates().is_close(&[0.0, 5.0].into(), 1e-14)); // one weight: only one mode is learned
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn rates(&self) -> &Tensor {
        &self.rates
    }

    /// The distribution of the outputs at other inputs, (m, inputs), after `time`; [`f64::INFINITY`] is the end of training.
    ///
    /// ```
    /// use mlp::infinite::{GradientFlow, InfiniteWidth};
    /// let network = InfiniteWidth::mlp(mlp::Activation::Relu, 1, 2.0, 0.1)?;
    /// let flow = GradientFlow::fit(&network, &[[1.0], [2.0], [1.0]].into(), &[0.1, 0.2, 0.3].into())?;
    /// let error = flow.predict(&[[0.0]].into(), f64::INFINITY).unwrap_err().to_string();
    /// assert!(error.starts_with("gradient_flow: rows 0 and 2 of the inputs are equal"), "{error}");
    /// assert!(flow.predict(&[[0.0]].into(), 1e3).is_ok());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`InfiniteWidth::kernels`]; if the time is negative or NaN; if it is infinite and Θ(X, X) singular.
    pub fn predict(&self, x: &Tensor, time: f64) -> Result<Posterior, Error> {
        if time.is_nan() || time < 0.0 {
            return Err(Error::invalid("gradient_flow", format!("time {}; it must be ≥ 0", shown(time))));
        }
        if time == f64::INFINITY {
            self.regular()?;
        }
        let state = self.network.state(&self.x, x)?;
        let prior = state.column_variances();
        let beside = state.kernels();
        let learned = self.rates.as_slice().iter().map(|&rate| learned(rate, time)).collect::<Vec<_>>();
        let learned = Tensor::new(self.rates.shape(), learned);
        // Bᵀ = v·diag(learned)·vᵀ·Θ(X, x)
        let scaled = &self.modes * &learned;
        let b = scaled.matmul(&self.modes.t().matmul(&beside.ntk));
        let mean = self.targets.shaped(b.t().matmul(&self.targets.y));
        let from_samples = (&b * &(self.nngp.matmul(&b) - &beside.nngp * 2.0)).sum_axis(0);
        Ok(Posterior { mean, variance: not_negative(&prior + &from_samples) })
    }

    fn regular(&self) -> Result<(), Error> {
        let rates = self.rates.as_slice();
        let n = rates.len();
        if rates[0] > n as f64 * f64::EPSILON * rates[n - 1] {
            return Ok(());
        }
        let why = match equal_rows(&self.x) {
            Some([i, j]) => format!("rows {i} and {j} of the inputs are equal; drop one of them, or give a finite time"),
            None => "the kernel matrix is singular to working precision: some inputs say the same; drop some, or give a finite time".into(),
        };
        Err(Error::invalid("gradient_flow", why))
    }
}

/// `(1 − e^(−rate·time))/rate`
fn learned(rate: f64, time: f64) -> f64 {
    match rate * time {
        f64::INFINITY => 1.0 / rate,
        // Of a matrix that is not negative, a rate ≤ 0 is round-off of 0.
        product if product > 1e-12 => -Number::exp_m1(-product) / rate,
        _ => time,
    }
}
