//! Gradient checks of a model with its loss on data: [`autograd::check`] for a [`Module`].

use autograd::check::{Checker, Report};
use autograd::{Float, Scalar, Tape};

use crate::error::Result;
use crate::loss::{self, Loss};
use crate::{Dataset, Module};

/// Checks the gradient of a model's mean loss with respect to all its parameters.
///
/// A hundred samples suffice; more do not make the check of the mean's gradient stronger.
///
/// ```
/// use autograd::{Tensor, check::Checker};
/// use mlp::{Activation, CrossEntropy, Dataset, Mlp, check_module};
/// use rand::{SeedableRng, rngs::StdRng};
/// let layers = Mlp::new(2).hidden(3, Activation::Tanh).output(2, Activation::Identity);
/// let model: Mlp = layers.build(&mut StdRng::seed_from_u64(1))?;
/// let data = Dataset::new(Tensor::from([[0.5, 1.0], [-1.0, 0.3]]), vec![0, 1])?;
/// let report = check_module(&Checker::new(), &model, &CrossEntropy, &data)?;
/// assert!(report.passed(), "{report}");
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// If the loss rejects the outputs and targets, or is not finite; if the model has no parameters.
pub fn check_module<T: Float>(
    checker: &Checker,
    model: &(impl Module<T> + ?Sized),
    loss: &(impl Loss<T> + ?Sized),
    data: &Dataset<T>,
) -> Result<Report> {
    mean(&Tape::default(), model, loss, data)?;
    let again = "a loss that was recorded once";
    Ok(checker.check_parameters(&model.parameters(), |tape| mean(tape, model, loss, data).expect(again))?)
}

/// [`check_module`] for an `f32` model, with finite differences in `f64`, where small steps do not vanish in round-off.
///
/// The differences use a `twin`: a model of the same architecture in `f64`. It takes on the model's parameters during
/// the check, and gets its own back afterwards.
///
/// ```
/// use autograd::{Float, Tensor, check::Checker};
/// use mlp::{Activation, CrossEntropy, Dataset, Mlp, check_f32_module};
/// use rand::{SeedableRng, rngs::StdRng};
/// fn build<T: Float>() -> Result<Mlp<T>, mlp::Error> {
///     let layers = Mlp::new(2).hidden(3, Activation::Tanh).output(2, Activation::Identity);
///     layers.build(&mut StdRng::seed_from_u64(1))
/// }
/// let data = Dataset::new(Tensor::from([[0.5f32, 1.0], [-1.0, 0.3]]), vec![0, 1])?;
/// let report = check_f32_module(&Checker::new(), &build::<f32>()?, &build::<f64>()?, &CrossEntropy, &data)?;
/// assert!(report.passed(), "{report}");
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// As [`check_module`], and if the twin lacks a parameter of the same name and shape.
pub fn check_f32_module(
    checker: &Checker,
    model: &(impl Module<f32> + ?Sized),
    twin: &(impl Module<f64> + ?Sized),
    loss: &(impl Loss<f32> + Loss<f64>),
    data: &Dataset<f32>,
) -> Result<Report> {
    let mut wide = Dataset::new(data.inputs().cast::<f64>(), data.targets().cast::<f64>())?;
    if let Some(weights) = data.weights() {
        wide = wide.with_weights(weights.to_vec())?;
    }
    mean(&Tape::default(), model, loss, data)?;
    mean(&Tape::default(), twin, loss, &wide)?;
    let again = "a loss that was recorded once";
    let report = checker.check_f32_parameters(
        &model.parameters(),
        |tape| mean(tape, model, loss, data).expect(again),
        &twin.parameters(),
        |tape| mean(tape, twin, loss, &wide).expect(again),
    );
    Ok(report?)
}

fn mean<'t, T: Float>(
    tape: &'t Tape<T>,
    model: &(impl Module<T> + ?Sized),
    loss: &(impl Loss<T> + ?Sized),
    data: &Dataset<T>,
) -> Result<Scalar<'t, T>> {
    loss::mean(loss, model.forward(tape.constant(data.inputs().clone())), data)
}
