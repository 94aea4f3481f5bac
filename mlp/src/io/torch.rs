//! Weights of PyTorch: a `state_dict` in a file of safetensors, read and written.
//!
//! ```
//! use autograd::Tensor;
//! use mlp::{Activation, Init, LayerNorm, Linear, Module, Sequential, io};
//! use rand::{SeedableRng, rngs::StdRng};
//! let rng = &mut StdRng::seed_from_u64(0);
//! let mut build = || -> Result<Sequential<f32>, mlp::Error> {
//!     let [first, second] = [(3, 4), (4, 2)].map(|(i, o)| Linear::new(i, o, &Init::he_normal(), rng));
//!     Ok(Sequential::new().then(first?).then(LayerNorm::new(4)?).then(Activation::Relu).then(second?))
//! };
//! let (model, copy) = (build()?, build()?);
//! let names: Vec<String> = model.state_dict()?.names().map(String::from).collect();
//! assert_eq!(names, ["0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias"]);
//!
//! let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("model.safetensors");
//! io::torch::save(&model, &path)?;
//! io::torch::load(&copy, &path)?;
//! let x = Tensor::ones([1, 3]);
//! assert_eq!(copy.predict(&x), model.predict(&x));
//! # Ok::<(), mlp::Error>(())
//! ```
//!
//! In Python the file is read and written with
//!
//! ```python
//! from torch import nn
//! from safetensors.torch import load_file, save_file
//!
//! model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 2))
//! model.load_state_dict(load_file("model.safetensors"))
//! save_file(model.state_dict(), "model.safetensors")
//! ```
//!
//! # Names
//!
//! | layer | names, and what differs beside them |
//! |---|---|
//! | [`Linear`](crate::Linear) | `weight`, the transposed of `w`; `bias` |
//! | [`Conv1d`](crate::Conv1d), [`Conv2d`](crate::Conv2d), [`ConvTranspose1d`](crate::ConvTranspose1d), [`ConvTranspose2d`](crate::ConvTranspose2d) | `weight`, `bias` |
//! | [`BatchNorm`](crate::BatchNorm) | `weight`, `bias`, `running_mean`, `running_var`; `num_batches_tracked` is passed over, and not written |
//! | [`LayerNorm`](crate::LayerNorm), [`GroupNorm`](crate::GroupNorm), [`RmsNorm`](crate::RmsNorm) | `weight`; `bias` but for the last |
//! | [`Embedding`](crate::Embedding) | `weight` |
//! | [`PRelu`](crate::PRelu) | `weight`; several α belong to the last axis here, and to the second there: they agree for rows |
//! | [`Rnn`](crate::Rnn), [`Gru`](crate::Gru), [`Lstm`](crate::Lstm) | `weight_ih_l0`, `weight_hh_l0`, the transposed of `w` and `u`; `bias_ih_l0`, `bias_hh_l0`; `…_l1` of the second layer. Only a [`Gru`](crate::Gru) has both biases here; of the others, `b` is their sum, which is written as the first beside one of zeros. Sequences come first in a batch: `batch_first=True` |
//! | [`MultiHeadAttention`](crate::MultiHeadAttention) | `in_proj_weight`, the transposed of queries, keys and values, one below another, or `q_proj_weight`, `k_proj_weight`, `v_proj_weight` if the memory has another width; `in_proj_bias`; `out_proj.weight`, `out_proj.bias` |
//! | [`TransformerBlock`](crate::TransformerBlock) | those of `nn.TransformerEncoderLayer`: `self_attn.…`, `linear1.…`, `linear2.…`, `norm1.…`, `norm2.…`; there `norm_first=True`, unless [`post_norm`](crate::TransformerBlock::post_norm) |
//! | [`WeightNorm`](crate::WeightNorm) | those of `nn.utils.parametrizations.weight_norm`: `parametrizations.weight.original0` is the gain, `…original1` the directions; the layer's other names stay. Around a transposed convolution it has `dim=1` there |
//! | [`SpectralNorm`](crate::SpectralNorm) | those of `nn.utils.parametrizations.spectral_norm`: `parametrizations.weight.original`, `parametrizations.weight.0._u`, `…0._v` |
//!
//! What is made of parts puts a name and a dot before theirs, as `nn.Module` does:
//!
//! | model | before the names of its parts |
//! |---|---|
//! | [`Sequential`](crate::Sequential) | their positions, as of `nn.Sequential` |
//! | [`Mlp`](crate::Mlp), [`Layer`](crate::Layer) | positions as of one `nn.Sequential` of all that is computed, in this order for each layer: linear, normalisation, activation, dropout. What a layer does not have, and the identity, takes no position |
//! | [`Residual`](crate::Residual) | `inner` |
//! | [`Network`](crate::Network) | the names of the parts |
//! | a struct with `#[derive(Module)]` | the names of its fields; its own parameters keep names and shapes |
//!
//! Other modules keep names and shapes as they are, also [`PositionalEncoding`](crate::PositionalEncoding), which PyTorch has not; one of yours may tell
//! other ones by [`Module::state_dict`]. Sizes and options are in no `state_dict`: build the model with the same ones,
//! such as `eps`.

use std::collections::HashMap;
use std::iter;
use std::path::Path;

use autograd::Float;

use super::format::write;
use super::loading::Loading;
use crate::error::Result;
use crate::nn::module::Module;
pub use crate::nn::state_dict::StateDict;

/// Writes parameters and buffers to `path` under PyTorch's [names](self), and replaces an existing file as [`io::save`](super::save) does.
///
/// # Errors
/// If a part of the model has no counterpart in PyTorch; the error names its place. As [`io::save`](super::save).
pub fn save<T: Float>(model: &(impl Module<T> + ?Sized), path: impl AsRef<Path>) -> Result<()> {
    let about = HashMap::from([("format".to_string(), "pt".to_string())]);
    let dict = model.state_dict()?;
    write(path.as_ref(), dict.tensors(), iter::empty(), Some(about))
}

/// Loads parameters and buffers from a file with PyTorch's [names](self); if anything does not fit, nothing changes.
///
/// [`Loading`] also takes other number types, parts of a file, and other names.
///
/// # Errors
/// If a part of the model has no counterpart in PyTorch; the error names its place. As [`io::load`](super::load).
pub fn load<T: Float>(model: &(impl Module<T> + ?Sized), path: impl AsRef<Path>) -> Result<()> {
    Loading::new().load_torch(model, path).map(drop)
}
