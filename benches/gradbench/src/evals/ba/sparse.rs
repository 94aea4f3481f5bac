//! The Jacobian of bundle adjustment in compressed rows.

use serde::Serialize;

use super::{CAMERA, INPUTS};

/// Row `i` has the columns `cols[rows[i]..rows[i + 1]]`, and the values at the same places.
///
/// Two rows for each observation come first, then one for each weight. The columns are those of the cameras, then of the
/// points, then of the weights. Indices are of 32 bits, as the suite's own are.
#[derive(Serialize)]
pub(super) struct Jacobian {
    rows: Vec<u32>,
    cols: Vec<u32>,
    vals: Vec<f64>,
    #[serde(skip)]
    points: u32,
    #[serde(skip)]
    weights: u32,
}

impl Jacobian {
    /// One without rows for `n` cameras, `m` points and `p` observations, with room for all.
    pub(super) fn new(n: usize, m: usize, p: usize) -> Self {
        let entries = (2 * INPUTS + 1) * p;
        let (cols, vals) = (Vec::with_capacity(entries), Vec::with_capacity(entries));
        let points = (CAMERA * n) as u32;
        Jacobian { rows: Vec::with_capacity(3 * p + 1), cols, vals, points, weights: points + 3 * m as u32 }
    }

    /// Forgets all rows and keeps their memory.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.cols.clear();
        self.vals.clear();
        self.rows.push(0);
    }

    /// Appends a row of an observation: the derivatives by its camera, its point and its weight.
    pub(super) fn push_reprojection<'a>(
        &mut self,
        observation: usize,
        camera: usize,
        point: usize,
        values: impl Iterator<Item = &'a f64>,
    ) {
        let [camera, point] = [(CAMERA * camera) as u32, self.points + 3 * point as u32];
        self.cols.extend(camera..camera + CAMERA as u32);
        self.cols.extend(point..point + 3);
        self.cols.push(self.weights + observation as u32);
        self.vals.extend(values);
        self.rows.push(self.cols.len() as u32);
    }

    /// Appends the rows of the weights.
    pub(super) fn push_regularisation(&mut self, values: &[f64]) {
        let (entries, count) = (self.cols.len() as u32, values.len() as u32);
        self.cols.extend(self.weights..self.weights + count);
        self.vals.extend(values);
        self.rows.extend(entries + 1..=entries + count);
    }

    /// What the suite compares, since its inputs repeat: the first observation's entries and the last entry.
    pub(super) fn excerpt(&self) -> Self {
        fn ends<T: Copy>(values: &[T]) -> Vec<T> {
            values.iter().take(2 * INPUTS).chain(values.last()).copied().collect()
        }
        let (rows, cols, vals) = (ends(&self.rows), ends(&self.cols), ends(&self.vals));
        Jacobian { rows, cols, vals, ..*self }
    }
}
