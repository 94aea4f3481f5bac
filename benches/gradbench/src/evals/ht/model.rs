//! The hand model and the scan as arrays.

use autograd::Tensor;
use serde::Deserialize;
use serde_json::Value;

use super::super::matrix;
use crate::runs::{Runs, read as read_input};

#[derive(Deserialize)]
struct Input {
    theta: Vec<f64>,
    data: Data,
    us: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Data {
    model: Model,
    correspondences: Vec<usize>,
    points: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Model {
    parents: Vec<i64>,
    base_relatives: Vec<Vec<Vec<f64>>>,
    inverse_base_absolutes: Vec<Vec<Vec<f64>>>,
    base_positions: Vec<Vec<f64>>,
    weights: Vec<Vec<f64>>,
    triangles: Vec<[usize; 3]>,
    is_mirrored: bool,
}

/// The model.
pub(super) struct Hand {
    /// Each bone's parent lies before it; the root has none.
    pub(super) parents: Vec<Option<usize>>,
    /// `(bones, 4, 4)`, both.
    pub(super) base_relatives: Tensor,
    pub(super) inverse_base_absolutes: Tensor,
    /// Homogeneous coordinates at rest, `(vertices, 4)`.
    pub(super) base_positions: Tensor,
    /// `(vertices, bones)`.
    pub(super) weights: Tensor,
    pub(super) is_mirrored: bool,
}

/// The scan.
pub(super) struct Points {
    /// `(points, 3)`.
    pub(super) positions: Tensor,
    /// The vertices that each point belongs to: one, or the three of its triangle.
    pub(super) corners: Vec<Vec<usize>>,
    /// The coordinates of each point on its triangle, `(points, 2)`, in the complicated variant.
    pub(super) us: Option<Tensor>,
}

/// Matrices of 4 rows and columns as one array.
fn maps(maps: &[Vec<Vec<f64>>]) -> Result<Tensor, String> {
    match maps.iter().all(|map| map.len() == 4) {
        true => Ok(matrix(&maps.concat(), 4)?.reshape([maps.len(), 4, 4])),
        false => Err("input: a map of homogeneous coordinates has 4 rows".to_string()),
    }
}

/// The vertices of each point.
fn corners(
    correspondences: Vec<usize>,
    triangles: &[[usize; 3]],
    on_triangles: bool,
) -> Result<Vec<Vec<usize>>, String> {
    if !on_triangles {
        return Ok(vec![correspondences]);
    }
    let missing = |at: usize| format!("input: there is no triangle {at}");
    let corner = |corner: usize| {
        let vertex = |&at: &usize| triangles.get(at).map(|triangle| triangle[corner]).ok_or_else(|| missing(at));
        correspondences.iter().map(vertex).collect()
    };
    (0..3).map(corner).collect()
}

/// The model, the scan, the pose, and how often to run.
pub(super) fn read(input: Value) -> Result<(Hand, Points, Tensor, Runs), String> {
    let (Input { theta, data, us }, runs) = read_input(input)?;
    let Data { model, correspondences, points } = data;
    let hand = Hand {
        parents: model.parents.iter().map(|&parent| usize::try_from(parent).ok()).collect(),
        base_relatives: maps(&model.base_relatives)?,
        inverse_base_absolutes: maps(&model.inverse_base_absolutes)?,
        base_positions: matrix(&model.base_positions, 4)?,
        weights: matrix(&model.weights, model.parents.len())?,
        is_mirrored: model.is_mirrored,
    };
    let points = Points {
        positions: matrix(&points, 3)?,
        corners: corners(correspondences, &model.triangles, !us.is_empty())?,
        us: (!us.is_empty()).then(|| matrix(&us, 2)).transpose()?,
    };
    Ok((hand, points, Tensor::from(theta), runs))
}
