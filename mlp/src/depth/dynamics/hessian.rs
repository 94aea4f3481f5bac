//! [`Curvature`]: eigenvalues of the Hessian of a loss.

use std::fmt;

use autograd::{Float, Param, Tape, Tensor, Var};

use super::lanczos::{Eigenvalues, Lanczos};
use super::{flat, movable};
use crate::loss::{self, Loss, weight};
use crate::nn::module::{Module, takes};
use crate::{Dataset, Error};

/// The Hessian `H = ∂²E/∂w²` of the mean loss E over a data set, with respect to the parameters of a model.
///
/// Its largest eigenvalue is the *sharpness*: a step of gradient descent with the rate η along that eigenvector multiplies
/// the distance from the minimum by `1 − ηλ`, which grows for λ > 2/η (Cohen et al. 2021, "Gradient descent on neural
/// networks typically occurs at the edge of stability"). Its extreme values tell outliers and negative curvature (Ghorbani,
/// Krishnan & Xiao 2019, "An investigation into neural net optimization via Hessian eigenvalue density").
///
/// H is never formed: a product with it costs about as much as two gradients, and [`Lanczos`] needs some ten to a hundred.
/// The loss is that of evaluation mode, at the present values of the parameters; frozen ones are constants.
///
/// ```
/// use autograd::{Param, Tensor};
/// use mlp::dynamics::{Curvature, Lanczos};
/// use mlp::{Dataset, Linear, Mse};
/// // E = ½((3w₁ − 1)² + (w₂ − 1)²): the Hessian is diagonal, of 9 and 1.
/// let model = Linear { w: Param::new([[0.0], [0.0]]), b: None };
/// let data = Dataset::new(Tensor::from([[3.0, 0.0], [0.0, 1.0]]), Tensor::from([[1.0], [1.0]]))?;
/// let curvature = Curvature::new(&model, &Mse, &data);
/// assert!((curvature.sharpness()? - 9.0).abs() < 1e-12);
/// let found = curvature.lanczos(Lanczos::new().smallest(1)).eigenvalues()?;
/// assert!((found.smallest[0].value - 1.0).abs() < 1e-12);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Curvature<'a, T: Float = f64> {
    model: &'a dyn Module<T>,
    loss: &'a dyn Loss<T>,
    data: &'a Dataset<T>,
    batch_size: Option<usize>,
    lanczos: Lanczos,
}

impl<'a, T: Float> Curvature<'a, T> {
    /// The Hessian of the mean `loss` of `model` over all samples of `data`.
    pub fn new(model: &'a dyn Module<T>, loss: &'a dyn Loss<T>, data: &'a Dataset<T>) -> Self {
        Curvature { model, loss, data, batch_size: None, lanczos: Lanczos::new() }
    }

    /// Passes over the data in batches, for less memory.
    ///
    /// The Hessian remains that of the mean over all samples: each batch counts by its weight. In one batch, the
    /// derivatives are recorded once for all products; in several, they are recorded anew for each.
    #[must_use]
    pub fn batch_size(self, samples: usize) -> Self {
        Curvature { batch_size: Some(samples), ..self }
    }

    /// Sets which eigenvalues to compute, and how well.
    #[must_use]
    pub fn lanczos(self, lanczos: Lanczos) -> Self {
        Curvature { lanczos, ..self }
    }

    /// Computes the largest eigenvalue.
    ///
    /// # Errors
    /// As [`eigenvalues`](Curvature::eigenvalues).
    pub fn sharpness(&self) -> Result<f64, Error> {
        let found = Curvature { lanczos: self.lanczos.largest(1).smallest(0), ..*self }.eigenvalues()?;
        Ok(found.largest[0].value)
    }

    /// Computes the eigenvalues that [`lanczos`](Curvature::lanczos) asks for; by default, the largest.
    ///
    /// # Errors
    /// If every parameter is frozen, a setting is invalid, the model does not take the inputs or the loss the outputs and targets, or a second
    /// derivative is not finite.
    pub fn eigenvalues(&self) -> Result<Eigenvalues, Error> {
        self.with_product(|n, product| self.lanczos.run(n, product))
    }

