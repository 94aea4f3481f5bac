//! Losses that are negative logarithms of likelihoods: a model foretells a distribution for each target.

use std::f64::consts::PI;

use autograd::{Float, Shape, Tensor, Var};

use super::targets::{blocks, check_logarithms, check_positive, part, row_axis, values};
use super::{Loss, Outputs};
use crate::error::shown;
use crate::{Error, Targets};

/// Negative log-likelihood of a normal distribution, in nats.
///
/// With the mean `μ` and the variance `v = exp(s)`: `½(s + (t − μ)²/v)` for each target, and `½ ln 2π` more if `full`.
/// `dμ = (μ − t)/v`, `ds = ½(1 − (t − μ)²/v)`.
///
/// - Without a `variance`, the outputs hold the means and after them the **logarithms** of the variances:
///   `(…, 2k)` for targets `(…, k)`. So the noise may differ from sample to sample (Nix & Weigend 1994). The last layer
///   needs no activation.
/// - With a `variance` the outputs are the means: `(…, k)`. This is half the squared error over the variance, plus a
///   constant.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{GaussianNll, Loss, Targets};
/// let tape = Tape::new();
/// let targets = Targets::Values(Tensor::from([[3.0], [1.0]]));
/// let y = tape.var([[1.0, 4f64.ln()], [1.0, 0.0]]);
/// let each = GaussianNll::default().each(y, &targets)?;
/// assert!(each.value().is_close(&Tensor::from([[0.5 * (4f64.ln() + 1.0)], [0.0]]), 1e-15));
/// let means = tape.var([[1.0], [1.0]]);
/// let fixed = GaussianNll { variance: Some(1.0), full: false };
/// assert_eq!(fixed.each(means, &targets)?.value(), Tensor::from([[2.0], [0.0]]));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GaussianNll {
    /// The variance of every target; `None` if the outputs hold its logarithm.
    pub variance: Option<f64>,
    /// Whether to add the constant `½ ln 2π`.
    pub full: bool,
}

const GAUSSIAN: &str = "gaussian_nll";

impl<T: Float> Loss<T> for GaussianNll {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        let t = self.fitting(&y.shape(), targets)?;
        let constant = if self.full { 0.5 * (2.0 * PI).ln() } else { 0.0 };
        Ok(match self.variance {
            // By roots of 1/v, so that the square overflows only where the loss does.
            Some(variance) => {
                let scaled = (y - t) * variance.sqrt().recip();
                scaled.square() * 0.5 + (0.5 * variance.ln() + constant)
            }
            None => {
                let [mean, log] = halves(GAUSSIAN, y)?;
                // In two steps, since the root may overflow where the product does not; `chain` is 0 at the mean itself.
                let root = (log * -0.25).exp();
                let scaled = (mean - t).chain(root).chain(root);
                (log + scaled.square()) * 0.5 + constant
            }
        })
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        self.fitting(&outputs.shape, targets)?;
        match self.variance {
            Some(_) => Ok(()),
            None => check_logarithms(GAUSSIAN, outputs, "logarithms of variances"),
        }
    }
}

impl GaussianNll {
    fn fitting<'a, T: Float>(&self, y: &Shape, targets: &'a Targets<T>) -> Result<&'a Tensor<T>, Error> {
        match self.variance {
            Some(variance) => {
                check_positive::<T>(GAUSSIAN, "variance", variance)?;
                values(GAUSSIAN, y, targets)
            }
            None => blocks(GAUSSIAN, y, targets, 2, "a mean and the logarithm of a variance"),
        }
    }
}

