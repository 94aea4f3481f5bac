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

/// The nearest centroid of each point: that of the least score `½‖c‖² − p·c`. The products are taken on a tape of their own,
/// which keeps its memory.
fn nearest(points: &Tensor, centroids: &Tensor, tape: &mut Tape) -> Vec<usize> {
    let halves = centroids.square().sum_axis(1) * 0.5;
    let (mut nearest, mut least) = (vec![0; points.shape()[0]], vec![]);
    let block = SCORES / centroids.shape()[0] + 1;
    for (index, nearest) in nearest.chunks_mut(block).enumerate() {
        let (start, len) = (index * block, nearest.len());
        tape.clear();
        let points = tape.constant(points).slice(0, start..start + len);
        let products = tape.constant(centroids).matmul(points.t());
        least.clear();
        least.resize(len, f64::INFINITY);
        products.with_values(|products| {
            for (centroid, (products, half)) in products.chunks(len).zip(halves.as_slice()).enumerate() {
                for ((least, nearest), product) in least.iter_mut().zip(nearest.iter_mut()).zip(products) {
                    // As a choice of both, which the compiler makes of several points at once.
                    let score = half - product;
                    (*least, *nearest) = if score < *least { (score, centroid) } else { (*least, *nearest) };
                }
            }
        });
    }
    nearest
}

fn objective<'t>(centroids: Var<'t>, points: &Tensor, search: &mut Tape) -> Scalar<'t> {
    let nearest = nearest(points, &centroids.value(), search);
    (centroids.take(0, &nearest) - points).square().sum()
}

fn cost(input: Value) -> Outcome {
    let (input, runs) = read::<Input>(input)?;
    let (points, centroids) = input.arrays()?;
    let (mut tape, mut search) = (Tape::values_only(), Tape::values_only());
    let value = || {
        tape.clear();
        objective(tape.constant(&centroids), &points, &mut search).value()
    };
    runs.time(value, |y| y)
}

fn direction(input: Value) -> Outcome {
    let (input, runs) = read::<Input>(input)?;
    let (points, centroids) = input.arrays()?;
    let (mut tape, mut search) = (Tape::new(), Tape::values_only());
    let ones = Tensor::ones(centroids.shape());
    let direction = || {
        tape.clear();
        let x = tape.var(&centroids);
        let gradient = objective(x, &points, &mut search).grad(x);
        gradient.value() / gradient.jvp(&[(x, &ones)])
    };
    runs.time(direction, |direction| rows(&direction))
}