    /// Computes the product of the Hessian with a direction: the values of all parameters that are not frozen, one after
    /// another, each parameter once.
    ///
    /// ```
    /// use autograd::{Param, Tensor};
    /// use mlp::{Dataset, Linear, Mse, dynamics::Curvature};
    /// let model = Linear { w: Param::new([[0.0]]), b: Some(Param::new([0.0])) };
    /// let data = Dataset::new(Tensor::from([[1.0], [3.0]]), Tensor::from([[0.0], [0.0]]))?;
    /// // ∂²/∂w² = 2·mean x² = 10, ∂²/∂w∂b = 2·mean x = 4, ∂²/∂b² = 2
    /// assert_eq!(Curvature::new(&model, &Mse, &data).product(&[1.0, -1.0])?, [6.0, 2.0]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`eigenvalues`](Curvature::eigenvalues), and if the direction has another number of values.
    pub fn product(&self, direction: &[f64]) -> Result<Vec<f64>, Error> {
        self.with_product(|n, product| match direction.len() {
            given if given == n => product(direction),
            given => invalid(format!("a direction of {given} values for {n} values of parameters; give one for each")),
        })
    }

    /// Calls `f` with the number of values, and the product with a direction of as many.
    fn with_product<R>(
        &self,
        f: impl FnOnce(usize, &mut dyn FnMut(&[f64]) -> Result<Vec<f64>, Error>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let params = movable(&self.model.parameters());
        let n = params.iter().map(|param| param.shape().numel()).sum();
        if n == 0 {
            return invalid("the model has no values of parameters that are not frozen; unfreeze one");
        }
        takes(self.model, self.data.inputs())?;
        let size = self.batch_size.unwrap_or(self.data.len());
        if size >= self.data.len() {
            let tape = Tape::default();
            let gradient = self.gradient(&tape, &params, self.data)?;
            return f(n, &mut |v| Ok(along(gradient, &params, v)));
        }
        f(n, &mut |v| {
            let (mut sum, mut total) = (vec![0.0; n], 0.0);
            for batch in self.data.batches(size, None)? {
                let tape = Tape::default();
                let product = along(self.gradient(&tape, &params, &batch)?, &params, v);
                let share: f64 = (0..batch.len()).map(|i| weight(self.loss, &batch, i)).sum();
                sum.iter_mut().zip(product).for_each(|(sum, x)| *sum += share * x);
                total += share;
            }
            // The mean over samples of weight 0 is 0, and so is its Hessian.
            Ok(if total == 0.0 { sum } else { sum.into_iter().map(|x| x / total).collect() })
        })
    }

    /// Records the gradient of the mean loss of `batch`, as one vector.
    fn gradient<'t>(&self, tape: &'t Tape<T>, params: &[Param<T>], batch: &Dataset<T>) -> Result<Var<'t, T>, Error> {
        let x: Vec<Var<'t, T>> = params.iter().map(|param| param.on(tape)).collect();
        let y = self.model.forward(tape.constant(batch.inputs().clone()));
        let mean = loss::mean(self.loss, y, batch)?;
        let parts: Vec<Var<'t, T>> = mean.grad(&x[..]).into_iter().map(Var::flatten).collect();
        Ok(Var::concat(&parts, 0))
    }
}

/// `H·v = ∂⟨∂E/∂w, v⟩/∂w`, for H is symmetric (Pearlmutter 1994).
fn along<T: Float>(gradient: Var<'_, T>, params: &[Param<T>], v: &[f64]) -> Vec<f64> {
    let v = Tensor::new([v.len()], v.iter().map(|&v| T::from_f64(v)).collect());
    let product = gradient.vjp(&v);
    flat(params, |param| product.of(param))
}

fn invalid<R>(why: impl Into<String>) -> Result<R, Error> {
    Err(Error::invalid("curvature", why))
}

impl<T: Float> fmt::Debug for Curvature<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Curvature")
            .field("samples", &self.data.len())
            .field("batch_size", &self.batch_size)
            .field("lanczos", &self.lanczos)
            .finish_non_exhaustive()
    }
}
