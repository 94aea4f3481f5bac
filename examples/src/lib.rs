//! What several examples share.

use autograd::{Float, Gradients, Param, Tensor};
use indicatif::{ProgressBar, ProgressStyle};
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
    Param::new(Tensor::from_fn(shape, |_| scale * draw()))
}

/// The 1,797 handwritten digits of `data/digits.csv`: pictures of 8 by 8 pixels as rows of numbers from 0 to 16, and which digits
/// they are.
///
/// # Errors
/// If the file cannot be read.
pub fn digits<T: Float>() -> mlp::Result<(Tensor<T>, Vec<usize>)> {
    let table = mlp::Table::read(concat!(env!("CARGO_MANIFEST_DIR"), "/data/digits.csv"))?;
    Ok((table.numbers(&table.columns()[..64])?, table.labels("digit", 10)?))
}

/// Mean and standard deviation of what was measured; the standard error of the mean is the deviation over √n.
///
/// ```
/// assert_eq!(examples::statistics(&[1.0, 2.0, 3.0]), [2.0, 1.0]);
/// ```
pub fn statistics(values: &[f64]) -> [f64; 2] {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    [mean, variance.sqrt()]
}

/// A bar of progress, for as many steps.
pub fn bar(steps: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{pos}/{len} {wide_bar} {eta}").expect("a valid template");
    ProgressBar::new(steps as u64).with_style(style)
}

/// Compiles and runs the code on the front pages.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../../autograd/README.md")]
#[doc = include_str!("../../mlp/README.md")]
pub struct FrontPages;
