//! k-means: the cost `Σᵢ minⱼ ‖pᵢ − cⱼ‖²`, and Newton's direction for the centroids.
//!
//! The nearest centroid of a point stays the same in a neighbourhood, so it is looked for among plain numbers. The
//! Hessian is diagonal: its product with ones is the diagonal.

use autograd::{Scalar, Tape, Tensor, Var};
use serde::Deserialize;
use serde_json::Value;

use super::{Function, matrix, rows};
use crate::runs::{Outcome, read};

pub(super) fn function(name: &str) -> Option<Function> {
    match name {
        "cost" => Some(cost),
        "dir" => Some(direction),
        _ => None,
    }
}

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

/// The nearest centroid of each point: the least `½‖c‖² − p·c`.
fn nearest(points: &Tensor, centroids: &Tensor) -> Vec<usize> {
    let offsets = centroids.square().sum_axis(1) * 0.5;
    points.affine(&-centroids.t(), &offsets).argmin(1)
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
