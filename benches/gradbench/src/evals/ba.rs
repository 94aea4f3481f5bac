//! Bundle adjustment: how far points seen by cameras lie from where they were observed, and the sparse Jacobian of that.
//!
//! An observation depends on 15 numbers of its own: 11 of a camera, 3 of a point, its weight. So a block of observations
//! is a formula over arrays, a number of each observation a row, and the gradient of an error's sum over the block holds
//! that error's derivatives for every observation.

mod sparse;

use std::cell::RefCell;

use autograd::{Tape, Tensor, Var};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Function;
use crate::runs::{Outcome, Runs, read};
use sparse::Jacobian;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[("objective", objective), ("jacobian", jacobian)];

/// What a camera, and an observation, depend on.
const CAMERA: usize = 11;
const INPUTS: usize = CAMERA + 3 + 1;

/// Observations in a block: what a block records stays in the second cache. Of a power of two, the numbers of one
/// observation would lie in one set of the first.
const BLOCK: usize = 1000;

#[derive(Deserialize)]
struct Input {
    n: usize,
    m: usize,
    p: usize,
    cam: Vec<f64>,
    x: Vec<f64>,
    w: f64,
    feat: Vec<f64>,
}

/// The problem at full length: the suite sends one camera, point and observation, to be repeated.
struct Problem {
    cameras: Vec<[f64; CAMERA]>,
    points: Vec<[f64; 3]>,
    weights: Vec<f64>,
    features: Vec<[f64; 2]>,
    /// The camera and the point of each observation.
    pairs: Vec<(usize, usize)>,
}

impl Problem {
    fn read(input: Value) -> Result<(Self, Runs), String> {
        let (Input { n, m, p, cam, x, w, feat }, runs) = read(input)?;
        let wrong =
            || format!("input: a camera has {CAMERA} numbers, a point 3, a feature 2, and there is one of each");
        let (Ok(camera), Ok(point), Ok(feature)) = (cam.try_into(), x.try_into(), feat.try_into()) else {
            return Err(wrong());
        };
        if n * m * p == 0 {
            return Err(wrong());
        }
        let pairs = (0..p).map(|i| (i % n, i % m)).collect();
        let (cameras, points) = (vec![camera; n], vec![point; m]);
        Ok((Problem { cameras, points, weights: vec![w; p], features: vec![feature; p], pairs }, runs))
    }

    /// The starts and lengths of the blocks.
    fn blocks(&self) -> impl Iterator<Item = (usize, usize)> {
        let p = self.pairs.len();
        (0..p).step_by(BLOCK).map(move |start| (start, BLOCK.min(p - start)))
    }

    /// The inputs of a block's observations, a row each, and their features.
    fn block(&self, start: usize, len: usize) -> (Tensor, Tensor) {
        let (mut inputs, mut features) = (vec![0.0; INPUTS * len], vec![0.0; 2 * len]);
        for (at, &(camera, point)) in self.pairs[start..][..len].iter().enumerate() {
            for (row, number) in self.cameras[camera].iter().chain(&self.points[point]).enumerate() {
                inputs[row * len + at] = *number;
            }
            for (row, number) in self.features[start + at].iter().enumerate() {
                features[row * len + at] = *number;
            }
        }
        inputs[(INPUTS - 1) * len..].copy_from_slice(&self.weights[start..][..len]);
        (Tensor::new([INPUTS, len], inputs), Tensor::new([2, len], features))
    }
}

fn dot<'t>(a: [Var<'t>; 3], b: [Var<'t>; 3]) -> Var<'t> {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross<'t>(a: [Var<'t>; 3], b: [Var<'t>; 3]) -> [Var<'t>; 3] {
    let entry = |i: usize, j: usize| a[i] * b[j] - a[j] * b[i];
    [entry(1, 2), entry(2, 0), entry(0, 1)]
}

/// `x` turned about `r` by `‖r‖` (Rodrigues); to the first order where that is 0.
fn rotated<'t>(r: [Var<'t>; 3], x: [Var<'t>; 3]) -> [Var<'t>; 3] {
    let square = dot(r, r);
    let angle = square.sqrt();
    let (sin, cos, inverse) = (angle.sin(), angle.cos(), angle.recip());
    let axis = r.map(|r| r * inverse);
    let (turned, along) = (cross(axis, x), dot(axis, x) * (1.0 - cos));
    let rotated = [0, 1, 2].map(|i| x[i] * cos + turned[i] * sin + axis[i] * along);
    if square.min().value() > 0.0 {
        return rotated;
    }
    let (turns, little) = (square.greater(0.0), cross(r, x));
    [0, 1, 2].map(|i| turns.select(rotated[i], x[i] + little[i]))
}