/// Negative log-likelihood of a Poisson distribution, in nats, from the **logarithm** of its rate.
///
/// `exp(y) − t·y` for each target, and `ln Γ(t + 1)` more if `full`; `dy = exp(y) − t`. The last layer needs no
/// activation.
///
/// Targets are counts, or means of counts: 0 or above. Where PyTorch's `full` takes Stirling's approximation for counts
/// above 1, this is exact.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{Loss, PoissonNll, Targets};
/// let tape = Tape::new();
/// let y = tape.var([[2f64.ln()]]);
/// let each = PoissonNll { full: true }.each(y, &Targets::Values(Tensor::from([[3.0]])))?;
/// let probability = 2f64.powi(3) * (-2f64).exp() / 6.0;
/// assert!(each.value().is_close(&Tensor::from([[-probability.ln()]]), 1e-12));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoissonNll {
    /// Whether to add `ln Γ(t + 1)`, which does not depend on the outputs.
    pub full: bool,
}

const POISSON: &str = "poisson_nll";

impl<T: Float> Loss<T> for PoissonNll {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        let t = y.tape().constant(counts(POISSON, values(POISSON, &y.shape(), targets)?)?.clone());
        // `chain` is 0 where t is 0, even if the rate is 0.
        let each = y.exp() - t.chain(y);
        Ok(if self.full { each + (t + 1.0).lgamma() } else { each })
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        counts(POISSON, values(POISSON, &outputs.shape, targets)?)?;
        check_logarithms(POISSON, outputs, "logarithms of rates")
    }
}

/// Negative log-likelihood of a negative binomial distribution, in nats: counts that vary more than a Poisson
/// distribution allows.
///
/// With the mean `μ = exp(y)` and the size `r = exp(z)` the variance is `μ + μ²/r`, and the loss of each target
/// `t·ln(1 + r/μ) + r·ln(1 + μ/r) + ln Γ(r) − ln Γ(t + r) + ln Γ(t + 1)`; `dy = r(μ − t)/(r + μ)`. (Hilbe 2011, NB2; his
/// dispersion is `1/r`.)
///
/// - Without a `size`, the outputs hold the logarithms of the means and after them those of the sizes: `(…, 2k)` for
///   targets `(…, k)`.
/// - With a `size`, the outputs are the logarithms of the means: `(…, k)`.
///
/// Targets are 0 or above. The last layer needs no activation. For a large `r` the distribution is that of [`PoissonNll`], and
/// so is the loss, without cancellation: Stirling's series stands for ln Γ from `r` = 32 on.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{Loss, NegativeBinomialNll, Targets};
/// let tape = Tape::new();
/// let y = tape.var([[0.0]]);
/// let geometric = NegativeBinomialNll { size: Some(1.0) };
/// let each = geometric.each(y, &Targets::Values(Tensor::from([[2.0]])))?;
/// assert!(each.value().is_close(&Tensor::from([[8f64.ln()]]), 1e-12));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NegativeBinomialNll {
    /// The size `r` of every target's distribution; `None` if the outputs hold its logarithm.
    pub size: Option<f64>,
}

const NEGATIVE_BINOMIAL: &str = "negative_binomial_nll";

impl<T: Float> Loss<T> for NegativeBinomialNll {
    fn each<'t>(&self, y: Var<'t, T>, targets: &Targets<T>) -> Result<Var<'t, T>, Error> {
        let t = y.tape().constant(self.fitting(&y.shape(), targets)?.clone());
        let [mean, size] = match self.size {
            Some(size) => [y, y.tape().constant_with(y.shape(), |_| T::from_f64(size.ln()))],
            None => halves(NEGATIVE_BINOMIAL, y)?,
        };
        let (odds, large) = (mean - size, size.greater(LARGE.ln()));
        let few = few(t, odds, size.masked_fill(large, 0.0));
        let many = many(t, odds, mean, size.masked_fill(1.0 - large, LARGE.ln()));
        Ok(large.select(many, few) + spread(odds, mean, size) + (t + 1.0).lgamma())
    }

    fn check(&self, outputs: &Outputs<'_, T>, targets: &Targets<T>) -> Result<(), Error> {
        self.fitting(&outputs.shape, targets)?;
        check_logarithms(NEGATIVE_BINOMIAL, outputs, "logarithms of means")
    }
}

/// From this size on, Stirling's series has the digits of an `f64`.
const LARGE: f64 = 32.0;

