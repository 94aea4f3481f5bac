//! [`tangent_kernel`]: Θ of a network of finite width.

use autograd::{Shape, Tape, Tensor};

use crate::nn::module::takes;
use crate::{Error, Module};

/// The scalar products of a model's gradients, `Σ_θ variance(θ)·∂f(x)/∂θ·∂f(x′)/∂θ`, for all rows of two tables: (n, d), (m, d) → (n, m).
///
/// f is the model's only output. For each parameter, `variance` says by its name and shape with which variance its numbers are drawn,
/// such as `σ_w²/inputs`: so the kernel of [`Linear`](crate::Linear) layers is in the parameters of [`infinite`](crate::infinite), and
/// approaches [`InfiniteWidth::ntk`](super::InfiniteWidth::ntk). With 1 for all it is the kernel of training with one learning rate.
///
/// ```
/// use autograd::Tensor;
/// use mlp::infinite::{InfiniteWidth, tangent_kernel};
/// use mlp::{Activation, Init, Linear, Sequential};
/// use rand::{SeedableRng, rngs::StdRng};
///
/// let rng = &mut StdRng::seed_from_u64(1);
/// let mut layer = |from, to| Ok::<_, mlp::Error>(Linear::new(from, to, &Init::he_normal(), rng)?.without_bias());
/// let model: Sequential = Sequential::new().then(layer(2, 4000)?).then(Activation::Relu).then(layer(4000, 1)?);
/// let x = Tensor::from([[1.0, 0.5], [-0.3, 0.8]]);
/// let measured = tangent_kernel(&model, |_, shape| 2.0 / shape[0] as f64, &x, &x)?;
/// let limit = InfiniteWidth::mlp(Activation::Relu, 1, 2.0, 0.0)?.ntk(&x, &x)?;
/// assert!(measured.is_close(&limit, 0.1));
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// If the tables are not such, or the model does not take them or has not one output for each row.
pub fn tangent_kernel(
    model: &(impl Module + ?Sized),
    variance: impl Fn(&str, &Shape) -> f64,
    a: &Tensor,
    b: &Tensor,
) -> Result<Tensor, Error> {
    let parameters = model.parameters();
    let variances: Vec<f64> = parameters.distinct().map(|(name, param)| variance(name, &param.shape())).collect();
    let gradients = |x: &Tensor| {
        let shape = x.shape();
        let [rows, _] = shape[..] else {
            return Err(Error::invalid(
                "tangent_kernel",
                format!("inputs of shape {shape} are not a table (samples, inputs)"),
            ));
        };
        takes(model, x)?;
        let mut all = vec![Vec::new(); variances.len()];
        let mut tape = Tape::new();
        for row in 0..rows {
            tape.clear();
            let y = model.forward(tape.constant(x.slice(0, row..row + 1)));
            if y.shape().numel() != 1 {
                let why = format!("a row gives outputs of shape {}; a model of one output is needed", y.shape());
                return Err(Error::invalid("tangent_kernel", why));
            }
            let gradients = y.sum().backward();
            for (all, (_, param)) in all.iter_mut().zip(parameters.distinct()) {
                match gradients.of(param) {
                    Some(dw) => all.extend_from_slice(dw.as_slice()),
                    None => all.resize(all.len() + param.numel(), 0.0),
                }
            }
        }
        Ok((rows, all))
    };
    let ((n, a), (m, b)) = (gradients(a)?, gradients(b)?);
    let mut kernel = Tensor::zeros([n, m]);
    for ((a, b), variance) in a.into_iter().zip(b).zip(variances) {
        let size = a.len() / n.max(1);
        kernel = kernel + Tensor::new([n, size], a).matmul(&Tensor::new([m, size], b).t()) * variance;
    }
    Ok(kernel)
}
