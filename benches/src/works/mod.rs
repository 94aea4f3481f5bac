//! Works as people write them, with layers, losses and transforms as the documentation shows them and nothing tuned. The bench
//! `works` times them, the program of that name answers `peers/python_works.py`, which has the same in JAX and PyTorch.

use std::fmt;
use std::hint::black_box;

use autograd::{Float, Parameters};

use crate::tensor;

mod attention;
mod bodies;
mod classifier;
mod embedding;
mod jacobians;
mod logistic;
mod second_derivative;
mod sequence;
mod training;

/// A work that is ready, and verified.
pub struct Work {
    /// What the peers must agree with: a loss or a weighted sum of the results, then the sum of the squares of the gradients, then, where
    /// there is an optimiser, by how much three steps lower the loss.
    pub answer: Vec<f64>,
    /// What is timed.
    pub call: Box<dyn FnMut()>,
}

impl Work {
    fn new<R>(answer: Vec<f64>, mut call: impl FnMut() -> R + 'static) -> Self {
        Work { answer, call: Box::new(move || _ = black_box(call())) }
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("answer", &self.answer).finish_non_exhaustive()
    }
}

/// Makes a work with its data, and panics if it does not compute what it should.
pub type Make = fn() -> Work;

/// All works by name.
pub const WORKS: [(&str, Make); 18] = [
    ("a", classifier::step),
    ("b", attention::step),
    ("c", sequence::step),
    ("d-reverse-f64", second_derivative::reverse),
    ("d-forward-f64", second_derivative::forward),
    ("d-reverse-f32", second_derivative::reverse_f32),
    ("d-forward-f32", second_derivative::forward_f32),
    ("e", || logistic::gradient(1_000_000)),
    ("e-small", || logistic::gradient(10_000)),
    ("f-scalars", bodies::of_scalars),
    ("f-arrays", bodies::of_arrays),
    ("g", jacobians::of_samples),
    ("h-gradient", embedding::gradient),
    ("h-sgd", embedding::sgd),
    ("h-adam", embedding::adam),
    ("h-sgd-rows", embedding::sgd_by_rows),
    ("h-adam-rows", embedding::adam_by_rows),
    ("k", classifier::inference),
];

/// Gives matrix `i` of a model the numbers from `(i + 1)·2²⁴` on, of a size that keeps signals as large as they come; biases and gains stay
/// 0 and 1. Any program can compute them.
fn set_matrices<T: Float>(parameters: &Parameters<T>) {
    let matrices = parameters.params().filter(|w| w.shape().len() == 2);
    for (i, w) in matrices.enumerate() {
        let shape = w.shape();
        let scale = (3.0 / shape[0] as f64).sqrt();
        w.set(tensor::<T>(shape, (i + 1) << 24, scale));
    }
}
