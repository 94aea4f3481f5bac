//! [`NoiseScale`]: how large a batch is worth it.

use autograd::{Float, Tape};

use super::{flat, movable};
use crate::error::shown;
use crate::loss::{self, Loss};
use crate::nn::module::{Module, takes};
use crate::{Dataset, Error};

/// The simple noise scale `tr Σ/|G|²`, and the estimates that it is the ratio of.
///
/// G is the gradient of the expected loss, Σ the covariance matrix of the gradient of one sample. The gradient of a batch
/// of B samples has the expected squared norm `|G|² + tr Σ/B`: noise and gradient are equal in a batch as large as the
/// noise scale. Much smaller batches waste steps, much larger ones waste samples (McCandlish, Kaplan, Amodei et al. 2018,
/// "An empirical model of large-batch training").
///
/// ```
/// use autograd::{Param, Tensor};
/// use mlp::{Dataset, Linear, Mse, dynamics::NoiseScale};
/// // The gradient of (w − t)² at w = 0 is −2t: of mean 2 and variance 4 over targets t of mean −1 and variance 1.
/// let targets = Tensor::from_fn([1000, 1], |i| -1.0 + if i[0] % 2 == 0 { 1.0 } else { -1.0 });
/// let data = Dataset::new(Tensor::ones([1000, 1]), targets)?;
/// let model = Linear { w: Param::new([[0.0]]), b: None };
/// let noise = NoiseScale::measure(&model, &Mse, &data, 1, 0)?;
/// assert!((noise.noise - 4.0).abs() < 0.01 && (noise.gradient - 4.0).abs() < 0.01, "{noise:?}");
/// assert!((noise.scale().unwrap() - 1.0).abs() < 0.01);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct NoiseScale {
    /// The estimate of `|G|²`; below 0 where noise hides the gradient.
    pub gradient: f64,
    /// The estimate of `tr Σ`.
    pub noise: f64,
}

impl NoiseScale {
    /// Estimates both from the mean squared norms of gradients of batches of two sizes.
    ///
    /// With `|G_b|²` and `|G_B|²` for batches of b and B samples (McCandlish et al. 2018, appendix A.1):
    ///
    /// ```text
    /// |G|² ≈ (B·|G_B|² − b·|G_b|²)/(B − b)        tr Σ ≈ (|G_b|² − |G_B|²)/(1/b − 1/B)
    /// ```
    ///
    /// Both are unbiased; their ratio is not, so average each over many steps before dividing.
    ///
    /// ```
    /// use mlp::dynamics::NoiseScale;
    /// // |G|² = 3, tr Σ = 8: 3 + 8/2 = 7, 3 + 8/8 = 4
    /// let noise = NoiseScale::of_norms((2, 7.0), (8, 4.0))?;
    /// assert_eq!((noise.gradient, noise.noise, noise.scale()), (3.0, 8.0, Some(8.0 / 3.0)));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the sizes are not `0 < b < B`, or a squared norm is not a number ≥ 0.
    pub fn of_norms(small: (usize, f64), large: (usize, f64)) -> Result<Self, Error> {
        if small.0 == 0 || small.0 >= large.0 {
            return invalid(format!("batches of {} and {} samples; it takes 0 < small < large", small.0, large.0));
        }
        if let Some(norm) = [small.1, large.1].into_iter().find(|norm| !(norm.is_finite() && *norm >= 0.0)) {
            return invalid(format!("the squared norm {} of a gradient is not a finite number ≥ 0", shown(norm)));
        }
        let [b, large_b] = [small.0, large.0].map(|size| size as f64);
        Ok(NoiseScale {
            gradient: (large_b * large.1 - b * small.1) / (large_b - b),
            noise: (small.1 - large.1) / (1.0 / b - 1.0 / large_b),
        })
    }

    /// Estimates both from one pass over `data`, in batches of `batch_size` samples that are drawn with `seed`.
    ///
    /// The large batch is that of all samples, whose gradient is the mean of the others. So the estimates are
    /// unbiased if the samples of `data` were drawn independently. A last batch that is smaller is left out, and the passes run in evaluation
    /// mode.
    ///
    /// # Errors
    /// If there are fewer than two batches, the model does not take the inputs or the loss the outputs and targets, or a
    /// gradient is not finite.
    pub fn measure<T: Float>(
        model: &dyn Module<T>,
        loss: &dyn Loss<T>,
        data: &Dataset<T>,
        batch_size: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        takes(model, data.inputs())?;
        let (params, mut tape) = (movable(&model.parameters()), Tape::default());
        let (mut mean, mut squares, mut batches) = (Vec::new(), 0.0, 0);
        for batch in data.batches(batch_size, Some(seed))?.drop_last() {
            tape.clear();
            let y = model.forward(tape.constant(batch.inputs().clone()));
            let gradients = loss::mean(loss, y, &batch)?.backward();
            let gradient = flat(&params, |param| gradients.of(param));
            squares += square(&gradient);
            mean.resize(gradient.len(), 0.0);
            mean.iter_mut().zip(gradient).for_each(|(sum, x)| *sum += x);
            batches += 1;
        }
        if batches < 2 {
            let n = data.len();
            return invalid(format!("{n} samples make {batches} batches of {batch_size}; at least 2 are needed"));
        }
        let count = f64::from(batches);
        mean.iter_mut().for_each(|x| *x /= count);
        Self::of_norms((batch_size, squares / count), (batch_size * batches as usize, square(&mean)))
    }

    /// The noise scale `tr Σ/|G|²`, in samples; `None` if the estimate of `|G|²` is not above 0: more samples are needed.
    pub fn scale(&self) -> Option<f64> {
        (self.gradient > 0.0).then(|| self.noise / self.gradient)
    }
}

fn square(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum()
}

fn invalid<R>(why: String) -> Result<R, Error> {
    Err(Error::invalid("noise scale", why))
}
