//! Measures what happens while a network trains: curvature, gradient noise, and the rank of its activations.
//!
//! - [`Curvature`]: the extreme eigenvalues of the loss's Hessian. The largest is the *sharpness* λ. Gradient descent with
//!   the learning rate η is stable on a quadratic only for λ < 2/η; networks sharpen until they are there, and then
//!   hover about it (the *edge of stability*, Cohen et al. 2021). [`TrackSharpness`] measures it during a training.
//! - [`NoiseScale`]: the batch size at which the noise of a gradient equals the gradient (McCandlish et al. 2018).
//! - [`EffectiveRanks`]: in how many directions the activations of each layer spread (Roy & Vetterli 2007).
//!
//! ```
//! use autograd::Tensor;
//! use mlp::dynamics::{Curvature, TrackSharpness};
//! use mlp::{Activation, Dataset, Mlp, Module, Mse, Sgd, Trainer};
//! use rand::{SeedableRng, rngs::StdRng};
//!
//! let inputs = Tensor::linspace(-2.0, 2.0, 20).reshape([20, 1]);
//! let data = Dataset::new(inputs.clone(), (&inputs * 3.0).sin())?;
//! let layers = Mlp::new(1).hidden(10, Activation::Tanh).output(1, Activation::Identity);
//! let model: Mlp = layers.build(&mut StdRng::seed_from_u64(1))?;
//! let mut sgd = Sgd::new(&model.parameters(), 0.05);
//! let track = TrackSharpness::every_epochs(5, Curvature::new(&model, &Mse, &data));
//! let trainer = Trainer::new().epochs(20).full_batch().progress(false).callback(track);
//! let history = trainer.fit(&model, &Mse, &mut sgd, &data, None)?;
//! let sharpness = history.series("sharpness"); // so do JsonLines, TensorBoard and History::save_csv have it
//! assert_eq!(sharpness.iter().map(|at| at.0).collect::<Vec<_>>(), [5, 10, 15, 20]);
//! # Ok::<(), mlp::Error>(())
//! ```

mod hessian;
mod lanczos;
mod noise;
mod rank;
mod track;

pub use hessian::Curvature;
pub use lanczos::{Eigenvalue, Eigenvalues, Lanczos};
pub use noise::NoiseScale;
pub use rank::{EffectiveRanks, LayerRank, effective_rank, participation_ratio};
pub use track::TrackSharpness;

use autograd::{Float, Param, Parameters, Tensor};

/// The parameters that training changes, each once.
fn movable<T: Float>(parameters: &Parameters<T>) -> Vec<Param<T>> {
    let all = parameters.distinct().filter(|(_, param)| !param.is_frozen());
    all.map(|(_, param)| param.clone()).collect()
}

/// What belongs to each parameter as one vector; 0 where nothing does.
fn flat<'g, T: Float>(params: &[Param<T>], of: impl Fn(&Param<T>) -> Option<&'g Tensor<T>>) -> Vec<f64> {
    let mut all = Vec::with_capacity(params.iter().map(|param| param.shape().numel()).sum());
    for param in params {
        match of(param) {
            Some(values) => all.extend(values.as_slice().iter().map(|x| x.to_f64())),
            None => all.extend(std::iter::repeat_n(0.0, param.shape().numel())),
        }
    }
    all
}
