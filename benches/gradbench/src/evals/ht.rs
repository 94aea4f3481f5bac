//! Hand tracking: how far the points of a scan lie from a hand model in a pose, and the Jacobian of that.
//!
//! Bones turn relative to their parents; a vertex of the skin follows its bones by weights. In the complicated variant a
//! point lies on a triangle, at the coordinates `us` of its own. All of these can be differentiated together, since no
//! error depends on another point's: moving all first coordinates at once gives the derivative by each.

mod model;

use autograd::{Tape, Tensor, Var, several};
use serde_json::Value;

use super::{Function, rows};
use crate::runs::Outcome;
use model::{Hand, Points};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[("objective", value), ("jacobian", jacobian)];

/// Bones that bend, in the order of the pose's angles; of each finger the first one also moves sideways.
const FINGERS: usize = 5;

/// Three angles of each bone, in the order x, z, y: a place in the pose, or in `[pose, 0]` the last one for an angle that
/// does not change.
fn angles(bones: usize, pose: usize) -> Vec<usize> {
    let mut angles = vec![pose; 3 * bones];
    let mut next = 6;
    for finger in 0..FINGERS {
        let first = 2 + 4 * finger;
        for (bone, count) in [(first, 2), (first + 1, 1), (first + 2, 1)] {
            for angle in 0..count {
                angles[3 * bone + angle] = next;
                next += 1;
            }
        }
    }
    angles
}

/// The rotation about `r` by `‖r‖` (Rodrigues): `cos·I + (1 − cos)·a·aᵀ + sin·[a]×`.
fn rotation(r: Var<'_>) -> Var<'_> {
    let (tape, angle) = (r.tape(), r.norm());
    if angle.value() < 1e-4 {
        return tape.constant(Tensor::eye(3));
    }
    let axis = r / angle;
    let cross = Var::concat(&[axis, -axis, tape.constant([0.0])], 0).take(0, &[6, 5, 1, 2, 6, 3, 4, 0, 6]);
    axis.outer(axis) * (1.0 - angle.cos())
        + cross.reshape([3, 3]) * angle.sin()
        + angle.cos() * tape.constant(Tensor::eye(3))
}

/// The rotations of all bones as maps of homogeneous coordinates, `(bones, 4, 4)`: about z, y and x in turn.
fn turns(pose: Var<'_>, bones: usize) -> Var<'_> {
    let tape = pose.tape();
    let places = angles(bones, pose.shape().numel());
    let angles = Var::concat(&[pose, tape.constant([0.0])], 0).take(0, &places).reshape([bones, 3]);
    let (sin, cos) = (angles.sin(), angles.cos());
    let [sx, sz, sy] = [0, 1, 2].map(|at| sin.at(1, at));
    let [cx, cz, cy] = [0, 1, 2].map(|at| cos.at(1, at));
    let (zero, one) = (tape.constant(Tensor::zeros([bones])), tape.constant(Tensor::ones([bones])));
    let (sysx, sycx) = (sy * sx, sy * cx);
    let entries = [
        [cz * cy, cz * sysx - sz * cx, cz * sycx + sz * sx, zero],
        [sz * cy, sz * sysx + cz * cx, sz * sycx - cz * sx, zero],
        [-sy, cy * sx, cy * cx, zero],
        [zero, zero, zero, one],
    ];
    Var::stack(&entries.concat(), 1).reshape([bones, 4, 4])
}

/// The vertices of the skin in a pose: rotation and translation of the hand, then the angles of the fingers. `(v, 3)`.
fn vertices<'t>(pose: Var<'t>, hand: &Hand) -> Var<'t> {
    let bones = hand.parents.len();
    let relative = turns(pose, bones);
    let relative = pose.tape().constant(&hand.base_relatives).matmul(relative);
    let mut absolute: Vec<Var<'t>> = vec![];
    for (bone, parent) in hand.parents.iter().enumerate() {
        let relative = relative.at(0, bone);
        absolute.push(parent.map_or(relative, |parent| absolute[parent].matmul(relative)));
    }
    let moves = Var::stack(&absolute, 0).matmul(&hand.inverse_base_absolutes);

    // A vertex is a sum over bones and coordinates: with the bones' maps in one row, a product with the weights times the
    // vertex at rest. The rotation of the whole hand is linear too, and turns the maps instead of the many vertices.
    let [v, b] = [hand.weights.shape()[0], bones];
    let rest = (hand.weights.unsqueeze(2) * hand.base_positions.unsqueeze(1)).reshape([v, 4 * b]);
    let maps = moves.slice(1, 0..3).permute(&[1, 0, 2]).reshape([3, 4 * b]);
    let maps = match hand.is_mirrored {
        true => maps * &Tensor::from([[-1.0], [1.0], [1.0]]),
        false => maps,
    };
    let maps = rotation(pose.slice(0, 0..3)).matmul(maps);
    pose.tape().constant(rest).matmul(maps.t()) + pose.slice(0, 3..6)
}

/// The errors of all points, `(3·points,)`; `shift` moves the coordinates of every point on its triangle.
fn objective<'t>(pose: Var<'t>, shift: Option<Var<'t>>, hand: &Hand, points: &Points) -> Var<'t> {
    let vertices = vertices(pose, hand);
    let tape = pose.tape();
    let seen = match (&points.us, shift) {
        (Some(us), shift) => {
            let us = shift.map_or_else(|| tape.constant(us), |shift| shift + us);
            let corner = |at: usize| vertices.take(0, &points.corners[at]);
            let (u, v) = (us.slice(1, 0..1), us.slice(1, 1..2));
            corner(0) * u + corner(1) * v + corner(2) * (1.0 - u - v)
        }
        (None, _) => vertices.take(0, &points.corners[0]),
    };
    (&points.positions - seen).flatten()
}

fn value(input: Value) -> Outcome {
    let (hand, points, pose, runs) = model::read(input)?;
    let mut tape = Tape::values_only();
    let errors = || {
        tape.clear();
        objective(tape.constant(&pose), None, &hand, &points).value()
    };
    runs.time(errors, |errors| errors.to_vec())
}

fn jacobian(input: Value) -> Outcome {
    let (hand, points, pose, runs) = model::read(input)?;
    // The columns of the coordinates come first, where there are any.
    let inputs = match points.us {
        Some(_) => vec![Tensor::zeros([2]), pose],
        None => vec![pose],
    };
    let jacobian = || {
        several::jacobian(
            |x| match *x {
                [shift, pose] => objective(pose, Some(shift), &hand, &points),
                _ => objective(x[0], None, &hand, &points),
            },
            &inputs,
        )
    };
    runs.time(jacobian, |jacobian| rows(&jacobian))
}
