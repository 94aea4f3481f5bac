//! k-means: the cost `Σᵢ minⱼ ‖pᵢ − cⱼ‖²`, and Newton's direction for the centroids.
//!
//! The nearest centroid of a point stays the same in a neighbourhood, so it is looked for among plain numbers. The
//! Hessian is diagonal: its product with ones is the diagonal.

use autograd::{Scalar, Tape, Tensor, Var};
use serde::Deserialize;
use serde_json::Value;

use super::{Function, matrix, rows};
use crate::runs::{Outcome, read};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[("cost", cost), ("dir", direction)];

#[derive(Deserialize)]
struct Input {
    points: Vec<Vec<f64>>,
    centroids: Vec<Vec<f64>>,
}

impl Input {
    fn arrays(&self) -> Result<(Tensor, Tensor), String> {
        let d = self.points.first().map_or(0, Vec::len);
        Ok((matrix(&self.points, d)?, matrix(&self.centroids, d)?))
    }
}

/// Scores that are looked at together: half a megabyte, which stays in the second cache.
const SCORES: usize = 1 << 16;

/// The nearest centroid of each point: that of the least score `½‖c‖² − p·c`, as a product of `[−c, ½‖c‖²]` and `[p, 1]`.
fn nearest(points: &Tensor, centroids: &Tensor) -> Vec<usize> {
    let centroids = Tensor::concat(&[-centroids, centroids.square().sum_keep(1) * 0.5], 1);
    let mut nearest = vec![0; points.shape()[0]];
    let block = SCORES / centroids.shape()[0] + 1;
    for (index, nearest) in nearest.chunks_mut(block).enumerate() {
        let (start, len) = (index * block, nearest.len());
        let points = Tensor::concat(&[points.slice(0, start..start + len).t(), Tensor::ones([1, len])], 0);
        let scores = centroids.matmul(&points);
        let mut least = vec![f64::INFINITY; len];
        for (centroid, scores) in scores.as_slice().chunks(len).enumerate() {
            for ((least, nearest), &score) in least.iter_mut().zip(nearest.iter_mut()).zip(scores) {
                // As a choice of both, which the compiler makes of several points at once.
                (*least, *nearest) = if score < *least { (score, centroid) } else { (*least, *nearest) };
            }
        }
    }
    nearest
}

fn objective<'t>(centroids: Var<'t>, points: &Tensor) -> Scalar<'t> {
    let nearest = nearest(points, &centroids.value());
    (centroids.take(0, &nearest) - points).square().sum()
}

fn cost(input: Value) -> Outcome {
    let (input, runs) = read::<Input>(input)?;
    let ((points, centroids), mut tape) = (input.arrays()?, Tape::values_only());
    let value = || {
        tape.clear();
        objective(tape.constant(&centroids), &points).value()
    };
    runs.time(value, |y| y)
}

fn direction(input: Value) -> Outcome {
    let (input, runs) = read::<Input>(input)?;
    let ((points, centroids), mut tape) = (input.arrays()?, Tape::new());
    let ones = Tensor::ones(centroids.shape());
    let direction = || {
        tape.clear();
        let x = tape.var(&centroids);
        let gradient = objective(x, &points).grad(x);
        gradient.value() / gradient.jvp(&[(x, &ones)])
    };
    runs.time(direction, |direction| rows(&direction))
}