/// The weighted errors of a block's observations in both coordinates.
fn reprojection<'t>(inputs: Var<'t>, features: &Tensor) -> [Var<'t>; 2] {
    let row = |at: usize| inputs.at(0, at);
    let rows = |start: usize| [row(start), row(start + 1), row(start + 2)];
    let (rotation, centre, point) = (rows(0), rows(3), rows(CAMERA));
    let (focal, principal, radial, weight) = (row(6), [row(7), row(8)], [row(9), row(10)], row(CAMERA + 3));
    let [x, y, z] = rotated(rotation, [0, 1, 2].map(|i| point[i] - centre[i]));
    let plane = [x / z, y / z];
    let square = plane[0].square() + plane[1].square();
    let distortion = (radial[0] + radial[1] * square) * square + 1.0;
    let scale = distortion * focal;
    [0, 1].map(|i| weight * (plane[i] * scale + principal[i] - features.at(0, i)))
}

/// What keeps the weights near 1.
fn regularisation(weights: Var<'_>) -> Var<'_> {
    1.0 - weights.square()
}

/// The errors of the first observation stand for all.
#[derive(Serialize)]
struct Errors {
    reproj_error: Repeated,
    w_err: RepeatedOne,
}

#[derive(Serialize)]
struct Repeated {
    elements: [f64; 2],
    repeated: usize,
}

#[derive(Serialize)]
struct RepeatedOne {
    element: f64,
    repeated: usize,
}

fn objective(input: Value) -> Outcome {
    let (problem, runs) = Problem::read(input)?;
    let (p, mut tape) = (problem.pairs.len(), Tape::values_only());
    let errors = || {
        let mut errors = vec![[0.0; 2]; p];
        for (start, len) in problem.blocks() {
            tape.clear();
            let (inputs, features) = problem.block(start, len);
            let values = reprojection(tape.constant(inputs), &features).map(Var::value);
            for (at, error) in errors[start..][..len].iter_mut().enumerate() {
                *error = [values[0].as_slice()[at], values[1].as_slice()[at]];
            }
        }
        tape.clear();
        (errors, regularisation(tape.constant(problem.weights.as_slice())).value())
    };
    runs.time(errors, |(errors, regularisation)| Errors {
        reproj_error: Repeated { elements: errors[0], repeated: p },
        w_err: RepeatedOne { element: regularisation.as_slice()[0], repeated: p },
    })
}

fn jacobian(input: Value) -> Outcome {
    let (problem, runs) = Problem::read(input)?;
    let mut tape = Tape::new();
    // Its memory is used again in the next run.
    let jacobian = RefCell::new(Jacobian::new(problem.cameras.len(), problem.points.len(), problem.pairs.len()));
    let fill = || {
        let mut jacobian = jacobian.borrow_mut();
        jacobian.clear();
        for (start, len) in problem.blocks() {
            tape.clear();
            let (inputs, features) = problem.block(start, len);
            let (inputs, ones) = (tape.var(inputs), Tensor::ones([len]));
            let slopes = reprojection(inputs, &features).map(|error| error.vjp(&ones)[inputs].clone());
            for (at, &(camera, point)) in problem.pairs[start..][..len].iter().enumerate() {
                for slopes in &slopes {
                    let row = slopes.as_slice()[at..].iter().step_by(len);
                    jacobian.push_reprojection(start + at, camera, point, row);
                }
            }
        }
        tape.clear();
        let weights = tape.var(problem.weights.as_slice());
        let slopes = regularisation(weights).vjp(&Tensor::ones([problem.weights.len()]));
        jacobian.push_regularisation(slopes[weights].as_slice());
    };
    runs.time(fill, |()| jacobian.borrow().excerpt())
}