/// `r·ln(1 + μ/r)`, which is μ for a large size.
fn spread<'t, T: Float>(odds: Var<'t, T>, mean: Var<'t, T>, size: Var<'t, T>) -> Var<'t, T> {
    // Each form gets numbers of its own region only, so that the other's have finite values and slopes.
    let near = odds.less(-12.0);
    let far = 1.0 - near;
    let poisson = mean.masked_fill(far, 0.0).exp() * log1p_series(odds.masked_fill(far, -12.0).exp());
    near.select(poisson, size.masked_fill(near, 0.0).exp() * odds.softplus())
}

/// `t·ln(1 + r/μ) + ln Γ(r) − ln Γ(t + r)` of small sizes: with `ln Γ(r) = ln Γ(1 + r) − ln r`, whose pole at 0 is a logarithm.
fn few<'t, T: Float>(t: Var<'t, T>, odds: Var<'t, T>, size: Var<'t, T>) -> Var<'t, T> {
    let more = size.exp() + 1.0;
    t * (-odds).softplus() + (more.lgamma() - (t + more).lgamma()) + (t.ln().logaddexp(size) - size)
}

/// The same of large sizes. By Stirling's formula `ln Γ(t + r) − ln Γ(r) = t ln r + (t + r − ½) ln(1 + t/r) − t + S(t + r) − S(r)`, with
/// `S(z) = 1/12z − 1/360z³ + …`.
fn many<'t, T: Float>(t: Var<'t, T>, odds: Var<'t, T>, mean: Var<'t, T>, size: Var<'t, T>) -> Var<'t, T> {
    let u = (-size).exp();
    let w = t * u;
    // ln(1 + w)/w, by its series where the slope of the quotient would cancel.
    let small = w.less(1e-3);
    let rest = w.masked_fill(small, 1.0);
    let ratio = small.select(log1p_series(w.masked_fill(1.0 - small, 0.0)), rest.ln_1p() / rest);
    let stirling = |u: Var<'t, T>| {
        let square = u.square();
        u * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0))))
    };
    let rise = stirling(u / (1.0 + w)) - stirling(u);
    t * (odds.softplus() - mean) + t * (1.0 - ratio) - (t - 0.5) * w * ratio - rise
}

/// `ln(1 + x)/x` for x up to 1e−3.
fn log1p_series<T: Float>(x: Var<'_, T>) -> Var<'_, T> {
    1.0 - x * (1.0 / 2.0 - x * (1.0 / 3.0 - x * (1.0 / 4.0 - x * (1.0 / 5.0 - x * (1.0 / 6.0)))))
}

impl NegativeBinomialNll {
    fn fitting<'a, T: Float>(&self, y: &Shape, targets: &'a Targets<T>) -> Result<&'a Tensor<T>, Error> {
        let t = match self.size {
            Some(size) => {
                check_positive::<T>(NEGATIVE_BINOMIAL, "size", size)?;
                values(NEGATIVE_BINOMIAL, y, targets)
            }
            None => blocks(NEGATIVE_BINOMIAL, y, targets, 2, "the logarithms of a mean and of a size"),
        }?;
        counts(NEGATIVE_BINOMIAL, t)
    }
}

/// The two halves of the last axis.
fn halves<'t, T: Float>(loss: &'static str, y: Var<'t, T>) -> Result<[Var<'t, T>; 2], Error> {
    let axis = row_axis(loss, y)?;
    let shape = y.shape();
    let blocks: Shape = shape[..axis].iter().copied().chain([2, shape[axis] / 2]).collect();
    let y = y.reshape(blocks);
    Ok([part(y, axis, 0), part(y, axis, 1)])
}

/// Targets that are counts, or means of counts.
fn counts<'a, T: Float>(loss: &'static str, t: &'a Tensor<T>) -> Result<&'a Tensor<T>, Error> {
    match t.as_slice().iter().find(|&&t| !(t >= T::zero() && t.is_finite())) {
        Some(t) => Err(Error::invalid(loss, format!("target {} is not a count, which is 0 or above", shown(t)))),
        None => Ok(t),
    }
}
