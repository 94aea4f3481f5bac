//! What several examples share.

use autograd::{Gradients, Param};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

#[cfg(feature = "pictures")]
pub mod pictures;
mod table;

pub use table::Table;

/// Shows something of this type in a notebook of the evcxr kernel.
fn show(mime: &str, content: &str) {
    print!("EVCXR_BEGIN_CONTENT {mime}\n{content}\nEVCXR_END_CONTENT\n");
}

/// One step of gradient descent, `w ← w − η·∂E/∂w`, on each parameter.
pub fn descend(grads: &Gradients<'_>, params: &[&Param], eta: f64) {
    for param in params {
        grads.update_each(param, [], |w, dw, []| *w -= eta * dw);
    }
}

/// A parameter of normally distributed numbers of standard deviation `scale`.
pub fn normal<const N: usize>(rng: &mut impl Rng, shape: [usize; N], scale: f64) -> Param {
    let mut draw = || -> f64 { StandardNormal.sample(rng) };
    Param::new(autograd::Tensor::from_fn(shape, |_| scale * draw()))
}

/// Compiles and runs the code on the front pages.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../../autograd/README.md")]
#[doc = include_str!("../../mlp/README.md")]
pub struct FrontPages;
