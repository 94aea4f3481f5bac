//! Work f: three bodies in a plane for 1,000 steps of Runge and Kutta's fourth order, the gradient of the squares of the last state by the first.

use std::array::from_fn;

use autograd::{Scalar, Tape, Tensor, Var};

use super::Work;
use crate::assert_close;
use crate::layers::squares;

const STEPS: usize = 1000;
const H: f64 = 1e-3;
const MASSES: [f64; 3] = [1.0, 0.9, 1.1];
/// Positions, then velocities: near the orbit in the form of an eight.
const START: [f64; 12] = [0.97, -0.243, -0.97, 0.243, 0.0, 0.0, 0.466, 0.432, 0.466, 0.432, -0.932, -0.865];

/// Every number by itself.
pub(super) fn of_scalars() -> Work {
    work(gradient_of_scalars)
}

/// Positions and velocities as arrays of 3 × 2.
pub(super) fn of_arrays() -> Work {
    work(gradient_of_arrays)
}

type Gradient = (f64, Vec<f64>);

fn work(gradient: fn(&mut Tape, &[f64; 12]) -> Gradient) -> Work {
    let mut tape = Tape::new();
    let (value, dy) = gradient(&mut tape, &START);
    let (same, other) = gradient_of_scalars(&mut tape, &START);
    assert_close("f, values", &[value], &[same], 1e-10);
    assert_close("f, scalars and arrays", &dy, &other, 1e-9);
    let length = squares(&dy).sqrt();
    let h = 1e-5;
    let [before, after] = [-h, h].map(|h| gradient(&mut tape, &from_fn(|i| START[i] + h / length * dy[i])).0);
    assert_close("f, gradient along itself", &[length], &[(after - before) / (2.0 * h)], 1e-6);
    Work::new(vec![value, squares(&dy)], move || gradient(&mut tape, &START))
}

fn gradient_of_scalars(tape: &mut Tape, start: &[f64; 12]) -> Gradient {
    tape.clear();
    let start = start.map(|y| tape.scalar(y));
    let mut y = start;
    for _ in 0..STEPS {
        let k1 = rates(y);
        let k2 = rates(along(y, k1, H / 2.0));
        let k3 = rates(along(y, k2, H / 2.0));
        let k4 = rates(along(y, k3, H));
        y = from_fn(|i| y[i] + (k1[i] + 2.0 * (k2[i] + k3[i]) + k4[i]) * (H / 6.0));
    }
    let end = y.into_iter().map(|y| y * y).reduce(|sum, y| sum + y).expect("twelve numbers");
    let grads = end.backward();
    (end.value(), start.map(|y| grads[y]).to_vec())
}

fn along<'t>(y: [Scalar<'t>; 12], k: [Scalar<'t>; 12], h: f64) -> [Scalar<'t>; 12] {
    from_fn(|i| y[i] + k[i] * h)
}

/// Velocities and accelerations.
fn rates(y: [Scalar<'_>; 12]) -> [Scalar<'_>; 12] {
    let [m0, m1, m2] = MASSES;
    let pull = |i: usize, j: usize| {
        let [dx, dy] = [y[2 * j] - y[2 * i], y[2 * j + 1] - y[2 * i + 1]];
        let r2 = dx * dx + dy * dy;
        let cube = r2 * r2.sqrt();
        [dx / cube, dy / cube]
    };
    let (a, b, c) = (pull(0, 1), pull(0, 2), pull(1, 2));
    let first = [0, 1].map(|k| a[k] * m1 + b[k] * m2);
    let second = [0, 1].map(|k| c[k] * m2 - a[k] * m0);
    let third = [0, 1].map(|k| -(b[k] * m0 + c[k] * m1));
    let [v0, v1, v2, v3, v4, v5] = from_fn(|i| y[6 + i]);
    [v0, v1, v2, v3, v4, v5, first[0], first[1], second[0], second[1], third[0], third[1]]
}

fn gradient_of_arrays(tape: &mut Tape, start: &[f64; 12]) -> Gradient {
    tape.clear();
    let start = [&start[..6], &start[6..]].map(|half| tape.var(Tensor::from(half).reshape([3, 2])));
    let masses = tape.constant(Tensor::from(MASSES).reshape([3, 1]));
    let own = tape.constant(Tensor::eye(3).reshape([3, 3, 1]));
    let accelerations = |p| accelerations(p, masses, own);
    let [mut p, mut v] = start;
    for _ in 0..STEPS {
        let (v1, a1) = (v, accelerations(p));
        let (v2, a2) = (v + a1 * (H / 2.0), accelerations(p + v1 * (H / 2.0)));
        let (v3, a3) = (v + a2 * (H / 2.0), accelerations(p + v2 * (H / 2.0)));
        let (v4, a4) = (v + a3 * H, accelerations(p + v3 * H));
        p += (v1 + 2.0 * (v2 + v3) + v4) * (H / 6.0);
        v += (a1 + 2.0 * (a2 + a3) + a4) * (H / 6.0);
    }
    let end = p.square().sum() + v.square().sum();
    let grads = end.backward();
    (end.value(), start.iter().flat_map(|y| grads[*y].to_vec()).collect())
}

/// Of the positions (3, 2). From a body to itself d is 0, and its `own` 1 keeps the quotient from being 0/0.
fn accelerations<'t>(p: Var<'t>, masses: Var<'t>, own: Var<'t>) -> Var<'t> {
    let d = p.unsqueeze(0) - p.unsqueeze(1);
    let r2 = d.square().sum_keep(2) + own;
    (d / (r2 * r2.sqrt()) * masses).sum_axis(1)
}
